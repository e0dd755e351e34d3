"""The first minute: without a checkout, without a configuration, without a manual."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aggregator.cli import starter
from aggregator.cli.remedies import Called, as_called, called
from aggregator.config import configuration
from aggregator.daemon import files
from aggregator.errors import ConfigError
from tests import forked
from tests.cli.terminal import on_terminal
from tests.daemon.program import ENVIRONMENT

CHECKOUT = Path(__file__).resolve().parents[2]


def aggregator(
    *words: str, folder: Path, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """The command in a home and a directory where nothing is yet."""
    return forked.run(
        *words,
        environment={**ENVIRONMENT, "HOME": str(folder)},
        folder=folder,
        stdin=stdin,
    )


def test_init_writes_a_file_that_check_accepts(tmp_path: Path):
    done = aggregator("init", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "36 feeds" in done.stdout
    assert aggregator("check", folder=tmp_path).returncode == 0


def test_the_feeds_of_the_checkout_are_the_starter_list():
    assert (CHECKOUT / "feeds.toml").read_text(encoding="utf-8") == starter.starter()


def test_init_never_writes_over_a_file(tmp_path: Path):
    (tmp_path / "feeds.toml").write_text("# mine\n")
    done = aggregator("init", folder=tmp_path)
    assert done.returncode == 2
    assert "left as it is" in done.stderr
    assert (tmp_path / "feeds.toml").read_text() == "# mine\n"


def test_init_makes_the_directory_it_is_given_and_says_how_to_run_there(tmp_path: Path):
    done = aggregator("init", "a/b", "--language", "de", folder=tmp_path)
    feeds = configuration(
        (tmp_path / "a" / "b" / "feeds.toml").read_text(encoding="utf-8")
    ).feeds
    assert {feed.language for feed in feeds} == {"de"}
    assert "--config a/b/feeds.toml" in done.stdout


@pytest.mark.parametrize("language", starter.LANGUAGES)
@pytest.mark.parametrize("theme", starter.THEMES)
def test_every_starter_list_is_a_configuration_of_its_language(
    language: str, theme: str
):
    feeds = configuration(starter.starter(languages=[language], themes=[theme])).feeds
    assert bool(feeds) is starter.has_list(theme, language)
    assert {str(feed.language).partition("-")[0] for feed in feeds} <= {language}


def test_init_of_a_list_that_there_is_not_writes_nothing(tmp_path: Path):
    done = aggregator(
        "init", "--language", "fr", "--theme", "technology", folder=tmp_path
    )
    assert done.returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_feeds_add_and_import_begin_a_file_where_there_is_none(tmp_path: Path):
    added = aggregator(
        "feeds", "add", "--force", "https://gazette.example/feed", folder=tmp_path
    )
    assert added.returncode == 0, added.stderr
    opml = tmp_path / "o.opml"
    opml.write_text(
        '<opml version="2.0"><body><outline type="rss" xmlUrl="https://courier.example/rss"/></body></opml>'
    )
    imported = aggregator(
        "feeds", "import", str(opml), "--config", "other/feeds.toml", folder=tmp_path
    )
    assert imported.returncode == 0, imported.stderr
    for file, url in (("feeds.toml", "gazette"), ("other/feeds.toml", "courier")):
        text = (tmp_path / file).read_text(encoding="utf-8")
        assert [url in feed.url for feed in configuration(text).feeds] == [True]
        assert "[http]" in text


def test_feeds_add_that_finds_no_feed_leaves_no_file(tmp_path: Path):
    assert (
        aggregator("feeds", "add", "http://127.0.0.1:1/x", folder=tmp_path).returncode
        == 2
    )
    assert list(tmp_path.glob("*.toml")) == []


@pytest.mark.parametrize("command", ["run", "check", "status", "tail"])
def test_without_a_file_every_command_says_how_to_get_one(tmp_path: Path, command: str):
    done = aggregator(command, folder=tmp_path)
    assert done.returncode == 2
    assert "aggregator init`" in done.stderr
    assert "aggregator demo`" in done.stderr


def test_run_on_a_terminal_offers_to_write_the_file_and_takes_no_for_an_answer(
    tmp_path: Path,
):
    with on_terminal("run", folder=tmp_path) as terminal:
        terminal.until("with 36 feeds")
        terminal.type("n\n")
        assert terminal.end() == 2
    assert list(tmp_path.glob("*.toml")) == []


def test_advice_is_typed_as_the_program_was_called():
    text = "start one with `aggregator run`, or `aggregator demo`"
    how = Called(".venv/bin/aggregator", "my feeds.toml")
    assert as_called(text, how) == (
        "start one with `.venv/bin/aggregator run --config 'my feeds.toml'`, or `.venv/bin/aggregator demo`"
    )


@pytest.mark.parametrize(
    ("arguments", "config"),
    [
        (["status", "--config", "a.toml"], "a.toml"),
        (["status", "--config=b.toml"], "b.toml"),
        (["status", "--config"], None),
        ([], None),
    ],
)
def test_the_configuration_named_is_part_of_the_advice(
    arguments: list[str], config: str | None
):
    assert called("aggregator", arguments).config == config


def test_advice_off_the_path_names_the_program_that_ran(tmp_path: Path):
    done = aggregator(
        "status", "--config", str(CHECKOUT / "feeds.toml"), folder=tmp_path
    )
    assert done.returncode == 1
    assert f"run --config {CHECKOUT / 'feeds.toml'}`" in done.stderr


def test_a_misspelt_command_is_told_the_right_one(tmp_path: Path):
    for wrong, right in ((("stauts",), "'status'"), (("feeds", "lst"), "'list'")):
        done = aggregator(*wrong, folder=tmp_path)
        assert done.returncode == 2
        assert f"Did you mean {right}" in done.stderr


@pytest.mark.parametrize(
    "words",
    [("check",), ("check", "--json"), ("feeds", "list"), ("feeds", "export")],
    ids=" ".join,
)
def test_a_reader_that_goes_away_is_no_failure(tmp_path: Path, words: tuple[str, ...]):
    """`… | head -1`: more than a pipe holds is written to one whose reader reads a little and closes."""
    tables = "".join(
        f'[[feed]]\nurl = "https://gazette.example/{"x" * 200}{n}"\n'
        for n in range(1500)
    )
    (tmp_path / "feeds.toml").write_text(tables)
    command = [sys.executable, "-m", "aggregator", *words]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.read(20)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 0


def test_a_home_in_a_directory_of_feeds_toml_is_one(tmp_path: Path):
    text = (
        '[aggregator]\nstate_dir = "~/s"\narchive_dir = "~/a"\n[digest]\ndir = "~/d"\n'
    )
    read = files.begun(tmp_path / "feeds.toml", text, environment={})
    assert (read.state_dir, read.digest_dir) == (Path.home() / "s", Path.home() / "d")
    assert read.configuration.settings.archive_dir == str(Path.home() / "a")
    with pytest.raises(ConfigError, match=r"aggregator\.archive_dir.*no such home"):
        files.begun(
            tmp_path / "feeds.toml",
            text.replace("~/a", "~nobody-at-all/a"),
            environment={},
        )


def test_a_name_that_is_not_utf8_is_refused_in_words(tmp_path: Path):
    file = (
        tmp_path / "caf\udce9" / "feeds.toml"
    )  # one byte, as a file of an ISO-8859-1 system has it
    with pytest.raises(ConfigError, match=r"caf\\xe9.* is not UTF-8"):
        files.begun(file, '[[feed]]\nurl = "https://a.example/f"\n', environment={})


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_a_command_that_was_given_no_place_to_print_to_ends_well(
    tmp_path: Path, closed: str
):
    (tmp_path / "feeds.toml").write_text('[[feed]]\nurl = "https://a.example/f"\n')
    line = f'"{sys.executable}" -m aggregator check {closed}'
    done = subprocess.run(
        ["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False,
        env=ENVIRONMENT | {"PYTHONPATH": str(CHECKOUT)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
