"""Learns what aggregator/dedup ships: `prior.npz` (how common words are) and `weights.npz` (the forests that judge
pairs).

    python -m tests.bench.train [--shared ../shared] [--keep-prior] --meant FILE... [--folds DIR] [--leave-out]
    python -m tests.bench.train --gate --meant FILE...

It reads the labelled sets `*.dev*` and, for the prior, the texts of the corpus; needs the extra `meaning`
and scikit-learn, which the program itself does not. Only numbers are kept: token hashes with shares, and trees.
The forest for meanings must not learn from what the encoder has seen. So it learns from the families and sets that the
encoder that ships was not tuned on, and from those that it was by the eyes of one that is tuned on half of their folds;
that one in a checkout of its own:

    python -m tests.bench.tune --folds 0 1 && python -m tests.bench.pair_head && python -m tests.bench.train --keep-prior --tables half.npz
    python -m tests.bench.train --tables rest.npz
    python -m tests.bench.train --keep-prior --meant half.npz rest.npz

`--folds` writes the models of a four-fold cross-validation by cluster too, `--leave-out` those that leave one set out,
for tests/bench/quality.py.
"""

from __future__ import annotations

import argparse
import calendar
import io
import json
import random
import re
import tarfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import feedparser
import numpy as np
from numpy.typing import NDArray

from aggregator.dedup import learned
from aggregator.dedup.assign import candidates
from aggregator.dedup.backtest import entries, entry_of, event_id
from aggregator.dedup.features import INDEX, MEANINGS, NAMES, SLOW, counted, features
from aggregator.dedup.fingerprint import Fingerprint, is_capital_inside, is_title_case
from aggregator.dedup.frequency import Frequency
from aggregator.dedup.index import Index, evidence
from aggregator.dedup.meaning import prints_of
from aggregator.dedup.rows import MEANT_ROW, row_array
from aggregator.dedup.trees import Forest
from aggregator.dedup.words import cleaned, words
from aggregator.model import DedupSettings, Entry
from tests.bench import SHARED, states
from tests.bench.bilingual import Told
from tests.bench.bilingual import pairs as bilingual
from tests.bench.chance import groups
from tests.bench.lookalikes import pairs as lookalikes
from tests.bench.outlets import OUTLETS, common_day
from tests.bench.outlets import rows_of as rows_of_outlet

PACKAGE = Path(__file__).resolve().parents[2] / "aggregator" / "dedup"
FOLDS = 4
CLUSTERS = {
    "og2021_multi": 3.0, "allsides_en": 1.2, "ecbplus_en": 0.8, "basil_en": 0.3, "tw_day_zh": 0.3, "vimds_vi": 0.5,
    "uci_en": 0.15, "fr_day_silver": 0.25,
}  # fmt: skip
"""The weight of each clustered set in training: one of six languages counts 0.5; topics (uci) and silver labels little."""
PAIRS = {"sohu_event_zh": 0.8, "tgcontest_ruen": 0.25, "fin_pairs_en": 0.3}
STRANGERS = {"strangers": 12.0, "strangers' titles": 12.0, "strangers untold": 4.0}
"""Real reports of days far apart told as of one day: what most candidates of a stream are, while of the families that
stand in one most tell one event or are siblings. Without them 584 reports of one day of ten outlets became 340 events, most joined
pairs of two outlets wrong by eye; with a weight of 5 and 12 there were 459 and 470 (tests/bench/outlets.py --meaning)."""
STREAMS, OF_A_STREAM, OF_A_FEED = 4, 600, 12
"""Streams of a language, reports of one, as many as ten outlets have in a day, and those of each real feed."""
FAR = timedelta(days=5)
FAMILY_STATES = {"alone": 0.3, "untold": 0.7, "titles": 2.1, "new": 12.0, "known": 12.0}
"""The weight of the families of tests/bench/families in each state: each pair alone, as it is, without what is known of time and
publisher, and without leads; in a stream, by publishers that are new to it and by those of the background. Chosen by a look at
../shared/data/families.dev.jsonl: with a third of the weight of the streams B-cubed F1 was lower by 0.01 at the same precision."""
FRESH_STATES, FRESH_SHARE = ("families new", "families known"), 0.84
"""The states in which the `states.FRESH` families are learned from, and their weight beside the others', about as many reports as
they have: their retellings hardly share a word, so that a pair alone, or its titles, says nothing. With all states 10 of 60
look-alikes of ../shared/cases/matching/pairs.jsonl merged and 20 of 34 retellings were found, with these 6 and 20 (measured at 0.42, when they were half as many)."""
BACKGROUND_OF_A_SET = 3000
TUNED_CLUSTERS = ("og2021_multi",)
"""The sets that the encoder is tuned on (tests/bench/tune.py), beside the families that are not held back."""
LOOKALIKES = 1.125
"""Chosen by the traps (tests/dedup/traps): with 0.9, 1.1 and 1.35 one of 116 is wrong in words, with this none. What tells of the
quality is the cross-validation."""
LOOKALIKES_TIMED = 2.8
"""With a weight of 0, 1.1 and 2.8, and the families' titles alone thrice as heavy in the last, 10 to 11, 6 to 8 and 2 to 7 of
79 traps merged in five states of a stream with meanings (tests/bench/pair_states.py), and of
../shared/cases/matching/pairs.jsonl 9, 7 and 6 of 60, while 32, 29 and 27 of 34 retellings were found."""
BILINGUAL = 1.0
RETOLD = 0.2
"""Cosine of all words below which a publisher's reports of one event are in other words (a guess)."""
WITH_MEANINGS = {
    "lookalikes": 2.0,
    "lookalikes timed": 2.0,
    "sohu_event_zh": 2.5,
    "tgcontest_ruen": 2.0,
    "bilingual": 2.5,
    "families titles": 1.5,
}
"""How much more these weigh in learning with meanings: look-alikes lie near one another, so that more of them are needed
("Apple | Google posts record Q2" was one event without), and sohu's labels are mostly about meaning. Against none of this, and
no bilingual pairs: English–Russian reports joined 11 of 12 instead of 3, B-cubed F1 0.851 instead of 0.853. With bilingual pairs
2.5 and families' titles 1.5 times as heavy none of 496 pairs of two events in two languages joined, instead of 1."""
BY_WORDS = {
    "strangers": 0.4,
    "strangers' titles": 0.4,
    "strangers untold": 0.6,
    "lookalikes": 3.75,
    "lookalikes timed": 2.5,
    "families titles": 2.0,
}
"""How much more these weigh in learning by words alone: vectors of words tell most strangers apart by themselves, so that fewer
are needed, and nothing but more look-alikes tells these apart. With none of this recall on ../shared/data/families.dev.jsonl was
0.71 at a precision of 0.973, with it 0.76 at 0.968, when that was tried; 10 to 12 and 5 to 8 of 79 traps merged in five states.
With families' titles as heavy as with meanings 15 to 17 of 34 retellings of ../shared/cases/matching/pairs.jsonl were found,
with twice that 17 to 19."""
RISING = (
    "letters", "letters_sorted", "title_cosine", "title_jaccard", "all_cosine",
    "shingles_shared", "numbers_equal", "title_numbers_equal", "directions_agree", "meaning", "meaning_title", "meaning_pair", "aligned", "places_agree",
)  # fmt: skip
FALLING = (
    "unmatched_least", "rarest_unmatched_least", "names_unmatched_least", "numbers_conflict", "labels_conflict",
    "title_numbers_conflict", "directions_conflict", "template", "slot_rarest_least", "slot_weight_least", "slot_names_least",
    "slot_told_rarest_least", "slot_told_weight_least", "slot_told_names_least",
    "places_apart", "places_untold", "slot_places_apart",
)  # fmt: skip
"""Features that may only raise, or only lower, the score: common sense where the sets are too small to show it."""
CHINESE = {"huxiu", "ifeng", "infzm", "jiemian", "qqnews"}
LEAN = {"meant": 1.4, "pair": 0.95}
"""Log-odds added to each forest, so that what is likelier than not is near 0 in both: look-alikes and strangers weigh more than
in the streams they stand for, so that the forests say too little for retellings. Chosen with `similarity.JOIN` by a look at
../shared/data/families.dev.jsonl, ../shared/cases/matching/pairs.jsonl and tests/bench/outlets.py. With 1.15 and 0.95 for
"pair" 12 and 10 of 137 pairs of sibling events of families.dev share an event, and 1,132 and 1,097 of 1,413 pairs of
reports of one event are found."""
FORETOLD = (-5.0, 1.5)
"""Log-odds between which the gate learns to foretell the forests: what is likelier is judged by them, and beyond the lower
bound all is alike."""
Floats = NDArray[np.float32]
Text = tuple[str, str, str]
LEAST_OF_A_LANGUAGE = 90
"""Texts from which on a language has a prior (a guess)."""
LEAST_TEXTS, LEAST_SHARE, MOST_COMMON = 5, 0.0004, 5000
"""Texts, and the share of all, that a token of the prior stands in, and the most tokens of a language (guesses)."""


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
                    yield from _feed(
                        opened.read(),
                        "zh" if path.name.partition(".")[0] in CHINESE else "en",
                    )
    for path in sorted(shared.glob("corpus/real/**/*")):
        if path.is_file() and path.stat().st_size < 400_000:
            yield from _feed(path.read_bytes(), None)


def _sides(found: dict[str, object]) -> Iterator[Text]:
    """The texts of a labelled row or pair; a set of two languages is told apart by its letters."""
    for side in (found["a"], found["b"]) if "a" in found else (found,):
        title, text = str(side.get("title") or ""), str(side.get("text") or "")  # type: ignore[attr-defined]
        lang = str(found["lang"])
        yield (
            (
                "ru"
                if re.search("[а-я]", title + text)
                else lang
                if lang != "ru"
                else "en"
            ),
            title,
            text,
        )


def _feed(body: bytes, lang: str | None) -> Iterator[Text]:
    parsed = feedparser.parse(io.BytesIO(body))
    stated = lang or str(parsed.feed.get("language") or "")[:2].lower()
    for item in parsed.entries:
        title, text = (
            re.sub(r"<[^>]*>", " ", item.get(key) or "") for key in ("title", "summary")
        )
        chinese = re.search("[\u4e00-\u9fff]", title) and not re.search(
            "[\u3040-\u30ff]", title
        )
        if stated or chinese:
            yield "zh" if chinese else stated, title, text


def prior(
    found: Iterable[Text], families: Iterable[states.Row] = ()
) -> dict[str, NDArray[np.generic]]:
    """For languages of 90 texts or more: the tokens in at least 5 (and 0.04 %), at most 5,000, their shares, and which of
    them are written with a capital inside a sentence, 3 times at least and 4 times as often as without: names.

    Of families a token must stand in 5: the name that a family is about is rare, however many reports have it.
    """
    of_language: dict[str, TokenCounts] = defaultdict(TokenCounts)
    for (lang, title, text), of in each_once(found, families):
        # As `Frequency` does, which knows Chinese and no Hong Kong.
        lang = lang.partition("-")[0]
        of_language[lang].add(lang, title, text, of)
    out: dict[str, NDArray[np.generic]] = {}
    for lang, counts in sorted(of_language.items()):
        if counts.texts < LEAST_OF_A_LANGUAGE:
            continue
        for name, array in counts.arrays().items():
            out[f"{lang}_{name}"] = array
    # Every noun has a capital there.
    out.pop("de_names", None)
    return out


def each_once(
    found: Iterable[Text], families: Iterable[states.Row]
) -> Iterator[tuple[Text, object]]:
    """Texts, each once, beside what they are of: those of one family are of one thing."""
    seen: set[tuple[str, str]] = set()
    for text in found:
        if (text[1], text[2][:50]) not in seen:
            seen.add((text[1], text[2][:50]))
            yield text, text
    for row in families:
        told = str(row["lang"]), str(row["title"]), str(row["text"] or "")
        yield told, row["family"]


class TokenCounts:
    """How many texts of one language a token stands in, and how it is written."""

    def __init__(self) -> None:
        self.texts = 0
        self._counts: Counter[int] = Counter()
        self._of: dict[int, set[object]] = defaultdict(set)
        self._capitals: Counter[int] = Counter()
        self._smalls: Counter[int] = Counter()

    def add(self, lang: str, title: str, text: str, of: object) -> None:
        """Count a text; those `of` one thing count once where a token must stand in several."""
        self.texts += 1
        title, text = cleaned(title, lang=lang), cleaned(text[:1000], lang=lang)
        head, body = (
            words(title, lang=lang, limit=28),
            words(text, lang=lang, limit=120),
        )
        for token in {word.token for word in (*head, *body)}:
            self._counts[token] += 1
            # More than are asked for need not be kept.
            if len(self._of[token]) < LEAST_TEXTS:
                self._of[token].add(of)
        self._smalls.update(
            word.token for word in (*head, *body) if word.surface[0].islower()
        )
        self._capitals.update(
            word.token for word in body if is_capital_inside(word, text)
        )
        if not is_title_case([word.surface for word in head]):
            self._capitals.update(
                word.token for word in head[1:] if word.surface[0].isupper()
            )

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The tokens, their shares as `learned.prior` reads them, and which are names."""
        least = max(LEAST_TEXTS, self.texts * LEAST_SHARE)
        common = [
            (token, count)
            for token, count in self._counts.most_common(MOST_COMMON)
            if count >= least and len(self._of[token]) >= LEAST_TEXTS
        ]
        shares = np.array([count for _, count in common]) / self.texts
        levels = np.clip(np.round(-16 * np.log2(shares)), 0, 255)
        names = [
            self._capitals[token] >= max(3, 4 * self._smalls[token])
            for token, _ in common
        ]
        return {
            "tokens": np.array([token for token, _ in common], np.uint32),
            "shares": levels.astype(np.uint8),
            "names": np.packbits(np.array(names, np.bool_)),
        }


# --- the pairs ------------------------------------------------------------------------------------------------


def candidate_table(
    name: str,
    rows: Sequence[Mapping[str, object]],
    weight: float,
    settings: DedupSettings,
    *,
    before: Sequence[Mapping[str, object]] = (),
    is_told: Callable[[Mapping[str, object], Mapping[str, object]], bool] | None = None,
) -> Table:
    """Every entry against the candidates the index would give it, in stream order; rows without a cluster are of none.

    What came `before` is known of the stream, and is no candidate. `is_told` says of which pairs the truth is known; of
    all, where it is left out.
    """
    index = Index(settings)
    # Only the words of what came before are looked at: it is too old to be a candidate.
    known = prints_of(list(entries(before)), replace(settings, meaning=False))
    index.learn(
        row_array(known, index.rows.kind), [event_id(one.entry_id) for one in known]
    )
    prints = prints_of(list(entries(rows)), settings)
    first = index.rows.next
    found: list[Floats] = []
    a: list[int] = []
    b: list[int] = []
    weights: list[float] = []
    for i, one in enumerate(prints):
        mine = row_array([one], index.rows.kind)
        index.refresh()
        found_by = evidence(mine, index.frequency)
        (near,) = candidates(mine, found_by, index)
        slots = []
        for slot in near:
            if slot < first or not _is_near(one, prints[slot - first], index):
                continue
            if is_told is None or is_told(rows[i], rows[slot - first]):
                slots.append(slot)
        if slots:
            numbers = np.array(slots)
            others = index.counted(index.rows.many(numbers), numbers)
            found.append(
                features(index.counted(mine), np.zeros(len(slots), np.intp), others)
            )
            a += [i] * len(slots)
            b += [slot - first for slot in slots]
            weights += [len(slots) ** -0.5] * len(slots)
        index.settle(index.post(mine, found_by), event_id(one.entry_id))
    clusters = [r.get("cluster") for r in rows]
    folds = np.array(
        [
            -1 if cluster is None else fold_of(unit_of(row))
            for row, cluster in zip(rows, clusters, strict=True)
        ]
    )
    same = np.array(
        [clusters[i] == clusters[j] is not None for i, j in zip(a, b, strict=True)]
    )
    shares = np.array(weights, np.float32)
    return Table(
        name,
        np.concatenate(found),
        same,
        shares / shares.sum() * weight,
        folds[a],
        folds[b],
    )


def _is_near(one: Fingerprint, other: Fingerprint, index: Index) -> bool:
    return abs(one.at - other.at) <= index.window_seconds


def unit_of(row: Mapping[str, object]) -> object:
    """What is kept whole in a cross-validation: a family, or else a cluster."""
    return row.get("family") or row["cluster"]


def cluster_table(shared: Path, name: str, settings: DedupSettings) -> Table:
    """Every entry of a clustered set against its candidates."""
    return candidate_table(name, rows_of(shared, name), CLUSTERS[name], settings)


def pair_table(
    name: str,
    weight: float,
    sides: Sequence[Sequence[Fingerprint]],
    same: NDArray[np.bool_],
    folds: NDArray[np.intp],
) -> Table:
    """Pairs judged alone, with the prior's rarities."""
    one, other = (counted(row_array(side, MEANT_ROW), Frequency()) for side in sides)
    table = features(one, np.arange(len(same)), other)
    return Table(
        name,
        table,
        same,
        np.full(len(same), weight / len(same), np.float32),
        folds,
        folds,
    )


def pair_folds(rows: Sequence[dict[str, object]]) -> list[int]:
    """The fold of each pair; pairs that share a report are in one."""
    return [fold_of(unit) for unit in pair_units(rows)]


def pair_units(rows: Sequence[dict[str, object]]) -> list[str]:
    """For each pair a name of all pairs that hang together by shared reports."""
    ids = [(str(dict(r["a"])["id"]), str(dict(r["b"])["id"])) for r in rows]  # type: ignore[call-overload]
    unit = groups(ids)
    return [unit[one] for one, _ in ids]


def labelled_pairs(shared: Path, name: str, settings: DedupSettings) -> Table:
    """A set of labelled pairs."""
    rows = rows_of(shared, name)
    sides = [
        prints_of([entry_of({"lang": r["lang"], **r[k]}) for r in rows], settings)
        for k in "ab"
    ]  # type: ignore[dict-item]
    same = np.array([bool(r["same"]) for r in rows])
    return pair_table(name, PAIRS[name], sides, same, np.array(pair_folds(rows)))


def made_up_table(
    name: str,
    weight: float,
    made: Sequence[tuple[Told, Told, bool]],
    settings: DedupSettings,
    *,
    is_timed: bool = False,
) -> Table:
    """Made-up pairs without bodies: in no time, or told by two publishers within a day."""
    chance = random.Random(name)
    sides: list[list[Entry]] = [[], []]
    for number, (*told, _) in enumerate(made):
        hours = (0, chance.randrange(24))
        for side, (lang, title), hour in zip(sides, told, hours, strict=True):
            row = {"id": f"{number}", "lang": lang, "title": title}
            if is_timed:
                at = states.START + timedelta(hours=hour)
                source = "first" if side is sides[0] else "second"
                row |= {"published": at.isoformat(), "source": source}
            side.append(entry_of(row))
    same = np.array([is_same for *_, is_same in made])
    prints = [prints_of(side, settings) for side in sides]
    return pair_table(name, weight, prints, same, np.full(len(made), -1))


def family_tables(
    shared: Path, settings: DedupSettings, rows: Sequence[states.Row]
) -> list[Table]:
    """Families in each state of `FAMILY_STATES`."""
    before = states.background(list(real_reports(shared)), seed="background")
    known = states.publishers_of(before)
    untold = [{**row, "published": None, "source": "", "url": ""} for row in rows]
    titles = [{**row, "text": ""} for row in rows]
    streams = {
        "new": states.strewn(rows, seed="new"),
        "known": states.strewn(rows, seed="known", publishers=known),
    }
    found = [
        family_pairs("families alone", rows, FAMILY_STATES["alone"], settings),
        family_pairs("families untold", untold, FAMILY_STATES["untold"], settings),
        family_pairs("families titles", titles, FAMILY_STATES["titles"], settings),
    ]
    for state, stream in streams.items():
        found.append(
            candidate_table(
                f"families {state}",
                stream,
                FAMILY_STATES[state],
                settings,
                before=before,
            )
        )
    return found


def real_reports(shared: Path) -> Iterator[states.Row]:
    """Real reports, to know what is common in a stream."""
    for name in ("og2021_multi", "tw_day_zh", "vimds_vi", "uci_en"):
        for row in rows_of(shared, name)[:BACKGROUND_OF_A_SET]:
            yield {**row, "cluster": None}
    for name in ("sohu_event_zh", "tgcontest_ruen"):
        for row in rows_of(shared, name)[:BACKGROUND_OF_A_SET]:
            yield {"cluster": None, **dict(row["a"]), "lang": row["lang"]}  # type: ignore[call-overload]


def family_pairs(
    name: str, rows: Sequence[states.Row], weight: float, settings: DedupSettings
) -> Table:
    """Each two reports of a family, judged alone."""
    pairs = states.pairs_of(rows)
    sides = [
        prints_of([entry_of(pair[side]) for pair in pairs], settings) for side in (0, 1)
    ]
    same = np.array([one["cluster"] == other["cluster"] for one, other in pairs])
    return pair_table(
        name,
        weight,
        sides,
        same,
        np.array([fold_of(one["family"]) for one, _ in pairs]),
    )


def strangers(shared: Path, settings: DedupSettings) -> list[Table]:
    """Real reports of days far apart as of one day: no two of them tell of one event, however alike they are. With their
    texts, by their titles alone, and by these without time and publisher; English, Chinese, both together, and of feeds in
    many languages; none of the day that tests/bench/outlets.py shows."""
    chance = random.Random("strangers")
    shown = common_day(shared)
    reports: dict[str, list[dict[str, object]]] = {}
    for lang, outlets in (("en", OUTLETS), ("zh", sorted(CHINESE))):
        reports[lang] = []
        for outlet in outlets:
            for row in rows_of_outlet(shared, outlet, None):
                if day_of(row) != shown:
                    reports[lang].append({**row, "lang": lang, "day": day_of(row)})
        chance.shuffle(reports[lang])
    many = [row for row in reports_of_feeds(shared) if day_of(row) != shown]
    chance.shuffle(many)
    english, chinese = reports["en"], reports["zh"]
    half = OF_A_STREAM // 2
    streams: list[list[dict[str, object]]] = []
    for number in range(STREAMS):
        whole = slice(number * OF_A_STREAM, (number + 1) * OF_A_STREAM)
        part = slice(number * half, (number + 1) * half)
        streams += [english[whole], chinese[whole], english[part] + chinese[part]]
        streams.append(many[whole])
    tables: list[Table] = []
    for rows in streams:
        stream = as_of_one_day(rows, chance)
        titles = [{**row, "text": ""} for row in stream]
        untold = [{**row, "published": None, "source": "", "url": ""} for row in titles]
        tables.append(_of_two_events("strangers", stream, settings))
        tables.append(_of_two_events("strangers' titles", titles, settings))
        tables.append(_of_two_events("strangers untold", untold, settings))
    return _together(tables)


def reports_of_feeds(shared: Path) -> Iterator[dict[str, object]]:
    """The newest dated entries of each real feed that states its language."""
    for path in sorted(shared.glob("corpus/real/**/*")):
        if not path.is_file() or path.stat().st_size > 400_000:
            continue
        parsed = feedparser.parse(io.BytesIO(path.read_bytes()))
        lang = str(parsed.feed.get("language") or "")[:2].lower()
        dated = [item for item in parsed.entries if item.get("published_parsed")]
        for number, item in enumerate(dated[:OF_A_FEED] if lang else ()):
            at = datetime.fromtimestamp(calendar.timegm(item.published_parsed), UTC)
            text = re.sub(r"<[^>]*>", " ", str(item.get("summary") or ""))
            row = {"id": f"{path.name} {number}", "lang": lang, "text": text}
            row |= {"title": str(item.get("title") or ""), "source": path.name}
            url = f"https://{path.stem}.example/{number}"
            at_text = at.isoformat()
            yield {**row, "url": url, "published": at_text, "day": at_text[:10]}


def day_of(row: Mapping[str, object]) -> str:
    """The day on which a row was published, as YYYY-MM-DD."""
    return str(row["published"])[:10]


def as_of_one_day(
    rows: Sequence[Mapping[str, object]], chance: random.Random
) -> list[dict[str, object]]:
    """The reports at random moments of one day, in order."""
    moved: list[dict[str, object]] = []
    for row in rows:
        at = states.START + timedelta(seconds=chance.randrange(86_400))
        moved.append({**row, "published": at.isoformat(), "cluster": None})
    return sorted(moved, key=lambda row: str(row["published"]))


def are_far(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """Whether two reports are of days so far apart that they do not tell of one event."""
    days = [date.fromisoformat(str(row["day"])) for row in (one, other)]
    return abs(days[0] - days[1]) >= FAR


def _of_two_events(
    name: str, rows: Sequence[Mapping[str, object]], settings: DedupSettings
) -> Table:
    return candidate_table(name, rows, 1.0, settings, is_told=are_far)


def _together(tables: Sequence[Table]) -> list[Table]:
    """Tables of one name as one, of the weight `STRANGERS`."""
    names = list(dict.fromkeys(table.name for table in tables))
    found = []
    for name in names:
        parts = [table for table in tables if table.name == name]
        columns = {
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(Table)[1:]
        }
        columns["weights"] *= STRANGERS[name] / columns["weights"].sum()
        found.append(Table(name, **columns))
    return found


def without_meanings(table: Table) -> Table:
    """The same pairs, their meanings not known; without those of one event that a publisher told again in other words, from
    which a forest learns that a publisher's reports are of one event."""
    is_retold = (table.features[:, INDEX["same_site"]] == 1) & (
        table.features[:, INDEX["all_cosine"]] < RETOLD
    )
    kept = ~(table.same & is_retold)
    table = Table(
        table.name,
        table.features[kept],
        table.same[kept],
        table.weights[kept],
        table.fold_a[kept],
        table.fold_b[kept],
    )
    unknown = table.features.copy()
    unknown[:, [INDEX[name] for name in MEANINGS]] = -1
    return replace(table, features=unknown)


def tuned_tables(shared: Path, settings: DedupSettings) -> list[Table]:
    """Pairs of the sets that the encoder is tuned on."""
    families = states.families(held_back=False)
    natural = [cluster_table(shared, name, settings) for name in TUNED_CLUSTERS]
    return natural + family_tables(shared, settings, families)


def untuned_tables(shared: Path, settings: DedupSettings) -> list[Table]:
    """Pairs of the sets that the encoder is not tuned on."""
    names = [name for name in CLUSTERS if name not in TUNED_CLUSTERS]
    found = [cluster_table(shared, name, settings) for name in names]
    found += [labelled_pairs(shared, name, settings) for name in PAIRS]
    found += strangers(shared, settings)
    alike = [
        ((lang, one), (lang, other), same)
        for lang, one, other, same in lookalikes(seed=7, rounds=120)
    ]
    found.append(made_up_table("lookalikes", LOOKALIKES, alike, settings))
    found.append(
        made_up_table(
            "lookalikes timed", LOOKALIKES_TIMED, alike, settings, is_timed=True
        )
    )
    found.append(
        made_up_table("bilingual", BILINGUAL, bilingual(seed=7, rounds=60), settings)
    )
    found += family_tables(shared, settings, states.families(held_back=True))
    for table in family_tables(shared, settings, states.fresh_families()):
        if table.name in FRESH_STATES:
            weights = table.weights * np.float32(FRESH_SHARE)
            found.append(replace(table, weights=weights))
    return found


def _weighted(some: Sequence[Table], factors: Mapping[str, float]) -> list[Table]:
    """Tables with their weights times the factor of their name, as far as it has one."""
    return [
        replace(table, weights=table.weights * factors.get(table.name, 1.0))
        for table in some
    ]


# --- the forest -----------------------------------------------------------------------------------------------


def model(
    plain: Sequence[Table], meant: Sequence[Table], *, without_fold: int | None = None
) -> dict[str, NDArray[np.generic]]:
    """The arrays of a `trees.Model`, learned from pairs no side of which is in the fold left out.

    Trees have 24 leaves: on four folds oblivious trees (90 of depth 5) had average precision 0.81 against 0.82 on og2021
    and 0.64 against 0.67 on allsides, logistic loss in sum 9 % more. "meant" has twice as many as "pair", less bold, since
    its time is little beside the encoder's. With 500 and 900 in "meant" the mean B-cubed F1 of families.dev and the first
    exam, at a precision of 0.98 and 0.96, was 0.9045 and 0.9065; with 300 and 500 in "pair", at 0.978 and 0.967, 0.882
    and 0.885.
    """
    shape = {"max_leaf_nodes": 24, "max_depth": 7, "max_features": 0.4}
    x, y, w = _gathered(meant, without_fold)
    found = _forest("meant", x, y, w, max_iter=800, learning_rate=0.03, **shape)
    meaning_columns = [INDEX[name] for name in MEANINGS]
    usual_meanings = np.median(x[~y][:, meaning_columns], 0)
    meant_features = x
    x, y, w = _gathered(plain, without_fold)
    found |= _forest("pair", x, y, w, max_iter=400, learning_rate=0.05, **shape)
    found["usual"] = np.median(x[~y], 0)
    found["usual"][meaning_columns] = usual_meanings
    for name in ("meant", "pair"):
        found[f"{name}_bias"] = np.float32(found[f"{name}_bias"] + LEAN[name])
    taught = [
        (x, learned.forest_of(found, "pair")),
        (meant_features, learned.forest_of(found, "meant")),
    ]
    return found | gate(taught)


def gate(taught: Sequence[tuple[Floats, Forest]]) -> dict[str, NDArray[np.generic]]:
    """The arrays of the forest that foretells from the quick features of pairs what a forest says of them: features, all
    of them, and the forest that judges them.

    Labels are not asked: what the judge says of any pair can be learned, and is known of every pair. With the labels of
    the plain pairs alone, 24 trees of 12 leaves, the gate was sure of nothing that is unlike what it had learned: of
    the pairs of tests/bench/index_speed.py it sent 1 in 1,000 away, where the forest finds 43 in 100 hopeless.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    features = np.concatenate([table for table, _ in taught])
    said = np.concatenate([judge.log_odds(table) for table, judge in taught])
    features[:, SLOW] = -1
    model = HistGradientBoostingRegressor(
        max_iter=100, learning_rate=0.1, max_leaf_nodes=31, max_depth=7, l2_regularization=5,
        early_stopping=False, random_state=1,
    ).fit(features, np.clip(said, *FORETOLD))  # fmt: skip
    return {f"gate_{key}": value for key, value in _arrays(model).items()}


def unseen(table: Table, folds: Sequence[int]) -> Table:
    """The pairs of a table that an encoder tuned on these folds of it has not seen, of the table's whole weight."""
    is_unseen = ~np.isin(table.fold_a, folds) & ~np.isin(table.fold_b, folds)
    weights = table.weights[is_unseen]
    return replace(
        table,
        features=table.features[is_unseen],
        same=table.same[is_unseen],
        weights=weights * (table.weights.sum() / weights.sum()),
        fold_a=table.fold_a[is_unseen],
        fold_b=table.fold_b[is_unseen],
    )


def write_tables(path: Path, tables: Sequence[Table]) -> None:
    """Keep tables for `read_tables`."""
    arrays = {}
    for number, table in enumerate(tables):
        for field in fields(table):
            arrays[f"{number}_{field.name}"] = np.asarray(getattr(table, field.name))
    np.savez_compressed(path, **arrays)


def read_tables(path: Path) -> list[Table]:
    """The tables of `write_tables`."""
    with np.load(path, allow_pickle=False) as archive:
        count = sum(name.endswith("_name") for name in archive.files)
        return [
            Table(
                str(archive[f"{i}_name"]),
                *(archive[f"{i}_{field.name}"] for field in fields(Table)[1:]),
            )
            for i in range(count)
        ]


def _gathered(
    tables: Sequence[Table], without_fold: int | None
) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Features, labels and weights of the pairs that may be learned from."""
    kept = [(t.fold_a != without_fold) & (t.fold_b != without_fold) for t in tables]
    x, y, w = (
        np.concatenate(
            [getattr(t, column)[k] for t, k in zip(tables, kept, strict=True)]
        )
        for column in ("features", "same", "weights")
    )
    # What `features.adjusted` weighs by hand, no forest learns: it stands in too few families.
    x[:, INDEX["namesakes"]] = 0
    return x, y, w


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
        parts["columns"].append(
            np.where(leaf, 0, nodes["feature_idx"]).astype(np.uint8)
        )
        parts["thresholds"].append(
            np.where(leaf, np.inf, nodes["num_threshold"]).astype(np.float32)
        )
        parts["values"].append(np.where(leaf, nodes["value"], 0).astype(np.float32))
        children = [
            np.where(leaf, itself, nodes[side]) + start for side in ("left", "right")
        ]
        parts["children"].append(np.stack(children, 1).astype(np.uint16))
        roots.append(start)
        start += len(nodes)
        depth = max(depth, int(nodes["depth"].max()))
    out = {key: np.concatenate(value) for key, value in parts.items()}
    bias = np.float32(model._baseline_prediction.ravel()[0])  # type: ignore[attr-defined]
    return out | {
        "roots": np.array(roots, np.uint16),
        "depth": np.uint8(depth),
        "bias": bias,
    }


def meant_tables(shared: Path) -> list[Table]:
    """What the forest for meanings learns from by the encoder in the package: of one that is tuned on all folds all that
    it is not tuned on, of one that is tuned on some the others."""
    settings = DedupSettings(meaning=True)
    seen = learned.tuned_layers()["folds"].tolist()
    if len(seen) < FOLDS:
        tuned = tuned_tables(shared, settings)
        tables = [unseen(table, seen) for table in tuned]
    else:
        tables = untuned_tables(shared, settings)
    return _weighted(tables, WITH_MEANINGS)


def plain_tables(shared: Path) -> list[Table]:
    """What the forest for words learns from: all, since no encoder comes between."""
    settings = DedupSettings(meaning=False)
    found = tuned_tables(shared, settings) + untuned_tables(shared, settings)
    return _weighted([without_meanings(table) for table in found], BY_WORDS)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument(
        "--folds", type=Path, help="also write the models of a cross-validation here"
    )
    parser.add_argument(
        "--leave-out",
        action="store_true",
        help="with --folds: also the models that never saw one set",
    )
    parser.add_argument(
        "--keep-prior", action="store_true", help="learn the forests only"
    )
    parser.add_argument(
        "--tables",
        type=Path,
        help="only write what the forest for meanings is to learn from here",
    )
    parser.add_argument(
        "--meant",
        type=Path,
        nargs="+",
        help="learn the forest for meanings from these files",
    )
    parser.add_argument(
        "--gate",
        action="store_true",
        help="with --meant: learn only the gate anew, from the forests in the package",
    )
    asked = parser.parse_args()
    if not (asked.keep_prior or asked.gate):
        np.savez_compressed(
            PACKAGE / "prior.npz", **prior(texts(asked.shared), states.all_families())
        )
    if asked.tables:
        write_tables(asked.tables, meant_tables(asked.shared))
        return
    if not asked.meant:
        parser.error("needs --tables or --meant")
    plain = plain_tables(asked.shared)
    meant = [table for path in asked.meant for table in read_tables(path)]
    if asked.gate:
        write_gate(plain, meant)
        return
    for table in (*plain, *meant):
        print(
            f"{table.name:18} {len(table.same):7} pairs, {int(table.same.sum()):6} of one event",
            flush=True,
        )
    arrays = model(plain, meant)
    # Those of before serve until they are learned from the new forests (tests/bench/joining.py).
    arrays["joining"] = np.array(learned.model().joining, np.float32)
    np.savez_compressed(PACKAGE / "weights.npz", **arrays)
    print("weights written", flush=True)
    if asked.folds:
        write_folds(asked.folds, plain, meant, leave_out=asked.leave_out)


def write_gate(plain: Sequence[Table], meant: Sequence[Table]) -> None:
    """Learn the gate anew from the forests in the package, which stay as they are."""
    judges = learned.model()
    taught = [
        (_gathered(plain, None)[0], judges.pair),
        (_gathered(meant, None)[0], judges.meant),
    ]
    path = PACKAGE / "weights.npz"
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    np.savez_compressed(path, **arrays | gate(taught))


def write_folds(
    into: Path, plain: Sequence[Table], meant: Sequence[Table], *, leave_out: bool
) -> None:
    """The models of a cross-validation, and with `leave_out` those that never saw one set."""
    into.mkdir(parents=True, exist_ok=True)
    for fold in range(FOLDS):
        arrays = model(plain, meant, without_fold=fold)
        np.savez_compressed(into / f"fold{fold}.npz", **arrays)
        print(f"fold {fold} written", flush=True)
    for name in CLUSTERS if leave_out else ():
        rest = [[t for t in some if t.name != name] for some in (plain, meant)]
        np.savez_compressed(into / f"without_{name}.npz", **model(*rest))


if __name__ == "__main__":
    main()
