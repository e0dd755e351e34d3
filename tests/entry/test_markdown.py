"""Bodies read as Markdown: every reader sees what a browser sees, and the bytes are the published ones where they may."""

from __future__ import annotations

import re
from collections.abc import Callable

import markdown
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from selectolax.lexbor import LexborHTMLParser

from aggregator.entry.markup import escaped_text, safe_body
from aggregator.entry.safety import is_safe
from aggregator.model import DocumentSettings
from tests.entry.bodies import drawn_bodies
from tests.entry.renderings import ATTACKS, SCRIPT, TEXT_ATTACKS, tree, wrapped

SETTINGS = DocumentSettings()
EXTENSIONS = ["extra", "toc", "sane_lists", "nl2br", "admonition"]
READERS: dict[str, Callable[[str], str]] = {
    "CommonMark": MarkdownIt("commonmark").render,
    "GFM": MarkdownIt("gfm-like", {"linkify": False, "html": True}).render,
    "Python-Markdown": markdown.markdown,
    "Python-Markdown with extensions": lambda text: markdown.markdown(
        text, extensions=EXTENSIONS
    ),
}
PIECES = st.sampled_from(
    ["<p>", "</p>", "<div>", "</div>", "<div title=", "<a title=", "<a href='x'", "<span title='", '<span title="', '"', "'", ">", SCRIPT, "<!--", "-->", "--!>", "<!-->", "<?", "<!x", "<pre>", "</pre>", "<table><tr><td>", "</table>", "```", "~~~", "\n", "\n\n", " ", "\xa0", "[x](javascript:a)", "<javascript:a>", "text", "`", "**", "    ", "# h", "- a", "</", "<", "<![CDATA[", "]]>", "<p markdown=1>", "\\", "<iframe src=https://www.youtube.com/embed/x>", "</iframe>", "<details>", "<x-y>", "<hr>", "&lt;", "&#10;"]
)  # fmt: skip


def body(html: str) -> str:
    return safe_body(html, base_url="https://h.example/", settings=SETTINGS)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_reader_of_markdown_sees_what_a_browser_sees(
    attack: str, reader: str
) -> None:
    written = wrapped(body(ATTACKS[attack]))
    assert is_safe(body(ATTACKS[attack]), embeds=SETTINGS.embeds)
    assert tree(READERS[reader](written)) == tree(written)


@pytest.mark.parametrize(
    "html",
    ["<![CDATA[-->\n</p>", "<![CDATA[a>\n<p>b</p>]]>", "<![cdata[x>", "<![IGNORE[a]>\n</p>", "<![if !IE>\n</p>"]
)  # fmt: skip
def test_a_section_that_a_browser_ends_sooner_is_taken_out(html: str) -> None:
    answer = body(html)
    assert "<![" not in answer
    for read in READERS.values():
        assert tree(read(wrapped(answer))) == tree(wrapped(answer))


@pytest.mark.parametrize(
    "html", ["<![CDATA[x]]>", "<p>a</p><![endif]>", "<![if !vml]>"]
)
def test_a_section_that_all_end_alike_stays(html: str) -> None:
    assert body(html) == html


def test_drawn_bodies_are_read_alike_by_every_reader() -> None:
    for html in drawn_bodies(400, seed=16):
        for answer in (body(html), escaped_text(html, settings=SETTINGS)):
            expected = tree(wrapped(answer))
            for name, read in READERS.items():
                assert tree(read(wrapped(answer))) == expected, (name, html)


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=18).map("".join))
def test_every_body_is_read_alike_and_holds_no_blank_line(html: str) -> None:
    answer = body(html)
    assert not re.search(r"\n\s*\n", answer)
    assert body(answer) == answer
    for read in READERS.values():
        assert tree(read(wrapped(answer))) == tree(wrapped(answer))


@settings(max_examples=200)
@given(st.lists(PIECES, max_size=18).map("".join))
def test_plain_text_is_text_in_markdown_too_even_without_its_wrapper(text: str) -> None:
    answer = escaped_text(text, settings=SETTINGS)
    assert not re.search(r"\n\s*\n", answer)
    for read in READERS.values():
        assert tree(read(wrapped(answer))) == tree(wrapped(answer))
        assert not LexborHTMLParser(read(answer)).css(
            "a, img, em, strong, code, pre, h1, li, hr, p p"
        )


@pytest.mark.parametrize("text", TEXT_ATTACKS.values(), ids=TEXT_ATTACKS)
def test_plain_text_says_what_it_said(text: str) -> None:
    shown = LexborHTMLParser(escaped_text(text, settings=SETTINGS)).body
    assert shown is not None
    assert shown.text().split() == text.split()


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>a</p>\n\n \n<p>b\n c</p>", "<p>a</p>\n<p>b\n c</p>"),
        ('<p title="a\n\nb\nc">x</p>', '<p title="a&#10;&#10;b\nc">x</p>'),
        ('<p title="a\n \t\nb">x</p>', '<p title="a&#10; \t&#10;b">x</p>'),
        ("<p\n\nclass=x>y</p>", "<p\nclass=x>y</p>"),
        ("<pre>a\n\n\n  b</pre>\n\nc", "<pre>a\n&#10;&#10;  b</pre>\nc"),
        ("<pre>a<b>\n \n</b>\n\n</pre>", "<pre>a<b>\n &#10;</b>\n&#10;</pre>"),
        ('<p style="white-space: pre-wrap">a\n\nb</p>', '<p style="white-space: pre-wrap">a\n&#10;b</p>'),
        ("a\n\u00a0\n\u3000\nb", "a\n&#160;&#12288;\nb"),
        ("<!-- a\n\nb --><p>x", "<!-- a\nb --><p>x"),
        ("<p title='<b>'>x</p>", "<p title='&lt;b>'>x</p>"),
        ("<p>``` `x` ~~ 哈哈~~~</p>", "<p>``` `x` ~~ 哈哈~~~</p>"),
        ("a\n```\nb\n  ~~~~", "a\n&#96;``\nb\n  &#126;~~~"),
        ("<p>a * b_c_d [1] \\ # x</p>", "<p>a * b_c_d [1] \\ # x</p>"),
    ],
)  # fmt: skip
def test_only_what_would_be_read_another_way_is_written_anew(
    html: str, expected: str
) -> None:
    assert body(html) == expected
    assert body(expected) == expected


def test_long_runs_take_linear_time() -> None:
    for piece in (
        "\n",
        "\n ",
        "`",
        "\n`",
        "\n-",
        "<!--",
        "<a title='\n\n'>",
        "<p \n\n",
        "\n\u00a0",
        "<?",
        "~~~\n",
    ):
        assert not re.search(r"\n\s*\n", body(piece * 60_000))
