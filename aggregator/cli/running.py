"""The daemon with all its parts, put together."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from aggregator import __version__
from aggregator.cli import engines
from aggregator.cli.config_file import ConfigFile
from aggregator.cli.following import follow
from aggregator.cli.people import People
from aggregator.daemon import assembly
from aggregator.daemon.archive import Archive
from aggregator.daemon.clock import Clock
from aggregator.daemon.daemon import ALLOWANCES, Daemon, Parts
from aggregator.daemon.encoder import Encoder
from aggregator.daemon.files import Loaded
from aggregator.daemon.polling import PollStage
from aggregator.daemon.shutdown import Shutdown
from aggregator.daemon.watching import DigestMaker, Watching
from aggregator.engine.store import Store
from aggregator.fetch.subscriber import Delivery, Subscriber
from aggregator.model import Settings
from aggregator.watch.digest_files import DigestFiles
from aggregator.watch.http import StatusServer
from aggregator.watch.metrics import Metrics
from aggregator.watch.notify import Notifier
from aggregator.watch.pictures import Pictures
from aggregator.watch.progress import Progress

log = structlog.get_logger()

Beside = Callable[[Store, People, Callable[[], None]], Coroutine[Any, Any, None]]
"""What runs beside a daemon on a terminal: it is given the store, the screen, and what ends the daemon."""


async def daemon(
    read: Loaded,
    role: str,
    source: ConfigFile,
    people: People | None,
    *,
    beside: Beside | None = None,
) -> None:
    """The daemon with all its parts, until it is told to stop. `beside` runs next to it and may end it."""
    clock, shutdown = Clock(), Shutdown()
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(engines.owned_engine(read, shutdown))
        metrics, progress = Metrics(version=__version__), Progress(ALLOWANCES)
        polling = (
            _Polling()
            if role == "event"
            else await _polling(stack, engine, read, metrics)
        )
        encoder = await stack.enter_async_context(Encoder(metrics))
        event = (
            assembly.event_stage(
                engine.store, read, encoder, metrics=metrics, progress=progress
            )
            if role != "poll"
            else None
        )
        digests, pictures = _digest_files(read), await _pictures(stack, read, metrics)
        watching = _watching(
            engine, source, progress, clock, lambda: running.troubles()
        )
        made = Parts(
            store=engine.store,
            poll=polling.stage,
            event=event,
            metrics=metrics,
            progress=progress,
            notifier=Notifier.from_environment(os.environ, pid=os.getpid()),
            source=source,
            digests=DigestMaker(
                store=engine.store, files=digests, feed_ids=source.feed_ids
            ),
            clock=clock,
            archive=_archive(read, engine) if event else None,
            terminal=_terminal(
                engine.store, source, people, beside, lambda: running.stop()
            ),
            deliveries=assembly.deliveries(
                engine.store, read, clock, lambda: event.leads
            )
            if event
            else None,
            server=engine.server,
            status=_status_server(
                read, watching, metrics, digests, polling.push, pictures
            ),
            status_address=_status_address(read),
            renew_fetching=polling.renew,
        )
        running = Daemon(made, read.configuration, shutdown=shutdown)
        log.info(
            "daemon_starting",
            version=__version__,
            role=role,
            config=str(read.file),
            redis=engine.place,
        )
        with source.announced(role):
            await running.run()


def _terminal(
    store: Store,
    source: ConfigFile,
    people: People | None,
    beside: Beside | None,
    stop: Callable[[], None],
) -> Callable[[], Coroutine[Any, Any, None]] | None:
    if people is None:
        return None

    async def told() -> None:
        following = follow(store, people, feed_ids=source.feed_ids)
        try:
            await (
                following
                if beside is None
                else asyncio.gather(following, beside(store, people, stop))
            )
        except OSError as error:  # the terminal was closed; the daemon goes on
            log.info("terminal_closed", error=str(error))

    return told


def _watching(
    engine: engines.Engine,
    source: ConfigFile,
    progress: Progress,
    clock: Clock,
    troubles: Callable[[], list[str]],
) -> Watching:
    return Watching(
        store=engine.store,
        feed_ids=source.feed_ids,
        troubles=troubles,
        progress=progress,
        clock=clock,
    )


@dataclass(frozen=True, slots=True)
class _Polling:
    """What a daemon that polls has and another has not."""

    stage: PollStage | None = None
    push: Subscriber | None = None
    renew: Callable[[Settings], Awaitable[None]] | None = None


async def _polling(
    stack: AsyncExitStack, engine: engines.Engine, read: Loaded, metrics: Metrics
) -> _Polling:
    fetching = await stack.enter_async_context(
        assembly.Fetching(read.configuration.settings, metrics)
    )

    async def deliver(delivery: Delivery) -> None:
        await stage.deliver(delivery)

    push = await assembly.subscriber(engine.store, read, fetching, deliver)
    stage = assembly.poll_stage(
        engine.store, fetching, read, metrics=metrics, push=push
    )
    return _Polling(stage, push, fetching.renew)


def _digest_files(read: Loaded) -> DigestFiles:
    settings = read.configuration.settings
    return DigestFiles(
        read.digest_dir,
        zone=ZoneInfo(settings.digest.timezone),
        keep=settings.retention.digest,
    )


def _status_address(read: Loaded) -> tuple[str, int] | None:
    listen = read.configuration.settings.http_listen
    return address(listen) if listen else None


def _archive(
    read: Loaded, engine: engines.Engine
) -> Callable[[], Coroutine[Any, Any, None]] | None:
    directory = read.configuration.settings.archive_dir
    if directory is None:
        return None
    return Archive(
        engine.store, directory=Path(directory), place=read.state_dir / "archive.json"
    ).run


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


async def _pictures(
    stack: AsyncExitStack, read: Loaded, metrics: Metrics
) -> Pictures | None:
    settings = read.configuration.settings
    if settings.http_listen is None or not settings.http_pictures:
        return None
    return await stack.enter_async_context(assembly.pictures(read, metrics))


def address(listen: str) -> tuple[str, int]:
    """(host, port) of `127.0.0.1:9191` or `[::1]:9191`."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)
