"""Which decisions are told as doubtful: the nearest to the threshold, as long as a word on them decides something."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.dedup.apart import Apart
from aggregator.model import EPOCH, Decision, FingerprintRecord, Ruling, Verb
from aggregator.pipeline.doubt import KEPT, Doubt, Doubts, is_open

SCORES = st.lists(st.floats(0, 1), max_size=40)


def record(
    name: str, score: float, reason: str = "similar", best: str = "near"
) -> FingerprintRecord:
    return FingerprintRecord(
        name, f"e-{name}", "feed", EPOCH, b"", decision=Decision(score, reason, best)
    )


def names(doubts: Doubts) -> tuple[list[str], list[str]]:
    return [doubt.entry_id for doubt in doubts.joined], [
        doubt.entry_id for doubt in doubts.started
    ]


def test_the_lowest_scores_of_those_that_joined_and_the_highest_of_the_others_come_first() -> (
    None
):
    records = [
        record("sure", 0.9),
        record("just", 0.44),
        record("copied", 0.5, "copy"),
        record("far", 0.1, "new"),
        record("nearly", 0.42, "new"),
    ]
    assert names(Doubts().with_records(records)) == (
        ["just", "copied", "sure"],
        ["nearly", "far"],
    )


@pytest.mark.parametrize(
    "passed_over",
    [
        record("a", 1.0, "same_url"),
        record("a", 0.0, "new", best=""),
        FingerprintRecord("a", "e-a", "feed", EPOCH, b""),
    ],
    ids=[
        "one address",
        "nothing to weigh it against",
        "of a version that kept no decision",
    ],
)
def test_what_no_score_decided_is_no_doubt(passed_over: FingerprintRecord) -> None:
    assert names(Doubts().with_records([passed_over])) == ([], [])


@given(SCORES, st.integers(0, 40))
def test_it_does_not_matter_in_what_pages_the_log_is_read(
    scores: list[float], cut: int
) -> None:
    records = [
        record(f"{number}", score, "new" if number % 2 else "update")
        for number, score in enumerate(scores)
    ]
    at_once = Doubts().with_records(records)
    assert Doubts().with_records(records[:cut]).with_records(records[cut:]) == at_once


def test_a_long_log_leaves_only_the_most_doubtful() -> None:
    count = KEPT + 10
    doubts = Doubts().with_records(
        record(f"{number}", number / count) for number in range(count)
    )
    assert len(doubts.joined) == KEPT
    assert doubts.joined[0].entry_id == "0"


def ruling(
    verb: Verb, entry_ids: tuple[str, ...], other_entry_ids: tuple[str, ...]
) -> Ruling:
    return Ruling("r", verb, "e1", "e2", entry_ids, other_entry_ids, EPOCH)


def doubt(reason: str) -> Doubt:
    return Doubt("a", "e1", EPOCH, Decision(0.4, reason, "b"))


@pytest.mark.parametrize(
    ("reason", "near_event_id"), [("similar", "e1"), ("new", "e2")]
)
def test_a_decision_that_stands_is_open(reason: str, near_event_id: str) -> None:
    other = ruling(Verb.JOIN, ("a",), ("c",))
    assert is_open(doubt(reason), near_event_id, [other], Apart())


@pytest.mark.parametrize(
    ("reason", "near_event_id"), [("similar", "e2"), ("new", "e1")]
)
def test_a_decision_that_was_overtaken_is_not_open(
    reason: str, near_event_id: str
) -> None:
    """A report that joined is in another event by now, or the two events have become one."""
    assert not is_open(doubt(reason), near_event_id, [], Apart())


@pytest.mark.parametrize(
    ("reason", "near_event_id"), [("similar", "e1"), ("new", "e2")]
)
def test_what_an_operator_has_said_is_not_asked_again(
    reason: str, near_event_id: str
) -> None:
    for verb in Verb:
        assert not is_open(
            doubt(reason), near_event_id, [ruling(verb, ("a",), ("b",))], Apart()
        )
        assert not is_open(
            doubt(reason), near_event_id, [ruling(verb, ("b", "c"), ("a",))], Apart()
        )


def test_events_that_an_operator_holds_apart_are_not_asked_about() -> None:
    apart = Apart()
    apart.keep("e2", ["e1"])
    assert not is_open(doubt("new"), "e2", [], apart)
