"""Vectors of words: what they say of two reports, and what they cannot say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.dedup import learned
from aggregator.dedup.backtest import entry_of
from aggregator.dedup.features import INDEX, Floats, counted, features
from aggregator.dedup.fingerprint import MEANING_BYTES, TITLE_TOKENS, fingerprint
from aggregator.dedup.frequency import Frequency
from aggregator.dedup.rows import MEANT_ROW, ROW, TOKENS, row_array
from aggregator.dedup.word_vectors import WORD_COSINES, Tokens, vectors_of, word_cosines
from aggregator.dedup.words import words

WORD_VECTOR_COLUMNS = [INDEX[name] for name in WORD_COSINES]


def _vector(word: str, lang: str = "en") -> Floats:
    [only] = words(word, lang=lang, limit=1)
    return vectors_of(np.array([only.token], np.uint32))[0].astype(np.float32)


def _cosine(one: Floats, other: Floats) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def _cosines(one: str, other: str) -> dict[str, float]:
    """The features of two titles, each judged alone."""
    told = [{"id": title, "title": title, "lang": "en"} for title in (one, other)]
    rows = row_array([fingerprint(entry_of(row)) for row in told], ROW)
    both = counted(rows, Frequency())
    table = features(both[:1], np.zeros(1, np.intp), both[1:])
    return dict(zip(WORD_COSINES, table[0, WORD_VECTOR_COLUMNS].tolist(), strict=True))


def test_the_list_is_in_rising_order_so_that_a_word_is_found() -> None:
    tokens, vectors = learned.word_vectors()
    assert (np.diff(tokens.astype(np.int64)) > 0).all()
    assert (vectors_of(tokens[::997]) == vectors[:-1:997]).all()
    assert not vectors[-1].any()


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
        ("बारिश", "मौसम", "चुनाव"),
    ],
)
def test_words_of_one_theme_lie_nearer_than_others(
    word: str, like: str, unlike: str
) -> None:
    near = _cosine(_vector(word), _vector(like))
    far = _cosine(_vector(word), _vector(unlike))
    assert near > far


def test_other_words_for_one_thing_tell_more_than_words_for_another() -> None:
    retold = _cosines(
        "Powerful tremor hits the coast", "Strong earthquake near the shore"
    )
    other = _cosines("Powerful tremor hits the coast", "Striker signs for a rival club")
    assert retold["words_title"] > other["words_title"]
    assert retold["words"] > other["words"]


def test_titles_of_unknown_words_say_nothing() -> None:
    nothing = _cosines("Qzxwvk jjqpfz", "Vvkqzj wwxzpq")
    assert nothing["words"] == nothing["words_title"] == -1


def test_reports_whose_words_an_encoder_has_read_are_not_compared_word_by_word() -> (
    None
):
    meaning = bytes([1]) * MEANING_BYTES
    told = entry_of({"id": "1", "title": "Ferry sinks off the coast", "lang": "en"})
    read = [fingerprint(told, meaning), fingerprint(told, meaning)]
    unread = [fingerprint(told), fingerprint(told, meaning)]
    for prints, is_compared in ((read, False), (unread, True)):
        both = counted(row_array(prints, MEANT_ROW), Frequency())
        table = features(both[:1], np.zeros(1, np.intp), both[1:])
        assert (table[0, INDEX["words"]] >= 0) == is_compared


def _tokens(seed: int) -> Tokens:
    """Tokens of three reports, some in no list and some places empty."""
    chance = np.random.default_rng(seed)
    known, _ = learned.word_vectors()
    tokens = chance.choice(known, (3, TOKENS)).astype(np.uint32)
    unknown = chance.random(tokens.shape) < 0.2
    tokens[unknown] += 1
    for row in tokens:
        # Title tokens stand at the left of their columns, and behind the last one there is none.
        row[chance.integers(1, TITLE_TOKENS) : TITLE_TOKENS] = 0
    return tokens


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1 << 32), st.integers(0, 1 << 32))
def test_the_features_are_the_same_whichever_report_comes_first(
    one: int, other: int
) -> None:
    mine, theirs, each = _tokens(one), _tokens(other), np.arange(3)
    forth, back = word_cosines(mine, each, theirs), word_cosines(theirs, each, mine)
    np.testing.assert_allclose(forth, back, atol=1e-4)
    assert forth.shape == (3, len(WORD_COSINES))
    assert ((forth == -1) | ((forth >= 0) & (forth <= 1.0001))).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1 << 32))
def test_a_report_is_compared_the_same_alone_and_among_others(seed: int) -> None:
    mine = _tokens(seed)
    which = np.array([2, 0, 0])
    together = word_cosines(mine, which, mine)
    for place, row in enumerate(which):
        alone = word_cosines(mine[row][None], np.zeros(1, np.intp), mine[place][None])
        np.testing.assert_allclose(together[place], alone[0], atol=1e-6)
