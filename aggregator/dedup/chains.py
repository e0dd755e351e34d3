"""Exact look-ups in time order: for each key, the slots that carry it, newest first, without a Python object each.

A posting is one of `width` places of a slot. It holds its key and the distance back to the posting before it in the
same bucket, so that reading a key is a walk back through time that ends at the oldest live slot. Nothing is deleted:
dead postings are never reached, and their blocks are dropped whole. Buckets are doubled by giving each half the newest
posting of the whole, from where both walk back through what was posted before: that loses nothing and needs no keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

LEAST_BITS = 14
MOST_BITS = 21
"""2 million buckets: 16 MB once full, about one posting and a half in each at a million slots."""
_BLOCK_SLOTS = 1 << 13


class Chains:
    """See the module. Keys are numbers from 1 to 2**32 - 1; 0 means no posting in that place."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._span = width * _BLOCK_SLOTS
        self._heads = np.zeros(1 << LEAST_BITS, np.uint64).data
        self._mask = (1 << LEAST_BITS) - 1
        self._blocks: dict[int, tuple[memoryview, memoryview]] = {}

    def push(
        self,
        slot: int,
        keys: Sequence[int],
    ) -> None:
        """Post `slot` under each of its keys; slots come in rising order."""
        first = slot * self._width
        block, at = divmod(first, self._span)
        links, names = self._block(block)
        heads = self._heads
        mask = self._mask
        for i, key in enumerate(keys):
            names[at + i] = key
            if not key:
                continue
            bucket = key & mask
            # Numbered from 1: a head of 0 says that the bucket is empty.
            posting = first + 1 + i
            head = heads[bucket]
            distance = posting - head
            # Further back than 32 bits reach, the chain ends: such slots left the window long ago.
            links[at + i] = distance if head and distance <= 0xFFFFFFFF else 0
            heads[bucket] = posting

    def _block(self, number: int) -> tuple[memoryview, memoryview]:
        """Distances and keys of a block. As memory views: an array takes twice as long for one number."""
        block = self._blocks.get(number)
        if block is None:
            links = np.zeros(
                self._span,
                np.uint32,
            )
            names = np.zeros_like(links)
            block = links.data, names.data
            self._blocks[number] = block
            postings = len(self._blocks) * self._span
            self._grow(postings)
        return block

    def _grow(self, postings: int) -> None:
        """Have a bucket for each of so many postings, as far as `MOST_BITS` go."""
        most = 1 << MOST_BITS
        wanted = min(postings, most)
        while len(self._heads) < wanted:
            # Buckets are numbered by the last bits of a key, so the two halves of one stand as far apart as all are.
            heads = np.tile(self._heads, 2)
            self._heads = heads.data
            self._mask = len(heads) - 1

    def slots(
        self,
        key: int,
        *,
        oldest: int,
    ) -> Iterator[int]:
        """The slots posted under `key`, newest first, none before `oldest`."""
        posting = self._heads[key & self._mask]
        width = self._width
        span = self._span
        least = oldest * width
        while posting > least:
            block, at = divmod(posting - 1, span)
            links, names = self._blocks[block]
            # A bucket holds the postings of several keys.
            if names[at] == key:
                yield (posting - 1) // width
            distance = links[at]
            if not distance:
                return
            posting -= distance

    def drop_before(self, slot: int) -> None:
        """Free the blocks in which every slot is before `slot`."""
        block = slot // _BLOCK_SLOTS - 1
        while self._blocks.pop(block, None) is not None:
            block -= 1
