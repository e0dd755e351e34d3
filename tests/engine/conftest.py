"""The stores' tests use a key prefix in braces, so that the same tests run on a cluster (test_cluster.py)."""

from __future__ import annotations

import pytest

from aggregator.engine.client import Client
from aggregator.engine.store import Store

PREFIX = "{agg}"


@pytest.fixture
async def store(redis_client: Client) -> Store:
    """A store on an empty server."""
    return Store(redis_client, prefix=PREFIX)
