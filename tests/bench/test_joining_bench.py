"""What the weights of an event's pairs are learned from."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from aggregator.dedup import learned
from aggregator.dedup.backtest import entries
from aggregator.dedup.joining import FEATURES
from aggregator.dedup.meaning import prints_of
from aggregator.model import DedupSettings
from tests.bench import states
from tests.bench.joining import (
    Example,
    Stream,
    among_real,
    examples,
    is_of_a_family,
    learned_weights,
)


def test_joining_learns_from_what_reports_were_weighed_against() -> None:
    """Every report of some families against the events before it: as many are its own as follow a first one."""
    rows = states.strewn(states.fresh_families()[:60], seed="test")
    settings = DedupSettings(meaning=False)
    stream = Stream(rows, prints_of(list(entries(rows)), settings))
    found = list(examples(stream, settings, learned.model()))
    assert all(len(example.features) == len(FEATURES) for example in found)
    # A report may meet its event in parts, or not at all.
    own = sum(example.same for example in found)
    assert 0.3 * len(rows) < own < len(rows)
    assert not all(example.same for example in found)


def test_joining_weighs_what_tells_reports_apart() -> None:
    pytest.importorskip("scipy")
    chance = random.Random("weights")
    some: list[Example] = []
    for _ in range(2000):
        features = [chance.gauss(0, 1) for _ in FEATURES]
        log_odds = 1.0 + features[0] - 0.5 * features[1]
        same = chance.random() < 1 / (1 + math.exp(-log_odds))
        some.append(Example(features, 1.0, same, 1.0))
    weights = learned_weights(some)
    assert weights[:2] == pytest.approx([1.0, -0.5], abs=0.2)
    assert np.abs(weights[2:]).max() < 0.25


def test_of_two_real_reports_nobody_has_said_what_they_tell() -> None:
    families = states.fresh_families()[:10]
    real = [{"id": "x", "lang": "en", "title": f"Title {n}"} for n in range(5)]
    mixed = among_real(families, real)
    assert len(mixed) == 15
    told = [row for row in mixed if row["cluster"] is not None]
    others = [row for row in mixed if row["cluster"] is None]
    assert is_of_a_family(told[0], others[0])
    assert not is_of_a_family(others[0], others[1])
