"""One source's headline filled in anew: "Corvus reports Q2 results" after "Halden reports Q2 results".

Two headlines alone do not show it: a source that writes "Brand in Berliner Hochhaus" after "Feuer in Berliner Hochhaus"
retells one event. But a source that has filled the same words with something else twice before has a template, and
what fills it now is another event. So a template is known from the stream itself, by its third headline. A source also
tells one event on, "kills four", "kills six", "kills nine": so the two before must be of two events, or half a day old,
or what fills it now must be a word unheard of, as names are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
_LANGUAGES_OF_BIGRAMS = ("zh", "yue", "ja", "th", "lo", "km", "my")
_BY_BIGRAMS = np.array([lang_hash(lang) for lang in _LANGUAGES_OF_BIGRAMS])
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
    table: Floats,
    query: Rows,
    others: Rows,
    frequency: Frequency,
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
    places = np.flatnonzero(likely)
    if not len(places):
        return []
    mine = query[places]
    own = _Titles.of(mine)
    other = _Titles.of(others[places])
    shorter = np.minimum(own.count, other.count)
    longer = np.maximum(own.count, other.count)
    start = np.minimum(_alike(own.tokens, other.tokens), shorter)
    # Not what the start has already: "day after day" begins and ends with one word.
    end = np.minimum(
        _alike(own.backwards(), other.backwards()),
        shorter - start,
    )
    template = start + end
    longest = longer - template
    # Both have something in between: where one has nothing, words were added or left out.
    is_filled = shorter > template
    is_one = template >= np.maximum(longest, LEAST_KEPT)
    is_refill = is_filled & is_one & (template <= MOST_KEPT)
    theirs = np.where(
        other.within(start, end),
        other.tokens,
        np.uint32(0),
    )
    filler = theirs.sum(1, dtype=np.uint64)
    is_unheard = _is_unheard(mine, own, own.within(start, end), frequency)
    is_later = table[places, INDEX["hours_apart"]] >= RECURS_AFTER
    columns = (places, start, end, filler, longest, is_unheard | is_later)
    chosen = [column[is_refill].tolist() for column in columns]
    return [(row, Refill(*rest)) for row, *rest in zip(*chosen, strict=True)]


@dataclass(frozen=True, slots=True)
class _Titles:
    """(rows, `TITLE_TOKENS`) tokens of titles, 0 behind their end, and how many each has."""

    tokens: NDArray[np.uint32]
    count: NDArray[np.intp]

    @classmethod
    def of(cls, rows: Rows) -> _Titles:
        tokens = np.ascontiguousarray(rows["tokens"][:, :TITLE_TOKENS])
        return cls(tokens, rows["title_count"].astype(np.intp))

    def within(
        self,
        start: NDArray[np.intp],
        end: NDArray[np.intp],
    ) -> Bools:
        """Which tokens stand between the first `start` and the last `end` of their row."""
        column = np.arange(TITLE_TOKENS)
        stop = self.count - end
        return (column >= start[:, None]) & (column < stop[:, None])

    def backwards(self) -> NDArray[np.uint32]:
        """The tokens of each row, last first, then zeros."""
        column = self.count[:, None] - 1 - np.arange(TITLE_TOKENS)
        turned = np.take_along_axis(
            self.tokens,
            np.maximum(column, 0),
            1,
        )
        return np.where(column >= 0, turned, np.uint32(0))


def _is_unheard(
    rows: Rows,
    titles: _Titles,
    filling: Bools,
    frequency: Frequency,
) -> Bools:
    """Whether what fills each title is unheard of: one of its words, or in scripts of bigrams all of them."""
    rarity = frequency.rarity(titles.tokens, rows["lang"])
    rarest = (rarity * filling).max(1)
    commonest = np.where(filling, rarity, np.inf).min(1)
    is_by_bigrams = np.isin(rows["lang"], _BY_BIGRAMS)
    unheard: Bools = np.where(is_by_bigrams, commonest, rarest) >= UNHEARD
    return unheard


def of_a_series(
    refilled: Sequence[tuple[int, Refill]],
    event: Callable[[int], int],
) -> set[int]:
    """The slots, of those given with their refills, whose headlines are of one template with the entry's.

    There are two of them, filled differently, that share enough with it in the same place; and they are of two events,
    by the number that `event` gives for a slot, or the entry tells neither on.
    """
    series: set[int] = set()
    for (slot, a), (slot2, b) in combinations(refilled, 2):
        # The same headline again is a retelling, not a third filling.
        if a.filler == b.filler or not _are_one_template(a, b):
            continue
        # A source that tells one event on ("kills four", "kills six") has no template.
        are_two = (a.is_other and b.is_other) or event(slot) != event(slot2)
        if are_two:
            series |= {slot, slot2}
    return series


def _are_one_template(a: Refill, b: Refill) -> bool:
    """Whether they share enough with the entry in the same place."""
    shared = min(a.start, b.start) + min(a.end, b.end)
    return shared >= max(LEAST_KEPT, a.longest, b.longest)


def _alike(
    one: NDArray[np.uint32],
    other: NDArray[np.uint32],
) -> NDArray[np.intp]:
    """How many tokens from the first on each row of `one` has in common with that of `other`."""
    differs: Bools = np.column_stack(
        [
            one != other,
            np.ones(len(one), bool),
        ]
    )
    first: NDArray[np.intp] = differs.argmax(1)
    return first
