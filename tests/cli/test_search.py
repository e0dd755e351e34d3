"""`aggregator search`: what it finds by words, and by meaning where the encoder is."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from aggregator.cli.search import asked_for
from aggregator.dedup.extra import is_installed
from aggregator.dedup.fingerprint import fingerprint
from aggregator.dedup.meaning import vectors
from aggregator.dedup.nearness import embedded, nearest_by_meaning
from tests.cli.test_events import Desk, desk
from tests.engine.making import entry

__all__ = ["desk"]


async def test_events_are_found_by_all_their_words(desk: Desk):
    reports = await desk.by_feed()
    found = await desk.say_alone(
        "search", "earthquake", "--since", "7d", "--words-only"
    )
    assert found.status == 0
    assert reports["a"].event_id in found.out
    assert reports["c"].event_id not in found.out
    [line] = found.out.splitlines()  # as `events list` tells it, within the width
    assert re.match(rf"{reports['a'].event_id}  .* 2 sources  ", line)


async def test_a_query_that_finds_nothing_says_so(desk: Desk):
    found = await desk.say_alone(
        "search", "earthquake", "nothing-like-this", "--words-only"
    )
    assert (found.status, found.out) == (0, "no event tells of this\n")


@pytest.mark.parametrize(
    "words", [("",), ("-",), ("title:", "*"), ("x", "--since", "-5h")]
)
async def test_a_search_for_nothing_or_in_the_future_is_refused(
    desk: Desk, words: tuple[str, ...]
):
    found = await desk.say_alone("search", *words)
    assert found.status == 2


@pytest.mark.skipif(not is_installed(), reason="the extra `meaning` is not installed")
async def test_where_no_headline_has_an_embedding_it_says_so(desk: Desk):
    await desk.by_feed()
    with desk._config.open("a", encoding="utf-8") as config:
        config.write("[dedup]\nmeaning = true\n")
    found = await desk.say_alone("search", "terremoto")
    assert found.status == 0
    assert "by words alone: no headline has an embedding" in found.err


async def test_programs_get_one_event_a_line(desk: Desk):
    reports = await desk.by_feed()
    found = await desk.say_alone("search", "earthquake", "--json", "--words-only")
    [event] = [json.loads(line) for line in found.out.splitlines()]
    assert event["event_id"] == reports["a"].event_id
    assert {report["feed_id"] for report in event["reports"]} == {"a", "b"}
    assert event["likeness"] is None


async def test_the_filters_narrow_it(desk: Desk):
    for more in (["--lang", "zh"], ["--category", "nowhere"], ["--min-sources", "3"]):
        found = await desk.say_alone("search", "earthquake", "--words-only", *more)
        assert found.out == "no event tells of this\n", more


def test_one_argument_of_the_shell_is_a_phrase():
    assert asked_for(("climate change", "ice")) == '"climate change" ice'
    assert asked_for(('"climate change" ice',)) == '"climate change" ice'
    assert asked_for(("地震",)) == "地震"


@pytest.mark.skipif(not is_installed(), reason="the extra `meaning` is not installed")
def test_what_means_the_same_is_near_and_what_does_not_is_not():
    titles = {
        "quake": "Strong earthquake shakes northern Japan",
        "budget": "Parliament passes the new school budget",
    }
    prints = []
    for number, (name, title) in enumerate(titles.items()):
        one = replace(entry(number), title=title)
        prints.append((name, fingerprint(one, vectors([(title, "")])[0]).packed))
    known = embedded([*prints, ("damaged", b"\x09")])
    near = nearest_by_meaning("terremoto en Japón", known)
    assert max(near, key=near.__getitem__) == "quake"
    assert "budget" not in near
