"""Events as a feed of their own: Atom (RFC 4287) and JSON Feed 1.1, so that any feed reader is a client. Pure.

Rules: an entry is an event, its id the event id (in Atom as a URN, since an id must be an absolute IRI there); its
reports are links. Nothing in a feed depends on when it was asked for, so that the same events give the same bytes and
validators hold. Everything a publisher wrote is escaped; characters that XML cannot carry are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any
from xml.etree import ElementTree

import orjson

from aggregator.model import EPOCH, UNDETERMINED, Event, Source
from aggregator.watch import wording
from aggregator.watch.clock import ordered_sources, reported_at, reported_first_at
from aggregator.watch.links import event_page, safe_link

ATOM_TYPE = "application/atom+xml; charset=utf-8"
JSON_FEED_TYPE = "application/feed+json; charset=utf-8"
_ATOM = "http://www.w3.org/2005/Atom"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_IRI = re.compile(r"[\s<>\"{}|\\^`\x00-\x20]")


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where the feed stands: `base` is the address of the status port without a slash at its end, `query` the filter's
    query string with its question mark, `names` the titles of feeds by their ids."""

    base: str
    query: str
    names: Mapping[str, str]
    title: str = "Events"

    def name(self, feed_id: str) -> str:
        """The feed's title, its id where it has none."""
        return self.names.get(feed_id) or feed_id


def updated_at(events: Iterable[Event]) -> datetime:
    """When the newest of the events had its newest report; the epoch where there is none."""
    return max((event.last_seen_at for event in events), default=EPOCH)


# --- Atom -----------------------------------------------------------------------------------------------------


def atom(events: Sequence[Event], outlet: Outlet) -> bytes:
    """The feed as an Atom document."""
    ElementTree.register_namespace("", _ATOM)
    feed = ElementTree.Element(_tag("feed"))
    _text(feed, "id", f"{outlet.base}/events.atom{outlet.query}")
    _text(feed, "title", outlet.title)
    # Of the events, not of now: the same events give the same bytes.
    _text(feed, "updated", _stamp(updated_at(events)))
    _link(
        feed,
        rel="self",
        href=f"{outlet.base}/events.atom{outlet.query}",
        type="application/atom+xml",
    )
    _link(feed, rel="alternate", href=f"{outlet.base}/{outlet.query}", type="text/html")
    # RFC 4287, 4.1.1: without it every entry needs one.
    author = ElementTree.SubElement(feed, _tag("author"))
    _text(author, "name", "aggregator")
    _text(feed, "generator", "aggregator")
    for event in events:
        _add_entry(feed, event, outlet)
    document: bytes = ElementTree.tostring(
        feed,
        encoding="utf-8",
        xml_declaration=True,
    )
    return document


def _add_entry(
    feed: ElementTree.Element,
    event: Event,
    outlet: Outlet,
) -> None:
    entry = ElementTree.SubElement(feed, _tag("entry"))
    if event.lang != UNDETERMINED:
        entry.set("{http://www.w3.org/XML/1998/namespace}lang", event.lang)
    # RFC 4287, 4.2.6: an absolute IRI, which the id alone is not.
    _text(entry, "id", f"urn:aggregator:{event.event_id}")
    _text(entry, "title", event.title or "(no title)")
    _text(entry, "published", _stamp(reported_first_at(event)))
    _text(entry, "updated", _stamp(event.last_seen_at))
    _link(
        entry,
        rel="alternate",
        href=_iri(destination(event, outlet.base)),
        type="text/html",
    )
    sources = ordered_sources(event)
    for source in sources:
        if safe_link(source.url):
            title = f"{outlet.name(source.feed_id)}: {source.title}"
            _link(
                entry,
                rel="related",
                href=_iri(source.url),
                title=title,
                type="text/html",
            )
    # Several feeds of one site are one author.
    for name in dict.fromkeys(outlet.name(source.feed_id) for source in sources):
        author = ElementTree.SubElement(entry, _tag("author"))
        _text(author, "name", name)
    for category in dict.fromkeys(event.categories):
        ElementTree.SubElement(entry, _tag("category")).set(
            "term",
            _clean(category),
        )
    if event.lead:
        _text(entry, "summary", event.lead)
    content = _text(entry, "content", content_of(event, outlet))
    content.set("type", "html")


def _tag(name: str) -> str:
    return f"{{{_ATOM}}}{name}"


def _text(
    parent: ElementTree.Element,
    name: str,
    text: str,
) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, _tag(name))
    element.text = _clean(text)
    return element


def _link(parent: ElementTree.Element, **attributes: str) -> None:
    element = ElementTree.SubElement(parent, _tag("link"))
    for name, value in attributes.items():
        element.set(name, _clean(value))


def _clean(text: str) -> str:
    return _NOT_XML.sub("", text)


def _iri(url: str) -> str:
    """The address with the characters that no IRI may hold written as %XX."""
    return _NOT_IRI.sub(_percent_encoded, url)


def _percent_encoded(character: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in character[0].encode())


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


# --- JSON Feed ------------------------------------------------------------------------------------------------


def json_feed(events: Sequence[Event], outlet: Outlet) -> bytes:
    """The feed as a JSON Feed 1.1; what it has no place for stands under `_aggregator`."""
    return orjson.dumps(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": outlet.title,
            "home_page_url": f"{outlet.base}/{outlet.query}",
            "feed_url": f"{outlet.base}/events.json{outlet.query}",
            "items": [_item(event, outlet) for event in events],
        }
    )


def _item(
    event: Event,
    outlet: Outlet,
) -> dict[str, Any]:
    sources = ordered_sources(event)
    names = dict.fromkeys(outlet.name(source.feed_id) for source in sources)
    item: dict[str, Any] = {
        "id": event.event_id,
        "url": destination(event, outlet.base),
        "title": event.title,
        "content_html": content_of(event, outlet),
        "summary": event.lead,
        "image": safe_link(event.image),
        "date_published": _stamp(reported_first_at(event)),
        "date_modified": _stamp(event.last_seen_at),
        "authors": [{"name": name} for name in names],
        "tags": list(dict.fromkeys(event.categories)),
        "language": "" if event.lang == UNDETERMINED else event.lang,
        "_aggregator": {
            "event_url": event_page(event.event_id, outlet.base),
            "source_count": event.source_count,
            "independent_count": event.independent_count,
            "reports": [_report(event, source, outlet) for source in sources],
        },
    }
    # JSON Feed 1.1: what is not known is left out, not empty.
    return {key: value for key, value in item.items() if value not in ("", [])}


def _report(
    event: Event,
    source: Source,
    outlet: Outlet,
) -> dict[str, str]:
    return {
        "entry_id": source.entry_id,
        "feed_id": source.feed_id,
        "source": outlet.name(source.feed_id),
        "title": source.title,
        "url": safe_link(source.url),
        "date_published": _stamp(reported_at(event, source)),
    }


# --- both -----------------------------------------------------------------------------------------------------


def destination(event: Event, base: str) -> str:
    """Where the title leads: a single report's own page, else the event's page here."""
    page = event_page(event.event_id, base)
    # Of more than one report none is the event's own address.
    if event.source_count != 1 or len(event.sources) != 1:
        return page
    return safe_link(event.sources[0].url) or page


def content_of(event: Event, outlet: Outlet) -> str:
    """The lead and the reports as HTML, for readers that show no links of their own."""
    lines: list[str] = []
    if event.lead:
        lines.append(f"<p>{escape(event.lead)}</p>")
    reports = [_report_line(source, outlet) for source in ordered_sources(event)]
    lines.append(f"<ul>{''.join(reports)}</ul>")
    page = escape(event_page(event.event_id, outlet.base))
    lines.append(f'<p><a href="{page}">{escape(wording.sources(event))}</a></p>')
    return "".join(lines)


def _report_line(source: Source, outlet: Outlet) -> str:
    name = escape(outlet.name(source.feed_id))
    title = escape(source.title or source.url)
    url = safe_link(source.url)
    # An address that is none of the web's is no link in anybody's reader.
    if url:
        title = f'<a href="{escape(url)}">{title}</a>'
    return f"<li>{name}: {title}</li>"
