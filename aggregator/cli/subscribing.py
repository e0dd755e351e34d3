"""`aggregator feeds remove | import | export`: feeds.toml edited, its comments kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import click

from aggregator.cli import options, starter
from aggregator.config import configuration
from aggregator.daemon import files
from aggregator.model import Feed
from aggregator.opml import Subscription, opml_of, subscriptions_of_opml
from aggregator.redaction import redacted
from aggregator.subscriptions import (
    usable,
    with_subscriptions,
    without_feed,
)


@click.command()
@click.argument("feed_id", metavar="ID")
@options.config
def remove(feed_id: str, config_file: str | None) -> None:
    """Remove a feed, by id or URL. What it published is remembered: adding it again repeats nothing."""
    file = files.loaded(config_file).file
    files.write_text(
        file,
        without_feed(files.read_text(file), feed_id, file=str(file)),
    )
    click.echo(f"removed {redacted(feed_id)} from {file}")


@click.command("import")
@click.argument("opml", metavar="FILE.opml", type=click.File("rb"))
@options.config
def import_opml(opml: BinaryIO, config_file: str | None) -> None:
    """Add every feed of an OPML file (`-`: of stdin); folder, title and inner folder become the categories.

    Each outline that is no folder is added, already there, or left out with a reason, and costs the others nothing.
    Exit status 1: one that should have been a feed was left out, or there was none. Where there is no feeds.toml, one
    is made here.
    """
    read = to_edit(config_file)
    document = subscriptions_of_opml(opml.read())
    new, unusable = usable(document.feeds)
    added = add_feeds(read.file, new, ())
    left_out = [*document.left_out, *unusable]
    for outline in left_out:
        click.echo(f"left out: {outline.name}: {outline.why}", err=True)
    # Every outline that is no folder is in one of the three numbers.
    known_count = len(new) - len(added) + document.repeated_count
    counts = (
        f"{len(added)} added, {known_count} already there, {len(left_out)} left out"
    )
    click.echo(counts, err=True)
    if not new:
        remark = "aggregator: no outline of it names a feed that can be added"
        click.echo(remark, err=True)
    has_failed = any(outline.is_failure for outline in left_out)
    if has_failed or not new:
        raise SystemExit(1)


@click.command("export")
@options.config
@click.option(
    "--secrets",
    is_flag=True,
    help="With the users, passwords and tokens that stand in addresses.",
)
def export_opml(config_file: str | None, secrets: bool) -> None:
    """Print all feeds as OPML."""
    feeds: list[Feed] = []
    hidden_count = 0
    for feed in files.loaded(config_file).configuration.feeds:
        # A list is handed on to others, and the addresses of private feeds are their passwords.
        url = feed.url if secrets else redacted(feed.url)
        hidden_count += url != feed.url
        feeds.append(replace(feed, url=url))
    click.echo(opml_of(feeds), nl=False)
    if hidden_count:
        remark = f"the secrets of {hidden_count} addresses are left out; see --secrets"
        click.echo(f"aggregator: {remark}", err=True)


def to_edit(config_file: str | None) -> files.Loaded:
    """The feeds.toml to write to; where there is none, the one that is begun when the first feed is known."""
    file = Path(config_file) if config_file else files.found_path()
    if file is None:
        return files.begun(files.places()[0], starter.head())
    # One that says nothing (`touch feeds.toml`) is begun as one that is not there.
    if not file.exists() or _is_blank(file):
        return files.begun(file, starter.head())
    return files.loaded(str(file))


def _is_blank(file: Path) -> bool:
    """Whether a feeds.toml says nothing yet."""
    return configuration(files.read_text(file), file=str(file)).is_blank


def add_feeds(
    file: Path,
    new: list[Subscription],
    categories: tuple[str, ...],
) -> list[str]:
    """Write the new feeds into the file and tell; answers with the ids added."""
    is_new = not file.exists()
    before = "" if is_new else files.read_text(file)
    text, added, known = with_subscriptions(
        before if before.strip() else starter.head(),
        new,
        file=str(file),
        categories=categories,
    )
    # Only when something is added: an address that is no feed leaves no file behind.
    if added and is_new:
        files.write_new(file, text)
        click.echo(f"wrote {file}")
    elif added:
        files.write_text(file, text)
    for feed in configuration(text, file=str(file)).feeds:
        if feed.feed_id in added:
            click.echo(f"added {feed.feed_id}\t{redacted(feed.url)}")
    if len(known) > 1:
        click.echo(f"{len(known)} already there")
    elif known:
        click.echo(f"already there: {redacted(known[0])}")
    return added
