"""Does a daemon whose pages are watched grow? Its memory, minute by minute.

    python -m tests.bench.soak [--minutes 50] [--feeds 40] [--every 60]

One daemon with its server, as users start it, polls feeds that have a new entry every few seconds; beside it a reader
asks for every page in turn, no two addresses the same, and keeps the live stream open. Memory is the proportional set
size of the daemon and of its children, the server apart. What the window holds grows too, about 3 kB an entry: compare
the last column. A daemon that holds what it has shown would grow with the requests.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.bench.measuring import print_table
from tests.daemon.program import Program, feeds_of, until
from tests.origin import Answer, Origin, feed_document

HEADINGS = ("minute", "requests", "daemon MB", "children MB", "reports")
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


def bench(*, minutes: float, feeds: int, every: float) -> list[list[object]]:
    with tempfile.TemporaryDirectory() as folder, Origin.in_thread() as origin:
        port = _free_port()
        for number in range(feeds):
            _change(origin, number, 0)
        urls = [origin.url(f"/f{number}") for number in range(feeds)]
        program = Program(
            Path(folder), f'[http]\nlisten = "127.0.0.1:{port}"\n' + feeds_of(*urls)
        )
        with program.running() as process:
            client = program.client()
            until(
                lambda: client.xlen("agg:reports") >= feeds,
                what="the first entry of each feed",
            )
            return _watched(
                program,
                process.pid,
                origin,
                f"http://127.0.0.1:{port}",
                minutes,
                feeds,
                every,
            )


def _change(origin: Origin, feed: int, version: int) -> None:
    entry = (f"f{feed}-{version}", f"Report {version} of publisher {feed}", "")
    origin.script(
        f"/f{feed}", Answer(body=feed_document(items=[entry]), etag=f'"{version}"')
    )


def _watched(
    program: Program,
    pid: int,
    origin: Origin,
    site: str,
    minutes: float,
    feeds: int,
    every: float,
) -> list[list[object]]:
    rows: list[list[object]] = []
    client = program.client()
    begun = time.monotonic()
    count, version, told_at, changed_at = 0, 0, begun, begun
    with _live_stream(f"{site}/live"):
        while time.monotonic() - begun < 60 * minutes or not rows:
            _get(site + PAGES[count % len(PAGES)].format(count))
            count += 1
            now = time.monotonic()
            if now - changed_at > CHANGE_EVERY:
                version, changed_at = version + 1, now
                _change(origin, version % feeds, version)
            if now - told_at > every:
                told_at = now
                daemon, children = _memory_mb(pid)
                rows.append(
                    [
                        f"{(now - begun) / 60:.1f}",
                        str(count),
                        daemon,
                        children,
                        str(client.xlen("agg:reports")),
                    ]
                )
    return rows


def _get(url: str) -> None:
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

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(5)


def _memory_mb(pid: int) -> tuple[float, float]:
    """Of the daemon, and of its children but the server."""
    daemon = psutil.Process(pid)
    children = 0.0
    for child in daemon.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if not any("-server" in word for word in child.cmdline()[:1]):
                children += child.memory_full_info().pss / 1e6
    return daemon.memory_full_info().pss / 1e6, children


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=50)
    parser.add_argument("--feeds", type=int, default=40)
    parser.add_argument(
        "--every", type=float, default=60, help="seconds between two lines"
    )
    given = parser.parse_args()
    rows = bench(minutes=given.minutes, feeds=given.feeds, every=given.every)
    command = f"python -m tests.bench.soak --minutes {given.minutes:g} --feeds {given.feeds} --every {given.every:g}"
    print_table(HEADINGS, rows, command=command)


if __name__ == "__main__":
    main()
