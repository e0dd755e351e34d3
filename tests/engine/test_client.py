"""URLs to clients, and what is said of URLs that cannot be used."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import DataError
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.connection import (
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.sentinel import SentinelConnectionPool

from aggregator.engine.client import RETRIES, connect, database_of, without_secrets
from aggregator.errors import ConfigError


async def test_a_tcp_url_gives_host_port_database_and_login() -> None:
    client = connect("redis://user:p%40ss@cache.example:6390/3")
    assert isinstance(client, Redis)
    options = client.connection_pool.connection_kwargs
    assert (options["host"], options["port"], options["db"]) == (
        "cache.example",
        6390,
        3,
    )
    assert (options["username"], options["password"]) == ("user", "p@ss")
    await client.aclose()


async def test_tls_and_sockets_have_schemes_of_their_own() -> None:
    kinds = {
        "rediss://cache.example": SSLConnection,
        "unix:///run/x.sock?db=2": UnixDomainSocketConnection,
    }
    for url, kind in kinds.items():
        client = connect(url)
        assert isinstance(client, Redis)
        assert issubclass(client.connection_pool.connection_class, kind)
        await client.aclose()


WORDS = st.one_of(
    st.text(st.characters(codec="utf-8")), st.binary(), st.integers(), st.floats()
)


@given(
    st.sampled_from(["EVALSHA", "CONFIG GET", b"XADD", "X Y Z"]),
    st.lists(WORDS, max_size=8),
)
def test_commands_are_packed_as_redis_py_packs_them(
    name: str | bytes, words: list[str | bytes | int | float]
) -> None:
    plain = Connection()
    quick = connect("redis://cache.example")
    assert isinstance(quick, Redis)
    ours = quick.connection_pool.make_connection()
    assert type(ours).pack_command is not Connection.pack_command
    expected = b"".join(plain.pack_command(name, *words))
    assert b"".join(ours.pack_command(name, *words)) == expected


async def test_what_is_no_word_of_a_command_is_refused() -> None:
    client = connect("redis://cache.example")
    assert isinstance(client, Redis)
    connection = client.connection_pool.make_connection()
    for word in (True, None, ["x"]):
        with pytest.raises(DataError):
            connection.pack_command("SET", "key", word)
    await client.aclose()


async def test_retries_timeouts_and_health_checks_are_explicit() -> None:
    client = connect("redis://cache.example")
    assert isinstance(client, Redis)
    options = client.connection_pool.connection_kwargs
    assert options["retry"].get_retries() == RETRIES
    assert options["socket_timeout"] == options["socket_connect_timeout"] == 5
    assert options["health_check_interval"] == 15
    await client.aclose()


async def test_a_sentinel_url_gives_sentinels_service_database_and_both_logins() -> (
    None
):
    client = connect(
        "redis+sentinel://user:pw@s1.example:5000,s2.example/main/2?sentinel_password=spw&ssl=true"
    )
    assert isinstance(client, Redis)
    pool = client.connection_pool
    assert isinstance(pool, SentinelConnectionPool)
    assert pool.service_name == "main"
    assert (pool.connection_kwargs["username"], pool.connection_kwargs["db"]) == (
        "user",
        2,
    )
    found = [
        sentinel.connection_pool.connection_kwargs
        for sentinel in pool.sentinel_manager.sentinels
    ]
    assert [(one["host"], one["port"]) for one in found] == [
        ("s1.example", 5000),
        ("s2.example", 26379),
    ]
    assert [one["password"] for one in found] == ["spw", "spw"]
    await client.aclose()


@pytest.mark.parametrize(
    ("url", "database"),
    [
        ("redis://cache.example", 0),
        ("redis://cache.example/", 0),
        ("redis://cache.example/3", 3),
        ("unix:///run/x.sock?db=2", 2),
        ("redis+sentinel://s1.example/main", 0),
        ("redis+sentinel://s1.example/main/4", 4),
        ("redis+cluster://n1.example:7000", 0),
    ],
)
async def test_the_database_of_a_url_is_known(url: str, database: int) -> None:
    client = connect(url, key_prefix="{agg}")
    assert database_of(client) == database
    await client.aclose()


async def test_a_cluster_url_needs_a_prefix_in_braces() -> None:
    with pytest.raises(ConfigError, match=r'key_prefix = "\{agg\}"') as raised:
        connect("redis+cluster://n1.example:7000,n2.example", key_prefix="agg")
    assert raised.value.problems[0].key == "aggregator.key_prefix"
    client = connect("redis+cluster://n1.example:7000,n2.example", key_prefix="{agg}")
    assert isinstance(client, RedisCluster)
    await client.aclose()


@pytest.mark.parametrize(
    "url",
    [
        "http://cache.example",
        "cache.example:6379",
        "",
        "redis+sentinel://s1.example",
        "redis+sentinel:///main",
        "redis+cluster://",
        "redis://cache.example:notaport",
        "redis+sentinel://s1.example/main/notanumber",
        "redis://cache.example/notanumber",
        "rediss://cache.example:6380/1/2",
        "redis://cache.example/-1",
        "redis://cache.example?db=zero",
        "unix:///run/x.sock?db=two",
        "redis+cluster://n1.example/1",
    ],
)
def test_a_url_that_cannot_be_used_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigError) as raised:
        connect(url, key_prefix="{agg}")
    assert raised.value.problems[0].key == "aggregator.redis_url"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "redis://user:secret@cache.example:1/3?password=secret",
            "redis://cache.example:1/3",
        ),
        ("unix://a:secret@/run/x.sock", "unix:///run/x.sock"),
        ("redis+sentinel://:secret@a:1,b:2/main", "redis+sentinel://a:1,b:2/main"),
    ],
)
def test_no_password_is_shown(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        "redis://h/notanumber", "redis://h/-1", "redis://h/0/1", "redis://h/００", "redis://h?db=x", "redis://h:x/0", "redis://h:99999/0",
        "redis://h:0", "redis//h", "h:6379", "localhost", "http://h", "valkey://h/0", "redis://[::1/0", "redis://h/0?foo=bar",
        "redis://h/0?socket_timeout=abc", "unix://", "unix:///", "unix://s.sock", "unix:///s?db=x", "redis+sentinel://h",
        "redis+sentinel://h/m/x", "redis+sentinel://h,/m", "redis+sentinel://h:x/m", "redis+cluster://h/1",
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_meant_is_refused_with_its_key(url: str):
    with pytest.raises(ConfigError, match=r"aggregator\.redis_url"):
        connect(url, key_prefix="{agg}")


@pytest.mark.parametrize(
    "url",
    ["redis://", "redis:///2", "redis://h", "redis://u:p%40@h:1/3", "rediss://h/0?ssl_cert_reqs=none&max_connections=9", "unix:///s?db=2", "redis://[::1]:1/0"],
)  # fmt: skip
async def test_the_forms_of_redis_py_are_taken(url: str):
    await connect(url).aclose()
