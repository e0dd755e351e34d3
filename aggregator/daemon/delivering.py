"""`[[notify]]`: what a queue would hold, sent to a webhook, ntfy or mail, with exactly the promise of the queues.

Rules: each notify has a stream queue of its own, filled by the event stage in the step that publishes, and read in a
consumer group; a message is acknowledged when it has arrived, so a `kill -9` anywhere loses none, and at worst one is
sent again under the same id. They go in their order, one notify never waits for another. A receiver that is down is
waited for, as long as the queue keeps (`[retention] queues`); a message that it refuses is tried MOST_REFUSALS times,
then told in `agg:trouble` (kind undelivered) and left behind, so that it does not stop the others. The worker that
leads the event stage sends.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import aiohttp
import structlog

from aggregator.daemon.clock import Clock
from aggregator.engine import wire
from aggregator.engine.store import Store
from aggregator.engine.watch_store import Row
from aggregator.errors import EngineError
from aggregator.model import Notice, Notify
from aggregator.watch.senders import (
    Failed,
    Parcel,
    Refused,
    Result,
    Sender,
    Sent,
    sender_of,
)

log = structlog.get_logger()

MOST_REFUSALS = 5
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=5)
LONGEST_ASKED = timedelta(hours=1)
"""How long a receiver's Retry-After is believed."""
BLOCK = timedelta(seconds=1)
LOOK = timedelta(seconds=1)
"""How often a worker that does not lead looks whether it does."""
UNDELIVERED = "undelivered"


class SecretMissingError(ValueError):
    """The secret of a notify cannot be read; the text says which."""


class Deliveries:
    """Sends for all notifies; `leads` says whether this worker leads. `directory` holds the secrets that we made."""

    def __init__(
        self,
        store: Store,
        *,
        leads: Callable[[], bool],
        clock: Clock,
        directory: Path,
        read_secret: Callable[[Notify], str | None],
        first_pause: timedelta = FIRST_PAUSE,
    ) -> None:
        """`read_secret` gives the operator's own secret, None where none is configured; raises SecretMissingError."""
        self._store = store
        self._leads = leads
        self._clock = clock
        self._directory = directory
        self._read_secret = read_secret
        self._first_pause = first_pause
        self._notifies: tuple[Notify, ...] = ()
        self._changed = asyncio.Event()

    def use(self, notifies: Sequence[Notify]) -> None:
        """Send for these from now on."""
        if tuple(notifies) != self._notifies:
            self._notifies = tuple(notifies)
            self._changed.set()

    async def run(self) -> None:
        """Until cancelled."""
        async with aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
        ) as session:
            while True:
                self._changed.clear()
                async with asyncio.TaskGroup() as group:
                    tasks = [
                        group.create_task(self._send_all(one, session))
                        for one in self._notifies
                    ]
                    await self._changed.wait()
                    for task in tasks:
                        task.cancel()

    async def _send_all(self, notify: Notify, session: aiohttp.ClientSession) -> None:
        sender = sender_of(
            notify, secret=lambda: self.secret_of(notify), session=session
        )
        queue, fresh = notify.queue.name, False
        while not _is_ending():
            if not self._leads():
                fresh = False  # what the worker before us had begun comes first
                await asyncio.sleep(LOOK.total_seconds())
                continue
            try:
                rows = await self._store.deliveries.undelivered(
                    queue, count=sender.batch, fresh=fresh, block=BLOCK
                )
                if rows:
                    await self._deliver(notify, sender, rows)
                    if notify.every:
                        await asyncio.sleep(notify.every.total_seconds())
                fresh = fresh or not rows
            except EngineError as error:
                log.warning("notify_waits", name=notify.name, error=str(error))
                fresh = False
                await asyncio.sleep(BLOCK.total_seconds())

    async def _deliver(
        self, notify: Notify, sender: Sender, rows: Sequence[Row]
    ) -> None:
        """Until the rows have arrived, or are given up. Raises EngineError."""
        parcels = []
        for row in rows:
            message = self._store.watch.message_of(row) if row.fields else None
            if message is None:  # trimmed while it waited, or not ours, which is noted
                await self._store.deliveries.delivered(
                    notify.queue.name, [row.stream_id]
                )
            else:
                parcels.append(
                    (row.stream_id, Parcel(message, wire.message_json(message)))
                )
        if not parcels:
            return
        result = await self._tried(notify, sender, [parcel for _, parcel in parcels])
        if isinstance(result, Sent):
            await self._store.deliveries.delivered(
                notify.queue.name, [stream_id for stream_id, _ in parcels]
            )
            log.info("notified", name=notify.name, messages=len(parcels))
            return
        for stream_id, parcel in parcels:
            await self._give_up(notify, stream_id, parcel, result.detail)

    async def _tried(
        self, notify: Notify, sender: Sender, parcels: Sequence[Parcel]
    ) -> Sent | Refused:
        """Send until it arrives, or has been refused MOST_REFUSALS times in a row."""
        pause, refusals, told = self._first_pause, 0, ""
        while True:
            result = await self._attempt(sender, parcels)
            if isinstance(result, Sent):
                return result
            refusals = refusals + 1 if isinstance(result, Refused) else 0
            if isinstance(result, Refused) and refusals >= MOST_REFUSALS:
                return result
            if result.detail != told:
                told = result.detail
                log.warning(
                    "notify_failed",
                    name=notify.name,
                    detail=told,
                    again_s=pause.total_seconds(),
                )
            await asyncio.sleep(_wait(result, pause).total_seconds())
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _attempt(self, sender: Sender, parcels: Sequence[Parcel]) -> Result:
        try:
            return await sender.send(parcels)
        except SecretMissingError as error:
            return Failed(str(error))

    async def _give_up(
        self, notify: Notify, stream_id: str, parcel: Parcel, detail: str
    ) -> None:
        message = parcel.message
        words = f"{notify.name}: {message.id} ({message.kind} of {message.event_id}) was refused: {detail}"
        log.error("notify_gave_up", name=notify.name, message=message.id, detail=detail)
        notice = Notice(UNDELIVERED, message.feed_id, "", words)
        await self._store.deliveries.give_up(
            notify.queue.name, stream_id, notice, at=self._clock.now()
        )

    # --- secrets --------------------------------------------------------------------------------------------------

    def secret_of(self, notify: Notify) -> str:
        """The operator's own secret, else one that was made for a webhook at first use and kept beside the state."""
        own = self._read_secret(notify)
        if own is not None:
            return own
        return self._made_secret(notify.name) if notify.is_signed else ""

    def _made_secret(self, name: str) -> str:
        file = self._directory / f"{name}.secret"
        try:
            return file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except (OSError, UnicodeDecodeError) as error:
            raise SecretMissingError(f"{file} cannot be read: {error}") from error
        made = secrets.token_hex(32)
        try:
            file.touch(mode=0o600, exist_ok=False)
            file.write_text(made + "\n", encoding="ascii")
        except OSError as error:
            raise SecretMissingError(f"{file} cannot be written: {error}") from error
        log.info("notify_secret_made", name=name, file=str(file))
        return made


def _is_ending() -> bool:
    """Whether this task was cancelled. redis-py may swallow that while it waits for an answer (Python 3.11)."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _wait(result: Failed | Refused, pause: timedelta) -> timedelta:
    asked = result.after_s if isinstance(result, Failed) else None
    return (
        pause
        if asked is None
        else min(max(timedelta(seconds=asked), pause), LONGEST_ASKED)
    )
