"""Knows the pages that stand between a program and a site: challenges and blocks of well-known services (situation 23).

Rules: a header that only such a service sends decides by itself; otherwise words of the page, and only of an HTML
page, so that a feed that writes about bot walls stays a feed. Each line names the service it is for. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

LOOKED_AT_BYTES = 65536
_BY_HEADER: tuple[tuple[str, str, str], ...] = (
    ("cf-mitigated", "challenge", "Cloudflare"),
    ("x-vercel-mitigated", "", "Vercel"),
    ("x-amzn-waf-action", "", "AWS WAF"),
    ("x-datadome", "protected", "DataDome"),
    ("x-dd-b", "", "DataDome"),
    ("x-sucuri-block", "", "Sucuri"),
)
"""(header, what its value holds, service)."""
_BY_PAGE: tuple[tuple[bytes, str], ...] = (
    (b"<title>just a moment...</title>", "Cloudflare"),
    (b"/cdn-cgi/challenge-platform/", "Cloudflare"),
    (b"cf-error-details", "Cloudflare"),
    (b"<title>attention required! | cloudflare</title>", "Cloudflare"),
    (b"_incapsula_resource", "Imperva"),
    (b"captcha-delivery.com", "DataDome"),
    (b"px-captcha", "HUMAN"),
    (b"sucuri website firewall", "Sucuri"),
    (b"<title>ddos-guard</title>", "DDoS-Guard"),
    (b"anubis_challenge", "Anubis"),
    (b"/.within.website/x/cmd/anubis/", "Anubis"),
    (b"awswafintegration", "AWS WAF"),
    (b"_guard/auto.js", "a script challenge"),
    (b"errors.edgesuite.net", "Akamai"),
)
_HTML_STARTS = (b"<!doctype html", b"<html", b"<head", b"<title", b"<script")
_REFUSALS = frozenset({401, 403, 405, 406, 429, 503})


def bot_wall(
    status: int,
    headers: Mapping[str, str],
    start: bytes,
) -> str:
    """The service whose wall this answer is, '' when it is none. `start`: the first part of the decoded body."""
    for name, words_in_it, service in _BY_HEADER:
        if name not in headers or words_in_it not in headers[name].lower():
            continue
        # AWS WAF answers with 202 while its script runs.
        if status in _REFUSALS or service == "AWS WAF":
            return service
    page = start[:LOOKED_AT_BYTES].lower()
    if not _is_html(page):
        return ""
    for words, service in _BY_PAGE:
        if words in page:
            return service
    is_akamai = headers.get("server", "").lower() == "akamaighost"
    # Its page has no other sign than the number by which its operator finds the request.
    if is_akamai and status == 403 and b"reference" in page:
        return "Akamai"
    return ""


def _is_html(page: bytes) -> bool:
    start = page.lstrip(b"\xef\xbb\xbf \t\r\n")[:200]
    return start.startswith(_HTML_STARTS) or b"<html" in start
