"""Where numbers stand among many: the same as a search of the array one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.dedup.positions import Positions

NUMBERS = st.integers(0, 2**32 - 1)


@given(st.lists(NUMBERS, unique=True), st.lists(NUMBERS))
def test_each_key_is_found_at_its_place_and_nothing_else_is(
    keys: list[int], asked: list[int]
) -> None:
    positions = Positions(np.array(keys, np.uint32))
    numbers = [*keys, *asked]
    found = positions.of(np.array(numbers, np.uint32)).tolist()
    places = {key: place for place, key in enumerate(keys)}
    assert found == [places.get(number, len(keys)) for number in numbers]


@pytest.mark.parametrize("step", [1, 1 << 12, 0x9E3779B1], ids=hex)
def test_keys_at_even_distances_are_found_too(step: int) -> None:
    # What a hash of one product may put into one place.
    keys = np.unique(np.arange(50_000, dtype=np.uint64) * step & 0xFFFFFFFF)
    positions = Positions(keys.astype(np.uint32))
    asked = np.stack([keys, keys + 1], 1).astype(np.uint32)
    found = positions.of(asked)
    assert found.shape == asked.shape
    assert (found[:, 0] == np.arange(len(keys))).all()
    known = np.isin(asked[:, 1], keys)
    assert ((found[:, 1] == positions.none) == ~known).all()
