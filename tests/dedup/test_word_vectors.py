"""Vectors of words: what they say of two reports, and what they cannot say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.dedup import learned
from aggregator.dedup.backtest import entry_of
from aggregator.dedup.features import INDEX, Floats, counted, features
from aggregator.dedup.fingerprint import TITLE_TOKENS, fingerprint
from aggregator.dedup.frequency import Frequency
from aggregator.dedup.rows import ROW, TOKENS, row_array
from aggregator.dedup.word_vectors import GISTS, Bools, Tokens, gists, vectors_of
from aggregator.dedup.words import words

GIST_COLUMNS = [INDEX[name] for name in GISTS]


def _vector(word: str, lang: str = "en") -> Floats:
    [only] = words(word, lang=lang, limit=1)
    return vectors_of(np.array([only.token], np.uint32))[0]


def _cosine(one: Floats, other: Floats) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def _gist(one: str, other: str) -> dict[str, float]:
    """The features of two titles, each judged alone."""
    told = [{"id": title, "title": title, "lang": "en"} for title in (one, other)]
    rows = row_array([fingerprint(entry_of(row)) for row in told], ROW)
    both = counted(rows, Frequency())
    table = features(both[:1], np.zeros(1, np.intp), both[1:])
    return dict(zip(GISTS, table[0, GIST_COLUMNS].tolist(), strict=True))


def test_the_list_is_in_rising_order_so_that_a_word_is_found() -> None:
    tokens, vectors = learned.word_vectors()
    assert (np.diff(tokens.astype(np.int64)) > 0).all()
    assert len(tokens) == len(vectors)
    assert (vectors_of(tokens[::997]) == vectors[::997]).all()


def test_a_word_in_no_list_has_no_vector() -> None:
    tokens, _ = learned.word_vectors()
    # The greatest number of all finds no place in the list.
    unknown = np.array([0, tokens[-1] + 1, 0xFFFFFFFF], np.uint32)
    assert not vectors_of(unknown[~np.isin(unknown, tokens)]).any()


@pytest.mark.parametrize(
    ("word", "like", "unlike"),
    [
        ("hospital", "doctors", "football"),
        ("election", "voters", "earthquake"),
        ("snow", "storm", "court"),
    ],
)
def test_words_of_one_theme_lie_nearer_than_others(
    word: str, like: str, unlike: str
) -> None:
    near = _cosine(_vector(word), _vector(like))
    far = _cosine(_vector(word), _vector(unlike))
    assert near > far


def test_other_words_for_one_thing_tell_more_than_words_for_another() -> None:
    retold = _gist("Powerful tremor hits the coast", "Strong earthquake near the shore")
    other = _gist("Powerful tremor hits the coast", "Striker signs for a rival club")
    assert retold["gist_title"] > other["gist_title"]
    assert retold["gist_told_least"] > other["gist_told_least"]


def test_titles_of_unknown_words_say_nothing() -> None:
    nothing = _gist("Qzxwvk jjqpfz", "Vvkqzj wwxzpq")
    assert nothing["gist"] == nothing["gist_title"] == -1


def test_a_word_both_have_is_told_whether_it_is_in_the_list_or_not() -> None:
    told = _gist("Qzxwvk", "Qzxwvk")
    assert told["gist_told_least"] == told["gist_told_most"] == 1


def _sides(seed: int) -> tuple[Tokens, Floats, Bools]:
    """Tokens, weights and hits of three reports, some tokens in no list and some places empty."""
    chance = np.random.default_rng(seed)
    known, _ = learned.word_vectors()
    tokens = chance.choice(known, (3, TOKENS)).astype(np.uint32)
    tokens[chance.random(tokens.shape) < 0.3] = 0
    weights = (chance.random(tokens.shape) * 10 * (tokens > 0)).astype(np.float32)
    return tokens, weights, chance.random(tokens.shape) < 0.2


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1 << 32), st.integers(0, 1 << 32))
def test_the_features_are_the_same_whichever_report_comes_first(
    one: int, other: int
) -> None:
    mine, theirs = _sides(one), _sides(other)
    forth, back = gists(*mine, *theirs), gists(*theirs, *mine)
    np.testing.assert_allclose(forth, back, atol=1e-4)
    assert forth.shape == (3, len(GISTS))
    assert (forth >= -1).all()
    assert (forth <= 1.0001).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1 << 32))
def test_a_title_is_told_at_least_as_far_as_its_own_words_are(seed: int) -> None:
    tokens, weights, hits = _sides(seed)
    empty = np.zeros_like(tokens), np.zeros_like(weights), np.zeros_like(hits)
    told = gists(tokens, weights, hits, *empty)[:, GISTS.index("gist_told_most")]
    title = weights[:, :TITLE_TOKENS]
    shared = (title * hits[:, :TITLE_TOKENS]).sum(1) / title.sum(1)
    np.testing.assert_allclose(told, shared, atol=1e-4)
