"""How often a feed changes: the evidence, and what follows from it as time passes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aggregator.schedule import rate

NOW = datetime(2026, 11, 30, 12, 30, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)


def backlog(*hours_ago: float) -> tuple[float, ...]:
    """The evidence of a first poll whose entries are so old."""
    lags = [3600 * hours for hours in hours_ago]
    return rate.observed((), lags=lags, undated_count=0, gap=None, now=NOW)


def silent(activity: tuple[float, ...], now: datetime) -> tuple[float, ...]:
    return rate.observed(activity, lags=(), undated_count=0, gap=QUARTER, now=now)


def test_a_poll_that_finds_nothing_leaves_the_evidence_as_it_is():
    activity = backlog(1, 5, 30)
    assert silent(activity, NOW + QUARTER) == activity
    # But of one never observed there is none yet, and the days that pass are to count.
    assert len(silent((), NOW)) == rate.SIZE


def test_an_entry_weighs_alike_however_often_nothing_was_found_before_it():
    often = seldom = backlog(1, 5, 30)
    for polls in range(1, 300):
        often = silent(often, NOW + polls * QUARTER)
    later = NOW + 300 * QUARTER
    after_often, after_seldom = (
        rate.observed(before, lags=[60.0], undated_count=0, gap=HOUR, now=later)
        for before in (often, seldom)
    )
    assert after_often == after_seldom
    # A day of the half-life has passed three times and a bit: what was brought before weighs half.
    before_count = sum(seldom[: rate.HOURS])
    after_count = sum(after_seldom[: rate.HOURS])
    assert after_count == pytest.approx(1 + before_count * 0.5 ** (75 / 72), rel=0.001)


def test_what_was_brought_counts_less_as_time_passes():
    activity = backlog(*range(48))
    gaps = [
        rate.change_gap(rate.hourly_rates(activity, now=NOW + timedelta(days=days)))
        for days in (0, 1, 3, 10)
    ]
    assert gaps == sorted(gaps)
    assert gaps[0] < timedelta(hours=1.5) < timedelta(hours=24) < gaps[-1]


def test_the_hours_of_a_day_add_up_to_its_rate():
    activity = backlog(1, 1.5, 2, 12.6, 13)
    rates = rate.hourly_rates(activity, now=NOW + timedelta(hours=7))
    hours = [rates.at(hour) for hour in range(rate.HOURS)]
    assert sum(hours) == pytest.approx(rates.daily())
    # The entries came around 11 and around midnight, which lies between the last hour and the first.
    assert hours[11] == max(hours)
    assert hours[23] > hours[16]
    assert hours[0] > hours[16]


def test_the_wait_is_shorter_before_the_hours_that_bring_something():
    activity = backlog(*(24 * day + 2.5 for day in range(14)))
    at_ten = rate.wait(
        rate.hourly_rates(activity, now=NOW),
        now=NOW.replace(hour=10, minute=0),
        longest=timedelta(hours=24),
    )
    at_night = rate.wait(
        rate.hourly_rates(activity, now=NOW),
        now=NOW.replace(hour=1, minute=0),
        longest=timedelta(hours=24),
    )
    assert at_ten < at_night
