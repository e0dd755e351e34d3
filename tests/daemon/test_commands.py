"""The command line's parts that outlast one call: a daemon's own file, fetching in force, following a stream."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from aggregator.cli.config_file import ConfigFile
from aggregator.cli.reload import _running
from aggregator.cli.tail import id_at
from aggregator.daemon import files
from aggregator.daemon.archive import together
from aggregator.daemon.assembly import Fetching
from aggregator.engine.store import Store
from aggregator.engine.watch_store import Row
from aggregator.model import Settings
from aggregator.watch.metrics import Metrics
from tests.daemon.program import Program, feeds_of, until
from tests.daemon.stages import Stages
from tests.daemon.test_program import HARBOUR, rss
from tests.daemon.test_stages import QUAKE, feed
from tests.daemon.test_stages import rss as feed_body
from tests.origin import Answer, Origin


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin.in_thread() as serving:
        serving.script("/a", Answer(body=rss(HARBOUR, site="a"), etag='"a1"'))
        yield serving


def test_a_daemon_that_runs_is_found_and_one_that_died_is_not(tmp_path: Path):
    """The number of a dead one may be another program's by now: a signal to it would end that program."""
    (tmp_path / "feeds.toml").write_text(
        '[aggregator]\nstate_dir = "state"\n', encoding="utf-8"
    )
    folder = tmp_path / "state" / "daemons"
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE
    ) as stranger:
        folder.mkdir(parents=True)
        (folder / f"{stranger.pid}.json").write_text(
            f'{{"pid": {stranger.pid}}}', encoding="utf-8"
        )
        with ConfigFile(files.loaded(str(tmp_path / "feeds.toml"))).announced("all"):
            assert [place.stem for place in _running(folder)] == [str(os.getpid())]
        assert _running(folder) == []
        stranger.kill()


async def test_the_end_does_not_wait_for_what_a_reload_replaced():
    async with asyncio.timeout(15):
        async with Fetching(Settings(), Metrics()) as fetching:
            await fetching.renew(
                Settings(fetch=replace(Settings().fetch, timeout=timedelta(seconds=20)))
            )
            await asyncio.sleep(0)


def test_an_interrupted_run_once_gives_back_its_polls_and_blames_no_feed(
    tmp_path: Path, origin: Origin
):
    origin.script("/slow", Answer(body=b"<rss/>", delay=60))
    program = Program(tmp_path, feeds_of(origin.url("/slow")))
    process = program.start("--once")
    until(lambda: origin.seen("/slow"), what="a poll in flight", alive=process)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    log = program.log.read_text(encoding="utf-8")
    assert "Traceback" not in log
    assert "poll_broke" not in log
    origin.script("/slow", Answer(body=rss(HARBOUR, site="a")))
    again = program.command("run", "--once")
    assert again.returncode == 0
    assert '"result":"new"' in again.stdout.replace(" ", "")


async def test_tail_follow_does_not_begin_before_since_although_nothing_has_come_since(
    store: Store,
):
    stages = Stages(store, feed("a"))
    await stages.run("a", feed_body(("1", QUAKE)))
    now = await store.server_time()
    assert (
        await store.watch.tail({"events": id_at(now + timedelta(milliseconds=1))}) == []
    )
    [row] = await store.watch.tail({"events": id_at(now - timedelta(minutes=1))})
    assert row.fields["title"] == QUAKE


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("poll", "f0"), 1, "f0 is off (enabled = false)"),
        (("explain", f"https://a.example/{'x' * 300}", "b"), 1, "start one"),
    ],
)
def test_what_cannot_be_done_is_told_in_words(
    tmp_path: Path, origin: Origin, words: tuple[str, ...], status: int, says: str
):
    done = Program(tmp_path, feeds_of(origin.url("/a"), enabled="false")).command(
        *words
    )
    assert "Traceback" not in done.stderr
    assert says in done.stderr
    assert done.returncode == status


def test_explain_judges_documents_by_the_strictness_configured(
    tmp_path: Path, origin: Origin
):
    for name in ("a.md", "b.md"):
        (tmp_path / name).write_text(
            "---\ntitle: A new bridge opens\n---\nIt opened.\n", encoding="utf-8"
        )
    program = Program(tmp_path, '[dedup]\nstrictness = "strict"\n')
    assert (
        program.json("explain", str(tmp_path / "a.md"), str(tmp_path / "b.md"))[
            "strictness"
        ]
        == "strict"
    )


def test_the_archive_waits_with_a_merge_for_the_reports_before_it():
    reports = [Row("reports", f"{number}-0", {}) for number in (1, 2, 3)]
    merge = Row("events", "4-0", {})
    assert together([*reports, merge], batch=3) == reports
    assert together([*reports, merge], batch=4) == [*reports, merge]
    assert together([Row("reports", "9-0", {}), merge], batch=1) == [merge]


def test_a_feed_that_cannot_be_polled_keeps_nobody_from_the_results_of_the_others(
    tmp_path: Path, origin: Origin
):
    off = f'[[feed]]\nid = "off"\nurl = "{origin.url("/b")}"\nenabled = false\n'
    done = Program(tmp_path, feeds_of(origin.url("/a")) + off).command(
        "poll", "f0", "off"
    )
    assert "new_event" in done.stdout
    assert "off is off" in done.stderr
    assert done.returncode == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_configuration_written_by_root_stays_readable_to_the_service(tmp_path: Path):
    file = tmp_path / "feeds.toml"
    file.write_text("", encoding="utf-8")
    file.chmod(0o640)
    os.chown(file, 0, 12345)
    files.write_text(file, "# changed\n")
    assert (file.stat().st_gid, file.stat().st_mode & 0o777) == (12345, 0o640)
