"""A boosted ensemble of decision trees, evaluated with NumPy.

All trees are walked at once, one level a step; a leaf is its own child, so that short trees wait for deep ones. A node
is one whole number of 64 bits, so that a step reads two numbers: the node and the feature it asks for. It holds, from
the top, the threshold as a whole number in the order of the floats, the place of the lower child, behind which the
upper one stands, and the feature's column.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

ROWS_AT_ONCE = 64
"""Rows walked together: with 300 trees their nodes stay in the processor's cache (7 µs a row; 8 with 16 at once)."""
_COLUMN_BITS = np.int64(8)
_COLUMN = np.int64(0xFF)
_CHILD = np.int64(0xFFFFFF)
_THRESHOLD_BITS = np.int64(32)

Floats = NDArray[np.float32]
Places = NDArray[np.intp]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
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
        keys = _ordered(table)
        # What is compared with a node is above it only where it is above the threshold in its upper half.
        keys <<= _THRESHOLD_BITS
        log_odds = np.empty(len(table), np.float32)
        for start in range(0, len(table), ROWS_AT_ONCE):
            end = start + ROWS_AT_ONCE
            log_odds[start:end] = self._walked.sums(keys[start:end], self.depth)
        log_odds += np.float32(self.bias)
        return log_odds

    @cached_property
    def _walked(self) -> _Walked:
        """The nodes as they are walked, made once."""
        order = self.roots.tolist()
        places = np.empty(len(self.columns), np.int64)
        lower = np.arange(len(self.columns))
        # Level by level, the children of a node side by side.
        for node in order:
            children = self.children[node].tolist()
            if children[0] != node:
                lower[node] = len(order)
                order += children
        places[order] = np.arange(len(order))
        is_leaf = self.children[:, 0] == np.arange(len(self.columns))
        lower[is_leaf] = places[is_leaf]
        packed = _ordered(self.thresholds) << _THRESHOLD_BITS
        packed |= lower << _COLUMN_BITS
        packed |= self.columns
        return _Walked(
            packed[order],
            self.values[order],
            len(self.roots),
        )


def _ordered(numbers: Floats) -> Numbers:
    """Whole numbers of 32 bits in the order of the floats; of a leaf's threshold, infinity, the greatest."""
    # Added to, so that -0.0, whose bits are others, becomes 0.0.
    bits = (numbers + np.float32(0)).view(np.int32)
    bits ^= bits >> np.int32(31) & np.int32(0x7FFFFFFF)
    return bits.astype(np.int64)


@dataclass(frozen=True, slots=True)
class _Walked:
    """Nodes, see the module, those of the roots first, and what each is worth as a leaf."""

    nodes: Numbers
    values: Floats
    root_count: int

    def sums(
        self,
        keys: Numbers,
        depth: int,
    ) -> Floats:
        """The sum of all trees for each of (rows, features), `_ordered` in their upper halves."""
        rows, features = keys.shape
        flat = keys.ravel()
        starts = np.arange(
            0,
            rows * features,
            features,
        )
        start = starts[:, None]
        roots = self.nodes[: self.root_count]
        is_above = keys.take(roots & _COLUMN, axis=1) > roots
        place = (roots >> _COLUMN_BITS & _CHILD) + is_above
        node = np.empty_like(place)
        # Written in place: new arrays for each step take a third longer. Every place is one, so none is cut off.
        for _ in range(depth - 1):
            self.nodes.take(
                place,
                out=node,
                mode="clip",
            )
            np.bitwise_and(node, _COLUMN, out=place)
            place += start
            flat.take(
                place,
                out=place,
                mode="clip",
            )
            np.greater(place, node, out=is_above)
            node >>= _COLUMN_BITS
            node &= _CHILD
            np.add(node, is_above, out=place)
        sums: Floats = self.values.take(place).sum(1, dtype=np.float32)
        return sums


MEANING = -2
"""Where `meaning`, which is known of a pair whose titles the encoder has read, stands among `features.NAMES`."""


@dataclass(frozen=True, slots=True)
class Model:
    """What judges pairs: `gate`, a small forest that does without the slow features and sends the hopeless away, and of
    the rest `meant` those whose meanings are known, `pair` the others. `joining` weighs the pairs of an event together
    (`joining.FEATURES`)."""

    gate: Forest
    pair: Forest
    meant: Forest
    joining: Sequence[float]

    def log_odds(self, table: Floats) -> Floats:
        """(rows,) log-odds that pairs with all their features, (rows, features), are of one event."""
        is_meant = table[:, MEANING] >= 0
        if not is_meant.any():
            return self.pair.log_odds(table)
        log_odds = np.empty(len(table), np.float32)
        log_odds[is_meant] = self.meant.log_odds(table[is_meant])
        log_odds[~is_meant] = self.pair.log_odds(table[~is_meant])
        return log_odds


def score_of(log_odds: float) -> float:
    """Log-odds as 0..1, as messages carry them."""
    return 1 / (1 + math.exp(-log_odds))
