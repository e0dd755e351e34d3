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

from aggregator.entry.characters import without_controls
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
        # Only of what is no JSON as it stands.
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
    if len(digits) > MOST_DIGITS:
        return digits
    return int(digits)


def is_json_feed(document: dict[str, Any]) -> bool:
    """Whether an object is a JSON Feed: the version says so, or it has a list of items and a feed's title."""
    version = document.get("version")
    if isinstance(version, str) and "jsonfeed.org/version/" in version:
        return True
    has_items = isinstance(document.get("items"), list)
    return has_items and isinstance(document.get("title"), str)


def parsed_json_feed(
    document: dict[str, Any], *, url: str, encoding: str, max_entries: int
) -> ParsedFeed:
    """The feed an object holds; `url` is where it came from."""
    items = _items(document.get("items"))
    objects = [item for item in items if isinstance(item, dict)]
    newest = _newest(objects, max_entries)
    notes: tuple[str, ...] = ()
    other_count = len(items) - len(objects)
    if other_count:
        notes = (f"{other_count} items are no objects",)
    home = absolute_url(
        url,
        stated_url(_text(document.get("home_page_url"))),
    )
    version = _text(document.get("version")).rstrip("/")
    return ParsedFeed(
        version="json11" if version.endswith("1.1") else "json1",
        title=_text(document.get("title")),
        link=home,
        language=_text(document.get("language")) or None,
        encoding=encoding,
        entries=tuple(_entry(item, document, home or url) for item in newest),
        hints=_hints(document, url),
        dropped_count=len(objects) - len(newest),
        notes=notes,
    )


def _items(value: object) -> list[object]:
    """PHP writes a list that was filtered as an object of its numbers, Go an empty one as null."""
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list):
        return value
    return []


def _newest(
    items: list[dict[str, Any]],
    limit: int,
) -> list[dict[str, Any]]:
    if len(items) <= limit:
        return items
    stated = [_stated_date(item) for item in items]
    return [items[position] for position in newest_of(stated, len(items), limit)]


def _stated_date(item: dict[str, Any]) -> str:
    return _text(item.get("date_published")) or _text(item.get("date_modified"))


def _entry(
    item: dict[str, Any],
    document: dict[str, Any],
    base: str,
) -> ParsedEntry:
    # A link post has its own page and the one that it tells of; some writers give only that.
    stated = _text(item.get("url")) or _text(item.get("external_url"))
    # The specification would have an id be the item's address.
    named = absolute_url("", _text(item.get("id")))
    link = _resolved(stated, base) or named or _attached(item, base)
    pictures = (_resolved(one, base) for one in _images(item))
    content = Markup(_text(item.get("content_html")), html=True)
    if not content.value:
        content = Markup(_text(item.get("content_text")), html=False)
    return ParsedEntry(
        guid=_text(item.get("id")),
        link=link,
        title=Markup(_text(item.get("title")), html=False),
        content=content,
        summary=Markup(_text(item.get("summary")), html=False),
        author=_authors(item) or _authors(document),
        tags=_tags(item.get("tags")),
        published_raw=_text(item.get("date_published")),
        updated_raw=_text(item.get("date_modified")),
        language=_text(item.get("language")) or None,
        images=tuple(filter(None, pictures)),
        base_url=base,
        known_link=None if link == stated else _known_link(stated),
    )


def _resolved(address: str, base: str) -> str:
    """The absolute form of an address, or it as it is where there is none."""
    stated = stated_url(address)
    if not stated:
        return ""
    return absolute_url(base, stated) or stated


def _known_link(stated: str) -> str:
    """The link by which the entry is known (see ParsedEntry): only an absolute one, so that a new home page, or a
    file served from elsewhere, renames nothing."""
    return absolute_url("", stated)


def _attached(
    item: dict[str, Any],
    base: str,
) -> str:
    """What an item without a page has to open: its first attachment, a picture only where there is nothing else."""
    attachments = sorted(
        _objects(item.get("attachments")),
        key=_is_image,
    )
    addresses = (absolute_url(base, _text(one.get("url"))) for one in attachments)
    return next(filter(None, addresses), "")


def _is_image(attachment: dict[str, Any]) -> bool:
    return _text(attachment.get("mime_type")).lower().startswith(_IMAGE)


def _objects(value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        return []
    return [member for member in value if isinstance(member, dict)]


def _text(value: object) -> str:
    if isinstance(value, str):
        return without_controls(value).strip()
    # Asked for before numbers, of which Python calls a boolean one.
    if isinstance(value, bool):
        return "true" if value else "false"
    # An id of 17.0 is 17 to all who write it in another language.
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    return ""


def _authors(holder: dict[str, Any]) -> str:
    listed = holder.get("authors")
    # Version 1.0 had one author.
    people = listed if isinstance(listed, list) else [holder.get("author")]
    names = map(_person_name, people)
    return ", ".join(dict.fromkeys(filter(None, names)))


def _person_name(person: object) -> str:
    """Of an object, or of the bare name that some write in its place."""
    if isinstance(person, dict):
        return _text(person.get("name"))
    return _text(person)


def _tags(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    tags = filter(None, map(_text, value))
    return tuple(dict.fromkeys(tags))[:_MOST_TAGS]


def _images(item: dict[str, Any]) -> tuple[str, ...]:
    listed = [
        _text(item.get("image")),
        _text(item.get("banner_image")),
    ]
    for attachment in _objects(item.get("attachments")):
        if _is_image(attachment):
            listed.append(_text(attachment.get("url")))
    return tuple(dict.fromkeys(filter(None, listed)))


def _hints(
    document: dict[str, Any],
    url: str,
) -> FeedHints:
    hubs = [_text(hub.get("url")) for hub in _objects(document.get("hubs"))]
    by_http = (address for address in hubs if address.startswith("http"))
    return FeedHints(
        hub_url=next(by_http, None),
        self_url=absolute_url(url, _text(document.get("feed_url"))) or None,
    )
