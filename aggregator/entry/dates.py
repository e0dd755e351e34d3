"""The instant a date text means, or None: judged right, or refused, never guessed.

How a text is read:

1. Only digits: seconds, milliseconds or microseconds since 1970, `YYYYMMDD` or `YYYYMMDDhhmmss`.
2. The time of day is found and taken out, with the zone after it and a.m./p.m. around it (in eight languages).
3. What is left must be one date and nothing else that holds digits: year-month-day with any separator (also 年月日 and
   년월일), ISO week and ordinal dates, day-month-year in numbers, or a month's name with a day and a year. Which word
   is the month is judged by its place (`month_place`); what it means in two languages, by the feed's language or else
   by the weekday beside it, or it is refused.
4. `05/03/2019` is decided by a number over 12, else by the weekday beside it, else by the feed's language where its
   writers agree (en-US month first, en-GB and most others day first); plain `en`, Chinese and none decide nothing.
5. A missing zone is the feed's own (zh +8, ja and ko +9, otherwise UTC); an unknown or impossible zone refuses,
   and so does a time that clocks of a named place never showed, or showed twice.
6. Years outside 1902..2199 and the first days of 1970 are what programs write for "no date", and are refused.

Libraries were tried (tests/bench/parse_table.py --dates 20000). Of 12 forms of schema.md in a Chinese feed we read 12
as they are meant, dateparser 5, feedparser 2, python-dateutil 1: they cannot be told the feed's language, take `CST`
for America, fill missing parts from today's date, and swap day and month by their own default. Of the 18,601 different
dates of the corpora, nearly all RFC 822 or ISO, feedparser reads 19 otherwise and refuses 52 good ones; dateutil reads
1,161 otherwise, mostly because it drops zone names. dateparser needs 1.7 ms a date, we 0.025. So the reading is ours:
it is normalising, and wrong dates are what it must not give.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from aggregator.entry.date_words import folded
from aggregator.entry.hour_words import hour_meant, without_hour_words
from aggregator.entry.month_names import MONTHS, TWO_WORDS
from aggregator.entry.month_place import FILLERS, month_meant
from aggregator.entry.weekday_names import WEEKDAYS
from aggregator.entry.zones import Zone, local_offset, offset_at, zone_at_start
from aggregator.model import EPOCH

_LONGEST = 100
"""Characters; the longest date of the corpora that can be read has 56."""
_FIRST_YEAR, _LAST_YEAR = 1902, 2199
_NO_DATE = timedelta(days=1)
"""Around 1970-01-01: what a missing number becomes in any zone."""

_MONTH_NAMES = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # noqa: SIM905
_COMMON = re.compile(
    rf"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?(?P<d>\d\d) (?P<month>{'|'.join(_MONTH_NAMES)}) (?P<y>(?:19[89]|20)\d\d) "
    r"(?P<time>(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d) (?P<zone>GMT|[+-](?:0\d|1[012])[0-5]\d)"
)
"""RFC 822 as nine of ten feeds write it, in which nothing is in doubt: read at once, as the rules below read it."""
_EPOCH = re.compile(r"(\d{9,10}|\d{12,13}|\d{16})(?:\.\d{1,9})?")
_BUDDHIST_YEAR = re.compile(r"(?<!\d)2[4-6]\d\d(?!\d)")
"""Thai feeds count years from 543 BC, also in dates that are otherwise English or ISO; no feed is of the year 2400."""
_ERAS = {
    "令和": 2018,
    "平成": 1988,
    "民國": 1911,
    "民国": 1911,
}
_ERA = re.compile(rf"({'|'.join(_ERAS)}) ?(\d{{1,3}}|元) ?年")
"""Years of Japanese reigns and of the Republic of China, before their first."""
_DOTTED_TIME = re.compile(
    r"(?:(?<=\d{4} )|(?<=klo )|(?<=kl )|(?<=kl\. )|(?<=um )|(?<=pukul ))"
    r"(?:[01]?\d|2[0-4])\.[0-5]\d(?:\.[0-5]\d)?(?![\d.])"
)
"""After a year; Finns, Danes and Indonesians write a time so."""
_BASIC = re.compile(
    r"\A(\d{4})-?(\d\d)-?(\d\d)(?:[t ](\d\d)(?:(\d\d)(\d\d)?)?(?:[.,]\d+)?)? ?(z|utc|gmt|[+-]\d\d(?::?\d\d)?)\Z"
)
_COMPACT = re.compile(r"((?:19|20)\d\d)(\d\d)(\d\d)(?:t?(\d\d)(\d\d)(\d\d)?)?")

_TIME = re.compile(
    r"""(?<![\d:.])(?P<h>\d{1,2})
    (?:
        \s?(?::|[時时点點시h](?![a-z]))
        # Five minutes past are written with one digit only before seconds or a sign of minutes: "9:5" may be cut off.
        \s?(?P<m>\d{2}|\d(?=\s?[分분]|:\d))?
        (?:\s?[:分분](?:\s?(?P<s>\d{1,2})(?:[.,]\d{1,12})?(?:\s?[秒초])?)?)?
        (?:\s?(?P<half>[ap]\.?\s?m\b\.?|[ap](?=\s|$)))?
    |
        \s?(?P<only>[ap]\.?\s?m\b\.?)
    )(?!\d)""",
    re.VERBOSE,
)
_YEAR_FIRST = re.compile(
    r"(?<!\d)(\d{4})\s?[-/.年년]\s?(\d{1,2})\s?[-/.月월]\s?(\d{1,2})(?!\d)\s?[日号號일]?\.?"
)
_WEEK = re.compile(r"(?<![\d+-])(\d{4})-?w(\d{2})-?(\d)(?!\d)")
_ORDINAL = re.compile(r"(?<![\d+-])(\d{4})-(\d{3})(?!\d)")
_YEAR_LAST = re.compile(
    r"(?<!\d)(\d{1,2})\s?([-/.])\s?(\d{1,2})\s?\2\s?(\d{4}|\d{2})(?!\d)\.?"
)
_NUMBERED_MONTH = re.compile(
    r"(?<!\w)(?:tháng|thang|thg|th)\.?\s?(\d{1,2})(?!\d)|(?<!\d)(\d{1,2})\s?[月월]"
)
_SEVERAL_WORDS = re.compile("|".join(sorted(TWO_WORDS, key=len, reverse=True)))
_TOKEN = re.compile(r"\d+|[^\s\d,،()/+:;|\u2013-]+")

_MISSPELT = {
    "cn": "zh-cn",
    "tw": "zh-tw",
    "chinese": "zh",
    "zho": "zh",
    "jp": "ja",
    "jpn": "ja",
    "kr": "ko",
    "kor": "ko",
}
"""What feeds of the languages that decide a zone write for them."""
_MONTH_FIRST = frozenset({"en-us", "en-ph"})
_UNDECIDED = frozenset(
    {
        "",
        "en",
        "en-ca",
        "zh",
        "ja",
        "ko",
        "und",
        "hu",
        "lt",
    }
)


class _Clock(NamedTuple):
    """Time of day as a span from midnight, the zone (None: not stated), and the text without both."""

    since_midnight: timedelta
    zone: Zone | None
    rest: str


def instant(
    raw: str,
    *,
    language: str | None,
) -> datetime | None:
    """The instant, aware UTC, that `raw` means in a feed of this language (BCP 47 or None); None if it is not sure."""
    # Nine of ten dates, in which nothing is in doubt.
    common = _COMMON.fullmatch(raw)
    if common:
        return _common_instant(common)
    text = _plain(raw)
    tag = (language or "").strip().lower().replace("_", "-")
    tag = _MISSPELT.get(tag, tag)
    if not text or len(text) > _LONGEST:
        return None
    half = len(text) // 2
    # Some programs write the same date twice.
    if len(text) > 20 and text[:half] == text[half:]:
        text = text[:half]
    if tag.partition("-")[0] == "th":
        text = _BUDDHIST_YEAR.sub(_since_christ, text)
    if re.fullmatch(r"\d+(?:t\d+)?(?:\.\d+)?", text):
        return _from_digits(text, tag)
    clock = _clock(_respelled(text), tag)
    if clock is None:
        return None
    day = _day(clock.rest, tag)
    if day is None:
        return None
    return _checked(day, clock.since_midnight, clock.zone, tag)


def _respelled(text: str) -> str:
    """The text with years, times and months in the forms that the rules know."""
    text = _ERA.sub(_common_year, _BASIC.sub(_extended, text))
    text = _DOTTED_TIME.sub(_with_colons, text)
    return _SEVERAL_WORDS.sub(_one_word, text)


def _one_word(several: re.Match[str]) -> str:
    return TWO_WORDS[several[0]]


def _since_christ(buddhist: re.Match[str]) -> str:
    return str(int(buddhist[0]) - 543)


def _with_colons(dotted: re.Match[str]) -> str:
    return dotted[0].replace(".", ":")


def _common_instant(common: re.Match[str]) -> datetime | None:
    day, month, year, time, zone = common.groups()
    number = _MONTH_NAMES.index(month) + 1
    offset = "+00:00" if zone == "GMT" else f"{zone[:3]}:{zone[3:]}"
    written = f"{year}-{number:02}-{day}T{time}{offset}"
    try:
        return datetime.fromisoformat(written).astimezone(UTC)
    except ValueError:
        # The 31st of June.
        return None


def _common_year(era: re.Match[str]) -> str:
    # The first year of a reign is written 元, its beginning.
    year = 1 if era[2] == "元" else int(era[2])
    return f"{_ERAS[era[1]] + year}年"


def _extended(basic: re.Match[str]) -> str:
    """ISO 8601's basic form (`20260301T0800Z`) as its extended one."""
    year, month, day, hour, minute, second, zone = basic.groups()
    return f"{year}-{month}-{day}t{hour or '00'}:{minute or '00'}:{second or '00'}{zone or ''}"


def _plain(raw: str) -> str:
    """Lower case, ASCII digits, full width folded, white space single."""
    text = unicodedata.normalize("NFKC", raw[: 4 * _LONGEST]).lower()
    if not text.isascii():
        text = "".join(map(_ascii_digit, text))
        # Marks of direction stand between the parts of Arabic and Hebrew dates.
        text = re.sub(r"[\u200b-\u200f\u202a-\u202e\ufeff\u00ad]", "", text)
    return " ".join(text.split())


def _ascii_digit(letter: str) -> str:
    if not letter.isdigit() or letter.isascii():
        return letter
    return str(unicodedata.digit(letter))


def _checked(
    day: date, since_midnight: timedelta, zone: Zone | None, tag: str
) -> datetime | None:
    local = datetime(day.year, day.month, day.day) + since_midnight  # noqa: DTZ001
    if zone is None:
        zone = local_offset(tag)
    offset = offset_at(zone, local)
    if offset is None:
        return None
    at = local.replace(tzinfo=UTC) - offset
    if abs(at - EPOCH) <= _NO_DATE:
        return None
    return at


def _from_digits(text: str, tag: str) -> datetime | None:
    compact = _COMPACT.fullmatch(text)
    if compact:
        numbers = [int(group or 0) for group in compact.groups()]
        day = _calendar(*numbers[:3])
        span = _span(*numbers[3:])
        if day is None or span is None:
            return None
        return _checked(day, span, None, tag)
    epoch = _EPOCH.fullmatch(text)
    if epoch is None:
        return None
    number = epoch.group(1)
    scale = {
        16: 1_000_000,
        13: 1000,
        12: 1000,
    }.get(len(number), 1)
    at = datetime.fromtimestamp(int(number) / scale, UTC)
    if not _FIRST_YEAR <= at.year <= _LAST_YEAR:
        return None
    return at


def _clock(text: str, tag: str) -> _Clock | None:
    """The time of day in a text, midnight if it states none; None if what stands there is no time or no zone."""
    match = next(filter(_is_time, _TIME.finditer(text)), None)
    if match is None:
        return _Clock(timedelta(0), None, text)
    hour = _hour(
        int(match["h"]),
        match["half"] or match["only"] or "",
        text,
    )
    if hour is None:
        return None
    span = _span(
        hour,
        int(match["m"] or 0),
        int(match["s"] or 0),
    )
    if span is None:
        return None
    head = without_hour_words(text[: match.start()])
    tail = without_hour_words(text[match.end() :])
    zone, rest = _zone(tail.lstrip(" ,.(["), tag)
    if rest is None:
        return None
    return _Clock(span, zone, f"{re.sub('t$', ' ', head)} {rest}")


def _is_time(match: re.Match[str]) -> bool:
    """A number alone is none, but 8時 is."""
    if match["m"] or match["half"] or match["only"]:
        return True
    return re.search("[時时点點시]", match.group()) is not None


def _hour(
    hour: int,
    mark: str,
    text: str,
) -> int | None:
    """Hour 0 to 24 from a stated one and its a.m./p.m.; None when they contradict each other."""
    if not mark:
        return hour_meant(hour, text)
    if mark.startswith("a"):
        return None if hour > 12 else hour % 12
    # "14:05 pm" says one thing twice.
    if hour > 12:
        return hour
    return hour % 12 + 12


def _span(
    hour: int,
    minute: int,
    second: int,
) -> timedelta | None:
    """Since midnight; 24:00:00 is the next midnight and second 60 the next minute, as ISO 8601 and UTC have it."""
    is_beyond_midnight = hour == 24 and (minute or second)
    if hour > 24 or minute > 59 or second > 60 or is_beyond_midnight:
        return None
    return timedelta(hours=hour, minutes=minute, seconds=second)


def _zone(
    tail: str,
    tag: str,
) -> tuple[Zone | None, str | None]:
    """The zone at the start of what follows a time, and what is left; nothing left (None) where a zone is wrong."""
    stated = zone_at_start(tail, tag)
    zone, end = stated or (None, 0)
    if zone is None:
        # "10:30 uhr" and "10:30 monday" state no zone, "10:30 xyz" an unknown one.
        word = re.match(r"[^\W\d_]*", tail)
        if word and _is_known_word(word[0]):
            return _zone_behind(tail, word.end(), tag)
        return None, (None if stated else tail)
    # "+0800 (China Standard Time)", "+01:00[Europe/Paris]".
    rest = re.sub(r"\([^()]*\)?|\[[^\[\]]*\]|^[^\d]*[)\]]", " ", tail[end:])
    following = zone_at_start(rest.lstrip(), tag)
    # Two offsets; a name behind an offset is only its name.
    if following and following[0] is not None and not re.match(r"\s*[a-z]", rest):
        return None, None
    return zone, rest


def _zone_behind(tail: str, end: int, tag: str) -> tuple[Zone | None, str]:
    """The zone behind a word that is none ("10:30 uhr MEZ"), and what is left."""
    behind = tail[end:].lstrip(" (")
    stated = zone_at_start(behind, tag)
    # "Monday -5 Feb" has no offset.
    if stated is None or stated[0] is None or not behind[0].isalpha():
        return None, tail
    return stated[0], behind[stated[1] :]


def _is_known_word(word: str) -> bool:
    """Whether it is of those that stand beside times: a filler, a month, a weekday."""
    if not word.isalpha():
        return False
    name = folded(word)
    return word in FILLERS or name in MONTHS or name in WEEKDAYS


def _day(text: str, tag: str) -> date | None:
    """The one date in a text; None if there is none, more than one, or digits that belong to none."""
    for pattern, reader in _READERS:
        match = pattern.search(text)
        if match:
            if _has_more(_around(match)):
                return None
            return reader(*map(int, match.groups()))
    match = _YEAR_LAST.search(text)
    if match:
        rest = _around(match)
        return None if _has_more(rest) else _in_order(match, rest, tag)
    # A year of another reckoning, or without its month.
    if "年" in text or "년" in text:
        return None
    return _worded(text, tag)


def _around(match: re.Match[str]) -> str:
    """The text without what matched."""
    text = match.string
    return text[: match.start()] + text[match.end() :]


def _has_more(rest: str) -> bool:
    if rest.startswith(("-", "+")):
        return True
    return re.search(r"\d|(?:^|\s)[+-]$", rest) is not None


def _calendar(
    year: int,
    month: int,
    day: int,
) -> date | None:
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _iso_week(
    year: int,
    week: int,
    day: int,
) -> date | None:
    try:
        start = date.fromisocalendar(year, week, day)
    except ValueError:
        return None
    return _calendar(start.year, start.month, start.day)


def _ordinal(year: int, day: int) -> date | None:
    if not (_FIRST_YEAR <= year <= _LAST_YEAR and 1 <= day <= 366):
        return None
    in_year = date(year, 1, 1) + timedelta(days=day - 1)
    # Day 366 of a common year is none.
    return in_year if in_year.year == year else None


_READERS: tuple[tuple[re.Pattern[str], Callable[..., date | None]], ...] = (
    (_YEAR_FIRST, _calendar),
    (_WEEK, _iso_week),
    (_ORDINAL, _ordinal),
)


def _in_order(
    match: re.Match[str],
    rest: str,
    tag: str,
) -> date | None:
    """A date of three numbers with the year last, where the order of the first two is sure."""
    first = int(match[1])
    second = int(match[3])
    year = _year(match[4])
    day_first = _calendar(year, second, first)
    month_first = _calendar(year, first, second)
    # 12/12, or a number over 12.
    if day_first == month_first or day_first is None or month_first is None:
        return day_first or month_first
    weekdays = _weekdays(_TOKEN.findall(rest), tag)
    if weekdays:
        dates = (day_first, month_first)
        fitting = [each for each in dates if each.weekday() in weekdays]
        return fitting[0] if len(fitting) == 1 else None
    # Nobody writes the month first and points behind.
    if match[2] == ".":
        return day_first
    if tag in _MONTH_FIRST:
        return month_first
    primary = tag.partition("-")[0]
    if tag in _UNDECIDED or primary in _UNDECIDED - {"en"}:
        return None
    return day_first


def _year(digits: str) -> int:
    """Two digits are of 1970..2069, as in POSIX strptime."""
    number = int(digits)
    if len(digits) > 2:
        return number
    century = 1900 if number >= 70 else 2000
    return century + number


def _worded(text: str, tag: str) -> date | None:
    """A date with the month in words: one name (or its number, 2月), one day, one year."""
    numbered = _NUMBERED_MONTH.search(text)
    if numbered:
        text = f"{text[: numbered.start()]} \x00 {text[numbered.end() :]}"
    tokens = _TOKEN.findall(text)
    numbers = [position for position, token in enumerate(tokens) if token.isdigit()]
    if len(numbers) != 2:
        return None
    first, second = numbers
    day = tokens[first]
    year = tokens[second]
    if len(day) == 4:
        day, year = year, day
    if len(day) > 2 or len(year) not in (2, 4):
        return None
    number = _year(year)
    # Thai letters in a feed that does not say its language: years of the Buddha.
    if number > 2400 and re.search("[\u0e00-\u0e7f]", text):
        number -= 543
    if numbered:
        return _calendar(number, int(numbered[1] or numbered[2]), int(day))
    return _with_month(tokens, numbers, (number, int(day)), tag)


def _with_month(
    tokens: list[str],
    numbers: list[int],
    year_and_day: tuple[int, int],
    tag: str,
) -> date | None:
    """The one date that the month's name and the weekday leave; None if none or several are left."""
    month = month_meant(tokens, numbers[0], numbers[1], tag)
    if month is None:
        return None
    year, day = year_and_day
    dates = [_calendar(year, each, day) for each in month.numbers]
    # A word that names the month for sure is believed, whatever weekday stands beside it: those are often wrong.
    if month.is_guess or len(dates) > 1:
        others = tokens[: month.position] + tokens[month.position + 1 :]
        weekdays = _weekdays(others, tag) or set(range(7))
        dates = [each for each in dates if each and each.weekday() in weekdays]
    return dates[0] if len(dates) == 1 else None


def _weekdays(tokens: list[str], tag: str) -> set[int]:
    """The days of the week that are named, from Monday, 0."""
    return {number for token in tokens for number in WEEKDAYS.meant(folded(token), tag)}
