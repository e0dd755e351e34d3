"""With what a feed is asked. Pure.

Rules: politeness.md 2 and situation 12 (a request without validators at most every 24 h; validators go only to the
address that gave them).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from aggregator.model import (
    Claim,
    Feed,
    Health,
    PollRequest,
    PollState,
    Validators,
    replace,
)
from aggregator.schedule.bounds import first_due_at

FULL_EVERY = timedelta(hours=24)


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


def claimed_state(
    claim: Claim,
    feed: Feed,
    *,
    now: datetime,
) -> PollState:
    """The state that a poll under this claim begins with."""
    if claim.state is None:
        return first_state(feed, now=now)
    return with_feed(claim.state, feed)


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
