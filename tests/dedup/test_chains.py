"""Exact look-ups find what a plain dict of lists would, however often the buckets were doubled."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest

from aggregator.dedup.chains import _BLOCK_SLOTS, LEAST_BITS, MOST_BITS, Chains

WIDTH = 3


def keys_of(chance: random.Random, among: list[int]) -> list[int]:
    return [chance.choice(among) for _ in range(WIDTH)]


@pytest.mark.parametrize("seed", range(3))
def test_the_slots_of_a_key_are_found_newest_first_across_doublings(seed: int) -> None:
    """Five blocks, so that buckets are doubled several times; keys that differ in few bits share them at first."""
    chance = random.Random(seed)
    among = [0, *(chance.getrandbits(32) | 1 for _ in range(4000))]
    # These share all bits that number a bucket at first, and part with each doubling.
    among += [1 | 1 << bit for bit in range(LEAST_BITS, 32)]
    chains, plain = Chains(WIDTH), defaultdict[int, list[int]](list)
    end = 5 * _BLOCK_SLOTS
    oldest = 1
    for slot in range(1, end):
        keys = keys_of(chance, among)
        chains.push(slot, keys)
        for key in keys:
            plain[key].append(slot)
        if slot % 9000 == 0:
            oldest = slot - 12_000 if slot > 12_000 else 1
            chains.drop_before(oldest)
    for key in among[1:]:
        live = [slot for slot in reversed(plain[key]) if slot >= oldest]
        assert list(chains.slots(key, oldest=oldest)) == live
    assert 1 << LEAST_BITS < len(chains._heads) <= 1 << MOST_BITS


def test_a_key_that_was_never_posted_is_not_found() -> None:
    chains = Chains(WIDTH)
    chains.push(1, [1, 0, 2])
    assert list(chains.slots(3, oldest=1)) == []
    assert list(chains.slots(1, oldest=1)) == [1]
    assert list(chains.slots(1, oldest=2)) == []
