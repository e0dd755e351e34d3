"""The shapes of the page's pictures: bars of a window, dots of an event, sparks of a feed. Pure.

Rules: x runs over 0..1000 (thousandths of the width), so that an SVG stretches to any width; y is left to the
templates but for bars, whose heights are 0..100. What lies outside the window is drawn at its edge.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from aggregator.model import Event
from aggregator.watch.clock import ordered_sources, reported_at

_NAMELESS: Mapping[str, str] = {}
WIDTH = 1000
HEIGHT = 100
BARS = 48
"""Bars over the window: half an hour each for a day, which a phone still shows at 7 pixels."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One slice of the window: `new_height` and `joined_height` are 0..100 and stack."""

    x: float
    width: float
    new_count: int
    joined_count: int
    new_height: float
    joined_height: float
    label: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A label under the picture."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Dot:
    """One report of an event; `first` is the first of all."""

    x: float
    first: bool
    label: str


@dataclass(frozen=True, slots=True)
class Spark:
    """One poll of a feed: `kind` is new, unchanged or failed."""

    x: float
    width: float
    kind: str


def bars(
    events: Iterable[Event], *, from_at: datetime, to_at: datetime, zone: tzinfo
) -> tuple[Bar, ...]:
    """How many events began, and how many further reports came, in each slice of the window."""
    new, joined = [0] * BARS, [0] * BARS
    slices_a_second = BARS / max((to_at - from_at).total_seconds(), 1.0)
    for event in events:
        times = [reported_at(event, source) for source in event.sources] or [
            event.first_seen_at
        ]
        counts = new
        for at in sorted(times) if len(times) > 1 else times:
            if from_at <= at <= to_at:
                counts[
                    min(int((at - from_at).total_seconds() * slices_a_second), BARS - 1)
                ] += 1
            counts = joined  # all but the first
    highest = max((a + b for a, b in zip(new, joined, strict=True)), default=0) or 1
    step = (to_at - from_at) / BARS
    return tuple(
        Bar(
            x=round(index * WIDTH / BARS, 2),
            width=round(WIDTH / BARS, 2),
            new_count=new[index],
            joined_count=joined[index],
            new_height=round(new[index] * HEIGHT / highest, 2),
            joined_height=round(joined[index] * HEIGHT / highest, 2),
            label=_clock(from_at + index * step, zone),
        )
        for index in range(BARS)
    )


def marks(
    *, from_at: datetime, to_at: datetime, zone: tzinfo, most: int = 6
) -> tuple[Mark, ...]:
    """Round hours (or days) of the zone inside the window, at most `most` of them."""
    hours = (to_at - from_at) / timedelta(hours=1)
    step = next(
        (size for size in (1, 2, 3, 4, 6, 12, 24, 48, 96) if hours / size <= most), 168
    )
    local = from_at.astimezone(zone)
    start = local.replace(hour=0, minute=0, second=0, microsecond=0)
    found = []
    for index in range(int(hours / step) + 48 // step + 2):
        at = start + timedelta(hours=step * index)
        if from_at <= at <= to_at:
            text = at.strftime("%H:%M") if step < 24 else at.strftime("%m-%d")
            found.append(Mark(x=_x(at, from_at, to_at), text=text))
    return tuple(found)


def dots(
    event: Event,
    *,
    from_at: datetime,
    to_at: datetime,
    zone: tzinfo,
    names: Mapping[str, str] = _NAMELESS,
) -> tuple[Dot, ...]:
    """The reports of an event along the window, the first one last so that it is drawn on top."""
    found = []
    for place, source in enumerate(ordered_sources(event)):
        at = reported_at(event, source)
        label = f"{_clock(at, zone)} {names.get(source.feed_id) or source.feed_id}"
        found.append(Dot(x=_x(at, from_at, to_at), first=place == 0, label=label))
    return (*found[1:], *found[:1])


def sparks(history: Sequence[str], *, slots: int = 48) -> tuple[Spark, ...]:
    """The newest polls of a feed, right-aligned in `slots` places."""
    kinds = {"n": "new", "u": "unchanged", "f": "failed"}
    newest = list(history)[-slots:]
    width = WIDTH / slots
    offset = slots - len(newest)
    return tuple(
        Spark(
            x=round((offset + index) * width, 2),
            width=round(width * 0.7, 2),
            kind=kinds[letter],
        )
        for index, letter in enumerate(newest)
        if letter in kinds
    )


def _x(at: datetime, from_at: datetime, to_at: datetime) -> float:
    share = (at - from_at) / (to_at - from_at) if to_at > from_at else 0.0
    return round(min(max(share, 0.0), 1.0) * WIDTH, 2)


def _clock(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).strftime("%H:%M")
