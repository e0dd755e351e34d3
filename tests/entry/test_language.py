"""Language: claims, what contradicts them, and what a text shows by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.entry import language as languages
from aggregator.entry.language import _SMALL_WORDS, language_of, tag_of

GERMAN = (
    "Der Bundestag beschließt nach langer Debatte das neue Gesetz zur Reform der Rente"
)
ENGLISH = "The government has announced new rules for travellers arriving from abroad next week"


def of(
    text: str,
    *,
    configured: str | None = None,
    feed: str | None = None,
    entry: str | None = None,
) -> str:
    return language_of(configured=configured, feed=feed, entry=entry, text=text)


@pytest.mark.parametrize(
    ("stated", "tag"),
    [
        ("en", "en"),
        ("EN-us", "en-US"),
        ("zh_cn", "zh-CN"),
        ("zh-hans-cn", "zh-Hans-CN"),
        ("pt-br", "pt-BR"),
        ("es-419", "es-419"),
        ("en_US.UTF-8", "en"),
        ("de-DE-1996", "de-DE"),
        ("eng", "en"),
        ("deu-AT", "de-AT"),
        ("cn", "zh-CN"),
        ("jp", "ja"),
        ("english", "en"),
        ("en-us, fr", "en-US"),
        ("iw", "he"),
        ("yue-HK", "yue-HK"),
        ("", None),
        (None, None),
        ("und", None),
        ("mul", None),
        ("x-default", None),
        ("utf-8", None),
        ("true", None),
        ("1", None),
    ],
)
def test_stated_languages_become_tags(stated: str | None, tag: str | None) -> None:
    assert tag_of(stated) == tag


def test_what_the_operator_configured_is_never_contradicted() -> None:
    assert (
        of("普京拜登通话一小时", configured="en-us", feed="zh", entry="zh") == "en-US"
    )


def test_the_entry_comes_before_its_feed() -> None:
    assert of("Kurz", feed="en", entry="de-ch") == "de-CH"
    assert of(GERMAN, feed="en", entry="de") == "de"


def test_a_claim_keeps_its_region() -> None:
    assert of("普京拜登通话一小时", feed="zh-tw") == "zh-TW"
    assert of(ENGLISH, feed="en-gb") == "en-GB"


@pytest.mark.parametrize(
    ("text", "claim", "expected"),
    [
        ("普京拜登通话一小时", "en-us", "zh"),
        ("首相が会見で新しい経済対策を発表", "en", "ja"),
        ("대통령이 새로운 정책을 발표했다", "en-us", "ko"),
        ("Η κυβέρνηση ανακοίνωσε νέα μέτρα", "en", "el"),
        ("นายกรัฐมนตรีแถลงข่าว", "en", "th"),
        ("הממשלה הודיעה על צעדים חדשים", "en", "he"),
        (
            "Правительство объявило о новых мерах поддержки семей с детьми по всей стране",
            "en-us",
            "ru",
        ),
        ("أعلنت الحكومة اليوم عن إجراءات جديدة لدعم المواطنين", "en", "ar"),
        (GERMAN, "en-us", "de"),
        (ENGLISH, "zh-cn", "en"),
        (ENGLISH, "ru", "en"),
    ],
)
def test_a_text_contradicts_a_wrong_claim(text: str, claim: str, expected: str) -> None:
    assert of(text, feed=claim) == expected


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("Apple 发布 iPhone 16 Pro Max", "zh-CN"),
        ("5G 手机", "en"),
        ("OK", "zh-CN"),
        ("", "fr"),
        ("Fiat Lux", "it"),
        ("首相辞任", "ja"),
        ("Vlada je donijela novi zakon o radu nakon duge rasprave u saboru", "hr"),
        ("Vlada je donijela novi zakon o radu nakon duge rasprave u saboru", "sr"),
        ("2026: 1-0 (45')", "pt-BR"),
    ],
)
def test_a_text_that_says_little_does_not_contradict(text: str, claim: str) -> None:
    assert of(text, feed=claim) == claim


def test_without_a_claim_the_text_decides_where_it_is_clear() -> None:
    assert of(GERMAN) == "de"
    assert of(ENGLISH) == "en"
    assert of("央行宣布下调存款准备金率") == "zh"
    assert of("ニュース速報") == "ja"


@pytest.mark.parametrize("text", ["", "   ", "12345", "OK", "😀😀", "A1 B2"])
def test_without_a_claim_a_text_that_says_little_is_undetermined(text: str) -> None:
    assert of(text) == "und"


@given(
    st.text(max_size=80),
    st.one_of(st.none(), st.text(max_size=12)),
    st.one_of(st.none(), st.text(max_size=12)),
)
def test_any_text_and_claims_give_a_tag(
    text: str, feed: str | None, entry: str | None
) -> None:
    found = of(text, feed=feed, entry=entry)
    assert found == "und" or tag_of(found) == found


@pytest.mark.slow
def test_labelled_titles_are_told_apart(shared: Path) -> None:
    lines = (shared / "data" / "og2021_multi.dev.jsonl").read_text().strip().split("\n")
    items = [json.loads(line) for line in lines][::7]
    found = [
        (item["lang"], of(item["title"]).partition("-")[0])
        for item in items
        if item.get("title")
    ]
    wrong = [pair for pair in found if pair[1] not in (pair[0], "und")]
    unsure = [pair for pair in found if pair[1] == "und"]
    assert len(found) > 300
    assert len(wrong) <= 0.02 * len(found)
    assert len(unsure) <= 0.15 * len(found)


SMALL = {
    "en": "The mayor of the town said that they would meet with their neighbours, and this was from the start the plan",
    "de": "Der Rat der Stadt hat nicht mit den Nachbarn gesprochen, und das ist auch für die Bürger eine Frage, die sich",
    "fr": "Les élus de la ville ont rencontré les voisins dans une salle, et cette réunion est pour eux aussi avec du pain",
    "ru": "Мэр города сказал, что это было для него важно, как и для соседей, или они еще не решили, что после",
}


@pytest.mark.parametrize("language", SMALL)
def test_small_words_of_a_claim_agree_with_it_and_with_no_other(language: str) -> None:
    for claim in SMALL:
        assert of(SMALL[language], feed=claim) == language


def test_a_text_in_two_languages_is_left_to_the_detector() -> None:
    both = "der das und ist nicht mit " * 6 + "the of and that with from " * 2
    assert of(both, feed="en") == of(both) == "de"


def test_no_small_word_is_of_two_languages() -> None:
    words = [word for listed in _SMALL_WORDS.values() for word in listed.split()]
    assert len(words) == len(set(words))


def test_three_small_words_are_enough_where_no_other_language_has_them() -> None:
    english = "The harbour of Ostend reopened with a parade"
    german = " ".join(SMALL["de"].split()[:9])
    polish = "Na rynku w Krakowie nie ma wolnych miejsc"
    assert languages._is_confirmed("en", english)
    assert not languages._is_confirmed("en", english.replace("with", "and" * 2))
    assert not languages._is_confirmed("en", f"{english} {german}")
    assert not languages._is_confirmed("pl", polish)


@pytest.mark.parametrize("claim", list(SMALL))
def test_the_likeliest_of_all_is_the_likeliest_of_its_script(claim: str) -> None:
    text = SMALL[claim]
    script, _ = languages._script(text)
    assert languages._likeliest(text) == languages._classified(text, script)[0] == claim
