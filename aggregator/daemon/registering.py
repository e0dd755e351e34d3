"""Telling the server which feeds there are: at the start, after each change of feeds.toml, and when it forgot them.

Rules: a feed that was polled before keeps its due time, unless its address, its bounds or the clock have changed since
(`restart`): then what the core works out is set, whatever stands there. New ones are spread, so that a long list
of feeds is no burst of requests. A server that came back empty (FLUSHALL, a restart without persistence, a fail-over to
an empty replica), that evicted the due set, or that is another one, is told of them again, and that is told in
`agg:trouble`: what was seen before is lost, so it is published again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import structlog

from aggregator.daemon.clock import Clock
from aggregator.engine.registration import Registered
from aggregator.engine.store import Store
from aggregator.hosts import host_of
from aggregator.model import Feed, Notice, PollState
from aggregator.schedule import restart
from aggregator.schedule.bounds import first_due_at
from aggregator.schedule.request import with_feed

log = structlog.get_logger()

PATIENCE = timedelta(seconds=15)
"""How long feeds may be missing while the mark of the installation stands: a worker that reloads a feeds.toml with
fewer feeds takes theirs from others, which read the same file within three seconds. A guess."""


async def registered(
    store: Store,
    feeds: Mapping[str, Feed],
    hosts: dict[str, str],
    *,
    clock: Clock,
    at_once: bool,
) -> Mapping[str, PollState]:
    """Make exactly these feeds known; `hosts` gets the host of each address that a feed has moved to.

    `at_once`: new ones are due now. Answers the states of those polled before. Raises EngineError.
    """
    now = clock.now()
    stored = await store.polls.states(list(feeds))
    states = {name: state for name, state in stored.items() if state is not None}
    new_count = max(len(feeds) - len(states), 1)
    due: dict[str, datetime] = {}
    changed: dict[str, datetime | None] = {}
    for feed_id, feed in feeds.items():
        state = states.get(feed_id)
        if state is None:
            due[feed_id] = now
            if not at_once:
                due[feed_id] = first_due_at(feed, now=now, feed_count=new_count)
            continue
        current = with_feed(state, feed)
        hosts[feed_id] = host_of(current.url)
        due_at = restart.due_at(
            feed,
            current,
            now=now,
            feed_count=len(feeds),
        )
        due[feed_id] = due_at or now
        # Registering leaves what stands: a due time that the core changed has to be set.
        if current is not state or due_at not in (None, state.next_poll_at):
            changed[feed_id] = due_at
    await store.polls.register(due)
    await store.polls.set_due_times(changed, now=clock.for_engine())
    return states


class Registration:
    """Keeps the server told of one worker's feeds; call `keep` at every tick."""

    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = asyncio.Lock()
        self._registered: object = None
        """The configuration whose feeds were registered."""
        self._mark = ""
        self._short_since: float | None = None
        self.trouble = "the feeds are not registered yet"
        """Why the server does not know all of our feeds, for `/readyz`; empty when it does."""

    async def keep(
        self,
        configuration: object,
        feeds: Mapping[str, Feed],
        register: Callable[[], Awaitable[None]],
    ) -> None:
        """Register the feeds of a new configuration, or again where the server has lost them. Raises EngineError."""
        async with self._lock:
            if self._registered is not configuration:
                await register()
                self._mark = await self._store.registration.mark_installation(
                    "", (), at=self._clock.now()
                )
                self._registered = configuration
                self._all_is_well()
                return
            standing = await self._store.registration.standing()
            if self._has_lost(standing, len(feeds)):
                await self._again(standing, feeds, register)

    def _all_is_well(self) -> None:
        self.trouble = ""
        self._short_since = None

    def forget(self) -> None:
        """Register at the next tick whatever stands there: the clock was set, by which due times were worked out."""
        self._registered = None

    def _has_lost(self, standing: Registered, count: int) -> bool:
        """Whether the server is to be told again; notes what is missing meanwhile."""
        # It came back empty, was set up anew, or another server stands behind the address.
        if standing.mark != self._mark:
            return True
        if standing.feed_count >= count:
            self._all_is_well()
            return False
        now = asyncio.get_running_loop().time()
        self._short_since = self._short_since or now
        self.trouble = f"the Redis server knows {standing.feed_count} of {count} feeds"
        if standing.feed_count == 0:
            return True
        # Another worker with an older feeds.toml may have taken ours out a moment ago, and will put them back.
        return now - self._short_since > PATIENCE.total_seconds()

    async def _again(
        self,
        standing: Registered,
        feeds: Mapping[str, Feed],
        register: Callable[[], Awaitable[None]],
    ) -> None:
        missing = await self._store.registration.unregistered(list(feeds))
        known_count = len(feeds) - len(missing)
        self.trouble = f"the Redis server knows {known_count} of {len(feeds)} feeds"
        notices: list[Notice] = []
        before = ""
        if missing or not standing.mark:
            notices.append(_loss_notice(standing, len(missing), len(feeds)))
            before = standing.mark
        await register()
        # One of several workers tells it: the one that replaces the mark that all of them saw.
        self._mark = await self._store.registration.mark_installation(
            before, notices, at=self._clock.now()
        )
        self._all_is_well()
        for notice in notices:
            log.error(
                "feeds_registered_again",
                feeds=len(feeds),
                missing=len(missing),
                detail=notice.detail,
            )


def _loss_notice(
    standing: Registered,
    missing: int,
    count: int,
) -> Notice:
    known_count = count - missing
    what = "is another one, or lost data"
    if missing == count and not standing.mark:
        what = "came back empty"
    detail = (
        f"the Redis server {what}: it knew {known_count} of {count} feeds; they are registered again, what their "
        "publishers still list is published again; consumer groups that are gone have to be made again"
    )
    others_count = standing.feed_count - known_count
    if others_count > 0:
        detail += (
            f"; {others_count} feeds there are not ours: if another aggregator with another feeds.toml works on it, "
            "each takes the other's out: give one of them a state_dir (or redis_url, or key_prefix) of its own"
        )
    return Notice(
        "dropped",
        "",
        "",
        detail,
    )
