"""The deliberate exceptions: promises broken, not outcomes.

An expected outcome (a feed that does not answer, a body that is no feed) is a value of `model`. What is raised is
one of these, and its text says what to do:

    AggregatorError
    ├── ConfigError          feeds.toml or the command line is wrong: exit 2
    ├── EngineError          the Redis server cannot serve us
    │   ├── EngineMissing    no server program found, none running to attach to
    │   ├── EngineDown       not reachable, or not able now; try again later
    │   └── EngineRefused    reachable, but it will not let us (password, rights, version, wrong type of key)
    └── StaleToken           a claim or the lead has passed to another worker; drop the work
"""

from __future__ import annotations


class AggregatorError(Exception):
    """Root of all of ours."""


class ConfigError(AggregatorError):
    """The configuration cannot be used. `file` and `key` say where, the text says what and how to mend it."""

    def __init__(self, message: str, *, file: str = "", key: str = "", line: int | None = None) -> None:
        place = f"{file}:{line}" if line else file
        super().__init__(": ".join(part for part in (place, key, message) if part))
        self.file = file
        self.key = key
        self.line = line


class EngineError(AggregatorError):
    """The Redis server cannot serve us."""


class EngineMissing(EngineError):
    """No server program was found, or there is no running server to attach to."""


class EngineDown(EngineError):
    """The server does not answer, or cannot take writes now; the same call may succeed later."""


class EngineRefused(EngineError):
    """The server answers, but refuses: wrong password, missing rights, unknown command, a key of another type."""


class StaleToken(AggregatorError):
    """The claim or the lead under which a write was made has passed to another worker."""
