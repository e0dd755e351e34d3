"""poll.outage: whose fault it is (politeness.md 15, situation 8)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aggregator.model import FailureKind, FetchFailed
from aggregator.poll.outage import HostOutcome, host_outcome, is_local_outage
from tests.poll.given import NOW, fetched, not_modified

SECOND = timedelta(seconds=1)


def outcomes(letters: str) -> list[HostOutcome]:
    """One host for each letter, a second apart: `a` answered, `u` unreached, `o` unreached by our own fault, `d` no such name."""
    start = NOW - len(letters) * SECOND
    return [HostOutcome(f"h{n}", start + n * SECOND, c != "a", c == "o", c == "d") for n, c in enumerate(letters)]


@pytest.mark.parametrize(
    "letters", ["uuu", "uuuu", "auuuuuuu", "o", "oo", "ooo", "aaaaaaaaaauuuuuuuu", "uuuuauuu", "d", "dd", "ddd"]
)
def test_when_most_hosts_fail_at_once_it_is_us(letters: str):
    assert is_local_outage(outcomes(letters), now=NOW)


@pytest.mark.parametrize(
    "letters",
    ["", "u", "uu", "a", "uua", "auu", "aaaaaaaauu", "ou", "ao", "aaaaaaaauuuuu", "aaaaaaaau", "ad", "da", "du", "add"],
)
def test_when_some_answer_or_there_is_too_little_evidence_it_is_the_feeds(letters: str):
    assert not is_local_outage(outcomes(letters), now=NOW)


def test_a_name_that_stays_unknown_is_the_feeds_own_fault_after_a_while():
    tried = [HostOutcome("h", NOW - n * 30 * SECOND, unreached=True, nameless=True) for n in range(5)]
    assert is_local_outage(tried[:3], now=NOW)
    assert not is_local_outage(tried, now=NOW)


def test_only_the_newest_outcome_of_a_host_counts():
    earlier = [HostOutcome(o.host, o.at - 60 * SECOND, unreached=True) for o in outcomes("aaaa")]
    assert not is_local_outage([*outcomes("aaaa"), *earlier], now=NOW)
    assert is_local_outage(
        [HostOutcome(o.host, o.at - 60 * SECOND, unreached=False) for o in outcomes("uuuu")] + outcomes("uuuu"), now=NOW
    )


def test_old_outcomes_tell_nothing():
    assert not is_local_outage(outcomes("uuuu"), now=NOW + timedelta(hours=1))


def test_many_failures_of_one_host_are_one():
    same = [HostOutcome("h", NOW - n * SECOND, unreached=True) for n in range(20)]
    assert not is_local_outage(same, now=NOW)


def test_an_error_that_came_by_http_shows_that_the_network_works():
    url = "http://h.example/"
    assert not host_outcome(FetchFailed(url, FailureKind.HTTP_STATUS, "", 500), at=NOW).unreached
    assert not host_outcome(FetchFailed(url, FailureKind.PRIVATE_ADDRESS, ""), at=NOW).unreached
    assert not host_outcome(fetched(), at=NOW).unreached
    assert not host_outcome(not_modified(), at=NOW).unreached
    unreached = host_outcome(FetchFailed(url, FailureKind.DNS, "", ours=True), at=NOW)
    assert unreached == HostOutcome("h.example", NOW, unreached=True, ours=True, nameless=True)
