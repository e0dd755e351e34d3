"""The facts of a text that can agree or conflict: typed numbers, and which way things went.

A number is (kind, value). Kinds below `LABEL` are fixed (percent, money…). A number that follows a word ("iPhone 15",
"Game 5", "第3轮") or is followed by one ("300 firefighters") has a kind made of that word, so that only numbers said of
the same thing are compared. Directions are one bit a side for each pair of `lexicon.OPPOSITES`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from zlib import crc32

from aggregator.dedup import lexicon

PERCENT, MONEY, MAGNITUDE, SCORE, BASIS_POINTS, VERSION, PERIOD, CASUALTIES, DATE, YEAR = range(1, 11)
LABEL = 16
"""Kinds from here on are hashes of the word a number stands with."""
KIND_NAMES = {
    PERCENT: "percent",
    MONEY: "money",
    MAGNITUDE: "magnitude",
    SCORE: "score",
    BASIS_POINTS: "basis points",
    VERSION: "version",
    PERIOD: "period",
    CASUALTIES: "casualties",
    DATE: "date",
    YEAR: "year",
}
IN_TITLE = 0x8000
"""Set in the kind of a number that stands in the title."""

_SCALE = {
    **dict.fromkeys(["k", "thousand", "mil", "tausend", "тыс", "千"], 1e3),
    **dict.fromkeys(["m", "mn", "mln", "million", "millions", "millones", "millon", "milhoes", "milhao", "millionen", "млн", "миллион", "миллионов", "миллиона"], 1e6),
    **dict.fromkeys(["b", "bn", "billion", "billions", "milliard", "milliards", "milliarden", "bilhoes", "bilhao", "млрд", "миллиард", "миллиардов"], 1e9),
    **dict.fromkeys(["trillion", "tn", "万亿", "兆"], 1e12),
    "万": 1e4,
    "亿": 1e8,
}  # fmt: skip
_SCALES = "|".join(sorted(map(re.escape, _SCALE), key=len, reverse=True))
_N = r"\d+(?:[.,]\d+)*"
_CURRENCY = r"dollars?|euros?|pounds?|yuan|usd|eur|rmb|cny|yen|reais|pesos|dolares|рубл\w*|доллар\w*|евро|美元|欧元|日元|港元|人民币|元"
_HURT = (
    r"people dead|dead|killed|deaths?|die[sd]?|injured|wounded|hurt|missing|victims?|fatalities|muertos?|heridos?|mortos?|feridos?|morts?|"
    r"bless[eé]s?|tote|verletzte|погиб\w*|пострада\w*|ранен\w*|人?死亡?|死|人?受伤|伤|人遇难|人失踪|人?身亡"
)
_PATTERN = re.compile(
    rf"(?P<bp>{_N})\s*(?:basis[ -]points?|bps?\b|个?基点)"
    rf"|(?P<pct>{_N})\s*(?:%|percent\b|per cent\b|pct\b|por ciento|por cento|pour cent|prozent\b|процент|个百分点)|百分之(?P<pct2>{_N})"
    rf"|[$€£¥₽]\s?(?P<cash>{_N})\s*(?P<cashscale>(?:{_SCALES})(?![a-zа-я]))?"
    rf"|(?P<sum>{_N})\s*(?P<sumscale>{_SCALES})?\s*(?:de )?(?:{_CURRENCY})"
    r"|(?:\bm|magnitude|magnitud\w*|mag|магнитуд\w*)[ -]?(?P<mag>\d(?:[.,]\d)?)(?!\d|[.,]\d)"
    r"|(?P<mag2>\d[.,]\d)[ -]?(?:magnitude|-mag\b|级|балл\w*)|(?P<mag3>\d)级(?=.{0,6}地震|震)"
    r"|\bq(?P<quarter>[1-4])\b|第(?P<quarter2>[一二三四1-4])季|(?P<quarter3>first|second|third|fourth)[ -]quarter"
    r"|(?P<month>\d{1,2})月(?P<day>\d{1,2})[日号]"
    r"|第(?P<ordinal>[\d一二三四五六七八九十]+)(?P<of>\w)"
    rf"|(?P<hurt>{_N})\s*(?:people |persons |others |civilians |soldiers |children |人)?(?:were |are |reported |feared )?(?:{_HURT})"
    rf"|(?:kill(?:s|ed)?|injur(?:es|ed|ing)|killing|wounds?|deja|致|造成)\s?(?:at least |nearly |more than |about |至少)?(?P<hurt2>{_N})(?!\s*(?:{_SCALES})?\s*(?:{_CURRENCY}))"
    r"|(?<![\d.,/-])(?P<us>\d{1,3})\s?[-–:]\s?(?P<them>\d{1,3})(?![\d.,/%-]|\s?[ap]m)"
    r"|\b(?P<year>(?:19|20)\d\d)(?!\d|[.,]\d)"
    rf"|(?P<label>[^\W\d_]{{1,20}})[ -]?(?P<plain>{_N})(?P<plainscale>\s?(?:{_SCALES})(?![a-zа-я]))?"
    rf"|(?P<count>{_N})(?P<countscale>\s?(?:{_SCALES})(?![a-zа-я]))?[ -]?(?P<unit>[^\W\d_]{{1,20}})?"
)  # fmt: skip
_ORDINALS = {
    "first": 1,
    "second": 2,
    "third": 3,
    "fourth": 4,
    **{c: i for i, c in enumerate("一二三四五六七八九十", 1)},
}


def _value(number: str, scale: str | None = None) -> float:
    """A written number; a comma or point before exactly three digits groups thousands."""
    grouped = re.sub(r"[.,](?=\d{3}(?!\d))", "", number)
    try:
        value = float(grouped.replace(",", ".", 1).replace(",", ""))
    except ValueError:  # 1.2.3 and the like: only equality matters
        value = float(crc32(number.encode()) % 1_000_003)
    return value * _SCALE.get(scale.strip(), 1.0) if scale else value


@lru_cache(maxsize=1 << 14)
def _label_kind(word: str) -> int:
    return LABEL + crc32(word.encode()) % (IN_TITLE - LABEL)


def _ordinal(text: str) -> float:
    return float(text) if text.isdigit() else float(_ORDINALS.get(text, crc32(text.encode()) % 997))


def _contest(us: str, them: str) -> float:
    high, low = sorted((int(us), int(them)), reverse=True)
    return float(high * 1000 + low)


def _typed(groups: dict[str, str]) -> tuple[int, float]:
    """The kind and value of one match of `_PATTERN`, by the groups that took part."""
    key = next(iter(groups))
    value = groups[key]
    match key:
        case "bp":
            return BASIS_POINTS, _value(value)
        case "pct" | "pct2":
            return PERCENT, _value(value)
        case "cash" | "sum":
            return MONEY, _value(value, groups.get(key + "scale"))
        case "mag" | "mag2" | "mag3":
            return MAGNITUDE, float(value.replace(",", "."))
        case "quarter" | "quarter2" | "quarter3":
            return PERIOD, _ordinal(value)
        case "month":
            return DATE, float(value) * 100 + float(groups["day"])
        case "hurt" | "hurt2":
            return CASUALTIES, _value(value)
        case "us":
            return SCORE, _contest(value, groups["them"])
        case "year":
            return YEAR, float(value)
        case _:
            return _worded(key, groups)


def _worded(key: str, groups: dict[str, str]) -> tuple[int, float]:
    """The numbers whose kind is the word they stand with."""
    if key == "ordinal":
        return _label_kind("第" + groups["of"]), _ordinal(groups["ordinal"])
    if key == "label":
        return _label_kind(groups["label"]), _value(groups["plain"], groups.get("plainscale"))
    number, unit = groups["count"], groups.get("unit", "")
    kind = VERSION if "." in number and not unit else _label_kind(unit[:6])
    return kind, _value(number, groups.get("countscale"))


def numbers(text: str, *, limit: int) -> list[tuple[int, float]]:
    """The first `limit` different typed numbers of a cleaned text."""
    if not any(c.isdigit() for c in text) and "第" not in text and "quarter" not in text:
        return []
    found: dict[tuple[int, float], None] = {}
    for match in _PATTERN.finditer(text.casefold()):
        groups = {k: v for k, v in match.groupdict().items() if v}
        if groups:
            found[_typed(groups)] = None
            if len(found) == limit:
                break
    return list(found)


_SIDES: dict[str, int] = {}
for _i, (_name, _one, _other) in enumerate(lexicon.OPPOSITES):
    for _words, _bit in ((_one, 1 << (2 * _i)), (_other, 2 << (2 * _i))):
        for _word in _words.split():
            _SIDES[_word] = _SIDES.get(_word, 0) | _bit


def direction(folded_words: list[str]) -> int:
    """Bits 2i and 2i+1 say whether either side of opposite pair i is spoken of."""
    bits = 0
    for word in folded_words:
        bits |= _SIDES.get(word, 0)
    return bits
