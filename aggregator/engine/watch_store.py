"""What people and programs read: digests, counts, notices, messages as they come.

Reading takes nothing away: no consumer group is made here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

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
from aggregator.engine.scripts import (
    Argument,
    Engine,
    batches,
    blocking,
    flattened,
    text,
)
from aggregator.engine.wire import span_ms
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
        arguments = [
            span_ms(self._engine.retention.digest),
            self._keys.digest_channel,
            digest_notification(digest, whole),
            *flattened(fields.items()),
        ]
        keys = (self._keys.digest, self._keys.gate(f"digest:{digest.id}"))
        answer = await self._engine.script("append_digest", keys, arguments)
        return text(answer) == "done"

    async def digests(self, since: datetime) -> list[Digest]:
        """Those appended since, oldest first."""
        return await self._records_of(DIGEST, "digest", since)

    async def newest_digest(self) -> Digest | None:
        """The digest appended last, however long ago; None when there is none."""
        # More than one row is asked for because the last may be anybody's.
        rows = await self._engine.command(
            "XREVRANGE",
            self._keys.digest,
            "+",
            "-",
            "COUNT",
            _PAGE,
        )
        for stream_id, fields in rows:
            digest = self.digest_of(row_of("digest", stream_id, fields))
            if digest is not None:
                return digest
        return None

    async def _records_of(
        self,
        kind: RecordKind[T],
        stream: str,
        since: datetime,
    ) -> list[T]:
        records: list[T] = []
        async for row in self.rows(stream, since):
            record = self.record_of(kind, row)
            if record is not None:
                records.append(record)
        return records

    def record_of(
        self,
        kind: RecordKind[T],
        row: Row,
    ) -> T | None:
        """What a line of a public stream holds; None for what is not ours, which is noted."""
        key = self._engine.public_streams()[row.stream][0]
        return self._engine.readable(kind, f"{key} {row.stream_id}", row.fields)

    async def totals(
        self,
        since: datetime,
        *,
        until: datetime | None = None,
    ) -> Totals:
        """Counts of the minutes that begin in the window, the first one whole; of hours more than `MINUTES_KEPT` ago
        those that begin in it."""
        # 1 ms, so that what was counted in the same one is within the window.
        last = until or await self._engine.server_time() + timedelta(milliseconds=1)
        first_minute = wire.milliseconds(since) // _MINUTE_MS
        end_minute = -(wire.milliseconds(last) // -_MINUTE_MS)
        window = range(first_minute, end_minute)
        hours = range(window.start // 60, (window.stop - 1) // 60 + 1)
        sums: Counter[str] = Counter()
        for page in batches(hours, _PAGE):
            for hour, counts in (await self._counts_of(page)).items():
                sums += _within(window, hour, counts)
        return Totals(
            polls=_under("polls", sums),
            entries=_under("entries", sums),
            reports=_under("reports", sums),
        )

    async def _counts_of(
        self,
        hours: Sequence[int],
    ) -> dict[int, dict[str, int]]:
        """Hour since 1970 → its counts by field."""
        keys = [self._keys.stats(hour) for hour in hours]
        answers = await self._engine.many([("HGETALL", key) for key in keys])
        counts: dict[int, dict[str, int]] = {}
        for hour, key, answer in zip(
            hours,
            keys,
            answers,
            strict=True,
        ):
            values = (answer or {}).items()
            counts[hour] = self._engine.readable_fields(COUNT, key, values)
        return counts

    async def trouble(self, since: datetime) -> list[Trouble]:
        """The notices since, oldest first."""
        return await self._records_of(TROUBLE, "trouble", since)

    async def memory_bytes(self) -> int:
        """What the server uses; 0 where it does not say."""
        memory = await self._info("memory")
        return int(memory.get("used_memory", 0))

    async def server_risks(self) -> tuple[str, ...]:
        """What of the server's settings may cost us data, a sentence each; nothing of what it does not tell."""
        memory = await self._info("memory")
        persistence = await self._info("persistence")
        return risks_of({**memory, **persistence}, await self._snapshots())

    async def _info(self, section: str) -> Mapping[str, Any]:
        """A section of the server's INFO; empty where it does not tell."""
        with engine_errors():
            info = await self._engine.client.info(section)
        return info if isinstance(info, Mapping) else {}

    async def _snapshots(self) -> str | None:
        """The server's setting `save`, None where it does not let us ask."""
        try:
            answer = await self._engine.command("CONFIG", "GET", "save")
        except EngineRefused:  # managed servers and our own users.acl do not allow it
            return None
        # A server that knows no such setting answers an empty map.
        if not isinstance(answer, Mapping) or not answer:
            return None
        return text(next(iter(answer.values())))

    # --- workers ---

    async def leader(self) -> Lead | None:
        """Who leads the event stage now; None when nobody does."""
        [values] = await self._engine.many(
            [("HMGET", self._keys.leader, "worker", "token", "lapses")]
        )
        # No hash, or one of which a field is missing: nobody has led yet.
        if values is None or None in values:
            return None
        leader = self._engine.readable(LEADER, self._keys.leader, values)
        if leader is None:
            return None
        worker, token, lapses_at = leader
        if lapses_at <= await self._engine.server_time():
            return None
        return Lead(token, worker, lapses_at)

    # --- messages ---

    async def rows(
        self,
        stream: str,
        since: datetime,
    ) -> AsyncIterator[Row]:
        """A public stream's lines from `since` on (by the server's clock when they were written)."""
        key = self._engine.public_streams()[stream][0]
        start = str(max(0, wire.milliseconds(since)))
        async for page in self._engine.pages(key, start, _PAGE):
            for stream_id, fields in page:
                yield row_of(stream, stream_id, fields)

    async def newest_rows(self, stream: str) -> AsyncIterator[Row]:
        """A public stream's lines, the newest first."""
        key = self._engine.public_streams()[stream][0]
        async for page in self._engine.pages_backwards(key, _PAGE):
            for stream_id, fields in page:
                yield row_of(stream, stream_id, fields)

    async def messages(
        self,
        since: datetime,
        *,
        stream: str = "reports",
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
        event_ids: dict[str, None] = {}
        async for row in self.rows("reports", since):
            if self.message_of(row) is not None:
                event_ids[row.fields["event_id"]] = None
        events = await self.readable_events(list(event_ids))
        # Two ids may stand for one survivor.
        return list({event.event_id: event for event in events.values()}.values())

    async def readable_events(
        self,
        event_ids: list[str],
    ) -> dict[str, Event]:
        """The events by the ids asked for, survivors for absorbed ones; those that cannot be read are left out."""
        try:
            return await self._events.by_ids(event_ids)
        except UnreadableRecord:
            middle = len(event_ids) // 2
            if middle == 0:
                return {}
        # One record that cannot be read fails all asked for with it: halve until it stands alone.
        former = await self.readable_events(event_ids[:middle])
        latter = await self.readable_events(event_ids[middle:])
        return former | latter

    async def last_ids(
        self,
        streams: Sequence[str],
    ) -> dict[str, str]:
        """Where each stream ends now: give it to `tail` to get only what comes later."""
        public = self._engine.public_streams()
        keys = [public[name][0] for name in streams]
        answers = await self._engine.many(
            [("XREVRANGE", key, "+", "-", "COUNT", 1) for key in keys]
        )
        last_ids = dict.fromkeys(streams, "0-0")
        for name, page in zip(streams, answers, strict=True):
            if page:
                last_ids[name] = text(page[0][0])
        return last_ids

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
        answer = await self._engine.command(
            "XREAD",
            "COUNT",
            count,
            *blocking(block),
            "STREAMS",
            *names,
            *last_ids.values(),
        )
        rows: list[Row] = []
        for key, page in answer.items():
            stream = names[text(key)]
            rows += [row_of(stream, stream_id, fields) for stream_id, fields in page]
        return rows


def digest_notification(digest: Digest, whole: bytes) -> bytes:
    """The digest as JSON under 16,000 bytes: with as many of its events as fit, the first ones."""
    if len(whole) < wire.NOTIFICATION_BYTES:
        return whole
    value = {
        **orjson.loads(whole),
        "v": wire.VERSION,
        "trouble": [],
        "slow": [],
    }
    while True:
        notification = orjson.dumps(value)
        if len(notification) < wire.NOTIFICATION_BYTES or not value["events"]:
            return notification
        # A quarter at a time: writing it out anew for each event would be quadratic.
        value["events"] = value["events"][: len(value["events"]) * 3 // 4]


def row_of(
    stream: str,
    stream_id: bytes,
    fields: Mapping[bytes, bytes],
) -> Row:
    """A row as redis-py gives it."""
    return Row(
        stream,
        text(stream_id),
        {text(name): text(value) for name, value in fields.items()},
    )


def _within(
    window: range,
    hour: int,
    counts: Mapping[str, int],
) -> Counter[str]:
    """What was counted in the minutes of `window` (since 1970), by name."""
    sums: Counter[str] = Counter()
    for field, number in counts.items():
        minute, name = _minute_and_name(field)
        if 60 * hour + minute in window:
            sums[name] += number
    return sums


def _minute_and_name(field: str) -> tuple[int, str]:
    """The minute of its hour that a count is of, 0 for one of the whole hour, and what is counted."""
    minute, colon, name = field.partition(":")
    # After two days the minutes are added up (compact_stats.lua): `polls:ok` in the place of `07:polls:ok`.
    is_of_minute = colon and minute.isdecimal() and len(minute) == 2
    if not is_of_minute:
        return 0, field
    return int(minute), name


def _under(
    group: str,
    sums: Mapping[str, int],
) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name, number in sums.items():
        head, _, tail = name.partition(":")
        if head == group:
            counts[tail] = number
    return counts
