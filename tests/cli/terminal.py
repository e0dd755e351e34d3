"""The program on a terminal of its own, as a person sees it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.daemon.program import ENVIRONMENT

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\]8;[^\x1b]*\x1b\\")


class Terminal:
    """What a program wrote to its terminal, and a keyboard."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self._master = master
        self.raw = ""

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def until(self, words: str, *, seconds: float = 200) -> str:
        """Read until the words are on the screen; answers with all that was."""
        deadline = time.monotonic() + seconds
        while words not in self.text:
            assert time.monotonic() < deadline, (
                f"not within {seconds} s: {words!r} in {self.text}"
            )
            if not self._read(0.2) and self.process.poll() is not None:
                assert words in self.text, (
                    f"it ended ({self.process.returncode}) before {words!r}: {self.text}"
                )
        return self.text

    def end(self) -> int:
        """Read to the end of the program, which answers with its exit status."""
        deadline = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < deadline:
            self._read(0.2)
        self._read(0)
        return self.process.wait(1)

    @property
    def text(self) -> str:
        """Without colours; a line that was redrawn stands there as often as it was drawn."""
        return _ESCAPES.sub("", self.raw).replace("\r\n", "\n")

    @property
    def lines(self) -> list[str]:
        """What was left standing of each line."""
        return [line.rpartition("\r")[2] for line in self.text.split("\n")]

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], seconds)
        if not ready:
            return False
        try:
            self.raw += os.read(self._master, 65536).decode(errors="replace")
        except OSError:  # the other end is closed
            return False
        return True


@contextmanager
def on_terminal(
    *words: str,
    folder: Path,
    columns: int = 100,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Terminal]:
    """`aggregator …` on a terminal so wide, started in `folder`; interrupted at the end if it still runs."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    own = {
        **ENVIRONMENT,
        "TERM": "xterm-256color",
        "HOME": str(folder),
        **(environment or {}),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "aggregator", *words],
        stdin=slave, stdout=slave, stderr=slave, cwd=folder, env=own, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    os.close(slave)
    terminal = Terminal(process, master)
    try:
        yield terminal
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            terminal.end()
        os.close(master)
