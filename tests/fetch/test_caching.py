"""fetch.caching: what an answer's headers allow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.fetch.caching import cache_directives, caching_of
from aggregator.http_dates import http_date

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def at(hours: float) -> str:
    return format_datetime(NOW + timedelta(hours=hours), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"cache-control": "max-age=600"}, 600),
        ({"cache-control": "public, MAX-AGE = 600 , must-revalidate"}, 600),
        ({"cache-control": 'max-age="600"'}, 600),
        ({"cache-control": "max-age=600, max-age=10"}, 600),
        ({"cache-control": "max-age=600", "age": "100"}, 500),
        ({"cache-control": "max-age=600", "age": "1000"}, 0),
        ({"cache-control": "max-age=600", "age": "soon"}, 600),
        ({"cache-control": "max-age=-1"}, None),
        ({"cache-control": "max-age=soon"}, None),
        ({"cache-control": "max-age=0"}, 0),
        ({"cache-control": "no-store, max-age=600"}, 600),
        ({"cache-control": "s-maxage=600"}, None),
        ({"cache-control": "no-cache, max-age=315360000"}, 0),
        ({"cache-control": "max-age=315360000, no-cache"}, 0),
        ({"cache-control": 'no-cache="Set-Cookie", max-age=600'}, 600),
        ({"cache-control": "max-age=99999999999999999999999"}, 365 * 86400),
        ({"cache-control": "max-age=" + "9" * 9000}, 365 * 86400),
        ({"cache-control": f"max-age={600:030}"}, 600),
        ({"cache-control": f"max-age={0:030}"}, 0),
        ({"cache-control": "max-age=600", "age": "9" * 30}, 0),
        ({"cache-control": "max-age=" + "0" * 200_000 + "x"}, None),
        ({"cache-control": "max-age=9999999999"}, 365 * 86400),
        ({"cache-control": "max-age=600", "expires": at(5)}, 600),
        ({"expires": at(1)}, 3600),
        ({"expires": at(1), "date": at(0.5)}, 1800),
        ({"expires": at(1), "date": at(0), "age": "600"}, 3000),
        ({"expires": at(-1)}, 0),
        ({"expires": "0"}, 0),
        ({"expires": "Fri, 31 Dec 9999 23:59:59 -0100"}, 0),
        ({"expires": at(1), "date": "Fri, 31 Dec 9999 23:59:59 -0100"}, 3600),
        ({"expires": "Wednesday, 04-Mar-26 13:00:00 GMT"}, 3600),
        ({"expires": "Wed Mar  4 13:00:00 2026"}, 3600),
        ({"cache-control": "no-cache", "expires": at(5)}, 0),
    ],
)
def test_freshness(headers: dict[str, str], seconds: int | None):
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert caching_of(headers, now=NOW).fresh_for == expected


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "120"}, 120),
        ({"retry-after": " 120 "}, 120),
        ({"retry-after": "1.5"}, 2),
        ({"retry-after": "0"}, 0),
        ({"retry-after": at(2)}, 7200),
        ({"retry-after": at(2), "date": at(1)}, 3600),
        ({"retry-after": at(-2)}, 0),
        ({"retry-after": "99999999999"}, 365 * 86400),
        ({"retry-after": "later"}, None),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 -1200"}, None),
        ({"retry-after": at(2), "date": "31 Dec 9999 23:59:59 -2359"}, 7200),
        ({"retry-after": "-5"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: int | None):
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert caching_of(headers, now=NOW).retry_after == expected


@given(
    st.dictionaries(
        st.sampled_from(["cache-control", "age", "expires", "date", "retry-after"]),
        st.text(max_size=60),
    )
)
def test_any_header_text_gives_spans_that_are_not_negative(headers: dict[str, str]):
    caching = caching_of(headers, now=NOW)
    assert all(
        span is None or timedelta(0) <= span <= timedelta(days=365)
        for span in (caching.fresh_for, caching.retry_after)
    )


@given(st.text(max_size=100))
def test_any_text_can_be_looked_at_for_directives_and_dates(text: str):
    assert all(name == name.lower() for name in cache_directives(text))
    assert http_date(text) is None or http_date(text).tzinfo is not None  # type: ignore[union-attr]
