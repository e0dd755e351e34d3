"""OPML as it is found: what the outlines of other programs become, each of them added, known already, or told of."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.config import configuration
from aggregator.errors import ConfigError
from aggregator.opml import Opml, Subscription, opml_of, subscriptions_of_opml
from aggregator.subscriptions import with_subscriptions

ADDRESS = 'xmlUrl="https://a.example/f"'
A_FEED = f'type="rss" {ADDRESS}'


def read(*outlines: str, encoding: str = "utf-8", declared: str = "") -> Opml:
    declaration = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    text = f'{declaration}<opml version="2.0"><body>{"".join(outlines)}</body></opml>'
    return subscriptions_of_opml(text.encode(encoding))


ADDRESSES = {
    "bare &": ('xmlUrl="https://a.example/?a=1&b=2"', "https://a.example/?a=1&b=2"),
    "bare & of an HTML name": (
        'xmlUrl="https://a.example/?a=1&copy=2&lt=3"',
        "https://a.example/?a=1&copy=2&lt=3",
    ),
    "& escaped twice": (
        'xmlUrl="https://a.example/?a=1&amp;amp;b=2"',
        "https://a.example/?a=1&b=2",
    ),
    "feed://": ('xmlUrl="feed://a.example/f"', "http://a.example/f"),
    "feed:https://": ('xmlUrl="feed:https://a.example/f"', "https://a.example/f"),
    "www.": ('xmlUrl="www.a.example/f"', "https://www.a.example/f"),
    "url= of a feed": ('url="https://a.example/f"', "https://a.example/f"),
    "feedUrl=": ('feedUrl="https://a.example/f"', "https://a.example/f"),
    "a query that names one": (
        'xmlUrl="https://a.example/?xmlUrl=b"',
        "https://a.example/?xmlUrl=b",
    ),
    "no quotes": ("xmlUrl=https://a.example/f ", "https://a.example/f"),
    "quotes within quotes": (
        f'text="He said "no" again" {ADDRESS}',
        "https://a.example/f",
    ),
    "one quote": (
        f'text="Tom\'s" {ADDRESS.replace(chr(34), chr(39))}',
        "https://a.example/f",
    ),
    "a bare <": (f'text="a < b" {ADDRESS}', "https://a.example/f"),
    "a control character": (f'text="a \x08 b" {ADDRESS}', "https://a.example/f"),
    "a comment beside it": (
        f'text="a" <!-- xmlUrl="b" --> {ADDRESS}',
        "https://a.example/f",
    ),
}


@pytest.mark.parametrize(("attributes", "meant"), ADDRESSES.values(), ids=ADDRESSES)
def test_the_address_is_the_one_that_was_meant(attributes: str, meant: str):
    opml = read(
        f"<outline type='rss' {attributes}/>", "<outline xmlUrl='https://z.example/'/>"
    )
    assert [feed.url for feed in opml.feeds] == [meant, "https://z.example/"]
    assert opml.left_out == ()


TITLES = {
    "AT&amp;amp;T": "AT&T",
    "R&amp;D &amp;amp; more": "R&D & more",
    "Caf&amp;eacute; &amp;#233;": "Café é",
    "Caf&eacute;": "Café",
    "Tom &amp;#39;n&amp;#x27; Jerry": "Tom 'n' Jerry",
    "A &amp;lt;b&amp;gt;": "A <b>",
    "Q&A": "Q&A",
    "Fish & Chips": "Fish & Chips",
    "a&amp;b;": "a&b;",
    "&amp;#x202e;turned": "turned",
}


@pytest.mark.parametrize(("written", "meant"), TITLES.items())
def test_names_that_were_escaped_twice_are_read_once(written: str, meant: str):
    opml = read(
        f'<outline text="{written}"><outline title="{written}" {ADDRESS}/></outline>'
    )
    assert opml.feeds == (Subscription("https://a.example/f", meant, meant),)


@pytest.mark.parametrize("declared", ["", "gb2312", "utf-8"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le"]
)
def test_the_encoding_is_found_whatever_the_declaration_says(
    encoding: str, declared: str
):
    named = f'<outline text="水闸新闻和潮汐与港口 A & B" {A_FEED}/>'
    [feed] = read(named, encoding=encoding, declared=declared).feeds
    assert feed.title == "水闸新闻和潮汐与港口 A & B"


PLACES = {
    "folder and inner folder": (
        f'<outline text="Sea"><outline text="North"><outline title="A" {A_FEED}/></outline></outline>',
        ("Sea", "A", "North"),
    ),
    "category of its own": (f'<outline title="A" category="/Science/Tides,/Sea" {A_FEED}/>', ("Science", "A", "Tides")),
    "one category": (f'<outline title="A" category="Sea" {A_FEED}/>', ("Sea", "A")),
    "category in a folder": (f'<outline text="Sea"><outline title="A" category="/Tides" {A_FEED}/></outline>', ("Sea", "A", "Tides")),
    "category that is the folder": (f'<outline text="Sea"><outline title="A" category="/Sea" {A_FEED}/></outline>', ("Sea", "A")),
    "second folder": (
        f'<outline text="Sea"><outline title="A" {A_FEED}/></outline><outline text="Town"><outline title="A" {A_FEED}/></outline>',
        ("Sea", "A", "Town"),
    ),
    "a folder at the second time": (f'<outline title="A" {A_FEED}/><outline text="Town"><outline {A_FEED}/></outline>', ("Town", "A")),
    "a title at the second time": (f'<outline text="Sea"><outline {A_FEED}/></outline><outline title="A" {A_FEED}/>', ("Sea", "A")),
    "title beside text": (f'<outline text="t" title="A" {A_FEED}/>', ("News", "A")),
    "text alone": (f'<outline text="A" {A_FEED}/>', ("News", "A")),
}  # fmt: skip


@pytest.mark.parametrize(("outlines", "categories"), PLACES.values(), ids=PLACES)
def test_folders_titles_and_categories_come_in_and_go_out(
    outlines: str, categories: tuple[str, ...]
):
    opml = read(outlines)
    text, _, _ = with_subscriptions("", opml.feeds, file="f")
    [feed] = configuration(text).feeds
    assert feed.categories == categories
    went = opml_of([feed])
    again, _, _ = with_subscriptions(
        "", subscriptions_of_opml(went.encode()).feeds, file="f"
    )
    assert configuration(again).feeds[0].categories == categories


NO_FEEDS = {
    "commented out": (f'isComment="true" {A_FEED}', "is commented out", False),
    "a page read by rules": (
        f'type="HTML+XPath" {ADDRESS}',
        "read by rules (html+xpath)",
        True,
    ),
    "an API read by rules": (
        f'type="JSON+DotNotation" {ADDRESS}',
        "read by rules",
        True,
    ),
    "a link": ('type="link" url="https://a.example/"', "a page, no feed", False),
    "a page without a type": ('url="https://a.example/"', "a page, no feed", True),
    "a feed's page alone": (
        'type="rss" htmlUrl="https://a.example/"',
        "a page, no feed",
        True,
    ),
    "another list": (
        'type="include" url="https://a.example/list.opml"',
        "import that one by itself",
        True,
    ),
    "a feed without address": ('type="rss"', "names no address", True),
    "an empty address": ('type="rss" xmlUrl=""', "names no address", True),
    "a note": ("", "names no address", False),
    "another scheme": (
        'type="rss" xmlUrl="ftp://me:secret@a.example/"',
        "is no web address",
        True,
    ),
}


@pytest.mark.parametrize(
    ("attributes", "why", "is_failure"), NO_FEEDS.values(), ids=NO_FEEDS
)
def test_an_outline_that_is_no_feed_is_told_of_with_a_reason(
    attributes: str, why: str, is_failure: bool
):
    opml = read(f'<outline text="Name" {attributes}/>')
    assert opml.feeds == ()
    [left_out] = opml.left_out
    assert (left_out.name, left_out.is_failure) == ("Name", is_failure)
    assert why in left_out.why
    assert "secret" not in left_out.why


def test_what_stands_under_a_commented_outline_is_commented_out():
    opml = read(
        f'<outline text="Old" isComment="true"><outline text="A" {A_FEED}/></outline>'
    )
    assert (opml.feeds, [one.name for one in opml.left_out]) == ((), ["A"])


def test_a_third_folder_is_told_of():
    folders = [
        f'<outline text="{name}"><outline title="A" {A_FEED}/></outline>'
        for name in ("Sea", "Town", "Sky")
    ]
    opml = read(*folders)
    assert (opml.repeated_count, opml.feeds[0].section) == (2, "Town")
    assert [(one.name, one.is_failure) for one in opml.left_out] == [
        ("A in Sky", False)
    ]
    assert "Sea / Town" in opml.left_out[0].why


@pytest.mark.parametrize(
    "end", ['<outline text="B" xmlUrl="https://b', '<outline text="B"', "</bo"]
)
def test_a_list_that_is_cut_off_says_so(end: str):
    opml = subscriptions_of_opml(f"<opml><body><outline {A_FEED}/>{end}".encode())
    assert [feed.url for feed in opml.feeds][:1] == ["https://a.example/f"]
    assert any(one.is_failure and "cut off" in one.why for one in opml.left_out)


def test_names_with_a_prefix_are_read():
    body = f'<x:opml xmlns:x="urn:x"><x:body><x:outline x:text="A" x:{ADDRESS}/></x:body></x:opml>'
    assert [feed.title for feed in subscriptions_of_opml(body.encode()).feeds] == ["A"]


def test_a_declaration_does_not_make_it_opml():
    with pytest.raises(ConfigError, match="no OPML"):
        subscriptions_of_opml(b'<?xml version="1.0"?><rss><channel/></rss>')


outlines = st.fixed_dictionaries(
    {},
    optional={
        "text": st.sampled_from(["A", "B & C", "水"]),
        "type": st.sampled_from(["rss", "link", "include", "HTML+XPath", ""]),
        "xmlUrl": st.sampled_from(
            [
                "https://a.example/",
                "b.example/f",
                "ftp://c.example/",
                "",
                "https://d.example/x",
            ]
        ),
        "url": st.sampled_from(["https://a.example/", "page"]),
        "isComment": st.sampled_from(["true", "false"]),
    },
)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["Sea", "Town"]), outlines), max_size=8))
def test_every_outline_has_one_end(rows: list[tuple[str, dict[str, str]]]):
    written = [
        f"<outline text='{folder}'><outline {' '.join(f'{key}={quoteattr(value)}' for key, value in one.items())}/></outline>"
        for folder, one in rows
    ]
    opml = read(*written)
    without_own_end = [one for one in opml.left_out if " in " in one.name]
    assert len(opml.feeds) + opml.repeated_count + len(opml.left_out) - len(
        without_own_end
    ) == len(rows)


def test_episodes_and_preferences_of_other_programs_are_no_subscriptions():
    overcast = f'<outline {A_FEED}><outline type="podcast-episode" title="1" url="https://a.example/1"/></outline>'
    preferences = (
        '<outline text="tt-rss-prefs"><outline pref-name="X" value="1"/></outline>'
    )
    opml = read(overcast, preferences)
    assert [feed.url for feed in opml.feeds] == ["https://a.example/f"]
    assert opml.left_out == ()


def test_an_address_without_a_possible_host_costs_its_outline():
    opml = read(
        '<outline type="rss" xmlUrl="https://a .example/f"/>', f"<outline {A_FEED}/>"
    )
    assert [feed.url for feed in opml.feeds] == ["https://a.example/f"]
    assert [one.is_failure for one in opml.left_out] == [True]
