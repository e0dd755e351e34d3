from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aggregator.dedup.backtest import entry_of, pair
from aggregator.dedup.explain import explained
from aggregator.dedup.extra import is_installed
from aggregator.dedup.features import (
    INDEX,
    NAMES,
    adjusted,
    counted,
    features,
    objections,
)
from aggregator.dedup.fingerprint import Fingerprint, fingerprint
from aggregator.dedup.frequency import Frequency
from aggregator.dedup.rows import row_array
from aggregator.dedup.similarity import compared, is_same
from aggregator.model import DedupSettings
from tests.dedup.traps.pairs import DIFFERENT, SAME, Pair

WORDS = [
    "quake",
    "Quito",
    "rises",
    "falls",
    "3%",
    "12 dead",
    "Norway",
    "minister",
    "resigns",
    "地震",
    "上涨",
    "北京",
    "M6.1",
]
texts = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
prints = st.builds(
    lambda title, text, lang, source, published: fingerprint(
        entry_of(
            {
                "id": title,
                "title": title,
                "text": text,
                "lang": lang,
                "source": source,
                "published": published,
            }
        )
    ),
    texts,
    texts,
    st.sampled_from(["en", "zh"]),
    st.sampled_from(["", "a.example", "b.example"]),
    st.sampled_from(["", "2026-03-01T10:00:00Z", "2026-03-02T22:00:00Z"]),
)


def untitled(text: str) -> Fingerprint:
    return fingerprint(entry_of({"id": text, "text": text, "lang": "zh"}))


@given(st.lists(prints, min_size=2, max_size=6))
def test_a_pair_is_measured_alike_alone_and_beside_others(
    some: list[Fingerprint],
) -> None:
    """Columns that no report of a call fills, of numbers and of titles, are left out."""
    known = counted(row_array(some), Frequency())
    which = np.arange(len(some) - 1)
    together = features(known, which, known[1:])
    for i in which.tolist():
        alone = features(known[i : i + 1], np.zeros(1, np.intp), known[i + 1 : i + 2])
        assert together[i].tolist() == alone[0].tolist()


@example(
    untitled("quake 北京 Quito resigns rises"), untitled("Quito rises resigns 北京")
)  # sums of 32 bits differed
@given(prints, prints)
def test_likeness_is_symmetric_and_between_0_and_1(
    a: Fingerprint, b: Fingerprint
) -> None:
    one, other = compared(a, b), compared(b, a)
    assert 0 <= one.score <= 1
    assert one.score == pytest.approx(other.score, abs=1e-4)
    values = {f.name: f.value for f in other.features}
    assert all(f.value == pytest.approx(values[f.name], abs=1e-4) for f in one.features)


@given(prints)
def test_a_report_is_wholly_like_itself(one: Fingerprint) -> None:
    assert compared(one, one).score == 1


def test_dates_without_a_time_are_no_evidence_that_reports_are_of_one_minute() -> None:
    def at(first: str, second: str) -> float:
        told = (
            ("Nine charts on what happens after exams", first),
            ("Health briefing: what happened today", second),
        )
        a, b = (
            fingerprint(entry_of({"id": t, "title": t, "lang": "en", "published": at}))
            for t, at in told
        )
        return compared(a, b).score

    assert at("2026-03-09T00:00:00Z", "2026-03-09T00:00:00Z") == at(
        "2026-03-09T00:00:00Z", "2026-03-09T00:50:00Z"
    )


def row(pair_: Pair) -> dict[str, object]:
    sides = {}
    for key, report in zip("ab", pair_[1:], strict=True):
        title, _, text = report.partition(" || ")
        sides[key] = {"id": report, "title": title, "text": text}
    return {"lang": pair_[0], **sides}


@pytest.mark.parametrize("trap", DIFFERENT, ids=lambda trap: trap[1])
def test_look_alikes_of_two_events_stay_apart(trap: Pair) -> None:
    assert not is_same(pair(row(trap)), DedupSettings())


def test_one_event_in_other_words_mostly_comes_together() -> None:
    """A retelling that is missed repeats news, a look-alike that is merged hides it: so not all have to be found."""
    found = [is_same(pair(row(trap)), DedupSettings()) for trap in SAME]
    assert sum(found) >= 0.8 * len(SAME)


encoder = pytest.mark.skipif(
    not is_installed(), reason="needs the extra `meaning`; .ci/run installs it"
)


@encoder
@pytest.mark.slow
@pytest.mark.parametrize("trap", DIFFERENT, ids=lambda trap: trap[1])
def test_look_alikes_stay_apart_with_embeddings_too(trap: Pair) -> None:
    assert not is_same(pair(row(trap), DedupSettings(meaning=True)), DedupSettings())


@encoder
@pytest.mark.slow
def test_one_event_in_other_words_mostly_comes_together_by_what_it_means() -> None:
    found = [
        is_same(pair(row(trap), DedupSettings(meaning=True)), DedupSettings())
        for trap in SAME
    ]
    assert sum(found) >= 0.85 * len(SAME)


def test_there_are_traps_enough() -> None:
    assert len(DIFFERENT) + len(SAME) >= 63


def test_an_explanation_names_every_feature_and_the_verdict() -> None:
    a = fingerprint(
        entry_of({"id": "1", "title": "M5.1 quake hits north Japan", "lang": "en"})
    )
    b = fingerprint(
        entry_of({"id": "2", "title": "M6.8 quake hits south Japan", "lang": "en"})
    )
    told = explained(a, b, DedupSettings())
    assert not told.is_same
    assert told.verdict.startswith("different events: score 0.")
    assert "below 0.65 (balanced)" in told.verdict
    assert {line.split()[1] for line in told.lines} == set(NAMES)
    assert any(
        "opposite directions" in line and line.strip().startswith("-")
        for line in told.lines
    )


@pytest.mark.parametrize(
    ("said", "loss"),
    [
        ({}, 0.0),
        ({"slot_places_apart": -1}, 0.0),
        ({"slot_places_apart": 1}, 0.75),
        ({"slot_places_apart": 2}, 0.75),
        ({"slot_places_apart": 3}, 0.0),
        ({"directions_conflict": 2}, 0.5),
        ({"labels_conflict": 1}, 0.5),
        ({"same_site": 1, "all_cosine": 0.59}, 0.5),
        ({"same_site": 1, "all_cosine": 0.61}, 0.0),
        ({"same_site": 1, "shingles_shared": 0.8}, 0.0),
        ({"same_site": -1}, 0.0),
        ({"slot_places_apart": 1, "directions_conflict": 1, "namesakes": 1}, 4.25),
    ],
)
def test_what_forests_weigh_too_little_is_taken_off(
    said: dict[str, float], loss: float
) -> None:
    table = np.zeros((1, len(NAMES)), np.float32)
    table[0, INDEX["same_language"]] = 1
    for name, value in said.items():
        table[0, INDEX[name]] = value
    assert adjusted(np.zeros(1, np.float32), table)[0] == pytest.approx(-loss)
    losses = {name: float(taken[0]) for name, taken in objections(table).items()}
    assert sum(losses.values()) == pytest.approx(loss)
    assert {name for name, taken in losses.items() if taken} <= said.keys()


def test_an_explanation_counts_what_is_taken_off() -> None:
    one, other = (
        fingerprint(entry_of({"id": title, "title": title, "lang": "en"}))
        for title in (
            "Senate approves harbour bill after a long night",
            "Senate rejects harbour bill after a long night",
        )
    )
    opposed = {
        feature.name: feature.contribution for feature in compared(one, other).features
    }
    assert opposed["directions_conflict"] <= -0.5


def test_two_cities_of_one_country_have_accidents_of_their_own_in_hindi_too() -> None:
    """Words were cut at their vowel signs, so that Jodhpur and Nagpur had no names."""
    titles = ("जोधपुर में पुल टूटा, पांच घायल", "नागपुर में पुल टूटा, पांच घायल")
    one, other = (
        fingerprint(entry_of({"id": title, "title": title, "lang": "hi"}))
        for title in titles
    )
    settings = DedupSettings(meaning=False)
    assert not is_same(compared(one, other), settings)
    assert is_same(compared(one, one), settings)


def test_an_explanation_says_when_two_headlines_may_be_of_a_series() -> None:
    titles = "Halden reports Q2 results", "Corvus reports Q2 results"
    for sources, said in (
        (("a.example", "a.example"), True),
        (("a.example", "b.example"), False),
    ):
        a, b = (
            fingerprint(
                entry_of({"id": title, "title": title, "lang": "en", "source": source})
            )
            for title, source in zip(titles, sources, strict=True)
        )
        assert (
            "filled the same words" in explained(a, b, DedupSettings()).verdict
        ) == said


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Port opens on 3 May", "Port opens on 4 May"),
        ("Lyon 3-1 Metz", "Lyon 3-0 Metz"),
    ],
)
def test_dates_and_scores_are_alike_only_when_they_are_the_same(
    one: str, other: str
) -> None:
    a, b = (
        fingerprint(entry_of({"id": title, "title": title, "lang": "en"}))
        for title in (one, other)
    )
    values = {f.name: f.value for f in compared(a, b).features}
    assert values["numbers_conflict"] == values["title_numbers_conflict"] == 1
    assert values["numbers_equal"] == 0
