"""Prints how good the matching is on the labelled sets, beside other programs' rules in the same run.

    python -m tests.bench.quality [--shared ../shared] [--folds DIR] [--leave-out] [--meaning] [--sets NAME…]

With `--folds` (made by `tests.bench.train --folds`) every entry is judged by a model that saw no entry of its cluster:
the figures to believe. With `--leave-out` too, by a model that never saw the set. Without, by the shipped model, which
was learned on these sets.

± is the standard error of F1: how far it would lie off with other events of the same kind (bootstrap over the true clusters or
pairs, Efron 1979; 500 rounds).
"""

from __future__ import annotations

import argparse
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from aggregator.dedup import scores
from aggregator.dedup.assign import assign
from aggregator.dedup.backtest import backtest, entries, entry_of, event_id, pair_test, survivor_of
from aggregator.dedup.index import Index
from aggregator.dedup.learned import model_from
from aggregator.dedup.meaning import prints_of
from aggregator.dedup.similarity import compared, is_same
from aggregator.dedup.trees import Model
from aggregator.model import DedupSettings
from tests.bench.rivals import RIVALS, clusters, decisions
from tests.bench.train import FOLDS, SHARED, fold_of, pair_folds, rows_of

SETS = ("og2021_multi", "allsides_en", "ecbplus_en", "basil_en", "tw_day_zh", "vimds_vi")
LANGUAGES = ("en", "pt", "es", "fr", "ru", "de")
PAIRS = ("sohu_event_zh", "tgcontest_ruen", "fin_pairs_en")
Row = dict[str, object]


def load(path: Path) -> Model:
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
        return model_from(dict(archive))


def chooser(folds: Path | None, name: str, leave_out: bool) -> Callable[[Row], Model] | None:
    """Which model judges a row: None for the shipped one."""
    if folds is None:
        return None
    if leave_out:
        alone = load(folds / f"without_{name}.npz")
        return lambda _: alone
    models = [load(folds / f"fold{i}.npz") for i in range(FOLDS)]
    return lambda row: models[fold_of(row["cluster"])]


def cross_validated(rows: Sequence[Row], settings: DedupSettings, model_of: Callable[[Row], Model]) -> dict[str, str]:
    """The event of each row, by id, each row judged by the model that `model_of` chooses."""
    read = list(entries(rows))
    index, survivors, given = Index(settings), dict[str, str](), dict[str, str]()
    for row, entry, made in zip(rows, read, prints_of(read, settings), strict=True):
        index.expire(entry.first_seen_at)
        answer = assign(made, index, settings, model=model_of(row))
        event = answer.event_id or event_id(entry.entry_id)
        index.add(made, event)
        for absorbed in answer.absorbs:
            index.merge(event, absorbed)
        survivors.update(dict.fromkeys(answer.absorbs, event))
        given[entry.identity_key] = event
    return {key: survivor_of(event, survivors) for key, event in given.items()}


def decided(rows: Sequence[Row], settings: DedupSettings, models: Sequence[Model]) -> list[bool]:
    """Whether each pair is of one event, each judged by the model of its fold."""
    sides = [prints_of([entry_of({"lang": r["lang"], **r[k]}) for r in rows], settings) for k in "ab"]  # type: ignore[dict-item]
    found = zip(*sides, pair_folds(rows), strict=True)
    return [is_same(compared(one, other, model=models[fold]), settings) for one, other, fold in found]


def parts(rows: Sequence[Row], name: str) -> dict[str, dict[str, str]]:
    """The true cluster of each row of a set, of og2021 by language."""
    if name != "og2021_multi":
        return {name: {str(r["id"]): str(r["cluster"]) for r in rows}}
    return {
        f"og2021 {lang}": {str(r["id"]): str(r["cluster"]) for r in rows if r["lang"] == lang} for lang in LANGUAGES
    }


def standard_error(truth: Mapping[str, str], predicted: Mapping[str, str], *, rounds: int = 500) -> float:
    """Of B-cubed F1, by drawing the true clusters anew, `rounds` times."""
    cells = Counter((cluster, predicted[row]) for row, cluster in truth.items())
    true = Counter(truth.values())
    found = Counter(predicted[row] for row in truth)
    number = {cluster: i for i, cluster in enumerate(true)}
    sums = np.zeros((len(true), 3))  # of precision, of recall, and entries
    for (cluster, event), n in cells.items():
        sums[number[cluster]] += n * n / found[event], n * n / true[cluster], n
    drawn = np.random.default_rng(1).multinomial(len(true), np.full(len(true), 1 / len(true)), size=rounds) @ sums
    precision, recall = drawn[:, 0] / drawn[:, 2], drawn[:, 1] / drawn[:, 2]
    return float(np.std(2 * precision * recall / (precision + recall)))


def cluster_report(
    shared: Path, names: Sequence[str], folds: Path | None, settings: DedupSettings, *, leave_out: bool
) -> None:
    """One line for each part: B-cubed precision, recall, F1 of ours with its standard error, F1 of the rivals.

    A set of several languages is told by language; below the mean, it is told as one, with events across languages.
    """
    _head("B-cubed")
    lines: list[list[float]] = []
    joint: dict[str, list[float]] = {}
    for name in names:
        rows = rows_of(shared, name)
        model_of = chooser(folds, name, leave_out)
        ours = cross_validated(rows, settings, model_of) if model_of else dict(backtest(rows, settings).events)
        others = [clusters(rows, rival) for rival in RIVALS]
        for part, truth in parts(rows, name).items():
            lines.append(_numbers(truth, ours, others))
            _line(part, lines[-1])
        if len({r["lang"] for r in rows}) > 1:
            truth = {str(r["id"]): str(r["cluster"]) for r in rows}
            joint[f"{name[:6]} as one"] = _numbers(truth, ours, others)
    mean = [float(x) for x in np.mean(lines, axis=0)]
    mean[3] = float(np.linalg.norm([line[3] for line in lines])) / len(lines)
    _line("mean", mean)
    for part, numbers in joint.items():
        _line(part, numbers)


def _numbers(truth: Mapping[str, str], ours: Mapping[str, str], others: Sequence[Mapping[str, str]]) -> list[float]:
    q, *theirs = (scores.clustering(truth, found).b_cubed for found in (ours, *others))
    return [q.precision, q.recall, q.f1, standard_error(truth, ours), *(score.f1 for score in theirs)]


def _head(name: str) -> None:
    rivals = "  ".join(f"{rival.name:>16}" for rival in RIVALS)
    print(f"{name:14} {'precision':>9} {'recall':>7} {'F1':>6} {'±':>5}   {rivals}")


def _line(part: str, numbers: Sequence[float]) -> None:
    p, r, f, error, *others = numbers
    print(f"{part:14} {p:9.3f} {r:7.3f} {f:6.3f} {error:5.3f}   " + "  ".join(f"{x:16.3f}" for x in others), flush=True)


def pair_report(shared: Path, folds: Path | None, settings: DedupSettings) -> None:
    """Pair F1 of ours, cross-validated where folds are given, and of the rivals."""
    print()
    _head("pairs")
    for name in PAIRS:
        rows = rows_of(shared, name)
        truth = [bool(row["same"]) for row in rows]
        models = [load(folds / f"fold{i}.npz") for i in range(FOLDS)] if folds else []
        ours = decided(rows, settings, models) if models else pair_test(rows, settings).decisions
        quality = scores.pairs(truth, ours)
        theirs = [scores.pairs(truth, decisions(rows, rival)).f1 for rival in RIVALS]
        _line(name, [quality.precision, quality.recall, quality.f1, pairs_error(truth, ours), *theirs])


def pairs_error(truth: Sequence[bool], ours: Sequence[bool], *, rounds: int = 500) -> float:
    """The standard error of a pair F1, by drawing the pairs anew, `rounds` times."""
    same, said = np.array(truth), np.array(ours)
    drawn = np.random.default_rng(1).integers(0, len(same), (rounds, len(same)))
    both = (same & said)[drawn].sum(1)
    return float(np.std(2 * both / (same[drawn].sum(1) + said[drawn].sum(1))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--folds", type=Path)
    parser.add_argument("--leave-out", action="store_true")
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--meaning", action="store_true", help="with `[dedup] meaning` on; needs the extra")
    asked = parser.parse_args()
    settings = DedupSettings(meaning=asked.meaning)
    cluster_report(asked.shared, asked.sets, asked.folds, settings, leave_out=asked.leave_out)
    if set(asked.sets) == set(SETS):
        pair_report(asked.shared, asked.folds, settings)


if __name__ == "__main__":
    main()
