"""Documents that somebody published, spoiled: what hostile publishers begin with is seldom random.

The hostile files, cases and small test documents of ../shared are the seeds where it is present, else a document of
ours. A seed is cut, doubled, spliced with another, and odd pieces are put in; what holds of any body holds of it.
"""

from __future__ import annotations

import functools
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.test_fuzz import JSON, MARKUP, ODD, RSS, item, long_run, read_and_judged

SHARED = Path(__file__).resolve().parents[3] / "shared"
MOST_BYTES = 20_000
"""Of a seed: longer ones take a second each, and are no stranger than short ones."""
PIECES = [piece.encode("utf-8", "replace") for piece in (*RSS, *MARKUP, *ODD, *JSON)]
PIECES += [
    b"\xff",
    b"\xfe\xff",
    b"\xef\xbb\xbf",
    b"\xa1\xa1",
    b"\x1b$B",
    b"\r",
    b"\x1a",
]
PIECES += [
    b"Fri, 31 Dec 9999 23:59:59 -0100",
    b"0001-01-01T00:00:00+14:00",
    b" xml:base='http://[::1'",
    b" xml:lang='" + b"x" * 300 + b"'",
    b"<?xml version='1.1' encoding='utf-7'?>",
    b"xmlns:media='http://search.yahoo.com/mrss/'",
]
CONTENT_TYPES = [
    None,
    "text/xml; charset=big5",
    "application/json",
    "text/html; charset=utf-7",
    "a" * 300,
]


@functools.cache
def seeds() -> list[bytes]:
    """The small documents at hand."""
    bodies = [item("<p>A ship.</p>", "A title")]
    for folder in ("corpus/hostile", "cases/hostile", "cases/feeds", "corpus/testcase"):
        for path in sorted((SHARED / folder).rglob("*.*")):
            is_small = path.is_file() and path.stat().st_size <= MOST_BYTES
            if is_small and path.suffix not in (".gz", ".jsonl"):
                bodies.append(path.read_bytes())
    return bodies


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """A seed after up to six acts of destruction."""
    number = draw(st.integers(0, len(seeds()) - 1))
    body = seeds()[number]
    for _ in range(draw(st.integers(0, 6))):
        body = draw(st.sampled_from([_cut, _doubled, _spliced, _filled, _struck]))(
            draw, body
        )
    return body


def _place(draw: st.DrawFn, body: bytes) -> int:
    return draw(st.integers(0, len(body)))


def _cut(draw: st.DrawFn, body: bytes) -> bytes:
    start, length = _place(draw, body), draw(st.integers(0, 400))
    return body[:start] + body[start + length :]


def _doubled(draw: st.DrawFn, body: bytes) -> bytes:
    start, length = _place(draw, body), draw(st.integers(0, 400))
    part = body[start : start + length]
    return body[:start] + part * draw(st.integers(2, 5)) + body[start:]


def _spliced(draw: st.DrawFn, body: bytes) -> bytes:
    other = seeds()[draw(st.integers(0, len(seeds()) - 1))]
    start, length = _place(draw, other), draw(st.integers(0, 1500))
    at = _place(draw, body)
    return body[:at] + other[start : start + length] + body[at:]


def _filled(draw: st.DrawFn, body: bytes) -> bytes:
    at = _place(draw, body)
    return (
        body[:at]
        + b"".join(draw(st.lists(st.sampled_from(PIECES), max_size=4)))
        + body[at:]
    )


def _struck(draw: st.DrawFn, body: bytes) -> bytes:
    """One byte becomes another."""
    at = _place(draw, body)
    return body[:at] + bytes([draw(st.integers(0, 255))]) + body[at + 1 :]


@long_run
@given(spoiled(), st.sampled_from(CONTENT_TYPES))
def test_whatever_becomes_of_a_published_document_it_is_read_or_refused(
    body: bytes, content_type: str | None
) -> None:
    read_and_judged(body, content_type)
