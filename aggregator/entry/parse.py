"""Bytes of a feed to its entries as published, or the reason why the bytes are no feed.

`parsed_feed` answers for any bytes. JSON Feed is read by `json_feed`, everything else by `xml_feed`; what both give
is mapped here to the same records. Rules of the mapping:

- link: the first alternate that is a page; FeedBurner's original link before its redirecting one; a guid only if it is
  an http(s) address. guid: as published.
- title and texts keep their markup. An RSS title always counts as HTML (half the feeds escape it, and the reader of
  the text cannot tell which half); an Atom title counts as what it declares, except that plain text holding
  references such as `&#8217;` was escaped twice and is HTML.
- content is content:encoded, Atom content or the second description; summary the description. Captions
  (media:description) and itunes:summary serve only where both are missing.
- base address: xml:base where stated, else the entry's link, else the feed's address.

An answer that is no feed says what it seems to be (a login page, a bot wall, a page that names its feed), because that
is what an operator needs; it never looks like a feed without entries.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from aggregator.entry import repair
from aggregator.entry.decode import decoded
from aggregator.entry.json_feed import is_json_feed, json_object, parsed_json_feed
from aggregator.entry.page import description, root_name
from aggregator.entry.urls import absolute_url
from aggregator.entry.xml_feed import FeedDict, RawFeed, Refused, raw_feed
from aggregator.model import FailureKind, FeedHints, Markup, ParsedEntry, ParsedFeed, Unparsable

_MOST_TAGS = 50
_LONGEST_TITLE = 20_000
"""Characters of a title that are kept; schema.md shows 500, the rest is room for markup. A guess."""
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|amp|lt|gt|quot|apos|nbsp|[a-zA-Z]{2,8});")
_ADDRESS = re.compile(r"https?://\S+|[^\s:]*/[^\s:]*", re.IGNORECASE)
"""What a guid that stands for the link looks like: an address or a path, no number, `urn:` or `tag:`."""
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PERIODS = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(days=7),
    "monthly": timedelta(days=30),
    "yearly": timedelta(days=365),
}
_LONGEST_HINT_MINUTES = 525_600
"""A ttl above a year is taken as a year; only the first 24 hours count anyway (politeness.md, 11)."""


def parsed_feed(body: bytes, *, content_type: str | None, url: str, max_entries: int = 2000) -> ParsedFeed | Unparsable:
    """The feed in a body that came from `url`, at most `max_entries` of its entries (the first in the document)."""
    document = decoded(body, content_type)
    text = repair.without_forbidden(document.text)
    start = text.lstrip("\ufeff \t\r\n")
    if not start:
        return Unparsable(FailureKind.NOT_A_FEED, "empty body")
    notes = (f"{document.replaced_count} damaged characters",) if document.replaced_count else ()
    if start[0] in "{[":
        return _from_json(start, url=url, encoding=document.encoding, max_entries=max_entries, notes=notes)
    root = root_name(start)
    if root == "html":
        return Unparsable(FailureKind.NOT_A_FEED, description(start))
    if not root:
        return Unparsable(FailureKind.NOT_A_FEED, f"neither XML nor JSON; it begins with {_shown(start, 40)!r}")
    try:
        raw = raw_feed(start, url=url, max_entries=max_entries)
    except Refused as refused:
        return Unparsable(FailureKind.UNPARSABLE, f"refused: {refused}")
    if not raw.version and not raw.entries:
        return Unparsable(FailureKind.NOT_A_FEED, f"an XML document of another kind: its root is <{root}>")
    return _from_xml(raw, url=url, encoding=document.encoding, notes=notes)


def _from_json(
    text: str, *, url: str, encoding: str, max_entries: int, notes: tuple[str, ...]
) -> ParsedFeed | Unparsable:
    found = json_object(text)
    if found is None:
        return Unparsable(FailureKind.NOT_A_FEED, "JSON that cannot be read, or no JSON object")
    if not is_json_feed(found):
        keys = _shown(", ".join(found), 60)
        return Unparsable(FailureKind.NOT_A_FEED, f"a JSON object that is no JSON Feed: its keys are {keys}")
    feed = parsed_json_feed(found, url=url, encoding=encoding, max_entries=max_entries)
    return replace(feed, notes=(*notes, *feed.notes))


def _from_xml(raw: RawFeed, *, url: str, encoding: str, notes: tuple[str, ...]) -> ParsedFeed:
    language = _string(raw.feed, "language") or None
    return ParsedFeed(
        version=raw.version,
        title=_string(raw.feed, "title"),
        link=_string(raw.feed, "link"),
        language=language,
        encoding=encoding,
        entries=tuple(
            _entry(entry, atom=raw.version.startswith("atom"), url=url, language=language) for entry in raw.entries
        ),
        hints=_hints(raw.feed),
        dropped_count=raw.dropped_count,
        notes=(*notes, *raw.notes),
    )


def _entry(entry: FeedDict, *, atom: bool, url: str, language: str | None) -> ParsedEntry:
    guid = _string(entry, "id")
    link = _link(entry, guid)
    content = _content(entry)
    summary = _summary(entry)
    chosen = content[1] or summary[1] or entry
    base = _string(chosen, "base") or _string(entry, "x_base")
    stated = _string(entry, "language") or _string(chosen, "language") or _string(entry, "x_lang")
    return ParsedEntry(
        guid=guid,
        link=link,
        title=_title(entry, atom=atom),
        content=content[0],
        summary=summary[0],
        author=_author(entry),
        tags=_tags(entry),
        published_raw=_string(entry, "published") or _string(entry, "created"),
        updated_raw=_string(entry, "updated"),
        language=stated if stated and stated != language else None,
        images=_images(entry),
        base_url=base if base and base != url else (link or url),
    )


def _string(holder: FeedDict, key: str) -> str:
    """A value that is text, else ''. `dict.get`, because feedparser's own lookup maps absent keys to others."""
    value = dict.get(holder, key)
    return value.strip() if isinstance(value, str) else ""


def _list(holder: FeedDict, key: str) -> Sequence[FeedDict]:
    value = dict.get(holder, key)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _link(entry: FeedDict, guid: str) -> str:
    original = _string(entry, "feedburner_origlink")
    if original.startswith("http"):
        return original
    alternates = [each for each in _list(entry, "links") if each.get("rel") == "alternate" and _string(each, "href")]
    pages = [each for each in alternates if _string(each, "type") in ("text/html", "application/xhtml+xml", "")]
    for each in (*pages, *alternates):
        return _string(each, "href")
    link = _string(entry, "link")
    if link != guid:
        return link
    return absolute_url(_string(entry, "x_base"), guid) if _ADDRESS.fullmatch(guid) else ""


def _title(entry: FeedDict, *, atom: bool) -> Markup:
    value = _string(entry, "title")[:_LONGEST_TITLE]
    if not value:
        return Markup(_string(entry, "itunes_title"), html=False)
    detail = dict.get(entry, "title_detail") or {}
    plain = atom and _string(detail, "type") == "text/plain"
    return Markup(value, html=not plain or ("<" not in value and _REFERENCE.search(value) is not None))


def _content(entry: FeedDict) -> tuple[Markup, FeedDict]:
    """The first content that is markup, else the first that is text; with feedparser's detail of it."""
    texts = [each for each in _list(entry, "content") if _string(each, "value")]
    marked = [each for each in texts if _is_markup(each)]
    plain = [each for each in texts if _string(each, "type").startswith("text/") or not _string(each, "type")]
    for each in (*marked, *plain):
        return Markup(_string(each, "value"), html=_is_markup(each)), each
    return Markup(""), {}


def _summary(entry: FeedDict) -> tuple[Markup, FeedDict]:
    detail = dict.get(entry, "summary_detail") or {}
    value = _string(entry, "summary")
    if value and value != _copied(entry):
        return Markup(value, html=_string(detail, "type") != "text/plain"), detail
    apart = _string(entry, "itunes_summary") or _string(entry, "media_description") or _string(entry, "subtitle")
    return Markup(apart, html=True), {}


def _copied(entry: FeedDict) -> str:
    """What feedparser copied from the content, because there was no summary."""
    if dict.get(entry, "summary_detail"):
        return ""
    return next((_string(each, "value") for each in _list(entry, "content")), "")


def _is_markup(detail: FeedDict) -> bool:
    return _string(detail, "type") in ("text/html", "application/xhtml+xml")


def _author(entry: FeedDict) -> str:
    names = [_string(each, "name") or _string(each, "email") for each in _list(entry, "authors")]
    joined = ", ".join(dict.fromkeys(name for name in names if name))
    return joined or _string(entry, "author")


def _tags(entry: FeedDict) -> tuple[str, ...]:
    tags = [_string(each, "label") or _string(each, "term") for each in _list(entry, "tags")]
    return tuple(dict.fromkeys(tag for tag in tags if tag))[:_MOST_TAGS]


def _images(entry: FeedDict) -> tuple[str, ...]:
    thumbnails = [_string(each, "url") for each in _list(entry, "media_thumbnail")]
    pictures = [_string(each, "url") for each in _list(entry, "media_content") if _is_picture(each)]
    enclosures = [
        _string(each, "href") for each in _list(entry, "links") if each.get("rel") == "enclosure" and _is_picture(each)
    ]
    own = dict.get(entry, "image")
    image = _string(own, "href") if isinstance(own, dict) else ""
    return tuple(dict.fromkeys(address for address in (*thumbnails, *pictures, *enclosures, image) if address))


def _is_picture(each: FeedDict) -> bool:
    kind = _string(each, "type") or _string(each, "medium")
    if kind:
        return kind.startswith("image")
    address = _string(each, "url") or _string(each, "href")
    return re.search(r"\.(?:jpe?g|png|gif|webp|avif)(?:[?#]|$)", address, re.IGNORECASE) is not None


def _hints(feed: FeedDict) -> FeedHints:
    ttl = _string(feed, "ttl")
    minutes = min(int(ttl), _LONGEST_HINT_MINUTES) if re.fullmatch(r"[0-9]{1,9}", ttl) else 0
    links = {_string(each, "rel"): _string(each, "href") for each in reversed(_list(feed, "links"))}
    hub = links.get("hub", "")
    return FeedHints(
        ttl=timedelta(minutes=minutes) if minutes else None,
        update_period=_update_period(_string(feed, "sy_updateperiod"), _string(feed, "sy_updatefrequency")),
        skip_hours=frozenset(hour % 24 for hour in map(_number, feed.get("x_hours", ())) if 0 <= hour <= 24),
        skip_days=frozenset(_WEEKDAYS.index(day) for day in map(_lower, feed.get("x_days", ())) if day in _WEEKDAYS),
        hub_url=hub if hub.startswith(("http://", "https://")) else None,
        self_url=links.get("self") or None,
    )


def _update_period(period: str, frequency: str) -> timedelta | None:
    """The time between updates: the period divided by how often it is updated in it (RSS 1.0 syndication module)."""
    whole = _PERIODS.get(period.lower())
    if whole is None:
        return None
    times = _number(frequency)
    return whole / times if 1 <= times <= 10_000 else whole


def _number(text: object) -> int:
    """A small whole number, -1 if the text is none."""
    return int(text) if isinstance(text, str) and re.fullmatch(r"\s*[0-9]{1,6}\s*", text) else -1


def _lower(text: object) -> str:
    return text.strip().lower() if isinstance(text, str) else ""


def _shown(text: str, length: int) -> str:
    """One printable line, for a message."""
    return "".join(character if character.isprintable() else " " for character in text[:length]).strip()
