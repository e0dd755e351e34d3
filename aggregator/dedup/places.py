"""Which tokens of a headline name a place, and whether two places can be one: Porto and Turin cannot, Paris and France
can.

Names are those of GeoNames' cities (https://www.geonames.org, CC BY 4.0), of the CLDR's territories and of the states
and provinces in tests/bench/places.py, which makes the table: of each name only the hash of its one or two tokens is
kept. A place is the number of a country, of a region within it (0: the whole country) and of a city within that (0: the
whole region).
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aggregator.dedup import learned
from aggregator.dedup.positions import Positions

Tokens = NDArray[np.uint32]
Numbers = NDArray[np.int32]

REGION_BITS, CITY_BITS = 8, 12
_REGION = (1 << REGION_BITS) - 1
_CITY = (1 << CITY_BITS) - 1


_NOWHERE = np.int32(-1)
"""The place of what names none."""
_MIX = 0x9E3779B1


def pair_key(first: int, second: int) -> int:
    """The key of a name of two tokens."""
    return (first * _MIX + second) & 0xFFFFFFFF


@cache
def _known() -> tuple[Positions, Numbers]:
    """Where each name's hash stands, and the place of each, `_NOWHERE` behind the last one."""
    keys, places = learned.places()
    return Positions(keys), np.append(places, _NOWHERE)


class Named(NamedTuple):
    """A place, and the index of the first token of its name."""

    at: int
    place: int


def places_in(tokens: Tokens) -> list[list[Named]]:
    """The places that each row of (rows, columns) tokens names, in their order; of a name of two tokens not those of
    each. Behind the end of a row stand zeros."""
    of_one, of_two = _places_at(tokens)
    named: list[list[Named]] = [[] for _ in range(len(tokens))]
    rows, columns = np.nonzero(np.maximum(of_one, of_two) >= 0)
    found = (
        rows.tolist(),
        columns.tolist(),
        of_one[rows, columns].tolist(),
        of_two[rows, columns].tolist(),
    )
    before, free = -1, 0
    for row, at, place, longer in zip(*found, strict=True):
        if row != before:
            before, free = row, 0
        # York is no place in "New York".
        if at < free:
            continue
        free = at + 1
        if longer >= 0:
            place = longer
            free = at + 2
        named[row].append(Named(at, place))
    return named


def _places_at(tokens: Tokens) -> tuple[Numbers, Numbers]:
    """The place that each token is the name of, and that it names with the one behind it; `_NOWHERE`: none."""
    known, places = _known()
    behind = np.zeros_like(tokens)
    behind[:, :-1] = tokens[:, 1:]
    pairs = tokens * np.uint32(_MIX) + behind
    # Looked up together: for few titles each look-up costs as much as for many.
    of_one, of_two = places.take(known.of(np.stack([tokens, pairs])))
    of_one[tokens == 0] = _NOWHERE
    of_two[behind == 0] = _NOWHERE
    return of_one, of_two


def distance(one: int, other: int) -> int:
    """0 for places of which one holds the other; 1 for two cities of a region, 2 for two regions, 3 for two
    countries."""
    if one == other:
        return 0
    region, other_region = one >> CITY_BITS, other >> CITY_BITS
    if region >> REGION_BITS != other_region >> REGION_BITS:
        return 3
    # A whole country holds the place in it.
    if not region & _REGION or not other_region & _REGION:
        return 0
    if region != other_region:
        return 2
    # A whole region holds its cities, else they are two of them.
    are_cities = one & _CITY and other & _CITY
    return 1 if are_cities else 0


def is_exact(one: int, other: int) -> bool:
    """Whether two places are one region or city."""
    return one == other and one >> CITY_BITS & _REGION > 0
