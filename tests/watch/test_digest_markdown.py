from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import Health, Source, Totals
from aggregator.watch.digest_markdown import digest_markdown, escaped, linked

from .test_digest import START, event, made, state


def test_the_whole_digest_reads_as_intended():
    one = replace(
        event(
            "x",
            sources=1,
            independent=2,
            minutes=2,
            last=50,
            categories=("新闻", "滨海日报", "城市"),
        ),
        title="滨海新区首条无人驾驶公交线今日开通",
        source_count=2,
        sources=(
            Source(
                "binhai",
                "1",
                "https://binhai.example/1",
                "滨海新区首条无人驾驶公交线今日开通",
                START,
            ),
            Source(
                "dongfang",
                "2",
                "https://dongfang.example/a(b)",
                "无人驾驶公交[图]上路",
                START,
            ),
        ),
    )
    record = made(
        [one, event("y")],
        totals=Totals(
            entries={"edited": 3, "seen": 1200},
            reports={"new_event": 2, "joined_event": 1},
        ),
        feeds=[state("broken", Health.FAILING, 6)],
        elapsed={"slow.example": timedelta(seconds=4.2)},
    )
    assert digest_markdown(record, zone=ZoneInfo("Asia/Shanghai")) == (
        "## 2026-03-05 16:00 to 17:00 CST\n"
        "\n"
        "**2 events** (2 new, 1 joined, 3 edited, 1,200 seen); 1 duplicate report saved.\n"
        "\n"
        "1. [滨海新区首条无人驾驶公交线今日开通](https://binhai.example/1)  \n"
        "   2 sources · first 2026-03-05 16:02 · over 48 min · 新闻 / 滨海日报 / 城市\n"
        "   - dongfang: [无人驾驶公交\\[图\\]上路](https://dongfang.example/a%28b%29)\n"
        "\n"
        "2. [What happened in y](https://0.example/y)  \n"
        "   1 source · first 2026-03-05 16:10 · News\n"
        "\n"
        "### 1 feed in trouble\n"
        "\n"
        "- **broken** failing (6 failures in a row): timeout: no answer in 30 s\n"
        "\n"
        "### Slowest hosts\n"
        "\n"
        "- slow.example: 4.2 s\n"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a*b*_c_`d`", r"a\*b\*\_c\_\`d\`"),
        ("<script>alert(1)</script>", r"\<script\>alert(1)\</script\>"),
        ("# not a heading", r"\# not a heading"),
        ("1. not a list", r"1\. not a list"),
        ("- nor this", r"\- nor this"),
        ("+ nor this", r"\+ nor this"),
        ("two\nlines\x00", "two lines"),
        ("![x](y)", r"\!\[x\](y)"),
        ("AT&amp;T", r"AT\&amp;T"),
        ("a | b", r"a \| b"),
        ("标题：『例』", "标题：『例』"),
    ],
)
def test_what_could_be_markup_is_escaped(text, shown):
    assert escaped(text) == shown


@given(st.text())
def test_escaped_text_stays_on_one_line_and_loses_no_visible_character(text):
    shown = escaped(text)
    assert len(shown.splitlines()) <= 1
    for sign in "<[":
        assert shown.replace(f"\\{sign}", "").count(sign) == 0


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "", "ftp://x.example/"]
)
def test_only_web_addresses_become_links(url):
    assert linked("title", url) == "title"


@given(st.text())
def test_a_url_cannot_leave_its_brackets(path):
    link = linked("t", f"https://x.example/{path}")
    target = link.removeprefix("[t](").removesuffix(")")
    assert not set(target) & set(' <>()"`\\\n')


def test_more_events_than_told_are_counted():
    assert "*and 7 more events*" in digest_markdown(
        made([event(str(number)) for number in range(9)], top=2)
    )
