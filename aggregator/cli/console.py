"""Where what people read is printed.

Rules: as wide as the terminal; a pipe or a file gets long lines, so that `grep` finds a feed id in one piece (COLUMNS
says otherwise). What publishers and consumers wrote is printed as `Text`, never as markup: `[/b]` in a title would be
read as a tag. Whatever is printed, by rich, click or Python itself, passes `watch.terminal` on its way out. Whatever
the locale, names of files and arguments are UTF-8, and what the encoding of the output cannot hold is printed as what
names it (`\\u82b1`) and ends no command.
"""

from __future__ import annotations

import codecs
import io
import locale
import os
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from aggregator.visible import visible
from aggregator.watch.terminal import guarded, unguarded

FILE_WIDTH = 160
"""Columns of output that goes to no terminal. A guess: a feed id, its figures and a sentence fit."""


class SafeConsole(Console):
    """A console whose own colours reach the terminal, and nothing that stands in what it prints."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))

    def on_broken_pipe(self) -> None:
        """A reader that goes away (`| head`) is what the command line knows: rich would end with status 1."""
        raise BrokenPipeError


def console(*, error: bool = False) -> Console:
    """The console of stdout, or of stderr."""
    stream = unguarded(sys.stderr if error else sys.stdout)
    to_people = stream.isatty() or "COLUMNS" in os.environ
    return SafeConsole(file=stream, highlight=False, width=None if to_people else FILE_WIDTH)


def use_utf8() -> None:
    """Start this program again in Python's UTF-8 mode, where the locale would have files named otherwise.

    The mode cannot be entered later, and without it every path, argument and file of ours would need care of its own.
    With `LC_ALL=C` Python is in that mode by itself (PEP 540), so this is for ISO-8859-1 and the like.
    """
    if codecs.lookup(sys.getfilesystemencoding()).name != "utf-8" and sys.executable:
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def _encoding_of(stream: Any) -> str:
    """What is read where the stream goes: what $PYTHONIOENCODING says, else the locale; UTF-8 for one that is ASCII."""
    if os.environ.get("PYTHONIOENCODING", "").partition(":")[0]:
        return str(stream.encoding)
    spoken = codecs.lookup(locale.getencoding()).name
    return "utf-8" if spoken == "ascii" else spoken


def guard_output() -> None:
    """From now on nothing a terminal obeys leaves by stdout or stderr, whoever prints it, tracebacks included; and
    nothing fails for its letters."""
    for stream in (unguarded(sys.stdout), unguarded(sys.stderr)):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=_encoding_of(stream), errors="backslashreplace")
    sys.stdout, sys.stderr = guarded(sys.stdout), guarded(sys.stderr)
