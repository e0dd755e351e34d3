"""Events, the messages that tell of them, and what the event stage writes of one entry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from aggregator.model.feed import UNDETERMINED
from aggregator.model.fingerprint import FingerprintRecord


@dataclass(frozen=True, slots=True)
class Source:
    """One report of an event, as its messages list it."""

    feed_id: str
    entry_id: str
    url: str
    title: str
    published_at: datetime | None


@dataclass(frozen=True, slots=True)
class Event:
    """What happened in the world, as reported so far. `sources` holds the first report and the newest 49.

    `independent_sites` are the publishers of reports that are not copies; `queues_served` the queues that already
    received the event, `queues_matched` those for which a report of it matched and that wait for more sources.
    `merged_into` is set on an absorbed event, which stays as an alias. `lead` are the
    first words of the earliest report that has a text, `image` the address of its picture ('' where none has one).
    """

    event_id: str
    lang: str
    title: str
    first_seen_at: datetime
    last_seen_at: datetime
    sources: tuple[Source, ...]
    source_count: int
    # By the domains of feeds' own addresses: a feed is one source whatever hosts its links claim.
    independent_sites: tuple[str, ...]
    independent_count: int
    categories: tuple[str, ...]
    related: tuple[str, ...] = ()
    merged_into: str = ""
    queues_served: tuple[str, ...] = ()
    queues_matched: tuple[str, ...] = ()
    lead: str = ""
    image: str = ""


class Kind(StrEnum):
    """The kinds of message."""

    NEW = "event.new"
    JOINED = "event.joined"
    EDITED = "entry.edited"
    MERGED = "event.merged"


@dataclass(frozen=True, slots=True)
class Message:
    """What a consumer receives; `engine.wire` writes it as flat string fields or as one JSON object (design.md)."""

    id: str
    kind: Kind
    event_id: str
    entry_id: str = ""
    feed_id: str = ""
    revision: int = 0
    lang: str = UNDETERMINED
    title: str = ""
    url: str = ""
    guid: str = ""
    author: str = ""
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    published_at: datetime | None = None
    first_seen_at: datetime | None = None
    published_raw: str = ""
    date_source: str = ""
    sources: tuple[Source, ...] = ()
    source_count: int = 0
    independent_count: int = 0
    score: float = 0.0
    reason: str = ""
    related: tuple[str, ...] = ()
    document: str = ""
    merged_into: str = ""
    merged_from: str = ""
    split_from: str = ""
    """The event that this report left on an operator's word."""
    operator: str = ""
    """Who gave the word that this message tells of, where they said so; likewise `why`."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Publication:
    """All that publishing one entry writes, in one step, behind the gate `(entry_id, revision)`.

    `stream_id` is the entry's place in the entries stream, from which it is taken. `messages` go to the reports stream
    (but MERGED), those of kind NEW and MERGED to the events stream; `queued` are (queue name, message).
    `events` are the event records to store (the entry's own, and absorbed ones). `record` is None for an edit.
    """

    stream_id: str
    entry_id: str
    revision: int
    event_id: str
    messages: tuple[Message, ...]
    queued: tuple[tuple[str, Message], ...]
    events: tuple[Event, ...]
    record: FingerprintRecord | None


@dataclass(frozen=True, slots=True)
class Published:
    """The script's answer: the event the entry belongs to, and whether it had been published before."""

    event_id: str
    repeated: bool
