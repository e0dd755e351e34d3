"""The nearest report among several events: which of them an entry belongs to when an operator holds them apart.

`assign` weighs an entry against whole events, and a big event may win over the small one that an operator split off it,
by the very likeness that the operator called an error. Then the nearest single report decides: what repeats a report
that was split off goes where that report went.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aggregator.dedup import learned
from aggregator.dedup.features import COPY, INDEX, adjusted, features
from aggregator.dedup.fingerprint import Fingerprint
from aggregator.dedup.index import Index
from aggregator.dedup.rows import row_array
from aggregator.dedup.trees import score_of

COMPARED = 16
"""Reports of each event that are compared, the newest: a guess."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """An event with its report that is nearest to the entry: `log_odds` that the two are of one event."""

    event_id: str
    entry_id: str
    log_odds: float
    is_copy: bool

    @property
    def score(self) -> float:
        """Of the log odds, in 0..1."""
        return score_of(self.log_odds)


def nearest(
    fingerprint: Fingerprint,
    index: Index,
    event_ids: Sequence[str],
) -> Nearest | None:
    """The event that holds the nearest report, the first of `event_ids` among equals; None when none has any here."""
    reports: list[tuple[str, str]] = []
    slots: list[int] = []
    for event_id in event_ids:
        for entry_id in index.reports_of(event_id)[-COMPARED:]:
            slot = index.slot_of(entry_id)
            if slot is not None:
                reports.append((event_id, entry_id))
                slots.append(slot)
    if not slots:
        return None
    # As `assign` compares: each without itself in the counts.
    query = index.counted(row_array([fingerprint], index.rows.kind))
    numbers = np.array(slots)
    others = index.counted(index.rows.many(numbers), numbers)
    table = features(
        query,
        np.zeros(len(slots), np.intp),
        others,
    )
    log_odds = adjusted(learned.model().log_odds(table), table)
    best = int(log_odds.argmax())
    event_id, entry_id = reports[best]
    shingles_shared = table[best, INDEX["shingles_shared"]]
    return Nearest(
        event_id,
        entry_id,
        float(log_odds[best]),
        bool(shingles_shared >= COPY),
    )
