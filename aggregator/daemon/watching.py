"""What the status port and the digest see of the daemon: reads over the store, and the digest's making."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from aggregator.daemon.clock import Clock
from aggregator.daemon.cron import WallClockCron
from aggregator.daemon.recent import RecentReports
from aggregator.engine.store import Store
from aggregator.errors import EngineError
from aggregator.model import (
    Digest,
    DigestSettings,
    Event,
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


class Watching:
    """The daemon as the status port asks it (`watch.http.Watched`)."""

    def __init__(
        self,
        *,
        store: Store,
        feed_ids: Callable[[], Sequence[str]],
        troubles: Callable[[], Sequence[str]],
        progress: Progress,
        clock: Clock,
    ) -> None:
        self._store = store
        self._feed_ids = feed_ids
        self._troubles = troubles
        self._progress = progress
        self._clock = clock
        self._recent = RecentReports(store)

    async def verdicts(self, *, since_at: datetime) -> Sequence[Verdict]:
        return await self._recent.verdicts(since_at)

    async def events(self, *, since_at: datetime, limit: int) -> Sequence[Event]:
        found = await self._recent.events(since_at)
        return sorted(found, key=lambda event: event.last_seen_at)[-limit:]

    async def event(self, event_id: str) -> Event | None:
        return (await self._store.events.by_ids([event_id])).get(event_id)

    async def reports(self, event_id: str) -> Sequence[Message]:
        event = await self.event(event_id)
        if event is None:
            return []
        since = event.first_seen_at - timedelta(hours=1)
        found: list[Message] = []
        async for message in self._store.watch.messages(since):
            if (
                message.split_from == event.event_id
            ):  # an operator took the report out of this event
                found = [line for line in found if line.entry_id != message.entry_id]
            elif message.event_id == event.event_id and not _repeats(message):
                found.append(message)
        return found

    async def rulings(self, event_id: str) -> Sequence[Ruling]:
        aliases = await self._store.events.aliases()
        names = {
            event_id,
            *(
                absorbed
                for absorbed, survivor in aliases.items()
                if survivor == event_id
            ),
        }
        return [
            ruling
            for ruling in await self._store.rulings.applied()
            if {ruling.event_id, ruling.other_id} & names
        ]

    async def feeds(self) -> Sequence[PollState]:
        states = await self._store.polls.states(self._feed_ids())
        return [state for state in states.values() if state is not None]

    async def groups(self) -> Mapping[tuple[str, str], int]:
        return {
            (g.stream, g.group): g.waiting_count + g.pending_count
            for g in await self._store.retention.groups()
        }

    async def live(self) -> AsyncIterator[Message]:
        """The reports published from now on; goes on by itself after the server was away."""
        last = None
        while True:
            try:
                last = last or await self._store.watch.last_ids(["reports"])
                rows = await self._store.watch.tail(last, block=LIVE_BLOCK)
            except EngineError:
                await asyncio.sleep(LIVE_RETRY_SECONDS)
                continue
            for row in rows:
                last = {"reports": row.stream_id}
                message = self._store.watch.message_of(row)
                if message is not None:
                    yield message

    def ready(self) -> tuple[bool, Sequence[str]]:
        reasons = [*self._troubles(), *self.stuck()]
        return not reasons, reasons

    def stuck(self) -> Sequence[str]:
        return self._progress.stuck(asyncio.get_running_loop().time())


def _repeats(message: Message) -> bool:
    """Whether the message tells only what an operator's word left of an event, by its first report."""
    return message.kind is Kind.EDITED and message.reason == OPERATOR


async def made_digest(
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
        totals = await _totals_of_messages(store, since, until, language, category)
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
        if int(row.stream_id.partition("-")[0]) >= end:
            break
        message = store.watch.message_of(row)
        if (
            message is not None
            and message.reason != OPERATOR
            and passes(message, language, category)
        ):
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
        self, *, store: Store, files: DigestFiles, feed_ids: Callable[[], Sequence[str]]
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
        newest = await self._store.watch.newest_digest()
        since = newest.window_to_at if newest else until - period
        if since > until + period:  # the clock was ahead when the last one was made
            since = until - period
        if since >= until:
            return None
        made = await made_digest(
            self._store,
            feed_ids=self._feed_ids(),
            since=since,
            until=until,
            top=settings.top,
            elapsed=elapsed,
        )
        if await self._store.watch.append_digest(made):
            log.info("digest", **log_fields(made))
            await self._write(made, now)
        return made

    async def _write(self, made: Digest, now: datetime) -> None:
        try:
            path = await asyncio.to_thread(self._files.write, made)
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
    second = trigger.following(first) if first else None
    return second - first if first and second else timedelta(hours=1)
