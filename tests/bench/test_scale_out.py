"""The bench of several programs runs (its figures are for people)."""

from __future__ import annotations

import pytest

from tests.bench.scale_out import bench


@pytest.mark.slow
async def test_the_bench_of_several_programs_runs_at_its_smallest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    best = await bench(feeds=2, entries=1, workers=2, rounds=1)
    assert len(best) == 6
    assert all(speed > 0 for speed in best.values())
    assert "against one program" in capsys.readouterr().out
