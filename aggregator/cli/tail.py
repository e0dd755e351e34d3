"""`aggregator tail`: print messages as they come."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import click
import orjson
from rich.console import Console
from rich.text import Text

from aggregator.cli import engines, files, options
from aggregator.cli.console import console as console_of_stdout
from aggregator.engine.store import Store
from aggregator.engine.watch_store import Row
from aggregator.engine.wire import message_json
from aggregator.errors import EngineDown
from aggregator.model import Kind, Message

BLOCK = timedelta(seconds=2)
RETRY_SECONDS = 2.0
_STYLES = {Kind.NEW: "bold green", Kind.JOINED: "cyan", Kind.EDITED: "yellow", Kind.MERGED: "magenta"}


@click.command()
@click.option("--reports", is_flag=True, help="Every report, not only new events.")
@click.option("--follow", "-f", is_flag=True, help="Go on printing what is published from now on.")
@click.option("--since", type=options.DURATION, default="24h", show_default=True, help="How far back to begin.")
@options.config
@options.as_json
def tail(reports: bool, follow: bool, since: timedelta, config_file: str | None, as_json: bool) -> None:
    """Print the messages of the events stream (or, with --reports, of the reports stream)."""
    asyncio.run(_tail(files.loaded(config_file), "reports" if reports else "events", since, follow, as_json))


async def _tail(read: files.Loaded, stream: str, since: timedelta, follow: bool, as_json: bool) -> None:
    console = console_of_stdout()
    async with engines.attached_engine(read) as engine:
        start = await engine.store.server_time() - since
        last = id_at(start)
        async for row in engine.store.rows(stream, start):
            _print(engine.store, row, console, as_json)
            last = row.stream_id
        while follow:
            last = await _more(engine.store, stream, last, console, as_json)


def id_at(at: datetime) -> str:
    """The stream id of a moment: what is written later has a greater one."""
    return f"{max(0, int(at.timestamp() * 1000))}-0"


async def _more(store: Store, stream: str, last: str, console: Console, as_json: bool) -> str:
    try:
        rows = await store.tail({stream: last}, block=BLOCK)
    except EngineDown as error:
        click.echo(f"aggregator: {error}; trying again", err=True)
        await asyncio.sleep(RETRY_SECONDS)
        return last
    for row in rows:
        _print(store, row, console, as_json)
        last = row.stream_id
    return last


def _print(store: Store, row: Row, console: Console, as_json: bool) -> None:
    message = store.message_of(row)
    if message is None:  # not ours: `engines` says at the end how many there were
        return
    if as_json:
        click.echo(orjson.dumps(orjson.loads(message_json(message)) | {"stream_id": row.stream_id}))
    else:
        console.print(line(message), soft_wrap=True)


def line(message: Message) -> Text:
    """One message for people: time, kind, language, sources, title, URL."""
    at = f"{message.first_seen_at:%m-%d %H:%M} " if message.first_seen_at else ""
    text = Text(at, style="dim")
    text.append(f"{message.kind.value.partition('.')[2]:<6} ", style=_STYLES[message.kind])
    text.append(f"{message.lang:<5} ", style="dim")
    text.append(f"{message.independent_count:>2} ", style="bold" if message.independent_count > 1 else "dim")
    if message.kind is Kind.MERGED:
        return text.append(f"{message.title}  ({message.merged_from} is now {message.merged_into})")
    text.append(message.title)
    if message.split_from:
        text.append(f"  (split from {message.split_from})")
    return text.append(f"  {message.url}", style="dim")
