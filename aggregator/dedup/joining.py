"""How likely an entry is of an event, from its pairs with the event's reports and from what speaks for other events.

The pairs of an event are no witnesses independent of one another: wire copies say one thing three times, a headline
without a text says little either way, and among look-alikes one event is likest and the others are nearly as likely. So
a logistic regression weighs them; tests/bench/joining.py learned it from decisions on what the pairs' forest had not
seen. An event of one report that has no rival is exactly as likely as its pair.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import compress
from operator import mul
from typing import NamedTuple

from aggregator.dedup.features import NAMESAKES, RECURRING

BEST = 3
UNLIKE = -2.0
"""Log-odds that stand for a report of the event that is out of reach in time."""
CROWD = 0.2
"""Log-odds a rival loses for each doubling of its size: big events attract whatever shares their words."""
LEAST = -4.0
"""Log-odds below which a pair says no more against an event; what has come again (`RECURRING`) counts beside."""
AWAY = -3.0
"""Log-odds below which an event is out of the question, and no rival of another."""
OTHERWISE_BELOW = -1.0
"""Log-odds below which the entry's own publisher told an event in another way: who has told an event refers to it."""
FEATURES = (
    "several",
    "best",
    "best_above",
    "second",
    "three",
    "third",
    "least",
    "doublings",
    "recurring",
    "told_otherwise",
    "rival",
    "rivals_best",
    "rival_above",
    "rivals_best_above",
)
"""What is weighed beside the best pair's log-odds: of the event itself, if it has several reports; then of others."""
_OWN_COUNT = FEATURES.index("rival")
"""The features before are of the event itself."""
_LONE = (0.0,) * (_OWN_COUNT - 1)
"""What an event of one report has of them, but for the last."""
_NOTHING = (0.0,) * len(FEATURES)


class Pair(NamedTuple):
    """A report against the entry."""

    log_odds: float
    is_copy: bool
    is_same_site: bool
    is_namesake: bool = False
    """Whether the report tells of a namesake of whom the entry tells; the log-odds have lost `NAMESAKES` by it."""


class Standing:
    """An event as an entry meets it: the reports compared, one at least, and how many it has in all."""

    __slots__ = ("best", "falling", "is_told_otherwise", "loss", "size")

    def __init__(
        self,
        pairs: Sequence[Pair],
        size: int,
    ) -> None:
        self.size = size
        self.loss = 0.0
        """What the event loses when one of its reports tells of a namesake: the others mean whom that one names."""
        # Most events are one report, for which there is nothing to sort.
        if len(pairs) == 1:
            log_odds = pairs[0].log_odds
            is_same_site = pairs[0].is_same_site
            self.falling = [log_odds]
            self.best = log_odds
            self.is_told_otherwise = is_same_site and log_odds < OTHERWISE_BELOW
            return
        judged = [pair.log_odds for pair in pairs]
        if any(pair.is_namesake for pair in pairs):
            self.loss = NAMESAKES
            judged = _without_loss(pairs)
        self.falling = sorted(judged, reverse=True)
        """The log-odds of the pairs, the best one first."""
        self.best = self.falling[0]
        own = [pair.log_odds for pair in pairs if pair.is_same_site]
        self.is_told_otherwise = bool(own) and max(own) < OTHERWISE_BELOW
        """Whether the entry's own publisher has told the event, and nothing like the entry."""


def _without_loss(pairs: Sequence[Pair]) -> list[float]:
    """The log-odds of pairs but for what those of namesakes have lost; what has come again is no more likely by it."""
    judged: list[float] = []
    for pair in pairs:
        is_lessened = pair.is_namesake and pair.log_odds > RECURRING
        loss = NAMESAKES if is_lessened else 0.0
        judged.append(pair.log_odds + loss)
    return judged


def event_log_odds(
    events: Sequence[Standing],
    weights: Sequence[float],
) -> list[float]:
    """For each of the events that one entry meets, the log-odds that it is the entry's: of the best pair, with the
    weighed `features_of`."""
    bests = [event.best for event in events]
    # Most entries are like nothing.
    if max(bests, default=AWAY) <= AWAY:
        return bests
    own_weights = weights[:_OWN_COUNT]
    rival_weights = weights[_OWN_COUNT:]
    told_otherwise = own_weights[-1]
    found: list[float] = []
    for event, rivals in zip(events, _rivals(events), strict=True):
        log_odds = event.best
        # What is out of the question has zeros, which need not be weighed; an event of one report all but one.
        if log_odds > AWAY:
            if event.size == 1:
                own = told_otherwise * event.is_told_otherwise
            else:
                own = sum(map(mul, own_weights, _own(event)))
            log_odds += sum(map(mul, rival_weights, rivals), own)
        found.append(log_odds - event.loss)
    return found


def lone_log_odds(
    pairs: Sequence[Pair],
    weights: Sequence[float],
) -> list[float]:
    """`event_log_odds` of events of one report each, by their pairs: most entries meet no others."""
    bests = [pair.log_odds for pair in pairs]
    first, second = _two_greatest(bests)
    if first <= AWAY:
        return bests
    told_otherwise = weights[_OWN_COUNT - 1]
    rival_weights = weights[_OWN_COUNT:]
    second = max(second, AWAY)
    usual = _rival_features(first, first)
    of_first = _rival_features(second, second)
    # The weighed features of rivals, by the features and by whether the event was told otherwise: few differ.
    weighed: dict[tuple[bool, bool], float] = {}
    found: list[float] = []
    for log_odds, pair in zip(bests, pairs, strict=True):
        if log_odds > AWAY:
            is_first = log_odds == first
            is_told_otherwise = pair.is_same_site and log_odds < OTHERWISE_BELOW
            kind = is_first, is_told_otherwise
            if kind not in weighed:
                rivals = of_first if is_first else usual
                own = told_otherwise * is_told_otherwise
                weighed[kind] = sum(map(mul, rival_weights, rivals), own)
            log_odds += weighed[kind]
        found.append(log_odds)
    return found


def features_of(events: Sequence[Standing]) -> list[Sequence[float]]:
    """The `FEATURES` of each event; all are zero for one that is out of the question."""
    found: list[Sequence[float]] = []
    for event, rivals in zip(events, _rivals(events), strict=True):
        if event.best <= AWAY:
            found.append(_NOTHING)
            continue
        found.append([*_own(event), *rivals])
    return found


def _rivals(events: Sequence[Standing]) -> list[Sequence[float]]:
    """Of each event the features that look at other events; of no use for one that is out of the question."""
    supports_of_all = [support(event) for event in events]
    are_near = [event.best > AWAY for event in events]
    supports = _two_greatest(list(compress(supports_of_all, are_near)))
    bests = _two_greatest([event.best for event in events if event.best > AWAY])
    # All but one or two events have the same rivals.
    usual = _rival_features(supports[0], bests[0])
    found: list[Sequence[float]] = []
    for event, supported in zip(events, supports_of_all, strict=True):
        if supported == supports[0] or event.best == bests[0]:
            rival = _greatest_but(supported, supports)
            rivals_best = _greatest_but(event.best, bests)
            found.append(_rival_features(rival, rivals_best))
        else:
            found.append(usual)
    return found


def _rival_features(rival: float, rivals_best: float) -> Sequence[float]:
    return (
        max(rival - AWAY, 0.0),
        rivals_best - AWAY,
        max(rival, 0.0),
        max(rivals_best, 0.0),
    )


def _two_greatest(numbers: Sequence[float]) -> tuple[float, float]:
    """The two greatest of the numbers, the greatest first; `AWAY` for each that there is not."""
    falling = sorted(numbers, reverse=True)
    first, second, *_ = [*falling, AWAY, AWAY]
    return first, second


def _greatest_but(
    number: float,
    two_greatest: tuple[float, float],
) -> float:
    """The greatest of the numbers but this one of them, by their `_two_greatest`."""
    first, second = two_greatest
    return second if number == first else first


def support(event: Standing) -> float:
    """What an event's own reports say for it, roughly: the mean of the best `BEST`, less what its size costs."""
    if event.size == 1:
        return event.best
    wanted = min(event.size, BEST)
    best = [max(one, UNLIKE) for one in event.falling[:wanted]]
    best += [UNLIKE] * (wanted - len(best))
    crowd = CROWD * math.log2(event.size)
    return sum(best) / wanted - crowd - event.loss


def _own(event: Standing) -> list[float]:
    """The features that do not look at other events."""
    told_otherwise = float(event.is_told_otherwise)
    if event.size == 1:
        return [*_LONE, told_otherwise]
    best, second, third = [*event.falling, UNLIKE, UNLIKE][:BEST]
    least = event.falling[-1]
    has_three = event.size > 2
    return [
        1.0,
        best,
        max(best, 0.0),
        max(second, LEAST),
        float(has_three),
        max(third, LEAST) if has_three else 0.0,
        max(least, LEAST),
        math.log2(event.size),
        float(least <= RECURRING),
        told_otherwise,
    ]
