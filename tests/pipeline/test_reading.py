"""Reading: what an upgrade that reads better makes of entries that stand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aggregator.entry.normalise import HASH_RULES
from aggregator.model import DocumentSettings, Feed, FeedRead, IdentityRule, KnownEntry
from aggregator.pipeline.reading import ReadRequest, read

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
FEED = Feed("town", "https://feeds.host.example/town/rss")
BODY = (
    '<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"><channel><title>Town</title><link>https://town.example/</link>'
    "<item><title>Eels &lt;i&gt;</title><link>/n/1</link><media:description>5 &lt; 6</media:description>{first}</item>"
    '<item><title>Weirs</title><enclosure url="https://cdn.example/2.mp3"/>{second}</item></channel></rss>'
)


def polled(
    body: str,
    known: dict[str, KnownEntry],
    rule: IdentityRule = IdentityRule(),  # noqa: B008 (frozen)
    *,
    days: int = 0,
) -> FeedRead:
    result = read(
        ReadRequest(
            FEED, FEED.url, body.encode(), None, known, rule, DocumentSettings(), timedelta(days=3),
            NOW + timedelta(days=days), title="Town", language="en",
        )
    )  # fmt: skip
    assert isinstance(result, FeedRead)
    return result


def outcomes(read: FeedRead) -> dict[str, int]:
    return {name: count for name, count in read.outcomes.items() if count}


@pytest.mark.parametrize("ids", [("<guid>a</guid>", "<guid>b</guid>"), ("", "")])
def test_what_older_rules_knew_is_taken_as_it_is_now_without_a_word(
    ids: tuple[str, str],
):
    body = BODY.format(first=ids[0], second=ids[1])
    first = polled(body, {})
    assert outcomes(first) == {"new": 2}
    old = {
        key: known._replace(content_hash=f"{n:032x}")
        for n, (key, known) in enumerate(first.known.items())
    }
    again = polled(body, old, first.identity)
    assert (outcomes(again), again.entries, again.notices) == ({"seen": 2}, (), ())
    assert again.known == dict(first.known)
    third = polled(body, {**old, **again.known}, again.identity)
    assert (outcomes(third), dict(third.known)) == ({"seen": 2}, {})


def test_an_edit_under_the_rules_of_today_is_told():
    body = BODY.format(first="<guid>a</guid>", second="<guid>b</guid>")
    first = polled(body, {})
    assert all(
        known.content_hash.startswith(f"{HASH_RULES}.")
        for known in first.known.values()
    )
    assert outcomes(
        polled(body.replace("Weirs", "Weirs are mended"), dict(first.known))
    ) == {"seen": 1, "edited": 1}


def test_a_new_home_page_renames_no_entry():
    body = BODY.format(first="", second="<link>/n/2</link>")
    first = polled(body, {})
    moved = body.replace("https://town.example/", "https://www.town.example/")
    again = polled(moved, dict(first.known), first.identity)
    assert (outcomes(again), again.notices) == ({"seen": 2}, ())


def test_three_edits_of_a_day_are_told_and_the_fourth_is_muted():
    known: dict[str, KnownEntry] = {}
    counts, kinds = [], []
    for n in range(6):
        body = BODY.format(first="<guid>a</guid>", second="<guid>b</guid>")
        answer = polled(body.replace("Weirs", f"Weirs {n}"), known)
        known |= answer.known
        counts.append(answer.outcomes.get("edited", 0))
        kinds += [notice.kind for notice in answer.notices]
    assert counts == [0, 1, 1, 1, 0, 0]
    assert kinds == ["muted"]
