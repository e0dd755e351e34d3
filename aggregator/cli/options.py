"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import click

from aggregator.config_values import duration

F = TypeVar("F", bound=Callable[..., Any])

config = click.option(
    "--config",
    "config_file",
    metavar="F",
    help="The feeds.toml to use (default: ./feeds.toml, then the usual places).",
)
as_json = click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print JSON, for programs.",
)


class DurationType(click.ParamType[timedelta]):
    """A duration as feeds.toml writes it: 90s, 15m, 24h, 7d."""

    name = "duration"

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> timedelta:
        """The duration that was typed; a usage error says how one is written."""
        try:
            span = duration(value)
        except ValueError as error:
            return self.fail(str(error), param, ctx)
        if span < timedelta(0):
            self.fail(f"{value!r} is negative: it is counted back from now", param, ctx)
        return span


DURATION = DurationType()


def since(default: str | None, text: str) -> Callable[[F], F]:
    """`--since`: how far back a command looks; without a default it need not be given."""
    return click.option(
        "--since",
        type=DURATION,
        default=default,
        show_default=default is not None,
        help=text,
    )
