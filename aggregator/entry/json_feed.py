"""JSON Feed 1.0 and 1.1 (https://www.jsonfeed.org/version/1.1/), read tolerantly.

A value of the wrong type counts as absent, except that numbers and booleans become text where text is due: one wrong
field never costs the item, one wrong item never costs its siblings. Items that are no objects are left out and noted.
"""

from __future__ import annotations

import json
from typing import Any

from aggregator.model import FeedHints, Markup, ParsedEntry, ParsedFeed

_IMAGE = "image/"
_MOST_TAGS = 50


def json_object(text: str) -> dict[str, Any] | None:
    """The object that the text holds, None if it is no JSON object (or nested too deep to be one)."""
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def is_json_feed(document: dict[str, Any]) -> bool:
    """Whether an object is a JSON Feed: the version says so, or it has a list of items and a feed's title."""
    version = document.get("version")
    if isinstance(version, str) and "jsonfeed.org/version/" in version:
        return True
    return isinstance(document.get("items"), list) and isinstance(document.get("title"), str)


def parsed_json_feed(document: dict[str, Any], *, url: str, encoding: str, max_entries: int) -> ParsedFeed:
    """The feed an object holds; `url` is where it came from."""
    listed = document.get("items")
    items = listed if isinstance(listed, list) else []
    objects = [item for item in items if isinstance(item, dict)]
    kept = objects[:max_entries]
    notes = () if len(objects) == len(items) else (f"{len(items) - len(objects)} items are no objects",)
    home = _text(document.get("home_page_url"))
    return ParsedFeed(
        version="json11" if _text(document.get("version")).rstrip("/").endswith("1.1") else "json1",
        title=_text(document.get("title")),
        link=home,
        language=_text(document.get("language")) or None,
        encoding=encoding,
        entries=tuple(_entry(item, document, url) for item in kept),
        hints=_hints(document),
        dropped_count=len(objects) - len(kept),
        notes=notes,
    )


def _entry(item: dict[str, Any], document: dict[str, Any], url: str) -> ParsedEntry:
    link = _text(item.get("url")) or _text(item.get("external_url"))
    markup = _text(item.get("content_html"))
    return ParsedEntry(
        guid=_text(item.get("id")),
        link=link,
        title=Markup(_text(item.get("title")), html=False),
        content=Markup(markup, html=True) if markup else Markup(_text(item.get("content_text")), html=False),
        summary=Markup(_text(item.get("summary")), html=False),
        author=_authors(item) or _authors(document),
        tags=_tags(item.get("tags")),
        published_raw=_text(item.get("date_published")),
        updated_raw=_text(item.get("date_modified")),
        language=_text(item.get("language")) or None,
        images=_images(item),
        base_url=link or _text(document.get("home_page_url")) or url,
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
    names = [_text(person.get("name")) if isinstance(person, dict) else _text(person) for person in people]
    return ", ".join(dict.fromkeys(name for name in names if name))


def _tags(value: object) -> tuple[str, ...]:
    tags = [_text(tag) for tag in value] if isinstance(value, list) else []
    return tuple(dict.fromkeys(tag for tag in tags if tag))[:_MOST_TAGS]


def _images(item: dict[str, Any]) -> tuple[str, ...]:
    attachments = item.get("attachments")
    attached = [
        _text(attachment.get("url"))
        for attachment in (attachments if isinstance(attachments, list) else [])
        if isinstance(attachment, dict) and _text(attachment.get("mime_type")).lower().startswith(_IMAGE)
    ]
    listed = [_text(item.get("image")), _text(item.get("banner_image")), *attached]
    return tuple(dict.fromkeys(address for address in listed if address))


def _hints(document: dict[str, Any]) -> FeedHints:
    hubs = document.get("hubs")
    addresses = [_text(hub.get("url")) for hub in (hubs if isinstance(hubs, list) else []) if isinstance(hub, dict)]
    return FeedHints(
        hub_url=next((address for address in addresses if address.startswith("http")), None),
        self_url=_text(document.get("feed_url")) or None,
    )
