"""A poll worker or an event worker as a process of its own, with nothing between it and the store.

    python -m tests.engine.worker poll URL WORKER FEEDS
    python -m tests.engine.worker event URL WORKER FEEDS

A poll worker claims feeds until each has been committed, two entries a feed. An event worker leads when it may, and
publishes until everything is; it prints `leads` when it begins to. Both end by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from datetime import UTC, datetime, timedelta

from aggregator.engine.client import connect
from aggregator.engine.store import Store
from aggregator.errors import EngineDown, StaleToken
from tests.engine import making

LEASE = timedelta(seconds=2)
EACH = 2
PARKED = datetime(2100, 1, 1, tzinfo=UTC)


def names(count: int) -> dict[str, str]:
    return {f"feed-{number}": f"host-{number}.example" for number in range(count)}


async def poll(store: Store, feeds: int) -> None:
    hosts = names(feeds)
    while (await store.polls.next_due_at() or PARKED) < PARKED:
        found = await store.polls.claim(
            100, hosts=hosts, lease=LEASE, spacing=timedelta(0)
        )
        for claim in found.claims:
            number = int(claim.feed_id.removeprefix("feed-"))
            entries = [
                making.entry(number * EACH + part, feed_id=claim.feed_id)
                for part in range(EACH)
            ]
            with contextlib.suppress(StaleToken):
                await store.polls.commit(
                    making.commit(
                        claim, *entries, host=hosts[claim.feed_id], due_at=PARKED
                    )
                )
        if not found.claims:
            await asyncio.sleep(0.05)


async def lead(store: Store, worker: str, feeds: int) -> None:
    while await store.engine.command("XLEN", store.engine.keys.events) < feeds * EACH:
        token = await store.events.lead(worker, LEASE)
        if token is None:
            await asyncio.sleep(0.1)
            continue
        print("leads", flush=True)
        with contextlib.suppress(StaleToken):
            await publish(store, token, feeds)


async def publish(store: Store, token: int, feeds: int) -> None:
    while await store.engine.command("XLEN", store.engine.keys.events) < feeds * EACH:
        await store.events.renew(token, LEASE)
        waits = (
            await store.events.next_entries(64, block=timedelta(milliseconds=200))
        ).entries
        await store.events.publish(token, [making.publication(*one) for one in waits])


async def main(role: str, url: str, worker: str, feeds: int) -> None:
    store = Store(connect(url))
    while True:
        with contextlib.suppress(EngineDown):
            await (poll(store, feeds) if role == "poll" else lead(store, worker, feeds))
            break
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
