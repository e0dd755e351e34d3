"""engine.grouped: calls that go together, each with its own answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aggregator.engine.client import connect
from aggregator.engine.grouped import (
    MOST_CALLS,
    MOST_WORDS,
    GroupedReads,
    GroupedScript,
    _Call,
)
from aggregator.engine.store import Store
from aggregator.errors import EngineDown, EngineRefused

COUNT = 2 * MOST_CALLS + 3
"""More than fit into two groups behind the first call, which goes alone."""


def held(script: GroupedScript, store: Store, number: int, until: Any = None) -> Any:
    """A call that holds a host until so many milliseconds."""
    key = store.engine.keys.host(f"h{number}.example")
    return script.call((key,), ("1000", 2000 + number if until is None else until))


async def with_one(store: Store, *, wrong: int, until: Any) -> list[Any]:
    """The answers and errors of `COUNT` calls that come at once, one of which names this as its time."""
    script = GroupedScript(store.engine, "hold_host")
    calls = [
        held(script, store, number, until=until if number == wrong else None)
        for number in range(COUNT)
    ]
    return await asyncio.gather(*calls, return_exceptions=True)


async def ends(store: Store) -> list[int | None]:
    answers = await store.engine.many(
        [
            ("HGET", store.engine.keys.host(f"h{n}.example"), "held")
            for n in range(COUNT)
        ]
    )
    return [None if answer is None else int(answer) for answer in answers]


async def test_all_that_come_at_once_are_answered(store: Store) -> None:
    script = GroupedScript(store.engine, "hold_host")
    await asyncio.gather(*(held(script, store, number) for number in range(COUNT)))
    assert await ends(store) == [2000 + number for number in range(COUNT)]


async def test_a_server_that_forgot_the_script_is_sent_it_again(store: Store) -> None:
    script = GroupedScript(store.engine, "hold_host")
    await store.engine.command("SCRIPT", "FLUSH")
    await asyncio.gather(*(held(script, store, number) for number in range(COUNT)))
    assert await ends(store) == [2000 + number for number in range(COUNT)]


async def test_one_that_is_refused_costs_the_others_nothing(store: Store) -> None:
    script = GroupedScript(store.engine, "hold_host")
    await store.engine.command("SET", store.engine.keys.host("h3.example"), "other")
    answers = await asyncio.gather(
        *(held(script, store, number) for number in range(COUNT)),
        return_exceptions=True,
    )
    refused = [n for n, answer in enumerate(answers) if isinstance(answer, Exception)]
    assert refused == [3]
    assert isinstance(answers[3], EngineRefused)
    await store.engine.command("DEL", store.engine.keys.host("h3.example"))
    assert [n for n, end in enumerate(await ends(store)) if end is None] == [3]


async def test_one_that_stops_the_script_costs_the_others_nothing(
    store: Store,
) -> None:
    answers = await with_one(store, wrong=5, until="no time")
    refused = [n for n, answer in enumerate(answers) if isinstance(answer, Exception)]
    assert refused == [5]
    assert isinstance(answers[5], EngineRefused)
    assert [n for n, end in enumerate(await ends(store)) if end is None] == [5]


async def test_long_calls_do_not_hold_the_server_together(store: Store) -> None:
    script = GroupedScript(store.engine, "hold_host")
    short, long = _Call((), ("",) * 20), _Call((), ("",) * (MOST_WORDS + 1))
    assert script._count([short] * MOST_CALLS) == MOST_CALLS
    assert script._count([short, long, short]) == 2
    assert script._count([long]) == 1


async def test_one_that_cannot_be_written_costs_the_others_nothing(
    store: Store,
) -> None:
    answers = await with_one(store, wrong=5, until="\ud800")
    assert [n for n, one in enumerate(answers) if isinstance(one, ValueError)] == [5]
    assert [n for n, end in enumerate(await ends(store)) if end is None] == [5]


async def test_a_caller_that_gives_up_leaves_the_others(store: Store) -> None:
    script = GroupedScript(store.engine, "hold_host")
    calls = [
        asyncio.ensure_future(held(script, store, number)) for number in range(COUNT)
    ]
    await asyncio.sleep(0)
    calls[7].cancel()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [n for n, one in enumerate(answers) if isinstance(one, BaseException)] == [7]


async def test_without_a_server_each_is_told_so() -> None:
    store = Store(connect("redis://127.0.0.1:1"))
    script = GroupedScript(store.engine, "hold_host")
    answers = await asyncio.gather(
        *(held(script, store, number) for number in range(COUNT)),
        return_exceptions=True,
    )
    assert {type(answer) for answer in answers} == {EngineDown}
    with pytest.raises(EngineDown):
        await held(script, store, 0)
    await store.close()


async def test_reads_that_come_at_once_have_each_its_own_answer(store: Store) -> None:
    reads = GroupedReads(store.engine, "values")
    keys = [store.engine.keys.host(f"h{number}.example") for number in range(COUNT)]
    for number, key in enumerate(keys):
        await store.engine.command("HSET", key, "held", number)
    await store.engine.command("DEL", keys[3], keys[4])
    await store.engine.command("SET", keys[4], "other")
    answers = await asyncio.gather(*(reads.read("HGET", key, "held") for key in keys))
    expected = [str(number).encode() for number in range(COUNT)]
    assert answers == [*expected[:3], None, None, *expected[5:]]


async def test_reads_of_a_server_that_is_away_are_told_so(store: Store) -> None:
    away = Store(connect("redis://127.0.0.1:1/0"))
    reads = GroupedReads(away.engine, "values")
    answers = await asyncio.gather(
        *(reads.read("GET", f"key{number}") for number in range(3)),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [EngineDown] * 3
    await away.close()
