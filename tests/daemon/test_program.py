"""The program as a whole: both commands of the README's first page, its consumers, its signals."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.daemon.program import Program, feeds_of, until
from tests.origin import Answer, Origin

HARBOUR = (
    "Cargo ship runs aground off Port Selby, crew of 21 rescued by helicopter",
    "The freighter Aurelia ran aground",
)
HARBOUR_TOO = (
    "Helicopters rescue 21 sailors after freighter Aurelia grounds near Port Selby",
    "All crew are safe",
)
ZH = (
    "塞尔比港一艘货轮搁浅，直升机救出21名船员",
    "货轮“奥蕾莉亚”号周日在塞尔比港外搁浅，21名船员全部获救。",
)


def rss(*items: tuple[str, str], site: str) -> bytes:
    at = (datetime.now(UTC) - timedelta(minutes=5)).strftime(
        "%a, %d %b %Y %H:%M:%S GMT"
    )
    entries = "".join(
        f"<item><guid>{site}-{title}</guid><link>https://{site}.example/{abs(hash(title))}</link><title>{title}</title>"
        f"<pubDate>{at}</pubDate><description>{text}</description></item>"
        for title, text in items
    )
    return f"<rss version='2.0'><channel><title>{site}</title>{entries}</channel></rss>".encode()


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin.in_thread() as serving:
        serving.script("/a", Answer(body=rss(HARBOUR, ZH, site="a"), etag='"a1"'))
        serving.script("/b", Answer(body=rss(HARBOUR_TOO, site="b"), etag='"b1"'))
        serving.script("/gone", Answer(status=404))
        yield serving


@pytest.fixture
def program(tmp_path: Path, origin: Origin) -> Program:
    return Program(
        tmp_path,
        feeds_of(origin.url("/a"), origin.url("/b", 2), origin.url("/gone", 3)),
    )


def test_run_once_polls_everything_and_ends_and_a_second_run_publishes_nothing(
    program: Program, origin: Origin
):
    first = program.command("run", "--once")
    assert first.returncode == 0, first.stdout
    lines = [json.loads(line) for line in first.stdout.splitlines()]
    polls = [line for line in lines if line["event"] == "feed_polled"]
    assert sorted(poll["result"] for poll in polls) == ["failed", "new", "new"]
    assert all(
        sum(p.get(o, 0) for o in ("new", "edited", "seen", "rejected"))
        == p.get("parsed", 0)
        for p in polls
    )
    assigned = [line for line in lines if line["event"] == "entries_assigned"]
    assert sum(line["entries"] for line in assigned) == 3
    again = program.command("run", "--once")
    assert again.returncode == 0
    assert "entries_assigned" not in again.stdout


def test_a_plain_consumer_gets_each_new_event_once(program: Program, origin: Origin):
    """README's consumer: a group on the stream, and a subscription to the channels."""
    with program.running():
        client = program.client()
        client.xgroup_create("agg:events", "mine", id="0", mkstream=True)
        listening = client.pubsub()
        listening.psubscribe("agg:ch:event:new:*")
        got: list[dict[str, str]] = []

        def read() -> bool:
            for _, rows in (
                client.xreadgroup(
                    "mine", "c1", {"agg:events": ">"}, count=10, block=200
                )
                or []
            ):
                for stream_id, fields in rows:
                    got.append(fields)
                    client.xack("agg:events", "mine", stream_id)
            return len({fields["event_id"] for fields in got}) >= 2

        until(read, what="two events")
        origin.script(
            "/b",
            Answer(
                body=rss(("A new bridge opens", "It opened"), site="b"), etag='"b2"'
            ),
        )
        told = until(
            lambda: [
                m
                for m in iter(lambda: listening.get_message(timeout=0.1), None)
                if m["type"] == "pmessage" and "bridge" in m["data"]
            ],
            what="the notification",
        )
        assert told[0]["channel"] == "agg:ch:event:new:en:f1"
        assert "document" not in json.loads(told[0]["data"])
        until(
            lambda: read() and any("bridge" in fields["title"] for fields in got),
            what="the third event",
        )
        ids = [fields["id"] for fields in got]
        assert len(ids) == len(set(ids))
        assert got[0]["document"].startswith("\n---\ntitle: '")


def test_sigterm_ends_within_ten_seconds_and_leaves_no_process(
    program: Program, origin: Origin
):
    origin.script("/slow", Answer(body=b"<rss/>", delay=60))
    program.write(feeds_of(origin.url("/a"), origin.url("/slow", 2)))
    with program.running() as process:
        until(lambda: origin.seen("/slow"), what="a poll in flight")
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert time.monotonic() - started < 10
    until(lambda: not program.processes(), what="no process left", seconds=5)


def test_nothing_is_left_running_after_kill_9(program: Program):
    with program.running() as process:
        until(lambda: len(program.processes()) >= 2, what="daemon and server")
        process.kill()
        process.wait(10)
        until(lambda: not program.processes(), what="no process left", seconds=10)


SELDOM = {"min_interval": '"1h"', "max_interval": '"2h"'}


def test_a_changed_file_is_taken_over_and_a_broken_one_refused(
    program: Program, origin: Origin
):
    program.write(feeds_of(origin.url("/a"), origin.url("/b", 2), **SELDOM))
    with program.running():
        origin.script(
            "/new", Answer(body=rss(("The harbour reopens", "It did"), site="n"))
        )
        program.write(
            feeds_of(
                origin.url("/a"), origin.url("/b", 2), origin.url("/new", 3), **SELDOM
            )
        )
        until(lambda: origin.seen("/new"), what="the new feed is polled")
        program.write('[[feed]]\nurl = "ftp://nonsense"\n')
        refused = until(lambda: program.logged("config_refused"), what="the refusal")
        assert "not a web address" in refused[0]["error"]
        reload = program.command("reload", "--wait")
        assert reload.returncode == 2
        assert len(origin.seen("/a")) == 1, "a reload causes no request"


def test_reload_waits_and_tells_what_changed(program: Program, origin: Origin):
    with program.running():
        program.write(feeds_of(origin.url("/a")) + '[dedup]\nstrictness = "loose"\n')
        done = program.command("reload", "--wait")
        assert done.returncode == 0, done.stderr
        assert "applied" in done.stdout or "nothing changed" in done.stdout
        until(lambda: program.logged("config_reloaded"), what="the log line")
        assert program.logged("config_reloaded")[0]["feeds_removed"] == ["f1", "f2"]


def test_two_daemons_share_one_server_and_one_takes_over_the_other(
    program: Program, origin: Origin
):
    with program.running() as first:
        second = program.start()
        until(
            lambda: len(program.logged("daemon_ready")) == 2,
            what="the second daemon",
            alive=second,
        )
        assert program.logged("server_attached")
        first.kill()
        first.wait(10)
        until(
            lambda: len(program.logged("server_started")) == 2,
            what="the second starts the server",
            alive=second,
        )
        until(
            lambda: len(program.logged("index_loaded")) == 2,
            what="the second leads",
            alive=second,
        )
        second.send_signal(signal.SIGTERM)
        assert second.wait(10) == 0


def test_watching_commands_need_a_running_server_and_say_so(program: Program):
    for command in ("status", "tail", "digest"):
        done = program.command(command)
        assert done.returncode == 1
        assert "start one with `python -m aggregator run --config " in done.stderr


def test_status_tail_and_digest_show_what_happened(program: Program):
    with program.running():
        until(lambda: len(program.logged("feed_polled")) >= 3, what="three polls")
        until(
            lambda: (
                sum(row["entries"] for row in program.logged("entries_assigned")) == 3
            ),
            what="three reports",
        )
        feeds = {feed["id"]: feed for feed in program.json("status")["feeds"]}
        assert feeds["f0"]["health"] == "ok"
        assert feeds["f2"]["failure"] == "not_found"
        tail = program.command("tail", "--reports")
        assert HARBOUR[0] in tail.stdout
        assert ZH[0] in tail.stdout
        digest = program.command("digest", "--format", "markdown")
        assert HARBOUR[0] in digest.stdout or HARBOUR_TOO[0] in digest.stdout


def test_documents_are_archived_and_exported_as_files(tmp_path: Path, origin: Origin):
    program = Program(
        tmp_path,
        feeds_of(origin.url("/a"), categories='["News", "Harbour", "World"]'),
        head='archive_dir = "kept"',
    )
    with program.running():
        until(
            lambda: len(list(tmp_path.glob("kept/News/Harbour/World/*.md"))) == 2,
            what="two files",
        )
        index = tmp_path / "kept" / "_index.json"
        until(
            lambda: index.exists() and len(json.loads(index.read_text())) == 2,
            what="an index of both",
        )
        done = program.command("export", str(tmp_path / "out"))
        assert done.returncode == 0, done.stderr
        names = {path.name for path in tmp_path.glob("out/News/Harbour/World/*.md")}
        assert names == {
            path.name for path in tmp_path.glob("kept/News/Harbour/World/*.md")
        }
        assert any(name.startswith(ZH[0]) for name in names)


def test_poll_dry_run_changes_nothing(program: Program, origin: Origin):
    done = program.command("poll", "--dry-run", "--explain", "f0")
    assert done.returncode == 0, done.stderr
    assert "new_event" in done.stdout
    assert "We sent: GET" in done.stdout
    assert not (program.folder / "state" / "engine").exists()


def test_poll_without_a_daemon_publishes_and_the_daemon_repeats_nothing(
    program: Program,
):
    done = program.command("poll", "f0")
    assert done.returncode == 0, done.stderr
    again = program.command("run", "--once")
    assert (
        sum(
            json.loads(line)["entries"]
            for line in again.stdout.splitlines()
            if "entries_assigned" in line
        )
        == 1
    )


def test_feeds_add_finds_the_feed_a_page_names(program: Program, origin: Origin):
    origin.script(
        "/page",
        Answer(
            body=b'<html><head><link rel="alternate" type="application/rss+xml" href="/b"></head></html>'
        ),
    )
    done = program.command("feeds", "add", origin.url("/page", 2), "--category", "News")
    assert done.returncode == 0, done.stderr
    assert "already there" in done.stdout
    origin.script("/c", Answer(body=rss(HARBOUR, site="c")))
    assert program.command("feeds", "add", origin.url("/c")).returncode == 0
    assert origin.url("/c") in program.command("feeds", "list").stdout


def test_adding_a_feed_to_a_running_daemon_costs_one_request(
    program: Program, origin: Origin
):
    program.write(feeds_of(origin.url("/a"), **SELDOM))
    origin.script(
        "/c",
        Answer(
            body=rss(("A lighthouse is sold", "It was sold"), site="c"), etag='"c1"'
        ),
    )
    with program.running():
        done = program.command("feeds", "add", origin.url("/c", 2))
        assert done.returncode == 0, done.stderr
        client = program.client()
        until(
            lambda: "lighthouse" in str(client.xrange("agg:events")), what="its entry"
        )
        until(
            lambda: program.logged("config_reloaded"),
            what="the daemon takes the feed up",
        )
        assert (
            len(
                [
                    request
                    for request in origin.seen("/c")
                    if not request.header("if-none-match")
                ]
            )
            == 1
        )


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("run", "--role", "nobody"), 2, "nobody"),
        (("explain", "a", "b"), 1, "start one"),
        (("feeds", "remove", "nope"), 2, "no feed has the id"),
        (("tail", "--since", "yesterday"), 2, "unit"),
        (("frobnicate",), 2, "No such command"),
    ],
)
def test_a_wrong_command_line_is_told_in_words(
    program: Program, words: tuple[str, ...], status: int, says: str
):
    done = program.command(*words)
    assert done.returncode == status
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broken_configuration_is_exit_2_with_file_and_line(program: Program):
    program.config.write_text("[fetch]\ntimout = 3\n")
    done = program.command("check")
    assert done.returncode == 2
    assert (
        f'{program.config}:2: fetch.timout: unknown key; did you mean "timeout"?'
        in done.stderr
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_an_unreadable_configuration_is_exit_2(program: Program):
    program.config.chmod(0)
    assert program.command("check").returncode == 2


def test_without_a_network_every_feed_fails_with_a_reason_and_nothing_crashes(
    tmp_path: Path,
):
    default = (Path(__file__).resolve().parents[2] / "feeds.toml").read_text(
        encoding="utf-8"
    )
    program = Program(tmp_path, "")
    own = default.replace("[aggregator]", '[aggregator]\nstate_dir = "state"', 1)
    program.config.write_text(
        own.replace('listen = "127.0.0.1:9191"', 'listen = "127.0.0.1:0"')
    )
    with program.running():
        assert len(program.json("status")["feeds"]) >= 25
