"""Subscriptions as people hand them to the command line: pasted addresses, lists of other readers, no password told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.program import Program
from tests.origin import Answer, Origin, feed_document

FEED = feed_document(items=[("1", "The weir is mended", "")])


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    page = (
        '<html><head><link rel="alternate" type="application/rss+xml" href="">'
        '<link rel="alternate" type="application/rss+xml" title="Comments" href="/comments/feed">'
        '<link rel="alternate" type="application/rss+xml" title="Fähre" href="/feed"></head></html>'
    )
    with Origin.in_thread(hosts=1) as serving:
        serving.script("/feed", Answer(body=FEED))
        serving.script(
            "/page", Answer(body=page.encode(), content_type="text/html; charset=utf-8")
        )
        serving.script(
            "/none",
            Answer(body=b"<html><body>nothing</body></html>", content_type="text/html"),
        )
        yield serving


def program(folder: Path, feeds: str = "") -> Program:
    return Program(folder, feeds)


@pytest.mark.parametrize(
    "pasted", ["feed://{}/feed", "HTTP://{}/feed", " <http://{}/feed> ", "{}/feed"]
)
def test_a_pasted_address_is_added_with_one_answer_asked_for(
    tmp_path: Path, origin: Origin, pasted: str
):
    before = len(origin.seen("/feed"))
    done = program(tmp_path).command(
        "feeds", "add", pasted.format(f"127.0.0.1:{origin.port}")
    )
    assert (done.returncode, done.stdout.split("\t")[1:]) == (
        0,
        [f"http://127.0.0.1:{origin.port}/feed\n"],
    ), done
    assert len(origin.seen("/feed")) == before + 1


def test_of_a_page_its_own_feed_is_added_and_the_one_of_its_comments_named(
    tmp_path: Path, origin: Origin
):
    done = program(tmp_path).command("feeds", "add", origin.url("/page"))
    assert (done.returncode, "/feed\n" in done.stdout) == (0, True), done
    assert "the page also names" in done.stderr
    assert "/comments/feed" in done.stderr


def test_an_import_names_what_it_leaves_out_and_keeps_the_rest(tmp_path: Path):
    opml = tmp_path / "list.opml"
    opml.write_text(
        '<opml><body><outline text="Sea"><outline type="rss" text="Eels" xmlUrl="feed://e.example/f"/></outline>'
        '<outline type="rss" text="Tides" xmlUrl="ftp://me:hushhush@t.example/f"/></body></opml>'
    )
    own = program(tmp_path)
    done = own.command("feeds", "import", str(opml))
    assert done.returncode == 1
    assert "http://e.example/f" in done.stdout
    assert "left out: Tides: 'ftp://t.example/f' is no web address" in done.stderr
    again = own.command("feeds", "export")
    assert '<outline text="Sea">' in again.stdout
    assert 'text="Eels"' in again.stdout


def test_each_outline_ends_as_added_known_or_left_out_and_the_status_says_whether_one_failed(
    tmp_path: Path,
):
    own = program(tmp_path)
    feed = '<outline type="rss" text="Eels" xmlUrl="www.e.example/f"/>'
    note = '<outline text="a note"/>'
    page = '<outline text="a page" url="https://p.example/"/>'
    ends = []
    for outlines in (feed + feed + note, feed, feed + page, page, note, ""):
        done = own.command(
            "feeds", "import", "-", stdin=f"<opml><body>{outlines}</body></opml>"
        )
        ends.append((done.stderr.splitlines()[-1], done.returncode))
    nothing = "aggregator: no outline of it names a feed that can be added"
    assert ends == [
        ("1 added, 1 already there, 1 left out", 0),
        ("0 added, 1 already there, 0 left out", 0),
        ("0 added, 1 already there, 1 left out", 1),
        (nothing, 1),
        (nothing, 1),
        (nothing, 1),
    ]


def test_user_and_password_of_an_address_are_never_printed(
    tmp_path: Path, origin: Origin
):
    url = origin.url("/feed").replace("://", "://me:hushhush@")
    own = program(tmp_path, f'[[feed]]\nid = "f0"\nurl = "{url}"\n')
    told = [
        own.command(*words)
        for words in (
            ("feeds", "list", "--json"),
            ("feeds", "add", url.replace("/feed", "/none")),
            ("feeds", "export"),
            ("check",),
        )
    ]
    assert [done.returncode for done in told] == [0, 2, 0, 0], told
    assert [done.args for done in told if "hushhush" in done.stdout + done.stderr] == []
    assert "left out" in told[2].stderr
