"""Short forms for tables of field cases: a few bytes of a feed to its entries, and what a document holds."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from aggregator.entry.normalise import entry
from aggregator.entry.parse import parsed_feed
from aggregator.model import DocumentSettings, Entry, Feed, ParsedFeed

SEEN = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
URL = "https://feeds.host.example/town/rss"
SPACES = (
    'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:media="http://search.yahoo.com/mrss/" '
    'xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:atom="http://www.w3.org/2005/Atom" '
    'xmlns:feedburner="http://rssnamespace.org/feedburner/ext/1.0" xmlns:xhtml="http://www.w3.org/1999/xhtml" '
    'xmlns:googleplay="http://www.google.com/schemas/play-podcasts/1.0"'
)


def rss(item: str, *, link: str = "https://town.example/", attributes: str = "") -> str:
    """An RSS document of one item; `link` is the channel's."""
    return (
        f'<rss version="2.0" {SPACES} {attributes}><channel><title>Town</title><link>{link}</link>'
        f"<item>{item}</item></channel></rss>"
    )


def atom(inside: str, *, attributes: str = "", head: str = "") -> str:
    """An Atom document of one entry."""
    return (
        f'<feed xmlns="http://www.w3.org/2005/Atom" {SPACES} {attributes}><title>Town</title>{head}'
        f'<link href="https://town.example/"/><entry><id>urn:e:1</id>{inside}</entry></feed>'
    )


def entries(
    document: str | bytes,
    *,
    url: str = URL,
    settings: DocumentSettings = DocumentSettings(),  # noqa: B008 (frozen)
) -> list[Entry]:
    body = document.encode() if isinstance(document, str) else document
    parsed = parsed_feed(body, content_type=None, url=url)
    assert isinstance(parsed, ParsedFeed), parsed
    return [
        entry(
            one, feed=Feed("f", url), feed_title=parsed.title, feed_language=parsed.language, entry_id="0" * 20,
            identity_key="k", first_seen_at=SEEN, revision=0, clock_error=None, settings=settings,
        )
        for one in parsed.entries
    ]  # fmt: skip


def only(document: str | bytes, *, url: str = URL) -> Entry:
    (one,) = entries(document, url=url)
    return one


def body(one: Entry) -> str:
    return one.document.partition("\n---\n\n<div>   \n")[2].rpartition("\n  \n</div>")[
        0
    ]


def image(one: Entry) -> str:
    found = re.search(r"^headimg: '(.*)'$", one.document, re.MULTILINE)
    assert found
    return found[1]
