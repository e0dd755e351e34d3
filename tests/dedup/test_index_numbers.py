"""The chosen numbers of `index` and `postings`: each decides here what is found, or what is taken together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from aggregator.dedup.fingerprint import SHINGLES, TITLE_TOKENS, Fingerprint
from aggregator.dedup.index import Evidence, Index, evidence
from aggregator.dedup.rows import row_array
from aggregator.model import DedupSettings

SETTINGS = DedupSettings()
MANY = 1000
"""More candidates than there are reports."""


def report(
    name: str,
    title: Sequence[int] = (),
    *,
    body: Sequence[int] = (),
    shingles: Sequence[int] = (),
) -> Fingerprint:
    """A report in a language without a prior: words that nobody else has are equally rare, the greater counting as the
    rarer."""
    return Fingerprint(
        name,
        "qya",
        title_tokens=tuple(title),
        body_tokens=tuple(body),
        shingles=tuple(shingles),
    )


def index_of(*known: Fingerprint) -> Index:
    index = Index(SETTINGS)
    index.learn(row_array(known), [one.entry_id for one in known])
    return index


def found(index: Index, asking: Fingerprint) -> list[str]:
    """The entry ids of what is found for a report, the likest first."""
    rows = row_array([asking])
    [slots] = index.candidates(evidence(rows, index.frequency), limit=MANY)
    return [bytes(index.rows.one(slot)["entry_id"]).decode() for slot in slots]


def filler(count: int) -> list[Fingerprint]:
    """Reports that share no word."""
    return [
        report(f"f{number}", range(8 * number + 1, 8 * number + 9))
        for number in range(count)
    ]


# --- how many are taken together ---


@pytest.mark.parametrize(
    ("known", "batch"),
    [
        (0, 1),
        (63, 1),
        (64, 2),
        (639, 19),
        (640, 20),
        (8_160, 255),
        (8_192, 256),
        (9_000, 256),
    ],
)
def test_a_batch_is_one_part_in_32_of_the_window_and_at_most_256(
    known: int, batch: int
) -> None:
    assert index_of(*filler(known)).batch == batch


# --- what a report is posted and looked for under ---


def test_a_report_is_found_by_its_twelve_rarest_title_words() -> None:
    index = index_of(report("known", range(1, 21)))
    by_one_word = [
        word for word in range(1, 21) if found(index, report("asking", [word]))
    ]
    assert by_one_word == list(range(9, 21))


def test_a_report_is_found_by_its_eight_rarest_body_words() -> None:
    index = index_of(report("known", body=range(1, 21)))
    by_one_word = [
        word for word in range(1, 21) if found(index, report("asking", [word]))
    ]
    assert by_one_word == list(range(13, 21))


def test_a_report_looks_by_its_sixteen_rarest_title_words() -> None:
    words = range(1, TITLE_TOKENS + 1)
    index = index_of(*(report(f"{word}", [word]) for word in words))
    assert len(words) > 20
    assert sorted(map(int, found(index, report("asking", words)))) == list(words[-16:])


def test_a_report_looks_by_its_twelve_rarest_body_words() -> None:
    words = range(1, 31)
    index = index_of(*(report(f"{word}", [word]) for word in words))
    assert sorted(map(int, found(index, report("asking", body=words)))) == list(
        words[-12:]
    )


def test_the_first_two_and_the_last_two_samples_of_a_body_find_it() -> None:
    samples = range(1, SHINGLES + 1)
    index = index_of(report("known", shingles=samples))
    by_one_sample = [
        sample
        for sample in samples
        if found(index, report("asking", shingles=[sample]))
    ]
    assert by_one_sample == [1, 2, SHINGLES - 1, SHINGLES]


@pytest.mark.parametrize("pair", [(1, 2), (1, 3), (2, 3)])
def test_each_pair_of_the_three_rarest_title_words_is_evidence_of_its_own(
    pair: tuple[int, int],
) -> None:
    """Of words that are in one report in eleven: two of them are too little without it."""
    common = [
        report(f"c{number}", [1 + number % 3, 100 + number]) for number in range(400)
    ]
    index = index_of(
        *common,
        report("known", [1, 2, 3]),
        report("with rarer ones", [1, 2, 3, 1001, 1002, 1003]),
    )
    assert found(index, report("asking", pair)) == ["known"]


# --- what is enough, and how much is read ---


@pytest.mark.parametrize(("weight", "is_found"), [(6.0, True), (5.99, False)])
def test_evidence_of_six_makes_a_candidate(weight: float, is_found: bool) -> None:
    known = report("known", [7])
    index = index_of(known)
    own = evidence(row_array([known]), index.frequency)
    weighing = Evidence(
        own.keys, np.where(own.keys > 0, np.float32(weight), np.float32(0))
    )
    assert (index.candidates(weighing, limit=MANY) != [[]]) == is_found


def test_the_sixteen_newest_reports_of_a_key_are_found() -> None:
    known = [report(f"{number}", [7, 8]) for number in range(20)]
    assert sorted(map(int, found(index_of(*known), report("asking", [7, 8])))) == list(
        range(4, 20)
    )


def test_of_a_batch_the_sixteen_before_a_report_are_found() -> None:
    index = index_of(*filler(1))
    rows = row_array([report(f"{number}", [70_000]) for number in range(20)])
    slots = index.candidates(evidence(rows, index.frequency), limit=MANY)
    assert [len(some) for some in slots] == [*range(16), 16, 16, 16, 16]
    assert sorted(slots[-1]) == list(range(index.rows.next + 3, index.rows.next + 19))
