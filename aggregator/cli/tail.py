"""`aggregator tail`: print messages as they come."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import click
import orjson
from rich.text import Text

from aggregator.cli import engines, naming, options
from aggregator.cli.choosing import choosing, match_of, takes_message
from aggregator.cli.console import console
from aggregator.daemon import files
from aggregator.engine.store import Store
from aggregator.engine.watch_store import Row
from aggregator.engine.wire import message_json
from aggregator.errors import EngineDown
from aggregator.model import Kind, Match, Message
from aggregator.watch.headlines import (
    Headline,
    clock,
    headline_text,
    named,
)

LINES = 10
BLOCK = timedelta(seconds=2)
RETRY_SECONDS = 2.0
WHOLE = 100_000
"""Columns of a line that is not cut: longer than any title with its sources."""
_MARKS = {
    Kind.NEW: "new   ",
    Kind.JOINED: "joined",
    Kind.EDITED: "edited",
    Kind.MERGED: "merged",
}


@click.command()
@click.option("--reports", is_flag=True, help="Every report, not only new events.")
@click.option(
    "--follow",
    "-f",
    is_flag=True,
    help="Go on printing what is published from now on.",
)
@click.option(
    "--lines",
    "-n",
    "count",
    type=click.IntRange(min=0),
    help="How many of the newest (default: 10, all with --since).",
)
@options.since(None, "How far back at most.")
@choosing
@options.config
@options.as_json
def tail(
    reports: bool,
    follow: bool,
    count: int | None,
    since: timedelta | None,
    langs: tuple[str, ...],
    categories: tuple[str, ...],
    words: tuple[str, ...],
    config_file: str | None,
    as_json: bool,
) -> None:
    """Print the newest messages of the events stream (or, with --reports, of the reports stream)."""
    read = files.loaded(config_file)
    wanted = match_of(langs, categories, words)
    printing = Printing(wanted, as_json=as_json)
    if count is None and since is None:
        count = LINES
    asyncio.run(
        _tail(
            read,
            "reports" if reports else "events",
            printing,
            count=count,
            since=since,
            follow=follow,
        )
    )


async def _tail(
    read: files.Loaded,
    stream: str,
    printing: Printing,
    *,
    count: int | None,
    since: timedelta | None,
    follow: bool,
) -> None:
    async with engines.attached_engine(read) as engine:
        store = engine.store
        # Taken before anything is printed: what comes meanwhile is told, not lost.
        last_id = (await store.watch.last_ids([stream]))[stream]
        printing.names = await naming.source_names(store, read.configuration.feeds)
        newest = await _newest(
            store,
            stream,
            printing,
            count=count,
            since=since,
        )
        for row, message in newest:
            printing.show(row, message)
        while follow:
            last_id = await _more(store, stream, last_id, printing)


async def _newest(
    store: Store,
    stream: str,
    printing: Printing,
    *,
    count: int | None,
    since: timedelta | None,
) -> list[tuple[Row, Message]]:
    """The newest messages that are wanted, the oldest of them first."""
    start = id_at(await store.server_time() - since) if since else "0-0"
    newest: list[tuple[Row, Message]] = []
    if count == 0:
        return newest
    # From the end: of a long stream few messages are wanted.
    async for row in store.watch.newest_rows(stream):
        if _order(row.stream_id) < _order(start):
            break
        message = store.watch.message_of(row)
        if message is None or not printing.takes(message):
            continue
        newest.append((row, message))
        if len(newest) == count:
            break
    newest.reverse()
    return newest


def _order(stream_id: str) -> tuple[int, ...]:
    # As numbers: "9-0" is before "10-0".
    return tuple(map(int, stream_id.split("-")))


def id_at(at: datetime) -> str:
    """The stream id of a moment: what is written later has a greater one."""
    return f"{max(0, int(at.timestamp() * 1000))}-0"


async def _more(
    store: Store,
    stream: str,
    last: str,
    printing: Printing,
) -> str:
    try:
        rows = await store.watch.tail({stream: last}, block=BLOCK)
    # A server that is started again is followed on: the last id still names the place.
    except EngineDown as error:
        click.echo(f"aggregator: {error}; trying again", err=True)
        await asyncio.sleep(RETRY_SECONDS)
        return last
    for row in rows:
        # Of what is not ours `engines` says at the end how many there were.
        message = store.watch.message_of(row)
        if message is not None and printing.takes(message):
            printing.show(row, message)
        last = row.stream_id
    return last


class Printing:
    """Which messages are printed, and how: JSON, a line as wide as the terminal, or one that `grep` finds whole."""

    def __init__(self, wanted: Match, *, as_json: bool) -> None:
        self.names: Mapping[str, str] = {}
        """What sources are called, by their feeds' ids."""
        self._wanted = wanted
        self._as_json = as_json
        self._out = console()

    def takes(self, message: Message) -> bool:
        """Whether the message is to be printed."""
        return takes_message(self._wanted, message)

    def show(self, row: Row, message: Message) -> None:
        """Print the message."""
        if self._as_json:
            record = orjson.loads(message_json(message))
            record["stream_id"] = row.stream_id
            click.echo(orjson.dumps(record))
            return
        # A pipe gets whole lines, for `grep`.
        width = None
        if self._out.is_terminal or "COLUMNS" in os.environ:
            width = self._out.width
        self._out.print(
            line(message, self.names, width=width),
            soft_wrap=True,
        )


def line(
    message: Message,
    names: Mapping[str, str],
    *,
    width: int | None,
) -> Text:
    """One message for people, at most `width` columns wide; None: as long as it is, with its address at the end."""
    sources = named(message.sources, names)
    copied_count = max(len(sources) - message.independent_count, 0)
    shown = Headline(
        at=clock(message.first_seen_at, datetime.now(UTC)),
        title=_told_title(message),
        source_count=message.independent_count,
        sources=sources or (names.get(message.feed_id, message.feed_id),),
        url=message.url,
        copied_count=copied_count,
        mark=_MARKS[message.kind],
    )
    if width is not None:
        return headline_text(shown, width=width)
    text = headline_text(shown, width=WHOLE)
    if message.url:
        text.append(f"  {message.url}", style="dim")
    return text


def _told_title(message: Message) -> str:
    if message.kind is Kind.MERGED:
        return f"{message.title}  ({message.merged_from} is now {message.merged_into})"
    if message.split_from:
        return f"{message.title}  (split from {message.split_from})"
    return message.title
