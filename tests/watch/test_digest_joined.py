from __future__ import annotations

from datetime import timedelta

from aggregator.model import Health, Totals
from aggregator.watch.digest_joined import joined_digest

from .test_digest import END, START, event, made, state

HOUR = timedelta(hours=1)


def two_hours() -> list:
    first = made(
        [
            event("a", sources=2, independent=2),
            event("b", lang="zh-Hant", categories=("新闻",)),
        ],
        totals=Totals(
            polls={"new": 2},
            entries={"seen": 10},
            reports={"new_event": 2, "joined_event": 1},
        ),
        feeds=[state("mended", Health.FAILING, 1)],
    )
    second = made(
        [event("a", sources=5, independent=4, last=90), event("c", minutes=70)],
        window_from_at=END,
        window_to_at=END + HOUR,
        totals=Totals(
            polls={"new": 1, "failed": 3},
            entries={"seen": 5},
            reports={"new_event": 1, "joined_event": 3},
        ),
        feeds=[state("broken", Health.FAILING, 3)],
    )
    return [first, second]


def test_an_event_told_twice_stands_once_as_it_was_told_last():
    joined = joined_digest(two_hours(), from_at=START, to_at=END + HOUR, top=20)
    assert [(one.event_id, one.source_count) for one in joined.events] == [
        ("a", 5),
        ("b", 1),
        ("c", 1),
    ]
    assert joined.event_count == 3


def test_counts_are_added_and_trouble_is_that_of_the_end():
    joined = joined_digest(two_hours(), from_at=START, to_at=END + HOUR, top=1)
    assert joined.totals.polls == {"new": 3, "failed": 3}
    assert joined.totals.entries == {"seen": 15}
    assert joined.saved_count == 4
    assert [feed.feed_id for feed in joined.trouble] == ["broken"]
    assert len(joined.events) == 1


def test_under_a_filter_only_its_events_and_their_repeats_count():
    joined = joined_digest(
        two_hours(), from_at=START, to_at=END + HOUR, top=20, language="zh"
    )
    assert [one.event_id for one in joined.events] == ["b"]
    assert joined.saved_count == 0
    assert (
        joined_digest(
            two_hours(), from_at=START, to_at=END + HOUR, top=20, category="News"
        ).saved_count
        == 4
    )


def test_the_window_is_no_wider_than_what_was_told():
    joined = joined_digest(
        two_hours(), from_at=START - 5 * HOUR, to_at=END + 9 * HOUR, top=20
    )
    assert (joined.window_from_at, joined.window_to_at) == (START, END + HOUR)
