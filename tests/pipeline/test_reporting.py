"""From an entry and its assignment to what consumers are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import Assignment, DateSource, Entry, Event, Kind, Match, Queue
from aggregator.pipeline.reporting import (
    SOURCES_KEPT,
    Reported,
    event_id_of,
    matches,
    reported,
    revised,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def entry(name: str = "a", **changes: object) -> Entry:
    base = Entry(
        entry_id=f"{name}-id", feed_id=f"{name}-feed", revision=0, identity_key=name, guid=name,
        url=f"https://{name}.example/1", canonical_url=f"https://{name}.example/1", title=f"Title {name}", lang="en",
        author="", categories=("News", name, "World"), tags=(), published_at=NOW, matched_at=NOW, published_raw="",
        date_source=DateSource.FEED, first_seen_at=NOW, content_hash="", text="A quake hit the coast", document="doc",
        site=f"{name}.example",
    )  # fmt: skip
    return replace(base, **changes)


def told(
    one: Entry,
    assignment: Assignment | None = None,
    *,
    events: tuple[Event, ...] = (),
    queues: tuple[Queue, ...] = (),
) -> Reported:
    answer = assignment or Assignment(one.entry_id, None, 1.0, "new")
    return reported(
        one,
        answer,
        stream_id="1-0",
        packed=b"p",
        events={e.event_id: e for e in events},
        queues=queues,
    )


def joined(one: Entry, event: Event, **facts: object) -> Assignment:
    return Assignment(one.entry_id, event.event_id, 0.9, "similar", **facts)


def test_a_first_report_begins_an_event_whose_id_follows_from_it():
    one = told(entry())
    [message] = one.publication.messages
    assert (message.kind, message.event_id) == (Kind.NEW, event_id_of("a-id"))
    assert (one.event.source_count, one.event.independent_count) == (1, 1)
    assert one.publication.record is not None
    assert one.publication.record.packed == b"p"


def test_telling_the_same_thing_twice_gives_the_same_publication():
    assert told(entry()) == told(entry())


def test_a_joined_report_grows_its_event_and_counts_independent_publishers_once():
    event = told(entry("a")).event
    second = told(entry("b"), joined(entry("b"), event), events=(event,))
    third = told(
        entry("c", site="b.example"), joined(entry("c"), event), events=(second.event,)
    )
    assert second.publication.messages[0].kind is Kind.JOINED
    assert [s.feed_id for s in third.event.sources] == ["a-feed", "b-feed", "c-feed"]
    assert (third.event.source_count, third.event.independent_count) == (3, 2)


def test_a_feed_is_one_source_whatever_hosts_its_links_claim():
    event = told(entry("a", publisher="evil.example")).event
    for name in ("b", "c", "d"):
        one = entry(name, publisher="evil.example", feed_id="a-feed")
        event = told(one, joined(one, event), events=(event,)).event
    assert (event.source_count, event.independent_count) == (4, 1)
    own = entry("b", publisher="b.example")
    assert (
        told(own, joined(own, event), events=(event,)).event.independent_count == 2
    ), "no claim takes b's own vote"


def test_a_claimed_link_lowers_the_count():
    event = told(entry("a", publisher="a.example")).event
    copied = entry("b", publisher="b.example", site="a.example")
    assert (
        told(copied, joined(copied, event), events=(event,)).event.independent_count
        == 1
    )


def test_one_hostile_feed_does_not_fire_a_queue_that_waits_for_three_sources():
    queues = (Queue("q", min_sources=3),)
    event = told(entry("a", publisher="evil.example"), queues=queues).event
    queued = []
    for name in ("b", "c", "d", "e"):
        one = entry(name, publisher="evil.example")
        answer = told(one, joined(one, event), events=(event,), queues=queues)
        event, queued = answer.event, [*queued, *answer.publication.queued]
    assert queued == []


def test_a_wire_copy_is_a_source_but_no_independent_one():
    event = told(entry("a")).event
    copy = told(entry("b"), joined(entry("b"), event, is_copy=True), events=(event,))
    assert (copy.event.source_count, copy.event.independent_count) == (2, 1)


def test_the_record_keeps_the_first_report_and_the_newest():
    event = told(entry("a")).event
    for n in range(70):
        one = entry(f"s{n}")
        event = told(one, joined(one, event), events=(event,)).event
    assert len(event.sources) == SOURCES_KEPT
    assert (
        event.sources[0].entry_id,
        event.sources[1].entry_id,
        event.sources[-1].entry_id,
    ) == (
        "a-id",
        "s21-id",
        "s69-id",
    )
    assert event.source_count == 71


def test_an_edit_stays_in_its_event_and_renews_its_title():
    event = told(entry("a")).event
    edit = revised(
        entry("a", revision=1, title="Mended"),
        event.event_id,
        stream_id="2-0",
        events={event.event_id: event},
        queues=(),
    )
    assert edit.publication.messages[0].kind is Kind.EDITED
    assert edit.event.title == "Mended"
    assert edit.event.sources[0].title == "Mended"
    assert edit.publication.record is None


def test_a_merge_is_told_once_and_leaves_an_alias():
    first, second = told(entry("a")).event, told(entry("b")).event
    one = entry("c")
    result = told(
        one, joined(one, first, absorbs=(second.event_id,)), events=(first, second)
    )
    report, merge = result.publication.messages
    assert (report.kind, merge.kind) == (Kind.JOINED, Kind.MERGED)
    assert (merge.merged_into, merge.merged_from) == (first.event_id, second.event_id)
    assert [e.merged_into for e in result.publication.events] == ["", first.event_id]
    assert (result.event.source_count, result.event.independent_count) == (3, 3)
    assert result.publication.record is not None
    assert result.publication.record.absorbs == (second.event_id,)


def test_an_event_queue_waits_for_enough_sources_and_is_served_once():
    queue = Queue("big", min_sources=2)
    first = told(entry("a"), queues=(queue,))
    second = told(
        entry("b"),
        joined(entry("b"), first.event),
        events=(first.event,),
        queues=(queue,),
    )
    third = told(
        entry("c"),
        joined(entry("c"), first.event),
        events=(second.event,),
        queues=(queue,),
    )
    assert [len(r.publication.queued) for r in (first, second, third)] == [0, 1, 0]
    assert second.event.queues_served == ("big",)


QUAKES = Queue("quakes", min_sources=3, match=Match(words=("earthquake",)))
TITLES = (
    "Earthquake hits coast",
    "Strong quake shakes capital",
    "Tremor felt in three countries",
)


@pytest.mark.parametrize("first", range(3))
def test_an_event_queue_is_served_at_the_count_whichever_report_matched(first: int):
    """README's own example: of three outlets one says earthquake, be it the first, the second or the last."""
    event, results = None, []
    for n, title in enumerate(TITLES[-first:] + TITLES[:-first]):
        one = entry(f"s{n}", title=title, text="")
        answer = joined(one, event) if event else None
        results.append(
            told(one, answer, events=(event,) if event else (), queues=(QUAKES,))
        )
        event = results[-1].event
    assert [len(r.publication.queued) for r in results] == [0, 0, 1]
    assert event is not None
    assert (event.queues_served, event.queues_matched) == (("quakes",), ())
    [(_, message)] = results[-1].publication.queued
    assert message.independent_count == 3


def test_the_count_alone_serves_nobody():
    event = told(entry("a", title=TITLES[1], text=""), queues=(QUAKES,)).event
    for name in "bcd":
        one = entry(name, title=TITLES[2], text="")
        result = told(one, joined(one, event), events=(event,), queues=(QUAKES,))
        event = result.event
        assert result.publication.queued == ()
    late = entry("e", title=TITLES[0], text="")
    assert (
        len(
            told(
                late, joined(late, event), events=(event,), queues=(QUAKES,)
            ).publication.queued
        )
        == 1
    )


def test_a_merge_brings_a_match_and_the_sources_together():
    """The one event had the word, the other the sources: what joins them serves the queue."""
    matched = told(entry("a", title=TITLES[0], text=""), queues=(QUAKES,)).event
    other = told(entry("b", title=TITLES[1], text=""), queues=(QUAKES,)).event
    one = entry("c", title=TITLES[2], text="")
    joining = joined(one, other, absorbs=(matched.event_id,))
    result = told(one, joining, events=(matched, other), queues=(QUAKES,))
    assert [message.entry_id for _, message in result.publication.queued] == ["c-id"]


def test_an_edit_that_matches_serves_an_event_with_the_count_once():
    queue = replace(QUAKES, min_sources=1)
    event = told(entry("a", title=TITLES[1], text=""), queues=(queue,)).event
    edited = entry("a", revision=1, title=TITLES[0], text="")
    first = revised(
        edited,
        event.event_id,
        stream_id="2-0",
        events={event.event_id: event},
        queues=(queue,),
    )
    again = replace(edited, revision=2)
    second = revised(
        again,
        event.event_id,
        stream_id="3-0",
        events={event.event_id: first.event},
        queues=(queue,),
    )
    assert [len(r.publication.queued) for r in (first, second)] == [1, 0]


def test_an_edit_marks_a_match_for_the_count_to_come():
    event = told(entry("a", title=TITLES[1], text=""), queues=(QUAKES,)).event
    edited = entry("a", revision=1, title=TITLES[0], text="")
    event = revised(
        edited,
        event.event_id,
        stream_id="2-0",
        events={event.event_id: event},
        queues=(QUAKES,),
    ).event
    counts = []
    for name in "bc":
        one = entry(name, title=TITLES[2], text="")
        result = told(one, joined(one, event), events=(event,), queues=(QUAKES,))
        event = result.event
        counts.append(len(result.publication.queued))
    assert counts == [0, 1]


def test_an_edit_of_an_event_no_longer_kept_is_not_told_to_event_queues_again():
    edit = entry("a", revision=1, title=TITLES[0])
    queue = replace(QUAKES, min_sources=1)
    assert (
        revised(
            edit, None, stream_id="2-0", events={}, queues=(queue,)
        ).publication.queued
        == ()
    )


@given(st.permutations(range(5)), st.integers(0, 5), st.integers(1, 5))
def test_an_event_queue_is_served_exactly_once_if_it_had_a_match_and_the_count(
    order: list[int], matching: int, wanted: int
):
    queue = replace(QUAKES, min_sources=wanted)
    event, queued = None, 0
    for n in order:
        one = entry(f"s{n}", title=TITLES[0] if n < matching else TITLES[1], text="")
        result = told(
            one,
            joined(one, event) if event else None,
            events=(event,) if event else (),
            queues=(queue,),
        )
        event, queued = result.event, queued + len(result.publication.queued)
    assert queued == (1 if matching else 0)


def test_a_report_queue_gets_every_matching_report_and_edit():
    queue = Queue("all", deliver="reports")
    first = told(entry("a"), queues=(queue,))
    second = told(
        entry("b"),
        joined(entry("b"), first.event),
        events=(first.event,),
        queues=(queue,),
    )
    edit = revised(
        entry("b", revision=1),
        first.event.event_id,
        stream_id="3-0",
        events={first.event.event_id: second.event},
        queues=(queue,),
    )
    assert [len(r.publication.queued) for r in (first, second, edit)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("match", "passes"),
    [
        (Match(), True),
        (Match(categories=("World",)), True),
        (Match(categories=("Sport",)), False),
        (Match(languages=("en",), feeds=("a-feed",)), True),
        (Match(languages=("zh",), feeds=("a-feed",)), False),
        (Match(words=("QUAKE",)), True),
        (Match(words=("quak",)), False),
        (Match(words=("flood", "coast")), True),
    ],
)
def test_keys_of_a_filter_are_joined_by_and_values_by_or(match: Match, passes: bool):
    assert matches(match, entry()) is passes


def test_words_are_found_in_scripts_without_spaces_and_between_them():
    one = entry(title="东京发布AI模型，地震預警", text="")
    assert matches(Match(words=("地震",)), one)
    assert matches(Match(words=("ai",)), one)
    assert not matches(Match(words=("a",)), one)


def test_a_language_takes_its_regions_but_not_the_other_way_round():
    assert matches(Match(languages=("zh",)), entry(lang="zh-TW"))
    assert not matches(Match(languages=("zh-TW",)), entry(lang="zh"))


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.booleans()), min_size=1, max_size=80
    )
)
def test_counts_add_up_however_an_event_grows(reports: list[tuple[str, bool]]):
    event = None
    for n, (site, copy) in enumerate(reports):
        one = entry(f"e{n}", site=site, first_seen_at=NOW + timedelta(minutes=n))
        assignment = joined(one, event, is_copy=copy) if event else None
        event = told(one, assignment, events=(event,) if event else ()).event
    assert event is not None
    assert event.source_count == len(reports)
    assert 1 <= event.independent_count <= len({site for site, _ in reports})
    assert len(event.sources) == min(len(reports), SOURCES_KEPT)


def test_a_report_given_to_an_absorbed_event_grows_its_survivor_as_it_stands_now():
    """Both ids are asked for in one batch: what the first report made of the survivor is not overwritten."""
    first = told(entry("a")).event
    second = told(entry("b"), joined(entry("b"), first), events=(first,)).event
    events = {"absorbed": first, first.event_id: second}
    answer = Assignment("c-id", "absorbed", 0.9, "similar")
    third = reported(
        entry("c"), answer, stream_id="1-0", packed=b"p", events=events, queues=()
    )
    assert third.event.source_count == 3
    edit = revised(
        entry("b", revision=1, title="Other"),
        "absorbed",
        stream_id="2-0",
        events=events,
        queues=(),
    )
    assert [s.title for s in edit.event.sources] == ["Title a", "Other"]


def pictured(url: str) -> str:
    return f"\n---\ntitle: 'x'\nheadimg: '{url}'\n---\n"


def test_an_event_shows_the_first_lead_and_the_first_picture_that_any_report_has():
    bare, told_later = (
        entry("a", text="", document=pictured("")),
        entry("b", document=pictured("https://b.example/p")),
    )
    event = told(bare).event
    assert (event.lead, event.image) == ("", "")
    event = told(told_later, joined(told_later, event), events=(event,)).event
    third = entry("c", text="Other words", document=pictured("https://c.example/p"))
    event = told(third, joined(third, event), events=(event,)).event
    assert (event.lead, event.image) == ("A quake hit the coast", "https://b.example/p")


def test_an_edit_of_the_first_report_renews_lead_and_picture_and_an_empty_one_takes_nothing_away():
    event = told(entry("a", document=pictured("https://a.example/p"))).event
    edit = entry(
        "a",
        revision=1,
        text="It was stronger",
        document=pictured("https://a.example/q"),
    )
    event = revised(
        edit, event.event_id, stream_id="2-0", events={event.event_id: event}, queues=()
    ).event
    assert (event.lead, event.image) == ("It was stronger", "https://a.example/q")
    empty = entry("a", revision=2, text="", document=pictured(""))
    event = revised(
        empty,
        event.event_id,
        stream_id="3-0",
        events={event.event_id: event},
        queues=(),
    ).event
    assert (event.lead, event.image) == ("It was stronger", "https://a.example/q")
