"""A stop is over within 10 seconds, whatever a part waits for; a second signal ends at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from aggregator.engine.embedded import EmbeddedServer
from aggregator.engine.store import Store
from tests.daemon.program import Program, feeds_of, until
from tests.daemon.stages import Stages
from tests.daemon.test_stages import QUAKE, feed, rss
from tests.origin import Answer, Origin
from tests.server import server_to_test

LIMIT_S = 10


@pytest.fixture
def slow_hosts() -> Iterator[Origin]:
    """64 hosts that take a minute to answer."""
    with Origin.in_thread(hosts=64) as origin:
        for number in range(64):
            origin.script(f"/{number}", Answer(body=b"<rss/>", delay=60))
        yield origin


def feeds(origin: Origin, count: int) -> str:
    return feeds_of(*(origin.url(f"/{number}", number + 1) for number in range(count)))


def asked(origin: Origin, count: int) -> int:
    return sum(bool(origin.seen(f"/{number}")) for number in range(count)) >= count


def ends_in_time(
    process: subprocess.Popen[bytes], number: int = signal.SIGTERM
) -> float:
    started = time.monotonic()
    process.send_signal(number)
    try:
        process.wait(LIMIT_S)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)
    return time.monotonic() - started


@contextlib.contextmanager
def a_server(folder: Path) -> Iterator[EmbeddedServer]:
    """A server that is not the daemon's own."""
    server = EmbeddedServer(folder, program=server_to_test())
    asyncio.run(server.start())
    pid = server.running.pid
    try:
        yield server
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).kill()
        asyncio.run(server.stop())


def ready(program: Program, process: subprocess.Popen[bytes]) -> None:
    until(lambda: program.logged("daemon_ready"), what="daemon_ready", alive=process)


@pytest.mark.parametrize(
    "fate", [signal.SIGSTOP, signal.SIGKILL], ids=["hangs", "is gone"]
)
def test_with_64_polls_in_flight_while_the_server(
    tmp_path: Path, slow_hosts: Origin, fate: signal.Signals
):
    with a_server(tmp_path / "server") as server:
        program = Program(
            tmp_path, feeds(slow_hosts, 64), head=f'redis_url = "{server.url}"'
        )
        process = program.start()
        ready(program, process)
        until(lambda: asked(slow_hosts, 64), what="64 polls in flight", alive=process)
        os.kill(server.running.pid, fate)
        assert ends_in_time(process) < LIMIT_S
        assert not program.logged("stop_cut_short")
        assert not [
            one
            for one in program.processes()
            if one.pid not in (os.getpid(), server.running.pid)
        ]


def test_an_embedded_server_that_hangs_is_ended_with_the_daemon(
    tmp_path: Path, slow_hosts: Origin
):
    program = Program(tmp_path, feeds(slow_hosts, 4))
    process = program.start()
    ready(program, process)
    until(lambda: asked(slow_hosts, 4), what="polls in flight", alive=process)
    [server] = [
        child
        for child in psutil.Process(process.pid).children()
        if "valkey" in child.name()
    ]
    server.suspend()
    assert ends_in_time(process) < LIMIT_S
    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE


def test_64_polls_in_flight_are_given_back(tmp_path: Path, slow_hosts: Origin):
    with a_server(tmp_path / "server") as server:
        program = Program(
            tmp_path, feeds(slow_hosts, 64), head=f'redis_url = "{server.url}"'
        )
        process = program.start()
        ready(program, process)
        until(lambda: asked(slow_hosts, 64), what="64 polls in flight", alive=process)
        assert ends_in_time(process) < LIMIT_S
        client = program.client_at(server.running.socket)
        leases = [client.hget(f"agg:feed:f{number}", "lease") for number in range(64)]
        assert leases == ["0"] * 64
        program._close_clients()


def test_a_page_watched_by_twenty(tmp_path: Path, slow_hosts: Origin, free_port: int):
    text = f'{feeds(slow_hosts, 1)}[http]\nlisten = "127.0.0.1:{free_port}"\n'
    program = Program(tmp_path, text)
    process = program.start()
    ready(program, process)
    readers = [
        socket.create_connection(("127.0.0.1", free_port), timeout=20)
        for _ in range(20)
    ]
    for reader in readers:
        reader.sendall(b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in reader.recv(4096)
    assert ends_in_time(process) < LIMIT_S
    assert not program.logged("stop_cut_short")
    for reader in readers:
        reader.close()


def test_a_busy_encoder(tmp_path: Path):
    with Origin.in_thread(hosts=1) as origin:
        origin.script("/0", Answer(body=rss(("1", QUAKE))))
        program = Program(
            tmp_path, feeds_of(origin.url("/0")) + "[dedup]\nmeaning = true\n"
        )
        process = program.start(module=("tests.daemon.busy_encoder",))
        ready(program, process)
        until(
            lambda: program.logged("feed_polled"),
            what="an entry to encode",
            alive=process,
        )
        until(
            lambda: _busy_children(process), what="the encoder is busy", alive=process
        )
        assert ends_in_time(process) < LIMIT_S
        until(lambda: not program.processes(), what="its children are gone", seconds=5)


def _busy_children(process: subprocess.Popen[bytes]) -> bool:
    children = psutil.Process(process.pid).children(recursive=True)
    return any(
        child.cpu_times().user > 1.5
        for child in children
        if "valkey" not in child.name()
    )


@pytest.mark.parametrize("words", [(), ("--once",)], ids=["run", "once"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_at_once(
    tmp_path: Path, slow_hosts: Origin, number: signal.Signals, words: tuple[str, ...]
):
    with a_server(tmp_path / "server") as server:
        program = Program(
            tmp_path, feeds(slow_hosts, 4), head=f'redis_url = "{server.url}"'
        )
        process = program.start(*words)
        until(lambda: asked(slow_hosts, 4), what="polls in flight", alive=process)
        os.kill(server.running.pid, signal.SIGSTOP)
        process.send_signal(number)
        time.sleep(0.3)  # two signals at the same moment are one to the kernel
        assert process.poll() is None
        assert ends_in_time(process, number) < 2
        assert process.returncode == 128 + number
        until(
            lambda: len(program.processes()) <= 1,
            what="its children are gone",
            seconds=5,
        )


async def test_only_as_many_claims_are_given_back_as_there_is_time_for(
    store: Store, engine_server
):
    """The first one given back is not the only one: all are asked at once."""
    stages = Stages(store, *(feed(f"f{number}") for number in range(20)))
    waits = asyncio.Event()

    async def fetch(_request):
        await waits.wait()

    stages.poll_stage._fetch = fetch
    await stages.poll_stage.register(at_once=True)
    assert await stages.poll_stage.round() == 20
    await stages.poll_stage.stop(asyncio.get_running_loop().time() + 2)
    assert (
        await store.polls.claimed(
            [f"f{number}" for number in range(20)], now=stages.now
        )
        == {}
    )
    assert set(
        (await store.polls.due_times([f"f{number}" for number in range(20)])).values()
    ) == {stages.now}
