"""Why a feed whose time has come waits, as `aggregator status` says it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aggregator.cli.waits import Waits, waits
from aggregator.engine.back_pressure import BackPressure
from aggregator.engine.store import Store
from aggregator.model import Feed

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
FEED = Feed("a", "https://host.example/feed")
IDLE = {
    "due": {},
    "claimed": {},
    "held": {},
    "unregistered": frozenset(),
    "not_poll": "",
}
SOON, JUST, LONG_AGO = (
    NOW + timedelta(minutes=1),
    NOW - timedelta(seconds=1),
    NOW - timedelta(minutes=9),
)

REASONS = {
    "not due": ({"due": {"a": SOON}}, ""),
    "stopped": ({"due": {"a": None}}, ""),
    "unknown": ({"unregistered": frozenset("a")}, "the server does not know it"),
    "claimed": ({"due": {"a": SOON}, "claimed": {"a": SOON}}, "it is being polled"),
    "held host": (
        {"due": {"a": JUST}, "held": {"host.example": SOON}},
        "left alone until 2026-11-29 12:01 UTC",
    ),
    "another host held": (
        {"due": {"a": JUST}, "held": {"b.example": SOON}},
        "as soon as its host is free",
    ),
    "polling held": (
        {"due": {"a": JUST}, "not_poll": "group x is behind"},
        "polling is held: group x is behind",
    ),
    "nobody polls": ({"due": {"a": LONG_AGO}}, "no poll worker has taken it"),
}


@pytest.mark.parametrize(("known", "words"), REASONS.values(), ids=REASONS)
def test_a_feed_that_is_due_says_what_it_waits_for(
    known: dict[str, object], words: str
):
    why = Waits(now=NOW, **(IDLE | known)).why(FEED, None)
    assert words in why
    assert bool(words) == bool(why)


async def test_the_reasons_come_from_the_server(store: Store):
    feeds = [
        Feed(name, f"https://{name}.example/")
        for name in ("held", "taken", "free", "unknown")
    ]
    now = await store.server_time()
    await store.polls.register(
        {feed.feed_id: now - timedelta(seconds=1) for feed in feeds[:3]}
    )
    await store.polls.hold_host("held.example", now + timedelta(minutes=5))
    hosts = {"taken": "taken.example"}
    await store.polls.claim(
        hosts=hosts, limit=1, lease=timedelta(minutes=1), spacing=timedelta(0)
    )
    found = await waits(store, feeds, {}, BackPressure(0, "", ""))
    reasons = [found.why(feed, None).split()[0] for feed in feeds]
    assert reasons == ["its", "it", "a", "the"]
    assert (found.next_poll_at("taken"), found.next_poll_at("unknown")) == (
        found.now,
        None,
    )
