"""fetch.decoding: content encodings, whatever arrives in whatever pieces, within the limit."""

from __future__ import annotations

import gzip
import os
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.fetch.decoding import BadEncoding, BodyReader, CutShort, TooLarge
from tests.origin import ENCODERS

TEXT = b"<rss>" + b"".join(b"<item>%d</item>" % n for n in range(3000)) + b"</rss>"
NAMES = sorted(ENCODERS)


def read(
    encoding: str, data: bytes, *, piece: int = 65536, limit: int = 10**6
) -> bytes:
    reader = BodyReader(encoding, limit=limit)
    for start in range(0, len(data), piece):
        reader.feed(data[start : start + piece])
    return reader.body()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("piece", [1, 2, 3, 7, 1000])
def test_pieces_of_any_size_make_the_same_body(name: str, piece: int):
    assert read(name, ENCODERS[name](TEXT), piece=piece) == TEXT


@pytest.mark.parametrize("name", NAMES)
@given(body=st.binary(max_size=3000), piece=st.integers(1, 500))
def test_what_was_encoded_comes_back(name: str, body: bytes, piece: int):
    assert read(name, ENCODERS[name](body), piece=piece) == body


@given(
    st.sampled_from([*NAMES, "", "x-gzip", "identity", "bzip2", "gzip, br"]),
    st.binary(max_size=400),
    st.integers(1, 50),
)
def test_any_bytes_are_a_body_or_refused_with_a_reason(
    name: str, data: bytes, piece: int
):
    try:
        body = read(name, data, piece=piece, limit=1000)
    except (BadEncoding, CutShort, TooLarge):
        return
    assert len(body) <= 1000


@pytest.mark.parametrize("name", NAMES)
def test_the_limit_is_exact(name: str):
    data = ENCODERS[name](TEXT)
    assert read(name, data, limit=len(TEXT)) == TEXT
    with pytest.raises(TooLarge):
        read(name, data, limit=len(TEXT) - 1)


@pytest.mark.parametrize("name", NAMES)
def test_a_bomb_never_becomes_much_larger_than_its_limit(name: str):
    reader = BodyReader(name, limit=100_000)
    with pytest.raises(TooLarge):
        reader.feed(ENCODERS[name](b"\0" * 20_000_000))
    assert len(reader.collected()) <= 100_000


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_without_its_end_is_cut_short(name: str):
    data = ENCODERS[name](os.urandom(5000))
    with pytest.raises((CutShort, BadEncoding)):
        read(name, data[: len(data) // 2])


def test_a_flood_of_empty_members_is_refused():
    with pytest.raises(BadEncoding):
        read("gzip", gzip.compress(b"") * 5000)
    with pytest.raises(BadEncoding):
        read("zstd", ENCODERS["zstd"](b"") * 5000)


def test_a_sent_body_larger_than_the_limit_is_refused_even_if_it_decodes_to_nothing():
    with pytest.raises((TooLarge, BadEncoding)):
        read("gzip", gzip.compress(b"") * 900, limit=1000)


def test_members_split_anywhere_are_joined():
    data = gzip.compress(TEXT[:700], mtime=0) + gzip.compress(TEXT[700:], mtime=0)
    assert {read("gzip", data, piece=piece) for piece in range(1, 60)} == {TEXT}


@pytest.mark.parametrize("level", range(10))
def test_deflate_with_and_without_its_header(level: int):
    raw = zlib.compressobj(level, wbits=-15)
    assert read("deflate", raw.compress(TEXT) + raw.flush(), piece=100) == TEXT
    assert read("deflate", zlib.compress(TEXT, level), piece=100) == TEXT
