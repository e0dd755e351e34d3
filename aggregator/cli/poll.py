"""`aggregator poll FEED_OR_URL…`: poll now and tell what was found."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import click
import orjson
from rich.table import Table
from rich.text import Text

from aggregator import __version__
from aggregator.cli import engines, options
from aggregator.cli.console import console
from aggregator.cli.explaining import conversation
from aggregator.cli.surroundings import use_temporary_directory
from aggregator.config import feed_id_for
from aggregator.config_values import web_addresses
from aggregator.daemon import assembly, files
from aggregator.daemon.clock import machine_time
from aggregator.daemon.encoder import Encoder
from aggregator.daemon.files import Loaded
from aggregator.daemon.poll_log import poll_facts
from aggregator.daemon.polling import PollStage
from aggregator.dedup.apart import apart_of
from aggregator.dedup.fingerprint import told_by
from aggregator.engine.poll_store import PollStore
from aggregator.engine.store import Store
from aggregator.errors import ConfigError, EngineMissing, Problem
from aggregator.model import (
    Assignment,
    Claim,
    Entry,
    Feed,
    FeedRead,
    KnownEntry,
    Poll,
    PollState,
)
from aggregator.pipeline.matching import Matcher
from aggregator.watch import logs
from aggregator.watch.metrics import Metrics
from aggregator.watch.progress import Progress


@click.command()
@click.argument("targets", nargs=-1, required=True, metavar="FEED_OR_URL...")
@click.option("--dry-run", is_flag=True, help="Store and publish nothing.")
@click.option(
    "--explain", is_flag=True, help="Tell the conversation with the server in words."
)
@options.config
@options.as_json
def poll(
    targets: tuple[str, ...],
    dry_run: bool,
    explain: bool,
    config_file: str | None,
    as_json: bool,
) -> None:
    """Poll feeds now, due or not, and print what was found and each entry's outcome.

    A URL that is no configured feed is only looked at, as with --dry-run. Exit status 1: one could not be
    polled now, or failed.
    """
    logs.configure(level="error", form=logs.Form.PRETTY)
    read = files.loaded(config_file)
    use_temporary_directory(read.state_dir)
    found = asyncio.run(_polled(read, targets, dry_run=dry_run))
    for one, outcomes in found:
        if as_json:
            click.echo(orjson.dumps(_record(one, outcomes)))
        else:
            _print(
                one,
                outcomes,
                agent=user_agent(read.configuration.settings.contact)
                if explain
                else None,
            )
    if len(found) < len(targets) or any(
        one.poll.result == "failed" for one, _ in found
    ):
        raise SystemExit(1)


Outcomes = Sequence[tuple[Entry, Assignment | None]]


@dataclass(frozen=True, slots=True)
class _Ended:
    """A poll as it is told of; not `committed`: it left no trace."""

    feed: Feed
    poll: Poll
    committed: bool


async def _polled(
    read: Loaded, targets: Sequence[str], *, dry_run: bool
) -> list[tuple[_Ended, Outcomes]]:
    feeds = [_feed(read, target) for target in targets]
    strangers = {feed.feed_id for feed in feeds} - {
        feed.feed_id for feed in read.configuration.feeds
    }
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        store = await _store(
            stack, read, needed=not dry_run and len(strangers) < len(feeds)
        )
        fetching = await stack.enter_async_context(
            assembly.Fetching(read.configuration.settings, metrics)
        )
        encoder = await stack.enter_async_context(Encoder(metrics))
        stage = assembly.poll_stage(
            store or _NoServer(), fetching, read, metrics=metrics
        )
        done = []
        for feed in feeds:
            dry = dry_run or feed.feed_id in strangers
            polled = await (
                _look(stage, feed)
                if dry or store is None
                else _poll(stage, store, read, feed)
            )
            if isinstance(polled, str):
                click.echo(f"aggregator: {polled}", err=True)
            else:
                done.append(
                    (
                        _Ended(feed, polled, committed=not dry),
                        await _outcomes(read, store, polled, encoder),
                    )
                )
        if store is not None and not dry_run:
            progress = Progress({"event": timedelta(hours=1)})
            event = assembly.event_stage(
                store, read, encoder, metrics=metrics, progress=progress
            )
            await event.drain()
            await event.close()
        return done


class _NoServer(Store):
    """Stands in for a server where none runs."""

    def __init__(self) -> None:
        """Connects to nothing."""
        self.polls = _NothingKnown()


class _NothingKnown(PollStore):
    """Every feed is new, as it is before the first run."""

    def __init__(self) -> None:
        """Asks no server."""

    async def states(self, feed_ids: Sequence[str]) -> dict[str, PollState | None]:
        return dict.fromkeys(feed_ids)

    async def known(self, feed_id: str) -> dict[str, KnownEntry]:
        return {}


async def _store(stack: AsyncExitStack, read: Loaded, *, needed: bool) -> Store | None:
    if needed:
        return (await stack.enter_async_context(engines.working_engine(read))).store
    try:
        return (await stack.enter_async_context(engines.attached_engine(read))).store
    except EngineMissing:
        return None


def _feed(read: Loaded, target: str) -> Feed:
    for feed in read.configuration.feeds:
        if target in (feed.feed_id, feed.url):
            return feed
    try:
        addresses = web_addresses(target)
    except ValueError:
        raise ConfigError(
            Problem(
                f'no feed has the id "{target}"; `aggregator feeds list` shows them'
            )
        ) from None
    known = next(
        (feed for feed in read.configuration.feeds if feed.url in addresses), None
    )
    return known or Feed(feed_id_for(addresses[0]), addresses[0])


async def _look(stage: PollStage, feed: Feed) -> Poll:
    """A poll that leaves no trace: what the daemon would do with the feed's state as it stands."""
    state = await stage.state_of(feed)
    claim = Claim(feed.feed_id, 0, machine_time(), state)
    return await stage.poll(claim, feed, dry_run=True)


async def _poll(stage: PollStage, store: Store, read: Loaded, feed: Feed) -> Poll | str:
    """A poll under a claim, like the daemon's; why there was none, where it may not be claimed."""
    if not feed.enabled:
        return f"{feed.feed_id} is off (enabled = false); --dry-run looks at it all the same"
    await stage.register()
    host = stage.hosts[feed.feed_id]
    spacing = read.configuration.settings.fetch.per_host_interval
    for _ in range(int(stage.lease.total_seconds())):
        got = await store.polls.claim_these(
            {feed.feed_id: host}, lease=stage.lease, spacing=spacing
        )
        if got.claims:
            return await stage.poll(got.claims[0], feed)
        if any(skipped.why.value == "held" for skipped in got.skipped):
            break
        await asyncio.sleep(1)
    why = ", ".join(
        f"{s.why.value} until {s.until_at:%H:%M:%S}" if s.until_at else s.why.value
        for s in got.skipped
    )
    return f"{feed.feed_id} cannot be polled now: {why}. --dry-run looks at it all the same"


async def _outcomes(
    read: Loaded, store: Store | None, polled: Poll, encoder: Encoder
) -> Outcomes:
    """Each new or edited entry, with the event it would be given to, by a copy of the index."""
    found = polled.read
    if not isinstance(found, FeedRead):
        return []
    dedup = read.configuration.settings.dedup
    matcher = Matcher(dedup)
    if store is not None:
        apart = apart_of(await store.rulings.applied(), await store.events.aliases())
        matcher = Matcher(dedup, apart)
        async for records in store.fingerprints.since(machine_time() - dedup.window):
            matcher.learn(records)
    new = [entry for entry in found.entries if not entry.revision]
    meant = (
        await encoder.encode([told_by(entry) for entry in new])
        if dedup.meaning and new
        else None
    )
    answers = matcher.assigned(new, meant)
    return [
        (entry, None if entry.revision else next(answers)[1]) for entry in found.entries
    ]


# --- telling --------------------------------------------------------------------------------------------------


def _record(one: _Ended, outcomes: Outcomes) -> dict[str, Any]:
    return {
        "feed_id": one.feed.feed_id,
        "committed": one.committed,
        **poll_facts(one.poll),
        "entries": [
            {
                "outcome": _outcome(entry, assignment),
                "entry_id": entry.entry_id,
                "event_id": assignment.event_id if assignment else None,
                "title": entry.title,
                "url": entry.url,
                "lang": entry.lang,
                "published_at": entry.published_at,
                "score": assignment.score if assignment else None,
            }
            for entry, assignment in outcomes
        ],
    }


def _outcome(entry: Entry, assignment: Assignment | None) -> str:
    if entry.revision:
        return "edited"
    return "joined_event" if assignment and assignment.event_id else "new_event"


def user_agent(contact: str) -> str:
    """The User-Agent that `Fetcher` sends for feeds without one of their own."""
    return f"aggregator/{__version__}" + (f" (+{contact})" if contact else "")


def _print(one: _Ended, outcomes: Outcomes, *, agent: str | None) -> None:
    """`agent`: what we call ourselves, to tell the conversation in words; None: only the facts."""
    out = console()
    facts = poll_facts(one.poll)
    mark = "[red]✗[/]" if facts["result"] == "failed" else "[green]✓[/]"
    out.print(f"{mark} [bold]{one.feed.feed_id}[/] {facts['result']}", soft_wrap=True)
    if agent:
        for line in conversation(one.feed, one.poll, agent=agent):
            out.print(f"  {line}", soft_wrap=True, markup=False)
    else:
        for name, value in facts.items():
            if name != "result":
                out.print(f"  {name}: {value}", soft_wrap=True, markup=False)
    if outcomes:
        out.print(_table(outcomes))
    if not one.committed:
        out.print("  nothing was stored or published", style="dim")


def _table(outcomes: Outcomes) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("outcome", "published", "lang", "title"):
        table.add_column(heading, overflow="fold", no_wrap=heading != "title")
    for entry, assignment in outcomes:
        at = (
            entry.published_at.strftime("%Y-%m-%d %H:%M") if entry.published_at else "-"
        )
        table.add_row(_outcome(entry, assignment), at, entry.lang, Text(entry.title))
    return table
