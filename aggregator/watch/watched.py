"""What the status port asks the daemon, and the answers kept for a moment.

Rules: answers are kept so that a crowd of readers asks the Redis server no more than one does; how far back one asks
is rounded up to a few windows, so that what is kept has a bound.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import (
    AsyncIterator,
    Callable,
    Collection,
    Coroutine,
    Mapping,
    Sequence,
)
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from aggregator.model import Event, Feed, Message, PollState, Ruling, Verdict
from aggregator.watch.digest import is_told
from aggregator.watch.searching import Search
from aggregator.watch.wording import source_names

Answer = TypeVar("Answer")

FRESH_SECONDS = 2.0
KEPT_TIMES = 20
MAX_EVENTS_READ = 50_000
"""Two to three days of a large installation; what is older is not shown. A guess."""
REACH_HOURS = (6, 24, 72, 168, 720)
"""How far back events are read: the windows of the page, and what is kept of events by default."""
MOST_NEWEST = 500
"""Events that live pages ask for one by one; an older answer is let go."""
MOST_SEARCHES = 20
"""Answers to words that are kept; an older one is let go."""
_SOON = timedelta(seconds=1)


class Watched(Protocol):
    """What the status port asks the daemon. Methods that ask the Redis server raise EngineError when it is away."""

    async def events(
        self,
        *,
        since_at: datetime,
        limit: int,
    ) -> Sequence[Event]:
        """Events with a report since then, the newest `limit` of them, in any order."""
        ...

    async def verdicts(self, *, since_at: datetime) -> Sequence[Verdict]:
        """The reports told since then, the oldest first."""
        ...

    async def event(self, event_id: str) -> Event | None:
        """The event of this id; of an absorbed one, the record whose `merged_into` names the survivor."""
        ...

    async def reports(self, event_id: str) -> Sequence[Message]:
        """The messages still kept of this event, in any order."""
        ...

    async def rulings(self, event_id: str) -> Sequence[Ruling]:
        """The operators' words on this event that are still kept, oldest first."""
        ...

    async def feeds(self) -> Sequence[PollState]:
        """The state of every feed that was polled."""
        ...

    @property
    def has_meanings(self) -> bool:
        """Whether headlines are compared by meaning, so that `likeness` has an answer."""
        ...

    async def likeness(
        self,
        query: str,
        *,
        since_at: datetime,
    ) -> Mapping[str, float]:
        """Event id → how near its nearest headline is to the query, 0..1, of those that are near."""
        ...

    def subscriptions(self) -> Sequence[Feed]:
        """The feeds as they are configured."""
        ...

    async def groups(self) -> Mapping[tuple[str, str], int]:
        """The lag of every consumer group, keyed by (stream, group)."""
        ...

    def live(self) -> AsyncIterator[Message]:
        """The messages published from now on."""
        ...

    def ready(self) -> tuple[bool, Sequence[str]]:
        """Whether the daemon does its work, and if not, why."""
        ...

    def stuck(self) -> Sequence[str]:
        """The stages that do not move (`progress.Progress.stuck`)."""
        ...


class Kept:
    """The daemon's answers, each asked for at most once a moment."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._fresh = Fresh()
        self._newest = Fresh(most=MOST_NEWEST)
        self._searched = Fresh(most=MOST_SEARCHES)
        self._search = Search()

    def close(self) -> None:
        """Begin no further search."""
        self._search.close()

    async def events(
        self,
        from_at: datetime,
        now: datetime,
    ) -> Sequence[Event]:
        """The events with a report in [from_at, now]. Raises EngineError."""
        events = await self._reaching(_reach(now - from_at), now)
        to_at = now + _SOON
        return [event for event in events if is_told(event, from_at, to_at)]

    async def _reaching(
        self,
        hours: int,
        now: datetime,
    ) -> Sequence[Event]:
        async def read() -> Sequence[Event]:
            since_at = now - timedelta(hours=hours)
            return await self._watched.events(since_at=since_at, limit=MAX_EVENTS_READ)

        return await self._fresh(f"events {hours}", read)

    async def expect_search(self, from_at: datetime, now: datetime) -> None:
        """Have the events of this window ready for words that may be asked for. Raises EngineError."""
        events = await self._reaching(_reach(now - from_at), now)
        self._search.expect(events)

    async def mentioning(
        self,
        words: str,
        from_at: datetime,
        now: datetime,
    ) -> Collection[str] | None:
        """The ids of the events that hold all the words, at least those from `from_at` on; None: no words are asked
        for. Raises EngineError."""
        if not words:
            return None
        hours = _reach(now - from_at)

        async def search() -> Collection[str]:
            events = await self._reaching(hours, now)
            return await self._search.mentioning(events, words)

        return await self._searched(f"words {hours} {words}", search)

    async def likeness(
        self,
        query: str,
        from_at: datetime,
        now: datetime,
    ) -> Mapping[str, float]:
        """Event id → how near it is to the query by meaning; none where nothing is compared so. Raises EngineError."""
        if not self._watched.has_meanings:
            return {}
        hours = _reach(now - from_at)

        async def search() -> Mapping[str, float]:
            since_at = now - timedelta(hours=hours)
            return await self._watched.likeness(query, since_at=since_at)

        return await self._searched(f"meaning {hours} {query}", search)

    async def event(self, event_id: str) -> Event | None:
        """An event as it is now, asked for once by the pages that are open. Raises EngineError."""

        async def read() -> Event | None:
            return await self._watched.event(event_id)

        return await self._newest(event_id, read)

    async def verdicts(
        self,
        from_at: datetime,
        now: datetime,
    ) -> Sequence[Verdict]:
        """The reports told since then. Raises EngineError."""
        hours = _reach(now - from_at)

        async def read() -> Sequence[Verdict]:
            return await self._watched.verdicts(since_at=now - timedelta(hours=hours))

        verdicts = await self._fresh(f"verdicts {hours}", read)
        return [verdict for verdict in verdicts if verdict.told_at >= from_at]

    async def feeds(self) -> Sequence[PollState]:
        """The state of every feed. Raises EngineError."""
        return await self._fresh("feeds", self._watched.feeds)

    async def titles(self) -> Mapping[str, str]:
        """Titles of feeds by their ids; a feed without one is missing. Raises EngineError."""
        states = await self.feeds()
        return {state.feed_id: state.title for state in states if state.title}

    async def names(self) -> Mapping[str, str]:
        """What the source of each feed is called, by the feed's id. Raises EngineError."""
        titles = await self.titles()
        return {
            **titles,
            **source_names(self._watched.subscriptions(), titles),
        }

    async def groups(self) -> Mapping[tuple[str, str], int]:
        """Raises EngineError."""
        return await self._fresh("groups", self._watched.groups)


def _reach(length: timedelta) -> int:
    hours = length / timedelta(hours=1)
    longer = (reach for reach in REACH_HOURS if hours <= reach)
    return next(longer, REACH_HOURS[-1])


class Fresh:
    """Answers kept for a moment, and asked for once when many want them at the same time.

    What takes long to ask for is kept longer, so that readers cost at most a share of 1 in `KEPT_TIMES` of the time.
    """

    def __init__(self, *, most: int | None = None) -> None:
        """`most`: answers kept at most, the oldest let go first."""
        self._most = most
        self._kept: dict[str, tuple[float, asyncio.Future[Any]]] = {}

    async def __call__(
        self, key: str, ask: Callable[[], Coroutine[Any, Any, Answer]]
    ) -> Answer:
        stale_at, answer = self._kept.get(key, (0.0, None))
        if answer is None or _is_over(answer, stale_at):
            answer = asyncio.create_task(
                self._timed(key, ask),
                name=f"page-{key}",
            )
            self._kept[key] = (0.0, answer)
            self._let_go()
        # One reader who leaves must not take the answer from the others.
        answered: Answer = await asyncio.shield(answer)
        return answered

    def _let_go(self) -> None:
        """Of the oldest answer when there are too many."""
        if self._most is not None and len(self._kept) > self._most:
            oldest = next(iter(self._kept))
            del self._kept[oldest]

    async def _timed(
        self, key: str, ask: Callable[[], Coroutine[Any, Any, Answer]]
    ) -> Answer:
        start = time.monotonic()
        answer = await ask()
        end = time.monotonic()
        kept = self._kept.get(key)
        # It may have been let go meanwhile.
        if kept is not None:
            _, asked = kept
            fresh_s = max(FRESH_SECONDS, KEPT_TIMES * (end - start))
            self._kept[key] = (end + fresh_s, asked)
        return answer


def _is_over(
    answer: asyncio.Future[Any],
    stale_at: float,
) -> bool:
    """Whether it has to be asked for anew. What is asked for now is waited for, however long it takes."""
    if not answer.done():
        return False
    # A fault is told to those who waited; the next reader asks again.
    if answer.cancelled() or answer.exception() is not None:
        return True
    return time.monotonic() >= stale_at
