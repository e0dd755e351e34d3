"""What a failed poll leads to: back-off, holds, notices.

Rules: politeness.md 5 (a second 403 in a row is taken for throttling), 7 (an adopted address that fails is given up for
the configured one) and 8 (410 stops a feed with a notice, unless a temporary redirect led there; any other failure
backs off up to max_interval and never ends). Whatever is known of the feed (validators, body hash, rate, identity)
stays. Pure.
"""

from __future__ import annotations

from datetime import datetime

from aggregator.model import (
    FailureKind,
    Feed,
    FetchFailed,
    Health,
    Poll,
    PollState,
    replace,
)
from aggregator.schedule.bounds import (
    Bound,
    backed_off,
    backoff,
    cron_due_at,
    failure_bound,
)
from aggregator.schedule.holds import with_hold
from aggregator.schedule.notices import failure_notices, feed_notice
from aggregator.schedule.redirects import are_permanent

GIVE_UP_ADOPTED_AFTER = 5


def failed(
    feed: Feed,
    state: PollState,
    result: FetchFailed,
    *,
    now: datetime,
) -> Poll:
    """What a failed poll leads to; `state` has it counted already."""
    result = _as_passing(_as_throttling(state, result))
    after = _with_failure(state, result)
    if result.kind is FailureKind.GONE:
        return _gone(feed, state, after, now=now)
    bound = failure_bound(result, now=now)
    at = backed_off(feed, bound, after.failure_count, now=now)
    if feed.cron is not None:
        at = cron_due_at(feed, feed.cron, after=at)
    after = _with_back_off(after, bound, at)
    poll = Poll(state, after, at, failure_notices(feed, after))
    if after.failure_count >= GIVE_UP_ADOPTED_AFTER:
        poll = _back_home(feed, poll)
    return with_hold(poll, feed, result, now=now)


def _as_throttling(state: PollState, result: FetchFailed) -> FetchFailed:
    """A second 403 in a row is throttling, unless it is already known for a bot wall."""
    is_repeated = result.status == 403 and state.failure_status == 403
    if not is_repeated or result.kind is not FailureKind.HTTP_STATUS:
        return result
    detail = f"{result.detail} Again: taken for throttling."
    return replace(result, kind=FailureKind.THROTTLED, detail=detail)


def _as_passing(result: FetchFailed) -> FetchFailed:
    """A 410 that a redirect led to only for now says nothing of the feed's own address."""
    if result.kind is not FailureKind.GONE or are_permanent(result.redirects):
        return result
    detail = f"{result.detail}, but a temporary redirect led there: asked again"
    return replace(result, kind=FailureKind.NOT_FOUND, detail=detail)


def _with_failure(state: PollState, result: FetchFailed) -> PollState:
    return replace(
        state,
        failure_count=state.failure_count + 1,
        failure_kind=result.kind,
        failure_detail=result.detail,
        failure_status=result.status,
    )


def _with_back_off(
    state: PollState,
    bound: Bound | None,
    at: datetime,
) -> PollState:
    count = state.failure_count
    often = "once" if count == 1 else f"{count} times"
    reason = f"failed {often}: backing off"
    not_before_at = None
    if bound is not None:
        reason = f"{reason}, {bound.words}"
        not_before_at = bound.at
    health = Health.FAILING
    if state.health is Health.QUARANTINED:
        # A runaway that fails stays held: only an operator releases it.
        health = Health.QUARANTINED
    return replace(
        state,
        health=health,
        not_before_at=not_before_at,
        next_poll_at=at,
        next_poll_reason=reason,
    )


def _gone(
    feed: Feed,
    state: PollState,
    after: PollState,
    *,
    now: datetime,
) -> Poll:
    """410: the feed stops with a notice. An adopted address that is gone is given up for the configured one."""
    if state.url != state.configured_url:
        at = now + backoff(feed, after.failure_count)
        words = "the adopted address is gone: the configured one is asked again"
        after = replace(after, next_poll_at=at, next_poll_reason=words)
        return _back_home(feed, Poll(state, after, at))
    words = "gone: not asked again unless its URL changes or it is released"
    detail = f"gone for good (410): {after.failure_detail}"
    after = replace(after, health=Health.GONE, next_poll_reason=words)
    notice = feed_notice("gone", feed, state.url, detail)
    return Poll(state, after, None, (notice,))


def _back_home(feed: Feed, poll: Poll) -> Poll:
    state = poll.state
    home = state.configured_url
    if state.url == home:
        return poll
    words = "the address it had moved to fails: the configured one is asked again"
    notice = feed_notice("moved", feed, home, words)
    return replace(
        poll,
        state=replace(state, url=home),
        notices=(*poll.notices, notice),
    )
