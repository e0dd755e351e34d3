"""Postings in time order: for each key, the slots that carry it, newest first, in arrays without a Python object each.

A posting is one of `width` places of a slot. It holds its key and the distance back to the posting before it in the
same bucket, so that reading a key is a walk back through time that ends at the oldest live slot. Nothing is deleted:
dead postings are never reached, and their blocks are dropped whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BUCKET_BITS = 22
"""4 million buckets: 32 MB once full, about six postings in each at a million slots."""
_MASK = (1 << BUCKET_BITS) - 1
_BLOCK_SLOTS = 1 << 13
_COLLISIONS = 3
"""How many times the wanted number of postings are walked before giving up on a crowded bucket."""


class Chains:
    """See the module. Keys are numbers from 1 to 2**32 - 1; 0 means no posting in that place."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._span = width * _BLOCK_SLOTS
        self._heads = np.zeros(1 << BUCKET_BITS, np.uint64).data
        self._blocks: dict[int, tuple[memoryview, memoryview]] = {}

    def push(self, slot: int, keys: Sequence[int]) -> None:
        """Post `slot` under each of its keys; slots come in rising order."""
        block, at = divmod(slot * self._width, self._span)
        found = self._blocks.get(block)
        if found is None:
            found = np.zeros(self._span, np.uint32).data, np.zeros(self._span, np.uint32).data
            self._blocks[block] = found
        links, names = found
        heads = self._heads
        posting = slot * self._width + 1
        for i, key in enumerate(keys):
            names[at + i] = key
            if key:
                head = heads[key & _MASK]
                distance = posting + i - head
                links[at + i] = distance if head and distance <= 0xFFFFFFFF else 0
                heads[key & _MASK] = posting + i

    def pop(self, slot: int) -> None:
        """Undo the push of the newest slot."""
        block, at = divmod(slot * self._width, self._span)
        links, names = self._blocks[block]
        posting = slot * self._width + 1
        for i in reversed(range(self._width)):
            if names[at + i]:
                distance = links[at + i]
                self._heads[names[at + i] & _MASK] = posting + i - distance if distance else 0
                names[at + i] = links[at + i] = 0

    def slots(self, key: int, *, oldest: int, limit: int) -> list[int]:
        """At most `limit` slots posted under `key`, newest first, none before `oldest`."""
        posting = self._heads[key & _MASK]
        least, steps, width, span = oldest * self._width, limit * _COLLISIONS, self._width, self._span
        found: list[int] = []
        blocks = self._blocks
        while posting > least and steps:
            block, at = divmod(posting - 1, span)
            links, names = blocks[block]
            if names[at] == key:
                found.append((posting - 1) // width)
                if len(found) == limit:
                    break
            distance = links[at]
            if not distance:
                break
            posting -= distance
            steps -= 1
        return found

    def drop_before(self, slot: int) -> None:
        """Free the blocks in which every slot is before `slot`."""
        block = slot // _BLOCK_SLOTS - 1
        while self._blocks.pop(block, None) is not None:
            block -= 1
