"""The units, the installer and the samples, by the tools that read them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from aggregator.watch.metrics import Metrics
from tests.deploy.boot import REFERENCE

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
UNITS = ("aggregator.service", "aggregator-poll@.service", "aggregator-event@.service")
MAX_EXPOSURE = 1.2

HARDENING = (
    "DynamicUser=yes",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "PrivateUsers=yes",
    "PrivateMounts=yes",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectControlGroups=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "ProtectProc=invisible",
    "ProcSubset=pid",
    "NoNewPrivileges=yes",
    "LockPersonality=yes",
    "MemoryDenyWriteExecute=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "RestrictNamespaces=yes",
    "SystemCallArchitectures=native",
    "CapabilityBoundingSet=",
    "UMask=0077",
    "RemoveIPC=yes",
    "KeyringMode=private",
    "KillMode=mixed",
)


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def needed(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def settings(unit: str) -> list[str]:
    lines = (DEPLOY / unit).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("setting", HARDENING)
def test_a_unit_keeps_every_hardening_that_was_measured(unit, setting):
    assert setting in settings(unit)


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_reports_readiness_is_watched_and_restarts_but_not_on_a_wrong_configuration(
    unit,
):
    held = settings(unit)
    assert "Type=notify" in held
    assert any(line.startswith("WatchdogSec=") for line in held)
    assert "Restart=always" in held
    assert "RestartPreventExitStatus=2" in held
    assert any(
        line.startswith("ExecReload=") and "reload --wait" in line for line in held
    )


def test_the_worker_units_differ_from_the_whole_daemon_by_role_and_directories_only():
    def common(unit: str) -> set[str]:
        own = (
            "Description=",
            "ExecStart=",
            "StateDirectory=",
            "LogsDirectory=",
            "RuntimeDirectory=",
        )
        return {line for line in settings(unit) if not line.startswith(own)}

    assert common(UNITS[0]) == common(UNITS[1]) == common(UNITS[2])
    assert any("--role poll" in line for line in settings(UNITS[1]))
    assert any("--role event" in line for line in settings(UNITS[2]))


@pytest.fixture
def runnable(tmp_path: Path) -> Path:
    """The units with a program that exists, so that only the units are judged."""
    for unit in UNITS:
        text = (
            (DEPLOY / unit)
            .read_text()
            .replace("/opt/aggregator/current/bin/aggregator", "/bin/true")
        )
        (tmp_path / unit).write_text(text)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("unit", UNITS)
def test_systemd_finds_no_fault_in_a_unit(unit, runnable):
    found = run(
        needed("systemd-analyze"),
        "verify",
        "--man=no",
        runnable / unit.replace("@.", "@1."),
    )
    assert (found.returncode, found.stdout + found.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("unit", UNITS)
def test_the_exposure_of_a_unit_is_low(unit, runnable):
    found = run(
        needed("systemd-analyze"),
        "security",
        "--offline=true",
        "--no-pager",
        runnable / unit,
    )
    level = re.search(r"Overall exposure level for .*: ([0-9.]+)", found.stdout)
    assert level, found.stderr
    assert float(level[1]) <= MAX_EXPOSURE


@pytest.mark.slow
def test_shellcheck_finds_no_fault_in_the_installer():
    found = run(needed("shellcheck"), DEPLOY / "install.sh")
    assert found.returncode == 0, found.stdout


@pytest.mark.slow
def test_prometheus_accepts_the_alert_rules():
    found = run(
        needed("promtool"),
        "check",
        "rules",
        DEPLOY / "prometheus" / "aggregator.rules.yml",
    )
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.slow
def test_alerts_come_when_they_should_and_only_then(tmp_path):
    situations = Path(__file__).with_name("alerts.yml").read_text()
    rules_file = DEPLOY / "prometheus" / "aggregator.rules.yml"
    (tmp_path / "alerts.yml").write_text(
        situations.replace("[RULES]", f"[{rules_file}]")
    )
    found = run(needed("promtool"), "test", "rules", tmp_path / "alerts.yml")
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.slow
def test_prometheus_accepts_the_metrics():
    found = subprocess.run(
        [needed("promtool"), "check", "metrics"],
        input=Metrics(version="1").exposition(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 0, found.stdout.decode() + found.stderr.decode()


def rules() -> str:
    return (DEPLOY / "prometheus" / "aggregator.rules.yml").read_text()


def test_alerts_speak_of_metrics_that_exist():
    exposed = Metrics(version="1")
    exposed.show_groups({("agg:events", "group"): 1})
    names = set(
        re.findall(r"^# TYPE (\S+)", exposed.exposition().decode(), re.MULTILINE)
    ) | {"aggregator_group_lag"}
    asked = set(re.findall(r"\b(?:aggregator|process)_[a-z_]+\b", rules()))
    assert asked
    assert asked <= names


def test_every_alert_is_explained_to_the_operator():
    alerts = re.findall(r"alert: (\w+)", rules())
    explained = re.findall(
        r"^### (Aggregator\w+)$", (DEPLOY / "README.md").read_text(), re.MULTILINE
    )
    assert alerts == explained


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--sideways"], "unknown option --sideways"),
        (["--source"], "--source needs"),
        (
            ["--no-start", "--source", "/nowhere/x.whl"],
            "there is no wheel /nowhere/x.whl",
        ),
        (["--no-start", "--source", "/nowhere"], "is no checkout"),
        (
            ["--no-start", "--python", "/nowhere/python"],
            "is older than 3.11, or does not run",
        ),
    ],
)
def test_the_installer_says_what_is_wrong_and_touches_nothing(
    arguments, told, tmp_path
):
    # In a folder of programs that are never reached: the installer must refuse before it acts.
    for name, body in (("id", "echo 0"), ("systemctl", "exit 9")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    found = subprocess.run(
        ["/bin/sh", DEPLOY / "install.sh", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": f"{tmp_path}:/usr/local/bin:/usr/bin:/bin"},
    )
    assert found.returncode == 1
    assert told in found.stderr


def test_the_installer_places_what_the_program_prints_and_takes_it_away_again(tmp_path):
    program = tmp_path / "current" / "bin" / "aggregator"
    program.parent.mkdir(parents=True)
    printed = " ".join(
        REFERENCE.values()
    )  # what the real one prints is looked at by tests/cli/test_reference.py
    program.write_text(f'#!/bin/sh\necho "$1 {printed}"\n')
    program.chmod(0o755)
    # The installer's own functions, in a place of the test's own and without systemd.
    functions = (DEPLOY / "install.sh").read_text().rpartition("\nif [")[0]
    functions = functions.replace("PREFIX=/opt/aggregator", f"PREFIX={tmp_path}")
    functions = functions.replace("/usr/local", f"{tmp_path}/usr/local").replace(
        "/etc/", f"{tmp_path}/etc/"
    )
    functions += "\nrequire_machine() { :; }\nhas_systemd() { return 1; }\n"
    found = run(
        "/bin/sh",
        "-c",
        f"{functions} put_reference && put_reference && echo $changed",
        "install.sh",
    )
    assert found.returncode == 0, found.stderr
    wrote = [line for line in found.stdout.splitlines() if line.startswith("wrote ")]
    assert len(wrote) == len(REFERENCE), "each once: what does not differ is left"
    assert found.stdout.splitlines()[-1] == "no", (
        "the service is not restarted for a man page"
    )
    share = tmp_path / "usr" / "local" / "share"
    for path, word in REFERENCE.items():
        assert word in (share / path).read_text()
    assert (
        run("/bin/sh", "-c", f"{functions} uninstall_all", "install.sh").returncode == 0
    )
    assert [path for path in share.rglob("*") if path.is_file()] == []


def test_the_installer_wants_root(tmp_path):
    (tmp_path / "id").write_text("#!/bin/sh\necho 1000\n")
    (tmp_path / "id").chmod(0o755)
    found = subprocess.run(
        ["/bin/sh", DEPLOY / "install.sh"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )
    assert found.returncode == 1
    assert "must run as root" in found.stderr


def test_the_installer_tells_how_it_is_used():
    found = run("/bin/sh", DEPLOY / "install.sh", "--help")
    assert found.returncode == 0
    assert "--uninstall --purge" in found.stdout
    assert "--no-start" in found.stdout
