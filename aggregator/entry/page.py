"""What a body that is no feed seems to be, in words an operator can act on."""

from __future__ import annotations

import re
from html import unescape

from aggregator.redaction import redacted

_SKIPPED = re.compile(r"\s+|<\?.*?\?>|<!--.*?-->|<!(?!DOCTYPE)[^>]*>", re.DOTALL)
_DOCTYPE = re.compile(r"<!DOCTYPE\s+([A-Za-z_][\w.:-]*)", re.IGNORECASE)
_ELEMENT = re.compile(r"<([A-Za-z_][\w.:-]*)")
_FEED_ROOT = re.compile(
    r"<(?:[\w.-]+:)?(?:rss|rdf|feed|channel|entry)[\s>]", re.IGNORECASE
)
_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{0,400})", re.IGNORECASE)
_FEED_LINK = re.compile(
    r"<link\b(?=[^>]{0,1000}\btype\s*=\s*[\"']?application/(?:rss\+xml|atom\+xml|feed\+json|json)\b)[^>]{0,1000}?"
    r"\bhref\s*=\s*(?:\"([^\"]{1,1000})\"|'([^']{1,1000})'|([^\s>]{1,1000}))",
    re.IGNORECASE,
)
_BOT_WALL = re.compile(
    r"cf-chl-|challenges\.cloudflare\.com|just a moment\.\.\.|attention required! \| cloudflare|captcha|datadome|"
    r"perimeterx|_incapsula_resource|are you a (?:ro)?bot|are you human|unusual traffic|ddos-guard|"
    r"checking your browser|access denied|安全验证|验证码|人机验证|访问过于频繁",
    re.IGNORECASE,
)
_LOGIN = re.compile(
    r"type\s*=\s*[\"']?password\b|<title[^>]{0,200}>[^<]{0,200}\b(?:sign in|log ?in|anmelden|connexion)\b|"
    r"<title[^>]{0,200}>[^<]{0,200}(?:登录|登錄|ログイン|로그인|Вход)",
    re.IGNORECASE,
)
_HTML_NAMES = frozenset(
    {
        "html",
        "head",
        "body",
        "div",
        "p",
        "br",
        "script",
        "meta",
        "title",
        "h1",
        "center",
        "b",
    }
)
_READ_CHARS = 200_000


def root_name(text: str) -> str:
    """The local name of the root element, lower case; 'html' for a page, '' if there is no element at the start.

    What stands before a feed (warnings of a PHP script, a stray paragraph) does not hide the feed.
    """
    position = 0
    while match := _SKIPPED.match(text, position):
        position = match.end()
    start = _DOCTYPE.match(text, position) or _ELEMENT.match(text, position)
    name = start.group(1).lower() if start else ""
    name = name.rpartition(":")[2]
    if name and name not in _HTML_NAMES:
        return name
    feed = _FEED_ROOT.search(text, position, _READ_CHARS)
    # A page may show a feed's source in its text.
    if feed and not _PAGE_ROOT.search(text, position, feed.start()):
        return "feed"
    return "html" if name else ""


_PAGE_ROOT = re.compile(r"<(?:html|body)[\s>]", re.IGNORECASE)


def description(text: str) -> str:
    """What an HTML page seems to be: a bot wall, a login page, or just a page; with the feed it names, if it does."""
    text = text[:_READ_CHARS]
    titled = ""
    title = _TITLE.search(text)
    if title:
        words = " ".join(unescape(title.group(1)).split())[:80]
        titled = f" titled {words!r}" if words else ""
    # First, since a bot wall may ask for a password as well.
    if _BOT_WALL.search(text):
        kind = "a bot wall"
    elif _LOGIN.search(text):
        kind = "a login page"
    else:
        kind = "an HTML page"
    link = _FEED_LINK.search(text)
    if link is None:
        return f"{kind}{titled}"
    # The page of a private feed names it with its token, and this is shown to everyone.
    address = redacted(unescape(next(filter(None, link.groups()), "")))
    return f"{kind}{titled}; it names a feed at {address}"
