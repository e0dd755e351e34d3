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
from aggregator.model import Caching, Feed, FeedHints, FetchFailed

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


def first_due_at(
    feed: Feed,
    *,
    now: datetime,
    feed_count: int = 1,
) -> datetime:
    """When a feed added now is first asked; `feed_count` feeds are added together (a big import makes no herd)."""
    span = min(feed.min_interval, FIRST_SPREAD * max(1, feed_count))
    return now + span * share("first", feed.feed_id)


def caching_bound(caching: Caching, *, now: datetime) -> Bound | None:
    """The bound that the answer's headers set, on 200 and 304 alike."""
    fresh = min(caching.fresh_for or _ZERO, LONGEST_WISH)
    retry = min(caching.retry_after or _ZERO, LONGEST_RETRY_AFTER)
    if max(fresh, retry) <= _ZERO:
        return None
    if retry > fresh:
        return Bound(now + retry, "Retry-After")
    return Bound(now + fresh, "cache headers")


def failure_bound(result: FetchFailed, *, now: datetime) -> Bound | None:
    """The bound after a failure: of its headers only Retry-After counts, but for a page that came with 200."""
    if result.status == 200:
        # Such a page comes from a cache that says for how long it will go on (situation 19).
        return caching_bound(result.caching, now=now)
    return caching_bound(Caching(retry_after=result.caching.retry_after), now=now)


def hint_bound(hints: FeedHints, *, now: datetime) -> Bound | None:
    """The bound that the document's own ttl or sy:updatePeriod sets."""
    ttl = min(hints.ttl or _ZERO, LONGEST_WISH)
    period = min(hints.update_period or _ZERO, LONGEST_WISH)
    if max(ttl, period) <= _ZERO:
        return None
    if ttl >= period:
        return Bound(now + ttl, "ttl of the document")
    return Bound(now + period, "sy:updatePeriod of the document")


def after_bound(
    bound: Bound,
    *,
    interval: timedelta,
    seed: tuple[object, ...],
) -> datetime:
    """A due time at or shortly after the bound."""
    # Only ever later: what a server asked for is a lower bound (politeness.md 4).
    spread = min(BOUND_JITTER, interval * JITTER)
    return bound.at + spread * share("bound", *seed)


def jittered(
    interval: timedelta,
    feed: Feed,
    *,
    seed: tuple[object, ...],
) -> timedelta:
    """The interval spread by up to a tenth, still inside min_interval and max_interval."""
    low, high = interval_bounds(feed)
    base = min(max(interval, low), high)
    part = share("jitter", feed.feed_id, *seed)
    later = base * (1 + JITTER * part)
    # Feeds that wait for max_interval are spread below it, or they would all meet at it.
    latest = high - min(high * JITTER, high - low) * part
    return min(later, latest)


def interval_bounds(feed: Feed) -> tuple[timedelta, timedelta]:
    """The shortest and the longest interval of our own; min_interval wins where they cross."""
    return feed.min_interval, max(feed.min_interval, feed.max_interval)


def outside_skipped(
    due_at: datetime,
    hints: FeedHints,
    *,
    now: datetime,
    feed_id: str,
) -> datetime:
    """The due time moved out of skipHours (GMT) and skipDays, by at most 24 h after `now` or its own time."""
    # A document that skips all its hours or days would never be asked again.
    latest = max(due_at, now + LONGEST_WISH)
    at = due_at.astimezone(UTC)
    while _is_skipped(at, hints):
        at = at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        if at > latest:
            return latest
    if at == due_at:
        return due_at
    # The hour begins for all its readers at once: spread over its first quarter.
    spread = timedelta(minutes=15) * share("skip", feed_id)
    return min(latest, at + spread)


def _is_skipped(at: datetime, hints: FeedHints) -> bool:
    return at.hour in hints.skip_hours or at.weekday() in hints.skip_days


def cron_due_at(
    feed: Feed,
    cron: str,
    *,
    after: datetime,
) -> datetime:
    """The first time after `after` that the feed's cron expression (UTC) names, spread inside the minute."""
    spread = CRON_SPREAD * share("cron", feed.feed_id)
    trigger = CronTrigger.from_crontab(cron, timezone=UTC)
    # A second later: APScheduler answers with the very time it is given where that is a whole minute.
    start_at = after - spread + _SECOND
    fires_at: datetime | None = trigger.get_next_fire_time(None, start_at)
    if fires_at is None:
        # An expression like "0 0 30 2 *" never fires: then our own longest interval holds.
        return after + feed.max_interval
    return fires_at.astimezone(UTC) + spread


def backoff(feed: Feed, failure_count: int) -> timedelta:
    """Exponential from min_interval to max_interval: 15 min, 30 min, 1 h … 24 h, spread by a tenth."""
    low, high = interval_bounds(feed)
    # A feed that is dead for years has failed thousands of times: 2.0 ** 1100 overflows.
    exponent = min(max(failure_count, 1) - 1, 40)
    doubled = low.total_seconds() * 2.0**exponent
    delay = timedelta(seconds=min(doubled, high.total_seconds()))
    return jittered(delay, feed, seed=("backoff", failure_count))


def backed_off(
    feed: Feed,
    server: Bound | None,
    failure_count: int,
    *,
    now: datetime,
) -> datetime:
    """When a feed that failed is asked again: after its back-off, and not before what its server asks for."""
    at = now + backoff(feed, failure_count)
    if server is None:
        return at
    seed = (feed.feed_id, failure_count)
    return max(at, after_bound(server, interval=feed.max_interval, seed=seed))
