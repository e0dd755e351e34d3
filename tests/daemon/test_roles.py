"""The real programs in their roles on one server: poll workers, an event worker and its stand-by, killed among."""

from __future__ import annotations

import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from aggregator.engine.embedded import EmbeddedServer
from tests.daemon.program import Program, feeds_of, until
from tests.daemon.test_crash import body
from tests.origin import Answer, Origin

FEEDS, FIRST, LAST = 24, 3, 6
"""Each feed has FIRST entries at its first poll and LAST from the second on."""
HURRIED = ("tests.daemon.faults", "-", "-", "0", "-")


@contextmanager
def killed_at_last(
    process: subprocess.Popen[bytes],
) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


@pytest.mark.slow
async def test_workers_of_all_roles_publish_each_entry_once_though_a_leader_and_a_poller_die(
    own_server: EmbeddedServer, tmp_path: Path, free_port: int
):
    """All read one feeds.toml: one of them has the status port at any time."""
    with Origin.in_thread(hosts=FEEDS) as origin, ExitStack() as stack:
        for n in range(FEEDS):
            first, later = (
                Answer(body=body(f"f{n}", count), etag=f'"{count}"', delay=0.05)
                for count in (FIRST, LAST)
            )
            origin.script(f"/{n}", first, later)
        feeds = feeds_of(*(origin.url(f"/{n}", n + 1) for n in range(FEEDS)))
        program = Program(
            tmp_path,
            f'{feeds}[http]\nlisten = "127.0.0.1:{free_port}"\n',
            head=f'redis_url = "{own_server.url}"',
        )

        def start(role: str) -> subprocess.Popen[bytes]:
            return stack.enter_context(
                killed_at_last(program.start("--role", role, module=HURRIED))
            )

        leader = start("event")
        until(
            lambda: program.logged("index_loaded"), what="the first leads", alive=leader
        )
        standby, poller, other = start("event"), start("poll"), start("poll")
        until(
            lambda: len(program.logged("entries_assigned")) >= 3,
            what="entries published",
        )
        leader.kill()
        poller.kill()
        until(
            lambda: len(program.logged("index_loaded")) >= 2,
            what="the stand-by leads",
            alive=standby,
        )
        client = program.client_at(own_server.running.socket)
        wanted = {f"f{n}-{entry}" for n in range(FEEDS) for entry in range(LAST)}
        until(
            lambda: {row["guid"] for _, row in client.xrange("agg:reports")} >= wanted,
            what="every entry",
            alive=other,
        )
        until(lambda: not client.xlen("agg:entries"), what="nothing waits")
        assert Counter(
            row["guid"] for _, row in client.xrange("agg:reports")
        ) == Counter(dict.fromkeys(wanted, 1))
        assert {origin.peak(origin.address(n + 1)) for n in range(FEEDS)} == {1}, (
            "one request at a time to a host"
        )
        assert len(program.logged("status_port_taken")) >= 2
        assert len(program.logged("status_port_open")) == 1
        for process in (standby, other):
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        program._close_clients()
    until(
        lambda: {p.pid for p in program.processes()} == {own_server.running.pid},
        what="no process left",
        seconds=5,
    )
