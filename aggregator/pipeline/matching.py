"""The matching index in use: what the event stage, `aggregator poll` and `explain` do alike with an entry."""

from __future__ import annotations

from datetime import datetime

from aggregator.dedup.assign import assign
from aggregator.dedup.fingerprint import Fingerprint, fingerprint
from aggregator.dedup.index import Index
from aggregator.model import Assignment, DedupSettings, Entry, FingerprintRecord
from aggregator.pipeline.reporting import event_id_of


class Matcher:
    """An index, and the settings it is asked under."""

    def __init__(self, settings: DedupSettings) -> None:
        self._settings = settings
        self._index = Index(settings)

    def __len__(self) -> int:
        """Reports in the window."""
        return len(self._index)

    def learn(self, record: FingerprintRecord) -> None:
        """Take in a published report from the log."""
        self._index.add(Fingerprint.unpack(record.packed), record.event_id)
        for absorbed in record.absorbs:
            self._index.merge(record.event_id, absorbed)

    def assigned(self, entry: Entry) -> tuple[Fingerprint, Assignment]:
        """The entry's event, and the index with the entry in it."""
        made = fingerprint(entry)
        assignment = assign(made, self._index, self._settings)
        event_id = assignment.event_id or event_id_of(entry.entry_id)
        self._index.add(made, event_id)
        for absorbed in assignment.absorbs:
            self._index.merge(event_id, absorbed)
        return made, assignment

    def event_of(self, entry_id: str) -> str | None:
        return self._index.event_of(entry_id)

    def expire(self, now: datetime) -> int:
        return self._index.expire(now)
