"""All feeds of ../shared/corpus: no entry is lost that feedparser finds, and reading them has no surprises."""

from __future__ import annotations

import io
import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from xml.etree import ElementTree

import feedparser
import pytest

from aggregator.entry.dates import instant
from aggregator.entry.identity import identified
from aggregator.entry.language import language_of, tag_of
from aggregator.entry.parse import parsed_feed
from aggregator.model import IdentityRule, KnownEntry, ParsedFeed, Unparsable

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
URL = "https://feed.test/feed"
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
AT = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Document:
    path: str
    kind: str
    found: ParsedFeed | Unparsable


@pytest.fixture(scope="module")
def documents(shared: Path) -> list[Document]:
    """Every document of the corpora that is or was taken for a feed, read once."""
    read = []
    with (shared / "corpus" / "manifest.jsonl").open() as manifest:
        for line in map(json.loads, manifest):
            if line["class"] != "opml":
                body = (shared / "corpus" / line["path"]).read_bytes()
                read.append(
                    Document(
                        line["path"],
                        line["class"],
                        parsed_feed(body, content_type=None, url=URL),
                    )
                )
    return read


def feeds(documents: list[Document], *kinds: str) -> Iterator[tuple[str, ParsedFeed]]:
    for document in documents:
        if document.kind in kinds and isinstance(document.found, ParsedFeed):
            yield document.path, document.found


def entry_count(body: bytes) -> int:
    """How many entries feedparser finds; what does not change that is switched off, it takes most of the time."""
    options = {"sanitize_html": False, "resolve_relative_uris": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return len(
            feedparser.parse(
                io.BytesIO(body), response_headers={"content-location": URL}, **options
            ).entries
        )


def nested_count(body: bytes) -> int:
    """How many items stand in another item, as the copies do that lost a conflict (Simple Sharing Extensions): they are
    no entries of the feed, though feedparser finds them. None are counted where the library cannot read the XML."""
    try:
        root = ElementTree.fromstring(body)
    except (ElementTree.ParseError, ValueError, LookupError):
        return 0
    items = root.findall(".//item")
    return len({inner for item in items for inner in item.findall(".//item")})


@pytest.mark.parametrize("kind", ["testcase", "real", "nonfeed"])
def test_no_entry_is_lost_that_feedparser_finds(
    shared: Path, documents: list[Document], kind: str
) -> None:
    lost, count = [], 0
    for document in documents:
        if document.kind == kind:
            ours = (
                len(document.found.entries)
                if isinstance(document.found, ParsedFeed)
                else 0
            )
            body = (shared / "corpus" / document.path).read_bytes()
            theirs = entry_count(body)
            count += theirs
            if ours < theirs and ours < theirs - nested_count(body):
                lost.append((document.path, theirs, ours))
    assert lost == []
    assert count > 0


def test_every_real_entry_is_something_and_polled_again_nothing_is_new(
    documents: list[Document],
) -> None:
    for path, feed in feeds(documents, "real", "testcase"):
        first = identified(feed.entries, feed_id="f", known={}, rule=IdentityRule())
        known = {
            one.identity_key: KnownEntry(
                "",
                AT,
                guid_key=one.guid_key,
                link_key=one.link_key,
                title_key=one.title_key,
            )
            for one in first.entries
            if not one.rejected
        }
        second = identified(
            feed.entries[::-1], feed_id="f", known=known, rule=first.rule
        )
        new = [one for one in second.entries if not one.rejected and not one.found_by]
        assert (path, new, second.notices) == (path, [], ())


def test_texts_have_no_characters_that_xml_forbids(documents: list[Document]) -> None:
    for path, feed in feeds(documents, "real"):
        for entry in feed.entries:
            text = entry.title.value + entry.content.value + entry.summary.value
            assert not FORBIDDEN.search(text), path


def test_languages_of_real_entries_are_tags(documents: list[Document]) -> None:
    for _, feed in feeds(documents, "real"):
        for entry in feed.entries[:3]:
            tag = language_of(
                configured=None,
                feed=feed.language,
                entry=entry.language,
                text=entry.title.value,
            )
            assert tag == "und" or tag_of(tag) == tag


def test_standard_dates_of_real_feeds_agree_with_the_standard_library(
    documents: list[Document],
) -> None:
    compared = 0
    for _, feed in feeds(documents, "real", "testcase"):
        for entry in feed.entries:
            raw, ours = (
                entry.published_raw,
                instant(entry.published_raw, language=entry.language or feed.language),
            )
            theirs = standard_date(raw)
            if ours and theirs:
                compared += 1
                assert theirs.replace(microsecond=0) == ours.replace(microsecond=0), raw
    assert compared > 5000


def standard_date(raw: str) -> datetime | None:
    """What `email.utils` makes of a date with an offset or GMT; None where it is none, or of two digits' year."""
    if not re.search(r" \d{4} .*(?:GMT|[+-]\d{4})$", raw):
        return None
    try:
        return parsedate_to_datetime(raw).astimezone(UTC)
    except (ValueError, TypeError, IndexError):
        return None
