"""What `[dedup] meaning` costs: a headline's vector in the daemon's child process, and the search among the newest.

    python -m tests.bench.meaning_cost [--headlines 1000] [--batch 50]

Needs the extra `meaning`. The headlines are made up, the same each time.
"""

from __future__ import annotations

import argparse
import asyncio
import time

import numpy as np
import psutil

from aggregator.daemon.encoder import Encoder
from aggregator.dedup.neighbours import AMONG, neighbours
from aggregator.dedup.rows import BLOCK, MEANT_ROW, Rows, RowStore
from aggregator.watch.metrics import Metrics
from tests.bench.lookalikes import pairs

LEAD = "At least three people were hurt on Tuesday when it happened, officials of the region said in a first statement."
"""The lead of every entry: 19 words, as leads of feeds have."""


async def encoding(headlines: list[str], batch: int) -> tuple[float, float, int]:
    """(seconds, processor seconds, bytes of its own) that the child needs for the headlines, after its first one."""
    async with Encoder(Metrics()) as encoder:
        await encoder.encode([("A ship runs aground", "")])
        started, before = time.perf_counter(), _used()
        for i in range(0, len(headlines), batch):
            await encoder.encode(
                [
                    (title, f"{title}: {LEAD}"[:120])
                    for title in headlines[i : i + batch]
                ]
            )
        seconds = time.perf_counter() - started
        used = {
            child: spent - before.get(child, 0.0) for child, spent in _used().items()
        }
        busiest = max(used, key=lambda child: used[child])
        return seconds, used[busiest], busiest.memory_full_info().uss


def _used() -> dict[psutil.Process, float]:
    """Processor seconds that each child of this process has used; there may be others than the encoder's."""
    return {
        child: sum(child.cpu_times()[:2])
        for child in psutil.Process().children(recursive=True)
    }


def searching(batch: int) -> float:
    """Seconds for one batch among `AMONG` reports."""
    store = RowStore(MEANT_ROW)
    for seed in range(AMONG // BLOCK):
        store.append(_random_rows(BLOCK, seed))
    asked = _random_rows(batch, 99)
    started = time.perf_counter()
    neighbours(asked, store)
    return time.perf_counter() - started


def _random_rows(count: int, seed: int) -> Rows:
    rows = np.zeros(count, MEANT_ROW)
    rows["meaning"] = np.random.default_rng(seed).integers(
        0, 256, rows["meaning"].shape
    )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--headlines", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=50)
    asked = parser.parse_args()
    told = list(
        dict.fromkeys(
            text for _, a, b, _ in pairs(seed=1, rounds=60) for text in (a, b)
        )
    )[: asked.headlines]
    seconds, cpu, held = asyncio.run(encoding(told, asked.batch))
    each = 1000 / len(told)
    print(
        f"{len(told)} headlines: {seconds * each:.1f} ms each, {cpu * each:.1f} ms of processor time; {held >> 20} MB"
    )
    print(
        f"search among {AMONG}: {1000 * searching(asked.batch) / asked.batch:.2f} ms each, in batches of {asked.batch}"
    )


if __name__ == "__main__":
    main()
