"""The command line: the only place where the real parts are put together.

Rules: every command takes `--config F` after its name; what the user must mend is told in one paragraph without a
traceback, exit 2 for a wrong configuration or command line, 1 for what failed; output for programs is `--json`.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from aggregator import __version__
from aggregator.cli import remedies
from aggregator.cli.console import guard_output, use_utf8
from aggregator.errors import AggregatorError, ConfigError

COMMANDS = {
    "demo": "demo",
    "init": "init",
    "run": "run",
    "check": "check",
    "poll": "poll",
    "tail": "tail",
    "digest": "digest",
    "status": "status",
    "events": "events",
    "search": "search",
    "explain": "matching",
    "backtest": "matching",
    "feeds": "feeds",
    "export": "export",
    "reload": "reload",
    "completions": "reference",
    "manual": "reference",
    "schema": "reference",
}
"""Command → its module here. A module is loaded when its command is asked for: matching loads NumPy, `check` need not
wait for that (measured: 1.6 s of processor time for all of them, 0.3 s for `check`)."""

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


class Commands(click.Group):
    """The commands, each loaded when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(f"aggregator.cli.{COMMANDS[name]}"), name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Raises NoSuchCommand, which names the nearest of the commands that are not loaded either."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(error.command_name, possibilities=COMMANDS, ctx=ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Who reads its output may go away (`| head`): that is no failure."""
        try:
            status = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            _write_to_nobody()
            raise click.exceptions.Exit(0) from None
        return status


def _write_to_nobody() -> None:
    """What is still in the buffer of stdout goes nowhere, so that the interpreter does not fail at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="aggregator")
def commands() -> None:
    """Polls RSS, Atom and JSON feeds, finds the reports that tell of the same event, and publishes to Redis.

    Start with `aggregator run`; look with `aggregator status`, `aggregator tail --follow` and `aggregator digest`.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and end the process with its exit status."""
    if arguments is None:
        use_utf8()
    guard_output()
    sys.exit(_run(arguments, remedies.called(sys.argv[0], sys.argv[1:] if arguments is None else arguments)))


def _run(arguments: Sequence[str] | None, called: remedies.Called) -> int:
    """The exit status of one command."""
    try:
        status = commands.main(arguments, prog_name="aggregator", standalone_mode=False)
    except click.exceptions.Abort:
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ConfigError as error:
        return _told(error, 2, called)
    except AggregatorError as error:
        return _told(error, 1, called)
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise
        return _told(AggregatorError(f"cannot write: {os.strerror(error.errno)}"), 1, called)
    return status if isinstance(status, int) else 0


def _told(error: AggregatorError, status: int, called: remedies.Called) -> int:
    text = remedies.as_called(str(error), called)
    click.echo(f"aggregator: {text}" if "\n" not in text else f"aggregator:\n{text}", err=True)
    return status
