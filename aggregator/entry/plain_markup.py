"""Markup so plain that it is safe and needs no edit, told by a scan instead of a parser.

Four of ten real bodies are paragraphs, lists, links and emphasis, each element closed where it should be. Of such
markup `is_plain` says so in a tenth of the time that the edits and lexbor's tree take together; of all else it says
nothing. Rules, each so that a browser's tree cannot differ from the tags as they are written:

- every tag is of a list, in lower case, and every element is closed by its own end tag, the innermost first;
- elements that a browser moves or closes by itself stand only where it does not: blocks never inside of text-level
  elements or paragraphs, `li` only inside lists, no link inside a link;
- every attribute is one that `safety` lets stand, in quotes, named once, and holds nothing that Markdown reads;
- addresses are absolute, pictures have their referrer policy already and are not lazy.

`is_plain(html)` implies that `edits.edited` and `markdown.written_for_markdown` leave it as it is and that
`safety.is_safe` says yes; tests/entry/test_plain_markup.py holds that against them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import unescape
from typing import NamedTuple

from aggregator.entry.safety import is_safe_attribute
from aggregator.entry.word_set import word_set

_TEXT_LEVEL = word_set(
    "a abbr b big cite code del dfn em font i ins kbd mark q s samp small span strike strong sub sup tt u var"
)
_OF_TEXT = word_set("p h1 h2 h3 h4 h5 h6 pre")
"""Blocks that hold text-level elements alone."""
_OF_BLOCKS = word_set("div blockquote section article figure figcaption li")
_LISTS = frozenset({"ul", "ol"})
_VOID = frozenset({"br", "wbr", "hr", "img"})
_TEXT_LEVEL_VOID = frozenset({"br", "wbr", "img"})
_IN_TEXT = _TEXT_LEVEL | _TEXT_LEVEL_VOID
_IN_BLOCKS = _IN_TEXT | _OF_TEXT | _OF_BLOCKS - {"li"} | _LISTS | {"hr"}
_PLACES = {
    "": _IN_BLOCKS,
    **dict.fromkeys(_OF_BLOCKS, _IN_BLOCKS),
    **dict.fromkeys(_OF_TEXT | _TEXT_LEVEL, _IN_TEXT),
    **dict.fromkeys(_LISTS, frozenset({"li"})),
}
"""Element, '' for the body itself → what it may hold."""

_TAG = re.compile(
    r"(/?)([a-z][a-z0-9]*)((?: [a-z][a-z-]*=(?:\"[^\"<>\n\r]*\"|'[^'<>\n\r]*'))*) ?(/?)"
)
_ATTRIBUTE = re.compile(r" ([a-z-]+)=(?:\"([^\"]*)\"|'([^']*)')")
"""Its value is in one group or the other: a value may hold the quotes that do not end it."""
_EDITED_IN_LINKS = re.compile(r"[\"']|href\s*=", re.IGNORECASE)
"""What builders' patterns would take for the end of a value, or for another address (see `markdown`)."""
_WEB = re.compile(r"https?://[^\s/?#]")
_ADDRESSES = frozenset({"href", "src"})
_OF_PICTURES = word_set(
    "src alt title class width height referrerpolicy decoding loading align border id"
)
_NOT_PLAIN = re.compile(r"\n\s*\n|```|~~~|\ufffc")
"""What is edited in texts (see `markdown`)."""
_SIGNS_OF_EDITS = "\n`~\ufffc"
"""One of which each of those holds."""
_MOST_OPEN = 100
_TAGS_KEPT = 2048
_LONGEST_KEPT = 60


class _Tag(NamedTuple):
    name: str
    is_end: bool


def is_plain(html: str) -> bool:
    """Whether the markup is safe as it stands. `html` is clean (`characters`)."""
    # One character is looked for in a twentieth of the time that the pattern takes.
    may_be_edited = any(sign in html for sign in _SIGNS_OF_EDITS)
    if may_be_edited and _NOT_PLAIN.search(html):
        return False
    open_elements = [""]
    pieces = iter(html.split("<"))
    next(pieces)
    for piece in pieces:
        written, end, _ = piece.partition(">")
        if not end:
            return False
        # Long tags hold an address, and are seldom seen twice.
        read = _short_tag if len(written) <= _LONGEST_KEPT else _tag
        tag = read(written)
        if tag is None or not _fits(tag, open_elements):
            return False
    return len(open_elements) == 1


def _fits(tag: _Tag, open_elements: list[str]) -> bool:
    """Whether the tag may stand here; opens or closes its element."""
    if tag.is_end:
        return open_elements.pop() == tag.name
    if tag.name not in _PLACES[open_elements[-1]] or len(open_elements) > _MOST_OPEN:
        return False
    if tag.name == "a" and "a" in open_elements:
        return False
    if tag.name not in _VOID:
        open_elements.append(tag.name)
    return True


def _tag(written: str) -> _Tag | None:
    """The tag between `<` and `>`, None where it is no plain one."""
    parts = _TAG.fullmatch(written)
    if parts is None:
        return None
    slash, name, held, closed = parts.groups()
    if slash:
        is_odd = held or closed or name in _VOID
        return None if is_odd else _Tag(name, True)
    # HTML takes `<p/>` for a start tag, whoever wrote it.
    if closed and name not in _VOID:
        return None
    if name == "img" and 'referrerpolicy="no-referrer"' not in held:
        return None
    attributes = [(key, one or other) for key, one, other in _ATTRIBUTE.findall(held)]
    if attributes and not _are_plain(name, attributes):
        return None
    return _Tag(name, False)


_short_tag = lru_cache(maxsize=_TAGS_KEPT)(_tag)
"""Most tags are the same few: `<p>`, `</p>`, `<br/>`."""


def _are_plain(
    element: str,
    held: list[tuple[str, str]],
) -> bool:
    if len({name for name, _ in held}) < len(held):
        return False
    return all(_is_plain_attribute(element, name, value) for name, value in held)


def _is_plain_attribute(
    element: str,
    name: str,
    value: str,
) -> bool:
    if element == "img" and name not in _OF_PICTURES:
        return False
    if element == "a" and _EDITED_IN_LINKS.search(value):
        return False
    if name in _ADDRESSES:
        return bool(_WEB.match(value)) and not value.endswith((" ", "\t"))
    if element == "a" and "=" in value:
        return False
    if not name.isalpha() or name in _EDITED:
        return False
    return is_safe_attribute(element, name, unescape(value))


_EDITED = frozenset(
    {
        "poster",
        "background",
        "cite",
        "longdesc",
        "srcset",
        "markdown",
    }
)
