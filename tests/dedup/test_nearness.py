"""Which headlines mean what a query says, by their embeddings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aggregator.dedup import learned
from aggregator.dedup.fingerprint import MEANING_AXES, Fingerprint
from aggregator.dedup.nearness import AT_ONCE, LEAST_LIKENESS, embedded, nearest

PRINT = Fingerprint(entry_id="0" * 20, lang="en", title="x")
NO_LEAD = bytes(MEANING_AXES)


def axis(*values: int) -> bytes:
    """An embedding of a title that points along the first axes."""
    head = np.array(values, np.int8).tobytes()
    return head + bytes(MEANING_AXES - len(head)) + NO_LEAD


def packed(meaning: bytes) -> bytes:
    return replace(PRINT, meaning=meaning).packed


def test_an_event_is_as_near_as_its_nearest_headline():
    known = embedded(
        [
            ("e1", packed(axis(0, 100))),
            ("e1", packed(axis(100))),
            ("e2", packed(axis(-100))),
            ("e3", packed(axis(0, 0, 100))),
        ]
    )
    assert nearest(axis(50), known) == {"e1": pytest.approx(1.0)}


def test_the_border_is_the_least_likeness():
    scale = np.array([100.0, 0.0])
    angles = np.arccos([LEAST_LIKENESS + 0.02, LEAST_LIKENESS - 0.02])
    weights = learned.meaning_scale()[:2]
    rows = [
        axis(*np.round(100 * np.array([np.cos(a), np.sin(a)]) / weights * 0.5).astype(int))
        for a in angles
    ]  # fmt: skip
    known = embedded([("above", packed(rows[0])), ("below", packed(rows[1]))])
    assert set(nearest(axis(*scale.astype(int)), known)) == {"above"}


def test_what_has_no_embedding_is_passed_over():
    known = embedded([("e1", packed(b"")), ("e2", b"\x09"), ("e3", packed(axis(1)))])
    assert known.event_ids == ("e3",)
    assert nearest(b"", known) == {}
    assert nearest(axis(1), embedded([])) == {}


def test_more_headlines_than_are_compared_at_once():
    strangers = [("e0", packed(axis(0, 1)))] * AT_ONCE
    known = embedded([*strangers, ("e1", packed(axis(100)))])
    assert set(nearest(axis(100), known)) == {"e1"}
