"""What is dropped and when: never what a consumer waits for, up to the cap, and then counted exactly."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from aggregator.engine.back_pressure import SLOW_LAPSES
from aggregator.engine.store import Store
from aggregator.model import FingerprintRecord, KnownEntry, Queue, RetentionSettings
from tests.engine import making
from tests.engine.making import (
    NOW,
    claimed,
    commit,
    entry,
    leading,
    length,
    publication,
    waiting,
)

HOUR = timedelta(hours=1)
KEPT = RetentionSettings(
    events=30 * HOUR,
    reports=10 * HOUR,
    queues=5 * HOUR,
    forget_group=timedelta(days=14),
)


@pytest.fixture
async def later(store: Store) -> datetime:
    """The server's time when the test began; retention is judged from there on by a clock that we move."""
    store.use(retention=KEPT, queues=())
    return await store.server_time()


async def publish(store: Store, *numbers: int, document: str = "---\n") -> None:
    await making.published(
        store, *(entry(number, document=document) for number in numbers)
    )


async def read(store: Store, group: str, count: int, *, acknowledge: bool) -> list[str]:
    rows = await store.engine.command(
        "XREADGROUP",
        "GROUP",
        group,
        "c",
        "COUNT",
        count,
        "STREAMS",
        "{agg}:reports",
        ">",
    )
    ids = [row[0].decode() for row in rows[b"{agg}:reports"]]
    if acknowledge:
        await store.engine.command("XACK", "{agg}:reports", group, *ids)
    return ids


async def make_group(store: Store, group: str) -> None:
    await store.engine.command(
        "XGROUP", "CREATE", "{agg}:reports", group, "0", "MKSTREAM"
    )


async def test_each_stream_keeps_its_messages_for_its_own_time(
    store: Store, later: datetime
) -> None:
    await publish(store, 1, 2)
    await store.retention.trim(now=later + 9 * HOUR)
    assert (
        await length(store, "{agg}:events"),
        await length(store, "{agg}:reports"),
    ) == (2, 2)
    report = await store.retention.trim(now=later + 11 * HOUR)
    assert (
        await length(store, "{agg}:events"),
        await length(store, "{agg}:reports"),
    ) == (2, 0)
    assert {
        one.name: one.expired_count for one in report.trimmed if one.expired_count
    } == {"reports": 2}
    await store.retention.trim(now=later + 31 * HOUR)
    assert await length(store, "{agg}:events") == 0


async def test_what_a_group_has_not_read_outlives_its_time(
    store: Store, later: datetime
) -> None:
    await make_group(store, "slow")
    await publish(store, 1, 2, 3)
    await read(store, "slow", 1, acknowledge=True)
    await store.retention.trim(now=later + 100 * HOUR)
    assert await length(store, "{agg}:reports") == 2
    await read(store, "slow", 2, acknowledge=True)
    await store.retention.trim(now=later + 100 * HOUR)
    assert await length(store, "{agg}:reports") == 0


async def test_what_a_group_has_read_but_not_acknowledged_is_kept(
    store: Store, later: datetime
) -> None:
    await make_group(store, "slow")
    await publish(store, 1, 2, 3)
    ids = await read(store, "slow", 3, acknowledge=False)
    await store.engine.command("XACK", "{agg}:reports", "slow", ids[0], ids[2])
    await store.retention.trim(now=later + 100 * HOUR)
    assert await length(store, "{agg}:reports") == 2


async def test_a_consumer_that_slept_an_hour_below_the_cap_loses_nothing(
    store: Store, later: datetime
) -> None:
    await make_group(store, "sleeper")
    await publish(store, *range(200))
    for minutes in range(0, 60, 10):
        await store.retention.trim(now=later + 100 * HOUR + timedelta(minutes=minutes))
    assert len(await read(store, "sleeper", 1000, acknowledge=True)) == 200


async def test_a_group_idle_for_long_no_longer_counts(
    store: Store, later: datetime
) -> None:
    await make_group(store, "dead")
    await publish(store, 1)
    await store.retention.trim(now=later)
    await store.retention.trim(now=later + timedelta(days=13))
    assert await length(store, "{agg}:reports") == 1
    report = await store.retention.trim(now=later + timedelta(days=14, seconds=1))
    assert await length(store, "{agg}:reports") == 0
    assert [
        one.forgotten_groups for one in report.trimmed if one.name == "reports"
    ] == [("dead",)]


async def test_a_slow_group_that_still_moves_counts(
    store: Store, later: datetime
) -> None:
    await make_group(store, "slow")
    await publish(store, *range(5))
    for day in range(0, 40, 10):
        await store.retention.trim(now=later + timedelta(days=day))
        await read(store, "slow", 1, acknowledge=True)
    await store.retention.trim(now=later + timedelta(days=41))
    assert await length(store, "{agg}:reports") == 1


async def test_what_the_cap_dropped_is_told_exactly_for_each_group(
    store: Store, later: datetime
) -> None:
    for group in ("a", "b", "c"):
        await make_group(store, group)
    await publish(store, *range(400), document="d" * 5000)
    await read(store, "a", 10, acknowledge=True)
    await read(store, "b", 10, acknowledge=False)
    await read(store, "c", 1000, acknowledge=True)
    store.use(retention=replace(KEPT, max_stream_bytes=1024 * 1024), queues=())
    report = await store.retention.trim(now=later)
    left = await length(store, "{agg}:reports")
    dropped = 400 - left
    assert 0 < left < 400
    assert {one.name: one.dropped_count for one in report.trimmed}["reports"] == dropped
    details = [one.notice.detail for one in await store.watch.trouble(making.EPOCH)]
    assert (
        f"{{agg}}:reports: {dropped} messages dropped by the size limit (group a had not acknowledged {dropped - 10} of "
        f"them; group b had not acknowledged {dropped} of them)"
    ) in details
    unread = len(await read(store, "a", 1000, acknowledge=True))
    assert unread + 10 + (dropped - 10) == 400


async def test_what_was_dropped_unacknowledged_is_counted_once_and_holds_nothing_back(
    store: Store, later: datetime
) -> None:
    await make_group(store, "slow")
    await publish(store, *range(100), document="d" * 5000)
    await read(store, "slow", 100, acknowledge=False)
    lost = []
    for cap in (400, 300, 200):
        store.use(retention=replace(KEPT, max_stream_bytes=cap * 1024), queues=())
        report = await store.retention.trim(now=later)
        [notice] = [
            one for one in report.notices if one.detail.startswith("{agg}:reports")
        ]
        lost += [
            int(number)
            for number in re.findall(
                r"(\d+) messages dropped .* slow had not acknowledged", notice.detail
            )
        ]
        assert f"group slow had not acknowledged {lost[-1]} of them" in notice.detail
    left = await store.engine.command("XRANGE", "{agg}:reports", "-", "+")
    assert sum(lost) == 100 - len(left)
    await store.engine.command(
        "XACK", "{agg}:reports", "slow", *(row[0] for row in left)
    )
    await store.retention.trim(now=later + 100 * HOUR)
    assert await length(store, "{agg}:reports") == 0


async def test_the_cap_is_met_and_nothing_more_is_dropped_or_told_afterwards(
    store: Store, later: datetime
) -> None:
    await publish(store, *range(400), document="d" * 5000)
    store.use(retention=replace(KEPT, max_stream_bytes=1024 * 1024), queues=())
    await store.retention.trim(now=later)
    await store.retention.trim(now=later)
    assert (
        int(
            await store.engine.command(
                "MEMORY", "USAGE", "{agg}:reports", "SAMPLES", "0"
            )
        )
        < 1.2 * 1024 * 1024
    )
    notices = len(await store.watch.trouble(making.EPOCH))
    assert (await store.retention.trim(now=later)).notices == ()
    assert len(await store.watch.trouble(making.EPOCH)) == notices


async def test_slow_down_keeps_everything_for_the_group_and_asks_for_a_pause(
    store: Store, later: datetime
) -> None:
    await make_group(store, "slow")
    await publish(store, *range(400), document="d" * 5000)
    await read(store, "slow", 100, acknowledge=True)
    store.use(
        retention=replace(
            KEPT, max_stream_bytes=1024 * 1024, on_slow_consumer="slow_down"
        ),
        queues=(),
    )
    report = await store.retention.trim(now=later)
    assert (
        report.why_pause == "a consumer group is behind on reports (on_slow_consumer)"
    )
    assert (await store.back_pressure.standing()).slow_consumer == report.why_pause
    assert await length(store, "{agg}:reports") == 300
    assert len(await read(store, "slow", 1000, acknowledge=True)) == 300
    assert not (await store.retention.trim(now=later)).why_pause
    assert (await store.back_pressure.standing()).slow_consumer == ""


async def test_a_leader_that_is_gone_keeps_nobody_from_polling_for_long(
    store: Store,
) -> None:
    await store.back_pressure.note_slow_consumer("a consumer group is behind")
    assert (
        0
        < await store.engine.command("PTTL", store.engine.keys.slow)
        <= SLOW_LAPSES / timedelta(milliseconds=1)
    )


async def test_without_slow_down_polling_never_pauses(
    store: Store, later: datetime
) -> None:
    await make_group(store, "slow")
    await publish(store, *range(400), document="d" * 5000)
    store.use(retention=replace(KEPT, max_stream_bytes=1024 * 1024), queues=())
    assert not (await store.retention.trim(now=later)).why_pause


async def test_the_lag_of_every_group_is_shown(store: Store, later: datetime) -> None:
    await make_group(store, "slow")
    await publish(store, *range(7))
    await read(store, "slow", 3, acknowledge=False)
    (group,) = await store.retention.groups()
    assert (group.stream, group.group) == ("reports", "slow")
    assert (group.waiting_count, group.pending_count) == (4, 3)


async def queue(store: Store, kind: str, *numbers: int) -> None:
    one = Queue("q", kind=kind)
    store.use(retention=store.engine.retention, queues=[one])
    for number in numbers:
        ((stream_id, report),) = await waiting(store, entry(number))
        whole = replace(
            publication(stream_id, report),
            queued=(("q", publication(stream_id, report).messages[0]),),
        )
        await store.events.publish(
            await leading(store), [whole], now=NOW + number * HOUR
        )


async def test_a_list_queue_loses_what_is_too_old(
    store: Store, later: datetime
) -> None:
    await queue(store, "list", 1, 2, 3)
    report = await store.retention.trim(
        now=NOW + 2 * HOUR + KEPT.queues + timedelta(minutes=1)
    )
    assert await store.engine.command("LLEN", "{agg}:queue:q") == 1
    assert [
        (one.expired_count, one.dropped_count)
        for one in report.trimmed
        if one.name == "queue:q"
    ] == [(2, 0)]


async def test_age_in_a_list_queue_counts_from_the_push(
    store: Store, later: datetime
) -> None:
    """An edit of an entry first seen 8 days ago is as new to the queue's consumer as anything else."""
    store.use(retention=KEPT, queues=[Queue("q", kind="list")])
    old = replace(entry(1), first_seen_at=later - timedelta(days=8))
    ((stream_id, report),) = await waiting(store, old)
    whole = publication(stream_id, report)
    await store.events.publish(
        await leading(store), [replace(whole, queued=(("q", whole.messages[0]),))]
    )
    await store.retention.trim(now=later + KEPT.queues - timedelta(minutes=1))
    assert await store.engine.command("LLEN", "{agg}:queue:q") == 1
    await store.retention.trim(now=later + KEPT.queues + timedelta(minutes=1))
    assert await store.engine.command("LLEN", "{agg}:queue:q") == 0


async def test_what_a_consumer_put_back_goes_with_the_older_message_behind_it(
    store: Store, later: datetime
) -> None:
    await queue(store, "list", 1)
    await store.engine.command("LPUSH", "{agg}:queue:q", "put back in my own words")
    await queue(store, "list", 3)
    await store.engine.command("LPUSH", "{agg}:queue:q", "and again")
    await store.retention.trim(now=NOW + 2 * HOUR + KEPT.queues)
    assert len(await store.engine.command("LRANGE", "{agg}:queue:q", 0, -1)) == 3
    await store.retention.trim(now=NOW + 4 * HOUR + KEPT.queues)
    assert await store.engine.command("LRANGE", "{agg}:queue:q", 0, -1) == [
        b"and again"
    ]


async def test_a_list_queue_over_its_cap_loses_the_oldest_and_tells_it(
    store: Store, later: datetime
) -> None:
    await queue(store, "list", *range(20))
    store.use(
        retention=replace(KEPT, max_stream_bytes=6000), queues=[Queue("q", kind="list")]
    )
    await store.retention.trim(now=NOW)
    left = await store.engine.command("LLEN", "{agg}:queue:q")
    assert 0 < left < 20
    (detail,) = [
        one.notice.detail
        for one in await store.watch.trouble(making.EPOCH)
        if "queue" in one.notice.detail
    ]
    assert detail == f"{{agg}}:queue:q: {20 - left} messages dropped by the size limit"
    assert f"Title {20 - left}".encode() in await store.engine.command(
        "RPOP", "{agg}:queue:q"
    )


async def test_a_stream_queue_keeps_its_messages_for_the_time_of_queues(
    store: Store, later: datetime
) -> None:
    await queue(store, "stream", 1)
    await store.retention.trim(now=later + 4 * HOUR)
    assert await length(store, "{agg}:queue:q") == 1
    await store.retention.trim(now=later + 6 * HOUR)
    assert await length(store, "{agg}:queue:q") == 0


async def test_a_list_queue_holds_no_more_than_its_cap(
    store: Store, later: datetime
) -> None:
    store.engine.list_cap = 3
    await queue(store, "list", *range(5))
    assert await store.engine.command("LLEN", store.engine.keys.queue("q")) == 3
    await store.retention.trim(now=NOW)
    details = [one.notice.detail for one in await store.watch.trouble(making.EPOCH)]
    assert details == [
        f"{store.engine.keys.queue('q')}: 2 messages dropped by the size limit"
    ]


@pytest.mark.parametrize(
    ("kind", "other", "standing"),
    [
        ("stream", "a list", ("RPUSH", "x")),
        ("list", "a stream", ("XADD", "*", "f", "v")),
        ("stream", "a string", ("SET", "x")),
    ],
)
async def test_a_queue_whose_key_holds_another_type_is_told_of_as_that(
    store: Store, later: datetime, kind: str, other: str, standing: tuple[str, ...]
) -> None:
    key = store.engine.keys.queue("q")
    command, *values = standing
    await store.engine.command(command, key, *values)
    await queue(store, kind, 1, 2)
    await store.retention.trim(now=NOW)
    (detail,) = [one.notice.detail for one in await store.watch.trouble(making.EPOCH)]
    assert detail.startswith(f"{key} holds {other}, not what its queue is")
    assert "2 messages were lost to it" in detail
    # Told once.
    await store.retention.trim(now=NOW)
    assert len(await store.watch.trouble(making.EPOCH)) == 1
    assert await store.engine.command("HLEN", store.engine.keys.dropped) == 0


@pytest.mark.parametrize("kind", ["stream", "list"])
async def test_a_queue_taken_out_of_the_configuration_is_emptied_with_time(
    store: Store, later: datetime, kind: str
) -> None:
    await queue(store, kind, 1)
    await store.retention.trim(now=NOW)
    store.use(retention=KEPT, queues=())
    await store.retention.trim(now=NOW)
    assert await store.engine.command("EXISTS", store.engine.keys.queue("q")) == 1
    for _ in range(2):
        await store.retention.trim(now=later + 9 * HOUR)
    assert (
        await store.engine.command(
            "EXISTS", store.engine.keys.queue("q"), store.engine.keys.queues
        )
        == 0
    )


async def test_known_entries_are_forgotten_after_their_last_sighting(
    store: Store, later: datetime
) -> None:
    seen = KEPT.seen
    known = {
        "old": KnownEntry("h", NOW - 3 * seen, last_seen_at=NOW - seen - HOUR),
        "seen again": KnownEntry("h", NOW - 3 * seen, last_seen_at=NOW),
        "never seen again": KnownEntry("h", NOW - seen - HOUR),
    }
    await store.polls.commit(replace(commit(await claimed(store)), known=known))
    assert await store.retention.forget_known(now=NOW) == 2
    assert list(await store.polls.known("f0")) == ["seen again"]


async def test_a_known_entry_seen_again_in_the_meantime_is_not_forgotten(
    store: Store, later: datetime
) -> None:
    """Between reading and deleting, a poll may have written the entry anew."""
    await store.engine.command(
        "HSET",
        store.engine.keys.known("f0"),
        "entry",
        "as it is now",
        "other",
        "as read",
    )
    flat = ("entry", "as read", "other", "as read")
    assert (
        await store.engine.script(
            "forget_fields", (store.engine.keys.known("f0"),), flat
        )
        == 1
    )
    assert await store.engine.command("HKEYS", store.engine.keys.known("f0")) == [
        b"entry"
    ]


async def test_a_removed_feed_is_forgotten_when_nothing_of_it_is_known(
    store: Store, later: datetime
) -> None:
    known = {"one": KnownEntry("h", NOW, last_seen_at=NOW)}
    await store.polls.commit(replace(commit(await claimed(store)), known=known))
    await store.polls.register({"f1": NOW})
    await store.retention.forget_known(now=NOW + KEPT.seen)
    assert await store.polls.states(["f0"]) != {"f0": None}
    await store.retention.forget_known(now=NOW + KEPT.seen + HOUR)
    assert await store.polls.states(["f0"]) == {"f0": None}
    assert await store.engine.command("SMEMBERS", "{agg}:feeds") == {b"f1"}


async def test_a_configured_feed_keeps_its_state_with_nothing_known(
    store: Store, later: datetime
) -> None:
    await store.polls.commit(commit(await claimed(store)))
    await store.retention.forget_known(now=NOW)
    assert await store.polls.states(["f0"]) != {"f0": None}


async def test_fingerprints_leave_with_the_window(
    store: Store, later: datetime
) -> None:
    found = await waiting(store, *(entry(number) for number in range(10)))
    whole = []
    for number, waits in enumerate(found):
        record = FingerprintRecord(
            waits[1].entry_id, "e1", "f0", NOW + number * HOUR, b"p"
        )
        whole.append(replace(publication(*waits), record=record))
    await store.events.publish(await leading(store), whole)
    assert await store.retention.trim_fingerprints(NOW + 4 * HOUR) == 4
    assert await store.retention.trim_fingerprints(NOW + 4 * HOUR) == 0
    assert (
        sum([len(records) async for records in store.fingerprints.since(making.EPOCH)])
        == 6
    )
    assert await store.retention.trim_fingerprints(NOW + 99 * HOUR) == 6


async def test_aliases_leave_with_their_events(store: Store, later: datetime) -> None:
    await store.engine.command(
        "HSET", "{agg}:merged", "e-old", f"e1|{int(later.timestamp() * 1000)}"
    )
    assert await store.retention.forget_merged(now=later + KEPT.events - HOUR) == 0
    assert await store.retention.forget_merged(now=later + KEPT.events + HOUR) == 1


# --- what a group had taken and trimming took away ---------------------------------------------------------------


async def pending(store: Store, group: str) -> list[tuple[str, bool]]:
    """What the group's consumer is given from 0 on, as at its start: ids, and whether they still have fields."""
    rows = await store.engine.command(
        "XREADGROUP",
        "GROUP",
        group,
        "c",
        "COUNT",
        1000,
        "STREAMS",
        "{agg}:reports",
        "0",
    )
    return [(row[0].decode(), bool(row[1])) for row in rows[b"{agg}:reports"]]


async def test_what_the_cap_drops_is_acknowledged_for_the_groups_that_had_taken_it(
    store: Store, later: datetime
) -> None:
    for group in ("a", "b"):
        await make_group(store, group)
    await publish(store, *range(400), document="d" * 5000)
    await read(store, "a", 300, acknowledge=False)
    store.use(retention=replace(KEPT, max_stream_bytes=1024 * 1024), queues=())
    await store.retention.trim(now=later)
    [oldest, *_] = await store.engine.command(
        "XRANGE", "{agg}:reports", "-", "+", "COUNT", 1
    )
    left = await pending(store, "a")
    assert all(has_fields for _, has_fields in left)
    assert len(await read(store, "b", 1000, acknowledge=False)) == await length(
        store, "{agg}:reports"
    )
    assert (await pending(store, "b"))[0] == (oldest[0].decode(), True)


async def test_what_age_takes_from_a_forgotten_group_is_acknowledged_for_it(
    store: Store, later: datetime
) -> None:
    await make_group(store, "dead")
    await publish(store, *range(3))
    await read(store, "dead", 2, acknowledge=False)
    await store.retention.trim(now=later)
    await store.retention.trim(now=later + timedelta(days=14, seconds=1))
    assert await length(store, "{agg}:reports") == 0
    assert await pending(store, "dead") == []


async def test_what_was_deleted_or_trimmed_by_others_is_acknowledged_too(
    store: Store, later: datetime
) -> None:
    await make_group(store, "a")
    await publish(store, *range(5))
    await read(store, "a", 4, acknowledge=False)
    await store.engine.command("XTRIM", "{agg}:reports", "MAXLEN", 2)
    assert [has_fields for _, has_fields in await pending(store, "a")] == [
        False,
        False,
        False,
        True,
    ]
    await store.retention.trim(now=later)
    assert [has_fields for _, has_fields in await pending(store, "a")] == [True]
