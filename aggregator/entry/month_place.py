"""Which word of a date is its month, judged by where it stands among the day and the year.

Rules, for a date of words and two numbers:

1. A word between the numbers is the month (10 nov 2025), and an unknown word there is a month too: of a language that
   the tables lack. Then no other word is taken for it, but behind a year (2025 жылғы 10 қараша).
2. Else the month stands before the day (nov 10, 2025), where nothing but a weekday or an article is between them, or
   behind day and year.
3. `mar`, `lun` and some more are months here and weekdays there. One of these is the month only where no other word
   is: `lun, 10 noi 2025` is a Monday in November.
"""

from __future__ import annotations

from typing import NamedTuple

from aggregator.entry.date_words import folded
from aggregator.entry.month_names import MONTHS
from aggregator.entry.weekday_names import WEEKDAYS

FILLERS = frozenset(
    "uhr hrs hr h at um kl klo a de alle ore le del of the en".split()  # noqa: SIM905
)
"""Words beside times and dates that mean nothing."""
_BY_THE_DAY = FILLERS | frozenset(
    "st nd rd th er re e ª º o r d dia den di da du on го י".split()  # noqa: SIM905
)
"""What may stand between a day and its year or month: endings of its number, articles, "on the"."""


class Month(NamedTuple):
    """The months that a date's word can mean, where it stands, and whether it may as well be the weekday."""

    numbers: frozenset[int]
    position: int
    is_guess: bool


def month_meant(
    tokens: list[str],
    first: int,
    second: int,
    language: str,
) -> Month | None:
    """The month among tokens of which those at `first` and `second` are the numbers; None where no word surely is."""
    words = [folded(token) for token in tokens]
    named = [position for position, word in enumerate(words) if word in MONTHS]
    between = [each for each in named if first < each < second]
    before = [each for each in named if each < first]
    behind = [each for each in named if each > second]
    # Only what stands closest before the day, with no unknown word in the place of a month.
    before = [each for each in before[-1:] if _is_empty(words[each + 1 : first])]
    sure_between = [each for each in between if words[each] not in WEEKDAYS]
    sure_behind = [each for each in behind if words[each] not in WEEKDAYS]
    is_unknown = not between and not _is_empty(words[first + 1 : second])
    is_year_first = len(tokens[first]) == 4
    if is_unknown:
        chosen = sure_behind if is_year_first else []
    elif is_year_first:
        chosen = sure_between + sure_behind + between + behind + before
    else:
        chosen = sure_between + between + before + sure_behind
    if not chosen:
        return None
    position = chosen[0]
    return Month(
        MONTHS.meant(words[position], language),
        position,
        is_guess=position == 0 and words[position] in WEEKDAYS,
    )


def _is_empty(words: list[str]) -> bool:
    """Whether no word of these can be a month."""
    return all(word in _BY_THE_DAY or word in WEEKDAYS or not word for word in words)
