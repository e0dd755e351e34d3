"""Recurring headlines of one source are recognised from the stream itself; one event told by two sources still joins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aggregator.dedup.backtest import Row, backtest
from aggregator.model import DedupSettings

START = datetime(2026, 3, 1, 6, tzinfo=UTC)
COMPANIES = ("Halden", "Brightwater", "Corvus", "Tamarind", "Ostrava Steel", "Pelican", "Quillon", "Verdano", "Mistral",
             "Sandhurst", "Eastgate", "Norvik")  # fmt: skip


def stream(titles: list[str], *, lang: str, source: str, hours: int) -> list[Row]:
    return [
        {
            "id": f"{source} {i}",
            "lang": lang,
            "title": title,
            "source": source,
            "published": (START + timedelta(hours=hours * i)).isoformat(),
        }
        for i, title in enumerate(titles)
    ]


RECURRING = {
    "a programme's contents each day": ("zh", [f"3月{day}日《晚间播报》节目主要内容" for day in range(2, 16)]),
    "a count each day": ("zh", [f"31省份新增确诊病例{count}例" for count in (27, 34, 41, 38, 52, 60, 47, 73, 66, 91, 80)]),
    "one company's results after another's": ("en", [f"{name} reports Q2 results" for name in COMPANIES]),
    "a briefing each day": ("en", [f"Evening briefing: what happened on {day} March" for day in range(2, 16)]),
    "a quiz each day": ("en", [f"Morning quiz: March {day}" for day in range(2, 16)]),
    "answers to a puzzle": ("en", [f"Wordpuzzle {800 + i} hints and answer for March {i}" for i in range(2, 16)]),
    "a quake each day": (
        "en",
        [f"M{size} quake off {place}, no tsunami warning" for size, place in zip(
            ("5.1", "6.4", "5.8", "7.1", "6.0", "5.5", "6.7", "5.9", "6.2", "5.3"),
            ("Luzon", "Hokkaido", "Tonga", "Sumatra", "Vanuatu", "Fiji", "Oaxaca", "Kermadec", "Timor", "Chiloe"),
            strict=True,
        )],
    ),
}  # fmt: skip


STILL_JOINS = "one company's results after another's"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=pytest.mark.xfail(strict=True, reason="2 of 12 still join") if name == STILL_JOINS else ()
        )
        for name in RECURRING
    ],
)
def test_a_recurring_headline_of_one_source_never_joins_the_one_before(name: str) -> None:
    lang, titles = RECURRING[name]
    found = backtest(stream(titles, lang=lang, source="daily.example", hours=20), DedupSettings())
    assert found.event_count == len(titles)


def test_two_sources_that_report_one_companys_results_join() -> None:
    one = stream([f"{name} reports Q2 results" for name in COMPANIES], lang="en", source="wire.example", hours=2)
    last = one[-1]
    other: Row = {**last, "id": "other", "source": "herald.example", "title": "Norvik reports Q2 results, profit up"}
    events = dict(backtest([*one, other], DedupSettings()).events)
    assert events["other"] == events[str(last["id"])]


@pytest.mark.xfail(strict=True, reason="of twelve companies' results an hour or two apart a few still come together")
def test_a_source_that_reports_many_companies_results_in_a_day_makes_an_event_of_each() -> None:
    one = stream([f"{name} reports Q2 results" for name in COMPANIES], lang="en", source="wire.example", hours=2)
    assert backtest(one, DedupSettings()).event_count == len(one)


@pytest.mark.xfail(strict=True, reason="'what happened in Iceland' still joins 'what happens after exams'")
def test_briefings_and_quizzes_of_two_sources_on_one_day_stay_apart() -> None:
    titles = [
        ("a.example", "In the Courier: March 9, 1884"),
        ("b.example", "Courier evening quiz: March 9"),
        ("c.example", "Virus: what happened in Iceland on 9 March"),
        ("d.example", "Health briefing: what happened today"),
        ("e.example", "Nine charts on what happens after exams"),
    ]
    rows: list[Row] = [
        {"id": site, "lang": "en", "title": title, "source": site, "published": START.isoformat()}
        for site, title in titles
    ]
    assert backtest(rows, DedupSettings()).joined_count == 0
