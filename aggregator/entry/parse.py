"""Bytes of a feed to its entries as published, or the reason why the bytes are no feed.

`parsed_feed` answers for any bytes. JSON Feed is read by `json_feed`, everything else by `xml_feed`; what both give
is mapped here to the same records. Rules of the mapping:

- link: the item's own `<link>` in RSS, else the first alternate that is a page, of several the one in the entry's
  language; FeedBurner's original link before its redirecting one; what stands for none ("N/A") is none; without one
  that leads anywhere a guid that is an address and says nothing against it; else what Atom calls related; else what
  is enclosed. guid: as published.
- relative addresses: `xml:base` first; in RSS the channel's link (feeds come from feed hosts, where the path does not
  exist: https://cyber.harvard.edu/rss/relativeURI.html), else the feed's address.
- title and texts keep their markup. An RSS title always counts as HTML (half the feeds escape it, and the reader of
  the text cannot tell which half); an Atom title counts as what it declares, except that plain text holding
  references such as `&#8217;` was escaped twice and is HTML.
- content is content:encoded, Atom content or the second description; summary the description. Captions
  (media:description, plain text unless it says html) and itunes:summary serve only where both are missing.
- base address of texts: xml:base where stated, else the entry's page, else as for addresses.

An answer that is no feed says what it seems to be (a login page, a bot wall, a page that names its feed), because that
is what an operator needs; it never looks like a feed without entries.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Container, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import timedelta
from enum import Enum
from functools import cache
from hashlib import blake2b
from typing import Any

from aggregator.entry import repair
from aggregator.entry.characters import whole
from aggregator.entry.decode import Decoded, decoded
from aggregator.entry.json_feed import is_json_feed, json_object, parsed_json_feed
from aggregator.entry.page import description, root_name
from aggregator.entry.text import decoded_references, without_cdata_marks
from aggregator.entry.urls import absolute_url, stated_url
from aggregator.entry.xml_feed import FeedDict, RawFeed, Refused, raw_feed
from aggregator.model import (
    TRUNCATED,
    FailureKind,
    FeedHints,
    Markup,
    ParsedEntry,
    ParsedFeed,
    Unparsable,
)

_MOST_TAGS = 50
_LONGEST_TITLE = 20_000
"""Characters of a title that are kept; schema.md shows 500, the rest is room for markup. A guess."""
_REFERENCE = re.compile(
    r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|amp|lt|gt|quot|apos|nbsp|[a-zA-Z]{2,8});"
)
_ADDRESS = re.compile(r"https?://\S+|[^\s:]*/[^\s:]*", re.IGNORECASE)
"""What a guid that stands for the link looks like: an address or a path, no number, `urn:` or `tag:`."""
_LEADS_NOWHERE = re.compile(r"#|(?!https?:)[a-z][a-z0-9+.-]*:(?!//)", re.IGNORECASE)
"""A link of a page's own script: `#`, `javascript:void(0)`."""
_REGISTERED_RELATIONS = re.compile(
    r"https?://www\.iana\.org/assignments/(?:link-)?relations?/", re.IGNORECASE
)
"""RFC 4287 section 4.2.7.2: a relation may be written as its address."""
_PICTURE_ELEMENTS = (
    "thumbnail",
    "thumb",
    "picture",
    "photo",
    "img",
    "imageurl",
    "image_url",
    "featured_image",
)
_PICTURE_ADDRESS = re.compile(r"(?:https?:)?//?\S+", re.IGNORECASE)
_WEEKDAYS = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)
_PERIODS = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(days=7),
    "monthly": timedelta(days=30),
    "yearly": timedelta(days=365),
}
_LONGEST_HINT_MINUTES = 525_600
"""A ttl above a year is taken as a year; only the first 24 hours count anyway (politeness.md, 11)."""


def parsed_feed(
    body: bytes,
    *,
    content_type: str | None,
    url: str,
    max_entries: int = 2000,
    seen: Container[str] = frozenset(),
) -> ParsedFeed | Unparsable:
    """The feed in a body that came from `url`, at most `max_entries` of its entries, the newest.

    `seen` are items that need not be read, by their hashes (`ParsedFeed.items`).

    Every text in it can be written as UTF-8, whatever the parsers gave: nothing behind this need look at that again.
    """
    feed = _parsed(
        body, content_type=content_type, url=url, max_entries=max_entries, seen=seen
    )
    clean: ParsedFeed | Unparsable = _with_whole_texts(feed)
    return clean


def _with_whole_texts(record: Any) -> Any:
    """The record with each of its texts, and theirs, as `characters.whole` has it."""
    changed: dict[str, Any] = {}
    for name in _columns(record.__class__):
        value = getattr(record, name)
        clean = _whole(value)
        if clean is not value:
            changed[name] = clean
    return replace(record, **changed) if changed else record


@cache
def _columns(kind: type) -> tuple[str, ...]:
    return tuple(column.name for column in fields(kind))


def _whole(value: Any) -> Any:
    # Nearly all of a feed's texts and blanks, which are looked at one by one.
    if not value or (type(value) is str and value.isascii()):
        return value
    if isinstance(value, str) and not isinstance(value, Enum):
        return whole(value)
    if isinstance(value, tuple):
        parts = tuple(map(_whole, value))
        is_same = all(map(operator.is_, parts, value))
        return value if is_same else parts
    if is_dataclass(value):
        return _with_whole_texts(value)
    return value


def _parsed(
    body: bytes,
    *,
    content_type: str | None,
    url: str,
    max_entries: int,
    seen: Container[str],
) -> ParsedFeed | Unparsable:
    document = decoded(body, content_type)
    text = repair.without_forbidden(document.text)
    start = text.lstrip("\ufeff \t\r\n")
    if not start:
        return Unparsable(FailureKind.NOT_A_FEED, "empty body")
    notes = _damage(document)
    if start[0] in "{[":
        return _from_json(
            start,
            url=url,
            encoding=document.encoding,
            max_entries=max_entries,
            notes=notes,
        )
    root = root_name(start)
    if root == "html":
        return Unparsable(FailureKind.NOT_A_FEED, description(start))
    if not root:
        return Unparsable(
            FailureKind.NOT_A_FEED,
            f"neither XML nor JSON; it begins with {_shown(start, 40)!r}",
        )
    return _parsed_xml(
        start,
        root,
        url=url,
        encoding=document.encoding,
        max_entries=max_entries,
        notes=notes,
        seen=seen,
    )


def _parsed_xml(
    start: str,
    root: str,
    *,
    url: str,
    encoding: str,
    max_entries: int,
    notes: tuple[str, ...],
    seen: Container[str],
) -> ParsedFeed | Unparsable:
    try:
        raw = raw_feed(
            start,
            url=url,
            max_entries=max_entries,
            seen=seen,
        )
    except Refused as refused:
        return Unparsable(FailureKind.UNPARSABLE, f"refused: {refused}")
    if TRUNCATED in raw.notes and not raw.entries:
        # Not a feed without entries: what it holds did not come, and it would pass for healthy for ever.
        return Unparsable(
            FailureKind.UNPARSABLE, "cut off before its first entry was whole"
        )
    if not raw.version and not raw.entries:
        return Unparsable(
            FailureKind.NOT_A_FEED,
            f"an XML document of another kind: its root is <{root}>",
        )
    return _from_xml(
        raw,
        url=url,
        encoding=encoding,
        notes=notes,
    )


def _damage(document: Decoded) -> tuple[str, ...]:
    """What is to be told of a body whose bytes could not all be read."""
    if not document.replaced_count:
        return ()
    return (f"{document.replaced_count} damaged characters",)


def _from_json(
    text: str, *, url: str, encoding: str, max_entries: int, notes: tuple[str, ...]
) -> ParsedFeed | Unparsable:
    found = json_object(text)
    if found is None:
        return Unparsable(
            FailureKind.NOT_A_FEED, "JSON that cannot be read, or no JSON object"
        )
    if not is_json_feed(found):
        keys = _shown(", ".join(found), 60)
        return Unparsable(
            FailureKind.NOT_A_FEED,
            f"a JSON object that is no JSON Feed: its keys are {keys}",
        )
    feed = parsed_json_feed(
        found,
        url=url,
        encoding=encoding,
        max_entries=max_entries,
    )
    return replace(feed, notes=(*notes, *feed.notes))


def _from_xml(
    raw: RawFeed, *, url: str, encoding: str, notes: tuple[str, ...]
) -> ParsedFeed:
    language = _string(raw.feed, "language") or None
    stated = stated_url(_string(raw.feed, "link"))
    home = absolute_url(url, stated)
    is_rss = raw.version.startswith("rss")
    bases = _Bases(url, home if is_rss and home else url)
    atom = raw.version.startswith("atom")
    return ParsedFeed(
        version=raw.version,
        title=_unmarked(_string(raw.feed, "title")),
        link=home or stated,
        language=language,
        encoding=encoding,
        entries=tuple(
            _entry(entry, atom=atom, bases=bases, language=language)
            for entry in raw.entries
        ),
        hints=_hints(raw.feed, url),
        dropped_count=raw.dropped_count,
        notes=(*notes, *raw.notes),
        items=raw.items.hashes if raw.items else (),
        frame=_frame(raw, home, language or "", url),
    )


def _frame(
    raw: RawFeed,
    home: str,
    language: str,
    url: str,
) -> str:
    """A digest of all that an item is read by beside itself; '' where items cannot be told apart unread."""
    if not raw.items:
        return ""
    parts = (raw.version, raw.items.around, home, language, url)
    frame = "\0".join(parts).encode("utf-8", "replace")
    return blake2b(frame, digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class _Bases:
    """What relative addresses of a document without an `xml:base` are relative to: `feed_url` is its own address."""

    feed_url: str
    site_url: str


def _entry(
    entry: FeedDict, *, atom: bool, bases: _Bases, language: str | None
) -> ParsedEntry:
    guid = _string(entry, "id")
    content = _content(entry)
    summary = _summary(entry)
    chosen = content[1] or summary[1] or entry
    stated_base = _string(entry, "x_base")
    # feedparser gives every entry the feed's address where nothing is stated.
    own_base = "" if stated_base == bases.feed_url else stated_base
    base = own_base or bases.site_url
    spoken = (
        _string(entry, "language")
        or _string(chosen, "language")
        or _string(entry, "x_lang")
    )
    stated = _stated(entry, guid, spoken or language or "", atom=atom)
    page = _resolved(_page(entry, guid, stated), base)
    link = page or _enclosed(entry, base) or _resolved(stated, base)
    known_link = _known_link(entry, guid, own_base or bases.feed_url)
    text_base = _string(chosen, "base") or stated_base
    if not text_base or text_base == bases.feed_url:
        text_base = page or bases.site_url
    pictures = (_resolved(address, base) for address in _images(entry))
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
        language=spoken if spoken and spoken != language else None,
        images=tuple(filter(None, pictures)),
        base_url=text_base,
        known_link=None if known_link == link else known_link,
    )


def _resolved(address: str, base: str) -> str:
    """The absolute form of an address, or it as it is where there is none."""
    stated = stated_url(address)
    if not stated:
        return ""
    return absolute_url(base, stated) or stated


def _string(holder: FeedDict, key: str) -> str:
    """A value that is text, else ''. `dict.get`, because feedparser's own lookup maps absent keys to others."""
    value = dict.get(holder, key)
    return value.strip() if isinstance(value, str) else ""


def _list(holder: FeedDict, key: str) -> Sequence[FeedDict]:
    value = dict.get(holder, key)
    if not isinstance(value, list):
        return []
    return [member for member in value if isinstance(member, dict)]


def _page(entry: FeedDict, guid: str, stated: str) -> str:
    """The address of the entry's page as published, '' where it names none; `stated` is what it calls its link."""
    if stated and not _LEADS_NOWHERE.match(stated):
        return stated
    # RSS 2.0: a guid is an address unless it says that it is none.
    is_permalink = dict.get(entry, "x_permalink", True)
    if is_permalink and _ADDRESS.fullmatch(guid) and stated_url(guid):
        return guid
    related = (*_linked(entry, "related"), *_linked(entry, "via"))
    return next((_string(each, "href") for each in related), "")


def _stated(entry: FeedDict, guid: str, language: str, *, atom: bool) -> str:
    """What the entry calls its link, wherever that leads; `language` is the entry's own."""
    original = _string(entry, "feedburner_origlink")
    if original.startswith("http"):
        return original
    alternates = _linked(entry, "alternate")
    own = "" if atom else _own(alternates)
    stated = own or _preferred(_in_language(alternates, language) or alternates)
    for link in (stated, _string(entry, "x_link")):
        if stated_url(link):
            return link
    link = _string(entry, "link")
    # feedparser puts a guid here, too.
    return link if link != guid and stated_url(link) else ""


def _linked(entry: FeedDict, relation: str) -> list[FeedDict]:
    """The links of an entry with this relation to it; one without any is an alternate."""
    return [
        each
        for each in _list(entry, "links")
        if stated_url(_string(each, "href")) and _relation(each) == relation
    ]


def _relation(link: FeedDict) -> str:
    stated = _REGISTERED_RELATIONS.sub("", _string(link, "rel"))
    return stated.lower() or "alternate"


def _own(alternates: Sequence[FeedDict]) -> str:
    """The address in an RSS item's own `<link>`, beside which others are Atom's; '' where it leads nowhere."""
    for link in alternates:
        address = _string(link, "href")
        if dict.get(link, "x_own") and not _LEADS_NOWHERE.match(address):
            return address
    return ""


def _in_language(alternates: Sequence[FeedDict], language: str) -> list[FeedDict]:
    """Of several pages those in a language, by the whole of its tag (`pt-BR`), else by its first part."""
    pages = list(filter(_is_page, alternates))
    if len(pages) < 2:
        return []
    wanted = _language_parts(language)
    for length in (len(wanted), 1):
        found = []
        for page in pages:
            parts = _language_parts(_string(page, "hreflang"))
            if parts[0] and parts[:length] == wanted[:length]:
                found.append(page)
        if found:
            return found
    return []


def _language_parts(tag: str) -> list[str]:
    return tag.lower().replace("_", "-").split("-")


def _is_page(link: FeedDict) -> bool:
    return _string(link, "type") in ("text/html", "application/xhtml+xml", "")


def _preferred(alternates: Sequence[FeedDict]) -> str:
    """The first that is a page, else the first; '' without any."""
    for link in alternates:
        if _is_page(link):
            return _string(link, "href")
    return _string(alternates[0], "href") if alternates else ""


def _enclosed(entry: FeedDict, base: str) -> str:
    """What an entry without a page has to open (podcast hosts publish no links): its enclosure, film or sound; a
    picture only where there is nothing else."""
    enclosures: list[str] = []
    pictures: list[str] = []
    for link in _list(entry, "links"):
        if link.get("rel") == "enclosure":
            kind = pictures if _is_picture(link) else enclosures
            kind.append(_string(link, "href"))
    for media in _list(entry, "media_content"):
        if not _is_picture(media):
            enclosures.append(_string(media, "url"))
    player = dict.get(entry, "media_player")
    if isinstance(player, dict):
        enclosures.append(_string(player, "url"))
    for address in filter(None, (*enclosures, *pictures)):
        absolute = absolute_url(base, stated_url(address))
        if absolute:
            return absolute
    return ""


def _known_link(
    entry: FeedDict,
    guid: str,
    base: str,
) -> str:
    """The link by which the entry is known (see ParsedEntry): what the item calls its link, by the feed's address."""
    original = _string(entry, "feedburner_origlink")
    if original.startswith("http"):
        return original
    # By `rel` as written, not as `_relation` reads it: what is known of a feed must not change with the reading.
    alternates = [
        link
        for link in _list(entry, "links")
        if link.get("rel") == "alternate" and _string(link, "href")
    ]
    stated = _preferred(alternates)
    link = _string(entry, "link")
    if stated or link != guid:
        known = stated or link
        return absolute_url(base, known) or known
    if not _ADDRESS.fullmatch(guid):
        return ""
    return absolute_url(_string(entry, "x_base"), guid)


def _title(entry: FeedDict, *, atom: bool) -> Markup:
    value = _string(entry, "title")[:_LONGEST_TITLE]
    if not value:
        return Markup(_string(entry, "itunes_title"), html=False)
    detail = dict.get(entry, "title_detail") or {}
    is_plain = atom and _string(detail, "type") == "text/plain"
    # Plain text with `&#8217;` in it was escaped twice.
    if is_plain and "<" not in value and _REFERENCE.search(value):
        is_plain = False
    return Markup(value, html=not is_plain)


def _content(entry: FeedDict) -> tuple[Markup, FeedDict]:
    """The first content that is markup, else the first that is text; with feedparser's detail of it."""
    texts = [text for text in _list(entry, "content") if _string(text, "value")]
    marked = filter(_is_markup, texts)
    # Atom's content may be a picture or a film in base64, which is no text.
    plain = filter(_is_text, texts)
    for text in (*marked, *plain):
        return _text_of(text, _string(text, "value")), text
    return Markup(""), {}


def _is_text(content: FeedDict) -> bool:
    kind = _string(content, "type")
    return not kind or kind.startswith("text/")


def _summary(entry: FeedDict) -> tuple[Markup, FeedDict]:
    detail = dict.get(entry, "summary_detail") or {}
    value = _string(entry, "summary")
    if value and value != _copied(entry):
        kind = _string(detail, "type")
        is_xhtml = kind == "application/xhtml+xml"
        return Markup(value, html=kind != "text/plain", xhtml=is_xhtml), detail
    apart = _string(entry, "itunes_summary")
    if apart:
        return _text_or_markup(apart), {}
    caption = _string(entry, "media_description")
    if caption:
        return Markup(
            caption,
            html=bool(dict.get(entry, "x_media_html")),
        ), {}
    return _text_or_markup(_string(entry, "subtitle")), {}


def _text_or_markup(value: str) -> Markup:
    """What Apple says is plain text, and many fill with markup."""
    if "<" in value:
        return Markup(value, html=True)
    return Markup(decoded_references(value), html=False)


def _text_of(detail: FeedDict, value: str) -> Markup:
    is_xhtml = _string(detail, "type") == "application/xhtml+xml"
    return Markup(value, html=_is_markup(detail), xhtml=is_xhtml)


def _unmarked(value: str) -> str:
    """A text without the CDATA mark that was escaped around it."""
    if not value.startswith("<![CDATA["):
        return value
    return without_cdata_marks(value).strip()


def _copied(entry: FeedDict) -> str:
    """What feedparser copied from the content, because there was no summary."""
    if dict.get(entry, "summary_detail"):
        return ""
    return next((_string(each, "value") for each in _list(entry, "content")), "")


def _is_markup(detail: FeedDict) -> bool:
    return _string(detail, "type") in ("text/html", "application/xhtml+xml")


def _author(entry: FeedDict) -> str:
    names = map(_author_name, _list(entry, "authors"))
    joined = ", ".join(dict.fromkeys(filter(None, names)))
    return joined or _string(entry, "author")


def _author_name(person: FeedDict) -> str:
    return _string(person, "name") or _string(person, "email")


def _tags(entry: FeedDict) -> tuple[str, ...]:
    tags = map(_tag_name, _list(entry, "tags"))
    return tuple(dict.fromkeys(filter(None, tags)))[:_MOST_TAGS]


def _tag_name(tag: FeedDict) -> str:
    # Atom's label is for people, its term may be a number.
    return _string(tag, "label") or _string(tag, "term")


def _images(entry: FeedDict) -> tuple[str, ...]:
    """The pictures an entry names, those that are surely its own first."""
    listed = [_string(each, "url") for each in _list(entry, "media_thumbnail")]
    for media in _list(entry, "media_content"):
        if _is_picture(media):
            listed.append(_string(media, "url"))
    for link in _list(entry, "links"):
        if link.get("rel") == "enclosure" and _is_picture(link):
            listed.append(_string(link, "href"))
    for name in ("image", "googleplay_image"):
        image = dict.get(entry, name)
        if isinstance(image, dict):
            listed.append(_string(image, "href"))
    noted = dict.get(entry, "x_pictures", ())
    listed += [address for address in noted if isinstance(address, str)]
    listed += _pictures_by_name(entry)
    return tuple(dict.fromkeys(map(_unmarked, filter(None, listed))))


def _pictures_by_name(entry: FeedDict) -> list[str]:
    """Addresses in elements without a name space that publishers call after what they hold."""
    addresses = []
    for name in _PICTURE_ELEMENTS:
        value = dict.get(entry, name)
        if value is None:
            continue
        if isinstance(value, dict):
            address = _string(value, "url") or _string(value, "href")
        else:
            address = _string(entry, name)
        if _PICTURE_ADDRESS.fullmatch(address):
            addresses.append(address)
    return addresses


def _is_picture(each: FeedDict) -> bool:
    kind = _string(each, "type") or _string(each, "medium")
    if kind:
        return kind.startswith("image")
    # Many state no type at all.
    address = _string(each, "url") or _string(each, "href")
    return _PICTURE_NAME.search(address) is not None


_PICTURE_NAME = re.compile(
    r"\.(?:jpe?g|png|gif|webp|avif)(?:[?#]|$)",
    re.IGNORECASE,
)


def _hints(feed: FeedDict, url: str) -> FeedHints:
    links: dict[str, str] = {}
    # Backwards, so that of two the first stands.
    for link in reversed(_list(feed, "links")):
        links[_string(link, "rel")] = absolute_url(
            url,
            _string(link, "href"),
        )
    hub = links.get("hub", "")
    hours = map(_number, feed.get("x_hours", ()))
    days = map(_lower, feed.get("x_days", ()))
    return FeedHints(
        ttl=_ttl(_string(feed, "ttl")),
        update_period=_update_period(
            _string(feed, "sy_updateperiod"),
            _string(feed, "sy_updatefrequency"),
        ),
        # RSS 0.91 counts hours from 1 to 24, RSS 2.0 from 0.
        skip_hours=frozenset(hour % 24 for hour in hours if 0 <= hour <= 24),
        skip_days=frozenset(_WEEKDAYS.index(day) for day in days if day in _WEEKDAYS),
        hub_url=hub if hub.startswith(("http://", "https://")) else None,
        self_url=links.get("self") or None,
    )


def _ttl(text: str) -> timedelta | None:
    """RSS 2.0's minutes; a 0 says nothing."""
    if not re.fullmatch(r"[0-9]{1,9}", text) or not int(text):
        return None
    return timedelta(minutes=min(int(text), _LONGEST_HINT_MINUTES))


def _update_period(period: str, frequency: str) -> timedelta | None:
    """The time between updates: the period divided by how often it is updated in it (RSS 1.0 syndication module)."""
    whole = _PERIODS.get(period.lower())
    if whole is None:
        return None
    times = _number(frequency)
    if not 1 <= times <= 10_000:
        return whole
    return whole / times


def _number(text: object) -> int:
    """A small whole number, -1 if the text is none."""
    if not isinstance(text, str) or not re.fullmatch(r"\s*[0-9]{1,6}\s*", text):
        return -1
    return int(text)


def _lower(text: object) -> str:
    if not isinstance(text, str):
        return ""
    return text.strip().lower()


def _shown(text: str, length: int) -> str:
    """One printable line, for a message."""
    return "".join(
        character if character.isprintable() else " " for character in text[:length]
    ).strip()
