"""Records to bytes and back: what is written to Redis, and what a consumer reads.

Rules: a record is one JSON object with `"v": 1` first; a reader ignores keys it does not know and refuses a later
version with LaterVersionError, so that old and new workers can run beside each other (additive changes keep the
version). What stands in Redis is read by `codec.decode` alone: it knows what the readers here raise.
A message is written three ways: as flat string fields (streams), as one JSON object (list queues), and as a JSON
object of less than 16,000 bytes without its document (channels).

pydantic reads the records because it needs no schema of ours beside the dataclasses, and writes those with spans;
orjson writes the others and what a consumer sees. The two records there are a million of have a form of their own: a
known entry takes about 110 bytes instead of 300, a fingerprint record is read in 2 µs instead of 12
(tests/bench/engine_store.py).

Pure: no clock, no I/O.
"""

from __future__ import annotations

import copy
import math
import re
import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

import orjson
from pydantic import TypeAdapter
from pydantic_core import SchemaValidator

from aggregator.model import (
    EPOCH,
    Decision,
    Entry,
    Event,
    FingerprintRecord,
    Kind,
    KnownEntry,
    Message,
    PollState,
    Source,
)

VERSION = 1
_VERSION_TEXT = str(VERSION)
NOTIFICATION_BYTES = 16_000
"""Payloads on channels stay below: Valkey 9.1 does not count larger replies in the client output limit (notes.md)."""

_HEAD = b'{"v":1,'
_ANY_HEAD = re.compile(rb'\{"v":(\d{1,9}),')
_US = timedelta(microseconds=1)
_MS = timedelta(milliseconds=1)
_RECORD = struct.Struct(">BqBBBH")
_WORDS = {
    Kind.NEW: "new",
    Kind.JOINED: "joined",
    Kind.EDITED: "edited",
    Kind.MERGED: "merged",
}
_LISTS = ("categories", "tags", "related")
_CUT = ("guid", "published_raw", "author", "url", "title", "why")
_CUT_CHARS = 500

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2300, 1, 1, tzinfo=UTC)
LONGEST = timedelta(days=36_525)
"""What a stored instant or span can be. Entries state years from 1902 to 2199 (`entry.dates`); the rest is room, and
the calendar does not end where a span is added."""
INSTANTS_KEPT = 1024
"""A guess: a feed's known entries were first seen in some hundred polls."""
MOST = 2**53
"""Beyond it a whole number is none of ours, and not every reader of JSON has it exactly."""

R = TypeVar("R")
_adapters: dict[type, TypeAdapter[Any]] = {}
_validators: dict[type, SchemaValidator] = {}


class LaterVersionError(ValueError):
    """A later version of this program wrote the record."""


class ForeignRecordError(ValueError):
    """No version of this program wrote it: it does not begin as a record of any does, or has none of its fields."""


# --- records --------------------------------------------------------------------------------------------------


def _adapter(cls: type[R]) -> TypeAdapter[R]:
    """Made once for each record: it costs some ms."""
    if cls not in _adapters:
        _adapters[cls] = TypeAdapter(cls)
    return _adapters[cls]


def _validator(cls: type) -> SchemaValidator:
    """What reads the record's JSON. Beside its types it holds what arithmetic needs: a time without a zone, or at the
    end of the calendar, is of the right type, and what is worked out from it would raise."""
    validator = _validators.get(cls)
    if validator is None:
        schema = copy.deepcopy(_adapter(cls).core_schema)
        _bound(schema)
        validator = _validators[cls] = SchemaValidator(schema)
    return validator


_BOUNDS: dict[str, dict[str, Any]] = {
    "datetime": {"tz_constraint": "aware", "ge": EARLIEST, "le": LATEST},
    "timedelta": {"ge": -LONGEST, "le": LONGEST},
    "float": {"allow_inf_nan": False},
    "int": {"ge": -MOST, "le": MOST},
}
"""By the type of pydantic's core schema."""


def _bound(schema: Any) -> None:
    """Put the bounds into every part of a core schema."""
    if isinstance(schema, list):
        for part in schema:
            _bound(part)
    if isinstance(schema, dict):
        schema.update(_BOUNDS.get(str(schema.get("type")), {}))
        for part in schema.values():
            _bound(part)


_WITHOUT_SPANS = frozenset({Entry, Event})
"""Records of texts, numbers and instants alone: of these orjson writes the bytes that pydantic does, an entry in half
of the time. Spans it does not know."""


def encode(record: object) -> bytes:
    """One record of model.py as a JSON object. ValueError: it holds what UTF-8 cannot carry (lone surrogates)."""
    cls = type(record)
    if cls in _WITHOUT_SPANS:
        return _HEAD + _plain_json(record)[1:]
    return _HEAD + _adapter(cls).dump_json(record)[1:]


def _plain_json(record: object) -> bytes:
    try:
        return orjson.dumps(record, option=orjson.OPT_UTC_Z)
    except orjson.JSONEncodeError as error:
        # To orjson it is a matter of types.
        raise ValueError(str(error)) from error


def state_bytes(state: PollState) -> bytes:
    """A feed's state without the fields that hold what they hold in the beginning, of most feeds half.

    Where they are missing, that is what is read.
    """
    record = _adapter(PollState).dump_json(state, exclude_defaults=True)
    return _HEAD + record[1:]


def decode(cls: type[R], data: bytes) -> R:
    """The record `encode` wrote. ValueError: no such record; LaterVersionError: one of a later version."""
    if data.startswith(_HEAD):
        record: R = _validator(cls).validate_json(data)
        return record
    message = f"not a {cls.__name__} of version {VERSION}: {data[:40]!r}"
    head = _ANY_HEAD.match(data)
    if head is None:
        raise ForeignRecordError(message)
    if int(head[1]) > VERSION:
        raise LaterVersionError(message)
    raise ValueError(message)


def _check_version(what: str, version: int | str) -> None:
    """ValueError: not ours; LaterVersionError: of a later version."""
    stated = str(version)
    if stated == _VERSION_TEXT:
        return
    message = f"a {what} of version {stated[:20]}"
    if stated.isdecimal() and int(stated) > VERSION:
        raise LaterVersionError(message)
    raise ValueError(message)


def microseconds(at: datetime) -> int:
    """Whole microseconds since 1970."""
    return (at - EPOCH) // _US


def milliseconds(at: datetime) -> int:
    """Whole milliseconds since 1970, rounded up: a due time is never early."""
    return -(microseconds(at) // -1000)


def span_ms(span: timedelta) -> int:
    """A span in whole milliseconds, as scripts and commands take it."""
    return span // _MS


def believable(at: datetime) -> datetime:
    """The instant. ValueError: it lies outside what a stored one can be."""
    if not EARLIEST <= at <= LATEST:
        raise ValueError(f"the year {at.year}")
    return at


def instant_of(us: int) -> datetime:
    """The instant so many microseconds after 1970. ValueError or OverflowError: none of ours."""
    return believable(EPOCH + timedelta(microseconds=us))


@lru_cache(maxsize=INSTANTS_KEPT)
def _stored_instant(text: str) -> datetime:
    """The same, of a text. Entries of one poll were seen at one instant, which is then also handed over once."""
    return instant_of(int(text))


def instant_of_ms(ms: float | str | bytes) -> datetime:
    """The instant so many milliseconds after 1970, as scripts answer it."""
    return EPOCH + timedelta(milliseconds=float(ms))


def instant_of_id(stream_id: str) -> datetime:
    """When a row of a stream was added, by the server's clock: its id begins with the milliseconds."""
    return instant_of_ms(stream_id.partition("-")[0])


def known_bytes(known: KnownEntry) -> bytes:
    """A known entry in about 110 bytes: fields joined by `|`, instants in microseconds."""
    edits_since = ""
    if known.edits_since_at is not None:
        edits_since = str(microseconds(known.edits_since_at))
    fields = (
        str(VERSION),
        str(microseconds(known.first_seen_at)),
        str(microseconds(known.last_seen_at)),
        str(known.revision),
        edits_since,
        str(known.edit_count),
        "1" if known.date_stated else "0",
        known.link_key,
        known.title_key,
        known.guid_key,
        known.content_hash,
    )
    return "|".join(fields).encode()


def known_entry(data: bytes) -> KnownEntry:
    """What `known_bytes` wrote. ValueError: anything else."""
    fields = data.decode().split("|")
    if len(fields) != 11:
        raise ValueError(f"a known entry of {len(fields)} fields")
    (
        version,
        first,
        last,
        revision,
        edits,
        edit_count,
        stated,
        link_key,
        title_key,
        guid_key,
        content,
    ) = fields
    _check_version("known entry", version)
    edits_since_at = _stored_instant(edits) if edits else None
    # By place, since a feed has thousands: names would take longer.
    return KnownEntry(
        content,
        _stored_instant(first),
        whole(revision),
        link_key,
        title_key,
        _stored_instant(last),
        edits_since_at,
        whole(edit_count),
        stated == "1",
        guid_key,
    )


def record_bytes(record: FingerprintRecord) -> bytes:
    """A fingerprint record: a head of 14 bytes, three ids, absorbed ids, the packed fingerprint."""
    names = (
        record.entry_id,
        record.event_id,
        record.feed_id,
        ",".join(record.absorbs),
    )
    parts = [name.encode() for name in names]
    sizes = map(len, parts)
    head = _RECORD.pack(VERSION, microseconds(record.first_seen_at), *sizes)
    return b"".join((head, *parts, record.packed))


def decision_bytes(decision: Decision | None) -> bytes:
    """A decision in about 50 bytes, fields joined by `|`; none for one that is not known.

    It stands beside the record, not in it, so that versions that know nothing of it read the record as ever.
    """
    if decision is None:
        return b""
    fields = (
        str(VERSION),
        repr(decision.score),
        decision.best_entry_id,
        decision.reason,
    )
    return "|".join(fields).encode()


def decision_of(data: bytes) -> Decision | None:
    """What `decision_bytes` wrote. ValueError: anything else."""
    if not data:
        return None
    version, score, best, reason = data.decode().split("|", 3)
    _check_version("decision", version)
    decision = Decision(float(score), reason, best)
    if not 0 <= decision.score <= 1:
        raise ValueError(f"a score of {score[:20]}")
    return decision


def fingerprint_record(data: bytes, decision: bytes = b"") -> FingerprintRecord:
    """What `record_bytes` and `decision_bytes` wrote. ValueError: another version, or cut short."""
    try:
        version, first, *sizes = _RECORD.unpack_from(data)
    except struct.error as error:
        raise ValueError("a fingerprint record cut short") from error
    _check_version("fingerprint record", version)
    entry_size, event_size, feed_size, absorbs_size = sizes
    entry = _RECORD.size + entry_size
    event = entry + event_size
    feed = event + feed_size
    end = feed + absorbs_size
    if len(data) < end:
        raise ValueError(f"a fingerprint record cut short at {len(data)} bytes")
    absorbs = data[feed:end].decode()
    return FingerprintRecord(
        entry_id=data[_RECORD.size : entry].decode(),
        event_id=data[entry:event].decode(),
        feed_id=data[event:feed].decode(),
        first_seen_at=instant_of(first),
        packed=data[end:],
        absorbs=tuple(absorbs.split(",")) if absorbs else (),
        decision=decision_of(decision),
    )


# --- messages -------------------------------------------------------------------------------------------------


@lru_cache(maxsize=INSTANTS_KEPT)
def iso(at: datetime | None) -> str:
    """ISO 8601 in UTC with a `Z`; '' for an unknown instant. A message says most of its instants twice, and entries of
    one poll were seen at one."""
    if at is None:
        return ""
    return at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def instant_from_iso(text: str) -> datetime | None:
    """The instant that `iso` wrote. ValueError: none, or one without its zone."""
    if not text:
        return None
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"a time without its zone: {text[:40]!r}")
    return believable(at)


def _source(source: Source) -> dict[str, str]:
    return {
        "feed_id": source.feed_id,
        "entry_id": source.entry_id,
        "url": source.url,
        "title": source.title,
        "published_at": iso(source.published_at),
    }


Told = dict[str, Any]
"""What a message says but for its document, by name, as JSON values."""


def told_of(message: Message) -> Told:
    """Everything but the document, in the order of design.md: what each way of writing the message begins with."""
    return {
        "v": VERSION,
        "id": message.id,
        "kind": str(message.kind),
        "event_id": message.event_id,
        "entry_id": message.entry_id,
        "feed_id": message.feed_id,
        "revision": message.revision,
        "lang": message.lang,
        "title": message.title,
        "url": message.url,
        "guid": message.guid,
        "author": message.author,
        "categories": message.categories,
        "tags": message.tags,
        "published_at": iso(message.published_at),
        "first_seen_at": iso(message.first_seen_at),
        "published_raw": message.published_raw,
        "date_source": str(message.date_source),
        "sources": [_source(source) for source in message.sources],
        "source_count": message.source_count,
        "independent_count": message.independent_count,
        "score": message.score,
        "reason": message.reason,
        "related": message.related,
        "merged_into": message.merged_into,
        "merged_from": message.merged_from,
        "split_from": message.split_from,
        "operator": message.operator,
        "why": message.why,
    }


_ANY = Message("", Kind.NEW, "")
MESSAGE_FIELDS = (*told_of(_ANY), "document")
"""The names of a stream message's fields, in their order."""


def message_values(told: Told, document: str) -> list[str | bytes | int]:
    """The values of a stream message's fields; lists are JSON, the unknown is ''."""
    values = [_word(value) for value in told.values()]
    values.append(document)
    return values


_WORDS_OF_COMMANDS = (str, int)


def _word(value: Any) -> str | bytes | int:
    """As commands take it."""
    if isinstance(value, _WORDS_OF_COMMANDS):
        word: str | int = value
        return word
    return orjson.dumps(value)


def message_of_fields(fields: Mapping[str, str]) -> Message:
    """The message a consumer finds in a stream's fields. ValueError or KeyError: it is none."""
    _check_version("message", fields["v"])
    # Those that a stream's rows of earlier versions lack have the record's defaults.
    others: dict[str, Any] = {name: fields[name] for name in _PLAIN if name in fields}
    for name in _LISTS:
        others[name] = _texts(fields[name])
    sources = orjson.loads(fields["sources"])
    return Message(
        kind=Kind(fields["kind"]),
        revision=whole(fields["revision"]),
        published_at=instant_from_iso(fields["published_at"]),
        first_seen_at=instant_from_iso(fields["first_seen_at"]),
        sources=tuple(map(_source_of, sources)),
        source_count=whole(fields["source_count"]),
        independent_count=whole(fields["independent_count"]),
        score=_finite(fields["score"]),
        **others,
    )


_PLAIN = (
    "id",
    "event_id",
    "entry_id",
    "feed_id",
    "lang",
    "title",
    "url",
    "guid",
    "author",
    "published_raw",
    "date_source",
    "reason",
    "document",
    "merged_into",
    "merged_from",
    "split_from",
    "operator",
    "why",
)


def _texts(text: str) -> tuple[str, ...]:
    values = orjson.loads(text)
    if not isinstance(values, list):
        raise ValueError(f"no list of texts: {text[:40]!r}")
    for value in values:
        if not isinstance(value, str):
            raise ValueError(f"no list of texts: {text[:40]!r}")
    return tuple(values)


def whole(text: str | bytes) -> int:
    """The whole number. ValueError: none, or one beyond all counts."""
    number = int(text)
    if abs(number) > MOST:
        raise ValueError(f"a number beyond all counts: {text[:40]!r}")
    return number


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"no number: {text[:40]!r}")
    return number


def _source_of(value: Mapping[str, str]) -> Source:
    for name in ("feed_id", "entry_id", "url", "title"):
        if not isinstance(value[name], str):
            raise TypeError(f"{name} of a source is no text")
    return Source(
        feed_id=value["feed_id"],
        entry_id=value["entry_id"],
        url=value["url"],
        title=value["title"],
        published_at=instant_from_iso(value["published_at"]),
    )


def message_json(
    message: Message,
    *,
    pushed_at: datetime | None = None,
) -> bytes:
    """The whole message as one JSON object, its document included: what a list queue holds. `pushed_at`: when it comes
    into the queue, from which its age there counts."""
    value = {**told_of(message), "document": message.document}
    if pushed_at is not None:
        value["pushed_at"] = iso(pushed_at)
    return orjson.dumps(value)


def notification_json(told: Told) -> bytes:
    """The message as JSON under 16,000 bytes, without its document: the first source and as many new ones as fit."""
    whole = orjson.dumps(told)
    if len(whole) < NOTIFICATION_BYTES:
        return whole
    sources = told["sources"]
    value = dict(told)
    del value["sources"]
    # Behind the others, as ever.
    value["sources"] = []
    if len(orjson.dumps(value)) >= NOTIFICATION_BYTES:
        value = _shortened(value)
    room_bytes = NOTIFICATION_BYTES - len(orjson.dumps(value)) - 1
    value["sources"] = _fitting(sources, room_bytes)
    return orjson.dumps(value)


def _shortened(value: dict[str, Any]) -> dict[str, Any]:
    """Without lists, its texts cut: for a title or address of many kilobytes."""
    short: dict[str, Any] = {
        **value,
        **dict.fromkeys(_LISTS, ()),
    }
    for name in _CUT:
        text = short[name]
        if len(text) <= _CUT_CHARS:
            continue
        # Half an address leads to another page, or to none.
        short[name] = "" if name in ("url", "guid") else text[:_CUT_CHARS]
    return short


def _fitting(
    sources: list[dict[str, str]],
    room_bytes: int,
) -> list[dict[str, str]]:
    """The first source and then the newest that fit into `room_bytes`, in their order."""
    first = range(min(1, len(sources)))
    newest = range(len(sources) - 1, 0, -1)
    fitting: list[int] = []
    for place in (*first, *newest):
        size = len(orjson.dumps(sources[place])) + 1
        if size > room_bytes:
            break
        room_bytes -= size
        fitting.append(place)
    return [sources[place] for place in sorted(fitting)]


def channel_tail(message: Message) -> str:
    """`<kind>:<language>:<feed id>`; a merge goes by its survivor's first feed."""
    feed_id = message.feed_id
    if not feed_id and message.sources:
        feed_id = message.sources[0].feed_id
    return f"{_WORDS[message.kind]}:{primary_language(message.lang)}:{feed_id}"


def primary_language(tag: str) -> str:
    """The primary subtag of a BCP 47 tag in lower case; `und` for none."""
    return tag.replace("_", "-").split("-", 1)[0].lower() or "und"
