"""A boosted ensemble of decision trees, evaluated with NumPy.

What nodes ask is asked once: of 6,900 nodes of `pair` only 2,096 differ. Trees are read from their leaves up: a node
hands on what the child hands on that a row goes to, in the end the number of the row's leaf within its tree. So a level
of all trees is a few operations on arrays of bytes, (nodes, rows). That takes half of the time of a walk down from the
roots, where every row reads nodes of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from aggregator.dedup.runs import run_lengths, run_starts

ROWS_AT_ONCE = 128
"""Rows read together: what the nodes of 300 trees hand on stays in the processor's cache."""

Floats = NDArray[np.float32]
Places = NDArray[np.intp]
Leaves = NDArray[np.uint8]


@dataclass(frozen=True)
class Forest:
    """`columns`, `thresholds`, `values`: (nodes,); `children`: (nodes, 2), not above first; `roots`: (trees,).

    A leaf is its own child, and a tree has 256 of them at most. `depth` is the longest way from a root to a leaf;
    `bias` the log-odds before any tree.
    """

    columns: Places
    thresholds: Floats
    values: Floats
    children: Places
    roots: Places
    depth: int
    bias: float

    def log_odds(
        self,
        table: Floats,
    ) -> Floats:
        """(rows,) log-odds of (rows, features)."""
        log_odds = np.empty(len(table), np.float32)
        for start in range(0, len(table), ROWS_AT_ONCE):
            end = start + ROWS_AT_ONCE
            log_odds[start:end] = self._read.sums(table[start:end])
        log_odds += np.float32(self.bias)
        return log_odds

    @cached_property
    def _read(self) -> _Read:
        """The nodes as they are read, made once."""
        is_leaf = self.children[:, 0] == np.arange(len(self.columns))
        tree = np.zeros_like(self.columns)
        tree[self.roots] = np.arange(len(self.roots))
        levels: list[Places] = []
        nodes = self.roots
        while len(nodes):
            branching = nodes[~is_leaf[nodes]]
            levels.insert(0, branching)
            tree[self.children[branching]] = tree[branching][:, None]
            nodes = self.children[branching].ravel()
        leaves, numbers = _numbered(tree, is_leaf)
        most = int(numbers.max()) + 1
        values = np.zeros((len(self.roots), most), np.float32)
        values[tree[leaves], numbers] = self.values[leaves]
        # What is handed on stands in one array: first of leaves, then of each level.
        places = np.empty_like(self.columns)
        places[leaves] = numbers
        places[np.concatenate(levels)] = most + np.arange(len(places) - len(leaves))
        asked = np.stack([self.columns, self.thresholds])
        questions, question = np.unique(asked, axis=1, return_inverse=True)
        return _Read(
            questions[0].astype(np.intp),
            questions[1].astype(np.float32)[:, None],
            [self._level(nodes, question, places) for nodes in levels],
            places[self.roots],
            values,
        )

    def _level(
        self,
        nodes: Places,
        question: Places,
        places: Places,
    ) -> _Level:
        return _Level(
            question[nodes],
            places[self.children[nodes, 0]],
            places[self.children[nodes, 1]],
        )


def _numbered(
    tree: Places,
    is_leaf: NDArray[np.bool_],
) -> tuple[Places, Places]:
    """The leaves, and the number of each within its tree."""
    leaves = np.flatnonzero(is_leaf)
    leaves = leaves[np.argsort(tree[leaves], kind="stable")]
    starts = run_starts(tree[leaves])
    lengths = run_lengths(starts, len(leaves))
    numbers = np.arange(len(leaves)) - np.repeat(starts, lengths)
    return leaves, numbers


@dataclass(frozen=True, slots=True)
class _Level:
    """The nodes of one level: which question each asks, and where stands what its lower and its upper child hand on."""

    questions: Places
    lower: Places
    upper: Places


@dataclass(frozen=True, slots=True)
class _Read:
    """What is asked: whether the feature in a column is above a threshold. The levels, the deepest first; where stands
    what the roots hand on, and (trees, leaves) what that is worth."""

    columns: Places
    thresholds: Floats
    levels: Sequence[_Level]
    roots: Places
    values: Floats

    def sums(
        self,
        table: Floats,
    ) -> Floats:
        """The sum of all trees for each of (rows, features)."""
        trees, most = self.values.shape
        features = np.ascontiguousarray(table.T)
        asked = features.take(self.columns, axis=0)
        # All bits of a byte are set where a row goes up.
        answers = np.negative((asked > self.thresholds).view(np.uint8))
        end = most
        for level in self.levels:
            end += len(level.questions)
        handed_on = np.empty((end, len(table)), np.uint8)
        # A leaf hands on its number.
        handed_on[:most] = np.arange(most, dtype=np.uint8)[:, None]
        end = most
        for level in self.levels:
            start, end = end, end + len(level.questions)
            goes_up = answers.take(level.questions, axis=0)
            lower = handed_on.take(level.lower, axis=0)
            chosen = handed_on.take(level.upper, axis=0)
            chosen ^= lower
            chosen &= goes_up
            np.bitwise_xor(chosen, lower, out=handed_on[start:end])
        leaves = handed_on.take(self.roots, axis=0)
        first = np.arange(0, trees * most, most)
        found = self.values.take(leaves + first[:, None])
        # Row by row, so that the sums are made in one order.
        sums: Floats = np.ascontiguousarray(found.T).sum(1, dtype=np.float32)
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

    def log_odds(
        self,
        table: Floats,
    ) -> Floats:
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
