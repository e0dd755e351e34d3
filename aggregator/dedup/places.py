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


def pair_key(
    first: int,
    second: int,
) -> int:
    """The key of a name of two tokens."""
    return (first * _MIX + second) & 0xFFFFFFFF


@cache
def _known() -> tuple[Positions, Numbers]:
    """Where each name's hash stands, and the place of each, `_NOWHERE` behind the last one."""
    keys, places = learned.places()
    return Positions(keys), np.append(places, _NOWHERE)


class Places(NamedTuple):
    """Places that rows of tokens name, in their order: the row of each, the index of the first token of its name, and
    the place."""

    row: NDArray[np.intp]
    at: NDArray[np.intp]
    place: Numbers

    def split(
        self,
        count: int,
    ) -> tuple[Places, Places]:
        """Those of the first `count` rows, and those of the others, whose rows are counted from 0 again."""
        end = int(np.searchsorted(self.row, count))
        first = Places(
            self.row[:end],
            self.at[:end],
            self.place[:end],
        )
        others = Places(
            self.row[end:] - count,
            self.at[end:],
            self.place[end:],
        )
        return first, others


def places_in(tokens: Tokens) -> Places:
    """The places that the rows of (rows, columns) tokens name; of a name of two tokens not those of each. Behind the
    end of a row stand zeros."""
    of_one, of_two = _places_at(tokens)
    row, at = np.nonzero(np.maximum(of_one, of_two) >= 0)
    longer = of_two[row, at]
    place = np.where(longer >= 0, longer, of_one[row, at])
    # York is no place in "New York".
    is_same_row = row[1:] == row[:-1]
    is_next = is_same_row & (at[1:] == at[:-1] + 1)
    doubtful = np.flatnonzero(is_next & (longer[:-1] >= 0)) + 1
    if not len(doubtful):
        return Places(row, at, place)
    is_free = np.ones(len(row), bool)
    # In their order, since a name that is passed over holds no other.
    for number in doubtful.tolist():
        is_free[number] = not is_free[number - 1]
    return Places(
        row[is_free],
        at[is_free],
        place[is_free],
    )


def crossed(
    one: Places,
    other: Places,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The indices of each place of `one` beside each place of `other` that the same row names, in the order of
    `one`."""
    first = np.searchsorted(other.row, one.row)
    counts = np.searchsorted(other.row, one.row, side="right") - first
    ends = np.cumsum(counts)
    mine = np.repeat(np.arange(len(counts)), counts)
    theirs = np.arange(len(mine)) + np.repeat(first - ends + counts, counts)
    return mine, theirs


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


TWO_COUNTRIES = 3
"""The distance of places that no country holds both of."""


def distance(
    one: Numbers,
    other: Numbers,
) -> Numbers:
    """0 for places of which one holds the other; 1 for two cities of a region, 2 for two regions, else
    `TWO_COUNTRIES`."""
    region, other_region = one >> CITY_BITS, other >> CITY_BITS
    country, other_country = region >> REGION_BITS, other_region >> REGION_BITS
    # A whole region holds its cities, else they are two of them.
    are_cities = (one & _CITY > 0) & (other & _CITY > 0) & (one != other)
    in_country = np.where(region == other_region, are_cities, np.int32(2))
    # A whole country holds the place in it.
    is_whole = (region & _REGION == 0) | (other_region & _REGION == 0)
    in_country[is_whole] = 0
    return np.where(country == other_country, in_country, np.int32(TWO_COUNTRIES))


def is_exact(
    one: Numbers,
    other: Numbers,
) -> NDArray[np.bool_]:
    """Whether two places are one region or city."""
    exact: NDArray[np.bool_] = (one == other) & (one >> CITY_BITS & _REGION > 0)
    return exact
