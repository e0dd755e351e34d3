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
    backed_off,
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
"""Kinds that no waiting mends: the operator has to change feeds.toml."""
_THROTTLING = frozenset({429, 503})


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
    bound = caching_bound(_retry_only(result), now=now)
    if bound is not None:
        at = max(at, bound.at)
    after = replace(
        state,
        health=health,
        failure_kind=result.kind,
        failure_detail=visible(result.detail[:MOST_DETAIL_CHARS]),
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


def failed(
    feed: Feed,
    state: PollState,
    result: FetchFailed,
    *,
    now: datetime,
) -> Poll:
    """The decision after a failed poll; `state` has it counted already."""
    result = replace(result, detail=visible(result.detail[:MOST_DETAIL_CHARS]))
    if result.kind is FailureKind.GONE:
        return _gone(feed, state, result, now=now)
    result = _as_throttling(state, result)
    after = _with_failure(state, result)
    count = after.failure_count
    bound = caching_bound(_retry_only(result), now=now)
    at = backed_off(feed, bound, count, now=now)
    if feed.cron is not None:
        at = cron_due_at(feed, feed.cron, after=at)
    health = Health.FAILING
    if state.health is Health.QUARANTINED:
        # A runaway that fails stays held: only an operator releases it.
        health = Health.QUARANTINED
    after = replace(
        after,
        health=health,
        not_before_at=None if bound is None else bound.at,
        next_poll_at=at,
        next_poll_reason=_back_off_words(count, bound),
    )
    notices = _failure_notices(feed, after)
    if count >= GIVE_UP_ADOPTED_AFTER and after.url != after.configured_url:
        after, notices = _back_home(feed, after, notices)
    poll = Poll(state, after, at, notices)
    if not is_own_host(state, result.url):
        return poll
    until_at = _host_hold(
        feed,
        result,
        bound,
        count,
        now=now,
    )
    if until_at is None:
        return poll
    held_host = host_of(result.url)
    return replace(poll, host_hold_until_at=until_at, held_host=held_host)


def _with_failure(state: PollState, result: FetchFailed) -> PollState:
    return replace(
        state,
        failure_count=state.failure_count + 1,
        failure_kind=result.kind,
        failure_detail=result.detail,
        failure_status=result.status,
    )


def _back_off_words(count: int, bound: Bound | None) -> str:
    often = "once" if count == 1 else f"{count} times"
    words = f"failed {often}: backing off"
    if bound is None:
        return words
    return f"{words}, {bound.words}"


def _as_throttling(state: PollState, result: FetchFailed) -> FetchFailed:
    """A second 403 in a row is throttling, unless it is already known for a bot wall."""
    is_repeated = result.status == 403 and state.failure_status == 403
    if not is_repeated or result.kind is not FailureKind.HTTP_STATUS:
        return result
    detail = f"{result.detail} Again: taken for throttling."
    return replace(result, kind=FailureKind.THROTTLED, detail=detail)


def _retry_only(result: FetchFailed) -> Caching:
    """Of a failure's headers only Retry-After counts, except where a page came with 200 in place of the feed."""
    if result.status == 200:
        # Such a page comes from a cache that says for how long it will go on (situation 19).
        return result.caching
    return Caching(retry_after=result.caching.retry_after)


def told_after(kind: FailureKind | None) -> int:
    """Failed polls in a row after which the operator is told of this kind."""
    if kind in TOLD_AT_ONCE:
        return 1
    return FAILING_AFTER


def _failure_notices(feed: Feed, state: PollState) -> tuple[Notice, ...]:
    if state.failure_count != told_after(state.failure_kind):
        return ()
    detail = f"failing: {state.failure_detail}"
    return (Notice("failing", feed.feed_id, host_of(state.url), detail),)


def _host_hold(
    feed: Feed,
    result: FetchFailed,
    bound: Bound | None,
    count: int,
    *,
    now: datetime,
) -> datetime | None:
    """Until when the whole host is left alone (politeness.md 5)."""
    throttles = result.status in _THROTTLING or result.kind is FailureKind.THROTTLED
    # One challenge page may be chance; a wall that stands is meant for all our requests.
    repeated_wall = result.kind is FailureKind.BOT_WALL and count > 1
    if not throttles and not repeated_wall:
        return None
    if bound is not None and result.caching.retry_after:
        return bound.at
    return now + min(backoff(feed, count), LONGEST_UNASKED_HOLD)


def _gone(
    feed: Feed,
    state: PollState,
    result: FetchFailed,
    *,
    now: datetime,
) -> Poll:
    """410: the feed stops with a notice. An adopted address that is gone is given up for the configured one."""
    after = _with_failure(state, result)
    if state.url != state.configured_url:
        at = now + backoff(feed, after.failure_count)
        words = "the adopted address is gone: the configured one is asked again"
        after = replace(after, next_poll_at=at, next_poll_reason=words)
        back, notices = _back_home(feed, after, ())
        return Poll(state, back, at, notices)
    words = "gone: not asked again unless its URL changes or it is released"
    after = replace(after, health=Health.GONE, next_poll_reason=words)
    detail = f"gone for good (410): {result.detail}"
    notice = Notice("gone", feed.feed_id, host_of(state.url), detail)
    return Poll(state, after, None, (notice,))


def _back_home(
    feed: Feed,
    state: PollState,
    notices: tuple[Notice, ...],
) -> tuple[PollState, tuple[Notice, ...]]:
    words = "the address it had moved to fails: the configured one is asked again"
    notice = Notice("moved", feed.feed_id, host_of(state.configured_url), words)
    return replace(state, url=state.configured_url), (*notices, notice)
