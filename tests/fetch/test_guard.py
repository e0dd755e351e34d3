"""Situation 30: a private address at any hop is refused where the connection is made, unless it is allowed."""

from __future__ import annotations

import asyncio
import socket
from datetime import timedelta
from ipaddress import ip_address

import pytest

from aggregator.fetch.fetcher import Fetcher
from aggregator.fetch.guard import Guard, PrivateAddress, literal_address
from aggregator.model import FailureKind, FetchSettings
from tests.fetch.asking import asking, failed, fetched, names
from tests.fetch.conftest import LOOPBACK
from tests.origin import Answer, Origin, feed_document, moved

PRIVATE = [
    "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "100.127.255.255", "0.0.0.0", "0.1.2.3", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.7",
    "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.88.99.1",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a00:1", "64:ff9b:1::a00:1", "64:ff9b:1:7f00:0:100:808:808", "2002:7f00:1::", "2002:a00:1::1", "fe80::1", "fc00::1", "fd12:3456::1",
    "fec0::1", "ff02::1", "2001:db8::1", "2001:0:7f00:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe", "100::1",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1",
    "93.184.216.34",
    "2606:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "172.32.0.1",
    "100.128.0.1",
]


@pytest.mark.parametrize("text", PRIVATE)
def test_an_address_that_is_not_public_is_refused(text: str):
    guard = Guard(allow_private=False)
    assert not guard.allows(ip_address(text))
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    with pytest.raises(PrivateAddress):
        guard.socket((family, socket.SOCK_STREAM, 6, "", (text, 80)))


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_is_not_refused(text: str):
    assert Guard(allow_private=False).allows(ip_address(text))


@pytest.mark.parametrize("text", PRIVATE)
def test_everything_may_be_allowed(text: str):
    assert Guard(allow_private=True).allows(ip_address(text))


def test_a_single_network_may_be_allowed_also_as_it_hides_in_ipv6():
    guard = Guard(allow_private=False, allowed=("10.1.0.0/16", "fd00::/8"))
    allowed = ["10.1.2.3", "fd00::1", "::ffff:10.1.2.3", "1.1.1.1"]
    refused = ["10.2.2.3", "127.0.0.1", "::ffff:10.2.0.1", "fe80::1"]
    assert [guard.allows(ip_address(a)) for a in allowed + refused] == [True] * 4 + [
        False
    ] * 4


def test_the_loopback_address_of_ipv6_may_be_allowed_and_opens_nothing_else():
    guard = Guard(allow_private=False, allowed=("::1/128",))
    assert guard.allows(ip_address("::1"))
    for text in PRIVATE:
        assert guard.allows(ip_address(text)) is (text == "::1")
    wide = Guard(allow_private=False, allowed=("::/96",))
    for text in ("::2", "::10.0.0.1", "::127.0.0.1", "::ffff:10.0.0.1"):
        assert not wide.allows(ip_address(text))


async def test_a_server_at_the_loopback_address_of_ipv6_is_asked_where_that_is_allowed():
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<rss/>")
        await writer.drain()
        writer.close()

    try:
        server = await asyncio.start_server(serve, "::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6 address of its own")
    settings = FetchSettings(allowed_networks=("::1/128",))
    async with server, Fetcher(settings, contact="", version="0") as able:
        port = server.sockets[0].getsockname()[1]
        assert (
            fetched(await able.fetch(asking(f"http://[::1]:{port}/"))).body == b"<rss/>"
        )
        refused = await able.fetch(asking(f"http://[::127.0.0.1]:{port}/"))
        failed(refused, FailureKind.PRIVATE_ADDRESS)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "127.0.1",
        "127.0.0.1",
        "017700000001",
    ],
)
def test_a_numeric_host_in_any_spelling_is_the_address_it_means(host: str):
    assert str(literal_address(host)) == "127.0.0.1"


@pytest.mark.parametrize(
    "host",
    [
        "example.org",
        "1.example",
        "a",
        "",
        "127.0.0.1.nip.example",
        "0x7f.example",
        "deadbeef",
    ],
)
def test_a_name_is_no_address(host: str):
    assert literal_address(host) is None


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "１２７.0.0.1",
    ],
)
async def test_situation_30_a_private_address_in_any_spelling_is_refused_by_default(
    origin: Origin, host: str
):
    async with Fetcher(FetchSettings(), contact="", version="0") as guarded:
        result = await guarded.fetch(asking(f"http://{host}:{origin.port}/feed"))
    failed(result, FailureKind.PRIVATE_ADDRESS)
    assert origin.requests == []


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "169.254.1.1", "::1", "::ffff:127.0.0.1", "100.64.1.1"],
)
async def test_situation_30_a_name_that_resolves_to_a_private_address_is_refused(
    origin: Origin, address: str
):
    lookup = names({"inside.example": address})
    async with Fetcher(
        FetchSettings(), contact="", version="0", lookup=lookup
    ) as guarded:
        result = failed(
            await guarded.fetch(asking(f"http://inside.example:{origin.port}/")),
            FailureKind.PRIVATE_ADDRESS,
        )
    assert "inside.example" in result.detail
    assert origin.requests == []


async def test_situation_30_a_redirect_to_a_private_address_is_refused(origin: Origin):
    origin.script("/feed", moved(origin.url("/secret", host=2)))
    origin.script("/secret", Answer(body=feed_document()))
    settings = FetchSettings(
        allowed_networks=("127.0.0.1/32",), per_host_interval=timedelta(0)
    )
    async with Fetcher(settings, contact="", version="0") as guarded:
        failed(
            await guarded.fetch(asking(origin.url("/feed"))),
            FailureKind.PRIVATE_ADDRESS,
        )
    assert [r.path for r in origin.requests] == ["/feed"]


async def test_situation_30_a_name_that_changes_its_address_is_checked_at_every_connection(
    origin: Origin,
):
    lookup = names({"rebinding.example": ["127.0.0.1", "127.0.0.2"]})
    origin.script(
        "/feed",
        Answer(body=feed_document(), headers=(("Connection", "close"),), unsized=True),
    )
    settings = FetchSettings(
        allowed_networks=("127.0.0.1/32",), per_host_interval=timedelta(0)
    )
    async with Fetcher(settings, contact="", version="0", lookup=lookup) as guarded:
        url = f"http://rebinding.example:{origin.port}/feed"
        fetched(await guarded.fetch(asking(url)))
        failed(await guarded.fetch(asking(url)), FailureKind.PRIVATE_ADDRESS)
    assert [r.host for r in origin.requests] == ["127.0.0.1"]


async def test_situation_30_an_allowed_private_network_is_fetched(origin: Origin):
    origin.script("/feed", Answer(body=feed_document()))
    async with Fetcher(
        LOOPBACK,
        contact="",
        version="0",
        lookup=names({"intranet.example": "127.0.0.3"}),
    ) as allowed:
        fetched(
            await allowed.fetch(asking(f"http://intranet.example:{origin.port}/feed"))
        )
        fetched(await allowed.fetch(asking(f"http://2130706433:{origin.port}/feed")))
    assert [r.host for r in origin.requests] == ["127.0.0.3", "127.0.0.1"]


@pytest.mark.parametrize(
    "address",
    ["168.63.129.16", "::ffff:168.63.129.16", "64:ff9b::168.63.129.16", "3fff::1", "3fff:fff:ffff::1", "5f00::1", "100:0:0:1::5", "100::1", "2a00:1450::5efe:10.0.0.1", "2a00:1450::200:5efe:127.0.0.1", "2a00:1450::5efe:a83f:8110"],
)  # fmt: skip
def test_addresses_that_no_table_of_python_knows_are_not_public(address: str):
    assert not Guard(allow_private=False).allows(ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["168.63.129.17", "3ffe::1", "2a00:1450::5efe:808:808", "2606:4700::1111"],
)
def test_their_neighbours_are_as_before(address: str):
    assert (
        Guard(allow_private=False).allows(ip_address(address))
        == ip_address(address).is_global
    )
