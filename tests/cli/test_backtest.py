from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from aggregator.cli.matching import MOST_ROWS_MEANT, with_embeddings
from aggregator.daemon import files
from aggregator.dedup.extra import is_installed
from aggregator.model import DedupSettings
from tests import forked

ROWS = [
    {
        "id": f"{day}",
        "title": "Live: the talks",
        "url": "https://one.example/live",
        "published": f"2026-03-0{day}T10:00:00Z",
    }
    for day in (1, 6)
]
"""Two reports at one address, five days apart."""


def backtest(*arguments: str) -> subprocess.CompletedProcess[str]:
    return forked.run("backtest", *arguments, environment=os.environ)


@pytest.fixture
def rows(tmp_path: Path) -> str:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return str(file)


def test_the_settings_are_those_of_the_configuration_when_one_is_named(
    rows: str, tmp_path: Path
):
    config = tmp_path / "feeds.toml"
    config.write_text('[dedup]\nwindow = "10d"\n', encoding="utf-8")
    alone, told = (
        backtest(rows, "--json"),
        backtest(rows, "--json", "--config", str(config)),
    )
    assert (alone.returncode, told.returncode) == (0, 0), told.stderr
    assert (json.loads(alone.stdout)["events"], json.loads(told.stdout)["events"]) == (
        2,
        1,
    )


@pytest.mark.skipif(is_installed(), reason="the extra `meaning` is installed here")
def test_meanings_without_the_extra_are_refused_with_what_to_install(
    rows: str, tmp_path: Path
):
    config = tmp_path / "feeds.toml"
    config.write_text("[dedup]\nmeaning = true\n", encoding="utf-8")
    done = backtest(rows, "--config", str(config))
    assert done.returncode == 2
    assert "dedup.meaning" in done.stderr
    assert "pip install 'feeds-to-events[meaning]'" in done.stderr


LABELLED = {"id": "1", "title": "a", "cluster": "c"}


@pytest.mark.parametrize(
    ("written", "asked", "said"),
    [
        ([LABELLED], ("--pairs", "--sweep"), "leave one of them out"),
        ([], ("--sweep",), "needs rows"),
        ([LABELLED, {"id": "2", "title": "b"}], ("--plot", "p.svg"), "row 2 has none"),
        ([LABELLED, LABELLED], ("--sweep",), "row 2 has an `id` that stands before: 1"),
        (
            [{**LABELLED, "published": "yesterday"}],
            ("--sweep",),
            "`published` should be",
        ),
        (
            [{**LABELLED, "published": "0001-01-01T00:00:00+05:00"}],
            (),
            "`published` should be",
        ),
    ],
)
def test_rows_that_cannot_be_scored_are_refused_before_any_work(
    tmp_path: Path, written: list[dict[str, str]], asked: tuple[str, ...], said: str
):
    file = tmp_path / "rows.jsonl"
    file.write_text(
        "".join(json.dumps(row) + "\n" for row in written), encoding="utf-8"
    )
    done = backtest(str(file), "--predictions", str(tmp_path / "p.tsv"), *asked)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert not (tmp_path / "p.tsv").exists()


def test_a_sweep_is_printed_and_drawn(tmp_path: Path):
    file, plot = tmp_path / "rows.jsonl", tmp_path / "p.svg"
    file.write_text(
        "".join(json.dumps({**row, "cluster": "one"}) + "\n" for row in ROWS),
        encoding="utf-8",
    )
    done = backtest(str(file), "--sweep", "--plot", str(plot), "--no-meaning", "--json")
    steps = json.loads(done.stdout)["sweep"]
    assert [step["strictness"] for step in steps if step["strictness"]] == [
        "loose",
        "balanced",
        "strict",
    ]
    assert "<svg" in plot.read_text(encoding="utf-8")


def test_a_configuration_that_is_not_there_is_said(rows: str, tmp_path: Path):
    done = backtest(rows, "--config", str(tmp_path / "none.toml"))
    assert done.returncode == 2
    assert "none.toml" in done.stderr


@pytest.mark.skipif(is_installed(), reason="the extra `meaning` is installed here")
def test_asking_for_meanings_without_the_extra_says_what_to_install(rows: str):
    done = backtest(rows, "--meaning")
    assert done.returncode == 2
    assert "pip install 'feeds-to-events[meaning]'" in done.stderr


@pytest.mark.parametrize(
    ("asked", "count", "is_told", "meant"),
    [
        (None, MOST_ROWS_MEANT, False, True),
        (None, MOST_ROWS_MEANT + 1, False, False),
        (None, MOST_ROWS_MEANT + 1, True, True),
        (False, 1, True, False),
    ],
)
def test_meanings_are_compared_as_asked_then_as_configured_then_where_it_is_soon_done(
    asked: bool | None, count: int, is_told: bool, meant: bool
):
    assert (
        with_embeddings(
            DedupSettings(meaning=True), asked, count, is_configured=is_told
        ).meaning
        is meant
    )


@pytest.mark.parametrize(
    ("told", "meant"),
    [("feed = []\n", is_installed()), ("[dedup]\nmeaning = false\n", False)],
)
def test_a_configuration_that_is_silent_with_embeddings_where_the_encoder_is(
    tmp_path: Path, told: str, meant: bool
):
    config = tmp_path / "feeds.toml"
    config.write_text(told, encoding="utf-8")
    assert files.loaded(str(config)).configuration.settings.dedup.meaning is meant
