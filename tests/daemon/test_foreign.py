"""Values that are not ours, under every key there is: each costs its own row, is counted, and told once."""

from __future__ import annotations

import contextlib
import inspect
import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.cli.status import _totals
from aggregator.daemon.archive import archived
from aggregator.daemon.daemon import Daemon
from aggregator.daemon.watching import DigestMaker, Watching
from aggregator.engine import codec
from aggregator.engine.keys import Keys
from aggregator.engine.store import Store
from aggregator.errors import EngineRefused, StaleToken
from aggregator.model import Health, Kind, Queue, RetentionSettings, Settings
from aggregator.watch.digest_files import DigestFiles
from aggregator.watch.metrics import UNREADABLE
from aggregator.watch.progress import Progress
from tests.daemon.stages import START, Stages
from tests.daemon.test_daemon import parts
from tests.daemon.test_stages import BUDGET, QUAKE, QUAKE_TOO, RESCUE, feed, rss

HOUR = int(START.timestamp()) // 3600
LATER = '{"v":9}'
DESK, LINE = Queue("desk", kind="list"), Queue("line")

FOREIGN: dict[str, list[tuple[str, ...]]] = {
    "events": [("XADD", "agg:events", "*", "hello", "world")],
    "reports": [
        ("XADD", "agg:reports", "*", "hello", "world"),
        ("XADD", "agg:reports", "*", "v", "9", "event_id", "e1", "entry_id", "x"),
        ("XADD", "agg:reports", "*", "v", "1", "event_id", "e1", "kind", "event.new"),
    ],
    "digest": [
        ("XADD", "agg:digest", "*", "hello", "world"),
        ("XADD", "agg:digest", "*", "v", "1", "json", LATER),
    ],
    "trouble": [("XADD", "agg:trouble", "*", "hello", "world")],
    "queue": [
        ("LPUSH", "agg:queue:desk", "put back by a consumer"),
        ("RPUSH", "agg:queue:desk", '{"first_seen_at": 7}'),
        ("XADD", "agg:queue:line", "*", "hello", "world"),
        ("SET", "agg:queue:old", "x"),
    ],
    "due": [
        ("ZADD", "agg:due", "0", "somebody else's"),
        ("ZADD", "agg:due", "0", "\udcff\udcfe"),
        ("ZADD", "agg:due", "1e300", "b"),
    ],
    "token": [("SET", "agg:token", "junk"), ("SET", "agg:token", "inf")],
    "feeds": [("SADD", "agg:feeds", "somebody else's")],
    "feed": [
        ("HSET", "agg:feed:a", "state", "junk", "lease", "junk", "nonce", "junk"),
        ("HSET", "agg:feed:b", "state", LATER),
        ("SET", "agg:feed:wrong", "another type"),
    ],
    "host": [
        (
            "HSET",
            "agg:host:a.example",
            "held",
            "junk",
            "next",
            "nan",
            "token",
            "x",
            "lapses",
            "inf",
        ),
        ("SET", "agg:host:typed.example", "another type"),
    ],
    "known": [
        ("HSET", "agg:known:a", "junk", "1|2", "later", "9|1|1|0||0|1||||h"),
        ("SET", "agg:known:wrong", "another type"),
    ],
    "entries": [("XADD", "agg:entries", "*", "hello", "world")],
    "leader": [
        ("HSET", "agg:leader", "worker", "w", "token", "junk", "lapses", "junk")
    ],
    "gate": [
        ("HSET", "agg:gate:x", "junk", "junk"),
        ("SET", "agg:gate:y", "another type"),
    ],
    "event": [
        ("SET", "agg:event:e1", "junk"),
        ("SET", "agg:event:e2", LATER),
        ("RPUSH", "agg:event:e3", "x"),
    ],
    "merged": [("HSET", "agg:merged", "e9", "no stamp", "e8", "e7|junk")],
    "fingerprints": [
        ("XADD", "agg:fingerprints", "*", "hello", "world"),
        ("XADD", "agg:fingerprints", "*", "f", "no"),
    ],
    "leases": [
        ("HSET", "agg:websub", "a", "junk", "gone", LATER),
        ("SET", "agg:websub", "another type"),
    ],
    "websub_secret": [("RPUSH", "agg:websub:secret", "another type")],
    "installation": [("SET", "agg:installation", "junk")],
    "slow": [("RPUSH", "agg:slow", "another type")],
    "held": [("RPUSH", "agg:held", "another type")],
    "asked": [("XADD", "agg:asked", "*", "hello", "world")],
    "rulings": [
        ("XADD", "agg:rulings", "*", "hello", "world"),
        ("XADD", "agg:rulings", "*", "r", LATER),
    ],
    "examples": [("HSET", "agg:examples", "x", "junk", "y", "junk|1")],
    "ruling": [
        ("SET", "agg:ruling:x", "junk"),
        ("RPUSH", "agg:ruling:y", "another type"),
    ],
    "stats": [
        ("HSET", f"agg:stats:{HOUR}", "hello", "junk", "polls:new", "junk"),
        ("SET", f"agg:stats:{HOUR - 1}", "x"),
    ],
    "dropped": [("HSET", "agg:dropped", "agg:queue:desk", "junk")],
    "unreadable": [("HSET", "agg:unreadable", "hello", "world")],
    "queues": [("SADD", "agg:queues", "old", "none")],
    "groups": [("HSET", "agg:groups", "agg:reports slow", "junk")],
}
"""What any program can write, for each kind of key (by the name it has in `Keys`)."""


def test_every_kind_of_key_is_gone_through():
    kinds = {name for name, _ in inspect.getmembers(Keys) if not name.startswith("_")}
    channels = {name for name in kinds if name.endswith("_channel")}
    assert kinds - channels - {"prefix", "database", "channels"} == set(FOREIGN)


KINDS = [value for value in vars(codec).values() if isinstance(value, codec.RecordKind)]


def test_the_metric_knows_every_kind():
    assert {kind.name for kind in KINDS} | {"key"} == set(UNREADABLE)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@given(
    data=st.binary(max_size=60)
    | st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=4)
    | st.none()
)
def test_decoding_answers_whatever_stands_there(kind, data):
    codec.decode(kind, data)


class House:
    """Both stages, housekeeping, digest, page, archive and status, over one store."""

    def __init__(self, store: Store, folder: Path) -> None:
        settings = Settings(
            queues=(DESK, LINE), retention=RetentionSettings(queues=timedelta(days=7))
        )
        self.stages = Stages(
            store, *map(feed, ("a", "b", "c", "typed", "wrong")), settings=settings
        )
        self.store = store
        made, file = parts(self.stages, folder)
        self.daemon = Daemon(made, file.now)
        self.digests = DigestMaker(
            store=store, files=DigestFiles(folder), feed_ids=self.feed_ids
        )
        self.watching = Watching(
            store=store,
            feeds=lambda: list(self.stages.poll_stage.feeds.values()),
            troubles=list,
            progress=Progress({}),
            clock=self.stages.clock,
        )

    def feed_ids(self) -> list[str]:
        return list(self.stages.poll_stage.feeds)

    async def goes_on(self) -> None:
        """One round of everything; whatever raises fails the test."""
        stages = self.stages
        await stages.poll_stage.register()
        await self.store.polls.due_times(["a", "b", "somebody else's"])
        await self.store.polls.next_due_at()
        await stages.poll_stage.round()
        await stages.poll_stage._until_one_ends()
        await stages.assign()
        await self.daemon.house.round()
        await self.digests.make(
            now=stages.now, settings=stages.settings.digest, elapsed={}
        )
        await self.page()
        rows = [
            row
            for stream in ("reports", "events")
            async for row in self.store.watch.rows(stream, START.replace(year=2000))
        ]
        archived(rows, self.store.watch.message_of)
        await _totals(self.store, stages.now, await self.store.back_pressure.standing())
        await self.store.watch.trouble(START.replace(year=2000))
        await self.store.rulings.examples(["x", "y"])
        assert await self.store.rulings.answer("x") is None
        assert await self.store.rulings.answer("y") is None
        await self.store.leases.all()
        assert await self.store.leases.of("a") is None
        assert await self.store.leases.websub_secret(b"secret")

    async def page(self) -> None:
        events = await self.watching.events(
            since_at=START - timedelta(days=1), limit=100
        )
        for event in events:
            await self.watching.reports(event.event_id)
        await self.watching.feeds()
        await self.watching.groups()


@pytest.mark.parametrize("kind", [*FOREIGN, "all"])
async def test_whatever_stands_there_everything_else_goes_on(
    store: Store, tmp_path: Path, kind: str
):
    house = House(store, tmp_path)
    stages = house.stages
    stages.bodies = {
        name: rss((name, f"{BUDGET} {name}"), site=name)
        for name in ("a", "b", "c", "typed", "wrong")
    }
    await stages.run("c", rss(("1", QUAKE), site="c"))
    await house.goes_on()
    await store.engine.client.execute_command(
        "XGROUP", "CREATE", "agg:reports", "slow", "0"
    )
    await store.engine.client.execute_command("DEL", "agg:slow", "agg:held")
    for words in [
        words
        for name in (FOREIGN if kind == "all" else [kind])
        for words in FOREIGN[name]
    ]:
        key = words[1]
        if words[0] in ("SET", "RPUSH") and key not in ("agg:queue:desk",):
            await store.engine.client.execute_command("DEL", key)
        await store.engine.client.execute_command(
            *(word.encode(errors="surrogateescape") for word in words)
        )
    for hours in (1, 2):
        stages.now = START + timedelta(hours=hours)
        await house.goes_on()
    stages.bodies["c"] = rss(("2", QUAKE_TOO, RESCUE), site="c")
    stages.now += timedelta(hours=1)
    await stages.run("c", stages.bodies["c"])
    assert {m.kind for m in await stages.messages()} >= {Kind.NEW}
    assert QUAKE_TOO in {m.title for m in await stages.messages()}
    states = await store.polls.states(["c"])
    assert states["c"] is not None
    assert states["c"].health is Health.OK
    told = [
        trouble.notice.detail
        for trouble in await store.watch.trouble(START.replace(year=2000))
    ]
    assert len(told) == len(set(told))


@pytest.mark.parametrize(
    "absurd",
    [
        b'"2026-11-22T12:00:00"',
        b'"9999-12-31T23:59:59Z"',
        b'"0001-01-01T00:00:00Z"',
        b'"P900000000D"',
    ],
)
async def test_a_record_whose_times_no_arithmetic_takes_is_none_of_ours(
    store: Store, tmp_path: Path, absurd: bytes
):
    """Each is of the right type: without its zone, at the end of the calendar, a span of three million years."""
    house = House(store, tmp_path)
    stages = house.stages
    await stages.run("c", rss(("1", QUAKE), site="c"))
    await house.goes_on()
    command = store.engine.client.execute_command
    state = await command("HGET", "agg:feed:c", "state")
    [event_key] = await command("KEYS", "agg:event:*")
    event = await command("GET", event_key)
    pattern = rb'"P[^"]*"' if absurd.startswith(b'"P') else rb'"2026-1[^"]*Z"'
    for hours, known in enumerate(re.findall(pattern, state + event), 1):
        await command("HSET", "agg:feed:c", "state", state.replace(known, absurd))
        await command("SET", event_key, event.replace(known, absurd))
        stages.now = START + timedelta(hours=hours)
        await house.goes_on()
    stages.now += timedelta(hours=1)
    stages.bodies["c"] = rss(("2", QUAKE_TOO, RESCUE), site="c")
    await stages.run("c", stages.bodies["c"])
    states = await store.polls.states(["c"])
    assert states["c"] is not None
    assert states["c"].health is Health.OK


@pytest.mark.parametrize("token", ["1e300", "9007199254740993", "-1e300", "nan"])
async def test_fencing_tokens_grow_whatever_stands_there(store: Store, token: str):
    stages = Stages(store, feed("a"), feed("b"))
    await stages.poll_stage.register(at_once=True)
    await store.engine.client.execute_command("SET", "agg:token", token)
    claims = await store.polls.claim_these(
        {"a": "a.example", "b": "b.example"},
        lease=timedelta(minutes=1),
        spacing=timedelta(0),
    )
    first, second = [claim.token for claim in claims.claims]
    assert 0 < first < second


def every_key(keys: Keys) -> dict[str, str]:
    """The name of each kind of key → one key of it."""
    found: dict[str, str] = {}
    for name in FOREIGN:
        member = getattr(keys, name)
        if not isinstance(member, str):
            member = member(HOUR if name == "stats" else "a")
        found[name] = member
    return found


async def test_a_key_of_another_type_is_refused_at_most(store: Store, tmp_path: Path):
    house = House(store, tmp_path)
    await house.stages.run("c", rss(("1", QUAKE), site="c"))
    command = store.engine.client.execute_command
    for hours, key in enumerate(every_key(store.engine.keys).values(), 1):
        await command("DEL", key)
        await command("RPUSH", key, "no key of ours but a queue is a list")
        house.stages.now = START + timedelta(hours=hours)
        with contextlib.suppress(EngineRefused, StaleToken):
            await house.goes_on()
        await command("DEL", key)
    await house.goes_on()


async def test_a_slip_is_counted_and_told_once_whoever_meets_it(
    store: Store, tmp_path: Path
):
    house = House(store, tmp_path)
    await house.stages.run("c", rss(("1", QUAKE), site="c"))
    await store.engine.client.execute_command(
        "XADD", "agg:reports", "*", "hello", "world"
    )
    for _ in range(3):
        await house.page()
        await house.daemon.house.round()
    [told] = await store.watch.trouble(START.replace(year=2000))
    assert told.notice.kind == "dropped"
    assert "agg:reports" in told.notice.detail
    assert store.engine.slips.counts == {"message": 1}
    another = House(Store(store.engine.client), tmp_path)
    await another.page()
    await another.daemon.house.round()
    assert another.store.engine.slips.counts == {"message": 1}
    assert len(await store.watch.trouble(START.replace(year=2000))) == 1
