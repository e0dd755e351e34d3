"""The end of the process: asked for by a signal, over within LIMIT, whatever a part waits for.

Rules: SIGTERM and SIGINT ask for the end once; every part is then given the same deadline (a time of the event loop's
clock) and shares what is left of it. A second signal ends at once. What does not end by itself is cut short by a
thread, since a loop that is blocked can keep no deadline. SIGUSR1 and SIGUSR2, which would end a process that does not
listen for them, are only told of. Both are a `kill -9` to the data, which loses nothing by it:
claims and the lead lapse, the embedded server hears of our death from the kernel and writes its log out.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import timedelta

import structlog

log = structlog.get_logger()

LIMIT = timedelta(seconds=10)
"""What README and the unit promise."""
FOR_PARTS = timedelta(seconds=8)
"""Of it, what the parts may take together; then the interpreter ends its threads and child processes."""
CUT_SHORT = timedelta(seconds=9.5)


def left(deadline: float) -> float:
    """Seconds until the deadline, 0 when it has passed."""
    return max(0.0, deadline - asyncio.get_running_loop().time())


class Shutdown:
    """Whether the process is to end, and by when."""

    def __init__(self) -> None:
        self._deadline: float | None = None

    def listen(self, stop: Callable[[signal.Signals], None]) -> None:
        """Call `stop` at the first SIGTERM or SIGINT; end at once at the second. Other signals no longer end us."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(
                number,
                self._heard,
                number,
                stop,
            )
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            loop.add_signal_handler(number, _ignored, number)

    def _heard(
        self, number: signal.Signals, stop: Callable[[signal.Signals], None]
    ) -> None:
        if self._deadline is not None:
            log.warning("stopped_at_once", signal=number.name)
            _end(128 + number)
        self._begin()
        watch = threading.Timer(CUT_SHORT.total_seconds(), _cut_short)
        watch.daemon = True
        watch.start()
        stop(number)

    def _begin(self) -> float:
        self._deadline = asyncio.get_running_loop().time() + FOR_PARTS.total_seconds()
        return self._deadline

    @property
    def deadline(self) -> float:
        """By when the parts are to have ended. It begins to run when it is first asked for, or at the signal."""
        return self._begin() if self._deadline is None else self._deadline


def hear_nothing_yet(*numbers: signal.Signals) -> None:
    """Keep signals that would end the process from it until the loop listens: they are sent while it starts, too."""
    for number in numbers:
        signal.signal(number, lambda *_: None)


def _ignored(number: signal.Signals) -> None:
    means = "SIGHUP reloads feeds.toml, SIGUSR1 logs how the daemon is, SIGTERM ends it"
    log.info("signal_ignored", signal=number.name, signals=means)


def _cut_short() -> None:
    log.error(
        "stop_cut_short",
        after_s=CUT_SHORT.total_seconds(),
        reason="a part did not end in time; nothing is lost",
    )
    _end(1)


def _end(status: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
