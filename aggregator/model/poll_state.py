"""What is remembered of a feed between polls."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from aggregator.model.feed import EPOCH


class Health(StrEnum):
    """How a feed is, as `status` shows it."""

    NEW = "new"
    OK = "ok"
    # It backs off to max_interval; a feed never ends silently (politeness.md, 8).
    FAILING = "failing"
    # 410: not asked again until an operator releases it.
    GONE = "gone"
    # Thousands of new entries in an hour: stored as seen, not published (feedbin/support#534).
    QUARANTINED = "quarantined"
    # Our own network is down: neither its failures nor its schedule count (miniflux/v2#149).
    OFFLINE = "offline"


class FailureKind(StrEnum):
    """Why a poll failed: the classes an operator acts on differently."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    RESET = "reset"
    # Beyond max_body once decoded: a gzip bomb is small on the way (newsboat#3428).
    TOO_LARGE = "too_large"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    # At any hop, seen where it is connected to (stringer#1548).
    PRIVATE_ADDRESS = "private_address"
    BAD_URL = "bad_url"
    HTTP_STATUS = "http_status"
    # 429, or 403 again and again.
    THROTTLED = "throttled"
    # A page that asks for a browser: an operator can give the feed a User-Agent of its own (lemon24/reader#181).
    BOT_WALL = "bot_wall"
    UNAUTHORIZED = "unauthorized"
    NOT_FOUND = "not_found"
    GONE = "gone"
    BAD_ENCODING = "bad_encoding"
    # Our own budget for a redirect's target host was spent: no fault of the feed.
    BUSY = "busy"
    # An error page with status 200, for one (selfoss#886).
    NOT_A_FEED = "not_a_feed"
    UNPARSABLE = "unparsable"
    # It went over its limits of time or memory (feedparser#562, #287).
    PARSER_KILLED = "parser_killed"
    # The secret of the feed cannot be read: nothing was asked.
    CREDENTIALS = "credentials"
    # A fault of ours: no fault of the feed.
    INTERNAL = "internal"


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

    MISSES_ALLOWED: ClassVar[int] = 2
    """Polls in a row that may find what the hub had not announced. A guess."""

    def is_trusted(self, *, now: datetime) -> bool:
        """Whether the subscription is in force, and the hub announces what polls find."""
        if self.until_at is None or self.is_ending:
            return False
        # A hub that died tells nobody (lion-reader#1034): what polls find and it had not announced shows it.
        return now < self.until_at and self.missed_count < self.MISSES_ALLOWED

    def delivers(self, *, now: datetime) -> bool:
        """Whether the hub has shown that it delivers, so that polling may be slow: one that only confirms does not."""
        return self.delivered_at is not None and self.is_trusted(now=now)


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
    """Estimated mean time between changes of the feed; see `schedule`."""
    activity: tuple[float, ...] = ()
    """Evidence of how often the feed changes: see schedule.rate for its 27 numbers; empty before the first success."""
    next_poll_at: datetime = EPOCH
    next_poll_reason: str = ""
    paced_by: str = ""
    """The configured bounds under which `next_poll_at` was set (`schedule.restart.pace_of`); '' is not known."""
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
    seen_items: str | None = None
    """The items of the document that was read last (`entry.remembered`): those that still stand are not read again.
    None: those that stand in a field of their own beside the state, which only who reads a body asks for."""
    history: tuple[str, ...] = ()
    """One letter for each of the newest 48 polls: `n` new entries, `u` unchanged, `f` failed."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to poll one feed until `lapses_at`; `token` fences every write made under it."""

    feed_id: str
    token: int
    lapses_at: datetime
    state: PollState | None
