"""Which bodies are read: not the one that was read last, and not one whose reading was stopped not long ago. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from aggregator.model import (
    FailureKind,
    Fetched,
    FetchFailed,
    NotModified,
    PollState,
    Unparsable,
    replace,
)

KILLED_REST = timedelta(hours=24)
"""How long a document whose reading was stopped is not read again: a later version of ours may fare better."""
CROWDED_REST = timedelta(hours=1)
"""The same where it got less than its whole time, because too many such documents waited."""
KILLED_AGAIN = Unparsable(
    FailureKind.PARSER_KILLED,
    "the same document again, whose reading was stopped before",
)


def is_unchanged(state: PollState, result: Fetched) -> bool:
    """Whether the body is the one last read; a partial answer (226) never is."""
    if result.partial or not state.body_hash:
        return False
    return result.body_hash == state.body_hash


def is_killed_again(
    state: PollState,
    result: Fetched,
    *,
    now: datetime,
) -> bool:
    """Whether the body is one whose reading was stopped not long ago: it is not read, and has failed."""
    if state.killed_until_at is None or result.body_hash != state.killed_hash:
        return False
    # An end beyond the longest rest was written by a clock that was ahead.
    return now < state.killed_until_at <= now + KILLED_REST


def unparsable_failure(result: Fetched | NotModified, read: Unparsable) -> FetchFailed:
    """The failure that an answer amounts to which is no feed."""
    return FetchFailed(
        result.url,
        read.kind,
        read.detail,
        _status(result),
        result.caching,
        result.redirects,
        result.elapsed,
    )


def _status(result: Fetched | NotModified) -> int:
    return result.status if isinstance(result, Fetched) else 304


def with_killed(
    state: PollState,
    result: Fetched | NotModified,
    read: Unparsable,
    *,
    now: datetime,
) -> PollState:
    """A body whose reading went over its limits is remembered, so that it does not cost them again (situation 27)."""
    if not isinstance(result, Fetched):
        return state
    # The same body again: its rest ends when it was to end, or it would never be tried anew.
    if read.kind is not FailureKind.PARSER_KILLED or read is KILLED_AGAIN:
        return state
    rest = KILLED_REST if read.is_final else CROWDED_REST
    killed_hash = result.body_hash
    return replace(state, killed_hash=killed_hash, killed_until_at=now + rest)
