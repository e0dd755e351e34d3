"""daemon.housekeeping: what is kept as long as it is needed, and no longer."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from structlog.testing import capture_logs

from aggregator.daemon.housekeeping import Housekeeping
from aggregator.engine.store import Store
from aggregator.watch.metrics import Metrics
from tests.daemon.stages import Stages
from tests.daemon.test_stages import QUAKE, feed, rss

HOUR = timedelta(hours=1)


def housekeeping_of(
    stages: Stages, kind: type[Housekeeping] = Housekeeping
) -> Housekeeping:
    return kind(
        stages.store,
        metrics=Metrics(),
        clock=stages.clock,
        settings=lambda: stages.settings,
        leads=lambda: True,
        feed_ids=list,
        hosts=dict,
    )


async def test_fingerprints_are_kept_one_window(store: Store):
    stages = Stages(store, feed("a"))
    settings = stages.settings
    housekeeping = housekeeping_of(stages)
    await stages.run("a", rss(("1", QUAKE)))
    counts = []
    for hours in (-1, 2):
        stages.now += settings.dedup.window * (hours < 0) + hours * HOUR
        await housekeeping.round()
        counts.append(
            await store.engine.command("XLEN", store.engine.keys.fingerprints)
        )
    assert counts == [1, 0]


async def test_a_consumer_group_that_is_given_up_is_told_of_once(store: Store):
    stages = Stages(store, feed("a"))
    housekeeping = housekeeping_of(stages)
    reports = store.engine.keys.reports
    await store.engine.command("XGROUP", "CREATE", reports, "dead", "0", "MKSTREAM")
    await stages.run("a", rss(("1", QUAKE)))
    with capture_logs() as lines:
        for days in (0, 13, 2, 1):
            stages.now += timedelta(days=days)
            await housekeeping.round()
    told = [line for line in lines if line["event"] == "consumer_group_forgotten"]
    assert [(line["stream"], line["group"]) for line in told] == [("reports", "dead")]


class Slow(Housekeeping):
    """Its first step for all takes as long as it is let; the step behind it is seen."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.begun = asyncio.Event()
        self.goes_on = asyncio.Event()
        self.steps: list[str] = []

    async def _drop(self) -> None:
        self.begun.set()
        await self.goes_on.wait()
        self.steps.append("drop")

    async def _forget_fingerprints(self) -> None:
        self.steps.append("forget_fingerprints")

    async def _tell_slips(self) -> None:
        self.steps.append("tell_slips")


async def test_a_stop_waits_for_the_step_that_runs_and_begins_no_other(store: Store):
    house = housekeeping_of(Stages(store), Slow)
    assert isinstance(house, Slow)
    running = asyncio.create_task(house.run())
    house.wake()
    await house.begun.wait()
    stopping = asyncio.create_task(house.stop(asyncio.get_running_loop().time() + 60))
    await asyncio.sleep(0)
    assert not stopping.done()
    house.goes_on.set()
    await asyncio.gather(stopping, running)
    assert house.steps == ["drop"]


async def test_a_stop_waits_for_a_step_until_its_deadline_only(store: Store):
    house = housekeeping_of(Stages(store), Slow)
    assert isinstance(house, Slow)
    running = asyncio.create_task(house.run())
    house.wake()
    await house.begun.wait()
    await house.stop(asyncio.get_running_loop().time() + 0.05)
    assert house.steps == []
    running.cancel()


async def test_rounds_that_fall_due_while_one_runs_are_one(store: Store):
    house = housekeeping_of(Stages(store), Slow)
    assert isinstance(house, Slow)
    running = asyncio.create_task(house.run())
    house.wake()
    await house.begun.wait()
    house.wake()
    house.wake()
    house.goes_on.set()
    async with asyncio.timeout(20):
        while house.steps.count("tell_slips") < 2:
            await asyncio.sleep(0)
    await house.stop(asyncio.get_running_loop().time() + 60)
    await running
    assert house.steps.count("drop") == 2
