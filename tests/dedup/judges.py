"""Models that judge as a test says, and reports made for them: what the numbers of `assign` decide, whatever was
learned.

A judge reads one feature alone, the length of the shorter body. A report's `grade` is the length of its body, and the
entry that asks has the longest there is: so each report is as likely as its grade's log-odds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from zlib import crc32

import numpy as np

from aggregator.dedup.features import INDEX
from aggregator.dedup.fingerprint import Fingerprint
from aggregator.dedup.index import Index
from aggregator.dedup.joining import FEATURES
from aggregator.dedup.trees import Forest, Model
from aggregator.model import DedupSettings

SETTINGS = DedupSettings()
TOPIC = tuple(range(1000, 1006))
"""Words that the reports of a test share, unless it says otherwise."""
DAY = 86_400
JOINING = [
    {
        "doublings": -0.5,
        "least": 0.25,
        "told_otherwise": -1.0,
        "rival_above": -0.25,
    }.get(name, 0.0)
    for name in FEATURES
]
"""Weights of what an event's reports say together, of a round size."""


def forest(*grades: float) -> Forest:
    """Log-odds by grade: 1, 2, … for the reports of these grades. Of one number: always that one."""
    count = max(1, len(grades) - 1)
    steps = np.diff(grades) if len(grades) > 1 else np.zeros(1)
    # One tree for each step up or down: its root, a leaf for what is below, and one for what is above.
    roots = 3 * np.arange(count)
    nodes = 3 * count
    children = np.repeat(np.arange(nodes)[:, None], 2, axis=1)
    children[roots] = np.stack([roots + 1, roots + 2], 1)
    values = np.zeros(nodes, np.float32)
    values[roots + 2] = steps
    thresholds = np.zeros(nodes, np.float32)
    thresholds[roots] = [math.log1p(grade + 0.5) for grade in range(1, count + 1)]
    return Forest(
        columns=np.full(nodes, INDEX["body_length_least"], np.intp),
        thresholds=thresholds,
        values=values,
        children=children.astype(np.intp),
        roots=roots.astype(np.intp),
        depth=1,
        bias=float(grades[0]),
    )


def judge(*grades: float) -> Model:
    """One that finds the reports of grade 1, 2, … as likely as these log-odds say."""
    judging = forest(*grades)
    return Model(judging, judging, judging, JOINING)


def report(
    name: str,
    grade: int,
    *,
    title: Sequence[int] = TOPIC,
    shingles: tuple[int, ...] = (),
    day: int = 10,
    meaning: bytes = b"",
) -> Fingerprint:
    """A report by a publisher of its own, in a language without a prior."""
    number = crc32(name.encode())
    return Fingerprint(
        name,
        "qya",
        site=number,
        matched=day * DAY,
        first_seen=10 * DAY,
        body_words=grade,
        shape=number,
        title=name,
        title_tokens=tuple(title),
        shingles=shingles,
        meaning=meaning,
    )


LONGEST = 60_000
"""Grade of the entry that asks."""


def asking(**more: object) -> Fingerprint:
    """The entry that asks."""
    return report("asking", LONGEST, **more)  # type: ignore[arg-type]


def index_of(
    *events: Sequence[Fingerprint], settings: DedupSettings = SETTINGS
) -> Index:
    """An index of events, each called by the name of its first report."""
    index = Index(settings)
    for event in events:
        for one in event:
            index.add(one, event[0].entry_id)
    return index
