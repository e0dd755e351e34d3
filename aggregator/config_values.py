"""How the values of feeds.toml are written: durations, sizes, addresses, names. Each refusal says what to write."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_network
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StrictInt,
    StrictStr,
    WithJsonSchema,
)

from aggregator.visible import has_orders

_UNITS = {
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
}
_SIZES = {
    "": 1,
    "B": 1,
    "kB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
}


_ADDRESS = r"[^@\s<>(),;]+@[^@\s<>(),;]+"
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_DURATION = re.compile(rf"-?(?:{_DURATION_PART.pattern})+")


def duration(text: object) -> timedelta:
    """`"90s"`, `"15m"`, `"72h"`, `"7d"`, `"2w"`, also `"1h30m"` and a leading minus. Raises ValueError."""
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or not _DURATION.fullmatch(text):
        raise ValueError(
            f'write a duration with its unit, such as "90s", "15m", "72h" or "7d", not {text!r}'
        )
    seconds = 0.0
    for number, unit in _DURATION_PART.findall(text):
        seconds += float(number) * _UNITS[unit]
    if seconds > 3650 * 86400:
        raise ValueError(f"{text!r} is longer than ten years")
    span = timedelta(seconds=seconds)
    return -span if text.startswith("-") else span


def spoken(span: timedelta) -> str:
    """A duration as it is written in the file, in its largest whole unit."""
    seconds = span.total_seconds()
    for unit in ("d", "h", "m"):
        if seconds >= _UNITS[unit] and seconds % _UNITS[unit] == 0:
            return f"{seconds / _UNITS[unit]:.0f}{unit}"
    return f"{seconds:g}s"


def size_bytes(text: object) -> int:
    """`"256KiB"`, `"10MiB"`, `"1GiB"`, `"5MB"` or a whole number of bytes. Raises ValueError."""
    # True is an int to Python.
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    remedy = f'write a size with its unit, such as "256KiB" or "10MiB", not {text!r}'
    if not isinstance(text, str):
        raise ValueError(remedy)
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text)
    if match is None or match[2] not in _SIZES:
        raise ValueError(remedy)
    number, unit = match.groups()
    return int(float(number) * _SIZES[unit])


_COPIED_ROUND = (
    " \t\r\n\u00a0\u200b\u200e\u200f\u2060\u3000\ufeff<>\"'`“”‘’«»「」『』【】（）《》"
)
_COPIED_BEHIND = ",;，；、。"
"""What ends the word an address was copied with; no address of a feed ends so."""
_UNSEEN = re.compile("[\u00ad\u200b\u200e\u200f\u2060\ufeff]")
_SUBSCRIBING = re.compile(
    r"(?:feeds?|rss|atom|itpc|pcast|podcast|zune|view-source):(?:/*)",
    re.IGNORECASE,
)
"""Schemes of "subscribe" links, before an address or in place of its scheme; browsers' before what they show."""
_WEB = re.compile(r"(?:https?(?:\s?[:：;]\s?/*|//+)\s?)+", re.IGNORECASE)
"""The scheme, also mistyped or put twice: `https//`, `https：//`, `http://https://`."""
_TWO = re.compile(r"\shttps?://", re.IGNORECASE)
_HOST = re.compile(r"\[[0-9a-f:.]+\]|[^\s.%][^\s%]*", re.IGNORECASE)
_BARE = re.compile(
    r"(?:localhost|\[[0-9a-f:.]+\]|[^\s/?#@:]+\.[^\s/?#@:.]+\.?)(?::\d+)?(?:[/?#].*)?",
    re.IGNORECASE,
)

_LOCAL = re.compile(
    r"localhost\b|\[|[\d.]+(?:[:/?#]|\Z)|[^/?#]+:\d+(?:[/?#]|\Z)",
    re.IGNORECASE,
)


def web_addresses(text: str) -> tuple[str, ...]:
    """The http(s) addresses a pasted or exported one can mean, the likelier first. ValueError says why there are none.

    Blanks and brackets round it go; `feed:` before an address goes, in place of its scheme it is http, as its readers
    have it; without any scheme it is https, and http for hosts without https. A port or a number in place of a name
    speaks for a server of one's own, and http.
    """
    bare = _without_surroundings(text)
    if _TWO.search(bare):
        raise ValueError(f"{_shown(text)} holds two addresses: give one at a time")
    candidates = _candidates(bare)
    if not candidates:
        raise ValueError(
            f"{_shown(text)} is no web address: write it whole, such as https://example.org/feed.xml"
        )
    return tuple(map(_written_out, candidates))


def _candidates(bare: str) -> list[str]:
    subscribing = _SUBSCRIBING.match(bare)
    rest = bare.removeprefix("//")
    if subscribing:
        rest = bare[subscribing.end() :]
    web = _WEB.match(rest)
    if web:
        # `http:/example.org`, `HTTPS://…`, `http://https://…`: of two schemes the last is meant.
        last = web[0].lower().rpartition("http")[2]
        scheme = "https" if last.startswith("s") else "http"
        return [f"{scheme}://{rest[web.end() :]}"]
    if subscribing:
        return [f"http://{rest}"]
    if not _BARE.fullmatch(rest):
        return []
    if _LOCAL.match(rest):
        return [f"http://{rest}", f"https://{rest}"]
    return [f"https://{rest}", f"http://{rest}"]


def _without_surroundings(text: str) -> str:
    """The address alone, of what was copied with it."""
    bare = text.strip(_COPIED_ROUND).rstrip(_COPIED_BEHIND).strip(_COPIED_ROUND)
    if bare.startswith("(") and bare.endswith(")"):
        bare = bare[1:-1]
    # A long one is wrapped in mails.
    joined = re.sub(r"\s*[\t\r\n]\s*", "", bare)
    return _UNSEEN.sub("", joined)


def _written_out(address: str) -> str:
    """The address as a browser would send it. Raises ValueError where its host can be none."""
    path, mark, query = address.partition("?")
    slashed = path.replace("\\", "/") + mark + query
    url = http_url(re.sub(r"\s+", "%20", slashed))
    host = urlsplit(url).hostname or ""
    if ".." in host or not _HOST.fullmatch(host):
        raise ValueError(f"{_shown(url)} is not a URL: its host is none")
    return url


def _shown(text: str) -> str:
    """An address for a message, without user and password, which it may hold even where it is none."""
    head, _, tail = text.strip().rpartition("@")
    scheme, slashes, _ = head.partition("//")
    return repr(f"{scheme}//{tail}") if slashes else repr(tail)


def http_url(text: str) -> str:
    """The text if it is an address of http or https that can be asked. Raises ValueError that says why not."""
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{_shown(text)} is not a URL: {error}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(
            f'{_shown(text)} is not a web address: write it whole, such as "https://example.org/feed.xml"'
        )
    if re.search(r"[\s\x00-\x1f]", text):
        raise ValueError(f"{_shown(text)} holds white space; encode it as %20")
    if has_orders(text):
        raise ValueError(
            f"{_shown(text)} holds characters that are not shown; encode them as %XX"
        )
    return text


def _notify_to(text: str) -> str:
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{text!r} is not a URL: {error}") from None
    match parts.scheme:
        case "http" | "https":
            is_place = bool(host)
        case "ntfy":
            # ntfy's own rule for a topic.
            is_topic = re.fullmatch(r"/[A-Za-z0-9_-]{1,64}", parts.path)
            is_place = bool(host and is_topic)
        case "mailto":
            is_place = bool(re.fullmatch(_ADDRESS, parts.path))
        case _:
            is_place = False
    if is_place:
        return text
    places = 'write "https://…", "ntfy://host/topic" or "mailto:me@example.org"'
    raise ValueError(f"{text!r} is no place to send to: {places}")


def _smtp(text: str) -> str:
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{text!r} is not a URL: {error}") from None
    # A password here would be shown by whatever shows the address.
    if parts.scheme != "smtp" or not host or parts.password:
        raise ValueError(
            f'{text!r} is no mail server: write "smtp://user@host:587", and the password as secret'
        )
    return text


def _listen_address(text: str) -> str:
    host, _, port = text.rpartition(":")
    is_port = port.isascii() and port.isdecimal() and int(port) <= 65535
    is_host = re.fullmatch(r"[A-Za-z0-9._-]+|\[?[0-9A-Fa-f:.]+\]?", host)
    if is_port and is_host:
        return text
    remedy = 'write "127.0.0.1:9191"'
    # `:9191` and `*:9191` mean all addresses to other servers.
    if host in ("", "*"):
        remedy += ', for all its addresses "0.0.0.0:9191"'
    raise ValueError(f"{text!r} is not an address to listen on: {remedy}")


def _place(text: str) -> str:
    if "\0" in text:
        raise ValueError(f"{text!r} is no name of a directory")
    return text


_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""Days of the week as crontab(5) counts them."""
_SOME_DAY = datetime(
    2024,
    1,
    1,
    tzinfo=UTC,
)


def _cron(text: str) -> str:
    """The expression, its days of the week by name: APScheduler counts them from Monday, crontab from Sunday."""
    from apscheduler.triggers.cron import (
        CronTrigger,
    )  # 20 ms, and few files name a time

    *fields, days = text.split() or [""]
    try:
        named_days = ",".join(map(_named_days, days.split(",")))
        named = " ".join([*fields, named_days])
        trigger = CronTrigger.from_crontab(named, timezone=UTC)
    except ValueError as error:
        raise ValueError(
            f'{text!r} is not a cron expression such as "0 * * * *": {error}'
        ) from None
    # 31 February: APScheduler takes it, and never runs.
    if trigger.get_next_fire_time(None, _SOME_DAY) is None:
        raise ValueError(f"{text!r} names a day that never comes")
    return named


_SECOND = timedelta(seconds=1)
GAP_DAYS = 400
"""Looked at for the longest gap of a cron expression: a yearly one shows its own."""


@lru_cache(maxsize=64)
def longest_gap(cron: str) -> timedelta:
    """The longest time without a run that an expression (as `Cron` answers it) leaves, at most a day too short where it
    names several times of a day."""
    from apscheduler.triggers.cron import CronTrigger  # see `_cron`

    trigger = CronTrigger.from_crontab(cron, timezone=UTC)
    end = _SOME_DAY + timedelta(days=GAP_DAYS)
    longest = timedelta(0)
    since = at = _SOME_DAY
    while since < end:
        following = trigger.get_next_fire_time(None, at)
        if following is None:
            break
        longest = max(longest, following - since)
        midnight = following.replace(hour=0, minute=0) + timedelta(days=1)
        since, at = following, following + _SECOND
        again = trigger.get_next_fire_time(None, at)
        if again is not None and again < midnight:
            # Minutes by the thousand: what lies between two runs of one day is not looked at.
            since = at = midnight
    return longest


def _named_days(part: str) -> str:
    """`1-5`, `0`, `*/2` as lists of names; anything else as it is."""
    match = re.fullmatch(r"(?:(\d)(?:-(\d))?|\*(?=/))(?:/([1-9]\d*))?", part)
    if match is None:
        return part
    begin, end, step = match.groups()
    first = int(begin or 0)
    # `*/2` and `1/2` run on to the end of the week, `1` is one day.
    last = 6 if step or not begin else first
    if end:
        last = int(end)
    if not 0 <= first <= last <= 7:
        raise ValueError(
            f"{part!r} is no range of days of the week: 0 and 7 are Sunday"
        )
    days = _DAYS[first : last + 1 : int(step or 1)]
    return ",".join(dict.fromkeys(days))


def _timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f'{text!r} is no time zone of this machine; write a name such as "Asia/Shanghai"'
        ) from None
    return text


def _network(text: str) -> str:
    ip_network(text, strict=False)
    return text


def pattern(allowed: str, remedy: str) -> AfterValidator:
    """Texts that match `allowed` as a whole; `remedy` ends the sentence about one that does not."""

    def matching(text: str) -> str:
        if not re.fullmatch(allowed, text):
            raise ValueError(f"{text!r} {remedy}")
        return text

    return AfterValidator(matching)


def at_least(least: str) -> AfterValidator:
    """Durations of `least` or more."""

    def long_enough(span: timedelta) -> timedelta:
        if span < duration(least):
            raise ValueError(f"must be at least {least}")
        return span

    return AfterValidator(long_enough)


def _header_value(text: str) -> str:
    if re.search(r"[\r\n\x00]", text):
        raise ValueError("a header must not hold line breaks")
    return text


_SPAN_SCHEMA = WithJsonSchema(
    {
        "type": "string",
        "pattern": r"^-?(\d+(\.\d+)?(ms|s|m|h|d|w))+$",
        "examples": ["15m"],
    }
)
_SIZE_SCHEMA = WithJsonSchema(
    {
        "type": ["string", "integer"],
        "pattern": r"^\d+(\.\d+)?\s*[A-Za-z]*$",
        "examples": ["10MiB"],
    }
)
"""What `duration` and `size_bytes` read, for editors."""

Duration = Annotated[timedelta, BeforeValidator(duration), _SPAN_SCHEMA]
Span = Annotated[timedelta, BeforeValidator(duration), at_least("1s"), _SPAN_SCHEMA]
AnySpan = Annotated[timedelta, BeforeValidator(duration), at_least("0s"), _SPAN_SCHEMA]
Size = Annotated[int, BeforeValidator(size_bytes), Field(ge=1024), _SIZE_SCHEMA]
Url = Annotated[StrictStr, AfterValidator(http_url)]
Language = Annotated[
    StrictStr,
    pattern(
        r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*",
        'is no language tag such as "zh-CN" or "en"',
    ),
]
FeedId = Annotated[
    StrictStr,
    pattern(r"[a-z0-9_-]{1,64}", "is no feed id: use 1 to 64 of a-z, 0-9, _ and -"),
]
QueueName = Annotated[
    StrictStr,
    pattern(
        r"[A-Za-z0-9_-]{1,64}",
        "is no queue name: use 1 to 64 letters, digits, _, -",
    ),
]
Prefix = Annotated[
    StrictStr,
    pattern(
        r"[A-Za-z0-9_.-]{1,32}|\{[A-Za-z0-9_.-]{1,32}\}",
        'is no prefix such as "agg"',
    ),
]
Cron = Annotated[StrictStr, AfterValidator(_cron)]
NotifyTo = Annotated[StrictStr, AfterValidator(_notify_to)]
Smtp = Annotated[StrictStr, AfterValidator(_smtp)]
MailAddress = Annotated[StrictStr, pattern(_ADDRESS, "is no mail address")]
Directory = Annotated[StrictStr, AfterValidator(_place)]
HostName = Annotated[
    StrictStr,
    pattern(
        r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*",
        'is no host: write its name alone, such as "www.youtube.com"',
    ),
]
Listen = Annotated[StrictStr, AfterValidator(_listen_address)]
Category = Annotated[StrictStr, Field(min_length=1, max_length=100)]
Count = Annotated[StrictInt, Field(ge=1)]
HeaderValue = Annotated[StrictStr, AfterValidator(_header_value)]
Network = Annotated[StrictStr, AfterValidator(_network)]
TimeZone = Annotated[StrictStr, AfterValidator(_timezone)]
