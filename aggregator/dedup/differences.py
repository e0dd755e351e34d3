"""What stands in one title where the other has something else, for many pairs of titles at a time: their tokens
aligned, and the places that they name.

A slot is a run of tokens of one title that stands between the same words as a run of the other. Look-alikes are alike
but for a slot: the city, the bank, the winner. A token of a slot is known when the other report has it elsewhere, in
title or body. What the other *body* mentions need not be what it is about: reports of look-alikes name one another in
passing ("In Paris, too, drivers are on strike"). So slots are weighed twice: without all that is known, and without
what stands in the other title.

Titles whose common words stand in one order have one alignment, which arrays show; only the others, a third of the
pairs, are aligned by rapidfuzz, one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Indel

from aggregator.dedup.places import Places, crossed, distance, is_exact, places_in
from aggregator.dedup.runs import run_lengths, run_starts

DIFFERENCES = (
    "aligned",
    "slots",
    "slot_tokens",
    "slot_rarest_least",
    "slot_weight_least",
    "slot_names_least",
    "slot_known_most",
    "slot_plain",
    "swaps",
    "slot_told_rarest_least",
    "slot_told_weight_least",
    "slot_told_names_least",
    "slot_told_known_most",
    "places_agree",
    "places_apart",
    "places_untold",
    "slot_places_apart",
)
"""The names of what `differences` gives."""
_WEIGHED = [
    DIFFERENCES.index(name)
    for name in (
        "slot_rarest_least",
        "slot_told_rarest_least",
        "slot_weight_least",
        "slot_names_least",
        "slot_known_most",
        "slot_told_weight_least",
        "slot_told_names_least",
    )
]
"""The columns of what is the lesser of a slot's two sides, in the order of `_Sides.compared`."""
_PLACES = [
    DIFFERENCES.index(name)
    for name in ("places_agree", "places_apart", "places_untold", "slot_places_apart")
]
_PLAIN = 5.0
"""Rarity below which a word is common: one title in 150 (a guess)."""

Doubles = NDArray[np.float64]
Bools = NDArray[np.bool_]
Tokens = NDArray[np.uint32]
Numbers = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Titles:
    """One title of each pair: (pairs, columns) tokens, each once in its title and 0 behind its end, with their weights
    and whether the other report has each; (pairs,) bits of which are names; and (pairs, columns) the tokens of the body
    that are not in the title."""

    tokens: Tokens
    weights: NDArray[np.float32]
    hit: Bools
    names: Tokens
    bodies: Tokens


@dataclass(frozen=True, slots=True)
class _Aligned:
    """Titles beside those of the other reports: which tokens these titles have, which of them stand in line with the
    same token there, and for each of the others in which gap between those it stands."""

    titles: Titles
    shared: Bools
    in_line: Bools
    gap: Numbers

    @classmethod
    def of(
        cls,
        titles: Titles,
        shared: Bools,
        in_line: Bools,
    ) -> _Aligned:
        return cls(titles, shared, in_line, np.cumsum(in_line, axis=1))

    def in_gaps(self) -> tuple[Numbers, Numbers]:
        """(row, column) of the tokens that stand in gaps, row by row."""
        is_token = self.titles.tokens > 0
        row, column = np.nonzero(is_token & ~self.in_line)
        return row, column


def differences(one: Titles, other: Titles) -> Doubles:
    """(pairs, len(DIFFERENCES)) values, the same whichever title comes first; -1 where a title has no tokens.

    `aligned` is the share of the titles' weight that stands in both in one order, `slots` how many slots there are,
    `slot_tokens` the tokens of the longest side of one. `slot_..._least` is the lesser weight of a slot's two sides
    without what is known, of the slot where it is greatest: of the rarest token, of all, of names.
    `slot_told_..._least` is the same without what stands in the other title.
    `slot_known_most` is the weight that is known on both sides,
    `slot_told_known_most` what one side has of the other's body. `slot_plain` counts slots of common words on both
    sides, `swaps` tokens of both titles that are not in one order.
    """
    mine, theirs = _aligned(one, other)
    values = np.zeros((len(one.tokens), len(DIFFERENCES)))
    in_line_weight = _sum(one.weights, mine.in_line)
    in_line_weight += _sum(other.weights, theirs.in_line)
    weight = _sum(one.weights, one.tokens > 0) + _sum(other.weights, other.tokens > 0)
    values[:, DIFFERENCES.index("aligned")] = in_line_weight / np.maximum(weight, 1e-6)
    swaps = mine.shared.sum(1) - mine.in_line.sum(1)
    values[:, DIFFERENCES.index("swaps")] = swaps
    _weigh(values, mine, theirs)
    _place(values, mine, theirs)
    values[~(one.tokens.any(1) & other.tokens.any(1))] = -1
    return values


def _sum(weights: NDArray[np.float32], chosen: Bools) -> Doubles:
    """The sum of the chosen weights of each row, in 64 bits: so it is the same in any order."""
    sums: Doubles = np.where(chosen, weights, 0).sum(1, dtype=np.float64)
    return sums


# --- alignment --------------------------------------------------------------------------------------------------


def _aligned(one: Titles, other: Titles) -> tuple[_Aligned, _Aligned]:
    """Both titles of each pair, aligned so that as many tokens as possible stand in line."""
    same = one.tokens[:, :, None] == other.tokens[:, None, :]
    # The first column that is the same, or 0: cheaper than to ask whether any is.
    place = same.argmax(2)
    shared = np.take_along_axis(other.tokens, place, 1) == one.tokens
    shared &= one.tokens > 0
    other_shared = np.zeros_like(shared)
    there = np.nonzero(shared)
    other_shared[there[0], place[there]] = True
    in_line, other_in_line = shared.copy(), other_shared.copy()
    place = np.where(shared, place, -1)
    before = np.maximum.accumulate(place, axis=1)
    is_rising = ~shared[:, 1:] | (place[:, 1:] > before[:, :-1])
    for row in np.flatnonzero(~is_rising.all(1)).tolist():
        in_line[row] = False
        other_in_line[row] = False
        for start, other_start, length in _runs(one.tokens[row], other.tokens[row]):
            in_line[row, start : start + length] = True
            other_in_line[row, other_start : other_start + length] = True
    return (
        _Aligned.of(one, shared, in_line),
        _Aligned.of(other, other_shared, other_in_line),
    )


def _runs(one: Tokens, other: Tokens) -> list[tuple[int, int, int]]:
    """Where runs that are alike begin in the one title and in the other, and how long they are."""
    mine = one[one > 0].tolist()
    theirs = other[other > 0].tolist()
    # Of several alignments as long as each other one is taken by the order of the sides: always the same one.
    if mine > theirs:
        blocks = Indel.editops(theirs, mine).as_matching_blocks()
        return [(block.b, block.a, block.size) for block in blocks]
    blocks = Indel.editops(mine, theirs).as_matching_blocks()
    return [(block.a, block.b, block.size) for block in blocks]


# --- slots ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sides:
    """One side of each slot, (slots, ...).

    `compared` is what is set against the other side: the weight of the rarest unknown token and of the rarest that the
    other title lacks; the sums of the unknown, of the unknown names, of the known, of what the other title lacks, of
    such names. `mentioned` is the sum of what only the other body has, `rarest` the rarest of all.
    """

    compared: Doubles
    mentioned: Doubles
    rarest: Doubles
    length: Numbers


def _weigh(
    values: Doubles,
    mine: _Aligned,
    theirs: _Aligned,
) -> None:
    """The values of slots: from `slots` to `slot_told_known_most`."""
    width = mine.gap.shape[1] + 1
    places, other_places = mine.in_gaps(), theirs.in_gaps()
    # A gap's number rises with its row and its place in it.
    gaps = places[0] * width + mine.gap[places]
    other_gaps = other_places[0] * width + theirs.gap[other_places]
    # Where one title has nothing, the other only says more: no slot.
    is_filled = np.zeros((2, len(values) * width), bool)
    is_filled[0, gaps] = True
    is_filled[1, other_gaps] = True
    slots = np.flatnonzero(is_filled.all(0))
    if not len(slots):
        return
    in_slots, other_in_slots = is_filled[1, gaps], is_filled[0, other_gaps]
    side = _sides(mine, places, gaps, in_slots)
    other_side = _sides(theirs, other_places, other_gaps, other_in_slots)
    rows = slots // width
    starts = run_starts(rows)
    row, counts = rows[starts], run_lengths(starts, len(rows))
    least = np.minimum(side.compared, other_side.compared)
    mentioned = np.maximum(side.mentioned, other_side.mentioned)
    length = np.maximum(side.length, other_side.length)
    is_plain = np.maximum(side.rarest, other_side.rarest) < _PLAIN
    values[row[:, None], _WEIGHED] = np.maximum.reduceat(least, starts)
    for name, found in (
        ("slots", counts),
        ("slot_tokens", np.maximum.reduceat(length, starts)),
        ("slot_plain", np.add.reduceat(is_plain, starts, dtype=np.intp)),
        ("slot_told_known_most", np.maximum.reduceat(mentioned, starts)),
    ):
        values[row, DIFFERENCES.index(name)] = found


def _sides(
    aligned: _Aligned,
    places: tuple[Numbers, Numbers],
    gaps: Numbers,
    in_slots: Bools,
) -> _Sides:
    """What slots hold of one title: of its tokens at `places`, in gaps of rising numbers, those that are `in_slots`."""
    row, column = places[0][in_slots], places[1][in_slots]
    titles = aligned.titles
    weight = titles.weights[row, column].astype(np.float64)
    is_name = (titles.names[row] >> column.astype(np.uint32) & 1) > 0
    is_known = titles.hit[row, column]
    unknown = np.where(is_known, 0, weight)
    untitled = np.where(aligned.shared[row, column], 0, weight)
    named = np.where(is_name, unknown, 0)
    untitled_named = np.where(is_name, untitled, 0)
    mentioned = np.where(is_known, untitled, 0)
    sums = [unknown, named, weight - unknown, untitled, untitled_named, mentioned]
    numbers = gaps[in_slots]
    starts = run_starts(numbers)
    summed = np.add.reduceat(np.stack(sums, 1), starts)
    rarest = np.maximum.reduceat(np.stack([unknown, untitled, weight], 1), starts)
    return _Sides(
        np.concatenate([rarest[:, :2], summed[:, :-1]], 1),
        summed[:, -1],
        rarest[:, 2],
        run_lengths(starts, len(numbers)),
    )


# --- places -----------------------------------------------------------------------------------------------------


def _place(
    values: Doubles,
    mine: _Aligned,
    theirs: _Aligned,
) -> None:
    """The values of titles that both name places; else they are -1.

    Whether they name one place alike, how far apart theirs are (`places.distance`), how far those of one title are from
    all that the other report names, and how far those that fill one slot.
    """
    values[:, _PLACES] = -1
    count = len(values)
    named, other_named = _named(mine.titles.tokens, theirs.titles.tokens)
    one, other = crossed(named, other_named)
    # Few titles name places.
    if not len(one):
        return
    row = named.row[one]
    place, other_place = named.place[one], other_named.place[other]
    far = distance(place, other_place)
    agree = np.zeros(count, bool)
    agree[row[is_exact(place, other_place)]] = True
    nearest = np.full(count, _NO_PLACE, np.int32)
    np.minimum.at(nearest, row, far)
    rows = np.flatnonzero(nearest < _NO_PLACE)
    gap = _gaps_of(mine, named)[one]
    other_gap = _gaps_of(theirs, other_named)[other]
    in_slots = (gap == other_gap) & (gap >= 0)
    in_one_slot = _furthest(
        count,
        row[in_slots],
        gap[in_slots],
        far[in_slots],
    )
    untold = _untold(
        nearest,
        rows,
        (named, other_named),
        (mine, theirs),
    )
    columns = (agree, nearest, untold, in_one_slot)
    values[rows[:, None], _PLACES] = np.stack([column[rows] for column in columns], 1)


_NO_PLACE = 4
"""More than any distance: of titles that do not both name a place."""


def _named(
    tokens: Tokens,
    others: Tokens,
) -> tuple[Places, Places]:
    """The places that each row names, of one side and of the other."""
    # Looked up together: for few titles each look-up costs as much as for many.
    return places_in(np.concatenate([tokens, others])).split(len(tokens))


def _gaps_of(aligned: _Aligned, named: Places) -> Numbers:
    """The number of the gap in which each place of these titles stands; -1 for one that stands in line."""
    gaps = aligned.gap[named.row, named.at]
    return np.where(aligned.in_line[named.row, named.at], -1, gaps)


def _furthest(
    count: int,
    row: Numbers,
    gap: Numbers,
    far: NDArray[np.int32],
) -> NDArray[np.int32]:
    """How far places that fill one slot are apart, of the slot of each of `count` rows where they are furthest; 0:
    none. Rows and gaps come in rising order."""
    furthest = np.zeros(count, np.int32)
    if not len(row):
        return furthest
    is_first = np.ones(len(row), bool)
    is_first[1:] = (row[1:] != row[:-1]) | (gap[1:] != gap[:-1])
    starts = np.flatnonzero(is_first)
    np.maximum.at(furthest, row[starts], np.minimum.reduceat(far, starts))
    return furthest


def _untold(
    nearest: NDArray[np.int32],
    rows: Numbers,
    named: tuple[Places, Places],
    aligned: tuple[_Aligned, _Aligned],
) -> NDArray[np.int32]:
    """How far the places of one title are from all that the other report names, the greater of both ways, of `rows`
    whose titles' `nearest` places are known."""
    # What a title tells already need not be looked for in a body.
    asked = rows[nearest[rows] > 0]
    if not len(asked):
        return nearest
    told: list[NDArray[np.int32]] = []
    bodies = _named(*(side.titles.bodies[asked] for side in aligned))
    for title, body in zip(named, bodies[::-1], strict=True):
        in_body = body._replace(row=asked[body.row])
        mine, theirs = crossed(title, in_body)
        far = distance(title.place[mine], in_body.place[theirs])
        either = nearest.copy()
        np.minimum.at(either, title.row[mine], far)
        told.append(either)
    return np.maximum(*told)
