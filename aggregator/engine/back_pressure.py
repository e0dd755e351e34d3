"""Why the stages hold back, for every worker to read: a consumer that is behind, an event stage that cannot go on.

Rules: one worker finds out (whoever leads), all others only read, so that poll workers on other machines stop too. What
the leader notes of slow consumers lapses by itself, because a leader that is gone cannot take it back; what holds the
event stage stands until a leader goes on, and is told in `agg:trouble` when it begins and when it ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator.engine.notices import notice_arguments
from aggregator.engine.scripts import Engine, text
from aggregator.engine.wire import span_ms
from aggregator.errors import StaleToken
from aggregator.model import Notice

MOST_WAITING = 50_000
"""Entries that may wait for the event stage before polling stops claiming (design.md)."""
NOT_LEADING = "another worker leads the event stage, or the server has lost the lead with its data"
SLOW_LAPSES = timedelta(minutes=3)
"""Three rounds of housekeeping: a stand-by that took over has looked for itself by then. A guess."""


@dataclass(frozen=True, slots=True)
class BackPressure:
    """`waiting_count` entries wait for the event stage; `slow_consumer` and `event_stage` say why polling or the event
    stage waits, '' when it does not."""

    waiting_count: int
    slow_consumer: str
    event_stage: str

    @property
    def why_not_poll(self) -> str:
        """Why nothing should be claimed now; '' when polling may go on."""
        # The entries stream is trimmed by nobody: it would grow until the server is full.
        if self.waiting_count > MOST_WAITING:
            return "more entries wait for the event stage than may"
        return self.slow_consumer


def raise_if_not_leading(answer: bytes) -> None:
    """Raises StaleToken when a script answered that the token is not the leader's."""
    if text(answer) == "stale":
        raise StaleToken(NOT_LEADING)


class BackPressureStore:
    """Why the stages hold back, noted and read."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._keys = engine.keys

    async def standing(self) -> BackPressure:
        """What every worker should know before it takes up more."""
        keys = self._keys
        waiting, slow, held = await self._engine.many(
            [("XLEN", keys.entries), ("GET", keys.slow), ("GET", keys.held)]
        )
        return BackPressure(
            int(waiting or 0),
            text(slow or ""),
            text(held or ""),
        )

    async def note_slow_consumer(self, reason: str) -> None:
        """Polling waits for a consumer, for this reason; '' ends it."""
        key = self._keys.slow
        # A leader that is gone cannot take it back: it lapses by itself.
        if reason:
            await self._engine.command(
                "SET",
                key,
                reason,
                "PX",
                span_ms(SLOW_LAPSES),
            )
        else:
            await self._engine.command("DEL", key)

    async def hold_events(
        self,
        token: int,
        reason: str,
        notice: Notice,
        *,
        at: datetime,
    ) -> bool:
        """The event stage waits for this reason, '' when it goes on. The notice is told when that changes, not with
        another reason for the same wait; answers whether it was. Raises StaleToken when another worker leads."""
        notices = notice_arguments(self._engine, [notice], at)
        keys = (
            self._keys.leader,
            self._keys.held,
            self._keys.trouble,
        )
        answer = await self._engine.script(
            "hold",
            keys,
            [token, reason, 1, *notices],
        )
        raise_if_not_leading(answer)
        return text(answer) == "told"
