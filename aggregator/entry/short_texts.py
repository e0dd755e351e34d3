"""A function that remembers what it answered to short texts: an entry's title is read four times, its address three.

Long texts are worked out anew: a hostile feed must not fill a child's memory with its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

SHORT_CHARS = 500
KEPT = 256
"""Answers of each function, a megabyte with their questions at most: the titles of one document, which are asked for
again at once."""

R = TypeVar("R")


def remembering(function: Callable[[str], R]) -> Callable[[str], R]:
    """The function, which must be pure, with the answers to its newest short texts remembered."""
    remembered = lru_cache(maxsize=KEPT)(function)

    @wraps(function)
    def answer(text: str) -> R:
        if len(text) > SHORT_CHARS:
            return function(text)
        return remembered(text)

    return answer
