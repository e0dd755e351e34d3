"""`aggregator check`: is feeds.toml right, and what is in force."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from enum import StrEnum
from typing import Any

import click
import orjson
from rich.table import Table
from rich.text import Text

from aggregator.cli import options
from aggregator.cli.console import console
from aggregator.cli.effective import shown, toml_lines, written
from aggregator.config import strained, unheard
from aggregator.daemon import files
from aggregator.engine.client import connect
from aggregator.model import Auth, Feed
from aggregator.redaction import redacted
from aggregator.watch.wording import counted


@click.command()
@options.config
@options.as_json
def check(config_file: str | None, as_json: bool) -> None:
    """Validate the configuration and print what is effective."""
    read = files.loaded(config_file)
    settings = read.configuration.settings
    if settings.redis_url:
        # Opens no connection; refuses what it cannot use.
        connect(settings.redis_url, key_prefix=settings.key_prefix)
    effective = {
        "file": str(read.file.resolve()),
        "state_dir": str(read.state_dir),
        "digest_dir": str(read.digest_dir),
        "settings": _plain(shown(asdict(settings))),
        "feeds": [_plain(_feed(feed)) for feed in read.configuration.feeds],
    }
    if as_json:
        click.echo(orjson.dumps(effective, option=orjson.OPT_INDENT_2))
    else:
        _print(read)
    # Nothing is wrong with the file, but a queue may wait for ever, or a digest leave something out.
    remarks = [*unheard(read.configuration), *strained(read.configuration)]
    for remark in remarks:
        click.echo(f"aggregator: {remark}", err=True)
    if settings.redis_url and settings.server_listen:
        click.echo(
            "aggregator: [server] listen has no effect: it is for the embedded server, not redis_url's",
            err=True,
        )


def _feed(feed: Feed) -> dict[str, Any]:
    """A feed without what must not be shown: header values may hold keys."""
    return asdict(feed) | {
        "url": redacted(feed.url),
        "headers": [name for name, _ in feed.headers],
        "auth": _auth(feed.auth),
    }


def _auth(auth: Auth | None) -> str | None:
    return f"{auth.scheme} from {auth.environment or auth.file}" if auth else None


def _plain(value: Any) -> Any:
    match value:
        case timedelta():
            return written(value)
        case StrEnum():
            return value.value
        case dict():
            return {key: _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case _:
            return value


def _print(read: files.Loaded) -> None:
    feeds = read.configuration.feeds
    out = console()
    settings = read.configuration.settings
    for line in toml_lines(settings, digest_dir=str(read.digest_dir)):
        out.print(
            Text(line, style=_style(line)),
            soft_wrap=True,
        )
    count = "no feeds yet; `aggregator feeds add URL`"
    if feeds:
        count = counted(len(feeds), "feed")
        out.print(_table(feeds))
        out.print()
    place = (str(read.file.resolve()), "bold")
    out.print(Text.assemble(place, f" is valid: {count}"), soft_wrap=True)


def _style(line: str) -> str:
    """Of a line of TOML."""
    if line.startswith("["):
        return "bold"
    if line.startswith("#"):
        return "dim"
    return ""


def _table(feeds: tuple[Feed, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("feed", "lang", "interval", "categories", "url"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "interval")
    for feed in feeds:
        bounds = f"{written(feed.min_interval)} … {written(feed.max_interval)}"
        cells = (
            feed.feed_id if feed.enabled else f"{feed.feed_id} (off)",
            feed.language or "",
            feed.cron or bounds,
            " / ".join(feed.categories),
            redacted(feed.url),
        )
        table.add_row(*map(Text, cells))
    return table
