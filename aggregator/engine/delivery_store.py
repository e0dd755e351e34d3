"""What is taken from a queue to be sent elsewhere: read in a consumer group, acknowledged when it has arrived.

Rules: as any consumer of a queue (design.md): what was read and not acknowledged is read again, so nothing is lost,
and at worst told twice under the same message id; retention keeps what waits, up to its bounds. A message that is given
up is acknowledged and told in `agg:trouble` in one step.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from aggregator.engine.notices import notice_arguments
from aggregator.engine.scripts import Argument, Engine, blocking, text
from aggregator.engine.watch_store import Row, row_of
from aggregator.errors import EngineRefused
from aggregator.model import Notice

GROUP = "notify"
CONSUMER = "daemon"


class DeliveryStore:
    """The messages of queues that are sent elsewhere."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._keys = engine.keys

    async def undelivered(
        self,
        queue: str,
        *,
        count: int,
        fresh: bool,
        block: timedelta = timedelta(0),
    ) -> list[Row]:
        """The oldest messages of a stream queue: those read before and not acknowledged, or with `fresh` those after
        them, waiting at most `block` (2 s at most) for one. Makes the group where there is none."""
        key = self._keys.queue(queue)
        # `>` reads what nobody was given yet, an id what this consumer was given before: that is never waited for.
        start = ">" if fresh else "0"
        words: list[Argument] = [
            "XREADGROUP",
            "GROUP",
            GROUP,
            CONSUMER,
            "COUNT",
            count,
        ]
        if fresh:
            words += blocking(block)
        words += ["STREAMS", key, start]
        try:
            answer = await self._engine.command(*words)
        except EngineRefused as error:
            # No stream yet, or one that an operator or a restart without persistence took away with its group.
            if "NOGROUP" not in str(error):
                raise
            await self._make_group(key)
            return []
        page = (answer or {}).get(key.encode(), ())
        # A message that was trimmed while it was pending comes without fields.
        return [
            row_of(f"queue:{queue}", stream_id, fields or {})
            for stream_id, fields in page
        ]

    async def _make_group(self, key: str) -> None:
        """From the first message on: what the queue held before its group counts, too."""
        try:
            await self._engine.command("XGROUP", "CREATE", key, GROUP, "0", "MKSTREAM")
        except EngineRefused as error:
            # Another daemon, or the first try of a call that redis-py repeated, has made it.
            if "BUSYGROUP" not in str(error):
                raise

    async def delivered(
        self,
        queue: str,
        stream_ids: Sequence[str],
    ) -> None:
        """They have arrived."""
        await self._engine.command(
            "XACK",
            self._keys.queue(queue),
            GROUP,
            *stream_ids,
        )

    async def give_up(
        self,
        queue: str,
        stream_id: str,
        notice: Notice,
        *,
        at: datetime,
    ) -> bool:
        """They never will: acknowledges the message and tells of it. False: it had been acknowledged before."""
        keys = (self._keys.queue(queue), self._keys.trouble)
        told = notice_arguments(self._engine, [notice], at)
        arguments = (GROUP, stream_id, 1, *told)
        answer = await self._engine.script("give_up", keys, arguments)
        return text(answer) == "done"
