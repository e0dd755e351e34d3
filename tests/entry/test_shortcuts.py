"""What spares most texts a pattern says of every text what the pattern says."""

from __future__ import annotations

import re
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aggregator.entry import (
    boilerplate,
    characters,
    decode,
    language,
    markdown,
    newest,
    repair,
)
from aggregator.entry.short_texts import KEPT, SHORT_CHARS, remembering
from aggregator.entry.text import title_text
from aggregator.entry.urls import canonical_url

_SAMPLE = 997
"""Characters around each sampled one stand for their block; a prime, so that every low byte comes."""
_ODD = [*range(0x3000), *range(0xD7F0, 0xE010), *range(0xFB00, sys.maxunicode, _SAMPLE)]
_ENDS = [
    plane + end
    for plane in range(0, 0x110000, 0x10000)
    for end in (0xFDCF, 0xFDD0, 0xFDEF, 0xFDF0, 0xFFFD, 0xFFFE, 0xFFFF)
]


def test_a_character_is_allowed_alone_as_among_others() -> None:
    for code in (*_ODD, *_ENDS):
        character = chr(code)
        for clean in (characters.body_characters, characters.one_line):
            alone = clean(f"a{character}b")
            assert clean(f"é\U0001f600a{character}b") == f"é\U0001f600{alone}"


def test_what_xml_forbids_is_seen_in_the_bytes() -> None:
    for code in (*_ODD, *_ENDS):
        is_forbidden = repair._FORBIDDEN.search(chr(code)) is not None
        assert repair._is_allowed(f"é{chr(code)}") is not is_forbidden


@given(st.text(st.sampled_from("READthepostsſ.…&hilraquo;→ "), max_size=20))
@example("Read more")
@example("THE POST x")
@example("a...")
@example("x &raquo;")
def test_a_tail_is_told_by_the_same_marks_in_ascii(end: str) -> None:
    is_marked = boilerplate._TAIL_MARK.search(end) is not None
    assert boilerplate._may_have_tail(end) is is_marked


def test_what_is_printable_stays_in_a_line() -> None:
    for code in (*_ODD, *_ENDS):
        line = f"a{chr(code)}b"
        if line.isprintable():
            assert characters._clean_line(line) == characters.one_line(line) == line


_PIECES = ["Read more", "DEVAMINI OKU", "devamını oku", "en savoir plus", "5K", "12 ", "views", "Comments: ", "评论", "3 days ago", "ALL RIGHTS RESERVED.", "QQ空间", "The End", "İ", "ı", "ſ", "K", "ᲂ", "ß", "Σ", " ", "阅读全文", "ещё по теме", "ЧИТАЙТЕ НАС"]  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES), max_size=4).map("".join))
@example("DEVAMINI OKU")
@example("ſhare on")
def test_phrases_are_known_in_any_case(line: str) -> None:
    whole = boilerplate._LINE.fullmatch(line) is not None
    assert boilerplate.is_boilerplate(line) is whole
    counted = boilerplate._COUNT_FIRST.sub(" ", line)
    if boilerplate._DIGIT.search(line):
        counted = boilerplate._NAME_FIRST.sub(" ", counted)
        assert boilerplate.without_counters(line) == counted


def test_letters_of_patterns_are_those_of_lower_case() -> None:
    """Of every character: a pattern for any case and one of small letters on the text in lower case say the same."""
    patterns = (boilerplate._LINE, boilerplate._COUNT_FIRST, boilerplate._NAME_FIRST)
    written = "".join(pattern.pattern for pattern in patterns)
    letters = "".join(sorted({letter.lower() for letter in written}))
    known = re.compile(f"[{re.escape(letters)}]", re.IGNORECASE)
    for code in range(sys.maxunicode + 1):
        small = boilerplate._in_small_letters(chr(code))
        if small:
            assert len(small) == 1
            assert (known.match(chr(code)) is not None) is (small in letters)


@given(st.text(st.characters(max_codepoint=0x7F), max_size=40))
def test_letters_and_words_are_the_same_in_ascii(text: str) -> None:
    letters = [character for character in text if character.isalpha()]
    assert language._script(text)[1] == len(letters)
    lower = text.lower()
    words = lower.translate(language._ASCII_LETTERS_ALONE).split()
    assert words == language._WORD.findall(lower)


_SIGNED = st.text(st.sampled_from("the of és \u00a0\u2019\u201c\u2014\u2026.,5ñ中ß"))


@given(_SIGNED)
def test_signs_are_part_of_no_word_and_of_no_script(text: str) -> None:
    plain = language._without_signs(text)
    assert language._script(plain) == language._script(text)
    assert language._WORD.findall(plain) == language._WORD.findall(text)


_TWICE = [chr(code) for code in range(0x78, 0x100)]
_TWICE += map(chr, decode._AS_CP1252_BYTES)


@given(st.text(st.sampled_from([*_TWICE, "中"]), max_size=6))
@example("Ã©")
@example("â€™")
def test_what_is_utf8_twice_begins_as_it(text: str) -> None:
    try:
        octets = text.translate(decode._AS_CP1252_BYTES).encode("latin-1")
        octets.decode("utf-8")
    except UnicodeError:
        return
    assert text.isascii() or decode._BEGINS_AS_TWICE.match(text)


@pytest.mark.parametrize("text", ["Ã©t", "a â€™", "Ð¾", "\x80Ã©", "’Ã©", "中"])
def test_bytes_that_go_on_begin_nothing(text: str) -> None:
    is_begun = text[0] not in "\x80’中"
    assert (decode._BEGINS_AS_TWICE.match(text) is not None) is is_begun


def test_only_short_texts_are_remembered_and_not_for_ever() -> None:
    asked: list[str] = []

    @remembering
    def length(text: str) -> int:
        asked.append(text)
        return len(text)

    short, long = "a" * SHORT_CHARS, "a" * (SHORT_CHARS + 1)
    answers = [length(text) for text in (short, short, long, long)]
    assert answers == [len(short), len(short), len(long), len(long)]
    assert asked == [short, long, long]
    for number in range(KEPT):
        length(str(number))
    length(short)
    assert asked[-1] == short


@given(st.text(st.sampled_from("<b>/&;amp#39 é?=:htps."), max_size=40))
def test_what_is_remembered_is_what_would_be_worked_out(text: str) -> None:
    for function in (title_text, canonical_url, language._tag_of):
        plain = function.__wrapped__  # type: ignore[attr-defined]
        assert function(text) == function(text) == plain(text)


_MARKUP = st.lists(
    st.sampled_from(["<!DOCTYPE x>", "<rss>", "<!-- -->", "<1", "[", "]>", "text"])
)


@given(_MARKUP.map("".join))
@example("<rss><!DOCTYPE x>")
@example("<!DOCTYPE x [ <rss> ]><rss>")
def test_a_document_type_counts_only_before_the_root(text: str) -> None:
    root = repair._ROOT.search(text)
    first = text.find("<!DOCTYPE")
    stands_before = first >= 0 and (root is None or first < root.start())
    start, _ = repair._document_type(text)
    assert start == (first if stands_before else -1)


@given(st.lists(st.sampled_from(["<item>", "</item>", "item", "<entry/>", "<a>", "&"])))
def test_a_document_of_few_tags_is_whole_without_being_looked_through(
    parts: list[str],
) -> None:
    text = "".join(parts)
    for limit in (1, 2, 5):
        starts = newest._starts(text)
        if text.count("<") <= limit:
            assert len(starts) <= limit
            assert newest.newest_entries(text, limit) == (text, 0)


_TAGGED = st.lists(
    st.sampled_from(["<a ", "<img ", "<p>", "</p>", "<PRE>", "<prefix>", "<listing>", "href", "HREF", "src", "style='White-Space: x'", "=", "'x'", '"src"', " ", ">", "/>", "hrefs", "-src", "```", "~~~", "`", "\n", "\n\n", "a"]),
    max_size=14,
).map("".join)  # fmt: skip


@given(_TAGGED)
@example("<a src src>")
@example('<img src="/src/x.png">')
@example("<pre>a\n\nb</pre>")
@example("x\n```")
def test_what_markdown_would_edit_is_looked_for_first(html: str) -> None:
    if markdown._SIMPLE.fullmatch(html):
        repeats = markdown._REPEATED.search(html) is not None
        assert markdown._repeats_a_name(html) is repeats
    may_be = markdown._MAY_BE_PREFORMATTED.search(html) is not None
    assert markdown._may_be_preformatted(html) is may_be
    if markdown._FENCE.search(html):
        assert any(fence in html for fence in markdown._FENCES)


@given(
    st.text(st.sampled_from(" \t\n\x0b\x1c\x7f\u00a0\u3000\u200bab<é中"), max_size=8)
)
@example("  a b ")
@example(" a\tb")
def test_runs_of_white_space_become_one(text: str) -> None:
    assert characters.collapsed(text) == " ".join(text.split())
