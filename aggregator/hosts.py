"""The host of an address: the unit of politeness.

Rules: a host is the name without port, in lower case and in its ASCII form (IDN), so that every spelling of it shares
one budget. Pure.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from urllib.parse import urlsplit

import idna

ADDRESSES_KEPT = 4096
"""Feeds whose addresses are taken apart once, not at each of their polls: a kilobyte each. A guess: most installations
have fewer."""


@lru_cache(maxsize=ADDRESSES_KEPT)
def host_of(url: str) -> str:
    """The host of `url` as budgets and holds know it; '' where there is none."""
    try:
        name = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return ascii_host(name)


def ascii_host(name: str) -> str:
    """`name` in lower-case ASCII (UTS 46, as browsers do); unchanged where it is not a name that IDNA allows."""
    lowered = name.lower().rstrip(".")
    # `under_score.example` is no name to IDNA and one to the DNS.
    if lowered.isascii():
        return lowered
    try:
        # IDNA knows other full stops, of which the last may be the root's, too.
        return idna.encode(lowered, uts46=True).decode("ascii").rstrip(".")
    except idna.IDNAError:
        return lowered


def share(*parts: object) -> float:
    """A number in 0..1 that is the same for the same parts and evenly spread over different ones."""
    key = "\0".join(map(str, parts)).encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(key, digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
