"""`aggregator feeds add`: a feed, or the one that a page names, asked for once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import click

from aggregator.children.sandbox import Killed, Sandbox
from aggregator.cli import engines, options
from aggregator.cli.subscribing import add_feeds, to_edit
from aggregator.cli.surroundings import use_temporary_directory
from aggregator.config_values import web_addresses
from aggregator.daemon import assembly, files
from aggregator.daemon.clock import machine_time
from aggregator.daemon.encoder import CHILDREN_LOAD
from aggregator.errors import ConfigError, EngineError, Problem
from aggregator.model import (
    FailureKind,
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
from aggregator.opml import Subscription
from aggregator.pipeline.reading import ReadRequest
from aggregator.redaction import redacted
from aggregator.subscriptions import feeds_named
from aggregator.watch import logs
from aggregator.watch.metrics import Metrics


@click.command()
@click.argument("url")
@click.option(
    "--category",
    "categories",
    multiple=True,
    help="Up to three, from the outermost inwards.",
)
@click.option(
    "--force",
    is_flag=True,
    help="Add the URL as it is, without asking its server.",
)
@options.config
def add(
    url: str,
    categories: tuple[str, ...],
    force: bool,
    config_file: str | None,
) -> None:
    """Add a feed; of an HTML page, the feed it names. Where there is no feeds.toml, one is made here.

    The address may be as it was pasted, also `feed:…` or example.org. The daemon takes the feed up by itself. The page
    or feed is fetched once, and a feed found this way counts as polled when the daemon's server is running.
    """
    # The feed is what is printed, not the log of its poll.
    logs.configure(level="error", form=logs.Form.PRETTY)
    if len(categories) > 3:
        raise click.UsageError(
            "a feed has at most three categories: group, site, section"
        )
    addresses = _web_addresses(url)
    read = to_edit(config_file)
    if force:
        add_feeds(read.file, [Subscription(addresses[0])], categories)
        return
    use_temporary_directory(read.state_dir)
    asyncio.run(_add_found(read, addresses, categories))


def _web_addresses(text: str) -> tuple[str, ...]:
    try:
        return web_addresses(text)
    except ValueError as error:
        raise ConfigError(Problem(str(error))) from None


async def _add_found(
    read: files.Loaded,
    addresses: Sequence[str],
    categories: tuple[str, ...],
) -> None:
    """Fetch the URL once. What it is decides: a feed is added, and this counts as its first poll; a page's feed is
    added, and polled by the daemon. Where the scheme was left out, the other one is asked if the likelier fails."""
    settings = read.configuration.settings
    # One document is read: a second child may still be starting when the command ends, and would say so by a traceback.
    settings = replace(settings, fetch=replace(settings.fetch, parse_processes=1))
    async with assembly.Fetching(settings, Metrics()) as fetching:
        # Of an address without a scheme there are two: https is asked first.
        for address in addresses:
            result = await fetching.fetch(PollRequest("", address, Validators()))
            if not isinstance(result, FetchFailed):
                break
        body = _body(result)
        subscription = await _subscription(read, fetching, address, body)
        added = add_feeds(read.file, [subscription], categories)
        # Of a page's feed nothing has been read yet.
        if added and subscription.url == address:
            await _hand_over(
                files.loaded(str(read.file)),
                fetching,
                added[0],
                body,
            )


async def _hand_over(
    read: files.Loaded,
    fetching: assembly.Fetching,
    feed_id: str,
    body: Fetched,
) -> None:
    """Commit the body as the feed's first poll, where a server runs: adding a feed costs one request, not two."""
    feeds = {feed.feed_id: feed for feed in read.configuration.feeds}
    try:
        async with engines.attached_engine(read) as engine:
            stage = assembly.poll_stage(
                engine.store,
                fetching,
                read,
                metrics=Metrics(),
            )
            # What was just fetched is its first poll: adding a feed costs one GET (NetNewsWire#4531).
            await stage.register()
            await stage.adopt(feeds[feed_id], body)
    except EngineError as error:
        click.echo(f"it is polled when a daemon runs ({error})", err=True)


async def _subscription(
    read: files.Loaded,
    fetching: assembly.Fetching,
    url: str,
    body: Fetched,
) -> Subscription:
    """The feed at a URL, or the one its page names. Raises ConfigError that says what was found instead."""
    settings = read.configuration.settings
    request = ReadRequest(
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
    parsed = await fetching.read(request)
    if not isinstance(parsed, Unparsable):
        return Subscription(url)
    candidates = await _named(settings.fetch, body)
    if not candidates:
        remark = f"{redacted(url)} is no feed and names none: {parsed.detail}"
        raise ConfigError(Problem(f"{remark}. Add it anyway with --force"))
    # The likeliest is taken; which others there are helps whoever meant another.
    for other in candidates[1:]:
        words = f"the page also names {redacted(other.url)} ({other.title})"
        click.echo(words, err=True)
    return candidates[0]


async def _named(limits: FetchSettings, page: Fetched) -> list[Subscription]:
    """The feeds that a page names, read by a child process: a page is a stranger's document as a feed is."""
    async with Sandbox(
        feeds_named,
        processes=1,
        wall=limits.parse_timeout,
        cpu=limits.parse_cpu,
        memory_bytes=limits.parse_memory_bytes,
        preload=CHILDREN_LOAD,
    ) as sandbox:
        answer = await sandbox.run((page.body, page.url, page.content_type))
    if isinstance(answer, Killed):
        remark = f"the page cannot be read: {answer.detail}"
        raise ConfigError(Problem(f"{remark}. Add the feed itself, or with --force"))
    return answer


def _body(result: FetchResult) -> Fetched:
    match result:
        case Fetched():
            return result
        case NotModified():
            remark = "the server answered 304 to a request without validators"
            raise ConfigError(Problem(f"{remark}; add it with --force"))
        case FetchFailed(kind=FailureKind.PRIVATE_ADDRESS):
            remedy = "Allow them with `allow_private_networks = true` under [fetch]"
            raise ConfigError(Problem(f"{result.detail}. {remedy}"))
        case FetchFailed():
            raise ConfigError(Problem(f"{result.detail}. Add it anyway with --force"))
