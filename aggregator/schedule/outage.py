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

from collections.abc import Collection, Iterable
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
    result: FetchResult,
    *,
    at: datetime,
    votes: bool = True,
) -> HostOutcome:
    """What one fetch tells of its host."""
    host = host_of(result.url)
    if not isinstance(result, FetchFailed):
        return HostOutcome(host, at, unreached=False)
    unreached = result.status is None and result.kind in _UNREACHED
    nameless = result.kind is FailureKind.DNS
    return HostOutcome(
        host,
        at,
        unreached,
        result.ours,
        nameless,
        votes,
        result.elapsed,
    )


def has_vote(state: PollState, *, answered_at: datetime | None) -> bool:
    """Whether the feed's host newly fails, if it fails; `answered_at`: when something outside answered last."""
    if state.failure_count:
        return False
    if state.health is not Health.OFFLINE:
        return True
    if state.last_poll_at is None or answered_at is None:
        return True
    # It was excused in an outage, and the network has answered since: if it fails again, it is at fault itself.
    return answered_at <= state.last_poll_at


def answered_at(outcomes: Iterable[HostOutcome]) -> datetime | None:
    """When something outside answered last."""
    answers = [outcome.at for outcome in outcomes if not outcome.unreached]
    return max(answers, default=None)


def is_local_outage(outcomes: Collection[HostOutcome], *, now: datetime) -> bool:
    """Whether the newest outcomes, the last of them in question, show that our own network is down."""
    # Asked at every poll, and nearly always this is all there is to it.
    if not any(outcome.unreached for outcome in outcomes):
        return False
    recent = [outcome for outcome in outcomes if now - outcome.at <= WINDOW]
    recent.sort(key=lambda outcome: outcome.at)
    if not recent or not recent[-1].unreached:
        return False
    in_question = recent[-1]
    last_answer_at = answered_at(recent)
    since = recent
    if last_answer_at is not None:
        began_at = in_question.at - in_question.elapsed
        if began_at <= last_answer_at:
            # The network was up while this poll ran: a slow feed's timeout is its own.
            return False
        since = [outcome for outcome in recent if outcome.at > last_answer_at]
    if _enough_fail(recent, since):
        return True
    if not in_question.votes:
        return False
    answered_lately = last_answer_at is not None and now - last_answer_at < MOMENT
    # A name server that fails for one name alone looks as if all of them did.
    if all(outcome.ours for outcome in since) and not answered_lately:
        return True
    # A name server that lost its own connection denies every name, for a while.
    is_early = now - recent[0].at < GRACE
    return is_early and all(outcome.nameless for outcome in recent)


def _enough_fail(recent: list[HostOutcome], since: list[HostOutcome]) -> bool:
    """Whether more hosts newly fail `since` the last answer than chance explains."""
    voters = {outcome.host for outcome in since if outcome.votes}
    newest = {outcome.host: outcome for outcome in recent}
    still_answers = any(not outcome.unreached for outcome in newest.values())
    if still_answers:
        return len(voters) >= NEWLY_FAILING
    return len(voters) >= FEWEST_HOSTS
