"""The crafted feeds 46–56 of ../shared/corpus/hostile: each behaves as its `expect` line says."""

from __future__ import annotations

import gzip
import json
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import frontmatter
import pytest
import yaml
from selectolax.lexbor import LexborHTMLParser

from aggregator.entry.files import export
from aggregator.entry.identity import entry_id
from aggregator.entry.normalise import entry
from aggregator.entry.parse import parsed_feed
from aggregator.model import DocumentSettings, Entry, Feed, Kind, Message, ParsedFeed

SEEN = datetime(2026, 11, 22, tzinfo=UTC)
FEED = Feed("hostile", "http://feed.test/rss", categories=("A", "B", "C"))


def entries(shared: Path, name: str) -> list[Entry]:
    found = entries_of((shared / "corpus" / "hostile" / name).read_bytes())
    assert found is not None
    return found


def entries_of(body: bytes) -> list[Entry] | None:
    """The entries of a document; None where it is refused."""
    parsed = parsed_feed(body, content_type=None, url=FEED.url)
    if not isinstance(parsed, ParsedFeed):
        return None
    return [
        entry(
            one,
            feed=FEED,
            feed_title=parsed.title,
            feed_language=parsed.language,
            entry_id=entry_id(FEED.feed_id, one.guid or one.link),
            identity_key=one.guid or one.link,
            first_seen_at=SEEN,
            revision=0,
            clock_error=None,
            settings=DocumentSettings(),
        )
        for one in parsed.entries
    ]


def stated(shared: Path, name: str, key: str) -> list[str]:
    for line in (
        (shared / "corpus" / "hostile" / "manifest.jsonl")
        .read_text(encoding="utf-8")
        .strip()
        .split("\n")
    ):
        row = json.loads(line)
        if row["file"] == name:
            return list(row[key])
    raise AssertionError(name)


def body_of(made: Entry) -> str:
    text = made.document
    return text[text.index("---\n\n<div>   \n") + 14 : text.rindex("\n  \n</div>")]


def test_46_js_links(shared: Path) -> None:
    made = entries(shared, "46_js_links.xml")
    assert [one.title for one in made] == [f"L{i}" for i in range(23)]
    urls = {one.title: one.url for one in made}
    assert all(
        url == "" or url.startswith(("http://", "https://", "HTTP://"))
        for url in urls.values()
    )
    empty = {
        "L0",
        "L1",
        "L2",
        "L3",
        "L4",
        "L5",
        "L6",
        "L17",
        "L18",
        "L19",
        "L20",
        "L22",
    }
    assert {name for name, url in urls.items() if not url} == empty
    assert urls["L10"] == "http://feed.test/relative/path"
    assert urls["L12"] == "http://feed.test/"
    assert max(len(one.url) for one in made) < 4_096


def test_47_xss_content(shared: Path) -> None:
    made = entries(shared, "47_xss_content.xml")
    assert len(made) == 33
    forbidden = {
        "script",
        "iframe",
        "object",
        "embed",
        "form",
        "base",
        "meta",
        "style",
        "svg",
        "math",
        "template",
    }
    for one in made:
        parsed = frontmatter.loads(one.document)
        assert parsed.metadata["title"] == one.title
        assert len(parsed.metadata) == 7
        tree = LexborHTMLParser(parsed.content)
        nodes = tree.css("body *")
        assert nodes[0].tag == "div"
        assert nodes[0].next is None or nodes[0].next.tag == "-text"
        assert not {node.tag for node in nodes} & forbidden, one.title
        for node in nodes:
            for name, value in node.attributes.items():
                assert not name.startswith("on"), one.title
                assert (
                    not (value or "")
                    .strip()
                    .lower()
                    .startswith(("javascript:", "vbscript:", "data:text"))
                ), one.title


def test_48_xss_in_title(shared: Path) -> None:
    assert [one.title for one in entries(shared, "48_xss_in_title.xml")] == [
        "Head & tail bold",
        "5 < 6 & AT&T",
    ]


def test_49_homographs(shared: Path) -> None:
    titles = [one.title for one in entries(shared, "49_homographs.xml")]
    assert len(set(titles)) == 4
    folded = [unicodedata.normalize("NFKC", title) for title in titles]
    assert folded[1] == folded[2] == folded[3] == "Paypal breaks news"
    assert folded[0] != folded[1]


def test_50_rtl_override(shared: Path) -> None:
    (one,) = entries(shared, "50_rtl_override.xml")
    assert one.title == "News gpj.exe end iso"
    message = Message(
        id="m",
        kind=Kind.NEW,
        event_id="e",
        entry_id=one.entry_id,
        title=one.title,
        categories=one.categories,
        document=one.document,
    )
    assert not [
        c
        for path in export([message]).files
        for c in path
        if unicodedata.bidirectional(c) in ("RLO", "LRO", "RLI", "LRI")
    ]


def test_51_zero_width(shared: Path) -> None:
    one, other = entries(shared, "51_zero_width.xml")
    assert one.title == other.title == "普京拜登通话"


def test_52_emoji(shared: Path) -> None:
    (one,) = entries(shared, "52_emoji.xml")
    one.document.encode()
    assert one.title.startswith("👨\u200d👩\u200d👧\u200d👦 🇺🇦🇷🇺 👍🏽 ☃️ 😀")
    assert not any("\ud800" <= c <= "\udfff" for c in one.document)


def test_53_yaml_titles(shared: Path) -> None:
    made = entries(shared, "53_yaml_titles.xml")
    assert len(made) == 101
    for one in made:
        values = yaml.safe_load(one.document[5 : one.document.index("\n---\n\n<div>")])
        assert values["title"] == one.title
        assert one.title
        assert list(values) == [
            "title",
            "categories",
            "headimg",
            "author",
            "comments",
            "date",
            "thumbnail",
        ]
    titles = {one.title for one in made}
    clean = [
        title
        for title in stated(shared, "53_yaml_titles.xml", "titles")
        if title == " ".join(title.split()) != ""
    ]
    changed = [title for title in clean if title not in titles]
    assert (
        len(changed) == 4
    )  # the one of 1,000 characters, the BOM, and two that hold markup
    assert {"<b>x</b>", "&lt;", "\ufeffbom"} < set(changed)


def test_54_nunjucks(shared: Path) -> None:
    made = entries(shared, "54_nunjucks.xml")
    assert [one.title for one in made[:3]] == ["{{ 7*7 }}", "{% raw %}", "{% endraw %}"]
    for one in made:
        assert not set(body_of(one)) & {"{", "}"}
    assert (
        "<p>&#123;&#123; 7*7 &#125;&#125; body</p><code>&#123;&#123; 7*7 &#125;&#125;</code>"
        in made[0].document
    )


def test_55_filenames(shared: Path, tmp_path: Path) -> None:
    made = entries(shared, "55_filenames.xml")
    messages = [
        Message(
            id="m",
            kind=Kind.NEW,
            event_id=f"e{i}",
            entry_id=one.entry_id,
            title=one.title,
            categories=("CON", "..", "a/b"),
            document=one.document,
        )
        for i, one in enumerate(made)
    ]
    paths = [path for path in export(messages).files if not path.startswith("_")]
    assert len(paths) == len(made) == 40
    assert len({unicodedata.normalize("NFC", path).casefold() for path in paths}) == 40
    for path in paths:
        assert (tmp_path / path).resolve().is_relative_to(tmp_path.resolve())
        for part in path.split("/"):
            assert len(part.encode()) <= 200
            assert part.split(".")[0].lower() not in (
                "con",
                "nul",
                "aux",
                "com1",
                "lpt9",
            )


def test_56_ids_for_redis(shared: Path) -> None:
    made = entries(shared, "56_ids_for_redis.xml")
    assert len({one.entry_id for one in made}) == len(made)
    assert all(len(one.entry_id) == 20 and one.entry_id.isalnum() for one in made)
    assert all(len(one.guid) <= 500 and one.guid.isprintable() for one in made)


@pytest.mark.parametrize(
    "name",
    [
        "44_no_guid_no_link_no_title.xml",
        "12_title_10mb.xml.gz",
        "10_deep_nesting_html_100k.xml.gz",
        "58_attribute_10mb.xml.gz",
    ],
)
def test_bodies_and_titles_of_the_large_and_the_empty(shared: Path, name: str) -> None:
    raw = (shared / "corpus" / "hostile" / name).read_bytes()
    parsed = parsed_feed(
        gzip.decompress(raw) if name.endswith(".gz") else raw,
        content_type=None,
        url=FEED.url,
    )
    for one in parsed.entries if isinstance(parsed, ParsedFeed) else ():
        made = entry(
            one,
            feed=FEED,
            feed_title="",
            feed_language=None,
            entry_id="a" * 20,
            identity_key="k",
            first_seen_at=SEEN,
            revision=0,
            clock_error=None,
            settings=DocumentSettings(),
        )
        assert len(made.title) <= 500
        assert len(made.document.encode()) < 300_000
