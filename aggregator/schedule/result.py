"""What a poll leads to, and all that is written of it: a pure function of feed, state, result and time.

Rules, by number of politeness.md:
- 2, situation 12: a request without validators at most every 24 h; validators go only to the address that gave them.
- 4, 5, 11: what a server or its document asks for is a lower bound (`schedule.bounds`).
- 5: 429 and 503 hold the whole host; a second 403 in a row is taken for throttling.
- 7: redirects are adopted slowly (`schedule.redirects`), and an adopted address that fails is given up again.
- 8: 410 stops a feed with a notice, unless a temporary redirect led there; any other failure backs off up to
  max_interval and never ends.
- 12: the interval follows how often the feed really changes (`schedule.rate`).
- 15: while our own network is down, health and schedule stay; the feed is tried again soon, later each time.
- situation 16: a feed with more than RUNAWAY_ENTRIES new entries in an hour is quarantined until an operator releases
  it; while it is, it is asked every max_interval. Its entries are withheld whole and not remembered, so that after the
  release they are published if the feed still has them; the body's hash is forgotten then, so that the same body is
  read again.

A failed poll keeps everything that is known of the feed: validators, body hash, rate, identity. The same arguments give
the same answer: jitter derives from a hash.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from aggregator.model import (
    Claim,
    FailureKind,
    Feed,
    FeedRead,
    Fetched,
    FetchFailed,
    FetchResult,
    Health,
    Lease,
    NotModified,
    Outcome,
    Poll,
    PollState,
    ReadResult,
    Unparsable,
    Validators,
    replace,
)
from aggregator.schedule.bodies import unparsable_failure, with_killed
from aggregator.schedule.excuse import not_its_fault
from aggregator.schedule.failure import failed
from aggregator.schedule.notices import feed_notice
from aggregator.schedule.request import is_full
from aggregator.schedule.restart import pace_of
from aggregator.schedule.success import after_push, succeeded
from aggregator.visible import visible

RELEASE_ALLOWANCE = 1_000_000
"""Entries that a released feed may bring within an hour before it is judged again: more than any feed has."""
HISTORY = 48
MOST_DETAIL_CHARS = 1000
_LETTERS = {"failed": "f", "new": "n"}
"""Of `PollState.history`, by the word for the result; others are `u`."""


def poll_record(
    feed: Feed,
    claim: Claim,
    state: PollState,
    result: FetchResult,
    read: ReadResult | None,
    *,
    host: str,
    now: datetime,
    offline: bool,
    pushed: bool = False,
    lease: Lease | None = None,
) -> Poll:
    """The record that ends this poll. `state` is the feed's before it, `read` None where nothing was read.

    `lease` is the feed's WebSub subscription as it stands, `pushed` whether its hub delivers.
    """
    poll = after_poll(
        feed,
        state,
        result,
        read,
        now=now,
        offline=offline,
        pushed=pushed,
    )
    return _record(claim, poll, host=host, lease=lease)


def delivery_record(
    feed: Feed,
    claim: Claim,
    state: PollState,
    read: FeedRead,
    *,
    host: str,
    now: datetime,
    lease: Lease | None,
) -> Poll:
    """The same for entries that a hub delivered: no request was made, so the next poll stays where it is."""
    poll = after_push(feed, state, read, now=now)
    poll = replace(poll, read=read, result=_read_word(read))
    return _record(claim, poll, host=host, lease=lease)


def after_poll(
    feed: Feed,
    state: PollState,
    result: FetchResult,
    read: ReadResult | None,
    *,
    now: datetime,
    offline: bool = False,
    pushed: bool = False,
) -> Poll:
    """The feed's next state and due time, the notices, and the hold of its host.

    `read` is None where nothing was read: not modified, the same body again, or a failed fetch. `offline`:
    `is_local_outage`. `pushed`: the feed's hub delivers (`websub.is_trusted`), so that polling is only a net.
    """
    word = result_word(result, read)
    counted = _counted(state, word, now=now)
    failure: FetchFailed | None = None
    if isinstance(result, FetchFailed):
        failure = result
    elif isinstance(read, Unparsable):
        # The server answered, but not with a feed: a failed poll, all state kept (situation 19).
        failure = unparsable_failure(result, read)
        counted = with_killed(counted, result, read, now=now)
    else:
        poll = succeeded(feed, counted, result, read, now=now, pushed=pushed)
    if failure is not None:
        detail = visible(failure.detail[:MOST_DETAIL_CHARS])
        failure = replace(failure, detail=detail)
        ours = failure.kind in (FailureKind.BUSY, FailureKind.INTERNAL)
        if offline or ours:
            poll = not_its_fault(feed, state, failure, now=now)
        else:
            poll = failed(feed, counted, failure, now=now)
    after = poll.state
    pace = pace_of(feed)
    # A state has fifty fields to copy, and most polls find this one as it was.
    if after.paced_by != pace:
        after = replace(after, paced_by=pace)
    return replace(
        poll,
        before=state,
        state=after,
        fetched=result,
        read=read,
        result=word,
    )


def _counted(
    state: PollState,
    word: str,
    *,
    now: datetime,
) -> PollState:
    letter = _LETTERS.get(word, "u")
    was_full = is_full(state, now=now)
    return replace(
        state,
        poll_count=state.poll_count + 1,
        change_count=state.change_count + (letter == "n"),
        last_poll_at=now,
        last_full_at=now if was_full else state.last_full_at,
        history=(*state.history, letter)[-HISTORY:],
    )


def result_word(result: FetchResult, read: ReadResult | None) -> str:
    """The word by which a poll's result is counted."""
    match result:
        case FetchFailed():
            return "failed"
        case NotModified():
            return "not_modified"
        case Fetched():
            return _read_word(read)


def _read_word(read: ReadResult | None) -> str:
    match read:
        case None:
            return "unchanged"
        case Unparsable():
            return "failed"
        case FeedRead():
            return "new" if read.change_count else "unchanged"


def _record(
    claim: Claim,
    poll: Poll,
    *,
    host: str,
    lease: Lease | None,
) -> Poll:
    """The poll with what is written of it under its claim."""
    state = poll.state
    lease = lease or poll.before.lease
    if lease != state.lease:
        state = replace(state, lease=lease)
    if poll.withhold:
        # After the release the same body is to be read again, or its entries were lost.
        state = replace(state, body_hash="")
    poll = replace(poll, claim=claim, state=state, host=host)
    read = poll.read
    if not isinstance(read, FeedRead):
        return poll
    if poll.withhold:
        read = _withheld(read)
    return replace(
        poll,
        read=read,
        entries=read.entries,
        known=read.known,
        notices=(*read.notices, *poll.notices),
        outcomes=read.outcomes,
    )


def _withheld(read: FeedRead) -> FeedRead:
    """The same reading with nothing published: its new and edited entries count as seen, for the reason quarantined."""
    held = {entry.identity_key for entry in read.entries}
    outcomes = Counter(read.outcomes)
    count = outcomes.pop(Outcome.NEW, 0) + outcomes.pop(Outcome.EDITED, 0)
    outcomes[Outcome.SEEN] += count
    # A known entry is never published again: what was withheld must stay unknown.
    known = {key: entry for key, entry in read.known.items() if key not in held}
    return replace(
        read,
        entries=(),
        known=known,
        outcomes=outcomes,
        reasons=Counter(read.reasons) + Counter(quarantined=count),
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
    notice = feed_notice("released", feed, before.url, words)
    return Poll(before, after, at, (notice,))
