"""An answer as it comes from the wire: header bytes kept exactly, the body read within its limit.

Rules: a header value is one character for each byte (latin-1), both ways. The body of an answer that may be a feed is
read whole or refused. Any other answer is decided by its head: a redirect or a Retry-After counts, whatever becomes of
the body behind it. Of a refusal that may be a bot wall's the beginning of the body is read, as far as it comes and can
be read within REFUSAL_BODY_S; no other body is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.client_reqrep import ClientRequest, ClientResponse

from aggregator.fetch.botwall import LOOKED_AT_BYTES, REFUSALS
from aggregator.fetch.decoding import BadEncoding, BodyReader, CutShort, TooLarge

BODIES = frozenset(range(200, 300)) - {204, 205}
"""Statuses whose body may be a feed; whether it is one, the reader of it says. Some servers say 202 with it."""
REFUSAL_BODY_S = 1.0
"""A guess: the page of a wall, of some kB, comes with its head or shortly after it."""


def refusal_patience(seconds_left: float) -> float:
    """How long the body of a refusal is waited for; always an end before the time of the request, so that it counts."""
    return min(REFUSAL_BODY_S, max(0.0, seconds_left) / 2)


_SINGLE = frozenset(
    {
        "etag",
        "last-modified",
        "expires",
        "date",
        "age",
        "location",
        "content-type",
        "retry-after",
        "content-length",
    }
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One hop's answer: headers by lower-case name, body decoded (of a failure only its beginning)."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent_bytes: int


class ExactRequest(ClientRequest):
    """Writes header values byte for byte.

    aiohttp writes a header's characters as UTF-8; ours stand for one byte each, so the head is written as latin-1.
    """

    async def send(self, conn: Any) -> ClientResponse:
        """As aiohttp's."""
        if all(value.isascii() for value in self.headers.values()):
            return await super().send(conn)
        protocol = conn.protocol
        transport = protocol.transport
        protocol.transport = _Latin1Transport(transport)
        try:
            # Without a body, the whole head is written before this returns.
            return await super().send(conn)
        finally:
            protocol.transport = transport


class _Latin1Transport:
    def __init__(self, inner: asyncio.Transport) -> None:
        self._inner = inner

    def is_closing(self) -> bool:
        """As asyncio's."""
        return self._inner.is_closing()

    def write(self, data: bytes) -> None:
        """Each character as the byte it stands for."""
        self._inner.write(bytes(data).decode("utf-8").encode("latin-1"))


class AnswerCollector:
    """Makes an Answer of what arrives of it. Raises TooLarge, BadEncoding, CutShort where the body may be a feed."""

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str],
        *,
        announced_bytes: int,
        limit: int,
    ) -> None:
        """`announced_bytes`: what the answer says of its body's length, 0 for nothing."""
        self._status = status
        self._headers = headers
        self.may_be_feed = status in BODIES
        """Whether the body counts; else the answer is good without it."""
        # Refused at its first byte: a body of a gigabyte is not read up to the limit.
        if self.may_be_feed and announced_bytes > limit:
            raise TooLarge
        self._body: BodyReader | None = None
        if self.may_be_feed or status in REFUSALS:
            self._body = self._reader(limit)
        self.has_enough = self._body is None
        """Whether no more is to be read, though the answer goes on."""

    def _reader(self, limit: int) -> BodyReader | None:
        encoding = self._headers.get("content-encoding", "")
        if self.may_be_feed:
            return BodyReader(encoding, limit=limit)
        try:
            return BodyReader(encoding, limit=LOOKED_AT_BYTES)
        except BadEncoding:
            # What stands in it cannot be told; what its head says can.
            return None

    def feed(self, piece: bytes) -> None:
        """Take in the next piece of the body, as it was sent."""
        if self._body is None:
            return
        try:
            self._body.feed(piece)
        except (TooLarge, BadEncoding, CutShort):
            if self.may_be_feed:
                raise
            self.has_enough = True

    def answer(self) -> Answer:
        """The answer, once its last piece was fed."""
        if self._body is None:
            return Answer(self._status, self._headers, b"", 0)
        return Answer(
            self._status,
            self._headers,
            self._decoded(self._body),
            self._body.sent_bytes,
        )

    def _decoded(self, body: BodyReader) -> bytes:
        if self.has_enough:
            return body.collected()
        try:
            return body.body()
        except (TooLarge, BadEncoding, CutShort):
            if self.may_be_feed:
                raise
            return body.collected()


async def answer_of(
    response: ClientResponse,
    limit: int,
    *,
    deadline: float,
) -> Answer:
    """The library's answer with its body, read within the limit; what time it has ends at `deadline` of the loop.

    Raises what AnswerCollector raises.
    """
    try:
        collector = AnswerCollector(
            response.status,
            joined_fields(response.raw_headers),
            announced_bytes=int(response.content_length or 0),
            limit=limit,
        )
        left = deadline - asyncio.get_running_loop().time()
        await _collect(response, collector, refusal_patience(left))
        return collector.answer()
    except (TooLarge, BadEncoding, CutShort):
        response.close()
        raise


async def _collect(
    response: ClientResponse,
    collector: AnswerCollector,
    patience: float,
) -> None:
    if collector.has_enough:
        return
    if collector.may_be_feed:
        async for piece in response.content.iter_any():
            collector.feed(piece)
        return
    try:
        async with asyncio.timeout(patience):
            async for piece in response.content.iter_any():
                collector.feed(piece)
                if collector.has_enough:
                    break
    except (aiohttp.ClientError, OSError):
        # Cut off or stalled (TimeoutError is an OSError): its head is all that counts.
        response.close()


def joined_fields(fields: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The fields of a head by lower-case name; those of one name are joined, of what has one value the first counts."""
    by_name: dict[str, str] = {}
    for raw_name, raw_value in fields:
        name = raw_name.decode("latin-1").lower()
        value = raw_value.decode("latin-1").strip()
        if name not in by_name:
            by_name[name] = value
        elif name not in _SINGLE:
            by_name[name] = f"{by_name[name]}, {value}"
    return by_name
