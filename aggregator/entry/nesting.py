"""Tags of a malformed feed made to nest: a wrong one costs the element it stands in, not the entries behind it.

A parser that finds `</desc>` where `</description>` belongs takes all that follows for a part of the description.
What is certain all the same:

- an entry ends at its end tag, at the start of the next, and where what holds the entries ends, whatever is open in it;
- an end tag that matches nothing open means nothing (capitals make no difference: `<title>…</Title>` match);
- an element that is never closed in its entry ends where the next element of a feed begins.

What stands between the two tags of a text is left as it is: HTML need not nest, and its readers know how to read it.
Nothing is added at the end of the text, so that the last entry of a document that was cut off stays open.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from aggregator.entry.word_set import word_set

_TAG = re.compile(
    r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)|<\?.*?(?:\?>|\Z)"
    r"|<(?P<slash>/?)(?P<name>[A-Za-z_][\w.:-]*)"
    r"(?P<held>(?:[\s/](?:[^<>\"']++|\"[^\"<]*+\"|'[^'<]*+')*+|[\s/][^<>]*+)?)>",
    re.DOTALL,
)
"""A tag, or what holds none. A quotation mark that is never closed ends with the tag."""


_ENTRIES = word_set("item entry")
_CONTAINERS = word_set("rss rdf channel feed")
_TEXTS = word_set(
    """
    title link guid id description summary content encoded body pubdate published updated issued modified created date
    creator category comments name email uri url subtitle rights copyright language generator keywords
    """
)
"""Local names of elements that hold a text."""
_OTHERS = word_set("author contributor source enclosure image item entry")
_PREFIXES = word_set(
    "atom content dc dcterms feedburner georss googleplay itunes media rss slash sy thr wfw"
)
_HOLDERS = word_set("group owner")
_HOLDERS_OF_ATOM = word_set("author contributor source group owner")
"""Elements that hold others of a feed: one that is never closed ends with its entry."""
_MOST_NAMED = 20
"""Tags of entries that a text may speak of; a guess. Each text looks at so many, at most."""


@dataclass(frozen=True, slots=True)
class _Tag:
    start: int
    end: int
    name: str
    key: str
    """The name in small letters, by which tags match."""
    local: str
    is_end: bool
    is_empty: bool


@dataclass(frozen=True, slots=True)
class _Open:
    """An element that is open. `is_container`: entries may stand in it."""

    name: str
    key: str
    local: str
    is_container: bool


def nested(text: str) -> str:
    """The text with its end tags where they belong; as it is where it holds no entries."""
    tags = _tags(text)
    starts = (tag for tag in tags if tag.local in _ENTRIES and not tag.is_end)
    first = next(starts, None)
    if first is None:
        return text
    return _Nesting(text, tags, first).whole()


def _tags(text: str) -> list[_Tag]:
    tags = []
    for found in _TAG.finditer(text):
        name = found["name"]
        if name is None:
            continue
        key = name.lower()
        is_end = bool(found["slash"])
        tags.append(
            _Tag(
                start=found.start(),
                end=found.end(),
                name=name,
                key=key,
                local=key.rpartition(":")[2],
                is_end=is_end,
                is_empty=not is_end and found["held"].endswith("/"),
            )
        )
    return tags


class _Nesting:
    """Goes through the tags of a text from its start and writes it anew."""

    def __init__(self, text: str, tags: Sequence[_Tag], first: _Tag) -> None:
        self._text = text
        self._tags = tags
        self._entry = first.key
        is_atom = first.local == "entry"
        self._holders = _HOLDERS_OF_ATOM if is_atom else _HOLDERS
        self._next_of_name = _next_of_name(tags)
        self._bounds = _bounds(tags, first.key)
        self._open: list[_Open] = []
        self._open_count: Counter[str] = Counter()
        self._container_count: Counter[str] = Counter()
        self._ends_left: Counter[str] = Counter()
        """How many end tags of each name are still to come in this entry."""
        self._counted_to = 0
        self._written: list[str] = []
        self._at = 0

    def whole(self) -> str:
        """The text made anew."""
        position = 0
        while position < len(self._tags):
            self._count_ends(position)
            tag = self._tags[position]
            if tag.is_end:
                self._end(tag)
            else:
                self._start(tag)
            last = self._end_of_text(position)
            if last > position:
                self._copy(position + 1, last)
                self._close()
            position = last + 1
        self._write_to(len(self._text))
        return "".join(self._written)

    def _start(self, tag: _Tag) -> None:
        self._write_to(tag.start)
        if tag.key == self._entry:
            self._close_to_container()
        elif _is_of_feeds(tag):
            self._close_unclosed()
        self._write_to(tag.end)
        if tag.is_empty:
            return
        is_first = not self._open
        is_container = is_first or (
            tag.local in _CONTAINERS and self._open[-1].is_container
        )
        self._open.append(_Open(tag.name, tag.key, tag.local, is_container))
        self._open_count[tag.key] += 1
        self._container_count[tag.key] += is_container

    def _end(self, tag: _Tag) -> None:
        self._write_to(tag.start)
        self._ends_left[tag.key] -= 1
        # Written below, as the start tag is spelled, or passed over.
        self._at = tag.end
        if self._container_count[tag.key]:
            self._close_to_container()
        if self._open_count[tag.key]:
            while self._open[-1].key != tag.key:
                self._close()
            self._close()

    def _end_of_text(self, position: int) -> int:
        """The position of the end tag of a text that begins here; the same position where it has none."""
        tag = self._tags[position]
        if tag.is_end or tag.is_empty or tag.local not in _TEXTS:
            return position
        end = self._next_of_name[position]
        if end < 0 or not self._tags[end].is_end:
            return position
        first = bisect(self._bounds, position)
        last = bisect(self._bounds, end)
        if last - first > _MOST_NAMED:
            return position
        depth = 0
        for bound in self._bounds[first:last]:
            between = self._tags[bound]
            if between.is_end and self._container_count[between.key]:
                return position
            if between.key == self._entry:
                # `use <item> in a feed` speaks of the tag, in an entry at least.
                depth += -1 if between.is_end else 1
                if depth < 0 or not self._open_count[self._entry]:
                    return position
        return end

    def _copy(self, position: int, last: int) -> None:
        """A text as it is up to its end tag, but for tags of entries, which are words in it."""
        for tag in self._tags[position:last]:
            self._ends_left[tag.key] -= tag.is_end
            if tag.key == self._entry:
                self._write_to(tag.start)
                self._written.append("&lt;")
                self._at = tag.start + 1
        self._write_to(self._tags[last].start)
        self._ends_left[self._tags[last].key] -= 1
        self._at = self._tags[last].end

    def _count_ends(self, position: int) -> None:
        """Count the end tags between here and the next bound of an entry, if that has not been done."""
        if position < self._counted_to:
            return
        self._ends_left.clear()
        end = position
        while end < len(self._tags):
            tag = self._tags[end]
            end += 1
            self._ends_left[tag.key] += tag.is_end
            if tag.key == self._entry:
                break
        self._counted_to = end

    def _close_unclosed(self) -> None:
        """Close what is open, but has no end tag to come, before an element of a feed begins."""
        while self._open:
            last = self._open[-1]
            if last.is_container or last.key == self._entry:
                return
            # A text that has an end tag was left as it is, so this one has none, whatever stands in a later element.
            is_text = last.local in _TEXTS
            is_closed_later = self._ends_left[last.key] >= self._open_count[last.key]
            if last.local in self._holders or (is_closed_later and not is_text):
                return
            self._close()

    def _close_to_container(self) -> None:
        while self._open and not self._open[-1].is_container:
            self._close()

    def _close(self) -> None:
        last = self._open.pop()
        self._open_count[last.key] -= 1
        self._container_count[last.key] -= last.is_container
        self._written.append(f"</{last.name}>")

    def _write_to(self, end: int) -> None:
        self._written.append(self._text[self._at : end])
        self._at = max(self._at, end)


def _bounds(tags: Sequence[_Tag], entry: str) -> list[int]:
    """The positions of the tags that bound an entry: its own, and the end of what holds entries."""
    bounds = []
    for position, tag in enumerate(tags):
        if tag.key == entry or (tag.is_end and tag.local in _CONTAINERS):
            bounds.append(position)
    return bounds


def _next_of_name(tags: Sequence[_Tag]) -> list[int]:
    """For each tag the position of the next of its name, -1 where there is none."""
    following = [-1] * len(tags)
    seen: dict[str, int] = {}
    for position in range(len(tags) - 1, -1, -1):
        key = tags[position].key
        following[position] = seen.get(key, -1)
        seen[key] = position
    return following


def _is_of_feeds(tag: _Tag) -> bool:
    prefix, colon, _ = tag.key.rpartition(":")
    if colon:
        return prefix in _PREFIXES
    return tag.local in _TEXTS or tag.local in _OTHERS
