"""Feeds handed over by other programs, and edits of feeds.toml that leave the rest alone."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.config import configuration
from aggregator.config_values import web_addresses
from aggregator.errors import ConfigError
from aggregator.model import Feed
from aggregator.opml import Subscription, opml_of, subscriptions_of_opml
from aggregator.subscriptions import (
    feeds_of_page,
    usable,
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
        [
            Subscription("https://new.example/rss", "New", "World"),
            Subscription("https://near.example/feed"),
        ],
        file="f",
    )
    assert text.startswith(FILE)
    assert added == ["new-example-rss-768dfe"]
    assert known == ["https://near.example/feed"]
    assert configuration(text).feeds[-1].categories == ("World", "New")


def test_adding_to_an_empty_file_gives_a_valid_one():
    text, _, _ = with_subscriptions(
        "", [Subscription("https://new.example/rss")], file="f"
    )
    assert [feed.url for feed in configuration(text).feeds] == [
        "https://new.example/rss"
    ]


def test_removing_a_feed_takes_its_own_lines_and_no_comment_of_its_neighbours():
    assert without_feed(FILE, "near", file="f") == FILE.replace(
        '[[feed]]\nid = "near"\nurl = "https://near.example/feed"  # the paper next door\n\n',
        "",
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
    found = subscriptions_of_opml(body)
    assert found.feeds == (
        Subscription("https://a.example/f", "A", "World", section="Deep"),
        Subscription("http://b.example/", "B", "", "http://b.example/home"),
    )
    assert [(one.name, one.why) for one in found.left_out] == [
        ("no feed", "it names no address"),
        (
            "an outline",
            "'javascript:alert(1)' is no web address: write it whole, such as https://example.org/feed.xml",
        ),
    ]
    assert found.repeated_count == 1


def test_opml_never_expands_entities():
    body = b'<!DOCTYPE opml [<!ENTITY x SYSTEM "file:///etc/passwd">]><opml><body><outline text="&x;" xmlUrl="https://a.example/"/></body></opml>'
    [one] = subscriptions_of_opml(body).feeds
    assert one.url == "https://a.example/"
    assert "root:" not in one.title


@pytest.mark.parametrize("body", [b"", b"hello", b"<html><body>no</body></html>"])
def test_what_is_no_opml_is_refused(body: bytes):
    with pytest.raises(ConfigError, match="no OPML"):
        subscriptions_of_opml(body)


names = (
    st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=20)
    .map(str.strip)
    .filter(bool)
)


@settings(max_examples=30)
@given(st.lists(st.lists(names, max_size=3), max_size=6))
def test_opml_written_reads_back(rows: list[list[str]]):
    feeds = [
        Feed(f"f{n}", f"https://x.example/{n}?a=1&b=2", tuple(row))
        for n, row in enumerate(rows)
    ]
    written = opml_of(feeds)
    read = subscriptions_of_opml(written.encode())
    assert read.left_out == ()
    told = {one.url: (one.folder, one.section) for one in read.feeds}
    tidy = [tuple(" ".join(name.split()) for name in feed.categories) for feed in feeds]
    assert told == {
        f.url: ((*row, "")[0], row[2] if len(row) > 2 else "")
        for f, row in zip(feeds, tidy, strict=True)
    }
    text, _, _ = with_subscriptions("", read.feeds, file="f")
    again = subscriptions_of_opml(opml_of(configuration(text).feeds).encode())
    assert {one.url for one in again.feeds} == set(told)
    assert all(
        one.folder == told[one.url][0] for one in again.feeds if told[one.url][0]
    )


def test_a_page_tells_of_its_feeds_typed_ones_first():
    page = b"""<html><head><base href="/blog/"><link rel="alternate" type="application/json" href="/items.json">
        <link rel="alternate" type="application/rss+xml" title="All" href="feed.xml"><link rel="stylesheet" href="x.css">
        <link rel="alternate" type="application/atom+xml" href="https://b.example/atom"></head><body><p>hi</body></html>"""
    assert feeds_of_page(page, url="https://a.example/x") == [
        Subscription("https://a.example/blog/feed.xml", "All"),
        Subscription("https://b.example/atom"),
        Subscription("https://a.example/items.json"),
    ]


@given(st.binary(max_size=200))
def test_any_bytes_as_a_page_give_a_list(body: bytes):
    assert all(
        one.url.startswith("http")
        for one in feeds_of_page(body, url="https://a.example/")
    )


def test_every_opml_of_the_corpus_is_read_or_refused(shared: Path):
    urls = 0
    for path in sorted((shared / "corpus" / "opml").rglob("*")):
        if path.is_file():
            try:
                urls += len(subscriptions_of_opml(path.read_bytes()).feeds)
            except ConfigError as error:
                assert "OPML" in str(error)  # noqa: PT017
    assert urls > 5000


# --- addresses as people paste and programs export them ---

PASTED = {
    "https://a.example/feed": "https://a.example/feed",
    " https://a.example/feed \n": "https://a.example/feed",
    "\u00a0https://a.example/feed\u200b": "https://a.example/feed",
    "<https://a.example/feed>": "https://a.example/feed",
    '"https://a.example/feed"': "https://a.example/feed",
    "HTTPS://a.example/Feed": "https://a.example/Feed",
    "Http://a.example/feed": "http://a.example/feed",
    "feed:https://a.example/feed": "https://a.example/feed",
    "feed://https://a.example/feed": "https://a.example/feed",
    "FEED:HTTP://a.example/feed": "http://a.example/feed",
    "feed://a.example/feed": "http://a.example/feed",
    "feed:a.example/feed": "http://a.example/feed",
    "rss://a.example/feed": "http://a.example/feed",
    "itpc://a.example/cast": "http://a.example/cast",
    "podcast://a.example/cast": "http://a.example/cast",
    "//a.example/feed": "https://a.example/feed",
    "a.example": "https://a.example",
    "www.a.example/feed?x=1": "https://www.a.example/feed?x=1",
    "a.example:8080/feed": "http://a.example:8080/feed",
    "192.0.2.1/feed": "http://192.0.2.1/feed",
    "localhost/feed": "http://localhost/feed",
    "[::1]:8080/feed": "http://[::1]:8080/feed",
    "https://a.example/long\n  er/feed": "https://a.example/longer/feed",
    "https://a.example/my feed.xml": "https://a.example/my%20feed.xml",
    "https:/a.example/feed": "https://a.example/feed",
    "https:a.example/feed": "https://a.example/feed",
    "https://bücher.example/feed": "https://bücher.example/feed",
    "https://me:secret@a.example/feed": "https://me:secret@a.example/feed",
    "「https://a.example/feed」": "https://a.example/feed",
    "(https://a.example/feed)": "https://a.example/feed",
    "https://a.example/f_(x)": "https://a.example/f_(x)",
    "https://a.example/feed，": "https://a.example/feed",
    "https://a.example/fe\u200bed": "https://a.example/feed",
    "https：//a.example/feed": "https://a.example/feed",
    "https;//a.example/feed": "https://a.example/feed",
    "http//a.example/feed": "http://a.example/feed",
    "https:// a.example/feed": "https://a.example/feed",
    "http://https://a.example/feed": "https://a.example/feed",
    "feed://https//a.example/feed": "https://a.example/feed",
    "view-source:https://a.example/feed": "https://a.example/feed",
    "https://a.example\\feed": "https://a.example/feed",
    "https.example/feed": "https://https.example/feed",
}


@pytest.mark.parametrize(("pasted", "meant"), PASTED.items())
def test_an_address_is_read_as_people_paste_it(pasted: str, meant: str):
    assert web_addresses(pasted)[0] == meant
    body = f"<opml><body><outline text='A' type='rss' xmlUrl={quoteattr(pasted)}/></body></opml>"
    if "\n " not in pasted:  # in an attribute of XML a line end is a blank
        assert [one.url for one in subscriptions_of_opml(body.encode()).feeds] == [
            meant
        ]


def test_without_a_scheme_http_is_the_second_guess():
    assert web_addresses("a.example/feed") == (
        "https://a.example/feed",
        "http://a.example/feed",
    )
    assert (
        len(web_addresses("feed://a.example/feed"))
        == len(web_addresses("http://a.example/feed"))
        == 1
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "news",
        "javascript:alert(1)",
        "mailto:a@a.example",
        "ftp://a.example/f",
        "me@a.example",
        "https://",
        "http://[bad/",
        "https://a.example:port/",
        "file:///etc/passwd",
        "feed:",
        "https://a .example/feed",
        "https://.example/feed",
        "https://a..example/feed",
    ],
)
def test_what_is_no_address_is_refused_in_words(text: str):
    with pytest.raises(ValueError, match="is no"):
        web_addresses(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://me:secret@a.example:port/feed",
        "ftp://me:secret@a.example/",
        "https://me:secret@[bad/",
    ],
)
def test_a_refusal_tells_no_password(text: str):
    with pytest.raises(ValueError, match="is no") as caught:
        web_addresses(text)
    assert "secret" not in str(caught.value)


def test_two_addresses_are_not_taken_for_one():
    with pytest.raises(ValueError, match="two addresses"):
        web_addresses("https://a.example/feed https://b.example/feed")


EXPORTS = {
    "feedly": """<opml version="1.0"><head><title>subscriptions in feedly Cloud</title></head><body>
        <outline text="Town" title="Town"><outline type="rss" text="Weir News" title="Weir News" xmlUrl="https://w.example/rss?a=1&amp;b=2" htmlUrl="https://w.example"/></outline>
        <outline text="Sea" title="Sea"><outline type="rss" text="Eels" title="Eels" xmlUrl="http://e.example/feed" htmlUrl="http://e.example"/>
        <outline type="rss" text="Weir News" title="Weir News" xmlUrl="https://w.example/rss?a=1&amp;b=2"/></outline></body></opml>""",
    "inoreader": """<opml version="1.0"><head><title>Subscriptions from Inoreader</title></head><body>
        <outline text="Town" title="Town"><outline text="Weir News" title="Weir News" type="rss" xmlUrl="https://w.example/rss?a=1&b=2" htmlUrl="https://w.example"/></outline>
        <outline text="Sea" title="Sea"><outline text="Eels" title="Eels" type="rss" xmlUrl="http://e.example/feed"/></outline></body></opml>""",
    "netnewswire": """<!-- OPML generated by NetNewsWire --><opml version="1.1"><head><title>Subs</title></head><body>
        <outline text="Town" title="Town"><outline text="Weir News" title="Weir News" description="" type="rss" version="RSS" htmlUrl="" xmlUrl="https://w.example/rss?a=1&amp;b=2"/></outline>
        <outline text="Sea" title="Sea"><outline text="Eels" title="Eels" description="" type="rss" version="RSS" htmlUrl="" xmlUrl="feed://e.example/feed"/></outline></body></opml>""",
    "freshrss": """<opml xmlns:frss="https://freshrss.org/opml" version="2.0"><head><title>FreshRSS</title></head><body>
        <outline text="Town"><outline text="Weir News" type="rss" xmlUrl="https://w.example/rss?a=1&amp;b=2" htmlUrl="https://w.example/" description="d" frss:priority="important"/></outline>
        <outline text="Sea"><outline text="Eels" type="rss" xmlUrl="http://e.example/feed" frss:cssFullContent="article"/></outline></body></opml>""",
    "thunderbird": """<opml version="1.0" xmlns:fz="urn:forumzilla:"><head><title>Thunderbird OPML Export</title></head><body>
        <outline title="Town"><outline type="rss" title="Weir News" text="Weir News" version="RSS" fz:quickMode="false" xmlUrl="https://w.example/rss?a=1&amp;b=2" htmlUrl="https://w.example"/></outline>
        <outline title="Sea"><outline title="Eels"><outline type="rss" title="Eels" text="Eels" version="RSS" xmlUrl="http://e.example/feed"/></outline></outline></body></opml>""",
    "upper case": """<OPML><BODY><OUTLINE TEXT="Town"><OUTLINE TYPE="rss" TEXT="Weir News" XMLURL="https://w.example/rss?a=1&amp;b=2"/></OUTLINE>
        <OUTLINE TEXT="Sea"><OUTLINE TYPE="rss" TEXT="Eels" XMLURL="http://e.example/feed"/></OUTLINE></BODY></OPML>""",
    "attribute url": """<opml><body><outline text="Town"><outline type="rss" text="Weir News" url="https://w.example/rss?a=1&amp;b=2"/></outline>
        <outline text="Sea"><outline text="Eels" type="RSS" feedUrl="http://e.example/feed"/><outline type="link" text="A page" url="https://p.example/"/></outline></body></opml>""",
}  # fmt: skip


@pytest.mark.parametrize("name", EXPORTS)
def test_the_exports_of_other_readers_come_in_and_go_out_the_same(name: str):
    came = subscriptions_of_opml(EXPORTS[name].encode())
    assert [(one.url, one.title, one.folder) for one in came.feeds] == [
        ("https://w.example/rss?a=1&b=2", "Weir News", "Town"),
        ("http://e.example/feed", "Eels", "Sea"),
    ]
    assert [one.name for one in came.left_out if one.is_failure] == []
    text, _, _ = with_subscriptions("", came.feeds, file="f")
    went = subscriptions_of_opml(opml_of(configuration(text).feeds).encode())
    assert [(one.url, one.title, one.folder, one.section) for one in went.feeds] == [
        (one.url, one.title, one.folder, one.section) for one in came.feeds
    ]


def test_flat_lists_of_podcast_programs_keep_their_names():
    body = """<opml version="2.0"><body><outline text="feeds"><outline type="rss" text="Lock Talk" xmlUrl="https://l.example/cast"/></outline>
        <outline type="rss" text="堰的故事" title="堰的故事" xmlUrl="itpc://y.example/cast"/><outline type="rss" text="Bell" xmlUrl="https://b.example/cast"/>
        <outline type="rss" xmlUrl="https://n.example/cast"/></body></opml>"""
    text, _, _ = with_subscriptions(
        "", subscriptions_of_opml(body.encode()).feeds, file="f"
    )
    assert [feed.categories for feed in configuration(text).feeds] == [
        ("feeds", "Lock Talk"), ("新闻", "堰的故事"), ("News", "Bell"), ()
    ]  # fmt: skip


def test_a_folder_without_titles_keeps_its_name():
    body = b"<opml><body><outline text='Sea'><outline type='rss' xmlUrl='https://e.example/f'/></outline></body></opml>"
    text, _, _ = with_subscriptions("", subscriptions_of_opml(body).feeds, file="f")
    assert configuration(text).feeds[0].categories == ("Sea",)


def test_each_outline_that_cannot_be_used_is_named_and_costs_nothing_else():
    body = """<opml><body><outline text="Bad" type="rss" xmlUrl="ftp://me:secret@b.example/"/><outline text="Port" type="rss" xmlUrl="https://p.example:x/"/>
        <outline text="Rules" type="HTML+XPath" xmlUrl="https://r.example/"/><outline text="None" type="rss"/><outline text="Good" type="rss" xmlUrl="https://g.example/"/></body></opml>"""
    found = subscriptions_of_opml(body.encode())
    assert [one.url for one in found.feeds] == ["https://g.example/"]
    assert [one.name for one in found.left_out] == ["Bad", "Port", "Rules", "None"]
    assert "secret" not in str(found.left_out)


def test_a_feed_that_the_file_cannot_hold_costs_no_other():
    kept, left_out = usable(
        [
            Subscription("https://a.example/"),
            Subscription("https://b.example/ x", "B"),
            Subscription("ftp://c.example/"),
        ]
    )
    assert [one.url for one in kept] == ["https://a.example/"]
    assert [one.name for one in left_out] == ["B", "ftp://c.example/"]


def page(*links: str, head: str = "") -> bytes:
    return f"<html><head>{head}{''.join(links)}</head><body>x</body></html>".encode()


def alternate(href: str, kind: str = "application/rss+xml", title: str = "") -> str:
    return f'<link rel="alternate" type="{kind}" href="{href}" title="{title}">'


@pytest.mark.parametrize(
    "href",
    [
        "",
        " ",
        "#",
        "/x",
        "https://a.example/x#top",
        "javascript:x",
        "mailto:a@a.example",
    ],
)
def test_a_link_to_nothing_or_to_the_page_itself_is_no_feed(href: str):
    assert feeds_of_page(page(alternate(href)), url="https://a.example/x") == []


@pytest.mark.parametrize(
    ("first", "title"),
    [("/comments/feed/", "Comments Feed"), ("/f?kind=comments", ""), ("/k", "Kommentare zu A"), ("/c", "Commentaires"), ("/p", "评论"), ("/r", "Комментарии")],
)  # fmt: skip
def test_the_feed_of_comments_comes_after_the_page_s_own(first: str, title: str):
    found = feeds_of_page(
        page(alternate(first, title=title), alternate("/feed")),
        url="https://a.example/",
    )
    assert [one.url for one in found] == [
        "https://a.example/feed",
        f"https://a.example{first}",
    ]


@pytest.mark.parametrize(
    "kind",
    ["application/rss+xml", "application/atom+xml; charset=utf-8", "APPLICATION/RSS+XML", "application/feed+json", "text/rss+xml", "application/rss", "application/x.atom+xml", "text/xml", "application/json"],
)  # fmt: skip
def test_the_types_under_which_pages_name_feeds(kind: str):
    assert [
        one.url
        for one in feeds_of_page(
            page(alternate("feed:https://a.example/f", kind)), url="https://a.example/"
        )
    ] == ["https://a.example/f"]


@pytest.mark.parametrize(
    "kind",
    [
        "text/html",
        "application/json+oembed",
        "text/xml+oembed",
        "application/opensearchdescription+xml",
        "",
    ],
)
def test_other_alternates_are_no_feeds(kind: str):
    assert feeds_of_page(page(alternate("/f", kind)), url="https://a.example/") == []


@pytest.mark.parametrize(
    ("encoding", "content_type", "head"),
    [
        ("utf-8", "text/html; charset=utf-8", ""), ("utf-8", "text/html", ""), ("utf-8", None, '<meta charset="utf-8">'),
        ("gb18030", "text/html", '<meta charset="gb2312">'), ("gb18030", 'text/html; charset="GBK"', ""), ("big5", None, '<meta http-equiv="Content-Type" content="text/html; charset=big5">'),
        ("utf-16", None, ""), ("utf-8-sig", None, ""), ("utf-8", "text/html; charset=x-none", ""),
    ],
)  # fmt: skip
def test_titles_found_in_a_page_follow_its_charset(
    encoding: str, content_type: str | None, head: str
):
    body = page(alternate("/f", title="水閘新聞"), head=head).decode().encode(encoding)
    [one] = feeds_of_page(body, url="https://a.example/", content_type=content_type)
    assert one.title == "水閘新聞"


def test_a_page_that_declares_its_encoding_like_xml_is_read():
    body = b'<?xml version="1.0" encoding="utf-8"?>' + page(
        alternate("/f", title="Fähre")
    )
    assert feeds_of_page(body, url="https://a.example/")[0].title == "Fähre"


@pytest.mark.parametrize(
    "name", ["feed:https://far.example/feed", " HTTPS://far.example/feed "]
)
def test_a_feed_is_removed_by_an_address_as_it_was_pasted(name: str):
    assert "far.example" not in without_feed(FILE, name, file="f")


def test_a_file_without_its_last_feed_says_that_none_is_meant_until_one_is_added():
    alone = '# mine\n[[feed]]\nurl = "https://a.example/f"\n'
    without = without_feed(alone, "https://a.example/f", file="f")
    assert (configuration(without).feeds, configuration(without).names_feeds) == (
        (),
        True,
    )
    again, added, _ = with_subscriptions(
        without, [Subscription("https://b.example/f")], file="f"
    )
    assert (len(added), [feed.url for feed in configuration(again).feeds]) == (
        1,
        ["https://b.example/f"],
    )
    assert "# mine" in again


@pytest.mark.parametrize(
    "text", ["feed = []\n", "feeds = []  # none yet\n[fetch]\n", "feed = [\n]\n"]
)
def test_no_feeds_may_be_said_in_so_many_words(text: str):
    read = configuration(text)
    assert (read.feeds, read.names_feeds, read.is_blank) == ((), True, False)
    added, _, _ = with_subscriptions(
        text, [Subscription("https://b.example/f")], file="f"
    )
    assert len(configuration(added).feeds) == 1


@pytest.mark.parametrize(
    ("text", "is_blank"), [("", True), ("# all\n# of it\n", True), ("[fetch]\n", False)]
)
def test_a_file_that_names_no_feeds_is_told_from_one_that_says_nothing(
    text: str, is_blank: bool
):
    read = configuration(text)
    assert (read.names_feeds, read.is_blank) == (False, is_blank)


TOWN = "https://town.example/n/"


@pytest.mark.parametrize(
    ("markup", "urls"),
    [
        ('<link rel="feed" href="/feed">', ["/feed"]),
        ('<a rel="alternate" type="application/rss+xml" href="/feed">RSS</a>', ["/feed"]),
        ('<link rel="alternate" type="application/rss+xml" href="feed://town.example/feed">', ["/feed"]),
        ('<link rel="alternate" type="application/json" href="/wp-json/wp/v2/posts/1">', []),
        ('<link rel="alternate" type="application/rss+xml" href="{{ site.url }}/feed">', []),
        ('<link rel="alternate" type="application/rss+xml" href="/my feed.xml">', ["/my%20feed.xml"]),
        ('<a href="/about">x</a><a href="/rss.xml">RSS</a><a href="/feed/">all</a>', ["/rss.xml", "/feed/"]),
        ('<base href="http://[::1"><link rel="feed" href="/feed">', ["/feed"]),
        ('<a href="/comments/feed/">x</a><a href="/feed/">y</a>', ["/feed/", "/comments/feed/"]),
        ('<a href="https://other.example/feed/">theirs</a>', []),
        ('<a href="/rss.xml">RSS</a><link rel="alternate" type="application/atom+xml" href="/atom">', ["/atom"]),
    ],
)  # fmt: skip
def test_the_feeds_that_a_page_names_in_other_ways(markup: str, urls: list[str]):
    page = f"<html><head><title>T</title></head><body>{markup}</body></html>"
    found = [one.url for one in feeds_of_page(page.encode(), url=TOWN)]
    assert [url.partition("town.example")[2] for url in found] == urls


def test_titles_of_a_pages_feeds_are_read_once_and_by_its_xml_declaration():
    link = '<link rel="alternate" type="application/rss+xml" title="{}" href="/f"/>'
    twice = link.format("Tom &amp;amp; Jerry").encode()
    assert feeds_of_page(twice, url=TOWN)[0].title == "Tom & Jerry"
    declared = f'<?xml version="1.0" encoding="euc-kr"?><html>{link.format("서울")}'
    assert feeds_of_page(declared.encode("euc_kr"), url=TOWN)[0].title == "서울"
