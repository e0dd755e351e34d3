"""After a poll: what is written of it. Pure.

Rules: a runaway's entries are withheld whole and not remembered, so that after the release they are published if the
feed still has them; the body's hash is forgotten then, so that the same body is read again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

from aggregator.entry.dates import clock_error
from aggregator.model import (
    Claim,
    Feed,
    FeedRead,
    Fetched,
    FetchFailed,
    FetchResult,
    Lease,
    NotModified,
    Outcome,
    Poll,
    PollState,
    ReadResult,
    Unparsable,
)
from aggregator.schedule.result import after_poll
from aggregator.schedule.success import after_push, clock_samples, count_of


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
        clock_error=_clock_error(state, read),
        offline=offline,
        pushed=pushed,
    )
    return _record(
        claim,
        poll,
        read,
        host=host,
        lease=lease or state.lease,
        word=result_word(result, read),
    )


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
    poll = after_push(
        feed,
        state,
        read,
        now=now,
        clock_error=_clock_error(state, read),
    )
    return _record(
        claim,
        poll,
        read,
        host=host,
        lease=lease or state.lease,
        word=_read_word(read),
    )


def _clock_error(state: PollState, read: ReadResult | None) -> timedelta | None:
    if not isinstance(read, FeedRead):
        return state.clock_error
    samples = clock_samples(state, read)
    return clock_error(
        samples, poll_gap=state.interval or None, current=state.clock_error
    )


def _record(
    claim: Claim,
    poll: Poll,
    read: ReadResult | None,
    *,
    host: str,
    lease: Lease | None,
    word: str,
) -> Poll:
    state = replace(poll.state, lease=lease)
    if poll.withhold:
        # After the release the same body is to be read again, or its entries were lost.
        state = replace(state, body_hash="")
    poll = replace(
        poll,
        claim=claim,
        state=state,
        host=host,
        result=word,
    )
    if not isinstance(read, FeedRead):
        return replace(poll, read=read)
    if poll.withhold:
        read = withheld(read)
    return replace(
        poll,
        read=read,
        entries=read.entries,
        known=read.known,
        notices=(*read.notices, *poll.notices),
        outcomes=read.outcomes,
    )


def withheld(read: FeedRead) -> FeedRead:
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
            change_count = count_of(read, Outcome.NEW) + count_of(read, Outcome.EDITED)
            return "new" if change_count else "unchanged"
