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
"""The columns of what is the lesser of a slot's two sides."""
_PLACES = slice(DIFFERENCES.index("places_agree"), len(DIFFERENCES))
"""The columns of what places say."""
_PLAIN = 5.0
"""Rarity below which a word is common: one title in 150 (a guess)."""

Doubles = NDArray[np.float64]
Bools = NDArray[np.bool_]
Tokens = NDArray[np.uint32]
Numbers = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Titles:
    """The titles of pairs, all of the one side first, then in the same order those of the other reports.

    (titles, columns) tokens, each once in its title and 0 behind its end, with their weights and whether the other
    report has each; (titles,) bits of which are names; and (titles, columns) the tokens of the body that are not in the
    title."""

    tokens: Tokens
    weights: NDArray[np.float32]
    hit: Bools
    names: Tokens
    bodies: Tokens


@dataclass(frozen=True, slots=True)
class _Aligned:
    """Titles, each beside that of the other report: which tokens that title has, which of them stand in line with the
    same token there, and for each of the others in which gap between those it stands."""

    titles: Titles
    shared: Bools
    in_line: Bools
    gap: Numbers


def differences(titles: Titles) -> Doubles:
    """(pairs, len(DIFFERENCES)) values, the same whichever title comes first; -1 where a title has no tokens.

    `aligned` is the share of the titles' weight that stands in both in one order, `slots` how many slots there are,
    `slot_tokens` the tokens of the longest side of one. `slot_..._least` is the lesser weight of a slot's two sides
    without what is known, of the slot where it is greatest: of the rarest token, of all, of names.
    `slot_told_..._least` is the same without what stands in the other title.
    `slot_known_most` is the weight that is known on both sides,
    `slot_told_known_most` what one side has of the other's body. `slot_plain` counts slots of common words on both
    sides, `swaps` tokens of both titles that are not in one order.
    """
    aligned = _aligned(titles)
    count = len(titles.tokens) // 2
    values = np.zeros((count, len(DIFFERENCES)))
    in_line_weight = _sum_of_both(titles.weights * aligned.in_line)
    weight = _sum_of_both(titles.weights)
    values[:, DIFFERENCES.index("aligned")] = in_line_weight / np.maximum(weight, 1e-6)
    is_swapped = aligned.shared[:count] ^ aligned.in_line[:count]
    values[:, DIFFERENCES.index("swaps")] = is_swapped.sum(1)
    _weigh(values, aligned)
    _place(values, aligned)
    is_empty = titles.tokens[:, 0] == 0
    values[is_empty[:count] | is_empty[count:]] = -1
    return values


def _sum_of_both(weights: NDArray[np.float32]) -> Doubles:
    """The sum of the weights of both titles of each pair, in 64 bits: so it is the same in any order."""
    sums: Doubles = weights.sum(1, dtype=np.float64)
    count = len(sums) // 2
    return sums[:count] + sums[count:]


# --- alignment --------------------------------------------------------------------------------------------------


def _aligned(titles: Titles) -> _Aligned:
    """Both titles of each pair, aligned so that as many tokens as possible stand in line."""
    tokens = titles.tokens
    count = len(tokens) // 2
    columns = tokens.shape[1]
    one = tokens[:count]
    other = tokens[count:]
    # The first column that is the same, or 0: cheaper than to ask whether any is.
    place = (one[:, :, None] == other[:, None, :]).argmax(2)
    there = place + np.arange(0, other.size, columns)[:, None]
    mine = (other.take(there) == one) & (one > 0)
    theirs = np.zeros_like(mine)
    theirs.reshape(-1)[there[mine]] = True
    shared = np.concatenate([mine, theirs])
    in_line = shared.copy()
    place = np.where(mine, place, -1)
    before = np.maximum.accumulate(place, axis=1)
    is_back = mine[:, 1:] & (place[:, 1:] <= before[:, :-1])
    _align_crossed(in_line, tokens, np.flatnonzero(is_back.any(1)))
    return _Aligned(titles, shared, in_line, in_line.cumsum(1))


def _align_crossed(
    in_line: Bools,
    tokens: Tokens,
    rows: Numbers,
) -> None:
    """Say which tokens stand in line of the pairs whose common words are not in one order."""
    if not len(rows):
        return
    count = len(tokens) // 2
    one: list[int] = []
    other: list[int] = []
    for mine, theirs in zip(
        tokens[rows].tolist(),
        tokens[rows + count].tolist(),
        strict=True,
    ):
        bits, other_bits = _in_line(mine, theirs)
        one.append(bits)
        other.append(other_bits)
    column = np.arange(tokens.shape[1], dtype=np.uint32)
    both = np.array([one, other], np.uint32)
    are_in_line = (both[:, :, None] >> column & np.uint32(1)) > 0
    in_line[rows] = are_in_line[0]
    in_line[rows + count] = are_in_line[1]


def _in_line(
    one: list[int],
    other: list[int],
) -> tuple[int, int]:
    """Which tokens of the one title and of the other stand in line, a bit for each."""
    # Behind their ends stand zeros.
    mine = list(filter(None, one))
    theirs = list(filter(None, other))
    # Of several alignments as long as each other one is taken by the order of the sides: always the same one.
    is_turned = mine > theirs
    if is_turned:
        mine, theirs = theirs, mine
    bits = 0
    other_bits = 0
    for block in Indel.editops(mine, theirs).as_matching_blocks():
        run = (1 << block.size) - 1
        bits |= run << block.a
        other_bits |= run << block.b
    if is_turned:
        return other_bits, bits
    return bits, other_bits


# --- slots ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Held:
    """Tokens in slots, in rising order of their rows and columns: where each stands, (tokens,), and the number of the
    gap that it stands in."""

    row: Numbers
    column: Numbers
    gap: Numbers


def _held(aligned: _Aligned) -> _Held:
    """The tokens that stand where the other title has something else: the slots of the one side, and in the same order
    those of the other."""
    tokens = aligned.titles.tokens
    row, column = ((tokens > 0) & ~aligned.in_line).nonzero()
    # A gap's number rises with its row and its place in it.
    width = tokens.shape[1] + 1
    gap = row * width + aligned.gap[row, column]
    is_filled = np.zeros(len(tokens) * width, bool)
    is_filled[gap] = True
    # Where one title has nothing, the other only says more: no slot.
    is_slot = np.tile(is_filled.reshape(2, -1).all(0), 2)
    in_slot = is_slot[gap]
    return _Held(row[in_slot], column[in_slot], gap[in_slot])


def _weigh(
    values: Doubles,
    aligned: _Aligned,
) -> None:
    """The values of slots: from `slots` to `slot_told_known_most`."""
    held = _held(aligned)
    if not len(held.row):
        return
    starts = run_starts(held.gap)
    compared, mentioned, rarest = _sides(aligned, held, starts)
    length = run_lengths(starts, len(held.row)).reshape(2, -1).max(0)
    is_plain = rarest < _PLAIN
    slot_rows = held.row[starts[: len(starts) // 2]]
    starts = run_starts(slot_rows)
    row, counts = slot_rows[starts], run_lengths(starts, len(slot_rows))
    values[row[:, None], _WEIGHED] = np.maximum.reduceat(compared, starts)
    for name, found in (
        ("slots", counts),
        ("slot_tokens", np.maximum.reduceat(length, starts)),
        ("slot_plain", np.add.reduceat(is_plain, starts, dtype=np.intp)),
        ("slot_told_known_most", np.maximum.reduceat(mentioned, starts)),
    ):
        values[row, DIFFERENCES.index(name)] = found


def _sides(
    aligned: _Aligned,
    held: _Held,
    starts: Numbers,
) -> tuple[Doubles, Doubles, Doubles]:
    """What slots hold whose tokens start there.

    First, (slots, `_WEIGHED`), the lesser of a slot's two sides: of the weight of the rarest unknown token and of the
    rarest that the other title lacks; of the sums of the unknown, of the unknown names, of the known, of what the other
    title lacks, of such names. Then the greater of what only the other body has, and of the rarest of all.
    """
    titles = aligned.titles
    at = held.row * titles.tokens.shape[1] + held.column
    weight = titles.weights.take(at).astype(np.float64)
    is_name = (titles.names[held.row] >> held.column.astype(np.uint32) & 1) > 0
    is_known = titles.hit.take(at)
    unknown = weight * ~is_known
    untitled = weight * ~aligned.shared.take(at)
    sums = np.empty((len(at), 6))
    sums[:, 0] = unknown
    sums[:, 1] = unknown * is_name
    sums[:, 2] = weight - unknown
    sums[:, 3] = untitled
    sums[:, 4] = untitled * is_name
    sums[:, 5] = untitled * is_known
    heaviest = np.empty((len(at), 3))
    heaviest[:, 0] = unknown
    heaviest[:, 1] = untitled
    heaviest[:, 2] = weight
    one, other = np.add.reduceat(sums, starts).reshape(2, -1, sums.shape[1])
    rarest = np.maximum.reduceat(heaviest, starts)
    rarest_of_one, rarest_of_other = rarest.reshape(2, -1, 3)
    least = np.minimum(one, other)
    rarest_least = np.minimum(rarest_of_one, rarest_of_other)
    return (
        np.concatenate([rarest_least[:, :2], least[:, :-1]], 1),
        np.maximum(one, other)[:, -1],
        np.maximum(rarest_of_one, rarest_of_other)[:, -1],
    )


# --- places -----------------------------------------------------------------------------------------------------


def _place(
    values: Doubles,
    aligned: _Aligned,
) -> None:
    """The values of titles that both name places; else they are -1.

    Whether they name one place alike, how far apart theirs are (`places.distance`), how far those of one title are from
    all that the other report names, and how far those that fill one slot.
    """
    values[:, _PLACES] = -1
    count = len(values)
    # Looked up together: for few titles each look-up costs as much as for many.
    places = places_in(aligned.titles.tokens)
    named, other_named = places.split(count)
    one, other = crossed(named, other_named)
    # Few titles name places.
    if not len(one):
        return
    row = named.row[one]
    place = named.place[one]
    other_place = other_named.place[other]
    far = distance(place, other_place)
    agree = np.zeros(count, bool)
    agree[row[is_exact(place, other_place)]] = True
    nearest = np.full(count, _NO_PLACE, np.int32)
    np.minimum.at(nearest, row, far)
    rows = np.flatnonzero(nearest < _NO_PLACE)
    gaps = _gaps_of(aligned, places)
    gap = gaps[one]
    in_slots = (gap == gaps[len(named.row) + other]) & (gap >= 0)
    in_one_slot = _furthest(
        count,
        row[in_slots],
        gap[in_slots],
        far[in_slots],
    )
    untold = _untold(nearest, rows, places, aligned.titles.bodies)
    columns = np.stack([agree, nearest, untold, in_one_slot], 1)
    values[rows, _PLACES] = columns[rows]


_NO_PLACE = 4
"""More than any distance: of titles that do not both name a place."""


def _gaps_of(
    aligned: _Aligned,
    named: Places,
) -> Numbers:
    """The number of the gap in which each place of the titles stands; -1 for one that stands in line."""
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
    named: Places,
    bodies: Tokens,
) -> NDArray[np.int32]:
    """How far the places of one title are from all that the other report names, the greater of both ways, of `rows`
    whose titles' `nearest` places are known. `named` are the places of all titles."""
    # What a title tells already need not be looked for in a body.
    asked = rows[nearest[rows] > 0]
    if not len(asked):
        return nearest
    count = len(nearest)
    titles = np.concatenate([asked, count + asked])
    beside = np.concatenate([count + asked, asked])
    in_bodies = places_in(bodies[beside])
    told = in_bodies._replace(row=titles[in_bodies.row])
    mine, theirs = crossed(named, told)
    far = distance(named.place[mine], told.place[theirs])
    either = np.tile(nearest, 2)
    np.minimum.at(either, named.row[mine], far)
    return np.maximum(either[:count], either[count:])
