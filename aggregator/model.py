"""Every record that passes from one stage to the next, in pipeline order.

Rules: records are frozen; a step answers with a new record instead of changing one. Instants are aware UTC
`datetime`s ending in `_at`; spans are `timedelta`; sizes end in `_bytes`; scores lie in 0..1; counts end in
`_count`. An expected outcome is a value of a union (`FetchResult`, `ReadResult`), never an exception.

The records hold no behaviour beyond questions about themselves, and import nothing of ours, so that every wing
can speak of them without knowing another wing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNDETERMINED = "und"
"""The BCP 47 tag of a text whose language is not known."""


# --- what the operator asks for: feeds.toml -------------------------------------------------------------------


class Backlog(StrEnum):
    """Which entries of a feed's first poll are published."""

    WINDOW = "window"
    ALL = "all"
    NONE = "none"


class Strictness(StrEnum):
    """How sure the event stage must be before it joins two reports."""

    STRICT = "strict"
    BALANCED = "balanced"
    LOOSE = "loose"


@dataclass(frozen=True, slots=True)
class Auth:
    """Where the credentials of a feed are found; the secret itself is read at the time of the request.

    Exactly one of `environment` (a variable's name) and `file` (a path) is set. `user` is empty for `bearer`.
    """

    scheme: str
    user: str = ""
    environment: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True)
class Feed:
    """One subscription, with the defaults of `[defaults]` already filled in."""

    feed_id: str
    url: str
    categories: tuple[str, ...] = ()
    language: str | None = None
    backlog: Backlog = Backlog.WINDOW
    min_interval: timedelta = timedelta(minutes=15)
    max_interval: timedelta = timedelta(hours=24)
    cron: str | None = None
    clock_offset: timedelta | None = None
    headers: tuple[tuple[str, str], ...] = ()
    user_agent: str | None = None
    auth: Auth | None = None
    max_body_bytes: int = 10 * 1024 * 1024
    max_entries: int = 2000
    aggregates: bool = False
    """It carries reports of other publishers, as its links name them, and is believed: each counts as a source."""
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Match:
    """What a queue lets through: keys are joined by AND, the values of one key by OR; an empty key lets all through."""

    categories: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Queue:
    """A filtered copy of the output for one consumer: `kind` is `stream` or `list`, `deliver` `events` or `reports`."""

    name: str
    kind: str = "stream"
    deliver: str = "events"
    min_sources: int = 1
    match: Match = field(default_factory=Match)


@dataclass(frozen=True, slots=True)
class Notify:
    """Messages sent to `to` (a webhook, `ntfy://` or `mailto:`) with the filter and the promise of a queue.

    `secret` says where the operator's own secret is (its `scheme` and `user` are not used): what a webhook is signed
    with, an ntfy token, a mail password. `smtp`, `sender` and `every` (between two mails) are for mail.
    """

    name: str
    to: str
    deliver: str = "events"
    min_sources: int = 1
    match: Match = field(default_factory=Match)
    secret: Auth | None = None
    smtp: str = "smtp://localhost:25"
    sender: str = ""
    every: timedelta = timedelta(0)

    @property
    def queue(self) -> Queue:
        """The queue that holds what waits; no `[[queue]]` can have its name."""
        return Queue(f"notify.{self.name}", "stream", self.deliver, self.min_sources, self.match)

    @property
    def is_signed(self) -> bool:
        return self.to.startswith(("http://", "https://"))


@dataclass(frozen=True, slots=True)
class FetchSettings:
    timeout: timedelta = timedelta(seconds=30)
    max_body_bytes: int = 10 * 1024 * 1024
    max_entries: int = 2000
    concurrency: int = 64
    per_host_interval: timedelta = timedelta(seconds=1)
    allow_private_networks: bool = False
    allowed_networks: tuple[str, ...] = ()
    proxy: str | None = None
    ca_file: str | None = None
    parse_timeout: timedelta = timedelta(seconds=10)
    parse_cpu: timedelta = timedelta(seconds=5)
    parse_memory_bytes: int = 512 * 1024 * 1024
    parse_processes: int = 0
    """Child processes that parse; 0: one for each processor."""


@dataclass(frozen=True, slots=True)
class DocumentSettings:
    max_document_bytes: int = 256 * 1024
    fallback_image: bool = False
    """Whether an entry without a picture gets one of chance: off, since a stranger's picture beside news misleads."""
    leading_newline: bool = True
    embeds: tuple[str, ...] = (
        "www.youtube-nocookie.com",
        "www.youtube.com",
        "player.vimeo.com",
        "player.bilibili.com",
    )


@dataclass(frozen=True, slots=True)
class DedupSettings:
    """`meaning`: compare what titles mean, too, by the encoder of the extra `meaning`; None: where it is installed, as
    `cli.files` finds out."""

    window: timedelta = timedelta(hours=72)
    strictness: Strictness = Strictness.BALANCED
    meaning: bool | None = None


@dataclass(frozen=True, slots=True)
class DigestSettings:
    cron: str = "0 * * * *"
    timezone: str = "UTC"
    top: int = 20
    dir: str | None = None


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    events: timedelta = timedelta(days=30)
    reports: timedelta = timedelta(days=7)
    queues: timedelta = timedelta(days=7)
    digest: timedelta = timedelta(days=90)
    trouble: timedelta = timedelta(days=90)
    seen: timedelta = timedelta(days=180)
    max_stream_bytes: int = 1024**3
    on_slow_consumer: str = "drop_oldest"
    forget_group: timedelta = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything in feeds.toml but the feeds."""

    redis_url: str | None = None
    redis_url_file: str | None = None
    """Where `redis_url` is read from instead: a file, or the name of a systemd credential."""
    redis_url_environment: str | None = None
    state_dir: str | None = None
    key_prefix: str = "agg"
    contact: str = ""
    archive_dir: str | None = None
    server_listen: str | None = None
    http_listen: str | None = None
    http_public_url: str | None = None
    http_pictures: bool = True
    fetch: FetchSettings = field(default_factory=FetchSettings)
    documents: DocumentSettings = field(default_factory=DocumentSettings)
    dedup: DedupSettings = field(default_factory=DedupSettings)
    digest: DigestSettings = field(default_factory=DigestSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    queues: tuple[Queue, ...] = ()
    """Those of `[[queue]]`, then those that `notifies` send from."""
    notifies: tuple[Notify, ...] = ()


# --- the poll stage: asking -----------------------------------------------------------------------------------


class Health(StrEnum):
    """How a feed is, as `status` shows it."""

    NEW = "new"
    OK = "ok"
    FAILING = "failing"
    GONE = "gone"
    QUARANTINED = "quarantined"
    OFFLINE = "offline"


class FailureKind(StrEnum):
    """Why a poll failed: the classes an operator acts on differently."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    RESET = "reset"
    TOO_LARGE = "too_large"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    PRIVATE_ADDRESS = "private_address"
    BAD_URL = "bad_url"
    HTTP_STATUS = "http_status"
    THROTTLED = "throttled"
    BOT_WALL = "bot_wall"
    UNAUTHORIZED = "unauthorized"
    NOT_FOUND = "not_found"
    GONE = "gone"
    BAD_ENCODING = "bad_encoding"
    BUSY = "busy"
    """Our own budget for a redirect's target host was spent: no fault of the feed."""
    NOT_A_FEED = "not_a_feed"
    UNPARSABLE = "unparsable"
    PARSER_KILLED = "parser_killed"
    CREDENTIALS = "credentials"
    INTERNAL = "internal"
    """A fault of ours: no fault of the feed."""


@dataclass(frozen=True, slots=True)
class Validators:
    """The opaque cache validators of one URL, sent back exactly as received (RFC 9110 section 8.8).

    Each character stands for one byte of the header (latin-1), so that an ETag that is no text survives. `url` is the
    address that gave them: they are sent to no other. Empty: the address of the request.
    """

    etag: str | None = None
    last_modified: str | None = None
    url: str = ""


@dataclass(frozen=True, slots=True)
class IdentityRule:
    """What a feed's identity keys are made of, chosen by `entry.identity` and kept; `reason` is shown in `status`."""

    ladder: str = "guid"
    """`guid`, `link` or `content`."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FeedHints:
    """What a feed's own document says of how often to ask (politeness.md, 11). Hours are GMT, days 0 = Monday."""

    ttl: timedelta | None = None
    update_period: timedelta | None = None
    skip_hours: frozenset[int] = frozenset()
    skip_days: frozenset[int] = frozenset()
    hub_url: str | None = None
    self_url: str | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """A WebSub subscription as far as it got: asked for, then verified until `until_at` (None: not verified yet).

    `failure_count` counts requests since the last confirmation, `missed_count` polls in a row that found something new
    which the hub had not announced.
    """

    hub_url: str
    topic_url: str
    asked_at: datetime
    verified_at: datetime | None = None
    until_at: datetime | None = None
    failure_count: int = 0
    missed_count: int = 0
    delivered_at: datetime | None = None
    """When the hub delivered last; None: not yet, so that nobody knows whether it does."""
    is_ending: bool = False
    """The feed was removed, and the hub was asked to end the subscription."""


@dataclass(frozen=True, slots=True)
class PollState:
    """All that is remembered of one feed between polls; only the holder of its claim changes it.

    `url` is the address in use: the configured one, or one adopted after a lasting 301/308. `configured_url` is the
    address feeds.toml held then: when it changes, validators and the adopted address are dropped.
    """

    feed_id: str
    url: str
    configured_url: str
    validators: Validators = field(default_factory=Validators)
    body_hash: str = ""
    killed_hash: str = ""
    """Hash of a body whose reading went over its limits: it is not read again before `killed_until_at`."""
    killed_until_at: datetime | None = None
    title: str = ""
    language: str | None = None
    health: Health = Health.NEW
    failure_count: int = 0
    failure_kind: FailureKind | None = None
    failure_detail: str = ""
    failure_status: int | None = None
    """HTTP status of the last failed poll: a second 403 in a row is treated as throttling."""
    poll_count: int = 0
    change_count: int = 0
    entry_count: int = 0
    """Entries published so far (new and edited)."""
    interval: timedelta = timedelta(0)
    """The adaptive interval in force; zero before the first successful poll."""
    change_gap: timedelta | None = None
    """Estimated mean time between changes of the feed; see poll.schedule."""
    activity: tuple[float, ...] = ()
    """Evidence of how often the feed changes: see poll.rate for its 27 numbers; empty before the first success."""
    next_poll_at: datetime = EPOCH
    next_poll_reason: str = ""
    paced_by: str = ""
    """The configured bounds under which `next_poll_at` was set (`poll.resuming.pace_of`); '' is not known."""
    last_poll_at: datetime | None = None
    last_success_at: datetime | None = None
    last_change_at: datetime | None = None
    last_full_at: datetime | None = None
    """When a body was last received without validators having been sent."""
    not_before_at: datetime | None = None
    """The server's own wish (cache headers, Retry-After): no request before."""
    redirect_url: str = ""
    redirect_count: int = 0
    redirect_first_at: datetime | None = None
    identity: IdentityRule = field(default_factory=IdentityRule)
    hints: FeedHints = field(default_factory=FeedHints)
    clock_error: timedelta | None = None
    """Detected error of the publisher's clock: add it to a stated time to get the true one."""
    clock_samples: tuple[float, ...] = ()
    """Newest lags (seconds, first seen minus stated), the evidence for `clock_error`; at most 40."""
    recent_new: tuple[tuple[float, int], ...] = ()
    """(epoch seconds, new entries) of the newest polls that found any: the evidence for quarantine; at most 24."""
    lease: Lease | None = None
    """The feed's WebSub subscription, if its document or its server names a hub."""
    dropped_count: int = 0
    """Entries that lay beyond `max_entries` when the document was last read."""
    seen_items: str = ""
    """The items of the document that was read last (`entry.remembered`): those that still stand are not read again."""
    history: tuple[str, ...] = ()
    """One letter for each of the newest 48 polls: `n` new entries, `u` unchanged, `f` failed."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to poll one feed until `lapses_at`; `token` fences every write made under it."""

    feed_id: str
    token: int
    lapses_at: datetime
    state: PollState | None


@dataclass(frozen=True, slots=True)
class PollRequest:
    """One GET to make: everything the fetcher needs, nothing it has to decide."""

    feed_id: str
    url: str
    validators: Validators
    headers: tuple[tuple[str, str], ...] = ()
    user_agent: str | None = None
    auth: Auth | None = None
    max_body_bytes: int = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Caching:
    """What the answer's headers allow: `fresh_for` is max-age minus Age, or Expires minus Date, None if unsaid."""

    fresh_for: timedelta | None = None
    retry_after: timedelta | None = None
    no_store: bool = False


@dataclass(frozen=True, slots=True)
class Redirect:
    status: int
    url: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """A body, decoded from its Content-Encoding, of at most the configured size. `url` is the final address."""

    url: str
    status: int
    body: bytes
    content_type: str | None
    validators: Validators
    caching: Caching
    redirects: tuple[Redirect, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    """(rel, url) of the Link headers, for WebSub."""
    partial: bool = False
    """True for a 226 (RFC 3229): the body holds only what is new."""
    elapsed: timedelta = timedelta(0)
    sent_bytes: int = 0


@dataclass(frozen=True, slots=True)
class NotModified:
    url: str
    validators: Validators
    caching: Caching
    redirects: tuple[Redirect, ...] = ()
    elapsed: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """No body: `detail` is one sentence for the operator, without secrets or URL userinfo."""

    url: str
    kind: FailureKind
    detail: str
    status: int | None = None
    caching: Caching = field(default_factory=Caching)
    redirects: tuple[Redirect, ...] = ()
    elapsed: timedelta = timedelta(0)
    ours: bool = False
    """True where the failure itself shows that our own network is at fault: no route, no name server answers."""


FetchResult = Fetched | NotModified | FetchFailed


# --- the poll stage: reading ----------------------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True)
class KnownEntry:
    """What is kept of an entry already seen. `link_key` and `title_key` are 16 hex digits, '' when there is none."""

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
    FEED = "feed"
    FIRST_SEEN = "first_seen"
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


class Outcome(StrEnum):
    """What became of one parsed entry at the poll."""

    NEW = "new"
    EDITED = "edited"
    SEEN = "seen"
    REJECTED = "rejected"


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


# --- the event stage ------------------------------------------------------------------------------------------


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
    independent_sites: tuple[str, ...]
    independent_count: int
    categories: tuple[str, ...]
    related: tuple[str, ...] = ()
    merged_into: str = ""
    queues_served: tuple[str, ...] = ()
    queues_matched: tuple[str, ...] = ()
    lead: str = ""
    image: str = ""


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
    """One line of the fingerprint log, from which the matching index is rebuilt. `packed` is `Fingerprint.pack()`.

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


# --- the operator's word --------------------------------------------------------------------------------------


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


# --- the people who watch -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DigestEvent:
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
