"""Labelled pairs in the states in which a daemon meets them: look-alikes that merge, and retellings that are found.

    python -m tests.bench.pair_states [PAIRS.jsonl] [--shared ../shared] [--meaning] [--list]

A pair is a report that is already in the stream and one that comes after it; it counts as merged when the second joins
the event of the first. Each pair meets an index of its own:

- alone: nothing else is known;
- new: 1,000 real reports came before, none by the pair's publishers;
- known: the same, and the pair's publishers are two of those of the background;
- twelve: the same, and each of the pair's publishers had just twelve ordinary titles;
- many: 5,000 reports came before, by known publishers.

Without a file it takes the traps of tests/dedup/traps.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from aggregator.dedup.assign import assign, assign_all
from aggregator.dedup.backtest import entries, entry_of, event_id
from aggregator.dedup.index import Index
from aggregator.dedup.meaning import prints_of
from aggregator.dedup.rows import Rows, row_array
from aggregator.model import DedupSettings
from tests.bench import SHARED, states
from tests.bench.train import real_reports
from tests.dedup.traps.pairs import DIFFERENT, SAME

FEW, MANY, TITLES = 1000, 5000, 12
STATES = ("alone", "new", "known", "twelve", "many")


class Labelled(NamedTuple):
    """Two reports, the first of which came first, and whether they are of one event."""

    first: states.Row
    second: states.Row
    same: bool


class Background(NamedTuple):
    """What came before a pair: rows of an index with their events."""

    rows: Rows
    events: list[str]


def labelled(path: Path) -> list[Labelled]:
    """The pairs of a file in the form of `aggregator backtest --pairs`."""
    pairs = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        pairs.append(Labelled(row["a"], row["b"], bool(int(row["same"]))))
    return pairs


def traps() -> list[Labelled]:
    """The made-up pairs of the test suite, an hour apart."""
    pairs = []
    both = [(pair, False) for pair in DIFFERENT] + [(pair, True) for pair in SAME]
    for number, ((lang, *reports), same) in enumerate(both):
        sides = []
        for hour, report in enumerate(reports):
            title, _, text = report.partition(" || ")
            side = {"id": f"{number}-{hour}", "lang": lang, "title": title}
            side |= {"text": text, "published": f"2026-03-10T0{hour}:00:00+00:00"}
            side |= {"source": f"s{hour}", "url": f"https://s{hour}.example/{number}"}
            sides.append(side)
        pairs.append(Labelled(sides[0], sides[1], same))
    return pairs


class Stream:
    """Real reports as backgrounds, their fingerprints made once."""

    def __init__(self, reports: Sequence[states.Row], settings: DedupSettings) -> None:
        self.settings = settings
        self._kind = Index(settings).rows.kind
        self._reports = states.background(reports, seed="pairs")
        self.publishers = states.publishers_of(self._reports)
        self._by_count = {n: self._of(self._reports[:n]) for n in (0, FEW, MANY)}

    def _of(self, rows: Sequence[states.Row]) -> Background:
        prints = prints_of(list(entries(rows)), self.settings)
        names = [event_id(one.entry_id) for one in prints]
        return Background(row_array(prints, self._kind), names)

    def before(self, count: int) -> Background:
        """The first reports of the stream."""
        return self._by_count[count]

    def titles_of(self, sources: Mapping[str, str], lang: str) -> Background:
        """Ordinary titles of some publishers (site by name), in a language as far as the stream has it."""
        ordinary = [row for row in self._reports if states.primary(row) == lang]
        ordinary = ordinary or self._reports
        rows: list[states.Row] = []
        for place, (source, site) in enumerate(sources.items()):
            start = place * TITLES
            for number, row in enumerate(islice(ordinary, start, start + TITLES)):
                url = f"{site}/ordinary/{number}"
                new = {"id": f"{source} {number}", "source": source, "url": url}
                rows.append({**row, **new})
        return self._of(rows)


def site_of(row: states.Row) -> str:
    """Scheme and host of a report's address."""
    return "/".join(str(row["url"]).split("/")[:3])


def in_state(pair: Labelled, state: str, stream: Stream) -> tuple[Labelled, Index]:
    """The pair as it comes in this state, and the index that it meets."""
    index = Index(stream.settings)
    count = {"alone": 0, "many": MANY}.get(state, FEW)
    index.learn(*stream.before(count))
    if state == "twelve":
        sources = {str(row["source"]): site_of(row) for row in pair[:2]}
        index.learn(*stream.titles_of(sources, states.primary(pair.first)))
    if state in ("known", "many"):
        pair = _by_known(pair, stream)
    return pair, index


def _by_known(pair: Labelled, stream: Stream) -> Labelled:
    """The pair as two publishers of the background told it: reports of one publisher stay of one."""
    chance = random.Random(str(pair.first["id"]))
    known = stream.publishers.get(states.primary(pair.first), stream.publishers["en"])
    one, other = chance.sample(known, 2)
    if pair.first["source"] == pair.second["source"]:
        other = one
    sides = []
    for row, source in ((pair.first, one), (pair.second, other)):
        url = f"https://background.example/pair/{row['id']}"
        sides.append({**row, "source": source, "url": url})
    return Labelled(sides[0], sides[1], pair.same)


def is_merged(pair: Labelled, index: Index, settings: DedupSettings) -> bool:
    """Whether the second report of a pair joins the event of the first."""
    sides = [entry_of(row) for row in (pair.first, pair.second)]
    first, second = prints_of(sides, settings)
    posted = list(assign_all([first], index, settings, new_event=event_id))
    event = posted[0].event_id or event_id(first.entry_id)
    return assign(second, index, settings).event_id == event


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pairs", type=Path, nargs="?")
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--meaning", action="store_true")
    parser.add_argument("--list", action="store_true", help="name the wrong pairs")
    asked = parser.parse_args()
    settings = DedupSettings(meaning=asked.meaning)
    pairs = labelled(asked.pairs) if asked.pairs else traps()
    stream = Stream(list(real_reports(asked.shared)), settings)
    table = Table("state", "look-alikes merged", "retellings found")
    console = Console()
    for state in STATES:
        merged = [is_merged(*in_state(pair, state, stream), settings) for pair in pairs]
        counts = {True: [0, 0], False: [0, 0]}
        for pair, joined in zip(pairs, merged, strict=True):
            counts[pair.same][0] += joined
            counts[pair.same][1] += 1
            if asked.list and joined != pair.same:
                console.print(state, pair.first["title"], "|", pair.second["title"])
        alike, told = counts[False], counts[True]
        table.add_row(state, f"{alike[0]} of {alike[1]}", f"{told[0]} of {told[1]}")
    console.print(table)


if __name__ == "__main__":
    main()
