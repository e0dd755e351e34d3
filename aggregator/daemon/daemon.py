"""The daemon: the two stages kept going by APScheduler, until told to stop.

Rules: a handful of jobs (tick, housekeeping, digest, config watch, pulse), none of which runs twice at a time or is
skipped for being late; due times of feeds live in Redis, never here. A server that is away stops nothing: every job
tries again. SIGTERM ends cleanly within 10 s (`shutdown`): claim nothing more, let polls end, give back what did not,
resign.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from aggregator.config import Configuration
from aggregator.daemon.changes import config_changes
from aggregator.daemon.clock import Clock
from aggregator.daemon.cron import WallClockCron
from aggregator.daemon.delivering import Deliveries
from aggregator.daemon.eventing import EventStage
from aggregator.daemon.housekeeping import Housekeeping
from aggregator.daemon.polling import PollStage
from aggregator.daemon.port import StatusPort
from aggregator.daemon.registering import Registration
from aggregator.daemon.shutdown import Shutdown, left
from aggregator.daemon.watching import DigestMaker
from aggregator.engine.store import Store
from aggregator.errors import ConfigError, EngineError
from aggregator.model import Settings
from aggregator.watch.http import StatusServer
from aggregator.watch.metrics import Metrics
from aggregator.watch.notify import Notifier
from aggregator.watch.progress import LOOP, Progress

log = structlog.get_logger()

EVENT_STAGE = "event stage"
HOUSEKEEPING = "housekeeping"
TICK = timedelta(seconds=1)
HOUSEKEEPING_EVERY = timedelta(seconds=60)
CONFIG_WATCH = timedelta(seconds=3)
PULSE = timedelta(seconds=1)
RISKS = timedelta(hours=1)
"""How often the settings of the server are looked at: an operator may change them while we run."""
CLOCK_WATCH = timedelta(seconds=1)
CLOCK_STEP = timedelta(seconds=2)
"""By which wall and monotonic clock must part within CLOCK_WATCH: adjustments by NTP are steps of less, and both clocks
follow them. A guess."""
START_AGAIN = timedelta(seconds=10)
"""Pause before what runs beside the jobs is started again after a fault of ours. A guess."""
FIRST_PATIENCE = timedelta(seconds=3)
"""How long the feeds may take to be registered before the daemon is ready; the ticks go on with it."""
POLLS_END_BEFORE = timedelta(seconds=2)
"""Before the deadline of all parts: then the event stage and what runs beside it end."""
RESIGN_LIMIT = timedelta(seconds=1)
CANCEL_LIMIT_S = 0.5
"""How long what was cancelled may take to end: a part that catches it is left behind."""
ALLOWANCES = {
    "poll": timedelta(seconds=90),
    "event": timedelta(seconds=90),
    LOOP: timedelta(seconds=30),
}
"""How long a stage may go without a round before it counts as stuck: three fetch time limits."""


Job = Callable[[], Coroutine[Any, Any, None]]


class Server(Protocol):
    """The embedded server, as the daemon sees it: `trouble` says what is wrong about its directory, '' for nothing."""

    trouble: str

    async def supervise(self) -> None:
        """Start it again whenever it ends, until cancelled."""
        ...


class ConfigSource(Protocol):
    """Where the configuration comes from: `changed` says whether the file was written since the last `read`."""

    def changed(self) -> bool:
        """Whether the file was written since the last `read`."""
        ...

    def read(self) -> Configuration:
        """Raises ConfigError."""
        ...

    def report(self, result: str, detail: str) -> None:
        """Leave word for `aggregator reload --wait`."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What the command line puts together. `poll` or `event` is None for a daemon of the other role."""

    store: Store
    poll: PollStage | None
    event: EventStage | None
    metrics: Metrics
    progress: Progress
    notifier: Notifier
    source: ConfigSource
    digests: DigestMaker
    clock: Clock
    archive: Callable[[], Coroutine[Any, Any, None]] | None = None
    terminal: Callable[[], Coroutine[Any, Any, None]] | None = None
    """What tells a person at the terminal of events as they form."""
    deliveries: Deliveries | None = None
    server: Server | None = None
    status: StatusServer | None = None
    status_address: tuple[str, int] | None = None
    renew_fetching: Callable[[Settings], Awaitable[None]] | None = None
    """Rebuild the fetcher and the sandbox after a change of `[fetch]`."""


class Daemon:
    """Runs until SIGTERM or SIGINT. SIGHUP reloads the configuration, SIGUSR1 logs how the daemon is."""

    def __init__(
        self,
        parts: Parts,
        configuration: Configuration,
        *,
        start_again: timedelta = START_AGAIN,
        shutdown: Shutdown | None = None,
    ) -> None:
        self._parts = parts
        self._shutdown = shutdown or Shutdown()
        self._start_again_s = start_again.total_seconds()
        self._configuration = configuration
        self._stop = asyncio.Event()
        self._registration = Registration(parts.store, clock=parts.clock)
        self._reloading = asyncio.Lock()
        self._engine_error = ""
        self._stuck: set[str] = set()
        """Stages that were told of for not moving."""
        is_worker = parts.poll is None or parts.event is None
        self.port = StatusPort(parts.status, parts.status_address, is_shared=is_worker)
        self.house = Housekeeping(
            parts.store,
            metrics=parts.metrics,
            clock=parts.clock,
            settings=lambda: self._configuration.settings,
            leads=self._leads,
            feed_ids=self._feed_ids,
            hosts=self._hosts,
        )
        self._lasting: dict[str, asyncio.Task[None]] = {}
        """What runs from start to end, by name."""
        self._reloads: set[asyncio.Task[None]] = set()
        self._scheduler = AsyncIOScheduler(
            job_defaults={
                # By default a job that is a second late is skipped without a word.
                "misfire_grace_time": None,
                "coalesce": True,
                "max_instances": 1,
            },
            timezone="UTC",
        )

    def troubles(self) -> list[str]:
        """Why the daemon does not do its work, for `/readyz`."""
        reasons: list[str] = []
        if self._engine_error:
            reasons.append(self._engine_error)
        if self._parts.server is not None and self._parts.server.trouble:
            reasons.append(self._parts.server.trouble)
        if self._parts.poll is not None and self._registration.trouble:
            reasons.append(self._registration.trouble)
        if self._parts.event is not None and self._parts.event.held_by:
            reasons.append(f"the event stage waits: {self._parts.event.held_by}")
        return reasons

    async def run(self) -> None:
        """Start everything, wait for the signal to stop, end everything.

        Raises AggregatorError when the status port cannot be opened (a worker of one stage goes on without it).
        """
        self._catch_signals()
        try:
            await self._start()
            self._parts.notifier.ready(self._status())
            log.info(
                "daemon_ready",
                feeds=len(self._configuration.feeds),
                engine=self._engine_error or "up",
            )
            await self._stop.wait()
        finally:
            await self._end()

    async def _start(self) -> None:
        parts = self._parts
        self._add_jobs()
        self._keep("clock", self._watch_clock)
        await self.port.open()
        if parts.server is not None:
            self._keep("server", parts.server.supervise)
        self._keep(HOUSEKEEPING, self.house.run)
        if parts.event is not None:
            self._keep(EVENT_STAGE, parts.event.run)
        if parts.archive is not None:
            self._keep("archive", parts.archive)
        if parts.deliveries is not None:
            parts.deliveries.use(self._configuration.settings.notifies)
            self._keep("deliveries", parts.deliveries.run)
        # A server that takes long to answer must not keep systemd waiting for READY.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(
                self._register_if_up(),
                FIRST_PATIENCE.total_seconds(),
            )
        self._scheduler.start()
        self._scheduler.modify_job("risks", next_run_time=datetime.now(UTC))
        if parts.terminal is not None:
            self._keep("terminal", parts.terminal)

    def _keep(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start what lasts as long as the daemon. When a fault of ours ends it, that is told, and it starts again."""
        if self._stop.is_set():
            return
        task = self._lasting[name] = asyncio.create_task(work(), name=name)

        def ended(ended_task: asyncio.Task[None]) -> None:
            error = _failure_of(ended_task)
            if error is None:
                return
            loop = ended_task.get_loop()
            loop.call_later(
                self._start_again_s,
                self._keep,
                name,
                work,
            )
            log.error(
                "part_broke",
                part=name,
                again_s=self._start_again_s,
                exc_info=error,
            )

        task.add_done_callback(ended)

    def stop(self) -> None:
        """Let `run` end everything and return."""
        self._stop.set()

    def _catch_signals(self) -> None:
        self._shutdown.listen(self._on_stop)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._on_reload)
        loop.add_signal_handler(signal.SIGUSR1, self._tell_status)

    def _on_stop(self, number: signal.Signals) -> None:
        self._stop.set()
        self._parts.notifier.stopping("finishing polls in flight")
        log.info("stopping", signal=number.name)

    def _tell_status(self) -> None:
        now = asyncio.get_running_loop().time()
        log.info(
            "daemon_status",
            status=self._status(),
            troubles=self.troubles(),
            stuck=list(self._parts.progress.stuck(now)),
            parts=sorted(self._lasting),
        )

    def _on_reload(self) -> None:
        task = asyncio.create_task(self._reload(), name="reload")
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    def _add_jobs(self) -> None:
        """All of them, anew where they are there: what APScheduler has worked out by the wall clock is forgotten."""
        self._add_job("tick", self._tick, every=TICK)
        self._add_job("housekeeping", self._housekeep, every=HOUSEKEEPING_EVERY)
        self._add_job("config", self._watch_config, every=CONFIG_WATCH)
        self._add_job("risks", self.house.warn_of_risks, every=RISKS)
        self._add_job("pulse", self._pulse, every=PULSE)
        if self._parts.event is not None:
            self._scheduler.add_job(
                self._make_digest,
                self._digest_trigger(),
                id="digest",
                replace_existing=True,
            )

    def _add_job(
        self,
        name: str,
        work: Job,
        *,
        every: timedelta,
    ) -> None:
        trigger = IntervalTrigger(seconds=every.total_seconds())
        self._scheduler.add_job(
            work,
            trigger,
            id=name,
            replace_existing=True,
        )

    def _digest_trigger(self) -> WallClockCron:
        settings = self._configuration.settings.digest
        return WallClockCron(settings.cron, settings.timezone)

    async def _watch_clock(self) -> None:
        """Notice when the wall clock was set (or the machine slept): due times are then looked at anew, and so are the
        jobs, since APScheduler keeps them by the wall clock alone, and would wait an hour for one set back by that."""
        loop = asyncio.get_running_loop()
        difference_s = time.time() - loop.time()
        while True:
            await asyncio.sleep(CLOCK_WATCH.total_seconds())
            before_s = difference_s
            difference_s = time.time() - loop.time()
            by_s = difference_s - before_s
            if abs(by_s) > CLOCK_STEP.total_seconds():
                self._clock_moved(by_s)

    def _clock_moved(self, by_s: float) -> None:
        log.warning("clock_moved", by_s=round(by_s, 1))
        self._add_jobs()
        self._registration.forget()
        self._parts.store.polls.clock_moved()
        for stage in (self._parts.event, self._parts.poll):
            if stage is not None:
                stage.clock_moved()

    async def _end(self) -> None:
        self._stop.set()
        parts = self._parts
        deadline = self._shutdown.deadline
        if self._scheduler.running:
            self._scheduler.pause()
        if parts.event is not None:
            # It ends its batch and gives up the lead while polls end.
            parts.event.stop()
        polls_end = deadline - POLLS_END_BEFORE.total_seconds()
        stops = [self.port.close(), self.house.stop(polls_end)]
        if parts.poll is not None:
            stops.append(parts.poll.stop(polls_end))
        ending = {asyncio.create_task(stop) for stop in stops}
        await _all_ended(ending, deadline)
        for task in ending:
            error = _failure_of(task) if task.done() else None
            if error is not None:
                log.error("stop_broke", exc_info=error)
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        await self._end_lasting(deadline)
        log.info("stopped")

    async def _end_lasting(self, deadline: float) -> None:
        """The event stage has been asked to end; all else is cancelled."""
        for name, task in self._lasting.items():
            if name != EVENT_STAGE:
                task.cancel()
        tasks = {*self._lasting.values(), *self._reloads}
        await _all_ended(tasks, deadline - RESIGN_LIMIT.total_seconds())

    # --- jobs -------------------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        """Claim and poll what is due; a worker that polls nothing looks whether the server is there."""
        poll = self._parts.poll
        try:
            if poll is None:
                await self._parts.store.server_time()
            else:
                await self._register(poll)
                await poll.round()
        except EngineError as error:
            self._engine_is_down(error)
        else:
            self._engine_is_up()
        if poll is not None:
            # It moves, also where the server is away: a restart would not bring that back.
            self._parts.progress.beat("poll", asyncio.get_running_loop().time())
            self._parts.metrics.show_active("poll", self._parts.clock.now())

    async def _register(self, poll: PollStage) -> None:
        """Tell the server of the feeds, once for each configuration, and again when it has lost them."""
        await self._registration.keep(self._configuration, poll.feeds, poll.register)

    async def _register_if_up(self) -> None:
        try:
            if self._parts.poll is not None:
                await self._register(self._parts.poll)
        except EngineError as error:
            self._engine_is_down(error)

    def _engine_is_down(self, error: EngineError) -> None:
        if str(error) != self._engine_error:
            log.error("engine_unavailable", error=str(error))
        self._engine_error = str(error)
        self._parts.metrics.show_engine(up=False)

    def _engine_is_up(self) -> None:
        if self._engine_error:
            log.info("engine_available")
        self._engine_error = ""
        self._parts.metrics.show_engine(up=True)

    async def _housekeep(self) -> None:
        """A round, and the status port, which another worker may have left free."""
        self.house.wake()
        await self.port.open()

    def _leads(self) -> bool:
        event = self._parts.event
        return event is not None and event.leads

    def _feed_ids(self) -> list[str]:
        return [feed.feed_id for feed in self._configuration.feeds if feed.enabled]

    def _hosts(self) -> Mapping[str, str]:
        if self._parts.poll is None:
            return {}
        return self._parts.poll.hosts

    async def _make_digest(self) -> None:
        parts = self._parts
        # One of an installation's workers is enough.
        if not self._leads():
            return
        elapsed: Mapping[str, timedelta] = {}
        if parts.poll is not None:
            elapsed = parts.poll.typical_elapsed()
        try:
            await parts.digests.make(
                now=parts.clock.now(),
                settings=self._configuration.settings.digest,
                elapsed=elapsed,
            )
        except EngineError as error:
            log.warning("digest_waits", error=str(error))

    async def _pulse(self) -> None:
        """The event loop turns: feed the watchdog if the stages do too."""
        now = asyncio.get_running_loop().time()
        self._parts.progress.beat(LOOP, now)
        stuck = self._parts.progress.stuck(now)
        stages = {words.partition(" ")[0] for words in stuck}
        if stages - self._stuck:
            # Once for each stage: it is looked at every second.
            log.error("stuck", stages=list(stuck))
        for stage in self._stuck - stages:
            log.info("moves_again", stage=stage)
        self._stuck = stages
        if not stuck:
            self._parts.notifier.alive()

    def _status(self) -> str:
        """One line for `systemctl status`."""
        words = f"{len(self._feed_ids())} feeds, "
        words += "polling" if self._parts.poll else "standing by"
        if self._leads():
            words += " and assigning"
        if self._engine_error:
            words += f"; {self._engine_error}"
        return words

    # --- reload -----------------------------------------------------------------------------------------------

    async def _watch_config(self) -> None:
        self._parts.notifier.status(self._status())
        if await asyncio.to_thread(self._parts.source.changed):
            await self._reload()

    async def _reload(self) -> None:
        """Take over a changed feeds.toml; a broken one is refused, and the old configuration stays."""
        async with self._reloading:
            now = asyncio.get_running_loop().time()
            self._parts.notifier.reloading(monotonic_usec=int(now * 1_000_000))
            result = "failed"
            detail = "a fault of ours, please report it: the log tells more"
            try:
                result, detail = await self._reloaded()
            finally:
                self._parts.metrics.count_reload(result)
                self._parts.source.report(result, detail)
                self._parts.notifier.ready(self._status())

    async def _reloaded(self) -> tuple[str, str]:
        try:
            # 4 s for 100,000 feeds.
            fresh = await asyncio.to_thread(self._parts.source.read)
        except ConfigError as error:
            log.error(
                "config_refused",
                error=str(error),
                remedy="mend the file; the old configuration stays in force",
            )
            return "refused", str(error)
        changes = config_changes(self._configuration, fresh)
        if not changes:
            log.info("config_unchanged")
            return "unchanged", "nothing changed"
        await self._use(fresh)
        log.info("config_reloaded", **changes)
        if changes.get("needs_restart"):
            log.warning("config_needs_restart", keys=changes["needs_restart"])
        words = [f"{name}: {value}" for name, value in changes.items()]
        return "applied", ", ".join(words)

    async def _use(self, fresh: Configuration) -> None:
        """What can fail comes first; then everything changes at once."""
        parts = self._parts
        settings = fresh.settings
        is_fetching_changed = settings.fetch != self._configuration.settings.fetch
        if is_fetching_changed and parts.renew_fetching is not None:
            await parts.renew_fetching(settings)
        self._configuration = fresh
        parts.store.use(retention=settings.retention, queues=settings.queues)
        if parts.event is not None:
            parts.event.use(settings)
            if parts.deliveries is not None:
                parts.deliveries.use(settings.notifies)
            self._scheduler.reschedule_job("digest", trigger=self._digest_trigger())
        if parts.poll is not None:
            parts.poll.use(settings, fresh.feeds)
            await self._register_if_up()


async def _all_ended(tasks: set[asyncio.Task[None]], deadline: float) -> None:
    """Wait for these until the deadline, then cancel those that go on."""
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=left(deadline))
    if not late:
        return
    for task in late:
        task.cancel()
    log.warning("stopped_late", parts=sorted(task.get_name() for task in late))
    # redis-py may swallow a cancellation (Python 3.11): who goes on is left behind.
    await asyncio.wait(late, timeout=CANCEL_LIMIT_S)


def _failure_of(task: asyncio.Task[None]) -> BaseException | None:
    """What ended a task that was not cancelled, if it did not end by itself."""
    if task.cancelled():
        return None
    return task.exception()
