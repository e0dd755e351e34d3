"""One poll, ended: the record of it, and its facts for the log and for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aggregator.model import Feed, FeedRead, Fetched, FetchFailed, FetchResult, NotModified, PollState, Unparsable
from aggregator.pipeline.settling import Settled


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
    facts: dict[str, Any] = {"result": done.result, "url": result.url}
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
        case Unparsable() as unread:
            facts |= {"failure": unread.kind.value, "detail": unread.detail, "health": state.health.value}
        case None:
            pass
    facts["ms"] = round(result.elapsed.total_seconds() * 1000)
    facts["next_poll_at"] = done.decision.due_at.isoformat(timespec="seconds") if done.decision.due_at else "never"
    facts["why_then"] = state.next_poll_reason
    return facts
