from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import (
    Digest,
    Event,
    FailureKind,
    Health,
    PollState,
    Source,
    Totals,
)
from aggregator.watch.digest import (
    MAX_SOURCES,
    digest,
    digest_id,
    host_of,
    is_told,
    log_fields,
)
from aggregator.watch.digest_json import digest_from_json, digest_json

START = datetime(2026, 3, 5, 8, tzinfo=UTC)
END = START + timedelta(hours=1)


def event(
    name: str,
    *,
    sources: int = 1,
    independent: int = 1,
    minutes: int = 10,
    last: int | None = None,
    lang: str = "en",
    categories: tuple[str, ...] = ("News",),
    merged_into: str = "",
) -> Event:
    first_at = START + timedelta(minutes=minutes)
    return Event(
        event_id=name,
        lang=lang,
        title=f"What happened in {name}",
        first_seen_at=first_at,
        last_seen_at=START + timedelta(minutes=minutes if last is None else last),
        sources=tuple(
            Source(
                f"feed-{index}",
                f"{name}-{index}",
                f"https://{index}.example/{name}",
                f"{name} {index}",
                first_at,
            )
            for index in range(sources)
        ),
        source_count=sources,
        independent_sites=tuple(f"{index}.example" for index in range(independent)),
        independent_count=independent,
        categories=categories,
        merged_into=merged_into,
    )


def made(events: list[Event], **changed: object) -> Digest:
    asked = {
        "events": events,
        "window_from_at": START,
        "window_to_at": END,
        "totals": Totals(),
        "feeds": [],
        "elapsed": {},
        "top": 20,
        **changed,
    }
    return digest(**asked)  # type: ignore[arg-type]


def told(events: list[Event], **changed: object) -> list[str]:
    return [found.event_id for found in made(events, **changed).events]


def test_events_are_ordered_by_independent_sources_then_reports_then_newest():
    events = [
        event("copied", sources=9, independent=2),
        event("wide", sources=4, independent=4),
        event("old", sources=2, independent=2, minutes=1),
        event("new", sources=2, independent=2, minutes=30),
    ]
    assert told(events) == ["wide", "copied", "new", "old"]


@given(
    st.permutations(
        [event(name, independent=index % 2 + 1) for index, name in enumerate("abcdef")]
    ),
    st.integers(0, 8),
)
def test_the_order_of_arrival_does_not_matter(events, top):
    assert made(list(events), top=top) == made(
        sorted(events, key=lambda one: one.event_id), top=top
    )


@pytest.mark.parametrize(
    ("minutes", "last", "included"),
    [
        (-30, -1, False),
        (-30, 0, True),
        (-30, 70, True),
        (0, 0, True),
        (59, 59, True),
        (60, 60, False),
    ],
)
def test_an_event_is_told_when_it_has_reports_in_the_window(minutes, last, included):
    assert is_told(event("x", minutes=minutes, last=last), START, END) is included


def test_an_absorbed_event_is_not_told():
    assert told([event("x", merged_into="y"), event("y")]) == ["y"]


def test_the_filter_takes_a_language_with_its_regions_and_a_category_of_any_level():
    events = [
        event("a", lang="zh"),
        event("b", lang="zh-Hant"),
        event("c", lang="zhx"),
        event("d", lang="zh", categories=("新闻", "滨海日报", "城市")),
    ]
    assert set(told(events, language="zh")) == {"a", "b", "d"}
    assert told(events, language="zh", category="滨海日报") == ["d"]


def test_only_the_top_is_told_in_full_but_all_are_counted():
    record = made([event(str(number)) for number in range(30)], top=5)
    assert len(record.events) == 5
    assert record.event_count == 30


def test_of_many_sources_the_first_and_the_newest_are_listed():
    (one,) = made([event("x", sources=40, independent=40)]).events
    assert [source.feed_id for source in one.sources] == [
        "feed-0",
        *(f"feed-{n}" for n in range(41 - MAX_SOURCES, 40)),
    ]
    assert one.source_count == 40


def test_saved_are_the_joined_reports_and_under_a_filter_the_repeats_of_what_is_told():
    events = [event("x", sources=4), event("y", sources=2, lang="zh")]
    assert made(events, totals=Totals(reports={"joined_event": 17})).saved_count == 17
    assert made(events).saved_count == 4
    assert (
        made(
            events, totals=Totals(reports={"joined_event": 17}), language="zh"
        ).saved_count
        == 1
    )


def state(name: str, health: Health, failures: int = 0) -> PollState:
    url = f"https://me:hunter2@{name}.example/feed?token=abc"
    kind = FailureKind.TIMEOUT if failures else None
    return PollState(
        name,
        url,
        url,
        health=health,
        failure_count=failures,
        failure_kind=kind,
        failure_detail="no answer in 30 s",
    )


def test_feeds_in_trouble_are_told_worst_first_with_the_reason():
    feeds = [
        state("fine", Health.OK),
        state("fresh", Health.NEW),
        state("slow", Health.FAILING, 2),
        state("broken", Health.FAILING, 9),
        state("shut", Health.GONE, 3),
    ]
    record = made([], feeds=feeds)
    assert [feed.feed_id for feed in record.trouble] == ["shut", "broken", "slow"]
    assert record.trouble_count == 3
    assert record.trouble[1].detail == "timeout: no answer in 30 s"
    assert "hunter2" not in repr(record)


def test_much_trouble_is_counted_whole_and_listed_in_part():
    record = made(
        [], feeds=[state(f"feed-{number}", Health.FAILING, 1) for number in range(300)]
    )
    assert record.trouble_count == 300
    assert len(record.trouble) == 50


def test_the_slowest_hosts_come_first():
    record = made(
        [],
        elapsed={
            "b.example": timedelta(seconds=2),
            "a.example": timedelta(seconds=2),
            "c.example": timedelta(seconds=9),
        },
    )
    assert [(feed.host, feed.elapsed) for feed in record.slow] == [
        ("c.example", timedelta(seconds=9)),
        ("a.example", timedelta(seconds=2)),
        ("b.example", timedelta(seconds=2)),
    ]


def test_the_id_names_the_window_and_the_filter_and_nothing_else():
    first, again = made([event("x")]), made([event("y"), event("z")])
    assert first.id == again.id
    others = {
        made([], window_to_at=END + timedelta(hours=1)).id,
        made([], language="zh").id,
        made([], category="zh").id,
        first.id,
    }
    assert len(others) == 4
    assert digest_id(START, END, "", "") == first.id


def test_the_log_line_fits_what_journald_takes_in_one():
    long = [
        replace(event(f"e{n:020}", sources=50, independent=50), title="长" * 500)
        for n in range(40)
    ]
    feeds = [state(f"feed-{number}", Health.FAILING, 1) for number in range(300)]
    record = made(long, top=40, feeds=feeds)
    assert len(orjson.dumps(log_fields(record))) < 40_000


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://me:pass@host.example:8443/x", "host.example"),
        ("nonsense", ""),
        ("http://[bad", ""),
        ("", ""),
    ],
)
def test_a_host_is_told_without_port_and_userinfo(url, host):
    assert host_of(url) == host


def test_a_record_reads_back_from_its_json():
    record = made(
        [event("x", sources=3, lang="zh"), event("y")],
        totals=Totals(
            polls={"new": 2}, entries={"seen": 9}, reports={"joined_event": 1}
        ),
        feeds=[state("slow", Health.FAILING, 2)],
        elapsed={"a.example": timedelta(milliseconds=1234)},
        language="zh",
    )
    line = digest_json(record)
    assert b"\n" not in line
    assert digest_from_json(line) == record
    assert digest_json(digest_from_json(line)) == line


def test_a_line_of_a_newer_version_is_still_read():
    line = orjson.loads(digest_json(made([])))
    assert digest_from_json(orjson.dumps({**line, "mood": "calm"})) == made([])


@pytest.mark.parametrize("line", [b"", b"{}", b"null", b'{"id": "x"', b"\xff"])
def test_what_is_no_digest_is_refused(line):
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's own subclass, any text
        digest_from_json(line)


def test_many_events_in_any_order_make_the_same_bytes():
    events = [
        event(f"e{number}", independent=number % 3 + 1, sources=number % 5 + 3)
        for number in range(200)
    ]
    shuffled = list(events)
    random.Random(4).shuffle(shuffled)
    assert digest_json(made(events)) == digest_json(made(shuffled))
