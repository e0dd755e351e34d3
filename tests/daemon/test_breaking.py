"""Entries that break the event stage: the one at fault is rejected; when all break, nothing is, and the stage waits."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from aggregator.daemon.eventing import EventStage
from aggregator.engine.store import Store
from aggregator.engine.wire import encode
from aggregator.errors import EventsHeld
from aggregator.model import DedupSettings, Entry, FeedRead, Kind, Settings
from tests.daemon.program import Program, feeds_of, until
from tests.daemon.stages import START, Stages
from tests.daemon.test_crash import body
from tests.daemon.test_stages import BUDGET, QUAKE, QUAKE_TOO, RESCUE, feed, rss
from tests.origin import Answer, Origin


async def trouble(store: Store) -> list[str]:
    return [
        one.notice.kind for one in await store.watch.trouble(START.replace(year=2000))
    ]


async def entry_of(stages: Stages) -> Entry:
    """An entry as a poll commits it; it waits."""
    stages.bodies["a"] = rss(("1", QUAKE))
    read = (await stages.poll("a")).read
    assert isinstance(read, FeedRead)
    return read.entries[0]


async def add_poison(store: Store, entry: Entry, count: int) -> None:
    """Entries that break the stage: their ids are longer than any of ours."""
    for number in range(count):
        poison = replace(entry, entry_id=f"longer than any entry id of ours {number}")
        await store.engine.client.execute_command(
            "XADD", "agg:entries", "*", "e", encode(poison)
        )


@asynccontextmanager
async def at_work(stage: EventStage) -> AsyncIterator[None]:
    """The stage, going on by itself until the block ends."""
    working = asyncio.create_task(stage.run())
    try:
        yield
    finally:
        stage.stop()
        async with asyncio.timeout(10):
            await working


async def is_so(question) -> None:
    async with asyncio.timeout(20):
        while not await question():
            await asyncio.sleep(0.02)


async def test_the_only_waiting_entry_is_not_rejected_before_another_goes_through(
    store: Store,
):
    stages = Stages(store, feed("a"))
    await add_poison(store, await entry_of(stages), 1)
    with pytest.raises(EventsHeld, match="longer than 20 bytes"):
        await stages.assign()
    assert [m.title for m in await stages.messages()] == [QUAKE]
    assert await store.events.waiting_count() == 1
    assert await trouble(store) == ["failing"]
    stages.now += timedelta(hours=1)
    await stages.run("a", rss(("2", BUDGET)))
    assert [m.title for m in await stages.messages()] == [QUAKE, BUDGET]
    assert await trouble(store) == ["failing", "dropped", "recovered"]
    assert (await store.back_pressure.standing()).event_stage == ""


async def test_four_bad_entries_in_a_row_are_rejected_one_by_one(store: Store):
    stages = Stages(store, feed("a"))
    await add_poison(store, await entry_of(stages), 4)
    stages.now += timedelta(hours=1)
    await stages.run("a", rss(("2", BUDGET)))
    assert [m.title for m in await stages.messages()] == [QUAKE, BUDGET]
    assert await trouble(store) == ["dropped"] * 4


@pytest.mark.parametrize(
    "row", [("hello", "world"), ("e", "world"), ("e", "{}"), ("e", '{"entry_id":"x"}')]
)
async def test_rows_that_are_none_of_ours_go_at_once_however_many_there_are(
    store: Store, row: tuple[str, str]
):
    stages = Stages(store, feed("a"))
    for _ in range(6):
        await store.engine.command("XADD", store.engine.keys.entries, "*", *row)
    await stages.assign()
    assert await store.events.waiting_count() == 0
    assert await trouble(store) == ["dropped"] * 6
    told = await store.watch.trouble(START - timedelta(days=1))
    assert all("another program wrote it" in one.notice.detail for one in told)
    assert (await store.back_pressure.standing()).event_stage == ""


async def test_five_entries_that_break_in_a_row_stop_the_stage_and_none_is_lost(
    store: Store,
):
    stages = Stages(store, feed("a"))
    await add_poison(store, await entry_of(stages), 5)
    stages.bodies["a"] = rss(("2", BUDGET))
    stages.now += timedelta(hours=1)
    await stages.poll("a")
    for _ in range(2):
        with pytest.raises(
            EventsHeld,
            match=r"5 waiting entries in a row .* a fault of ours, please report it",
        ):
            await stages.assign()
    assert await store.events.waiting_count() == 6
    assert await trouble(store) == ["failing"]
    assert (
        "5 waiting entries in a row"
        in (await store.back_pressure.standing()).event_stage
    )
    assert (
        stages.event_stage.held_by == (await store.back_pressure.standing()).event_stage
    )


async def test_a_held_stage_keeps_the_lead_and_a_successor_that_goes_on_tells_so(
    store: Store,
):
    stages = Stages(store, feed("a"))
    await add_poison(store, await entry_of(stages), 1)
    successor = stages.worker()
    async with at_work(stages.event_stage):
        await is_so(lambda: _holds(stages.event_stage))
        assert not await successor._turn()
    await store.engine.client.execute_command("DEL", "agg:entries")
    await successor._turn()
    assert await trouble(store) == ["failing", "recovered"]


async def _holds(stage: EventStage) -> bool:
    return bool(stage.held_by)


async def test_a_damaged_event_record_begins_anew_and_the_stage_goes_on(store: Store):
    stages = Stages(store, feed("a"), feed("b"))
    await stages.run("a", rss(("1", QUAKE)))
    [first] = await stages.messages()
    await store.engine.client.execute_command(
        "SET", f"agg:event:{first.event_id}", "damaged"
    )
    stages.bodies["b"] = rss(("8", BUDGET), ("9", QUAKE_TOO, RESCUE), site="b")
    await stages.poll("b")
    await stages.assign()
    messages = await stages.messages()
    assert sorted(m.title for m in messages) == sorted([QUAKE, BUDGET, QUAKE_TOO])
    assert {m.event_id for m in messages if m.kind is Kind.JOINED} == {first.event_id}
    await store.retention.tell_slips()
    assert await trouble(store) == ["dropped"]


async def test_the_digest_goes_on_without_an_event_whose_record_is_damaged(
    store: Store,
):
    stages = Stages(store, feed("a"))
    await stages.run("a", rss(("1", QUAKE), ("2", BUDGET)))
    first, second = await stages.messages()
    await store.engine.client.execute_command(
        "SET", f"agg:event:{first.event_id}", "damaged"
    )
    assert [
        e.event_id for e in await store.watch.events_since(START.replace(year=2000))
    ] == [second.event_id]


@pytest.mark.parametrize("what", ["record", "entry"])
async def test_what_a_later_version_wrote_is_left_to_a_worker_of_that_version(
    store: Store, what: str
):
    """The lead is given up, so that the other worker of a rolling upgrade can take it; nothing is rejected."""
    stages = Stages(store, feed("a"), feed("b"))
    await stages.run("a", rss(("1", QUAKE)))
    [first] = await stages.messages()
    if what == "record":
        await store.engine.client.execute_command(
            "SET", f"agg:event:{first.event_id}", b'{"v":2,"event_id":"e"}'
        )
    else:
        await store.engine.client.execute_command(
            "XADD", "agg:entries", "*", "e", b'{"v":2,"entry_id":"x"}'
        )
    stages.bodies["b"] = rss(("9", QUAKE_TOO, RESCUE), site="b")
    await stages.poll("b")
    waiting = await store.events.waiting_count()
    newer = stages.worker()
    async with at_work(stages.event_stage):
        await is_so(newer._take_lead)
    assert "a later version of aggregator wrote it" in newer.held_by
    assert await store.events.waiting_count() == waiting
    assert await trouble(store) == ["failing"]


def test_a_fault_of_ours_that_hits_every_entry_costs_time_and_no_entry(
    tmp_path: Path, free_port: int
):
    """Matching fails the first 11 times, whatever the entry: the daemon waits, says so everywhere, and goes on."""
    with Origin.in_thread(hosts=2) as origin:
        for number in range(2):
            origin.script(f"/{number}", Answer(body=body(f"f{number}", 4), etag='"1"'))
        feeds = feeds_of(origin.url("/0", 1), origin.url("/1", 2))
        program = Program(
            tmp_path,
            f'{feeds}[http]\nlisten = "127.0.0.1:{free_port}"\n',
            fetch="parse_processes = 1\n",
        )
        with program.running(
            module=("tests.daemon.faults", "assign", "raises", "11", "-")
        ) as process:
            until(
                lambda: program.logged("event_stage_held"),
                what="the stage waits",
                alive=process,
            )
            assert "in a row break it, the first with TypeError" in readiness(free_port)
            held = program.json("status")["holds"]["events"]
            assert held == "" or "TypeError: a fault of ours" in held
            client = program.client()
            until(
                lambda: client.xlen("agg:reports") == 8,
                what="every entry published",
                alive=process,
            )
            until(
                lambda: len(client.xrange("agg:trouble")) == 2, what="its end is told"
            )
            assert [fields["kind"] for _, fields in client.xrange("agg:trouble")] == [
                "failing",
                "recovered",
            ]
            assert client.xlen("agg:entries") == 0
            until(
                lambda: readiness(free_port) == "ready",
                what="the daemon is ready again",
            )


def readiness(port: int) -> str:
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port}/readyz", timeout=5
        ) as answer:
            return "ready" if answer.status == 200 else answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()


async def test_a_headline_whose_meaning_cannot_be_asked_for_costs_its_entry_only(
    store: Store,
):
    stages = Stages(
        store,
        feed("a"),
        feed("b"),
        settings=Settings(dedup=DedupSettings(meaning=True)),
    )

    def break_at_the_budget(told: Sequence[tuple[str, str]]) -> list[bytes]:
        if BUDGET in [title for title, _ in told]:
            raise ValueError("no vector for this")
        return [b""] * len(told)

    stages.encoder = break_at_the_budget
    stages.bodies["a"], stages.bodies["b"] = (
        rss(("1", BUDGET)),
        rss(("2", QUAKE), ("3", QUAKE_TOO, RESCUE), site="b"),
    )
    await stages.poll("a")
    await stages.poll("b")
    await stages.assign()
    assert {m.title for m in await stages.messages()} == {QUAKE, QUAKE_TOO}
    assert "dropped" in await trouble(store)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("the pool broke"), MemoryError(), BrokenPipeError(), TimeoutError()],
)
async def test_what_breaks_by_our_own_fault_costs_no_entry(
    store: Store, error: Exception
):
    """A moment of ours (an encoder that dies, no memory) hits one entry of a batch, and not the ones behind it."""
    stages = Stages(
        store, feed("a"), settings=Settings(dedup=DedupSettings(meaning=True))
    )
    stages.bodies["a"] = rss(("1", QUAKE), ("2", BUDGET), ("3", RESCUE))
    await stages.poll("a")
    stages.encoder = _breaks_at(QUAKE, error)
    await asyncio.wait_for(_drained(stages), 30)
    assert {m.title for m in await stages.messages()} == {QUAKE, BUDGET, RESCUE}
    assert "dropped" not in await trouble(store)


def _breaks_at(title: str, error: Exception):
    """Meanings that break twice where this headline is among them: in its batch, and alone."""
    left = [error, error]

    def meanings(told: Sequence[tuple[str, str]]) -> Sequence[bytes]:
        if left and any(title in headline for headline, _ in told):
            raise left.pop()
        return [b""] * len(told)

    return meanings


async def _drained(stages: Stages) -> None:
    while await stages.store.events.waiting_count():
        try:
            await stages.assign()
        except EventsHeld:
            await asyncio.sleep(0.01)
