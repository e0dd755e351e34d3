"""The daemon with all its parts, put together."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
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
from aggregator.daemon.delivering import Deliveries
from aggregator.daemon.encoder import Encoder
from aggregator.daemon.eventing import EventStage
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


@dataclass(frozen=True, slots=True)
class _Common:
    """What several parts of one daemon are made of."""

    read: Loaded
    engine: engines.Engine
    source: ConfigFile
    metrics: Metrics
    progress: Progress
    clock: Clock

    @property
    def store(self) -> Store:
        return self.engine.store


async def daemon(
    read: Loaded,
    role: str,
    source: ConfigFile,
    people: People | None,
    *,
    beside: Beside | None = None,
) -> None:
    """The daemon with all its parts, until it is told to stop. `beside` runs next to it and may end it."""
    shutdown = Shutdown()
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(engines.owned_engine(read, shutdown))
        common = _Common(
            read,
            engine,
            source,
            metrics=Metrics(version=__version__),
            progress=Progress(ALLOWANCES),
            clock=Clock(),
        )
        encoder = await stack.enter_async_context(Encoder(common.metrics))
        # These two ask the daemon that is made of them: when they do, it is there.
        watching = _watching(common, encoder, lambda: running.troubles())
        terminal = _terminal(common, people, beside, lambda: running.stop())
        parts = await _parts(stack, common, role, watching, encoder)
        parts = replace(parts, terminal=terminal)
        running = Daemon(parts, read.configuration, shutdown=shutdown)
        log.info(
            "daemon_starting",
            version=__version__,
            role=role,
            config=str(read.file),
            redis=engine.place,
        )
        with source.announced(role):
            await running.run()


async def _parts(
    stack: AsyncExitStack,
    common: _Common,
    role: str,
    watching: Watching,
    encoder: Encoder,
) -> Parts:
    """Those that the role needs; what opens here is closed by `stack`."""
    polling = _Polling()
    if role != "event":
        polling = await _polling(stack, common)
    matching = _Matching()
    if role != "poll":
        matching = _matching(common, encoder)
    digests = _digest_files(common.read)
    pictures = await _pictures(stack, common)
    return Parts(
        store=common.store,
        poll=polling.stage,
        event=matching.stage,
        metrics=common.metrics,
        progress=common.progress,
        notifier=Notifier.from_environment(os.environ, pid=os.getpid()),
        source=common.source,
        digests=DigestMaker(
            store=common.store,
            files=digests,
            feed_ids=common.source.feed_ids,
        ),
        clock=common.clock,
        archive=matching.archive,
        deliveries=matching.deliveries,
        server=common.engine.server,
        status=_status_server(common, watching, digests, polling.push, pictures),
        status_address=_status_address(common.read),
        renew_fetching=polling.renew,
    )


@dataclass(frozen=True, slots=True)
class _Matching:
    """What a daemon with the event stage has and another has not."""

    stage: EventStage | None = None
    archive: Callable[[], Coroutine[Any, Any, None]] | None = None
    deliveries: Deliveries | None = None


def _matching(common: _Common, encoder: Encoder) -> _Matching:
    stage = assembly.event_stage(
        common.store,
        common.read,
        encoder,
        metrics=common.metrics,
        progress=common.progress,
    )
    # The worker that leads the event stage sends.
    deliveries = assembly.deliveries(
        common.store, common.read, common.clock, lambda: stage.leads
    )
    return _Matching(stage, _archive(common), deliveries)


def _terminal(
    common: _Common,
    people: People | None,
    beside: Beside | None,
    stop: Callable[[], None],
) -> Callable[[], Coroutine[Any, Any, None]] | None:
    if people is None:
        return None

    async def tell() -> None:
        parts = [follow(common.store, people, feed_ids=common.source.feed_ids)]
        if beside is not None:
            parts.append(beside(common.store, people, stop))
        try:
            await asyncio.gather(*parts)
        except OSError as error:  # the terminal was closed; the daemon goes on
            log.info("terminal_closed", error=str(error))

    return tell


def _watching(
    common: _Common,
    encoder: Encoder,
    troubles: Callable[[], list[str]],
) -> Watching:
    return Watching(
        encode=encoder.encode,
        is_meaning=common.source.is_meaning,
        store=common.store,
        feeds=common.source.feeds,
        troubles=troubles,
        progress=common.progress,
        clock=common.clock,
    )


@dataclass(frozen=True, slots=True)
class _Polling:
    """What a daemon that polls has and another has not."""

    stage: PollStage | None = None
    push: Subscriber | None = None
    renew: Callable[[Settings], Awaitable[None]] | None = None


async def _polling(stack: AsyncExitStack, common: _Common) -> _Polling:
    settings = common.read.configuration.settings
    fetching = await stack.enter_async_context(
        assembly.Fetching(settings, common.metrics)
    )

    # The stage takes what the subscriber is pushed, and the subscriber what the stage finds out of hubs.
    async def deliver(delivery: Delivery) -> None:
        await stage.deliver(delivery)

    push = await assembly.subscriber(common.store, common.read, fetching, deliver)
    stage = assembly.poll_stage(
        common.store,
        fetching,
        common.read,
        metrics=common.metrics,
        push=push,
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


def _archive(common: _Common) -> Callable[[], Coroutine[Any, Any, None]] | None:
    directory = common.read.configuration.settings.archive_dir
    if directory is None:
        return None
    place = common.read.state_dir / "archive.json"
    return Archive(
        common.store,
        directory=Path(directory),
        place=place,
    ).run


def _status_server(
    common: _Common,
    watching: Watching,
    digests: DigestFiles,
    push: Subscriber | None,
    pictures: Pictures | None,
) -> StatusServer | None:
    settings = common.read.configuration.settings
    if settings.http_listen is None:
        return None
    below = {assembly.WEBSUB_PATH: push.app()} if push else {}
    return StatusServer(
        watching,
        metrics=common.metrics,
        zone=ZoneInfo(settings.digest.timezone),
        version=__version__,
        digests=digests,
        below=below,
        public_url=settings.http_public_url,
        pictures=pictures,
    )


async def _pictures(stack: AsyncExitStack, common: _Common) -> Pictures | None:
    settings = common.read.configuration.settings
    if settings.http_listen is None or not settings.http_pictures:
        return None
    pictures = assembly.pictures(common.read, common.metrics)
    return await stack.enter_async_context(pictures)


def address(listen: str) -> tuple[str, int]:
    """(host, port) of `127.0.0.1:9191` or `[::1]:9191`."""
    # From the right: an IPv6 address has colons of its own.
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)
