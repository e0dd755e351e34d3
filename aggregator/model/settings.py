"""What the operator asks for beside feeds: feeds.toml."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from aggregator.model.feed import Auth


class Strictness(StrEnum):
    """How sure the event stage must be before it joins two reports."""

    STRICT = "strict"
    BALANCED = "balanced"
    LOOSE = "loose"


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
        return Queue(
            f"notify.{self.name}",
            "stream",
            self.deliver,
            self.min_sources,
            self.match,
        )

    @property
    def is_signed(self) -> bool:
        """Whether what is sent carries an HMAC: a webhook's does, by which its receiver knows it."""
        return self.to.startswith(("http://", "https://"))


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """`[fetch]`."""

    timeout: timedelta = timedelta(seconds=30)
    # Decoded: what a gzip bomb grows to (newsboat#3428).
    max_body_bytes: int = 10 * 1024 * 1024
    max_entries: int = 2000
    concurrency: int = 64
    per_host_interval: timedelta = timedelta(seconds=1)
    # A feed must not reach what only this machine can (stringer#1548).
    allow_private_networks: bool = False
    allowed_networks: tuple[str, ...] = ()
    proxy: str | None = None
    ca_file: str | None = None
    parse_timeout: timedelta = timedelta(seconds=10)
    parse_cpu: timedelta = timedelta(seconds=5)
    # Of address space: NumPy still loads within it.
    parse_memory_bytes: int = 512 * 1024 * 1024
    parse_processes: int = 0
    """Child processes that parse; 0: one for each processor."""


@dataclass(frozen=True, slots=True)
class DocumentSettings:
    """`[documents]`."""

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
    `daemon.files` finds out."""

    window: timedelta = timedelta(hours=72)
    strictness: Strictness = Strictness.BALANCED
    meaning: bool | None = None


@dataclass(frozen=True, slots=True)
class DigestSettings:
    """`[digest]`."""

    cron: str = "0 * * * *"
    timezone: str = "UTC"
    top: int = 20
    dir: str | None = None


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """`[retention]`."""

    events: timedelta = timedelta(days=30)
    reports: timedelta = timedelta(days=7)
    # From the push: an edit of an old entry is as young as its message.
    queues: timedelta = timedelta(days=7)
    digest: timedelta = timedelta(days=90)
    trouble: timedelta = timedelta(days=90)
    # Publishers serve old items again after weeks (yarr#87, FreshRSS#3532).
    seen: timedelta = timedelta(days=180)
    max_stream_bytes: int = 1024**3
    # The other is slow_down: polling waits for the consumer, and news with it.
    on_slow_consumer: str = "drop_oldest"
    # A group that nobody reads from any more would hold its stream for ever.
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
