"""The operator's word on what is one event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from aggregator.model.event import Event, Kind, Message
from aggregator.model.feed import EPOCH


class Verb(StrEnum):
    """What an operator can say of reports: that two events are one, or that some reports are not of their event."""

    JOIN = "join"
    SPLIT = "split"


@dataclass(frozen=True, slots=True)
class RulingRequest:
    """An operator's word as given, waiting for the leading event worker.

    `names` are event ids or entry ids: of `join` two, of `split` the reports that leave their event, for `into` or,
    where that is empty, for a new one.
    """

    ruling_id: str
    verb: Verb
    names: tuple[str, ...]
    into: str = ""
    operator: str = ""
    why: str = ""
    asked_at: datetime = EPOCH


@dataclass(frozen=True, slots=True)
class Ruling:
    """An operator's word as applied: what stands from then on, until a later one says otherwise.

    join: `other_id` became `event_id`; `entry_ids` are reports of the one, `other_entry_ids` of the other.
    split: `entry_ids` left `other_id` for `event_id`; `other_entry_ids` stayed. `apart` are the events that must never
    be made one with `event_id` by the model, `other_id` first.

    All reports that a split moved are named; else at most the first `pipeline.ruling.REPORTS_NAMED`.
    """

    ruling_id: str
    verb: Verb
    event_id: str
    other_id: str
    entry_ids: tuple[str, ...]
    other_entry_ids: tuple[str, ...]
    ruled_at: datetime
    apart: tuple[str, ...] = ()
    operator: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """A report that a ruling names, as it is kept to learn from: `text` is its body, `source` its publisher."""

    entry_id: str
    lang: str
    title: str
    text: str
    source: str
    url: str
    published_at: datetime | None


class RulingState(StrEnum):
    """What became of an operator's word: `waiting` for an event worker, or how that worker answered."""

    WAITING = "waiting"
    APPLIED = "applied"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class RulingAnswer:
    """The event worker's answer, one sentence for the operator."""

    state: RulingState
    text: str
    event_id: str = ""


@dataclass(frozen=True, slots=True)
class RulingPublication:
    """All that an operator's word writes, in one step. `ruling` None: it changes nothing, and only the answer is kept.

    `messages`, `queued` and `events` are as in `Publication`.
    """

    stream_id: str
    ruling_id: str
    answer: RulingAnswer
    ruling: Ruling | None = None
    messages: tuple[Message, ...] = ()
    queued: tuple[tuple[str, Message], ...] = ()
    events: tuple[Event, ...] = ()
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line of the reports stream without its texts: which event a report was given to, and why.

    `told_at` is when the line was written, `reported_at` when the report was published, never later than seen.
    """

    told_at: datetime
    reported_at: datetime
    event_id: str
    entry_id: str
    feed_id: str
    lang: str
    kind: Kind
    reason: str
