"""Time zones as feeds write them: offsets and names to a distance from UTC.

A name that means different zones in different countries is decided by the feed's language, or refused. `CST` is China
in a Chinese feed and Central America elsewhere; `IST` is India, Israel or Ireland; `EST` in an Australian feed is not
New York's. Names with daylight saving (`Europe/Paris`) are refused: their rules are a database that changes, which
this pure module has not got.
"""

from __future__ import annotations

import re
from datetime import timedelta

_HOURS = {
    "z": 0, "ut": 0, "utc": 0, "gmt": 0, "wet": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6,
    "pst": -8, "pdt": -7, "akst": -9, "akdt": -8, "hst": -10, "ast": -4, "adt": -3, "nst": -3.5, "ndt": -2.5, "brt": -3,
    "art": -3, "clt": -4, "pet": -5, "cot": -5, "bst": 1, "west": 1, "wat": 1, "cet": 1, "met": 1, "mez": 1, "cest": 2,
    "mest": 2, "mesz": 2, "eet": 2, "cat": 2, "sast": 2, "eest": 3, "msk": 3, "eat": 3, "trt": 3, "msd": 4, "gst": 4,
    "pkt": 5, "npt": 5.75, "ict": 7, "wib": 7, "hkt": 8, "sgt": 8, "pht": 8, "myt": 8, "awst": 8, "wita": 8, "jst": 9,
    "kst": 9, "wit": 9, "acst": 9.5, "acdt": 10.5, "aest": 10, "aedt": 11, "nzst": 12, "nzdt": 13, "jt": 9,
    "asia/shanghai": 8, "asia/chongqing": 8, "asia/urumqi": 8, "asia/hong_kong": 8, "asia/macau": 8, "asia/taipei": 8,
    "asia/singapore": 8, "asia/kuala_lumpur": 8, "asia/manila": 8, "asia/tokyo": 9, "asia/seoul": 9, "asia/bangkok": 7,
    "asia/ho_chi_minh": 7, "asia/jakarta": 7, "asia/kolkata": 5.5, "asia/calcutta": 5.5, "asia/dubai": 4,
    "europe/moscow": 3, "europe/istanbul": 3, "etc/utc": 0, "etc/gmt": 0, "北京时间": 8, "北京時間": 8, "台北時間": 8,
    "日本時間": 9, "한국시간": 9,
}  # fmt: skip
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
_LOCAL_HOURS = {"zh": 8, "ja": 9, "ko": 9}
"""Where nearly all feeds of a language live in one zone; others without a zone count as UTC."""

_OFFSET = re.compile(
    r"(?:(?:utc|gmt|ut)\s?)?(?P<sign>[+\u2212\u2013-])(?:(?P<h>\d{1,2}):(?P<m>\d{1,2})(?::\d\d)?|(?P<digits>\d{1,4}))(?!\d)"
)
_NAME = re.compile(r"[a-z]+/[a-z_]+|[a-z]{1,5}(?![\w/])|[北台日한][^\s\d]{2,3}")


def local_offset(language: str) -> timedelta:
    """The zone of a date that states none, by the feed's language (lower case)."""
    return timedelta(
        hours=_LOCAL_HOURS.get(
            language.partition("-")[0],
            0,
        )
    )


def zone_at_start(
    text: str,
    language: str,
) -> tuple[timedelta | None, int] | None:
    """The zone written at the start of a lower-case text, and where it ends; None if none is written there.

    The offset is None where something is written that must be a zone, but is unknown, ambiguous or impossible.
    """
    offset = _OFFSET.match(text)
    if offset:
        return _distance(offset), offset.end()
    name = _NAME.match(text)
    if name is None:
        return None
    hours = named_hours(name.group(), language)
    return (None if hours is None else timedelta(hours=hours)), name.end()


def named_hours(name: str, language: str) -> float | None:
    """Hours east of UTC for a zone's name, as a feed of this language means it; None if unknown or ambiguous."""
    for tag in (language, language.partition("-")[0]):
        if (name, tag) in _BY_LANGUAGE:
            return _BY_LANGUAGE[name, tag]
    return _HOURS.get(name)


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
