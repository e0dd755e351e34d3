"""Events out: the feeds as any reader reads them, the API as its own description says it answers."""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import feedparser
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from aggregator.entry.parse import parsed_feed
from aggregator.model import EPOCH, ParsedFeed, Source
from aggregator.watch import api, syndication
from aggregator.watch.choice import since_at
from aggregator.watch.links import shown_address
from aggregator.watch.syndication import Outlet

from .sample import NOW, REPORTED, event_of_telling, hex_id
from .test_http import Site, site

__all__ = ["site"]

EVENTS = [event_of_telling(telling) for telling in REPORTED]
LUNAR, BUS = EVENTS[0], EVENTS[1]
SINGLE = EVENTS[-1]
ATOM = {"a": "http://www.w3.org/2005/Atom"}
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
ASKED = [
    ({}, 10),
    ({"lang": "zh"}, 3),
    ({"lang": "zh-TW"}, 0),
    ({"category": "Space"}, 1),
    ({"min_sources": "3"}, 4),
    ({"words": "pictures MOON"}, 1),
    ({"since": "2h"}, 5),
    ({"since": (NOW - timedelta(hours=2)).isoformat()}, 5),
    ({"lang": "en", "min_sources": "2", "since": "3h"}, 3),
    ({"limit": "4"}, 4),
]


async def _json(site: Site, path: str, *, status: int = 200) -> Any:
    return orjson.loads(await site.get(path, status=status))


# --- feeds ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "count"), ASKED)
async def test_each_filter_gives_the_same_events_in_every_form(site, asked, count):
    query = f"?{urlencode(asked)}" if asked else ""
    atom = etree.fromstring((await site.get(f"/events.atom{query}")).encode())
    feed = await _json(site, f"/events.json{query}")
    answer = await _json(site, f"/api/events{query}")
    ids = [event["event_id"] for event in answer["events"]]
    assert len(ids) == count
    assert [item["id"] for item in feed["items"]] == ids
    assert [
        found.text.rpartition(":")[2] for found in atom.iterfind("a:entry/a:id", ATOM)
    ] == ids


async def test_the_atom_feed_keeps_the_rules_of_rfc_4287(site):
    text = await site.get("/events.atom?lang=zh")
    feed = etree.fromstring(text.encode())
    assert feed.tag == "{http://www.w3.org/2005/Atom}feed"
    links = {
        link.get("rel"): link.get("href") for link in feed.iterfind("a:link", ATOM)
    }
    assert links == {
        "self": f"{site.base}/events.atom?lang=zh",
        "alternate": f"{site.base}/?lang=zh",
    }
    for part in (feed, *feed.iterfind("a:entry", ATOM)):
        for name in ("id", "title", "updated"):
            assert len(part.findall(f"a:{name}", ATOM)) == 1, name
        assert RFC3339.fullmatch(part.findtext("a:updated", namespaces=ATOM))
        assert part.find("a:author/a:name", ATOM) is not None
        assert re.match(r"[a-z]+:\S+$", part.findtext("a:id", namespaces=ATOM)), (
            "an id is an absolute IRI"
        )
        alternates = [
            link
            for link in part.iterfind("a:link", ATOM)
            if link.get("rel") == "alternate"
        ]
        assert len(alternates) == 1
    ids = [found.text for found in feed.iterfind("a:entry/a:id", ATOM)]
    assert len(ids) == len(set(ids)) == 3


async def test_an_event_is_one_entry_and_its_reports_are_links(site):
    feed = etree.fromstring(
        (await site.get("/events.atom?lang=zh&min_sources=4")).encode()
    )
    [entry] = feed.findall("a:entry", ATOM)
    reports = [
        link.get("href")
        for link in entry.iterfind("a:link", ATOM)
        if link.get("rel") == "related"
    ]
    assert sorted(reports) == sorted(source.url for source in BUS.sources)
    assert entry.findtext("a:id", namespaces=ATOM) == f"urn:aggregator:{BUS.event_id}"
    assert entry.find("a:author/a:name", ATOM).text == "滨海日报"
    [item] = (await _json(site, "/events.json?lang=zh&min_sources=4"))["items"]
    assert item["url"] == f"{site.base}/events/{BUS.event_id}"
    assert [report["url"] for report in item["_aggregator"]["reports"]] == reports
    assert item["authors"][0] == {"name": "滨海日报"}


async def test_a_single_report_leads_to_the_article(site):
    [item] = (await _json(site, "/events.json?lang=de"))["items"]
    assert item["url"] == SINGLE.sources[0].url
    feed = etree.fromstring((await site.get("/events.atom?lang=de")).encode())
    assert (
        feed.find("a:entry/a:link[@rel='alternate']", ATOM).get("href")
        == SINGLE.sources[0].url
    )


async def test_the_json_feed_keeps_the_rules_of_version_1_1(site):
    site.day.events_held[0] = replace(
        LUNAR, lead="The relay works.", image="https://orbit.example/moon.jpg"
    )
    feed = await _json(site, "/events.json")
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["feed_url"] == f"{site.base}/events.json"
    assert feed["home_page_url"] == f"{site.base}/"
    for item in feed["items"]:
        assert isinstance(item["id"], str)
        assert item.get("content_html") or item.get("content_text")
        assert RFC3339.fullmatch(item["date_published"])
        assert all(author["name"] for author in item["authors"])
        assert all(isinstance(tag, str) for tag in item.get("tags", []))
    lunar = next(item for item in feed["items"] if item["id"] == LUNAR.event_id)
    assert lunar["summary"] == "The relay works."
    assert lunar["image"] == "https://orbit.example/moon.jpg"


@pytest.mark.parametrize("path", ["/events.atom", "/events.json"])
async def test_feedparser_and_our_own_reader_read_every_event(site, path):
    text = (await site.get(path)).encode()
    if path.endswith("atom"):
        read = feedparser.parse(text)
        assert not read.bozo
        assert len(read.entries) == len(EVENTS)
    ours = parsed_feed(text, content_type=None, url=f"{site.base}{path}")
    assert isinstance(ours, ParsedFeed)
    assert {entry.title.value for entry in ours.entries} == {
        event.title for event in EVENTS
    }
    assert {entry.guid.rpartition(":")[2] for entry in ours.entries} == {
        event.event_id for event in EVENTS
    }
    assert all(entry.link and entry.published_raw for entry in ours.entries)


@pytest.mark.parametrize(
    "path", ["/events.atom?lang=zh", "/events.json", "/api/events", "/api/feeds"]
)
async def test_who_has_it_is_told_so_and_a_change_is_told_whole(site, path):
    async with site.client.get(site.base + path) as first:
        tag, modified = first.headers["ETag"], first.headers.get("Last-Modified")
    for headers in (
        {"If-None-Match": tag},
        {"If-None-Match": f'"x", {tag.removeprefix("W/")}'},
    ):
        async with site.client.get(site.base + path, headers=headers) as second:
            assert (second.status, await second.read()) == (304, b"")
            assert second.headers["ETag"] == tag
    if path.startswith("/events"):
        async with site.client.get(
            site.base + path, headers={"If-Modified-Since": modified}
        ) as second:
            assert second.status == 304
    async with site.client.get(
        site.base + path,
        headers={"If-None-Match": '"other"', "If-Modified-Since": modified or ""},
    ) as second:
        assert second.status == 200, "a tag counts more than a date"


@pytest.mark.parametrize(
    ("since", "status"),
    [
        ("Fri, 31 Dec 99999999999 23:59:59 GMT", 200),
        ("Mon, 01 Jan 2020 00:00:00 +99999999999999", 200),
        ("Fri, 31 Dec 9999 23:59:59 -0100", 200),
        ("Fri, 31 Dec 9999 23:59:59 -0000", 304),
        ("0 0 0", 200),
    ],
)
async def test_a_date_beyond_the_calendar_is_no_date(site, since, status):
    headers = {"If-Modified-Since": since}
    async with site.client.get(f"{site.base}/events.atom", headers=headers) as answer:
        assert answer.status == status


def test_validators_hold_while_nothing_happens():
    outlet = Outlet("http://x", "", {})
    assert syndication.atom(EVENTS, outlet) == syndication.atom(list(EVENTS), outlet)
    grown = [replace(LUNAR, last_seen_at=NOW), *EVENTS[1:]]
    assert syndication.atom(grown, outlet) != syndication.atom(EVENTS, outlet)
    assert syndication.updated_at(grown) == NOW
    assert syndication.updated_at([]) == EPOCH


async def test_an_empty_feed_is_a_feed(site):
    feed = etree.fromstring(
        (await site.get("/events.atom?words=nothing-like-this")).encode()
    )
    assert feed.findall("a:entry", ATOM) == []
    assert feed.findtext("a:updated", namespaces=ATOM) == "1970-01-01T00:00:00Z"
    assert (await _json(site, "/events.json?words=nothing-like-this"))["items"] == []


@given(
    title=st.text(), url=st.text(), lead=st.text(), name=st.text(), category=st.text()
)
def test_whatever_a_publisher_wrote_the_feeds_are_well_formed(
    title, url, lead, name, category
):
    source = Source("one", "0" * 20, url, title, NOW + timedelta(days=3))
    event = replace(
        SINGLE,
        title=title,
        lead=lead,
        image=url,
        sources=(source,),
        categories=(category,),
    )
    outlet = Outlet("http://x", "?words=%22", {"one": name})
    etree.fromstring(syndication.atom([event], outlet))
    assert (
        orjson.loads(syndication.json_feed([event], outlet))["items"][0]["id"]
        == event.event_id
    )


# --- the API --------------------------------------------------------------------------------------------------


async def test_an_event_tells_its_reports_and_how_they_came(site):
    found = await _json(site, f"/api/events/{LUNAR.event_id}")
    assert found["source_count"] == 7
    assert found["independent_count"] == LUNAR.independent_count
    assert [report["feed_id"] for report in found["reports"]] == [
        source.feed_id for source in LUNAR.sources
    ]
    assert found["reports"][0]["source"] == "Orbit Weekly"
    reasons = {line["reason"] for line in found["history"]}
    assert reasons == {"new", "similar", "copy", "update"}


async def test_pages_of_events_cover_all_of_them_once(site):
    first = await _json(site, "/api/events?limit=4")
    assert (first["total"], first["page"], first["pages"]) == (10, 1, 3)
    found = [
        first,
        *[await _json(site, f"/api/events?limit=4&page={page}") for page in (2, 3)],
    ]
    ids = [event["event_id"] for part in found for event in part["events"]]
    assert sorted(ids) == sorted(event.event_id for event in EVENTS)
    assert (await _json(site, "/api/events?limit=4&page=9"))["events"] == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("minsources=3", "there is no parameter 'minsources'; there are lang"),
        ("min_sources=many", "min_sources"),
        ("min_sources=0", "min_sources"),
        ("since=yesterday", '"24h", "7d"'),
        ("limit=100000", "limit"),
        ("page=0", "page"),
        ("order=sideways", "order"),
    ],
)
async def test_a_question_that_cannot_be_answered_says_what_to_write(site, query, said):
    assert said in (await _json(site, f"/api/events?{query}", status=400))["error"]


@pytest.mark.parametrize("path", ["/events.atom", "/events.json"])
async def test_a_feed_refuses_a_broken_filter_and_passes_over_strange_parameters(
    site, path
):
    assert "since" in (await _json(site, f"{path}?since=soon", status=400))["error"]
    await site.get(f"{path}?utm_source=reader")


async def test_errors_of_the_api_are_json(site):
    assert (
        "no event"
        in (await _json(site, "/api/events/e" + "0" * 20, status=404))["error"]
    )
    assert "openapi.json" in (await _json(site, "/api/nowhere", status=404))["error"]
    site.day.down = True
    for path in ("/api/events", "/api/feeds", "/events.json", "/events.atom"):
        assert "Redis" in (await _json(site, path, status=503))["error"]


async def test_an_absorbed_event_leads_to_its_survivor(site):
    absorbed = replace(
        BUS, event_id="e" + hex_id("absorbed"), merged_into=LUNAR.event_id
    )
    site.day.events_held.append(absorbed)
    async with site.client.get(
        f"{site.base}/api/events/{absorbed.event_id}"
    ) as response:
        assert response.url.path == f"/api/events/{LUNAR.event_id}"


async def test_feeds_are_told_without_secrets(site):
    text = await site.get("/api/feeds")
    assert "hunter2" not in text
    feeds = {feed["feed_id"]: feed for feed in orjson.loads(text)["feeds"]}
    assert len(feeds) == len(site.day.states)
    assert feeds["closed-gazette"]["health"] == "gone"
    assert feeds["closed-gazette"]["next_poll_at"] is None
    assert feeds["quiet-valley"]["url"] == "https://quiet-valley.example/feed.xml"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (
            "https://me:secret@host.example:8443/feed?x=1#part",
            "https://host.example:8443/feed?x=1",
        ),
        (
            "https://host.example/rss?auth=abc123&id=4",
            "https://host.example/rss?auth=…&id=4",
        ),
        (
            "https://host.example/rss?id=4&api_key=abc&u=1",
            "https://host.example/rss?id=4&api_key=…&u=1",
        ),
        (
            "https://host.example/rss?access_TOKEN=abc",
            "https://host.example/rss?access_TOKEN=…",
        ),
        ("https://[bad/feed", ""),
    ],
)
def test_what_is_secret_in_an_address_is_not_shown(address, shown):
    assert shown_address(address) == shown


async def test_the_description_names_every_route_and_every_field(site):
    described = await _json(site, "/api/openapi.json")
    assert described["openapi"].startswith("3.1")
    assert set(described["paths"]) == {
        "/api/events",
        "/api/events/{event_id}",
        "/api/feeds",
        "/events.atom",
        "/events.json",
    }
    schemas = described["components"]["schemas"]
    answers = {
        "EventPage": await _json(site, "/api/events"),
        "EventDetail": await _json(site, f"/api/events/{LUNAR.event_id}"),
        "FeedList": await _json(site, "/api/feeds"),
        "Problem": await _json(site, "/api/events?page=0", status=400),
    }
    for name, answer in answers.items():
        assert set(answer) == set(schemas[name]["properties"]), name
    assert set(answers["EventPage"]["events"][0]) == set(
        schemas["EventSummary"]["properties"]
    )
    parameters = {
        parameter["name"]
        for parameter in described["paths"]["/api/events"]["get"]["parameters"]
    }
    assert parameters == set(api.EventsQuery.model_fields)
    references = set(
        re.findall(r"#/components/schemas/(\w+)", orjson.dumps(described).decode())
    )
    assert references <= set(schemas)


async def test_the_page_names_the_feeds_of_its_own_filter(site):
    page = await site.get("/?lang=zh&min_sources=2&hours=72&order=newest&page=2")
    assert (
        'type="application/atom+xml" title="Events (Atom)" href="/events.atom?lang=zh&amp;min_sources=2"'
        in page
    )
    assert 'href="/events.json?lang=zh&amp;min_sources=2"' in page
    docs = await site.get("/docs")
    for parameter in api.FilterQuery.model_fields:
        assert f"<code>{parameter}</code>" in docs
    for path in re.findall(r'href="(/(?:api|events)[^"]*)"', docs):
        await site.get(path)


# --- since ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("24h", NOW - timedelta(hours=24)),
        ("2w", NOW - timedelta(weeks=2)),
        ("2026-03-05", datetime(2026, 3, 5, tzinfo=UTC)),
        ("2026-03-05T10:00:00Z", datetime(2026, 3, 5, 10, tzinfo=UTC)),
        ("2026-03-05T10:00:00+08:00", datetime(2026, 3, 5, 2, tzinfo=UTC)),
        ("2026-03-05T10:00:00 08:00", datetime(2026, 3, 5, 2, tzinfo=UTC)),
    ],
)
def test_since_is_a_span_or_a_moment(text, at):
    assert since_at(text, NOW) == at


@given(st.text())
def test_any_since_is_a_moment_or_refused(text):
    with contextlib.suppress(ValueError):
        assert since_at(text, NOW).tzinfo is not None


async def test_a_late_report_with_an_old_date_is_still_told(site):
    """A feed that is slow, or was just added: what came now has an old date, and a program that asks again gets it."""
    source = replace(SINGLE.sources[0], published_at=NOW - timedelta(days=30))
    seen_at = NOW - timedelta(minutes=1)
    site.day.events_held = [
        replace(SINGLE, sources=(source,), first_seen_at=seen_at, last_seen_at=seen_at)
    ]
    [item] = (await _json(site, "/events.json?since=2h"))["items"]
    assert item["date_published"] == "2026-02-03T18:20:00Z"
    assert item["date_modified"] == "2026-03-05T18:19:00Z"
