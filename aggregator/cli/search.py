"""`aggregator search`: the events that tell of something, by their words and by what they mean."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import click
import orjson
from rich.console import Console
from rich.text import Text

from aggregator.cli import engines, naming, options
from aggregator.cli.console import console as console_of_stdout
from aggregator.cli.event_list import event_line
from aggregator.daemon import files
from aggregator.dedup.nearness import embedded, nearest_by_meaning
from aggregator.engine.store import Store
from aggregator.mentions import is_empty, split
from aggregator.model import Event
from aggregator.watch.api import EventSummary
from aggregator.watch.choice import Choice, is_chosen, meant_of, order_of
from aggregator.watch.clock import newest_at
from aggregator.watch.headlines import clock


@dataclass(frozen=True, slots=True)
class Hit:
    """An event that was found; `likeness` is None where its words were found, else the cosine of the meanings."""

    event: Event
    likeness: float | None = None


@click.command()
@click.argument("words", nargs=-1, required=True)
@options.since("72h", "How far back to look.")
@click.option("--lang", default="", help="Only events of this language, such as zh.")
@click.option(
    "--category",
    default="",
    help="Only events of this category, at any level.",
)
@click.option(
    "--min-sources",
    type=click.IntRange(1, 10_000),
    default=1,
    help="Only with so many sources or more.",
)
@click.option(
    "-n",
    "count",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="How many to show.",
)
@click.option(
    "--order",
    type=click.Choice(["top", "newest"]),
    default="newest",
    show_default=True,
)
@click.option(
    "--words-only",
    is_flag=True,
    help="Not by meaning, where the encoder is installed.",
)
@options.config
@options.as_json
def search(
    words: tuple[str, ...],
    since: timedelta,
    lang: str,
    category: str,
    min_sources: int,
    count: int,
    order: str,
    words_only: bool,
    config_file: str | None,
    as_json: bool,
) -> None:
    """Find events by words in their titles and leads: all of them, "phrases" together, prefix* and -without.

    Where the encoder of the extra `meaning` is in use, what means the same in other words, or in another language,
    comes after them.
    """
    query = asked_for(words)
    if all(map(is_empty, split(query))):
        raise click.UsageError("search for a word, such as earthquake")
    choice = Choice(
        language=lang,
        category=category,
        min_sources=min_sources,
        words=query,
        order=order,
    )
    hits, names = asyncio.run(
        _found(
            files.loaded(config_file),
            choice,
            since,
            count,
            by_meaning=not words_only,
        )
    )
    if as_json:
        for hit in hits:
            record = EventSummary.of(hit.event, names).model_dump(mode="json")
            click.echo(orjson.dumps(record | {"likeness": hit.likeness}))
        return
    _print(console_of_stdout(), hits, names)


def asked_for(words: Sequence[str]) -> str:
    """The arguments as one query: what the shell was given as one argument is a phrase."""
    items = []
    for word in words:
        is_phrase = " " in word.strip() and '"' not in word
        items.append(f'"{word}"' if is_phrase else word)
    return " ".join(items)


async def _found(
    read: files.Loaded,
    choice: Choice,
    since: timedelta,
    count: int,
    *,
    by_meaning: bool,
) -> tuple[list[Hit], dict[str, str]]:
    async with engines.attached_engine(read) as engine:
        store = engine.store
        from_at = await store.server_time() - since
        events = await store.watch.events_since(from_at)
        chosen = [event for event in events if is_chosen(event, choice)]
        chosen.sort(key=order_of(choice.order))
        hits = [Hit(event) for event in chosen[:count]]
        # Nothing has an embedding to compare with where meanings are off.
        has_embeddings = read.configuration.settings.dedup.meaning
        if by_meaning and has_embeddings and len(hits) < count:
            likeness = await _likeness(store, choice.words, from_at)
            known = {event.event_id for event in chosen}
            near = meant_of(events, choice, likeness, known)
            hits += [Hit(event, cosine) for event, cosine in near]
        names = await naming.source_names(store, read.configuration.feeds)
    return hits[:count], names


async def _likeness(
    store: Store,
    query: str,
    from_at: datetime,
) -> dict[str, float]:
    """Event id → how near its nearest headline is to the query, by meaning."""
    pairs: list[tuple[str, bytes]] = []
    async for records in store.fingerprints.since(from_at):
        pairs += [(record.event_id, record.packed) for record in records]
    known = embedded(pairs)
    # A new installation, or a machine that is too slow for the encoder: nothing found is then no answer.
    if pairs and not known.event_ids:
        click.echo("aggregator: by words alone: no headline has an embedding", err=True)
        return {}
    return nearest_by_meaning(query, known)


def _print(
    console: Console,
    hits: Sequence[Hit],
    names: dict[str, str],
) -> None:
    if not hits:
        console.print(Text("no event tells of this"), soft_wrap=True)
    now = datetime.now(UTC)
    for hit in hits:
        mark = "" if hit.likeness is None else f"by meaning {hit.likeness:.2f}"
        line = event_line(
            hit.event,
            names,
            at=clock(newest_at(hit.event), now),
            width=console.width,
            mark=mark,
        )
        console.print(line, soft_wrap=True)
