"""The network over two reports' embeddings: the same either way round, a probability, and unknown where a vector is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from aggregator.dedup import learned
from aggregator.dedup.features import INDEX, counted, features
from aggregator.dedup.fingerprint import MEANING_AXES, MEANING_BYTES
from aggregator.dedup.frequency import Frequency
from aggregator.dedup.pair_head import joint, probabilities
from aggregator.dedup.rows import MEANT_ROW, meanings, row_array
from tests.dedup.judges import report

Floats = NDArray[np.float32]


def vectors(seed: int, count: int = 3, *, with_leads: bool = True) -> Floats:
    """Unit vectors as `rows.meanings` gives them."""
    chance = np.random.default_rng(seed)
    found = chance.standard_normal((count, 2, MEANING_AXES)).astype(np.float32)
    found /= np.linalg.norm(found, axis=2, keepdims=True)
    if not with_leads:
        found[:, 1] = 0
    return found


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_it_is_symmetric_and_a_probability(seed: int, with_leads: bool) -> None:
    mine, theirs = vectors(seed), vectors(seed + 1, with_leads=with_leads)
    found = probabilities(mine, theirs)
    np.testing.assert_allclose(found, probabilities(theirs, mine), atol=1e-5)
    assert ((found >= 0) & (found <= 1)).all()


def test_it_sees_the_axes_of_each_side_and_whether_there_are_leads() -> None:
    mine, theirs = vectors(1), vectors(2, with_leads=False)
    seen = joint(mine, theirs)
    assert seen.shape == (3, len(learned.pair_head().into))
    title_cosines = (mine[:, 0] * theirs[:, 0]).sum(1)
    np.testing.assert_allclose(seen[:, -5], title_cosines, atol=1e-5)
    assert seen[:, -1].tolist() == [1, 1, 1]
    assert joint(mine, mine)[:, -1].tolist() == [2, 2, 2]


def test_reports_with_one_embedding_are_likelier_one_event_than_with_two() -> None:
    mine, theirs = vectors(1, 50), vectors(2, 50)
    assert (probabilities(mine, mine) > probabilities(mine, theirs)).all()


@pytest.mark.parametrize("unknown", [b"", bytes(MEANING_BYTES)])
def test_a_pair_without_a_vector_is_not_judged(unknown: bytes) -> None:
    known = bytes(range(MEANING_AXES)) * 2
    pair = [report("a", 1, meaning=known), report("b", 1, meaning=unknown)]
    rows = counted(row_array(pair, MEANT_ROW), Frequency())
    column = INDEX["meaning_pair"]
    both = features(rows[:1], np.zeros(1, np.intp), rows[1:])
    assert both[0, column] == -1
    same = features(rows[:1], np.zeros(1, np.intp), rows[:1])
    assert same[0, column] > 0.5
    assert (meanings(rows.rows)[0, 0] != 0).any()
