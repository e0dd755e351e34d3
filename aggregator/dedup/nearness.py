"""What of the window means what a query says: for search. Pure but for the encoder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aggregator.dedup import learned
from aggregator.dedup.fingerprint import MEANING_AXES, parts_of, upgraded
from aggregator.dedup.meaning import vectors

LEAST_LIKENESS = 0.35
"""Cosine of a query and a headline that mean the same: below it most are strangers. A guess from looking at some."""


AT_ONCE = 1 << 13
"""Headlines that are compared together: 4 MB of numbers."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """The embeddings of headlines: (headlines, `MEANING_AXES`) signed bytes, and the event of each."""

    event_ids: tuple[str, ...]
    titles: NDArray[np.int8]


def embedded(packed: Iterable[tuple[str, bytes]]) -> Embedded:
    """What is known of the meanings of (event id, packed fingerprint); those without one are passed over."""
    event_ids: list[str] = []
    titles: list[bytes] = []
    for event_id, fingerprint in packed:
        meaning = _meaning(fingerprint)
        if meaning:
            event_ids.append(event_id)
            titles.append(meaning[:MEANING_AXES])
    return Embedded(tuple(event_ids), _rows(titles))


def nearest(asked: bytes, known: Embedded) -> dict[str, float]:
    """Event id → the highest cosine of a query with one of its headlines, for those of at least LEAST_LIKENESS.

    `asked` is the query's embedding as `meaning.vectors` makes it of a title, empty where there is none.
    """
    best: dict[str, float] = {}
    # Of a query of nothing but spaces there is none, and a killed encoder gives none.
    if not asked:
        return best
    query = _unit(_rows([asked[:MEANING_AXES]]))[0]
    for start in range(0, len(known.event_ids), AT_ONCE):
        cosines = _unit(known.titles[start : start + AT_ONCE]) @ query
        for place in np.flatnonzero(cosines >= LEAST_LIKENESS).tolist():
            event_id = known.event_ids[start + place]
            cosine = float(cosines[place])
            best[event_id] = max(best.get(event_id, 0.0), cosine)
    return best


def nearest_by_meaning(query: str, known: Embedded) -> dict[str, float]:
    """`nearest` to a query in words. Raises ImportError without the extra `meaning`."""
    [asked] = vectors([(query, "")])
    return nearest(asked, known)


def _meaning(packed: bytes) -> bytes:
    try:
        return parts_of(upgraded(packed))[-1]
    except ValueError:
        # A later version wrote it, before a return to this one.
        return b""


def _rows(titles: Sequence[bytes]) -> NDArray[np.int8]:
    flat = np.frombuffer(b"".join(titles), np.int8)
    return flat.reshape(len(titles), MEANING_AXES)


def _unit(titles: NDArray[np.int8]) -> NDArray[np.float32]:
    whole = titles * learned.meaning_scale()
    lengths = np.linalg.norm(whole, axis=1, keepdims=True)
    unit: NDArray[np.float32] = whole / np.maximum(lengths, 1e-9)
    return unit
