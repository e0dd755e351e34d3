from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aggregator.dedup.assign import assign
from aggregator.dedup.backtest import entry_of, event_id
from aggregator.dedup.fingerprint import Fingerprint, fingerprint
from aggregator.dedup.index import Index
from aggregator.model import DedupSettings, Strictness

SETTINGS = DedupSettings()
BODY = (
    "The ferry Talofa left the harbour of Apia on Friday evening with forty passengers and a crew of six. Two hours "
    "later it sent a call for help, and a fishing boat that reached the place found people clinging to life rafts. "
    "The coast guard said thirty-one had been brought ashore by morning and that divers were on their way."
)
OTHER_BODY = (
    "Rescuers off Samoa have saved thirty-one people from the ferry Talofa, which went down on its way from Apia. "
    "Forty passengers were aboard when it called for help, according to the coast guard; divers are searching."
)


def printed(number: int, title: str, text: str = "", **more: object) -> Fingerprint:
    row = {
        "id": f"{number}",
        "title": title,
        "text": text,
        "lang": "en",
        "published": "2026-03-01T10:00:00Z",
        **more,
    }
    return fingerprint(entry_of(row))


def index_of(*prints: Fingerprint) -> Index:
    index = Index(SETTINGS)
    for one in prints:
        index.add(one, event_id(one.entry_id))
    return index


FERRY = printed(
    1, "Ferry Talofa sinks off Samoa with 40 aboard", BODY, source="one.example"
)


def test_an_empty_index_makes_a_new_event() -> None:
    answer = assign(FERRY, index_of(), SETTINGS)
    assert (answer.event_id, answer.reason, answer.best_entry_id) == (None, "new", "")


def test_the_same_event_in_other_words_is_joined() -> None:
    other = printed(
        2,
        "Samoa: dozens rescued after ferry Talofa goes down",
        OTHER_BODY,
        source="two.example",
    )
    answer = assign(other, index_of(FERRY), SETTINGS)
    assert (answer.event_id, answer.reason) == (event_id(FERRY.entry_id), "similar")
    assert answer.best_entry_id == FERRY.entry_id
    assert 0.4 < answer.score <= 1
    assert not answer.is_copy


def test_a_copy_of_the_body_is_called_a_copy() -> None:
    answer = assign(
        printed(2, "Samoan ferry sinks", BODY, source="two.example"),
        index_of(FERRY),
        SETTINGS,
    )
    assert (answer.event_id, answer.reason, answer.is_copy) == (
        event_id(FERRY.entry_id),
        "copy",
        True,
    )


def test_a_later_report_of_the_same_publisher_is_an_update() -> None:
    """The reason's name is the rule here; `join_at` leaves out what the forest of the day makes of the two texts."""
    later = printed(
        2, "Ferry Talofa sinks off Samoa: 31 rescued", OTHER_BODY, source="one.example"
    )
    assert assign(later, index_of(FERRY), SETTINGS, join_at=-5.0).reason == "update"


def test_the_same_address_is_the_same_event() -> None:
    first = printed(1, "Live: all about the talks", url="https://one.example/live/7")
    second = printed(2, "Quite another headline", url="https://one.example/live/7")
    answer = assign(second, index_of(first), SETTINGS)
    assert (answer.event_id, answer.reason, answer.score) == (
        event_id(first.entry_id),
        "same_url",
        1.0,
    )


def test_another_event_stays_apart() -> None:
    other = printed(
        2, "Ferry fares to rise 5% in Norway", "The government said fares go up in May."
    )
    assert assign(other, index_of(FERRY), SETTINGS).event_id is None


def test_reports_further_apart_than_the_window_stay_apart() -> None:
    late = printed(
        2,
        "Ferry Talofa sinks off Samoa with 40 aboard",
        BODY,
        published="2026-03-09T10:00:00Z",
    )
    assert assign(late, index_of(FERRY), SETTINGS).event_id is None


def test_evidence_for_two_events_makes_them_one() -> None:
    index = index_of(
        FERRY, printed(2, "Ferry Talofa sinks off Samoa, 40 were aboard", BODY)
    )
    answer = assign(
        printed(3, "Ferry Talofa sinks off Samoa with 40 aboard", BODY), index, SETTINGS
    )
    assert {answer.event_id, *answer.absorbs} == {
        event_id(FERRY.entry_id),
        event_id(printed(2, "").entry_id),
    }


def test_asking_changes_nothing() -> None:
    index = index_of(FERRY)
    again = printed(2, "Ferry sinks off Samoa", BODY)
    assert assign(again, index, SETTINGS) == assign(again, index, SETTINGS)
    assert len(index) == 1


def test_strict_joins_no_more_than_balanced_and_balanced_no_more_than_loose() -> None:
    index = index_of(FERRY)
    titles = [
        "Ferry sinks",
        "Samoa ferry Talofa",
        "Talofa: 40 aboard",
        "Ferry Talofa sinks off Samoa",
    ]
    joined = {
        strictness: {
            t
            for t in titles
            if assign(
                printed(5, t), index, DedupSettings(strictness=strictness)
            ).event_id
            is not None
        }
        for strictness in Strictness
    }
    assert (
        joined[Strictness.STRICT]
        <= joined[Strictness.BALANCED]
        <= joined[Strictness.LOOSE]
    )


OTHERS = [
    printed(i, title, OTHER_BODY if i % 2 else "")
    for i, title in enumerate(
        [
            "Talofa ferry sinks near Samoa",
            "Oil falls 3%",
            "Samoa votes on Sunday",
            "Ferry disaster: 31 rescued",
        ],
        10,
    )
]


@given(st.permutations(range(len(OTHERS))))
def test_the_order_of_what_is_known_does_not_matter(order: list[int]) -> None:
    expected = assign(FERRY, index_of(*OTHERS), SETTINGS)
    answer = assign(FERRY, index_of(*(OTHERS[i] for i in order)), SETTINGS)
    assert (answer.event_id, round(answer.score, 5), set(answer.absorbs)) == (
        expected.event_id,
        round(expected.score, 5),
        set(expected.absorbs),
    )
