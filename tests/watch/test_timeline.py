from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import Source
from aggregator.watch import timeline

from .sample import NOW, REPORTED, event_of_telling

FROM = NOW - timedelta(hours=24)
EVENTS = [event_of_telling(telling) for telling in REPORTED]


def test_every_report_inside_the_window_is_in_one_bar():
    bars = timeline.bars(EVENTS, from_at=FROM, to_at=NOW, zone=UTC)
    assert len(bars) == timeline.BARS
    assert sum(bar.new_count for bar in bars) == len(EVENTS)
    assert sum(bar.joined_count for bar in bars) == sum(
        event.source_count - 1 for event in EVENTS
    )


def test_the_highest_bar_fills_the_height_and_none_exceeds_it():
    heights = [
        bar.new_height + bar.joined_height
        for bar in timeline.bars(EVENTS, from_at=FROM, to_at=NOW, zone=UTC)
    ]
    assert max(heights) == pytest.approx(100)
    assert min(heights) == 0


def test_a_bar_stands_where_its_time_is():
    late = replace(
        EVENTS[0],
        last_seen_at=NOW,
        sources=(
            replace(EVENTS[0].sources[0], published_at=NOW - timedelta(minutes=1)),
        ),
    )
    (bar,) = [
        bar
        for bar in timeline.bars([late], from_at=FROM, to_at=NOW, zone=UTC)
        if bar.new_count
    ]
    assert bar.x + bar.width == pytest.approx(1000, abs=0.1)


def test_an_empty_window_has_empty_bars():
    assert all(
        bar.new_height == 0
        for bar in timeline.bars([], from_at=FROM, to_at=NOW, zone=UTC)
    )


@pytest.mark.parametrize("hours", [1, 6, 24, 72, 168])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "Asia/Kathmandu"])
def test_marks_stand_on_round_hours_of_the_zone(hours, zone):
    marks = timeline.marks(
        from_at=NOW - timedelta(hours=hours), to_at=NOW, zone=ZoneInfo(zone)
    )
    assert 1 <= len(marks) <= 7
    assert all(mark.text.endswith(":00") or "-" in mark.text for mark in marks)
    places = [mark.x for mark in marks]
    assert places == sorted(places)
    assert all(0 <= place <= 1000 for place in places)


def test_the_first_report_is_drawn_last_and_named():
    dots = timeline.dots(EVENTS[0], from_at=FROM, to_at=NOW, zone=UTC)
    assert [dot.first for dot in dots] == [False] * 6 + [True]
    assert dots[-1].label == "23:40 orbit-weekly"
    assert dots[-1].x == min(dot.x for dot in dots)


@given(
    st.datetimes(
        timezones=st.just(UTC),
        min_value=datetime(1990, 1, 1),
        max_value=datetime(2090, 1, 1),
    )
)
def test_what_lies_outside_the_window_is_drawn_at_its_edge(at):
    event = replace(
        EVENTS[0],
        first_seen_at=at,
        sources=(Source("f", "e", "", "t", at), Source("g", "h", "", "t", at)),
    )
    assert all(
        0 <= dot.x <= 1000
        for dot in timeline.dots(event, from_at=FROM, to_at=NOW, zone=UTC)
    )


def test_sparks_are_the_newest_polls_at_the_right():
    sparks = timeline.sparks(("f",) * 60 + ("n", "u"))
    assert len(sparks) == 48
    assert [spark.kind for spark in sparks[-3:]] == ["failed", "new", "unchanged"]
    (only,) = timeline.sparks(("n",))
    assert only.x == pytest.approx(1000 * 47 / 48, abs=0.01)


def test_an_unknown_letter_leaves_a_gap():
    assert [spark.kind for spark in timeline.sparks(("n", "?", "u"))] == [
        "new",
        "unchanged",
    ]
