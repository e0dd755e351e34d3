"""Which of many events hold some words: beside the event loop, each text prepared once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import aiohttp
import pytest

from aggregator.model import Event
from aggregator.watch.choice import Choice, is_chosen
from aggregator.watch.http import StatusServer
from aggregator.watch.metrics import Metrics
from aggregator.watch.searching import Search

from .sample import NOW, REPORTED, SampleDay, event_of_telling

EVENTS = [event_of_telling(telling) for telling in REPORTED]
LUNAR = EVENTS[0]


class Watched(list[Event]):
    """Events that know who read them."""

    def __iter__(self) -> Iterator[Event]:
        self.reader = threading.current_thread()
        return super().__iter__()


@pytest.fixture
def search() -> Iterator[Search]:
    search = Search()
    yield search
    search.close()


@pytest.mark.parametrize(
    "words", ["pictures MOON", "公交", '"far side"', "ferry -ice", "title:relay", "zzz"]
)
async def test_it_finds_what_the_filter_of_one_event_takes(search, words):
    chosen = {e.event_id for e in EVENTS if is_chosen(e, Choice(words=words))}
    assert set(await search.mentioning(EVENTS, words)) == chosen


async def test_the_event_loop_is_not_held_up(search):
    events = Watched(EVENTS)
    await search.mentioning(events, "moon")
    assert events.reader is not threading.current_thread()


async def test_a_text_is_prepared_once_and_anew_when_its_event_changed(search):
    await search.mentioning(EVENTS, "moon")
    before = dict(search._prepared)
    changed = replace(LUNAR, lead="A volcano was seen, too")
    events = [changed, *EVENTS[1:-1]]
    assert await search.mentioning(events, "volcano") == {LUNAR.event_id}
    after = search._prepared
    assert set(after) == {event.event_id for event in events}
    same = [event.event_id for event in EVENTS[1:-1]]
    assert all(after[event_id][1] is before[event_id][1] for event_id in same)


async def test_events_that_were_only_read_anew_are_not_prepared_again(search):
    await search.mentioning(EVENTS, "moon")
    before = dict(search._prepared)
    anew = [replace(event) for event in EVENTS]
    assert all(one is not other for one, other in zip(anew, EVENTS, strict=True))
    await search.mentioning(anew, "moon")
    assert all(search._prepared[name][1] is before[name][1] for name in before)


def is_ready(search: Search) -> set[str]:
    """The events whose texts are prepared, when what was asked for until now is done."""
    search._thread.submit(lambda: None).result(10)
    return set(search._prepared)


async def test_what_is_expected_is_ready_before_the_first_words(search):
    search.expect(EVENTS)
    assert is_ready(search) == {event.event_id for event in EVENTS}
    before = dict(search._prepared)
    await search.mentioning(EVENTS, "moon")
    assert all(search._prepared[name][1] is before[name][1] for name in before)


async def test_the_same_answer_is_expected_once(search):
    events = Watched(EVENTS)
    search.expect(events)
    is_ready(search)
    del events.reader
    search.expect(events)
    is_ready(search)
    assert not hasattr(events, "reader")


async def test_a_page_that_is_still_open_at_the_end_expects_nothing(search):
    search.close()
    search.expect(EVENTS)
    assert search._prepared == {}


async def test_who_looks_at_the_page_may_search_next():
    day = SampleDay()
    server = StatusServer(day, metrics=Metrics(), now=lambda: NOW)
    host, port = await server.start("127.0.0.1", 0)
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{host}:{port}/") as answer,
    ):
        assert answer.status == 200
    assert LUNAR.event_id in is_ready(server._kept._search)
    await server.stop()
