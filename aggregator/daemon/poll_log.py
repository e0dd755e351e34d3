"""What is told of a poll that was committed: one rich line of the log, the counts, and how long hosts take."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from statistics import median
from typing import Any

import structlog

from aggregator.model import (
    FailureKind,
    FeedRead,
    Fetched,
    FetchFailed,
    FetchResult,
    NotModified,
    Poll,
    PollState,
    ReadResult,
    Unparsable,
)
from aggregator.redaction import redacted
from aggregator.watch.metrics import Metrics

log = structlog.get_logger()

ELAPSED_KEPT = 9

Facts = dict[str, Any]


def poll_facts(poll: Poll) -> Facts:
    """The facts of the `feed_polled` line: result, outcome counts that add up to `parsed`, and what comes next."""
    state = poll.state
    result = poll.fetched
    url = state.url
    milliseconds = 0
    if result is not None:
        url = result.url
        milliseconds = round(result.elapsed.total_seconds() * 1000)
    due_at = "never"
    if poll.due_at is not None:
        due_at = poll.due_at.isoformat(timespec="seconds")
    return {
        "result": poll.result,
        "url": redacted(url),
        **_fetch_facts(result, state),
        **_read_facts(poll.read, state),
        "ms": milliseconds,
        "next_poll_at": due_at,
        "why_then": state.next_poll_reason,
    }


def _fetch_facts(result: FetchResult | None, state: PollState) -> Facts:
    match result:
        case Fetched():
            return {"status": result.status, "bytes": len(result.body)}
        case FetchFailed():
            facts = _failure_facts(result.kind, result.detail, state)
            if result.status:
                facts["status"] = result.status
            return facts
        case NotModified():
            return {"status": 304}
        case None:
            # A hub delivered: no request was made.
            return {}


def _read_facts(read: ReadResult | None, state: PollState) -> Facts:
    match read:
        case FeedRead():
            return _outcome_facts(read)
        case Unparsable():
            return _failure_facts(read.kind, read.detail, state)
        case None:
            return {}


def _failure_facts(
    kind: FailureKind,
    detail: str,
    state: PollState,
) -> Facts:
    return {"failure": kind.value, "detail": detail, "health": state.health.value}


def _outcome_facts(read: FeedRead) -> Facts:
    facts: Facts = {"parsed": sum(read.outcomes.values()), **read.outcomes}
    if read.reasons:
        facts["reasons"] = dict(read.reasons)
    if read.dropped_count:
        facts["beyond_max_entries"] = read.dropped_count
    if read.notes:
        facts["notes"] = list(read.notes)
    return facts


def log_poll(metrics: Metrics, poll: Poll) -> None:
    """One line, the counts, and the notices of a poll that was committed."""
    failure = None
    tell = log.info
    if poll.result == "failed":
        failure = poll.state.failure_kind
        tell = log.warning
    body_bytes = 0
    if isinstance(poll.fetched, Fetched):
        body_bytes = len(poll.fetched.body)
    metrics.count_poll(poll.result, failure=failure, body_bytes=body_bytes)
    if isinstance(poll.read, FeedRead):
        metrics.count_entries(poll.read.outcomes)
    tell("feed_polled", feed_id=poll.state.feed_id, **poll_facts(poll))
    for notice in poll.notices:
        log.warning(
            "trouble",
            kind=notice.kind,
            feed_id=notice.feed_id,
            detail=notice.detail,
        )


class HostTimes:
    """How long each host took to answer, the newest ELAPSED_KEPT times."""

    def __init__(self) -> None:
        self._seconds: dict[str, deque[float]] = {}

    def note(self, host: str, elapsed: timedelta) -> None:
        """Take in one more answer, or failure to answer."""
        times = self._seconds.get(host)
        if times is None:
            times = self._seconds[host] = deque(maxlen=ELAPSED_KEPT)
        times.append(elapsed.total_seconds())

    def medians(self) -> dict[str, timedelta]:
        """By host."""
        return {
            host: timedelta(seconds=median(times))
            for host, times in self._seconds.items()
        }
