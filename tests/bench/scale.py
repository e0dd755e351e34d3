"""A hundred thousand feeds: what they cost a poll stage, how late they are, and what holds the server.

    python -m tests.bench.scale [--feeds 100000] [--minutes 10]

`polls`: every feed falls due once within the minutes of a clock that jumps a second at a time, and its server answers
304 at once; five feeds share a host. The poll stage is the daemon's own over the embedded server, its log goes to
nowhere; HTTP is left out (0.7 ms a poll). A share is processor time over the simulated time. `one host`: all feeds are
due, and are of one host. `health`: what housekeeping asks each minute. `trim`: a stream of 5 kB messages, a fifth as
many as feeds, is cut to half its bytes. No chance in it: the data are the same in each run.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from time import process_time

from aggregator.daemon.clock import Clock
from aggregator.daemon.polling import PollStage
from aggregator.engine import wire
from aggregator.engine.store import Store
from aggregator.model import (
    Caching,
    Feed,
    NotModified,
    PollRequest,
    Settings,
    Validators,
)
from aggregator.watch import logs
from aggregator.watch.metrics import Metrics
from tests.bench.measuring import (
    longest_script,
    memory_mb,
    percentile,
    print_table,
    server_seconds,
    store_on_a_server,
)
from tests.daemon.stages import read_here
from tests.engine import making

HEADINGS = (
    "",
    "ours, share of a core",
    "server",
    "late p50 s",
    "late p99 s",
    "memory MB",
    "longest script",
    "ms",
)
FEEDS_OF_A_HOST = 5
PAGE = 1000
DOCUMENT = "<p>Paragraph of a document.</p>\n" * 160


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; shares are processor time over the time in which it happens."""

    what: str
    ours: float
    server: float
    late_p50: float | None
    late_p99: float | None
    memory_mb: float
    script: str
    script_ms: float

    def cells(self) -> list[object]:
        late = [
            "" if value is None else value for value in (self.late_p50, self.late_p99)
        ]
        return [
            self.what,
            self.ours,
            self.server,
            *late,
            self.memory_mb,
            self.script,
            self.script_ms,
        ]


class Simulated:
    """A poll stage whose clock is moved and whose servers answer 304 at once."""

    def __init__(
        self, store: Store, feeds: tuple[Feed, ...], due: dict[str, datetime]
    ) -> None:
        self.now = making.NOW
        self.late: list[float] = []
        self._due = due
        settings = Settings()
        self.stage = PollStage(
            store=store,
            fetch=self._fetch,
            read=read_here,
            settings=settings,
            metrics=Metrics(),
            clock=Clock(lambda: self.now, moved=True),
        )
        self.stage.use(settings, feeds)

    async def _fetch(self, request: PollRequest) -> NotModified:
        self.late.append((self.now - self._due[request.feed_id]).total_seconds())
        return NotModified(
            request.url,
            request.validators,
            Caching(),
            elapsed=timedelta(milliseconds=5),
        )

    async def second(self) -> None:
        """What falls due within one second, polled to the end."""
        self.now += timedelta(seconds=1)
        while await self.stage.round():
            await self.stage._until_one_ends()
        while self.stage._running:
            await self.stage._until_one_ends()


async def bench(*, feeds: int, minutes: float) -> list[Row]:
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        logs.configure(stream=nowhere)
        return await _rows(feeds, minutes)


async def _rows(feeds: int, minutes: float) -> list[Row]:
    async with store_on_a_server() as store:
        rows = [
            await _polls(store, feeds, minutes),
            await _one_host(store, feeds),
            await _health(store, feeds),
        ]
        rows.append(await _trim(store, max(feeds // 5, 10)))
    return rows


def _names(feeds: int) -> list[str]:
    return [f"f{number}" for number in range(feeds)]


async def _polls(store: Store, count: int, minutes: float) -> Row:
    span = timedelta(minutes=minutes)
    names = _names(count)
    hosts = max(count // FEEDS_OF_A_HOST, 1)
    feeds = tuple(
        Feed(name, f"https://h{place % hosts}.example/{name}")
        for place, name in enumerate(names)
    )
    due = {
        name: making.NOW + span * (place + 1) / count
        for place, name in enumerate(reversed(names))
    }
    await _store_states(store, feeds)
    await store.polls.register(due)
    simulated = Simulated(store, feeds, due)
    await longest_script(store)
    ours, server = process_time(), await server_seconds(store)
    while (
        simulated.now < making.NOW + span + timedelta(seconds=30)
        and len(simulated.late) < count
    ):
        await simulated.second()
    ours, server = process_time() - ours, await server_seconds(store) - server
    seconds = span.total_seconds()
    late = simulated.late
    script = await longest_script(store)
    assert len(late) == count, "every feed is polled once"
    return Row(
        "polls",
        ours / seconds,
        server / seconds,
        percentile(late, 0.5),
        percentile(late, 0.99),
        memory_mb(),
        *script,
    )


async def _store_states(store: Store, feeds: tuple[Feed, ...]) -> None:
    for start in range(0, len(feeds), PAGE):
        rows = []
        for feed in feeds[start : start + PAGE]:
            polled = replace(
                making.state(feed.feed_id),
                url=feed.url,
                configured_url=feed.url,
                validators=Validators("e"),
            )
            rows.append(
                (
                    "HSET",
                    store.engine.keys.feed(feed.feed_id),
                    "state",
                    wire.encode(polled),
                )
            )
        await store.engine.many(rows)


async def _one_host(store: Store, count: int) -> Row:
    """A claim of 64 once a second, for ten seconds."""
    hosts = dict.fromkeys(_names(count), "busy.example")
    await store.polls.register({})
    await store.polls.register(dict.fromkeys(hosts, making.NOW))
    await longest_script(store)
    ours, server = process_time(), await server_seconds(store)
    for second in range(1, 11):
        now = making.NOW + timedelta(hours=1, seconds=second)
        await store.polls.claim(
            64, hosts=hosts, lease=making.LEASE, spacing=making.SPACING, now=now
        )
    ours, server = process_time() - ours, await server_seconds(store) - server
    return Row(
        "one host",
        ours / 10,
        server / 10,
        None,
        None,
        memory_mb(),
        *await longest_script(store),
    )


async def _health(store: Store, count: int) -> Row:
    ours, server = process_time(), await server_seconds(store)
    await store.polls.healths(_names(count))
    ours, server = process_time() - ours, await server_seconds(store) - server
    return Row(
        "health",
        ours / 60,
        server / 60,
        None,
        None,
        memory_mb(),
        *await longest_script(store),
    )


async def _trim(store: Store, count: int) -> Row:
    key = store.engine.keys.reports
    for start in range(0, count, PAGE):
        numbers = range(start, min(start + PAGE, count))
        await store.engine.many(
            [
                ("XADD", key, "*", "document", f"{number} {DOCUMENT}")
                for number in numbers
            ]
        )
    size = int(await store.engine.command("MEMORY", "USAGE", key, "SAMPLES", 100))
    store.use(
        retention=replace(store.engine.retention, max_stream_bytes=size // 2), queues=()
    )
    await longest_script(store)
    ours, server = process_time(), await server_seconds(store)
    await store.retention.trim()
    ours, server = process_time() - ours, await server_seconds(store) - server
    return Row(
        "trim",
        ours / 60,
        server / 60,
        None,
        None,
        memory_mb(),
        *await longest_script(store),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--feeds", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=10)
    given = parser.parse_args()
    rows = asyncio.run(bench(feeds=given.feeds, minutes=given.minutes))
    command = (
        f"python -m tests.bench.scale --feeds {given.feeds} --minutes {given.minutes:g}"
    )
    print_table(HEADINGS, [row.cells() for row in rows], command=command)


if __name__ == "__main__":
    main()
