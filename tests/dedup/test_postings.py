from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aggregator.dedup.postings import DEPTH, REACH, Postings

KEYS = [0x00000001, 0x00000002, 0x12345678, 0x12345679, 0xFFFFFFFF, 0xABCDEF00]
rows = st.lists(
    st.lists(st.sampled_from([0, *KEYS]), min_size=3, max_size=3, unique=True),
    max_size=60,
)


def recent(postings: Postings, key: int, *, next_slot: int, live: int) -> set[int]:
    slots, there = postings.recent(
        np.array([[key]], np.uint32), next_slot=next_slot, live=live
    )
    return set(slots[there].tolist())


@given(rows, st.integers(1, 20), st.integers(0, 80))
def test_the_newest_live_reports_of_a_key_are_found(
    posted: list[list[int]], batch: int, live: int
) -> None:
    """All of them, while their bucket is not full; and no others."""
    postings, first, live = Postings(), 1, min(live, len(posted))
    for start in range(0, len(posted), batch):
        some = posted[start : start + batch]
        postings.grow(3 * (start + len(some)))
        postings.post(np.array(some, np.uint32), first_slot=first + start)
    end = first + len(posted)
    for key in KEYS:
        held = [
            slot
            for slot, keys in enumerate(posted, first)
            if key in keys and slot >= end - live
        ]
        found = recent(postings, key, next_slot=end, live=live)
        assert found <= set(held)
        bucket = [
            slot
            for slot, keys in enumerate(posted, first)
            for k in keys
            if k and k >> 20 == key >> 20
        ]
        if len(bucket) <= DEPTH:
            assert found == set(held)


def test_what_is_pushed_out_is_the_oldest() -> None:
    postings = Postings()
    postings.post(np.full((40, 1), 7, np.uint32), first_slot=1)
    assert recent(postings, 7, next_slot=41, live=40) == set(range(25, 41))


def test_growing_loses_nothing() -> None:
    postings = Postings()
    keys = np.arange(1 << 20, (1 << 20) + 30_000, dtype=np.uint32)[:, None] * np.uint32(
        2_654_435_761
    )
    for start in range(0, len(keys), 1000):
        postings.grow(start + 1000)
        postings.post(keys[start : start + 1000], first_slot=1 + start)
    slots, there = postings.recent(keys, next_slot=30_001, live=30_000)
    found = [
        own in set(row[held].tolist())
        for own, row, held in zip(
            range(1, 30_001), slots[:, 0], there[:, 0], strict=True
        )
    ]
    assert sum(found) >= 0.999 * len(found)


def test_slots_beyond_24_bits_are_told_by_their_distance() -> None:
    postings, far = Postings(), 5 * (REACH + 1) + 3
    postings.post(np.array([[9]], np.uint32), first_slot=far)
    assert recent(postings, 9, next_slot=far + 1, live=REACH) == {far}
    assert recent(postings, 9, next_slot=far + 10, live=9) == set()
