"""Records for the schedule tests: answers, readings, and a feed lived through poll by poll."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aggregator.model import (
    Caching,
    FailureKind,
    Feed,
    FeedHints,
    FeedRead,
    Fetched,
    FetchFailed,
    FetchResult,
    IdentityRule,
    NotModified,
    Poll,
    PollState,
    ReadResult,
    Redirect,
    Validators,
)
from aggregator.schedule.request import first_state
from aggregator.schedule.result import after_poll

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
URL = "https://news.example/feed"
FEED = Feed("f", URL)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def fetched(body: bytes = b"x", *, url: str = URL, **more: Any) -> Fetched:
    fields: dict[str, Any] = {
        "content_type": None,
        "validators": Validators('"1"', None, url),
        "caching": Caching(),
    }
    return Fetched(url, more.pop("status", 200), body, **(fields | more))


def not_modified(*, caching: Caching = Caching(), **more: Any) -> NotModified:  # noqa: B008  frozen
    return NotModified(URL, more.pop("validators", Validators()), caching, **more)


def failure(
    kind: FailureKind = FailureKind.HTTP_STATUS,
    *,
    status: int | None = 500,
    **more: Any,
) -> FetchFailed:
    return FetchFailed(more.pop("url", URL), kind, "it failed", status=status, **more)


def throttled(
    retry_after: timedelta | None, *, status: int = 429, **more: Any
) -> FetchFailed:
    return failure(
        FailureKind.THROTTLED,
        status=status,
        caching=Caching(retry_after=retry_after),
        **more,
    )


def reading(
    new: int = 0,
    *,
    seen: int = 0,
    edited: int = 0,
    hints: FeedHints = FeedHints(),  # noqa: B008 (frozen)
    **more: Any,
) -> FeedRead:
    outcomes = {"new": new, "edited": edited, "seen": seen, "rejected": 0}
    fields: dict[str, Any] = {
        "title": "News",
        "language": "en",
        "encoding": "utf-8",
        "version": "rss20",
    }
    fields |= {"identity": IdentityRule(), "entries": (), "known": {}, "reasons": {}}
    return FeedRead(hints=hints, outcomes=outcomes, **(fields | more))


def redirect(url: str, status: int = 301) -> tuple[Redirect, ...]:
    return (Redirect(status, url),)


@dataclass
class Life:
    """One feed and its clock: each `poll` happens when the feed is due, or `after` a span."""

    feed: Feed = FEED
    now: datetime = NOW
    state: PollState = field(default=None)  # type: ignore[assignment]
    last: Poll | None = None

    def __post_init__(self) -> None:
        if self.state is None:
            self.state = first_state(self.feed, now=self.now)

    def poll(
        self,
        result: FetchResult,
        read: ReadResult | None = None,
        *,
        after: timedelta | None = None,
        **more: Any,
    ) -> Poll:
        self.now = (
            max(self.now, self.state.next_poll_at)
            if after is None
            else self.now + after
        )
        self.last = after_poll(
            self.feed, self.state, result, read, now=self.now, **more
        )
        self.state = self.last.state
        return self.last

    def lived(self) -> Life:
        """The feed after a first good poll."""
        self.poll(fetched(), reading(3))
        return self

    @property
    def gap(self) -> timedelta:
        return self.state.next_poll_at - self.now

    @property
    def kinds(self) -> list[str]:
        return (
            [] if self.last is None else [notice.kind for notice in self.last.notices]
        )
