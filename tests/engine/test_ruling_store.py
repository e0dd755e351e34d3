"""The operator's word on the server: asked once, applied whole by the leader alone, remembered by the log."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aggregator.engine.store import Store
from aggregator.errors import EngineRefused, StaleToken
from aggregator.model import (
    EPOCH,
    Example,
    Kind,
    Publication,
    Ruling,
    RulingAnswer,
    RulingPublication,
    RulingRequest,
    RulingState,
    Verb,
)
from tests.engine import making
from tests.engine.making import (
    contents,
    entry,
    event,
    leading,
    length,
    message,
    published,
)

EXAMPLE = Example(
    entry(2).entry_id,
    "en",
    "Title 2",
    "Some text.",
    "news.example",
    "https://news.example/2",
    None,
)
APPLIED = RulingAnswer(RulingState.APPLIED, "done", "e-new")


def request(ruling_id: str = "one", *names: str) -> RulingRequest:
    return RulingRequest(
        ruling_id,
        Verb.SPLIT,
        names or (entry(2).entry_id,),
        operator="anna",
        asked_at=making.NOW,
    )


def split(
    stream_id: str, done: list[Publication], ruling_id: str = "one"
) -> RulingPublication:
    """The second of two reports leaves the first one's event."""
    first, second = entry(1), entry(2)
    old, new = done[0].event_id, "e-new"
    return RulingPublication(
        stream_id,
        ruling_id,
        APPLIED,
        Ruling(
            ruling_id,
            Verb.SPLIT,
            new,
            old,
            (second.entry_id,),
            (first.entry_id,),
            making.NOW,
            (old,),
        ),
        (message(Kind.NEW, second, new), message(Kind.EDITED, first, old)),
        (),
        (event(new, second), event(old, first)),
        (EXAMPLE,),
    )


async def asked(store: Store, *requests: RulingRequest) -> str:
    """Ask, and the stream id of the oldest that waits."""
    for one in requests or (request(),):
        assert await store.rulings.ask(one)
    waiting = await store.rulings.next_asked()
    assert waiting is not None
    return waiting.stream_id


async def test_words_wait_in_their_order_and_each_is_asked_once(store: Store) -> None:
    await asked(store, request("one"), request("two"))
    assert not await store.rulings.ask(request("one"))
    assert await store.rulings.asked_count() == 2
    waiting = await store.rulings.next_asked()
    assert waiting is not None
    assert waiting.request == request("one")
    answer = await store.rulings.answer("two")
    assert answer is not None
    assert answer.state is RulingState.WAITING
    assert await store.rulings.answer("unknown") is None


async def test_a_word_is_applied_whole_and_told(store: Store) -> None:
    done = await published(store, entry(1), entry(2))
    token = await leading(store)
    publication = split(await asked(store), done)
    assert await store.rulings.rule(token, publication)
    assert (await store.rulings.answer("one"), await store.rulings.asked_count()) == (
        APPLIED,
        0,
    )
    assert await store.rulings.applied() == [publication.ruling]
    assert await store.rulings.examples([entry(1).entry_id, entry(2).entry_id]) == {
        EXAMPLE.entry_id: EXAMPLE
    }
    assert await store.events.event_of(entry(2).entry_id) == "e-new"
    assert set(await store.events.by_ids(["e-new", done[0].event_id])) == {
        "e-new",
        done[0].event_id,
    }
    assert (
        await length(store, store.engine.keys.events),
        await length(store, store.engine.keys.reports),
    ) == (3, 4)
    assert [
        record.event_id
        async for records in store.fingerprints.since(EPOCH)
        for record in records
    ] == [
        done[0].event_id,
        "e-new",
    ]
    assert (await store.watch.totals(making.NOW - timedelta(days=9999))).reports[
        "split"
    ] == 1


async def test_a_word_that_changes_nothing_is_only_answered(store: Store) -> None:
    await published(store, entry(1))
    stream_id, token = await asked(store), await leading(store)
    answer = RulingAnswer(RulingState.UNCHANGED, "nothing to do")
    before = await contents(store)
    assert await store.rulings.rule(token, RulingPublication(stream_id, "one", answer))
    after = await contents(store)
    changed = {
        key for key in before.keys() | after.keys() if before.get(key) != after.get(key)
    }
    assert changed <= {
        store.engine.keys.asked.encode(),
        store.engine.keys.ruling("one").encode(),
    }
    assert (await store.rulings.answer("one"), await store.rulings.applied()) == (
        answer,
        [],
    )


async def test_applying_again_changes_nothing(store: Store) -> None:
    done = await published(store, entry(1), entry(2))
    token = await leading(store)
    publication = split(await asked(store), done)
    assert await store.rulings.rule(token, publication)
    before = await contents(store)
    assert not await store.rulings.rule(token, publication)
    assert await contents(store) == before


async def test_who_does_not_lead_applies_nothing(store: Store) -> None:
    done = await published(store, entry(1), entry(2))
    token = await leading(store)
    stream_id = await asked(store)
    before = await contents(store)
    with pytest.raises(StaleToken):
        await store.rulings.rule(token + 1, split(stream_id, done))
    assert await contents(store) == before


@pytest.mark.parametrize("key", ["rulings", "examples", "merged", "ruling"])
async def test_a_key_of_another_type_is_found_before_anything_is_written(
    store: Store, key: str
) -> None:
    done = await published(store, entry(1), entry(2))
    token = await leading(store)
    stream_id = await asked(store)
    place = (
        store.engine.keys.ruling("one")
        if key == "ruling"
        else str(getattr(store.engine.keys, key))
    )
    await store.engine.command("DEL", place)
    await store.engine.command("RPUSH", place, "odd")
    before = await contents(store)
    with pytest.raises(EngineRefused, match="key_prefix"):
        await store.rulings.rule(token, split(stream_id, done))
    assert await contents(store) == before


async def test_a_gate_that_has_expired_stays_gone(store: Store) -> None:
    done = await published(store, entry(1), entry(2))
    await store.engine.command("DEL", store.engine.keys.gate(entry(2).entry_id))
    assert await store.rulings.rule(
        await leading(store), split(await asked(store), done)
    )
    assert await store.events.event_of(entry(2).entry_id) is None


async def test_every_revision_of_a_moved_report_has_the_new_event(store: Store) -> None:
    done = await published(store, entry(1), entry(2))
    await store.engine.command(
        "HSET", store.engine.keys.gate(entry(2).entry_id), "1", done[1].event_id
    )
    assert await store.rulings.rule(
        await leading(store), split(await asked(store), done)
    )
    assert set(
        await store.engine.command("HVALS", store.engine.keys.gate(entry(2).entry_id))
    ) == {b"e-new"}


async def test_a_report_that_was_moved_into_an_event_that_was_absorbed_since_is_of_the_survivor(
    store: Store,
) -> None:
    done = await published(store, entry(1), entry(2))
    assert await store.rulings.rule(
        await leading(store), split(await asked(store), done)
    )
    await store.engine.command("HSET", store.engine.keys.merged, "e-new", "e-last|1")
    assert [
        record.event_id
        async for records in store.fingerprints.since(EPOCH)
        for record in records
    ] == [
        done[0].event_id,
        "e-last",
    ]


async def test_a_ruling_that_another_version_wrote_costs_only_itself(
    store: Store,
) -> None:
    done = await published(store, entry(1), entry(2))
    await store.engine.command(
        "XADD", store.engine.keys.rulings, "*", "r", b'{"v":2,"odd":1}'
    )
    await store.engine.command("XADD", store.engine.keys.rulings, "*", "other", b"")
    publication = split(await asked(store), done)
    assert await store.rulings.rule(await leading(store), publication)
    assert await store.rulings.applied() == [publication.ruling]
    assert store.engine.slips.counts == {"ruling": 2}
    assert [
        record.event_id
        async for records in store.fingerprints.since(EPOCH)
        for record in records
    ] == [
        done[0].event_id,
        "e-new",
    ]
