"""The bench of the pages runs at its smallest (its figures are for people)."""

from __future__ import annotations

from tests.bench import page_speed


async def test_the_bench_of_pages_measures_every_path():
    rows = await page_speed.bench(1)
    assert [row.path for row in rows] == list(page_speed.PATHS)
    assert all(row.median > 0 for row in rows)
