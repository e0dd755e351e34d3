"""`[dedup] meaning` in the real program, and its child process without the extra."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aggregator.cli.parts import Meanings
from aggregator.dedup.fingerprint import MEANING_BYTES
from aggregator.dedup.meaning import is_installed
from aggregator.watch.metrics import Metrics
from tests.daemon.program import Program, feeds_of, until
from tests.daemon.test_program import rss
from tests.origin import Answer, Origin

encoder = pytest.mark.skipif(not is_installed(), reason="needs the extra `meaning`; .ci/run installs it")
ENGLISH = ("Freighter hits bridge in Port Selby, two piers collapse", "Nobody was hurt.")
CHINESE = ("货轮撞上塞尔比港大桥 两座桥墩坍塌", "无人受伤。")


@pytest.mark.skipif(is_installed(), reason="the extra `meaning` is installed here")
async def test_an_encoder_that_breaks_costs_the_meanings_and_nothing_else():
    async with Meanings(Metrics()) as meanings:
        assert await meanings.of(["A ship runs aground", "Another"]) == [b"", b""]


@encoder
@pytest.mark.slow
async def test_the_child_answers_with_a_vector_for_each_headline():
    async with Meanings(Metrics()) as meanings:
        found = await meanings.of(["A ship runs aground", "", "货轮搁浅"])
    assert [len(vector) for vector in found] == [MEANING_BYTES, 0, MEANING_BYTES]


@encoder
@pytest.mark.slow
def test_the_program_joins_an_english_and_a_chinese_report_of_one_event(tmp_path: Path):
    with Origin.in_thread() as origin:
        origin.script("/a", Answer(body=rss(ENGLISH, site="a"), etag='"a1"'))
        origin.script("/b", Answer(body=rss(CHINESE, site="b"), etag='"b1"'))
        program = Program(
            tmp_path, feeds_of(origin.url("/a"), origin.url("/b", 2)) + "\n[dedup]  # meanings: where the encoder is\n"
        )
        with program.running():
            client = program.client()
            until(lambda: client.xlen("agg:reports") == 2, what="two reports")
            reports = [fields for _, fields in client.xrange("agg:reports")]
        assert [report["kind"] for report in reports] == ["event.new", "event.joined"]
        assert len(json.loads(reports[1]["sources"])) == 2
