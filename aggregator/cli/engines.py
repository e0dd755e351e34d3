"""The Redis server of a command: yours by `redis_url`, else the embedded one, started or attached to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from aggregator.daemon.files import Loaded
from aggregator.engine.client import connect, without_secrets
from aggregator.engine.embedded import EmbeddedServer, attach
from aggregator.engine.slips import Slips
from aggregator.engine.store import Store
from aggregator.errors import EngineMissing
from aggregator.model import Settings

if TYPE_CHECKING:
    from aggregator.daemon.shutdown import Shutdown


@dataclass(frozen=True, slots=True)
class Engine:
    """A store on a server: `place` is where it is, for people; `server` is ours to supervise, where we embed one."""

    store: Store
    place: str
    server: EmbeddedServer | None = None


@asynccontextmanager
async def owned_engine(
    read: Loaded,
    shutdown: Shutdown | None = None,
) -> AsyncIterator[Engine]:
    """For a daemon: the configured server, or the embedded one, started or attached to. Raises EngineMissing.

    `shutdown` says by when an embedded one is to have ended."""
    settings = read.configuration.settings
    if settings.redis_url:
        async with _store(settings, settings.redis_url) as store:
            yield Engine(store, without_secrets(settings.redis_url))
        return
    server = EmbeddedServer(
        read.state_dir,
        key_prefix=settings.key_prefix,
        listen=settings.server_listen,
        report=_log,
    )
    running = await server.start()
    # Stopped last, whatever fails: what the parts write at their end must still reach its log.
    try:
        async with _store(settings, running.url) as store:
            yield Engine(store, running.socket, server)
    finally:
        await server.stop(shutdown.deadline if shutdown else None)


def _log(event: str, facts: Mapping[str, Any]) -> None:
    import structlog  # which costs 30 ms, and commands that only read log nothing

    log = structlog.get_logger()
    if event == "state_dir_gone":
        log.error(event, **facts)
    else:
        log.info(event, **facts)


@asynccontextmanager
async def attached_engine(read: Loaded) -> AsyncIterator[Engine]:
    """For a reader: the configured server, or the embedded one that runs. Raises EngineMissing; starts nothing."""
    settings = read.configuration.settings
    if settings.redis_url:
        url = settings.redis_url
        place = without_secrets(url)
    else:
        running = await attach(read.state_dir)
        url = running.url
        place = running.socket
    async with _store(settings, url) as store:
        yield Engine(store, place)
        # A reader tells them to nobody but its own user: agg:trouble is the workers'.
        _tell_slips(store.engine.slips)


def _tell_slips(slips: Slips) -> None:
    """What a reader passed over, for whoever reads its output."""
    places = slips.places()
    if places:
        click.echo(
            f"aggregator: passed over what is not ours: {len(places)}, first {places[0]}",
            err=True,
        )


@asynccontextmanager
async def working_engine(read: Loaded) -> AsyncIterator[Engine]:
    """For a command that writes: the server that runs, else an embedded one for as long as the command takes."""
    stack = AsyncExitStack()
    async with stack:
        try:
            engine = await stack.enter_async_context(attached_engine(read))
        # No daemon runs here: the command is its own for so long.
        except EngineMissing:
            engine = await stack.enter_async_context(owned_engine(read))
        yield engine


@asynccontextmanager
async def _store(settings: Settings, url: str) -> AsyncIterator[Store]:
    client = connect(url, key_prefix=settings.key_prefix)
    store = Store(
        client,
        prefix=settings.key_prefix,
        retention=settings.retention,
        queues=settings.queues,
    )
    try:
        yield store
    finally:
        await store.close()
