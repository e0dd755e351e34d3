"""What is one source's headline filled in anew, and what only looks like it."""

from __future__ import annotations

import numpy as np
import pytest

from aggregator.dedup.backtest import entry_of
from aggregator.dedup.features import counted, features
from aggregator.dedup.fingerprint import fingerprint
from aggregator.dedup.frequency import Frequency
from aggregator.dedup.rows import row_array
from aggregator.dedup.series import MOST_KEPT, Refill, of_a_series, refills

BODY = "A body of more than ten words, the same in both, as wire copies have it, and nothing else at all in it."
SITE = {"source": "a.example", "published": "2026-03-01T06:00:00Z"}


def refill(one: str, other: str, *, lang: str = "en", **more: object) -> Refill | None:
    """What `other` is to `one`, two headlines of one source, with `more` said of the other."""
    told = (
        {"id": "1", "title": one, "text": more.get("text"), **SITE},
        {"id": "2", "title": other, **SITE, **more},
    )
    frequency = Frequency()
    both = counted(
        row_array([fingerprint(entry_of({**report, "lang": lang})) for report in told]),
        frequency,
    )
    table = features(both[:1], np.zeros(1, np.intp), both[1:])
    found = refills(table, both.rows[:1], both.rows[1:], frequency)
    return found[0][1] if found else None


@pytest.mark.parametrize(
    ("one", "other", "start", "end"),
    [
        ("Halden reports Q2 results", "Corvus reports Q2 results", 0, 3),
        ("The morning cartoon: exams", "The morning cartoon: school dinners", 3, 0),
        (
            "Harbour walks for Selby on Tuesday",
            "Harbour walks for Norvik on Tuesday",
            3,
            2,
        ),
    ],
)
def test_a_headline_that_differs_in_one_place_is_a_refill(
    one: str, other: str, start: int, end: int
) -> None:
    for found in (refill(one, other), refill(other, one)):
        assert found is not None
        assert (found.start, found.end) == (start, end)


@pytest.mark.parametrize(
    ("one", "other", "more"),
    [
        (
            "Halden reports Q2 results",
            "Corvus reports Q2 results",
            {"source": "b.example"},
        ),
        ("Halden reports Q2 results", "Halden reports Q2 results", {}),
        ("Storm kills 4 in Halden", "Storm kills 9 in Halden", {}),
        ("Halden reports Q2 results", "Corvus shuts Q2 plant", {}),
        ("Halden reports", "Halden reports results", {}),
        ("Halden talks", "Corvus talks", {}),
        ("Halden reports Q2 results", "Corvus reports Q2 results", {"text": BODY}),
        ("", "", {}),
    ],
)
def test_other_headlines_are_none(
    one: str, other: str, more: dict[str, object]
) -> None:
    assert refill(one, other, **more) is None
    assert refill(other, one, **more) is None


def test_two_long_headlines_that_differ_in_a_word_are_one_edited() -> None:
    words = [f"{a}{b}word" for a in "abcd" for b in "efghi"]
    assert (
        refill(
            " ".join([*words[:MOST_KEPT], "Halden"]),
            " ".join([*words[:MOST_KEPT], "Corvus"]),
        )
        is not None
    )
    longer = words[: MOST_KEPT + 1]
    assert refill(" ".join([*longer, "Halden"]), " ".join([*longer, "Corvus"])) is None


def test_an_event_is_told_on_unless_the_word_is_unheard_of_or_half_a_day_has_gone() -> (
    None
):
    told = "Quake kills four in Peru", "Quake kills six in Peru"
    assert not refill(*told).is_other  # type: ignore[union-attr]
    assert refill(*told, published="2026-03-01T19:00:00Z").is_other  # type: ignore[union-attr]
    assert refill("Corvus reports Q2 results", "Halden reports Q2 results").is_other  # type: ignore[union-attr]


A = Refill(start=0, end=3, filler=1, longest=1, is_other=True)


def test_two_fillings_before_make_a_series() -> None:
    assert of_a_series([(5, A), (6, A._replace(filler=2))], event=lambda _: 1) == {5, 6}
    assert of_a_series([(5, A)], event=int) == set()


@pytest.mark.parametrize(
    "other",
    [
        A,  # filled alike
        A._replace(filler=2, start=3, end=0),  # another place
        A._replace(filler=2, longest=4),  # more filled than kept
        A._replace(filler=2, is_other=False),  # may be one event told on
    ],
)
def test_two_others_make_none(other: Refill) -> None:
    assert of_a_series([(5, A), (6, other)], event=lambda _: 1) == set()


def test_two_events_make_a_series_of_what_may_be_one_told_on() -> None:
    told = A._replace(is_other=False)
    assert of_a_series([(5, told), (6, told._replace(filler=2))], event=int) == {5, 6}
