"""What is kept of the items of a feed's last document, so that the next reading leaves out those that still stand.

Kept of an item are the hash of its bytes, the facts that identity is decided by, and the beginning of its content
hash. With them an item that is left out counts in every rule of identity as if it had been read. It needs its bytes
after all where it turns out not to be what is known (new to us, muted, forgotten): then the document is read whole.

The text is base64 of a digest of what all items inherit (`frame`), and 45 bytes an item. Whatever stands in its place
in Redis, `unpacked` answers: it only costs a reading.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from aggregator.entry.identity import NO_HASH, Facts

MOST_ITEMS = 200
"""Items kept of a document, 12 KB; the rest of a longer one is read at each change. A guess: of the real feeds of the
corpus nineteen of twenty have fewer."""
_FRAME_BYTES = 8
_ROW_BYTES = 45
"""Digest, guid and link 8 each, title and date 4 each, text 8, content 4, flags 1."""
_NO_LONG_HASH = "0000000000000000"
_HAS_TIME, _IS_EMPTY = 1, 2
_CONTENT_DIGITS = 8


class SeenItem(NamedTuple):
    """`content` are the first digits of its content hash, '' for an item that was rejected. `row`: as it was kept."""

    facts: Facts
    content: str = ""
    row: bytes = b""


@dataclass(frozen=True, slots=True)
class Remembered:
    """Items of the last document by the hash of their bytes, and what they inherited from the rest of it."""

    frame: str = ""
    items: Mapping[str, SeenItem] = field(default_factory=dict)


def content_start(content_hash: str) -> str:
    """The first digits of a content hash, behind the number of its rules; '' of none."""
    return content_hash.rpartition(".")[2][:_CONTENT_DIGITS]


def packed(
    frame: str,
    items: Iterable[tuple[str, SeenItem]],
) -> str:
    """`frame` is a text of any length, an item comes with the hash of its bytes (16 hex digits)."""
    rows: dict[str, bytes] = {}
    for digest, item in items:
        rows[digest] = item.row or _row(digest, item)
    kept = list(rows.values())[:MOST_ITEMS]
    return b64encode(b"".join((bytes.fromhex(frame), *kept))).decode()


def unpacked(text: str) -> Remembered:
    """What `packed` wrote; nothing for any other text."""
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        return Remembered()
    rows = data[_FRAME_BYTES:]
    if len(rows) % _ROW_BYTES:
        return Remembered()
    digits = rows.hex()
    items: dict[str, SeenItem] = {}
    for at in range(0, len(rows), _ROW_BYTES):
        row = rows[at : at + _ROW_BYTES]
        written = digits[2 * at : 2 * (at + _ROW_BYTES)]
        items[written[:16]] = _item(written, row)
    return Remembered(data[:_FRAME_BYTES].hex(), items)


def _row(digest: str, item: SeenItem) -> bytes:
    facts = item.facts
    flags = _HAS_TIME * facts.has_time + _IS_EMPTY * facts.is_empty
    digits = (
        digest,
        facts.guid or _NO_LONG_HASH,
        facts.link or _NO_LONG_HASH,
        facts.title,
        facts.date,
        facts.text or _NO_LONG_HASH,
        item.content or NO_HASH,
        f"{flags:02x}",
    )
    return bytes.fromhex("".join(digits))


def _item(digits: str, row: bytes) -> SeenItem:
    """The item of a row, given its hex digits, too: all rows are turned into digits at once."""
    flags = row[-1]
    guid = digits[16:32]
    link = digits[32:48]
    text = digits[64:80]
    content = digits[80:88]
    facts = Facts(
        guid="" if guid == _NO_LONG_HASH else guid,
        link="" if link == _NO_LONG_HASH else link,
        title=digits[48:56],
        date=digits[56:64],
        has_time=bool(flags & _HAS_TIME),
        text="" if text == _NO_LONG_HASH else text,
        is_empty=bool(flags & _IS_EMPTY),
    )
    return SeenItem(facts, "" if content == NO_HASH else content, row)
