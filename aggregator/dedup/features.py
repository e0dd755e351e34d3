"""What two reports have in common and where they conflict: named numbers, for one report against many at a time.

All are symmetric in the two reports. Weights of tokens are rarities (see `frequency`), lessened for tokens that are
common in the titles of the token's own site (section names, "reports Q2"), so that a source's template counts little.
A feature that lacks its evidence (no body, no time) is -1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz

from aggregator.dedup import facts, lexicon
from aggregator.dedup.fingerprint import TITLE_TOKENS
from aggregator.dedup.frequency import Frequency
from aggregator.dedup.rows import NEVER, TOKENS, Rows

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

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
    "letters_set",
    "letters_partial",
    "shingles_shared",
    "numbers_equal",
    "numbers_conflict",
    "counts_equal",
    "counts_conflict",
    "labels_conflict",
    "title_numbers_equal",
    "title_numbers_conflict",
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
)
INDEX = {name: i for i, name in enumerate(NAMES)}
_TEMPLATE_SHARE = 0.1
"""Share of a site's titles at which a token says nothing any more."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """Rows with the weight of each token: (rows, TOKENS), title tokens first, 0 where there is no token."""

    rows: Rows
    weights: Floats


def weighed(rows: Rows, frequency: Frequency) -> Weighed:
    """Rows with the weights their tokens have in the stream now."""
    tokens = rows["tokens"]
    weights = np.where(tokens > 0, frequency.rarity_of_rows(tokens, rows["lang"]), np.float32(0))
    if rows["site"].any():
        share = frequency.site_share(tokens[:, :TITLE_TOKENS], rows["site"])
        weights[:, :TITLE_TOKENS] *= 1 - np.minimum(share / _TEMPLATE_SHARE, 1) * 0.9
    return Weighed(rows, weights.astype(np.float32))


def weighed_apart(query: Rows, others: Rows, frequency: Frequency) -> tuple[Weighed, Weighed]:
    """One row and many others, weighed in one go."""
    both = weighed(np.concatenate([query, others]), frequency)
    return Weighed(both.rows[:1], both.weights[:1]), Weighed(both.rows[1:], both.weights[1:])


def features(query: Weighed, others: Weighed) -> Floats:
    """(rows of `others`, len(NAMES)) features of one query row against each other row."""
    q, rows = query.rows[0], others.rows
    table = np.full((len(rows), len(NAMES)), -1, np.float32)
    _tokens(table, query, others)
    _letters(table, q, rows)
    _shingles(table, q, rows)
    _facts(table, q, rows)
    _circumstances(table, q, rows)
    # Rounded, so that sums made in another order fall on the same side of every threshold of the trees.
    return np.round(table, 3)


def _matches(q_tokens: NDArray[np.uint32], tokens: NDArray[np.uint32]) -> tuple[Bools, NDArray[np.intp]]:
    """For each token of each row, whether the query has it, and at which column of the query."""
    order = np.argsort(q_tokens, kind="stable")
    ranked = q_tokens[order]
    place = np.minimum(np.searchsorted(ranked, tokens), len(ranked) - 1)
    hit = (ranked[place] == tokens) & (tokens > 0)
    return hit, order[place]


def _tokens(table: Floats, query: Weighed, others: Weighed) -> None:
    q_weights, weights = query.weights[0], others.weights
    hit, column = _matches(query.rows[0]["tokens"], others.rows["tokens"])
    in_title = hit[:, :TITLE_TOKENS] & (column[:, :TITLE_TOKENS] < TITLE_TOKENS)
    # The weight of a shared token is the lesser of its two: a template token is one for either source.
    shared = np.where(hit, np.minimum(weights, q_weights[column]), 0)
    q_hit = np.zeros((len(weights), TOKENS), bool)
    r, c = np.nonzero(hit)
    q_hit[r, column[r, c]] = True

    title, q_title = weights[:, :TITLE_TOKENS], q_weights[:TITLE_TOKENS]
    title_sum, q_title_sum = title.sum(1) + 1e-6, q_title.sum() + 1e-6
    title_shared = np.where(in_title, shared[:, :TITLE_TOKENS], 0)
    ts = title_shared.sum(1)
    table[:, INDEX["title_cosine"]] = (title_shared**2).sum(1) / np.sqrt(
        ((title**2).sum(1) + 1e-6) * ((q_title**2).sum() + 1e-6)
    )
    table[:, INDEX["title_jaccard"]] = ts / np.maximum(title_sum + q_title_sum - ts, 1e-6)
    table[:, INDEX["title_contained"]] = ts / np.minimum(title_sum, q_title_sum)
    table[:, INDEX["shared_title_weight"]] = ts

    into_q = np.where(hit[:, :TITLE_TOKENS], title, 0).sum(1) / title_sum
    into_row = np.where(q_hit[:, :TITLE_TOKENS], q_title, 0).sum(1) / q_title_sum
    table[:, INDEX["title_in_other_least"]] = np.minimum(into_q, into_row)
    table[:, INDEX["title_in_other_most"]] = np.maximum(into_q, into_row)

    table[:, INDEX["all_cosine"]] = (shared**2).sum(1) / np.sqrt(
        ((weights**2).sum(1) + 1e-6) * ((q_weights**2).sum() + 1e-6)
    )
    table[:, INDEX["rarest_shared"]] = shared.max(1)
    table[:, INDEX["shared_weight"]] = shared.sum(1)
    in_bodies = np.where(column >= TITLE_TOKENS, shared, 0)[:, TITLE_TOKENS:].sum(1)
    _bodies(table, query, others, shared, in_bodies)
    _unmatched(table, query, others, hit, q_hit)
    _order(table, in_title, column)
    q_count, counts = query.rows[0]["title_count"], others.rows["title_count"]
    table[:, INDEX["title_length_least"]] = np.minimum(counts, q_count)
    table[:, INDEX["title_length_most"]] = np.maximum(counts, q_count)
    table[:, INDEX["title_rarity_least"]] = np.minimum(title_sum / np.maximum(counts, 1), q_title_sum / max(q_count, 1))


def _bodies(table: Floats, query: Weighed, others: Weighed, shared: Floats, in_bodies: Floats) -> None:
    """Overlap of all words, where both have bodies: a token of one body may be in the other's title."""
    both = (others.rows["body_words"] > 0) & bool(query.rows[0]["body_words"] > 0)
    body, q_body = others.weights[:, TITLE_TOKENS:], query.weights[0, TITLE_TOKENS:]
    table[:, INDEX["body_contained"]] = np.where(
        both, shared.sum(1) / np.minimum(others.weights.sum(1), query.weights.sum() + 1e-6).clip(1e-6), -1
    )
    table[:, INDEX["body_cosine"]] = np.where(
        both, in_bodies / np.sqrt((body.sum(1) + 1e-6) * (q_body.sum() + 1e-6)), -1
    )
    table[:, INDEX["body_length_least"]] = np.log1p(np.minimum(others.rows["body_words"], query.rows[0]["body_words"]))


def _unmatched(table: Floats, query: Weighed, others: Weighed, hit: Bools, q_hit: Bools) -> None:
    """Weight of title words the other report does not have at all: on both sides at once it speaks of two events."""
    title, q_title = others.weights[:, :TITLE_TOKENS], query.weights[0, :TITLE_TOKENS]
    missing = np.where(hit[:, :TITLE_TOKENS], 0, title)
    q_missing = np.where(q_hit[:, :TITLE_TOKENS], 0, q_title)
    table[:, INDEX["unmatched_least"]] = np.minimum(missing.sum(1), q_missing.sum(1))
    table[:, INDEX["unmatched_most"]] = np.maximum(missing.sum(1), q_missing.sum(1))
    table[:, INDEX["rarest_unmatched_least"]] = np.minimum(missing.max(1), q_missing.max(1))
    bits = np.uint32(1) << np.arange(TITLE_TOKENS, dtype=np.uint32)
    named = (others.rows["names"][:, None] & bits) > 0
    q_named = (query.rows[0]["names"] & bits) > 0
    table[:, INDEX["names_shared"]] = np.where(hit[:, :TITLE_TOKENS] & named, title, 0).sum(1) + np.where(
        q_hit[:, :TITLE_TOKENS] & q_named, q_title, 0
    ).sum(1)
    table[:, INDEX["names_unmatched_least"]] = np.minimum((missing * named).sum(1), (q_missing * q_named).sum(1))


_BEFORE = np.triu(np.ones((TITLE_TOKENS, TITLE_TOKENS), bool), 1)


def _order(table: Floats, in_title: Bools, column: NDArray[np.intp]) -> None:
    """Share of all pairs of shared title words that stand in the same order; -1 with fewer than two words."""
    place = column[:, :TITLE_TOKENS].astype(np.int8)
    both = in_title[:, :, None] & in_title[:, None, :] & _BEFORE
    rising = both & (place[:, None, :] > place[:, :, None])
    count = both.sum((1, 2))
    table[:, INDEX["order"]] = np.where(count > 0, rising.sum((1, 2)) / np.maximum(count, 1), -1)


_SCORERS = (
    ("letters", fuzz.ratio),
    ("letters_sorted", fuzz.token_sort_ratio),
    ("letters_set", fuzz.token_set_ratio),
    ("letters_partial", fuzz.partial_ratio),
)


def _letters(table: Floats, q: np.void, rows: Rows) -> None:
    """Likeness of the folded titles letter by letter, by rapidfuzz: finds compounds, inflections and misspellings.

    Scorers are called one by one: for so few short strings `process.cdist` costs more than it saves.
    """
    title = bytes(q["title"]).decode(errors="ignore")
    titles = [t.decode(errors="ignore") for t in rows["title"].tolist()]
    for name, scorer in _SCORERS:
        table[:, INDEX[name]] = [scorer(title, other) / 100 for other in titles]


def _shingles(table: Floats, q: np.void, rows: Rows) -> None:
    """Shared part of the body samples; -1 when either body is too short to have one."""
    mine, theirs = q["shingles"][q["shingles"] > 0], rows["shingles"]
    if not len(mine):
        return
    have = (theirs > 0).sum(1)
    shared = ((theirs[:, :, None] == mine) & (theirs[:, :, None] > 0)).any(2).sum(1)
    table[:, INDEX["shingles_shared"]] = np.where(have > 0, shared / np.minimum(np.maximum(have, 1), len(mine)), -1)


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


def _facts(table: Floats, q: np.void, rows: Rows) -> None:
    kinds, values = q["kinds"][q["kinds"] > 0], q["values"][q["kinds"] > 0]
    for name in ("numbers_equal", "numbers_conflict", "counts_equal", "counts_conflict", "labels_conflict",
                 "title_numbers_equal", "title_numbers_conflict"):  # fmt: skip
        table[:, INDEX[name]] = 0
    _directions(table, q, rows)
    if not len(kinds):
        return
    for i in np.nonzero(rows["kinds"][:, 0])[0]:
        _numbers(table[i], kinds, values, rows["kinds"][i], rows["values"][i])


def _numbers(
    out: Floats, kinds: NDArray[np.uint16], values: Floats, kinds2: NDArray[np.uint16], values2: Floats
) -> None:
    """Numbers of the same kind: equal when within 2 % (counts) or exactly; a conflict when none of a kind is equal."""
    kinds2, values2 = kinds2[kinds2 > 0], values2[kinds2 > 0]
    bare, bare2 = kinds & 0x7FFF, kinds2 & 0x7FFF
    alike = bare[:, None] == bare2[None, :]
    if not alike.any():
        return
    near = np.abs(values[:, None] - values2[None, :]) <= 0.02 * np.maximum(
        np.abs(values[:, None]), np.abs(values2[None, :])
    )
    titles = (kinds >= facts.IN_TITLE)[:, None] & (kinds2 >= facts.IN_TITLE)[None, :]
    for kind in set(bare[alike.any(1)].tolist()):
        of_kind = alike & (bare == kind)[:, None]
        equal = bool((near & of_kind).any())
        family = "numbers" if kind in _STRICT else "labels" if kind >= facts.LABEL and not equal else "counts"
        out[INDEX[f"{family}_{'equal' if equal else 'conflict'}"]] += 1
        if (of_kind & titles).any():
            out[INDEX["title_numbers_equal" if (near & of_kind & titles).any() else "title_numbers_conflict"]] += 1


def _directions(table: Floats, q: np.void, rows: Rows) -> None:
    """Opposite pairs of which each title names one side: the same (agree) or the other (conflict)."""
    agree = np.zeros(len(rows), np.float32)
    conflict = np.zeros(len(rows), np.float32)
    mine, theirs = int(q["directions"]), rows["directions"]
    for i in range(len(lexicon.OPPOSITES)):
        side, sides = mine >> 2 * i & 3, theirs >> np.uint32(2 * i) & np.uint32(3)
        if side in (1, 2):
            agree += sides == side
            conflict += sides == 3 - side
    table[:, INDEX["directions_agree"]] = agree
    table[:, INDEX["directions_conflict"]] = conflict


def _circumstances(table: Floats, q: np.void, rows: Rows) -> None:
    known = (rows["matched"] != NEVER) & bool(q["matched"] != NEVER)
    apart = np.abs(rows["matched"].astype(np.int64) - int(q["matched"])) / 3600
    table[:, INDEX["hours_apart"]] = np.where(known, np.minimum(apart, 1000), -1)
    same_site = (rows["site"] == q["site"]) & bool(q["site"])
    shape = rows["shape"] == q["shape"]
    table[:, INDEX["same_site"]] = np.where((rows["site"] > 0) & bool(q["site"]), same_site, -1)
    table[:, INDEX["same_shape"]] = shape
    table[:, INDEX["template"]] = shape & (rows["title"] != q["title"])
