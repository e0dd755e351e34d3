"""A week of moved time against a scripted publisher: 200 feeds on 40 hosts, every kind of cache header, restarts between.

The publisher keeps its own books, from what it answered: no request before the time it asked for, none to a host it
told to wait, the validators it gave last and no others, none without validators within a day, each request made once.
"""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from aggregator.engine import wire
from aggregator.fetch.fetcher import Fetcher
from aggregator.hosts import host_of
from aggregator.model import Feed, PollState
from aggregator.schedule.bodies import is_unchanged
from aggregator.schedule.request import (
    first_state,
    request_for,
    with_feed,
)
from aggregator.schedule.restart import due_at
from aggregator.schedule.result import after_poll
from tests.fetch.conftest import LOOPBACK
from tests.origin import Answer, Origin, Seen
from tests.schedule.given import DAY, HOUR, NOW, reading

MINUTE = timedelta(minutes=1)
WISHES: tuple[tuple[tuple[tuple[str, str], ...], timedelta], ...] = (
    ((), timedelta(0)),
    ((("Cache-Control", "max-age=60"),), MINUTE),
    ((("Cache-Control", "public, max-age=3600"), ("Age", "600")), 50 * MINUTE),
    ((("Cache-Control", "max-age=0, must-revalidate"),), timedelta(0)),
    ((("Cache-Control", "no-cache, max-age=315360000"),), timedelta(0)),
    ((("Cache-Control", "no-store, max-age=7200"),), 2 * HOUR),
    ((("Cache-Control", "max-age=31536000, immutable"),), DAY),
    ((("Cache-Control", 'private="x", max-age="5400"'),), 90 * MINUTE),
    ((("Expires", "Wed, 04 Mar 2026 15:00:00 GMT"), ("Date", "Wed, 04 Mar 2026 12:00:00 GMT")), 3 * HOUR),
    ((("Expires", "0"), ("Pragma", "no-cache")), timedelta(0)),
    ((("Cache-Control", "max-age=600"), ("Expires", "Wed, 04 Mar 2026 15:00:00 GMT"), ("Date", "Wed, 04 Mar 2026 12:00:00 GMT")), 10 * MINUTE),
    ((("Cache-Control", "max-age=soon"), ("Age", "never")), timedelta(0)),
    ((("Cache-Control", "max-age=172800"), ("Age", "3600")), DAY),
)  # fmt: skip
"""Headers of an answer, and how long they forbid to ask again (politeness.md 4: a day at most)."""


@dataclass
class Publisher:
    """One feed as its server sees it."""

    wish: int
    validators: str
    version: int = 0
    not_before_at: datetime = NOW - DAY
    given: tuple[str | None, str | None] = (None, None)
    last_full_at: datetime | None = None
    request_count: int = 0

    def answer(self, chance: random.Random) -> tuple[Answer, timedelta]:
        """The next answer, and for how long the whole host must be left alone."""
        luck = chance.random()
        if luck < 0.02:
            span = timedelta(seconds=chance.choice([30, 1800, 90_000, 300_000]))
            code = chance.choice([429, 503])
            return Answer(
                status=code, headers=(("Retry-After", str(int(span.total_seconds()))),)
            ), span
        if luck < 0.06:
            return Answer(status=chance.choice([404, 500, 502])), timedelta(0)
        if luck < 0.2:
            self.version += 1
        etag = f'"{self.version}"' if "e" in self.validators else None
        modified = (
            f"Wed, 04 Mar 2026 12:00:{self.version % 60:02} GMT"
            if "m" in self.validators
            else None
        )
        headers = WISHES[self.wish][0]
        return Answer(
            body=b"<rss>%d</rss>" % self.version,
            etag=etag,
            last_modified=modified,
            headers=headers,
        ), timedelta(0)

    def check(self, seen: Seen, now: datetime) -> list[str]:
        sent = (seen.header("if-none-match"), seen.header("if-modified-since"))
        wrong = []
        if now < self.not_before_at:
            wrong.append(f"early by {self.not_before_at - now}")
        if sent == (None, None):
            if (
                self.given != (None, None)
                and self.last_full_at is not None
                and now - self.last_full_at < DAY
            ):
                wrong.append(
                    f"without validators {now - self.last_full_at} after the last such"
                )
            self.last_full_at = now
        elif sent != self.given:
            wrong.append(f"validators {sent} instead of {self.given}")
        return wrong


@dataclass
class Week:
    origin: Origin
    fetcher: Fetcher
    chance: random.Random
    feeds: dict[str, Feed] = field(default_factory=dict)
    states: dict[str, PollState] = field(default_factory=dict)
    publishers: dict[str, Publisher] = field(default_factory=dict)
    host_free_at: dict[str, datetime] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    held_until: dict[str, datetime] = field(default_factory=dict)

    def add(self, feed_count: int, host_count: int) -> None:
        for number in range(feed_count):
            feed = Feed(
                f"f{number}",
                self.origin.url(f"/{number}", host=1 + number % host_count),
            )
            self.feeds[feed.feed_id] = feed
            self.states[feed.feed_id] = first_state(
                feed, now=NOW, feed_count=feed_count
            )
            validators = ("em", "e", "m", "")[number // len(WISHES) % 4]
            self.publishers[feed.feed_id] = Publisher(number % len(WISHES), validators)

    async def live(self, span: timedelta) -> None:
        due = [(state.next_poll_at, feed_id) for feed_id, state in self.states.items()]
        heapq.heapify(due)
        next_restart_at = NOW + 5 * HOUR
        while due[0][0] < NOW + span:
            now, feed_id = heapq.heappop(due)
            if now >= next_restart_at:
                due = self.restarted([*due, (now, feed_id)], now)
                next_restart_at = now + 5 * HOUR
                continue
            host = host_of(self.feeds[feed_id].url)
            free_at = self.host_free_at.get(host, NOW)
            next_at = free_at if free_at > now else await self.poll(feed_id, host, now)
            heapq.heappush(due, (next_at, feed_id))

    def restarted(
        self, due: list[tuple[datetime, str]], now: datetime
    ) -> list[tuple[datetime, str]]:
        """Everything forgotten but what is stored, and the configuration read anew."""
        kept = []
        for _, feed_id in due:
            feed, stored = (
                self.feeds[feed_id],
                wire.decode(PollState, wire.encode(self.states[feed_id])),
            )
            self.states[feed_id] = with_feed(stored, feed)
            at = due_at(feed, self.states[feed_id], now=now)
            assert at is not None
            kept.append((max(at, now + timedelta(seconds=1)), feed_id))
        heapq.heapify(kept)
        return kept

    async def poll(self, feed_id: str, host: str, now: datetime) -> datetime:
        feed, state, publisher = (
            self.feeds[feed_id],
            self.states[feed_id],
            self.publishers[feed_id],
        )
        answer, hold = publisher.answer(self.chance)
        path = f"/{feed_id[1:]}"
        self.origin.script(path, answer)
        self.origin.requests.clear()
        result = await self.fetcher.fetch(request_for(feed, state, now=now))
        self.book(feed_id, host, answer, hold, now)
        later = now + timedelta(seconds=1)
        read = (
            reading(1)
            if getattr(result, "body", None) and not is_unchanged(state, result)
            else None
        )  # type: ignore[arg-type]
        decision = after_poll(feed, state, result, read, now=later)
        self.states[feed_id] = decision.state
        self.host_free_at[host] = max(
            later + timedelta(seconds=1), decision.host_hold_until_at or now
        )
        assert decision.due_at is not None
        return decision.due_at

    def book(
        self, feed_id: str, host: str, answer: Answer, hold: timedelta, now: datetime
    ) -> None:
        publisher, wrong = self.publishers[feed_id], []
        if len(self.origin.requests) != 1:
            wrong.append(f"{len(self.origin.requests)} requests")
        if now < self.held_until.get(host, NOW - DAY):
            wrong.append("a host that told us to wait")
        wrong += publisher.check(self.origin.requests[0], now)
        publisher.request_count += 1
        self.complaints += [f"{feed_id} at {now}: {complaint}" for complaint in wrong]
        if answer.status == 200:
            publisher.not_before_at = now + WISHES[publisher.wish][1]
            publisher.given = (answer.etag, answer.last_modified)  # type: ignore[assignment]
        if hold:
            self.held_until[host] = now + hold


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1])
async def test_a_week_of_200_feeds_on_40_hosts_gives_no_publisher_reason_to_complain(
    seed: int,
):
    async with (
        Origin(hosts=40) as origin,
        Fetcher(LOOPBACK, contact="", version="0") as fetcher,
    ):
        week = Week(origin, fetcher, random.Random(seed))
        week.add(200, 40)
        await week.live(timedelta(days=7))
    assert week.complaints == []
    counts = [publisher.request_count for publisher in week.publishers.values()]
    assert min(counts) >= 2
    assert sum(counts) > 5000


async def test_a_day_of_some_feeds_gives_no_publisher_reason_to_complain():
    async with (
        Origin(hosts=4) as origin,
        Fetcher(LOOPBACK, contact="", version="0") as fetcher,
    ):
        week = Week(origin, fetcher, random.Random(7))
        week.add(30, 4)
        await week.live(timedelta(days=1))
    assert week.complaints == []


def test_the_publishers_books_notice_what_they_are_kept_for():
    """The checks themselves: an early poll, wrong validators, two unconditional polls within a day."""
    seen = Seen("h", "GET", "/", (), 0.0, 1, 1)
    publisher = Publisher(
        0, "e", given=('"1"', None), last_full_at=NOW, not_before_at=NOW + HOUR
    )
    assert len(publisher.check(seen, NOW + MINUTE)) == 2
    wrong = Seen("h", "GET", "/", ((b"If-None-Match", b'"2"'),), 0.0, 1, 1)
    assert len(publisher.check(wrong, NOW + 2 * HOUR)) == 1
