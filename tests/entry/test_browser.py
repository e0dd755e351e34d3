"""Documents of hostile feeds shown in a real browser: no script, no dialog, nothing loaded but pictures."""

from __future__ import annotations

import gzip
import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import frontmatter
import pytest

from aggregator.entry.markup import escaped_text, safe_body
from aggregator.entry.parse import parsed_feed
from aggregator.model import DocumentSettings, ParsedFeed
from tests.entry.bodies import drawn_bodies
from tests.entry.renderings import wrapped
from tests.entry.test_hostile_bodies import entries, entries_of

DRAWN = int(os.environ.get("DRAWN_BODIES", "3000"))
SEED = int(os.environ.get("DRAWN_SEED", "20261129"))
ON_A_PAGE = 1000
MOST_BYTES = 10_000_000
BODY_S = 0.1
"""Seconds that a drawn body may take, written and shown; a tenth of it on a quiet machine."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + BODY_S * DRAWN)]

HARNESS = """<!DOCTYPE html><meta charset="utf-8"><title>quiet</title><script>
const told = [];
// Whether something of a body is painted far above or to the left of it, over what others wrote.
const strays = body => {
  const own = body.getBoundingClientRect();
  return [...body.querySelectorAll("*")].some(one => [...one.getClientRects()].some(
    box => box.width * box.height && (box.top < own.top - 200 || box.left < own.left - 200)));
};
for (const name of ["alert", "confirm", "prompt", "print", "open"]) window[name] = () => { told.push(name); };
window.addEventListener("load", () => setTimeout(() => {
  for (const a of document.querySelectorAll("a[href]")) if (a.protocol === "javascript:") a.click();
  setTimeout(() => {
    const out = document.createElement("pre");
    out.id = "told";
    const everything = [...document.querySelectorAll("body *")];
    out.textContent = JSON.stringify({
      told,
      scripts: document.scripts.length,
      frames: window.length,
      loads: performance.getEntriesByType("resource").map(one => [one.initiatorType, one.name]),
      wrappers: document.querySelectorAll("body > div").length,
      handlers: everything.flatMap(one => one.getAttributeNames().filter(name => name.startsWith("on"))),
      strayed: [...document.querySelectorAll("body > div")].filter(strays).map(one => one.outerHTML),
      placed: everything.filter(one => !["static", "relative"].includes(getComputedStyle(one).position)).map(one => one.outerHTML),
      protocols: [...new Set([...document.querySelectorAll("a[href]")].map(a => a.protocol))],
    });
    document.documentElement.append(out);
  }, 300);
}, 300));
</script><body>
"""


@pytest.fixture(scope="module")
def browser() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no chromium on PATH (Debian: apt-get install chromium)")
    return found


def shown(browser: str, folder: Path, bodies: list[str]) -> dict[str, Any]:
    """What the page told after it was loaded; every host name is unknown to the browser, so nothing leaves."""
    page = folder / "page.html"
    page.write_text(HARNESS + "\n".join(bodies), encoding="utf-8")
    command = [
        browser,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        f"--user-data-dir={folder / 'profile'}",
    ]
    command += [
        "--disable-background-networking",
        "--disable-component-update",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ]
    command += ["--virtual-time-budget=8000", "--dump-dom", page.as_uri()]
    dom = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=True
    ).stdout
    found = re.search(r'<pre id="told">(.*?)</pre>', dom, re.DOTALL)
    assert found, dom[-2000:]
    answer: dict[str, Any] = json.loads(html.unescape(found[1]))
    return answer


@pytest.mark.parametrize(
    "name", ["47_xss_content.xml", "48_xss_in_title.xml", "46_js_links.xml"]
)
def test_a_page_of_hostile_documents_runs_and_opens_nothing(
    shared: Path, browser: str, tmp_path: Path, name: str
) -> None:
    made = entries(shared, name)
    titles = [
        f"<h2>{html.escape(one.title)}</h2><a href='{html.escape(one.url)}'>link</a>"
        for one in made
    ]
    told = shown(
        browser,
        tmp_path,
        [frontmatter.loads(one.document).content for one in made] + titles,
    )
    assert told["told"] == []
    assert told["scripts"] == 1
    assert told["frames"] == 0
    assert told["wrappers"] == len(made)
    assert {kind for kind, _ in told["loads"]} <= {"img"}
    assert not [url for _, url in told["loads"] if "evil" in url]
    assert set(told["protocols"]) <= {"http:", "https:", "file:"}


def test_the_same_bodies_as_published_would_have_run(
    shared: Path, browser: str, tmp_path: Path
) -> None:
    """The test above can fail: without the documents' care the same feed opens dialogs."""
    body = (shared / "corpus" / "hostile" / "47_xss_content.xml").read_bytes()
    parsed = parsed_feed(body, content_type=None, url="http://feed.test/rss")
    assert isinstance(parsed, ParsedFeed)
    published = [one.summary.value or one.content.value for one in parsed.entries]
    raw = [
        text
        for text in published
        if not re.search(
            r"http-equiv|<(?:plaintext|xmp|math|noscript|template|base)", text
        )
    ]
    told = shown(browser, tmp_path, raw)
    assert "alert" in told["told"]


def test_thousands_of_drawn_bodies_run_open_and_cover_nothing(
    browser: str, tmp_path: Path
) -> None:
    settings = DocumentSettings()
    drawn = drawn_bodies(DRAWN, seed=SEED)
    bodies = [
        safe_body(one, base_url="https://h.example/", settings=settings)
        for one in drawn
    ]
    bodies += [escaped_text(one, settings=settings) for one in drawn]
    for start in range(0, len(bodies), ON_A_PAGE):
        page = [wrapped(one) for one in bodies[start : start + ON_A_PAGE]]
        told = shown(browser, tmp_path, page)
        assert told["told"] == told["handlers"] == []
        assert told["scripts"] == 1
        assert told["placed"] == told["strayed"] == []
        assert told["frames"] == 0
        assert told["wrappers"] == len(page)
        assert {kind for kind, _ in told["loads"]} <= {"img"}
        assert set(told["protocols"]) <= {"http:", "https:", "file:", "mailto:"}


def test_every_hostile_file_runs_opens_and_covers_nothing(
    shared: Path, browser: str, tmp_path: Path
) -> None:
    documents: list[str] = []
    for folder in ("corpus/hostile", "cases/hostile", "corpus/nonfeed", "cases/feeds"):
        for path in sorted((shared / folder).rglob("*.*")):
            if not path.is_file() or path.suffix == ".jsonl":
                continue
            body = path.read_bytes()
            if path.suffix == ".gz":
                body = gzip.decompress(body)[:MOST_BYTES]
            documents += [one.document for one in entries_of(body) or []][:ON_A_PAGE]
    assert len(documents) > 300
    for start in range(0, len(documents), ON_A_PAGE):
        part = documents[start : start + ON_A_PAGE]
        told = shown(
            browser, tmp_path, [frontmatter.loads(one).content for one in part]
        )
        assert (
            told["told"] == told["handlers"] == told["placed"] == told["strayed"] == []
        )
        assert told["scripts"] == 1
        assert told["wrappers"] == len(part)
        assert {kind for kind, _ in told["loads"]} <= {"img", "iframe"}
        assert set(told["protocols"]) <= {"http:", "https:", "file:", "mailto:"}


def test_drawn_bodies_as_published_would_have_run(browser: str, tmp_path: Path) -> None:
    """The test above can fail: a few of them as they were drawn open dialogs, and lie over the page."""
    drawn = drawn_bodies(60, seed=20261129)
    raw = [
        one
        for one in drawn
        if not re.search(r"<(?:plaintext|xmp|textarea|title|style|script|!)", one)
    ]
    told = shown(browser, tmp_path, raw)
    assert "alert" in told["told"]
    assert told["handlers"]
    assert told["placed"]
