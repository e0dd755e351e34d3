"""What the README and the files of deploy/ tell people to type or to write is there: every command, option, key, file.

`tests/test_readme_walk.py` (slow) runs them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from aggregator.cli import commands
from aggregator.config import configuration

CHECKOUT = Path(__file__).resolve().parents[1]
TEXTS = (
    "README.md",
    "deploy/README.md",
    ".github/CONTRIBUTING.md",
    ".github/SECURITY.md",
    "feeds.toml",
    "aggregator/cli/starter/head.toml",
    "deploy/install.sh",
    "deploy/compose.yaml",
)
UNITS = ("aggregator.service", "aggregator-poll@.service", "aggregator-event@.service")
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")


def snippets(text: str) -> Iterator[str]:
    """What is to be typed: the lines of shell blocks, and code spans."""
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            yield from re.split(r"&&|\| |\|\|", re.sub(r"\s# .*", "", line))
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"`([^`\n]+)`", prose)


def calls(text: str) -> list[str]:
    """The words after `aggregator` of each snippet that calls it."""
    found = []
    for snippet in snippets(text):
        called = re.search(
            r"(?:^|[\s/(]|-m )aggregator ((?:[a-z]|--?\w).*)$", snippet.strip()
        )
        if called and not re.match(
            r"(docker|podman|systemctl|journalctl|sudo systemctl|apt)\b",
            snippet.strip(),
        ):
            found.append(called[1].partition(" | ")[0].rstrip(')"'))
    return found


def faults_of(call: str) -> list[str]:
    """What of this call does not exist. `[--option]` is one that may be left out, `a|b` are alternatives."""
    words = re.sub(r"[\[\]]", " ", call.replace("\\|", "|")).split()
    known: list[click.Command] = [commands]
    while words and any(isinstance(command, click.Group) for command in known):
        names = words[0].split("|")
        if words[0].startswith("-") or not re.fullmatch(r"[a-z|]+", words[0]):
            break
        groups = [command for command in known if isinstance(command, click.Group)]
        below = [
            group.get_command(click.Context(group), name)
            for group in groups
            for name in names
        ]
        if None in below:
            return [f"no command {words[0]}"]
        known = [command for command in below if command is not None]
        words = words[1:]
    asked = [word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    return [
        f"no option {option}"
        for option in asked
        for command in known
        if option not in options_of(command)
    ]


def options_of(command: click.Command) -> set[str]:
    spelled = {"--help", "-h", "--version"}
    for parameter in command.params:
        spelled.update(parameter.opts, parameter.secondary_opts)
    return spelled


@pytest.mark.parametrize("name", TEXTS)
def test_every_command_that_is_told_of_exists_with_its_options(name: str):
    text = (CHECKOUT / name).read_text(encoding="utf-8")
    assert [(call, faults) for call in calls(text) if (faults := faults_of(call))] == []


def test_the_check_reads_what_people_read_and_finds_what_is_not_there():
    assert len(calls(README)) > 35
    assert faults_of("frobnicate") == ["no command frobnicate"]
    assert faults_of("feeds list\\|lose") == ["no command list|lose"]
    assert faults_of("run [--once] [--twice]") == ["no option --twice"]
    assert calls('```sh\neval "$(aggregator completions bash)"   # or zsh\n```') == [
        "completions bash"
    ]


def test_the_units_and_the_image_call_what_exists():
    for unit in UNITS:
        text = (CHECKOUT / "deploy" / unit).read_text(encoding="utf-8")
        started = re.findall(r"^Exec\w+=[^\n]*?/aggregator (.*)$", text, re.MULTILINE)
        assert started, unit
        assert [faults for call in started for faults in faults_of(call)] == []


def test_every_toml_of_the_readme_is_a_configuration(tmp_path: Path):
    blocks = re.findall(r"^```toml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 2
    for block in blocks:
        # … stands for what is the reader's own.
        text = block.replace("redis://…", "redis://127.0.0.1:6379/0").replace(
            '"…"', '"/var/lib/somewhere"'
        )
        configuration(text)


def test_every_file_and_folder_that_is_named_exists():
    for text in (README, (CHECKOUT / "deploy/README.md").read_text(encoding="utf-8")):
        named = re.findall(
            r"(?<![\w/.-])((?:tests|deploy|aggregator|\.github|\.ci)/[\w./@-]+\w)", text
        )
        absent = [place for place in named if not (CHECKOUT / place).exists()]
        assert set(absent) <= {"deploy/feeds.toml"}  # which the reader makes
    for module in re.findall(r"python -m (tests\.[\w.]+)", README):
        assert (CHECKOUT / f"{module.replace('.', '/')}.py").exists(), module


def test_links_within_the_readme_lead_somewhere():
    headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    anchors = {
        re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
        for heading in headings
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", README)) <= anchors
