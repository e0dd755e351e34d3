"""Families of look-alike events in the states in which a daemon meets them: alone, after a background of reports of other
publishers, and of the same ones.

A family (tests/bench/families/*.jsonl, every word ours) is a few events that a naive program confuses, each told by a
few reports: rows with `id, lang, title, text, source, url, published, cluster` (the event), `family` and `kind`.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path

Row = dict[str, object]

FAMILIES = Path(__file__).with_name("families")
_WRITTEN_LATER = {
    "ar": range(4, 8),
    "de": range(5, 9),
    "en": range(10, 15),
    "es": range(6, 10),
    "fr": range(7, 11),
    "hant": range(4, 8),
    "hi": range(3, 7),
    "id": range(4, 8),
    "it": range(4, 8),
    "ja": range(4, 8),
    "ko": range(4, 8),
    "pt": range(8, 12),
    "ru": range(4, 8),
    "tr": range(4, 8),
    "vi": range(4, 8),
    "x": range(8, 11),
    "zh": range(8, 12),
}
FRESH = frozenset(
    f"{lang}-{number}" for lang, numbers in _WRITTEN_LATER.items() for number in numbers
)
"""Files of families that were written when the encoder had been tuned: the forests learn from them, in streams alone
(`train.FRESH_STATES`)."""
HELD_BACK = frozenset(
    [
        "ar-3",
        "de-3",
        "de-4",
        "en-6",
        "en-7",
        "en-8",
        "en-9",
        "es-4",
        "es-5",
        "fr-5",
        "fr-6",
        "hant-3",
        "id-3",
        "it-3",
        "ja-3",
        "ko-3",
        "pt-5",
        "pt-6",
        "pt-7",
        "ru-3",
        "tr-3",
        "vi-3",
        "x-6",
        "x-7",
        "zh-5",
        "zh-6",
        "zh-7",
    ]
)
"""Files of families that the encoder is not tuned on, so that the forests learn from them how far it is to be trusted."""
SPAN = timedelta(days=40)
"""The days over which families are strewn: some 500 reports of them are within a window of three days, as in a stream of a
hundred feeds."""
START = datetime(2025, 6, 1, tzinfo=UTC)
BEFORE = "2025-05-20T00:00:00+00:00"
"""When the background was published: it is in the statistics, and too early to be of one event with a family."""
PUBLISHERS = 10
"""Publishers of the background in each language."""


def families(*, held_back: bool) -> list[Row]:
    """The reports of the families of the files that are held back, or of those that are not; the `FRESH` aside."""
    rows: list[Row] = []
    for path in sorted(FAMILIES.glob("*.jsonl")):
        if path.stem not in FRESH and (path.stem in HELD_BACK) == held_back:
            rows += read(path)
    return rows


def fresh_families() -> list[Row]:
    """The reports of the families of `FRESH`."""
    return [row for name in sorted(FRESH) for row in read(FAMILIES / f"{name}.jsonl")]


def all_families() -> list[Row]:
    """The reports of the families of all files."""
    return [row for path in sorted(FAMILIES.glob("*.jsonl")) for row in read(path)]


def read(path: Path) -> list[Row]:
    """The rows of a file of families."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def by_family(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The reports of each family, in the order of the rows."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[str(row["family"])].append(row)
    return found


def pairs_of(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Each two reports of one family."""
    found: list[tuple[Row, Row]] = []
    for members in by_family(rows).values():
        found += combinations(members, 2)
    return found


def strewn(
    rows: Sequence[Row],
    *,
    seed: str,
    publishers: Mapping[str, Sequence[str]] | None = None,
) -> list[Row]:
    """The families moved to random days of one span, in the order of a stream.

    `publishers` are those of the background by language: with them, each publisher of a family is one of these.
    """
    chance = random.Random(seed)
    moved: list[Row] = []
    for members in by_family(rows).values():
        first = min(_at(row) for row in members)
        begin = START + chance.random() * SPAN
        # Reports keep their time of day, as far as it tells of the rhythm of their publishers.
        begin = begin.replace(hour=first.hour, minute=first.minute)
        renamed = _renamed(members, publishers, chance) if publishers else {}
        for row in members:
            source = renamed.get(str(row["source"]), row["source"])
            moved.append(
                {
                    **row,
                    "published": (_at(row) - first + begin).isoformat(),
                    "source": source,
                }
            )
    return sorted(moved, key=lambda row: str(row["published"]))


def _at(row: Row) -> datetime:
    return datetime.fromisoformat(str(row["published"]))


def _renamed(
    members: Sequence[Row],
    publishers: Mapping[str, Sequence[str]],
    chance: random.Random,
) -> dict[str, str]:
    """For each publisher of a family one of the background's, each of them once as far as they go."""
    found: dict[str, str] = {}
    for row in members:
        source = str(row["source"])
        if source in found:
            continue
        known = publishers.get(primary(row)) or publishers["en"]
        free = [name for name in known if name not in found.values()]
        found[source] = chance.choice(free or known)
    return found


def primary(row: Row) -> str:
    """The primary subtag of a row's language."""
    return str(row["lang"]).partition("-")[0]


def background(rows: Sequence[Row], *, seed: str) -> list[Row]:
    """Reports of other events as a background: of `PUBLISHERS` publishers a language, published before the families."""
    chance = random.Random(seed)
    found: list[Row] = []
    for number, row in enumerate(rows):
        source = f"{primary(row)} daily {chance.randrange(PUBLISHERS)}"
        url = f"https://background.example/{number}"
        found.append(
            {
                **row,
                "id": f"background {number}",
                "source": source,
                "url": url,
                "published": BEFORE,
            }
        )
    chance.shuffle(found)
    return found


def publishers_of(rows: Sequence[Row]) -> dict[str, list[str]]:
    """The publishers of each language, by its primary subtag."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        found[primary(row)].add(str(row["source"]))
    return {lang: sorted(names) for lang, names in found.items()}
