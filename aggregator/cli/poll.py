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
from aggregator.engine.poll_store import PollStore, Skip, Skipped
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
@click.argument(
    "targets",
    nargs=-1,
    required=True,
    metavar="FEED_OR_URL...",
)
@click.option("--dry-run", is_flag=True, help="Store and publish nothing.")
@click.option(
    "--explain",
    is_flag=True,
    help="Tell the conversation with the server in words.",
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
    # The poll's own log lines say what is printed below.
    logs.configure(level="error", form=logs.Form.PRETTY)
    read = files.loaded(config_file)
    use_temporary_directory(read.state_dir)
    agent = None
    if explain:
        agent = user_agent(read.configuration.settings.contact)
    reports = asyncio.run(_reports(read, targets, dry_run=dry_run))
    for report in reports:
        if as_json:
            click.echo(orjson.dumps(_record(report)))
        else:
            _print(report, agent=agent)
    has_failed = any(report.poll.result == "failed" for report in reports)
    if has_failed or len(reports) < len(targets):
        raise SystemExit(1)


@dataclass(frozen=True, slots=True)
class PollReport:
    """A poll as it is told of. Not `is_committed`: it left no trace. `outcomes`: each new or edited entry, with the
    event it would be given to; None for an edit."""

    feed: Feed
    poll: Poll
    is_committed: bool
    outcomes: Sequence[tuple[Entry, Assignment | None]]


async def _reports(
    read: Loaded,
    targets: Sequence[str],
    *,
    dry_run: bool,
) -> list[PollReport]:
    """Those of the feeds that could be polled; of the others stderr says why."""
    feeds = [_feed(read, target) for target in targets]
    dry_ids = {feed.feed_id for feed in feeds}
    # What is no feed of the configuration is only looked at.
    if not dry_run:
        dry_ids -= {feed.feed_id for feed in read.configuration.feeds}
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        is_needed = any(feed.feed_id not in dry_ids for feed in feeds)
        store = await _store(stack, read, is_needed=is_needed)
        fetching = await stack.enter_async_context(
            assembly.Fetching(read.configuration.settings, metrics)
        )
        encoder = await stack.enter_async_context(Encoder(metrics))
        stage = assembly.poll_stage(
            store or _NoServer(),
            fetching,
            read,
            metrics=metrics,
        )
        reports: list[PollReport] = []
        for feed in feeds:
            is_dry = feed.feed_id in dry_ids
            if is_dry or store is None:
                poll: Poll | str = await _look(stage, feed)
            else:
                poll = await _poll(stage, store, read, feed)
            if isinstance(poll, str):
                click.echo(f"aggregator: {poll}", err=True)
                continue
            outcomes = await _outcomes(read, store, poll, encoder)
            reports.append(PollReport(feed, poll, not is_dry, outcomes))
        if store is not None and not dry_run:
            await _publish(store, read, encoder, metrics)
        return reports


async def _publish(
    store: Store,
    read: Loaded,
    encoder: Encoder,
    metrics: Metrics,
) -> None:
    """What the polls committed, where no daemon does."""
    stage = assembly.event_stage(
        store,
        read,
        encoder,
        metrics=metrics,
        progress=Progress({"event": timedelta(hours=1)}),
    )
    await stage.drain()
    await stage.close()


class _NoServer(Store):
    """Stands in for a server where none runs."""

    def __init__(self) -> None:
        """Connects to nothing."""
        self.polls = _NothingKnown()


class _NothingKnown(PollStore):
    """Every feed is new, as it is before the first run."""

    def __init__(self) -> None:
        """Asks no server."""

    async def states(
        self,
        feed_ids: Sequence[str],
    ) -> dict[str, PollState | None]:
        return dict.fromkeys(feed_ids)

    async def known(self, feed_id: str) -> dict[str, KnownEntry]:
        return {}

    async def seen_items(self, feed_id: str) -> str:
        return ""


async def _store(
    stack: AsyncExitStack,
    read: Loaded,
    *,
    is_needed: bool,
) -> Store | None:
    if is_needed:
        engine = await stack.enter_async_context(engines.working_engine(read))
        return engine.store
    # A dry run on a machine where nothing runs yet: the feed is looked at as if it were new.
    try:
        engine = await stack.enter_async_context(engines.attached_engine(read))
    except EngineMissing:
        return None
    return engine.store


def _feed(read: Loaded, target: str) -> Feed:
    for feed in read.configuration.feeds:
        if target in (feed.feed_id, feed.url):
            return feed
    try:
        addresses = web_addresses(target)
    except ValueError:
        text = f'no feed has the id "{target}"; `aggregator feeds list` shows them'
        raise ConfigError(Problem(text)) from None
    # As people paste it: without its scheme, or with `feed:` before it.
    for feed in read.configuration.feeds:
        if feed.url in addresses:
            return feed
    return Feed(feed_id_for(addresses[0]), addresses[0])


async def _look(stage: PollStage, feed: Feed) -> Poll:
    """A poll that leaves no trace: what the daemon would do with the feed's state as it stands."""
    state = await stage.state_of(feed)
    claim = Claim(feed.feed_id, 0, machine_time(), state)
    return await stage.poll(claim, feed, dry_run=True)


async def _poll(
    stage: PollStage,
    store: Store,
    read: Loaded,
    feed: Feed,
) -> Poll | str:
    """A poll under a claim, like the daemon's; why there was none, where it may not be claimed."""
    if not feed.enabled:
        return f"{feed.feed_id} is off (enabled = false); --dry-run looks at it all the same"
    await stage.register()
    host = stage.hosts[feed.feed_id]
    spacing = read.configuration.settings.fetch.per_host_interval
    # Another worker may poll it now, or another feed of its host: that is over within a lease.
    for _ in range(int(stage.lease.total_seconds())):
        answer = await store.polls.claim_these(
            {feed.feed_id: host},
            lease=stage.lease,
            spacing=spacing,
        )
        if answer.claims:
            return await stage.poll(answer.claims[0], feed)
        # A host that asked to be left alone is, whoever asks.
        if any(skipped.why is Skip.HELD for skipped in answer.skipped):
            break
        await asyncio.sleep(1)
    why = ", ".join(map(_why, answer.skipped))
    return f"{feed.feed_id} cannot be polled now: {why}. --dry-run looks at it all the same"


def _why(skipped: Skipped) -> str:
    if skipped.until_at is None:
        return skipped.why.value
    return f"{skipped.why.value} until {skipped.until_at:%H:%M:%S}"


async def _outcomes(
    read: Loaded,
    store: Store | None,
    poll: Poll,
    encoder: Encoder,
) -> list[tuple[Entry, Assignment | None]]:
    """Each new or edited entry, with the event it would be given to, by a copy of the index."""
    if not isinstance(poll.read, FeedRead):
        return []
    dedup = read.configuration.settings.dedup
    matcher = Matcher(dedup)
    if store is not None:
        apart = apart_of(await store.rulings.applied(), await store.events.aliases())
        matcher = Matcher(dedup, apart)
        async for records in store.fingerprints.since(machine_time() - dedup.window):
            matcher.learn(records)
    new = [entry for entry in poll.read.entries if not entry.revision]
    embeddings = None
    if dedup.meaning and new:
        embeddings = await encoder.encode([told_by(entry) for entry in new])
    assigned = matcher.assigned(new, embeddings)
    outcomes: list[tuple[Entry, Assignment | None]] = []
    for entry in poll.read.entries:
        # An edit never moves an entry to another event.
        if entry.revision:
            outcomes.append((entry, None))
        else:
            _, assignment = next(assigned)
            outcomes.append((entry, assignment))
    return outcomes


# --- telling --------------------------------------------------------------------------------------------------


def _record(report: PollReport) -> dict[str, Any]:
    return {
        "feed_id": report.feed.feed_id,
        "committed": report.is_committed,
        **poll_facts(report.poll),
        "entries": [
            _entry_record(entry, assignment) for entry, assignment in report.outcomes
        ],
    }


def _entry_record(
    entry: Entry,
    assignment: Assignment | None,
) -> dict[str, Any]:
    return {
        "outcome": _outcome(entry, assignment),
        "entry_id": entry.entry_id,
        "event_id": assignment.event_id if assignment else None,
        "title": entry.title,
        "url": entry.url,
        "lang": entry.lang,
        "published_at": entry.published_at,
        "score": assignment.score if assignment else None,
    }


def _outcome(entry: Entry, assignment: Assignment | None) -> str:
    if entry.revision:
        return "edited"
    return "joined_event" if assignment and assignment.event_id else "new_event"


def user_agent(contact: str) -> str:
    """The User-Agent that `Fetcher` sends for feeds without one of their own."""
    name = f"aggregator/{__version__}"
    return f"{name} (+{contact})" if contact else name


def _print(report: PollReport, *, agent: str | None) -> None:
    """`agent`: what we call ourselves, to tell the conversation in words; None: only the facts."""
    out = console()
    feed = report.feed
    facts = poll_facts(report.poll)
    result = facts.pop("result")
    mark = "[red]✗[/]" if result == "failed" else "[green]✓[/]"
    out.print(f"{mark} [bold]{feed.feed_id}[/] {result}", soft_wrap=True)
    lines = [f"{name}: {value}" for name, value in facts.items()]
    if agent:
        lines = conversation(feed, report.poll, agent=agent)
    for line in lines:
        # Servers write into both: `[/b]` would be read as a tag.
        out.print(f"  {line}", soft_wrap=True, markup=False)
    if report.outcomes:
        out.print(_table(report.outcomes))
    if not report.is_committed:
        out.print("  nothing was stored or published", style="dim")


def _table(outcomes: Sequence[tuple[Entry, Assignment | None]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("outcome", "published", "lang", "title"):
        table.add_column(heading, overflow="fold", no_wrap=heading != "title")
    for entry, assignment in outcomes:
        at = "-"
        if entry.published_at:
            at = f"{entry.published_at:%Y-%m-%d %H:%M}"
        table.add_row(
            _outcome(entry, assignment),
            at,
            entry.lang,
            Text(entry.title),
        )
    return table
