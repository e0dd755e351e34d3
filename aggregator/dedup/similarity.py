"""How likely it is that two reports tell of the same event: named features, learned weights, and words for both.

The score is a calibrated probability, 0..1, from the forest that tests/bench/train.py learned. Two reports that are the
same in all that was measured score 1. What a feature contributed is the change of the log-odds when it is replaced by
what is usual for unrelated reports: contributions need not add up, since the model weighs features together.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import starmap

import numpy as np

from aggregator.dedup import learned
from aggregator.dedup.features import (
    INDEX,
    MEANINGS,
    NAMES,
    Floats,
    adjusted,
    counted,
    features,
    objections,
)
from aggregator.dedup.fingerprint import Fingerprint
from aggregator.dedup.frequency import Frequency
from aggregator.dedup.rows import MEANT_ROW, row_array
from aggregator.dedup.series import refills
from aggregator.dedup.trees import Model, score_of
from aggregator.model import DedupSettings, Strictness

JOIN = {
    Strictness.STRICT: 1.4,
    Strictness.BALANCED: 0.6,
    Strictness.LOOSE: 0.0,
}
"""The log-odds from which on a report joins an event; how they were chosen is said in `assign`."""
PAIR_THRESHOLD = {strictness: score_of(odds) for strictness, odds in JOIN.items()}
"""The same as scores: 0.80, 0.65, 0.50. Two reports alone are judged as a report and an event of one."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One named feature of a comparison: its value, and what it did to the log-odds."""

    name: str
    value: float
    contribution: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two reports compared: the score 0..1, the features, the most telling first, and whether the headlines are one
    source's that differ in one place, which a third of the kind would show to be a template (see `series`)."""

    score: float
    features: tuple[Feature, ...]
    is_refill: bool = False


def compared(
    a: Fingerprint,
    b: Fingerprint,
    frequency: Frequency | None = None,
    *,
    model: Model | None = None,
) -> Comparison:
    """Compare two reports, with the token rarities of a stream, or of the shipped prior alone.

    `model` stands in for the shipped one, for cross-validation.
    """
    known = frequency or Frequency()
    # Both may have meanings, whatever the settings of the stream say.
    both = counted(row_array([a, b], MEANT_ROW), known)
    table = features(
        both[:1],
        np.zeros(1, np.intp),
        both[1:],
    )
    judge = model or learned.model()
    learned_odds = judge.log_odds(table)
    contributions = learned_odds - judge.log_odds(_swapped(table))
    # What `adjusted` takes off, no forest weighs.
    for name, loss in objections(table).items():
        contributions[INDEX[name]] -= loss[0]
    log_odds = float(adjusted(learned_odds, table)[0])
    values = zip(
        NAMES,
        table[0].tolist(),
        contributions.tolist(),
        strict=True,
    )
    named = starmap(Feature, values)
    telling = sorted(named, key=lambda feature: -abs(feature.contribution))
    # A report is of one event with itself, even where the forest has seen no pair like it.
    score = 1.0 if _content(a) == _content(b) else score_of(log_odds)
    is_refill = bool(
        refills(
            table,
            both.rows[:1],
            both.rows[1:],
            known,
        )
    )
    return Comparison(score, tuple(telling), is_refill)


def _swapped(table: Floats) -> Floats:
    """A pair's features, (1, features), once for each of them: with what is usual of strangers in its place."""
    usual = learned.usual().copy()
    # Stays unknown: another forest judges pairs whose meanings are known.
    if table[0, INDEX["meaning"]] < 0:
        usual[[INDEX[name] for name in MEANINGS]] = -1
    swapped = np.repeat(table, len(NAMES), 0)
    np.fill_diagonal(swapped, usual)
    return swapped


def _content(of: Fingerprint) -> tuple[object, ...]:
    return of.title_tokens, of.body_tokens, of.numbers, of.lang, of.matched


def is_same(comparison: Comparison, settings: DedupSettings) -> bool:
    """Whether two reports alone would be held to be of one event."""
    return comparison.score >= PAIR_THRESHOLD[settings.strictness]
