"""Knows the pages that stand between a program and a site: challenges and blocks of well-known services (situation 23).

Rules: a header that only such a service sends decides by itself; otherwise words of the page, and only of an HTML
page, so that a feed that writes about bot walls stays a feed. Each line names the service it is for. Pure.

These services stand in front of ordinary pages, too, and put their scripts into them: Cloudflare's sensor is in every
page of a site with its free bot fight mode. So a service's name in a page says nothing. What counts is what only the
challenge itself has, in a page that shows hardly anything else; a block, which needs no script, must come with a
status that refuses. Whatever a page of 404, 410 or 500 holds, it keeps the meaning of its status: a wall lets through
or refuses, and says nothing of what there is behind it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

LOOKED_AT_BYTES = 65536
REFUSALS = frozenset({401, 403, 405, 406, 429, 503})
"""Statuses by which walls refuse; of other failures the page tells nothing."""
_SUCCESSES = range(200, 300)
_MOST_SHOWN_BYTES = 2500
"""Of text, in a challenge. The most talkative, Anubis', has 1,500; what a site writes about challenges has more."""
_BY_HEADER: tuple[tuple[str, str, str], ...] = (
    ("cf-mitigated", "challenge", "Cloudflare"),
    ("x-vercel-mitigated", "", "Vercel"),
    ("x-amzn-waf-action", "", "AWS WAF"),
    ("x-datadome", "protected", "DataDome"),
    ("x-dd-b", "", "DataDome"),
    ("x-sucuri-block", "", "Sucuri"),
)
"""(header, what its value holds, service)."""
_CHALLENGES: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"\b_cf_chl_opt\b"), "Cloudflare"),
    (
        re.compile(rb"/cdn-cgi/challenge-platform/h/[^\"'\s]{0,200}/orchestrate/"),
        "Cloudflare",
    ),
    (re.compile(rb"incapsula incident id"), "Imperva"),
    (re.compile(rb"\bvar dd\s*=[^<]{0,2000}captcha-delivery\.com"), "DataDome"),
    (re.compile(rb"\bid\s*=\s*[\"']?px-captcha\b"), "HUMAN"),
    (re.compile(rb"<title>ddos-guard</title>"), "DDoS-Guard"),
    (re.compile(rb"\bid\s*=\s*[\"']?anubis_challenge\b"), "Anubis"),
    (re.compile(rb"src\s*=\s*[\"']?/\.within\.website/x/cmd/anubis/"), "Anubis"),
    (re.compile(rb"\bwindow\.gokuprops\b"), "AWS WAF"),
    (re.compile(rb"\bawswafintegration\.checkforcerefresh\b"), "AWS WAF"),
)
"""What only a challenge holds; it comes with a success as well as with a refusal."""
_BARE: tuple[tuple[bytes, str], ...] = (
    (b"_incapsula_resource", "Imperva"),
    (b"captcha-delivery.com", "DataDome"),
    (b"_guard/auto.js", "a script challenge"),
)
"""Scripts and frames that ordinary pages have, too: a challenge is a page that is nothing else."""
_BLOCKS: tuple[tuple[bytes, str], ...] = (
    (b"<title>attention required! | cloudflare</title>", "Cloudflare"),
    (b"cf-error-details", "Cloudflare"),
    (b"sucuri website firewall", "Sucuri"),
    (b"errors.edgesuite.net", "Akamai"),
)
"""Words of pages that refuse for good."""
_BLOCKING = frozenset({403, 405, 406, 429})
"""Without 401, which wants credentials, and 503: so a service says that the site behind it is down, on a like page."""
_BEFORE_ROOT = re.compile(rb"\s+|<\?.*?\?>|<!--.*?-->|<!doctype[^>]*>", re.DOTALL)
_PAGE_ROOT = re.compile(
    rb"<(?:html|head|title|script|style|meta|link|body|noscript|center|div)[\s>/]"
)
_NOT_SHOWN = re.compile(
    # What is never closed hides the rest, as in browsers; and no end of it is looked for twice.
    rb"<(script|style|title|iframe)\b.*?(?:</\1[^>]*>?|\Z)|<!--.*?(?:-->|\Z)|<[^>]*>?",
    re.DOTALL,
)


def bot_wall(
    status: int,
    headers: Mapping[str, str],
    start: bytes,
) -> str:
    """The service whose wall this answer is, '' when it is none. `start`: the first part of the decoded body."""
    if status not in REFUSALS and status not in _SUCCESSES:
        return ""
    for name, words_in_it, service in _BY_HEADER:
        if name not in headers or words_in_it not in headers[name].lower():
            continue
        # AWS WAF answers with 202 while its script runs.
        if status in REFUSALS or service == "AWS WAF":
            return service
    page = start[:LOOKED_AT_BYTES].lower()
    if not _is_html(page):
        return ""
    if status in _BLOCKING:
        blocker = _blocker(status, headers, page)
        if blocker:
            return blocker
    return _challenger(page)


def _blocker(status: int, headers: Mapping[str, str], page: bytes) -> str:
    for words, service in _BLOCKS:
        if words in page:
            return service
    is_akamai = headers.get("server", "").lower() == "akamaighost"
    # Its page has no other sign than the number by which its operator finds the request.
    if is_akamai and status == 403 and b"reference" in page:
        return "Akamai"
    return ""


def _challenger(page: bytes) -> str:
    for pattern, service in _CHALLENGES:
        if pattern.search(page) and _shown_bytes(page) <= _MOST_SHOWN_BYTES:
            return service
    for words, service in _BARE:
        if words in page and not _shown_bytes(page):
            return service
    return ""


def _shown_bytes(page: bytes) -> int:
    """How much text the page shows who runs no scripts."""
    text = _NOT_SHOWN.sub(b" ", page)
    return len(b" ".join(text.split()))


def _is_html(page: bytes) -> bool:
    """Whether the root element is one of a page: the word `<html` stands in comments and texts of feeds, too."""
    at = len(page) - len(page.removeprefix(b"\xef\xbb\xbf"))
    while skipped := _BEFORE_ROOT.match(page, at):
        at = skipped.end()
    return _PAGE_ROOT.match(page, at) is not None
