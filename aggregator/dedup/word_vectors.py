"""What words mean, one by one: a vector for each of the commonest tokens of many languages, so that "quake" and
"tremor" lie near one another where no encoder is.

A bag of such vectors says less than an encoder does, and costs microseconds and no process (compare fastText, Joulin
et al. 2016, arXiv:1607.01759). They were learned so that the sum of a title's vectors points where the encoder puts the
title (tests/bench/word_vectors.py). Of words in no list, most of them names, they say nothing; those are compared as
tokens.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from aggregator.dedup import learned
from aggregator.dedup.fingerprint import TITLE_TOKENS
from aggregator.dedup.positions import Positions

Floats = NDArray[np.float32]
Tokens = NDArray[np.uint32]

WORD_COSINES = ("words_title", "words_across", "words")
"""The features that the vectors give; the last one is known wherever both titles have a known word."""
BODY = 16
"""Tokens of a body that are looked at, its weightiest (a guess): each costs as much as one of a title."""
_LEAD = np.float32(0.5)
_TINY = np.float32(1e-6)


def vectors_of(tokens: Tokens) -> NDArray[np.int8]:
    """(…, axes) vectors of tokens; zeros for tokens that are in no list."""
    positions, vectors = _known()
    # The last row stands for what is in no list.
    return vectors.take(positions.of(tokens), axis=0)


@cache
def _known() -> tuple[Positions, NDArray[np.int8]]:
    tokens, vectors = learned.word_vectors()
    return Positions(tokens), vectors


def report_vectors(tokens: Tokens) -> tuple[Floats, Floats]:
    """Two times (reports, axes) unit vectors, of titles and of bodies, from (reports, TOKENS) tokens, title tokens
    first; zeros where no word is known."""
    # Most titles fill half of their columns: what none of them has is not looked up.
    longest = int(np.count_nonzero(tokens[:, :TITLE_TOKENS], axis=1).max(initial=0))
    body = tokens[:, TITLE_TOKENS : TITLE_TOKENS + BODY]
    vectors = vectors_of(np.concatenate([tokens[:, :longest], body], 1))
    titles = vectors[:, :longest].sum(1, dtype=np.int16)
    bodies = vectors[:, longest:].sum(1, dtype=np.int16)
    return _unit(titles), _unit(bodies)


def whole_vectors(tokens: Tokens) -> Floats:
    """(reports, axes) unit vectors of title and body together; zeros where no word is known."""
    titles, bodies = report_vectors(tokens)
    return _unit(titles + _LEAD * bodies)


_TITLE, _BODY, _WHOLE = range(3)
_MINE = [_TITLE, _TITLE, _BODY, _WHOLE]
_THEIRS = [_TITLE, _BODY, _TITLE, _WHOLE]
"""What of a report is compared with what of the other one."""


def word_cosines(
    mine: Tokens,
    which: NDArray[np.intp],
    theirs: Tokens,
) -> Floats:
    """(pairs, len(WORD_COSINES)) cosines of row `which[i]` of `mine` and row i of `theirs`, at least 0; -1: unknown."""
    # Looked up together: for few pairs each look-up costs as much as for many.
    titles, bodies = report_vectors(np.concatenate([mine, theirs]))
    whole = _unit(titles + _LEAD * bodies)
    vectors = np.stack([titles, bodies, whole])
    known: NDArray[np.bool_] = (vectors != 0).any(2)
    count = len(mine)
    cosines = np.einsum(
        "kij,kij->ki",
        vectors[_MINE, :count].take(which, axis=1),
        vectors[_THEIRS, count:],
    )
    are_known = known[_MINE, :count].take(which, axis=1) & known[_THEIRS, count:]
    found = np.where(are_known, np.maximum(cosines, 0), np.float32(-1))
    across = np.maximum(found[1], found[2])
    return np.stack([found[0], across, found[3]], 1)


def _unit(vectors: NDArray[np.generic]) -> Floats:
    """Vectors of length 1; zeros stay."""
    whole = vectors.astype(np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", whole, whole))
    whole /= np.maximum(lengths, _TINY)[:, None]
    return whole
