"""The one door through which bytes of Redis become records: `decode(kind, data) -> record | Unreadable`.

Rules: whatever stands in Redis, `decode` answers; it never raises, because any program can write under our keys and a
later version of ours does. A kind names what is read and knows its reader in `wire`; nothing else calls those readers.
A reader that meets an `Unreadable` passes over that row alone, and notes it (`engine.slips`).

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import orjson
from pydantic import ValidationError

from aggregator.engine import wire
from aggregator.model import (
    Digest,
    Entry,
    Event,
    Example,
    FingerprintRecord,
    KnownEntry,
    Lease,
    Message,
    Notice,
    PollState,
    Ruling,
    RulingAnswer,
    RulingRequest,
)

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

WHY_CHARS = 500
_FAULTS = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    OverflowError,  # a number of seconds beyond the calendar
    RecursionError,
)
"""What readers raise at bytes that are not theirs."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What stands in place of a record that cannot be read; `is_later`: a later version wrote it; `is_foreign`: no
    version did."""

    why: str
    is_later: bool = False
    is_foreign: bool = False


@dataclass(frozen=True, slots=True)
class RecordKind(Generic[T_co]):
    """One form of value: what it is called in the metrics, and what reads it."""

    name: str
    read: Callable[[Any], T_co]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A notice as it stands in `agg:trouble`."""

    id: str
    at: datetime
    notice: Notice


def decode(kind: RecordKind[T], data: Any) -> T | Unreadable:
    """The record that `data` holds: a value's bytes, or the fields of a stream's row."""
    try:
        return kind.read(data)
    except _FAULTS as error:
        why = _why(error)
        return Unreadable(
            why[:WHY_CHARS],
            is_later=isinstance(error, wire.LaterVersionError),
            is_foreign=isinstance(error, wire.ForeignRecordError),
        )


def _why(error: Exception) -> str:
    """On one line, as it stands in a notice."""
    if isinstance(error, KeyError):
        return f"it has no field {error}"
    if isinstance(error, ValidationError):
        # Of a record that is none of ours each field is wrong: the first says enough.
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        return f"{where}: {first['msg']}".removeprefix(": ")
    return str(error) or type(error).__name__


def _record(cls: type[T]) -> Callable[[Any], T]:
    return lambda data: wire.decode(cls, data)


def _field(
    name: bytes,
    cls: type[T],
) -> Callable[[Any], T]:
    """A record that is one field of a stream's row."""

    def read(fields: Mapping[bytes, bytes]) -> T:
        if name not in fields:
            raise wire.ForeignRecordError(f"it has no field {name.decode()}")
        return wire.decode(cls, fields[name])

    return read


def _count(data: bytes) -> int:
    return wire.whole(data)


def _milliseconds(data: bytes | str | float) -> datetime:
    return wire.believable(wire.instant_of_ms(data))


def _stamped(data: bytes) -> tuple[bytes, datetime]:
    """A value that ends in `|ms`, and when it was written."""
    # From the right: an example is JSON, whose texts may hold a bar.
    value, bar, stamp = data.rpartition(b"|")
    if not bar:
        raise ValueError(f"no time at its end: {data[:40]!r}")
    return value, _milliseconds(stamp)


def _alias(data: bytes) -> str:
    return _stamped(data)[0].decode()


def _example(data: bytes) -> Example:
    return wire.decode(Example, _stamped(data)[0])


def _leader(values: list[bytes]) -> tuple[str, int, datetime]:
    worker, token, lapses = values
    return worker.decode(), int(token), _milliseconds(lapses)


def _queued_at(data: bytes) -> datetime:
    """When a message came into a list queue; for those of earlier versions, when its report was first seen."""
    value = orjson.loads(data)
    # An edit of an entry first seen 8 days ago was trimmed within a minute of its push when only that time stood here.
    at = wire.instant_from_iso(value.get("pushed_at") or value["first_seen_at"])
    if at is None:
        raise ValueError("it does not say when it was pushed")
    return at


def _digest(fields: Mapping[str, str]) -> Digest:
    return wire.decode(Digest, fields["json"].encode())


def _trouble(fields: Mapping[str, str]) -> Trouble:
    at = wire.instant_from_iso(fields["at"])
    if at is None:
        raise ValueError("it does not say when")
    return Trouble(
        fields["id"],
        at,
        Notice(fields["kind"], fields["feed_id"], fields["host"], fields["detail"]),
    )


POLL_STATE = RecordKind("poll_state", _record(PollState))
KNOWN_ENTRY: RecordKind[KnownEntry] = RecordKind("known_entry", wire.known_entry)
INSTANT = RecordKind("instant", _milliseconds)
ENTRY = RecordKind("entry", _field(b"e", Entry))
EVENT = RecordKind("event", _record(Event))
FINGERPRINT: RecordKind[FingerprintRecord] = RecordKind(
    "fingerprint",
    lambda fields: wire.fingerprint_record(fields[b"f"], fields.get(b"d", b"")),
)
ALIAS = RecordKind("alias", _alias)
STAMPED = RecordKind("stamped", _stamped)
LEADER = RecordKind("leader", _leader)
RULING = RecordKind("ruling", _field(b"r", Ruling))
RULING_REQUEST = RecordKind("ruling_request", _field(b"r", RulingRequest))
RULING_ANSWER = RecordKind("ruling_answer", _record(RulingAnswer))
EXAMPLE = RecordKind("example", _example)
MESSAGE: RecordKind[Message] = RecordKind("message", wire.message_of_fields)
QUEUED_AT = RecordKind("queued_message", _queued_at)
DIGEST = RecordKind("digest", _digest)
TROUBLE = RecordKind("trouble", _trouble)
COUNT = RecordKind("count", _count)
LEASE = RecordKind("websub_lease", _record(Lease))
