"""Strangers at the status port: half-open requests, dripping heads, names that are not ours."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
import pytest_asyncio

from aggregator.watch.doors import Doors, is_known_host
from aggregator.watch.http import StatusServer
from aggregator.watch.metrics import Metrics
from tests.watch.test_http import NOW, SampleDay


class Hello(asyncio.Protocol):
    """Answers every request with `hello`, and keeps the connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"\r\n\r\n"):
            self.transport.write(b"hello")


@asynccontextmanager
async def door(
    *,
    most: int,
    head_s: float = 30.0,
    take_s: float = 30.0,
    answers: Callable[[], asyncio.Protocol] = Hello,
) -> AsyncIterator[int]:
    doors = Doors(answers, most=most, head_s=head_s, take_s=take_s)
    server = await asyncio.get_running_loop().create_server(doors, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


class Much(Hello):
    """Answers with more than any buffer holds, and closes."""

    def data_received(self, data: bytes) -> None:
        self.transport.write(b"x" * 16_000_000)
        self.transport.close()


Opened = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def opened(port: int, data: bytes = b"") -> Opened:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    return reader, writer


async def is_closed(one: Opened) -> bool:
    try:
        return await asyncio.wait_for(one[0].read(1), 5) == b""
    except ConnectionError:
        return True
    finally:
        one[1].close()


async def test_half_open_requests_make_room_for_whole_ones():
    async with door(most=8) as port:
        half = [await opened(port, b"GET / HTTP/1.1\r\n") for _ in range(40)]
        reader, writer = await opened(port, b"GET / HTTP/1.1\r\n\r\n")
        assert await asyncio.wait_for(reader.read(5), 5) == b"hello"
        assert all([await is_closed(one) for one in half[:32]])
        for _, one in [*half, (reader, writer)]:
            one.close()


async def test_what_is_being_answered_is_never_closed_for_a_newcomer():
    async with door(most=2) as port:
        answered = [await opened(port, b"GET / HTTP/1.1\r\n\r\n") for _ in range(2)]
        for reader, _ in answered:
            assert await reader.read(5) == b"hello"
        assert await is_closed(await opened(port, b"GET / HTTP/1.1\r\n\r\n"))
        for reader, writer in answered:
            writer.write(b"x\r\n\r\n")
            assert await asyncio.wait_for(reader.read(5), 5) == b"hello"
            writer.close()


async def test_who_asks_and_does_not_read_makes_room_after_a_while():
    async with door(most=2, take_s=1.0, answers=Much) as port:
        idle: list[socket.socket] = []
        loop = asyncio.get_running_loop()
        for _ in range(2):
            one = socket.socket()
            one.setblocking(False)
            await loop.sock_connect(one, ("127.0.0.1", port))
            await loop.sock_sendall(one, b"GET / HTTP/1.1\r\n\r\n")
            assert await loop.sock_recv(one, 1) == b"x"
            idle.append(one)
        assert await _is_turned_away(port)
        async with asyncio.timeout(30):
            while await _is_turned_away(port):
                await asyncio.sleep(0.2)
        for one in idle:
            one.close()


async def _is_turned_away(port: int) -> bool:
    one = await opened(port, b"GET / HTTP/1.1\r\n\r\n")
    return await is_closed(one)


async def test_a_head_that_drips_is_cut_off_and_one_in_pieces_is_not():
    async with door(most=8, head_s=0.5) as port:
        dripping = await opened(port, b"GET / HTTP/1.1\r\n")
        reader, writer = await opened(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r")
        writer.write(b"\n")
        assert await reader.read(5) == b"hello"
        assert await is_closed(dripping)
        writer.write(b"again\r\n\r\n")
        assert await asyncio.wait_for(reader.read(5), 5) == b"hello"
        writer.close()


@pytest_asyncio.fixture
async def place() -> AsyncIterator[str]:
    server = StatusServer(
        SampleDay(),
        metrics=Metrics(),
        now=lambda: NOW,
        public_url="https://news.example/agg",
    )
    host, port = await server.start("127.0.0.1", 0)
    yield f"http://{host}:{port}"
    await server.stop()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:9191", 200), ("127.0.0.1", 200), ("localhost:1", 200), ("LOCALHOST", 200), ("[::1]:9191", 200), ("news.example", 200),
        ("evil.example", 421), ("127.0.0.1.evil.example", 421), ("localhost.evil.example:9191", 421), ("news.example.evil.example", 421),
        ("192.168.1.1", 421), ("evil.example:127.0.0.1", 421),
    ],
)  # fmt: skip
async def test_only_our_own_names_are_answered(place: str, host: str, status: int):
    async with aiohttp.ClientSession() as client:
        for path in ("/", "/healthz", "/metrics", "/static/style.css", "/none"):
            async with client.get(place + path, headers={"Host": host}) as answer:
                assert answer.status == (
                    404 if path == "/none" and status == 200 else status
                )


async def test_a_request_without_a_host_is_answered(place: str):
    reader, writer = await asyncio.open_connection(
        *place.removeprefix("http://").split(":")
    )
    writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
    assert b" 200 " in await reader.readline()
    writer.close()


def test_behind_a_wildcard_every_address_may_be_ours_and_no_name():
    assert is_known_host("192.168.1.5:9191", listened="0.0.0.0", public_host="")
    assert is_known_host("[fe80::1]:9191", listened="::", public_host="")
    assert not is_known_host("evil.example", listened="0.0.0.0", public_host="")
    assert not is_known_host("192.168.1.5", listened="10.0.0.1", public_host="")
    assert is_known_host("10.0.0.1:9", listened="10.0.0.1", public_host="")


@pytest.mark.parametrize(
    "query", ["hours=", "page=", "q=", "lang=", "category=", "order=", "health="]
)
async def test_five_thousand_digits_are_no_fault_of_ours(place: str, query: str):
    async with aiohttp.ClientSession() as client:
        for path in ("/", "/feeds", "/live"):
            async with client.get(f"{place}{path}?{query}{'9' * 5000}") as answer:
                assert answer.status == 200
