"""What each digest covers: every moment once, whatever the cron, however long nobody made one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from aggregator.daemon.watching import DigestMaker, window_digest
from aggregator.engine.store import Store
from aggregator.model import Digest, DigestSettings
from aggregator.watch.digest_files import DigestFiles
from tests.daemon.stages import Stages
from tests.daemon.test_stages import BUDGET, QUAKE, feed, rss

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
WEEKLY = DigestSettings(cron="0 8 * * mon")


async def made(
    store: Store, folder: Path, now: datetime, settings: DigestSettings
) -> Digest | None:
    maker = DigestMaker(store=store, files=DigestFiles(folder), feed_ids=list)
    return await maker.make(now=now, settings=settings, elapsed={})


async def test_a_weekly_digest_covers_its_week(store: Store, tmp_path: Path):
    for monday in (MONDAY, MONDAY + timedelta(days=7)):
        digest = await made(store, tmp_path, monday + timedelta(seconds=2), WEEKLY)
        assert digest is not None
        assert (digest.window_from_at, digest.window_to_at) == (
            monday - timedelta(days=7),
            monday,
        )


async def test_the_digest_after_a_long_pause_covers_the_pause(
    store: Store, tmp_path: Path
):
    await made(store, tmp_path, MONDAY, DigestSettings())
    digest = await made(store, tmp_path, MONDAY + timedelta(days=5), DigestSettings())
    assert digest is not None
    assert digest.window_from_at == MONDAY


async def test_the_first_hourly_digest_covers_an_hour(store: Store, tmp_path: Path):
    digest = await made(store, tmp_path, MONDAY, DigestSettings())
    assert digest is not None
    assert digest.window_to_at - digest.window_from_at == timedelta(hours=1)


async def test_after_a_clock_that_was_ahead_digests_go_on(store: Store, tmp_path: Path):
    await made(store, tmp_path, MONDAY + timedelta(days=365), DigestSettings())
    digest = await made(store, tmp_path, MONDAY, DigestSettings())
    assert digest is not None
    assert (digest.window_from_at, digest.window_to_at) == (
        MONDAY - timedelta(hours=1),
        MONDAY,
    )


async def test_a_digest_is_not_made_twice_nor_backwards(store: Store, tmp_path: Path):
    await made(store, tmp_path, MONDAY, DigestSettings())
    assert (
        await made(store, tmp_path, MONDAY + timedelta(seconds=30), DigestSettings())
        is None
    )
    assert (
        await made(store, tmp_path, MONDAY - timedelta(minutes=10), DigestSettings())
        is None
    )
    assert len(await store.watch.digests(datetime(2000, 1, 1, tzinfo=UTC))) == 1


async def test_totals_follow_the_filters(store: Store):
    stages = Stages(store, feed("a"))
    await stages.run("a", rss(("1", QUAKE), ("2", BUDGET)))
    now = await store.server_time()
    window = {
        "since": now - timedelta(hours=1),
        "until": now + timedelta(seconds=1),
        "top": 5,
        "elapsed": {},
    }
    found = await window_digest(store, feed_ids=["a"], language="en", **window)
    none = await window_digest(store, feed_ids=["a"], language="xx", **window)
    assert (dict(found.totals.reports), found.totals.entries["new"]) == (
        {"new_event": 2},
        2,
    )
    assert (
        none.event_count,
        sum(none.totals.reports.values()),
        none.totals.entries["new"],
    ) == (0, 0, 0)
