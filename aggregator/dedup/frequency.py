"""How rare a token is: document frequencies of each language, of the live window and of a shipped prior.

Rules: counts are of the reports of the window, no more and no less: what expires is taken out again, so that a restart,
which learns the window anew, finds the same rarities. A report never counts for itself: who compares two reports takes
both out of the counts first (`Counts`), so that what a word is worth does not depend on which of them came first. A
language starts from the prior (`prior.npz`, made by tests/bench/train.py) as if `PRIOR_DOCUMENTS` documents had been
read.

`rarity` = -ln of the share of documents that hold the token, between 0 and `MAX_RARITY`. The counts are a hashed array
of fixed size: collisions make a rare token look a little less rare, never more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from aggregator.dedup import learned
from aggregator.dedup.buckets import BucketCounts, BucketSums

Tokens = NDArray[np.uint32]
Floats = NDArray[np.float32]

_LEAST_SHARE = np.float32(2e-5)
MAX_RARITY = -math.log(2e-5)
PRIOR_DOCUMENTS = 1000.0
"""Weight of the prior against the stream."""
UNSEEN = 0.05
"""Documents, of `PRIOR_DOCUMENTS`, granted to a token nobody has seen."""
BUCKETS = 1 << 21
SITE_BUCKETS = 1 << 21
LANGUAGES = 1 << 12
SITES = 1 << 16
"""Places for the number of documents of each language and site, by hash: a site that shares one counts as both."""
_MIX = np.uint32(0x9E3779B1)


@cache
def lang_hash(lang: str) -> int:
    """A 32-bit number of a language's primary subtag."""
    return crc32(lang.partition("-")[0].encode())


@cache
def _languages_with_a_prior() -> dict[int, str]:
    return {lang_hash(lang): lang for lang in learned.languages()}


_UNHEARD = -math.log(UNSEEN / PRIOR_DOCUMENTS)
"""Rarity of a token that the prior does not hold."""


@cache
def _prior_rarities(lang: str) -> dict[int, float]:
    tokens, shares = learned.prior(lang)
    # Shares are of 256 values: tokens of one share have one number in memory.
    rarity_of_share = {share: -math.log(share) for share in set(shares.tolist())}
    rarities = map(rarity_of_share.__getitem__, shares.tolist())
    return dict(zip(tokens.tolist(), rarities, strict=True))


def prior_rarity(
    tokens: Sequence[int],
    lang: str,
) -> NDArray[np.float64]:
    """Rarity by the shipped prior alone."""
    known = _prior_rarities(lang.partition("-")[0])
    rarities = map(known.get, tokens, repeat(_UNHEARD))
    return np.fromiter(rarities, np.float64, len(tokens))


@dataclass(frozen=True, slots=True)
class Counts:
    """In how many documents the tokens of some reports stand: (reports, tokens), beside (reports,) documents in all.

    `tokens` are counts in the language, `titles` counts of the title's tokens in the titles of the report's own site.
    """

    tokens: Floats
    documents: Floats
    titles: Floats
    site_documents: Floats

    def __getitem__(self, which: slice | NDArray[np.intp]) -> Counts:
        """Those of some of the reports."""
        return Counts(
            self.tokens[which],
            self.documents[which],
            self.titles[which],
            self.site_documents[which],
        )


def rarity_of(counts: Floats, documents: Floats) -> Floats:
    """Rarity of tokens that stand in (reports, tokens) counts of (reports,) documents."""
    # Documents may be none: those that are compared are taken out of the counts.
    all_documents = np.maximum(documents, np.float32(1))
    share = (counts + np.float32(UNSEEN)) / all_documents[:, None]
    rarity: Floats = -np.log(
        np.clip(
            share,
            _LEAST_SHARE,
            np.float32(1.0),
        )
    )
    return rarity


class Frequency:
    """Counts of documents by (token, language) and, for titles, by (token, site)."""

    def __init__(self) -> None:
        # The prior stands apart: a fraction added to a great count would not come out again whole.
        self._prior = BucketSums(BUCKETS)
        self._counts = BucketCounts(BUCKETS)
        self._documents = np.full(LANGUAGES, int(PRIOR_DOCUMENTS), np.int32)
        self._met: set[int] = set()
        self._site_counts = BucketCounts(SITE_BUCKETS)
        self._site_documents = np.zeros(SITES, np.int32)

    def add(
        self,
        tokens: Tokens,
        langs: Tokens,
        titles: Tokens,
        sites: Tokens,
    ) -> None:
        """Count documents: (documents, any) tokens with 0 for none, (documents,) languages by `lang_hash`, (documents,
        any) tokens of the titles, (documents,) sites with 0 for unknown."""
        self._count(langs, sites, 1)
        self._counts.add(_present(tokens, langs, BUCKETS))
        self._site_counts.add(_present_of_sites(titles, sites))

    def discard(
        self,
        tokens: Tokens,
        langs: Tokens,
        titles: Tokens,
        sites: Tokens,
    ) -> None:
        """Take documents that were added out of the counts again."""
        self._count(langs, sites, -1)
        self._counts.discard(_present(tokens, langs, BUCKETS))
        self._site_counts.discard(_present_of_sites(titles, sites))

    def counts(
        self,
        tokens: Tokens,
        langs: Tokens,
        titles: Tokens,
        sites: Tokens,
    ) -> Counts:
        """In how many documents (documents, any) tokens stand, each row in the language whose `lang_hash` is given."""
        self._meet(langs)
        buckets = _buckets(tokens, langs[:, None], BUCKETS)
        site_buckets = _buckets(titles, sites[:, None], SITE_BUCKETS)
        of_site = self._site_documents[sites % SITES]
        # Reports of no known site have no site in common.
        site_documents = np.where(sites > 0, of_site, 0)
        return Counts(
            self._prior.of(buckets) + self._counts.of(buckets),
            self._documents[langs % LANGUAGES].astype(np.float32),
            self._site_counts.of(site_buckets),
            site_documents.astype(np.float32),
        )

    def rarity(
        self,
        tokens: Tokens,
        langs: Tokens,
    ) -> Floats:
        """Rarity of (documents, any) tokens in languages by `lang_hash`; 0 for no token."""
        self._meet(langs)
        buckets = _buckets(tokens, langs[:, None], BUCKETS)
        counts = self._prior.of(buckets) + self._counts.of(buckets)
        documents = self._documents[langs % LANGUAGES].astype(np.float32)
        rarity = rarity_of(counts, documents)
        rarity[tokens == 0] = 0
        return rarity

    def _count(
        self,
        langs: Tokens,
        sites: Tokens,
        by: int,
    ) -> None:
        """Change how many documents of their languages and sites there are."""
        self._meet(langs)
        # `add.at`, since a language comes several times and each is to count.
        np.add.at(self._documents, langs % LANGUAGES, by)
        known_sites = sites[sites > 0]
        np.add.at(self._site_documents, known_sites % SITES, by)

    def _meet(self, langs: Tokens) -> None:
        """Start languages that are new from their priors."""
        for key in set(langs.tolist()) - self._met:
            self._met.add(key)
            lang = _languages_with_a_prior().get(key, "")
            tokens, shares = learned.prior(lang)
            buckets = _buckets(
                tokens,
                np.uint32(key),
                BUCKETS,
            )
            documents = shares * np.float32(PRIOR_DOCUMENTS)
            self._prior.add(buckets, documents)


def _buckets(
    tokens: Tokens,
    salt: Tokens | np.uint32,
    size: int,
) -> Tokens:
    bits = size.bit_length() - 1
    # The upper bits of the product: the lower ones depend on the lower bits of the token alone.
    return ((tokens ^ salt) * _MIX) >> np.uint32(32 - bits)


def _present(
    tokens: Tokens,
    salts: Tokens,
    size: int,
) -> Tokens:
    """(any,) buckets of the tokens that there are in (documents, any) tokens, beside the salt of each document."""
    buckets = _buckets(tokens, salts[:, None], size)
    return buckets[tokens > 0]


def _present_of_sites(titles: Tokens, sites: Tokens) -> Tokens:
    """The same of titles beside their sites, where these are known."""
    known = sites > 0
    return _present(
        titles[known],
        sites[known],
        SITE_BUCKETS,
    )
