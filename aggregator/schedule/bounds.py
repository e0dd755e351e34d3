"""When the next poll may be: what servers and documents ask for, and the spreading of due times.

Rules (politeness.md 4, 5, 6, 11): a server's wish is a lower bound, kept even beyond the feed's `max_interval`, but
never longer than 24 h (Retry-After: 7 days); `min_interval` and `max_interval` bound only our own interval. Jitter
derives from a hash, lies inside those bounds, and never takes a due time below a server's wish. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.triggers.cron import CronTrigger

from aggregator.hosts import share
from aggregator.model import Caching, Feed, FeedHints

LONGEST_WISH = timedelta(hours=24)
LONGEST_RETRY_AFTER = timedelta(days=7)
JITTER = 0.1
"""Part of the interval over which polls are spread. A guess: enough to unravel a herd within a few rounds."""
BOUND_JITTER = timedelta(seconds=60)
"""Most that is added after a server's bound, so that feeds of one CDN do not return in the same second. A guess."""
CRON_SPREAD = timedelta(seconds=59)
FIRST_SPREAD = timedelta(seconds=0.2)
"""Spread per new feed: 10 new feeds are asked within 2 s, 1,500 within 5 min. A guess."""
_ZERO = timedelta(0)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Bound:
    """No poll before `at`; `words` say who asked for it."""

    at: datetime
    words: str


def first_due_at(feed: Feed, *, now: datetime, feed_count: int = 1) -> datetime:
    """When a feed added now is first asked; `feed_count` feeds are added together (a big import makes no herd)."""
    span = min(feed.min_interval, FIRST_SPREAD * max(1, feed_count))
    return now + span * share("first", feed.feed_id)


def caching_bound(caching: Caching, *, now: datetime) -> Bound | None:
    """The bound that the answer's headers set, on 200 and 304 alike."""
    fresh = min(caching.fresh_for or _ZERO, LONGEST_WISH)
    retry = min(caching.retry_after or _ZERO, LONGEST_RETRY_AFTER)
    if max(fresh, retry) <= _ZERO:
        return None
    return Bound(
        now + max(fresh, retry), "Retry-After" if retry > fresh else "cache headers"
    )


def hint_bound(hints: FeedHints, *, now: datetime) -> Bound | None:
    """The bound that the document's own ttl or sy:updatePeriod sets."""
    ttl, period = (
        min(value or _ZERO, LONGEST_WISH) for value in (hints.ttl, hints.update_period)
    )
    if max(ttl, period) <= _ZERO:
        return None
    return Bound(
        now + max(ttl, period),
        "ttl of the document" if ttl >= period else "sy:updatePeriod of the document",
    )


def after_bound(
    bound: Bound, *, interval: timedelta, seed: tuple[object, ...]
) -> datetime:
    """A due time at or shortly after the bound."""
    return bound.at + min(BOUND_JITTER, interval * JITTER) * share("bound", *seed)


def jittered(interval: timedelta, feed: Feed, *, seed: tuple[object, ...]) -> timedelta:
    """The interval spread by up to a tenth, still inside min_interval and max_interval."""
    low, high = feed.min_interval, max(feed.min_interval, feed.max_interval)
    base = min(max(interval, low), high)
    part = share("jitter", feed.feed_id, *seed)
    return min(base * (1 + JITTER * part), high - min(high * JITTER, high - low) * part)


def outside_skipped(
    due_at: datetime, hints: FeedHints, *, now: datetime, feed_id: str
) -> datetime:
    """The due time moved out of skipHours (GMT) and skipDays, by at most 24 h after `now` or its own time."""
    latest = max(due_at, now + LONGEST_WISH)
    at = due_at.astimezone(UTC)
    while _is_skipped(at, hints):
        at = at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        if at > latest:
            return latest
    if at == due_at:
        return due_at
    # The hour begins for all its readers at once: spread over its first quarter.
    return min(latest, at + timedelta(minutes=15) * share("skip", feed_id))


def _is_skipped(at: datetime, hints: FeedHints) -> bool:
    return at.hour in hints.skip_hours or at.weekday() in hints.skip_days


def cron_due_at(feed: Feed, cron: str, *, after: datetime) -> datetime:
    """The first time after `after` that the feed's cron expression (UTC) names, spread inside the minute."""
    spread = CRON_SPREAD * share("cron", feed.feed_id)
    found = CronTrigger.from_crontab(cron, timezone=UTC).get_next_fire_time(
        None, after - spread + _SECOND
    )
    # An expression like "0 0 30 2 *" never fires: then our own longest interval holds.
    return (
        after + feed.max_interval if found is None else found.astimezone(UTC) + spread
    )


def backoff(feed: Feed, failure_count: int) -> timedelta:
    """Exponential from min_interval to max_interval: 15 min, 30 min, 1 h … 24 h, spread by a tenth."""
    exponent = min(max(failure_count, 1) - 1, 40)
    low, high = feed.min_interval, max(feed.min_interval, feed.max_interval)
    delay = min(low.total_seconds() * 2.0**exponent, high.total_seconds())
    return jittered(timedelta(seconds=delay), feed, seed=("backoff", failure_count))
