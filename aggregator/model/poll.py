"""What a poll read, what is told of it, and all that it writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from aggregator.model.entry import Entry, KnownEntry, Unparsable
from aggregator.model.poll_state import Claim, FeedHints, IdentityRule, PollState


@dataclass(frozen=True, slots=True)
class Notice:
    """Something an operator should know; becomes a line of `agg:trouble`. Kinds: design.md."""

    kind: str
    feed_id: str
    host: str
    detail: str


@dataclass(frozen=True, slots=True)
class FeedRead:
    """What the child process answers: the feed's facts, and each parsed entry's outcome.

    `outcomes` sums to the entries parsed. `entries` are the new and edited ones, oldest first. `known`, by identity
    key, holds only records to be written (changed ones, or ones whose `last_seen_at` grew old).
    """

    title: str
    language: str | None
    encoding: str
    version: str
    hints: FeedHints
    identity: IdentityRule
    entries: tuple[Entry, ...]
    known: Mapping[str, KnownEntry]
    outcomes: Mapping[str, int]
    reasons: Mapping[str, int]
    """Why entries were seen or rejected: muted, backlog, quarantined, repeated, empty…"""
    lags: tuple[float, ...] = ()
    """First seen minus stated time in seconds, of the new dated entries: evidence of a wrong clock."""
    notices: tuple[Notice, ...] = ()
    notes: tuple[str, ...] = ()
    dropped_count: int = 0
    """Entries of the document beyond the feed's `max_entries`: the oldest, which were not read."""
    seen_items: str = ""
    """What to remember of the document's items (`entry.remembered`)."""


ReadResult = FeedRead | Unparsable


@dataclass(frozen=True, slots=True)
class Commit:
    """All that one poll writes, in one step, under its claim. `due_at` None: never polled again by itself."""

    claim: Claim
    state: PollState
    host: str
    due_at: datetime | None
    entries: tuple[Entry, ...] = ()
    known: Mapping[str, KnownEntry] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    host_hold_until_at: datetime | None = None
    result: str = ""
    """One word for the poll's result, counted by the hour for the digest; '' is not counted."""
    outcomes: Mapping[str, int] = field(default_factory=dict)
    """Entries by outcome, counted by the hour for the digest."""
