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
from aggregator.model import Event, Queue, RulingPublication
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
    done = await _consequence(
        asked, store, index, queues=queues, now=clock.now(), meanwhile=meanwhile
    )
    if not await store.rulings.rule(token, done, now=clock.for_engine()):
        return None
    if done.ruling is not None:
        index.obey(done.ruling)
    log.info(
        "operator_ruled",
        ruling_id=done.ruling_id,
        state=done.answer.state.value,
        text=done.answer.text,
    )
    return done


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
    if asked.request is None:
        return refused(
            asked.stream_id, asked.ruling_id, f"the request cannot be read: {asked.why}"
        )
    try:
        request = asked.request
        names = (*request.names, request.into) if request.into else request.names
        events = {
            name: event
            for name in names
            if (event := await store.events.named(name)) is not None
        }
        reports = await reports_of(store, list(events.values()), meanwhile)
        apart = tuple(
            dict.fromkeys(
                other
                for event in events.values()
                for other in index.apart_of(event.event_id)
            )
        )
        return ruled(
            Case(asked.stream_id, request, events, reports, apart, queues, now)
        )
    except UnreadableRecord as error:
        return refused(asked.stream_id, asked.ruling_id, str(error))
    except (EngineError, StaleToken):
        raise
    except Exception as error:
        log.exception("ruling_broke", ruling_id=asked.ruling_id)
        text = f"the event worker failed at it: {type(error).__name__}: {error}; please report it"
        return refused(asked.stream_id, asked.ruling_id, text)


async def reports_of(
    store: Store, events: list[Event], meanwhile: Meanwhile
) -> Reports:
    """What the reports stream tells of the reports of these events."""
    states = await store.polls.states(
        sorted({s.feed_id for event in events for s in event.sources})
    )
    feed_urls = {
        feed_id: state.configured_url for feed_id, state in states.items() if state
    }
    reports = Reports(
        [event.event_id for event in events], await store.events.aliases(), feed_urls
    )
    if not events:
        return reports
    since = min(event.first_seen_at for event in events) - BEFORE_EVENT
    count = 0
    async for row in store.watch.rows("reports", since):
        if reports.concerns(
            entry_id=row.fields.get("entry_id", ""),
            event_id=row.fields.get("event_id", ""),
        ):
            message = store.watch.message_of(row)
            if message is not None:
                reports.add(message)
        count += 1
        if count % ROWS_READ == 0:
            await meanwhile()
    return reports
