"""Documents that take their parser's whole time, beside ones that do not: the latter never wait for the former."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from aggregator.daemon.turns import LONG_WAITING, MOST_WAITING, Turns
from aggregator.engine.store import Store
from aggregator.errors import StaleToken
from aggregator.model import (
    FailureKind,
    Feed,
    IdentityRule,
    ReadResult,
    Settings,
    Unparsable,
)
from aggregator.pipeline.reading import ReadRequest
from tests.daemon.stages import START, Stages, read_here
from tests.daemon.test_stages import QUAKE, feed, rss

SECOND = timedelta(seconds=1)
SLOW, QUICK = b"slow", b"quick"
KILLED = Unparsable(FailureKind.PARSER_KILLED, "too long")


def request(body: bytes) -> ReadRequest:
    settings = Settings()
    return ReadRequest(
        Feed("f", "https://h.example/"),
        "https://h.example/",
        body,
        None,
        {},
        IdentityRule(),
        settings.documents,
        settings.dedup.window,
        START,
    )


@dataclass
class Readers:
    """Children as the sandbox answers: a slow document is stopped at its first look, a long one goes on until told."""

    long_looks: int = 0
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, asked: ReadRequest, wall: timedelta | None) -> ReadResult:
        if asked.body == QUICK:
            return Unparsable(FailureKind.NOT_A_FEED, "read")
        if wall is not None:
            return KILLED
        self.long_looks += 1
        await self.go_on.wait()
        return Unparsable(FailureKind.PARSER_KILLED, "too long", is_final=True)


async def kept() -> None:
    return None


async def test_forty_slow_documents_leave_the_others_their_turn():
    readers, turns = Readers(), Turns(2)

    async def read(body: bytes) -> ReadResult:
        return await turns.read(
            readers.read, request(body), keep=kept, keep_every=SECOND
        )

    slow = [asyncio.create_task(read(SLOW)) for _ in range(40)]
    quick = [asyncio.create_task(read(QUICK)) for _ in range(40)]
    async with asyncio.timeout(5):
        assert {one.detail for one in await asyncio.gather(*quick)} == {"read"}
        while sum(one.done() for one in slow) < 40 - 2 * LONG_WAITING:
            await asyncio.sleep(0)
    assert turns.long_count == 2 * LONG_WAITING
    assert readers.long_looks == 1, "half of the processes"
    readers.go_on.set()
    answers = await asyncio.gather(*slow)
    assert sum(one.is_final for one in answers) == 2 * LONG_WAITING
    assert turns.long_count == 0


async def filled(turns: Turns, go_on: asyncio.Event) -> list[asyncio.Task[ReadResult]]:
    """Bodies for one process until it has enough; they are read when told to go on."""

    async def read(_: ReadRequest, wall: timedelta | None) -> ReadResult:
        await go_on.wait()
        return Unparsable(FailureKind.NOT_A_FEED, "read")

    reading = [
        asyncio.create_task(
            turns.read(read, request(QUICK), keep=kept, keep_every=SECOND)
        )
        for _ in range(MOST_WAITING + 1)
    ]
    while not turns.is_full:
        await asyncio.sleep(0)
    return reading


async def test_nothing_more_is_claimed_while_many_bodies_wait():
    turns = Turns(1)
    go_on = asyncio.Event()
    reading = await filled(turns, go_on)
    go_on.set()
    await asyncio.gather(*reading)
    assert not turns.is_full


async def test_a_round_goes_on_when_readers_that_had_enough_are_free_again(
    store: Store,
):
    """Left to the next tick, a second later, they would have nothing to do till then."""
    fetch = replace(Settings().fetch, parse_processes=1, concurrency=MOST_WAITING + 4)
    names = [f"f{number}" for number in range(3 * MOST_WAITING)]
    stages = Stages(store, *map(feed, names), settings=Settings(fetch=fetch))
    full_count = 0

    async def read(_: ReadRequest, wall: timedelta | None = None) -> ReadResult:
        nonlocal full_count
        full_count += stages.poll_stage._bodies.turns.is_full
        await asyncio.sleep(0.002)
        return Unparsable(FailureKind.NOT_A_FEED, "read")

    stages.poll_stage._bodies._read = read
    stages.bodies = {name: rss(("1", QUAKE)) for name in names}
    await stages.poll_stage.register(at_once=True)
    assert await stages.poll_stage.round() == len(names)
    assert full_count, "they had enough for a time"
    await stages.poll_stage.stop()


async def test_a_round_ends_where_what_readers_have_enough_of_is_none_of_its_polls(
    store: Store,
):
    """What hubs deliver is read beside the rounds: a round waits for its own polls alone, and here it has none."""
    fetch = replace(Settings().fetch, parse_processes=1)
    stages = Stages(store, feed("f"), settings=Settings(fetch=fetch))
    turns, go_on = stages.poll_stage._bodies.turns, asyncio.Event()
    reading = await filled(turns, go_on)
    await stages.poll_stage.register(at_once=True)
    async with asyncio.timeout(5):
        assert await stages.poll_stage.round() == 0
    go_on.set()
    await asyncio.gather(*reading)


async def test_a_claim_is_kept_while_its_body_waits_and_dropped_when_it_passed_to_another():
    turns = Turns(1)
    go_on, asked = asyncio.Event(), asyncio.Event()

    async def read(_: ReadRequest, wall: timedelta | None) -> ReadResult:
        await go_on.wait()
        return Unparsable(FailureKind.NOT_A_FEED, "read")

    async def lost() -> None:
        asked.set()
        raise StaleToken("it passed to another worker")

    tenth = timedelta(seconds=0.1)
    first = asyncio.create_task(
        turns.read(read, request(QUICK), keep=kept, keep_every=tenth)
    )
    second = asyncio.create_task(
        turns.read(read, request(QUICK), keep=lost, keep_every=tenth)
    )
    await asyncio.wait_for(asked.wait(), 5)
    with pytest.raises(StaleToken):
        await second
    go_on.set()
    assert await first == Unparsable(FailureKind.NOT_A_FEED, "read")


async def test_a_document_that_was_killed_is_not_read_again_within_a_day_and_counts_as_failed(
    store: Store,
):
    stages = Stages(store, feed("a"))
    reads: list[bytes] = []

    async def kill(asked: ReadRequest, wall: timedelta | None = None) -> ReadResult:
        reads.append(asked.body)
        return Unparsable(FailureKind.PARSER_KILLED, "too long", is_final=True)

    stages.poll_stage._bodies._read = kill
    stages.bodies["a"] = rss(("1", QUAKE))
    for count in (1, 2, 3):
        stages.now += timedelta(hours=1)
        state = (await stages.poll("a")).state
        assert (state.failure_kind, state.failure_count) == (
            FailureKind.PARSER_KILLED,
            count,
        )
        assert state.next_poll_at - stages.now >= feed("a").min_interval * 2 ** (
            count - 1
        )
    assert len(reads) == 1
    stages.now += timedelta(days=1)
    await stages.poll("a")
    assert len(reads) == 2, "a later version, or a less busy machine, may read it"
    stages.poll_stage._bodies._read = read_here
    stages.bodies["a"] = rss(("2", QUAKE))
    await stages.poll("a")
    await stages.assign()
    assert [message.title for message in await stages.messages()] == [QUAKE]
