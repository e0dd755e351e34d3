"""A parsed entry to an `Entry` with its document: what the publisher said, in the form of schema.md.

`content_hash` tells whether an entry changed for a reader: title, address, published time and body text; markup,
pictures, boilerplate, counters and query strings are left out of it. It runs over every entry of each changed feed.
It begins with the number of the rules it was made by (HASH_RULES), so that better reading is not taken for an edit.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from aggregator.entry.boilerplate import matching_text, without_counters
from aggregator.entry.characters import collapsed, one_line
from aggregator.entry.components import without_components
from aggregator.entry.dates import instant
from aggregator.entry.edits import base_of
from aggregator.entry.front_matter import (
    FrontMatter,
    document,
    first_seen_date,
    stated_date,
)
from aggregator.entry.images import fallback_image, lead_image, shows_media
from aggregator.entry.language import language_of
from aggregator.entry.markup import escaped_text, safe_body
from aggregator.entry.spoken import spoken_escaped
from aggregator.entry.text import (
    decoded_references,
    escaped_once,
    is_markup_as_text,
    plain_text,
    single_references,
    title_text,
    without_cdata_marks,
)
from aggregator.entry.urls import (
    absolute_url,
    canonical_url,
    host_of,
    public_address,
    site_of,
    without_own_query,
    without_userinfo,
)
from aggregator.model import (
    DateSource,
    DocumentSettings,
    Entry,
    Feed,
    Markup,
    ParsedEntry,
    replace,
)

HASH_RULES = "4"
"""Goes up whenever the same bytes of a feed may give another title, address, time or text than before. What is known
under other rules is not compared but taken as it is now: after an upgrade no entry that stands is published as edited.
Hashes of the first rules have no number."""
MAX_TEXT_CHARS = 8_000
_MAX_READ_CHARS = 1 << 20
"""Of a body, for text and hash: four times the default `max_document`. Of 21,885 real bodies one is longer."""
_EMPTY_VOID = re.compile(
    r"<(area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr)((?:\s[^<>]*)?)></\1>",
    re.IGNORECASE,
)
"""XHTML's `<br/>` as feedparser writes it, `<br></br>`: HTML reads two line breaks."""
_BLANK_LINES = re.compile(r"(?<![^\S\n])[^\S\n]*+\n(?:[^\S\n]*+\n)+[^\S\n]*+")
_LINE_END = re.compile(r"(?<![^\S\n])[^\S\n]*+\n")
_LIST_LINE = re.compile(
    r"^[^\S\n]*+(?:[-*+\u2022\u2013\u2014]|\d{1,3}[.)])[^\S\n]++\S", re.MULTILINE
)
"""A line that begins as that of a list does: `- Fix a`, `* Fix a`, `1. Fix a`. A year (`2026. …`) is none."""
_FEWEST_IN_A_LIST = 2
_MAX_NAME_CHARS = 200
_MAX_TAGS = 50
_LANGUAGE_SAMPLE_CHARS = 1_000
_INVISIBLE = " \t\n\r\u00a0\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_CLOCK_SLACK = timedelta(minutes=30)
"""A clock error is known to the whole hour; half an hour either way is the same hour."""


class EntryText(NamedTuple):
    """What of an entry's texts is worked out once: the body that its document shows, the summary that stands in where
    nothing of it can be shown, the text of them as read, and as matched and hashed."""

    body: Markup
    summary: Markup
    plain: str
    matching: str


class EntryFacts(NamedTuple):
    """What an entry's outcome is decided by, and its document made of."""

    text: EntryText
    published_at: datetime | None
    content_hash: str


class _Dates(NamedTuple):
    stated_at: datetime | None
    matched_at: datetime | None
    source: DateSource
    written: str


def entry_facts(
    parsed: ParsedEntry, *, feed: Feed, feed_language: str | None
) -> EntryFacts:
    """What is told of an entry beside its text: identity, address, times, categories."""
    text = entry_text(parsed)
    published_at = published(parsed, feed=feed, feed_language=feed_language)
    return EntryFacts(
        text, published_at, _content_hash(parsed, published_at, text.matching)
    )


def entry(
    parsed: ParsedEntry,
    *,
    feed: Feed,
    feed_title: str,
    feed_language: str | None,
    entry_id: str,
    identity_key: str,
    first_seen_at: datetime,
    revision: int,
    clock_error: timedelta | None,
    settings: DocumentSettings,
    facts: EntryFacts | None = None,
) -> Entry:
    """The entry with its document. `feed_title` is the feed's title as first seen: a renamed feed is no edit.

    `facts`: the answer of `entry_facts` for the same entry, where it is at hand.
    """
    facts = facts or entry_facts(parsed, feed=feed, feed_language=feed_language)
    labels = _labels(
        parsed,
        facts,
        feed=feed,
        feed_title=feed_title,
        feed_language=feed_language,
        first_seen_at=first_seen_at,
        clock_error=clock_error,
    )
    written = _document(
        parsed,
        facts.text,
        labels,
        feed=feed,
        entry_id=entry_id,
        settings=settings,
    )
    return _entry(
        parsed,
        facts,
        labels,
        written,
        feed=feed,
        entry_id=entry_id,
        identity_key=identity_key,
        first_seen_at=first_seen_at,
        revision=revision,
    )


class _Labels(NamedTuple):
    """What the entry and its document say alike."""

    title: str
    url: str
    lang: str
    categories: tuple[str, str, str]
    dates: _Dates


def _labels(
    parsed: ParsedEntry,
    facts: EntryFacts,
    *,
    feed: Feed,
    feed_title: str,
    feed_language: str | None,
    first_seen_at: datetime,
    clock_error: timedelta | None,
) -> _Labels:
    text = facts.text
    url = entry_url(parsed, feed=feed)
    # Microblogs have no titles: their first line stands for one.
    title = clean_title(parsed.title) or first_line(text.plain)
    title = title or url or without_own_query(one_line(parsed.guid), feed.url)
    return _Labels(
        title,
        url,
        _language(parsed, title, text.matching, feed=feed, feed_language=feed_language),
        named_categories(feed, feed_title=feed_title, feed_language=feed_language),
        _dates(
            facts.published_at,
            feed=feed,
            first_seen_at=first_seen_at,
            clock_error=clock_error,
        ),
    )


def _entry(
    parsed: ParsedEntry,
    facts: EntryFacts,
    labels: _Labels,
    document: str,
    *,
    feed: Feed,
    entry_id: str,
    identity_key: str,
    first_seen_at: datetime,
    revision: int,
) -> Entry:
    url = labels.url
    dates = labels.dates
    published_raw = parsed.published_raw or parsed.updated_raw
    return Entry(
        entry_id=entry_id,
        feed_id=feed.feed_id,
        revision=revision,
        identity_key=identity_key,
        guid=without_own_query(one_line(parsed.guid), feed.url),
        url=url,
        canonical_url=canonical_url(url),
        title=labels.title,
        lang=labels.lang,
        author=one_line(title_text(parsed.author), limit=_MAX_NAME_CHARS),
        categories=labels.categories,
        tags=_tags(parsed.tags),
        published_at=dates.stated_at,
        matched_at=dates.matched_at,
        published_raw=one_line(published_raw, limit=_MAX_NAME_CHARS),
        date_source=dates.source,
        first_seen_at=first_seen_at,
        content_hash=facts.content_hash,
        text=facts.text.matching[:MAX_TEXT_CHARS],
        document=document,
        site=site_of(url or feed.url),
        # A feed that aggregates is no publisher: its links name them.
        publisher=site_of((feed.aggregates and url) or feed.url),
    )


def _document(
    parsed: ParsedEntry,
    text: EntryText,
    labels: _Labels,
    *,
    feed: Feed,
    entry_id: str,
    settings: DocumentSettings,
) -> str:
    """The front matter and the body below it."""
    url = labels.url
    base_url = parsed.base_url or url or public_address(feed.url)
    body = _body(
        text,
        title=labels.title,
        base_url=base_of(text.body.value, base_url),
        settings=settings,
    )
    headimg = _headimg(
        body,
        parsed,
        base_url=parsed.base_url or url,
        entry_id=entry_id,
        settings=settings,
    )
    newline = settings.leading_newline
    parts = FrontMatter(
        labels.title,
        labels.categories,
        headimg,
        labels.categories[1],
        date=labels.dates.written,
        body=body,
        leading_newline=newline,
    )
    return document(parts)


def content_hash(
    parsed: ParsedEntry,
    *,
    published_at: datetime | None,
) -> str:
    """HASH_RULES, a dot, and 32 hex digits that change when a reader would say the entry was edited."""
    return _content_hash(parsed, published_at, entry_text(parsed).matching)


def _content_hash(
    parsed: ParsedEntry,
    published_at: datetime | None,
    text: str,
) -> str:
    link = parsed.link if parsed.known_link is None else parsed.known_link
    parts = (
        collapsed(clean_title(parsed.title)),
        canonical_url(link).partition("?")[0],
        published_at.isoformat() if published_at else "",
        collapsed(without_counters(text).replace("\n", " ")),
    )
    digest = sha256("\x00".join(parts).encode(errors="ignore")).hexdigest()
    return f"{HASH_RULES}.{digest[:32]}"


def is_same_content(content_hash: str, known_hash: str) -> bool:
    """Whether an entry is as it was known, or was known by other rules than today's."""
    return content_hash == known_hash or not known_hash.startswith(f"{HASH_RULES}.")


def published(
    parsed: ParsedEntry, *, feed: Feed, feed_language: str | None
) -> datetime | None:
    """The publisher's time of an entry, with the operator's `clock_offset`; None when none can be read for sure."""
    language = feed.language or parsed.language or feed_language
    for raw in (parsed.published_raw, parsed.updated_raw):
        at = instant(raw, language=language) if raw else None
        if at is None:
            continue
        return at + (feed.clock_offset or timedelta(0))
    return None


def entry_url(parsed: ParsedEntry, *, feed: Feed) -> str:
    """The entry's page: absolute http(s) without userinfo, or ''."""
    if not parsed.link:
        return ""
    base = parsed.base_url or public_address(feed.url)
    url = without_userinfo(absolute_url(base, parsed.link))
    return without_own_query(url, feed.url)


def clean_title(title: Markup) -> str:
    """The title as one line of plain text; '' when it holds none."""
    read = title_text if title.html else decoded_references
    return one_line(read(title.value))


def first_line(text: str) -> str:
    """The first text of a body, for an entry without a title."""
    return one_line(text.partition("\n")[0])


def named_categories(
    feed: Feed, *, feed_title: str, feed_language: str | None
) -> tuple[str, str, str]:
    """Group, site and section: as configured, else by schema.md. Never from the entry's own tags."""
    language = (feed.language or feed_language or "").lower()
    title = one_line(title_text(feed_title), limit=_MAX_NAME_CHARS)
    site = title or host_of(feed.url) or feed.feed_id
    missing = ("News", site, "latest")
    if language.partition("-")[0] == "zh":
        missing = ("新闻", site, "最新")
    names = list(missing)
    for place, category in enumerate(feed.categories[:3]):
        names[place] = one_line(category, limit=_MAX_NAME_CHARS) or missing[place]
    group, name, section = names
    return group, name, section


def entry_text(parsed: ParsedEntry) -> EntryText:
    """The body is the content, where it shows anything; else the summary (an editor leaves `<p>&nbsp;</p>` behind, a
    plugin its pixel)."""
    content, summary = _readable(parsed.content), _readable(parsed.summary)
    text = _plain(content)
    if text or _shows_media(content):
        body = content
    else:
        text = _plain(summary)
        is_shown = bool(text) or _shows_media(summary)
        body = summary if is_shown or not content.value.strip() else content
    text = text or _plain(summary)
    return EntryText(body, summary, text, matching_text(text))


def _readable(markup: Markup) -> Markup:
    """The text as its publisher meant it: without an escaped CDATA mark round it, void elements void."""
    value = markup.value
    if value[:9].upper() == "<![CDATA[":
        value = without_cdata_marks(value).strip()
    if markup.xhtml:
        value = _EMPTY_VOID.sub(r"<\1\2/>", value)
    if not markup.html:
        return _readable_text(replace(markup, value=value))
    value = spoken_escaped(without_components(escaped_once(value)))
    value = _paragraphed(single_references(value))
    return markup if value == markup.value else replace(markup, value=value)


def _paragraphed(html: str) -> str:
    """Text without a tag where markup was due: its blank lines part paragraphs, the lines of a list stay lines."""
    if "<" in html or "\n" not in html:
        return html
    paragraphs = _BLANK_LINES.split(html.strip())
    if len(_LIST_LINE.findall(html)) >= _FEWEST_IN_A_LIST:
        paragraphs = [_LINE_END.sub("<br>\n", part) for part in paragraphs]
    return "<br><br>\n".join(paragraphs)


def _readable_text(markup: Markup) -> Markup:
    if not is_markup_as_text(markup.value[:_MAX_READ_CHARS]):
        return markup
    return replace(markup, value=spoken_escaped(markup.value), html=True)


def _shows_media(markup: Markup) -> bool:
    # Most entries have a summary or a content, and nothing in the other.
    if not markup.html or "<" not in markup.value:
        return False
    return shows_media(markup.value[:_MAX_READ_CHARS])


def _plain(markup: Markup) -> str:
    value = markup.value[:_MAX_READ_CHARS]
    text = plain_text(value) if markup.html else value.strip()
    # A body of no-break spaces, or of one word joiner, says nothing.
    return text if text.strip(_INVISIBLE) else ""


def _headimg(
    body: str,
    parsed: ParsedEntry,
    *,
    base_url: str,
    entry_id: str,
    settings: DocumentSettings,
) -> str:
    image = lead_image(body, base_url=base_url, candidates=parsed.images)
    if image or not settings.fallback_image:
        return image
    return fallback_image(entry_id)


def _body(
    text: EntryText, *, title: str, base_url: str, settings: DocumentSettings
) -> str:
    for markup in (text.body, text.summary):
        if markup.html:
            body = safe_body(markup.value, base_url=base_url, settings=settings)
        else:
            body = escaped_text(markup.value, settings=settings)
        if body:
            return body
    return escaped_text(title, settings=settings)


def _dates(
    published_at: datetime | None,
    *,
    feed: Feed,
    first_seen_at: datetime,
    clock_error: timedelta | None,
) -> _Dates:
    """The document's date and the one matching uses. An operator's `clock_offset` takes the place of a found error."""
    if published_at is None:
        return _Dates(None, None, DateSource.FIRST_SEEN, first_seen_date(first_seen_at))
    error = timedelta(0)
    if clock_error and not feed.clock_offset:
        error = clock_error
    true_at = published_at + error
    matched_at = min(true_at, first_seen_at)
    # A time ahead of us is believed where the feed's clock is known to be ahead.
    is_explained = bool(error) and true_at <= first_seen_at + _CLOCK_SLACK
    if published_at <= first_seen_at or is_explained:
        written = stated_date(published_at)
        return _Dates(published_at, matched_at, DateSource.FEED, written)
    written = stated_date(first_seen_at)
    return _Dates(first_seen_at, matched_at, DateSource.CLAMPED, written)


def _language(
    parsed: ParsedEntry, title: str, text: str, *, feed: Feed, feed_language: str | None
) -> str:
    sample = f"{title}\n{text[:_LANGUAGE_SAMPLE_CHARS]}"
    return language_of(
        configured=feed.language, feed=feed_language, entry=parsed.language, text=sample
    )


def _tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    cleaned = (one_line(title_text(tag), limit=_MAX_NAME_CHARS) for tag in tags)
    return tuple(dict.fromkeys(filter(None, cleaned)))[:_MAX_TAGS]
