"""One stream of messages, told to every open page.

Rules: the stream behind it is open only while somebody listens; a listener who does not keep up loses the oldest
messages, never slows the others; when the stream breaks it is opened again, after 1 to 30 seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import structlog

from aggregator.errors import AggregatorError
from aggregator.model import Message

log = structlog.get_logger()

QUEUE_LENGTH = 100
"""Messages kept for one listener; a page that is this far behind is better reloaded. A guess."""
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0


class Broadcast:
    """Fans the messages of `source()` out to any number of listeners."""

    def __init__(
        self,
        source: Callable[[], AsyncIterator[Message]],
    ) -> None:
        self._source = source
        self._listeners: set[asyncio.Queue[Message]] = set()
        self._reader: asyncio.Task[None] | None = None

    @property
    def listener_count(self) -> int:
        """How many pages follow."""
        return len(self._listeners)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[asyncio.Queue[Message]]:
        """A queue that fills with the messages published from now on."""
        queue: asyncio.Queue[Message] = asyncio.Queue(QUEUE_LENGTH)
        self._listeners.add(queue)
        # The first who listens opens the stream, the last who leaves closes it.
        if self._reader is None:
            self._reader = asyncio.create_task(
                self._read(),
                name="live-messages",
            )
        try:
            yield queue
        finally:
            self._listeners.discard(queue)
            if not self._listeners:
                await self.close()

    async def close(self) -> None:
        """Stop reading; listeners hear nothing more."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reader

    async def _read(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                async for message in self._source():
                    self._tell(message)
                    pause = FIRST_PAUSE_SECONDS
            except AggregatorError as error:
                log.warning("live_interrupted", error=str(error), pause_seconds=pause)
            # A source that ends by itself is waited for as well: it would end at once again.
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _tell(self, message: Message) -> None:
        for queue in self._listeners:
            # The page shows what is newest; what it missed it shows when it is loaded anew.
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(message)
