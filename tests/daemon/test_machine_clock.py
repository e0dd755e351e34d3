"""The whole machine's clock: set by an hour under everything that runs on it (`wall_clock.c`), or asleep (SIGSTOP).

Beside `test_clock.py`, where the daemon's clock alone is off: here daemon, children and server see the same clock, as on
a machine where NTP steps it, or that sleeps.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import struct
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.daemon.program import ENVIRONMENT, Program, feeds_of, until
from tests.daemon.test_program import HARBOUR, rss
from tests.origin import Answer, Origin

COMPILER = shutil.which("cc")
STORM = (
    "Storm closes the harbour",
    "All ferries stay in port until the wind has dropped.",
)
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler")


@pytest.fixture(scope="module")
def preloaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that sets a program's clock."""
    library = tmp_path_factory.mktemp("wall_clock") / "wall_clock.so"
    source = Path(__file__).with_name("wall_clock.c")
    words = [str(COMPILER), "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
    subprocess.run(words, check=True)
    return library


class Machine:
    """A program whose processes, the server among them, see a wall clock that can be set."""

    def __init__(
        self,
        folder: Path,
        url: str,
        port: int,
        *,
        preloaded: Path | None,
    ) -> None:
        self._offset = folder / "offset"
        self.port = port
        text = f'{feeds_of(url)}[http]\nlisten = "127.0.0.1:{port}"\n'
        self.program = Program(folder, text)
        if preloaded is None:
            return
        self.set_by(0)
        self.program.environment = {
            **ENVIRONMENT,
            "LD_PRELOAD": str(preloaded),
            "WALL_CLOCK_OFFSET": str(self._offset),
        }

    def set_by(self, seconds: int) -> None:
        """The wall clock is so far from the right time from now on."""
        # In place: every process has the file's page mapped.
        with self._offset.open("r+b" if self._offset.exists() else "wb") as file:
            file.write(struct.pack("q", seconds))

    @contextlib.contextmanager
    def asleep(self) -> Iterator[None]:
        """Every process of the program stands still."""
        processes = self.program.processes()
        for process in processes:
            process.suspend()
        for process in processes:
            until(
                lambda process=process: process.status() == psutil.STATUS_STOPPED,
                what="it stands still",
                seconds=5,
            )
        try:
            yield
        finally:
            for process in processes:
                process.resume()

    def is_healthy(self) -> bool:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.port}/healthz", timeout=5
        ) as answer:
            return bool(json.load(answer)["healthy"])

    def goes_on(
        self,
        origin: Origin,
        number: int,
        *,
        alive: subprocess.Popen[bytes],
    ) -> None:
        """What the feed brings from now on is asked for and published, and the daemon says that it is well."""
        title = f"{STORM[0]} for the {number}. time"
        body = rss(HARBOUR, (title, *STORM[1:]), site="a")
        origin.script("/a", Answer(body=body, etag=f'"{number + 1}"'))
        client = self.program.client()
        until(
            lambda: any(
                fields["title"] == title for _, fields in client.xrange("agg:reports")
            ),
            what=f"{title} is published",
            alive=alive,
            seconds=30,
        )
        count = len(origin.seen("/a"))
        until(
            lambda: len(origin.seen("/a")) >= count + 2,
            what="polling goes on",
            alive=alive,
            seconds=20,
        )
        assert self.is_healthy()
        assert not self.program.logged("stuck")


@needs_compiler
def test_a_machine_whose_clock_is_set_goes_on(
    tmp_path: Path, free_port: int, preloaded: Path
):
    with Origin.in_thread() as origin:
        origin.script("/a", Answer(body=rss(HARBOUR, site="a"), etag='"1"'))
        machine = Machine(tmp_path, origin.url("/a"), free_port, preloaded=preloaded)
        with machine.program.running() as process:
            until(lambda: len(origin.seen("/a")) >= 2, what="polls", alive=process)
            for step, seconds in enumerate((-3600, 0, 3600), start=1):
                machine.set_by(seconds)
                until(
                    lambda step=step: (
                        len(machine.program.logged("clock_moved")) >= step
                    ),
                    what="the step is noticed",
                    alive=process,
                    seconds=10,
                )
                machine.goes_on(origin, step, alive=process)
        steps = [
            round(line["by_s"] / 3600) for line in machine.program.logged("clock_moved")
        ]
        assert steps == [-1, 1, 1]


@needs_compiler
def test_a_machine_that_slept_for_an_hour_goes_on_where_it_was(
    tmp_path: Path, free_port: int, preloaded: Path
):
    """It falls asleep in the middle of a poll; when it wakes, the wall clock is an hour later, the monotonic one is not."""
    with Origin.in_thread() as origin:
        origin.script("/a", Answer(body=rss(HARBOUR, site="a"), etag='"1"'))
        machine = Machine(tmp_path, origin.url("/a"), free_port, preloaded=preloaded)
        with machine.program.running() as process:
            until(lambda: len(origin.seen("/a")) >= 2, what="polls", alive=process)
            origin.script("/a", Answer(body=rss(HARBOUR, site="a"), delay=1.5))
            count = len(origin.seen("/a"))
            until(
                lambda: len(origin.seen("/a")) > count,
                what="a poll is in flight",
                alive=process,
            )
            with machine.asleep():
                machine.set_by(3600)
                time.sleep(2)
            machine.goes_on(origin, 1, alive=process)
            # The publisher answered while nobody was there to hear it: no fault of the feed's.
            [feed] = machine.program.json("status")["feeds"]
            assert feed["health"] == "ok"


@pytest.mark.slow
def test_a_daemon_that_stood_still_for_longer_than_its_leases_goes_on(
    tmp_path: Path, free_port: int
):
    """Stopped and continued (a frozen container): all clocks went on without it, its lead and its claims lapsed."""
    with Origin.in_thread() as origin:
        origin.script("/a", Answer(body=rss(HARBOUR, site="a"), etag='"1"'))
        machine = Machine(tmp_path, origin.url("/a"), free_port, preloaded=None)
        with machine.program.running() as process:
            until(lambda: len(origin.seen("/a")) >= 2, what="polls", alive=process)
            os.kill(process.pid, signal.SIGSTOP)
            # The lead lapses after 30 s, "the loop hangs" is said after 30 s, a stage is stuck after 90 s.
            time.sleep(100)
            os.kill(process.pid, signal.SIGCONT)
            machine.goes_on(origin, 1, alive=process)
