"""The document form: its bytes, and that every reader of YAML gets the same values back."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import frontmatter
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from aggregator.entry.characters import one_line
from aggregator.entry.front_matter import (
    FrontMatter,
    document,
    first_seen_date,
    plain_or_quoted,
    quoted_title,
    stated_date,
)
from aggregator.entry.urls import front_matter_url

KEYS = ["title", "categories", "headimg", "author", "comments", "date", "thumbnail"]
SIGNS = "'\"\\:#-?,[]{}&*!|>%@` _.0189eExo+~=<nyNY\u00a0\u3000中é😀"
SHARP = st.lists(
    st.sampled_from(
        [
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
        ]
    ),
    max_size=8,
).map("".join)
LINES = st.one_of(SHARP, st.text(max_size=40)).map(one_line)
NAMES = LINES.filter(bool)


def made(
    title: str = "t",
    categories: tuple[str, str, str] = ("a", "b", "c"),
    image: str = "",
    date: str = "Sun, 13 Feb 2022 10:02:17 GMT",
    **more: Any,
) -> str:
    return document(
        FrontMatter(
            title=title,
            categories=categories,
            headimg=image,
            author=categories[1],
            date=date,
            body="<p>b</p>",
            **more,
        )
    )


def matter(text: str) -> str:
    return text[5 : text.index("\n---\n\n<div>")]


def read_by_ruamel(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(io.StringIO(text))


READERS = {
    "PyYAML": lambda text: yaml.safe_load(matter(text)),
    "ruamel.yaml": lambda text: read_by_ruamel(matter(text)),
    "python-frontmatter": lambda text: frontmatter.loads(text).metadata,
}


def check_read_back(title: str, categories: tuple[str, str, str], image: str) -> None:
    text = made(title, categories, image)
    for name, read in READERS.items():
        values = read(text)
        assert sorted(values) == sorted(KEYS), name
        assert values["title"] == title, name
        assert list(values["categories"]) == list(categories), name
        assert values["author"] == categories[1], name
        assert values["headimg"] == values["thumbnail"] == image, name
        assert values["comments"] is False, name
        assert values["date"] == "Sun, 13 Feb 2022 10:02:17 GMT", name


@settings(max_examples=300)
@given(LINES, st.tuples(NAMES, NAMES, NAMES), st.text().map(front_matter_url))
@example("it's", ("404", "on", "@x"), "")
@example("both ' and \"", ("a: b", "C #x", "null"), "https://h.example/%7B")
@example("back\\slash's", ("y", "1:30", "0o17"), "")
def test_every_reader_gets_the_same_values_back(
    title: str, categories: tuple[str, str, str], image: str
) -> None:
    check_read_back(title, categories, image)


@pytest.mark.slow
@pytest.mark.timeout(500)
@settings(max_examples=10_000)
@given(LINES, st.tuples(NAMES, NAMES, NAMES), st.text().map(front_matter_url))
def test_every_reader_gets_10_000_documents_back(
    title: str, categories: tuple[str, str, str], image: str
) -> None:
    check_read_back(title, categories, image)


@settings(max_examples=500)
@given(NAMES)
def test_a_name_is_plain_only_where_both_yaml_versions_read_that_string(
    name: str,
) -> None:
    written = plain_or_quoted(name)
    assert written in (name, "'" + name.replace("'", "''") + "'")
    if written == name:
        assert yaml.safe_load(f" - {name}\n") == [name]
        assert read_by_ruamel(f" - {name}\n") == [name]


@pytest.mark.parametrize(
    "name",
    [
        "观察者网",
        "GameRes 游资网",
        "V2EX-最新",
        "C++",
        "a/b",
        "36氪",
        "1.2.3",
        "A&B",
        "it's",
        'say "x"',
        "50%",
        "-x",
        "?x",
        ":x",
        "a:b",
        "a#b",
        "10:99:99",
        "2022年",
        "x - y",
        "(a)",
        "N/A",
        "nope",
        "yesterday",
    ],
)
def test_names_that_read_as_themselves_are_plain(name: str) -> None:
    assert plain_or_quoted(name) == name
    assert yaml.safe_load(f" - {name}\n") == read_by_ruamel(f" - {name}\n") == [name]


@pytest.mark.parametrize(
    "name",
    [
        "404",
        "on",
        "@x",
        "a: b",
        "C #x",
        "",
        "~",
        "y",
        "No",
        "null",
        "0x1F",
        "1e5",
        "1_000",
        "12:30:45",
        ".5",
        "-.inf",
        ".nan",
        "2022-02-13",
        "- x",
        "? x",
        "x:",
        "#x",
        "&x",
        "*x",
        "!x",
        "|",
        ">",
        "%x",
        "`x",
        "'x",
        '"x',
        "[x",
        "{x",
        ",x",
        "<<",
        "=",
        "+1",
        "0b1",
        "0o7",
    ],
)
def test_names_that_read_as_something_else_are_quoted(name: str) -> None:
    assert plain_or_quoted(name) == f"'{name}'".replace("''x'", "'''x'")
    assert yaml.safe_load(f" - {plain_or_quoted(name)}\n") == [name]


@pytest.mark.parametrize(
    ("title", "written"),
    [
        ("plain", "'plain'"),
        ("it's", '"it\'s"'),
        ('"q"', "'\"q\"'"),
        ("'\"", "'''\"'"),
        ("a\\b", "'a\\b'"),
        ("it's a\\b", "'it''s a\\b'"),
        ("", "''"),
        ("{{ 7*7 }}", "'{{ 7*7 }}'"),
    ],
)
def test_the_quotes_of_a_title(title: str, written: str) -> None:
    assert quoted_title(title) == written


def test_the_bytes_of_a_document() -> None:
    image = "https://h.example/a.jpg"
    assert made("标题", ("新媒体", "404", "头条"), image) == (
        "\n---\ntitle: '标题'\ncategories: \n - 新媒体\n - '404'\n - 头条\n"
        f"headimg: '{image}'\nauthor: '404'\ncomments: false\ndate: Sun, 13 Feb 2022 10:02:17 GMT\nthumbnail: '{image}'\n---\n\n"
        "<div>   \n<p>b</p>\n  \n</div>\n            "
    )
    assert made(leading_newline=False).startswith("---\ntitle: 't'\n")


def test_both_forms_of_a_date() -> None:
    at = datetime(2022, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert stated_date(at) == "Thu, 03 Feb 2022 04:05:06 GMT"
    assert first_seen_date(at) == "2022-02-03 04:05:06"
    for read in READERS.values():
        assert read(made(date=first_seen_date(at)))["date"] == at.replace(tzinfo=None)


@pytest.mark.slow
def test_the_real_front_matters_read_back(shared: Path) -> None:
    rows = [
        json.loads(line)
        for line in (shared / "front_matter.jsonl")
        .read_text(encoding="utf-8")
        .splitlines()
    ]
    assert len(rows) == 239
    for row in rows:
        title = one_line(row["title"])
        check_read_back(
            title, tuple(row["categories"]), f"https://{row['headimg_host']}/x.jpg"
        )
        assert re.sub(r"\s+", " ", title) == re.sub(r"\s+", " ", row["title"]).strip()


def test_ruamel_reads_1_2() -> None:
    """The reader stands for YAML 1.2 only while it takes `on` for a string."""
    assert read_by_ruamel("a: on") == {"a": "on"}
    assert yaml.safe_load("a: on") == {"a": True}
    with pytest.raises(YAMLError):
        read_by_ruamel("a: @x")


@pytest.mark.parametrize(
    "character",
    [
        "\ufffe",
        "\uffff",
        "\ufdd0",
        "\ufdef",
        "\U0001fffe",
        "\U0010ffff",
        "\x85",
        "\u2028",
        "\ufeff",
    ],
)
def test_an_address_holds_nothing_that_yaml_has_no_place_for(character: str) -> None:
    for url in (
        f"https://h.example/{character}.png",
        f"https://h.example/?q={character}#{character}",
    ):
        text = document(
            FrontMatter(
                "t",
                ("A", "B", "C"),
                front_matter_url(url),
                "B",
                "2022-02-13 10:02:17",
                "<p>b</p>",
            )
        )
        assert yaml.safe_load(text.split("---\n")[1])["headimg"] == front_matter_url(
            url
        )
        assert character not in front_matter_url(url)
