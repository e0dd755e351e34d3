"""When a feed is asked next, and with what: a pure function of feed, state, result and time.

Rules, by number of politeness.md:
- 2, situation 12: a request without validators at most every 24 h; validators go only to the address that gave them.
- 4, 5, 11: what a server or its document asks for is a lower bound (`poll.bounds`).
- 5: 429 and 503 hold the whole host; a second 403 in a row is taken for throttling.
- 7: redirects are adopted slowly (`poll.redirects`), and an adopted address that fails is given up again.
- 8: 410 stops a feed with a notice; any other failure backs off up to max_interval and never ends.
- 12: the interval follows how often the feed really changes (`poll.rate`).
- 15: while our own network is down, health and schedule stay; the feed is tried again soon, later each time.
- situation 16: a feed with more than RUNAWAY_ENTRIES new entries in an hour is quarantined until an operator releases
  it; while it is, it is asked every max_interval, and the caller withholds its entries (`Decision.withhold`).

A failed poll keeps everything that is known of the feed: validators, body hash, rate, identity. The same arguments give
the same answer: jitter derives from a hash.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

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
    PollRequest,
    PollState,
    ReadResult,
    Unparsable,
    Validators,
)
from aggregator.poll.bounds import first_due_at
from aggregator.poll.decision import Decision
from aggregator.poll.failing import failed, not_its_fault
from aggregator.poll.hosts import host_of
from aggregator.poll.outage import HostOutcome, answered_at, has_vote, host_outcome, is_local_outage
from aggregator.poll.resuming import due_at, pace_of
from aggregator.poll.succeeding import after_push, body_hash, clock_samples, count_of, is_runaway, succeeded

__all__ = [
    "Decision",
    "HostOutcome",
    "after_poll",
    "after_push",
    "answered_at",
    "body_hash",
    "clock_samples",
    "due_at",
    "first_due_at",
    "first_state",
    "has_vote",
    "host_of",
    "host_outcome",
    "is_killed_again",
    "is_local_outage",
    "is_runaway",
    "is_unchanged",
    "released",
    "request_for",
    "with_feed",
]

FULL_EVERY = timedelta(hours=24)
RELEASE_ALLOWANCE = 1_000_000
"""Entries that a released feed may bring within an hour before it is judged again: more than any feed has."""
HISTORY = 48
KILLED_REST = timedelta(hours=24)
"""How long a document whose reading was stopped is not read again: a later version of ours may fare better."""
CROWDED_REST = timedelta(hours=1)
"""The same where it got less than its whole time, because too many such documents waited."""
KILLED_AGAIN = Unparsable(FailureKind.PARSER_KILLED, "the same document again, whose reading was stopped before")


# --- before a poll --------------------------------------------------------------------------------------------


def first_state(feed: Feed, *, now: datetime, feed_count: int = 1) -> PollState:
    """The state of a feed never asked; `feed_count` feeds are added with it, over which first polls are spread."""
    at = first_due_at(feed, now=now, feed_count=feed_count)
    return PollState(feed.feed_id, feed.url, feed.url, next_poll_at=at, next_poll_reason="first poll")


def with_feed(state: PollState, feed: Feed) -> PollState:
    """The state under a changed configuration: another URL keeps what was seen and starts asking afresh."""
    if feed.url == state.configured_url:
        return state
    return replace(
        state,
        url=feed.url,
        configured_url=feed.url,
        validators=Validators(),
        body_hash="",
        health=Health.NEW if state.health is not Health.QUARANTINED else state.health,
        failure_count=0,
        failure_kind=None,
        failure_detail="",
        failure_status=None,
        last_full_at=None,
        not_before_at=None,
        redirect_url="",
        redirect_count=0,
        redirect_first_at=None,
    )


def is_full(state: PollState, *, now: datetime) -> bool:
    """Whether a request made now goes without validators: there are none, or 24 h have passed since the last such."""
    if state.validators.etag is None and state.validators.last_modified is None:
        return True
    return state.last_full_at is None or now - state.last_full_at >= FULL_EVERY


def request_for(feed: Feed, state: PollState, *, now: datetime) -> PollRequest:
    """The one GET to make now."""
    validators = Validators() if is_full(state, now=now) else state.validators
    return PollRequest(
        feed_id=feed.feed_id,
        url=state.url,
        validators=validators,
        headers=feed.headers,
        user_agent=feed.user_agent,
        auth=feed.auth,
        max_body_bytes=feed.max_body_bytes,
    )


def is_unchanged(state: PollState, result: Fetched) -> bool:
    """Whether the body is the one last read; a partial answer (226) never is."""
    return not result.partial and bool(state.body_hash) and body_hash(result.body) == state.body_hash


def is_killed_again(state: PollState, result: Fetched, *, now: datetime) -> bool:
    """Whether the body is one whose reading was stopped not long ago: it is not read, and has failed."""
    if state.killed_until_at is None or body_hash(result.body) != state.killed_hash:
        return False
    return now < state.killed_until_at <= now + KILLED_REST


# --- after a poll ---------------------------------------------------------------------------------------------


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
) -> Decision:
    """The feed's next state and due time, the notices, and the hold of its host.

    `read` is None where nothing was read: not modified, the same body again, or a failed fetch. `clock_error` is what
    `clock_samples` show of the publisher's clock, looked at when something was read. `offline`: `is_local_outage`.
    `pushed`: the feed's hub delivers (`websub.is_trusted`), so that polling is only a net.
    """
    decision = _after_poll(feed, state, result, read, now=now, clock_error=clock_error, offline=offline, pushed=pushed)
    return replace(decision, state=replace(decision.state, paced_by=pace_of(feed)))


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
) -> Decision:
    was_full = is_full(state, now=now)
    if isinstance(result, FetchFailed):
        if offline or result.kind in (FailureKind.BUSY, FailureKind.INTERNAL):
            return not_its_fault(feed, state, result, now=now)
        return failed(feed, _counted(state, "f", now=now, full=was_full), result, now=now)
    if isinstance(read, Unparsable):
        unread = FetchFailed(
            result.url, read.kind, read.detail, _status(result), result.caching, result.redirects, result.elapsed
        )
        if read.kind is FailureKind.INTERNAL:
            return not_its_fault(feed, state, unread, now=now)
        if read.kind is FailureKind.PARSER_KILLED and isinstance(result, Fetched) and read is not KILLED_AGAIN:
            rest = KILLED_REST if read.is_final else CROWDED_REST
            state = replace(state, killed_hash=body_hash(result.body), killed_until_at=now + rest)
        return failed(feed, _counted(state, "f", now=now, full=was_full), unread, now=now)
    new_count = count_of(read, Outcome.NEW)
    letter = "n" if new_count + count_of(read, Outcome.EDITED) else "u"
    return succeeded(
        feed,
        _counted(state, letter, now=now, full=was_full),
        result,
        read,
        now=now,
        clock_error=clock_error,
        pushed=pushed,
    )


def _status(result: Fetched | NotModified) -> int:
    return result.status if isinstance(result, Fetched) else 304


def _counted(state: PollState, letter: str, *, now: datetime, full: bool) -> PollState:
    return replace(
        state,
        poll_count=state.poll_count + 1,
        change_count=state.change_count + (letter == "n"),
        last_poll_at=now,
        last_full_at=now if full else state.last_full_at,
        history=(*state.history, letter)[-HISTORY:],
    )


def released(feed: Feed, state: PollState, *, now: datetime) -> Decision:
    """The feed after an operator's release from quarantine (or from 410): asked at once, for its whole document.

    Whatever the next hour brings is let through, since the operator has seen why the feed was held.
    """
    at = max(now, state.not_before_at or now)
    was_held = state.health is Health.QUARANTINED
    after = replace(
        state,
        health=Health.OK if state.last_success_at else Health.NEW,
        validators=Validators() if was_held else state.validators,
        body_hash="" if was_held else state.body_hash,
        failure_count=0,
        failure_kind=None,
        failure_detail="",
        failure_status=None,
        recent_new=((at.timestamp(), -RELEASE_ALLOWANCE),),
        next_poll_at=at,
        next_poll_reason="released by the operator",
        paced_by=pace_of(feed),
    )
    return Decision(after, at, (Notice("released", feed.feed_id, host_of(state.url), "released by the operator"),))
