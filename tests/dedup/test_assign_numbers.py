"""The chosen numbers of `assign`: each decides a case here, and another number decides it otherwise.

The judges are made for the case (`judges`), so that nothing hangs on what the forests have learned.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from aggregator.dedup.assign import assign, candidates
from aggregator.dedup.features import INDEX
from aggregator.dedup.fingerprint import SHINGLES, Fingerprint
from aggregator.dedup.index import evidence
from aggregator.dedup.rows import row_array
from aggregator.dedup.similarity import compared
from aggregator.dedup.trees import Model
from aggregator.model import Assignment
from tests.dedup.judges import (
    JOINING,
    SETTINGS,
    TOPIC,
    asking,
    forest,
    index_of,
    judge,
    report,
)


def crowd(name: str, grade: int, count: int) -> list[Fingerprint]:
    """The reports of one event, all of one grade."""
    return [report(f"{name}{number}", grade) for number in range(count)]


def answered(model: Model, *events: list[Fingerprint]) -> Assignment:
    """What becomes of the entry that asks, where events are joined from log-odds 0 on."""
    return assign(asking(), index_of(*events), SETTINGS, model=model, join_at=0.0)


# --- what an event's reports say together ---


@pytest.mark.parametrize(("log_odds", "joins"), [(0.45, True), (0.35, False)])
def test_an_event_whose_other_report_is_long_past_is_joined_on_more_evidence(
    log_odds: float, joins: bool
) -> None:
    event = [report("long past", 1, day=2), report("near", 1)]
    assert (answered(judge(log_odds), event).event_id is not None) == joins


@pytest.mark.parametrize(("log_odds", "joined"), [(1.12, "single"), (1.04, "big0")])
def test_a_big_event_must_be_better_than_a_small_one(
    log_odds: float, joined: str
) -> None:
    """Its eight reports are of 2: as an event of 1, less a quarter of its rival's 1.1. The small one loses 0.35 by it."""
    answer = answered(judge(2.0, log_odds), crowd("big", 1, 8), [report("single", 2)])
    assert answer.event_id == joined


def test_too_few_candidates_of_an_event_are_filled_up_to_three_with_its_newest_reports() -> (
    None
):
    """Four of the five share no word with the entry; the newest two are as likely as grade 2, the others hopeless."""
    other = tuple(range(2000, 2006))
    rest = [
        report(f"{number}", grade, title=other)
        for number, grade in enumerate((3, 3, 2, 2))
    ]
    answer = answered(judge(8.0, -1.0, -50.0), [report("alike", 1), *rest])
    assert answer.event_id == "alike"
    assert math.log(answer.score / (1 - answer.score)) == pytest.approx(
        8.0 - 0.25 - 0.5 * math.log2(5), abs=1e-3
    )


# --- merging, and what is related ---


@pytest.mark.parametrize(("log_odds", "absorbs"), [(1.05, ("other",)), (0.95, ())])
def test_an_event_one_above_what_joins_is_absorbed(
    log_odds: float, absorbs: tuple[str, ...]
) -> None:
    answer = answered(judge(5.0, log_odds), [report("best", 1)], [report("other", 2)])
    assert (answer.event_id, answer.absorbs) == ("best", absorbs)
    assert answer.related == (() if absorbs else ("other",))


@pytest.mark.parametrize(("log_odds", "absorbs"), [(1.85, ("other0",)), (1.75, ())])
def test_of_two_events_of_four_more_is_asked(
    log_odds: float, absorbs: tuple[str, ...]
) -> None:
    """1, and 0.4 for the size of the smaller one, beside the 0.4 that its size costs it anyway."""
    answer = answered(judge(6.0, log_odds), crowd("best", 1, 4), crowd("other", 2, 4))
    assert (answer.event_id, answer.absorbs) == ("best0", absorbs)


@pytest.mark.parametrize(("between", "absorbs"), [(1.25, ("other",)), (1.15, ())])
def test_look_alikes_are_not_absorbed_for_a_report_that_is_like_both(
    between: float, absorbs: tuple[str, ...]
) -> None:
    """A round-up of two verdicts does not make them one: their own reports must be alike, too."""
    judging = replace(
        forest(between, 5.0),
        columns=np.full(3, INDEX["title_jaccard"], np.intp),
        thresholds=np.array([0.5, 0, 0], np.float32),
    )
    best, other = TOPIC[:4], TOPIC[2:]
    answer = assign(
        asking(title=TOPIC),
        index_of([report("best", 1, title=best)], [report("other", 1, title=other)]),
        SETTINGS,
        model=Model(judging, judging, judging, JOINING),
        join_at=0.0,
    )
    assert (answer.event_id, answer.absorbs) == ("best", absorbs)


@pytest.mark.parametrize(("log_odds", "event_id"), [(0.3, "near"), (0.2, None)])
def test_a_report_in_another_language_must_be_likelier(
    log_odds: float, event_id: str | None
) -> None:
    foreign = replace(report("near", 1), lang="und")
    assert answered(judge(log_odds), [foreign]).event_id == event_id
    comparison = compared(asking(), foreign, model=judge(log_odds))
    assert comparison.score == pytest.approx(1 / (1 + math.exp(0.25 - log_odds)))


@pytest.mark.parametrize(("own", "event_id"), [(-0.95, "event"), (-1.05, None)])
def test_an_event_that_its_own_publisher_told_otherwise_is_less_likely(
    own: float, event_id: str | None
) -> None:
    """Of two reports, which are 0.75 together without it: with 1 less the event is not joined."""
    told = replace(report("told", 2), site=asking().site)
    others = [report("event", 1), told]
    answer = answered(judge(1.5, own), others)
    assert answer.event_id == event_id
    assert round(math.log(answer.score / (1 - answer.score)), 1) == (
        0.8 if event_id else -0.3
    )


@pytest.mark.parametrize(("log_odds", "related"), [(-1.45, ("near",)), (-1.55, ())])
def test_an_event_not_far_below_is_related(
    log_odds: float, related: tuple[str, ...]
) -> None:
    assert answered(judge(log_odds), [report("near", 1)]).related == related
    assert (
        answered(judge(3.0, log_odds), [report("best", 1)], [report("near", 2)]).related
        == related
    )


def test_at_most_five_events_are_related() -> None:
    events = [[report(f"{number}", 1)] for number in range(7)]
    assert len(answered(judge(-1.0), *events).related) == 5


# --- what is compared ---


@pytest.mark.parametrize(("gate", "event_id"), [(-2.45, "near"), (-2.55, None)])
def test_a_pair_that_the_gate_finds_hopeless_is_not_looked_at_again(
    gate: float, event_id: str | None
) -> None:
    model = Model(forest(gate), forest(4.0), forest(4.0), JOINING)
    assert answered(model, [report("near", 1)]).event_id == event_id


def test_twenty_four_reports_are_found_by_their_words() -> None:
    """Three sets of reports share three words each with the entry, and no other word."""
    words = [range(1000 * part, 1000 * part + 3) for part in (1, 2, 3)]
    known = [
        [report(f"{part}-{n}", 1, title=words[part])]
        for part in range(3)
        for n in range(12)
    ]
    index = index_of(*known)
    asks = row_array([asking(title=[word for some in words for word in some])])
    [found] = candidates(asks, evidence(asks, index.frequency), index)
    assert len(found) == 24


RANKED = 10


def ranked(number: int, grade: int) -> Fingerprint:
    """Of ten reports the first shares most words with the entry, and each further one a word less."""
    return report(f"{number}", grade, title=range(1000, 1000 + RANKED + 2 - number))


@pytest.mark.parametrize(("place", "event_id"), [(7, "7"), (8, None)])
def test_eight_events_are_compared(place: int, event_id: str | None) -> None:
    events = [[ranked(number, 2 if number == place else 1)] for number in range(RANKED)]
    index = index_of(*events)
    asks = asking(title=range(1000, 1000 + RANKED + 2))
    assert (
        assign(asks, index, SETTINGS, model=judge(-5.0, 3.0), join_at=0.0).event_id
        == event_id
    )


@pytest.mark.parametrize(("place", "joins"), [(7, True), (8, False)])
def test_eight_reports_of_an_event_are_compared(place: int, joins: bool) -> None:
    index = index_of(
        [ranked(number, 2 if number == place else 1) for number in range(RANKED)]
    )
    asks = asking(title=range(1000, 1000 + RANKED + 2))
    assert (
        assign(asks, index, SETTINGS, model=judge(-5.0, 30.0), join_at=0.0).event_id
        is not None
    ) == joins


# --- copies ---


@pytest.mark.parametrize(
    ("held", "shared", "reason"),
    [(10, 8, "copy"), (9, 7, "similar"), (10, 7, "similar")],
)
def test_four_fifths_of_a_body_make_a_copy(held: int, shared: int, reason: str) -> None:
    assert held <= SHINGLES
    theirs = tuple(range(1, held + 1))
    index = index_of([report("source", 1, shingles=theirs)])
    mine = (*theirs[:shared], *range(101, 101 + SHINGLES - shared))
    answer = assign(
        asking(shingles=mine), index, SETTINGS, model=judge(3.0), join_at=0.0
    )
    assert (answer.reason, answer.is_copy) == (reason, reason == "copy")


@pytest.mark.parametrize(("shared", "joined"), [(8, "copied"), (7, "likelier")])
def test_a_text_told_twice_decides_between_two_events(shared: int, joined: str) -> None:
    """Its title letter for letter, and four fifths of its body: whatever else is likelier by what was learned."""
    theirs = tuple(range(1, 11))
    copied = replace(report("copied", 1, shingles=theirs), title="asking")
    mine = (*theirs[:shared], *range(101, 101 + SHINGLES - shared))
    answer = assign(
        asking(shingles=mine),
        index_of([copied], [report("likelier", 2)]),
        SETTINGS,
        model=judge(3.0, 6.0),
        join_at=0.0,
    )
    assert answer.event_id == joined
