"""What differs between two titles, slot by slot."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aggregator.dedup.differences import (
    DIFFERENCES,
    Slot,
    Title,
    differences,
    slots_between,
)

A, B, C, D, IOWA, MINNESOTA, NAME = range(101, 108)


def title(
    tokens: list[int],
    *,
    known: frozenset[int] = frozenset(),
    body: tuple[int, ...] = (),
) -> Title:
    """A title whose tokens weigh 2 each, the last of them a name; the other report has those that are `known`."""
    return Title(
        tokens,
        [2.0] * len(tokens),
        [token in known for token in tokens],
        1 << len(tokens) - 1,
        np.array(body, np.uint32),
    )


def values(one: Title, other: Title) -> dict[str, float]:
    return dict(zip(DIFFERENCES, differences(one, other), strict=True))


def test_a_slot_lies_between_what_is_alike() -> None:
    assert slots_between([(0, 0, 2), (3, 4, 1), (4, 5, 0)]) == [Slot(2, 3, 2, 4)]
    assert (
        slots_between([(0, 0, 2), (2, 4, 0)]) == []
    )  # one title goes on: nothing stands instead of it
    assert slots_between([(2, 3, 0)]) == [Slot(0, 2, 0, 3)]


def test_what_fills_a_slot_is_weighed_by_its_lesser_side() -> None:
    shared = frozenset({A, B})
    found = values(
        title([A, B, IOWA], known=shared), title([A, B, MINNESOTA, NAME], known=shared)
    )
    assert found["slots"] == 1
    assert found["slot_tokens"] == 2
    assert found["slot_weight_least"] == 2
    assert found["slot_names_least"] == 2
    assert found["aligned"] == 8 / 14


def test_a_mention_in_a_body_does_not_clear_a_slot() -> None:
    shared = frozenset({A, B})
    iowa = title(
        [A, B, IOWA], known=shared | {IOWA}
    )  # the other report says: as in Iowa on the same day
    minnesota = title([A, B, MINNESOTA], known=shared, body=(IOWA,))
    found = values(iowa, minnesota)
    assert found["slot_rarest_least"] == 0  # one side is known to the other report
    assert found["slot_told_rarest_least"] == 2
    assert found["slot_told_known_most"] == 2


def test_what_the_other_title_says_elsewhere_clears_a_slot() -> None:
    shared = frozenset({A, B, C, D})
    found = values(title([C, A, B], known=shared), title([A, B, C], known=shared))
    assert found["slot_told_rarest_least"] == 0
    assert found["swaps"] == 1


TITLES = st.lists(st.integers(1, 9), unique=True, max_size=8)


@given(TITLES, TITLES, st.lists(st.integers(1, 9), max_size=5))
def test_differences_are_the_same_whichever_title_comes_first(
    one: list[int], other: list[int], body: list[int]
) -> None:
    shared = frozenset(one) & frozenset(other)
    first, second = (
        title(one or [1], known=shared),
        title(other or [2], known=shared, body=tuple(body)),
    )
    assert differences(first, second) == differences(second, first)
    assert len(differences(first, second)) == len(DIFFERENCES)
