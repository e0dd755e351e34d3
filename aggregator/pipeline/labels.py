"""What operators' words teach: pairs of reports that are of one event, or are not.

Rules: the last word on a pair counts. A join makes the reports of one event the same as those of the other; a split
makes those that moved different from those that stayed, and the same as each other. Of each side of a word the first
`EXAMPLES` reports are paired: those that the operator named come first.

A row has the form that `aggregator backtest --pairs` and tests/bench/train.py read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product

from aggregator.model import Example, Ruling, Verb
from aggregator.pipeline.known import Known, text_of

EXAMPLES = 10
"""Reports of one side; a guess: a word on two big events would else weigh as much as a thousand others."""


@dataclass(frozen=True, slots=True)
class Label:
    """Two reports, whether they are of one event, and the word that says so."""

    a: str
    b: str
    same: bool
    ruling: Ruling


def labels(rulings: Iterable[Ruling]) -> list[Label]:
    """The pairs that rulings (oldest first) speak of, each once, as the last word has it."""
    found: dict[frozenset[str], Label] = {}
    for ruling in rulings:
        for label in _labels_of(
            ruling, ruling.entry_ids[:EXAMPLES], ruling.other_entry_ids[:EXAMPLES]
        ):
            found.pop(frozenset((label.a, label.b)), None)
            found[frozenset((label.a, label.b))] = label
    return list(found.values())


def last_word(rulings: Iterable[Ruling], a: str, b: str) -> Label | None:
    """The newest word on two reports, if there is one."""
    found = None
    for ruling in rulings:
        if {a, b} <= {*ruling.entry_ids, *ruling.other_entry_ids}:
            asked = [
                [name for name in side if name in (a, b)]
                for side in (ruling.entry_ids, ruling.other_entry_ids)
            ]
            found = next(_labels_of(ruling, *asked), found)
    return found


def _labels_of(
    ruling: Ruling, ones: Iterable[str], others: Iterable[str]
) -> Iterator[Label]:
    ones = list(ones)
    joined = ruling.verb is Verb.JOIN
    yield from (Label(a, b, joined, ruling) for a, b in product(ones, others))
    if not joined:
        yield from (Label(a, b, True, ruling) for a, b in combinations(ones, 2))


def example_of(known: Known) -> Example:
    """A report as it is kept to learn from."""
    m = known.message
    return Example(
        m.entry_id, m.lang, m.title, text_of(m), known.site, m.url, m.published_at
    )


def row_of(label: Label, examples: Mapping[str, Example]) -> dict[str, object] | None:
    """The pair with its texts; None when a report has none that was kept."""
    a, b = examples.get(label.a), examples.get(label.b)
    if a is None or b is None:
        return None
    sides = {"a": _side(a), "b": _side(b)}
    if not all(side["title"] or side["text"] for side in sides.values()):
        return None
    ruling = label.ruling
    said = {
        "ruling": ruling.ruling_id,
        "ruled_at": ruling.ruled_at,
        "operator": ruling.operator,
        "why": ruling.why,
    }
    return {"lang": a.lang, **sides, "same": int(label.same), **said}


def _side(example: Example) -> dict[str, str]:
    return {
        "id": example.entry_id,
        "lang": example.lang,
        "title": example.title,
        "text": example.text,
        "source": example.source,
        "url": example.url,
        "published": example.published_at.isoformat() if example.published_at else "",
    }
