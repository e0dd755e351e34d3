"""Fingerprints as fixed-width rows in NumPy blocks: half a kilobyte for an entry, no Python object.

Slots are numbered from `FIRST` for ever, in the order of adding; blocks of `BLOCK` rows are dropped whole once their
last row has expired, so that expiry costs nothing for an entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from aggregator.dedup import learned
from aggregator.dedup.fingerprint import (
    BODY_TOKENS,
    HEADER_BYTES,
    ID_BYTES,
    MEANING_AXES,
    MEANING_BYTES,
    NUMBERS,
    SHINGLES,
    TITLE_BYTES,
    TITLE_TOKENS,
    Fingerprint,
    parts_of,
    upgraded,
)
from aggregator.dedup.frequency import lang_hash
from aggregator.dedup.runs import run_starts

TOKENS = TITLE_TOKENS + BODY_TOKENS
NEVER = 0xFFFFFFFF
BLOCK = 1 << 13
FIRST = 1
"""The first slot: 0 stands for none."""
LEAD = np.float32(0.5)
"""Weight of a lead's vector beside its title's."""

ROW = np.dtype(
    [
        ("url", "u8"),
        ("tokens", "u4", TOKENS),
        ("shingles", "u4", SHINGLES),
        ("values", "f4", NUMBERS),
        ("kinds", "u2", NUMBERS),
        ("site", "u4"),
        ("matched", "u4"),
        ("first_seen", "u4"),
        ("directions", "u4"),
        ("shape", "u4"),
        ("lang", "u4"),
        ("names", "u4"),
        ("feed", "u4"),
        ("entry_id", f"S{ID_BYTES}"),
        ("title", f"S{TITLE_BYTES}"),
        ("body_words", "u2"),
        ("title_count", "u1"),
    ],
    align=True,
)
MEANT_ROW = np.dtype(
    [
        *((name, ROW[name]) for name in ROW.names or ()),
        ("meaning", "u1", MEANING_BYTES // 2),
    ],
    align=True,
)
"""A row with the vectors of title and lead, two axes a byte (`halved_meanings`); zeros where they are not known."""
EVENT_ID_BYTES = 24
Rows = NDArray[np.void]

_FLAT = np.dtype(
    [
        ("version", "u1"), ("entry_id", f"S{ID_BYTES}"), ("site", "u4"), ("url", "u8"), ("matched", "u4"),
        ("first_seen", "u4"), ("body_words", "u2"), ("directions", "u4"), ("shape", "u4"), ("lengths", "u2"),
        ("title_count", "u1"), ("body_count", "u1"), ("shingle_count", "u1"), ("number_count", "u1"),
        ("meaning_count", "u1"),
        ("names", "u4"), ("feed", "u4"), ("title", f"S{TITLE_BYTES}"), ("tokens", "u4", TOKENS),
        ("shingles", "u4", SHINGLES), ("kinds", "u2", NUMBERS), ("values", "f4", NUMBERS),
        ("meaning", "i1", MEANING_BYTES),
    ]
)  # fmt: skip
"""A packed fingerprint with its parts padded to their full width; the language stands beside it."""


def unpacked_rows(
    packed: Iterable[bytes],
    kind: np.dtype[np.void] = ROW,
) -> Rows:
    """Packed fingerprints as rows of a kind, `ROW` or `MEANT_ROW`.

    Raises ValueError when one of them is of no known version.
    """
    padded: list[bytes] = []
    langs: list[int] = []
    for record in packed:
        current = upgraded(record)
        parts = parts_of(current)
        lang, title, titles, bodies, shingles, kinds, values, meaning = parts
        langs.append(lang_hash(lang.decode()))
        # Padded and read by one call for all: a restart reads hundreds of thousands.
        padded += (
            current[:HEADER_BYTES],
            title.ljust(TITLE_BYTES, b"\0"),
            titles.ljust(4 * TITLE_TOKENS, b"\0"),
            bodies.ljust(4 * BODY_TOKENS, b"\0"),
            shingles.ljust(4 * SHINGLES, b"\0"),
            kinds.ljust(2 * NUMBERS, b"\0"),
            values.ljust(4 * NUMBERS, b"\0"),
            meaning.ljust(MEANING_BYTES, b"\0"),
        )
    flat = np.frombuffer(b"".join(padded), _FLAT)
    rows = np.zeros(len(flat), kind)
    for name in kind.names or ():
        if name == "lang":
            rows[name] = langs
        elif name == "meaning":
            rows[name] = halved_meanings(flat[name])
        else:
            rows[name] = flat[name]
    return rows


_STEP = np.float32(0.353)
"""Standard deviations between two of 15 levels: of steps tried on normal numbers that with the least error, 0.013."""
_HIGHEST = 7
_NIBBLE = np.uint8(4)
_TINY = np.float32(1e-6)


def halved_meanings(vectors: NDArray[np.int8]) -> NDArray[np.uint8]:
    """(rows, `MEANING_BYTES`) signed bytes as half as many, two axes in each, from -7 to 7 and lower one first.

    A hundredth of the variance is lost. Zeros stay zeros.
    """
    full = vectors.reshape(-1, MEANING_AXES).astype(np.float32)
    variance = np.einsum("ij,ij->i", full, full) / np.float32(MEANING_AXES)
    spread = np.sqrt(variance)[:, None]
    # Vectors that are not known are zeros, and have no spread to divide by.
    step = np.maximum(spread * _STEP, _TINY)
    levels = np.clip(
        np.round(full / step),
        -_HIGHEST,
        _HIGHEST,
    )
    nibbles = levels.astype(np.int8).view(np.uint8) & np.uint8(15)
    lower = nibbles[:, ::2]
    upper = nibbles[:, 1::2]
    halved: NDArray[np.uint8] = lower | upper << _NIBBLE
    return halved.reshape(len(vectors), MEANING_BYTES // 2)


def meanings(rows: Rows) -> NDArray[np.float32]:
    """(rows, 2, `MEANING_AXES`) unit vectors of the rows' titles and leads; zeros where one is not known."""
    halved = np.ascontiguousarray(rows["meaning"])
    levels = np.empty((len(rows), MEANING_BYTES), np.float32)
    # Shifted down as signed numbers, which keeps the sign of a half.
    levels[:, ::2] = (halved << _NIBBLE).view(np.int8) >> np.int8(4)
    levels[:, 1::2] = halved.view(np.int8) >> np.int8(4)
    axes = levels.reshape(-1, 2, MEANING_AXES)
    vectors: NDArray[np.float32] = axes * learned.meaning_scale()
    squares = np.einsum("ijk,ijk->ij", vectors, vectors)
    lengths = np.maximum(np.sqrt(squares), _TINY)
    vectors /= lengths[:, :, None]
    return vectors


def has_meanings(rows: Rows) -> bool:
    """Whether these are rows of the kind `MEANT_ROW`."""
    return rows.dtype == MEANT_ROW


def is_readable(packed: bytes) -> bool:
    """Whether bytes are a packed fingerprint of this version."""
    try:
        parts_of(upgraded(packed))
    except ValueError:
        return False
    return True


def row_array(
    prints: Iterable[Fingerprint],
    kind: np.dtype[np.void] = ROW,
) -> Rows:
    """Fingerprints as an array of a kind of row. Title tokens fill the first `TITLE_TOKENS` columns of `tokens`."""
    return unpacked_rows((fingerprint.packed for fingerprint in prints), kind)


class _Block:
    """`BLOCK` rows, and what is asked of one row at a time: event numbers, event ids, times."""

    __slots__ = ("events", "names", "rows", "times")

    def __init__(
        self,
        number: int,
        kind: np.dtype[np.void],
    ) -> None:
        self.rows = np.zeros(BLOCK, kind)
        # As memory views: reading one number of an array takes twice as long.
        first = number * BLOCK
        self.events = np.arange(
            first,
            first + BLOCK,
            dtype=np.int64,
        ).data
        self.names = np.zeros(BLOCK, f"S{EVENT_ID_BYTES}")
        self.times = np.zeros(BLOCK, np.uint32).data


def times(rows: Rows) -> NDArray[np.uint32]:
    """When each row's report was published, else when it was first seen: epoch seconds."""
    published = rows["matched"]
    instants: NDArray[np.uint32] = np.where(
        published == NEVER,
        rows["first_seen"],
        published,
    )
    return instants


class RowStore:
    """Rows by slot, each with the number and the id of its event."""

    def __init__(
        self,
        kind: np.dtype[np.void] = ROW,
    ) -> None:
        self.kind = kind
        self._blocks: dict[int, _Block] = {}
        self.oldest = FIRST
        """The first slot still alive."""
        self.next = FIRST
        """The slot the next row gets."""

    def __len__(self) -> int:
        return self.next - self.oldest

    def append(self, new: Rows) -> int:
        """Keep rows, each as an event of its own without an id yet; returns the slot of the first."""
        first = self.next
        while len(new):
            number, at = divmod(self.next, BLOCK)
            if number not in self._blocks:
                self._blocks[number] = _Block(number, self.kind)
            block = self._blocks[number]
            count = min(BLOCK - at, len(new))
            part = new[:count]
            block.rows[at : at + count] = part
            block.times[at : at + count] = times(part).data
            self.next += count
            new = new[count:]
        return first

    def drop_before(self, slot: int) -> None:
        """Forget the rows before `slot`, and the blocks that hold no other."""
        for number in range(self.oldest // BLOCK, slot // BLOCK):
            del self._blocks[number]
        self.oldest = slot

    def one(self, slot: int) -> np.void:
        """The row of a live slot, as a view."""
        row: np.void = self._blocks[slot // BLOCK].rows[slot % BLOCK]
        return row

    def many(self, slots: NDArray[np.int64]) -> Rows:
        """The rows of live slots, copied."""
        # Block by block, since NumPy copies the rows of one array at a time.
        order = np.argsort(slots)
        blocks, places = np.divmod(slots[order], BLOCK)
        starts = run_starts(blocks)
        gathered = np.empty(len(slots), self.kind)
        bounds = pairwise([*starts.tolist(), len(slots)])
        for number, (start, end) in zip(
            blocks[starts].tolist(),
            bounds,
            strict=True,
        ):
            block = self._blocks[number]
            gathered[order[start:end]] = block.rows[places[start:end]]
        return gathered

    def newest(
        self,
        count: int,
    ) -> Iterator[tuple[int, Rows]]:
        """(slot of the first, rows), as views, of the blocks that hold the newest `count` live rows, newest first."""
        end = self.next
        oldest = max(self.oldest, self.next - count)
        while end > oldest:
            number = (end - 1) // BLOCK
            first = number * BLOCK
            start = max(first, oldest)
            rows = self._blocks[number].rows
            yield start, rows[start - first : end - first]
            end = start

    def views(
        self,
        start: int,
        end: int,
    ) -> Iterator[Rows]:
        """The rows of the slots from `start` to before `end`, oldest first, as views of the blocks that hold them."""
        while start < end:
            number = start // BLOCK
            first = number * BLOCK
            stop = min(end, first + BLOCK)
            rows = self._blocks[number].rows
            yield rows[start - first : stop - first]
            start = stop

    def first_seen(
        self,
        slot: int,
        count: int,
    ) -> NDArray[np.uint32]:
        """When the rows of at most `count` slots from `slot` on were first seen, as far as their block goes."""
        at = slot % BLOCK
        end = min(at + count, BLOCK)
        block = self._blocks[slot // BLOCK]
        seen: NDArray[np.uint32] = block.rows["first_seen"][at:end]
        return seen

    def at(self, slot: int) -> int:
        """When the report of a live slot was published, else first seen: epoch seconds."""
        return int(self._blocks[slot // BLOCK].times[slot % BLOCK])

    def times_at(
        self,
        slots: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """The same of many live slots."""
        return self._gathered(slots, attrgetter("times"))

    def events_at(
        self,
        slots: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """The numbers of the events that many live slots belong to."""
        return self._gathered(slots, attrgetter("events"))

    def _gathered(
        self,
        slots: NDArray[np.int64],
        column: Callable[[_Block], memoryview],
    ) -> NDArray[np.int64]:
        """What a column of the blocks holds of many live slots."""
        blocks, places = np.divmod(slots, BLOCK)
        found = np.empty(len(slots), np.int64)
        for number in set(blocks.tolist()):
            here = blocks == number
            numbers = np.asarray(column(self._blocks[number]))
            found[here] = numbers[places[here]]
        return found

    def event(self, slot: int) -> int:
        """The number of the event a live slot belongs to."""
        return int(self._blocks[slot // BLOCK].events[slot % BLOCK])

    def raw_event_id(self, slot: int) -> bytes:
        """The event id of the report in `slot`, as its ASCII bytes."""
        return bytes(self._blocks[slot // BLOCK].names[slot % BLOCK])

    def event_id(self, slot: int) -> str:
        """The event id of the report in `slot`."""
        return self.raw_event_id(slot).decode()

    def set_event(
        self,
        slot: int,
        event: int,
        event_id: str,
    ) -> None:
        """Make a live slot one of an event. Raises ValueError when `event_id` is longer than `EVENT_ID_BYTES`."""
        name = event_id.encode()
        # NumPy would cut it without a word, and the event would go by another id.
        if len(name) > EVENT_ID_BYTES:
            longest = f"{EVENT_ID_BYTES} bytes"
            raise ValueError(f"event_id {event_id!r} is longer than {longest}")
        block = self._blocks[slot // BLOCK]
        at = slot % BLOCK
        block.events[at] = event
        block.names[at] = name
