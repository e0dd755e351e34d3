"""A clock that was ahead and is put back: nobody waits for what was set by it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aggregator.engine.store import Store
from tests.engine.making import LEASE, NOW, SPACING, claimed

HOUR = timedelta(hours=1)


async def test_a_host_asked_by_the_clock_that_was_ahead_is_free(store: Store) -> None:
    await claimed(store, "f0", host="h", now=NOW + 2 * HOUR)
    await store.polls.register({"f0": NOW, "f1": NOW})
    found = await store.polls.claim(
        9, hosts={"f1": "h"}, lease=LEASE, spacing=SPACING, now=NOW
    )
    assert [claim.feed_id for claim in found.claims] == ["f1"]


async def test_a_host_is_spaced_and_a_connection_open_as_long_as_the_clock_goes_on(
    store: Store,
) -> None:
    await claimed(store, "f0", host="h", now=NOW)
    await store.polls.register({"f0": NOW, "f1": NOW})
    found = await store.polls.claim(
        9, hosts={"f1": "h"}, lease=LEASE, spacing=SPACING, now=NOW + LEASE / 2
    )
    assert not found.claims


async def test_a_claim_by_the_clock_that_was_ahead_does_not_bar_the_feed(
    store: Store,
) -> None:
    await claimed(store, "f0", now=NOW + 2 * HOUR)
    await store.polls.set_due_times({"f0": NOW}, now=NOW)
    found = await store.polls.claim(
        9, hosts={"f0": ""}, lease=LEASE, spacing=SPACING, now=NOW
    )
    assert [claim.feed_id for claim in found.claims] == ["f0"]


async def test_the_due_times_of_feeds_that_are_being_polled_are_left_to_their_polls(
    store: Store,
) -> None:
    await claimed(store, "f0", now=NOW)
    await store.polls.register({"f0": NOW, "f1": NOW})
    await store.polls.set_due_times({"f0": NOW, "f1": NOW + HOUR}, now=NOW)
    assert await store.polls.due_times(["f0", "f1"]) == {
        "f0": NOW + LEASE,
        "f1": NOW + HOUR,
    }


@pytest.mark.parametrize(
    ("back", "leads"), [(timedelta(seconds=5), False), (HOUR, True)]
)
async def test_a_lead_taken_by_the_clock_that_was_ahead_lapses(
    store: Store, back: timedelta, leads: bool
) -> None:
    first = await store.events.lead("a", LEASE, now=NOW)
    second = await store.events.lead("b", LEASE, now=NOW - back)
    assert (second is not None) is leads
    assert first is not None
    assert second is None or second > first
