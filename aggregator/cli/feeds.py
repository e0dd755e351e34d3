"""`aggregator feeds …`: the subscriptions in feeds.toml, its comments kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import click
import orjson

from aggregator.children.sandbox import Killed, Sandbox
from aggregator.cli import engines, options, starter
from aggregator.cli.surroundings import use_temporary_directory
from aggregator.config import configuration
from aggregator.config_values import web_addresses
from aggregator.daemon import assembly, files
from aggregator.daemon.clock import machine_time
from aggregator.errors import ConfigError, EngineError, Problem
from aggregator.model import (
    Feed,
    Fetched,
    FetchFailed,
    FetchResult,
    FetchSettings,
    IdentityRule,
    NotModified,
    PollRequest,
    Unparsable,
    Validators,
)
from aggregator.opml import Subscription, opml_of, subscriptions_of_opml
from aggregator.pipeline.reading import ReadRequest
from aggregator.schedule.result import released as released_state
from aggregator.subscriptions import (
    feeds_named,
    usable,
    with_subscriptions,
    without_feed,
)
from aggregator.watch import logs
from aggregator.watch.logs import redacted
from aggregator.watch.metrics import Metrics


@click.group()
def feeds() -> None:
    """List, add, remove, import and export subscriptions; release a quarantined feed."""


@feeds.command("list")
@options.config
@options.as_json
def list_feeds(config_file: str | None, as_json: bool) -> None:
    """The feeds of feeds.toml, one a line: id, URL, categories."""
    read = files.loaded(config_file)
    for feed in read.configuration.feeds:
        if as_json:
            row = {
                "id": feed.feed_id,
                "url": redacted(feed.url),
                "categories": feed.categories,
                "enabled": feed.enabled,
            }
            click.echo(orjson.dumps(row))
        else:
            off = "" if feed.enabled else "\t(off)"
            click.echo(f"{feed.feed_id}\t{redacted(feed.url)}\t{' / '.join(feed.categories)}{off}")


@feeds.command()
@click.argument("url")
@click.option("--category", "categories", multiple=True, help="Up to three, from the outermost inwards.")
@click.option("--force", is_flag=True, help="Add the URL as it is, without asking its server.")
@options.config
def add(url: str, categories: tuple[str, ...], force: bool, config_file: str | None) -> None:
    """Add a feed; of an HTML page, the feed it names. Where there is no feeds.toml, one is made here.

    The address may be as it was pasted, also `feed:…` or example.org. The daemon takes the feed up by itself. The page
    or feed is fetched once, and a feed found this way counts as polled when the daemon's server is running.
    """
    logs.configure(level="error", form=logs.Form.PRETTY)
    if len(categories) > 3:
        raise click.UsageError("a feed has at most three categories: group, site, section")
    addresses = _web_addresses(url)
    read = _to_edit(config_file)
    if force:
        _add(read.file, [Subscription(addresses[0])], categories)
        return
    use_temporary_directory(read.state_dir)
    asyncio.run(_add_found(read, addresses, categories))


def _web_addresses(text: str) -> tuple[str, ...]:
    try:
        return web_addresses(text)
    except ValueError as error:
        raise ConfigError(Problem(str(error))) from None


async def _add_found(read: files.Loaded, addresses: Sequence[str], categories: tuple[str, ...]) -> None:
    """Fetch the URL once. What it is decides: a feed is added, and this counts as its first poll; a page's feed is
    added, and polled by the daemon. Where the scheme was left out, the other one is asked if the likelier fails."""
    async with assembly.Fetching(read.configuration.settings, Metrics()) as fetching:
        for address in addresses:
            result = await fetching.fetch(PollRequest("", address, Validators()))
            if not isinstance(result, FetchFailed):
                break
        body = _body(result)
        found = await _found(read, fetching, address, body)
        added = _add(read.file, [found], categories)
        if added and found.url == address:
            await _hand_over(files.loaded(str(read.file)), fetching, added[0], body)


async def _hand_over(read: files.Loaded, fetching: assembly.Fetching, feed_id: str, body: Fetched) -> None:
    """Commit the body as the feed's first poll, where a server runs: adding a feed costs one request, not two."""
    feed = next(feed for feed in read.configuration.feeds if feed.feed_id == feed_id)
    try:
        async with engines.attached_engine(read) as engine:
            stage = assembly.poll_stage(engine.store, fetching, read, metrics=Metrics())
            await stage.register()
            await stage.adopt(feed, body)
    except EngineError as error:
        click.echo(f"it is polled when a daemon runs ({error})", err=True)


@feeds.command()
@click.argument("feed_id", metavar="ID")
@options.config
def remove(feed_id: str, config_file: str | None) -> None:
    """Remove a feed, by id or URL. What it published is remembered: adding it again repeats nothing."""
    file = files.loaded(config_file).file
    files.write_text(file, without_feed(files.read_text(file), feed_id, file=str(file)))
    click.echo(f"removed {feed_id} from {file}")


@feeds.command("import")
@click.argument("opml", metavar="FILE.opml", type=click.File("rb"))
@options.config
def import_opml(opml: BinaryIO, config_file: str | None) -> None:
    """Add every feed of an OPML file (`-`: of stdin); folder, title and inner folder become the categories.

    Each outline that is no folder is added, already there, or left out with a reason, and costs the others nothing.
    Exit status 1: one that should have been a feed was left out, or there was none. Where there is no feeds.toml, one
    is made here.
    """
    read = _to_edit(config_file)
    found = subscriptions_of_opml(opml.read())
    new, unusable = usable(found.feeds)
    added = _add(read.file, new, ())
    left_out = [*found.left_out, *unusable]
    for outline in left_out:
        click.echo(f"left out: {outline.name}: {outline.why}", err=True)
    known_count = len(new) - len(added) + found.repeated_count
    click.echo(f"{len(added)} added, {known_count} already there, {len(left_out)} left out", err=True)
    if not new:
        click.echo("aggregator: no outline of it names a feed that can be added", err=True)
    if not new or any(outline.is_failure for outline in left_out):
        raise SystemExit(1)


@feeds.command("export")
@options.config
@click.option("--secrets", is_flag=True, help="With the users, passwords and tokens that stand in addresses.")
def export_opml(config_file: str | None, secrets: bool) -> None:
    """Print all feeds as OPML."""
    configured = files.loaded(config_file).configuration.feeds
    told = configured if secrets else [replace(feed, url=redacted(feed.url)) for feed in configured]
    click.echo(opml_of(told), nl=False)
    hidden = sum(one.url != other.url for one, other in zip(configured, told, strict=True))
    if hidden:
        click.echo(f"aggregator: the secrets of {hidden} addresses are left out; see --secrets", err=True)


@feeds.command()
@click.argument("feed_id", metavar="ID")
@options.config
def release(feed_id: str, config_file: str | None) -> None:
    """Let a quarantined or stopped (410) feed go on: it is polled again at once, when its host allows."""
    read = files.loaded(config_file)
    feed = next((feed for feed in read.configuration.feeds if feed.feed_id == feed_id), None)
    if feed is None:
        raise ConfigError(Problem(f'no feed has the id "{feed_id}"; `aggregator feeds list` shows them'))
    asyncio.run(_release(read, feed))
    click.echo(f"released {feed_id}: it is polled again as soon as its host allows")


async def _release(read: files.Loaded, feed: Feed) -> None:
    async with engines.attached_engine(read) as engine:
        now = await engine.store.server_time()
        state = (await engine.store.polls.states([feed.feed_id])).get(feed.feed_id)
        if state is None:
            raise ConfigError(Problem(f"{feed.feed_id} has never been polled; there is nothing to release"))
        decision = released_state(feed, state, now=now)
        await engine.store.polls.operator_state(
            feed.feed_id,
            lambda current: released_state(feed, current, now=now).state,
            due_at=decision.due_at,
            notices=decision.notices,
        )


def _to_edit(config_file: str | None) -> files.Loaded:
    """The feeds.toml to write to; where there is none, the one that is begun when the first feed is known."""
    found = Path(config_file) if config_file else files.found_path()
    if found is not None and found.exists() and not _is_blank(found):
        return files.loaded(str(found))
    return files.begun(found or files.places()[0], starter.head())


def _is_blank(file: Path) -> bool:
    """Whether a feeds.toml says nothing yet."""
    return configuration(files.read_text(file), file=str(file)).is_blank


def _add(file: Path, new: list[Subscription], categories: tuple[str, ...]) -> list[str]:
    """Write the new feeds into the file and tell; answers with the ids added."""
    is_new = not file.exists()
    held = "" if is_new else files.read_text(file)
    before = held if held.strip() else starter.head()
    text, added, known = with_subscriptions(before, new, file=str(file), categories=categories)
    if added and is_new:
        files.write_new(file, text)
        click.echo(f"wrote {file}")
    elif added:
        files.write_text(file, text)
    for feed in configuration(text, file=str(file)).feeds:
        if feed.feed_id in added:
            click.echo(f"added {feed.feed_id}\t{redacted(feed.url)}")
    if known:
        click.echo(f"{len(known)} already there" if len(known) > 1 else f"already there: {redacted(known[0])}")
    return added


async def _found(read: files.Loaded, fetching: assembly.Fetching, url: str, body: Fetched) -> Subscription:
    """The feed at a URL, or the one its page names. Raises ConfigError that says what was found instead."""
    settings = read.configuration.settings
    parsed = await fetching.read(
        ReadRequest(
            feed=Feed("", url),
            url=body.url,
            body=body.body,
            content_type=body.content_type,
            known={},
            identity=IdentityRule(),
            documents=settings.documents,
            window=settings.dedup.window,
            now=machine_time(),
        )
    )
    if not isinstance(parsed, Unparsable):
        return Subscription(url)
    candidates = await _named(settings.fetch, body)
    if not candidates:
        shown = redacted(url)
        raise ConfigError(Problem(f"{shown} is no feed and names none: {parsed.detail}. Add it anyway with --force"))
    for other in candidates[1:]:
        click.echo(f"the page also names {redacted(other.url)} ({other.title})", err=True)
    return candidates[0]


async def _named(limits: FetchSettings, page: Fetched) -> list[Subscription]:
    """The feeds that a page names, read by a child process: a page is a stranger's document as a feed is."""
    async with Sandbox(
        feeds_named,
        processes=1,
        wall=limits.parse_timeout,
        cpu=limits.parse_cpu,
        memory_bytes=limits.parse_memory_bytes,
        preload=assembly.READERS_LOAD,
    ) as sandbox:
        answer = await sandbox.run((page.body, page.url, page.content_type))
    if isinstance(answer, Killed):
        raise ConfigError(Problem(f"the page cannot be read: {answer.detail}. Add the feed itself, or with --force"))
    return answer


def _body(result: FetchResult) -> Fetched:
    match result:
        case Fetched():
            return result
        case NotModified():
            raise ConfigError(Problem("the server answered 304 to a request without validators; add it with --force"))
        case FetchFailed():
            raise ConfigError(Problem(f"{result.detail}. Add it anyway with --force"))
