"""children.sandbox against functions that really hang, eat and crash (situation 27)."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from aggregator.children.sandbox import Killed, Sandbox, _Context
from tests.children import functions

pytestmark = pytest.mark.usefixtures("fresh_fork_server")

Order = tuple[str, object]
MEGABYTE = 2**20


def sandbox(
    *,
    processes: int = 1,
    wall: float = 20.0,
    cpu: float = 10.0,
    memory: int = 512,
    most: int = 500,
    idle: float = 60.0,
) -> Sandbox[Order, object]:
    return Sandbox(
        functions.obey,
        processes=processes,
        wall=timedelta(seconds=wall),
        cpu=timedelta(seconds=cpu),
        memory_bytes=memory * MEGABYTE,
        most_documents=most,
        idle=timedelta(seconds=idle),
    )


@pytest.fixture
async def plain() -> AsyncIterator[Sandbox[Order, object]]:
    async with sandbox() as running:
        yield running


async def test_an_answer_comes_back(plain: Sandbox[Order, object]):
    assert await plain.run(("echo", {"a": (1, 2)})) == {"a": (1, 2)}


async def test_a_body_of_ten_megabytes_goes_there_and_back(
    plain: Sandbox[Order, object],
):
    body = bytes(range(256)) * 40_000
    assert await plain.run(("length", body)) == len(body)
    assert await plain.run(("echo", body)) == body


async def test_a_hanging_parser_is_killed_by_the_clock_and_the_next_document_is_read():
    async with sandbox(wall=0.5) as running:
        killed = await running.run(("sleep_for", 60.0))
        assert isinstance(killed, Killed)
        assert killed.reason == "wall"
        assert await running.run(("echo", 1)) == 1


async def test_a_busy_parser_is_killed_by_its_cpu_budget():
    async with sandbox(wall=30.0, cpu=0.5) as running:
        killed = await running.run(("spin", None))
        assert isinstance(killed, Killed)
        assert killed.reason == "cpu"
        assert await running.run(("echo", 1)) == 1


async def test_a_parser_busy_in_c_code_is_killed_by_the_clock():
    async with sandbox(wall=0.5) as running:
        killed = await running.run(("spin_in_c", None))
        assert isinstance(killed, Killed)
        assert killed.reason == "wall"


async def test_the_cpu_budget_is_for_each_document_and_not_for_the_life_of_the_child():
    async with sandbox(cpu=0.5) as running:
        assert [await running.run(("spin_for", 0.3)) for _ in range(6)] == [0.3] * 6


async def test_a_parser_that_eats_memory_is_stopped_at_its_limit():
    async with sandbox(memory=256) as running:
        killed = await running.run(("eat", None))
        assert isinstance(killed, Killed)
        assert killed.reason == "memory"
        assert await running.run(("echo", 1)) == 1


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (("segfault", None), "SIGSEGV"),
        (("end", 3), "3"),
        (("end", 0), "0"),
        (("fail", "bad document"), "ValueError: bad document"),
        (("recurse", None), "nested"),
        (("fail_oddly", None), "OddError"),
        (("unpicklable", None), "pickle"),
        (("stop", None), "SystemExit"),
    ],
)
async def test_a_crash_is_an_answer_and_harms_no_other_document(
    order: Order, words: str
):
    async with sandbox(wall=5.0) as running:
        killed, *others = await asyncio.gather(
            running.run(order), *(running.run(("echo", n)) for n in range(5))
        )
        assert isinstance(killed, Killed)
        assert killed.reason in (
            "crashed",
            "wall" if order == ("end", 0) else "crashed",
        )
        assert others == [0, 1, 2, 3, 4]
        if order != ("end", 0):
            assert words in killed.detail


async def test_what_a_parser_leaks_is_given_back_when_its_child_is_replaced():
    async with sandbox(most=3, memory=300) as running:
        children = [await running.run(("leak", 30 * MEGABYTE)) for _ in range(12)]
        assert len(set(children)) == 4


async def test_many_documents_at_once_share_the_children():
    async with sandbox(processes=2) as running:
        assert await asyncio.gather(
            *(running.run(("echo", n)) for n in range(100))
        ) == list(range(100))


async def test_a_cancelled_reading_frees_its_child():
    async with sandbox() as running:
        task = asyncio.create_task(running.run(("sleep_for", 60.0)))
        await running_child()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.wait_for(running.run(("echo", 1)), 10) == 1


async def running_child() -> None:
    while not psutil.Process().children(recursive=True):
        await asyncio.sleep(0.01)


def fork_servers() -> list[psutil.Process]:
    """This process's fork server and its children; not those of programs that other tests have started beside."""
    servers = of_fork_servers(psutil.Process())
    return [
        *servers,
        *(child for server in servers for child in of_fork_servers(server)),
    ]


def of_fork_servers(parent: psutil.Process) -> list[psutil.Process]:
    """The children of a process that bear a fork server's command line: a fork keeps it."""
    try:
        return [
            one for one in parent.children() if "forkserver" in " ".join(words_of(one))
        ]
    except psutil.NoSuchProcess:
        return []


def words_of(process: psutil.Process) -> list[str]:
    """The command line; of one that has just ended, nothing."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:  # a zombie too
        return []


def workers() -> list[psutil.Process]:
    return [one for server in fork_servers() for one in server.children()]


async def test_an_idle_child_that_is_killed_costs_no_document(
    plain: Sandbox[Order, object],
):
    for number in range(3):
        assert await plain.run(("echo", number)) == number
        for worker in workers():
            worker.kill()


async def test_a_document_whose_child_is_killed_from_outside_is_tried_once_more(
    plain: Sandbox[Order, object],
):
    await plain.run(("echo", 0))
    reading = asyncio.create_task(plain.run(("sleep_for", 1.0)))
    await asyncio.sleep(0.3)
    for worker in workers():
        worker.kill()
    assert await asyncio.wait_for(reading, 10) == "slept"


async def test_documents_outlive_the_fork_server_and_all_children(
    plain: Sandbox[Order, object],
):
    await plain.run(("echo", 0))
    reading = [asyncio.create_task(plain.run(("sleep_for", 0.2))) for _ in range(4)]
    await asyncio.sleep(0.1)
    for process in [*fork_servers(), *workers()]:
        if process.is_running():
            process.kill()
    assert await asyncio.wait_for(asyncio.gather(*reading), 20) == ["slept"] * 4


async def test_a_document_whose_child_is_killed_again_is_no_fault_of_the_document(
    plain: Sandbox[Order, object],
):
    await plain.run(("echo", 0))
    reading = asyncio.create_task(plain.run(("sleep_for", 30.0)))
    while not reading.done():
        await asyncio.sleep(0.1)
        for worker in workers():
            worker.kill()
    killed = reading.result()
    assert isinstance(killed, Killed)
    assert killed.reason == "broken"
    assert await plain.run(("echo", 1)) == 1


async def test_a_pool_that_was_stopped_is_replaced(plain: Sandbox[Order, object]):
    await plain.run(("echo", 0))
    reading = asyncio.create_task(plain.run(("sleep_for", 0.5)))
    await asyncio.sleep(0.1)
    pool = await plain._pool()
    await asyncio.to_thread(lambda: (pool.stop(), pool.join()))
    assert await asyncio.wait_for(reading, 10) == "slept"


def test_idle_children_and_their_fork_server_end_and_come_back_with_the_next_document():
    # In a process of its own: the fork server of this one may serve what another test keeps running.
    script = "import asyncio; from tests.children import test_sandbox; asyncio.run(test_sandbox.idle_twice())"
    subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )


async def idle_twice() -> None:
    async with sandbox(processes=2, idle=0.2) as running:
        for number in range(2):
            assert await running.run(("echo", number)) == number
            assert fork_servers()
            async with asyncio.timeout(20):
                while fork_servers():
                    await asyncio.sleep(0.02)


async def test_the_fork_server_stays_while_another_sandbox_has_children(
    plain: Sandbox[Order, object],
):
    await plain.run(("echo", 0))
    server = fork_servers()[0]
    async with sandbox(idle=0.05) as idle:
        child = await idle.run(("leak", 1))
        async with asyncio.timeout(20):
            while child in [one.pid for one in fork_servers()]:
                await asyncio.sleep(0.02)
    assert server.is_running()
    assert await plain.run(("echo", 2)) == 2


async def test_children_that_are_busy_are_not_idle():
    async with sandbox(processes=2, idle=0.05) as running:
        busy = asyncio.create_task(running.run(("sleep_for", 0.6)))
        assert await running.run(("echo", 1)) == 1
        assert await busy == "slept"


async def test_children_inherit_no_socket_of_the_daemon(plain: Sandbox[Order, object]):
    with socket.create_server(("127.0.0.1", 0)):
        inherited = await plain.run(("open_sockets", None))
    assert inherited == []


async def test_children_do_not_load_what_the_daemon_has_loaded(
    plain: Sandbox[Order, object],
):
    import numpy  # noqa: F401

    assert await plain.run(("loaded", ("numpy", "aiohttp", "pytest"))) == []


async def test_nothing_is_left_when_the_sandbox_is_closed():
    before = set(psutil.Process().children(recursive=True))
    async with sandbox(processes=2) as running:
        await running.run(("echo", 1))
    left = [
        c
        for c in psutil.Process().children(recursive=True)
        if c not in before and "pebble" in " ".join(words_of(c))
    ]
    assert left == []


@pytest.mark.skipif(sys.platform != "linux", reason="the size of pipes is Linux's")
def test_a_pipe_to_the_children_takes_a_body_at_once():
    reading, writing = _Context().Pipe(duplex=False)
    with reading, writing:
        os.set_blocking(writing.fileno(), False)
        assert os.write(writing.fileno(), bytes(200_000)) == 200_000


async def test_closing_ends_children_that_are_busy_in_c_at_once():
    async with sandbox(processes=4, wall=300, cpu=300) as running:
        await running.run(("echo", 1))
        family = psutil.Process().children(recursive=True)
        busy = [asyncio.create_task(running.run(("spin_deaf", None))) for _ in range(4)]
        assert await asyncio.to_thread(wait_until_busy, family)
        started = time.monotonic()
    assert time.monotonic() - started < 6, (
        "pebble gives each child 3 s to hear a polite word"
    )
    for task in busy:
        task.cancel()
    await asyncio.gather(*busy, return_exceptions=True)


DAEMON = """
import asyncio, sys
from datetime import timedelta
from aggregator.children.sandbox import Sandbox
from tests.children import functions

async def main():
    limits = dict(wall=timedelta(minutes=5), cpu=timedelta(minutes=5), memory_bytes=2**29)
    async with Sandbox(functions.obey, processes=2, **limits) as running:
        await running.run(("echo", 1))
        print("ready", flush=True)
        await asyncio.gather(running.run((sys.argv[1], None)), running.run((sys.argv[1], None)))

if __name__ == "__main__":
    asyncio.run(main())
"""


PRELOADING = """
import asyncio, sys, time
from datetime import timedelta
from aggregator.children.sandbox import Sandbox
from tests.children import functions

async def main(preload):
    limits = dict(wall=timedelta(minutes=1), cpu=timedelta(minutes=1), memory_bytes=2**29)
    async with Sandbox(functions.obey, processes=1, preload=[functions.obey.__module__, preload], **limits) as running:
        reading, longest, last = asyncio.create_task(running.run(("is_loaded", preload))), 0.0, time.monotonic()
        while not reading.done():
            await asyncio.sleep(0.01)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
        print(longest, await reading, await running.run(("is_loaded", "redis")))

if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
"""


def test_what_children_share_is_loaded_before_them_and_the_daemon_does_not_wait_for_it(
    tmp_path: Path,
):
    script = tmp_path / "daemon.py"
    script.write_text(PRELOADING)
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, str(script), "tests.children.slow_to_load"], cwd=root, capture_output=True, text=True, timeout=60,
        check=True, env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    longest, preloaded, redis_too = done.stdout.split()
    assert (preloaded, redis_too) == ("True", "False")
    assert float(longest) < 2, (
        "loading takes 3 s, and the event loop stood still for so long"
    )


@pytest.mark.skipif(
    sys.platform != "linux", reason="the parent-death signal is Linux's"
)
@pytest.mark.parametrize("work", ["spin", "spin_in_c"])
def test_a_killed_daemon_leaves_no_child_behind_however_busy(work: str, tmp_path: Path):
    script = tmp_path / "daemon.py"
    script.write_text(textwrap.dedent(DAEMON))
    root = Path(__file__).resolve().parents[2]
    daemon = subprocess.Popen(
        [sys.executable, str(script), work],
        cwd=root,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin"},
    )
    try:
        assert daemon.stdout is not None
        assert daemon.stdout.readline() == b"ready\n"
        family = psutil.Process(daemon.pid).children(recursive=True)
        assert len(family) >= 3, "the fork server and two children"
        busy = wait_until_busy(family)
        assert busy
    finally:
        daemon.kill()
        daemon.wait(10)
        assert daemon.stdout is not None
        daemon.stdout.close()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []


def wait_until_busy(family: list[psutil.Process]) -> list[psutil.Process]:
    for _ in range(100):
        busy = [p for p in family if p.cpu_percent(interval=0.02) > 20]
        if len(busy) >= 1:
            return busy
    return []
