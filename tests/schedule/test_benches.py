"""The poll wing's benches run, at their smallest, and the interval keeps its promise on a made-up newsroom."""

from __future__ import annotations

import random

import pytest

from tests.bench import sandbox_cost, schedule_sim


@pytest.mark.usefixtures("fresh_fork_server")
async def test_the_sandbox_bench_runs(capsys: pytest.CaptureFixture[str]):
    await sandbox_cost.measure(1)
    await sandbox_cost.measure_hand_over(1)
    assert "first answer after" in capsys.readouterr().out


def test_the_schedule_bench_counts_polls_and_delays(capsys: pytest.CaptureFixture[str]):
    totals = schedule_sim.simulated(
        [("a", [0.0, 3600.0, 7200.0, 50_000.0, 90_000.0])], seed=1
    )
    assert [len(tally.delays) for tally in totals] == [2, 2, 2]
    assert all(delay >= 0 for tally in totals for delay in tally.delays)
    assert max(totals[1].delays) <= 15 * 60
    assert max(totals[2].delays) <= 60 * 60
    schedule_sim.told("made up", totals)
    assert "every 15 min" in capsys.readouterr().out


def test_adaptive_polling_spends_less_than_fixed_at_nearly_the_same_delay():
    """A daytime newsroom and ten blogs over four weeks: the goal of the issue, on times of our own."""
    chance, day = random.Random(4), 86_400.0
    newsroom = sorted(
        d * day + chance.uniform(7, 19) * 3600 for d in range(28) for _ in range(40)
    )
    blogs = [
        sorted(chance.uniform(0, 28) * day for _ in range(chance.randint(4, 12)))
        for _ in range(10)
    ]
    feeds = [
        ("newsroom", newsroom),
        *((f"blog{n}", times) for n, times in enumerate(blogs)),
    ]
    adaptive, quarter, _ = schedule_sim.simulated(feeds, seed=1)
    assert adaptive.poll_count <= 0.4 * quarter.poll_count
    assert adaptive.delay(0.5) <= 1.5 * quarter.delay(0.5)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_adaptive_polling_meets_its_goal_on_the_outlets_of_the_corpus(shared: object):
    adaptive, quarter, _ = schedule_sim.simulated(schedule_sim.outlets(), seed=1)
    assert adaptive.poll_count <= 0.4 * quarter.poll_count
    assert adaptive.delay(0.5) <= 1.5 * quarter.delay(0.5)
