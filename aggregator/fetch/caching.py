"""What an answer's headers allow: freshness and Retry-After (RFC 9110 section 10.2.3, RFC 9111 sections 4.2 and 5).

Rules: max-age minus Age comes before Expires minus Date minus Age; `no-cache` means "ask again", so it takes away the
freshness that a max-age beside it states (situation 13). The first of repeated directives counts; what cannot be read
says nothing. Spans are cut to a year here; how long they are kept is `schedule.bounds`' business. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from aggregator.http_dates import http_date
from aggregator.model import Caching

_YEAR = 365 * 86400
_MOST_DIGITS = 12
_DIRECTIVE = re.compile(r"([A-Za-z-]+)\s*(?:=\s*(?:\"([^\"]*)\"|([^\s,;]*)))?")
_ZERO = timedelta(0)


def caching_of(headers: Mapping[str, str], *, now: datetime) -> Caching:
    """The caching record of an answer; `headers` by lower-case name, repeated ones joined by a comma."""
    directives = cache_directives(headers.get("cache-control", ""))
    sent_at = now
    # Nothing else counts from it, and most answers have neither: a date is read in a fiftieth of a poll.
    if "expires" in headers or "retry-after" in headers:
        sent_at = http_date(headers.get("date", "")) or now
    return Caching(
        fresh_for=_fresh_for(headers, directives, sent_at),
        retry_after=retry_after(headers.get("retry-after", ""), sent_at=sent_at),
    )


def cache_directives(text: str) -> dict[str, str]:
    """The directives of Cache-Control by lower-case name; the first of repeated ones."""
    directives: dict[str, str] = {}
    for name, quoted, plain in _DIRECTIVE.findall(text):
        directives.setdefault(name.lower(), quoted or plain)
    return directives


def _fresh_for(
    headers: Mapping[str, str],
    directives: Mapping[str, str],
    sent_at: datetime,
) -> timedelta | None:
    # With a value it speaks of single header fields (RFC 9111 section 5.2.2.4).
    if directives.get("no-cache") == "":
        return _ZERO
    age = _seconds(headers.get("age", "")) or _ZERO
    if "max-age" in directives:
        lifetime = _seconds(directives["max-age"])
        if lifetime is None:
            return None
        return max(_ZERO, lifetime - age)
    if "expires" not in headers:
        return None
    expires_at = http_date(headers["expires"])
    if expires_at is None:
        # "0" and other words mean that it is stale already (RFC 9111 section 5.3).
        return _ZERO
    return _bounded(expires_at - sent_at - age)


def retry_after(text: str, *, sent_at: datetime) -> timedelta | None:
    """Retry-After in either form, as a span from when the answer was sent; None where nothing readable is said."""
    # Of most answers: what is no date costs an exception.
    if not text:
        return None
    seconds = _seconds(text)
    if seconds is not None:
        return seconds
    at = http_date(text)
    if at is None:
        return None
    return _bounded(at - sent_at)


def _bounded(span: timedelta) -> timedelta:
    return min(max(_ZERO, span), timedelta(seconds=_YEAR))


def _seconds(text: str) -> timedelta | None:
    """A count of seconds; a fraction is rounded up, so that no one asks early."""
    match = re.fullmatch(r"\s*(\d+)(\.\d+)?\s*(?:,.*)?", text, re.ASCII)
    if match is None:
        return None
    whole, fraction = match.groups()
    # What has more digits is longer than a year; of some thousands Python makes no number.
    seconds = int(whole.lstrip("0")[:_MOST_DIGITS] or "0")
    if fraction:
        seconds += 1
    return timedelta(seconds=min(seconds, _YEAR))
