"""Beyond the limit the newest entries are kept, whichever end of the document they stand at."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.entry.newest import newest_entries, newest_of
from aggregator.entry.parse import parsed_feed
from aggregator.model import ParsedFeed

START = datetime(2026, 9, 3, tzinfo=UTC)
LIMIT = 4


def date(hour: int) -> datetime:
    return START + timedelta(hours=hour)


def rss_item(hour: int | None, element: str = "pubDate") -> str:
    stated = (
        "" if hour is None else f"<{element}>{format_datetime(date(hour))}</{element}>"
    )
    return f"<item><title>{hour}</title>{stated}</item>"


def rss(*items: str) -> str:
    return f"<rss version='2.0' xmlns:dc='http://purl.org/dc/elements/1.1/'><channel><title>T</title>{''.join(items)}<ttl>60</ttl></channel></rss>"


def atom(*hours: int) -> str:
    entries = "".join(
        f"<entry><title>{hour}</title><updated>{date(hour).isoformat()}</updated></entry>"
        for hour in hours
    )
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title>{entries}</feed>'


def json_feed(*hours: int) -> str:
    items = [
        {"id": str(hour), "title": str(hour), "date_published": date(hour).isoformat()}
        for hour in hours
    ]
    return json.dumps(
        {"version": "https://jsonfeed.org/version/1.1", "title": "T", "items": items}
    )


def titles(document: str, limit: int = LIMIT) -> tuple[list[str], int]:
    found = parsed_feed(
        document.encode(),
        content_type=None,
        url="https://h.example/f",
        max_entries=limit,
    )
    assert isinstance(found, ParsedFeed)
    return [entry.title.value for entry in found.entries], found.dropped_count


ASCENDING, DESCENDING, MIXED = (
    (0, 1, 2, 3, 4, 5, 6),
    (6, 5, 4, 3, 2, 1, 0),
    (3, 6, 0, 5, 2, 4, 1),
)


@pytest.mark.parametrize("hours", [ASCENDING, DESCENDING, MIXED])
@pytest.mark.parametrize(
    "document",
    [
        lambda hours: rss(*map(rss_item, hours)),
        lambda hours: rss(*(rss_item(hour, "dc:date") for hour in hours)),
        lambda hours: rss(*map(rss_item, hours)).replace("<pubDate>", "<pubDate><![CDATA[").replace("</pubDate>", "]]></pubDate>"),
        lambda hours: rss(*map(rss_item, hours)).replace("</rss>", ""),
        lambda hours: rss("<!-- <item> -->", *map(rss_item, hours)),
        lambda hours: atom(*hours),
        lambda hours: json_feed(*hours),
    ],
    ids=["pubDate", "dc:date", "cdata", "truncated", "comment", "atom", "json"],
)  # fmt: skip
def test_the_newest_are_kept_in_the_order_of_the_document(
    document, hours: tuple[int, ...]
) -> None:
    assert titles(document(hours)) == ([str(hour) for hour in hours if hour >= 3], 3)


def test_without_dates_the_first_are_kept() -> None:
    assert titles(rss(*(f"<item><title>{n}</title></item>" for n in range(6)))) == (
        ["0", "1", "2", "3"],
        2,
    )
    one_dated = rss(
        *(f"<item><title>{n}</title></item>" for n in range(6)), rss_item(9)
    )
    assert titles(one_dated) == (["0", "1", "2", "3"], 3)


def test_an_undated_entry_goes_with_the_one_before_it() -> None:
    assert titles(
        rss(
            rss_item(0),
            rss_item(1),
            rss_item(None),
            rss_item(5),
            rss_item(None),
            rss_item(6),
        ),
        3,
    ) == (
        ["5", "None", "6"],
        3,
    )


def test_of_entries_with_one_date_those_nearer_to_the_new_end_are_kept() -> None:
    same = [
        f"<item><title>{name}</title><pubDate>{format_datetime(date(1))}</pubDate></item>"
        for name in "abc"
    ]
    assert titles(rss(*same, rss_item(9)), 2)[0] == ["c", "9"]
    assert titles(rss(rss_item(9), *same), 2)[0] == ["9", "a"]


def test_what_stands_around_the_entries_stays() -> None:
    found = parsed_feed(
        rss(*map(rss_item, ASCENDING)).encode(),
        content_type=None,
        url="u",
        max_entries=2,
    )
    assert isinstance(found, ParsedFeed)
    assert (found.title, found.hints.ttl) == ("T", timedelta(hours=1))


@pytest.mark.parametrize("ascending", [True, False])
def test_of_very_many_entries_only_the_ends_are_dated(ascending: bool) -> None:
    hours = range(11_000) if ascending else range(10_999, -1, -1)
    kept, dropped = newest_entries(rss(*map(rss_item, hours)), 3)
    assert dropped == 10_997
    assert [str(hour) for hour in hours if f"<title>{hour}</title>" in kept] == [
        str(hour) for hour in hours if hour > 10_996
    ]


@given(
    st.lists(st.none() | st.integers(0, 50), min_size=1, max_size=30),
    st.integers(1, 30),
)
def test_positions_are_as_many_as_allowed_and_in_order(
    hours: list[int | None], limit: int
) -> None:
    stated = ["" if hour is None else date(hour).isoformat() for hour in hours]
    if limit < len(hours):
        kept = newest_of(stated, len(hours), limit)
        assert kept == sorted(set(kept))
        assert len(kept) == limit
        assert 0 <= kept[0] <= kept[-1] < len(hours)
