"""The leading event worker follows operators' words: one at a time, between two batches, each whole.

Rules: the server's answer is what counts; the index takes a word in only after it was applied. A word that breaks us is
refused with the reason, never left to stop what is behind it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from aggregator.daemon.clock import Clock
from aggregator.engine.ruling_store import Asked
from aggregator.engine.store import Store
from aggregator.errors import EngineError, StaleToken, UnreadableRecord
from aggregator.model import Event, Queue, RulingPublication, RulingRequest
from aggregator.pipeline.known import Reports
from aggregator.pipeline.matching import Matcher
from aggregator.pipeline.ruling import Case, refused, ruled

log = structlog.get_logger()

BEFORE_EVENT = timedelta(hours=1)
"""How long before an event was first seen its messages are looked for: the clocks of a worker and the server differ."""
ROWS_READ = 2000
"""Messages read between two times of keeping the lead: 20,000 of 13 KB (257 MB) took 1.5 s to look through."""


Meanwhile = Callable[[], Awaitable[None]]


async def follow(
    asked: Asked,
    store: Store,
    token: int,
    index: Matcher,
    *,
    queues: tuple[Queue, ...],
    clock: Clock,
    meanwhile: Meanwhile,
) -> RulingPublication | None:
    """Applies a word and answers it; the index follows. None: it was answered before, and the index may be behind.

    Raises EngineError, StaleToken. `meanwhile` is called now and then while messages are read.
    """
    publication = await _consequence(
        asked,
        store,
        index,
        queues=queues,
        now=clock.now(),
        meanwhile=meanwhile,
    )
    if not await store.rulings.rule(token, publication, now=clock.for_engine()):
        return None
    if publication.ruling is not None:
        index.obey(publication.ruling)
    log.info(
        "operator_ruled",
        ruling_id=publication.ruling_id,
        state=publication.answer.state.value,
        text=publication.answer.text,
    )
    return publication


async def _consequence(
    asked: Asked,
    store: Store,
    index: Matcher,
    *,
    queues: tuple[Queue, ...],
    now: datetime,
    meanwhile: Meanwhile,
) -> RulingPublication:
    """What follows from a request. Raises EngineError; a fault of ours refuses the request."""
    request = asked.request
    if request is None:
        text = f"the request cannot be read: {asked.why}"
        return refused(asked.stream_id, asked.ruling_id, text)
    try:
        events = await _named_events(store, request)
        reports = await reports_of(store, list(events.values()), meanwhile)
        apart: dict[str, None] = {}
        for event in events.values():
            apart |= dict.fromkeys(index.apart_of(event.event_id))
        case = Case(
            asked.stream_id,
            request,
            events,
            reports,
            tuple(apart),
            queues,
            now,
        )
        return ruled(case)
    except UnreadableRecord as error:
        return refused(asked.stream_id, asked.ruling_id, str(error))
    except (EngineError, StaleToken):
        raise
    except Exception as error:
        log.exception("ruling_broke", ruling_id=asked.ruling_id)
        text = f"the event worker failed at it: {type(error).__name__}: {error}; please report it"
        return refused(asked.stream_id, asked.ruling_id, text)


async def _named_events(store: Store, request: RulingRequest) -> dict[str, Event]:
    """The events that the request speaks of, by the names it has for them; what is not kept is missing."""
    names = request.names
    if request.into:
        names = (*names, request.into)
    events: dict[str, Event] = {}
    for name in names:
        event = await store.events.named(name)
        if event is not None:
            events[name] = event
    return events


async def reports_of(
    store: Store,
    events: list[Event],
    meanwhile: Meanwhile,
) -> Reports:
    """What the reports stream tells of the reports of these events."""
    feed_ids: set[str] = set()
    for event in events:
        feed_ids |= {source.feed_id for source in event.sources}
    states = await store.polls.states(sorted(feed_ids))
    feed_urls = {
        feed_id: state.configured_url for feed_id, state in states.items() if state
    }
    event_ids = [event.event_id for event in events]
    reports = Reports(event_ids, await store.events.aliases(), feed_urls)
    if not events:
        return reports
    since = min(event.first_seen_at for event in events) - BEFORE_EVENT
    count = 0
    async for row in store.watch.rows("reports", since):
        # Of most rows two fields are enough: only what concerns the events is decoded.
        if reports.concerns(
            entry_id=row.fields.get("entry_id", ""),
            event_id=row.fields.get("event_id", ""),
        ):
            message = store.watch.message_of(row)
            if message is not None:
                reports.add(message)
        count += 1
        if count % ROWS_READ == 0:
            # The lead lapses after 15 s of silence, and polls want their turn.
            await meanwhile()
    return reports
