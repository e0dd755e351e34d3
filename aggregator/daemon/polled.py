"""One poll, ended: the record of it, and its facts for the log, the metrics and people."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from statistics import median
from typing import Any

import structlog

from aggregator.fetch.subscriber import Subscriber
from aggregator.fetch.websub import advertised_hub
from aggregator.model import (
    FeedRead,
    Fetched,
    FetchFailed,
    NotModified,
    Poll,
    Unparsable,
)
from aggregator.watch.metrics import Metrics
from aggregator.watch.redaction import redacted

log = structlog.get_logger()

ELAPSED_KEPT = 9


def poll_facts(poll: Poll) -> dict[str, Any]:
    """The facts of the `feed_polled` line: result, outcome counts that add up to `parsed`, and what comes next."""
    state, result = poll.state, poll.fetched
    facts: dict[str, Any] = {
        "result": poll.result,
        "url": redacted(result.url if result else state.url),
    }
    match result:
        case Fetched():
            facts |= {"status": result.status, "bytes": len(result.body)}
        case FetchFailed():
            facts |= {
                "failure": result.kind.value,
                "detail": result.detail,
                "health": state.health.value,
            }
            facts |= {"status": result.status} if result.status else {}
        case NotModified():
            facts["status"] = 304
        case None:  # a hub delivered
            pass
    match poll.read:
        case FeedRead() as read:
            facts |= {"parsed": sum(read.outcomes.values()), **read.outcomes}
            facts |= {"reasons": dict(read.reasons)} if read.reasons else {}
            facts |= (
                {"beyond_max_entries": read.dropped_count} if read.dropped_count else {}
            )
            facts |= {"notes": list(read.notes)} if read.notes else {}
        case Unparsable() as unread:
            facts |= {
                "failure": unread.kind.value,
                "detail": unread.detail,
                "health": state.health.value,
            }
        case None:
            pass
    facts["ms"] = round(result.elapsed.total_seconds() * 1000) if result else 0
    facts["next_poll_at"] = (
        poll.due_at.isoformat(timespec="seconds") if poll.due_at else "never"
    )
    facts["why_then"] = state.next_poll_reason
    return facts


def tell_polled(metrics: Metrics, poll: Poll) -> None:
    """One line, the counts, and the notices of a poll that was committed."""
    failure = poll.state.failure_kind if poll.result == "failed" else None
    size = len(poll.fetched.body) if isinstance(poll.fetched, Fetched) else 0
    metrics.count_poll(poll.result, failure=failure, body_bytes=size)
    if isinstance(poll.read, FeedRead):
        metrics.count_entries(poll.read.outcomes)
    tell = log.warning if poll.result == "failed" else log.info
    tell("feed_polled", feed_id=poll.state.feed_id, **poll_facts(poll))
    for notice in poll.notices:
        log.warning(
            "trouble", kind=notice.kind, feed_id=notice.feed_id, detail=notice.detail
        )


async def tend_hub(push: Subscriber, poll: Poll) -> None:
    """After a poll: tell the subscription what the hub had not announced, and ask the hub when it is time."""
    if poll.result == "failed":
        return
    feed_id, result, state, read = (
        poll.state.feed_id,
        poll.fetched,
        poll.state,
        poll.read,
    )
    push.note_poll(
        feed_id,
        new_count=read.outcomes.get("new", 0) if isinstance(read, FeedRead) else 0,
    )
    links = result.links if isinstance(result, Fetched) else ()
    await push.tend(feed_id, advertised_hub(links, state.hints, feed_url=state.url))


class HostTimes:
    """How long each host took to answer, the newest ELAPSED_KEPT times."""

    def __init__(self) -> None:
        self._seconds: dict[str, deque[float]] = {}

    def note(self, host: str, elapsed: timedelta) -> None:
        self._seconds.setdefault(host, deque(maxlen=ELAPSED_KEPT)).append(
            elapsed.total_seconds()
        )

    def medians(self) -> dict[str, timedelta]:
        return {
            host: timedelta(seconds=median(times))
            for host, times in self._seconds.items()
        }
