"""daemon.housekeeping: what is kept as long as it is needed, and no longer."""

from __future__ import annotations

from datetime import timedelta

from aggregator.daemon.housekeeping import Housekeeping
from aggregator.engine.store import Store
from aggregator.watch.metrics import Metrics
from tests.daemon.stages import Stages
from tests.daemon.test_stages import QUAKE, feed, rss

HOUR = timedelta(hours=1)


async def test_fingerprints_are_kept_one_window(store: Store):
    stages = Stages(store, feed("a"))
    settings = stages.settings
    housekeeping = Housekeeping(
        store,
        metrics=Metrics(),
        clock=stages.clock,
        settings=lambda: settings,
        feed_ids=list,
        hosts=dict,
    )
    await stages.run("a", rss(("1", QUAKE)))
    counts = []
    for hours in (-1, 2):
        stages.now += settings.dedup.window * (hours < 0) + hours * HOUR
        await housekeeping.round(leads=True)
        counts.append(
            await store.engine.command("XLEN", store.engine.keys.fingerprints)
        )
    assert counts == [1, 0]
