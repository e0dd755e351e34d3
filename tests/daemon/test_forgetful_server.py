"""A server that comes back empty, loses a part, or is another one: the daemon tells it of its feeds again, and says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from aggregator.config import Configuration
from aggregator.daemon import registering
from aggregator.daemon.daemon import Daemon
from aggregator.engine.client import Client, connect
from aggregator.engine.embedded import EmbeddedServer
from aggregator.engine.risks import risks_of
from aggregator.engine.store import Store
from aggregator.model import EPOCH
from tests.daemon.stages import Stages
from tests.daemon.test_daemon import parts, running, until
from tests.daemon.test_stages import QUAKE, feed, rss


async def flushed(client: Client) -> None:
    await client.execute_command("FLUSHALL")


async def evicted(client: Client) -> None:
    """A server under an eviction policy may take any key: the due set alone is enough to stop polling."""
    await client.execute_command("DEL", "agg:due")


async def replaced(client: Client) -> None:
    """Another installation's server stands behind the address now."""
    await client.execute_command("FLUSHALL")
    await client.execute_command("SET", "agg:installation", "theirs")
    await client.execute_command(
        "ZADD", "agg:due", 1, "their-1", 1, "their-2", 1, "their-3"
    )
    await client.execute_command(
        "HSET", "agg:leader", "worker", "them", "token", "7", "lapses", "1"
    )


@pytest.mark.parametrize("lose", [flushed, evicted, replaced])
async def test_feeds_are_registered_again_and_that_is_told(
    store: Store, tmp_path: Path, lose: Callable[[Client], Awaitable[None]]
):
    stages = Stages(store, feed("a"), feed("b"))
    stages.bodies = {"a": rss(("1", QUAKE)), "b": rss(("2", QUAKE), site="b")}
    made, file = parts(stages, tmp_path)
    assert isinstance(file.now, Configuration)
    daemon = Daemon(made, file.now)
    with capture_logs() as lines:
        async with running(daemon):
            assert daemon.troubles() == []
            await lose(store.engine.client)
            await until(
                lambda: [
                    line for line in lines if line["event"] == "feeds_registered_again"
                ]
            )
            await until(lambda: not daemon.troubles())
            assert sorted(await store.polls.feed_ids()) == ["a", "b"]
            stages.now += timedelta(
                hours=2
            )  # what was spread is due: the feeds are polled and published anew
            async with asyncio.timeout(20):
                while not [message async for message in store.watch.messages(EPOCH)]:
                    await asyncio.sleep(0.05)
    [told] = await store.watch.trouble(EPOCH)
    assert told.notice.kind == "dropped"
    assert "it knew 0 of 2 feeds" in told.notice.detail
    are_others = "3 feeds there are not ours" in told.notice.detail
    assert are_others is (lose is replaced)


async def test_two_lists_of_feeds_on_one_server_are_told_of_as_that(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(registering, "PATIENCE", timedelta(0))
    ours, theirs = Stages(store, feed("a"), feed("b")), Stages(store, feed("c"))
    first = registering.Registration(store, clock=ours.clock)
    second = registering.Registration(store, clock=theirs.clock)
    one, other = object(), object()
    await first.keep(one, ours.poll_stage.feeds, ours.poll_stage.register)
    await second.keep(other, theirs.poll_stage.feeds, theirs.poll_stage.register)
    for _ in range(2):
        await first.keep(one, ours.poll_stage.feeds, ours.poll_stage.register)
    [told] = await store.watch.trouble(EPOCH)
    assert "1 feeds there are not ours" in told.notice.detail
    assert "give one of them a state_dir" in told.notice.detail


async def test_a_reload_with_fewer_feeds_elsewhere_is_no_loss(
    store: Store, tmp_path: Path
):
    """Another worker takes over a feeds.toml with fewer feeds a moment before this one does."""
    stages = Stages(store, feed("a"), feed("b"))
    registration = registering.Registration(store, clock=stages.clock)

    async def register() -> None:
        await stages.poll_stage.register()

    before = object()
    await registration.keep(before, stages.poll_stage.feeds, register)
    await store.polls.register({"a": stages.now})
    await registration.keep(before, stages.poll_stage.feeds, register)
    assert registration.trouble == "the Redis server knows 1 of 2 feeds"
    assert await store.polls.feed_ids() == ["a"]
    stages.poll_stage.use(stages.settings, (feed("a"),))
    await registration.keep(object(), stages.poll_stage.feeds, register)
    assert registration.trouble == ""
    assert await store.watch.trouble(EPOCH) == []


async def test_of_several_workers_one_tells(store: Store, engine_url: str):
    stages = Stages(store, feed("a"))
    elsewhere = Store(connect(engine_url))
    others = Stages(elsewhere, feed("a"))
    workers = [
        (registering.Registration(each.store, clock=each.clock), each.poll_stage)
        for each in (stages, others)
    ]
    one = object()
    for registration, stage in workers:
        await registration.keep(one, stage.feeds, stage.register)
    await store.engine.client.execute_command("FLUSHALL")
    for _ in range(2):
        for registration, stage in workers:
            await registration.keep(one, stage.feeds, stage.register)
    assert len(await store.watch.trouble(EPOCH)) == 1
    assert await store.polls.feed_ids() == ["a"]
    await elsewhere.close()


async def test_a_lead_that_the_server_has_forgotten_is_not_told_as_anothers(
    store: Store,
):
    stages = Stages(store)
    with capture_logs() as lines:
        working = asyncio.create_task(stages.event_stage.run())
        await until(lambda: stages.event_stage.leads)
        await store.engine.client.execute_command("FLUSHALL")
        await until(lambda: [line for line in lines if line["event"] == "lead_lost"])
        await until(lambda: stages.event_stage.leads)
        stages.event_stage.stop()
        await working
    [lost] = [line for line in lines if line["event"] == "lead_lost"]
    assert "lost its data" in lost["error"]


async def test_a_server_that_may_forget_is_told_of(own_server: EmbeddedServer):
    client = connect(own_server.url)
    store = Store(client)
    assert await store.watch.server_risks() == ()
    await client.execute_command("CONFIG", "SET", "maxmemory", "100mb")
    await client.execute_command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    [evicts] = await store.watch.server_risks()
    assert "maxmemory-policy allkeys-lru" in evicts
    await client.execute_command("CONFIG", "SET", "appendonly", "no")
    await client.execute_command("CONFIG", "SET", "save", "")
    assert [risk.split(":")[0] for risk in await store.watch.server_risks()] == [
        "the Redis server may evict our keys when its memory is full (maxmemory-policy allkeys-lru)",
        "the Redis server keeps nothing on disk (appendonly no, save off)",
    ]
    await store.close()


@pytest.mark.parametrize(
    ("info", "save", "count"),
    [
        (
            {"maxmemory": 0, "maxmemory_policy": "allkeys-lru"},
            "",
            0,
        ),  # without a limit nothing is evicted
        ({"maxmemory": 1, "maxmemory_policy": "volatile-ttl"}, "", 1),
        ({"aof_enabled": 0}, "3600 1", 0),
        ({"aof_enabled": 0}, None, 0),  # a managed server that does not tell
        ({"aof_enabled": 0}, " ", 1),
        ({}, None, 0),
    ],
)
def test_only_known_risks_are_told(
    info: dict[str, object], save: str | None, count: int
):
    assert len(risks_of(info, save)) == count
