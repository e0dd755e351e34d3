"""The operator's word through the whole program: two feeds, a consumer, restarts."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from aggregator.engine.client import connect
from aggregator.engine.embedded import EmbeddedServer
from aggregator.engine.store import Store
from aggregator.model import EPOCH, Kind, RulingRequest, RulingState, Verb
from tests.daemon.program import Program, feeds_of, until
from tests.daemon.test_program import HARBOUR, HARBOUR_TOO, ZH, rss
from tests.origin import Answer, Origin

pytestmark = pytest.mark.slow

BODY = (
    "Twenty-one sailors were lifted off the freighter Aurelia by two helicopters after she ran aground outside "
    "Port Selby on Sunday. The harbour master said that tugs would try to free her at the next high tide."
)
TOO = (HARBOUR_TOO[0], BODY)


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin.in_thread() as serving:
        serving.script("/a", Answer(body=rss(HARBOUR, site="a"), etag='"a1"'))
        serving.script("/b", Answer(body=rss(TOO, site="b"), etag='"b1"'))
        serving.script("/c", Answer(body=rss(ZH, site="c"), etag='"c1"'))
        serving.script("/d", Answer(body=rss(TOO, site="d"), etag='"d1"'))
        yield serving


def test_an_operator_joins_and_splits_and_the_program_obeys_after_a_kill(
    tmp_path: Path, origin: Origin
):
    urls = [origin.url("/a"), origin.url("/b", 2), origin.url("/c", 3)]
    program = Program(tmp_path, feeds_of(*urls))
    with program.running() as daemon:
        client = program.client()
        until(lambda: client.xlen("agg:reports") == 3, what="three reports")
        reports = {
            fields["feed_id"]: fields for _, fields in client.xrange("agg:reports")
        }
        event_id, chinese = reports["f0"]["event_id"], reports["f2"]
        assert reports["f1"]["event_id"] == event_id != chinese["event_id"]
        client.xgroup_create("agg:events", "newsroom", id="$")

        joined = program.command(
            "events",
            "join",
            event_id,
            chinese["url"],
            "--by",
            "anna",
            "--why",
            "one wreck",
        )
        assert (joined.returncode, joined.stderr) == (0, "")
        [[_, [[_, merge]]]] = client.xreadgroup("newsroom", "desk", {"agg:events": ">"})
        assert (merge["kind"], merge["reason"], merge["operator"], merge["why"]) == (
            "event.merged",
            "operator",
            "anna",
            "one wreck",
        )
        assert {merge["merged_into"], merge["merged_from"]} == {
            event_id,
            chinese["event_id"],
        }
        survivor = merge["merged_into"]
        assert (merge["source_count"], merge["independent_count"]) == ("3", "3")

        split = program.json("events", "split", reports["f1"]["entry_id"])
        [[_, [[_, new]]]] = client.xreadgroup("newsroom", "desk", {"agg:events": ">"})
        assert (new["kind"], new["event_id"], new["split_from"]) == (
            "event.new",
            split["event_id"],
            survivor,
        )
        assert BODY[:40] in new["document"]
        daemon.send_signal(signal.SIGKILL)
        daemon.wait(10)

    program.write(feeds_of(*urls, origin.url("/d", 4)))
    with program.running():
        client = program.client()
        until(
            lambda: client.xlen("agg:reports") == 6,
            what="the report of the fourth feed",
        )
        told = program.json("events", "show", reports["f1"]["entry_id"])
        assert (told["event_id"], told["apart"]) == (split["event_id"], [survivor])
        assert [source["feed_id"] for source in told["sources"]] == ["f1", "f3"]
        rest = program.json("events", "show", survivor)
        assert (
            rest["event_id"],
            sorted(source["feed_id"] for source in rest["sources"]),
        ) == (survivor, ["f0", "f2"])
        file = tmp_path / "pairs.jsonl"
        assert (
            program.command("events", "rulings", "--export", str(file)).returncode == 0
        )
        assert {
            json.loads(line)["same"]
            for line in file.read_text(encoding="utf-8").splitlines()
        } == {0, 1}


@pytest.mark.parametrize(
    ("step", "moment"), [("rule", "before"), ("rule", "sent"), ("obey", "before")]
)
def test_a_word_is_followed_once_whatever_moment_the_event_worker_dies_at(
    tmp_path: Path, origin: Origin, step: str, moment: str
):
    program = Program(
        tmp_path,
        feeds_of(
            origin.url("/a"),
            origin.url("/b", 2),
            min_interval='"1h"',
            max_interval='"2h"',
        ),
    )
    assert program.command("run", "--once").returncode == 0
    asked = asyncio.run(asked_to_split(tmp_path / "state"))
    process = program.start(
        "--once", module=("tests.daemon.faults", step, moment, "1", "daemon")
    )
    assert process.wait(40) == -signal.SIGKILL, program.log.read_text()[-2000:]
    done = program.start("--once", module=("tests.daemon.faults", "-", "-", "0", "-"))
    assert done.wait(60) == 0, program.log.read_text()[-2000:]
    assert asyncio.run(followed_once(tmp_path / "state", asked)) == []


async def asked_to_split(state: Path) -> RulingRequest:
    """Ask, on the server of a program that does not run, to split the second report off the event of both."""
    server = EmbeddedServer(state)
    await server.start()
    store = Store(connect(server.url))
    try:
        first, second = [message async for message in store.watch.messages(EPOCH)]
        assert first.event_id == second.event_id
        request = RulingRequest("word", Verb.SPLIT, (second.entry_id,))
        assert await store.rulings.ask(request)
        return request
    finally:
        await store.close()
        await server.stop()


async def followed_once(state: Path, request: RulingRequest) -> list[str]:
    """What is wrong with what the server holds."""
    server = EmbeddedServer(state)
    await server.start()
    store = Store(connect(server.url))
    try:
        answer = await store.rulings.answer(request.ruling_id)
        kinds = [
            (m.kind, m.reason == "operator") async for m in store.watch.messages(EPOCH)
        ]
        [event_id] = {r.event_id for r in await store.rulings.applied()}
        found = {
            "asked": await store.rulings.asked_count() == 0,
            "answered": answer is not None
            and answer.state is RulingState.APPLIED
            and answer.event_id == event_id,
            "kept once": len(await store.rulings.applied()) == 1,
            "told once": kinds[2:] == [(Kind.NEW, True), (Kind.EDITED, True)],
            "gate": await store.events.event_of(request.names[0]) == event_id,
            "log": [
                r.event_id
                async for records in store.fingerprints.since(EPOCH)
                for r in records
            ][1]
            == event_id,
        }
        return [name for name, is_right in found.items() if not is_right]
    finally:
        await store.close()
        await server.stop()
