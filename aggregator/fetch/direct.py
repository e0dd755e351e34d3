"""A GET over a connection of its own, without the HTTP library's session.

Rules: the answer is read by `fetch.tolerant` as it arrives, and nothing of it twice; an address is checked by the guard
in the socket factory, the last point before the connection; of several addresses the next is tried while one is slow
(RFC 8305) or refuses, since nothing has been asked yet. What goes wrong is raised as the library would raise it, so
that `fetch.failures` has one table.

Why beside the library: most polls are answered by a 304 of 200 bytes, and its session, request, connector and parser
took more than half of what all else of such a poll costs together (tests/bench/fetch_cost.py). What goes through a
proxy, and forms, still go through it.

aiohappyeyeballs is used because aiohttp itself connects by it: both ways try addresses alike.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import sys
from collections.abc import Mapping
from typing import Any

import aiohttp
from aiohappyeyeballs import pop_addr_infos_interleave, start_connection

from aggregator.fetch.address import Target
from aggregator.fetch.decoding import BadEncoding, CutShort, TooLarge
from aggregator.fetch.exchange import (
    Answer,
    AnswerCollector,
    joined_fields,
    refusal_patience,
)
from aggregator.fetch.guard import Guard, GuardedResolver, literal_address
from aggregator.fetch.tolerant import AnswerReader, BadAnswer

_NEXT_ADDRESS_AFTER_S = 0.25
"""RFC 8305 section 5: how long one address may take before the next is tried beside it."""
_MAY_WRITE_EARLY = sys.platform == "linux"
"""Whether a request may be handed over before the connection stands: Linux says "not now", others that there is none.
Not to wait for it spares an eighth of a request that is answered by a 304 (tests/bench/fetch_cost.py)."""
_NOT_IN_A_HEAD = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]
"""As `getaddrinfo` gives it."""


class DirectConnections:
    """Makes GETs, so many at a time; each has its own connection, which is closed behind it."""

    def __init__(
        self,
        *,
        resolver: GuardedResolver,
        guard: Guard,
        tls: ssl.SSLContext,
        limit: int,
    ) -> None:
        self._resolver = resolver
        self._guard = guard
        self._tls = tls
        self._places = asyncio.Semaphore(limit)

    async def get(
        self,
        target: Target,
        headers: Mapping[str, str],
        limit: int,
        *,
        deadline: float,
    ) -> Answer:
        """The answer, its body of `limit` bytes at most once decoded; its time ends at `deadline` of the loop.

        Raises ValueError for a header that HTTP cannot carry, TooLarge, BadEncoding, CutShort, aiohttp.ClientError,
        OSError.
        """
        exchange = _Exchange(_head(target, headers), limit, deadline)
        async with self._places:
            try:
                transport = await self._connected(target, exchange)
            except BaseException:
                # Of a connection that we gave up while it was being made nobody waits for the answer.
                exchange.answer.cancel()
                raise
            try:
                return await exchange.answer
            finally:
                # The answer is read, or nobody wants it any more. Closed politely, TLS would wait up to 30 s for the
                # other side's farewell, and a request that could not be sent for its connection, descriptors open.
                transport.abort()

    async def _connected(
        self, target: Target, exchange: _Exchange
    ) -> asyncio.Transport:
        addresses = await self._addresses(target)
        is_tls = target.origin[0] == "https"
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection = await self._socket(addresses)
                transport, _ = await loop.create_connection(
                    lambda: exchange,
                    sock=connection,
                    ssl=self._tls if is_tls else None,
                    # Certificates hold names without the dot of the root.
                    server_hostname=target.host.rstrip(".") if is_tls else None,
                )
                return transport
            except OSError:
                # One server of several may have a broken certificate; no request has been sent yet.
                pop_addr_infos_interleave(addresses, 1)
                if not addresses:
                    raise

    async def _socket(self, addresses: list[AddressInfo]) -> socket.socket:
        """A socket connected, or about to be, to one of the addresses. Raises OSError."""
        if len(addresses) > 1:
            return await start_connection(
                addresses,
                happy_eyeballs_delay=_NEXT_ADDRESS_AFTER_S,
                interleave=1,
                socket_factory=self._guard.socket,
            )
        # There is nothing to race: the same steps cost half.
        (address,) = addresses
        connection = self._guard.socket(address)
        try:
            connection.setblocking(False)
            await _connect(connection, address[4])
        except BaseException:
            connection.close()
            raise
        return connection

    async def _addresses(self, target: Target) -> list[AddressInfo]:
        """Where to connect to, in the order of the name server."""
        _, host, port = target.origin
        literal = literal_address(host)
        if literal is not None:
            family = socket.AF_INET if literal.version == 4 else socket.AF_INET6
            return [_address_info(family, socket.IPPROTO_TCP, str(literal), port)]
        found = await self._resolver.resolve(host, port)
        return [
            _address_info(one["family"], one["proto"], one["host"], one["port"])
            for one in found
        ]


def _address_info(family: int, proto: int, host: str, port: int) -> AddressInfo:
    place: tuple[Any, ...] = (host, port)
    if family == socket.AF_INET6:
        place = (host, port, 0, 0)
    return (family, socket.SOCK_STREAM, proto, "", place)


def _head(target: Target, headers: Mapping[str, str]) -> bytes:
    """The request on the wire; header values are one character for each byte. Raises ValueError."""
    lines = [f"GET {target.resource} HTTP/1.1", f"Host: {target.place}"]
    lines.extend(f"{name}: {value}" for name, value in headers.items())
    lines.append("Connection: close")
    if _NOT_IN_A_HEAD.search("".join(lines)):
        raise ValueError("a control character in the head of a request")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


async def _connect(connection: socket.socket, address: tuple[Any, ...]) -> None:
    """Begin to connect, and where the system makes us wait for the connection's end, do. Raises OSError."""
    if not _MAY_WRITE_EARLY:
        await asyncio.get_running_loop().sock_connect(connection, address)
        return
    # Begun is enough; what becomes of it the transport is told.
    with contextlib.suppress(BlockingIOError):
        connection.connect(address)


class _Exchange(asyncio.Protocol):
    """One request and its answer: `answer` is done when it is whole, or cannot be."""

    _transport: asyncio.BaseTransport
    _collector: AnswerCollector | None = None
    _patience: asyncio.TimerHandle | None = None
    """Runs while the body of a refusal is waited for."""

    def __init__(self, request: bytes, limit: int, deadline: float) -> None:
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._request = request
        self._limit = limit
        self._deadline = deadline
        self._reader = AnswerReader(framed=False)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self.answer.done():
            return
        try:
            piece = self._reader.fed(data)
            self._collect(piece)
        except (BadAnswer, TooLarge, BadEncoding, CutShort) as error:
            self.answer.set_exception(error)

    def _collect(self, piece: bytes) -> None:
        reader = self._reader
        if self._collector is None:
            if not reader.status:
                return
            self._collector = AnswerCollector(
                reader.status,
                joined_fields(reader.fields),
                announced_bytes=reader.announced_bytes + len(piece),
                limit=self._limit,
            )
        if piece:
            self._collector.feed(piece)
        if reader.is_over or self._collector.has_enough:
            self.answer.set_result(self._collector.answer())
        elif not self._collector.may_be_feed and self._patience is None:
            # The body tells only whose wall it is: it may stall, and the answer counts without it.
            loop = asyncio.get_running_loop()
            left = self._deadline - loop.time()
            patience = refusal_patience(left)
            self._patience = loop.call_later(patience, self._settle, self._collector)
            self.answer.add_done_callback(self._lose_patience)

    def _settle(self, refusal: AnswerCollector) -> None:
        if not self.answer.done():
            self.answer.set_result(refusal.answer())

    def _lose_patience(self, _: asyncio.Future[Answer]) -> None:
        if self._patience is not None:
            self._patience.cancel()

    def connection_lost(self, error: Exception | None) -> None:
        if self.answer.done():
            return
        try:
            self.answer.set_result(self._at_the_end(error))
        except (aiohttp.ClientError, OSError, BadEncoding, CutShort) as reason:
            self.answer.set_exception(reason)

    def _at_the_end(self, error: Exception | None) -> Answer:
        """The answer of a connection that ended by itself."""
        if self._collector is not None and not self._collector.may_be_feed:
            return self._collector.answer()
        if error is not None:
            raise error
        if self._collector is None:
            raise aiohttp.ServerDisconnectedError
        if not self._reader.may_end:
            raise aiohttp.ClientPayloadError("the connection ended within the body")
        return self._collector.answer()
