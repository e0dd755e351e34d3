"""How often a feed changes, and how long to wait for its next entry.

Rules: evidence is 27 numbers: new entries by UTC hour of publication (24), days observed, and the times (epoch
seconds) at which these held and of the newest entry. Counts and days fade with a half-life, so that a feed that
changes its habits is followed. A poll that finds nothing new leaves the evidence as it is: what has faded since, and
the days that have passed, follow from the time alone.

The rate of an hour of the day is the posterior mean of a Poisson process under a Gamma prior: (entries + prior
entries) / (days + prior days). The prior of an hour is the rate of the whole day; that of the day is half an entry,
the correction of Cho and Garcia-Molina, "Estimating frequency of change", ACM TOIT 3(3), 2003, section 4. To know the
entries' own times, and not only whether a poll found any, makes it consistent for irregular polls. A feed silent
for longer than its rate explains is believed to have become as slow as its silence.

The wait follows Sia, Cho and Cho, "Efficient monitoring algorithm for fast news alerts", IEEE TKDE 19(7), 2007: polls
are spread over feeds, and over the hours of one feed, by a power of the rate; the next poll is when the integral of
rate^EXPONENT / BASE since now reaches one. An exponent of 1/2 gives the least summed delay for a number of polls; a
little more spares slow feeds many polls at a small price (a feed of one entry a week is asked every 2 h, one silent
for a year once a day).

Pure. The constants were tuned with tests/bench/schedule_sim.py on the outlets of corpus/polls / corpus/real. Polls
against fixed 15-minute polling, and median delay against its 7.5 min, for some that were tried:

    exponent 0.50, base 7.5 min, half-life 3 days   0.20 / 0.23    1.2 / 1.4
    exponent 0.62, base 5.0 min, half-life 3 days   0.18 / 0.21    1.1 / 1.4    chosen
    exponent 0.62, base 7.5 min, half-life 3 days   0.14 / 0.15    1.2 / 1.7
    exponent 0.62, base 6.0 min, half-life 5 days   0.15 / 0.18    1.2 / 1.5
    exponent 0.70, base 5.0 min, half-life 3 days   0.15 / 0.17    1.1 / 1.6
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

HOURS = 24
HALF_LIFE_DAYS = 3.0
PRIOR_ENTRIES = 0.5
PRIOR_DAYS = 0.5
HOUR_PRIOR_DAYS = 1.5
"""Days of evidence at which an hour's own count weighs as much as the average of the day."""
SILENCE_ENTRIES = 1.5
"""A feed silent for a time is believed to bring no more than this many entries in such a time."""
EXPONENT = 0.62
BASE = timedelta(minutes=5)
"""The interval of a feed with one entry an hour, before min_interval."""
OLDEST_EVIDENCE = timedelta(days=28)
_DAY = 86400.0
_DAYS, _SEEN, _NEWEST = HOURS, HOURS + 1, HOURS + 2
SIZE = HOURS + 3


def observed(
    activity: Sequence[float],
    *,
    lags: Sequence[float],
    undated_count: int,
    gap: timedelta | None,
    now: datetime,
) -> tuple[float, ...]:
    """The evidence after one more successful poll.

    `lags` are the ages in seconds of the new entries that state a time, `gap` the time since the poll before (None:
    this is the first one, and the backlog is the evidence). An entry older than the gap, or without a date, is taken
    as published in the middle of the gap: what counts is that it came since then.
    """
    is_known = len(activity) == SIZE
    is_silent = gap is not None and not lags and not undated_count
    if is_known and is_silent:
        return tuple(activity)
    at = now.timestamp()
    before = activity
    if not is_known:  # never observed, or a record of another version
        before = _nothing_observed(at)
    if gap is None:
        # The first poll: its backlog is as much evidence as it reaches back.
        ages = _backlog_ages(lags)
        span = max(ages, default=0.0)
        fading = 1.0
    else:
        ages = _ages(lags, undated_count, gap)
        span = _span(before, at)
        fading = _weight(span)
    counts = [count * fading for count in before[:HOURS]]
    for age in ages:
        hour = _hour(now - timedelta(seconds=age))
        counts[hour] += _weight(age)
    days = before[_DAYS] * fading + _faded_days(span)
    newest = before[_NEWEST]
    if ages:
        newest = at - min(ages)
    hours = [round(count, 4) for count in counts]
    return (*hours, round(days, 5), round(at, 1), round(newest, 1))


def _nothing_observed(at: float) -> tuple[float, ...]:
    hours = (0.0,) * HOURS
    return (*hours, 0.0, at, at)


def _span(activity: Sequence[float], at: float) -> float:
    """Seconds from when the evidence held until `at`."""
    # Never below 0: the clock may have been set back since.
    return max(0.0, at - activity[_SEEN])


def _backlog_ages(lags: Sequence[float]) -> list[float]:
    limit = OLDEST_EVIDENCE.total_seconds()
    return [lag for lag in lags if 0 <= lag <= limit]


def _ages(
    lags: Sequence[float],
    undated_count: int,
    gap: timedelta,
) -> list[float]:
    most = max(1.0, gap.total_seconds())
    middle = most / 2
    ages = [middle] * undated_count
    for lag in lags:
        is_since_then = 0 <= lag <= most
        ages.append(lag if is_since_then else middle)
    return ages


def _weight(age_seconds: float) -> float:
    half_lives = age_seconds / _DAY / HALF_LIFE_DAYS
    return float(0.5**half_lives)


def _faded_days(span_seconds: float) -> float:
    """The integral of the weight over the span, in days."""
    return HALF_LIFE_DAYS / math.log(2) * (1 - _weight(span_seconds))


def _hour(at: datetime) -> int:
    return at.astimezone(UTC).hour


@dataclass(frozen=True, slots=True)
class Rates:
    """Expected new entries for each UTC hour of the day: `least` and `weight` times what the hours around it brought.

    An hour's rate is worked out when it is asked for, since a wait mostly ends within an hour or two.
    """

    counts: Sequence[float]
    weight: float
    least: float

    def at(self, hour: int) -> float:
        """Of this hour; neighbouring hours share their evidence, around midnight, too."""
        counts = self.counts
        around = counts[hour - 1] + 2 * counts[hour] + counts[(hour + 1) % HOURS]
        return self.least + self.weight * around / 4

    def daily(self) -> float:
        """Of the whole day."""
        return HOURS * self.least + self.weight * sum(self.counts)


def hourly_rates(activity: Sequence[float], *, now: datetime) -> Rates:
    """The rates that the evidence shows at `now`."""
    if len(activity) != SIZE:
        return Rates((0.0,) * HOURS, 0.0, PRIOR_ENTRIES / PRIOR_DAYS / HOURS)
    at = now.timestamp()
    span = _span(activity, at)
    fading = _weight(span)
    counts = activity[:HOURS]
    days = activity[_DAYS] * fading + _faded_days(span)
    daily = (sum(counts) * fading + PRIOR_ENTRIES) / (days + PRIOR_DAYS)
    prior = HOUR_PRIOR_DAYS * daily / HOURS
    weighed_days = days + HOUR_PRIOR_DAYS
    rates = Rates(counts, fading / weighed_days, prior / weighed_days)
    silence_days = max(1e-6, (at - activity[_NEWEST]) / _DAY)
    # A feed that fell silent is believed as slow as its silence, though its counts fade only with the half-life.
    most_in_a_day = SILENCE_ENTRIES / silence_days
    quieter = most_in_a_day / max(1e-9, rates.daily())
    if quieter >= 1:
        return rates
    return Rates(counts, rates.weight * quieter, rates.least * quieter)


def change_gap(rates: Rates) -> timedelta:
    """Estimated mean time between two new entries, over the whole day."""
    return timedelta(hours=HOURS / max(1e-6, rates.daily()))


def wait(
    rates: Rates,
    *,
    now: datetime,
    longest: timedelta,
) -> timedelta:
    """How long to wait before the next poll if nothing but the feed's own habit counted; at most `longest`."""
    at = now.astimezone(UTC)
    passed = 0.0
    wanted = 1.0
    limit = longest.total_seconds()
    while passed < limit:
        # The density is constant within an hour, so its integral is a sum over hours.
        left_of_hour = _seconds_left_of_hour(at)
        density = rates.at(at.hour) ** EXPONENT / BASE.total_seconds()
        if density * left_of_hour >= wanted:
            seconds = passed + wanted / density
            return timedelta(seconds=min(limit, seconds))
        wanted -= density * left_of_hour
        passed += left_of_hour
        at += timedelta(seconds=left_of_hour)
    return longest


def _seconds_left_of_hour(at: datetime) -> float:
    passed = at.minute * 60 + at.second + at.microsecond / 1e6
    return 3600.0 - passed
