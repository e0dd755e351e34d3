"""Feeds as other programs hand them over: OPML both ways, the feeds an HTML page names, and edits of feeds.toml.

Rules: pure, text in and text out; an edit leaves every comment and every other line of feeds.toml as it stands; OPML
is read as it is found in the wild (broken nesting, missing types, two spellings of every attribute), entities and
external references never expanded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urljoin, urlsplit
from xml.sax.saxutils import quoteattr

import tomlkit
from lxml import etree, html
from tomlkit.items import Table

from aggregator.config import configuration, feed_id_for
from aggregator.config_values import http_url
from aggregator.errors import ConfigError, Problem
from aggregator.model import Feed
from aggregator.visible import without_orders

_FEED_TYPES = ("application/rss+xml", "application/atom+xml", "application/feed+json", "application/rdf+xml")
_GUESSED_TYPES = ("application/json", "text/xml", "application/xml")


@dataclass(frozen=True, slots=True)
class Subscription:
    """A feed as OPML or a page tells of it. `folder` is the outermost OPML outline around it."""

    url: str
    title: str = ""
    folder: str = ""
    site: str = ""


# --- OPML -----------------------------------------------------------------------------------------------------


def subscriptions_of_opml(body: bytes) -> list[Subscription]:
    """Every http(s) feed of an OPML document, each URL once. Raises ConfigError when it is no OPML."""
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise ConfigError(Problem(f"this is no OPML: {error}")) from None
    outlines = [] if root is None else list(root.iter("{*}outline"))
    if root is None or (etree.QName(root).localname.lower() != "opml" and not outlines):
        raise ConfigError(Problem("this is no OPML: its outermost element should be <opml>"))
    found = (one for outline in outlines if (one := _subscription(outline)) is not None)
    return _each_url_once(found)


def _subscription(outline: etree._Element) -> Subscription | None:
    url = _attribute(outline, "xmlurl")
    if _web_host(url) is None:
        return None
    folders = [_attribute(a, "text") or _attribute(a, "title") for a in outline.iterancestors("{*}outline")]
    return Subscription(
        url=url,
        title=_attribute(outline, "title") or _attribute(outline, "text"),
        folder=folders[-1] if folders else "",
        site=_attribute(outline, "htmlurl"),
    )


def askable(found: Iterable[Subscription]) -> tuple[list[Subscription], list[str]]:
    """The feeds whose address can be asked, spaces in it encoded as browsers do, and why each other one cannot."""
    kept, refused = [], []
    for one in found:
        url = one.url.replace(" ", "%20")
        try:
            kept.append(replace(one, url=http_url(url)))
        except ValueError as error:
            refused.append(str(error))
    return kept, refused


def _each_url_once(found: Iterable[Subscription]) -> list[Subscription]:
    unique: dict[str, Subscription] = {}
    for one in found:
        unique.setdefault(one.url, one)
    return list(unique.values())


def _attribute(element: etree._Element, name: str) -> str:
    for key, value in element.attrib.items():
        if str(key).lower() == name:
            return _one_line(str(value))
    return ""


def _one_line(text: str) -> str:
    """Without control characters and overrides of the writing direction: names go into feeds.toml and to terminals."""
    return without_orders(" ".join(text.split()))


def _web_host(url: str) -> str | None:
    """The host of an http(s) URL, None when it is none."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    return host if parts.scheme in ("http", "https") else None


def opml_of(feeds: Iterable[Feed], *, title: str = "aggregator") -> str:
    """An OPML 2.0 document; the first category becomes the folder, the others the name."""
    folders: dict[str, list[Feed]] = {}
    for feed in feeds:
        folders.setdefault(feed.categories[0] if feed.categories else "", []).append(feed)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<opml version="2.0">']
    lines += [f"  <head><title>{_text(title)}</title></head>", "  <body>"]
    for folder, members in folders.items():
        indent = "      " if folder else "    "
        outlines = [f"{indent}{_outline(feed)}" for feed in members]
        lines += [f"    <outline text={quoteattr(folder)}>", *outlines, "    </outline>"] if folder else outlines
    return "\n".join([*lines, "  </body>", "</opml>", ""])


def _outline(feed: Feed) -> str:
    name = quoteattr(" · ".join(feed.categories[1:]) or feed.feed_id)
    return f'<outline type="rss" text={name} title={name} xmlUrl={quoteattr(feed.url)}/>'


def _text(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;")


# --- discovery ------------------------------------------------------------------------------------------------


def feeds_of_page(body: bytes, *, url: str) -> list[Subscription]:
    """The feeds an HTML page names in `<link rel=alternate>`, in the page's order; plain JSON and XML types last."""
    try:
        page = html.fromstring(body, parser=html.HTMLParser(recover=True, no_network=True))
    except (etree.ParserError, ValueError):
        return []
    base = next((str(found.get("href", "")) for found in page.iter("base")), "")
    links = [(link, str(link.get("type", "")).split(";")[0].strip().lower()) for link in page.iter("link")]
    ordered = [link for link, kind in links if kind in _FEED_TYPES]
    ordered += [link for link, kind in links if kind in _GUESSED_TYPES]
    found = (_linked(link, urljoin(url, base)) for link in ordered if "alternate" in str(link.get("rel", "")).lower())
    return _each_url_once(one for one in found if _web_host(one.url))


def feeds_named(page: tuple[bytes, str]) -> list[Subscription]:
    """`feeds_of_page` of (body, address), as a child process is asked."""
    body, url = page
    return feeds_of_page(body, url=url)


def _linked(link: etree._Element, base: str) -> Subscription:
    try:
        address = urljoin(base, str(link.get("href", "")).strip())
    except ValueError:
        address = ""
    return Subscription(address, title=_one_line(str(link.get("title", ""))))


# --- feeds.toml -----------------------------------------------------------------------------------------------


def with_subscriptions(
    text: str, new: Sequence[Subscription], *, file: str, categories: Sequence[str] = ()
) -> tuple[str, list[str], list[str]]:
    """feeds.toml with feeds added at its end: (new text, ids added, URLs that were there already).

    Raises ConfigError when the file is broken, or would be.
    """
    present = {feed.url for feed in configuration(text, file=file).feeds}
    added, known, tables = [], [], tomlkit.aot()
    for one in new:
        if one.url in present:
            known.append(one.url)
            continue
        present.add(one.url)
        tables.append(_feed_table(one, categories))
        added.append(feed_id_for(one.url))
    if not added:
        return text, added, known
    changed = f"{text.rstrip()}\n\n{tomlkit.dumps({'feed': tables}).strip()}\n".lstrip()
    configuration(changed, file=file)
    return changed, added, known


def _feed_table(one: Subscription, categories: Sequence[str]) -> Table:
    table = tomlkit.table()
    table.add("url", one.url)
    named = tuple(categories) or _categories(one)
    if named:
        table.add("categories", list(named))
    return table


def _categories(one: Subscription) -> tuple[str, ...]:
    """Folder and title where both are there: a lone one would stand at the wrong level."""
    return (one.folder[:100], one.title[:100]) if one.folder and one.title else ()


def without_feed(text: str, feed_id: str, *, file: str) -> str:
    """feeds.toml less one feed and its own lines. Raises ConfigError when there is no such feed."""
    feeds = configuration(text, file=file).feeds
    position = next((p for p, feed in enumerate(feeds) if feed_id in (feed.feed_id, feed.url)), None)
    if position is None:
        raise ConfigError(
            Problem(f'no feed has the id or url "{feed_id}"; `aggregator feeds list` shows them', file=file)
        )
    changed = _without_table(text, position)
    rest = [feed for feed in feeds if feed is not feeds[position]]
    if list(configuration(changed, file=file).feeds) != rest:
        raise ConfigError(Problem("its feeds are not written as [[feed]] tables; remove it by hand", file=file))
    return changed


def _without_table(text: str, position: int) -> str:
    """Cut the lines from a `[[feed]]` to its last key; comments after that belong to what follows."""
    lines = text.splitlines(keepends=True)
    heads = [n for n, line in enumerate(lines) if re.match(r"\s*\[", line)]
    starts = [n for n in heads if re.match(r"\s*\[\[\s*feed\s*\]\]", lines[n])]
    start = starts[position] if position < len(starts) else len(lines)
    end = next((n for n in heads if n > start and not re.match(r"\s*\[\s*feed\.", lines[n])), len(lines))
    while end > start and re.fullmatch(r"\s*(#.*)?\s*", lines[end - 1]):
        end -= 1
    if end < len(lines) and not lines[end].strip():
        end += 1
    return "".join(lines[:start] + lines[end:])
