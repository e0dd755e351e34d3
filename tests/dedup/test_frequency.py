"""What words are worth: of the window alone, without the two reports that are compared, whoever came first."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.dedup.assign import assign_all
from aggregator.dedup.backtest import entries, entry_of, event_id
from aggregator.dedup.features import INDEX, features
from aggregator.dedup.fingerprint import Fingerprint, fingerprint
from aggregator.dedup.frequency import Frequency, lang_hash, rarity_of
from aggregator.dedup.index import Index
from aggregator.dedup.meaning import prints_of
from aggregator.dedup.rows import row_array
from aggregator.model import DedupSettings
from tests.bench import states

SETTINGS = DedupSettings()
PLACES = (
    "Brevik",
    "Tolmin",
    "Ostrov",
    "Cabra",
    "Dunmore",
    "Ayvalik",
    "Sokcho",
    "Nabeul",
)
DEEDS = (
    "council",
    "ferry",
    "bridge",
    "school",
    "budget",
    "flood",
    "mayor",
    "trial",
    "harbour",
    "strike",
)


def report(
    number: int, title: str, source: str = "a.example", lang: str = "en", hour: int = 0
) -> Fingerprint:
    at = f"2026-03-{1 + hour // 24:02d}T{hour % 24:02d}:00:00Z"
    row = {
        "id": f"{number} {title}",
        "title": title,
        "source": source,
        "lang": lang,
        "published": at,
    }
    return fingerprint(
        entry_of({**row, "text": f"{title}. What is known so far of it."})
    )


def titles(draw: st.DrawFn, count: int) -> list[str]:
    words = st.lists(
        st.sampled_from(PLACES + DEEDS), min_size=2, max_size=6, unique=True
    )
    return [" ".join(draw(words)) for _ in range(count)]


@st.composite
def streams(draw: st.DrawFn) -> list[Fingerprint]:
    """A stream of 30 to 80 reports of a few sources in two languages."""
    told = titles(draw, draw(st.integers(30, 80)))
    sources = draw(
        st.lists(
            st.sampled_from(("a.example", "b.example", "")),
            min_size=len(told),
            max_size=len(told),
        )
    )
    langs = draw(
        st.lists(st.sampled_from(("en", "tr")), min_size=len(told), max_size=len(told))
    )
    return [
        report(i, *facts)
        for i, facts in enumerate(zip(told, sources, langs, strict=True))
    ]


def known(window: list[Fingerprint]) -> Index:
    index = Index(SETTINGS)
    index.learn(row_array(window), [event_id(one.entry_id) for one in window])
    return index


def compared_in(index: Index, query: Fingerprint, entry_id: str) -> list[float]:
    """The features of a report that comes now and one of the window, as `assign` makes them."""
    slot = index.slot_of(entry_id)
    assert slot is not None
    slots = np.array([slot])
    others = index.counted(index.rows.many(slots), slots)
    return list(
        features(index.counted(row_array([query])), np.zeros(1, np.intp), others)[
            0
        ].tolist()
    )


@settings(max_examples=25, deadline=None)
@given(streams(), st.data())
def test_it_makes_no_difference_which_of_two_reports_came_first(
    stream: list[Fingerprint], data: st.DataObject
) -> None:
    *window, a, b = stream
    first, second = known([*window, a]), known([*window, b])
    assert compared_in(first, b, a.entry_id) == pytest.approx(
        compared_in(second, a, b.entry_id), abs=2e-3
    )


@settings(max_examples=25, deadline=None)
@given(streams())
def test_a_report_that_is_counted_already_is_worth_what_it_was_worth_before(
    stream: list[Fingerprint],
) -> None:
    *window, a, b = stream
    counted, fresh = known([*window, a]), known(window)
    rows = row_array([a])
    assert fresh.batch > 0
    fresh.settle(fresh.post(rows, _evidence(fresh, rows)), event_id(a.entry_id))
    assert compared_in(counted, b, a.entry_id) == pytest.approx(
        compared_in(fresh, b, a.entry_id), abs=2e-3
    )


def _evidence(index: Index, rows: object) -> object:
    from aggregator.dedup.index import evidence

    return evidence(rows, index.frequency)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [9, 79, 80, 85])
def test_more_reports_of_one_word_than_are_kept_are_the_same_in_every_batch(
    seed: int,
) -> None:
    """Of a word the newest reports are looked at, those of the batch among them."""
    chance = random.Random(seed)
    words = [*PLACES, *DEEDS]
    lengths = chance.choice([1, 2, 4, 8])
    common = [
        " ".join(
            chance.sample(words[: chance.choice([3, 6, 18])], chance.choice([2, 3]))
        )
        for _ in range(lengths)
    ]
    told = [
        chance.choice(common)
        if chance.random() < 0.8
        else " ".join(chance.sample(words, chance.randint(2, 6)))
        for _ in range(80)
    ]
    stream = [
        report(
            i,
            title,
            chance.choice(("a.example", "b.example", "")),
            chance.choice(("en", "en", "tr")),
        )
        for i, title in enumerate(told)
    ]
    assert events_of(stream, [1]) == events_of(stream, [len(stream)])


def events_of(stream: list[Fingerprint], borders: list[int]) -> list[str | None]:
    """The event that each report joins, in batches of these sizes in turn."""
    index = Index(SETTINGS)
    events: list[str | None] = []
    rest = list(stream)
    while rest:
        size = borders[len(events) % len(borders)]
        some, rest = rest[:size], rest[size:]
        events += [
            answer.event_id
            for answer in assign_all(some, index, SETTINGS, new_event=event_id)
        ]
    return events


@settings(max_examples=15, deadline=None, derandomize=True)
@given(streams(), st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_the_borders_of_batches_make_no_difference(
    stream: list[Fingerprint], sizes: list[int]
) -> None:
    """But where two words share a bucket of the postings: one stream in some hundreds, so the streams are always the same."""
    assert events_of(stream, sizes) == events_of(stream, [len(stream)])


def test_reports_of_look_alikes_get_the_same_events_in_batches_of_any_size() -> None:
    """What is compared late, of a batch that fills an epoch, is judged by the statistics of that epoch."""
    rows = states.strewn(states.families(held_back=True)[:800], seed="c")
    stream = prints_of(list(entries(rows)), SETTINGS)
    at_once = events_of(stream, [len(stream)])
    assert len(set(at_once)) > 20
    assert events_of(stream, [3]) == at_once
    assert events_of(stream, [7, 50]) == at_once


@settings(max_examples=15, deadline=None)
@given(streams())
def test_what_has_left_the_window_leaves_the_counts(stream: list[Fingerprint]) -> None:
    """So that a restart, which learns what is left, finds the same."""
    early = [report(900 + i, one.title, hour=0) for i, one in enumerate(stream)]
    late = [report(1800 + i, one.title[::-1], hour=90) for i, one in enumerate(stream)]
    index = known([*early, *late])
    now = entry_of({"published": "2026-03-04T20:00:00Z"}).first_seen_at
    assert index.expire(now) == len(early)
    tokens = row_array([*early, *late])["tokens"]
    langs = np.full(len(tokens), lang_hash("en"), np.uint32)
    assert (
        index.frequency.rarity(tokens, langs).tolist()
        == known(late).frequency.rarity(tokens, langs).tolist()
    )


def test_a_word_of_one_title_of_a_source_is_no_template_of_it() -> None:
    """The first poll of a source brings twelve titles; the word that one of them has keeps its weight."""
    window = [
        report(i, f"{PLACES[i % 8]} {DEEDS[i % 10]} {i} opens", source="a.example")
        for i in range(12)
    ]
    before = report(100, "Quake of 5.1 shakes Tolmin valley", source="a.example")
    query = report(
        101, "Quake of 5.1 shakes Tolmin valley, says observatory", source="a.example"
    )
    new_site = report(
        102, "Quake of 5.1 shakes Tolmin valley, says observatory", source="z.example"
    )
    index = known([*window, before])
    weight = INDEX["shared_title_weight"]
    there = compared_in(index, query, before.entry_id)[weight]
    assert there == pytest.approx(
        compared_in(index, new_site, before.entry_id)[weight], rel=0.15
    )


def test_a_word_of_every_title_of_a_source_is_worth_a_tenth() -> None:
    window = [
        report(i, f"Bulletin: {PLACES[i % 8]} {DEEDS[i % 10]}", source="a.example")
        for i in range(12)
    ]
    one, other = (
        report(200, "Bulletin: Brevik ferry", source="a.example"),
        report(201, "Bulletin: Ostrov mayor"),
    )
    stranger = report(202, "Bulletin: Ostrov mayor", source="z.example")
    index = known([*window, one])
    weight = INDEX["shared_title_weight"]
    of_one_source = compared_in(index, other, one.entry_id)[weight]
    plain = known([one])
    assert of_one_source < 0.2 * compared_in(plain, stranger, one.entry_id)[weight]


def test_what_is_taken_out_was_never_there() -> None:
    frequency = Frequency()
    tokens = np.array([[11, 22, 33, 0]], np.uint32)
    langs, sites = np.array([lang_hash("en")], np.uint32), np.array([7], np.uint32)
    before = frequency.counts(tokens, langs, tokens[:, :2], sites)
    for _ in range(3):
        frequency.add(tokens, langs, tokens[:, :2], sites)
    frequency.discard(tokens, langs, tokens[:, :2], sites)
    between = frequency.counts(tokens, langs, tokens[:, :2], sites)
    assert (between.titles[0].tolist(), between.site_documents.tolist()) == (
        [2.0, 2.0],
        [2.0],
    )
    assert (
        rarity_of(between.tokens, between.documents)[0, 0]
        < rarity_of(before.tokens, before.documents)[0, 0]
    )
    for _ in range(2):
        frequency.discard(tokens, langs, tokens[:, :2], sites)
    after = frequency.counts(tokens, langs, tokens[:, :2], sites)
    assert after.tokens.tolist() == before.tokens.tolist()
    assert after.documents.tolist() == before.documents.tolist()
