"""What is dropped, and when.

Rules:
- A public stream keeps each message for its time, and beyond it while a registered consumer group has not acknowledged
  it, up to `max_stream_bytes`. A group that is behind and has not moved for `forget_group` no longer counts.
- Over the cap the oldest go, acknowledged or not; with `on_slow_consumer = "slow_down"` only what every group has
  acknowledged, and all workers are asked to pause polling (`back_pressure`).
- What a cap dropped is counted in the same step, for each group exactly, and told as a `dropped` notice.
- A known entry is forgotten `seen` after it was last in its feed; a feed that is gone from feeds.toml, when nothing is
  known of it any more. Gates and events expire by themselves (`events`).

Everything here may be repeated at any moment, by any number of workers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aggregator.engine import wire
from aggregator.engine.back_pressure import BackPressureStore
from aggregator.engine.codec import (
    COUNT,
    FINGERPRINT,
    KNOWN_ENTRY,
    QUEUED_AT,
    STAMPED,
    WHY_CHARS,
    Unreadable,
    decode,
)
from aggregator.engine.notices import notice_arguments
from aggregator.engine.scripts import (
    Argument,
    Engine,
    batches,
    flattened,
    ms_or_now,
    text,
)
from aggregator.engine.slips import Slip
from aggregator.engine.wire import span_ms
from aggregator.errors import EngineRefused
from aggregator.model import EPOCH, Notice

CAP_STEP = 100
"""Messages one script drops for the cap: it reads them to count what each group loses. With 500 of 5 KB it held the
server 10 to 12 ms on two cores with a load of 7, and 26 ms at worst; with 100 less than 10, and as much in all
(tests/bench/scale.py)."""
LIST_STEP = 200
FEEDS_STEP = 200
"""Feeds whose known entries one call looks through: a guess (at 100 entries each, 20,000 are read, 4 µs each)."""
LAG_COUNTED = 10_000
MINUTES_KEPT = timedelta(hours=48)
"""How long counts are kept by the minute: digests are of hours or days. 700 fields an hour are 100 MB in 90 days."""
MOST_PLACES = 1_000
"""Places in `agg:unreadable`: what is met beyond is counted by each process, and not told."""
_NEVER_FORGOTTEN = datetime.max.replace(tzinfo=UTC)
_SCAN = 500


@dataclass(frozen=True, slots=True)
class Trimmed:
    """What one stream or list lost: `expired_count` by age, `dropped_count` by the cap. `held_by_group`: it is over the
    cap, and what is left waits for a consumer group. For `forgotten_groups`, which are idle for long, nothing waits."""

    name: str
    expired_count: int
    dropped_count: int
    held_by_group: bool = False
    forgotten_groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrimReport:
    """What one round of trimming did."""

    trimmed: tuple[Trimmed, ...]
    notices: tuple[Notice, ...]
    """The `dropped` notices that were written."""

    @property
    def why_pause(self) -> str:
        """Why polling should wait: `slow_down` is set and streams over their cap wait for a consumer. '' if not."""
        held = [stream.name for stream in self.trimmed if stream.held_by_group]
        if not held:
            return ""
        names = ", ".join(held)
        return f"a consumer group is behind on {names} (on_slow_consumer)"


@dataclass(frozen=True, slots=True)
class GroupLag:
    """A consumer group: `waiting_count` messages were never delivered to it, `pending_count` not acknowledged."""

    stream: str
    group: str
    waiting_count: int
    pending_count: int


class RetentionStore:
    """Trimming, forgetting, and telling of both."""

    _known_cursor: int = 0
    _compacted_hour: int = 0
    """Hours since 1970 before which the counts are those of whole hours."""

    def __init__(self, engine: Engine, back_pressure: BackPressureStore) -> None:
        self._engine = engine
        self._keys = engine.keys
        self._back_pressure = back_pressure

    async def groups(self) -> list[GroupLag]:
        """Every consumer group of every public stream."""
        lags = []
        for name, (key, _) in self._engine.public_streams().items():
            for row in await self._engine.script("groups", (key,), (LAG_COUNTED,)):
                group, pending, waiting = row
                lag = GroupLag(
                    stream=name,
                    group=text(group),
                    waiting_count=int(waiting),
                    pending_count=int(pending),
                )
                lags.append(lag)
        return lags

    # --- streams and queues ---

    async def trim(self, *, now: datetime | None = None) -> TrimReport:
        """Applies [retention] to everything public, tells what a cap dropped (list queues' too), and notes for all
        workers whether polling should wait."""
        trimmed: list[Trimmed] = []
        for name, (key, age) in self._engine.public_streams().items():
            # Queues come below by their keys' types: one taken out of feeds.toml is not listed here.
            if name.startswith("queue:"):
                continue
            trimming = self._trim_stream(name, key, age, now)
            trimmed += await self._unless_refused(key, trimming)
        for name in await self._queue_names():
            queue_trimming = self._trim_queue(name, now)
            trimmed += await self._unless_refused(
                self._keys.queue(name),
                queue_trimming,
            )
        notices = await self._tell_dropped(now)
        report = TrimReport(tuple(trimmed), tuple(notices))
        await self._back_pressure.note_slow_consumer(report.why_pause)
        return report

    async def _unless_refused(
        self,
        key: str,
        trimming: Awaitable[Trimmed | None],
    ) -> list[Trimmed]:
        """What was trimmed; a key that is not ours to trim costs the others nothing."""
        try:
            trimmed = await trimming
        except EngineRefused as error:
            self._engine.slips.note(
                "key",
                key,
                Unreadable(str(error)[:WHY_CHARS]),
            )
            return []
        return [trimmed] if trimmed else []

    async def _queue_names(self) -> list[str]:
        """Every queue that is configured, or was and may still hold messages."""
        if self._engine.queues:
            await self._engine.command(
                "SADD",
                self._keys.queues,
                *self._engine.queues,
            )
        members = await self._engine.command("SMEMBERS", self._keys.queues)
        return sorted(map(text, members))

    async def _trim_queue(
        self,
        name: str,
        now: datetime | None,
    ) -> Trimmed | None:
        """What the queue's key holds decides, since a removed queue has no kind any more. An empty stream that nobody
        configures goes, with its groups."""
        key = self._keys.queue(name)
        kind = text(await self._engine.command("TYPE", key))
        trimmed: Trimmed | None = None
        if kind == "list":
            trimmed = await self._trim_list(name, now)
        elif kind == "stream":
            trimmed = await self._trim_stream(
                f"queue:{name}",
                key,
                self._engine.retention.queues,
                now,
            )
        if name not in self._engine.queues:
            await self._engine.script(
                "forget_queue",
                (key, self._keys.queues),
                (name,),
            )
        return trimmed

    async def _trim_stream(
        self,
        name: str,
        key: str,
        age: timedelta,
        now: datetime | None,
    ) -> Trimmed:
        retention = self._engine.retention
        never_unacknowledged = retention.on_slow_consumer == "slow_down"
        arguments: list[Argument] = [
            ms_or_now(now),
            span_ms(age),
            retention.max_stream_bytes,
            span_ms(retention.forget_group),
            "1" if never_unacknowledged else "",
            CAP_STEP,
        ]
        keys = (key, self._keys.groups, self._keys.dropped)
        expired_count = dropped_count = 0
        # One call drops CAP_STEP at most, since the server serves nobody else meanwhile.
        while True:
            answer = await self._engine.script("trim_stream", keys, arguments)
            expired, dropped, _, more, held, forgotten = answer
            expired_count += int(expired)
            dropped_count += int(dropped)
            if text(more) != "1":
                break
        return Trimmed(
            name,
            expired_count,
            dropped_count,
            held_by_group=text(held) == "1",
            forgotten_groups=tuple(map(text, forgotten)),
        )

    async def _trim_list(self, name: str, now: datetime | None) -> Trimmed:
        key = self._keys.queue(name)
        now_at = now or await self._engine.server_time()
        limit = now_at - self._engine.retention.queues
        max_bytes = self._engine.retention.max_stream_bytes
        expired_count = dropped_count = 0
        while True:
            # Producers push at the head (LPUSH), so the oldest stand at the tail.
            tail = await self._engine.command("LRANGE", key, -LIST_STEP, -1)
            old = self._older(key, list(reversed(tail)), limit)
            # They are named by value: a consumer may have popped some since they were read.
            expired, dropped = await self._engine.script(
                "trim_list",
                (key, self._keys.dropped),
                (max_bytes, *old),
            )
            expired_count += int(expired)
            dropped_count += int(dropped)
            if int(expired) < LIST_STEP:
                return Trimmed(f"queue:{name}", expired_count, dropped_count)

    async def _tell_dropped(self, now: datetime | None) -> list[Notice]:
        """Writes one notice for each stream or queue from which a cap dropped something since the last time."""
        key = self._keys.dropped
        values = await self._engine.command("HGETALL", key)
        counts = self._engine.readable_fields(COUNT, key, values.items())
        if not counts:
            return []
        at = now or await self._engine.server_time()
        # `<stream> <group>` says what one group lost of it: that is part of the stream's notice.
        details = []
        for field in sorted(counts):
            if field.startswith(" "):
                details.append(_misplaced_detail(field, counts[field]))
            elif " " not in field:
                details.append(_dropped_detail(field, counts))
        notices = [Notice("dropped", "", "", detail) for detail in details]
        expected: list[Argument] = []
        for field, count in counts.items():
            expected += [field, str(count)]
        arguments = [
            len(expected),
            *expected,
            len(notices),
            *notice_arguments(self._engine, notices, at),
        ]
        answer = await self._engine.script(
            "tell_dropped",
            (self._keys.dropped, self._keys.trouble),
            arguments,
        )
        return notices if text(answer) == "done" else []

    def _older(
        self,
        key: str,
        values: Sequence[bytes],
        limit: datetime,
    ) -> list[bytes]:
        """The values from the oldest on that came into the queue before `limit`.

        What a consumer put back in its own words has no time: it came before what stands nearer to the head, so it goes
        with the next older message behind it, and waits for that.
        """
        old: list[bytes] = []
        unread: list[bytes] = []
        for value in values:
            queued_at = decode(QUEUED_AT, value)
            if isinstance(queued_at, Unreadable):
                place = f"{key} {text(value)[:40]!r}"
                self._engine.slips.note(QUEUED_AT.name, place, queued_at)
                unread.append(value)
            elif queued_at >= limit:
                break
            else:
                old += [*unread, value]
                unread.clear()
        return old

    async def compact_counts(self, *, now: datetime | None = None) -> int:
        """Adds up the counted minutes of hours more than MINUTES_KEPT ago; answers how many hours were looked at."""
        at = now or await self._engine.server_time()
        last = wire.milliseconds(at - MINUTES_KEPT) // 3_600_000
        first = wire.milliseconds(at - self._engine.retention.digest) // 3_600_000
        hours = range(max(first, self._compacted_hour), last)
        for page in batches(hours, _SCAN):
            keys = [self._keys.stats(hour) for hour in page]
            # After a start all hours of [retention] digest are looked at, of which most may hold nothing.
            answers = await self._engine.many([("EXISTS", key) for key in keys])
            for key, exists in zip(keys, answers, strict=True):
                if exists:
                    await self._engine.script("compact_stats", (key,), ())
        self._compacted_hour = max(self._compacted_hour, last)
        return len(hours)

    # --- what is not ours ---

    async def tell_slips(
        self,
        *,
        now: datetime | None = None,
    ) -> list[Notice]:
        """Tells what this process has met under our keys and could not read: each place once, whoever meets it."""
        slips = self._engine.slips.untold()
        if not slips:
            return []
        at = now or await self._engine.server_time()
        notices = [Notice("dropped", "", "", _slip_detail(slip)) for slip in slips]
        places = [slip.place for slip in slips]
        arguments: list[Argument] = [
            ms_or_now(now),
            MOST_PLACES,
            len(slips),
            *places,
            *notice_arguments(self._engine, notices, at),
        ]
        told = await self._engine.script(
            "tell_slips",
            (self._keys.unreadable, self._keys.trouble),
            arguments,
        )
        self._engine.slips.told(len(slips))
        # Lua counts from 1.
        return [notices[int(number) - 1] for number in told]

    async def forget_slips(self, *, now: datetime | None = None) -> int:
        """Forgets what was told so long ago that its notice has gone, too."""
        now_at = now or await self._engine.server_time()
        before = now_at - self._engine.retention.trouble
        return await self._forget_stamped(self._keys.unreadable, before)

    # --- our own records ---

    async def trim_fingerprints(self, before: datetime) -> int:
        """Drops the head of the fingerprint log up to the first record first seen at `before` or later."""
        key = self._keys.fingerprints
        dropped_count = 0
        async for page in self._engine.pages(key, "-", _SCAN):
            live_id = self._first_live_id(page, before)
            first_kept_id = live_id or _after(text(page[-1][0]))
            dropped_count += int(
                await self._engine.command("XTRIM", key, "MINID", "=", first_kept_id)
            )
            if live_id:
                break
        return dropped_count

    def _first_live_id(
        self,
        page: Sequence[tuple[bytes, Mapping[bytes, bytes]]],
        before: datetime,
    ) -> str:
        """The id of the first record first seen at `before` or later; '' for none. What cannot be read counts as
        old."""
        for stream_id, fields in page:
            record = decode(FINGERPRINT, fields)
            if isinstance(record, Unreadable):
                continue
            if record.first_seen_at >= before:
                return text(stream_id)
        return ""

    async def forget_known(self, *, now: datetime | None = None) -> int:
        """Looks through the known entries of the next FEEDS_STEP feeds, and forgets what left its feed `seen` ago.

        Answers how many were forgotten. Call it now and then: it goes round all feeds ever registered.
        """
        at = now or await self._engine.server_time()
        cursor, feed_ids = await self._engine.command(
            "SSCAN",
            self._keys.feeds,
            self._known_cursor,
            "COUNT",
            FEEDS_STEP,
        )
        self._known_cursor = int(cursor)
        forgotten_count = 0
        for feed_id in feed_ids:
            forgotten_count += await self._forget_known_of(text(feed_id), at, now)
        return forgotten_count

    async def _forget_known_of(
        self,
        feed_id: str,
        at: datetime,
        now: datetime | None,
    ) -> int:
        keys = self._keys
        key = keys.known(feed_id)
        limit = at - self._engine.retention.seen
        forgotten_count = 0
        async for values in self._scanned(key):
            old = [
                (field, value)
                for field, value in values.items()
                if self._last_seen(key, field, value) < limit
            ]
            if old:
                # With the value read: one that a poll has seen again since stays.
                forgotten_count += int(
                    await self._engine.script("forget_fields", (key,), flattened(old))
                )
        places = (
            keys.due,
            keys.feed(feed_id),
            key,
            keys.feeds,
        )
        await self._engine.script(
            "forget_feed",
            places,
            (feed_id, ms_or_now(now)),
        )
        return forgotten_count

    async def _scanned(self, key: str) -> AsyncIterator[Mapping[bytes, bytes]]:
        """The fields of a hash, some at a time."""
        cursor = 0
        while True:
            answer, values = await self._engine.command(
                "HSCAN",
                key,
                cursor,
                "COUNT",
                _SCAN,
            )
            yield values
            cursor = int(answer)
            # HSCAN begins and ends with the cursor 0.
            if cursor == 0:
                break

    def _last_seen(
        self,
        key: str,
        field: bytes,
        value: bytes,
    ) -> datetime:
        """Of a known entry. One that is damaged is forgotten; a later version's is left to that."""
        known = decode(KNOWN_ENTRY, value)
        if not isinstance(known, Unreadable):
            return max(known.first_seen_at, known.last_seen_at)
        self._engine.slips.note(KNOWN_ENTRY.name, f"{key} {text(field)}", known)
        return _NEVER_FORGOTTEN if known.is_later else EPOCH

    async def forget_merged(self, *, now: datetime | None = None) -> int:
        """Forgets aliases of absorbed events whose records have expired."""
        now_at = now or await self._engine.server_time()
        before = now_at - self._engine.retention.events
        return await self._forget_stamped(self._keys.merged, before)

    async def forget_rulings(self, before: datetime) -> int:
        """Forgets the rulings applied before, and the reports that only these named; answers how many rulings."""
        await self._forget_stamped(self._keys.examples, before)
        # A window longer than the time since 1970 begins below zero, which is no stream id.
        first_kept_id = max(0, wire.milliseconds(before))
        trimmed = await self._engine.command(
            "XTRIM",
            self._keys.rulings,
            "MINID",
            "=",
            first_kept_id,
        )
        return int(trimmed)

    async def _forget_stamped(self, key: str, before: datetime) -> int:
        """Deletes the fields of a hash whose values end in `|ms` of an earlier time; answers how many."""
        old: list[tuple[bytes, bytes]] = []
        values = await self._engine.command("HGETALL", key)
        for field, value in values.items():
            stamped = self._engine.readable(STAMPED, f"{key} {text(field)}", value)
            if stamped is None:
                continue
            _, stamped_at = stamped
            if stamped_at < before:
                old.append((field, value))
        forgotten_count = 0
        for page in batches(old, _SCAN):
            forgotten_count += int(
                await self._engine.script("forget_fields", (key,), flattened(page))
            )
        return forgotten_count


def _after(stream_id: str) -> str:
    ms, _, sequence = stream_id.partition("-")
    return f"{ms}-{int(sequence) + 1}"


def _slip_detail(slip: Slip) -> str:
    return f"{slip.place} cannot be read and is passed over: no {slip.kind.replace('_', ' ')} of ours ({slip.why})"


def _misplaced_detail(field: str, count: int) -> str:
    """One sentence on a queue whose key holds another type (`takes` in common.lua), ` <type> <key>`."""
    kind, _, key = field[1:].partition(" ")
    return (
        f"{key} holds a {kind}, not what its queue is configured to be: {count} messages were lost to it; let its "
        "consumers read what is in it and delete the key, or give the queue another name"
    )


def _dropped_detail(key: str, counts: dict[str, int]) -> str:
    """One sentence: how many, and what each group lost of it."""
    told = f"{key}: {counts[key]} messages dropped by the size limit"
    losses = []
    for field in sorted(counts):
        stream, _, group = field.partition(" ")
        if stream == key and group:
            losses.append(f"group {group} had not acknowledged {counts[field]} of them")
    if not losses:
        return told
    return f"{told} ({'; '.join(losses)})"
