"""The bench runs (its figures are for people)."""

from __future__ import annotations

import pytest

from aggregator.engine.store import Store
from tests.bench import engine_store


async def test_the_bench_of_the_stores_runs_at_its_smallest(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    engine_store.bench_wire(1)
    await engine_store.bench_feeds(store, 1)
    await engine_store.bench_publish(store, 1)
    await engine_store.bench_rebuild(store, 1000)
    assert "rebuild" in capsys.readouterr().out
