"""`aggregator demo`: everything at work on sample feeds, without a network and without a configuration.

The sample feeds are served on loopback and polled by the daemon itself, with a state directory that is removed at the
end. Off a terminal it ends by itself; on one it leaves the page up until Ctrl-C.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
import webbrowser
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import click
from aiohttp import web

from aggregator.cli.config_file import ConfigFile
from aggregator.cli.console import console
from aggregator.cli.people import People
from aggregator.cli.running import Beside, daemon
from aggregator.cli.sample_feeds import Outlet, outlets
from aggregator.daemon import files
from aggregator.engine.store import Store
from aggregator.errors import AggregatorError, EngineError
from aggregator.watch import logs
from aggregator.watch.wording import counted

LONGEST = timedelta(seconds=14)
"""The demo stops by then off a terminal, done or not, so that it has ended within 20 s on a busy machine."""
LOOK_EVERY_SECONDS = 0.25


@click.command()
@click.option(
    "--open",
    "opens",
    is_flag=True,
    help="Open the page in your browser.",
)
def demo(opens: bool) -> None:
    """See it at work: sample feeds in four languages, served, polled and matched on this machine.

    Needs no network and no configuration, and leaves nothing behind. On a terminal the page stays up until Ctrl-C.
    """
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="aggregator-demo-") as folder:
        asyncio.run(_demo(Path(folder), opens=opens, begun=begun))


async def _demo(
    folder: Path,
    *,
    opens: bool,
    begun: float,
) -> None:
    shown = outlets()
    stays = sys.stdout.isatty()
    async with _serving(shown) as urls:
        file = folder / "feeds.toml"
        files.write_new(file, _configuration(shown, urls))
        read = files.loaded_from(file, {})
        source = ConfigFile(read)
        people = People(
            console(),
            feeds=source.feeds,
            file="the demo",
            farewell="The demo is over; nothing of it stays.",
        )
        logs.configure(tell=people.log)
        deadline = None if stays else begun + LONGEST.total_seconds()
        beside = _beside(shown, deadline, opens=opens)
        await daemon(
            read,
            "all",
            source,
            people,
            beside=beside,
        )


def _beside(
    shown: Sequence[Outlet],
    deadline: float | None,
    *,
    opens: bool,
) -> Beside:
    """What runs beside the demo's daemon: it tells of the end, and ends it, where there is a deadline."""

    async def beside(
        store: Store,
        people: People,
        stop: Callable[[], None],
    ) -> None:
        if opens:
            webbrowser.open(people.page)
        await _until_told(store, shown, deadline)
        stays = deadline is None
        await _tell_end(
            store,
            people,
            shown,
            stays=stays,
        )
        # On a terminal the page stays up until Ctrl-C.
        if not stays:
            stop()

    return beside


async def _until_told(
    store: Store,
    shown: Sequence[Outlet],
    deadline: float | None,
) -> None:
    """Wait until every report has its event."""
    total = sum(len(outlet.reports) for outlet in shown)
    while deadline is None or time.monotonic() < deadline:
        if await _report_count(store) >= total:
            return
        await asyncio.sleep(LOOK_EVERY_SECONDS)


async def _report_count(store: Store) -> int:
    try:
        events = await store.watch.events_since(datetime.now(UTC) - timedelta(hours=1))
    except EngineError:
        return 0
    return sum(event.source_count for event in events)


async def _tell_end(
    store: Store,
    people: People,
    shown: Sequence[Outlet],
    *,
    stays: bool,
) -> None:
    events = await store.watch.events_since(datetime.now(UTC) - timedelta(hours=1))
    reports = sum(event.source_count for event in events)
    await asyncio.sleep(1)  # the last lines come before the sum
    people.say("")
    total = sum(len(outlet.reports) for outlet in shown)
    if reports < total:
        people.say(
            f"Time is up: {reports} of {total} reports were read. On a terminal it takes the time it needs."
        )
    else:
        came = f"{counted(reports, 'report')} of {counted(len(shown), 'feed')}"
        people.say(
            f"{came} in four languages came to {counted(len(events), 'event')}: "
            "look-alikes apart, retellings together where their words show it."
        )
    if stays:
        people.say(f"Look at them: {people.page}  (Ctrl-C ends the demo)")
    else:
        people.say(f"The page was at {people.page}")
    people.say("Your own feeds: `aggregator init`, then `aggregator run`")


def _configuration(
    shown: Sequence[Outlet],
    urls: Mapping[str, str],
) -> str:
    lines = [
        '[aggregator]\nstate_dir = "state"',
        '[http]\nlisten = "127.0.0.1:0"',
        '[fetch]\nallow_private_networks = true\nper_host_interval = "0s"',
        # So that it begins at once, and tells the same with and without the extra.
        "[dedup]\nmeaning = false",
        '[defaults]\nmin_interval = "1s"\nmax_interval = "1s"\nbacklog = "all"',
    ]
    for outlet in shown:
        categories = f'["News", "{outlet.name}", "{outlet.category}"]'
        lines += [
            "[[feed]]",
            f'id = "{outlet.feed_id}"',
            f'url = "{urls[outlet.feed_id]}"',
            f'language = "{outlet.language}"',
            f"categories = {categories}",
        ]
    return "\n".join(lines) + "\n"


@asynccontextmanager
async def _serving(shown: Sequence[Outlet]) -> AsyncIterator[dict[str, str]]:
    """The URL of each sample feed; the feeds grow from the first request on."""
    by_path = {outlet.feed_id: outlet for outlet in shown}
    started: list[datetime] = []

    async def answer(request: web.Request) -> web.Response:
        now = datetime.now(UTC)
        # From the first request, not from the start: a slow machine must not miss how the feeds grow.
        if not started:
            started.append(now)
        outlet = by_path[request.match_info["feed"]]
        body = outlet.body(started_at=started[0], elapsed=now - started[0])
        etag = sha256(body).hexdigest()[:16]
        if request.headers.get("If-None-Match") == f'"{etag}"':
            return web.Response(status=304)
        response = web.Response(
            body=body,
            headers={"Content-Type": outlet.content_type},
        )
        response.etag = etag
        return response

    app = web.Application()
    app.router.add_get(f"/{{feed:{'|'.join(by_path)}}}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        urls: dict[str, str] = {}
        for number, outlet in enumerate(shown, 1):
            place = await _opened(runner, number)
            urls[outlet.feed_id] = f"http://{place}/{outlet.feed_id}"
        yield urls
    finally:
        await runner.cleanup()


async def _opened(runner: web.AppRunner, number: int) -> str:
    """`host:port` of one more address of loopback: each is a host of its own, and hosts are asked side by side. Where
    there is but one address (macOS), the feeds share it, and take turns."""
    for host in (f"127.0.0.{number}", "127.0.0.1"):
        try:
            await web.TCPSite(runner, host, 0).start()
        except OSError:  # macOS has 127.0.0.1 alone
            continue
        return f"{host}:{runner.addresses[-1][1]}"
    raise AggregatorError(
        "no port of 127.0.0.1 can be opened, so the sample feeds cannot be served"
    )
