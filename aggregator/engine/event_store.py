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
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from aggregator.engine import wire
from aggregator.engine.codec import ALIAS, ENTRY, EVENT, FINGERPRINT, RULING, Unreadable, decode
from aggregator.engine.holds import NOT_LEADING, HoldStore
from aggregator.engine.notices import notice_arguments
from aggregator.engine.scripts import BLOCK_MS, Argument, ms_or_now, text
from aggregator.errors import StaleToken, UnreadableRecord
from aggregator.model import (
    Entry,
    Event,
    FingerprintRecord,
    Kind,
    Message,
    Notice,
    Publication,
    Published,
    Queue,
    Ruling,
    Verb,
)

BATCH = 32
"""Publications in one script: 32 of 5 KB took 4 to 7 ms, in which the server serves nobody else, on two cores with a
load of 5 to 7 (tests/bench/engine_store.py)."""
LIST_CAP = 100_000
"""Messages a list queue holds at most: a guess (500 MB at 5 KB)."""
ALIAS_STEPS = 50
PAGE = 2_000
"""Lines of the fingerprint log read at once."""
_COUNTED = {Kind.NEW: "new_event", Kind.JOINED: "joined_event", Kind.EDITED: "edited", Kind.MERGED: "merged"}


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
        found = []
        for stream_id, row in self.rows:
            if isinstance(row, Unreadable):
                break
            found.append((stream_id, row))
        return tuple(found)


class EventStore(HoldStore):
    queues: Mapping[str, Queue]
    """The configured queues by name; set at start and at reload."""
    list_cap: int = LIST_CAP

    # --- the lead ---

    async def lead(self, worker: str, lease: timedelta, *, now: datetime | None = None) -> int | None:
        """The fencing token when this worker leads from now on (or led already), None when another does."""
        return (await self.lead_or_leader(worker, lease, now=now)).token

    async def lead_or_leader(self, worker: str, lease: timedelta, *, now: datetime | None = None) -> Lead:
        """Like `lead`, and tells who leads otherwise. `worker` names one process: host, process id, start."""
        arguments = (worker, _ms(lease), ms_or_now(now))
        answer = await self.script("lead", (self.keys.leader, self.keys.token), arguments)
        token, leader, lapses = map(text, answer)
        return Lead(int(token) if token else None, leader, wire.instant_of(int(lapses) * 1000))

    async def renew(self, token: int, lease: timedelta, *, now: datetime | None = None) -> None:
        """Prolongs the lead. Raises StaleToken when another worker has it, or the server has forgotten it."""
        answer = await self.script("renew", (self.keys.leader,), (token, _ms(lease), ms_or_now(now)))
        if text(answer) == "gone":
            raise StaleToken("the server knows nothing of our lead: it lost its data, or is another one")
        if text(answer) == "stale":
            raise StaleToken(NOT_LEADING)

    async def resign(self, token: int, *, now: datetime | None = None) -> None:
        """Ends the lead, so that a stand-by takes over at once. Without it nothing changes."""
        await self.script("renew", (self.keys.leader,), (token, 0, ms_or_now(now)))

    # --- the entries that wait ---

    async def waiting_count(self) -> int:
        """Entries committed and not yet published."""
        return int(await self.command("XLEN", self.keys.entries))

    async def next_entries(self, count: int, *, block: timedelta = timedelta(0)) -> Waiting:
        """The `count` oldest waiting entries; when there are none, waits for one, at most `block` (2 s at most).

        The same ones come again until they are published or rejected.
        """
        wait = min(BLOCK_MS, _ms(block))
        waiting: tuple[Argument, ...] = ("BLOCK", wait) if wait > 0 else ()
        answer = await self.command("XREAD", "COUNT", count, *waiting, "STREAMS", self.keys.entries, "0-0")
        rows = answer.get(self.keys.entries.encode(), ())
        return Waiting(tuple((text(stream_id), decode(ENTRY, fields)) for stream_id, fields in rows))

    async def reject_entry(self, token: int, stream_id: str, notice: Notice, *, at: datetime | None = None) -> None:
        """Takes an entry that cannot be published off the stream, with a notice. Raises StaleToken."""
        arguments = [token, stream_id, 1, *notice_arguments(self, [notice], at or _stream_time(stream_id))]
        answer = await self.script("reject", (self.keys.leader, self.keys.entries, self.keys.trouble), arguments)
        if text(answer) == "stale":
            raise StaleToken(NOT_LEADING)

    # --- events ---

    async def event_of(self, entry_id: str) -> str | None:
        """The event an entry was given to, an absorbed one resolved; None when it was never published, or long ago."""
        [found] = await self.many([("HVALS", self.keys.gate(entry_id))])
        if not found:
            return None
        event_id = text(found[0])
        event = (await self.events([event_id])).get(event_id)
        return event.event_id if event else event_id

    async def events(self, event_ids: Sequence[str], *, strict: bool = False) -> dict[str, Event]:
        """The events by the ids asked for; an absorbed one gives its survivor. Unknown and expired ones are missing,
        and those whose record is damaged, which begin anew with their next report.

        Raises UnreadableRecord, which names the key, for one that a later version wrote; `strict`: for damaged ones."""
        found: dict[str, Event] = {}
        asked = {event_id: event_id for event_id in event_ids}
        for _ in range(ALIAS_STEPS):
            if not asked:
                break
            records = await self._event_records(list(dict.fromkeys(asked.values())), strict)
            here = {first: records[at] for first, at in asked.items() if at in records}
            found |= here
            asked = {first: event.merged_into for first, event in here.items() if event.merged_into}
        return found

    async def event_named(self, name: str) -> Event | None:
        """The event as it stands of an event id, or of the entry id of one of its reports. Raises UnreadableRecord."""
        found = (await self.events([name], strict=True)).get(name)
        if found is not None:
            return found
        event_id = await self.event_of(name)
        return (await self.events([event_id], strict=True)).get(event_id) if event_id else None

    async def _event_records(self, event_ids: Sequence[str], strict: bool) -> dict[str, Event]:
        found: dict[str, Event] = {}
        for start in range(0, len(event_ids), 500):
            page = event_ids[start : start + 500]
            answers = await self.command("MGET", *(self.keys.event(event_id) for event_id in page))
            for event_id, value in zip(page, answers, strict=True):
                event = self._event(event_id, value, strict) if value else None
                if event is not None:
                    found[event_id] = event
        return found

    def _event(self, event_id: str, value: bytes, strict: bool) -> Event | None:
        key = self.keys.event(event_id)
        event = decode(EVENT, value)
        if not isinstance(event, Unreadable):
            return event
        self.slips.note(EVENT.name, key, event)
        if event.is_later or strict:
            raise UnreadableRecord(key, event.why[:200], is_later=event.is_later)
        return None

    # --- publishing ---

    async def publish(
        self, token: int, publications: Sequence[Publication], *, now: datetime | None = None
    ) -> list[Published]:
        """Publishes in order, each entry whole; stops at the first that may not be, and answers for those before it.

        A shorter list than asked for: read `next_entries` again. Raises StaleToken when another worker leads, or the
        first entry no longer waits; EngineDown when the server cannot take it: how many were written is then unknown,
        so call again with the same publications, which answers for all.
        """
        published: list[Published] = []
        for start in range(0, len(publications), BATCH):
            batch = publications[start : start + BATCH]
            answers, why = await self._publish(token, batch, now)
            published += [Published(event_id=text(event_id), repeated=text(flag) == "1") for event_id, flag in answers]
            if text(why) != "done":
                if text(why) == "stale" or not published:
                    raise StaleToken(_REFUSED[text(why)])
                break
        return published

    async def _publish(
        self, token: int, batch: Sequence[Publication], now: datetime | None
    ) -> tuple[list[tuple[bytes, bytes]], bytes]:
        keys = self.keys
        arguments: list[Argument] = [keys.prefix, token, ms_or_now(now), _ms(self.retention.events)]
        arguments += [_ms(self.retention.digest), self.list_cap, len(batch)]
        for publication in batch:
            arguments += self.publication_arguments(publication, pushed_at=now or datetime.now(UTC))
        answers, why = await self.script(
            "publish",
            (keys.leader, keys.entries, keys.events, keys.reports, keys.fingerprints, keys.merged, keys.dropped),
            arguments,
        )
        return answers, why

    def publication_arguments(self, publication: Publication, *, pushed_at: datetime) -> list[Argument]:
        """What the script is told of one entry. ValueError: it holds what cannot be written."""
        counts: Counter[str] = Counter(_COUNTED[message.kind] for message in publication.messages)
        stats: list[Argument] = [part for name, number in counts.items() for part in (f"reports:{name}", number)]
        events: list[Argument] = [
            part for e in publication.events for part in (e.event_id, wire.encode(e), e.merged_into)
        ]
        sent = self._deliveries(publication.messages, publication.queued)
        return [
            *(publication.stream_id, publication.entry_id, publication.revision, publication.event_id),
            wire.record_bytes(publication.record) if publication.record else "",
            wire.decision_bytes(publication.record.decision) if publication.record else "",
            *(len(publication.events), len(sent), len(stats)),
            *events,
            *(part for message, targets in sent for part in self._message_arguments(message, targets, pushed_at)),
            *stats,
        ]

    def _deliveries(
        self, messages: Iterable[Message], queued: Iterable[tuple[str, Message]]
    ) -> list[tuple[Message, list[str | Queue]]]:
        """Each distinct message with where it goes: keys of streams and queues."""
        sent: list[tuple[Message, list[str | Queue]]] = []
        for message in messages:
            targets: list[str | Queue] = []
            if message.kind is not Kind.MERGED:
                targets.append(self.keys.reports)
            if message.kind in (Kind.NEW, Kind.MERGED):
                targets.append(self.keys.events)
            sent.append((message, targets))
        for name, message in queued:
            queue = self.queues.get(name)
            if queue is None:
                continue  # taken out of feeds.toml between assigning and publishing
            same = next((targets for known, targets in sent if known == message), None)
            if same is None:
                sent.append((message, [queue]))
            else:
                same.append(queue)
        return sent

    def _message_arguments(
        self, message: Message, targets: Sequence[str | Queue], pushed_at: datetime
    ) -> list[Argument]:
        """As publish.lua takes it. Only what goes to the public streams is told on a channel."""
        keys = self.keys
        public = [target for target in targets if isinstance(target, str)]
        queues = [target for target in targets if isinstance(target, Queue)]
        streams = public + [keys.queue(queue.name) for queue in queues if queue.kind == "stream"]
        lists = [keys.queue(queue.name) for queue in queues if queue.kind == "list"]
        flat = [part for pair in wire.message_fields(message).items() for part in pair] if streams else []
        return [
            *_counted(flat),
            *_counted(streams),
            *_counted(lists),
            wire.message_json(message, pushed_at=pushed_at) if lists else "",
            f"{keys.event_channel}{wire.channel_tail(message)}" if public else "",
            wire.notification_json(message) if public else "",
        ]

    # --- the fingerprint log ---

    async def fingerprints(self, since: datetime) -> AsyncIterator[list[FingerprintRecord]]:
        """Every record first seen at `since` or later, in the order published, some at a time, as if merged from the
        start: event ids are those that stand today (after merges, and after what operators moved), and `absorbs` is
        empty. (A merge may be told by a record that has left the window.)

        The whole log is read: its ids are the server's times, `since` is a worker's. What cannot be read is left out.
        """
        standing = await self._standing_events()
        start = "-"
        while rows := await self.command("XRANGE", self.keys.fingerprints, start, "+", "COUNT", PAGE):
            records = self.readable_rows(FINGERPRINT, self.keys.fingerprints, rows)
            yield [standing.of(record) for record in records if record.first_seen_at >= since]
            start = f"({text(rows[-1][0])}"

    async def fingerprints_of(self, entry_ids: Iterable[str]) -> dict[str, FingerprintRecord]:
        """The records of these reports by entry id, with the events that stand today; those not in the log are missing.

        The log is read from its end, as far as needed: for one that is not there, whole.
        """
        wanted, found = set(entry_ids), dict[str, FingerprintRecord]()
        standing = await self._standing_events()
        end = "+"
        while wanted and (rows := await self.command("XREVRANGE", self.keys.fingerprints, end, "-", "COUNT", PAGE)):
            for record in self.readable_rows(FINGERPRINT, self.keys.fingerprints, rows):
                if record.entry_id in wanted:
                    wanted.discard(record.entry_id)
                    found[record.entry_id] = standing.of(record)
            end = f"({text(rows[-1][0])}"
        return found

    async def _standing_events(self) -> _StandingEvents:
        return _StandingEvents(await self.aliases(), _moved_by(await self.rulings()))

    async def rulings(self) -> list[Ruling]:
        """The operators' words that were applied and are still kept, oldest first.

        They name events as they were called then: see `aliases`. What cannot be read is left out.
        """
        rows = await self.command("XRANGE", self.keys.rulings, "-", "+")
        return self.readable_rows(RULING, self.keys.rulings, rows)

    async def aliases(self) -> dict[str, str]:
        """Absorbed event id → the event that finally stands for it."""
        key = self.keys.merged
        direct: dict[str, str] = {}
        for absorbed, value in (await self.command("HGETALL", key)).items():
            survivor = self.readable(ALIAS, f"{key} {text(absorbed)}", value)
            if survivor is not None:
                direct[text(absorbed)] = survivor
        return {absorbed: _end_of(absorbed, direct) for absorbed in direct}


_REFUSED = {
    "stale": NOT_LEADING,
    "order": "an older entry waits: read the waiting entries again",
    "gone": "the entry no longer waits: the server was restored to an earlier state; it will be polled again",
}


def _counted(values: Sequence[str]) -> list[Argument]:
    return [len(values), *values]


def _moved_by(rulings: Iterable[Ruling]) -> dict[str, str]:
    """Entry id → the event that an operator moved it to last."""
    return {
        entry_id: ruling.event_id for ruling in rulings if ruling.verb is Verb.SPLIT for entry_id in ruling.entry_ids
    }


@dataclass(frozen=True, slots=True)
class _StandingEvents:
    """What events are called today: survivors of the absorbed ones, and where operators moved reports."""

    aliases: Mapping[str, str]
    moved: Mapping[str, str]

    def of(self, record: FingerprintRecord) -> FingerprintRecord:
        """The record with the event that stands today, as if it had always been that one."""
        named = self.moved.get(record.entry_id, record.event_id)
        event_id = self.aliases.get(named, named)
        if event_id == record.event_id and not record.absorbs:
            return record
        return replace(record, event_id=event_id, absorbs=())


def _end_of(event_id: str, direct: Mapping[str, str]) -> str:
    for _ in range(ALIAS_STEPS):
        if event_id not in direct:
            break
        event_id = direct[event_id]
    return event_id


def _stream_time(stream_id: str) -> datetime:
    return wire.instant_of(int(stream_id.partition("-")[0]) * 1000)


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
