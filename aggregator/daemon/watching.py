"""What the status port and the digest see of the daemon: reads over the store, and the digest's making."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from aggregator.daemon.clock import Clock
from aggregator.daemon.cron import WallClockCron
from aggregator.daemon.nearness import Encode, Nearness
from aggregator.daemon.recent import RecentReports
from aggregator.daemon.ruling import BEFORE_EVENT
from aggregator.engine.store import Store
from aggregator.errors import EngineError
from aggregator.model import (
    Digest,
    DigestSettings,
    Event,
    Feed,
    Kind,
    Message,
    PollState,
    Ruling,
    Totals,
    Verdict,
)
from aggregator.pipeline.known import OPERATOR
from aggregator.watch.digest import digest, log_fields, passes
from aggregator.watch.digest_files import DigestFiles
from aggregator.watch.progress import Progress

log = structlog.get_logger()

LIVE_BLOCK = timedelta(seconds=2)
LIVE_RETRY_SECONDS = 2.0
_UNKNOWN_PERIOD = timedelta(hours=1)
"""Of a cron expression that never comes twice ("0 0 30 2 *"). A guess."""


class Watching:
    """The daemon as the status port asks it (`watch.http.Watched`)."""

    def __init__(
        self,
        *,
        store: Store,
        feeds: Callable[[], Sequence[Feed]],
        troubles: Callable[[], Sequence[str]],
        progress: Progress,
        clock: Clock,
        encode: Encode | None = None,
        is_meaning: Callable[[], bool] = lambda: True,
    ) -> None:
        """`encode`: the encoder of headlines, which is in use while `is_meaning`."""
        self._store = store
        self._nearness = Nearness(store, encode) if encode else None
        self._is_meaning = is_meaning
        self.subscriptions = feeds
        self._troubles = troubles
        self._progress = progress
        self._clock = clock
        self._recent = RecentReports(store)

    async def verdicts(self, *, since_at: datetime) -> Sequence[Verdict]:
        """The reports told since then, the oldest first."""
        return await self._recent.verdicts(since_at)

    async def events(self, *, since_at: datetime, limit: int) -> Sequence[Event]:
        """The newest events with a report since then, as they stand now; the newest last."""
        events = await self._recent.events(since_at)
        events.sort(key=lambda event: event.last_seen_at)
        return events[-limit:]

    @property
    def has_meanings(self) -> bool:
        """Whether headlines are compared by meaning here."""
        return self._nearness is not None and self._is_meaning()

    async def likeness(self, query: str, *, since_at: datetime) -> Mapping[str, float]:
        """Event id → how near its nearest headline is to the query, 0..1, of those that are near."""
        if self._nearness is None:
            return {}
        return await self._nearness.likeness(query, since_at=since_at)

    async def event(self, event_id: str) -> Event | None:
        """The event as it stands now; of an absorbed one, its survivor."""
        events = await self._store.events.by_ids([event_id])
        return events.get(event_id)

    async def reports(self, event_id: str) -> Sequence[Message]:
        """What was told of the event's reports, the oldest first."""
        event = await self.event(event_id)
        if event is None:
            return []
        since = event.first_seen_at - BEFORE_EVENT
        messages: list[Message] = []
        async for message in self._store.watch.messages(since):
            if message.split_from == event.event_id:
                # An operator took the report out of this event.
                entry_id = message.entry_id
                messages = [m for m in messages if m.entry_id != entry_id]
            elif message.event_id == event.event_id and not _repeats(message):
                messages.append(message)
        return messages

    async def rulings(self, event_id: str) -> Sequence[Ruling]:
        """Operators' words on the event, or on one that it absorbed, the oldest first."""
        names = {event_id}
        aliases = await self._store.events.aliases()
        for absorbed, survivor in aliases.items():
            if survivor == event_id:
                names.add(absorbed)
        rulings = await self._store.rulings.applied()
        return [r for r in rulings if r.event_id in names or r.other_id in names]

    async def feeds(self) -> Sequence[PollState]:
        """The states of our feeds that were polled before."""
        feeds = self.subscriptions()
        feed_ids = [feed.feed_id for feed in feeds if feed.enabled]
        states = await self._store.polls.states(feed_ids)
        return [state for state in states.values() if state is not None]

    async def groups(self) -> Mapping[tuple[str, str], int]:
        """By (stream, consumer group): how many messages it has yet to acknowledge."""
        lags = await self._store.retention.groups()
        return {
            (lag.stream, lag.group): lag.waiting_count + lag.pending_count
            for lag in lags
        }

    async def live(self) -> AsyncIterator[Message]:
        """The reports published from now on; goes on by itself after the server was away."""
        last = None
        while True:
            try:
                if last is None:
                    last = await self._store.watch.last_ids(["reports"])
                rows = await self._store.watch.tail(last, block=LIVE_BLOCK)
            except EngineError:
                # Whoever watches the page need not load it again when the server is back.
                await asyncio.sleep(LIVE_RETRY_SECONDS)
                continue
            for row in rows:
                last = {"reports": row.stream_id}
                message = self._store.watch.message_of(row)
                if message is not None:
                    yield message

    def ready(self) -> tuple[bool, Sequence[str]]:
        """Whether the daemon does its work, and why not."""
        reasons = [*self._troubles(), *self.stuck()]
        return not reasons, reasons

    def stuck(self) -> Sequence[str]:
        """The stages that have not moved for too long, with since when."""
        return self._progress.stuck(asyncio.get_running_loop().time())


def _repeats(message: Message) -> bool:
    """Whether the message tells only what an operator's word left of an event, by its first report."""
    return message.kind is Kind.EDITED and message.reason == OPERATOR


async def window_digest(
    store: Store,
    *,
    feed_ids: Sequence[str],
    since: datetime,
    until: datetime,
    top: int,
    elapsed: Mapping[str, timedelta],
    language: str | None = None,
    category: str | None = None,
) -> Digest:
    """The digest of [since, until), from what the server holds. Raises EngineError.

    Nobody counts by language or category: under a filter the totals are those of the messages that pass it, and polls
    are none.
    """
    states = await store.polls.states(feed_ids)
    if language or category:
        totals = await _totals_of_messages(
            store,
            since,
            until,
            language,
            category,
        )
    else:
        totals = await store.watch.totals(since, until=until)
    return digest(
        events=await store.watch.events_since(since),
        window_from_at=since,
        window_to_at=until,
        totals=totals,
        feeds=[state for state in states.values() if state is not None],
        elapsed=elapsed,
        top=top,
        language=language,
        category=category,
    )


async def _totals_of_messages(
    store: Store,
    since: datetime,
    until: datetime,
    language: str | None,
    category: str | None,
) -> Totals:
    reports: Counter[str] = Counter()
    end = int(until.timestamp() * 1000)
    async for row in store.watch.rows("reports", since):
        milliseconds, _, _ = row.stream_id.partition("-")
        if int(milliseconds) >= end:
            break
        message = store.watch.message_of(row)
        # An operator's word tells of reports once more: they were counted when they came.
        if message is None or message.reason == OPERATOR:
            continue
        if passes(message, language, category):
            reports[_COUNTED[message.kind]] += 1
    entries = {
        "new": reports["new_event"] + reports["joined_event"],
        "edited": reports["edited"],
    }
    return Totals(entries=entries, reports=reports)


_COUNTED = {
    Kind.NEW: "new_event",
    Kind.JOINED: "joined_event",
    Kind.EDITED: "edited",
    Kind.MERGED: "merged",
}


class DigestMaker:
    """Makes the digest of the time since the one before: to the log, the stream and channel, and the dated files."""

    def __init__(
        self,
        *,
        store: Store,
        files: DigestFiles,
        feed_ids: Callable[[], Sequence[str]],
    ) -> None:
        self._store = store
        self._files = files
        self._feed_ids = feed_ids

    async def make(
        self,
        *,
        now: datetime,
        settings: DigestSettings,
        elapsed: Mapping[str, timedelta],
    ) -> Digest | None:
        """The digest up to the full minute; None when one reaches that far already.

        Raises EngineError; then nothing was told, and the next digest covers this window too.
        """
        until = now.replace(second=0, microsecond=0)
        period = _period(settings, until)
        since = until - period
        newest = await self._store.watch.newest_digest()
        # One that reaches far beyond now was made by a clock that was ahead: it must not silence the next year's.
        if newest is not None and newest.window_to_at <= until + period:
            since = newest.window_to_at
        if since >= until:
            return None
        latest = await window_digest(
            self._store,
            feed_ids=self._feed_ids(),
            since=since,
            until=until,
            top=settings.top,
            elapsed=elapsed,
        )
        # Of several workers that make it, one tells it.
        if await self._store.watch.append_digest(latest):
            log.info("digest", **log_fields(latest))
            await self._write(latest, now)
        return latest

    async def _write(self, latest: Digest, now: datetime) -> None:
        try:
            path = await asyncio.to_thread(self._files.write, latest)
            await asyncio.to_thread(self._files.expire, now)
        except OSError as error:
            log.error(
                "digest_not_written",
                directory=str(self._files.directory),
                error=str(error),
            )
        else:
            log.debug("digest_written", file=str(path))


def _period(settings: DigestSettings, at: datetime) -> timedelta:
    """What the first digest covers: the time between two runs of `cron`, those after `at`."""
    trigger = WallClockCron(settings.cron, settings.timezone)
    first = trigger.following(at)
    if first is None:
        return _UNKNOWN_PERIOD
    second = trigger.following(first)
    if second is None:
        return _UNKNOWN_PERIOD
    return second - first
