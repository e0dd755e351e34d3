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
        cookies = aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(
            cookie_jar=cookies, trust_env=False
        ) as session:
            while True:
                self._changed.clear()
                await self._send_until_changed(session)

    async def _send_until_changed(self, session: aiohttp.ClientSession) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._send_all(notify, session))
                for notify in self._notifies
            ]
            await self._changed.wait()
            for task in tasks:
                task.cancel()

    async def _send_all(self, notify: Notify, session: aiohttp.ClientSession) -> None:
        sender = sender_of(
            notify,
            secret=lambda: self.secret_of(notify),
            session=session,
        )
        fresh = False
        while not _is_ending():
            if not self._leads():
                # When we lead, what the worker before us had begun comes first.
                fresh = False
                await asyncio.sleep(LOOK.total_seconds())
                continue
            try:
                rows = await self._store.deliveries.undelivered(
                    notify.queue.name,
                    count=sender.batch,
                    fresh=fresh,
                    block=BLOCK,
                )
                if rows:
                    await self._deliver(notify, sender, rows)
                    # What comes meanwhile goes with the next mail.
                    if notify.every:
                        await asyncio.sleep(notify.every.total_seconds())
                # New ones only when nothing is left that was begun before: they go in their order.
                fresh = fresh or not rows
            except EngineError as error:
                log.warning("notify_waits", name=notify.name, error=str(error))
                # What arrived and could not be acknowledged is sent once more, under the same id.
                fresh = False
                await asyncio.sleep(BLOCK.total_seconds())

    async def _deliver(
        self,
        notify: Notify,
        sender: Sender,
        rows: Sequence[Row],
    ) -> None:
        """Until the rows have arrived, or are given up. Raises EngineError."""
        deliveries = self._store.deliveries
        queue = notify.queue.name
        parcels: dict[str, Parcel] = {}
        for row in rows:
            message = self._store.watch.message_of(row) if row.fields else None
            if message is None:
                # Trimmed while it waited, or not ours, which is noted.
                await deliveries.delivered(queue, [row.stream_id])
                continue
            parcels[row.stream_id] = Parcel(message, wire.message_json(message))
        if not parcels:
            return
        result = await self._tried(notify, sender, list(parcels.values()))
        if isinstance(result, Sent):
            await deliveries.delivered(queue, list(parcels))
            log.info("notified", name=notify.name, messages=len(parcels))
            return
        for stream_id, parcel in parcels.items():
            await self._give_up(
                notify,
                stream_id,
                parcel,
                result.detail,
            )

    async def _tried(
        self,
        notify: Notify,
        sender: Sender,
        parcels: Sequence[Parcel],
    ) -> Sent | Refused:
        """Send until it arrives, or has been refused MOST_REFUSALS times in a row."""
        pause = self._first_pause
        refusal_count = 0
        logged = ""
        while True:
            result = await self._attempt(sender, parcels)
            if isinstance(result, Sent):
                return result
            if isinstance(result, Refused):
                refusal_count += 1
                if refusal_count >= MOST_REFUSALS:
                    return result
            else:
                # A receiver that is down has refused nothing: it is waited for.
                refusal_count = 0
            # A receiver that is down for a day says the same a thousand times.
            if result.detail != logged:
                logged = result.detail
                log.warning(
                    "notify_failed",
                    name=notify.name,
                    detail=logged,
                    again_s=pause.total_seconds(),
                )
            await asyncio.sleep(_wait(result, pause).total_seconds())
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _attempt(self, sender: Sender, parcels: Sequence[Parcel]) -> Result:
        try:
            return await sender.send(parcels)
        except SecretMissingError as error:
            # An operator can put it there while we wait.
            return Failed(str(error))

    async def _give_up(
        self,
        notify: Notify,
        stream_id: str,
        parcel: Parcel,
        detail: str,
    ) -> None:
        message = parcel.message
        words = f"{notify.name}: {message.id} ({message.kind} of {message.event_id}) was refused: {detail}"
        log.error(
            "notify_gave_up",
            name=notify.name,
            message=message.id,
            detail=detail,
        )
        notice = Notice(
            UNDELIVERED,
            message.feed_id,
            "",
            words,
        )
        await self._store.deliveries.give_up(
            notify.queue.name,
            stream_id,
            notice,
            at=self._clock.now(),
        )

    # --- secrets --------------------------------------------------------------------------------------------------

    def secret_of(self, notify: Notify) -> str:
        """The operator's own secret, else one that was made for a webhook at first use and kept beside the state."""
        own = self._read_secret(notify)
        if own is not None:
            return own
        if not notify.is_signed:
            return ""
        return self._generated_secret(notify.name)

    def _generated_secret(self, name: str) -> str:
        file = self._directory / f"{name}.secret"
        try:
            return file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except (OSError, UnicodeDecodeError) as error:
            raise SecretMissingError(f"{file} cannot be read: {error}") from error
        secret = secrets.token_hex(32)
        try:
            # Its rights before its content: it is never readable by others.
            file.touch(mode=0o600, exist_ok=False)
            file.write_text(secret + "\n", encoding="ascii")
        except OSError as error:
            raise SecretMissingError(f"{file} cannot be written: {error}") from error
        log.info("notify_secret_made", name=name, file=str(file))
        return secret


def _is_ending() -> bool:
    """Whether this task was cancelled. redis-py may swallow that while it waits for an answer (Python 3.11)."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _wait(result: Failed | Refused, pause: timedelta) -> timedelta:
    if isinstance(result, Refused) or result.after_s is None:
        return pause
    # Its Retry-After may only lengthen the wait, and not without end.
    asked = timedelta(seconds=result.after_s)
    return min(max(asked, pause), LONGEST_ASKED)
