"""`aggregator feeds release`: a feed that was quarantined or stopped goes on."""

from __future__ import annotations

import asyncio

import click

from aggregator.cli import engines, options
from aggregator.daemon import files
from aggregator.errors import ConfigError, Problem
from aggregator.model import Feed
from aggregator.schedule.result import released as released_state


@click.command()
@click.argument("feed_id", metavar="ID")
@options.config
def release(feed_id: str, config_file: str | None) -> None:
    """Let a quarantined or stopped (410) feed go on: it is polled again at once, when its host allows."""
    read = files.loaded(config_file)
    feeds = {feed.feed_id: feed for feed in read.configuration.feeds}
    feed = feeds.get(feed_id)
    if feed is None:
        text = f'no feed has the id "{feed_id}"; `aggregator feeds list` shows them'
        raise ConfigError(Problem(text))
    asyncio.run(_release(read, feed))
    click.echo(f"released {feed_id}: it is polled again as soon as its host allows")


async def _release(read: files.Loaded, feed: Feed) -> None:
    async with engines.attached_engine(read) as engine:
        polls = engine.store.polls
        now = await engine.store.server_time()
        state = (await polls.states([feed.feed_id])).get(feed.feed_id)
        if state is None:
            text = f"{feed.feed_id} has never been polled; there is nothing to release"
            raise ConfigError(Problem(text))
        decision = released_state(feed, state, now=now)
        await polls.operator_state(
            feed.feed_id,
            # Of the state that stands when it is written: a poll may have ended since.
            lambda current: released_state(feed, current, now=now).state,
            due_at=decision.due_at,
            notices=decision.notices,
        )
