"""Where what people read is printed.

Rules: as wide as the terminal; a pipe or a file gets long lines, so that `grep` finds a feed id in one piece (COLUMNS
says otherwise). What publishers and consumers wrote is printed as `Text`, never as markup: `[/b]` in a title would be
read as a tag. Whatever is printed, by rich, click or Python itself, passes `watch.terminal` on its way out. Whatever
the locale, names of files and arguments are UTF-8, and what the encoding of the output cannot hold is printed as what
names it (`\\u82b1`) and ends no command.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from aggregator.visible import visible
from aggregator.watch.terminal import unguarded

FILE_WIDTH = 160
"""Columns of output that goes to no terminal. A guess: a feed id, its figures and a sentence fit."""


class SafeConsole(Console):
    """A console whose own colours reach the terminal, and nothing that stands in what it prints."""

    def render(
        self,
        renderable: RenderableType,
        options: ConsoleOptions | None = None,
    ) -> Iterable[Segment]:
        """The segments of what is drawn, all that strangers wrote in them made visible."""
        for segment in super().render(renderable, options):
            # A control segment is rich's own: it moves the cursor.
            if segment.control:
                yield segment
            else:
                yield segment._replace(text=visible(segment.text))

    def on_broken_pipe(self) -> None:
        """A reader that goes away (`| head`) is what the command line knows: rich would end with status 1."""
        # rich itself would end the process with status 1, as if the command had failed.
        raise BrokenPipeError


def console(*, error: bool = False) -> Console:
    """The console of stdout, or of stderr."""
    stream = unguarded(sys.stderr if error else sys.stdout)
    has_width = stream.isatty() or "COLUMNS" in os.environ
    # rich takes 80 columns for a pipe, and would fold feed ids that `grep` looks for.
    width = None if has_width else FILE_WIDTH
    return SafeConsole(file=stream, highlight=False, width=width)
