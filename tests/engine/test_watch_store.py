"""What people and programs read: digests, counts, notices, messages as they come."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import orjson

from aggregator.engine.retention import MINUTES_KEPT
from aggregator.engine.store import Store
from aggregator.model import Digest, DigestEvent, DigestFeed, Notice, Source, Totals
from tests.engine import making
from tests.engine.making import EPOCH, NOW, claimed, commit, entry, length

HOUR = timedelta(hours=1)


def digest(number: int, *, events: int = 2, title: str = "What happened") -> Digest:
    source = Source("f0", "a" * 20, "https://news.example/1", title, NOW)
    event = DigestEvent("e1", title, "en", ("News",), (source,), 1, 1, NOW, NOW)
    return Digest(
        id=f"digest-{number}",
        window_from_at=NOW + number * HOUR,
        window_to_at=NOW + (number + 1) * HOUR,
        events=(event,) * events,
        event_count=events,
        totals=Totals(polls={"ok": 3}, entries={"new": 2}, reports={"new_event": 2}),
        trouble=(
            DigestFeed("f0", "news.example", "failing", "404", 3, timedelta(seconds=2)),
        ),
        slow=(),
        saved_count=4,
    )


async def test_a_digest_is_appended_once_and_told_on_its_channel(store: Store) -> None:
    async with Listening(store, f"{store.engine.keys.prefix}:ch:digest") as listener:
        assert await store.watch.append_digest(digest(1))
        heard = await listener.message()
    assert not await store.watch.append_digest(digest(1))
    assert await store.watch.append_digest(digest(2))
    assert await store.watch.digests(EPOCH) == [digest(1), digest(2)]
    assert heard is not None
    assert orjson.loads(heard["data"])["id"] == "digest-1"


class Listening:
    """A subscription that stands when the block is entered."""

    def __init__(self, store: Store, channel: str) -> None:
        self._pubsub = store.engine.client.pubsub()
        self._channel = channel

    async def __aenter__(self) -> Listening:
        await self._pubsub.subscribe(self._channel)
        await self._pubsub.get_message(timeout=2)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]

    async def message(self) -> dict[str, bytes] | None:
        found: dict[str, bytes] | None = await self._pubsub.get_message(
            ignore_subscribe_messages=True, timeout=2
        )
        return found


async def test_a_large_digest_is_told_shortened_and_kept_whole(store: Store) -> None:
    large = digest(1, events=50, title="字" * 300)
    async with Listening(store, f"{store.engine.keys.prefix}:ch:digest") as listener:
        await store.watch.append_digest(large)
        heard = await listener.message()
    assert heard is not None
    assert len(heard["data"]) < 16_000
    assert 0 < len(orjson.loads(heard["data"])["events"]) < 50
    assert orjson.loads(heard["data"])["event_count"] == 50
    assert await store.watch.digests(EPOCH) == [large]


async def test_the_digest_stream_has_the_fields_of_the_contract(store: Store) -> None:
    await store.watch.append_digest(digest(1))
    (row,) = [found async for found in store.watch.rows("digest", EPOCH)]
    assert list(row.fields) == ["v", "id", "window_from", "window_to", "json"]
    assert row.fields["window_from"] == "2026-03-01T13:00:00Z"


async def test_the_trouble_stream_has_the_fields_of_the_contract(store: Store) -> None:
    notice = Notice("moved", "f0", "news.example", "to https://news.example/feed")
    await store.polls.commit(replace(commit(await claimed(store)), notices=(notice,)))
    (row,) = [found async for found in store.watch.rows("trouble", EPOCH)]
    assert list(row.fields) == [
        "v",
        "id",
        "kind",
        "feed_id",
        "host",
        "at",
        "detail",
        "json",
    ]
    (told,) = await store.watch.trouble(EPOCH)
    assert (told.notice, told.at, told.id) == (notice, NOW, row.fields["id"])
    assert orjson.loads(row.fields["json"])["detail"] == notice.detail


async def test_counts_are_summed_from_the_hour_of_the_beginning(store: Store) -> None:
    for hours in (0, 1, 5):
        claim = await claimed(store, now=NOW + hours * HOUR)
        whole = replace(
            commit(claim), result="ok", outcomes={"new": 2, "seen": 30, "edited": 0}
        )
        await store.polls.commit(whole, now=NOW + hours * HOUR)
    assert await store.watch.totals(NOW + HOUR, until=NOW + 9 * HOUR) == Totals(
        {"ok": 2}, {"new": 4, "seen": 60}, {}
    )
    assert (await store.watch.totals(NOW, until=NOW + 2 * HOUR)).polls == {"ok": 2}
    assert await store.watch.totals(NOW - 9 * HOUR, until=NOW - HOUR) == Totals(
        {}, {}, {}
    )


async def test_reading_along_gives_what_comes_later(store: Store) -> None:
    await making.published(store, entry(1))
    ends = await store.watch.last_ids(["events", "digest"])
    assert await store.watch.tail(ends, block=timedelta(milliseconds=10)) == []
    await making.published(store, entry(2))
    await store.watch.append_digest(digest(1))
    rows = await store.watch.tail(ends)
    assert sorted((row.stream, row.fields.get("entry_id", "")) for row in rows) == [
        ("digest", ""),
        ("events", f"{2:020x}"),
    ]


async def test_reading_takes_nothing_away(store: Store) -> None:
    await making.published(store, entry(1))
    for _ in range(2):
        assert len(await store.watch.tail({"events": "0-0"})) == 1
        assert [found.entry_id async for found in store.watch.messages(EPOCH)] == [
            f"{1:020x}"
        ]
    assert await length(store, store.engine.keys.events) == 1
    assert await store.retention.groups() == []


async def test_long_streams_are_read_in_pages(store: Store) -> None:
    await making.published(store, *(entry(number) for number in range(900)))
    assert len({found.entry_id async for found in store.watch.messages(EPOCH)}) == 900
    assert len(await store.watch.events_since(EPOCH)) == 900


async def count_at(store: Store, at: datetime) -> None:
    claim = await claimed(store, now=at)
    await store.polls.commit(
        replace(commit(claim), result="ok", outcomes={"new": 1}), now=at
    )


async def test_counts_are_those_of_the_window_to_the_minute(store: Store) -> None:
    """Four digests of a quarter of an hour tell each poll once."""
    quarter = HOUR / 4
    for minutes in (0, 14, 15, 31, 59):
        await count_at(store, NOW + timedelta(minutes=minutes))
    told = [
        (
            await store.watch.totals(NOW + n * quarter, until=NOW + (n + 1) * quarter)
        ).polls.get("ok", 0)
        for n in range(4)
    ]
    assert told == [2, 1, 1, 1]


async def test_counts_of_long_ago_are_kept_by_the_hour(store: Store) -> None:
    for minutes in (0, 14, 61):
        await count_at(store, NOW + timedelta(minutes=minutes))
    assert await store.retention.compact_counts(now=NOW + MINUTES_KEPT + HOUR) > 0
    first = store.engine.keys.stats(int(NOW.timestamp()) // 3600)
    assert await store.engine.command("HGETALL", first) == {
        b"polls:ok": b"2",
        b"entries:new": b"2",
    }
    assert (await store.watch.totals(NOW, until=NOW + HOUR)).polls == {"ok": 2}
    assert (await store.watch.totals(NOW, until=NOW + 2 * HOUR)).polls == {"ok": 3}
    assert await store.engine.command("TTL", first) > 0
    assert await store.retention.compact_counts(now=NOW + MINUTES_KEPT + HOUR) == 0
