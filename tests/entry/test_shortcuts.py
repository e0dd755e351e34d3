"""What spares most texts a pattern says of every text what the pattern says."""

from __future__ import annotations

import sys

from hypothesis import example, given
from hypothesis import strategies as st

from aggregator.entry import boilerplate, characters, language, repair

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


@given(st.text(st.characters(max_codepoint=0x7F), max_size=40))
def test_letters_and_words_are_the_same_in_ascii(text: str) -> None:
    letters = [character for character in text if character.isalpha()]
    assert language._script(text)[1] == len(letters)
    lower = text.lower()
    assert language._ASCII_WORD.findall(lower) == language._WORD.findall(lower)
