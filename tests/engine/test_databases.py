"""Two installations on two databases of one server: neither keys nor channels meet."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs, urlsplit

from redis.asyncio import Redis

from aggregator.engine.client import connect
from aggregator.engine.embedded import EmbeddedServer
from aggregator.engine.keys import Keys
from aggregator.engine.store import Store
from aggregator.model import Notice
from tests.engine.making import NOW, entry, published


def socket_of(url: str) -> str:
    parts = urlsplit(url)
    assert not parse_qs(parts.query)
    return parts.path


async def heard(
    listener: Redis, first: Store, second: Store, *patterns: str
) -> list[str]:
    """The channels on which a subscriber hears what both installations tell."""
    async with listener.pubsub() as listening:
        await listening.psubscribe(*patterns)
        for store in (first, second):
            await published(store, entry(1))
            await store.registration.mark_installation(
                "", [Notice("gone", "f0", "", "410")], at=NOW
            )
        await first.engine.client.execute_command("PUBLISH", "end", "")
        channels: list[str] = []
        async with asyncio.timeout(20):
            async for message in listening.listen():
                if message["type"] == "pmessage" and message["channel"] == b"end":
                    return channels
                if message["type"] == "pmessage":
                    channels.append(message["channel"].decode())
    raise AssertionError("the server closed the connection")


async def test_channels_of_another_database_carry_its_number(
    own_server: EmbeddedServer,
) -> None:
    here, there = (
        Store(connect(own_server.url)),
        Store(connect(f"{own_server.url}?db=3")),
    )
    listener = Redis(unix_socket_path=socket_of(own_server.url))
    channels = await heard(listener, here, there, "agg:ch:*", "end")
    assert channels == ["agg:ch:event:new:en:f0", "agg:ch:trouble:f0"]
    await listener.aclose()
    for store in (here, there):
        await store.close()


async def test_a_consumer_of_the_other_database_hears_its_own(
    own_server: EmbeddedServer,
) -> None:
    here, there = (
        Store(connect(own_server.url)),
        Store(connect(f"{own_server.url}?db=3")),
    )
    listener = Redis(unix_socket_path=socket_of(own_server.url))
    assert await heard(listener, here, there, "agg:ch3:*", "end") == [
        "agg:ch3:event:new:en:f0",
        "agg:ch3:trouble:f0",
    ]
    await listener.aclose()
    for store in (here, there):
        await store.close()


def test_database_0_keeps_the_names_of_the_contract() -> None:
    assert Keys("agg").digest_channel == "agg:ch:digest"
    assert Keys("agg", 12).trouble_channel == "agg:ch12:trouble:"
