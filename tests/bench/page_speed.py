"""How long the page, the feeds of events and a search take, and for how long they hold up the daemon's event loop.

Made-up events of a day, a third of each English, Chinese and French. `cpu` is the processor time of an answer, which
other programs of the machine disturb least, with the client's own; `loop` the longest time that a clock on the same
event loop did not tick, with the client on it too; the size is what goes over the wire, compressed.

    python -m tests.bench.page_speed [EVENTS]
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import statistics
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import aiohttp

from aggregator.model import Event
from aggregator.watch.http import StatusServer
from aggregator.watch.metrics import Metrics
from tests.watch.sample import NOW, SampleDay
from tests.watch.test_page import busy_day

TIMES = 5
SETTLING_SECONDS = 1.0
PATHS = (
    "/",
    "/?order=newest",
    "/events.json",
    "/events.atom",
    "/api/events",
    "/?words=ferry+harbour",
    "/?words=%E5%9C%B0%E9%9C%87",
    "/events.json?words=ferry+harbour",
)
_CHINESE = "无人驾驶公交线今日开通地震渡轮冬季港口报道记者会议选举法院"


@dataclass(frozen=True)
class Row:
    """Milliseconds: of the first request, the median of some more, their least processor time, and the longest hold of
    the event loop."""

    path: str
    first: float
    median: float
    cpu: float
    loop: float
    kilobytes: float

    def __str__(self) -> str:
        return (
            f"{self.path:36} first {self.first:6.0f}  median {self.median:6.0f}  cpu {self.cpu:6.0f}  loop {self.loop:6.0f} ms"
            f"  {self.kilobytes:6.1f} kB"
        )


def mixed_day(count: int) -> list[Event]:
    """`busy_day` in three languages."""
    chance = random.Random(3)
    events = []
    for number, event in enumerate(busy_day(count)):
        if number % 3 == 1:
            events.append(_chinese(event, chance))
        elif number % 3 == 2:
            events.append(_french(event))
        else:
            events.append(event)
    return events


def _chinese(event: Event, chance: random.Random) -> Event:
    sources = tuple(
        replace(source, title="".join(chance.choices(_CHINESE, k=22)))
        for source in event.sources
    )
    title = sources[0].title
    return replace(event, lang="zh", title=title, lead=title * 4, sources=sources)


def _french(event: Event) -> Event:
    sources = tuple(
        replace(source, title=source.title.replace("e", "é"))
        for source in event.sources
    )
    title = sources[0].title
    return replace(event, lang="fr", title=title, lead=title * 3, sources=sources)


@contextlib.asynccontextmanager
async def _ticking() -> AsyncIterator[list[float]]:
    """The times between ticks of a clock on this event loop, as they come."""
    gaps: list[float] = []

    async def tick() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            gaps.append(now - last)
            last = now

    clock = asyncio.create_task(tick())
    try:
        yield gaps
    finally:
        clock.cancel()


async def bench(count: int) -> list[Row]:
    """A row for each of `PATHS`."""
    day = SampleDay(events_held=mixed_day(count))
    server = StatusServer(day, metrics=Metrics(), now=lambda: NOW)
    host, port = await server.start("127.0.0.1", 0)
    rows = []
    # As it comes: what is unpacked again says nothing of the wire.
    async with aiohttp.ClientSession(
        f"http://{host}:{port}",
        auto_decompress=False,
        headers={"Accept-Encoding": "gzip"},
    ) as session:
        for path in PATHS:
            rows.append(await _measured(session, path))
    await server.stop()
    return rows


async def _measured(session: aiohttp.ClientSession, path: str) -> Row:
    times = []
    processor_times = []
    size = 0
    async with _ticking() as gaps:
        for number in range(1 + TIMES):
            # Behind the very first page its events are prepared for a search.
            if number == 1 and path == PATHS[0]:
                await asyncio.sleep(SETTLING_SECONDS)
            began = time.perf_counter()
            used = time.process_time()
            async with session.get(path) as answer:
                size = len(await answer.read())
            times.append(1000 * (time.perf_counter() - began))
            processor_times.append(1000 * (time.process_time() - used))
    return Row(
        path,
        first=times[0],
        median=statistics.median(times[1:]),
        cpu=min(processor_times[1:]),
        loop=1000 * max(gaps, default=0),
        kilobytes=size / 1000,
    )


if __name__ == "__main__":
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    for row in asyncio.run(bench(asked)):
        print(row)
