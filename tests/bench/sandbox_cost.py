"""What the parsing children cost: start, memory, and the round trip of a document.

    python -m tests.bench.sandbox_cost [documents]

Prints the time to the first answer, seconds a document with children replaced every 50, and each child's memory; then
the processor time of handing over a body that is only counted.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from datetime import timedelta

import feedparser
import numpy  # noqa: F401  stands for what the daemon loads and children must not
import psutil
import redis  # noqa: F401

from aggregator.children.sandbox import Sandbox
from tests.bench.sandbox_function import entry_count

DOCUMENT = (
    b"<rss><channel>" + b"<item><title>one</title></item>" * 30 + b"</channel></rss>"
)
BODY = bytes(65_000)


def _sandbox(function: Callable[[bytes], int], **limits: int) -> Sandbox[bytes, int]:
    return Sandbox(
        function,
        processes=2,
        wall=timedelta(seconds=10),
        cpu=timedelta(seconds=5),
        memory_bytes=512 * 2**20,
        **limits,
    )


async def measure_hand_over(count: int) -> None:
    """Prints the milliseconds of processor time that a body takes the daemon and its children."""
    async with _sandbox(len) as sandbox:
        await asyncio.gather(*(sandbox.run(BODY) for _ in range(10)))
        before = _processor_times()
        await asyncio.gather(*(sandbox.run(BODY) for _ in range(count)))
        after = _processor_times()
    daemon, children = (
        1000 * (b - a) / count for a, b in zip(before, after, strict=True)
    )
    print(f"handed over: daemon {daemon:.2f} ms, children {children:.2f} ms")


def _processor_times() -> tuple[float, float]:
    """Seconds that this process and its children used."""
    daemon = psutil.Process()
    used = []
    for process in (daemon, *daemon.children(recursive=True)):
        times = process.cpu_times()
        used.append(times.user + times.system)
    return used[0], sum(used[1:])


async def measure(document_count: int) -> None:
    async with _sandbox(entry_count, most_documents=50) as sandbox:
        began = time.perf_counter()
        assert await sandbox.run(DOCUMENT) == len(feedparser.parse(DOCUMENT).entries)
        print(f"first answer after {time.perf_counter() - began:.2f} s")
        began = time.perf_counter()
        await asyncio.gather(*(sandbox.run(DOCUMENT) for _ in range(document_count)))
        print(f"{document_count} documents in {time.perf_counter() - began:.2f} s")
        for child in psutil.Process().children(recursive=True):
            memory = child.memory_full_info()
            print(
                f"child {child.pid}: own {memory.uss >> 20} MB, resident {memory.rss >> 20} MB, {' '.join(child.cmdline()[3:])[:40]}"
            )


if __name__ == "__main__":
    chosen_count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    asyncio.run(measure(chosen_count))
    asyncio.run(measure_hand_over(chosen_count))
