"""What a poll leads to: a pure function of feed, state, result and time.

Rules, by number of politeness.md:
- 2, situation 12: a request without validators at most every 24 h; validators go only to the address that gave them.
- 4, 5, 11: what a server or its document asks for is a lower bound (`schedule.bounds`).
- 5: 429 and 503 hold the whole host; a second 403 in a row is taken for throttling.
- 7: redirects are adopted slowly (`schedule.redirects`), and an adopted address that fails is given up again.
- 8: 410 stops a feed with a notice; any other failure backs off up to max_interval and never ends.
- 12: the interval follows how often the feed really changes (`schedule.rate`).
- 15: while our own network is down, health and schedule stay; the feed is tried again soon, later each time.
- situation 16: a feed with more than RUNAWAY_ENTRIES new entries in an hour is quarantined until an operator releases
  it; while it is, it is asked every max_interval, and the caller withholds its entries (`Poll.withhold`).

A failed poll keeps everything that is known of the feed: validators, body hash, rate, identity. The same arguments give
the same answer: jitter derives from a hash.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from aggregator.hosts import host_of
from aggregator.model import (
    FailureKind,
    Feed,
    Fetched,
    FetchFailed,
    FetchResult,
    Health,
    Notice,
    NotModified,
    Outcome,
    Poll,
    PollState,
    ReadResult,
    Unparsable,
    Validators,
)
from aggregator.schedule.failure import failed, not_its_fault
from aggregator.schedule.request import CROWDED_REST, KILLED_AGAIN, KILLED_REST, is_full
from aggregator.schedule.restart import pace_of
from aggregator.schedule.success import body_hash, count_of, succeeded

RELEASE_ALLOWANCE = 1_000_000
"""Entries that a released feed may bring within an hour before it is judged again: more than any feed has."""
HISTORY = 48


def after_poll(
    feed: Feed,
    state: PollState,
    result: FetchResult,
    read: ReadResult | None,
    *,
    now: datetime,
    clock_error: timedelta | None = None,
    offline: bool = False,
    pushed: bool = False,
) -> Poll:
    """The feed's next state and due time, the notices, and the hold of its host.

    `read` is None where nothing was read: not modified, the same body again, or a failed fetch. `clock_error` is what
    `clock_samples` show of the publisher's clock, looked at when something was read. `offline`: `is_local_outage`.
    `pushed`: the feed's hub delivers (`websub.is_trusted`), so that polling is only a net.
    """
    poll = _after_poll(
        feed,
        state,
        result,
        read,
        now=now,
        clock_error=clock_error,
        offline=offline,
        pushed=pushed,
    )
    return replace(
        poll,
        before=state,
        state=replace(poll.state, paced_by=pace_of(feed)),
        fetched=result,
        read=read,
    )


def _after_poll(
    feed: Feed,
    state: PollState,
    result: FetchResult,
    read: ReadResult | None,
    *,
    now: datetime,
    clock_error: timedelta | None,
    offline: bool,
    pushed: bool,
) -> Poll:
    if isinstance(result, FetchFailed):
        if offline or result.kind in (FailureKind.BUSY, FailureKind.INTERNAL):
            return not_its_fault(feed, state, result, now=now)
        return failed(feed, _counted(state, "f", now=now), result, now=now)
    if isinstance(read, Unparsable):
        return _after_unparsable(
            feed,
            state,
            result,
            read,
            now=now,
        )
    change_count = count_of(read, Outcome.NEW) + count_of(read, Outcome.EDITED)
    letter = "n" if change_count else "u"
    return succeeded(
        feed,
        _counted(state, letter, now=now),
        result,
        read,
        now=now,
        clock_error=clock_error,
        pushed=pushed,
    )


def _after_unparsable(
    feed: Feed,
    state: PollState,
    result: Fetched | NotModified,
    read: Unparsable,
    *,
    now: datetime,
) -> Poll:
    """The server answered, but not with a feed: a failed poll, all state kept (situation 19)."""
    failure = FetchFailed(
        result.url,
        read.kind,
        read.detail,
        _status(result),
        result.caching,
        result.redirects,
        result.elapsed,
    )
    if read.kind is FailureKind.INTERNAL:
        return not_its_fault(feed, state, failure, now=now)
    if isinstance(result, Fetched):
        state = _with_killed(state, result, read, now=now)
    return failed(feed, _counted(state, "f", now=now), failure, now=now)


def _with_killed(
    state: PollState,
    result: Fetched,
    read: Unparsable,
    *,
    now: datetime,
) -> PollState:
    """A body whose reading went over its limits is remembered, so that it does not cost them again (situation 27)."""
    # The same body again: its rest ends when it was to end, or it would never be tried anew.
    if read.kind is not FailureKind.PARSER_KILLED or read is KILLED_AGAIN:
        return state
    rest = KILLED_REST if read.is_final else CROWDED_REST
    killed_hash = body_hash(result.body)
    return replace(state, killed_hash=killed_hash, killed_until_at=now + rest)


def _status(result: Fetched | NotModified) -> int:
    return result.status if isinstance(result, Fetched) else 304


def _counted(
    state: PollState,
    letter: str,
    *,
    now: datetime,
) -> PollState:
    was_full = is_full(state, now=now)
    return replace(
        state,
        poll_count=state.poll_count + 1,
        change_count=state.change_count + (letter == "n"),
        last_poll_at=now,
        last_full_at=now if was_full else state.last_full_at,
        history=(*state.history, letter)[-HISTORY:],
    )


def released(
    feed: Feed,
    before: PollState,
    *,
    now: datetime,
) -> Poll:
    """The feed after an operator's release from quarantine (or from 410): asked at once, for its whole document.

    Whatever the next hour brings is let through, since the operator has seen why the feed was held.
    """
    # What the server asked for holds for an operator's word, too (politeness.md 4).
    at = max(now, before.not_before_at or now)
    health = Health.OK if before.last_success_at else Health.NEW
    state = before
    if before.health is Health.QUARANTINED:
        # Its entries were withheld, not published: a 304 or the same body would bring none of them.
        state = replace(state, validators=Validators(), body_hash="")
    after = replace(
        state,
        health=health,
        failure_count=0,
        failure_kind=None,
        failure_detail="",
        failure_status=None,
        recent_new=((at.timestamp(), -RELEASE_ALLOWANCE),),
        next_poll_at=at,
        next_poll_reason="released by the operator",
        paced_by=pace_of(feed),
    )
    words = "released by the operator"
    notice = Notice("released", feed.feed_id, host_of(before.url), words)
    return Poll(before, after, at, (notice,))
