"""What came of a poll: decided, committed, told.

Rules: what follows is decided in `schedule.result`; nothing counts as fetched that is not committed, and nothing is
told that was not. The only memory is a short record of which hosts answered lately.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from datetime import timedelta

from aggregator.daemon.clock import Clock
from aggregator.daemon.gaps import over_gaps
from aggregator.daemon.poll_log import log_poll
from aggregator.engine.store import Store
from aggregator.fetch.subscriber import Subscriber
from aggregator.model import (
    Claim,
    Feed,
    FeedRead,
    Fetched,
    FetchFailed,
    FetchResult,
    Notice,
    Poll,
    PollState,
    ReadResult,
)
from aggregator.schedule.notices import OUTAGE
from aggregator.schedule.outage import (
    HostOutcome,
    answered_at,
    has_vote,
    host_outcome,
    is_local_outage,
)
from aggregator.schedule.result import delivery_record, poll_record
from aggregator.watch.metrics import Metrics

HOSTS_REMEMBERED = 64


class Recorder:
    """Decides and commits what follows from polls and deliveries."""

    def __init__(
        self,
        store: Store,
        *,
        metrics: Metrics,
        clock: Clock,
        push: Subscriber | None,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._push = push
        self._outcomes: deque[HostOutcome] = deque(maxlen=HOSTS_REMEMBERED)
        self._is_offline = False
        """Whether the last word about our own network was that it is down."""

    async def record(
        self,
        claim: Claim,
        feed: Feed,
        state: PollState,
        result: FetchResult,
        read: ReadResult | None,
        *,
        host: str,
        dry_run: bool = False,
    ) -> Poll:
        """The record of a poll, committed but for a dry run; `host` is the one whose slot the claim holds.

        Raises EngineError, StaleToken; then nothing was written.
        """
        now = self._clock.now()
        votes = False
        if isinstance(result, FetchFailed):
            votes = has_vote(state, answered_at=answered_at(self._outcomes))
        self._outcomes.append(host_outcome(result, at=now, votes=votes))
        offline = is_local_outage(self._outcomes, now=now)
        lease, pushed = None, False
        if self._push is not None:
            # Another worker may have answered the hub's verification meanwhile: the server knows.
            push = self._push
            lease = await over_gaps(lambda: push.refresh(feed.feed_id))
            pushed = self._push.delivers(feed.feed_id)
        poll = poll_record(
            feed,
            claim,
            state,
            result,
            read,
            host=host,
            now=now,
            offline=offline,
            pushed=pushed,
            lease=lease,
        )
        # Nothing is told of what nobody will find written.
        if dry_run:
            return poll
        poll = self._with_outage_notice(poll, result, offline=offline)
        await self._commit(poll)
        # Behind the commit: a poll that was lost to another worker is not counted twice.
        log_poll(self._metrics, poll)
        return poll

    async def record_delivery(
        self,
        claim: Claim,
        feed: Feed,
        state: PollState,
        body: Fetched,
        read: FeedRead,
        *,
        host: str,
    ) -> None:
        """The same for entries that a hub delivered: no request was made. Raises EngineError, StaleToken."""
        lease = None
        # As this worker knows it: the callback has looked it up a moment ago.
        if self._push is not None:
            lease = self._push.lease_of(feed.feed_id)
        poll = delivery_record(
            feed,
            claim,
            state,
            read,
            host=host,
            now=self._clock.now(),
            lease=lease,
        )
        await self._commit(poll)
        log_poll(self._metrics, replace(poll, fetched=body))

    async def _commit(self, poll: Poll) -> None:
        started = asyncio.get_running_loop().time()
        await over_gaps(
            lambda: self._store.polls.commit(poll, now=self._clock.for_engine())
        )
        if poll.host_hold_until_at and not poll.own_hold_until_at:
            # Not the host whose slot the claim holds, so its key is not among the commit's.
            await self._store.polls.hold_host(
                poll.held_host,
                poll.host_hold_until_at,
                now=self._clock.for_engine(),
            )
        elapsed_s = asyncio.get_running_loop().time() - started
        self._metrics.observe("commit", timedelta(seconds=elapsed_s))

    def _with_outage_notice(
        self,
        poll: Poll,
        result: FetchResult,
        *,
        offline: bool,
    ) -> Poll:
        """With a notice when an outage begins, and when an answer from outside ends it."""
        if offline is self._is_offline:
            return poll
        if not offline and self._outcomes[-1].unreached:
            # One host that fails by its own fault does not show that the network is up.
            return poll
        self._is_offline = offline
        kind, detail = "recovered", "our own network is up again"
        if offline:
            kind, detail = "failing", OUTAGE
        if isinstance(result, FetchFailed):
            detail = f"{detail}: {result.detail}"
        notice = Notice(
            kind,
            "",
            "",
            detail,
        )
        return replace(poll, notices=(*poll.notices, notice))

    def clock_moved(self) -> None:
        """What hosts answered by the clock before tells nothing now."""
        self._outcomes.clear()
