"""Text to tokens: one at a time with its place, or all of a text at once."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from aggregator.dedup import words as module
from aggregator.dedup.words import (
    beginning,
    is_month,
    is_plain,
    stands_behind_word,
    tokens,
    words,
)

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
    known = module._PLAIN_CHUNKS
    known.clear()
    known.update((f"w{number}", ()) for number in range(module._CHUNKS_KEPT))
    address = "https://feed.test/" + "news/" * 9
    assert tokens(f"two words {address}", lang="en", limit=LIMIT).numbers
    assert set(known) == {"two", "words"}


@given(st.lists(_PARTS | st.text(max_size=3), max_size=LIMIT))
@example(["The", " ", "Rate's", " ", "Rate", "’", "s"])
@example(["a", " ", "Rate's", "'", "a"])
@example(["a", " ", "Rate", "5", " ", "May"])
@example(["a", "  ", "May", "-", "May"])
def test_a_run_behind_a_word_is_found_without_reading_all(parts: list[str]) -> None:
    text = "".join(parts)
    surfaces, _, are_runs, _ = tokens(text, lang="en", limit=LIMIT)
    read = beginning(text, lang="en", limit=LIMIT)
    if not are_runs or read is None:
        return
    assert surfaces == tokens(read, lang="en", limit=LIMIT).surfaces
    behind: set[str] = set()
    for word in words(text, lang="en", limit=LIMIT):
        before = text[max(word.start - 2, 0) : word.start]
        if before.strip(" ").isalpha():
            behind.add(word.surface)
    plain = [run for run in surfaces if is_plain(run) and not is_month(run)]
    assert {run for run in plain if stands_behind_word(run, read)} == behind & set(
        plain
    )


_HINTED = st.sampled_from(
    [
        *("Q", "q", "1Q", "Q2FY", "FY", "quart", "QUART", "Trimestre", "TRİMESTRE", "trımest"),
        *("квартал", "КВАРТ", "第一季度", "四半期", "1분기", "é", " ", "-", "a", "ſ", "İ"),
    ]
)  # fmt: skip


@given(st.lists(_HINTED | st.text(max_size=2), max_size=4).map("".join))
def test_what_may_hold_a_quarter_is_told_by_its_parts(text: str) -> None:
    hinted = module._QUARTER_HINT.search(text) is not None
    assert module._may_hold_quarter(text) or not hinted
