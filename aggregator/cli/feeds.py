"""`aggregator feeds …`: the subscriptions in feeds.toml. Those that change it are in `subscribing`."""

from __future__ import annotations

import click
import orjson

from aggregator.cli import options
from aggregator.cli.lazy import LazyGroup, places
from aggregator.daemon import files
from aggregator.redaction import redacted

PLACES = places(
    (
        "list",
        "feeds:list_feeds",
        "The feeds of feeds.toml, one a line: id, URL, categories.",
    ),
    ("add", "adding", "Add a feed; of an HTML page, the feed it names."),
    ("remove", "subscribing", "Remove a feed, by id or URL."),
    ("import", "subscribing:import_opml", "Add every feed of an OPML file."),
    ("export", "subscribing:export_opml", "Print all feeds as OPML."),
    ("release", "releasing", "Let a quarantined or stopped (410) feed go on."),
)


@click.command(cls=LazyGroup, places=PLACES)
def feeds() -> None:
    """List, add, remove, import and export subscriptions; release a quarantined feed."""


@click.command("list")
@options.config
@options.as_json
def list_feeds(config_file: str | None, as_json: bool) -> None:
    """The feeds of feeds.toml, one a line: id, URL, categories."""
    read = files.loaded(config_file)
    for feed in read.configuration.feeds:
        if as_json:
            row = {
                "id": feed.feed_id,
                "url": redacted(feed.url),
                "categories": feed.categories,
                "enabled": feed.enabled,
            }
            click.echo(orjson.dumps(row))
        else:
            # Tabs, for `cut` and `awk`.
            cells = [
                feed.feed_id,
                redacted(feed.url),
                " / ".join(feed.categories),
            ]
            if not feed.enabled:
                cells.append("(off)")
            click.echo("\t".join(cells))
