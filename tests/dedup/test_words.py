"""Text to tokens: one at a time with its place, or all of a text at once."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aggregator.dedup import words as module
from aggregator.dedup.words import (
    beginning,
    cleaned,
    is_month,
    is_plain,
    stands_behind_word,
    tokens,
    words,
)

LIMIT = 12
_PARTS = st.sampled_from(
    [
        *("The", "a", "I", "rate", "Rate's", "don't", "l'Iran", "S24", "S24s", "F-16"),
        *("5", "12", "99", "3.5%", "1,000", "2026", "March", "May", "mars", "de", "th"),
        *("Bahnstreik", "é", "Élysée", "забастовка", "東京都", "3月5日", "٥", "ß", "’"),
        *("हिन्दी", "की", "में", "১২", "বাংলা", "مُحَمَّد", "\u093e", "\u0301"),
        *(".", ",", " ", "-", "\n", "\ufe0f", "_"),
    ]
)
_TEXTS = st.lists(_PARTS | st.text(max_size=3), max_size=3 * LIMIT).map(" ".join)


@given(_TEXTS, st.sampled_from(["en", "de", "vi", "zh", "ja", "id", "tr", "ru", ""]))
@example("May 5 and 5 March, the 5th of May", "en")
@example("May ٥", "ar")
def test_all_tokens_at_once_are_those_one_by_one(text: str, lang: str) -> None:
    one_by_one = words(text, lang=lang, limit=LIMIT)
    at_once = tokens(text, lang=lang, limit=LIMIT)
    assert at_once.numbers == [word.token for word in one_by_one]
    starts = [surface[0] for surface in at_once.surfaces]
    assert starts == [word.surface[0] for word in one_by_one]


def test_what_is_kept_of_words_is_bounded() -> None:
    known = module._chunks_by("")
    known.clear()
    known.update((f"w{number}", ()) for number in range(module._CHUNKS_KEPT))
    address = "https://feed.test/" + "news/" * 9
    assert tokens(f"two words {address}", lang="en", limit=LIMIT).numbers
    assert set(known) == {"two", "words"}


@given(st.lists(_PARTS | st.text(max_size=3), max_size=LIMIT))
@example(["The", " ", "Rate's", " ", "Rate", "’", "s"])
@example(["a", " ", "Rate's", "'", "a"])
@example(["a", " ", "Rate", "5", " ", "May"])
@example(["a", "  ", "May", "-", "May"])
def test_a_run_behind_a_word_is_found_without_reading_all(parts: list[str]) -> None:
    text = "".join(parts)
    surfaces, _, are_runs, _ = tokens(text, lang="en", limit=LIMIT)
    read = beginning(text, lang="en", limit=LIMIT)
    if not are_runs or read is None:
        return
    assert surfaces == tokens(read, lang="en", limit=LIMIT).surfaces
    behind: set[str] = set()
    for word in words(text, lang="en", limit=LIMIT):
        before = text[max(word.start - 2, 0) : word.start]
        if before.strip(" ").isalpha():
            behind.add(word.surface)
    plain = [run for run in surfaces if is_plain(run) and not is_month(run)]
    assert {run for run in plain if stands_behind_word(run, read)} == behind & set(
        plain
    )


_HINTED = st.sampled_from(
    [
        *("Q", "q", "1Q", "Q2FY", "FY", "quart", "QUART", "Trimestre", "TRİMESTRE", "trımest"),
        *("квартал", "КВАРТ", "第一季度", "四半期", "1분기", "é", " ", "-", "a", "ſ", "İ"),
    ]
)  # fmt: skip


@given(st.lists(_HINTED | st.text(max_size=2), max_size=4).map("".join))
def test_what_may_hold_a_quarter_is_told_by_its_parts(text: str) -> None:
    hinted = module._QUARTER_HINT.search(text) is not None
    assert module._may_hold_quarter(text) or not hinted


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("hi", "सोने की कीमत बढ़ी ; भारत जीता"),
        ("bn", "বাংলাদেশের প্রধানমন্ত্রী ঢাকায়"),
        ("ta", "தமிழ்நாடு முதல்வர்"),
        ("ml", "കേരളത്തിൽ കനത്ത മഴ"),
        ("ar", "مُحَمَّد رَئِيس"),
        ("he", "שָׁלוֹם עֲלֵיכֶם"),
    ],
)
def test_a_word_is_not_cut_at_its_vowel_signs(lang: str, text: str) -> None:
    read = words(cleaned(text, lang=lang), lang=lang, limit=LIMIT)
    known = [word for word in cleaned(text, lang=lang).split() if len(word) > 1]
    assert [word.surface for word in read] == known


def numbers_of(lang: str, text: str) -> list[int]:
    read = words(cleaned(text, lang=lang), lang=lang, limit=LIMIT)
    return [word.token for word in read]


@pytest.mark.parametrize(
    ("lang", "one", "other"),
    [
        ("hi", "हिन्दी", "हिंदी"),
        ("hi", "भूकम्प", "भूकंप"),
        ("hi", "बढ़ी", "बढी"),
        ("hi", "मुँह", "मुंह"),
        ("ar", "مُحَمَّد", "محمد"),
        ("tr", "IŞIK", "ışık"),
        ("fr", "Sacré-Cœur", "sacre-coeur"),
        ("ar", "بالقاهرة", "القاهرة"),
        ("ar", "للبرلمان", "والبرلمان"),
        ("ar", "المصرى", "المصري"),
        ("fa", "کتاب", "كتاب"),
        ("ar", "٢٠٢٦", "2026"),
        ("fa", "۳۷", "37"),
        ("hi", "२२", "22"),
        ("bn", "১২", "12"),
        ("hi", "गिरी", "गिरा"),
        ("hi", "मौतें", "मौत"),
        ("id", "menangkap", "ditangkap"),
        ("id", "Memukul", "dipukul"),
        ("id", "mendukung", "didukung"),
        ("id", "memperkuat", "diperkuat"),
        ("id", "rumahnya", "rumah"),
        ("vi", "Hoà Bình", "Hòa Bình"),
        ("vi", "thuỷ", "thủy"),
        ("tr", "AB'nin", "AB"),
        ("uk", "об'єкт", "об’єкт"),
    ],
)
def test_spellings_and_forms_of_a_word_are_one(lang: str, one: str, other: str) -> None:
    assert numbers_of(lang, one)
    assert numbers_of(lang, one) == numbers_of(lang, other)


@pytest.mark.parametrize(
    ("lang", "one", "other"),
    [
        ("ar", "الغد", "غد"),
        ("ar", "بالغد", "غد"),
        ("hi", "वे", "वो"),
        ("id", "Medan", "dan"),
        ("id", "memperkuat", "memperoleh"),
        ("vi", "hòa", "hóa"),
        ("uk", "п'ять", "ять"),
    ],
)
def test_of_a_short_word_nothing_is_cut_off(lang: str, one: str, other: str) -> None:
    assert numbers_of(lang, one) != numbers_of(lang, other)


@pytest.mark.parametrize(
    ("lang", "text", "expected"),
    [
        ("ja", "備後バスがスト突入", ["備後", "バス", "スト", "突入"]),
        ("ja", "三重・大紀の山川で", ["三重", "大紀", "山川"]),
        ("ja", "打ち上げは再延期", ["打", "上", "再延", "延期"]),
        ("ja", "いわき市で火災", ["いわ", "わき", "市", "火災"]),
        ("ja", "した市長", ["市長"]),
        ("ja", "さくらまつり", ["さく", "くら", "らま", "まつ", "つり"]),
        ("zh", "美国和中国的关税", ["美国", "中国", "关税"]),
        ("zh-Hant", "與日本簽署協議", ["日本", "本签", "签署", "署协", "协议"]),
        ("zh", "两人被捕", ["两人", "被捕"]),
        ("zh", "三人被判", ["三人", "判"]),
        ("ko", "3월 5일 서울", ["일", "서울"]),
    ],
)
def test_of_scripts_without_spaces_small_words_are_no_part_of_others(
    lang: str, text: str, expected: list[str]
) -> None:
    read = words(cleaned(text, lang=lang), lang=lang, limit=LIMIT)
    assert [word.surface for word in read] == expected
