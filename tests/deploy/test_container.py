"""The container files: what their steps name is there, and they keep to what deploy/README.md promises."""

from __future__ import annotations

import configparser
import re
import shlex
from pathlib import Path

import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
DEPLOY = CHECKOUT / "deploy"


def steps() -> list[tuple[str, str]]:
    """(instruction, words) of the Containerfile, continued lines joined."""
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines]


def test_every_file_that_is_copied_is_in_the_checkout():
    for name, words in steps():
        if name == "COPY" and "--from" not in words:
            for source in shlex.split(words)[:-1]:
                assert (CHECKOUT / source).exists(), source


def test_the_image_runs_as_nobody_of_the_host_with_a_volume_and_a_health_check():
    last = [step for step in steps() if step[0] != "ARG"]
    named = dict(last)
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", named["USER"])
    assert named["VOLUME"] == "/var/lib/aggregator"
    assert "/healthz" in named["HEALTHCHECK"]
    assert "--require-hashes" in " ".join(words for name, words in steps() if name == "RUN")


def test_the_packages_are_there_before_the_source_so_that_a_change_of_it_builds_fast():
    order = [words for name, words in steps() if name in ("COPY", "RUN")]
    lock = next(n for n, words in enumerate(order) if "--require-hashes" in words)
    source = next(n for n, words in enumerate(order) if words == "aggregator aggregator")
    assert lock < source


def test_compose_has_the_embedded_way_and_one_with_valkey():
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert "profiles" not in services["aggregator"]
    assert services["with-valkey"]["profiles"] == services["valkey"]["profiles"] == ["valkey"]
    command = services["valkey"]["command"]
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"
    assert command[command.index("--appendonly") + 1] == "yes"
    for name in ("aggregator", "with-valkey"):
        assert services[name]["read_only"] is True
        assert all(port.startswith("127.0.0.1:") for port in services[name]["ports"])


def test_the_quadlet_unit_reads_like_one_and_names_its_volume():
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "aggregator.container")
    assert unit["Container"]["Image"] == yaml.safe_load((DEPLOY / "compose.yaml").read_text())["x-aggregator"]["image"]
    assert unit["Service"]["RestartPreventExitStatus"] == "2"
    assert (DEPLOY / "aggregator-state.volume").exists()
