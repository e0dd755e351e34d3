"""Persons named in full: who is taken for one, and that two of one surname are two."""

from __future__ import annotations

import re
import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.dedup import facts, learned
from aggregator.dedup import persons as module
from aggregator.dedup.assign import assign_all
from aggregator.dedup.backtest import entry_of, event_id
from aggregator.dedup.explain import explained
from aggregator.dedup.features import (
    INDEX,
    NAMES,
    RECURRING,
    adjusted,
    counted,
    features,
)
from aggregator.dedup.fingerprint import NUMBERS, Fingerprint, fingerprint
from aggregator.dedup.frequency import Frequency
from aggregator.dedup.index import Index
from aggregator.dedup.joining import Pair, Standing, event_log_odds, support
from aggregator.dedup.persons import MOST_PERSONS, persons
from aggregator.dedup.rows import row_array
from aggregator.model import DedupSettings

SETTINGS = DedupSettings(meaning=False)


def surname(name: str) -> int:
    # Korean syllables are split into letters, as accents are from theirs.
    return facts.label_kind(f"person {unicodedata.normalize('NFKD', name)}")


def report(number: int, title: str, text: str, lang: str = "en") -> Fingerprint:
    row = {"id": f"{number}", "lang": lang, "title": title, "text": text}
    row |= {"source": f"paper {number}", "published": "2026-03-10T08:00:00+00:00"}
    return fingerprint(entry_of(row))


def namesakes(one: Fingerprint, other: Fingerprint) -> float:
    """The feature of two reports."""
    both = counted(row_array([one, other]), Frequency())
    table = features(both[:1], np.zeros(1, np.intp), both[1:])
    return float(table[0, INDEX["namesakes"]])


def test_a_capital_of_any_script_may_begin_a_name() -> None:
    """Words are passed over by their first letter: no capital must be among those."""
    letter = re.compile(r"[^\W\d_]")
    capitals = filter(str.isupper, map(chr, range(sys.maxunicode + 1)))
    run = re.compile(module._MAY_BE_CAPITAL)
    assert all(map(run.match, filter(letter.match, capitals)))


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("'Tom Harding' resigns", True),
        ("the ex-mayor Tom Harding resigns", True),
        ("mayor 3Tom Harding resigns", True),
        ("deTom Harding resigns", False),
        ("ex-Tom Harding resigns", False),
        ("ex'3-Tom Harding resigns", False),
        ("ex-Mayor Tom Harding resigns", True),
    ],
)
def test_a_name_begins_with_its_word(text: str, is_named: bool) -> None:
    assert bool(persons("", text, limit=MOST_PERSONS)) == is_named


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("The novelist Anna Wexcombe was charged", {"wexcombe"}),
        ("said Mayor Thomas Okray on Monday", {"okray"}),
        ("Der Trainer Sven Ollmann und Petra Ahn gehen", {"ollmann", "ahn"}),
        ("заявил Сергей Рыбаков в среду", {"рыбаков"}),
        ("商务部长王小明周一会见记者", {"王"}),
        ("삼진 회장은 이도훈 회장 말을 전했다", {"이"}),
        # A surname alone, an office, a place, an initial, a club, and a headline in capitals name no one in full.
        ("Mayor Okray will not run", set()),
        ("Great Harbour opens in Lower Tarn", set()),
        ("as T Okray said", set()),
        ("a win for Victoria FC", set()),
        ("Anna Wexcombe Charged After Car Hits Shop", set()),
        ("Con Tejada suman nueve", set()),
    ],
)
def test_who_is_named_in_full_is_known_by_the_surname(
    text: str, known: set[str]
) -> None:
    kinds = [kind for kind, _ in persons("", text, limit=MOST_PERSONS)]
    assert kinds == [surname(name) for name in sorted(known, key=text.casefold().find)]


@pytest.mark.parametrize(
    ("one", "other", "is_one"),
    [
        ("Tom Okray", "Thomas Okray", True),
        ("Tom Okray", "Jamal Okray", False),
        ("José Okray", "Jose Okráy", True),
        ("部长王毅", "部长王文", False),
        ("이도훈 회장", "이도윤 회장", False),
    ],
)
def test_given_names_are_told_apart_by_their_first_letter_and_syllables_as_a_whole(
    one: str, other: str, is_one: bool
) -> None:
    ((kind, value),) = persons("", f"says {one} today", limit=1)
    ((other_kind, other_value),) = persons("", f"says {other} today", limit=1)
    assert kind == other_kind
    assert (value == other_value) == is_one
    # No number that is said of something is below zero.
    assert value < 0


NAMESAKE = "Okray steps down"
MAYOR = report(1, NAMESAKE, "The mayor of Tarn, Petra Okray, leaves her office.")
COACH = report(2, NAMESAKE, "Coach Sven Okray has left Tarn United after a defeat.")
HERSELF = report(3, NAMESAKE, "In Tarn the mayor Petra Okray has resigned.")
UNNAMED = report(4, NAMESAKE, "The mayor of Tarn has resigned.")
BOTH = report(5, NAMESAKE, "The mayor Petra Okray is a cousin of coach Sven Okray.")


def test_two_of_one_surname_are_namesakes_unless_one_report_names_both() -> None:
    assert namesakes(MAYOR, COACH) == namesakes(COACH, MAYOR) == 1
    assert namesakes(MAYOR, HERSELF) == 0
    assert namesakes(MAYOR, UNNAMED) == 0
    assert namesakes(MAYOR, BOTH) == 0
    # Whom a report names in full is no evidence for one event: it adds to no other feature.
    both = counted(row_array([MAYOR, HERSELF]), Frequency())
    table = features(both[:1], np.zeros(1, np.intp), both[1:])
    assert table[0, INDEX["counts_equal"]] == table[0, INDEX["labels_conflict"]] == 0


def test_what_both_titles_name_counts_whatever_a_body_mentions_in_passing() -> None:
    mayor = report(6, "Mayor Petra Okray steps down", "She leaves after a vote.")
    coach = report(
        7,
        "Coach Sven Okray steps down",
        "He is no kin of the mayor Petra Okray, who left on Monday.",
    )
    assert namesakes(mayor, coach) == namesakes(coach, mayor) == 1
    # The same in two bodies is no conflict: nobody knows whom they are about.
    assert namesakes(MAYOR, BOTH) == 0


def test_an_event_that_names_a_namesake_is_as_unlikely_as_a_pair_of_them() -> None:
    """Its other report, which names nobody in full, does not make it likelier."""
    pairs = [Pair(2.5, False, False), Pair(-1.0, False, False, is_namesake=True)]
    event = Standing(pairs, 2)
    plain = Standing([Pair(2.5, False, False), Pair(2.0, False, False)], 2)
    assert event.falling == plain.falling
    weights = learned.model().joining
    (log_odds,), (as_plain,) = (
        event_log_odds([one], weights) for one in (event, plain)
    )
    assert log_odds == pytest.approx(as_plain - 3.0)
    assert support(event) == pytest.approx(support(plain) - 3.0)


def test_a_headline_come_again_stays_one_whomever_it_names() -> None:
    pairs = [Pair(2.5, False, False), Pair(RECURRING, False, False, is_namesake=True)]
    assert Standing(pairs, 2).falling == [2.5, RECURRING]


def test_a_report_of_a_namesake_does_not_join_through_one_that_names_nobody() -> None:
    coach = report(8, "Okray quits Tarn", "Sven Okray, the coach, steps down in Tarn.")
    index = Index(SETTINGS)
    stream = [MAYOR, UNNAMED, coach]
    answers = list(assign_all(stream, index, SETTINGS, new_event=event_id))
    assert answers[1].event_id == event_id(MAYOR.entry_id)
    assert answers[2].event_id is None
    # Nor would that report alone keep them apart.
    lone = list(assign_all(stream[1:], Index(SETTINGS), SETTINGS, new_event=event_id))
    assert lone[1].event_id == event_id(UNNAMED.entry_id)


def test_a_pair_of_namesakes_is_less_likely_of_one_event() -> None:
    table = np.zeros((2, len(NAMES)), np.float32)
    table[:, INDEX["same_language"]] = 1
    table[1, INDEX["namesakes"]] = 1
    plain, lessened = adjusted(np.full(2, 2.9, np.float32), table)
    assert plain == pytest.approx(2.9)
    assert lessened == pytest.approx(-0.1)


def test_namesakes_get_events_of_their_own() -> None:
    """Their headlines are the same, so that without the leads, or of one person, they come together."""
    index = Index(SETTINGS)
    answers = assign_all([MAYOR, COACH, HERSELF], index, SETTINGS, new_event=event_id)
    mayor, coach, herself = [answer.event_id for answer in answers]
    assert mayor is None
    assert coach is None
    assert herself == event_id(MAYOR.entry_id)


def test_an_explanation_names_what_tells_namesakes_apart() -> None:
    told = explained(MAYOR, COACH, SETTINGS)
    assert any("of one surname" in line for line in told.lines)
    assert not told.is_same


@given(
    st.lists(
        st.sampled_from(["Anna", "Petra", "Sven", "Okray", "Harn", "says", "to", "5"]),
        max_size=12,
    )
)
def test_persons_are_kept_as_they_are_packed(words: list[str]) -> None:
    one = report(1, "A title", " ".join(words))
    assert Fingerprint.unpack(one.packed) == one
    assert len(one.numbers) <= NUMBERS
    assert sum(value < 0 for _, value in one.numbers) <= MOST_PERSONS
