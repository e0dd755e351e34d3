"""Candidates by meaning: the same as comparing with everything, and found without a word in common."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from aggregator.dedup import learned
from aggregator.dedup.assign import assign_all
from aggregator.dedup.backtest import entry_of, event_id
from aggregator.dedup.fingerprint import MEANING_BYTES, Fingerprint, fingerprint
from aggregator.dedup.index import Index
from aggregator.dedup.neighbours import (
    AMONG_BY_WORDS,
    LIKE,
    LIKE_BY_WORDS,
    NEIGHBOURS,
    NEIGHBOURS_BY_WORDS,
    WordNeighbours,
    neighbours,
)
from aggregator.dedup.rows import (
    BLOCK,
    FIRST,
    LEAD,
    MEANT_ROW,
    ROW,
    Rows,
    RowStore,
    halved_meanings,
    meanings,
)
from aggregator.dedup.word_vectors import whole_vectors
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
@given(st.integers(0, 150), st.integers(1, 12), st.integers(0, 1000))
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


def random_words(count: int, seed: int) -> Rows:
    """Rows of a few common words each, so that many are alike; some of words in no list."""
    chance = np.random.default_rng(seed)
    tokens, _ = learned.word_vectors()
    some = tokens[:: len(tokens) // 12][:12]
    rows = np.zeros(count, ROW)
    rows["tokens"][:, :3] = chance.choice(some, (count, 3))
    rows["tokens"][chance.random(count) < 0.2] = 0
    return rows


@settings(max_examples=30)
@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=4),
    st.integers(0, 25),
    st.integers(0, 1000),
)
def test_neighbours_by_words_are_the_likest_however_the_window_was_filled(
    parts: list[int], gone: int, seed: int
) -> None:
    store, kept = RowStore(), WordNeighbours()
    for number, count in enumerate(parts):
        store.append(random_words(count, seed + number))
        kept.of(random_words(1, 0), store)
    store.drop_before(min(FIRST + gone, store.next))
    asked = random_words(3, seed + 100)
    vectors = whole_vectors(asked["tokens"])
    held = [row for view in store.views(store.oldest, store.next) for row in view]
    for i, slots in enumerate(kept.of(asked, store)):
        others = [*held, *asked[:i]]
        cosines = [
            float(vectors[i] @ whole_vectors(row["tokens"][None])[0]) for row in others
        ]
        # 32 bits may tell it otherwise.
        assume(all(abs(cosine - LIKE_BY_WORDS) > 1e-4 for cosine in cosines))
        expected = sorted(
            (one for one in cosines if one >= LIKE_BY_WORDS), reverse=True
        )
        found = [cosines[slot - store.oldest] for slot in slots]
        assert np.allclose(found, expected[:NEIGHBOURS_BY_WORDS], atol=1e-4)


def test_what_was_asked_for_and_not_posted_leaves_no_trace() -> None:
    store, kept = RowStore(), WordNeighbours()
    asked, posted = random_words(6, 1), random_words(6, 2)
    kept.of(asked, store)
    # Others than those that were asked for, and as many.
    store.append(posted)
    fresh = WordNeighbours()
    assert kept.of(asked, store) == fresh.of(asked, store)


def test_only_the_newest_reports_are_compared_by_words() -> None:
    store, kept = RowStore(), WordNeighbours()
    row = random_words(8, 3)[:1]
    row["tokens"][0, 0] = learned.word_vectors()[0][100]
    store.append(np.repeat(row, AMONG_BY_WORDS + 5))
    [slots] = kept.of(row, store)
    assert len(slots) == NEIGHBOURS_BY_WORDS
    assert min(slots) == store.next - AMONG_BY_WORDS


def test_reports_without_a_word_in_common_are_compared_when_their_words_mean_the_same() -> (
    None
):
    """By the vectors of words alone, without an encoder."""
    rows = [
        {"id": "1", "lang": "en", "title": "Strong earthquake shakes the capital"},
        {"id": "2", "lang": "en", "title": "Parliament debates pensions"},
        {"id": "3", "lang": "en", "title": "Tremor shook the city, says seismologist"},
    ]
    prints = [fingerprint(entry_of(row)) for row in rows]
    index = Index(DedupSettings(meaning=False))
    answers = list(
        assign_all(
            prints, index, DedupSettings(meaning=False), new_event=event_id, join_at=9.0
        )
    )
    assert answers[2].best_entry_id == prints[0].entry_id
