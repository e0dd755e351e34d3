"""Which tokens name places, and how far apart two places are."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aggregator.dedup.places import (
    Numbers,
    Places,
    crossed,
    distance,
    is_exact,
    places_in,
)
from aggregator.dedup.words import cleaned, words

SAME_PLACE = [
    ("en", "Iowa", "en", "Iowa"), ("en", "Munich", "de", "München"), ("ru", "в Екатеринбурге", "en", "in Yekaterinburg"),
    ("zh", "花莲", "zh-Hant", "花蓮"), ("en", "Porto", "pt", "Porto"), ("en", "South Carolina", "en", "South Carolina"),
    ("hi", "इन्दौर", "hi", "इंदौर"), ("hi", "मुंबई", "en", "Mumbai"), ("bn", "ঢাকা", "en", "Dhaka"), ("zh", "冲绳", "ja", "沖縄"),
    ("ar", "بالقاهرة", "en", "Cairo"), ("vi", "Biên Hòa", "en", "Biên Hòa"), ("id", "Semarang", "en", "Semarang"),
    ("id", "Denpasar", "en", "Denpasar"), ("id", "Merauke", "en", "Merauke"),
]  # fmt: skip
WITHIN = [
    ("en", "Paris", "en", "France"), ("de", "München", "de", "Bayern"), ("en", "Glasgow", "en", "Scotland"),
    ("zh", "昆明", "zh", "云南"), ("en", "Des Moines", "en", "Iowa"), ("pt", "Lisboa", "pt", "Portugal"),
]  # fmt: skip
APART = [
    ("pt", "Porto", "it", "Torino", 3), ("zh", "云南", "zh", "甘肃", 2), ("de", "Bayern", "de", "Hessen", 2),
    ("en", "Iowa", "en", "Minnesota", 2), ("ru", "Самара", "ru", "Екатеринбург", 2), ("fr", "Corrèze", "fr", "Finistère", 2),
    ("en", "Scotland", "en", "Wales", 2), ("es", "Alicante", "es", "Murcia", 2), ("de", "Koblenz", "de", "Meppen", 2),
    ("de", "Köln", "de", "Dortmund", 1), ("zh-Hant", "屏東", "zh-Hant", "台東", 2), ("ja", "岩手", "ja", "宮城", 2),
    ("hi", "राजस्थान", "hi", "झारखंड", 2), ("ar", "القاهرة", "ar", "دمشق", 3), ("ko", "대전", "ko", "제주", 2),
    ("en", "North Carolina", "en", "South Carolina", 2), ("hi", "पटना", "hi", "इंदौर", 2), ("zh", "冲绳", "zh", "北海道", 2),
]  # fmt: skip
NO_PLACES = [
    "Central bank keeps rates unchanged",
    "Two killed as light plane crashes",
    "Präsident tritt zurück",
    "央行维持利率不变",
]


def places_of(lang: str, text: str) -> Numbers:
    tokens = [
        word.token for word in words(cleaned(text, lang=lang), lang=lang, limit=20)
    ]
    return places_in(np.array([[*tokens, 0]], np.uint32)).place


def nearest(one: tuple[str, str], other: tuple[str, str]) -> int:
    return int(distance(places_of(*one)[:, None], places_of(*other)).min())


def test_names_of_one_place_in_two_languages_are_one_place() -> None:
    for lang, one, other_lang, other in SAME_PLACE:
        a, b = places_of(lang, one), places_of(other_lang, other)
        assert len(a) == len(b) == 1
        assert is_exact(a, b).all(), (one, other)


def test_a_place_is_not_apart_from_what_holds_it() -> None:
    for lang, one, other_lang, other in WITHIN:
        assert nearest((lang, one), (other_lang, other)) == 0, (one, other)


def test_places_are_apart_by_city_region_and_country() -> None:
    for lang, one, other_lang, other, expected in APART:
        assert nearest((lang, one), (other_lang, other)) == expected, (one, other)


def test_common_words_are_no_places() -> None:
    for text in NO_PLACES:
        lang = "zh" if "央" in text else "de" if "ä" in text else "en"
        assert not len(places_of(lang, text)), text


def test_of_a_name_of_two_tokens_neither_is_a_name_of_its_own() -> None:
    state, country = places_of("en", "New Mexico"), places_of("en", "Mexico")
    assert len(state) == len(country) == 1
    assert distance(state, country).tolist() == [3]
    found = places_of("en", "New Mexico beats Mexico")
    assert found.tolist() == [*state.tolist(), *country.tolist()]


def test_places_of_one_row_are_crossed_in_its_order() -> None:
    numbers = np.arange(4, dtype=np.int32)
    one = Places(np.array([0, 0, 2, 5]), np.array([0, 3, 1, 0]), numbers)
    other = Places(np.array([0, 2, 2, 4]), np.array([0, 3, 5, 0]), numbers)
    mine, theirs = crossed(one, other)
    assert list(zip(mine.tolist(), theirs.tolist(), strict=True)) == [
        (0, 0),
        (1, 0),
        (2, 1),
        (2, 2),
    ]


PLACES = st.builds(
    lambda country, region, city: (country << 8 | region) << 12 | (city if region else 0),
    st.integers(1, 3), st.integers(0, 2), st.integers(0, 2),
)  # fmt: skip


@given(PLACES, PLACES)
def test_distance_is_symmetric_and_zero_to_itself(a: int, b: int) -> None:
    one, other = np.array([a], np.int32), np.array([b], np.int32)
    [far] = distance(one, other).tolist()
    assert distance(other, one).tolist() == [far]
    assert distance(one, one).tolist() == [0]
    assert 0 <= far <= 3
