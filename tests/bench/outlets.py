"""Matches ten English outlets on one common day and lists what came together, to be read by a person.

    python -m tests.bench.outlets [--shared ../shared] [--day 2020-…] [--pairs 100] [--meaning] [--titles]

Prints the events with reports of two outlets or more, and the first joined pairs (a report and the first one of its
event from another outlet) numbered, for counting how many are right.
"""

from __future__ import annotations

import argparse
import calendar
import io
import re
import tarfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import feedparser

from aggregator.dedup.backtest import Row, backtest
from aggregator.model import DedupSettings
from tests.bench import SHARED

OUTLETS = (
    "bbc",
    "cnn",
    "dailymail",
    "fox",
    "latimes",
    "nytimes",
    "nzherald",
    "philstar",
    "rnz",
    "smh",
)


def rows_of(shared: Path, outlet: str, day: str | None) -> Iterator[Row]:
    """Each entry of an outlet once, by its link; of one day, if given, by the publisher's date."""
    seen: set[str] = set()
    with tarfile.open(shared / "corpus" / "polls" / f"{outlet}.tar.xz") as archive:
        for member in archive:
            opened = archive.extractfile(member) if member.isfile() else None
            if opened is None:
                continue
            for item in feedparser.parse(io.BytesIO(opened.read())).entries:
                link, parsed = str(item.get("link") or ""), item.get("published_parsed")
                if not parsed or link in seen:
                    continue
                seen.add(link)
                at = datetime.fromtimestamp(calendar.timegm(parsed), UTC).isoformat()
                if day is None or at.startswith(day):
                    text = re.sub(r"<[^>]*>", " ", str(item.get("summary") or ""))
                    yield {"id": f"{outlet} {link}", "lang": "en", "title": item.get("title"), "text": text,
                           "source": outlet, "url": link, "published": at}  # fmt: skip


def common_day(shared: Path) -> str:
    """The day on which the outlet with the fewest entries has most."""
    counts = {
        outlet: Counter(str(r["published"])[:10] for r in rows_of(shared, outlet, None))
        for outlet in OUTLETS
    }
    days = set.union(*(set(c) for c in counts.values()))
    return max(
        sorted(days),
        key=lambda d: (
            min(c[d] for c in counts.values()),
            sum(c[d] for c in counts.values()),
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--day")
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument(
        "--meaning",
        action="store_true",
        help="with `[dedup] meaning` on; needs the extra",
    )
    parser.add_argument(
        "--titles",
        action="store_true",
        help="by the titles alone, as of feeds without texts",
    )
    asked = parser.parse_args()
    settings = DedupSettings(meaning=asked.meaning)
    day = asked.day or common_day(asked.shared)
    rows = sorted(
        (r for o in OUTLETS for r in rows_of(asked.shared, o, day)),
        key=lambda r: str(r["published"]),
    )
    if asked.titles:
        rows = [{**row, "text": ""} for row in rows]
    events: defaultdict[str, list[Row]] = defaultdict(list)
    for row, (_, event) in zip(rows, backtest(rows, settings).events, strict=True):
        events[event].append(row)
    shown = [e for e in events.values() if len({r["source"] for r in e}) > 1]
    print(
        f"{day}: {len(rows)} entries, {len(events)} events, {len(shown)} of two outlets or more\n"
    )
    number = 0
    for event in shown:
        for row in event[1:]:
            other = next((r for r in event if r["source"] != row["source"]), None)
            if other and number < asked.pairs:
                number += 1
                print(
                    f"{number:3} {other['source']}: {other['title']}\n    {row['source']}: {row['title']}"
                )


if __name__ == "__main__":
    main()
