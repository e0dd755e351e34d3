"""Of a document with more entries than the limit the newest, whichever end of it they stand at.

Most feeds put the newest first, some append; a few are sorted by something else. Looked at are the dates that each
entry states, before any parser reads it, because a parser is what the limit is there to spare. Without dates on most
entries the first are kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

from aggregator.entry.dates import instant

_ENTRY = re.compile(r"<(?:[\w.-]+:)?(?:item|entry)(?=[\s>/])")
_ENTRY_END = re.compile(r"</(?:[\w.-]+:)?(?:item|entry)\s*>")
_OPAQUE = re.compile(r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)", re.DOTALL)
_DATE = re.compile(
    r"<(?:[\w.-]+:)?(?:pubDate|published|updated|date|issued|created|modified)(?:\s[^<>]*)?>\s*(?:<!\[CDATA\[)?([^<\]]{1,60})",
    re.IGNORECASE,
)
_MOST_DATED = 10_000
"""Entries whose dates are all read (0.1 ms each); of more only those at both ends."""
_ENDS = 20
_UNKNOWN = datetime.min.replace(tzinfo=UTC)


def newest_entries(
    text: str,
    limit: int,
) -> tuple[str, int]:
    """An XML feed less what lies beyond the limit, and how many entries that are."""
    # As few as in nearly every feed: nothing to look for.
    if text.count("<") <= limit:
        return text, 0
    if text.count("item") + text.count("entry") <= limit:
        return text, 0
    starts = _starts(text)
    if len(starts) <= limit:
        return text, 0
    end = _ENTRY_END.search(text, starts[-1])
    last = end.end() if end else len(text)
    pieces = [text[start:stop] for start, stop in pairwise([*starts, last])]
    dates = list(map(_date, _looked_at(pieces)))
    newest = newest_of(dates, len(pieces), limit)
    body = "".join(pieces[position] for position in newest)
    return text[: starts[0]] + body + text[last:], len(pieces) - limit


def newest_of(
    stated: Sequence[str],
    count: int,
    limit: int,
) -> list[int]:
    """The positions of the newest `limit` of `count` entries, in their order.

    `stated`: the date that each states, or those of the first and last entries only.
    """
    dates = [instant(raw, language=None) if raw else None for raw in stated]
    known_count = sum(date is not None for date in dates)
    if 2 * known_count < len(dates):
        return list(range(limit))
    half = len(dates) // 2
    newest_first = max(filter(None, dates[:half]), default=_UNKNOWN)
    newest_last = max(filter(None, dates[half:]), default=_UNKNOWN)
    is_appended = newest_last > newest_first
    if len(dates) < count:
        places = range(count - limit, count) if is_appended else range(limit)
        return list(places)
    filled = _filled(dates)
    # Of entries with one date those nearer to the new end.
    order = range(count) if is_appended else range(count - 1, -1, -1)
    ranked = sorted(order, key=lambda position: filled[position])
    return sorted(ranked[-limit:])


def _starts(text: str) -> list[int]:
    """Where entries begin, outside of comments and CDATA sections."""
    opaque = [section.span() for section in _OPAQUE.finditer(text)]
    starts: list[int] = []
    at = 0
    for entry in _ENTRY.finditer(text):
        start = entry.start()
        while at < len(opaque) and opaque[at][1] <= start:
            at += 1
        if at == len(opaque) or start < opaque[at][0]:
            starts.append(start)
    return starts


def _looked_at(pieces: Sequence[str]) -> Sequence[str]:
    if len(pieces) <= _MOST_DATED:
        return pieces
    return [*pieces[:_ENDS], *pieces[-_ENDS:]]


def _date(piece: str) -> str:
    date = _DATE.search(piece)
    if date is None:
        return ""
    return date[1].strip()


def _filled(dates: Sequence[datetime | None]) -> list[datetime]:
    """An undated entry has the date of the one before it, else of the first that has one."""
    last = next(filter(None, dates), _UNKNOWN)
    filled = []
    for date in dates:
        last = date or last
        filled.append(last)
    return filled
