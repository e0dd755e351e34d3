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
_FEED_TYPES = (
    "rss",
    "atom",
    "rdf",
    "feed",
    "jsonfeed",
    "rss1",
    "rss2",
)
_RULES = re.compile(r"html|xpath|dotnotation", re.IGNORECASE)
"""FreshRSS exports pages and APIs that it reads by rules as outlines of such types."""
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_ADDRESS_IN_TEXT = re.compile(r"(?<=[\s:])(?:xmlurl|feedurl|rssurl)\s*=", re.IGNORECASE)
_END = re.compile(r"</(?:[\w.-]+:)?opml\s*>", re.IGNORECASE)
_BARE_AMPERSAND = re.compile(
    r"&(?!(?:#\d+|#x[0-9a-f]+|amp|lt|gt|quot|apos);)",
    re.IGNORECASE,
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
    text = _COMMENT.sub(
        "",
        _DECLARATION.sub("", decoded(body, None).text),
    )
    root = _tree(text)
    outlines = _outlines(root)
    no_opml = Problem("this is no OPML: its outermost element should be <opml>")
    if root is None:
        raise ConfigError(no_opml)
    # The outermost element may be missing or of another name: outlines are read all the same.
    if not _is_named(root, "opml") and not outlines:
        raise ConfigError(no_opml)
    feeds: dict[str, Subscription] = {}
    repeated_count = 0
    left_out: list[LeftOut] = []
    for outline in outlines:
        match _subscription(outline):
            case Subscription() as first if first.url not in feeds:
                feeds[first.url] = first
            case Subscription() as again:
                merged = _merged(feeds[again.url], again)
                feeds[again.url] = merged
                repeated_count += 1
                left_out += _lost_folder(merged, again)
            case LeftOut() as refused:
                left_out.append(refused)
            case None:  # a folder
                pass
    left_out += _unread(text, root)
    return Opml(
        tuple(feeds.values()),
        repeated_count,
        tuple(left_out),
    )


def _tree(text: str) -> etree._Element | None:
    """The document's tree."""
    data = _BARE_AMPERSAND.sub("&amp;", text).encode("utf-8", "replace")
    xml_parser = etree.XMLParser(
        recover=True,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
    )
    root = _parsed(data, xml_parser)
    if _address_count(root) == len(_ADDRESS_IN_TEXT.findall(text)):
        return root
    # Attributes without quotes, quotes within quotes: lxml's recovering XML parser loses addresses there, the one for
    # HTML keeps them.
    html_parser = etree.HTMLParser(
        recover=True,
        no_network=True,
        encoding="utf-8",
    )
    as_html = _parsed(data, html_parser)
    return max(root, as_html, key=_address_count)


def _address_count(root: etree._Element | None) -> int:
    count = 0
    for outline in _outlines(root):
        names = [_local(str(key)) for key in outline.attrib]
        count += sum(name in _ADDRESS_NAMES for name in names)
    return count


def _unread(
    text: str,
    root: etree._Element,
) -> Iterator[LeftOut]:
    """What stands in the text and in no outline of the tree."""
    unread_count = len(_ADDRESS_IN_TEXT.findall(text)) - _address_count(root)
    if unread_count > 0:
        why = "they are empty, cut off, or not written as XML"
        yield LeftOut(f"{unread_count} outlines", why)
    if _is_named(root, "opml") and not _END.search(text):
        yield LeftOut("the end of the file", "it is cut off: there is no </opml>")


def _parsed(
    data: bytes,
    parser: etree.XMLParser | etree.HTMLParser,
) -> etree._Element | None:
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError:  # nothing in it at all
        return None


def _outlines(root: etree._Element | None) -> list[etree._Element]:
    if root is None:
        return []
    return [element for element in root.iter() if _is_named(element, "outline")]


def _is_named(element: etree._Element, name: str) -> bool:
    # The tag of a comment or a processing instruction is a function in lxml.
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
    name = title or "an outline"
    if _is_commented_out(outline):
        return LeftOut(name, "it is commented out (isComment)", is_failure=False)
    if _RULES.search(kind):
        why = f"it is no feed but a page to be read by rules ({kind})"
        return LeftOut(name, why)
    try:
        # Exporters escape addresses twice, too.
        url = web_addresses(address.replace("&amp;", "&"))[0]
    except ValueError as error:
        return LeftOut(name, str(error))
    folders = _folders(outline)
    path = folders + [part for part in _category(outline) if part not in folders]
    return Subscription(
        url,
        title,
        folder=path[0] if path else "",
        site=_attribute(outline, "htmlurl"),
        section=path[-1] if len(path) > 1 else "",
    )


def _address(outline: etree._Element, kind: str) -> str:
    """`xmlUrl` in its spellings; `url`, which is a page's as well, where the outline says that it is a feed."""
    for name in _ADDRESS_NAMES:
        stated = _attribute(outline, name)
        if stated:
            return stated
    if kind in _FEED_TYPES:
        return _attribute(outline, "url")
    return ""


def _without_address(
    outline: etree._Element,
    kind: str,
) -> LeftOut | None:
    """Why an outline without the address of a feed gives none; None for a folder."""
    if _is_of_a_feed(outline) or _is_of_a_program(outline):
        return None
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


def _is_of_a_feed(outline: etree._Element) -> bool:
    """Whether it stands inside a feed: Overcast lists the episodes that were played."""
    around = outline.getparent()
    return around is not None and bool(_attribute(around, "xmlurl"))


def _is_of_a_program(outline: etree._Element) -> bool:
    """Whether it is no subscription by its folder: tt-rss exports its preferences, labels and filters as outlines."""
    return any(name.startswith("tt-rss-") for name in _folders(outline))


def _is_commented_out(outline: etree._Element) -> bool:
    """Itself or an outline around it: http://opml.org/spec2.opml says that it counts for what stands below."""
    around = [outline, *outline.iterancestors()]
    return any(_attribute(element, "iscomment").lower() == "true" for element in around)


def _folders(outline: etree._Element) -> list[str]:
    """The named outlines around it, the outermost first."""
    names = [""]
    for element in outline.iterancestors():
        if _is_named(element, "outline"):
            names.append(_name_of(element))
    return list(filter(None, reversed(names)))


def _category(outline: etree._Element) -> list[str]:
    """The first of its categories, from the outermost inwards: `/Science/Tides,/Sea`."""
    first = _attribute(outline, "category").split(",")[0]
    return list(filter(None, map(str.strip, first.split("/"))))


def _merged(first: Subscription, again: Subscription) -> Subscription:
    """One feed of two outlines: what the first leaves open the other says; a second folder is its section."""
    folder = first.folder or again.folder
    section = first.section
    if not section:
        second_folder = again.section if again.folder == folder else again.folder
        section = "" if second_folder == folder else second_folder
    return replace(
        first,
        title=first.title or again.title,
        site=first.site or again.site,
        folder=folder,
        section=section,
    )


def _lost_folder(
    merged: Subscription,
    again: Subscription,
) -> Iterator[LeftOut]:
    if again.folder in ("", merged.folder, merged.section):
        return
    places = " / ".join(filter(None, (merged.folder, merged.section)))
    why = f"a feed has one folder and one section: {places}"
    name = f"{merged.title or 'an outline'} in {again.folder}"
    yield LeftOut(name, why, is_failure=False)


def _title_of(outline: etree._Element) -> str:
    return unescaped(_attribute(outline, "title") or _attribute(outline, "text"))


def _name_of(outline: etree._Element) -> str:
    return unescaped(_attribute(outline, "text") or _attribute(outline, "title"))


def _attribute(element: etree._Element, name: str) -> str:
    for key, value in element.attrib.items():
        if _local(str(key)) == name:
            return one_line(str(value))
    return ""


def unescaped(name: str) -> str:
    """Names that an exporter or a template escaped twice, or in HTML: `AT&amp;T`, `Caf&eacute;`."""
    return one_line(_REFERENCE.sub(lambda reference: unescape(reference[0]), name))


def one_line(text: str) -> str:
    """Without control characters and overrides of the writing direction: names go into feeds.toml and to terminals."""
    return without_orders(" ".join(text.split()))


# --- writing --------------------------------------------------------------------------------------------------


def opml_of(
    feeds: Iterable[Feed],
    *,
    title: str = "aggregator",
) -> str:
    """An OPML 2.0 document: group and section are folders, the site is the name."""
    groups: dict[str, dict[str, list[Feed]]] = {}
    for feed in feeds:
        group, _, section = (*feed.categories, "", "", "")[:3]
        sections = groups.setdefault(group, {})
        sections.setdefault(section, []).append(feed)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<opml version="2.0">',
        f"  <head><title>{escape(title)}</title></head>",
        "  <body>",
    ]
    for group, sections in groups.items():
        inside: list[str] = []
        for section, members in sections.items():
            inside += _folder(section, map(_outline, members))
        lines += [f"    {line}" for line in _folder(group, inside)]
    lines += ["  </body>", "</opml>", ""]
    return "\n".join(lines)


def _folder(
    name: str,
    lines: Iterable[str],
) -> Sequence[str]:
    """Lines inside an outline of this name, or as they are for none."""
    if not name:
        return list(lines)
    return [
        f"<outline text={quoteattr(name)}>",
        *(f"  {line}" for line in lines),
        "</outline>",
    ]


def _outline(feed: Feed) -> str:
    site = feed.categories[1] if len(feed.categories) > 1 else feed.feed_id
    name = quoteattr(site)
    # Both: readers differ in which of the two they show.
    names = f"text={name} title={name}"
    return f'<outline type="rss" {names} xmlUrl={quoteattr(feed.url)}/>'
