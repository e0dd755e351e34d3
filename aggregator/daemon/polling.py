"""The poll stage at work: claim what is due, fetch, have it read by a child, commit.

Rules: it has no state but Redis and what `Recorder` remembers of hosts; a failure in one poll never
reaches another; nothing counts as fetched that is not committed; on shutdown unfinished claims are given back.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta

import structlog

from aggregator.daemon.bodies import Bodies
from aggregator.daemon.clock import Clock
from aggregator.daemon.poll_log import HostTimes
from aggregator.daemon.recording import Recorder
from aggregator.daemon.registering import registered
from aggregator.daemon.shutdown import left
from aggregator.daemon.turns import Read
from aggregator.engine.poll_store import Claims, Skip, Skipped
from aggregator.engine.store import Store
from aggregator.errors import EngineError, StaleToken
from aggregator.fetch.slots import interval_waited
from aggregator.fetch.subscriber import Delivery, Subscriber
from aggregator.fetch.websub import advertised_hub
from aggregator.hosts import host_of
from aggregator.model import (
    Caching,
    Claim,
    FailureKind,
    Feed,
    FeedRead,
    Fetched,
    FetchFailed,
    FetchResult,
    Poll,
    PollRequest,
    PollState,
    Settings,
    Validators,
)
from aggregator.schedule import restart
from aggregator.schedule.request import (
    claimed_state,
    request_for,
    with_feed,
)
from aggregator.watch.metrics import Metrics

log = structlog.get_logger()

LEASE_MARGIN = timedelta(seconds=30)
"""A claim outlives the fetch's total time limit by this (design.md), so that a slow commit still holds it."""
LONGEST_ROUND = timedelta(seconds=20)
"""A round ends after this however much is due, so that the stage is seen to move and takes up a new configuration. A
guess, well below the 90 s after which it would count as stuck."""
CLAIM_PATIENCE = timedelta(seconds=1)
"""How long `stop` waits for the answer to a claim under way; one that comes later is left to lapse."""
DRAIN = timedelta(seconds=4)
"""How long polls in flight may go on at shutdown, of the 10 s that a stop may take."""
STOP_LIMIT = timedelta(seconds=6)
"""How long `stop` may take where no deadline is given."""
GIVE_BACK_LIMIT = timedelta(seconds=1.5)
"""How long giving back may take, all claims at once: with a server that answers it takes milliseconds."""

Fetch = Callable[[PollRequest], Awaitable[FetchResult]]


class PollStage:
    """Polls feeds of `feeds` as they fall due. Made by the command line with its real parts."""

    def __init__(
        self,
        *,
        store: Store,
        fetch: Fetch,
        read: Read,
        settings: Settings,
        metrics: Metrics,
        clock: Clock,
        push: Subscriber | None = None,
    ) -> None:
        """`push`: the WebSub subscriptions, where a public callback address is configured."""
        self._store = store
        self._fetch = fetch
        self._bodies = Bodies(
            store,
            read,
            settings=settings,
            metrics=metrics,
            clock=clock,
        )
        self._recorder = Recorder(
            store,
            metrics=metrics,
            clock=clock,
            push=push,
        )
        self._metrics = metrics
        self._clock = clock
        self._push = push
        self._running: dict[asyncio.Task[None], Claim] = {}
        self._ending: asyncio.Task[None] | None = None
        self._times = HostTimes()
        self._stopping = False
        self._claiming = asyncio.Lock()
        """Held from asking for claims to beginning their polls, so that `stop` sees them all."""
        self.paused_by = ""
        """Why nothing is claimed at the moment; empty: claiming."""
        self.use(settings, ())

    def use(self, settings: Settings, feeds: tuple[Feed, ...]) -> None:
        """Take over a configuration; polls in flight end under the one they began with."""
        self.settings = settings
        self._bodies.use(settings)
        enabled = [feed for feed in feeds if feed.enabled]
        self.feeds: Mapping[str, Feed] = {feed.feed_id: feed for feed in enabled}
        self.hosts = {feed.feed_id: host_of(feed.url) for feed in enabled}
        """Whose slot each feed takes; `register` and a commit put in the host of an adopted address."""

    async def register(self, *, at_once: bool = False) -> None:
        """Tell the engine which feeds there are; new ones get a first due time, known ones keep theirs.

        `at_once`: new ones are due now, not spread.
        """
        # A reload replaces both while this waits: they have to be of one configuration.
        feeds = self.feeds
        hosts = self.hosts
        states = await registered(
            self._store,
            feeds,
            hosts,
            clock=self._clock,
            at_once=at_once,
        )
        if self._push is None:
            return
        for feed_id, state in states.items():
            if state.lease is not None and self._push.lease_of(feed_id) is None:
                self._push.restore({feed_id: state.lease})
        self._ending = asyncio.create_task(
            self._end_subscriptions(self._push),
            name="end subscriptions",
        )

    async def _end_subscriptions(self, push: Subscriber) -> None:
        """Of feeds that are no longer listed; hubs take their time, and nobody waits for them."""
        try:
            await push.end_others(self.feeds.keys())
        except EngineError as error:
            log.warning("subscriptions_not_ended", error=str(error))

    @property
    def lease(self) -> timedelta:
        """How long a claim holds: longer than all that one poll may wait for."""
        fetch = self.settings.fetch
        spacing = interval_waited(fetch.per_host_interval)
        return fetch.timeout + fetch.parse_timeout + spacing + LEASE_MARGIN

    # --- rounds -----------------------------------------------------------------------------------------------

    async def round(self) -> int:
        """Claim and poll until nothing that is due can be claimed, at most for LONGEST_ROUND; answers how many polls
        were begun."""
        begun_count = 0
        loop = asyncio.get_running_loop()
        end = loop.time() + LONGEST_ROUND.total_seconds()
        while loop.time() < end and not self._stopping:
            if not self._free_count():
                # What hubs delivered fills the readers: no poll of ours would end and tell that they have room.
                if not self._running:
                    break
                # Not left to the next tick: readers would have nothing to do till then.
                await self._until_one_ends()
                continue
            if not await self._may_claim():
                break
            # Bodies may have come to their readers meanwhile.
            if not self._free_count():
                continue
            claims = await self._begin_due()
            begun_count += len(claims)
            if not claims:
                # What else is due waits for its host: the next tick looks again.
                break
        return begun_count

    async def once(self) -> tuple[int, tuple[Skipped, ...]]:
        """Poll every feed that is due now, each once; waits for spacing, not for holds or the claims of others."""
        remaining = dict(self.hosts)
        asked_count = 0
        while not self._stopping:
            claims = await self._claim(remaining)
            for claim in claims.claims:
                # Each once: a feed with a short interval may fall due again while others wait.
                del remaining[claim.feed_id]
                asked_count += 1
                self._begin(claim)
            if claims.claims:
                await self._until_free()
                continue
            if not self._running:
                waits_for_its_host = any(
                    skipped.feed_id in remaining
                    and skipped.why in (Skip.SPACED, Skip.OPEN)
                    for skipped in claims.skipped
                )
                if not waits_for_its_host:
                    return asked_count, await self._left_over(list(remaining))
                # Nothing of ours runs that would end the wait.
                await asyncio.sleep(0.05)
            await self._until_one_ends()
        return asked_count, ()

    async def _left_over(self, feed_ids: Sequence[str]) -> tuple[Skipped, ...]:
        """Which of these are due and were not asked: their hosts are held, or another worker has them."""
        now = self._clock.now()
        engine_now = self._clock.for_engine()
        hosts = [self.hosts[feed_id] for feed_id in feed_ids]
        claimed = await self._store.polls.claimed(feed_ids, now=engine_now)
        held = await self._store.polls.held_hosts(hosts, now=engine_now)
        due = await self._store.polls.due_times(feed_ids)
        skipped: list[Skipped] = []
        for feed_id, lapses_at in claimed.items():
            skipped.append(Skipped(feed_id, Skip.CLAIMED, lapses_at))
        for feed_id in feed_ids:
            due_at = due[feed_id]
            held_until_at = held.get(self.hosts[feed_id])
            if feed_id in claimed or due_at is None or due_at > now:
                continue
            if held_until_at is not None:
                skipped.append(Skipped(feed_id, Skip.HELD, held_until_at))
        return tuple(skipped)

    async def _begin_due(self) -> tuple[Claim, ...]:
        """Claim what is due and begin to poll it; nothing once we are to stop."""
        async with self._claiming:
            # What is claimed now `stop` would not see: it has counted the polls in flight.
            if self._stopping:
                return ()
            claims = (await self._claim()).claims
            for claim in claims:
                self._begin(claim)
        return claims

    async def _claim(self, hosts: Mapping[str, str] | None = None) -> Claims:
        started = asyncio.get_running_loop().time()
        if hosts is None:
            hosts = self.hosts
        claims = await self._store.polls.claim(
            self._free_count(),
            hosts=hosts,
            lease=self.lease,
            spacing=self.settings.fetch.per_host_interval,
            now=self._clock.for_engine(),
        )
        self._observe("claim", started)
        return claims

    async def _may_claim(self) -> bool:
        back_pressure = await self._store.back_pressure.standing()
        self._metrics.show_waiting(back_pressure.waiting_count)
        reason = back_pressure.why_not_poll
        if reason != self.paused_by:
            # Once for each reason: it is looked at every second.
            if reason:
                log.warning("polling_paused", reason=reason)
            else:
                log.info("polling_resumed")
            self.paused_by = reason
        return not reason

    def _free_count(self) -> int:
        """How many polls may begin: what is read at length takes nobody's place, and readers are not handed more than
        they can take."""
        if self._bodies.turns.is_full:
            return 0
        fetching_count = len(self._running) - self._bodies.turns.long_count
        return max(0, self.settings.fetch.concurrency - fetching_count)

    def typical_elapsed(self) -> dict[str, timedelta]:
        """The median time each host took to answer lately."""
        return self._times.medians()

    async def _until_free(self) -> None:
        """Wait until a poll may begin, at most a second, so that a round also notices what has fallen due since."""
        if not self._free_count():
            await self._until_one_ends()

    async def _until_one_ends(self) -> None:
        if not self._running:
            return
        await asyncio.wait(
            self._running,
            timeout=1,
            return_when=asyncio.FIRST_COMPLETED,
        )

    def _begin(self, claim: Claim) -> None:
        task = asyncio.create_task(self._guarded(claim), name=f"poll {claim.feed_id}")
        self._running[task] = claim
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)

    async def stop(self, deadline: float | None = None) -> None:
        """Claim nothing more, let polls in flight end, give back the claims of those that do not in time.

        `deadline` is a time of the loop's clock. A server that hangs gets no more time than one that answers: what
        cannot be given back lapses.
        """
        self._stopping = True
        if self._ending is not None:
            # A subscription that is not ended runs out by itself.
            self._ending.cancel()
        loop = asyncio.get_running_loop()
        if deadline is None:
            deadline = loop.time() + STOP_LIMIT.total_seconds()
        # A claim under way may still be answered: its polls are then among those that are given back.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(
                self._claiming.acquire(),
                CLAIM_PATIENCE.total_seconds(),
            )
            self._claiming.release()
        if not self._running:
            return
        drain_end = deadline - GIVE_BACK_LIMIT.total_seconds()
        drain_s = min(DRAIN.total_seconds(), left(drain_end))
        _, late = await asyncio.wait(self._running, timeout=drain_s)
        if not late:
            return
        # Read before they are cancelled: a task that has ended forgets its claim.
        claims = [self._running[task] for task in late]
        for task in late:
            task.cancel()
        await asyncio.wait(late, timeout=left(deadline))
        give_back_s = max(0.1, left(deadline))
        await self._give_all_back(
            claims,
            min(GIVE_BACK_LIMIT.total_seconds(), give_back_s),
        )

    async def _give_all_back(self, claims: Sequence[Claim], seconds: float) -> None:
        """All at once: one after another they would wait for a server that hangs, 13 s each."""
        releases = [asyncio.create_task(self._give_back(claim)) for claim in claims]
        _, late = await asyncio.wait(releases, timeout=seconds)
        if not late:
            return
        for task in late:
            task.cancel()
        log.info(
            "claims_left_to_lapse",
            count=len(late),
            error="the server did not answer in time",
        )
        await asyncio.wait(late, timeout=0.5)

    async def _give_back(self, claim: Claim) -> None:
        """The feed is due now, so that the next worker, or our next start, asks it at once."""
        try:
            await self._store.polls.release(
                claim,
                due_at=self._clock.now(),
                now=self._clock.for_engine(),
            )
        except (EngineError, StaleToken) as error:
            log.info("claim_left_to_lapse", feed_id=claim.feed_id, error=str(error))

    # --- one poll ---------------------------------------------------------------------------------------------

    async def _guarded(self, claim: Claim) -> None:
        """The guard around one feed's poll: whatever happens in it stays in it."""
        feed = self.feeds.get(claim.feed_id)
        if feed is None:
            # A reload took it out between the claim and now.
            await self._give_back(claim)
            return
        try:
            poll = await self.poll(claim, feed)
            # An adopted address may be of another host, whose slot the next claim takes.
            if feed.feed_id in self.hosts:
                self.hosts[feed.feed_id] = host_of(poll.state.url)
            await self._pace_anew(feed, poll.state)
            if self._push is not None:
                await _tend_hub(self._push, poll)
        except StaleToken as error:
            log.warning("claim_lost", feed_id=feed.feed_id, error=str(error))
        except EngineError as error:
            log.warning("poll_not_committed", feed_id=feed.feed_id, error=str(error))
        except Exception as error:
            log.exception("poll_broke", feed_id=feed.feed_id)
            await self._commit_broken(claim, feed, error)

    async def _pace_anew(self, feed: Feed, state: PollState) -> None:
        """A poll ends under the configuration it began with; where a reload came in between, its due time is set by the
        new one."""
        current = self.feeds.get(feed.feed_id)
        if current is None or current == feed:
            return
        state_now = with_feed(state, current)
        due_at = restart.due_at(current, state_now, now=self._clock.now())
        if due_at == state.next_poll_at:
            return
        await self._store.polls.set_due_times(
            {feed.feed_id: due_at},
            now=self._clock.for_engine(),
        )

    async def _commit_broken(
        self,
        claim: Claim,
        feed: Feed,
        error: Exception,
    ) -> None:
        """A fault of ours is no failure of the feed's; it waits for its interval instead of breaking at every tick."""
        state = claimed_state(claim, feed, now=self._clock.now())
        detail = f"a fault of ours, please report it: {type(error).__name__}"
        result = FetchFailed(state.url, FailureKind.INTERNAL, detail)
        try:
            await self._recorder.record(
                claim,
                feed,
                state,
                result,
                None,
                host=self._host(feed),
            )
        except (EngineError, StaleToken) as lost:
            log.warning("poll_not_committed", feed_id=feed.feed_id, error=str(lost))

    async def poll(
        self,
        claim: Claim,
        feed: Feed,
        *,
        dry_run: bool = False,
    ) -> Poll:
        """One poll under a claim. Raises EngineError, StaleToken; then nothing was written."""
        state = claimed_state(claim, feed, now=self._clock.now())
        request = request_for(feed, state, now=self._clock.now())
        result = await self._fetch(request)
        self._metrics.observe("fetch", result.elapsed)
        self._times.note(host_of(feed.url), result.elapsed)
        read = await self._bodies.read_body(
            claim,
            feed,
            state,
            result,
            lease=self.lease,
        )
        return await self._recorder.record(
            claim,
            feed,
            state,
            result,
            read,
            host=self._host(feed),
            dry_run=dry_run,
        )

    async def state_of(self, feed: Feed) -> PollState | None:
        """What is remembered of a feed, None before its first poll."""
        states = await self._store.polls.states([feed.feed_id])
        return states.get(feed.feed_id)

    def _host(self, feed: Feed) -> str:
        return self.hosts.get(feed.feed_id) or host_of(feed.url)

    def clock_moved(self) -> None:
        """What hosts answered by the clock before tells nothing now."""
        self._recorder.clock_moved()

    async def adopt(self, feed: Feed, body: Fetched) -> bool:
        """Commit a body that was fetched elsewhere as a poll of this feed; False when the feed cannot be claimed."""
        claims = await self._claim_now(feed)
        for claim in claims:
            state = claimed_state(claim, feed, now=self._clock.now())
            read = await self._bodies.read_body(
                claim,
                feed,
                state,
                body,
                lease=self.lease,
            )
            await self._recorder.record(
                claim,
                feed,
                state,
                body,
                read,
                host=self._host(feed),
            )
        return bool(claims)

    async def _claim_now(self, feed: Feed) -> tuple[Claim, ...]:
        """The claim of a feed, due or not; nothing when another has it, or its host is not free."""
        claims = await self._store.polls.claim_these(
            {feed.feed_id: self._host(feed)},
            lease=self.lease,
            spacing=timedelta(0),
            now=self._clock.for_engine(),
        )
        return claims.claims

    # --- hubs -------------------------------------------------------------------------------------------------

    async def deliver(self, delivery: Delivery) -> None:
        """Take what a hub sent: a body is read like a polled one, an empty one means that the feed is asked now.

        What cannot be taken at once (the feed is being polled, the server is away) is asked for at the next poll.
        """
        feed = self.feeds.get(delivery.feed_id)
        if feed is None:
            return
        try:
            if delivery.body and await self._take_delivery(feed, delivery):
                return
            await self._store.polls.set_due(
                feed.feed_id,
                self._clock.now(),
                now=self._clock.for_engine(),
            )
        except (EngineError, StaleToken) as error:
            log.warning("delivery_left_to_poll", feed_id=feed.feed_id, error=str(error))

    async def _take_delivery(self, feed: Feed, delivery: Delivery) -> bool:
        """Read and publish a delivered body under a claim; False when the feed cannot be claimed, or it is no feed."""
        claims = await self._claim_now(feed)
        if not claims:
            return False
        claim = claims[0]
        state = claimed_state(claim, feed, now=self._clock.now())
        body = Fetched(
            delivery.topic_url,
            200,
            delivery.body,
            delivery.content_type,
            Validators(),
            Caching(),
            # Like a 226: a hub may send the new items alone, and those that are missing are not gone.
            partial=True,
        )
        read = await self._bodies.read_body(
            claim,
            feed,
            state,
            body,
            lease=self.lease,
        )
        if not isinstance(read, FeedRead):
            await self._give_back(claim)
            return False
        await self._recorder.record_delivery(
            claim,
            feed,
            state,
            body,
            read,
            host=self._host(feed),
        )
        return True

    def _observe(self, step: str, started: float) -> None:
        elapsed_s = asyncio.get_running_loop().time() - started
        self._metrics.observe(step, timedelta(seconds=elapsed_s))


async def _tend_hub(push: Subscriber, poll: Poll) -> None:
    """After a poll: tell the subscription what the hub had not announced, and ask the hub when it is time."""
    if poll.result == "failed":
        return
    state = poll.state
    new_count = 0
    if isinstance(poll.read, FeedRead):
        new_count = poll.read.outcomes.get("new", 0)
    push.note_poll(state.feed_id, new_count=new_count)
    links: tuple[tuple[str, str], ...] = ()
    if isinstance(poll.fetched, Fetched):
        links = poll.fetched.links
    hub = advertised_hub(links, state.hints, feed_url=state.url)
    await push.tend(state.feed_id, hub)
