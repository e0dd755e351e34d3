"""WebSub: the deciding part by itself, and the subscriber against a hub (politeness.md 13)."""

from __future__ import annotations

import asyncio
import dataclasses
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from aggregator.engine.store import Store
from aggregator.fetch.fetcher import Fetcher
from aggregator.fetch.subscriber import MOST_BODIES, Delivery, Subscriber
from aggregator.fetch.websub import (
    Hub,
    Step,
    advertised_hub,
    after_net_poll,
    asked,
    asked_again_at,
    callback_token,
    is_signed,
    is_trusted,
    next_step,
    request_form,
    secret_of,
)
from aggregator.model import FailureKind, FeedHints, FetchFailed, FetchSettings, Lease
from aggregator.schedule.success import after_push
from tests.fetch.asking import names
from tests.fetch.hub import Hub as TestHub
from tests.origin import Answer, Origin, moved
from tests.schedule.given import (
    DAY,
    FEED,
    HOUR,
    NOW,
    URL,
    Life,
    fetched,
    not_modified,
    reading,
)

TestHub.__test__ = False  # type: ignore[attr-defined]
HUB = Hub("https://hub.example/", URL)
MINUTE = timedelta(minutes=1)
VERIFIED = Lease(HUB.hub_url, HUB.topic_url, NOW, NOW, NOW + 10 * DAY)

# --- the deciding part ---


@pytest.mark.parametrize(
    ("links", "hints", "expected"),
    [
        ((), FeedHints(), None),
        ((), FeedHints(hub_url="https://h.example/"), Hub("https://h.example/", URL)),
        ((), FeedHints(hub_url="https://h.example/", self_url="https://s.example/"), Hub("https://h.example/", "https://s.example/")),
        ((("hub", "https://l.example/"), ("self", "https://t.example/")), FeedHints(hub_url="https://h.example/"), Hub("https://l.example/", "https://t.example/")),
        ((("hub", "https://1.example/"), ("hub", "https://2.example/")), FeedHints(), Hub("https://1.example/", URL)),
        ((), FeedHints(hub_url="ftp://h.example/"), None),
    ],
)  # fmt: skip
def test_the_hub_of_the_link_header_comes_before_that_of_the_document(
    links, hints, expected
):
    assert advertised_hub(links, hints, feed_url=URL) == expected


def test_a_feed_without_hub_asks_nobody():
    assert next_step(None, None, now=NOW) is Step.WAIT
    assert next_step(VERIFIED, None, now=NOW + 30 * DAY) is Step.WAIT


def test_a_lease_is_renewed_when_three_quarters_have_passed():
    assert next_step(None, HUB, now=NOW) is Step.SUBSCRIBE
    assert next_step(VERIFIED, HUB, now=NOW + 7.4 * DAY) is Step.WAIT
    assert next_step(VERIFIED, HUB, now=NOW + 7.5 * DAY) is Step.SUBSCRIBE


def test_another_hub_or_topic_is_another_subscription():
    assert (
        next_step(VERIFIED, Hub("https://new.example/", URL), now=NOW) is Step.SUBSCRIBE
    )
    assert (
        next_step(VERIFIED, Hub(HUB.hub_url, "https://new.example/"), now=NOW)
        is Step.SUBSCRIBE
    )


def test_a_hub_that_does_not_confirm_is_asked_ever_more_seldom():
    lease, now, gaps = None, NOW, []
    for _ in range(15):
        lease = asked(lease, HUB, now=now)
        gaps.append(asked_again_at(lease) - now)
        assert next_step(lease, HUB, now=now) is Step.WAIT
        now = asked_again_at(lease)
        assert next_step(lease, HUB, now=now) is Step.SUBSCRIBE
    assert gaps[0] == 5 * MINUTE
    assert gaps == sorted(gaps)
    assert gaps[-1] == DAY


def test_a_renewal_that_fails_keeps_the_time_already_granted():
    now = NOW + 8 * DAY
    lease = asked(VERIFIED, HUB, now=now)
    assert is_trusted(lease, now=now)
    assert next_step(lease, HUB, now=now + MINUTE) is Step.WAIT
    assert not is_trusted(lease, now=NOW + 10 * DAY)


def test_a_dead_hub_is_no_longer_trusted_when_polls_find_what_it_did_not_announce():
    lease: Lease | None = VERIFIED
    for new_count in (3, 0, 2):
        assert is_trusted(lease, now=NOW)
        lease = after_net_poll(lease, new_count=new_count)
    assert not is_trusted(lease, now=NOW)


def test_secrets_differ_for_each_feed_topic_and_installation():
    hubs = [
        Hub(f"https://{name}.example/", topic)
        for name in ("h", "i")
        for topic in ("1", "2")
    ]
    secrets = {
        secret_of(i, f, hub) for i in (b"a", b"b") for f in ("f", "g") for hub in hubs
    }
    assert len(secrets) == 16
    assert all(len(secret) == 64 for secret in secrets)
    assert callback_token(b"a", "f") not in "".join(secrets)


@given(st.binary(max_size=200), st.text(max_size=80))
def test_no_text_but_the_right_one_is_a_signature(body: bytes, text: str):
    assert not is_signed(body, text, "secret")
    assert not is_signed(body, f"sha256={text}", "secret")


# --- polling beside a hub ---


def test_polling_is_a_slow_net_while_the_hub_delivers_and_normal_without():
    life = Life().lived()
    life.poll(not_modified())
    normal = life.gap
    life.poll(not_modified(), pushed=True)
    assert life.gap >= max(2 * HOUR, 3 * normal)
    assert life.gap <= FEED.max_interval
    life.poll(not_modified(), pushed=False)
    assert life.gap < 2 * HOUR


def test_a_delivery_counts_as_entries_and_moves_neither_validators_nor_due_time():
    life = Life().lived()
    before = life.state
    decision = after_push(
        FEED, before, reading(2, lags=(5.0, 9.0)), now=life.now + MINUTE
    )
    after = decision.state
    assert (after.validators, after.body_hash, after.next_poll_at) == (
        before.validators,
        before.body_hash,
        before.next_poll_at,
    )
    assert (after.last_full_at, after.not_before_at, after.poll_count) == (
        before.last_full_at,
        before.not_before_at,
        before.poll_count,
    )
    assert after.entry_count == before.entry_count + 2
    assert sum(after.activity[:24]) > sum(before.activity[:24])
    assert decision.due_at == before.next_poll_at


def test_a_hub_that_floods_trips_the_quarantine_too():
    life = Life().lived()
    decision = after_push(FEED, life.state, reading(1500), now=life.now + MINUTE)
    assert decision.withhold
    assert [notice.kind for notice in decision.notices] == ["quarantined"]


def test_a_delivery_does_not_hide_that_the_publishers_server_fails():
    life = Life().lived()
    state = dataclasses.replace(life.state, failure_count=5)
    decision = after_push(FEED, state, reading(1), now=life.now)
    assert (decision.state.failure_count, decision.notices) == (5, ())


# --- the subscriber and a hub ---


@dataclass
class Bench:
    """A subscriber on loopback with a moved clock, and the hub it talks to."""

    hub: TestHub
    subscriber: Subscriber
    now: datetime = NOW
    delivered: list[Delivery] = field(default_factory=list)
    topic: str = URL

    @property
    def advert(self) -> Hub:
        return Hub(self.hub.url, self.topic)

    def is_pushed(self, feed_id: str) -> bool:
        """Whether the feed's subscription is in force."""
        return is_trusted(self.subscriber.lease_of(feed_id), now=self.now)

    async def tend(self) -> None:
        await self.subscriber.tend("f", self.advert)
        await self.hub.settled()


@pytest.fixture
async def bench(fetcher: Fetcher) -> AsyncIterator[Bench]:
    async def deliver(delivery: Delivery) -> None:
        made.delivered.append(delivery)

    server = web.Application()
    runner = web.AppRunner(server)
    async with TestHub() as hub:
        subscriber = Subscriber(
            public_url="", installation_secret=b"s", post=fetcher.post, deliver=deliver, now=lambda: made.now, max_body_bytes=1000
        )  # fmt: skip
        server.add_subapp("/websub", subscriber.app())
        made = Bench(hub, subscriber)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        subscriber._public_url = f"http://127.0.0.1:{port}/websub"
        yield made
    await runner.cleanup()


async def test_a_subscription_is_asked_for_verified_and_trusted(bench: Bench):
    assert not bench.is_pushed("f")
    await bench.tend()
    form = bench.hub.forms[0]
    assert (form["hub.mode"], form["hub.topic"], len(form["hub.secret"])) == (
        "subscribe",
        URL,
        64,
    )
    assert bench.hub.answers == [(200, "c0ffee")]
    assert bench.is_pushed("f")
    lease = bench.subscriber.lease_of("f")
    assert lease is not None
    assert lease.until_at == NOW + 10 * DAY
    await bench.tend()
    assert len(bench.hub.forms) == 1


@pytest.mark.parametrize("status", [307, 308])
async def test_a_hub_that_has_moved_is_asked_with_the_same_form(
    bench: Bench, origin: Origin, status: int
):
    origin.script("/hub", moved("/hub2", status))
    origin.script("/hub2", moved(bench.hub.url, status))
    hub = Hub(origin.url("/hub"), URL)
    await bench.subscriber.tend("f", hub)
    await bench.hub.settled()
    assert bench.is_pushed("f")
    asked = [(seen.method, seen.body) for seen in origin.requests]
    assert [method for method, _ in asked] == ["POST", "POST"]
    assert asked[0][1] == asked[1][1]
    assert bench.hub.forms[0]["hub.secret"] == secret_of(b"s", "f", hub)


@pytest.mark.parametrize("status", [301, 302, 303])
async def test_no_other_redirect_of_a_hub_is_followed(
    fetcher: Fetcher, origin: Origin, status: int
):
    origin.script("/hub", moved("/hub2", status))
    assert await fetcher.post(origin.url("/hub"), {"a": "b"}) == status
    assert len(origin.requests) == 1


async def test_redirects_of_a_hub_have_an_end(fetcher: Fetcher, origin: Origin):
    origin.script("/circle", moved("/circle", 307))
    result = await fetcher.post(origin.url("/circle"), {"a": "b"})
    assert isinstance(result, FetchFailed)
    assert result.kind is FailureKind.TOO_MANY_REDIRECTS
    assert len(origin.requests) == 1
    for number in range(20):
        origin.script(f"/{number}", moved(f"/{number + 1}", 308))
    result = await fetcher.post(origin.url("/0"), {"a": "b"})
    assert isinstance(result, FetchFailed)
    assert len(origin.requests) == 1 + 6
    origin.script("/nowhere", Answer(status=307))
    assert await fetcher.post(origin.url("/nowhere"), {"a": "b"}) == 307


async def test_a_redirect_of_a_hub_leads_to_no_private_address_and_betrays_no_secret(
    origin: Origin,
):
    settings = FetchSettings(
        per_host_interval=timedelta(0), allowed_networks=("127.0.0.1/32",)
    )
    lookup = names({"hub.example": "127.0.0.1"})
    async with Fetcher(settings, contact="", version="0", lookup=lookup) as narrow:
        for place, kind in (
            (origin.url("/x", host=2), FailureKind.PRIVATE_ADDRESS),
            (origin.url("/x", name="hub.example"), FailureKind.BAD_URL),
            ("gopher://hub.example/", FailureKind.BAD_URL),
        ):
            origin.script("/hub", moved(place, 307))
            result = await narrow.post(origin.url("/hub"), {"hub.secret": "s"})
            assert isinstance(result, FetchFailed)
            assert result.kind is kind
    assert origin.seen("/x") == []


@pytest.mark.parametrize(
    "shape", [{"cut": 1}, {"body": b"x" * 100_000}, {"encoding": "gzip", "cut": 3}]
)
async def test_what_a_hub_writes_behind_its_answer_does_not_matter(
    fetcher: Fetcher, origin: Origin, shape: dict[str, object]
):
    origin.script("/hub", Answer(status=202, body=b"accepted").but(**shape))
    assert await fetcher.post(origin.url("/hub"), {"a": "b"}) == 202


async def test_a_lease_is_renewed_before_it_ends_and_kept_by_restore(bench: Bench):
    await bench.tend()
    bench.now += 8 * DAY
    await bench.tend()
    assert len(bench.hub.forms) == 2
    lease = bench.subscriber.lease_of("f")
    assert lease is not None
    assert lease.until_at == NOW + 18 * DAY
    bench.subscriber.restore({"g": lease})
    assert bench.is_pushed("g")


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
async def test_what_a_hub_delivers_with_a_right_signature_is_taken(
    bench: Bench, method: str
):
    await bench.tend()
    assert await bench.hub.publish(b"<rss/>", method=method) == [202]
    assert bench.delivered == [Delivery("f", URL, b"<rss/>", "application/rss+xml")]


@pytest.mark.parametrize(
    "forged",
    [
        {"secret": "wrong"},
        {"header": ""},
        {"header": "sha256="},
        {"header": "md5=00"},
        {"header": "sha256=\u00e9"},
    ],
)
async def test_a_delivery_with_a_wrong_signature_is_dropped_without_a_word(
    bench: Bench, forged: dict[str, str]
):
    await bench.tend()
    assert await bench.hub.publish(b"<rss/>", **forged) == [202]
    assert bench.delivered == []


async def test_polling_is_slow_only_after_a_first_delivery(bench: Bench):
    """A hub that confirms and never delivers costs nobody news."""
    await bench.tend()
    assert bench.is_pushed("f")
    assert not bench.subscriber.delivers("f")
    await bench.hub.publish(b"<rss/>")
    assert bench.subscriber.delivers("f")


async def test_any_worker_answers_a_hub_and_takes_what_it_delivers(
    bench: Bench, fetcher: Fetcher, store: Store
):
    """One asks, and the hub's questions and deliveries reach another."""
    bench.subscriber._shared = store.leases
    other = Subscriber(
        public_url=bench.subscriber._public_url, installation_secret=b"s", post=fetcher.post,
        deliver=bench.subscriber._deliver, now=lambda: bench.now, shared=store.leases,
    )  # fmt: skip
    await other.tend("f", bench.advert)
    await bench.hub.settled()
    assert bench.hub.answers == [(200, "c0ffee")]
    assert await bench.hub.publish(b"<rss/>") == [202]
    assert [delivery.body for delivery in bench.delivered] == [b"<rss/>"]
    assert not other.delivers("f")
    await other.refresh("f")
    assert other.delivers("f")
    other.note_poll("f", new_count=1)
    await other.tend("f", bench.advert)
    lease = await store.leases.of("f")
    assert lease is not None
    assert (lease.missed_count, len(bench.hub.forms)) == (1, 1)


async def test_subscriptions_of_feeds_that_are_gone_are_ended_by_any_worker(
    bench: Bench, store: Store
):
    bench.subscriber._shared = store.leases
    await bench.tend()
    await bench.subscriber.end_others({"f"})
    assert len(bench.hub.forms) == 1
    await bench.subscriber.end_others({"g"})
    await bench.hub.settled()
    assert [form["hub.mode"] for form in bench.hub.forms] == [
        "subscribe",
        "unsubscribe",
    ]
    assert await store.leases.all() == {}
    bench.hub.mood = "ignore"
    await bench.tend()
    await bench.subscriber.end_others(())
    bench.now += 11 * DAY
    await bench.subscriber.end_others(())
    assert await store.leases.all() == {}


async def test_what_stands_for_a_lease_and_is_none_is_replaced(
    bench: Bench, store: Store
):
    bench.subscriber._shared = store.leases
    await store.engine.command("HSET", store.engine.keys.leases, "f", "junk")
    await bench.tend()
    assert bench.is_pushed("f")
    assert await store.leases.of("f") == bench.subscriber.lease_of("f")


async def test_the_secret_is_the_first_workers(store: Store):
    assert [
        await store.leases.websub_secret(secret) for secret in (b"first", b"second")
    ] == [b"first", b"first"]


async def test_an_empty_or_oversize_delivery_is_a_ping(bench: Bench):
    await bench.tend()
    await bench.hub.publish(b"")
    await bench.hub.publish(b"x" * 2000)
    assert [d.body for d in bench.delivered] == [b"", b""]


@pytest.mark.parametrize(
    "forged", [{"secret": "wrong"}, {"header": ""}, {"header": "md5=00"}]
)
async def test_an_unsigned_delivery_costs_no_poll_however_large(
    bench: Bench, forged: dict[str, str]
):
    await bench.tend()
    for size in (0, 10, 1001, 3999):
        assert await bench.hub.publish(b"x" * size, **forged) == [202]
    assert bench.delivered == []


async def test_a_delivery_far_too_large_is_not_read_to_its_end(bench: Bench):
    await bench.tend()
    assert await bench.hub.publish(b"x" * 100_000) == [413]
    assert bench.delivered == []


async def test_a_lease_that_has_run_out_accepts_nothing(bench: Bench):
    await bench.tend()
    bench.now += 10 * DAY
    assert await bench.hub.publish(b"<rss/>") == [410]
    assert bench.delivered == []


async def test_bodies_that_are_held_open_are_few_and_others_come_again(bench: Bench):
    await bench.tend()
    [callback] = [form["hub.callback"] for form in bench.hub.forms]
    host, port = urlsplit(callback).hostname, urlsplit(callback).port
    held = []
    for _ in range(MOST_BODIES):
        _, writer = await asyncio.open_connection(host, port)
        writer.write(
            f"POST {urlsplit(callback).path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 900\r\n\r\nx".encode()
        )
        held.append(writer)
    async with asyncio.timeout(10):
        while not bench.subscriber._reading.locked():
            await asyncio.sleep(0.01)
    assert await bench.hub.publish(b"<rss/>") == [503]
    for writer in held:
        writer.close()
    async with asyncio.timeout(10):
        while bench.subscriber._reading.locked():
            await asyncio.sleep(0.01)
    assert await bench.hub.publish(b"<rss/>") == [202]
    assert len(bench.delivered) == 1


@pytest.mark.parametrize(
    "host",
    [
        "hub.example",
        "127.0.0.1.hub.example",
        "127.example",
        "localhost.hub.example",
        "10.0.0.1",
        "[::2]",
        "",
    ],
)
def test_a_hub_that_everyone_listens_to_gets_no_secret(host: str):
    hub = Hub(f"http://{host}/", URL)
    assert secret_of(b"s", "f", hub) == ""
    assert "hub.secret" not in request_form(
        "subscribe", hub, callback_url="http://c.example/", secret=""
    )
    assert not is_signed(
        b"x", "sha256=" + hmac.new(b"", b"x", "sha256").hexdigest(), ""
    )


@pytest.mark.parametrize(
    "place", ["127.0.0.1:8080", "[::1]", "127.8.8.8", "localhost:80"]
)
def test_a_hub_on_this_machine_gets_one(place: str):
    assert secret_of(b"s", "f", Hub(f"http://{place}/", URL))


async def test_what_a_hub_without_a_secret_delivers_is_a_ping_now_and_then(
    bench: Bench,
):
    await bench.tend()
    lease = bench.subscriber.lease_of("f")
    assert lease is not None
    bench.subscriber.restore(
        {"f": dataclasses.replace(lease, hub_url="http://hub.example/")}
    )
    for _ in range(3):
        assert await bench.hub.publish(b"<rss/>") == [202]
    assert [(one.feed_id, one.body) for one in bench.delivered] == [("f", b"")]
    bench.now += timedelta(minutes=6)
    await bench.hub.publish(b"<rss/>")
    assert len(bench.delivered) == 2


async def test_a_delivery_makes_a_distrusted_hub_trusted_again(bench: Bench):
    await bench.tend()
    for _ in range(2):
        bench.subscriber.note_poll("f", new_count=1)
    assert not bench.is_pushed("f")
    await bench.hub.publish(b"<rss/>")
    assert bench.is_pushed("f")


@pytest.mark.parametrize("mood", ["ignore", "refuse", "deny", "lie"])
async def test_dead_websub_hub_polling_goes_on_as_without_it(bench: Bench, mood: str):
    bench.hub.mood = mood
    await bench.tend()
    assert not bench.is_pushed("f")
    assert all(status == 404 for status, _ in bench.hub.answers)
    await bench.tend()
    assert len(bench.hub.forms) == 1
    bench.now += 6 * MINUTE
    bench.hub.mood = "verify"
    await bench.tend()
    assert bench.is_pushed("f")


async def test_dead_websub_hub_that_is_not_there_at_all_does_no_harm(bench: Bench):
    await bench.subscriber.tend("f", Hub("http://127.0.0.1:9/", URL))
    assert not bench.is_pushed("f")


async def test_a_removed_feed_is_unsubscribed_and_only_then_confirmed(bench: Bench):
    await bench.tend()
    callback = bench.subscriber.callback_url("f")
    question = f"{callback}?hub.mode=unsubscribe&hub.topic={URL}&hub.challenge=x"
    assert (await bench.hub.get(question))[0] == 404
    assert bench.is_pushed("f")
    await bench.subscriber.end("f")
    await bench.hub.settled()
    assert bench.hub.forms[-1]["hub.mode"] == "unsubscribe"
    assert bench.hub.subscribers == {}
    assert not bench.is_pushed("f")
    bench.hub.subscribers[callback] = {"hub.secret": "x"}
    assert await bench.hub.publish(b"<rss/>") == [410]


@pytest.mark.parametrize("path", ["/f/wrong", "/g/{token}", "/f/%C3%A9"])
async def test_a_stranger_who_guesses_the_address_finds_nothing(
    bench: Bench, path: str
):
    await bench.tend()
    token = callback_token(b"s", "f")
    root = bench.subscriber.callback_url("f").removesuffix(f"/f/{token}")
    question = f"?hub.mode=subscribe&hub.topic={URL}&hub.challenge=x"
    assert (await bench.hub.get(root + path.format(token=token) + question))[0] == 404


async def test_a_hub_that_names_no_lease_is_taken_for_a_day(bench: Bench):
    bench.hub.lease_seconds = None
    await bench.tend()
    lease = bench.subscriber.lease_of("f")
    assert lease is not None
    assert lease.until_at == NOW + DAY


async def test_the_hub_of_a_fetched_feed_is_found(bench: Bench):
    answer = fetched(links=(("hub", bench.hub.url), ("self", "https://t.example/")))
    assert advertised_hub(answer.links, FeedHints(), feed_url=answer.url) == Hub(
        bench.hub.url, "https://t.example/"
    )
