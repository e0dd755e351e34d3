"""What a reader asks to see: the filter that the page, the feeds of events and the API share. Pure.

Rules: one spelling of every filter (`lang`, `category`, `min_sources`, `words`, `since`), whoever asks. A page takes
what it does not understand as not asked; for programs that is an error that says what to write (`strict`).
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from urllib.parse import urlencode

from aggregator import mentions
from aggregator.model import Event
from aggregator.watch.clock import newest_at, reported_first_at

WINDOWS = (6, 24, 72, 168)
"""The windows a page offers, in hours."""
ORDERS = ("top", "newest")
PLAIN_HOURS = 24
MOST_PAGES = 10_000
MOST_SOURCES = 10_000
MOST_MEANT = 10
"""Events found by meaning alone: below these are chance. A guess."""
_UNITS = {
    "s": 1,
    "m": 60,
    "h": 3600,
    "d": 86_400,
    "w": 604_800,
}
_LONGEST_SPAN = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Choice:
    """What the reader asked to see. `since` is as written, and stronger than `hours`."""

    language: str = ""
    category: str = ""
    words: str = ""
    hours: int = PLAIN_HOURS
    order: str = "top"
    min_sources: int = 1
    since: str = ""
    page: int = 1
    meaning: bool = False
    """What means the same as the words is asked for, too."""

    def query(self, **changed: str | int) -> str:
        """The query string of this choice with some of it changed; '' when nothing is chosen."""
        asked = _parameters(replace(self, **changed))  # type: ignore[arg-type]  # the names are the fields'
        plain = _parameters(_PLAIN)
        chosen = {key: value for key, value in asked.items() if value != plain[key]}
        if not chosen:
            return ""
        return f"?{urlencode(chosen)}"

    def feed_query(self) -> str:
        """The query string of the feed of this choice: its filter, without what is only the page's."""
        plain = replace(
            self,
            hours=PLAIN_HOURS,
            order=_PLAIN.order,
            page=1,
        )
        return replace(plain, meaning=False).query()

    def from_at(self, now: datetime) -> datetime:
        """Where the window begins."""
        if self.since:
            return since_at(self.since, now)
        return now - timedelta(hours=self.hours)


_PLAIN = Choice()


def _parameters(choice: Choice) -> dict[str, str | int]:
    return {
        "lang": choice.language,
        "category": choice.category,
        "words": choice.words,
        "min_sources": choice.min_sources,
        "hours": choice.hours,
        "since": choice.since,
        "order": choice.order,
        "page": choice.page,
        "meaning": "yes" if choice.meaning else "",
    }


def choice_of(
    query: Mapping[str, str], *, now: datetime, hours: int = PLAIN_HOURS
) -> Choice:
    """The choice in GET parameters of a page; what is not understood counts as not asked."""
    order = query.get("order", "")
    min_sources = query.get("min_sources", "")
    return Choice(
        language=query.get("lang", "").strip()[:35],
        category=query.get("category", "").strip()[:200],
        words=words_of(query),
        hours=number_of(query.get("hours", ""), allowed=WINDOWS) or hours,
        order=order if order in ORDERS else "top",
        min_sources=number_of(min_sources, allowed=range(1, MOST_SOURCES)) or 1,
        since=_since_of(query.get("since", ""), now),
        page=page_of(query),
        meaning=query.get("meaning", "") in ("yes", "true", "on", "1"),
    )


def words_of(query: Mapping[str, str]) -> str:
    """The words that are looked for; `q` is what browsers and people try first."""
    words = query.get("words") or query.get("q", "")
    return words.strip()[:200]


def page_of(query: Mapping[str, str]) -> int:
    """The page of a list that is asked for, from 1."""
    return number_of(query.get("page", ""), allowed=range(1, MOST_PAGES)) or 1


def number_of(
    text: str,
    *,
    allowed: Iterable[int],
) -> int | None:
    """The whole number when it is one of the allowed, else None."""
    # isdecimal alone takes the digits of every script; longer texts are no page anybody has.
    if not (text.isascii() and text.isdecimal() and len(text) < 7):
        return None
    number = int(text)
    return number if number in allowed else None


def _since_of(text: str, now: datetime) -> str:
    text = text.strip()[:40]
    try:
        since_at(text, now)
    except ValueError:
        return ""
    return text


def since_at(text: str, now: datetime) -> datetime:
    """The moment of `24h`, `7d`, `2026-11-22` or `2026-11-22T09:00:00Z` (UTC where no zone is said).

    Raises ValueError, which says what to write.
    """
    span = re.fullmatch(r"(\d{1,9})([smhdw])", text, re.ASCII)
    if span:
        number, unit = span.groups()
        length = timedelta(seconds=int(number) * _UNITS[unit])
        return now - min(length, _LONGEST_SPAN)
    try:
        # In a query string `+01:00` arrives as ` 01:00`.
        at = datetime.fromisoformat(re.sub(r" (?=\d\d:?\d\d$)", "+", text))
        if at.tzinfo is None:
            return at.replace(tzinfo=UTC)
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            'write since as "24h", "7d", "2026-11-22" or "2026-11-22T09:00:00Z"'
        ) from None


def is_chosen(event: Event, choice: Choice) -> bool:
    """Whether the event passes the reader's filter, but for its time. Of many events `searching` finds the words."""
    if not passes(event, choice):
        return False
    if not choice.words:
        return True
    return mentions.all_of(
        mentions.split(choice.words),
        report_of(event),
    )


def passes(event: Event, choice: Choice) -> bool:
    """Whether the event passes the reader's filter, but for its time and the words."""
    if choice.language and not speaks(event.lang, choice.language):
        return False
    if choice.category and choice.category not in event.categories:
        return False
    return event.independent_count >= choice.min_sources


def chosen_of(
    events: Iterable[Event],
    choice: Choice,
    found: Collection[str] | None,
) -> list[Event]:
    """The events that pass the filter; `found` are the ids of those that hold its words, None: it has no words."""
    chosen = list(events)
    if choice.language or choice.category or choice.min_sources > 1:
        chosen = [event for event in chosen if passes(event, choice)]
    if found is None:
        return chosen
    return [event for event in chosen if event.event_id in found]


def meant_of(
    events: Iterable[Event],
    choice: Choice,
    likeness: Mapping[str, float],
    found: Collection[str],
) -> list[tuple[Event, float]]:
    """The nearest events by meaning with their likeness, of those that pass the filter and are not among `found`,
    which hold the words; the nearest first, at most `MOST_MEANT`."""
    near: list[tuple[Event, float]] = []
    for event in events:
        event_id = event.event_id
        if event_id in likeness and event_id not in found and passes(event, choice):
            near.append((event, likeness[event_id]))
    near.sort(key=lambda hit: (-hit[1], hit[0].event_id))
    return near[:MOST_MEANT]


def report_of(event: Event) -> mentions.Report:
    """What words are looked for in: the titles and the lead of an event."""
    titles = (source.title for source in event.sources)
    # A phrase does not reach from one title to the next.
    told = " | ".join((event.lead, *titles))
    return mentions.Report(event.title, told, event.lang)


def speaks(lang: str, wanted: str) -> bool:
    """`zh` takes every kind of Chinese, `zh-TW` only its own (RFC 4647 basic filtering)."""
    return f"{lang.lower()}-".startswith(f"{wanted.lower()}-")


def first_of(
    events: Sequence[Event],
    order: str,
    count: int,
) -> list[Event]:
    """The first `count` events in this order. A page shows fifty of twenty thousand: most are left out unread."""
    if 0 < count < len(events):
        if order == "top":
            events = _with_most_sources(events, count)
        elif order == "newest":
            events = _with_newest_reports(events, count)
    return heapq.nsmallest(count, events, key=order_of(order))


def _with_most_sources(events: Sequence[Event], count: int) -> list[Event]:
    """Those that may be among the first `count` by sources: most of a day's events have one."""
    counts = sorted(map(attrgetter("independent_count"), events), reverse=True)
    least = counts[count - 1]
    return [event for event in events if event.independent_count >= least]


def _with_newest_reports(events: Sequence[Event], count: int) -> list[Event]:
    """Those that may be among the first `count` by date: no report is dated later than its event was last seen."""
    by_seen = sorted(events, key=attrgetter("last_seen_at"), reverse=True)
    newest: list[datetime] = []
    for place, event in enumerate(by_seen):
        if place >= count and event.last_seen_at < newest[0]:
            return by_seen[:place]
        # A heap of the `count` newest dates, the oldest of them in front.
        if place < count:
            heapq.heappush(newest, newest_at(event))
        else:
            heapq.heappushpop(newest, newest_at(event))
    return by_seen


def order_of(name: str) -> Callable[[Event], tuple[float | str, ...]]:
    """The sort key of an order: `top` by independent sources, `newest` by the newest report, `seen` by what came last:
    the order in which a program that asks again misses nothing, however late a publisher's date."""
    if name == "seen":
        return lambda event: (-event.last_seen_at.timestamp(), event.event_id)
    if name == "newest":
        return lambda event: (
            -newest_at(event).timestamp(),
            -event.independent_count,
            event.event_id,
        )
    return lambda event: (
        -event.independent_count,
        -event.source_count,
        -newest_at(event).timestamp(),
        -reported_first_at(event).timestamp(),
        event.event_id,
    )
