"""How often a feed changes, and how long to wait for its next entry.

Rules: evidence is 26 numbers: new entries by UTC hour of publication (24), days observed, and the time of the last
observation (epoch seconds). All of it fades with a half-life, so that a feed that changes its habits is followed.

The rate of an hour of the day is the posterior mean of a Poisson process under a Gamma prior: (entries + prior
entries) / (days + prior days). The prior of an hour is the rate of the whole day, that of the day a weak half entry,
which is the correction of Cho and Garcia-Molina, "Estimating frequency of change", ACM TOIT 3(3), 2003, section 4.
Knowing the entries' own times (not only whether a poll found any) makes it consistent with irregular polls.

The wait follows Sia, Cho and Cho, "Efficient monitoring algorithm for fast news alerts", IEEE TKDE 19(7), 2007: for a
given number of polls the summed delay of all entries is least where polls are as dense as the *square root* of the
rate; between feeds, and between the hours of one feed. So the next poll is when the integral of sqrt(rate / COST)
since now reaches one.

Pure. Constants were tuned with tests/bench/schedule_sim.py; what was tried stands there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

HOURS = 24
HALF_LIFE_DAYS = 7.0
PRIOR_ENTRIES = 0.5
PRIOR_DAYS = 0.5
HOUR_PRIOR_DAYS = 1.5
"""Days of evidence at which an hour's own count weighs as much as the average of the day."""
COST_HOURS = 0.12
"""Entry-hours of delay that one poll is worth: a feed of r entries an hour is asked every sqrt(COST / r) hours."""
OLDEST_EVIDENCE = timedelta(days=28)
_DAY = 86400.0


def observed(
    activity: Sequence[float], *, lags: Sequence[float], undated_count: int, gap: timedelta | None, now: datetime
) -> tuple[float, ...]:
    """The evidence after one more successful poll.

    `lags` are the ages in seconds of the new entries that state a time, `gap` the time since the poll before (None:
    this is the first one, and the backlog is the evidence). An entry older than the gap, or without a date, is taken
    as published in the middle of the gap: what counts is that it came since then.
    """
    before = list(activity) if len(activity) == HOURS + 2 else [0.0] * (HOURS + 1) + [now.timestamp()]
    ages = _backlog_ages(lags) if gap is None else _ages(lags, undated_count, gap)
    span = max(ages, default=0.0) if gap is None else max(0.0, now.timestamp() - before[HOURS + 1])
    fading = _weight(span) if gap is not None else 1.0
    counts = [count * fading for count in before[:HOURS]]
    for age in ages:
        counts[_hour(now - timedelta(seconds=age))] += _weight(age)
    days = before[HOURS] * fading + _faded_days(span)
    return (*(round(count, 4) for count in counts), round(days, 5), round(now.timestamp(), 1))


def _backlog_ages(lags: Sequence[float]) -> list[float]:
    limit = OLDEST_EVIDENCE.total_seconds()
    return [lag for lag in lags if 0 <= lag <= limit]


def _ages(lags: Sequence[float], undated_count: int, gap: timedelta) -> list[float]:
    most = max(1.0, gap.total_seconds())
    return [lag if 0 <= lag <= most else most / 2 for lag in lags] + [most / 2] * undated_count


def _weight(age_seconds: float) -> float:
    return float(0.5 ** (age_seconds / _DAY / HALF_LIFE_DAYS))


def _faded_days(span_seconds: float) -> float:
    """The integral of the weight over the span, in days."""
    return HALF_LIFE_DAYS / math.log(2) * (1 - _weight(span_seconds))


def _hour(at: datetime) -> int:
    return at.astimezone(UTC).hour


def hourly_rates(activity: Sequence[float]) -> tuple[float, ...]:
    """Expected new entries for each UTC hour of the day; neighbouring hours share their evidence."""
    if len(activity) != HOURS + 2:
        return (PRIOR_ENTRIES / PRIOR_DAYS / HOURS,) * HOURS
    counts, days = activity[:HOURS], activity[HOURS]
    average = (sum(counts) + PRIOR_ENTRIES) / (days + PRIOR_DAYS) / HOURS
    smooth = [(counts[h - 1] + 2 * counts[h] + counts[(h + 1) % HOURS]) / 4 for h in range(HOURS)]
    return tuple((count + HOUR_PRIOR_DAYS * average) / (days + HOUR_PRIOR_DAYS) for count in smooth)


def change_gap(activity: Sequence[float]) -> timedelta:
    """Estimated mean time between two new entries, over the whole day."""
    return timedelta(hours=HOURS / max(1e-6, sum(hourly_rates(activity))))


def wait(activity: Sequence[float], *, now: datetime, longest: timedelta) -> timedelta:
    """How long to wait before the next poll if nothing but the feed's own habit counted; at most `longest`."""
    rates = hourly_rates(activity)
    at, passed, wanted = now.astimezone(UTC), 0.0, 1.0
    limit = longest.total_seconds()
    while passed < limit:
        left_of_hour = 3600.0 - (at.minute * 60 + at.second + at.microsecond / 1e6)
        density = math.sqrt(rates[at.hour] / COST_HOURS) / 3600.0
        if density * left_of_hour >= wanted:
            return timedelta(seconds=min(limit, passed + wanted / density))
        wanted -= density * left_of_hour
        passed += left_of_hour
        at += timedelta(seconds=left_of_hour)
    return longest
