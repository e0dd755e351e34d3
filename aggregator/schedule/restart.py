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

from datetime import datetime, timedelta

from aggregator.model import Feed, Health, PollState, replace
from aggregator.schedule.bounds import (
    BOUND_JITTER,
    LONGEST_RETRY_AFTER,
    LONGEST_WISH,
    Bound,
    backed_off,
    cron_due_at,
    first_due_at,
)
from aggregator.schedule.due import due_of, own_interval

CLOCKS_DIFFER = timedelta(minutes=1)
"""A last poll that lies this much in the future was another worker's; beyond, the clock was set back. A guess."""


def pace_of(feed: Feed) -> str:
    """What of the configuration a due time depends on; kept with it in `PollState.paced_by`."""
    return f"{feed.min_interval.total_seconds():g}/{feed.max_interval.total_seconds():g}/{feed.cron or ''}"


def due_at(
    feed: Feed,
    state: PollState,
    *,
    now: datetime,
    feed_count: int = 1,
) -> datetime | None:
    """When the feed is due; `feed_count` feeds are looked at together. None: the feed is gone.

    A state that has never been asked under its present URL gets a first due time.
    """
    if state.health is Health.GONE:
        return None
    is_new = state.health is Health.NEW and state.failure_count == 0
    if state.last_poll_at is None or is_new:
        return max(first_due_at(feed, now=now), state.not_before_at or now)
    if state.last_poll_at > now + CLOCKS_DIFFER:
        state = _with_times_moved(state, by=now - state.last_poll_at)
    if _is_paced_anew(feed, state):
        at = _worked_out_again(feed, state, now=now)
        if at > now:
            return at
        # A shorter min_interval makes many feeds due at once: they are spread like a big import.
        return max(at, first_due_at(feed, now=now, feed_count=feed_count))
    return min(state.next_poll_at, _latest(feed, state, now=now))


def _with_times_moved(state: PollState, *, by: timedelta) -> PollState:
    """The state as if its last poll had been now: the clock that told its times was ahead."""
    return replace(
        state,
        last_poll_at=_moved(state.last_poll_at, by),
        next_poll_at=state.next_poll_at + by,
        not_before_at=_moved(state.not_before_at, by),
    )


def _moved(at: datetime | None, by: timedelta) -> datetime | None:
    return None if at is None else at + by


def _is_paced_anew(feed: Feed, state: PollState) -> bool:
    """Whether the bounds have changed. Of a record of an earlier version that is not known: it is left alone.

    While our own network is down the feed is tried again soon, whatever its bounds are.
    """
    if state.health is Health.OFFLINE:
        return False
    return state.paced_by not in ("", pace_of(feed))


def _latest(
    feed: Feed,
    state: PollState,
    *,
    now: datetime,
) -> datetime:
    """Beyond which no due time can be right."""
    wish = min(state.not_before_at or now, now + LONGEST_RETRY_AFTER)
    if feed.cron is not None:
        return cron_due_at(feed, feed.cron, after=max(now + LONGEST_WISH, wish))
    return max(now + feed.max_interval, wish + BOUND_JITTER)


def _worked_out_again(
    feed: Feed,
    state: PollState,
    *,
    now: datetime,
) -> datetime:
    """By the same rules as after the last poll, with what the server asked for then."""
    polled_at = min(state.last_poll_at or now, now)
    server = None
    if state.not_before_at is not None:
        # Never further away than the longest wish, though a clock that was ahead wrote it (politeness.md 17).
        server = Bound(min(state.not_before_at, now + LONGEST_RETRY_AFTER), "")
    if state.failure_count:
        at = backed_off(feed, server, state.failure_count, now=polled_at)
        if feed.cron is None:
            return at
        return cron_due_at(feed, feed.cron, after=max(at, now))
    interval = own_interval(feed, state.activity, now=polled_at)
    pushed = state.lease is not None and state.lease.delivers(now=now)
    after = polled_at
    if feed.cron is not None:
        # The next time the expression names is ahead of us, not one missed since the poll.
        after = now
    return due_of(
        feed,
        state,
        server,
        now=after,
        health=state.health,
        interval=interval,
        pushed=pushed,
    ).at
