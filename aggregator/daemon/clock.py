"""The time, as the daemon's parts are given it: the machine's, or one that a test or a replay moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


def machine_time() -> datetime:
    """The machine's wall clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """`now()` is the time; `for_engine()` what scripts are told: None lets the server's own clock count."""

    now: Callable[[], datetime] = machine_time
    moved: bool = False

    def for_engine(self) -> datetime | None:
        """The time for a script's argument, None where the server's own is to be used."""
        if self.moved:
            return self.now()
        return None
