"""How likely an entry is of an event, from its pairs with the event's reports and from what speaks for other events.

The pairs of an event are no witnesses independent of one another: wire copies say one thing three times, a headline
without a text says little either way, and among look-alikes one event is likest and the others are nearly as likely. So
a logistic regression weighs them; tests/bench/joining.py learned it from decisions on what the pairs' forest had not
seen. An event of one report that has no rival is exactly as likely as its pair.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import mul
from typing import NamedTuple

from aggregator.dedup.features import RECURRING

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


class Pair(NamedTuple):
    """A report against the entry."""

    log_odds: float
    is_copy: bool
    is_same_site: bool


class Standing(NamedTuple):
    """An event as an entry meets it: the reports compared, one at least, and how many it has in all."""

    pairs: Sequence[Pair]
    size: int

    @property
    def best(self) -> float:
        """The log-odds of the pair that is most alike."""
        return max(pair.log_odds for pair in self.pairs)


def event_log_odds(events: Sequence[Standing], weights: Sequence[float]) -> list[float]:
    """For each of the events that one entry meets, the log-odds that it is the entry's."""
    found: list[float] = []
    for event, features in zip(events, features_of(events), strict=True):
        weighed = sum(map(mul, weights, features))
        found.append(event.best + weighed)
    return found


def features_of(events: Sequence[Standing]) -> list[list[float]]:
    """The `FEATURES` of each event; all are zero for one that is out of the question."""
    bests = [event.best for event in events]
    near = [place for place, best in enumerate(bests) if best > AWAY]
    found = [[0.0] * len(FEATURES) for _ in events]
    supports = {place: support(events[place]) for place in near}
    for place in near:
        others = [other for other in near if other != place]
        rival = max((supports[other] for other in others), default=AWAY)
        rivals_best = max((bests[other] for other in others), default=AWAY)
        found[place] = [
            *_own(events[place]),
            max(rival - AWAY, 0.0),
            rivals_best - AWAY,
            max(rival, 0.0),
            max(rivals_best, 0.0),
        ]
    return found


def support(event: Standing) -> float:
    """What an event's own reports say for it, roughly: the mean of the best `BEST`, less what its size costs."""
    if event.size == 1:
        return event.best
    wanted = min(event.size, BEST)
    best = _falling(event, UNLIKE)[:wanted]
    best += [UNLIKE] * (wanted - len(best))
    return sum(best) / wanted - CROWD * math.log2(event.size)


def _own(event: Standing) -> list[float]:
    """The features that do not look at other events."""
    told_otherwise = float(is_told_otherwise(event.pairs))
    if event.size == 1:
        return [0.0] * 9 + [told_otherwise]
    falling = _falling(event, LEAST)
    best, second, third = (falling + [UNLIKE] * 2)[:BEST]
    has_three = event.size > 2
    recurring = any(pair.log_odds <= RECURRING for pair in event.pairs)
    return [
        1.0,
        best,
        max(best, 0.0),
        second,
        float(has_three),
        third if has_three else 0.0,
        falling[-1],
        math.log2(event.size),
        float(recurring),
        told_otherwise,
    ]


def _falling(event: Standing, least: float) -> list[float]:
    """The log-odds of an event's pairs, each at `least` or above, the best one first."""
    return sorted((max(pair.log_odds, least) for pair in event.pairs), reverse=True)


def is_told_otherwise(pairs: Sequence[Pair]) -> bool:
    """Whether the entry's own publisher has told an event, and nothing like the entry."""
    own = [pair.log_odds for pair in pairs if pair.is_same_site]
    return bool(own) and max(own) < OTHERWISE_BELOW
