"""The matching index built from what is published: the fingerprint log, and operators' words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from aggregator.dedup.apart import apart_of
from aggregator.engine.store import Store
from aggregator.model import DedupSettings
from aggregator.pipeline.matching import Matcher

log = structlog.get_logger()


async def loaded_index(
    store: Store,
    dedup: DedupSettings,
    *,
    now: datetime,
    meanwhile: Callable[[], Awaitable[None]],
) -> Matcher:
    """The index of the window. Raises EngineError; `meanwhile` is called now and then."""
    started = asyncio.get_running_loop().time()
    rulings = await store.rulings.applied()
    index = Matcher(dedup, apart_of(rulings, await store.events.aliases()))
    count = 0
    unreadable_count = 0
    async for records in store.fingerprints.since(now - dedup.window):
        unreadable_count += index.learn(records)
        count += len(records)
        await meanwhile()
    seconds = asyncio.get_running_loop().time() - started
    if unreadable_count:
        log.error(
            "fingerprints_unreadable",
            count=unreadable_count,
            reason="another version wrote them",
        )
    log.info(
        "index_loaded",
        fingerprints=count,
        rulings=len(rulings),
        meaning=bool(dedup.meaning),
        seconds=round(seconds, 2),
    )
    return index
