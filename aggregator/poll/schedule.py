"""When a feed is asked next, and with what: a pure function of feed, state, result and time.

Rules, by number of politeness.md:
- 2, situation 12: a request without validators at most every 24 h; validators go only to the address that gave them.
- 4, 5, 11: what a server or its document asks for is a lower bound (`poll.bounds`).
- 5: 429 and 503 hold the whole host; a second 403 in a row is taken for throttling.
- 7: redirects are adopted slowly (`poll.redirects`), and an adopted address that fails is given up again.
- 8: 410 stops a feed with a notice; any other failure backs off up to max_interval and never ends.
- 12: the interval follows how often the feed really changes (`poll.rate`).
- 15: while our own network is down, health and schedule stay, and the feed is tried again each minute.
- situation 16: a feed with more than RUNAWAY_ENTRIES new entries in an hour is quarantined until an operator releases
  it; while it is, it is asked every max_interval, and the caller withholds its entries (`Decision.withhold`).

A failed poll keeps everything that is known of the feed: validators, body hash, rate, identity. The same arguments give
the same answer: jitter derives from a hash.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta

from aggregator.model import (
    Caching,
    FailureKind,
    Feed,
    FeedRead,
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
from aggregator.poll import rate
from aggregator.poll.bounds import (
    BOUND_JITTER,
    LONGEST_RETRY_AFTER,
    Bound,
    after_bound,
    caching_bound,
    cron_due_at,
    first_due_at,
    hint_bound,
    jittered,
    outside_skipped,
)
from aggregator.poll.decision import Decision
from aggregator.poll.failing import FAILING_AFTER, TOLD_AT_ONCE, failed, not_its_fault
from aggregator.poll.hosts import host_of
from aggregator.poll.outage import HostOutcome, host_outcome, is_local_outage
from aggregator.poll.redirects import after_redirects

__all__ = [
    "Decision",
    "HostOutcome",
    "after_poll",
    "body_hash",
    "clock_samples",
    "due_at",
    "first_due_at",
    "first_state",
    "host_of",
    "host_outcome",
    "is_local_outage",
    "is_runaway",
    "is_unchanged",
    "released",
    "request_for",
    "with_feed",
]

FULL_EVERY = timedelta(hours=24)
RUNAWAY_ENTRIES = 1000
RUNAWAY_SPAN = timedelta(hours=1)
RECENT_NEW = 24
HISTORY = 48
CLOCK_SAMPLES = 40


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


def due_at(feed: Feed, state: PollState, *, now: datetime) -> datetime | None:
    """When a feed with a stored state is due after a restart or reload: as it was, if that can still be right.

    A time beyond all bounds (the clock jumped, or max_interval was lowered) is brought back inside them; a state that
    has never been asked under its present URL gets a first due time. None: the feed is gone.
    """
    if state.health is Health.GONE:
        return None
    if state.last_poll_at is None or (state.health is Health.NEW and state.failure_count == 0):
        return max(first_due_at(feed, now=now), state.not_before_at or now)
    wish = min(state.not_before_at or now, now + LONGEST_RETRY_AFTER)
    latest = max(now + feed.max_interval, wish + BOUND_JITTER)
    if feed.cron is not None:
        return cron_due_at(feed, feed.cron, after=max(now, wish))
    return min(state.next_poll_at, latest)


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


def body_hash(body: bytes) -> str:
    """The hash by which an unchanged body is known, so that it is not parsed again."""
    return hashlib.sha256(body).hexdigest()[:32]


def is_unchanged(state: PollState, result: Fetched) -> bool:
    """Whether the body is the one last read; a partial answer (226) never is."""
    return not result.partial and bool(state.body_hash) and body_hash(result.body) == state.body_hash


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
) -> Decision:
    """The feed's next state and due time, the notices, and the hold of its host.

    `read` is None where nothing was read: not modified, the same body again, or a failed fetch. `clock_error` is what
    `clock_samples` show of the publisher's clock, looked at when something was read. `offline`: `is_local_outage`.
    """
    was_full = is_full(state, now=now)
    if isinstance(result, FetchFailed):
        if offline or result.kind is FailureKind.BUSY:
            return not_its_fault(state, result, now=now)
        return failed(feed, _counted(state, "f", now=now, full=was_full), result, now=now)
    if isinstance(read, Unparsable):
        unread = FetchFailed(
            result.url, read.kind, read.detail, _status(result), result.caching, result.redirects, result.elapsed
        )
        return failed(feed, _counted(state, "f", now=now, full=was_full), unread, now=now)
    new_count = _count(read, Outcome.NEW)
    letter = "n" if new_count + _count(read, Outcome.EDITED) else "u"
    return _succeeded(
        feed, _counted(state, letter, now=now, full=was_full), result, read, now=now, clock_error=clock_error
    )


def _status(result: Fetched | NotModified) -> int:
    return result.status if isinstance(result, Fetched) else 304


def _count(read: FeedRead | None, outcome: Outcome) -> int:
    return 0 if read is None else int(read.outcomes.get(outcome, 0))


def _counted(state: PollState, letter: str, *, now: datetime, full: bool) -> PollState:
    return replace(
        state,
        poll_count=state.poll_count + 1,
        change_count=state.change_count + (letter == "n"),
        last_poll_at=now,
        last_full_at=now if full else state.last_full_at,
        history=(*state.history, letter)[-HISTORY:],
    )


# --- a successful poll ----------------------------------------------------------------------------------------


def _succeeded(
    feed: Feed,
    state: PollState,
    result: Fetched | NotModified,
    read: FeedRead | None,
    *,
    now: datetime,
    clock_error: timedelta | None,
) -> Decision:
    runaway = is_runaway(state, read, now=now)
    withhold = runaway or state.health is Health.QUARANTINED
    after, moved = after_redirects(feed, state, result.redirects, read, now=now)
    after = _with_validators(after, result)
    after = _with_read(after, read, withhold=withhold, now=now, clock_error=clock_error)
    after = _with_rate(feed, state, after, read, now=now)
    after = replace(
        after,
        health=Health.QUARANTINED if withhold else Health.OK,
        failure_count=0,
        failure_kind=None,
        failure_detail="",
        failure_status=None,
        last_success_at=now,
    )
    after = _with_due(feed, after, result.caching, now=now)
    notices = (*_success_notices(feed, state, after, read, runaway=runaway), *moved)
    hold = result.caching.retry_after
    until = None if not hold else now + min(hold, LONGEST_RETRY_AFTER)
    return Decision(after, after.next_poll_at, notices, until, host_of(result.url) if until else "", withhold)


def _with_validators(state: PollState, result: Fetched | NotModified) -> PollState:
    """Validators of a 200 replace the old ones; a 304 refreshes those it names (situation 11)."""
    got = replace(result.validators, url=result.validators.url or result.url)
    if isinstance(result, NotModified):
        old = state.validators
        return replace(
            state,
            validators=replace(old, etag=got.etag or old.etag, last_modified=got.last_modified or old.last_modified),
        )
    if got.etag is None and got.last_modified is None:
        got = Validators()
    if result.partial:
        return replace(state, validators=got)
    return replace(state, validators=got, body_hash=body_hash(result.body))


def _with_read(
    state: PollState, read: FeedRead | None, *, withhold: bool, now: datetime, clock_error: timedelta | None
) -> PollState:
    if read is None:
        return state
    new_count, edited_count = _count(read, Outcome.NEW), _count(read, Outcome.EDITED)
    is_backlog = state.last_success_at is None
    recent = state.recent_new if is_backlog or not new_count else (*state.recent_new, (now.timestamp(), new_count))
    return replace(
        state,
        title=read.title or state.title,
        language=read.language or state.language,
        hints=read.hints,
        identity=read.identity,
        clock_samples=clock_samples(state, read),
        clock_error=clock_error,
        recent_new=recent[-RECENT_NEW:],
        entry_count=state.entry_count + (0 if withhold else new_count + edited_count),
        last_change_at=now if new_count + edited_count else state.last_change_at,
    )


def clock_samples(state: PollState, read: ReadResult | None) -> tuple[float, ...]:
    """The evidence of a wrong clock after this poll: of a backlog only times in the future tell anything."""
    if not isinstance(read, FeedRead):
        return state.clock_samples
    usable = read.lags if state.last_success_at is not None else tuple(lag for lag in read.lags if lag < 0)
    return (*state.clock_samples, *usable)[-CLOCK_SAMPLES:]


def is_runaway(state: PollState, read: ReadResult | None, *, now: datetime) -> bool:
    """Whether this poll brings the feed over RUNAWAY_ENTRIES new entries in an hour; a first poll never does."""
    if not isinstance(read, FeedRead) or state.last_success_at is None or state.health is Health.QUARANTINED:
        return False
    since = (now - RUNAWAY_SPAN).timestamp()
    recent = sum(count for at, count in state.recent_new if at >= since)
    return _count(read, Outcome.NEW) > 0 and recent + _count(read, Outcome.NEW) > RUNAWAY_ENTRIES


def _with_rate(feed: Feed, before: PollState, state: PollState, read: FeedRead | None, *, now: datetime) -> PollState:
    new_count = _count(read, Outcome.NEW)
    lags = tuple(lag for lag in read.lags[:RUNAWAY_ENTRIES]) if read else ()
    last = before.last_success_at
    activity = rate.observed(
        before.activity,
        lags=lags,
        undated_count=max(0, min(new_count, RUNAWAY_ENTRIES) - len(lags)),
        gap=None if last is None else max(timedelta(0), now - last),
        now=now,
    )
    longest = feed.max_interval
    waiting = longest if state.health is Health.QUARANTINED else rate.wait(activity, now=now, longest=longest)
    interval = min(max(waiting, feed.min_interval), max(feed.min_interval, longest))
    return replace(state, activity=activity, change_gap=rate.change_gap(activity, now=now), interval=interval)


def _with_due(feed: Feed, state: PollState, caching: Caching, *, now: datetime) -> PollState:
    """The next due time: our interval, then what server and document ask for, then the hours they skip."""
    interval = feed.max_interval if state.health is Health.QUARANTINED else state.interval
    at = now + jittered(interval, feed, seed=(state.poll_count,))
    reason = f"own interval of {_minutes(interval)}"
    server = caching_bound(caching, now=now)
    for bound in (server, hint_bound(state.hints, now=now)):
        if bound is not None and bound.at > at:
            at = after_bound(bound, interval=interval, seed=(feed.feed_id, state.poll_count))
            reason = bound.words
    if feed.cron is not None:
        at, reason = cron_due_at(feed, feed.cron, after=_latest_bound(state, server, now=now)), "cron"
    moved_at = outside_skipped(at, state.hints, now=now, feed_id=feed.feed_id)
    if moved_at != at:
        at, reason = moved_at, f"{reason}, then skipHours or skipDays"
    return replace(state, next_poll_at=at, next_poll_reason=reason, not_before_at=None if server is None else server.at)


def _latest_bound(state: PollState, server: Bound | None, *, now: datetime) -> datetime:
    hint = hint_bound(state.hints, now=now)
    return max([now, *(bound.at for bound in (server, hint) if bound is not None)])


def _minutes(span: timedelta) -> str:
    minutes = span.total_seconds() / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def _success_notices(
    feed: Feed, before: PollState, after: PollState, read: FeedRead | None, *, runaway: bool
) -> tuple[Notice, ...]:
    host, notices = host_of(after.url), []
    if before.failure_count >= (1 if before.failure_kind in TOLD_AT_ONCE else FAILING_AFTER):
        notices.append(Notice("recovered", feed.feed_id, host, f"answers again after {before.failure_count} failures"))
    if runaway:
        words = f"more than {RUNAWAY_ENTRIES} new entries within an hour: nothing of it is published until released"
        notices.append(Notice("quarantined", feed.feed_id, host, words))
    if read is not None and after.clock_error != before.clock_error:
        notices.append(Notice("clock", feed.feed_id, host, _clock_words(after.clock_error)))
    return tuple(notices)


def _clock_words(error: timedelta | None) -> str:
    if error is None:
        return "the publisher's clock is right again"
    return f"the publisher's clock is wrong: {error.total_seconds() / 3600:+.1f} h are added to its times for matching"


def released(feed: Feed, state: PollState, *, now: datetime) -> Decision:
    """The feed after an operator's release from quarantine (or from 410): what was seen meanwhile stays unpublished."""
    at = max(now, state.not_before_at or now)
    after = replace(
        state,
        health=Health.OK if state.last_success_at else Health.NEW,
        failure_count=0,
        failure_kind=None,
        failure_detail="",
        failure_status=None,
        recent_new=(),
        next_poll_at=at,
        next_poll_reason="released by the operator",
    )
    return Decision(after, at, (Notice("released", feed.feed_id, host_of(state.url), "released by the operator"),))
