"""What reaches an operator's terminal or pipe: no order of a stranger's, whatever command prints it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from aggregator.cli.console import SafeConsole
from aggregator.engine.store import Store
from aggregator.model import Notice
from aggregator.opml import subscriptions_of_opml
from aggregator.schedule.request import first_state
from aggregator.schedule.result import after_poll
from aggregator.subscriptions import feeds_of_page
from aggregator.visible import visible, visible_json
from aggregator.watch.terminal import Guarded
from tests import forked
from tests.schedule.given import FEED, NOW, failure
from tests.watch.test_logs import Written

CLIPBOARD = "\x1b]52;c;cm0gLXJm\x07"
SPOOFED = "https://h.example/\u202egpj.exe"
ORDERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
SIGNS = ["\x1b", "\x9b", "]52;", "\u202e", "\r", "a", "漢", "\n", "\x07", "[31m", '"']
FOREIGN = st.lists(st.sampled_from(SIGNS), max_size=12).map("".join)


@given(FOREIGN)
def test_no_text_orders_a_terminal_about_by_print_click_or_rich(text: str) -> None:
    written = Written()
    console = SafeConsole(file=written.stream, force_terminal=False, width=80)
    table = Table("a")
    table.add_row(Text(text))
    console.print(table)
    console.print(Text(text))
    console.print(text, markup=False)
    guarded = Guarded(written.stream)
    print(text, file=guarded)
    guarded.buffer.write(orjson.dumps(text))
    written.stream.flush()
    assert not ORDERS.search(written.raw.getvalue().decode())


@given(FOREIGN)
def test_json_says_the_same_after_the_guard(text: str) -> None:
    shown = visible_json(orjson.dumps({text: [text]}))
    assert not ORDERS.search(shown.decode())
    assert orjson.loads(shown) == {text: [text]}
    assert visible(visible(text)) == visible(text)


def test_what_a_console_draws_itself_still_reaches_the_terminal() -> None:
    written = Written()
    SafeConsole(
        file=written.stream, force_terminal=True, color_system="standard"
    ).print(Text("red", style="red"))
    assert "\x1b[31mred\x1b[0m" in written.text


def test_what_a_server_wrote_is_cleaned_where_it_enters_the_state() -> None:
    state = first_state(FEED, now=NOW)
    for _ in range(3):
        bad = failure()
        decision = after_poll(
            FEED,
            state,
            type(bad)(bad.url, bad.kind, f"odd coding {CLIPBOARD}"),
            None,
            now=NOW,
        )
        state = decision.state
    assert not ORDERS.search(state.failure_detail)
    assert "52;c" in state.failure_detail
    assert not ORDERS.search(decision.notices[0].detail)


async def test_a_notice_is_cleaned_where_it_enters_the_trouble_stream(
    store: Store,
) -> None:
    claim = Notice("failing", "f", SPOOFED, CLIPBOARD)
    await store.registration.mark_installation("", [claim], at=NOW)
    [told] = await store.watch.trouble(NOW.replace(year=2000))
    assert not ORDERS.search(told.notice.detail + told.notice.host)


def test_names_of_pages_and_opml_are_cleaned() -> None:
    page = f'<html><link rel=alternate type="application/rss+xml" href="/f" title="b{CLIPBOARD}">'
    [found] = feeds_of_page(page.encode(), url="https://h.example/")
    assert found.title == "b]52;c;cm0gLXJm"
    opml = '<opml><body><outline text="&#x202e;folder"><outline text="t&#x9b;31m" xmlUrl="https://h.example/f"/></outline></body></opml>'
    [one] = subscriptions_of_opml(opml.encode()).feeds
    assert (one.folder, one.title) == ("folder", "t31m")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "feeds.toml"
    category = "a\\u001b]52;c;eA==\\u0007\\u202e"
    file.write_text(
        f'[aggregator]\nstate_dir = "s"\n[[feed]]\nid = "f"\nurl = "https://h.example/"\ncategories = ["{category}"]\n'
    )
    return file


@pytest.mark.parametrize(
    "words",
    [
        ("feeds", "list"),
        ("feeds", "list", "--json"),
        ("feeds", "export"),
        ("feeds", "remove", CLIPBOARD),
        ("check",),
        ("check", "--json"),
        ("feeds", "add", SPOOFED + CLIPBOARD, "--force"),
        ("feeds", "import", "\x1b]0;x.opml"),
    ],
    ids=" ".join,
)
def test_no_command_sends_an_order_to_the_terminal(
    config: Path, words: tuple[str, ...]
) -> None:
    done = forked.run(*words, "--config", str(config), environment=os.environ)
    assert done.stdout + done.stderr
    assert not ORDERS.search(done.stdout + done.stderr)


def test_one_bad_address_costs_an_opml_import_nothing_else(
    config: Path, tmp_path: Path
) -> None:
    opml = tmp_path / "x.opml"
    urls = [
        "https://a.example/feed",
        "https://b.example/my feed.xml",
        "https://c.example:99999/",
        "https://d.example/f\u202e",
    ]
    outlines = "".join(f'<outline text="t" xmlUrl="{url}"/>' for url in urls)
    opml.write_text(f"<opml><body>{outlines}</body></opml>")
    done = forked.run(
        "feeds", "import", str(opml), "--config", str(config), environment=os.environ
    )
    assert done.returncode == 1  # something was left out
    assert re.findall(r"https://\S+", done.stdout) == [
        "https://a.example/feed",
        "https://b.example/my%20feed.xml",
        "https://d.example/f",
    ]
    assert done.stderr.startswith(
        "left out: t: 'https://c.example:99999/' is not a URL"
    )
