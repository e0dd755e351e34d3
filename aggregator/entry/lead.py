"""The lead: the first words of a report, as a card shows them below its title. Pure."""

from __future__ import annotations

import re

LEAD_CHARS = 280
"""Two to three lines of a card; Han characters are counted like letters and fill more. A guess at what is read."""
_SENTENCE_END = re.compile(r"[.!?…](?=\s|$)|[。！？]")
_LEAST_CHARS = 120
"""A lead ends with a sentence when that leaves so many characters, else with a word."""


def lead_of(title: str, text: str) -> str:
    """The first sentences of the body text without a repetition of the title; at most `LEAD_CHARS` characters."""
    words = " ".join(text[: 4 * LEAD_CHARS + len(title)].split())
    heading = " ".join(title.split())
    if heading and words.startswith(heading):
        words = words[len(heading) :].lstrip(" .:·|–—-")
    if len(words) <= LEAD_CHARS:
        return words
    return _cut(words)


def _cut(words: str) -> str:
    head = words[:LEAD_CHARS]
    ends = [full_stop.end() for full_stop in _SENTENCE_END.finditer(head)]
    if ends and ends[-1] >= _LEAST_CHARS:
        return head[: ends[-1]]
    whole = head[: LEAD_CHARS - 1]
    space = whole.rfind(" ")
    # Chinese has no spaces to cut at.
    if space >= _LEAST_CHARS:
        whole = whole[:space]
    return whole.rstrip(" ,;:，、；：") + "…"
