"""The benches of scale, growth and latency run at their smallest (their figures are for people)."""

from __future__ import annotations

import pytest

from tests.bench import growth, latency, memory, scale, soak


async def test_the_bench_of_scale_polls_every_feed_once():
    rows = await scale.bench(feeds=1, minutes=0.05)
    assert [row.what for row in rows] == ["polls", "one host", "health", "trim"]
    assert rows[0].late_p99 is not None
    assert 0 <= rows[0].late_p99 <= 2
    assert all(len(row.cells()) == len(scale.HEADINGS) for row in rows)


@pytest.mark.slow
async def test_the_bench_of_growth_measures_every_column():
    costs = await growth.bench(sizes=[1, 2], sample=1)
    assert [cost.size for cost in costs] == [1, 2]
    assert all(len(cost.cells()) == len(growth.HEADINGS) for cost in costs)
    assert costs[0].entry_ms > 0


@pytest.mark.slow
def test_the_bench_of_latency_sees_its_entry_come():
    [row] = latency.bench(rates=[1], seconds=0.2)
    assert len(row) == len(latency.HEADINGS)
    assert row[1] == "1"


@pytest.mark.slow
def test_the_bench_of_growing_memory_sees_daemon_and_children():
    plan = soak.Plan(0, feeds=2, hostile=3, kill_every=0.5, log="gone", every=0.1)
    [row, *_], ledger = soak.bench(plan)
    assert len(row) == len(soak.HEADINGS)
    assert all(isinstance(value, float) and value > 1 for value in row[2:4])
    assert ledger.missing() == ledger.twice() == []


@pytest.mark.slow
async def test_the_bench_of_memory_sees_the_window_loaded():
    [row] = await memory.bench(feeds=[2], windows=[3], idle_s=0)
    assert len(row) == len(memory.HEADINGS)
    assert row[:2] == ("2", "3")
    assert isinstance(row[2], float)
    assert row[2] > 20
