"""Which event an entry belongs to: an answer from the index, which it reads and never changes.

Rules, in order: the same address is the same event. Else the entry is compared with the reports that share most
evidence and, for each of their events, with a few more of its members; an event's score is the mean of its three best
members (of all, when it has fewer), so that one lucky pair does not chain two events together. The best event at or
above the threshold of the strictness is joined; the entry starts a new event otherwise: when unsure, do not merge.
Other events whose score is clearly above the threshold are absorbed, since this entry shows them to be one. Events
between `RELATED` and the threshold are named as related.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aggregator.dedup.features import INDEX, features, weighed
from aggregator.dedup.fingerprint import Fingerprint
from aggregator.dedup.index import Index
from aggregator.dedup.rows import NEVER, Rows, row
from aggregator.dedup.similarity import pair_forest
from aggregator.dedup.trees import probability
from aggregator.model import Assignment, DedupSettings, Strictness

CANDIDATES = 20
EVENTS = 6
MEMBERS = 6
JOIN = {Strictness.STRICT: 0.7, Strictness.BALANCED: 0.5, Strictness.LOOSE: 0.35}
MERGE_EXTRA = 0.2
RELATED = 0.25
MAX_RELATED = 5
COPY = 0.8


@dataclass(frozen=True, slots=True)
class Scored:
    """An event against the entry: its score, and its best member."""

    number: int
    score: float
    best_slot: int
    best_score: float
    is_copy: bool
    is_same_site: bool


def assign(fingerprint: Fingerprint, index: Index, settings: DedupSettings) -> Assignment:
    """The event of an entry; see the module for the rules. `event_id` None asks for a new event."""
    twin = index.same_url(fingerprint)
    if twin is not None:
        return Assignment(
            entry_id=fingerprint.entry_id,
            event_id=index.event_id(index.event_number(twin)),
            score=1.0,
            reason="same_url",
            best_entry_id=_entry_id(index, twin),
        )
    scored = scored_events(fingerprint, index)
    threshold = JOIN[settings.strictness]
    if not scored or scored[0].score < threshold:
        return _new(fingerprint, index, scored)
    best = scored[0]
    absorbed = [s for s in scored[1:] if s.score >= min(threshold + MERGE_EXTRA, 0.95)]
    rest = [s for s in scored[1:] if s not in absorbed]
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
    return tuple(index.event_id(s.number) for s in scored if s.score >= RELATED)[:MAX_RELATED]


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


def scored_events(fingerprint: Fingerprint, index: Index) -> list[Scored]:
    """The events that may be the entry's, best first; ties go to the event that started first."""
    chosen = _members(fingerprint, index)
    slots = [slot for members in chosen.values() for slot in members]
    if not slots:
        return []
    rows = index.rows.many(slots)
    table = features(weighed(row(fingerprint), index.frequency), weighed(rows, index.frequency))
    scores = probability(pair_forest().log_odds(table))
    copies = table[:, INDEX["shingles_shared"]] >= COPY
    sites = table[:, INDEX["same_site"]] == 1
    found = []
    at = 0
    for number, members in chosen.items():
        part = scores[at : at + len(members)]
        top = int(part.argmax())
        found.append(
            Scored(
                number,
                float(np.sort(part)[-3:].mean()),
                members[top],
                float(part[top]),
                bool(copies[at + top]),
                bool(sites[at + top]),
            )
        )
        at += len(members)
    return sorted(found, key=lambda s: (-s.score, s.number))


def _members(fingerprint: Fingerprint, index: Index) -> Mapping[int, list[int]]:
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
    """Whether two reports are near enough in time to be of one event; one without a stated time has its first-seen time."""
    matched = int(other["matched"])
    return abs(fingerprint.at - (int(other["first_seen"]) if matched == NEVER else matched)) <= window_seconds
