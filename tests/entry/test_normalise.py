"""Parsed entries to entries with documents."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from html import escape
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.entry.normalise import content_hash, entry, named_categories, published
from aggregator.entry.parse import parsed_feed
from aggregator.model import (
    DateSource,
    DocumentSettings,
    Entry,
    Feed,
    Markup,
    ParsedEntry,
    ParsedFeed,
)

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "document.md"
FEED = Feed(
    "example", "https://feed.example/rss", categories=("World", "Example Daily", "Top")
)
SEEN = datetime(2022, 2, 13, 12, 0, tzinfo=UTC)
ENTRY_ID = "0123456789abcdef0123"
PARSED = ParsedEntry(
    guid="g1",
    link="https://www.example.com/harbour?utm_source=rss",
    title=Markup("Harbour closed"),
    content=Markup(
        "<p>LONDON (AP) — The harbour was closed for two days after the storm.</p>"
    ),
    published_raw="Sun, 13 Feb 2022 10:02:17 GMT",
    base_url="https://www.example.com/harbour",
)


def made(
    parsed: ParsedEntry = PARSED,
    *,
    feed: Feed = FEED,
    feed_title: str = "Example",
    language: str | None = "en",
    clock_error: timedelta | None = None,
    first_seen_at: datetime = SEEN,
    options: DocumentSettings = DocumentSettings(),  # noqa: B008 (frozen)
) -> Entry:
    return entry(
        parsed,
        feed=feed,
        feed_title=feed_title,
        feed_language=language,
        entry_id=ENTRY_ID,
        identity_key="guid:g1",
        first_seen_at=first_seen_at,
        revision=0,
        clock_error=clock_error,
        settings=options,
    )


def line(made_entry: Entry, key: str) -> str:
    found = re.search(rf"^{key}: (.*)$", made_entry.document, re.MULTILINE)
    assert found
    return found[1]


def test_every_field_of_an_entry() -> None:
    one = made(
        replace(PARSED, author="  A.\n<b>Nyone</b> ", tags=("Sea", "sea", "Sea", " "))
    )
    assert one.entry_id == ENTRY_ID
    assert one.title == "Harbour closed"
    assert one.url == "https://www.example.com/harbour?utm_source=rss"
    assert one.canonical_url == "https://example.com/harbour"
    assert one.site == "example.com"
    assert one.author == "A. Nyone"
    assert one.tags == ("Sea", "sea")
    assert one.lang == "en"
    assert one.text == "The harbour was closed for two days after the storm."
    assert (
        one.published_at
        == one.matched_at
        == datetime(2022, 2, 13, 10, 2, 17, tzinfo=UTC)
    )
    assert one.published_raw == PARSED.published_raw
    assert one.date_source is DateSource.FEED
    assert one.content_hash == content_hash(PARSED, published_at=one.published_at)
    assert line(one, "author") == "Example Daily"


def test_the_seed_comes_back_byte_for_byte(shared: Path) -> None:
    """A feed item written with the seed's own fields gives the seed's own bytes: no final newline, twelve spaces."""
    seed = (shared / "seed.md").read_bytes().decode()
    field = dict(re.findall(r"^(title|date|headimg): (.*)$", seed, re.MULTILINE))
    categories = tuple(re.findall(r"^ - (.*)$", seed, re.MULTILINE))
    body = seed[seed.index("<div>   \n") + 9 : seed.rindex("\n  \n</div>")]
    feed_text = (
        '<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>T</title><link>https://h.example/</link>'
        f"<item><title>{field['title'][1:-1]}</title><link>https://h.example/1</link><guid>1</guid>"
        f"<pubDate>{field['date']}</pubDate><description>{escape(body)}</description></item></channel></rss>"
    )
    parsed = parsed_feed(
        feed_text.encode(),
        content_type="application/rss+xml",
        url="https://h.example/rss",
    )
    assert isinstance(parsed, ParsedFeed)
    one = made(parsed.entries[0], feed=replace(FEED, categories=categories))
    assert one.document == seed


def test_the_form_of_a_document_of_our_own_text(request: pytest.FixtureRequest) -> None:
    html = (
        '<img src="https://img.example/harbour.jpg" width="970px" referrerpolicy="no-referrer">\n<p>\n港口因风暴关闭两天。\n</p>\n'
        '<p style="text-align:center;">\n<a href="/more">更多</a> {x}\n</p>'
    )
    parsed = replace(PARSED, title=Markup("港口'关闭'：\n两天"), content=Markup(html))
    document = made(
        parsed,
        feed=replace(FEED, categories=("新媒体", "404", "头条")),
        language="zh-CN",
    ).document
    if request.config.getoption("--update-golden"):
        GOLDEN.write_bytes(document.encode())
    assert document.encode() == GOLDEN.read_bytes()


@pytest.mark.parametrize(
    ("parsed", "title"),
    [
        (replace(PARSED, title=Markup("5 < 6 & AT&T")), "5 < 6 & AT&T"),
        (replace(PARSED, title=Markup("a < b &amp; c", html=False)), "a < b & c"),
        (
            replace(PARSED, title=Markup(" \n")),
            "LONDON (AP) — The harbour was closed for two days after the storm.",
        ),
        (
            replace(PARSED, title=Markup(""), content=Markup("")),
            "https://www.example.com/harbour?utm_source=rss",
        ),
        (
            replace(
                PARSED,
                title=Markup(""),
                content=Markup("<img src=x>"),
                summary=Markup("said so"),
            ),
            "said so",
        ),
        (replace(PARSED, title=Markup("x" * 600)), "x" * 499 + "…"),
    ],
)
def test_the_title_of_an_entry(parsed: ParsedEntry, title: str) -> None:
    assert made(parsed).title == title


@pytest.mark.parametrize(
    ("content", "summary", "body"),
    [
        (Markup("<p>c"), Markup("s"), "<p>c"),
        (Markup("  "), Markup("<b>s</b>"), "<b>s</b>"),
        (Markup("a < b {", html=False), Markup("s"), "a &lt; b &#123;"),
        (Markup(""), Markup(""), "Harbour closed"),
        (Markup("<script>x</script>"), Markup("s"), "s"),
        (Markup("<svg><path/></svg>"), Markup("s"), "s"),
    ],
)
def test_the_body_of_a_document(content: Markup, summary: Markup, body: str) -> None:
    document = made(replace(PARSED, content=content, summary=summary)).document
    assert document.endswith(f"---\n\n<div>   \n{body}\n  \n</div>\n            ")


def test_the_picture_of_a_document() -> None:
    number = int(sha256(ENTRY_ID.encode()).hexdigest(), 16) % 10_001
    assert line(made(), "headimg") == line(made(), "thumbnail") == "''"
    by_chance = made(options=DocumentSettings(fallback_image=True))
    assert (
        line(by_chance, "headimg")
        == line(by_chance, "thumbnail")
        == f"'https://picsum.photos/400/300?random={number}'"
    )
    assert (
        line(made(replace(PARSED, images=("/t.jpg",))), "headimg")
        == "'https://www.example.com/t.jpg'"
    )
    own = replace(
        PARSED, content=Markup("<img data-src='/a b.jpg'>"), images=("/t.jpg",)
    )
    assert line(made(own), "headimg") == "'https://www.example.com/a%20b.jpg'"


def test_a_stated_date_is_kept_and_a_missing_one_is_when_it_was_first_seen() -> None:
    assert line(made(), "date") == "Sun, 13 Feb 2022 10:02:17 GMT"
    undated = made(replace(PARSED, published_raw="yesterday"))
    assert line(undated, "date") == "2022-02-13 12:00:00"
    assert (undated.published_at, undated.matched_at, undated.date_source) == (
        None,
        None,
        DateSource.FIRST_SEEN,
    )
    assert undated.published_raw == "yesterday"
    updated = made(
        replace(PARSED, published_raw="", updated_raw="2022-02-13T09:00:00Z")
    )
    assert line(updated, "date") == "Sun, 13 Feb 2022 09:00:00 GMT"


def test_a_future_date_is_clamped_and_its_original_kept() -> None:
    one = made(replace(PARSED, published_raw="Thu, 01 Jan 2037 00:00:00 GMT"))
    assert line(one, "date") == "Sun, 13 Feb 2022 12:00:00 GMT"
    assert one.published_at == one.matched_at == SEEN
    assert one.date_source is DateSource.CLAMPED
    assert one.published_raw == "Thu, 01 Jan 2037 00:00:00 GMT"


def test_a_wrong_clock_is_corrected_for_matching_only() -> None:
    early = datetime(2022, 2, 13, 2, 5, tzinfo=UTC)
    one = made(clock_error=timedelta(hours=-8), first_seen_at=early)
    assert line(one, "date") == "Sun, 13 Feb 2022 10:02:17 GMT"
    assert one.published_at == datetime(2022, 2, 13, 10, 2, 17, tzinfo=UTC)
    assert one.matched_at == datetime(2022, 2, 13, 2, 2, 17, tzinfo=UTC)
    assert one.date_source is DateSource.FEED


def test_a_clock_offset_corrects_the_document_and_is_not_corrected_again() -> None:
    feed = replace(FEED, clock_offset=timedelta(hours=-8))
    one = made(feed=feed, clock_error=timedelta(hours=-8))
    assert line(one, "date") == "Sun, 13 Feb 2022 02:02:17 GMT"
    assert (
        one.published_at
        == one.matched_at
        == published(PARSED, feed=feed, feed_language=None)
    )


@given(
    st.timedeltas(timedelta(days=-40), timedelta(days=40)),
    st.sampled_from([None, -8, 1, 8]),
)
def test_matching_never_uses_a_time_after_it_was_seen(
    gap: timedelta, hours: int | None
) -> None:
    error = timedelta(hours=hours) if hours else None
    one = made(first_seen_at=SEEN + gap, clock_error=error)
    assert one.matched_at is not None
    assert one.matched_at <= one.first_seen_at


@pytest.mark.parametrize(
    ("categories", "title", "language", "expected"),
    [
        ((), "示例网", "zh-cn", ("新闻", "示例网", "最新")),
        ((), "Example &amp; Co", "en", ("News", "Example & Co", "latest")),
        ((), "", None, ("News", "feed.example", "latest")),
        (("World",), "Example", "en", ("World", "Example", "latest")),
        (("a", "b", "c", "d"), "Example", "zh", ("a", "b", "c")),
        (("a", " \n", "c"), "Example", "zh", ("a", "Example", "c")),
    ],
)
def test_missing_categories_are_named(
    categories: tuple[str, ...],
    title: str,
    language: str | None,
    expected: tuple[str, str, str],
) -> None:
    feed = replace(FEED, categories=categories)
    assert named_categories(feed, feed_title=title, feed_language=language) == expected


def test_the_configured_language_names_the_missing_categories() -> None:
    feed = replace(FEED, categories=(), language="zh-Hant")
    assert named_categories(feed, feed_title="E", feed_language="en")[0] == "新闻"


def hashed(parsed: ParsedEntry) -> str:
    return content_hash(parsed, published_at=SEEN)


@pytest.mark.parametrize(
    "same",
    [
        replace(
            PARSED, link="https://www.example.com/harbour?utm_source=atom&token=991"
        ),
        replace(PARSED, title=Markup("Harbour\n closed")),
        replace(
            PARSED,
            content=Markup(
                PARSED.content.value
                + '<img src="https://t.example/p.gif?r=2" width=1 height=1>'
            ),
        ),
        replace(
            PARSED,
            content=Markup(
                PARSED.content.value.replace("<p>", "<p class='x'>")
                + "<p>Share Tweet</p><p>1,204 views</p>"
            ),
        ),
        replace(
            PARSED,
            content=Markup(
                "<div>"
                + PARSED.content.value
                + "<p>The post X appeared first on Y.</p><script>1</script></div>"
            ),
        ),
        replace(PARSED, guid="other", images=("x",), tags=("t",), author="a"),
    ],
)
def test_what_no_reader_would_call_an_edit_keeps_the_content_hash(
    same: ParsedEntry,
) -> None:
    assert hashed(same) == hashed(PARSED)


@pytest.mark.parametrize(
    "other",
    [
        replace(PARSED, title=Markup("Harbour opened")),
        replace(PARSED, link="https://www.example.com/harbour-2"),
        replace(PARSED, content=Markup(PARSED.content.value.replace("two", "three"))),
    ],
)
def test_an_edit_changes_the_content_hash(other: ParsedEntry) -> None:
    assert hashed(other) != hashed(PARSED)
    assert content_hash(PARSED, published_at=None) != hashed(PARSED)


MESS = st.one_of(
    st.text(),
    st.sampled_from(["<p>", "http://[x", "javascript:x", "'", "\ud800", "&#x0;", "{{"]),
)


@settings(max_examples=150)
@given(
    st.builds(
        ParsedEntry,
        guid=MESS,
        link=MESS,
        title=st.builds(Markup, MESS, st.booleans()),
        content=st.builds(Markup, MESS, st.booleans()),
        summary=st.builds(Markup, MESS),
        author=MESS,
        published_raw=MESS,
        base_url=MESS,
        images=st.tuples(MESS),
    ),
    MESS,
)
def test_any_parsed_entry_becomes_an_entry(
    parsed: ParsedEntry, feed_title: str
) -> None:
    one = made(parsed, feed=replace(FEED, categories=()), feed_title=feed_title)
    one.document.encode()
    assert one == made(parsed, feed=replace(FEED, categories=()), feed_title=feed_title)
    assert one.url == "" or one.url.startswith(("http://", "https://"))
    assert len(one.text) <= 8_000


@pytest.mark.parametrize(
    ("aggregates", "link", "publisher"),
    [
        (False, "https://news.claimed.co.uk/1", "feeds.example"),
        (True, "https://news.claimed.co.uk/1", "claimed.co.uk"),
        (True, "", "feeds.example"),
        (False, "", "feeds.example"),
    ],
)
def test_the_publisher_is_the_feeds_own_address_unless_the_operator_says_it_carries_others(
    aggregates: bool, link: str, publisher: str
) -> None:
    feed = Feed("f", "https://rss.feeds.example/all", aggregates=aggregates)
    answer = made(ParsedEntry(guid="1", link=link, title=Markup("A ship")), feed=feed)
    assert answer.publisher == publisher
