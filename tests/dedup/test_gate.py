"""The gate: what it foretells from quick features is what the forests say."""

from __future__ import annotations

import numpy as np
import pytest

from aggregator.dedup import learned
from aggregator.dedup.assign import HOPELESS
from aggregator.dedup.features import SLOW, Floats
from aggregator.dedup.similarity import JOIN
from aggregator.model import DedupSettings, Strictness
from tests.bench import exam
from tests.bench.train import candidate_table


@pytest.fixture(scope="module")
def met() -> Floats:
    """All features of the pairs that a stream of families brings up which neither the gate nor the forests learned from."""
    rows = exam.read(sorted(exam.FIRST.glob("*.jsonl")))
    return candidate_table("exam", rows, 1.0, DedupSettings(meaning=False)).features


def foretold(table: Floats) -> Floats:
    quick = table.copy()
    quick[:, SLOW] = -1
    return learned.model().gate.log_odds(quick)


def test_what_the_gate_finds_hopeless_the_forest_would_not_join(met: Floats) -> None:
    said = learned.model().pair.log_odds(met)
    would_join = said >= JOIN[Strictness.LOOSE]
    assert np.count_nonzero(would_join) > 500
    assert not np.count_nonzero(would_join & (foretold(met) <= HOPELESS))


def test_the_gate_sends_away_most_of_what_the_forest_finds_hopeless(
    met: Floats,
) -> None:
    is_hopeless = learned.model().pair.log_odds(met) <= HOPELESS - 1
    is_sent_away = foretold(met) <= HOPELESS
    assert np.count_nonzero(is_hopeless) > 250
    assert np.mean(is_sent_away[is_hopeless]) > 0.8


def test_the_gate_asks_nothing_that_is_slow_to_know() -> None:
    gate = learned.model().gate
    is_branching = gate.children[:, 0] != np.arange(len(gate.columns))
    assert set(gate.columns[is_branching].tolist()).isdisjoint(SLOW)
