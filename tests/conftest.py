"""Fixtures of all tests: the shared corpus where it is present, and hypothesis without deadlines.

Timings are never asserted, so hypothesis' deadline is off: the machines that run this are shared.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.server"]

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real feeds and labelled sets beside the checkout; their publishers own the texts."""
    if not SHARED.is_dir():
        pytest.skip("../shared is absent: the corpus of real feeds is not part of the project")
    return SHARED


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden from what the code does now")
