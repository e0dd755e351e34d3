"""Reports whose titles mean the same, found by their vectors: words find no report in another language.

The newest `AMONG` reports of the window are all compared, as one product of matrices for a whole batch: one to two ms
an entry in batches of 50, beside the 23 to 34 that its vector cost (tests/bench/meaning_cost.py).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aggregator.dedup.rows import Rows, RowStore

AMONG = 1 << 15
"""A day of a newsroom's feeds or more; the time of a batch grows with it."""
NEIGHBOURS = 4
LIKE = 0.4
"""Likeness in meaning below which a report is no candidate (a guess)."""


def neighbours(rows: Rows, store: RowStore) -> list[list[int]]:
    """For each of the rows, about to be posted in this order, at most `NEIGHBOURS` slots of titles that mean much the
    same, most first. A slot from `store.next` on is one of the rows themselves, before the one that asks."""
    queries = _unit(rows["meaning"])
    slots = [np.arange(store.next, store.next + len(rows))]
    cosines = [np.tril(queries @ queries.T, -1)]
    for first, some in store.newest(AMONG):
        slots.append(np.arange(first, first + len(some)))
        cosines.append(queries @ _unit(some["meaning"]).T)
    known, table = np.concatenate(slots), np.concatenate(cosines, 1)
    best = np.argsort(-table, axis=1, kind="stable")[:, :NEIGHBOURS] if len(known) < 2 * NEIGHBOURS else _best(table)
    return [
        [slot for slot, cosine in zip(known[columns].tolist(), row[columns].tolist(), strict=True) if cosine >= LIKE]
        for columns, row in zip(best, table, strict=True)
    ]


def _best(table: NDArray[np.float32]) -> NDArray[np.intp]:
    """The columns of the `NEIGHBOURS` greatest numbers of each row, greatest first."""
    some = np.argpartition(-table, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    order = np.argsort(-np.take_along_axis(table, some, 1), axis=1, kind="stable")
    return np.take_along_axis(some, order, 1)


def _unit(meanings: NDArray[np.int8]) -> NDArray[np.float32]:
    """Vectors of length 1; unknown ones stay 0."""
    found = meanings.astype(np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", found, found))
    found /= np.maximum(lengths, np.float32(1))[:, None]
    return found
