from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from rich.cells import cell_len
from rich.console import Console

from aggregator.model import Digest, Health, Totals
from aggregator.watch.digest_text import digest_renderable

from .test_digest import event, made, state

LONG = "滨海新区首条无人驾驶公交线今日开通，全程十二公里，沿途九座车站，市民可免费试乘一个月"


def digest_text(record: Digest, *, width: int) -> str:
    """What stands in a file into which the digest is printed."""
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(digest_renderable(record))
    return captured.get()


@pytest.mark.parametrize("width", [40, 80, 132])
def test_no_line_is_wider_than_the_terminal_with_wide_characters_counted_as_two(width):
    record = made(
        [replace(event("x", sources=30, independent=9), title=LONG), event("y")],
        totals=Totals(
            polls={"new": 1}, entries={"seen": 12345}, reports={"new_event": 2}
        ),
        feeds=[state("a-feed-with-rather-a-long-name", Health.FAILING, 12)],
        elapsed={"slow.example": timedelta(seconds=4.2)},
    )
    lines = digest_text(record, width=width).splitlines()
    assert max(cell_len(line) for line in lines) <= width
    joined = "".join(line.strip() for line in lines)
    assert LONG in joined


def test_everything_a_reader_needs_is_there():
    record = made(
        [event("x", sources=9, independent=7, minutes=2, last=50)],
        totals=Totals(
            entries={"edited": 3, "seen": 1200},
            reports={"new_event": 1, "joined_event": 8},
        ),
        feeds=[state("broken", Health.FAILING, 6)],
        elapsed={"slow.example": timedelta(seconds=4.2)},
    )
    text = digest_text(record, width=100)
    for part in (
        "2026-03-05 08:00 to 09:00 UTC",
        "1 event ",
        "1 new",
        "8 joined",
        "3 edited",
        "1,200 seen",
        "8 duplicates saved",
        "7x What happened in x",
        "9 reports, 7 independent · first 2026-03-05 08:02 · over 48 min · News",
        "feed-0  https://0.example/x",
        "and 3 more reports",
        "1 feed in trouble",
        "broken  failing  6x  timeout: no answer in 30 s",
        "4.2 s  slow.example",
    ):
        assert part in text


def test_a_title_is_neither_markup_nor_a_control_sequence():
    text = digest_text(
        made(
            [replace(event("x"), title="[bold]loud[/bold]\x1b[2J [link=x]\u202etfel")]
        ),
        width=80,
    )
    assert "[bold]loud[/bold]" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_on_a_terminal_the_sources_are_links_by_name_and_no_address_is_written_out():
    record = made([event("x", sources=3, independent=3)])
    [known, bad, other] = record.events[0].sources
    spoilt = replace(bad, url="https://x.example/\x1b]8;;evil")
    record = replace(
        record, events=(replace(record.events[0], sources=(known, spoilt, other)),)
    )
    out = Console(
        width=80, force_terminal=True, color_system="standard", legacy_windows=False
    )
    names = {known.feed_id: "The Gazette"}
    with out.capture() as captured:
        out.print(digest_renderable(record, names=names, has_links=True))
    shown = re.sub(r"\x1b\[[\d;]*m", "", captured.get())
    assert re.search(
        rf"\x1b\]8;[^;]*;{re.escape(known.url)}\x1b\\The Gazette\x1b\]8;;\x1b\\ · ",
        shown,
    )
    assert "evil" not in captured.get()
    assert digest_text(record, width=80).count("https://") == 3  # elsewhere they are


def test_an_event_without_a_title_still_has_a_line():
    assert "(no title)" in digest_text(made([replace(event("x"), title="")]), width=60)


def test_an_empty_window_says_so():
    assert "0 events" in digest_text(made([]), width=60)
