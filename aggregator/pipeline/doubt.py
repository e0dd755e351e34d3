"""The decisions that a second look is worth most: those nearest to the threshold, on either side of it.

Rules: a report that joined an event is the more doubtful the lower its score, one that started an event the more the
higher its score against another event. A decision is open to an operator's word as long as it stands (both reports
are still in one event, or in two) and nobody has said anything of the two reports or their events. Reports with the
address of another one were not weighed, so they are never doubtful.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest

from aggregator.dedup.apart import Apart
from aggregator.model import Decision, FingerprintRecord, Ruling
from aggregator.pipeline.labels import last_word

WEIGHED = frozenset(("new", "similar", "copy", "update", "operator"))
"""The reasons of decisions that a score made."""
KEPT = 1000
"""Decisions of either side that are kept while the log is read, the most doubtful: a guess. Of these, the ones on which
nothing is left to say are passed over."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A report's decision: `event_id` is the report's event today, `decision.best_entry_id` the report on the other
    side of the question."""

    entry_id: str
    event_id: str
    first_seen_at: datetime
    decision: Decision

    @property
    def is_new(self) -> bool:
        """Whether the report started an event."""
        return self.decision.reason == "new"


@dataclass(frozen=True, slots=True)
class Doubts:
    """The most doubtful decisions so far, the most doubtful first: of reports that joined, and of those that started
    an event."""

    joined: Sequence[Doubt] = ()
    started: Sequence[Doubt] = ()

    def with_records(self, records: Iterable[FingerprintRecord]) -> Doubts:
        """These and what further records of the log tell."""
        joined, started = list(self.joined), list(self.started)
        for record in records:
            doubt = _doubt_of(record)
            if doubt is None:
                continue
            if doubt.is_new:
                started.append(doubt)
            else:
                joined.append(doubt)
        return Doubts(
            nsmallest(KEPT, joined, key=lambda doubt: doubt.decision.score),
            nsmallest(KEPT, started, key=lambda doubt: -doubt.decision.score),
        )


def _doubt_of(record: FingerprintRecord) -> Doubt | None:
    decision = record.decision
    if decision is None or decision.reason not in WEIGHED:
        return None
    # The first report of all had nothing to be compared with.
    if not decision.best_entry_id:
        return None
    return Doubt(record.entry_id, record.event_id, record.first_seen_at, decision)


def is_open(
    doubt: Doubt,
    near_event_id: str,
    rulings: Sequence[Ruling],
    apart: Apart,
) -> bool:
    """Whether an operator's word would still decide something. `near_event_id` is the other report's event today;
    `rulings` are oldest first."""
    is_one_event = doubt.event_id == near_event_id
    if doubt.is_new == is_one_event:
        # It has been undone since, by a word or by a merge.
        return False
    if near_event_id in apart.of(doubt.event_id):
        return False
    return last_word(rulings, doubt.entry_id, doubt.decision.best_entry_id) is None
