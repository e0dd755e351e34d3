"""What the stores cost: claims and commits, publications, the rebuild of the index, records to bytes and back.

    python -m tests.bench.engine_store [--feeds 20000] [--entries 5000] [--records 1000000] [--rounds 20000]

Prints one line for each measurement. The server is the embedded one in a temporary directory (AOF everysec), on the
same machine. Data are the same in each run (no chance in it).
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path

from aggregator.dedup.fingerprint import fingerprint
from aggregator.engine import wire
from aggregator.engine.client import connect
from aggregator.engine.embedded import EmbeddedServer
from aggregator.engine.scripts import script_hash
from aggregator.engine.store import Store
from aggregator.model import (
    Claim,
    DedupSettings,
    Entry,
    FingerprintRecord,
    Kind,
    KnownEntry,
    Message,
    Poll,
    PollState,
)
from aggregator.pipeline.matching import Matcher
from tests.bench.index_speed import stream
from tests.engine import making
from tests.engine.making import LEASE, NOW, SPACING

DOCUMENT = "".join(
    f"<p>Paragraph {number} of a document of five kilobytes.</p>\n"
    for number in range(90)
)
DISTINCT = 20_000
"""Fingerprints made for the rebuild; records beyond repeat them under other ids."""
CLAIM = 100
"""Feeds in one claim; the daemon asks for 64 at most."""


@contextmanager
def measured(what: str, count: int) -> Iterator[None]:
    start, used = time.perf_counter(), time.process_time()
    yield
    seconds, cpu = time.perf_counter() - start, time.process_time() - used
    print(
        f"{what}: {count} in {seconds:.2f} s, {count / seconds:,.0f}/s, {1e6 * cpu / count:.0f} µs of ours each",
        flush=True,
    )


async def on_a_server(run: Callable[[Store], Awaitable[None]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(Path(folder))
        await server.start()
        store = Store(connect(server.url))
        await store.engine.command("CONFIG", "SET", "slowlog-log-slower-than", 200)
        await store.engine.command("CONFIG", "SET", "slowlog-max-len", 10_000)
        try:
            await run(store)
            await print_script_costs(store)
        finally:
            await store.close()
            await server.stop()


async def print_script_costs(store: Store) -> None:
    """How long single scripts held the server, of those that took more than 0.2 ms."""
    hashes = {
        script_hash(name).encode(): name
        for name in ("due", "claim", "commit", "publish", "trim_stream")
    }
    taken: dict[str, list[float]] = {}
    for line in await store.engine.client.slowlog_get(10_000):
        words = line["command"].split(b" ", 2)
        if words[0] == b"EVALSHA" and words[1] in hashes:
            taken.setdefault(hashes[words[1]], []).append(line["duration"] / 1000)
    for name, times in sorted(taken.items()):
        middle = statistics.median(times)
        print(
            f"script {name}: {len(times)} over 0.2 ms, median {middle:.1f} ms, longest {max(times):.1f} ms",
            flush=True,
        )


async def bench_feeds(store: Store, feeds: int) -> None:
    """Claims of 100, and the two kinds of commit: an unchanged feed, and one with 30 known and 2 new entries."""
    hosts = {f"feed-{number}": f"host-{number}.example" for number in range(feeds)}
    with measured("register", feeds):
        await store.polls.register(dict.fromkeys(hosts, NOW))
    claims: list[Claim] = []
    with measured("claim", feeds):
        while found := (
            await store.polls.claim(CLAIM, hosts=hosts, lease=LEASE, spacing=SPACING)
        ).claims:
            claims += found
    with measured("commit, unchanged", feeds):
        await in_parallel(
            [
                store.polls.commit(making.commit(claim, host=hosts[claim.feed_id]))
                for claim in claims
            ]
        )
    claims = list(
        (
            await store.polls.claim_these(
                hosts,
                lease=LEASE,
                spacing=SPACING,
                now=await store.server_time() + LEASE,
            )
        ).claims
    )
    known = {
        f"{number:020x}": KnownEntry("0" * 32, NOW, last_seen_at=NOW)
        for number in range(30)
    }
    with measured("commit, 30 known and 2 new entries", len(claims)):
        await in_parallel(
            [
                store.polls.commit(full_commit(claim, place, known))
                for place, claim in enumerate(claims)
            ]
        )


def full_commit(claim: Claim, place: int, known: dict[str, KnownEntry]) -> Poll:
    entries = [
        making.entry(2 * place + part, feed_id=claim.feed_id, document=DOCUMENT)
        for part in range(2)
    ]
    return replace(making.commit(claim, *entries), known=known)


async def in_parallel(work: list[Awaitable[None]], width: int = 32) -> None:
    gate = asyncio.Semaphore(width)

    async def one(todo: Awaitable[None]) -> None:
        async with gate:
            await todo

    await asyncio.gather(*(one(todo) for todo in work))


async def bench_publish(store: Store, entries: int) -> None:
    """Entries of 5 KB from the entries stream to events, reports, fingerprints and channel."""
    await store.polls.register({"f0": NOW})
    for start in range(0, entries, 500):
        count = min(500, entries - start)
        claim = await making.claimed(store)
        await store.polls.commit(
            making.commit(
                claim,
                *(
                    making.entry(start + number, document=DOCUMENT)
                    for number in range(count)
                ),
            )
        )
    token = await making.leading(store)
    with measured("read and publish", entries):
        while waits := (await store.events.next_entries(100)).entries:
            await store.events.publish(
                token, [making.publication(*one) for one in waits]
            )
    store.use(
        retention=replace(store.engine.retention, max_stream_bytes=1024 * 1024),
        queues=(),
    )
    with measured("trim to 1 MiB, two streams", 2 * entries):
        await store.retention.trim()


async def bench_rebuild(store: Store, records: int) -> None:
    """The fingerprint log is filled in batches, and read into an index as the event stage does at its start."""
    packed = [
        fingerprint(entry).packed for entry in islice(stream(1), min(records, DISTINCT))
    ]
    for start in range(0, records, 1000):
        rows = [
            (
                "XADD",
                store.engine.keys.fingerprints,
                "*",
                "f",
                wire.record_bytes(record(n, packed[n % len(packed)])),
            )
            for n in range(start, start + 1000)
        ]
        await store.engine.many(rows)
    index = Matcher(DedupSettings())
    with measured("rebuild, fingerprint records read and learned", records):
        async for some in store.fingerprints.since(NOW - timedelta(days=3)):
            index.learn(some)
    assert len(index) >= records


def record(number: int, packed: bytes) -> FingerprintRecord:
    """One of many records: a fingerprint under an entry id of its own."""
    entry_id = f"{number:020x}"
    own = packed[:1] + entry_id.encode() + packed[1 + len(entry_id) :]
    return FingerprintRecord(
        entry_id, f"e{entry_id}", f"feed-{number % 1000}", NOW, own
    )


def bench_wire(rounds: int) -> None:
    """Records to bytes and back, without a server."""
    entry = making.entry(1, document=DOCUMENT)
    state, known = making.state("f0"), KnownEntry("0" * 32, NOW, last_seen_at=NOW)
    message: Message = making.message(Kind.NEW, entry, "e1")
    written = {
        "entry": wire.encode(entry),
        "state": wire.state_bytes(state),
        "known": wire.known_bytes(known),
        "fingerprint": wire.record_bytes(
            record(1, next(map(fingerprint, stream(1))).packed)
        ),
    }
    work: dict[str, Callable[[], object]] = {
        "entry, write": lambda: wire.encode(entry),
        "entry, read": lambda: wire.decode(Entry, written["entry"]),
        "state, write": lambda: wire.state_bytes(state),
        "state, read": lambda: wire.decode(PollState, written["state"]),
        "known entry, write": lambda: wire.known_bytes(known),
        "known entry, read": lambda: wire.known_entry(written["known"]),
        "fingerprint record, read": lambda: wire.fingerprint_record(
            written["fingerprint"]
        ),
        "message values": lambda: wire.message_values(
            wire.told_of(message), message.document
        ),
        "notification": lambda: wire.notification_json(wire.told_of(message)),
    }
    print(
        "bytes: " + ", ".join(f"{name} {len(data)}" for name, data in written.items())
    )
    for name, do in work.items():
        with measured(name, rounds):
            for _ in range(rounds):
                do()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--feeds", type=int, default=20_000)
    parser.add_argument("--entries", type=int, default=5_000)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=20_000)
    asked = parser.parse_args()
    bench_wire(asked.rounds)
    asyncio.run(on_a_server(lambda store: bench_feeds(store, asked.feeds)))
    asyncio.run(on_a_server(lambda store: bench_publish(store, asked.entries)))
    asyncio.run(on_a_server(lambda store: bench_rebuild(store, asked.records)))


if __name__ == "__main__":
    main()
