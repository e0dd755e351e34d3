"""OPML both ways: the lists of feeds that readers hand to each other.

Rules: pure, text in and text out. OPML is read as it is found in the wild: any encoding, bare `&`, unquoted and missing
attributes, two spellings of every name, names and addresses escaped twice. Entities and external references are never
expanded. Each outline that is no folder ends as a feed, as one that is named already, or as left out with a reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import unescape
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from aggregator.config_values import web_addresses
from aggregator.entry.decode import decoded
from aggregator.errors import ConfigError, Problem
from aggregator.model import Feed
from aggregator.visible import without_orders

_ADDRESS_NAMES = ("xmlurl", "feedurl", "rssurl")
_FEED_TYPES = ("rss", "atom", "rdf", "feed", "jsonfeed", "rss1", "rss2")
_RULES = re.compile(r"html|xpath|dotnotation", re.IGNORECASE)
"""FreshRSS exports pages and APIs that it reads by rules as outlines of such types."""
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_ADDRESS_IN_TEXT = re.compile(r"(?<=[\s:])(?:xmlurl|feedurl|rssurl)\s*=", re.IGNORECASE)
_END = re.compile(r"</(?:[\w.-]+:)?opml\s*>", re.IGNORECASE)
_BARE_AMPERSAND = re.compile(
    r"&(?!(?:#\d+|#x[0-9a-f]+|amp|lt|gt|quot|apos);)", re.IGNORECASE
)
_REFERENCE = re.compile(r"&(?:#\d+|#x[0-9a-f]+|[a-z][a-z0-9]*);", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A feed as OPML or a page tells of it. `folder` is the outermost OPML outline around it; `section` the innermost
    where that is another, else its category or a second folder that it stands in."""

    url: str
    title: str = ""
    folder: str = ""
    site: str = ""
    section: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An outline that gives no feed: its name, and why, without user and password. `is_failure`: it should have."""

    name: str
    why: str
    is_failure: bool = True


@dataclass(frozen=True, slots=True)
class Opml:
    """What an OPML document holds: its feeds, each address once; how many outlines name one of them again; the rest."""

    feeds: tuple[Subscription, ...]
    repeated_count: int = 0
    left_out: tuple[LeftOut, ...] = ()


# --- reading --------------------------------------------------------------------------------------------------


def subscriptions_of_opml(body: bytes) -> Opml:
    """Every feed of an OPML document. Raises ConfigError when it is no OPML."""
    text = _COMMENT.sub("", _DECLARATION.sub("", decoded(body, None).text))
    root = _tree(text)
    outlines = _outlines(root)
    if root is None or (not _is_named(root, "opml") and not outlines):
        raise ConfigError(
            Problem("this is no OPML: its outermost element should be <opml>")
        )
    feeds: dict[str, Subscription] = {}
    repeated_count = 0
    left_out: list[LeftOut] = []
    for outline in outlines:
        match _subscription(outline):
            case Subscription() as read if read.url not in feeds:
                feeds[read.url] = read
            case Subscription() as again:
                merged = _merged(feeds[again.url], again)
                feeds[again.url] = merged
                repeated_count += 1
                left_out += _lost_folder(merged, again)
            case LeftOut() as refused:
                left_out.append(refused)
            case None:
                pass
    left_out += _unread(text, root)
    return Opml(tuple(feeds.values()), repeated_count, tuple(left_out))


def _tree(text: str) -> etree._Element | None:
    """The document's tree.

    What is not well-formed (attributes without quotes, quotes within quotes) costs lxml's recovering XML parser
    addresses; the one for HTML keeps them.
    """
    data = _BARE_AMPERSAND.sub("&amp;", text).encode("utf-8", "replace")
    root = _parsed(
        data,
        etree.XMLParser(
            recover=True, resolve_entities=False, no_network=True, load_dtd=False
        ),
    )
    if _address_count(root) == len(_ADDRESS_IN_TEXT.findall(text)):
        return root
    as_html = _parsed(
        data, etree.HTMLParser(recover=True, no_network=True, encoding="utf-8")
    )
    return max(root, as_html, key=_address_count)


def _address_count(root: etree._Element | None) -> int:
    return sum(
        _local(str(key)) in _ADDRESS_NAMES
        for outline in _outlines(root)
        for key in outline.attrib
    )


def _unread(text: str, root: etree._Element) -> Iterator[LeftOut]:
    """What stands in the text and in no outline of the tree."""
    unread_count = len(_ADDRESS_IN_TEXT.findall(text)) - _address_count(root)
    if unread_count > 0:
        yield LeftOut(
            f"{unread_count} outlines", "they are empty, cut off, or not written as XML"
        )
    if _is_named(root, "opml") and not _END.search(text):
        yield LeftOut("the end of the file", "it is cut off: there is no </opml>")


def _parsed(
    data: bytes, parser: etree.XMLParser | etree.HTMLParser
) -> etree._Element | None:
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError:  # nothing in it at all
        return None


def _outlines(root: etree._Element | None) -> list[etree._Element]:
    return (
        []
        if root is None
        else [element for element in root.iter() if _is_named(element, "outline")]
    )


def _is_named(element: etree._Element, name: str) -> bool:
    return isinstance(element.tag, str) and _local(element.tag) == name


def _local(name: str) -> str:
    """A name in lower case, without its namespace."""
    return re.split("[}:]", name)[-1].lower()


def _subscription(outline: etree._Element) -> Subscription | LeftOut | None:
    """The feed of an outline, why it is none, or None for a folder."""
    kind = _attribute(outline, "type").lower()
    address = _address(outline, kind)
    if not address:
        return _without_address(outline, kind)
    title = _title_of(outline)
    if _is_commented_out(outline):
        return LeftOut(
            title or "an outline", "it is commented out (isComment)", is_failure=False
        )
    if _RULES.search(kind):
        return LeftOut(
            title or "an outline",
            f"it is no feed but a page to be read by rules ({kind})",
        )
    try:
        url = web_addresses(address.replace("&amp;", "&"))[0]
    except ValueError as error:
        return LeftOut(title or "an outline", str(error))
    folders = _folders(outline)
    path = folders + [name for name in _category(outline) if name not in folders]
    section = path[-1] if len(path) > 1 else ""
    return Subscription(
        url, title, path[0] if path else "", _attribute(outline, "htmlurl"), section
    )


def _address(outline: etree._Element, kind: str) -> str:
    """`xmlUrl` in its spellings; `url`, which is a page's as well, where the outline says that it is a feed."""
    stated = next(
        filter(None, (_attribute(outline, name) for name in _ADDRESS_NAMES)), ""
    )
    return stated or (_attribute(outline, "url") if kind in _FEED_TYPES else "")


def _without_address(outline: etree._Element, kind: str) -> LeftOut | None:
    """Why an outline without the address of a feed gives none; None for a folder."""
    name = _title_of(outline) or "an outline"
    page = _attribute(outline, "url") or _attribute(outline, "htmlurl")
    if kind == "include":
        return LeftOut(name, "it stands for another list: import that one by itself")
    if page and (kind or len(outline) == 0):
        why = (
            "it names a page, no feed: `aggregator feeds add` finds the feed of a page"
        )
        return LeftOut(name, why, is_failure=kind != "link")
    if kind in _FEED_TYPES:
        return LeftOut(name, "it names no address")
    if len(outline) == 0:  # an empty folder, a note
        return LeftOut(name, "it names no address", is_failure=False)
    return None


def _is_commented_out(outline: etree._Element) -> bool:
    """Itself or an outline around it: http://opml.org/spec2.opml says that it counts for what stands below."""
    around = [outline, *outline.iterancestors()]
    return any(_attribute(element, "iscomment").lower() == "true" for element in around)


def _folders(outline: etree._Element) -> list[str]:
    """The named outlines around it, the outermost first."""
    around = [
        _name_of(element)
        for element in outline.iterancestors()
        if _is_named(element, "outline")
    ]
    return [name for name in reversed(around) if name]


def _category(outline: etree._Element) -> list[str]:
    """The first of its categories, from the outermost inwards: `/Science/Tides,/Sea`."""
    first = _attribute(outline, "category").split(",")[0]
    return [name for part in first.split("/") if (name := part.strip())]


def _merged(first: Subscription, again: Subscription) -> Subscription:
    """One feed of two outlines: what the first leaves open the other says; a second folder is its section."""
    folder = first.folder or again.folder
    section = first.section or next(
        (name for name in (again.folder, again.section) if name != folder), ""
    )
    return replace(
        first,
        title=first.title or again.title,
        site=first.site or again.site,
        folder=folder,
        section=section,
    )


def _lost_folder(kept: Subscription, again: Subscription) -> Iterator[LeftOut]:
    if again.folder not in ("", kept.folder, kept.section):
        why = f"a feed has one folder and one section: {' / '.join(filter(None, (kept.folder, kept.section)))}"
        yield LeftOut(
            f"{kept.title or 'an outline'} in {again.folder}", why, is_failure=False
        )


def _title_of(outline: etree._Element) -> str:
    return _unescaped(_attribute(outline, "title") or _attribute(outline, "text"))


def _name_of(outline: etree._Element) -> str:
    return _unescaped(_attribute(outline, "text") or _attribute(outline, "title"))


def _attribute(element: etree._Element, name: str) -> str:
    for key, value in element.attrib.items():
        if _local(str(key)) == name:
            return one_line(str(value))
    return ""


def _unescaped(name: str) -> str:
    """Names that an exporter escaped twice, or in HTML: `AT&amp;T`, `Caf&eacute;`."""
    return one_line(_REFERENCE.sub(lambda found: unescape(found[0]), name))


def one_line(text: str) -> str:
    """Without control characters and overrides of the writing direction: names go into feeds.toml and to terminals."""
    return without_orders(" ".join(text.split()))


# --- writing --------------------------------------------------------------------------------------------------


def opml_of(feeds: Iterable[Feed], *, title: str = "aggregator") -> str:
    """An OPML 2.0 document: group and section are folders, the site is the name."""
    folders: dict[str, dict[str, list[Feed]]] = {}
    for feed in feeds:
        group, _, section = (*feed.categories, "", "", "")[:3]
        folders.setdefault(group, {}).setdefault(section, []).append(feed)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<opml version="2.0">']
    lines += [f"  <head><title>{escape(title)}</title></head>", "  <body>"]
    for group, sections in folders.items():
        inside = [
            line
            for section, members in sections.items()
            for line in _folder(section, map(_outline, members))
        ]
        lines += [f"    {line}" for line in _folder(group, inside)]
    return "\n".join([*lines, "  </body>", "</opml>", ""])


def _folder(name: str, lines: Iterable[str]) -> Sequence[str]:
    """Lines inside an outline of this name, or as they are for none."""
    if not name:
        return list(lines)
    return [
        f"<outline text={quoteattr(name)}>",
        *(f"  {line}" for line in lines),
        "</outline>",
    ]


def _outline(feed: Feed) -> str:
    name = quoteattr(feed.categories[1] if len(feed.categories) > 1 else feed.feed_id)
    return (
        f'<outline type="rss" text={name} title={name} xmlUrl={quoteattr(feed.url)}/>'
    )
