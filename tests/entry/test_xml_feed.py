"""Feedparser's strict parser, spared what it would work out anew at each tag: it reads the same."""

from __future__ import annotations

import inspect
from typing import Any

import feedparser.mixin
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aggregator.entry import sax, xml_feed

URL = "https://news.test/feed"


class _Asked(xml_feed._StrictReader):
    """Has feedparser itself name every tag and attribute."""

    def start_element(self, name: str, held: dict[str, str]) -> None:
        self.startElementNS(sax.name_and_space(name), None, sax.attributes(held))

    def end_element(self, name: str) -> None:
        self.endElementNS(sax.name_and_space(name), None)


def read(kind: type[Any], document: str) -> tuple[Any, ...]:
    reader = kind(URL)
    xml_feed._prepare(reader, URL, 100)
    error = sax.told(document.encode(), reader)
    return (
        error,
        reader.version,
        reader.feeddata,
        reader.entries,
        reader.namespaces_in_use,
    )


_NAMES = st.sampled_from(
    ["title", "link", "guid", "description", "content:encoded", "dc:creator", "media:content", "m:title", "x:y", "math", "svg", "m:math", "Title", "DC:Date", "content", "p", "div", "entry", "item", "author", "name"]
)  # fmt: skip
_HELD = st.sampled_from(
    [
        "",
        ' url="a&amp;b" URL2="x"',
        ' Href="/a" href2="b" xml:lang="de"',
        ' xmlns="http://www.w3.org/1999/xhtml"',
        ' xmlns="http://www.w3.org/2000/svg"',
        ' xmlns:m="http://www.w3.org/1998/Math/MathML"',
        ' xmlns:m="http://search.yahoo.com/mrss/" m:type="x"',
        ' xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="c"',
        ' xmlns:x="http://backend.userland.com/rss2" TYPE="HTML" x:a="1" a="2"',
        ' type="xhtml" xml:base="https://other.test/"',
    ]
)


def _element(name: str, held: str, inside: list[str]) -> str:
    return f"<{name}{held}>{''.join(inside)}</{name}>"


_INSIDE = st.recursive(
    st.sampled_from(["text", "a &amp; b", "café", " "]),
    lambda inside: st.builds(_element, _NAMES, _HELD, st.lists(inside, max_size=4)),
    max_leaves=12,
)
_RSS = (
    '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:DC="urn:x" xmlns:dc="'
    'http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/" xmlns:m="urn:m" xmlns:x="urn:y">'
    "<channel>{}</channel></rss>"
)
_ATOM = (
    '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:content="urn:c" xmlns:DC="urn:x" xmlns:dc="urn:dc" xmlns:m="urn:m"'
    ' xmlns:media="http://search.yahoo.com/mrss" xmlns:x="urn:m">{}</feed>'
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([_RSS, _ATOM]), st.lists(_INSIDE, max_size=6))
@example(_RSS, ["<m:title>a</m:title>", '<m:title xmlns:m="urn:z">b</m:title>'])
def test_tags_are_named_as_feedparser_names_them(root: str, inside: list[str]) -> None:
    items = "".join(f"<item>{part}</item><entry>{part}</entry>" for part in inside)
    document = root.format("".join(inside) + items)
    named = read(xml_feed._StrictReader, document)
    assert named == read(_Asked, document)
    assert named[3] or not inside or named[0]


@given(st.text(max_size=30))
@example("\x85\x93quoted\x94 \x81 café")
def test_controls_become_signs_where_there_are_any(text: str) -> None:
    table = feedparser.mixin._cp1252
    seen = xml_feed._Text(text).translate(table)
    assert seen == text.translate(table)
    assert type(seen) is str


def test_feedparser_translates_after_it_has_decoded_entities() -> None:
    source = inspect.getsource(feedparser.mixin._FeedParserMixin.pop)
    decoded = source.index("output = self.decode_entities(element, output)")
    assert decoded < source.index("output.translate(_cp1252)")
    document = "<rss><channel><item><title>a \x93b\x94 é</title></item></channel></rss>"
    reader = xml_feed._strict(document, URL, 9).reader
    assert reader.entries[0]["title"] == "a “b” é"
    assert type(reader.entries[0]["title"]) is str
