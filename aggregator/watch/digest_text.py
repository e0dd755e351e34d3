"""The digest for a terminal.

Rules: as wide as it is told, where a Chinese, Japanese or Korean character takes two columns (rich measures them); a
feed's text is neither rich markup nor a control sequence. rich is used here and in the command line only. Pure: it
answers with something to print, and prints nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.style import Style
from rich.table import Table
from rich.text import Text

from aggregator.model import Digest, DigestEvent, DigestFeed, Source
from aggregator.watch import wording

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")
SAFE_URL = re.compile(r"https?://[^\s\x00-\x20\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")
_NAMELESS: Mapping[str, str] = {}
MAX_SOURCES = 6
"""Sources listed under an event; the others are counted."""


def digest_renderable(
    record: Digest,
    *,
    zone: tzinfo = UTC,
    names: Mapping[str, str] = _NAMELESS,
    has_links: bool = False,
) -> RenderableType:
    """What `console.print` shows of the digest, in that console's width and colours. `names` are the sources' by their
    feeds' ids; `has_links`: a name is a link, as terminals show it, and its address is not written out."""
    parts: list[RenderableType] = [
        Rule(Text(_head(record, zone), style="bold")),
        _summary(record),
    ]
    for rank, event in enumerate(record.events, 1):
        told = [_source_line(event, names)]
        if not has_links:
            told = _address_lines(event, names)
        parts.append(_event(rank, event, told, zone))
    hidden = record.event_count - len(record.events)
    if hidden > 0:
        more = wording.counted(hidden, "more event")
        parts.append(Text(f"and {more}", style="dim"))
    if record.trouble:
        troubled = wording.counted(record.trouble_count, "feed")
        parts += [Rule(f"{troubled} in trouble", style="red"), _trouble(record)]
    if record.slow:
        parts += [Rule("slowest hosts", style="dim"), _slow(record)]
    return Group(*parts)


def plain(text: str) -> str:
    """The text on one line without control characters."""
    return _CONTROLS.sub(" ", text).strip()


def _head(record: Digest, zone: tzinfo) -> str:
    parts = (
        wording.window(
            record,
            zone,
        ),
        record.language,
        record.category,
    )
    return " · ".join(map(plain, filter(None, parts)))


def _summary(record: Digest) -> Text:
    text = Text.assemble(
        (wording.counted(record.event_count, "event"), "bold"),
        "  ",
    )
    for name, number in wording.outcomes(record.totals):
        text.append(f"{number:,} {name}  ", style="cyan" if number else "dim")
    saved = wording.counted(record.saved_count, "duplicate")
    return text.append(f"{saved} saved", style="green")


def _event(
    rank: int,
    event: DigestEvent,
    told: Sequence[Text],
    zone: tzinfo,
) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(justify="right", width=3, style="dim")
    grid.add_column(justify="right", width=3, style="bold green")
    grid.add_column(ratio=1, overflow="fold")
    grid.add_row(
        f"{rank}.",
        f"{event.independent_count}x",
        Text(plain(event.title) or "(no title)", style="bold"),
    )
    grid.add_row(
        "",
        "",
        Text(_facts(event, zone), style="dim"),
    )
    for line in told:
        grid.add_row("", "", line)
    others = event.source_count - min(len(event.sources), MAX_SOURCES)
    if others > 0:
        more = wording.counted(others, "more report")
        grid.add_row("", "", Text(f"and {more}", style="dim"))
    return Padding(grid, (1, 0, 0, 0))


def _source_line(event: DigestEvent, names: Mapping[str, str]) -> Text:
    """The names of those who report it, each a link to its report."""
    line = Text(style="cyan")
    for source in event.sources[:MAX_SOURCES]:
        if line:
            line.append(" · ", style="dim")
        line.append(_name(source, names), style=_link(source))
    return line


def _address_lines(event: DigestEvent, names: Mapping[str, str]) -> list[Text]:
    """A line for each report: who tells it, and its address, for a file or a pipe."""
    lines: list[Text] = []
    for source in event.sources[:MAX_SOURCES]:
        name = (_name(source, names), "cyan")
        lines.append(Text.assemble(name, "  ", (source.url, "blue")))
    return lines


def _name(source: Source, names: Mapping[str, str]) -> str:
    return plain(names.get(source.feed_id) or source.feed_id)


def _link(source: Source) -> Style:
    # It is written into an escape sequence, which a control character would end.
    is_safe = SAFE_URL.fullmatch(source.url) is not None
    return Style(link=source.url if is_safe else None)


def _facts(event: DigestEvent, zone: tzinfo) -> str:
    facts = [
        wording.sources(event),
        f"first {wording.day_and_clock(event.first_seen_at, zone)}",
        wording.spread(event),
        " / ".join(map(plain, event.categories)),
    ]
    return " · ".join(filter(None, facts))


def _trouble(record: Digest) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", overflow="fold")
    table.add_column(style="red")
    table.add_column(justify="right")
    table.add_column(ratio=1, overflow="fold")
    for feed in record.trouble:
        table.add_row(
            plain(feed.feed_id), feed.health, _times(feed), Text(plain(feed.detail))
        )
    return table


def _times(feed: DigestFeed) -> str:
    return f"{feed.failure_count}x" if feed.failure_count else ""


def _slow(record: Digest) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    table.add_column(ratio=1, overflow="fold")
    for feed in record.slow:
        if feed.elapsed is not None:
            table.add_row(
                wording.span(feed.elapsed),
                Text(plain(feed.host)),
            )
    return table
