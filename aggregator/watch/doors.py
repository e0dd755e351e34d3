"""Who may come in at the status port, and for how long: strangers must not use up what polls need.

Rules:
- At most `most` connections at once, so that files are left for polls, the server and the log. When all are taken, one
  whose request has not come yet is closed for the newcomer; a connection that is being answered is never closed.
- A request's head must come within HEAD_SECONDS, however slowly its bytes drip; of an answer something must be taken
  every TAKE_SECONDS: who asks for a page and does not read it would keep its place for ever.
- A connection serves one request (`http` says so to the client): what is open is being answered, or about to ask.
- Names: a browser that a stranger's page made ask us (DNS rebinding) names that page's host. Only the address listened
  on, localhost and the host of `[http] public_url` are answered; a request without a Host is no browser's.
"""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Callable, Collection
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import cast

from aiohttp import web

HEAD_SECONDS = 10.0
TAKE_SECONDS = 30.0
"""A phone may sleep for a moment in the middle of a page; a guess."""
MOST_CONNECTIONS = 256
"""Live pages are 200 at most; a scrape and some readers beside them. A guess."""
SHARE_OF_FILES = 4
"""Of the files the process may open, the port gets one in so many."""
_END_OF_HEAD = (b"\r\n\r\n", b"\n\n", b"\n\r\n")
_TAIL_BYTES = 3


def most_connections() -> int:
    """What this process can spare."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    # RLIM_INFINITY is negative.
    if soft < 0:
        return MOST_CONNECTIONS
    share = soft // SHARE_OF_FILES
    return max(8, min(MOST_CONNECTIONS, share))


class Doors:
    """Counts the connections of one port; `inner` makes the protocol that answers."""

    def __init__(
        self,
        inner: Callable[[], asyncio.Protocol],
        *,
        most: int,
        head_s: float = HEAD_SECONDS,
        take_s: float = TAKE_SECONDS,
    ) -> None:
        self._inner = inner
        self._most = most
        self.head_s = head_s
        self.take_s = take_s
        self._asking: dict[_Door, None] = {}
        self._open: set[_Door] = set()

    def __call__(self) -> asyncio.Protocol:
        return _Door(self, self._inner())

    def come(self, door: _Door) -> bool:
        """Whether there is room for one more; the longest asking one makes it."""
        if len(self._open) >= self._most:
            if not self._asking:
                return False
            next(iter(self._asking)).shut()
        self._open.add(door)
        self._asking[door] = None
        return True

    def has_asked(self, door: _Door) -> None:
        """A connection has sent its whole request: it is no longer the first to be closed."""
        self._asking.pop(door, None)

    def leave(self, door: _Door) -> None:
        """A connection has ended."""
        self._open.discard(door)
        self._asking.pop(door, None)


class _Door(asyncio.Protocol):
    """One connection, handed on to the protocol that answers."""

    def __init__(
        self,
        doors: Doors,
        inner: asyncio.Protocol,
    ) -> None:
        self._doors = doors
        self._inner = inner
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tail = b""
        self._is_in = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if not self._doors.come(self):
            self._transport.abort()
            return
        self._is_in = True
        _limit_silence(self._transport, self._doors.take_s)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._doors.head_s, self.shut)
        self._inner.connection_made(transport)

    def shut(self) -> None:
        """Close it at once: its request has not come."""
        self._doors.leave(self)
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        # Bytes that were read before it was turned away.
        if not self._is_in:
            return
        if self._timer is not None:
            # The end of the head may come in two reads.
            seen = self._tail + data
            self._tail = seen[-_TAIL_BYTES:]
            if any(end in seen for end in _END_OF_HEAD):
                self._timer.cancel()
                self._timer = None
                self._doors.has_asked(self)
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        if not self._is_in:
            return None
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._doors.leave(self)
        if self._is_in:
            self._inner.connection_lost(error)


def _limit_silence(transport: asyncio.Transport, seconds: float) -> None:
    """Have the kernel end the connection when what was sent is not taken for so long.

    By the kernel, because the transport does not tell what lies in its buffers once an answer is written.
    """
    connection = transport.get_extra_info("socket")
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is not None and connection is not None:
        connection.setsockopt(socket.IPPROTO_TCP, option, int(seconds * 1000))


class DoorSite(web.BaseSite):
    """Listens on host and port, behind doors."""

    def __init__(
        self, runner: web.AppRunner, host: str, port: int, *, most: int
    ) -> None:
        super().__init__(runner)
        self._host = host
        self._port = port
        self._most = most

    @property
    def name(self) -> str:
        """Where it listens, as aiohttp's sites call it."""
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        """Listen. Raises OSError where the address cannot be had."""
        await super().start()
        server = self._runner.server
        assert server is not None
        doors = Doors(
            cast(Callable[[], asyncio.Protocol], server),
            most=self._most,
        )
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            doors,
            self._host,
            self._port,
            backlog=self._backlog,
        )


def is_known_host(
    given: str,
    *,
    listened: str,
    public_host: str,
) -> bool:
    """Whether a request's `Host` names us. `listened`: the address of `[http] listen`."""
    name = _name(given)
    if name in ("localhost", listened.lower(), public_host.lower()):
        return True
    # RFC 6761, 6.3: such names lead to this machine, and browsers ask no name server for them.
    if name.endswith(".localhost"):
        return True
    address = _address(name)
    if address is None:
        return False
    # A name can be rebound, an address cannot; behind a wildcard every one may be ours.
    bound = _address(listened)
    return bound is None or bound.is_unspecified or address.is_loopback


def are_known_hosts(
    given: Collection[str],
    *,
    listened: str,
    public_host: str,
) -> bool:
    """Whether a request names only hosts that are ours."""
    return all(
        is_known_host(one, listened=listened, public_host=public_host) for one in given
    )


def _name(host: str) -> str:
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    # More colons than one stand in an IPv6 address that was written without brackets.
    if host.count(":") == 1:
        return host.rpartition(":")[0]
    return host


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None
