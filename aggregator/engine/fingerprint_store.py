"""The fingerprint log: what the matching index is rebuilt from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from aggregator.engine.codec import FINGERPRINT
from aggregator.engine.event_store import EventStore
from aggregator.engine.ruling_store import RulingStore
from aggregator.engine.scripts import Engine
from aggregator.model import FingerprintRecord, Ruling, Verb

PAGE = 2_000
"""Lines of the fingerprint log read at once."""


class FingerprintStore:
    """The records of published reports, each with the event that stands today."""

    def __init__(
        self,
        engine: Engine,
        events: EventStore,
        rulings: RulingStore,
    ) -> None:
        self._engine = engine
        self._keys = engine.keys
        self._events = events
        self._rulings = rulings

    async def since(self, since: datetime) -> AsyncIterator[list[FingerprintRecord]]:
        """Every record first seen at `since` or later, in the order published, some at a time, as if merged from the
        start: event ids are those that stand today (after merges, and after what operators moved), and `absorbs` is
        empty. (A merge may be told by a record that has left the window.)

        The whole log is read: its ids are the server's times, `since` is a worker's. What cannot be read is left out.
        """
        key = self._keys.fingerprints
        standing = await self._standing_events()
        # From the first line: ids are the server's times, `since` is a worker's.
        async for page in self._engine.pages(key, "-", PAGE):
            records = self._engine.readable_rows(FINGERPRINT, key, page)
            live = [record for record in records if record.first_seen_at >= since]
            yield [standing.of(record) for record in live]

    async def of(
        self,
        entry_ids: Iterable[str],
    ) -> dict[str, FingerprintRecord]:
        """The records of these reports by entry id, with the events that stand today; those not in the log are missing.

        The log is read from its end, as far as needed: for one that is not there, whole.
        """
        key = self._keys.fingerprints
        missing = set(entry_ids)
        records: dict[str, FingerprintRecord] = {}
        if not missing:
            return records
        standing = await self._standing_events()
        async for page in self._engine.pages_backwards(key, PAGE):
            for record in self._engine.readable_rows(FINGERPRINT, key, page):
                if record.entry_id in missing:
                    missing.discard(record.entry_id)
                    records[record.entry_id] = standing.of(record)
            if not missing:
                break
        return records

    async def _standing_events(self) -> _StandingEvents:
        aliases = await self._events.aliases()
        rulings = await self._rulings.applied()
        return _StandingEvents(aliases, _moved_by(rulings))


def _moved_by(rulings: Iterable[Ruling]) -> dict[str, str]:
    """Entry id → the event that an operator moved it to last."""
    moved: dict[str, str] = {}
    for ruling in rulings:
        # A join is told by the aliases.
        if ruling.verb is Verb.SPLIT:
            moved |= dict.fromkeys(ruling.entry_ids, ruling.event_id)
    return moved


@dataclass(frozen=True, slots=True)
class _StandingEvents:
    """What events are called today: survivors of the absorbed ones, and where operators moved reports."""

    aliases: Mapping[str, str]
    moved: Mapping[str, str]

    def of(self, record: FingerprintRecord) -> FingerprintRecord:
        """The record with the event that stands today, as if it had always been that one."""
        named = self.moved.get(record.entry_id, record.event_id)
        event_id = self.aliases.get(named, named)
        if event_id == record.event_id and not record.absorbs:
            return record
        return replace(record, event_id=event_id, absorbs=())
