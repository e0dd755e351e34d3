"""One event on one line of a terminal: when, how many sources, the headline, who reports it.

Rules: never wider than it is told, where a Chinese, Japanese or Korean character takes two columns; the headline gets
what the names of the sources leave, at least two thirds; what a publisher wrote is neither markup nor a control
sequence. Pure: it answers with something to print, and prints nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Text

from aggregator.model import Source
from aggregator.watch.digest_text import SAFE_URL, plain
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


def named(
    sources: Sequence[Source],
    names: Mapping[str, str],
) -> tuple[str, ...]:
    """The sources' names, each once."""
    called = (names.get(source.feed_id, source.feed_id) for source in sources)
    return tuple(dict.fromkeys(called))


def clock(at: datetime | None, now: datetime) -> str:
    """The local time of day, `09:41`; before today with its day, `11-28 09:41`."""
    # As wide as a time of day, so that headlines stand below one another.
    if at is None:
        return "     "
    local = at.astimezone()
    is_today = local.date() == now.astimezone().date()
    return local.strftime("%H:%M" if is_today else "%m-%d %H:%M")


def headline_text(line: Headline, *, width: int) -> Text:
    """The line, at most `width` columns wide."""
    count = f"{counted(line.source_count, 'source'):>10}"
    if width < NARROW:
        count = f"{f'{line.source_count}x':>3}"
    text = Text(
        f"{line.at}  ",
        style="dim",
        no_wrap=True,
        end="",
    )
    text.append(f"{count}  ", style=_count_style(line.source_count))
    if line.mark:
        text.append(f"{line.mark}  ", style="yellow")
    room = max(width - text.cell_len, 10)
    title = plain(line.title) or "(no title)"
    copied = f" ({line.copied_count} copied)" if line.copied_count else ""
    # What a short headline leaves, and of a long one a third.
    room_for_tail = max(room - cell_len(title), room // 3)
    tail = _tail(line.sources, room=room_for_tail - len(copied)) + copied
    shown = cut(title, room - cell_len(tail))
    text.append(shown, style=_title_style(line))
    return text.append(tail, style="dim")


def cut(text: str, width: int) -> str:
    """The text in at most `width` columns; an ellipsis says where it was cut."""
    if cell_len(text) <= width:
        return text
    return (
        set_cell_size(
            text,
            max(width - 1, 0),
        ).rstrip()
        + "…"
    )


def _tail(
    sources: Sequence[str],
    *,
    room: int,
) -> str:
    """As many names as fit, then how many more there are."""
    names = [plain(name) for name in sources]
    for count in range(len(names), 0, -1):
        tail = _DASH + ", ".join(names[:count]) + _more(len(names) - count)
        if cell_len(tail) <= room:
            return tail
    more = _more(len(names) - 1)
    left = room - cell_len(_DASH) - len(more)
    # Of fewer letters nobody knows the source.
    if not names or left <= 4:
        return ""
    return _DASH + cut(names[0], left) + more


def _more(count: int) -> str:
    return f" +{count}" if count > 0 else ""


def _count_style(count: int) -> str:
    if count >= 3:
        return "bold green"
    if count == 2:
        return "cyan"
    return "dim"


def _title_style(line: Headline) -> Style:
    # It is written into an escape sequence, which a control character would end.
    is_safe = SAFE_URL.fullmatch(line.url) is not None
    return Style(
        bold=line.source_count > 1,
        link=line.url if is_safe else None,
    )
