"""Who was first, by one clock; and what the statistics count."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import Kind
from aggregator.watch.clock import (
    newest_at,
    ordered_sources,
    reported_at,
    reported_first_at,
    spread_of,
)
from aggregator.watch.statistics import COLUMNS, statistics
from aggregator.watch.told import parts_of, reports_of

from .sample import NOW, REPORTED, event_of_telling, messages_of, verdict_of

EVENTS = [event_of_telling(telling) for telling in REPORTED]
MESSAGES = [messages_of(telling) for telling in REPORTED]
LUNAR = EVENTS[0]
FROM = NOW - timedelta(hours=24)
VERDICTS = [verdict_of(message) for messages in MESSAGES for message in messages]


# --- one clock ------------------------------------------------------------------------------------------------


def test_first_is_what_was_published_first_whichever_was_seen_first():
    early, late = LUNAR.sources[1], LUNAR.sources[0]
    event = replace(
        LUNAR,
        sources=(replace(late, published_at=NOW), early),
        first_seen_at=NOW,
        last_seen_at=NOW,
    )
    assert [source.feed_id for source in ordered_sources(event)] == [
        early.feed_id,
        late.feed_id,
    ]
    assert reported_first_at(event) == early.published_at
    assert spread_of(event) == NOW - early.published_at


def test_a_date_in_the_future_counts_as_when_it_was_seen():
    source = replace(LUNAR.sources[0], published_at=NOW + timedelta(days=9))
    event = replace(LUNAR, sources=(source,), last_seen_at=NOW)
    assert reported_at(event, source) == NOW == newest_at(event)


def test_an_undated_report_has_the_time_of_its_event():
    first, other = (replace(source, published_at=None) for source in LUNAR.sources[:2])
    event = replace(LUNAR, sources=(first, other))
    assert reported_at(event, first) == LUNAR.first_seen_at
    assert reported_at(event, other) == LUNAR.last_seen_at


@given(st.lists(st.none() | st.integers(-5000, 5000), min_size=1, max_size=7))
def test_an_event_runs_from_its_first_to_its_newest_report(minutes):
    sources = tuple(
        replace(
            source,
            published_at=None if shift is None else NOW + timedelta(minutes=shift),
        )
        for source, shift in zip(LUNAR.sources, minutes, strict=False)
    )
    event = replace(LUNAR, sources=sources, last_seen_at=NOW)
    assert reported_first_at(event) <= newest_at(event) <= NOW
    assert spread_of(event) >= timedelta(0)


# --- an event's page ------------------------------------------------------------------------------------------


def test_the_parts_of_an_event_are_told():
    parts = parts_of(reports_of(LUNAR, MESSAGES[0]))
    assert parts.first is not None
    assert parts.first.feed_id == "orbit-weekly"
    assert [report.feed_id for report, _ in parts.independent] == [
        "science-desk",
        "northern-post",
        "harbour-times",
        "city-radio",
    ]
    assert parts.independent[0][1] == timedelta(minutes=35)
    assert [report.feed_id for report in parts.copies] == ["wire-copy"]


def test_an_earlier_report_that_came_later_is_the_first():
    new, joined, *_ = MESSAGES[0]
    early = replace(joined, published_at=new.published_at - timedelta(hours=1))
    first, second = reports_of(LUNAR, [new, early])
    assert (first.feed_id, first.role, first.score) == (joined.feed_id, "first", None)
    assert (second.feed_id, second.role, second.reason) == (
        new.feed_id,
        "independent",
        "new",
    )


def test_an_edit_is_no_report_of_its_own():
    edit = replace(
        MESSAGES[0][0], kind=Kind.EDITED, published_at=NOW, first_seen_at=NOW
    )
    lines = reports_of(LUNAR, [*MESSAGES[0], edit])
    assert [line.role for line in lines].count("edited") == 1
    assert parts_of(lines) == parts_of(reports_of(LUNAR, MESSAGES[0]))


def test_where_no_message_is_kept_the_event_itself_tells():
    lines = reports_of(LUNAR, [])
    assert [line.feed_id for line in lines] == [
        source.feed_id for source in LUNAR.sources
    ]
    assert lines[0].role == "first"
    assert {line.role for line in lines[1:]} == {""}


# --- statistics -----------------------------------------------------------------------------------------------


def test_statistics_count_reports_firsts_copies_and_languages():
    found = statistics(VERDICTS, EVENTS, from_at=FROM, to_at=NOW)
    assert (found.report_count, found.event_count, found.saved_count) == (26, 10, 16)
    assert sum(row.total_count for row in found.feeds) == 26
    assert all(len(row.counts) == len(row.shares) == COLUMNS for row in found.feeds)
    assert max(share for row in found.feeds for share in row.shares) == 4
    pairs = {(pair.copier, pair.origin): pair.count for pair in found.pairs}
    assert pairs == {
        ("wire-copy", "orbit-weekly"): 1,
        ("zhuanzai-wang", "binhai-ribao"): 1,
    }
    leaders = {leader.feed_id: leader for leader in found.leaders}
    assert (
        leaders["orbit-weekly"].first_count == leaders["orbit-weekly"].event_count == 1
    )
    assert leaders["orbit-weekly"].ahead == timedelta(minutes=35)
    assert "nordkurier" not in leaders, "to be alone is not to be ahead"
    assert dict(found.languages) == {"en": 15, "zh": 9, "ja": 1, "de": 1}


def test_an_edit_and_an_old_date_are_left_out_of_the_grid():
    edit = replace(VERDICTS[0], kind=Kind.EDITED)
    old = replace(VERDICTS[1], reported_at=FROM - timedelta(days=3))
    found = statistics([edit, old], [LUNAR], from_at=FROM, to_at=NOW)
    assert found.report_count == 1
    assert found.feeds == ()


def test_no_reports_are_no_statistics():
    found = statistics([], EVENTS, from_at=FROM, to_at=NOW)
    assert (found.report_count, found.event_count, found.saved_count, found.feeds) == (
        0,
        0,
        0,
        (),
    )
