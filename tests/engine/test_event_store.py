"""The lead, the entries that wait, and publishing: each once, in order, whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from aggregator.engine import wire
from aggregator.engine.codec import Unreadable
from aggregator.engine.fingerprint_store import PAGE
from aggregator.engine.scripts import text
from aggregator.engine.store import Store
from aggregator.errors import EngineRefused, StaleToken, UnreadableRecord
from aggregator.model import Decision, Kind, Message, Notice, Publication, Queue
from tests.engine import making
from tests.engine.making import (
    LEASE,
    NOW,
    claimed,
    commit,
    entry,
    event,
    leading,
    length,
    message,
    publication,
    waiting,
)

MOMENT = timedelta(milliseconds=1)


# --- the lead ---


async def test_one_worker_leads_until_its_lease_lapses(store: Store) -> None:
    first = await store.events.lead("a", LEASE, now=NOW)
    assert await store.events.lead("b", LEASE, now=NOW + LEASE - MOMENT) is None
    assert (await store.events.lead_or_leader("b", LEASE, now=NOW)).worker == "a"
    second = await store.events.lead("b", LEASE, now=NOW + LEASE)
    assert first is not None
    assert second is not None
    assert second > first


async def test_asking_again_for_the_lead_one_has_gives_the_same_token(
    store: Store,
) -> None:
    first = await store.events.lead("a", LEASE, now=NOW)
    assert await store.events.lead("a", LEASE, now=NOW + MOMENT) == first


async def test_a_renewed_lead_does_not_lapse(store: Store) -> None:
    token = await store.events.lead("a", LEASE, now=NOW)
    assert token is not None
    await store.events.renew(token, LEASE, now=NOW + LEASE - MOMENT)
    assert await store.events.lead("b", LEASE, now=NOW + LEASE) is None


async def test_a_stand_by_takes_over_at_once_from_one_that_resigned(
    store: Store,
) -> None:
    token = await store.events.lead("a", LEASE, now=NOW)
    assert token is not None
    await store.events.resign(token, now=NOW)
    taken = await store.events.lead("b", LEASE, now=NOW)
    assert taken is not None
    with pytest.raises(StaleToken):
        await store.events.renew(token, LEASE, now=NOW)
    await store.events.resign(token, now=NOW)
    assert await store.events.lead("a", LEASE, now=NOW) is None


# --- what waits ---


async def test_entries_wait_in_the_order_they_were_committed(store: Store) -> None:
    entries = [entry(number) for number in range(5)]
    found = await waiting(store, *entries)
    assert [one for _, one in found] == entries
    assert [one for _, one in (await store.events.next_entries(2)).entries] == entries[
        :2
    ]
    assert await store.events.waiting_count() == 5


async def test_what_is_not_published_comes_again(store: Store) -> None:
    found = await waiting(store, entry(1), entry(2))
    await store.events.publish(await leading(store), [publication(*found[0])])
    assert (await store.events.next_entries(10)).entries == tuple(found[1:])


async def test_waiting_for_entries_ends_when_there_are_none(store: Store) -> None:
    assert (
        await store.events.next_entries(10, block=timedelta(milliseconds=20))
    ).entries == ()


async def test_an_entry_that_cannot_be_read_is_shown_and_can_be_rejected(
    store: Store,
) -> None:
    await store.engine.command("XADD", "{agg}:entries", "*", "e", b"damaged")
    await waiting(store, entry(1))
    found = await store.events.next_entries(10)
    ((stream_id, unreadable), (_, behind)) = found.rows
    assert isinstance(unreadable, Unreadable)
    assert "version 1" in unreadable.why
    assert not unreadable.is_later
    assert behind == entry(1)
    assert found.entries == ()
    notice = Notice("dropped", "f0", "", "an entry that cannot be read")
    token = await leading(store)
    for _ in range(2):
        await store.events.reject_entry(token, stream_id, notice)
    assert (await store.events.next_entries(10)).rows == found.rows[1:]
    assert [one.notice for one in await store.watch.trouble(making.EPOCH)] == [notice]


async def test_an_entry_of_a_later_version_is_told_from_a_damaged_one(
    store: Store,
) -> None:
    await store.engine.command(
        "XADD", "{agg}:entries", "*", "e", b'{"v":9,"entry_id":"x"}'
    )
    [(_, unreadable)] = (await store.events.next_entries(10)).rows
    assert isinstance(unreadable, Unreadable)
    assert unreadable.is_later


async def test_an_event_record_of_a_later_version_is_named_with_the_remedy(
    store: Store,
) -> None:
    await store.engine.command("SET", "{agg}:event:e1", b'{"v":2,"x":1}')
    with pytest.raises(UnreadableRecord, match="start that version here") as raised:
        await store.events.by_ids(["e0", "e1"])
    assert raised.value.key == store.engine.keys.event("e1")
    assert raised.value.is_later


async def test_an_event_record_that_is_damaged_costs_itself_alone(store: Store) -> None:
    await making.published(store, entry(1), entry(2))
    await store.engine.command("SET", f"{{agg}}:event:e{1:020x}", b"damaged")
    assert list(await store.events.by_ids([f"e{1:020x}", f"e{2:020x}"])) == [
        f"e{2:020x}"
    ]
    assert store.engine.slips.places() == [f"{{agg}}:event:e{1:020x}"]


@pytest.mark.parametrize(
    "key", ["{agg}:queue:q", "{agg}:queue:l", f"{{agg}}:gate:{2:020x}", "{agg}:stats:*"]
)
async def test_a_key_of_another_type_that_belongs_to_one_row_stops_nothing(
    store: Store, key: str
) -> None:
    """Such as a queue whose kind was changed in feeds.toml, or that a consumer made first: its messages are dropped,
    counted and told."""
    store.use(
        retention=store.engine.retention, queues=[Queue("q"), Queue("l", kind="list")]
    )
    found = await waiting(store, entry(1), entry(2))
    publications = [queued(publication(*one), "q", "l") for one in found]
    hour = int((await store.server_time()).timestamp()) // 3600
    await store.engine.command("SET", key.replace("*", str(hour)), "somebody else's")
    assert len(await store.events.publish(await leading(store), publications)) == 2
    assert await length(store, "{agg}:reports") == 2
    if "queue" in key:
        lost = await store.engine.command("HGETALL", store.engine.keys.dropped)
        assert lost == {f" string {key}".encode(): b"2"}


async def test_only_the_leader_may_reject_an_entry(store: Store) -> None:
    ((stream_id, _),) = await waiting(store, entry(1))
    token = await leading(store)
    with pytest.raises(StaleToken):
        await store.events.reject_entry(
            token - 1, stream_id, Notice("dropped", "f0", "", "")
        )
    assert await store.events.waiting_count() == 1


# --- publishing ---


async def test_an_entry_is_published_once_though_it_is_repeated(store: Store) -> None:
    found = await waiting(store, *(entry(number) for number in range(100)))
    publications = [publication(*one) for one in found]
    token = await leading(store)
    first = await store.events.publish(token, publications)
    again = await store.events.publish(token, publications)
    assert [one.repeated for one in first] == [False] * 100
    assert [one.repeated for one in again] == [True] * 100
    assert [one.event_id for one in first] == [one.event_id for one in again]
    assert (
        await length(store, "{agg}:events")
        == await length(store, "{agg}:reports")
        == 100
    )
    assert await length(store, "{agg}:fingerprints") == 100
    assert await store.events.waiting_count() == 0


async def test_a_repeat_answers_with_the_event_of_the_first_time(store: Store) -> None:
    (first,) = await making.published(store, entry(1))
    other = replace(first, event_id="e-another-guess")
    (answer,) = await store.events.publish(await leading(store), [other])
    assert answer.event_id == first.event_id
    assert await store.events.event_of(first.entry_id) == first.event_id


async def test_an_entry_that_waits_a_second_time_is_taken_off_and_not_published_again(
    store: Store,
) -> None:
    await making.published(store, entry(1))
    found = await waiting(store, entry(1), entry(2))
    answers = await store.events.publish(
        await leading(store), [publication(*one) for one in found]
    )
    assert [one.repeated for one in answers] == [True, False]
    assert await length(store, "{agg}:events") == 2
    assert await store.events.waiting_count() == 0


async def test_a_new_revision_is_published_beside_the_first(store: Store) -> None:
    (first,) = await making.published(store, entry(1))
    ((stream_id, edited),) = await waiting(store, entry(1, revision=1))
    change = replace(
        publication(stream_id, edited, event_id=first.event_id, kind=Kind.EDITED),
        record=None,
    )
    (answer,) = await store.events.publish(await leading(store), [change])
    assert not answer.repeated
    assert await length(store, "{agg}:events") == 1
    assert await length(store, "{agg}:reports") == 2
    assert await length(store, "{agg}:fingerprints") == 1


async def test_an_old_leader_that_wakes_up_publishes_nothing(store: Store) -> None:
    found = await waiting(store, entry(1))
    old = await store.events.lead("a", LEASE, now=NOW)
    new = await store.events.lead("b", LEASE, now=NOW + LEASE)
    assert old is not None
    assert new is not None
    with pytest.raises(StaleToken, match="another worker"):
        await store.events.publish(old, [publication(*found[0])])
    assert await length(store, "{agg}:events") == 0
    assert len(await store.events.publish(new, [publication(*found[0])])) == 1


async def test_publications_apply_in_order(store: Store) -> None:
    found = await waiting(store, entry(1), entry(2), entry(3))
    one, two, three = (publication(*waits) for waits in found)
    token = await leading(store)
    with pytest.raises(StaleToken, match="older entry waits"):
        await store.events.publish(token, [two])
    assert len(await store.events.publish(token, [one, three, two])) == 1
    assert await length(store, "{agg}:events") == 1
    assert len(await store.events.publish(token, [two, three])) == 2


async def test_an_entry_the_server_has_forgotten_is_not_published(store: Store) -> None:
    ((stream_id, lost),) = await waiting(store, entry(1))
    await store.engine.command("FLUSHALL")
    token = await leading(store)
    with pytest.raises(StaleToken, match="no longer waits"):
        await store.events.publish(token, [publication(stream_id, lost)])


@pytest.mark.parametrize(
    "key",
    [
        "{agg}:events",
        "{agg}:reports",
        "{agg}:fingerprints",
        "{agg}:merged",
    ],
)
async def test_a_key_of_another_type_stops_the_whole_batch(
    store: Store, key: str
) -> None:
    store.use(
        retention=store.engine.retention, queues=[Queue("q"), Queue("l", kind="list")]
    )
    found = await waiting(store, entry(1), entry(2))
    publications = [queued(publication(*one), "q", "l") for one in found]
    token = await leading(store)
    await store.engine.command("SET", key, "somebody else's")
    with pytest.raises(EngineRefused, match="key_prefix"):
        await store.events.publish(token, publications)
    await store.engine.command("DEL", key)
    assert await length(store, "{agg}:reports") == 0
    assert len(await store.events.publish(token, publications)) == 2


def queued(one: Publication, *names: str) -> Publication:
    return replace(one, queued=tuple((name, one.messages[0]) for name in names))


async def test_a_message_reaches_streams_queues_and_channel(store: Store) -> None:
    store.use(
        retention=store.engine.retention,
        queues=[Queue("q"), Queue("l", kind="list"), Queue("other")],
    )
    ((stream_id, report),) = await waiting(store, entry(1))
    one = queued(publication(stream_id, report), "q", "l", "removed")
    async with store.engine.client.pubsub() as listener:
        await listener.psubscribe("{agg}:ch:event:new:en:*")
        await listener.get_message(timeout=1)
        await store.events.publish(await leading(store), [one])
        heard = await listener.get_message(ignore_subscribe_messages=True, timeout=2)
    assert heard is not None
    assert heard["channel"] == b"{agg}:ch:event:new:en:f0"
    told = wire.told_of(one.messages[0])
    assert heard["data"] == wire.notification_json(told)
    for stream in ("events", "reports", "queue:q"):
        assert [
            found async for found in store.watch.messages(making.EPOCH, stream=stream)
        ] == [one.messages[0]]
    assert (
        orjson.loads(await store.engine.command("RPOP", "{agg}:queue:l"))["document"]
        == report.document
    )
    assert await length(store, "{agg}:queue:other") == 0


async def test_rows_of_streams_have_the_fields_in_their_order(store: Store) -> None:
    """Also of two messages in one script, of which one goes to a list alone."""
    store.use(
        retention=store.engine.retention,
        queues=[Queue("q"), Queue("l", kind="list")],
    )
    ((stream_id, report),) = await waiting(store, entry(1))
    late = replace(message(Kind.NEW, report, "e1"), id="late", tags=("a", "b"))
    one = publication(stream_id, report, event_id="e1", kind=Kind.JOINED)
    one = replace(one, queued=(("l", late), ("q", replace(late, id="later"))))
    await store.events.publish(await leading(store), [one])
    for stream, sent in (
        ("reports", one.messages[0]),
        ("queue:q", replace(late, id="later")),
    ):
        rows = await store.engine.command("XRANGE", f"{{agg}}:{stream}", "-", "+")
        [(_, fields)] = rows
        values = wire.message_values(wire.told_of(sent), sent.document)
        words = [text(value).encode() for value in values]
        names = [name.encode() for name in wire.MESSAGE_FIELDS]
        assert list(fields.items()) == list(zip(names, words, strict=True))
    told = orjson.loads(await store.engine.command("RPOP", "{agg}:queue:l"))
    assert (told["id"], told["tags"]) == ("late", ["a", "b"])


async def test_a_queue_of_its_own_message_is_not_told_on_a_channel(
    store: Store,
) -> None:
    store.use(retention=store.engine.retention, queues=[Queue("q", min_sources=3)])
    ((stream_id, report),) = await waiting(store, entry(1))
    late = replace(message(Kind.NEW, report, "e1"), id="late")
    one = replace(
        publication(stream_id, report, event_id="e1", kind=Kind.JOINED),
        queued=(("q", late),),
    )
    await store.events.publish(await leading(store), [one])
    assert [
        found async for found in store.watch.messages(making.EPOCH, stream="queue:q")
    ] == [late]
    assert await length(store, "{agg}:events") == 0
    assert await length(store, "{agg}:reports") == 1


async def test_the_counts_of_the_hour_tell_what_became_of_entries(store: Store) -> None:
    await making.published(store, entry(1), entry(2))
    totals = await store.watch.totals(await store.server_time())
    assert totals.reports == {"new_event": 2}


# --- events and merges ---


async def merge(
    store: Store, survivor: Publication, absorbed: Publication, report: int
) -> Publication:
    """A third report shows two events to be one."""
    ((stream_id, third),) = await waiting(store, entry(report))
    joined = publication(stream_id, third, event_id=survivor.event_id, kind=Kind.JOINED)
    told = Message(
        f"merge {absorbed.event_id}",
        Kind.MERGED,
        survivor.event_id,
        feed_id="f0",
        merged_into=survivor.event_id,
        merged_from=absorbed.event_id,
    )
    whole = replace(
        joined,
        messages=(*joined.messages, told),
        events=(
            event(survivor.event_id, third),
            event(absorbed.event_id, third, merged_into=survivor.event_id),
        ),
    )
    await store.events.publish(await leading(store), [whole])
    return whole


async def test_an_absorbed_event_stays_as_an_alias(store: Store) -> None:
    one, two = await making.published(store, entry(1), entry(2))
    await merge(store, one, two, 3)
    found = await store.events.by_ids([one.event_id, two.event_id, "e-unknown"])
    assert {asked: answer.event_id for asked, answer in found.items()} == {
        one.event_id: one.event_id,
        two.event_id: one.event_id,
    }
    assert await store.events.event_of(two.entry_id) == one.event_id
    kinds = [
        found.kind
        async for found in store.watch.messages(making.EPOCH, stream="events")
    ]
    assert kinds == [Kind.NEW, Kind.NEW, Kind.MERGED]
    kinds = [found.kind async for found in store.watch.messages(making.EPOCH)]
    assert kinds == [Kind.NEW, Kind.NEW, Kind.JOINED]


async def test_the_rebuild_sees_merged_events_as_one(store: Store) -> None:
    one, two, three = await making.published(store, entry(1), entry(2), entry(3))
    await merge(store, two, three, 4)
    await merge(store, one, two, 5)
    found = [
        (r.entry_id, r.event_id)
        async for records in store.fingerprints.since(making.EPOCH)
        for r in records
    ]
    assert found == [(f"{number:020x}", one.event_id) for number in range(1, 6)]


async def test_the_rebuild_leaves_out_what_is_older_than_the_window(
    store: Store,
) -> None:
    found = await waiting(store, *(entry(number) for number in (1, 2)))
    one, two = (publication(*waits) for waits in found)
    assert two.record is not None
    old = replace(
        one,
        record=replace(
            two.record, entry_id=one.entry_id, first_seen_at=NOW - timedelta(days=4)
        ),
    )
    await store.events.publish(await leading(store), [old, two])
    since = NOW - timedelta(days=3)
    assert [
        record
        async for records in store.fingerprints.since(since)
        for record in records
    ] == [two.record]


async def test_why_a_report_was_put_there_is_kept_beside_its_fingerprint(
    store: Store,
) -> None:
    [(stream_id, report)] = await waiting(store, entry(1))
    made = publication(stream_id, report)
    assert made.record is not None
    record = replace(made.record, decision=Decision(0.4375, "similar", "b" * 20))
    await store.events.publish(await leading(store), [replace(made, record=record)])
    assert await store.fingerprints.of([report.entry_id]) == {report.entry_id: record}


async def test_a_record_of_a_version_that_kept_no_decision_is_read(
    store: Store,
) -> None:
    [one] = await making.published(store, entry(1))
    assert one.record is not None
    old = replace(one.record, entry_id="b" * 20)
    await store.engine.client.execute_command(
        "XADD", store.engine.keys.fingerprints, "*", "f", wire.record_bytes(old)
    )
    found = [
        record
        async for records in store.fingerprints.since(making.EPOCH)
        for record in records
    ]
    assert found == [one.record, old]
    assert [record.decision for record in found] == [None, None]


async def test_records_asked_for_by_id_name_the_events_that_stand(store: Store) -> None:
    one, two, three = await making.published(store, entry(1), entry(2), entry(3))
    await merge(store, one, two, 4)
    found = await store.fingerprints.of([two.entry_id, three.entry_id, "unknown"])
    assert {name: record.event_id for name, record in found.items()} == {
        two.entry_id: one.event_id,
        three.entry_id: three.event_id,
    }
    assert await store.fingerprints.of([]) == {}


async def test_a_record_far_back_in_the_log_is_found(store: Store) -> None:
    [first] = await making.published(store, entry(1))
    assert first.record is not None
    later = [
        replace(first.record, entry_id=f"later-{number}") for number in range(2 * PAGE)
    ]
    await store.engine.many(
        [
            (
                "XADD",
                store.engine.keys.fingerprints,
                "*",
                "f",
                wire.record_bytes(record),
            )
            for record in later
        ]
    )
    assert await store.fingerprints.of([first.entry_id, "unknown"]) == {
        first.entry_id: first.record
    }


async def test_events_of_a_window_are_told_as_they_stand(store: Store) -> None:
    one, two = await making.published(store, entry(1), entry(2))
    await merge(store, one, two, 3)
    assert [
        found.event_id for found in await store.watch.events_since(making.EPOCH)
    ] == [one.event_id]


async def test_an_unknown_entry_has_no_event(store: Store) -> None:
    assert await store.events.event_of("f" * 20) is None


async def test_back_pressure_shows_in_the_count_of_waiting_entries(
    store: Store,
) -> None:
    claim = await claimed(store)
    await store.polls.commit(commit(claim, *(entry(number) for number in range(300))))
    assert await store.events.waiting_count() == 300
