"""Whether a publisher's clock is wrong, as the lags of its new entries show it over many polls. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from aggregator.model import FeedRead, PollState, replace

CLOCK_SAMPLES = 40
"""Newest lags kept of a feed; 20 are the fewest that tell anything of one that is polled seldom."""
_TOLERANCE = 600.0
"""Seconds a right clock may run ahead: entries are stamped minutes before they appear. A guess."""
_PROMPT = 1800.0
"""Seconds after publication in which a prompt poll sees an entry."""
_FEWEST_LAGS, _FEWEST_UNPROMPT = 8, 20
_MOST_HOURS = 14
_OUTLIERS = 20
"""One lag in so many may lie before the edge: a scheduled entry, a mistyped date."""


def with_clock(state: PollState, read: FeedRead | None) -> PollState:
    """The state with what this reading's lags tell of the publisher's clock; `state` is the feed's before the poll."""
    if read is None:
        return state
    usable = read.lags
    if state.last_success_at is None:
        # Entries of a backlog are old by nature; none of them can be of the future.
        usable = tuple(lag for lag in read.lags if lag < 0)
    samples = (*state.clock_samples, *usable)[-CLOCK_SAMPLES:]
    error = clock_error(
        samples,
        poll_gap=state.interval or None,
        current=state.clock_error,
    )
    return replace(state, clock_samples=samples, clock_error=error)


def clock_error(
    lags: Sequence[float],
    *,
    poll_gap: timedelta | None = None,
    current: timedelta | None = None,
) -> timedelta | None:
    """The error, in whole hours, of the clock behind a feed; None where the evidence is not strong.

    `lags` are first seen minus stated time in seconds, of the feed's newest new entries. Added to a stated time the
    error gives the true one: Beijing time labelled GMT gives lags just over -8 h, the answer is -8 h. `poll_gap` is the
    usual time between two polls, if known; `current` the error told so far: it stays where the lags show none,
    until they contradict it (a clock ahead: fewer than one in five is negative; a clock behind: one is below it).

    A right clock gives lags from 0 on, spread over the time between two polls; a wrong one shifts them all. So the
    error is the whole hour at or before the lowest lag, if at least eight lags (not of one instant) show it, at most
    one in twenty lies before that hour, and most lie within 30 minutes after it:

    - half, if the feed is polled at least every hour; 80 % for an error of one hour, because stamps rounded up to the
      next hour look like that;
    - 90 % of at least twenty otherwise, because the lags of a feed that is polled seldom do not begin at its error.

    A clock that is behind looks like a feed that is polled late: it is told only where polls are an hour apart at most.
    Measured on 15 feeds polled every 3 to 24 h (their 14,000 lags in windows of 40, shifted by -8, -4, -1, 0, 1 and
    5 h; tests/bench/parse_table.py): with half for all, 122 of 87,000 answers were wrong, with these rules 10, all of
    them where one poll brought all 40. Leave out the lags of a first poll: they are a backlog.
    """
    ordered = sorted(lags)
    is_prompt = poll_gap is not None and poll_gap <= timedelta(hours=1)
    shown = _shown_error(ordered, is_prompt=is_prompt)
    if shown is not None or current is None:
        return shown
    if _is_contradicted(ordered, current):
        return None
    return current


def _is_contradicted(ordered: Sequence[float], current: timedelta) -> bool:
    """Whether sorted lags speak against the error told so far."""
    if current < timedelta(0):
        negative = sum(lag < -_TOLERANCE for lag in ordered)
        return 5 * negative < len(ordered)
    return bool(ordered) and ordered[0] < current.total_seconds() - _TOLERANCE


def _shown_error(
    ordered: Sequence[float],
    *,
    is_prompt: bool,
) -> timedelta | None:
    """The error that sorted lags show by themselves."""
    fewest = _FEWEST_LAGS if is_prompt else _FEWEST_UNPROMPT
    if len(ordered) < fewest:
        return None
    lowest = ordered[len(ordered) // _OUTLIERS]
    hours = int((lowest + _TOLERANCE) // 3600)
    # A clock that is behind looks like a feed that is polled late.
    is_late = hours > 0 and not is_prompt
    if hours == 0 or abs(hours) > _MOST_HOURS or is_late:
        return None
    edge = hours * 3600
    shown = [lag for lag in ordered if edge - _TOLERANCE <= lag <= edge + _PROMPT]
    # Lags of one instant are one piece of evidence.
    is_various = len({round(lag) for lag in shown}) >= _FEWEST_LAGS // 2
    share = _share_needed(hours, is_prompt=is_prompt)
    if not is_various or len(shown) < share * len(ordered):
        return None
    return timedelta(hours=hours)


def _share_needed(hours: int, *, is_prompt: bool) -> float:
    if not is_prompt:
        return 0.9
    # Stamps rounded up to the next hour look like an error of one hour.
    return 0.5 if hours < -1 else 0.8
