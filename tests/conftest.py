"""Fixtures of all tests: the shared corpus where it is present, and hypothesis without deadlines.

Timings are never asserted, so hypothesis' deadline is off: the machines that run this are shared.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.server"]

settings.register_profile(
    "default", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("default")

for name in ("COLUMNS", "LINES"):
    # readline, which pytest imports, sets them for every process started from it, also for those of pytest-xdist; what
    # a command prints into a pipe would be cut to them.
    os.environ.pop(name, None)

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real feeds and labelled sets beside the checkout; their publishers own the texts."""
    if not SHARED.is_dir():
        pytest.skip(
            "../shared is absent: the corpus of real feeds is not part of the project"
        )
    return SHARED


@pytest.fixture(autouse=True)
def unconfigured_logs() -> Iterator[None]:
    """A command run in this process sends log lines and warnings to its own place; the next test's go where it says.

    A logger of a module that has logged once keeps the configuration of then, as logs.configure asks for.
    """
    yield
    logging.captureWarnings(False)
    if not structlog.is_configured():
        return
    structlog.reset_defaults()
    lazy = type(structlog.get_logger())
    for module in list(sys.modules.values()):
        logger = vars(module).get("log")
        if isinstance(logger, lazy):
            vars(logger).pop("bind", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="rewrite tests/golden from what the code does now",
    )


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """The whole suite runs on every processor; files and tests that are named run in this process, for a debugger."""
    is_whole = config.args == config.getini("testpaths")
    return None if is_whole else 0
