"""Telling the server which feeds there are: at the start, and after each change of feeds.toml.

Rules: a feed that was polled before keeps its due time, unless its address or its bounds say otherwise; new ones are
spread, so that a long list of feeds is no burst of requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from aggregator.daemon.clock import Clock
from aggregator.engine.store import Store
from aggregator.model import Feed, PollState
from aggregator.poll import schedule


async def registered(
    store: Store, feeds: Mapping[str, Feed], hosts: dict[str, str], *, clock: Clock, at_once: bool
) -> Mapping[str, PollState]:
    """Make exactly these feeds known; `hosts` gets the host of each address that a feed has moved to.

    `at_once`: new ones are due now. Answers the states of those polled before. Raises EngineError.
    """
    now = clock.now()
    states = {feed_id: state for feed_id, state in (await store.states(list(feeds))).items() if state is not None}
    fresh = max(len(feeds) - len(states), 1)
    due: dict[str, datetime] = {}
    readdressed: dict[str, datetime | None] = {}
    for feed_id, feed in feeds.items():
        state = states.get(feed_id)
        if state is None:
            due[feed_id] = now if at_once else schedule.first_due_at(feed, now=now, feed_count=fresh)
            continue
        current = schedule.with_feed(state, feed)
        hosts[feed_id] = schedule.host_of(current.url)
        due_at = schedule.due_at(feed, current, now=now)
        due[feed_id] = due_at or now
        if current is not state:
            readdressed[feed_id] = due_at
    await store.register(due)
    for feed_id, due_at in readdressed.items():
        await store.set_due(feed_id, due_at, now=clock.for_engine())
    return states
