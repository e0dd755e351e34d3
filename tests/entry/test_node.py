"""Readers written in JavaScript: js-yaml and hexo-front-matter read documents back, Hexo builds a site of an export."""

from __future__ import annotations

import html
import json
import os
import random
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser

from aggregator.entry.characters import one_line
from aggregator.entry.files import export
from aggregator.entry.front_matter import FrontMatter, document
from aggregator.entry.markup import escaped_text, safe_body
from aggregator.entry.urls import front_matter_url
from aggregator.model import DocumentSettings, Kind, Message
from aggregator.watch.archive import write
from tests.entry.bodies import drawn_bodies
from tests.entry.renderings import ATTACKS, TEXT_ATTACKS, tree, wrapped
from tests.entry.test_browser import shown
from tests.entry.test_front_matter import SIGNS
from tests.entry.test_hostile_bodies import entries

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]

PACKAGES = [
    "js-yaml",
    "hexo",
    "hexo-front-matter",
    "hexo-renderer-marked",
    "markdown-it",
    "marked",
]
WORDS = [
    *SIGNS,
    "true",
    "null",
    "on",
    "---",
    "...",
    ": ",
    " #",
    "2022-02-13",
    "10:02:17",
    ".inf",
    "<<",
    "0x1F",
    "12",
    "标题",
    "it's",
]
COUNT = 10_000
READ = """
const yaml = require("js-yaml"), hexo = require("hexo-front-matter");
const rows = JSON.parse(require("fs").readFileSync(process.argv[2], "utf8"));
const wrong = [];
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const seen = v => ({title: v.title, categories: v.categories, headimg: v.headimg, author: v.author, comments: v.comments, date: v.date, thumbnail: v.thumbnail});
for (const row of rows) {
  const matter = row.text.trimStart().slice(4).split("\\n---\\n")[0];
  for (const [name, read] of [["js-yaml", () => yaml.load(matter)], ["hexo", () => hexo.parse(row.text)]]) {
    let got;
    try { got = seen(read()); } catch (error) { got = String(error); }
    if (!same(got, row.expected)) wrong.push([name, row.text.slice(0, 300), got]);
  }
}
console.log(JSON.stringify(wrong.slice(0, 5)));
"""
CONFIG = """
title: Test
url: https://example.com
permalink: :title/
theme: plain
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages of npm installed in it."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not on PATH")
    folder = tmp_path_factory.mktemp("npm")
    (folder / "package.json").write_text(
        '{"name": "site", "private": true, "hexo": {"version": ""}}'
    )
    command = [
        "npm",
        "install",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
        *PACKAGES,
    ]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        pytest.skip(f"npm cannot install {', '.join(PACKAGES)}: {done.stderr[-300:]}")
    return folder


def drawn(chance: random.Random) -> str:
    return one_line("".join(chance.choices(WORDS, k=chance.randint(1, 9)))) or "x"


def row(
    title: str, categories: tuple[str, str, str], image: str, *, leading_newline: bool
) -> dict[str, Any]:
    date = "Sun, 13 Feb 2022 10:02:17 GMT"
    text = document(
        FrontMatter(
            title, categories, image, categories[1], date, "<p>b</p>", leading_newline
        )
    )
    expected = {
        "title": title,
        "categories": list(categories),
        "headimg": image,
        "author": categories[1],
        "comments": False,
        "date": date,
        "thumbnail": image,
    }
    return {"text": text, "expected": expected}


def check(packages: Path, folder: Path, rows: list[dict[str, Any]]) -> None:
    (folder / "rows.json").write_text(json.dumps(rows))
    (packages / "read.js").write_text(READ)
    done = subprocess.run(
        ["node", "read.js", str(folder / "rows.json")],
        cwd=packages,
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )
    assert json.loads(done.stdout) == []


def test_js_yaml_and_hexo_read_10_000_documents_back(
    packages: Path, tmp_path: Path
) -> None:
    chance = random.Random(20220213)
    rows = [
        row(
            drawn(chance),
            (drawn(chance), drawn(chance), drawn(chance)),
            front_matter_url(drawn(chance)),
            leading_newline=i % 2 == 0,
        )
        for i in range(COUNT)
    ]
    check(packages, tmp_path, rows)


def test_js_yaml_and_hexo_read_the_real_front_matters_back(
    packages: Path, tmp_path: Path, shared: Path
) -> None:
    lines = (
        (shared / "front_matter.jsonl").read_text(encoding="utf-8").strip().split("\n")
    )
    real = [json.loads(line) for line in lines]
    rows = [
        row(
            one_line(one["title"]),
            tuple(one["categories"]),
            "https://h.example/a.jpg",
            leading_newline=True,
        )
        for one in real
    ]
    assert len(rows) == 239
    check(packages, tmp_path, rows)


def test_hexo_builds_a_site_of_an_exported_folder(
    packages: Path, tmp_path: Path, shared: Path
) -> None:
    names = [
        "47_xss_content.xml",
        "48_xss_in_title.xml",
        "53_yaml_titles.xml",
        "54_nunjucks.xml",
        "55_filenames.xml",
    ]
    made = [one for name in names for one in entries(shared, name)]
    messages = [
        Message(
            id=f"m{i}",
            kind=Kind.NEW,
            event_id=f"e{i}",
            entry_id=f"{i:08x}{one.entry_id}",
            title=one.title,
            categories=("新闻", "[A] #1", "con"),
            document=one.document,
        )
        for i, one in enumerate(made)
    ]
    site = tmp_path / "site"
    layout = site / "themes" / "plain" / "layout"
    layout.mkdir(parents=True)
    (layout / "post.njk").write_text(
        "<h1>{{ page.title }}</h1>\n{{ page.content | safe }}"
    )
    (site / "_config.yml").write_text(CONFIG)
    shutil.copy(packages / "package.json", site)
    (site / "node_modules").symlink_to(packages / "node_modules")
    result = write(site / "source" / "_posts", export(messages).files)
    assert result.refused == ()
    done = subprocess.run(
        ["node", "node_modules/hexo/bin/hexo", "generate", "--bail"],
        cwd=site,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    told = done.stdout + done.stderr
    assert done.returncode == 0, told[-3000:]
    assert "ERROR" not in told
    pages = list((site / "public").rglob("index.html"))
    assert len(pages) == len(made) == result.written_count - 2
    shown = {
        html.unescape(re.findall("<h1>(.*?)</h1>", page.read_text(encoding="utf-8"))[0])
        for page in pages
    }
    assert shown == {one.title for one in made}
    assert any(
        "&#123;&#123; 7*7 &#125;&#125; body" in page.read_text(encoding="utf-8")
        for page in pages
    )


RENDER = """
const fs = require("fs"), {marked} = require("marked"), MarkdownIt = require("markdown-it");
const it = new MarkdownIt({html: true, linkify: true, breaks: true}), texts = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
console.log(JSON.stringify({marked: texts.map(one => marked.parse(one)), "markdown-it": texts.map(one => it.render(one))}));
"""


def built_by_hexo(packages: Path, site: Path, documents: list[str]) -> list[str]:
    """The page that Hexo, as installed, makes of each document."""
    layout = site / "themes" / "plain" / "layout"
    layout.mkdir(parents=True)
    (layout / "post.njk").write_text(
        "<title>{{ page.title }}</title>\n{{ page.content | safe }}"
    )
    (site / "_config.yml").write_text(CONFIG)
    shutil.copy(packages / "package.json", site)
    (site / "node_modules").symlink_to(packages / "node_modules")
    posts = site / "source" / "_posts"
    posts.mkdir(parents=True)
    for number, text in enumerate(documents):
        (posts / f"{number}.md").write_text(text, encoding="utf-8")
    command = ["node", "node_modules/hexo/bin/hexo", "generate", "--bail"]
    done = subprocess.run(
        command, cwd=site, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    assert "ERROR" not in done.stdout + done.stderr
    return [
        (site / "public" / str(number) / "index.html").read_text(encoding="utf-8")
        for number in range(len(documents))
    ]


def rendered_by_node(
    packages: Path, folder: Path, texts: list[str]
) -> dict[str, list[str]]:
    (folder / "texts.json").write_text(json.dumps(texts))
    (packages / "render.js").write_text(RENDER)
    command = ["node", "render.js", str(folder / "texts.json")]
    done = subprocess.run(
        command, cwd=packages, capture_output=True, text=True, timeout=60, check=True
    )
    answer: dict[str, list[str]] = json.loads(done.stdout)
    return answer


def documents_of(bodies: list[str]) -> list[str]:
    date = "Sun, 13 Feb 2022 10:02:17 GMT"
    return [
        document(FrontMatter(str(number), ("A", "B", "C"), "", "B", date, body))
        for number, body in enumerate(bodies)
    ]


def without_links_of_hexo(html: str) -> str:
    """What its filter adds to links that lead elsewhere, a relation they have included, is taken off again."""
    html = html.replace(' target="_blank" rel="noopener"', "")
    # Where a comment says so, its excerpt ends: a place without content.
    html = html.replace('<span id="more"></span>', "<!--more-->")
    return html.replace('target="_blank" href=', "href=").replace(' noopener"', '"')


def test_what_builders_of_sites_make_of_hostile_bodies_runs_nothing(
    packages: Path, tmp_path: Path
) -> None:
    """Hexo with its default renderer, marked, markdown-it: the same tree as the body itself, and no script in Chromium."""
    settings = DocumentSettings()
    bodies = [
        safe_body(one, base_url="https://h.example/", settings=settings)
        for one in ATTACKS.values()
    ]
    bodies += [escaped_text(one, settings=settings) for one in TEXT_ATTACKS.values()]
    texts = [wrapped(one) for one in bodies]
    pages = built_by_hexo(packages, tmp_path / "site", documents_of(bodies))
    rendered = rendered_by_node(packages, tmp_path, texts)
    rendered["hexo"] = [
        without_links_of_hexo(page.partition("</title>")[2]) for page in pages
    ]
    for name, answers in rendered.items():
        for text, answer in zip(texts, answers, strict=True):
            assert tree(answer) == tree(text), (name, text)
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("no chromium on PATH: compared as trees only")
    told = shown(browser, tmp_path, [page.partition("</title>")[2] for page in pages])
    assert told["told"] == []
    assert told["wrappers"] == len(bodies)
    assert {kind for kind, _ in told["loads"]} <= {"img", "iframe"}
    assert set(told["protocols"]) <= {"http:", "https:", "file:"}


DRAWN = int(os.environ.get("DRAWN_BODIES", "600"))


def test_what_builders_of_sites_make_of_drawn_bodies_is_what_a_browser_makes(
    packages: Path, tmp_path: Path
) -> None:
    """Every kind in which HTML and Markdown differ, one inside another: the same tree, whoever renders it."""
    settings = DocumentSettings()
    drawn = drawn_bodies(DRAWN, seed=16)
    bodies = [
        safe_body(one, base_url="https://h.example/", settings=settings)
        for one in drawn
    ]
    bodies += [escaped_text(one, settings=settings) for one in drawn]
    texts = [wrapped(one) for one in bodies]
    pages = built_by_hexo(packages, tmp_path / "site", documents_of(bodies))
    rendered = rendered_by_node(packages, tmp_path, texts)
    rendered["hexo"] = [
        without_links_of_hexo(page.partition("</title>")[2]) for page in pages
    ]
    trees = [tree(text) for text in texts]
    for name, answers in rendered.items():
        for text, expected, answer in zip(texts, trees, answers, strict=True):
            assert tree(answer) == expected, (name, text)


def test_builders_of_sites_do_run_them_as_they_were_published(
    packages: Path, tmp_path: Path
) -> None:
    """The test above can fail: Hexo makes script of the same bodies with only HTML in mind."""
    names = [
        "a blank line in a value",
        "a fence of code in a value",
        "Hexo's mark of an excerpt in a value",
    ]
    names += [
        "Hexo's links in a value",
        "Hexo's links before the link",
        "Hexo's links and the other quote",
        "Hexo's links and the other quote in double",
        "Hexo's links and an attribute like rel",
        "Hexo's links and a relation in the address",
        "Hexo's links and a link in the address",
        "Hexo's links and a bare address",
        "Hexo's own element",
        "a link",
    ]
    pages = built_by_hexo(
        packages, tmp_path / "site", documents_of([ATTACKS[name] for name in names])
    )
    for name, page in zip(names, pages, strict=True):
        runs = LexborHTMLParser(page).css("[onerror], [onfocus], [href^='javascript:']")
        assert runs, name
