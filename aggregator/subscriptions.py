"""Feeds as other programs hand them over: OPML both ways, the feeds an HTML page names, and edits of feeds.toml.

Rules: pure, text in and text out; an edit leaves every comment and every other line of feeds.toml as it stands; OPML
is read as it is found in the wild (broken nesting, missing types, two spellings of every attribute), entities and
external references never expanded; an outline that cannot be used costs itself alone and is named.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit
from xml.sax.saxutils import quoteattr

import tomlkit
from lxml import etree, html
from tomlkit.items import Table

from aggregator.config import configuration, feed_id_for
from aggregator.config_values import web_addresses
from aggregator.errors import ConfigError, Problem
from aggregator.model import Feed
from aggregator.visible import without_orders

_FEED_TYPE = re.compile(r"(?:application|text)/(?:[\w.-]*\+?(?:rss|atom|rdf|feed)(?:\+xml|\+json)?)")
_GUESSED_TYPES = ("application/json", "text/xml", "application/xml")
_COMMENTS = re.compile(
    r"comment|kommentar|comentari|commentaire|commenti|reactie|yorum|komment|коммент|комментар|评论|評論|コメント|댓글",
    re.IGNORECASE,
)
_ADDRESS_NAMES = ("xmlurl", "feedurl", "rssurl")
_NO_FEED_TYPES = re.compile(r"html|json\+xpath|xml\+xpath|xpath", re.IGNORECASE)
"""FreshRSS exports pages that it scrapes as outlines of such types."""
_BARE_AMPERSAND = re.compile(rb"&(?!(?:#\d+|#x[0-9a-f]+|amp|lt|gt|quot|apos);)", re.IGNORECASE)
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)
_HEADER_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)
_SUPERSETS = {"iso8859-1": "cp1252", "ascii": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932"}
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Subscription:
    """A feed as OPML or a page tells of it. `folder` is the outermost OPML outline around it, `section` the innermost
    where that is another."""

    url: str
    title: str = ""
    folder: str = ""
    site: str = ""
    section: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An outline that is to be a feed and cannot be: its name, and why, without user and password."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Opml:
    """What an OPML document holds: its feeds, each address once, and what of it cannot be used."""

    feeds: tuple[Subscription, ...]
    left_out: tuple[LeftOut, ...] = ()


# --- OPML -----------------------------------------------------------------------------------------------------


def subscriptions_of_opml(body: bytes) -> Opml:
    """Every feed of an OPML document. Raises ConfigError when it is no OPML."""
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(_BARE_AMPERSAND.sub(b"&amp;", body), parser)
    except etree.XMLSyntaxError as error:
        raise ConfigError(Problem(f"this is no OPML: {error}")) from None
    outlines = [] if root is None else [element for element in root.iter() if _is_named(element, "outline")]
    if root is None or (not _is_named(root, "opml") and not outlines):
        raise ConfigError(Problem("this is no OPML: its outermost element should be <opml>"))
    feeds: dict[str, Subscription] = {}
    left_out: list[LeftOut] = []
    for outline in outlines:
        match _subscription(outline):
            case Subscription() as one:
                feeds.setdefault(one.url, one)
            case LeftOut() as refused:
                left_out.append(refused)
            case None:
                pass
    return Opml(tuple(feeds.values()), tuple(left_out))


def _is_named(element: etree._Element, name: str) -> bool:
    return isinstance(element.tag, str) and etree.QName(element).localname.lower() == name


def _subscription(outline: etree._Element) -> Subscription | LeftOut | None:
    """The feed of an outline, why it is none, or None for a folder, a page or a note."""
    kind = _attribute(outline, "type")
    address = next(filter(None, (_attribute(outline, name) for name in _ADDRESS_NAMES)), "")
    address = address or (_attribute(outline, "url") if kind.lower() in ("rss", "atom", "feed") else "")
    title = _attribute(outline, "title") or _attribute(outline, "text")
    if not address:
        return LeftOut(title or "an outline", "it names no address") if kind.lower() in ("rss", "atom") else None
    if _NO_FEED_TYPES.search(kind):
        return LeftOut(title or address, f"it is no feed but a page to be read by rules ({kind})")
    try:
        url = web_addresses(address)[0]
    except ValueError as error:
        return LeftOut(title or "an outline", str(error))
    folders = [_name_of(element) for element in outline.iterancestors() if _is_named(element, "outline")]
    named = [name for name in reversed(folders) if name]
    section = named[-1] if len(named) > 1 else ""
    return Subscription(url, title, named[0] if named else "", _attribute(outline, "htmlurl"), section)


def _name_of(outline: etree._Element) -> str:
    return _attribute(outline, "text") or _attribute(outline, "title")


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
    """An OPML 2.0 document: group and section are folders, the site is the name."""
    folders: dict[str, dict[str, list[Feed]]] = {}
    for feed in feeds:
        group, _, section = (*feed.categories, "", "", "")[:3]
        folders.setdefault(group, {}).setdefault(section, []).append(feed)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<opml version="2.0">']
    lines += [f"  <head><title>{_text(title)}</title></head>", "  <body>"]
    for group, sections in folders.items():
        inside = [line for section, members in sections.items() for line in _folder(section, map(_outline, members))]
        lines += [f"    {line}" for line in _folder(group, inside)]
    return "\n".join([*lines, "  </body>", "</opml>", ""])


def _folder(name: str, lines: Iterable[str]) -> list[str]:
    """Lines inside an outline of this name, or as they are for none."""
    if not name:
        return list(lines)
    return [f"<outline text={quoteattr(name)}>", *(f"  {line}" for line in lines), "</outline>"]


def _outline(feed: Feed) -> str:
    name = quoteattr(feed.categories[1] if len(feed.categories) > 1 else feed.feed_id)
    return f'<outline type="rss" text={name} title={name} xmlUrl={quoteattr(feed.url)}/>'


def without_user(url: str) -> str:
    """An address as it may be shown: without user and password."""
    head, mark, tail = url.partition("//")
    host, slash, path = tail.partition("/")
    return f"{head}{mark}{host.rpartition('@')[2]}{slash}{path}"


def _text(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;")


# --- discovery ------------------------------------------------------------------------------------------------


def feeds_of_page(body: bytes, *, url: str, content_type: str | None = None) -> list[Subscription]:
    """The feeds an HTML page names in `<link rel=alternate>`, in the page's order; those of comments after the others
    (some pages name them first, and nobody subscribes to a site for them), plain JSON and XML types last."""
    try:
        page = html.fromstring(_page_text(body, content_type), parser=html.HTMLParser(recover=True, no_network=True))
    except (etree.ParserError, ValueError):
        return []
    base = urljoin(url, next((str(found.get("href", "")) for found in page.iter("base")), ""))
    found: list[tuple[int, Subscription]] = []
    for link in page.iter("link"):
        rank = _rank(link)
        one = _linked(link, base) if rank is not None else None
        if rank is not None and one is not None and one.url.partition("#")[0] != url.partition("#")[0]:
            found.append((rank, one))
    unique: dict[str, Subscription] = {}
    for _, one in sorted(found, key=lambda ranked: ranked[0]):
        unique.setdefault(one.url, one)
    return list(unique.values())


def feeds_named(page: tuple[bytes, str, str | None]) -> list[Subscription]:
    """`feeds_of_page` of (body, address, content type), as a child process is asked."""
    body, url, content_type = page
    return feeds_of_page(body, url=url, content_type=content_type)


def _page_text(body: bytes, content_type: str | None) -> str:
    """A page's text by its mark, the server's charset, its own, or as UTF-8 if it is that."""
    header = _HEADER_CHARSET.search(content_type or "")
    inside = _META_CHARSET.search(body[:4096])
    stated = [header.group(1)] if header else []
    stated += [inside.group(1).decode("ascii")] if inside else []
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        stated = ["utf-16"]
    if body.startswith(codecs.BOM_UTF8):
        stated = ["utf-8-sig"]
    for label in (*stated, "utf-8", "cp1252"):
        try:
            name = codecs.lookup(label).name
            return re.sub(r"^\s*<\?xml[^>]*\?>", "", body.decode(_SUPERSETS.get(name, name)))
        except (LookupError, UnicodeDecodeError):
            continue
    return body.decode("cp1252", "replace")


def _rank(link: etree._Element) -> int | None:
    """How likely a link is the feed that was meant, 0 first; None for what is no link to a feed."""
    if "alternate" not in str(link.get("rel", "")).lower() or not str(link.get("href", "")).strip():
        return None
    kind = str(link.get("type", "")).split(";")[0].strip().lower()
    if kind in _GUESSED_TYPES:
        return 2
    if not _FEED_TYPE.fullmatch(kind):
        return None
    return 1 if _COMMENTS.search(f"{link.get('title', '')} {link.get('href', '')}") else 0


def _linked(link: etree._Element, base: str) -> Subscription | None:
    try:
        address = urljoin(base, re.sub(r"^feed:(?://)?(?=https?:)", "", str(link.get("href", "")).strip()))
    except ValueError:
        return None
    if _web_host(address) is None:
        return None
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


def usable(new: Sequence[Subscription]) -> tuple[list[Subscription], list[LeftOut]]:
    """The feeds that feeds.toml can hold, and those it cannot: one of them must not cost the others."""
    kept: list[Subscription] = []
    left_out: list[LeftOut] = []
    for one in new:
        try:
            with_subscriptions("", [one], file="")
        except ConfigError as error:
            left_out.append(
                LeftOut(one.title or without_user(one.url), "; ".join(problem.text for problem in error.problems))
            )
        else:
            kept.append(one)
    return kept, left_out


def _feed_table(one: Subscription, categories: Sequence[str]) -> Table:
    table = tomlkit.table()
    table.add("url", one.url)
    named = tuple(categories) or _categories(one)
    if named:
        table.add("categories", list(named))
    return table


def _categories(one: Subscription) -> tuple[str, ...]:
    """Folder, title and inner folder as group, site and section. A title without a folder keeps its level by the group
    that a feed without one is given anyway; a folder without a title stands alone, its site is the feed's own title."""
    if not one.title:
        return (one.folder[:_LONGEST_NAME],) if one.folder else ()
    if not one.folder:
        group = "新闻" if re.search("[\u4e00-\u9fff]", one.title) else "News"
        return (group, one.title[:_LONGEST_NAME])
    names = (one.folder, one.title, one.section) if one.section else (one.folder, one.title)
    return tuple(name[:_LONGEST_NAME] for name in names)


def without_feed(text: str, feed_id: str, *, file: str) -> str:
    """feeds.toml less one feed and its own lines. Raises ConfigError when there is no such feed."""
    feeds = configuration(text, file=file).feeds
    named = {feed_id, *_addresses(feed_id)}
    position = next((p for p, feed in enumerate(feeds) if feed.feed_id == feed_id or feed.url in named), None)
    if position is None:
        raise ConfigError(
            Problem(f'no feed has the id or url "{feed_id}"; `aggregator feeds list` shows them', file=file)
        )
    changed = _without_table(text, position)
    rest = [feed for feed in feeds if feed is not feeds[position]]
    if list(configuration(changed, file=file).feeds) != rest:
        raise ConfigError(Problem("its feeds are not written as [[feed]] tables; remove it by hand", file=file))
    return changed


def _addresses(text: str) -> tuple[str, ...]:
    try:
        return web_addresses(text)
    except ValueError:
        return ()


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
