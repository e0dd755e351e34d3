"""Items that stood in the last document are left out of the next reading, and nothing is otherwise for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.entry.items import items_of
from aggregator.entry.parse import parsed_feed
from aggregator.entry.remembered import MOST_ITEMS, unpacked
from aggregator.model import (
    Backlog,
    DocumentSettings,
    Feed,
    FeedRead,
    IdentityRule,
    KnownEntry,
    ParsedFeed,
    ReadResult,
)
from aggregator.pipeline.reading import ReadRequest, read
from tests.bench.reading_golden import real_feeds, series

START = datetime(2026, 11, 29, tzinfo=UTC)
FEED = Feed("town", "https://feeds.host.example/town", backlog=Backlog.ALL)
RSS = (
    '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>Town</title>{head}'
    "<link>https://town.example/</link><language>en</language>{items}</channel></rss>"
)
ATOM = (
    '<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><title>Town</title>{head}'
    '<link href="https://town.example/"/>{items}</feed>'
)
RDF = (
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">'
    "<channel><title>Town</title>{head}<link>https://town.example/</link></channel>{items}</rdf:RDF>"
)


def item(
    number: int,
    *,
    text: str = "The mayor said that this was the plan of the town",
    more: str = "",
) -> str:
    return (
        f"<item><guid isPermaLink='false'>g{number}</guid><title>Ferry {number} leaves</title>"
        f"<link>/news/{number}</link><pubDate>Sat, 28 Nov 2026 10:{number % 60:02}:00 GMT</pubDate>"
        f"<description>&lt;p&gt;{text} {number}&lt;/p&gt;</description>{more}</item>"
    )


def rss(numbers: Iterable[int], *, head: str = "") -> str:
    return RSS.format(head=head, items="".join(map(item, numbers)))


@dataclass
class Reader:
    """One feed, read poll by poll, with or without what the last reading said of the items."""

    remembers: bool
    known: dict[str, KnownEntry] = field(default_factory=dict)
    state: FeedRead | None = None

    def request(self, body: bytes, hours: float) -> ReadRequest:
        last = self.state
        return ReadRequest(
            feed=FEED,
            url=FEED.url,
            body=body,
            content_type=None,
            known=dict(self.known),
            identity=last.identity if last else IdentityRule(),
            documents=DocumentSettings(),
            window=timedelta(days=3),
            now=START + timedelta(hours=hours),
            title=last.title if last else "",
            language=last.language if last else None,
            first_poll=last is None,
            seen_items=last.seen_items if last and self.remembers else "",
        )

    def poll(self, body: bytes, hours: float) -> ReadResult:
        result = read(self.request(body, hours))
        if isinstance(result, FeedRead):
            self.known |= result.known
            self.state = result
        return result


def both(bodies: Sequence[str | bytes], *, step_hours: float = 1) -> list[ReadResult]:
    """The readings of successive bodies, which are the same either way."""
    short, whole = Reader(True), Reader(False)
    results = []
    for at, body in enumerate(bodies):
        data = body.encode() if isinstance(body, str) else body
        results.append(short.poll(data, at * step_hours))
        assert results[-1] == whole.poll(data, at * step_hours)
    return results


def parsed_count(before: str, after: str) -> int:
    """How many items of the second body are given to the parser."""
    reader = Reader(True)
    reader.poll(before.encode(), 0)
    assert reader.state is not None
    seen = unpacked(reader.state.seen_items).items
    found = parsed_feed(after.encode(), content_type=None, url=FEED.url, seen=seen)
    assert isinstance(found, ParsedFeed)
    return len(found.entries)


def test_only_what_is_new_or_changed_is_parsed():
    before = rss(
        range(10), head="<lastBuildDate>Sat, 28 Nov 2026 10:00:00 GMT</lastBuildDate>"
    )
    after = rss(
        range(-2, 9),
        head="<lastBuildDate>Sat, 28 Nov 2026 11:00:00 GMT</lastBuildDate>",
    )
    assert parsed_count(before, before) == 0
    assert parsed_count(before, after) == 2
    assert (
        parsed_count(before, before.replace("Ferry 3 leaves", "Ferry 3 has left")) == 1
    )


def test_every_entry_has_its_outcome_as_ever():
    last = both(
        [
            rss(range(10)),
            rss(range(-2, 9)).replace("Ferry 3 leaves", "Ferry 3 has left"),
        ]
    )[-1]
    assert isinstance(last, FeedRead)
    assert dict(last.outcomes) == {"new": 2, "edited": 1, "seen": 8}


def test_a_long_document_is_remembered_in_part():
    long = rss(range(MOST_ITEMS + 5))
    assert parsed_count(long, long) == 5
    assert len(Reader(True).poll(long.encode(), 0).seen_items) < 14_000  # type: ignore[union-attr]


def test_an_entry_whose_edits_are_muted_is_read_until_they_are_published():
    bodies = [rss(range(4)).replace("Ferry 2", f"Ferry 2, {at}") for at in range(6)]
    results = both([*bodies, bodies[-1], bodies[-1]], step_hours=5)
    edited = [
        dict(one.outcomes).get("edited", 0)
        for one in results
        if isinstance(one, FeedRead)
    ]
    assert edited == [0, 1, 1, 1, 0, 0, 1, 0]


def test_an_entry_that_was_forgotten_is_new_again():
    reader = Reader(True)
    reader.poll(rss(range(4)).encode(), 0)
    reader.known.pop(next(iter(reader.known)))
    again = reader.poll(rss(range(4)).encode(), 1)
    assert isinstance(again, FeedRead)
    assert dict(again.outcomes) == {"new": 1, "seen": 3}


@pytest.mark.parametrize("foreign", ["", "x", "AAAA", "####", "A" * 64, "é", "=" * 8])
def test_what_others_write_in_its_place_costs_a_reading_and_no_more(foreign: str):
    reader = Reader(True)
    reader.poll(rss(range(4)).encode(), 0)
    assert reader.state is not None
    reader.state = replace(reader.state, seen_items=foreign)
    again = reader.poll(rss(range(4)).encode(), 1)
    assert isinstance(again, FeedRead)
    assert dict(again.outcomes) == {"seen": 4}


ODD = {
    "a new home page": [rss(range(4)), rss(range(5)).replace("https://town.example/", "https://www.town.example/")],
    "another language": [rss(range(4)), rss(range(5)).replace("<language>en<", "<language>fr<")],
    "a base address": [rss(range(4)), rss(range(5)).replace("<channel>", "<channel xml:base='https://b.example/'>")],
    "malformed then": [rss(range(4)), rss(range(5)).replace("Ferry 4", "Ferry & 4")],
    "malformed before": [rss(range(4)).replace("Ferry 1", "Ferry & 1"), rss(range(5))],
    "cut off": [rss(range(4)), rss(range(5))[:-60]],
    "undeclared prefix": [rss(range(4)), RSS.format(head="", items=item(1, more="<z:q>1</z:q>") + item(2))],
    "item in a comment": [rss(range(4), head="<!-- <item> -->"), rss(range(5), head="<!-- <item> -->")],
    "item in CDATA": [rss(range(3)), RSS.format(head="", items=item(1, text="<![CDATA[<item>]]>") + item(2))],
    "item in an attribute": [
        rss(range(4), head="<a b='{}'/>".format(item(2).replace("'", ""))),
        rss(range(5), head="<a b='{}'/>".format(item(2).replace("'", ""))),
    ],
    "items in capitals": [rss(range(n)).replace("item>", "ITEM>") for n in (3, 4)],
    "an end in an attribute": [rss(range(n)).replace("<item>", "<item a='>'>") for n in (3, 4)],
    "a comment between": [rss(range(n)).replace("</item><item>", "</item><!-- <item> --> <item>") for n in (3, 4)],
    "an element between": [rss(range(n)).replace("</item><item>", "</item><a/><item>") for n in (3, 4)],
    "an empty item": [RSS.format(head="", items="<item/>" + item(1)), RSS.format(head="", items="<item/>" + item(2))],
    "an item in an item": [RSS.format(head="", items=item(1, more=item(2))), RSS.format(head="", items=item(1))],
    "twice the same": [RSS.format(head="", items=item(1) * 2 + item(2)), RSS.format(head="", items=item(1) * 2)],
    "shared guids later": [
        rss(range(4)),
        RSS.format(head="", items="".join(item(n).replace(f"g{n}<", "g0<") for n in range(5))),
    ],
    "all guids renamed": [rss(range(6)), rss(range(6)).replace("'>g", "'>h"), rss(range(7)).replace("'>g", "'>i")],
    "elements after the items": [rss(range(3)), rss(range(4)).replace("</channel>", "<ttl>60</ttl></channel>")],
    "two channels": [RSS.format(head="", items=item(1) + "</channel><channel>" + item(n)) for n in (2, 3)],
    "entities": ["<!DOCTYPE rss [<!ENTITY x 'y'>]>" + rss(range(n)).replace("Ferry", "&x;") for n in (3, 4)],
    "another encoding": [rss(range(n)).replace("Ferry", "Fähre").encode("latin-1") for n in (3, 4)],
    "a declared encoding": ["<?xml version='1.0' encoding='utf-16'?>" + rss(range(n)) for n in (3, 4)],
    "a prefix for RSS": [
        rss(range(n)).replace("<item>", "<x:item xmlns:x='http://backend.userland.com/rss2'>").replace("</item>", "</x:item>")
        for n in (3, 4)
    ],
    "RDF": [RDF.format(head="", items="".join(f"<item rdf:about='u{n}'><title>T{n}</title></item>" for n in r)) for r in ((1, 2), (2, 3))],
    "JSON": ['{"version":"https://jsonfeed.org/version/1.1","title":"t","items":[{"id":"1","content_text":"x"}]}'] * 2,
    "nothing left": [rss(range(4)), rss(())],
}  # fmt: skip


def test_odd_documents_are_read_the_same_either_way():
    for bodies in ODD.values():
        both(bodies)
        both([*bodies, bodies[0], bodies[-1]])


PARTS = st.fixed_dictionaries(
    {},
    optional={
        "guid": st.sampled_from(["<guid>{n}</guid>", "<guid>same</guid>", "<id>tag:{n}</id>", "<guid>https://a.example/{n}</guid>"]),
        "link": st.sampled_from(["<link>/n/{n}</link>", "<link>https://a.example/</link>", "<link href='/n/{n}?utm_source=x'/>"]),
        "title": st.sampled_from(["<title>Ferry {n}</title>", "<title>Daily</title>", "<title type='html'>A &amp;lt;b&gt; {n}</title>"]),
        "date": st.sampled_from(["<pubDate>Sat, 28 Nov 2026 1{n}:00:00 GMT</pubDate>", "<updated>2026-11-2{n}</updated>", "<dc:date>x</dc:date>"]),
        "text": st.sampled_from(["<description>Text {n}</description>", "<summary>Same</summary>", "<content type='html'>&lt;p>{n}</content>"]),
        "lang": st.sampled_from(["<dc:language>de</dc:language>", "<!-- {n} -->", "<source><title>s</title></source>"]),
    },
)  # fmt: skip
HEADS = st.sampled_from(
    [
        "",
        "<lastBuildDate>1</lastBuildDate>",
        "<ttl>5</ttl>",
        "<link>https://b.example/</link>",
        "&amp;",
        "&",
    ]
)


@st.composite
def documents(draw: st.DrawFn) -> list[str]:
    """Successive documents of one feed: items come, go, change and are repeated, the head changes."""
    name, frame = draw(st.sampled_from([("item", RSS), ("entry", ATOM), ("item", RDF)]))
    written = draw(st.lists(PARTS, min_size=1, max_size=7))
    texts = [
        f"<{name}>{''.join(parts.values()).replace('{n}', str(number))}</{name}>"
        for number, parts in enumerate(written)
    ]
    orders = st.lists(st.sampled_from(texts), max_size=9)
    return [
        frame.format(head=draw(HEADS), items="".join(draw(orders)))
        for _ in range(draw(st.integers(2, 4)))
    ]


@settings(max_examples=120)
@given(documents())
def test_generated_feeds_are_read_the_same_either_way(bodies: list[str]):
    both(bodies)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_polls_of_real_feeds_are_read_the_same_either_way(shared: Path):
    for _, bodies in series():
        both([body for _, body in bodies])


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_real_feeds_are_read_the_same_either_way(shared: Path):
    """Each document less its second and third item, and then whole: as if these had come since."""
    left_out = 0
    for _, body in real_feeds():
        whole = Reader(True).poll(body, 0)
        if isinstance(whole, FeedRead) and whole.seen_items:
            digests = list(unpacked(whole.seen_items).items)
            both([_without(body, digests[1:3]), body])
            left_out += 1
    assert left_out > 500


def _without(body: bytes, digests: Sequence[str]) -> bytes:
    items = items_of(body)
    return items.without(digests) if items else body
