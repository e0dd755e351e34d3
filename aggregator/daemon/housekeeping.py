"""Housekeeping: what is dropped and forgotten, by whoever leads; what the status port shows and what is told, by all.

Rules: each step stands on its own. One that the server refuses, or that breaks, is told and costs nothing behind it;
only when the server is away the rest waits for the next round, since each step would wait for it in turn. A stop waits
for the step that runs, none begins after it: what is left is done by the next leader, or after our next start.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta

import structlog

from aggregator.daemon import memory
from aggregator.daemon.clock import Clock
from aggregator.daemon.shutdown import left
from aggregator.engine.retention import TrimReport
from aggregator.engine.store import Store
from aggregator.errors import EngineDown, EngineError
from aggregator.model import Notice, Settings
from aggregator.watch.metrics import Metrics

log = structlog.get_logger()

Step = Callable[[], Awaitable[object]]


class Housekeeping:
    """The rounds of one worker: `run` until `stop`, a round at each `wake`.

    `leads`: whether this worker drops and forgets for all. `hosts` are those that its feeds are on, nothing for a
    worker that polls nothing.
    """

    def __init__(
        self,
        store: Store,
        *,
        metrics: Metrics,
        clock: Clock,
        settings: Callable[[], Settings],
        leads: Callable[[], bool],
        feed_ids: Callable[[], Sequence[str]],
        hosts: Callable[[], Mapping[str, str]],
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._settings = settings
        self._leads = leads
        self._feed_ids = feed_ids
        self._hosts = hosts
        self._counted: Counter[str] = Counter()
        """Slips by kind, as far as the metrics know of them."""
        self._forgotten: set[tuple[str, str]] = set()
        """(stream, group) of those that were told of."""
        self._is_due = asyncio.Event()
        self._is_stopping = False
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    def wake(self) -> None:
        """A round is due. One that is due while another runs follows it; several are one."""
        self._is_due.set()

    async def run(self) -> None:
        """A round whenever one is due; returns after `stop`."""
        while not self._is_stopping:
            await self._is_due.wait()
            self._is_due.clear()
            await self.round()

    async def stop(self, deadline: float) -> None:
        """Begin no further step; returns when the one that runs has ended, at the deadline (loop's clock) at latest."""
        self._is_stopping = True
        self._is_due.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._is_idle.wait(), left(deadline))

    async def round(self) -> None:
        """Every step once."""
        for step in self._steps():
            if self._is_stopping:
                return
            self._is_idle.clear()
            try:
                is_reachable = await self._taken(step)
            finally:
                self._is_idle.set()
            if not is_reachable:
                return
        self._metrics.show_active("housekeeping", self._clock.now())

    def _steps(self) -> list[Step]:
        steps: list[Step] = []
        if self._leads():
            steps += [
                self._drop,
                self._forget_fingerprints,
                self._forget_known,
                self._forget_merged,
                self._forget_rulings,
                self._forget_slips,
                self._compact_counts,
            ]
        steps += [
            self._show_feeds,
            self._show_groups,
            self._show_schedule,
            self._show_server,
        ]
        # Behind them, so that what the steps before it met is told in the same round.
        steps.append(self._tell_slips)
        steps.append(self._give_back_memory)
        return steps

    async def warn_of_risks(self) -> None:
        """What of the server's settings may cost us data, in the log; the embedded server has none of it."""
        await self._taken(self._warn_of_risks)

    async def _warn_of_risks(self) -> None:
        for risk in await self._store.watch.server_risks():
            log.warning("server_may_lose_data", detail=risk)

    async def _taken(self, step: Step) -> bool:
        """Take the step, whatever becomes of it; False when the server is away."""
        name = getattr(step, "__name__", "").lstrip("_")
        try:
            await step()
        except EngineDown as error:
            log.warning("housekeeping_waits", step=name, error=str(error))
            return False
        except EngineError as error:
            log.warning("housekeeping_refused", step=name, error=str(error))
        except Exception:
            log.exception("housekeeping_broke", step=name)
        return True

    # --- by whoever leads -------------------------------------------------------------------------------------

    async def _drop(self) -> None:
        report = await self._store.retention.trim(now=self._clock.for_engine())
        dropped_count = sum(trimmed.dropped_count for trimmed in report.trimmed)
        self._metrics.count_dropped(dropped_count)
        _log(report.notices)
        self._warn_of_forgotten(report)

    def _warn_of_forgotten(self, report: TrimReport) -> None:
        """Once for each group: whoever runs it again finds that what it had not read is gone."""
        forgotten = {
            (trimmed.name, group)
            for trimmed in report.trimmed
            for group in trimmed.forgotten_groups
        }
        for stream, group in sorted(forgotten - self._forgotten):
            log.warning(
                "consumer_group_forgotten",
                stream=stream,
                group=group,
                detail="idle for longer than forget_group: what it has not read is no longer kept for it",
            )
        self._forgotten = forgotten

    async def _forget_fingerprints(self) -> None:
        window = self._settings().dedup.window
        await self._store.retention.trim_fingerprints(self._clock.now() - window)

    async def _forget_known(self) -> None:
        now = self._clock.for_engine()
        count = await self._store.retention.forget_known(now=now)
        log.debug("known_forgotten", entries=count)

    async def _forget_merged(self) -> None:
        await self._store.retention.forget_merged(now=self._clock.for_engine())

    async def _forget_rulings(self) -> None:
        # As long as an event can be looked at, and its reports can still be matched.
        settings = self._settings()
        span = settings.retention.events + settings.dedup.window
        await self._store.retention.forget_rulings(self._clock.now() - span)

    async def _forget_slips(self) -> None:
        await self._store.retention.forget_slips(now=self._clock.for_engine())

    async def _compact_counts(self) -> None:
        await self._store.retention.compact_counts(now=self._clock.for_engine())

    # --- by everyone ------------------------------------------------------------------------------------------

    async def _show_feeds(self) -> None:
        healths = await self._store.polls.healths(self._feed_ids())
        self._metrics.show_feeds(healths)

    async def _show_groups(self) -> None:
        lags = await self._store.retention.groups()
        counts = {
            (lag.stream, lag.group): lag.waiting_count + lag.pending_count
            for lag in lags
        }
        self._metrics.show_groups(counts)

    async def _show_schedule(self) -> None:
        due_at = await self._store.polls.next_due_at()
        overdue = timedelta(0)
        if due_at is not None:
            overdue = self._clock.now() - due_at
        held = await self._store.polls.held_hosts(
            self._hosts().values(),
            now=self._clock.for_engine(),
        )
        self._metrics.show_schedule(hosts_held=len(held), overdue=overdue)
        self._metrics.show_waiting(await self._store.events.waiting_count())

    async def _show_server(self) -> None:
        memory_bytes = await self._store.watch.memory_bytes()
        self._metrics.show_engine(up=True, memory_bytes=memory_bytes)

    async def _tell_slips(self) -> None:
        """What was met in the rounds of all parts and is not ours."""
        slips = self._store.engine.slips
        for kind, count in slips.counts.items():
            self._metrics.count_unreadable(kind, count - self._counted[kind])
            self._counted[kind] = count
        # Some at a time: a stream full of foreign values has thousands.
        while slips.untold():
            _log(await self._store.retention.tell_slips(now=self._clock.for_engine()))

    async def _give_back_memory(self) -> None:
        memory.give_back()


def _log(notices: Sequence[Notice]) -> None:
    for notice in notices:
        log.warning("trouble", kind=notice.kind, detail=notice.detail)
