"""What a failed poll leads to that is not the feed's fault: the reason is shown, and it is tried again soon.

Rules: politeness.md 15 (an outage of our own moves neither health nor schedule). Whatever is known of the feed stays.
Pure.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from aggregator.model import (
    FailureKind,
    Feed,
    FetchFailed,
    Health,
    Poll,
    PollState,
    replace,
)
from aggregator.schedule.bounds import failure_bound

OFFLINE_RETRY = timedelta(minutes=1)
LONGEST_OFFLINE_RETRY = timedelta(minutes=15)
"""To which the retries of an outage back off, doubling: a guess at how late news may be when the network is back."""


def not_its_fault(
    feed: Feed,
    state: PollState,
    result: FetchFailed,
    *,
    now: datetime,
) -> Poll:
    """Our network is down, or we are at fault: the reason is shown, the feed is tried again soon, nothing else moves.

    After a fault of ours it waits for its shortest interval, as the publisher has been asked once already.
    """
    health, wait, reason = _excuse(feed, state, result)
    at = max(now + wait, state.not_before_at or now)
    bound = failure_bound(result, now=now)
    if bound is not None:
        at = max(at, bound.at)
    after = replace(
        state,
        health=health,
        failure_kind=result.kind,
        failure_detail=result.detail,
        last_poll_at=now,
        next_poll_at=at,
        next_poll_reason=reason,
    )
    return Poll(state, after, at)


def _excuse(
    feed: Feed,
    state: PollState,
    result: FetchFailed,
) -> tuple[Health, timedelta, str]:
    """The health shown meanwhile, how long to wait, and the words for it."""
    if result.kind is FailureKind.INTERNAL:
        # The publisher has been asked once for nothing already: not again in a minute.
        wait = max(OFFLINE_RETRY, feed.min_interval)
        return state.health, wait, "a fault of ours: tried again after min_interval"
    if (
        result.kind is FailureKind.BUSY
        # What only an operator ends is not hidden by an outage.
        or state.health in (Health.GONE, Health.QUARANTINED)
    ):
        words = "our own delay: tried again in a minute"
        return state.health, OFFLINE_RETRY, words
    wait = _offline_retry(state)
    minutes = wait.total_seconds() / 60
    return Health.OFFLINE, wait, f"offline: tried again in {minutes:.0f} min"


def _offline_retry(state: PollState) -> timedelta:
    """Twice as long as the wait before, while the outage lasts."""
    if state.health is not Health.OFFLINE or state.last_poll_at is None:
        return OFFLINE_RETRY
    waited = state.next_poll_at - state.last_poll_at
    return min(max(2 * waited, OFFLINE_RETRY), LONGEST_OFFLINE_RETRY)
