"""The bench of polls runs (its figures are for people)."""

from __future__ import annotations

import sys

import pytest

from tests.bench import fetch_cost
from tests.bench.polls import STAGES, bench


@pytest.mark.slow
def test_the_bench_of_polls_runs_at_its_smallest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = bench(
        feeds=2,
        base=1,
        entries=3,
        rounds=1,
        rivals=["feedparser"],
        python=sys.executable,
    )
    assert list(table["ours"]) == list(STAGES)
    assert "feedparser/ours" in capsys.readouterr().out


def test_the_bench_of_fetches_runs_at_its_smallest() -> None:
    figures = fetch_cost.run(count=1, rounds=1)
    assert [len(times) for times in figures.values()] == [1, 1]
