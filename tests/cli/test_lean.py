"""What a command does not import: the start of a command costs what it imports, a tenth of a second a library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from aggregator.cli import PLACES, commands
from aggregator.cli.feeds import feeds
from aggregator.cli.lazy import LazyGroup
from tests.daemon.program import ENVIRONMENT

_PROGRAM = """
import json, sys
from aggregator.cli import main
try:
    main(sys.argv[1:])
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""
_HEAVY = {
    "aiohttp", "apscheduler", "feedparser", "jinja2", "lxml", "nh3", "numpy", "opencc", "pebble", "PIL",
    "prometheus_client", "py3langid", "rapidfuzz", "tomlkit",
}  # fmt: skip
_OURS_HEAVY = {
    "aggregator.daemon.assembly",
    "aggregator.dedup.encoder",
    "aggregator.mentions",
    "aggregator.pipeline.reading",
}
_READING = _HEAVY | _OURS_HEAVY | {"structlog", "aggregator.daemon.polling"}


def modules_of(*words: str, folder: Path) -> set[str]:
    """The modules that a command has imported when it ends."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *words], cwd=folder, env={**ENVIRONMENT, "HOME": str(folder)},
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    ("words", "absent"),
    [
        (
            ("--help",),
            _READING
            | {"aggregator.config", "asyncio", "orjson", "pydantic", "redis", "rich"},
        ),
        (("stauts",), _READING | {"aggregator.config", "asyncio", "pydantic", "redis"}),
        (("feeds", "--help"), _READING | {"asyncio", "redis"}),
        (("feeds", "list"), _READING | {"asyncio", "redis"}),
        (("status",), _READING - {"apscheduler"}),
        (("tail",), _READING),
        (("run", "--once"), (_HEAVY | _OURS_HEAVY) - {"apscheduler"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_command_imports_no_library_that_it_does_not_use(
    words: tuple[str, ...], absent: set[str], tmp_path: Path
):
    (tmp_path / "feeds.toml").write_text('[aggregator]\nstate_dir = "state"\n')
    imported = modules_of(*words, folder=tmp_path)
    assert "aggregator.cli" in imported
    assert imported & absent == set()


def test_completions_import_no_command(tmp_path: Path):
    asking = {
        **ENVIRONMENT,
        "_AGGREGATOR_COMPLETE": "bash_complete",
        "COMP_WORDS": "aggregator st",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "from aggregator.cli import commands; commands(prog_name='aggregator')"],
        cwd=tmp_path, env=asking, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["plain,status"]
    assert "aggregator.cli.lazy" in done.stderr
    assert "aggregator.cli.status" not in done.stderr


@pytest.mark.parametrize(
    "group", [commands, feeds], ids=["aggregator", "aggregator feeds"]
)
def test_what_help_says_of_a_command_is_how_its_own_help_begins(group: click.Command):
    assert isinstance(group, LazyGroup)
    ctx = click.Context(group)
    for name, place in group.places.items():
        command = group.get_command(ctx, name)
        assert command is not None
        assert command.name == name
        assert " ".join((command.help or "").split()).startswith(
            place.summary.removesuffix(".")
        )


def test_help_lists_every_command():
    listed = commands.get_help(click.Context(commands))
    assert [name for name in PLACES if f"\n  {name} " not in listed] == []


_PRODUCT = """
import re, sys
from pathlib import Path
from aggregator.cli import main
try:
    main(["--version"])
except SystemExit:
    import numpy
    square = numpy.ones((600, 600))
    square @ square
    status = Path("/proc/self/status").read_text()
    print(re.search(r"Threads:\\s*(\\d+)", status)[1])
"""


@pytest.mark.skipif(
    (os.cpu_count() or 1) < 2 or not Path("/proc/self/status").exists(),
    reason="on one processor there is one thread whatever is asked for; threads are counted in /proc",
)
def test_a_command_multiplies_matrices_on_one_thread(tmp_path: Path) -> None:
    def threads(**stated: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", _PRODUCT], cwd=tmp_path, env={**ENVIRONMENT, "HOME": str(tmp_path), **stated},
            capture_output=True, text=True, timeout=90, check=True,
        )  # fmt: skip
        return done.stdout.splitlines()[-1]

    # Threads of a library wait for one another in circles, where other programs want the processor, too.
    assert threads() == "1"
    assert threads(OPENBLAS_NUM_THREADS="2") == "2"
    assert threads(OMP_NUM_THREADS="2") == "2"
