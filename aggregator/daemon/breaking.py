"""What becomes of an entry that breaks the event stage: tried alone, judged by those behind it, rejected or waited for.

Rules: a batch that breaks is taken again one entry at a time. The entry that breaks alone is rejected only when one of
those behind it goes through and it breaks once more by itself, because then the fault lies with the entry and not in a
moment of ours. When those behind it break, too, or nothing waits behind it, the fault may be ours or lie in what all of
them meet: nothing is rejected then, the stage waits, longer each time, and says so. An entry that is not at fault (a
later version wrote it, its event's record cannot be read, or this machine was short of something) is never rejected. A
row that no version of ours wrote is rejected at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from aggregator.daemon.clock import Clock
from aggregator.daemon.shutdown import left
from aggregator.engine.codec import Unreadable
from aggregator.engine.event_store import Waiting
from aggregator.engine.store import Store
from aggregator.errors import EventsHeld, UnreadableRecord
from aggregator.model import Entry, Notice
from aggregator.watch.metrics import Metrics

log = structlog.get_logger()

ROW = 5
"""Entries in a row that must break before the fault is taken for ours: a guess. Fewer when fewer wait."""
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=5)
"""Each try loads the index twice (30 s of reading for 1,000,000 reports), so it must not come too often. A guess."""
LOOK_EVERY = timedelta(seconds=2)
"""How often a held stage looks whether something came that would show what is at fault."""

_OURS = (MemoryError, OSError, asyncio.InvalidStateError)
"""What no entry brings about: this machine had no memory, descriptor, process or time for it."""

Tried = Callable[[str, Entry], Awaitable[bool]]
"""Whether an entry (stream id, entry) would go through: everything but publishing it."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """The entry that broke alone: `is_blameless` when it is not at fault, `is_later` when a later version is needed,
    `is_foreign` when it is none of ours."""

    stream_id: str
    why: str
    feed_id: str = ""
    name: str = ""
    is_blameless: bool = False
    is_later: bool = False
    is_foreign: bool = False


class Breaker:
    """What one worker knows of the entry it does not get past, and what it does about it."""

    def __init__(
        self,
        *,
        store: Store,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self.alone = 0
        """How many of the oldest waiting entries are taken one at a time, to find the one that broke its batch."""
        self.suspect: Suspect | None = None
        self.held_by = ""
        """Why the stage waits, though it leads; empty: it goes on."""
        self._pause = timedelta(0)
        self._acquitted = ""
        """The entry that went through when it was tried once more; if it breaks again, it is at fault after all."""
        self._row = 0
        """How many waiting entries the last judgement looked at."""

    async def took_lead(self) -> None:
        """Learn what held the leader before us. Raises EngineError."""
        self.held_by = (await self._store.back_pressure.standing()).event_stage

    def lost_lead(self) -> None:
        """Forget what was ours to judge: the next leader meets the entry itself."""
        self.alone = 0
        self.suspect = None
        self.held_by = ""

    # --- what happened ----------------------------------------------------------------------------------------

    def broke(self, entries: Sequence[tuple[str, Entry]], error: Exception) -> None:
        """These entries broke us together; one that broke alone is judged next."""
        if len(entries) > 1:
            self.alone = len(entries)
        else:
            self.suspect = _suspect(*entries[0], error)

    async def stopped_at(self, token: int, waiting: Waiting) -> None:
        """No entry can be read before what stands first, if anything does. Raises EngineError, StaleToken."""
        if waiting.rows:
            stream_id, row = waiting.rows[0]
            self.suspect = _unreadable_suspect(stream_id, row)
        elif self.held_by:
            # What held the stage is gone from the stream: trimmed, or rejected by another.
            await self._announce(token, "")

    async def got_through(self, token: int, count: int) -> None:
        """So many were published. Raises EngineError, StaleToken."""
        self.alone = max(0, self.alone - count)
        if not count:
            return
        self._pause = timedelta(0)
        if self.held_by:
            await self._announce(token, "")

    # --- what to do -------------------------------------------------------------------------------------------

    async def judge(
        self,
        token: int,
        suspect: Suspect,
        tried: Tried,
    ) -> None:
        """Reject the entry that broke alone if one of those behind it goes through, else wait.

        Raises EventsHeld: wait; EngineError, StaleToken: judge again.
        """
        waiting = await self._store.events.next_entries(ROW)
        rows = waiting.rows
        if rows and rows[0][0] == suspect.stream_id:
            if not await _is_at_fault(suspect, rows[1:], tried):
                await self._hold(token, suspect, len(rows))
            if not await self._goes_through_now(*rows[0], tried):
                await self._reject(token, suspect)
        self.alone = max(0, self.alone - 1)
        self.suspect = None

    async def _goes_through_now(
        self,
        stream_id: str,
        entry: Entry | Unreadable,
        tried: Tried,
    ) -> bool:
        """Whether what broke was a moment of ours: the entry goes through when it is tried once more."""
        if stream_id == self._acquitted or not isinstance(entry, Entry):
            return False
        if not await tried(stream_id, entry):
            return False
        self._acquitted = stream_id
        log.warning("entry_went_through", stream_id=stream_id, feed_id=entry.feed_id)
        return True

    async def _hold(
        self,
        token: int,
        suspect: Suspect,
        row: int,
    ) -> None:
        self.suspect = None
        self.alone = max(1, self.alone)
        self._row = row
        if suspect.is_blameless:
            # More entries would show nothing new: none is waited for.
            self._row = ROW
        self._pause = min(LONGEST_PAUSE, max(FIRST_PAUSE, self._pause * 2))
        await self._announce(token, _words(suspect, row))
        raise EventsHeld(self.held_by, is_later=suspect.is_later)

    async def _reject(self, token: int, suspect: Suspect) -> None:
        what = f"{suspect.name} {suspect.why}".strip()
        why = f"an entry on the entries stream cannot be used: {what}"
        notice = Notice(
            "dropped",
            suspect.feed_id,
            "",
            why[:1000],
        )
        await self._store.events.reject_entry(token, suspect.stream_id, notice)
        self._metrics.count_report("rejected")
        log.error(
            "entry_unusable",
            stream_id=suspect.stream_id,
            feed_id=suspect.feed_id,
            error=suspect.why,
        )

    async def _announce(self, token: int, why: str) -> None:
        """Note for everyone why the stage waits, or that it goes on."""
        kind, detail = "recovered", "the event stage goes on"
        if why:
            kind, detail = "failing", f"the event stage waits: {why}"
        is_news = await self._store.back_pressure.hold_events(
            token,
            why,
            Notice(
                kind,
                "",
                "",
                detail,
            ),
            at=self._clock.now(),
        )
        self.held_by = why
        if is_news:
            log.warning("trouble", kind=kind, detail=detail)

    async def until_next_try(
        self, between: Callable[[timedelta], Awaitable[bool]]
    ) -> None:
        """Wait for the next try, or until more waits than the last judgement could look at.

        `between` waits so long in the lead, False when the stage is to stop. Raises what it raises, and EngineError.
        """
        pause_s = self._pause.total_seconds()
        log.error("event_stage_held", reason=self.held_by, retry_s=pause_s)
        end = asyncio.get_running_loop().time() + pause_s
        while left(end) > 0:
            span = min(LOOK_EVERY, timedelta(seconds=left(end)))
            if not await between(span):
                return
            if self._row >= ROW:
                continue
            # Few entries showed nothing: one more that goes through would convict the first.
            standing = await self._store.back_pressure.standing()
            if standing.waiting_count > self._row:
                return


async def _is_at_fault(
    suspect: Suspect,
    behind: Sequence[tuple[str, Entry | Unreadable]],
    tried: Tried,
) -> bool:
    # Nobody will ever read what is none of ours: nothing behind it need show that.
    if suspect.is_foreign:
        return True
    return not suspect.is_blameless and await _any_goes_through(behind, tried)


async def _any_goes_through(
    rows: Sequence[tuple[str, Entry | Unreadable]], tried: Tried
) -> bool:
    for stream_id, entry in rows:
        if isinstance(entry, Entry) and await tried(stream_id, entry):
            return True
    return False


def _suspect(
    stream_id: str,
    entry: Entry,
    error: Exception,
) -> Suspect:
    name = f"{entry.entry_id} {entry.url or entry.title}:"
    if isinstance(error, UnreadableRecord):
        return Suspect(
            stream_id,
            str(error),
            entry.feed_id,
            name,
            is_blameless=True,
            is_later=error.is_later,
        )
    why = f"{type(error).__name__}: {error}"
    is_ours = isinstance(error, _OURS)
    return Suspect(
        stream_id,
        why,
        entry.feed_id,
        name,
        is_blameless=is_ours,
    )


def _unreadable_suspect(stream_id: str, row: Entry | Unreadable) -> Suspect:
    why = row.why if isinstance(row, Unreadable) else ""
    if isinstance(row, Unreadable) and row.is_foreign:
        why = f"row {stream_id} is none of ours, another program wrote it ({why})"
        return Suspect(stream_id, why, is_foreign=True)
    if isinstance(row, Unreadable) and row.is_later:
        # A roll-back: the version that wrote it can publish it, so it is kept for that.
        why = (
            f"entry {stream_id} cannot be read ({why}); "
            "a later version of aggregator wrote it: start that version here"
        )
        return Suspect(
            stream_id,
            why,
            is_blameless=True,
            is_later=True,
        )
    return Suspect(stream_id, why)


def _words(suspect: Suspect, row: int) -> str:
    """Why the stage waits, for the log, `status` and `agg:trouble`."""
    if suspect.is_blameless:
        return suspect.why
    if row == 1:
        return f"the only waiting entry breaks it ({suspect.why}); it is tried again, and rejected if others go through"
    return (
        f"{row} waiting entries in a row break it, the first with {suspect.why}; this looks like a fault of ours, "
        "please report it; nothing is rejected, they are tried again"
    )
