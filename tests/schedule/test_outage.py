"""schedule.outage: whose fault it is (politeness.md 15, situation 8)."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from aggregator.model import FailureKind, Feed, FetchFailed, Health
from aggregator.schedule.outage import (
    HostOutcome,
    answered_at,
    has_vote,
    host_outcome,
    is_local_outage,
)
from aggregator.schedule.request import first_state
from tests.schedule.given import FEED, NOW, Life, failure, fetched, not_modified

SECOND = timedelta(seconds=1)


def outcomes(letters: str) -> list[HostOutcome]:
    """One host for each letter, a second apart: `a` answered, `u` unreached, `o` unreached by our own fault, `d` no such name."""
    start = NOW - len(letters) * SECOND
    return [
        HostOutcome(f"h{n}", start + n * SECOND, c != "a", c == "o", c == "d")
        for n, c in enumerate(letters)
    ]


@pytest.mark.parametrize(
    "letters",
    [
        "uuu",
        "uuuu",
        "o",
        "oo",
        "ooo",
        "aaaaaaaaaauuuuuuuu",
        "auuuuuuuu",
        "d",
        "dd",
        "ddd",
    ],
)
def test_when_most_hosts_fail_at_once_it_is_us(letters: str):
    assert is_local_outage(outcomes(letters), now=NOW)


@pytest.mark.parametrize(
    "letters",
    [
        *(
            "",
            "u",
            "uu",
            "a",
            "uua",
            "auu",
            "aaaaaaaauu",
            "ou",
            "ao",
            "aaaaaaaauuuuu",
            "aaaaaaaau",
            "ad",
            "da",
            "du",
            "add",
        ),
        *("auuuuuuu", "uuuuauuu", "uuuuuuua"),
    ],
)
def test_when_some_answer_or_there_is_too_little_evidence_it_is_the_feeds(letters: str):
    assert not is_local_outage(outcomes(letters), now=NOW)


def test_a_name_that_stays_unknown_is_the_feeds_own_fault_after_a_while():
    tried = [
        HostOutcome("h", NOW - n * 30 * SECOND, unreached=True, nameless=True)
        for n in range(5)
    ]
    assert is_local_outage(tried[:3], now=NOW)
    assert not is_local_outage(tried, now=NOW)


def test_only_the_newest_outcome_of_a_host_counts():
    earlier = [
        HostOutcome(o.host, o.at - 60 * SECOND, unreached=True)
        for o in outcomes("aaaa")
    ]
    assert not is_local_outage([*outcomes("aaaa"), *earlier], now=NOW)
    assert is_local_outage(
        [
            HostOutcome(o.host, o.at - 60 * SECOND, unreached=False)
            for o in outcomes("uuuu")
        ]
        + outcomes("uuuu"),
        now=NOW,
    )


def test_old_outcomes_tell_nothing():
    assert not is_local_outage(outcomes("uuuu"), now=NOW + timedelta(hours=1))


def test_many_failures_of_one_host_are_one():
    same = [HostOutcome("h", NOW - n * SECOND, unreached=True) for n in range(20)]
    assert not is_local_outage(same, now=NOW)


def test_an_error_that_came_by_http_shows_that_the_network_works():
    url = "http://h.example/"
    assert not host_outcome(
        FetchFailed(url, FailureKind.HTTP_STATUS, "", 500), at=NOW
    ).unreached
    assert not host_outcome(
        FetchFailed(url, FailureKind.PRIVATE_ADDRESS, ""), at=NOW
    ).unreached
    assert not host_outcome(fetched(), at=NOW).unreached
    assert not host_outcome(not_modified(), at=NOW).unreached
    unreached = host_outcome(FetchFailed(url, FailureKind.DNS, "", ours=True), at=NOW)
    assert unreached == HostOutcome(
        "h.example", NOW, unreached=True, ours=True, nameless=True
    )


def test_hosts_that_failed_before_have_no_vote():
    known = [
        dataclasses.replace(outcome, votes=False) for outcome in outcomes("uuuuuuuu")
    ]
    assert not is_local_outage(known, now=NOW)
    assert not is_local_outage([*known[:6], *outcomes("uuuuuuuu")[6:]], now=NOW)
    assert is_local_outage([*known[:5], *outcomes("uuuuuuuu")[5:]], now=NOW)


def test_an_answer_that_came_while_the_poll_waited_ends_an_outage():
    slow = [dataclasses.replace(o, elapsed=30 * SECOND) for o in outcomes("auuuuuuuu")]
    assert not is_local_outage(slow, now=NOW)


def test_who_newly_fails():
    state = first_state(FEED, now=NOW)
    excused = dataclasses.replace(state, health=Health.OFFLINE, last_poll_at=NOW)
    assert has_vote(state, answered_at=None)
    assert not has_vote(dataclasses.replace(state, failure_count=1), answered_at=None)
    assert has_vote(excused, answered_at=None)
    assert has_vote(excused, answered_at=NOW - SECOND)
    assert not has_vote(excused, answered_at=NOW + SECOND)


def test_seven_hosts_that_refuse_beside_one_that_answers_become_failing_by_themselves():
    """They are excused at most until the one that answers is asked again."""
    lives = [Life(Feed(f"f{n}", f"https://h{n}.example/feed")) for n in range(8)]
    record: list[HostOutcome] = []
    for _ in range(60):
        life = min(lives, key=lambda one: one.state.next_poll_at)
        now = life.now = max(life.now, life.state.next_poll_at)
        refused = failure(FailureKind.CONNECT, status=None, url=life.feed.url)
        result = refused if life is not lives[0] else not_modified()
        votes = has_vote(life.state, answered_at=answered_at(record))
        record.append(
            host_outcome(
                dataclasses.replace(result, url=life.feed.url), at=now, votes=votes
            )
        )
        life.poll(result, after=timedelta(0), offline=is_local_outage(record, now=now))
    assert [life.state.health for life in lives] == [Health.OK, *[Health.FAILING] * 7]


def test_the_retry_of_an_outage_backs_off():
    life = Life().lived()
    gaps = []
    for _ in range(7):
        life.poll(failure(FailureKind.DNS, status=None), offline=True)
        gaps.append(life.gap / timedelta(minutes=1))
    assert gaps == [1, 2, 4, 8, 15, 15, 15]
    life.poll(not_modified())
    life.poll(failure(FailureKind.DNS, status=None), offline=True)
    assert life.gap == timedelta(minutes=1)


MINUTE = timedelta(minutes=1)


def unreached(host: str, ago: timedelta, **more: bool) -> HostOutcome:
    return HostOutcome(host, NOW - ago, unreached=True, **more)


@pytest.mark.parametrize("ago", [10 * MINUTE, 10 * MINUTE + SECOND])
def test_outcomes_of_ten_minutes_count(ago: timedelta):
    three = [unreached("a", ago), *(unreached(host, SECOND) for host in "bc")]
    assert is_local_outage(three, now=NOW) is (ago <= 10 * MINUTE)


@pytest.mark.parametrize("ago", [MINUTE - SECOND, MINUTE])
def test_a_missing_route_is_no_outage_within_a_minute_of_an_answer(ago: timedelta):
    answered = HostOutcome("a", NOW - ago, unreached=False)
    lost = HostOutcome("b", NOW, unreached=True, ours=True)
    assert is_local_outage([answered, lost], now=NOW) is (ago >= MINUTE)


@pytest.mark.parametrize("elapsed", [10 * SECOND, 9 * SECOND])
def test_a_poll_that_began_as_another_was_answered_shows_no_outage(elapsed: timedelta):
    """Eight hosts newly fail; the last of them began when the answer came, or a second after it."""
    answered = HostOutcome("a", NOW - 10 * SECOND, unreached=False)
    others = [unreached(f"h{n}", SECOND) for n in range(7)]
    last = HostOutcome("z", NOW, unreached=True, elapsed=elapsed)
    expected = elapsed < 10 * SECOND
    assert is_local_outage([answered, *others, last], now=NOW) is expected
