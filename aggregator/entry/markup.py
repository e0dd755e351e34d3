"""The body of a document: byte for byte as published unless unsafe (schema.md).

The order: characters that may not leave go · what is too long is cut at a tag · relative addresses, lazy images and the
image policy are edited in place · what Markdown would read another way is written by references (`markdown`) · braces
become references, because the readers of the form run templates on them · the whole is judged, and what is unsafe is
sanitised and goes the same way once more. Every step is bounded in time by the length of its input.
"""

from __future__ import annotations

import re

from aggregator.entry.characters import body_characters
from aggregator.entry.edits import edited
from aggregator.entry.images import lead_image
from aggregator.entry.markdown import escaped_markdown, written_for_markdown
from aggregator.entry.plain_markup import is_plain
from aggregator.entry.safety import is_bounded, is_safe
from aggregator.entry.sanitise import sanitised
from aggregator.entry.text import plain_text
from aggregator.entry.tokens import Piece, tokens
from aggregator.model import DocumentSettings

__all__ = ["CUT_MARK", "escaped_text", "lead_image", "plain_text", "safe_body"]

CUT_MARK = "\n<p>[…]</p>"
"""Ends a body that was longer than `max_document`."""
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")
_PARAGRAPH = "\ufdd0"
"""Marks the end of a paragraph while its text is escaped: a code point that is no character."""
_TRIES = 6
"""Sanitising, absolute addresses and braces make a body longer again: each try cuts by what the last one was over."""


def safe_body(
    html: str,
    *,
    base_url: str,
    settings: DocumentSettings,
) -> str:
    """The body as its document holds it; '' when nothing of it can be shown. UTF-8 length ≤ `max_document_bytes`."""
    html = body_characters(_bounded(html, settings))
    limit = settings.max_document_bytes
    if not is_bounded(html):
        return _as_text(html, limit)
    if _fits(html, limit):
        body = _edited_body(html, base_url=base_url, settings=settings)
        if _fits(body, limit):
            return body
    cut = _cut_body(html, base_url=base_url, settings=settings)
    return cut or _as_text(html, limit)


def _edited_body(
    html: str,
    *,
    base_url: str,
    settings: DocumentSettings,
) -> str:
    """The body with every edit, sanitised where that leaves it unsafe; the plain ones, most, take neither."""
    if is_plain(html):
        return _braces(html)
    body = _written(html, base_url=base_url)
    if is_plain(body) or is_safe(body, embeds=settings.embeds):
        return body
    return _sanitised(html, base_url=base_url, settings=settings)


def _cut_body(
    html: str,
    *,
    base_url: str,
    settings: DocumentSettings,
) -> str:
    """The beginning of a long body, sanitised because a cut leaves elements open; '' when no try fits."""
    limit = budget = settings.max_document_bytes
    for _ in range(_TRIES):
        beginning = cut_at_tag(html, budget - len(CUT_MARK.encode()))
        body = _sanitised(beginning, base_url=base_url, settings=settings) + CUT_MARK
        size = len(body.encode())
        if size <= limit:
            return body
        budget = budget * limit * 9 // (size * 10)
    return ""


def _written(html: str, *, base_url: str) -> str:
    """The markup after all edits. It is judged after them: what they put in counts as what came in."""
    return _braces(written_for_markdown(edited(html, base_url=base_url)))


def _sanitised(
    html: str,
    *,
    base_url: str,
    settings: DocumentSettings,
) -> str:
    """Unsafe markup made safe and edited; its text alone should an edit have undone that."""
    cleaned = sanitised(html, embeds=settings.embeds)
    body = _written(cleaned, base_url=base_url)
    # What is as it was sanitised has been judged.
    if body == cleaned or is_safe(body, embeds=settings.embeds):
        return body
    return _braces(escaped_markdown(plain_text(html)))


def escaped_text(text: str, *, settings: DocumentSettings) -> str:
    """Plain text as a body: escaped, its lines kept, cut to `max_document_bytes` and marked."""
    return _escaped_within(body_characters(text), settings.max_document_bytes)


def cut_at_tag(html: str, limit_bytes: int) -> str:
    """The beginning of the markup, at most so many bytes, ending before a tag or after one (never inside)."""
    head = _first_bytes(html, limit_bytes)
    if len(head) == len(html):
        return html
    end = 0
    for token in tokens(head):
        if token.piece in (Piece.START, Piece.END, Piece.COMMENT):
            end = token.end
        elif token.piece is Piece.UNCLOSED:
            end = token.start
    if end:
        return head[:end]
    # Text without a tag ends behind a word.
    return re.sub(r"\s\S*$", "", head)


def _bounded(html: str, settings: DocumentSettings) -> str:
    """Far beyond the limit nothing is looked at."""
    return html[: 4 * settings.max_document_bytes]


def _as_text(html: str, limit: int) -> str:
    """Markup that no parser should be given: its text, escaped."""
    return _escaped_within(plain_text(html), limit)


def _escaped_within(text: str, limit: int) -> str:
    body = _braces(_with_lines(text))
    if _fits(body, limit):
        return body
    head = _first_bytes(body, limit - len(CUT_MARK.encode()))
    # Half a reference or half a line break would be shown as it is.
    return re.sub(r"&[^;\s]{0,6}$|<(?:br?)?$", "", head) + CUT_MARK


def _with_lines(text: str) -> str:
    """A plain text escaped, its lines shown as lines: a chapter list, a poem or a mail is read so, and HTML shows no
    line end. A blank line is two breaks, since none may stand in the document."""
    marked = _BLANK_LINE.sub(
        f"{_PARAGRAPH}\n",
        text.replace(_PARAGRAPH, "").strip(),
    )
    escaped = escaped_markdown(marked)
    return (
        escaped.replace(f"{_PARAGRAPH}\n", "<br><br>\n")
        .replace("\n", "<br>\n")
        .replace("<br><br><br>", "<br><br>")
    )


def _first_bytes(text: str, limit: int) -> str:
    return text.encode()[: max(limit, 0)].decode(errors="ignore")


def _fits(text: str, limit: int) -> bool:
    return len(text) * 4 <= limit or len(text.encode()) <= limit


def _braces(html: str) -> str:
    return html.replace("{", "&#123;").replace("}", "&#125;")
