"""Plain text out of markup, in linear time: for titles, for matching, and for what is too tangled to keep.

Block elements separate lines, inline ones do not; scripts, styles and comments are left out; references are decoded.
"""

from __future__ import annotations

import re
from html import escape, unescape
from html.entities import html5

from aggregator.entry.characters import collapsed
from aggregator.entry.short_texts import remembering
from aggregator.entry.tokens import Piece, Token, attributes, tokens, without_tags

BLOCKS = frozenset(
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
    | {
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
    }
    | {
        "main",
        "menu",
        "nav",
        "ol",
        "option",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "td",
        "textarea",
        "th",
        "tr",
        "ul",
    }
)
_SILENT = frozenset(
    {
        "script",
        "style",
        "title",
        "iframe",
        "noembed",
        "noframes",
        "noscript",
        "template",
    }
)
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
    | {
        "map",
        "area",
        "marquee",
        "blink",
        "applet",
        "param",
        "xmp",
        "plaintext",
        "frame",
        "frameset",
    }
)
KNOWN_ELEMENTS = BLOCKS | _SILENT | _INLINE
_NEVER_CLOSED = frozenset({"br", "hr", "img", "wbr"})
_READABLE_RAW = frozenset({"title", "textarea", "noscript"})
_MOST_SPOKEN_OF_RAW = 10
"""A title may name so many elements whose content a browser takes for no markup; a guess, each costs a round."""
_LINE_END = "\x1e"
_REFERENCE = re.compile(
    r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});"
)
_SURELY_MARKUP = re.compile(
    r"</(?:b|i|em|strong|span|p|a|font|u|sup|sub|small|h\d|div|br)\s*>|<br\s*/?>|<(?:a|img|span|font)\s[^<>]*=",
    re.IGNORECASE,
)


_CDATA = re.compile(r"<!\[CDATA\[(.*?)(?:\]\]>|\Z)", re.DOTALL | re.IGNORECASE)
_ESCAPED_CDATA = re.compile(
    r"\s*&lt;!\[CDATA\[(.*)\]\]&gt;\s*", re.DOTALL | re.IGNORECASE
)
_CODE = re.compile(r"<(?:code|pre|tt|kbd|samp)\b", re.IGNORECASE)
_TWICE_ESCAPED = re.compile(
    r"&amp;(#(?:39|1[6-9]\d|2\d\d|8[2-4]\d\d)|#x(?:27|20[0-4][0-9a-f])|nbsp|[lr][sd]quo|[nm]dash|hellip|[lr]aquo|"
    r"[a-zA-Z](?:acute|grave|circ|uml|tilde|cedil|ring)|szlig|euro|pound|copy|reg|trade|deg|middot|bull);",
)
_ESCAPED_MARKUP = re.compile(
    r"\s*&lt;(p|div|table|ul|ol|h[1-6]|blockquote|figure|section|article)\b[^<]*&lt;/\1&gt;\s*",
    re.IGNORECASE,
)
_MARKUP_AS_TEXT = re.compile(
    r"\s*<(p|div|table|ul|ol|h[1-6]|blockquote|figure|section|article)\b.*</\1>\s*",
    re.IGNORECASE | re.DOTALL,
)


def without_cdata_marks(text: str) -> str:
    """The text without CDATA marks that were escaped, or set twice, and so became part of it (xueqiu.com)."""
    if "<![" not in text:
        return text
    return _CDATA.sub(r"\1", text)


def single_references(html: str) -> str:
    """Markup whose references to signs and accented letters were escaped twice (`It&amp;#8217;s`).

    Not those to the signs of markup, and none in a text that shows code.
    """
    if "&amp;" not in html or _CODE.search(html):
        return html
    return _TWICE_ESCAPED.sub(r"&\1;", html)


def escaped_once(html: str) -> str:
    """Markup that its publisher escaped once too often, all of it from the first block to the last, or the CDATA mark
    round it; any other as it is: where one tag is real, the escaped ones are spoken of."""
    if "<" in html or "&lt;" not in html:
        return html
    marked = _ESCAPED_CDATA.fullmatch(html)
    if marked:
        return unescape(marked[1])
    if not _ESCAPED_MARKUP.fullmatch(html):
        return html
    return unescape(html)


def is_markup_as_text(text: str) -> bool:
    """Whether a plain text is markup from the first block to the last: its publisher forgot `type="html"`."""
    return _MARKUP_AS_TEXT.fullmatch(text) is not None


def plain_text(html: str) -> str:
    """The text a reader sees, one line for each block, spaces collapsed."""
    text = html
    if "<" in html:
        text = without_tags(
            html.replace(_LINE_END, ""),
            line_ends=BLOCKS,
            silent=_SILENT,
            mark=_LINE_END,
        )
    # References last: `&lt;b&gt;` is text about a tag.
    lines = map(collapsed, unescape(text).split(_LINE_END))
    return "\n".join(filter(None, lines))


@remembering
def title_text(title: str) -> str:
    """A title's markup as plain text: known tags go, `5 < 6`, `AT&T`, `Vec<T>` and a tag that is spoken of stay.

    Feeds escape titles once or twice; a second round is made only when the first left what is surely markup.
    """
    for _ in range(3):
        text = without_cdata_marks(
            _references(_without_tags(without_cdata_marks(title)))
        )
        if text == title:
            return text
        if not _REFERENCE.search(text) and not _SURELY_MARKUP.search(text):
            return text
        title = text
    return title


def decoded_references(text: str) -> str:
    """Plain text whose publisher escaped it once too often (`Tom &amp; Jerry` in a text field)."""
    return _references(text)


def _references(text: str) -> str:
    if "&" not in text:
        return text
    return _REFERENCE.sub(_referred, text)


def _referred(found: re.Match[str]) -> str:
    """What a whole reference names; `&notanentity;` stays (HTML would read `¬` at its start)."""
    name = found[0][1:]
    if name[0] == "#":
        return unescape(found[0])
    return html5.get(name, found[0])


def _without_tags(title: str) -> str:
    if "<" not in title:
        return title
    parts: list[str] = []
    for _ in range(_MOST_SPOKEN_OF_RAW):
        pieces = list(tokens(title))
        spoken_of = _spoken_of(title, pieces)
        parts += [
            _shown(title, token, spoken_of)
            for token in pieces
            if token.piece is not Piece.UNCLOSED
        ]
        cut = pieces[-1]
        if cut.piece is not Piece.UNCLOSED:
            break
        title = title[cut.start : cut.end]
        # `<script>` at the very end: nothing is inside it.
        if not title:
            break
        # A tag or a comment that the title's end cuts off.
        if not cut.name:
            parts.append("" if title.startswith("<!--") else title)
            break
    return "".join(parts)


def _spoken_of(
    title: str,
    pieces: list[Token],
) -> set[int]:
    """Where the start tags stand that are text about a tag ("drops <blink>"): those that nothing closes.

    But for a tag that needs no end, one with attributes, and one that leads straight into its text, as cut titles have
    it ("<b>Breaking: a ferry…").
    """
    open_tags: dict[str, list[Token]] = {}
    for token in pieces:
        if token.piece is Piece.START:
            open_tags.setdefault(token.name, []).append(token)
        elif token.piece is Piece.END and open_tags.get(token.name):
            open_tags[token.name].pop()
    left = (token for unclosed in open_tags.values() for token in unclosed)
    return {token.start for token in left if _is_spoken_of(title, token)}


def _is_spoken_of(title: str, token: Token) -> bool:
    # Nobody who speaks of a tag writes its attributes.
    inside = title[token.start + 1 + len(token.name) : token.end]
    if token.name in _NEVER_CLOSED or inside.strip(" /") != ">":
        return False
    leads_into_text = title[token.end : token.end + 1].isalnum()
    if leads_into_text and token.name in BLOCKS:
        return False
    return not (leads_into_text and not title[: token.start].strip())


def _alternative(title: str, token: Token) -> str:
    """What a picture in a title says: an emoji of WordPress, a logo that stands for a name."""
    for attribute in attributes(title, token):
        if attribute.name == "alt":
            return escape(attribute.value, quote=False)
    return ""


def _shown(
    title: str,
    token: Token,
    spoken_of: set[int],
) -> str:
    """What of a token stays in a title."""
    text = title[token.start : token.end]
    match token.piece:
        case Piece.TEXT | Piece.UNCLOSED:
            return text
        case Piece.START | Piece.END:
            if token.name not in KNOWN_ELEMENTS or token.start in spoken_of:
                return text
            if token.name == "img":
                return _alternative(title, token)
            # Words of two blocks are two words.
            return " " if token.name in BLOCKS else ""
        case Piece.COMMENT:
            # `<?` and `</ ` are comments to a browser, and signs to a writer.
            return "" if text.startswith("<!--") else text
        case Piece.RAW:
            return text if token.name in _READABLE_RAW else ""
