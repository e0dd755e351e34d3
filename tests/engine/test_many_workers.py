"""Workers as processes of their own, killed at random moments, the server too: each entry is published once."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from aggregator.engine.client import connect
from aggregator.engine.embedded import EmbeddedServer
from aggregator.engine.store import Store
from aggregator.errors import EngineDown
from tests.engine.making import EPOCH, NOW
from tests.engine.worker import EACH, names

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
ROOT = Path(__file__).resolve().parents[2]


class Workers:
    """Worker processes that are started again when they are killed."""

    def __init__(self, url: str, feeds: int) -> None:
        self._url, self._feeds = url, feeds
        self.running: dict[str, asyncio.subprocess.Process] = {}

    async def start(self, role: str, name: str) -> None:
        words = ("-m", "tests.engine.worker", role, self._url, name, str(self._feeds))
        self.running[f"{role} {name}"] = await asyncio.create_subprocess_exec(
            sys.executable, *words, cwd=ROOT, stdout=subprocess.DEVNULL
        )

    async def kill_one(self, chance: random.Random) -> None:
        """SIGKILL to one of them, and another in its place."""
        role, name = chance.choice(sorted(self.running)).split(" ")
        process = self.running[f"{role} {name}"]
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await self.start(role, f"{name}'")
        del self.running[f"{role} {name}"]

    async def ended(self) -> None:
        for process in self.running.values():
            assert await process.wait() == 0


@asynccontextmanager
async def registered(server: EmbeddedServer, feeds: int) -> AsyncIterator[Store]:
    store = Store(connect(server.url))
    await store.polls.register(dict.fromkeys(names(feeds), NOW))
    yield store
    await store.close()


async def each_once(store: Store, feeds: int) -> None:
    ids = [one.entry_id async for one in store.watch.messages(EPOCH, stream="events")]
    assert len(ids) == len(set(ids)) == feeds * EACH
    assert await store.events.waiting_count() == 0


async def test_four_poll_workers_and_a_stand_by_publish_10000_feeds_once(
    tmp_path: Path,
) -> None:
    feeds, server = 10_000, EmbeddedServer(tmp_path)
    await server.start()
    async with registered(server, feeds) as store:
        workers = Workers(server.url, feeds)
        for number in range(4):
            await workers.start("poll", str(number))
        for number in range(2):
            await workers.start("event", str(number))
        await workers.ended()
        await each_once(store, feeds)
    await server.stop()


async def test_workers_and_server_killed_at_random_publish_each_entry_once(
    own_server: EmbeddedServer,
) -> None:
    feeds, kills, chance = 3000, 40, random.Random(20261122)
    async with registered(own_server, feeds) as store:
        workers = Workers(own_server.url, feeds)
        for number in range(2):
            await workers.start("poll", str(number))
            await workers.start("event", str(number))
        for kill in range(kills):
            await moved_on(store)
            if kill % 5 == 4:
                os.kill(own_server.running.pid, signal.SIGKILL)
                await started(own_server)
            else:
                await workers.kill_one(chance)
        await workers.ended()
        await each_once(store, feeds)


async def moved_on(store: Store) -> None:
    """Waits until something more was committed or published, or nothing is left to do."""
    before = await progress(store)
    async with asyncio.timeout(60):
        while await progress(store) == before != (3000 * EACH, 0):
            await asyncio.sleep(0.02)


async def progress(store: Store) -> tuple[int, int]:
    with suppress(EngineDown):
        return int(
            await store.engine.command("XLEN", store.engine.keys.events)
        ), await store.events.waiting_count()
    return (-1, -1)


async def started(server: EmbeddedServer) -> None:
    async with asyncio.timeout(60):
        while True:
            with suppress(EngineDown):
                await server.start()
                return
