"""The word lists hold together."""

from __future__ import annotations

from collections import Counter

from aggregator.dedup import lexicon
from aggregator.dedup.words import cleaned, folded


def test_a_word_has_one_concept() -> None:
    told = Counter(
        word
        for _, words in lexicon._lines(lexicon._CONCEPTS)
        for word in set(words.split())
    )
    assert [word for word, count in told.items() if count > 1] == []


def test_every_word_is_written_as_it_is_looked_up() -> None:
    assert [word for word in lexicon.CONCEPT_OF if folded(word) != word] == []


def test_a_compound_ends_in_a_concept() -> None:
    assert {*lexicon.CONCEPT_OF} >= lexicon.COMPOUND_HEADS


def test_a_name_that_stands_for_others_has_none_itself() -> None:
    for name in lexicon.VARIANTS.values():
        assert cleaned(name, lang="zh") == name
