"""fetch.botwall: challenges are known for what they are, feeds that write about them are not (situation 23)."""

from __future__ import annotations

import time

import pytest

from aggregator.fetch.botwall import bot_wall
from aggregator.fetch.fetcher import Fetcher
from aggregator.model import FailureKind, Feed, Health
from tests.fetch.asking import asking, failed, fetched
from tests.origin import Answer, Origin, feed_document
from tests.schedule.living import LivingFeed

CHALLENGE = (
    b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body><noscript>Enable JavaScript</noscript>"
    b"<script>window._cf_chl_opt = {cType: 'managed'};</script></body></html>"
)
ORCHESTRATED = (
    b"<!doctype html><title>Just a moment...</title><script>"
    b"a.src = '/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1?ray=8a';</script>"
)
INCAPSULA = (
    b'<html style="height:100%"><head><META NAME="ROBOTS" CONTENT="NOINDEX"></head><body style="margin:0">'
    b'<iframe id="main-iframe" src="/_Incapsula_Resource?CWUDNSAI=9">Request unsuccessful.</iframe></body></html>'
)
DATADOME = (
    b'<html lang="en"><head><title>a.example</title><style>#cmsg{x:y}</style></head><body><p id="cmsg">Please enable JS</p>'
    b"<script>var dd={'rt':'c','host':'geo.captcha-delivery.com'}</script>"
    b'<script src="https://ct.captcha-delivery.com/c.js"></script></body></html>'
)
BLOCKED = (
    b"<!DOCTYPE html>\n<!--[if lt IE 7]> <html class='ie6'> <![endif]-->\n<!--[if gt IE 8]><!--> <html> <!--<![endif]-->"
    b"<head><title>Attention Required! | Cloudflare</title></head><body><div class='cf-error-details'>Blocked</div>"
)
WALLS = [
    (403, {"cf-mitigated": "challenge"}, b"", "Cloudflare"),
    (503, {"server": "cloudflare"}, CHALLENGE, "Cloudflare"),
    (200, {}, CHALLENGE, "Cloudflare"),
    (200, {}, b'<?xml version="1.0"?>\n<!-- x -->' + CHALLENGE, "Cloudflare"),
    (403, {}, ORCHESTRATED, "Cloudflare"),
    (403, {}, BLOCKED, "Cloudflare"),
    (403, {"server": "AkamaiGHost"}, b"<HTML><HEAD><TITLE>Access Denied</TITLE></HEAD>Reference&#32;&#35;18", "Akamai"),
    (403, {"x-datadome": "protected"}, b"", "DataDome"),
    (200, {}, DATADOME, "DataDome"),
    (405, {"x-amzn-waf-action": "captcha"}, b"", "AWS WAF"),
    (202, {"x-amzn-waf-action": "challenge"}, b"", "AWS WAF"),
    (202, {}, b"<!DOCTYPE html><html><script>window.gokuProps = {};</script>", "AWS WAF"),
    (200, {}, b"<html><head></head><script src=\"/_Incapsula_Resource?x\"></script>", "Imperva"),
    (200, {}, INCAPSULA, "Imperva"),
    (403, {}, b"<!DOCTYPE html><html><div id=\"px-captcha\"></div>Press &amp; Hold</html>", "HUMAN"),
    (200, {}, b"<!doctype html><html><script id=\"anubis_challenge\" type=\"application/json\">", "Anubis"),
    (403, {}, b"\n<html><title>x</title>Sucuri WebSite Firewall", "Sucuri"),
]  # fmt: skip
SENSOR = b"""<script>(function(){a.src='/cdn-cgi/challenge-platform/scripts/jsd/main.js';})();</script>"""
HOME = (
    b'<!DOCTYPE html><html><head><title>My blog</title><link rel="alternate" href="/feed.xml"></head><body><h1>Hello</h1>'
    + SENSOR
    + b"</body></html>"
)
ORDINARY = {
    "Cloudflare": HOME,
    "a post about it": HOME.replace(b"Hello", b"<pre>_cf_chl_opt</pre>" + b"How it works. " * 300),
    "a title alone": b"<!doctype html><html><title>Just a moment...</title><p>A poem.",
    "Imperva": b'<html><script src="/_Incapsula_Resource?SWJIYLWA=7"></script><h1>News</h1>',
    "DataDome": b'<html><meta http-equiv="Content-Security-Policy" content="frame-src geo.captcha-delivery.com"><p>Hello',
    "HUMAN": b"<html><style>#px-captcha{}</style><body>shop",
    "AWS WAF": b"<html><script>AwsWafIntegration.fetch('/a')</script><p>Hello",
    "Sucuri": b"<html><p>We compared the Sucuri WebSite Firewall with others.",
}  # fmt: skip
ERROR_522 = b'<!DOCTYPE html><html><title>x | 522: Connection timed out</title><div id="cf-error-details">'
NO_WALLS = [
    (
        200,
        {"server": "cloudflare"},
        b"<rss><title>Just a moment...</title>_cf_chl_opt</rss>",
    ),
    (403, {"server": "cloudflare"}, b"<html>Forbidden</html>"),
    (404, {"server": "AkamaiGHost"}, b"<html>Reference</html>"),
    (200, {"x-datadome": "protected"}, b"<feed/>"),
    (500, {}, b""),
    (522, {}, ERROR_522),
    (503, {}, ERROR_522),
    *((status, {}, page) for page in ORDINARY.values() for status in (200, 401, 404)),
    *((status, {}, CHALLENGE) for status in (404, 410, 500)),
]


@pytest.mark.parametrize(("status", "headers", "start", "service"), WALLS)
def test_a_wall_is_known(
    status: int, headers: dict[str, str], start: bytes, service: str
):
    assert bot_wall(status, headers, start) == service


@pytest.mark.parametrize(("status", "headers", "start"), NO_WALLS)
def test_what_is_no_wall_is_not_taken_for_one(
    status: int, headers: dict[str, str], start: bytes
):
    assert bot_wall(status, headers, start) == ""


async def test_situation_23_a_bot_wall_is_classified_and_names_the_way_out(
    origin: Origin, fetcher: Fetcher
):
    for status in (403, 200):
        origin.script(
            "/feed",
            Answer(
                status=status, body=CHALLENGE, content_type="text/html", encoding="gzip"
            ),
        )
        result = failed(
            await fetcher.fetch(asking(origin.url("/feed"))), FailureKind.BOT_WALL
        )
        assert "Cloudflare" in result.detail
        assert "user_agent" in result.detail
        assert result.status == status


async def test_situation_23_a_feed_about_bot_walls_is_a_feed(
    origin: Origin, fetcher: Fetcher
):
    body = feed_document(title="/cdn-cgi/challenge-platform/ explained")
    origin.script("/feed", Answer(body=body))
    assert fetched(await fetcher.fetch(asking(origin.url("/feed")))).body == body


FEEDS = {
    "a comment that names the element": b'<?xml version="1.0"?>\n<!-- This is a feed, not <html>. -->\n<rss version="2.0">'
    b"<channel><title>How px-captcha works</title></channel></rss>",
    "a page in its description": b"<rss><channel><description><![CDATA[<html>hi</html>]]></description>"
    b"<title>window._cf_chl_opt explained</title></channel></rss>",
    "the document type of a page": b"<!DOCTYPE html><rss><channel><title>_cf_chl_opt</title></channel></rss>",
    "no declaration": b"<feed><title>&lt;html> _Incapsula_Resource</title></feed>",
    "a style sheet": b'<?xml version="1.0"?><?xml-stylesheet href="/a.xsl"?><!-- <html> px-captcha --><rss/>',
}  # fmt: skip


@pytest.mark.parametrize("body", FEEDS.values(), ids=FEEDS.keys())
async def test_a_feed_that_writes_of_pages_and_walls_is_a_feed(
    origin: Origin, fetcher: Fetcher, body: bytes
):
    origin.script("/feed", Answer(body=body))
    assert fetched(await fetcher.fetch(asking(origin.url("/feed")))).body == body


@pytest.mark.parametrize("page", ORDINARY.values(), ids=ORDINARY.keys())
async def test_an_ordinary_page_with_a_services_script_is_handed_on(
    origin: Origin, fetcher: Fetcher, page: bytes
):
    """By its address a feed is looked for in it."""
    origin.script("/", Answer(body=page, content_type="text/html"))
    assert fetched(await fetcher.fetch(asking(origin.url("/")))).body == page


@pytest.mark.parametrize(
    ("status", "kind", "health"),
    [
        (401, FailureKind.UNAUTHORIZED, Health.FAILING),
        (404, FailureKind.NOT_FOUND, Health.FAILING),
        (410, FailureKind.GONE, Health.GONE),
        (500, FailureKind.HTTP_STATUS, Health.FAILING),
        (522, FailureKind.HTTP_STATUS, Health.FAILING),
    ],
)
async def test_a_page_of_a_site_behind_cloudflare_keeps_the_meaning_of_its_status(
    origin: Origin, fetcher: Fetcher, status: int, kind: FailureKind, health: Health
):
    page = HOME.replace(b"<h1>", b'<div id="cf-error-details"></div><h1>')
    if status == 401:
        page = HOME
    origin.script("/feed", Answer(status=status, body=page, content_type="text/html"))
    living = LivingFeed(Feed("f", origin.url("/feed")), fetcher)
    first = await living.poll()
    failed(first.result, kind)
    assert living.state.health is health
    if health is not Health.GONE:
        assert (await living.poll()).decision.host_hold_until_at is None


@pytest.mark.parametrize(
    "piece", [b"<script", b"</script ", b"<!--", b"<!doctype ", b"<?", b" id "]
)
def test_no_page_takes_long_to_look_at(piece: bytes):
    page = b"<html>window._cf_chl_opt _incapsula_resource" + piece * 20_000
    started = time.process_time()
    for start in (page, piece * 20_000):
        bot_wall(200, {}, start)
    assert time.process_time() - started < 1
