"""What is asked for: a feed of feeds.toml."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

EPOCH = datetime(
    1970,
    1,
    1,
    tzinfo=UTC,
)


UNDETERMINED = "und"
"""The BCP 47 tag of a text whose language is not known."""


class Backlog(StrEnum):
    """Which entries of a feed's first poll are published."""

    WINDOW = "window"
    ALL = "all"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Auth:
    """Where the credentials of a feed are found; the secret itself is read at the time of the request.

    Exactly one of `environment` (a variable's name) and `file` (a path) is set. `user` is empty for `bearer`.
    """

    scheme: str
    user: str = ""
    environment: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True)
class Feed:
    """One subscription, with the defaults of `[defaults]` already filled in."""

    feed_id: str
    url: str
    categories: tuple[str, ...] = ()
    language: str | None = None
    backlog: Backlog = Backlog.WINDOW
    min_interval: timedelta = timedelta(minutes=15)
    # Bounds of our own adaptive interval only: a server's wish may be longer (politeness.md, 4).
    max_interval: timedelta = timedelta(hours=24)
    cron: str | None = None
    # What the operator knows of the publisher's clock; None: it is worked out.
    clock_offset: timedelta | None = None
    headers: tuple[tuple[str, str], ...] = ()
    user_agent: str | None = None
    auth: Auth | None = None
    max_body_bytes: int = 10 * 1024 * 1024
    max_entries: int = 2000
    aggregates: bool = False
    """It carries reports of other publishers, as its links name them, and is believed: each counts as a source."""
    enabled: bool = True
