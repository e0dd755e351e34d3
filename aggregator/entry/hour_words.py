"""The words by which Chinese, Japanese and Korean dates name a part of the day: which hour a number beside one means.

Rules: a word spans hours of the 24-hour clock, 24 being the midnight that ends the day; the number means the one hour
of that span that a 12- or 24-hour clock would write so. Where there is none, or two (at deep night 12 o'clock is the
first or the last midnight of the day), the time is not sure. So 中午11:30 is 11:30, 中午1:30 is 13:30, 晚上12:00 the
midnight that follows, and 晚上1:30, which people write of either day, is none.

The spans are CLDR's day periods of zh, ja and ko, an hour or two wider where news sites write so. Pure.
"""

from __future__ import annotations

import re

_DEEP_NIGHT = frozenset(
    {
        *range(6),
        *range(20, 25),
    }
)
_SPANS: tuple[tuple[str, frozenset[int]], ...] = (
    (
        "深夜 半夜 午夜 夜里 夜裡 夜间 夜間 夜中 真夜中 深更 심야 한밤중 한밤 자정",
        frozenset(
            {
                *range(6),
                *range(20, 25),
            }
        ),
    ),
    ("凌晨 拂晓 拂曉 未明 새벽", frozenset(range(7))),
    ("清晨 早晨 早上 清早 大清早 早朝 明け方 朝 아침", frozenset(range(4, 12))),
    ("上午 午前 오전", frozenset(range(12))),
    ("中午 正午 午间 午間 お昼 昼 낮 점심 정오", frozenset(range(10, 18))),
    ("下午 午后 午後 오후", frozenset(range(12, 24))),
    ("傍晚 黄昏 夕方 夕 해질녘", frozenset(range(15, 21))),
    ("晚上 晚间 晚間 夜晚 今晚 今夜 晚 晩 夜 저녁 밤", frozenset(range(16, 25))),
)
_WORDS = {word: span for words, span in _SPANS for word in words.split()}
_ANY = re.compile(
    "|".join(
        sorted(
            _WORDS,
            key=len,
            reverse=True,
        )
    )
)


def hour_meant(hour: int, text: str) -> int | None:
    """The hour (0 to 24) that a stated one means in a text; None when the text's word for a part of the day makes it
    impossible or unsure. Without such a word it means itself."""
    word = _ANY.search(text)
    if word is None:
        return hour
    if hour in (0, 12):
        readings = {0, 12, 24}
    elif hour < 12:
        readings = {hour, hour + 12}
    else:
        readings = {hour}
    meant = readings & _WORDS[word[0]]
    return meant.pop() if len(meant) == 1 else None


def without_hour_words(text: str) -> str:
    """The text with a space in place of each such word."""
    return _ANY.sub(" ", text)
