"""Whether the server is the one that knows our feeds: it may have come back empty, or be another one.

Rules: a mark stands under `agg:installation` from the first registration on. A server without it, or with a mark that
nobody of ours made, has forgotten what was registered (FLUSHALL, a restart without persistence, a fail-over to an empty
replica), or never knew. Several workers find that out at a time: the one that sets the new mark tells of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aggregator.engine.notices import notice_arguments
from aggregator.engine.scripts import Engine, batches, nonce, text
from aggregator.model import Notice

PAGE = 500
"""Feed ids in one command, as in `poll_store`."""


@dataclass(frozen=True, slots=True)
class Registered:
    """What the server knows now: `mark` is '' where nothing was ever registered, or all is lost."""

    mark: str
    feed_count: int


class RegistrationStore:
    """The mark of the installation, and which feeds are registered."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._keys = engine.keys

    async def standing(self) -> Registered:
        """What the server knows now. EngineDown, EngineRefused."""
        mark, count = await self._engine.many(
            [("GET", self._keys.installation), ("ZCARD", self._keys.due)]
        )
        return Registered(text(mark or ""), int(count or 0))

    async def unregistered(self, feed_ids: Sequence[str]) -> list[str]:
        """Those of the feeds that the due set does not hold."""
        missing: list[str] = []
        for page in batches(feed_ids, PAGE):
            [scores] = await self._engine.many([("ZMSCORE", self._keys.due, *page)])
            if scores is None:  # another type stands there: none of them is known
                missing += page
                continue
            for feed_id, score in zip(page, scores, strict=True):
                if score is None:
                    missing.append(feed_id)
        return missing

    async def mark_installation(
        self,
        before: str,
        notices: Sequence[Notice],
        *,
        at: datetime,
    ) -> str:
        """Puts a new mark in the place of `before` ('' for none) and tells the notices; answers the mark that stands,
        another worker's where that came first (nothing is told then)."""
        arguments = [
            before,
            nonce(),
            len(notices),
            *notice_arguments(self._engine, notices, at),
        ]
        keys = (self._keys.installation, self._keys.trouble)
        return text(await self._engine.script("mark", keys, arguments))
