"""A boosted ensemble of decision trees, evaluated with NumPy.

All trees are walked at once, one level a step; a leaf is its own child, so that short trees wait for deep ones. Since
most candidates are clearly of another event, the first `EARLY` trees are asked of every row, and the rest only of rows
that are not yet below `HOPELESS`: no row above it changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Places = NDArray[np.intp]

EARLY = 48
HOPELESS = -3.0
"""Log-odds after `EARLY` trees below which a row is given up (a guess: joining begins at -0.9 or above)."""


@dataclass(frozen=True, slots=True)
class Forest:
    """`columns`, `thresholds`, `values`: (nodes,); `children`: (nodes, 2), not above first; `roots`: (trees,).

    `depth` is the longest way from a root to a leaf; `bias` the log-odds before any tree.
    """

    columns: Places
    thresholds: Floats
    values: Floats
    children: Places
    roots: Places
    depth: int
    bias: float

    def log_odds(self, table: Floats) -> Floats:
        """(rows,) log-odds of (rows, features)."""
        total = self._sum(table, self.roots[:EARLY]) + np.float32(self.bias)
        hopeful = np.nonzero(total > HOPELESS)[0]
        if len(self.roots) > EARLY and len(hopeful):
            total[hopeful] += self._sum(table[hopeful], self.roots[EARLY:])
        return total

    def _sum(self, table: Floats, roots: Places) -> Floats:
        rows, features = table.shape
        flat = np.ascontiguousarray(table).ravel()
        start = (np.arange(rows, dtype=np.intp) * features)[:, None]
        children = self.children.ravel()
        node = np.broadcast_to(roots, (rows, len(roots)))
        for _ in range(self.depth):
            right = flat.take(start + self.columns.take(node)) > self.thresholds.take(node)
            node = children.take(2 * node + right)
        total: Floats = self.values.take(node).sum(1, dtype=np.float32)
        return total


def probability(log_odds: Floats) -> Floats:
    """Log-odds as 0..1."""
    odds = np.exp(-np.clip(log_odds, -30, 30))
    return (1 / (1 + odds)).astype(np.float32)
