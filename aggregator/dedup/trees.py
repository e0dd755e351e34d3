"""A boosted ensemble of oblivious trees, evaluated with NumPy.

Every level of an oblivious tree asks one question of one feature, so that a tree of depth d is d comparisons and one
look-up in a table of 2**d leaves, for all rows and all trees in a few array operations (Kohavi 1994; CatBoost 2018).
The sum of leaves is a log-odds; `tests/bench/train.py` learns it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Forest:
    """`columns`, `thresholds`: (trees, depth); `leaves`: (trees, 2**depth); `bias`: log-odds before any tree."""

    columns: NDArray[np.intp]
    thresholds: Floats
    leaves: Floats
    bias: float

    def log_odds(self, table: Floats) -> Floats:
        """(rows,) log-odds of (rows, features)."""
        trees, depth = self.columns.shape
        answers = table[:, self.columns.ravel()] > self.thresholds.ravel()
        leaf = answers.reshape(len(table), trees, depth) @ (1 << np.arange(depth))
        total = self.leaves[np.arange(trees), leaf].sum(1, dtype=np.float32) + np.float32(self.bias)
        return total.astype(np.float32)


def probability(log_odds: Floats) -> Floats:
    """Log-odds as 0..1."""
    odds = np.exp(-np.clip(log_odds, -30, 30))
    return (1 / (1 + odds)).astype(np.float32)
