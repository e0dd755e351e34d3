"""Which address is an entry's: cases as people who run feed readers report them, in our own bytes."""

from __future__ import annotations

import json

import pytest

from aggregator.entry.parse import parsed_feed
from aggregator.model import ParsedFeed
from tests.entry.field import URL, atom, body, image, only, rss

PAGE = "https://town.example/n/1"


@pytest.mark.parametrize(
    ("item", "url"),
    [
        ("<link>/n/1</link>", PAGE),
        ("<link>n/1</link>", PAGE),
        ("<link>//town.example/n/1</link>", PAGE),
        ("<link> \n/n/1 </link>", PAGE),
        ("<link>./n/../n/1</link>", PAGE),
        ("<link>?id=1</link>", "https://town.example/?id=1"),
        ('<atom:link href="/n/1"/>', PAGE),
        ('<link href="n/1"/>', PAGE),
        ("<link></link><guid>https://town.example/n/1</guid>", PAGE),
        ("<link/><guid>https://town.example/n/1</guid>", PAGE),
        ("<guid>https://town.example/n/1</guid><link></link>", PAGE),
        ('<link> </link><guid isPermaLink="true">https://town.example/n/1</guid>', PAGE),
        ('<link></link><guid isPermaLink="false">https://town.example/n/1</guid>', ""),
        ("<link></link><guid>/n/1</guid>", PAGE),
        ('<link>https://town.example/n/1</link><guid isPermaLink="false">https://town.example/n/1</guid>', PAGE),
        ('<guid isPermaLink="false">https://town.example/n/1</guid><link>https://town.example/n/1</link>', PAGE),
        ("<link></link><guid>tag:town.example,2026:1</guid>", ""),
        ("<link/>https://town.example/n/1<title>T</title>", PAGE),
        ("<link/>\n https://town.example/n/1?a=1&amp;b=2\n<title>T</title>", PAGE + "?a=1&b=2"),
        ("<link/>\n<title>T</title><guid>https://town.example/n/1</guid>", PAGE),
        ("<link>&lt;![CDATA[https://town.example/n/1]]&gt;</link>", PAGE),
        ("<link>&lt;![CDATA[/n/1]]&gt;</link>", PAGE),
        ('<atom:link rel="self" href="https://x.example/self"/><link>/n/1</link>', PAGE),
        ("<link>/n/r1</link><feedburner:origLink>https://town.example/n/1</feedburner:origLink>", PAGE),
        ('<enclosure url="https://cdn.example/1.mp3" type="audio/mpeg"/>', "https://cdn.example/1.mp3"),
        ('<link></link><enclosure url="https://cdn.example/1.mp3"/>', "https://cdn.example/1.mp3"),
        ('<enclosure url="/a/1.mp3" type="audio/mpeg"/>', "https://town.example/a/1.mp3"),
        ('<enclosure url=""/><enclosure url="https://cdn.example/1.mp3"/>', "https://cdn.example/1.mp3"),
        ('<enclosure url="magnet:?xt=urn:btih:1"/>', ""),
        ('<enclosure url="https://cdn.example/1.jpg" type="image/jpeg"/><enclosure url="https://cdn.example/1.mp3"/>', "https://cdn.example/1.mp3"),
        ('<enclosure url="https://cdn.example/1.jpg" type="image/jpeg"/>', "https://cdn.example/1.jpg"),
        ('<media:content url="https://cdn.example/1.mp4" medium="video"/>', "https://cdn.example/1.mp4"),
        ('<media:content url="https://cdn.example/1.jpg" medium="image"/>', ""),
        ('<media:player url="https://cdn.example/play?1"/>', "https://cdn.example/play?1"),
        ('<link>/n/1</link><enclosure url="https://cdn.example/1.mp3"/>', PAGE),
        ('<guid>https://town.example/n/1</guid><enclosure url="https://cdn.example/1.mp3"/>', PAGE),
        ('<guid isPermaLink="false">e1</guid><enclosure url="https://cdn.example/1.mp3"/>', "https://cdn.example/1.mp3"),
        ("<link>https://town.example/\n      n/1</link>", PAGE),
        ("<link>https://town.example/n/1\n   ?a=1</link>", PAGE + "?a=1"),
        ("<link>www.town.example/n/1</link>", "https://www.town.example/n/1"),
        ("<link>www.shtml/n/1</link>", "https://town.example/www.shtml/n/1"),
        ("<link>http://https://town.example/n/1</link>", PAGE),
        ("<link>https://town.examplehttps://town.example/n/1</link>", PAGE),
        ("<link>https://town.example/r/https://other.example/n/1</link>", "https://town.example/r/https://other.example/n/1"),
        ("<link>https:/town.example/n/1</link>", PAGE),
        ("<link>https:///town.example/n/1</link>", PAGE),
        ("<link>https//town.example/n/1</link>", PAGE),
        ("<link>#</link><guid>https://town.example/n/1</guid>", PAGE),
        ("<link>javascript:void(0)</link><guid>https://town.example/n/1</guid>", PAGE),
        ('<link>#</link><guid isPermaLink="false">e1</guid><enclosure url="https://cdn.example/1.mp3"/>', "https://cdn.example/1.mp3"),
        ('<link>#x</link><guid isPermaLink="false">e1</guid>', "https://town.example/#x"),
        ("<guid>www.town.example/n/1</guid>", "https://www.town.example/n/1"),
        ('<atom:link rel="self" href="/s"/><atom:link rel="related" href="/n/1"/>', PAGE),
    ],
)  # fmt: skip
def test_the_address_of_an_rss_item(item: str, url: str) -> None:
    assert only(rss("<title>A walk</title>" + item)).url == url


@pytest.mark.parametrize(
    ("link", "attributes", "url"),
    [
        ("https://town.example/blog/", "", "https://town.example/blog/n/1"),
        ("https://town.example/blog/index.html", "", "https://town.example/blog/n/1"),
        ("/blog/", "", "https://feeds.host.example/blog/n/1"),
        ("", "", "https://feeds.host.example/town/n/1"),
        ("mailto:a@town.example", "", "https://feeds.host.example/town/n/1"),
        (
            "https://town.example/",
            'xml:base="https://base.example/x/"',
            "https://base.example/x/n/1",
        ),
        ("https://town.example/", 'xml:base="/x/"', "https://feeds.host.example/x/n/1"),
        ("www.town.example", "", "https://www.town.example/n/1"),
        ("http:/town.example", "", "http://town.example/n/1"),
        ("&lt;![CDATA[https://town.example/]]&gt;", "", PAGE),
    ],
)
def test_what_an_rss_link_is_relative_to(link: str, attributes: str, url: str) -> None:
    assert (
        only(
            rss("<title>T</title><link>n/1</link>", link=link, attributes=attributes)
        ).url
        == url
    )


NOTHING = ["N/A", "n/a", "None", "null", "undefined", "#", " - ", "about:blank", "http://"]  # fmt: skip


@pytest.mark.parametrize("nothing", NOTHING)
@pytest.mark.parametrize(
    ("more", "url"),
    [
        ("", ""),
        ("<guid isPermaLink='false'>e1</guid>", ""),
        (f"<guid>{PAGE}</guid>", PAGE),
        ('<enclosure url="/a/1.mp3"/>', "https://town.example/a/1.mp3"),
        (f'<atom:link href="{PAGE}"/>', PAGE),
        (f'<atom:link rel="related" href="{PAGE}"/>', PAGE),
    ],
)
def test_what_stands_for_no_address_is_none(nothing: str, more: str, url: str) -> None:
    assert only(rss(f"<title>T</title><link>{nothing}</link>{more}")).url == url
    assert only(rss(f"<title>T</title>{more}<link>{nothing}</link>")).url == url
    assert only(rss(f"<title>T</title><guid>{nothing}</guid>{more}")).url == url


@pytest.mark.parametrize("name", ["post.html", "none.html", "n/1", "nothing"])
def test_the_name_of_a_file_is_an_address(name: str) -> None:
    url = only(rss(f"<title>T</title><link>{name}</link>")).url
    assert url == f"https://town.example/{name}"


def test_a_json_item_may_have_no_address_either() -> None:
    item = {"id": PAGE, "url": "N/A", "title": "T", "image": "null"}
    feed = {"version": "https://jsonfeed.org/version/1.1", "items": [item]}
    assert only(json.dumps(feed)).url == PAGE


@pytest.mark.parametrize(
    ("links", "known"),
    [
        ('<atom:link href="/other"/><link>/n/1</link>', "/other"),
        ('<link>/n/1</link><atom:link href="/other"/>', "/n/1"),
        ('<atom:link rel="alternate" href="/other"/><link>/n/1</link>', "/other"),
        ('<atom:link href="/n/1"/><link></link>', "/n/1"),
        ('<atom:link href="/n/1"/><link>javascript:void(0)</link>', "/n/1"),
        ('<image><link>/picture</link></image><atom:link href="/n/1"/>', "/n/1"),
    ],
)
def test_an_rss_items_own_link_goes_first_and_renames_nothing(
    links: str, known: str
) -> None:
    document = rss(f"<title>T</title>{links}")
    assert only(document).url == PAGE
    assert known_by(document) == f"https://feeds.host.example{known}"


def known_by(document: str) -> str:
    """The link by which the only entry is known."""
    parsed = parsed_feed(document.encode(), content_type=None, url=URL)
    assert isinstance(parsed, ParsedFeed)
    (entry,) = parsed.entries
    return entry.link if entry.known_link is None else entry.known_link


@pytest.mark.parametrize(
    ("feed", "entry", "found"),
    [
        ("en", "", "en"),
        ("en-GB", "", "en"),
        ("", "", "de"),
        ("fr", "", "de"),
        ("en", "de", "de"),
        ("de", "en_US", "en"),
        ("pt", "", "pt-PT"),
        ("pt-BR", "", "pt-BR"),
        ("pt-br", "", "pt-BR"),
    ],
)
def test_of_several_pages_the_one_in_the_entrys_language(
    feed: str, entry: str, found: str
) -> None:
    links = '<link rel="alternate" hreflang="it" type="application/pdf" href="https://town.example/it"/>'
    for tag in ("de", "en", "pt-PT", "pt-BR"):
        links += f'<link rel="alternate" hreflang="{tag}" href="https://town.example/{tag}"/>'
    document = atom(f"<title>T</title>{links}", attributes=f'xml:lang="{feed}"')
    document = document.replace("<entry>", f'<entry xml:lang="{entry or feed}">')
    assert only(document).url == f"https://town.example/{found}"
    assert known_by(document) == "https://town.example/de"


def test_the_channel_link_counts_wherever_it_stands() -> None:
    document = rss("<title>T</title><link>n/1</link>", link="").replace(
        "<link></link>", ""
    )
    assert (
        only(
            document.replace(
                "</channel>", "<link>https://town.example/</link></channel>"
            )
        ).url
        == PAGE
    )


def test_a_link_of_rss_1_is_relative_to_the_channel_too() -> None:
    document = (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"><channel>'
        '<title>T</title><link>https://town.example/</link></channel><item rdf:about="i1"><title>A</title>'
        "<link>n/1</link></item></rdf:RDF>"
    )
    assert only(document).url == PAGE


@pytest.mark.parametrize(
    ("inside", "url"),
    [
        ('<link href="n/1"/>', "https://feeds.host.example/town/n/1"),
        ('<link href="n/1" xml:base="https://town.example/"/>', PAGE),
        (
            '<link rel="enclosure" href="https://cdn.example/1.mp3"/>',
            "https://cdn.example/1.mp3",
        ),
        (
            '<link rel="enclosure" href="https://cdn.example/1.mp3"/><link href="https://town.example/n/1"/>',
            PAGE,
        ),
        (
            '<link href=""/><link rel="alternate" href="https://town.example/n/1"/>',
            PAGE,
        ),
        ('<link rel="" href="https://town.example/n/1"/>', PAGE),
        (
            '<link rel="http://www.iana.org/assignments/relation/alternate" href="https://town.example/n/1"/>',
            PAGE,
        ),
        ('<link rel="related" href="https://town.example/n/1"/>', PAGE),
        (
            '<link rel="via" href="https://other.example/"/><link rel="related" href="https://town.example/n/1"/>',
            PAGE,
        ),
        ('<link rel="edit" href="https://town.example/edit/1"/>', ""),
    ],
)
def test_the_address_of_an_atom_entry(inside: str, url: str) -> None:
    assert only(atom("<title>T</title>" + inside)).url == url


def json_feed(item: dict[str, object], **head: object) -> str:
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "T",
        "home_page_url": "https://town.example/blog/",
    }
    return json.dumps(
        {**document, **head, "items": [{"id": "1", "title": "A", **item}]}
    )


@pytest.mark.parametrize(
    ("item", "head", "url"),
    [
        ({"url": "n/1"}, {}, "https://town.example/blog/n/1"),
        ({"url": "/n/1"}, {}, PAGE),
        ({"url": "//town.example/n/1"}, {}, PAGE),
        ({"external_url": "/n/1"}, {}, PAGE),
        ({"url": "n/1"}, {"home_page_url": "/"}, "https://feeds.host.example/n/1"),
        (
            {"url": "n/1"},
            {"home_page_url": None},
            "https://feeds.host.example/town/n/1",
        ),
        (
            {"attachments": [{"url": "1.mp3", "mime_type": "audio/mpeg"}]},
            {},
            "https://town.example/blog/1.mp3",
        ),
        (
            {
                "attachments": [
                    {"url": "1.png", "mime_type": "image/png"},
                    {"url": "1.mp3", "mime_type": "audio/mpeg"},
                ]
            },
            {},
            "https://town.example/blog/1.mp3",
        ),
        (
            {"attachments": [3, {}, {"url": "https://cdn.example/1.mp3"}]},
            {},
            "https://cdn.example/1.mp3",
        ),
        (
            {"url": "n/1", "attachments": [{"url": "https://cdn.example/1.mp3"}]},
            {},
            "https://town.example/blog/n/1",
        ),
        ({"id": PAGE}, {}, PAGE),
        ({"id": "n/1"}, {}, ""),
        (
            {"id": PAGE, "external_url": "https://other.example/"},
            {},
            "https://other.example/",
        ),
        ({"url": "www.town.example/n/1"}, {}, "https://www.town.example/n/1"),
        (
            {"url": "n/1"},
            {"home_page_url": "www.town.example"},
            "https://www.town.example/n/1",
        ),
    ],
)
def test_the_address_of_a_json_item(
    item: dict[str, object], head: dict[str, object], url: str
) -> None:
    assert only(json_feed(item, **head)).url == url


def test_pictures_and_links_in_json_bodies_are_relative_to_the_home_page() -> None:
    one = only(
        json_feed(
            {"url": "n/1", "content_html": '<a href="/map">m</a><img src="f.png">'}
        )
    )
    assert image(one) == "https://town.example/blog/f.png"
    assert 'href="https://town.example/map"' in body(one)
    assert (
        image(only(json_feed({"url": "n/1", "image": "f.png"})))
        == "https://town.example/blog/f.png"
    )


def test_a_base_element_of_a_body_is_what_its_addresses_are_relative_to() -> None:
    markup = '<base href="https://img.example/d/"><img src="f.png"><a href="m">m</a>'
    one = only(rss(f"<link>/n/1</link><description><![CDATA[{markup}]]></description>"))
    assert (image(one), one.url) == ("https://img.example/d/f.png", PAGE)
    assert 'href="https://img.example/d/m"' in body(one)
    assert "<base" not in body(one)


@pytest.mark.parametrize(
    ("items", "count"),
    [
        ('[{"id": "1", "content_text": "a,]"},]', 1),
        ('[{"id": "1", "content_text": "a",}, ]', 1),
        ('{"0": {"id": "1"}, "2": {"id": "3"}}', 2),
        ("null", 0),
    ],
)
def test_items_of_json_as_templates_and_php_write_them(items: str, count: int) -> None:
    text = f'{{"version": "https://jsonfeed.org/version/1", "title": "T", "items": {items}}}'
    parsed = parsed_feed(text.encode(), content_type=None, url=URL)
    assert isinstance(parsed, ParsedFeed)
    assert len(parsed.entries) == count


def test_pictures_and_links_in_rss_bodies_are_relative_to_the_page() -> None:
    one = only(
        rss(
            '<link>/n/1</link><description>&lt;a href="/map"&gt;m&lt;/a&gt;&lt;img src="f.png"&gt;</description>'
        )
    )
    assert image(one) == "https://town.example/n/f.png"
    assert 'href="https://town.example/map"' in body(one)
    sound = '<enclosure url="https://cdn.example/1.mp3"/><description>&lt;img src="/f.png"&gt;</description>'
    assert image(only(rss(sound))) == "https://town.example/f.png"
    assert (
        image(only(rss('<link>/n/1</link><media:thumbnail url="t/f.png"/>')))
        == "https://town.example/t/f.png"
    )


@pytest.mark.parametrize(
    ("document", "known"),
    [
        (rss("<title>T</title><link>/n/1</link>"), "https://feeds.host.example/n/1"),
        (
            rss("<title>T</title><link>/n/1</link>", link="https://moved.example/"),
            "https://feeds.host.example/n/1",
        ),
        (rss('<title>T</title><enclosure url="https://cdn.example/1.mp3"/>'), ""),
        (rss("<title>T</title><link></link><guid>https://town.example/n/1</guid>"), ""),
        (rss("<title>T</title><link>https://town.example/n/1</link>"), None),
        (json_feed({"url": "n/1"}), ""),
        (json_feed({"id": "https://town.example/n/1"}), ""),
        (
            rss("<title>T</title><link>www.town.example/1</link>"),
            "https://feeds.host.example/town/www.town.example/1",
        ),
        (
            rss("<title>T</title><link>#</link><guid>https://town.example/n/1</guid>"),
            "https://feeds.host.example/town/rss",
        ),
        (
            atom('<title>T</title><link rel="" href="https://town.example/n/1"/>'),
            "",
        ),
        (json_feed({"url": "https://town.example/n/1"}), None),
    ],
)
def test_an_entry_is_known_by_its_link_as_the_first_version_resolved_it(
    document: str, known: str | None
) -> None:
    """So that neither an upgrade nor a new home page names an entry anew."""
    parsed = parsed_feed(document.encode(), content_type=None, url=URL)
    assert isinstance(parsed, ParsedFeed)
    assert [one.known_link for one in parsed.entries] == [known]


def test_addresses_of_the_feed_itself_are_made_absolute() -> None:
    head = '<link rel="hub" href="/hub"/><link rel="self" href="rss"/>'
    parsed = parsed_feed(
        atom("<title>T</title>", head=head).encode(), content_type=None, url=URL
    )
    assert isinstance(parsed, ParsedFeed)
    assert (parsed.hints.hub_url, parsed.hints.self_url) == (
        "https://feeds.host.example/hub",
        URL,
    )


def test_an_endless_link_costs_its_length() -> None:
    blanks = " " * 300_000
    one = only(rss(f"<title>T</title><link>https://town.example/{blanks}x</link>"))
    assert one.url == ""
