"""A fetched body's way to the child that reads it: not at all where it is known, else in its turn.

Rules: what is read is decided in `schedule.bodies`, who is next in `daemon.turns`; the claim is kept meanwhile.
"""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta

from aggregator.daemon.clock import Clock
from aggregator.daemon.gaps import over_gaps
from aggregator.daemon.turns import Read, Turns
from aggregator.engine.store import Store
from aggregator.model import (
    Claim,
    Feed,
    Fetched,
    FetchResult,
    IdentityRule,
    PollState,
    ReadResult,
    Settings,
)
from aggregator.pipeline.reading import ReadRequest
from aggregator.schedule.bodies import KILLED_AGAIN, is_killed_again, is_unchanged
from aggregator.watch.metrics import Metrics

KEEPS_IN_LEASE = 4
"""A claim whose body waits to be read is renewed this many times before it would lapse."""


class Bodies:
    """Has bodies read by child processes, as many at a time as there are."""

    def __init__(
        self,
        store: Store,
        read: Read,
        *,
        settings: Settings,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._store = store
        self._read = read
        self._metrics = metrics
        self._clock = clock
        self.turns = Turns(_process_count(settings))
        self.use(settings)

    def use(self, settings: Settings) -> None:
        """Take over a configuration; bodies that wait keep the turns they have, only later ones get the new number."""
        self._settings = settings
        processes = _process_count(settings)
        if processes != self.turns.processes:
            self.turns = Turns(processes)

    async def read_body(
        self,
        claim: Claim,
        feed: Feed,
        state: PollState,
        result: FetchResult,
        *,
        lease: timedelta,
    ) -> ReadResult | None:
        """What a child makes of a new body; None when there is none, or it is the one last read.

        The claim is renewed by `lease` while the body waits. Raises StaleToken where it passed to another worker, and
        EngineError.
        """
        if not isinstance(result, Fetched) or is_unchanged(state, result):
            return None
        # Documents that went over their limits would go over them at every poll (feedparser#562).
        if is_killed_again(state, result, now=self._clock.now()):
            return KILLED_AGAIN
        started = asyncio.get_running_loop().time()
        request = await self._request(feed, state, result)
        read = await self.turns.read(
            self._read,
            request,
            keep=lambda: over_gaps(
                lambda: self._store.polls.renew_claim(
                    claim, lease, now=self._clock.for_engine()
                )
            ),
            keep_every=lease / KEEPS_IN_LEASE,
        )
        elapsed_s = asyncio.get_running_loop().time() - started
        self._metrics.observe("parse", timedelta(seconds=elapsed_s))
        return read

    async def _request(
        self,
        feed: Feed,
        state: PollState,
        result: Fetched,
    ) -> ReadRequest:
        """What a child is asked of a body, with all that is known of its feed."""
        polls = self._store.polls
        known = await over_gaps(lambda: polls.known(feed.feed_id))
        seen_items = state.seen_items
        # Earlier versions kept them in the state.
        if seen_items is None:
            seen_items = await over_gaps(lambda: polls.seen_items(feed.feed_id))
        return ReadRequest(
            feed=feed,
            url=result.url,
            body=result.body,
            content_type=result.content_type,
            known=known,
            identity=state.identity or IdentityRule(),
            documents=self._settings.documents,
            window=self._settings.dedup.window,
            now=self._clock.now(),
            title=state.title,
            language=state.language,
            clock_error=state.clock_error,
            first_poll=state.last_success_at is None and not known,
            seen_items=seen_items,
        )


def _process_count(settings: Settings) -> int:
    return settings.fetch.parse_processes or os.cpu_count() or 1
