"""Text to tokens: one at a time with its place, or all of a text at once."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from aggregator.dedup import words as module
from aggregator.dedup.words import tokens, words

LIMIT = 12
_PARTS = st.sampled_from(
    [
        *("The", "a", "I", "rate", "Rate's", "don't", "l'Iran", "S24", "S24s", "F-16"),
        *("5", "12", "99", "3.5%", "1,000", "2026", "March", "May", "mars", "de", "th"),
        *("Bahnstreik", "é", "Élysée", "забастовка", "東京都", "3月5日", "٥", "ß", "’"),
        *(".", ",", " ", "-", "\n", "\ufe0f", "_"),
    ]
)
_TEXTS = st.lists(_PARTS | st.text(max_size=3), max_size=3 * LIMIT).map(" ".join)


@given(_TEXTS, st.sampled_from(["en", "de", "vi", "zh", "ru", "und", ""]))
@example("May 5 and 5 March, the 5th of May", "en")
@example("May ٥", "ar")
def test_all_tokens_at_once_are_those_one_by_one(text: str, lang: str) -> None:
    one_by_one = words(text, lang=lang, limit=LIMIT)
    at_once = tokens(text, lang=lang, limit=LIMIT)
    assert at_once.numbers == [word.token for word in one_by_one]
    starts = [surface[0] for surface in at_once.surfaces]
    assert starts == [word.surface[0] for word in one_by_one]


def test_what_is_kept_of_words_is_bounded() -> None:
    known = module._NUMBERS[False]
    known.clear()
    known.update((f"w{number}", 1) for number in range(module._NUMBERS_KEPT))
    assert tokens("two words", lang="en", limit=LIMIT).numbers
    assert set(known) == {"two", "words"}
