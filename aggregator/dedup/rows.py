"""Fingerprints as fixed-width rows in NumPy blocks: half a kilobyte for an entry, no Python object.

Slots are numbered from 0 for ever, in the order of adding; blocks of `BLOCK` rows are dropped whole once their last
row has expired, so that expiry costs nothing for an entry.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aggregator.dedup.fingerprint import (
    BODY_TOKENS,
    ID_BYTES,
    NUMBERS,
    SHINGLES,
    TITLE_BYTES,
    TITLE_TOKENS,
    Fingerprint,
)
from aggregator.dedup.frequency import lang_hash

TOKENS = TITLE_TOKENS + BODY_TOKENS
NEVER = 0xFFFFFFFF
BLOCK = 1 << 13

ROW = np.dtype(
    [
        ("entry_id", f"S{ID_BYTES}"),
        ("site", "u4"),
        ("url", "u8"),
        ("matched", "u4"),
        ("first_seen", "u4"),
        ("body_words", "u2"),
        ("directions", "u4"),
        ("shape", "u4"),
        ("lang", "u4"),
        ("names", "u4"),
        ("title_count", "u1"),
        ("title", f"S{TITLE_BYTES}"),
        ("tokens", "u4", TOKENS),
        ("shingles", "u4", SHINGLES),
        ("kinds", "u2", NUMBERS),
        ("values", "f4", NUMBERS),
    ]
)
EVENT_ID_BYTES = 24
Rows = NDArray[np.void]


def _padded(values: Sequence[float], width: int) -> list[float]:
    return [*values, *([0] * (width - len(values)))]


def row(fingerprint: Fingerprint) -> Rows:
    """One fingerprint as an array of one `ROW`. Title tokens fill the first `TITLE_TOKENS` columns."""
    f = fingerprint
    kinds = [kind for kind, _ in f.numbers]
    values = [value for _, value in f.numbers]
    tokens = _padded(f.title_tokens, TITLE_TOKENS) + _padded(f.body_tokens, BODY_TOKENS)
    return np.array(
        [
            (
                f.entry_id.encode(), f.site, f.url, NEVER if f.matched is None else f.matched, f.first_seen,
                f.body_words, f.directions, f.shape, lang_hash(f.lang), f.names, len(f.title_tokens),
                f.title.encode(), tokens, _padded(f.shingles, SHINGLES), _padded(kinds, NUMBERS),
                _padded(values, NUMBERS),
            )
        ],
        dtype=ROW,
    )  # fmt: skip


class RowStore:
    """Rows by slot, each with the number and the id of its event."""

    def __init__(self) -> None:
        self._blocks: dict[int, tuple[Rows, NDArray[np.uint64], NDArray[np.bytes_]]] = {}
        self.oldest = 0
        """The first slot still alive."""
        self.next = 0
        """The slot the next row gets."""

    def __len__(self) -> int:
        return self.next - self.oldest

    def append(self, new: Rows, *, event: int, event_id: str) -> int:
        """Keep a row with the event it belongs to. Raises ValueError when `event_id` is longer than 24 bytes."""
        name = event_id.encode()
        if len(name) > EVENT_ID_BYTES:
            raise ValueError(f"event_id {event_id!r} is longer than {EVENT_ID_BYTES} bytes")
        slot = self.next
        block, at = divmod(slot, BLOCK)
        if block not in self._blocks:
            self._blocks[block] = (
                np.zeros(BLOCK, ROW),
                np.zeros(BLOCK, np.uint64),
                np.zeros(BLOCK, f"S{EVENT_ID_BYTES}"),
            )
        rows, events, names = self._blocks[block]
        rows[at], events[at], names[at] = new[0], event, name
        self.next += 1
        return slot

    def take_back(self) -> None:
        """Forget the newest row."""
        self.next -= 1

    def drop_oldest(self) -> None:
        """Forget the oldest row, and its block with it when it was the block's last."""
        self.oldest += 1
        if self.oldest % BLOCK == 0:
            del self._blocks[self.oldest // BLOCK - 1]

    def one(self, slot: int) -> np.void:
        """The row of a live slot, as a view."""
        row: np.void = self._blocks[slot // BLOCK][0][slot % BLOCK]
        return row

    def many(self, slots: Sequence[int]) -> Rows:
        """The rows of live slots, copied."""
        found = np.empty(len(slots), ROW)
        for i, slot in enumerate(slots):
            found[i] = self._blocks[slot // BLOCK][0][slot % BLOCK]
        return found

    def event(self, slot: int) -> int:
        """The number of the event a live slot belongs to."""
        return int(self._blocks[slot // BLOCK][1][slot % BLOCK])

    def raw_event_id(self, slot: int) -> bytes:
        return bytes(self._blocks[slot // BLOCK][2][slot % BLOCK])

    def event_id(self, slot: int) -> str:
        return self.raw_event_id(slot).decode()

    def set_event(self, slot: int, event: int, event_id: str) -> None:
        _, events, names = self._blocks[slot // BLOCK]
        events[slot % BLOCK], names[slot % BLOCK] = event, event_id.encode()
