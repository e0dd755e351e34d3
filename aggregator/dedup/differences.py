"""What stands in one title where the other has something else: two titles' tokens aligned by rapidfuzz, and the places
that they name.

A slot is a run of tokens of one title that stands between the same words as a run of the other. Look-alikes are alike
but for a slot: the city, the bank, the winner. A token of a slot is known when the other report has it elsewhere, in
title or body. What the other *body* mentions need not be what it is about: reports of look-alikes name one another in
passing ("In Paris, too, drivers are on strike"). So slots are weighed twice: without all that is known, and without
what stands in the other title.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Indel

from aggregator.dedup.places import Named, distance, is_exact, places_in

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
_PLAIN = 5.0
"""Rarity below which a word is common: one title in 150 (a guess)."""


class Title(NamedTuple):
    """One title of a pair: its tokens with their weights, whether the other report has each, bits of which are names,
    and the tokens of the body that are not in the title, as an array: few pairs are asked for them."""

    tokens: list[int]
    weights: list[float]
    hit: list[bool]
    names: int
    body: NDArray[np.uint32]


class Slot(NamedTuple):
    """Where a slot begins and ends in the one title and in the other."""

    start: int
    end: int
    other_start: int
    other_end: int


def differences(one: Title, other: Title) -> list[float]:
    """The values of `DIFFERENCES`, the same whichever title comes first; -1 where a title has no tokens.

    `aligned` is the share of the titles' weight that stands in both in one order, `slots` how many slots there are,
    `slot_tokens` the tokens of the longest side of one. `slot_..._least` is the lesser weight of a slot's two sides
    without what is known, of the slot where it is greatest: of the rarest token, of all, of names.
    `slot_told_..._least` is the same without what stands in the other title.
    `slot_known_most` is the weight that is known on both sides,
    `slot_told_known_most` what one side has of the other's body. `slot_plain` counts slots of common words on both
    sides, `swaps` tokens of both titles that are not in one order.
    """
    if not one.tokens or not other.tokens:
        return [-1.0] * len(DIFFERENCES)
    # Of several alignments as long as each other one is taken by the order of the sides: always the same one.
    first, second = (one, other) if one.tokens <= other.tokens else (other, one)
    runs = [
        (run.a, run.b, run.size)
        for run in Indel.editops(first.tokens, second.tokens).as_matching_blocks()
    ]
    aligned = 0.0
    in_order = 0
    for start, other_start, length in runs:
        aligned += sum(first.weights[start : start + length]) + sum(
            second.weights[other_start : other_start + length]
        )
        in_order += length
    in_both = set(first.tokens).intersection(second.tokens)
    slots = slots_between(runs)
    total = sum(first.weights) + sum(second.weights)
    return [
        aligned / max(total, 1e-6),
        len(slots),
        *_weighed(first, second, slots, in_both, swaps=len(in_both) - in_order),
        *_placed(first, second, slots),
    ]


def slots_between(runs: Sequence[tuple[int, int, int]]) -> list[Slot]:
    """What lies between runs that are alike, where both titles have something.

    A run is where it begins in the one title and in the other, and how long it is; the last one, of no length, ends
    both titles.
    """
    slots = []
    at, other_at = 0, 0
    for start, other_start, length in runs:
        if start > at and other_start > other_at:
            slots.append(Slot(at, start, other_at, other_start))
        at, other_at = start + length, other_start + length
    return slots


class _Side(NamedTuple):
    """Weights of one side of a slot.

    Those to be compared with the other side's: of the rarest unknown token, of the unknown, of the unknown names, of
    the known; of the rarest that the other title lacks, of all such, of such names. Then those of what only the other
    body has, and of the rarest of all.
    """

    compared: tuple[float, ...]
    mentioned: float
    rarest: float


def _weighed(
    one: Title, other: Title, slots: Sequence[Slot], in_both: set[int], *, swaps: int
) -> list[float]:
    """From `slot_tokens` to `slot_told_known_most`."""
    greatest = [0.0] * 7
    tokens = plain = 0
    mentioned = 0.0
    for slot in slots:
        mine = _side(one, slot.start, slot.end, in_both)
        theirs = _side(other, slot.other_start, slot.other_end, in_both)
        tokens = max(tokens, slot.end - slot.start, slot.other_end - slot.other_start)
        least = map(min, mine.compared, theirs.compared)
        greatest = list(map(max, greatest, least))
        mentioned = max(mentioned, mine.mentioned, theirs.mentioned)
        plain += max(mine.rarest, theirs.rarest) < _PLAIN
    return [tokens, *greatest[:4], plain, swaps, *greatest[4:], mentioned]


def _side(title: Title, start: int, end: int, in_both: set[int]) -> _Side:
    """What a slot holds of one title, of whose tokens some are `in_both`."""
    rarest = weight = named = known = of_all = 0.0
    untitled_rarest = untitled = untitled_named = mentioned = 0.0
    for i in range(start, end):
        value, is_hit = title.weights[i], title.hit[i]
        name_value = value if title.names >> i & 1 else 0.0
        of_all = max(of_all, value)
        if is_hit:
            known += value
        else:
            rarest = max(rarest, value)
            weight += value
            named += name_value
        if title.tokens[i] in in_both:
            continue
        untitled_rarest = max(untitled_rarest, value)
        untitled += value
        untitled_named += name_value
        mentioned += value if is_hit else 0.0
    return _Side(
        (rarest, weight, named, known, untitled_rarest, untitled, untitled_named),
        mentioned,
        of_all,
    )


def _placed(one: Title, other: Title, slots: Sequence[Slot]) -> list[float]:
    """Of titles that both name places: whether they name one alike, how far apart theirs are (`places.distance`), how
    far those of one title are from all that the other report names, and how far those that fill one slot; else -1."""
    mine, theirs = places_in(tuple(one.tokens)), places_in(tuple(other.tokens))
    if not mine or not theirs:
        return [-1.0] * 4
    agree = any(is_exact(a.place, b.place) for a in mine for b in theirs)
    untold = max(
        _apart(mine, [*theirs, *places_in(tuple(other.body.tolist()))]),
        _apart(theirs, [*mine, *places_in(tuple(one.body.tolist()))]),
    )
    in_slots = [
        (
            [named for named in mine if slot.start <= named.at < slot.end],
            [
                named
                for named in theirs
                if slot.other_start <= named.at < slot.other_end
            ],
        )
        for slot in slots
    ]
    in_one_slot = max((_apart(a, b) for a, b in in_slots if a and b), default=0)
    return [
        float(agree),
        float(_apart(mine, theirs)),
        float(untold),
        float(in_one_slot),
    ]


def _apart(mine: Sequence[Named], theirs: Sequence[Named]) -> int:
    """How far the two nearest places of two lists are apart."""
    return min(distance(a.place, b.place) for a in mine for b in theirs)
