"""How many entries of the corpora lack a date, id, title or link: ours against other parsers, on the same files.

    python -m tests.bench.parse_table [--classes real testcase] [--limit N] [--dates N] [--clocks]

Each parser gets the bytes of each file, and 20 s; what raises or takes longer has found nothing. feedparser runs with its
defaults; fastfeedparser and atoma are optional (`pip install fastfeedparser atoma`). A date counts if the parser gives
an instant. "lost": entries that feedparser finds and we do not; both ways, file by file.

`--dates N`: the first N different date texts of the corpora, and the forms of schema.md, read by us, feedparser,
python-dateutil and dateparser (optional, too): how many are refused, agree with ours, or differ from it.

`--clocks`: the lags of the entries in ../shared/corpus/polls, shifted by known errors; how often the error is told.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import io
import json
import signal
import tarfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import feedparser

from aggregator.entry.dates import instant
from aggregator.entry.parse import parsed_feed
from aggregator.model import ParsedFeed
from aggregator.schedule.publisher_clock import clock_error

CORPUS = Path(__file__).resolve().parents[2] / ".." / "shared" / "corpus"
SECONDS = 20
ADDRESS = "https://feed.test/feed"
FORMS = {
    "2022/2/13 10:02:17": (2, 2),
    "2022年02月13日 10:02": (2, 2),
    "1644717737": (2, 2),
    "Sun, 13 Feb 2022 10:02:17 CST": (2, 2),
    "2022-02-13 10:02:17 GMT+8": (2, 2),
    "dim., 13 févr. 2022 03:02:17 +0100": (2, 2),
    "Вс, 13 фев 2022 05:02:17 +0300": (2, 2),
    "2022年2月13日 上午10:02": (2, 2),
    "13 2月 2022 10:02:17 +0800": (2, 2),
    "yesterday": (None, None),
    "2022-02": (None, None),
    "13 Feb": (None, None),
}
"""Forms in a Chinese feed, with the hour and minute of 13 February 2022 UTC that is right (None: no instant)."""


class Found(NamedTuple):
    """Of each entry: has it a date, id, title, link?"""

    date: bool
    guid: bool
    title: bool
    link: bool


Reader = Callable[[bytes], list[Found]]


class TooSlow(Exception):
    """A parser used up its time."""


def ours(body: bytes) -> list[Found]:
    feed = parsed_feed(body, content_type=None, url=ADDRESS)
    if not isinstance(feed, ParsedFeed):
        return []
    found = []
    for entry in feed.entries:
        language = entry.language or feed.language
        date = instant(entry.published_raw or entry.updated_raw, language=language)
        found.append(
            Found(
                date is not None,
                bool(entry.guid),
                bool(entry.title.value),
                bool(entry.link),
            )
        )
    return found


def with_feedparser(body: bytes) -> list[Found]:
    entries = feedparser.parse(
        io.BytesIO(body), response_headers={"content-location": ADDRESS}
    ).entries
    return [
        Found(
            bool(
                dict.get(entry, "published_parsed") or dict.get(entry, "updated_parsed")
            ),
            bool(dict.get(entry, "id")),
            bool(dict.get(entry, "title")),
            bool(dict.get(entry, "link")),
        )
        for entry in entries
    ]


def with_fastfeedparser(body: bytes) -> list[Found]:
    entries = importlib.import_module("fastfeedparser").parse(body).entries
    keys = ("id", "title", "link")
    return [
        Found(
            bool(entry.get("published") or entry.get("updated")),
            *(bool(entry.get(key)) for key in keys),
        )
        for entry in entries
    ]


def with_atoma(body: bytes) -> list[Found]:
    atoma = importlib.import_module("atoma")
    try:
        items = atoma.parse_rss_bytes(body).items
        return [
            Found(
                bool(each.pub_date), bool(each.guid), bool(each.title), bool(each.link)
            )
            for each in items
        ]
    except atoma.FeedXMLError:
        entries = atoma.parse_atom_bytes(body).entries
        return [
            Found(
                bool(e.published or e.updated),
                bool(e.id_),
                bool(e.title and e.title.value),
                bool(e.links),
            )
            for e in entries
        ]


READERS: dict[str, Reader] = {
    "aggregator": ours,
    "feedparser": with_feedparser,
    "fastfeedparser": with_fastfeedparser,
    "atoma": with_atoma,
}


def in_time(reader: Reader, body: bytes) -> list[Found] | None:
    """What a reader finds, None if it raises or takes too long. Whatever a rival raises, its column shows it."""
    signal.alarm(SECONDS)
    try:
        return reader(body)
    except Exception:  # noqa: BLE001 - parsers raise anything, and that is what is counted
        return None
    finally:
        signal.alarm(0)


def documents(classes: list[str], limit: int) -> list[Path]:
    lines = (CORPUS / "manifest.jsonl").read_text().strip().split("\n")
    paths = [
        CORPUS / line["path"]
        for line in map(json.loads, lines)
        if line["class"] in classes
    ]
    return paths[: limit or None]


def available() -> dict[str, Reader]:
    return {
        name: reader
        for name, reader in READERS.items()
        if name == "aggregator" or importlib.util.find_spec(name)
    }


def table(classes: list[str], limit: int) -> dict[str, Counter[str]]:
    """Counts by reader, and of both differences between feedparser and us."""
    readers = available()
    counts: dict[str, Counter[str]] = {name: Counter() for name in readers}
    for path in documents(classes, limit):
        body = path.read_bytes()
        sizes = {}
        for name, reader in readers.items():
            start = time.process_time()
            found = in_time(reader, body)
            counts[name]["ms"] += round(1000 * (time.process_time() - start))
            sizes[name] = len(found or [])
            add(counts[name], found)
        counts["aggregator"]["lost"] += max(
            0, sizes["feedparser"] - sizes["aggregator"]
        )
        counts["feedparser"]["lost"] += max(
            0, sizes["aggregator"] - sizes["feedparser"]
        )
    return counts


def add(counts: Counter[str], found: list[Found] | None) -> None:
    counts["files"] += 1
    counts["raised"] += found is None
    for entry in found or []:
        counts["entries"] += 1
        for field in Found._fields:
            counts[f"no {field}"] += not getattr(entry, field)


def print_table(counts: dict[str, Counter[str]]) -> None:
    columns = [
        "files",
        "raised",
        "entries",
        "no date",
        "no guid",
        "no title",
        "no link",
        "lost",
        "ms",
    ]
    print(f"{'':16}" + "".join(f"{column:>10}" for column in columns))
    for name, count in counts.items():
        print(f"{name:16}" + "".join(f"{count[column]:>10}" for column in columns))


# --- dates ---------------------------------------------------------------------------------------------------------


def date_readers() -> dict[str, Callable[[str], datetime | None]]:
    readers: dict[str, Callable[[str], datetime | None]] = {
        "feedparser": feedparser_date
    }
    if importlib.util.find_spec("dateutil"):
        parse = importlib.import_module("dateutil.parser").parse
        readers["dateutil"] = lambda raw: as_utc(parse(raw))
    if importlib.util.find_spec("dateparser"):
        search = importlib.import_module("dateparser").parse
        readers["dateparser"] = lambda raw: as_utc(search(raw))
    return readers


def feedparser_date(raw: str) -> datetime | None:
    parse: Any = importlib.import_module("feedparser.datetimes")._parse_date
    found = parse(raw)
    return datetime(*found[:6], tzinfo=UTC) if found else None


def as_utc(found: datetime | None) -> datetime | None:
    if found is None:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def raw_dates(classes: list[str], limit: int) -> list[tuple[str, str | None]]:
    """Different date texts with their feeds' languages, in the order of the corpora."""
    found: dict[tuple[str, str | None], None] = {}
    for path in documents(classes, 0):
        feed = parsed_feed(path.read_bytes(), content_type=None, url=ADDRESS)
        for entry in feed.entries if isinstance(feed, ParsedFeed) else ():
            for raw in (entry.published_raw, entry.updated_raw):
                if raw:
                    found[
                        raw,
                        entry.language
                        or (feed.language if isinstance(feed, ParsedFeed) else None),
                    ] = None
    return list(found)[: limit or None]


def safely(reader: Callable[[str], datetime | None], raw: str) -> datetime | None:
    try:
        found = reader(raw)
    except Exception:  # noqa: BLE001 - as in `in_time`
        return None
    return found.replace(microsecond=0) if found else None


def print_dates(classes: list[str], limit: int) -> None:
    dates = raw_dates(classes, limit)
    right = [
        safely(lambda raw, tag=language: instant(raw, language=tag), raw)
        for raw, language in dates
    ]  # type: ignore[misc]
    print(f"\n{len(dates)} dates; ours refuses {right.count(None)}")
    for name, reader in date_readers().items():
        start = time.process_time()
        theirs = [safely(reader, raw) for raw, _ in dates]
        spent = (time.process_time() - start) / max(len(dates), 1) * 1e6
        judged: Counter[str] = Counter()
        for our, their in zip(right, theirs, strict=True):
            judged[
                "refused"
                if their is None
                else "only theirs"
                if our is None
                else "same"
                if our == their
                else "other"
            ] += 1
        wrong = [
            raw
            for raw, expected in FORMS.items()
            if not is_right(safely(reader, raw), expected)
        ]
        print(
            f"{name:12} {dict(judged)} {spent:.0f} us a date; wrong of the {len(FORMS)} forms: {wrong}"
        )
    mine = [
        raw
        for raw, expected in FORMS.items()
        if not is_right(instant(raw, language="zh-cn"), expected)
    ]
    print(f"{'aggregator':12} wrong of the {len(FORMS)} forms: {mine}")


def is_right(found: datetime | None, expected: tuple[int | None, int | None]) -> bool:
    if found is None:
        return expected == (None, None)
    return (found.year, found.month, found.day, found.hour, found.minute) == (
        2022,
        2,
        13,
        *expected,
    )


# --- clocks --------------------------------------------------------------------------------------------------------


def poll_lags(archive: Path) -> list[float]:
    """First seen minus stated time of each entry after the first poll, in seconds."""
    seen: set[str] = set()
    lags = []
    for at, body in polls(archive):
        feed = parsed_feed(body, content_type=None, url=ADDRESS)
        is_first = not seen
        for entry in feed.entries if isinstance(feed, ParsedFeed) else ():
            date = instant(
                entry.published_raw or entry.updated_raw, language=entry.language
            )
            if (entry.guid or entry.link) not in seen and date and not is_first:
                lags.append((at - date).total_seconds())
            seen.add(entry.guid or entry.link)
    return lags


def polls(archive: Path) -> Iterator[tuple[datetime, bytes]]:
    with tarfile.open(archive) as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.isfile() else None
            if stream is not None:
                yield (
                    datetime.fromtimestamp(
                        int(Path(member.name).name.split("_")[1]), UTC
                    ),
                    stream.read(),
                )


def print_clocks() -> None:
    total: Counter[str] = Counter()
    for archive in sorted((CORPUS / "polls").glob("*.tar.xz")):
        lags, judged = poll_lags(archive), Counter[str]()
        for end in range(8, len(lags) + 1):
            for hours in (-8, -4, -1, 0, 1, 5):
                told = clock_error(
                    [lag + 3600 * hours for lag in lags[max(0, end - 40) : end]]
                )
                right = told == timedelta(hours=hours)
                judged[
                    "not told" if told is None else "right" if right else "wrong"
                ] += 1
        total.update(judged)
        print(f"{archive.name:20} {dict(judged)}")
    print(dict(total))


def _too_slow(number: int, frame: FrameType | None) -> None:
    raise TooSlow


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--classes", nargs="+", default=["real", "testcase"])
    parser.add_argument("--limit", type=int, default=0, help="only so many files")
    parser.add_argument(
        "--dates",
        type=int,
        default=0,
        metavar="N",
        help="compare readers of dates, too",
    )
    parser.add_argument(
        "--clocks",
        action="store_true",
        help="measure the detection of wrong clocks, too",
    )
    arguments = parser.parse_args()
    signal.signal(signal.SIGALRM, _too_slow)
    warnings.simplefilter("ignore")
    print_table(table(arguments.classes, arguments.limit))
    if arguments.dates:
        print_dates(arguments.classes, arguments.dates)
    if arguments.clocks:
        print_clocks()


if __name__ == "__main__":
    main()
