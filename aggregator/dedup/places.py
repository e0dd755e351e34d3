"""Which tokens of a headline name a place, and whether two places can be one: Porto and Turin cannot, Paris and France
can.

Names are those of GeoNames' cities (https://www.geonames.org, CC BY 4.0), of the CLDR's territories and of the states
and provinces in tests/bench/places.py, which makes the table: of each name only the hash of its one or two tokens is
kept. A place is the number of a country, of a region within it (0: the whole country) and of a city within that (0: the
whole region).
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from aggregator.dedup import learned

REGION_BITS, CITY_BITS = 8, 12
_REGION = (1 << REGION_BITS) - 1
_CITY = (1 << CITY_BITS) - 1


def pair_key(first: int, second: int) -> int:
    """The key of a name of two tokens."""
    return (first * 0x9E3779B1 + second) & 0xFFFFFFFF


@cache
def _places() -> dict[int, int]:
    return learned.places()


class Named(NamedTuple):
    """A place, and the index of the first token of its name."""

    at: int
    place: int


@lru_cache(maxsize=8192)
def places_in(packed: bytes) -> list[Named]:
    """The places that tokens name, in their order; of a name of two tokens not those of each.

    The tokens are packed as little-endian numbers of 32 bits, and end at a 0 or with the bytes. Kept for some while,
    since a report is compared with many.
    """
    known = _places()
    tokens = np.frombuffer(packed, "<u4").tolist()
    named: list[Named] = []
    at = 0
    while at < len(tokens) and tokens[at]:
        length = 2
        place = None
        if at + 1 < len(tokens):
            place = known.get(pair_key(tokens[at], tokens[at + 1]))
        # York is no place in "New York".
        if place is None:
            length = 1
            place = known.get(tokens[at])
        if place is not None:
            named.append(Named(at, place))
        at += length
    return named


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
