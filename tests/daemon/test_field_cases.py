"""The cases of ../shared/cases/feeds: small inputs made from reports of people who run feed readers.

Each line of `manifest.jsonl` says how its file is served and what is right; CHECKS holds that as code, by file. The
files stay where they are (their texts are not ours): the test skips where the folder is absent, and fails for a case
it has no check for. Neighbours of every case, in our own words, stand in the tests of the module that was mended.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aggregator.engine.store import Store
from aggregator.entry.normalise import entry
from aggregator.entry.parse import parsed_feed
from aggregator.fetch.fetcher import Fetcher
from aggregator.model import (
    DocumentSettings,
    Entry,
    Feed,
    Fetched,
    NotModified,
    ParsedFeed,
    Validators,
)
from tests.daemon.program import Program
from tests.daemon.stages import Stages
from tests.fetch.asking import asking
from tests.fetch.conftest import LOOPBACK
from tests.origin import Answer, Origin, feed_document

pytestmark = [pytest.mark.slow]
SEEN = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "cases" / "feeds"


def manifest() -> dict[str, dict[str, str]]:
    if not (FOLDER / "manifest.jsonl").exists():
        return {}
    rows = map(
        json.loads, (FOLDER / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    )
    return {row["file"]: row for row in rows}


CASES = manifest()


def cases(*suffixes: str) -> pytest.MarkDecorator:
    """Parametrise by the cases whose files end so."""
    names = [name for name in CASES if name.endswith(suffixes)]
    absent = pytest.param(
        "", marks=pytest.mark.skip(reason="../shared/cases/feeds is absent")
    )
    return pytest.mark.parametrize("name", names or [absent])


def entries(name: str) -> list[Entry]:
    """The entries of a case served as a feed."""
    row = CASES[name]
    parsed = parsed_feed(
        (FOLDER / name).read_bytes(), content_type=row["content_type"], url=row["url"]
    )
    assert isinstance(parsed, ParsedFeed)
    return [
        entry(
            one, feed=Feed("f", row["url"]), feed_title=parsed.title, feed_language=parsed.language, entry_id="e",
            identity_key="k", first_seen_at=SEEN, revision=0, clock_error=None, settings=DocumentSettings(),
        )
        for one in parsed.entries
    ]  # fmt: skip


def body(one: Entry) -> str:
    return one.document.partition("\n---\n\n<div>   \n")[2].rpartition("\n  \n</div>")[
        0
    ]


def image(one: Entry) -> str:
    found = re.search(r"^headimg: '(.*)'$", one.document, re.MULTILINE)
    assert found
    return found[1]


def one_break(found: list[Entry]) -> None:
    [one] = found
    assert len(re.findall(r"<br\s*/?>", body(one))) == 1
    assert "</br>" not in body(one)
    assert "</hr>" not in body(one)


def media_text_is_plain(found: list[Entry]) -> None:
    [one] = found
    for text in (
        "list&lt;bool&gt;",
        "map&lt;int,text&gt;",
        "&lt;title&gt;",
        "1:30 Tom &amp; Ann &lt;3",
        "a=1&amp;b=2",
    ):
        assert text in body(one)


def cdata_mark_is_gone(found: list[Entry]) -> None:
    [one] = found
    assert (body(one), one.text) == ("The quota was raised to 40 boats.",) * 2


def description_stands_in(found: list[Entry]) -> None:
    assert [body(one)[:27] for one in found] == [
        "Notes of the fourth episode",
        "Notes of the fifth episode:",
    ]


def addressed(url: str, picture: str = "") -> Callable[[list[Entry]], None]:
    def check(found: list[Entry]) -> None:
        [one] = found
        assert one.url == url
        assert not picture or image(one) == picture

    return check


def titled(title: str) -> Callable[[list[Entry]], None]:
    return lambda found: _same([one.title for one in found], [title])


def pictured(url: str) -> Callable[[list[Entry]], None]:
    return lambda found: _same([image(one) for one in found], [url])


def _same(found: object, wanted: object) -> None:
    assert found == wanted


def no_placeholder(found: list[Entry]) -> None:
    [one] = found
    assert "real.png" in body(one)
    assert "base64" not in body(one)


def holds(*texts: str) -> Callable[[list[Entry]], None]:
    def check(found: list[Entry]) -> None:
        [one] = found
        assert [text for text in texts if text not in body(one)] == []

    return check


def newest_are_read(found: list[Entry]) -> None:
    assert [found[0].title, found[-1].title, len(found)] == [
        "Depth reading number 100",
        "Depth reading number 2099",
        2000,
    ]


FEED_CHECKS: dict[str, Callable[[list[Entry]], None]] = {
    "g1_atom_xhtml_br.xml": one_break,
    "h1_title_names_a_tag.xml": titled("Quay browser 23 adds sharing and drops <blink>"),
    "i1_media_description_is_plain_text.xml": media_text_is_plain,
    "k1_cdata_mark_escaped.xml": cdata_mark_is_gone,
    "l1_content_is_an_empty_paragraph.xml": description_stands_in,
    "m1_relative_link_feed_on_other_host.xml": addressed("https://www.quay.example/news/fares.html", "https://www.quay.example/img/f.png"),
    "n1_json_relative_url.json": addressed("https://www.quay.example/blog/posts/fares", "https://www.quay.example/blog/f.png"),
    "o1_empty_link_with_permalink_guid.xml": addressed("https://quay.example/circulars/144"),
    "p1_only_an_enclosure.xml": addressed("https://cdn.quay.example/17.mp3"),
    "q1_item_image_text.xml": pictured("https://quay.example/photo/r.jpg"),
    "r1_counter_npr.xml": pictured("https://quay.example/thumb.jpg"),
    "s1_placeholder_in_srcset.xml": no_placeholder,
    "t1_mathml_is_swallowed.xml": holds("e-7t"),
    "v1_post_is_one_frame.xml": holds("https://weirs.bandcamp.com/album/lock"),
    "z1_oldest_first_beyond_the_limit.xml": newest_are_read,
}  # fmt: skip


@cases(".xml", ".json")
def test_a_feed_is_read_as_its_readers_expect(name: str) -> None:
    if name == "a1_one_link_for_all.xml":
        pytest.skip("has a test of its own: it is about events")
    FEED_CHECKS[name](entries(name))


@cases("a1_one_link_for_all.xml")
async def test_one_link_for_all_entries_does_not_make_them_one_event(
    name: str, store: Store
) -> None:
    stages = Stages(store, Feed("quay", CASES[name]["url"], backlog="all"), now=SEEN)  # type: ignore[arg-type]
    await stages.run("quay", (FOLDER / name).read_bytes())
    assert [message.kind.value for message in await stages.messages("events")] == [
        "event.new"
    ] * 4


@cases(".http")
async def test_an_answer_is_read_as_browsers_and_curl_read_it(name: str) -> None:
    raw = (FOLDER / name).read_bytes()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()
        writer.close()

    conditional = "If-None-Match" in CASES[name]["serve"]
    async with (
        await asyncio.start_server(serve, "127.0.0.1", 0) as server,
        Fetcher(LOOPBACK, contact="", version="1") as fetcher,
    ):
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/feed"
        result = await fetcher.fetch(
            asking(url, validators=Validators('"a"' if conditional else None))
        )
    if conditional:
        assert isinstance(result, NotModified)
    else:
        assert isinstance(result, Fetched)
        assert isinstance(
            parsed_feed(result.body, content_type=result.content_type, url=url),
            ParsedFeed,
        )


@cases(".py")
@pytest.mark.parametrize("manner", [(), ("early",)])
async def test_a_server_that_closes_after_each_answer_is_read(
    name: str, manner: tuple[str, ...]
) -> None:
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        str(FOLDER / name),
        "60",
        *manner,
        stdout=asyncio.subprocess.PIPE,
    )
    assert server.stdout is not None
    url = (await server.stdout.readline()).decode().strip()
    try:
        async with Fetcher(LOOPBACK, contact="", version="1") as fetcher:
            results = [await fetcher.fetch(asking(url)) for _ in range(20)]
    finally:
        server.terminate()
        await server.communicate()
    assert [type(result) for result in results] == [Fetched] * 20


@cases(".opml")
def test_a_list_of_subscriptions_is_imported(name: str, tmp_path: Path) -> None:
    program = Program(tmp_path, "")
    done = program.command("feeds", "import", str(FOLDER / name))
    listed = [
        line.split("\t")[1]
        for line in program.command("feeds", "list").stdout.splitlines()
    ]
    assert [url.partition("://")[2] for url in listed] == [
        "a.example/rss",
        "c.example/rss",
        "d.example/rss",
    ], done


@cases(".txt")
def test_an_address_is_taken_as_people_paste_it(name: str, tmp_path: Path) -> None:
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    with Origin.in_thread(hosts=1) as origin:
        origin.script("/feed.xml", Answer(body=feed_document(items=[("1", "One", "")])))
        for number, line in enumerate(lines):
            folder = tmp_path / str(number)
            folder.mkdir()
            done = Program(folder, "").command(
                "feeds", "add", line.replace("HOST", f"127.0.0.1:{origin.port}")
            )
            assert (done.returncode, "added" in done.stdout) == (0, True), (
                line,
                done.stderr,
            )
