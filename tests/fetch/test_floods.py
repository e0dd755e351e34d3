"""What a server sends beside its feed: bounded in bytes and in work, whatever it is, so that no other feed waits."""

from __future__ import annotations

import time

import pytest

from aggregator.fetch.tolerant import (
    MAX_FRAMING_BYTES,
    MAX_HEAD_BYTES,
    MOST_INTERIM,
    AnswerReader,
    BadAnswer,
)
from aggregator.fetch.websub import links_of

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def fed(data: bytes, *, pieces: int = 4096) -> AnswerReader:
    reader = AnswerReader()
    for start in range(0, len(data), pieces):
        reader.fed(data[start : start + pieces])
    return reader


def test_some_answers_before_the_one_that_counts_are_passed_over():
    assert fed(HINTS * MOST_INTERIM + OK).is_over


@pytest.mark.parametrize(
    "interim",
    [
        HINTS,
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 102 -\r\n\r\n",
        b"HTTP/1.1 199 -\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
    ],
)
def test_answers_before_it_without_end_are_refused(interim: bytes):
    with pytest.raises(
        BadAnswer, match=r"before the one that counts|a head of more than"
    ):
        fed(interim * (MOST_INTERIM + 1) + OK)


@pytest.mark.parametrize("blank", [b"\r\n", b"\n", b"\r"])
def test_blank_lines_without_end_are_refused_in_linear_time(blank: bytes):
    started = time.process_time()
    with pytest.raises(BadAnswer, match="a head of more than"):
        fed(blank * (2 * MAX_HEAD_BYTES), pieces=8)
    assert time.process_time() - started < 1.5


def test_some_blank_lines_before_an_answer_are_passed_over():
    assert fed(b"\r\n\n\r\n" + HINTS + b"\r\n" + OK, pieces=1).is_over


def test_heads_count_together():
    with pytest.raises(BadAnswer):
        fed((b"HTTP/1.1 103 -\r\nX: " + b"y" * (MAX_HEAD_BYTES // 4) + b"\r\n\r\n") * 5)


@pytest.mark.parametrize(
    "size_line",
    [
        b"1\r\n",
        b"0001\r\n",
        b"1;" + b"x" * 1000 + b"\r\n",
        b"1" + b" " * 9000 + b"\r\n",
    ],
)
def test_a_body_in_crumbs_is_refused_before_it_costs_anything(size_line: bytes):
    sent = CHUNKED + (size_line + b"x\r\n") * (50 * MAX_FRAMING_BYTES // len(size_line))
    started = time.process_time()
    with pytest.raises(BadAnswer, match="crumbs"):
        fed(sent)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("size", [6, 16, 100])
def test_small_chunks_are_no_crumbs(size: int):
    chunk = b"%x\r\n%s\r\n" % (size, b"x" * size)
    assert fed(CHUNKED + chunk * 60_000 + b"0\r\n\r\n").is_over


@pytest.mark.parametrize(
    "text",
    [
        "<" * 20_000,
        "<a" * 10_000,
        "<a>;" * 5_000,
        "<a>;x=" + '"' * 20_000,
        "<a>" + " " * 20_000,
        "<a>; " * 4_000,
        "<a>; " + "x" * 20_000,
        '<a>; x="' + '\\"' * 10_000,
        '<a>; x="' * 2_000,
        "<a>;;" * 4_000,
        "<a>; rel" + " " * 20_000,
        "<a>" + ";" * 20_000,
        "<a>" + "; " * 10_000,
    ],
)
def test_a_link_header_takes_linear_time(text: str):
    started = time.process_time()
    links_of(text, base_url="https://h.example/")
    assert time.process_time() - started < 0.1


def test_links_behind_odd_ones_are_found():
    assert links_of(
        "<<</b>; rel=hub, <x>;;; rel=self", base_url="https://h.example/"
    ) == (("hub", "https://h.example/b"), ("self", "https://h.example/x"))
