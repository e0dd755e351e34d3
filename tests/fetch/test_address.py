"""fetch.address, poll.links and poll.hosts: what is asked for, whatever was written."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aggregator.fetch.address import BadUrl, may_have_credentials, redirected, target_of
from aggregator.fetch.fetcher import Fetcher
from aggregator.fetch.websub import links_of
from aggregator.hosts import host_of, share
from aggregator.model import FailureKind, FetchSettings
from tests.fetch.asking import asking, failed, fetched
from tests.origin import Answer, Origin, moved


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTP://Example.ORG", "http://example.org/"),
        ("http://example.org:80/a", "http://example.org/a"),
        ("https://example.org:8443/a?#f", "https://example.org:8443/a?"),
        ("http://u:p@example.org/a b", "http://example.org/a%20b"),
        (" http://example.org/%zz/../x ", "http://example.org/%zz/../x"),
        ("http://münchen.example/ä", "http://xn--mnchen-3ya.example/%C3%A4"),
        ("http://[::1]:80/", "http://[::1]/"),
        ("http://017700000001/", "http://127.0.0.1/"),
        ("http://example.org./", "http://example.org/"),
        ("http://under_score.example/", "http://under_score.example/"),
    ],
)
def test_an_address_is_put_on_the_wire_as_written(url: str, expected: str):
    assert target_of(url).url == expected


@example("\0" + "0")  # a host with a NUL that ends like a number
@given(st.text(max_size=80))
def test_any_text_is_an_address_or_told_as_bad(text: str):
    for url in (text, f"http://{text}", f"https://a.example/{text}"):
        try:
            target = target_of(url)
        except BadUrl:
            continue
        assert target.url.isascii()
        assert not set(target.url) & set(' "<>\r\n\t')
        assert target_of(target.url).url == target.url


@pytest.mark.parametrize("part", ["\ud800", "a?\udfff", "%F0?\udc00#x"])
def test_half_a_character_as_json_spells_it_makes_a_bad_address(part: str):
    with pytest.raises(BadUrl):
        target_of(f"https://a.example/{part}")


@pytest.mark.parametrize(
    "host", ["..127.0.0.1", "1.2.3.4.5", "a.example.1", "0x", "h.0xzz.0x1", "256.1"]
)
def test_what_ends_in_a_number_and_is_none_is_no_host(host: str):
    with pytest.raises(BadUrl):
        target_of(f"http://{host}/")


@given(st.binary(max_size=60))
def test_any_bytes_of_a_location_lead_somewhere_or_are_told_as_bad(location: bytes):
    try:
        target = redirected(target_of("http://a.example/x"), location.decode("latin-1"))
    except BadUrl:
        return
    assert target.origin[0] in ("http", "https")
    assert (target.user, target.password) == ("", "")


@pytest.mark.parametrize(
    ("location", "led_to"),
    [
        ("http:///there.example/t", "http://there.example/t"),
        ("http:////there.example/t", "http://there.example/t"),
        ("///there.example/t", "http://there.example/t"),
        ("https:/there.example/t", "https://there.example/t"),
        ("https:there.example/t", "https://there.example/t"),
        ("http:/t", "http://a.example/t"),
        ("http:t", "http://a.example/p/t"),
        ("HTTP://there.example/t", "http://there.example/t"),
        ("http:\\\\there.example\\t?a\\b", "http://there.example/t?a\\b"),
        ("/\\there.example/t", "http://there.example/t"),
        ("\\t", "http://a.example/t"),
        ("/\tt\r\n", "http://a.example/t"),
        ("ht\ntp://there.example/t", "http://there.example/t"),
        ("http://there.example/a/../t", "http://there.example/t"),
        ("http://there.example?x=/../1", "http://there.example/?x=/../1"),
        ("/a/./b/%2E%2e/.%2e/t", "http://a.example/t"),
        ("/../../t", "http://a.example/t"),
        ("/a/b/..", "http://a.example/a/"),
        ("..", "http://a.example/"),
        (".", "http://a.example/p/"),
        ("/a/...", "http://a.example/a/..."),
        ("get/http://x/t", "http://a.example/p/get/http://x/t"),
        ("//", ""),
        ("http://", ""),
        ("mailto:me@a.example", ""),
        ("there.example:80/t", ""),
        ("t;a=1?b/../c#d", "http://a.example/p/t;a=1?b/../c"),
        ("?", "http://a.example/p/feed?"),
        ("?y", "http://a.example/p/feed?y"),
        ("#y", "http://a.example/p/feed?x=1"),
        ("", "http://a.example/p/feed?x=1"),
    ],
)
def test_a_location_leads_where_browsers_go(location: str, led_to: str):
    base = target_of("http://a.example/p/feed?x=1")
    if led_to:
        assert redirected(base, location).url == led_to
        return
    with pytest.raises(BadUrl):
        redirected(base, location)


def test_empty_segments_of_the_base_stay():
    base = target_of("http://a.example/p/http://x/feed")
    assert redirected(base, "t").url == "http://a.example/p/http://x/t"
    assert redirected(base, "../t").url == "http://a.example/p/http://t"


@pytest.mark.parametrize(
    ("location", "asked"),
    [
        ("http:///127.0.0.2:{port}/t", "/t"),
        ("///127.0.0.2:{port}/t", "/t"),
        ("http:\\\\127.0.0.2:{port}\\t", "/t"),
        ("http://127.0.0.2:{port}/a/../t", "/t"),
        ("//127.0.0.2:{port}//x/%2e/t", "//x/t"),
    ],
)
async def test_an_odd_location_is_followed(
    origin: Origin, fetcher: Fetcher, location: str, asked: str
):
    origin.script("/feed", moved(location.format(port=origin.port), 302))
    origin.script(asked, Answer(body=b"<rss/>"), host=2)
    fetched(await fetcher.fetch(asking(origin.url("/feed"))))
    assert [seen.target for seen in origin.requests] == ["/feed", asked]


async def test_a_location_hides_no_private_address(origin: Origin):
    settings = FetchSettings(
        per_host_interval=timedelta(0), allowed_networks=("127.0.0.1/32",)
    )
    async with Fetcher(settings, contact="", version="0") as narrow:
        for location in ("http:///127.0.0.2/t", "https:/127.0.0.2/t", "/\\127.0.0.2/t"):
            origin.script("/feed", moved(location, 302))
            failed(
                await narrow.fetch(asking(origin.url("/feed"))),
                FailureKind.PRIVATE_ADDRESS,
            )


@pytest.mark.parametrize(
    ("first", "hop", "allowed"),
    [
        ("http://a.example/1", "http://a.example/2", True),
        ("http://a.example/", "https://a.example/", True),
        ("https://a.example/", "http://a.example/", False),
        ("https://a.example/", "https://b.example/", False),
        ("https://a.example/", "https://sub.a.example/", False),
        ("http://a.example:8080/", "https://a.example/", False),
        ("https://a.example/", "https://a.example:8443/", False),
    ],
)
def test_credentials_stay_at_their_origin(first: str, hop: str, allowed: bool):
    assert may_have_credentials(target_of(first), target_of(hop)) is allowed


@pytest.mark.parametrize(
    ("header", "links"),
    [
        ("", ()),
        ('<https://hub.example/>; rel="hub"', (("hub", "https://hub.example/"),)),
        ("</f>; rel=self, <https://h.example/a,b>; title=\"x, y\"; rel=\"hub alternate\"", (("self", "https://a.example/f"), ("hub", "https://h.example/a,b"), ("alternate", "https://h.example/a,b"))),
        ("<javascript:1>; rel=hub, <x", ()),
        ("<https://hub.example/>", ()),
        ('<https://hub.example/>; rel=""', ()),
        ('<https://hub.example/>; title="a;rel=self"; rel=hub', (("hub", "https://hub.example/"),)),
        ('<https://hub.example/>; title="x \\" y, <z>; rel=self"; rel=hub', (("hub", "https://hub.example/"),)),
        ('<https://hub.example/>; rel="h\\ub"', (("hub", "https://hub.example/"),)),
        ("<https://hub.example/>;;rel=hub;;, </f>; ;rel=self", (("hub", "https://hub.example/"), ("self", "https://a.example/f"))),
        ("<HTTPS://hub.example/>; REL=Hub", (("hub", "https://hub.example/"),)),
        ("<https:///hub.example/>; rel='hub'", (("hub", "https://hub.example/"),)),
        ("<https://hub.example>; rel=hub; rel=self", (("hub", "https://hub.example"),)),
        ("<https://hub.example/>; xrel=self; nofollow; rel=hub", (("hub", "https://hub.example/"),)),
        ('<https://hub.example/>; rel="hub, <https://b.example/>; rel=self', (("self", "https://b.example/"),)),
    ],
)  # fmt: skip
def test_link_headers_are_read(header: str, links: tuple[tuple[str, str], ...]):
    assert links_of(header, base_url="https://a.example/feed") == links


@given(st.text(max_size=300))
def test_any_link_header_can_be_read(header: str):
    assert all(
        url.startswith("http")
        for _, url in links_of(header, base_url="https://a.example/")
    )


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://A.Example:8080/x", "a.example"),
        ("https://a.example。/x", "a.example"),
        ("https://b。é.example．", "b.xn--9ca.example"),
        ("http://BÜCHER.example/", "xn--bcher-kva.example"),
        ("nonsense", ""),
        ("http://[bad", ""),
    ],
)
def test_every_spelling_of_a_host_is_one_host(url: str, host: str):
    assert host_of(url) == host


@given(st.text(), st.text())
def test_a_share_is_stable_and_inside_its_bounds(one: str, other: str):
    assert 0 <= share(one, other) < 1
    assert share(one, other) == share(one, other)
