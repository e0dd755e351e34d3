"""The program under a wall clock that is set while it runs: `python -m tests.daemon.set_clock run --config F`.

The file that $SET_CLOCK_FILE names holds by how many seconds the clock is off. Only what the interpreter tells of the
wall clock is moved, `time.time` and `datetime.now`, in the modules that act by it and in APScheduler: monotonic time goes on,
as it does when a machine's clock is set. A machine that slept for an hour looks the same as one whose clock was set
forward: Linux's monotonic clock stands still meanwhile.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from aggregator.cli import main, running

MOVED = (
    "aggregator.daemon.",
    "aggregator.engine.poll_store",
    "aggregator.fetch.",
    "apscheduler.",
)

_FILE = Path(os.environ["SET_CLOCK_FILE"])
_real_time = time.time


class _Kind(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, datetime)


class _SetDatetime(datetime, metaclass=_Kind):
    """`datetime` with another `now`; what it makes are plain ones."""

    def __new__(cls, *arguments: Any, **options: Any) -> Any:
        return datetime(*arguments, **options)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        return datetime.fromtimestamp(time.time(), tz)


def _set_time() -> float:
    return _real_time() + float(_FILE.read_text(encoding="ascii") or 0)


if __name__ == "__main__":
    assert running, "what the daemon uses has been imported"
    time.time = _set_time
    for name, module in list(sys.modules.items()):
        if name.startswith(MOVED) and getattr(module, "datetime", None) is datetime:
            module.datetime = _SetDatetime  # type: ignore[attr-defined]
    main(sys.argv[1:])
