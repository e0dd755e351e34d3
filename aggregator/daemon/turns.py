"""Who is read next: documents that take long wait for each other, never the others for them.

Rules:
- Every body gets a first look of FIRST_LOOK. One that takes longer is read again with the whole time limit, but on half
  the processes at most, so that forty documents made to take ten seconds leave the other half to everyone else.
- Few may wait for the long look; a body beyond that is given up as it is (it comes again at the feed's next poll), so
  that what is kept in memory is bounded.
- A claim does not lapse while its body waits: it is renewed. One that passed to another worker is not read.
- While many bodies wait nothing more is to be claimed (`is_full`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from aggregator.model import FailureKind, ReadResult, Unparsable
from aggregator.pipeline.reading import ReadRequest

FIRST_LOOK = timedelta(seconds=2)
"""Of real feeds half take 25 ms to read, one in a hundred 930 ms (design.md)."""
LONG_WAITING = 4
"""Bodies that wait for a long look, for each process: 40 s of its work, and 40 MB at most. A guess."""
MOST_WAITING = 16
"""Bodies that wait for a first look, for each process, before nothing more is claimed: half a second of work for real
feeds, half a minute where all are hostile. A guess."""

Read = Callable[[ReadRequest, timedelta | None], Awaitable[ReadResult]]
"""Reads a body; the time is the limit in place of the configured one."""
Keep = Callable[[], Awaitable[None]]
"""Renews the claim under which a body is read. Raises StaleToken, EngineError."""


class Turns:
    """Who may have a document read now."""

    def __init__(self, processes: int) -> None:
        self.processes = processes
        self._quick = asyncio.Semaphore(processes)
        self._long = asyncio.Semaphore(max(1, processes // 2))
        self._waiting_count = 0
        self.long_count = 0
        """Bodies that wait for a long look or have it."""

    @property
    def is_full(self) -> bool:
        """Whether more bodies wait than are read soon."""
        return self._waiting_count >= MOST_WAITING * self.processes

    async def read(
        self,
        read: Read,
        request: ReadRequest,
        *,
        keep: Keep,
        keep_every: timedelta,
    ) -> ReadResult:
        """The reading of one body, when its turn comes. Raises what `keep` raises."""
        async with _Turn(self._quick, keep, keep_every) as turn:
            self._waiting_count += 1
            try:
                await turn.come()
            finally:
                self._waiting_count -= 1
            answer = await read(request, FIRST_LOOK)
        if not isinstance(answer, Unparsable) or answer.is_final:
            return answer
        if answer.kind is not FailureKind.PARSER_KILLED:
            return answer
        if self.long_count >= LONG_WAITING * self.processes:
            detail = f"{answer.detail}, and too many such documents wait"
            return Unparsable(FailureKind.PARSER_KILLED, detail)
        return await self._long_look(
            read,
            request,
            keep,
            keep_every,
        )

    async def _long_look(
        self,
        read: Read,
        request: ReadRequest,
        keep: Keep,
        keep_every: timedelta,
    ) -> ReadResult:
        self.long_count += 1
        try:
            async with _Turn(self._long, keep, keep_every) as turn:
                await turn.come()
                return await read(request, None)
        finally:
            self.long_count -= 1


class _Turn:
    """A place at the readers, and the claim kept until it comes."""

    def __init__(
        self,
        places: asyncio.Semaphore,
        keep: Keep,
        keep_every: timedelta,
    ) -> None:
        self._places = places
        self._keep = keep
        self._keep_every = keep_every
        self._has_come = False

    async def __aenter__(self) -> _Turn:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._has_come:
            self._places.release()

    async def come(self) -> None:
        """Returns when the place is ours. Raises what `keep` raises."""
        started = asyncio.get_running_loop().time()
        while not self._has_come:
            try:
                async with asyncio.timeout(self._keep_every.total_seconds()):
                    self._has_come = await self._places.acquire()
            except TimeoutError:
                await self._keep()
        waited_s = asyncio.get_running_loop().time() - started
        if waited_s > 1:
            # Is it still ours, and is there time enough to read it?
            await self._keep()
