"""What the bench of polls serves: feeds on loopback addresses of their own with ETags, which change when told to.

    python -m tests.bench.polls_published synthetic|polls|real [--feeds 300] [--entries 30]

`synthetic`: made-up feeds of 2 kB an entry, of which each new version has two new entries. `polls`: the outlets of
../shared/corpus/polls, each poll a version. `real`: one document of ../shared/corpus/real a feed, spread evenly over
the folder, which never changes. Dates of the last two are as their publishers wrote them, from 2006 on.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from urllib.request import urlopen

from aiohttp import web

from tests.bench import SHARED
from tests.bench.polls import NEW_ENTRIES, address
from tests.bench.reading_golden import series
from tests.bench.scale_out import words
from tests.corpus_server import real_documents

PARAGRAPHS = 4
_SMALL = "the of and that with from this have was which will their they was has for on in to a is by as at it".split()  # noqa: SIM905
_ROOT = Path(__file__).resolve().parents[2]

Body = Callable[[int, int], bytes]
"""The body of a feed by its number and version, both from 0."""


@dataclass(frozen=True)
class Plan:
    """How many rounds of polls each stage has; in a round every feed is polled once."""

    first: int = 1
    changed: int = 0
    unchanged: int = 0
    mixed: int = 0

    def stages(self) -> dict[str, int]:
        """The rounds of those stages that have any, in order."""
        rounds = {
            "first": self.first,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "mixed": self.mixed,
        }
        return {stage: count for stage, count in rounds.items() if count}

    def version(self, number: int, stage: str, at: int) -> int:
        """What a feed serves in a round of a stage: a version more in each that is `changed`, in one of twenty that is
        `mixed`."""
        if stage == "first":
            return 0
        if stage == "changed":
            return at + 1
        if stage == "unchanged":
            return self.changed
        return self.changed + sum((number + n) % 20 == 0 for n in range(at + 1))


PLANS = {
    "synthetic": Plan(changed=1, unchanged=1, mixed=1),
    "polls": Plan(changed=8, unchanged=4, mixed=20),
    "real": Plan(),
}


# --- bodies -----------------------------------------------------------------------------------------------------


def bodies(source: str, feeds: int, entries: int) -> Body:
    """What the feeds of a source serve. `entries` is for `synthetic`; raises LookupError for more feeds than there are."""
    if source == "synthetic":
        now = datetime.now(UTC)
        return cache(lambda number, version: document(number, entries, version, now))
    if source == "polls":
        outlets = [[body for _, body in polls] for _, polls in series()]
        _require(feeds, len(outlets))

        def poll(number: int, version: int) -> bytes:
            polls = outlets[number]
            return polls[min(version, len(polls) - 1)]

        return poll
    paths = real_documents(SHARED)
    _require(feeds, len(paths))
    chosen = [paths[number * len(paths) // feeds] for number in range(feeds)]
    return lambda number, version: chosen[number].read_bytes()


def _require(feeds: int, present: int) -> None:
    if feeds > present:
        raise LookupError(
            f"{feeds} feeds asked for, {present} are in {SHARED / 'corpus'}"
        )


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
    rare = words(dice, count).split()
    return " ".join(
        dice.choice(_SMALL) if at % 5 in (1, 3) else rare[at] for at in range(count)
    ).capitalize()


# --- serving ----------------------------------------------------------------------------------------------------


async def serve(source: str, feeds: int, entries: int) -> None:
    """Prints its port, then serves until it is ended; `/round/STAGE/N` says what feeds answer from then on."""
    plan, body_of = PLANS[source], bodies(source, feeds, entries)
    numbers = {address(number): number for number in range(feeds)}
    stage, at = "first", 0

    async def answer(request: web.Request) -> web.Response:
        number = numbers[request.host.partition(":")[0]]
        body = body_of(number, plan.version(number, stage, at))
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        is_deaf = stage == "mixed" and (number + at) % 20 == 1
        if request.headers.get("If-None-Match") == tag and not is_deaf:
            return web.Response(status=304, headers={"ETag": tag})
        is_json = body.lstrip()[:1] == b"{"
        kind = "application/feed+json" if is_json else "application/xml"
        return web.Response(body=body, headers={"ETag": tag, "Content-Type": kind})

    async def change(request: web.Request) -> web.Response:
        nonlocal stage, at
        stage, at = request.match_info["stage"], int(request.match_info["at"])
        return web.Response()

    application = web.Application()
    application.router.add_get("/feed", answer)
    application.router.add_get("/round/{stage}/{at}", change)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    first = web.TCPSite(runner, address(0), 0)
    await first.start()
    port = runner.addresses[0][1]
    for number in range(1, feeds):
        await web.TCPSite(runner, address(number), port).start()
    print(port, flush=True)
    await asyncio.Event().wait()


@contextlib.contextmanager
def publisher(source: str, feeds: int, entries: int) -> Iterator[int]:
    """The port of a publisher in a process of its own."""
    program = [sys.executable, "-m", "tests.bench.polls_published", source]
    sizes = ["--feeds", str(feeds), "--entries", str(entries)]
    command = [*program, *sizes]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=_ROOT
    ) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def switch(port: int, stage: str, at: int = 0) -> None:
    """Have the feeds answer as in a round of a stage."""
    with urlopen(f"http://{address(0)}:{port}/round/{stage}/{at}") as answer:
        answer.read()


if __name__ == "__main__":
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("source", choices=list(PLANS))
    reading.add_argument("--feeds", type=int, default=300)
    reading.add_argument("--entries", type=int, default=30)
    chosen = reading.parse_args()
    asyncio.run(serve(chosen.source, chosen.feeds, chosen.entries))
