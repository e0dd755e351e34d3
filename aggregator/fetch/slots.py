"""One connection to a host at a time, and a pause between two, inside one process.

Rules: the claim of a feed takes its host's slot in Redis; a redirect leads to hosts that nobody claimed. So every hop
takes a slot here: one at a time for each host, `interval` after the one before it ended. Waiting has its own limit and
does not use up the fetch's time.
"""

from __future__ import annotations

import asyncio
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

    def slot(self, host: str) -> _Held:
        """Hold the host's only slot. Entering it raises HostBusy."""
        slot = self._slots.setdefault(host, _Slot())
        return _Held(self, slot)

    async def _taken(self, slot: _Slot) -> None:
        """Returns when the slot is ours. Raises HostBusy."""
        now = _now()
        if not slot.lock.locked() and slot.free_at <= now:
            # Nearly always: the claim has waited for the host. Nobody waits here, so the lock is given at once.
            await slot.lock.acquire()
            return
        await self._waited_for(slot, give_up_at=now + self._longest_wait)

    async def _waited_for(self, slot: _Slot, *, give_up_at: float) -> None:
        try:
            async with asyncio.timeout_at(give_up_at):
                await slot.lock.acquire()
        except TimeoutError:
            raise HostBusy from None
        try:
            if slot.free_at > give_up_at:
                # An interval longer than anyone may wait is kept all the same.
                raise HostBusy
            await asyncio.sleep(max(0.0, slot.free_at - _now()))
        except BaseException:
            slot.lock.release()
            raise

    def _purge(self) -> None:
        if len(self._slots) <= _PURGE_ABOVE:
            return
        now = _now()
        for host, slot in list(self._slots.items()):
            if not slot.user_count and slot.free_at <= now:
                del self._slots[host]


class _Held:
    """One slot's turn, as an asynchronous context manager.

    A class, since two generators for each request were a tenth of a poll that is answered by a 304.
    """

    __slots__ = ("_slot", "_slots")

    def __init__(self, slots: HostSlots, slot: _Slot) -> None:
        self._slots = slots
        self._slot = slot

    async def __aenter__(self) -> None:
        slot = self._slot
        slot.user_count += 1
        try:
            await self._slots._taken(slot)
        except BaseException:
            slot.user_count -= 1
            raise

    async def __aexit__(self, *_: object) -> None:
        slot = self._slot
        slot.free_at = _now() + self._slots._interval
        slot.lock.release()
        slot.user_count -= 1
        self._slots._purge()


def _now() -> float:
    return asyncio.get_running_loop().time()
