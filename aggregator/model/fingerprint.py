"""What is remembered of a published report for the matching."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Assignment:
    """The event stage's answer for one entry.

    `event_id` is None for a new event (its id follows from the entry). `reason` is one word: new, same_url, similar,
    copy, update, operator. `best_entry_id` names the report that decided it. `absorbs` are events that this evidence
    shows to be the same as `event_id`; `related` earlier events it follows up.
    """

    entry_id: str
    event_id: str | None
    score: float
    reason: str
    best_entry_id: str = ""
    is_copy: bool = False
    absorbs: tuple[str, ...] = ()
    related: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """Why a report was put where it is, as it was decided then: of an `Assignment`, what is kept to be told later.

    `best_entry_id` names the nearest report: of the event that was joined or, where `reason` is new, of another one;
    '' where there was none, or it is not known.
    """

    score: float
    reason: str
    best_entry_id: str = ""


@dataclass(frozen=True, slots=True)
class FingerprintRecord:
    """One line of the fingerprint log, from which the matching index is rebuilt. `packed` is `Fingerprint.packed`.

    `absorbs` are the events that were merged into `event_id` on this entry's evidence. `decision` is None in records of
    versions that did not keep it.
    """

    entry_id: str
    event_id: str
    feed_id: str
    first_seen_at: datetime
    packed: bytes
    absorbs: tuple[str, ...] = ()
    decision: Decision | None = None
