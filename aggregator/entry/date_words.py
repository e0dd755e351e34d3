"""Words that name a month or a day of the week: what they mean in a feed's language, and how they are compared."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

_MARKS = str.maketrans({"ı": "i", "ς": "σ"} | dict.fromkeys(".'`´’ʼ׳״", ""))
"""Marks of abbreviation and elision are nothing: сен., ינו׳, d'octubre. KASIM in lower case is not kasım; a sigma at
the end is one sigma more."""
_SAME_LANGUAGE = {
    "no": "nb",
    "iw": "he",
    "in": "id",
    "sh": "hr",
    "mo": "ro",
}
"""Tags that stand for those of the tables."""


@dataclass(frozen=True, slots=True)
class DateWords:
    """Names and their numbers: words of one meaning in all languages, and those that differ by the language."""

    agreed: Mapping[str, int]
    differing: Mapping[str, Mapping[int, str]]

    def __contains__(self, word: object) -> bool:
        return word in self.agreed or word in self.differing

    def meant(self, word: str, language: str) -> frozenset[int]:
        """What a folded word can mean in a feed of this language (lower case, or ''); more than one: it is in doubt."""
        if word in self.agreed:
            return frozenset({self.agreed[word]})
        primary = language.partition("-")[0]
        primary = _SAME_LANGUAGE.get(primary, primary)
        meanings = self.differing.get(word, {})
        own = [
            number
            for number, languages in meanings.items()
            if primary in languages.split()
        ]
        return frozenset(own or meanings)


def folded(word: str) -> str:
    """As the tables have it: without dots, apostrophes and accents."""
    word = word.translate(_MARKS)
    if word.isascii():
        return word
    letters = unicodedata.normalize("NFD", word)
    bare = re.sub("[\u0300-\u036f]+", "", letters)
    return unicodedata.normalize("NFC", bare)
