"""Forests: what they say is the sum of the leaves that each tree, walked node by node, ends in."""

from __future__ import annotations

import numpy as np
import pytest

from aggregator.dedup import learned
from aggregator.dedup.features import NAMES
from aggregator.dedup.trees import MEANING, ROWS_AT_ONCE, Floats, Forest


def leaf_of(forest: Forest, root: int, row: Floats) -> int:
    node = root
    while forest.children[node, 0] != node:
        is_above = row[forest.columns[node]] > forest.thresholds[node]
        node = int(forest.children[node, int(is_above)])
    return node


def plainly(forest: Forest, row: Floats) -> np.float32:
    leaves = [leaf_of(forest, root, row) for root in forest.roots.tolist()]
    total: np.float32 = forest.values[leaves].sum(dtype=np.float32)
    return total + np.float32(forest.bias)


@pytest.mark.parametrize("name", ["gate", "pair", "meant"])
@pytest.mark.parametrize("rows", [1, ROWS_AT_ONCE + 3])
def test_a_forest_is_the_sum_of_its_trees(name: str, rows: int) -> None:
    forest: Forest = getattr(learned.model(), name)
    chance = np.random.default_rng(5)
    finite = forest.thresholds[np.isfinite(forest.thresholds)]
    # Thresholds themselves and their neighbours, what is unknown, and both zeros.
    values = np.concatenate([finite, finite + np.float32(1e-3), [-1.0, 0.0, -0.0]])
    table = chance.choice(values, (rows, len(NAMES))).astype(np.float32)
    expected = [plainly(forest, row) for row in table]
    assert forest.log_odds(table).tolist() == expected


def test_what_chooses_the_forest_is_the_likeness_in_meaning() -> None:
    assert NAMES[MEANING] == "meaning"


def test_of_no_pairs_there_is_nothing_to_say() -> None:
    gate = learned.model().gate
    assert not len(gate.log_odds(np.zeros((0, len(NAMES)), np.float32)))
