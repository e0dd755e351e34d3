"""What the parsing children cost: start, memory, and the round trip of a document.

    python -m tests.bench.sandbox_cost [documents]

Prints the time to the first answer, seconds a document with children replaced every 50, and each child's memory.
"""

from __future__ import annotations

import asyncio
import sys
import time
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


async def measure(document_count: int) -> None:
    sandbox = Sandbox(
        entry_count,
        processes=2,
        wall=timedelta(seconds=10),
        cpu=timedelta(seconds=5),
        memory_bytes=512 * 2**20,
        most_documents=50,
    )
    async with sandbox:
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
    asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 400))
