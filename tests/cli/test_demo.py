"""`aggregator demo`: the sample feeds come out as they were meant, and the command does what it says."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import feedparser
import orjson
import pytest

from aggregator.cli.sample_feeds import Outlet, outlets
from tests import forked
from tests.cli.terminal import on_terminal
from tests.daemon.program import ENVIRONMENT

STARTED_AT = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)
ALL = outlets()


def test_the_sample_has_four_languages_three_formats_retellings_and_look_alikes():
    assert {outlet.language.partition("-")[0] for outlet in ALL} == {
        "en",
        "zh",
        "es",
        "de",
    }
    assert {outlet.form for outlet in ALL} == {"rss", "atom", "json"}
    tellings = defaultdict(set)
    for outlet in ALL:
        for report in outlet.reports:
            tellings[report.event].add(outlet.feed_id)
    assert max(map(len, tellings.values())) >= 3
    assert sum(len(tellers) == 1 for tellers in tellings.values()) >= 5


@pytest.mark.parametrize("outlet", ALL, ids=lambda outlet: outlet.feed_id)
def test_a_feed_grows_newest_first_and_is_read_by_others(outlet: Outlet):
    first, last = timedelta(0), timedelta(minutes=1)
    assert len(outlet.listed(last)) == len(outlet.reports) >= len(outlet.listed(first))
    body = outlet.body(started_at=STARTED_AT, elapsed=last)
    titles = [report.title for report in outlet.listed(last)]
    if outlet.form == "json":
        assert [item["title"] for item in orjson.loads(body)["items"]] == titles
        return
    read = feedparser.parse(body)
    assert not read.bozo
    assert [entry.title for entry in read.entries] == titles
    assert read.entries[0].published_parsed[:3] == (2026, 11, 29)


def test_look_alikes_of_the_sample_stay_apart_and_most_retellings_come_together(
    tmp_path: Path,
):
    rows, meant = [], {}
    for outlet in ALL:
        for report in outlet.reports:
            published = (STARTED_AT - report.age).isoformat()
            row = {
                "id": report.link,
                "lang": outlet.language,
                "title": report.title,
                "text": report.text,
            }
            row |= {"source": outlet.host, "url": report.link, "published": published}
            rows.append((report.after, row))
            meant[report.link] = report.event
    file, out = tmp_path / "rows.jsonl", tmp_path / "out.tsv"
    file.write_bytes(
        b"\n".join(
            orjson.dumps(row) for _, row in sorted(rows, key=lambda pair: pair[0])
        )
    )
    done = forked.run(
        "backtest",
        str(file),
        "--no-meaning",
        "--predictions",
        str(out),
        environment=ENVIRONMENT,
    )
    assert done.returncode == 0, done.stderr
    together = defaultdict(set)
    for line in out.read_text().splitlines():
        link, event_id = line.split("\t")
        together[event_id].add(meant[link])
    assert all(len(events) == 1 for events in together.values()), (
        "look-alikes came together"
    )
    # By words alone a far retelling may stay apart: that repeats news, where the other error hides it.
    assert len(together) <= len(set(meant.values())) + 3, "retellings stayed apart"


@pytest.fixture
def short() -> Iterator[Path]:
    """A directory with a short name, as /tmp has: the way to a unix socket has at most 100 letters."""
    with tempfile.TemporaryDirectory(prefix="d", dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.timeout(300)
def test_the_demo_needs_nothing_ends_by_itself_and_leaves_nothing(
    tmp_path: Path, short: Path
):
    own = {**ENVIRONMENT, "HOME": str(tmp_path), "TMPDIR": str(short)}
    done = subprocess.run(
        [sys.executable, "-m", "aggregator", "demo"], cwd=tmp_path, env=own,
        capture_output=True, text=True, timeout=250, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "10 feeds of the demo" in done.stdout
    assert "http://127.0.0.1:" in done.stdout
    assert "nothing of it stays" in done.stdout
    assert list(short.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.timeout(300)
def test_on_a_terminal_events_form_and_the_page_stays_up(tmp_path: Path):
    with on_terminal("demo", folder=tmp_path, columns=80) as terminal:
        terminal.until("First round: ")
        terminal.until("2 sources")
        terminal.until("24 reports of 10 feeds in four languages came to ")
        terminal.until("(Ctrl-C ends the demo)")
        assert terminal.process.poll() is None
        assert all(len(line) <= 80 for line in terminal.lines if "source" in line)
        terminal.type("\x03")
        terminal.process.send_signal(2)
        assert terminal.end() == 0
