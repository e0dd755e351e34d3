"""Bodies: byte for byte unless unsafe, edited in place, never longer than allowed."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from aggregator.entry.markup import (
    CUT_MARK,
    cut_at_tag,
    escaped_text,
    lead_image,
    safe_body,
)
from aggregator.entry.safety import is_bounded, is_safe, is_safe_style, is_safe_url
from aggregator.model import DocumentSettings

SETTINGS = DocumentSettings()
BASE = "https://h.example/news/1"
NO_REFERRER = ' referrerpolicy="no-referrer"'


def body(html: str, *, base: str = BASE, settings: DocumentSettings = SETTINGS) -> str:
    return safe_body(html, base_url=base, settings=settings)


KEPT = [
    "plain text, a < b & c",
    "<p>one</p>\n<p   class=x>two<br/>three",
    "<P ALIGN=center><FONT COLOR='red'>old</FONT>",
    '<a href="https://x.example/?a=1&b=2" target=_blank rel=nofollow>x</a>',
    '<a href="mailto:a@x.example">m</a><a href=tel:123>t</a>',
    '<p style="text-align: center;color:#666;">x</p>',
    "<ul><li>a<li>b</ul><dl><dt>c<dd>d</dl>",
    "<table border=1><tr><td>1<td>2</table>",
    "<!-- a comment --><p>x",
    "<!DOCTYPE html><html><body><p>a whole page</p></body></html>",
    '<iframe width="560" src="https://www.youtube.com/embed/x" allowfullscreen></iframe>',
    '<figure><figcaption>c</figcaption></figure><ruby>漢<rt>kan</ruby>',
    '<custom-card data-id="7">x</custom-card>',
    "<p>stray </p></p> and </b> ends",
    "<details open><summary>s</summary>t</details>",
]  # fmt: skip


@pytest.mark.parametrize("html", KEPT)
def test_safe_markup_is_kept_byte_for_byte(html: str) -> None:
    assert body(html) == html


@pytest.mark.parametrize(
    "html",
    [
        "<script>x</script>", "<ScRiPt src=//e.example>", "<form>a</form>", "<input>", "<select><option>a</select>", "<object></object>",
        "<embed src=x>", "<applet>", "<base href=//e.example>", "<meta http-equiv=refresh>", "<link rel=stylesheet href=x>", "<style>p{}</style>",
        "<svg></svg>", "<math></math>", "<template></template>", "<noscript>x</noscript>", "<plaintext>", "<xmp></xmp>", "<textarea></textarea>",
        "<title>x</title>", "<frameset></frameset>", "<button>x</button>",
        "<iframe src=https://e.example></iframe>", "<iframe src=http://www.youtube.com/embed/x></iframe>", "<iframe srcdoc='x'></iframe>",
        "<video src=https://e.example/a.mp4></video>", "<audio><source src=https://e.example/a.mp3></audio>",
        "<p onclick=x>a</p>", "<p ONCLICK=x>a</p>", "<img src=x/onerror=y onerror=z>",
        "<a href=javascript:x>a</a>", "<a href='java&#x09;script:x'>a</a>", "<a href='&#1;javascript:x'>a</a>", "<a href=ftp://x>a</a>",
        "<img src=data:image/svg+xml;base64,AA>", "<a href=data:image/png;base64,AA>a</a>", "<img srcset='a 1x, javascript:x 2x'>",
        "<p style='background:url(x)'>a</p>", "<p style='b\\61 ckground:u\\72l(x)'>a</p>", "<p style='width:exp/**/ression(1)'>a</p>",
        "<p style='position : FIXED'>a</p>", "<p style='@import x'>a</p>", "<div style='background:image-set(\"//e.example/a\" 1x)'>",
        "x</div>y", "</div><div>", "<div>open", "<b>open", "<a href=https://x.example>open", "<!-- open", "<p title='open", "<table><td>open",
        "<body class=x>", "<html lang=de>",
    ],
)  # fmt: skip
def test_unsafe_markup_is_changed_and_then_safe(html: str) -> None:
    assert not is_safe(html, embeds=SETTINGS.embeds)
    answer = body(html + "<p>text</p>")
    assert answer != html
    assert is_safe(answer, embeds=SETTINGS.embeds)


PIECES = st.sampled_from(
    ["<p>", "</p>", "<div>", "</div>", "<b>", "</b>", "<a href=", "'x'", '"//e.example/y"', ">", "<img src=x ", "onerror=a", "/>", "<script>", "</script>", "<!--", "-->", "<style>", "</style>", "<svg>", "<math>", "<table>", "<td>", "</table>", "<iframe src=", "<noscript>", "</noscript>", "<template>", "<title>", "</title>", "<textarea>", "<body onload=x>", "<form>", "javascript:x", "&#x6a;", "style=", "'position:fixed'", "text", "{", "}", "\n", "<", "<plaintext>", "<frameset>", "<select>", "<details>", "<p title=\"</noscript><img src=x onerror=a>\">", "\x00", "\u202e"]
)  # fmt: skip


@settings(max_examples=500)
@given(st.lists(PIECES, max_size=20).map("".join))
def test_whatever_comes_in_what_comes_out_is_safe_inside_its_wrapper(html: str) -> None:
    answer = body(html)
    tree = LexborHTMLParser(
        f"<div>   \n{answer}\n  \n</div>\n            <hr id=after>"
    )
    assert tree.body is not None
    assert tree.css_first("body > div + hr#after") is not None
    names = {node.tag for node in tree.root.traverse()} if tree.root else set()
    assert not names & {
        "script",
        "object",
        "embed",
        "form",
        "base",
        "meta",
        "link",
        "style",
        "svg",
        "math",
        "template",
        "noscript",
        "title",
        "textarea",
        "plaintext",
        "frameset",
        "select",
        "iframe",
    }
    for node in tree.css("*"):
        for name, value in node.attributes.items():
            assert not name.startswith("on")
            assert not re.match(
                r"[\s\x00-\x1f]*(javascript|vbscript|data:text)",
                value or "",
                re.IGNORECASE,
            )
            assert name != "style" or "fixed" not in (value or "")
    assert "{" not in answer
    assert "}" not in answer
    assert not set(answer) & {"\x00", "\u202e"}


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=20).map("".join))
def test_a_body_made_safe_stays_as_it_is(html: str) -> None:
    answer = body(html)
    assert body(answer) == answer


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<a href='/x?a=1&amp;b=2'>x</a>", '<a href="https://h.example/x?a=1&amp;b=2">x</a>'),
        ("<a href=../y>x</a>", '<a href="https://h.example/y">x</a>'),
        ("<a href='//o.example/z'>x</a>", '<a href="https://o.example/z">x</a>'),
        ("<a href='#n'>1</a><p id=n>x</p>", "<a href='#n'>1</a><p id=n>x</p>"),
        ("<a href='#n'>1</a>", '<a href="https://h.example/news/1#n">1</a>'),
        ("<a href=''>1</a>", "<a href=''>1</a>"),
        ("<img src=a.jpg>", f'<img src="https://h.example/news/a.jpg"{NO_REFERRER}>'),
        ("<img src='https://o.example/a.jpg' alt=x />", f"<img src='https://o.example/a.jpg' alt=x{NO_REFERRER} />"),
        ("<img src=https://o.example/a.jpg referrerpolicy=origin>", '<img src=https://o.example/a.jpg referrerpolicy="no-referrer">'),
        ('<img src="https://o.example/a.jpg" referrerpolicy="no-referrer">', '<img src="https://o.example/a.jpg" referrerpolicy="no-referrer">'),
        ("<img srcset='a.jpg 1x, https://o.example/b.jpg 2x' src=c>", f'<img srcset="https://h.example/news/a.jpg 1x, https://o.example/b.jpg 2x" src="https://h.example/news/c"{NO_REFERRER}>'),
        ("<img data-src=/r.jpg>", f'<img data-src=/r.jpg src="https://h.example/r.jpg"{NO_REFERRER}>'),
        ("<img src='/img/loading.gif' data-original='/r.jpg'>", f"<img src=\"https://h.example/r.jpg\" data-original='/r.jpg'{NO_REFERRER}>"),
        ("<img src='data:image/gif;base64,R0' data-lazy-src='//c.example/r.jpg'>", f"<img src=\"https://c.example/r.jpg\" data-lazy-src='//c.example/r.jpg'{NO_REFERRER}>"),
        ("<img src='/real.jpg' data-src='/other.jpg'>", f"<img src=\"https://h.example/real.jpg\" data-src='/other.jpg'{NO_REFERRER}>"),
        ("<!-- <img src=x> -->", "<!-- <img src=x> -->"),
        ("<iframe src='//www.youtube.com/embed/x'></iframe>", '<iframe src="https://www.youtube.com/embed/x"></iframe>'),
        ("<code>{{ x }}</code>", "<code>&#123;&#123; x &#125;&#125;</code>"),
        ("<blockquote cite=/c>q</blockquote>", '<blockquote cite="https://h.example/c">q</blockquote>'),
    ],
)  # fmt: skip
def test_edits_leave_every_other_byte_alone(html: str, expected: str) -> None:
    assert body(html) == expected
    assert body(expected) == expected


def test_media_of_other_hosts_become_links_and_frames_go() -> None:
    assert (
        body("<p>a</p><audio controls src=https://p.example/1.mp3>old</audio>")
        == '<p>a</p><a href="https://p.example/1.mp3">https://p.example/1.mp3</a> old'
    )
    assert (
        body("<video><source src=https://p.example/1.mp4></video>x")
        == '<a href="https://p.example/1.mp4">https://p.example/1.mp4</a> x'
    )
    assert body("<iframe src=https://ads.example></iframe>x") == "x"
    old = '<iframe src="http://www.youtube.com/embed/x"></iframe>'
    assert body(old) == old.replace("http:", "https:")
    both = '<iframe src="https://www.youtube.com/embed/x"></iframe><iframe src=https://ads.example></iframe>x'
    assert body(both) == '<iframe src="https://www.youtube.com/embed/x"></iframe>x'


def test_sanitising_keeps_layout_and_what_forms_and_noscript_say() -> None:
    html = '<form class="f"><p class="c" style="color:red" align=center>a <img src="https://x.example/a.jpg" width="9px" referrerpolicy="no-referrer"></p></form>'
    assert (
        body(html)
        == '<p class="c" style="color:red" align="center">a <img src="https://x.example/a.jpg" width="9px" referrerpolicy="no-referrer"></p>'
    )
    assert (
        body("<noscript><img src=https://x.example/a.jpg></noscript>")
        == f'<img src="https://x.example/a.jpg"{NO_REFERRER}>'
    )
    lazy = "<img data-src=https://x.example/a.jpg><noscript><img src=https://x.example/a.jpg></noscript>"
    assert body(lazy).count("<img") == 1


@pytest.mark.parametrize(
    "html",
    ["<div>" * 50_000, "<b>" * 20_000, "<p><font a=1>" * 20_000, "<a " + " ".join(f"a{i}" for i in range(50_000)) + ">", "<table><tr><td>" * 10_000],
    ids=["divs", "bolds", "fonts", "attributes", "tables"],
)  # fmt: skip
def test_what_would_take_a_parser_minutes_becomes_text(html: str) -> None:
    assert not is_bounded(html)
    assert body(html + "x { y </p> & <b>z</b>") in (
        "x &#123; y<br>\n&amp; z",
        "x &#123; y &amp; z",
    )


@pytest.mark.parametrize(
    "html",
    [
        "<p>word</p>\n" * 900,
        "<p>{ } ~ </p>" * 900,
        "x" * 20_000,
        "新" * 9_000,
        "<b>" + "<p>a" * 400 + "</b>x" * 3_000,
        "<img src=x>" * 2_000,
    ],
)
def test_a_long_body_is_cut_at_a_tag_and_marked(html: str) -> None:
    few = DocumentSettings(max_document_bytes=8_192)
    answer = body(html, settings=few)
    assert answer.endswith(CUT_MARK)
    assert 3_000 < len(answer.encode()) <= few.max_document_bytes
    assert is_safe(answer, embeds=())


def test_a_cut_is_never_inside_a_tag() -> None:
    assert cut_at_tag("<p>one</p><p title='two'>", 24) == "<p>one</p>"
    assert cut_at_tag("<p>one</p>", 100) == "<p>one</p>"
    assert cut_at_tag("one two three", 10) == "one two"


def test_plain_text_is_escaped() -> None:
    assert (
        escaped_text("a < b & {c}\n\u202e", settings=SETTINGS)
        == "a &lt; b &amp; &#123;c&#125;"
    )
    assert escaped_text(
        "&" * 9_000, settings=DocumentSettings(max_document_bytes=8_192)
    ).endswith("&amp;" + CUT_MARK)


@pytest.mark.parametrize(
    "style",
    [
        "color:red",
        "text-align:center; margin:0 auto",
        "width:100%;height:auto",
        "position:relative",
        "font:12px/1 curl",
        "",
    ],
)
def test_styles_that_only_change_looks_are_safe(style: str) -> None:
    assert is_safe_style(style)


@pytest.mark.parametrize(
    "url",
    [
        "/a",
        "a:b/c"[:1],
        "?q=a:b",
        "#x",
        "//h.example",
        "HTTPS://h.example",
        "tel:+1",
        "",
        "1:2",
        "./a:b",
    ],
)
def test_urls_a_browser_resolves_or_opens_as_http_are_safe(url: str) -> None:
    assert is_safe_url(url)


@pytest.mark.parametrize(
    ("html", "candidates", "image"),
    [
        ("<p><img src='/a.jpg'><img src=/b.jpg>", (), "https://h.example/a.jpg"),
        ("<img src='data:image/gif;base64,R0'><img src=/b.jpg>", (), "https://h.example/b.jpg"),
        ("<img src=/p.gif width=1 height=1><img src=/b.jpg>", (), "https://h.example/b.jpg"),
        ("<img src=/p.gif style='display: none'><img src=/b.jpg width=100%>", (), "https://h.example/b.jpg"),
        ("<img src='https://x.example/undefined'>", ("https://x.example/c.jpg",), "https://x.example/c.jpg"),
        ("<img src='https://pixel.wp.com/b.gif?x=1'>", (), ""),
        ("text", ("", "javascript:x", "c.jpg", "d.jpg"), "https://h.example/news/c.jpg"),
        ("<img src='/it%27s {1}.jpg'>", (), "https://h.example/it%27s%20%7B1%7D.jpg"),
        ("<img alt=x>", (), ""),
    ],
)  # fmt: skip
def test_the_lead_image_is_the_first_usable_one(
    html: str, candidates: tuple[str, ...], image: str
) -> None:
    assert lead_image(html, base_url=BASE, candidates=candidates) == image


@pytest.mark.parametrize(
    "style",
    [
        "--x:fixed;position:var(--x);inset:0", "position:VAR( --x )", "position:env(x)", "position:attr(data-x)", "position:if(else: fixed)",
        "position:absolute;inset:0", "position: sticky; top:0", "position:-webkit-sticky", "position:inherit", "position:revert", "color:red;POSITION :Absolute",
        "pos\\69tion:absolute", "position:/**/absolute", "--a: 1", "width:var(--w)", "inset:0", "position:relative;top:-9999px", "position:relative; left:-100vw",
        "margin-top:-900px", "margin:0 0 -50vh", "transform:scale(99)", "-webkit-transform:translate(-9em)", "translate:0 -100%", "zoom:90", "scale:99",
        "animation:x 1s", "position-anchor:--a", "offset-path:none",
        "position:relative;top:-9e2px", "position:relative;left:50cm", "position:relative;top:calc(-1 * 9999px)", "position:relative;top:calc(99px + 99px)",
        "position:relative;bottom:max(900px, 1px)", "position:relative;top:calc(9px/.001)", "margin-top:-9in", "margin:0 -99cm", "margin-left:-40pc",
        "margin-top:-.9e4px", "margin-top:-5rlh", "margin-block-start:-90ch", "margin:-50cqw", "margin-top:calc(0px - (999px))", "margin-top:calc(1px - infinity*1px)",
        "text-indent:-999px", "text-indent:-50em", "letter-spacing:-900px", "box-shadow:0 0 0 9999px #fff", "-webkit-box-shadow:0 0 0 99vmax red",
        "text-shadow:0 900px red", "outline:9999px solid red", "outline-offset:-9e3px", "filter:drop-shadow(900px 900px red)", "-webkit-box-reflect:below 0",
        "border-image:linear-gradient(red,red) 1/1/999", "-webkit-text-stroke:999px red", "font-size:9999px;line-height:0", "font:99em/0 x", "font-size:clamp(999px,1px,1px)",
        "border:999px solid transparent", "border-top:solid 9e3px", "border-inline-width:99em", "border-width:1px 1px 999px", "padding:999px", "padding-top:40em",
        "padding:1px 1px calc(999px)", "padding-block-end:90in", "word-spacing:999em", "letter-spacing:900px", "text-decoration:underline 999px",
        "text-underline-offset:-999px", "text-decoration-thickness:9in", "column-rule:999px solid red", "display:inline;padding:90% 0", "display : inline ! important; padding:100%",
        "-webkit-border-start:999px solid", "-webkit-padding-end:999px",
    ],
)  # fmt: skip
def test_styles_that_leave_their_place_or_take_a_value_from_elsewhere_are_unsafe(
    style: str,
) -> None:
    assert not is_safe_style(style)
    assert "style" not in body(f'<p style="{style}">text</p>')


@pytest.mark.parametrize(
    "style",
    [
        "position:relative",
        "position: static !important",
        "margin:-5px 0 0 -12px",
        "position:relative;top:2px",
        "background-position:0 -200px",
        "font-size:75%;line-height:0;position:relative;top:-0.5em",
        "margin:1.5em 0 -.5em",
        "margin-top:calc(1em - 5px);margin-left:1000px",
        "box-shadow:0 10px 50px 0 rgba(0,0,0,.25)",
        "outline:2px solid #999999;text-shadow:1px 1px 2px hsl(120deg 100% 50%)",
        "text-indent:2em;letter-spacing:-0.5px",
        "font-size:clamp(14px, 0.875rem + ((1vw - 3.2px) * 0.227), 16px)",
        "font:italic 400 12px/1.5 'Helvetica 55'",
        "filter:brightness(120%) contrast(1.5)",
        "padding-bottom:56.25%;height:0",
        "padding:133.33% 0 0 0",
        "padding:60px 20px;border:12px solid #ccc;border-radius:999px",
        "display:inline-block;padding-bottom:100%",
        "text-align:center",
    ],
)
def test_styles_of_real_feeds_stay(style: str) -> None:
    assert is_safe_style(style)


@pytest.mark.parametrize(
    ("element", "style", "is_safe"),
    [
        ("a", "padding:100% 0", False),
        ("a", "padding:99%;display:inline", False),
        ("span", "padding-bottom:56%", False),
        ("span", "padding-bottom:100%", False),
        ("span", "padding-bottom:100%;display:block", True),
        ("span", "padding-bottom:100%;display:block;position:relative", True),
        ("a", "float:left;padding-bottom:100%", True),
        ("a", "float:none;padding-bottom:100%", False),
        ("p", "padding-top:100%", True),
        ("p", "padding-top:100%;display:inline", False),
        ("p", "padding-top:9999%", False),
        ("b", "padding:90px", True),
        ("b", "padding:100px", False),
    ],
)
def test_padding_of_what_is_a_line_does_not_lie_over_other_lines(
    element: str, style: str, is_safe: bool
) -> None:
    """A block's padding moves its neighbours away; that of a link would be clicked in their place."""
    assert is_safe_style(style, element=element) is is_safe


LAZY_STRANGERS = [
    "file:////evil.example/share/x.png",
    "smb://evil.example/x.png",
    "vbscript:x/.",
    "\x01javascript:/x.png",
    "java\tscript:/.x",
    "FILE:/x.png",
]


@pytest.mark.parametrize("address", LAZY_STRANGERS)
@pytest.mark.parametrize(
    "place",
    [
        "data-src='{}' src=blank.gif",
        "data-src='{}'",
        "data-srcset='{} 1x'",
        "data-srcset='https://ok.example/a.png 1x, {} 2x'",
        "data-original='{}' src='data:image/gif;base64,R0'",
    ],
)
def test_a_lazy_address_is_put_in_only_where_a_browser_opens_the_web(
    address: str, place: str
) -> None:
    for element in (
        "<p>kept</p><img {}>",
        "<p>kept</p><picture><source {}><img src=/a.png></picture>",
    ):
        answer = body(element.format(place.format(address)))
        assert is_safe(answer, embeds=SETTINGS.embeds)
        assert "<p>kept</p>" in answer
        for node in LexborHTMLParser(answer).css("[src], [srcset]"):
            for name in ("src", "srcset"):
                assert not re.search(
                    r"(?:file|smb|script)\s*:",
                    node.attributes.get(name) or "",
                    re.IGNORECASE,
                )


def test_ten_thousand_links_inside_a_page_take_linear_time() -> None:
    html = "".join(f"<a href='#n{n}'>x</a><i id=n{n}></i>" for n in range(4_000))
    assert body(html, settings=DocumentSettings(max_document_bytes=1 << 20)) == html


@pytest.mark.parametrize(
    "piece",
    ["9", "9px ", "-9px,", "rgb(", "calc(", "top:", "a-", "clamp(1,", ".9", "9e"],
)
def test_a_long_style_is_judged_in_linear_time(piece: str) -> None:
    started = time.process_time()
    for name in ("margin", "font", "box-shadow", "top"):
        is_safe_style(f"{name}:{piece * 40_000}")
    assert time.process_time() - started < 2
