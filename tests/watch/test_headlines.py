from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from aggregator.model import Feed
from aggregator.watch.headlines import Headline, cut, headline_text
from aggregator.watch.wording import source_names

texts = st.text(max_size=200) | st.sampled_from(
    ["花莲近海发生6.1级地震，暂无伤亡报告" * 5, "", "\x1b[2J\x07", "a" * 300]
)


@given(
    title=texts,
    names=st.lists(texts, max_size=12).map(tuple),
    count=st.integers(1, 5000),
    copied=st.integers(0, 3),
    width=st.integers(40, 200),
)
def test_a_line_is_never_wider_than_told(
    title: str, names: tuple[str, ...], count: int, copied: int, width: int
):
    line = headline_text(
        Headline("09:41", title, count, names, copied_count=copied), width=width
    )
    assert line.cell_len <= width
    assert not set(line.plain) & set("\x1b\x07\r\n")


def test_the_headline_keeps_two_thirds_however_many_tell_of_it():
    line = headline_text(
        Headline("09:41", "t" * 100, 9, tuple(f"source{n}" for n in range(9))), width=80
    ).plain
    assert line.count("t") > 35
    assert "+" in line


def test_a_short_headline_leaves_its_room_to_the_names():
    names = ("Harbour Gazette", "Northern Courier", "Wirefield")
    line = headline_text(Headline("09:41", "Ferry aground", 3, names), width=80).plain
    assert (
        line
        == "09:41   3 sources  Ferry aground  — Harbour Gazette, Northern Courier, Wirefield"
    )


def test_copies_are_told_apart_from_sources():
    line = headline_text(
        Headline("09:41", "Ferry aground", 2, ("A", "B", "C"), copied_count=1), width=80
    ).plain
    assert line.endswith("— A, B, C (1 copied)")


def test_wide_characters_take_two_columns():
    assert cell_len(cut("海湾大桥提前三个月通车", 11)) <= 11
    assert cut("海湾大桥提前三个月通车", 11).endswith("…")
    assert cut("short", 11) == "short"


def test_a_source_is_called_by_its_site_else_by_its_title_else_by_its_id():
    feeds = (
        Feed("a", "https://a.example/", categories=("News", "The A", "World")),
        Feed("b", "https://b.example/"),
    )
    titles = {"a": "A: the latest headlines", "b": "B's own title", "c": ""}
    assert source_names((*feeds, Feed("c", "https://c.example/")), titles) == {
        "a": "The A",
        "b": "B's own title",
        "c": "c",
    }


def test_a_name_that_is_cut_says_how_many_more_there_are():
    names = ("The Northern Courier of Aldham", "Harbour Gazette")
    line = headline_text(
        Headline(
            "09:41",
            "Corvane Motors posts third-quarter profit of $412 million",
            2,
            names,
        ),
        width=80,
    )
    assert line.plain.endswith("… +1")
    assert line.cell_len <= 80
