"""Reading: from a feed's document to entries."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from aggregator.model.feed import EPOCH
from aggregator.model.poll_state import FailureKind, FeedHints


@dataclass(frozen=True, slots=True)
class Markup:
    """A text as published: `html` says whether its markup counts or it is plain text.

    `xhtml`: the parser wrote it anew out of XML, with an end tag for every element, void ones as well.
    """

    value: str
    html: bool = True
    xhtml: bool = False


@dataclass(frozen=True, slots=True)
class ParsedEntry:
    """One item as published; nothing repaired but its characters (decoded, never resolved or sanitised).

    `base_url` is what the item's relative references resolve against. `images` are candidates in order of preference:
    media:thumbnail, media:content, image enclosures, itunes:image, pictures in elements of the item's own.
    `known_link` is the link by which the entry is known (`entry.identity`), None where that is `link`: it is resolved
    against the feed's address alone, so that neither a new home page nor a better choice of `link` renames an entry.
    """

    # Edited by some publishers, one for all items with others (NetNewsWire#3286, miniflux/v2#4197).
    guid: str = ""
    link: str = ""
    title: Markup = Markup("")
    content: Markup = Markup("")
    summary: Markup = Markup("")
    author: str = ""
    tags: tuple[str, ...] = ()
    published_raw: str = ""
    updated_raw: str = ""
    language: str | None = None
    images: tuple[str, ...] = ()
    base_url: str = ""
    known_link: str | None = None


TRUNCATED = "truncated"
"""The note of a document that ends in the middle."""


@dataclass(frozen=True, slots=True)
class ParsedFeed:
    """One feed document as published. `dropped_count` entries lay beyond the limit; `notes` tell what was repaired."""

    version: str
    title: str
    link: str
    language: str | None
    encoding: str
    entries: tuple[ParsedEntry, ...]
    hints: FeedHints = field(default_factory=FeedHints)
    dropped_count: int = 0
    notes: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    """A hash of the bytes of each item of the document, in its order; empty where they cannot be told apart. Those that
    were said to be seen are not among `entries`."""
    frame: str = ""
    """A hash of all that the items inherit from the rest of the document."""


@dataclass(frozen=True, slots=True)
class Unparsable:
    """The body is no feed: `kind` is NOT_A_FEED, BAD_ENCODING, UNPARSABLE or PARSER_KILLED; INTERNAL: our own fault."""

    kind: FailureKind
    detail: str
    is_final: bool = False
    """Of PARSER_KILLED: it had all the time a document may have, so the same body would end the same way."""


class KnownEntry(NamedTuple):
    """What is kept of an entry already seen. `link_key` and `title_key` are 16 hex digits, '' when there is none.

    A tuple, because at each change of a feed all that are known of it, thousands, are read, handed to a child and made
    anew there: 4 µs each instead of 7.
    """

    content_hash: str
    first_seen_at: datetime
    revision: int = 0
    link_key: str = ""
    title_key: str = ""
    last_seen_at: datetime = EPOCH
    edits_since_at: datetime | None = None
    edit_count: int = 0
    """Edits published since `edits_since_at` (churn is muted after 3 in 24 h)."""
    date_stated: bool = True
    """False: the document's date is `first_seen_at`, because the publisher gave none that can be read."""
    guid_key: str = ""
    """16 hex of the guid the entry has now, '' while it is the one its identity key was made of (`entry.identity`)."""


class DateSource(StrEnum):
    """Where the published time comes from."""

    FEED = "feed"
    # The publisher gave none that can be read (NetNewsWire#2928).
    FIRST_SEEN = "first_seen"
    # A time to come: the original is kept beside it (miniflux/v2#2971).
    CLAMPED = "clamped"


@dataclass(frozen=True, slots=True)
class Entry:
    """One source's report, repaired, with its document: what travels on the entries stream.

    `published_at` is the stated time (None: unknown); `matched_at` is the same corrected for a wrong clock, the time
    that matching uses. `url` is absolute http(s) or empty; `canonical_url` serves comparison only. `text` is the body
    without markup and boilerplate, at most 8,000 characters. `revision` is 0 for a new entry.
    """

    entry_id: str
    feed_id: str
    revision: int
    identity_key: str
    guid: str
    url: str
    canonical_url: str
    title: str
    lang: str
    author: str
    categories: tuple[str, ...]
    tags: tuple[str, ...]
    published_at: datetime | None
    matched_at: datetime | None
    published_raw: str
    date_source: DateSource
    first_seen_at: datetime
    content_hash: str
    text: str
    document: str
    site: str = ""
    """Registrable name of the page's host, as the link claims it: it may lower a count of sources, never raise it."""
    publisher: str = ""
    """Registrable name of the feed's own address, the unit of independence; of a feed that `aggregates`, its link's."""
    fingerprint: str = ""
    """What matching remembers of a new entry (`dedup.fingerprint`), in base64, as the child made it that read it. It is
    derived from the rest, so an entry without it loses nothing."""


class Outcome(StrEnum):
    """What became of one parsed entry at the poll."""

    NEW = "new"
    EDITED = "edited"
    SEEN = "seen"
    REJECTED = "rejected"
