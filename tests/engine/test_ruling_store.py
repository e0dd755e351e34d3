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
from tests.engine.making import contents, entry, event, leading, length, message, published

EXAMPLE = Example(entry(2).entry_id, "en", "Title 2", "Some text.", "news.example", "https://news.example/2", None)
APPLIED = RulingAnswer(RulingState.APPLIED, "done", "e-new")


def request(ruling_id: str = "one", *names: str) -> RulingRequest:
    return RulingRequest(ruling_id, Verb.SPLIT, names or (entry(2).entry_id,), operator="anna", asked_at=making.NOW)


def split(stream_id: str, done: list[Publication], ruling_id: str = "one") -> RulingPublication:
    """The second of two reports leaves the first one's event."""
    first, second = entry(1), entry(2)
    old, new = done[0].event_id, "e-new"
    return RulingPublication(
        stream_id,
        ruling_id,
        APPLIED,
        Ruling(ruling_id, Verb.SPLIT, new, old, (second.entry_id,), (first.entry_id,), making.NOW, (old,)),
        (message(Kind.NEW, second, new), message(Kind.EDITED, first, old)),
        (),
        (event(new, second), event(old, first)),
        (EXAMPLE,),
    )


async def asked(store: Store, *requests: RulingRequest) -> str:
    """Ask, and the stream id of the oldest that waits."""
    for one in requests or (request(),):
        assert await store.ask(one)
    waiting = await store.next_asked()
    assert waiting is not None
    return waiting.stream_id


async def test_words_wait_in_their_order_and_each_is_asked_once(store: Store) -> None:
    await asked(store, request("one"), request("two"))
    assert not await store.ask(request("one"))
    assert await store.asked_count() == 2
    waiting = await store.next_asked()
    assert waiting is not None
    assert waiting.request == request("one")
    answer = await store.answer("two")
    assert answer is not None
    assert answer.state is RulingState.WAITING
    assert await store.answer("unknown") is None


async def test_a_word_is_applied_whole_and_told(store: Store) -> None:
    done = await published(store, entry(1), entry(2))
    token = await leading(store)
    publication = split(await asked(store), done)
    assert await store.rule(token, publication)
    assert (await store.answer("one"), await store.asked_count()) == (APPLIED, 0)
    assert await store.rulings() == [publication.ruling]
    assert await store.examples([entry(1).entry_id, entry(2).entry_id]) == {EXAMPLE.entry_id: EXAMPLE}
    assert await store.event_of(entry(2).entry_id) == "e-new"
    assert set(await store.events(["e-new", done[0].event_id])) == {"e-new", done[0].event_id}
    assert (await length(store, store.keys.events), await length(store, store.keys.reports)) == (3, 4)
    assert [record.event_id async for records in store.fingerprints(EPOCH) for record in records] == [
        done[0].event_id,
        "e-new",
    ]
    assert (await store.totals(making.NOW - timedelta(days=9999))).reports["split"] == 1


async def test_a_word_that_changes_nothing_is_only_answered(store: Store) -> None:
    await published(store, entry(1))
    stream_id, token = await asked(store), await leading(store)
    answer = RulingAnswer(RulingState.UNCHANGED, "nothing to do")
    before = await contents(store)
    assert await store.rule(token, RulingPublication(stream_id, "one", answer))
    after = await contents(store)
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert changed <= {store.keys.asked.encode(), store.keys.ruling("one").encode()}
    assert (await store.answer("one"), await store.rulings()) == (answer, [])


async def test_applying_again_changes_nothing(store: Store) -> None:
    done = await published(store, entry(1), entry(2))
    token = await leading(store)
    publication = split(await asked(store), done)
    assert await store.rule(token, publication)
    before = await contents(store)
    assert not await store.rule(token, publication)
    assert await contents(store) == before


async def test_who_does_not_lead_applies_nothing(store: Store) -> None:
    done = await published(store, entry(1), entry(2))
    token = await leading(store)
    stream_id = await asked(store)
    before = await contents(store)
    with pytest.raises(StaleToken):
        await store.rule(token + 1, split(stream_id, done))
    assert await contents(store) == before


@pytest.mark.parametrize("key", ["rulings", "examples", "merged", "ruling"])
async def test_a_key_of_another_type_is_found_before_anything_is_written(store: Store, key: str) -> None:
    done = await published(store, entry(1), entry(2))
    token = await leading(store)
    stream_id = await asked(store)
    place = store.keys.ruling("one") if key == "ruling" else str(getattr(store.keys, key))
    await store.command("DEL", place)
    await store.command("RPUSH", place, "odd")
    before = await contents(store)
    with pytest.raises(EngineRefused, match="key_prefix"):
        await store.rule(token, split(stream_id, done))
    assert await contents(store) == before


async def test_a_gate_that_has_expired_stays_gone(store: Store) -> None:
    done = await published(store, entry(1), entry(2))
    await store.command("DEL", store.keys.gate(entry(2).entry_id))
    assert await store.rule(await leading(store), split(await asked(store), done))
    assert await store.event_of(entry(2).entry_id) is None


async def test_every_revision_of_a_moved_report_has_the_new_event(store: Store) -> None:
    done = await published(store, entry(1), entry(2))
    await store.command("HSET", store.keys.gate(entry(2).entry_id), "1", done[1].event_id)
    assert await store.rule(await leading(store), split(await asked(store), done))
    assert set(await store.command("HVALS", store.keys.gate(entry(2).entry_id))) == {b"e-new"}


async def test_a_report_that_was_moved_into_an_event_that_was_absorbed_since_is_of_the_survivor(store: Store) -> None:
    done = await published(store, entry(1), entry(2))
    assert await store.rule(await leading(store), split(await asked(store), done))
    await store.command("HSET", store.keys.merged, "e-new", "e-last|1")
    assert [record.event_id async for records in store.fingerprints(EPOCH) for record in records] == [
        done[0].event_id,
        "e-last",
    ]


async def test_a_ruling_that_another_version_wrote_costs_only_itself(store: Store) -> None:
    done = await published(store, entry(1), entry(2))
    await store.command("XADD", store.keys.rulings, "*", "r", b'{"v":2,"odd":1}')
    await store.command("XADD", store.keys.rulings, "*", "other", b"")
    publication = split(await asked(store), done)
    assert await store.rule(await leading(store), publication)
    assert await store.rulings() == [publication.ruling]
    assert store.slips.counts == {"ruling": 2}
    assert [record.event_id async for records in store.fingerprints(EPOCH) for record in records] == [
        done[0].event_id,
        "e-new",
    ]
