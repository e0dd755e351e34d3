"""Standard streams as every command finds them: harmless to terminals, in an encoding that holds what is written.

Whatever the locale, names of files and arguments are UTF-8, and what the encoding of the output cannot hold is printed
as what names it (`\\u82b1`) and ends no command.
"""

from __future__ import annotations

import codecs
import io
import locale
import os
import sys
from typing import Any

from aggregator.watch.terminal import guarded, unguarded


def open_streams() -> None:
    """Give a process that was started without stdin, stdout or stderr (`>&-`) the null device there: it has none to
    print to, and the next file it opens would be taken for the missing one."""
    for number, name, mode in _STANDARD:
        if getattr(sys, name) is not None:
            continue
        null = os.open(os.devnull, os.O_RDWR)
        if null != number:
            os.dup2(null, number)
        # Never closed by us, as the interpreter's own are not.
        stream = open(  # noqa: SIM115
            number, mode, encoding="utf-8", closefd=False
        )
        setattr(sys, name, stream)


_STANDARD = ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w"))


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
    encoding = codecs.lookup(locale.getencoding()).name
    # LC_ALL=C, or no locale at all, as cron has it: that says nothing of where the output goes.
    return "utf-8" if encoding == "ascii" else encoding


def guard_output() -> None:
    """From now on nothing a terminal obeys leaves by stdout or stderr, whoever prints it, tracebacks included; and
    nothing fails for its letters."""
    for stream in (unguarded(sys.stdout), unguarded(sys.stderr)):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=_encoding_of(stream), errors="backslashreplace")
    # Whoever prints: rich, click, Python's own tracebacks (OSC 52 would write the reader's clipboard).
    sys.stdout, sys.stderr = guarded(sys.stdout), guarded(sys.stderr)
