"""How far a figure may lie off by chance: bootstrap (Efron 1979), which draws the units of a set anew, with repetition.

The units are true clusters, or pairs that share reports. Errors that join two clusters fall on both, which is not counted,
nor is another training: read the standard errors as somewhat too small.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

ROUNDS = 500
_TINY = 1e-9
Draws = NDArray[np.float64]


def groups(links: Iterable[tuple[str, str]]) -> dict[str, str]:
    """For each that a link names, one of all that it hangs together with."""
    parent: dict[str, str] = {}

    def root(x: str) -> str:
        while parent.setdefault(x, x) != x:
            x = parent[x]
        return x

    for one, other in links:
        parent[root(one)] = root(other)
    return {x: root(x) for x in list(parent)}


def b_cubed_draws(
    parts: Iterable[Mapping[str, str]], predicted: Mapping[str, str]
) -> Draws:
    """(parts, `ROUNDS`) B-cubed F1 of each part of a set, whose true clusters are drawn for all parts at once.

    A part maps the id of each entry to its true cluster, `predicted` to its event.
    """
    kept = list(parts)
    number = {
        cluster: i
        for i, cluster in enumerate(
            dict.fromkeys(c for part in kept for c in part.values())
        )
    }
    drawn = _drawn(len(number))
    found = []
    for part in kept:
        cells = Counter((cluster, predicted[entry]) for entry, cluster in part.items())
        true, events = (
            Counter(part.values()),
            Counter(predicted[entry] for entry in part),
        )
        sums = np.zeros((len(number), 3))  # of precision, of recall, and entries
        for (cluster, event), n in cells.items():
            sums[number[cluster]] += n * n / events[event], n * n / true[cluster], n
        precision, recall, entries = (drawn @ sums).T
        # F1 of the two means; a draw may leave a small part without an entry.
        found.append(
            2 * precision * recall / np.maximum((precision + recall) * entries, _TINY)
        )
    return np.array(found)


def pair_draws(
    same: Sequence[bool], said: Sequence[bool], unit: Sequence[str]
) -> Draws:
    """(`ROUNDS`,) F1 of pair decisions; pairs of one unit are drawn together."""
    number = {name: i for i, name in enumerate(dict.fromkeys(unit))}
    sums = np.zeros(
        (len(number), 2)
    )  # of the right ones, and of all that are or were said to be the same
    for name, is_same, is_said in zip(unit, same, said, strict=True):
        sums[number[name]] += is_same and is_said, is_same + is_said
    right, both = (_drawn(len(number)) @ sums).T
    f1: Draws = 2 * right / np.maximum(both, _TINY)
    return f1


def error_of_mean(draws: Sequence[Draws]) -> float:
    """The standard error of the mean over all parts of all sets, the sets drawn each by itself."""
    return float(
        np.sqrt(sum(part.sum(0).var() for part in draws))
        / sum(len(part) for part in draws)
    )


def _drawn(count: int) -> NDArray[np.int64]:
    """(`ROUNDS`, count) how often each of so many units is drawn; the same at every call."""
    found: NDArray[np.int64] = np.random.default_rng(1).multinomial(
        count, np.full(count, 1 / count), size=ROUNDS
    )
    return found
