"""Text to tokens: the words of a title or body as 32-bit numbers, comparable within and partly across languages.

Rules: NFKC, zero-width characters dropped, Chinese folded to simplified characters and the mainland's words and names,
quarters of a year written as Q1 to Q4, case folded, accents dropped (but not in Vietnamese, where they make the word).
Latin, Cyrillic and Hindi words lose their endings, Arabic ones their article and the prepositions written with it,
Indonesian verbs their prefix, and all are cut at `STEM_LENGTH` letters; runs of scripts without spaces become character
bigrams, but for Japanese endings and particles and the small words of Chinese. A word of
`lexicon.CONCEPTS` becomes its concept, the same number in every language; a Germanic compound that ends in one of
`lexicon.COMPOUND_HEADS` becomes two tokens ("Bahnstreik": Bahn, strike). A letter with digits is one token ("S24",
"G20", "F-16"), but for a magnitude's.

Why no dictionary stemmer: cutting at a fixed length is nearly as good for matching in inflected languages (n-prefix
stemming, McNamee and Mayfield 2004), needs no data for a language, and costs a slice.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import chain, filterfalse
from typing import Any, NamedTuple
from zlib import crc32

import opencc

from aggregator.dedup import lexicon
from aggregator.inflection import ARABIC_LETTERS, plain_devanagari

STEM_LENGTH = 6
"""Letters kept of a Latin or Cyrillic word."""

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3007\u3040-\u30ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
)
"""Ranges of letters, for a pattern, of scripts that put no spaces between words, and of Korean, where words inflect."""
MARKS = "".join(
    letter
    for letter in map(chr, range(0x300, 0xE00))
    if unicodedata.category(letter) in ("Mn", "Mc")
)
"""What is written above, below and behind letters, and is no letter to Python's \\w: most vowels of India's scripts,
and the vowel points of Arabic and Hebrew."""
_LETTER = rf"[^\W\d_{UNSPACED}]"
_CODE = r"(?![Mm]-?\d\b)[A-Za-z]-?\d{1,4}(?:s\b)?(?![A-Za-z\d]|[.,]\d)"
_NUMBER = r"\d+(?:[.,:/]\d+)*%?"
_TAIL = rf"(?:['’]{_LETTER}+|[{MARKS}](?:{_LETTER}|[{MARKS}])*)?"
"""What else a word may hold. Marks are asked for where its letters end, since most texts have none."""


def _run_of(unspaced: str) -> re.Pattern[str]:
    """What finds runs, with a pattern for those of scripts without spaces."""
    # Most runs are words of two letters and more, so they come first; no code begins so.
    return re.compile(
        rf"{_LETTER}{{2,}}{_TAIL}|{unspaced}|{_CODE}|{_NUMBER}|{_LETTER}{_TAIL}"
    )


_RUN = _run_of(f"[{UNSPACED}]+")
_JAPANESE_RUN = _run_of(
    "[\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+"
    "|[\u30a1-\u30fa\u30fc-\u30ff]+|[\u3041-\u3096]{3,}(?=[市町村区駅])"
    "|[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\uac00-\ud7af]+"
)
"""In Japanese words end where the script changes, and what is in hiragana is endings, particles and small words, but
for towns' names (いわき市)."""


def _without(letters: str) -> str:
    """`UNSPACED` without some Chinese characters, which a pattern passes over faster so than one by one."""
    parts: list[str] = []
    start = "\u4e00"
    for letter in sorted(letters):
        parts.append(f"{start}-{chr(ord(letter) - 1)}")
        start = chr(ord(letter) + 1)
    parts.append(f"{start}-\u9fff")
    return UNSPACED.replace("\u4e00-\u9fff", "".join(parts))


_CHINESE_RUN = _run_of(f"被[捕拒]|[{_without(lexicon.HAN_PARTICLES)}]+")
"""In Chinese small words of one character end the others' runs: the two letters across are no word. Arrested and
refused are concepts."""
_RUNS_OF = {
    "ja": _JAPANESE_RUN,
    "zh": _CHINESE_RUN,
    "yu": _CHINESE_RUN,
}
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


_LONGEST_FIRST = sorted(lexicon.VARIANTS, key=len, reverse=True)
_VARIANT = re.compile("|".join(_LONGEST_FIRST))
_QUARTER_HINT = re.compile(
    "(?i:[- ](?:quart|trimest|кварт))|季度|四半期|분기|[1-4]Q|Q[1-4]FY"
)
_FISCAL_HINT = re.compile("Q(?:(?<=[1-4]Q)|[1-4]FY)")
"""Its last two parts, found in less time by their common letter."""
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
    """`text` in NFKC without invisible characters, Chinese in simplified characters, quarters as Q1 to Q4, digits as
    0 to 9 where a language writes them in two ways."""
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
        # Chinese, Cantonese or a language that is not known; Japanese has characters of its own.
        if lang[:2] in ("zh", "un", "yu", "") and _HAN.search(text):
            text = _simplified(text)
        if lang[:2] in _WITH_DIGITS and _OTHER_DIGIT.search(text):
            text = text.translate(_DIGITS)
    if _may_hold_quarter(text):
        text = _QUARTER.sub(_quarter, text)
    return text


_WITH_DIGITS = frozenset(("ar", "fa", "ur", "ps", "ck", "hi", "mr", "ne", "bn", "as"))
"""Languages that have digits of their own, and write others' as well (ckb by its first letters)."""
_DIGITS = {
    zero + digit: str(digit)
    for zero in (0x660, 0x6F0, 0x966, 0x9E6)
    for digit in range(10)
}
_OTHER_DIGIT = re.compile(f"[{''.join(map(chr, _DIGITS))}]")
"""Looked for first, since to translate a text takes a look at each of its letters."""


def _may_hold_quarter(text: str) -> bool:
    """Looked for first, by substring where that does: the whole pattern is slow, and few texts hold a quarter."""
    if "Q" in text and _FISCAL_HINT.search(text):
        return True
    if not text.isascii() and _holds_any(text, _TURKISH):
        return _QUARTER_HINT.search(text) is not None
    lower = text.lower()
    hints = _ASCII_HINTS if text.isascii() else _HINTS
    return _holds_any(lower, hints)


def _holds_any(text: str, some: Iterable[str]) -> bool:
    """Whether a text holds any of these: each look costs less than a pattern's at each letter."""
    return any(map(text.__contains__, some))


_ASCII_HINTS = (" quart", "-quart", " trimest", "-trimest")
"""None in "headquarters"."""
_HINTS = (*_ASCII_HINTS, " кварт", "-кварт", "季度", "四半期", "분기")
_TURKISH = "İı"
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


_FOLDED = ARABIC_LETTERS | str.maketrans(
    {
        "’": "'",
        "ß": "ss",
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ı": "i",
        "œ": "oe",
        "æ": "ae",
    }
)
"""Letters that Unicode does not take apart, and such as are written for one another."""


def folded(word: str, rules: str = "") -> str:
    """`word` in one case, without accents and without a possessive ending; `rules` are those of `_RULES`."""
    word = word.casefold()
    if not word.isascii():
        word = _without_accents(word)
    head, apostrophe, tail = word.partition("'")
    if not apostrophe:
        return word
    # Ukrainian writes it inside words: об'єкт, п'ять.
    if "а" <= head[:1] <= "ґ":
        return head + tail
    # Turkish writes it behind names, however short: AB'nin.
    if rules == "tr":
        return head
    # l'Iran, d'Argent, qu'il keep the second part; Iran's, don't keep the first.
    if len(head) <= 2 and len(tail) > 2:
        return tail
    return head


@lru_cache(maxsize=1 << 12)
def _without_accents(word: str) -> str:
    decomposed = unicodedata.normalize("NFKD", plain_devanagari(word))
    letters = filterfalse(unicodedata.combining, decomposed)
    return "".join(letters).translate(_FOLDED)


def stem(word: str, rules: str = "") -> str:
    """A folded word without its ending or what is written before it as one word, at most `STEM_LENGTH` letters."""
    if word.isascii():
        if rules == "id":
            word = _indonesian_stem(word)
        return _latin_stem(word)
    # Russian and its neighbours decline by the last one or two letters.
    if "а" <= word[0] <= "я":
        length = max(4, len(word) - 2)
        return word[: min(STEM_LENGTH, length)]
    if "\u0620" <= word[0] <= "\u064a":
        word = _arabic_stem(word)
    elif "\u0900" <= word[0] <= "\u097f":
        word = _hindi_stem(word)
    return word[:STEM_LENGTH]


_ARABIC_PREFIXES = ("وال", "بال", "كال", "فال", "لل", "ال")
"""And the, in the, like the, so the, for the, the."""


def _arabic_stem(word: str) -> str:
    """Without the article and what is written before it."""
    for prefix in _ARABIC_PREFIXES:
        if word.startswith(prefix) and len(word) - len(prefix) > 2:
            return word[len(prefix) :]
    return word


_HINDI_ENDINGS = "\u0902\u093e\u093f\u0940\u0941\u0942\u0947\u0948\u094b\u094c"
"""The vowel signs, from aa to au, and the dot of a nasal vowel."""


def _hindi_stem(word: str) -> str:
    """Without the vowel signs at its end, by which number, gender and case are told."""
    bare = word.rstrip(_HINDI_ENDINGS)
    return bare if len(bare) > 1 else word


_VERBAL = re.compile("memper|diper|me(?:ng|ny|[nm])?|[bt]er|di")
"""What Indonesian verbs begin with: who does it, who it is done to, or how it is."""
_LEAST_ROOT = 4
"""Letters behind that at least: 3 are left of Medan and Berlin (a guess)."""
_VOICED = {"men": "t", "mem": "p", "meny": "s"}
"""What a root begins with that begins with a vowel behind these: menangkap, of tangkap."""


def _indonesian_stem(word: str) -> str:
    """Without a verb's prefix and the possessive: menangkap, ditangkap and tertangkap are of tangkap. Cut at their
    beginning, most would be their prefix alone."""
    if word.endswith("nya") and len(word) > 6:
        word = word.removesuffix("nya")
    verbal = _VERBAL.match(word)
    if verbal is None or len(word) - verbal.end() < _LEAST_ROOT:
        return word
    root = word[verbal.end() :]
    if root[0] in "aeiou":
        return _VOICED.get(verbal.group(), "") + root
    return root


_ENDINGS = ("ing", "ed", "es", "s")


def _latin_stem(word: str) -> str:
    if len(word) > STEM_LENGTH:
        word = word[: STEM_LENGTH + 1]
    # "ss" is no plural.
    if word.endswith(_ENDINGS) and not word.endswith("ss"):
        word = _without_ending(word)
    # "strike" and "strik(ing)", "casa" and "cas(as)".
    if len(word) > 3 and word[-1] in "eaoy":
        word = word[:-1]
    return word[:STEM_LENGTH]


def _without_ending(word: str) -> str:
    for ending in _ENDINGS:
        # "bus", "red", "king" are whole.
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word


_OPEN = re.compile("(?<!q)(?:o[àáảãạèéẻẽẹ]|u[ỳýỷỹỵ])$")
"""The end of a Vietnamese syllable whose tone some write on the first of its vowels, others on the second."""


def _vietnamese(word: str) -> str:
    """A word in small letters, its tone written where most write it: hoà is hòa."""
    small = unicodedata.normalize("NFC", word.casefold())
    if not _OPEN.search(small):
        return small
    vowel_and_tone = unicodedata.normalize("NFD", small[-1])
    moved = small[:-1] + vowel_and_tone[1] + vowel_and_tone[0]
    return unicodedata.normalize("NFC", moved)


def _spaced_token(surface: str, rules: str) -> int:
    # Accents make the word, and there are no endings to cut.
    if rules == "vi":
        return token(_vietnamese(surface))
    word = folded(surface, rules)
    if not word:
        return token(surface)
    return _CONCEPT_TOKENS.get(word) or token(stem(word, rules))


def _bigram_tokens(bigrams: list[str]) -> list[int]:
    # All at once: to remember them would take as long.
    numbers = map(crc32, map(str.encode, bigrams))
    return list(map(_CONCEPT_TOKENS.get, bigrams, numbers))


def _concept_token(concept: str) -> int:
    # Marked, so that the concept's name in one language is no word of another.
    return token("=" + concept)


_CONCEPT_TOKENS = {
    word: _concept_token(concept) for word, concept in lexicon.CONCEPT_OF.items()
}
"""Of the words that are a concept."""


_RULES: dict[str, str] = {
    **dict.fromkeys(("de", "nl", "sv", "da", "nb", "nn", "no"), "de"),
    **dict.fromkeys(("id", "ms"), "id"),
    **dict.fromkeys(("tr", "az"), "tr"),
    "vi": "vi",
}
"""Language → the one whose rules its words are cut by, where these are not those of most."""


@cache
def _rules(lang: str) -> str:
    """By which language's rules words are cut: empty for those of most."""
    return _RULES.get(lang[:2], "")


_LEAST_PART = 4
"""Letters before a compound's head at least (a guess): "Auswahl" is none."""
_LONGEST_HEAD = max(map(len, lexicon.COMPOUND_HEADS))


def _compound(word: str) -> int:
    """Where the head of a folded compound begins, if that is one of `lexicon.COMPOUND_HEADS`; else 0."""
    first = max(_LEAST_PART, len(word) - _LONGEST_HEAD)
    for start in range(first, len(word)):
        if word[start:] in lexicon.COMPOUND_HEADS:
            return start
    return 0


def _parts(run: str) -> list[tuple[str, int]]:
    """A word of a compounding language as one token or two."""
    word = folded(run)
    # A concept is known as a whole: "Waldbrand" is a wildfire, not a "Brand" beside a "Wald".
    cut = 0 if word in lexicon.CONCEPT_OF else _compound(word)
    if not cut:
        return [(run, _spaced_token(run, "de"))]
    # Folding may lengthen a word ("ß"): then the cut fits only the folded one.
    spelled = run if len(run) == len(word) else word
    parts = (spelled[:cut], spelled[cut:])
    return [(part, _spaced_token(part, "de")) for part in parts]


def words(
    text: str,
    *,
    lang: str,
    limit: int,
) -> list[Word]:
    """The first `limit` tokens of a cleaned text, in order."""
    rules = _rules(lang)
    read: list[Word] = []
    at = 0
    # And where each stands: twice as fast as `finditer`.
    for run in _runs(text, lang):
        at = text.index(run, at)
        start = at
        # Of a script without spaces each letter begins a token of its own.
        step = int(_is_unspaced(run))
        for surface, number in _read(run, rules):
            read.append(Word(surface, number, start))
            start += step
        if len(read) >= limit:
            break
        at += len(run)
    dates = _dates([word.surface for word in read])
    return [word for i, word in enumerate(read) if i not in dates][:limit]


def _runs(text: str, lang: str) -> list[str]:
    """What a text's tokens are made of."""
    if text.isascii():
        return _ASCII_RUN.findall(text)
    pattern = _RUNS_OF.get(lang[:2], _RUN)
    # A headline may be of small words alone: さくらまつり.
    return pattern.findall(text) or _RUN.findall(text)


class Tokens(NamedTuple):
    """The tokens of a text, as it writes them and as numbers.

    `are_runs` says that each is known to be a run of a spaced script, written as it stands there; `is_all` that none is
    known to be cut off by the limit.
    """

    surfaces: list[str]
    numbers: list[int]
    are_runs: bool
    is_all: bool


def tokens(
    text: str,
    *,
    lang: str,
    limit: int,
) -> Tokens:
    """The same as `words`, where nobody asks where they stand: with spaced scripts in a sixth of the time or
    less, where most words are known."""
    if not text.isascii() and _UNSPACED.search(text):
        return _run_by_run(text, lang, limit)
    known = _chunks(lang)
    pairs = list(chain.from_iterable(map(known.__getitem__, text.split())))
    surfaces = pairs[::2]
    numbers = pairs[1::2]
    is_all = len(numbers) <= limit
    compounding = _rules(lang) == "de"
    if not is_all:
        # Of a compound at the limit both parts are looked at.
        if compounding:
            return _run_by_run(text, lang, limit)
        del surfaces[limit:], numbers[limit:]
    # Of a text in ASCII one look tells whether any may be a day; other scripts have digits of their own.
    if not text.isascii() or not _DAYS.isdisjoint(surfaces):
        _leave_out_dates(surfaces, numbers)
    return Tokens(surfaces, numbers, not compounding, is_all)


def _run_by_run(
    text: str,
    lang: str,
    limit: int,
) -> Tokens:
    """The same, for a text that is no row of words with spaces between them."""
    rules = _rules(lang)
    surfaces: list[str] = []
    numbers: list[int] = []
    for run in _runs(text, lang):
        if _is_unspaced(run):
            bigrams = _bigrams(run)
            surfaces += bigrams
            numbers += _bigram_tokens(bigrams)
        else:
            for surface, number in _read(run, rules):
                surfaces.append(surface)
                numbers.append(number)
        if len(numbers) >= limit:
            break
    _leave_out_dates(surfaces, numbers)
    return Tokens(surfaces[:limit], numbers[:limit], are_runs=False, is_all=False)


def beginning(
    text: str,
    *,
    lang: str,
    limit: int,
) -> str | None:
    """A text of spaced scripts up to the end of its first `limit` tokens; None when that is amid what stands between
    two spaces."""
    known = _chunks(lang)
    left = limit
    for place, chunk in enumerate(text.split(), 1):
        left -= len(known[chunk]) // 2
        if left == 0:
            rest = text.split(None, place)[place:]
            return text.removesuffix("".join(rest))
        if left < 0:
            return None
    return text


class _Chunks(dict[str, tuple[Any, ...]]):
    """The tokens of what stands between two spaces, surface and number of each in turn. A text says mostly what others
    said: one look then gives what a pattern and several steps would.

    No token holds a space, and none depends on what stands behind one.
    """

    def __init__(self, rules: str) -> None:
        super().__init__()
        self._rules = rules

    def __missing__(self, chunk: str) -> tuple[Any, ...]:
        # Most are known but for what stands around them ("more."), and one place for all of these leaves room.
        bare = chunk.strip(_AROUND_WORDS)
        pairs = self.get(bare)
        if pairs is None:
            pairs = self._pairs(bare)
            self._keep(bare, pairs)
        return pairs

    def _keep(self, bare: str, pairs: tuple[Any, ...]) -> None:
        if len(bare) > _LONGEST_KEPT:
            return
        # Emptied whole when full: a cache that keeps the order of use costs more than a look.
        if len(self) >= _CHUNKS_KEPT:
            self.clear()
        self[bare] = pairs

    def _pairs(self, chunk: str) -> tuple[Any, ...]:
        # Most are one word and one token, which no pattern need find.
        if chunk.isalpha() and len(chunk) > 1 and self._rules != "de":
            return chunk, _spaced_token(chunk, self._rules)
        pairs: list[str | int] = []
        for run in _runs(chunk, self._rules):
            for pair in _read(run, self._rules):
                pairs += pair
        return tuple(pairs)


_AROUND_WORDS = '.,;:!?()"“”«»…'
"""Part of no token where a chunk begins or ends."""
_LONGEST_KEPT = 30
"""Characters of a chunk that is kept: longer ones, most of them addresses, seldom come again."""
_CHUNKS_KEPT = 1 << 14
"""In each of five: 3.0 MB when full. Of chunks of real feeds 82 in 100 were known so, 88 with four times as many."""


@cache
def _chunks_by(rules: str) -> _Chunks:
    return _Chunks(rules)


def _chunks(lang: str) -> _Chunks:
    """What is known of a language's chunks."""
    return _chunks_by(_rules(lang))


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


def _read(
    run: str,
    rules: str,
) -> list[tuple[str, int]]:
    """Surface and number of each token of one run, none of a single letter."""
    if _is_unspaced(run):
        bigrams = _bigrams(run)
        return list(zip(bigrams, _bigram_tokens(bigrams), strict=True))
    if run[0].isdigit():
        return [(run, token(run))]
    # "F-16s" and "F16" are one name.
    if not run.isalpha() and _DIGIT.search(run):
        code = run.removesuffix("s")
        return [(code, token(code.replace("-", "").casefold()))]
    # Vietnamese has words of one letter ("ý", "ở").
    if len(run) == 1 and rules != "vi":
        return []
    if rules == "de":
        return _parts(run)
    return [(run, _spaced_token(run, rules))]


_DAYS = frozenset(str(day) for day in range(100)) | {f"0{day}" for day in range(10)}
_BETWEEN = frozenset(("st", "nd", "rd", "th", "er", "de", "of"))


def _leave_out_dates(surfaces: list[str], numbers: list[int]) -> None:
    """Takes days of the year out of both."""
    for place in sorted(_dates(surfaces), reverse=True):
        del surfaces[place], numbers[place]


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
    if after < len(surfaces) and is_month(surfaces[after]):
        return list(range(day, after + 1))
    if day and is_month(surfaces[day - 1]):
        return [day - 1, day]
    return []


_MONTHS = frozenset(map(folded, lexicon.MONTH_OF))


def is_month(surface: str) -> bool:
    """Whether a token may be the month of a date."""
    return surface[0] in "月월" or folded(surface) in _MONTHS


def _is_unspaced(run: str) -> bool:
    """Whether a run is of a script that puts no spaces between words."""
    # The comparison spares most words the pattern.
    return run[0] >= "\u0e00" and _UNSPACED.match(run) is not None


def _bigrams(run: str) -> list[str]:
    # A character between digits or signs stands alone.
    if len(run) == 1:
        return [run]
    return list(map(str.__add__, run, run[1:]))
