"""WebSub, the deciding part: which hub to ask, when to ask again, whom to believe (W3C WebSub; politeness.md 13).

Rules:
- The hub is the one that the answer's Link headers name, else the document's; the topic is its `self` address. A hub is
  asked only where a public callback address is configured.
- A lease is renewed when three quarters of it have passed. What leads to nothing backs off from 5 minutes to a day.
- Secret and callback path of a feed are derived from one installation secret, so that nothing of them is stored with
  the feed, and a stranger can guess neither.
- A delivery counts only with an HMAC by a method of W3C WebSub 7.1.1: sha1 is one of them, and forging an HMAC of it is
  not within reach (the known attacks make two texts of one hash). It counts only while its lease runs. A confirmation
  counts only for what was asked. The secret is another one for each hub and topic, and goes to a hub by https alone:
  what another hub delivers says no more than that there may be something new.
- From its first delivery on, while a hub delivers, polling goes on slowly as a net
  (`schedule.result.after_poll(pushed=True)`). A hub that failed to
  announce what two polls in a row then found (`Lease.MISSES_ALLOWED`) is dead: it is no longer
  trusted, and polling is as without it.

Pure. The callback and the conversation with hubs are in `fetch.subscriber`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from aggregator.fetch.address import joined
from aggregator.fetch.guard import literal_address
from aggregator.model import FeedHints, Lease

LEASE_ASKED = timedelta(days=10)
LEASE_MOST = timedelta(days=90)
LEASE_UNSAID = timedelta(days=1)
"""Taken where a hub confirms without saying for how long, which the standard does not allow."""
RENEWED_AFTER = 0.75
FIRST_RETRY = timedelta(minutes=5)
LAST_RETRY = timedelta(days=1)
_HASHES = {
    "sha1": hashlib.sha1,
    "sha256": hashlib.sha256,
    "sha384": hashlib.sha384,
    "sha512": hashlib.sha512,
}


@dataclass(frozen=True, slots=True)
class Hub:
    """Where to subscribe, and to what."""

    hub_url: str
    topic_url: str


class Step(StrEnum):
    """What a subscription needs now."""

    SUBSCRIBE = "subscribe"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A hub's question answered: `challenge` goes back to it; `lease` is the subscription from now on (None: ended)."""

    challenge: str
    lease: Lease | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A hub's question that we did not expect, or its denial, with the lease as it is now."""

    words: str
    lease: Lease | None


def advertised_hub(
    links: tuple[tuple[str, str], ...],
    hints: FeedHints,
    *,
    feed_url: str,
) -> Hub | None:
    """The hub that Link headers, else the document, name; the topic falls back to the feed's own address."""
    # Of several links of one relation the first counts.
    by_rel = dict(reversed(links))
    hub_url = by_rel.get("hub") or hints.hub_url or ""
    if not hub_url.startswith(("https://", "http://")):
        return None
    return Hub(hub_url, by_rel.get("self") or hints.self_url or feed_url)


def next_step(
    lease: Lease | None,
    hub: Hub | None,
    *,
    now: datetime,
) -> Step:
    """What to do about a feed's subscription now; `hub` None: the feed names none any more, and its lease runs out."""
    if hub is None:
        return Step.WAIT
    # The feed has moved to another hub, or the subscription was to end and the feed is back.
    if lease is None or not _is_of(lease, hub):
        return Step.SUBSCRIBE
    if now >= asked_again_at(lease):
        return Step.SUBSCRIBE
    return Step.WAIT


def _is_of(lease: Lease, hub: Hub) -> bool:
    """Whether it is a subscription to this topic at this hub that is to go on."""
    if lease.is_ending:
        return False
    return (lease.hub_url, lease.topic_url) == (hub.hub_url, hub.topic_url)


def asked_again_at(lease: Lease) -> datetime:
    """When the hub is asked again: after a part of the lease, and never sooner than the back-off allows."""
    tries = min(lease.failure_count, 20)
    doublings = max(tries - 1, 0)
    retry_at = lease.asked_at + min(FIRST_RETRY * (1 << doublings), LAST_RETRY)
    if lease.verified_at is None or lease.until_at is None:
        return retry_at
    granted = lease.until_at - lease.verified_at
    renewal_at = lease.verified_at + RENEWED_AFTER * granted
    if tries:
        return max(renewal_at, retry_at)
    return renewal_at


def asked(
    lease: Lease | None,
    hub: Hub,
    *,
    now: datetime,
) -> Lease:
    """The lease when the hub is being asked; a renewal that leads to nothing leaves the time already granted."""
    if lease is None or not _is_of(lease, hub):
        return Lease(
            hub.hub_url,
            hub.topic_url,
            now,
            failure_count=1,
        )
    return replace(lease, asked_at=now, failure_count=lease.failure_count + 1)


def is_trusted(lease: Lease | None, *, now: datetime) -> bool:
    """Whether the subscription is in force, and the hub announces what polls find."""
    return lease is not None and lease.is_trusted(now=now)


def delivers(lease: Lease | None, *, now: datetime) -> bool:
    """Whether the hub has shown that it delivers, so that polling may be slow: a hub that only confirms does not."""
    return lease is not None and lease.delivers(now=now)


def after_net_poll(lease: Lease | None, *, new_count: int) -> Lease | None:
    """The lease after a poll: new entries in it are ones that the hub had not announced."""
    if lease is None or not new_count:
        return lease
    return replace(lease, missed_count=lease.missed_count + 1)


def after_delivery(lease: Lease, *, now: datetime) -> Lease:
    """The lease after its hub delivered."""
    return replace(lease, missed_count=0, delivered_at=now)


# --- what is said to a hub, and what it says ------------------------------------------------------------------


def secret_of(
    installation_secret: bytes,
    feed_id: str,
    hub: Hub,
) -> str:
    """The feed's secret, 64 hex digits; another hub or topic has another one. '' for a hub that everyone listens to."""
    if not keeps_secrets(hub.hub_url):
        return ""
    purpose = f"secret\0{feed_id}\0{hub.topic_url}\0{hub.hub_url}"
    return _derived(installation_secret, purpose)


def keeps_secrets(hub_url: str) -> bool:
    """Whether what is said to the hub stays between us: by https, or on this machine."""
    parts = urlsplit(hub_url)
    if parts.scheme == "https":
        return True
    host = parts.hostname or ""
    if host == "localhost":
        return True
    # By its address: 127.0.0.1.hub.example is a name of anybody's.
    address = literal_address(host)
    return address is not None and address.is_loopback


def is_running(lease: Lease, *, now: datetime) -> bool:
    """Whether the hub may deliver: it confirmed, and what it granted has not run out."""
    return lease.until_at is not None and now < lease.until_at


def callback_token(installation_secret: bytes, feed_id: str) -> str:
    """The unguessable part of the feed's callback address, 32 hex digits."""
    return _derived(installation_secret, f"callback\0{feed_id}")[:32]


def _derived(installation_secret: bytes, purpose: str) -> str:
    code = hmac.new(installation_secret, purpose.encode("utf-8"), hashlib.sha256)
    return code.hexdigest()


def request_form(
    mode: str,
    hub: Hub,
    *,
    callback_url: str,
    secret: str,
) -> dict[str, str]:
    """The form of a subscription (`mode` subscribe) or its end (unsubscribe)."""
    form = {"hub.mode": mode, "hub.topic": hub.topic_url, "hub.callback": callback_url}
    if mode != "subscribe":
        return form
    if secret:
        form["hub.secret"] = secret
    seconds = int(LEASE_ASKED.total_seconds())
    form["hub.lease_seconds"] = str(seconds)
    return form


def answer_to_hub(
    query: Mapping[str, str],
    lease: Lease | None,
    *,
    ending: str,
    now: datetime,
) -> Confirmed | Refused:
    """The answer to a hub's verification request.

    `lease` is what we asked for, `ending` the topic that we asked to end ('' none). A denial ends the waiting.
    """
    mode = query.get("hub.mode", "")
    topic = query.get("hub.topic", "")
    challenge = query.get("hub.challenge", "")
    if mode == "denied" and lease is not None and topic == lease.topic_url:
        denied = replace(lease, verified_at=None, until_at=None)
        reason = query.get("hub.reason", "no reason given")
        return Refused(f"the hub denied the subscription: {reason[:200]}", denied)
    if not challenge:
        return Refused("no challenge", lease)
    # A stranger's question must not end what we want to keep.
    if mode == "unsubscribe" and ending and topic == ending:
        return Confirmed(challenge, None)
    if mode != "subscribe" or lease is None or topic != lease.topic_url:
        return Refused("we did not ask for this", lease)
    confirmed = replace(
        lease,
        verified_at=now,
        until_at=now + _granted(query.get("hub.lease_seconds", "")),
        failure_count=0,
        missed_count=0,
    )
    return Confirmed(challenge, confirmed)


def _granted(lease_seconds: str) -> timedelta:
    if not lease_seconds.isascii() or not lease_seconds.isdigit():
        return LEASE_UNSAID
    # Twelve digits are more than LEASE_MOST, and fit into a timedelta.
    seconds = int(lease_seconds.lstrip("0")[:12] or "0")
    if not seconds:
        return LEASE_UNSAID
    return min(timedelta(seconds=seconds), LEASE_MOST)


class SignatureCheck:
    """Whether an X-Hub-Signature (`sha256=…` or another of _HASHES) proves that the hub sent a body, whose
    pieces need not be kept for it."""

    def __init__(self, signature: str, secret: str) -> None:
        method, _, given = signature.strip().partition("=")
        algorithm = _HASHES.get(method.lower())
        self._given = given.lower()
        self._hmac = None
        # An empty secret would let everyone sign.
        if algorithm is not None and given.isascii() and secret:
            self._hmac = hmac.new(secret.encode("ascii"), digestmod=algorithm)

    def update(self, piece: bytes) -> None:
        """Take in the next piece of the body."""
        if self._hmac is not None:
            self._hmac.update(piece)

    @property
    def is_valid(self) -> bool:
        """Whether the body so far is what was signed."""
        if self._hmac is None:
            return False
        return hmac.compare_digest(self._hmac.hexdigest(), self._given)


def is_signed(
    body: bytes,
    signature: str,
    secret: str,
) -> bool:
    """Whether the signature proves that the hub sent the body."""
    check = SignatureCheck(signature, secret)
    check.update(body)
    return check.is_valid


# --- Link headers (RFC 8288) --------------------------------------------------------------------------------

_TARGET = re.compile(r"<([^<>]{0,2000})>")
_PARAMETER = re.compile(
    r"\s*;\s*(?:([^\s=;,\"]{1,60})\s*(?:=\s*(\"(?:[^\"\\]|\\.){0,500}\"|[^\s;,\"]{0,500}))?)?"
)
"""A name with its value; none between two semicolons."""
_MOST = 20
_MOST_LINKS = 200
_READ_CHARS = 20_000


def links_of(header: str, *, base_url: str) -> tuple[tuple[str, str], ...]:
    """Each relation of each link, in order, with its absolute URL; at most 20."""
    relations: list[tuple[str, str]] = []
    header = header[:_READ_CHARS]
    at = 0
    for _ in range(_MOST_LINKS):
        target = _TARGET.search(header, at)
        if target is None:
            break
        names, at = _relations(header, target.end())
        url = _absolute(base_url, target[1])
        if url:
            relations.extend((name, url) for name in names)
    return tuple(relations[:_MOST])


def _relations(header: str, at: int) -> tuple[list[str], int]:
    """The names in the `rel` of the parameters that begin at `at`, and where these end."""
    # One by one: a semicolon in another one's quotes begins none. Of several `rel` the first counts.
    rel: str | None = None
    while parameter := _PARAMETER.match(header, at):
        name, value = parameter.groups(default="")
        if rel is None and name.lower() == "rel":
            rel = _unquoted(value)
        at = parameter.end()
    return (rel or "").lower().split(), at


def _unquoted(value: str) -> str:
    """A value without its quotes; single ones are no quotes to RFC 8288, but are written for them."""
    if value.startswith('"'):
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    return value.strip("'")


def _absolute(base_url: str, target: str) -> str:
    # Otherwise as it is written: a hub knows its topics by that.
    url = joined(base_url, target)
    if not url.startswith(("http://", "https://")):
        return ""
    return url
