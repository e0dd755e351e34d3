"""The digest's times where clocks are set: each time on the wall once, each hour that passes once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.daemon.cron import WallClockCron


def fired(cron: str, zone: str, day: str, days: int = 3) -> list[datetime]:
    """As APScheduler asks: once with nothing before, then after each time."""
    trigger = WallClockCron(cron, zone)
    now = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    end = now.astimezone(UTC) + timedelta(days=days)
    times: list[datetime] = []
    following = trigger.get_next_fire_time(None, now)
    while following is not None and following < end:
        times.append(following)
        following = trigger.get_next_fire_time(following, following)
    return times


def shown(cron: str, zone: str, day: str, hours: int = 24) -> str:
    """The times from midnight on, as the clock on the wall shows them."""
    times = fired(cron, zone, day, days=2)
    start = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return " ".join(
        f"{at.astimezone(ZoneInfo(zone)):%H:%M}"
        for at in times
        if at - start < timedelta(hours=hours)
    )


SHIFTS = {
    "autumn, the hour that comes twice": ("30 2 * * *", "Europe/Berlin", "2026-10-25", 25, "02:30"),
    "autumn, beside it": ("0 8 * * *", "Europe/Berlin", "2026-10-25", 25, "08:00"),
    "spring, the hour that is left out": ("30 2 * * *", "Europe/Berlin", "2026-03-29", 23, "03:30"),
    "spring, in order": ("15,45 2,3 * * *", "Europe/Berlin", "2026-03-29", 23, "03:15 03:45"),
    "midnight twice": ("0 0 * * *", "America/Havana", "2026-11-01", 25, "00:00"),
    "midnight left out": ("0 0 * * *", "America/Havana", "2026-03-08", 23, "01:00"),
    "half an hour back": ("45 1 * * *", "Australia/Lord_Howe", "2026-04-05", 24, "01:45"),
    "half an hour ahead": ("15 2 * * *", "Australia/Lord_Howe", "2026-10-04", 23, "02:45"),
    "every hour in autumn": ("0 * * * *", "Europe/Berlin", "2026-10-25", 5, "00:00 01:00 02:00 02:00 03:00"),
    "every hour in spring": ("0 * * * *", "Europe/Berlin", "2026-03-29", 4, "00:00 01:00 03:00 04:00"),
    "every half hour in autumn": ("*/30 * * * *", "Europe/Berlin", "2026-10-25", 4, "00:00 00:30 01:00 01:30 02:00 02:30 02:00 02:30"),
    "every half hour, set back by one": ("*/30 * * * *", "Australia/Lord_Howe", "2026-04-05", 3, "00:00 00:30 01:00 01:30 01:30 02:00"),
    "every second hour in autumn": ("0 */2 * * *", "Europe/Berlin", "2026-10-25", 7, "00:00 02:00 04:00"),
    "without a shift": ("0 6,18 * * *", "Asia/Shanghai", "2026-10-25", 24, "06:00 18:00"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("cron", "zone", "day", "hours", "expected"), SHIFTS.values(), ids=SHIFTS
)
def test_the_times_of_a_day_on_which_clocks_are_set(
    cron: str, zone: str, day: str, hours: int, expected: str
):
    assert shown(cron, zone, day, hours) == expected


def test_a_day_that_was_left_out_has_no_digest_of_its_own():
    times = fired("30 2 * * *", "Pacific/Apia", "2011-12-29", days=3)
    assert [f"{at.astimezone(ZoneInfo('Pacific/Apia')):%d %H:%M}" for at in times] == [
        "29 02:30",
        "31 02:30",
        "01 02:30",
    ]


ZONES = ["Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Africa/Casablanca", "America/St_Johns", "Asia/Tehran",
         "America/Asuncion", "Pacific/Chatham", "Antarctica/Troll", "Africa/Cairo"]  # fmt: skip


@settings(max_examples=60)
@given(
    st.sampled_from(ZONES),
    st.integers(0, 23),
    st.integers(0, 59),
    st.integers(2000, 2030),
)
def test_a_daily_expression_names_every_day_once_whatever_the_zone(
    zone: str, hour: int, minute: int, year: int
):
    times = fired(f"{minute} {hour} * * *", zone, f"{year}-01-01", days=366)
    gaps = [other - one for one, other in pairwise(times)]
    assert timedelta(hours=21) <= min(gaps)
    assert max(gaps) <= timedelta(hours=27)
    assert len(times) in (
        365,
        366,
        367,
    )  # where days are longer, a moment of the next year


@settings(max_examples=40)
@given(
    st.sampled_from(ZONES), st.sampled_from([1, 5, 15, 20, 30]), st.integers(0, 8700)
)
def test_an_expression_for_every_hour_leaves_out_no_time(
    zone: str, every: int, hour: int
):
    day = (datetime(2026, 1, 1) + timedelta(hours=hour)).isoformat()
    times = fired(f"*/{every} * * * *", zone, day, days=1)
    gaps = {other - one for one, other in pairwise(times)}
    assert max(gaps) <= timedelta(minutes=every)


def test_an_expression_that_never_comes_is_told_as_none():
    assert (
        WallClockCron("0 0 30 2 *", "Europe/Berlin").following(
            datetime(2026, 1, 1, tzinfo=UTC)
        )
        is None
    )
    assert (
        WallClockCron("0 * 30 2 *", "Europe/Berlin").following(
            datetime(2026, 1, 1, tzinfo=UTC)
        )
        is None
    )


def test_a_clock_that_was_set_back_asks_from_its_own_time():
    trigger = WallClockCron("0 * * * *", "UTC")
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert trigger.get_next_fire_time(now + timedelta(days=3), now) == now + timedelta(
        hours=1
    )
