"""What differs between two titles, slot by slot."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Indel

from aggregator.dedup.differences import DIFFERENCES, Titles, differences
from aggregator.dedup.fingerprint import BODY_TOKENS, TITLE_TOKENS
from aggregator.dedup.words import cleaned, words

A, B, C, D, IOWA, MINNESOTA, NAME = range(101, 108)


class Title(NamedTuple):
    """A title whose tokens weigh 2 each, the last of them a name; the other report has those that are `known`."""

    tokens: Sequence[int]
    known: frozenset[int] = frozenset()
    body: Sequence[int] = ()


def titles(some: Sequence[Title]) -> Titles:
    tokens = np.zeros((len(some), TITLE_TOKENS), np.uint32)
    bodies = np.zeros((len(some), BODY_TOKENS), np.uint32)
    hit = np.zeros(tokens.shape, bool)
    names = np.zeros(len(some), np.uint32)
    for row, title in enumerate(some):
        count = len(title.tokens)
        tokens[row, :count] = title.tokens
        bodies[row, : len(title.body)] = title.body
        hit[row, :count] = [token in title.known for token in title.tokens]
        names[row] = 1 << count >> 1
    return Titles(
        tokens, np.full(tokens.shape, 2, np.float32) * (tokens > 0), hit, names, bodies
    )


def values(one: Title, other: Title) -> dict[str, float]:
    [row] = differences(titles([one, other])).tolist()
    return dict(zip(DIFFERENCES, row, strict=True))


def test_a_slot_lies_between_what_is_alike() -> None:
    shared = frozenset({A, B, C, D})
    in_the_middle = values(
        Title([A, B, IOWA, C, D], shared), Title([A, B, MINNESOTA, NAME, C, D], shared)
    )
    assert in_the_middle["slots"] == 1
    assert in_the_middle["slot_tokens"] == 2
    # One title goes on: nothing stands instead of it.
    assert values(Title([A, B], shared), Title([A, B, C], shared))["slots"] == 0
    assert values(Title([A]), Title([B]))["slots"] == 1


def test_what_fills_a_slot_is_weighed_by_its_lesser_side() -> None:
    shared = frozenset({A, B})
    found = values(Title([A, B, IOWA], shared), Title([A, B, MINNESOTA, NAME], shared))
    assert found["slots"] == 1
    assert found["slot_tokens"] == 2
    assert found["slot_weight_least"] == 2
    assert found["slot_names_least"] == 2
    assert found["aligned"] == 8 / 14


def test_a_mention_in_a_body_does_not_clear_a_slot() -> None:
    shared = frozenset({A, B})
    # The other report says: as in Iowa on the same day.
    iowa = Title([A, B, IOWA], shared | {IOWA})
    minnesota = Title([A, B, MINNESOTA], shared, body=(IOWA,))
    found = values(iowa, minnesota)
    # One side is known to the other report.
    assert found["slot_rarest_least"] == 0
    assert found["slot_told_rarest_least"] == 2
    assert found["slot_told_known_most"] == 2


def test_what_the_other_title_says_elsewhere_clears_a_slot() -> None:
    shared = frozenset({A, B, C, D})
    found = values(Title([C, A, B], shared), Title([A, B, C], shared))
    assert found["slot_told_rarest_least"] == 0
    assert found["swaps"] == 1


def tokens_of(text: str) -> tuple[int, ...]:
    read = words(cleaned(text, lang="en"), lang="en", limit=20)
    return tuple(word.token for word in read)


def test_a_place_that_both_titles_name_does_not_clear_a_slot() -> None:
    iowa = tokens_of("Storm out of France hits Iowa overnight")
    minnesota = tokens_of("Storm out of France hits Minnesota overnight")
    found = values(Title(iowa), Title(minnesota))
    assert found["places_apart"] == found["places_untold"] == 0
    assert found["slot_places_apart"] == 2


def test_places_that_fill_one_slot_are_apart() -> None:
    iowa, minnesota, lead = map(
        tokens_of,
        (
            "Storm hits Iowa overnight",
            "Storm hits Minnesota overnight",
            "Iowa, too, was hit",
        ),
    )
    shared = frozenset(iowa) & frozenset(minnesota)
    found = values(Title(iowa, shared), Title(minnesota, shared))
    assert found["places_agree"] == 0
    assert found["places_apart"] == found["slot_places_apart"] == 2
    assert found["places_untold"] == 2
    told = values(Title(iowa, shared), Title(minnesota, shared, body=lead))
    # Iowa is told of by the other report, but not Minnesota by this one.
    assert told["places_untold"] == 2
    assert values(Title(iowa), Title([A]))["places_apart"] == -1


def test_a_title_without_tokens_has_no_differences() -> None:
    assert set(values(Title([]), Title([A])).values()) == {-1}
    assert not len(differences(titles([])))


def slots_by_hand(one: Sequence[int], other: Sequence[int]) -> list[tuple[int, int]]:
    """The lengths of either side of each slot, by an alignment of these two alone."""
    first, second = sorted([list(one), list(other)])
    blocks = [(0, 0, 0)]
    for block in Indel.editops(first, second).as_matching_blocks():
        blocks.append((block.a, block.b, block.size))
    gaps = [
        (there - at - length, other_there - other_at - length)
        for (at, other_at, length), (there, other_there, _) in pairwise(blocks)
    ]
    return [gap for gap in gaps if all(gap)]


TITLES = st.lists(st.integers(1, 9), unique=True, max_size=8)


@given(st.lists(st.tuples(TITLES, TITLES), min_size=1, max_size=5))
def test_slots_of_many_titles_are_those_of_each_pair(
    some: list[tuple[list[int], list[int]]],
) -> None:
    one = [Title(tokens) for tokens, _ in some]
    other = [Title(tokens) for _, tokens in some]
    table = differences(titles([*one, *other]))
    for (mine, theirs), row in zip(some, table.tolist(), strict=True):
        found = dict(zip(DIFFERENCES, row, strict=True))
        if not mine or not theirs:
            assert found["slots"] == -1
            continue
        slots = slots_by_hand(mine, theirs)
        assert found["slots"] == len(slots)
        assert found["slot_tokens"] == max(map(max, slots), default=0)
        assert found["slot_plain"] == len(slots)
        in_line = 1 - Indel.normalized_distance(mine, theirs)
        assert abs(found["aligned"] - in_line) < 1e-6


@given(TITLES, TITLES, st.lists(st.integers(1, 9), max_size=5))
def test_differences_are_the_same_whichever_title_comes_first(
    one: list[int], other: list[int], body: list[int]
) -> None:
    shared = frozenset(one) & frozenset(other)
    first = Title(one or [1], shared)
    second = Title(other or [2], shared, tuple(body))
    found = differences(titles([first, second]))
    assert (found == differences(titles([second, first]))).all()
    assert found.shape == (1, len(DIFFERENCES))
