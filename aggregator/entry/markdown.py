"""A body as Markdown reads it: the second reading every document must withstand, written so that it says the same.

The document form is what Hexo, Jekyll and other builders of sites take: front matter, then Markdown. The rules:
- The wrapper's `<div>` opens an HTML block, which ends at the first blank line (CommonMark 0.31, 4.6): none is left.
- Builders also edit the text with patterns, without reading HTML. What they look for must not stand inside a value:
  a `<` there is written as a reference, and so is what Hexo 8 edits (a fence of code at the start of a line, its own
  place holders, the `href=` and `rel=` of a link).
- Scanners such as Python-Markdown's and kramdown's cut tags by simpler rules than browsers. Markup that they cut
  another way (`is_read_alike`) is not published as it is.
- Text that was never markup shows what it says: what works in Markdown is written as references.

All edits name the same characters by references, so a browser shows what it showed before. Every pattern is linear.
"""

from __future__ import annotations

import re
from html import escape

from aggregator.entry.edits import Edit, applied
from aggregator.entry.tokens import Piece, Token, start_tags, tokens, value_spans

_BLANK_LINES = re.compile(r"\n\s*\n")
_BLANKS = " \t\n\r\f\v"
_FENCE = re.compile(
    r"(?<![^\n\u2028\u2029])(?P<before>(?:[^\S\n\u2028\u2029]|[>*+\-.\d])*+)(?P<mark>[`~])(?=(?P=mark){2})"
)
"""As CommonMark, Python-Markdown's `fenced_code` and Hexo's `backtick_code_block` (before any Markdown) see it."""
_FENCES = ("```", "~~~")
"""One of which each of them holds: to look for these takes a hundredth of the time."""
_PLACE_HOLDER = re.compile(r"\ufffc(?=\d)")
"""Hexo 8 puts stored pieces back at `<!--code￼0-->`, and stops where it stored none."""
_EDITED_NAME = re.compile(r"(href|rel)(\s*)=", re.IGNORECASE)
"""Hexo 8's `external_link` writes attributes with quotes in front of the first `href=`, and anew after `rel=`."""
_EDITED_IN_ADDRESS = re.compile(r"(href)(\s*)=|(rel)(\s*)=(?=[\"'])", re.IGNORECASE)
"""The same inside of an address, where `rel=0` is left alone: Hexo looks for a quote behind it."""
_REMOVED_ELEMENT = "hexopostrendercodeblock"
"""Hexo 8 takes this tag out wherever it stands, so that what stood around it makes a new one."""

_PLAIN_TAG = re.compile(
    r"""<[a-zA-Z][\w:.-]*+(?:\s++[a-zA-Z_:@][\w:.@-]*+(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s"'<>=`]++))?+)*+\s*+/?>"""
)
"""A start tag about whose end no scanner is in doubt: CommonMark's grammar for tags."""
_SAID_ONCE = ("href", "src", "style", "poster", "background", "cite")
"""Of a repeated attribute browsers take the first, kramdown the last: none that is judged may stand twice."""
_PLAIN_COMMENT = re.compile(r"<!--(?!-?>)(?:[^-<]|-(?!-!?>)|<(?!!--))*+-->")

_OPEN_SECTION = re.compile(
    r"<!\[(?!(?:cdata|rcdata|temp|ignore|include)\s*\[[^>]*\]\]>\Z)(?:(?:cdata|rcdata|temp|ignore|include)\b|[^>]*[^\]]>\Z)",
    re.IGNORECASE,
)
"""`<![CDATA[ … >`: to a browser a comment up to the first `>`, to Python-Markdown all up to `]]>` (of others, `]>`)."""

_SIMPLE = re.compile(
    r"""(?:[^<]++|</[a-zA-Z][\w:.-]*+\s*+>"""
    r"""|<[a-zA-Z][\w:.-]*+(?:\s++[a-zA-Z_:@][\w:.@-]*+(?:\s*+=\s*+(?:"[^"<>]*+"|'[^'<>]*+'|[^\s"'<>=`]++))?+)*+\s*+/?>)*+"""
)
"""Markup of plain tags alone, nine of ten real bodies: read at once."""
_REPEATED = re.compile(
    rf"<[^>]*?\b({'|'.join(_SAID_ONCE)})\b[^>]*?\b\1\b", re.IGNORECASE
)
_SHORTEST_REPEATED = len("a src src")
_DIVISION = re.compile(r"<(/?)div(?=[\s/>])", re.IGNORECASE)

_WORKS_IN_TEXT = re.compile(r"[\\`*_\[\]~|]")
_WORKS_AT_LINE_START = re.compile(r"^(\s*)([#+=:-]|\d{1,9}(?=[.)]))", re.MULTILINE)
_PRESERVES_LINES = re.compile(
    r"white-space(?:-collapse)?\s*:\s*(?:pre|break-spaces|preserve)", re.IGNORECASE
)
_MAY_BE_PREFORMATTED = re.compile(r"<(?:pre|listing)\b|white-space", re.IGNORECASE)
_PREFORMATTED = frozenset({"pre", "listing"})
_HINTS_OF_PREFORMATTED = ("<pre", "<listing", "white-space")
"""One of which whatever `_MAY_BE_PREFORMATTED` finds holds."""


def is_read_alike(html: str) -> bool:
    """Whether scanners that know less than a browser cut the markup into the same tags, and builders leave it whole."""
    if _is_simple(html):
        return _closes_what_it_opened(html)
    depth = 0
    for token in tokens(html):
        if not _is_plain(html, token):
            return False
        if token.name == "div" and token.piece in (Piece.START, Piece.END):
            depth += 1 if token.piece is Piece.START else -1
            # `<td></div>`: a browser passes it over, a scanner closes the wrapper
            if depth < 0:
                return False
    return True


def written_for_markdown(html: str) -> str:
    """Safe markup (`safety.is_safe`) that says the same to a browser, and nothing else to a reader of Markdown."""
    html = _PLACE_HOLDER.sub("&#65532;", html)
    changes = _value_edits(html)
    if changes:
        html = applied(html, changes)
    if any(fence in html for fence in _FENCES):
        html = _FENCE.sub(_opened_fence, html)
    if not _BLANK_LINES.search(html):
        return html
    return _without_blank_lines(html)


def escaped_markdown(text: str) -> str:
    """Plain text as a body: what works in HTML or in Markdown is written as references, no line is blank."""
    escaped = escape(text, quote=False)
    escaped = _WORKS_IN_TEXT.sub(_as_reference, escaped)
    escaped = _WORKS_AT_LINE_START.sub(_line_start, escaped)
    escaped = _PLACE_HOLDER.sub("&#65532;", escaped)
    return _BLANK_LINES.sub(_one_newline, escaped)


def _is_simple(html: str) -> bool:
    if _is_rewritten(html) or "<iframe" in html.lower():
        return False
    return bool(_SIMPLE.fullmatch(html)) and not _repeats_a_name(html)


def _repeats_a_name(html: str) -> bool:
    """Whether a tag of `_SIMPLE` markup holds one of `_SAID_ONCE` twice."""
    for piece in html.split("<"):
        written, _, _ = piece.partition(">")
        # Most tags, and all those without attributes.
        if len(written) < _SHORTEST_REPEATED:
            continue
        lower = written.lower()
        for name in _SAID_ONCE:
            if lower.count(name) > 1:
                # Perhaps inside of other words: the pattern knows.
                return _REPEATED.search(html) is not None
    return False


def _closes_what_it_opened(html: str) -> bool:
    depth = 0
    for division in _DIVISION.finditer(html):
        depth += -1 if division[1] else 1
        if depth < 0:
            return False
    return True


def _is_plain(html: str, token: Token) -> bool:
    if token.piece is Piece.TEXT:
        return True
    if token.piece is Piece.COMMENT and html.startswith("<!--", token.start):
        written = html[token.start : token.end]
        return bool(_PLAIN_COMMENT.fullmatch(written)) and not _is_rewritten(written)
    if token.piece is Piece.COMMENT and _OPEN_SECTION.match(
        html, token.start, token.end
    ):
        return False
    # Browsers take the first of two, kramdown the last.
    if token.piece is Piece.START and _repeats_an_attribute(html, token):
        return False
    inside = html[token.start + (token.piece is not Piece.RAW) : token.end]
    if "<" not in inside and not _is_rewritten(inside):
        return True
    if token.piece is not Piece.START or _REMOVED_ELEMENT in inside.lower():
        return False
    return bool(
        _PLAIN_TAG.fullmatch(
            html,
            token.start,
            token.end,
        )
    )


def _repeats_an_attribute(html: str, token: Token) -> bool:
    written = html[token.start : token.end].lower()
    if not any(written.count(name) > 1 for name in _SAID_ONCE):
        return False
    names = [name for name, _ in value_spans(html, token)]
    return len(set(names)) < len(names)


def _is_rewritten(markup: str) -> bool:
    """Whether a builder may edit it before it is read; `_opened_fence` can mend text and values only."""
    if any(fence in markup for fence in _FENCES):
        return True
    return _REMOVED_ELEMENT in markup.lower()


def _value_edits(html: str) -> list[Edit]:
    changes: list[Edit] = []
    for token in start_tags(html):
        if not _may_need_edits(html, token):
            continue
        for name, (start, end) in value_spans(html, token):
            value = html[start:end]
            written = _value(value, name=name, element=token.name)
            if written != value:
                changes.append((start, end, written))
    return changes


def _may_need_edits(html: str, token: Token) -> bool:
    has_markup = html.find("<", token.start + 1, token.end) >= 0
    has_lines = html.find("\n", token.start, token.end) >= 0
    return has_markup or has_lines or token.name == "a"


def _value(
    value: str,
    *,
    name: str,
    element: str,
) -> str:
    # Builders edit tags with patterns that know no quotes.
    value = value.replace("<", "&lt;")
    value = _BLANK_LINES.sub(
        lambda run: run[0].replace("\n", "&#10;"),
        value,
    )
    if element == "a":
        value = _value_of_link(value, name)
    return value


def _value_of_link(value: str, name: str) -> str:
    """With nothing in it that Hexo 8 takes for another attribute, or for the end of this one, and writes to."""
    if name == "href":
        return _EDITED_IN_ADDRESS.sub(_with_written_equals, value)
    value = _EDITED_NAME.sub(r"\1\2&#61;", value)
    if not name.endswith("rel") or value[:1] not in ("'", '"'):
        return value
    # Its pattern for relations ends at any quote, and what follows would be attributes.
    inner = value[1:-1].replace("'", "&#39;").replace('"', "&#34;")
    return f"{value[0]}{inner}{value[-1]}"


def _with_written_equals(found: re.Match[str]) -> str:
    return f"{found[0][:-1]}&#61;"


def _opened_fence(fence: re.Match[str]) -> str:
    return f"{fence['before']}&#{ord(fence['mark'])};"


def _without_blank_lines(html: str) -> str:
    """Tag by tag where a line counts, because something is preformatted. Values hold none any more."""
    if not _may_be_preformatted(html):
        return _BLANK_LINES.sub(_one_newline, html)
    parts: list[str] = []
    inside = ""
    depth = 0
    for token in tokens(html):
        written = html[token.start : token.end]
        is_outermost = token.piece is Piece.START and not depth
        if is_outermost and _is_preformatted(token, written):
            inside = token.name
        if token.name == inside and token.piece is Piece.START:
            depth += 1
        elif token.name == inside and token.piece is Piece.END:
            depth = max(depth - 1, 0)
        if "\n" not in written:
            parts.append(written)
            continue
        # In preformatted text a blank line is seen.
        keeps_lines = depth > 0 and token.piece is Piece.TEXT
        newline = _first_newline if keeps_lines else _one_newline
        parts.append(_BLANK_LINES.sub(newline, written))
    return "".join(parts)


def _may_be_preformatted(html: str) -> bool:
    lower = html.lower()
    # In a third of the time that the pattern takes.
    is_hinted = any(hint in lower for hint in _HINTS_OF_PREFORMATTED)
    return is_hinted and _MAY_BE_PREFORMATTED.search(html) is not None


def _is_preformatted(token: Token, written: str) -> bool:
    return token.name in _PREFORMATTED or bool(_PRESERVES_LINES.search(written))


def _one_newline(run: re.Match[str]) -> str:
    """One newline for the run; a line of spaces that show (NBSP, U+3000) stays, by references."""
    shown = run[0].strip(_BLANKS)
    if not shown:
        return "\n"
    spaces = (f"&#{ord(space)};" for space in shown if space not in _BLANKS)
    return f"\n{''.join(spaces)}\n"


def _first_newline(run: re.Match[str]) -> str:
    return "\n" + run[0][1:].replace("\n", "&#10;")


def _as_reference(sign: re.Match[str]) -> str:
    return f"&#{ord(sign[0])};"


def _line_start(line: re.Match[str]) -> str:
    """The sign that opens a heading, list or rule; of an ordinal its first digit."""
    return f"{line[1]}&#{ord(line[2][0])};{line[2][1:]}"
