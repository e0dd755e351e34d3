"""What only a program that knows events can count: who reports when, who is first, who copies whom. Pure.

Rules: counts are of the reports told in the window (`Verdict`); an edit is no report. Who is first is counted of events
with more than one report, because to be alone is not to be ahead. A copy is counted against the first report of its
event, which it may have through others.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from aggregator.model import Event, Kind, Verdict
from aggregator.watch.clock import ordered_sources, reported_at

COLUMNS = 48
MOST_FEEDS = 25
MOST_PAIRS = 15
COPY = "copy"


@dataclass(frozen=True, slots=True)
class FeedHours:
    """One line of sources × time: `counts` holds COLUMNS numbers, `shares` the same from 0 to 4, the darkest."""

    feed_id: str
    counts: tuple[int, ...]
    shares: tuple[int, ...]
    total_count: int

    @property
    def cells(self) -> tuple[tuple[int, int], ...]:
        """(column, share) of each."""
        return tuple(enumerate(self.shares))


@dataclass(frozen=True, slots=True)
class Leader:
    """How often a feed was first, of how many events it took part in, and by how much at the median."""

    feed_id: str
    first_count: int
    event_count: int
    ahead: timedelta


@dataclass(frozen=True, slots=True)
class Pair:
    """`copier` repeated the text of an event that `origin` had first."""

    copier: str
    origin: str
    count: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """Everything the page of statistics shows."""

    report_count: int
    event_count: int
    feeds: tuple[FeedHours, ...]
    leaders: tuple[Leader, ...]
    pairs: tuple[Pair, ...]
    languages: tuple[tuple[str, int], ...]

    @property
    def saved_count(self) -> int:
        """Reports of what another report had told."""
        return self.report_count - self.event_count


def statistics(
    verdicts: Iterable[Verdict],
    events: Sequence[Event],
    *,
    from_at: datetime,
    to_at: datetime,
) -> Statistics:
    """The statistics of the reports in [from_at, to_at]; `events` are those they were given to."""
    kinds = (Kind.NEW, Kind.JOINED)
    reports = [verdict for verdict in verdicts if verdict.kind in kinds]
    languages = Counter(report.lang.partition("-")[0] for report in reports)
    return Statistics(
        report_count=len(reports),
        # Events may be read a moment later than reports, and then be more than these.
        event_count=min(len(events), len(reports)),
        feeds=_feed_hours(reports, from_at, to_at),
        leaders=_leaders(events),
        pairs=_pairs(
            reports,
            {event.event_id: event for event in events},
        ),
        languages=tuple(languages.most_common()),
    )


def _feed_hours(
    reports: Iterable[Verdict], from_at: datetime, to_at: datetime
) -> tuple[FeedHours, ...]:
    length = (to_at - from_at) or timedelta(seconds=1)
    counts: dict[str, list[int]] = defaultdict(lambda: [0] * COLUMNS)
    for verdict in reports:
        # An older one came late, by a feed that was just added.
        if verdict.reported_at < from_at:
            continue
        share = (verdict.reported_at - from_at) / length
        column = min(int(share * COLUMNS), COLUMNS - 1)
        counts[verdict.feed_id][column] += 1
    ordered = sorted(
        counts.items(),
        key=lambda pair: (-sum(pair[1]), pair[0]),
    )
    busiest = ordered[:MOST_FEEDS]
    highest = max((max(row) for _, row in busiest), default=1)
    hours: list[FeedHours] = []
    for feed_id, row in busiest:
        shares = tuple(_share(count, highest) for count in row)
        hours.append(
            FeedHours(
                feed_id,
                tuple(row),
                shares,
                sum(row),
            )
        )
    return tuple(hours)


def _share(count: int, highest: int) -> int:
    """0 for nothing, else 1 to 4 by the square root, so that a busy feed does not make all others pale."""
    if not count:
        return 0
    root = (count / highest) ** 0.5
    return min(1 + int(3.999 * root), 4)


def _leaders(events: Iterable[Event]) -> tuple[Leader, ...]:
    part: Counter[str] = Counter()
    ahead: dict[str, list[timedelta]] = defaultdict(list)
    for event in events:
        # To be alone is not to be ahead.
        if event.source_count < 2:
            continue
        part.update({source.feed_id for source in event.sources})
        first, *others = ordered_sources(event)
        # A feed is not ahead of itself, when it tells an event on.
        rivals = [source for source in others if source.feed_id != first.feed_id]
        later = [reported_at(event, source) for source in rivals]
        if later:
            ahead[first.feed_id].append(
                min(later)
                - reported_at(
                    event,
                    first,
                )
            )
    leaders: list[Leader] = []
    for feed_id, spans in ahead.items():
        leader = Leader(
            feed_id,
            len(spans),
            part[feed_id],
            _median(spans),
        )
        leaders.append(leader)
    leaders.sort(key=lambda leader: (-leader.first_count, leader.feed_id))
    return tuple(leaders[:MOST_PAIRS])


def _median(spans: Iterable[timedelta]) -> timedelta:
    return timedelta(seconds=median(span.total_seconds() for span in spans))


def _pairs(
    reports: Iterable[Verdict],
    events: Mapping[str, Event],
) -> tuple[Pair, ...]:
    counts: Counter[tuple[str, str]] = Counter()
    for verdict in reports:
        if verdict.reason != COPY:
            continue
        event = events.get(verdict.event_id)
        if event is None or not event.sources:
            continue
        origin = ordered_sources(event)[0].feed_id
        # A feed that repeats its own words copies nobody.
        if origin != verdict.feed_id:
            counts[verdict.feed_id, origin] += 1
    commonest = counts.most_common(MOST_PAIRS)
    return tuple(Pair(copier, origin, count) for (copier, origin), count in commonest)
