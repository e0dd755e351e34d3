"""JSON Feed 1.0 and 1.1 (https://www.jsonfeed.org/version/1.1/), read tolerantly.

A value of the wrong type counts as absent, except that numbers and booleans become text where text is due: one wrong
field never costs the item, one wrong item never costs its siblings. Items that are no objects are left out and noted.
Relative addresses are relative to `home_page_url` (its author: https://github.com/manton/JSONFeed/issues/8), that to
the feed's. An item without a page has its id, where that is an address, as the specification would have it be.
A comma behind the last member, as templates write it, is passed over.
"""

from __future__ import annotations

import json
import re
from typing import Any

from aggregator.entry.newest import newest_of
from aggregator.entry.urls import absolute_url, stated_url
from aggregator.model import FeedHints, Markup, ParsedEntry, ParsedFeed

_IMAGE = "image/"
_MOST_TAGS = 50
MOST_DIGITS = 300
"""As a number in XML would be read: a float has no more. One such integer must not cost the feed its items."""


_LAST_COMMA = re.compile(
    r'(?P<kept>"(?:[^"\\]|\\.?)*+(?:"|\Z))|,(?=\s*[\]}])', re.DOTALL
)
"""A string, or a comma with nothing behind it: a template's `{% for %}` leaves one."""


def json_object(text: str) -> dict[str, Any] | None:
    """The object that the text holds, None if it is no JSON object (or nested too deep to be one)."""
    value = _value(text)
    if value is None:
        value = _value(_LAST_COMMA.sub(r"\g<kept>", text))
    return value if isinstance(value, dict) else None


def _value(text: str) -> object:
    """What some JSON says, None for what is none."""
    try:
        return json.loads(text, strict=False, parse_int=_integer)
    except (ValueError, RecursionError):
        return None


def _integer(digits: str) -> int | str:
    """A number; its digits where there are so many that it can be none of ours. Python refuses more than 4,300."""
    return int(digits) if len(digits) <= MOST_DIGITS else digits


def is_json_feed(document: dict[str, Any]) -> bool:
    """Whether an object is a JSON Feed: the version says so, or it has a list of items and a feed's title."""
    version = document.get("version")
    if isinstance(version, str) and "jsonfeed.org/version/" in version:
        return True
    return isinstance(document.get("items"), list) and isinstance(
        document.get("title"), str
    )


def parsed_json_feed(
    document: dict[str, Any], *, url: str, encoding: str, max_entries: int
) -> ParsedFeed:
    """The feed an object holds; `url` is where it came from."""
    items = _items(document.get("items"))
    objects = [item for item in items if isinstance(item, dict)]
    kept = _newest(objects, max_entries)
    notes = (
        ()
        if len(objects) == len(items)
        else (f"{len(items) - len(objects)} items are no objects",)
    )
    home = absolute_url(url, stated_url(_text(document.get("home_page_url"))))
    return ParsedFeed(
        version="json11"
        if _text(document.get("version")).rstrip("/").endswith("1.1")
        else "json1",
        title=_text(document.get("title")),
        link=home,
        language=_text(document.get("language")) or None,
        encoding=encoding,
        entries=tuple(_entry(item, document, home or url) for item in kept),
        hints=_hints(document, url),
        dropped_count=len(objects) - len(kept),
        notes=notes,
    )


def _items(value: object) -> list[object]:
    """PHP writes a list that was filtered as an object of its numbers, Go an empty one as null."""
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _newest(items: list[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    if len(items) <= limit:
        return items
    stated = [
        _text(item.get("date_published")) or _text(item.get("date_modified"))
        for item in items
    ]
    return [items[position] for position in newest_of(stated, len(items), limit)]


def _entry(item: dict[str, Any], document: dict[str, Any], base: str) -> ParsedEntry:
    stated = _text(item.get("url")) or _text(item.get("external_url"))
    link = (
        _resolved(stated, base)
        or absolute_url("", _text(item.get("id")))
        or _attached(item, base)
    )
    markup = _text(item.get("content_html"))
    return ParsedEntry(
        guid=_text(item.get("id")),
        link=link,
        title=Markup(_text(item.get("title")), html=False),
        content=Markup(markup, html=True)
        if markup
        else Markup(_text(item.get("content_text")), html=False),
        summary=Markup(_text(item.get("summary")), html=False),
        author=_authors(item) or _authors(document),
        tags=_tags(item.get("tags")),
        published_raw=_text(item.get("date_published")),
        updated_raw=_text(item.get("date_modified")),
        language=_text(item.get("language")) or None,
        images=tuple(_resolved(one, base) for one in _images(item)),
        base_url=base,
        known_link=None if link == stated else _known_link(stated),
    )


def _resolved(address: str, base: str) -> str:
    """The absolute form of an address, or it as it is where there is none."""
    stated = stated_url(address)
    return (absolute_url(base, stated) or stated) if stated else ""


def _known_link(stated: str) -> str:
    """The link by which the entry is known (see ParsedEntry): only an absolute one, so that a new home page, or a
    file served from elsewhere, renames nothing."""
    return absolute_url("", stated)


def _attached(item: dict[str, Any], base: str) -> str:
    """What an item without a page has to open: its first attachment, a picture only where there is nothing else."""
    attachments = sorted(_objects(item.get("attachments")), key=_is_image)
    addresses = (absolute_url(base, _text(one.get("url"))) for one in attachments)
    return next(filter(None, addresses), "")


def _is_image(attachment: dict[str, Any]) -> bool:
    return _text(attachment.get("mime_type")).lower().startswith(_IMAGE)


def _objects(value: object) -> list[dict[str, Any]]:
    return (
        [one for one in value if isinstance(one, dict)]
        if isinstance(value, list)
        else []
    )


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    return value.strip() if isinstance(value, str) else ""


def _authors(holder: dict[str, Any]) -> str:
    listed = holder.get("authors")
    people = listed if isinstance(listed, list) else [holder.get("author")]
    names = [
        _text(person.get("name")) if isinstance(person, dict) else _text(person)
        for person in people
    ]
    return ", ".join(dict.fromkeys(name for name in names if name))


def _tags(value: object) -> tuple[str, ...]:
    tags = [_text(tag) for tag in value] if isinstance(value, list) else []
    return tuple(dict.fromkeys(tag for tag in tags if tag))[:_MOST_TAGS]


def _images(item: dict[str, Any]) -> tuple[str, ...]:
    attached = [
        _text(attachment.get("url"))
        for attachment in _objects(item.get("attachments"))
        if _is_image(attachment)
    ]
    listed = [_text(item.get("image")), _text(item.get("banner_image")), *attached]
    return tuple(dict.fromkeys(address for address in listed if address))


def _hints(document: dict[str, Any], url: str) -> FeedHints:
    addresses = [_text(hub.get("url")) for hub in _objects(document.get("hubs"))]
    return FeedHints(
        hub_url=next(
            (address for address in addresses if address.startswith("http")), None
        ),
        self_url=absolute_url(url, _text(document.get("feed_url"))) or None,
    )
