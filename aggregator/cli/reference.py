"""What other programs make of the command line and the configuration: a man page, completions, a JSON Schema.

All three are made from the texts and models in force, so that none of them can be out of date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import orjson
from click.shell_completion import get_completion_class

from aggregator import __version__
from aggregator.config import schema_of_file

PROGRAM = "aggregator"
FISH_CUTS = "(string split"


@click.command()
def schema() -> None:
    """Print the JSON Schema of feeds.toml, for editors."""
    click.echo(orjson.dumps(schema_of_file(), option=orjson.OPT_INDENT_2))


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completions(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell; the shell then asks the program itself.

    bash: eval "$(aggregator completions bash)" in ~/.bashrc; zsh: the same in ~/.zshrc; fish: into
    ~/.config/fish/completions/aggregator.fish.
    """
    completion = get_completion_class(shell)
    assert completion is not None, "the choice names what click has"
    program = ctx.find_root().command
    script = completion(program, {}, PROGRAM, "_AGGREGATOR_COMPLETE").source()
    # click 8.3 cuts what fish shows of a command at its first comma.
    click.echo(script.replace(FISH_CUTS, f"{FISH_CUTS} --max 1"))


@click.command()
@click.pass_context
def manual(ctx: click.Context) -> None:
    """Print the man page (roff): `aggregator manual | man -l -`."""
    click.echo("\n".join(man_page(ctx.find_root().command)))


def man_page(program: click.Command) -> list[str]:
    """The lines of aggregator(1)."""
    lines = [
        f'.TH AGGREGATOR 1 "" "aggregator {__version__}"',
        ".SH NAME",
        "aggregator \\- feeds in, events out",
        ".SH SYNOPSIS",
        ".B aggregator",
        ".I COMMAND",
        "[options]",
        ".SH DESCRIPTION",
        *_prose(program.help),
        ".SH COMMANDS",
    ]
    root = click.Context(program, info_name=PROGRAM)
    for name, command, ctx in _commands(program, root):
        lines += _section(name, command, ctx)
    lines += [
        ".SH EXIT STATUS",
        "0 when all went well, 1 when something failed, 2 for a wrong configuration or command line.",
        ".SH ENVIRONMENT",
        ".B LOG_FORMAT=json|pretty",
        "and",
        ".B LOG_LEVEL=debug|info|warning|error",
        "ask the daemon for log lines,",
        ".B NO_COLOR",
        "for no colours,",
        ".B COLUMNS",
        "for a width.",
        ".SH FILES",
        ".I feeds.toml",
        "(also in the configuration directory of the user and in /etc/aggregator)",
    ]
    return lines


def _commands(
    group: click.Command,
    ctx: click.Context,
    before: str = "",
) -> Iterator[tuple[str, click.Command, click.Context]]:
    """Every command with its whole name, those of groups after their group."""
    if not isinstance(group, click.Group):
        return
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        if command is not None:
            own = click.Context(command, info_name=name, parent=ctx)
            yield f"{before}{name}", command, own
            yield from _commands(command, own, f"{before}{name} ")


def _section(
    name: str,
    command: click.Command,
    ctx: click.Context,
) -> list[str]:
    usage = " ".join(command.collect_usage_pieces(ctx))
    lines = [f".SS {_roff(f'{PROGRAM} {name} {usage}')}", *_prose(command.help)]
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is not None:
            # An argument has no help of its own; an empty line would end the list, and `\&` has no width.
            lines += [".TP", f".B {_roff(record[0])}", _roff(record[1]) or "\\&"]
    return lines


def _prose(text: str | None) -> list[str]:
    lines: list[str] = []
    for paragraph in (text or "").split("\n\n"):
        lines += [".PP", _roff(" ".join(paragraph.split()))]
    return lines


def _roff(text: str) -> str:
    """The text as roff shows it: its backslashes and dashes as they are, no line that begins like a request."""
    plain = text.replace("\\", "\\e").replace("-", "\\-")
    # groff reads Latin-1 unless it is told otherwise.
    escaped = re.sub(
        r"[^\x00-\x7f]", lambda letter: f"\\[u{ord(letter[0]):04X}]", plain
    )
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
