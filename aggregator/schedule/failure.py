"""What a failed poll leads to: back-off, holds, notices; or nothing at all, when the fault is ours.

Rules: politeness.md 5 (429 and 503 hold the whole host; a second 403 in a row is taken for throttling), 7 (an adopted
address that fails is given up for the configured one), 8 (410 stops a feed with a notice; any other failure backs off
up to max_interval and never ends) and 15 (an outage of our own moves neither health nor schedule). Whatever is known
of the feed (validators, body hash, rate, identity) stays. Pure.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from aggregator.hosts import host_of
from aggregator.model import (
    Caching,
    FailureKind,
    Feed,
    FetchFailed,
    Health,
    Notice,
    Poll,
    PollState,
)
from aggregator.schedule.bounds import (
    Bound,
    after_bound,
    backoff,
    caching_bound,
    cron_due_at,
)
from aggregator.visible import visible

OFFLINE_RETRY = timedelta(minutes=1)
MOST_DETAIL_CHARS = 1000
LONGEST_OFFLINE_RETRY = timedelta(minutes=15)
"""To which the retries of an outage back off, doubling: a guess at how late news may be when the network is back."""
FAILING_AFTER = 3
"""Failed polls in a row after which the operator is told. A guess: with back-off from 15 min, three mean 45 min."""
GIVE_UP_ADOPTED_AFTER = 5
LONGEST_UNASKED_HOLD = timedelta(hours=1)
"""Longest hold of a host that throttles without saying for how long: one broken page must not silence the others."""
TOLD_AT_ONCE = frozenset(
    {FailureKind.CREDENTIALS, FailureKind.BAD_URL, FailureKind.PRIVATE_ADDRESS}
)
_THROTTLING = frozenset({429, 503})


def not_its_fault(
    feed: Feed, state: PollState, result: FetchFailed, *, now: datetime
) -> Poll:
    """Our network is down, or we are at fault: the reason is shown, the feed is tried again soon, nothing else moves.

    After a fault of ours it waits for its shortest interval, as the publisher has been asked once already.
    """
    ours = result.kind is FailureKind.INTERNAL
    kept = (
        ours
        or state.health in (Health.GONE, Health.QUARANTINED)
        or result.kind is FailureKind.BUSY
    )
    wait = max(OFFLINE_RETRY, feed.min_interval) if ours else OFFLINE_RETRY
    if not kept:
        wait = _offline_retry(state)
    asked = caching_bound(_retry_only(result), now=now)
    at = max(now + wait, state.not_before_at or now, asked.at if asked else now)
    after = replace(
        state,
        health=state.health if kept else Health.OFFLINE,
        failure_kind=result.kind,
        failure_detail=visible(result.detail[:MOST_DETAIL_CHARS]),
        last_poll_at=now,
        next_poll_at=at,
        next_poll_reason=_retry_words(wait, is_ours=ours, is_kept=kept),
    )
    return Poll(state, after, at)


def is_own_host(state: PollState, url: str) -> bool:
    """Whether the host that answered is the feed's own. Over a redirect to another host a feed could silence that
    host's feeds: what is learned there binds the feed that went there, by its due time, and nobody else."""
    return host_of(url) == host_of(state.url)


def _offline_retry(state: PollState) -> timedelta:
    """Twice as long as the wait before, while the outage lasts."""
    if state.health is not Health.OFFLINE or state.last_poll_at is None:
        return OFFLINE_RETRY
    waited = state.next_poll_at - state.last_poll_at
    return min(max(2 * waited, OFFLINE_RETRY), LONGEST_OFFLINE_RETRY)


def _retry_words(wait: timedelta, *, is_ours: bool, is_kept: bool) -> str:
    if is_ours:
        return "a fault of ours: tried again after min_interval"
    minutes = f"{wait.total_seconds() / 60:.0f} min"
    return (
        "our own delay: tried again in a minute"
        if is_kept
        else f"offline: tried again in {minutes}"
    )


def failed(feed: Feed, state: PollState, result: FetchFailed, *, now: datetime) -> Poll:
    """The decision after a failed poll; `state` has it counted already."""
    result = replace(result, detail=visible(result.detail[:MOST_DETAIL_CHARS]))
    if result.kind is FailureKind.GONE:
        return _gone(feed, state, result, now=now)
    result = _as_throttling(state, result)
    count = state.failure_count + 1
    bound = caching_bound(_retry_only(result), now=now)
    at = _failure_due_at(feed, bound, count, now=now)
    after = replace(
        state,
        health=Health.QUARANTINED
        if state.health is Health.QUARANTINED
        else Health.FAILING,
        failure_count=count,
        failure_kind=result.kind,
        failure_detail=result.detail,
        failure_status=result.status,
        not_before_at=None if bound is None else bound.at,
        next_poll_at=at,
        next_poll_reason=_back_off_words(count, bound),
    )
    notices = _failure_notices(feed, after)
    if count >= GIVE_UP_ADOPTED_AFTER and after.url != after.configured_url:
        after, notices = _back_home(feed, after, notices)
    hold = (
        _host_hold(feed, result, bound, count, now=now)
        if is_own_host(state, result.url)
        else None
    )
    return Poll(state, after, at, notices, hold, host_of(result.url) if hold else "")


def _back_off_words(count: int, bound: Bound | None) -> str:
    often = "once" if count == 1 else f"{count} times"
    return f"failed {often}: backing off" + (f", {bound.words}" if bound else "")


def _as_throttling(state: PollState, result: FetchFailed) -> FetchFailed:
    """A second 403 in a row is throttling, unless it is already known for a bot wall."""
    if (
        result.status == 403
        and state.failure_status == 403
        and result.kind is FailureKind.HTTP_STATUS
    ):
        return replace(
            result,
            kind=FailureKind.THROTTLED,
            detail=f"{result.detail} Again: taken for throttling.",
        )
    return result


def _retry_only(result: FetchFailed) -> Caching:
    """Of a failure's headers only Retry-After counts, except where a page came with 200 in place of the feed."""
    if result.status == 200:
        return result.caching
    return Caching(retry_after=result.caching.retry_after)


def _failure_due_at(
    feed: Feed, bound: Bound | None, count: int, *, now: datetime
) -> datetime:
    at = now + backoff(feed, count)
    if bound is not None:
        at = max(
            at,
            after_bound(bound, interval=feed.max_interval, seed=(feed.feed_id, count)),
        )
    return at if feed.cron is None else cron_due_at(feed, feed.cron, after=at)


def _failure_notices(feed: Feed, state: PollState) -> tuple[Notice, ...]:
    told_at = 1 if state.failure_kind in TOLD_AT_ONCE else FAILING_AFTER
    if state.failure_count != told_at:
        return ()
    detail = f"failing: {state.failure_detail}"
    return (Notice("failing", feed.feed_id, host_of(state.url), detail),)


def _host_hold(
    feed: Feed, result: FetchFailed, bound: Bound | None, count: int, *, now: datetime
) -> datetime | None:
    """Until when the whole host is left alone (politeness.md 5)."""
    throttles = result.status in _THROTTLING or result.kind is FailureKind.THROTTLED
    repeated_wall = result.kind is FailureKind.BOT_WALL and count > 1
    if not throttles and not repeated_wall:
        return None
    if bound is not None and result.caching.retry_after:
        return bound.at
    return now + min(backoff(feed, count), LONGEST_UNASKED_HOLD)


def _gone(feed: Feed, state: PollState, result: FetchFailed, *, now: datetime) -> Poll:
    """410: the feed stops with a notice. An adopted address that is gone is given up for the configured one."""
    if state.url != state.configured_url:
        at = now + backoff(feed, state.failure_count + 1)
        back, notices = _back_home(feed, state, ())
        back = replace(
            back,
            failure_kind=result.kind,
            failure_detail=result.detail,
            failure_status=result.status,
            failure_count=state.failure_count + 1,
            next_poll_at=at,
            next_poll_reason="the adopted address is gone: the configured one is asked again",
        )
        return Poll(state, back, at, notices)
    notice = Notice(
        "gone",
        feed.feed_id,
        host_of(state.url),
        f"gone for good (410): {result.detail}",
    )
    after = replace(
        state,
        health=Health.GONE,
        failure_count=state.failure_count + 1,
        failure_kind=result.kind,
        failure_detail=result.detail,
        failure_status=result.status,
        next_poll_reason="gone: not asked again unless its URL changes or it is released",
    )
    return Poll(state, after, None, (notice,))


def _back_home(
    feed: Feed, state: PollState, notices: tuple[Notice, ...]
) -> tuple[PollState, tuple[Notice, ...]]:
    words = "the address it had moved to fails: the configured one is asked again"
    notice = Notice("moved", feed.feed_id, host_of(state.configured_url), words)
    return replace(state, url=state.configured_url), (*notices, notice)
