"""How rare a token is: document frequencies of each language, of the running stream and of a shipped prior.

`rarity` = -ln of the share of documents that hold the token, between 0 and `MAX_RARITY`. The counts are a hashed array
of fixed size: collisions make a rare token look a little less rare, never more. A language starts from the prior
(`prior.npz`, made by tests/bench/train.py) as if `PRIOR_DOCUMENTS` documents had been read, and ages: when
`HALF_AFTER` documents were added, all counts are halved.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from aggregator.dedup import learned

Tokens = NDArray[np.uint32]
Floats = NDArray[np.float32]

MAX_RARITY = -math.log(2e-5)
PRIOR_DOCUMENTS = 1000.0
"""Weight of the prior against the stream."""
UNSEEN = 0.05
"""Documents, of `PRIOR_DOCUMENTS`, granted to a token nobody has seen."""
HALF_AFTER = 1_000_000
BUCKETS = 1 << 21
SITE_BUCKETS = 1 << 21
LANGUAGES = 1 << 12
SITES = 1 << 16
"""Places for the number of documents of each language and site, by hash: a site that shares one counts as both."""
KNOWN_SITE = 10
"""Titles of a site from which on its habits are known (a guess)."""
_MIX = np.uint32(0x9E3779B1)


@cache
def lang_hash(lang: str) -> int:
    """A 32-bit number of a language's primary subtag."""
    return crc32(lang.partition("-")[0].encode())


@cache
def _languages_with_a_prior() -> dict[int, str]:
    return {lang_hash(lang): lang for lang in learned.languages()}


@cache
def _prior(lang: str) -> dict[int, float]:
    tokens, shares = learned.prior(lang.partition("-")[0])
    return dict(zip(tokens.tolist(), shares.tolist(), strict=True))


def prior_rarity(tokens: Sequence[int], lang: str) -> list[float]:
    """Rarity by the shipped prior alone."""
    known = _prior(lang)
    least = UNSEEN / PRIOR_DOCUMENTS
    return [-math.log(known.get(t, least)) for t in tokens]


class Frequency:
    """Counts of documents by (token, language) and, for titles, by (token, site)."""

    def __init__(self) -> None:
        self._counts = np.zeros(BUCKETS, np.float32)
        self._documents = np.full(LANGUAGES, PRIOR_DOCUMENTS, np.float32)
        self._met: set[int] = set()
        self._site_counts = np.zeros(SITE_BUCKETS, np.float32)
        self._site_documents = np.zeros(SITES, np.float32)
        self._added = 0

    def add(self, tokens: Tokens, langs: Tokens, titles: Tokens, sites: Tokens) -> None:
        """Count documents: (documents, any) tokens with 0 for none, (documents,) languages by `lang_hash`, (documents,
        any) tokens of the titles, (documents,) sites with 0 for unknown. Halves all counts when it is time to."""
        self._meet(langs)
        _count(self._counts, tokens, langs, BUCKETS)
        np.add.at(self._documents, langs % LANGUAGES, np.float32(1))
        known = sites > 0
        _count(self._site_counts, titles[known], sites[known], SITE_BUCKETS)
        np.add.at(self._site_documents, sites[known] % SITES, np.float32(1))
        self._added += len(tokens)
        if self._added >= HALF_AFTER:
            for counts in (self._counts, self._documents, self._site_counts, self._site_documents):
                counts *= np.float32(0.5)
            self._added = 0

    def rarity(self, tokens: Tokens, langs: Tokens) -> Floats:
        """Rarity of (documents, any) tokens, each row in the language whose `lang_hash` is given; 0 for no token."""
        self._meet(langs)
        seen = self._counts[_buckets(tokens, langs[:, None], BUCKETS)]
        share = (seen + np.float32(UNSEEN)) / self._documents[langs % LANGUAGES][:, None]
        rarity: Floats = -np.log(np.clip(share, np.float32(2e-5), np.float32(1.0)))
        rarity[tokens == 0] = 0
        return rarity

    def site_share(self, tokens: Tokens, sites: Tokens) -> Floats:
        """For (titles, any) tokens: the share of the site's titles with the token; 0 while little is known of it."""
        documents = np.where(sites > 0, self._site_documents[sites % SITES], np.float32(0))[:, None]
        seen = self._site_counts[_buckets(tokens, sites[:, None], SITE_BUCKETS)]
        return np.where(documents >= KNOWN_SITE, seen / np.maximum(documents, 1), np.float32(0.0))

    def _meet(self, langs: Tokens) -> None:
        """Start languages that are new from their priors."""
        for key in set(langs.tolist()) - self._met:
            self._met.add(key)
            tokens, shares = learned.prior(_languages_with_a_prior().get(key, ""))
            np.add.at(self._counts, _buckets(tokens, np.uint32(key), BUCKETS), shares * np.float32(PRIOR_DOCUMENTS))


def _buckets(tokens: Tokens, salt: Tokens | np.uint32, size: int) -> Tokens:
    return ((tokens ^ salt) * _MIX) >> np.uint32(32 - (size.bit_length() - 1))


def _count(counts: Floats, tokens: Tokens, salts: Tokens, size: int) -> None:
    there = tokens > 0
    np.add.at(counts, _buckets(tokens, salts[:, None], size)[there], np.float32(1))
