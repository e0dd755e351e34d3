"""Who lately reported a word: for each key the newest reports that carry it, in one array without Python objects.

A key's postings stand in a bucket of `DEPTH` places, written round and round: what is pushed out is the oldest of the
bucket. A posting is 24 bits of the report's slot and 8 bits of the key, so that a bucket shared by several keys
answers for each with its own (one posting in 256 of another key is let through; features tell it apart). There are
enough buckets for each to be about half full; they are doubled by writing every bucket twice, which loses nothing and
needs no keys. Reading a key costs one line of memory, in a window of any size, and nothing is ever deleted: a slot
that left the window is known by its number.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aggregator.dedup.runs import run_lengths, run_starts

Keys = NDArray[np.uint32]
Slots = NDArray[np.int64]

DEPTH = 16
LEAST_BITS = 12
MOST_BITS = 24
"""Keys give 24 bits to the bucket and 8 to the posting."""
FULL = DEPTH // 2
"""Postings of live reports for a bucket above which the buckets are doubled."""
REACH = (1 << 24) - 1
"""Reports further back than this are not found: a posting has 24 bits for its slot."""
_TAG_BITS = np.uint32(8)
_TAG = np.uint32(0xFF)
"""The bits of a key that stand in its postings."""


class Postings:
    """See the module. Keys are numbers from 1 to 2**32 - 1; 0 means no key."""

    def __init__(self) -> None:
        self._bits = LEAST_BITS
        self._places = np.zeros((1 << LEAST_BITS, DEPTH), np.uint32)
        self._next = np.zeros(1 << LEAST_BITS, np.uint8)

    def grow(self, live: int) -> None:
        """Make room for `live` postings of reports in the window."""
        while live > FULL << self._bits and self._bits < MOST_BITS:
            # Buckets are numbered by the first bits of a key, so the two halves of one stand side by side.
            self._bits += 1
            self._places = np.repeat(self._places, 2, axis=0)
            self._next = np.repeat(self._next, 2)

    def recent(
        self,
        keys: Keys,
        *,
        next_slot: int,
        live: int,
    ) -> tuple[Slots, NDArray[np.bool_]]:
        """(…, DEPTH) slots of the newest reports posted under each of (…) keys, and which of them are any.

        `next_slot` is the slot the next report will get, `live` how many before it are in the window.
        """
        postings = self._places[self._buckets(keys)]
        # Slots are numbered for ever and kept modulo 2**24: the distance back tells which is meant.
        newest = np.uint32(next_slot & REACH)
        age = (newest - (postings >> _TAG_BITS)) & np.uint32(REACH)
        oldest = np.uint32(min(live, REACH))
        is_own = (postings & _TAG) == (keys & _TAG)[..., None]
        is_live = (age > 0) & (age <= oldest)
        is_key = (keys > 0)[..., None]
        return next_slot - age.astype(np.int64), is_own & is_live & is_key

    def post(
        self,
        keys: Keys,
        *,
        first_slot: int,
    ) -> None:
        """Post report `first_slot + i` under each key of row i of (reports, keys)."""
        row, column = np.nonzero(keys)
        if not len(row):
            return
        chosen = keys[row, column]
        slots = np.uint32(first_slot & REACH) + row.astype(np.uint32)
        postings = slots << _TAG_BITS | chosen & _TAG
        buckets = self._buckets(chosen)
        # Stable, since in a bucket the newest is to push out the oldest.
        order = np.argsort(buckets, kind="stable")
        self._write(buckets[order], postings[order])

    def _write(
        self,
        buckets: Keys,
        postings: Keys,
    ) -> None:
        """Write postings into their buckets, which come in rising order, each bucket's oldest posting first."""
        starts = run_starts(buckets)
        lengths = run_lengths(starts, len(buckets))
        turn = np.arange(len(buckets)) - np.repeat(starts, lengths)
        left = np.repeat(lengths, lengths) - turn
        place = (self._next[buckets] + turn.astype(np.uint32)) % DEPTH
        # Of more than a bucket holds only the newest are written: NumPy promises no order of writes to one place.
        lasting = left <= DEPTH
        self._places[buckets[lasting], place[lasting]] = postings[lasting]
        written = buckets[starts]
        self._next[written] = (self._next[written] + lengths) % DEPTH

    def _buckets(self, keys: Keys) -> Keys:
        buckets: Keys = keys >> np.uint32(32 - self._bits)
        return buckets
