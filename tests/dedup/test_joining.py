"""What an event's reports say together, and what speaks for other events."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import mul

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.dedup import learned
from aggregator.dedup.features import RECURRING
from aggregator.dedup.joining import (
    AWAY,
    FEATURES,
    LEAST,
    UNLIKE,
    Pair,
    Standing,
    event_log_odds,
    features_of,
    lone_log_odds,
    support,
)

log_odds = st.floats(-9, 9, allow_nan=False)
events = st.lists(
    st.tuples(st.lists(log_odds, min_size=1, max_size=8), st.integers(0, 40)),
    min_size=1,
    max_size=8,
)


def standing(*odds: float, size: int = 0, own: Sequence[float] = ()) -> Standing:
    """An event whose reports are as likely as this, those of the entry's `own` publisher last."""
    pairs = [Pair(one, False, False) for one in odds]
    pairs += [Pair(one, False, True) for one in own]
    return Standing(pairs, size or len(pairs))


def told(*events: Standing) -> dict[str, float]:
    """The features of the first of the events that are not 0."""
    features = features_of(events)[0]
    return {
        name: value
        for name, value in zip(FEATURES, features, strict=True)
        if value != 0
    }


# --- by itself ---


def test_a_single_report_speaks_for_its_event_alone() -> None:
    assert told(standing(0.7)) == {}
    assert event_log_odds([standing(0.7)], learned.model().joining) == [0.7]
    assert support(standing(0.7)) == 0.7


def test_the_best_three_the_least_and_the_size_are_weighed() -> None:
    assert told(standing(2.0, -1.0, 5.0, -8.0)) == {
        "several": 1.0,
        "best": 5.0,
        "best_above": 5.0,
        "second": 2.0,
        "three": 1.0,
        "third": -1.0,
        "least": LEAST,
        "doublings": 2.0,
        "recurring": 1.0,
    }


def test_reports_out_of_reach_in_time_stand_for_unlike_ones() -> None:
    found = told(standing(-0.5, size=3))
    assert (found["second"], found["third"]) == (UNLIKE, UNLIKE)
    assert found["least"] == -0.5
    assert support(standing(-0.5, size=3)) == pytest.approx(
        (-0.5 + 2 * UNLIKE) / 3 - 0.2 * math.log2(3)
    )


def test_support_is_the_mean_of_the_best_three_less_a_fifth_for_each_doubling() -> None:
    assert support(standing(-8.0, 5.0, -1.0, 2.0)) == pytest.approx(2.0 - 0.4)
    assert support(standing(4.0, RECURRING)) == pytest.approx(1.0 - 0.2)


def test_an_own_publisher_that_told_it_otherwise_is_a_feature() -> None:
    assert told(standing(0.5, own=[-1.1]))["told_otherwise"] == 1.0
    assert "told_otherwise" not in told(standing(0.5, own=[-0.9]))
    assert told(standing(own=[-1.1])) == {"told_otherwise": 1.0}


# --- beside others ---


def test_a_rival_is_weighed_by_its_support_and_by_its_best_report() -> None:
    rival = standing(2.0, -1.0)
    assert told(standing(1.0), rival) == {
        "rival": 0.3 - AWAY,
        "rivals_best": 2.0 - AWAY,
        "rival_above": pytest.approx(0.3),
        "rivals_best_above": 2.0,
    }


def test_what_is_out_of_the_question_is_no_rival_and_is_not_weighed() -> None:
    away = standing(AWAY - 0.1, AWAY - 2)
    assert told(standing(1.0), away) == {}
    assert told(away, standing(1.0)) == {}


@given(events)
def test_the_features_do_not_depend_on_the_order_of_events_and_pairs(
    some: list[tuple[list[float], int]],
) -> None:
    forwards = [standing(*odds, size=len(odds) + more) for odds, more in some]
    backwards = [
        standing(*reversed(odds), size=len(odds) + more) for odds, more in some
    ]
    found = features_of(forwards)
    assert found == features_of(backwards)
    assert found == features_of(backwards[::-1])[::-1]
    assert all(len(features) == len(FEATURES) for features in found)


@given(events)
def test_an_event_is_as_likely_as_its_best_report_and_its_weighed_features(
    some: list[tuple[list[float], int]],
) -> None:
    met = [standing(*odds, size=len(odds) + more) for odds, more in some]
    weights = learned.model().joining
    for event, features, found in zip(
        met, features_of(met), event_log_odds(met, weights), strict=True
    ):
        weighed = sum(map(mul, weights, features))
        assert found == pytest.approx(event.best + weighed, abs=1e-9)


# --- as learned ---


def likely(*events: Standing) -> float:
    """The log-odds of the first of the events, by the weights that ship."""
    return event_log_odds(events, learned.model().joining)[0]


@given(st.lists(log_odds, min_size=2, max_size=6), st.floats(0.1, 4))
def test_a_likelier_best_report_makes_an_event_likelier(
    odds: list[float], more: float
) -> None:
    best = max(odds)
    rest = sorted(odds)[:-1]
    if best > AWAY:
        assert likely(standing(best + more, *rest)) >= likely(standing(*odds)) - 1e-6


def test_of_two_look_alikes_that_are_nearly_as_likely_neither_is_joined_lightly() -> (
    None
):
    alone = likely(standing(1.0, 0.5, 0.5))
    beside = likely(standing(1.0, 0.5, 0.5), standing(0.9, 0.5, 0.5))
    assert beside < alone - 0.5


def test_one_likely_report_carries_an_event_whose_others_say_little() -> None:
    """The fourth report of an event is often like one of the three before it: 0.2 was joined at, the mean is -0.6."""
    assert likely(standing(2.1, -1.7)) > support(standing(2.1, -1.7)) + 0.3


def test_what_has_come_again_speaks_against_an_event() -> None:
    assert likely(standing(2.0, RECURRING)) < likely(standing(2.0, -4.0))


@given(st.lists(st.tuples(log_odds, st.booleans()), max_size=8))
def test_events_of_one_report_are_weighed_as_all_are(
    some: list[tuple[float, bool]],
) -> None:
    pairs = [Pair(odds, False, is_own) for odds, is_own in some]
    weights = learned.model().joining
    events = [Standing([pair], 1) for pair in pairs]
    assert lone_log_odds(pairs, weights) == event_log_odds(events, weights)
