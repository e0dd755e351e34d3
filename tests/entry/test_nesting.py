"""Malformed documents: a wrong tag costs the element it stands in, and no other entry."""

from __future__ import annotations

import time

import pytest

from aggregator.entry.nesting import nested
from aggregator.entry.parse import parsed_feed
from aggregator.model import ParsedEntry, ParsedFeed

SPACES = 'xmlns:media="http://search.yahoo.com/mrss/"'
RSS = f'<rss version="2.0" {SPACES}><channel><title>Town</title>%s</channel></rss>'
RDF = (
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">'
    "<channel><title>Town</title></channel>%s</rdf:RDF>"
)
ATOM = (
    f'<feed xmlns="http://www.w3.org/2005/Atom" {SPACES}><title>Town</title>%s</feed>'
)
HELD = "<title>A walk</title><link>https://town.example/1</link><description>By the river</description>"
OTHERS = "".join(
    f"<item><title>{n}</title><link>https://town.example/{n}</link><description>d{n}</description></item>"
    for n in (2, 3)
)
OTHER_ENTRIES = "".join(
    f"<entry><title>{n}</title><link href='https://town.example/{n}'/><content type='xhtml'>"
    f"<div xmlns='http://www.w3.org/1999/xhtml'><p>d{n}</p></div></content></entry>"
    for n in (2, 3)
)


def entries(document: str) -> list[ParsedEntry]:
    found = parsed_feed(
        document.encode(), content_type=None, url="https://town.example/feed"
    )
    assert isinstance(found, ParsedFeed), found
    return list(found.entries)


def facts(entry: ParsedEntry) -> tuple[str, str, str]:
    return entry.title.value, entry.link, entry.summary.value or entry.content.value


def whole(n: int, text: str) -> tuple[str, str, str]:
    return str(n), f"https://town.example/{n}", text


@pytest.mark.parametrize("document", [RSS, RDF])
@pytest.mark.parametrize(
    "item",
    [
        f"<item>{HELD.replace('</description>', '</desc>')}</item>",
        f"<item>{HELD.replace('</description>', '')}</item>",
        f"<item>{HELD.replace('</description>', '</DESCRIPTION>')}</item>",
        f"<item>{HELD}",
        f"<item>{HELD.replace('</description>', '')}",
        f"<item>{HELD.replace('</title>', '')}</item>",
        f"<item>{HELD.replace('</title>', '</titel>')}</item>",
        f"<item>{HELD.replace('</title>', '').replace('</link>', '').replace('</description>', '')}</item>",
        f"<item><enclosure url='https://town.example/1.jpg'>{HELD}</item>",
        f"<item></b></guid>{HELD}</media:group></item>",
        f"<item><media:group><media:content url='https://town.example/1.jpg'></media:group>{HELD}</item>",
        f"<item><image><url>https://town.example/1.jpg</image>{HELD}</item>",
        f"<item>{HELD}</item></item>",
    ],
)
def test_a_wrong_tag_costs_no_other_entry(document: str, item: str) -> None:
    first, *others = entries(document % (item + OTHERS))
    assert facts(first) == ("A walk", "https://town.example/1", "By the river")
    assert [facts(other) for other in others] == [whole(2, "d2"), whole(3, "d3")]


@pytest.mark.parametrize(
    "inside",
    [
        "<title>1</title><link href='https://town.example/1'/><summary>d1</sum>",
        "<title>1<link href='https://town.example/1'/><summary>d1</summary>",
        "<title>1</title><link href='https://town.example/1'><summary>d1</summary>",
        "<title>1<source><title>S</title><updated>2026</source><link href='https://town.example/1'/><summary>d1</summary>",
        "<author><name>Ann<uri>/ann</author><title>1</title><link href='https://town.example/1'/><summary>d1</summary>",
        "<title>1</title><link href='https://town.example/1'/><content type='html'>d1",
    ],
)
@pytest.mark.parametrize("end", ["</entry>", ""])
def test_a_wrong_tag_costs_no_other_entry_of_atom(inside: str, end: str) -> None:
    found = entries(ATOM % f"<entry>{inside}{end}{OTHER_ENTRIES}")
    assert [facts(entry) for entry in found] == [
        whole(1, "d1"),
        whole(2, "<p>d2</p>"),
        whole(3, "<p>d3</p>"),
    ]


def test_an_entry_that_is_spoken_of_is_none() -> None:
    texts = ("<![CDATA[x </item> <item> y]]>", "about <item> and more")
    for text in texts:
        broken = f"<item><title>1</b></title><description>{text}</description></item>"
        first, *others = entries(RSS % (broken + OTHERS))
        assert first.title.value == "1</b>"
        assert "item>" in first.summary.value
        assert [facts(other) for other in others] == [whole(2, "d2"), whole(3, "d3")]


def test_html_in_a_text_is_left_as_it_is() -> None:
    text = "<description>one<br>two <p>three <b>four</p></i></description>"
    document = RSS % f"<item></b>{text}</item>"
    assert nested(document) == document.replace("<item></b>", "<item>")


@pytest.mark.parametrize("document", [RSS, RDF])
def test_what_nests_stays_as_it_is(document: str) -> None:
    media = "<media:content url='a>b'><media:title>x</media:title></media:content>"
    item = f"<item>{HELD}<media:group>{media}</media:group></item>"
    assert nested(document % item) == document % item


def test_the_last_entry_of_a_document_that_was_cut_off_stays_open() -> None:
    document = (
        RSS.partition("%s")[0] + "<item><title>1</titel></item><item><title>Tw</tit"
    )
    assert [entry.title.value for entry in entries(document)] == ["1"]
    assert nested(document).endswith("<item><title>Tw</tit")


def test_hostile_documents_take_time_by_their_length() -> None:
    started = time.process_time()
    names = "".join(f"<p{n}:title>" for n in range(10_000))
    ends = names.replace("<", "</")
    for inside in (
        "<" * 500_000,
        "<a b='" * 100_000,
        "<item>" * 100_000,
        "<title>" * 100_000,
        "<item></item>" * 20_000 + names + "<item>x</channel>" + ends,
    ):
        nested(f"<rss><channel><item>{inside}")
    assert time.process_time() - started < 8
