"""Learns what aggregator/dedup ships: `prior.npz` (how common words are) and `weights.npz` (the pair forest).

    python -m tests.bench.train [--shared ../shared] [--folds DIR]

It reads the labelled sets `*.dev*` and, for the prior, the texts of the corpus; needs scikit-learn, which the program
itself does not. Only numbers are kept: token hashes with shares, and trees. `--folds` writes the models of a four-fold
cross-validation by cluster too, and those that leave one set out, for tests/bench/quality.py.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import tarfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import feedparser
import numpy as np
from numpy.typing import NDArray

from aggregator.dedup.assign import CANDIDATES
from aggregator.dedup.backtest import entries, entry_of, event_id
from aggregator.dedup.features import NAMES, SLOW, features, weighed
from aggregator.dedup.fingerprint import Fingerprint, fingerprint
from aggregator.dedup.frequency import Frequency
from aggregator.dedup.index import Index, evidence
from aggregator.dedup.rows import FIRST, row_array
from aggregator.dedup.words import cleaned, words
from aggregator.model import DedupSettings
from tests.bench.lookalikes import pairs as lookalikes

PACKAGE = Path(__file__).resolve().parents[2] / "aggregator" / "dedup"
SHARED = Path(__file__).resolve().parents[2] / ".." / "shared"
FOLDS = 4
CLUSTERS = {
    "og2021_multi": 3.0, "allsides_en": 1.2, "ecbplus_en": 0.8, "basil_en": 0.3, "tw_day_zh": 0.3, "vimds_vi": 0.5,
    "uci_en": 0.25, "fr_day_silver": 0.25,
}  # fmt: skip
"""The weight of each clustered set in training: one of six languages counts 0.5; topics (uci) and silver labels little."""
PAIRS = {"sohu_event_zh": 0.8, "tgcontest_ruen": 0.25, "fin_pairs_en": 0.3}
LOOKALIKES = 0.9
RISING = (
    "letters", "letters_sorted", "letters_partial", "letters_set", "title_cosine", "title_jaccard", "all_cosine",
    "shingles_shared", "numbers_equal", "title_numbers_equal", "directions_agree",
)  # fmt: skip
FALLING = (
    "unmatched_least", "rarest_unmatched_least", "names_unmatched_least", "numbers_conflict", "labels_conflict",
    "title_numbers_conflict", "directions_conflict", "template",
)  # fmt: skip
"""Features that may only raise, or only lower, the score: common sense where the sets are too small to show it."""
CHINESE = {"huxiu", "ifeng", "infzm", "jiemian", "qqnews"}
Floats = NDArray[np.float32]
Text = tuple[str, str, str]


@dataclass(frozen=True)
class Table:
    """Pairs of one set: features, labels, and the fold of each side."""

    name: str
    features: Floats
    same: NDArray[np.bool_]
    weights: Floats
    fold_a: NDArray[np.intp]
    fold_b: NDArray[np.intp]


def rows_of(shared: Path, name: str) -> list[dict[str, object]]:
    """The rows of a labelled set."""
    (path,) = shared.joinpath("data").glob(f"{name}.dev*.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def fold_of(cluster: object) -> int:
    return zlib.crc32(str(cluster).encode()) % FOLDS


# --- the prior ------------------------------------------------------------------------------------------------


def texts(shared: Path) -> Iterator[Text]:
    """(language, title, text) of the labelled sets and the corpus."""
    for name in [*CLUSTERS, *PAIRS]:
        for found in rows_of(shared, name):
            yield from _sides(found)
    for path in sorted(shared.glob("corpus/polls/*.tar.xz")):
        with tarfile.open(path) as archive:
            members = [m for m in archive if m.isfile()]
            for member in members[:: max(1, len(members) // 25)]:
                opened = archive.extractfile(member)
                if opened:
                    yield from _feed(opened.read(), "zh" if path.name.partition(".")[0] in CHINESE else "en")
    for path in sorted(shared.glob("corpus/real/**/*")):
        if path.is_file() and path.stat().st_size < 400_000:
            yield from _feed(path.read_bytes(), None)


def _sides(found: dict[str, object]) -> Iterator[Text]:
    """The texts of a labelled row or pair; a set of two languages is told apart by its letters."""
    for side in (found["a"], found["b"]) if "a" in found else (found,):
        title, text = str(side.get("title") or ""), str(side.get("text") or "")  # type: ignore[attr-defined]
        lang = str(found["lang"])
        yield ("ru" if re.search("[а-я]", title + text) else lang if lang != "ru" else "en"), title, text


def _feed(body: bytes, lang: str | None) -> Iterator[Text]:
    parsed = feedparser.parse(io.BytesIO(body))
    stated = lang or str(parsed.feed.get("language") or "")[:2].lower()
    for item in parsed.entries:
        title, text = (re.sub(r"<[^>]*>", " ", item.get(key) or "") for key in ("title", "summary"))
        chinese = re.search("[\u4e00-\u9fff]", title) and not re.search("[\u3040-\u30ff]", title)
        if stated or chinese:
            yield "zh" if chinese else stated, title, text


def prior(found: Iterable[Text]) -> dict[str, NDArray[np.generic]]:
    """For languages of 90 texts or more: the tokens in at least 5 (and 0.04 %), at most 5,000, and their shares."""
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    totals: Counter[str] = Counter()
    seen: set[tuple[str, str]] = set()
    for lang, title, text in found:
        if (title, text[:50]) in seen:
            continue
        seen.add((title, text[:50]))
        totals[lang] += 1
        held = words(cleaned(title, lang=lang), lang=lang, limit=28)
        held += words(cleaned(text[:1000], lang=lang), lang=lang, limit=120)
        counts[lang].update({word.token for word in held})
    out: dict[str, NDArray[np.generic]] = {}
    for lang, total in sorted(totals.items()):
        if total < 90:
            continue
        common = [(t, n) for t, n in counts[lang].most_common(5000) if n >= max(5, total * 0.0004)]
        shares = np.array([n for _, n in common]) / total
        out[f"{lang}_tokens"] = np.array([t for t, _ in common], np.uint32)
        out[f"{lang}_shares"] = np.clip(np.round(-16 * np.log2(shares)), 0, 255).astype(np.uint8)
    return out


# --- the pairs ------------------------------------------------------------------------------------------------


def cluster_table(shared: Path, name: str) -> Table:
    """Every entry of a set against the candidates the index would give it, in stream order."""
    rows = rows_of(shared, name)
    prints = [fingerprint(entry) for entry in entries(rows)]
    index = Index(DedupSettings())
    found: list[Floats] = []
    a: list[int] = []
    b: list[int] = []
    weights: list[float] = []
    for i, one in enumerate(prints):
        mine = row_array([one])
        found_by = evidence(mine, index.frequency)
        (near,) = index.candidates(found_by, limit=CANDIDATES)
        slots = [slot for slot in near if _is_near(one, prints[slot - FIRST])]
        if slots:
            query = weighed(mine, index.frequency)
            others = weighed(index.rows.many(np.array(slots)), index.frequency)
            found.append(features(query, np.zeros(len(slots), np.intp), others))
            a += [i] * len(slots)
            b += [slot - FIRST for slot in slots]
            weights += [len(slots) ** -0.5] * len(slots)
        index.settle(index.post(mine, found_by), event_id(one.entry_id))
    folds = np.array([fold_of(r["cluster"]) for r in rows])
    same = np.array([rows[i]["cluster"] == rows[j]["cluster"] for i, j in zip(a, b, strict=True)])
    weight = np.array(weights, np.float32)
    return Table(name, np.concatenate(found), same, weight / weight.sum() * CLUSTERS[name], folds[a], folds[b])


def _is_near(a: Fingerprint, b: Fingerprint) -> bool:
    return abs(a.at - b.at) <= DedupSettings().window.total_seconds()


def pair_table(name: str, weight: float, found: Sequence[tuple[Fingerprint, Fingerprint, bool, int]]) -> Table:
    """Pairs judged alone, with the prior's rarities."""
    both = [weighed(row_array([pair[side] for pair in found]), Frequency()) for side in (0, 1)]
    table = features(both[0], np.arange(len(found)), both[1])
    folds = np.array([fold for *_, fold in found])
    same = np.array([same for _, _, same, _ in found])
    return Table(name, table, same, np.full(len(same), weight / len(same), np.float32), folds, folds)


def pair_folds(rows: Sequence[dict[str, object]]) -> list[int]:
    """The fold of each pair; pairs that share a report are in one."""
    parent: dict[str, str] = {}

    def root(x: str) -> str:
        while parent.setdefault(x, x) != x:
            x = parent[x]
        return x

    sides = [(dict(r["a"]), dict(r["b"])) for r in rows]  # type: ignore[call-overload]
    for a, b in sides:
        parent[root(str(a["id"]))] = root(str(b["id"]))
    return [fold_of(root(str(a["id"]))) for a, _ in sides]


def labelled_pairs(shared: Path, name: str) -> Table:
    """A set of labelled pairs."""
    rows = rows_of(shared, name)
    found = []
    for r, fold in zip(rows, pair_folds(rows), strict=True):
        one, other = (fingerprint(entry_of({"lang": r["lang"], **r[side]})) for side in "ab")  # type: ignore[dict-item]
        found.append((one, other, bool(r["same"]), fold))
    return pair_table(name, PAIRS[name], found)


def lookalike_table() -> Table:
    """Made-up pairs, in no time and without bodies."""
    found = []
    for i, (lang, a, b, same) in enumerate(lookalikes(seed=7, rounds=120)):
        one, other = (
            fingerprint(entry_of({"id": f"{i}{k}", "lang": lang, "title": t})) for k, t in (("a", a), ("b", b))
        )
        found.append((one, other, same, -1))
    return pair_table("lookalikes", LOOKALIKES, found)


# --- the forest -----------------------------------------------------------------------------------------------


def model(tables: Sequence[Table], *, without_fold: int | None = None) -> dict[str, NDArray[np.generic]]:
    """The arrays of a `trees.Model`, learned from pairs no side of which is in the fold left out.

    The pair forest has 250 trees of 24 leaves: on four folds oblivious trees (90 of depth 5) had average precision 0.81 against 0.82 on
    og2021 and 0.64 against 0.67 on allsides, logistic loss in sum 9 % more.
    """
    kept = [(t.fold_a != without_fold) & (t.fold_b != without_fold) for t in tables]
    x = np.concatenate([t.features[k] for t, k in zip(tables, kept, strict=True)])
    y = np.concatenate([t.same[k] for t, k in zip(tables, kept, strict=True)])
    w = np.concatenate([t.weights[k] for t, k in zip(tables, kept, strict=True)])
    found = _forest("pair", x, y, w, max_iter=250, learning_rate=0.06, max_leaf_nodes=24, max_depth=7, max_features=0.4)
    found["usual"] = np.median(x[~y], 0)
    x[:, SLOW] = -1
    return found | _forest("gate", x, y, w, max_iter=24, learning_rate=0.2, max_leaf_nodes=12, max_depth=5)


def _forest(
    name: str, x: Floats, y: NDArray[np.bool_], w: NDArray[np.float32], **shape: float
) -> dict[str, NDArray[np.generic]]:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        l2_regularization=20, early_stopping=False, random_state=1,
        monotonic_cst=[(name in RISING) - (name in FALLING) for name in NAMES], **shape,
    ).fit(x, y, w / w.mean())  # fmt: skip
    return {f"{name}_{key}": value for key, value in _arrays(model).items()}


def _arrays(model: object) -> dict[str, NDArray[np.generic]]:
    """All trees as one: a leaf is its own child."""
    parts: dict[str, list[NDArray[np.generic]]] = defaultdict(list)
    depth = start = 0
    roots = []
    for (predictor,) in model._predictors:  # type: ignore[attr-defined]
        nodes = predictor.nodes
        leaf, itself = nodes["is_leaf"].astype(bool), np.arange(len(nodes))
        parts["columns"].append(np.where(leaf, 0, nodes["feature_idx"]).astype(np.uint8))
        parts["thresholds"].append(np.where(leaf, np.inf, nodes["num_threshold"]).astype(np.float32))
        parts["values"].append(np.where(leaf, nodes["value"], 0).astype(np.float32))
        children = [np.where(leaf, itself, nodes[side]) + start for side in ("left", "right")]
        parts["children"].append(np.stack(children, 1).astype(np.uint16))
        roots.append(start)
        start += len(nodes)
        depth = max(depth, int(nodes["depth"].max()))
    out = {key: np.concatenate(value) for key, value in parts.items()}
    bias = np.float32(model._baseline_prediction.ravel()[0])  # type: ignore[attr-defined]
    return out | {"roots": np.array(roots, np.uint16), "depth": np.uint8(depth), "bias": bias}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--folds", type=Path, help="also write the models of a cross-validation here")
    parser.add_argument("--keep-prior", action="store_true", help="learn the forest only")
    asked = parser.parse_args()
    if not asked.keep_prior:
        np.savez_compressed(PACKAGE / "prior.npz", **prior(texts(asked.shared)))
    tables = [cluster_table(asked.shared, name) for name in CLUSTERS]
    tables += [labelled_pairs(asked.shared, name) for name in PAIRS]
    tables.append(lookalike_table())
    for table in tables:
        print(f"{table.name:16} {len(table.same):7} pairs, {int(table.same.sum()):6} of one event", flush=True)
    np.savez_compressed(PACKAGE / "weights.npz", **model(tables))
    print("weights written", flush=True)
    if asked.folds:
        asked.folds.mkdir(parents=True, exist_ok=True)
        for fold in range(FOLDS):
            np.savez_compressed(asked.folds / f"fold{fold}.npz", **model(tables, without_fold=fold))
            print(f"fold {fold} written", flush=True)
        for name in CLUSTERS:
            rest = [t for t in tables if t.name != name]
            np.savez_compressed(asked.folds / f"without_{name}.npz", **model(rest))


if __name__ == "__main__":
    main()
