"""The encoder of headlines in a child process, started at the first one: its C code stays out of the daemon.

Rules: a child that was killed costs its batch and those behind it their embeddings, nothing else: they are matched by
their words.
"""

from __future__ import annotations

from collections.abc import Sequence
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
ENCODER_IDLE = timedelta(minutes=5)
"""Its child holds 260 MB and takes 2 s of processor time to load: it waits longer than readers do. A guess."""


class Encoder:
    """A context manager: its end is the child's. `preload` are modules that all children share."""

    def __init__(
        self, metrics: Metrics, *, preload: Sequence[str] = CHILDREN_LOAD
    ) -> None:
        self._metrics = metrics
        # What the readers share, whichever of the two starts first; the encoder loads its own modules.
        self._sandbox = Sandbox(
            vectors,
            processes=1,
            wall=ENCODING_LIMIT,
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
            answer = await self._sandbox.run(batch)
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
