"""One source's headline filled in anew: "Corvus reports Q2 results" after "Halden reports Q2 results".

Two headlines alone do not show it: a source that writes "Brand in Berliner Hochhaus" after "Feuer in Berliner Hochhaus"
retells one event. But a source that has filled the same words with something else twice before has a template, and
what fills it now is another event. So a template is known from the stream itself, by its third headline.

In a sample of ../shared/corpus/polls, fifteen outlets over some days, every headline that this speaks of is of a series
("Your Daily Horoscope for Friday, August 21", "PAUL THOMAS on... record GCSE results"), while a lone pair is an update
as often as not ("Electoral College voting is underway | begins across the US").
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aggregator.dedup.features import INDEX, Bools, Floats
from aggregator.dedup.fingerprint import TITLE_TOKENS
from aggregator.dedup.rows import Rows

LEAST_KEPT = 2
"""Tokens that a template has at least."""
MOST_KEPT = 16
"""Tokens that it has at most: two long titles with one other word are one title edited (both are guesses)."""


class Refill(NamedTuple):
    """A headline of the same source that differs in one run of tokens, seen from the entry's.

    `start` and `end` are how many tokens the two begin and end with alike, `filler` is a hash of what the other has in
    between, `longest` the number of tokens there in the longer of the two.
    """

    start: int
    end: int
    filler: int
    longest: int


def refills(table: Floats, query: Rows, others: Rows) -> list[tuple[int, Refill]]:
    """(row of the table, what it is) of the pairs of one source's headlines that differ in one run of tokens alone.

    `table` holds the features of the pairs of rows of `query` and `others`. Pairs that differ in digits alone, or have
    one body, are none: counts of one event rise (`features.is_recurring` judges those).
    """
    likely = (
        (table[:, INDEX["same_site"]] == 1)
        & (table[:, INDEX["same_shape"]] == 0)
        & (table[:, INDEX["shingles_shared"]] < 0.5)
        & (table[:, INDEX["shared_title_weight"]] > 0)
    )
    some = np.flatnonzero(likely)
    if not len(some):
        return []
    mine, theirs = query[some], others[some]
    own, count = (side["title_count"].astype(np.intp) for side in (mine, theirs))
    one, other = (np.ascontiguousarray(side["tokens"][:, :TITLE_TOKENS]) for side in (mine, theirs))
    least = np.minimum(own, count)
    start = np.minimum(_alike(one, other), least)
    end = np.minimum(_alike(_backwards(one, own), _backwards(other, count)), least - start)
    longest = np.maximum(own, count) - start - end
    column = np.arange(TITLE_TOKENS)
    between = (column >= start[:, None]) & (column < (count - end)[:, None])
    filler = np.where(between, other, np.uint32(0)).sum(1, dtype=np.uint64)
    kept = start + end
    is_one = (own > kept) & (count > kept) & (kept >= np.maximum(longest, LEAST_KEPT)) & (kept <= MOST_KEPT)
    found = (array[is_one].tolist() for array in (some, start, end, filler, longest))
    return [(row, Refill(*rest)) for row, *rest in zip(*found, strict=True)]


def of_a_series(found: Sequence[tuple[int, Refill]]) -> set[int]:
    """The slots, of those given with their refills, whose headlines are of one template with the entry's: there are two
    of them, filled differently, that share enough with it in the same place."""
    series: set[int] = set()
    for (slot, a), (slot2, b) in combinations(found, 2):
        if a.filler != b.filler and min(a.start, b.start) + min(a.end, b.end) >= max(LEAST_KEPT, a.longest, b.longest):
            series |= {slot, slot2}
    return series


def _alike(one: NDArray[np.uint32], other: NDArray[np.uint32]) -> NDArray[np.intp]:
    """How many tokens from the first on each row of `one` has in common with that of `other`."""
    differs: Bools = np.column_stack([one != other, np.ones(len(one), bool)])
    first: NDArray[np.intp] = differs.argmax(1)
    return first


def _backwards(tokens: NDArray[np.uint32], count: NDArray[np.intp]) -> NDArray[np.uint32]:
    """The `count` tokens of each row, last first, then zeros."""
    column = count[:, None] - 1 - np.arange(TITLE_TOKENS)
    return np.where(column >= 0, np.take_along_axis(tokens, np.maximum(column, 0), 1), np.uint32(0))
