"""How rare a token is: document frequencies of each language, of the running stream and of a shipped prior.

`rarity` = -ln of the share of documents that hold the token, between 0 and `MAX_RARITY`. The counts are a hashed array
of fixed size: collisions make a rare token look a little less rare, never more. A language starts from the prior
(`prior.npz`, made by tests/bench/train.py) as if `PRIOR_DOCUMENTS` documents had been read, and ages: when
`HALF_AFTER` documents were added, all counts are halved.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
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
_MIX = np.uint32(0x9E3779B1)


@cache
def lang_hash(lang: str) -> int:
    """A 32-bit number of a language's primary subtag."""
    return crc32(lang.partition("-")[0].encode())


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
        self._documents: dict[int, float] = {}
        self._site_counts = np.zeros(SITE_BUCKETS, np.float32)
        self._site_documents: dict[int, float] = {}
        self._added = 0

    def _buckets(self, tokens: Tokens, salt: int | NDArray[np.uint32], size: int) -> NDArray[np.uint32]:
        return ((tokens ^ np.uint32(salt)) * _MIX) >> np.uint32(32 - (size.bit_length() - 1))

    def meet(self, lang: str) -> None:
        """Make `lang` known, starting from its prior."""
        key = lang_hash(lang)
        if key in self._documents:
            return
        self._documents[key] = PRIOR_DOCUMENTS
        tokens, shares = learned.prior(lang.partition("-")[0])
        np.add.at(self._counts, self._buckets(tokens, key, BUCKETS), shares * np.float32(PRIOR_DOCUMENTS))

    def add(self, tokens: Tokens, title_tokens: Tokens, lang: str, site: int, amount: float = 1.0) -> None:
        """Count one document (or, with -1, take one back)."""
        self.meet(lang)
        self._counts[self._buckets(tokens, lang_hash(lang), BUCKETS)] += np.float32(amount)
        self._documents[lang_hash(lang)] += amount
        if site:
            self._site_counts[self._buckets(title_tokens, site, SITE_BUCKETS)] += np.float32(amount)
            self._site_documents[site] = self._site_documents.get(site, 0.0) + amount
        self._added += int(amount)

    def is_due_to_age(self) -> bool:
        return self._added >= HALF_AFTER

    def age(self) -> Callable[[], None]:
        """Halve every count, so that the last weeks outweigh the last months; returns how to undo it."""
        before = self._counts.copy(), self._site_counts.copy(), self._documents, self._site_documents, self._added
        self._counts *= np.float32(0.5)
        self._site_counts *= np.float32(0.5)
        self._documents = {k: v / 2 for k, v in self._documents.items()}
        self._site_documents = {k: v / 2 for k, v in self._site_documents.items() if v >= 2}
        self._added = 0

        def undo() -> None:
            self._counts, self._site_counts, self._documents, self._site_documents, self._added = before

        return undo

    def rarity(self, tokens: Tokens, lang: str) -> Floats:
        """Rarity of tokens of one language."""
        self.meet(lang)
        return self._rarity(tokens, lang_hash(lang), self._documents[lang_hash(lang)])

    def rarity_of_rows(self, tokens: Tokens, langs: NDArray[np.uint32]) -> Floats:
        """Rarity of (rows, tokens), each row in the language whose hash is given."""
        documents = np.array([self._documents.get(int(x), PRIOR_DOCUMENTS) for x in langs], np.float32)
        return self._rarity(tokens, langs[:, None], documents[:, None])

    def _rarity(self, tokens: Tokens, salt: int | NDArray[np.uint32], documents: float | Floats) -> Floats:
        seen = self._counts[self._buckets(tokens, salt, BUCKETS)]
        share = (seen + np.float32(UNSEEN)) / documents
        rarity: Floats = -np.log(np.clip(share, np.float32(2e-5), np.float32(1.0)))
        return rarity

    def site_share(self, tokens: Tokens, sites: NDArray[np.uint32]) -> Floats:
        """For (rows, tokens): the share of the site's titles with the token; 0 while little is known of the site."""
        documents = np.array([self._site_documents.get(int(x), 0.0) for x in sites], np.float32)[:, None]
        seen = self._site_counts[self._buckets(tokens, sites[:, None], SITE_BUCKETS)]
        return np.where(documents >= 10, seen / np.maximum(documents, 1), np.float32(0.0))
