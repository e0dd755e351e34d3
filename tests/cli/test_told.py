"""What people see of the commands: whatever a publisher wrote, however narrow the terminal."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from tests import forked
from tests.daemon.program import ENVIRONMENT, Program, feeds_of, until
from tests.origin import Answer, Origin

TITLES = (
    "Markets [/b] close [red]lower[/red]",
    "A lighthouse is sold to a painter from Aldham",
)


def feed_of(*titles: str) -> bytes:
    at = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    items = [
        {"id": title, "title": title, "content_text": f"{title}.", "date_published": at}
        for title in titles
    ]
    return json.dumps(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": "[/i] News",
            "items": items,
        }
    ).encode()


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin.in_thread() as serving:
        serving.script(
            "/a",
            Answer(
                body=feed_of(*TITLES),
                headers=(("content-type", "application/feed+json"),),
            ),
        )
        serving.script(
            "/new",
            Answer(
                body=feed_of("A new one"),
                headers=(("content-type", "application/feed+json"),),
            ),
        )
        serving.script("/gone", Answer(status=404))
        yield serving


@pytest.fixture(scope="module")
def program(
    tmp_path_factory: pytest.TempPathFactory, origin: Origin
) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("told")
    feeds = feeds_of(
        origin.url("/a"), origin.url("/gone", 2), categories='["[/x] News"]'
    )
    program = Program(folder, feeds, head='contact = "https://bot.example/"')
    with program.running():
        until(
            lambda: (
                sum(row["entries"] for row in program.logged("entries_assigned")) == 2
            ),
            what="two reports",
        )
        until(
            lambda: (
                program.logged("trouble") or len(program.logged("feed_polled")) >= 2
            ),
            what="both polled",
        )
        yield program


def seen(program: Program, *words: str, columns: int | None = None) -> str:
    """What a command prints, to a terminal of so many columns, or to a pipe."""
    environment = {
        name: value
        for name, value in ENVIRONMENT.items()
        if name not in ("COLUMNS", "FORCE_COLOR")
    }
    if columns:
        environment["COLUMNS"] = str(columns)
    done = forked.run(*words, "--config", str(program.config), environment=environment)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "words",
    [("tail",), ("digest",), ("poll", "--dry-run"), ("poll", "--dry-run", "--explain")],
    ids=" ".join,
)
def test_square_brackets_in_titles_are_shown_as_they_are(
    program: Program, origin: Origin, words: tuple[str, ...]
):
    url = (origin.url("/a", 4),) if words[0] == "poll" else ()
    assert TITLES[0] in " ".join(seen(program, *words, *url, columns=200).split())


def test_a_consumer_group_may_have_any_name(program: Program):
    program.client().xgroup_create("agg:events", "[/nonsense]", id="0")
    assert "[/nonsense] on events: 2 waiting" in seen(program, "status")


def test_the_consumer_of_the_readme_gets_what_it_took_before_a_crash_and_what_is_new(
    program: Program,
):
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(
        encoding="utf-8"
    )
    code = readme.partition("```python\n")[2].partition("```")[0]
    socket_path = program.socket
    named = code.replace(
        "/home/me/.local/state/aggregator/engine/server.sock", socket_path
    )
    assert socket_path in named
    client = program.client()
    client.xgroup_create("agg:events", "newsroom", id="0")
    taken = client.xreadgroup("newsroom", "desk-1", {"agg:events": ">"}, count=1)
    assert taken
    consumer = subprocess.Popen(
        [sys.executable, "-u", "-c", named], stdout=subprocess.PIPE, text=True
    )
    try:
        assert consumer.stdout is not None
        told = [consumer.stdout.readline(), consumer.stdout.readline()]
        until(
            lambda: client.xpending("agg:events", "newsroom")["pending"] == 0,
            what="both acknowledged",
        )
    finally:
        consumer.kill()
        consumer.communicate(timeout=10)
    assert sorted(title in line for title in TITLES for line in told) == [
        False,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_status_fits_the_terminal_and_keeps_ids_and_reasons_whole(
    program: Program, columns: int
):
    lines = seen(program, "status", columns=columns).splitlines()
    table = lines[next(n for n, line in enumerate(lines) if line.startswith("feed ")) :]
    assert [line.split()[0] for line in table[1:3]] == ["f1", "f0"], (
        "a feed in trouble comes first"
    )
    assert all(len(line) <= columns for line in table[:3])
    assert any("404" in line for line in table)


def test_output_to_a_pipe_is_not_cut_to_80_columns(tmp_path: Path, origin: Origin):
    url = origin.url("/a/" + "long" * 20)
    (tmp_path / "feeds.toml").write_text(f'[[feed]]\nid = "wide"\nurl = "{url}"\n')
    assert url in seen(_at(tmp_path), "check")


def test_poll_explain_names_us_as_the_publisher_sees_us(
    program: Program, origin: Origin
):
    told = seen(program, "poll", "--dry-run", "--explain", "f0")
    agent = origin.seen("/a")[-1].header("user-agent")
    assert "bot.example" in agent
    assert f"as {agent}, " in told


def test_explain_says_what_was_published(program: Program):
    rows = [json.loads(line) for line in seen(program, "tail", "--json").splitlines()]
    told = seen(program, "explain", rows[0]["entry_id"], rows[1]["entry_id"])
    assert (
        f"Published in two events, {rows[0]['event_id']} and {rows[1]['event_id']}."
        in told
    )
    found = json.loads(
        seen(program, "explain", "--json", rows[0]["entry_id"], rows[0]["entry_id"])
    )
    assert found["events"] == [rows[0]["event_id"]] * 2


def test_feeds_add_prints_the_feed_and_no_log(tmp_path: Path, origin: Origin):
    program = Program(tmp_path, feeds_of(origin.url("/a")))
    with program.running():
        told = seen(program, "feeds", "add", origin.url("/new", 3))
    assert [line.split()[0] for line in told.splitlines()] == ["added"]


def test_feeds_add_of_no_web_address_says_how_one_is_written(
    tmp_path: Path, origin: Origin
):
    program = Program(tmp_path, feeds_of(origin.url("/a")))
    done = program.command("feeds", "add", "gopher://example.org/feed")
    assert done.returncode == 2
    assert "write it whole" in done.stderr
    assert "--force" not in done.stderr


def test_a_duration_without_unit_is_told_in_good_english(
    tmp_path: Path, origin: Origin
):
    done = Program(tmp_path, feeds_of(origin.url("/a"))).command(
        "tail", "--since", "5x"
    )
    assert "write a duration with its unit" in done.stderr


def test_output_on_a_full_disk_is_told_in_words(program: Program):
    for command in ("check", "status", "tail", "digest"):
        with Path("/dev/full").open("w") as full:
            done = forked.run(
                command,
                "--config",
                str(program.config),
                environment=ENVIRONMENT,
                stdout=full,
            )
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        assert "Traceback" not in done.stderr


def test_with_a_tcp_port_the_socket_too_asks_for_the_users_that_status_shows(
    tmp_path: Path, origin: Origin
):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = Program(
        tmp_path,
        feeds_of(origin.url("/a")) + f'[server]\nlisten = "127.0.0.1:{port}"\n',
    )
    with program.running():
        users = json.loads(seen(program, "status", "--secrets", "--json"))["server"][
            "users"
        ]
        assert f"consumer: {users['consumer']}" in seen(program, "status", "--secrets")
        assert users["consumer"] not in seen(program, "status")
        with (
            redis.Redis(unix_socket_path=program.socket) as stranger,
            pytest.raises(redis.AuthenticationError),
        ):
            stranger.ping()
        for place in ({"unix_socket_path": program.socket}, {"port": port}):
            client = redis.Redis(
                **place, username="consumer", password=users["consumer"]
            )
            assert client.xlen("agg:events") >= 0
            client.close()


@pytest.mark.parametrize("url", ["http://x/", "127.0.0.1:6379", "redis+sentinel://a,b"])
def test_check_refuses_a_redis_url_that_cannot_be_used(tmp_path: Path, url: str):
    (tmp_path / "feeds.toml").write_text(f'[aggregator]\nredis_url = "{url}"\n')
    done = Program.command(_at(tmp_path), "check")
    assert done.returncode == 2, done.stdout
    assert "aggregator.redis_url" in done.stderr


def test_check_says_that_listen_means_nothing_beside_redis_url(tmp_path: Path):
    (tmp_path / "feeds.toml").write_text(
        '[aggregator]\nredis_url = "redis://me:hush@x/"\n[server]\nlisten = "127.0.0.1:1"\n'
    )
    done = Program.command(_at(tmp_path), "check")
    assert done.returncode == 0
    assert "no effect" in done.stderr
    assert (
        "hush"
        not in done.stdout + Program.command(_at(tmp_path), "check", "--json").stdout
    )


def _at(folder: Path) -> Program:
    """The program on the feeds.toml that is there."""
    program = Program.__new__(Program)
    program.config = folder / "feeds.toml"
    program.environment = ENVIRONMENT
    return program


def test_poll_explain_does_not_say_that_a_refused_request_was_sent(
    tmp_path: Path, origin: Origin
):
    (tmp_path / "feeds.toml").write_text('[aggregator]\nstate_dir = "state"\n')
    done = Program.command(
        _at(tmp_path), "poll", "--dry-run", "--explain", origin.url("/a")
    )
    assert "We would have sent: GET" in done.stdout
    assert (
        "127.0.0.1 is an address of a private network, and those are not allowed"
        in done.stdout
    )


def test_what_is_counted_is_told_in_words(program: Program):
    text = seen(program, "status")
    assert re.search(r"^polls .*\d with news", text, re.MULTILINE)
    assert re.search(r"^reports .*\d made an event", text, re.MULTILINE)
    whole = seen(program, "status", "f0")
    history = r"^  history +n[nuf]* \(n with news.*; newest last\)$"
    assert re.search(history, whole, re.MULTILINE), whole


def test_tail_prints_the_newest_and_only_what_is_wanted(program: Program):
    assert len(seen(program, "tail").splitlines()) == 2
    [newest] = seen(program, "tail", "-n", "1").splitlines()
    assert seen(program, "tail", "--since", "1h").splitlines()[-1] == newest
    assert seen(program, "tail", "-n", "0") == ""
    [told] = seen(program, "tail", "--words", "LIGHTHOUSE", "--lang", "en").splitlines()
    assert TITLES[1] in told
    assert seen(program, "tail", "--words", "lighthouse", "--category", "Sport") == ""
    assert seen(program, "tail", "--lang", "zh") == ""


def test_tail_is_as_wide_as_the_terminal_and_whole_in_a_pipe(
    program: Program, origin: Origin
):
    assert all(
        len(line) <= 60 for line in seen(program, "tail", columns=60).splitlines()
    )
    assert all("1 source" in line for line in seen(program, "tail").splitlines())


def test_events_list_tells_ids_that_events_show_takes(program: Program):
    told = seen(program, "events", "list", "--words", "lighthouse")
    event_id = told.split()[0]
    assert TITLES[1] in told
    assert TITLES[1] in " ".join(seen(program, "events", "show", event_id).split())
    [row] = [
        json.loads(line)
        for line in seen(
            program, "events", "list", "--json", "--words", "lighthouse"
        ).splitlines()
    ]
    assert (row["event_id"], row["independent_count"]) == (event_id, 1)
    assert seen(program, "events", "list", "--min-sources", "2") == ""


def test_status_of_one_feed_tells_all_of_it(program: Program):
    told = seen(program, "status", "f1")
    assert "404" in told
    assert "next poll" in told
    assert "backing off" in told
    assert "f0" not in told


def test_status_of_the_failing_leaves_the_others_out(program: Program):
    found = json.loads(seen(program, "status", "--failing", "--json"))
    assert [feed["id"] for feed in found["feeds"]] == ["f1"]


def test_status_says_why_the_next_poll_is_when_it_is(program: Program):
    why = json.loads(seen(program, "status", "f0", "--json"))["feeds"][0]["why_then"]
    assert why
    assert why in " ".join(seen(program, "status", columns=200).split())


def test_status_of_an_unknown_feed_names_the_nearest(program: Program):
    done = program.command("status", "f00")
    assert done.returncode == 2
    assert 'did you mean "f0"' in done.stderr


def test_poll_of_a_feed_that_fails_is_a_failure(program: Program, origin: Origin):
    assert program.command("poll", "--dry-run", origin.url("/gone", 2)).returncode == 1
    assert program.command("poll", "--dry-run", "f0").returncode == 0
