"""Putting the real parts of the stages together: fetching and reading, polling, assigning."""

from __future__ import annotations

import asyncio
import functools
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import structlog

from aggregator import __version__
from aggregator.children.sandbox import Killed, Sandbox
from aggregator.daemon.clock import Clock
from aggregator.daemon.delivering import Deliveries, SecretMissingError
from aggregator.daemon.encoder import CHILDREN_LOAD, Encoder
from aggregator.daemon.eventing import EventStage
from aggregator.daemon.files import Loaded
from aggregator.daemon.polling import PollStage
from aggregator.engine.store import Store
from aggregator.errors import EngineError
from aggregator.fetch.credentials import MissingCredentials, secret_of
from aggregator.fetch.fetcher import Fetcher
from aggregator.fetch.subscriber import Deliver, Subscriber
from aggregator.model import (
    FailureKind,
    Fetched,
    FetchFailed,
    FetchResult,
    Notify,
    PollRequest,
    ReadResult,
    Settings,
    Unparsable,
    Validators,
)
from aggregator.pipeline.reading import ReadRequest, read
from aggregator.watch.metrics import Metrics
from aggregator.watch.pictures import MOST_AT_ONCE, Missing, Pictures
from aggregator.watch.progress import Progress
from aggregator.watch.reencode import reencoded

log = structlog.get_logger()

WEBSUB_PATH = "/websub"
"""Where the status port takes hubs' requests, below `[http] public_url`."""


# --- fetching and reading -------------------------------------------------------------------------------------


class Fetching:
    """The fetcher and the sandbox in force; `renew` replaces both without disturbing polls in flight."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._stack = AsyncExitStack()
        self._retired: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Fetching:
        self._fetcher, self._sandbox, self._stack = await self._opened(self._settings)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
        for closing in self._retired:
            # It closes at once then.
            closing.cancel()
        await asyncio.gather(*self._retired, return_exceptions=True)

    async def fetch(self, request: PollRequest) -> FetchResult:
        """As `Fetcher.fetch`."""
        return await self._fetcher.fetch(request)

    async def post(self, url: str, form: Mapping[str, str]) -> int | FetchFailed:
        """As `Fetcher.post`."""
        return await self._fetcher.post(url, form)

    async def read(
        self, request: ReadRequest, wall: timedelta | None = None
    ) -> ReadResult:
        """The child's answer; a child that was killed makes the body unparsable, with the reason.

        `wall`: less time than configured, for a first look.
        """
        limit = self._settings.fetch.parse_timeout
        is_first_look = wall is not None and wall < limit
        answer = await self._sandbox.run(request, wall=min(wall or limit, limit))
        if not isinstance(answer, Killed):
            return answer
        stopped = f"reading it was stopped: {answer.detail}"
        if is_first_look and answer.reason == "wall":
            # It has a second look with its whole time: neither counted nor logged as killed yet.
            return Unparsable(FailureKind.PARSER_KILLED, stopped)
        self._metrics.count_killed(answer.reason)
        log.warning(
            "parser_killed",
            feed_id=request.feed.feed_id,
            reason=answer.reason,
            detail=answer.detail,
        )
        if answer.reason == "broken":
            # A fault of ours: the publisher's document is not to blame.
            detail = f"it could not be read here: {answer.detail}"
            return Unparsable(FailureKind.INTERNAL, detail)
        return Unparsable(FailureKind.PARSER_KILLED, stopped, is_final=True)

    async def renew(self, settings: Settings) -> None:
        """Use new settings from the next poll on; the old parts are closed when their time limits have passed."""
        old = self._stack
        before = self._settings.fetch
        self._fetcher, self._sandbox, self._stack = await self._opened(settings)
        self._settings = settings
        wait = before.timeout + before.parse_timeout
        closing = asyncio.create_task(_closed_later(old, wait.total_seconds()))
        self._retired.append(closing)

    async def _opened(
        self, settings: Settings
    ) -> tuple[Fetcher, Sandbox[ReadRequest, ReadResult], AsyncExitStack]:
        limits = settings.fetch
        async with AsyncExitStack() as stack:
            fetcher = await stack.enter_async_context(fetcher_of(settings))
            sandbox = await stack.enter_async_context(
                Sandbox(
                    read,
                    processes=limits.parse_processes,
                    wall=limits.parse_timeout,
                    cpu=limits.parse_cpu,
                    memory_bytes=limits.parse_memory_bytes,
                    preload=CHILDREN_LOAD,
                )
            )
            return fetcher, sandbox, stack.pop_all()


async def _closed_later(stack: AsyncExitStack, seconds: float) -> None:
    try:
        await asyncio.sleep(seconds)
    finally:
        await stack.aclose()


def fetcher_of(settings: Settings) -> Fetcher:
    """What asks publishers, under these settings."""
    return Fetcher(settings.fetch, contact=settings.contact, version=__version__)


# --- notifies ---------------------------------------------------------------------------------------------------


def deliveries(
    store: Store,
    read: Loaded,
    clock: Clock,
    leads: Callable[[], bool],
) -> Deliveries:
    """What sends for `[[notify]]`; secrets that we make stand in the state directory."""

    def own_secret(notify: Notify) -> str | None:
        if not notify.secret:
            return None
        try:
            return secret_of(notify.secret)
        except MissingCredentials as error:
            raise SecretMissingError(str(error)) from None

    return Deliveries(
        store,
        leads=leads,
        clock=clock,
        directory=read.state_dir / "notify",
        read_secret=own_secret,
    )


# --- pictures -------------------------------------------------------------------------------------------------

PICTURE_TYPES = "image/avif,image/webp,image/png,image/jpeg,image/*;q=0.8"
PICTURE_TIMEOUT = timedelta(seconds=10)
PICTURE_BYTES = 8 * 1024 * 1024
"""A page's picture has 0.1 to 2 MB; what is larger is made for print. A guess."""
PICTURE_INTERVAL = timedelta(milliseconds=100)
"""Between two pictures of one host: a browser would ask for six at once."""
PICTURE_LIMIT = timedelta(seconds=5)
"""How long a child may take to make one anew: a photograph of 12 megapixels takes 0.3 s."""
_OURS = frozenset({FailureKind.BUSY, FailureKind.INTERNAL, FailureKind.TIMEOUT})


@asynccontextmanager
async def pictures(read: Loaded, metrics: Metrics) -> AsyncIterator[Pictures]:
    """The proxy for pictures, with a fetcher and a child process of its own."""
    settings = read.configuration.settings
    limits = replace(
        settings.fetch,
        timeout=PICTURE_TIMEOUT,
        per_host_interval=PICTURE_INTERVAL,
        concurrency=MOST_AT_ONCE,
    )
    children = Sandbox(
        reencoded,
        processes=1,
        wall=PICTURE_LIMIT,
        cpu=PICTURE_LIMIT,
        memory_bytes=limits.parse_memory_bytes,
        preload=CHILDREN_LOAD,
    )
    async with fetcher_of(replace(settings, fetch=limits)) as fetcher, children:
        proxy = Pictures(
            read.state_dir / "pictures",
            fetch=functools.partial(_picture, fetcher),
            reencode=functools.partial(_reencoded, children, metrics),
        )
        try:
            yield proxy
        finally:
            await proxy.close()


async def _picture(fetcher: Fetcher, url: str) -> bytes | Missing:
    """A picture as its server sends it, or for how long it is missing."""
    request = PollRequest(
        "",
        url,
        Validators(),
        headers=(("Accept", PICTURE_TYPES),),
        max_body_bytes=PICTURE_BYTES,
    )
    answer = await fetcher.fetch(request)
    if isinstance(answer, Fetched):
        return answer.body
    if isinstance(answer, FetchFailed) and (answer.ours or answer.kind in _OURS):
        # Our own trouble is not held against the picture.
        return Missing.FOR_NOW
    return Missing.FOR_LONG


async def _reencoded(
    children: Sandbox[bytes, dict[str, bytes] | None],
    metrics: Metrics,
    body: bytes,
) -> Mapping[str, bytes] | None:
    """The picture made anew in a child, so that no reader's browser meets what the server sent; None: refused."""
    answer = await children.run(body)
    if isinstance(answer, Killed):
        metrics.count_killed(answer.reason)
        log.info("picture_refused", reason=answer.reason, detail=answer.detail)
        return None
    return answer


# --- the stages -----------------------------------------------------------------------------------------------


def poll_stage(
    store: Store,
    fetching: Fetching,
    read: Loaded,
    *,
    metrics: Metrics,
    clock: Clock | None = None,
    push: Subscriber | None = None,
) -> PollStage:
    """The poll stage with its real parts."""
    stage = PollStage(
        store=store,
        fetch=fetching.fetch,
        read=fetching.read,
        settings=read.configuration.settings,
        metrics=metrics,
        clock=clock or Clock(),
        push=push,
    )
    stage.use(read.configuration.settings, read.configuration.feeds)
    return stage


def event_stage(
    store: Store,
    read: Loaded,
    encoder: Encoder,
    *,
    metrics: Metrics,
    progress: Progress,
    clock: Clock | None = None,
) -> EventStage:
    """The event stage with its real parts."""
    return EventStage(
        store=store,
        settings=read.configuration.settings,
        metrics=metrics,
        progress=progress,
        clock=clock or Clock(),
        worker=worker_name(),
        encode=encoder.encode,
    )


async def subscriber(
    store: Store,
    read: Loaded,
    fetching: Fetching,
    deliver: Deliver,
) -> Subscriber | None:
    """The WebSub subscriptions, where `[http] public_url` says how hubs reach the status port."""
    settings = read.configuration.settings
    if settings.http_listen is None or settings.http_public_url is None:
        return None
    return Subscriber(
        public_url=f"{settings.http_public_url.rstrip('/')}{WEBSUB_PATH}",
        installation_secret=await _shared_secret(
            store, read.state_dir / "websub.secret"
        ),
        post=fetching.post,
        deliver=deliver,
        now=Clock().now,
        max_body_bytes=settings.fetch.max_body_bytes,
        shared=store.leases,
    )


async def _shared_secret(store: Store, file: Path) -> bytes:
    """The secret of all workers, which is this one's where none stands yet. A worker that starts while the server is
    away has its own until it is started again; hubs that ask it are answered by the others."""
    own = _installation_secret(file)
    try:
        return await store.leases.websub_secret(own)
    except EngineError as error:
        log.warning("websub_secret_is_own", error=str(error))
        return own


def _installation_secret(file: Path) -> bytes:
    """The secret that callbacks and signatures derive from; made at first use, readable by us only."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(file, "xb", opener=_private) as opened:
            opened.write(secrets.token_bytes(32))
    except FileExistsError:
        log.debug("secret_kept", file=str(file))
    return file.read_bytes()


def _private(name: str, flags: int) -> int:
    """An opener that leaves the file to us alone, from its first moment."""
    return os.open(name, flags, 0o600)


def worker_name() -> str:
    """Names this process among all workers of an installation."""
    return f"{socket.gethostname()}:{os.getpid()}:{os.urandom(4).hex()}"
