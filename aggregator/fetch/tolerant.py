"""Answers as servers send them, made regular before the HTTP library's parser sees them.

llhttp, aiohttp's parser, refuses much that browsers and curl read: bytes behind a body that ended, behind a 304, the
same Content-Length twice, Content-Length beside chunked, a header name that is none. `AnswerReader` takes one answer
as it arrives and gives it back as strict HTTP/1.1; `TolerantConnector` puts it in front of the library's parser.

Rules (RFC 9112):
- 6.3: a 204, 205 or 304 ends at its first empty line whatever its fields say; chunked overrides Content-Length; a body
  with a length ends there; any other ends with the connection. What follows the end is passed over.
- 5: a line that is no header is left out, a folded one is joined, white space before a colon goes. Header bytes beyond
  ASCII stay.
- What has no meaning (two different lengths, chunks that are none, no status line) raises BadAnswer, whose text says
  what was sent instead. The text holds nothing of the head but its first line.
- But an answer that is no success is decided by its head: of a body behind it that has no meaning the rest is left out.
- One connection serves one request, so a reader serves one answer; answers before it (1xx) are passed over.
- What is sent beside the body is bounded: all heads together, the number of answers before the one that counts, and the
  lines between chunks. A body in crumbs of one byte costs the event loop, and every other feed, what ten costs whole.
"""

from __future__ import annotations

import asyncio
import re
from enum import Enum
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

MAX_HEAD_BYTES = 256 * 1024
"""A guess: curl allows 300 kB of head; 40 kB of cookies and policies have been seen in the field."""
MAX_HEADERS = 10_000
"""More lines than fit into MAX_HEAD_BYTES in practice: that is the limit, not their number."""
MOST_INTERIM = 32
"""Answers before the one that counts. Servers in the field send one or two (103 Early Hints)."""
MAX_FRAMING_BYTES = 64 * 1024
"""Of the lines between chunks, beyond as many bytes as the body has: chunks of six bytes and more are never refused."""
_MAX_CHUNK_LINE_BYTES = 16 * 1024
_SHOWN_BYTES = 40
_LAST_CHUNK = b"0\r\n\r\n"

_BLANK_LINES = re.compile(rb"[\r\n]*")
"""Before the status line (2.2)."""
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_LINE_END = re.compile(rb"\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_STATUS_LINE = re.compile(rb"HTTP/\d+(?:\.\d+)?[ \t]+(\d{3})(?!\d)", re.IGNORECASE)
_LENGTH = re.compile(rb"0*\d{1,18}")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_IN_VALUES = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]+")
_PLAIN_FIELD = re.compile(rb"(?m)^([!#$%&'*+.^_`|~0-9A-Za-z-]+): *(.*)$")
_CONTROLS = bytes(code for code in range(0x20) if code != 0x0A) + b"\x7f"
_ODD_BLANKS = (b"\n ", b" \n", b" :")
"""Folds, and blanks behind values and names."""
_CHUNK_SIZE = re.compile(rb"[ \t]*(0*[0-9A-Fa-f]{0,16})[ \t]*(?:[;\r]|\Z)")
"""Of 64 bits, as servers count, with zeros in front."""
_FRAMING = frozenset(
    {
        b"content-length",
        b"transfer-encoding",
        b"connection",
        b"keep-alive",
        b"trailer",
        b"upgrade",
    }
)
"""Fields about the connection: read here, and written anew."""
_WITHOUT_BODY = frozenset({204, 205, 304})


class BadAnswer(aiohttp.ClientError):
    """What was sent has no meaning in HTTP; the text says why, with the host left to the caller."""


class _Part(Enum):
    HEAD = "head"
    SIZED = "sized"
    CHUNK_SIZE = "chunk size"
    CHUNK = "chunk"
    CHUNK_END = "chunk end"
    UNTIL_CLOSE = "until close"
    OVER = "over"


class AnswerReader:
    """One answer: `fed` with what arrives, it gives the same in strict HTTP/1.1. Raises BadAnswer."""

    def __init__(self, *, framed: bool = True) -> None:
        """`framed`: the answer is given whole, as the HTTP library's parser takes it; else its body alone."""
        self._is_framed = framed
        self.status = 0
        """Of the answer that counts; 0 before its head has come."""
        self.fields: list[tuple[bytes, bytes]] = []
        """Of its head, in order, as they were sent."""
        self._part = _Part.HEAD
        self._data = b""
        self._at = 0
        """Of `_data`, what lies before is dealt with. A cursor, because a body may come in a million chunks."""
        self._looked_to = 0
        """To here there is no end of the head."""
        self._left = 0
        """Bytes of the body, or of its chunk, that are still to come."""
        self._interim_count = 0
        self._head_bytes = 0
        self._body_bytes = 0
        self._framing_bytes = 0
        self._is_size_missing = False
        """Whether a line without a size stood where one belongs."""

    @property
    def is_over(self) -> bool:
        """Whether the answer is whole; one that ends with its connection never is."""
        return self._part is _Part.OVER

    @property
    def may_end(self) -> bool:
        """Whether the answer is whole if the connection ends here."""
        return self._part in (_Part.OVER, _Part.UNTIL_CLOSE) or bool(self.unsaid_end)

    @property
    def unsaid_end(self) -> bytes:
        """What the connection's end adds to a body in chunks whose last size line was empty: its last chunk."""
        has_more = self._data[self._at :].strip(b"\r\n")
        if self._part is _Part.CHUNK_SIZE and self._is_size_missing and not has_more:
            return _LAST_CHUNK
        return b""

    @property
    def announced_bytes(self) -> int:
        """Of a body with a length, how much of it is still to come."""
        return self._left if self._part is _Part.SIZED else 0

    def fed(self, data: bytes) -> bytes:
        """What `data` adds to the answer; '' when more has to arrive."""
        self._data = self._data[self._at :] + data
        self._at = 0
        pieces: list[bytes] = []
        while True:
            piece = self._next()
            if piece is None:
                return b"".join(pieces)
            pieces.append(piece)

    def _next(self) -> bytes | None:
        """The next piece that can be told; None: more has to arrive."""
        match self._part:
            case _Part.HEAD:
                return self._head()
            case _Part.SIZED:
                return self._sized()
            case _Part.CHUNK_SIZE:
                return self._chunk_size()
            case _Part.CHUNK:
                return self._chunk()
            case _Part.CHUNK_END:
                return self._chunk_end()
            case _Part.UNTIL_CLOSE:
                return self._taken(len(self._data)) or None
            case _Part.OVER:
                self._at = len(self._data)
                return None

    def _taken(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        self._at += len(taken)
        return taken

    # --- the head ---

    def _head(self) -> bytes | None:
        start = _BLANK_LINES.match(self._data, self._at).end()  # type: ignore[union-attr]  # it matches nothing, too
        # Passed over for good: a server that sends nothing else would have them read anew with each piece.
        self._head_bytes += start - self._at
        self._at = start
        first = self._data[start : start + _SHOWN_BYTES]
        if first[:5].upper() != b"HTTP/"[: len(first)]:
            raise BadAnswer(f"does not answer in HTTP but with {_shown(first)}")
        end = _HEAD_END.search(self._data, max(start, self._looked_to))
        if end is None:
            self._wait_for_head()
            return None
        head = self._data[start : end.start()]
        self._at = self._looked_to = end.end()
        status = _status(head)
        if status < 200:
            # 100 Continue, 103 Early Hints: the answer itself follows.
            self._count_interim(len(head))
            return b""
        _, _, fields = head.partition(b"\n")
        self.status = status
        self.fields = _headers(fields)
        framing = self._framed(status, self.fields)
        if not self._is_framed:
            return b""
        written = _written(self.fields)
        return b"HTTP/1.1 %03d -\r\n%s%s\r\n" % (status, written, framing)

    def _count_interim(self, size: int) -> None:
        self._interim_count += 1
        self._head_bytes += size
        if self._interim_count > MOST_INTERIM or self._head_bytes > MAX_HEAD_BYTES:
            count = self._interim_count
            words = (
                f"sends {count} answers before the one that counts, and no end of them"
            )
            raise BadAnswer(words)

    def _wait_for_head(self) -> None:
        waiting_bytes = len(self._data) - self._at
        if waiting_bytes + self._head_bytes > MAX_HEAD_BYTES:
            raise BadAnswer(f"sends a head of more than {MAX_HEAD_BYTES:,} bytes")
        # Its end has four bytes at most, of which three may be there.
        self._looked_to = max(0, waiting_bytes - 3)

    def _framed(self, status: int, headers: list[tuple[bytes, bytes]]) -> bytes:
        """Note how the body ends; the fields that say so."""
        if status in _WITHOUT_BODY:
            self._part = _Part.OVER
            return b"Content-Length: 0\r\n"
        if b"chunked" in _listed(headers, b"transfer-encoding"):
            self._part = _Part.CHUNK_SIZE
            return b"Transfer-Encoding: chunked\r\n"
        try:
            length = _length(headers)
        except BadAnswer:
            if self._may_be_feed:
                raise
            length = None
        if length is None:
            self._part = _Part.UNTIL_CLOSE
            return b""
        self._left = length
        self._part = _Part.SIZED if length else _Part.OVER
        return b"Content-Length: %d\r\n" % length

    # --- the body ---

    def _sized(self) -> bytes | None:
        piece = self._taken(self._left)
        self._left -= len(piece)
        if not self._left:
            self._part = _Part.OVER
        return piece or None

    def _chunk_size(self) -> bytes | None:
        limit = self._at + _MAX_CHUNK_LINE_BYTES
        end = self._data.find(b"\n", self._at, limit)
        has_ended = end >= 0
        line = self._data[self._at : end if has_ended else limit]
        size = _CHUNK_SIZE.match(line)
        if size is None or len(line) == _MAX_CHUNK_LINE_BYTES:
            words = f"says that its body comes in chunks, but sends {_shown(line)} where a size belongs"
            return self._without_meaning(words)
        if not has_ended:
            return None
        self._framing_bytes += end + 1 - self._at + len(b"\r\n")
        if self._framing_bytes > MAX_FRAMING_BYTES + self._body_bytes:
            words = "sends its body in crumbs: more lines between chunks than body"
            return self._without_meaning(words)
        self._at = end + 1
        if not size[1]:
            # The last chunk, if the connection ends here. If more follows, taking it for that would lose the rest.
            self._is_size_missing = True
            return b""
        self._left = int(size[1], 16)
        if self._left and self._is_size_missing:
            words = "says that its body comes in chunks, but sends an empty line where a size belongs"
            return self._without_meaning(words)
        if self._left:
            self._part = _Part.CHUNK
            return b""
        # Fields after the last chunk tell nothing we use.
        return self._ended()

    def _chunk(self) -> bytes | None:
        piece = self._taken(self._left)
        self._left -= len(piece)
        self._body_bytes += len(piece)
        if not self._left:
            self._part = _Part.CHUNK_END
        if not piece:
            return None
        if not self._is_framed:
            return piece
        return b"%x\r\n%s\r\n" % (len(piece), piece)

    def _chunk_end(self) -> bytes | None:
        end = _LINE_END.match(self._data, self._at)
        if end is not None:
            self._at = end.end()
            self._part = _Part.CHUNK_SIZE
            return b""
        rest = self._data[self._at : self._at + _SHOWN_BYTES]
        if rest in (b"", b"\r"):
            return None
        words = f"says that its body comes in chunks, but sends {_shown(rest)} where one ends"
        return self._without_meaning(words)

    @property
    def _may_be_feed(self) -> bool:
        return 200 <= self.status < 300

    def _without_meaning(self, words: str) -> bytes:
        """The end of a body that goes on in no way that HTTP knows. Raises BadAnswer where it may be a feed."""
        if self._may_be_feed:
            raise BadAnswer(words)
        return self._ended()

    def _ended(self) -> bytes:
        self._part = _Part.OVER
        return _LAST_CHUNK if self._is_framed else b""


def _status(head: bytes) -> int:
    line = _STATUS_LINE.match(head)
    if line is None:
        raise BadAnswer(f"does not answer in HTTP but with {_shown(head)}")
    return int(line[1])


def _headers(text: bytes) -> list[tuple[bytes, bytes]]:
    """The fields of a head, in order; what is no field is left out."""
    lines = text.replace(b"\r\n", b"\n")
    if _is_plain(lines):
        return _PLAIN_FIELD.findall(lines)
    return _read_by_line(text)


def _read_by_line(text: bytes) -> list[tuple[bytes, bytes]]:
    """The same, of any head: folded lines, blanks where none belong, control characters."""
    fields: list[tuple[bytes, bytes]] = []
    unfolded = _FOLD.sub(b" ", text)
    for line in unfolded.split(b"\n"):
        name, colon, value = line.partition(b":")
        name = name.strip(b" \t\r")
        if colon and _TOKEN.fullmatch(name):
            value = _NOT_IN_VALUES.sub(b"", value)
            fields.append((name, value.strip(b" \t")))
    return fields


def _is_plain(lines: bytes) -> bool:
    """Whether fields need only be cut at their colons, as those of nearly every head."""
    if lines.translate(None, _CONTROLS) != lines or lines != lines.strip(b" "):
        return False
    return not any(blank in lines for blank in _ODD_BLANKS)


def _written(headers: list[tuple[bytes, bytes]]) -> bytes:
    lines: list[bytes] = []
    for name, value in headers:
        if name.lower() not in _FRAMING:
            lines.append(b"%s: %s\r\n" % (name, value))
    return b"".join(lines)


def _listed(headers: list[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    """The members of a list-valued field, lower case, of all its lines."""
    values = b",".join(value for key, value in headers if key.lower() == name)
    return [member.strip(b" \t").lower() for member in values.split(b",")]


def _length(headers: list[tuple[bytes, bytes]]) -> int | None:
    """The length stated, once or several times the same; None where none is stated that can be read."""
    values = _listed(headers, b"content-length")
    lengths = {int(value) for value in values if _LENGTH.fullmatch(value)}
    if len(lengths) > 1:
        stated = ", ".join(str(length) for length in sorted(lengths))
        raise BadAnswer(f"states different lengths of one body ({stated})")
    if not lengths:
        return None
    return lengths.pop()


def _shown(data: bytes) -> str:
    """The beginning of what was sent, for a message."""
    # Records of TLS: an alert, a handshake.
    if data[:2] in (b"\x15\x03", b"\x16\x03"):
        return "TLS: its address begins with https"
    text = data[:_SHOWN_BYTES].decode("latin-1")
    first_line = text.splitlines()[:1]
    return repr("".join(first_line))


class TolerantProtocol(ResponseHandler):
    """A connection of aiohttp's whose parser gets regular answers."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._reader = AnswerReader()
        self._is_asked = False

    def set_response_params(self, **params: Any) -> None:
        """aiohttp is about to wait for an answer: from here on what arrives is one."""
        self._is_asked = True
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """Give the parser what arrived, made regular."""
        # What comes before is kept by aiohttp and given again; nothing at all resumes its parser.
        if not self._is_asked or not data:
            super().data_received(data)
            return
        try:
            regular = self._reader.fed(data)
        except BadAnswer as error:
            self._refuse(error)
            return
        if regular:
            super().data_received(regular)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Say what the end of the connection says."""
        if exc is None and self._reader.unsaid_end:
            super().data_received(self._reader.unsaid_end)
        super().connection_lost(exc)

    def _refuse(self, error: BadAnswer) -> None:
        self.set_exception(error)
        if self._payload is not None:
            self._payload.set_exception(error)
        if self.transport is not None:
            self.transport.close()


class TolerantConnector(aiohttp.TCPConnector):
    """Connections that each serve one request, since a server may close one at any time and a GET is not repeated."""

    def __init__(self, **options: Any) -> None:
        super().__init__(force_close=True, **options)
        # There is no public way to choose the protocol; tests/fetch/test_tolerant.py fails when the name changes.
        self._factory = partial(TolerantProtocol, loop=self._loop)  # type: ignore[assignment]
