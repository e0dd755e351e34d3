"""A server that is away for a moment, killed or restarted: what it was to be asked or told is said again.

Rules: for reads, and for writes that are gated, so that one that was done already answers "repeated". What a poll
fetched is kept meanwhile: given up at once, its entries came only when the claim had lapsed and the publisher was
asked a second time (71 s later by default).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from aggregator.errors import EngineDown

PATIENCE = timedelta(seconds=25)
"""An embedded server is back within a few seconds. Below the margin by which a claim outlives its poll (30 s)."""
PAUSE = timedelta(seconds=0.5)

T = TypeVar("T")


async def over_gaps(
    act: Callable[[], Awaitable[T]],
    *,
    patience: timedelta = PATIENCE,
) -> T:
    """What `act` answers, tried again while the server is down. Raises what it raises: EngineDown after `patience`."""
    loop = asyncio.get_running_loop()
    end = loop.time() + patience.total_seconds()
    while True:
        try:
            return await act()
        except EngineDown:
            if loop.time() > end:
                raise
        await asyncio.sleep(PAUSE.total_seconds())
