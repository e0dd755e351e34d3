"""The exam of the matching: what it counts, that nothing learns from it, and that we pass it better than others."""

import pytest

from aggregator.dedup.backtest import backtest
from aggregator.model import DedupSettings
from tests.bench import states
from tests.bench.exam import FAMILIES, FIRST, SECOND, read, result_of
from tests.bench.rivals import RIVALS, Rival, clusters
from tests.bench.states import Row


@pytest.fixture(
    scope="module",
    params=[FIRST, SECOND, FAMILIES],
    ids=["first", "second", "third"],
)
def exam(request: pytest.FixtureRequest) -> list[Row]:
    return read(sorted(request.param.glob("*.jsonl")))


def test_siblings_that_share_an_event_and_pairs_that_were_found_are_counted() -> None:
    rows: list[Row] = [
        {"id": name, "cluster": name[0], "family": "f"} for name in ("a1", "a2", "b1")
    ]
    rows.append({"id": "c1", "cluster": "c", "family": "g"})
    events = {"a1": "one", "a2": "two", "b1": "one", "c1": "one"}
    found = result_of(rows, events)
    # Of two families no two events are siblings, though they share an event.
    assert (found.siblings, found.merged) == (1, 1)
    assert (found.same, found.found) == (1, 0)
    assert found.b_cubed.precision == pytest.approx((1 / 3 + 1 + 1 / 3 + 1 / 3) / 4)


def test_nothing_that_is_learned_from_stands_in_the_exam(exam: list[Row]) -> None:
    rows = [*states.families(held_back=False), *states.families(held_back=True)]
    rows += states.fresh_families()
    assert len({row["id"] for row in exam}) == len(exam) > 700
    # A plain headline ("Egypt's central bank cuts rates by 100 basis points") two writers may write alike.
    assert not {told(row) for row in rows} & {told(row) for row in exam}


def told(row: Row) -> tuple[object, object]:
    return row["title"], row["text"]


@pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: rival.name)
def test_the_exam_is_passed_better_than_by_other_rules(
    exam: list[Row], rival: Rival
) -> None:
    ours = result_of(exam, dict(backtest(exam, DedupSettings(meaning=False)).events))
    theirs = result_of(exam, clusters(exam, rival))
    assert ours.b_cubed.f1 > theirs.b_cubed.f1 + 0.2
    assert ours.found > 5 * theirs.found
