"""What the page remembers of the reports stream is what the server holds, after every change."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aggregator.daemon.recent import RecentReports
from aggregator.engine.client import Client
from aggregator.engine.store import Store
from aggregator.model import EPOCH, Kind
from tests.engine import making
from tests.engine.making import entry
from tests.engine.test_event_store import merge


@pytest.fixture
async def store(redis_client: Client) -> Store:
    return Store(redis_client, prefix="{agg}")


async def same_as_read_whole(recent: RecentReports, store: Store) -> None:
    kept = sorted(event.event_id for event in await recent.events(EPOCH))
    assert kept == sorted(
        event.event_id for event in await store.watch.events_since(EPOCH)
    )


async def test_what_came_since_is_read_and_nothing_twice(store: Store) -> None:
    recent = RecentReports(store)
    assert await recent.events(EPOCH) == []
    for first in range(0, 1200, 600):
        await making.published(
            store, *(entry(number) for number in range(first, first + 600))
        )
        assert len(await recent.events(EPOCH)) == first + 600
        assert len(await recent.verdicts(EPOCH)) == first + 600
    await same_as_read_whole(recent, store)


async def test_a_merge_takes_the_absorbed_event_off_the_page(store: Store) -> None:
    recent = RecentReports(store)
    one, two = await making.published(store, entry(1), entry(2))
    assert len(await recent.events(EPOCH)) == 2
    await merge(store, one, two, 3)
    [event] = await recent.events(EPOCH)
    assert event.event_id == one.event_id
    await same_as_read_whole(recent, store)


async def test_a_report_that_joins_renews_its_event(store: Store) -> None:
    recent = RecentReports(store)
    [one] = await making.published(store, entry(1))
    await recent.events(EPOCH)
    ((stream_id, second),) = await making.waiting(store, entry(2))
    joined = making.publication(
        stream_id, second, event_id=one.event_id, kind=Kind.JOINED
    )
    await store.events.publish(await making.leading(store), [joined])
    [event] = await recent.events(EPOCH)
    assert event.sources[-1].entry_id == second.entry_id
    assert [verdict.kind for verdict in await recent.verdicts(EPOCH)] == [
        Kind.NEW,
        Kind.JOINED,
    ]


async def test_a_server_that_lost_its_data_is_believed_after_a_while(
    store: Store,
) -> None:
    recent = RecentReports(store)
    await making.published(store, entry(1))
    await recent.events(EPOCH)
    await store.engine.command("FLUSHALL")
    recent._until = 0.0  # READ_ANEW has passed
    assert await recent.events(EPOCH) == []


async def test_only_what_was_told_since_counts(store: Store) -> None:
    recent = RecentReports(store)
    await making.published(store, entry(1))
    now = await store.server_time()
    assert len(await recent.events(now - timedelta(minutes=1))) == 1
    assert await recent.events(now + timedelta(minutes=1)) == []
    assert len(await recent.events(EPOCH)) == 1, "who asks further back gets it"
