"""Learns how the pairs of an event are weighed together (aggregator/dedup/joining.py), and writes it into weights.npz.

    python -m tests.bench.joining --folds DIR [--shared ../shared] [--meaning]

After tests/bench/train.py --folds DIR. Streams of reports are judged by the program as it is, families and the natural
sets by the model of a fold that has not seen their events; real reports of days far apart, told as of one day and not
among those that the forests learned from, stand for the strangers that most reports of a day are to one another. Each
event that a report was weighed against, with what was known at that moment, is one example.

With `--meaning` the families that the encoder has not seen (`states.FRESH`) are judged with embeddings, too, which
needs that extra.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aggregator.dedup import joining, learned
from aggregator.dedup.assign import Batch
from aggregator.dedup.backtest import entries, event_id
from aggregator.dedup.fingerprint import Fingerprint
from aggregator.dedup.index import Index, evidence
from aggregator.dedup.joining import FEATURES, Standing
from aggregator.dedup.meaning import prints_of
from aggregator.dedup.rows import row_array
from aggregator.dedup.similarity import JOIN
from aggregator.dedup.trees import Model
from aggregator.model import DedupSettings
from tests.bench import SHARED, states
from tests.bench.outlets import OUTLETS, common_day
from tests.bench.outlets import rows_of as rows_of_outlet
from tests.bench.quality import load
from tests.bench.train import (
    CHINESE,
    FOLDS,
    OF_A_STREAM,
    PACKAGE,
    STREAMS,
    are_far,
    as_of_one_day,
    day_of,
    fold_of,
    real_reports,
    rows_of,
    unit_of,
)

Row = Mapping[str, object]
Doubles = NDArray[np.float64]
SETS = {
    "og2021_multi": 0.4, "allsides_en": 0.05, "ecbplus_en": 0.5, "tw_day_zh": 1.0, "vimds_vi": 1.0,
}  # fmt: skip
"""The weight of an example of each natural set; allsides labels topics."""
FAMILIES, MIXED, STRANGERS, MEANT = 0.1, 3.0, 0.5, 3.0
"""The weights of an example of a family by words, of one among real reports, of strangers, and of a family with meanings: strewn over few days, families
stand among more look-alikes than the reports of a stream do. Chosen by a look at ../shared/data/families.dev.jsonl: with 1,
1 and no meanings B-cubed F1 was 0.870 by words and 0.913 with meanings at the log-odds 0.2, with these 0.897 and 0.926."""
SEVERAL = 0.7
"""Added to the weight `several`: a lone report must be likelier (`similarity.JOIN`) than an event of several, which is joined
as soon as it is likelier than not. With 0 and 0.7, and JOIN as much higher, B-cubed F1 of families.dev was 0.908 and 0.901 by
words, sibling events merged 11 and 9 of 137, and 51 and 33 events of two outlets came out in a day of ten
(tests/bench/outlets.py)."""
MORE_STREAMS = 4
"""Streams of strangers that no forest learned from, in each language as far as its reports go."""
RIDGE = 2.0
"""Weight of the squares of the weights in the loss."""


class Example(NamedTuple):
    """An event that a report was weighed against: what was known of it, the best pair's log-odds, and the truth."""

    features: Sequence[float]
    best: float
    same: bool
    weight: float


@dataclass(frozen=True)
class Stream:
    """Reports in order with their fingerprints, what came before, whose decisions count, and of which two the truth is
    known."""

    rows: Sequence[Row]
    prints: Sequence[Fingerprint]
    before: Sequence[Fingerprint] = ()
    counts: Callable[[Row], bool] = lambda _: True
    is_told: Callable[[Row, Row], bool] = lambda _one, _other: True
    weight: float = 1.0


def examples(
    stream: Stream, settings: DedupSettings, model: Model
) -> Iterator[Example]:
    """What the reports of a stream were weighed against, judged by `model`."""
    index = Index(settings)
    index.learn(
        row_array(stream.before, index.rows.kind),
        [event_id(one.entry_id) for one in stream.before],
    )
    first = index.rows.next
    join = JOIN[settings.strictness]
    for place, one in enumerate(stream.prints):
        index.refresh()
        row = row_array([one], index.rows.kind)
        found_by = evidence(row, index.frequency)
        batch = Batch(row, found_by, index, model)
        if stream.counts(stream.rows[place]):
            told = [
                (standing, [stream.rows[slot - first] for slot in slots])
                for standing, slots in _met(batch, index, first)
            ]
            yield from _of_one(stream, stream.rows[place], told)
        answer = batch.assigned(0, join)
        index.settle(
            index.post(row, found_by), answer.event_id or event_id(one.entry_id)
        )
        for absorbed in answer.absorbs:
            index.merge(str(answer.event_id), absorbed)


def _met(
    batch: Batch, index: Index, first: int
) -> Iterator[tuple[Standing, list[int]]]:
    """The events that the one report of a batch is weighed against, with the slots of their reports of the stream."""
    for number, standing in batch.standings(0).items():
        slots = [slot for slot in index.members(number) if slot >= first]
        if slots:
            yield standing, slots


def _of_one(
    stream: Stream, row: Row, told: Sequence[tuple[Standing, Sequence[Row]]]
) -> Iterator[Example]:
    """The examples of one report: an event is its own when half of the event's reports are."""
    standings = [standing for standing, _ in told]
    rows_of_features = joining.features_of(standings)
    for (standing, others), features in zip(told, rows_of_features, strict=True):
        if not all(stream.is_told(row, other) for other in others):
            continue
        cluster = row.get("cluster")
        same = sum(other.get("cluster") == cluster is not None for other in others)
        is_same = 2 * same >= len(others)
        best = standing.best - standing.loss
        yield Example(features, best, is_same, stream.weight)


def learned_weights(some: Sequence[Example]) -> Doubles:
    """(len(FEATURES),) weights of the least logistic loss, the best pair's log-odds counting as they are."""
    from scipy.optimize import minimize

    features = np.array([one.features for one in some])
    bests = np.array([one.best for one in some])
    same = np.array([one.same for one in some], np.float64)
    weights = np.array([one.weight for one in some])

    def loss(given: Doubles) -> tuple[float, Doubles]:
        log_odds = bests + features @ given
        # log(1 + exp) without an overflow.
        sums = np.logaddexp(0, log_odds) - same * log_odds
        likely = 1 / (1 + np.exp(-np.clip(log_odds, -30, 30)))
        slope = features.T @ (weights * (likely - same)) + RIDGE * given
        return float(weights @ sums + RIDGE / 2 * given @ given), slope

    found: Doubles = minimize(
        loss, np.zeros(len(FEATURES)), jac=True, method="L-BFGS-B"
    ).x
    return found


def unseen_strangers(shared: Path) -> Iterator[list[dict[str, object]]]:
    """Streams as `train.strangers` makes them, of the reports that it leaves over."""
    shown = common_day(shared)
    chance = random.Random("strangers")
    later = random.Random("strangers unseen")
    left = STREAMS * OF_A_STREAM
    for lang, outlets in (("en", OUTLETS), ("zh", sorted(CHINESE))):
        rows: list[dict[str, object]] = []
        for outlet in outlets:
            for row in rows_of_outlet(shared, outlet, None):
                if day_of(row) != shown:
                    rows.append({**row, "lang": lang, "day": day_of(row)})
        # The same draws as there, so that what is left over is what was not learned from.
        chance.shuffle(rows)
        for number in range(MORE_STREAMS):
            start = left + number * OF_A_STREAM
            some = rows[start : start + OF_A_STREAM]
            if some:
                yield as_of_one_day(some, later)


def among_real(families: Sequence[states.Row], real: Sequence[Row]) -> list[Row]:
    """Families strewn among real reports of many languages, these at random moments: what a real report has in common with
    a family is chance."""
    chance = random.Random("mixed")
    rows: list[Row] = list(states.strewn(families, seed="mixed"))
    for number, row in enumerate(real):
        at = states.START + chance.random() * states.SPAN
        name = f"real {number}"
        moved = {"id": name, "family": name, "published": at.isoformat()}
        rows.append({**row, **moved, "cluster": None})
    return sorted(rows, key=lambda row: str(row["published"]))


def is_of_a_family(one: Row, other: Row) -> bool:
    """Whether one of two reports is of a family: of two real ones nobody has said what they tell."""
    return one["cluster"] is not None or other["cluster"] is not None


def by_words(shared: Path, folds: Path) -> Iterator[Example]:
    """The examples without embeddings."""
    settings = DedupSettings(meaning=False)

    def prints(rows: Sequence[Row]) -> list[Fingerprint]:
        return prints_of(list(entries(rows)), settings)

    shipped = learned.model()
    for rows in unseen_strangers(shared):
        for told in (rows, [{**row, "text": ""} for row in rows]):
            stream = Stream(told, prints(told), is_told=are_far, weight=STRANGERS)
            yield from examples(stream, settings, shipped)
    before = prints(states.background(list(real_reports(shared)), seed="background"))
    families = [
        *states.families(held_back=False),
        *states.families(held_back=True),
        *states.fresh_families(),
    ]
    strewn = states.strewn(families, seed="joining")
    streams = [Stream(strewn, prints(strewn), before, weight=FAMILIES)]
    mixed = among_real(states.fresh_families(), list(real_reports(shared)))
    streams.append(Stream(mixed, prints(mixed), is_told=is_of_a_family, weight=MIXED))
    for name, weight in SETS.items():
        rows = rows_of(shared, name)
        streams.append(Stream(rows, prints(rows), weight=weight))
    for fold in range(FOLDS):
        model = load(folds / f"fold{fold}.npz")
        for stream in streams:
            yield from examples(_of_fold(stream, fold), settings, model)


def _of_fold(stream: Stream, fold: int) -> Stream:
    """The same stream, of which the decisions on one fold count."""
    return Stream(
        stream.rows,
        stream.prints,
        stream.before,
        lambda row: fold_of(unit_of(row)) == fold,
        stream.is_told,
        stream.weight,
    )


def by_meanings(folds: Path) -> Iterator[Example]:
    """The examples of families that the encoder has not seen, with embeddings."""
    settings = DedupSettings(meaning=True)
    rows = states.strewn(states.fresh_families(), seed="joining")
    stream = Stream(rows, prints_of(list(entries(rows)), settings), weight=MEANT)
    for fold in range(FOLDS):
        model = load(folds / f"fold{fold}.npz")
        yield from examples(_of_fold(stream, fold), settings, model)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--folds", type=Path, required=True)
    parser.add_argument("--meaning", action="store_true")
    asked = parser.parse_args()
    found = list(by_words(asked.shared, asked.folds))
    if asked.meaning:
        found += by_meanings(asked.folds)
    weights = learned_weights(found)
    weights[FEATURES.index("several")] += SEVERAL
    for name, weight in zip(FEATURES, weights, strict=True):
        print(f"{name:18} {weight:6.2f}")
    path = PACKAGE / "weights.npz"
    with np.load(path, allow_pickle=False) as archive:
        arrays = dict(archive)
    np.savez_compressed(path, **arrays | {"joining": weights.astype(np.float32)})


if __name__ == "__main__":
    main()
