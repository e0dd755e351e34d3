"""What a poll read, what is told of it, and all that it writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from aggregator.model.entry import (
    TRUNCATED,
    Entry,
    KnownEntry,
    Outcome,
    Unparsable,
)
from aggregator.model.fetch import FetchResult
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

    @property
    def new_count(self) -> int:
        """How many entries are new."""
        return self.outcomes.get(Outcome.NEW, 0)

    @property
    def change_count(self) -> int:
        """How many entries are to be published: the new and the edited ones."""
        return self.new_count + self.outcomes.get(Outcome.EDITED, 0)

    @property
    def is_truncated(self) -> bool:
        """Whether the document ended in the middle: what it held behind that did not come."""
        return TRUNCATED in self.notes


ReadResult = FeedRead | Unparsable


@dataclass(frozen=True, slots=True)
class Poll:
    """One poll, ended: what came of it, what follows, and all that is written of it, in one step, under its claim.

    `due_at` None: the feed is not asked again by itself. `host_hold_until_at` with `held_host`: nobody asks that host
    before (the feed's own; what another host said over a redirect binds the feed alone).
    """

    before: PollState
    state: PollState
    """The feed's after it."""
    due_at: datetime | None
    notices: tuple[Notice, ...] = ()
    host_hold_until_at: datetime | None = None
    held_host: str = ""
    withhold: bool = False
    """New and edited entries are not published but stored as seen, with the reason `quarantined`."""
    claim: Claim | None = None
    """Under which it is written; None: it is not, an operator spoke."""
    host: str = ""
    """The host whose slot the claim holds."""
    fetched: FetchResult | None = None
    """None: the hub delivered, or an operator spoke; no request was made."""
    read: ReadResult | None = None
    """None: nothing was read."""
    result: str = ""
    """One word, counted by the hour for the digest; '' is not counted."""
    entries: tuple[Entry, ...] = ()
    known: Mapping[str, KnownEntry] = field(default_factory=dict)
    outcomes: Mapping[str, int] = field(default_factory=dict)
    """Entries by outcome, counted by the hour for the digest."""

    @property
    def own_hold_until_at(self) -> datetime | None:
        """The hold of the host whose slot the claim holds, written in the same step."""
        # What another host said over a redirect binds the feed that went there, not that host's own feeds.
        if self.held_host not in ("", self.host):
            return None
        return self.host_hold_until_at
