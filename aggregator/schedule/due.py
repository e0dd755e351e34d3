"""When a feed that answered is asked next: its own interval, then what server and document ask for. Pure.

Rules: politeness.md 4, 11 (what server and document ask for are lower bounds), 12 (the interval follows the feed's own
changes, in `schedule.rate`), 13 (a feed whose hub delivers is polled slowly).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from aggregator.model import Feed, FeedRead, Health, PollState
from aggregator.schedule import rate
from aggregator.schedule.bounds import (
    Bound,
    after_bound,
    cron_due_at,
    hint_bound,
    interval_bounds,
    jittered,
    outside_skipped,
)

RATED_ENTRIES = 1000
"""A runaway's flood says little of the feed's habit: it counts as so many entries at most."""
NET_FACTOR = 4
NET_LEAST = timedelta(hours=2)
"""A feed whose hub delivers is asked this many times more seldom, and no more often than this. A guess."""


class Habit(NamedTuple):
    """How often a feed changes, as `PollState` keeps it."""

    activity: tuple[float, ...]
    change_gap: timedelta
    interval: timedelta


def habit_after(
    feed: Feed,
    before: PollState,
    read: FeedRead | None,
    *,
    now: datetime,
) -> Habit:
    """What is known of how often the feed changes, with this poll's evidence; `before` is its state before it."""
    new_count = 0
    lags: tuple[float, ...] = ()
    if read is not None:
        new_count = min(read.new_count, RATED_ENTRIES)
        lags = read.lags[:RATED_ENTRIES]
    gap = None
    if before.last_success_at is not None:
        gap = max(timedelta(0), now - before.last_success_at)
    activity = rate.observed(
        before.activity,
        lags=lags,
        undated_count=max(0, new_count - len(lags)),
        gap=gap,
        now=now,
    )
    rates = rate.hourly_rates(activity, now=now)
    interval = _interval_of(feed, rates, now=now)
    return Habit(activity, rate.change_gap(rates), interval)


def own_interval(
    feed: Feed,
    activity: tuple[float, ...],
    *,
    now: datetime,
) -> timedelta:
    """How long to wait by the feed's own habit, inside its bounds."""
    return _interval_of(feed, rate.hourly_rates(activity, now=now), now=now)


def _interval_of(
    feed: Feed,
    rates: rate.Rates,
    *,
    now: datetime,
) -> timedelta:
    waiting = rate.wait(rates, now=now, longest=feed.max_interval)
    low, high = interval_bounds(feed)
    return min(max(waiting, low), high)


class Due(NamedTuple):
    """When a feed is asked next, and why then."""

    at: datetime
    reason: str
    not_before_at: datetime | None


def due_of(
    feed: Feed,
    state: PollState,
    server: Bound | None,
    *,
    now: datetime,
    health: Health,
    interval: timedelta,
    pushed: bool,
) -> Due:
    """The next due time: our interval, then what server and document ask for, then the hours they skip.

    `health` and `interval` are those from now on, whatever `state` holds.
    """
    interval, reason = _chosen_interval(
        feed,
        health,
        interval,
        pushed=pushed,
    )
    at = now + jittered(interval, feed, seed=(state.poll_count,))
    asked = _bounds_asked_for(state, server, now=now)
    for bound in asked:
        if bound.at > at:
            seed = (feed.feed_id, state.poll_count)
            at = after_bound(bound, interval=interval, seed=seed)
            reason = bound.words
    if feed.cron is not None:
        # It takes the place of our own interval, not of what others ask for.
        after = max([now, *(bound.at for bound in asked)])
        at = cron_due_at(feed, feed.cron, after=after)
        reason = "cron"
    moved_at = outside_skipped(at, state.hints, now=now, feed_id=feed.feed_id)
    if moved_at != at:
        at, reason = moved_at, f"{reason}, then skipHours or skipDays"
    return Due(at, reason, None if server is None else server.at)


def _chosen_interval(
    feed: Feed,
    health: Health,
    interval: timedelta,
    *,
    pushed: bool,
) -> tuple[timedelta, str]:
    if health is Health.QUARANTINED:
        return feed.max_interval, "quarantined: asked as seldom as allowed"
    if pushed:
        net = min(max(interval * NET_FACTOR, NET_LEAST), feed.max_interval)
        return net, f"its hub delivers: asked every {_minutes(net)} as a net"
    return interval, f"own interval of {_minutes(interval)}"


def _bounds_asked_for(
    state: PollState,
    server: Bound | None,
    *,
    now: datetime,
) -> list[Bound]:
    """What the server's headers and the document ask for, where they do."""
    hint = hint_bound(state.hints, now=now)
    return [bound for bound in (server, hint) if bound is not None]


def _minutes(span: timedelta) -> str:
    seconds = span.total_seconds()
    minutes = seconds / 60
    if minutes < 2:
        return f"{seconds:.0f} s"
    if minutes < 120:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h"
