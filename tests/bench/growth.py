"""What one more poll, entry and archived document cost, as there are more of each already: flat, or not.

    python -m tests.bench.growth [--sizes 1000 10000 100000] [--sample 300]

`poll`: claim and commit of a feed that answered 304, with so many feeds registered and due; ours and the server's.
`entry`: matching and adding one entry, with so many in the window (the stream of `index_speed`, fixed seed). `document`:
what `archive_dir` works out for a new one, with so many there. Milliseconds of processor time each, the mean of a
sample; the last line has the largest size over the smallest.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import process_time

from aggregator.dedup.index import Index
from aggregator.engine.store import Store
from aggregator.entry.files import Catalog
from aggregator.model import DedupSettings, Kind, Message
from tests.bench.index_speed import filled, measured, stream
from tests.bench.measuring import print_table, server_seconds, store_on_a_server
from tests.engine import making
from tests.engine.making import LEASE, NOW

HEADINGS = ("there are", "poll, ours ms", "poll, server ms", "entry ms", "document ms")
CLAIM = 64


@dataclass(frozen=True, slots=True)
class Costs:
    """Milliseconds of one more, with `size` there."""

    size: int
    poll_ms: float
    server_ms: float
    entry_ms: float
    document_ms: float

    def cells(self) -> list[object]:
        return [
            f"{self.size:,}",
            self.poll_ms,
            self.server_ms,
            self.entry_ms,
            self.document_ms,
        ]


async def bench(*, sizes: Sequence[int], sample: int) -> list[Costs]:
    costs = []
    for size in sizes:
        async with store_on_a_server() as store:
            poll_ms, server_ms = await _poll_ms(store, size, min(sample, size))
        costs.append(
            Costs(
                size,
                poll_ms,
                server_ms,
                _entry_ms(size, sample),
                _document_ms(size, sample),
            )
        )
    return costs


def _milliseconds(do: Callable[[], object], count: int) -> float:
    begun = process_time()
    do()
    return 1000 * (process_time() - begun) / count


async def _poll_ms(store: Store, size: int, sample: int) -> tuple[float, float]:
    hosts = {f"f{number}": f"h{number}.example" for number in range(size)}
    await store.polls.register(dict.fromkeys(hosts, NOW))
    polled_count = 0
    ours, server = process_time(), await server_seconds(store)
    while polled_count < sample:
        limit = min(CLAIM, sample - polled_count)
        claims = (
            await store.polls.claim(
                limit, hosts=hosts, lease=LEASE, spacing=making.SPACING
            )
        ).claims
        for claim in claims:
            await store.polls.commit(
                making.commit(
                    claim, host=hosts[claim.feed_id], due_at=NOW.replace(year=2099)
                )
            )
        polled_count += len(claims)
    ours, server = process_time() - ours, await server_seconds(store) - server
    return 1000 * ours / sample, 1000 * server / sample


def _entry_ms(size: int, sample: int) -> float:
    settings = DedupSettings(window=timedelta(days=365))
    entries, index = stream(1), Index(settings)
    filled(entries, index, max(size - sample, 0))
    _, seconds = measured(entries, index, settings, sample)
    return 1000 * seconds


def _document_ms(size: int, sample: int) -> float:
    catalog = Catalog()
    catalog.apply(_message(number) for number in range(size))
    fresh = [_message(number) for number in range(size, size + sample)]
    return _milliseconds(lambda: catalog.apply(fresh), sample)


def _message(number: int) -> Message:
    return making.message(Kind.NEW, making.entry(number, document="text"), f"e{number}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000]
    )
    parser.add_argument("--sample", type=int, default=300)
    given = parser.parse_args()
    costs = asyncio.run(bench(sizes=given.sizes, sample=given.sample))
    rows = [cost.cells() for cost in costs]
    rows.append(["largest / smallest", *growth(costs[0], costs[-1])])
    sizes = " ".join(map(str, given.sizes))
    print_table(
        HEADINGS,
        rows,
        command=f"python -m tests.bench.growth --sizes {sizes} --sample {given.sample}",
    )


def growth(smallest: Costs, largest: Costs) -> list[float]:
    """How many times the cost of each column grew."""
    names = ("poll_ms", "server_ms", "entry_ms", "document_ms")
    return [
        getattr(largest, name) / max(getattr(smallest, name), 1e-6) for name in names
    ]


if __name__ == "__main__":
    main()
