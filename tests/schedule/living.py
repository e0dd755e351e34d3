"""A feed asked over real HTTP at moved times: the fetcher, the schedule and the scripted publisher together."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aggregator.fetch.fetcher import Fetcher
from aggregator.model import (
    Feed,
    FeedRead,
    Fetched,
    FetchResult,
    Poll,
    PollState,
    ReadResult,
)
from aggregator.schedule.bodies import is_unchanged
from aggregator.schedule.request import first_state, request_for
from aggregator.schedule.result import after_poll
from tests.schedule.given import NOW, reading


@dataclass
class Asked:
    """One poll that was made: when (moved clock), what came, what followed."""

    at: datetime
    result: FetchResult
    decision: Poll


@dataclass
class LivingFeed:
    """`readings` says what a body holds, by its bytes; a body it does not name has one entry that is new."""

    feed: Feed
    fetcher: Fetcher
    now: datetime = NOW
    readings: dict[bytes, ReadResult] = field(default_factory=dict)
    polls: list[Asked] = field(default_factory=list)
    state: PollState = field(default=None)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.state is None:
            self.state = first_state(self.feed, now=self.now)

    async def poll(self, *, at: datetime | None = None) -> Asked:
        """Ask when the feed is due, or at a given time."""
        self.now = at or max(self.now, self.state.next_poll_at)
        result = await self.fetcher.fetch(
            request_for(self.feed, self.state, now=self.now)
        )
        read = self.read(result)
        self.now += result.elapsed
        decision = after_poll(self.feed, self.state, result, read, now=self.now)
        self.state = decision.state
        self.polls.append(Asked(self.now, result, decision))
        return self.polls[-1]

    def read(self, result: FetchResult) -> ReadResult | None:
        if not isinstance(result, Fetched) or is_unchanged(self.state, result):
            return None
        return self.readings.get(result.body) or reading(1, seen=2)

    async def poll_for(self, span: timedelta) -> list[Asked]:
        """Every poll that falls due within the span."""
        end, first = self.now + span, len(self.polls)
        while self.state.next_poll_at <= end:
            await self.poll()
        return self.polls[first:]

    @property
    def new_count(self) -> int:
        reads = [
            self.readings.get(p.result.body)
            for p in self.polls
            if isinstance(p.result, Fetched)
        ]
        return sum(r.outcomes["new"] for r in reads if isinstance(r, FeedRead))
