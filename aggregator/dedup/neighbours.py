"""Reports whose titles mean the same, found by their vectors: shared words find no report in another language, and few
that tell an event in other words.

The newest reports of the window are all compared, as products of matrices for a whole batch. By what the encoder says
that takes about one ms an entry in batches of 50, beside what its vector cost (tests/bench/meaning_cost.py). Where no
encoder is, the vectors of words are compared (see `word_vectors`): they are shorter, and made once a report.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from aggregator.dedup.rows import FIRST, LEAD, Rows, RowStore, meanings
from aggregator.dedup.word_vectors import Tokens, whole_vectors

AMONG = 1 << 15
"""A day of a newsroom's feeds or more; the time of a batch grows with it."""
AT_ONCE = 1 << 11
"""Reports compared together: their numbers stay in the processor's cache, and take 10 MB at most."""
FEW = 64
"""Queries up to which more reports are compared together."""
NEIGHBOURS = 4
LIKE = 0.4
"""Likeness in meaning below which a report is no candidate (a guess)."""
AMONG_BY_WORDS = 1 << 14
NEIGHBOURS_BY_WORDS = 2
LIKE_BY_WORDS = 0.6
"""The same by the vectors of words, where strangers lie nearer to one another: of families.dev B-cubed F1 was 0.891
without, and 0.902 to 0.912 with two to six neighbours at 0.55 to 0.7."""
GROUPS = 32
"""Parts of a block whose greatest likenesses are compared: of fewer the two likest oftener stand in one."""
Floats = NDArray[np.float32]
Slots = NDArray[np.int64]


def neighbours(
    rows: Rows,
    store: RowStore,
) -> list[list[int]]:
    """For each of the rows, about to be posted in this order, at most `NEIGHBOURS` slots of titles that mean much the
    same, most first. A slot from `store.next` on is one of the rows themselves, before the one that asks."""
    blocks = (
        (first + start, _unit(block[start : start + AT_ONCE]))
        for first, block in store.newest(AMONG)
        for start in range(0, len(block), AT_ONCE)
    )
    return _nearest(_unit(rows), store.next, blocks, like=LIKE, count=NEIGHBOURS)


class WordNeighbours:
    """The same by the vectors of words, of which those of the newest reports are kept."""

    def __init__(self) -> None:
        self._vectors = np.zeros((0, 0), np.float32)
        """Room for the vectors of consecutive slots; what is beyond those read is not theirs."""
        self._first = FIRST
        """The slot of the first vector."""
        self._count = 0
        self._asked = np.zeros((0, 0), np.uint32)
        """The tokens of the reports that were asked for last, which are posted as a rule before the next ones are."""
        self._asked_vectors = self._vectors

    def of(
        self,
        rows: Rows,
        store: RowStore,
    ) -> list[list[int]]:
        """As `neighbours`, at most `NEIGHBOURS_BY_WORDS` slots."""
        oldest = max(store.oldest, store.next - AMONG_BY_WORDS)
        self._read(store, oldest)
        queries = whole_vectors(rows["tokens"])
        self._asked = rows["tokens"]
        self._asked_vectors = queries
        # For few reports the whole window is one block.
        at_once = AT_ONCE * max(1, FEW // len(queries))
        blocks = (
            (
                self._first + start,
                self._vectors[start : min(start + at_once, self._count)],
            )
            for start in range(oldest - self._first, self._count, at_once)
        )
        return _nearest(
            queries,
            store.next,
            blocks,
            like=LIKE_BY_WORDS,
            count=NEIGHBOURS_BY_WORDS,
        )

    def _read(
        self,
        store: RowStore,
        oldest: int,
    ) -> None:
        """Bring the vectors, from slot `oldest` on at least, up to the newest report."""
        end = self._first + self._count
        if end < oldest:
            self._first, self._count, end = oldest, 0, oldest
        for view in store.views(end, store.next):
            fresh = self._vectors_of(view["tokens"])
            if self._count + len(fresh) > len(self._vectors):
                self._make_room(oldest, fresh)
            self._vectors[self._count : self._count + len(fresh)] = fresh
            self._count += len(fresh)

    def _vectors_of(
        self,
        tokens: Tokens,
    ) -> Floats:
        if np.array_equal(tokens, self._asked):
            return self._asked_vectors
        return whole_vectors(tokens)

    def _make_room(
        self,
        oldest: int,
        fresh: Floats,
    ) -> None:
        """Let go of the vectors before slot `oldest`; there is room for as many more then, and for the fresh ones."""
        kept = self._vectors[oldest - self._first : self._count]
        # At first nothing is kept, and of no width.
        kept = kept.reshape(-1, fresh.shape[1])
        room = 2 * len(kept) + len(fresh)
        self._vectors = np.zeros((room, fresh.shape[1]), np.float32)
        self._vectors[: len(kept)] = kept
        self._first, self._count = oldest, len(kept)


def _nearest(
    queries: Floats,
    first: int,
    blocks: Iterable[tuple[int, Floats]],
    *,
    like: float,
    count: int,
) -> list[list[int]]:
    """For each of the queries, of which the first will be in slot `first`, at most `count` slots of vectors that are at
    least `like` it, most first: of the queries before it, and of (slot of the first, vectors) blocks."""
    # Those of the batch come first, so that of equal ones they stay first, whatever the window holds.
    own = np.triu(queries @ queries.T, 1)
    found = [_alike(own, first, like, count)]
    for start, vectors in blocks:
        # The long side first: for two queries the other way round takes four times as long.
        cosines = vectors @ queries.T
        found.append(_alike(cosines, start, like, count))
    query, slot, cosine = (
        np.concatenate(column) for column in zip(*found, strict=True)
    )
    order = np.lexsort((-cosine, query))
    edges = np.searchsorted(query[order], np.arange(len(queries) + 1)).tolist()
    slots = slot[order].tolist()
    return [slots[start : min(end, start + count)] for start, end in pairwise(edges)]


def _alike(
    cosines: Floats,
    first: int,
    like: float,
    count: int,
) -> tuple[Slots, Slots, Floats]:
    """(query, slot, cosine) of the (slots, queries) numbers that are at least `like`, the slots counted from `first`:
    of each query the greatest `count` are among them."""
    # Where thirty in a thousand are alike the few that are likest need not be sorted out of them all.
    least = np.maximum(_nearly_greatest(cosines, count), np.float32(like))
    # At once, since `nonzero` of two axes takes several times as long.
    alike = np.flatnonzero(cosines >= least)
    place, query = np.divmod(alike, cosines.shape[1])
    return query, place + first, cosines[place, query]


def _nearly_greatest(
    cosines: Floats,
    count: int,
) -> Floats:
    """(queries,) numbers of which each is at most the `count`-th greatest of its column, and nearly that as a rule: the
    `count`-th greatest of those that are the greatest of one of `GROUPS` parts of it."""
    slots, queries = cosines.shape
    in_each = slots // GROUPS
    if not in_each:
        return np.zeros(queries, np.float32)
    parts = cosines[: in_each * GROUPS].reshape(in_each, GROUPS, queries)
    greatest = parts.max(0)
    place = GROUPS - count
    found: Floats = np.partition(greatest, place, axis=0)[place]
    return found


def _unit(rows: Rows) -> NDArray[np.float32]:
    """Vectors of title and lead together, of length 1; unknown ones stay 0."""
    vectors = meanings(rows)
    titles = vectors[:, 0]
    leads = vectors[:, 1]
    both = titles + LEAD * leads
    lengths = np.sqrt(np.einsum("ij,ij->i", both, both))
    both /= np.maximum(lengths, np.float32(1e-6))[:, None]
    return both
