"""Both stages in this process, on the real server, with a clock that the test moves.

What is fetched comes from a scripted publisher by the real fetcher, or is handed over as a body; reading runs here
instead of in a child, since limits are tests/children's matter.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from aggregator.daemon.clock import Clock
from aggregator.daemon.eventing import EventStage
from aggregator.daemon.polling import PollStage
from aggregator.dedup.meaning import vectors
from aggregator.engine.store import Store
from aggregator.model import (
    Caching,
    Feed,
    Fetched,
    FetchResult,
    Message,
    Poll,
    PollRequest,
    ReadResult,
    Settings,
    Validators,
)
from aggregator.pipeline.reading import ReadRequest, read
from aggregator.watch.metrics import Metrics
from aggregator.watch.progress import Progress

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


async def read_here(request: ReadRequest, wall: timedelta | None = None) -> ReadResult:
    return read(request)


class Stages:
    """A poll stage and an event stage over one store; `now` is the time, `bodies` what each feed's server holds."""

    _numbers = itertools.count()

    def __init__(
        self,
        store: Store,
        *feeds: Feed,
        settings: Settings | None = None,
        now: datetime = START,
    ) -> None:
        self.store = store
        self.now = now
        self.bodies: dict[str, bytes | FetchResult] = {}
        self.requests: list[PollRequest] = []
        self.readings: list[ReadRequest] = []
        self.settings = settings or Settings()
        self.clock = Clock(lambda: self.now, moved=True)
        store.use(retention=self.settings.retention, queues=self.settings.queues)
        self.poll_stage = PollStage(
            store=store,
            fetch=self._fetch,
            read=self._read,
            settings=self.settings,
            metrics=Metrics(),
            clock=self.clock,
        )
        self.poll_stage.use(self.settings, feeds)
        self.encoder: Callable[[Sequence[str]], Sequence[bytes]] = vectors
        self.event_stage = self.worker()

    def worker(self) -> EventStage:
        """Another worker of the event stage."""
        return EventStage(
            store=self.store,
            settings=self.settings,
            metrics=Metrics(),
            progress=Progress({"event": timedelta(hours=1)}),
            clock=self.clock,
            worker=f"worker-{next(self._numbers)}",
            encode=self._encode,
        )

    async def _encode(self, texts: Sequence[tuple[str, str]]) -> Sequence[bytes]:
        return self.encoder(texts)

    async def _fetch(self, request: PollRequest) -> FetchResult:
        self.requests.append(request)
        body = self.bodies[request.feed_id]
        return body if not isinstance(body, bytes) else answer(request.url, body)

    async def _read(
        self, request: ReadRequest, wall: timedelta | None = None
    ) -> ReadResult:
        self.readings.append(request)
        return await read_here(request, wall)

    async def poll(self, feed_id: str) -> Poll:
        """Poll one feed now, due or not."""
        await self.poll_stage.register()
        host = self.poll_stage.hosts[feed_id]
        claims = await self.store.polls.claim_these(
            {feed_id: host},
            lease=timedelta(minutes=1),
            spacing=timedelta(0),
            now=self.now,
        )
        [claim] = claims.claims
        return await self.poll_stage.poll(claim, self.poll_stage.feeds[feed_id])

    async def assign(self) -> None:
        """Assign and publish all that waits."""
        await self.event_stage.drain()

    async def run(self, feed_id: str, body: bytes | FetchResult) -> Poll:
        """One poll of this body, and both stages to the end."""
        self.bodies[feed_id] = body
        polled = await self.poll(feed_id)
        await self.assign()
        return polled

    async def messages(self, stream: str = "reports") -> list[Message]:
        return [
            message
            async for message in self.store.watch.messages(
                datetime(2000, 1, 1, tzinfo=UTC), stream=stream
            )
        ]


def answer(url: str, body: bytes, *, content_type: str = "application/xml") -> Fetched:
    return Fetched(
        url,
        200,
        body,
        content_type,
        Validators(),
        Caching(),
        elapsed=timedelta(milliseconds=5),
    )
