"""Other programs' matching rules, written anew from their descriptions, and TF-IDF in a single pass: for comparison.

Each goes through the rows in order and joins an entry to the event of the earlier one it is most like, if they are like
enough; there is no window, since the labelled sets are shorter than any. Nothing of their code was used.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

Row = Mapping[str, object]
Bag = Mapping[str, float]


@dataclass(frozen=True)
class Rival:
    """A rule: what of a row is compared, how alike two are (0..1), and from where on they are one event."""

    name: str
    bag: Callable[[Row], Bag]
    likeness: Callable[[Bag, Bag], float]
    threshold: float
    is_weighted: bool = False


def _title(row: Row) -> str:
    return str(row.get("title") or "").lower()


def _words(row: Row) -> Bag:
    return dict.fromkeys(_title(row).split(), 1.0)


def _trigrams(row: Row) -> Bag:
    """pg_trgm's: each word with two spaces before and one after."""
    found: dict[str, float] = {}
    for word in re.findall(r"\w+", _title(row)):
        padded = f"  {word} "
        found.update(
            dict.fromkeys((padded[i : i + 3] for i in range(len(padded) - 2)), 1.0)
        )
    return found


def _overlap(a: Bag, b: Bag) -> float:
    """Shared words over the words of the shorter title, 0 with fewer than three shared."""
    shared = len(a.keys() & b.keys())
    return shared / min(len(a), len(b)) if shared >= 3 else 0.0


def _jaccard(a: Bag, b: Bag) -> float:
    shared = len(a.keys() & b.keys())
    return shared / (len(a) + len(b) - shared) if shared else 0.0


def _terms(row: Row) -> Bag:
    """Word counts of title and text, Chinese as bigrams."""
    text = f"{_title(row)} {str(row.get('text') or '').lower()[:2500]}"
    counts: Counter[str] = Counter()
    for run in re.findall(r"[\u4e00-\u9fff]+|[^\W\u4e00-\u9fff]+", text):
        chinese = "\u4e00" <= run[0] <= "\u9fff"
        counts.update(
            [run[i : i + 2] for i in range(len(run) - 1)] if chinese else [run]
        )
    return {term: 1 + math.log(n) for term, n in counts.items()}


def _cosine(a: Bag, b: Bag) -> float:
    if len(b) < len(a):
        a, b = b, a
    return sum(w * b[t] for t, w in a.items() if t in b)


RIVALS = (
    Rival("NewsBlur's rule", _words, _overlap, 0.6),
    Rival("tt-rss's rule", _trigrams, _jaccard, 0.75),
    Rival("TF-IDF, one pass", _terms, _cosine, 0.4, is_weighted=True),
)


class _Weights:
    """Inverse document frequencies of the stream so far."""

    def __init__(self) -> None:
        self._documents = 0
        self._counts: Counter[str] = Counter()

    def add(self, bag: Bag) -> None:
        self._documents += 1
        self._counts.update(bag.keys())

    def of(self, bag: Bag) -> Bag:
        """A bag of length 1."""
        weighed = {
            t: w * math.log(1 + (self._documents + 1) / (self._counts[t] + 0.5))
            for t, w in bag.items()
        }
        length = math.sqrt(sum(w * w for w in weighed.values())) or 1.0
        return {t: w / length for t, w in weighed.items()}


def clusters(rows: Iterable[Row], rival: Rival) -> dict[str, str]:
    """Each row's event by a rival's rule; events go by the id of their first row."""
    kept: list[Bag] = []
    events: list[str] = []
    postings: defaultdict[str, list[int]] = defaultdict(list)
    weights = _Weights()
    answer: dict[str, str] = {}
    for row in rows:
        bag = rival.bag(row)
        weights.add(bag)
        if rival.is_weighted:
            bag = weights.of(bag)
        best, event = rival.threshold, str(row["id"])
        for i in _candidates(bag, postings):
            likeness = rival.likeness(bag, kept[i])
            if likeness >= best:
                best, event = likeness, events[i]
        for term in bag:
            postings[term].append(len(kept))
        kept.append(bag)
        events.append(event)
        answer[str(row["id"])] = event
    return answer


def _candidates(bag: Bag, postings: Mapping[str, Sequence[int]]) -> list[int]:
    """The 60 earlier rows that share most of the 24 rarest terms."""
    rarest = sorted((t for t in bag if t in postings), key=lambda t: len(postings[t]))[
        :24
    ]
    counts: Counter[int] = Counter()
    for term in rarest:
        counts.update(postings[term][-2000:])
    return [i for i, _ in counts.most_common(60)]


def decisions(rows: Sequence[Row], rival: Rival) -> list[bool]:
    """Each pair judged by a rival's rule; TF-IDF takes its weights from all pairs."""
    weights = _Weights()
    sides = [tuple(rival.bag(row[k]) for k in "ab") for row in rows]  # type: ignore[arg-type]
    for a, b in sides:
        weights.add(a)
        weights.add(b)
    if rival.is_weighted:
        sides = [(weights.of(a), weights.of(b)) for a, b in sides]
    return [rival.likeness(a, b) >= rival.threshold for a, b in sides]
