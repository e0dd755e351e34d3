"""When a feed with a stored state is due after a restart, a reload, or a correction of the clock.

Rules:
- Nothing has changed: as it was. A restart or reload causes no request (politeness.md 2).
- `min_interval`, `max_interval` or `cron` have changed since the due time was set: it is worked out again from the last
  poll, by the same rules as after that poll; what server and document asked for still holds.
- The clock was set back (the last poll lies in the future): what was left to wait then is waited from now on.
- A time beyond all bounds is brought back inside them (17): a clock that was ahead costs one look, not a year.
- Feeds that fall due together by a change are spread, so that a reload makes no herd (6).

Pure.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from aggregator.model import Feed, Health, PollState
from aggregator.schedule.bounds import (
    BOUND_JITTER,
    LONGEST_RETRY_AFTER,
    LONGEST_WISH,
    Bound,
    after_bound,
    backoff,
    cron_due_at,
    first_due_at,
)
from aggregator.schedule.success import own_interval, with_due

CLOCKS_DIFFER = timedelta(minutes=1)
"""A last poll that lies this much in the future was another worker's; beyond, the clock was set back. A guess."""


def pace_of(feed: Feed) -> str:
    """What of the configuration a due time depends on; kept with it in `PollState.paced_by`."""
    return f"{feed.min_interval.total_seconds():g}/{feed.max_interval.total_seconds():g}/{feed.cron or ''}"


def due_at(
    feed: Feed, state: PollState, *, now: datetime, feed_count: int = 1
) -> datetime | None:
    """When the feed is due; `feed_count` feeds are looked at together. None: the feed is gone.

    A state that has never been asked under its present URL gets a first due time.
    """
    if state.health is Health.GONE:
        return None
    if state.last_poll_at is None or (
        state.health is Health.NEW and state.failure_count == 0
    ):
        return max(first_due_at(feed, now=now), state.not_before_at or now)
    if state.last_poll_at > now + CLOCKS_DIFFER:
        state = _with_times_moved(state, by=now - state.last_poll_at)
    if _is_paced_anew(feed, state):
        at = _worked_out_again(feed, state, now=now)
        return (
            at
            if at > now
            else max(at, first_due_at(feed, now=now, feed_count=feed_count))
        )
    return min(state.next_poll_at, _latest(feed, state, now=now))


def _with_times_moved(state: PollState, *, by: timedelta) -> PollState:
    """The state as if its last poll had been now: the clock that told its times was ahead."""
    not_before = None if state.not_before_at is None else state.not_before_at + by
    last = None if state.last_poll_at is None else state.last_poll_at + by
    return replace(
        state,
        last_poll_at=last,
        next_poll_at=state.next_poll_at + by,
        not_before_at=not_before,
    )


def _is_paced_anew(feed: Feed, state: PollState) -> bool:
    """Whether the bounds have changed. Of a record of an earlier version that is not known: it is left alone.

    While our own network is down the feed is tried again soon, whatever its bounds are.
    """
    return (
        state.paced_by not in ("", pace_of(feed)) and state.health is not Health.OFFLINE
    )


def _latest(feed: Feed, state: PollState, *, now: datetime) -> datetime:
    """Beyond which no due time can be right."""
    wish = min(state.not_before_at or now, now + LONGEST_RETRY_AFTER)
    if feed.cron is not None:
        return cron_due_at(feed, feed.cron, after=max(now + LONGEST_WISH, wish))
    return max(now + feed.max_interval, wish + BOUND_JITTER)


def _worked_out_again(feed: Feed, state: PollState, *, now: datetime) -> datetime:
    polled_at = min(state.last_poll_at or now, now)
    server = (
        None
        if state.not_before_at is None
        else Bound(min(state.not_before_at, now + LONGEST_RETRY_AFTER), "")
    )
    if state.failure_count:
        at = polled_at + backoff(feed, state.failure_count)
        if server is not None:
            at = max(
                at,
                after_bound(
                    server,
                    interval=feed.max_interval,
                    seed=(feed.feed_id, state.failure_count),
                ),
            )
        return (
            at
            if feed.cron is None
            else cron_due_at(feed, feed.cron, after=max(at, now))
        )
    asked = replace(state, interval=own_interval(feed, state.activity, now=polled_at))
    pushed = state.lease is not None and state.lease.delivers(now=now)
    after = max(polled_at, now) if feed.cron is not None else polled_at
    return with_due(feed, asked, server, now=after, pushed=pushed).next_poll_at
