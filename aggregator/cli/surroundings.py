"""What the machine or the container gives to a process that fetches and reads feeds: looked at once, at its start.

- Temporary files: child processes are started by a socket in a temporary directory. Where there is none (a container
  with a read-only root and no tmpfs), the state directory has one.
- Open files: each poll needs some. The limit is raised as far as is allowed; where that is not far enough, fewer feeds
  are polled at once, and a warning says so: over the limit it would look like servers and hosts that refuse us.
"""

from __future__ import annotations

import os
import resource
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import structlog

from aggregator.errors import AggregatorError
from aggregator.model import FetchSettings

log = structlog.get_logger()

_USUAL = ("/tmp", "/var/tmp", "/usr/tmp")
_SOCKET_BYTES = 64
"""Longest path of a temporary directory: a socket's path has 107 bytes, and a folder and a name come below it."""
_MOST_FILES = 65_536
"""As many as the largest concurrency needs with room; some systems answer "unlimited" with a billion. A guess."""
_AT_REST = 32
"""Files of a daemon that polls nothing, and room for what is opened for a moment. Measured: 13, with page and log."""
_OF_A_POLL = 3
"""The connection to the host, the one to the Redis server, and a question to the name server."""
_OF_A_CHILD = 4


def look_around(state_dir: Path, fetch: FetchSettings) -> None:
    """Do both. Raises AggregatorError when there is no place for temporary files."""
    use_temporary_directory(state_dir)
    raise_file_limit(fetch)


def use_temporary_directory(
    state_dir: Path,
    environment: Mapping[str, str] = os.environ,
) -> Path:
    """Where temporary files go from now on, here and in child processes: the usual place, else the state directory.

    Raises AggregatorError when neither takes files.
    """
    own = state_dir / "tmp"
    usual = list(filter(_takes_files, _places(environment)))
    directory = usual[0] if usual else _made(own)
    if directory is None:
        raise AggregatorError(
            f"there is no place for temporary files: make /tmp, $TMPDIR or {own} writable "
            "(in a container `--tmpfs /tmp`, or a volume for the state directory)"
        )
    if not usual:
        log.info(
            "temporary_directory",
            directory=str(own),
            reason="the usual places take no files",
        )
    # tempfile keeps what it found at its first use; child processes are told by the variable.
    tempfile.tempdir = str(directory)
    os.environ["TMPDIR"] = str(directory)
    return directory


def _places(environment: Mapping[str, str]) -> list[Path]:
    # Whoever sets it says where: the others are not looked at.
    stated = environment.get("TMPDIR")
    return [Path(stated)] if stated else list(map(Path, _USUAL))


def _made(place: Path) -> Path | None:
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    return place if _takes_files(place) else None


def _takes_files(place: Path) -> bool:
    """Whether a file can be written there, and the name of a socket below it is short enough."""
    if len(os.fsencode(place)) > _SOCKET_BYTES:
        return False
    # Tried, not asked for: a mount that is read-only, or full, has the same permissions.
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"is there room?")
    except OSError:
        return False
    return True


def raise_file_limit(fetch: FetchSettings) -> None:
    """Let the process open as many files as it may, and warn where that is too few for `[fetch] concurrency`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _file_limit()
    # Over it connections fail, and it would look like servers and hosts that refuse us.
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    needed = files_needed(fetch)
    if limit < needed:
        remedy = f"allow {needed} (`ulimit -n`, LimitNOFILE=, --ulimit nofile=) or lower [fetch] concurrency"
        at_once = within_file_limit(fetch).concurrency
        log.warning(
            "too_few_files",
            limit=limit,
            needed=needed,
            polls_at_once=at_once,
            remedy=remedy,
        )


def within_file_limit(fetch: FetchSettings) -> FetchSettings:
    """The settings with as many polls at once as the process may open files for."""
    left_count = _file_limit() - files_needed(replace(fetch, concurrency=0))
    most_polls = left_count // _OF_A_POLL
    # At least one: with none the daemon would do nothing at all.
    concurrency = max(1, min(fetch.concurrency, most_polls))
    return replace(fetch, concurrency=concurrency)


def files_needed(fetch: FetchSettings) -> int:
    """Open files at most."""
    children = fetch.parse_processes or os.cpu_count() or 1
    return _AT_REST + _OF_A_POLL * fetch.concurrency + _OF_A_CHILD * children


def _file_limit() -> int:
    """How many files the process may open once it has asked for it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # RLIM_INFINITY is -1 on Linux.
    if hard == resource.RLIM_INFINITY:
        return _MOST_FILES
    return min(hard, _MOST_FILES)
