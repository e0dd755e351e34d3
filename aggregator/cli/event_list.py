"""`aggregator events list`: the newest events, one a line, with their ids."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

import click
import orjson
from rich.text import Text

from aggregator.cli import engines, naming, options
from aggregator.cli.choosing import choosing, match_of, takes_event
from aggregator.cli.console import console
from aggregator.daemon import files
from aggregator.model import Event, Match, Source
from aggregator.watch.headlines import (
    Headline,
    clock,
    headline_text,
    named,
)


@click.command("list")
@options.since("24h", "How far back.")
@click.option(
    "--lines",
    "-n",
    "count",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="How many.",
)
@click.option(
    "--min-sources",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Only of so many independent sources.",
)
@choosing
@options.config
@options.as_json
def list_events(
    since: timedelta,
    count: int,
    min_sources: int,
    langs: tuple[str, ...],
    categories: tuple[str, ...],
    words: tuple[str, ...],
    config_file: str | None,
    as_json: bool,
) -> None:
    """The events that had a report lately, the one with the newest report first."""
    read = files.loaded(config_file)
    match = match_of(langs, categories, words)
    events, names = asyncio.run(_events(read, since, match, min_sources))
    events = events[:count]
    if as_json:
        for event in events:
            click.echo(orjson.dumps(_record(event)))
        return
    out = console()
    now = datetime.now(UTC)
    for event in events:
        line = event_line(
            event,
            names,
            at=clock(event.last_seen_at, now),
            width=out.width,
        )
        out.print(line, soft_wrap=True)
    if not events:
        click.echo("no such event; look further back with --since", err=True)


async def _events(
    read: files.Loaded,
    since: timedelta,
    match: Match,
    min_sources: int,
) -> tuple[list[Event], dict[str, str]]:
    """The newest first, and what their sources are called."""
    async with engines.attached_engine(read) as engine:
        store = engine.store
        from_at = await store.server_time() - since
        events = await store.watch.events_since(from_at)
        names = await naming.source_names(store, read.configuration.feeds)
    chosen: list[Event] = []
    for event in events:
        if event.independent_count >= min_sources and takes_event(match, event):
            chosen.append(event)
    chosen.sort(key=attrgetter("last_seen_at"), reverse=True)
    return chosen, names


def event_line(
    event: Event,
    names: Mapping[str, str],
    *,
    at: str,
    width: int,
    mark: str = "",
) -> Text:
    """An event with its id, which other commands take, and its headline, at most `width` columns wide. `at` is the time
    to tell and `mark` what else is to be said of it."""
    sources = named(event.sources, names)
    headline = Headline(
        at=at,
        title=event.title,
        mark=mark,
        source_count=event.independent_count,
        sources=sources,
        url=event.sources[0].url if event.sources else "",
        copied_count=max(len(sources) - event.independent_count, 0),
    )
    text = Text(f"{event.event_id}  ", style="dim", end="")
    return text.append_text(headline_text(headline, width=width - len(text)))


def _record(event: Event) -> dict[str, Any]:
    return {
        "event_id": event.event_id,
        "lang": event.lang,
        "title": event.title,
        "first_seen_at": event.first_seen_at,
        "last_seen_at": event.last_seen_at,
        "source_count": event.source_count,
        "independent_count": event.independent_count,
        "categories": event.categories,
        "sources": list(map(_source_record, event.sources)),
    }


def _source_record(source: Source) -> dict[str, str]:
    return {
        "feed_id": source.feed_id,
        "entry_id": source.entry_id,
        "title": source.title,
        "url": source.url,
    }
