"""The real boot of `boot.py`, where this machine can do it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BOOT = Path(__file__).with_name("boot.py")
CANNOT = 77


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_service_installs_runs_survives_and_leaves_nothing_behind(tmp_path):
    journal = tmp_path / "journal.txt"
    found = subprocess.run(
        [sys.executable, BOOT, "--journal", journal],
        capture_output=True,
        text=True,
        timeout=1700,
        check=False,
    )
    if found.returncode == CANNOT:
        pytest.skip(found.stdout.strip().splitlines()[-1])
    told = journal.read_text()[-8000:] if journal.exists() else ""
    assert found.returncode == 0, found.stdout + found.stderr + told
