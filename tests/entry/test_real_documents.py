"""Every document of the real corpus becomes valid front matter and a safe body; most bodies stay as they are."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from aggregator.entry.characters import body_characters
from aggregator.entry.identity import entry_id
from aggregator.entry.normalise import entry
from aggregator.entry.parse import parsed_feed
from aggregator.entry.safety import is_bounded, is_safe
from aggregator.model import DocumentSettings, Feed, ParsedEntry, ParsedFeed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
OPTIONS = DocumentSettings()
SEEN = datetime(2026, 11, 22, tzinfo=UTC)
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def real_feeds(shared: Path) -> list[tuple[str, ParsedFeed]]:
    rows = [
        json.loads(line)
        for line in (shared / "corpus" / "manifest.jsonl")
        .read_text(encoding="utf-8")
        .strip()
        .split("\n")
    ]
    found = []
    for row in rows:
        if row.get("class") == "real":
            parsed = parsed_feed(
                (shared / "corpus" / row["path"]).read_bytes(),
                content_type=None,
                url=f"https://feed.example/{row['path']}",
            )
            if isinstance(parsed, ParsedFeed):
                found.append((row["path"], parsed))
    return found


def check(one: ParsedEntry, feed: ParsedFeed, path: str) -> bool:
    """One entry's document is valid and safe; answers whether its body was safe as published."""
    made = entry(
        one,
        feed=Feed("f", f"https://feed.example/{path}"),
        feed_title=feed.title,
        feed_language=feed.language,
        entry_id=entry_id("f", one.guid or one.link or one.title.value),
        identity_key="k",
        first_seen_at=SEEN,
        revision=0,
        clock_error=None,
        settings=OPTIONS,
    )
    text = made.document
    start, end = text.index("\n---\n\n<div>   \n"), text.rindex("\n  \n</div>")
    values = yaml.load(text[5:start], Loader=LOADER)
    assert list(values) == [
        "title",
        "categories",
        "headimg",
        "author",
        "comments",
        "date",
        "thumbnail",
    ], path
    assert (values["title"], tuple(values["categories"]), values["author"]) == (
        made.title,
        made.categories,
        made.categories[1],
    )
    assert is_safe(text[start + 14 : end], embeds=OPTIONS.embeds), (path, made.title)
    published = body_characters(
        one.content.value if one.content.value.strip() else one.summary.value
    )
    return is_bounded(published) and is_safe(published, embeds=OPTIONS.embeds)


def test_every_real_entry_becomes_a_valid_document_and_few_bodies_are_changed(
    shared: Path,
) -> None:
    kept = total = 0
    for path, feed in real_feeds(shared):
        for one in feed.entries:
            kept += check(one, feed, path)
            total += 1
    assert total > 20_000
    assert kept / total > 0.96
