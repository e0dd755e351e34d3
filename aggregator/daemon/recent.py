"""The newest reports and their events as the page shows them, read from Redis once and then only what is new.

Rules: a report that came since the last question is read at the next; an event is read again when a report of it came,
and when it was merged. Everything is read anew from time to time, so that nothing that was missed stays.

Why: the reports stream holds documents. A page of 20,000 events would read 100 MB for each look at it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from aggregator.engine.store import Store
from aggregator.model import EPOCH, Event, Message, Verdict

READ_ANEW = timedelta(minutes=10)
"""How long what was read counts. A guess: a reader who comes back later waits a second."""
MOST_VERDICTS = 200_000
"""Reports that are kept in mind: 30 days of 6,000; some 40 MB. A guess."""
_PAGE = 500


class RecentReports:
    """What the daemon remembers of the reports stream for those who look. Methods raise EngineError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reading = asyncio.Lock()
        self._verdicts: list[Verdict] = []
        self._events: dict[str, Event] = {}
        self._from_at: datetime | None = None
        self._until = 0.0
        self._last_id = "0-0"

    async def events(self, since_at: datetime) -> list[Event]:
        """The events with a report since then, as they stand now, each once."""
        events: dict[str, Event] = {}
        for verdict in await self.verdicts(since_at):
            event = self._events.get(verdict.event_id)
            if event is not None:
                # By its own id: under an absorbed one lies its survivor.
                events[event.event_id] = event
        return list(events.values())

    async def verdicts(self, since_at: datetime) -> Sequence[Verdict]:
        """The reports told since then, the oldest first."""
        async with self._reading:
            await self._catch_up(since_at)
        return [verdict for verdict in self._verdicts if verdict.told_at >= since_at]

    async def _catch_up(self, since_at: datetime) -> None:
        is_outdated = asyncio.get_running_loop().time() >= self._until
        if self._from_at is None or since_at < self._from_at or is_outdated:
            self._forget(since_at)
        changed: dict[str, None] = {}
        while True:
            rows = await self._store.watch.tail({"reports": self._last_id}, count=_PAGE)
            if not rows:
                break
            self._last_id = rows[-1].stream_id
            for row in rows:
                message = self._store.watch.message_of(row)
                if message is not None:
                    self._verdicts.append(_verdict(message, row.stream_id))
                    changed[message.event_id] = None
        del self._verdicts[:-MOST_VERDICTS]
        await self._read_events(changed)

    def _forget(self, since_at: datetime) -> None:
        """Begin anew with what was told since then."""
        self._verdicts = []
        self._events = {}
        self._from_at = since_at
        now = asyncio.get_running_loop().time()
        self._until = now + READ_ANEW.total_seconds()
        # Reading begins after the id that is named, so it is that of the millisecond before.
        milliseconds = (since_at - EPOCH) // timedelta(milliseconds=1)
        self._last_id = f"{max(0, milliseconds - 1)}-0"

    async def _read_events(self, changed: Iterable[str]) -> None:
        """Read those a report came to, and those that have been merged since."""
        aliases = await self._store.events.aliases()
        wanted = dict.fromkeys(changed)
        for absorbed, survivor in aliases.items():
            known = self._events.get(absorbed)
            if known is not None and known.event_id != survivor:
                wanted |= dict.fromkeys((absorbed, survivor))
        if wanted:
            self._events |= await self._store.watch.readable_events(list(wanted))
        # An event that was absorbed earlier stands under its old id, too: both show the survivor as it is now.
        for absorbed, survivor in aliases.items():
            if absorbed in self._events and survivor in self._events:
                self._events[absorbed] = self._events[survivor]


def _verdict(message: Message, stream_id: str) -> Verdict:
    milliseconds, _, _ = stream_id.partition("-")
    told_at = EPOCH + timedelta(milliseconds=int(milliseconds))
    stated = (message.published_at, message.first_seen_at)
    times = [at for at in stated if at is not None]
    return Verdict(
        told_at=told_at,
        reported_at=min(times, default=told_at),
        event_id=message.event_id,
        entry_id=message.entry_id,
        feed_id=message.feed_id,
        lang=message.lang,
        kind=message.kind,
        reason=message.reason,
    )
