"""Nothing lost, nothing twice: the daemon and its server killed at random moments, again and again.

`CRASH_KILLS=200 pytest -m slow tests/daemon/test_crash.py -s` runs the long form; CI runs the short one.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from tests.daemon.program import Program, feeds_of, until
from tests.origin import Answer, Origin

KILLS = int(os.environ.get("CRASH_KILLS", "20"))
FEEDS = 6
SEED = 20261122
BEGIN = datetime.now(UTC) - timedelta(hours=12)


def body(name: str, count: int) -> bytes:
    """A feed that holds `count` entries, each with a title and a guid of its own."""
    entries = "".join(
        f"<item><guid>{name}-{n}</guid><link>https://{name}.example/{n}</link><title>{word(name, n)}</title>"
        f"<pubDate>{(BEGIN + timedelta(minutes=n)).strftime('%a, %d %b %Y %H:%M:%S GMT')}</pubDate></item>"
        for n in range(count)
    )
    return f"<rss version='2.0'><channel><title>{name}</title>{entries}</channel></rss>".encode()


def word(name: str, number: int) -> str:
    """A title unlike any other: this test is about delivery, not about matching."""
    dice = random.Random(f"{name}{number}")
    return " ".join(
        "".join(
            dice.choices("bcdfghklmnprstvz", k=1)[0] + dice.choice("aeiou")
            for _ in range(4)
        )
        for _ in range(6)
    )


class Publisher(threading.Thread):
    """Adds an entry to one feed after the other until told to stop."""

    def __init__(self, origin: Origin) -> None:
        super().__init__(daemon=True)
        self.origin = origin
        self.counts = [0] * FEEDS
        self.done = threading.Event()

    def run(self) -> None:
        turn = 0
        while not self.done.wait(0.15):
            self.counts[turn % FEEDS] += 1
            self._serve(turn % FEEDS)
            turn += 1

    def _serve(self, number: int) -> None:
        count = self.counts[number]
        self.origin.script(
            f"/{number}", Answer(body=body(f"f{number}", count), etag=f'"{count}"')
        )

    def served(self) -> set[str]:
        return {
            f"f{number}-{n}"
            for number, count in enumerate(self.counts)
            for n in range(count)
        }


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_every_entry_is_published_once_whatever_dies(tmp_path: Path):
    dice = random.Random(SEED)
    with Origin.in_thread(hosts=FEEDS) as origin:
        for number in range(FEEDS):
            origin.script(f"/{number}", Answer(body=body(f"f{number}", 0)))
        program = Program(
            tmp_path,
            feeds_of(*(origin.url(f"/{n}", n + 1) for n in range(FEEDS))),
            fetch="parse_processes = 1",
        )
        publisher = Publisher(origin)
        publisher.start()
        killed = Counter(kill(program, dice) for _ in range(KILLS))
        publisher.done.set()
        publisher.join()
        until(
            lambda: not [p for p in program.processes() if is_alive(p)],
            what="no orphan",
            seconds=15,
        )
        with program.running():
            client = program.client()
            until(
                lambda: published(client) >= publisher.served(),
                what="every entry published",
                seconds=180,
            )
            rows = client.xrange("agg:reports")
    told = Counter(
        fields["guid"]
        for _, fields in rows
        if fields["kind"] in ("event.new", "event.joined")
    )
    assert set(told) == publisher.served()
    assert {guid for guid, times in told.items() if times > 1} == set()
    assert sum(killed.values()) == KILLS
    print(
        f"{KILLS} kills ({dict(killed)}): {len(told)} entries served, {sum(told.values())} published"
    )


def kill(program: Program, dice: random.Random) -> str:
    """Start the daemon and kill it, or its server and then it, after a random while."""
    process = program.start()
    time.sleep(dice.uniform(0.2, 4.0))
    victim = "daemon"
    if dice.random() < 0.35:
        servers = [
            p
            for p in psutil.Process(process.pid).children(recursive=True)
            if "valkey" in p.name() or "redis" in p.name()
        ]
        for server in servers:
            server.send_signal(signal.SIGKILL)
            victim = "server"
        time.sleep(dice.uniform(0.0, 2.0))
    process.kill()
    process.wait(10)
    return victim


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def published(client) -> set[str]:
    return {fields["guid"] for _, fields in client.xrange("agg:reports")}
