from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.dedup import facts
from aggregator.dedup.words import words


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("M5.1 quake", facts.MAGNITUDE, 5.1),
        ("of 6.8-magnitude", facts.MAGNITUDE, 6.8),
        ("四川发生6.8级地震", facts.MAGNITUDE, 6.8),
        ("rates up 25 bp", facts.BASIS_POINTS, 25),
        ("加息25个基点", facts.BASIS_POINTS, 25),
        ("rises 3.5%", facts.PERCENT, 3.5),
        ("增长15%", facts.PERCENT, 15),
        ("a $68.7bn deal", facts.MONEY, 68.7e9),
        ("costs 1,250 euros", facts.MONEY, 1250),
        ("win 3-1", facts.SCORE, 3001),
        ("lose 1-3", facts.SCORE, 3001),
        ("3比0战胜", facts.SCORE, 3000),
        ("crash kills 12", facts.CASUALTIES, 12),
        ("致38人遇难", facts.CASUALTIES, 38),
        ("record Q2", facts.PERIOD, 2),
        ("3月5日", facts.DATE, 305),
        ("3월 5일", facts.DATE, 305),
        ("5 şubat", facts.DATE, 205),
        ("12 gennaio", facts.DATE, 112),
        ("5 मार्च", facts.DATE, 305),
        ("5 يناير", facts.DATE, 105),
        ("21 березня", facts.DATE, 321),
        ("yüzde 43'e indi", facts.PERCENT, 43),
        ("7 persen", facts.PERCENT, 7),
        ("7 प्रतिशत", facts.PERCENT, 7),
        ("12 في المئة", facts.PERCENT, 12),
        ("2,4 bilhões de reais", facts.MONEY, 2.4e9),
        ("rp 2,4 triliun", facts.MONEY, 2.4e12),
        ("500 करोड़ रुपये", facts.MONEY, 5e9),
        ("94억원", facts.MONEY, 9.4e9),
        ("2만1천원", facts.MONEY, 21_000),
        ("1조2300억원", facts.MONEY, 1.23e12),
        ("12億円", facts.MONEY, 1.2e9),
        ("1万2千円", facts.MONEY, 12_000),
        ("28 bin 250 lira", facts.MONEY, 28_250),
        ("4 triệu đồng", facts.MONEY, 4e6),
        ("3명 사망", facts.CASUALTIES, 3),
        ("7 morti", facts.CASUALTIES, 7),
        ("2000万", facts.LABEL, 20_000_000),
    ],
)
def test_a_number_has_its_kind(text: str, kind: int, value: float) -> None:
    ((found_kind, found_value),) = facts.numbers(text, limit=8)
    assert found_kind == kind
    assert found_value == pytest.approx(value)


@pytest.mark.parametrize("text", ["sạt lở 31/10", "ngày 31/10/2025", "31 tháng 10"])
def test_a_day_before_a_stroke_is_a_date_where_it_is_written_so(text: str) -> None:
    assert (facts.DATE, 1031) in facts.numbers(text, limit=8, lang="vi")
    assert (facts.DATE, 1031) not in facts.numbers(text, limit=8, lang="en")


def test_a_number_is_of_the_kind_of_its_word() -> None:
    phone, game = facts.numbers("iPhone 15", limit=1), facts.numbers("Game 15", limit=1)
    assert phone[0][1] == game[0][1] == 15
    assert phone[0][0] != game[0][0]


def test_the_word_beside_a_number_is_read_whole() -> None:
    """ "Injured" and "houses" begin with one letter, and a vowel sign behind it."""
    hurt, houses = facts.numbers("22 घायल", limit=1), facts.numbers("22 घाट", limit=1)
    assert hurt[0][1] == houses[0][1] == 22
    assert hurt[0][0] != houses[0][0]


def test_a_chinese_numeral_is_the_number_it_writes() -> None:
    assert facts.numbers("神舟十七号发射", limit=1) == facts.numbers(
        "神舟17号发射", limit=1
    )


def test_opposite_words_are_opposite_sides_of_one_pair() -> None:
    up, down = facts.direction(["rises"]), facts.direction(["falls"])
    assert up
    assert down == up << 1


def test_text_without_numbers_has_none() -> None:
    assert facts.numbers("nothing to count", limit=8) == []


@pytest.mark.parametrize(
    "text",
    [
        "quiz for august 21",
        "what happened on 20 august",
        "hints for 21st of september",
        "le 14 juillet",
        "3月5日节目",
    ],
)
def test_a_day_and_its_month_are_a_date_and_no_words(text: str) -> None:
    assert [kind for kind, _ in facts.numbers(text, limit=8)] == [facts.DATE]
    left = {word.surface for word in words(text, lang="en", limit=40)}
    assert not left & {"august", "september", "juillet", "21", "20", "14", "月"}


def test_a_month_without_a_day_is_a_word() -> None:
    assert [word.surface for word in words("may day in march", lang="en", limit=9)] == [
        "may",
        "day",
        "in",
        "march",
    ]


FILLER = "; and then much was said of it by everybody who was there to see; "
PIECES = st.sampled_from(
    ["3 firefighters", "injuring at least 12", "rises 3.5%", "第3轮", "长征五号", "magnitude 6", "kills 4", "May 7", "3-1", "x"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=6))
def test_numbers_far_from_one_another_are_all_found_in_their_order(
    pieces: list[str],
) -> None:
    expected = [facts.numbers(piece + FILLER, limit=9) for piece in pieces]
    typed = dict.fromkeys(number for numbers in expected for number in numbers)
    text = FILLER + "".join(piece + FILLER for piece in pieces)
    assert facts.numbers(text, limit=9) == list(typed)[:9]
