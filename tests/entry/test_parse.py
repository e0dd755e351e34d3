"""Documents to entries as published, and what is no feed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import timedelta

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.entry.parse import parsed_feed
from aggregator.entry.xml_feed import raw_feed
from aggregator.model import FailureKind, Markup, ParsedEntry, ParsedFeed, Unparsable

URL = "https://news.test/feed.xml"


def feed(document: str | bytes, **options: int) -> ParsedFeed:
    body = document.encode() if isinstance(document, str) else document
    found = parsed_feed(body, content_type=None, url=URL, **options)
    assert isinstance(found, ParsedFeed), found
    return found


def rss(items: str, *, head: str = "", attributes: str = "") -> str:
    return f'<rss version="2.0" {attributes}><channel><title>Town</title><link>https://news.test/</link>{head}{items}</channel></rss>'


def only(document: str) -> ParsedEntry:
    (entry,) = feed(document).entries
    return entry


def refused(document: str | bytes) -> Unparsable:
    body = document.encode() if isinstance(document, str) else document
    found = parsed_feed(body, content_type=None, url=URL)
    assert isinstance(found, Unparsable)
    return found


ATOM = 'xmlns="http://www.w3.org/2005/Atom"'
MEDIA = 'xmlns:media="http://search.yahoo.com/mrss/"'
CONTENT = 'xmlns:content="http://purl.org/rss/1.0/modules/content/"'
ITUNES = 'xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'


def test_an_rss_item_gives_all_its_fields() -> None:
    entry = only(
        rss(
            "<item><title>Mayor &amp; council</title><link>https://news.test/1</link><guid isPermaLink='false'>g-1</guid>"
            "<description>&lt;p&gt;Short&lt;/p&gt;</description><content:encoded><![CDATA[<p>Long</p>]]></content:encoded>"
            "<author>desk@news.test (Ann Lee)</author><category>Politics</category><category>Town</category>"
            "<pubDate>Sun, 01 Mar 2026 10:00:00 GMT</pubDate></item>",
            attributes=CONTENT,
        )
    )
    assert entry == ParsedEntry(
        guid="g-1",
        link="https://news.test/1",
        title=Markup("Mayor & council"),
        content=Markup("<p>Long</p>"),
        summary=Markup("<p>Short</p>"),
        author="Ann Lee",
        tags=("Politics", "Town"),
        published_raw="Sun, 01 Mar 2026 10:00:00 GMT",
        base_url="https://news.test/1",
    )


def test_an_atom_entry_gives_all_its_fields() -> None:
    found = feed(
        f'<feed {ATOM} xml:lang="de"><title>Stadt</title><link href="https://news.test/"/>'
        '<entry xml:lang="fr"><id>tag:news.test,2026:1</id><title type="html">A &lt;b&gt;bold&lt;/b&gt; step</title>'
        '<link rel="self" href="/api/1"/><link href="/1"/><link rel="alternate" href="/1.pdf" type="application/pdf"/>'
        "<summary>5 &lt; 6</summary><content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><p>Hé</p></div></content>"
        "<author><name>Ann</name></author><author><name>Bob</name></author><category term='x' label='Label'/>"
        "<published>2026-03-01T10:00:00Z</published><updated>2026-03-02T10:00:00Z</updated></entry></feed>"
    )
    (entry,) = found.entries
    assert (found.version, found.language, found.title) == ("atom10", "de", "Stadt")
    assert (entry.guid, entry.link) == ("tag:news.test,2026:1", "https://news.test/1")
    assert entry.title == Markup("A <b>bold</b> step", html=True)
    assert entry.content == Markup("<p>Hé</p>", html=True, xhtml=True)
    assert entry.summary == Markup("5 < 6", html=False)
    assert (entry.author, entry.tags, entry.language) == ("Ann, Bob", ("Label",), "fr")
    assert (entry.published_raw, entry.updated_raw) == (
        "2026-03-01T10:00:00Z",
        "2026-03-02T10:00:00Z",
    )


@pytest.mark.parametrize(
    ("document", "version"),
    [
        (
            '<rss version="0.91"><channel><title>T</title><item><title>A</title></item></channel></rss>',
            "rss091u",
        ),
        (
            '<rss version="0.92"><channel><title>T</title><item><title>A</title></item></channel></rss>',
            "rss092",
        ),
        (
            '<rss version="0.94"><channel><title>T</title><item><title>A</title></item></channel></rss>',
            "rss094",
        ),
        (
            (
                '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"><channel>'
                "<title>T</title></channel><item rdf:about='u'><title>A</title></item></rdf:RDF>"
            ),
            "rss10",
        ),
        (
            (
                '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
                'xmlns="http://my.netscape.com/rdf/simple/0.9/"><item><title>A</title></item></rdf:RDF>'
            ),
            "rss090",
        ),
        (
            '<feed version="0.3" xmlns="http://purl.org/atom/ns#"><entry><title>A</title></entry></feed>',
            "atom03",
        ),
        (f"<feed {ATOM}><entry><title>A</title></entry></feed>", "atom10"),
        (f"<entry {ATOM}><title>A</title></entry>", "atom10"),
        (
            '{"version": "https://jsonfeed.org/version/1", "title": "T", "items": [{"id": "1", "title": "A"}]}',
            "json1",
        ),
        (
            '{"version": "https://jsonfeed.org/version/1.1", "title": "T", "items": [{"id": "1", "title": "A"}]}',
            "json11",
        ),
    ],
)
def test_every_format_is_read(document: str, version: str) -> None:
    found = feed(document)
    assert found.version == version
    assert [entry.title.value for entry in found.entries] == ["A"]


def test_atom_03_titles_and_modes_are_read() -> None:
    entry = only(
        '<feed version="0.3" xmlns="http://purl.org/atom/ns#"><entry><title type="text/html" mode="escaped">A &lt;i&gt;b&lt;/i&gt;'
        "</title><issued>2004-01-01T10:00:00Z</issued><modified>2004-01-02T10:00:00Z</modified></entry></feed>"
    )
    assert entry.title == Markup("A <i>b</i>", html=True)
    assert (entry.published_raw, entry.updated_raw) == (
        "2004-01-01T10:00:00Z",
        "2004-01-02T10:00:00Z",
    )


def test_a_plain_atom_title_that_was_escaped_twice_counts_as_html() -> None:
    document = f"<feed {ATOM}><entry><title>Tom &amp;amp; Jerry&amp;#8217;s</title></entry></feed>"
    assert only(document).title == Markup("Tom &amp; Jerry&#8217;s", html=True)


def test_dublin_core_gives_author_date_and_language() -> None:
    entry = only(
        rss(
            "<item><title>A</title><dc:creator>Ann</dc:creator><dc:date>2026-03-01T10:00:00Z</dc:date>"
            "<dc:language>fr</dc:language></item>",
            head="<language>en</language>",
            attributes='xmlns:dc="http://purl.org/dc/elements/1.1/"',
        )
    )
    assert (entry.author, entry.language, entry.published_raw or entry.updated_raw) == (
        "Ann",
        "fr",
        "2026-03-01T10:00:00Z",
    )


OBJECT = (
    "<published>2019-01-01T00:00:00Z</published><author><name>Bob</name></author><title>Other</title><id>o</id>"
    "<link href='/o'/><category term='o'/><content type='html'>other text</content><summary>other</summary>"
)
OWN = (
    "<id>1</id><title>Own</title><link href='/1'/><author><name>Ann</name></author><category term='x'/>"
    "<updated>2026-03-01T10:00:00Z</updated><content type='html'>own text</content>"
)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("<a:object xmlns:a='http://activitystrea.ms/spec/1.0/'>", "</a:object>"),
        ("<object xmlns='http://activitystrea.ms/spec/1.0/'>", "</object>"),
        ("<a:x xmlns:a='urn:a'><a:x xmlns:a='urn:b'>", "</a:x></a:x>"),
        ("<app:control xmlns:app='http://www.w3.org/2007/app'>", "</app:control>"),
        ("<thr:in-reply-to ref='r' xmlns:thr='urn:thr'>", "</thr:in-reply-to>"),
        ("<sx:sync xmlns:sx='urn:sx'><entry>", "</entry></sx:sync>"),
        ("<source>", "</source>"),
        ("<atom:source xmlns:atom='http://www.w3.org/2005/Atom'>", "</atom:source>"),
    ],
)
@pytest.mark.parametrize("wrong", ["", "</b>"])
def test_what_stands_in_an_element_of_others_says_nothing_of_the_entry(
    start: str, end: str, wrong: str
) -> None:
    expected = only(f"<feed {ATOM}><entry>{OWN}</entry></feed>")
    foreign = f"{start}{OBJECT}{end}"
    for inside in (foreign + OWN, OWN + foreign):
        document = f"<feed {ATOM}><entry>{inside}{wrong}</entry><entry><title>Next</title></entry></feed>"
        if wrong and "<entry>" in start:
            # In what does not nest the start of an entry ends the one before.
            continue
        entry, following = feed(document).entries
        assert entry == expected
        assert following.title.value == "Next"


def test_what_is_read_on_purpose_may_stand_in_another_element() -> None:
    entry = only(
        f"<feed {ATOM} {MEDIA}><entry>{OWN}<source><title>Source</title></source><media:group><media:title>Pic</media:title>"
        "<media:description>Cap</media:description><media:thumbnail url='/t.jpg'/><media:content url='/c.jpg' medium='image'>"
        "<media:thumbnail url='/u.jpg'/></media:content></media:group></entry></feed>"
    )
    assert entry.title.value == "Own"
    assert [image.rpartition("/")[2] for image in entry.images] == [
        "t.jpg",
        "u.jpg",
        "c.jpg",
    ]


def test_a_text_is_read_whatever_name_space_it_states() -> None:
    entry = only(
        rss(
            "<item><title xmlns='urn:x'>A</title><description xmlns='urn:x'><p>Text</p></description></item>"
        )
    )
    assert (entry.title.value, entry.summary.value) == ("A", "<p>Text</p>")


def test_images_come_in_the_order_of_preference() -> None:
    entry = only(
        rss(
            "<item><title>A</title><enclosure url='https://i.test/e.jpg' type='image/jpeg' length='1'/>"
            "<enclosure url='https://i.test/a.mp3' type='audio/mpeg' length='1'/><itunes:image href='https://i.test/it.jpg'/>"
            "<media:group><media:content url='https://i.test/v.mp4' medium='video'/>"
            "<media:content url='https://i.test/c.jpg' medium='image'/></media:group><media:content url='https://i.test/d.png'/>"
            "<media:thumbnail url='https://i.test/t.jpg'/></item>",
            attributes=f"{MEDIA} {ITUNES}",
        )
    )
    names = [address.rpartition("/")[2] for address in entry.images]
    assert names == ["t.jpg", "c.jpg", "d.png", "e.jpg", "it.jpg"]


def test_a_caption_never_takes_the_place_of_the_text() -> None:
    items = (
        "<item><title>A</title><media:description>A caption</media:description><description>The text</description></item>",
        "<item><title>A</title><description>The text</description><media:description>A caption</media:description></item>",
        "<item><title>A</title><itunes:summary>Short</itunes:summary><description>The text</description></item>",
    )
    for each in items:
        entry = only(rss(each, attributes=f"{MEDIA} {ITUNES}"))
        assert (entry.content.value, entry.summary.value) == ("", "The text")


def test_a_caption_serves_where_there_is_no_text() -> None:
    document = rss(
        "<item><title>A</title><media:description>Cap</media:description></item>",
        attributes=MEDIA,
    )
    assert only(document).summary.value == "Cap"


def test_the_title_of_a_picture_is_not_the_title() -> None:
    entry = only(
        rss(
            "<item><media:title>Pic</media:title><title>Real</title></item>",
            attributes=MEDIA,
        )
    )
    assert entry.title.value == "Real"


def test_guids_stay_as_published_and_links_are_absolute() -> None:
    entry = only(
        rss("<item><guid>12345</guid><link>/a/1</link><title>A</title></item>")
    )
    assert (entry.guid, entry.link) == ("12345", "https://news.test/a/1")


@pytest.mark.parametrize(
    ("guid", "link"),
    [
        ("https://news.test/p/1", "https://news.test/p/1"),
        ("/p/1", "https://news.test/p/1"),
        ("12345", ""),
        ("urn:uuid:1", ""),
        ("tag:news.test,2026:1", ""),
    ],
)
def test_a_guid_is_a_link_only_if_it_looks_like_one(guid: str, link: str) -> None:
    assert only(rss(f"<item><guid>{guid}</guid><title>A</title></item>")).link == link


def test_a_guid_that_says_it_is_no_link_is_none() -> None:
    assert (
        only(
            rss(
                "<item><guid isPermaLink='false'>https://news.test/1</guid><title>A</title></item>"
            )
        ).link
        == ""
    )


def test_the_original_link_comes_before_feedburners() -> None:
    entry = only(
        rss(
            "<item><title>A</title><link>http://feeds.test/~r/1</link><f:origLink>https://news.test/1</f:origLink></item>",
            attributes='xmlns:f="http://rssnamespace.org/feedburner/ext/1.0"',
        )
    )
    assert entry.link == "https://news.test/1"


def test_relative_references_resolve_against_xml_base_else_the_link() -> None:
    document = (
        f'<feed {ATOM} xml:base="https://base.test/a/"><entry><link href="1"/><title>A</title><content type="html" '
        'xml:base="https://img.test/">x</content></entry></feed>'
    )
    entry = only(document)
    assert (entry.link, entry.base_url) == (
        "https://base.test/a/1",
        "https://img.test/",
    )
    assert (
        only(
            rss("<item><title>A</title><link>https://news.test/1</link></item>")
        ).base_url
        == "https://news.test/1"
    )
    assert only(rss("<item><title>A</title></item>")).base_url == "https://news.test/"
    assert (
        only(
            rss("<item><title>A</title></item>").replace(
                "<link>https://news.test/</link>", ""
            )
        ).base_url
        == URL
    )


def test_hints_of_how_often_to_ask() -> None:
    hints = feed(
        rss(
            "",
            head="<ttl>90</ttl><sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>4</sy:updateFrequency>"
            "<skipHours><hour>0</hour><hour>23</hour><hour>99</hour></skipHours><skipDays><day>Saturday</day><day>sunday</day>"
            "</skipDays><atom:link rel='hub' href='https://hub.test/'/><atom:link rel='self' href='https://news.test/f'/>",
            attributes='xmlns:sy="http://purl.org/rss/1.0/modules/syndication/" xmlns:atom="http://www.w3.org/2005/Atom"',
        )
    ).hints
    assert (hints.ttl, hints.update_period) == (
        timedelta(minutes=90),
        timedelta(hours=6),
    )
    assert (hints.skip_hours, hints.skip_days) == ({0, 23}, {5, 6})
    assert (hints.hub_url, hints.self_url) == (
        "https://hub.test/",
        "https://news.test/f",
    )


@pytest.mark.parametrize("ttl", ["-5", "abc", "", "0", "99999999999999999999"])
def test_nonsense_hints_are_none(ttl: str) -> None:
    assert (
        feed(
            rss("", head=f"<ttl>{ttl}</ttl><updatePeriod>hourly</updatePeriod>")
        ).hints.ttl
        is None
    )


# --- broken documents ----------------------------------------------------------------------------------------------


def test_control_characters_and_their_references_are_dropped() -> None:
    assert (
        only(
            rss("<item><title>A\x00B\x0bC&#0;&#x1F;D\ufffe</title></item>")
        ).title.value
        == "ABCD"
    )


def test_two_references_to_halves_of_a_character_become_it() -> None:
    assert (
        only(
            rss(
                "<item><title>&#xD83D;&#xDE00; &#55357;&#56832; &#xD83D;</title></item>"
            )
        ).title.value
        == "😀 😀"
    )


def test_bare_ampersands_and_html_entities_are_mended() -> None:
    found = feed(
        rss(
            "<item><title>AT&T &eacute;&nbsp;&copy; &amp;amp; &bogus;</title><link>http://h.test/?a=1&b=2</link></item>"
        )
    )
    (entry,) = found.entries
    assert entry.title.value == "AT&T é\u00a0© &amp; &bogus;"
    assert entry.link == "http://h.test/?a=1&b=2"
    assert found.notes[0].startswith("mended")


def test_cdata_is_not_mended() -> None:
    assert only(
        rss(
            "<item><title>a & b</title><description><![CDATA[<p>&nbsp;&bogus; & x</p>]]></description></item>"
        )
    ).summary == Markup("<p>&nbsp;&bogus; & x</p>")


def test_prefixes_nobody_declared_are_understood() -> None:
    entry = only(
        rss(
            "<item><title>A</title><content:encoded>&lt;p&gt;x&lt;/p&gt;</content:encoded><zz:odd>1</zz:odd></item>"
        )
    )
    assert entry.content == Markup("<p>x</p>")


def test_warnings_before_and_rubbish_after_the_document_do_no_harm() -> None:
    document = (
        '<br />\n<b>Warning</b>: something in /x.php\n<?xml version="1.0"?>'
        + rss("<item><title>A</title></item>")
        + "<script>x</script>"
    )
    assert [entry.title.value for entry in feed(document).entries] == ["A"]


@pytest.mark.parametrize(
    "cut",
    [
        "<item><title>Two</tit",
        "<item><title>Two</title><guid>12",
        "<item><description><![CDATA[<p>x",
        "<item",
    ],
)
def test_half_an_entry_of_a_truncated_document_is_dropped(cut: str) -> None:
    found = feed(
        f"<rss version='2.0'><channel><title>T</title><item><title>One</title><guid>1</guid></item>{cut}"
    )
    assert [entry.title.value for entry in found.entries] == ["One"]
    assert "truncated" in found.notes


def test_a_truncated_document_that_is_broken_before_keeps_its_whole_entries() -> None:
    found = feed(
        "<rss><channel><item><title>One</title></b></item><item><title>Two</title></item><item><title>Thr"
    )
    assert [entry.title.value for entry in found.entries] == ["One", "Two"]


def test_tags_that_do_not_match_are_read_all_the_same() -> None:
    found = feed(
        rss("<item><title>One</title></b></item><item><title>Two</title></item>")
    )
    assert [entry.title.value for entry in found.entries] == ["One", "Two"]


@pytest.mark.parametrize(
    "odd",
    [
        "</height>",
        "<image><width>50</height></image>",
        "</width></b>",
        "<georss:point>x</georss:polygon></b>",
        "<gml:posList srsDimension='x'>1 2</gml:posList></b>",
        "<psc:chapters version='1.2'><psc:chapter start='9:x'/></psc:chapters></b>",
        "<media:content duration='x'/></media:thumbnail></media:credit></b>",
        "</itunes:explicit></itunes:block></cc:license></b>",
    ],
)
def test_an_element_on_which_the_parser_breaks_costs_itself_alone(odd: str) -> None:
    spaces = f"{MEDIA} {ITUNES} xmlns:georss='http://www.georss.org/georss' xmlns:gml='http://www.opengis.net/gml'"
    spaces += " xmlns:psc='http://podlove.org/simple-chapters' xmlns:cc='http://web.resource.org/cc/'"
    entry = f"<item><title>One</title>{odd}<link>https://news.test/1</link></item>"
    found = feed(rss(f"{entry}<item><title>Two</title></item>", attributes=spaces))
    assert [entry.title.value for entry in found.entries] == ["One", "Two"]
    assert found.entries[0].link == "https://news.test/1"


def test_the_entry_limit_counts_what_it_drops() -> None:
    items = "".join(f"<item><title>{n}</title></item>" for n in range(30))
    found = feed(rss(items), max_entries=10)
    assert ([entry.title.value for entry in found.entries], found.dropped_count) == (
        [str(n) for n in range(10)],
        20,
    )
    broken = feed(rss(f"<item><title>x</b></title></item>{items}"), max_entries=10)
    assert (len(broken.entries), broken.dropped_count) == (10, 21)


def test_harmless_entities_are_expanded_and_dangerous_ones_refused() -> None:
    head = '<!DOCTYPE rss [<!ENTITY nbsp "&#160;"><!ENTITY desk "The news desk">]>'
    assert (
        only(head + rss("<item><title>&desk;&nbsp;now</title></item>")).title.value
        == "The news desk\u00a0now"
    )
    nested = '<!DOCTYPE rss [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
    long = f'<!DOCTYPE rss [<!ENTITY a "{"a" * 5000}">]>'
    for declaration in (nested, long):
        found = refused(declaration + rss("<item><title>&b;</title></item>"))
        assert found.kind is FailureKind.UNPARSABLE
        assert "entity declarations" in found.detail


def test_external_entities_are_never_read() -> None:
    head = '<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY % p SYSTEM "http://127.0.0.1:1/x">]>'
    assert (
        only(head + rss("<item><title>T &x; end</title></item>")).title.value
        == "T &x; end"
    )


@pytest.mark.parametrize(
    "inside",
    [
        "<a>" * 6000 + "</a>" * 6000,
        "<a " + " ".join(f'a{n}="1"' for n in range(5000)) + "/>",
    ],
)
def test_deep_nesting_and_floods_of_attributes_are_refused(inside: str) -> None:
    found = refused(
        rss(f"<item><title>A</title><description>{inside}</description></item>")
    )
    assert (found.kind, found.detail[:8]) == (FailureKind.UNPARSABLE, "refused:")


def test_hundreds_of_paragraphs_that_are_never_closed_are_read() -> None:
    found = feed(
        rss(
            f"<item><title>A</title><description>{'<p>x' * 400}</description></item><item><title>B</title></item>"
        )
    )
    assert [entry.title.value for entry in found.entries] == ["A", "B"]


def test_thousands_of_tags_and_endless_authors_are_cut() -> None:
    categories = "".join(f"<category>{n}</category>" for n in range(3000))
    entry = only(
        rss(
            f"<item><title>A</title><author>{'a' * 100_000}</author>{categories}</item>"
        )
    )
    assert entry.tags[0] == "0"
    assert len(entry.tags) == 50
    assert len(entry.author) <= 500


# --- no feed at all ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("", "empty body"),
        (" \n\t ", "empty body"),
        ("\ufeff", "empty body"),
        (
            "<html><head><title>Welcome &amp; hello</title></head></html>",
            "an HTML page titled 'Welcome & hello'",
        ),
        (
            "<!DOCTYPE html><html><title>Sign in</title><input type=password></html>",
            "a login page titled 'Sign in'",
        ),
        (
            "<!doctype HTML><title>Just a moment...</title><script src=/cdn-cgi/x></script>",
            "a bot wall",
        ),
        (
            "<html><head><link rel='alternate' type='application/rss+xml' href='/f.xml?a=1&amp;b=2'></head></html>",
            "it names a feed at /f.xml?a=1&b=2",
        ),
        (
            "<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'><url/></urlset>",
            "root is <urlset>",
        ),
        ("<opml version='1.0'><body/></opml>", "root is <opml>"),
        ("Not found", "neither XML nor JSON"),
        ('{"error": "no such feed"}', "its keys are error"),
        ("[1, 2]", "JSON"),
        ('{"version": ', "JSON"),
        ("{" * 100_000, "JSON"),
    ],
)
def test_what_is_no_feed_says_what_it_is(document: str, words: str) -> None:
    found = refused(document)
    assert found.kind is FailureKind.NOT_A_FEED
    assert words in found.detail


def test_a_feed_without_entries_is_a_feed() -> None:
    assert feed(rss("")).entries == ()
    assert feed(f"<feed {ATOM}><title>T</title></feed>").entries == ()


# --- JSON Feed -----------------------------------------------------------------------------------------------------


def test_a_json_feed_gives_all_its_fields() -> None:
    found = feed(
        """{"version": "https://jsonfeed.org/version/1.1", "title": "T", "home_page_url": "https://news.test/", "language": "en",
        "feed_url": "https://news.test/f.json", "hubs": [{"type": "WebSub", "url": "https://hub.test/"}],
        "items": [{"id": "1", "url": "https://news.test/1", "title": "5 < 6 & more", "content_text": "a < b", "summary": "s",
        "content_html": "<p>x</p>", "date_published": "2026-03-01T10:00:00Z", "date_modified": "2026-03-02T10:00:00Z",
        "authors": [{"name": "Ann"}, {"name": "Bob"}], "tags": ["a", "b", "a"], "image": "https://i.test/1.jpg", "language": "fr",
        "attachments": [{"url": "https://i.test/2.png", "mime_type": "image/png"}, {"url": "x.mp3", "mime_type": "audio/mpeg"}]}]}"""
    )
    assert (found.title, found.link, found.language) == (
        "T",
        "https://news.test/",
        "en",
    )
    assert (found.hints.hub_url, found.hints.self_url) == (
        "https://hub.test/",
        "https://news.test/f.json",
    )
    assert found.entries == (
        ParsedEntry(
            guid="1",
            link="https://news.test/1",
            title=Markup("5 < 6 & more", html=False),
            content=Markup("<p>x</p>", html=True),
            summary=Markup("s", html=False),
            author="Ann, Bob",
            tags=("a", "b"),
            published_raw="2026-03-01T10:00:00Z",
            updated_raw="2026-03-02T10:00:00Z",
            language="fr",
            images=("https://i.test/1.jpg", "https://i.test/2.png"),
            base_url="https://news.test/",
        ),
    )


def test_wrong_types_in_json_cost_a_field_and_no_sibling() -> None:
    found = feed(
        """{"version": "https://jsonfeed.org/version/1", "title": null, "author": {"name": "Desk"}, "items": [
        {"id": 12345, "title": ["x"], "url": null, "tags": "t", "attachments": {}, "authors": [3, null], "content_text": "c"},
        {"id": {"a": 1}, "title": "kept"}, null, "str", 7, []]}"""
    )
    assert [
        (entry.guid, entry.title.value, entry.author) for entry in found.entries
    ] == [
        ("12345", "", "3"),
        ("", "kept", "Desk"),
    ]
    assert found.notes == ("4 items are no objects",)


def test_json_items_beyond_the_limit_are_counted() -> None:
    items = ",".join(f'{{"id": "{n}", "title": "t"}}' for n in range(9))
    found = feed(
        '{"version": "https://jsonfeed.org/version/1", "items": [' + items + "]}",
        max_entries=4,
    )
    assert (len(found.entries), found.dropped_count) == (4, 5)


MARKUP = "<rss> <channel> <item> </item> <entry> <title> </title> <![CDATA[ ]]> <!-- --> & &amp; ]> <guid> '/> <description> > ?>"
pieces = st.sampled_from(
    [
        *MARKUP.split(),
        "<!DOCTYPE rss [",
        '<!ENTITY a "b">',
        "<link href='",
        "\x00",
        "é",
        "text",
        "<media:content url=''>",
        '{"version": "https://jsonfeed.org/version/1", ',
        '"items": [',
        "{}",
        "]}",
        "</rss>",
        "<?xml",
    ]
)


@given(
    st.one_of(
        st.binary(max_size=300),
        st.lists(pieces, max_size=25).map(lambda parts: "".join(parts).encode()),
    )
)
def test_any_bytes_are_a_feed_or_not(body: bytes) -> None:
    found = parsed_feed(body, content_type="text/xml; charset=utf-8", url=URL)
    assert isinstance(found, ParsedFeed | Unparsable)
    assert is_whole(found)


HALF = "\\ud83d"
EVERYWHERE = f"""{{"version": "https://jsonfeed.org/version/1.1", "title": "News {HALF}", "language": "en{HALF}",
 "home_page_url": "https://a.example/{HALF}", "feed_url": "https://a.example/feed{HALF}",
 "hubs": [{{"url": "https://hub.example/{HALF}"}}], "authors": [{{"name": "A{HALF}"}}],
 "items": [{{"id": "1{HALF}", "url": "https://a.example/1{HALF}", "title": "One {HALF} \\ud83d\\ude00",
  "content_html": "<p>{HALF}x</p>", "summary": "s{HALF}", "tags": ["t{HALF}"], "image": "https://a.example/i{HALF}",
  "date_published": "2026-11-01T00:00:00Z{HALF}", "language": "en{HALF}"}}]}}"""


def is_whole(record: object) -> bool:
    """Whether every text in it can be written."""
    for text in texts(record):
        text.encode()
    return True


def texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from texts(part)
    elif dataclasses.is_dataclass(value):
        for column in dataclasses.fields(value):
            yield from texts(getattr(value, column.name))


def test_half_an_emoji_is_dropped_wherever_it_stands() -> None:
    found = parsed_feed(EVERYWHERE.encode(), content_type="application/json", url=URL)
    assert isinstance(found, ParsedFeed)
    assert is_whole(found)
    assert found.title == "News "
    [entry] = found.entries
    assert (entry.guid, entry.title.value, entry.tags) == ("1", "One  😀", ("t",))


@pytest.mark.parametrize(
    "body", ['{"\\ud83d": 1}', '["\\ud83d"]', '{"items": "\\ud83d", "x\\udc00": []}']
)
def test_what_is_no_feed_is_told_in_whole_words(body: str) -> None:
    assert is_whole(
        parsed_feed(body.encode(), content_type="application/json", url=URL)
    )


words = st.text(
    alphabet=st.characters(
        exclude_categories=["Cs", "Cc", "Cn"], exclude_characters="\ufffe\uffff\ufeff"
    ),
    min_size=1,
    max_size=40,
)


@given(
    st.lists(
        words.map(lambda text: " ".join(text.split())).filter(bool),
        min_size=1,
        max_size=6,
    )
)
def test_titles_come_back_as_they_were_written(titles: list[str]) -> None:
    escaped = [
        title.replace("&", "&amp;").replace("<", "&lt;").replace("]]>", "]]&gt;")
        for title in titles
    ]
    document = rss(
        "".join(
            f"<item><title>{title}</title><description>d</description></item>"
            for title in escaped
        )
    )
    assert [entry.title.value for entry in feed(document).entries] == titles


@pytest.mark.parametrize(
    "cut",
    [
        "<rss version='2.0'><channel><title>News</title>",
        "<rss version='2.0'><channel><item><title>On",
        "<feed xml",
    ],
)
def test_a_document_cut_off_before_its_first_entry_is_no_feed_without_entries(
    cut: str,
) -> None:
    assert isinstance(
        parsed_feed(cut.encode(), content_type="application/xml", url=URL), Unparsable
    )


def test_a_whole_document_without_entries_is_a_feed() -> None:
    assert feed(rss("")).entries == ()


@pytest.mark.parametrize(
    ("written", "author"),
    [
        ("ann@town.london (Ann Lee)", "Ann Lee"),
        ("Ann Lee &lt;ann@town.museum&gt;", "Ann Lee"),
        ("Ann Lee (ann@town.example)", "Ann Lee"),
        ("mailto:ann@town.online", "ann@town.online"),
        ("ann@town.example", "ann@town.example"),
        ("ann@town.org (Ann Lee)", "Ann Lee"),
        ("ann@bücher.example (Ann Lee)", "Ann Lee"),
        ("Ann Lee, Bob Roe", "Ann Lee, Bob Roe"),
        ("@ann", "@ann"),
    ],
)
@pytest.mark.parametrize("element", ["author", "dc:creator"])
def test_an_author_is_the_name_beside_a_mail_address_of_any_host(
    element: str, written: str, author: str
) -> None:
    item = f"<item><title>T</title><{element}>{written}</{element}></item>"
    document = rss(item, attributes='xmlns:dc="http://purl.org/dc/elements/1.1/"')
    assert only(document).author == author


@pytest.mark.parametrize(
    "namespace",
    [
        "http://www.itunes.com/dtds/podcast-1.0.dtd",
        "http://search.yahoo.com/mrss/",
        "http://purl.org/rss/1.0/modules/content/",
        "http://www.w3.org/1999/xhtml",
        "http://backend.userland.com/rss2",
        "http://www.w3.org/2005/Atom",
    ],
)
def test_a_default_name_space_of_an_extension_hides_no_items(namespace: str) -> None:
    item = "<item><title>T</title><link>https://news.test/1</link></item>"
    entry = only(rss(item, attributes=f'xmlns="{namespace}"'))
    assert (entry.title.value, entry.link) == ("T", "https://news.test/1")


def test_who_else_asks_feedparser_in_this_process_gets_its_dates() -> None:
    body = (
        b"<rss version='2.0'><channel><title>T</title><item><title>One</title>"
        b"<pubDate>Mon, 02 Mar 2026 09:00:00 GMT</pubDate></item></channel></rss>"
    )
    raw_feed(body.decode(), url="https://news.example/feed", max_entries=9)
    [entry] = feedparser.parse(body).entries
    assert entry.published_parsed[:3] == (2026, 3, 2)
