"""Whose fault it is when polls fail: the feeds', or our own network's (politeness.md 15, 17).

Rules:
- One answer from outside ends an outage: what failed before it says nothing about what came after it, and a poll that
  began before it cannot show one.
- Only hosts that newly fail have a vote. One that failed before is known for it; one that was excused in an outage, and
  still fails after an answer from elsewhere, is at fault itself.
- Where no host is left whose last word within WINDOW was an answer, three that newly fail one after another are an
  outage; beside one that answered it takes NEWLY_FAILING, since chance does it, too: with 30 % of new feeds dead once
  in 15,000 polls.
- Failures that only our side can cause (no route, no name server answers) are one by themselves, unless something
  answered a moment ago: a name server that fails for one name alone looks the same.
- While all names are unknown, judgement waits for GRACE: a name server that lost its own connection denies every name.

Pure: the caller keeps the short record of outcomes. Health and schedule of feeds stay as they are in an outage.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator.hosts import host_of
from aggregator.model import FailureKind, FetchFailed, FetchResult, Health, PollState

WINDOW = timedelta(minutes=10)
FEWEST_HOSTS = 3
NEWLY_FAILING = 8
MOMENT = timedelta(minutes=1)
GRACE = timedelta(minutes=2)
_UNREACHED = frozenset(
    {
        FailureKind.DNS,
        FailureKind.CONNECT,
        FailureKind.TIMEOUT,
        FailureKind.TLS,
        FailureKind.RESET,
    }
)


@dataclass(frozen=True, slots=True)
class HostOutcome:
    """How the newest poll of a host went: `unreached` when no HTTP answer came, `ours` when only we can be at fault,
    `nameless` when its name was not found, `votes` when it did not fail before. It took `elapsed`, until `at`."""

    host: str
    at: datetime
    unreached: bool
    ours: bool = False
    nameless: bool = False
    votes: bool = True
    elapsed: timedelta = timedelta(0)


def host_outcome(
    result: FetchResult, *, at: datetime, votes: bool = True
) -> HostOutcome:
    """What one fetch tells of its host."""
    host = host_of(result.url)
    if not isinstance(result, FetchFailed):
        return HostOutcome(host, at, unreached=False)
    unreached = result.status is None and result.kind in _UNREACHED
    nameless = result.kind is FailureKind.DNS
    return HostOutcome(
        host, at, unreached, result.ours, nameless, votes, result.elapsed
    )


def has_vote(state: PollState, *, answered_at: datetime | None) -> bool:
    """Whether the feed's host newly fails, if it fails; `answered_at`: when something outside answered last."""
    if state.failure_count:
        return False
    was_excused = state.health is Health.OFFLINE and state.last_poll_at is not None
    return not (
        was_excused
        and answered_at is not None
        and answered_at > (state.last_poll_at or answered_at)
    )


def answered_at(outcomes: Iterable[HostOutcome]) -> datetime | None:
    """When something outside answered last."""
    return max(
        (outcome.at for outcome in outcomes if not outcome.unreached), default=None
    )


def is_local_outage(outcomes: Iterable[HostOutcome], *, now: datetime) -> bool:
    """Whether the newest outcomes, the last of them in question, show that our own network is down."""
    ordered = sorted(
        (o for o in outcomes if now - o.at <= WINDOW), key=lambda outcome: outcome.at
    )
    if not ordered or not ordered[-1].unreached:
        return False
    last_answer = answered_at(ordered)
    if last_answer is not None and ordered[-1].at - ordered[-1].elapsed <= last_answer:
        return False
    since = [o for o in ordered if last_answer is None or o.at > last_answer]
    voters = {outcome.host for outcome in since if outcome.votes}
    newest = {outcome.host: outcome for outcome in ordered}
    still_answers = any(not outcome.unreached for outcome in newest.values())
    if len(voters) >= (NEWLY_FAILING if still_answers else FEWEST_HOSTS):
        return True
    if not ordered[-1].votes:
        return False
    answered_lately = last_answer is not None and now - last_answer < MOMENT
    if all(outcome.ours for outcome in since) and not answered_lately:
        return True
    return all(outcome.nameless for outcome in ordered) and now - ordered[0].at < GRACE
