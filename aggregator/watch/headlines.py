"""One event on one line of a terminal: when, how many sources, the headline, who reports it.

Rules: never wider than it is told, where a Chinese, Japanese or Korean character takes two columns; the headline gets
what the names of the sources leave, at least two thirds; what a publisher wrote is neither markup nor a control
sequence. Pure: it answers with something to print, and prints nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Text

from aggregator.model import Source
from aggregator.watch.digest_text import plain
from aggregator.watch.wording import counted

NARROW = 60
"""Columns below which `3 sources` is written `3x`."""
_DASH = "  — "


@dataclass(frozen=True, slots=True)
class Headline:
    """What a line tells. `sources` are names, each once, in the order in which they reported."""

    at: str
    title: str
    source_count: int
    sources: tuple[str, ...]
    url: str = ""
    copied_count: int = 0
    """Of the sources, those that only repeat another's words."""
    mark: str = ""
    """What kind of news it is, where that needs saying; '' where not."""


def named(sources: Sequence[Source], names: Mapping[str, str]) -> tuple[str, ...]:
    """The sources' names, each once."""
    return tuple(
        dict.fromkeys(names.get(source.feed_id, source.feed_id) for source in sources)
    )


def clock(at: datetime | None, now: datetime) -> str:
    """The local time of day, `09:41`; before today with its day, `11-28 09:41`."""
    if at is None:
        return "     "
    local, today = at.astimezone(), now.astimezone().date()
    return local.strftime("%H:%M" if local.date() == today else "%m-%d %H:%M")


def headline_text(line: Headline, *, width: int) -> Text:
    """The line, at most `width` columns wide."""
    count = (
        f"{line.source_count}x"
        if width < NARROW
        else counted(line.source_count, "source")
    )
    room_for_count = 3 if width < NARROW else 10
    text = Text(f"{line.at}  ", style="dim", no_wrap=True, end="")
    text.append(f"{count:>{room_for_count}}  ", style=_count_style(line.source_count))
    text.append(f"{line.mark}  " if line.mark else "", style="yellow")
    room = max(width - text.cell_len, 10)
    title = plain(line.title) or "(no title)"
    copied = f" ({line.copied_count} copied)" if line.copied_count else ""
    tail = (
        _tail(line.sources, room=max(room - cell_len(title), room // 3) - len(copied))
        + copied
    )
    shown = cut(title, room - cell_len(tail))
    text.append(shown, style=_title_style(line))
    return text.append(tail, style="dim")


def cut(text: str, width: int) -> str:
    """The text in at most `width` columns; an ellipsis says where it was cut."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(width - 1, 0)).rstrip() + "…"


def _tail(sources: Sequence[str], *, room: int) -> str:
    """As many names as fit, then how many more there are."""
    names = [plain(name) for name in sources]
    for count in range(len(names), 0, -1):
        more = f" +{len(names) - count}" if count < len(names) else ""
        tail = _DASH + ", ".join(names[:count]) + more
        if cell_len(tail) <= room:
            return tail
    more = f" +{len(names) - 1}" if len(names) > 1 else ""
    left = room - cell_len(_DASH) - len(more)
    return _DASH + cut(names[0], left) + more if names and left > 4 else ""


def _count_style(count: int) -> str:
    if count >= 3:
        return "bold green"
    return "cyan" if count == 2 else "dim"


def _title_style(line: Headline) -> Style:
    is_safe = re.fullmatch(
        r"https?://[^\s\x00-\x20\x7f-\x9f\u202a-\u202e\u2066-\u2069]+", line.url
    )  # it is written into an escape sequence
    return Style(bold=line.source_count > 1, link=line.url if is_safe else None)
