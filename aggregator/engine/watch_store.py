"""What people and programs read: digests, counts, notices, messages as they come.

Reading takes nothing away: no consumer group is made here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import orjson

from aggregator.engine import wire
from aggregator.engine.client import engine_errors
from aggregator.engine.codec import (
    COUNT,
    DIGEST,
    LEADER,
    MESSAGE,
    TROUBLE,
    RecordKind,
    Trouble,
)
from aggregator.engine.event_store import EventStore, Lead
from aggregator.engine.risks import risks_of
from aggregator.engine.scripts import BLOCK_MS, Argument, Engine, text
from aggregator.errors import EngineRefused, UnreadableRecord
from aggregator.model import Digest, Event, Message, Totals

T = TypeVar("T")

_PAGE = 500
_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a public stream: `stream` is its short name (events, reports, digest, trouble, queue:<name>)."""

    stream: str
    stream_id: str
    fields: Mapping[str, str]


class WatchStore:
    """Reads of what is public, and the digests' writing."""

    def __init__(self, engine: Engine, events: EventStore) -> None:
        self._engine = engine
        self._keys = engine.keys
        self._events = events

    # --- digests and counts ---

    async def append_digest(self, digest: Digest) -> bool:
        """Appends the digest and tells it on its channel. False: one with this id stands already."""
        whole = wire.encode(digest)
        fields: dict[str, Argument] = {
            "v": str(wire.VERSION),
            "id": digest.id,
            "window_from": wire.iso(digest.window_from_at),
            "window_to": wire.iso(digest.window_to_at),
            "json": whole,
        }
        flat: list[Argument] = [part for pair in fields.items() for part in pair]
        keep_ms = self._engine.retention.digest // timedelta(milliseconds=1)
        answer = await self._engine.script(
            "append_digest",
            (self._keys.digest, self._keys.gate(f"digest:{digest.id}")),
            [
                keep_ms,
                self._keys.digest_channel,
                digest_notification(digest, whole),
                *flat,
            ],
        )
        return text(answer) == "done"

    async def digests(self, since: datetime) -> list[Digest]:
        """Those appended since, oldest first."""
        found = [
            self.record_of(DIGEST, row) async for row in self.rows("digest", since)
        ]
        return [digest for digest in found if digest is not None]

    async def newest_digest(self) -> Digest | None:
        """The digest appended last, however long ago; None when there is none."""
        for stream_id, fields in await self._engine.command(
            "XREVRANGE", self._keys.digest, "+", "-", "COUNT", _PAGE
        ):
            digest = self.digest_of(row_of("digest", stream_id, fields))
            if digest is not None:
                return digest
        return None

    def record_of(self, kind: RecordKind[T], row: Row) -> T | None:
        """What a line of a public stream holds; None for what is not ours, which is noted."""
        key = self._engine.public_streams()[row.stream][0]
        return self._engine.readable(kind, f"{key} {row.stream_id}", row.fields)

    async def totals(self, since: datetime, *, until: datetime | None = None) -> Totals:
        """Counts of the minutes that begin in the window, the first one whole; of hours more than `MINUTES_KEPT` ago
        those that begin in it."""
        last = until or await self._engine.server_time() + timedelta(milliseconds=1)
        window = range(
            wire.milliseconds(since) // _MINUTE_MS,
            -(wire.milliseconds(last) // -_MINUTE_MS),
        )
        hours = range(window.start // 60, (window.stop - 1) // 60 + 1)
        sums: Counter[str] = Counter()
        for start in range(0, len(hours), _PAGE):
            page = hours[start : start + _PAGE]
            for hour, answer in zip(page, await self._stats(page), strict=True):
                for field, number in self._counts(
                    self._keys.stats(hour), answer
                ).items():
                    minute, name = _minute_and_name(field)
                    if 60 * hour + minute in window:
                        sums[name] += number
        return Totals(
            polls=_under("polls", sums),
            entries=_under("entries", sums),
            reports=_under("reports", sums),
        )

    async def _stats(self, hours: Sequence[int]) -> list[Mapping[bytes, bytes]]:
        answers = await self._engine.many(
            [("HGETALL", self._keys.stats(hour)) for hour in hours]
        )
        return [answer or {} for answer in answers]

    def _counts(self, key: str, answer: Mapping[bytes, bytes]) -> dict[str, int]:
        counts: dict[str, int] = {}
        for name, value in answer.items():
            number = self._engine.readable(COUNT, f"{key} {text(name)}", value)
            if number is not None:
                counts[text(name)] = number
        return counts

    async def trouble(self, since: datetime) -> list[Trouble]:
        """The notices since, oldest first."""
        found = [
            self.record_of(TROUBLE, row) async for row in self.rows("trouble", since)
        ]
        return [trouble for trouble in found if trouble is not None]

    async def memory_bytes(self) -> int:
        """What the server uses; 0 where it does not say."""
        with engine_errors():
            found = await self._engine.client.info("memory")
        return int(found.get("used_memory", 0)) if isinstance(found, Mapping) else 0

    async def server_risks(self) -> tuple[str, ...]:
        """What of the server's settings may cost us data, a sentence each; nothing of what it does not tell."""
        with engine_errors():
            memory, persistence = (
                await self._engine.client.info("memory"),
                await self._engine.client.info("persistence"),
            )
        known = (
            {**memory, **persistence}
            if isinstance(memory, Mapping) and isinstance(persistence, Mapping)
            else {}
        )
        return risks_of(known, await self._snapshots())

    async def _snapshots(self) -> str | None:
        """The server's setting `save`, None where it does not let us ask."""
        try:
            answer = await self._engine.command("CONFIG", "GET", "save")
        except EngineRefused:  # managed servers and our own users.acl do not allow it
            return None
        values = answer if isinstance(answer, Mapping) else {}
        return next((text(value) for value in values.values()), None)

    # --- workers ---

    async def leader(self) -> Lead | None:
        """Who leads the event stage now; None when nobody does."""
        [values] = await self._engine.many(
            [("HMGET", self._keys.leader, "worker", "token", "lapses")]
        )
        found = (
            None
            if values is None or None in values
            else self._engine.readable(LEADER, self._keys.leader, values)
        )
        if found is None:
            return None
        worker, token, lapses_at = found
        return (
            Lead(token, worker, lapses_at)
            if lapses_at > await self._engine.server_time()
            else None
        )

    # --- messages ---

    async def rows(self, stream: str, since: datetime) -> AsyncIterator[Row]:
        """A public stream's lines from `since` on (by the server's clock when they were written)."""
        key = self._engine.public_streams()[stream][0]
        start = str(max(0, wire.milliseconds(since)))
        while page := await self._engine.command(
            "XRANGE", key, start, "+", "COUNT", _PAGE
        ):
            for row in page:
                yield row_of(stream, *row)
            start = f"({text(page[-1][0])}"

    async def newest_rows(self, stream: str) -> AsyncIterator[Row]:
        """A public stream's lines, the newest first."""
        key = self._engine.public_streams()[stream][0]
        end = "+"
        while page := await self._engine.command(
            "XREVRANGE", key, end, "-", "COUNT", _PAGE
        ):
            for row in page:
                yield row_of(stream, *row)
            end = f"({text(page[-1][0])}"

    async def messages(
        self, since: datetime, *, stream: str = "reports"
    ) -> AsyncIterator[Message]:
        """The messages of `events`, `reports` or a stream queue, with their documents."""
        async for row in self.rows(stream, since):
            message = self.message_of(row)
            if message is not None:
                yield message

    def message_of(self, row: Row) -> Message | None:
        """The message of a line of `events`, `reports` or a stream queue; None for what is not ours, which is noted."""
        return self.record_of(MESSAGE, row)

    def digest_of(self, row: Row) -> Digest | None:
        """The same of a line of the digest stream."""
        return self.record_of(DIGEST, row)

    async def events_since(self, since: datetime) -> list[Event]:
        """The events that had a report since, each once as it stands now (survivors of merges), oldest report first.

        One whose record cannot be read is left out: what people watch does not stop at it."""
        ids: dict[str, None] = {}
        async for row in self.rows("reports", since):
            if self.message_of(row) is not None:
                ids[row.fields["event_id"]] = None
        found = await self.readable_events(list(ids))
        return list({event.event_id: event for event in found.values()}.values())

    async def readable_events(self, event_ids: list[str]) -> dict[str, Event]:
        """The events by the ids asked for, survivors for absorbed ones; those that cannot be read are left out."""
        try:
            return await self._events.by_ids(event_ids)
        except UnreadableRecord:
            middle = len(event_ids) // 2
            if middle == 0:
                return {}
        return await self.readable_events(
            event_ids[:middle]
        ) | await self.readable_events(event_ids[middle:])

    async def last_ids(self, streams: Sequence[str]) -> dict[str, str]:
        """Where each stream ends now: give it to `tail` to get only what comes later."""
        public = self._engine.public_streams()
        answers = await self._engine.many(
            [("XREVRANGE", public[name][0], "+", "-", "COUNT", 1) for name in streams]
        )
        return {
            name: text(rows[0][0]) if rows else "0-0"
            for name, rows in zip(streams, answers, strict=True)
        }

    async def tail(
        self,
        last_ids: Mapping[str, str],
        *,
        block: timedelta = timedelta(0),
        count: int = 100,
    ) -> list[Row]:
        """What stands behind the given ids, oldest first in each stream; waits at most `block` (2 s at most) for it."""
        public = self._engine.public_streams()
        names = {public[stream][0]: stream for stream in last_ids}
        wait = min(BLOCK_MS, block // timedelta(milliseconds=1))
        blocking = ("BLOCK", wait) if wait > 0 else ()
        answer = await self._engine.command(
            "XREAD", "COUNT", count, *blocking, "STREAMS", *names, *last_ids.values()
        )
        return [
            row_of(names[text(key)], *row)
            for key, rows in answer.items()
            for row in rows
        ]


def digest_notification(digest: Digest, whole: bytes) -> bytes:
    """The digest as JSON under 16,000 bytes: with as many of its events as fit, the first ones."""
    value = {**orjson.loads(whole), "v": wire.VERSION, "trouble": [], "slow": []}
    if len(whole) < wire.NOTIFICATION_BYTES:
        return whole
    events = value["events"]
    while (
        len(found := orjson.dumps({**value, "events": events}))
        >= wire.NOTIFICATION_BYTES
        and events
    ):
        events = events[: len(events) * 3 // 4]
    return found


def row_of(stream: str, stream_id: bytes, fields: Mapping[bytes, bytes]) -> Row:
    """A row as redis-py gives it."""
    return Row(
        stream,
        text(stream_id),
        {text(name): text(value) for name, value in fields.items()},
    )


def _minute_and_name(field: str) -> tuple[int, str]:
    """The minute of its hour that a count is of, 0 for one of the whole hour, and what is counted."""
    minute, colon, name = field.partition(":")
    return (
        (int(minute), name)
        if colon and minute.isdecimal() and len(minute) == 2
        else (0, field)
    )


def _under(group: str, sums: Mapping[str, int]) -> dict[str, int]:
    head = f"{group}:"
    return {
        name.removeprefix(head): number
        for name, number in sums.items()
        if name.startswith(head)
    }
