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
from aggregator.dedup.fingerprint import Fingerprint
from aggregator.dedup.index import Index
from aggregator.dedup.nearest import Nearest, nearest
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
from aggregator.pipeline.fingerprinting import taken_up
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
        packed = [record.packed for record in readable]
        event_ids = [record.event_id for record in readable]
        rows = unpacked_rows(packed, self._index.rows.kind)
        self._index.learn(rows, event_ids)
        for record in readable:
            for absorbed in record.absorbs:
                self._index.merge(record.event_id, absorbed)
                self._apart.merge(record.event_id, absorbed)
        return len(records) - len(readable)

    def assigned(
        self,
        entries: Sequence[Entry],
        embeddings: Sequence[bytes] | None = None,
    ) -> Iterator[tuple[Fingerprint, Assignment]]:
        """The event of each entry, put into the index before the next one is asked for.

        `embeddings` are those of the entries' titles and leads, where `[dedup] meaning` asks for them.
        """
        if embeddings is None:
            embeddings = [b""] * len(entries)
        marks = taken_up(entries, embeddings)
        assignments = assign_all(
            marks,
            self._index,
            self._settings,
            new_event=event_id_of,
            obey=self._obedient,
        )
        for mark, assignment in zip(marks, assignments, strict=True):
            # What was held apart from an absorbed event is held apart from its survivor.
            for absorbed in assignment.absorbs:
                self._apart.merge(assignment.event_id or "", absorbed)
            yield mark, assignment

    def event_of(self, entry_id: str) -> str | None:
        """The event of a report in the window; None: it is not in it."""
        return self._index.event_of(entry_id)

    def expire(self, now: datetime) -> int:
        """Let go of the reports that have left the window; returns how many."""
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

    def _obedient(self, mark: Fingerprint, assignment: Assignment) -> Assignment:
        """The assignment as operators' words leave it."""
        event_id = assignment.event_id
        if event_id is None or not self._apart:
            return assignment
        nearer = self._nearer_twin(mark, event_id, assignment)
        if nearer is None:
            return without_forbidden(assignment, event_id, self._apart)
        related = [other for other in assignment.related if other != nearer.event_id]
        return replace(
            assignment,
            event_id=nearer.event_id,
            score=nearer.score,
            reason="copy" if nearer.is_copy else "operator",
            best_entry_id=nearer.entry_id,
            is_copy=nearer.is_copy,
            absorbs=(),
            related=tuple(related),
        )

    def _nearer_twin(
        self,
        mark: Fingerprint,
        event_id: str,
        assignment: Assignment,
    ) -> Nearest | None:
        """The report that is nearest, where it lies in an event held apart from this one, and near enough to join."""
        # The same address is the same report: nothing was weighed, so nothing is weighed again.
        if assignment.reason == "same_url":
            return None
        twins = self._apart.of(event_id)
        if not twins:
            return None
        neighbour = nearest(mark, self._index, (event_id, *twins))
        if neighbour is None or neighbour.event_id == event_id:
            return None
        if neighbour.log_odds < JOIN[self._settings.strictness]:
            return None
        return neighbour
