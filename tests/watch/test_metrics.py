from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from aggregator.model import FailureKind
from aggregator.watch.metrics import MAX_GROUPS, Metrics
from aggregator.watch.proc import descendants, usage


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def series(metrics: Metrics, name: str) -> dict[str, float]:
    """The samples of one name, keyed by the values of their labels."""
    return {
        " ".join(value for _, value in labels): number
        for (found, labels), number in samples(metrics).items()
        if found == name
    }


def test_what_was_told_is_in_the_exposition():
    metrics = Metrics(version="1.2")
    metrics.count_poll("new", body_bytes=1000)
    metrics.count_poll("failed", failure=FailureKind.DNS)
    metrics.count_entries({"new": 3, "seen": 27})
    metrics.count_report("joined_event", 2)
    metrics.count_message("event.new")
    metrics.count_killed("wall")
    metrics.count_dropped(4)
    metrics.count_reload("refused")
    metrics.observe("fetch", timedelta(milliseconds=120))
    metrics.show_window(5000)
    metrics.show_waiting(7)
    metrics.show_leader(leads=True)
    metrics.show_feeds({"ok": 5, "failing": 1})
    metrics.show_schedule(hosts_held=2, overdue=timedelta(seconds=90))
    metrics.show_engine(up=True, memory_bytes=1 << 20)
    metrics.show_active("poll", datetime(2026, 1, 1, tzinfo=UTC))
    assert series(metrics, "aggregator_polls_total")["new"] == 1
    assert series(metrics, "aggregator_poll_failures_total")["dns"] == 1
    assert series(metrics, "aggregator_entries_total")["seen"] == 27
    assert series(metrics, "aggregator_reports_total")["joined_event"] == 2
    assert series(metrics, "aggregator_messages_total")["event.new"] == 1
    assert series(metrics, "aggregator_children_killed_total")["wall"] == 1
    assert series(metrics, "aggregator_dropped_total")[""] == 4
    assert series(metrics, "aggregator_reloads_total")["refused"] == 1
    assert series(metrics, "aggregator_step_seconds_sum")["fetch"] == 0.12
    assert series(metrics, "aggregator_window_entries")[""] == 5000
    assert series(metrics, "aggregator_waiting_entries")[""] == 7
    assert series(metrics, "aggregator_leader")[""] == 1
    assert series(metrics, "aggregator_feeds")["failing"] == 1
    assert series(metrics, "aggregator_hosts_held")[""] == 2
    assert series(metrics, "aggregator_overdue_seconds")[""] == 90
    assert series(metrics, "aggregator_engine_memory_bytes")[""] == 1 << 20
    assert (
        series(metrics, "aggregator_last_active_timestamp_seconds")["poll"]
        == 1767225600
    )
    assert series(metrics, "aggregator_build_info")["1.2"] == 1


def test_counters_exist_at_nought_before_anything_happens():
    assert set(series(Metrics(), "aggregator_polls_total").values()) == {0.0}
    assert series(Metrics(), "aggregator_children_killed_total")["memory"] == 0


@given(st.lists(st.text(max_size=20), max_size=60))
def test_labels_are_bounded_whatever_is_told(words):
    metrics, before = Metrics(), len(samples(Metrics()))
    for word in words:
        metrics.count_poll(word)
        metrics.count_entries({word: 1})
        metrics.count_report(word)
        metrics.count_message(word)
        metrics.count_killed(word)
        metrics.count_reload(word)
        metrics.show_feeds({word: 3})
    assert len(samples(metrics)) <= before + 20


def test_group_lags_beyond_the_limit_are_summed():
    metrics = Metrics()
    metrics.show_groups(
        {("agg:events", f"group-{number}"): 1 for number in range(MAX_GROUPS + 30)}
    )
    lags = series(metrics, "aggregator_group_lag")
    assert len(lags) == MAX_GROUPS + 1
    assert lags["other other"] == 30


def test_a_group_that_is_gone_is_no_longer_shown():
    metrics = Metrics()
    metrics.show_groups({("agg:events", "old"): 5})
    metrics.show_groups({("agg:events", "new"): 1})
    assert series(metrics, "aggregator_group_lag") == {"new agg:events": 1}


def test_two_daemons_do_not_share_counts():
    one, other = Metrics(), Metrics()
    one.count_poll("new")
    assert series(other, "aggregator_polls_total")["new"] == 0


@pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="there is no /proc here"
)
def test_the_process_and_its_children_are_measured_without_proc_stat():
    metrics = Metrics()
    before = series(metrics, "aggregator_children_memory_bytes")[""]
    with subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert series(metrics, "aggregator_children_memory_bytes")[""] >= before + (
            1 << 20
        )
        child.communicate(b"\n")
    assert (
        1 << 20
        < series(metrics, "process_resident_memory_bytes")[""]
        < series(metrics, "process_virtual_memory_bytes")[""]
    )
    assert series(metrics, "process_cpu_seconds_total")[""] > 0
    assert series(metrics, "process_open_fds")[""] >= 3
    assert (
        abs(
            series(metrics, "process_start_time_seconds")[""]
            - psutil.Process().create_time()
        )
        < 5
    )


def test_a_process_that_is_gone_uses_nothing():
    assert usage(2**22 + 1) is None
    assert descendants(2**22 + 1) == []
