"""How fast entries are matched, and what one costs in memory, as the window grows.

    OPENBLAS_NUM_THREADS=1 python -m tests.bench.index_speed [--sizes 10000 100000 1000000] [--sample 2000] [--meaning]

A synthetic stream: headlines of 6 to 14 words and leads of 30 to 60, drawn from a Zipf vocabulary of 200,000 words; 30 %
of entries retell an event of the last 2,000 entries with most of its rare words. The window is filled by `Index.learn`,
then a sample is matched at each size. Entries a second are those assigned and added: fingerprints are made where
entries are read, by as many processes as there are. A first batch is not counted: it loads the model and the vectors of
words, once in a process, and makes those of the window. Processor time on one core, of one thread as in the daemon, fixed
seed; memory is what the process grew by.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice

import numpy as np
import psutil

from aggregator.cli.garbage import collect_seldom, keep_what_is_loaded
from aggregator.dedup.assign import assign_all
from aggregator.dedup.backtest import entry_of, event_id
from aggregator.dedup.fingerprint import MEANING_BYTES, fingerprint
from aggregator.dedup.index import BATCH, Index
from aggregator.dedup.rows import MEANT_ROW, row_array
from aggregator.model import DedupSettings, Entry

VOCABULARY = 200_000
CONSONANTS, VOWELS = "bcdfghklmnprstvz", "aeiou"


def _word(number: int) -> str:
    """A pronounceable word for a rank, distinct in its first six letters."""
    letters = []
    for _ in range(3):
        number, c = divmod(number, len(CONSONANTS))
        number, v = divmod(number, len(VOWELS))
        letters.append(CONSONANTS[c] + VOWELS[v])
    return "".join(letters)


def stream(seed: int) -> Iterator[Entry]:
    """Endless entries, two a second."""
    chance = np.random.default_rng(seed)
    words = [_word(i) for i in range(VOCABULARY)]
    ranks = 1 / np.arange(1, VOCABULARY + 1) ** 1.05
    shares = np.cumsum(ranks / ranks.sum())
    recent: list[tuple[list[int], list[int]]] = []
    number = 0
    while True:
        drawn = np.searchsorted(shares, chance.random(80)).tolist()
        title, lead = (
            drawn[: chance.integers(6, 15)],
            drawn[20 : 20 + chance.integers(30, 61)],
        )
        if recent and chance.random() < 0.3:
            told, more = recent[chance.integers(len(recent))]
            title = [w for w in told if chance.random() < 0.7] + title[:3]
            lead = [w for w in more if chance.random() < 0.6] + lead[:15]
        else:
            recent.append((title, lead))
            del recent[:-2000]
        yield _entry(
            number,
            [words[min(w, VOCABULARY - 1)] for w in title],
            [words[min(w, VOCABULARY - 1)] for w in lead],
        )
        number += 1


def _entry(number: int, title: list[str], lead: list[str]) -> Entry:
    at = np.datetime64(1_770_000_000_000 + number * 500, "ms")
    return entry_of(
        {
            "id": str(number), "lang": "en", "title": " ".join(title).capitalize(), "text": " ".join(lead),
            "source": f"site{number % 997}.example", "url": f"https://site{number % 997}.example/{number}",
            "published": str(at) + "Z",
        }
    )  # fmt: skip


def vectors(some: Sequence[Entry], index: Index) -> list[bytes]:
    """A vector drawn for each entry where the index keeps meanings."""
    if index.rows.kind != MEANT_ROW:
        return [b""] * len(some)
    chance = np.random.default_rng(int(some[0].entry_id, 16))
    return [
        row.astype(np.int8).tobytes()
        for row in chance.normal(0, 30, (len(some), MEANING_BYTES))
    ]


def filled(entries: Iterator[Entry], index: Index, size: int) -> None:
    """Put entries into the index until it holds `size`, each as an event of its own."""
    while len(index) < size:
        some = list(islice(entries, min(1024, size - len(index))))
        prints = [
            fingerprint(*one) for one in zip(some, vectors(some, index), strict=True)
        ]
        index.learn(
            row_array(prints, index.rows.kind), [event_id(one.entry_id) for one in some]
        )


def measured(
    entries: Iterator[Entry], index: Index, settings: DedupSettings, sample: int
) -> tuple[float, float]:
    """Seconds of processor time for an entry to fingerprint, and to assign and add; over `sample` entries."""
    chosen = list(islice(entries, sample))
    told = list(zip(chosen, vectors(chosen, index), strict=True))
    start = time.process_time()
    prints = [fingerprint(*one) for one in told]
    middle = time.process_time()
    for _ in assign_all(prints, index, settings, new_event=event_id):
        pass
    end = time.process_time()
    return (middle - start) / sample, (end - middle) / sample


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000]
    )
    parser.add_argument("--sample", type=int, default=2000)
    parser.add_argument(
        "--meaning", action="store_true", help="with a vector for each entry"
    )
    asked = parser.parse_args()
    # As the daemon does.
    collect_seldom()
    keep_what_is_loaded()
    settings = DedupSettings(window=timedelta(days=365), meaning=asked.meaning)
    entries = stream(1)
    next(entries)  # so that its words are not counted as memory of the index
    before = psutil.Process().memory_info().rss
    index = Index(settings)
    print(
        f"{'window':>9} {'fingerprint':>12} {'assign, add':>12} {'entries/s':>10}  bytes/entry"
    )
    for size in asked.sizes:
        filled(entries, index, size - asked.sample - BATCH)
        measured(entries, index, settings, BATCH)
        a, b = measured(entries, index, settings, asked.sample)
        held = (psutil.Process().memory_info().rss - before) / size
        print(
            f"{size:9} {a * 1e6:9.0f} µs {b * 1e6:9.0f} µs {1 / b:10.0f} {held:12.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
