"""Plain text out of markup, in linear time: for titles, for matching, and for what is too tangled to keep.

Block elements separate lines, inline ones do not; scripts, styles and comments are left out; references are decoded.
"""

from __future__ import annotations

import re
from html import unescape
from html.entities import html5

from aggregator.entry.tokens import Piece, Token, tokens, without_tags

_BLOCKS = frozenset(
    {
        "address",
        "article",
        "aside",
        "blockquote",
        "br",
        "caption",
        "center",
        "dd",
        "details",
        "dialog",
        "div",
        "dl",
        "dt",
    }
    | {"fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li"}
    | {"main", "menu", "nav", "ol", "option", "p", "pre", "section", "summary", "table", "td", "th", "tr", "ul"}
)
_SILENT = frozenset({"script", "style", "textarea", "title", "iframe", "noembed", "noframes", "noscript", "template"})
_INLINE = frozenset(
    {
        "a",
        "abbr",
        "acronym",
        "b",
        "bdi",
        "bdo",
        "big",
        "cite",
        "code",
        "del",
        "dfn",
        "em",
        "font",
        "i",
        "img",
        "ins",
        "kbd",
    }
    | {
        "mark",
        "q",
        "ruby",
        "rt",
        "rp",
        "s",
        "samp",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "time",
        "tt",
        "u",
    }
    | {
        "var",
        "wbr",
        "nobr",
        "picture",
        "source",
        "audio",
        "video",
        "label",
        "input",
        "button",
        "select",
        "object",
        "embed",
    }
    | {
        "svg",
        "math",
        "path",
        "link",
        "meta",
        "base",
        "html",
        "head",
        "body",
        "tbody",
        "thead",
        "tfoot",
        "col",
        "colgroup",
    }
    | {"map", "area", "marquee", "blink", "applet", "param", "xmp", "plaintext", "frame", "frameset"}
)
_KNOWN = _BLOCKS | _SILENT | _INLINE
_LINE_END = "\x1e"
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});")
_SURELY_MARKUP = re.compile(
    r"</(?:b|i|em|strong|span|p|a|font|u|sup|sub|small|h\d|div|br)\s*>|<br\s*/?>|<(?:a|img|span|font)\s[^<>]*=",
    re.IGNORECASE,
)


def plain_text(html: str) -> str:
    """The text a reader sees, one line for each block, spaces collapsed."""
    text = html
    if "<" in html:
        text = without_tags(html.replace(_LINE_END, ""), line_ends=_BLOCKS, silent=_SILENT, mark=_LINE_END)
    lines = (" ".join(line.split()) for line in unescape(text).split(_LINE_END))
    return "\n".join(line for line in lines if line)


def title_text(title: str) -> str:
    """A title's markup as plain text: known tags go, `5 < 6`, `AT&T` and `Vec<T>` stay.

    Feeds escape titles once or twice; a second round is made only when the first left what is surely markup.
    """
    for _ in range(3):
        text = _references(_without_tags(title))
        if text == title or not (_REFERENCE.search(text) or _SURELY_MARKUP.search(text)):
            return text
        title = text
    return title


def decoded_references(text: str) -> str:
    """Plain text whose publisher escaped it once too often (`Tom &amp; Jerry` in a text field)."""
    return _references(text)


def _references(text: str) -> str:
    return _REFERENCE.sub(_referred, text) if "&" in text else text


def _referred(found: re.Match[str]) -> str:
    """What a whole reference names; `&notanentity;` stays (HTML would read `¬` at its start)."""
    name = found[0][1:]
    return unescape(found[0]) if name[0] == "#" else html5.get(name, found[0])


def _without_tags(title: str) -> str:
    if "<" not in title:
        return title
    parts: list[str] = []
    for token in tokens(title):
        parts.append(_shown(title, token))
    return "".join(parts)


def _shown(title: str, token: Token) -> str:
    """What of a token stays in a title."""
    text = title[token.start : token.end]
    match token.piece:
        case Piece.TEXT:
            return text
        case Piece.START | Piece.END:
            if token.name not in _KNOWN:
                return text
            return " " if token.name in _BLOCKS else ""
        case Piece.COMMENT:
            return "" if text.startswith(("<!--", "<![CDATA[")) else text
        case Piece.RAW:
            return ""
        case Piece.UNCLOSED:
            return "" if text.startswith("<!--") else text
