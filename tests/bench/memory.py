"""What a daemon holds in memory: with few feeds and an empty window, and with many of both.

    python -m tests.bench.memory [--feeds 40 10000] [--windows 0 100000] [--idle 5]

For each pair the daemon is started on a server that knows so many feeds, none of them due, and holds the fingerprints
of so many reports (the stream of `index_speed`); once its index is loaded and `--idle` seconds have passed, the
proportional set sizes of the daemon and of its children are read, in MB, the server apart. By words alone. What its
first polls load (languages, forests, vectors of words) is not in it: `tests.bench.soak` shows that.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice

import psutil

from aggregator.dedup.backtest import event_id
from aggregator.dedup.fingerprint import fingerprint
from aggregator.engine import wire
from aggregator.engine.store import Store
from aggregator.model import FingerprintRecord
from tests.bench import scale_out
from tests.bench.index_speed import stream
from tests.bench.measuring import print_table

HEADINGS = ("feeds", "window", "daemon MB", "children MB")
PAGE = 1000
SPAN = timedelta(days=2)
"""How long ago the first report of the window was seen, so that none of them leaves it."""


def records(count: int) -> Iterator[bytes]:
    """Packed records of the fingerprint log, each of an event of its own, in order of time."""
    now = datetime.now(UTC)
    for number, entry in enumerate(islice(stream(1), count)):
        at = now - SPAN * (1 - number / count)
        entry = replace(entry, first_seen_at=at, matched_at=at)
        yield wire.record_bytes(
            FingerprintRecord(
                entry.entry_id,
                event_id(entry.entry_id),
                entry.feed_id,
                at,
                fingerprint(entry).packed,
            )
        )


async def fill(store: Store, count: int) -> None:
    """Put the records of so many reports into the fingerprint log."""
    key = store.engine.keys.fingerprints
    left = records(count)
    while page := list(islice(left, PAGE)):
        await store.engine.many([("XADD", key, "*", "f", record) for record in page])


async def measured(feeds: int, window: int, idle_s: float) -> tuple[object, ...]:
    """A row of the table."""
    async with scale_out.installation(1, feeds) as place:
        await fill(place.store, window)
        program = place.start("all", "all")

        async def is_loaded() -> bool:
            await program.is_ready()
            return '"index_loaded"' in program.log.read_text()

        try:
            await scale_out.until(is_loaded)
            await asyncio.sleep(idle_s)
            daemon = psutil.Process(program.process.pid)
            children = [
                child.memory_full_info().pss / 1e6
                for child in daemon.children(recursive=True)
            ]
            own = daemon.memory_full_info().pss / 1e6
        finally:
            program.end()
    return f"{feeds:,}", f"{window:,}", own, sum(children)


async def bench(
    *, feeds: Sequence[int], windows: Sequence[int], idle_s: float
) -> list[tuple[object, ...]]:
    return [
        await measured(*sizes, idle_s) for sizes in zip(feeds, windows, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--feeds", type=int, nargs="*", default=[40, 10_000])
    parser.add_argument("--windows", type=int, nargs="*", default=[0, 100_000])
    parser.add_argument("--idle", type=float, default=5)
    given = parser.parse_args()
    rows = asyncio.run(
        bench(feeds=given.feeds, windows=given.windows, idle_s=given.idle)
    )
    print_table(HEADINGS, rows, command="python -m tests.bench.memory")


if __name__ == "__main__":
    main()
