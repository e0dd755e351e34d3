"""The command line: the only place where the real parts are put together.

Rules: every command takes `--config F` after its name; what the user must mend is told in one paragraph without a
traceback, exit 2 for a wrong configuration or command line, 1 for what failed; output for programs is `--json`.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from aggregator import __version__
from aggregator.cli import remedies
from aggregator.cli.garbage import collect_seldom
from aggregator.cli.lazy import LazyGroup, places
from aggregator.cli.streams import guard_output, open_streams, use_utf8
from aggregator.cli.threads import compute_on_one_thread
from aggregator.errors import AggregatorError, ConfigError
from aggregator.redaction import redacted

PLACES = places(
    (
        "demo",
        "demo",
        "See it at work: sample feeds in four languages, served, polled and matched.",
    ),
    ("init", "init", "Write a commented feeds.toml with a starter list into DIR."),
    ("run", "run", "Run the daemon: poll, match, publish, until SIGTERM."),
    ("check", "check", "Validate the configuration and print what is effective."),
    (
        "poll",
        "poll",
        "Poll feeds now, due or not, and print what was found and each entry's outcome.",
    ),
    ("tail", "tail", "Print the newest messages of the events stream."),
    (
        "digest",
        "digest",
        "The events of the last hours, by the number of independent sources.",
    ),
    (
        "status",
        "status",
        "Feeds: health, last and next poll and why then, failures, entries.",
    ),
    (
        "events",
        "events",
        "List and show events, and say which reports are one and which are not.",
    ),
    ("search", "search", "Find events by words in their titles and leads."),
    ("explain", "matching", "Why two reports are one event, or are not."),
    (
        "backtest",
        "matching",
        "Run the event stage over a file of entries, by the daemon's own code.",
    ),
    ("feeds", "feeds", "List, add, remove, import and export subscriptions."),
    (
        "export",
        "export",
        "Write the documents of the window as files, in folders by category.",
    ),
    (
        "reload",
        "reload",
        "Read feeds.toml again, in every daemon of its state directory.",
    ),
    ("completions", "reference", "Print the completion script for a shell."),
    (
        "manual",
        "reference",
        "Print the man page (roff): `aggregator manual | man -l -`.",
    ),
    ("schema", "reference", "Print the JSON Schema of feeds.toml, for editors."),
)
"""Command, its module here, and how its help begins; in the order of `--help`."""

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


class Commands(LazyGroup):
    """The commands; who reads their output may go away."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. A reader that goes away (`| head`) is no failure."""
        try:
            status = super().invoke(ctx)
            # What is still in the buffer meets the closed pipe here, not at the interpreter's end.
            sys.stdout.flush()
        except BrokenPipeError:
            _write_to_nobody()
            raise click.exceptions.Exit(0) from None
        return status


def _write_to_nobody() -> None:
    """What is still in the buffer of stdout goes nowhere, so that the interpreter does not fail at its end."""
    os.dup2(
        os.open(os.devnull, os.O_WRONLY),
        sys.stdout.fileno(),
    )


@click.command(
    cls=Commands,
    places=PLACES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="aggregator")
def commands() -> None:
    """Polls RSS, Atom and JSON feeds, finds the reports that tell of the same event, and publishes to Redis.

    See it at work with `aggregator demo`. Start with `aggregator init`, then `aggregator run`; look with
    `aggregator status`, `aggregator tail --follow` and `aggregator digest`.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and end the process with its exit status."""
    # `>&-`: a command that was given no place to print to does its work.
    open_streams()
    # It starts the program again: with arguments of its own it is called inside another.
    if arguments is None:
        use_utf8()
    compute_on_one_thread()
    collect_seldom()
    guard_output()
    sys.exit(_run(sys.argv[1:] if arguments is None else arguments))


def _run(arguments: Sequence[str]) -> int:
    """The exit status of one command."""
    try:
        status = commands.main(
            list(arguments),
            prog_name="aggregator",
            standalone_mode=False,
        )
    # Ctrl-C at a question: 128 + SIGINT, as a shell says it.
    except click.exceptions.Abort:
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ConfigError as error:
        return _told(error, 2, arguments)
    except AggregatorError as error:
        return _told(error, 1, arguments)
    except OSError as error:
        # Any other is a fault of ours, whose traceback is wanted.
        if error.errno not in _DISK_FULL:
            raise
        return _told(
            AggregatorError(f"cannot write: {os.strerror(error.errno)}"),
            1,
            arguments,
        )
    return status if isinstance(status, int) else 0


def _told(
    error: AggregatorError,
    status: int,
    arguments: Sequence[str],
) -> int:
    called = remedies.called(sys.argv[0], arguments)
    # A mistake in an address is told with the address, which may hold a password or a token.
    text = redacted(remedies.as_called(str(error), called))
    # Several problems of one file stand below each other, where an editor finds `file:line`.
    separator = "\n" if "\n" in text else " "
    click.echo(f"aggregator:{separator}{text}", err=True)
    return status
