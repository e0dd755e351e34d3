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


SUMMED = {
    "gzip": (lambda data: gzip.compress(data, mtime=0), 8),
    "deflate": (zlib.compress, 4),
}


@pytest.mark.parametrize("name", SUMMED)
@pytest.mark.parametrize("piece", [1, 7, 65536])
def test_a_checksum_may_be_missing_and_no_more(name: str, piece: int):
    encode, sum_bytes = SUMMED[name]
    data = encode(TEXT)
    for missing in range(1, sum_bytes + 1):
        assert read(name, data[:-missing], piece=piece) == TEXT
    for missing in range(sum_bytes + 1, 400):
        with pytest.raises(CutShort):
            read(name, data[:-missing], piece=piece)


@pytest.mark.parametrize("name", SUMMED)
@given(body=st.binary(min_size=1, max_size=300), data=st.data())
def test_no_cut_is_taken_for_a_missing_checksum(
    name: str, body: bytes, data: st.DataObject
):
    encode, sum_bytes = SUMMED[name]
    sent = encode(body)
    cut = sent[: data.draw(st.integers(4, len(sent) - sum_bytes - 1))]
    with pytest.raises(CutShort):
        read(name, cut)


def test_deflate_without_its_header_has_no_checksum_that_could_be_missing():
    for seed in range(300):
        packer = zlib.compressobj(wbits=-15)
        raw = packer.compress(TEXT[seed : 2 * seed + 50]) + packer.flush()
        with pytest.raises((CutShort, BadEncoding)):
            read("deflate", raw[:-1])


@pytest.mark.parametrize("missing", range(1, 9))
def test_a_wrong_or_half_a_checksum_of_another_text_is_refused(missing: int):
    data = gzip.compress(TEXT, mtime=0)
    wrong = data[:-8] + bytes(byte ^ 0xFF for byte in data[-8:])
    if missing == 8:
        assert read("gzip", wrong[:-missing]) == TEXT
        return
    with pytest.raises((CutShort, BadEncoding)):
        read("gzip", wrong[:-missing])


def test_the_last_of_several_members_may_lack_its_checksum():
    """curl#3796: an empty member without one behind the whole text."""
    empty = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x01\x00\x00\xff\xff"
    first, second = (gzip.compress(part, mtime=0) for part in (TEXT[:99], TEXT[99:]))
    assert read("gzip", first + second + empty) == TEXT
    assert read("gzip", first + second[:-8]) == TEXT
    with pytest.raises(CutShort):
        read("gzip", first + second[:-9])
    packer = zlib.compressobj(wbits=31)
    flushed = packer.compress(TEXT) + packer.flush(zlib.Z_SYNC_FLUSH)
    with pytest.raises(CutShort):
        read("gzip", flushed)


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
