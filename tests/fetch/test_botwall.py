"""fetch.botwall: challenges are known for what they are, feeds that write about them are not (situation 23)."""

from __future__ import annotations

import pytest

from aggregator.fetch.botwall import bot_wall
from aggregator.fetch.fetcher import Fetcher
from aggregator.model import FailureKind
from tests.fetch.asking import asking, failed, fetched
from tests.origin import Answer, Origin, feed_document

CHALLENGE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>wait</body></html>"
WALLS = [
    (403, {"cf-mitigated": "challenge"}, b"", "Cloudflare"),
    (503, {"server": "cloudflare"}, CHALLENGE, "Cloudflare"),
    (200, {}, CHALLENGE, "Cloudflare"),
    (403, {}, b"<html><body><script src='/cdn-cgi/challenge-platform/h/b'></script>", "Cloudflare"),
    (403, {"server": "AkamaiGHost"}, b"<HTML><HEAD><TITLE>Access Denied</TITLE></HEAD>Reference&#32;&#35;18", "Akamai"),
    (403, {"x-datadome": "protected"}, b"", "DataDome"),
    (405, {"x-amzn-waf-action": "captcha"}, b"", "AWS WAF"),
    (202, {"x-amzn-waf-action": "challenge"}, b"", "AWS WAF"),
    (200, {}, b"<html><head></head><script src=\"/_Incapsula_Resource?x\"></script>", "Imperva"),
    (200, {}, b"<!doctype html><html><script id=\"anubis_challenge\" type=\"application/json\">", "Anubis"),
    (403, {}, b"\n<html><title>x</title>Sucuri WebSite Firewall", "Sucuri"),
]  # fmt: skip
NO_WALLS = [
    (
        200,
        {"server": "cloudflare"},
        b"<rss><title>Just a moment...</title>/cdn-cgi/challenge-platform/</rss>",
    ),
    (403, {"server": "cloudflare"}, b"<html>Forbidden</html>"),
    (404, {"server": "AkamaiGHost"}, b"<html>Reference</html>"),
    (200, {"x-datadome": "protected"}, b"<feed/>"),
    (500, {}, b""),
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
