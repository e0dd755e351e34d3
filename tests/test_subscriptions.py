"""Feeds handed over by other programs, and edits of feeds.toml that leave the rest alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.config import configuration
from aggregator.errors import ConfigError
from aggregator.model import Feed
from aggregator.subscriptions import (
    Subscription,
    feeds_of_page,
    opml_of,
    subscriptions_of_opml,
    with_subscriptions,
    without_feed,
)

FILE = """# mine
[defaults]
language = "en"   # most of them

# --- near ---
[[feed]]
id = "near"
url = "https://near.example/feed"  # the paper next door

# --- far ---
[[feed]]
url = "https://far.example/feed"
[feed.headers]
X-Key = "1"

[[queue]]
name = "all"
"""


def test_adding_a_feed_leaves_every_line_of_the_file_as_it_is():
    text, added, known = with_subscriptions(
        FILE,
        [Subscription("https://new.example/rss", "New", "World"), Subscription("https://near.example/feed")],
        file="f",
    )
    assert text.startswith(FILE)
    assert added == ["new-example-rss-768dfe"]
    assert known == ["https://near.example/feed"]
    assert configuration(text).feeds[-1].categories == ("World", "New")


def test_adding_to_an_empty_file_gives_a_valid_one():
    text, _, _ = with_subscriptions("", [Subscription("https://new.example/rss")], file="f")
    assert [feed.url for feed in configuration(text).feeds] == ["https://new.example/rss"]


def test_removing_a_feed_takes_its_own_lines_and_no_comment_of_its_neighbours():
    assert without_feed(FILE, "near", file="f") == FILE.replace(
        '[[feed]]\nid = "near"\nurl = "https://near.example/feed"  # the paper next door\n\n', ""
    )
    without_far = without_feed(FILE, "https://far.example/feed", file="f")
    assert "X-Key" not in without_far
    assert '[[queue]]\nname = "all"' in without_far


def test_removing_a_feed_that_is_not_there_says_so():
    with pytest.raises(ConfigError, match='no feed has the id or url "nope"'):
        without_feed(FILE, "nope", file="f")


def test_feeds_written_as_an_inline_list_are_not_edited_wrongly():
    inline = 'feed = [{ url = "https://a.example/" }, { url = "https://b.example/" }]\n'
    with pytest.raises(ConfigError, match="by hand"):
        without_feed(inline, "https://a.example/", file="f")


def test_opml_is_read_through_nested_folders_and_spellings():
    body = b"""<opml><body><outline text="World"><outline text="Deep"><outline title="A" XMLURL="https://a.example/f"/>
        </outline></outline><outline text="B" xmlUrl="http://b.example/" htmlUrl="http://b.example/home"/>
        <outline text="no feed"/><outline xmlUrl="javascript:alert(1)"/><outline xmlUrl="https://a.example/f"/></body></opml>"""
    assert subscriptions_of_opml(body) == [
        Subscription("https://a.example/f", "A", "World"),
        Subscription("http://b.example/", "B", "", "http://b.example/home"),
    ]


def test_opml_never_expands_entities():
    body = b'<!DOCTYPE opml [<!ENTITY x SYSTEM "file:///etc/passwd">]><opml><body><outline text="&x;" xmlUrl="https://a.example/"/></body></opml>'
    assert [one.url for one in subscriptions_of_opml(body)] == ["https://a.example/"]
    assert "root:" not in subscriptions_of_opml(body)[0].title


@pytest.mark.parametrize("body", [b"", b"hello", b"<html><body>no</body></html>"])
def test_what_is_no_opml_is_refused(body: bytes):
    with pytest.raises(ConfigError, match="no OPML"):
        subscriptions_of_opml(body)


names = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=20).map(str.strip).filter(bool)


@given(st.lists(st.tuples(names, names, names), max_size=6))
def test_opml_written_reads_back(rows: list[tuple[str, str, str]]):
    feeds = [Feed(f"f{n}", f"https://x.example/{n}?a=1&b=2", row) for n, row in enumerate(rows)]
    read = subscriptions_of_opml(opml_of(feeds).encode())
    assert {one.url: one.folder for one in read} == {f.url: " ".join(f.categories[0].split()) for f in feeds}


def test_a_page_tells_of_its_feeds_typed_ones_first():
    page = b"""<html><head><base href="/blog/"><link rel="alternate" type="application/json" href="/wp-json/1">
        <link rel="alternate" type="application/rss+xml" title="All" href="feed.xml"><link rel="stylesheet" href="x.css">
        <link rel="alternate" type="application/atom+xml" href="https://b.example/atom"></head><body><p>hi</body></html>"""
    assert feeds_of_page(page, url="https://a.example/x") == [
        Subscription("https://a.example/blog/feed.xml", "All"),
        Subscription("https://b.example/atom"),
        Subscription("https://a.example/wp-json/1"),
    ]


@given(st.binary(max_size=200))
def test_any_bytes_as_a_page_give_a_list(body: bytes):
    assert all(one.url.startswith("http") for one in feeds_of_page(body, url="https://a.example/"))


def test_every_opml_of_the_corpus_is_read_or_refused(shared: Path):
    urls = 0
    for path in sorted((shared / "corpus" / "opml").rglob("*")):
        if path.is_file():
            try:
                urls += len(subscriptions_of_opml(path.read_bytes()))
            except ConfigError as error:
                assert "OPML" in str(error)  # noqa: PT017
    assert urls > 5000
