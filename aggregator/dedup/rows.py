"""Fingerprints as fixed-width rows in NumPy blocks: half a kilobyte for an entry, no Python object.

Slots are numbered from `FIRST` for ever, in the order of adding; blocks of `BLOCK` rows are dropped whole once their
last row has expired, so that expiry costs nothing for an entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

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


def unpacked_rows(packed: Iterable[bytes], kind: np.dtype[np.void] = ROW) -> Rows:
    """Packed fingerprints as rows of a kind, `ROW` or `MEANT_ROW`.

    Raises ValueError when one of them is of no known version.
    """
    flat: list[bytes] = []
    langs: list[int] = []
    for given in packed:
        one = upgraded(given)
        lang, title, titles, bodies, shingles, kinds, values, meaning = parts_of(one)
        langs.append(lang_hash(lang.decode()))
        flat += (
            one[:HEADER_BYTES],
            title.ljust(TITLE_BYTES, b"\0"),
            titles.ljust(4 * TITLE_TOKENS, b"\0"),
            bodies.ljust(4 * BODY_TOKENS, b"\0"),
            shingles.ljust(4 * SHINGLES, b"\0"),
            kinds.ljust(2 * NUMBERS, b"\0"),
            values.ljust(4 * NUMBERS, b"\0"),
            meaning.ljust(MEANING_BYTES, b"\0"),
        )
    read = np.frombuffer(b"".join(flat), _FLAT)
    rows = np.zeros(len(read), kind)
    for name in kind.names or ():
        rows[name] = (
            langs
            if name == "lang"
            else halved_meanings(read[name])
            if name == "meaning"
            else read[name]
        )
    return rows


_STEP = np.float32(0.353)
"""Standard deviations between two of 15 levels: of steps tried on normal numbers that with the least error, 0.013."""
_HIGHEST = 7


def halved_meanings(vectors: NDArray[np.int8]) -> NDArray[np.uint8]:
    """(rows, `MEANING_BYTES`) signed bytes as half as many, two axes in each, from -7 to 7 and lower one first.

    A hundredth of the variance is lost. Zeros stay zeros.
    """
    full = vectors.reshape(-1, MEANING_AXES).astype(np.float32)
    spread = np.sqrt(np.einsum("ij,ij->i", full, full) / np.float32(full.shape[1]))[
        :, None
    ]
    levels = np.clip(
        np.round(full / np.maximum(spread * _STEP, np.float32(1e-6))),
        -_HIGHEST,
        _HIGHEST,
    )
    nibbles = levels.astype(np.int8).view(np.uint8) & np.uint8(15)
    halved: NDArray[np.uint8] = nibbles[:, ::2] | nibbles[:, 1::2] << np.uint8(4)
    return halved.reshape(len(vectors), MEANING_BYTES // 2)


def meanings(rows: Rows) -> NDArray[np.float32]:
    """(rows, 2, `MEANING_AXES`) unit vectors of the rows' titles and leads; zeros where one is not known."""
    halved = np.ascontiguousarray(rows["meaning"])
    found = np.empty((len(rows), MEANING_BYTES), np.float32)
    found[:, ::2] = (halved << np.uint8(4)).view(np.int8) >> np.int8(4)
    found[:, 1::2] = halved.view(np.int8) >> np.int8(4)
    vectors: NDArray[np.float32] = (
        found.reshape(-1, 2, MEANING_AXES) * learned.meaning_scale()
    )
    lengths = np.sqrt(np.einsum("ijk,ijk->ij", vectors, vectors))
    vectors /= np.maximum(lengths, np.float32(1e-6))[:, :, None]
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


def row_array(prints: Iterable[Fingerprint], kind: np.dtype[np.void] = ROW) -> Rows:
    """Fingerprints as an array of a kind of row. Title tokens fill the first `TITLE_TOKENS` columns of `tokens`."""
    return unpacked_rows((one.pack() for one in prints), kind)


class _Block:
    """`BLOCK` rows, and what is asked of one row at a time: event numbers, event ids, times."""

    __slots__ = ("events", "names", "rows", "times")

    def __init__(self, number: int, kind: np.dtype[np.void]) -> None:
        self.rows = np.zeros(BLOCK, kind)
        self.events = np.arange(
            number * BLOCK, number * BLOCK + BLOCK, dtype=np.int64
        ).data
        self.names = np.zeros(BLOCK, f"S{EVENT_ID_BYTES}")
        self.times = np.zeros(BLOCK, np.uint32).data


def times(rows: Rows) -> NDArray[np.uint32]:
    """When each row's report was published, else when it was first seen: epoch seconds."""
    found: NDArray[np.uint32] = np.where(
        rows["matched"] == NEVER, rows["first_seen"], rows["matched"]
    )
    return found


class RowStore:
    """Rows by slot, each with the number and the id of its event."""

    def __init__(self, kind: np.dtype[np.void] = ROW) -> None:
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
            here = min(BLOCK - at, len(new))
            block.rows[at : at + here] = new[:here]
            block.times[at : at + here] = times(new[:here]).data
            self.next += here
            new = new[here:]
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
        order = np.argsort(slots)
        blocks, places = np.divmod(slots[order], BLOCK)
        numbers, starts = np.unique(blocks, return_index=True)
        found = np.empty(len(slots), self.kind)
        bounds = pairwise([*starts.tolist(), len(slots)])
        for number, (start, end) in zip(numbers.tolist(), bounds, strict=True):
            found[order[start:end]] = self._blocks[number].rows[places[start:end]]
        return found

    def newest(self, count: int) -> Iterator[tuple[int, Rows]]:
        """(slot of the first, rows), as views, of the blocks that hold the newest `count` live rows, newest first."""
        end, oldest = self.next, max(self.oldest, self.next - count)
        while end > oldest:
            number = (end - 1) // BLOCK
            start = max(number * BLOCK, oldest)
            yield (
                start,
                self._blocks[number].rows[
                    start - number * BLOCK : end - number * BLOCK
                ],
            )
            end = start

    def views(self, start: int, end: int) -> Iterator[Rows]:
        """The rows of the slots from `start` to before `end`, oldest first, as views of the blocks that hold them."""
        while start < end:
            number = start // BLOCK
            stop = min(end, (number + 1) * BLOCK)
            yield self._blocks[number].rows[
                start - number * BLOCK : stop - number * BLOCK
            ]
            start = stop

    def first_seen(self, slot: int, count: int) -> NDArray[np.uint32]:
        """When the rows of at most `count` slots from `slot` on were first seen, as far as their block goes."""
        at = slot % BLOCK
        seen: NDArray[np.uint32] = self._blocks[slot // BLOCK].rows["first_seen"][
            at : min(at + count, BLOCK)
        ]
        return seen

    def at(self, slot: int) -> int:
        """When the report of a live slot was published, else first seen: epoch seconds."""
        return int(self._blocks[slot // BLOCK].times[slot % BLOCK])

    def event(self, slot: int) -> int:
        """The number of the event a live slot belongs to."""
        return int(self._blocks[slot // BLOCK].events[slot % BLOCK])

    def raw_event_id(self, slot: int) -> bytes:
        return bytes(self._blocks[slot // BLOCK].names[slot % BLOCK])

    def event_id(self, slot: int) -> str:
        return self.raw_event_id(slot).decode()

    def set_event(self, slot: int, event: int, event_id: str) -> None:
        """Make a live slot one of an event. Raises ValueError when `event_id` is longer than `EVENT_ID_BYTES`."""
        name = event_id.encode()
        if len(name) > EVENT_ID_BYTES:
            raise ValueError(
                f"event_id {event_id!r} is longer than {EVENT_ID_BYTES} bytes"
            )
        block = self._blocks[slot // BLOCK]
        block.events[slot % BLOCK], block.names[slot % BLOCK] = event, name
