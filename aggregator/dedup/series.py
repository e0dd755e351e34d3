"""One source's headline filled in anew: "Corvus reports Q2 results" after "Halden reports Q2 results".

Two headlines alone do not show it: a source that writes "Brand in Berliner Hochhaus" after "Feuer in Berliner Hochhaus"
retells one event. But a source that has filled the same words with something else twice before has a template, and
what fills it now is another event. So a template is known from the stream itself, by its third headline. A source also
tells one event on, "kills four", "kills six", "kills nine": so the two before must be of two events, or half a day old,
or what fills it now must be a word unheard of, as names are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aggregator.dedup.features import INDEX, RECURS_AFTER, Bools, Floats
from aggregator.dedup.fingerprint import TITLE_TOKENS
from aggregator.dedup.frequency import Frequency, lang_hash
from aggregator.dedup.rows import Rows

LEAST_KEPT = 2
"""Tokens that a template has at least."""
MOST_KEPT = 16
"""Tokens that it has at most: two long titles with one other word are one title edited (both are guesses)."""
UNHEARD = 9.0
"""Rarity from which on a word is unheard of, as names are: one report in 8,000 (a guess); the prior's are below 8."""
_BY_BIGRAMS = np.array(
    [lang_hash(lang) for lang in ("zh", "yue", "ja", "th", "lo", "km", "my")]
)
"""Languages in which a filling has some unheard-of token nearly always, and a name nothing else."""


class Refill(NamedTuple):
    """A headline of the same source that differs in one run of tokens, seen from the entry's.

    `start` and `end` are how many tokens the two begin and end with alike, `filler` is a hash of what the other has in
    between, `longest` the number of tokens there in the longer of the two. `is_other` says that the entry does not tell
    the other's event on: it is half a day later, or filled with an unheard-of word.
    """

    start: int
    end: int
    filler: int
    longest: int
    is_other: bool


def refills(
    table: Floats, query: Rows, others: Rows, frequency: Frequency
) -> list[tuple[int, Refill]]:
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
    one, other = (
        np.ascontiguousarray(side["tokens"][:, :TITLE_TOKENS])
        for side in (mine, theirs)
    )
    least = np.minimum(own, count)
    start = np.minimum(_alike(one, other), least)
    end = np.minimum(
        _alike(_backwards(one, own), _backwards(other, count)), least - start
    )
    kept, longest = start + end, np.maximum(own, count) - start - end
    is_one = (
        (own > kept)
        & (count > kept)
        & (kept >= np.maximum(longest, LEAST_KEPT))
        & (kept <= MOST_KEPT)
    )
    column = np.arange(TITLE_TOKENS)
    within, within_other = (
        (column >= start[:, None]) & (column < (length - end)[:, None])
        for length in (own, count)
    )
    filler = np.where(within_other, other, np.uint32(0)).sum(1, dtype=np.uint64)
    rarity = frequency.rarity(one, mine["lang"])
    rarest, commonest = (
        (rarity * within).max(1),
        np.where(within, rarity, np.inf).min(1),
    )
    is_unheard = (
        np.where(np.isin(mine["lang"], _BY_BIGRAMS), commonest, rarest) >= UNHEARD
    )
    is_other = is_unheard | (table[some, INDEX["hours_apart"]] >= RECURS_AFTER)
    found = (
        array[is_one].tolist()
        for array in (some, start, end, filler, longest, is_other)
    )
    return [(row, Refill(*rest)) for row, *rest in zip(*found, strict=True)]


def of_a_series(
    found: Sequence[tuple[int, Refill]], event: Callable[[int], int]
) -> set[int]:
    """The slots, of those given with their refills, whose headlines are of one template with the entry's.

    There are two of them, filled differently, that share enough with it in the same place; and they are of two events,
    by the number that `event` gives for a slot, or the entry tells neither on.
    """
    series: set[int] = set()
    for (slot, a), (slot2, b) in combinations(found, 2):
        is_one_template = min(a.start, b.start) + min(a.end, b.end) >= max(
            LEAST_KEPT, a.longest, b.longest
        )
        are_two = (a.is_other and b.is_other) or event(slot) != event(slot2)
        if a.filler != b.filler and is_one_template and are_two:
            series |= {slot, slot2}
    return series


def _alike(one: NDArray[np.uint32], other: NDArray[np.uint32]) -> NDArray[np.intp]:
    """How many tokens from the first on each row of `one` has in common with that of `other`."""
    differs: Bools = np.column_stack([one != other, np.ones(len(one), bool)])
    first: NDArray[np.intp] = differs.argmax(1)
    return first


def _backwards(
    tokens: NDArray[np.uint32], count: NDArray[np.intp]
) -> NDArray[np.uint32]:
    """The `count` tokens of each row, last first, then zeros."""
    column = count[:, None] - 1 - np.arange(TITLE_TOKENS)
    return np.where(
        column >= 0, np.take_along_axis(tokens, np.maximum(column, 0), 1), np.uint32(0)
    )
