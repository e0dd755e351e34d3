"""The digest: what happened in a window of time, as one record.

Rules: pure; the same events give the same digest whatever order they come in, and its id follows from the window (and
the filter), so that making it again overwrites it. Events are ordered by what makes them worth reading first: how many
independent publishers report them, then how many reports there are, then the newest.

How it is shown is the business of the `digest_*` modules beside this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from aggregator.model import (
    Digest,
    DigestEvent,
    DigestFeed,
    Event,
    Health,
    Message,
    PollState,
    Source,
    Totals,
)

MAX_SOURCES = 12
"""Sources listed for one event: the first report and the newest. A guess at what a reader looks through."""
MAX_TROUBLE = 50
MAX_SLOW = 10
MAX_LOGGED_EVENTS = 20
MAX_LOGGED_TITLE = 200
"""With 3 sources each, 20 events stay under 16 KB of JSON; journald cuts a line at 48 KiB."""

JOINED = "joined_event"

_SEVERITY = {
    Health.GONE: 0,
    Health.QUARANTINED: 1,
    Health.FAILING: 2,
    Health.OFFLINE: 3,
}
"""The healths that mean trouble, in the order an operator should see them."""


def digest(
    *,
    events: Iterable[Event],
    window_from_at: datetime,
    window_to_at: datetime,
    totals: Totals,
    feeds: Iterable[PollState],
    elapsed: Mapping[str, timedelta],
    top: int,
    language: str | None = None,
    category: str | None = None,
) -> Digest:
    """The digest of [window_from_at, window_to_at).

    `events` may hold more than the window's: those with no report in it, absorbed ones, and those the filter leaves
    out are passed over. `elapsed` is the typical time a host takes to answer. `top` events are told in full.
    """
    told = [
        event
        for event in events
        if is_told(event, window_from_at, window_to_at, language, category)
    ]
    told.sort(key=_rank)
    trouble = [state for state in feeds if state.health in _SEVERITY]
    trouble.sort(key=_trouble_rank)
    return Digest(
        id=digest_id(window_from_at, window_to_at, language or "", category or ""),
        window_from_at=window_from_at,
        window_to_at=window_to_at,
        events=tuple(_digest_event(event) for event in told[: max(top, 0)]),
        event_count=len(told),
        totals=totals,
        trouble=tuple(_digest_feed(state) for state in trouble[:MAX_TROUBLE]),
        slow=_slowest(elapsed),
        saved_count=_saved(
            told,
            totals,
            filtered=bool(language or category),
        ),
        trouble_count=len(trouble),
        language=language or "",
        category=category or "",
    )


def digest_id(
    window_from_at: datetime, window_to_at: datetime, language: str, category: str
) -> str:
    """`d` and 20 hex digits that name the window and the filter."""
    parts = (
        "digest",
        window_from_at.isoformat(),
        window_to_at.isoformat(),
        language,
        category,
    )
    named = "\0".join(parts).encode("utf-8", "replace")
    return "d" + sha256(named).hexdigest()[:20]


def is_told(
    event: Event,
    from_at: datetime,
    to_at: datetime,
    language: str | None = None,
    category: str | None = None,
) -> bool:
    """Whether the event has reports in [from_at, to_at), is nobody's alias, and passes the filter."""
    if (
        event.merged_into
        or event.first_seen_at >= to_at
        or event.last_seen_at < from_at
    ):
        return False
    # A page asks this, without a filter, of each event of a day.
    if language is None and category is None:
        return True
    return passes(event, language, category)


def passes(
    told: Event | Message,
    language: str | None,
    category: str | None,
) -> bool:
    """Whether an event, or a message of one, passes the filter of a digest."""
    if language and told.lang != language and not told.lang.startswith(f"{language}-"):
        return False
    return not category or category in told.categories


def log_fields(record: Digest) -> dict[str, Any]:
    """The digest as fields of one log line that journald does not cut: heads and counts, no bodies, few sources."""
    return {
        "digest_id": record.id,
        "window_from": record.window_from_at.isoformat(),
        "window_to": record.window_to_at.isoformat(),
        "event_count": record.event_count,
        "saved_count": record.saved_count,
        "polls": dict(record.totals.polls),
        "entries": dict(record.totals.entries),
        "reports": dict(record.totals.reports),
        "trouble_count": record.trouble_count,
        "trouble": [feed.feed_id for feed in record.trouble[:MAX_LOGGED_EVENTS]],
        "events": [_logged_event(event) for event in record.events[:MAX_LOGGED_EVENTS]],
    }


def host_of(url: str) -> str:
    """The host of a URL without port and userinfo, '' where there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _rank(event: Event) -> tuple[int, int, float, str]:
    return (
        -event.independent_count,
        -event.source_count,
        -event.last_seen_at.timestamp(),
        event.event_id,
    )


def _trouble_rank(state: PollState) -> tuple[int, int, str]:
    return (_SEVERITY[state.health], -state.failure_count, state.feed_id)


def _digest_event(event: Event) -> DigestEvent:
    return DigestEvent(
        event_id=event.event_id,
        title=event.title,
        lang=event.lang,
        categories=event.categories,
        sources=_listed(event.sources),
        source_count=event.source_count,
        independent_count=event.independent_count,
        first_seen_at=event.first_seen_at,
        last_seen_at=event.last_seen_at,
    )


def _listed(sources: tuple[Source, ...]) -> tuple[Source, ...]:
    """The first report and the newest others, in their order."""
    if len(sources) <= MAX_SOURCES:
        return sources
    return (sources[0], *sources[1 - MAX_SOURCES :])


def _digest_feed(state: PollState) -> DigestFeed:
    parts = (state.failure_kind or "", state.failure_detail)
    detail = ": ".join(filter(None, parts))
    return DigestFeed(
        feed_id=state.feed_id,
        host=host_of(state.url),
        health=state.health,
        detail=detail,
        failure_count=state.failure_count,
    )


def _slowest(elapsed: Mapping[str, timedelta]) -> tuple[DigestFeed, ...]:
    slowest = sorted(
        elapsed.items(),
        key=lambda pair: (-pair[1], pair[0]),
    )
    hosts: list[DigestFeed] = []
    for host, span in slowest[:MAX_SLOW]:
        hosts.append(
            DigestFeed(
                "",
                host,
                health="",
                detail="",
                elapsed=span,
            )
        )
    return tuple(hosts)


def _saved(
    told: list[Event],
    totals: Totals,
    *,
    filtered: bool,
) -> int:
    """Joined reports of the window; under a filter, for which nobody counts, all repeats of the events told."""
    if filtered or JOINED not in totals.reports:
        return sum(max(event.source_count - 1, 0) for event in told)
    return totals.reports[JOINED]


def _logged_event(event: DigestEvent) -> dict[str, Any]:
    feed_ids = dict.fromkeys(source.feed_id for source in event.sources)
    return {
        "event_id": event.event_id,
        "title": event.title[:MAX_LOGGED_TITLE],
        "lang": event.lang,
        "sources": event.source_count,
        "independent": event.independent_count,
        "url": event.sources[0].url if event.sources else "",
        "feeds": list(feed_ids)[:3],
    }
