"""The event stage at work: lead, keep the index, assign what waits, publish.

Rules: one worker leads, the others stand by; the index is what the published reports say, so it is built from the
fingerprint log on taking the lead, and again whenever the two may differ: the server was away, a publication was
refused, or the index knows a report that the server does not (it lost its last second). An entry that cannot be read
or assigned is taken off the stream with a notice, unless those behind it fare no better: `breaking` tells when the
stage waits instead, and `status`, `/readyz` and `agg:trouble` say so.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import structlog

from aggregator.daemon.breaking import Breaker
from aggregator.daemon.clock import Clock
from aggregator.daemon.encoder import ENCODED_BATCH
from aggregator.daemon.loading import loaded_index
from aggregator.daemon.ruling import follow
from aggregator.dedup.fingerprint import Fingerprint, told_by
from aggregator.engine.store import Store
from aggregator.errors import EngineError, EventsHeld, StaleToken, UnreadableRecord
from aggregator.model import (
    Assignment,
    Entry,
    Event,
    Kind,
    Publication,
    Published,
    Settings,
)
from aggregator.pipeline.matching import Matcher
from aggregator.pipeline.reporting import Reported, reported, revised
from aggregator.watch.metrics import Metrics
from aggregator.watch.progress import Progress

log = structlog.get_logger()

T = TypeVar("T")

BATCH = 200
"""Entries assigned between two publishes: about 60 ms of matching at 0.3 ms an entry, during which polls wait."""
FULL_BATCH = 50
GATHERING = timedelta(seconds=0.25)
"""From one batch to the next while entries come fast, unless the one before was full: matching costs 1.8 ms an entry in
a batch of two, 0.7 in one of twenty, 0.6 in one of sixty. A guess."""
FAST = 20
"""Entries within a second from which on they come fast (a guess): those of a few feeds wait for nobody."""
MOST_ENCODED = 2000
"""When more entries wait, they are matched by their words alone until fewer do: about a minute of one core's encoding.
So a burst does not wait for the encoder."""
LEASE = timedelta(seconds=15)
RENEW_EVERY = timedelta(seconds=4)
BLOCK = timedelta(seconds=1)
STAND_BY = timedelta(seconds=2)
FIRST_PAUSE = timedelta(seconds=0.5)
LONGEST_PAUSE = timedelta(seconds=15)
STAGE = "event"


@dataclass(frozen=True, slots=True)
class _Assigned:
    """One waiting entry with the index's answer. An edit has neither fingerprint nor assignment, only its event."""

    stream_id: str
    entry: Entry
    event_id: str | None
    fingerprint: Fingerprint | None = None
    assignment: Assignment | None = None


Encode = Callable[[Sequence[tuple[str, str]]], Awaitable[Sequence[bytes]]]
"""Answers with the embedding of each (title, lead), empty where there is none."""


class _LogMovedError(Exception):
    """The index knows of reports that the server does not: it was restored to an earlier state."""


class EventStage:
    """One worker of the event stage. Made by the command line with its real parts; `run` until `stop`."""

    def __init__(
        self,
        *,
        store: Store,
        settings: Settings,
        metrics: Metrics,
        progress: Progress,
        clock: Clock,
        worker: str,
        encode: Encode,
    ) -> None:
        self._store = store
        self._encode = encode
        self._settings = settings
        self._metrics = metrics
        self._progress = progress
        self._clock = clock
        self._worker = worker
        self._index = Matcher(settings.dedup)
        self._is_stale = False
        """The index may differ from what is published: load it before the next batch."""
        self._is_fresh = False
        """Nothing has been assigned since the index was loaded."""
        self._breaker = Breaker(store=store, metrics=metrics, clock=clock)
        self._is_rushed = False
        """Too many entries wait to ask what their headlines mean."""
        self._token: int | None = None
        self._renewed = 0.0
        self._gathered = 0.0
        """Until when the entries of the next batch come together."""
        self._recent = deque[tuple[float, int]]()
        """When entries were read within the last second, and how many."""
        self._stopping = asyncio.Event()

    @property
    def leads(self) -> bool:
        """Whether this worker's is the lead, as far as it knows."""
        return self._token is not None

    @property
    def held_by(self) -> str:
        """Why the stage waits, though it leads; empty: it goes on."""
        return self._breaker.held_by

    def use(self, settings: Settings) -> None:
        """Take over a configuration. A change of `[dedup]` builds the index anew, from the log."""
        self._is_stale |= settings.dedup != self._settings.dedup
        self._settings = settings

    def clock_moved(self) -> None:
        """Build the index anew: a clock that was ahead for a moment has let fingerprints expire."""
        self._is_stale = True

    # --- the loop ---------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Lead when possible, assign while leading; returns after `stop`."""
        pause = timedelta(0)
        while not self._stopping.is_set():
            await self._gather()
            self._beat()
            try:
                leads = await self._turn()
                pause = timedelta(0) if leads else STAND_BY
            except StaleToken as error:
                log.warning("lead_lost", error=str(error))
                self._drop_lead()
                pause = STAND_BY
            except EngineError as error:
                # The server may have been restored to an earlier state while it was away.
                self._is_stale = True
                pause = min(LONGEST_PAUSE, max(FIRST_PAUSE, pause * 2))
                log.warning(
                    "event_stage_waits",
                    error=str(error),
                    retry_s=pause.total_seconds(),
                )
            except EventsHeld as held:
                pause = await self._wait_in_the_lead(held)
            await self._wait(pause)
        await self._resign()

    def stop(self) -> None:
        """Ask `run` to end after its batch."""
        self._stopping.set()

    async def drain(self) -> None:
        """Assign until nothing waits, no operator's word either, whoever leads; for `run --once`.

        Raises EventsHeld, EngineError.
        """
        while await self._has_work():
            try:
                if not await self._turn():
                    await self._wait(timedelta(seconds=0.2))
            except StaleToken:
                self._drop_lead()

    async def _has_work(self) -> bool:
        if await self._store.events.waiting_count():
            return True
        return bool(await self._store.rulings.asked_count())

    async def close(self) -> None:
        """Give up the lead after `drain`."""
        await self._resign()

    async def _turn(self) -> bool:
        """One round; False while another worker leads."""
        if self._token is None and not await self._take_lead():
            return False
        await self._keep_lead()
        if self._is_stale:
            await self._load()
        has_ruled = await self._follow_operators()
        # After a word there may be another: an operator waits for each of them.
        block = timedelta(0) if has_ruled else BLOCK
        await self.assign_waiting(block=block)
        self._is_fresh = False
        self._metrics.show_window(len(self._index))
        return True

    async def _gather(self) -> None:
        """Let entries that come one after another come together."""
        seconds = self._gathered - asyncio.get_running_loop().time()
        await self._wait(timedelta(seconds=max(0.0, seconds)))

    def _come_fast(self, count: int, read_at: float) -> bool:
        self._recent.append((read_at, count))
        while self._recent[0][0] < read_at - 1:
            self._recent.popleft()
        return sum(number for _, number in self._recent) >= FAST

    async def _wait(self, span: timedelta) -> None:
        if not span:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), span.total_seconds())

    def _beat(self) -> None:
        self._progress.beat(STAGE, asyncio.get_running_loop().time())
        self._metrics.show_active(STAGE, self._clock.now())

    # --- the lead ---------------------------------------------------------------------------------------------

    async def _take_lead(self) -> bool:
        token = await self._store.events.lead(
            self._worker,
            LEASE,
            now=self._clock.for_engine(),
        )
        if token is None:
            return False
        self._token = token
        self._renewed = asyncio.get_running_loop().time()
        self._is_stale = True
        self._metrics.show_leader(True)
        await self._breaker.took_lead()
        return True

    async def _keep_lead(self) -> None:
        if self._token is None:
            return
        now = asyncio.get_running_loop().time()
        if now - self._renewed <= RENEW_EVERY.total_seconds():
            return
        await self._store.events.renew(
            self._token,
            LEASE,
            now=self._clock.for_engine(),
        )
        self._renewed = now

    async def _stay(self) -> None:
        """Between two steps of something long: keep the lead, and let others run."""
        self._beat()
        await self._keep_lead()
        await asyncio.sleep(0)

    def _drop_lead(self) -> None:
        self._token = None
        self._breaker.lost_lead()
        self._index = Matcher(self._settings.dedup)
        self._metrics.show_leader(False)

    async def _resign(self) -> None:
        if self._token is None:
            return
        try:
            await self._store.events.resign(self._token, now=self._clock.for_engine())
        except EngineError as error:
            log.info("lead_left_to_lapse", error=str(error))
        self._drop_lead()

    async def _load(self) -> None:
        """Build the index from the fingerprint log of the window."""
        dedup = self._settings.dedup
        self._index = await loaded_index(
            self._store,
            dedup,
            now=self._clock.now(),
            meanwhile=self._stay,
        )
        self._is_fresh = True
        # A reload may have changed [dedup] while we read.
        self._is_stale = dedup != self._settings.dedup

    # --- the operator's word ----------------------------------------------------------------------------------

    async def _follow_operators(self) -> bool:
        """Apply what operators asked for, oldest first, while the index is what is published; whether there was any."""
        has_ruled = False
        while self._token is not None and not self._is_stale:
            asked = await self._store.rulings.next_asked()
            if asked is None:
                break
            has_ruled = True
            publication = await follow(
                asked,
                self._store,
                self._token,
                self._index,
                queues=self._settings.queues,
                clock=self._clock,
                meanwhile=self._stay,
            )
            if publication is None:
                # Another leader followed it: our index has not taken it in.
                self._is_stale = True
                continue
            for message in publication.messages:
                self._metrics.count_message(message.kind.value)
        return has_ruled

    # --- one batch --------------------------------------------------------------------------------------------

    async def assign_waiting(self, *, block: timedelta = BLOCK) -> int:
        """Assign and publish one batch of what waits, or comes within `block`; answers how many were published.

        Raises EventsHeld when it does not get past the oldest entry, EngineError, StaleToken.
        """
        token = self._token
        if token is None:
            return 0
        try:
            if self._breaker.suspect is None:
                return await self._assign_batch(token, block)
            suspect = self._breaker.suspect
            await self._breaker.judge(token, suspect, self._would_go_through)
        except _LogMovedError:
            log.warning(
                "index_ahead_of_server",
                reason="the server was restored to an earlier state; loading it again",
            )
            self._is_stale = True
        return 0

    async def _assign_batch(self, token: int, block: timedelta) -> int:
        most = ENCODED_BATCH if await self._uses_embeddings() else BATCH
        if self._breaker.alone:
            # One of them broke its batch: one at a time it shows itself.
            most = 1
        waiting = await self._store.events.next_entries(most, block=block)
        entries = waiting.entries
        read_at = asyncio.get_running_loop().time()
        embeddings = await self._unbroken(self._embeddings_of(entries))
        if isinstance(embeddings, Exception):
            return self._broke(entries, embeddings)
        if self._is_stale:
            # A reload changed [dedup] while we waited.
            return 0
        if not entries:
            await self._breaker.stopped_at(token, waiting)
            return 0
        count = await self._unbroken(
            self._assign_and_publish(token, entries, embeddings),
        )
        if isinstance(count, Exception):
            return self._broke(entries, count)
        if self._come_fast(len(entries), read_at) and len(entries) < FULL_BATCH:
            self._gathered = read_at + GATHERING.total_seconds()
        await self._breaker.got_through(token, count)
        return count

    def _broke(self, entries: Sequence[tuple[str, Entry]], error: Exception) -> int:
        log.error(
            "batch_broke",
            entries=len(entries),
            feed_id=entries[0][1].feed_id,
            exc_info=error,
        )
        self._breaker.broke(entries, error)
        return 0

    async def _unbroken(self, work: Awaitable[T]) -> T | Exception:
        """The answer, or the fault of ours that broke it; the index is loaded again then."""
        try:
            return await work
        except UnreadableRecord as error:
            # An EngineError that no waiting mends: the entry's own event cannot be read.
            broke: Exception = error
        except (EngineError, StaleToken, _LogMovedError):
            raise
        except Exception as error:
            log.debug("entries_broke", exc_info=error)
            broke = error
        self._is_stale = True
        return broke

    async def _would_go_through(self, stream_id: str, entry: Entry) -> bool:
        """Whether this entry could be published; it is not. The index is loaded again afterwards."""

        self._is_stale = True
        return await self._unbroken(self._prepared(stream_id, entry)) is True

    async def _prepared(self, stream_id: str, entry: Entry) -> bool:
        """All steps of a publication but the last."""
        entries = [(stream_id, entry)]
        embeddings = await self._embeddings_of(entries)
        assigned = list(self._assigned(entries, embeddings))
        [publication] = await self._publications(assigned)
        now = self._clock.now()
        arguments = self._store.events.publication_arguments(publication, pushed_at=now)
        return bool(arguments)

    async def _wait_in_the_lead(self, held: EventsHeld) -> timedelta:
        """Wait before the next try, in the lead; answers how long to wait without it, where a later version is to."""
        if held.is_later:
            log.error("event_stage_held", reason=str(held), resigns=True)
            await self._resign()
            return LEASE
        try:
            await self._breaker.until_next_try(self._in_the_lead)
        except (EngineError, StaleToken) as error:
            # The next round meets the same, and acts on it.
            log.info("hold_ended", error=str(error))
        return timedelta(0)

    async def _in_the_lead(self, span: timedelta) -> bool:
        """Wait so long and keep the lead; False when we are to stop."""
        self._beat()
        await self._keep_lead()
        await self._wait(span)
        return not self._stopping.is_set()

    # --- one batch, in steps ----------------------------------------------------------------------------------

    async def _uses_embeddings(self) -> bool:
        """Whether headlines are compared by meaning now."""
        if not self._settings.dedup.meaning:
            return False
        count = await self._store.events.waiting_count()
        is_rushed = count > MOST_ENCODED
        if is_rushed is not self._is_rushed:
            self._is_rushed = is_rushed
            event = "meanings_passed_over" if is_rushed else "meanings_resumed"
            log.warning(event, waiting=count)
        return not is_rushed

    async def _embeddings_of(
        self,
        entries: Sequence[tuple[str, Entry]],
    ) -> Sequence[bytes] | None:
        """Those of the new entries' titles and leads, in order; None where they are off, or passed over."""
        if not self._settings.dedup.meaning or self._is_rushed:
            return None
        # An edit never moves an entry to another event: it is not compared.
        texts = [told_by(entry) for _, entry in entries if not entry.revision]
        if not texts:
            return ()
        return await self._encode(texts)

    async def _assign_and_publish(
        self,
        token: int,
        entries: Sequence[tuple[str, Entry]],
        embeddings: Sequence[bytes] | None,
    ) -> int:
        loop = asyncio.get_running_loop()
        started = loop.time()
        self._index.expire(self._clock.now())
        assigned = list(self._assigned(entries, embeddings))
        seconds = loop.time() - started
        publications = await self._publications(assigned)
        publish_started = loop.time()
        answers = await self._store.events.publish(
            token,
            publications,
            now=self._clock.for_engine(),
        )
        publish_s = loop.time() - publish_started
        self._metrics.observe("publish", timedelta(seconds=publish_s))
        if _differ(publications, answers):
            self._is_stale = True
        self._log_batch(publications, answers, seconds=seconds)
        return len(answers)

    def _assigned(
        self,
        entries: Sequence[tuple[str, Entry]],
        embeddings: Sequence[bytes] | None,
    ) -> Iterator[_Assigned]:
        """Every entry with its event, in order: an edit goes to the event its report is in when its turn comes."""
        new = [entry for _, entry in entries if not entry.revision]
        # A new entry that the index knows was published before, and the server has forgotten it: `everysec` may lose
        # the last second. Just after loading the index is what the server holds, so a repeat is no sign of that.
        if not self._is_fresh:
            is_known = any(self._index.event_of(entry.entry_id) for entry in new)
            if is_known:
                raise _LogMovedError
        answers = self._index.assigned(new, embeddings)
        for stream_id, entry in entries:
            if entry.revision:
                event_id = self._index.event_of(entry.entry_id)
                yield _Assigned(stream_id, entry, event_id)
                continue
            mark, assignment = next(answers)
            yield _Assigned(
                stream_id,
                entry,
                assignment.event_id,
                mark,
                assignment,
            )

    async def _publications(self, assigned: Sequence[_Assigned]) -> list[Publication]:
        """What to publish, each with the events as the ones before it leave them."""
        events = await self._store.events.by_ids(_event_ids(assigned))
        publications: list[Publication] = []
        for answer in assigned:
            report = await self._reported(answer, events)
            events[report.event.event_id] = report.event
            for absorbed in report.absorbed:
                events[absorbed.event_id] = report.event
            publications.append(report.publication)
        return publications

    async def _reported(self, answer: _Assigned, events: dict[str, Event]) -> Reported:
        entry, event_id = answer.entry, answer.event_id
        if answer.assignment is None or answer.fingerprint is None:
            if event_id is None:
                # Its report has left the window; the server knows its event for longer.
                event_id = await self._store.events.event_of(entry.entry_id)
            if event_id and event_id not in events:
                events |= await self._store.events.by_ids([event_id])
            return revised(
                entry,
                event_id,
                stream_id=answer.stream_id,
                events=events,
                queues=self._settings.queues,
            )
        # The index names an event that the server has not: it was restored to an earlier state. Just after loading, the
        # log itself names it, and its record has lapsed.
        if event_id and event_id not in events and not self._is_fresh:
            raise _LogMovedError
        return reported(
            entry,
            answer.assignment,
            stream_id=answer.stream_id,
            packed=answer.fingerprint.packed,
            events=events,
            queues=self._settings.queues,
        )

    def _log_batch(
        self,
        publications: Sequence[Publication],
        answers: Sequence[Published],
        *,
        seconds: float,
    ) -> None:
        counts: Counter[str] = Counter()
        kinds: Counter[Kind] = Counter()
        # The server answers up to the first it refused: there may be fewer answers.
        for publication, answer in zip(publications, answers, strict=False):
            if answer.repeated:
                counts["repeated"] += 1
                continue
            for message in publication.messages:
                kinds[message.kind] += 1
        for kind, number in kinds.items():
            counts[_OUTCOME_OF[kind]] = number
            self._metrics.count_message(kind.value, number)
        for outcome, count in counts.items():
            self._metrics.count_report(outcome, count)
        each_s = seconds / max(len(publications), 1)
        self._metrics.observe("assign", timedelta(seconds=each_s))
        self._metrics.show_window(len(self._index))
        log.info(
            "entries_assigned",
            entries=len(answers),
            **counts,
            window=len(self._index),
            ms=round(seconds * 1000),
        )


_OUTCOME_OF = {
    Kind.NEW: "new_event",
    Kind.JOINED: "joined_event",
    Kind.EDITED: "edited",
    Kind.MERGED: "merged_event",
}


def _event_ids(assigned: Sequence[_Assigned]) -> list[str]:
    """Every event whose record is needed, each once."""
    wanted: dict[str, None] = {}
    for answer in assigned:
        if answer.event_id:
            wanted[answer.event_id] = None
        if answer.assignment is not None:
            wanted |= dict.fromkeys(answer.assignment.absorbs)
    return list(wanted)


def _differ(publications: Sequence[Publication], answers: Sequence[Published]) -> bool:
    """Whether the server holds something else than the index: the script's answer is what counts."""
    if len(answers) < len(publications):
        return True
    pairs = zip(publications, answers, strict=False)
    return any(asked.event_id != answer.event_id for asked, answer in pairs)
