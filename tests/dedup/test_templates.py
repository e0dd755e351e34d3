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


@pytest.mark.parametrize("name", RECURRING)
def test_a_recurring_headline_of_one_source_never_joins_the_one_before(
    name: str,
) -> None:
    lang, titles = RECURRING[name]
    found = backtest(
        stream(titles, lang=lang, source="daily.example", hours=20), DedupSettings()
    )
    assert found.event_count == len(titles)


def test_two_sources_that_report_one_companys_results_join() -> None:
    one = stream(
        [f"{name} reports Q2 results" for name in COMPANIES],
        lang="en",
        source="wire.example",
        hours=2,
    )
    last = one[-1]
    other: Row = {
        **last,
        "id": "other",
        "source": "herald.example",
        "title": "Norvik reports Q2 results, profit up",
    }
    events = dict(backtest([*one, other], DedupSettings()).events)
    assert events["other"] == events[str(last["id"])]


FILLED = {
    "results": ("en", [f"{name} reports Q2 results" for name in COMPANIES]),
    "a column": ("en", [f"The morning cartoon: {subject}" for subject in ("late trains", "a leaking roof",
        "a long summer", "the last ferry", "school dinners", "the minister's boots")]),
    "obituaries": ("zh", [f"{name}同志逝世" for name in ("钱启明", "冯玉台", "李志强", "赵文华", "孙德明", "周光远")]),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "hours"),
    [
        *((name, 20) for name in FILLED),
        ("results", 1),
        ("results", 2),
        ("obituaries", 1),
    ],
)
def test_what_fills_a_template_a_third_time_is_another_event(
    name: str, hours: int
) -> None:
    lang, titles = FILLED[name]
    found = backtest(
        stream(titles, lang=lang, source="wire.example", hours=hours), DedupSettings()
    )
    first, second, *rest = (event for _, event in found.events)
    assert len({first, second, *rest}) == len({first, second}) + len(rest)
    assert not {first, second} & {*rest}


RETOLD = {
    "edited once": ("de", ["Feuer in Berliner Hochhaus", "Brand in Berliner Hochhaus"]),
    "a toll that rises": ("en", [f"Hurricane Selma kills {dead} in Alabama, floods towns" for dead in (4, 6, 9, 14)]),
    "a toll in words": ("en", [f"Earthquake kills {dead} in northern Peru" for dead in ("four", "six", "nine", "ten")]),
    "the same headline again": ("en", ["Floods cut off Halden valley"] * 2 + ["Floods isolate Halden valley"]),
    "other verbs": ("en", [f"Trump {verb} new steel tariffs on China" for verb in ("announces", "imposes", "unveils")]),
    "what comes next": ("en", [f"Ferry sinks off Cebu, {what}" for what in ("dozens missing", "hundreds missing",
        "search continues")]),
    "counts in words": ("zh", [f"甘肃临夏地震已致{count}遇难" for count in ("百人", "数十人", "多人")]),
    "worse news": ("de", [f"{who} bei Unfall auf A7 bei Kassel" for who in ("Verletzte", "Tote", "Drei Tote")]),
}  # fmt: skip


@pytest.mark.parametrize("name", RETOLD)
def test_a_source_that_tells_one_event_again_has_no_template(name: str) -> None:
    lang, titles = RETOLD[name]
    told = stream(titles, lang=lang, source="wire.example", hours=1)
    # A template keeps its fillings apart at any threshold.
    assert backtest(told, DedupSettings(), join_at=-5.5).event_count == 1


def test_briefings_and_quizzes_of_two_sources_on_one_day_stay_apart() -> None:
    titles = [
        ("a.example", "In the Courier: March 9, 1884"),
        ("b.example", "Courier evening quiz: March 9"),
        ("c.example", "Virus: what happened in Iceland on 9 March"),
        ("d.example", "Health briefing: what happened today"),
        ("e.example", "Nine charts on what happens after exams"),
    ]
    rows: list[Row] = [
        {
            "id": site,
            "lang": "en",
            "title": title,
            "source": site,
            "published": START.isoformat(),
        }
        for site, title in titles
    ]
    assert backtest(rows, DedupSettings()).joined_count == 0


UNRELATED = (
    "Valve firmware of Orland pumps can be rewritten", "Login of Brightwater routers accepts any password",
    "Memory fault in Kestrel photo viewer", "Harbour cranes by Dunmore stop on long messages",
    "Council approves new library for Selby", "Striker Moe joins Norvik on loan", "Rain delays opening of bridge",
)  # fmt: skip


@pytest.mark.parametrize("tail", ["", " Details follow."])
def test_unrelated_headlines_of_one_source_stay_apart(tail: str) -> None:
    """A forest that had learned of far retellings by one publisher gave 0.7 to any two of them."""
    told = stream(list(UNRELATED), lang="en", source="wire.example", hours=1)
    rows = [{**row, "text": f"{row['title']}.{tail}" if tail else ""} for row in told]
    assert backtest(rows, DedupSettings()).event_count == len(UNRELATED)
