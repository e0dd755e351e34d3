"""The contract tests of the stores, once more on a cluster of three nodes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from aggregator.engine.client import connect
from aggregator.engine.store import Store
from tests.engine import making
from tests.engine.nodes import Node, free_ports, until
from tests.engine.test_back_pressure import *  # noqa: F403
from tests.engine.test_event_store import *  # noqa: F403
from tests.engine.test_poll_store import *  # noqa: F403
from tests.engine.test_retention import *  # noqa: F403
from tests.engine.test_ruling_store import *  # noqa: F403
from tests.engine.test_watch_store import *  # noqa: F403

pytestmark = pytest.mark.slow

SLOTS = 16_384


@pytest.fixture(scope="module")
def cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("cluster")
    ports = free_ports(3)
    nodes = [
        Node(folder / str(port), port, "cluster-enabled yes", "appendonly no")
        for port in ports
    ]
    asyncio.run(joined(nodes))
    yield "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in ports)
    for node in nodes:
        node.kill()


async def joined(nodes: list[Node]) -> None:
    for place, node in enumerate(nodes):
        await until(lambda node=node: answers(node))  # type: ignore[misc]
        first, last = place * SLOTS // 3, (place + 1) * SLOTS // 3 - 1
        await node.ask("CLUSTER", "ADDSLOTSRANGE", first, last)
        await node.ask("CLUSTER", "SET-CONFIG-EPOCH", place + 1)
        await node.ask("CLUSTER", "MEET", "127.0.0.1", nodes[0].port)
    for node in nodes:
        await until(lambda node=node: is_whole(node))  # type: ignore[misc]
        await node.client.aclose()


async def answers(node: Node) -> bool:
    return bool(await node.ask("PING"))


async def is_whole(node: Node) -> bool:
    info = await node.client.cluster("INFO")
    return str(info["cluster_state"]) == "ok" and int(info["cluster_known_nodes"]) == 3


@pytest.fixture
async def store(cluster_url: str) -> AsyncIterator[Store]:
    client = connect(cluster_url, key_prefix="{agg}")
    store = Store(client, prefix="{agg}")
    await store.engine.command("FLUSHALL")
    yield store
    await store.close()


async def test_all_keys_are_on_one_node(store: Store, tmp_path: Path) -> None:
    await making.published(store, making.entry(1))
    keys = await making.all_keys(store)
    slots = {await store.engine.command("CLUSTER KEYSLOT", key) for key in keys}
    assert len(keys) > 8
    assert len(slots) == 1
