"""What no text is to hold, in every field of every format: halves of surrogate pairs, controls, noncharacters."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aggregator.model import (
    DocumentSettings,
    Feed,
    FeedRead,
    IdentityRule,
)
from aggregator.pipeline.reading import ReadRequest, read

NEVER = re.compile(
    "[\x00-\x08\x0e-\x1f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\U0001fffe\U0010ffff]"
)
IN_JSON = "".join(
    ("\ud83d", "\x00", "\x1f", "\ufffe", "\uffff", "\ufdd0", "\U0001fffe", "\U0010ffff")
)
IN_XML = [
    *("&#xD83D;", "&#55357;", "&#55357 ", "&#0;", "&#x1F;", "&#xFFFF;", "&#xFDD0;"),
    *("&#x1FFFE;", "&#x110000;", "&#x110000 ", "&#XFFFFFFF;", "&#99999999999;"),
    *(f"&#{'9' * 5000};", f"&#x{'f' * 5000};", "&#-1;", "&#xZZ;", "&#;", "&#x;"),
    *("\ufffe", "\ufdd0", "\U0001fffe", "\x00", "\x1f"),
    *("&amp;#xD83D;", "&amp;#xFFFF;", "&amp;#0;", "&amp;#x110000;"),
]

JSON_FEED = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "T@",
    "home_page_url": "https://a.example/@",
    "language": "en@",
    "authors": [{"name": "A@"}],
    "items": [
        {
            "id": "1@",
            "url": "https://a.example/1@",
            "title": "t@",
            "content_html": '@<p title="@">x@</p>',
            "summary": "s@",
            "image": "https://a.example/i@.png",
            "date_published": "2026-11-22T10:00:00Z@",
            "tags": ["g@"],
            "authors": [{"name": "B@"}],
        }
    ],
}
RSS = """<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/"
 xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>T@</title><link>https://a.example/@</link>
<language>en@</language><item><title>t@</title><link>https://a.example/1@</link><guid isPermaLink="false">g@</guid>
<description>d@ &lt;p title="@"&gt;x@&lt;/p&gt;</description><author>a@</author><dc:creator>c@</dc:creator>
<content:encoded><![CDATA[<p class="@">y@</p><img src="https://a.example/i@.png" alt="@">]]></content:encoded>
<category>k@</category><pubDate>Sun, 22 Nov 2026 10:00:00 GMT@</pubDate><media:thumbnail url="https://a.example/t@"/>
<enclosure url="https://a.example/e@.png" type="image/png"/></item></channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en@"><title>T@</title><id>u@</id><entry>
<title type="html">t@</title><id>tag:@</id><link href="https://a.example/1@"/><author><name>n@</name></author>
<category term="c@"/><updated>2026-11-22T10:00:00Z@</updated><summary>s@</summary>
<content type="html">&lt;p&gt;x@&lt;/p&gt;</content></entry></feed>"""


def texts(value: Any) -> Iterator[str]:
    """Every text in a record, its keys, too."""
    if isinstance(value, str):
        yield value
    elif is_dataclass(value):
        for column in fields(value):
            yield from texts(getattr(value, column.name))
    elif isinstance(value, dict):
        yield from texts([*value, *value.values()])
    elif isinstance(value, tuple | list):
        for part in value:
            yield from texts(part)


def expect_clean(body: bytes) -> None:
    answer = read(
        ReadRequest(
            feed=Feed("f", "https://a.example/f"),
            url="https://a.example/f",
            body=body,
            content_type=None,
            known={},
            identity=IdentityRule(),
            documents=DocumentSettings(),
            window=timedelta(hours=72),
            now=datetime(2026, 11, 22, 12, tzinfo=UTC),
        )
    )
    assert isinstance(answer, FeedRead), answer
    assert len(answer.entries) == 1
    for text in texts(answer):
        assert not NEVER.search(text), text


def with_each(template: str, unclean: str) -> Iterator[str]:
    """The document with the text in one place after another, and nothing in the others."""
    parts = template.split("@")
    for place in range(1, len(parts)):
        yield "".join(parts[:place]) + unclean + "".join(parts[place:])


def test_in_each_field_of_a_json_feed() -> None:
    escaped = json.dumps(IN_JSON).strip('"')
    for document in with_each(json.dumps(JSON_FEED), escaped):
        expect_clean(document.encode())


@pytest.mark.parametrize("template", [RSS, ATOM], ids=["rss", "atom"])
@pytest.mark.parametrize("unclean", IN_XML, ids=lambda unclean: ascii(unclean)[:20])
def test_in_each_field_of_an_xml_feed(template: str, unclean: str) -> None:
    for document in with_each(template, unclean):
        expect_clean(document.encode())


@pytest.mark.parametrize("unclean", [b"\xed\xa0\xbd", b"\xff", b"\xf4\x90\x80\x80"])
def test_as_bytes_that_are_no_utf_8(unclean: bytes) -> None:
    for document in with_each(RSS, "@"):
        expect_clean(document.encode().replace(b"@", unclean))
