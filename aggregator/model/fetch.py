"""Asking: the request, and what came of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta

from aggregator.model.feed import Auth
from aggregator.model.poll_state import FailureKind, Validators


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

    # `no-cache, max-age=315360000` is no wish to be left alone for ten years (lemon24/reader#384).
    fresh_for: timedelta | None = None
    # Kept for the whole host, across restarts and workers (FreshRSS#8928).
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Redirect:
    """One step of a redirect: the status, and where it led."""

    status: int
    url: str


def body_hash(body: bytes) -> str:
    """The hash by which an unchanged body is known, so that it is not read again."""
    return hashlib.sha256(body).hexdigest()[:32]


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
    body_hash: str = field(init=False, compare=False)
    """`body_hash` of the body. Taken once: for a feed of 60 kB it costs as much as half of asking for it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "body_hash", body_hash(self.body))


@dataclass(frozen=True, slots=True)
class NotModified:
    """304: the body is the one that the validators stand for."""

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
