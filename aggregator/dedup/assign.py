"""Which event an entry belongs to: an answer from the index, which it reads and never changes.

Rules, in order: the same address is the same event. Else the entry is compared with the reports that share most
evidence with it, and with a few more members of their events; `event_log_odds` makes one number of each event's
members, so that one lucky pair does not chain two events together. The best event at or above `JOIN` is joined; the
entry starts a new event otherwise: when unsure, do not merge. Other events that are `MERGE` above it are absorbed,
since this entry shows them to be one; for two big events more is asked. Events between `RELATED` and `JOIN` are named
as related.

The numbers were chosen on ../shared/data, one setting for all sets, by four-fold cross-validation: from JOIN -0.9 to
-0.3, CROWD 0…0.3, MERGE 0.5…1.5, UNLIKE -3 and -2, and the best three against the best third of the members. These
have mean B-cubed precision 0.889 and F1 0.825 (tests/bench/quality.py --folds); the best F1 of all settings was higher
by 0.002, at a precision of 0.85.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aggregator.dedup.features import INDEX, features, weighed_apart
from aggregator.dedup.fingerprint import Fingerprint
from aggregator.dedup.index import Index
from aggregator.dedup.rows import NEVER, Rows, row
from aggregator.dedup.similarity import JOIN, pair_forest
from aggregator.dedup.trees import Forest
from aggregator.model import Assignment, DedupSettings

CANDIDATES = 24
EVENTS = 8
MEMBERS = 8
"""At most so many events, and candidates of each, are compared (guesses; more cost time)."""
BEST = 3
UNLIKE = -3.0
CROWD = 0.2
"""Log-odds an event must be better by for each doubling of its size: big events attract whatever shares their words."""
MERGE = 1.0
RELATED = -1.5
MAX_RELATED = 5
COPY = 0.8
"""Share of the body samples in common from which a report is a copy: half of the lead's and nearly all of the rest."""


@dataclass(frozen=True, slots=True)
class Scored:
    """An event against the entry: its log-odds, and its best member."""

    number: int
    log_odds: float
    size: int
    best_slot: int
    is_copy: bool
    is_same_site: bool

    @property
    def score(self) -> float:
        """0..1, as messages carry it."""
        return 1 / (1 + math.exp(-self.log_odds))


def assign(
    fingerprint: Fingerprint,
    index: Index,
    settings: DedupSettings,
    *,
    forest: Forest | None = None,
    join_at: float | None = None,
) -> Assignment:
    """The event of an entry; see the module for the rules. `event_id` None asks for a new event.

    `forest` stands in for the shipped one, for cross-validation; `join_at` (log-odds) for the strictness, in a sweep.
    """
    twin = index.same_url(fingerprint)
    if twin is not None:
        return Assignment(
            entry_id=fingerprint.entry_id,
            event_id=index.event_id(index.event_number(twin)),
            score=1.0,
            reason="same_url",
            best_entry_id=_entry_id(index, twin),
        )
    scored = scored_events(fingerprint, index, forest or pair_forest())
    join = JOIN[settings.strictness] if join_at is None else join_at
    if not scored or scored[0].log_odds < join:
        return _new(fingerprint, index, scored)
    best, others = scored[0], scored[1:]
    absorbed = [s for s in others if s.log_odds >= join + MERGE + CROWD * math.log2(min(s.size, best.size))]
    rest = [s for s in others if s not in absorbed]
    return Assignment(
        entry_id=fingerprint.entry_id,
        event_id=index.event_id(best.number),
        score=best.score,
        reason="copy" if best.is_copy else "update" if best.is_same_site else "similar",
        best_entry_id=_entry_id(index, best.best_slot),
        is_copy=best.is_copy,
        absorbs=tuple(index.event_id(s.number) for s in absorbed),
        related=_related(index, rest),
    )


def _entry_id(index: Index, slot: int) -> str:
    return bytes(index.rows.one(slot)["entry_id"]).decode()


def _related(index: Index, scored: Sequence[Scored]) -> tuple[str, ...]:
    return tuple(index.event_id(s.number) for s in scored if s.log_odds >= RELATED)[:MAX_RELATED]


def _new(fingerprint: Fingerprint, index: Index, scored: Sequence[Scored]) -> Assignment:
    best = scored[0] if scored else None
    return Assignment(
        entry_id=fingerprint.entry_id,
        event_id=None,
        score=best.score if best else 0.0,
        reason="new",
        best_entry_id=_entry_id(index, best.best_slot) if best else "",
        related=_related(index, scored),
    )


def scored_events(fingerprint: Fingerprint, index: Index, forest: Forest) -> list[Scored]:
    """The events that may be the entry's, best first; ties go to the event that started first."""
    chosen = _members(fingerprint, index)
    slots = [slot for members in chosen.values() for slot in members]
    if not slots:
        return []
    table = features(*weighed_apart(row(fingerprint), index.rows.many(slots), index.frequency))
    log_odds = forest.log_odds(table)
    found, at = [], 0
    for number, members in chosen.items():
        part = log_odds[at : at + len(members)]
        top = at + int(part.argmax())
        is_copy = bool(table[top, INDEX["shingles_shared"]] >= COPY)
        same_site = bool(table[top, INDEX["same_site"]] == 1)
        size = len(index.members(number))
        found.append(Scored(number, event_log_odds(part.tolist(), size), size, slots[top], is_copy, same_site))
        at += len(members)
    return sorted(found, key=lambda s: (-s.log_odds, s.number))


def event_log_odds(log_odds: Sequence[float], size: int) -> float:
    """How likely the entry is of an event of `size` reports, from the log-odds of those compared.

    The mean of the best `BEST` (of all, when there are fewer); those out of reach in time count as `UNLIKE`.
    """
    wanted = min(size, BEST)
    best = sorted(log_odds, reverse=True)[:wanted]
    best += [UNLIKE] * (wanted - len(best))
    return sum(best) / len(best) - CROWD * math.log2(size)


def _members(fingerprint: Fingerprint, index: Index) -> dict[int, list[int]]:
    """The slots to compare with, by event: candidates, and further members of the events they belong to."""
    chosen: dict[int, list[int]] = {}
    for slot, _ in index.candidates(fingerprint, limit=CANDIDATES):
        number = index.event_number(slot)
        if number in chosen or len(chosen) < EVENTS:
            members = chosen.setdefault(number, [])
            if len(members) < MEMBERS and _in_reach(fingerprint, index.rows.one(slot), index.window_seconds):
                members.append(slot)
    for number, members in chosen.items():
        for slot in reversed(index.members(number)):
            if len(members) >= 3:
                break
            if slot not in members and _in_reach(fingerprint, index.rows.one(slot), index.window_seconds):
                members.append(slot)
    return {number: members for number, members in chosen.items() if members}


def _in_reach(fingerprint: Fingerprint, other: Rows | np.void, window_seconds: int) -> bool:
    """Whether two reports are near enough in time to be of one event; without a stated time, by when first seen."""
    matched = int(other["matched"])
    return abs(fingerprint.at - (int(other["first_seen"]) if matched == NEVER else matched)) <= window_seconds
