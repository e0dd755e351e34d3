"""Reports whose titles mean the same, found by their vectors: words find no report in another language.

The newest `AMONG` reports of the window are all compared, as products of matrices for a whole batch: about one ms
an entry in batches of 50, beside the 23 to 34 that its vector cost (tests/bench/meaning_cost.py).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aggregator.dedup.rows import LEAD, Rows, RowStore, meanings

AMONG = 1 << 15
"""A day of a newsroom's feeds or more; the time of a batch grows with it."""
AT_ONCE = 1 << 11
"""Reports compared together: their numbers stay in the processor's cache, and take 10 MB at most."""
NEIGHBOURS = 4
LIKE = 0.4
"""Likeness in meaning below which a report is no candidate (a guess)."""


def neighbours(
    rows: Rows,
    store: RowStore,
) -> list[list[int]]:
    """For each of the rows, about to be posted in this order, at most `NEIGHBOURS` slots of titles that mean much the
    same, most first. A slot from `store.next` on is one of the rows themselves, before the one that asks."""
    queries = _unit(rows)
    cosines, slots = _best(np.tril(queries @ queries.T, -1), store.next)
    for first, block in store.newest(AMONG):
        for start in range(0, len(block), AT_ONCE):
            part = _unit(block[start : start + AT_ONCE])
            more_cosines, more_slots = _best(queries @ part.T, first + start)
            cosines = np.concatenate([cosines, more_cosines], 1)
            slots = np.concatenate([slots, more_slots], 1)
    # Stable, so that of equal ones those of the batch come first, whatever the window holds.
    order = np.argsort(-cosines, axis=1, kind="stable")
    order = order[:, :NEIGHBOURS]
    best_slots = np.take_along_axis(slots, order, 1)
    is_alike = np.take_along_axis(cosines, order, 1) >= LIKE
    return [
        row[alike].tolist()
        for row, alike in zip(best_slots, is_alike, strict=True)
    ]  # fmt: skip


def _best(
    table: NDArray[np.float32],
    first: int,
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """The `NEIGHBOURS` greatest numbers of each row, and their columns counted from `first`."""
    width = table.shape[1]
    if width > NEIGHBOURS:
        columns = np.argpartition(-table, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    else:
        columns = np.broadcast_to(np.arange(width), table.shape)
    return np.take_along_axis(table, columns, 1), columns + first


def _unit(rows: Rows) -> NDArray[np.float32]:
    """Vectors of title and lead together, of length 1; unknown ones stay 0."""
    vectors = meanings(rows)
    titles = vectors[:, 0]
    leads = vectors[:, 1]
    both = titles + LEAD * leads
    lengths = np.sqrt(np.einsum("ij,ij->i", both, both))
    both /= np.maximum(lengths, np.float32(1e-6))[:, None]
    return both
