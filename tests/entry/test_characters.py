"""Characters that may leave the program."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.entry.characters import MAX_TITLE_CHARS, body_characters, one_line

ODD = st.sampled_from(
    "\x00\t\n\r\x0b\x1b\x85\u00a0\u200b\u200c\u200d\u2028\u202e\u2066\u3000\ufeff\uffff\ud800👩a中م "
)
TEXTS = st.one_of(
    st.text(st.characters(codec=None)), st.lists(ODD, max_size=30).map("".join)
)


@given(TEXTS)
def test_a_line_is_clean_short_and_settled(text: str) -> None:
    line = one_line(text)
    assert one_line(line) == line
    assert len(line) <= MAX_TITLE_CHARS
    assert line == line.strip()
    assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in line)
    assert not set(line) & set(
        "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u2060\ufeff\uffff"
    )
    line.encode()


@given(TEXTS)
def test_a_body_keeps_only_tabs_and_line_feeds_of_all_controls(text: str) -> None:
    body = body_characters(text)
    assert body_characters(body) == body
    assert all(c in "\t\n" or unicodedata.category(c) not in ("Cc", "Cs") for c in body)
    body.encode()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a \t\n b", "a b"),
        ("两个　　空格", "两个　　空格"),
        ("prix :\u00a05 €", "prix :\u00a05 €"),
        ("a\u00a0\nb", "a b"),
        ("News \u202egpj.exe\u202c end", "News gpj.exe end"),
        ("普\u200b京\u200c拜\u200d登\ufeff通\u2060话", "普京拜登通话"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("क्\u200dष", "क्\u200dष"),
        ("x" * 501, "x" * 499 + "…"),
        ("x" * 500, "x" * 500),
        ("é (nfd) e\u0301", "é (nfd) e\u0301"),
    ],
)
def test_what_a_line_keeps(text: str, line: str) -> None:
    assert one_line(text) == line


def test_a_body_loses_references_to_what_it_may_not_hold() -> None:
    assert body_characters("a&#x202E;b&#8238;c&#xD800;d&#0;e&#x1b;f") == "abcdef"
    assert (
        body_characters("a&#13;&#10;b&#x2014;c&#150;d&#128512;&#38;#x202e;")
        == "a&#13;&#10;b&#x2014;c&#150;d&#128512;&#38;#x202e;"
    )
    assert body_characters(" \r\n<p>a\rb\r\nc</p>\n ") == "<p>a\nb\nc</p>"
