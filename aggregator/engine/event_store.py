"""What the event stage reads and writes: the lead, the entries that wait, events, publications, fingerprints.

Rules: one worker leads, by a lease with a fencing token; whoever lost the lead can write nothing. The oldest waiting
entries are read without taking them, and `publish` takes each off the stream in the same step that publishes it; so
there is nothing pending to reclaim after a death, and a read may be repeated. (A consumer group in this place would
add a list of pending entries, two writes for each entry and a second way of losing them: a read whose answer got
lost.) The script refuses an entry that is not the oldest waiting one, so publications apply in order.

Every method may be called again after EngineDown. `now` is for tests and backfills.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aggregator.engine import wire
from aggregator.engine.back_pressure import NOT_LEADING, raise_if_not_leading
from aggregator.engine.codec import ALIAS, ENTRY, EVENT, Unreadable, decode
from aggregator.engine.notices import notice_arguments
from aggregator.engine.outgoing import (
    counted,
    deliveries,
    event_arguments,
    message_arguments,
    report_counts,
)
from aggregator.engine.scripts import (
    Argument,
    Engine,
    batches,
    blocking,
    ms_or_now,
    text,
)
from aggregator.engine.wire import span_ms
from aggregator.errors import StaleToken, UnreadableRecord
from aggregator.model import (
    Entry,
    Event,
    FingerprintRecord,
    Kind,
    Notice,
    Publication,
    Published,
)

BATCH = 32
"""Publications in one script: 32 of 5 KB took 4 to 7 ms, in which the server serves nobody else, on two cores with a
load of 5 to 7 (tests/bench/engine_store.py)."""
PAGE = 500
"""Events in one MGET."""
ALIAS_STEPS = 50
"""Merges followed from one id: anybody can write a circle of aliases."""
_COUNTED = {
    Kind.NEW: "new_event",
    Kind.JOINED: "joined_event",
    Kind.EDITED: "edited",
    Kind.MERGED: "merged",
}


@dataclass(frozen=True, slots=True)
class Lead:
    """Who leads the event stage, until when; `token` is None when that is another worker."""

    token: int | None
    worker: str
    lapses_at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """The oldest waiting entries with their stream ids, in order. An unreadable one stops what is behind it until it is
    rejected."""

    rows: tuple[tuple[str, Entry | Unreadable], ...] = ()

    @property
    def entries(self) -> tuple[tuple[str, Entry], ...]:
        """Those before the first that cannot be read."""
        readable = []
        for stream_id, row in self.rows:
            if isinstance(row, Unreadable):
                break
            readable.append((stream_id, row))
        return tuple(readable)


class EventStore:
    """The lead, waiting entries, events and their publication."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._keys = engine.keys

    # --- the lead ---

    async def lead(
        self,
        worker: str,
        lease: timedelta,
        *,
        now: datetime | None = None,
    ) -> int | None:
        """The fencing token when this worker leads from now on (or led already), None when another does."""
        return (await self.lead_or_leader(worker, lease, now=now)).token

    async def lead_or_leader(
        self,
        worker: str,
        lease: timedelta,
        *,
        now: datetime | None = None,
    ) -> Lead:
        """Like `lead`, and tells who leads otherwise. `worker` names one process: host, process id, start."""
        arguments = (worker, span_ms(lease), ms_or_now(now))
        answer = await self._engine.script(
            "lead",
            (self._keys.leader, self._keys.token),
            arguments,
        )
        token, leader, lapses = map(text, answer)
        lapses_at = wire.instant_of_ms(lapses)
        if not token:
            return Lead(None, leader, lapses_at)
        return Lead(int(token), leader, lapses_at)

    async def renew(
        self,
        token: int,
        lease: timedelta,
        *,
        now: datetime | None = None,
    ) -> None:
        """Prolongs the lead. Raises StaleToken when another worker has it, or the server has forgotten it."""
        answer = await self._engine.script(
            "renew",
            (self._keys.leader,),
            (token, span_ms(lease), ms_or_now(now)),
        )
        if text(answer) == "gone":
            raise StaleToken(
                "the server knows nothing of our lead: it lost its data, or is another one"
            )
        if text(answer) == "stale":
            raise StaleToken(NOT_LEADING)

    async def resign(
        self,
        token: int,
        *,
        now: datetime | None = None,
    ) -> None:
        """Ends the lead, so that a stand-by takes over at once. Without it nothing changes."""
        await self._engine.script(
            "renew",
            (self._keys.leader,),
            (token, 0, ms_or_now(now)),
        )

    # --- the entries that wait ---

    async def waiting_count(self) -> int:
        """Entries committed and not yet published."""
        return int(await self._engine.command("XLEN", self._keys.entries))

    async def next_entries(
        self,
        count: int,
        *,
        block: timedelta = timedelta(0),
    ) -> Waiting:
        """The `count` oldest waiting entries; when there are none, waits for one, at most `block` (2 s at most).

        The same ones come again until they are published or rejected.
        """
        key = self._keys.entries
        answer = await self._engine.command(
            "XREAD",
            "COUNT",
            count,
            *blocking(block),
            "STREAMS",
            key,
            "0-0",
        )
        page = answer.get(key.encode(), ())
        rows = [(text(stream_id), decode(ENTRY, fields)) for stream_id, fields in page]
        return Waiting(tuple(rows))

    async def reject_entry(
        self,
        token: int,
        stream_id: str,
        notice: Notice,
        *,
        at: datetime | None = None,
    ) -> None:
        """Takes an entry that cannot be published off the stream, with a notice. Raises StaleToken."""
        # The entry's own time: after a repeat the notice has the same id.
        told_at = at or wire.instant_of_id(stream_id)
        told = notice_arguments(self._engine, [notice], told_at)
        keys = (
            self._keys.leader,
            self._keys.entries,
            self._keys.trouble,
        )
        answer = await self._engine.script(
            "reject",
            keys,
            [token, stream_id, 1, *told],
        )
        raise_if_not_leading(answer)

    # --- events ---

    async def event_of(self, entry_id: str) -> str | None:
        """The event an entry was given to, an absorbed one resolved; None when it was never published, or long ago."""
        [event_ids] = await self._engine.many([("HVALS", self._keys.gate(entry_id))])
        if not event_ids:
            return None
        # One for each revision, all the same: an edit never moves an entry to another event.
        event_id = text(event_ids[0])
        event = (await self.by_ids([event_id])).get(event_id)
        return event.event_id if event else event_id

    async def by_ids(
        self,
        event_ids: Sequence[str],
        *,
        strict: bool = False,
    ) -> dict[str, Event]:
        """The events by the ids asked for; an absorbed one gives its survivor. Unknown and expired ones are missing,
        and those whose record is damaged, which begin anew with their next report.

        Raises UnreadableRecord, which names the key, for one that a later version wrote; `strict`: for damaged ones."""
        events: dict[str, Event] = {}
        pending = {event_id: event_id for event_id in event_ids}
        for _ in range(ALIAS_STEPS):
            if not pending:
                break
            names = list(dict.fromkeys(pending.values()))
            records = await self._event_records(names, strict)
            absorbed: dict[str, str] = {}
            for event_id, name in pending.items():
                event = records.get(name)
                if event is None:
                    continue
                events[event_id] = event
                if event.merged_into:
                    absorbed[event_id] = event.merged_into
            pending = absorbed
        return events

    async def named(self, name: str) -> Event | None:
        """The event as it stands of an event id, or of the entry id of one of its reports. Raises UnreadableRecord."""
        event = (await self.by_ids([name], strict=True)).get(name)
        if event is not None:
            return event
        event_id = await self.event_of(name)
        if event_id is None:
            return None
        return (await self.by_ids([event_id], strict=True)).get(event_id)

    async def _event_records(
        self,
        event_ids: Sequence[str],
        strict: bool,
    ) -> dict[str, Event]:
        events: dict[str, Event] = {}
        for page in batches(event_ids, PAGE):
            answers = await self._engine.command(
                "MGET",
                *map(self._keys.event, page),
            )
            for event_id, value in zip(page, answers, strict=True):
                if not value:
                    continue
                event = self._event(event_id, value, strict)
                if event is not None:
                    events[event_id] = event
        return events

    def _event(
        self,
        event_id: str,
        value: bytes,
        strict: bool,
    ) -> Event | None:
        key = self._keys.event(event_id)
        event = decode(EVENT, value)
        if not isinstance(event, Unreadable):
            return event
        self._engine.slips.note(EVENT.name, key, event)
        # A later version's event must not begin anew: that worker still appends to it.
        if event.is_later or strict:
            raise UnreadableRecord(key, event.why[:200], is_later=event.is_later)
        return None

    # --- publishing ---

    async def publish(
        self,
        token: int,
        publications: Sequence[Publication],
        *,
        now: datetime | None = None,
    ) -> list[Published]:
        """Publishes in order, each entry whole; stops at the first that may not be, and answers for those before it.

        A shorter list than asked for: read `next_entries` again. Raises StaleToken when another worker leads, or the
        first entry no longer waits; EngineDown when the server cannot take it: how many were written is then unknown,
        so call again with the same publications, which answers for all.
        """
        published: list[Published] = []
        for batch in batches(publications, BATCH):
            answers, why = await self._publish(token, batch, now)
            for event_id, flag in answers:
                repeated = text(flag) == "1"
                published.append(Published(text(event_id), repeated))
            if why == "done":
                continue
            # What was published before the refusal stands, and its answers change the index.
            if why == "stale" or not published:
                raise StaleToken(_REFUSED[why])
            break
        return published

    async def _publish(
        self,
        token: int,
        batch: Sequence[Publication],
        now: datetime | None,
    ) -> tuple[list[tuple[bytes, bytes]], str]:
        keys = self._keys
        retention = self._engine.retention
        pushed_at = now or datetime.now(UTC)
        arguments: list[Argument] = [
            keys.prefix,
            token,
            ms_or_now(now),
            span_ms(retention.events),
            span_ms(retention.digest),
            self._engine.list_cap,
            *counted(wire.MESSAGE_FIELDS),
            len(batch),
        ]
        for publication in batch:
            arguments += self.publication_arguments(publication, pushed_at=pushed_at)
        written = (
            keys.leader,
            keys.entries,
            keys.events,
            keys.reports,
            keys.fingerprints,
            keys.merged,
            keys.dropped,
        )
        answers, why = await self._engine.script("publish", written, arguments)
        return answers, text(why)

    def publication_arguments(
        self,
        publication: Publication,
        *,
        pushed_at: datetime,
    ) -> list[Argument]:
        """What the script is told of one entry. ValueError: it holds what cannot be written."""
        sent = deliveries(self._engine, publication.messages, publication.queued)
        counts = Counter(_COUNTED[message.kind] for message in publication.messages)
        stats = report_counts(counts)
        arguments: list[Argument] = [
            publication.stream_id,
            publication.entry_id,
            publication.revision,
            publication.event_id,
            *_record_arguments(publication.record),
            len(publication.events),
            len(sent),
            len(stats),
            *event_arguments(publication.events),
        ]
        for message, targets in sent:
            arguments += message_arguments(self._keys, message, targets, pushed_at)
        return arguments + stats

    async def aliases(self) -> dict[str, str]:
        """Absorbed event id → the event that finally stands for it."""
        key = self._keys.merged
        values = await self._engine.command("HGETALL", key)
        direct = self._engine.readable_fields(ALIAS, key, values.items())
        return {absorbed: _end_of(absorbed, direct) for absorbed in direct}


_REFUSED = {
    "stale": NOT_LEADING,
    "order": "an older entry waits: read the waiting entries again",
    "gone": "the entry no longer waits: the server was restored to an earlier state; it will be polled again",
}


def _record_arguments(record: FingerprintRecord | None) -> tuple[Argument, Argument]:
    """The record and its decision; '' of an edit, which writes no record."""
    if record is None:
        return "", ""
    return wire.record_bytes(record), wire.decision_bytes(record.decision)


def _end_of(event_id: str, direct: Mapping[str, str]) -> str:
    for _ in range(ALIAS_STEPS):
        if event_id not in direct:
            break
        event_id = direct[event_id]
    return event_id
