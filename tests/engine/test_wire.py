"""Records and messages survive the way to bytes and back; notifications stay small."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from aggregator.engine import codec, wire
from aggregator.engine.scripts import text
from aggregator.model import (
    DateSource,
    Decision,
    Entry,
    Event,
    FeedHints,
    FingerprintRecord,
    IdentityRule,
    Kind,
    KnownEntry,
    Message,
    PollState,
    Source,
    Validators,
)
from tests.engine import making

TEXT = st.text(max_size=40)
INSTANTS = st.datetimes(
    datetime(1980, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)
)
SPANS = st.timedeltas(timedelta(days=-400), timedelta(days=4000))
COUNTS = st.integers(0, 2**40)
NUMBERS = st.floats(-1e12, 1e12, allow_nan=False)
TEXTS = st.lists(TEXT, max_size=4).map(tuple)
IDS = st.text("0123456789abcdef", min_size=1, max_size=21)

SOURCES = st.builds(
    Source,
    feed_id=TEXT,
    entry_id=TEXT,
    url=TEXT,
    title=TEXT,
    published_at=st.none() | INSTANTS,
)
MESSAGES = st.builds(
    Message,
    kind=st.sampled_from(Kind),
    revision=COUNTS,
    categories=TEXTS,
    tags=TEXTS,
    related=TEXTS,
    published_at=st.none() | INSTANTS,
    first_seen_at=st.none() | INSTANTS,
    sources=st.lists(SOURCES, max_size=3).map(tuple),
    source_count=COUNTS,
    independent_count=COUNTS,
    score=st.floats(0, 1),
    **dict.fromkeys(
        (
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
        ),
        TEXT,
    ),
    **dict.fromkeys(
        (
            *("date_source", "reason", "document", "merged_into", "merged_from"),
            *("split_from", "operator", "why"),
        ),
        TEXT,
    ),
)
STATES = st.builds(
    PollState,
    feed_id=TEXT,
    url=TEXT,
    configured_url=TEXT,
    validators=st.builds(
        Validators, etag=st.none() | TEXT, last_modified=st.none() | TEXT
    ),
    interval=SPANS,
    change_gap=st.none() | SPANS,
    next_poll_at=INSTANTS,
    last_poll_at=st.none() | INSTANTS,
    identity=st.builds(IdentityRule, ladder=TEXT, reason=TEXT),
    hints=st.builds(
        FeedHints,
        ttl=st.none() | SPANS,
        skip_hours=st.frozensets(st.integers(0, 23)),
        skip_days=st.frozensets(st.integers(0, 6)),
    ),
    clock_error=st.none() | SPANS,
    clock_samples=st.lists(NUMBERS, max_size=5).map(tuple),
    recent_new=st.lists(st.tuples(NUMBERS, COUNTS), max_size=5).map(tuple),
    history=TEXTS,
)
KNOWN = st.builds(
    KnownEntry,
    content_hash=IDS,
    first_seen_at=INSTANTS,
    revision=COUNTS,
    link_key=IDS | st.just(""),
    title_key=IDS | st.just(""),
    last_seen_at=INSTANTS,
    edits_since_at=st.none() | INSTANTS,
    edit_count=COUNTS,
    date_stated=st.booleans(),
    guid_key=IDS | st.just(""),
)
RECORDS = st.builds(
    FingerprintRecord,
    entry_id=IDS,
    event_id=IDS,
    feed_id=IDS,
    first_seen_at=INSTANTS,
    packed=st.binary(max_size=400),
    absorbs=st.lists(IDS, max_size=3).map(tuple),
    decision=st.none()
    | st.builds(
        Decision,
        score=st.floats(0, 1),
        reason=TEXT,
        best_entry_id=st.sampled_from(("", "a" * 20)),
    ),
)


@given(STATES)
def test_a_state_reads_back_as_it_was_written(state: PollState) -> None:
    assert wire.decode(PollState, wire.state_bytes(state)) == state
    # As versions before wrote it: with every field.
    assert wire.decode(PollState, wire.encode(state)) == state


def test_of_a_new_feed_only_what_is_known_is_written() -> None:
    written = wire.state_bytes(
        PollState("f", "https://f.example/", "https://f.example/")
    )
    names = ["v", "feed_id", "url", "configured_url"]
    assert list(orjson.loads(written)) == names


@given(TEXT, TEXT, st.none() | INSTANTS, COUNTS)
def test_an_entry_reads_back_as_it_was_written(
    title: str, document: str, at: datetime | None, number: int
) -> None:
    entry = replace(
        making.entry(number), title=title, document=document, published_at=at
    )
    assert wire.decode(Entry, wire.encode(entry)) == entry


@given(TEXT, TEXTS, st.none() | INSTANTS, COUNTS)
def test_an_entry_and_an_event_are_written_as_pydantic_writes_them(
    title: str, names: tuple[str, ...], at: datetime | None, number: int
) -> None:
    """Workers of earlier versions wrote them so."""
    entry = replace(
        making.entry(number),
        title=title,
        tags=names,
        published_at=at,
        date_source=DateSource.CLAMPED,
    )
    event = replace(making.event("e1", entry, entry), related=names)
    for record in (entry, event):
        written: bytes = TypeAdapter(type(record)).dump_json(record)
        assert wire.encode(record) == b'{"v":1,' + written[1:]


def test_half_a_character_cannot_be_written() -> None:
    broken = replace(making.entry(1), title="\ud83d")
    with pytest.raises(ValueError, match="UTF-8"):
        wire.encode(broken)


@given(KNOWN)
def test_a_known_entry_reads_back_as_it_was_written(known: KnownEntry) -> None:
    assert wire.known_entry(wire.known_bytes(known)) == known


@given(RECORDS)
def test_a_fingerprint_record_reads_back_as_it_was_written(
    record: FingerprintRecord,
) -> None:
    assert (
        wire.fingerprint_record(
            wire.record_bytes(record), wire.decision_bytes(record.decision)
        )
        == record
    )
    assert wire.fingerprint_record(wire.record_bytes(record)) == replace(
        record, decision=None
    ), "of an older worker"


def fields_of(message: Message) -> dict[str, str]:
    """The message as a row of a stream holds it."""
    values = wire.message_values(wire.told_of(message), message.document)
    texts = [text(value) for value in values]
    return dict(zip(wire.MESSAGE_FIELDS, texts, strict=True))


@given(MESSAGES)
def test_a_message_reads_back_from_its_stream_fields(message: Message) -> None:
    assert wire.message_of_fields(fields_of(message)) == message


@given(MESSAGES)
def test_a_message_as_json_has_the_fields_of_the_stream(message: Message) -> None:
    assert list(orjson.loads(wire.message_json(message))) == list(wire.MESSAGE_FIELDS)


@given(MESSAGES, st.integers(0, 60), st.integers(0, 30_000), st.integers(0, 4000))
def test_a_notification_stays_under_16000_bytes(
    message: Message, number: int, title: int, url: int
) -> None:
    source = Source("feed", "entry", "https://news.example/" + "a" * url, "t", None)
    large = replace(
        message,
        title="标" * title,
        url="u" * url,
        sources=(source,) * number,
        document="d" * 50_000,
    )
    found = wire.notification_json(wire.told_of(large))
    assert len(found) < 16_000
    value = orjson.loads(found)
    assert "document" not in value
    assert value["id"] == message.id
    assert value["source_count"] == message.source_count


def test_a_notification_keeps_the_first_source_and_the_newest() -> None:
    sources = tuple(
        Source("feed", str(place), "https://news.example/" + "a" * 900, "t", None)
        for place in range(50)
    )
    value = orjson.loads(
        wire.notification_json(
            wire.told_of(Message("id", Kind.JOINED, "e1", sources=sources))
        )
    )
    kept = [int(source["entry_id"]) for source in value["sources"]]
    assert kept == [0, *range(50 - len(kept) + 1, 50)]
    assert len(kept) > 10


def test_a_record_of_a_later_version_is_refused() -> None:
    later = wire.encode(making.state("f")).replace(b'"v":1', b'"v":2', 1)
    with pytest.raises(ValueError, match="version 1"):
        wire.decode(PollState, later)


def test_a_record_with_fields_of_a_newer_worker_is_read() -> None:
    state = making.state("f")
    newer = wire.encode(state)[:-1] + b',"added_later":{"x":[1]}}'
    assert wire.decode(PollState, newer) == state


def test_a_record_of_an_older_worker_gets_the_defaults() -> None:
    assert wire.decode(
        PollState, b'{"v":1,"feed_id":"f","url":"u","configured_url":"u"}'
    ) == PollState("f", "u", "u")


@pytest.mark.parametrize("cut", [0, 5, 13, 20])
def test_a_fingerprint_record_cut_short_is_refused(cut: int) -> None:
    whole = wire.record_bytes(
        FingerprintRecord("a" * 20, "e" * 21, "feed", making.NOW, b"")
    )
    with pytest.raises(ValueError, match="record"):
        wire.fingerprint_record(whole[:cut])


@pytest.mark.parametrize(
    "data",
    [b"1|0.5|a", b"0|0.5|a|new", b"1|nan|a|new", b"1|1.5|a|new", b"1||a|new", b"\xff"],
)
def test_a_decision_that_is_none_is_refused(data: bytes) -> None:
    assert wire.decision_of(b"1|0.5||new") == Decision(0.5, "new")
    with pytest.raises(ValueError, match=r"decision|score|unpack|float|codec"):
        wire.decision_of(data)


def test_a_decision_of_a_later_version_is_told_as_such() -> None:
    with pytest.raises(wire.LaterVersionError, match="decision of version 2"):
        wire.decision_of(b"2|0.5|a|new")


def test_instants_are_written_in_utc_with_a_z() -> None:
    message = Message("id", Kind.NEW, "e1", published_at=making.NOW)
    fields = fields_of(message)
    assert fields["published_at"] == "2026-03-01T12:00:00Z"
    assert fields["first_seen_at"] == ""
    in_shanghai = making.NOW.astimezone(timezone(timedelta(hours=8)))
    assert wire.iso(in_shanghai) == "2026-03-01T12:00:00Z"


@pytest.mark.parametrize(
    ("lang", "feed_id", "kind", "channel"),
    [
        ("zh-Hans-CN", "a", Kind.NEW, "new:zh:a"),
        ("EN_us", "a", Kind.JOINED, "joined:en:a"),
        ("und", "a", Kind.EDITED, "edited:und:a"),
        ("", "", Kind.MERGED, "merged:und:first"),
    ],
)
def test_a_channel_names_kind_language_and_feed(
    lang: str, feed_id: str, kind: Kind, channel: str
) -> None:
    sources = (Source("first", "", "", "", None),)
    assert (
        wire.channel_tail(
            Message("id", kind, "e1", lang=lang, feed_id=feed_id, sources=sources)
        )
        == channel
    )


def test_every_stored_record_can_be_written_and_read_without_its_defaults() -> None:
    event = making.event("e1", making.entry(1), making.entry(2))
    assert wire.decode(Event, wire.encode(event)) == event


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"v":1,"feed_id":7}', "feed_id: Input should be a valid string"),
        (b'{"v":1,', "Invalid JSON: EOF while parsing"),
        (b"junk", "not a PollState of version 1: b'junk'"),
    ],
)
def test_what_cannot_be_read_says_why_on_one_line(data: bytes, why: str) -> None:
    answer = codec.decode(codec.POLL_STATE, data)
    assert isinstance(answer, codec.Unreadable)
    assert answer.why.startswith(why)
    assert "\n" not in answer.why


def test_a_known_entry_is_read_to_its_end() -> None:
    known = wire.known_bytes(KnownEntry("3.e141", making.NOW, 0))
    assert wire.known_entry(known).content_hash == "3.e141"
    with pytest.raises(ValueError, match="of 12 fields"):
        wire.known_entry(known + b"|more")
