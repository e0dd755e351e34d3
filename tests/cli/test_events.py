"""`aggregator events …` in words: what it answers, and how it ends, whatever is asked of it."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aggregator.cli import main
from aggregator.engine import wire
from aggregator.engine.embedded import EmbeddedServer
from aggregator.engine.store import Store
from aggregator.model import Decision, Kind, Message, RulingState
from tests.daemon.stages import Stages
from tests.daemon.test_stages import BUDGET, QUAKE, QUAKE_TOO, RESCUE, feed, rss

_LOGGED = re.compile(r"^[\d-]{10} [\d:]{8} \[.*\n", re.MULTILINE)
"""What the stages log meanwhile."""


@dataclass(frozen=True)
class Told:
    status: int
    out: str
    err: str


class Desk:
    """An operator beside both stages; `say` runs a command of the program in this process."""

    def __init__(
        self, stages: Stages, config: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.stages = stages
        self._config = config
        self._capsys = capsys

    async def say(self, *words: str) -> Told:
        """What the command prints, and its exit status; the event worker works meanwhile."""
        command = asyncio.create_task(
            asyncio.to_thread(
                self._run, ["events", *words, "--config", str(self._config)]
            )
        )
        while not command.done():
            await self.stages.assign()
            await asyncio.sleep(0.02)
        return await command

    async def say_alone(self, *words: str) -> Told:
        """The same while no event worker works."""
        config = () if words[0] == "backtest" else ("--config", str(self._config))
        return await asyncio.to_thread(self._run, [*words, *config])

    def _run(self, words: list[str]) -> Told:
        self._capsys.readouterr()
        status = 0
        try:
            main(words)
        except SystemExit as ended:
            status = (
                ended.code if isinstance(ended.code, int) else 1 if ended.code else 0
            )
        found = self._capsys.readouterr()
        return Told(status, re.sub(_LOGGED, "", found.out), found.err)

    async def by_feed(self) -> dict[str, Message]:
        return {message.feed_id: message for message in await self.stages.messages()}


def today(body: bytes) -> bytes:
    """The feed with what it holds published five minutes ago."""
    at = (datetime.now(UTC) - timedelta(minutes=5)).strftime(
        "%a, %d %b %Y %H:%M:%S GMT"
    )
    return re.sub(
        rb"<pubDate>[^<]*</pubDate>", f"<pubDate>{at}</pubDate>".encode(), body
    )


@pytest.fixture
async def desk(
    store: Store,
    engine_server: EmbeddedServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Desk:
    """Two reports of one event (feeds a and b), and one of another (feed c)."""
    config = tmp_path / "feeds.toml"
    config.write_text(
        f'[aggregator]\nredis_url = "{engine_server.url}"\n', encoding="utf-8"
    )
    stages = Stages(
        store, feed("a"), feed("b"), feed("c"), now=datetime.now(UTC)
    )  # the server's time says who leads
    await stages.run("a", today(rss(("1", QUAKE))))
    await stages.run("b", today(rss(("9", QUAKE_TOO, RESCUE), site="b")))
    await stages.run("c", today(rss(("2", BUDGET), site="c")))
    return Desk(stages, config, capsys)


async def test_reports_and_events_can_be_named_by_address_or_id(desk: Desk):
    reports = await desk.by_feed()
    done = await desk.say(
        "join",
        "https://a.example/1?utm_source=rss",
        reports["c"].event_id,
        "--by",
        "anna",
    )
    assert (done.status, done.err) == (0, "")
    assert (
        f"{reports['c'].event_id} is now one with {reports['a'].event_id}, which has 3 reports"
        in done.out
    )
    done = await desk.say(
        "split", "https://c.example/2", "--why", "no relation", "--json"
    )
    told = json.loads(done.out)
    assert (told["state"], told["event_id"]) == (
        "applied",
        await desk.stages.store.events.event_of(reports["c"].entry_id),
    )
    lines = (await desk.say("rulings")).out.splitlines()
    assert [line.split()[2] for line in lines] == ["join", "split"]
    assert ("(anna)" in lines[0], "(no relation)" in lines[1]) == (True, True)
    assert (
        json.loads((await desk.say("rulings", "--json")).out.splitlines()[0])[
            "operator"
        ]
        == "anna"
    )


async def test_what_already_is_so_is_no_error(desk: Desk):
    reports = await desk.by_feed()
    done = await desk.say("join", reports["a"].entry_id, reports["b"].entry_id)
    assert (done.status, done.out) == (
        0,
        f"nothing to do: they are one event already: {reports['a'].event_id}\n",
    )
    done = await desk.say("split", reports["c"].entry_id)
    assert (done.status, "nothing else in" in done.out) == (0, True)
    assert await desk.stages.store.rulings.applied() == []


async def test_names_that_mean_nothing_are_told_before_anything_is_asked(desk: Desk):
    reports = await desk.by_feed()
    a, c = reports["a"], reports["c"]
    cases: list[tuple[tuple[str, ...], int, str]] = [
        (("join", a.event_id, "e" + "0" * 20), 2, "no report or event is kept as"),
        (
            ("join", a.event_id, "https://a.example/unknown"),
            2,
            "no report or event is kept as",
        ),
        (("join", a.event_id, a.event_id), 2, "join takes two events"),
        (("join", a.event_id), 2, "Missing argument 'B'"),
        (("split",), 2, "Missing argument 'REPORT"),
        (("split", "0" * 20), 2, "no report or event is kept as"),
        (("split", "https://a.example/unknown"), 2, "no report or event is kept as"),
        (("split", a.event_id), 2, "is an event: split takes its reports"),
        (
            ("split", a.entry_id, "--into", "elsewhere"),
            2,
            "no report or event is kept as",
        ),
        (("split", a.entry_id, "--wait", "soon"), 2, "unit"),
        (("split", a.entry_id, c.entry_id), 1, "of several events"),
        (
            ("split", c.entry_id, "--into", a.event_id),
            1,
            f"join it with {a.event_id} instead",
        ),
        (("split", a.entry_id, "--why", "w" * 3000), 2, "at most 2000 characters"),
        (("split", a.entry_id, "--by", "\udcff"), 2, "not in UTF-8"),
        (("join", a.entry_id, "\udcff"), 2, "not in UTF-8"),
        (("show", "\udcff"), 2, "not in UTF-8"),
        (("show", "nothing"), 2, "no report or event is kept as"),
    ]
    for words, status, says in cases:
        done = await desk.say(*words)
        assert (done.status, says in done.err, done.out) == (status, True, ""), (
            words,
            done,
        )
    assert await desk.stages.store.rulings.asked_count() == 0
    assert await desk.stages.store.rulings.applied() == []


async def test_a_word_said_while_nobody_leads_is_kept_and_followed_later(desk: Desk):
    reports = await desk.by_feed()
    await desk.stages.event_stage.close()
    await desk.stages.store.engine.client.execute_command("DEL", "agg:leader")
    done = await desk.say_alone(
        "events", "join", reports["a"].event_id, reports["c"].event_id, "--json"
    )
    told = json.loads(done.out)
    assert (done.status, told["state"]) == (0, "waiting")
    assert "no event worker leads now" in told["text"]
    assert (
        "operators' words for the event stage: 1"
        in (await desk.say_alone("status")).out
    )
    await desk.stages.assign()
    answer = await desk.stages.store.rulings.answer(told["id"])
    assert answer is not None
    assert answer.state is RulingState.APPLIED
    assert (await desk.stages.messages("events"))[-1].kind is Kind.MERGED


async def test_a_server_that_is_down_is_told_and_nothing_is_kept(
    desk: Desk, tmp_path: Path, free_port: int
):
    (tmp_path / "feeds.toml").write_text(
        f'[aggregator]\nredis_url = "redis://127.0.0.1:{free_port}"\n'
    )
    done = await desk.say_alone("events", "join", "a", "b")
    assert (done.status, "does not answer" in done.err, "Traceback" in done.err) == (
        1,
        True,
        False,
    )
    (tmp_path / "feeds.toml").write_text('[aggregator]\nstate_dir = "nobody"\n')
    done = await desk.say_alone("events", "split", "a")
    assert (done.status, "start one" in done.err) == (1, True)


async def test_show_lists_what_a_person_needs_to_say_a_word(desk: Desk):
    reports = await desk.by_feed()
    done = await desk.say("show", "https://b.example/9")
    assert done.out.startswith(f"{reports['a'].event_id}  {QUAKE}\n")
    assert all(
        f"{reports[name].entry_id}  " in done.out and reports[name].url in done.out
        for name in "ab"
    )
    await desk.say("split", reports["b"].entry_id)
    done = await desk.say("show", reports["a"].event_id)
    fresh = await desk.stages.store.events.event_of(reports["b"].entry_id)
    assert f"held apart by an operator from {fresh}" in done.out
    record = json.loads((await desk.say("show", "--json", reports["b"].entry_id)).out)
    assert (record["event_id"], record["apart"]) == (fresh, [reports["a"].event_id])


async def test_show_says_why_each_report_was_put_there(desk: Desk):
    reports = await desk.by_feed()
    a, b = reports["a"], reports["b"]
    lines = (await desk.say("show", a.event_id)).out.splitlines()
    assert lines[3].strip() == "started an event: none was like it"
    assert (
        lines[5].strip()
        == f'joined with score {b.score:.2f} ({b.reason}), through "{QUAKE}" ({a.entry_id})'
    )
    record = json.loads((await desk.say("show", "--json", a.event_id)).out)
    assert record["decisions"][b.entry_id] == {
        "score": b.score,
        "reason": b.reason,
        "best_entry_id": a.entry_id,
    }
    await desk.say("split", b.entry_id)
    assert (
        lines[5] + "; then moved by an operator"
        in (await desk.say("show", b.entry_id)).out.splitlines()
    )


async def test_why_a_report_of_an_earlier_version_was_put_there_is_told_by_its_message(
    desk: Desk,
):
    b = (await desk.by_feed())["b"]
    await decide_anew(desk.stages.store, None)
    assert (
        f"    joined with score {b.score:.2f} ({b.reason})\n"
        in (await desk.say("show", b.event_id)).out
    )
    assert (await desk.say("doubtful")).out.startswith("nothing to look at")
    await desk.stages.store.engine.client.execute_command("DEL", "agg:reports")
    assert (await desk.say("show", b.event_id)).out.count(
        "why it was put there is no longer kept"
    ) == 2


async def decide_anew(store: Store, decision: Decision | None, *entry_ids: str) -> None:
    """Writes the fingerprint log with this decision of these reports; of all as a version that kept none, without."""
    client = store.engine.client
    rows = await client.execute_command("XRANGE", "agg:fingerprints", "-", "+")
    await client.execute_command("DEL", "agg:fingerprints")
    for _, fields in rows:
        if decision is None:
            fields = {b"f": fields[b"f"]}
        elif wire.fingerprint_record(fields[b"f"]).entry_id in entry_ids:
            fields[b"d"] = wire.decision_bytes(decision)
        await client.execute_command(
            "XADD",
            "agg:fingerprints",
            "*",
            *(part for pair in fields.items() for part in pair),
        )


async def nearly(desk: Desk) -> dict[str, Message]:
    """The reports by feed, of which c's is said to have started its event by little."""
    reports = await desk.by_feed()
    await decide_anew(
        desk.stages.store,
        Decision(0.41, "new", reports["a"].entry_id),
        reports["c"].entry_id,
    )
    return reports


async def doubts(desk: Desk, *words: str) -> list[dict[str, Any]]:
    done = await desk.say("doubtful", "--json", *words)
    assert (done.status, done.err) == (0, "")
    return [json.loads(line) for line in done.out.splitlines()]


async def test_doubtful_lists_what_joined_and_what_nearly_did(desk: Desk):
    reports = await nearly(desk)
    joined, started = await doubts(desk)
    a, b, c = (reports[name] for name in "abc")
    assert joined["report"] == {
        "entry_id": b.entry_id,
        "event_id": a.event_id,
        "title": QUAKE_TOO,
    }
    assert joined["nearest"] == {
        "entry_id": a.entry_id,
        "event_id": a.event_id,
        "title": QUAKE,
    }
    assert (joined["decision"], joined["score"], joined["reason"]) == (
        "joined",
        b.score,
        b.reason,
    )
    assert (started["decision"], started["report"]["entry_id"]) == (
        "started",
        c.entry_id,
    )
    assert (started["report"]["title"], started["nearest"]["title"]) == (BUDGET, QUAKE)
    assert started["score"] == 0.41
    assert joined["threshold"] == started["threshold"] <= joined["score"]
    told = (await desk.say("doubtful")).out
    assert (
        told.index(f"  {b.score:.2f}  {b.reason}  ")
        < told.index(QUAKE_TOO)
        < told.index(QUAKE)
        < told.index(BUDGET)
    )
    assert all(question["command"] in told for question in (joined, started))


async def test_the_commands_that_doubtful_shows_can_be_said_and_teach(
    desk: Desk, tmp_path: Path
):
    await nearly(desk)
    questions = await doubts(desk)
    config = f" --config {tmp_path / 'feeds.toml'}"
    for question in questions:
        head, _, tail = question["command"].partition(config)
        assert (head.split()[:2], tail) == (["aggregator", "events"], "")
        assert (await desk.say(*head.split()[2:])).status == 0
    assert await doubts(desk) == [], "what an operator has said is not asked again"
    file = tmp_path / "pairs.jsonl"
    await desk.say("rulings", "--export", str(file))
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    said = {frozenset((row["a"]["id"], row["b"]["id"])): row["same"] for row in rows}
    asked = [
        frozenset((one["report"]["entry_id"], one["nearest"]["entry_id"]))
        for one in questions
    ]
    assert [said[pair] for pair in asked] == [0, 1]


async def test_doubtful_takes_so_many_of_so_long_a_time(desk: Desk):
    await nearly(desk)
    assert len(await doubts(desk, "-n", "1")) == 2
    client = desk.stages.store.engine.client
    rows = await client.execute_command("XRANGE", "agg:fingerprints", "-", "+")
    await client.execute_command("DEL", "agg:fingerprints")
    for _, fields in rows:
        record = wire.fingerprint_record(fields[b"f"])
        older = wire.record_bytes(
            replace(record, first_seen_at=record.first_seen_at - timedelta(hours=25))
        )
        await client.execute_command(
            "XADD", "agg:fingerprints", "*", "f", older, "d", fields[b"d"]
        )
    assert await doubts(desk) == []
    assert len(await doubts(desk, "--since", "26h")) == 2
    assert (await desk.say("doubtful", "-n", "0")).status == 2
    assert (await desk.say("doubtful", "--since", "soon")).status == 2


async def test_tail_says_which_event_a_report_was_split_from(desk: Desk):
    reports = await desk.by_feed()
    await desk.say("split", reports["b"].entry_id)
    told = (await desk.say_alone("tail")).out
    assert f"(split from {reports['a'].event_id})  — b  {reports['b'].url}" in told


async def test_rulings_are_exported_as_pairs_that_backtest_reads(
    desk: Desk, tmp_path: Path
):
    reports = await desk.by_feed()
    await desk.say("join", reports["a"].event_id, reports["c"].event_id, "--by", "anna")
    await desk.say("split", reports["c"].entry_id, reports["b"].entry_id)
    file = tmp_path / "pairs.jsonl"
    done = await desk.say("rulings", "--export", str(file))
    assert done.out == f"3 pairs in {file}: 1 of one event, 2 of two\n"
    rows: list[dict[str, Any]] = [
        json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()
    ]
    found = {frozenset((row["a"]["id"], row["b"]["id"])): row for row in rows}
    a, b, c = (reports[name].entry_id for name in "abc")
    assert {pair: row["same"] for pair, row in found.items()} == {
        frozenset((a, c)): 0,
        frozenset((a, b)): 0,
        frozenset((b, c)): 1,
    }
    side = next(one for row in rows for one in (row["a"], row["b"]) if one["id"] == b)
    assert (side["title"], side["source"], side["lang"]) == (
        QUAKE_TOO,
        "b.example",
        "en",
    )
    assert side["text"] == RESCUE
    tested = await desk.say_alone("backtest", str(file), "--pairs", "--json")
    facts = json.loads(tested.out)
    assert (facts["pairs"], set(facts["pairwise"])) == (
        3,
        {"precision", "recall", "f1"},
    )
    assert facts["judged"].startswith(
        "each pair alone, by the shipped frequencies of words"
    )
    before = file.read_bytes()
    await desk.stages.store.engine.client.execute_command(
        "XTRIM", "agg:reports", "MAXLEN", 0
    )
    assert (await desk.say("rulings", "--export", str(file))).status == 0
    assert file.read_bytes() == before, "the texts outlive the messages"
    await desk.stages.store.engine.client.execute_command("DEL", "agg:examples")
    done = await desk.say("rulings", "--export", str(file))
    assert "0 pairs" in done.out
    assert "3 left out, whose texts were no longer kept when it was said" in done.out
    assert (await desk.say("rulings", "--export", str(tmp_path))).status == 2


async def test_explain_says_why_each_was_put_there_before_what_the_two_score_alone(
    desk: Desk,
):
    reports = await desk.by_feed()
    a, b = reports["a"], reports["b"]
    told = (await desk.say_alone("explain", b.url, a.entry_id)).out
    parts = [
        f"{QUAKE_TOO}  ({b.entry_id})",
        f'joined with score {b.score:.2f} ({b.reason}), through "{QUAKE}" ({a.entry_id}); in event {a.event_id}',
        f"{QUAKE}  ({a.entry_id})",
        f"started an event: none was like it; in event {a.event_id}",
        f"Published in one event, {a.event_id}.",
        "Alone, the same event: score ",
        "Judged: each pair alone, by the shipped frequencies of words",
        "The daemon judged with another state",
    ]
    places = [told.find(part) for part in parts]
    assert -1 not in places, parts[places.index(-1)]
    assert places == sorted(places)
    one, other = json.loads(
        (await desk.say_alone("explain", "--json", b.url, a.entry_id)).out
    )["reports"]
    assert (one["title"], one["score"], one["best_entry_id"], one["best_title"]) == (
        QUAKE_TOO,
        b.score,
        a.entry_id,
        QUAKE,
    )
    assert (other["reason"], other["best_entry_id"], other["moved"]) == (
        "new",
        "",
        False,
    )


async def test_explain_takes_the_ids_of_events_for_their_first_reports(desk: Desk):
    reports = await desk.by_feed()
    first, other = reports["a"], reports["c"]
    done = await desk.say_alone("explain", first.event_id, other.event_id)
    assert (done.status, done.err) == (0, "")
    assert f"{QUAKE}  ({first.entry_id})" in done.out
    assert (
        f"Published in two events, {first.event_id} and {other.event_id}." in done.out
    )
    done = await desk.say_alone("explain", f"e{'0' * 20}", other.event_id)
    assert done.status == 2
    assert "give an entry or event id, a URL, or a file" in done.err


async def test_explain_says_that_an_operator_decided(desk: Desk):
    reports = await desk.by_feed()
    await desk.say(
        "split", reports["b"].entry_id, "--by", "anna", "--why", "an aftershock"
    )
    done = await desk.say_alone("explain", reports["a"].entry_id, reports["b"].url)
    at = f"{desk.stages.now:%Y-%m-%d %H:%M} UTC"
    assert (
        f"An operator said that they are two events ({at}, anna: an aftershock); that decides."
        in done.out
    )
    found = json.loads(
        (
            await desk.say_alone(
                "explain", "--json", reports["a"].entry_id, reports["b"].entry_id
            )
        ).out
    )
    assert (
        found["operator"]["same"],
        found["operator"]["why"],
        found["held_apart"],
    ) == (False, "an aftershock", True)
    found = json.loads(
        (
            await desk.say_alone(
                "explain", "--json", reports["a"].entry_id, reports["c"].entry_id
            )
        ).out
    )
    assert (found["operator"], found["held_apart"]) == (None, False)
