"""Housekeeping: what is dropped and forgotten, by whoever leads; what the status port shows and what is told, by all.

Rules: each step stands on its own. One that the server refuses, or that breaks, is told and costs nothing behind it;
only when the server is away the rest waits for the next round, since each step would wait for it in turn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta

import structlog

from aggregator.daemon.clock import Clock
from aggregator.engine.store import Store
from aggregator.errors import EngineDown, EngineError
from aggregator.model import Notice, Settings
from aggregator.watch.metrics import Metrics

log = structlog.get_logger()

Step = Callable[[], Awaitable[object]]


class Housekeeping:
    """The rounds of one worker. `hosts` are those that its feeds are on, nothing for a worker that polls nothing."""

    def __init__(
        self,
        store: Store,
        *,
        metrics: Metrics,
        clock: Clock,
        settings: Callable[[], Settings],
        feed_ids: Callable[[], Sequence[str]],
        hosts: Callable[[], Mapping[str, str]],
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._settings = settings
        self._feed_ids = feed_ids
        self._hosts = hosts
        self._counted: Counter[str] = Counter()
        """Slips by kind, as far as the metrics know of them."""

    async def round(self, *, leads: bool) -> None:
        """Every step once; `leads`: this worker drops and forgets for all."""
        steps: tuple[Step, ...] = (
            self._drop,
            self._forget_prints,
            self._forget_known,
            self._forget_merged,
        )
        steps += (self._forget_rulings, self._forget_slips, self._compact_counts)
        shown: tuple[Step, ...] = (
            self._show_feeds,
            self._show_groups,
            self._show_schedule,
            self._show_server,
        )
        for step in (*(steps if leads else ()), *shown, self._tell_slips):
            if not await self._done(step):
                return
        self._metrics.show_active("housekeeping", self._clock.now())

    async def warn_of_risks(self) -> None:
        """What of the server's settings may cost us data, in the log; the embedded server has none of it."""
        await self._done(self._warn_of_risks)

    async def _warn_of_risks(self) -> None:
        for risk in await self._store.watch.server_risks():
            log.warning("server_may_lose_data", detail=risk)

    async def _done(self, step: Step) -> bool:
        """Whether the round may go on."""
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
        self._metrics.count_dropped(
            sum(trimmed.dropped_count for trimmed in report.trimmed)
        )
        _log(report.notices)

    async def _forget_prints(self) -> None:
        await self._store.retention.trim_fingerprints(
            self._clock.now() - self._settings().dedup.window
        )

    async def _forget_known(self) -> None:
        forgotten = await self._store.retention.forget_known(
            now=self._clock.for_engine()
        )
        log.debug("known_forgotten", entries=forgotten)

    async def _forget_merged(self) -> None:
        await self._store.retention.forget_merged(now=self._clock.for_engine())

    async def _forget_rulings(self) -> None:
        settings = self._settings()
        await self._store.retention.forget_rulings(
            self._clock.now() - settings.retention.events - settings.dedup.window
        )

    async def _forget_slips(self) -> None:
        await self._store.retention.forget_slips(now=self._clock.for_engine())

    async def _compact_counts(self) -> None:
        await self._store.retention.compact_counts(now=self._clock.for_engine())

    # --- by everyone ------------------------------------------------------------------------------------------

    async def _show_feeds(self) -> None:
        self._metrics.show_feeds(await self._store.polls.healths(self._feed_ids()))

    async def _show_groups(self) -> None:
        lags = await self._store.retention.groups()
        self._metrics.show_groups(
            {
                (lag.stream, lag.group): lag.waiting_count + lag.pending_count
                for lag in lags
            }
        )

    async def _show_schedule(self) -> None:
        due_at = await self._store.polls.next_due_at()
        overdue = self._clock.now() - due_at if due_at else timedelta(0)
        held = await self._store.polls.held_hosts(
            self._hosts().values(), now=self._clock.for_engine()
        )
        self._metrics.show_schedule(hosts_held=len(held), overdue=overdue)
        self._metrics.show_waiting(await self._store.events.waiting_count())

    async def _show_server(self) -> None:
        self._metrics.show_engine(
            up=True, memory_bytes=await self._store.watch.memory_bytes()
        )

    async def _tell_slips(self) -> None:
        """What was met in the rounds of all parts and is not ours."""
        slips = self._store.engine.slips
        for kind, count in slips.counts.items():
            self._metrics.count_unreadable(kind, count - self._counted[kind])
            self._counted[kind] = count
        while slips.untold():
            _log(await self._store.retention.tell_slips(now=self._clock.for_engine()))


def _log(notices: Sequence[Notice]) -> None:
    for notice in notices:
        log.warning("trouble", kind=notice.kind, detail=notice.detail)
