"""Entries a second from the feeds to the stream: one process with all roles against poll workers and an event worker.

    python -m tests.bench.scale_out [--feeds 1500] [--entries 6] [--workers 2] [--rounds 1]

A publisher (a process of its own) serves every feed on a loopback address of its own. In each layout the real programs
are started on an empty server, and the clock runs from the moment all feeds fall due until the last entry is in
`agg:reports`. The layouts: one program with all roles, free to use every core; several programs, likewise; the same two
with each program held to one core, as if cores were machines (one program on one, the others dealt out over all); poll
workers alone, nobody leading; one event worker alone, draining what they left. Processor seconds are those of our
programs with their children, without publisher and server, which share the machine: where it has fewer cores than
programs, they say more than the ratio of times. Same data in each run.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from aiohttp import web

from aggregator.engine.client import connect
from aggregator.engine.embedded import EmbeddedServer
from aggregator.engine.store import Store
from tests.corpus_server import address

VOCABULARY = 20_000
LATER = datetime(2100, 1, 1, tzinfo=UTC)


# --- the publisher ----------------------------------------------------------------------------------------------


def document(number: int, entries: int, now: datetime) -> bytes:
    """A feed of entries that tell of different things, 80 words each."""
    dice = random.Random(number)
    items = []
    for entry in range(entries):
        at = (now - timedelta(minutes=1 + dice.randrange(600))).strftime(
            "%a, %d %b %Y %H:%M:%S GMT"
        )
        items.append(
            f"<item><guid>{number}-{entry}</guid><link>https://s{number}.example/{entry}</link><title>{words(dice, 10)}"
            f"</title><pubDate>{at}</pubDate><description>{words(dice, 80)}</description></item>"
        )
    return f"<rss version='2.0'><channel><title>s{number}</title>{''.join(items)}</channel></rss>".encode()


def words(dice: random.Random, count: int) -> str:
    """Words as often as words are: the n-th about 1/n of the time."""
    return " ".join(_WORDS[int(VOCABULARY ** dice.random()) - 1] for _ in range(count))


def _word(number: int) -> str:
    dice = random.Random(f"word {number}")
    return "".join(
        dice.choice("bcdfghklmnprstvz") + dice.choice("aeiou")
        for _ in range(dice.randint(1, 4))
    )


_WORDS = [_word(number) for number in range(VOCABULARY)]


async def serve(feeds: int, entries: int) -> None:
    """Prints its port, then serves until it is ended."""
    now = datetime.now(UTC)
    bodies = {
        address(number): document(number, entries, now) for number in range(feeds)
    }

    async def answer(request: web.Request) -> web.Response:
        headers = {"ETag": '"1"', "Content-Type": "application/xml"}
        return web.Response(
            body=bodies[request.host.partition(":")[0]], headers=headers
        )

    application = web.Application()
    application.router.add_get("/feed", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    first = web.TCPSite(runner, address(0), 0)
    await first.start()
    port = first._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    for number in range(1, feeds):
        await web.TCPSite(runner, address(number), port).start()
    print(port, flush=True)
    await asyncio.Event().wait()


@contextlib.contextmanager
def publisher(feeds: int, entries: int) -> Iterator[int]:
    words = [
        sys.executable,
        "-m",
        "tests.bench.scale_out",
        "--serve",
        "--feeds",
        str(feeds),
        "--entries",
        str(entries),
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


# --- our programs -----------------------------------------------------------------------------------------------


@dataclass
class Installation:
    """Programs on one server; each has a state directory of its own, as on machines of their own."""

    folder: Path
    store: Store
    url: str
    port: int
    feeds: int

    def start(self, role: str, name: str, core: int | None = None) -> Program:
        """With a core: it and its children run on that one alone."""
        folder = self.folder / name
        folder.mkdir()
        config = folder / "feeds.toml"
        tables = "".join(
            f'[[feed]]\nid = "f{n}"\nurl = "http://{address(n)}:{self.port}/feed"\n'
            for n in range(self.feeds)
        )
        config.write_text(
            f'[aggregator]\nredis_url = "{self.url}"\nstate_dir = "{folder}"\n[fetch]\nallow_private_networks = true\n'
            f'per_host_interval = "0s"\n[dedup]\nmeaning = false\n[defaults]\nbacklog = "all"\n{tables}'
        )
        words = [
            sys.executable,
            "-m",
            "aggregator",
            "run",
            "--role",
            role,
            "--config",
            str(config),
        ]
        environment = {**os.environ, "LOG_LEVEL": "info", "LOG_FORMAT": "json"}
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(words, stdout=log, stderr=log, env=environment)
        if core is not None:
            psutil.Process(process.pid).cpu_affinity([core])
        return Program(process, folder / "log")

    async def all_due(self) -> None:
        now = int(datetime.now(UTC).timestamp() * 1000)
        for start in range(0, self.feeds, 500):
            pairs = [
                part
                for n in range(start, min(start + 500, self.feeds))
                for part in (now, f"f{n}")
            ]
            await self.store.engine.command(
                "ZADD", self.store.engine.keys.due, "XX", *pairs
            )


@dataclass
class Program:
    process: subprocess.Popen[bytes]
    log: Path

    async def is_ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        return '"daemon_ready"' in self.log.read_text()

    def cpu(self) -> float:
        """Processor seconds of it and its children so far."""
        root = psutil.Process(self.process.pid)
        times = [one.cpu_times() for one in (root, *root.children(recursive=True))]
        return sum(t.user + t.system for t in times)

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(20)


async def until(question: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(1800):
        while not await question():
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def installation(port: int, feeds: int):  # type: ignore[no-untyped-def]
    """An empty server that knows the feeds, none of them due."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(Path(folder))
        await server.start()
        store = Store(connect(server.url))
        await store.polls.register({f"f{n}": LATER for n in range(feeds)})
        try:
            yield Installation(Path(folder), store, server.url, port, feeds)
        finally:
            await store.close()
            await server.stop()


@dataclass(frozen=True)
class Figures:
    layout: str
    entries: int
    seconds: float
    cpu: float

    @property
    def speed(self) -> float:
        return self.entries / self.seconds

    def __str__(self) -> str:
        return (
            f"{self.layout}: {self.entries} entries in {self.seconds:.1f} s, {self.speed:,.0f}/s, "
            f"{1000 * self.cpu / self.entries:.2f} ms of processor time each"
        )


async def whole_way(
    roles: Sequence[str], port: int, feeds: int, entries: int, *, cores: int = 0
) -> Figures:
    """All roles at once, from due to published; dealt out over so many cores, 0: free."""
    layout = " + ".join(roles) + (
        f", held to {cores} core{'s' * (cores > 1)}" if cores else ""
    )
    async with installation(port, feeds) as place:
        programs = [
            place.start(role, f"{role}{number}", number % cores if cores else None)
            for number, role in enumerate(roles)
        ]
        for program in programs:
            await until(program.is_ready)
        figures = await measured(
            layout, place, programs, place.store.engine.keys.reports, feeds * entries
        )
        for program in programs:
            program.end()
        return figures


async def apart(workers: int, port: int, feeds: int, entries: int) -> list[Figures]:
    """The poll workers alone, then one event worker alone on what they left."""
    async with installation(port, feeds) as place:
        polling = [place.start("poll", f"poll{number}") for number in range(workers)]
        for program in polling:
            await until(program.is_ready)
        polled = await measured(
            f"{workers} poll workers alone",
            place,
            polling,
            place.store.engine.keys.entries,
            feeds * entries,
        )
        for program in polling:
            program.end()
        started, event = time.perf_counter(), place.start("event", "event")
        await until(event.is_ready)
        loaded = time.perf_counter() - started
        drained = await measured(
            "1 event worker alone, draining",
            place,
            [event],
            place.store.engine.keys.reports,
            feeds * entries,
        )
        event.end()
        print(f"   (the event worker was ready after {loaded:.1f} s)")
        return [polled, drained]


async def measured(
    layout: str, place: Installation, programs: Sequence[Program], key: str, count: int
) -> Figures:
    """From all feeds falling due (which concerns nobody who only drains) until `key` holds `count` messages."""
    before = sum(program.cpu() for program in programs)
    first = int(await place.store.engine.command("XLEN", key))
    started = time.perf_counter()
    await place.all_due()

    async def is_done() -> bool:
        return int(await place.store.engine.command("XLEN", key)) >= count

    await until(is_done)
    seconds = time.perf_counter() - started
    return Figures(
        layout,
        count - first,
        seconds,
        sum(program.cpu() for program in programs) - before,
    )


async def bench(
    feeds: int, entries: int, workers: int, rounds: int
) -> dict[str, float]:
    """Prints the figures; answers the best entries/s of each layout."""
    print(
        f"{feeds} feeds of {entries} entries, {os.cpu_count()} cores for programs, publisher and server",
        flush=True,
    )
    best: dict[str, float] = {}
    with publisher(feeds, entries) as port:
        for _ in range(rounds):
            for figures in await one_round(port, feeds, entries, workers):
                print(figures, flush=True)
                best[figures.layout] = max(best.get(figures.layout, 0.0), figures.speed)
    free, free_many, held, held_many, *_ = best.values()
    against = f"{workers} poll workers and an event worker against one program"
    print(
        f"{against}: {free_many / free:.2f} times the entries/s; each held to a core: {held_many / held:.2f} times"
    )
    return best


async def one_round(port: int, feeds: int, entries: int, workers: int) -> list[Figures]:
    many = [*["poll"] * workers, "event"]
    return [
        await whole_way(["all"], port, feeds, entries),
        await whole_way(many, port, feeds, entries),
        await whole_way(["all"], port, feeds, entries, cores=1),
        await whole_way(many, port, feeds, entries, cores=os.cpu_count() or 1),
        *await apart(workers, port, feeds, entries),
    ]


def main() -> None:
    reading = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    reading.add_argument("--feeds", type=int, default=1500)
    reading.add_argument("--entries", type=int, default=6)
    reading.add_argument("--workers", type=int, default=2)
    reading.add_argument("--rounds", type=int, default=1)
    reading.add_argument("--serve", action="store_true", help="be the publisher")
    chosen = reading.parse_args()
    if chosen.serve:
        asyncio.run(serve(chosen.feeds, chosen.entries))
    else:
        best = asyncio.run(
            bench(chosen.feeds, chosen.entries, chosen.workers, chosen.rounds)
        )
        print(json.dumps(best))


if __name__ == "__main__":
    main()
