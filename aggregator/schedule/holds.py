"""Until when a whole host is left alone after one of its answers (politeness.md 5). Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from aggregator.hosts import host_of
from aggregator.model import (
    FailureKind,
    Feed,
    Fetched,
    FetchFailed,
    NotModified,
    Poll,
    replace,
)
from aggregator.schedule.bounds import LONGEST_RETRY_AFTER, backoff

LONGEST_UNASKED_HOLD = timedelta(hours=1)
"""Longest hold of a host that throttles without saying for how long: one broken page must not silence the others."""
_NONE = timedelta(0)
_THROTTLING = frozenset({429, 503})


def with_hold(
    poll: Poll,
    feed: Feed,
    result: Fetched | NotModified | FetchFailed,
    *,
    now: datetime,
) -> Poll:
    """The poll with the hold of the host that answered, where there is one."""
    span = _span(feed, result, poll.state.failure_count)
    if span <= _NONE:
        return poll
    host = host_of(result.url)
    # Over a redirect to another host a feed could silence that host's feeds: what is learned there binds the feed that
    # went there, by its due time, and nobody else.
    if host != host_of(poll.before.url):
        return poll
    return replace(poll, host_hold_until_at=now + span, held_host=host)


def _span(
    feed: Feed,
    result: Fetched | NotModified | FetchFailed,
    failure_count: int,
) -> timedelta:
    asked_for = min(result.caching.retry_after or _NONE, LONGEST_RETRY_AFTER)
    if not isinstance(result, FetchFailed):
        # A good answer, too, may ask with Retry-After for quiet.
        return asked_for
    throttles = result.status in _THROTTLING or result.kind is FailureKind.THROTTLED
    # One challenge page may be chance; a wall that stands is meant for all our requests.
    repeated_wall = result.kind is FailureKind.BOT_WALL and failure_count > 1
    if not throttles and not repeated_wall:
        return _NONE
    return asked_for or min(backoff(feed, failure_count), LONGEST_UNASKED_HOLD)
