"""What of the window means what a query says: for search. Pure but for the encoder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from aggregator.dedup import learned
from aggregator.dedup.fingerprint import MEANING_AXES, parts_of, upgraded
from aggregator.dedup.meaning import vectors

LEAST_LIKENESS = 0.35
"""Cosine of a query and a headline that mean the same: below it most are strangers. A guess from looking at some."""


def nearest_by_meaning(
    query: str, packed: Iterable[tuple[str, bytes]]
) -> dict[str, float]:
    """Event id → the highest cosine of the query with one of its headlines, for those of at least LEAST_LIKENESS.

    `packed` are (event id, packed fingerprint); those without a meaning are passed over. Raises ImportError without the
    extra `meaning`.
    """
    [asked] = vectors([(query, "")])
    event_ids: list[str] = []
    meanings: list[bytes] = []
    for event_id, fingerprint in packed:
        meaning = _meaning(fingerprint)
        # Of a query of nothing but spaces there is none either.
        if len(meaning) == len(asked) > 0:
            event_ids.append(event_id)
            meanings.append(meaning)
    if not meanings:
        return {}
    cosines = _titles(meanings) @ _titles([asked])[0]
    best: dict[str, float] = {}
    for event_id, cosine in zip(event_ids, cosines, strict=True):
        if cosine >= LEAST_LIKENESS:
            best[event_id] = max(best.get(event_id, 0.0), float(cosine))
    return best


def _meaning(packed: bytes) -> bytes:
    try:
        return parts_of(upgraded(packed))[-1]
    except ValueError:
        # A later version wrote it, before a return to this one.
        return b""


def _titles(meanings: Sequence[bytes]) -> NDArray[np.float32]:
    """(meanings, axes) unit vectors of the titles, without those of the leads behind them."""
    both = np.frombuffer(b"".join(meanings), np.int8).reshape(len(meanings), -1)
    whole = both[:, :MEANING_AXES] * learned.meaning_scale()
    lengths = np.linalg.norm(whole, axis=1, keepdims=True)
    unit: NDArray[np.float32] = whole / np.maximum(lengths, 1e-9)
    return unit
