"""The hostile files that concern reading: each behaves as its line in ../shared/corpus/hostile/manifest.jsonl says."""

from __future__ import annotations

import gzip
import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aggregator.entry.dates import instant
from aggregator.entry.identity import Identified, identified
from aggregator.entry.parse import parsed_feed
from aggregator.model import (
    FailureKind,
    IdentityRule,
    KnownEntry,
    ParsedFeed,
    Unparsable,
)

AT = datetime(2022, 2, 13, 12, 0, tzinfo=UTC)
TITLE = "Žluťoučký 新闻 😀"
Read = Callable[[str], ParsedFeed | Unparsable]


@pytest.fixture
def read(shared: Path) -> Read:
    folder = shared / "corpus" / "hostile"
    manifest = {
        line["file"]: line
        for line in map(
            json.loads, (folder / "manifest.jsonl").read_text().strip().split("\n")
        )
    }

    def read_file(name: str) -> ParsedFeed | Unparsable:
        (line,) = (
            line for file, line in manifest.items() if file.startswith(f"{name}_")
        )
        body = (folder / line["file"]).read_bytes()
        body = gzip.decompress(body) if line["stored_gzipped"] else body
        content_type = line.get("headers", {}).get("Content-Type")
        return parsed_feed(body, content_type=content_type, url="http://feed.test/feed")

    return read_file


def feed(found: ParsedFeed | Unparsable) -> ParsedFeed:
    assert isinstance(found, ParsedFeed), found
    return found


def titles(found: ParsedFeed | Unparsable) -> list[str]:
    return [entry.title.value for entry in feed(found).entries]


def refused(found: ParsedFeed | Unparsable, kind: FailureKind, words: str) -> None:
    assert isinstance(found, Unparsable)
    assert found.kind is kind
    assert words in found.detail


def seed_title(shared: Path) -> str:
    """The title of ../shared/seed.md, which belongs to its publisher and which some of the files carry."""
    found = re.search(
        r"^title: '(.*)'$",
        (shared / "seed.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert found
    return found[1]


def known_after(found: Identified) -> dict[str, KnownEntry]:
    return {
        one.identity_key: KnownEntry(
            "",
            AT,
            guid_key=one.guid_key,
            link_key=one.link_key,
            title_key=one.title_key,
        )
        for one in found.entries
        if not one.rejected
    }


def identity(
    found: ParsedFeed | Unparsable, known: dict[str, KnownEntry] | None = None
) -> Identified:
    return identified(
        feed(found).entries, feed_id="f", known=known or {}, rule=IdentityRule()
    )


@pytest.mark.parametrize("name", ["01", "02"])
def test_01_and_02_entity_bombs_are_refused_by_name(read: Read, name: str) -> None:
    start = time.process_time()
    refused(read(name), FailureKind.UNPARSABLE, "entity declarations")
    assert time.process_time() - start < 1


@pytest.mark.parametrize("name", ["03", "04", "05", "06"])
def test_03_to_06_external_entities_stay_unread_and_the_entry_is_kept(
    read: Read, name: str
) -> None:
    found = titles(read(name))
    assert len(found) == 1
    assert found[0] in ("T", "T &x; end")


@pytest.mark.parametrize(
    ("name", "words"), [("09", "deep"), ("57", "attributes"), ("59", "name spaces")]
)
def test_09_57_59_floods_are_refused_soon(read: Read, name: str, words: str) -> None:
    start = time.process_time()
    refused(read(name), FailureKind.UNPARSABLE, words)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("name", ["10", "12", "58"])
def test_10_12_58_large_texts_of_one_entry_are_read_soon(read: Read, name: str) -> None:
    start = time.process_time()
    (entry,) = feed(read(name)).entries
    assert len(entry.title.value) <= 20_000
    assert time.process_time() - start < 5


def test_11_million_entries(read: Read) -> None:
    found = feed(read("11"))
    assert (len(found.entries), found.dropped_count) == (2000, 998_000)


def test_13_nul_bytes(read: Read) -> None:
    (entry,) = feed(read("13")).entries
    assert (entry.title.value, entry.guid) == ("AB", "gid")


def test_14_invalid_utf8(read: Read) -> None:
    (title,) = titles(read("14"))
    assert (title[0], title[-2:]) == ("A", "(B")


@pytest.mark.parametrize("name", ["15", "16", "17", "18", "19"])
def test_15_to_19_byte_order_marks(read: Read, name: str) -> None:
    found = read(name)
    assert titles(found) == [TITLE]
    assert feed(found).title == "H"


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("20", ""),
        ("21", "嗯㐀𠀀 朱镕基"),
        ("22", "Café 新闻"),
        ("23", "Ok"),
        ("24", "臺灣新聞 許功蓋"),
        ("25", "日本語ニュース ソ表"),
        ("26", "日本語ニュース"),
        ("27", "Путин и Байден"),
        ("28", "Путин и Байден «час»"),
        ("29", ""),
    ],
)
def test_20_to_29_encodings_true_and_false(
    read: Read, shared: Path, name: str, title: str
) -> None:
    assert titles(read(name)) == [title or seed_title(shared)]


@pytest.mark.parametrize("name", ["30", "31", "32"])
def test_30_to_32_truncated_documents_keep_their_whole_entries(
    read: Read, name: str
) -> None:
    found = read(name)
    assert titles(found) == ["One"]
    assert "truncated" in feed(found).notes


def test_33_html_login_page(read: Read) -> None:
    refused(read("33"), FailureKind.NOT_A_FEED, "a login page titled 'Please sign in'")


def test_34_html_with_autodiscovery(read: Read) -> None:
    refused(read("34"), FailureKind.NOT_A_FEED, "it names a feed at /feed.xml")


@pytest.mark.parametrize("name", ["35", "36"])
def test_35_and_36_empty_bodies(read: Read, name: str) -> None:
    refused(read(name), FailureKind.NOT_A_FEED, "empty body")


@pytest.mark.parametrize("name", ["37", "38"])
def test_37_and_38_json_that_is_no_feed(read: Read, name: str) -> None:
    refused(read(name), FailureKind.NOT_A_FEED, "JSON")


def test_39_jsonfeed_ok(read: Read) -> None:
    (entry,) = feed(read("39")).entries
    assert (entry.guid, entry.title.value, entry.author) == ("1", "JT", "A")
    assert instant(entry.published_raw, language=None) == datetime(
        2022, 2, 13, 10, 2, 17, tzinfo=UTC
    )


def test_40_jsonfeed_types(read: Read) -> None:
    found = feed(read("40"))
    assert [(entry.guid, entry.title.value) for entry in found.entries] == [
        ("12345", ""),
        ("", "no id"),
        ("", ""),
    ]
    assert [one.rejected for one in identity(found).entries] == ["empty", "", "empty"]


def test_41_dates(read: Read) -> None:
    found = feed(read("41"))
    assert len(found.entries) == 40
    dates = {
        entry.title.value: instant(entry.published_raw, language=found.language)
        for entry in found.entries
    }
    right = datetime(2022, 2, 13, 10, 2, tzinfo=UTC)
    exact = {
        name
        for name, at in dates.items()
        if at and at.replace(second=0, microsecond=0) == right
    }
    assert exact == {"D15", "D16", "D17", "D18", "D32", "D35"}
    same_day = {
        name
        for name, at in dates.items()
        if at and abs((at - right).total_seconds()) < 86_400
    }
    assert same_day == exact | {
        f"D{n}"
        for n in (7, 10, 12, 13, 14, 22, 23, 24, 25, 26, 30, 31, 33, 34, 36, 37, 38)
    }
    others = {name: at for name, at in dates.items() if at and name not in same_day}
    assert others == {
        "D4": datetime(2100, 1, 1, tzinfo=UTC),
        "D27": datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
    }


@pytest.mark.parametrize(("name", "count"), [("42", 50), ("43", 20)])
def test_42_and_43_shared_guids_keep_all_entries(
    read: Read, name: str, count: int
) -> None:
    first = identity(read(name))
    assert len({one.entry_id for one in first.entries}) == count
    second = identified(
        feed(read(name)).entries, feed_id="f", known=known_after(first), rule=first.rule
    )
    assert all(one.found_by for one in second.entries)


def test_44_no_guid_no_link_no_title(read: Read) -> None:
    found = identity(read("44"))
    assert [one.rejected for one in found.entries] == ["", "", "empty"]
    assert len({one.entry_id for one in found.entries[:2]}) == 2


def test_45_guid_changes_each_poll(read: Read) -> None:
    first = identity(read("45a"))
    second = identity(read("45b"), known_after(first))
    assert second.entries[0].entry_id == first.entries[0].entry_id
    assert second.entries[0].found_by


def test_52_emoji(read: Read) -> None:
    (title,) = titles(read("52"))
    assert title.endswith("☃️ 😀 😀")
    assert not re.search("[\ud800-\udfff]", title)


def test_56_ids_for_redis(read: Read) -> None:
    found = identity(read("56"))
    assert len({one.entry_id for one in found.entries}) == len(found.entries)
    assert all(
        re.fullmatch("[glc][0-9a-f]{16,20}", one.identity_key) for one in found.entries
    )


def test_one_number_of_five_thousand_digits_costs_a_json_feed_nothing() -> None:
    for place in (
        '"id": {}',
        '"id": "1", "date_published": {}',
        '"id": "1", "_x": [{{"y": {}}}]',
        '"id": -{}',
    ):
        item = place.format("9" * 5000)
        body = f'{{"version": "https://jsonfeed.org/version/1.1", "title": "T", "items": [{{{item}, "title": "a"}}, {{"id": "2", "title": "b"}}]}}'
        parsed = parsed_feed(body.encode(), content_type=None, url="https://h.example/")
        assert isinstance(parsed, ParsedFeed)
        assert [entry.title.value for entry in parsed.entries] == ["a", "b"]
