"""Processor time of a poll, ours whole and durable against what others do with the same feeds, in the same run.

    pip install reader rss2email sgmllib3k  (into any environment: --python names its interpreter; no part of ours)
    python -m tests.bench.polls [--feeds 300] [--base 100] [--entries 30] [--rounds 3] [--python .../bin/python]
    python -m tests.bench.polls --of polls [--feeds 15] [--base 1]    (real feeds: successive polls of 15 outlets)
    python -m tests.bench.polls --of real [--feeds 100] [--base 20]   (real feeds of all kinds, first polls)

A publisher (`polls_published`, a process of its own) serves every feed on a loopback address of its own with ETags.
The stages: `first`, every feed is new; `changed`, every feed has its next version (made up: two of 30 entries of 2 kB
are new; real: what came by the outlet's next poll, in eight rounds, 22 new and 3 edited entries of 38 on average, since
they lie hours and days apart); `unchanged`, every answer is a 304; `mixed`, nine
in ten are 304, one in twenty has its next version, one in twenty sends its old body once more.

Ours is one daemon with its server (documents, matching by words, publishing, append-only file); reader fetches and
parses into SQLite by its defaults; `feedparser` is a loop over feedparser.parse with validators that keeps the ids it
has seen in a file; rss2email runs with the output left off. Figures are processor seconds of all processes, the
publisher apart, of `--feeds` less those of `--base`, for each poll: so start-up and idling are out. A rival is started
for each round: with 15 feeds that varies by more than its polls cost where nothing changed, which made-up feeds tell.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import importlib.util
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

SOURCES = ("synthetic", "polls", "real")
FEEDS = {"synthetic": (300, 100), "polls": (15, 1), "real": (100, 20)}
"""How many feeds are measured, and how many are taken off, unless told."""
RIVALS = ("reader", "feedparser")
NEW_ENTRIES = 2


def address(position: int) -> str:
    return f"127.{1 + position // 62500}.{position // 250 % 250}.{1 + position % 250}"


# --- ours -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """Processor and wall seconds of one stage."""

    cpu: float
    wall: float


async def ours(port: int, feeds: int, stages: Mapping[str, int]) -> dict[str, Cost]:
    """A daemon and its server, stage by stage: each round from all feeds falling due until the last is polled and
    told."""
    from tests.bench import scale_out
    from tests.bench.polls_published import switch

    costs: dict[str, Cost] = {}
    async with scale_out.installation(port, feeds) as place:
        program = place.start("all", "all")
        await scale_out.until(program.is_ready)
        polls = 0
        for stage, rounds in stages.items():
            before, started = await _used(place, program), time.perf_counter()
            for at in range(rounds):
                switch(port, stage, at)
                polls += feeds
                await place.all_due()
                await _until_told(place, program, polls)
            wall = time.perf_counter() - started
            costs[stage] = Cost(await _used(place, program) - before, wall)
        program.end()
    return costs


async def _until_told(place: Any, program: Any, polls: int) -> None:
    """Until so many polls are committed, and no entry waits for its event."""
    engine = place.store.engine
    async with asyncio.timeout(1800):
        while program.log.read_text().count('"feed_polled"') < polls:
            await asyncio.sleep(0.05)
        while int(await engine.command("XLEN", engine.keys.entries)):
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


def rival(
    name: str, port: int, feeds: int, stages: Mapping[str, int], python: str
) -> dict[str, Cost]:
    """Another program, each round in a process of its own on the same data."""
    from tests.bench.polls_published import switch

    costs = {}
    with tempfile.TemporaryDirectory() as folder:
        program = [python or sys.executable, str(Path(__file__)), "--be", name]
        place = ["--at", folder, "--port", str(port), "--feeds", str(feeds)]
        for stage, rounds in stages.items():
            started, before = time.perf_counter(), _used_by_ended()
            for at in range(rounds):
                switch(port, stage, at)
                subprocess.run(
                    [*program, *place],
                    check=True,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            wall = time.perf_counter() - started
            costs[stage] = Cost(_used_by_ended() - before, wall)
    return costs


def _used_by_ended() -> float:
    """Processor seconds of the children that have ended."""
    times = os.times()
    return times.children_user + times.children_system


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
    source: str,
    feeds: int,
    base: int,
    entries: int,
    rounds: int,
    rivals: Sequence[str],
    python: str,
) -> dict[str, dict[str, Cost]]:
    """Prints the table; answers milliseconds of processor and wall time a poll, by program and stage."""
    from tests.bench.polls_published import PLANS, publisher

    stages = PLANS[source].stages()
    figures: dict[str, dict[str, list[Cost]]] = {
        name: {stage: [] for stage in stages} for name in ("ours", *rivals)
    }
    with publisher(source, feeds, entries) as port:
        for _ in range(rounds):
            for name, costs in figures.items():
                few = _costs(name, port, base, stages, python)
                many = _costs(name, port, feeds, stages, python)
                for stage, count in stages.items():
                    cost = _marginal(few[stage], many[stage], (feeds - base) * count)
                    costs[stage].append(cost)
                    print(f"   {name} {stage}: {cost}", file=sys.stderr, flush=True)
    table = {
        name: {stage: _median(costs) for stage, costs in by_stage.items()}
        for name, by_stage in figures.items()
    }
    _show(table, source)
    return table


def _costs(
    name: str, port: int, feeds: int, stages: Mapping[str, int], python: str
) -> dict[str, Cost]:
    if name == "ours":
        return asyncio.run(ours(port, feeds, stages))
    return rival(name, port, feeds, stages, python)


def _marginal(few: Cost, many: Cost, polls: int) -> Cost:
    """Milliseconds for each of the polls that `many` made and `few` did not."""
    return Cost(
        1000 * (many.cpu - few.cpu) / polls, 1000 * (many.wall - few.wall) / polls
    )


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(median(cost.cpu for cost in costs), median(cost.wall for cost in costs))


def _show(table: Mapping[str, Mapping[str, Cost]], source: str) -> None:
    others = [name for name in table if name != "ours"]
    ratios = [f"{name}/ours" for name in others]
    print(
        f"| {source}: ms of processor time a poll |", " | ".join([*table, *ratios]), "|"
    )
    print("|---|" + "--:|" * (len(table) + len(ratios)))
    for stage, own in table["ours"].items():
        costs = [stages[stage] for stages in table.values()]
        cells = [f"{cost.cpu:.2f} (wall {cost.wall:.2f})" for cost in costs]
        for name in others:
            cost = table[name][stage]
            cpu, wall = _ratio(cost.cpu, own.cpu), _ratio(cost.wall, own.wall)
            cells.append(f"{cpu} ({wall})")
        print(f"| {stage} |", " | ".join(cells), "|")


def _ratio(other: float, own: float) -> str:
    """How many times ours; nothing of a difference that is lost in what the runs vary by."""
    if other <= 0 or own <= 0:
        return "–"
    return f"{other / own:.1f} ×"


def main() -> None:
    reading = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    reading.add_argument("--of", choices=SOURCES, default=SOURCES[0])
    reading.add_argument("--feeds", type=int)
    reading.add_argument("--base", type=int)
    reading.add_argument("--entries", type=int, default=30)
    reading.add_argument("--rounds", type=int, default=3)
    reading.add_argument(
        "--rivals", nargs="*", default=list(RIVALS), choices=list(PROGRAMS)
    )
    reading.add_argument(
        "--python", default="", help="an interpreter that has the rivals"
    )
    reading.add_argument("--be", choices=list(PROGRAMS), help="be a rival")
    reading.add_argument("--at", type=Path)
    reading.add_argument("--port", type=int)
    chosen = reading.parse_args()
    feeds = chosen.feeds or FEEDS[chosen.of][0]
    if chosen.be:
        urls = [f"http://{address(n)}:{chosen.port}/feed" for n in range(feeds)]
        PROGRAMS[chosen.be](chosen.at, urls)
        return
    bench(
        chosen.of,
        feeds,
        chosen.base or FEEDS[chosen.of][1],
        chosen.entries,
        chosen.rounds,
        chosen.rivals,
        chosen.python,
    )


if __name__ == "__main__":
    main()
