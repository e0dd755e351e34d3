"""`aggregator export DIR`: the documents of the matching window as files."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import click

from aggregator.cli import engines, naming, options
from aggregator.daemon import files
from aggregator.daemon.archive import STREAMS, archived
from aggregator.engine.watch_store import Row
from aggregator.entry.files import export as exported
from aggregator.errors import AggregatorError
from aggregator.model import Message
from aggregator.watch.archive import read_index, write
from aggregator.watch.wording import counted


@click.command()
@click.argument(
    "directory",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
)
@click.option(
    "--all-reports",
    is_flag=True,
    help="One file for each report, not only each event's first.",
)
@click.option(
    "--links",
    is_flag=True,
    help="End each document with a line that leads back to its event's reports.",
)
@options.since(None, "How far back (default: the matching window).")
@options.config
def export(
    directory: Path,
    all_reports: bool,
    links: bool,
    since: timedelta | None,
    config_file: str | None,
) -> None:
    """Write the documents of the window as files, in folders by category, with an index."""
    read = files.loaded(config_file)
    window = since or read.configuration.settings.dedup.window
    messages, names = asyncio.run(_messages(read, window))
    export = exported(
        messages,
        previous=read_index(directory),
        all_reports=all_reports,
        names=names if links else None,
    )
    try:
        result = write(directory, export.files, stale=export.stale)
    except OSError as error:
        message = f"{directory}: cannot be written: {error.strerror}"
        raise AggregatorError(message) from None
    # One name that the file system refuses costs the others nothing.
    for path, reason in result.refused:
        click.echo(f"aggregator: {path}: not written: {reason}", err=True)
    documents = counted(len(export.index), "document")
    written = counted(result.written_count, "file")
    click.echo(f"{documents} in {directory}: {written} written")
    if result.refused:
        raise SystemExit(1)


async def _messages(
    read: files.Loaded,
    since: timedelta,
) -> tuple[list[Message], dict[str, str]]:
    """What is kept since then, and what its sources are called."""
    async with engines.attached_engine(read) as engine:
        store = engine.store
        start = await store.server_time() - since
        rows: list[Row] = []
        for stream in STREAMS:
            rows += [row async for row in store.watch.rows(stream, start)]
        names = await naming.source_names(store, read.configuration.feeds)
        return archived(rows, store.watch.message_of), names
