"""fetch.fetcher against the scripted publisher: what is sent, what comes back, how it fails."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gzip
import socket
import ssl
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from aggregator.errors import ConfigError
from aggregator.fetch import fetcher as fetch
from aggregator.fetch.fetcher import Fetcher
from aggregator.fetch.guard import Lookup
from aggregator.model import Auth, FailureKind, FetchSettings, Redirect, Validators
from tests.fetch.asking import asking, failed, fetched, names, not_modified
from tests.fetch.conftest import LOOPBACK
from tests.origin import Answer, Origin, feed_document, moved, throttled

BODY = feed_document(items=[("1", "One", "")])


def fetcher_with(**changes: object) -> Fetcher:
    return Fetcher(
        dataclasses.replace(LOOPBACK, **changes),
        contact="https://example.org/bot",
        version="1.2",
    )  # type: ignore[arg-type]


# --- what is sent ---


async def test_one_get_of_the_exact_url(origin: Origin, fetcher: Fetcher):
    target = "/a/../b//c;x=1,2/%7Euser/%e4?q=a+b&&c=%20&x=[1]|'*!()"
    origin.script("/a/../b//c;x=1,2/%7Euser/%e4", Answer(body=BODY))
    fetched(await fetcher.fetch(asking(origin.url(target) + "#fragment")))
    assert [(r.method, r.target) for r in origin.requests] == [("GET", target)]


async def test_characters_that_http_cannot_carry_are_percent_encoded(
    origin: Origin, fetcher: Fetcher
):
    origin.script("/%E6%96%B0%20x", Answer(body=BODY))
    fetched(await fetcher.fetch(asking(origin.url("/新 x?ü=ß"))))
    assert origin.requests[0].target == "/%E6%96%B0%20x?%C3%BC=%C3%9F"


async def test_the_headers_of_a_polite_request(origin: Origin, fetcher: Fetcher):
    origin.script("/feed", Answer(body=BODY))
    fetched(await fetcher.fetch(asking(origin.url("/feed"))))
    sent = {
        name.decode().lower(): value.decode()
        for name, value in origin.requests[0].headers
    }
    assert sent.pop("accept").startswith("application/atom+xml, application/rss+xml")
    assert sent == {
        "host": f"127.0.0.1:{origin.port}",
        "user-agent": "aggregator/1.2 (+https://example.org/bot)",
        "accept-encoding": "gzip, br, zstd",
        "a-im": "feed",
        "connection": "close",
    }


async def test_cookies_are_never_kept_and_no_referer_is_sent(
    origin: Origin, fetcher: Fetcher
):
    origin.script(
        "/feed",
        moved("/there", 302).but(
            headers=(("Location", "/there"), ("Set-Cookie", "a=1"))
        ),
    )
    origin.script("/there", Answer(body=BODY, headers=(("Set-Cookie", "b=2; Path=/"),)))
    for _ in range(2):
        fetched(await fetcher.fetch(asking(origin.url("/feed"))))
    assert len(origin.requests) == 4
    assert all(
        r.header("cookie") is None and r.header("referer") is None
        for r in origin.requests
    )


async def test_a_feed_may_have_its_own_user_agent_and_headers(
    origin: Origin, fetcher: Fetcher
):
    origin.script("/feed", Answer(body=BODY))
    headers = (
        ("X-Key", "schlüssel"),
        ("Host", "evil"),
        ("Accept-Encoding", "x"),
        ("Accept", "text/xml"),
    )
    fetched(
        await fetcher.fetch(
            asking(origin.url("/feed"), user_agent="other/1", headers=headers)
        )
    )
    seen = origin.requests[0]
    assert (seen.header("user-agent"), seen.raw("x-key")) == (
        "other/1",
        "schlüssel".encode(),
    )
    assert seen.header("host") == f"127.0.0.1:{origin.port}"
    assert (seen.header("accept-encoding"), seen.header("accept")) == (
        "gzip, br, zstd",
        "text/xml",
    )


async def test_a_header_that_would_split_the_request_is_refused(
    origin: Origin, fetcher: Fetcher
):
    result = await fetcher.fetch(
        asking(origin.url("/feed"), headers=(("X-A", "1\r\nX-B: 2"),))
    )
    failed(result, FailureKind.BAD_URL)
    assert origin.requests == []


async def test_basic_credentials_come_from_the_environment(
    origin: Origin, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FEED_PASSWORD", "open:sesame")
    origin.script("/feed", Answer(body=BODY))
    auth = Auth("basic", user="me", environment="FEED_PASSWORD")
    fetched(await fetcher.fetch(asking(origin.url("/feed"), auth=auth)))
    assert origin.requests[0].header("authorization") == "Basic bWU6b3BlbjpzZXNhbWU="


async def test_a_bearer_token_comes_from_a_file(
    origin: Origin, fetcher: Fetcher, tmp_path: Path
):
    (tmp_path / "token").write_text("abc\n")
    origin.script("/feed", Answer(body=BODY))
    auth = Auth("bearer", file=str(tmp_path / "token"))
    fetched(await fetcher.fetch(asking(origin.url("/feed"), auth=auth)))
    assert origin.requests[0].header("authorization") == "Bearer abc"


@pytest.mark.parametrize(
    ("auth", "words"),
    [
        (
            Auth("bearer", environment="NO_SUCH_VARIABLE_HERE"),
            "NO_SUCH_VARIABLE_HERE is not set",
        ),
        (
            Auth("bearer", file="/no/such/file"),
            "/no/such/file cannot be read (No such file or directory)",
        ),
    ],
)
async def test_missing_credentials_say_what_to_do_and_ask_nobody(
    origin: Origin, fetcher: Fetcher, auth: Auth, words: str
):
    assert (
        words
        in failed(
            await fetcher.fetch(asking(origin.url("/feed"), auth=auth)),
            FailureKind.CREDENTIALS,
        ).detail
    )
    assert origin.requests == []


async def test_user_and_password_of_the_url_become_a_header_and_are_never_shown(
    origin: Origin, fetcher: Fetcher
):
    url = origin.url("/feed").replace("http://", "http://me:p%40ss@")
    origin.script("/feed", Answer(body=BODY))
    assert "p%40ss" not in fetched(await fetcher.fetch(asking(url))).url
    assert origin.requests[0].header("authorization") == "Basic bWU6cEBzcw=="
    origin.script("/feed", Answer(status=500))
    assert "ss" not in repr(
        failed(await fetcher.fetch(asking(url)), FailureKind.HTTP_STATUS)
    ).replace("class", "")


# --- validators ---


async def test_validators_go_back_exactly_as_received(origin: Origin, fetcher: Fetcher):
    odd = 'W/"a b,c\'\\\\"'
    origin.script(
        "/feed",
        Answer(body=BODY, etag=odd, last_modified="Sun, 06 Nov 1994 08:49:37 GMT"),
    )
    first = fetched(await fetcher.fetch(asking(origin.url("/feed"))))
    again = not_modified(
        await fetcher.fetch(asking(origin.url("/feed"), validators=first.validators))
    )
    assert origin.requests[1].header("if-none-match") == odd
    assert (
        origin.requests[1].header("if-modified-since")
        == "Sun, 06 Nov 1994 08:49:37 GMT"
    )
    assert again.validators == first.validators


@pytest.mark.parametrize("etag", [b'"\xe9\xff"', '"新闻"'.encode(), b"bare", b'""'])
async def test_an_etag_of_any_bytes_comes_back_unchanged(
    origin: Origin, fetcher: Fetcher, etag: bytes
):
    origin.script("/feed", Answer(body=BODY, etag=etag))
    first = fetched(await fetcher.fetch(asking(origin.url("/feed"))))
    not_modified(
        await fetcher.fetch(asking(origin.url("/feed"), validators=first.validators))
    )
    assert origin.requests[1].raw("if-none-match") == etag
    assert first.validators.etag is not None
    first.validators.etag.encode("utf-8")  # it can be stored as text


async def test_an_empty_validator_is_none(origin: Origin, fetcher: Fetcher):
    since = "Sun, 06 Nov 1994 08:49:37 GMT"
    for etag, last_modified in (("", ""), ("", since), ('"1"', " ")):
        answer = Answer(body=BODY, etag=etag, last_modified=last_modified)
        origin.script("/feed", answer.but(stubborn=True))
        first = fetched(await fetcher.fetch(asking(origin.url("/feed"))))
        assert first.validators.etag == (etag or None)
        assert first.validators.last_modified == (last_modified.strip() or None)
        for kept in (first.validators, Validators(etag, last_modified.strip())):
            await fetcher.fetch(asking(origin.url("/feed"), validators=kept))
            seen = origin.requests[-1]
            assert seen.header("if-none-match") == (etag or None)
            assert seen.header("if-modified-since") == (last_modified.strip() or None)


async def test_an_empty_validator_of_a_304_takes_the_old_one_away_from_nobody(
    origin: Origin, fetcher: Fetcher
):
    origin.script("/feed", Answer(304, content_type=None, headers=(("ETag", ""),)))
    result = await fetcher.fetch(
        asking(origin.url("/feed"), validators=Validators('"1"'))
    )
    assert not_modified(result).validators.etag is None


async def test_a_stored_validator_with_a_line_break_is_not_sent(
    origin: Origin, fetcher: Fetcher
):
    origin.script("/feed", Answer(body=BODY))
    fetched(
        await fetcher.fetch(
            asking(origin.url("/feed"), validators=Validators('"a"\r\nX: 1', None))
        )
    )
    assert origin.requests[0].header("if-none-match") is None


async def test_validators_go_only_to_the_address_that_gave_them(
    origin: Origin, fetcher: Fetcher
):
    origin.script("/old", moved("/new", 302))
    origin.script("/new", Answer(body=BODY, etag='"n"'))
    first = fetched(await fetcher.fetch(asking(origin.url("/old"))))
    assert first.validators.url == origin.url("/new")
    result = not_modified(
        await fetcher.fetch(asking(origin.url("/old"), validators=first.validators))
    )
    assert result.redirects == (Redirect(302, origin.url("/new")),)
    assert [r.header("if-none-match") for r in origin.requests] == [
        None,
        None,
        None,
        '"n"',
    ]


async def test_validators_of_the_feeds_own_address_are_not_sent_to_where_it_redirects(
    origin: Origin, fetcher: Fetcher
):
    origin.script("/feed", moved("/other", 307))
    origin.script("/other", Answer(body=BODY, etag='"x"', lies=True))
    fetched(
        await fetcher.fetch(asking(origin.url("/feed"), validators=Validators('"x"')))
    )
    assert [r.header("if-none-match") for r in origin.requests] == ['"x"', None]


async def test_a_304_nobody_asked_for_is_a_failure(origin: Origin, fetcher: Fetcher):
    origin.script("/feed", Answer(status=304, content_type=None))
    assert (
        failed(
            await fetcher.fetch(asking(origin.url("/feed"))), FailureKind.HTTP_STATUS
        ).status
        == 304
    )


async def test_what_a_304_says_of_its_body_does_not_matter(
    origin: Origin, fetcher: Fetcher
):
    headers = (("ETag", '"2"'), ("Content-Encoding", "gzip, br"))
    origin.script("/feed", Answer(304, headers=headers))
    not_modified(
        await fetcher.fetch(asking(origin.url("/feed"), validators=Validators('"1"')))
    )


async def test_a_226_is_marked_as_partial(origin: Origin, fetcher: Fetcher):
    origin.script(
        "/feed", Answer(status=226, body=BODY, etag='"2"', headers=(("IM", "feed"),))
    )
    result = fetched(
        await fetcher.fetch(asking(origin.url("/feed"), validators=Validators('"1"')))
    )
    assert result.partial
    assert result.status == 226


async def test_a_226_in_a_form_we_did_not_offer_is_a_failure(
    origin: Origin, fetcher: Fetcher
):
    origin.script("/feed", Answer(status=226, body=b"...", headers=(("IM", "vcdiff"),)))
    failed(await fetcher.fetch(asking(origin.url("/feed"))), FailureKind.HTTP_STATUS)


# --- bodies ---


@pytest.mark.parametrize("encoding", [None, "gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("framing", ["sized", "chunked", "unsized"])
async def test_every_content_encoding_is_taken_off(
    origin: Origin, fetcher: Fetcher, encoding: str | None, framing: str
):
    body = feed_document(items=[(str(n), f"Title {n}", "") for n in range(2000)])
    origin.script(
        "/feed",
        Answer(
            body=body,
            encoding=encoding,
            chunked=framing == "chunked",
            unsized=framing == "unsized",
        ),
    )
    result = fetched(await fetcher.fetch(asking(origin.url("/feed"))))
    assert result.body == body
    assert (result.sent_bytes < len(body)) == (encoding is not None)
    assert result.content_type == "application/rss+xml; charset=utf-8"


async def test_several_gzip_members_are_one_body(origin: Origin, fetcher: Fetcher):
    parts = gzip.compress(BODY[:50]) + gzip.compress(BODY[50:]) + b"\0" * 10
    origin.script("/feed", Answer(body=parts, headers=(("Content-Encoding", "gzip"),)))
    assert fetched(await fetcher.fetch(asking(origin.url("/feed")))).body == BODY


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        ("gzip", gzip.compress(BODY, mtime=0)[:-8]),
        ("gzip", gzip.compress(BODY, mtime=0)[:-3]),
        ("deflate", zlib.compress(BODY)[:-4]),
    ],
)
async def test_a_compressed_body_may_lack_its_checksum(
    origin: Origin, fetcher: Fetcher, encoding: str, sent: bytes
):
    headers = (("Content-Encoding", encoding),)
    for unsized in (False, True):
        origin.script("/feed", Answer(body=sent, headers=headers, unsized=unsized))
        assert fetched(await fetcher.fetch(asking(origin.url("/feed")))).body == BODY


async def test_raw_deflate_is_understood(origin: Origin, fetcher: Fetcher):
    packer = zlib.compressobj(wbits=-15)
    raw = packer.compress(BODY) + packer.flush()
    origin.script("/feed", Answer(body=raw, headers=(("Content-Encoding", "deflate"),)))
    assert fetched(await fetcher.fetch(asking(origin.url("/feed")))).body == BODY


async def test_a_plain_body_that_says_gzip_is_taken_as_it_is(
    origin: Origin, fetcher: Fetcher
):
    origin.script("/feed", Answer(body=BODY, headers=(("Content-Encoding", "gzip"),)))
    assert fetched(await fetcher.fetch(asking(origin.url("/feed")))).body == BODY


async def test_a_gzip_body_that_does_not_say_so_is_unpacked_once(
    origin: Origin, fetcher: Fetcher
):
    origin.script("/feed", Answer(body=gzip.compress(BODY, mtime=0)))
    assert fetched(await fetcher.fetch(asking(origin.url("/feed")))).body == BODY
    origin.script(
        "/feed",
        Answer(
            body=gzip.compress(gzip.compress(BODY, mtime=0)),
            headers=(("Content-Encoding", "gzip"),),
        ),
    )
    assert fetched(
        await fetcher.fetch(asking(origin.url("/feed")))
    ).body == gzip.compress(BODY, mtime=0)


async def test_two_layers_of_encoding_are_refused(origin: Origin, fetcher: Fetcher):
    double = gzip.compress(gzip.compress(BODY, mtime=0))
    origin.script(
        "/feed", Answer(body=double, headers=(("Content-Encoding", "gzip, gzip"),))
    )
    failed(await fetcher.fetch(asking(origin.url("/feed"))), FailureKind.BAD_ENCODING)


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "compress"])
async def test_a_body_that_is_not_what_it_says_is_refused(
    origin: Origin, fetcher: Fetcher, encoding: str
):
    origin.script(
        "/feed", Answer(body=b"\x99" * 500, headers=(("Content-Encoding", encoding),))
    )
    failed(await fetcher.fetch(asking(origin.url("/feed"))), FailureKind.BAD_ENCODING)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
async def test_a_bomb_is_refused_at_the_limit(
    origin: Origin, fetcher: Fetcher, encoding: str
):
    origin.script("/feed", Answer(body=b"<rss>" + b" " * 50_000_000, encoding=encoding))
    result = await fetcher.fetch(asking(origin.url("/feed"), max_body_bytes=200_000))
    assert "200,000" in failed(result, FailureKind.TOO_LARGE).detail


async def test_an_oversize_body_is_refused_by_its_announced_length_or_its_size(
    origin: Origin, fetcher: Fetcher
):
    for chunked in (False, True):
        origin.script("/feed", Answer(body=b"x" * 300_000, chunked=chunked))
        failed(
            await fetcher.fetch(asking(origin.url("/feed"), max_body_bytes=200_000)),
            FailureKind.TOO_LARGE,
        )


async def test_the_limit_can_be_larger_for_one_feed(origin: Origin, fetcher: Fetcher):
    origin.script("/feed", Answer(body=b"x" * 300_000))
    assert (
        len(
            fetched(
                await fetcher.fetch(asking(origin.url("/feed"), max_body_bytes=300_000))
            ).body
        )
        == 300_000
    )


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"chunked": True},
        {"encoding": "gzip", "unsized": True},
        {"encoding": "br", "unsized": True},
        {"encoding": "zstd", "unsized": True},
    ],
)
async def test_a_body_cut_short_is_a_failure(
    origin: Origin, fetcher: Fetcher, shape: dict[str, object]
):
    body = bytes((n * n) % 251 for n in range(20_000))
    origin.script("/feed", Answer(body=body, cut=150).but(**shape))
    failed(await fetcher.fetch(asking(origin.url("/feed"))), FailureKind.RESET)


async def test_an_empty_body_is_handed_on(origin: Origin, fetcher: Fetcher):
    origin.script("/feed", Answer(body=b"", headers=(("Content-Encoding", "gzip"),)))
    assert fetched(await fetcher.fetch(asking(origin.url("/feed")))).body == b""


# --- redirects ---


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_every_redirect_is_followed_and_told(
    origin: Origin, fetcher: Fetcher, status: int
):
    origin.script("/old", moved(origin.url("/new", host=2), status))
    origin.script("/new", Answer(body=BODY))
    result = fetched(await fetcher.fetch(asking(origin.url("/old"))))
    assert (result.url, result.redirects) == (
        origin.url("/new", host=2),
        (Redirect(status, origin.url("/new", host=2)),),
    )


async def test_five_hops_are_followed_and_a_sixth_is_not(
    origin: Origin, fetcher: Fetcher
):
    for n in range(9):
        origin.script(f"/{n}", moved(f"/{n + 1}", 302))
    origin.script("/9", Answer(body=BODY))
    fetched(await fetcher.fetch(asking(origin.url("/4"))))
    count = len(origin.requests)
    failed(
        await fetcher.fetch(asking(origin.url("/3"))), FailureKind.TOO_MANY_REDIRECTS
    )
    assert len(origin.requests) - count == 6


async def test_a_circle_is_noticed_at_once(origin: Origin, fetcher: Fetcher):
    origin.script("/a", moved("/b"))
    origin.script("/b", moved("/a"))
    failed(
        await fetcher.fetch(asking(origin.url("/a"))), FailureKind.TOO_MANY_REDIRECTS
    )
    assert len(origin.requests) == 2


async def test_a_redirect_without_a_place_is_a_failure(
    origin: Origin, fetcher: Fetcher
):
    origin.script("/feed", Answer(status=301))
    failed(await fetcher.fetch(asking(origin.url("/feed"))), FailureKind.HTTP_STATUS)


@pytest.mark.parametrize(
    "place",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "gopher://x/",
        "http://[bad",
        "http://a b/",
    ],
)
async def test_a_redirect_to_something_else_is_refused(
    origin: Origin, fetcher: Fetcher, place: str
):
    origin.script("/feed", moved(place))
    failed(await fetcher.fetch(asking(origin.url("/feed"))), FailureKind.BAD_URL)


@pytest.mark.parametrize(
    "place", ["/%E6%96%B0", "/新", "//127.0.0.1:{port}/新", "../新#x"]
)
async def test_a_place_in_any_spelling_is_found(
    origin: Origin, fetcher: Fetcher, place: str
):
    origin.script("/feed", moved(place.format(port=origin.port).encode()))
    origin.script("/%E6%96%B0", Answer(body=BODY))
    fetched(await fetcher.fetch(asking(origin.url("/feed"))))


async def test_a_place_that_tries_to_split_the_next_request_stays_one_request(
    origin: Origin, fetcher: Fetcher
):
    origin.script("/feed", moved(b"/x\tHTTP/1.1\x0bEvil: 1 y%0d%0aEvil: 2"))
    await fetcher.fetch(asking(origin.url("/feed")))
    assert [r.header("evil") for r in origin.requests] == [None, None]


async def test_credentials_and_own_headers_stay_at_their_origin(
    origin: Origin, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("T", "secret")
    origin.script("/a", moved("/b", 302))
    origin.script("/b", moved(origin.url("/c", host=2), 302))
    origin.script("/c", Answer(body=BODY))
    request = asking(
        origin.url("/a"),
        auth=Auth("bearer", environment="T"),
        headers=(("X-Key", "k"),),
        user_agent="u",
    )
    fetched(await fetcher.fetch(request))
    sent = [
        (r.header("authorization"), r.header("x-key"), r.header("user-agent"))
        for r in origin.requests
    ]
    assert sent == [
        ("Bearer secret", "k", "u"),
        ("Bearer secret", "k", "u"),
        (None, None, "u"),
    ]


async def test_user_and_password_of_a_redirect_are_not_used(
    origin: Origin, fetcher: Fetcher
):
    origin.script("/a", moved(origin.url("/b").replace("http://", "http://x:y@")))
    origin.script("/b", Answer(body=BODY))
    assert fetched(await fetcher.fetch(asking(origin.url("/a")))).redirects == (
        Redirect(301, origin.url("/b")),
    )
    assert origin.requests[1].header("authorization") is None


# --- what the answer allows ---


async def test_cache_headers_and_links_are_read(origin: Origin, fetcher: Fetcher):
    headers = (
        ("Cache-Control", "max-age=600"),
        ("Age", "100"),
        ("Link", '<https://hub.example/>; rel="hub"'),
    )
    headers += (("Link", "</feed>; rel=self"),)
    origin.script("/feed", Answer(body=BODY, headers=headers, etag='"1"'))
    first = fetched(await fetcher.fetch(asking(origin.url("/feed"))))
    assert first.caching.fresh_for == timedelta(seconds=500)
    assert first.links == (
        ("hub", "https://hub.example/"),
        ("self", origin.url("/feed")),
    )
    again = not_modified(
        await fetcher.fetch(asking(origin.url("/feed"), validators=first.validators))
    )
    assert again.caching.fresh_for == timedelta(seconds=500)


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_read_in_both_forms(
    origin: Origin, fetcher: Fetcher, status: int
):
    origin.script("/feed", throttled(7200, status))
    result = failed(
        await fetcher.fetch(asking(origin.url("/feed"))), FailureKind.THROTTLED
    )
    assert (result.status, result.caching.retry_after) == (status, timedelta(hours=2))
    at = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    origin.script("/feed", throttled(at, status))
    result = failed(
        await fetcher.fetch(asking(origin.url("/feed"))), FailureKind.THROTTLED
    )
    assert result.caching.retry_after is not None
    assert timedelta(minutes=59) < result.caching.retry_after <= timedelta(hours=1)


@pytest.mark.parametrize("digits", [21, 400, 5000])
async def test_a_retry_after_of_any_number_of_digits_is_the_longest(
    origin: Origin, fetcher: Fetcher, digits: int
):
    origin.script("/feed", throttled("9" * digits))
    result = failed(
        await fetcher.fetch(asking(origin.url("/feed"))), FailureKind.THROTTLED
    )
    assert result.caching.retry_after == timedelta(days=365)


# --- failures ---


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, FailureKind.HTTP_STATUS),
        (401, FailureKind.UNAUTHORIZED),
        (403, FailureKind.HTTP_STATUS),
        (404, FailureKind.NOT_FOUND),
        (410, FailureKind.GONE),
        (429, FailureKind.THROTTLED),
        (500, FailureKind.HTTP_STATUS),
        (503, FailureKind.HTTP_STATUS),
        (204, FailureKind.HTTP_STATUS),
        (205, FailureKind.HTTP_STATUS),
        (300, FailureKind.HTTP_STATUS),
        (999, FailureKind.HTTP_STATUS),
    ],
)
async def test_every_status_has_its_class(
    origin: Origin, fetcher: Fetcher, status: int, kind: FailureKind
):
    origin.script("/feed", Answer(status=status, body=b"" if status == 204 else b"no"))
    result = failed(await fetcher.fetch(asking(origin.url("/feed?token=secret"))), kind)
    assert result.status == status
    assert "127.0.0.1" in result.detail
    assert "secret" not in result.detail


async def test_a_refused_connection_is_told_as_such(fetcher: Fetcher):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/feed"
        result = failed(await fetcher.fetch(asking(url)), FailureKind.CONNECT)
    assert "refuses" in result.detail
    assert not result.ours


async def test_a_reset_connection_is_told_as_such_and_not_tried_again(
    origin: Origin, fetcher: Fetcher
):
    origin.script("/feed", Answer(reset=True))
    failed(await fetcher.fetch(asking(origin.url("/feed"))), FailureKind.RESET)
    assert len(origin.seen("/feed")) == 1


@pytest.mark.parametrize("answer", [Answer(delay=30), Answer(body=BODY, trickle=0.2)])
async def test_the_time_limit_holds_for_head_and_body(origin: Origin, answer: Answer):
    origin.script("/feed", answer)
    async with fetcher_with(timeout=timedelta(seconds=0.4)) as impatient:
        failed(await impatient.fetch(asking(origin.url("/feed"))), FailureKind.TIMEOUT)


async def test_the_time_limit_covers_all_redirects_together(origin: Origin):
    for n in range(5):
        origin.script(f"/{n}", moved(f"/{n + 1}").but(delay=0.25))
    async with fetcher_with(timeout=timedelta(seconds=0.6)) as impatient:
        result = failed(
            await impatient.fetch(asking(origin.url("/0"))), FailureKind.TIMEOUT
        )
    assert 1 <= len(result.redirects) <= 2


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_connection_that_never_stands_is_given_up_and_closed(scheme: str):
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as deaf,
        contextlib.ExitStack() as stack,
    ):
        # Those that wait to be accepted fill its queue: to who comes after them it does not answer.
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        before = len(list(Path("/dev/fd").iterdir()))
        url = f"{scheme}://127.0.0.1:{deaf.getsockname()[1]}/feed"
        async with fetcher_with(timeout=timedelta(seconds=0.3)) as impatient:
            failed(await impatient.fetch(asking(url)), FailureKind.TIMEOUT)
            # What the transport closes it closes in the loop's next turn.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert len(list(Path("/dev/fd").iterdir())) == before


async def test_an_answer_that_is_not_http_is_a_failure(fetcher: Fetcher):
    async def babble(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        failed(
            await fetcher.fetch(asking(f"http://127.0.0.1:{port}/")), FailureKind.RESET
        )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "feed",
        "ftp://a.example/",
        "http:///x",
        "http://[::1",
        "http://a b/",
        "http://a:99999/",
        "javascript:1",
        "http://\x00/",
    ],
)
async def test_what_is_no_url_is_told_as_such(fetcher: Fetcher, url: str):
    failed(await fetcher.fetch(asking(url)), FailureKind.BAD_URL)


async def test_a_name_that_does_not_exist_and_a_dumb_name_server_are_told_apart():
    def silent(host: str, port: int, family: int) -> list[tuple[object, ...]]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    async with Fetcher(
        FetchSettings(), contact="", version="0", lookup=names({})
    ) as lost:
        assert not failed(
            await lost.fetch(asking("http://feed.invalid/")), FailureKind.DNS
        ).ours
    async with Fetcher(
        FetchSettings(), contact="", version="0", lookup=silent
    ) as cut_off:
        result = failed(
            await cut_off.fetch(asking("http://feed.example/")), FailureKind.DNS
        )
    assert result.ours
    assert "feed.example" in result.detail


async def test_a_name_beyond_ascii_is_asked_in_its_ascii_form(origin: Origin):
    table = {"xn--bcher-kva.example": "127.0.0.1"}
    origin.script("/feed", Answer(body=BODY))
    async with Fetcher(LOOPBACK, contact="", version="0", lookup=names(table)) as able:
        fetched(await able.fetch(asking(f"http://BÜCHER.example:{origin.port}/feed")))
    assert origin.requests[0].header("host") == f"xn--bcher-kva.example:{origin.port}"


# --- TLS and proxy ---


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_tls(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    return context


async def test_an_unknown_certificate_is_a_tls_failure(
    authority: trustme.CA, fetcher: Fetcher
):
    async with Origin(tls=server_tls(authority, "127.0.0.1")) as secure:
        result = failed(
            await fetcher.fetch(asking(secure.url("/feed"))), FailureKind.TLS
        )
        assert "certificate" in result.detail or "issuer" in result.detail


async def test_an_own_ca_file_is_trusted_and_the_name_still_checked(
    authority: trustme.CA, tmp_path: Path
):
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with (
        Origin(tls=server_tls(authority, "127.0.0.1")) as secure,
        fetcher_with(ca_file=str(tmp_path / "ca.pem")) as own,
    ):
        secure.script("/feed", Answer(body=BODY))
        fetched(await own.fetch(asking(secure.url("/feed"))))
        failed(await own.fetch(asking(secure.url("/feed", host=2))), FailureKind.TLS)


@pytest.mark.parametrize("text", [None, "no certificate"])
async def test_a_ca_file_that_cannot_be_used_is_told_with_its_key(
    tmp_path: Path, text: str | None
):
    if text is not None:
        (tmp_path / "ca.pem").write_text(text)
    with pytest.raises(ConfigError, match=r"fetch\.ca_file"):
        async with fetcher_with(ca_file=str(tmp_path / "ca.pem")):
            pytest.fail("it has no authorities")


async def test_an_own_ca_file_comes_beside_the_systems_authorities(
    authority: trustme.CA, tmp_path: Path
):
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    own, system = fetch._tls(str(tmp_path / "ca.pem")), fetch._tls(None)
    assert own.cert_store_stats()["x509_ca"] == system.cert_store_stats()["x509_ca"] + 1


def two_addresses(first: str, second: str) -> Lookup:
    """A name service that knows two addresses of every name."""

    def lookup(host: str, port: int, family: int) -> list[tuple[Any, ...]]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in (first, second)
        ]

    return lookup


async def test_of_two_addresses_the_one_that_answers_is_asked_once(origin: Origin):
    origin.script("/feed", Answer(body=BODY))
    lookup = two_addresses("127.77.0.1", "127.0.0.1")
    async with Fetcher(LOOPBACK, contact="", version="0", lookup=lookup) as able:
        fetched(await able.fetch(asking(f"http://feed.example:{origin.port}/feed")))
    assert len(origin.requests) == 1


async def test_a_server_with_a_broken_certificate_leaves_it_to_the_next_address(
    authority: trustme.CA, tmp_path: Path
):
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    settings = dataclasses.replace(LOOPBACK, ca_file=str(tmp_path / "ca.pem"))
    lookup = two_addresses("127.77.0.2", "127.0.0.1")
    whole = server_tls(authority, "feed.example")
    async with Origin(tls=whole) as secure:
        secure.script("/feed", Answer(body=BODY))
        broken = await asyncio.start_server(
            lambda reader, writer: writer.close(),
            "127.77.0.2",
            secure.port,
            ssl=server_tls(trustme.CA(), "feed.example"),
        )
        async with (
            broken,
            Fetcher(settings, contact="", version="0", lookup=lookup) as able,
        ):
            url = f"https://feed.example:{secure.port}/feed"
            fetched(await able.fetch(asking(url)))
        assert len(secure.requests) == 1


async def test_plain_http_where_tls_is_expected_is_a_tls_failure(fetcher: Fetcher):
    async def refuse(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        failed(
            await fetcher.fetch(asking(f"https://127.0.0.1:{port}/")), FailureKind.TLS
        )


async def test_a_proxy_is_asked_with_the_whole_address(origin: Origin):
    origin.script("http://feed.example/feed", Answer(body=BODY))
    async with Fetcher(
        FetchSettings(per_host_interval=timedelta(0), proxy=origin.url("")),
        contact="",
        version="0",
    ) as behind:
        fetched(await behind.fetch(asking("http://feed.example/feed")))
        failed(
            await behind.fetch(asking("http://127.0.0.1/feed")),
            FailureKind.PRIVATE_ADDRESS,
        )
    assert [r.target for r in origin.requests] == ["http://feed.example/feed"]


async def test_a_dead_proxy_is_our_own_fault():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with Fetcher(
            FetchSettings(proxy=proxy), contact="", version="0"
        ) as behind:
            assert failed(
                await behind.fetch(asking("http://feed.example/feed")),
                FailureKind.CONNECT,
            ).ours


# --- manners between requests ---


async def test_one_request_at_a_time_to_a_host_also_behind_redirects(
    origin: Origin, fetcher: Fetcher
):
    for n in range(6):
        origin.script(f"/{n}", moved(origin.url("/shared", host=3), 302))
    origin.script("/shared", Answer(body=BODY, delay=0.03))
    results = await asyncio.gather(
        *(fetcher.fetch(asking(origin.url(f"/{n}", host=1 + n % 2))) for n in range(6))
    )
    assert [fetched(r).body for r in results] == [BODY] * 6
    assert origin.peak("127.0.0.3") == 1
    assert origin.peak_connections("127.0.0.3") == 1


async def test_requests_to_a_host_are_spaced_also_behind_redirects(origin: Origin):
    origin.script("/a", moved("/b", 302))
    origin.script("/b", Answer(body=BODY))
    async with fetcher_with(per_host_interval=timedelta(seconds=0.2)) as spaced:
        fetched(await spaced.fetch(asking(origin.url("/a"))))
    first, second = origin.requests
    assert second.at - first.at >= 0.2


async def test_each_request_has_a_connection_of_its_own(
    origin: Origin, fetcher: Fetcher
):
    """A kept one may be closed by the server while our request is on its way, and a GET is not repeated."""
    origin.script("/a", moved("/b", 302))
    origin.script("/b", Answer(body=BODY))
    for path in ("/a", "/b"):
        fetched(await fetcher.fetch(asking(origin.url(path))))
    assert len({r.connection for r in origin.requests}) == len(origin.requests) == 3
