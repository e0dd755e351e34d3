"""What the cheap scan calls plain is safe and would not be edited; most bodies of feeds are."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.entry.characters import body_characters
from aggregator.entry.edits import edited
from aggregator.entry.markdown import written_for_markdown
from aggregator.entry.plain_markup import is_plain
from aggregator.entry.safety import is_safe

NAMES = re.findall(
    r"\S+",
    "p div span a b i em li ul ol h2 blockquote pre figure section code small td tr table dl dd form button option "
    "select svg math nobr center marquee dialog details iframe noscript title template P ruby rt body html",
)
VALUES = (
    *(
        "https://a.example/x",
        "http://b.example/?q=1&amp;r=2",
        "/relative",
        "javascript:alert(1)",
        "#top",
        "x",
        "",
    ),
    *(
        "java&#115;cript:alert(1)",
        "position:fixed",
        "color:red",
        "a=b",
        "href=x",
        "//c.example/y",
        "{{ x }}",
        "a\nb",
    ),
    *(
        "no-referrer",
        "https://",
        "https:&#x2f;/a",
        "data:text/html,x",
        "expression(1)",
        "a<b",
        "a>b",
        "1",
    ),
    # The quotes that do not end a value stand in it.
    *(
        "color:'';position:fixed",
        'color:"";position:fixed',
        "x' onfocus=y '",
        "https://a.example/?rel='x'",
        "https://a.example/?href=x",
    ),
)
ATTRIBUTES = re.findall(
    r"\S+",
    "href src title class style id onclick srcset srcdoc markdown data-src data-href referrerpolicy width alt cite "
    "poster background xlink:href HREF is rel",
)
TEXTS = (
    *(
        "words",
        " ",
        "a & b",
        "&lt;b&gt;",
        "5 > 4",
        "{x}",
        "\n",
        "\n\n",
        "```",
        "~~~",
        "\ufffc1",
        "<",
        "<!-- c -->",
    ),
    *(
        "</div>",
        "</p>",
        "<br>",
        "<br/>",
        "<hr>",
        "<img src='https://a.example/i.png' referrerpolicy=\"no-referrer\">",
    ),
    *(
        '<img src="https://a.example/i.png" alt="i" referrerpolicy="no-referrer" />',
        "<img src=x>",
        "</br>",
        "<wbr>",
    ),
)

attribute = st.builds(
    lambda name, value, quote: f" {name}={quote}{value}{quote}",
    st.sampled_from(ATTRIBUTES),
    st.sampled_from(VALUES),
    st.sampled_from(("'", '"')),
)


def element(inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(
        lambda name, held, content: f"<{name}{''.join(held)}>{content}</{name}>",
        st.one_of(st.sampled_from(NAMES[:14]), st.sampled_from(NAMES)),
        st.lists(attribute, max_size=2),
        inside,
    )


bodies = st.recursive(
    st.sampled_from(TEXTS),
    lambda inside: element(st.lists(inside, max_size=4).map("".join)),
    max_leaves=12,
)


@settings(max_examples=400)
@given(st.lists(bodies, min_size=1, max_size=4).map("".join).map(body_characters))
def test_what_is_plain_is_safe_and_stays_as_it_is(html: str) -> None:
    if is_plain(html):
        assert edited(html, base_url="https://base.example/page") == html
        assert written_for_markdown(html) == html
        assert is_safe(html, embeds=())


@pytest.mark.parametrize(
    "html",
    [
        "no markup at all, 5 > 4 & so on",
        "<p>A ship <b>ran <i>aground</i></b>.</p>\n<p>Its crew<br/>is safe.</p>",
        '<p>See <a href="https://a.example/x?y=1&amp;z=2" title="there">there</a></p><ul><li>one</li> <li><p>two</p></li></ul>',
        '<div class="c"><img src="https://a.example/i.png" alt="i" referrerpolicy="no-referrer"/></div>',
        '<p style="color: red">red</p>',
    ],
)
def test_common_bodies_are_plain(html: str) -> None:
    assert is_plain(html)


@pytest.mark.parametrize(
    "html",
    [
        "<p>open",
        "<b><p>moved</b></p>",
        "<p><div>closed by it</div></p>",
        "<li>without its list</li>",
        '<a href="https://a.example/"><b><a href="https://a.example/">twice</a></b></a>',
        '<a href="/relative">x</a>',
        "<p onclick='x()'>x</p>",
        "<p style='position:fixed'>x</p>",
        '<img src="https://a.example/i.png">',
        "<p>one\n\ntwo</p>",
        "<script>x</script>",
        "<p class=c>x</p>",
        """<p style="color:'';position:fixed">x</p>""",
        """<p style='color:"";background:url(//e.example/x)'>x</p>""",
        """<a rel="x' onfocus=y '" href="https://a.example/">x</a>""",
        """<a href="https://a.example/?rel='x'">x</a>""",
        "</div>",
        "<p",
    ],
)
def test_what_may_differ_is_left_to_the_parser(html: str) -> None:
    assert not is_plain(html)
