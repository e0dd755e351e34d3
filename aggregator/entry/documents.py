"""A document read back: what `aggregator explain` compares when it is given files."""

from __future__ import annotations

import hashlib
import re

from aggregator.entry.boilerplate import matching_text
from aggregator.entry.dates import instant
from aggregator.entry.language import language_of
from aggregator.entry.text import plain_text
from aggregator.model import EPOCH, DateSource, Entry

_FORM = re.compile(r"\ufeff?\s*---\n(?P<head>.*?)\n---(?:\n(?P<body>.*))?\Z", re.DOTALL)
"""As schema.md has it; a byte order mark, put there by an editor, and a missing body do no harm."""


def report_of_document(text: str, *, name: str) -> Entry:
    """A document (schema.md) as the entry it was made of, as far as it tells. Raises ValueError when it is none."""
    form = _FORM.match(text)
    if form is None:
        raise ValueError("it does not begin with front matter between lines of ---")
    head = form["head"]
    title = _value(head, "title")
    body = matching_text(body_text(text))[:8000]
    # Documents are dated as RFC 822 has it, whatever their language.
    published_at = instant(_value(head, "date"), language="en")
    return Entry(
        entry_id=hashlib.sha256(name.encode()).hexdigest()[:20],
        feed_id=name,
        revision=0,
        identity_key=name,
        guid="",
        url="",
        canonical_url="",
        title=title,
        lang=language_of(
            configured=None, feed=None, entry=None, text=f"{title}\n{body}"
        ),
        author=_value(head, "author"),
        categories=tuple(re.findall(r"^ - (.*)$", head, re.MULTILINE)),
        tags=(),
        published_at=published_at,
        matched_at=published_at,
        published_raw=_value(head, "date"),
        date_source=DateSource.FEED if published_at else DateSource.FIRST_SEEN,
        first_seen_at=published_at or EPOCH,
        content_hash="",
        text=body,
        document=text,
        site=_value(head, "author"),
    )


def body_text(text: str) -> str:
    """The plain text below a document's front matter; '' where it is no document."""
    form = _FORM.match(text)
    if form is None:
        return ""
    return plain_text(form["body"] or "")


def _value(head: str, key: str) -> str:
    """The value of a top-level key, unquoted as the form quotes (single quotes doubled, double quotes plain)."""
    line = re.search(rf"^{key}: (.*)$", head, re.MULTILINE)
    raw = line[1].strip() if line else ""
    # One quotation mark alone is the value.
    if len(raw) < 2 or raw[0] != raw[-1]:
        return raw
    if raw[0] == "'":
        return raw[1:-1].replace("''", "'")
    if raw[0] == '"':
        return raw[1:-1]
    return raw
