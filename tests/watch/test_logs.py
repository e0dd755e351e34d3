from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import orjson
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from aggregator.errors import ConfigError
from aggregator.redaction import redacted
from aggregator.watch import logs
from aggregator.watch.logs import Form
from tests.bench import log_cost


@pytest.fixture(autouse=True)
def untouched_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


class Written:
    """A text stream over bytes, as stdout is."""

    def __init__(self) -> None:
        self.raw = io.BytesIO()
        self.stream = io.TextIOWrapper(self.raw, encoding="utf-8", write_through=True)

    @property
    def text(self) -> str:
        self.stream.flush()
        return self.raw.getvalue().decode()

    @property
    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def written() -> Written:
    return Written()


def test_a_line_is_one_json_object_that_begins_with_time_level_and_event(written):
    logs.configure(form=Form.JSON, stream=written.stream)
    structlog.get_logger().info(
        "feed_polled", feed_id="a", outcomes={"new": 2}, title="标题\nzwei"
    )
    (line,) = written.lines
    assert list(line)[:3] == ["at", "level", "event"]
    assert line["event"] == "feed_polled"
    assert line["outcomes"] == {"new": 2}
    assert line["title"] == "标题\nzwei"
    assert str(line["at"]).endswith("Z")


@pytest.mark.parametrize(
    ("method", "prefix"),
    [
        ("debug", "<7>{"),
        ("info", "<6>{"),
        ("warning", "<4>{"),
        ("error", "<3>{"),
        ("critical", "<2>{"),
    ],
)
def test_in_the_journal_a_line_begins_with_its_priority(written, method, prefix):
    logs.configure(level="debug", form=Form.JOURNAL, stream=written.stream)
    getattr(structlog.get_logger(), method)("something")
    assert written.text.startswith(prefix)


def test_foreign_loggers_write_in_the_same_form(written):
    logs.configure(form=Form.JOURNAL, stream=written.stream)
    logging.getLogger("aiohttp.client").warning(
        "odd answer from %s", "https://me:secret@host.example/"
    )
    assert written.text.startswith("<4>{")
    line = json.loads(written.text[3:])
    assert line["event"] == "odd answer from https://***@host.example/"
    assert line["logger"] == "aiohttp.client"


def test_warnings_of_libraries_are_log_lines(written):
    logs.configure(form=Form.JSON, stream=written.stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old call", DeprecationWarning, stacklevel=1)
    assert "old call" in str(written.lines[0]["event"])


def test_foreign_chatter_below_warning_is_left_out_but_at_debug(written):
    logs.configure(level="info", form=Form.JSON, stream=written.stream)
    logging.getLogger("apscheduler").info("ran a job")
    assert written.text == ""
    logs.configure(level="debug", form=Form.JSON, stream=written.stream)
    logging.getLogger("apscheduler").info("ran a job")
    assert len(written.lines) == 1


def test_lines_under_the_level_are_not_written(written):
    logs.configure(level="warning", form=Form.JSON, stream=written.stream)
    log = structlog.get_logger()
    log.info("quiet")
    log.warning("loud")
    assert [line["event"] for line in written.lines] == ["loud"]


def test_an_exception_is_one_field_without_secrets(written):
    logs.configure(form=Form.JSON, stream=written.stream)
    try:
        raise RuntimeError("cannot reach redis://worker:hunter2@db.example:6379/0")
    except RuntimeError:
        structlog.get_logger().error("poll_failed", exc_info=True)
    (line,) = written.lines
    assert "Traceback" in str(line["exception"])
    assert "hunter2" not in written.text
    assert "redis://***@db.example" in str(line["exception"])


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("https://me:pass@host.example/x?y=1", "https://***@host.example/x?y=1"),
        ("https://token-as-user@host.example/", "https://***@host.example/"),
        (
            "redis://:secret@host.example/0 and rediss://u:p@other.example",
            "redis://***@host.example/0 and rediss://***@other.example",
        ),
        ("https://user:p@ss@host.example/", "https://***@host.example/"),
        (
            "https://host.example/feed?api_key=abc&page=2",
            "https://host.example/feed?api_key=***&page=2",
        ),
        (
            "https://host.example/feed?access_token=abc#x",
            "https://host.example/feed?access_token=***#x",
        ),
        (
            "https://host.example/f?rss_key=a&authkey=b&X-Amz-Signature=c&sessionid=1&x.key=d&access_token_2=e",
            "https://host.example/f?rss_key=***&authkey=***&X-Amz-Signature=***&sessionid=1&x.key=***&access_token_2=***",
        ),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("authorization: Basic dXNlcjpwYXNz", "authorization: Basic ***"),
        ("{'Authorization': 'Bearer abcdefghi'}", "{'Authorization': 'Bearer ***'}"),
        ("https://host.example/a@b", "https://host.example/a@b"),
        ("write to someone@example.org", "write to someone@example.org"),
        (
            "https://host.example/?monkey=1&keyboard=2",
            "https://host.example/?monkey=1&keyboard=2",
        ),
        ("a basic question of bearers", "a basic question of bearers"),
    ],
)
def test_secrets_are_hidden_and_the_rest_stands(value, shown):
    assert redacted(value) == shown


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "redis_password",
        "Authorization",
        "api_key",
        "access_token",
        "cookie",
        "client-secret",
    ],
)
def test_values_of_secret_keys_are_hidden_at_any_depth(key):
    line = logs.redact(
        None, "info", {"event": "x", "headers": [{key: "hunter2"}], key: ("hunter2",)}
    )
    assert "hunter2" not in str(line)


def test_a_fencing_token_is_no_secret():
    assert logs.redact(None, "info", {"event": "x", "token": 17}) == {
        "event": "x",
        "token": 17,
    }


@given(
    st.text(
        alphabet=st.characters(
            exclude_characters="/?#\"'<>\\@ \t\n\r\x0b\x0c",
            exclude_categories=["Z", "Cc"],
        ),
        min_size=1,
    )
)
def test_no_userinfo_survives(userinfo):
    assert (
        redacted(f"see https://{userinfo}@host.example/path")
        == "see https://***@host.example/path"
    )


@given(
    st.dictionaries(
        st.text(),
        st.text() | st.integers() | st.binary() | st.none() | st.lists(st.text()),
    )
)
def test_whatever_is_logged_is_one_line_of_json(facts):
    written = Written()
    logs.configure(form=Form.JSON, stream=written.stream)
    line = logs.redact(None, "info", {"event": "x", **facts})
    rendered = logs._json_lines(with_priority=False)(None, "info", line)
    assert isinstance(rendered, bytes)
    assert b"\n" not in rendered
    json.loads(rendered)


def test_lone_surrogates_and_huge_numbers_do_not_break_a_line(written):
    logs.configure(form=Form.JSON, stream=written.stream)
    structlog.get_logger().info("odd", title="\ud800", number=2**80)
    assert written.lines[0]["number"] == 2**80


def test_a_value_is_cut_before_journald_would_cut_the_line():
    line = logs.redact(None, "info", {"event": "x", "detail": "a" * 100_000})
    assert len(orjson.dumps(line)) < 48 * 1024


def test_on_a_terminal_feed_texts_cannot_drive_it(written):
    logs.configure(form=Form.PRETTY, stream=written.stream)
    structlog.get_logger().info("feed_polled", title="a\x1b[2Jb\x07")
    assert "\x1b[2J" not in written.text
    assert "\\x1b[2J" in written.text


def test_a_pretty_traceback_shows_no_local_values(written):
    logs.configure(form=Form.PRETTY, stream=written.stream)
    hidden = "hunter" + "2"
    try:
        raise ValueError(len(hidden))
    except ValueError:
        structlog.get_logger().error("poll_failed", exc_info=True)
    assert "ValueError: 7" in written.text
    assert "hunter2" not in written.text


def test_constants_are_on_every_line(written):
    logs.configure(form=Form.JSON, stream=written.stream, constants={"worker": "w1"})
    structlog.get_logger().info("x")
    logging.getLogger("other").error("y")
    assert [line["worker"] for line in written.lines] == ["w1", "w1"]


def test_the_journal_is_known_by_device_and_inode():
    read_end, write_end = os.pipe()
    try:
        status = os.fstat(write_end)
        value = f"{status.st_dev}:{status.st_ino}"
        assert logs.is_journal(value, device=status.st_dev, inode=status.st_ino)
        assert not logs.is_journal(value, device=status.st_dev, inode=status.st_ino + 1)
        assert not logs.is_journal(None, device=status.st_dev, inode=status.st_ino)
    finally:
        os.close(read_end)
        os.close(write_end)


@pytest.mark.parametrize(
    ("terminal", "journal", "requested", "form"),
    [
        (True, False, None, Form.PRETTY),
        (False, True, None, Form.JOURNAL),
        (False, False, None, Form.JSON),
        (True, False, "json", Form.JSON),
        (False, False, "PRETTY", Form.PRETTY),
    ],
)
def test_the_form_follows_the_stream_unless_asked_for(
    terminal, journal, requested, form
):
    assert logs.form_of(terminal=terminal, journal=journal, requested=requested) is form


def test_a_wrong_level_or_form_is_told_with_what_would_do():
    with pytest.raises(ConfigError, match=r"LOG_LEVEL: 'loud' is none of debug, info"):
        logs.configure(level="loud")
    with pytest.raises(ConfigError, match="LOG_FORMAT"):
        logs.form_of(terminal=True, journal=False, requested="xml")


def test_levels_are_read_generously():
    assert logs.level_number(" Warn ") == logging.WARNING


def test_the_bench_of_a_lines_cost_runs():
    assert all(cost > 0 for cost in log_cost.measured(1).values())


# --- a log that cannot be written -------------------------------------------------------------------------------


def logged_into(file: IO[str]) -> Any:
    logs.configure(form=Form.JSON, stream=file)
    return structlog.get_logger()


def test_a_full_disk_costs_lines_and_what_was_lost_is_told_later(
    tmp_path: Path,
) -> None:
    log_file = tmp_path / "log"
    with Path("/dev/full").open("w") as full, log_file.open("w") as free:
        log = logged_into(full)
        for number in range(3):
            log.info("lost", number=number)
        logging.getLogger("foreign").warning("lost, too")
        os.dup2(free.fileno(), full.fileno())
        log.info("kept")
    lines = [json.loads(line) for line in log_file.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["log_lines_lost", "kept"]
    assert lines[0]["lines"] == 4


@pytest.mark.parametrize("form", [Form.JSON, Form.PRETTY, Form.JOURNAL])
def test_no_reader_no_terminal_and_no_file_raise_nothing(form: Form) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        logs.configure(form=form, stream=gone)
        structlog.get_logger().error("lost", exc_info=ValueError("x"))
        logging.getLogger("foreign").error("lost")
    structlog.get_logger().error("the file is closed now")
    logging.getLogger("foreign").error("lost")


@pytest.mark.parametrize("form", [Form.JSON, Form.JOURNAL])
def test_a_reader_that_stands_still_holds_up_nothing_and_is_told_what_it_missed(
    form: Form,
) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "w") as pipe:
        logs.configure(form=form, stream=pipe)
        log = structlog.get_logger()
        started = time.monotonic()
        for number in range(300):
            log.info("said", number=number, words="x" * 1000)
        assert time.monotonic() - started < 3 * logs.PATIENCE_S
        os.set_blocking(reading, False)
        before = reader.read()
        log.info("heard")
        lines = (before + reader.read()).splitlines()
    told = [json.loads(line[line.index(b"{") :]) for line in lines if line[-1:] == b"}"]
    assert [line["event"] for line in told[-2:]] == ["log_lines_lost", "heard"]
    assert len(told) - 2 + told[-2]["lines"] == 300
    assert len(lines) - len(told) <= 1, "one line was cut, and none after it"


def test_a_line_that_a_full_disk_cut_spoils_no_other(tmp_path: Path) -> None:
    """RLIMIT_FSIZE stands for the disk: a write beyond it takes a part, the next one nothing."""
    script = """
import resource, structlog, sys
from aggregator.watch import logs
logs.configure(stream=sys.stdout)
log = structlog.get_logger()
resource.setrlimit(resource.RLIMIT_FSIZE, (500, -1))
for number in range(20):
    log.info("said", number=number)
resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
log.info("free")
"""
    log_file = tmp_path / "log"
    with log_file.open("wb") as file:
        command = [sys.executable, "-c", script]
        subprocess.run(command, stdout=file, check=True, timeout=60)
    *lines, lost, last = log_file.read_text().splitlines()
    cut = [line for line in lines if not line.endswith("}")]
    assert len(cut) == 1
    assert json.loads(lost)["lines"] == 20 - (len(lines) - len(cut))
    assert json.loads(last)["event"] == "free"
