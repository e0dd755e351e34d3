"""The facts of a text that can agree or conflict: typed numbers, and which way things went.

A number is (kind, value). Kinds below `LABEL` are fixed (percent, money…). A number that follows a word ("iPhone 15",
"Game 5", "第3轮") or is followed by one ("300 firefighters") has a kind made of that word, so that only numbers said of
the same thing are compared; in a script without spaces the word is the two letters before, or the one letter after.
Directions are one bit a side for each pair of `lexicon.OPPOSITES`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import compress
from zlib import crc32

from aggregator.dedup import lexicon
from aggregator.dedup.words import MARKS, UNSPACED

(
    PERCENT,
    MONEY,
    MAGNITUDE,
    SCORE,
    BASIS_POINTS,
    VERSION,
    PERIOD,
    CASUALTIES,
    DATE,
    YEAR,
) = range(1, 11)
LABEL = 16
"""Kinds from here on are hashes of the word a number stands with."""
IN_TITLE = 0x8000
"""Set in the kind of a number that stands in the title."""

_SCALE_WORDS = {
    1e3: (
        "k thousand mil mila mille tausend тыс тысяч тысячи тис тисяч тисячі bin ribu rb nghìn ngàn duizend tysięcy "
        "tusen हजार हज़ार ألف آلاف هزار χιλιάδες χιλ אלף হাজার 千 천"
    ),
    1e4: "万 만",
    1e5: "lakh lakhs लाख লাখ لاکھ",
    1e6: (
        "m mn mln mio million millions millones millón millon milhoes milhões milhao milhão millionen milione "
        "milioni млн миллион миллиона миллионов мільйон мільйона мільйонів milyon juta jt triệu miljoen milion "
        "milionów miljon miljoner مليون ملايين میلیون εκατ εκατομμύρια εκατομμύριο מיליון"
    ),
    1e7: "crore crores करोड़ कोटी কোটি کروڑ",
    1e8: "亿 億 억",
    1e9: (
        "b bn md mld mrd mds billion billions milliard milliards milliarde milliarden miliardo miliardi bilhoes "
        "bilhões bilhao bilhão млрд миллиард миллиарда миллиардов мільярд мільярда мільярдів milyar miliar tỷ tỉ "
        "miljard miliard miliardów miljarder مليار مليارات میلیارد δισ δισεκατομμύρια מיליארד अरब"
    ),
    1e12: (
        "trillion tn trilhão trilhões billones billionen трлн триллион триллиона триллионов трильйон трильйона "
        "trilyon triliun biljoen تريليون ترليون 万亿 兆 조"
    ),
}
"""What multiplies a number, as the CLDR has it in its compact decimals, and short forms that newspapers write."""
_SCALE: dict[str, float] = {}
for _factor, _words_of_it in _SCALE_WORDS.items():
    _SCALE |= dict.fromkeys(_words_of_it.split(), _factor)


def _either(words: str) -> str:
    """The words as alternatives of a pattern; `_` stands for a space."""
    return "|".join(word.replace("_", " ") for word in words.split())


_SCALES = "|".join(sorted(_SCALE, key=len, reverse=True))
_TIMES = rf"(?:{_SCALES})(?![^\W\d_{UNSPACED}]|[{MARKS}])"
_N = r"\d++(?:[.,]\d++)*+"


def _one_of(*patterns: str) -> str:
    """A pattern that any of these matches, the first one first."""
    return f"(?:{'|'.join(patterns)})"


def _first_letters(*alternatives: str) -> str:
    """The first letters of all words in patterns of alternatives."""
    some = "|".join(alternatives).split("|")
    return "".join(sorted({word[0] for word in some}))


_CURRENCY = _either(
    r"dollars? euros? pounds? yuan usd eur rmb cny yen reais pesos d[oó]lares рубл\w* доллар\w* евро "
    r"dollari dollar lira\w* liralık tl\b rupiah rupees? đồng vnd\b грив\w* złotych zł\b kronor kroner kr\b "
    r"رियाल ريال دولار درهم دينار جنيه يورو تومان रुपये रुपए रुपयों डॉलर টাকা ευρώ שקל\w* "
    "美元 欧元 日元 港元 人民币 元 円 ドル ユーロ 원 달러 유로 위안 บาท"
)
_HURT = _either(
    r"people_dead dead killed deaths? die[sd]? injured wounded hurt missing victims? fatalities "
    r"muertos? heridos? mortos? feridos? morts? bless[eé]s? tote verletzte погиб\w* пострада\w* ранен\w* "
    r"morti feriti vittime dispersi ölü\w* yaralı\w* tewas meninggal luka terluka hilang chết bị_thương thương_vong "
    r"قتيل\w* قتلى جريح\w* جرحى मृत\w* मरे घायल\w* मौत\w* загинул\w* поранен\w* постражда\w* gewonden doden "
    r"zabitych rannych döda skadade νεκρο\w* τραυματίες "
    "사망 부상 숨져 숨지고 다쳐 人?死傷 人?負傷 人?けが "
    "人?死亡? 死 人?受伤 伤 人遇难 人失踪 人?身亡"
)
_WHO = _either(
    "people_ persons_ others_ civilians_ soldiers_ children_ kişi_ orang_ người_ persone_ लोगों_की_ लोग_ человек_ "
    "人が 人 명_ 명"
)
_ACCENTED = {
    "março": 3,
    "février": 2,
    "märz": 3,
    "août": 8,
    "décembre": 12,
}
_MONTHS = "|".join([*lexicon.MONTH_OF, *_ACCENTED])
_ENDS = rf"(?![^\W\d_]|[{MARKS}])"
_CAUSED = _either("kill(?:s|ed)? injur(?:es|ed|ing) killing wounds? deja 致 造成")
_ABOUT = _either("at_least_ nearly_ more_than_ about_ 至少")
_WORD = rf"(?:[^\W\d_{UNSPACED}][{MARKS}]*+){{1,20}}+"
_PERCENT = (
    r"%|٪|percent\b|per cent\b|pct\b|por ciento|por cento|pour cent|prozent\b|процент|відсот|per cento|percento"
    r"|persen\b|procent|prosent|peratus|phần trăm|प्रतिशत|फीसदी|फ़ीसदी|শতাংশ|சதவீதம்|درصد|فیصد|في المئة|في المائة"
    r"|بالمئة|بالمائة"
    r"|אחוז|τοις εκατό|เปอร์เซ็นต์|퍼센트|パーセント|个百分点"
)
"""As the CLDR's units have it, and as newspapers do."""
_TYPED = (
    rf"\s*(?:{_PERCENT}|basis|bps?\b|个?基点|(?:{_SCALES})?\s*(?:{_CURRENCY})|(?:{_WHO})?(?:{_HURT})|[月월] ?\d|级)"
    rf"|(?:st|nd|rd|th|er|º|\.)?\s(?:de |of )?(?:{_MONTHS}){_ENDS}"
    r"|[ -](?:magnitude|mag)\b|\s?[-–:比]\s?\d|[人名例个只辆部台家种项条张票倍岁天次起架艘座所户头吨米位枚件场명개건]"
)
"""What after a number says that it is not the number of the word before it."""
_DIGITS_FIRST = _one_of(
    rf"(?P<bp>{_N})\s*(?:basis[ -]points?|bps?\b|个?基点)",
    rf"(?P<pct>{_N})\s*(?:{_PERCENT})",
    rf"(?P<sum>{_N})\s*(?P<sumscale>{_SCALES})?\s*(?:de )?(?:{_CURRENCY})",
    r"(?P<mag2>\d[.,]\d)[ -]?(?:magnitude|-mag\b|级|балл\w*)",
    r"(?P<mag3>\d)级(?=.{0,6}地震|震)",
    r"(?P<month>\d{1,2})[月월]\s?(?P<day>\d{1,2})[日号일]",
    rf"(?<!\d)(?P<day2>\d{{1,2}})(?:st|nd|rd|th|er|º|\.)?\s(?:de |of |tháng |ב)?(?P<month2>{_MONTHS}){_ENDS}",
    rf"(?P<hurt>{_N})\s*(?:{_WHO})?(?:were |are |reported |feared )?(?:{_HURT})",
    r"(?<![\d.,/-])(?P<us>\d{1,3})\s?[-–:]\s?(?P<them>\d{1,3})(?![\d.,/%-]|\s?[ap]m)",
    r"(?<!\d)(?P<won>\d{1,3})比(?P<lost>\d{1,3})",
    rf"\b(?P<year>(?:19|20)\d\d)(?!\d|[.,]\d|\s?{_TIMES})",
)
_SIGN_FIRST = _one_of(
    rf"(?:百分之|yüzde |%)(?P<pct2>{_N})",
    rf"(?:[$€£¥₽₹₩₺₫₴₪฿]|rp\.?|rs\.?)\s?(?P<cash>{_N})\s*(?P<cashscale>{_TIMES})?",
    r"(?:\bm|magnitude|magnitud\w*|mag|магнитуд\w*)[ -]?(?P<mag>\d(?:[.,]\d)?)(?!\d|[.,]\d)",
    r"(?<![a-z\d])q(?P<quarter>[1-4])(?![a-z\d])",
    r"第(?P<quarter2>[一二三四1-4])季",
    rf"\b(?P<month3>{_MONTHS})\.?\s(?P<day3>\d{{1,2}})(?:st|nd|rd|th)?(?!\d|[.,:]\d)",
    r"第(?P<ordinal>[\d一二三四五六七八九十]+)(?P<of>\w)",
    r"(?P<series>[\u4e00-\u9fff]{2})(?P<numeral>[一二三四五六七八九十]{1,3})号",
    rf"(?:{_CAUSED})\s?(?:{_ABOUT})?(?P<hurt2>{_N})(?!\s*(?:{_SCALES})?\s*(?:{_CURRENCY}))",
)
_SIGNS = _first_letters(_MONTHS, _CAUSED, "m|м|q|y|r") + r"$€£¥₽₹₩₺₫₴₪฿%\u4e00-\u9fff"
"""What those of `_SIGN_FIRST` begin with: elsewhere they need not be tried one by one."""
_PATTERN = re.compile(
    "|".join(
        (
            rf"(?=\d){_DIGITS_FIRST}",
            rf"(?=[{_SIGNS}]){_SIGN_FIRST}",
            rf"(?P<label>[{UNSPACED}]{{2}}|{_WORD})[ -]?(?P<plain>{_N})(?P<plainscale>\s?{_TIMES})?(?!{_TYPED})",
            rf"(?P<count>{_N})(?P<countscale>\s?{_TIMES})?[ -]?(?P<unit>[{UNSPACED}]|{_WORD})?",
        )
    )
)
_GROUPS = tuple(_PATTERN.groupindex)
_ORDINALS = {c: i for i, c in enumerate("一二三四五六七八九十", 1)}


def _value(number: str, scale: str | None = None) -> float:
    """A written number; a comma or point before exactly three digits groups thousands."""
    grouped = re.sub(r"[.,](?=\d{3}(?!\d))", "", number)
    try:
        value = float(grouped.replace(",", ".", 1).replace(",", ""))
    except ValueError:
        # 1.2.3 and the like: only equality matters.
        value = float(crc32(number.encode()) % 1_000_003)
    if scale:
        value *= _SCALE.get(scale.strip(), 1.0)
    return value


@lru_cache(maxsize=1 << 14)
def label_kind(word: str) -> int:
    """The kind of what is said of a word: from `LABEL` on, by its hash."""
    return LABEL + crc32(word.encode()) % (IN_TITLE - LABEL)


def _ordinal(text: str) -> float:
    if text.isdigit():
        return float(text)
    # 十二 is 12 and 二十 is 20: what is not written is one ten, or no units.
    tens, ten, units = text.partition("十")
    if ten:
        return 10.0 * _ORDINALS.get(tens, 1) + _ORDINALS.get(units, 0)
    return float(_ORDINALS.get(text, crc32(text.encode()) % 997))


def _contest(us: str, them: str) -> float:
    # The winner first, since each side's reporter writes its own team's goals first.
    high, low = sorted((int(us), int(them)), reverse=True)
    return float(high * 1000 + low)


_DAYS = {"month", "day2", "month3"}


def _date(groups: dict[str, str]) -> float:
    """Month and day as one number."""
    if "month" in groups:
        return float(groups["month"]) * 100 + float(groups["day"])
    # "3 May" or "May 3".
    place = "2" if "day2" in groups else "3"
    name = groups["month" + place]
    month = lexicon.MONTH_OF.get(name) or _ACCENTED[name]
    return month * 100 + float(groups["day" + place])


_PLAIN = {
    "bp": BASIS_POINTS,
    "pct": PERCENT,
    "pct2": PERCENT,
    "hurt": CASUALTIES,
    "hurt2": CASUALTIES,
    "year": YEAR,
}
_MAGNITUDES = {"mag", "mag2", "mag3"}
_QUARTERS = {"quarter", "quarter2"}
_CONTESTS = {"us": "them", "won": "lost"}


def _typed(groups: dict[str, str]) -> tuple[int, float]:
    """The kind and value of one match of `_PATTERN`, by the groups that took part."""
    key = next(iter(groups))
    value = groups[key]
    if key in _PLAIN:
        return _PLAIN[key], _value(value)
    if key in ("cash", "sum"):
        return MONEY, _value(value, groups.get(key + "scale"))
    if key in _MAGNITUDES:
        return MAGNITUDE, float(value.replace(",", "."))
    if key in _QUARTERS:
        return PERIOD, _ordinal(value)
    if key in _DAYS:
        return DATE, _date(groups)
    if key in _CONTESTS:
        return SCORE, _contest(value, groups[_CONTESTS[key]])
    return _worded(key, groups)


def _worded(
    key: str,
    groups: dict[str, str],
) -> tuple[int, float]:
    """The numbers whose kind is the word they stand with."""
    if key == "series":
        return label_kind(groups["series"]), _ordinal(groups["numeral"])
    if key == "ordinal":
        return label_kind("第" + groups["of"]), _ordinal(groups["ordinal"])
    if key == "label":
        value = _value(groups["plain"], groups.get("plainscale"))
        return label_kind(groups["label"]), value
    number = groups["count"]
    unit = groups.get("unit", "")
    value = _value(number, groups.get("countscale"))
    # "3.11" of nothing is a version; "3.11 million" is said of something.
    if "." in number and not unit:
        return VERSION, value
    # Cut, so that "firefighter" and "firefighters" are one kind.
    return label_kind(unit[:6]), value


_DAY_FIRST = frozenset(("vi", "id", "ms"))
"""Languages in whose news 5/8 is the fifth of August."""
_SLASHED = re.compile(
    r"(?<![\d/.,])(0?[1-9]|[12]\d|3[01])(?:/| tháng )(0?[1-9]|1[0-2])(?:/\d{2,4})?(?![\d/%])"
)
_PART = rf"{_N}\s?(?:[兆조亿億억万만千천]|bin\b)"
_MAY_HAVE_PARTS = re.compile(r"[兆조亿億억万만千천]\s?\d|bin \d")
_IN_PARTS = re.compile(
    rf"{_PART}(?:\s?{_PART})*+(?:\s?{_N}(?!\s?[兆조亿億억万만천千]))?+(?<!\D)|{_PART}(?:\s?{_PART})++"
)
"""A number that is written in parts: 2만1천, 1亿2000万, 28 bin 250. Half a part is none: 2만1 in 2만1천."""
_EACH_PART = re.compile(rf"({_N})\s?([兆조亿億억万만千천]|bin\b)?")


def _in_digits(match: re.Match[str]) -> str:
    """A number in parts as one in digits."""
    parts = _EACH_PART.findall(match.group())
    value = sum(_value(number, scale) for number, scale in parts)
    return f"{value:.0f}"


_HINT = re.compile(r"[\d第号]")
"""What no typed number is without."""
_REACH = 40
"""Characters before a hint in which its number may begin, with a word of at most 20 or what it counts."""


def numbers(
    text: str,
    *,
    limit: int,
    lang: str = "",
) -> list[tuple[int, float]]:
    """The first `limit` different typed numbers of a cleaned text."""
    # A dict for the order in which they stand.
    typed: dict[tuple[int, float], None] = {}
    small = text.casefold()
    if lang[:2] in _DAY_FIRST:
        small = _SLASHED.sub(r"\2月\1日", small)
    if _MAY_HAVE_PARTS.search(small):
        small = _IN_PARTS.sub(_in_digits, small)
    for groups in _matches(small):
        typed[_typed(groups)] = None
        if len(typed) == limit:
            break
    return list(typed)


def _matches(text: str) -> Iterator[dict[str, str]]:
    """The groups that took part in each match of `_PATTERN`, in order."""
    end = 0
    # Where no number is near, the pattern is not tried: it takes a microsecond at each letter.
    while hint := _HINT.search(text, end):
        start = max(end, hint.start() - _REACH)
        match = _PATTERN.search(text, start)
        if match is None:
            return
        parts = match.groups()
        groups = dict(compress(zip(_GROUPS, parts, strict=True), parts))
        if groups:
            yield groups
        end = max(match.end(), start + 1)


_SIDES: dict[str, int] = {}
for _pair, (_, _one, _other) in enumerate(lexicon.OPPOSITES):
    # A word may be a side of several pairs: "beats" is said of a contest and of expectations.
    for _word in _one:
        _SIDES[_word] = _SIDES.get(_word, 0) | 1 << (2 * _pair)
    for _word in _other:
        _SIDES[_word] = _SIDES.get(_word, 0) | 2 << (2 * _pair)


def direction(folded_words: Iterable[str]) -> int:
    """Bits 2i and 2i+1 say whether either side of opposite pair i is spoken of."""
    bits = 0
    for word in folded_words:
        bits |= _SIDES.get(word, 0)
    return bits
