"""What a good poll leads to: what is remembered of the feed, and when it is asked next.

Rules: politeness.md 7 (redirects) and situations 11 (validators of a 304 refresh the old ones) and 16 (a runaway feed
is quarantined). Of a document that ends in the middle the validators are not kept: a 304 would hide for ever what did
not come; those of the last whole one stay. The same bytes once more are what its publisher writes, and count as whole:
a feed that never says `</rss>` is not fetched anew at each poll. Pure.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from aggregator.model import (
    Feed,
    FeedRead,
    Fetched,
    Health,
    NotModified,
    Poll,
    PollState,
    Validators,
    replace,
)
from aggregator.schedule.bounds import caching_bound
from aggregator.schedule.due import due_of, habit_after
from aggregator.schedule.holds import with_hold
from aggregator.schedule.notices import RUNAWAY_ENTRIES, success_notices
from aggregator.schedule.publisher_clock import with_clock
from aggregator.schedule.redirects import after_redirects

RUNAWAY_SPAN = timedelta(hours=1)
RECENT_NEW = 24


def succeeded(
    feed: Feed,
    state: PollState,
    result: Fetched | NotModified,
    read: FeedRead | None,
    *,
    now: datetime,
    pushed: bool,
) -> Poll:
    """What a good poll leads to; `state` has it counted already."""
    after, moved = after_redirects(feed, state, result.redirects, read, now=now)
    after = with_clock(after, read)
    runaway = is_runaway(state, read, now=now)
    withhold = runaway or state.health is Health.QUARANTINED
    after = _with_read(after, read, withhold=withhold, now=now)
    if read is not None and read.is_truncated:
        after = _with_cut_document(after, result, before=state)
    else:
        after = _with_validators(after, result, before=state)
    health = Health.QUARANTINED if withhold else Health.OK
    habit = habit_after(feed, state, read, now=now)
    due = due_of(
        feed,
        after,
        caching_bound(result.caching, now=now),
        now=now,
        health=health,
        interval=habit.interval,
        pushed=pushed,
    )
    # In one step: a state has fifty fields to copy, and of most polls these are all that changes.
    after = replace(
        after,
        health=health,
        failure_count=0,
        failure_kind=None,
        failure_detail="",
        failure_status=None,
        last_success_at=now,
        activity=habit.activity,
        change_gap=habit.change_gap,
        interval=habit.interval,
        next_poll_at=due.at,
        next_poll_reason=due.reason,
        not_before_at=due.not_before_at,
    )
    notices = success_notices(feed, state, after, read, runaway=runaway)
    poll = Poll(state, after, after.next_poll_at, (*notices, *moved), withhold=withhold)
    return with_hold(poll, feed, result, now=now)


def _with_cut_document(
    state: PollState,
    result: Fetched | NotModified,
    *,
    before: PollState,
) -> PollState:
    """Of a document that ends in the middle its hash alone, by which it is known when it comes again."""
    state = replace(state, seen_items=before.seen_items)
    if isinstance(result, NotModified) or result.partial:
        return state
    return replace(state, body_hash=result.body_hash)


def _with_validators(
    state: PollState,
    result: Fetched | NotModified,
    *,
    before: PollState,
) -> PollState:
    """Validators of a 200 replace the old ones; a 304 refreshes those it names (situation 11)."""
    got = result.validators
    if isinstance(result, NotModified):
        old = state.validators
        etag = got.etag or old.etag
        last_modified = got.last_modified or old.last_modified
        # Nearly always: a server names the validators that it was asked with.
        if etag == old.etag and last_modified == old.last_modified:
            return state
        fresh = replace(old, etag=etag, last_modified=last_modified)
        return replace(state, validators=fresh)
    got = replace(got, url=got.url or result.url)
    if got.etag is None and got.last_modified is None:
        got = Validators()
    if result.partial:
        # A 226 is only a part of the document (RFC 3229): its hash and its items stay those of the whole one.
        return replace(state, validators=got, seen_items=before.seen_items)
    return replace(state, validators=got, body_hash=result.body_hash)


def _with_read(
    state: PollState,
    read: FeedRead | None,
    *,
    withhold: bool,
    now: datetime,
) -> PollState:
    if read is None:
        return state
    published_count = 0 if withhold else read.change_count
    recent = state.recent_new
    is_backlog = state.last_success_at is None
    if read.new_count and not is_backlog:
        recent = (*recent, (now.timestamp(), read.new_count))
    return replace(
        state,
        title=read.title or state.title,
        language=read.language or state.language,
        hints=read.hints,
        identity=read.identity,
        dropped_count=read.dropped_count,
        seen_items=read.seen_items,
        recent_new=recent[-RECENT_NEW:],
        entry_count=state.entry_count + published_count,
        last_change_at=now if read.change_count else state.last_change_at,
    )


def is_runaway(
    state: PollState,
    read: FeedRead | None,
    *,
    now: datetime,
) -> bool:
    """Whether this poll brings the feed over RUNAWAY_ENTRIES new entries in an hour; a first poll never does."""
    if read is None or state.last_success_at is None:
        return False
    if state.health is Health.QUARANTINED or not read.new_count:
        return False
    since = (now - RUNAWAY_SPAN).timestamp()
    recent = sum(count for at, count in state.recent_new if at >= since)
    return recent + read.new_count > RUNAWAY_ENTRIES


def after_push(
    feed: Feed,
    state: PollState,
    read: FeedRead,
    *,
    now: datetime,
) -> Poll:
    """What follows when a hub delivered entries: they count as any others, but no request was made.

    Validators, body hash, items seen, due time and what the server asked for stay as they are.
    """
    runaway = is_runaway(state, read, now=now)
    withhold = runaway or state.health is Health.QUARANTINED
    after = _with_read(
        with_clock(state, read),
        read,
        withhold=withhold,
        now=now,
    )
    habit = habit_after(feed, state, read, now=now)
    after = replace(
        after,
        activity=habit.activity,
        change_gap=habit.change_gap,
        interval=habit.interval,
        hints=state.hints,
        seen_items=state.seen_items,
        health=Health.QUARANTINED if withhold else state.health,
    )
    # That the hub delivers says nothing of the publisher's server: it has not recovered.
    before = replace(state, failure_count=0)
    notices = success_notices(
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
