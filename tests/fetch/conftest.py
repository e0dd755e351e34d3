"""Fixtures of the poll wing: a scripted publisher, and a fetcher that may ask it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from aggregator.fetch.fetcher import Fetcher
from aggregator.model import FetchSettings
from tests.origin import Origin

LOOPBACK = FetchSettings(
    timeout=timedelta(seconds=5),
    per_host_interval=timedelta(0),
    allowed_networks=("127.0.0.0/8", "::1/128"),
)


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with Origin() as serving:
        yield serving


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    async with Fetcher(
        LOOPBACK, contact="https://example.org/bot", version="1.2"
    ) as ready:
        yield ready
