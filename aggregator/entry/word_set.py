"""Tables of names, written as text: forty names of elements stand on four lines instead of forty."""

from __future__ import annotations


def word_set(text: str) -> frozenset[str]:
    """The words of a text, which white space parts, each once."""
    return frozenset(text.split())
