"""Runs of equal numbers, as NumPy's `unique` finds them in what is sorted."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from aggregator.dedup.runs import run_lengths, run_starts


@given(st.lists(st.integers(0, 3)).map(sorted))
@example([])
def test_runs_start_where_a_number_first_stands(numbers: list[int]) -> None:
    array = np.array(numbers, np.int64)
    starts = run_starts(array)
    lengths = run_lengths(starts, len(array))
    _, first, counts = np.unique(array, return_index=True, return_counts=True)
    assert starts.tolist() == first.tolist()
    assert lengths.tolist() == counts.tolist()
