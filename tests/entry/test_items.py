"""Where the items of a document are, found by their tags alone."""

from __future__ import annotations

import time

import pytest

from aggregator.entry.items import items_of

HEAD = "<rss><channel a='1'><title>Town</title>"
ONE = "<item><title>One</title></item>"
TWO = "<item><title>Two</title></item>"
TAIL = "</channel></rss>"


def found(document: str) -> list[str]:
    """The items as they are written."""
    data = document.encode()
    items = items_of(data)
    if items is None:
        return []
    return [data[start:end].decode() for start, end in items.spans]


@pytest.mark.parametrize(
    ("name", "items"),
    [
        ("two", [ONE, TWO]),
        ("a prefix", ["<n:entry a='b'>1</n:entry >", "<n:ENTRY\n>2</n:ENTRY>"]),
        ("tags in CDATA", ["<item><![CDATA[</item><item>]]></item>", TWO]),
        ("tags in a comment", ["<item><!-- </item> --></item>", TWO]),
        ("tags in an instruction", ["<item><?x </item> ?></item>", TWO]),
        ("names that only begin so", ["<item><items/><item.x/></item>", TWO]),
    ],
)
def test_items_are_found_by_their_tags(name: str, items: list[str]):
    assert found(HEAD + "\n".join(items) + TAIL) == items
    assert found(HEAD + "<!-- <item> -->".join(items) + TAIL) == items


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("none", HEAD + TAIL),
        ("the root", ONE),
        ("empty", HEAD + "<item/>" + ONE + TAIL),
        ("one in another", HEAD + "<item>" + ONE + "</item>" + TAIL),
        ("never closed", HEAD + ONE + "<item>" + TAIL),
        ("never opened", HEAD + ONE + "</item>" + TAIL),
        ("an element between", HEAD + ONE + "<a/>" + TWO + TAIL),
        ("two parents", HEAD + ONE + "</channel><channel>" + TWO + TAIL),
        ("an open comment", HEAD + ONE + "<!-- " + TWO + TAIL),
        ("in an attribute", "<rss><channel a='" + ONE + "'>" + TAIL),
        ("behind an error", "<rss></channel><channel>" + ONE + TAIL),
        ("entities", "<!DOCTYPE rss [<!ENTITY x '1'>]>" + HEAD + ONE + TAIL),
    ],
)
def test_where_items_are_in_doubt_there_are_none(name: str, document: str):
    assert found(document) == []


def test_what_is_open_around_the_items_is_told():
    items = items_of((HEAD + ONE + TAIL).encode())
    other = items_of((HEAD.replace("1", "2") + ONE + TAIL).encode())
    assert items is not None
    assert other is not None
    assert items.around == "[('rss', {}), ('channel', {'a': '1'})]"
    assert other.around != items.around


def test_hostile_documents_take_time_by_their_length():
    started = time.process_time()
    for part in (
        "<!--",
        "<",
        "<a:",
        "<![CDATA[<!--]]>",
        "<item><!--",
        ONE + "<!-- -->",
    ):
        items_of((HEAD + part * (1_000_000 // len(part)) + TAIL).encode())
    assert time.process_time() - started < 5
