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
from itertools import compress, filterfalse
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
_NUMBER = r"\d+(?:[.,:/]\d+)*%?"
_RUN = re.compile(
    # Most runs are words of two letters and more, so they come first; no code begins so.
    rf"{_LETTER}{{2,}}(?:['’]{_LETTER}+)?"
    rf"|[{UNSPACED}]+|{_CODE}|{_NUMBER}|{_LETTER}(?:['’]{_LETTER}+)?",
)
_ASCII_RUN = re.compile(
    rf"[A-Za-z]{{2,}}(?:'[A-Za-z]+)?|{_CODE}|{_NUMBER}|[A-Za-z](?:'[A-Za-z]+)?",
    re.ASCII,
)
"""The same for a text in ASCII, in two thirds of the time."""
_DIGIT = re.compile(r"\d")
_UNSPACED = re.compile(f"[{UNSPACED}]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]")
_HAN = re.compile("[\u4e00-\u9fff]")


class Word(NamedTuple):
    """One token: `surface` as written, its number, and where its run starts in the text. A tuple, because a frozen
    dataclass takes four times as long to make, and a body has hundreds."""

    surface: str
    token: int
    start: int
    is_unspaced: bool


_LONGEST_FIRST = sorted(lexicon.VARIANTS, key=len, reverse=True)
_VARIANT = re.compile("|".join(_LONGEST_FIRST))
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
    simplified = str(_opencc("t2s").convert(text))
    # Only of what was traditional: the mainland uses some of Taiwan's words for other things.
    if simplified != text:
        simplified = str(_opencc("tw2sp").convert(text))
    return _VARIANT.sub(_mainland_name, simplified)


def _mainland_name(variant: re.Match[str]) -> str:
    return lexicon.VARIANTS[variant.group()]


def cleaned(
    text: str,
    *,
    lang: str,
) -> str:
    """`text` in NFKC without invisible characters, Chinese in simplified characters, quarters as Q1 to Q4."""
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
        # Chinese, Cantonese or a language that is not known; Japanese has characters of its own.
        if lang[:2] in ("zh", "un", "yu", "") and _HAN.search(text):
            text = _simplified(text)
    if _may_hold_quarter(text):
        text = _QUARTER.sub(_quarter, text)
    return text


def _may_hold_quarter(text: str) -> bool:
    """Looked for first, by substring where that does: the whole pattern is slow, and few texts hold a quarter."""
    if "Q" in text or _TURKISH.search(text):
        return _QUARTER_HINT.search(text) is not None
    lower = text.lower()
    hints = _ASCII_HINTS if text.isascii() else _HINTS
    return any(map(lower.__contains__, hints))


_ASCII_HINTS = ("quart", "trimest")
_HINTS = (*_ASCII_HINTS, "кварт", "季度", "四半期", "분기")
_TURKISH = re.compile("[İı]")
"""What a pattern takes for another case of "i", where small letters are no such thing."""


def _quarter(match: re.Match[str]) -> str:
    kind = str(match.lastgroup)
    # Ordinals in words have a group for each quarter; others say the number themselves.
    if kind in ("q1", "q2", "q3", "q4"):
        number = kind[1]
    else:
        number = lexicon.HAN_DIGITS.get(match[kind], match[kind])
    before = match.string[max(match.start() - 1, 0) : match.start()]
    after = match.string[match.end() : match.end() + 1]
    # Chinese writes it into the run of characters, where "Q1" needs room to be a token.
    return " " * _is_latin(before) + f"Q{number}" + " " * _is_latin(after)


def _is_latin(letter: str) -> bool:
    """Whether a letter or digit would run into what is written beside it."""
    return letter.isascii() and letter.isalnum()


def token(word: str) -> int:
    """A 32-bit number for a finished token."""
    return crc32(word.encode())


_FOLDED = str.maketrans(
    {
        "’": "'",
        "ß": "ss",
        "ø": "o",
        "ł": "l",
        "đ": "d",
    }
)
"""Letters that Unicode does not take apart."""


@lru_cache(maxsize=1 << 16)
def folded(word: str) -> str:
    """`word` in one case, without accents and without a possessive ending."""
    word = word.casefold()
    if not word.isascii():
        decomposed = unicodedata.normalize("NFKD", word)
        letters = filterfalse(unicodedata.combining, decomposed)
        word = "".join(letters).translate(_FOLDED)
    head, apostrophe, tail = word.partition("'")
    if not apostrophe:
        return word
    # l'Iran, d'Argent, qu'il keep the second part; Iran's, don't keep the first.
    if len(head) <= 2 and len(tail) > 2:
        return tail
    return head


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """A folded Latin or Cyrillic word without its ending, at most `STEM_LENGTH` letters."""
    if word.isascii():
        return _latin_stem(word)
    # Russian and its neighbours decline by the last one or two letters.
    if "а" <= word[0] <= "я":
        length = max(4, len(word) - 2)
        return word[: min(STEM_LENGTH, length)]
    # Arabic writes its article and the noun as one word.
    if word.startswith("ال") and len(word) > 4:
        word = word[2:]
    return word[:STEM_LENGTH]


def _latin_stem(word: str) -> str:
    if len(word) > STEM_LENGTH:
        word = word[: STEM_LENGTH + 1]
    for ending in ("ing", "ed", "es", "s"):
        # "bus", "red", "king" are whole, and "ss" is no plural.
        is_whole = len(word) - len(ending) < 3 or word.endswith("ss")
        if word.endswith(ending) and not is_whole:
            word = word[: -len(ending)]
            break
    # "strike" and "strik(ing)", "casa" and "cas(as)".
    if len(word) > 3 and word[-1] in "eaoy":
        word = word[:-1]
    return word[:STEM_LENGTH]


@lru_cache(maxsize=1 << 16)
def _spaced_token(surface: str, is_vietnamese: bool) -> int:
    # Accents make the word, and there are no endings to cut.
    if is_vietnamese:
        return token(unicodedata.normalize("NFC", surface.casefold()))
    word = folded(surface)
    if not word:
        return token(surface)
    concept = lexicon.CONCEPT_OF.get(word)
    if concept:
        return _concept_token(concept)
    return token(stem(word))


@lru_cache(maxsize=1 << 16)
def _bigram_token(bigram: str) -> int:
    concept = lexicon.CONCEPT_OF.get(bigram)
    if concept:
        return _concept_token(concept)
    return token(bigram)


def _concept_token(concept: str) -> int:
    # Marked, so that the concept's name in one language is no word of another.
    return token("=" + concept)


_COMPOUNDING = frozenset(("de", "nl", "sv", "da", "nb", "nn", "no"))
_LEAST_PART = 4
"""Letters before a compound's head at least (a guess): "Auswahl" is none."""
_LONGEST_HEAD = max(map(len, lexicon.COMPOUND_HEADS))


@lru_cache(maxsize=1 << 14)
def _compound(word: str) -> int:
    """Where the head of a folded compound begins, if that is one of `lexicon.COMPOUND_HEADS`; else 0."""
    first = max(_LEAST_PART, len(word) - _LONGEST_HEAD)
    for start in range(first, len(word)):
        if word[start:] in lexicon.COMPOUND_HEADS:
            return start
    return 0


def _parts(run: str, start: int) -> list[Word]:
    """A word of a compounding language as one token or two."""
    word = folded(run)
    # A concept is known as a whole: "Waldbrand" is a wildfire, not a "Brand" beside a "Wald".
    cut = 0 if word in lexicon.CONCEPT_OF else _compound(word)
    if not cut:
        return [Word(run, _spaced_token(run, False), start, False)]
    # Folding may lengthen a word ("ß"): then the cut fits only the folded one.
    spelled = run if len(run) == len(word) else word
    parts = (spelled[:cut], spelled[cut:])
    return [Word(part, _spaced_token(part, False), start, False) for part in parts]


class _Numbers(dict[str, int]):
    """The tokens of runs of spaced scripts, 0 for one that is none: what a text holds most of, found by one look."""

    def __init__(self, is_vietnamese: bool) -> None:
        super().__init__()
        self._is_vietnamese = is_vietnamese

    def __missing__(self, run: str) -> int:
        # Emptied whole when full: a cache that keeps the order of use costs more than a look.
        if len(self) >= _NUMBERS_KEPT:
            self.clear()
        read = _words_of(run, 0, self._is_vietnamese, compounding=False)
        number = self[run] = read[0].token if read else 0
        return number


_NUMBERS_KEPT = 1 << 16
_NUMBERS = {is_vietnamese: _Numbers(is_vietnamese) for is_vietnamese in (False, True)}


def words(
    text: str,
    *,
    lang: str,
    limit: int,
) -> list[Word]:
    """The first `limit` tokens of a cleaned text, in order."""
    vietnamese = lang[:2] == "vi"
    compounding = lang[:2] in _COMPOUNDING
    # One word may be two tokens there, and a known word is one.
    known: dict[str, int] = {} if compounding else _NUMBERS[vietnamese]
    read: list[Word] = []
    at = 0
    # And where each stands: twice as fast as `finditer`.
    for run in _runs(text):
        at = text.index(run, at)
        number = known.get(run)
        # A code ("F-16s") is written shorter than it stands.
        if number and run.isalpha():
            read.append(_new(Word, (run, number, at, False)))
        else:
            read.extend(_words_of(run, at, vietnamese, compounding))
        if len(read) >= limit:
            break
        at += len(run)
    dates = _dates([word.surface for word in read])
    return [word for i, word in enumerate(read) if i not in dates][:limit]


def _runs(text: str) -> list[str]:
    """What a text's tokens are made of."""
    pattern = _ASCII_RUN if text.isascii() else _RUN
    return pattern.findall(text)


class Tokens(NamedTuple):
    """The tokens of a text, as it writes them and as numbers. `is_all` says that these are all runs of a spaced script
    that the text has: none was cut off by the limit, and no date was left out."""

    surfaces: list[str]
    numbers: list[int]
    is_all: bool


def tokens(
    text: str,
    *,
    lang: str,
    limit: int,
) -> Tokens:
    """The same as `words`, where nobody asks where they stand: with spaced scripts in a quarter of the time."""
    is_spaced = text.isascii() or not _UNSPACED.search(text)
    if not is_spaced or lang[:2] in _COMPOUNDING:
        read = words(text, lang=lang, limit=limit)
        return Tokens(
            [word.surface for word in read],
            [word.token for word in read],
            is_all=False,
        )
    runs = _runs(text)
    numbers = list(map(_NUMBERS[lang[:2] == "vi"].__getitem__, runs))
    surfaces = list(compress(runs, numbers))
    numbers = list(filter(None, numbers))
    is_whole = len(numbers) <= limit
    if not is_whole:
        del surfaces[limit:], numbers[limit:]
    # Other scripts have digits of their own.
    if text.isascii() and not _holds_day(text, surfaces):
        return Tokens(surfaces, numbers, is_whole)
    dates = _dates(surfaces)
    is_kept = [i not in dates for i in range(len(surfaces))]
    # Of a month's name one may stand in a date, and another not.
    return Tokens(
        list(compress(surfaces, is_kept)),
        list(compress(numbers, is_kept)),
        is_whole and not dates,
    )


_PLAIN = re.compile(rf"{_LETTER}{{2,}}|{_LETTER}+['’]{_LETTER}+")
_GOES_ON = re.compile(rf"['’]?{_LETTER}")
_GOES_ON_WITH_LETTERS = re.compile(_LETTER)


def is_plain(run: str) -> bool:
    """Whether a run is a word of letters, with an apostrophe at most, and no code."""
    return _PLAIN.fullmatch(run) is not None


def stands_behind_word(run: str, text: str) -> bool:
    """Whether a plain run of a text of spaced scripts stands in it right behind a letter and a space."""
    goes_on = _GOES_ON
    if "'" in run or "’" in run:
        goes_on = _GOES_ON_WITH_LETTERS
    # No run holds a space: what stands behind one begins there.
    sought = f" {run}"
    at = text.find(sought, 1)
    while at >= 0:
        end = at + len(sought)
        if text[at - 1].isalpha() and not goes_on.match(text, end):
            return True
        at = text.find(sought, end)
    return False


def _holds_day(text: str, surfaces: list[str]) -> bool:
    """Whether a text in ASCII holds what may be the day of a date. Many hold no digit at all, which costs one look."""
    return bool(_DIGIT.search(text)) and not _DAYS.isdisjoint(surfaces)


_new = tuple.__new__
"""Makes a `Word` in half the time that its own constructor takes."""


def _words_of(
    run: str,
    at: int,
    vietnamese: bool,
    compounding: bool,
) -> list[Word]:
    """The tokens of one run, none of a single letter."""
    first = run[0]
    # The comparison spares most words the pattern.
    if first >= "\u0e00" and _UNSPACED.match(first):
        return _bigrams(run, at)
    if first.isdigit():
        return [Word(run, token(run), at, False)]
    # "F-16s" and "F16" are one name.
    if not run.isalpha() and _DIGIT.search(run):
        code = run.removesuffix("s")
        number = token(code.replace("-", "").casefold())
        return [Word(code, number, at, False)]
    # Vietnamese has words of one letter ("ý", "ở").
    if len(run) == 1 and not vietnamese:
        return []
    if compounding:
        return _parts(run, at)
    return [Word(run, _spaced_token(run, vietnamese), at, False)]


_DAYS = frozenset(str(day) for day in range(100)) | {f"0{day}" for day in range(10)}
_BETWEEN = frozenset(("st", "nd", "rd", "th", "er", "de", "of"))


def _dates(surfaces: list[str]) -> set[int]:
    """The places of days of the year: every report of a day may name it, so it is no evidence of an event."""
    dates: set[int] = set()
    for i, surface in enumerate(surfaces):
        # Few words are so short, and asking for the length costs less.
        if len(surface) <= 2 and surface[0].isdigit():
            dates.update(_around(surfaces, i))
    return dates


def _around(
    surfaces: list[str],
    day: int,
) -> list[int]:
    """The places of a day's number and of its month, which stands before or after it, if it has one."""
    after = day + 1
    while after < len(surfaces) and surfaces[after] in _BETWEEN:
        after += 1
    if after < len(surfaces) and _is_month(surfaces[after]):
        return list(range(day, after + 1))
    if day and _is_month(surfaces[day - 1]):
        return [day - 1, day]
    return []


def _is_month(surface: str) -> bool:
    return surface[0] == "月" or folded(surface) in lexicon.MONTH_OF


def _bigrams(run: str, start: int) -> list[Word]:
    # A character between digits or signs stands alone.
    if len(run) == 1:
        return [Word(run, _bigram_token(run), start, True)]
    bigrams = map(str.__add__, run, run[1:])
    return [
        Word(bigram, _bigram_token(bigram), at, True)
        for at, bigram in enumerate(bigrams, start)
    ]
