"""A consumer that sleeps for an hour while the stages and the daemon's housekeeping go on, with a clock that we move.

Each minute the feed has new entries, is polled, its entries are published, and retention is applied. Messages are kept
for 10 minutes, so without the group that sleeps they would be gone long before it wakes.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from aggregator.config import Configuration
from aggregator.daemon.daemon import Daemon
from aggregator.engine.store import Store
from aggregator.model import Backlog, Feed, Queue, RetentionSettings, Settings
from tests.daemon.stages import Stages
from tests.daemon.test_crash import word
from tests.daemon.test_daemon import parts

MINUTE = timedelta(minutes=1)
EACH = 3
"""New entries a minute."""
KEPT = RetentionSettings(events=10 * MINUTE, reports=10 * MINUTE, queues=10 * MINUTE)
SMALL = 256 * 1024
"""A cap that the hour's messages (3 kB each) go well over."""
FEED = Feed(
    "a",
    "https://a.example/feed",
    backlog=Backlog.ALL,
    min_interval=timedelta(seconds=1),
    max_interval=MINUTE,
)


@dataclass
class Hour:
    """The stages at work, minute by minute."""

    stages: Stages
    daemon: Daemon
    served: list[str] = field(default_factory=list)

    async def pass_by(self, minutes: int) -> None:
        for _ in range(minutes):
            self.stages.now += MINUTE
            self.served += [
                f"a-{number}"
                for number in range(len(self.served), len(self.served) + EACH)
            ]
            self.stages.bodies["a"] = rss(len(self.served))
            await self.stages.poll_stage.round()
            await asyncio.gather(*self.stages.poll_stage._running)
            await self.stages.assign()
            await self.daemon.house.round()

    async def told(self) -> list[str]:
        """What `agg:trouble` says of dropped messages."""
        notices = await self.stages.store.watch.trouble(
            self.stages.now - timedelta(days=2)
        )
        return [one.notice.detail for one in notices if one.notice.kind == "dropped"]


def rss(count: int) -> bytes:
    items = "".join(
        f"<item><guid>a-{n}</guid><title>{word('a', n)}</title><description>{long_text(n)}</description></item>"
        for n in reversed(range(count))
    )
    return (
        f"<rss version='2.0'><channel><title>a</title>{items}</channel></rss>".encode()
    )


def long_text(number: int) -> str:
    dice = random.Random(number)
    return " ".join(
        "".join(dice.choices("abcdefghijklmnoprstuvz", k=8)) for _ in range(150)
    )


@pytest.fixture
async def hour(
    store: Store, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Hour]:
    """`request.param` is the [retention] in force. The clock begins at the server's time, which dates its messages."""
    settings = Settings(
        retention=request.param, queues=(Queue("copy", deliver="reports"),)
    )
    stages = Stages(store, FEED, settings=settings, now=await store.server_time())
    made, file = parts(stages, tmp_path)
    assert isinstance(file.now, Configuration)
    await stages.poll_stage.register(at_once=True)
    yield Hour(stages, Daemon(made, file.now))
    await stages.poll_stage.stop()


async def fall_asleep(store: Store, *streams: str) -> None:
    for stream in streams:
        await store.engine.command(
            "XGROUP", "CREATE", stream, "sleeper", "0", "MKSTREAM"
        )


async def read(
    store: Store, stream: str, group: str, *, acknowledge: bool = True
) -> list[str]:
    """The guids of everything that the group has not been given yet."""
    found = []
    while answer := await store.engine.command(
        "XREADGROUP", "GROUP", group, "c", "COUNT", 50, "STREAMS", stream, ">"
    ):
        [rows] = answer.values()
        found += [fields[b"guid"].decode() for _, fields in rows]
        if acknowledge:
            await store.engine.command("XACK", stream, group, *(row[0] for row in rows))
    return found


@pytest.mark.parametrize("hour", [KEPT], indirect=True, ids=["below_the_cap"])
async def test_a_consumer_that_slept_an_hour_finds_everything(hour: Hour, store: Store):
    streams = ("agg:events", "agg:reports", "agg:queue:copy")
    await fall_asleep(store, *streams)
    await hour.pass_by(60)
    for stream in streams:
        assert await read(store, stream, "sleeper") == hour.served
    assert await hour.told() == []
    await hour.pass_by(12)
    assert await store.engine.command("XLEN", "agg:reports") == 12 * EACH, (
        "what is older than 10 minutes goes once it is read"
    )


@pytest.mark.parametrize(
    "hour",
    [RetentionSettings(max_stream_bytes=SMALL)],
    indirect=True,
    ids=["above_the_cap"],
)
async def test_above_the_cap_it_is_told_exactly_what_it_lost_and_who_kept_up_lost_nothing(
    hour: Hour, store: Store
):
    await fall_asleep(store, "agg:reports")
    await store.engine.command(
        "XGROUP", "CREATE", "agg:reports", "awake", "0", "MKSTREAM"
    )
    await hour.pass_by(2)
    taken = await read(store, "agg:reports", "sleeper", acknowledge=False)
    awake = await read(store, "agg:reports", "awake")
    for _ in range(58):
        await hour.pass_by(1)
        awake += await read(store, "agg:reports", "awake")
    left = await read(store, "agg:reports", "sleeper")
    told = [
        detail for detail in await hour.told() if detail.startswith("agg:reports: ")
    ]
    lost = sum(
        int(number)
        for detail in told
        for number in re.findall(r"group sleeper had not acknowledged (\d+)", detail)
    )
    assert awake == hour.served
    assert left == hour.served[-len(left) :]
    assert 0 < lost == len(hour.served) - len(left)
    assert lost == sum(
        int(re.findall(r"(\d+) messages dropped", detail)[0]) for detail in told
    )
    assert not [detail for detail in told if "awake" in detail]
    assert len(taken) == 2 * EACH


SLOW_DOWN = RetentionSettings(max_stream_bytes=SMALL, on_slow_consumer="slow_down")


@pytest.mark.parametrize("hour", [SLOW_DOWN], indirect=True, ids=["slow_down"])
async def test_with_slow_down_polling_waits_for_it_and_nothing_is_lost(
    hour: Hour, store: Store
):
    await fall_asleep(store, "agg:reports")
    await hour.pass_by(60)
    assert hour.stages.poll_stage.paused_by
    asked = len(hour.stages.requests)
    assert asked < 60, "polling stopped when the stream was full"
    found = await read(store, "agg:reports", "sleeper")
    assert found == hour.served[: len(found)]
    await hour.daemon.house.round()
    await hour.pass_by(1)
    found += await read(store, "agg:reports", "sleeper")
    assert found == hour.served
    assert [detail for detail in await hour.told() if "sleeper" in detail] == []
