"""The two stages together: outcomes, exactly-once, crashes between any two steps."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from aggregator.daemon.eventing import (
    BATCH,
    FAST,
    FULL_BATCH,
    GATHERING,
    MOST_ENCODED,
)
from aggregator.dedup.fingerprint import MEANING_BYTES
from aggregator.engine.client import connect
from aggregator.engine.embedded import EmbeddedServer
from aggregator.engine.store import Store
from aggregator.engine.wire import encode, record_bytes
from aggregator.errors import StaleToken
from aggregator.fetch.subscriber import Delivery
from aggregator.model import (
    Backlog,
    DedupSettings,
    FailureKind,
    Feed,
    FeedRead,
    FetchFailed,
    FingerprintRecord,
    Health,
    Kind,
    Poll,
    Queue,
    Settings,
)
from aggregator.pipeline.fingerprinting import with_fingerprints
from tests.daemon.stages import START, Stages

QUAKE = "Strong earthquake of magnitude 6.8 hits the south of Northland, dozens injured in Port Selby"
QUAKE_TOO = (
    "Dozens injured in Port Selby as magnitude 6.8 earthquake strikes south Northland"
)
RESCUE = (
    "Rescue teams reached Port Selby on Sunday after the magnitude 6.8 earthquake in the south of Northland. "
    "Hospitals treated dozens of injured people, the governor said."
)
BUDGET = "Westmark parliament passes the budget after a night of debate on pensions"


def feed(name: str, **more: object) -> Feed:
    return Feed(
        name,
        f"https://{name}.example/feed",
        ("News", name.title(), "World"),
        language="en",
        backlog=Backlog.ALL,
        **more,
    )


def rss(*items: tuple[str, str] | tuple[str, str, str], site: str = "a") -> bytes:
    """(guid, title[, text]) each; published within the hour before START, at a minute that follows from the guid."""
    entries = []
    for guid, title, *text in items:
        at = (START - timedelta(minutes=1 + sum(map(ord, guid)) % 60)).strftime(
            "%a, %d %b %Y %H:%M:%S GMT"
        )
        body = text[0] if text else f"{title}. The report says more about it."
        entries.append(
            f"<item><guid>{guid}</guid><link>https://{site}.example/{guid}</link><title>{title}</title>"
            f"<pubDate>{at}</pubDate><description>{body}</description></item>"
        )
    return f"<rss version='2.0'><channel><title>{site}</title>{''.join(entries)}</channel></rss>".encode()


def outcomes(polled: Poll) -> dict[str, int]:
    assert isinstance(polled.read, FeedRead)
    return dict(polled.read.outcomes)


async def test_reports_of_one_event_from_two_sources_become_one_event(store: Store):
    stages = Stages(store, feed("a"), feed("b"))
    await stages.run("a", rss(("1", QUAKE), ("2", BUDGET)))
    await stages.run("b", rss(("9", QUAKE_TOO, RESCUE), site="b"))
    assert [m.kind for m in await stages.messages()] == [
        Kind.NEW,
        Kind.NEW,
        Kind.JOINED,
    ]
    events = await stages.messages("events")
    assert sorted(m.title for m in events) == sorted([QUAKE, BUDGET])
    joined = (await stages.messages())[-1]
    assert joined.event_id == next(m.event_id for m in events if m.title == QUAKE)
    assert [s.feed_id for s in joined.sources] == ["a", "b"]
    assert (joined.source_count, joined.independent_count) == (2, 2)


async def test_the_same_address_in_another_feed_is_the_same_event(store: Store):
    stages = Stages(store, feed("a"), feed("b"))
    await stages.run("a", rss(("1", QUAKE)))
    other = rss(("x", "Quake news")).replace(
        b"https://a.example/x", b"http://a.example/1?utm_source=rss#top"
    )
    await stages.run("b", other)
    messages = await stages.messages()
    assert [m.kind for m in messages] == [Kind.NEW, Kind.JOINED]
    assert messages[1].reason == "same_url"


async def test_a_poll_of_the_same_body_reads_nothing_and_publishes_nothing(
    store: Store,
):
    stages = Stages(store, feed("a"))
    await stages.run("a", rss(("1", QUAKE)))
    stages.now += timedelta(hours=1)
    again = await stages.run("a", rss(("1", QUAKE)))
    assert again.result == "unchanged"
    assert len(await stages.messages()) == 1


async def test_another_body_with_the_same_entries_is_seen(store: Store):
    stages = Stages(store, feed("a"))
    await stages.run("a", rss(("1", QUAKE)))
    stages.now += timedelta(hours=1)
    again = await stages.run("a", rss(("1", QUAKE)) + b"<!-- built later -->")
    assert outcomes(again) == {"seen": 1}
    assert len(await stages.messages()) == 1


async def test_a_reader_is_told_what_the_document_before_held_though_polls_lie_between(
    store: Store,
):
    stages = Stages(store, feed("a"))
    first = await stages.run("a", rss(("1", QUAKE)))
    assert isinstance(first.read, FeedRead)
    assert first.read.seen_items
    for _ in range(2):
        stages.now += timedelta(hours=1)
        await stages.run("a", rss(("1", QUAKE)))
    stages.now += timedelta(hours=1)
    last = await stages.run("a", rss(("1", QUAKE), ("2", BUDGET)))
    assert outcomes(last) == {"new": 1, "seen": 1}
    told = [request.seen_items for request in stages.readings]
    assert told == ["", first.read.seen_items]


async def test_an_edit_is_a_revision_of_its_own_event(store: Store):
    stages = Stages(store, feed("a"))
    await stages.run("a", rss(("1", QUAKE)))
    stages.now += timedelta(hours=1)
    edited = await stages.run(
        "a",
        rss(("1", QUAKE, "Now with another text, much longer than the first one was.")),
    )
    assert outcomes(edited) == {"edited": 1}
    first, second = await stages.messages()
    assert (second.kind, second.revision, second.event_id) == (
        Kind.EDITED,
        1,
        first.event_id,
    )
    assert len(await stages.messages("events")) == 1


async def test_churn_is_muted_after_three_edits_with_one_notice_and_told_once_it_calms(
    store: Store,
):
    stages = Stages(store, feed("a"))
    await stages.run("a", rss(("1", QUAKE)))
    for n in range(8):
        stages.now += timedelta(minutes=30)
        await stages.run(
            "a",
            rss(
                (
                    "1",
                    QUAKE,
                    f"Version {'abcdefgh'[n]} of the text is different again each time.",
                )
            ),
        )
    kinds = [m.kind for m in await stages.messages()]
    assert kinds == [Kind.NEW, Kind.EDITED, Kind.EDITED, Kind.EDITED]
    notices = [
        t.notice.kind for t in await store.watch.trouble(START - timedelta(days=1))
    ]
    assert notices.count("muted") == 1
    stages.now += timedelta(hours=25)
    last = await stages.run(
        "a",
        rss(("1", QUAKE, "Version h of the text is different again each time.")) + b" ",
    )
    assert outcomes(last) == {"edited": 1}


async def test_backlog_none_publishes_only_what_comes_later(store: Store):
    stages = Stages(store, replace(feed("a"), backlog=Backlog.NONE))
    first = await stages.run("a", rss(("1", QUAKE)))
    assert outcomes(first) == {"seen": 1}
    stages.now += timedelta(hours=1)
    second = await stages.run("a", rss(("2", BUDGET), ("1", QUAKE)))
    assert outcomes(second) == {"new": 1, "seen": 1}
    assert [m.title for m in await stages.messages()] == [BUDGET]


async def test_backlog_window_leaves_out_what_is_older_than_the_window(store: Store):
    stages = Stages(store, replace(feed("a"), backlog=Backlog.WINDOW))
    stages.now += timedelta(days=3)
    first = await stages.run("a", rss(("1", QUAKE), ("2", BUDGET)))
    assert outcomes(first) == {"seen": 2}
    assert isinstance(first.read, FeedRead)
    assert first.read.reasons == {"backlog": 2}


async def test_old_entries_served_again_after_weeks_are_not_published_again(
    store: Store,
):
    stages = Stages(store, feed("a"))
    await stages.run("a", rss(("1", QUAKE)))
    stages.now += timedelta(days=1)
    await stages.run("a", rss(("2", BUDGET)))
    stages.now += timedelta(days=40)
    await stages.run("a", rss(("1", QUAKE), ("2", BUDGET)))
    assert len(await stages.messages()) == 2


async def test_a_runaway_feed_is_held_back_and_told_once_and_goes_on_after_its_release(
    store: Store,
):
    stages = Stages(store, feed("a"))
    await stages.run("a", rss(("1", QUAKE)))
    flood = rss(
        *((f"f{n}", f"Automatic listing number {n} of the flood") for n in range(1100))
    )
    stages.now += timedelta(hours=1)
    held = await stages.run("a", flood)
    assert outcomes(held) == {"seen": 1100}
    assert held.state.health is Health.QUARANTINED
    assert len(await stages.messages()) == 1
    kinds = [
        t.notice.kind for t in await store.watch.trouble(START - timedelta(days=1))
    ]
    assert kinds.count("quarantined") == 1


async def test_a_page_that_is_no_feed_keeps_all_that_is_known(store: Store):
    stages = Stages(store, feed("a"))
    await stages.run("a", rss(("1", QUAKE)))
    stages.now += timedelta(hours=1)
    failed = await stages.run(
        "a",
        b"<!DOCTYPE html><html><head><title>Log in</title></head><body>x</body></html>",
    )
    assert failed.result == "failed"
    assert failed.state.failure_kind is FailureKind.NOT_A_FEED
    stages.now += timedelta(hours=1)
    back = await stages.run("a", rss(("1", QUAKE)) + b" ")
    assert outcomes(back) == {"seen": 1}
    assert len(await stages.messages()) == 1


async def test_a_feed_that_is_empty_once_repeats_nothing(store: Store):
    stages = Stages(store, feed("a"))
    for items in ([("1", QUAKE)], [], [("1", QUAKE)]):
        await stages.run("a", rss(*items))
        stages.now += timedelta(hours=1)
    assert len(await stages.messages()) == 1


async def test_a_feed_removed_and_added_again_publishes_nothing_twice(store: Store):
    stages = Stages(store, feed("a"), feed("b"))
    await stages.run("a", rss(("1", QUAKE)))
    stages.poll_stage.use(stages.settings, (feed("b"),))
    await stages.poll_stage.register()
    assert "a" not in await store.polls.feed_ids()
    stages.poll_stage.use(stages.settings, (feed("a"), feed("b")))
    stages.now += timedelta(hours=1)
    await stages.run("a", rss(("1", QUAKE), ("2", BUDGET)))
    assert [m.title for m in await stages.messages()] == [QUAKE, BUDGET]


async def test_a_failed_fetch_counts_and_publishes_nothing(store: Store):
    stages = Stages(store, feed("a"))
    gone = FetchFailed(
        "https://a.example/feed", FailureKind.DNS, "no such host: a.example"
    )
    failed = await stages.run("a", gone)
    assert failed.result == "failed"
    assert failed.entries == ()


async def test_queues_receive_what_they_ask_for(store: Store):
    settings = Settings(
        queues=(
            Queue("big", min_sources=2),
            Queue("todo", kind="list", deliver="reports"),
        )
    )
    stages = Stages(store, feed("a"), feed("b"), settings=settings)
    await stages.run("a", rss(("1", QUAKE), ("2", BUDGET)))
    await stages.run("b", rss(("9", QUAKE_TOO, RESCUE), site="b"))
    big = await store.engine.client.execute_command("XLEN", "agg:queue:big")
    todo = await store.engine.client.execute_command("LLEN", "agg:queue:todo")
    assert (big, todo) == (1, 3)


# --- what dies in between -------------------------------------------------------------------------------------


async def test_a_worker_that_dies_after_commit_leaves_nothing_behind_unpublished(
    store: Store,
):
    stages = Stages(store, feed("a"))
    stages.bodies["a"] = rss(("1", QUAKE), ("2", BUDGET))
    await stages.poll("a")
    assert await store.events.waiting_count() == 2
    successor = stages.worker()
    await successor.drain()
    assert len(await stages.messages("events")) == 2


async def test_a_stand_by_takes_over_when_the_lead_lapses_and_knows_what_was_published(
    store: Store,
):
    stages = Stages(store, feed("a"), feed("b"))
    await stages.run("a", rss(("1", QUAKE)))
    stages.bodies["b"] = rss(("9", QUAKE_TOO, RESCUE), site="b")
    await stages.poll("b")
    successor = stages.worker()
    assert not await successor._turn()
    stages.now += timedelta(seconds=16)
    await successor.drain()
    assert [m.kind for m in await stages.messages()] == [Kind.NEW, Kind.JOINED]


async def test_entries_gather_while_they_come_fast_and_batches_are_not_full(
    store: Store,
):
    stages = Stages(store, feed("a"))
    stage = stages.event_stage
    few = [(f"f{number}", f"{QUAKE} {number}") for number in range(FAST - 1)]
    await stages.run("a", rss(*few))
    many = [(f"n{number}", f"{BUDGET} {number}") for number in range(FULL_BATCH)]
    await stages.run("a", rss(*many))
    assert stage._gathered == 0
    read_at = asyncio.get_running_loop().time() + 3600
    assert not stage._come_fast(FAST - 1, read_at)
    assert stage._come_fast(1, read_at + 1)
    assert not stage._come_fast(FAST - 2, read_at + 1.5)
    stage._recent.clear()
    stage._recent.append((read_at, FAST))
    await stages.run("a", rss(("2", RESCUE)))
    left = stage._gathered - asyncio.get_running_loop().time()
    assert 0 < left <= GATHERING.total_seconds()


async def test_an_old_leader_that_wakes_up_cannot_publish(store: Store):
    stages = Stages(store, feed("a"))
    await stages.run("a", rss(("1", QUAKE)))
    stages.now += timedelta(seconds=16)
    successor = stages.worker()
    assert await successor._take_lead()
    stages.bodies["a"] = rss(("2", BUDGET))
    await stages.poll("a")
    with pytest.raises(StaleToken):
        await stages.event_stage.assign_waiting()
    await successor.drain()
    assert len(await stages.messages("events")) == 2


async def test_an_index_that_knows_more_than_the_server_is_loaded_again(store: Store):
    """The server lost its last second: what the index remembers of it must not make an event of nothing."""
    stages = Stages(store, feed("a"), feed("b"))
    await stages.run("a", rss(("1", QUAKE)))
    token = stages.event_stage._token
    await store.engine.client.execute_command("FLUSHALL")
    await store.engine.client.execute_command(
        "HSET",
        "agg:leader",
        "worker",
        stages.event_stage._worker,
        "token",
        token,
        "lapses",
        9e15,
    )
    await stages.run("b", rss(("9", QUAKE_TOO, RESCUE), site="b"))
    await stages.run("a", rss(("1", QUAKE)))
    assert [m.kind for m in await stages.messages()] == [Kind.NEW, Kind.JOINED]


async def test_a_report_that_the_server_has_lost_is_not_twice_in_the_index(
    store: Store,
):
    """Its event stands, so only the index knows that this report was there before."""
    stages = Stages(store, feed("a"), feed("b"))
    client = store.engine.client
    await stages.run("a", rss(("1", QUAKE)))
    names = await client.execute_command("KEYS", "agg:*")
    dumps = {name: await client.execute_command("DUMP", name) for name in names}
    await stages.run("b", rss(("9", QUAKE_TOO, RESCUE), site="b"))
    for name in await client.execute_command("KEYS", "agg:*"):
        if name not in dumps:
            await client.execute_command("DEL", name)
    for name, dump in dumps.items():
        await client.execute_command("RESTORE", name, 0, dump, "REPLACE")
    await client.execute_command("HSET", "agg:leader", "lapses", 9e15)
    await stages.run("b", rss(("9", QUAKE_TOO, RESCUE), site="b"))
    [first, second] = await stages.messages()
    assert [first.kind, second.kind] == [Kind.NEW, Kind.JOINED]
    assert (second.reason, second.independent_count) == ("similar", 2)
    assert len(stages.event_stage._index) == 2


async def test_an_entry_that_breaks_the_event_stage_is_rejected_alone_and_the_rest_goes_on(
    store: Store,
):
    stages = Stages(store, feed("a"))
    stages.bodies["a"] = rss(("1", QUAKE))
    read = (await stages.poll("a")).read
    assert isinstance(read, FeedRead)
    poison = replace(read.entries[0], entry_id="longer than any entry id of ours")
    await store.engine.client.execute_command(
        "XADD", "agg:entries", "*", "e", encode(poison)
    )
    stages.now += timedelta(hours=1)
    stages.bodies["a"] = rss(("2", BUDGET))
    await stages.poll("a")
    async with asyncio.timeout(20):
        await stages.assign()
    assert [m.title for m in await stages.messages("events")] == [QUAKE, BUDGET]
    [trouble] = await store.watch.trouble(START - timedelta(days=1))
    assert (trouble.notice.kind, trouble.notice.feed_id) == ("dropped", "a")
    assert "longer than 20 bytes" in trouble.notice.detail


async def test_the_fingerprint_that_the_reader_made_is_the_one_that_is_matched(
    store: Store,
):
    stages = Stages(store, feed("a"))
    stages.bodies["a"] = rss(("1", QUAKE))
    read = (await stages.poll("a")).read
    assert isinstance(read, FeedRead)
    entry = read.entries[0]
    key = store.engine.keys.entries
    assert (await store.events.next_entries(1)).entries[0][1] == entry
    # Of the same report with another title, so that the log tells which of the two was taken.
    [other] = with_fingerprints([replace(entry, title=BUDGET)])
    await store.engine.command("DEL", key)
    carried = replace(entry, fingerprint=other.fingerprint)
    await store.engine.command("XADD", key, "*", "e", encode(carried))
    await stages.assign()
    logged = await store.fingerprints.of([entry.entry_id])
    packed = b64encode(logged[entry.entry_id].packed).decode()
    assert packed == other.fingerprint != entry.fingerprint


async def test_a_fingerprint_of_another_version_does_not_keep_the_index_from_loading(
    store: Store,
):
    stages = Stages(store, feed("a"), feed("b"))
    await stages.run("a", rss(("1", QUAKE)))
    record = FingerprintRecord(
        "0" * 20, "e" + "0" * 20, "a", stages.now, b"another version"
    )
    await store.engine.client.execute_command(
        "XADD", "agg:fingerprints", "*", "f", record_bytes(record)
    )
    stages.bodies["b"] = rss(("9", QUAKE_TOO, RESCUE), site="b")
    await stages.poll("b")
    stages.now += timedelta(seconds=16)
    await stages.worker().drain()
    assert [m.kind for m in await stages.messages()] == [Kind.NEW, Kind.JOINED]


async def test_a_change_of_dedup_while_the_stage_waits_for_entries_keeps_what_is_published(
    store: Store,
):
    """The entry that ends the wait is assigned by an index that knows the reports before it, not by an empty one."""
    stages = Stages(store, feed("a"), feed("b"))
    await stages.run("a", rss(("1", QUAKE)))
    waiting = asyncio.create_task(stages.event_stage.assign_waiting())
    while not (await store.engine.client.execute_command("INFO", "clients"))[
        "blocked_clients"
    ]:
        await asyncio.sleep(0)
    stages.event_stage.use(
        replace(stages.settings, dedup=DedupSettings(window=timedelta(hours=71)))
    )
    stages.bodies["b"] = rss(("9", QUAKE_TOO, RESCUE), site="b")
    await stages.poll("b")
    await waiting
    await stages.assign()
    assert [m.kind for m in await stages.messages()] == [Kind.NEW, Kind.JOINED]


MEANT = Settings(dedup=DedupSettings(meaning=True))
QUAKE_IN_CHINESE = "北国南部发生6.8级强震 塞尔比港数十人受伤"


def by_topic(told: Sequence[tuple[str, str]]) -> list[bytes]:
    """Vectors as an encoder might give them: all headlines with a magnitude in them lie in one direction."""
    return [
        bytes([120 if "6.8" in title else 0, 100, *bytes(MEANING_BYTES - 2)])
        for title, _ in told
    ]


async def test_reports_that_mean_the_same_in_two_languages_join_and_do_so_after_a_restart(
    store: Store,
):
    stages = Stages(
        store,
        feed("a"),
        replace(feed("b"), language="zh"),
        replace(feed("c"), language="zh"),
        settings=MEANT,
    )
    stages.encoder = by_topic
    await stages.run("a", rss(("1", QUAKE)))
    await stages.run("b", rss(("2", QUAKE_IN_CHINESE), site="b"))
    stages.now += timedelta(seconds=16)
    stages.event_stage = stages.worker()
    await stages.run("c", rss(("3", QUAKE_IN_CHINESE + "，救援展开"), site="c"))
    assert [(m.kind, m.lang) for m in await stages.messages()] == [
        (Kind.NEW, "en"), (Kind.JOINED, "zh"), (Kind.JOINED, "zh"),
    ]  # fmt: skip


async def test_without_an_answer_of_the_encoder_reports_are_matched_by_their_words(
    store: Store,
):
    stages = Stages(store, feed("a"), feed("b"), settings=MEANT)
    stages.encoder = lambda told: [b""] * len(told)
    await stages.run("a", rss(("1", QUAKE)))
    await stages.run("b", rss(("9", QUAKE_TOO, RESCUE), site="b"))
    assert [m.kind for m in await stages.messages()] == [Kind.NEW, Kind.JOINED]


async def test_a_burst_is_matched_by_words_alone_until_it_is_short_enough_to_ask_what_it_means(
    store: Store,
):
    stages = Stages(store, feed("a"), feed("b"), settings=MEANT)
    asked: list[str] = []
    stages.encoder = lambda told: (
        asked.extend(title for title, _ in told) or [b""] * len(told)
    )
    half = MOST_ENCODED // 2
    stages.bodies["a"] = rss(*((f"a{n}", f"Bulletin {n} of a") for n in range(half)))
    stages.bodies["b"] = rss(
        *((f"b{n}", f"Bulletin {n} of b") for n in range(half + 1)), site="b"
    )
    for name in "ab":
        await stages.poll(name)
    await stages.assign()
    assert await store.events.waiting_count() == 0
    assert len(asked) == MOST_ENCODED + 1 - BATCH


async def test_turning_meanings_on_keeps_the_window(store: Store):
    stages = Stages(store, feed("a"), feed("b"))
    await stages.run("a", rss(("1", QUAKE)))
    stages.encoder = by_topic
    stages.event_stage.use(replace(stages.settings, dedup=DedupSettings(meaning=True)))
    await stages.run("b", rss(("9", QUAKE_TOO, RESCUE), site="b"))
    assert [m.kind for m in await stages.messages()] == [Kind.NEW, Kind.JOINED]


async def test_a_poll_whose_claim_passed_to_another_writes_nothing(store: Store):
    stages = Stages(store, feed("a"))
    stages.bodies["a"] = rss(("1", QUAKE))
    await stages.poll_stage.register()
    hosts = {"a": "a.example"}
    [mine] = (
        await store.polls.claim_these(
            hosts, lease=timedelta(seconds=5), spacing=timedelta(0), now=stages.now
        )
    ).claims
    stages.now += timedelta(seconds=6)
    [theirs] = (
        await store.polls.claim_these(
            hosts, lease=timedelta(seconds=60), spacing=timedelta(0), now=stages.now
        )
    ).claims
    with pytest.raises(StaleToken):
        await stages.poll_stage.poll(mine, stages.poll_stage.feeds["a"])
    assert await store.events.waiting_count() == 0
    await stages.poll_stage.poll(theirs, stages.poll_stage.feeds["a"])
    assert await store.events.waiting_count() == 1


async def claimed_and_away(
    stages: Stages, server: EmbeddedServer
) -> asyncio.Task[Poll]:
    """A poll whose server went away after its claim."""
    stages.bodies["a"] = rss(("1", QUAKE))
    await stages.poll_stage.register()
    found = await stages.store.polls.claim_these(
        {"a": "a.example"},
        lease=timedelta(seconds=60),
        spacing=timedelta(0),
        now=stages.now,
    )
    await server.stop()
    feeds = stages.poll_stage.feeds
    polling = asyncio.create_task(stages.poll_stage.poll(found.claims[0], feeds["a"]))
    await asyncio.sleep(1)
    assert not polling.done()
    return polling


async def test_a_poll_is_committed_when_its_server_is_back_and_nobody_asked_twice(
    own_server: EmbeddedServer,
):
    """Given up it came 71 s later, with a second request."""
    client = connect(own_server.url)
    stages = Stages(Store(client), feed("a"))
    polling = await claimed_and_away(stages, own_server)
    await own_server.start()
    await asyncio.wait_for(polling, 10)
    await stages.assign()
    assert len(await stages.messages("events")) == 1
    assert len(stages.requests) == 1
    await client.aclose()


async def test_a_server_that_goes_away_between_fetch_and_commit_loses_nothing(
    own_server: EmbeddedServer,
):
    client = connect(own_server.url)
    stages = Stages(Store(client), feed("a"))
    polling = await claimed_and_away(stages, own_server)
    polling.cancel()
    await asyncio.wait([polling])
    await own_server.start()
    stages.now += timedelta(seconds=61)
    await stages.run("a", rss(("1", QUAKE)))
    assert len(await stages.messages("events")) == 1
    await client.aclose()


# --- hubs -----------------------------------------------------------------------------------------------------


async def test_what_a_hub_delivers_is_published_without_a_request(store: Store):
    stages = Stages(store, feed("a"))
    await stages.run("a", rss(("1", QUAKE)))
    stages.now += timedelta(minutes=5)
    await stages.poll_stage.deliver(
        Delivery(
            "a", "https://a.example/feed", rss(("2", BUDGET)), "application/rss+xml"
        )
    )
    await stages.assign()
    assert [m.title for m in await stages.messages()] == [QUAKE, BUDGET]
    assert len(stages.requests) == 1
    stages.now += timedelta(minutes=30)
    await stages.run("a", rss(("2", BUDGET), ("1", QUAKE)))
    assert len(await stages.messages()) == 2


async def test_a_ping_of_a_hub_has_the_feed_asked_now(store: Store):
    stages = Stages(store, feed("a"))
    await stages.run("a", rss(("1", QUAKE)))
    stages.now += timedelta(minutes=1)
    await stages.poll_stage.deliver(Delivery("a", "https://a.example/feed", b"", None))
    assert (await store.polls.due_times(["a"]))["a"] == stages.now


async def test_a_feed_whose_address_is_changed_is_asked_at_its_new_one_soon(
    store: Store,
):
    stages = Stages(store, feed("a", min_interval=timedelta(hours=6)))
    await stages.run("a", rss(("1", QUAKE)))
    moved = replace(feed("a"), url="https://elsewhere.example/feed")
    stages.poll_stage.use(stages.settings, (moved,))
    await stages.poll_stage.register()
    due = (await store.polls.due_times(["a"]))["a"]
    assert due is not None
    assert due <= stages.now + timedelta(minutes=15)
    assert stages.poll_stage.hosts["a"] == "elsewhere.example"


async def test_once_names_the_feeds_it_left_and_why(store: Store):
    twin = replace(feed("twin"), url="https://held.example/other")
    stages = Stages(
        store,
        feed("a"),
        replace(feed("held"), url="https://held.example/feed"),
        twin,
        feed("theirs"),
    )
    stages.bodies["a"] = rss(("1", QUAKE))
    await stages.poll_stage.register(at_once=True)
    await store.polls.hold_host(
        "held.example", stages.now + timedelta(hours=1), now=stages.now
    )
    await store.polls.claim_these(
        {"theirs": "theirs.example"},
        lease=timedelta(minutes=1),
        spacing=timedelta(0),
        now=stages.now,
    )
    begun, left = await stages.poll_stage.once()
    assert begun == 1
    assert {(one.feed_id, one.why.value) for one in left} == {
        ("held", "held"),
        ("twin", "held"),
        ("theirs", "claimed"),
    }


async def test_a_chinese_feed_that_claims_english_has_beijing_time(store: Store):
    stages = Stages(store, Feed("a", "https://a.example/feed", backlog=Backlog.ALL))
    items = "".join(
        f"<item><guid>{n}</guid><title>{title}</title><pubDate>2026-11-22 18:30:0{n}</pubDate></item>"
        for n, title in enumerate(
            (
                "市政府公布新的地铁线路规划",
                "气象台发布暴雨蓝色预警信号",
                "大学图书馆延长开放时间",
            )
        )
    )
    body = f"<rss version='2.0'><channel><title>本地</title><language>en-us</language>{items}</channel></rss>".encode()
    await stages.run("a", body)
    assert {m.published_at for m in await stages.messages()} == {
        START.replace(hour=10, minute=30, second=n) for n in range(3)
    }


async def test_a_fingerprint_record_that_is_none_costs_the_index_nothing(store: Store):
    stages = Stages(store, feed("a"), feed("b"))
    await stages.run("a", rss(("1", QUAKE)))
    await store.engine.client.execute_command(
        "XADD", "agg:fingerprints", "*", "f", b"no record"
    )
    await stages.event_stage.close()
    await stages.run("b", rss(("9", QUAKE_TOO, RESCUE), site="b"))
    assert [m.kind for m in await stages.messages()] == [Kind.NEW, Kind.JOINED]
