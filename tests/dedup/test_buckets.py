"""Numbers by bucket stay what a plain dict would hold, however wide the table has to be made."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.dedup.buckets import BucketCounts, BucketSums
from aggregator.dedup.frequency import BUCKETS
from aggregator.dedup.learned import languages, prior

SIZE = 8
changes = st.lists(
    st.lists(
        # How often a bucket is named, up to more than a byte holds.
        st.tuples(st.integers(0, SIZE - 1), st.sampled_from((1, 2, 100, 255, 300))),
        max_size=4,
    ),
    max_size=8,
)


def named(change: list[tuple[int, int]]) -> np.ndarray:
    buckets = [bucket for bucket, times in change for _ in range(times)]
    return np.array(buckets, np.uint32)


def held(counts: BucketCounts | BucketSums) -> list[float]:
    return counts.of(np.arange(SIZE, dtype=np.uint32)).tolist()


@given(changes)
def test_counts_are_those_of_a_dict_and_all_is_taken_back(
    added: list[list[tuple[int, int]]],
) -> None:
    counts, plain = BucketCounts(SIZE), Counter[int]()
    for change in added:
        counts.add(named(change))
        plain.update(named(change).tolist())
        assert held(counts) == [plain[bucket] for bucket in range(SIZE)]
    for change in added:
        counts.discard(named(change))
        plain.subtract(named(change).tolist())
        assert held(counts) == [plain[bucket] for bucket in range(SIZE)]
    assert held(counts) == [0] * SIZE


@pytest.mark.parametrize("most", [0xFF, 0xFFFF])
def test_a_count_goes_beyond_what_its_bytes_hold(most: int) -> None:
    counts = BucketCounts(SIZE)
    counts.add(np.full(most, 3, np.uint32))
    assert held(counts)[3] == most
    counts.add(np.array([3, 5], np.uint32))
    assert held(counts) == [0, 0, 0, most + 1, 0, 1, 0, 0]


def test_counts_have_the_shape_they_are_asked_in() -> None:
    counts = BucketCounts(SIZE)
    counts.add(np.array([1, 1, 2], np.uint32))
    asked = np.array([[0, 1], [2, 1]], np.uint32)
    assert counts.of(asked).tolist() == [[0, 2], [1, 2]]
    assert counts.of(asked).dtype == np.float32


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.integers(0, SIZE - 1), st.floats(0, 1000, width=32, allow_nan=False)
            ),
            max_size=6,
        ),
        max_size=8,
    )
)
def test_sums_are_those_of_adding_one_by_one(
    added: list[list[tuple[int, float]]],
) -> None:
    """To the last bit: what a pair is worth must not depend on how its numbers are kept."""
    sums, plain = BucketSums(SIZE), np.zeros(SIZE, np.float32)
    for change in added:
        buckets = np.array([bucket for bucket, _ in change], np.uint32)
        amounts = np.array([amount for _, amount in change], np.float32)
        sums.add(buckets, amounts)
        for bucket, amount in change:
            plain[bucket] += np.float32(amount)
        assert held(sums) == plain.tolist()


def test_more_different_sums_than_a_byte_tells_apart() -> None:
    size = 1000
    sums = BucketSums(size)
    buckets = np.arange(size, dtype=np.uint32)
    amounts = np.sqrt(buckets.astype(np.float32))
    for start in range(0, size, 100):
        sums.add(buckets[start : start + 100], amounts[start : start + 100])
    assert sums.of(buckets).tolist() == amounts.tolist()


def test_the_shipped_priors_are_looked_up_to_the_last_bit() -> None:
    """Of all languages together, whose tokens share some buckets, as one table of floats would hold them."""
    sums, plain = BucketSums(BUCKETS), np.zeros(BUCKETS, np.float32)
    for lang in languages():
        tokens, shares = prior(lang)
        buckets = tokens >> np.uint32(32 - BUCKETS.bit_length() + 1)
        sums.add(buckets, shares)
        np.add.at(plain, buckets, shares)
    everywhere = np.arange(BUCKETS, dtype=np.uint32)
    assert np.array_equal(sums.of(everywhere), plain)
