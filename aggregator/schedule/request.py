"""With what a feed is asked, and whether what came is to be read. Pure.

Rules: politeness.md 2 and situation 12 (a request without validators at most every 24 h; validators go only to the
address that gave them); a body with a known hash is not read again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from aggregator.model import (
    FailureKind,
    Feed,
    Fetched,
    Health,
    PollRequest,
    PollState,
    Unparsable,
    Validators,
)
from aggregator.schedule.bounds import first_due_at
from aggregator.schedule.success import body_hash

FULL_EVERY = timedelta(hours=24)
KILLED_REST = timedelta(hours=24)
"""How long a document whose reading was stopped is not read again: a later version of ours may fare better."""
CROWDED_REST = timedelta(hours=1)
"""The same where it got less than its whole time, because too many such documents waited."""
KILLED_AGAIN = Unparsable(
    FailureKind.PARSER_KILLED,
    "the same document again, whose reading was stopped before",
)


def first_state(
    feed: Feed,
    *,
    now: datetime,
    feed_count: int = 1,
) -> PollState:
    """The state of a feed never asked; `feed_count` feeds are added with it, over which first polls are spread."""
    at = first_due_at(feed, now=now, feed_count=feed_count)
    return PollState(
        feed.feed_id,
        feed.url,
        feed.url,
        next_poll_at=at,
        next_poll_reason="first poll",
    )


def with_feed(state: PollState, feed: Feed) -> PollState:
    """The state under a changed configuration: another URL keeps what was seen and starts asking afresh."""
    if feed.url == state.configured_url:
        return state
    health = Health.NEW
    if state.health is Health.QUARANTINED:
        # A new URL releases nobody: that is the operator's word.
        health = Health.QUARANTINED
    return replace(
        state,
        url=feed.url,
        configured_url=feed.url,
        validators=Validators(),
        body_hash="",
        health=health,
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


def request_for(
    feed: Feed,
    state: PollState,
    *,
    now: datetime,
) -> PollRequest:
    """The one GET to make now."""
    validators = state.validators
    if is_full(state, now=now):
        # A 304 can lie: the content has changed, the validators have not (FreshRSS#1020, #5149).
        validators = Validators()
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
    if result.partial or not state.body_hash:
        return False
    return body_hash(result.body) == state.body_hash


def is_killed_again(
    state: PollState,
    result: Fetched,
    *,
    now: datetime,
) -> bool:
    """Whether the body is one whose reading was stopped not long ago: it is not read, and has failed."""
    if state.killed_until_at is None or body_hash(result.body) != state.killed_hash:
        return False
    # An end beyond the longest rest was written by a clock that was ahead.
    return now < state.killed_until_at <= now + KILLED_REST
