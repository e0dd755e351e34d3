"""`aggregator reload`: have the daemons of this configuration read it again."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from pathlib import Path

import click

from aggregator.cli import options
from aggregator.cli.config_file import lock_of, state_of
from aggregator.daemon import files
from aggregator.errors import AggregatorError, EngineMissing

WAIT_SECONDS = 30.0
LOOK_EVERY_SECONDS = 0.05


@click.command()
@click.option(
    "--wait",
    is_flag=True,
    help="Return when it is done; exit 2 when the file was refused.",
)
@options.config
def reload(config_file: str | None, wait: bool) -> None:
    """Read feeds.toml again, in every daemon of its state directory."""
    read = files.loaded(config_file)
    daemons = _running(read.state_dir / "daemons")
    if not daemons:
        raise EngineMissing(
            f"no aggregator runs on {read.state_dir}: start one with `aggregator run`"
        )
    for place in daemons:
        facts = state_of(place)
        _tell_to_reload(place)
        if wait:
            _wait(place, facts)
        else:
            click.echo(f"told process {place.stem} to reload")


def _tell_to_reload(place: Path) -> None:
    try:
        os.kill(int(place.stem), signal.SIGHUP)
    except OSError as error:
        raise AggregatorError(
            f"process {place.stem} cannot be told to reload: {error.strerror}"
        ) from None


def _running(folder: Path) -> list[Path]:
    """The files of daemons that live; those of dead ones are removed."""
    living = []
    for place in sorted(folder.glob("*.json")):
        if _is_alive(place):
            living.append(place)
        else:
            place.unlink(missing_ok=True)
            lock_of(place).unlink(missing_ok=True)
    return living


def _is_alive(place: Path) -> bool:
    """Whether the daemon that wrote the file lives: it holds a lock."""
    # Not by its number, which may be another process's by now: SIGHUP would end that.
    try:
        with lock_of(place).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:  # it is held
        return True
    return False


def _wait(place: Path, before: dict[str, object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        now = state_of(place)
        if now.get("reloads", 0) != before.get("reloads", 0):
            _tell(now)
            return
        time.sleep(LOOK_EVERY_SECONDS)
    raise AggregatorError(
        f"process {place.stem} has not reloaded within {WAIT_SECONDS:g} s; see its log"
    )


def _tell(now: dict[str, object]) -> None:
    click.echo(f"process {now['pid']}: {now['result']}: {now['detail']}")
    if now["result"] == "refused":
        raise SystemExit(2)
    if now["result"] == "failed":
        raise SystemExit(1)
