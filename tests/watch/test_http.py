from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import aiohttp
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from aggregator.model import Feed, Health, Kind, Message, Ruling, Totals, Verb
from aggregator.watch.digest import digest
from aggregator.watch.digest_files import DigestFiles
from aggregator.watch.http import MAX_LIVE, StatusServer
from aggregator.watch.metrics import Metrics

from .sample import (
    NOW,
    REPORTED,
    SampleDay,
    Telling,
    Told,
    event_of_telling,
    hex_id,
    messages_of,
)

VOID = {"meta", "link", "input", "br", "hr", "img"}


class WellFormed(HTMLParser):
    """Collects what the tests look at, and insists that every element is closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.inline: list[str] = []
        self.languages: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []
        assert len(self.ids) == len(set(self.ids)), "an id occurs twice"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = {key: value or "" for key, value in attrs}
        self.inline += [key for key in held if key == "style" or key.startswith("on")]
        if tag in {"script", "img"}:
            self.loads.append(held.get("src", "inline"))
        if tag == "link":
            self.loads.append(held["href"])
        if tag == "a":
            self.links.append(held["href"])
        if "id" in held:
            self.ids.append(held["id"])
        if "lang" in held:
            self.languages.append(held["lang"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


@dataclass
class Site:
    day: SampleDay
    server: StatusServer
    metrics: Metrics
    base: str
    client: aiohttp.ClientSession

    async def get(self, path: str, *, status: int = 200) -> str:
        async with self.client.get(self.base + path, allow_redirects=False) as response:
            text = await response.text()
            assert response.status == status, text
            return text

    async def headers(self, path: str) -> aiohttp.typedefs.LooseHeaders:
        async with self.client.get(self.base + path) as response:
            return response.headers


@pytest_asyncio.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    day, metrics, files = SampleDay(), Metrics(version="1.2"), DigestFiles(tmp_path)
    record = digest(
        events=day.events_held,
        window_from_at=NOW - timedelta(hours=18),
        window_to_at=NOW,
        totals=Totals(),
        feeds=day.states,
        elapsed={"slow.example": timedelta(seconds=4)},
        top=20,
    )
    files.write(record)
    server = StatusServer(
        day,
        metrics=metrics,
        zone=ZoneInfo("Asia/Shanghai"),
        version="1.2",
        digests=files,
        now=lambda: NOW,
    )
    host, port = await server.start("127.0.0.1", 0)
    async with aiohttp.ClientSession() as client:
        yield Site(day, server, metrics, f"http://{host}:{port}", client)
    await server.stop()


async def test_health_follows_the_stages(site):
    assert json.loads(await site.get("/healthz")) == {"healthy": True, "reasons": []}
    site.day.stages = ["poll has not moved for 90 s"]
    assert json.loads(await site.get("/healthz", status=503))["reasons"] == [
        "poll has not moved for 90 s"
    ]


async def test_readiness_gives_its_reasons(site):
    assert json.loads(await site.get("/readyz")) == {"ready": True, "reasons": []}
    site.day.reasons = ["the Redis server does not answer"]
    assert json.loads(await site.get("/readyz", status=503)) == {
        "ready": False,
        "reasons": ["the Redis server does not answer"],
    }


async def test_metrics_parse_and_hold_the_lags(site):
    families = list(text_string_to_metric_families(await site.get("/metrics")))
    lags = {
        tuple(sample.labels.values()): sample.value
        for family in families
        if family.name == "aggregator_group_lag"
        for sample in family.samples
    }
    assert lags == {("archive", "agg:events"): 3}


async def test_metrics_health_and_readiness_answer_while_redis_is_away(site):
    site.day.down = True
    assert "aggregator_polls_total" in await site.get("/metrics")
    await site.get("/healthz")
    await site.get("/readyz")


async def test_pages_say_so_while_redis_is_away_and_come_back(site):
    site.day.down = True
    assert "The Redis server does not answer" in await site.get("/", status=503)
    assert "The Redis server does not answer" in await site.get("/feeds", status=503)
    site.day.down = False
    assert "Lunar relay" in await site.get("/")


PAGES = [
    "/",
    "/?lang=zh",
    "/?q=nothing-like-this",
    "/?hours=168&order=newest",
    "/feeds",
    "/feeds?health=gone",
    "/digest",
    "/digest/2026-03-05",
    "/docs",
    "/statistics",
    "/statistics?hours=6",
    "/feeds/orbit-weekly",
    "/feeds/quiet-valley",
    "/feeds/closed-gazette",
]


@pytest.mark.parametrize(
    "path", [*PAGES, "/events/" + event_of_telling(REPORTED[0]).event_id]
)
async def test_every_page_is_well_formed_and_loads_only_our_own(site, path):
    page = WellFormed(await site.get(path))
    assert page.inline == []
    assert all(load.startswith(("/static/", "/events.")) for load in page.loads)
    for load in page.loads:
        if load.startswith("/events."):  # rel=alternate
            await site.get(load)
            continue
        assert "immutable" in str((await site.headers(load))["Cache-Control"])
    assert page.languages[0] == "en"


@pytest.mark.parametrize(
    "path", ["/", "/feeds", "/nowhere", "/healthz", "/metrics", "/static/live.js"]
)
async def test_every_answer_forbids_scripts_and_frames_of_others(site, path):
    headers = await site.headers(path)
    policy = str(headers["Content-Security-Policy"])
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


async def test_events_stand_in_order_with_their_language_and_local_time(site):
    page = await site.get("/")
    assert (
        page.index("Lunar relay station")
        < page.index("滨海新区首条")
        < page.index("Ferry service")
    )
    assert '<span lang="zh" dir="auto">滨海新区首条' in page
    assert ">03-05 14:40</time>" in page  # 06:40 UTC in Shanghai
    assert "Times are in Asia/Shanghai" in page


@pytest.mark.parametrize(
    ("asked", "shown", "hidden"),
    [
        ({"lang": "zh"}, "滨海新区", "Lunar relay"),
        ({"category": "Space"}, "Lunar relay", "Ferry service"),
        ({"category": "城市"}, "滨海新区", "老城图书馆"),
        ({"q": "FERRIES ice"}, "Ferry service", "Lunar relay"),
        ({"q": "图书馆"}, "老城图书馆", "滨海新区"),
        ({"hours": "6"}, "Bees navigate", "Ferry service"),
    ],
)
async def test_the_filter_narrows_what_is_shown(site, asked, shown, hidden):
    page = await site.get("/?" + urlencode(asked))
    events = page[page.index('id="events"') :]
    assert shown in events
    assert hidden not in events


@pytest.mark.parametrize(
    "query",
    [
        "hours=abc",
        "hours=99999999999",
        "order=sideways",
        "lang=" + "x" * 5000,
        "q=%ff%00",
        "category=%3Cscript%3E",
    ],
)
async def test_a_strange_question_gets_a_page(site, query):
    assert "<script>" not in await site.get("/?" + query)


async def test_every_event_is_reached_by_pages_each_once(site):
    event = site.day.events_held[0]
    site.day.events_held = [
        replace(event, event_id="e" + hex_id(str(number))) for number in range(120)
    ]
    found: list[str] = []
    path = "/"
    while path:
        page = WellFormed(await site.get(path))
        found += [name for name in page.ids if name.startswith("e") and len(name) == 21]
        text = await site.get(path)
        following = re.search(r'rel="next" href="([^"]+)"', text)
        path = unescape(following[1]) if following else ""
    assert len(found) == len(set(found)) == 120
    assert "Page 3 of 3" in text
    assert 'rel="prev"' in await site.get("/?page=99"), "beyond the last is the last"


async def test_the_order_holds_over_pages(site):
    event = site.day.events_held[0]
    site.day.events_held = [
        replace(event, event_id="e" + hex_id(str(number)), independent_count=number)
        for number in range(1, 121)
    ]
    text = await site.get("/?min_sources=10&page=2")
    counts = [
        int(count)
        for count in re.findall(r'<b class="weight"[^>]*>(\d+) sources', text)
    ]
    assert counts == list(range(70, 20, -1))


async def test_a_single_report_leads_to_the_article_and_many_to_the_event(site):
    page = await site.get("/?lang=de")
    [source] = event_of_telling(REPORTED[-1]).sources
    heading = page[page.index("<h2 id=") : page.index("</h2>")]
    assert f'href="{source.url}"' in heading
    page = await site.get("/?category=Space")
    heading = page[page.index("<h2 id=") : page.index("</h2>")]
    assert f'href="/events/{event_of_telling(REPORTED[0]).event_id}"' in heading


async def test_sources_are_named_by_their_titles(site):
    page = await site.get("/")
    assert ">滨海日报</a>" in page
    assert "Orbit Weekly" in page
    assert "<b>First:</b>" not in page
    event = await site.get("/events/" + event_of_telling(REPORTED[0]).event_id)
    assert "Orbit Weekly at" in event
    assert "35 min later" in event
    assert "Wire Copy" in event


async def test_the_readers_own_zone_and_language_are_kept_to(site):
    headers = {
        "Cookie": "tz=America%2FNew_York",
        "Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5",
    }
    async with site.client.get(site.base + "/", headers=headers) as response:
        page = await response.text()
    WellFormed(page)
    assert '<html lang="zh" data-zone="America/New_York">' in page
    assert ">01:40</time>" in page  # 06:40 UTC
    assert "时间均为 America/New_York" in page
    assert "4 个来源" in page


@pytest.mark.parametrize(
    "zone", ["Nowhere/Else", "../../etc/passwd", "%00", "x" * 500, "Europe/", ""]
)
async def test_a_strange_zone_is_the_operators(site, zone):
    async with site.client.get(
        site.base + "/", headers={"Cookie": f"tz={zone}"}
    ) as response:
        assert "Times are in Asia/Shanghai" in await response.text()


async def test_the_page_of_a_feed_tells_why_next_and_what_to_do(site):
    page = await site.get("/feeds/quiet-valley")
    assert "hunter2" not in page
    assert "https://quiet-valley.example/feed.xml" in page
    assert "no answer within 30 s" in page
    assert "raise [fetch] timeout" in page
    healthy = await site.get("/feeds/orbit-weekly")
    assert "What to do" not in healthy
    assert "Lunar relay: second set of pictures released" in healthy
    assert "in an event of 7 reports" in healthy
    assert "No feed of this id is configured." in await site.get(
        "/feeds/nobody", status=404
    )


async def test_the_operators_word_and_the_commands_stand_on_the_events_page(site):
    event = event_of_telling(REPORTED[0])
    ruling = Ruling(
        "r1",
        Verb.SPLIT,
        "e" + hex_id("other"),
        event.event_id,
        ("a", "b"),
        (),
        NOW,
        operator="anna",
        why="<two>",
    )
    site.day.ruled.append(ruling)
    page = await site.get(f"/events/{event.event_id}")
    assert "moved 2 reports out, by anna" in page
    assert "&lt;two&gt;" in page
    assert f"aggregator events join {event.event_id} OTHER_EVENT" in page
    assert f"aggregator events split {event.sources[1].entry_id}" in page
    assert f"aggregator events split {event.sources[0].entry_id}" not in page, (
        "the first is what the event is"
    )


HOSTILE: Telling = (
    '"><script>alert(1)</script>',
    ("<b>News</b>", "a'b\"c", "{{ 7*7 }}"),
    (
        Told(30, "evil", "<img src=x onerror=alert(1)> {{ 7*7 }} \u202e", "new", 0),
        Told(20, "evil2", "</span></a><script>alert(2)</script>", "<i>x</i>", 0.5),
    ),
)


async def test_what_a_feed_wrote_is_text_everywhere(site):
    event = event_of_telling(HOSTILE)
    sources = tuple(
        replace(source, url="javascript:alert(3)") for source in event.sources
    )
    site.day.events_held.append(replace(event, sources=sources))
    site.day.messages += [
        replace(message, url="javascript:alert(3)") for message in messages_of(HOSTILE)
    ]
    site.day.states.append(
        replace(
            site.day.states[0],
            title="<script>alert(4)</script>",
            feed_id="evil",
            failure_detail="<u>",
        )
    )
    for path in ("/", f"/events/{event.event_id}", "/feeds"):
        text = await site.get(path)
        page = WellFormed(text)
        assert "<script>" not in text
        assert "<img" not in text
        assert "{{ 7*7 }}" in text or path == "/feeds"
        assert page.inline == []
        assert not any(link.startswith("javascript") for link in page.links)


async def test_an_events_page_tells_who_was_first_and_what_was_a_copy(site):
    page = await site.get("/events/" + event_of_telling(REPORTED[0]).event_id)
    roles = [
        line.split('"')[1].removeprefix("role ")
        for line in page.split("<span class=")[1:]
        if line.startswith('"role ')
    ]
    assert roles == [
        "first",
        "independent",
        "independent",
        "copy",
        "independent",
        "independent",
        "again",
    ]
    assert "repeats the text of an earlier report" in page
    assert "0.87" in page


async def test_an_event_that_follows_up_others_names_them(site):
    first, second = site.day.events_held[:2]
    site.day.events_held[0] = replace(first, related=(second.event_id, "e" + "0" * 20))
    page = await site.get(f"/events/{first.event_id}")
    assert "Earlier events it follows up" in page
    assert (
        f'<a href="/events/{second.event_id}"><span lang="zh" dir="auto">{second.title}'
        in page
    )
    assert "e" + "0" * 20 not in page


async def test_an_event_whose_reports_are_no_longer_kept_shows_its_sources(site):
    site.day.messages.clear()
    page = await site.get("/events/" + event_of_telling(REPORTED[0]).event_id)
    assert "Astronomers pore over" in page
    assert 'class="role copy"' not in page


async def test_a_card_of_many_reports_lists_some_and_leads_to_all(site):
    wide: Telling = (
        "en",
        ("News",),
        tuple(Told(100 - n, f"feed-{n:02}", f"Report number {n}") for n in range(30)),
    )
    site.day.events_held[:] = [event_of_telling(wide)]
    page = await site.get("/")
    shown = [n for n in range(30) if f">Report number {n}</span></a></li>" in page]
    assert shown == [0, *range(25, 30)]
    assert ">All 30 reports</a>" in page


async def test_an_absorbed_event_leads_to_the_survivor(site):
    survivor, absorbed = site.day.events_held[0], site.day.events_held[1]
    site.day.events_held[1] = replace(absorbed, merged_into=survivor.event_id)
    async with site.client.get(
        f"{site.base}/events/{absorbed.event_id}", allow_redirects=False
    ) as response:
        assert response.status == 302
        assert response.headers["Location"] == f"/events/{survivor.event_id}"
    assert absorbed.title not in await site.get("/")


@pytest.mark.parametrize(
    "path",
    [
        "/events/e" + "0" * 20,
        "/events/x",
        "/digest/2026-13-01",
        "/digest/2020-01-01",
        "/static/../http.py",
        "/static/base.html",
        "/nowhere",
    ],
)
async def test_what_is_not_there_is_a_page_too(site, path):
    WellFormed(await site.get(path, status=404))


async def test_nothing_can_be_changed_through_the_port(site):
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        async with site.client.request(method, site.base + "/") as response:
            assert response.status == 405


async def test_feeds_in_trouble_come_first_and_no_secret_is_shown(site):
    page = await site.get("/feeds")
    assert (
        page.index("closed-gazette")
        < page.index("quiet-valley")
        < page.index("binhai-ribao")
    )
    assert "no answer within 30 s" in page
    assert "hunter2" not in page
    assert "quiet-valley" not in await site.get("/feeds?health=gone")
    assert "滨海日报" in await site.get("/feeds?" + urlencode({"q": "滨海"}))


async def test_many_feeds_are_shown_in_pages(site):
    ok = next(state for state in site.day.states if state.health is Health.OK)
    site.day.states[:] = [
        replace(ok, feed_id=f"feed-{number:04}") for number in range(250)
    ]
    first, last = await site.get("/feeds"), await site.get("/feeds?page=3")
    assert "Page 1 of 3" in first
    assert first.count("<tr>") == 101
    assert "feed-0249" in last
    assert 'rel="next"' not in last
    await site.get("/feeds?page=999999")
    await site.get("/feeds?page=-1")


async def test_not_being_ready_is_said_on_the_page(site):
    site.day.reasons = ["building the index"]
    assert "building the index" in await site.get("/")


async def test_a_crowd_of_readers_asks_redis_once(site):
    await asyncio.gather(*(site.get("/") for _ in range(20)))
    assert site.day.event_reads == 1


async def test_a_day_of_digests_is_shown(site):
    assert 'href="/digest/2026-03-05"' in await site.get("/digest")
    page = await site.get("/digest/2026-03-05")
    assert "2026-03-05 08:20 to 2026-03-06 02:20 CST" in page
    assert "青松二号" in page


async def test_a_page_is_sent_compressed_where_asked(site):
    async with site.client.get(
        site.base + "/", headers={"Accept-Encoding": "gzip"}
    ) as response:
        assert response.headers["Content-Encoding"] == "gzip"


# --- live


class Stream:
    """A browser's end of `/live`."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self) -> dict[str, str]:
        """The next event's data; comments and the retry line are passed over."""
        while True:
            line = (
                await asyncio.wait_for(self.response.content.readline(), 10)
            ).decode()
            assert line, "the stream ended"
            if line.startswith("data: "):
                return json.loads(line[6:])

    async def opened(self) -> Stream:
        assert (
            await asyncio.wait_for(self.response.content.readline(), 10)
            == b"retry: 3000\n"
        )
        return self


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


FRESH: Telling = (
    "zh",
    ("新闻", "晨报", "要闻"),
    (
        Told(0, "chenbao", "刚刚：第一条 <b>消息</b>", "new", 0),
        Told(0, "wanbao", "又一家报道"),
    ),
)


async def test_a_new_event_and_its_next_report_arrive_as_cards(site):
    new, joined = messages_of(FRESH)
    async with site.client.get(site.base + "/live") as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        stream = await Stream(response).opened()
        await until(lambda: site.day.readers)
        site.day.publish(new)
        told = await stream.next()
        assert told["kind"] == "event.new"
        assert f'id="{new.event_id}"' in told["card"]
        assert "刚刚：第一条 &lt;b&gt;消息&lt;/b&gt;" in told["card"]
        WellFormed(told["card"])
        site.day.publish(joined)
        told = await stream.next()
        assert told["event_id"] == new.event_id
        assert "2 reports" in told["card"]


async def test_only_what_passes_the_readers_filter_arrives(site):
    other = replace(
        messages_of(FRESH)[0],
        id=hex_id("other"),
        lang="en",
        event_id="e" + hex_id("other"),
    )
    async with site.client.get(site.base + "/live?lang=zh") as response:
        stream = await Stream(response).opened()
        await until(lambda: site.day.readers)
        for message in (
            other,
            replace(other, kind=Kind.MERGED),
            replace(other, kind=Kind.EDITED),
            messages_of(FRESH)[0],
        ):
            site.day.publish(message)
        assert (await stream.next())["event_id"] == messages_of(FRESH)[0].event_id


async def test_a_message_without_a_time_does_not_end_the_stream(site):
    async with site.client.get(site.base + "/live") as response:
        stream = await Stream(response).opened()
        await until(lambda: site.day.readers)
        site.day.publish(
            Message(
                id="0" * 32, kind=Kind.NEW, event_id="e" + "1" * 20, title="undated"
            )
        )
        site.day.publish(messages_of(FRESH)[0])
        assert (await stream.next())["event_id"] == messages_of(FRESH)[0].event_id


async def test_a_reader_who_leaves_is_forgotten(site):
    async with site.client.get(site.base + "/live") as response:
        await Stream(response).opened()
        await until(lambda: site.day.readers)
    site.day.publish(messages_of(FRESH)[0])
    site.day.publish(messages_of(FRESH)[0])
    await until(lambda: not site.day.readers)


async def test_stopping_ends_open_streams_at_once(site):
    async with site.client.get(site.base + "/live") as response:
        await Stream(response).opened()
        async with asyncio.timeout(5):
            await site.server.stop()
            assert b"data:" not in await response.content.read()


async def test_more_live_pages_than_can_be_served_are_refused(site):
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as client:
        held = [await client.get(site.base + "/live") for _ in range(MAX_LIVE)]
        await asyncio.gather(*(Stream(response).opened() for response in held))
        async with client.get(site.base + "/live") as response:
            assert response.status == 503
        for response in held:
            response.close()


async def test_a_port_that_is_taken_is_an_error_at_start(site):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = StatusServer(site.day, metrics=Metrics())
        with pytest.raises(OSError, match="address already in use"):
            await server.start("127.0.0.1", taken.getsockname()[1])
        await server.stop()


class OwnWords(HTMLParser):
    """What the page itself says: texts and labels, without code, titles of reports, and what is marked as English."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.skipping: list[bool] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        self.texts += [
            held.get(name) or ""
            for name in ("aria-label", "title", "placeholder", "data-live", "data-name")
        ]
        if tag not in VOID:
            is_other = held.get("lang", "zh") != "zh" and tag != "html"
            self.skipping.append(
                is_other or tag in ("code", "pre", "style", "script") or "dir" in held
            )

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            self.skipping.pop()

    def handle_data(self, data: str) -> None:
        if not any(self.skipping):
            self.texts.append(data)


NAMES_KEPT = set(
    re.findall(
        "[a-z]+",
        "aggregator utc cst asia shanghai atom json feed redis ttl readme words bcp iso",
    )
)
"""Names of things, the same in Chinese texts of the trade; `words` is the README's heading."""


KEYS_OF_FEEDS_TOML = {"fetch", "timeout", "min", "sources"}


def words_of_day(day: SampleDay) -> set[str]:
    """Every word that the day's records hold: names, titles, categories, ids."""
    told = [
        word for lang, categories, reports in REPORTED for word in (lang, *categories)
    ]
    told += [
        text
        for _, _, reports in REPORTED
        for report in reports
        for text in (report.title, report.feed_id)
    ]
    told += [
        text for state in day.states for text in (state.feed_id, state.title, state.url)
    ]
    return set(re.findall("[a-z]{2,}", " ".join(told).lower()))


async def test_the_chinese_pages_have_no_english_left(site):
    event = event_of_telling(REPORTED[0]).event_id
    site.day.reasons = ["starting", "poll has not moved for 90 s"]
    pages = [
        "/",
        "/?words=nothing-there",
        "/?hours=168&order=newest",
        "/statistics",
        "/statistics?hours=6",
    ]
    pages += ["/feeds", "/feeds?health=gone", "/feeds?words=nothing-there"]
    pages += ["/feeds/quiet-valley", "/feeds/closed-gazette", "/feeds/orbit-weekly"]
    pages += [
        "/docs",
        "/digest",
        "/digest/2026-03-05",
        f"/events/{event}",
        "/nowhere",
        "/events/e" + "0" * 20,
    ]
    known = (
        NAMES_KEPT
        | words_of_day(site.day)
        | {"nothing", "there", "slow"}
        | KEYS_OF_FEEDS_TOML
    )
    left = {}
    for path in pages:
        async with site.client.get(
            site.base + path, headers={"Accept-Language": "zh-CN"}
        ) as response:
            said = " ".join(OwnWords(await response.text()).texts)
        words = set(re.findall("[a-z]{2,}", said.lower())) - known
        if words:
            left[path] = words
    assert left == {}


async def test_a_source_has_one_name_on_the_page_in_the_feed_and_in_the_api(site):
    first = site.day.events_held[0].sources[0].feed_id
    site.day.configured = [
        Feed(first, "https://orbit.example/", categories=("News", "The Orbit", "All"))
    ]
    event_id = site.day.events_held[0].event_id
    page = await site.get(f"/events/{event_id}")
    assert "The Orbit" in page
    assert "Orbit Weekly" not in page
    assert "The Orbit" in await site.get("/events.atom")
    answer = json.loads(await site.get(f"/api/events/{event_id}"))
    assert answer["reports"][0]["source"] == "The Orbit"
    assert "Orbit Weekly" in await site.get(f"/feeds/{first}")
    assert "Orbit Weekly" in await site.get("/statistics")


async def test_what_means_the_same_is_found_where_it_is_asked_for(site):
    lunar, bus = site.day.events_held[:2]
    words = urlencode({"words": "ferry", "hours": 168})
    assert 'name="meaning"' not in await site.get("/")
    assert "In other words" not in await site.get(f"/?{words}&meaning=yes")
    site.day.near = {bus.event_id: 0.5, lunar.event_id: 0.9, "e" + "0" * 20: 0.95}
    page = await site.get(f"/?{words}")
    assert 'name="meaning"' in page
    assert lunar.event_id not in page
    assert site.day.meant == [], "words alone do not ask the encoder"
    page = await site.get(f"/?{words}&meaning=yes")
    WellFormed(page)
    near = page[page.index("In other words") :]
    assert near.index(lunar.event_id) < near.index(bus.event_id)
    zh = await site.get(f"/?{words}&meaning=yes&lang=zh")
    assert bus.event_id in zh
    assert lunar.event_id not in zh
    assert site.day.meant == ["ferry"], "one answer serves all who ask"


async def test_programs_find_what_means_the_same(site):
    lunar = site.day.events_held[0]
    refused = json.loads(await site.get("/api/events?words=x&meaning=yes", status=400))
    assert refused["error"].startswith("meaning: nothing is compared by meaning")
    site.day.near = {lunar.event_id: 0.9}
    plain = json.loads(await site.get("/api/events?words=ferry"))
    assert plain["by_meaning"] == []
    asked = json.loads(await site.get("/api/events?words=ferry&meaning=yes"))
    assert asked["events"] == plain["events"] != []
    [near] = asked["by_meaning"]
    assert (near["event_id"], near["likeness"]) == (lunar.event_id, 0.9)
    both = json.loads(await site.get("/api/events?words=moon&meaning=yes"))
    assert both["by_meaning"] == [], "what holds the words stands among them"
    wrong = json.loads(await site.get("/api/events?meaning=yes", status=400))
    assert "`meaning` needs `words`" in wrong["error"]


@pytest.mark.parametrize(
    "junk",
    [b"\x16\x03\x01\0", b"GET / HTTP/9.9\r\n\r\n", b"get / HTTP/1.1\r\n\r\n"],
)
async def test_what_is_no_http_is_answered_and_fills_no_log(site, caplog, junk):
    host, port = site.base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(junk)
    assert b" 400 " in await reader.read()
    writer.close()
    assert caplog.records == []
