"""Candidates by meaning: the same as comparing with everything, and found without a word in common."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from aggregator.dedup.assign import assign_all
from aggregator.dedup.backtest import entry_of, event_id
from aggregator.dedup.fingerprint import MEANING_BYTES, Fingerprint, fingerprint
from aggregator.dedup.index import Index
from aggregator.dedup.neighbours import LIKE, NEIGHBOURS, neighbours
from aggregator.dedup.rows import (
    BLOCK,
    LEAD,
    MEANT_ROW,
    Rows,
    RowStore,
    halved_meanings,
    meanings,
)
from aggregator.model import DedupSettings


def random_rows(count: int, seed: int) -> Rows:
    """Rows on few axes, so that many are alike; some without a meaning."""
    chance = np.random.default_rng(seed)
    vectors = np.zeros((count, MEANING_BYTES), np.int8)
    vectors[:, :4] = chance.integers(-127, 128, (count, 4)) * (
        chance.random((count, 1)) < 0.8
    )
    return of_meaning(vectors)


def of_meaning(vectors: NDArray[np.int8]) -> Rows:
    rows = np.zeros(len(vectors), MEANT_ROW)
    rows["meaning"] = halved_meanings(vectors)
    return rows


def _together(row: np.void) -> NDArray[np.float64]:
    title, lead = meanings(np.array([row]))[0].astype(float)
    together: NDArray[np.float64] = title + LEAD * lead
    return together


def likeness(one: np.void, other: np.void) -> float:
    a, b = (_together(side) for side in (one, other))
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / lengths if lengths else 0.0


@settings(max_examples=30)
@given(st.integers(0, 60), st.integers(1, 12), st.integers(0, 1000))
def test_neighbours_are_the_likest_of_the_window_and_of_the_batch_before(
    kept: int, asked: int, seed: int
) -> None:
    store = RowStore(MEANT_ROW)
    old, new = random_rows(kept, seed), random_rows(asked, seed + 1)
    store.append(old)
    first = store.next
    for i, slots in enumerate(neighbours(new, store)):
        held = [
            *zip(range(store.oldest, first), old, strict=True),
            *zip(range(first, first + i), new, strict=False),
        ]
        cosines = [likeness(new[i], row) for _, row in held]
        assume(
            all(abs(cosine - LIKE) > 1e-4 for cosine in cosines)
        )  # 32 bits may tell it otherwise
        expected = sorted(cosines, reverse=True)[:NEIGHBOURS]
        by_slot = dict(held)
        found = [likeness(new[i], by_slot[slot]) for slot in slots]
        assert np.allclose(
            found, [cosine for cosine in expected if cosine >= LIKE], atol=1e-4
        )


def test_rows_that_have_left_the_window_are_no_neighbours() -> None:
    store = RowStore(MEANT_ROW)
    row = of_meaning(np.arange(MEANING_BYTES, dtype=np.int8)[None])
    store.append(np.repeat(row, BLOCK + 2))
    store.drop_before(store.next - 2)
    assert neighbours(row, store) == [[store.next - 2, store.next - 1]]


def printed(name: str, title: str, lang: str, axis: int) -> Fingerprint:
    vector = np.zeros(MEANING_BYTES, np.int8)
    vector[axis] = 127
    entry = entry_of(
        {"id": name, "title": title, "lang": lang, "published": "2026-03-01T10:00:00Z"}
    )
    return fingerprint(entry, vector.tobytes())


def test_reports_without_a_word_in_common_are_compared_when_they_mean_the_same() -> (
    None
):
    index = Index(DedupSettings(meaning=True))
    prints = [
        printed("1", "Freighter hits bridge pier", "en", 5),
        printed("2", "Parliament debates pensions", "en", 6),
        printed("3", "货轮撞击大桥", "zh", 5),
    ]
    answers = list(
        assign_all(
            prints, index, DedupSettings(meaning=True), new_event=event_id, join_at=9.0
        )
    )
    assert answers[2].best_entry_id == prints[0].entry_id
