"""HTML as a browser's tokenizer cuts it, with the place of every piece: what byte-preserving edits stand on.

- `tokens` follows the HTML standard's tokenization of tags, attributes, comments and raw-text elements, in linear
  time for any input; joined, the pieces are the input again.
- It builds no tree: whether markup is safe is judged on lexbor's tree (`safety`).

lexbor and nh3 tell what the markup means but not where it stands in the text, and both take quadratic time on deep
nesting; this module serves where places or a bound on time are needed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from html import unescape
from typing import NamedTuple

RAW_TEXT = frozenset(
    {
        "script",
        "style",
        "textarea",
        "title",
        "xmp",
        "iframe",
        "noembed",
        "noframes",
        "noscript",
    }
)
"""Elements whose content is no markup (noscript: in a browser that runs scripts)."""

_WS = r"[\t\n\f\r ]"
_NAME = r"[^\t\n\f\r />=][^\t\n\f\r />=]*"
_VALUE = r"""(?>"[^"]*"|'[^']*'|[^\t\n\f\r >"'][^\t\n\f\r >]*|(?=>))"""
_ATTRIBUTE = rf"(?>(?:{_NAME}|=[^\t\n\f\r />=]*)(?>{_WS}*={_WS}*{_VALUE}|(?!{_WS}*=)))"
_ATTRIBUTES = rf"(?>[\t\n\f\r /]+|{_ATTRIBUTE})*+"
_ENDS_NAME = r"(?=[\t\n\f\r />])"
_MARKUP = re.compile(
    rf"<(?P<raw>{'|'.join(sorted(RAW_TEXT))}|plaintext){_ENDS_NAME}{_ATTRIBUTES}>"
    rf"(?P<content>.*?)(?:(?=</(?P=raw){_ENDS_NAME})|(?P<cut_raw>\Z))"
    rf"|<(?P<slash>/?)(?P<name>[a-zA-Z][^\t\n\f\r />]*+){_ATTRIBUTES}>"
    r"|<!--(?:-?>|.*?(?:--!?>|(?P<cut_comment>\Z)))"
    r"|<(?:[!?](?!--)|/(?![a-zA-Z]|\Z))[^>]*(?:>|(?P<cut_bogus>\Z))"
    r"|(?P<cut_tag></?[a-zA-Z].*\Z)",
    re.DOTALL | re.IGNORECASE,
)
_ONE_ATTRIBUTE = re.compile(
    rf"(?P<name>{_NAME}|=[^\t\n\f\r />=]*)(?:{_WS}*={_WS}*(?P<value>{_VALUE}))?"
)


_SIMPLE_TAG = re.compile(
    rf"/?([a-zA-Z][a-zA-Z0-9]*)(?:{_WS}+[a-zA-Z][\w:.-]*=(?:\"[^\"]*\"|'[^']*'))*{_WS}*/?"
)
"""What stands between `<` and `>` of most tags: every value in quotes."""
_NEVER_SIMPLE = RAW_TEXT | {"plaintext"}
_TAGS_KEPT = 1024
_LONGEST_KEPT = 60


class Piece(Enum):
    """What a stretch of markup is."""

    TEXT = "text"
    START = "start"
    END = "end"
    COMMENT = "comment"
    RAW = "raw"
    """Content of a raw-text element."""
    UNCLOSED = "unclosed"
    """A tag, comment or raw-text element that the end of the input cuts off, with all that follows."""


class Token(NamedTuple):
    """A stretch of markup: what it is, and where."""

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


def tokens(html: str, start: int = 0) -> Iterator[Token]:
    """The input from `start` on, which is text, cut into tokens, in order, without a gap."""
    at = start
    for found in _MARKUP.finditer(html, start):
        if found.start() > at:
            yield Token(Piece.TEXT, at, found.start())
        at = found.end()
        yield from _pieces(found)
    if at < len(html):
        yield Token(Piece.TEXT, at, len(html))


def start_tags(html: str) -> Iterator[Token]:
    """Only the start tags: for edits, in a third of the time."""
    for found in _MARKUP.finditer(html):
        if found["name"] and not found["slash"]:
            yield Token(
                Piece.START,
                found.start(),
                found.end(),
                found["name"].lower(),
            )
        elif found["raw"]:
            # What stands in it is no markup.
            yield Token(
                Piece.START,
                found.start(),
                found.start("content"),
                found["raw"].lower(),
            )


def without_tags(
    html: str, *, line_ends: Collection[str], silent: Collection[str], mark: str
) -> str:
    """The text with `mark` for each tag named in `line_ends`, without other tags, comments, and `silent` contents."""
    simple = without_simple_tags(html, line_ends, mark)
    if simple is not None:
        return simple

    def shown(found: re.Match[str]) -> str:
        name = found["name"]
        if name:
            return mark if name.lower() in line_ends else ""
        raw = found["raw"]
        # A comment, or a script whose content nobody reads.
        if not raw or raw.lower() in silent:
            return ""
        line_end = mark if raw.lower() in line_ends else ""
        return f"{line_end}{found['content']}"

    return _MARKUP.sub(shown, html)


def without_simple_tags(
    html: str,
    line_ends: Collection[str],
    mark: str,
) -> str | None:
    """The same in a tenth of the time, for markup of simple tags alone; None for any other."""
    pieces = iter(html.split("<"))
    parts = [next(pieces)]
    for piece in pieces:
        written, end, text = piece.partition(">")
        # Long tags hold an address, and are seldom seen twice.
        read = _short_simple_name if len(written) <= _LONGEST_KEPT else _simple_name
        name = read(written)
        if not name or not end:
            return None
        if name in line_ends:
            parts.append(mark)
        parts.append(text)
    return "".join(parts)


def _simple_name(written: str) -> str:
    """The name of the tag between `<` and `>`, lower case; '' where it is no simple one."""
    tag = _SIMPLE_TAG.fullmatch(written)
    if tag is None:
        return ""
    name = tag[1].lower()
    return "" if name in _NEVER_SIMPLE else name


_short_simple_name = lru_cache(maxsize=_TAGS_KEPT)(_simple_name)


def attributes(html: str, token: Token) -> list[Attribute]:
    """The attributes of a start tag, each name once (the first counts, as in a browser)."""
    by_name: dict[str, Attribute] = {}
    at = token.start + 1 + len(token.name)
    for match in _ONE_ATTRIBUTE.finditer(html, at, token.end):
        name = match["name"].lower()
        if name in by_name:
            continue
        value = match["value"] or ""
        if value[:1] in ('"', "'"):
            value = value[1:-1]
        # Without a value there is no place for one: `<input checked>`.
        place = None if match["value"] is None else match.span("value")
        by_name[name] = Attribute(
            name,
            unescape(value),
            place,
            match.end(),
        )
    return list(by_name.values())


def value_spans(
    html: str,
    token: Token,
) -> Iterator[tuple[str, tuple[int, int]]]:
    """Name and place (with its quotes) of every value in a start tag, those of repeated attributes too."""
    at = token.start + 1 + len(token.name)
    for match in _ONE_ATTRIBUTE.finditer(html, at, token.end):
        if match["value"] is not None:
            yield match["name"].lower(), match.span("value")


_CUTS = ("cut_comment", "cut_bogus", "cut_tag")


def _pieces(found: re.Match[str]) -> Iterator[Token]:
    """The tokens of one match of `_MARKUP`: a raw-text element's start tag comes with its content."""
    start, end = found.span()
    if found["name"]:
        yield Token(
            Piece.END if found["slash"] else Piece.START,
            start,
            end,
            found["name"].lower(),
        )
    elif found["raw"]:
        inside, name = found.start("content"), found["raw"].lower()
        yield Token(Piece.START, start, inside, name)
        if found["cut_raw"] is not None:
            yield Token(Piece.UNCLOSED, inside, end, name)
        elif end > inside:
            yield Token(Piece.RAW, inside, end, name)
    elif any(found[cut] is not None for cut in _CUTS):
        yield Token(Piece.UNCLOSED, start, end)
    else:
        yield Token(Piece.COMMENT, start, end)
