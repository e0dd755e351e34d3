"""Addresses: what is published, and what two links are compared by."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aggregator.entry.urls import (
    MAX_URL_CHARS,
    absolute_url,
    canonical_url,
    front_matter_url,
    host_of,
    site_of,
    without_userinfo,
)
from aggregator.visible import has_orders

PIECES = st.sampled_from(
    [
        "http:",
        "https:",
        "//",
        "/",
        "\\",
        "[",
        "]",
        ":",
        "@",
        "?",
        "#",
        "#!",
        "&",
        "=",
        ";",
        "%",
        "%2",
        "%C3%A9",
        "..",
        ".",
        "a",
        "é",
        "新",
        "www.",
        "m.",
        "example.com",
        "amp",
        "/amp",
        "cdn.ampproject.org/c/s/",
        "utm_source=x",
        "id=7",
        " ",
        "\t",
        "\n",
        "\x00",
        "+",
        "xn--",
        ":80",
    ]
)
MESSY = st.one_of(st.text(), st.lists(PIECES, max_size=14).map("".join))


@given(MESSY)
@example("https://www.google.com/amp/s/www.google.com/amp/s/x.test/a")
@example("http://x.test/%zz%25zz?a=%&b=%%41")
def test_a_canonical_url_is_its_own_canonical_url(url: str) -> None:
    once = canonical_url(url)
    assert canonical_url(once) == once
    assert once == "" or once.startswith("https://")


@given(MESSY, MESSY)
def test_an_absolute_url_is_http_with_a_host_or_empty(base: str, url: str) -> None:
    answer = absolute_url(base, url)
    if answer:
        split = urlsplit(answer)
        assert split.scheme in ("http", "https")
        assert split.hostname
        assert not any(c.isspace() or ord(c) < 0x20 for c in answer)
        assert absolute_url("", answer) == answer


@given(MESSY)
def test_front_matter_urls_hold_nothing_yaml_or_a_template_reads(url: str) -> None:
    written = front_matter_url(url)
    assert not set(written) & set("'{}\\\"<>|^` \n\r\t\x00\x85\u2028")
    assert front_matter_url(written) == written
    written.encode()


@given(MESSY)
def test_hosts_and_sites_never_raise(url: str) -> None:
    assert isinstance(host_of(url), str)
    assert isinstance(site_of(url), str)
    assert isinstance(without_userinfo(url), str)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://example.com/a", "https://example.com:443/a/"),
        ("http://example.com:80/a", "HTTPS://WWW.EXAMPLE.COM/a"),
        ("https://example.com/a?b=1&a=2", "https://example.com/a?a=2&b=1"),
        (
            "https://example.com/a?utm_source=rss&utm_medium=feed",
            "https://example.com/a",
        ),
        ("https://example.com/a?id=3&fbclid=Xy&gclid=1", "https://example.com/a?id=3"),
        (
            "https://example.com/a?from=timeline&isappinstalled=0",
            "https://example.com/a",
        ),
        ("https://example.com/a?source=rss_news10", "https://example.com/a"),
        ("https://example.com/a#comments", "https://example.com/a"),
        ("https://example.com/a?x=1&amp;y=2", "https://example.com/a?x=1&y=2"),
        ("https://example.com/a;jsessionid=8F2A?x=1", "https://example.com/a?x=1"),
        ("https://m.example.com/a/7.html", "https://www.example.com/a/7.html"),
        ("https://en.m.wikipedia.org/wiki/Feed", "https://en.wikipedia.org/wiki/Feed"),
        ("https://example.com/a/amp/", "https://example.com/a"),
        ("https://www.google.com/amp/s/www.example.com/a", "https://example.com/a"),
        (
            "https://example-com.cdn.ampproject.org/c/s/www.example.com/a",
            "https://example.com/a",
        ),
        (
            "https://youtu.be/dQw4?t=9",
            "https://www.youtube.com/watch?v=dQw4&feature=youtu.be",
        ),
        (
            "http://mp.weixin.qq.com/s?__biz=M&mid=2&idx=1&sn=3&chksm=c&scene=0#rd",
            "https://mp.weixin.qq.com/s?__biz=M&idx=1&mid=2&sn=3",
        ),
        ("https://example.com/%7Ejo/b/../c", "https://example.com/~jo/c"),
        ("https://user:secret@example.com/a", "https://example.com/a"),
        (
            "https://пример.рф/новость",
            "https://xn--e1afmkfd.xn--p1ai/%D0%BD%D0%BE%D0%B2%D0%BE%D1%81%D1%82%D1%8C",
        ),
    ],
)
def test_two_addresses_of_one_page_are_equal(one: str, other: str) -> None:
    assert canonical_url(one) == canonical_url(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://www.youtube.com/watch?v=a", "https://www.youtube.com/watch?v=b"),
        ("https://example.com/?p=1", "https://example.com/?p=2"),
        ("https://example.com/a?id=1", "https://example.com/a?id=2"),
        ("https://example.com/a?source=17", "https://example.com/a?source=18"),
        ("https://example.com/a?from=beijing", "https://example.com/a?from=tokyo"),
        ("https://example.com/a?ref=9931", "https://example.com/a"),
        ("https://example.com/#!/a", "https://example.com/#!/b"),
        ("https://example.com/#/a", "https://example.com/#/b"),
        ("https://example.com/A", "https://example.com/a"),
        ("https://example.com:8080/a", "https://example.com/a"),
        ("https://news.example.com/a", "https://sport.example.com/a"),
        (
            "https://mp.weixin.qq.com/s?__biz=M&mid=2&idx=1&sn=3",
            "https://mp.weixin.qq.com/s?__biz=M&mid=2&idx=2&sn=4",
        ),
        ("https://example.com/lamp", "https://example.com/l"),
        ("https://m.com/a", "https://com/a"),
    ],
)
def test_addresses_of_two_pages_stay_apart(one: str, other: str) -> None:
    assert canonical_url(one) != canonical_url(other)


@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "http://[bad",
        "http://x:99999/",
        "javascript:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "http://",
        "http:///a",
        "http://a b/",
        "gopher://x/",
        "tag:example.com,2020:1",
        "http://" + "a" * 300 + ".com/",
        "http://x.com/" + "a" * MAX_URL_CHARS,
    ],
)
def test_what_cannot_be_opened_has_neither_form(url: str) -> None:
    assert canonical_url(url) == ""
    assert absolute_url("", url) == ""


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://other.example/x", "https://other.example/x"),
        ("//other.example/x", "http://other.example/x"),
        ("/x", "http://feed.example/x"),
        ("x?y=1", "http://feed.example/news/x?y=1"),
        ("?q=1", "http://feed.example/news/?q=1"),
        (" \n http://feed.example/a b\n", "http://feed.example/a%20b"),
        ("ht\ntp://feed.example/a", "http://feed.example/a"),
        ("\\\\other.example\\x?a\\b", "http://other.example/x?a\\b"),
        ("http://feed.example/中文", "http://feed.example/中文"),
        ("mailto:a@example.com", ""),
        ("JaVaScRiPt:alert(1)", ""),
    ],
)
def test_relative_addresses_are_resolved_as_a_browser_does(
    url: str, expected: str
) -> None:
    assert absolute_url("http://feed.example/news/", url) == expected


def test_userinfo_is_taken_out_and_nothing_else() -> None:
    assert (
        without_userinfo("http://user:p@ss@feed.example/a@b?c=d@e")
        == "http://feed.example/a@b?c=d@e"
    )
    assert without_userinfo("/a@b") == "/a@b"
    assert without_userinfo("http://feed.example") == "http://feed.example"


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://www.example.com/a", "example.com"),
        ("https://world.news.example.com.cn/a", "example.com.cn"),
        ("https://m.example.co.uk/a", "example.co.uk"),
        ("https://one.github.io/", "one.github.io"),
        ("http://localhost:8000/", "localhost"),
        ("http://127.0.0.1/a", "127.0.0.1"),
        ("http://[::1]:80/", "[::1]"),
        ("nothing", ""),
    ],
)
def test_the_site_is_the_registrable_name(url: str, site: str) -> None:
    assert site_of(url) == site


def test_front_matter_urls_keep_every_valid_character() -> None:
    kept = "https://u@h.example:8/a-b._~!$&()*+,;=:@/%7B?q[]=1#新"
    assert front_matter_url(kept) == kept
    assert (
        front_matter_url("https://h.example/it's {x}")
        == "https://h.example/it%27s%20%7Bx%7D"
    )


HOSTS = st.sampled_from(
    [
        "a.example",
        "www.a.example",
        "m.news.a.example",
        "en.m.a.example",
        "youtu.be",
        "1.2.3.4",
        "a.cdn.ampproject.org",
    ]
)
SEGMENTS = st.sampled_from(
    [
        "",
        "x",
        "2026",
        "amp",
        "x.amp.html",
        "x.amp",
        "a~b",
        "-",
        "..",
        "_",
        "x%20y",
        "index.html",
    ]
)
PAIRS = st.sampled_from(
    [
        "b=2",
        "a=1",
        "a=",
        "utm_source=rss",
        "from=rss",
        "from=x",
        "ref",
        "v=3",
        "a=1+2",
        "",
        "id=x-y.z",
    ]
)


@given(
    HOSTS,
    st.lists(SEGMENTS, max_size=4).map("/".join),
    st.none() | st.lists(PAIRS, max_size=4).map("&".join),
    st.sampled_from(["", "#", "#top", "#!page", "#/page"]),
)
def test_the_short_way_for_plain_addresses_says_what_the_long_one_says(
    host: str, path: str, query: str | None, fragment: str
) -> None:
    rest = f"{host}/{path}" + ("" if query is None else f"?{query}") + fragment
    # userinfo and a space in front are taken out on the long way alone
    assert canonical_url(f"http://{rest}") == canonical_url(f"http://user@{rest}")
    assert absolute_url("", f"http://{rest}") == absolute_url("", f" http://{rest}")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("\u202ehttp://h.example/a", "http://h.example/a"),
        ("http://h.example/a\u2069", "http://h.example/a"),
        ("http://h.example/a\u202eb", "http://h.example/a%E2%80%AEb"),
        ("http://h.example/?q=\u2066x", "http://h.example/?q=%E2%81%A6x"),
        ("x\u202ey", "http://feed.example/news/x%E2%80%AEy"),
        ("http://h.ex\u202eample/", ""),
    ],
)
def test_no_address_turns_the_direction_of_writing(url: str, expected: str) -> None:
    """Found by fuzzing: a link's RIGHT-TO-LEFT OVERRIDE stood in the report's address."""
    found = absolute_url("http://feed.example/news/", url)
    assert found == expected
    assert not has_orders(found)
