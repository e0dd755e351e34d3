"""The program when nobody can hear its log any more: it goes on, and stops when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aggregator.engine.server_place import Place
from tests.daemon.program import ENVIRONMENT, Program, feeds_of, until
from tests.daemon.test_crash import body
from tests.origin import Answer, Origin


@pytest.mark.parametrize("target", ["reader gone", "/dev/full"])
def test_a_daemon_whose_log_cannot_be_written_publishes_on_and_stops_at_sigterm(
    tmp_path: Path, target: str
) -> None:
    with Origin.in_thread(hosts=1) as origin:
        origin.script(
            "/0",
            Answer(body=body("f0", 2), etag='"1"'),
            Answer(body=body("f0", 4), etag='"2"'),
        )
        program = Program(
            tmp_path, feeds_of(origin.url("/0", 1)), fetch="parse_processes = 1\n"
        )
        command = [
            sys.executable,
            "-m",
            "aggregator",
            "run",
            "--config",
            str(program.config),
        ]
        if target == "/dev/full":
            with Path(target).open("w") as full:
                process = subprocess.Popen(
                    command, stdout=full, stderr=full, env=ENVIRONMENT
                )
        else:
            reading, writing = os.pipe()
            os.close(reading)
            process = subprocess.Popen(
                command, stdout=writing, stderr=writing, env=ENVIRONMENT
            )
            os.close(writing)
        try:
            socket = Place(program.folder / "state").socket()
            until(socket.exists, what="the server", seconds=60)
            client = program.client_at(str(socket))
            until(
                lambda: client.xlen("agg:reports") == 4,
                what="both polls published",
                seconds=60,
            )
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()
            process.wait(10)
            program._close_clients()
