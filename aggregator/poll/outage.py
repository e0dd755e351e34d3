"""Whose fault it is when polls fail: the feeds', or our own network's (politeness.md 15).

Rules: the judge looks at the newest outcome of each of the newest hosts. When most of at least three hosts cannot be
reached, or each of them fails in a way that only our side can cause (no route, no name server answers), it is us.
While fewer hosts were asked and all their names are unknown, judgement waits for GRACE: a name server that lost its own
connection denies every name. Health and schedule of feeds then stay as they are; a look-up costs no publisher anything.
Pure: the caller keeps the short record of outcomes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator.model import FailureKind, FetchFailed, FetchResult
from aggregator.poll.hosts import host_of

WINDOW = timedelta(minutes=10)
NEWEST_HOSTS = 8
"""Few, so that an outage is noticed within a handful of polls; with 30 % of hosts dead for good, chance takes seven of
eight for an outage once in 800 polls."""
FEWEST_HOSTS = 3
MOST = 0.8
GRACE = timedelta(minutes=2)
_UNREACHED = frozenset({FailureKind.DNS, FailureKind.CONNECT, FailureKind.TIMEOUT, FailureKind.TLS, FailureKind.RESET})


@dataclass(frozen=True, slots=True)
class HostOutcome:
    """How the newest poll of a host went: `unreached` when no HTTP answer came, `ours` when only we can be at fault,
    `nameless` when its name was not found."""

    host: str
    at: datetime
    unreached: bool
    ours: bool = False
    nameless: bool = False


def host_outcome(result: FetchResult, *, at: datetime) -> HostOutcome:
    """What one fetch tells of its host."""
    host = host_of(result.url)
    if isinstance(result, FetchFailed):
        unreached = result.status is None and result.kind in _UNREACHED
        return HostOutcome(host, at, unreached, result.ours, nameless=result.kind is FailureKind.DNS)
    return HostOutcome(host, at, unreached=False)


def is_local_outage(outcomes: Iterable[HostOutcome], *, now: datetime) -> bool:
    """Whether the newest outcomes, the one in question among them, show that our own network is down."""
    ordered = sorted((o for o in outcomes if now - o.at <= WINDOW), key=lambda o: o.at)
    newest: dict[str, HostOutcome] = {}
    for outcome in ordered:
        newest.pop(outcome.host, None)
        newest[outcome.host] = outcome
    recent = list(newest.values())[-NEWEST_HOSTS:]
    if not recent:
        return False
    unreached_count = sum(o.unreached for o in recent)
    if len(recent) >= FEWEST_HOSTS and unreached_count >= MOST * len(recent):
        return True
    if all(o.unreached and o.ours for o in recent):
        return True
    return all(o.nameless for o in ordered) and now - ordered[0].at < GRACE
