"""HTML as a browser's tokenizer cuts it, with the place of every piece: what byte-preserving edits stand on.

- `tokens` follows the HTML standard's tokenization of tags, attributes, comments and raw-text elements, in linear
  time for any input; joined, the pieces are the input again.
- It builds no tree: whether markup is safe is judged on lexbor's tree (`safety`).

lexbor and nh3 tell what the markup means but not where it stands in the text, and both take quadratic time on deep
nesting; this module serves where places or a bound on time are needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from html import unescape
from typing import NamedTuple

_WS = r"[\t\n\f\r ]"
_NAME = r"[^\t\n\f\r />=][^\t\n\f\r />=]*"
_VALUE = r"""(?>"[^"]*"|'[^']*'|[^\t\n\f\r >"'][^\t\n\f\r >]*|(?=>))"""
_ATTRIBUTE = rf"(?>(?:{_NAME}|=[^\t\n\f\r />=]*)(?>{_WS}*={_WS}*{_VALUE}|(?!{_WS}*=)))"
_TAG = re.compile(rf"<(/?)([a-zA-Z][^\t\n\f\r />]*)((?>[\t\n\f\r /]+|{_ATTRIBUTE})*+)>")
_ONE_ATTRIBUTE = re.compile(rf"(?P<name>{_NAME}|=[^\t\n\f\r />=]*)(?:{_WS}*={_WS}*(?P<value>{_VALUE}))?")
_OPEN = re.compile(r"<(?=[a-zA-Z!?/])")
_COMMENT_END = re.compile(r"--!?>")

RAW_TEXT = frozenset({"script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes", "noscript"})
"""Elements whose content is no markup (noscript: in a browser that runs scripts)."""


class Piece(Enum):
    TEXT = "text"
    START = "start"
    END = "end"
    COMMENT = "comment"
    RAW = "raw"
    """Content of a raw-text element."""
    UNCLOSED = "unclosed"
    """A tag, comment or raw-text element that the end of the input cuts off, with all that follows."""


class Token(NamedTuple):
    piece: Piece
    start: int
    end: int
    name: str = ""
    """Of a tag, lower case."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a start tag: `value` decoded, `place` the bytes of the value in the input with its quotes."""

    name: str
    value: str
    place: tuple[int, int] | None
    end: int


def tokens(html: str) -> Iterator[Token]:
    """The input cut into tokens, in order, without a gap."""
    at, size = 0, len(html)
    while at < size:
        opened = _OPEN.search(html, at)
        if opened is None:
            yield Token(Piece.TEXT, at, size)
            return
        if opened.start() > at:
            yield Token(Piece.TEXT, at, opened.start())
        token = _markup(html, opened.start())
        yield token
        at = token.end
        if token.piece is Piece.START and token.name in RAW_TEXT:
            raw = _raw(html, at, token.name)
            if raw.end > raw.start:
                yield raw
            at = raw.end
        elif token.piece is Piece.START and token.name == "plaintext":
            yield Token(Piece.UNCLOSED, at, size)
            return


def attributes(html: str, token: Token) -> list[Attribute]:
    """The attributes of a start tag, each name once (the first counts, as in a browser)."""
    found: dict[str, Attribute] = {}
    at = token.start + 1 + len(token.name)
    for one in _ONE_ATTRIBUTE.finditer(html, at, token.end):
        name = one["name"].lower()
        if name not in found:
            raw = one["value"] or ""
            place = one.span("value") if one["value"] is not None else None
            found[name] = Attribute(name, unescape(raw[1:-1] if raw[:1] in ('"', "'") else raw), place, one.end())
    return list(found.values())


def _markup(html: str, at: int) -> Token:
    """The tag or comment at `at`, where a `<` stands that opens one."""
    tag = _TAG.match(html, at)
    if tag is not None:
        return Token(Piece.END if tag[1] else Piece.START, at, tag.end(), tag[2].lower())
    if html.startswith("<!--", at):
        return _comment(html, at)
    mark = html[at + 1]
    if mark.isalpha() or (mark == "/" and html[at + 2 : at + 3].isalpha()):
        return Token(Piece.UNCLOSED, at, len(html))
    if html.startswith("</", at) and at + 2 >= len(html):
        return Token(Piece.TEXT, at, len(html))
    end = html.find(">", at)
    return Token(Piece.COMMENT, at, end + 1) if end >= 0 else Token(Piece.UNCLOSED, at, len(html))


def _comment(html: str, at: int) -> Token:
    for empty in ("<!-->", "<!--->"):
        if html.startswith(empty, at):
            return Token(Piece.COMMENT, at, at + len(empty))
    end = _COMMENT_END.search(html, at + 4)
    return Token(Piece.COMMENT, at, end.end()) if end else Token(Piece.UNCLOSED, at, len(html))


def _raw(html: str, at: int, name: str) -> Token:
    """The content of a raw-text element that starts at `at`, up to its end tag."""
    end = re.compile(rf"</{name}(?=[\t\n\f\r />])", re.IGNORECASE).search(html, at)
    if end is None:
        return Token(Piece.UNCLOSED, at, len(html), name)
    return Token(Piece.RAW, at, end.start(), name)
