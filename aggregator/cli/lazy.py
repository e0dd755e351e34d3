"""A group of commands that are imported when they are asked for.

Rules: what is asked of all commands at once (the list of `--help`, completions, the nearest name of a misspelt one) is
answered from the table; only the command that runs, and `aggregator manual`, import modules.

Why: with every command imported `aggregator --help` took 1.2 s of processor time, one line of help for each.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click
from click.shell_completion import CompletionItem


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command is, and how its help begins."""

    module: str
    attribute: str
    summary: str


def places(*rows: tuple[str, str, str]) -> Mapping[str, Place]:
    """Of (name, where, summary). Where: a module in `aggregator.cli`, with `:attribute` if that is not the name."""
    places = {}
    for name, where, summary in rows:
        module, _, attribute = where.partition(":")
        places[name] = Place(f"aggregator.cli.{module}", attribute or name, summary)
    return places


class LazyGroup(click.Group):
    """`places` in the order in which they are listed."""

    def __init__(
        self,
        *arguments: Any,
        places: Mapping[str, Place],
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self.places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in their order; imports nothing."""
        return list(self.places)

    def get_command(
        self,
        ctx: click.Context,
        name: str,
    ) -> click.Command | None:
        """The command, imported now; None for one that is not there."""
        place = self.places.get(name)
        if place is None:
            return None
        command = getattr(importlib.import_module(place.module), place.attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(
        self,
        ctx: click.Context,
        formatter: click.HelpFormatter,
    ) -> None:
        """Writes the list of `--help`; imports nothing, where click would import every command."""
        rows = [(name, place.summary) for name, place in self.places.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def shell_complete(
        self,
        ctx: click.Context,
        incomplete: str,
    ) -> list[CompletionItem]:
        """What a shell offers for a word that begins so; imports nothing."""
        items: list[CompletionItem] = []
        for name, place in self.places.items():
            if name.startswith(incomplete):
                items.append(CompletionItem(name, help=place.summary))
        # Not Group's own, which would import every command for its help.
        return items + click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self,
        ctx: click.Context,
        args: list[str],
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Raises NoSuchCommand, which names the nearest of the commands that are not loaded either."""
        try:
            return super().resolve_command(ctx, args)
        # click looks for the nearest name among the commands that it has loaded: of ours none.
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(
                error.command_name,
                possibilities=self.places,
                ctx=ctx,
            ) from None
