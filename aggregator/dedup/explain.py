"""A comparison in words a reader understands: what each feature found, what it did to the score, and the verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aggregator.dedup.fingerprint import Fingerprint
from aggregator.dedup.frequency import Frequency
from aggregator.dedup.similarity import (
    PAIR_THRESHOLD,
    Comparison,
    Feature,
    compared,
    is_same,
)
from aggregator.model import DedupSettings


@dataclass(frozen=True, slots=True)
class Explanation:
    """The comparison, whether it is the same event at the given strictness, and the sentences that say why."""

    comparison: Comparison
    is_same: bool
    verdict: str
    lines: tuple[str, ...]
    """One for each feature, the most telling first: its words, its value and its contribution."""


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def _share(of: str) -> Callable[[float], str]:
    return lambda value: f"{of}: {_percent(value)}"


def _amount(of: str) -> Callable[[float], str]:
    return lambda value: f"{of}: {value:.1f}"


def _count(
    of: str,
    none: str,
) -> Callable[[float], str]:
    return lambda value: f"{of}: {value:.0f}" if value > 0 else none


def _yes(
    yes: str,
    no: str,
) -> Callable[[float], str]:
    return lambda value: yes if value > 0 else no


_DISTANCES = (
    "may be one",
    "are two of one region",
    "are of two regions",
    "are of two countries",
)


def _apart(places: str) -> Callable[[float], str]:
    return lambda value: f"{places}: {_DISTANCES[int(value)]}"


_WORDS: dict[str, Callable[[float], str]] = {
    "title_cosine": _share(
        "the titles' words agree, rare words counting more (cosine)"
    ),
    "title_jaccard": _share("words of the two titles that are in both, by weight"),
    "title_contained": _share("the lighter title that is in the other, by weight"),
    "title_in_other_least": _share("each title found in the other report, at least"),
    "title_in_other_most": _share("one title found in the other report, at most"),
    "all_cosine": _share("titles and bodies agree, rare words counting more (cosine)"),
    "body_contained": _share("the lighter report's words that are in the other"),
    "body_cosine": _share("the bodies' words agree"),
    "rarest_shared": _amount("rarity of the rarest word in both (0 common, 10.8 rare)"),
    "shared_weight": _amount("summed rarity of all words in both"),
    "shared_title_weight": _amount("summed rarity of the words in both titles"),
    "unmatched_least": _amount(
        "summed rarity of title words the other report lacks, on either side at least"
    ),
    "unmatched_most": _amount(
        "summed rarity of title words the other report lacks, at most"
    ),
    "rarest_unmatched_least": _amount(
        "each title has a word the other report lacks, of rarity at least"
    ),
    "names_shared": _amount("summed rarity of names in both"),
    "names_unmatched_least": _amount(
        "each title has names the other report lacks, of summed rarity at least"
    ),
    "order": _share("pairs of words of both titles that stand in the same order"),
    "letters": _share("the titles are alike letter by letter"),
    "letters_sorted": _share("the titles are alike with their words sorted"),
    "shingles_shared": _share("the bodies are word for word the same (sampled)"),
    "numbers_equal": _count(
        "kinds of number (percent, money, magnitude, score…) that agree",
        "no typed number agrees",
    ),
    "numbers_conflict": _count(
        "kinds of number that conflict", "no typed number conflicts"
    ),
    "counts_equal": _count("counts that agree", "no count agrees"),
    "counts_conflict": _count("counts that differ", "no count differs"),
    "labels_conflict": _count(
        "numbered things (Game 5, iPhone 15) that differ", "no numbered thing differs"
    ),
    "namesakes": _count(
        "persons of one surname with other given names", "no two persons of one surname"
    ),
    "title_numbers_equal": _count(
        "kinds of number in both titles that agree", "no number is in both titles"
    ),
    "title_numbers_conflict": _count(
        "kinds of number in both titles that conflict",
        "the titles' numbers do not conflict",
    ),
    "directions_agree": _count(
        "directions (rise, win, north…) that agree", "no direction is in both titles"
    ),
    "directions_conflict": _count(
        "opposite directions (rise/fall, north/south…)", "no opposite directions"
    ),
    "hours_apart": _amount("hours apart (1: an hour or less)"),
    "same_site": _yes(
        "both are from the same publisher", "they are from different publishers"
    ),
    "same_shape": _yes(
        "the titles differ at most in their digits", "the titles differ in words"
    ),
    "template": _yes(
        "the titles are one template with other digits",
        "not one template with other digits",
    ),
    "title_length_least": _amount("words in the shorter title"),
    "title_length_most": _amount("words in the longer title"),
    "body_length_least": _amount(
        "length of the shorter body (natural logarithm of words)"
    ),
    "title_rarity_least": _amount("mean rarity of the words of the plainer title"),
    "same_language": _yes(
        "both are in one language",
        "they are in two languages, so that few words can agree",
    ),
    "body_unmatched_least": _amount(
        "each body has a word the other report lacks, of rarity at least"
    ),
    "aligned": _share("the titles' words that stand in one order in both, by weight"),
    "slots": _count(
        "places where the titles have something else between the same words",
        "no such place",
    ),
    "slot_tokens": _amount("words in the longest such place"),
    "slot_rarest_least": _amount(
        "rarity of what stands there on either side and nowhere in the other report, at least"
    ),
    "slot_weight_least": _amount(
        "summed rarity of what stands there on either side alone, at least"
    ),
    "slot_names_least": _amount(
        "summed rarity of names that stand there on either side alone, at least"
    ),
    "slot_known_most": _amount(
        "summed rarity of what stands there and elsewhere in the other report, on either side"
    ),
    "slot_plain": _count(
        "such places with common words on both sides",
        "no such place has common words alone",
    ),
    "swaps": _count(
        "words of both titles that stand in another order",
        "no word stands in another order",
    ),
    "slot_told_rarest_least": _amount(
        "rarity of what stands there on either side and not in the other title, at least"
    ),
    "slot_told_weight_least": _amount(
        "summed rarity of what stands there and not in the other title, at least"
    ),
    "slot_told_names_least": _amount(
        "summed rarity of names that stand there and not in the other title, at least"
    ),
    "slot_told_known_most": _amount(
        "summed rarity of what stands there and in the other body alone"
    ),
    "places_agree": _yes(
        "the titles name one region or city", "the titles name no region or city alike"
    ),
    "places_apart": _apart("the places in the titles"),
    "places_untold": _apart(
        "the places in one title and all that the other report names"
    ),
    "slot_places_apart": _apart("the places that stand there on either side"),
    "words_title": _share("the titles' words, one by one, mean the same (cosine)"),
    "words_across": _share(
        "the words of one title mean what those of the other body do (cosine)"
    ),
    "words": _share("all words together, one by one, mean the same (cosine)"),
    "meaning_title": _share("the titles mean the same (cosine)"),
    "meaning_lead": _share("the first sentences mean the same (cosine)"),
    "meaning_across": _share(
        "one title means the same as the other's first sentence (cosine)"
    ),
    "meaning_pair": _share("the embeddings of both together speak for one event"),
    "meaning": _share("titles and first sentences together mean the same (cosine)"),
}
_UNKNOWN = "not known"


def phrase(feature: Feature) -> str:
    """A feature and its value in words."""
    # What is not known of either report is no share.
    if feature.value == -1:
        return f"{_WORDS[feature.name](0).partition(':')[0]}: {_UNKNOWN}"
    return _WORDS[feature.name](feature.value)


def explained(
    a: Fingerprint,
    b: Fingerprint,
    settings: DedupSettings,
    *,
    frequency: Frequency | None = None,
) -> Explanation:
    """Why two reports are, or are not, held to be of one event; rarities of the stream, or of the shipped prior."""
    comparison = compared(a, b, frequency)
    same = is_same(comparison, settings)
    threshold = PAIR_THRESHOLD[settings.strictness]
    answer = "the same event" if same else "different events"
    relation = "at least" if same else "below"
    verdict = (
        f"{answer}: score {comparison.score:.2f}, {relation} "
        f"{threshold:.2f} ({settings.strictness.value}). {_reasons(comparison)}"
    )
    # Two headlines do not show a template, but the stream may: then the daemon answers otherwise.
    if comparison.is_refill:
        verdict += (
            " Both are headlines of one publisher that differ in one place only: where it has filled the same words "
            "twice before, with names or for two events, a third such headline is another event."
        )
    lines = tuple(
        f"{f.contribution:+6.2f}  {f.name:<24} {phrase(f)}" for f in comparison.features
    )
    return Explanation(comparison, same, verdict, lines)


def _reasons(comparison: Comparison) -> str:
    """The three most telling features for it, and against it."""
    # What moves the log-odds by less has no say in a score of two digits.
    speaking = [f for f in comparison.features if abs(f.contribution) >= 0.05]
    sentences = []
    for word, sign in (("For it", 1), ("Against it", -1)):
        telling = [phrase(f) for f in speaking if f.contribution * sign > 0]
        if telling:
            sentences.append(f"{word}: {'; '.join(telling[:3])}.")
    return " ".join(sentences)
