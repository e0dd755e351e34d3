"""Content encodings taken off while the body arrives, never beyond the allowed size (situation 26).

Rules: at most one layer; gzip (also x-gzip), deflate with or without its header, br, zstd. Each call asks a decoder
for no more than is still allowed plus one byte, so a bomb costs its limit and not its content. A stream that ends too
early is refused, because half a feed saved with its validators would hide the other half. The checksum behind the last
block of gzip and deflate may be missing, or a part of it: the block says that it is the last, and curl reads that, too.

The first bytes count more than the name: what begins like gzip or zstd is that, whatever it says, and a document that
begins in plain sight is plain; all of it is served in the field. Names that are no compression (`aws-chunked`, `UTF-8`,
`none`) are passed over, as browsers do, if the body is text or a compression known by its first bytes.
"""

from __future__ import annotations

import codecs
import struct
import sys
import zlib
from typing import Protocol

import brotli  # type: ignore[import-untyped]

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdDecompressor, ZstdError
else:
    from backports.zstd import ZstdDecompressor, ZstdError

GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZLIB_START = b"\x78"
_COMPRESSIONS = frozenset({"gzip", "x-gzip", "deflate", "br", "brotli", "zstd"})
_DOCUMENTS = (b"<?xm", b"<rss", b"<fee", b"<rdf", b"<!DO", b"<htm")
"""How plain documents begin in their first four bytes; no stream of brotli or deflate does by accident."""
_BLANKS = b"\xef\xbb\xbf \t\r\n"
_BOMS = (codecs.BOM_UTF8, codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)
_TEXT_CONTROLS = b"\0\t\n\r"
"""What may stand in text below the blank; the zero in UTF-16 and UTF-32."""
_MOST_MEMBERS = 1000
_GZIP_OR_ZLIB = 47
_RAW = -15


class TooLarge(Exception):
    """The body, decoded or as sent, is larger than allowed."""


class BadEncoding(Exception):
    """The body is not in the encoding it claims, or in one that we did not offer."""


class CutShort(Exception):
    """The encoded stream ends before its end mark."""


class _Decoder(Protocol):
    def decoded(self, data: bytes, limit: int) -> bytes:
        """What `data` decodes to; more than `limit` bytes only by a little."""

    def is_complete(self, body: bytes) -> bool:
        """Whether the stream, which was decoded to `body`, has reached its end mark."""


class _Plain:
    def decoded(self, data: bytes, limit: int) -> bytes:
        return data

    def is_complete(self, body: bytes) -> bool:
        return True


class _Zlib:
    """gzip and deflate, with further members that follow the first."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._fed = False
        self._is_raw = False
        """Whether the stream is deflate without header and checksum."""
        self._member_count = 1
        self._member_at = 0
        """Where the output of the member that is being read begins in all of it."""
        self._size = 0
        self._start_of_next = b""

    def decoded(self, data: bytes, limit: int) -> bytes:
        parts: list[bytes] = []
        data, self._start_of_next = self._start_of_next + data, b""
        while data:
            if self._inner.eof:
                if data == GZIP_MAGIC[:1]:
                    # Half of the magic number: the next piece says whether a member begins.
                    self._start_of_next = data
                    break
                if data[:2] != GZIP_MAGIC:
                    # Padding after the last member: browsers pass it over, too.
                    break
                self._next_member()
            piece = self._piece(data, limit)
            parts.append(piece)
            limit -= len(piece)
            if limit <= 0:
                break
            data = self._inner.unconsumed_tail
            if self._inner.eof:
                data = self._inner.unused_data
        return b"".join(parts)

    def _piece(self, data: bytes, limit: int) -> bytes:
        try:
            piece = self._inner.decompress(data, limit)
        except zlib.error:
            if self._fed:
                raise
            self._is_raw = True
            # RFC 9110 section 8.4.1.2: some send deflate without the zlib header.
            self._inner = zlib.decompressobj(_RAW)
            piece = self._inner.decompress(data, limit)
        self._fed = True
        self._size += len(piece)
        return piece

    def _next_member(self) -> None:
        self._member_count += 1
        if self._member_count > _MOST_MEMBERS:
            raise BadEncoding("more than a thousand gzip members")
        self._member_at = self._size
        self._inner = zlib.decompressobj(_GZIP_OR_ZLIB)

    def is_complete(self, body: bytes) -> bool:
        if self._inner.eof or self._is_raw:
            return self._inner.eof
        return self._lacks_only_checksum(body[self._member_at :])

    def _lacks_only_checksum(self, member: bytes) -> bool:
        """Whether the member is whole once what is missing of its checksum is put behind it.

        A stream that was really cut takes these bytes for blocks, and does not come to an end.
        """
        gzip_sum = struct.pack("<II", zlib.crc32(member), len(member) & 0xFFFFFFFF)
        zlib_sum = struct.pack(">I", zlib.adler32(member))
        for checksum in (gzip_sum, zlib_sum):
            for present in range(len(checksum)):
                rest = self._inner.copy()
                try:
                    more = rest.decompress(checksum[present:])
                except zlib.error:
                    continue
                if rest.eof and not more and not rest.unused_data:
                    return True
        return False


class _Brotli:
    def __init__(self) -> None:
        self._inner = brotli.Decompressor()

    def decoded(self, data: bytes, limit: int) -> bytes:
        if self._inner.is_finished():
            return b""
        piece = self._inner.process(data, output_buffer_limit=limit)
        parts = [piece]
        limit -= len(piece)
        while limit > 0 and self._holds_more():
            piece = self._inner.process(b"", output_buffer_limit=limit)
            parts.append(piece)
            limit -= len(piece)
        return b"".join(parts)

    def _holds_more(self) -> bool:
        """Whether output was held back for the limit of the call before."""
        if self._inner.is_finished():
            return False
        return not self._inner.can_accept_more_data()

    def is_complete(self, body: bytes) -> bool:
        return bool(self._inner.is_finished())


class _Zstd:
    def __init__(self) -> None:
        self._inner = ZstdDecompressor()
        self._frame_count = 1

    def decoded(self, data: bytes, limit: int) -> bytes:
        parts: list[bytes] = []
        while limit > 0 and (data or self._holds_more()):
            if self._inner.eof:
                self._next_frame()
            piece = self._inner.decompress(data, limit)
            parts.append(piece)
            limit -= len(piece)
            data = self._inner.unused_data if self._inner.eof else b""
        return b"".join(parts)

    def _holds_more(self) -> bool:
        """Whether output was held back for the limit of the call before."""
        return not self._inner.needs_input and not self._inner.eof

    def _next_frame(self) -> None:
        self._frame_count += 1
        if self._frame_count > _MOST_MEMBERS:
            raise BadEncoding("more than a thousand zstd frames")
        self._inner = ZstdDecompressor()

    def is_complete(self, body: bytes) -> bool:
        return self._inner.eof


class BodyReader:
    """Collects a body from its pieces: `feed` each, then take `body`. Raises TooLarge, BadEncoding, CutShort."""

    def __init__(self, content_encoding: str, *, limit: int) -> None:
        names = _names(content_encoding)
        layers = [name for name in names if name in _COMPRESSIONS]
        # Each layer multiplies what a bomb of a few bytes unfolds to.
        if len(layers) > 1:
            words = (
                f"{len(layers)} layers of content encoding ({content_encoding[:80]})"
            )
            raise BadEncoding(words)
        self._layer = "".join(layers)
        self._is_stated_twice = content_encoding.lower().count("gzip") > 1
        """A server and the one before it both name one layer, far oftener than there are two."""
        self._unknown = ""
        if names and not layers:
            self._unknown = names[0]
        self._limit = limit
        self._start = b""
        self._decoder: _Decoder | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self.sent_bytes = 0

    def feed(self, data: bytes) -> None:
        """Take in the next piece as it was sent."""
        self.sent_bytes += len(data)
        if self.sent_bytes > self._limit:
            raise TooLarge
        if self._decoder is None:
            self._start += data
            # As many bytes as the longest sign by which a format is known.
            if len(self._start) < 4:
                return
            data = self._start
            self._decoder = self._chosen(data)
        self._take(data)

    def body(self) -> bytes:
        """The whole decoded body, once the last piece was fed."""
        if self._decoder is None:
            self._decoder = self._chosen(self._start)
            self._take(self._start)
        body = b"".join(self._parts)
        if self.sent_bytes and not self._decoder.is_complete(body):
            raise CutShort
        if self._is_stated_twice and body[:2] == GZIP_MAGIC:
            raise BadEncoding(f"two layers of content encoding ({self._layer})")
        return body

    def collected(self) -> bytes:
        """What has been decoded so far, of a body that need not be whole."""
        return b"".join(self._parts)

    def _take(self, data: bytes) -> None:
        assert self._decoder is not None
        try:
            piece = self._decoder.decoded(data, self._limit - self._size + 1)
        except (zlib.error, brotli.error, ZstdError, EOFError) as error:
            raise BadEncoding(f"the body is not {self._layer or 'gzip'}") from error
        self._size += len(piece)
        if self._size > self._limit:
            raise TooLarge
        self._parts.append(piece)

    def _chosen(self, start: bytes) -> _Decoder:
        if start[:2] == GZIP_MAGIC:
            return _Zlib()
        if start[:4] == _ZSTD_MAGIC:
            return _Zstd()
        if start.lstrip(_BLANKS).startswith(_DOCUMENTS):
            return _Plain()
        match self._layer:
            case "gzip" | "x-gzip":
                return self._gzip_without_magic(start)
            case "deflate":
                return _Zlib()
            case "br" | "brotli":
                return _Brotli()
            case "zstd":
                return _Zstd()
            case _:
                return self._plain(start)

    def _gzip_without_magic(self, start: bytes) -> _Decoder:
        if start.lstrip(_BLANKS)[:1] in (b"<", b"{", b"[", b""):
            return _Plain()
        if start[:1] == _ZLIB_START:
            # deflate under the name of gzip
            return _Zlib()
        raise BadEncoding(f"the body is not {self._layer}")

    def _plain(self, start: bytes) -> _Decoder:
        if self._unknown and not _is_text(start):
            name = self._unknown[:40]
            raise BadEncoding(
                f"unknown content encoding {name}, and the body is no text"
            )
        return _Plain()


def _names(content_encoding: str) -> list[str]:
    """The names of a Content-Encoding, each once, without parameters and quotes; `identity` says nothing."""
    names: dict[str, None] = {}
    for part in content_encoding.split(","):
        coding, _, _ = part.partition(";")
        name = coding.strip(" \t\"'").lower()
        if name not in ("", "identity"):
            names[name] = None
    return list(names)


def _is_text(start: bytes) -> bool:
    """Whether the first bytes of a body can be those of a document in any of its encodings."""
    if start.startswith(_BOMS):
        return True
    return all(0x20 <= byte < 0x7F or byte in _TEXT_CONTROLS for byte in start[:4])
