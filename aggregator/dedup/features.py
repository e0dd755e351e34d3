"""What two reports have in common and where they conflict: named numbers, for many pairs of reports at a time.

All are symmetric in the two reports. Weights of tokens are rarities (see `frequency`), lessened for tokens that are
common in the titles of the token's own site (section names, "reports Q2"), so that a source's template counts little.
A feature that lacks its evidence (no body, no time, no meaning) is -1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

from aggregator.dedup import facts, lexicon, pair_head
from aggregator.dedup.differences import DIFFERENCES, Titles, differences
from aggregator.dedup.fingerprint import TITLE_TOKENS
from aggregator.dedup.frequency import Counts, Frequency, rarity_of
from aggregator.dedup.places import TWO_COUNTRIES
from aggregator.dedup.rows import LEAD, NEVER, TOKENS, Rows, has_meanings, meanings
from aggregator.dedup.word_vectors import WORD_COSINES, word_cosines

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Bools = NDArray[np.bool_]

_OF_NUMBERS = (
    "numbers_equal",
    "numbers_conflict",
    "counts_equal",
    "counts_conflict",
    "labels_conflict",
    "title_numbers_equal",
    "title_numbers_conflict",
)
"""What typed numbers say."""
NAMES: tuple[str, ...] = (
    "title_cosine",
    "title_jaccard",
    "title_contained",
    "title_in_other_least",
    "title_in_other_most",
    "all_cosine",
    "body_contained",
    "body_cosine",
    "rarest_shared",
    "shared_weight",
    "shared_title_weight",
    "unmatched_least",
    "unmatched_most",
    "rarest_unmatched_least",
    "names_shared",
    "names_unmatched_least",
    "order",
    "letters",
    "letters_sorted",
    "shingles_shared",
    *_OF_NUMBERS,
    "directions_agree",
    "directions_conflict",
    "hours_apart",
    "same_site",
    "same_shape",
    "template",
    "title_length_least",
    "title_length_most",
    "body_length_least",
    "title_rarity_least",
    "same_language",
    "body_unmatched_least",
    *DIFFERENCES,
    *WORD_COSINES,
    "meaning_title",
    "meaning_lead",
    "meaning_across",
    "meaning_pair",
    "meaning",
    "namesakes",
)
INDEX = {name: i for i, name in enumerate(NAMES)}
MEANINGS = (
    "meaning_title",
    "meaning_lead",
    "meaning_across",
    "meaning_pair",
    "meaning",
)
"""The features that the encoder gives; the last one is known of every pair whose titles it has read."""
_TEMPLATE_SHARE = 0.1
"""Share of a site's titles at which a token says nothing any more."""
_KNOWN_SITE = 10
"""Other titles of a site from which on its habits are known (a guess)."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows with their tokens, (rows, TOKENS), title tokens first, and in how many *other* documents each stands.

    `is_counted` says which rows are in the counts of the stream, and so in those of the rows they are compared with.
    """

    rows: Rows
    tokens: NDArray[np.uint32]
    counts: Counts
    is_counted: Bools

    def __getitem__(
        self,
        which: slice | NDArray[np.intp],
    ) -> Counted:
        """Some of the rows."""
        return Counted(
            self.rows[which],
            self.tokens[which],
            self.counts[which],
            self.is_counted[which],
        )


def counted(
    rows: Rows,
    frequency: Frequency,
    is_counted: Bools | None = None,
) -> Counted:
    """Rows with what the stream knows of their tokens now, each without itself; without `is_counted` none is known."""
    tokens = np.ascontiguousarray(rows["tokens"])
    counts = frequency.counts(
        tokens,
        rows["lang"],
        tokens[:, :TITLE_TOKENS],
        rows["site"],
    )
    itself = np.zeros(len(rows), bool) if is_counted is None else is_counted
    one = itself.astype(np.float32)
    alone = Counts(
        counts.tokens - one[:, None],
        counts.documents - one,
        counts.titles - one[:, None],
        counts.site_documents - np.where(rows["site"] > 0, one, np.float32(0)),
    )
    return Counted(rows, tokens, alone, itself)


@dataclass(frozen=True, slots=True)
class Compared:
    """Pairs of reports with what they have in common, token by token.

    What is known of both sides stands in one array, the queries' first: (2 * pairs, TOKENS) tokens, the weight of each,
    and whether the other report has it; and of title tokens whether the other title has them.
    """

    query: Rows
    others: Rows
    tokens: NDArray[np.uint32]
    weights: Floats
    hit: Bools
    in_title: Bools
    column: NDArray[np.intp]
    """For each token of the others the query's column that has it, where `hit`."""
    place: NDArray[np.intp]
    """Where that token stands among all tokens of the queries' side."""


def compared(
    queries: Counted,
    which: NDArray[np.intp],
    others: Counted,
) -> Compared:
    """The pairs of row `which[i]` of `queries` and row i of `others`."""
    count = len(which)
    their_hit, column = _matches(queries.tokens, which, others.tokens)
    place = column + np.arange(0, count * TOKENS, TOKENS)[:, None]
    hit = _of_both(their_hit, place)
    title_column = column[:, :TITLE_TOKENS]
    in_title = _of_both(
        their_hit[:, :TITLE_TOKENS] & (title_column < TITLE_TOKENS),
        title_column + np.arange(0, count * TITLE_TOKENS, TITLE_TOKENS)[:, None],
    )
    query = queries[which]
    tokens = np.concatenate([query.tokens, others.tokens])
    return Compared(
        query.rows,
        others.rows,
        tokens,
        _weights(query, others, tokens, hit, in_title),
        hit,
        in_title,
        column,
        place,
    )


def _of_both(
    their_hit: Bools,
    place: NDArray[np.intp],
) -> Bools:
    """Which tokens of the queries, and below them which of the others, stand on the other side: by those of the others
    that do, and the place of each among the queries' tokens."""
    count = len(their_hit)
    hit = np.zeros((2 * count, their_hit.shape[1]), bool)
    hit[count:] = their_hit
    hit.reshape(-1)[place[their_hit]] = True
    return hit


def _weights(
    query: Counted,
    others: Counted,
    tokens: NDArray[np.uint32],
    hit: Bools,
    in_title: Bools,
) -> Floats:
    """(2 * pairs, TOKENS) weights of the tokens of both sides in a stream that holds neither report of the pair.

    `hit` says which tokens stand in the other report, `in_title` which title tokens in its title.
    """
    is_counted = np.concatenate([others.is_counted, query.is_counted])
    is_one_language = query.rows["lang"] == others.rows["lang"]
    in_language = is_counted & np.tile(is_one_language, 2)
    counts = np.concatenate([query.counts.tokens, others.counts.tokens])
    counts -= hit & in_language[:, None]
    documents = np.concatenate([query.counts.documents, others.counts.documents])
    rarity = rarity_of(counts, documents - in_language)
    rarity[tokens == 0] = 0
    is_one_site = query.rows["site"] == others.rows["site"]
    at_site = is_counted & np.tile(is_one_site, 2)
    site_documents = np.concatenate(
        [query.counts.site_documents, others.counts.site_documents]
    )
    site_documents -= at_site
    # Most sites of a young window are not known yet.
    known = np.flatnonzero(site_documents >= _KNOWN_SITE)
    if len(known):
        titles = np.concatenate([query.counts.titles, others.counts.titles])
        titles -= in_title & at_site[:, None]
        rarity[known, :TITLE_TOKENS] *= _unhabitual(
            titles[known],
            site_documents[known],
        )
    return rarity


def _unhabitual(
    titles: Floats,
    documents: Floats,
) -> Floats:
    """What is left of the weight of title tokens that stand in so many other titles of their site, of so many."""
    # A word that one other title of the site has is no habit yet.
    habit = np.maximum(titles - 1, 0) / documents[:, None]
    share = np.minimum(habit / np.float32(_TEMPLATE_SHARE), 1)
    left: Floats = 1 - share * np.float32(0.9)
    return left


def features(
    queries: Counted,
    which: NDArray[np.intp],
    others: Counted,
) -> Floats:
    """(pairs, len(NAMES)) features of the pairs of row `which[i]` of `queries` and row i of `others`."""
    pairs = compared(queries, which, others)
    table = quick_features(pairs)
    add_slow(table, pairs, np.arange(len(which)))
    return table


def quick_features(pairs: Compared) -> Floats:
    """All but those that look at the titles letter by letter and slot by slot, and the network over their embeddings
    (`SLOW`), which are -1: they cost more than all others."""
    query, others = pairs.query, pairs.others
    table = np.full((len(others), len(NAMES)), -1, np.float32)
    _tokens(table, pairs)
    _shingles(table, query["shingles"], others["shingles"])
    _facts(table, query, others)
    _circumstances(table, query, others)
    _meaning(table, query, others)
    _word_cosines(table, pairs)
    # Rounded, so that sums made in another order fall on the same side of every threshold of the trees.
    return np.round(table, 3)


def add_slow(
    table: Floats,
    pairs: Compared,
    chosen: NDArray[np.intp],
) -> None:
    """The features of `SLOW`, for the `chosen` pairs, one at least."""
    _letters(table, pairs.query, pairs.others, chosen)
    _differences(table, pairs, chosen)
    _meaning_pair(table, pairs.query[chosen], pairs.others[chosen], chosen)


_PLACES = 1 << 12
"""Places of a query's tokens in each of its two tables: of 68 tokens one in 8,000 finds neither of its places free."""


def _matches(
    tokens: NDArray[np.uint32],
    which: NDArray[np.intp],
    others: NDArray[np.uint32],
) -> tuple[Bools, NDArray[np.intp]]:
    """For each token of each of `others`, whether row `which` of `tokens` has it, and at which column.

    Each query's tokens stand in two hash tables of its own, so that a look-up costs two reads.
    """
    first, second = _tables(tokens, np.uint32(0)), _tables(tokens, np.uint32(12))
    at = which[:, None] * _PLACES
    own = which[:, None] * tokens.shape[1]
    column = first.take(at + (others & np.uint32(_PLACES - 1))).astype(np.intp)
    hit = tokens.take(own + column) == others
    again = second.take(at + (others >> np.uint32(12) & np.uint32(_PLACES - 1)))
    column = np.where(hit, column, again)
    hit = (tokens.take(own + column) == others) & (others > 0)
    return hit, column


def _tables(
    tokens: NDArray[np.uint32],
    shift: np.uint32,
) -> NDArray[np.uint8]:
    """(rows * _PLACES,) the column of the token with that hash in each row."""
    table = np.zeros((len(tokens), _PLACES), np.uint8)
    places = tokens >> shift & np.uint32(_PLACES - 1)
    columns = np.arange(tokens.shape[1], dtype=np.uint8)
    # Written backwards: title tokens, the first columns, are the last to be pushed out.
    order = slice(None, None, -1 if not shift else 1)
    table[np.arange(len(tokens))[:, None], places[:, order]] = columns[order]
    return table.ravel()


def _tokens(
    table: Floats,
    pairs: Compared,
) -> None:
    """The features that weigh tokens: of titles, of bodies, and of both together."""
    count = len(table)
    q_weights, weights = pairs.weights[:count], pairs.weights[count:]
    in_title = pairs.in_title[count:]
    # The weight of a shared token is the lesser of its two: a template token is one for either source.
    lesser = np.minimum(weights, q_weights.take(pairs.place))
    shared = np.where(pairs.hit[count:], lesser, np.float32(0))
    title_shared = np.where(in_title, shared[:, :TITLE_TOKENS], np.float32(0))
    unmatched = pairs.weights * ~pairs.hit
    _titles(table, pairs, title_shared, unmatched[:, :TITLE_TOKENS])

    squares = _square(pairs.weights) + _TINY
    table[:, INDEX["all_cosine"]] = _square(shared) / np.sqrt(
        squares[count:] * squares[:count]
    )
    table[:, INDEX["rarest_shared"]] = shared.max(1)
    shared_sum = _sum(shared)
    table[:, INDEX["shared_weight"]] = shared_sum
    in_bodies = np.where(
        pairs.column[:, TITLE_TOKENS:] >= TITLE_TOKENS,
        shared[:, TITLE_TOKENS:],
        np.float32(0),
    )
    rarest_unmatched = unmatched[:, TITLE_TOKENS:].max(1)
    _bodies(table, pairs, shared_sum, _sum(in_bodies), rarest_unmatched)
    _order(table, in_title, pairs.column)


def _titles(
    table: Floats,
    pairs: Compared,
    title_shared: Floats,
    missing: Floats,
) -> None:
    """What the titles have in common, of which `title_shared` holds the weights; what is `missing` from the other
    report, on both sides at once it speaks of two events; and how long and how rare they are."""
    count = len(table)
    title = pairs.weights[:, :TITLE_TOKENS]
    hit = pairs.hit[:, :TITLE_TOKENS]
    names = _of_both_sides(pairs, "names")
    named = (names[:, None] & _BITS) > 0
    # Added up together: of few pairs each sum costs as much as of many.
    weighed = np.empty((5, *title.shape), np.float32)
    weighed[0] = title
    np.multiply(title, hit, out=weighed[1])
    weighed[2] = missing
    np.multiply(weighed[1], named, out=weighed[3])
    np.multiply(missing, named, out=weighed[4])
    sums = weighed.sum(2, dtype=np.float64)
    title_sum = sums[0] + _TINY
    into_other = sums[1] / title_sum
    shared_sum = _sum(title_shared)
    either_sum = title_sum[:count] + title_sum[count:] - shared_sum
    squares = _square(title) + _TINY
    lengths = _of_both_sides(pairs, "title_count")
    rarity = title_sum / np.maximum(lengths, 1)
    table[:, INDEX["title_cosine"]] = _square(title_shared) / np.sqrt(
        squares[count:] * squares[:count]
    )
    table[:, INDEX["title_jaccard"]] = shared_sum / np.maximum(either_sum, _TINY)
    table[:, INDEX["title_contained"]] = shared_sum / _lesser(title_sum)
    table[:, INDEX["shared_title_weight"]] = shared_sum
    # A word of one title may stand in the other report's body.
    table[:, INDEX["title_in_other_least"]] = _lesser(into_other)
    table[:, INDEX["title_in_other_most"]] = _greater(into_other)
    table[:, INDEX["title_length_least"]] = _lesser(lengths)
    table[:, INDEX["title_length_most"]] = _greater(lengths)
    table[:, INDEX["title_rarity_least"]] = _lesser(rarity)
    table[:, INDEX["unmatched_least"]] = _lesser(sums[2])
    table[:, INDEX["unmatched_most"]] = _greater(sums[2])
    table[:, INDEX["rarest_unmatched_least"]] = _lesser(missing.max(1))
    table[:, INDEX["names_shared"]] = sums[3, count:] + sums[3, :count]
    table[:, INDEX["names_unmatched_least"]] = _lesser(sums[4])


_BITS = np.uint32(1) << np.arange(TITLE_TOKENS, dtype=np.uint32)
_TINY = np.float32(1e-6)


def _of_both_sides(
    pairs: Compared,
    name: str,
) -> NDArray[np.uint32]:
    """A field of the rows of both sides, the queries' first."""
    of_both: NDArray[np.uint32] = np.concatenate(
        [pairs.query[name], pairs.others[name]]
    )
    return of_both


def _lesser(of_both: NDArray[Any]) -> NDArray[Any]:
    """(pairs,) the lesser of what either side has, the queries' first."""
    count = len(of_both) // 2
    lesser: NDArray[Any] = np.minimum(of_both[:count], of_both[count:])
    return lesser


def _greater(of_both: NDArray[Any]) -> NDArray[Any]:
    """(pairs,) the greater of the two."""
    count = len(of_both) // 2
    greater: NDArray[Any] = np.maximum(of_both[:count], of_both[count:])
    return greater


def _sum(weights: Floats) -> Doubles:
    """The sum of each row, in 64 bits: in 32 it depends on the order, and two reports would differ either way round."""
    sums: Doubles = weights.sum(1, dtype=np.float64)
    return sums


def _square(weights: Floats) -> Doubles:
    """The sum of squares of each row."""
    squares: Doubles = np.einsum("ij,ij->i", weights, weights, dtype=np.float64)
    return squares


def _bodies(
    table: Floats,
    pairs: Compared,
    shared_sum: Doubles,
    in_bodies: Doubles,
    rarest_unmatched: Floats,
) -> None:
    """Overlap of all words, where both have bodies: a token of one body may be in the other's title."""
    count = len(table)
    words = _lesser(_of_both_sides(pairs, "body_words"))
    both = words > 0
    body = _sum(pairs.weights[:, TITLE_TOKENS:]) + _TINY
    weights = _sum(pairs.weights)
    weights[:count] += _TINY
    table[:, INDEX["body_unmatched_least"]] = np.where(
        both,
        _lesser(rarest_unmatched),
        -1,
    )
    table[:, INDEX["body_contained"]] = np.where(
        both,
        shared_sum / np.maximum(_lesser(weights), _TINY),
        -1,
    )
    table[:, INDEX["body_cosine"]] = np.where(
        both,
        in_bodies / np.sqrt(body[count:] * body[:count]),
        -1,
    )
    table[:, INDEX["body_length_least"]] = np.log1p(words.astype(np.float32))


_AFTER = np.triu(np.ones((TITLE_TOKENS, TITLE_TOKENS), bool), 1)


def _order(
    table: Floats,
    in_title: Bools,
    column: NDArray[np.intp],
) -> None:
    """Share of all pairs of shared title words that stand in the same order; -1 with fewer than two words."""
    counts = in_title.sum(1)
    some = np.flatnonzero(counts > 1)
    if not len(some):
        return
    there = in_title[some]
    # Most titles fill half of their columns: what is behind the last shared word of all is not looked at.
    end = int(np.flatnonzero(there.any(0))[-1]) + 1
    there = there[:, :end]
    place = column[some, :end].astype(np.int8)
    # What is not shared rises neither before nor behind a word.
    earlier = np.where(there, place, np.int8(TITLE_TOKENS))
    later = np.where(there, place, np.int8(-1))
    rising = later[:, None, :] > earlier[:, :, None]
    rising &= _AFTER[:end, :end]
    some_counts = counts[some]
    pair_counts = some_counts * (some_counts - 1) / 2
    table[some, INDEX["order"]] = np.count_nonzero(rising, axis=(1, 2)) / pair_counts


RECURS_AFTER = 12.0
"""Hours after which a source's headline with other digits is the next of a series, no update (a guess: half a day)."""
RECURRING = -6.0
"""Log-odds of such a pair, whatever else it shares."""


def is_recurring(table: Floats) -> Bools:
    """Which pairs are one headline come again, not one event: alike but for digits, with other bodies, and later or
    in conflict.

    Later is one source's by `RECURS_AFTER`; in conflict are dates, percents, scores and the like in both titles.
    """
    same_shape = table[:, INDEX["same_shape"]] == 1
    same_shape &= table[:, INDEX["shingles_shared"]] < 0.5
    later = table[:, INDEX["same_site"]] == 1
    later &= table[:, INDEX["hours_apart"]] >= RECURS_AFTER
    conflict = table[:, INDEX["numbers_conflict"]] > 0
    conflict &= table[:, INDEX["title_numbers_conflict"]] > 0
    found: Bools = same_shape & (later | conflict)
    return found


FOREIGN = 0.25
"""Log-odds that a pair in two languages loses: of such pairs little but vectors speaks. With meanings, of 40 pairs of
headlines of one event in two languages 33, 34 and 34 joined with 0.3, 0.25 and 0.2, and of 496 of two events 0, 0 and
1 (tests/bench/languages.py --meaning). Of 31 pairs of sibling events that families tell in several languages
(`tests.bench.exam` on all three exams and families.dev) none shares an event with 0.3, 0.25, 0.15 or 0."""

COPY = 0.8
"""Share of the body samples in common from which a report is a copy: half of the lead's and nearly all of the rest."""
REPEATED = 8.0
"""Log-odds of a copy with the same title, whatever was learned: so that it decides between two events."""


def is_repeated(table: Floats) -> Bools:
    """Which pairs are one text told twice: the titles letter for letter, and nearly all that is sampled of the bodies;
    of bodies too short for samples all words."""
    same_title = table[:, INDEX["letters"]] == 1
    shared = table[:, INDEX["shingles_shared"]]
    is_short = shared < 0
    same_words = is_short & (table[:, INDEX["body_cosine"]] == 1)
    found: Bools = same_title & ((shared >= COPY) | same_words)
    return found


NAMESAKES = 3.0
"""Log-odds that a pair loses when each report names a person in full and the two share only the surname (a guess): of
54 such pairs of one family in tests/bench/families 7 are of one event."""
PLACES_APART = 0.75
"""Log-odds that a pair loses where the titles differ in two places of one country. Of pairs in the fresh families of
tests/bench/families that the forest for meanings would join, 66 in 100 are of one event, where it says 86; of 627 with
such places 39, where it says 79. By places of two countries it is right (58, 82)."""
OPPOSED = 0.5
"""The same where things went in opposite directions, or where a number of one thing differs ("Game 3", "Game 4"): of
238 such pairs 49 in 100, where the forest says 80."""
OWN_SITE = 0.5
"""The same where one site has told both, in words that are not alike: a publisher tells most events once. Of 358 such
pairs in families that the encoder is not tuned on, where the forest for meanings says 0 to 2, 41 in 100 are of one
event, and not 73. With 1 B-cubed F1 of vimds_vi, by words in sample, was 0.905 instead of 0.917: outlets do tell on."""
UNLIKE_WORDS = 0.6
"""Cosine of all words below which they are not alike."""


def objections(table: Floats) -> dict[str, Floats]:
    """By feature what it takes off each pair's log-odds, 0 as a rule: no forest weighs it, or it weighs too little."""
    places = table[:, INDEX["slot_places_apart"]]
    is_told_anew = table[:, INDEX["all_cosine"]] < UNLIKE_WORDS
    is_told_anew &= table[:, INDEX["shingles_shared"]] < COPY
    speaks = {
        "same_site": ((table[:, INDEX["same_site"]] == 1) & is_told_anew, OWN_SITE),
        "namesakes": (table[:, INDEX["namesakes"]] > 0, NAMESAKES),
        "slot_places_apart": ((places > 0) & (places < TWO_COUNTRIES), PLACES_APART),
        "directions_conflict": (table[:, INDEX["directions_conflict"]] > 0, OPPOSED),
        "labels_conflict": (table[:, INDEX["labels_conflict"]] > 0, OPPOSED),
    }
    return {name: flags * np.float32(loss) for name, (flags, loss) in speaks.items()}


def adjusted(
    log_odds: Floats,
    table: Floats,
) -> Floats:
    """Learned log-odds of pairs, with what no forest learned, or not well: pairs in two languages, `objections`, texts
    told twice, headlines come again."""
    is_foreign = table[:, INDEX["same_language"]] == 0
    found = np.where(is_foreign, log_odds - np.float32(FOREIGN), log_odds)
    for loss in objections(table).values():
        found -= loss
    found[is_repeated(table)] = REPEATED
    found[is_recurring(table)] = RECURRING
    return found


_SCORERS = (
    ("letters", fuzz.ratio),
    ("letters_sorted", fuzz.token_sort_ratio),
)


_LETTERS = tuple(name for name, _ in _SCORERS)
SLOW = tuple(INDEX[name] for name in (*_LETTERS, *DIFFERENCES, "meaning_pair"))
_LETTER_COLUMNS = slice(INDEX[_LETTERS[0]], INDEX[_LETTERS[-1]] + 1)
_DIFFERENCE_COLUMNS = slice(INDEX[DIFFERENCES[0]], INDEX[DIFFERENCES[-1]] + 1)
_WORD_VECTOR_COLUMNS = slice(INDEX[WORD_COSINES[0]], INDEX[WORD_COSINES[-1]] + 1)
"""Those of one kind stand side by side."""


def _letters(
    table: Floats,
    query: Rows,
    others: Rows,
    chosen: NDArray[np.intp],
) -> None:
    """Likeness of the folded titles letter by letter, by rapidfuzz: finds compounds, inflections and misspellings.

    For the `chosen` rows of the table, made of pairs of rows of `query` and `others`.
    """
    ours, theirs = (
        [title.decode(errors="ignore") for title in rows["title"][chosen].tolist()]
        for rows in (query, others)
    )
    likeness = np.empty((len(chosen), len(_SCORERS)), np.float32)
    for column, (_, scorer) in enumerate(_SCORERS):
        likeness[:, column] = process.cpdist(
            ours,
            theirs,
            scorer=scorer,
            dtype=np.float32,
        )
    table[chosen, _LETTER_COLUMNS] = np.round(likeness / 100, 3)


def _differences(
    table: Floats,
    pairs: Compared,
    chosen: NDArray[np.intp],
) -> None:
    """What stands in one title where the other has something else (see `differences`)."""
    of_both: slice | NDArray[np.intp] = slice(None)
    # Nearly always all of them are chosen, and need not be copied.
    if len(chosen) < len(table):
        of_both = np.concatenate([chosen, chosen + len(table)])
    tokens = pairs.tokens[of_both]
    # Most titles fill half of their columns: what none of them has is not looked at.
    longest = max(1, int(np.count_nonzero(tokens[:, :TITLE_TOKENS], axis=1).max()))
    titles = Titles(
        tokens[:, :longest],
        pairs.weights[of_both, :longest],
        pairs.hit[of_both, :longest],
        _of_both_sides(pairs, "names")[of_both],
        tokens[:, TITLE_TOKENS:],
    )
    table[chosen, _DIFFERENCE_COLUMNS] = np.round(differences(titles), 3)


def _word_cosines(
    table: Floats,
    pairs: Compared,
) -> None:
    """What the words say of one meaning (see `word_vectors`), for those pairs that no encoder has read: of what it says
    the words repeat a part."""
    unread = np.flatnonzero(table[:, INDEX["meaning"]] < 0)
    if not len(unread):
        return
    mine = pairs.tokens[unread]
    theirs = pairs.tokens[unread + len(table)]
    # The pairs of a query stand one behind the other.
    is_first = np.ones(len(unread), bool)
    is_first[1:] = (mine[1:] != mine[:-1]).any(1)
    values = word_cosines(mine[is_first], np.cumsum(is_first) - 1, theirs)
    table[unread, _WORD_VECTOR_COLUMNS] = values


def _shingles(
    table: Floats,
    mine: NDArray[np.uint32],
    theirs: NDArray[np.uint32],
) -> None:
    """Shared part of the body samples; -1 when either body is too short to have one."""
    has_one, has_other = mine > 0, theirs > 0
    had, have = has_one.sum(1), has_other.sum(1)
    some = np.flatnonzero((had > 0) & (have > 0))
    alike = (theirs[some, :, None] == mine[some, None, :]).any(2)
    alike &= has_other[some]
    shared = alike.sum(1)
    table[some, INDEX["shingles_shared"]] = shared / np.minimum(had, have)[some]


def _meaning(
    table: Floats,
    query: Rows,
    rows: Rows,
) -> None:
    """Cosines of the titles' and the leads' embeddings, 0 for an angle over 90 degrees; -1 unless both are known.

    `meaning_across` is the greater of a title with the other report's lead; `meaning` is of both together, the lead
    counting half, as far as there is one.
    """
    if not (has_meanings(query) and has_meanings(rows)):
        return
    vectors, q_vectors = meanings(rows), meanings(query)
    titles = vectors[:, 0]
    leads = vectors[:, 1]
    q_titles = q_vectors[:, 0]
    q_leads = q_vectors[:, 1]
    table[:, INDEX["meaning_title"]] = _cosine(q_titles, titles)
    table[:, INDEX["meaning_lead"]] = _cosine(q_leads, leads)
    across = _cosine(q_titles, leads)
    back = _cosine(q_leads, titles)
    table[:, INDEX["meaning_across"]] = np.maximum(across, back)
    table[:, INDEX["meaning"]] = _cosine(
        q_titles + LEAD * q_leads,
        titles + LEAD * leads,
    )


def _meaning_pair(
    table: Floats,
    query: Rows,
    others: Rows,
    chosen: NDArray[np.intp],
) -> None:
    """How likely the pairs are of one event by their embeddings alone (see `pair_head`); -1 unless both are known.

    For the `chosen` rows of the table, of which `query` and `others` are the rows.
    """
    if not (has_meanings(query) and has_meanings(others)):
        return
    mine, theirs = meanings(query), meanings(others)
    known = mine[:, 0].any(1) & theirs[:, 0].any(1)
    likely = np.where(known, pair_head.probabilities(mine, theirs), np.float32(-1))
    table[chosen, INDEX["meaning_pair"]] = np.round(likely, 3)


def _cosine(
    mine: Floats,
    theirs: Floats,
) -> Floats:
    """(rows,) cosines, at least 0; -1 where either is unknown, all zeros."""
    lengths = np.sqrt(_square(mine) * _square(theirs))
    known = lengths > 0
    cosine = np.einsum("ij,ij->i", mine, theirs) / np.where(known, lengths, 1)
    found: Floats = np.where(known, np.maximum(cosine, 0), -1).astype(np.float32)
    return found


_STRICT = (
    facts.PERCENT,
    facts.MONEY,
    facts.MAGNITUDE,
    facts.SCORE,
    facts.BASIS_POINTS,
    facts.VERSION,
    facts.PERIOD,
    facts.DATE,
)


_EXACT = (facts.SCORE, facts.VERSION, facts.DATE, facts.YEAR)
"""Kinds whose values are no amounts: 3-1 is kept as 3001, 5 March as 305."""


def _flags(kinds: tuple[int, ...]) -> Bools:
    """Of every kind whether it is one of these: read in a tenth of the time that a search takes."""
    flags = np.zeros(facts.IN_TITLE, np.bool_)
    flags[list(kinds)] = True
    return flags


_IS_STRICT = _flags(_STRICT)
_IS_EXACT = _flags(_EXACT)
_BARE = np.uint16(facts.IN_TITLE - 1)
"""The bits of a kind without the one that says where it stands."""


_FACT_COLUMNS = [
    *(INDEX[name] for name in _OF_NUMBERS),
    INDEX["namesakes"],
]


def _facts(
    table: Floats,
    query: Rows,
    rows: Rows,
) -> None:
    """What numbers and persons say: nothing where either report has none."""
    table[:, _FACT_COLUMNS] = 0
    _directions(table, query["directions"], rows["directions"])
    some = np.flatnonzero((query["kinds"][:, 0] > 0) & (rows["kinds"][:, 0] > 0))
    if len(some):
        _numbers(table, some, _stated(query, some), _stated(rows, some))


class _Stated(NamedTuple):
    """(rows, columns) numbers and persons of reports, see `facts`; columns that none of them fills are left out."""

    kinds: NDArray[np.uint16]
    values: Floats


def _stated(
    rows: Rows,
    some: NDArray[np.intp],
) -> _Stated:
    kinds = rows["kinds"][some]
    # Most reports state few numbers, and every pair of columns is compared.
    filled = np.flatnonzero(kinds.any(0))
    end = int(filled[-1]) + 1
    return _Stated(kinds[:, :end], rows["values"][some, :end])


def _numbers(
    table: Floats,
    at: NDArray[np.intp],
    query: _Stated,
    rows: _Stated,
) -> None:
    """Numbers of the same kind: equal when within 2 % (`_EXACT`: the same); a conflict when none of a kind is."""
    surnames, surnames2 = _surnames(query), _surnames(rows)
    # Few reports name a person in full.
    if surnames.any() and surnames2.any():
        table[at, INDEX["namesakes"]] = _namesakes(
            surnames,
            query.values,
            surnames2,
            rows.values,
        )
    # Persons stand among the numbers, and are none.
    kinds = query.kinds - surnames
    kinds2 = rows.kinds - surnames2
    bare, bare2 = kinds & _BARE, kinds2 & _BARE
    alike = (
        (bare[:, :, None] == bare2[:, None, :])
        & (kinds > 0)[:, :, None]
        & (kinds2 > 0)[:, None, :]
    )
    near = alike & _are_near(query.values, rows.values, _IS_EXACT.take(bare))
    titles = (kinds >= facts.IN_TITLE)[:, :, None] & (kinds2 >= facts.IN_TITLE)[
        :, None, :
    ]
    # A kind is judged where the query has it first: what holds for any number of a kind is gathered there.
    of_kind = (bare[:, :, None] == bare[:, None, :]) & (kinds > 0)[:, None, :]
    is_first = alike.any(2) & (of_kind.argmax(2) == np.arange(kinds.shape[1]))
    equal = (of_kind & near.any(2)[:, None, :]).any(2)
    # Every report of a day may name it: a date can conflict, but is no evidence for one event.
    is_first &= ~((bare == facts.DATE) & equal)
    strict, label = _IS_STRICT.take(bare), bare >= facts.LABEL
    count = is_first & ~strict
    for name, chosen in (
        ("numbers_equal", is_first & strict & equal),
        ("numbers_conflict", is_first & strict & ~equal),
        ("labels_conflict", count & label & ~equal),
        ("counts_conflict", count & ~label & ~equal),
        ("counts_equal", count & equal),
    ):
        table[at, INDEX[name]] = chosen.sum(1)
    in_titles = is_first & (of_kind & (alike & titles).any(2)[:, None, :]).any(2)
    equal_titles = (of_kind & (near & titles).any(2)[:, None, :]).any(2)
    table[at, INDEX["title_numbers_equal"]] = (in_titles & equal_titles).sum(1)
    table[at, INDEX["title_numbers_conflict"]] = (in_titles & ~equal_titles).sum(1)


def _are_near(
    values: Floats,
    others: Floats,
    is_exact: Bools,
) -> Bools:
    """(rows, columns, columns) numbers of either side within 2 % of one another, or the same where `is_exact`."""
    one = values[:, :, None]
    other = others[:, None, :]
    most = np.maximum(np.abs(one), np.abs(other))
    allowed = np.where(is_exact[:, :, None], 0, 0.02 * most)
    near: Bools = np.abs(one - other) <= allowed
    return near


def _namesakes(
    surnames: NDArray[np.uint16],
    given: Floats,
    others: NDArray[np.uint16],
    other_given: Floats,
) -> NDArray[np.intp]:
    """(rows,) surnames that both name persons of, none of them the same (see `persons`), from the `_surnames` of
    either side and the values beside them.

    What both titles name is judged by itself: a body may mention the other in passing.
    """
    found = _apart(
        surnames & _BARE,
        given,
        others & _BARE,
        other_given,
    )
    in_titles = _of_titles(surnames)
    # Few titles name a person in full.
    some = np.flatnonzero(in_titles.any(1))
    apart = _apart(
        in_titles[some],
        given[some],
        _of_titles(others[some]),
        other_given[some],
    )
    found[some] = np.maximum(found[some], apart)
    return found


def _of_titles(kinds: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """The kinds of what stands in titles; 0 for the rest."""
    in_titles: NDArray[np.uint16] = np.where(
        kinds >= facts.IN_TITLE,
        kinds,
        np.uint16(0),
    )
    return in_titles


def _apart(
    surnames: NDArray[np.uint16],
    given: Floats,
    others: NDArray[np.uint16],
    other_given: Floats,
) -> NDArray[np.intp]:
    """(rows,) surnames of both sides, 0 for none, whose given names have none in common."""
    is_named = (surnames > 0)[:, :, None]
    alike = (surnames[:, :, None] == others[:, None, :]) & is_named
    same = alike & (given[:, :, None] == other_given[:, None, :])
    # A report may name several of a surname: one that both name is enough.
    agreed = np.where(same.any(2), surnames, 0)
    is_agreed = (surnames[:, :, None] == agreed[:, None, :]).any(2)
    found: NDArray[np.intp] = (alike.any(2) & ~is_agreed).sum(1)
    return found


def _surnames(stated: _Stated) -> NDArray[np.uint16]:
    """(rows, columns) the kinds of surnames; 0 where a number stands."""
    is_person = stated.values < 0
    kinds: NDArray[np.uint16] = np.where(
        is_person,
        stated.kinds,
        np.uint16(0),
    )
    return kinds


def _directions(
    table: Floats,
    mine: NDArray[np.uint32],
    theirs: NDArray[np.uint32],
) -> None:
    """Opposite pairs of which each title names one side: the same (agree) or the other (conflict)."""
    table[:, INDEX["directions_agree"]] = 0
    table[:, INDEX["directions_conflict"]] = 0
    some = np.flatnonzero((mine > 0) & (theirs > 0))
    # Few titles name a direction.
    if not len(some):
        return
    shift = 2 * np.arange(len(lexicon.OPPOSITES), dtype=np.uint32)
    one, other = (side[some, None] >> shift & np.uint32(3) for side in (mine, theirs))
    told = (one == 1) | (one == 2)
    table[some, INDEX["directions_agree"]] = (told & (other == one)).sum(1)
    table[some, INDEX["directions_conflict"]] = (told & (other == 3 - one)).sum(1)


_LEAST_HOURS = 1.0
"""Hours below which reports are at one time (a guess): between dates without a time the difference is always 0."""


def _circumstances(
    table: Floats,
    query: Rows,
    rows: Rows,
) -> None:
    known = (rows["matched"] != NEVER) & (query["matched"] != NEVER)
    apart = (
        np.abs(rows["matched"].astype(np.int64) - query["matched"].astype(np.int64))
        / 3600
    )
    table[:, INDEX["hours_apart"]] = np.where(
        known,
        np.clip(apart, _LEAST_HOURS, 1000),
        -1,
    )
    sited = (rows["site"] > 0) & (query["site"] > 0)
    table[:, INDEX["same_language"]] = rows["lang"] == query["lang"]
    shape = rows["shape"] == query["shape"]
    table[:, INDEX["same_site"]] = np.where(sited, rows["site"] == query["site"], -1)
    table[:, INDEX["same_shape"]] = shape
    table[:, INDEX["template"]] = shape & (rows["title"] != query["title"])
