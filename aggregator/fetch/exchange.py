"""One request and its answer on the wire: header bytes kept exactly, the body read within its limit.

Rules: a header value is one character for each byte (latin-1), both ways. The body of an answer that may be a feed is
read whole or refused; of any other only the beginning is read, enough to tell what it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp.client_reqrep import ClientRequest, ClientResponse

from aggregator.fetch.botwall import LOOKED_AT_BYTES
from aggregator.fetch.decoding import BadEncoding, BodyReader, CutShort, TooLarge

BODIES = frozenset(range(200, 300)) - {204, 205}
"""Statuses whose body may be a feed; whether it is one, the reader of it says. Some servers say 202 with it."""
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


async def answer_of(response: ClientResponse, limit: int) -> Answer:
    """The answer with its body, read within the limit."""
    headers = _headers(response)
    wanted = response.status in BODIES
    if not wanted:
        limit = LOOKED_AT_BYTES
    reader = BodyReader(headers.get("content-encoding", ""), limit=limit)
    if response.status == 304:
        return Answer(
            304,
            headers,
            b"",
            0,
        )
    if wanted and int(response.content_length or 0) > limit:
        # Refused at its first byte: a body of a gigabyte is not read up to the limit.
        response.close()
        raise TooLarge
    try:
        async for chunk in response.content.iter_any():
            reader.feed(chunk)
        body = reader.body()
    except (TooLarge, BadEncoding, CutShort):
        response.close()
        if wanted:
            raise
        body = reader.collected()
    return Answer(
        response.status,
        headers,
        body,
        reader.sent_bytes,
    )


def _headers(response: ClientResponse) -> dict[str, str]:
    by_name: dict[str, list[str]] = {}
    for raw_name, raw_value in response.raw_headers:
        name = raw_name.decode("latin-1").lower()
        value = raw_value.decode("latin-1").strip()
        values = by_name.setdefault(name, [])
        # Of a field that has one value the first line counts.
        if not values or name not in _SINGLE:
            values.append(value)
    return {name: ", ".join(values) for name, values in by_name.items()}
