from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.dedup.backtest import entry_of
from aggregator.dedup.fingerprint import (
    HEADER_BYTES,
    MEANING_BYTES,
    Fingerprint,
    fingerprint,
    fingerprints,
    headline,
)
from aggregator.dedup.rows import is_readable, unpacked_rows
from aggregator.dedup.words import cleaned

texts = st.text(max_size=300)
rows = st.fixed_dictionaries(
    {
        "id": st.text(min_size=1, max_size=20),
        "lang": st.sampled_from(["en", "zh", "ru", "vi", "de", "ar", "und", "ja"]),
        "title": texts,
        "text": st.text(max_size=3000),
        "source": st.text(max_size=20),
        "url": st.sampled_from(["", "https://example.org/", "https://example.org/a/1"]),
        "published": st.sampled_from(["", "2026-03-01T10:00:00Z"]),
    }
)


def made(title: str, text: str = "", lang: str = "en", **more: object) -> Fingerprint:
    return fingerprint(
        entry_of({"id": title, "title": title, "text": text, "lang": lang, **more})
    )


@given(rows)
def test_a_packed_fingerprint_unpacks_to_itself(row: dict[str, object]) -> None:
    one = fingerprint(entry_of(row))
    assert Fingerprint.unpack(one.packed) == one


@given(st.lists(rows, max_size=70))
def test_many_at_once_are_those_of_each(some: list[dict[str, object]]) -> None:
    entries = [entry_of(row) for row in some]
    meanings = [bytes([number]) * MEANING_BYTES for number in range(len(entries))]
    one_by_one = list(map(fingerprint, entries, meanings))
    assert fingerprints(entries, meanings) == one_by_one


def test_each_entry_has_a_meaning_of_its_own() -> None:
    entry = entry_of({"id": "a", "title": "Ferry sinks"})
    with pytest.raises(ValueError, match="zip"):
        fingerprints([entry, entry], [b""])


@given(rows)
def test_a_packed_fingerprint_is_at_most_512_bytes(row: dict[str, object]) -> None:
    assert len(fingerprint(entry_of(row)).packed) <= 512


def test_a_full_fingerprint_is_at_most_512_bytes() -> None:
    words = [f"w{chr(97 + i % 26)}{chr(97 + i // 26)}{i}" for i in range(600)]
    numbers = "12% 3-1 $5 M6.1 14 dead 2 dogs 3 cats 4 cows 5 hens"
    full = made(
        f"{numbers} " + " ".join(words[:60]),
        " ".join(words),
        source="a",
        url="https://example.org/x/y",
    )
    assert (len(full.title_tokens), len(full.body_tokens), len(full.shingles)) == (
        28,
        40,
        10,
    )
    assert len(full.packed) <= 512


def test_other_bytes_are_refused() -> None:
    for first in (b"\x00", b"\x03", b"\x04"):
        with pytest.raises(ValueError, match="version 3"):
            Fingerprint.unpack(first * 100)


def test_a_fingerprint_of_version_1_is_read_without_its_vector_and_its_feed() -> None:
    now = made(
        "Ferry sinks off Samoa",
        "Forty were aboard.",
        source="a",
        url="https://example.org/x/y",
    )
    packed = now.packed
    head = bytearray(packed[: HEADER_BYTES - 4])
    head[0], head[HEADER_BYTES - 9] = 1, 128  # the version, and how long the vector is
    old = bytes(head) + packed[HEADER_BYTES:] + bytes(range(128))
    assert Fingerprint.unpack(old) == replace(now, feed=0)
    assert not is_readable(old[:-1])
    assert unpacked_rows([old])["title"] == unpacked_rows([packed])["title"]


def test_a_fingerprint_of_version_2_is_read_without_its_vectors() -> None:
    now = made("Ferry sinks off Samoa", "Forty were aboard.", source="a")
    packed = now.packed
    head = bytearray(packed[:HEADER_BYTES])
    head[0], head[HEADER_BYTES - 9] = 2, MEANING_BYTES
    old = bytes(head) + packed[HEADER_BYTES:] + bytes(range(MEANING_BYTES))
    assert Fingerprint.unpack(old) == now
    assert not is_readable(old[:-1])
    assert unpacked_rows([old])["title"] == unpacked_rows([packed])["title"]


def test_the_hash_of_an_address_has_64_bits_of_its_own() -> None:
    """Of two CRCs the second follows from the first where addresses are of one length."""
    hashes = [
        made("x", url=f"https://example.org/{number:06d}").url for number in range(2000)
    ]
    high, low = {one >> 32 for one in hashes}, {one & 0xFFFFFFFF for one in hashes}
    assert len(high) == len(low) == 2000
    differences = {
        (a >> 32 ^ b >> 32, a & 0xFFFFFFFF ^ b & 0xFFFFFFFF)
        for a, b in pairwise(hashes)
    }
    assert len({one for one, _ in differences}) == len(differences) == 1999


def test_traditional_and_simplified_characters_make_one_fingerprint() -> None:
    assert made("臺積電宣布赴德國設廠", lang="zh") == replace(
        made("台积电宣布赴德国设厂", lang="zh"),
        entry_id=made("臺積電宣布赴德國設廠", lang="zh").entry_id,
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ｐｏｌｉｃｅ arrest", "Police arrest"),
        ("Iran’s minister", "Iran's minister"),
        ("Elec\u200btion results", "Election results"),
        ("Élections au Brésil", "Elections au Bresil"),
    ],
)
def test_writings_of_the_same_words_make_the_same_tokens(one: str, other: str) -> None:
    assert made(one).title_tokens == made(other).title_tokens


def test_a_word_means_the_same_in_several_languages() -> None:
    shared = set(made("Terremoto en Chile", lang="es").title_tokens) & set(
        made("Chile earthquake").title_tokens
    )
    assert len(shared) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("北韓", "朝鲜"),
        ("紐西蘭", "新西兰"),
        ("奈及利亞", "尼日利亚"),
        ("尼日利亞", "尼日利亚"),
        ("厄瓜多爾", "厄瓜多尔"),
        ("川普", "特朗普"),
        ("普丁會見馬克宏", "普京会见马克龙"),
    ],
)
def test_taiwans_names_are_the_mainlands(one: str, other: str) -> None:
    assert made(one, lang="zh").title_tokens == made(other, lang="zh").title_tokens


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("en", "Kellogg, second quarter"),
        ("en", "Kellogg: Second-quarter"),
        ("en", "Kellogg 2Q24"),
        ("en", "Kellogg 2nd quarter"),
        ("de", "Kellogg, 2. Quartal"),
        ("fr", "Kellogg au deuxième trimestre"),
        ("pt", "Kellogg, segundo trimestre"),
        ("de", "Kellogg, zweites Quartal"),
        ("ru", "Kellogg во втором квартале"),
        ("zh", "Kellogg第二季度"),
        ("zh", "二季度Kellogg"),
        ("ja", "Kellogg第2四半期"),
        ("ko", "Kellogg 2분기"),
    ],
)
def test_a_quarter_is_the_same_in_every_language(lang: str, text: str) -> None:
    known, found = made("Kellogg Q2"), made(text, lang=lang)
    assert set(known.title_tokens) <= set(found.title_tokens)
    assert len(found.title_tokens) <= 3
    assert found.numbers == known.numbers
    assert found.numbers != made("Kellogg Q3").numbers


def test_a_quarter_of_a_fiscal_year_stands_apart_from_it() -> None:
    spaced = made("Kellogg Q2 FY25")
    for run_in in (made("Kellogg Q2FY25"), made("Kellogg 2QFY25")):
        assert (run_in.title_tokens, run_in.numbers) == (
            spaced.title_tokens,
            spaced.numbers,
        )
    assert made("XQ2FY25").title_tokens != made("X Q2 FY25").title_tokens


@pytest.mark.parametrize(
    "text",
    [
        "剧集第二季开播",
        "前三季度营收增长",
        "连续四季度亏损",
        "连续十二季度增长",
        "2024季度报告",
        "Two quarters and a half; 12Q; Q",
        "First quarter-final",
        "fourth quarter-century",
        "1.4Q",
    ],
)
def test_what_only_looks_like_a_quarter_stays(text: str) -> None:
    assert cleaned(text, lang="zh") == cleaned(text, lang="en") == text


@given(st.text(alphabet="firstFIRSTİı123 -qQ二第季度前quarterQUARTER.", max_size=40))
def test_any_text_around_quarters_is_cleaned(text: str) -> None:
    for lang in ("en", "zh", "ru"):
        assert fingerprint(
            entry_of({"id": "1", "title": f"{text} quarter {text}季度", "lang": lang})
        ).title_tokens


def test_a_compound_of_a_known_word_is_two_tokens() -> None:
    compound, apart = made("Bahnstreik", lang="de"), made("Bahn: Streik", lang="de")
    assert compound.title_tokens == apart.title_tokens
    assert (
        made("Großbrand", lang="de").title_tokens
        == made("Gross Brand", lang="de").title_tokens
    )
    assert len(made("Bahnstreik", lang="en").title_tokens) == 1
    for word in (
        "Auswahl",
        "Arbeitslose",
        "Überfall",
        "Suchmaschine",
        "Ambulance",
        "Ebolavirus",
    ):
        assert len(made(word, lang="de").title_tokens) == 1
        assert not made(word, lang="de").directions


def test_a_letter_with_digits_is_one_token() -> None:
    assert len(made("S24").title_tokens) == 1
    assert made("S24").title_tokens != made("24").title_tokens
    assert made("苹果A17芯片", lang="zh").title_tokens[1] == made("A17").title_tokens[0]
    assert (
        made("F-16").title_tokens
        == made("F16s").title_tokens
        == made("f16").title_tokens
    )
    assert (
        made("M5.1").title_tokens == made("5.1").title_tokens
    )  # a magnitude, written either way
    assert made("M6 quake").title_tokens == made("6 quake").title_tokens


def test_a_name_that_is_known_is_one_at_the_start_of_a_headline_too() -> None:
    assert made("Google posts record").names == 1
    assert made("Floods hit valley").names == 0


def test_names_are_capitals_inside_a_sentence() -> None:
    one = made("Police arrest Maria Lopez in Quito")
    assert [bool(one.names >> i & 1) for i in range(len(one.title_tokens))] == [
        False,
        False,
        True,
        True,
        False,
        True,
    ]


def test_a_front_page_is_no_address() -> None:
    assert made("a", url="https://example.org/").url == 0
    assert made("a", url="https://example.org/x").url != 0


def test_a_report_without_a_date_has_no_time_evidence() -> None:
    assert made("a").matched is None
    assert made("a", published="2026-03-01T10:00:00Z").matched == 1772359200


@pytest.mark.parametrize(
    ("title", "kept"),
    [
        (
            "Mayor of Quito steps down after vote | World | The Daily Example",
            "Mayor of Quito steps down after vote",
        ),
        (
            "Mayor of Quito steps down after vote - Example News",
            "Mayor of Quito steps down after vote",
        ),
        ("Quito - Mayor steps down", "Quito - Mayor steps down"),
        (
            "Talks end - no deal was reached on fishing rights",
            "Talks end - no deal was reached on fishing rights",
        ),
    ],
)
def test_a_publisher_at_the_end_of_a_headline_is_cut(title: str, kept: str) -> None:
    assert headline(title) == kept


def test_a_long_id_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than 20"):
        fingerprint(replace(entry_of({"id": "a"}), entry_id="x" * 21))
