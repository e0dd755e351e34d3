"""Prints how well families of look-alikes are told apart that nothing was learned from and no number was chosen by.

    python -m tests.bench.exam [--meaning] [--by lang|kind] [FAMILIES.jsonl …]

Of the families of tests/bench/third_exam nothing was learned, and they were run before the last numbers were chosen: by
words B-cubed F1 was 0.825 at a precision of 0.950, with meanings 0.852 at 0.965. Five writers wrote them who had not seen
another family, so that they are no more of one hand with those that were learned from (tests/bench/families) than news
are; five others read them without the labels, and the 16 of 1,170 reports that these placed otherwise, or could not
place, are left out. Since then numbers were tried with them in sight: those that were kept (`features.FOREIGN`, the lean
of the forest for words) were chosen by other sets. Never learn from them, and choose no number by them: then they say
nothing any more.

Those of tests/bench/second_exam were the exam before. The lean of the forest for meanings (`train.LEAN`), between 1.35 and
1.5, was chosen with a look at them. Those of tests/bench/exam_families were the first: they were run while
`features.objections` and the weights of what the forests learn from were chosen, and often. Of neither was anything
learned, but they say no more than what numbers are chosen by.

Other programs' rules (`rivals`) stand beside ours. Without `--meaning` titles and texts are compared by their words.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from aggregator.dedup import scores
from aggregator.dedup.backtest import backtest
from aggregator.model import DedupSettings
from tests.bench import states
from tests.bench.rivals import RIVALS, clusters
from tests.bench.states import Row

FAMILIES = Path(__file__).with_name("third_exam")
SECOND = Path(__file__).with_name("second_exam")
FIRST = Path(__file__).with_name("exam_families")


class Result(NamedTuple):
    """What came of some families: B-cubed scores of all reports; pairs of sibling events, and of them those that share
    an event; pairs of reports of one event, and of them those found."""

    b_cubed: scores.Score
    siblings: int
    merged: int
    same: int
    found: int


def read(paths: Sequence[Path]) -> list[Row]:
    """The reports of files of families, in the order of a stream."""
    rows: list[Row] = []
    for path in paths:
        rows += states.read(path)
    return sorted(rows, key=lambda row: str(row["published"]))


def result_of(rows: Sequence[Row], predicted: Mapping[str, str]) -> Result:
    """How well events (`predicted`, by the id of a report) tell apart those of the rows' families."""
    families: dict[object, dict[object, list[str]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for row in rows:
        event = predicted[str(row["id"])]
        families[row["family"]][row["cluster"]].append(event)
    siblings = merged = same = found = 0
    for events in families.values():
        for one, other in combinations(events.values(), 2):
            siblings += 1
            merged += not set(one).isdisjoint(other)
        for given in events.values():
            for first, second in combinations(given, 2):
                same += 1
                found += first == second
    truth = {str(row["id"]): str(row["cluster"]) for row in rows}
    b_cubed = scores.clustering(truth, predicted).b_cubed
    return Result(b_cubed, siblings, merged, same, found)


def add_line(table: Table, name: str, result: Result) -> None:
    """Add a result to the table that is printed."""
    b_cubed = result.b_cubed
    table.add_row(
        name,
        f"{b_cubed.precision:.3f}",
        f"{b_cubed.recall:.3f}",
        f"{b_cubed.f1:.3f}",
        f"{result.merged} of {result.siblings}",
        f"{result.found} of {result.same}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--meaning", action="store_true")
    parser.add_argument("--by", choices=("lang", "kind"))
    asked = parser.parse_args()
    rows = read(asked.files or sorted(FAMILIES.glob("*.jsonl")))
    settings = DedupSettings(meaning=asked.meaning)
    predicted = dict(backtest(rows, settings).events)
    table = Table("", "precision", "recall", "F1", "siblings merged", "pairs found")
    add_line(table, f"{len(rows)} reports", result_of(rows, predicted))
    if asked.by:
        for part in sorted({str(row[asked.by]) for row in rows}):
            some = [row for row in rows if row[asked.by] == part]
            add_line(table, part, result_of(some, predicted))
    for rival in RIVALS:
        add_line(table, rival.name, result_of(rows, clusters(rows, rival)))
    Console().print(table)


if __name__ == "__main__":
    main()
