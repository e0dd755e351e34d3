"""Fixtures: one real embedded server for the whole test run, emptied for each test. Nothing is mocked.

AGGREGATOR_TEST_SERVER names another server program to test against (Redis 6.2, 7.0…); left out, it is the one found.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from multiprocessing import forkserver
from pathlib import Path

import pytest

from aggregator.engine.client import Client, connect
from aggregator.engine.embedded import EmbeddedServer
from aggregator.engine.server_place import server_program
from aggregator.engine.store import Store


def server_to_test() -> Path | None:
    """The program asked for; None: the one that EmbeddedServer finds by itself."""
    program = os.environ.get("AGGREGATOR_TEST_SERVER")
    return Path(program) if program else None


def servers_to_try() -> list[str]:
    """The programs that each shipped sample and consumer is tried on: the one asked for, or found, and those of
    AGGREGATOR_TEST_SERVERS (`:` between), which CI installs: Redis 6.2, Redis 7, Valkey."""
    others = os.environ.get("AGGREGATOR_TEST_SERVERS", "").split(":")
    return [str(server_to_test() or server_program()), *filter(None, others)]


@pytest.fixture(scope="session")
def engine_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """The server's process; do not stop it or change its settings in a test, start one of your own for that."""
    server = EmbeddedServer(tmp_path_factory.mktemp("state"), program=server_to_test())
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


@pytest.fixture
def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def own_server(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    """A server of the test's own, which it may stop, kill and reconfigure."""
    server = EmbeddedServer(tmp_path / "own", fsync="always", program=server_to_test())
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="module")
def fresh_fork_server() -> None:
    """The next sandbox of this process starts the fork server anew: another test's sandbox may have told the one that
    runs to load more, which every child after it has."""
    forkserver._forkserver._stop()  # type: ignore[attr-defined]  # made for tests, of the standard library's too
