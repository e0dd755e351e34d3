"""The matching index in use: what the event stage, `aggregator poll` and `explain` do alike with an entry.

An operator's word is stronger than the model: what `assign` answers is bent to it before anything is published or
learned. Events held apart are never merged, and of two such events an entry joins the one with the nearer report.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from aggregator.dedup.apart import Apart, without_forbidden
from aggregator.dedup.assign import assign_all
from aggregator.dedup.fingerprint import Fingerprint, fingerprint
from aggregator.dedup.index import Index
from aggregator.dedup.nearest import nearest
from aggregator.dedup.rows import is_readable, unpacked_rows
from aggregator.dedup.similarity import JOIN
from aggregator.model import (
    Assignment,
    DedupSettings,
    Entry,
    FingerprintRecord,
    Ruling,
    Verb,
)
from aggregator.pipeline.reporting import event_id_of


class Matcher:
    """An index, the settings it is asked under, and the events that operators hold apart."""

    def __init__(self, settings: DedupSettings, apart: Apart | None = None) -> None:
        self._settings = settings
        self._index = Index(settings)
        self._apart = apart or Apart()

    def __len__(self) -> int:
        """Reports in the window."""
        return len(self._index)

    def learn(self, records: Sequence[FingerprintRecord]) -> int:
        """Take in published reports from the log; returns how many cannot be read, since another version wrote them:
        they cost the matches with them, not the index."""
        readable = [record for record in records if is_readable(record.packed)]
        rows = unpacked_rows(
            (record.packed for record in readable), self._index.rows.kind
        )
        self._index.learn(rows, [record.event_id for record in readable])
        for record in readable:
            for absorbed in record.absorbs:
                self._index.merge(record.event_id, absorbed)
                self._apart.merge(record.event_id, absorbed)
        return len(records) - len(readable)

    def assigned(
        self, entries: Sequence[Entry], meanings: Sequence[bytes] | None = None
    ) -> Iterator[tuple[Fingerprint, Assignment]]:
        """The event of each entry, put into the index before the next one is asked for.

        `meanings` are the vectors of the entries' titles and leads, where `[dedup] meaning` asks for them.
        """
        vectors = [b""] * len(entries) if meanings is None else meanings
        prints = [
            fingerprint(entry, vector)
            for entry, vector in zip(entries, vectors, strict=True)
        ]
        answers = assign_all(
            prints,
            self._index,
            self._settings,
            new_event=event_id_of,
            obey=self._obedient,
        )
        for made, answer in zip(prints, answers, strict=True):
            for absorbed in answer.absorbs:
                self._apart.merge(answer.event_id or "", absorbed)
            yield made, answer

    def event_of(self, entry_id: str) -> str | None:
        return self._index.event_of(entry_id)

    def expire(self, now: datetime) -> int:
        return self._index.expire(now)

    # --- the operator's word ----------------------------------------------------------------------------------

    def apart_of(self, event_id: str) -> tuple[str, ...]:
        """The events that operators hold apart from this one."""
        return self._apart.of(event_id)

    def obey(self, ruling: Ruling) -> None:
        """Take in an operator's word that was applied. Reports that have left the window are passed over."""
        match ruling.verb:
            case Verb.JOIN:
                self._move(self._index.reports_of(ruling.other_id), ruling.event_id)
                self._apart.merge(ruling.event_id, ruling.other_id)
            case Verb.SPLIT:
                self._move(ruling.entry_ids, ruling.event_id)
                self._apart.keep(ruling.event_id, ruling.apart)

    def _move(self, entry_ids: Iterable[str], event_id: str) -> None:
        for entry_id in entry_ids:
            if self._index.event_of(entry_id) is not None:
                self._index.move(entry_id, event_id)

    def _obedient(self, made: Fingerprint, assignment: Assignment) -> Assignment:
        """The assignment as operators' words leave it."""
        event_id = assignment.event_id
        if event_id is None or not self._apart:
            return assignment
        twins = self._apart.of(event_id) if assignment.reason != "same_url" else ()
        found = nearest(made, self._index, (event_id, *twins)) if twins else None
        if (
            found is None
            or found.event_id == event_id
            or found.log_odds < JOIN[self._settings.strictness]
        ):
            return without_forbidden(assignment, event_id, self._apart)
        return replace(
            assignment,
            event_id=found.event_id,
            score=found.score,
            reason="copy" if found.is_copy else "operator",
            best_entry_id=found.entry_id,
            is_copy=found.is_copy,
            absorbs=(),
            related=tuple(
                other for other in assignment.related if other != found.event_id
            ),
        )
