"""The deliberate exceptions: promises broken, not outcomes.

An expected outcome (a feed that does not answer, a body that is no feed) is a value of `model`. What is raised is
one of these, and its text says what to do:

    AggregatorError
    ├── ConfigError          feeds.toml or the command line is wrong: exit 2
    ├── EngineError          the Redis server cannot serve us
    │   ├── EngineMissing    no server program found, none running to attach to
    │   ├── EngineDown       not reachable, or not able now; try again later
    │   └── EngineRefused    reachable, but it will not let us (password, rights, version, wrong type of key)
    │       └── UnreadableRecord  what stands under a key is damaged, or a later version wrote it
    ├── EventsHeld           the event stage does not get past a waiting entry; nothing is lost, it is tried again
    └── StaleToken           a claim or the lead has passed to another worker; drop the work
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass


class AggregatorError(Exception):
    """Root of all of ours."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a configuration: where (`file`, `line`, `key`), what, and how to mend it."""

    text: str
    key: str = ""
    file: str = ""
    line: int | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(filter(None, (place, self.key, self.text)))


class ConfigError(AggregatorError):
    """The configuration or the command line cannot be used; `problems` holds everything found, in file order."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class EngineError(AggregatorError):
    """The Redis server cannot serve us."""


class EngineMissing(EngineError):
    """No server program was found, or there is no running server to attach to."""


class EngineDown(EngineError):
    """The server does not answer, or cannot take writes now; the same call may succeed later."""


class EngineRefused(EngineError):
    """The server answers, but refuses: wrong password, missing rights, unknown command, a key of another type."""


class UnreadableRecord(EngineRefused):
    """What stands under `key` cannot be read: damaged, or (`is_later`) written by a later version of this program."""

    def __init__(
        self,
        key: str,
        why: str,
        *,
        is_later: bool,
    ) -> None:
        remedy = (
            f"delete it (redis-cli DEL '{key}'): it begins anew with the next report"
        )
        if is_later:
            remedy = "a later version of aggregator wrote it: start that version here"
        super().__init__(f"{key} cannot be read ({why}); {remedy}")
        self.key = key
        self.is_later = is_later


class EventsHeld(AggregatorError):
    """The event stage does not get past a waiting entry. Nothing is lost: it waits, and is tried again."""

    def __init__(
        self,
        why: str,
        *,
        is_later: bool = False,
    ) -> None:
        super().__init__(f"the event stage waits: {why}")
        self.is_later = is_later


class StaleToken(AggregatorError):
    """The claim or the lead under which a write was made has passed to another worker."""


DISTRIBUTION = "feeds-to-events"
"""What the package is called where it is installed from: `aggregator` is another's there."""


def install_command(
    extra: str,
    *,
    python: str,
    has_pip: bool,
) -> str:
    """The shell command that adds an extra to the installation of this interpreter."""
    wanted = shlex.quote(f"{DISTRIBUTION}[{extra}]")
    if has_pip:
        return f"{shlex.quote(python)} -m pip install {wanted}"
    return f"uv pip install --python {shlex.quote(python)} {wanted}"
