"""What is printed for other programs, and that the README tells of every key."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from aggregator.cli import PLACES, commands
from aggregator.cli.reference import man_page
from aggregator.config import schema_of_file
from tests import forked
from tests.daemon.program import ENVIRONMENT

CHECKOUT = Path(__file__).resolve().parents[2]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")


def keys(schema: dict[str, Any]) -> list[tuple[str, str]]:
    """(table, key) of everything that may stand in a feeds.toml."""
    found = []
    for table, column in schema["properties"].items():
        reference = column.get("$ref") or column.get("items", {}).get("$ref") or ""
        inner = schema["$defs"].get(reference.rpartition("/")[2], {})
        found += [(table, key) for key in inner.get("properties", {})]
    return found


@pytest.mark.parametrize(("table", "key"), keys(schema_of_file()), ids=".".join)
def test_every_key_of_feeds_toml_is_in_the_reference(table: str, key: str):
    reference = README.partition("## Configure it")[2].partition("## The command line")[
        0
    ]
    code = "\n".join(re.findall(r"```toml\n(.*?)```", reference, re.DOTALL))
    own = re.split(r"(?m)^#? ?\[\[?(\w+)\]\]?", code)
    parts = dict(zip(own[1::2], own[2::2], strict=True))
    told = parts[table] + (
        parts["defaults"]
        if table == "feed"
        else parts["feed"]
        if table == "defaults"
        else ""
    )
    assert re.search(rf"\b{key}\b", told), f"[{table}] {key}"


def test_the_reference_is_told_of_some_fifty_keys():
    assert len(keys(schema_of_file())) > 50


def test_the_schema_knows_durations_sizes_and_unknown_keys():
    schema = schema_of_file()
    fetch = schema["$defs"][schema["properties"]["fetch"]["$ref"].rpartition("/")[2]]
    assert fetch["additionalProperties"] is False
    assert re.search(fetch["properties"]["timeout"]["pattern"], "1h30m")
    assert not re.search(fetch["properties"]["timeout"]["pattern"], "30")
    assert "integer" in fetch["properties"]["max_body"]["type"]
    assert "null" not in orjson.dumps(schema).decode()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.timeout(300)
def test_completions_are_a_script_of_that_shell_and_the_program_answers_it(shell: str):
    script = forked.run("completions", shell, environment=ENVIRONMENT)
    assert script.returncode == 0, script.stderr
    assert "_AGGREGATOR_COMPLETE" in script.stdout
    if shutil.which(shell):
        assert (
            subprocess.run(
                [shell, "-n"], input=script.stdout, text=True, check=False
            ).returncode
            == 0
        )
    asked = {
        "_AGGREGATOR_COMPLETE": "bash_complete",
        "COMP_WORDS": "aggregator st",
        "COMP_CWORD": "1",
    }
    answer = forked.run(environment={**ENVIRONMENT, **asked})
    assert "plain,status" in answer.stdout


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_shows_whole_sentences(tmp_path: Path):
    script = tmp_path / "aggregator.fish"
    script.write_text(forked.run("completions", "fish", environment=ENVIRONMENT).stdout)
    (tmp_path / "aggregator").write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -m aggregator "$@"\n'
    )
    (tmp_path / "aggregator").chmod(0o755)
    environment = {
        **ENVIRONMENT,
        "HOME": str(tmp_path),
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
    }
    asked = f'source {script}; complete -C "aggregator stat"'
    done = subprocess.run(
        ["fish", "-c", asked],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert re.search(r"^status\tFeeds: health, last", done.stdout), done.stderr


def test_the_man_page_tells_of_every_command_and_option():
    page = "\n".join(man_page(commands)).replace("\\-", "-")
    for name in PLACES:
        assert f".SS aggregator {name}" in page
    for words in (
        "aggregator feeds add",
        "aggregator events list",
        "--min-sources",
        ".SH SYNOPSIS",
    ):
        assert words in page


def test_every_command_of_the_table_is_there_and_every_command_in_the_table():
    table = README.partition("## The command line")[2]
    for name in PLACES:
        assert re.search(rf"`aggregator {name}\b|`{name}`", table), name


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed here")
def test_groff_finds_no_fault_in_the_man_page():
    page = "\n".join(man_page(commands))
    done = subprocess.run(
        ["groff", "-man", "-ww", "-z"],
        input=page,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
