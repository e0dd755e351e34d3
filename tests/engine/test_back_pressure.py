"""What one worker notes and all others read: why polling and the event stage hold back."""

from __future__ import annotations

import pytest

from aggregator.engine.back_pressure import MOST_WAITING, BackPressure
from aggregator.engine.store import Store
from aggregator.errors import StaleToken
from aggregator.model import Notice
from tests.engine.making import EPOCH, NOW, entry, leading, waiting

FAILING = Notice("failing", "", "", "the event stage waits: why")
RECOVERED = Notice("recovered", "", "", "the event stage goes on")


async def told(store: Store) -> list[str]:
    return [one.notice.kind for one in await store.watch.trouble(EPOCH)]


def test_polling_waits_for_an_event_stage_that_is_far_behind_and_for_a_slow_consumer() -> (
    None
):
    assert BackPressure(MOST_WAITING, "", "a fault").why_not_poll == ""
    assert "than may" in BackPressure(MOST_WAITING + 1, "", "").why_not_poll
    assert BackPressure(0, "a group is behind", "").why_not_poll == "a group is behind"


async def test_nothing_is_held_at_first_and_what_waits_is_counted(store: Store) -> None:
    assert await store.back_pressure.standing() == BackPressure(0, "", "")
    await waiting(store, entry(1), entry(2))
    assert await store.back_pressure.standing() == BackPressure(2, "", "")


async def test_a_held_event_stage_is_told_when_it_begins_and_when_it_ends_not_between(
    store: Store,
) -> None:
    token = await leading(store)
    assert await store.back_pressure.hold_events(token, "one fault", FAILING, at=NOW)
    assert not await store.back_pressure.hold_events(
        token, "another fault", FAILING, at=NOW
    )
    assert (await store.back_pressure.standing()).event_stage == "another fault"
    assert await store.back_pressure.hold_events(token, "", RECOVERED, at=NOW)
    assert not await store.back_pressure.hold_events(token, "", RECOVERED, at=NOW)
    assert (await store.back_pressure.standing()).event_stage == ""
    assert await told(store) == ["failing", "recovered"]


async def test_a_repeat_of_the_same_call_tells_nothing_twice(store: Store) -> None:
    token = await leading(store)
    for _ in range(2):
        await store.back_pressure.hold_events(token, "a fault", FAILING, at=NOW)
    assert await told(store) == ["failing"]


async def test_who_does_not_lead_cannot_hold_the_event_stage(store: Store) -> None:
    token = await leading(store)
    with pytest.raises(StaleToken):
        await store.back_pressure.hold_events(token - 1, "a fault", FAILING, at=NOW)
    assert await store.back_pressure.standing() == BackPressure(0, "", "")
    assert await told(store) == []


async def test_a_slow_consumer_is_noted_and_forgotten(store: Store) -> None:
    await store.back_pressure.note_slow_consumer("a consumer group is behind")
    assert (
        await store.back_pressure.standing()
    ).slow_consumer == "a consumer group is behind"
    await store.back_pressure.note_slow_consumer("")
    assert (await store.back_pressure.standing()).slow_consumer == ""
