"""fetch.tolerant and what stands behind it: answers as servers send them, read where browsers and curl read them."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.fetch import tolerant
from aggregator.fetch.fetcher import Fetcher
from aggregator.fetch.tolerant import MAX_HEAD_BYTES, AnswerReader, BadAnswer
from aggregator.model import (
    FailureKind,
    FetchFailed,
    FetchResult,
    FetchSettings,
    Validators,
)
from tests.fetch.asking import asking, failed, fetched, not_modified
from tests.fetch.conftest import LOOPBACK
from tests.origin import ENCODERS, feed_document

BODY = feed_document(items=[("1", "The weir is mended", "")])
LENGTH = len(BODY)
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (LENGTH, BODY)


def answer(
    *headers: str | bytes,
    body: bytes = BODY,
    status: str = "HTTP/1.1 200 OK",
    end: bytes = b"\r\n",
) -> bytes:
    lines = [
        status.encode(),
        *(
            header if isinstance(header, bytes) else header.encode()
            for header in headers
        ),
    ]
    return end.join(lines) + end + end + body


def sized(*headers: str | bytes, **more: bytes | str) -> bytes:
    return answer(f"Content-Length: {LENGTH}", *headers, **more)  # type: ignore[arg-type]


@asynccontextmanager
async def serving(
    raw: bytes, *, piece: int = 1 << 20, stays_open: bool = False
) -> AsyncIterator[str]:
    """A server whose answer to the first request of each connection is these bytes; `stays_open`: it never closes."""
    seen: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        for start in range(0, len(raw), piece):
            writer.write(raw[start : start + piece])
            await writer.drain()
        if not stays_open:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/feed"
        for writer in seen:
            writer.close()


async def asked(
    fetcher: Fetcher, raw: bytes, *, etag: str | None = None, **how: int
) -> FetchResult:
    async with serving(raw, **how) as url:  # type: ignore[arg-type]
        return await fetcher.fetch(asking(url, validators=Validators(etag)))


READ: dict[str, bytes] = {
    "bytes behind the body": sized(body=BODY + b"<!-- served by 4 -->"),
    "bytes behind the body, connection told to close": sized("Connection: close", body=BODY + b"\r\n\r\n"),
    "another answer behind the body": sized(body=BODY + sized()),
    "bytes behind the last chunk": answer("Transfer-Encoding: chunked", body=CHUNKED + b"stray"),
    "the last chunk without its last line": answer("Transfer-Encoding: chunked", body=CHUNKED[:-2]),
    "fields behind the last chunk": answer("Transfer-Encoding: chunked", body=CHUNKED[:-2] + b"X-Sum: 1\r\n\r\n"),
    "an empty size line at the end": answer("Transfer-Encoding: chunked", body=CHUNKED[:-5] + b"\r\n\r\n"),
    "an empty size line before the last chunk": answer("Transfer-Encoding: chunked", body=CHUNKED[:-5] + b"\r\n" + CHUNKED[-5:]),
    "a chunk size of 16 digits": answer("Transfer-Encoding: chunked", body=b"%016x\r\n%s\r\n0000000000000000000\r\n\r\n" % (LENGTH, BODY)),
    "a chunk size of 40 digits": answer("Transfer-Encoding: chunked", body=b"%040x\r\n%s\r\n0\r\n\r\n" % (LENGTH, BODY)),
    "a length of 40 digits": answer(f"Content-Length: {LENGTH:040}", body=BODY + b"more"),
    "the same length twice": sized(f"Content-Length: {LENGTH}"),
    "the same length twice in a line": answer(f"Content-Length: {LENGTH}, {LENGTH}"),
    "a length beside chunks": answer("Content-Length: 5", "Transfer-Encoding: chunked", body=CHUNKED),
    "a length behind chunks": answer("Transfer-Encoding: chunked", "Content-Length: 99999", body=CHUNKED),
    "two lengths beside chunks": answer("Content-Length: 5", "Content-Length: 6", "Transfer-Encoding: chunked", body=CHUNKED),
    "chunked in capitals": answer("Transfer-Encoding: Chunked", body=CHUNKED),
    "chunked stated twice": answer("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=CHUNKED),
    "transfer encoding identity": sized("Transfer-Encoding: identity"),
    "an empty transfer encoding": sized("Transfer-Encoding:"),
    "chunk sizes with blanks, zeros and extensions": answer("Transfer-Encoding: chunked", body=b"  000%X ;a=\"b\" \r\n%s\r\n0 \r\n\r\n" % (LENGTH, BODY)),
    "chunks with bare line feeds": answer("Transfer-Encoding: chunked", body=b"%x\n%s\n0\n\n" % (LENGTH, BODY)),
    "gzip as a transfer encoding": answer("Transfer-Encoding: gzip, chunked", body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(gzip.compress(BODY, mtime=0)), gzip.compress(BODY, mtime=0))),
    "an empty length": answer("Content-Length:"),
    "a length that is no number": answer("Content-Length: unknown"),
    "a negative length": answer("Content-Length: -1"),
    "no length, closed": answer(),
    "version 1.0": answer(status="HTTP/1.0 200 OK"),
    "no reason": sized(status="HTTP/1.1 200"),
    "a blank and no reason": sized(status="HTTP/1.1 200 "),
    "two blanks in the status line": sized(status="HTTP/1.1  200  OK"),
    "a version of HTTP/2 on a plain connection": sized(status="HTTP/2 200"),
    "a small http": sized(status="http/1.1 200 ok"),
    "a reason beyond ASCII": sized(status="HTTP/1.1 200 Всё в порядке"),
    "empty lines before the answer": b"\r\n\r\n" + sized(),
    "bare line feeds": sized(end=b"\n"),
    "a name in quotes": sized('"X-Frame-Options": DENY'),
    "a name with a blank": sized("X Cache: HIT"),
    "a blank before the colon": answer(f"Content-Length : {LENGTH}"),
    "a name beyond ASCII": sized("Größe: 1".encode()),
    "a name in brackets": sized("[x]: 1", "X/Y: 2", "a@b: 3"),
    "no name": sized(": nothing"),
    "a line that is no field": sized("Access-Control-Allow-Origin *"),
    "a value beyond ASCII": sized("X-Place: Århus".encode("latin-1")),
    "a value with control characters": sized(b"X-Bits: \x00\x01\x7f"),
    "a value with a bare carriage return": sized(b"X-Two: a\rb"),
    "a folded value": sized("Link: <https://hub.example/>;", '  rel="hub"'),
    "three hundred fields": sized(*(f"Set-Cookie: c{n}=1" for n in range(300))),
    "a field of 100 kB": sized("Content-Security-Policy: " + "x" * 100_000),
    "100 Continue before it": b"HTTP/1.1 100 Continue\r\n\r\n" + sized(),
    "103 Early Hints before it": answer("Link: </a.css>; rel=preload", status="HTTP/1.1 103 Early Hints", body=b"") + sized(),
    "202 with a feed": sized(status="HTTP/1.1 202 Accepted"),
    "201 with a feed": sized(status="HTTP/1.1 201 Created"),
    "an unknown success": sized(status="HTTP/1.1 299 Fine"),
    "206 that is the whole": sized(f"Content-Range: bytes 0-{LENGTH - 1}/{LENGTH}", status="HTTP/1.1 206 Partial Content"),
    "206 that is the whole of unknown size": sized(f"Content-Range: bytes 0-{LENGTH - 1}/*", status="HTTP/1.1 206 Partial Content"),
    "206 that does not say what": sized(status="HTTP/1.1 206 Partial Content"),
    **{
        f"content encoding {name}": sized(f"Content-Encoding: {name}")
        for name in ("aws-chunked", "UTF-8", "none", "binary", "text/xml", "aws-chunked,", "identity, utf-8", '""', "compress", "chunked", "gzip, gzip")
    },
    **{f"content encoding {name} of plain text": sized(f"Content-Encoding: {name}") for name in ENCODERS},
}  # fmt: skip


@pytest.mark.parametrize("raw", READ.values(), ids=READ.keys())
async def test_what_browsers_and_curl_read_is_read(fetcher: Fetcher, raw: bytes):
    assert fetched(await asked(fetcher, raw)).body == BODY


@pytest.mark.parametrize(
    "raw",
    [
        raw
        for name, raw in READ.items()
        if name in ("bytes behind the body", "the last chunk without its last line")
    ],
)
async def test_an_answer_that_is_whole_does_not_wait_for_the_end_of_its_connection(
    fetcher: Fetcher, raw: bytes
):
    assert fetched(await asked(fetcher, raw, stays_open=True)).body == BODY


@pytest.mark.parametrize("piece", [1, 7])
@pytest.mark.parametrize(
    "name",
    ["bytes behind the last chunk", "a folded value", "103 Early Hints before it"],
)
async def test_the_size_of_the_pieces_does_not_matter(
    fetcher: Fetcher, name: str, piece: int
):
    assert fetched(await asked(fetcher, READ[name], piece=piece)).body == BODY


async def test_a_proxys_answers_are_read_as_tolerantly():
    """They come through the HTTP library's parser, which our reader stands in front of."""
    settings = FetchSettings(
        timeout=timedelta(seconds=5), per_host_interval=timedelta(0)
    )
    for name, raw in READ.items():
        async with serving(raw) as proxy:
            behind = replace(settings, proxy=proxy.removesuffix("/feed"))
            async with Fetcher(behind, contact="", version="0") as fetcher:
                answer = await fetcher.fetch(asking("http://feed.example/feed"))
        assert fetched(answer).body == BODY, name


async def test_a_folded_field_is_read_as_one(fetcher: Fetcher):
    assert fetched(await asked(fetcher, READ["a folded value"])).links == (
        ("hub", "https://hub.example/"),
    )


NAMED_AND_COMPRESSED = [
    (name, encode)
    for encode in (ENCODERS["gzip"], ENCODERS["zstd"])
    for name in (
        "aws-chunked",
        "utf-8",
        "none",
        "",
        "br",
        "aws-chunked, gzip",
        "x-gzip;q=1",
        "gzip, gzip",
    )
]


@pytest.mark.parametrize(
    ("name", "encode"), [*NAMED_AND_COMPRESSED, ("gzip", zlib.compress)]
)
async def test_a_compression_is_known_by_its_first_bytes(
    fetcher: Fetcher, name: str, encode: Callable[[bytes], bytes]
):
    body = encode(BODY)
    assert (
        fetched(
            await asked(fetcher, answer(f"Content-Encoding: {name}", body=body))
        ).body
        == BODY
    )


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ((), b""),
        (("Transfer-Encoding: chunked",), b"0\r\n\r\n"),
        (("Transfer-Encoding: chunked",), CHUNKED),
        (("Content-Length: 269",), b""),
        (("Content-Length: 6",), b"behind"),
        (
            ("Content-Encoding: gzip", "Content-Type: application/rss+xml"),
            gzip.compress(b"", mtime=0),
        ),
        (("Connection: close", "Content-Length: 0"), b"\r\n"),
    ],
)
async def test_a_304_ends_at_its_first_empty_line(
    fetcher: Fetcher, headers: tuple[str, ...], body: bytes
):
    raw = answer('ETag: "b"', *headers, body=body, status="HTTP/1.1 304 Not Modified")
    assert (
        not_modified(
            await asked(fetcher, raw, etag='"a"', stays_open=True)
        ).validators.etag
        == '"b"'
    )


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (BODY, "does not answer in HTTP but with '<?xml version="),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "does not answer in HTTP but with 'SSH-2.0-OpenSSH_9.6'"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "does not answer in HTTP but with TLS: its address begins with https"),
        (answer(status="HTTP/1.1 OK"), "does not answer in HTTP but with 'HTTP/1.1 OK'"),
        (answer("Content-Length: 5", "Content-Length: 7"), "states different lengths of one body (5, 7)"),
        (answer("Transfer-Encoding: chunked"), "its body comes in chunks, but sends '<?xml version="),
        (answer("Transfer-Encoding: chunked", body=b"5\r\n<rss>more"), "its body comes in chunks, but sends 'more'"),
        (answer("Transfer-Encoding: chunked", body=CHUNKED[:-5] + b"\r\n" + CHUNKED), "sends an empty line where a size belongs"),
        (answer("Transfer-Encoding: chunked", body=CHUNKED[:-5] + b"\r\n<html>"), "sends '<html>' where a size belongs"),
        (answer("Transfer-Encoding: chunked", body=CHUNKED[:-5] + b"\r\n5"), "sent less than it announced"),
        (answer("Transfer-Encoding: chunked", body=CHUNKED[:-5]), "sent less than it announced"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * (MAX_HEAD_BYTES // 5), "sends a head of more than 262,144 bytes"),
        (sized(body=BODY[:9]), "sent less than it announced"),
        (answer("Transfer-Encoding: chunked", body=CHUNKED[:50]), "sent less than it announced"),
        (b"", "closed the connection without an answer"),
    ],
)  # fmt: skip
async def test_what_cannot_be_read_is_told_with_its_cause(
    fetcher: Fetcher, raw: bytes, words: str
):
    assert words in failed(await asked(fetcher, raw), FailureKind.RESET).detail


@pytest.mark.parametrize(
    ("raw", "kind", "words"),
    [
        (sized(f"Content-Range: bytes 0-{LENGTH - 1}/9999", status="HTTP/1.1 206 Partial Content"), FailureKind.HTTP_STATUS, "a part of the feed"),
        (sized(f"Content-Range: bytes 9-{LENGTH + 8}/{LENGTH + 9}", status="HTTP/1.1 206 Partial Content"), FailureKind.HTTP_STATUS, "a part of the feed"),
        (answer("Content-Length: 0", status="HTTP/1.1 202 Accepted", body=b""), FailureKind.HTTP_STATUS, "sent no feed with its answer (202)"),
        (answer(status="HTTP/1.1 204 No Content", body=b""), FailureKind.HTTP_STATUS, "answered with status 204"),
        (answer("x-amzn-waf-action: challenge", "Content-Length: 0", status="HTTP/1.1 202 Accepted", body=b""), FailureKind.BOT_WALL, "AWS WAF"),
        (answer("Content-Encoding: aws-chunked", body=b"\x00\x01\x02\x03\x04"), FailureKind.BAD_ENCODING, "unknown content encoding aws-chunked, and the body is no text"),
        (answer("Content-Encoding: gzip", body=b"\x00\x01\x02\x03\x04"), FailureKind.BAD_ENCODING, "the body is not gzip"),
    ],
)  # fmt: skip
async def test_an_answer_without_a_feed_is_told_as_such(
    fetcher: Fetcher, raw: bytes, kind: FailureKind, words: str
):
    assert words in failed(await asked(fetcher, raw), kind).detail


@pytest.mark.parametrize("closes", ["at the second request", "early", "with a reset"])
@pytest.mark.parametrize("hops", [1, 3])
async def test_a_server_that_closes_between_two_hops_is_asked_once_each_on_fresh_connections(
    fetcher: Fetcher, closes: str, hops: int
):
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1]
        asked.append(path)
        left = int(path[1:])
        moved = answer(
            f"Location: /{left - 1}",
            "Content-Length: 0",
            status="HTTP/1.1 301 Moved",
            body=b"",
        )
        writer.write(moved if left else sized())
        await writer.drain()
        if closes == "at the second request":
            await reader.read(1)
        if closes == "with a reset":
            await reader.read(1)
            writer.transport.abort()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        for _ in range(5):
            asked.clear()
            assert (
                fetched(
                    await fetcher.fetch(asking(f"http://127.0.0.1:{port}/{hops}"))
                ).body
                == BODY
            )
            assert asked == [b"/%d" % left for left in range(hops, -1, -1)]


# --- what the head decides ---

CUT_GZIP = gzip.compress(b"x" * 500, mtime=0)[:12]
BODIES_OF_NO_USE: dict[str, tuple[tuple[str, ...], bytes]] = {
    "shorter than its length": (("Content-Length: 5000",), b"abc"),
    "none of its length": (("Content-Length: 5000",), b""),
    "chunks, and none": (("Transfer-Encoding: chunked",), b""),
    "plain instead of chunks": (("Transfer-Encoding: chunked",), b"<html>slow down</html>"),
    "a chunk that does not end where it should": (("Transfer-Encoding: chunked",), b"3\r\nslow down"),
    "no last chunk": (("Transfer-Encoding: chunked",), b"4\r\nslow\r\n"),
    "two lengths": (("Content-Length: 5", "Content-Length: 6"), b"abcdef"),
    "two codings": (("Content-Encoding: gzip, br", "Content-Length: 1"), b"x"),
    "a coding that is none": (("Content-Encoding: foo", "Content-Length: 5"), b"\x01\x02\x03\x04\x05"),
    "not what its coding says": (("Content-Encoding: gzip", "Content-Length: 8"), b"not gzip"),
    "a cut coding": (("Content-Encoding: gzip", f"Content-Length: {len(CUT_GZIP)}"), CUT_GZIP),
}  # fmt: skip


@asynccontextmanager
async def asking_by(way: str, url: str, **changes: object) -> AsyncIterator[Fetcher]:
    """A fetcher that asks the server itself, or takes it for its proxy."""
    settings = replace(LOOPBACK, **changes)
    if way == "proxy":
        settings = replace(settings, proxy=url.removesuffix("/feed"))
    async with Fetcher(settings, contact="", version="0") as fetcher:
        yield fetcher


@pytest.mark.parametrize("way", ["direct", "proxy"])
@pytest.mark.parametrize(
    ("headers", "body"), BODIES_OF_NO_USE.values(), ids=BODIES_OF_NO_USE.keys()
)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, FailureKind.THROTTLED),
        (503, FailureKind.THROTTLED),
        (410, FailureKind.GONE),
        (404, FailureKind.NOT_FOUND),
    ],
)
async def test_a_refusal_counts_whatever_becomes_of_its_body(
    way: str, status: int, kind: FailureKind, headers: tuple[str, ...], body: bytes
):
    raw = answer(
        "Retry-After: 7200", *headers, body=body, status=f"HTTP/1.1 {status} Whatever"
    )
    async with serving(raw) as url, asking_by(way, url) as fetcher:
        result = failed(await fetcher.fetch(asking(url)), kind)
    assert result.status == status
    assert result.caching.retry_after == timedelta(hours=2)


@pytest.mark.parametrize(
    ("headers", "body"), BODIES_OF_NO_USE.values(), ids=BODIES_OF_NO_USE.keys()
)
async def test_a_redirect_is_followed_whatever_becomes_of_its_body(
    fetcher: Fetcher, headers: tuple[str, ...], body: bytes
):
    async with serving(sized()) as there:
        moved = answer(
            f"Location: {there}", *headers, body=body, status="HTTP/1.1 302 Found"
        )
        assert fetched(await asked(fetcher, moved)).body == BODY


@pytest.mark.parametrize("way", ["direct", "proxy"])
@pytest.mark.parametrize(
    "framing", ["Content-Length: 50", "Transfer-Encoding: chunked", "X: y"]
)
@pytest.mark.parametrize("status", [429, 410, 301])
async def test_a_body_that_stalls_behind_a_head_that_decides_is_not_waited_for(
    way: str, framing: str, status: int
):
    """301 leads nowhere here: what counts is that it is told, and not that time ran out."""
    raw = answer(
        "Retry-After: 7200", framing, body=b"", status=f"HTTP/1.1 {status} Whatever"
    )
    async with serving(raw, stays_open=True) as url, asking_by(way, url) as fetcher:
        result = await fetcher.fetch(asking(url))
    assert isinstance(result, FetchFailed)
    assert (result.status, result.caching.retry_after) == (status, timedelta(hours=2))
    assert result.elapsed < timedelta(seconds=3)


@pytest.mark.parametrize("way", ["direct", "proxy"])
async def test_what_a_head_says_counts_however_little_time_is_left(way: str):
    raw = answer(
        "Retry-After: 7200", "Content-Length: 50", body=b"", status="HTTP/1.1 429 Slow"
    )
    async with (
        serving(raw, stays_open=True) as url,
        asking_by(way, url, timeout=timedelta(seconds=0.4)) as fetcher,
    ):
        result = failed(await fetcher.fetch(asking(url)), FailureKind.THROTTLED)
    assert result.caching.retry_after == timedelta(hours=2)


@pytest.mark.parametrize("way", ["direct", "proxy"])
async def test_a_wall_is_known_by_as_much_of_its_body_as_comes(way: str):
    page = b"<!doctype html><html><script>window._cf_chl_opt={}</script>"
    raw = answer("Content-Length: 5000", body=page, status="HTTP/1.1 403 Forbidden")
    for stays_open in (False, True):
        async with (
            serving(raw, stays_open=stays_open) as url,
            asking_by(way, url) as fetcher,
        ):
            failed(await fetcher.fetch(asking(url)), FailureKind.BOT_WALL)


async def test_a_circle_of_redirects_may_ask_for_quiet(fetcher: Fetcher):
    moved = answer(
        "Location: /feed", "Retry-After: 7200", body=b"", status="HTTP/1.1 302 Found"
    )
    result = failed(await asked(fetcher, moved), FailureKind.TOO_MANY_REDIRECTS)
    assert (result.status, result.caching.retry_after) == (302, timedelta(hours=2))


# --- the reader by itself ---


def regular(raw: bytes, piece: int) -> bytes:
    reader = AnswerReader()
    return b"".join(
        reader.fed(raw[start : start + piece]) for start in range(0, len(raw), piece)
    )


HEADS = st.sampled_from(
    [raw[: raw.find(b"\r\n\r\n") + 4] for raw in READ.values() if b"\r\n\r\n" in raw]
)


@given(HEADS | st.just(b""), st.binary(max_size=200), st.integers(1, 50))
def test_any_bytes_are_an_answer_or_refused(head: bytes, rest: bytes, piece: int):
    try:
        regular(head + rest, piece)
    except BadAnswer as error:
        assert str(error).isprintable()  # noqa: PT017


@given(st.sampled_from(sorted(READ)), st.integers(1, 400))
def test_pieces_give_the_same_head(name: str, piece: int):
    whole, pieces = (
        regular(READ[name], size).partition(b"\r\n\r\n")[0] for size in (1 << 20, piece)
    )
    assert pieces == whole


def test_what_follows_the_end_is_passed_over():
    reader = AnswerReader()
    assert reader.fed(READ["another answer behind the body"]).endswith(BODY)
    assert reader.is_over
    assert reader.fed(b"more") == b""


def test_a_million_chunks_cost_no_more_than_their_bytes():
    """Each chunk is looked at once: 400,000 in one piece took minutes while each copied what was left."""
    reader = AnswerReader()
    out = reader.fed(
        answer(
            "Transfer-Encoding: chunked",
            body=b"6\r\nxxxxxx\r\n" * 400_000 + b"0\r\n\r\n",
        )
    )
    assert out.count(b"6\r\nxxxxxx\r\n") == 400_000
    assert reader.is_over


HEAD_PIECES = st.sampled_from(
    [
        b"ETag",
        b"X-Y",
        b":",
        b": ",
        b" ",
        b"\t",
        b"\r\n",
        b"\n",
        b"\r",
        b"a b",
        b"\x00",
        b"\x7f",
        b"\xff",
        b"(",
        b"max-age=3, public",
    ]
)


@given(st.lists(HEAD_PIECES, max_size=24).map(b"".join))
def test_a_plain_head_is_read_as_line_by_line(head: bytes):
    assert tolerant._headers(head) == tolerant._read_by_line(head)


def test_usual_heads_are_plain():
    head = b'ETag: "1"\r\nServer:nginx\r\nX-Empty:\r\nVary: A, B'
    assert tolerant._is_plain(head.replace(b"\r\n", b"\n"))
    assert tolerant._headers(head) == [
        (b"ETag", b'"1"'),
        (b"Server", b"nginx"),
        (b"X-Empty", b""),
        (b"Vary", b"A, B"),
    ]
