"""Following what a daemon publishes, for the person at its terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from aggregator.cli import naming
from aggregator.cli.people import People
from aggregator.engine.store import Store
from aggregator.engine.watch_store import Row
from aggregator.errors import EngineError
from aggregator.model import Digest, DigestEvent, Event, Message

BLOCK = timedelta(seconds=1)
RETRY_SECONDS = 2.0
ROUND_PATIENCE_SECONDS = 180.0
"""How long the first round may take before what it brought so far is told: six fetch time limits."""


async def follow(
    store: Store,
    people: People,
    *,
    feed_ids: Callable[[], Sequence[str]],
) -> None:
    """Tell of the first round, then of events and digests as they come; goes on by itself after the server was away."""
    begun_at, last_ids = await _started(store, people, feed_ids)
    while True:
        try:
            rows = await store.watch.tail(last_ids, block=BLOCK)
            for row in rows:
                last_ids[row.stream] = row.stream_id
            await _tell(store, people, rows)
            if people.is_round_open:
                await _end_round(store, people, begun_at)
        except EngineError:  # the daemon's own log line says so
            await asyncio.sleep(RETRY_SECONDS)


async def _started(
    store: Store,
    people: People,
    feed_ids: Callable[[], Sequence[str]],
) -> tuple[datetime, dict[str, str]]:
    while True:
        try:
            begun_at = await store.server_time()
            last_ids = await store.watch.last_ids(["reports", "digest"])
            asked = await due_feeds(store, feed_ids())
            people.begin_round(asked, next_at=await _next_at(store, feed_ids()))
        except EngineError:  # it is loading its data, for one
            await asyncio.sleep(RETRY_SECONDS)
        else:
            return begun_at, last_ids


async def due_feeds(
    store: Store,
    feed_ids: Sequence[str],
) -> list[str]:
    """Those that are due now, or were never asked: new ones are spread over the first seconds."""
    now = await store.server_time()
    due_times = await store.polls.due_times(feed_ids)
    states = await store.polls.states(feed_ids)
    due: list[str] = []
    for feed_id in feed_ids:
        due_at = due_times[feed_id]
        # New feeds are spread over the first seconds, and belong to the first round all the same.
        is_new = states[feed_id] is None
        is_due = due_at is not None and due_at <= now
        if is_new or is_due:
            due.append(feed_id)
    return due


async def _next_at(
    store: Store,
    feed_ids: Sequence[str],
) -> datetime | None:
    due_times = await store.polls.due_times(feed_ids)
    return min(filter(None, due_times.values()), default=None)


async def _end_round(store: Store, people: People, begun_at: datetime) -> None:
    if people.is_round_over(
        waiting_count=await store.events.waiting_count(),
        patience=ROUND_PATIENCE_SECONDS,
    ):
        events = await store.watch.events_since(begun_at)
        await _learn_titles(store, people, events)
        people.end_round(events)


async def _tell(
    store: Store,
    people: People,
    rows: Sequence[Row],
) -> None:
    messages: list[Message] = []
    digests: list[Digest] = []
    for row in rows:
        if row.stream == "digest":
            digest = store.watch.digest_of(row)
            if digest is not None:
                digests.append(digest)
        else:
            message = store.watch.message_of(row)
            if message is not None:
                messages.append(message)
    await _learn_titles(store, people, messages)
    # Together, since a batch tells only so many single reports.
    people.messages(messages)
    for digest in digests:
        await _learn_titles(store, people, digest.events)
        people.digest(digest)


async def _learn_titles(
    store: Store,
    people: People,
    events: Sequence[Event | DigestEvent | Message],
) -> None:
    """Only of those that are told of: there may be a hundred thousand feeds."""
    for event in events:
        feed_ids = people.nameless(event.sources)
        if feed_ids:
            people.learn_titles(await naming.feed_titles(store, feed_ids))
