"""What a person at the terminal of `aggregator run` is told."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from rich.console import Console

from aggregator.cli.people import MOST_SINGLES, People
from aggregator.model import Digest, Event, Feed, Kind, Message, Source, Totals
from aggregator.watch import logs

NOW = datetime.now(UTC)
FEEDS = (
    Feed("cna", "https://cna.example/feed", categories=("News", "CNA", "World")),
    Feed(
        "zaobao", "https://zaobao.example/feed", categories=("新闻", "联合早报", "国际")
    ),
    Feed("reuters", "https://reuters.example/feed"),
)


class Screen:
    def __init__(self, *, columns: int = 80, is_terminal: bool = False) -> None:
        self.written = io.StringIO()
        settings = {
            "width": columns,
            "highlight": False,
            "color_system": None,
            "force_terminal": is_terminal,
        }
        out = Console(file=self.written, **settings)  # type: ignore[arg-type]
        self.people = People(out, feeds=lambda: FEEDS, file="feeds.toml")

    @property
    def lines(self) -> list[str]:
        return self.written.getvalue().splitlines()


@pytest.fixture
def screen() -> Screen:
    return Screen()


def sources(*feed_ids: str) -> tuple[Source, ...]:
    return tuple(
        Source(
            i, f"x{i}", f"https://{i}.example/1", "Magnitude 6.1 quake off Hualien", NOW
        )
        for i in feed_ids
    )


def message(*feed_ids: str, kind: Kind = Kind.JOINED, event_id: str = "e1") -> Message:
    count = len(feed_ids)
    return Message(
        id=f"{event_id}{count}", kind=kind, event_id=event_id, title="another title", first_seen_at=NOW,
        sources=sources(*feed_ids), source_count=count, independent_count=count,
    )  # fmt: skip


def event(event_id: str, *feed_ids: str) -> Event:
    count = len(feed_ids)
    sites = tuple(feed_ids)
    return Event(
        event_id, "en", event_id, NOW, NOW, sources(*feed_ids), count, sites, count, ()
    )


def polled(screen: Screen, feed_id: str, **facts: object) -> None:
    screen.people.log(
        {
            "event": "feed_polled",
            "level": "info",
            "feed_id": feed_id,
            "result": "new",
            **facts,
        }
    )


def test_an_event_is_one_line_and_told_again_when_sources_join(screen: Screen):
    screen.people.messages([message("cna", kind=Kind.NEW)])
    screen.people.messages([message("cna", "zaobao")])
    screen.people.messages([message("cna", "zaobao", "reuters")])
    time = NOW.astimezone().strftime("%H:%M")
    assert screen.lines == [
        f"{time}    1 source  Magnitude 6.1 quake off Hualien  — CNA",
        f"{time}   2 sources  Magnitude 6.1 quake off Hualien  — CNA, 联合早报",
        f"{time}   3 sources  Magnitude 6.1 quake off Hualien  — CNA, 联合早报, reuters",
    ]


def test_a_fourth_source_and_an_edit_are_no_news(screen: Screen):
    screen.people.messages([message("a", "b", "c")])
    screen.people.messages(
        [message("a", "b", "c", "d"), message("a", "b", "c", "d", kind=Kind.EDITED)]
    )
    assert len(screen.lines) == 1
    screen.people.messages([message("a", "b", "c", "d", "e")])
    assert len(screen.lines) == 2


def test_a_flood_of_single_reports_is_counted_and_does_not_hide_what_grows(
    screen: Screen,
):
    flood = [
        message("cna", kind=Kind.NEW, event_id=f"e{n}") for n in range(MOST_SINGLES + 5)
    ]
    screen.people.messages([*flood, message("cna", "reuters", event_id="grown")])
    assert len(screen.lines) == MOST_SINGLES + 2
    assert "2 sources" in screen.lines[-2]
    assert screen.lines[-1] == "… and 5 more single reports"


def test_a_network_that_is_down_is_one_sentence_and_so_is_its_return(screen: Screen):
    for n in range(36):
        polled(
            screen,
            f"f{n}",
            result="failed",
            health="offline",
            detail="no name server answers",
            level="warning",
        )
    assert screen.lines == [
        "The network seems to be down. Feeds are tried each minute; none is blamed."
    ]
    polled(screen, "f0")
    polled(screen, "f1")
    assert screen.lines[1:] == ["The network is back after 1 minute."]


def test_the_first_round_ends_with_its_counts_its_top_events_and_who_did_not_answer(
    screen: Screen,
):
    people = screen.people
    people.begin_round(["cna", "zaobao", "reuters"], next_at=None)
    polled(screen, "cna")
    people.messages([message("cna", kind=Kind.NEW)])
    polled(screen, "zaobao", result="failed", detail="404 Not Found")
    people.log({"event": "entries_assigned", "level": "info", "entries": 3})
    assert not people.is_round_over(waiting_count=0, patience=60)
    polled(screen, "reuters")
    assert not people.is_round_over(waiting_count=2, patience=60)
    assert people.is_round_over(waiting_count=0, patience=60)
    assert screen.lines == []
    people.end_round([event("e0", "reuters"), event("e1", "cna", "reuters")])
    told = screen.lines
    assert told[0].startswith("First round: 2 of 3 feeds answered in ")
    assert told[0].endswith("3 reports of 2 events.")
    assert told[1] == "  zaobao: 404 Not Found"
    assert "2 sources" in told[2]
    assert "1 source" in told[3]
    people.messages([message("cna", "reuters", event_id="e1")])
    assert screen.lines == told, "what the round told is not told again"


def test_a_round_that_a_dead_host_holds_up_ends_when_patience_does(screen: Screen):
    screen.people.begin_round(["cna"], next_at=None)
    assert screen.people.is_round_over(waiting_count=0, patience=-1)


def test_the_digest_is_text(screen: Screen):
    record = Digest(
        id="d1", window_from_at=NOW - timedelta(hours=1), window_to_at=NOW, events=(event("e1", "cna", "reuters"),),  # type: ignore[arg-type]
        event_count=4, totals=Totals({}, {}, {}), trouble=(), slow=(), saved_count=7, trouble_count=2,
    )  # fmt: skip
    screen.people.digest(record)
    told = "\n".join(screen.lines)
    assert "4 events, 7 duplicates saved" in told
    assert "Magnitude 6.1 quake off Hualien" in told
    assert "… and 3 more events" in told
    assert "2 feeds in trouble" in told
    assert "{" not in told


def test_the_banner_says_what_runs_where_the_page_is_and_how_to_stop(screen: Screen):
    for line in (
        {"event": "status_port_open", "level": "info", "host": "::1", "port": 9191},
        {"event": "daemon_starting", "level": "info", "redis": "/run/s.sock"},
        {"event": "daemon_ready", "level": "info"},
    ):
        screen.people.log(line)
    told = "\n".join(screen.lines)
    for words in (
        "aggregator 0.1.0",
        "3 feeds of feeds.toml",
        "http://[::1]:9191/",
        "Ctrl-C",
    ):
        assert words in told


def test_what_no_sentence_was_written_for_is_told_when_it_is_a_warning(screen: Screen):
    screen.people.log({"event": "index_loaded", "level": "info", "fingerprints": 3})
    screen.people.log(
        {"event": "archive_waits", "level": "warning", "error": "disk\x1b[2Jfull"}
    )
    assert screen.lines == ["archive waits: error disk [2Jfull"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            {"event": "config_refused", "level": "error", "error": "feeds.toml:3: x"},
            "the old one stays in force",
        ),
        (
            {"event": "config_reloaded", "level": "info", "added": ["a", "b"]},
            "added: a, b",
        ),
        (
            {"event": "engine_unavailable", "level": "error", "error": "no answer"},
            "Nothing is lost",
        ),
        (
            {
                "event": "trouble",
                "level": "warning",
                "kind": "moved",
                "feed_id": "cna",
                "detail": "moved to x",
            },
            "cna: moved",
        ),
        ({"event": "stopping", "level": "info"}, "Stopping"),
    ],
)
def test_what_a_person_can_act_on_is_a_sentence(
    screen: Screen, line: dict[str, object], said: str
):
    screen.people.log(line)
    assert said in " ".join(screen.lines)


def test_an_encoder_that_is_too_slow_is_one_sentence(screen: Screen):
    line = {
        "event": "meanings_missing",
        "level": "warning",
        "entries": 50,
        "reason": "wall",
    }
    for _ in range(9):
        screen.people.log({**line, "detail": "did not finish within 8 s"})
    assert screen.lines[0].startswith(
        "The encoder did not finish within 8 s: such headlines are matched by their"
    )
    assert len(screen.lines) == 2
    screen.people.log(
        {"event": "meanings_passed_over", "level": "warning", "waiting": 2204}
    )
    assert screen.lines[2:] == [
        "Many reports wait: until fewer do, they are matched by their words alone."
    ]


@pytest.fixture
def told_log(screen: Screen) -> Iterator[Screen]:
    """What is logged is told to people."""
    before = logging.getLogger().handlers[:], logging.getLogger().level
    logs.configure(tell=screen.people.log)
    yield screen
    structlog.reset_defaults()
    logging.captureWarnings(False)
    logging.getLogger().handlers[:], logging.getLogger().level = before


def test_what_a_library_warns_of_is_not_for_a_terminal_and_its_errors_are(
    told_log: Screen,
):
    logging.getLogger("apscheduler.scheduler").warning("Execution of job tick skipped")
    assert told_log.lines == []
    logging.getLogger("asyncio").error("Task exception was never retrieved")
    assert "Task exception was never retrieved" in told_log.lines[0]


def test_the_first_round_says_how_many_reports_are_still_to_be_matched():
    screen = Screen(is_terminal=True)
    screen.people.begin_round(["cna"], next_at=None)
    polled(screen, "cna")
    screen.people.is_round_over(waiting_count=1200, patience=60)
    assert screen.written.getvalue().endswith(
        "First round: 1/1 feeds, 0 reports, 1,200 to be matched"
    )


def test_no_line_is_wider_than_the_terminal():
    narrow = Screen(columns=40)
    narrow.people.messages([message(*(f"feed-with-a-long-name-{n}" for n in range(9)))])
    assert all(len(line) <= 40 for line in narrow.lines)


def told_sources(lines: Sequence[str]) -> list[str]:
    return [line.partition("  — ")[2] for line in lines]


def test_a_feed_without_a_site_is_called_by_its_title_as_on_the_page(screen: Screen):
    assert screen.people.nameless(sources("cna", "reuters", "zaobao")) == ["reuters"]
    screen.people.learn_titles({"reuters": ""})
    assert screen.people.nameless(sources("reuters")) == ["reuters"]
    screen.people.learn_titles({"reuters": "Reuters World News"})
    assert screen.people.nameless(sources("reuters")) == []
    screen.people.messages([message("cna", "reuters")])
    assert screen.lines[-1].endswith("— CNA, Reuters World News")
