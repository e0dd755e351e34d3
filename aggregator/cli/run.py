"""`aggregator run`: the daemon."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import structlog

from aggregator import __version__
from aggregator.cli import engines, options, starter
from aggregator.cli.console import console
from aggregator.cli.following import due_feeds, follow
from aggregator.cli.people import People
from aggregator.cli.surroundings import look_around, within_file_limit
from aggregator.config import Configuration
from aggregator.daemon import assembly, files
from aggregator.daemon.archive import Archive
from aggregator.daemon.clock import Clock
from aggregator.daemon.daemon import ALLOWANCES, RESIGN_LIMIT, Daemon, Parts
from aggregator.daemon.files import Loaded
from aggregator.daemon.polling import PollStage
from aggregator.daemon.shutdown import Shutdown, hear_nothing_yet
from aggregator.daemon.watching import DigestMaker, Watching
from aggregator.engine.poll_store import Skipped
from aggregator.engine.store import Store
from aggregator.errors import ConfigError, EngineDown, Problem
from aggregator.fetch.subscriber import Delivery, Subscriber
from aggregator.model import Feed, Settings
from aggregator.watch import logs
from aggregator.watch.digest_files import DigestFiles
from aggregator.watch.http import StatusServer
from aggregator.watch.metrics import Metrics
from aggregator.watch.notify import Notifier
from aggregator.watch.pictures import Pictures
from aggregator.watch.progress import Progress

log = structlog.get_logger()

_NOBODY: tuple[Skipped, ...] = ()
HINT = (
    "in another terminal: `aggregator tail -f`, `aggregator status`, `aggregator digest`; log lines: LOG_FORMAT=pretty"
)
Beside = Callable[[Store, People, Callable[[], None]], Coroutine[Any, Any, None]]
"""What runs beside a daemon on a terminal: it is given the store, the screen, and what ends the daemon."""
ONCE_LIMIT = timedelta(minutes=30)
"""How long `--once` waits for what it committed to be assigned by whoever leads. A guess."""


@click.command()
@options.config
@click.option("--once", is_flag=True, help="Poll every feed that is due once, finish both stages, and end.")
@click.option(
    "--role",
    type=click.Choice(["all", "poll", "event"]),
    default="all",
    show_default=True,
    help="Run both stages, or one of them, beside other workers on the same Redis.",
)
def run(config_file: str | None, once: bool, role: str) -> None:
    """Run the daemon: poll, match, publish, until SIGTERM.

    SIGHUP reloads feeds.toml, SIGUSR1 logs how the daemon is.
    """
    hear_nothing_yet(signal.SIGUSR1, signal.SIGUSR2, *(() if once else (signal.SIGHUP,)))
    read = files.loaded(config_file or _offered())
    source = ConfigFile(read)
    people = configure_logs(source)
    look_around(read.state_dir, read.configuration.settings.fetch)
    read = replace(read, configuration=within_limits(read.configuration))
    if not once:
        asyncio.run(daemon(read, role, source, people))
        return
    interrupts: list[int] = []
    try:
        asyncio.run(_once(read, role, people, interrupts))
    except asyncio.CancelledError:
        raise SystemExit(128 + interrupts[0]) from None


def within_limits(configuration: Configuration) -> Configuration:
    """The configuration with as many polls at once as this process may open files for."""
    settings = configuration.settings
    return replace(configuration, settings=replace(settings, fetch=within_file_limit(settings.fetch)))


def _offered() -> str | None:
    """Where no feeds.toml is found and somebody is there to ask: the one that they want written."""
    is_asked = sys.stdin.isatty() and sys.stdout.isatty()
    if files.found_path() is not None or not is_asked:
        return None
    text = starter.starter()
    file = files.places()[0]
    click.echo("There is no feeds.toml yet. `aggregator demo` shows everything at work without one.")
    wanted = click.confirm(
        f"Write {file} here, with {starter.feed_count(text)} feeds to start with, and run?", default=True
    )
    if not wanted:
        return None
    files.write_new(file, text)
    return str(file)


def configure_logs(source: ConfigFile) -> People | None:
    """Logs fit where stdout goes: JSON, with priorities in the journal. On a terminal people are told of events instead
    (the answer), unless $LOG_FORMAT or $LOG_LEVEL asks for log lines."""
    requested, level = os.environ.get("LOG_FORMAT"), os.environ.get("LOG_LEVEL")
    is_terminal = sys.stdout.isatty()
    if is_terminal and not requested and not level:
        people = People(console(), feeds=source.feeds, file=str(source.file), hint=HINT)
        logs.configure(tell=people.log)
        return people
    stdout = os.fstat(sys.stdout.fileno())
    journal = logs.is_journal(os.environ.get("JOURNAL_STREAM"), device=stdout.st_dev, inode=stdout.st_ino)
    form = logs.form_of(terminal=is_terminal, journal=journal, requested=requested)
    logs.configure(level=level or "info", form=form)
    return None


# --- the daemon -----------------------------------------------------------------------------------------------


async def daemon(
    read: Loaded, role: str, source: ConfigFile, people: People | None, *, beside: Beside | None = None
) -> None:
    """The daemon with all its parts, until it is told to stop. `beside` runs next to it and may end it."""
    clock, shutdown = Clock(), Shutdown()
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(engines.owned_engine(read, shutdown))
        metrics, progress = Metrics(version=__version__), Progress(ALLOWANCES)
        polling = _Polling() if role == "event" else await _polling(stack, engine, read, metrics)
        meanings = await stack.enter_async_context(assembly.Meanings(metrics))
        event = (
            assembly.event_stage(engine.store, read, meanings, metrics=metrics, progress=progress)
            if role != "poll"
            else None
        )
        digests, pictures = _digest_files(read), await _pictures(stack, read, metrics)
        watching = _watching(engine, source, progress, clock, lambda: running.troubles())
        made = Parts(
            store=engine.store,
            poll=polling.stage,
            event=event,
            metrics=metrics,
            progress=progress,
            notifier=Notifier.from_environment(os.environ, pid=os.getpid()),
            source=source,
            digests=DigestMaker(store=engine.store, files=digests, feed_ids=source.feed_ids),
            clock=clock,
            archive=_archive(read, engine) if event else None,
            terminal=_terminal(engine.store, source, people, beside, lambda: running.stop()),
            deliveries=assembly.deliveries(engine.store, read, clock, lambda: event.leads) if event else None,
            server=engine.server,
            status=_status_server(read, watching, metrics, digests, polling.push, pictures),
            status_address=_status_address(read),
            renew_fetching=polling.renew,
        )
        running = Daemon(made, read.configuration, shutdown=shutdown)
        log.info("daemon_starting", version=__version__, role=role, config=str(read.file), redis=engine.place)
        with source.announced(role):
            await running.run()


def _terminal(
    store: Store, source: ConfigFile, people: People | None, beside: Beside | None, stop: Callable[[], None]
) -> Callable[[], Coroutine[Any, Any, None]] | None:
    if people is None:
        return None

    async def told() -> None:
        following = follow(store, people, feed_ids=source.feed_ids)
        try:
            await (following if beside is None else asyncio.gather(following, beside(store, people, stop)))
        except OSError as error:  # the terminal was closed; the daemon goes on
            log.info("terminal_closed", error=str(error))

    return told


def _watching(
    engine: engines.Engine, source: ConfigFile, progress: Progress, clock: Clock, troubles: Callable[[], list[str]]
) -> Watching:
    return Watching(store=engine.store, feed_ids=source.feed_ids, troubles=troubles, progress=progress, clock=clock)


@dataclass(frozen=True, slots=True)
class _Polling:
    """What a daemon that polls has and another has not."""

    stage: PollStage | None = None
    push: Subscriber | None = None
    renew: Callable[[Settings], Awaitable[None]] | None = None


async def _polling(stack: AsyncExitStack, engine: engines.Engine, read: Loaded, metrics: Metrics) -> _Polling:
    fetching = await stack.enter_async_context(assembly.Fetching(read.configuration.settings, metrics))

    async def deliver(delivery: Delivery) -> None:
        await stage.deliver(delivery)

    push = await assembly.subscriber(engine.store, read, fetching, deliver)
    stage = assembly.poll_stage(engine.store, fetching, read, metrics=metrics, push=push)
    return _Polling(stage, push, fetching.renew)


def _digest_files(read: Loaded) -> DigestFiles:
    settings = read.configuration.settings
    return DigestFiles(read.digest_dir, zone=ZoneInfo(settings.digest.timezone), keep=settings.retention.digest)


def _status_address(read: Loaded) -> tuple[str, int] | None:
    listen = read.configuration.settings.http_listen
    return address(listen) if listen else None


def _archive(read: Loaded, engine: engines.Engine) -> Callable[[], Coroutine[Any, Any, None]] | None:
    directory = read.configuration.settings.archive_dir
    if directory is None:
        return None
    return Archive(engine.store, directory=Path(directory), place=read.state_dir / "archive.json").run


def _status_server(
    read: Loaded,
    watching: Watching,
    metrics: Metrics,
    digests: DigestFiles,
    push: Subscriber | None,
    pictures: Pictures | None,
) -> StatusServer | None:
    settings = read.configuration.settings
    if settings.http_listen is None:
        return None
    zone = ZoneInfo(settings.digest.timezone)
    below = {assembly.WEBSUB_PATH: push.app()} if push else {}
    return StatusServer(
        watching,
        metrics=metrics,
        zone=zone,
        version=__version__,
        digests=digests,
        below=below,
        public_url=settings.http_public_url,
        pictures=pictures,
    )


async def _pictures(stack: AsyncExitStack, read: Loaded, metrics: Metrics) -> Pictures | None:
    settings = read.configuration.settings
    if settings.http_listen is None or not settings.http_pictures:
        return None
    return await stack.enter_async_context(assembly.pictures(read, metrics))


def address(listen: str) -> tuple[str, int]:
    """(host, port) of `127.0.0.1:9191` or `[::1]:9191`."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


class ConfigFile:
    """The configuration file as the daemon watches it, and its word for `aggregator reload --wait`."""

    def __init__(self, read: Loaded) -> None:
        self._file = read.file
        self._current = read.configuration
        self._digest = _digest(read.text)
        self._place = read.state_dir / "daemons" / f"{os.getpid()}.json"
        self._facts: dict[str, object] = {}

    @property
    def file(self) -> Path:
        return self._file

    def feeds(self) -> tuple[Feed, ...]:
        """Those of the configuration in force."""
        return self._current.feeds

    def feed_ids(self) -> list[str]:
        return [feed.feed_id for feed in self._current.feeds if feed.enabled]

    def changed(self) -> bool:
        try:
            return _digest(self._file.read_text(encoding="utf-8")) != self._digest
        except (OSError, UnicodeDecodeError):
            return False

    def read(self) -> Configuration:
        """Raises ConfigError; the text counts as read either way, so that a broken file is told of once."""
        text = files.read_text(self._file)
        self._digest = _digest(text)
        fresh = within_limits(files.loaded_from(self._file, os.environ).configuration)
        if self._current.feeds and not fresh.feeds and not fresh.names_feeds:
            raise ConfigError(Problem(f"names no feed any more: {files.NO_FEEDS_REMEDY}", file=str(self._file)))
        self._current = fresh
        return fresh

    @contextmanager
    def announced(self, role: str) -> Iterator[None]:
        """Say that this process is a daemon here, so that `aggregator reload` finds it."""
        self._facts = {"pid": os.getpid(), "role": role, "config": str(self._file.resolve()), "reloads": 0}
        with _alive(self._place):
            self._write()
            try:
                yield
            finally:
                self._place.unlink(missing_ok=True)

    def report(self, result: str, detail: str) -> None:
        count = self._facts.get("reloads", 0)
        self._facts |= {"reloads": (count if isinstance(count, int) else 0) + 1, "result": result, "detail": detail}
        self._write()

    def _write(self) -> None:
        try:
            self._place.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._place.with_suffix(".new")
            fresh.write_text(json.dumps(self._facts), encoding="utf-8")
            fresh.replace(self._place)
        except OSError as error:
            log.warning("reload_word_not_left", file=str(self._place), error=str(error))


@contextmanager
def _alive(place: Path) -> Iterator[None]:
    """Hold the lock that tells a living daemon from a file left behind, whose number another process may have now."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        held = lock_of(place).open("ab")
    except OSError as error:
        log.warning("reload_word_not_left", file=str(place), error=str(error))
        yield
        return
    with held:
        fcntl.flock(held, fcntl.LOCK_EX)
        try:
            yield
        finally:
            lock_of(place).unlink(missing_ok=True)


def lock_of(place: Path) -> Path:
    return place.with_suffix(".lock")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# --- once -----------------------------------------------------------------------------------------------------


async def _once(read: Loaded, role: str, people: People | None, interrupts: list[int]) -> None:
    """Both stages until nothing due is left. Raises EngineError; failing feeds are no failure of ours.

    Raises CancelledError when a signal ends it, whose number is put into `interrupts`.
    """
    metrics, progress = Metrics(version=__version__), Progress(ALLOWANCES)
    started, shutdown = time.monotonic(), Shutdown()
    _interrupted_by_signals(shutdown, interrupts)
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(engines.owned_engine(read, shutdown))
        begun, skipped = 0, _NOBODY
        begun_at = await engine.store.server_time()
        if role != "event":
            fetching = await stack.enter_async_context(assembly.Fetching(read.configuration.settings, metrics))
            poll = assembly.poll_stage(engine.store, fetching, read, metrics=metrics)
            # What was interrupted is given back while there is what it needs.
            stack.push_async_callback(lambda: poll.stop(shutdown.deadline - 2))
            await poll.register(at_once=True)
            if people is not None:
                people.begin_round(await due_feeds(engine.store, list(poll.feeds)), next_at=None)
            begun, skipped = await poll.once()
        await _assign(engine, read, role, metrics, progress)
        seconds = round(time.monotonic() - started, 1)
        log.info("run_once_ended", polled=begun, skipped=len(skipped), seconds=seconds)
        for one in skipped:
            log.info("feed_skipped", feed_id=one.feed_id, **_why(one))
        if people is not None:
            people.end_round(await engine.store.watch.events_since(begun_at))


def _interrupted_by_signals(shutdown: Shutdown, interrupts: list[int]) -> None:
    task = asyncio.current_task()
    assert task is not None

    def interrupt(number: signal.Signals) -> None:
        interrupts.append(number)
        task.cancel()

    shutdown.listen(interrupt)


async def _assign(engine: engines.Engine, read: Loaded, role: str, metrics: Metrics, progress: Progress) -> None:
    """Assign what was committed; a poll worker waits for whoever leads to do it."""
    async with assembly.Meanings(metrics) as meanings:
        stage = assembly.event_stage(engine.store, read, meanings, metrics=metrics, progress=progress)
        try:
            async with asyncio.timeout(ONCE_LIMIT.total_seconds()):
                await (stage.drain() if role != "poll" else _until_assigned(engine))
        except TimeoutError:
            raise EngineDown(f"entries still wait after {ONCE_LIMIT}; is an event worker running?") from None
        finally:
            with contextlib.suppress(TimeoutError):  # a server that hangs: the lead lapses
                await asyncio.wait_for(stage.close(), RESIGN_LIMIT.total_seconds())


async def _until_assigned(engine: engines.Engine) -> None:
    while await engine.store.events.waiting_count():
        await asyncio.sleep(0.2)


def _why(one: Skipped) -> dict[str, str]:
    until = {"until": one.until_at.isoformat(timespec="seconds")} if one.until_at else {}
    return {"why": one.why.value, **until}


def state_of(path: Path) -> dict[str, object]:
    """What a daemon says of itself in its file; {} when it cannot be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
