"""The persons that a text names in full, so that two of one surname are told apart.

Two capitalised words of which the first is a given name (`given_names.npz`, made by tests/bench/given_names.py) and
the second the last of their run are taken for a person: "Mayor Tom Harding said". A surname alone says nothing.

A person is kept among the typed numbers of a fingerprint (`facts`): the kind is the surname's, the value the given
name's first letter, below zero, where no number is. One letter is enough to tell most apart, and the same for Tom and
Thomas. In Chinese and Korean a person is known by the office beside the name: "外交部长王毅", "이재용 회장". Other
scripts without capitals have none.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator
from functools import cache
from zlib import crc32

from aggregator.dedup import facts, learned, lexicon

MOST_PERSONS = 3
"""Persons of a report that are kept, as far as its numbers leave room."""
LEAST_LETTERS = 2
"""Letters of a given name at least: one is an initial."""
_VALUES = 1 << 20
"""Values of a given name: a float of 32 bits keeps so many whole numbers apart."""
_LONGEST_RUN = 4
"""Words of a run at most ("President Luiz Inácio Lula"): where more have capitals, all have."""
_MAY_BE_CAPITAL = "[^\\W\\d_a-zß-öø-ÿа-ћ\u0590-\u0fff\u3040-\u9fff\uac00-\ud7af]"
"""A letter that is no small one of the commonest, and of no script without capitals."""
_RUN = re.compile(rf"{_MAY_BE_CAPITAL}[\w'’-]*+(?: {_MAY_BE_CAPITAL}[\w'’-]*+)++")
"""Words that may have a capital, with nothing but a space between them: a comma or a full stop ends a name."""
_AMID_WORD = re.compile(r"[^\W\d_][\w'’-]*+\Z")

_OFFICES = (
    "部长|主席|总统|总理|首相|外长|财长|防长|市长|省长|州长|书记|局长|主任|议员|议长|院长|校长|法官|律师|教授|医生|总裁|董事长"
    "|总经理|创始人|教练|主帅|球员|选手|导演|演员|歌手|作家|发言人|委员"
    "|部長|總統|總理|財長|防長|市長|縣長|局長|議員|議長|院長|校長|醫師|總裁|董事長|總經理|教練|球員|選手|導演|演員|發言人|委員"
)
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾萧田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石"
    "廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤張劉陳楊黃趙吳孫馬羅鄭謝許韓馮鄧蕭葉蘇魏呂盧鍾譚陸範賴"
)
_CHINESE = re.compile(
    rf"(?:{_OFFICES})([{_SURNAMES}])([\u4e00-\u9fff])",
)
"""An office, then a surname and the first letter of the given name: how long that is, nothing shows."""
_KOREAN_OFFICES = (
    "대표|회장|부회장|대통령|총리|장관|차관|의원|시장|지사|도지사|군수|구청장|감독|코치|사장|위원장|원장|총장|교수|판사|검사|변호사"
    "|선수|후보|배우|가수|작가|기자"
)
_KOREAN = re.compile(
    rf"([가-힣])(?<![가-힣]{{2}})([가-힣]{{2}}) (?:{_KOREAN_OFFICES})",
)
"""A name of three syllables, as most are, then an office. What stands before the name is looked at behind its first
syllable: a text without any is passed over in a quarter of the time so."""


def persons(
    title: str,
    lead: str,
    *,
    limit: int,
) -> list[tuple[int, float]]:
    """(kind, value) of the first `limit` different persons that a cleaned title, marked so, or a lead names."""
    in_title = _named(title)
    found = [(kind | facts.IN_TITLE, value) for kind, value in in_title]
    found += [person for person in _named(lead) if person not in in_title]
    return found[:limit]


def _named(text: str) -> list[tuple[int, float]]:
    """The different persons that a text names."""
    # A dict for the order in which they stand.
    found: dict[tuple[int, float], None] = {}
    for given, surname in _full_names(text):
        name = f"person {_plain(surname)}"
        kind = facts.label_kind(name)
        value = -_value_of(given)
        found[kind, value] = None
    return list(found)


def _value_of(given: str) -> float:
    """What tells a given name from others: its first letter, and of syllables all, since many begin alike."""
    if "가" <= given[0] <= "힣":
        return float(1 + crc32(given.encode()) % _VALUES)
    return float(ord(_plain(given)[0]))


def _full_names(text: str) -> Iterator[tuple[str, str]]:
    """Given name and surname of each person."""
    yield from _capitalised(text)
    # Most texts are spared the patterns of scripts that they do not have.
    if text.isascii():
        return
    for pattern in (_CHINESE, _KOREAN):
        for match in pattern.finditer(text):
            surname = match.group(1)
            given = match.group(2)
            yield given, surname


def _capitalised(text: str) -> Iterator[tuple[str, str]]:
    """The same, where names have capitals."""
    for run in _RUN.finditer(text):
        some = run.group().split(" ")
        if _is_amid_word(text, run.start()):
            del some[0]
        capitals: list[str] = []
        for word in (*some, ""):
            if word[:1].isupper():
                capitals.append(word)
                continue
            if 2 <= len(capitals) <= _LONGEST_RUN:
                surname = capitals.pop()
                given = capitals.pop()
                if _is_surname(surname) and _is_given(given):
                    yield given, surname
            capitals = []


def _is_amid_word(text: str, at: int) -> bool:
    """Whether a letter stands before this place in its word: "McDonald", "al-Assad"."""
    space = text.rfind(" ", 0, at)
    return _AMID_WORD.search(text[space + 1 : at]) is not None


def _is_given(word: str) -> bool:
    plain = _plain(word)
    # At the start of a sentence "Con" and "Per" have a capital, too.
    if len(word) < LEAST_LETTERS or plain in lexicon.STOP_WORDS:
        return False
    return _is_known(_hash(plain))


def _is_surname(word: str) -> bool:
    # "Paris FC", "Virginia GOP".
    return len(word) > LEAST_LETTERS and not word.isupper()


def name_hash(name: str) -> int:
    """32 bits of a name, whatever its capitals and accents."""
    return _hash(_plain(name))


def _hash(plain: str) -> int:
    return crc32(plain.encode())


def _plain(word: str) -> str:
    """A word in small letters without accents."""
    small = word.casefold()
    if small.isascii():
        return small
    split = unicodedata.normalize("NFKD", small)
    # Accents stand behind their letters.
    return "".join(letter for letter in split if not unicodedata.combining(letter))


def _is_known(number: int) -> bool:
    """Whether a given name has this hash."""
    names = _given_names()
    # For one number NumPy's own search takes several times as long.
    place = bisect_left(names, number)
    return place < len(names) and names[place] == number


@cache
def _given_names() -> memoryview:
    """All hashes, in rising order: a set would take ten times the memory in each process."""
    return learned.given_names().data
