"""A scripted HTTP server on loopback: the publisher in every test that fetches.

Rules: it listens on 127.0.0.1 … 127.0.0.N at one port (each address is a host of its own to a client), answers each
path by a script (a list of answers, the last one repeated) and remembers every request with its raw headers, its
time and its connection. It is written on raw streams, because much of what it must do (a reset, a body cut short, a
wrong length, an ETag that is not text) is what an HTTP library refuses to send.

    async with Origin() as origin:
        origin.script("/feed", Answer(body=b"<rss/>", etag='"1"'))     # later requests with the ETag get 304
        ... origin.url("/feed"), origin.seen("/feed")[0].header("user-agent"), origin.peak("127.0.0.1")

`Origin.in_thread()` serves a test that is not asynchronous, or a daemon in another process.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import ssl
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

REASONS = {
    200: "OK",
    226: "IM Used",
    301: "Moved Permanently",
    304: "Not Modified",
    410: "Gone",
    429: "Too Many Requests",
}
ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "deflate": zlib.compress,
    "br": lambda data: brotli.compress(data, quality=4),
    "zstd": zstd.compress,
}


@dataclass(frozen=True)
class Answer:
    """One scripted answer. Header names and values may be bytes, sent as they are.

    `etag` and `last_modified` are sent, and a request that carries one of them gets 304 instead. `encoding` names a
    content encoding to apply to `body`. `delay` waits (seconds) before the head, `trickle` between pieces of the body.
    `cut` sends only so many bytes of the body and closes; `reset` sends nothing and resets the connection. `chunked`
    sends the body in chunks; `unsized` sends neither length nor chunks and ends by closing. `lies` answers 304 to any
    conditional request, `stubborn` never does.
    """

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str | bytes, str | bytes], ...] = ()
    content_type: str | None = "application/rss+xml; charset=utf-8"
    etag: str | bytes | None = None
    last_modified: str | None = None
    encoding: str | None = None
    delay: float = 0.0
    trickle: float = 0.0
    cut: int | None = None
    reset: bool = False
    chunked: bool = False
    unsized: bool = False
    lies: bool = False
    stubborn: bool = False

    def but(self, **changes: object) -> Answer:
        return replace(self, **changes)  # type: ignore[arg-type]


def moved(url: str | bytes, status: int = 301) -> Answer:
    return Answer(
        status=status,
        headers=(("Location", url),),
        content_type="text/html",
        body=b"moved",
    )


def throttled(retry_after: str | int | None, status: int = 429) -> Answer:
    headers = () if retry_after is None else (("Retry-After", str(retry_after)),)
    return Answer(
        status=status, headers=headers, content_type="text/plain", body=b"slow down"
    )


@dataclass(frozen=True)
class Seen:
    """A request as received: `at` in seconds of `time.monotonic()`, `open_count` requests in hand at its host then."""

    host: str
    method: str
    target: str
    headers: tuple[tuple[bytes, bytes], ...]
    at: float
    connection: int
    open_count: int
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def raw(self, name: str) -> bytes | None:
        wanted = name.lower().encode()
        return next(
            (value for key, value in self.headers if key.lower() == wanted), None
        )

    def header(self, name: str) -> str | None:
        value = self.raw(name)
        return None if value is None else value.decode("latin-1")


@dataclass
class _Script:
    answers: list[Answer]
    used: int = 0

    def next(self) -> Answer:
        answer = self.answers[min(self.used, len(self.answers) - 1)]
        self.used += 1
        return answer


@dataclass
class _HostLoad:
    open_requests: int = 0
    open_connections: int = 0
    peak_requests: int = 0
    peak_connections: int = 0


@dataclass
class Origin:
    """The server; `hosts` loopback addresses, plain HTTP or, with `tls`, HTTPS."""

    hosts: int = 4
    tls: ssl.SSLContext | None = None
    requests: list[Seen] = field(default_factory=list)
    port: int = 0
    _scripts: dict[tuple[str | None, str], _Script] = field(default_factory=dict)
    _loads: dict[str, _HostLoad] = field(default_factory=dict)
    _servers: list[asyncio.Server] = field(default_factory=list)
    _handlers: set[asyncio.Task[None]] = field(default_factory=set)
    _connections: int = 0

    # --- scripting ---

    def script(self, path: str, *answers: Answer, host: int | None = None) -> None:
        """From now on `path` (at one host, or at all) answers so: one after another, the last one for ever."""
        self._scripts[None if host is None else self.address(host), path] = _Script(
            list(answers) or [Answer()]
        )

    def url(self, path: str, host: int = 1, *, name: str | None = None) -> str:
        scheme = "https" if self.tls else "http"
        return f"{scheme}://{name or self.address(host)}:{self.port}{path}"

    @staticmethod
    def address(host: int) -> str:
        return f"127.0.0.{host}"

    def seen(self, path: str, host: int | None = None) -> list[Seen]:
        return [
            s
            for s in self.requests
            if s.path == path and host in (None, int(s.host.rsplit(".", 1)[1]))
        ]

    def peak(self, host: str) -> int:
        """The most requests that were in hand at one time at this address."""
        return self._loads.get(host, _HostLoad()).peak_requests

    def peak_connections(self, host: str) -> int:
        return self._loads.get(host, _HostLoad()).peak_connections

    # --- serving ---

    async def __aenter__(self) -> Origin:
        for _ in range(20):
            try:
                await self._listen()
            except OSError:  # another program has this port at one of the addresses: take another port
                await self._stop_listening()
                self.port = 0
            else:
                return self
        raise OSError("no port is free at all loopback addresses")

    async def __aexit__(self, *_: object) -> None:
        await self._stop_listening()
        for task in list(self._handlers):
            task.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)

    async def _listen(self) -> None:
        for number in range(1, self.hosts + 1):
            server = await asyncio.start_server(
                self._serve, self.address(number), self.port, ssl=self.tls, limit=2**20
            )
            self._servers.append(server)
            self.port = server.sockets[0].getsockname()[1]

    async def _stop_listening(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()

    @classmethod
    @contextlib.contextmanager
    def in_thread(
        cls, *, hosts: int = 4, tls: ssl.SSLContext | None = None
    ) -> Iterator[Origin]:
        """Serve from a thread of its own until the block ends."""
        origin, ready, loop = (
            cls(hosts=hosts, tls=tls),
            threading.Event(),
            asyncio.new_event_loop(),
        )
        stop = asyncio.Event()

        async def serve() -> None:
            async with origin:
                ready.set()
                await stop.wait()

        thread = threading.Thread(
            target=loop.run_until_complete, args=(serve(),), daemon=True
        )
        thread.start()
        ready.wait(10)
        try:
            yield origin
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join(10)
            loop.close()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        self._connections += 1
        host = writer.get_extra_info("sockname")[0]
        load = self._loads.setdefault(host, _HostLoad())
        load.open_connections += 1
        load.peak_connections = max(load.peak_connections, load.open_connections)
        try:
            number = self._connections
            while await self._exchange(reader, writer, host, number, load):
                pass
        except (
            ConnectionError,
            asyncio.IncompleteReadError,
            asyncio.CancelledError,
            ssl.SSLError,
        ):
            pass  # the client went away, or the test is over
        finally:
            load.open_connections -= 1
            self._handlers.discard(task)
            writer.close()

    async def _exchange(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        host: str,
        connection: int,
        load: _HostLoad,
    ) -> bool:
        """Serve one request; False: the connection is over."""
        head = await reader.readuntil(b"\r\n\r\n")
        load.open_requests += 1
        load.peak_requests = max(load.peak_requests, load.open_requests)
        try:
            request = await _request(
                head,
                reader,
                host=host,
                connection=connection,
                open_count=load.open_requests,
            )
            self.requests.append(request)
            return await _send(writer, request, self._answer(request))
        finally:
            load.open_requests -= 1

    def _answer(self, request: Seen) -> Answer:
        for key in ((request.host, request.path), (None, request.path)):
            if key in self._scripts:
                return self._scripts[key].next()
        return Answer(status=404, content_type="text/plain", body=b"no such page")


async def _request(
    head: bytes,
    reader: asyncio.StreamReader,
    *,
    host: str,
    connection: int,
    open_count: int,
) -> Seen:
    first, *lines = head[:-4].split(b"\r\n")
    method, target, _ = first.decode("latin-1").split(" ", 2)
    headers = tuple(
        (name.strip(), value.strip())
        for name, _, value in (line.partition(b":") for line in lines)
    )
    seen = Seen(host, method, target, headers, time.monotonic(), connection, open_count)
    length = int(seen.header("content-length") or 0)
    return replace(seen, body=await reader.readexactly(length)) if length else seen


async def _send(writer: asyncio.StreamWriter, request: Seen, answer: Answer) -> bool:
    if answer.delay:
        await asyncio.sleep(answer.delay)
    if answer.reset:
        _reset(writer)
        return False
    if answer.status == 200 and _is_current(request, answer):
        answer = answer.but(
            status=304,
            body=b"",
            content_type=None,
            encoding=None,
            cut=None,
            chunked=False,
        )
    body = ENCODERS[answer.encoding](answer.body) if answer.encoding else answer.body
    writer.write(_head(answer, len(body)))
    sent = body if answer.cut is None else body[: answer.cut]
    for piece in _pieces(sent, answer):
        writer.write(piece)
        await writer.drain()
        if answer.trickle:
            await asyncio.sleep(answer.trickle)
    await writer.drain()
    return (
        answer.cut is None
        and not answer.unsized
        and request.header("connection") != "close"
    )


def _is_current(request: Seen, answer: Answer) -> bool:
    if answer.stubborn:
        return False
    match, since = request.raw("if-none-match"), request.header("if-modified-since")
    if answer.lies:
        return match is not None or since is not None
    if match is not None:
        return answer.etag is not None and match == _bytes(answer.etag)
    return answer.last_modified is not None and since == answer.last_modified


def _head(answer: Answer, length: int) -> bytes:
    lines = [
        f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, 'Whatever')}".encode()
    ]
    headers: list[tuple[str | bytes, str | bytes]] = []
    if answer.content_type is not None:
        headers.append(("Content-Type", answer.content_type))
    if answer.etag is not None:
        headers.append(("ETag", answer.etag))
    if answer.last_modified is not None:
        headers.append(("Last-Modified", answer.last_modified))
    if answer.encoding:
        headers.append(("Content-Encoding", answer.encoding))
    if answer.chunked:
        headers.append(("Transfer-Encoding", "chunked"))
    elif not answer.unsized and answer.status != 304:
        headers.append(("Content-Length", str(length)))
    named = {_bytes(name).lower() for name, _ in answer.headers}
    lines += [
        _bytes(n) + b": " + _bytes(v)
        for n, v in headers
        if _bytes(n).lower() not in named
    ]
    lines += [_bytes(n) + b": " + _bytes(v) for n, v in answer.headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _pieces(body: bytes, answer: Answer) -> Iterable[bytes]:
    size = max(1, len(body) // 8) if answer.trickle else 65536
    for start in range(0, len(body), size):
        piece = body[start : start + size]
        yield b"%x\r\n%s\r\n" % (len(piece), piece) if answer.chunked else piece
    if answer.chunked and answer.cut is None:
        yield b"0\r\n\r\n"


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8")


def feed_document(
    *, title: str = "A feed", items: Iterable[tuple[str, str, str]] = ()
) -> bytes:
    """A small RSS document of our own; items are (guid, title, RFC 822 date or '')."""
    parts = [
        f"<item><guid>{guid}</guid><title>{text}</title><link>https://a.example/{guid}</link>"
        f"{f'<pubDate>{date}</pubDate>' if date else ''}<description>The text of {text}.</description></item>"
        for guid, text, date in items
    ]
    return (
        f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>{title}</title>'
        f"<link>https://a.example/</link><description>d</description>{''.join(parts)}</channel></rss>"
    ).encode()


def answers_to(*bodies: bytes) -> list[Answer]:
    """One 200 for each body, each with an ETag of its own."""
    return [Answer(body=body, etag=f'"{zlib.crc32(body):08x}"') for body in bodies]
