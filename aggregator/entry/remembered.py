"""What is kept of the items of a feed's last document, so that the next reading leaves out those that still stand.

Kept of an item are the hash of its bytes, the facts that identity is decided by, and the beginning of its content
hash. With them an item that is left out counts in every rule of identity as if it had been read. It needs its bytes
after all where it turns out not to be what is known (new to us, muted, forgotten): then the document is read whole.

The text is base64 of a digest of what all items inherit (`frame`), and 45 bytes an item. Whatever stands in its place
in Redis, `unpacked` answers: it only costs a reading.
"""

from __future__ import annotations

import struct
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from aggregator.entry.identity import NO_HASH, Facts

MOST_ITEMS = 200
"""Items kept of a document, 12 KB; the rest of a longer one is read at each change. A guess: of the real feeds of the
corpus nineteen of twenty have fewer."""
_FRAME_BYTES = 8
_ITEM = struct.Struct(">8s8s8s4s4s8s4sB")
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
        rows = list(_ITEM.iter_unpack(data[_FRAME_BYTES:]))
    except (ValueError, struct.error):
        return Remembered()
    items: dict[str, SeenItem] = {}
    at = _FRAME_BYTES
    for digest, *columns in rows:
        row = data[at : at + _ITEM.size]
        items[digest.hex()] = SeenItem(*_item(*columns), row)
        at += _ITEM.size
    return Remembered(data[:_FRAME_BYTES].hex(), items)


def _row(digest: str, item: SeenItem) -> bytes:
    facts = item.facts
    flags = _HAS_TIME * facts.has_time + _IS_EMPTY * facts.is_empty
    hashes = (facts.guid, facts.link, facts.title, facts.date, facts.text, item.content)
    guid, link, title, date, text, content = map(bytes.fromhex, hashes)
    return _ITEM.pack(
        bytes.fromhex(digest),
        guid,
        link,
        title,
        date,
        text,
        content,
        flags,
    )


def _item(
    guid: bytes,
    link: bytes,
    title: bytes,
    date: bytes,
    text: bytes,
    content: bytes,
    flags: int,
) -> tuple[Facts, str]:
    facts = Facts(
        guid=_hex(guid),
        link=_hex(link),
        title=_hex(title) or NO_HASH,
        date=_hex(date) or NO_HASH,
        has_time=bool(flags & _HAS_TIME),
        text=_hex(text),
        is_empty=bool(flags & _IS_EMPTY),
    )
    return facts, _hex(content)


def _hex(digest: bytes) -> str:
    """The digits; '' for none, which stands as zeros."""
    return digest.hex() if digest.strip(b"\0") else ""
