"""What words mean, one by one: a vector for each of the commonest tokens of many languages, so that "quake" and
"tremor" lie near one another where no encoder is.

A bag of such vectors says less than an encoder does, and costs microseconds and no process (compare fastText, Joulin
et al. 2016, arXiv:1607.01759). They were learned so that the weighted sum of a title's vectors points where the encoder
puts the title (tests/bench/word_vectors.py). Of words in no list, most of them names, they say nothing; those are
compared as tokens.

What they tell apart is strangers: of pairs of titles of ../shared/data/families.dev.jsonl, of one event or of two
families, average precision by the cosine of shared tokens is 0.74, by a small forest that sees these features too 0.83.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aggregator.dedup import learned
from aggregator.dedup.fingerprint import TITLE_TOKENS

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Tokens = NDArray[np.uint32]

GISTS = (
    "gist_title",
    "gist_across",
    "gist_apart",
    "gist_told_least",
    "gist_told_most",
    "gist",
)
"""The features that the vectors give; the last one is known wherever both titles have a known word."""
_LEAD = np.float32(0.5)
_TINY = np.float32(1e-6)
PAIRS_AT_ONCE = 32
"""Pairs whose vectors are looked at together: those of 68 tokens on either side stay in the processor's cache (58 µs a
pair, 83 with 470)."""


def vectors_of(tokens: Tokens) -> Floats:
    """(…, axes) vectors of tokens; zeros for tokens that are in no list."""
    known, vectors = learned.word_vectors()
    places = np.searchsorted(known, tokens)
    places[places == len(known)] = 0
    found = vectors[places].astype(np.float32)
    found[known[places] != tokens] = 0
    return found


def gists(
    mine: Tokens,
    my_weights: Floats,
    my_hits: Bools,
    theirs: Tokens,
    their_weights: Floats,
    their_hits: Bools,
) -> Floats:
    """(pairs, len(GISTS)) features of (pairs, TOKENS) tokens of either side, title tokens first; -1 where unknown."""
    parts = [np.zeros((0, len(GISTS)), np.float32)]
    for start in range(0, len(mine), PAIRS_AT_ONCE):
        some = slice(start, start + PAIRS_AT_ONCE)
        part = _some_gists(
            mine[some],
            my_weights[some],
            my_hits[some],
            theirs[some],
            their_weights[some],
            their_hits[some],
        )
        parts.append(part)
    return np.concatenate(parts)


def _some_gists(
    mine: Tokens,
    my_weights: Floats,
    my_hits: Bools,
    theirs: Tokens,
    their_weights: Floats,
    their_hits: Bools,
) -> Floats:
    my_vectors, their_vectors = vectors_of(mine), vectors_of(theirs)
    my_title, my_body, my_rest = _sums(my_vectors, my_weights, my_hits)
    their_title, their_body, their_rest = _sums(
        their_vectors, their_weights, their_hits
    )
    me, they = _unit(my_vectors), _unit(their_vectors)
    told = _told(me, my_weights, my_hits, they)
    told_by_them = _told(they, their_weights, their_hits, me)
    columns = [
        _cosine(my_title, their_title),
        np.maximum(_cosine(my_title, their_body), _cosine(my_body, their_title)),
        _cosine(my_rest, their_rest),
        np.minimum(told, told_by_them),
        np.maximum(told, told_by_them),
        _cosine(
            _unit(my_title) + _LEAD * _unit(my_body),
            _unit(their_title) + _LEAD * _unit(their_body),
        ),
    ]
    return np.stack(columns, 1).astype(np.float32)


def _sums(
    vectors: Floats, weights: Floats, hits: Bools
) -> tuple[Floats, Floats, Floats]:
    """(pairs, axes) weighted sums of the title, of the body, and of the title's tokens the other side has not."""
    weighted = vectors * weights[:, :, None]
    title = weighted[:, :TITLE_TOKENS]
    rest = title * ~hits[:, :TITLE_TOKENS, None]
    return title.sum(1), weighted[:, TITLE_TOKENS:].sum(1), rest.sum(1)


def _told(mine: Floats, weights: Floats, hits: Bools, theirs: Floats) -> Floats:
    """Share of a title's weight that the other report tells too, in the same words or in ones that mean the like."""
    likeness = mine[:, :TITLE_TOKENS] @ theirs.transpose(0, 2, 1)
    best = np.where(hits[:, :TITLE_TOKENS], np.float32(1), likeness.max(2))
    title = weights[:, :TITLE_TOKENS]
    share: Floats = (title * np.maximum(best, 0)).sum(1) / (title.sum(1) + _TINY)
    return share


def _unit(vectors: Floats) -> Floats:
    lengths = np.sqrt(np.einsum("...i,...i->...", vectors, vectors))
    unit: Floats = vectors / np.maximum(lengths, _TINY)[..., None]
    return unit


def _cosine(mine: Floats, theirs: Floats) -> Floats:
    """(pairs,) cosines, at least -0.9; -1 where either is all zeros."""
    known = mine.any(1) & theirs.any(1)
    cosine = np.einsum("ij,ij->i", _unit(mine), _unit(theirs))
    found: Floats = np.where(known, np.maximum(cosine, np.float32(-0.9)), -1)
    return found
