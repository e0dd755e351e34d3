"""One connection to a host at a time, and a pause between two, inside one process.

Rules: the claim of a feed takes its host's slot in Redis; a redirect leads to hosts that nobody claimed. So every hop
takes a slot here: one at a time for each host, `interval` after the one before it ended. Waiting has its own limit and
does not use up the fetch's time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

LONGEST_WAIT = timedelta(seconds=20)
"""Less than the 30 s that a claim outlives the fetch's own time limit."""
LONGEST_INTERVAL_WAITED = timedelta(seconds=60)
"""Of a longer `per_host_interval` this much is waited for: a claim outlives the fetch by as much more. Who comes sooner
after another is told that the host is busy, and tries again in a minute."""
_PURGE_ABOVE = 1000


class HostBusy(Exception):
    """The slot did not come free in time."""


@dataclass(slots=True)
class _Slot:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    free_at: float = 0.0
    """Loop time from which the next request may start."""
    user_count: int = 0


def interval_waited(interval: timedelta) -> timedelta:
    """How much of a pause between two requests to a host one may wait for."""
    return min(interval, LONGEST_INTERVAL_WAITED)


class HostSlots:
    """The slots of all hosts that this process asks."""

    def __init__(
        self, *, interval: timedelta, longest_wait: timedelta | None = None
    ) -> None:
        """`longest_wait`: by default LONGEST_WAIT, or the interval where that is longer (`interval_waited`)."""
        wait = longest_wait or max(LONGEST_WAIT, interval_waited(interval))
        self._longest_wait = wait.total_seconds()
        self._interval = interval.total_seconds()
        self._slots: dict[str, _Slot] = {}

    @asynccontextmanager
    async def slot(self, host: str) -> AsyncIterator[None]:
        """Hold the host's only slot. Raises HostBusy."""
        slot = self._slots.setdefault(host, _Slot())
        slot.user_count += 1
        try:
            async with self._locked(slot) as give_up_at:
                if slot.free_at > give_up_at:
                    # An interval longer than anyone may wait is kept all the same.
                    raise HostBusy
                await asyncio.sleep(max(0.0, slot.free_at - _now()))
                try:
                    yield
                finally:
                    slot.free_at = _now() + self._interval
        finally:
            slot.user_count -= 1
            self._purge()

    @asynccontextmanager
    async def _locked(self, slot: _Slot) -> AsyncIterator[float]:
        give_up_at = _now() + self._longest_wait
        try:
            async with asyncio.timeout_at(give_up_at):
                await slot.lock.acquire()
        except TimeoutError:
            raise HostBusy from None
        try:
            yield give_up_at
        finally:
            slot.lock.release()

    def _purge(self) -> None:
        if len(self._slots) <= _PURGE_ABOVE:
            return
        now = _now()
        for host, slot in list(self._slots.items()):
            if not slot.user_count and slot.free_at <= now:
                del self._slots[host]


def _now() -> float:
    return asyncio.get_running_loop().time()
