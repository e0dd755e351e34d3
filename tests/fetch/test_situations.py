"""The situations of politeness.md that the poll wing decides, one test or more for each, named after it.

| situation | where it is tested |
|---|---|
| 1–7 identity, duplicates, missing guids | tests/entry (identity), tests/dedup |
| 8 local outage | here, test_outage |
| 9 429 until Retry-After | here, test_schedule, test_fetch |
| 10 adding a feed is one GET | here |
| 11 validators refreshed from 304 | here, test_schedule |
| 12 a 304 that lies | here |
| 13 no-cache with a long max-age | here, test_caching |
| 14, 15 resurrection, mass re-guid | tests/entry (identity) |
| 16 runaway feed | here |
| 17, 18 dates | tests/entry (dates, normalise) |
| 19 HTML with status 200 | here |
| 20 a feed empty once | here (state), tests/entry (entries) |
| 21 301 to a maintenance page | here, test_schedule |
| 22 loops | here, test_fetch |
| 23 bot wall | here, test_botwall |
| 24, 25 control characters, charsets | tests/entry (decode, parse); wrong charset labels pass through unharmed: here |
| 26 huge feed, gzip bomb | here, test_fetch |
| 27 parser hang or leak | test_sandbox |
| 28 churn | tests/entry (the pipeline mutes) |
| 29 Redis down | tests/engine, end to end |
| 30 private addresses | test_guard |
| herd after restart, clock jump | here |
| dead WebSub hub | test_websub |
"""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from itertools import pairwise

import pytest

from aggregator.entry.parse import parsed_feed
from aggregator.fetch.fetcher import Fetcher
from aggregator.model import (
    FailureKind,
    Feed,
    Fetched,
    FetchFailed,
    FetchSettings,
    Health,
    NotModified,
    ParsedFeed,
    Unparsable,
    Validators,
)
from aggregator.schedule.bounds import first_due_at
from aggregator.schedule.outage import host_outcome, is_local_outage
from aggregator.schedule.restart import due_at
from aggregator.schedule.result import released
from tests.fetch.asking import asking, failed, fetched, names
from tests.origin import Answer, Origin, feed_document, moved, throttled
from tests.schedule.given import (
    DAY,
    FEED,
    HOUR,
    NOW,
    Life,
    failure,
    not_modified,
    reading,
)
from tests.schedule.given import fetched as body_fetched
from tests.schedule.living import LivingFeed

BODY = feed_document(items=[("1", "One", "")])
OTHER = feed_document(items=[("2", "Two", "")])
MINUTE = timedelta(minutes=1)


@pytest.fixture
def living(origin: Origin, fetcher: Fetcher) -> LivingFeed:
    return LivingFeed(Feed("f", origin.url("/feed")), fetcher)


async def test_situation_8_without_any_network_health_stays_and_every_feed_says_why():
    async def settle(life: Life, offline: bool) -> None:
        result = await cut_off.fetch(asking(life.feed.url))
        outcomes.append(host_outcome(result, at=life.now))
        assert is_local_outage(outcomes, now=life.now) is offline
        life.poll(result, offline=offline)

    outcomes: list = []
    lives = [
        Life(Feed(f"f{n}", f"https://h{n}.example/feed")).lived() for n in range(5)
    ]
    before = [life.state for life in lives]
    async with Fetcher(
        FetchSettings(), contact="", version="0", lookup=names({})
    ) as cut_off:
        for life in lives:
            await settle(life, offline=True)
    for life, earlier in zip(lives, before, strict=True):
        assert (life.state.failure_count, life.state.interval) == (
            earlier.failure_count,
            earlier.interval,
        )
        assert (life.state.health, life.state.history) == (
            Health.OFFLINE,
            earlier.history,
        )
        assert (
            life.state.failure_detail
            == f"there is no host named {life.feed.url.split('/')[2]}"
        )
        assert life.gap == MINUTE
        assert life.kinds == []
        life.poll(not_modified())
        assert (life.state.health, life.kinds) == (Health.OK, [])


async def test_situation_8_a_silent_name_server_is_known_for_ours_at_the_first_poll():
    life = Life().lived()
    result = failure(FailureKind.DNS, status=None, ours=True)
    assert is_local_outage([host_outcome(result, at=life.now)], now=life.now)


def test_situation_8_an_outage_longer_than_all_back_off_leaves_no_trace():
    life = Life().lived()
    for _ in range(500):
        life.poll(failure(FailureKind.DNS, status=None), offline=True)
        assert MINUTE <= life.gap <= 15 * MINUTE
    life.poll(not_modified())
    assert (life.state.health, life.state.failure_count, life.kinds) == (
        Health.OK,
        0,
        [],
    )


async def test_situation_9_after_429_the_host_is_left_alone_until_retry_after(
    origin: Origin, living: LivingFeed
):
    origin.script(
        "/feed",
        Answer(body=BODY, etag='"1"'),
        throttled(7200),
        Answer(body=BODY, etag='"1"'),
    )
    await living.poll()
    asked = await living.poll()
    assert failed(asked.result, FailureKind.THROTTLED).caching.retry_after == 2 * HOUR
    assert asked.decision.host_hold_until_at is not None
    assert (
        timedelta(0) <= asked.decision.host_hold_until_at - asked.at - 2 * HOUR < MINUTE
    )
    assert asked.decision.held_host == "127.0.0.1"
    assert living.state.next_poll_at >= asked.at + 2 * HOUR


async def test_situation_10_adding_a_feed_costs_exactly_one_get(
    origin: Origin, living: LivingFeed
):
    origin.script("/feed", Answer(body=BODY))
    assert first_due_at(living.feed, now=NOW) - NOW <= timedelta(seconds=1)
    await living.poll_for(10 * MINUTE)
    assert [(r.method, r.target) for r in origin.requests] == [("GET", "/feed")]


async def test_situation_11_validators_of_a_304_replace_the_old_ones(
    origin: Origin, living: LivingFeed
):
    renewed = Answer(
        status=304,
        content_type=None,
        etag='"2"',
        last_modified="Tue, 03 Mar 2026 00:00:00 GMT",
    )
    origin.script("/feed", Answer(body=BODY, etag='"1"'), renewed)
    for _ in range(3):
        await living.poll()
    assert [r.header("if-none-match") for r in origin.requests] == [None, '"1"', '"2"']
    assert (
        origin.requests[2].header("if-modified-since")
        == "Tue, 03 Mar 2026 00:00:00 GMT"
    )


async def test_situation_12_a_304_that_lies_is_noticed_within_about_a_day(
    origin: Origin, living: LivingFeed
):
    origin.script(
        "/feed",
        Answer(body=BODY, etag='"1"', lies=True),
        Answer(body=OTHER, etag='"1"', lies=True),
    )
    await living.poll()
    asked = await living.poll_for(2 * DAY)
    full = [a for a in asked if isinstance(a.result, Fetched)]
    assert full[0].result.body == OTHER  # type: ignore[union-attr]
    assert DAY <= full[0].at - NOW < 1.3 * DAY
    unconditional = [r for r in origin.requests if r.header("if-none-match") is None]
    assert len(unconditional) <= 3
    assert len(asked) > 10


async def test_situation_13_no_cache_with_a_max_age_of_ten_years_is_still_polled(
    origin: Origin, living: LivingFeed
):
    header = (("Cache-Control", "no-cache, max-age=315360000"),)
    origin.script("/feed", Answer(body=BODY, etag='"1"', headers=header))
    assert len(await living.poll_for(DAY)) > 5


def test_situation_16_a_runaway_feed_is_quarantined_with_one_notice_and_can_be_released():
    life, told = Life().lived(), []
    for number in range(5):
        decision = life.poll(body_fetched(str(number).encode()), reading(1500))
        told += life.kinds
        assert decision.withhold
        assert life.state.health is Health.QUARANTINED
        assert decision.due_at is not None
    assert told == ["quarantined"]
    assert life.state.entry_count == 3
    assert life.gap > 20 * HOUR
    life.state = released(FEED, life.state, now=life.now).state
    assert not life.poll(body_fetched(b"z"), reading(5)).withhold
    assert life.state.entry_count == 8


def test_situation_16_thousands_of_new_entries_spread_over_polls_of_an_hour_trip_it_too():
    life = Life(
        dataclasses.replace(FEED, min_interval=MINUTE, max_interval=5 * MINUTE)
    ).lived()
    withheld = [
        life.poll(body_fetched(str(n).encode()), reading(200)).withhold
        for n in range(8)
    ]
    assert withheld == [False] * 5 + [True] * 3


def test_situation_16_a_big_first_poll_and_a_big_daily_feed_are_no_runaways():
    life = Life()
    assert not life.poll(body_fetched(), reading(2000)).withhold
    for number in range(5):
        assert not life.poll(
            body_fetched(str(number).encode()), reading(900), after=DAY
        ).withhold


def test_situation_16_an_outage_or_failure_does_not_end_a_quarantine():
    life = Life().lived()
    life.poll(body_fetched(b"y"), reading(3000))
    life.poll(failure())
    life.poll(failure(), offline=True)
    life.poll(not_modified())
    assert life.state.health is Health.QUARANTINED
    assert life.poll(body_fetched(b"z"), reading(1)).withhold


async def test_situation_19_an_html_error_page_with_status_200_fails_and_keeps_all_state(
    origin: Origin, living: LivingFeed
):
    page = b"<html><body>Database error</body></html>"
    living.readings = {
        BODY: reading(1),
        page: Unparsable(FailureKind.NOT_A_FEED, "an HTML page"),
    }
    maintenance = Answer(
        body=page, etag='"oops"', stubborn=True, content_type="text/html"
    )
    origin.script(
        "/feed",
        Answer(body=BODY, etag='"1"'),
        maintenance,
        maintenance,
        Answer(body=BODY, etag='"1"'),
    )
    await living.poll()
    good = living.state
    for _ in range(2):
        asked = await living.poll()
        assert living.state.failure_kind is FailureKind.NOT_A_FEED
        kept = (
            "validators",
            "body_hash",
            "title",
            "hints",
            "identity",
            "activity",
            "interval",
            "last_success_at",
        )
        assert all(getattr(living.state, name) == getattr(good, name) for name in kept)
        assert asked.decision.due_at is not None
    await living.poll()
    assert [r.header("if-none-match") for r in origin.requests] == [
        None,
        '"1"',
        '"1"',
        '"1"',
    ]
    assert isinstance(living.polls[-1].result, NotModified)
    assert living.state.health is Health.OK


async def test_situation_20_a_feed_empty_once_is_a_good_poll_and_its_return_is_read_again(
    origin: Origin, living: LivingFeed
):
    empty = feed_document()
    living.readings = {BODY: reading(3), empty: reading(0)}
    origin.script(
        "/feed",
        Answer(body=BODY, etag='"1"'),
        Answer(body=empty, etag='"2"'),
        Answer(body=BODY, etag='"3"'),
    )
    for _ in range(3):
        await living.poll()
        assert living.state.health is Health.OK
    living.readings[BODY] = reading(0, seen=3)
    assert [isinstance(p.result, Fetched) for p in living.polls] == [True] * 3
    assert living.state.validators.etag == '"3"'


async def test_situation_21_a_301_to_a_maintenance_page_is_not_adopted(
    origin: Origin, living: LivingFeed
):
    page = b"<html>We are moving servers</html>"
    living.readings = {page: Unparsable(FailureKind.NOT_A_FEED, "an HTML page")}
    origin.script(
        "/feed",
        Answer(body=BODY),
        *[moved("/maintenance")] * 6,
        Answer(body=BODY, etag='"1"'),
    )
    origin.script("/maintenance", Answer(body=page, content_type="text/html"))
    await living.poll()
    for _ in range(6):
        await living.poll(at=living.now + DAY)
        assert living.state.url == living.feed.url
    await living.poll(at=living.now + DAY)
    assert living.state.health is Health.OK


async def test_situation_21_a_real_move_is_adopted_after_a_day_and_the_old_address_is_left_alone(
    origin: Origin, living: LivingFeed
):
    origin.script("/feed", Answer(body=BODY), moved(origin.url("/new", host=2)))
    origin.script("/new", Answer(body=BODY, etag='"n"'))
    await living.poll()
    await living.poll_for(3 * DAY)
    assert living.state.url == origin.url("/new", host=2)
    told = [notice.kind for asked in living.polls for notice in asked.decision.notices]
    assert told == ["moved"]
    count = len(origin.seen("/feed"))
    await living.poll_for(3 * DAY)
    assert len(origin.seen("/feed")) == count
    assert origin.seen("/new")[-1].header("if-none-match") in ('"n"', None)


async def test_situation_22_redirect_and_cookie_loops_are_bounded(
    origin: Origin, fetcher: Fetcher
):
    origin.script(
        "/feed",
        Answer(status=302, headers=(("Location", "/feed"), ("Set-Cookie", "seen=1"))),
    )
    failed(
        await fetcher.fetch(asking(origin.url("/feed"))), FailureKind.TOO_MANY_REDIRECTS
    )
    assert len(origin.requests) == 1
    for number in range(20):
        origin.script(f"/{number}", moved(f"/{number + 1}", 302))
    failed(
        await fetcher.fetch(asking(origin.url("/0"))), FailureKind.TOO_MANY_REDIRECTS
    )
    assert len(origin.requests) == 1 + 6


async def test_situation_23_a_repeated_wall_holds_the_host_and_keeps_its_class(
    origin: Origin, living: LivingFeed
):
    wall = Answer(
        status=403,
        headers=(("cf-mitigated", "challenge"),),
        content_type="text/html",
        body=b"<html>",
    )
    origin.script("/feed", wall)
    first, second = await living.poll(), await living.poll()
    assert first.decision.host_hold_until_at is None
    assert second.decision.host_hold_until_at is not None
    assert living.state.failure_kind is FailureKind.BOT_WALL


async def test_situation_25_a_wrong_charset_label_reaches_the_reader_as_it_was_sent(
    origin: Origin, fetcher: Fetcher
):
    body = feed_document(title="新闻").replace(
        b'encoding="utf-8"', b'encoding="gb2312"'
    )
    origin.script(
        "/feed", Answer(body=body, content_type="text/xml; charset=iso-8859-1")
    )
    result = fetched(await fetcher.fetch(asking(origin.url("/feed"))))
    assert (result.body, result.content_type) == (body, "text/xml; charset=iso-8859-1")


async def test_situation_26_a_bomb_fails_the_poll_and_the_limit_can_be_raised_for_one_feed(
    origin: Origin, living: LivingFeed
):
    huge = b"<rss>" + b"<item/>" * 100_000 + b"</rss>"
    origin.script("/feed", Answer(body=huge, encoding="gzip"))
    living.feed = dataclasses.replace(living.feed, max_body_bytes=100_000)
    failed((await living.poll()).result, FailureKind.TOO_LARGE)
    assert living.state.body_hash == ""
    living.feed = dataclasses.replace(living.feed, max_body_bytes=1_000_000)
    assert fetched((await living.poll()).result).body == huge


def test_after_a_restart_feeds_keep_their_own_due_times_and_make_no_herd():
    lives = [Life(Feed(f"f{n}", f"https://h{n}.example/")).lived() for n in range(200)]
    dues = [due_at(life.feed, life.state, now=life.now + MINUTE) for life in lives]
    assert dues == [life.state.next_poll_at for life in lives]
    spread = [due for due in dues if due is not None]
    assert max(spread) - min(spread) > MINUTE


@pytest.mark.parametrize("jump", [400 * DAY, -400 * DAY])
def test_a_clock_jump_is_survived(jump: timedelta):
    life = Life().lived()
    life.poll(not_modified(), after=jump)
    assert life.state.health is Health.OK
    assert timedelta(0) < life.gap <= FEED.max_interval
    back = life.now - jump
    due = due_at(FEED, life.state, now=back)
    assert due is not None
    assert due <= back + FEED.max_interval
    life.poll(body_fetched(b"y"), reading(1, lags=(60.0,)), after=-jump)
    assert timedelta(0) < life.gap <= FEED.max_interval
    assert all(value >= 0 for value in life.state.activity)


async def test_a_failed_unconditional_poll_counts_as_the_one_of_the_day(
    origin: Origin, living: LivingFeed
):
    origin.script("/feed", Answer(body=BODY, etag='"1"'), Answer(status=500))
    await living.poll()
    await living.poll_for(4 * DAY)
    polls = [
        (a.at, r.header("if-none-match"))
        for a, r in zip(living.polls, origin.requests, strict=True)
    ]
    full_at = [at for at, sent in polls if sent is None]
    assert len(full_at) > 2
    assert all(later - earlier >= DAY for earlier, later in pairwise(full_at))
    assert not any(
        isinstance(a.result, FetchFailed) and a.decision.due_at is None
        for a in living.polls
    )


# --- a document that ends in the middle ---


@pytest.mark.parametrize("status", [200, 226])
async def test_a_document_that_was_cut_does_not_hide_its_rest(
    origin: Origin, living: LivingFeed, status: int
):
    """HTTP/1.0 without a length: the transfer shows nothing of the cut; the reading does."""
    items = [(str(n), f"Title {n}", "") for n in range(3)]
    whole = feed_document(items=items)
    cut = whole[: whole.rindex(b"<item>") + 20]
    for body in (cut, whole):
        parsed = parsed_feed(body, content_type="", url=origin.url("/feed"))
        assert isinstance(parsed, ParsedFeed)
        count = len(parsed.entries)
        living.readings[body] = reading(count, notes=parsed.notes, seen_items="x")
    answers = Answer(body=cut, status=status, etag='"a"', unsized=True)
    origin.script("/feed", answers, Answer(body=whole, etag='"a"'))
    first = await living.poll()
    fetched(first.result)
    assert living.state.health is Health.OK
    assert living.state.validators == Validators()
    assert living.state.seen_items is None
    assert fetched((await living.poll()).result).body == whole
    assert living.state.validators.etag == '"a"'
    not_modified_since = await living.poll()
    assert isinstance(not_modified_since.result, NotModified)


async def test_validators_of_the_last_whole_document_outlive_one_that_was_cut(
    origin: Origin, living: LivingFeed
):
    whole, cut = feed_document(title="Old"), feed_document(title="New")[:-9]
    living.readings[cut] = reading(1, notes=("truncated",))
    origin.script(
        "/feed", Answer(body=whole, etag='"old"'), Answer(body=cut, etag='"new"')
    )
    for _ in range(4):
        await living.poll()
    sent = [request.header("if-none-match") for request in origin.requests]
    # What comes a second time is what the publisher writes.
    assert sent == [None, '"old"', '"old"', '"new"']


# --- 410 behind redirects ---


@pytest.mark.parametrize(
    ("statuses", "health"),
    [
        ((301,), Health.GONE),
        ((308, 301), Health.GONE),
        ((302,), Health.FAILING),
        ((303,), Health.FAILING),
        ((307,), Health.FAILING),
        ((301, 302), Health.FAILING),
        ((307, 308), Health.FAILING),
    ],
)
async def test_only_permanent_redirects_lead_to_the_end_of_a_feed(
    origin: Origin, living: LivingFeed, statuses: tuple[int, ...], health: Health
):
    path = "/feed"
    for number, status in enumerate(statuses):
        origin.script(path, moved(f"/{number}", status))
        path = f"/{number}"
    origin.script(path, Answer(status=410))
    decision = (await living.poll()).decision
    assert living.state.health is health
    assert (decision.due_at is None) is (health is Health.GONE)
    if health is Health.FAILING:
        origin.script("/feed", Answer(body=feed_document()))
        await living.poll()
        assert living.state.health is Health.OK
