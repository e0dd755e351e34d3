"""`aggregator init`: a first feeds.toml, with comments and a starter list."""

from __future__ import annotations

from pathlib import Path

import click

from aggregator.cli import starter
from aggregator.config import NO_FEEDS
from aggregator.daemon import files
from aggregator.errors import ConfigError, Problem
from aggregator.watch.wording import counted


@click.command()
@click.argument(
    "directory",
    metavar="[DIR]",
    default=".",
    type=click.Path(file_okay=False, path_type=Path),
)
@click.option(
    "--language",
    "languages",
    multiple=True,
    type=click.Choice(starter.LANGUAGES),
    help="Feeds in this language; may be given again (default: en and zh).",
)
@click.option(
    "--theme",
    "themes",
    multiple=True,
    type=click.Choice(starter.THEMES),
    help="Feeds of this theme; may be given again (default: all).",
)
@click.option("--empty", is_flag=True, help="The settings alone, without feeds.")
def init(
    directory: Path,
    languages: tuple[str, ...],
    themes: tuple[str, ...],
    empty: bool,
) -> None:
    """Write a commented feeds.toml with a starter list into DIR (default: here); never over one that is there.

    Commands find the file in the directory where they are started, in your configuration directory
    (~/.config/aggregator on Linux) and in /etc/aggregator; elsewhere by `--config F`.
    """
    languages = languages or starter.DEFAULT_LANGUAGES
    themes = themes or starter.THEMES
    # Said, since a file without feeds may as well have been cut off.
    text = f"{NO_FEEDS}\n\n{starter.head()}"
    if not empty:
        text = starter.starter(languages=languages, themes=themes)
    count = starter.feed_count(text)
    if not count and not empty:
        chosen = f"{' and '.join(themes)} in {' and '.join(languages)}"
        remark = (
            f"there is no starter list of {chosen}; leave out --theme or --language"
        )
        raise ConfigError(Problem(remark))
    file = directory / "feeds.toml"
    files.write_new(file, text)
    click.echo(f"wrote {file}: {counted(count, 'feed')}; edit it as you like")
    click.echo(f"next: `{next_command(file)}`")


def next_command(file: Path) -> str:
    """The command that runs with this file: the file is named where no command looks for it by itself."""
    known = [place.resolve() for place in files.places()]
    if file.resolve() in known:
        return "aggregator run"
    return f"aggregator run --config {file}"
