"""The encoder of headlines in a child process, started at the first one: its C code stays out of the daemon.

Rules: a child that was killed costs its batch and those behind it their embeddings, nothing else: they are matched by
their words. A child that starts loads its model before the first batch, in a time of its own: on a slow or busy machine
what takes two seconds of the processor would else be begun anew, and killed, with each batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import structlog

from aggregator.children.sandbox import Killed, Sandbox
from aggregator.dedup.meaning import vectors
from aggregator.pipeline.reading import read
from aggregator.watch.metrics import Metrics

log = structlog.get_logger()

CHILDREN_LOAD = (read.__module__, "aggregator.pipeline.warmed")
"""What all child processes have in common: the reader and the language model, 100 MB that they share."""
ENCODED_BATCH = 50
"""Headlines encoded at a time, and matched between two publishes: two seconds at most, well within the lease
(tests/bench/meaning_cost.py)."""
ENCODING_LIMIT = timedelta(seconds=8)
"""How long the child may take for ENCODED_BATCH headlines: less than the lease of the event stage, which waits."""
LOADING_LIMIT = timedelta(seconds=16)
"""How long a child may take to load: with ENCODING_LIMIT still less than the lease of 30 s."""
_FIRST: tuple[tuple[str, str], ...] = (("first", ""),)
ENCODER_IDLE = timedelta(minutes=5)
"""Its child holds 260 MB and takes 2 s of processor time to load: it waits longer than readers do. A guess."""


class Encoder:
    """A context manager: its end is the child's. `preload` are modules that all children share."""

    def __init__(
        self,
        metrics: Metrics,
        *,
        preload: Sequence[str] = CHILDREN_LOAD,
        function: Callable[[Sequence[tuple[str, str]]], list[bytes]] | None = None,
        limit: timedelta | None = None,
        loading_limit: timedelta | None = None,
    ) -> None:
        """`function`, `limit` and `loading_limit` are `vectors` and its times, unless a test says otherwise."""
        self._metrics = metrics
        self._loading_limit = loading_limit or LOADING_LIMIT
        self._loaded_until = 0.0
        # What the readers share, whichever of the two starts first; the encoder loads its own modules.
        self._sandbox = Sandbox(
            function or vectors,
            processes=1,
            wall=limit or ENCODING_LIMIT,
            cpu=4 * ENCODING_LIMIT,
            memory_bytes=2 << 30,
            preload=preload,
            idle=ENCODER_IDLE,
        )

    async def __aenter__(self) -> Encoder:
        await self._sandbox.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._sandbox.__aexit__(*error)

    async def encode(self, texts: Sequence[tuple[str, str]]) -> Sequence[bytes]:
        """The embedding of each (title, lead), in order; empty from where the child was killed."""
        embeddings: list[bytes] = []
        for start in range(0, len(texts), ENCODED_BATCH):
            batch = tuple(texts[start : start + ENCODED_BATCH])
            answer = await self._encoded(batch)
            if isinstance(answer, Killed):
                missing_count = len(texts) - start
                self._metrics.count_killed(answer.reason)
                log.warning(
                    "meanings_missing",
                    entries=missing_count,
                    reason=answer.reason,
                    detail=answer.detail,
                )
                return embeddings + [b""] * missing_count
            embeddings += answer
        return embeddings

    async def _encoded(
        self, batch: tuple[tuple[str, str], ...]
    ) -> list[bytes] | Killed:
        loop = asyncio.get_running_loop()
        # One that ended because it was idle, or was killed, is followed by one that has to load.
        if loop.time() >= self._loaded_until:
            loaded = await self._sandbox.run(_FIRST, wall=self._loading_limit)
            if isinstance(loaded, Killed):
                return loaded
        answer = await self._sandbox.run(batch)
        self._loaded_until = 0.0
        if not isinstance(answer, Killed):
            self._loaded_until = loop.time() + ENCODER_IDLE.total_seconds()
        return answer
