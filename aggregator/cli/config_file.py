"""The configuration file as a daemon watches it, and the daemon's word beside it for `aggregator reload`."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import structlog

from aggregator.cli.surroundings import within_file_limit
from aggregator.config import Configuration
from aggregator.daemon import files
from aggregator.daemon.files import Loaded
from aggregator.errors import ConfigError, Problem
from aggregator.model import Feed

log = structlog.get_logger()


def within_limits(configuration: Configuration) -> Configuration:
    """The configuration with as many polls at once as this process may open files for."""
    settings = configuration.settings
    return replace(
        configuration,
        settings=replace(settings, fetch=within_file_limit(settings.fetch)),
    )


class ConfigFile:
    """The configuration file as the daemon watches it, and its word for `aggregator reload --wait`."""

    def __init__(self, read: Loaded) -> None:
        self._file = read.file
        self._current = read.configuration
        self._digest = _digest(read.text)
        self._place = read.state_dir / "daemons" / f"{os.getpid()}.json"
        self._facts: dict[str, object] = {}
        self._reload_count = 0

    @property
    def file(self) -> Path:
        """The feeds.toml that is watched."""
        return self._file

    def feeds(self) -> tuple[Feed, ...]:
        """Those of the configuration in force."""
        return self._current.feeds

    def feed_ids(self) -> list[str]:
        """Those that are polled: disabled ones are left out."""
        return [feed.feed_id for feed in self._current.feeds if feed.enabled]

    def is_meaning(self) -> bool:
        """Whether headlines are compared by meaning."""
        return bool(self._current.settings.dedup.meaning)

    def changed(self) -> bool:
        """Whether the file holds another text than the one read last."""
        try:
            return _digest(self._file.read_text(encoding="utf-8")) != self._digest
        # An editor puts a new file in the place of the old one: for a moment there may be none.
        except (OSError, UnicodeDecodeError):
            return False

    def read(self) -> Configuration:
        """Raises ConfigError; the text counts as read either way, so that a broken file is told of once."""
        text = files.read_text(self._file)
        # Before it is judged: a file with a fault is told of once, not every second.
        self._digest = _digest(text)
        fresh = within_limits(files.loaded_from(self._file, os.environ).configuration)
        # A write that was cut off, far more often than a wish to have none: that is said by `feed = []`.
        if self._current.feeds and not fresh.feeds and not fresh.names_feeds:
            text = f"names no feed any more: {files.NO_FEEDS_REMEDY}"
            raise ConfigError(Problem(text, file=str(self._file)))
        self._current = fresh
        return fresh

    @contextmanager
    def announced(self, role: str) -> Iterator[None]:
        """Say that this process is a daemon here, so that `aggregator reload` finds it."""
        self._facts = {
            "pid": os.getpid(),
            "role": role,
            "config": str(self._file.resolve()),
            "reloads": self._reload_count,
        }
        with _alive(self._place):
            self._write()
            try:
                yield
            finally:
                self._place.unlink(missing_ok=True)

    def report(self, result: str, detail: str) -> None:
        """Say what became of a reload, for whoever asked for it with `--wait`."""
        self._reload_count += 1
        self._facts["reloads"] = self._reload_count
        self._facts["result"] = result
        self._facts["detail"] = detail
        self._write()

    def _write(self) -> None:
        try:
            self._place.parent.mkdir(parents=True, exist_ok=True)
            # Whole or not at all: `reload --wait` reads it at any moment.
            fresh = self._place.with_suffix(".new")
            fresh.write_text(json.dumps(self._facts), encoding="utf-8")
            fresh.replace(self._place)
        # A full disk stops no feed.
        except OSError as error:
            log.warning(
                "reload_word_not_left",
                file=str(self._place),
                error=str(error),
            )


@contextmanager
def _alive(place: Path) -> Iterator[None]:
    """Hold the lock that tells a living daemon from a file left behind, whose number another process may have now."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        held = lock_of(place).open("ab")
    except OSError as error:
        log.warning(
            "reload_word_not_left",
            file=str(place),
            error=str(error),
        )
        yield
        return
    with held:
        fcntl.flock(held, fcntl.LOCK_EX)
        try:
            yield
        finally:
            lock_of(place).unlink(missing_ok=True)


def lock_of(place: Path) -> Path:
    """The file whose lock a living daemon holds."""
    return place.with_suffix(".lock")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def state_of(path: Path) -> dict[str, object]:
    """What a daemon says of itself in its file; {} when it cannot be read."""
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}
