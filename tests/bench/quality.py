"""Prints how good the matching is on the labelled sets, beside other programs' rules in the same run.

    python -m tests.bench.quality [--shared ../shared] [--folds DIR] [--leave-out] [--meaning] [--sets NAME…]

With `--folds` (made by `tests.bench.train --folds`) every entry is judged by a model that saw no entry of its cluster:
the figures to believe. With `--leave-out` too, by a model that never saw the set. Without, by the shipped model, which
was learned on these sets.

± is the standard error of F1 (see `chance`): how far it would lie off with other events of the same kind.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from aggregator.dedup import learned, scores
from aggregator.dedup.assign import assign
from aggregator.dedup.backtest import (
    backtest,
    entries,
    entry_of,
    event_id,
    pair_test,
    survivor_of,
)
from aggregator.dedup.index import Index
from aggregator.dedup.learned import model_from
from aggregator.dedup.meaning import prints_of
from aggregator.dedup.similarity import compared, is_same
from aggregator.dedup.trees import Model
from aggregator.model import DedupSettings
from tests.bench.chance import Draws, b_cubed_draws, error_of_mean, pair_draws
from tests.bench.rivals import RIVALS, clusters, decisions
from tests.bench.train import FOLDS, SHARED, fold_of, pair_folds, pair_units, rows_of

SETS = (
    "og2021_multi",
    "allsides_en",
    "ecbplus_en",
    "basil_en",
    "tw_day_zh",
    "vimds_vi",
)
LANGUAGES = ("en", "pt", "es", "fr", "ru", "de")
PAIRS = ("sohu_event_zh", "tgcontest_ruen", "fin_pairs_en")
Row = dict[str, object]


@dataclass(frozen=True)
class Line:
    """Of one part: our score, F1 (of the mean line the mean of all) with its standard error, and the rivals' F1."""

    name: str
    ours: scores.Score
    f1: float
    error: float
    theirs: tuple[float, ...]


def load(path: Path) -> Model:
    """The forests of a file, with the shipped weights of an event's pairs."""
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
        return model_from({"joining": np.array(learned.model().joining), **archive})


def chooser(
    folds: Path | None, name: str, leave_out: bool
) -> Callable[[Row], Model] | None:
    """Which model judges a row: None for the shipped one."""
    if folds is None:
        return None
    if leave_out:
        alone = load(folds / f"without_{name}.npz")
        return lambda _: alone
    models = [load(folds / f"fold{i}.npz") for i in range(FOLDS)]
    return lambda row: models[fold_of(row["cluster"])]


def cross_validated(
    rows: Sequence[Row], settings: DedupSettings, model_of: Callable[[Row], Model]
) -> dict[str, str]:
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


def decided(
    rows: Sequence[Row], settings: DedupSettings, models: Sequence[Model]
) -> list[bool]:
    """Whether each pair is of one event, each judged by the model of its fold."""
    sides = [
        prints_of([entry_of({"lang": r["lang"], **r[k]}) for r in rows], settings)
        for k in "ab"
    ]  # type: ignore[dict-item]
    found = zip(*sides, pair_folds(rows), strict=True)
    return [
        is_same(compared(one, other, model=models[fold]), settings)
        for one, other, fold in found
    ]


def parts(rows: Sequence[Row], name: str) -> dict[str, dict[str, str]]:
    """The true cluster of each row of a set, of og2021 by language."""
    if name != "og2021_multi":
        return {name: truth_of(rows)}
    return {
        f"og2021 {lang}": truth_of([row for row in rows if row["lang"] == lang])
        for lang in LANGUAGES
    }


def truth_of(rows: Sequence[Row]) -> dict[str, str]:
    """The true cluster of each row."""
    return {str(row["id"]): str(row["cluster"]) for row in rows}


def cluster_report(
    shared: Path,
    names: Sequence[str],
    folds: Path | None,
    settings: DedupSettings,
    *,
    leave_out: bool,
) -> None:
    """One line for each part: B-cubed precision, recall, F1 of ours with its standard error, F1 of the rivals.

    A set of several languages is told by language; below the mean, it is told as one, with events across languages.
    """
    _head("B-cubed")
    lines: list[Line] = []
    draws: list[Draws] = []
    joint: list[Line] = []
    for name in names:
        rows = rows_of(shared, name)
        model_of = chooser(folds, name, leave_out)
        ours = (
            cross_validated(rows, settings, model_of)
            if model_of
            else dict(backtest(rows, settings).events)
        )
        others = [clusters(rows, rival) for rival in RIVALS]
        found = parts(rows, name)
        draws.append(b_cubed_draws(found.values(), ours))
        for (part, truth), drawn in zip(found.items(), draws[-1], strict=True):
            lines.append(_line_of(part, truth, ours, others, drawn))
            _print(lines[-1])
        if len({r["lang"] for r in rows}) > 1:
            truth = truth_of(rows)
            joint.append(
                _line_of(
                    f"{name[:6]} as one",
                    truth,
                    ours,
                    others,
                    b_cubed_draws([truth], ours)[0],
                )
            )
    quality = scores.Score(
        *(
            fmean(getattr(line.ours, side) for line in lines)
            for side in ("precision", "recall")
        )
    )
    theirs = tuple(
        fmean(column) for column in zip(*(line.theirs for line in lines), strict=True)
    )
    _print(
        Line(
            "mean",
            quality,
            fmean(line.f1 for line in lines),
            error_of_mean(draws),
            theirs,
        )
    )
    for line in joint:
        _print(line)


def _line_of(
    name: str,
    truth: Mapping[str, str],
    ours: Mapping[str, str],
    others: Sequence[Mapping[str, str]],
    drawn: Draws,
) -> Line:
    mine, *theirs = (
        scores.clustering(truth, found).b_cubed for found in (ours, *others)
    )
    return Line(
        name, mine, mine.f1, float(drawn.std()), tuple(score.f1 for score in theirs)
    )


def _print(line: Line) -> None:
    rivals = "  ".join(f"{f1:16.3f}" for f1 in line.theirs)
    numbers = f"{line.ours.precision:9.3f} {line.ours.recall:7.3f} {line.f1:6.3f} {line.error:5.3f}"
    print(f"{line.name:14} {numbers}   {rivals}", flush=True)


def _head(name: str) -> None:
    rivals = "  ".join(f"{rival.name:>16}" for rival in RIVALS)
    print(f"{name:14} {'precision':>9} {'recall':>7} {'F1':>6} {'±':>5}   {rivals}")


def pair_report(shared: Path, folds: Path | None, settings: DedupSettings) -> None:
    """Pair F1 of ours, cross-validated where folds are given, and of the rivals."""
    print()
    _head("pairs")
    for name in PAIRS:
        rows = rows_of(shared, name)
        truth = [bool(row["same"]) for row in rows]
        models = [load(folds / f"fold{i}.npz") for i in range(FOLDS)] if folds else []
        ours = (
            decided(rows, settings, models)
            if models
            else pair_test(rows, settings).decisions
        )
        quality = scores.pairs(truth, ours)
        theirs = [scores.pairs(truth, decisions(rows, rival)).f1 for rival in RIVALS]
        error = float(pair_draws(truth, ours, pair_units(rows)).std())
        _print(Line(name, quality, quality.f1, error, tuple(theirs)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--folds", type=Path)
    parser.add_argument("--leave-out", action="store_true")
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument(
        "--meaning",
        action="store_true",
        help="with `[dedup] meaning` on; needs the extra",
    )
    asked = parser.parse_args()
    settings = DedupSettings(meaning=asked.meaning)
    cluster_report(
        asked.shared, asked.sets, asked.folds, settings, leave_out=asked.leave_out
    )
    if set(asked.sets) == set(SETS):
        pair_report(asked.shared, asked.folds, settings)


if __name__ == "__main__":
    main()
