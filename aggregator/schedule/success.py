"""What a good poll leads to: what is remembered of the feed, and when it is asked next.

Rules: politeness.md 4, 11 (what server and document ask for are lower bounds), 7 (redirects), 12
(the interval follows the feed's own changes, in `schedule.rate`), 13 (a feed whose hub delivers is polled slowly) and
situations 11 (validators of a 304 refresh the old ones) and 16 (a runaway feed is quarantined). Pure.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta

from aggregator.hosts import host_of
from aggregator.model import (
    Feed,
    FeedRead,
    Fetched,
    Health,
    Notice,
    NotModified,
    Outcome,
    Poll,
    PollState,
    ReadResult,
    Validators,
)
from aggregator.schedule import rate
from aggregator.schedule.bounds import (
    LONGEST_RETRY_AFTER,
    Bound,
    after_bound,
    caching_bound,
    cron_due_at,
    hint_bound,
    interval_bounds,
    jittered,
    outside_skipped,
)
from aggregator.schedule.failure import is_own_host, told_after
from aggregator.schedule.redirects import after_redirects

RUNAWAY_ENTRIES = 1000
RUNAWAY_SPAN = timedelta(hours=1)
RECENT_NEW = 24
CLOCK_SAMPLES = 40
NET_FACTOR = 4
NET_LEAST = timedelta(hours=2)
"""A feed whose hub delivers is asked this many times more seldom, and no more often than this. A guess."""


def body_hash(body: bytes) -> str:
    """The hash by which an unchanged body is known, so that it is not parsed again."""
    return hashlib.sha256(body).hexdigest()[:32]


def count_of(read: FeedRead | None, outcome: Outcome) -> int:
    """How many entries of a reading had this outcome."""
    if read is None:
        return 0
    return int(read.outcomes.get(outcome, 0))


def succeeded(
    feed: Feed,
    state: PollState,
    result: Fetched | NotModified,
    read: FeedRead | None,
    *,
    now: datetime,
    clock_error: timedelta | None,
    pushed: bool,
) -> Poll:
    """What a good poll leads to; `state` has it counted already."""
    runaway = is_runaway(state, read, now=now)
    withhold = runaway or state.health is Health.QUARANTINED
    after, moved = after_redirects(feed, state, result.redirects, read, now=now)
    after = _with_read(after, read, withhold=withhold, now=now, clock_error=clock_error)
    after = _with_validators(after, result, before=state)
    after = _with_rate(feed, state, after, read, now=now)
    after = _with_success(after, withhold=withhold, now=now)
    server = caching_bound(result.caching, now=now)
    after = with_due(feed, after, server, now=now, pushed=pushed)
    notices = _success_notices(feed, state, after, read, runaway=runaway)
    poll = Poll(state, after, after.next_poll_at, (*notices, *moved), withhold=withhold)
    return _with_hold(poll, result, now=now)


def _with_success(
    state: PollState,
    *,
    withhold: bool,
    now: datetime,
) -> PollState:
    health = Health.QUARANTINED if withhold else Health.OK
    return replace(
        state,
        health=health,
        failure_count=0,
        failure_kind=None,
        failure_detail="",
        failure_status=None,
        last_success_at=now,
    )


def _with_hold(
    poll: Poll,
    result: Fetched | NotModified,
    *,
    now: datetime,
) -> Poll:
    """A good answer, too, may ask with Retry-After for quiet: the whole host is left alone."""
    retry_after = result.caching.retry_after
    if not retry_after or not is_own_host(poll.before, result.url):
        return poll
    until_at = now + min(retry_after, LONGEST_RETRY_AFTER)
    held_host = host_of(result.url)
    return replace(poll, host_hold_until_at=until_at, held_host=held_host)


def _with_validators(
    state: PollState,
    result: Fetched | NotModified,
    *,
    before: PollState,
) -> PollState:
    """Validators of a 200 replace the old ones; a 304 refreshes those it names (situation 11)."""
    got = replace(result.validators, url=result.validators.url or result.url)
    if isinstance(result, NotModified):
        old = state.validators
        fresh = replace(
            old,
            etag=got.etag or old.etag,
            last_modified=got.last_modified or old.last_modified,
        )
        if fresh == old:
            return state
        return replace(state, validators=fresh)
    if got.etag is None and got.last_modified is None:
        got = Validators()
    if result.partial:
        # A 226 is only a part of the document (RFC 3229): its hash and its items stay those of the whole one.
        return replace(state, validators=got, seen_items=before.seen_items)
    return replace(state, validators=got, body_hash=body_hash(result.body))


def _with_read(
    state: PollState,
    read: FeedRead | None,
    *,
    withhold: bool,
    now: datetime,
    clock_error: timedelta | None,
) -> PollState:
    if read is None:
        return state
    new_count = count_of(read, Outcome.NEW)
    change_count = new_count + count_of(read, Outcome.EDITED)
    published_count = 0 if withhold else change_count
    recent = state.recent_new
    is_backlog = state.last_success_at is None
    if new_count and not is_backlog:
        recent = (*recent, (now.timestamp(), new_count))
    return replace(
        state,
        title=read.title or state.title,
        language=read.language or state.language,
        hints=read.hints,
        identity=read.identity,
        dropped_count=read.dropped_count,
        seen_items=read.seen_items,
        clock_samples=clock_samples(state, read),
        clock_error=clock_error,
        recent_new=recent[-RECENT_NEW:],
        entry_count=state.entry_count + published_count,
        last_change_at=now if change_count else state.last_change_at,
    )


def clock_samples(state: PollState, read: ReadResult | None) -> tuple[float, ...]:
    """The evidence of a wrong clock after this poll: of a backlog only times in the future tell anything."""
    if not isinstance(read, FeedRead):
        return state.clock_samples
    usable = read.lags
    if state.last_success_at is None:
        # Entries of a backlog are old by nature; none of them can be of the future.
        usable = tuple(lag for lag in read.lags if lag < 0)
    return (*state.clock_samples, *usable)[-CLOCK_SAMPLES:]


def is_runaway(
    state: PollState,
    read: ReadResult | None,
    *,
    now: datetime,
) -> bool:
    """Whether this poll brings the feed over RUNAWAY_ENTRIES new entries in an hour; a first poll never does."""
    if not isinstance(read, FeedRead) or state.last_success_at is None:
        return False
    new_count = count_of(read, Outcome.NEW)
    if state.health is Health.QUARANTINED or not new_count:
        return False
    since = (now - RUNAWAY_SPAN).timestamp()
    recent = sum(count for at, count in state.recent_new if at >= since)
    return recent + new_count > RUNAWAY_ENTRIES


def _with_rate(
    feed: Feed,
    before: PollState,
    state: PollState,
    read: FeedRead | None,
    *,
    now: datetime,
) -> PollState:
    # A runaway's flood says little of the feed's habit: it counts as RUNAWAY_ENTRIES at most.
    new_count = min(count_of(read, Outcome.NEW), RUNAWAY_ENTRIES)
    lags: tuple[float, ...] = ()
    if read is not None:
        lags = read.lags[:RUNAWAY_ENTRIES]
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
    return replace(
        state,
        activity=activity,
        change_gap=rate.change_gap(rates),
        interval=own_interval(feed, activity, now=now),
    )


def own_interval(
    feed: Feed,
    activity: tuple[float, ...],
    *,
    now: datetime,
) -> timedelta:
    """How long to wait by the feed's own habit, inside its bounds."""
    rates = rate.hourly_rates(activity, now=now)
    waiting = rate.wait(rates, now=now, longest=feed.max_interval)
    low, high = interval_bounds(feed)
    return min(max(waiting, low), high)


def with_due(
    feed: Feed,
    state: PollState,
    server: Bound | None,
    *,
    now: datetime,
    pushed: bool,
) -> PollState:
    """The next due time: our interval, then what server and document ask for, then the hours they skip."""
    interval, reason = _chosen_interval(feed, state, pushed=pushed)
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
    return replace(
        state,
        next_poll_at=at,
        next_poll_reason=reason,
        not_before_at=None if server is None else server.at,
    )


def _chosen_interval(
    feed: Feed,
    state: PollState,
    *,
    pushed: bool,
) -> tuple[timedelta, str]:
    if state.health is Health.QUARANTINED:
        return feed.max_interval, "quarantined: asked as seldom as allowed"
    if pushed:
        net = min(max(state.interval * NET_FACTOR, NET_LEAST), feed.max_interval)
        return net, f"its hub delivers: asked every {_minutes(net)} as a net"
    return state.interval, f"own interval of {_minutes(state.interval)}"


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


def _success_notices(
    feed: Feed,
    before: PollState,
    after: PollState,
    read: FeedRead | None,
    *,
    runaway: bool,
) -> tuple[Notice, ...]:
    told: list[tuple[str, str]] = []
    # Only who was told of the failure is told that it has ended.
    if before.failure_count >= told_after(before.failure_kind):
        words = f"answers again after {before.failure_count} failures"
        told.append(("recovered", words))
    if runaway:
        words = f"more than {RUNAWAY_ENTRIES} new entries within an hour: nothing of it is published until released"
        told.append(("quarantined", words))
    # Once, not at every poll: an archive's document is too long for ever.
    if after.dropped_count and not before.dropped_count:
        words = beyond_words(after.dropped_count, feed.max_entries)
        told.append(("dropped", words))
    if read is not None and after.clock_error != before.clock_error:
        told.append(("clock", _clock_words(after.clock_error)))
    host = host_of(after.url)
    return tuple(Notice(kind, feed.feed_id, host, words) for kind, words in told)


def beyond_words(count: int, limit: int) -> str:
    """The notice about entries that are left unread."""
    return f"{count:,} entries of its document lie beyond max_entries = {limit}: the newest {limit} are read"


def _clock_words(error: timedelta | None) -> str:
    if error is None:
        return "the publisher's clock is right again"
    hours = error.total_seconds() / 3600
    return f"the publisher's clock is wrong: {hours:+.1f} h are added to its times for matching"


def after_push(
    feed: Feed,
    state: PollState,
    read: FeedRead,
    *,
    now: datetime,
    clock_error: timedelta | None = None,
) -> Poll:
    """What follows when a hub delivered entries: they count as any others, but no request was made.

    Validators, body hash, items seen, due time and what the server asked for stay as they are.
    """
    runaway = is_runaway(state, read, now=now)
    withhold = runaway or state.health is Health.QUARANTINED
    after = _with_read(
        state,
        read,
        withhold=withhold,
        now=now,
        clock_error=clock_error,
    )
    after = _with_rate(
        feed,
        state,
        after,
        read,
        now=now,
    )
    after = replace(
        after,
        hints=state.hints,
        seen_items=state.seen_items,
        health=Health.QUARANTINED if withhold else state.health,
    )
    # That the hub delivers says nothing of the publisher's server: it has not recovered.
    before = replace(state, failure_count=0)
    notices = _success_notices(
        feed,
        before,
        after,
        read,
        runaway=runaway,
    )
    return Poll(
        state,
        after,
        state.next_poll_at,
        notices,
        withhold=withhold,
    )
