"""Processor time of a poll, ours whole and durable against what others do with the same feeds, in the same run.

    pip install reader rss2email        (into any environment: --python names its interpreter; they are no part of ours)
    python -m tests.bench.polls [--feeds 300] [--base 100] [--entries 30] [--rounds 3] [--python .../bin/python]

A publisher (a process of its own) serves every feed on a loopback address of its own, entries of 2 kB with ETags.
The stages: `first`, every feed is new; `changed`, two of the entries of each are new; `unchanged`, every answer is a
304; `mixed`, nine in ten are 304, one in twenty has two new entries, one in twenty sends its old body once more.

Ours is one daemon with its server (documents, matching by words, publishing, append-only file); reader fetches and
parses into SQLite by its defaults; `feedparser` is a loop over feedparser.parse with validators that keeps the ids it
has seen in a file; rss2email runs with the output left off. Figures are processor seconds of all processes, the
publisher apart, of `--feeds` less those of `--base`, for each feed: so start-up and idling are out.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import importlib.util
import os
import pickle
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import urlopen

STAGES = ("first", "changed", "unchanged", "mixed")
RIVALS = ("reader", "feedparser")
NEW_ENTRIES = 2
PARAGRAPHS = 4
_SMALL = "the of and that with from this have was which will their they were has for on in to a is by as at it".split()  # noqa: SIM905
_ROOT = Path(__file__).resolve().parents[2]


def address(position: int) -> str:
    return f"127.{1 + position // 62500}.{position // 250 % 250}.{1 + position % 250}"


# --- the publisher ----------------------------------------------------------------------------------------------


def document(number: int, entries: int, version: int, now: datetime) -> bytes:
    """A feed whose newest `NEW_ENTRIES` entries came with its version."""
    newest = NEW_ENTRIES * version + entries
    items = "".join(
        _item(number, entry, now) for entry in range(newest, newest - entries, -1)
    )
    return (
        f"<?xml version='1.0' encoding='utf-8'?><rss version='2.0'><channel><title>Site {number}</title>"
        f"<link>https://s{number}.example/</link><description>News</description><language>en</language>"
        f"<lastBuildDate>{_date(now, -version)}</lastBuildDate>{items}</channel></rss>"
    ).encode()


def _item(number: int, entry: int, now: datetime) -> str:
    dice = random.Random(number * 100_000 + entry)
    page = f"https://s{number}.example/news/{entry}"
    texts = (
        f'&lt;p&gt;{_prose(dice, 70)} &lt;a href="{page}/more"&gt;more&lt;/a&gt;.&lt;/p&gt;'
        for _ in range(PARAGRAPHS)
    )
    return (
        f"<item><title>{_prose(dice, 9)}</title><link>{page}</link><guid isPermaLink='false'>{number}-{entry}</guid>"
        f"<pubDate>{_date(now, 600 - entry)}</pubDate><description>{''.join(texts)}</description></item>"
    )  # fmt: skip


def _date(now: datetime, minutes_ago: int) -> str:
    return (now - timedelta(minutes=minutes_ago)).strftime("%a, %d %b %Y %H:%M:%S GMT")


def _prose(dice: random.Random, count: int) -> str:
    """As many small words as English has, between words as often as words are."""
    from tests.bench.scale_out import words

    rare = words(dice, count).split()
    return " ".join(
        dice.choice(_SMALL) if at % 5 in (1, 3) else rare[at] for at in range(count)
    ).capitalize()


async def serve(feeds: int, entries: int) -> None:
    """Prints its port, then serves until it is ended; `/stage/NAME` says what feeds answer from then on."""
    from aiohttp import web

    now = datetime.now(UTC)
    numbers = {address(number): number for number in range(feeds)}
    bodies: dict[tuple[int, int], bytes] = {}
    stage = STAGES[0]

    async def answer(request: web.Request) -> web.Response:
        number = numbers[request.host.partition(":")[0]]
        version = version_of(number, stage)
        tag = f'"{version}"'
        is_deaf = stage == "mixed" and number % 20 == 1
        if request.headers.get("If-None-Match") == tag and not is_deaf:
            return web.Response(status=304, headers={"ETag": tag})
        key = (number, version)
        body = bodies.setdefault(
            key, bodies.get(key) or document(number, entries, version, now)
        )
        return web.Response(
            body=body, headers={"ETag": tag, "Content-Type": "application/rss+xml"}
        )

    async def change(request: web.Request) -> web.Response:
        nonlocal stage
        stage = request.match_info["name"]
        for number in range(feeds):
            key = (number, version_of(number, stage))
            bodies[key] = bodies.get(key) or document(number, entries, key[1], now)
        return web.Response(text=stage)

    application = web.Application()
    application.router.add_get("/feed", answer)
    application.router.add_get("/stage/{name}", change)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    first = web.TCPSite(runner, address(0), 0)
    await first.start()
    port = runner.addresses[0][1]
    for number in range(1, feeds):
        await web.TCPSite(runner, address(number), port).start()
    print(port, flush=True)
    await asyncio.Event().wait()


def version_of(number: int, stage: str) -> int:
    return {"first": 0, "mixed": 1 + (number % 20 == 0)}.get(stage, 1)


@contextlib.contextmanager
def publisher(feeds: int, entries: int) -> Iterator[int]:
    words = [
        sys.executable,
        "-m",
        "tests.bench.polls",
        "--serve",
        "--feeds",
        str(feeds),
        "--entries",
        str(entries),
    ]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, text=True, cwd=_ROOT
    ) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def switch(port: int, stage: str) -> None:
    with urlopen(f"http://{address(0)}:{port}/stage/{stage}") as answer:
        answer.read()


# --- ours -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """Processor and wall seconds of one stage."""

    cpu: float
    wall: float


async def ours(port: int, feeds: int, entries: int) -> dict[str, Cost]:
    """A daemon and its server, stage by stage: each from all feeds falling due until the last is polled and told."""
    from tests.bench import scale_out

    costs: dict[str, Cost] = {}
    switch(port, STAGES[0])
    async with scale_out.installation(port, feeds) as place:
        program = place.start("all", "all")
        await scale_out.until(program.is_ready)
        polls = messages = 0
        for stage in STAGES:
            switch(port, stage)
            polls += feeds
            messages += expected(feeds, entries, stage)
            before, started = await _used(place, program), time.perf_counter()
            await place.all_due()
            await _until_told(place, program, polls, messages)
            wall = time.perf_counter() - started
            costs[stage] = Cost(await _used(place, program) - before, wall)
        program.end()
    return costs


def expected(feeds: int, entries: int, stage: str) -> int:
    """Messages that a stage brings."""
    changed = {
        "first": 0,
        "changed": feeds,
        "unchanged": 0,
        "mixed": len(range(0, feeds, 20)),
    }[stage]
    return NEW_ENTRIES * changed + (feeds * entries if stage == "first" else 0)


async def _until_told(place: Any, program: Any, polls: int, messages: int) -> None:
    async with asyncio.timeout(1800):
        while (
            int(
                await place.store.engine.command(
                    "XLEN", place.store.engine.keys.reports
                )
            )
            < messages
        ):
            await asyncio.sleep(0.05)
        while program.log.read_text().count('"feed_polled"') < polls:
            await asyncio.sleep(0.05)


async def _used(place: Any, program: Any) -> float:
    """Processor seconds of the daemon, its children (also those that ended) and the server."""
    import psutil

    root = psutil.Process(program.process.pid)
    seconds = 0.0
    for one in (root, *root.children(recursive=True)):
        times = one.cpu_times()
        seconds += (
            times.user + times.system + times.children_user + times.children_system
        )
    info = await place.store.engine.command("INFO", "cpu")
    rows = info if isinstance(info, Mapping) else _info(info)
    return seconds + float(rows["used_cpu_sys"]) + float(rows["used_cpu_user"])


def _info(text: bytes | str) -> dict[str, str]:
    written = text.decode() if isinstance(text, bytes) else text
    return dict(line.split(":", 1) for line in written.splitlines() if ":" in line)


# --- the others -------------------------------------------------------------------------------------------------


def rival(name: str, port: int, feeds: int, python: str) -> dict[str, Cost]:
    """Another program, stage by stage, each in a process of its own on the same data."""
    costs = {}
    with tempfile.TemporaryDirectory() as folder:
        for stage in STAGES:
            switch(port, stage)
            words = [
                python or sys.executable,
                str(Path(__file__)),
                "--be",
                name,
                "--at",
                folder,
                "--port",
                str(port),
                "--feeds",
                str(feeds),
            ]
            started, before = time.perf_counter(), os.times()
            subprocess.run(
                words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            after = os.times()
            cpu = (
                after.children_user
                + after.children_system
                - before.children_user
                - before.children_system
            )
            costs[stage] = Cost(cpu, time.perf_counter() - started)
    return costs


def be_reader(folder: Path, urls: Sequence[str]) -> None:
    made = importlib.import_module("reader").make_reader(str(folder / "db.sqlite"))
    for url in urls:
        made.add_feed(url, exist_ok=True)
    made.update_feeds(scheduled=False)


def be_feedparser(folder: Path, urls: Sequence[str]) -> None:
    feedparser = importlib.import_module("feedparser")
    kept = folder / "kept"
    seen: dict[str, tuple[str | None, set[str]]] = (
        pickle.loads(kept.read_bytes()) if kept.exists() else {}
    )
    for url in urls:
        tag, ids = seen.get(url, (None, set()))
        found = feedparser.parse(url, etag=tag)
        ids |= {entry.get("id") or entry.get("link") for entry in found.entries}
        seen[url] = (found.get("etag", tag), ids)
    kept.write_bytes(pickle.dumps(seen))


def be_rss2email(folder: Path, urls: Sequence[str]) -> None:
    config, data = folder / "rss2email.cfg", folder / "rss2email.json"
    words = [sys.executable, "-m", "rss2email.main", "-c", str(config), "-d", str(data)]
    run = importlib.import_module("rss2email.main").run
    if not config.exists():
        subprocess.run([*words, "new", "nobody@a.example"], check=True)
        for number, url in enumerate(urls):
            run(["-c", str(config), "-d", str(data), "add", f"f{number}", url])
    run(["-c", str(config), "-d", str(data), "run", "--no-send"])


PROGRAMS = {"reader": be_reader, "feedparser": be_feedparser, "rss2email": be_rss2email}


# --- the table --------------------------------------------------------------------------------------------------


def bench(
    feeds: int, base: int, entries: int, rounds: int, rivals: Sequence[str], python: str
) -> dict[str, Any]:
    """Prints the table; answers milliseconds of processor and wall time a feed, by program and stage."""
    figures: dict[str, dict[str, list[Cost]]] = {
        name: {stage: [] for stage in STAGES} for name in ("ours", *rivals)
    }
    with publisher(feeds, entries) as port:
        for _ in range(rounds):
            for name in figures:
                few, many = (
                    _costs(name, port, count, entries, python)
                    for count in (base, feeds)
                )
                for stage in STAGES:
                    cpu, wall = (
                        many[stage].cpu - few[stage].cpu,
                        many[stage].wall - few[stage].wall,
                    )
                    figures[name][stage].append(
                        Cost(1000 * cpu / (feeds - base), 1000 * wall / (feeds - base))
                    )
                    print(
                        f"   {name} {stage}: {figures[name][stage][-1]}",
                        file=sys.stderr,
                        flush=True,
                    )
    table = {
        name: {stage: _median(costs) for stage, costs in stages.items()}
        for name, stages in figures.items()
    }
    _show(table, entries)
    return table


def _costs(
    name: str, port: int, feeds: int, entries: int, python: str
) -> dict[str, Cost]:
    return (
        asyncio.run(ours(port, feeds, entries))
        if name == "ours"
        else rival(name, port, feeds, python)
    )


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(median(cost.cpu for cost in costs), median(cost.wall for cost in costs))


def _show(table: Mapping[str, Mapping[str, Cost]], entries: int) -> None:
    print(
        "| ms of processor time a feed |",
        " | ".join(table),
        "|",
        " | ".join(f"{n}/ours" for n in table if n != "ours"),
        "|",
    )
    print("|---|" + "--:|" * (2 * len(table) - 1))
    for stage in STAGES:
        own = table["ours"][stage]
        others = [stages[stage] for name, stages in table.items() if name != "ours"]
        cells = [f"{cost.cpu:.2f} (wall {cost.wall:.2f})" for cost in (own, *others)]
        ratios = [f"{cost.cpu / own.cpu:.1f} ×" for cost in others]
        print(f"| {stage} |", " | ".join((*cells, *ratios)), "|")
    per_entry = {
        name: round(stages["first"].cpu / entries, 2) for name, stages in table.items()
    }
    print(f"first poll, ms an entry: {per_entry}")


def main() -> None:
    reading = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    reading.add_argument("--feeds", type=int, default=300)
    reading.add_argument("--base", type=int, default=100)
    reading.add_argument("--entries", type=int, default=30)
    reading.add_argument("--rounds", type=int, default=3)
    reading.add_argument(
        "--rivals", nargs="*", default=list(RIVALS), choices=list(PROGRAMS)
    )
    reading.add_argument(
        "--python", default="", help="an interpreter that has the rivals"
    )
    reading.add_argument("--serve", action="store_true", help="be the publisher")
    reading.add_argument("--be", choices=list(PROGRAMS), help="be a rival")
    reading.add_argument("--at", type=Path)
    reading.add_argument("--port", type=int)
    chosen = reading.parse_args()
    if chosen.serve:
        asyncio.run(serve(chosen.feeds, chosen.entries))
    elif chosen.be:
        urls = [
            f"http://{address(number)}:{chosen.port}/feed"
            for number in range(chosen.feeds)
        ]
        PROGRAMS[chosen.be](chosen.at, urls)
    else:
        bench(
            chosen.feeds,
            chosen.base,
            chosen.entries,
            chosen.rounds,
            chosen.rivals,
            chosen.python,
        )


if __name__ == "__main__":
    main()
