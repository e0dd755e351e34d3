"""Numbers by bucket, in as few bytes as their size needs: tables of millions of buckets are most of what an idle
daemon holds.

A table starts with a byte a bucket and is made wider when a number has no more room. Buckets are named as often as
their number is to change: sorted first, they are changed in a third of the time that `numpy.add.at` takes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Buckets = NDArray[np.uint32]
Floats = NDArray[np.float32]


class BucketCounts:
    """Whole numbers, 0 at first and never below."""

    def __init__(self, size: int) -> None:
        self._counts: NDArray[np.unsignedinteger] = np.zeros(size, np.uint8)

    def of(self, buckets: Buckets) -> Floats:
        """The count of each bucket, in an array of the same shape."""
        counts = self._counts.take(buckets)
        return counts.astype(np.float32)

    def add(self, buckets: Buckets) -> None:
        """Count each of (any,) buckets once more, as often as it is named."""
        named, times = np.unique(
            buckets,
            return_counts=True,
        )
        counts = self._counts[named] + times
        self._make_room(counts)
        self._counts[named] = counts

    def discard(self, buckets: Buckets) -> None:
        """Take back what was added; a table stays as wide as it is."""
        named, times = np.unique(
            buckets,
            return_counts=True,
        )
        counts = self._counts[named] - times
        self._counts[named] = counts

    def _make_room(self, counts: NDArray[np.int64]) -> None:
        """Let the table be wide enough for `counts`."""
        highest = int(counts.max(initial=0))
        limits = np.iinfo(self._counts.dtype)
        if highest > limits.max:
            wider = np.min_scalar_type(highest)
            self._counts = self._counts.astype(wider)


class BucketSums:
    """Sums of which few differ, 0 at first: of each bucket is kept where its sum stands among the different ones."""

    def __init__(self, size: int) -> None:
        self._sums = np.zeros(1, np.float32)
        """The different sums, in rising order."""
        self._places: NDArray[np.unsignedinteger] = np.zeros(size, np.uint8)

    def of(self, buckets: Buckets) -> Floats:
        """The sum of each bucket, in an array of the same shape."""
        places = self._places.take(buckets)
        return self._sums.take(places)

    def add(
        self,
        buckets: Buckets,
        amounts: Floats,
    ) -> None:
        """Add to each of (any,) buckets its amount, from 0 up; those of one bucket in the order given."""
        named = np.unique(buckets)
        which = np.searchsorted(named, buckets)
        sums = self.of(named)
        np.add.at(
            sums,
            which,
            amounts,
        )
        self._make_room(sums)
        places = np.searchsorted(self._sums, sums)
        self._places[named] = places

    def _make_room(self, fresh: Floats) -> None:
        """Let `fresh` sums be among the different ones."""
        sums = np.union1d(self._sums, fresh)
        if len(sums) == len(self._sums):
            return
        moved = np.searchsorted(sums, self._sums)
        highest = len(sums) - 1
        narrowest = np.min_scalar_type(highest)
        moved = moved.astype(narrowest)
        self._places = moved[self._places]
        self._sums = sums
