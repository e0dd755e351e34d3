"""One poll, ended: the record of it, and its facts for the log, the metrics and people."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import Any

import structlog

from aggregator.fetch.subscriber import Subscriber
from aggregator.fetch.websub import advertised_hub
from aggregator.model import Feed, FeedRead, Fetched, FetchFailed, FetchResult, NotModified, PollState, Unparsable
from aggregator.pipeline.commit import Settled
from aggregator.watch.metrics import Metrics
from aggregator.watch.redaction import redacted

log = structlog.get_logger()

ELAPSED_KEPT = 9


@dataclass(frozen=True, slots=True)
class Polled:
    """One poll, ended: for the log, and for `aggregator poll`."""

    feed: Feed
    before: PollState
    result: FetchResult
    settled: Settled
    committed: bool


def poll_facts(result: FetchResult, done: Settled) -> dict[str, Any]:
    """The facts of the `feed_polled` line: result, outcome counts that add up to `parsed`, and what comes next."""
    state = done.commit.state
    facts: dict[str, Any] = {"result": done.result, "url": redacted(result.url)}
    match result:
        case Fetched():
            facts |= {"status": result.status, "bytes": len(result.body)}
        case FetchFailed():
            facts |= {"failure": result.kind.value, "detail": result.detail, "health": state.health.value}
            facts |= {"status": result.status} if result.status else {}
        case NotModified():
            facts["status"] = 304
    match done.read:
        case FeedRead() as read:
            facts |= {"parsed": sum(read.outcomes.values()), **read.outcomes}
            facts |= {"reasons": dict(read.reasons)} if read.reasons else {}
            facts |= {"beyond_max_entries": read.dropped_count} if read.dropped_count else {}
            facts |= {"notes": list(read.notes)} if read.notes else {}
        case Unparsable() as unread:
            facts |= {"failure": unread.kind.value, "detail": unread.detail, "health": state.health.value}
        case None:
            pass
    facts["ms"] = round(result.elapsed.total_seconds() * 1000)
    facts["next_poll_at"] = done.decision.due_at.isoformat(timespec="seconds") if done.decision.due_at else "never"
    facts["why_then"] = state.next_poll_reason
    return facts


def tell_polled(metrics: Metrics, feed: Feed, result: FetchResult, done: Settled) -> None:
    """One line, the counts, and the notices of a poll that was committed."""
    failure = done.commit.state.failure_kind if done.result == "failed" else None
    size = len(result.body) if isinstance(result, Fetched) else 0
    metrics.count_poll(done.result, failure=failure, body_bytes=size)
    if isinstance(done.read, FeedRead):
        metrics.count_entries(done.read.outcomes)
    tell = log.warning if done.result == "failed" else log.info
    tell("feed_polled", feed_id=feed.feed_id, **poll_facts(result, done))
    for notice in done.commit.notices:
        log.warning("trouble", kind=notice.kind, feed_id=notice.feed_id, detail=notice.detail)


async def tend_hub(push: Subscriber, polled: Polled) -> None:
    """After a poll: tell the subscription what the hub had not announced, and ask the hub when it is time."""
    if polled.settled.result == "failed":
        return
    feed_id, result, state = polled.feed.feed_id, polled.result, polled.settled.commit.state
    read = polled.settled.read
    push.note_poll(feed_id, new_count=read.outcomes.get("new", 0) if isinstance(read, FeedRead) else 0)
    links = result.links if isinstance(result, Fetched) else ()
    await push.tend(feed_id, advertised_hub(links, state.hints, feed_url=state.url))


class HostTimes:
    """How long each host took to answer, the newest ELAPSED_KEPT times."""

    def __init__(self) -> None:
        self._seconds: dict[str, deque[float]] = {}

    def note(self, host: str, elapsed: timedelta) -> None:
        self._seconds.setdefault(host, deque(maxlen=ELAPSED_KEPT)).append(elapsed.total_seconds())

    def medians(self) -> dict[str, timedelta]:
        return {host: timedelta(seconds=median(times)) for host, times in self._seconds.items()}
