"""The parse table runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.parse_table import ours, print_table, table, with_feedparser

RSS = b"<rss version='2.0'><channel><item><title>A</title><pubDate>2022/2/13 10:02</pubDate></item></channel></rss>"


def test_readers_tell_what_an_entry_lacks() -> None:
    assert ours(RSS) == [(True, False, True, False)]
    assert ours(b"<html></html>") == []
    assert len(with_feedparser(RSS)) == 1


def test_the_table_of_one_file_has_a_line_for_each_reader(
    shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = table(["testcase"], 1)
    print_table(counts)
    assert counts["aggregator"]["files"] == 1
    assert "feedparser" in capsys.readouterr().out
