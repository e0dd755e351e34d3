"""Cutting HTML as a browser's tokenizer does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from aggregator.entry.tokens import (
    Piece,
    attributes,
    start_tags,
    tokens,
    without_simple_tags,
)

SOUP = st.lists(
    st.sampled_from(["<", ">", "</", "/>", "<!--", "-->", "<!", "<?", "=", "'", '"', " ", "\n", "&amp;", "a", "é", "<p", "<b>", "</b>", "<img ", "src", "href=", "x=1", "<i/", "<iframe>", "</iframe>", "<script", "</script>", "`"]),
    max_size=25,
).map("".join)  # fmt: skip


@settings(max_examples=400)
@given(SOUP)
def test_the_pieces_joined_are_the_input(html: str) -> None:
    pieces = list(tokens(html))
    assert "".join(html[one.start : one.end] for one in pieces) == html
    assert all(one.end > one.start or one.piece is Piece.UNCLOSED for one in pieces)
    assert [one for one in pieces if one.piece is Piece.START] == list(start_tags(html))


TAGS = st.lists(
    st.sampled_from(
        ["<p>", "</p>", "<BR/>", "<a href='x' title=\"a' b\">", "<a  data-x:y.z='' />", "<i a=1>", "<b 'x'>", "</p class='>'>", "</a\n>", "<", ">", "<title>", "</Script>", "<script>", "<plaintext>", "</plaintext>", "<!-- -->", "a", " b é", "'", '"', "<img alt='é'/ >", "<a href='x'title='y'>", "<p/>", "<x-y>", "<é>"]
    ),
    max_size=8,
).map("".join)  # fmt: skip


@settings(max_examples=500)
@given(st.one_of(TAGS, SOUP))
def test_simple_tags_go_as_all_others_do(html: str) -> None:
    blocks = {"p", "br"}
    shown = without_simple_tags(html, blocks, "|")
    if shown is None:
        return
    parts = []
    for token in tokens(html):
        assert token.piece in (Piece.TEXT, Piece.START, Piece.END)
        if token.piece is Piece.TEXT:
            parts.append(html[token.start : token.end])
        elif token.name in blocks:
            parts.append("|")
    assert shown == "".join(parts)


@pytest.mark.parametrize(
    "html",
    ["a<b>c</b >", "<P>a</P><br/>b", "<a href='x>y'>c", "<!-- --><p>a", "<p>5 < 6"],
)
def test_markup_of_simple_tags_is_known(html: str) -> None:
    shown = without_simple_tags(html, {"p", "br"}, "|")
    is_simple = "y" not in html and "!" not in html and "5" not in html
    assert (shown is not None) is is_simple


INLINE = st.lists(
    st.sampled_from(["<img ", "<br ", ">", "/>", "<", "=", "'", '"', " ", "/", "\n", "&lt;", "&quot;", "src", "SRC", "href=", "x=1", "a", "é", "!", "<!--", "-->", "--!>", "<!-->", "?", "</", "`"]),
    max_size=25,
).map("".join)  # fmt: skip


@settings(max_examples=500)
@given(INLINE)
def test_void_elements_and_their_attributes_are_those_of_a_browser_grade_parser(
    html: str,
) -> None:
    root = LexborHTMLParser(f"<div>{html}").root
    assert root is not None
    expected = [
        (node.tag, {k: v or "" for k, v in node.attributes.items()})
        for node in root.traverse()
        if node.tag in ("img", "br")
    ]
    found = [
        (one.name, {a.name: a.value for a in attributes(html, one)})
        for one in start_tags(html)
        if one.name in ("img", "br")
    ]
    assert found == expected


@pytest.mark.parametrize(
    ("html", "pieces"),
    [
        ('<a title="x>y">z</a>', ['<a title="x>y">', "z", "</a>"]),
        ("<a 'b>c'>", ["<a 'b>", "c'>"]),
        ("a < b <3", ["a < b <3"]),
        ("<!-->x<!--->y<!-- --!>z", ["<!-->", "x", "<!--->", "y", "<!-- --!>", "z"]),
        ("<script>a<b></script >x", ["<script>", "a<b>", "</script >", "x"]),
        ("<textarea></textarea>", ["<textarea>", "</textarea>"]),
        ("x<!-- y", ["x", "<!-- y"]),
        ('x<p title="y> z', ["x", '<p title="y> z']),
        ("</>x</ p>", ["</>", "x", "</ p>"]),
    ],
)
def test_where_pieces_end(html: str, pieces: list[str]) -> None:
    assert [html[one.start : one.end] for one in tokens(html)] == pieces


def test_what_the_end_cuts_off_is_unclosed() -> None:
    for html in (
        "<!-- x",
        "<p title='x",
        "<script>x",
        "<iframe><p>",
        "<!doctype",
        "<plaintext>x",
    ):
        assert list(tokens(html))[-1].piece is Piece.UNCLOSED


def test_an_attribute_knows_its_place() -> None:
    html = "<img SRC = 'a b' alt=x src=no>"
    (tag,) = start_tags(html)
    source, alt = attributes(html, tag)
    assert (source.name, source.value, alt.value) == ("src", "a b", "x")
    assert source.place is not None
    assert html[slice(*source.place)] == "'a b'"
    assert html[: alt.end] == "<img SRC = 'a b' alt=x"


@pytest.mark.parametrize(
    "piece",
    [
        '<a "',
        '<a b="',
        "<a b='c' ",
        "<",
        "<a b=c",
        "<!",
        "</",
        "<a =",
        "<a ",
        "<iframe>",
        "<!--",
        "<script",
        "<a/",
        "<a\t=",
        "<b>",
    ],
)
def test_time_grows_no_faster_than_the_text(piece: str) -> None:
    """A quarter of a million characters: quadratic time would be minutes, and pytest's timeout ends it."""
    assert sum(1 for _ in tokens(piece * (250_000 // len(piece)))) > 0
