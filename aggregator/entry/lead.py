"""The lead: the first words of a report, as a card shows them below its title. Pure."""

from __future__ import annotations

import re

LEAD_CHARS = 280
"""Two to three lines of a card; Han characters are counted like letters and fill more. A guess at what is read."""
_NEAR_CHARS = 2 * LEAD_CHARS
"""How much of a text is looked at first: it holds the lead of nearly every text, with the title before it."""
_FAR_CHARS = 4 * LEAD_CHARS
"""How much is looked at where blanks take up the room."""
_SENTENCE_END = re.compile(r"[.!?…。！？](?:(?<=[。！？])|(?=\s|$))")
"""All marks in one class first, which is searched for twice as fast as two alternatives."""
_LEAST_CHARS = 120
"""A lead ends with a sentence when that leaves so many characters, else with a word."""


def lead_of(title: str, text: str) -> str:
    """The first sentences of the body text without a repetition of the title; at most `LEAD_CHARS` characters."""
    heading = " ".join(title.split())
    near_chars = _NEAR_CHARS + len(title)
    words = _body(heading, text[:near_chars])
    # So long, what follows changes neither the lead nor whether the title is repeated.
    if len(words) <= LEAD_CHARS + len(heading) and len(text) > near_chars:
        words = _body(heading, text[: _FAR_CHARS + len(title)])
    if len(words) <= LEAD_CHARS:
        return words
    return _cut(words)


def _body(heading: str, text: str) -> str:
    """The words of a text, one blank between two, without the heading before them."""
    words = " ".join(text.split())
    if heading and words.startswith(heading):
        words = words[len(heading) :].lstrip(" .:·|–—-")
    return words


def _cut(words: str) -> str:
    head = words[:LEAD_CHARS]
    end = 0
    for full_stop in _SENTENCE_END.finditer(head, _LEAST_CHARS - 1):
        end = full_stop.end()
    if end:
        return head[:end]
    whole = head[: LEAD_CHARS - 1]
    space = whole.rfind(" ")
    # Chinese has no spaces to cut at.
    if space >= _LEAST_CHARS:
        whole = whole[:space]
    return whole.rstrip(" ,;:，、；：") + "…"
