"""`aggregator digest`: what happened, for people."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import click

from aggregator.cli import engines, options
from aggregator.cli.console import console
from aggregator.daemon import files
from aggregator.daemon.files import Loaded
from aggregator.daemon.watching import window_digest
from aggregator.engine.store import Store
from aggregator.engine.watch_store import Row
from aggregator.errors import EngineDown, EngineMissing
from aggregator.model import Digest
from aggregator.watch import wording
from aggregator.watch.digest_files import DigestFiles
from aggregator.watch.digest_html import digest_html
from aggregator.watch.digest_joined import joined_digest
from aggregator.watch.digest_json import digest_json
from aggregator.watch.digest_markdown import digest_markdown
from aggregator.watch.digest_text import digest_renderable

FOLLOW_SECONDS = 2.0


@click.command()
@options.since("24h", "How far back.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "html", "json"]),
    default="text",
    show_default=True,
)
@click.option("--lang", help="Only events of this language, such as zh or en.")
@click.option("--category", help="Only events of this category, at any level.")
@click.option(
    "--top",
    type=click.IntRange(min=1),
    help="How many events to tell (default: [digest] top).",
)
@click.option(
    "--follow",
    "-f",
    is_flag=True,
    help="Print each digest as the daemon makes it.",
)
@options.config
def digest(
    since: timedelta,
    form: str,
    lang: str | None,
    category: str | None,
    top: int | None,
    follow: bool,
    config_file: str | None,
) -> None:
    """The events of the last hours, by the number of independent sources; feeds in trouble; what was saved.

    Read from Redis when it is up, else from the digest files.
    """
    read = files.loaded(config_file)
    if follow:
        asyncio.run(_follow(read, form))
        return
    top = top or read.configuration.settings.digest.top
    _print(
        read,
        asyncio.run(_digest(read, since, lang, category, top)),
        form,
    )


async def _digest(
    read: Loaded,
    since: timedelta,
    lang: str | None,
    category: str | None,
    top: int,
) -> Digest:
    feed_ids = [feed.feed_id for feed in read.configuration.feeds if feed.enabled]
    try:
        async with engines.attached_engine(read) as engine:
            now = await engine.store.server_time()
            return await window_digest(
                engine.store,
                feed_ids=feed_ids,
                since=now - since,
                until=now + timedelta(seconds=1),
                top=top,
                elapsed={},
                language=lang,
                category=category,
            )
    # The digests are kept as files for this.
    except (EngineMissing, EngineDown) as error:
        return _from_files(
            read,
            since,
            top,
            error,
            lang=lang,
            category=category,
        )


def _from_files(
    read: Loaded,
    since: timedelta,
    top: int,
    error: Exception,
    *,
    lang: str | None,
    category: str | None,
) -> Digest:
    """The digests kept as files, put together. Raises the error when there are none."""
    now = datetime.now(UTC)
    digests = DigestFiles(read.digest_dir).since(now - since)
    if not digests:
        raise error
    click.echo(f"aggregator: {error}; this is from {read.digest_dir}", err=True)
    return joined_digest(
        digests,
        from_at=now - since,
        to_at=now,
        top=top,
        language=lang,
        category=category,
    )


async def _follow(read: Loaded, form: str) -> None:
    async with engines.attached_engine(read) as engine:
        watch = engine.store.watch
        last_ids = await watch.last_ids(["digest"])
        while True:
            for row in await _more(engine.store, last_ids):
                last_ids = {"digest": row.stream_id}
                record = watch.digest_of(row)
                if record is not None:
                    _print(read, record, form)


async def _more(
    store: Store,
    last_ids: dict[str, str],
) -> list[Row]:
    wait = timedelta(seconds=FOLLOW_SECONDS)
    try:
        return await store.watch.tail(last_ids, block=wait)
    # A daemon that is started anew takes its server with it for a moment.
    except EngineDown as error:
        click.echo(f"aggregator: {error}; trying again", err=True)
        await asyncio.sleep(FOLLOW_SECONDS)
        return []


def _print(read: Loaded, record: Digest, form: str) -> None:
    zone = ZoneInfo(read.configuration.settings.digest.timezone)
    match form:
        case "markdown":
            click.echo(digest_markdown(record, zone=zone))
        case "html":
            click.echo(digest_html(record, zone=zone))
        case "json":
            click.echo(digest_json(record))
        case _:
            out = console()
            shown = digest_renderable(
                record,
                zone=zone,
                names=wording.source_names(read.configuration.feeds, {}),
                has_links=out.is_terminal,
            )
            out.print(shown)
