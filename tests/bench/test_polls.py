"""The bench of polls runs (its figures are for people)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.bench import fetch_cost
from tests.bench.polls import bench
from tests.bench.polls_published import PLANS, bodies


def run(source: str, entries: int = 3) -> Mapping[str, Mapping[str, object]]:
    return bench(
        source=source,
        feeds=2,
        base=1,
        entries=entries,
        rounds=1,
        rivals=["feedparser"],
        python=sys.executable,
    )


@pytest.mark.slow
def test_the_bench_of_polls_runs_at_its_smallest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert list(run("synthetic")["ours"]) == ["first", "changed", "unchanged", "mixed"]
    assert "feedparser/ours" in capsys.readouterr().out


@pytest.mark.slow
def test_the_bench_of_polls_runs_on_real_feeds(shared: Path) -> None:
    assert list(run("real")["ours"]) == ["first"]


def test_real_polls_are_served_in_their_order(shared: Path) -> None:
    plan, body = PLANS["polls"], bodies("polls", 15, 0)
    rounds = [
        body(number, plan.version(number, "changed", at))
        for number in range(15)
        for at in range(plan.changed)
    ]
    assert len(set(rounds)) == 15 * plan.changed, "each poll brings something else"
    last = plan.version(0, "unchanged", 3)
    assert last == plan.version(0, "changed", plan.changed - 1)
    # Feed 0 is the one in twenty of the first round, feed 15 that of the sixth.
    assert [plan.version(0, "mixed", at) - last for at in (0, 19)] == [1, 1]
    assert [plan.version(15, "mixed", at) - last for at in (4, 5)] == [0, 1]


def test_of_real_feeds_there_are_no_more_than_the_corpus_has(shared: Path) -> None:
    with pytest.raises(LookupError, match="16 feeds asked for"):
        bodies("polls", 16, 0)


def test_the_bench_of_fetches_runs_at_its_smallest() -> None:
    figures = fetch_cost.run(count=1, rounds=1)
    assert [len(times) for times in figures.values()] == [1, 1]
