"""Tags that a text speaks of stay in it as text; markup stays markup."""

from __future__ import annotations

import re
import time
from html import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.entry import spoken
from aggregator.entry.normalise import DocumentSettings
from aggregator.entry.safety import is_safe
from aggregator.entry.spoken import spoken_escaped
from tests.entry.field import atom, body, only, rss

NAMES = re.findall(
    r"\S+",
    "script title template textarea select style iframe object noscript svg math head body html form dialog table "
    "button video b i a img xmp noembed plaintext changelog T input label",
)


def whole(text: str) -> str:
    """What is read of a description that is HTML: references decoded, so that it can be held against the text."""
    one = only(rss(f"<title>A post</title><description>{escape(text)}</description>"))
    assert is_safe(body(one), embeds=DocumentSettings().embeds)
    return one.text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "text",
    [
        "Attackers may inject a <{}> element by the name. Upgrade to 1.3.",
        "Fix the <{}> handling",
        "Do not use <{}>, said all.",
        "Do not close it with </{}> here.".replace("</{}>", "<{}/>"),
        "About (<{}>) and \"<{}>\".",
        "<{}> is handled",
    ],
)  # fmt: skip
def test_a_tag_in_a_text_without_markup_is_text(name: str, text: str) -> None:
    # A block at the head may be one that is cut off.
    if name == "table" and text.startswith("<"):
        return
    said = text.replace("{}", name)
    assert whole(said) == said


TEXTS = [
    "Use Vec<T> and HashMap<String, Vec<u8>> for this, not Box<dyn Error>.",
    "See <changelog> for the list.",
    "for $a<b$ we prove the bound by hand.",
    "for $a<b$ and $c>d$ we prove the bound by hand.",
    "if a<b and c>d then stop.",
    "Use <!-- to begin a comment. More.",
    "Mail <me@town.example> or see <https://town.example/a?b=c> now.",
    "Add <script type=\"module\"> to your page and it works.",
    "The <script> tag, the <style> tag and <title>.",
    "Escape </script> in JSON, and <?php too.",
    "The payload <script>alert(1) ran.",
    "A crafted <svg onload=alert(1)> in the name, or <iframe src=x> there.",
    "Write x <y, or a <-b, or <>.",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_without_markup_is_whole(text: str) -> None:
    assert whole(text) == text
    summary = f'<title>A post</title><summary type="html">{escape(text)}</summary>'
    assert only(atom(summary)).text == text


@pytest.mark.parametrize(
    ("markup", "shown"),
    [
        ("<p>Inject a <script> element by name.</p><p>More.</p>", "<p>Inject a &lt;script&gt; element by name.</p><p>More.</p>"),
        ("<p>Fix the <title> handling.</p>", "<p>Fix the &lt;title&gt; handling.</p>"),
        ("<p>Use <code><template></code> here.</p>", "<p>Use <code>&lt;template&gt;</code> here.</p>"),
        ("One.<br>Fix the <select> thing.", "One.<br>Fix the &lt;select&gt; thing."),
        ("<p>for $a<b$ we prove</p><p>it</p>", "<p>for $a&lt;b$ we prove</p><p>it</p>"),
        ("<p>if a<b and c>d</p>", "<p>if a&lt;b and c&gt;d</p>"),
        ("<p>See List<String>, <me@town.example>.</p>", "<p>See List&lt;String&gt;, &lt;me@town.example&gt;.</p>"),
        ("<p>A crafted <svg onload=x()> in it</p><p>x</p>", "<p>A crafted &lt;svg onload=x()&gt; in it</p><p>x</p>"),
        ("<p>Use <!-- to begin</p><p>x</p>", "<p>Use &lt;!-- to begin</p><p>x</p>"),
        ("<p>See <changelog> for more</p>", "<p>See &lt;changelog&gt; for more</p>"),
    ],
)  # fmt: skip
def test_a_tag_in_a_sentence_among_markup_is_text(markup: str, shown: str) -> None:
    assert spoken_escaped(markup) == shown


MARKUP = [
    "<p>Text</p><script>alert(1)",
    "<p>Text <script> alert(1)",
    "<p>Text <style> p { color: red }",
    "Text<script>alert(1)</script>",
    "Text <title>x</title> more",
    "<script>alert(1)",
    "<script>\nalert(1)",
    "<style>\np {}",
    "<p>Text</p><!-- cut",
    "<p>Text</p><a href=\"https://to",
    "Text <a href=\"https://to",
    "Text <a hr" + "ef",
    "Text <img src=x onerror=alert(1)> <script>",
    "Text <iframe src=\"https://www.youtube.com/embed/x\">",
    "<p>See</p> this <iframe src=\"https://www.youtube.com/embed/x\"> film",
    "<b>Breaking: a ferry ran aground",
    "One<br>two <b>three",
    "One<p>two<p>three",
    "<li>one<li>two",
    "<p>one</p><more><p>two</p>",
    "<custom-card data-id=7>x",
    "<o:p></o:p><p>x <wbr>y</p>",
    "<!DOCTYPE html><html><head><title>x</title></head><body>y",
    "<?xml version='1.0'?><p>x</p>",
    "Text <!-- a comment --> more",
    "text</p>",
    "Text <script nomodule>x</script> <my-card wide>x</my-card>",
    " <img> ",
    "<script>",
]  # fmt: skip


@pytest.mark.parametrize("markup", MARKUP)
def test_markup_stays_as_it_is(markup: str) -> None:
    assert spoken_escaped(markup) == markup


pieces = st.sampled_from(
    [*(f"<{name}>" for name in NAMES), *(f"</{name}>" for name in NAMES), "<p>", "</p>", "<br/>", "<a href='x'>", " ",
     "word", "<b class=\"c\">", "<!--", "-->", "<", "<b c>", "a<b$", "\"", "<span\nid='x'>", "<P ALIGN='x'>", "<td>"]
)  # fmt: skip


@settings(max_examples=400)
@given(st.lists(pieces, max_size=12).map("".join))
def test_what_is_surely_meant_is_changed_by_no_look_at_its_tokens(html: str) -> None:
    told = spoken_escaped(html)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(spoken, "_is_surely_meant", lambda html: False)
        assert spoken_escaped(html) == told


@pytest.mark.parametrize(
    "piece",
    ["<script>", "<script> a ", "<T>", "a<b$ ", "<?", "<!--", "<a b ", "</x>", "<p><title> x", "<b a='", "<?>", " <b>", "<b c "],
)  # fmt: skip
def test_many_of_them_are_read_in_linear_time(piece: str) -> None:
    started = time.process_time()
    spoken_escaped(piece * (130_000 // len(piece)))
    assert time.process_time() - started < 3
