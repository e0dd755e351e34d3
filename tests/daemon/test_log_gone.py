"""The program when nobody can hear its log any more: it goes on, and stops when it is told to."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from aggregator.engine.server_place import Place
from tests.daemon.program import ENVIRONMENT, Program, feeds_of, until
from tests.daemon.test_crash import body
from tests.origin import Answer, Origin


def reader_gone(_: Path) -> list[int]:
    reading, writing = os.pipe()
    os.close(reading)
    return [writing]


def full_disk(_: Path) -> list[int]:
    return [os.open("/dev/full", os.O_WRONLY)]


def full_pipe(_: Path) -> list[int]:
    """Its reader is there, and reads nothing."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(4096))
    os.set_blocking(writing, True)
    return [writing, reading]


def folder_removed(folder: Path) -> list[int]:
    place = folder / "logs"
    place.mkdir()
    log = os.open(place / "log", os.O_WRONLY | os.O_CREAT)
    (place / "log").unlink()
    place.rmdir()
    return [log]


def not_for_writing(folder: Path) -> list[int]:
    return [os.open(folder / "log", os.O_RDONLY | os.O_CREAT)]


def terminal_closed(_: Path) -> list[int]:
    master, terminal = pty.openpty()
    os.close(master)
    return [terminal]


TARGETS = [
    reader_gone,
    full_disk,
    full_pipe,
    folder_removed,
    not_for_writing,
    terminal_closed,
]


@pytest.mark.parametrize("target", TARGETS)
def test_a_daemon_whose_log_cannot_be_written_publishes_on_and_stops_at_sigterm(
    tmp_path: Path, target: Callable[[Path], list[int]]
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
        log, *held = target(tmp_path)
        process = subprocess.Popen(command, stdout=log, stderr=log, env=ENVIRONMENT)
        os.close(log)
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
            for descriptor in held:
                os.close(descriptor)
