"""Which text is the body and which the title: cases as people who run feed readers report them, in our own bytes."""

from __future__ import annotations

import re
import time
from html import escape

import pytest

from aggregator.entry.normalise import entry_text
from aggregator.entry.text import title_text
from aggregator.model import Markup, ParsedEntry
from tests.entry.field import atom, body, only, rss

NOTES = "<description>Notes on eels and weirs.</description>"


def encoded(content: str) -> str:
    return f"<title>Walk</title><content:encoded><![CDATA[{content}]]></content:encoded>{NOTES}"


@pytest.mark.parametrize(
    "content",
    [
        "<p></p>", " <p> </p> ", "<p>&nbsp;</p>", "<p>&#160;<br/></p>", "<br><br/>", "<!-- wp:paragraph --><!-- /wp:paragraph -->", "<div><div></div></div>",
        "<p>\u200b</p>", "<p>&zwnj;&#8203;&shy;</p>", "\ufeff", "<script>count(1)</script>", "<style>p{color:red}</style>",
        '<img src="https://t.example/p.gif" width="1" height="1">', '<p></p><img src="https://feeds.feedburner.com/~r/town/~4/x" height="1" width="1" alt=""/>',
        '<img src="https://pixel.wp.com/b.gif?blog=1">', '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">', "<img>", '<img src="">',
        '<iframe width="1" height="1" src="https://t.example/f"></iframe>', '<p style="x"><span></span></p><hr>',
    ],
)  # fmt: skip
def test_content_that_shows_nothing_gives_way_to_the_description(content: str) -> None:
    one = only(rss(encoded(content)))
    assert (body(one), one.text) == ("Notes on eels and weirs.",) * 2


@pytest.mark.parametrize(
    "content",
    [
        '<p><img src="https://t.example/eel.jpg" alt=""></p>', "<p>.</p>", "0", '<iframe src="https://www.youtube.com/embed/eel1"></iframe>',
        '<img src="https://t.example/spacer.gif" data-src="https://t.example/eel.jpg">',
    ],
)  # fmt: skip
def test_content_that_shows_something_stays_the_body(content: str) -> None:
    assert "Notes" not in body(only(rss(encoded(content))))


def test_content_that_shows_nothing_stays_where_there_is_no_description() -> None:
    assert (
        body(
            only(
                rss(
                    "<title>Walk</title><content:encoded>&lt;p&gt; &lt;/p&gt;</content:encoded>"
                )
            )
        )
        == "<p> </p>"
    )


def test_an_atom_content_that_shows_nothing_gives_way_to_the_summary() -> None:
    entry = '<title>Walk</title><content type="html">&lt;p&gt;&lt;/p&gt;</content><summary>Eels &lt; weirs</summary>'
    assert body(only(atom(entry))) == "Eels &lt; weirs"


def test_json_content_that_shows_nothing_gives_way_to_the_summary() -> None:
    document = '{"version":"https://jsonfeed.org/version/1.1","title":"T","items":[{"id":"1","content_html":"<p></p>","summary":"Eels"}]}'
    assert body(only(document)) == "Eels"


MARKS = "<![CDATA[{}]]>"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (MARKS.format("Forty boats."), "Forty boats."),
        (MARKS.format("<p>Forty boats.</p>"), "<p>Forty boats.</p>"),
        ("\n " + MARKS.format(" Forty boats. ") + "\n", "Forty boats."),
        ("<![CDATA[Forty boats.", "Forty boats."),
        (MARKS.format("Forty") + MARKS.format(" boats."), "Forty boats."),
        (MARKS.format("Forty > boats"), "Forty > boats"),
        ("<![cdata[Forty boats.]]>", "Forty boats."),
        (escape(MARKS.format("Forty boats.")), "Forty boats."),
        (escape(MARKS.format("<p>Forty boats.</p>")), "<p>Forty boats.</p>"),
    ],
)
def test_an_escaped_cdata_mark_round_a_body_is_taken_off(
    written: str, shown: str
) -> None:
    for element in ("description", "content:encoded"):
        one = only(rss(f"<title>Quota</title><{element}>{escape(written)}</{element}>"))
        assert body(one) == shown
        assert "Forty" in one.text
    assert (
        body(
            only(
                atom(
                    f'<title>Q</title><content type="html">{escape(written)}</content>'
                )
            )
        )
        == shown
    )
    assert (
        body(
            only(
                atom(
                    f'<title>Q</title><summary type="html">{escape(written)}</summary>'
                )
            )
        )
        == shown
    )


def test_a_cdata_mark_in_a_cdata_section_is_taken_off() -> None:
    inner = "<![CDATA[<![CDATA[Forty boats.]]]]><![CDATA[>]]>"
    assert (
        body(only(rss(f"<title>Quota</title><description>{inner}</description>")))
        == "Forty boats."
    )


def test_a_text_about_cdata_keeps_it() -> None:
    one = only(
        rss(
            f"<title>XML</title><description>{escape('<p>Write &lt;![CDATA[x]]&gt; so.</p>')}</description>"
        )
    )
    assert body(one) == "<p>Write &lt;![CDATA[x]]&gt; so.</p>"


@pytest.mark.parametrize(
    "written",
    [
        MARKS.format("Quota up"),
        f" {MARKS.format('Quota up')} ",
        "&lt;![CDATA[Quota up]]&gt;",
    ],
)
def test_an_escaped_cdata_mark_round_a_title_is_taken_off(written: str) -> None:
    assert only(rss(f"<title>{escape(written)}</title>")).title == "Quota up"
    assert (
        only(atom(f'<title type="html">{escape(written)}</title>')).title == "Quota up"
    )


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("The harbour drops <blink>", "The harbour drops <blink>"),
        ("How <script> tags slow the page", "How <script> tags slow the page"),
        ("The <title> that nobody read", "The <title> that nobody read"),
        (
            "<template>, <select> and <table> compared",
            "<template>, <select> and <table> compared",
        ),
        ("Why <textarea> grows", "Why <textarea> grows"),
        ("<marquee> is back", "<marquee> is back"),
        ("Is <b> still <i> in use?", "Is <b> still <i> in use?"),
        ("What <p> is for", "What <p> is for"),
        ("The <iframe/> of the town hall", "The <iframe/> of the town hall"),
        ("From vector<object> to map<a,b>", "From vector<object> to map<a,b>"),
        ("The <b>bold</b> use of <u>", "The bold use of <u>"),
        ("<b>Harbour</b> opens", "Harbour opens"),
        ("<b>Breaking: ferry aground in…", "Breaking: ferry aground in…"),
        ("First<br>second", "First second"),
        ("A <img>B <wbr>C", "A B C"),
        ('<font color="red">Late ferry', "Late ferry"),
        ("<p>Ferry<p>Late", "Ferry Late"),
        ("Harbour opens</a>", "Harbour opens"),
        ("<title>Harbour</title>", "Harbour"),
        ("<script>x()</script>Harbour", "Harbour"),
        ('<img src="/l.png" alt="Quay &amp; Co">: ferry late', "Quay & Co: ferry late"),
        ('Ferry <img class="wp-smiley" alt="⛴" src="/f.png"> late', "Ferry ⛴ late"),
        ('<img src="/l.png">Ferry', "Ferry"),
        ("Gates < 5 m & > 3 m", "Gates < 5 m & > 3 m"),
    ],
)
def test_a_title_keeps_the_tags_it_names(title: str, shown: str) -> None:
    assert only(rss(f"<title>{escape(title)}</title>")).title == shown
    assert only(atom(f'<title type="html">{escape(title)}</title>')).title == shown


@pytest.mark.parametrize(
    "title", ["<script>" * 2500, "<b>" * 5000, "<title><b>" * 2000, "<![CDATA[" * 2000]
)
def test_a_title_of_nothing_but_open_tags_costs_little(title: str) -> None:
    assert len(title_text(title)) <= len(title)


CAPTION = "List<int> beats map<a,b>.\n\n<title> is 5 & 6 < 7"


@pytest.mark.parametrize("kind", ["", ' type="plain"', ' type="text"', ' type="PLAIN"'])
def test_a_media_description_is_plain_text(kind: str) -> None:
    caption = f"<media:group><media:description{kind}>{escape(CAPTION)}</media:description></media:group>"
    for document in (
        rss(f"<title>Film</title>{caption}"),
        atom(f"<title>Film</title>{caption}"),
    ):
        one = only(document)
        assert one.text.split() == CAPTION.split()
        for piece in (
            "List&lt;int&gt; beats map&lt;a,b&gt;.",
            "&lt;title&gt; is 5 &amp; 6 &lt; 7",
        ):
            assert piece in body(one)


@pytest.mark.parametrize("kind", ["html", "HTML", "text/html"])
def test_a_media_description_that_says_html_is_html(kind: str) -> None:
    one = only(
        rss(
            f'<title>F</title><media:description type="{kind}">&lt;b&gt;Eel&lt;/b&gt;</media:description>'
        )
    )
    assert (body(one), one.text) == ("<b>Eel</b>", "Eel")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("<p>One<br/>two</p>", "<p>One<br/>two</p>"),
        ("<p>One<br />two<hr/>x</p>", "<p>One<br/>two<hr/>x</p>"),
        ('<p><img src="https://t.example/e.jpg" alt="5 &gt; 4"/></p>', '<p><img src="https://t.example/e.jpg" alt="5 &gt; 4" referrerpolicy="no-referrer"/></p>'),
        ("<table><colgroup><col/><col/></colgroup></table>", "<table><colgroup><col/><col/></colgroup></table>"),
        ("<p>lon<wbr/>ger</p>", "<p>lon<wbr/>ger</p>"),
        ("<p></p><a id='x'/>", '<p></p><a id="x"></a>'),
    ],
)  # fmt: skip
def test_void_elements_of_xhtml_stay_void(written: str, shown: str) -> None:
    inside = f'<div xmlns="http://www.w3.org/1999/xhtml">{written}</div>'
    assert (
        body(only(atom(f'<title>T</title><content type="xhtml">{inside}</content>')))
        == shown
    )
    assert (
        body(only(atom(f'<title>T</title><summary type="xhtml">{inside}</summary>')))
        == shown
    )


def test_void_elements_of_markup_that_was_not_escaped_stay_void() -> None:
    assert (
        body(only(rss("<title>T</title><description>One<br/>two</description>")))
        == "One<br/>two"
    )
    xhtml = "<xhtml:body><xhtml:p>One<xhtml:br/>two</xhtml:p></xhtml:body>"
    assert "</br>" not in body(only(rss(f"<title>T</title>{xhtml}")))


@pytest.mark.parametrize(
    "markup",
    [
        "<p>Forty &amp; more.</p>",
        "<p>Forty</p>\n<p>boats.</p>",
        "<div>Forty<br>boats</div>",
    ],
)
def test_markup_that_was_escaped_once_too_often_is_markup(markup: str) -> None:
    twice = escape(escape(markup))
    for element in ("description", "content:encoded"):
        one = only(rss(f"<title>Quota</title><{element}>{twice}</{element}>"))
        assert body(one) == markup
    for written in (
        f"<summary>{escape(markup)}</summary>",
        f"<content>{escape(markup)}</content>",
    ):
        assert body(only(atom(f"<title>Quota</title>{written}"))) == markup


@pytest.mark.parametrize(
    "markup",
    [
        "<p>Write &lt;p&gt;x&lt;/p&gt; so.</p>",
        "Write &lt;p&gt;x&lt;/p&gt; so.",
        "&lt;b&gt; is bold &lt;/b&gt;",
        "&lt;p&gt; opens a paragraph",
    ],
)
def test_tags_that_a_text_speaks_of_stay_text(markup: str) -> None:
    one = only(rss(f"<title>HTML</title><description>{escape(markup)}</description>"))
    assert body(one) == markup


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("One line", "One line"),
        ("0:00 Start\n1:30 Weir", "0:00 Start<br>\n1:30 Weir"),
        ("One\n\nTwo\n \n\n\nThree\n", "One<br><br>\nTwo<br><br>\nThree"),
        ("a < b\r\n{c}", "a &lt; b<br>\n&#123;c&#125;"),
        ("\n\n One", "One"),
    ],
)
def test_the_lines_of_a_plain_text_are_kept_as_lines(text: str, shown: str) -> None:
    told = escape(text).replace("\r", "&#13;")
    assert (
        body(only(atom(f'<title>T</title><content type="text">{told}</content>')))
        == shown
    )
    assert (
        body(
            only(rss(f"<title>T</title><media:description>{told}</media:description>"))
        )
        == shown
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("One line\nand its end", "One line\nand its end"),
        ("First.\n\nSecond.\n \n\nThird.", "First.<br><br>\nSecond.<br><br>\nThird."),
        ("\n\nFirst &amp; last\n\n", "First &amp; last"),
        ("<p>First.</p>\n\n<p>Second.</p>", "<p>First.</p>\n<p>Second.</p>"),
    ],
)
def test_blank_lines_part_the_paragraphs_of_a_description_without_tags(
    text: str, shown: str
) -> None:
    one = only(rss(f"<title>T</title><description>{escape(text)}</description>"))
    assert body(one) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("- Fix a\n- Fix b", "- Fix a<br>\n- Fix b"),
        ("* a \n* b", "* a<br>\n* b"),
        ("1. a\n2. b\n", "1. a<br>\n2. b"),
        ("• a\n• b", "• a<br>\n• b"),
        ("New:\n  1) a\n  2) b\n\nEnd", "New:<br>\n1) a<br>\n2) b<br><br>\nEnd"),
        ("Old\n- and new", "Old\n- and new"),
        ("-5 degrees\n-6 degrees", "-5 degrees\n-6 degrees"),
        ("In\n2025. Then\n2026. Now", "In\n2025. Then\n2026. Now"),
        ("*bold*\n*text*", "*bold*\n*text*"),
    ],
)
def test_the_lines_of_a_list_without_tags_are_kept_as_lines(
    text: str, shown: str
) -> None:
    one = only(rss(f"<title>T</title><description>{text}</description>"))
    assert re.sub(r"\n +", "\n", body(one)) == shown


def test_a_summary_for_podcasts_is_plain_text_unless_it_is_markup() -> None:
    summary = "<title>T</title><itunes:summary>{}</itunes:summary>"
    lines = only(rss(summary.format("One\nTwo &amp;amp; more")))
    assert body(lines) == "One<br>\nTwo &amp; more"
    markup = only(rss(summary.format("&lt;p&gt;One&lt;/p&gt;")))
    assert body(markup) == "<p>One</p>"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("<p>It&amp;#8217;s caf&amp;eacute;</p>", "<p>It&#8217;s caf&eacute;</p>"),
        (
            "<p>a&amp;nbsp;b &amp;amp; c &amp;lt;b&amp;gt;</p>",
            "<p>a&nbsp;b &amp;amp; c &amp;lt;b&amp;gt;</p>",
        ),
        (
            "<p>Write <code>&amp;nbsp;</code>.</p>",
            "<p>Write <code>&amp;nbsp;</code>.</p>",
        ),
        ("<p>&amp;#60;b&amp;#62; AT&amp;T</p>", "<p>&amp;#60;b&amp;#62; AT&amp;T</p>"),
    ],
)
def test_references_to_signs_that_were_escaped_twice_are_read_once(
    written: str, shown: str
) -> None:
    one = only(rss(f"<title>T</title><description>{escape(written)}</description>"))
    assert body(one) == shown


@pytest.mark.parametrize(
    "text",
    [
        "a" + " " * 400_000 + "b\nc",
        "a" + "\n \n" * 130_000 + " " * 100_000 + "b",
        "&lt;p&gt;" + "&lt;/p&gt; " * 40_000 + "x",
        "&lt;![CDATA[" + "]]&gt; " * 50_000 + "x",
        "<p>" + "</p> " * 80_000 + "x",
        "&amp;#8217;" * 40_000,
    ],
)
def test_a_text_that_was_escaped_or_has_blank_lines_costs_its_length(text: str) -> None:
    started = time.process_time()
    entry_text(ParsedEntry(content=Markup(text, html=True)))
    entry_text(ParsedEntry(content=Markup(text, html=False)))
    assert time.process_time() - started < 5
