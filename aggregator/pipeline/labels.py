"""What operators' words teach: pairs of reports that are of one event, or are not.

Rules: the last word on a pair counts. A join makes the reports of one event the same as those of the other; a split
makes those that moved different from those that stayed, and the same as each other. Of each side of a word the first
`EXAMPLES` reports are paired: those that the operator named come first.

A row has the form that `aggregator backtest --pairs` and tests/bench/train.py read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    by_pair: dict[frozenset[str], Label] = {}
    for ruling in rulings:
        sides = ruling.entry_ids[:EXAMPLES], ruling.other_entry_ids[:EXAMPLES]
        for label in _labels_of(ruling, *sides):
            pair = frozenset((label.a, label.b))
            # Taken out first: the answer is in the order of the words that count.
            by_pair.pop(pair, None)
            by_pair[pair] = label
    return list(by_pair.values())


def last_word(
    rulings: Iterable[Ruling],
    a: str,
    b: str,
) -> Label | None:
    """The newest word on two reports, if there is one."""
    pair = (a, b)
    newest = None
    for ruling in rulings:
        # Only the two of interest are paired: a word may name hundreds of reports.
        moved = [name for name in ruling.entry_ids if name in pair]
        stayed = [name for name in ruling.other_entry_ids if name in pair]
        newest = next(_labels_of(ruling, moved, stayed), newest)
    return newest


def _labels_of(
    ruling: Ruling,
    moved: Sequence[str],
    stayed: Sequence[str],
) -> Iterator[Label]:
    is_join = ruling.verb is Verb.JOIN
    for a, b in product(moved, stayed):
        yield Label(a, b, is_join, ruling)
    if is_join:
        return
    # Of two that stayed nothing is said: the operator named those that moved.
    for a, b in combinations(moved, 2):
        yield Label(a, b, True, ruling)


def example_of(known: Known) -> Example:
    """A report as it is kept to learn from."""
    message = known.message
    return Example(
        message.entry_id,
        message.lang,
        message.title,
        text_of(message),
        known.site,
        message.url,
        message.published_at,
    )


def row_of(label: Label, examples: Mapping[str, Example]) -> dict[str, object] | None:
    """The pair with its texts; None when a report has none that was kept."""
    a = examples.get(label.a)
    b = examples.get(label.b)
    if a is None or b is None:
        return None
    if not _has_text(a) or not _has_text(b):
        return None
    ruling = label.ruling
    return {
        "lang": a.lang,
        "a": _side(a),
        "b": _side(b),
        "same": int(label.same),
        "ruling": ruling.ruling_id,
        "ruled_at": ruling.ruled_at,
        "operator": ruling.operator,
        "why": ruling.why,
    }


def _has_text(example: Example) -> bool:
    return bool(example.title or example.text)


def _side(example: Example) -> dict[str, str]:
    published = ""
    if example.published_at:
        published = example.published_at.isoformat()
    return {
        "id": example.entry_id,
        "lang": example.lang,
        "title": example.title,
        "text": example.text,
        "source": example.source,
        "url": example.url,
        "published": published,
    }
