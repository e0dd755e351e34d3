"""Time zones as feeds write them: offsets and names to a distance from UTC.

A name that means different zones in different countries is decided by the feed's language, or refused. `CST` is China
in a Chinese feed and Central America elsewhere; `IST` is India, Israel or Ireland; `EST` in an Australian feed is not
New York's. Names whose distance depends on the date (`Europe/Paris`, `ET`) are looked up in the machine's database of
time zones; without one they are refused, and so is the hour that is left out or comes twice where clocks are set.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

Zone = timedelta | ZoneInfo
"""A distance from UTC, or a place whose distance depends on the date."""

_HOURS = {
    "z": 0,
    "ut": 0,
    "utc": 0,
    "gmt": 0,
    "wet": 0,
    "est": -5,
    "edt": -4,
    "cst": -6,
    "cdt": -5,
    "mst": -7,
    "mdt": -6,
    "pst": -8,
    "pdt": -7,
    "akst": -9,
    "akdt": -8,
    "hst": -10,
    "hdt": -9,
    "ast": -4,
    "adt": -3,
    "nst": -3.5,
    "ndt": -2.5,
    "brt": -3,
    "brst": -2,
    "art": -3,
    "clt": -4,
    "clst": -3,
    "uyt": -3,
    "bot": -4,
    "vet": -4,
    "pet": -5,
    "cot": -5,
    "bst": 1,
    "west": 1,
    "wat": 1,
    "cet": 1,
    "met": 1,
    "mez": 1,
    "cest": 2,
    "mest": 2,
    "mesz": 2,
    "eet": 2,
    "cat": 2,
    "sast": 2,
    "eest": 3,
    "msk": 3,
    "eat": 3,
    "trt": 3,
    "msd": 4,
    "gst": 4,
    "pkt": 5,
    "npt": 5.75,
    "ict": 7,
    "wib": 7,
    "hkt": 8,
    "sgt": 8,
    "pht": 8,
    "myt": 8,
    "awst": 8,
    "wita": 8,
    "jst": 9,
    "kst": 9,
    "wit": 9,
    "acst": 9.5,
    "acdt": 10.5,
    "aest": 10,
    "aedt": 11,
    "nzst": 12,
    "nzdt": 13,
    "jt": 9,
    "asia/shanghai": 8,
    "asia/chongqing": 8,
    "asia/urumqi": 8,
    "asia/hong_kong": 8,
    "asia/macau": 8,
    "asia/taipei": 8,
    "asia/singapore": 8,
    "asia/kuala_lumpur": 8,
    "asia/manila": 8,
    "asia/tokyo": 9,
    "asia/seoul": 9,
    "asia/bangkok": 7,
    "asia/ho_chi_minh": 7,
    "asia/jakarta": 7,
    "asia/kolkata": 5.5,
    "asia/calcutta": 5.5,
    "asia/dubai": 4,
    "мск": 3,
    "по мск": 3,
    "по москве": 3,
    "etc/utc": 0,
    "etc/gmt": 0,
    "北京时间": 8,
    "北京時間": 8,
    "台北時間": 8,
    "日本時間": 9,
    "한국시간": 9,
}
_BY_LANGUAGE = {
    ("cst", "zh"): 8,
    ("ast", "ar"): 3,
    ("bst", "bn"): 6,
    ("est", "en-au"): 10,
    ("edt", "en-au"): 11,
    ("cst", "en-au"): 9.5,
    ("ist", "he"): 2,
    ("ist", "iw"): 2,
    ("ist", "ga"): 1,
    ("ist", "en-ie"): 1,
    ("ist", "en-in"): 5.5,
    ("ist", "en"): 5.5,
    ("ist", "hi"): 5.5,
    ("ist", "ta"): 5.5,
    ("ist", "te"): 5.5,
    ("ist", "mr"): 5.5,
    ("ist", "bn"): 5.5,
    ("ist", "ur"): 5.5,
    ("ist", "kn"): 5.5,
    ("ist", "ml"): 5.5,
    ("ist", "gu"): 5.5,
    ("ist", "pa"): 5.5,
}
_WORDS = {
    "greenwich mean time": 0,
    "universal time": 0,
    "coordinated universal time": 0,
    "western european time": 0,
    "british summer time": 1,
    "western european summer time": 1,
    "central european time": 1,
    "central european standard time": 1,
    "central european summer time": 2,
    "eastern european time": 2,
    "eastern european standard time": 2,
    "eastern european summer time": 3,
    "israel standard time": 2,
    "israel daylight time": 3,
    "south africa standard time": 2,
    "central africa time": 2,
    "west africa time": 1,
    "east africa time": 3,
    "moscow time": 3,
    "moscow standard time": 3,
    "gulf standard time": 4,
    "pakistan standard time": 5,
    "india standard time": 5.5,
    "indian standard time": 5.5,
    "china time": 8,
    "china standard time": 8,
    "beijing time": 8,
    "hong kong time": 8,
    "singapore time": 8,
    "singapore standard time": 8,
    "japan time": 9,
    "japan standard time": 9,
    "korea time": 9,
    "korea standard time": 9,
    "korean standard time": 9,
    "australian eastern standard time": 10,
    "australian eastern daylight time": 11,
    "new zealand standard time": 12,
    "new zealand daylight time": 13,
    "hawaii time": -10,
    "hawaii standard time": -10,
}
_AMERICAN = {
    "eastern": ("et", -5, "America/New_York"),
    "central": ("ct", -6, "America/Chicago"),
    "mountain": ("mt", -7, "America/Denver"),
    "pacific": ("pt", -8, "America/Los_Angeles"),
    "atlantic": ("", -4, "America/Halifax"),
    "alaska": ("akt", -9, "America/Anchorage"),
}
_RULES = {
    "uk time": "Europe/London",
    "london time": "Europe/London",
    "new york time": "America/New_York",
}
"""Names of clocks that are set forward and back, with a place that sets them."""
for _name, (_short, _standard, _place) in _AMERICAN.items():
    _RULES |= dict.fromkeys(
        (_short, _name, f"{_name} time", f"us {_name} time"), _place
    )
    # Whoever says which of the two it is has said the distance.
    _WORDS[f"{_name} standard time"] = _standard
    _WORDS[f"{_name} daylight time"] = _standard + 1
_OTHERWISE = {
    "en-au": "et eastern ct central",
    "zh": "ct",
    "pl": "pt",
    "lt": "pt",
    "tr": "pt",
}
"""Languages in which some of these names mean something else: other coasts, China, or a day of the week."""
_LOCAL_HOURS = {"zh": 8, "ja": 9, "ko": 9}
"""Where nearly all feeds of a language live in one zone; others without a zone count as UTC."""

_OFFSET = re.compile(
    r"(?:(?:utc|gmt|ut)\s?)?(?P<sign>[+\u2212\u2013-])(?:(?P<h>\d{1,2}):(?P<m>\d{1,2})(?::\d\d)?|(?P<digits>\d{1,4}))(?!\d)"
)
_NAME = re.compile(
    r"[a-z]+(?:/[a-z0-9_+-]+){1,2}|[a-z]{1,5}(?![\w/])|[北台日한][^\s\d]{2,3}|(?:по )?(?:мск|москве)(?!\w)"
)
_IN_WORDS = re.compile(
    rf"(?:[a-z]+ ){{1,4}}?time(?!\w)|(?:{'|'.join(_AMERICAN)})(?!\w)"
)


def local_offset(language: str) -> timedelta:
    """The zone of a date that states none, by the feed's language (lower case)."""
    return timedelta(
        hours=_LOCAL_HOURS.get(
            language.partition("-")[0],
            0,
        )
    )


def offset_at(zone: Zone, local: datetime) -> timedelta | None:
    """East of UTC when clocks show this time; None if they never show it there, or twice."""
    if isinstance(zone, timedelta):
        return zone
    first = zone.utcoffset(local)
    second = zone.utcoffset(local.replace(fold=1))
    return first if first == second else None


def zone_at_start(
    text: str,
    language: str,
) -> tuple[Zone | None, int] | None:
    """The zone written at the start of a lower-case text, and where it ends; None if none is written there.

    The zone is None where something is written that must be a zone, but is unknown, ambiguous or impossible.
    """
    offset = _OFFSET.match(text)
    if offset:
        return _distance(offset), offset.end()
    in_words = _IN_WORDS.match(text)
    name = _NAME.match(text)
    for match in (in_words, name):
        zone = named_zone(match[0], language) if match else None
        if match and zone is not None:
            return zone, match.end()
    unknown = in_words or name
    return (None, unknown.end()) if unknown else None


def named_zone(name: str, language: str) -> Zone | None:
    """The zone of a name in lower case, as a feed of this language means it; None if unknown or ambiguous."""
    for tag in (language, language.partition("-")[0]):
        if (name, tag) in _BY_LANGUAGE:
            return timedelta(hours=_BY_LANGUAGE[name, tag])
        if name.partition(" ")[0] in _OTHERWISE.get(tag, "").split():
            return None
    hours = _HOURS.get(name, _WORDS.get(name))
    if hours is not None:
        return timedelta(hours=hours)
    place = _RULES.get(name)
    if place is None and "/" in name:
        place = _places().get(name)
    return _rules_of(place) if place else None


@cache
def _places() -> dict[str, str]:
    """The names of the database by their lower-case forms."""
    return {place.lower(): place for place in available_timezones()}


def _rules_of(place: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(place)
    except (KeyError, OSError, ValueError):
        # This machine has no database of time zones, or a damaged one.
        return None


def _distance(offset: re.Match[str]) -> timedelta | None:
    if offset["digits"]:
        digits = offset["digits"]
        hours, minutes = (
            (int(digits), 0)
            if len(digits) <= 2
            else (int(digits[:-2]), int(digits[-2:]))
        )
    else:
        hours, minutes = int(offset["h"]), int(offset["m"])
    if hours > 14 or minutes > 59 or (hours == 14 and minutes):
        return None
    distance = timedelta(hours=hours, minutes=minutes)
    return distance if offset["sign"] == "+" else -distance
