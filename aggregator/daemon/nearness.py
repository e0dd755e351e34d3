"""Searching by meaning: which events' headlines mean what a reader asks.

Rules: one search at a time, whoever asks; the encoder's child encodes the query, the comparing is done beside the event
loop. The embeddings of the window are read from the fingerprint log, and read anew after as much time that searches
cost at most a share of 1 in `KEPT_TIMES` of it. A search is asked for by name: words alone never start the encoder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

from aggregator.dedup.nearness import Embedded, embedded, nearest
from aggregator.engine.store import Store

Encode = Callable[[Sequence[tuple[str, str]]], Awaitable[Sequence[bytes]]]

MOST_HEADLINES = 50_000
"""The newest reports that are compared, as many as the page reads events of: 6 MB of embeddings. A guess."""
KEPT_TIMES = 20
KEPT_LEAST = timedelta(seconds=30)
"""A report that came since is found by its words. A guess."""


class Nearness:
    """See the module. Methods raise EngineError when the server is away."""

    def __init__(self, store: Store, encode: Encode) -> None:
        self._store = store
        self._encode = encode
        self._turn = asyncio.Lock()
        self._embedded: Embedded | None = None
        self._since_at: datetime | None = None
        self._stale_at = 0.0

    async def likeness(self, query: str, *, since_at: datetime) -> Mapping[str, float]:
        """Event id → how near its nearest headline is to the query, 0..1, of those that are near; none where the
        encoder gave no embedding."""
        async with self._turn:
            [asked] = await self._encode([(query, "")])
            known = await self._headlines(since_at)
            return await asyncio.to_thread(nearest, asked, known)

    async def _headlines(self, since_at: datetime) -> Embedded:
        """The embeddings of the window, as they were read lately."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        # A longer window is asked for: what was read for a shorter one lacks its beginning.
        reaches = self._since_at is not None and self._since_at <= since_at
        if self._embedded is not None and reaches and began < self._stale_at:
            return self._embedded
        pairs: list[tuple[str, bytes]] = []
        async for records in self._store.fingerprints.since(since_at):
            pairs += [(record.event_id, record.packed) for record in records]
            del pairs[:-MOST_HEADLINES]
        self._embedded = await asyncio.to_thread(embedded, pairs)
        self._since_at = since_at
        cost = loop.time() - began
        self._stale_at = loop.time() + max(
            KEPT_TIMES * cost,
            KEPT_LEAST.total_seconds(),
        )
        return self._embedded
