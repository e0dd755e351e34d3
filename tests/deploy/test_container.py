"""The container files: what their steps name is there, and they keep to what deploy/README.md promises."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.deploy import boot

CHECKOUT = Path(__file__).resolve().parents[2]
DEPLOY = CHECKOUT / "deploy"


def steps() -> list[tuple[str, str]]:
    """(instruction, words) of the Containerfile, continued lines joined."""
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [
        line for line in text.splitlines() if line.strip() and not line.startswith("#")
    ]
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
    assert "--require-hashes" in " ".join(
        words for name, words in steps() if name == "RUN"
    )


def test_the_packages_are_there_before_the_source_so_that_a_change_of_it_builds_fast():
    order = [words for name, words in steps() if name in ("COPY", "RUN")]
    lock = next(n for n, words in enumerate(order) if "--require-hashes" in words)
    source = next(
        n for n, words in enumerate(order) if words == "aggregator aggregator"
    )
    assert lock < source


def test_compose_has_the_embedded_way_and_one_with_valkey():
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))[
        "services"
    ]
    assert "profiles" not in services["aggregator"]
    assert (
        services["with-valkey"]["profiles"]
        == services["valkey"]["profiles"]
        == ["valkey"]
    )
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
    assert (
        unit["Container"]["Image"]
        == yaml.safe_load((DEPLOY / "compose.yaml").read_text())["x-aggregator"][
            "image"
        ]
    )
    assert unit["Service"]["RestartPreventExitStatus"] == "2"
    assert (DEPLOY / "aggregator-state.volume").exists()
    assert "/healthz" in unit["Container"]["HealthCmd"]


class Builder:
    """buildah with a store of the test's own; without a runtime, in a chroot."""

    def __init__(self, folder: Path) -> None:
        self._words = [
            "buildah",
            "--root",
            str(folder / "store"),
            "--runroot",
            str(folder / "run"),
        ]

    def __call__(self, *words: str | Path, seconds: float = 1200) -> str:
        asked = [*self._words, *map(str, words)]
        found = subprocess.run(
            asked, capture_output=True, text=True, timeout=seconds, check=False
        )
        assert found.returncode == 0, (
            f"{' '.join(asked)}\n{found.stdout[-2000:]}{found.stderr[-4000:]}"
        )
        return found.stdout.strip()


def own_base(buildah: Builder, folder: Path) -> tuple[str, ...]:
    """The arguments of a build on a Debian of our own, with packages that the host has fetched: no registry is asked."""
    try:
        root = boot.make_root(folder, "bookworm")
        wheels = boot.gather_packages(folder, root, DEPLOY / "requirements.lock")
    except boot.Cannot as why:
        pytest.skip(str(why))
    build = [
        "--no-deps",
        "--require-hashes",
        "-r",
        str(DEPLOY / "build.lock"),
        "-d",
        str(wheels),
    ]
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", *build],
        check=True,
        timeout=600,
        capture_output=True,
    )
    (folder / "pip.conf").write_text(
        "[global]\nno-index = true\nfind-links = /wheels\n"
    )
    container = buildah("from", "scratch")
    buildah("add", "-q", container, folder / "bookworm.tar", "/")
    buildah(
        "run",
        "--isolation",
        "chroot",
        container,
        "--",
        "ln",
        "-s",
        "python3",
        "/usr/bin/python",
    )
    buildah("commit", "-q", container, "localhost/base")
    mounts = (
        "-v",
        f"{wheels}:/wheels:ro",
        "-v",
        f"{folder / 'pip.conf'}:/etc/pip.conf:ro",
    )
    return ("--build-arg", "BASE=localhost/base", *mounts)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can build an image in a chroot"
)
@pytest.mark.skipif(shutil.which("buildah") is None, reason="buildah is not installed")
@pytest.mark.skipif(
    shutil.which("mmdebstrap") is None, reason="mmdebstrap is not installed"
)
def test_the_image_builds_and_the_demo_runs_in_it_as_its_user(tmp_path):
    buildah = Builder(tmp_path)
    arguments = own_base(buildah, tmp_path)
    buildah(
        "build",
        "--format",
        "docker",
        "--isolation",
        "chroot",
        *arguments,
        "-f",
        DEPLOY / "Containerfile",
        "-t",
        "aggregator",
        CHECKOUT,
    )
    image = json.loads(buildah("inspect", "--type", "image", "aggregator"))["OCIv1"][
        "config"
    ]
    assert "/healthz" in buildah("inspect", "--type", "image", "aggregator"), (
        "the health check is kept"
    )
    assert image["User"] == "10001:10001"
    assert image["Entrypoint"] == ["aggregator"]
    assert image["Cmd"] == ["run"]
    container = buildah("from", "--pull-never", "localhost/aggregator")
    run = ("run", "--isolation", "chroot", "--user", "10001:10001", container, "--")
    assert "36" in buildah(*run, "sh", "-c", "aggregator feeds list | wc -l")
    assert "10 feeds of the demo" in buildah(*run, "aggregator", "demo")
