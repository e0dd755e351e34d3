"""Does a daemon that is attacked, watched and hurt lose anything, come late, or grow? Minute by minute.

    python -m tests.bench.soak [--minutes 30] [--feeds 40] [--hostile 202] [--kill-every 20] [--log gone] [--every 60]

One daemon with its server, as users start it, polls feeds that have a new entry every few seconds; beside it a reader
asks for every page in turn, no two addresses the same, and keeps the live stream open. Hostile feeds (tests/hostile.py)
stand on hosts of their own. Every so often one of the daemon's children is killed: a parser or their fork server, each
tenth time the Redis server. The log's reader is gone from the start.

Memory is the proportional set size of the daemon and of its children, the server apart. What the window holds grows
too, about 3 kB an entry. An entry is late by the time from its standing in the feed to its standing in `agg:reports`;
feeds are asked every one to two seconds, and a poll that was under way when the server was killed comes again when its
claim has lapsed, after 71 s. At the end it says which entries were lost or came twice.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import redis

from aggregator.engine.server_place import Place
from tests import hostile
from tests.bench.measuring import print_table
from tests.daemon.program import ENVIRONMENT, Program, until
from tests.origin import Answer, Origin, feed_document

HEADINGS = (
    "minute", "requests", "daemon MB", "children MB", "reports", "median s", "latest s", "missing", "twice", "kills",
)  # fmt: skip
PAGES = (
    "/?z={}",
    "/?q=report&z={}",
    "/?lang=en&z={}",
    "/events.atom?z={}",
    "/api/events?z={}",
    "/feeds?z={}",
    "/metrics",
)
CHANGE_EVERY = 5.0
SERVER_EVERY = 10
"""Of so many kills one is the server's."""
LAST_WAIT = 90.0
"""Seconds that the last entries have to arrive in."""
SHARED = Path(__file__).resolve().parents[3] / "shared"


@dataclass(frozen=True)
class Plan:
    """What is run: spans in seconds but `minutes`; `kill_every` 0 kills nobody; `log` is file, gone or full."""

    minutes: float
    feeds: int
    hostile: int
    kill_every: float
    log: str
    every: float


@dataclass
class Ledger:
    """When each healthy entry was published, and when its report was read."""

    published: dict[str, float] = field(default_factory=dict)
    arrived: Counter[str] = field(default_factory=Counter)
    delays: list[float] = field(default_factory=list)
    """Seconds, of what arrived since the last line."""
    report_count: int = 0

    def take(self, fields: dict[str, str]) -> None:
        """One report of the stream."""
        self.report_count += 1
        if fields["guid"] not in self.published or fields["kind"] == "entry.edited":
            return
        self.arrived[fields["guid"]] += 1
        if self.arrived[fields["guid"]] == 1:
            self.delays.append(time.monotonic() - self.published[fields["guid"]])

    def missing(self) -> list[str]:
        return [guid for guid in self.published if guid not in self.arrived]

    def twice(self) -> list[str]:
        return [guid for guid, times in self.arrived.items() if times > 1]


def bench(plan: Plan) -> tuple[list[list[object]], Ledger]:
    """The lines of the table, and what became of each healthy entry."""
    hosts = plan.feeds + plan.hostile
    with (
        tempfile.TemporaryDirectory() as folder,
        Origin.in_thread(hosts=min(hosts, 250)) as origin,
    ):
        port = _free_port()
        ledger = Ledger()
        for number in range(plan.feeds):
            _publish(origin, ledger, number, 0)
        feeds = _feeds(origin, plan)
        page = f'[http]\nlisten = "127.0.0.1:{port}"\n'
        program = Program(Path(folder), page + feeds)
        with _started(program, plan.log) as process, _reader(program, ledger):
            until(
                lambda: not ledger.missing(),
                what="the first entry of each feed",
                seconds=300,
                alive=process,
            )
            took = max(ledger.delays)
            print(
                f"all healthy feeds in after {took:.1f} s", file=sys.stderr, flush=True
            )
            ledger.delays.clear()
            site = f"http://127.0.0.1:{port}"
            rows = _watched(process, origin, ledger, site, plan)
            with contextlib.suppress(AssertionError):  # what is missing is told below
                until(lambda: not ledger.missing(), what="", seconds=LAST_WAIT)
    return rows, ledger


def _feeds(origin: Origin, plan: Plan) -> str:
    """feeds.toml of healthy feeds f0, f1, …, and of hostile ones, each on a host of its own as far as there are hosts."""
    tables: list[str] = []
    for number in range(plan.feeds):
        url = origin.url(f"/f{number}", _host(number))
        tables.append(f'[[feed]]\nid = "f{number}"\nurl = "{url}"\n')
    answers = hostile.publishers(plan.hostile, SHARED)
    for number, answer in enumerate(answers):
        path = f"/h{number}"
        origin.script(path, answer)
        url = origin.url(path, _host(plan.feeds + number))
        tables.append(f'[[feed]]\nid = "h{number}"\nurl = "{url}"\n')
    return "".join(tables)


def _host(number: int) -> int:
    return 1 + number % 250


def _publish(origin: Origin, ledger: Ledger, feed: int, version: int) -> None:
    guid = f"f{feed}-{version}"
    entry = (guid, f"Report {version} of publisher {feed}", "")
    answer = Answer(body=feed_document(items=[entry]), etag=f'"{version}"')
    origin.script(f"/f{feed}", answer)
    ledger.published[guid] = time.monotonic()


@contextlib.contextmanager
def beside(work: Callable[[], None], ended: threading.Event) -> Iterator[None]:
    """`work` on a thread of its own, told by `ended` to stop."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(5)


@contextlib.contextmanager
def _started(program: Program, log: str) -> Iterator[subprocess.Popen[bytes]]:
    """The daemon, writing its log to a file, to a pipe whose reader has left, or to a full disk."""
    command = [sys.executable, "-m", "aggregator", "run", "--config", str(program.config)]  # fmt: skip
    reading, gone = os.pipe()
    os.close(reading)
    targets = {
        "file": os.open(program.log, os.O_WRONLY | os.O_CREAT),
        "gone": gone,
        "full": os.open("/dev/full", os.O_WRONLY),
    }
    target = targets[log]
    process = subprocess.Popen(command, stdout=target, stderr=target, env=ENVIRONMENT)
    for descriptor in targets.values():
        os.close(descriptor)
    try:
        socket_file = Place(program.folder / "state").socket()
        until(socket_file.exists, what="the server", alive=process)
        yield process
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    finally:
        process.kill()
        process.wait(10)


@contextlib.contextmanager
def _reader(program: Program, ledger: Ledger) -> Iterator[None]:
    """A consumer that reads every report until the block ends, however often its server dies."""
    ended = threading.Event()
    place = str(Place(program.folder / "state").socket())

    def read() -> None:
        client = redis.Redis(unix_socket_path=place, decode_responses=True)
        last = "0"
        while not ended.is_set():
            try:
                answer = client.xread({"agg:reports": last}, count=1000, block=500)
            except redis.RedisError:  # the server was killed: another one comes
                ended.wait(0.2)
                continue
            for _, messages in answer or ():
                for number, fields in messages:
                    last = number
                    ledger.take(fields)
        client.close()

    with beside(read, ended):
        yield


def _watched(
    process: subprocess.Popen[bytes],
    origin: Origin,
    ledger: Ledger,
    site: str,
    plan: Plan,
) -> list[list[object]]:
    rows: list[list[object]] = []
    chance = random.Random(7)
    begun = time.monotonic()
    count, version, kills = 0, 0, 0
    told_at = changed_at = killed_at = begun
    with _live_stream(f"{site}/live"):
        while time.monotonic() - begun < 60 * plan.minutes or not rows:
            _get(site + PAGES[count % len(PAGES)].format(count))
            count += 1
            now = time.monotonic()
            if now - changed_at > CHANGE_EVERY:
                version, changed_at = version + 1, now
                _publish(origin, ledger, version % plan.feeds, version)
            if plan.kill_every and now - killed_at > plan.kill_every:
                killed_at = now
                is_servers_turn = kills % SERVER_EVERY == SERVER_EVERY - 1
                kills += _kill_a_child(process.pid, chance, server=is_servers_turn)
            if now - told_at > plan.every:
                told_at = now
                rows.append(_row(process.pid, ledger, (now - begun) / 60, count, kills))
                print(*rows[-1], file=sys.stderr, flush=True)
            assert process.poll() is None, "the daemon ended"
    return rows


def _row(
    pid: int, ledger: Ledger, minute: float, requests: int, kills: int
) -> list[object]:
    daemon, children = _memory_mb(pid)
    delays = sorted(ledger.delays) or [0.0]
    ledger.delays = []
    middle = delays[len(delays) // 2]
    missing, twice = len(ledger.missing()), len(ledger.twice())
    reports = str(ledger.report_count)
    return [
        f"{minute:.1f}", str(requests), daemon, children, reports, middle, delays[-1], str(missing), str(twice), str(kills),
    ]  # fmt: skip


def _kill_a_child(pid: int, chance: random.Random, *, server: bool) -> int:
    """Kill the server, or one of the other processes below the daemon; how many that were."""
    children = psutil.Process(pid).children(recursive=True)
    chosen = [child for child in children if _is_server(child) is server]
    if not chosen:
        return 0
    with contextlib.suppress(psutil.NoSuchProcess):
        chance.choice(chosen).kill()
        return 1
    return 0


def _is_server(child: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return any("-server" in word for word in child.cmdline()[:1])
    return False


def _get(url: str) -> None:
    """Ask for a page and read it; what says 503 while its server is dead is an answer."""
    with (
        contextlib.suppress(urllib.error.HTTPError),
        urllib.request.urlopen(url, timeout=60) as answer,
    ):
        answer.read()


@contextlib.contextmanager
def _live_stream(url: str) -> Iterator[None]:
    """Somebody whose page is open: reads what is pushed until the block ends."""
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(url, timeout=2) as answer,
            ):
                while not ended.is_set() and answer.readline():
                    pass
            ended.wait(0.5)

    with beside(read, ended):
        yield


def _memory_mb(pid: int) -> tuple[float, float]:
    """Of the daemon, and of its children but the server."""
    daemon = psutil.Process(pid)
    children = 0.0
    for child in daemon.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if not _is_server(child):
                children += child.memory_full_info().pss / 1e6
    return daemon.memory_full_info().pss / 1e6, children


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def _plan() -> Plan:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--feeds", type=int, default=40)
    parser.add_argument("--hostile", type=int, default=202)
    parser.add_argument(
        "--kill-every", type=float, default=20, help="seconds; 0 kills nobody"
    )
    parser.add_argument("--log", choices=("file", "gone", "full"), default="gone")
    parser.add_argument(
        "--every", type=float, default=60, help="seconds between two lines"
    )
    return Plan(**vars(parser.parse_args()))


def main() -> None:
    plan = _plan()
    rows, ledger = bench(plan)
    options = " ".join(
        f"--{name.replace('_', '-')} {getattr(plan, name)}"
        for name in plan.__dataclass_fields__
    )
    print_table(HEADINGS, rows, command=f"python -m tests.bench.soak {options}")
    print(
        f"\n{len(ledger.published)} entries of healthy feeds; lost: {ledger.missing() or 'none'};"
        f" twice: {ledger.twice() or 'none'}"
    )


if __name__ == "__main__":
    main()
