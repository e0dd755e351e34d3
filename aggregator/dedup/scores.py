"""How good a clustering or a set of pair decisions is, by the labels: B-cubed and pairwise precision, recall, F1.

B-cubed after Bagga and Baldwin (1998): for each entry, the share of its predicted event that is of its true event
(precision) and the share of its true event that is in its predicted event (recall), averaged over entries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Score:
    """Precision, recall and F1, 0..1."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; 0 where both are."""
        both = self.precision + self.recall
        if not both:
            return 0.0
        return 2 * self.precision * self.recall / both


@dataclass(frozen=True, slots=True)
class Quality:
    """Both measures of one clustering."""

    b_cubed: Score
    pairwise: Score


def _ratio(part: float, whole: float) -> float:
    # Of no decisions none was wrong.
    return part / whole if whole else 1.0


def clustering(
    truth: Mapping[str, Hashable], predicted: Mapping[str, Hashable]
) -> Quality:
    """The quality of `predicted` events; an entry without a prediction counts as an event of its own."""
    overlaps: Counter[tuple[Hashable, Hashable]] = Counter()
    true_sizes = Counter[Hashable]()
    event_sizes = Counter[Hashable]()
    for entry, cluster in truth.items():
        # Marked, so that an entry alone is no event that bears its name.
        event: Hashable = ("alone", entry)
        if entry in predicted:
            event = ("event", predicted[entry])
        overlaps[cluster, event] += 1
        true_sizes[cluster] += 1
        event_sizes[event] += 1
    precision = 0.0
    recall = 0.0
    for (cluster, event), size in overlaps.items():
        precision += size * size / event_sizes[event]
        recall += size * size / true_sizes[cluster]
    total = len(truth)
    both = _pair_count(overlaps)
    return Quality(
        Score(_ratio(precision, total), _ratio(recall, total)),
        Score(
            _ratio(both, _pair_count(event_sizes)),
            _ratio(both, _pair_count(true_sizes)),
        ),
    )


def _pair_count(sizes: Mapping[Any, int]) -> int:
    """How many pairs of entries stand together in groups of these sizes."""
    return sum(size * (size - 1) // 2 for size in sizes.values())


def pairs(
    truth: Sequence[bool],
    predicted: Sequence[bool],
) -> Score:
    """The quality of pair decisions, of the class "same"."""
    both = sum(t and p for t, p in zip(truth, predicted, strict=True))
    return Score(_ratio(both, sum(predicted)), _ratio(both, sum(truth)))
