"""What an answer's headers allow: freshness and Retry-After (RFC 9110 section 10.2.3, RFC 9111 sections 4.2 and 5).

Rules: max-age minus Age comes before Expires minus Date minus Age; `no-cache` means "ask again", so it takes away the
freshness that a max-age beside it states (situation 13). The first of repeated directives counts; what cannot be read
says nothing. Spans are cut to a year here; how long they are kept is `schedule.bounds`' business. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from aggregator.model import Caching

_YEAR = 365 * 86400
_DIRECTIVE = re.compile(r"([A-Za-z-]+)\s*(?:=\s*(?:\"([^\"]*)\"|([^\s,;]*)))?")
_ZERO = timedelta(0)


def caching_of(headers: Mapping[str, str], *, now: datetime) -> Caching:
    """The caching record of an answer; `headers` by lower-case name, repeated ones joined by a comma."""
    directives = cache_directives(headers.get("cache-control", ""))
    sent_at = http_date(headers.get("date", "")) or now
    return Caching(
        fresh_for=_fresh_for(headers, directives, sent_at),
        retry_after=retry_after(headers.get("retry-after", ""), sent_at=sent_at),
        no_store="no-store" in directives,
    )


def cache_directives(text: str) -> dict[str, str]:
    """The directives of Cache-Control by lower-case name; the first of repeated ones."""
    found: dict[str, str] = {}
    for name, quoted, plain in _DIRECTIVE.findall(text):
        found.setdefault(name.lower(), quoted or plain)
    return found


def _fresh_for(
    headers: Mapping[str, str], directives: Mapping[str, str], sent_at: datetime
) -> timedelta | None:
    if (
        directives.get("no-cache") == ""
    ):  # with a value it speaks of single header fields
        return _ZERO
    age = _seconds(headers.get("age", "")) or _ZERO
    if "max-age" in directives:
        lifetime = _seconds(directives["max-age"])
        return None if lifetime is None else max(_ZERO, lifetime - age)
    if "expires" in headers:
        expires_at = http_date(headers["expires"])
        return (
            _ZERO
            if expires_at is None
            else min(max(_ZERO, expires_at - sent_at - age), timedelta(seconds=_YEAR))
        )
    return None


def retry_after(text: str, *, sent_at: datetime) -> timedelta | None:
    """Retry-After in either form, as a span from when the answer was sent; None where nothing readable is said."""
    seconds = _seconds(text)
    if seconds is not None:
        return seconds
    at = http_date(text)
    return (
        None if at is None else min(max(_ZERO, at - sent_at), timedelta(seconds=_YEAR))
    )


def _seconds(text: str) -> timedelta | None:
    """A count of seconds; a fraction is rounded up, so that no one asks early."""
    match = re.fullmatch(r"\s*(\d{1,20})(\.\d+)?\s*(?:,.*)?", text, re.ASCII)
    if match is None:
        return None
    return timedelta(seconds=min(int(match[1]) + (1 if match[2] else 0), _YEAR))


def http_date(text: str) -> datetime | None:
    """An HTTP date in any of its three forms, as aware UTC; None where it is none."""
    try:
        at = parsedate_to_datetime(text.strip())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
