from __future__ import annotations

from collections import Counter
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.dedup.assign import assign, assign_all
from aggregator.dedup.backtest import entry_of, event_id
from aggregator.dedup.fingerprint import Fingerprint, fingerprint
from aggregator.dedup.index import Index
from aggregator.dedup.rows import BLOCK, NEVER, ROW, Rows, RowStore, row_array
from aggregator.model import EPOCH, Assignment, DedupSettings

SETTINGS = DedupSettings()
TITLES = [
    "Volcano erupts near Quito, thousands flee",
    "Thousands flee as volcano near Quito erupts",
    "Central bank of Norway lifts rates by 25 basis points",
    "Norway's central bank raises rates 25 bps",
    "New museum of glass opens in Turin",
    "Turin opens its museum of glass",
    "Ferry sinks off Samoa with 40 aboard",
    "Samoa ferry sinking: 40 were aboard",
]


def printed(title: str, number: int, hour: int = 0) -> Fingerprint:
    at = (EPOCH + timedelta(days=1, hours=hour)).isoformat()
    return fingerprint(
        entry_of({"id": f"{number}", "title": title, "lang": "en", "published": at})
    )


def put(index: Index, one: Fingerprint) -> Assignment:
    answer = assign(one, index, SETTINGS)
    index.add(one, answer.event_id or event_id(one.entry_id))
    return answer


def state(index: Index, known: list[Fingerprint]) -> list[object]:
    """What an index would answer: about the known reports, and about new ones."""
    probes = [printed(title, 1000 + i, 1) for i, title in enumerate(TITLES)]
    answers: list[object] = [index.event_of(one.entry_id) for one in known]
    return [len(index), *answers, *(assign(probe, index, SETTINGS) for probe in probes)]


steps = st.lists(
    st.one_of(st.integers(0, len(TITLES) - 1), st.just("merge"), st.just("move")),
    max_size=16,
)


@given(steps)
def test_an_index_says_of_every_entry_what_was_said_of_it(
    steps: list[int | str],
) -> None:
    """Whatever is added, merged and moved: a plain dictionary told the same answers the same."""
    index, events = Index(SETTINGS), dict[str, str]()
    for number, step in enumerate(steps):
        if isinstance(step, int):
            one = printed(TITLES[step], number)
            events[one.entry_id] = put(index, one).event_id or event_id(one.entry_id)
        elif step == "merge" and len(set(events.values())) > 1:
            survivor, absorbed = sorted(set(events.values()))[:2]
            index.merge(survivor, absorbed)
            events = {
                entry: survivor if event == absorbed else event
                for entry, event in events.items()
            }
        elif step == "move" and events:
            moved = min(events)
            index.move(moved, f"e-{number}")
            events[moved] = f"e-{number}"
        assert {entry: index.event_of(entry) for entry in events} == events
        sizes = Counter(events.values())
        numbers = {event: index.number_of(event) for event in sizes}
        assert {
            event: len(index.members(n))
            for event, n in numbers.items()
            if n is not None
        } == sizes


titles = st.lists(st.integers(0, len(TITLES) - 1), max_size=30)


@settings(max_examples=25)
@given(titles)
def test_a_batch_is_assigned_like_one_after_the_other(chosen: list[int]) -> None:
    """In batches, reports find the ones before them in the batch; only words counted meanwhile make a difference."""
    prints = [
        printed(TITLES[title], 100_000 + number) for number, title in enumerate(chosen)
    ]
    whole, single = Index(SETTINGS), Index(SETTINGS)
    for index in (whole, single):
        index.learn(*filler(1000))
    assert whole.batch > 30
    at_once = [answer.event_id for answer in put_all(whole, prints)]
    assert at_once == [
        answer.event_id for one in prints for answer in put_all(single, [one])
    ]


def put_all(index: Index, prints: list[Fingerprint]) -> list[Assignment]:
    return list(assign_all(prints, index, SETTINGS, new_event=event_id))


def test_a_burst_of_reports_of_one_event_in_one_batch_is_one_event() -> None:
    index = Index(SETTINGS)
    index.learn(*filler(9000))
    assert index.batch > 100
    burst = [printed(TITLES[0], 100_000 + number) for number in range(100)]
    answers = put_all(index, burst)
    assert answers[0].event_id is None
    assert {answer.event_id for answer in answers[1:]} == {event_id(burst[0].entry_id)}


def filler(count: int) -> tuple[Rows, list[str]]:
    """Reports of nothing in particular, each an event of its own."""
    made = [
        Fingerprint(
            f"{n}",
            "en",
            first_seen=86_400,
            title_tokens=tuple(range(10 * n + 1, 10 * n + 9)),
        )
        for n in range(count)
    ]
    return row_array(made), [f"e{one.entry_id}" for one in made]


def test_what_is_older_than_the_window_is_forgotten() -> None:
    index = Index(SETTINGS)
    old, young = printed(TITLES[0], 1, 0), printed(TITLES[4], 2, 10)
    put(index, old)
    put(index, young)
    now = EPOCH + timedelta(days=1, hours=1) + SETTINGS.window
    assert index.expire(now) == 1
    assert (len(index), index.event_of(old.entry_id)) == (1, None)
    assert index.event_of(young.entry_id) == event_id(young.entry_id)
    assert assign(printed(TITLES[1], 3, 10), index, SETTINGS).reason == "new"


def test_an_event_outlives_its_first_report() -> None:
    index = Index(SETTINGS)
    first, second = printed(TITLES[0], 1, 0), printed(TITLES[1], 2, 10)
    put(index, first)
    put(index, second)
    index.expire(EPOCH + timedelta(days=1, hours=1) + SETTINGS.window)
    assert index.event_of(second.entry_id) == event_id(first.entry_id)
    third = printed(TITLES[0], 3, 20)
    assert put(index, third).event_id == event_id(first.entry_id)


def test_an_absorbed_event_is_another_name_of_its_survivor() -> None:
    index = Index(SETTINGS)
    a, b, c = printed(TITLES[0], 1), printed(TITLES[4], 2), printed(TITLES[6], 3)
    for one in (a, b):
        put(index, one)
    index.merge(event_id(a.entry_id), event_id(b.entry_id))
    index.add(c, event_id(b.entry_id))
    assert {index.event_of(one.entry_id) for one in (a, b, c)} == {event_id(a.entry_id)}


def test_merging_an_unknown_event_is_an_error() -> None:
    index = Index(SETTINGS)
    put(index, printed(TITLES[0], 1))
    with pytest.raises(KeyError, match="not in the window"):
        index.merge("e-unknown", "e-other")


moves = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 9)), max_size=20)


@given(st.lists(st.integers(0, 3), min_size=8, max_size=8), moves, st.integers(0, 7))
def test_a_report_is_of_the_event_it_was_moved_to_last(
    begun: list[int], moves: list[tuple[int, int]], old: int
) -> None:
    """Eight reports of four events, moved about among these and six more; some expire; a further report joins each."""
    index, expected = Index(SETTINGS), {}
    prints = [printed(TITLES[i], i, i) for i in range(8)]
    for one, event in zip(prints, begun, strict=True):
        index.add(one, f"e{event}")
        expected[one.entry_id] = f"e{event}"
    half = len(moves) // 2
    for number, (who, where) in enumerate(moves):
        if number == half:
            index.expire(EPOCH + timedelta(days=1, hours=old) + SETTINGS.window)
            expected = {
                k: v for k, v in expected.items() if index.slot_of(k) is not None
            }
        if prints[who].entry_id in expected:
            index.move(prints[who].entry_id, f"e{where}")
            expected[prints[who].entry_id] = f"e{where}"
    for number, event in enumerate(sorted(set(expected.values()))):
        late = printed("Late", 100 + number, 9)
        index.add(late, event)
        expected[late.entry_id] = event
    assert {entry_id: index.event_of(entry_id) for entry_id in expected} == expected
    for event in set(expected.values()):
        assert set(index.reports_of(event)) == {
            k for k, v in expected.items() if v == event
        }


def test_an_event_keeps_its_id_when_its_first_report_is_moved_out_of_it() -> None:
    index = Index(SETTINGS)
    first, second = printed(TITLES[0], 1), printed(TITLES[1], 2)
    index.add(first, "e-one")
    index.add(second, "e-one")
    index.move(first.entry_id, "e-two")
    assert (index.reports_of("e-one"), index.reports_of("e-two")) == (
        (second.entry_id,),
        (first.entry_id,),
    )
    with pytest.raises(KeyError, match="not in the window"):
        index.move("unknown", "e-one")


def test_an_index_rebuilt_from_packed_fingerprints_answers_the_same() -> None:
    index, again = Index(SETTINGS), Index(SETTINGS)
    for number, title in enumerate(TITLES):
        put(index, printed(title, number))
    for number, title in enumerate(TITLES):
        one = printed(title, number)
        again.add(Fingerprint.unpack(one.packed), index.event_of(one.entry_id) or "")
    assert state(again, []) == state(index, [])


def test_memory_is_dropped_with_expired_blocks() -> None:
    index = Index(DedupSettings(window=timedelta(hours=1)))
    for number in range(20_000):
        at = EPOCH + timedelta(days=1, seconds=number)
        one = Fingerprint(
            f"{number}", "en", first_seen=86_400 + number, title_tokens=(number + 1,)
        )
        index.expire(at)
        index.add(one, f"e{number}")
    assert len(index) == 3601
    assert len(index.rows._blocks) <= 2


def test_times_of_many_slots_are_those_of_each() -> None:
    store = RowStore()
    rows = np.zeros(BLOCK + 50, ROW)
    rows["matched"] = np.arange(len(rows)) * 3
    rows["matched"][::7] = NEVER
    rows["first_seen"] = 5
    store.append(rows)
    slots = [BLOCK + 30, 1, BLOCK - 1, BLOCK, 8, 1]
    expected = [store.at(slot) for slot in slots]
    assert store.times_at(np.array(slots)).tolist() == expected
