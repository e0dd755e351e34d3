"""`aggregator check`: is feeds.toml right, and what is in force."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from enum import StrEnum
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table

from aggregator.cli import files, options
from aggregator.model import Auth, Feed


@click.command()
@options.config
@options.as_json
def check(config_file: str | None, as_json: bool) -> None:
    """Validate the configuration and print what is effective."""
    read = files.loaded(config_file)
    effective = {
        "file": str(read.file.resolve()),
        "state_dir": str(read.state_dir),
        "digest_dir": str(read.digest_dir),
        "settings": _plain(asdict(read.configuration.settings)),
        "feeds": [_plain(_feed(feed)) for feed in read.configuration.feeds],
    }
    if as_json:
        click.echo(orjson.dumps(effective, option=orjson.OPT_INDENT_2))
    else:
        _print(effective, read.configuration.feeds)


def _feed(feed: Feed) -> dict[str, Any]:
    """A feed without what must not be shown: header values may hold keys."""
    return asdict(feed) | {"headers": [name for name, _ in feed.headers], "auth": _auth(feed.auth)}


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


def written(span: timedelta) -> str:
    """A duration as feeds.toml writes it: the largest unit that divides it."""
    seconds = int(span.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{span.total_seconds():g}s"


def _print(effective: dict[str, Any], feeds: tuple[Feed, ...]) -> None:
    console = Console(highlight=False)
    console.print(f"[bold]{effective['file']}[/] is valid: {len(feeds)} feeds.")
    for name, value in effective["settings"].items():
        if isinstance(value, dict):
            console.print(f"[bold]\\[{name}][/] " + ", ".join(f"{k} = {v!r}" for k, v in value.items()), soft_wrap=True)
        elif name not in ("queues", "state_dir"):
            console.print(f"{name} = {value!r}", soft_wrap=True)
    console.print(f"state_dir = {effective['state_dir']!r}", soft_wrap=True)
    console.print(f"digests in {effective['digest_dir']!r}", soft_wrap=True)
    for queue in effective["settings"]["queues"]:
        console.print(f"[bold]\\[\\[queue]][/] {queue}", soft_wrap=True)
    console.print(_table(feeds))


def _table(feeds: tuple[Feed, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("feed", "language", "interval", "categories", "url"):
        table.add_column(heading, overflow="fold")
    for feed in feeds:
        interval = feed.cron or f"{written(feed.min_interval)} … {written(feed.max_interval)}"
        name = feed.feed_id if feed.enabled else f"{feed.feed_id} (off)"
        table.add_row(name, feed.language or "", interval, " / ".join(feed.categories), feed.url)
    return table
