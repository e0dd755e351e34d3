"""Claims, commits and holds: one worker at a time for a feed, one connection at a time for a host."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from aggregator.engine import wire
from aggregator.engine.poll_store import Skip
from aggregator.engine.store import Store
from aggregator.errors import EngineRefused, StaleToken
from aggregator.model import Entry, Health, KnownEntry, Notice
from tests.engine import making
from tests.engine.making import (
    LEASE,
    NOW,
    SPACING,
    claimed,
    commit,
    contents,
    entry,
    state,
)


def hosts(count: int, *, on: int) -> dict[str, str]:
    return {f"f{number}": f"h{number % on}.example" for number in range(count)}


# --- registering ---


async def test_a_restart_leaves_due_times_alone(store: Store) -> None:
    await store.polls.register({"f0": NOW})
    await store.polls.set_due("f0", NOW + timedelta(hours=3))
    await store.polls.register({"f0": NOW, "f1": NOW})
    assert await store.polls.due_times(["f0", "f1"]) == {
        "f0": NOW + timedelta(hours=3),
        "f1": NOW,
    }


async def test_a_feed_that_is_never_due_again_stays_so_after_a_restart(
    store: Store,
) -> None:
    await store.polls.commit(commit(await claimed(store), due_at=None))
    await store.polls.register({"f0": NOW})
    assert await store.polls.due_times(["f0"]) == {"f0": None}
    assert (await store.polls.due_counts()).parked_count == 1
    assert await store.polls.next_due_at() is None


async def test_a_removed_feed_is_not_polled_and_what_was_seen_is_kept(
    store: Store,
) -> None:
    claim = await claimed(store)
    known = {"a" * 20: KnownEntry("hash", NOW)}
    await store.polls.commit(replace(commit(claim), known=known))
    await store.polls.register({"f1": NOW})
    assert await store.polls.feed_ids() == ["f1"]
    assert await store.polls.known("f0") == known


async def test_a_feed_removed_during_its_poll_does_not_come_back(store: Store) -> None:
    claim = await claimed(store)
    await store.polls.register({"f1": NOW})
    await store.polls.commit(commit(claim))
    assert await store.polls.feed_ids() == ["f1"]


async def test_many_feeds_are_registered_in_pages(store: Store) -> None:
    feeds = {f"f{number}": NOW for number in range(1201)}
    await store.polls.register(feeds)
    assert (await store.polls.due_counts(now=NOW)).due_count == 1201
    await store.polls.register({"f7": NOW})
    assert await store.polls.feed_ids() == ["f7"]


# --- claiming ---


async def test_only_feeds_whose_time_has_come_are_claimed(store: Store) -> None:
    await store.polls.register({"f0": NOW, "f1": NOW + timedelta(seconds=1)})
    found = await store.polls.claim(
        10, hosts=hosts(2, on=2), lease=LEASE, spacing=SPACING, now=NOW
    )
    assert [claim.feed_id for claim in found.claims] == ["f0"]


async def test_the_longest_due_come_first_up_to_the_limit(store: Store) -> None:
    await store.polls.register(
        {f"f{number}": NOW - timedelta(minutes=number) for number in range(5)}
    )
    found = await store.polls.claim(
        2, hosts=hosts(5, on=5), lease=LEASE, spacing=SPACING, now=NOW
    )
    assert [claim.feed_id for claim in found.claims] == ["f4", "f3"]


async def test_a_host_has_one_connection_at_a_time(store: Store) -> None:
    await store.polls.register(dict.fromkeys(hosts(6, on=2), NOW))
    first = await store.polls.claim(
        10, hosts=hosts(6, on=2), lease=LEASE, spacing=SPACING, now=NOW
    )
    assert sorted(claim.feed_id for claim in first.claims) == ["f0", "f1"]
    second = await store.polls.claim(
        10, hosts=hosts(6, on=2), lease=LEASE, spacing=SPACING, now=NOW + SPACING
    )
    assert second.claims == ()
    assert {skip.why for skip in second.skipped} == {Skip.OPEN}


async def test_of_two_feeds_of_one_host_asked_for_together_one_is_taken(
    store: Store,
) -> None:
    await store.polls.register({"f0": NOW, "f1": NOW})
    found = await store.polls.claim_these(
        {"f0": "h0", "f1": "h0"}, lease=LEASE, spacing=SPACING, now=NOW
    )
    assert [claim.feed_id for claim in found.claims] == ["f0"]
    assert [(skip.feed_id, skip.why) for skip in found.skipped] == [("f1", Skip.SPACED)]


async def test_a_commit_frees_the_host_and_its_spacing_is_kept(store: Store) -> None:
    await store.polls.register(dict.fromkeys(hosts(2, on=1), NOW))
    (claim,) = (
        await store.polls.claim(
            10, hosts=hosts(2, on=1), lease=LEASE, spacing=SPACING, now=NOW
        )
    ).claims
    await store.polls.commit(
        commit(claim, host="h0.example", due_at=NOW + LEASE), now=NOW
    )
    soon = await store.polls.claim(
        10, hosts=hosts(2, on=1), lease=LEASE, spacing=SPACING, now=NOW
    )
    assert [(skip.why, skip.until_at) for skip in soon.skipped] == [
        (Skip.SPACED, NOW + SPACING)
    ]
    later = await store.polls.claim(
        10, hosts=hosts(2, on=1), lease=LEASE, spacing=SPACING, now=NOW + SPACING
    )
    assert [claim.feed_id for claim in later.claims] == ["f1"]


async def test_a_held_host_is_left_alone_until_the_hold_ends(store: Store) -> None:
    await store.polls.register({"f0": NOW})
    end = NOW + timedelta(hours=1)
    await store.polls.hold_host("h0.example", end, now=NOW)
    await store.polls.hold_host("h0.example", NOW + timedelta(minutes=1), now=NOW)
    held = await store.polls.claim(
        10, hosts=hosts(1, on=1), lease=LEASE, spacing=SPACING, now=end - SPACING
    )
    assert [(skip.why, skip.until_at) for skip in held.skipped] == [(Skip.HELD, end)]
    assert await store.polls.held_hosts(["h0.example", "other.example"], now=NOW) == {
        "h0.example": end
    }
    free = await store.polls.claim(
        10, hosts=hosts(1, on=1), lease=LEASE, spacing=SPACING, now=end
    )
    assert len(free.claims) == 1


async def test_a_commit_can_hold_the_host(store: Store) -> None:
    claim = await claimed(store, host="h0.example", now=NOW)
    end = NOW + timedelta(minutes=10)
    await store.polls.commit(
        replace(commit(claim, host="h0.example"), host_hold_until_at=end), now=NOW
    )
    assert await store.polls.held_hosts(["h0.example"], now=NOW) == {"h0.example": end}


async def test_a_claim_lapses_by_itself_with_its_host(store: Store) -> None:
    first = await claimed(store, host="h0.example", now=NOW)
    early = await store.polls.claim_these(
        {"f0": "h0.example"}, lease=LEASE, spacing=SPACING, now=NOW + LEASE - SPACING
    )
    assert [(skip.why, skip.until_at) for skip in early.skipped] == [
        (Skip.CLAIMED, first.lapses_at)
    ]
    again = await store.polls.claim(
        1, hosts={"f0": "h0.example"}, lease=LEASE, spacing=SPACING, now=NOW + LEASE
    )
    assert again.claims[0].token > first.token


async def test_feeds_under_a_claim_are_listed_until_it_lapses(store: Store) -> None:
    claim = await claimed(store, now=NOW)
    assert await store.polls.claimed(["f0", "f1"], now=NOW) == {"f0": claim.lapses_at}
    assert await store.polls.claimed(["f0", "f1"], now=NOW + LEASE) == {}
    await store.polls.commit(commit(claim))
    assert await store.polls.claimed(["f0"], now=NOW) == {}


async def test_a_feed_of_another_configuration_is_left_to_others(store: Store) -> None:
    await store.polls.register({"f0": NOW, "other": NOW})
    found = await store.polls.claim(
        10, hosts=hosts(1, on=1), lease=LEASE, spacing=SPACING, now=NOW
    )
    assert [claim.feed_id for claim in found.claims] == ["f0"]


async def test_an_unknown_feed_is_not_claimed(store: Store) -> None:
    found = await store.polls.claim_these({"nobody": ""}, lease=LEASE, spacing=SPACING)
    assert [skip.why for skip in found.skipped] == [Skip.UNKNOWN]


async def test_a_crowded_host_does_not_keep_others_waiting(store: Store) -> None:
    crowd = {f"c{number:04}": "crowded.example" for number in range(1500)}
    await store.polls.register(dict.fromkeys(crowd, NOW - LEASE) | {"f0": NOW})
    found = await store.polls.claim(
        10, hosts=crowd | hosts(1, on=1), lease=LEASE, spacing=SPACING, now=NOW
    )
    assert sorted(claim.feed_id for claim in found.claims) == ["c0000", "f0"]


async def test_workers_side_by_side_never_get_the_same_feed(store: Store) -> None:
    names = hosts(300, on=300)
    await store.polls.register(dict.fromkeys(names, NOW))
    rounds = [
        store.polls.claim(20, hosts=names, lease=LEASE, spacing=SPACING, now=NOW)
        for _ in range(30)
    ]
    got = [claim for found in await asyncio.gather(*rounds) for claim in found.claims]
    assert (
        len(got)
        == len({claim.feed_id for claim in got})
        == len({claim.token for claim in got})
    )
    assert len(got) == 300


async def test_the_state_comes_with_the_claim(store: Store) -> None:
    first = await claimed(store)
    assert first.state is None
    await store.polls.commit(commit(first))
    assert (await claimed(store)).state == state("f0")


async def test_a_feed_whose_state_a_later_version_wrote_is_left_to_it(
    store: Store,
) -> None:
    await store.polls.register({"f0": NOW, "f1": NOW})
    later = b'{"v":2,"feed_id":"f0"}'
    await store.engine.command("HSET", store.engine.keys.feed("f0"), "state", later)
    found = await store.polls.claim(
        10, hosts=hosts(2, on=2), lease=LEASE, spacing=SPACING, now=NOW
    )
    assert [claim.feed_id for claim in found.claims] == ["f1"]
    assert [(skip.feed_id, skip.why) for skip in found.skipped] == [
        ("f0", Skip.UNREADABLE)
    ]
    assert (
        await store.engine.command("HGET", store.engine.keys.feed("f0"), "state")
        == later
    )


# --- committing ---


async def test_a_commit_writes_everything_once_though_it_is_repeated(
    store: Store,
) -> None:
    claim = await claimed(store)
    known = {f"{number:020x}": KnownEntry(f"hash {number}", NOW) for number in range(3)}
    whole = replace(
        commit(claim, entry(1), entry(2), due_at=NOW + LEASE),
        known=known,
        notices=(Notice("moved", "f0", "h0", "to a new address"),),
        result="ok",
        outcomes={"new": 2, "seen": 1},
    )
    for _ in range(3):
        await store.polls.commit(whole)
    assert await store.events.waiting_count() == 2
    assert await store.polls.known("f0") == known
    assert await store.polls.states(["f0", "f1"]) == {"f0": state("f0"), "f1": None}
    assert await store.polls.due_times(["f0"]) == {"f0": NOW + LEASE}
    assert [one.notice for one in await store.watch.trouble(making.EPOCH)] == list(
        whole.notices
    )
    totals = await store.watch.totals(await store.server_time())
    assert totals.polls == {"ok": 1}
    assert totals.entries == {"new": 2, "seen": 1}


async def test_a_commit_of_thousands_of_known_entries_is_one_step(store: Store) -> None:
    known = {f"{number:020x}": KnownEntry("hash", NOW) for number in range(12_000)}
    await store.polls.commit(replace(commit(await claimed(store)), known=known))
    assert await store.polls.known("f0") == known


async def test_a_worker_that_lost_its_claim_writes_nothing(store: Store) -> None:
    old = await claimed(store, now=NOW)
    new = await claimed(store, now=NOW + LEASE)
    with pytest.raises(StaleToken, match="f0"):
        await store.polls.commit(commit(old, entry(1)))
    assert await store.events.waiting_count() == 0
    await store.polls.commit(commit(new, entry(1)))
    with pytest.raises(StaleToken):
        await store.polls.commit(commit(old, entry(2)))
    assert await store.events.waiting_count() == 1


async def test_tokens_grow_even_when_the_server_forgot_the_last(store: Store) -> None:
    lost = await claimed(store)
    await store.engine.command("FLUSHALL")
    assert (await claimed(store)).token > lost.token
    with pytest.raises(StaleToken):
        await store.polls.commit(commit(lost, entry(1)))


async def test_a_notice_is_told_on_the_feed_s_channel(store: Store) -> None:
    async with store.engine.client.pubsub() as listener:
        await listener.psubscribe("{agg}:ch:trouble:*")
        await listener.get_message(timeout=1)
        notice = Notice("gone", "f0", "h0", "410")
        await store.polls.commit(
            replace(commit(await claimed(store)), notices=(notice,))
        )
        heard = await listener.get_message(ignore_subscribe_messages=True, timeout=2)
    assert heard is not None
    assert heard["channel"] == b"{agg}:ch:trouble:f0"


@pytest.mark.parametrize(
    "key",
    [
        "{agg}:due",
        "{agg}:feed:f0",
        "{agg}:known:f0",
        "{agg}:entries",
        "{agg}:trouble",
        "{agg}:host:h0",
    ],
)
async def test_a_key_of_another_type_is_refused_before_anything_is_written(
    store: Store, key: str
) -> None:
    claim = await claimed(store, host="h0")
    await store.engine.command("DEL", key)
    await store.engine.command("SET", key, "somebody else's")
    before = await contents(store)
    whole = replace(
        commit(claim, entry(1), host="h0"),
        known={"a": KnownEntry("h", NOW)},
        notices=(Notice("gone", "f0", "h0", "410"),),
        host_hold_until_at=NOW + LEASE,
        result="ok",
    )
    with pytest.raises(EngineRefused, match="key_prefix"):
        await store.polls.commit(whole)
    assert await contents(store) == before


async def test_of_polls_committed_together_each_has_its_own_answer(
    store: Store,
) -> None:
    """One whose key is somebody else's, and one whose claim has passed to another worker, among six."""
    names = [f"f{number}" for number in range(6)]
    claims = [await claimed(store, name, host=f"h-{name}") for name in names]
    await store.engine.command("SET", "{agg}:known:f2", "somebody else's")
    await store.engine.command("HSET", "{agg}:feed:f4", "token", "1")
    polls = [
        replace(
            commit(claim, entry(number, feed_id=claim.feed_id)),
            known={"a": KnownEntry("h", NOW)},
        )
        for number, claim in enumerate(claims)
    ]
    for _ in range(2):
        answers = await asyncio.gather(
            *map(store.polls.commit, polls), return_exceptions=True
        )
        kinds = [type(answer) for answer in answers]
        none = type(None)
        assert kinds == [none, none, EngineRefused, none, StaleToken, none]
    waiting = (await store.events.next_entries(10)).entries
    entries = [one for _, one in waiting if isinstance(one, Entry)]
    assert sorted(one.feed_id for one in entries) == ["f0", "f1", "f3", "f5"]
    states = await store.polls.states(names)
    kept = [name for name, standing in states.items() if standing is not None]
    assert kept == ["f0", "f1", "f3", "f5"]


@pytest.mark.parametrize(
    "key",
    ["{agg}:known:f0", "{agg}:entries", "{agg}:trouble", "{agg}:host:held"],
)
async def test_a_key_that_a_poll_writes_nothing_to_does_not_stop_it(
    store: Store, key: str
) -> None:
    claim = await claimed(store, host="h0")
    await store.engine.command("SET", key, "somebody else's")
    await store.polls.commit(replace(commit(claim, host="held"), result="not_modified"))
    assert await store.polls.states(["f0"]) == {"f0": state("f0")}
    assert await store.engine.command("GET", key) == b"somebody else's"


async def test_the_gate_of_a_host_lives_as_long_as_the_last_of_its_times(
    store: Store,
) -> None:
    async def ttl_s(host: str) -> float:
        key = store.engine.keys.host(host)
        return int(await store.engine.command("PTTL", key)) / 1000

    lease_s = LEASE.total_seconds()
    # A second beyond, and what whole milliseconds of two clocks may differ by.
    more_s = 1.01
    claim = await claimed(store, "f0", host="h0")
    assert lease_s < await ttl_s("h0") <= lease_s + more_s
    await store.polls.commit(commit(claim, host="h0"))
    assert 0 < await ttl_s("h0") <= SPACING.total_seconds() + more_s
    claim = await claimed(store, "f1", host="h1")
    held_until_at = await store.server_time() + 3 * LEASE
    await store.polls.commit(
        replace(commit(claim, host="h1"), host_hold_until_at=held_until_at)
    )
    assert 2 * lease_s < await ttl_s("h1") <= 3 * lease_s + more_s


# --- giving back, and the operator ---


async def test_a_released_feed_is_as_before(store: Store) -> None:
    await store.polls.commit(commit(await claimed(store)))
    claim = await claimed(store, host="h0")
    await store.polls.release(claim, due_at=NOW + LEASE)
    await store.polls.release(claim, due_at=NOW + LEASE)
    assert await store.polls.due_times(["f0"]) == {"f0": NOW + LEASE}
    assert await store.polls.states(["f0"]) == {"f0": state("f0")}
    with pytest.raises(StaleToken):
        await store.polls.commit(commit(claim, entry(1)))
    assert (
        len(
            (
                await store.polls.claim_these({"f0": ""}, lease=LEASE, spacing=SPACING)
            ).claims
        )
        == 1
    )


async def test_a_claim_that_was_committed_cannot_be_released(store: Store) -> None:
    claim = await claimed(store)
    await store.polls.commit(commit(claim, due_at=NOW))
    with pytest.raises(StaleToken):
        await store.polls.release(claim, due_at=NOW + LEASE)
    assert await store.polls.due_times(["f0"]) == {"f0": NOW}


async def test_an_operator_changes_a_state_that_nobody_holds(store: Store) -> None:
    await store.polls.commit(commit(await claimed(store)))
    notice = Notice("released", "f0", "", "by the operator")
    changed = await store.polls.operator_state(
        "f0",
        lambda old: replace(old, health=Health.OK),
        due_at=NOW + LEASE,
        notices=(notice,),
    )
    assert changed == replace(state("f0"), health=Health.OK)
    assert await store.polls.states(["f0"]) == {"f0": changed}
    assert await store.polls.due_times(["f0"]) == {"f0": NOW + LEASE}
    assert [one.notice for one in await store.watch.trouble(making.EPOCH)] == [notice]


async def test_an_operator_does_not_interfere_with_a_poll(store: Store) -> None:
    await store.polls.commit(commit(await claimed(store)))
    await claimed(store)
    with pytest.raises(StaleToken, match="being polled"):
        await store.polls.operator_state(
            "f0", lambda old: replace(old, health=Health.OK)
        )
    assert not await store.polls.set_due("f0", NOW)


async def test_a_feed_never_polled_has_no_state_to_change(store: Store) -> None:
    with pytest.raises(KeyError):
        await store.polls.operator_state("f0", lambda old: old)


async def test_a_renewed_claim_does_not_lapse_and_keeps_its_host(store: Store) -> None:
    claim = await claimed(store, host="h0.example", now=NOW)
    later = claim.lapses_at - timedelta(seconds=1)
    await store.polls.renew_claim(claim, LEASE, now=later)
    at = claim.lapses_at + timedelta(seconds=1)
    await store.polls.register({"f0": NOW, "f1": NOW})
    found = await store.polls.claim_these(
        {"f0": "h0.example", "f1": "h0.example"}, lease=LEASE, spacing=SPACING, now=at
    )
    assert {(skip.feed_id, skip.why) for skip in found.skipped} == {
        ("f0", Skip.CLAIMED),
        ("f1", Skip.OPEN),
    }
    await store.polls.commit(commit(claim, host="h0.example"), now=at)


async def test_a_claim_that_passed_on_or_ended_cannot_be_renewed(store: Store) -> None:
    claim = await claimed(store, now=NOW)
    after = claim.lapses_at + timedelta(seconds=1)
    [other] = (
        await store.polls.claim_these(
            {"f0": ""}, lease=LEASE, spacing=SPACING, now=after
        )
    ).claims
    with pytest.raises(StaleToken):
        await store.polls.renew_claim(claim, LEASE, now=after)
    await store.polls.commit(commit(other), now=after)
    with pytest.raises(StaleToken):
        await store.polls.renew_claim(other, LEASE, now=after)


async def test_a_feed_behind_pages_of_a_busy_host_is_claimed_and_what_is_not_due_is_not(
    store: Store,
) -> None:
    busy = {f"b{number:05}": "busy.example" for number in range(4_200)}
    await store.polls.register(
        {**dict.fromkeys(busy, NOW), "z": NOW, "later": NOW + timedelta(hours=1)}
    )
    hosts = {**busy, "z": "z.example", "later": "later.example"}
    claims = await store.polls.claim(
        64, hosts=hosts, lease=LEASE, spacing=SPACING, now=NOW
    )
    assert {claim.feed_id for claim in claims.claims} == {"b00000", "z"}
    assert claims.skipped == ()


# --- counting ---


async def test_the_server_counts_feeds_by_health_and_no_text_of_a_state_counts(
    store: Store,
) -> None:
    ids = [f"f{number}" for number in range(510)]
    await store.polls.register(dict.fromkeys(ids, NOW))
    for feed_id, health in (("f0", Health.OK), ("f509", Health.QUARANTINED)):
        claim = (
            await store.polls.claim_these({feed_id: ""}, lease=LEASE, spacing=SPACING)
        ).claims[0]
        lying = replace(
            state(feed_id, title='"health":"gone"'),
            health=health,
            failure_detail='x","health":"gone",',
        )
        await store.polls.commit(replace(commit(claim), state=lying))
    await store.engine.command("SET", store.engine.keys.feed("f1"), "of another type")
    assert await store.polls.healths(ids) == {"ok": 1, "quarantined": 1, "new": 508}
    assert await store.polls.healths([]) == {}


# --- the items of a document ---


async def test_items_seen_stand_beside_the_state_until_others_are_written(
    store: Store,
) -> None:
    async def committed(seen_items: str | None) -> str:
        poll = commit(await claimed(store))
        after = replace(poll.state, seen_items=seen_items)
        await store.polls.commit(replace(poll, state=after))
        return await store.polls.seen_items("f0")

    assert await store.polls.seen_items("f0") == ""
    assert await committed("of the first") == "of the first"
    assert await committed(None) == "of the first"
    # Who does not read a body is not given them.
    assert (await claimed(store)).state == state("f0")


async def test_a_document_without_items_takes_those_of_the_one_before_away(
    store: Store,
) -> None:
    for seen_items in ("of the first", ""):
        poll = commit(await claimed(store))
        after = replace(poll.state, seen_items=seen_items)
        await store.polls.commit(replace(poll, state=after))
    assert await store.polls.seen_items("f0") == ""


async def test_items_in_a_state_of_an_earlier_version_are_believed_and_move_out_of_it(
    store: Store,
) -> None:
    poll = commit(await claimed(store))
    stale = replace(poll.state, seen_items="stale")
    await store.polls.commit(replace(poll, state=stale))
    key = store.engine.keys.feed("f0")
    earlier = wire.encode(replace(poll.state, seen_items="of the last"))
    await store.engine.command("HSET", key, "state", earlier)
    claim = await claimed(store)
    assert claim.state is not None
    assert claim.state.seen_items == "of the last"
    await store.polls.commit(replace(commit(claim), state=claim.state))
    assert await store.polls.seen_items("f0") == "of the last"
    assert await store.polls.states(["f0"]) == {"f0": state("f0")}
