"""Fixtures: one real embedded server for the whole test run, emptied for each test. Nothing is mocked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from aggregator.engine.client import Client, connect
from aggregator.engine.embedded import EmbeddedServer
from aggregator.engine.store import Store


@pytest.fixture(scope="session")
def engine_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """The server's process; do not stop it or change its settings in a test, start one of your own for that."""
    server = EmbeddedServer(tmp_path_factory.mktemp("state"))
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture
async def redis_client(engine_server: EmbeddedServer) -> AsyncIterator[Client]:
    """A client of an empty server."""
    client = connect(engine_server.url)
    await client.execute_command("FLUSHALL")
    yield client
    await client.aclose()


@pytest.fixture
async def engine_url(redis_client: Client, engine_server: EmbeddedServer) -> str:
    """The URL of an empty server, for code that connects by itself."""
    return engine_server.url


@pytest.fixture
async def store(redis_client: Client) -> Store:
    """A store on an empty server, with the key prefix `agg`."""
    return Store(redis_client)
