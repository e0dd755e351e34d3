"""Text to tokens: the words of a title or body as 32-bit numbers, comparable within and partly across languages.

Rules: NFKC, zero-width characters dropped, Chinese folded to simplified characters and the mainland's words and names,
quarters of a year written as Q1 to Q4, case folded, accents dropped (but not in Vietnamese, where they make the word).
Latin and Cyrillic words lose their endings and are cut at `STEM_LENGTH` letters; runs of scripts without spaces become
character bigrams. A word of `lexicon.CONCEPTS` becomes its concept, the same number in every language; a Germanic
compound that ends in one of `lexicon.COMPOUND_HEADS` becomes two tokens ("Bahnstreik": Bahn, strike). A letter with
digits is one token ("S24", "G20", "F-16"), but for a magnitude's.

Why no dictionary stemmer: cutting at a fixed length is nearly as good for matching in inflected languages (n-prefix
stemming, McNamee and Mayfield 2004), needs no data for a language, and costs a slice.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import NamedTuple
from zlib import crc32

import opencc

from aggregator.dedup import lexicon

STEM_LENGTH = 6
"""Letters kept of a Latin or Cyrillic word."""

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3007\u3040-\u30ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
)
"""Ranges of letters, for a pattern, of scripts that put no spaces between words, and of Korean, where words inflect."""
_LETTER = rf"[^\W\d_{UNSPACED}]"
_CODE = r"(?![Mm]-?\d\b)[A-Za-z]-?\d{1,4}(?:s\b)?(?![A-Za-z\d]|[.,]\d)"
_RUN = re.compile(
    rf"[{UNSPACED}]+|{_CODE}|\d+(?:[.,:/]\d+)*%?|{_LETTER}+(?:['’]{_LETTER}+)?"
)
_DIGIT = re.compile(r"\d")
_UNSPACED = re.compile(f"[{UNSPACED}]")
_INVISIBLE = dict.fromkeys(
    [0x00AD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, 0xFEFF]
)
_HAN = re.compile("[\u4e00-\u9fff]")


class Word(NamedTuple):
    """One token: `surface` as written, its number, and where its run starts in the text. A tuple, because a frozen
    dataclass takes four times as long to make, and a body has hundreds."""

    surface: str
    token: int
    start: int
    is_unspaced: bool


_VARIANT = re.compile("|".join(sorted(lexicon.VARIANTS, key=len, reverse=True)))
_QUARTER_HINT = re.compile("(?i:quart|trimest|кварт)|季度|四半期|분기|[1-4]Q|Q[1-4]FY")
_SPOKEN = "|".join(
    rf"(?P<q{number}>{words})" for number, words in enumerate(lexicon.ORDINALS, 1)
)
_QUARTER = re.compile(
    rf"(?i:(?<![\w.,])(?:{_SPOKEN})[- ](?:quarter|trimestre|quartals?|квартал[а-я]?)\b(?![- ]?(?:final|century)))"
    r"|(?<![\d十前续])第?(?P<han>[一二三四1-4])(?:季度|四半期)"
    r"|(?<![\d.,])(?P<digit>[1-4])(?:분기|Q(?:(?:\d\d)?(?![A-Za-z\d])|(?=FY\d\d)))"
    r"|(?<![A-Za-z\d])Q(?P<fiscal>[1-4])(?=FY\d\d)"
)


@cache
def _opencc(config: str) -> opencc.OpenCC:
    return opencc.OpenCC(config)


def _simplified(text: str) -> str:
    """Chinese in simplified characters and, where it was written in traditional ones, the mainland's words."""
    plain = str(_opencc("t2s").convert(text))
    return _VARIANT.sub(
        lambda found: lexicon.VARIANTS[found.group()],
        plain if plain == text else str(_opencc("tw2sp").convert(text)),
    )


def cleaned(text: str, *, lang: str) -> str:
    """`text` in NFKC without invisible characters, Chinese in simplified characters, quarters as Q1 to Q4."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_INVISIBLE)
        if lang[:2] in ("zh", "un", "yu", "") and _HAN.search(text):
            text = _simplified(text)
    return _QUARTER.sub(_quarter, text) if _may_hold_quarter(text) else text


def _may_hold_quarter(text: str) -> bool:
    if text.isascii() and "Q" not in text:
        lower = text.lower()
        return "quart" in lower or "trimest" in lower
    return _QUARTER_HINT.search(text) is not None


def _quarter(found: re.Match[str]) -> str:
    kind = str(found.lastgroup)
    number = (
        kind[1]
        if kind in ("q1", "q2", "q3", "q4")
        else lexicon.HAN_DIGITS.get(found[kind], found[kind])
    )
    before = found.string[max(found.start() - 1, 0) : found.start()]
    after = found.string[found.end() : found.end() + 1]
    return " " * _is_latin(before) + f"Q{number}" + " " * _is_latin(after)


def _is_latin(letter: str) -> bool:
    """Whether a letter or digit would run into what is written beside it."""
    return letter.isascii() and letter.isalnum()


def token(word: str) -> int:
    """A 32-bit number for a finished token."""
    return crc32(word.encode())


@lru_cache(maxsize=1 << 16)
def folded(word: str) -> str:
    """`word` in one case, without accents and without a possessive ending."""
    word = word.casefold()
    if not word.isascii():
        word = "".join(
            c
            for c in unicodedata.normalize("NFKD", word)
            if not unicodedata.combining(c)
        )
        word = (
            word.replace("’", "'")
            .replace("ß", "ss")
            .replace("ø", "o")
            .replace("ł", "l")
            .replace("đ", "d")
        )
    head, apostrophe, tail = word.partition("'")
    if not apostrophe:
        return word
    # l'Iran, d'Argent, qu'il keep the second part; Iran's, don't keep the first.
    return tail if len(head) <= 2 and len(tail) > 2 else head


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """A folded Latin or Cyrillic word without its ending, at most `STEM_LENGTH` letters."""
    if word.isascii():
        return _latin_stem(word)
    if "а" <= word[0] <= "я":
        return word[: min(STEM_LENGTH, max(4, len(word) - 2))]
    if word.startswith("ال") and len(word) > 4:
        word = word[2:]
    return word[:STEM_LENGTH]


def _latin_stem(word: str) -> str:
    if len(word) > STEM_LENGTH:
        word = word[: STEM_LENGTH + 1]
    for ending in ("ing", "ed", "es", "s"):
        if (
            word.endswith(ending)
            and len(word) - len(ending) >= 3
            and not word.endswith("ss")
        ):
            word = word[: -len(ending)]
            break
    if len(word) > 3 and word[-1] in "eaoy":
        word = word[:-1]
    return word[:STEM_LENGTH]


@lru_cache(maxsize=1 << 16)
def _spaced_token(surface: str, is_vietnamese: bool) -> int:
    if is_vietnamese:
        return token(unicodedata.normalize("NFC", surface.casefold()))
    word = folded(surface)
    if not word:
        return token(surface)
    concept = lexicon.CONCEPT_OF.get(word)
    return token("=" + concept) if concept else token(stem(word))


@lru_cache(maxsize=1 << 16)
def _bigram_token(bigram: str) -> int:
    concept = lexicon.CONCEPT_OF.get(bigram)
    return token("=" + concept) if concept else token(bigram)


_COMPOUNDING = frozenset(("de", "nl", "sv", "da", "nb", "nn", "no"))
_LEAST_PART = 4
"""Letters before a compound's head at least (a guess): "Auswahl" is none."""
_LONGEST_HEAD = max(map(len, lexicon.COMPOUND_HEADS))


@lru_cache(maxsize=1 << 14)
def _compound(word: str) -> int:
    """Where the head of a folded compound begins, if that is one of `lexicon.COMPOUND_HEADS`; else 0."""
    starts = range(max(_LEAST_PART, len(word) - _LONGEST_HEAD), len(word))
    return next(
        (start for start in starts if word[start:] in lexicon.COMPOUND_HEADS), 0
    )


def _parts(run: str, start: int) -> list[Word]:
    """A word of a compounding language as one token or two."""
    word = folded(run)
    cut = 0 if word in lexicon.CONCEPT_OF else _compound(word)
    if not cut:
        return [Word(run, _spaced_token(run, False), start, False)]
    spelled = run if len(run) == len(word) else word
    return [
        Word(part, _spaced_token(part, False), start, False)
        for part in (spelled[:cut], spelled[cut:])
    ]


class _SpacedTokens(dict[str, int]):
    """Words that stand for themselves, and their tokens: what a text holds most of, found by one look."""

    def note(self, run: str, number: int) -> None:
        if len(self) >= _SPACED_KEPT:
            self.clear()
        self[run] = number


_SPACED_KEPT = 1 << 16
_SPACED = {is_vietnamese: _SpacedTokens() for is_vietnamese in (False, True)}


def words(text: str, *, lang: str, limit: int) -> list[Word]:
    """The first `limit` tokens of a cleaned text, in order."""
    vietnamese, compounding = lang[:2] == "vi", lang[:2] in _COMPOUNDING
    known = {} if compounding else _SPACED[vietnamese]
    found: list[Word] = []
    at = 0
    for run in _RUN.findall(text):  # and where each stands: twice as fast as `finditer`
        at = text.index(run, at)
        number = known.get(run)
        if number is None:
            found.extend(_words_of(run, at, vietnamese, compounding))
        else:
            found.append(_new(Word, (run, number, at, False)))
        if len(found) >= limit:
            break
        at += len(run)
    return _without_dates(found)[:limit]


_new = tuple.__new__
"""Makes a `Word` in half the time that its own constructor takes."""


def _words_of(run: str, at: int, vietnamese: bool, compounding: bool) -> list[Word]:
    """The tokens of one run, none of a single letter."""
    first = run[0]
    if first >= "\u0e00" and _UNSPACED.match(first):
        return _bigrams(run, at)
    if first.isdigit():
        return [Word(run, token(run), at, False)]
    if not run.isalpha() and _DIGIT.search(run):
        code = run.removesuffix("s")
        return [Word(code, token(code.replace("-", "").casefold()), at, False)]
    if len(run) == 1 and not vietnamese:
        return []
    if compounding:
        return _parts(run, at) if len(run) > 1 else []
    number = _spaced_token(run, vietnamese)
    _SPACED[vietnamese].note(run, number)
    return [Word(run, number, at, False)]


_BETWEEN = frozenset(("st", "nd", "rd", "th", "er", "de", "of"))


def _without_dates(found: list[Word]) -> list[Word]:
    """The tokens without days of the year: every report of a day may name it, so it is no evidence of an event."""
    dates: set[int] = set()
    for i, word in enumerate(found):
        if word.surface[0].isdigit() and len(word.surface) <= 2:
            dates.update(_around(found, i))
    return [word for i, word in enumerate(found) if i not in dates] if dates else found


def _around(found: list[Word], day: int) -> list[int]:
    """The places of a day's number and of its month, which stands before or after it, if it has one."""
    after = day + 1
    while after < len(found) and found[after].surface in _BETWEEN:
        after += 1
    if after < len(found) and _is_month(found[after]):
        return list(range(day, after + 1))
    return [day - 1, day] if day and _is_month(found[day - 1]) else []


def _is_month(word: Word) -> bool:
    return word.surface[0] == "月" or folded(word.surface) in lexicon.MONTH_OF


def _bigrams(run: str, start: int) -> list[Word]:
    if len(run) == 1:
        return [Word(run, _bigram_token(run), start, True)]
    return [
        Word(run[i : i + 2], _bigram_token(run[i : i + 2]), start + i, True)
        for i in range(len(run) - 1)
    ]
