"""poll.schedule: the contract of politeness.md point by point, then its properties."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import (
    Auth,
    Caching,
    FailureKind,
    Feed,
    FeedHints,
    Fetched,
    FetchResult,
    Health,
    PollState,
    ReadResult,
    Unparsable,
    Validators,
    body_hash,
)
from aggregator.schedule.bodies import is_unchanged
from aggregator.schedule.bounds import first_due_at
from aggregator.schedule.request import (
    first_state,
    request_for,
    with_feed,
)
from aggregator.schedule.restart import due_at
from aggregator.schedule.result import after_poll, released
from tests.schedule.given import (
    DAY,
    FEED,
    HOUR,
    NOW,
    URL,
    Life,
    failure,
    fetched,
    not_modified,
    reading,
    redirect,
    throttled,
)

MINUTE = timedelta(minutes=1)
NEW_URL = "https://new.example/feed"


# --- 1 and 2: validators ---


def test_validators_of_a_200_are_sent_next_time():
    life = Life().lived()
    assert request_for(FEED, life.state, now=life.now + HOUR).validators == Validators(
        '"1"', None, URL
    )


def test_validators_are_refreshed_from_a_304():
    life = Life()
    life.poll(fetched(validators=Validators('"1"', "Mon", URL)), reading(1))
    life.poll(not_modified(validators=Validators('"2"', None, URL)))
    assert life.state.validators == Validators('"2"', "Mon", URL)


def test_a_200_without_validators_takes_the_old_ones_away():
    life = Life().lived()
    life.poll(fetched(b"y", validators=Validators(None, None, URL)), reading(1))
    assert life.state.validators == Validators()


def test_a_failed_poll_keeps_validators_and_hash():
    life = Life().lived()
    before = life.state
    life.poll(failure())
    life.poll(
        fetched(b"<html>", validators=Validators('"h"')),
        Unparsable(FailureKind.NOT_A_FEED, "HTML"),
    )
    assert (life.state.validators, life.state.body_hash) == (
        before.validators,
        before.body_hash,
    )


def test_requests_without_validators_are_a_day_apart_for_a_feed_that_has_them():
    life, full_at = Life().lived(), [NOW]
    for _ in range(300):
        now = life.state.next_poll_at
        if request_for(FEED, life.state, now=now).validators == Validators():
            full_at.append(now)
        life.poll(not_modified() if len(full_at) % 2 else failure())
    gaps = [later - earlier for earlier, later in pairwise(full_at)]
    assert len(gaps) > 3
    assert min(gaps) >= DAY


def test_a_poll_asked_for_by_hand_does_not_break_the_day():
    life = Life().lived()
    life.poll(not_modified(), after=23 * HOUR)
    assert (
        request_for(FEED, life.state, now=life.now + MINUTE).validators != Validators()
    )
    assert (
        request_for(FEED, life.state, now=NOW + DAY + MINUTE).validators == Validators()
    )


def test_a_restart_or_reload_changes_no_due_time():
    life = Life().lived()
    assert with_feed(life.state, FEED) == life.state
    assert due_at(FEED, life.state, now=life.now + MINUTE) == life.state.next_poll_at
    assert (
        due_at(FEED, life.state, now=life.state.next_poll_at + 9 * HOUR)
        == life.state.next_poll_at
    )


def test_a_due_time_beyond_all_bounds_is_brought_back():
    life = Life().lived()
    state = dataclasses.replace(life.state, next_poll_at=life.now + 400 * DAY)
    assert due_at(FEED, state, now=life.now) == life.now + FEED.max_interval


def test_a_new_url_keeps_what_was_seen_and_asks_afresh():
    life = Life().lived()
    life.poll(failure(FailureKind.GONE, status=410))
    changed = with_feed(life.state, dataclasses.replace(FEED, url=NEW_URL))
    assert (changed.url, changed.validators, changed.body_hash, changed.health) == (
        NEW_URL,
        Validators(),
        "",
        Health.NEW,
    )
    assert (changed.title, changed.activity, changed.identity) == (
        life.state.title,
        life.state.activity,
        life.state.identity,
    )
    due = due_at(dataclasses.replace(FEED, url=NEW_URL), changed, now=life.now)
    assert due is not None
    assert due - life.now < MINUTE


def test_the_same_body_is_known_again_and_a_partial_one_never_is():
    life = Life().lived()
    assert is_unchanged(life.state, fetched(b"x"))
    assert not is_unchanged(life.state, fetched(b"y"))
    assert not is_unchanged(life.state, fetched(b"x", partial=True, status=226))
    life.poll(fetched(b"part", partial=True, status=226), reading(1))
    assert life.state.body_hash == body_hash(b"x")


# --- 4, 5: what servers ask for ---


@pytest.mark.parametrize("hours", [2, 20, 24])
def test_freshness_is_kept_even_beyond_max_interval(hours: int):
    life = Life(dataclasses.replace(FEED, max_interval=HOUR))
    caching = Caching(fresh_for=timedelta(hours=hours))
    life.poll(fetched(caching=caching), reading(1))
    assert timedelta(hours=hours) <= life.gap <= timedelta(hours=hours) + MINUTE
    life.poll(not_modified(caching=caching))
    assert timedelta(hours=hours) <= life.gap <= timedelta(hours=hours) + MINUTE


def test_freshness_counts_for_a_day_at_most():
    life = Life()
    life.poll(fetched(caching=Caching(fresh_for=365 * DAY)), reading(1))
    assert DAY <= life.gap <= DAY + MINUTE


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_holds_feed_and_host(status: int):
    life = Life().lived()
    decision = life.poll(throttled(5 * HOUR, status=status))
    assert decision.due_at is not None
    assert decision.due_at >= life.now + 5 * HOUR
    assert (decision.host_hold_until_at, decision.held_host) == (
        life.now + 5 * HOUR,
        "news.example",
    )
    assert life.state.not_before_at == life.now + 5 * HOUR


def test_retry_after_counts_for_a_week_at_most():
    life = Life(dataclasses.replace(FEED, max_interval=HOUR)).lived()
    decision = life.poll(throttled(300 * DAY))
    assert decision.host_hold_until_at == life.now + 7 * DAY
    assert 7 * DAY <= life.gap <= 7 * DAY + MINUTE


@pytest.mark.parametrize("status", [429, 503])
def test_throttling_without_retry_after_backs_off_and_holds_the_host_for_less_than_an_hour(
    status: int,
):
    life = Life().lived()
    gaps, holds = [], []
    for _ in range(6):
        decision = life.poll(throttled(None, status=status))
        assert decision.host_hold_until_at is not None
        gaps.append(life.gap)
        holds.append(decision.host_hold_until_at - life.now)
    assert all(later > earlier for earlier, later in pairwise(gaps))
    assert max(holds) <= HOUR


@pytest.mark.parametrize(
    "result",
    [
        throttled(5 * DAY, url="https://other.example/x"),
        throttled(5 * DAY, status=503, url="https://other.example/x"),
        failure(FailureKind.THROTTLED, status=403, url="https://other.example/x"),
        failure(FailureKind.BOT_WALL, status=403, url="https://other.example/x"),
        fetched(url="https://other.example/x", caching=Caching(retry_after=5 * DAY)),
    ],
)
def test_what_another_host_says_over_a_redirect_binds_the_feed_alone(
    result: FetchResult,
):
    life = Life().lived()
    for _ in range(4):
        decision = life.poll(
            result, reading(1) if isinstance(result, Fetched) else None
        )
        assert decision.host_hold_until_at is None
        assert decision.held_host == ""
        assert life.gap >= (result.caching.retry_after or timedelta(0))


def test_an_adopted_address_holds_its_host():
    life = Life().lived()
    life.state = dataclasses.replace(life.state, url=NEW_URL)
    assert life.poll(throttled(HOUR, url=NEW_URL)).held_host == "new.example"


def test_a_second_403_in_a_row_is_taken_for_throttling():
    life = Life().lived()
    first = life.poll(failure(status=403))
    assert (first.host_hold_until_at, life.state.failure_kind) == (
        None,
        FailureKind.HTTP_STATUS,
    )
    second = life.poll(failure(status=403))
    assert second.host_hold_until_at is not None
    assert life.state.failure_kind is FailureKind.THROTTLED
    life.poll(not_modified())
    assert life.poll(failure(status=403)).host_hold_until_at is None


def test_a_retry_after_on_a_200_is_kept_too():
    life = Life()
    decision = life.poll(fetched(caching=Caching(retry_after=3 * HOUR)), reading(1))
    assert life.gap >= 3 * HOUR
    assert decision.host_hold_until_at == life.now + 3 * HOUR


# --- 6: spreading ---


def test_first_polls_of_a_big_import_are_spread_and_of_a_few_feeds_are_prompt():
    feeds = [Feed(f"f{n}", f"https://h{n}.example/") for n in range(1500)]
    many = sorted(first_due_at(feed, now=NOW, feed_count=1500) - NOW for feed in feeds)
    assert many[0] < 5 * timedelta(seconds=1)
    assert timedelta(minutes=4) < many[-1] <= timedelta(minutes=5)
    per_second = [
        sum(1 for due in many if int(due.total_seconds()) == s) for s in range(300)
    ]
    assert max(per_second) < 20
    assert max(
        first_due_at(feed, now=NOW, feed_count=5) - NOW for feed in feeds
    ) <= timedelta(seconds=1)
    assert (
        max(first_due_at(feed, now=NOW, feed_count=10**6) - NOW for feed in feeds)
        <= FEED.min_interval
    )


def test_feeds_in_step_drift_apart():
    lives = [Life(Feed(f"f{n}", URL)).lived() for n in range(50)]
    assert len({life.gap for life in lives}) == 50


# --- 7: redirects ---


def moving(
    life: Life, times: int, *, after: timedelta, status: int = 301, url: str = NEW_URL
) -> list[str]:
    kinds: list[str] = []
    for _ in range(times):
        life.poll(
            fetched(b"same", redirects=redirect(url, status), url=url),
            reading(0, seen=3),
            after=after,
        )
        kinds += life.kinds
    return kinds


@pytest.mark.parametrize("status", [301, 308])
def test_a_lasting_permanent_redirect_is_adopted_with_a_notice(status: int):
    life = Life().lived()
    assert moving(life, 2, after=13 * HOUR, status=status) == []
    assert life.state.url == URL
    assert moving(life, 1, after=13 * HOUR, status=status) == ["moved"]
    assert (life.state.url, life.state.configured_url) == (NEW_URL, URL)
    assert request_for(FEED, life.state, now=life.now).url == NEW_URL
    assert life.state.validators.url == NEW_URL


def test_a_redirect_that_was_seen_twice_is_not_yet_adopted_however_long_ago_it_began():
    life = Life().lived()
    assert moving(life, 2, after=3 * DAY) == []
    assert moving(life, 1, after=HOUR) == ["moved"]


def test_a_redirect_seen_often_within_a_day_is_not_yet_adopted():
    life = Life().lived()
    assert moving(life, 20, after=HOUR) == []
    assert life.state.url == URL


@pytest.mark.parametrize(
    ("second", "kinds"), [(DAY - MINUTE, []), (DAY, ["moved"])], ids=["short", "a day"]
)
def test_a_redirect_is_adopted_once_it_was_seen_for_a_day(
    second: timedelta, kinds: list[str]
):
    life = Life().lived()
    moving(life, 1, after=HOUR)
    moving(life, 1, after=HOUR)
    assert moving(life, 1, after=second - HOUR) == kinds


@pytest.mark.parametrize("status", [302, 303, 307])
def test_a_temporary_redirect_is_never_adopted(status: int):
    life = Life().lived()
    assert moving(life, 10, after=DAY, status=status) == []
    assert life.state.url == URL


def test_only_the_permanent_beginning_of_a_chain_is_adopted():
    life = Life().lived()
    chain = (
        *redirect("https://a.example/"),
        *redirect("https://b.example/", 302),
        *redirect("https://c.example/"),
    )
    for _ in range(4):
        life.poll(
            fetched(redirects=chain, url="https://c.example/"),
            reading(0, seen=3),
            after=DAY,
        )
    assert life.state.url == "https://a.example/"


def test_a_redirect_to_another_feed_is_not_adopted():
    life = Life().lived()
    for _ in range(5):
        life.poll(
            fetched(redirects=redirect(NEW_URL), url=NEW_URL),
            reading(3, title="Parked"),
            after=DAY,
        )
    assert life.state.url == URL


def test_a_redirect_that_goes_away_is_forgotten():
    life = Life().lived()
    moving(life, 2, after=13 * HOUR)
    life.poll(not_modified())
    assert moving(life, 1, after=13 * HOUR) == []
    assert life.state.url == URL


def test_a_redirect_from_https_to_http_is_not_adopted():
    life = Life().lived()
    moving(life, 5, after=DAY, url="http://news.example/feed")
    assert life.state.url == URL


@pytest.mark.parametrize(
    "secret",
    [
        {"auth": Auth("bearer", environment="T")},
        {"headers": (("X-Key", "k"),)},
        {"url": "https://me:pw@news.example/feed"},
    ],
)
def test_a_feed_with_secrets_does_not_move_to_a_stranger(secret: dict[str, object]):
    life = Life(dataclasses.replace(FEED, **secret)).lived()  # type: ignore[arg-type]
    moving(life, 5, after=DAY)
    assert life.state.url == life.feed.url


def test_an_adopted_address_that_fails_is_given_up_for_the_configured_one():
    life = Life().lived()
    moving(life, 3, after=13 * HOUR)
    told = []
    for _ in range(5):
        life.poll(failure(FailureKind.NOT_FOUND, status=404))
        told += life.kinds
    assert life.state.url == URL
    assert told == ["failing", "moved"]


def test_an_adopted_address_that_is_gone_does_not_stop_the_feed():
    life = Life().lived()
    moving(life, 3, after=13 * HOUR)
    decision = life.poll(failure(FailureKind.GONE, status=410))
    assert decision.due_at is not None
    assert life.state.url == URL
    assert life.poll(failure(FailureKind.GONE, status=410)).due_at is None


# --- 8: failures ---


def test_410_stops_the_feed_with_one_notice():
    life = Life().lived()
    decision = life.poll(failure(FailureKind.GONE, status=410))
    assert (decision.due_at, life.state.health, life.kinds) == (
        None,
        Health.GONE,
        ["gone"],
    )
    assert due_at(FEED, life.state, now=life.now + 30 * DAY) is None


def test_failures_back_off_to_max_interval_and_never_end():
    life = Life().lived()
    gaps = []
    for _ in range(40):
        assert life.poll(failure()).due_at is not None
        gaps.append(life.gap)
    assert FEED.min_interval <= gaps[0] <= FEED.min_interval * 1.1
    assert all(later > earlier * 1.6 for earlier, later in pairwise(gaps[:6]))
    assert all(0.9 * FEED.max_interval <= gap <= FEED.max_interval for gap in gaps[8:])


def test_the_operator_is_told_once_after_three_failures_and_once_of_the_recovery():
    life, told = Life().lived(), []
    for result in [*[failure()] * 8, not_modified(), not_modified()]:
        life.poll(result)
        told.append(life.kinds)
    assert told == [[], [], ["failing"], [], [], [], [], [], ["recovered"], []]
    assert (life.state.health, life.state.failure_count, life.state.failure_kind) == (
        Health.OK,
        0,
        None,
    )


def test_what_only_the_operator_can_mend_is_told_at_once():
    life = Life()
    life.poll(failure(FailureKind.CREDENTIALS, status=None))
    assert life.kinds == ["failing"]


# --- 11: hints of the document ---


@pytest.mark.parametrize(
    "hints",
    [
        FeedHints(ttl=3 * HOUR),
        FeedHints(update_period=3 * HOUR),
        FeedHints(ttl=HOUR, update_period=3 * HOUR),
    ],
)
def test_ttl_and_update_period_are_lower_bounds(hints: FeedHints):
    life = Life(dataclasses.replace(FEED, max_interval=HOUR))
    life.poll(fetched(), reading(1, hints=hints))
    assert 3 * HOUR <= life.gap <= 3 * HOUR + MINUTE
    life.poll(not_modified())
    assert 3 * HOUR <= life.gap <= 3 * HOUR + MINUTE


def test_hints_count_for_a_day_at_most():
    life = Life()
    life.poll(
        fetched(), reading(1, hints=FeedHints(ttl=30 * DAY, update_period=365 * DAY))
    )
    assert DAY <= life.gap <= DAY + MINUTE


def test_skipped_hours_are_left_out():
    skip = frozenset(range(13, 20))
    life = Life()
    for _ in range(50):
        life.poll(fetched(), reading(1, hints=FeedHints(skip_hours=skip)))
        assert life.state.next_poll_at.hour not in skip
        assert life.gap <= DAY


def test_skipped_days_are_left_out_for_a_day_at_most():
    saturday = datetime(2026, 3, 7, 10, tzinfo=UTC)
    life = Life(now=saturday - 11 * HOUR)
    life.poll(
        fetched(),
        reading(1, hints=FeedHints(skip_days=frozenset({5}))),
        after=timedelta(0),
    )
    life.poll(not_modified(), after=saturday - life.now)
    assert life.state.next_poll_at.weekday() == 6
    life.poll(
        fetched(),
        reading(1, hints=FeedHints(skip_days=frozenset(range(7)))),
        after=timedelta(0),
    )
    assert life.gap <= DAY


# --- 12: the interval adapts ---


def busy(life: Life, *, entries_a_day: float, days: int) -> timedelta:
    """Live with a publisher of evenly spaced entries; the interval at the end."""
    step = DAY / entries_a_day
    end, newest = life.now + days * DAY, life.now
    while life.now < end:
        at = max(life.now, life.state.next_poll_at)
        lags = []
        while newest + step <= at:
            newest += step
            lags.append((at - newest).total_seconds())
        result = fetched(str(newest).encode()) if lags else not_modified()
        life.poll(result, reading(len(lags), lags=tuple(lags)) if lags else None)
    return life.state.interval


def test_a_busy_feed_is_asked_often_and_a_slow_one_seldom():
    often = busy(Life(), entries_a_day=96, days=3)
    daily = busy(Life(), entries_a_day=0.9, days=20)
    assert often == FEED.min_interval
    assert HOUR / 3 < daily < 3 * HOUR


def test_a_silent_feed_slows_down_to_max_interval_and_a_revived_one_speeds_up():
    life = Life().lived()
    while life.now < NOW + 900 * DAY:
        life.poll(not_modified())
    assert life.state.interval == FEED.max_interval
    assert busy(life, entries_a_day=96, days=2) == FEED.min_interval


def test_a_feed_that_sleeps_at_night_is_asked_less_at_night():
    life = Life()
    gaps: dict[bool, list[timedelta]] = {True: [], False: []}
    newest = NOW
    while life.now < NOW + 14 * DAY:
        at, lags = max(life.now, life.state.next_poll_at), []
        while newest + HOUR / 4 <= at:
            newest += HOUR / 4
            if 8 <= newest.hour < 18:
                lags.append((at - newest).total_seconds())
        life.poll(fetched(str(newest).encode()), reading(len(lags), lags=tuple(lags)))
        if life.now > NOW + 7 * DAY and life.now.hour not in (6, 7, 17, 18):
            gaps[8 <= life.now.hour < 17].append(life.gap)
    by_day, by_night = (sum(g, timedelta()) / len(g) for g in (gaps[True], gaps[False]))
    assert by_night > 1.5 * by_day


def test_the_backlog_of_the_first_poll_already_tells_the_rate():
    often, seldom = Life(), Life()
    often.poll(fetched(), reading(30, lags=tuple(600.0 * n for n in range(30))))
    seldom.poll(fetched(), reading(27, lags=tuple(90000.0 * n for n in range(3, 30))))
    assert often.state.interval < HOUR / 2 < seldom.state.interval


# --- cron ---


def test_a_cron_feed_is_asked_when_its_expression_says():
    life = Life(dataclasses.replace(FEED, cron="30 6 * * *"))
    life.poll(fetched(), reading(1))
    due = life.state.next_poll_at
    assert (due.hour, due.minute, due.date()) == (6, 30, (NOW + DAY).date())
    life.poll(not_modified())
    assert life.state.next_poll_at - due == DAY


def test_a_cron_feed_still_keeps_what_the_server_asks_for():
    life = Life(dataclasses.replace(FEED, cron="0 * * * *"))
    life.poll(fetched(caching=Caching(fresh_for=5.5 * HOUR)), reading(1))
    assert life.gap >= 5.5 * HOUR
    life.poll(throttled(3 * HOUR))
    assert life.gap >= 3 * HOUR


def test_a_cron_expression_that_never_fires_falls_back_to_max_interval():
    life = Life(dataclasses.replace(FEED, cron="0 0 30 2 *"))
    life.poll(fetched(), reading(1))
    assert life.gap <= FEED.max_interval + MINUTE


# --- quarantine, release, clock ---


def test_a_released_feed_is_due_at_once_unless_the_server_asked_otherwise():
    life = Life().lived()
    life.poll(fetched(b"y"), reading(3000))
    decision = released(FEED, life.state, now=life.now)
    assert (decision.due_at, decision.state.health) == (life.now, Health.OK)
    assert [n.kind for n in decision.notices] == ["released"]
    life.poll(throttled(2 * HOUR))
    assert released(FEED, life.state, now=life.now).due_at == life.now + 2 * HOUR


@pytest.mark.parametrize("new", [1000, 1001])
def test_a_thousand_new_entries_within_an_hour_are_no_runaway_yet(new: int):
    life = Life().lived()
    life.poll(fetched(b"y"), reading(new - 400), after=MINUTE)
    decision = life.poll(fetched(b"z"), reading(400), after=HOUR - MINUTE)
    assert decision.withhold is (new > 1000)


def test_a_released_feed_may_bring_its_backlog_and_is_judged_again_later():
    life = Life().lived()
    life.poll(fetched(b"y"), reading(3000))
    life.state = released(FEED, life.state, now=life.now).state
    assert request_for(FEED, life.state, now=life.now).validators == Validators()
    assert not is_unchanged(life.state, fetched(b"y"))
    assert not life.poll(fetched(b"y"), reading(3000), after=MINUTE).withhold
    assert life.poll(fetched(b"z"), reading(1500), after=2 * HOUR).withhold


def test_a_gone_feed_can_be_released():
    life = Life().lived()
    life.poll(failure(FailureKind.GONE, status=410))
    assert released(FEED, life.state, now=life.now).due_at == life.now


def test_entries_beyond_the_limit_are_told_once_and_again_after_there_were_none():
    life = Life().lived()
    told = []
    for n, beyond in enumerate((100, 120, 0, 7)):
        life.poll(fetched(str(n).encode()), reading(1, dropped_count=beyond))
        told.append(life.kinds)
        assert life.state.dropped_count == beyond
    assert told == [["dropped"], [], [], ["dropped"]]
    assert life.last is not None
    assert (
        "7 entries of its document lie beyond max_entries = 2000"
        in life.last.notices[0].detail
    )


def test_a_wrong_clock_is_stored_and_told_when_it_changes():
    life, told = Life().lived(), []
    # Beijing time labelled GMT: entries are seen up to 15 minutes after they appear, eight hours before they say.
    wrong = tuple(-8 * 3600.0 + 20 * n for n in range(40))
    right = tuple(20.0 * n for n in range(40))
    for n, lags in enumerate((right, wrong, wrong, right)):
        life.poll(fetched(str(n).encode()), reading(1, lags=lags))
        told.append(life.kinds)
    assert told == [[], ["clock"], [], ["clock"]]
    life.poll(fetched(b"y"), reading(1, lags=wrong))
    life.poll(fetched(b"z"), reading(1))
    life.poll(not_modified())
    assert life.state.clock_error == -8 * HOUR


# --- properties ---

SPANS = st.one_of(
    st.none(), st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=400))
)
CACHINGS = st.builds(Caching, fresh_for=SPANS, retry_after=SPANS)
HINTS = st.builds(
    FeedHints,
    ttl=SPANS,
    update_period=SPANS,
    skip_hours=st.frozensets(st.integers(0, 23)),
    skip_days=st.frozensets(st.integers(0, 6)),
)
FEEDS = st.builds(
    lambda low, more, cron: Feed(
        "f", URL, min_interval=low, max_interval=low + more, cron=cron
    ),
    st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(hours=12)),
    st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=2)),
    st.sampled_from([None, None, None, "*/10 * * * *", "5 4 * * 1"]),
)
LAGS = st.lists(st.floats(-(10**9), 10**9), max_size=5).map(tuple)
READS = st.builds(
    lambda new, hints, lags: reading(new + len(lags), hints=hints, lags=lags),
    st.integers(0, 3000),
    HINTS,
    LAGS,
)
STEPS = st.one_of(
    st.tuples(st.builds(lambda c: fetched(caching=c), CACHINGS), READS),
    st.tuples(st.builds(lambda c: not_modified(caching=c), CACHINGS), st.none()),
    st.tuples(
        st.builds(
            lambda c, s: throttled(c, status=s), SPANS, st.sampled_from([429, 503])
        ),
        st.none(),
    ),
    st.tuples(
        st.builds(
            lambda k, s: failure(k, status=s),
            st.sampled_from([k for k in FailureKind if k is not FailureKind.GONE]),
            st.sampled_from([None, 403, 404, 500]),
        ),
        st.none(),
    ),
    st.tuples(
        st.builds(lambda c: fetched(b"<html>", caching=c), CACHINGS),
        st.just(Unparsable(FailureKind.NOT_A_FEED, "no")),
    ),
)
AFTER = st.timedeltas(min_value=timedelta(days=-400), max_value=timedelta(days=400))
"""How much later the next poll happens; negative where the clock jumps back."""


@given(FEEDS, st.lists(st.tuples(STEPS, AFTER, st.booleans()), min_size=1, max_size=8))
def test_next_due_times_are_in_bounds_deterministic_and_never_before_the_servers_wish(
    feed: Feed,
    steps: list[tuple[tuple[FetchResult, ReadResult | None], timedelta, bool]],
):
    state, now = first_state(feed, now=NOW), NOW
    for (result, read), after, offline in steps:
        now += after
        decision = after_poll(feed, state, result, read, now=now, offline=offline)
        assert decision == after_poll(
            feed, state, result, read, now=now, offline=offline
        )
        check(feed, result, read, decision.state, now)
        assert decision.due_at == decision.state.next_poll_at
        state = decision.state


def check(
    feed: Feed,
    result: FetchResult,
    read: ReadResult | None,
    state: PollState,
    now: datetime,
) -> None:
    gap = state.next_poll_at - now
    moved = state.health is Health.OFFLINE or state.next_poll_reason.startswith(
        ("our own delay", "a fault of ours")
    )
    wish = min(result.caching.retry_after or timedelta(0), 7 * DAY)
    if isinstance(result, Fetched) or not hasattr(result, "kind"):
        wish = max(wish, min(result.caching.fresh_for or timedelta(0), DAY))
    assert gap > timedelta(0)
    if moved:
        return
    assert gap >= wish
    assert gap >= feed.min_interval or feed.cron is not None
    if feed.cron is None:
        assert gap <= max(feed.max_interval, wish + MINUTE, DAY + MINUTE)
    assert (
        feed.min_interval <= state.interval <= feed.max_interval
        or state.interval == timedelta(0)
    )


@given(FEEDS, st.lists(st.tuples(STEPS, AFTER), max_size=6))
def test_a_state_stays_within_its_stated_sizes(
    feed: Feed, steps: list[tuple[tuple[FetchResult, ReadResult | None], timedelta]]
):
    state, now = first_state(feed, now=NOW), NOW
    for (result, read), after in steps * 12:
        now += after
        state = after_poll(feed, state, result, read, now=now).state
    assert len(state.history) <= 48
    assert len(state.recent_new) <= 24
    assert len(state.clock_samples) <= 40
    assert len(state.activity) in (0, 27)
    assert all(value >= 0 or index > 24 for index, value in enumerate(state.activity))


@pytest.mark.parametrize(
    "health", [Health.OK, Health.NEW, Health.FAILING, Health.QUARANTINED]
)
def test_a_fault_of_ours_is_never_counted_against_a_feed(health: Health) -> None:
    """Neither one that breaks the poll nor one that keeps us from reading what was fetched."""
    state = dataclasses.replace(
        first_state(FEED, now=NOW), health=health, failure_count=2, body_hash="h"
    )
    fault = Unparsable(FailureKind.INTERNAL, "its process was killed from outside")
    caching = Caching(fresh_for=timedelta(hours=2))
    for result, read in (
        (failure(FailureKind.INTERNAL, status=None), None),
        (fetched(caching=caching), fault),
    ):
        decision = after_poll(FEED, state, result, read, now=NOW)
        after = decision.state
        assert (after.health, after.failure_count, after.history) == (
            health,
            2,
            state.history,
        )
        assert (after.body_hash, after.validators) == ("h", state.validators)
        assert decision.notices == ()
        assert decision.due_at is not None
        assert decision.due_at - NOW == (
            timedelta(hours=2) if read else FEED.min_interval
        )


# --- what changes under a stored state ------------------------------------------------------------------------


def polled_life(**bounds: object) -> Life:
    life = Life(dataclasses.replace(FEED, **bounds)).lived()
    life.poll(fetched(b"y"), reading(1, lags=(60.0,)))
    return life


def test_shorter_bounds_are_counted_from_the_last_poll():
    """2 h → 5 s: the feed is due at once, and not in two hours."""
    life = polled_life(min_interval=2 * HOUR)
    quick = dataclasses.replace(
        life.feed, min_interval=timedelta(seconds=5), max_interval=timedelta(seconds=10)
    )
    due = due_at(quick, life.state, now=life.now + MINUTE)
    assert due is not None
    assert due - (life.now + MINUTE) < timedelta(seconds=5)
    soon = due_at(quick, life.state, now=life.now)
    assert soon is not None
    assert timedelta(0) < soon - life.now <= timedelta(seconds=10)


def test_longer_bounds_are_counted_from_the_last_poll():
    life = polled_life(
        min_interval=timedelta(seconds=5), max_interval=timedelta(seconds=10)
    )
    slow = dataclasses.replace(life.feed, min_interval=2 * HOUR, max_interval=4 * HOUR)
    due = due_at(slow, life.state, now=life.now + MINUTE)
    assert due is not None
    assert 2 * HOUR <= due - life.now <= 4 * HOUR


@pytest.mark.parametrize("fails", [False, True])
def test_a_new_cron_sets_the_next_poll(fails: bool):
    life = polled_life(min_interval=2 * HOUR)
    if fails:
        life.poll(failure())
    nightly = dataclasses.replace(life.feed, cron="0 3 * * *")
    due = due_at(nightly, life.state, now=life.now + MINUTE)
    assert due is not None
    assert due > life.now + MINUTE
    assert (due.hour, due.minute) == (3, 0)


def test_what_the_server_asked_for_outlives_shorter_bounds():
    life = Life(dataclasses.replace(FEED, min_interval=2 * HOUR)).lived()
    life.poll(dataclasses.replace(not_modified(), caching=Caching(fresh_for=3 * HOUR)))
    quick = dataclasses.replace(
        life.feed, min_interval=timedelta(seconds=5), max_interval=timedelta(seconds=10)
    )
    due = due_at(quick, life.state, now=life.now)
    assert due is not None
    assert due >= life.now + 3 * HOUR


def test_shorter_bounds_shorten_the_back_off():
    life = polled_life(min_interval=2 * HOUR)
    life.poll(failure())
    quick = dataclasses.replace(
        life.feed, min_interval=timedelta(seconds=5), max_interval=timedelta(seconds=10)
    )
    due = due_at(quick, life.state, now=life.now)
    assert due is not None
    assert timedelta(0) < due - life.now <= timedelta(seconds=10)


def test_many_feeds_that_fall_due_by_a_change_make_no_herd():
    dues = []
    for number in range(50):
        life = Life(
            dataclasses.replace(FEED, feed_id=f"f{number}", min_interval=2 * HOUR)
        ).lived()
        minute = dataclasses.replace(
            life.feed, min_interval=MINUTE, max_interval=MINUTE
        )
        dues.append(due_at(minute, life.state, now=life.now + HOUR, feed_count=200))
    assert max(dues) - min(dues) > timedelta(seconds=20)


def test_a_clock_that_was_ahead_leaves_the_wait_that_was_left():
    life = polled_life()
    wait = life.state.next_poll_at - life.now
    now = life.now - HOUR
    assert due_at(life.feed, life.state, now=now) == now + wait


def test_a_record_of_an_earlier_version_keeps_its_due_time():
    life = polled_life(min_interval=2 * HOUR)
    old = dataclasses.replace(life.state, paced_by="")
    quick = dataclasses.replace(life.feed, min_interval=MINUTE)
    assert due_at(quick, old, now=life.now) == life.state.next_poll_at


@pytest.mark.parametrize("ahead", [MINUTE, MINUTE + timedelta(seconds=1)])
def test_another_workers_clock_may_be_a_minute_ahead(ahead: timedelta):
    """By so much a due time stays; beyond, the clock was set back, and the wait that was left begins anew."""
    life = polled_life()
    due = due_at(life.feed, life.state, now=life.now - ahead)
    is_moved = due != life.state.next_poll_at
    assert is_moved is (ahead > MINUTE)
