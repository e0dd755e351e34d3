"""A publisher's clock that is wrong is told from its entries' lags, and a right one never."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from aggregator.schedule.publisher_clock import clock_error


def lags(
    error_hours: float, *, gap_minutes: float, count: int = 30, seed: int = 1
) -> list[float]:
    """Lags of entries that appear at random and are seen at the next poll, under a clock with this error."""
    chance = random.Random(seed)
    return [
        3600 * error_hours + 60 * chance.uniform(0, gap_minutes) + 5
        for _ in range(count)
    ]


@pytest.mark.parametrize("hours", [-14, -9, -8, -5, -2, -1])
def test_a_clock_that_runs_ahead_by_whole_hours_is_told(hours: int) -> None:
    assert clock_error(
        lags(hours, gap_minutes=15), poll_gap=timedelta(minutes=15)
    ) == timedelta(hours=hours)


def test_it_is_told_without_knowing_the_gap_from_more_evidence() -> None:
    assert clock_error(lags(-8, gap_minutes=25, count=25)) == timedelta(hours=-8)
    assert clock_error(lags(-8, gap_minutes=25, count=15)) is None


@pytest.mark.parametrize("gap_minutes", [1, 15, 60, 240, 1440])
@pytest.mark.parametrize("seed", range(5))
def test_a_right_clock_is_never_called_wrong(gap_minutes: int, seed: int) -> None:
    found = lags(0, gap_minutes=gap_minutes, count=40, seed=seed)
    assert clock_error(found, poll_gap=timedelta(minutes=gap_minutes)) is None
    assert clock_error(found) is None


def test_a_clock_that_is_behind_is_told_only_of_a_feed_polled_promptly() -> None:
    late = lags(5, gap_minutes=20)
    assert clock_error(late, poll_gap=timedelta(minutes=20)) == timedelta(hours=5)
    assert clock_error(late) is None
    assert clock_error(late, poll_gap=timedelta(hours=6)) is None


def test_few_scheduled_entries_and_calendars_prove_nothing() -> None:
    chance = random.Random(7)
    calendar = [-3600 * chance.uniform(1, 14) for _ in range(40)]
    scheduled = [*lags(0, gap_minutes=60, count=30), *lags(-8, gap_minutes=30, count=6)]
    assert clock_error(calendar, poll_gap=timedelta(minutes=15)) is None
    assert clock_error(scheduled, poll_gap=timedelta(minutes=15)) is None


def test_one_batch_with_one_stamp_proves_nothing() -> None:
    assert clock_error([-8 * 3600.0 + 60] * 40, poll_gap=timedelta(minutes=15)) is None


def test_one_odd_lag_in_twenty_does_not_hide_the_error() -> None:
    odd = [-90_000.0, *lags(-8, gap_minutes=15, count=29)]
    assert clock_error(odd, poll_gap=timedelta(minutes=15)) == timedelta(hours=-8)


def test_a_told_error_stays_until_the_lags_contradict_it() -> None:
    told = timedelta(hours=-8)
    slow, few = lags(-8, gap_minutes=600), lags(-8, gap_minutes=15, count=3)
    assert clock_error(slow) is None
    assert clock_error(slow, current=told) == told
    assert clock_error(few, current=told) == told
    assert clock_error(lags(0, gap_minutes=15), current=told) is None
    assert clock_error(
        lags(-7, gap_minutes=15), poll_gap=timedelta(minutes=15), current=told
    ) == timedelta(hours=-7)
    behind = timedelta(hours=5)
    assert clock_error(lags(5, gap_minutes=300), current=behind) == behind
    assert clock_error(lags(0, gap_minutes=300), current=behind) is None
