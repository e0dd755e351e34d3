"""A SIGKILL at each named step between fetch and acknowledge, of the daemon and of its server, one by one.

Each test starts the real command line with one fault (`tests/daemon/faults.py`), looks at what the death left on the
server, starts the program again without the fault, and looks at what was published in the end.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aggregator.engine.client import connect
from aggregator.engine.embedded import EmbeddedServer
from aggregator.engine.server_place import Place
from aggregator.engine.store import Store
from aggregator.entry.identity import entry_id
from aggregator.model import EPOCH, Kind, Message, Queue
from tests.daemon.program import Program, feeds_of, until
from tests.daemon.test_crash import word
from tests.origin import Answer, Origin

FEEDS = 2
FIRST, LAST = 3, 4
"""Entries of each feed at its first poll and from the second on, when the first one is edited, too."""
QUEUES = '[[queue]]\nname = "todo"\nkind = "list"\ndeliver = "reports"\n[[queue]]\nname = "copy"\ndeliver = "reports"\n'
NO_FAULT = ("tests.daemon.faults", "-", "-", "0", "-")


def body(feed: str, count: int, *, text: str) -> bytes:
    items = "".join(
        f"<item><guid>{feed}-{n}</guid><link>https://{feed}.example/{n}</link><title>{word(feed, n)}</title>"
        f"<description>{word(feed + text if n == 0 else feed, n)}</description></item>"
        for n in range(count)
    )
    return f"<rss version='2.0'><channel><title>{feed}</title>{items}</channel></rss>".encode()


EVERY_GUID = {f"f{feed}-{n}" for feed in range(FEEDS) for n in range(LAST)}


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin.in_thread(hosts=FEEDS) as serving:
        for feed in range(FEEDS):
            first, later = (
                body(f"f{feed}", FIRST, text="first"),
                body(f"f{feed}", LAST, text="later"),
            )
            serving.script(
                f"/{feed}",
                Answer(body=first, etag='"1"'),
                Answer(body=later, etag='"2"'),
            )
        yield serving


@pytest.fixture
def program(tmp_path: Path, origin: Origin) -> Program:
    feeds = feeds_of(
        *(origin.url(f"/{n}", n + 1) for n in range(FEEDS)), max_interval='"1s"'
    )
    return Program(tmp_path, feeds + QUEUES, fetch="parse_processes = 1\n")


# --- what stands on the server ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Held:
    """What an installation holds: its reports, and everything that must agree with them."""

    reports: list[Message]
    complaints: list[str]


async def held(state: Path) -> Held:
    """Read an installation whose daemon has ended."""
    server = EmbeddedServer(state)
    await server.start()
    try:
        store = Store(connect(server.url), queues=[Queue("copy")])
        reports = [message async for message in store.watch.messages(EPOCH)]
        complaints = await half_done(store, reports)
        await store.close()
    finally:
        await server.stop()
    return Held(reports, complaints)


async def half_done(store: Store, reports: list[Message]) -> list[str]:
    """What one step wrote and its other half did not; every list is empty after any death."""
    waiting = [entry for _, entry in (await store.events.next_entries(1000)).entries]
    told = [(message.entry_id, message.revision) for message in reports]
    copies = [
        message.id async for message in store.watch.messages(EPOCH, stream="queue:copy")
    ]
    records = [
        record.entry_id
        async for records in store.fingerprints.since(EPOCH)
        for record in records
    ]
    gates = [
        await store.engine.command("HGET", store.engine.keys.gate(entry), revision)
        for entry, revision in told
    ]
    events = await store.events.by_ids([message.event_id for message in reports])
    first = [message.entry_id for message in reports if message.revision == 0]
    wrong = {
        "told twice": [one for one, times in Counter(told).items() if times > 1],
        "told and waiting": sorted(
            {(entry.entry_id, entry.revision) for entry in waiting} & set(told)
        ),
        "told without a gate": [
            one for one, gate in zip(told, gates, strict=True) if gate is None
        ],
        "told without its event": [
            m.event_id for m in reports if m.event_id not in events
        ],
        "not in the stream queue": []
        if copies == [message.id for message in reports]
        else [copies],
        "not in the list queue": []
        if await store.engine.command("LLEN", store.engine.keys.queue("todo"))
        == len(told)
        else ["n"],
        "without a fingerprint": [] if records == first else [records],
        "read and neither waiting nor told": await forgotten(
            store, {e.entry_id for e in waiting} | set(first)
        ),
    }
    return [f"{what}: {which}" for what, which in wrong.items() if which]


async def forgotten(store: Store, kept: set[str]) -> list[str]:
    """Entries that a poll marked as known (or validators it saved) without having handed them on."""
    lost: list[str] = []
    for feed_id, state in (
        await store.polls.states([f"f{n}" for n in range(FEEDS)])
    ).items():
        known = await store.polls.known(feed_id)
        lost += [key for key in known if entry_id(feed_id, key) not in kept]
        if state is not None and state.validators.etag and len(known) < FIRST:
            lost.append(f"{feed_id} has validators and knows {len(known)} entries")
    return lost


def dies(
    program: Program, *fault: str, stopped_at: str = "", origin: Origin | None = None
) -> None:
    """Run the program to its death at the fault; nothing of it is left, and nothing half done.

    `stopped_at`: it is told to stop (and dies of the fault on the way) when this path has been asked for.
    """
    process = program.start(module=("tests.daemon.faults", *fault))
    try:
        if origin is not None:
            until(
                lambda: origin.seen(stopped_at), what="a poll in flight", alive=process
            )
            process.send_signal(signal.SIGTERM)
        assert process.wait(40) == -signal.SIGKILL, program.log.read_text()[-2000:]
    finally:
        process.kill()
        process.wait(10)
    until(lambda: not program.processes(), what="no orphan", seconds=10)
    assert asyncio.run(held(program.folder / "state")).complaints == []


def goes_on(program: Program, *, published: int = 0) -> None:
    """Start it again: in the end everything served is published, each once, and nothing is half done."""
    with program.running(module=NO_FAULT):
        client = client_of(program)
        until(
            lambda: guids(client) >= EVERY_GUID,
            what="every entry published",
            seconds=40,
        )
        until(lambda: not client.xlen("agg:entries"), what="nothing waits")
    is_whole(program)


def client_of(program: Program) -> Any:
    """A plain client, without a command of ours to ask where the server is."""
    return program.client_at(str(Place(program.folder / "state").socket()))


def is_whole(program: Program) -> None:
    until(lambda: not program.processes(), what="no process left", seconds=10)
    found = asyncio.run(held(program.folder / "state"))
    assert found.complaints == []
    new = [message.guid for message in found.reports if message.kind is not Kind.EDITED]
    assert Counter(new) == Counter(dict.fromkeys(EVERY_GUID, 1))
    edits = Counter(
        message.guid for message in found.reports if message.kind is Kind.EDITED
    )
    assert set(edits) <= {"f0-0", "f1-0"}


def guids(client: Any) -> set[str]:
    return {fields["guid"] for _, fields in client.xrange("agg:reports")}


# --- the daemon dies --------------------------------------------------------------------------------------------

FEW = [
    ("fetch", "after", "1"),
    ("commit", "before", "1"),
    ("publish", "after", "1"),
]
OTHERS = [
    ("commit", "sent", "2"),
    ("register", "before", "1"),
    ("register", "after", "1"),
    ("claim", "after", "1"),
    ("claim", "sent", "2"),
    ("known", "after", "1"),
    ("read", "before", "1"),
    ("read", "after", "1"),
    ("settle", "after", "2"),
    ("commit", "after", "1"),
    ("commit", "before", "3"),
    ("commit", "sent", "3"),
    ("commit", "after", "4"),
    ("lead", "before", "1"),
    ("lead", "after", "1"),
    ("load", "after", "1"),
    ("next_entries", "after", "2"),
    ("events", "after", "1"),
    ("assign", "after", "2"),
    ("publish", "before", "1"),
    ("publish", "sent", "2"),
    ("publish", "after", "2"),
]


@pytest.mark.parametrize(
    "fault",
    [*FEW, *(pytest.param(fault, marks=pytest.mark.slow) for fault in OTHERS)],
    ids="-".join,
)
def test_a_daemon_that_dies_at_this_step_loses_and_repeats_nothing(
    program: Program, fault: tuple[str, ...]
):
    dies(program, *fault, "daemon")
    goes_on(program)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before", "sent", "after"])
@pytest.mark.parametrize("step", ["release", "resign"])
def test_a_daemon_that_dies_at_its_clean_stop_loses_and_repeats_nothing(
    program: Program, origin: Origin, step: str, moment: str
):
    """Giving back the claim of a poll that did not end in time, or the lead."""
    origin.script("/slow", Answer(body=b"<rss/>", delay=60))
    feeds = program.feeds
    program.write(f'{feeds}[[feed]]\nid = "slow"\nurl = "{origin.url("/slow")}"\n')
    dies(program, step, moment, "1", "daemon", stopped_at="/slow", origin=origin)
    program.write(feeds)
    goes_on(program)


# --- the server dies, the daemon lives on -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        ("publish", "sent", "2"),
        *(
            pytest.param((step, moment, "2"), marks=pytest.mark.slow)
            for step in ("claim", "commit", "publish")
            for moment in ("sent", "after")
            if (step, moment) != ("publish", "sent")
        ),
        pytest.param(("lead", "after", "1"), marks=pytest.mark.slow),
        pytest.param(("load", "before", "1"), marks=pytest.mark.slow),
    ],
    ids="-".join,
)
def test_a_server_that_dies_at_this_step_costs_nothing_and_the_daemon_goes_on_by_itself(
    program: Program, fault: tuple[str, ...]
):
    with program.running(module=("tests.daemon.faults", *fault, "server")) as process:
        until(
            lambda: program.logged("server_died"),
            what="the server dies",
            seconds=40,
            alive=process,
        )
        until(
            lambda: len(program.logged("server_started")) == 2,
            what="it is started again",
            alive=process,
        )
        client = client_of(program)
        until(
            lambda: guids(client) >= EVERY_GUID,
            what="every entry published",
            seconds=60,
            alive=process,
        )
        until(lambda: not client.xlen("agg:entries"), what="nothing waits")
    is_whole(program)
