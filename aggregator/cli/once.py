"""`aggregator run --once`: one round of both stages.

What polls and what matches is imported when there is something to poll or to match: from cron, and with conditional
feeds, most rounds find nothing due (0.5 s of processor time then, 1.2 with everything).
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from aggregator.cli import engines
from aggregator.daemon.clock import Clock
from aggregator.daemon.files import Loaded
from aggregator.daemon.registering import registered
from aggregator.daemon.shutdown import Shutdown
from aggregator.engine.poll_store import Skipped
from aggregator.engine.store import Store
from aggregator.errors import EngineDown
from aggregator.hosts import host_of

if TYPE_CHECKING:
    from aggregator.cli.people import People
    from aggregator.daemon.polling import PollStage

log = structlog.get_logger()

LIMIT = timedelta(minutes=30)
"""How long it waits for what it committed to be assigned by whoever leads. A guess."""


async def run_once(
    read: Loaded,
    role: str,
    people: People | None,
    interrupts: list[int],
) -> None:
    """Both stages until nothing due is left. Raises EngineError; failing feeds are no failure of ours.

    Raises CancelledError when a signal ends it, whose number is put into `interrupts`.
    """
    started = time.monotonic()
    shutdown = Shutdown()
    _interrupted_by_signals(shutdown, interrupts)
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(engines.owned_engine(read, shutdown))
        polled_count = 0
        skipped: tuple[Skipped, ...] = ()
        begun_at = await engine.store.server_time()
        # A worker of the event stage asks nobody.
        if role != "event":
            polled_count, skipped = await _poll(
                stack,
                engine.store,
                read,
                people,
                shutdown,
            )
        await _assign(engine.store, read, role)
        seconds = round(time.monotonic() - started, 1)
        log.info(
            "run_once_ended",
            polled=polled_count,
            skipped=len(skipped),
            seconds=seconds,
        )
        for feed in skipped:
            log.info("feed_skipped", feed_id=feed.feed_id, **_why(feed))
        if people is not None:
            people.end_round(await engine.store.watch.events_since(begun_at))


def _interrupted_by_signals(shutdown: Shutdown, interrupts: list[int]) -> None:
    task = asyncio.current_task()
    assert task is not None

    def interrupt(number: signal.Signals) -> None:
        interrupts.append(number)
        task.cancel()

    shutdown.listen(interrupt)


async def _poll(
    stack: AsyncExitStack,
    store: Store,
    read: Loaded,
    people: People | None,
    shutdown: Shutdown,
) -> tuple[int, tuple[Skipped, ...]]:
    """How many feeds were polled, and those that are due and were not. What opens here is closed by `stack`."""
    feeds = {feed.feed_id: feed for feed in read.configuration.feeds if feed.enabled}
    hosts = {feed_id: host_of(feed.url) for feed_id, feed in feeds.items()}
    await registered(
        store,
        feeds,
        hosts,
        clock=Clock(),
        at_once=True,
    )
    if people is not None:
        from aggregator.cli.following import due_feeds

        people.begin_round(await due_feeds(store, list(feeds)), next_at=None)
    is_due = (await store.polls.due_counts()).due_count > 0
    if not is_due and not await store.polls.claimed(list(feeds)):
        return 0, ()
    poll = await _poll_stage(stack, store, read, shutdown)
    poll.hosts |= hosts  # with those of the addresses that feeds have moved to
    return await poll.once()


async def _poll_stage(
    stack: AsyncExitStack,
    store: Store,
    read: Loaded,
    shutdown: Shutdown,
) -> PollStage:
    from aggregator.daemon import assembly
    from aggregator.watch.metrics import Metrics

    metrics = Metrics()
    fetching = await stack.enter_async_context(
        assembly.Fetching(read.configuration.settings, metrics)
    )
    poll = assembly.poll_stage(
        store,
        fetching,
        read,
        metrics=metrics,
    )
    # What was interrupted is given back while there is what it needs: 2 s before the server is stopped.
    stack.push_async_callback(lambda: poll.stop(shutdown.deadline - 2))
    return poll


async def _assign(store: Store, read: Loaded, role: str) -> None:
    """Assign what was committed; a poll worker waits for whoever leads to do it."""
    if not await store.events.waiting_count() and not await store.rulings.asked_count():
        return
    try:
        async with asyncio.timeout(LIMIT.total_seconds()):
            if role == "poll":
                await _until_assigned(store)
            else:
                await _drain(store, read)
    except TimeoutError:
        raise EngineDown(
            f"entries still wait after {LIMIT}; is an event worker running?"
        ) from None


async def _until_assigned(store: Store) -> None:
    while await store.events.waiting_count():
        await asyncio.sleep(0.2)


async def _drain(store: Store, read: Loaded) -> None:
    from aggregator.daemon import assembly
    from aggregator.daemon.daemon import ALLOWANCES, RESIGN_LIMIT
    from aggregator.daemon.encoder import Encoder
    from aggregator.watch.metrics import Metrics
    from aggregator.watch.progress import Progress

    metrics = Metrics()
    async with Encoder(metrics) as encoder:
        stage = assembly.event_stage(
            store,
            read,
            encoder,
            metrics=metrics,
            progress=Progress(ALLOWANCES),
        )
        try:
            await stage.drain()
        finally:
            # A server that hangs: the lead lapses.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stage.close(), RESIGN_LIMIT.total_seconds())


def _why(skipped: Skipped) -> dict[str, str]:
    facts = {"why": skipped.why.value}
    if skipped.until_at:
        facts["until"] = skipped.until_at.isoformat(timespec="seconds")
    return facts
