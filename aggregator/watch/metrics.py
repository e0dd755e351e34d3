"""What the daemon counts, for Prometheus.

Rules: one registry of our own for each `Metrics`, so that two daemons in one process (tests) do not share counts.
Labels are bounded: a value outside a label's known set is counted as `other`, and group lags beyond `MAX_GROUPS` are
summed under `other`; a feed, host or URL is never a label. Names end in their unit (`_seconds`, `_bytes`, `_total`).

prometheus-client is used in this module only.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from aggregator.model import FailureKind, Health, Kind, Outcome
from aggregator.watch.proc import usage

CONTENT_TYPE = CONTENT_TYPE_LATEST
OTHER = "other"

POLLS = ("new", "unchanged", "not_modified", "failed")
"""What a poll gave: new entries, a body with nothing new, a 304, or nothing."""
STEPS = ("claim", "fetch", "parse", "commit", "assign", "publish")
REPORTS = (
    "new_event",
    "joined_event",
    "edited",
    "merged_event",
    "repeated",
    "rejected",
)
KILLS = ("wall", "cpu", "memory", "crashed", "broken")
RELOADS = ("applied", "unchanged", "refused", "failed")
UNREADABLE = (
    *(
        "poll_state",
        "known_entry",
        "instant",
        "entry",
        "event",
        "fingerprint",
        "alias",
        "stamped",
        "leader",
    ),
    *(
        "ruling",
        "ruling_request",
        "ruling_answer",
        "example",
        "message",
        "queued_message",
        "digest",
        "trouble",
    ),
    *("count", "websub_lease", "key"),
)
"""The kinds of `engine.codec`, and a whole key that holds another type."""
STAGES = ("poll", "event", "housekeeping")
MAX_GROUPS = 50

_BUCKETS = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
)
"""From an entry's matching (0.3 ms) to the fetch's default time limit (30 s)."""


class Metrics:
    """Counters and gauges of one daemon. Each method is one fact told by the shell."""

    def __init__(self, *, version: str = "") -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the exposition, and nobody asks when a counter was made
        self.registry = CollectorRegistry()
        self.registry.register(_Process())
        self._make_poll_metrics()
        self._make_event_metrics()
        self._make_state_metrics()
        if version:
            self._gauge("build_info", "Version that runs.", "version").labels(
                version
            ).set(1)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"aggregator_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"aggregator_{name}", text, labels, registry=self.registry)

    def _make_poll_metrics(self) -> None:
        self._polls = self._counter("polls", "Polls by outcome.", "outcome")
        self._failures = self._counter(
            "poll_failures", "Failed polls by kind of failure.", "kind"
        )
        self._entries = self._counter(
            "entries", "Entries parsed, by outcome at the poll.", "outcome"
        )
        self._killed = self._counter(
            "children_killed",
            "Parsers, and encoders of meanings, that went over a limit or died.",
            "reason",
        )
        self._bytes = self._counter(
            "fetched_bytes", "Bytes of bodies received, decoded."
        )
        self._steps = Histogram(
            "aggregator_step_seconds",
            "Time a step took.",
            ["step"],
            registry=self.registry,
            buckets=_BUCKETS,
        )
        _prepare(self._polls, POLLS)
        _prepare(self._failures, tuple(FailureKind))
        _prepare(self._entries, tuple(Outcome))
        _prepare(self._killed, KILLS)
        self._timed = {step: self._steps.labels(step) for step in STEPS}
        """The histogram of each step: looked up by its label it takes twice as long."""

    def _make_event_metrics(self) -> None:
        self._reports = self._counter(
            "reports", "Entries by outcome at the event stage.", "outcome"
        )
        self._messages = self._counter(
            "messages", "Messages published, by kind.", "kind"
        )
        self._dropped = self._counter(
            "dropped", "Messages lost to a cap before a consumer had read them."
        )
        self._window = self._gauge(
            "window_entries", "Fingerprints in the matching window."
        )
        self._waiting = self._gauge(
            "waiting_entries", "Entries committed and not yet assigned."
        )
        self._leader = self._gauge(
            "leader", "1 while this worker leads the event stage."
        )
        self._lag = self._gauge(
            "group_lag",
            "Messages a consumer group has not acknowledged.",
            "stream",
            "group",
        )
        _prepare(self._reports, REPORTS)
        _prepare(self._messages, tuple(Kind))

    def _make_state_metrics(self) -> None:
        self._feeds = self._gauge("feeds", "Feeds by health.", "health")
        self._held = self._gauge(
            "hosts_held", "Hosts left alone until a time they asked for."
        )
        self._overdue = self._gauge(
            "overdue_seconds", "How late the most overdue feed is."
        )
        self._up = self._gauge("engine_up", "1 while the Redis server answers.")
        self._engine_memory = self._gauge(
            "engine_memory_bytes", "Memory the Redis server uses."
        )
        self._unreadable = self._counter(
            "unreadable",
            "Values in Redis that were passed over: not ours, damaged, or of a later version.",
            "kind",
        )
        _prepare(self._unreadable, UNREADABLE)
        self._active = self._gauge(
            "last_active_timestamp_seconds",
            "When the stage last finished a round.",
            "stage",
        )
        self._reloads = self._counter(
            "reloads", "Configuration reloads by result.", "result"
        )
        _prepare(self._reloads, RELOADS)
        for health in Health:
            self._feeds.labels(health)

    # --- the poll stage

    def count_poll(
        self, outcome: str, *, failure: FailureKind | None = None, body_bytes: int = 0
    ) -> None:
        """One poll ended: `outcome` is one of POLLS."""
        self._polls.labels(_bounded(outcome, POLLS)).inc()
        self._bytes.inc(body_bytes)
        if failure is not None:
            self._failures.labels(failure).inc()

    def count_entries(self, outcomes: Mapping[str, int]) -> None:
        """The outcomes of one poll's entries, keyed by `Outcome`."""
        known = tuple(Outcome)
        for outcome, count in outcomes.items():
            self._entries.labels(_bounded(outcome, known)).inc(count)

    def count_killed(self, reason: str) -> None:
        """A parser or an encoder was killed or died: `reason` is one of KILLS."""
        self._killed.labels(_bounded(reason, KILLS)).inc()

    def observe(self, step: str, elapsed: timedelta) -> None:
        """A step took this long: `step` is one of STEPS."""
        timed = self._timed.get(step) or self._steps.labels(OTHER)
        timed.observe(elapsed.total_seconds())

    # --- the event stage

    def count_report(
        self,
        outcome: str,
        count: int = 1,
    ) -> None:
        """Entries assigned: `outcome` is one of REPORTS."""
        self._reports.labels(_bounded(outcome, REPORTS)).inc(count)

    def count_message(
        self,
        kind: str,
        count: int = 1,
    ) -> None:
        """Messages of one kind were published."""
        known = tuple(Kind)
        self._messages.labels(_bounded(kind, known)).inc(count)

    def count_dropped(self, count: int) -> None:
        """Messages fell to a cap before they were read."""
        self._dropped.inc(count)

    def show_window(self, entries: int) -> None:
        """How many reports the matching can be asked about."""
        self._window.set(entries)

    def show_waiting(self, entries: int) -> None:
        """How many entries wait for the event stage."""
        self._waiting.set(entries)

    def show_leader(self, leads: bool) -> None:
        """Whether this worker leads the event stage."""
        self._leader.set(leads)

    def show_groups(
        self,
        lags: Mapping[tuple[str, str], int],
    ) -> None:
        """The lag of every consumer group, keyed by (stream, group); replaces what was shown before."""
        # Groups that were deleted would stand with their last lag for ever.
        self._lag.clear()
        largest = sorted(
            lags.items(),
            key=lambda pair: (-pair[1], pair[0]),
        )
        for (stream, group), lag in largest[:MAX_GROUPS]:
            self._lag.labels(stream, group).set(lag)
        rest = largest[MAX_GROUPS:]
        if rest:
            others = self._lag.labels(OTHER, OTHER)
            others.set(sum(lag for _, lag in rest))

    # --- state

    def show_feeds(self, healths: Mapping[str, int]) -> None:
        """How many feeds have each health; healths left out have none."""
        for health in Health:
            count = healths.get(health, 0)
            self._feeds.labels(health).set(count)

    def show_schedule(
        self,
        *,
        hosts_held: int,
        overdue: timedelta,
    ) -> None:
        """How many hosts are held, and how long the feed due first has waited."""
        self._held.set(hosts_held)
        self._overdue.set(max(overdue.total_seconds(), 0.0))

    def show_engine(
        self,
        *,
        up: bool,
        memory_bytes: int | None = None,
    ) -> None:
        """Whether the server answers; `memory_bytes` None: what it uses was not asked, the last figure stands."""
        self._up.set(up)
        if memory_bytes is not None:
            self._engine_memory.set(memory_bytes)

    def count_unreadable(
        self,
        kind: str,
        count: int = 1,
    ) -> None:
        """Values that are not ours, or damaged: `kind` is one of UNREADABLE."""
        self._unreadable.labels(_bounded(kind, UNREADABLE)).inc(count)

    def show_active(self, stage: str, at: datetime) -> None:
        """A stage finished a round: `stage` is `poll`, `event` or `housekeeping`."""
        named = self._active.labels(_bounded(stage, STAGES))
        named.set(at.timestamp())

    def count_reload(self, result: str) -> None:
        """The configuration was read again: `result` is one of RELOADS."""
        self._reloads.labels(_bounded(result, RELOADS)).inc()

    def exposition(self) -> bytes:
        """All of it in Prometheus' text form, served as CONTENT_TYPE."""
        return generate_latest(self.registry)


class _Process(Collector):
    """Memory, time and files of this process, and the memory of its children, at the moment of asking."""

    def collect(self) -> Iterator[Metric]:
        found = usage(os.getpid())
        # No /proc: not Linux.
        if found is None:
            return
        gauges = (
            ("process_resident_memory_bytes", "Resident memory.", found.resident_bytes),
            ("process_virtual_memory_bytes", "Virtual memory.", found.virtual_bytes),
            ("process_open_fds", "Open file descriptors.", found.open_files),
            (
                "process_start_time_seconds",
                "When the process started, since the epoch.",
                _epoch(found.started_seconds),
            ),
            (
                "aggregator_children_memory_bytes",
                "Resident memory of our children: parsers, and the embedded server.",
                found.children_bytes,
            ),
        )
        for name, text, value in gauges:
            yield GaugeMetricFamily(name, text, value=value)
        yield CounterMetricFamily(
            "process_cpu_seconds", "User and system CPU time.", value=found.cpu_seconds
        )


def _epoch(boot_seconds: float) -> float:
    """An instant of CLOCK_BOOTTIME as seconds since the epoch."""
    return time.time() - (time.clock_gettime(time.CLOCK_BOOTTIME) - boot_seconds)


def _bounded(
    value: str,
    known: tuple[str, ...],
) -> str:
    return value if value in known else OTHER


def _prepare(
    metric: Counter,
    values: tuple[str, ...],
) -> None:
    """Make each labelled counter exist at 0, so that a rate over its first increase is seen."""
    for value in values:
        metric.labels(value)
