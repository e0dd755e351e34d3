"""How good a clustering or a set of pair decisions is, by the labels: B-cubed and pairwise precision, recall, F1.

B-cubed after Bagga and Baldwin (1998): for each entry, the share of its predicted event that is of its true event
(precision) and the share of its true event that is in its predicted event (recall), averaged over entries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Score:
    """Precision, recall and F1, 0..1."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


@dataclass(frozen=True, slots=True)
class Quality:
    """Both measures of one clustering."""

    b_cubed: Score
    pairwise: Score


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 1.0


def clustering(
    truth: Mapping[str, Hashable], predicted: Mapping[str, Hashable]
) -> Quality:
    """The quality of `predicted` events; an entry without a prediction counts as an event of its own."""
    cells: Counter[tuple[Hashable, Hashable]] = Counter()
    for entry, cluster in truth.items():
        cells[
            cluster,
            ("event", predicted[entry]) if entry in predicted else ("alone", entry),
        ] += 1
    true, found = Counter[Hashable](), Counter[Hashable]()
    for (cluster, event), count in cells.items():
        true[cluster] += count
        found[event] += count
    total = len(truth)
    precision = sum(n * n / found[event] for (_, event), n in cells.items())
    recall = sum(n * n / true[cluster] for (cluster, _), n in cells.items())
    both, said, held = (
        sum(n * (n - 1) // 2 for n in c.values()) for c in (cells, found, true)
    )
    return Quality(
        Score(_ratio(precision, total), _ratio(recall, total)),
        Score(_ratio(both, said), _ratio(both, held)),
    )


def pairs(truth: Sequence[bool], predicted: Sequence[bool]) -> Score:
    """The quality of pair decisions, of the class "same"."""
    both = sum(t and p for t, p in zip(truth, predicted, strict=True))
    return Score(_ratio(both, sum(predicted)), _ratio(both, sum(truth)))
