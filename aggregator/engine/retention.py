"""What is dropped, and when.

Rules:
- A public stream keeps each message for its time, and beyond it while a registered consumer group has not acknowledged
  it, up to `max_stream_bytes`. A group that is behind and has not moved for `forget_group` no longer counts.
- Over the cap the oldest go, acknowledged or not; with `on_slow_consumer = "slow_down"` only what every group has
  acknowledged, and all workers are asked to pause polling (`holds`).
- What a cap dropped is counted in the same step, for each group exactly, and told as a `dropped` notice.
- A known entry is forgotten `seen` after it was last in its feed; a feed that is gone from feeds.toml, when nothing is
  known of it any more. Gates and events expire by themselves (`events`).

Everything here may be repeated at any moment, by any number of workers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aggregator.engine import wire
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
from aggregator.engine.holds import HoldStore
from aggregator.engine.notices import notice_arguments
from aggregator.engine.scripts import Argument, Engine, ms_or_now, text
from aggregator.engine.slips import Slip
from aggregator.errors import EngineRefused
from aggregator.model import EPOCH, Notice

CAP_STEP = 500
"""Messages one script drops for the cap: it reads them to count what each group loses. With 2,000 of 5 KB it held the
server 17 ms, and 146 ms on two cores with a load of 7 (tests/bench/engine_store.py)."""
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
    cap, and what is left waits for a consumer group."""

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
        held = ", ".join(one.name for one in self.trimmed if one.held_by_group)
        return (
            f"a consumer group is behind on {held} (on_slow_consumer)" if held else ""
        )


@dataclass(frozen=True, slots=True)
class GroupLag:
    """A consumer group: `waiting_count` messages were never delivered to it, `pending_count` not acknowledged."""

    stream: str
    group: str
    waiting_count: int
    pending_count: int
    consumer_count: int
    last_delivered_at: datetime


class RetentionStore:
    """Trimming, forgetting, and telling of both."""

    _known_cursor: int = 0
    _compacted_hour: int = 0
    """Hours since 1970 before which the counts are those of whole hours."""

    def __init__(self, engine: Engine, holds: HoldStore) -> None:
        self._engine = engine
        self._keys = engine.keys
        self._holds = holds

    async def groups(self) -> list[GroupLag]:
        """Every consumer group of every public stream."""
        found = []
        for name, (key, _) in self._engine.public_streams().items():
            for row in await self._engine.script("groups", (key,), (LAG_COUNTED,)):
                group, consumers, pending, delivered, lag = row
                at = wire.instant_of(int(text(delivered).partition("-")[0]) * 1000)
                found.append(
                    GroupLag(
                        name, text(group), int(lag), int(pending), int(consumers), at
                    )
                )
        return found

    # --- streams and queues ---

    async def trim(self, *, now: datetime | None = None) -> TrimReport:
        """Applies [retention] to everything public, tells what a cap dropped (list queues' too), and notes for all
        workers whether polling should wait."""
        streams = {
            name: place
            for name, place in self._engine.public_streams().items()
            if not name.startswith("queue:")
        }
        trimmed: list[Trimmed] = []
        for name, (key, age) in streams.items():
            trimmed += await self._unless_refused(
                key, self._trim_stream(name, key, age, now)
            )
        for name in await self._queue_names():
            trimmed += await self._unless_refused(
                self._keys.queue(name), self._trim_queue(name, now)
            )
        report = TrimReport(tuple(trimmed), tuple(await self._tell_dropped(now)))
        await self._holds.note_slow_consumer(report.why_pause)
        return report

    async def _unless_refused(
        self, key: str, trimming: Awaitable[Trimmed | None]
    ) -> list[Trimmed]:
        """What was trimmed; a key that is not ours to trim costs the others nothing."""
        try:
            trimmed = await trimming
        except EngineRefused as error:
            self._engine.slips.note("key", key, Unreadable(str(error)[:WHY_CHARS]))
            return []
        return [trimmed] if trimmed else []

    async def _queue_names(self) -> list[str]:
        """Every queue that is configured, or was and may still hold messages."""
        if self._engine.queues:
            await self._engine.command("SADD", self._keys.queues, *self._engine.queues)
        return sorted(
            text(name)
            for name in await self._engine.command("SMEMBERS", self._keys.queues)
        )

    async def _trim_queue(self, name: str, now: datetime | None) -> Trimmed | None:
        """What the queue's key holds decides, since a removed queue has no kind any more. An empty stream that nobody
        configures goes, with its groups."""
        key = self._keys.queue(name)
        kind = text(await self._engine.command("TYPE", key))
        trimmed: Trimmed | None = None
        if kind == "list":
            trimmed = await self._trim_list(name, now)
        elif kind == "stream":
            trimmed = await self._trim_stream(
                f"queue:{name}", key, self._engine.retention.queues, now
            )
        if name not in self._engine.queues:
            await self._engine.script("forget_queue", (key, self._keys.queues), (name,))
        return trimmed

    async def _trim_stream(
        self, name: str, key: str, age: timedelta, now: datetime | None
    ) -> Trimmed:
        kept = self._engine.retention
        arguments: list[Argument] = [
            ms_or_now(now),
            _ms(age),
            kept.max_stream_bytes,
            _ms(kept.forget_group),
        ]
        arguments += ["1" if kept.on_slow_consumer == "slow_down" else "", CAP_STEP]
        expired = dropped = 0
        more, held = True, False
        forgotten: tuple[str, ...] = ()
        while more:
            answer = await self._engine.script(
                "trim_stream", (key, self._keys.groups, self._keys.dropped), arguments
            )
            expired, dropped = expired + int(answer[0]), dropped + int(answer[1])
            more, held = text(answer[3]) == "1", text(answer[4]) == "1"
            forgotten = tuple(map(text, answer[5]))
        return Trimmed(name, expired, dropped, held, forgotten)

    async def _trim_list(self, name: str, now: datetime | None) -> Trimmed:
        key = self._keys.queue(name)
        limit = (
            now or await self._engine.server_time()
        ) - self._engine.retention.queues
        expired = dropped = 0
        while True:
            tail = await self._engine.command("LRANGE", key, -LIST_STEP, -1)
            old = self._older(key, list(reversed(tail)), limit)
            answer = await self._engine.script(
                "trim_list",
                (key, self._keys.dropped),
                (self._engine.retention.max_stream_bytes, *old),
            )
            expired, dropped = expired + int(answer[0]), dropped + int(answer[1])
            if int(answer[0]) < LIST_STEP:
                return Trimmed(f"queue:{name}", expired, dropped)

    async def _tell_dropped(self, now: datetime | None) -> list[Notice]:
        """Writes one notice for each stream or queue from which a cap dropped something since the last time."""
        place = self._keys.dropped
        counts: dict[str, int] = {}
        for field, value in (await self._engine.command("HGETALL", place)).items():
            count = self._engine.readable(COUNT, f"{place} {text(field)}", value)
            if count is not None:
                counts[text(field)] = count
        if not counts:
            return []
        at = now or await self._engine.server_time()
        notices = [
            Notice("dropped", "", "", _dropped_detail(key, counts))
            for key in sorted(counts)
            if " " not in key
        ]
        flat: list[Argument] = [
            part for field, count in counts.items() for part in (field, str(count))
        ]
        answer = await self._engine.script(
            "tell_dropped",
            (self._keys.dropped, self._keys.trouble),
            [
                len(flat),
                *flat,
                len(notices),
                *notice_arguments(self._engine, notices, at),
            ],
        )
        return notices if text(answer) == "done" else []

    def _older(self, key: str, values: Sequence[bytes], limit: datetime) -> list[bytes]:
        """The values from the oldest on that came into the queue before `limit`.

        What a consumer put back in its own words has no time: it came before what stands nearer to the head, so it goes
        with the next older message behind it, and waits for that.
        """
        old: list[bytes] = []
        unread: list[bytes] = []
        for value in values:
            queued_at = decode(QUEUED_AT, value)
            if isinstance(queued_at, Unreadable):
                self._engine.slips.note(
                    QUEUED_AT.name, f"{key} {text(value)[:40]!r}", queued_at
                )
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
        for start in range(0, len(hours), _SCAN):
            keys = [self._keys.stats(hour) for hour in hours[start : start + _SCAN]]
            there = await self._engine.many([("EXISTS", key) for key in keys])
            for key, exists in zip(keys, there, strict=True):
                if exists:
                    await self._engine.script("compact_stats", (key,), ())
        self._compacted_hour = max(self._compacted_hour, last)
        return len(hours)

    # --- what is not ours ---

    async def tell_slips(self, *, now: datetime | None = None) -> list[Notice]:
        """Tells what this process has met under our keys and could not read: each place once, whoever meets it."""
        slips = self._engine.slips.untold()
        if not slips:
            return []
        at = now or await self._engine.server_time()
        notices = [Notice("dropped", "", "", _slip_detail(slip)) for slip in slips]
        arguments: list[Argument] = [
            ms_or_now(now),
            MOST_PLACES,
            len(slips),
            *(slip.place for slip in slips),
        ]
        arguments += notice_arguments(self._engine, notices, at)
        told = await self._engine.script(
            "tell_slips", (self._keys.unreadable, self._keys.trouble), arguments
        )
        self._engine.slips.told(len(slips))
        return [notices[int(place) - 1] for place in told]

    async def forget_slips(self, *, now: datetime | None = None) -> int:
        """Forgets what was told so long ago that its notice has gone, too."""
        before = (
            now or await self._engine.server_time()
        ) - self._engine.retention.trouble
        return await self._forget_stamped(self._keys.unreadable, before)

    # --- our own records ---

    async def trim_fingerprints(self, before: datetime) -> int:
        """Drops the head of the fingerprint log up to the first record first seen at `before` or later."""
        dropped = 0
        while rows := await self._engine.command(
            "XRANGE", self._keys.fingerprints, "-", "+", "COUNT", _SCAN
        ):
            live = next(
                (
                    place
                    for place, row in enumerate(rows)
                    if self._first_seen_at(row) >= before
                ),
                None,
            )
            if live == 0:
                break
            keep = _after(text(rows[-1][0])) if live is None else text(rows[live][0])
            dropped += int(
                await self._engine.command(
                    "XTRIM", self._keys.fingerprints, "MINID", "=", keep
                )
            )
            if live is not None:
                break
        return dropped

    def _first_seen_at(self, row: tuple[bytes, Mapping[bytes, bytes]]) -> datetime:
        """Of a line of the fingerprint log; what cannot be read counts as old."""
        record = decode(FINGERPRINT, row[1])
        return EPOCH if isinstance(record, Unreadable) else record.first_seen_at

    async def forget_known(self, *, now: datetime | None = None) -> int:
        """Looks through the known entries of the next FEEDS_STEP feeds, and forgets what left its feed `seen` ago.

        Answers how many were forgotten. Call it now and then: it goes round all feeds ever registered.
        """
        at = now or await self._engine.server_time()
        cursor, feed_ids = await self._engine.command(
            "SSCAN", self._keys.feeds, self._known_cursor, "COUNT", FEEDS_STEP
        )
        self._known_cursor = int(cursor)
        return sum(
            [
                await self._forget_known_of(text(feed_id), at, now)
                for feed_id in feed_ids
            ]
        )

    async def _forget_known_of(
        self, feed_id: str, at: datetime, now: datetime | None
    ) -> int:
        keys, limit, forgotten, cursor = (
            self._keys,
            at - self._engine.retention.seen,
            0,
            -1,
        )
        while cursor != 0:
            cursor, fields = await self._engine.command(
                "HSCAN", keys.known(feed_id), max(cursor, 0), "COUNT", _SCAN
            )
            cursor = int(cursor)
            name = keys.known(feed_id)
            old = [
                (field, value)
                for field, value in fields.items()
                if self._last_seen(name, field, value) < limit
            ]
            if old:
                flat = [part for pair in old for part in pair]
                forgotten += int(
                    await self._engine.script(
                        "forget_fields", (keys.known(feed_id),), flat
                    )
                )
        places = (keys.due, keys.feed(feed_id), keys.known(feed_id), keys.feeds)
        await self._engine.script("forget_feed", places, (feed_id, ms_or_now(now)))
        return forgotten

    def _last_seen(self, key: str, field: bytes, value: bytes) -> datetime:
        """Of a known entry. One that is damaged is forgotten; a later version's is left to that."""
        known = decode(KNOWN_ENTRY, value)
        if not isinstance(known, Unreadable):
            return max(known.first_seen_at, known.last_seen_at)
        self._engine.slips.note(KNOWN_ENTRY.name, f"{key} {text(field)}", known)
        return _NEVER_FORGOTTEN if known.is_later else EPOCH

    async def forget_merged(self, *, now: datetime | None = None) -> int:
        """Forgets aliases of absorbed events whose records have expired."""
        return await self._forget_stamped(
            self._keys.merged,
            (now or await self._engine.server_time()) - self._engine.retention.events,
        )

    async def forget_rulings(self, before: datetime) -> int:
        """Forgets the rulings applied before, and the reports that only these named; answers how many rulings."""
        await self._forget_stamped(self._keys.examples, before)
        return int(
            await self._engine.command(
                "XTRIM",
                self._keys.rulings,
                "MINID",
                "=",
                max(0, wire.milliseconds(before)),
            )
        )

    async def _forget_stamped(self, key: str, before: datetime) -> int:
        """Deletes the fields of a hash whose values end in `|ms` of an earlier time; answers how many."""
        old: list[bytes] = []
        for field, value in (await self._engine.command("HGETALL", key)).items():
            stamped = self._engine.readable(STAMPED, f"{key} {text(field)}", value)
            if stamped is not None and stamped[1] < before:
                old += [field, value]
        forgotten = 0
        for start in range(0, len(old), 2 * _SCAN):
            forgotten += int(
                await self._engine.script(
                    "forget_fields", (key,), old[start : start + 2 * _SCAN]
                )
            )
        return forgotten


def _after(stream_id: str) -> str:
    ms, _, sequence = stream_id.partition("-")
    return f"{ms}-{int(sequence) + 1}"


def _slip_detail(slip: Slip) -> str:
    return f"{slip.place} cannot be read and is passed over: no {slip.kind.replace('_', ' ')} of ours ({slip.why})"


def _dropped_detail(key: str, counts: dict[str, int]) -> str:
    """One sentence: how many, and what each group lost of it."""
    groups = {
        field.removeprefix(f"{key} "): number
        for field, number in counts.items()
        if field.startswith(f"{key} ")
    }
    lost = "; ".join(
        f"group {group} had not acknowledged {number} of them"
        for group, number in sorted(groups.items())
    )
    return f"{key}: {counts[key]} messages dropped by the size limit" + (
        f" ({lost})" if lost else ""
    )


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
