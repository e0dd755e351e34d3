"""Private addresses in every spelling that some program takes for them: nothing is connected to, at any hop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address

import pytest

from aggregator.fetch.fetcher import Fetcher
from aggregator.model import FailureKind, FetchFailed, FetchSettings
from tests.fetch.asking import asking, names
from tests.origin import Answer, Origin, feed_document, moved

V4 = (
    "127.0.0.1",
    "10.0.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
)
V6 = ("::1", "::", "fe80::1", "fd00::1", "fec0::1", "ff02::1", "3fff::1")
REFUSED = {FailureKind.PRIVATE_ADDRESS, FailureKind.BAD_URL, FailureKind.DNS}
NOWHERE = {*REFUSED, FailureKind.TOO_MANY_REDIRECTS, FailureKind.NOT_FOUND}
"""`http:10.0.0.1/` is a path of the same server to an RFC 3986 parser."""
DOTS = (".", "。", "．", "｡")
DIGITS = (
    "０１２３４５６７８９",
    "⓪①②③④⑤⑥⑦⑧⑨",
    "⁰¹²³⁴⁵⁶⁷⁸⁹",
    "₀₁₂₃₄₅₆₇₈₉",
    "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
    "𝟢𝟣𝟤𝟥𝟦𝟧𝟨𝟩𝟪𝟫",
    "٠١٢٣٤٥٦٧٨٩",
    "०१२३४५६७८९",
)


def hosts_of_v4(text: str) -> Iterator[str]:
    """As a number, in octal and hexadecimal, short, in other digits and dots, with what readers pass over."""
    address = IPv4Address(text)
    number, parts = int(address), text.split(".")
    yield from (
        text,
        f"{text}.",
        str(number),
        hex(number),
        hex(number).upper(),
        oct(number).replace("0o", "0"),
    )
    yield from (f"0x{number:016x}", f"0{number:014o}", str(number + (1 << 32)))
    yield ".".join(f"0{int(part):o}" for part in parts)
    yield ".".join(f"0{int(part):04o}" for part in parts)
    yield ".".join(f"0x{int(part):x}" for part in parts)
    yield ".".join((f"0x{int(parts[0]):02X}", f"0{int(parts[1]):o}", *parts[2:]))
    yield f"{parts[0]}.{number & 0xFFFFFF}"
    yield f"{parts[0]}.{parts[1]}.{number & 0xFFFF}"
    yield from (dot.join(parts) for dot in DOTS)
    for digits in DIGITS:
        yield text.translate(str.maketrans("0123456789", digits))
    yield from (
        f"{text}%00",
        f"{text}%2e",
        f"{text}\t",
        f"%31{text[1:]}",
        f"user@{text}",
        f"public.example@{text}",
    )
    yield from (f"{dot}{text}" for dot in DOTS)
    yield from (f"{text}{dot}" for dot in DOTS)
    yield from (f"{parts[0]}..{'.'.join(parts[1:])}", f"{text}..", f"{number}.")
    yield from (f"+{text}", f"-{text}", f" {text}", f"%25{text}", f"{number}e0")
    yield from (f"{number:#b}", f"0x{number:x}.", f"{text}.1", f"[v1.{text}]")
    yield f"0x{int(parts[0]):08x}.0{int(parts[1]):06o}.{number & 0xFFFF}"
    yield hex(number).translate(str.maketrans("x0123456789", "ｘ０１２３４５６７８９"))
    yield from (
        f"public.example:80@{text}",
        f"public.example%40{text}",
        f"public.example#@{text}",
        f"a@b@{text}",
        f"{text}%23@public.example",
        f"public.example%2f@{text}",
        f"{text},public.example",
    )
    yield from (
        f"{text}\u00ad",
        f"{text}\u200b",
        f"\u2060{text}",
        f"[{text}]",
        f"public.example\\@{text}",
    )


def hosts_of_v6(address: IPv6Address) -> Iterator[str]:
    text, full = str(address), address.exploded
    yield from (
        f"[{text}]",
        f"[{full}]",
        f"[{full.upper()}]",
        f"[{text}%25lo]",
        f"[{text}%lo]",
        f"[{text}].",
    )


def carriers_of(text: str) -> Iterator[IPv6Address]:
    """IPv6 addresses that lead to an IPv4 one: mapped, compatible, translated, tunnelled."""
    number = int(IPv4Address(text))
    for prefix in (
        "::ffff:0:0",
        "::",
        "64:ff9b::",
        "64:ff9b:1::",
        "::ffff:0:0:0",
        "2a00::5efe:0:0",
        "2a00::200:5efe:0:0",
    ):
        yield IPv6Address(int(IPv6Address(prefix)) | number)
    yield IPv6Address((0x2002 << 112) | number << 80)
    yield IPv6Address((0x20010000 << 96) | number << 64)
    yield IPv6Address((0x20010000 << 96) | (number ^ 0xFFFFFFFF))


def spellings_of(v4: Iterable[str]) -> list[str]:
    hosts: list[str] = []
    for text in v4:
        hosts += hosts_of_v4(text)
        for carrier in carriers_of(text):
            hosts += hosts_of_v6(carrier)
    for text in V6:
        hosts += hosts_of_v6(IPv6Address(text))
    return list(dict.fromkeys(hosts))


LOCAL = [
    "localhost",
    "LOCALHOST.",
    "localhost.localdomain",
    "ip6-localhost",
    "①②⑦.⓪.⓪.①",
    "ⓛocalhost",
    "%6cocalhost",
    "localhost。",
    "localhoſt",
    "ℒocalhost",
    "ⅼocalhost",
    "loc\u00adalhost",
    "①②⑦.1",
    "[::ffff:127.0.0.1",
    "[[::1]]",
    "[::1]public.example",
    "public.example[::1]",
    "0x",
    "½",
]
SPELLINGS = [*spellings_of(V4), *LOCAL]
LOCAL_NAMES = dict.fromkeys(
    ("localhost", "localhost.localdomain", "ip6-localhost"), "127.0.0.1"
)


def test_there_are_hundreds_of_them():
    assert len(SPELLINGS) > 750


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_no_spelling_of_a_private_address_is_connected_to(
    origin: Origin, scheme: str
):
    origin.script("/", Answer(body=feed_document()))
    async with Fetcher(
        FetchSettings(per_host_interval=timedelta(0)),
        contact="",
        version="0",
        lookup=names(LOCAL_NAMES),
    ) as guarded:
        for host in SPELLINGS:
            result = await guarded.fetch(asking(f"{scheme}://{host}:{origin.port}/"))
            assert isinstance(result, FetchFailed), host
            assert result.kind in REFUSED, (host, result)
    assert origin.peak_connections("127.0.0.1") == 0


async def test_no_hub_at_a_private_address_is_asked_in_any_spelling(origin: Origin):
    form = {"hub.mode": "subscribe"}
    settings = FetchSettings(per_host_interval=timedelta(0))
    lookup = names(LOCAL_NAMES)
    async with Fetcher(settings, contact="", version="0", lookup=lookup) as guarded:
        for host in SPELLINGS:
            result = await guarded.post(f"http://{host}:{origin.port}/", form)
            assert isinstance(result, FetchFailed), host
            assert result.kind in REFUSED, (host, result)
    assert origin.peak_connections("127.0.0.1") == 0


LOCATIONS = (
    "/\\{}", "///{}/", "/.//{}", "?//{}", "<http://{}/>", "0;url=http://{}/", "feed:http://{}/", "h\tttp://{}/",
    "http://public.example/../..//{}", "http://{}, http://public.example/", "gopher://{}/_x",
    "http://{}/", "//{}/", "http:{}", "HTTP:\\\\{}\\", "\thttp://{}/", "http:////{}/", "https://{}/", "http://public.example@{}/", "http://{}#@public.example/",
)  # fmt: skip


async def test_no_redirect_leads_to_a_private_address(origin: Origin):
    """Every spelling once, in a Location of one form or another, from a public server that stands on 127.0.0.1."""
    settings = FetchSettings(
        allowed_networks=("127.0.0.1/32",), per_host_interval=timedelta(0)
    )
    wanted = spellings_of(V4[1:])  # 127.0.0.1 is the server
    async with Fetcher(settings, contact="", version="0", lookup=names({})) as guarded:
        for number, host in enumerate(wanted):
            location = LOCATIONS[number % len(LOCATIONS)].format(
                f"{host}:{origin.port}"
            )
            origin.script("/feed", moved(location.encode()))
            result = await guarded.fetch(asking(origin.url("/feed")))
            assert isinstance(result, FetchFailed), location
            assert {one.host for one in origin.requests} == {"127.0.0.1"}
            assert result.kind in NOWHERE, (location, result)


@pytest.mark.parametrize(
    "second", ["10.0.0.1", "127.0.0.2", "::1", "169.254.169.254", "::ffff:127.0.0.2"]
)
async def test_a_name_that_answers_another_address_each_time_gains_nothing(
    origin: Origin, second: str
):
    settings = FetchSettings(
        allowed_networks=("127.0.0.1/32",), per_host_interval=timedelta(0)
    )
    origin.script("/feed", moved(f"http://turning.example:{origin.port}/b"))
    origin.script("/b", Answer(body=feed_document()))
    lookup = names({"turning.example": ["127.0.0.1", second]})
    async with Fetcher(settings, contact="", version="0", lookup=lookup) as guarded:
        url = f"http://turning.example:{origin.port}/feed"
        result = await guarded.fetch(asking(url))
    assert isinstance(result, FetchFailed)
    assert result.kind is FailureKind.PRIVATE_ADDRESS
    assert [one.path for one in origin.requests] == ["/feed"]
