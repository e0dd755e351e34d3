"""The shapes of the page's pictures: bars of a window, dots of an event, sparks of a feed. Pure.

Rules: x runs over 0..1000 (thousandths of the width), so that an SVG stretches to any width; y is left to the
templates but for bars, whose heights are 0..100. What lies outside the window is drawn at its edge.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from aggregator.model import Event
from aggregator.watch.clock import ordered_sources, reported_at, times_of

_NAMELESS: Mapping[str, str] = {}
DAY_SECONDS = 86_400
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
    new = [0] * BARS
    joined = [0] * BARS
    slices_a_second = BARS / max((to_at - from_at).total_seconds(), 1.0)
    for event in events:
        counts = new
        times = times_of(event)
        times.sort()
        for at in times or (event.first_seen_at,):
            if from_at <= at <= to_at:
                # Of each report of a day: to divide the difference takes four times as long.
                since = at - from_at
                seconds = since.days * DAY_SECONDS + since.seconds
                counts[min(int(seconds * slices_a_second), BARS - 1)] += 1
            # All but the first.
            counts = joined
    # An empty day has no bar to measure the others by.
    highest = max(map(operator.add, new, joined)) or 1
    step = (to_at - from_at) / BARS
    drawn: list[Bar] = []
    for index in range(BARS):
        bar = Bar(
            x=round(index * WIDTH / BARS, 2),
            width=round(WIDTH / BARS, 2),
            new_count=new[index],
            joined_count=joined[index],
            new_height=round(new[index] * HEIGHT / highest, 2),
            joined_height=round(joined[index] * HEIGHT / highest, 2),
            label=_clock(from_at + index * step, zone),
        )
        drawn.append(bar)
    return tuple(drawn)


def marks(
    *, from_at: datetime, to_at: datetime, zone: tzinfo, most: int = 6
) -> tuple[Mark, ...]:
    """Round hours (or days) of the zone inside the window, at most `most` of them."""
    hours = (to_at - from_at) / timedelta(hours=1)
    fitting = (step for step in _STEPS if hours / step <= most)
    step = next(fitting, _WEEK)
    form = "%H:%M" if step < 24 else "%m-%d"
    local = from_at.astimezone(zone)
    # From midnight on, so that marks stand at round hours.
    start = local.replace(
        hour=0,
        minute=0,
        second=0,
        microsecond=0,
    )
    drawn: list[Mark] = []
    for index in range(int(hours / step) + 48 // step + 2):
        at = start + timedelta(hours=step * index)
        if from_at <= at <= to_at:
            drawn.append(
                Mark(
                    x=_x(at, from_at, to_at),
                    text=at.strftime(form),
                )
            )
    return tuple(drawn)


_STEPS = (1, 2, 3, 4, 6, 12, 24, 48, 96)
_WEEK = 168


def dots(
    event: Event,
    *,
    from_at: datetime,
    to_at: datetime,
    zone: tzinfo,
    names: Mapping[str, str] = _NAMELESS,
) -> tuple[Dot, ...]:
    """The reports of an event along the window, the first one last so that it is drawn on top."""
    drawn: list[Dot] = []
    for place, source in enumerate(ordered_sources(event)):
        at = reported_at(event, source)
        name = names.get(source.feed_id) or source.feed_id
        label = f"{_clock(at, zone)} {name}"
        drawn.append(
            Dot(
                x=_x(at, from_at, to_at),
                first=place == 0,
                label=label,
            )
        )
    # SVG has no other order than that of drawing.
    return (*drawn[1:], *drawn[:1])


def sparks(
    history: Sequence[str],
    *,
    slots: int = 48,
) -> tuple[Spark, ...]:
    """The newest polls of a feed, right-aligned in `slots` places."""
    kinds = {"n": "new", "u": "unchanged", "f": "failed"}
    newest = list(history)[-slots:]
    width = WIDTH / slots
    drawn: list[Spark] = []
    for place, letter in enumerate(newest, slots - len(newest)):
        kind = kinds.get(letter)
        # A later version may know other letters.
        if kind is not None:
            x = round(place * width, 2)
            drawn.append(
                Spark(
                    x=x,
                    width=round(width * 0.7, 2),
                    kind=kind,
                )
            )
    return tuple(drawn)


def _x(
    at: datetime,
    from_at: datetime,
    to_at: datetime,
) -> float:
    if to_at <= from_at:
        return 0.0
    share = (at - from_at) / (to_at - from_at)
    # A report of before the window, or of a clock that is ahead, stands at the border.
    return round(min(max(share, 0.0), 1.0) * WIDTH, 2)


def _clock(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).strftime("%H:%M")
