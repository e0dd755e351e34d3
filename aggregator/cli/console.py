"""Where what people read is printed.

Rules: as wide as the terminal; a pipe or a file gets long lines, so that `grep` finds a feed id in one piece (COLUMNS
says otherwise). What publishers and consumers wrote is printed as `Text`, never as markup: `[/b]` in a title would be
read as a tag.
"""

from __future__ import annotations

import os
import sys

from rich.console import Console

FILE_WIDTH = 160
"""Columns of output that goes to no terminal. A guess: a feed id, its figures and a sentence fit."""


def console() -> Console:
    """The console of stdout."""
    to_people = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(highlight=False, width=None if to_people else FILE_WIDTH)
