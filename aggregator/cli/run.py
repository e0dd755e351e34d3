"""`aggregator run`: the daemon, or one round of it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from aggregator.cli import options
from aggregator.cli.config_file import ConfigFile, within_limits
from aggregator.cli.garbage import keep_what_is_loaded
from aggregator.cli.surroundings import look_around
from aggregator.daemon import files
from aggregator.daemon.shutdown import hear_nothing_yet
from aggregator.watch import logs

if TYPE_CHECKING:
    from aggregator.cli.people import People

HINT = (
    "in another terminal: `aggregator tail -f`, `aggregator status`, `aggregator digest`; "
    "log lines: LOG_FORMAT=pretty"
)


@click.command()
@options.config
@click.option(
    "--once",
    is_flag=True,
    help="Poll every feed that is due once, finish both stages, and end.",
)
@click.option(
    "--role",
    type=click.Choice(["all", "poll", "event"]),
    default="all",
    show_default=True,
    help="Run both stages, or one of them, beside other workers on the same Redis.",
)
def run(
    config_file: str | None,
    once: bool,
    role: str,
) -> None:
    """Run the daemon: poll, match, publish, until SIGTERM.

    SIGHUP reloads feeds.toml, SIGUSR1 logs how the daemon is.
    """
    # Until the daemon listens, these would end it; a terminal that is closed ends one round.
    unheard = [signal.SIGUSR1, signal.SIGUSR2]
    if not once:
        unheard.append(signal.SIGHUP)
    hear_nothing_yet(*unheard)
    read = files.loaded(config_file or _offered())
    source = ConfigFile(read)
    people = configure_logs(source)
    look_around(read.state_dir, read.configuration.settings.fetch)
    read = replace(read, configuration=within_limits(read.configuration))
    if once:
        _once(read, role, people)
        return

    from aggregator.cli.running import daemon

    keep_what_is_loaded()
    asyncio.run(daemon(read, role, source, people))


def _once(
    read: files.Loaded,
    role: str,
    people: People | None,
) -> None:
    from aggregator.cli.once import run_once

    keep_what_is_loaded()
    interrupts: list[int] = []
    try:
        asyncio.run(run_once(read, role, people, interrupts))
    # As a shell says of a command that a signal ended.
    except asyncio.CancelledError:
        raise SystemExit(128 + interrupts[0]) from None


def _offered() -> str | None:
    """Where no feeds.toml is found and somebody is there to ask: the one that they want written."""
    # A service or a script is never asked: it would wait for ever.
    is_asked = sys.stdin.isatty() and sys.stdout.isatty()
    if files.found_path() is not None or not is_asked:
        return None

    from aggregator.cli import starter

    text = starter.starter()
    file = files.places()[0]
    click.echo(
        "There is no feeds.toml yet; `aggregator demo` shows all at work without one."
    )
    wanted = click.confirm(
        f"Write {file} here, with {starter.feed_count(text)} feeds to start with, and run?",
        default=True,
    )
    if not wanted:
        return None
    files.write_new(file, text)
    return str(file)


def configure_logs(source: ConfigFile) -> People | None:
    """Logs fit where stdout goes: JSON, with priorities in the journal. On a terminal people are told of events instead
    (the answer), unless $LOG_FORMAT or $LOG_LEVEL asks for log lines."""
    requested = os.environ.get("LOG_FORMAT")
    level = os.environ.get("LOG_LEVEL")
    is_terminal = sys.stdout.isatty()
    if is_terminal and not requested and not level:
        from aggregator.cli.console import console
        from aggregator.cli.people import People

        people = People(
            console(),
            feeds=source.feeds,
            file=str(source.file),
            hint=HINT,
        )
        logs.configure(tell=people.log)
        return people
    # systemd says by device and inode which stream goes to the journal: stdout may have been redirected since.
    stdout = os.fstat(sys.stdout.fileno())
    journal = logs.is_journal(
        os.environ.get("JOURNAL_STREAM"),
        device=stdout.st_dev,
        inode=stdout.st_ino,
    )
    form = logs.form_of(terminal=is_terminal, journal=journal, requested=requested)
    logs.configure(level=level or "info", form=form)
    return None
