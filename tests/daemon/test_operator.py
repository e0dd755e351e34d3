"""The operator's word through the event stage: followed, told, remembered, and stronger than the model."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from aggregator.daemon.watching import Watching
from aggregator.engine.store import Store
from aggregator.errors import StaleToken
from aggregator.model import (
    Event,
    Kind,
    Match,
    Message,
    Queue,
    RulingAnswer,
    RulingRequest,
    RulingState,
    Settings,
    Verb,
)
from aggregator.watch.progress import Progress
from tests.daemon.stages import START, Stages
from tests.daemon.test_stages import BUDGET, QUAKE, QUAKE_TOO, RESCUE, feed, rss

WIRE = f"{RESCUE} The ministry sent helicopters and field hospitals; schools stay closed on Monday."


async def told(
    store: Store, verb: Verb, *names: str, number: int = 1, **more: str
) -> str:
    """Ask, and the id of what was asked."""
    ruling_id = f"ruling-{number}-{verb}"
    assert await store.rulings.ask(
        RulingRequest(ruling_id, verb, names, asked_at=START, **more)
    )
    return ruling_id


async def follow(
    stages: Stages, verb: Verb, *names: str, number: int = 1, **more: str
) -> RulingAnswer:
    """Ask, and what the event worker answers."""
    ruling_id = await told(stages.store, verb, *names, number=number, **more)
    await stages.assign()
    answer = await stages.store.rulings.answer(ruling_id)
    assert answer is not None
    return answer


async def by_feed(stages: Stages) -> dict[str, Message]:
    """The newest message of each feed's report; each feed has one."""
    return {message.feed_id: message for message in await stages.messages()}


async def event(store: Store, event_id: str) -> Event:
    return (await store.events.by_ids([event_id]))[event_id]


async def two_events(store: Store, **more: object) -> Stages:
    stages = Stages(store, feed("a"), feed("b"), feed("c"), feed("d"), **more)  # type: ignore[arg-type]
    await stages.run("a", rss(("1", QUAKE)))
    stages.now += timedelta(minutes=1)
    await stages.run("b", rss(("2", BUDGET), site="b"))
    return stages


async def one_event(store: Store, **more: object) -> Stages:
    stages = Stages(store, feed("a"), feed("b"), feed("c"), feed("d"), **more)  # type: ignore[arg-type]
    await stages.run("a", rss(("1", QUAKE)))
    stages.now += timedelta(minutes=1)
    await stages.run("b", rss(("9", QUAKE_TOO, WIRE), site="b"))
    assert len(await stages.messages("events")) == 1
    return stages


# --- join -----------------------------------------------------------------------------------------------------


async def test_two_events_that_an_operator_joins_are_one_and_consumers_are_told(
    store: Store,
):
    stages = await two_events(store)
    reports = await by_feed(stages)
    answer = await follow(
        stages,
        Verb.JOIN,
        reports["b"].entry_id,
        reports["a"].event_id,
        operator="anna",
        why="one crisis",
    )
    assert (answer.state, answer.event_id) == (
        RulingState.APPLIED,
        reports["a"].event_id,
    )
    merge = (await stages.messages("events"))[-1]
    assert (merge.kind, merge.reason, merge.operator, merge.why) == (
        Kind.MERGED,
        "operator",
        "anna",
        "one crisis",
    )
    assert (merge.merged_into, merge.merged_from) == (
        reports["a"].event_id,
        reports["b"].event_id,
    )
    assert (merge.source_count, merge.independent_count) == (2, 2)
    survivor = await event(store, reports["b"].event_id)
    assert (survivor.event_id, survivor.source_count) == (reports["a"].event_id, 2)
    stages.now += timedelta(hours=1)
    await stages.run("c", rss(("3", f"{BUDGET}, pensions rise"), site="c"))
    assert (await by_feed(stages))["c"].event_id == reports["a"].event_id


async def test_a_join_outlives_a_restart(store: Store):
    stages = await two_events(store)
    reports = await by_feed(stages)
    await follow(stages, Verb.JOIN, reports["a"].event_id, reports["b"].event_id)
    await stages.event_stage.close()
    await stages.run("c", rss(("3", f"{BUDGET}, pensions rise"), site="c"))
    assert (await by_feed(stages))["c"].event_id == reports["a"].event_id


async def test_the_same_word_twice_changes_nothing(store: Store):
    stages = await two_events(store)
    reports = await by_feed(stages)
    names = (reports["a"].event_id, reports["b"].event_id)
    await follow(stages, Verb.JOIN, *names)
    before = (
        await stages.messages("events"),
        await event(store, names[0]),
        await store.rulings.applied(),
    )
    assert (
        await follow(stages, Verb.JOIN, *names, number=2)
    ).state is RulingState.UNCHANGED
    assert (
        await stages.messages("events"),
        await event(store, names[0]),
        await store.rulings.applied(),
    ) == before
    assert not await store.rulings.ask(RulingRequest("ruling-2-join", Verb.JOIN, names))


# --- split ----------------------------------------------------------------------------------------------------


async def test_a_report_that_is_split_off_is_an_event_of_its_own_and_consumers_are_told(
    store: Store,
):
    stages = await one_event(store)
    reports = await by_feed(stages)
    left = reports["a"].event_id
    answer = await follow(
        stages, Verb.SPLIT, reports["b"].entry_id, operator="anna", why="an aftershock"
    )
    assert answer.state is RulingState.APPLIED
    fresh = answer.event_id
    assert fresh not in (left, reports["b"].event_id)
    *_, new, rest = await stages.messages()
    assert (new.kind, new.reason, new.event_id, new.split_from) == (
        Kind.NEW,
        "operator",
        fresh,
        left,
    )
    assert (new.operator, new.why, new.title) == ("anna", "an aftershock", QUAKE_TOO)
    assert new.document == reports["b"].document != ""
    assert (rest.kind, rest.reason, rest.event_id, rest.entry_id) == (
        Kind.EDITED,
        "operator",
        left,
        reports["a"].entry_id,
    )
    assert (
        rest.source_count,
        rest.independent_count,
        [s.feed_id for s in rest.sources],
    ) == (1, 1, ["a"])
    assert (await stages.messages("events"))[-1] == new
    assert len({m.id for m in await stages.messages()}) == 4
    one, other = await event(store, left), await event(store, fresh)
    assert (
        one.source_count,
        one.independent_sites,
        other.source_count,
        other.independent_sites,
    ) == (
        1,
        ("a.example",),
        1,
        ("b.example",),
    )
    assert await store.events.event_of(reports["b"].entry_id) == fresh


async def test_an_edit_of_a_report_that_was_split_off_is_of_its_new_event(store: Store):
    stages = await one_event(store)
    reports = await by_feed(stages)
    fresh = (await follow(stages, Verb.SPLIT, reports["b"].entry_id)).event_id
    for restarted in (False, True):
        if restarted:
            await stages.event_stage.close()
        stages.now += timedelta(hours=1)
        await stages.run(
            "b",
            rss(
                ("9", QUAKE_TOO, f"Another text, {restarted}, longer than before."),
                site="b",
            ),
        )
        newest = (await stages.messages())[-1]
        assert (newest.kind, newest.event_id, newest.reason) == (
            Kind.EDITED,
            fresh,
            "edited",
        )


async def test_an_event_keeps_its_id_when_its_first_report_is_split_off(store: Store):
    stages = await one_event(store)
    reports = await by_feed(stages)
    left = reports["a"].event_id
    answer = await follow(stages, Verb.SPLIT, reports["a"].entry_id)
    assert answer.event_id != left
    rest = await event(store, left)
    assert (rest.title, [s.feed_id for s in rest.sources]) == (QUAKE_TOO, ["b"])
    assert (await stages.messages())[-1].document == reports["b"].document


@pytest.mark.parametrize("restarted", [False, True])
async def test_no_later_report_makes_one_again_what_an_operator_split(
    store: Store, restarted: bool
):
    stages = await one_event(store)
    reports = await by_feed(stages)
    left = reports["a"].event_id
    fresh = (await follow(stages, Verb.SPLIT, reports["b"].entry_id)).event_id
    if restarted:
        await stages.event_stage.close()
    stages.now += timedelta(hours=1)
    await stages.run("c", rss(("3", QUAKE_TOO, WIRE), site="c"))
    await stages.run("d", rss(("4", QUAKE, f"{QUAKE}. {WIRE}"), site="d"))
    assert not [m for m in await stages.messages("events") if m.kind is Kind.MERGED]
    found = {
        name: await store.events.event_of(m.entry_id)
        for name, m in (await by_feed(stages)).items()
    }
    assert (found["a"], found["b"]) == (left, fresh)
    assert found["c"] == fresh, (
        "what repeats the report that was split off goes with it"
    )


async def test_without_an_operators_word_the_same_reports_are_one_event(store: Store):
    stages = await one_event(store)
    await stages.run("c", rss(("3", QUAKE_TOO, WIRE), site="c"))
    await stages.run("d", rss(("4", QUAKE, f"{QUAKE}. {WIRE}"), site="d"))
    assert len({m.event_id for m in await stages.messages()}) == 1


async def test_reports_can_be_split_into_another_event_and_back_and_the_last_word_counts(
    store: Store,
):
    stages = await one_event(store)
    await stages.run("c", rss(("2", BUDGET), site="c"))
    reports = await by_feed(stages)
    left, other = reports["a"].event_id, reports["c"].event_id
    there = await follow(stages, Verb.SPLIT, reports["b"].entry_id, into=other)
    assert (there.state, there.event_id) == (RulingState.APPLIED, other)
    joined = next(m for m in reversed(await stages.messages()) if m.kind is Kind.JOINED)
    assert (joined.event_id, joined.split_from, joined.source_count) == (other, left, 2)
    again = await follow(
        stages, Verb.SPLIT, reports["b"].entry_id, into=other, number=2
    )
    assert again.state is RulingState.UNCHANGED
    back = await follow(stages, Verb.SPLIT, reports["b"].entry_id, into=left, number=3)
    assert (back.state, back.event_id) == (RulingState.APPLIED, left)
    assert (await event(store, left)).source_count == 2
    assert (await event(store, other)).independent_sites == ("c.example",)
    ids = [m.id for m in await stages.messages()]
    assert len(ids) == len(set(ids))
    await stages.event_stage.close()
    await stages.assign()
    await stages.run("d", rss(("5", QUAKE_TOO, WIRE), site="d"))
    assert (await by_feed(stages))["d"].event_id == left


async def test_what_was_split_can_be_joined_again_and_then_stays_one(store: Store):
    stages = await one_event(store)
    reports = await by_feed(stages)
    fresh = (await follow(stages, Verb.SPLIT, reports["b"].entry_id)).event_id
    answer = await follow(stages, Verb.JOIN, fresh, reports["a"].event_id, number=2)
    assert (answer.state, answer.event_id) == (
        RulingState.APPLIED,
        reports["a"].event_id,
    )
    assert (await event(store, fresh)).source_count == 2
    again = await follow(stages, Verb.SPLIT, reports["b"].entry_id, number=3)
    assert again.state is RulingState.APPLIED
    assert again.event_id != fresh, "consumers know that name as an alias"


async def test_a_copy_that_is_split_off_counts_as_a_source_of_its_own_event(
    store: Store,
):
    stages = Stages(store, feed("a"), feed("b"), feed("c"))
    await stages.run("a", rss(("1", QUAKE_TOO, WIRE)))
    await stages.run("b", rss(("2", QUAKE_TOO, WIRE), site="b"))
    await stages.run("c", rss(("3", QUAKE_TOO, WIRE), site="c"))
    reports = await by_feed(stages)
    assert (
        reports["c"].reason,
        reports["c"].source_count,
        reports["c"].independent_count,
    ) == ("copy", 3, 1)
    fresh = (
        await follow(stages, Verb.SPLIT, reports["b"].entry_id, reports["c"].entry_id)
    ).event_id
    assert (await event(store, fresh)).independent_sites == ("b.example",)
    assert (await event(store, reports["a"].event_id)).independent_sites == (
        "a.example",
    )


async def test_the_page_of_an_event_lists_the_reports_that_are_in_it_now(store: Store):
    stages = await one_event(store)
    reports = await by_feed(stages)
    fresh = (await follow(stages, Verb.SPLIT, reports["b"].entry_id)).event_id
    page = Watching(
        store=store,
        feeds=list,
        troubles=list,
        progress=Progress({}),
        clock=stages.clock,
    )
    assert [m.feed_id for m in await page.reports(reports["a"].event_id)] == ["a"]
    assert [m.feed_id for m in await page.reports(fresh)] == ["b"]


async def test_reports_without_an_address_count_for_their_feeds_publisher(store: Store):
    stages = Stages(store, feed("a"), feed("b"))
    await stages.run(
        "a", rss(("1", QUAKE)).replace(b"<link>https://a.example/1</link>", b"")
    )
    second = rss(("9", QUAKE_TOO, WIRE), site="b").replace(
        b"<link>https://b.example/9</link>", b""
    )
    await stages.run("b", second)
    reports = await by_feed(stages)
    before = await event(store, reports["a"].event_id)
    assert (reports["b"].url, before.independent_sites) == (
        "",
        ("a.example", "b.example"),
    )
    fresh = (await follow(stages, Verb.SPLIT, reports["b"].entry_id)).event_id
    assert (await event(store, fresh)).independent_sites == ("b.example",)
    assert (await event(store, before.event_id)).independent_sites == ("a.example",)


# --- what cannot be followed ----------------------------------------------------------------------------------


async def test_words_that_cannot_be_followed_are_refused_with_the_reason_and_change_nothing(
    store: Store,
):
    stages = await two_events(store)
    reports = await by_feed(stages)
    a, b = reports["a"], reports["b"]
    cases = [
        (
            Verb.JOIN,
            (a.event_id, "e" + "0" * 20),
            "",
            "no report or event is kept as e000",
        ),
        (Verb.JOIN, (a.event_id,), "", "two events"),
        (Verb.SPLIT, (a.entry_id, b.entry_id), "", "of several events"),
        (Verb.SPLIT, (a.entry_id,), b.event_id, "nothing else in"),
        (Verb.SPLIT, (a.event_id,), "", "too old to be split off"),
    ]
    for number, (verb, names, into, why) in enumerate(cases):
        answer = await follow(stages, verb, *names, into=into, number=number)
        assert (answer.state, why in answer.text) == (RulingState.REFUSED, True), (
            answer.text
        )
    assert (
        await follow(stages, Verb.SPLIT, a.entry_id, number=9)
    ).state is RulingState.UNCHANGED
    assert await store.rulings.applied() == []
    assert len(await stages.messages()) == 2


async def test_a_request_that_cannot_be_read_is_refused_and_what_is_behind_it_followed(
    store: Store,
):
    stages = await two_events(store)
    reports = await by_feed(stages)
    await store.engine.client.execute_command(
        "XADD", "agg:asked", "*", "id", "odd", "r", b"\xff no request"
    )
    answer = await follow(
        stages, Verb.JOIN, reports["a"].event_id, reports["b"].event_id
    )
    assert answer.state is RulingState.APPLIED
    odd = await store.rulings.answer("odd")
    assert odd is not None
    assert odd.state is RulingState.REFUSED


async def test_a_word_on_an_event_whose_record_is_damaged_is_refused_and_names_the_key(
    store: Store,
):
    stages = await two_events(store)
    reports = await by_feed(stages)
    key = f"agg:event:{reports['a'].event_id}"
    await store.engine.client.execute_command("SET", key, b"damaged")
    answer = await follow(
        stages, Verb.JOIN, reports["a"].event_id, reports["b"].event_id
    )
    assert (answer.state, key in answer.text) == (RulingState.REFUSED, True)


async def test_a_word_waits_until_somebody_leads_and_nobody_else_may_follow_it(
    store: Store,
):
    stages = await two_events(store)
    reports = await by_feed(stages)
    ruling_id = await told(
        store, Verb.JOIN, reports["a"].event_id, reports["b"].event_id
    )
    answer = await store.rulings.answer(ruling_id)
    assert answer is not None
    assert answer.state is RulingState.WAITING
    stages.now += timedelta(seconds=16)
    successor = stages.worker()
    assert await successor._take_lead()
    with pytest.raises(StaleToken):
        await stages.event_stage._follow_operators()
    assert await store.rulings.applied() == []
    await successor.drain()
    answer = await store.rulings.answer(ruling_id)
    assert answer is not None
    assert answer.state is RulingState.APPLIED


async def test_rulings_are_forgotten_after_their_time(store: Store):
    stages = await two_events(store)
    reports = await by_feed(stages)
    await follow(stages, Verb.JOIN, reports["a"].event_id, reports["b"].event_id)
    now = await store.server_time()
    assert await store.retention.forget_rulings(stages.now - timedelta(minutes=1)) == 0
    names = [reports["a"].entry_id, reports["b"].entry_id]
    assert list(await store.rulings.examples(names)) == names
    assert await store.retention.forget_rulings(now + timedelta(minutes=1)) == 1
    assert (await store.rulings.applied(), await store.rulings.examples(names)) == (
        [],
        {},
    )


# --- queues ---------------------------------------------------------------------------------------------------


async def test_queues_hear_of_what_an_operator_joined_and_split(store: Store):
    settings = Settings(
        queues=(
            Queue("big", min_sources=2),
            Queue("all"),
            Queue("every", deliver="reports"),
        )
    )
    stages = await two_events(store, settings=settings)
    reports = await by_feed(stages)
    await follow(stages, Verb.JOIN, reports["a"].event_id, reports["b"].event_id)
    [big] = await stages.messages("queue:big")
    assert (big.event_id, big.independent_count, big.reason) == (
        reports["a"].event_id,
        2,
        "operator",
    )
    assert [m.kind for m in await stages.messages("queue:all")] == [
        Kind.NEW,
        Kind.NEW,
        Kind.MERGED,
    ]
    fresh = (await follow(stages, Verb.SPLIT, reports["b"].entry_id)).event_id
    assert (await stages.messages("queue:all"))[-1].event_id == fresh
    assert [m.kind for m in await stages.messages("queue:every")] == [
        Kind.NEW,
        Kind.NEW,
        Kind.NEW,
        Kind.EDITED,
    ]
    assert len(await stages.messages("queue:big")) == 1


async def test_an_operators_join_brings_a_match_and_the_count_together(store: Store):
    """Only one of the two reports has the word; it is the one told."""
    words = Match(words=("budget",))
    stages = await two_events(
        store, settings=Settings(queues=(Queue("budget", min_sources=2, match=words),))
    )
    reports = await by_feed(stages)
    assert await stages.messages("queue:budget") == []
    matching = [one for one in reports.values() if "budget" in one.title]
    await follow(stages, Verb.JOIN, reports["a"].event_id, reports["b"].event_id)
    [told] = await stages.messages("queue:budget")
    assert [told.entry_id] == [one.entry_id for one in matching]


async def test_a_split_takes_a_match_with_the_report_that_had_it(store: Store):
    """The word left with the report: more sources without it serve nobody."""
    queue = Queue("budget", min_sources=3, match=Match(words=("budget",)))
    stages = await two_events(store, settings=Settings(queues=(queue,)))
    reports = await by_feed(stages)
    [matching] = [one for one in reports.values() if "budget" in one.title]
    await follow(stages, Verb.JOIN, reports["a"].event_id, reports["b"].event_id)
    assert (await event(store, reports["a"].event_id)).queues_matched == ("budget",)
    await follow(stages, Verb.SPLIT, matching.entry_id, number=2)
    names = {await store.events.event_of(one.entry_id) for one in reports.values()}
    marks = {name: (await event(store, str(name))).queues_matched for name in names}
    assert sorted(marks.values()) == [(), ("budget",)]
    assert marks[str(await store.events.event_of(matching.entry_id))] == ("budget",)


# --- any sequence ---------------------------------------------------------------------------------------------


async def members(stages: Stages) -> dict[str, str | None]:
    return {
        m.entry_id: await stages.store.events.event_of(m.entry_id)
        for m in await stages.messages()
    }


@pytest.mark.parametrize("seed", range(6))
async def test_after_any_words_a_rebuilt_index_and_the_records_say_what_the_live_index_says(
    store: Store, seed: int
):
    chance = random.Random(seed)
    stages = Stages(store, *(feed(f"f{n}") for n in range(8)))
    titles = [
        (QUAKE, ""),
        (QUAKE_TOO, WIRE),
        (BUDGET, ""),
        (f"{BUDGET}, pensions rise", ""),
    ]
    for step in range(24):
        stages.now += timedelta(minutes=5)
        known = sorted((await members(stages)).items())
        if step % 3 == 0:
            title, text = chance.choice(titles)
            await stages.run(
                f"f{step // 3}",
                rss((f"{step}", title, text or title), site=f"s{step // 3}"),
            )
        elif len(known) > 1:
            (one, _), (other, event_id) = chance.sample(known, 2)
            into = {"into": str(event_id)} if chance.random() < 0.3 else {}
            if chance.random() < 0.4:
                await follow(stages, Verb.JOIN, one, other, number=step)
            else:
                await follow(stages, Verb.SPLIT, one, number=step, **into)
    live = {
        entry_id: stages.event_stage._index.event_of(entry_id)
        for entry_id in await members(stages)
    }
    await stages.event_stage.close()
    assert await stages.event_stage._take_lead()
    await stages.event_stage._load()
    rebuilt = {
        entry_id: stages.event_stage._index.event_of(entry_id) for entry_id in live
    }
    assert live == rebuilt == await members(stages)
    for event_id in set(live.values()):
        record = await event(store, str(event_id))
        inside = sorted(
            entry_id for entry_id, there in live.items() if there == event_id
        )
        assert sorted(source.entry_id for source in record.sources) == inside
        assert (record.source_count, record.merged_into) == (len(inside), "")
        assert record.independent_count == len(record.independent_sites) <= len(inside)
    assert replace(record, queues_served=(), queues_matched=()) == record
