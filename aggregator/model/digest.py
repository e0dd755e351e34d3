"""What people are told of a period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aggregator.model.event import Source


@dataclass(frozen=True, slots=True)
class DigestEvent:
    """An event as a digest tells of it."""

    event_id: str
    title: str
    lang: str
    categories: tuple[str, ...]
    sources: tuple[Source, ...]
    source_count: int
    independent_count: int
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class DigestFeed:
    """A feed in trouble, or a slow host."""

    feed_id: str
    host: str
    health: str
    detail: str
    failure_count: int = 0
    elapsed: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts since a moment: polls by result, entries by outcome at each stage."""

    polls: Mapping[str, int] = field(default_factory=dict)
    entries: Mapping[str, int] = field(default_factory=dict)
    reports: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Digest:
    """The summary of one window of time; `id` follows from the window, so that a repeat overwrites itself."""

    id: str
    window_from_at: datetime
    window_to_at: datetime
    events: tuple[DigestEvent, ...]
    event_count: int
    totals: Totals
    trouble: tuple[DigestFeed, ...]
    slow: tuple[DigestFeed, ...]
    saved_count: int
    """Reports that repeated an event already told: what a reader was spared."""
    trouble_count: int = 0
    """All feeds in trouble; `trouble` holds the worst of them."""
    language: str = ""
    """Set when only events of this language are told; likewise `category`."""
    category: str = ""
