"""Plain text out of markup."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.entry.text import plain_text, title_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("a <b>b</b>c", "a bc"),
        ("<p>a</p><p>b</p>", "a\nb"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<li>a<li>b", "a\nb"),
        ("a\n  b\tc", "a b c"),
        ("a<script>x</script><style>y</style><!-- z -->b", "ab"),
        ("a &amp; b&nbsp;&lt;c&gt; &#20013;", "a & b <c> 中"),
        ("<td>a</td><td>b</td>", "a\nb"),
        ("x < y", "x < y"),
        ("a<p title='>'>b", "a\nb"),
        ("a<!-- open", "a"),
        ("", ""),
    ],
)
def test_what_a_reader_sees(html: str, text: str) -> None:
    assert plain_text(html) == text


@given(st.text())
def test_any_text_has_a_plain_text(html: str) -> None:
    text = plain_text(html)
    assert "\n\n" not in text
    assert text == text.strip()


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("5 < 6 & AT&T", "5 < 6 & AT&T"),
        ("Head &amp; tail <b>bold</b>", "Head & tail bold"),
        ("<script>alert(1)</script>Head", "Head"),
        ("AT&amp;amp;T", "AT&T"),
        ("It&amp;#8217;s &quot;so&quot;", "It’s \"so\""),
        ("&lt;b&gt;Bold&lt;/b&gt; move", "Bold move"),
        ("Use the &lt;b&gt; tag", "Use the <b> tag"),
        ("Vec<T> and HashMap<K, V>", "Vec<T> and HashMap<K, V>"),
        ("I <3 you", "I <3 you"),
        ("a<br>b", "a b"),
        ("<% x %> {{ y }}", "<% x %> {{ y }}"),
        ("R&D &notanentity; x&y;", "R&D &notanentity; x&y;"),
        ("cut <b", "cut <b"),
        ("T<script>", "T<script>"),
        ("<style>", "<style>"),

        ("", ""),
    ],
)  # fmt: skip
def test_a_title_loses_its_markup_and_nothing_else(title: str, text: str) -> None:
    assert title_text(title) == text
