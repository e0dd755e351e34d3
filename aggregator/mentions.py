"""Does a text mention what someone asked for? The one matcher of queues, of the page and of search.

What an item of `words` may be (README, Words):

- `earthquake`: the word in any form of number and case, in any letter case, with accents or without, in traditional or
  simplified characters; a part of a German compound; a run of letters where the script puts no spaces between words.
- `climate change`, `"climate change"`: the words next to each other in this order, whatever white space is between.
- `e-mail`, `F16`, `iPhone 17`: with a hyphen, a blank, or nothing between.
- `WHO`: two to four capitals are a name, and "who" is none; "Nato" is found by `NATO`, too.
- `=Exact`: as written: this letter case, these accents, this form.
- `quake*`: every word that begins so.
- `title:quake`: in the title only. `-quake`: not if this is there. These come before `=`: `-title:=US`.

Items are joined by OR in a queue's list (`any_of`), by AND in what a reader types (`all_of`); an item with `-` must not
be there in either. Pure; imports nothing of ours but `inflection`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import opencc

from aggregator.inflection import (
    ARABIC_LETTERS,
    BREAKING,
    RANGES,
    pattern_of,
    plain_devanagari,
    script_of,
)

# --- texts ----------------------------------------------------------------------------------------------------

_APOSTROPHES = dict.fromkeys(
    map(ord, "\u2018\u2019\u201b\u02bc\u02b9\u0060\u00b4\uff07\u2032\u05f3"),
    "'",
)
_GERSHAYIM = {0x05F4: '"'}
"""The sign inside Hebrew's abbreviations; most keyboards have only the quotation mark."""
_DASHES = dict.fromkeys(
    [*range(0x2010, 0x2016), 0x2212, 0xFE58, 0xFE63, 0xFF0D],
    "-",
)
_INVISIBLE = dict.fromkeys(
    [
        0x00AD,
        *range(0x200B, 0x2010),
        *range(0x202A, 0x202F),
        *range(0x2060, 0x206A),
        0xFEFF,
    ]
)
_UNTYPED_SIGNS: dict[int, str | None] = {
    **_INVISIBLE,
    **_APOSTROPHES,
    **_DASHES,
    **_GERSHAYIM,
}
_UNTYPED = re.compile(f"[{re.escape(''.join(map(chr, _UNTYPED_SIGNS)))}]")
_MAY_BE_RESPELLED = re.compile("[^\x00-\x7f\u3001-\u30ff\u3400-\u9fff]")
"""A letter that may have an accent: none of ASCII, of the kana (whose marks make the letter), or Chinese."""
_OWN = {
    "\u0131": "i",
    "ø": "o",
    "Ø": "O",
    "ł": "l",
    "Ł": "L",
    "đ": "d",
    "Đ": "D",
    "æ": "ae",
    "Æ": "AE",
    "œ": "oe",
}
_LETTERS = str.maketrans({**_OWN, "Œ": "OE", "ß": "ss", "ẞ": "SS"})
"""Letters that Unicode does not take apart into a plain one and an accent."""
_MOST_CHARACTERS = 10_000
"""Of a text, how much is read: the body that travels with an entry has 8,000 at most."""
_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff]")
_BETWEEN_HAN = re.compile(
    r"(?<=[\u3040-\u30ff\u3400-\u9fff]) (?=[\u3040-\u30ff\u3400-\u9fff])"
)
_INITIALS = re.compile(r"(?<![^\W\d_])(?:[^\W\d_]\.){2,}(?:[^\W\d_](?![\w]))?")
_DOTTED = re.compile(r"\.[^\W\d_]\.")
_BREAKING = re.compile(f"[{BREAKING}]")
_BREAK = re.compile(
    f"(?<=[{BREAKING}])(?=[^\\W{BREAKING}])|(?<=[^\\W{BREAKING}])(?=[{BREAKING}])"
)
"""Where two words stand side by side without a sign between them: "AI가", "AI模型"."""
_SEPARATOR = "\n\n"
"""Between title and body; runs of white space inside them are one space, so that no phrase reaches across."""


@cache
def _simplifier() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


def _written(text: str) -> str:
    """As written, but for what nobody types: NFC, plain apostrophes and dashes, single spaces, nothing invisible."""
    text = unicodedata.normalize("NFC", text[:_MOST_CHARACTERS])
    if not text.isascii():
        # Few characters are such signs: `translate` would ask for each of all.
        text = _UNTYPED.sub(_typed, text)
    text = " ".join(text.split())
    if not _BREAKING.search(text):
        return text
    return _BREAK.sub("\x1f", text)


def _typed(sign: re.Match[str]) -> str:
    """What people type for it: nothing for an invisible one, plain apostrophes and dashes."""
    return _UNTYPED_SIGNS[ord(sign.group())] or ""


def _cased(text: str, lang: str) -> str:
    """One spelling for what is the same word, in the letter case it has."""
    if not text.isascii():
        text = _spelled(unicodedata.normalize("NFKC", text), lang)
    # Five times as fast as looking for the whole pattern.
    if not _DOTTED.search(text):
        return text
    return _INITIALS.sub(lambda initials: initials.group().replace(".", ""), text)


def _spelled(text: str, lang: str) -> str:
    if _HAN.search(text):
        # A blank between two characters parts no words: 人工 智能 is 人工智能.
        text = _BETWEEN_HAN.sub("", str(_simplifier().convert(text)))
    text = plain_devanagari(text)
    if lang == "vi":  # there accents make the word (dedup.words does likewise)
        return text
    if lang in ("es", "gl"):  # año and ano are two words
        text = text.replace("ñ", "\ue000").replace("Ñ", "\ue001")
    if _MAY_BE_RESPELLED.search(text):
        text = text.translate(_BARE)
    return text.replace("\ue000", "ñ").replace("\ue001", "Ñ")


class _Table(dict[int, str | None]):
    """For `str.translate`: what each character becomes, worked out when it is first met.

    A plain dict without the characters that stay costs an exception for each of them: with those a Chinese report
    took 70 µs in all, with these 30.
    """

    def __init__(
        self,
        becomes: Callable[[str], str | None],
    ) -> None:
        self._becomes = becomes

    def __missing__(self, code: int) -> str | None:
        become = self._becomes(chr(code))
        self[code] = become
        return become


def _respelled(letter: str) -> str:
    """A letter without accents, in the spelling that stands for all."""
    plain = letter.translate(_LETTERS)
    bare = "".join(_bare(part) or "" for part in plain)
    return bare.translate(ARABIC_LETTERS)


_BARE = _Table(_respelled)
_DROPPED_MARKS = (
    (0x0300, 0x036F),
    (0x0591, 0x05C7),
    (0x0610, 0x061A),
    (0x064B, 0x065F),
    (0x0670, 0x0670),
)
"""Accents, Hebrew's points, Arabic's vowels. Marks of other scripts (Devanagari, Thai …) make the letter."""


def _bare(letter: str) -> str | None:
    """A letter without accents, None for what is dropped. ё is е; й, ї and the letters of Indian scripts stay."""
    if unicodedata.combining(letter):
        return None if _is_dropped(ord(letter)) else letter
    parts = unicodedata.normalize("NFD", letter)
    # Letters of their own to those who write them, not и, і and у with an accent.
    if len(parts) == 1 or letter in "йЙїЇўЎ":
        return letter
    # Behind Arabic the marks make the letter.
    if ord(parts[1]) > 0x06FF:
        return letter
    return "".join(filter(_bare, parts))


def _is_dropped(mark: int) -> bool:
    return any(first <= mark <= last for first, last in _DROPPED_MARKS)


@dataclass(frozen=True, slots=True)
class Text:
    """One part of a report, three ways: as written, in one spelling, and in one letter case as well."""

    written: str
    cased: str
    folded: str


@lru_cache(maxsize=64)
def _text(text: str, lang: str) -> Text:
    written = _written(text)
    cased = _cased(written, lang)
    folded = _folded(cased)
    # One string for equal ones: pages keep those of some ten thousand reports.
    if cased == written:
        cased = written
    if folded == cased:
        folded = cased
    return Text(written, cased, folded)


def _folded(cased: str) -> str:
    # İ, the Turkish capital, folds to an i and a dot.
    return cased.casefold().replace("i\u0307", "i")


# --- items ----------------------------------------------------------------------------------------------------


_INDIC = "\u0900-\u0963\u0966-\u0dff"
"""Letters and the marks that make them, which Python's \\w leaves out: राम is no word of रामायण."""
_MARKS = "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd\u102b-\u103e\u17b6-\u17d3\u3099\u309a"
"""The marks of scripts without spaces."""
_PIECE = re.compile(
    f"[{RANGES['hangul']}]+|[{RANGES['katakana']}]+|[{RANGES['unspaced']}]+"
    rf"|(?:[^\W_{BREAKING}]|[\u0300-\u036f{_INDIC}])+(?:\+\+|\#)?"
)
"""What a phrase is cut into: runs of one kind of letters; `C++` and `C#` keep their signs."""


_GAP = r"(?:[\x1f '\-/&·_+\"“”«»]|[.,](?! ))+"
"""What may stand between the words of a phrase: no end of a sentence or clause."""
_NEVER = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True)
class _Item:
    """One item as asked for. `text` is what is looked for."""

    text: str
    is_without: bool = False
    in_title: bool = False
    is_exact: bool = False
    is_prefix: bool = False


def _parsed(item: str) -> _Item:
    # A sign alone is no order but what is looked for: `-`, `=`, `*`.
    text = item.strip()
    is_without = text.startswith("-") and len(text) > 1
    if is_without:
        text = text[1:].lstrip()
    in_title = text.lower().startswith("title:")
    if in_title:
        text = text[len("title:") :].lstrip()
    is_exact = text.startswith("=") and len(text) > 1
    if is_exact:
        text = text[1:].lstrip()
    is_prefix = text.endswith("*") and len(text) > 1
    if is_prefix:
        text = text[:-1]
    if len(text) > 2 and text[0] in '"“„«' and text[-1] in '"”“»':
        text = text[1:-1]
    # "climate chang*" in quotes
    if text.endswith("*") and not is_prefix:
        text = text[:-1]
        is_prefix = True
    return _Item(
        text.strip(),
        is_without,
        in_title,
        is_exact,
        is_prefix,
    )


@dataclass(frozen=True, slots=True)
class _Finder:
    """A pattern, what it is looked for in, and a literal without which it cannot be there."""

    needle: str
    pattern: re.Pattern[str]
    of: Callable[[Text], str]

    def finds(self, text: Text) -> bool:
        place = self.of(text)
        return self.needle in place and self.pattern.search(place) is not None


def _written_of(text: Text) -> str:
    return text.written


def _cased_of(text: Text) -> str:
    return text.cased


def _folded_of(text: Text) -> str:
    return text.folded


@lru_cache(maxsize=4096)
def _finder(item: _Item, lang: str) -> _Finder:
    written = _written(item.text)
    if item.is_exact:
        return _made(
            written,
            item,
            lang,
            _written_of,
            capitals=False,
        )
    cased = _cased(written, lang)
    if is_name(cased):
        return _made(
            cased,
            item,
            lang,
            _cased_of,
            capitals=True,
        )
    return _made(
        _folded(cased),
        item,
        lang,
        _folded_of,
        capitals=False,
    )


_LEAST_NAMED = 4
"""Letters of a word to which a number may be joined. A guess."""
_LONGEST_NAME = 4
"""Letters of a word that is taken for a name when it stands in capitals: `QUAKE` is only loud. A guess."""


def is_name(cased: str) -> bool:
    """Whether an item is a name in capitals: two letters at least, none of them small, no word long."""
    capital_count = sum(map(str.isupper, cased))
    if capital_count < 2 or any(map(str.islower, cased)):
        return False
    longest = max(
        map(len, _PIECE.findall(cased)),
        default=0,
    )
    return longest <= _LONGEST_NAME


def _made(
    text: str,
    item: _Item,
    lang: str,
    of: Callable[[Text], str],
    *,
    capitals: bool,
) -> _Finder:
    if not text:
        return _Finder(text, _NEVER, of)
    if not _PIECE.search(text):  # signs, emoji: as they are
        return _Finder(
            text,
            re.compile(re.escape(text)),
            of,
        )
    spellings = [text] if item.is_exact else _spellings(text)
    ways = [_phrase(spelling, item, lang, capitals=capitals) for spelling in spellings]
    needles = max(
        (needles for needles, _ in ways),
        key=len,
    )
    # `in` is many times as fast as a pattern: most reports hold no word of most items. What the pieces of the spelling
    # with most of them have, the joined ones have, too.
    needle = max(needles, key=len)
    return _Finder(
        needle,
        re.compile("|".join(pattern for _, pattern in ways)),
        of,
    )


_HYPHEN = re.compile(r"(?<=\w)-(?=\w)")
_NUMBERED = re.compile(r"(?<=[^\W\d_]{3}) (?=\d)")
_NUMBER = re.compile(r"(?<=[^\W\d_])(?=\d)")
_HYPHEN_ALONE = "\x1e"
"""Between a letter or two and a number: F16 is F-16, but `A4` is not in "a 4% rise"."""


def _spellings(text: str) -> list[str]:
    """What is written in one word, with a hyphen, or in two: e-mail and email, F16 and F-16, iPhone 17 and iPhone17."""
    joined = _NUMBERED.sub(
        "",
        _HYPHEN.sub("", text),
    )
    parted = _NUMBER.sub(_parting, text)
    return list(dict.fromkeys((text, joined, parted)))


def _parting(place: re.Match[str]) -> str:
    before = place.string[max(0, place.start() - 3) : place.start()]
    return " " if len(before) == 3 and before.isalpha() else _HYPHEN_ALONE


def _phrase(
    text: str,
    item: _Item,
    lang: str,
    *,
    capitals: bool,
) -> tuple[list[str], str]:
    """(what each piece has in every form, the pattern of the pieces one behind the other) of one spelling."""
    pieces = list(_PIECE.finditer(text))
    parts: list[str] = []
    needles: list[str] = []
    for number, match in enumerate(pieces):
        piece = match.group()
        is_last = number == len(pieces) - 1
        needle, pattern = _forms(
            piece,
            item,
            lang,
            capitals=capitals,
            is_last=is_last,
        )
        if number:
            before = pieces[number - 1]
            is_hyphen = text[before.end() : match.start()] == _HYPHEN_ALONE
            parts.append("-" if is_hyphen else _gap(before.group(), piece))
        is_open = is_last and item.is_prefix
        parts.append(_bounded(piece, pattern, is_open=is_open, is_exact=item.is_exact))
        needles.append(needle)
    return needles, "".join(parts)


def _forms(
    piece: str,
    item: _Item,
    lang: str,
    *,
    capitals: bool,
    is_last: bool,
) -> tuple[str, str]:
    """(what every form has, the pattern of the forms) of one piece."""
    if item.is_exact or (is_last and item.is_prefix):
        return piece, re.escape(piece)
    if not capitals or not piece.isupper():
        return pattern_of(piece, lang)
    # WHO and US must not be found in "who" and "us"; of four letters few are words, and newspapers write Nato.
    if len(piece) < _LONGEST_NAME or not piece.isalpha():
        return piece, f"{re.escape(piece)}s?"
    tail = "".join(f"[{letter}{letter.lower()}]" for letter in piece[1:])
    return piece[0], f"{re.escape(piece[0])}{tail}s?"


def _gap(before: str, behind: str) -> str:
    """Between two words stands something; between scripts that break by themselves there may be nothing."""
    scripts = {
        script_of(before[-1]),
        script_of(behind[0]),
    }
    if scripts & {"hangul", "katakana", "unspaced"}:
        return f"(?:{_GAP})?"
    return _GAP


def _bounded(
    piece: str,
    pattern: str,
    *,
    is_open: bool,
    is_exact: bool,
) -> str:
    """The pattern as a word of its own; `is_open`: more letters may follow."""
    match script_of(piece):
        case "unspaced":
            before, behind = "", f"(?![{_MARKS}])"
        case "katakana":
            # テスト is none of コンテスト's words, サッカー is one of サッカーチーム's.
            before, behind = f"(?<![{RANGES['katakana']}])", ""
        case _ if re.search(f"[{_INDIC}]", piece):
            before, behind = rf"(?<![\w{_INDIC}])", rf"(?![\w{_INDIC}])"
        case _ if piece.isalpha() and len(piece) >= _LEAST_NAMED and not is_exact:
            # `iPhone` is a word of "iPhone17", `MI` is none of "MI5".
            before, behind = r"(?<!\w)", r"(?![^\W\d]|\+\+|#(?!\w))"
        case _:
            # `C` is no word of "C++" and "C#".
            before, behind = r"(?<!\w)", r"(?!\w|\+\+|#(?!\w))"
    if is_open:
        behind = ""
    return f"{before}(?:{pattern}){behind}"


# --- asking ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Report:
    """What is looked at: `lang` is a BCP 47 tag."""

    title: str
    text: str = ""
    lang: str = ""

    def prepared(self) -> Prepared:
        """The report as items are looked for in it: what takes most of the time."""
        lang = self.lang.partition("-")[0].lower()
        title = _text(self.title, lang)
        if not self.text:
            return Prepared(title, title, lang)
        body = _text(self.text, lang)
        written = title.written + _SEPARATOR + body.written
        cased = written
        if title.cased is not title.written or body.cased is not body.written:
            cased = title.cased + _SEPARATOR + body.cased
        folded = cased
        if title.folded is not title.cased or body.folded is not body.cased:
            folded = title.folded + _SEPARATOR + body.folded
        return Prepared(title, Text(written, cased, folded), lang)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A report's title, and title and body together, as items are looked for in them."""

    title: Text
    whole: Text
    lang: str


@lru_cache(maxsize=1024)
def _items(items: tuple[str, ...]) -> tuple[tuple[_Item, ...], tuple[_Item, ...]]:
    """(what is asked for, what must not be there)"""
    wanted: list[_Item] = []
    unwanted: list[_Item] = []
    for item in map(_parsed, items):
        if not item.text:
            continue
        if item.is_without:
            unwanted.append(item)
        else:
            wanted.append(item)
    return tuple(wanted), tuple(unwanted)


def _asked(
    items: tuple[str, ...],
    report: Report | Prepared,
    enough: Callable[[Iterable[bool]], bool],
) -> bool:
    wanted, unwanted = _items(items)
    if isinstance(report, Report):
        report = report.prepared()
    title = report.title
    whole = report.whole
    lang = report.lang

    def finds(item: _Item) -> bool:
        return _finder(item, lang).finds(title if item.in_title else whole)

    if any(map(finds, unwanted)):
        return False
    return not wanted or enough(map(finds, wanted))


def is_empty(item: str) -> bool:
    """Whether an item asks for nothing: only signs of its language stand there (`-`, `title:`, `*`, `""`)."""
    return not _parsed(item).text.strip('-=*"“”„«» ')


def any_of(
    items: Sequence[str],
    report: Report,
) -> bool:
    """Whether one of the items is mentioned, and none of those with `-`; without items: yes. For a queue."""
    return _asked(tuple(items), report, any)


def all_of(
    items: Sequence[str],
    report: Report | Prepared,
) -> bool:
    """Whether all of the items are mentioned, and none of those with `-`. As in what a reader types."""
    return _asked(tuple(items), report, all)


@lru_cache(maxsize=256)
def split(query: str) -> tuple[str, ...]:
    """What a reader types into a search field as items: white space separates, quotes bind."""
    return tuple(re.findall(r'(?:[^\s"“”„«»]*["“„«][^"“”„«»]*["”“»]\*?)|\S+', query))
