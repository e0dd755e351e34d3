"""The items of a well-formed document: where each begins and ends, and by what bytes it is known again.

So of a changed feed only those items are given to a parser that were not in it at the poll before, byte for byte:
`Items.without` is the document less the others. To find the places takes 0.3 ms for a feed of 60 KB, where parsing and
judging its 30 items takes 15.

They are found by their tags alone, without a parser: outside of comments, CDATA sections and instructions a `<` of a
well-formed document begins a tag. Whether it is well-formed its reader finds out: of what it is given, every byte; of
an item that is left out, when it was read. So a place counts only after a reading without a doubt.

Items are told apart only where nothing is in doubt: all `item` or `entry` elements are outside of each other, and
between two there is no other element. A document that is built otherwise, or names entities, has no items here, and is
read whole.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from hashlib import blake2b
from xml.parsers.expat import ExpatError, ParserCreate

_HASH_BYTES = 8
_SIGN = re.compile(
    rb"<(?:(?P<opaque>!(?:\[CDATA\[|--)?|\?)|(?P<slash>/?)(?:[^\s<>/:]*+:)*+(?i:item|entry)(?=[\s/>]))"
)
"""The tag of an item, or the beginning of what holds no tags."""
_OPAQUE_ENDS = {
    b"![CDATA[": b"]]>",
    b"!--": b"-->",
    b"?": b"?>",
    b"!": b">",
}

_Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Items:
    """`hashes` are 16 hex digits for the bytes of each item of `document` (UTF-8), in its order; `around` are the tags
    open around all of them, with their attributes: what an item inherits."""

    document: bytes
    spans: tuple[_Span, ...]
    hashes: tuple[str, ...]
    around: str

    def without(self, seen: Container[str]) -> bytes:
        """The document less the items whose hashes are in `seen`."""
        parts, at = [], 0
        for (start, end), digest in zip(
            self.spans,
            self.hashes,
            strict=True,
        ):
            if digest in seen:
                parts.append(self.document[at:start])
                at = end
        return b"".join((*parts, self.document[at:]))


def items_of(document: bytes) -> Items | None:
    """The items of a document in UTF-8, None where they cannot be told apart for sure."""
    spans = _spans(document)
    if not spans or not _are_neighbours(document, spans):
        return None
    around = _around(document, spans[0][0])
    if not around:
        return None
    hashes = (
        blake2b(document[start:end], digest_size=_HASH_BYTES).hexdigest()
        for start, end in spans
    )
    return Items(
        document,
        tuple(spans),
        tuple(hashes),
        around,
    )


def _spans(document: bytes) -> list[_Span]:
    """Where each item begins and ends; nothing where their tags do not come in pairs."""
    spans: list[_Span] = []
    start = -1
    sign = _SIGN.search(document)
    while sign is not None:
        opaque, slash = sign.group("opaque", "slash")
        mark = _OPAQUE_ENDS[opaque] if opaque else b">"
        end = document.find(mark, sign.end())
        # An end tag closes what is open, a start tag opens where nothing is.
        if end < 0 or (not opaque and bool(slash) is (start < 0)):
            return []
        if opaque == b"!" and b"[" in document[sign.end() : end]:
            return []
        end += len(mark)
        if slash:
            spans.append((start, end))
            start = -1
        elif not opaque:
            start = sign.start()
            # `<item/>`
            if document[end - 2 : end - 1] == b"/":
                return []
        sign = _SIGN.search(document, end)
    return spans if start < 0 else []


def _are_neighbours(document: bytes, spans: list[_Span]) -> bool:
    """Whether no element stands between two items, so that all have one parent."""
    at = spans[0][1]
    for start, end in spans[1:]:
        if not _is_without_elements(document, at, start):
            return False
        at = end
    return True


def _is_without_elements(document: bytes, at: int, end: int) -> bool:
    at = document.find(b"<", at, end)
    while at >= 0:
        if not document.startswith(b"<!--", at):
            return False
        # It is closed: else the item behind it had not been found.
        closed = document.find(b"-->", at + 4)
        at = document.find(b"<", closed, end)
    return True


def _around(document: bytes, start: int) -> str:
    """The tags open where the first item begins; '' where that is in doubt, or it is the root itself."""
    elements: list[tuple[str, dict[str, str]]] = []
    at = -1

    def begin(name: str, held: dict[str, str]) -> None:
        nonlocal at
        at = parser.CurrentByteIndex
        elements.append((name, held))

    parser = ParserCreate("utf-8")
    parser.StartElementHandler = begin
    parser.EndElementHandler = lambda _: elements.pop()
    try:
        parser.Parse(document[: document.find(b">", start) + 1], False)
    except ExpatError:
        return ""
    # A `>` in an attribute is no end, and an item in one no item.
    if at != start:
        return ""
    *around, _item = elements
    return repr(around) if around else ""
