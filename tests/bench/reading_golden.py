"""What reading makes of the corpora, written down, so that a faster reading can be held against the one before it.

    python -m tests.bench.reading_golden dump OUT.jsonl.gz [--only real|polls] [--limit N] [--whole]
    python -m tests.bench.reading_golden compare BEFORE.jsonl.gz AFTER.jsonl.gz

`dump` reads every feed of ../shared/corpus/real, and the polls of ../shared/corpus/polls one after the other with what
the polls before left behind, as the daemon does. A line for each body: its outcomes, the rule of identity, notes and
what is known afterwards, and every entry whole. `compare` tells which bodies and which fields of them differ. The
files hold texts of publishers: keep them outside of the repository.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from aggregator.model import (
    EPOCH,
    Backlog,
    DocumentSettings,
    Feed,
    FeedRead,
    IdentityRule,
    ReadResult,
)
from aggregator.pipeline.reading import ReadRequest, read

CORPUS = Path(__file__).resolve().parents[2] / ".." / "shared" / "corpus"
URL = "https://feed.test/news/feed"
SHOWN = 10
"""Differences that are printed in full."""


def request(body: bytes, *, now: datetime, feed_id: str = "golden") -> ReadRequest:
    """A first poll of a feed whose every entry is published."""
    return ReadRequest(
        feed=Feed(feed_id, URL, backlog=Backlog.ALL),
        url=URL,
        body=body,
        content_type=None,
        known={},
        identity=IdentityRule(),
        documents=DocumentSettings(),
        window=timedelta(days=3),
        now=now,
        first_poll=True,
    )


def after(
    before: ReadRequest, found: FeedRead, body: bytes, *, now: datetime
) -> ReadRequest:
    """The request of the next poll, with what the last one left behind."""
    return replace(
        before,
        body=body,
        now=now,
        known={**before.known, **found.known},
        identity=found.identity,
        title=found.title,
        language=found.language,
        first_poll=False,
        seen_items=found.seen_items,
    )


def real_feeds() -> Iterator[tuple[str, bytes]]:
    with (CORPUS / "manifest.jsonl").open() as manifest:
        for line in map(json.loads, manifest):
            if line["class"] == "real":
                yield line["path"], (CORPUS / line["path"]).read_bytes()


def series() -> Iterator[tuple[str, list[tuple[int, bytes]]]]:
    """The polls of each feed in time: Unix time and body."""
    for path in sorted((CORPUS / "polls").glob("*.tar.xz")):
        with tarfile.open(path) as archive:
            members = sorted(
                (one for one in archive if one.isfile()),
                key=lambda one: Path(one.name).name,
            )
            bodies = [
                (int(Path(one.name).name.split("_")[1]), _content(archive, one))
                for one in members
            ]
        yield path.name.partition(".")[0], bodies


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    handle = archive.extractfile(member)
    assert handle is not None
    return handle.read()


def readings(
    only: str, limit: int, *, whole: bool = False
) -> Iterator[tuple[str, ReadResult]]:
    """Name of each body, and what reading made of it."""
    now = datetime(2026, 11, 29, tzinfo=UTC)
    if only != "polls":
        for number, (name, body) in enumerate(real_feeds()):
            if limit and number >= limit:
                break
            yield name, read(request(body, now=now))
    if only != "real":
        for name, bodies in series():
            yield from _polled(name, bodies, whole=whole)


def _polled(
    name: str, bodies: list[tuple[int, bytes]], *, whole: bool
) -> Iterator[tuple[str, ReadResult]]:
    asked: ReadRequest | None = None
    for seconds, body in bodies:
        now = EPOCH + timedelta(seconds=seconds)
        asked = (
            replace(asked, body=body, now=now)
            if asked
            else request(body, now=now, feed_id=name)
        )
        found = read(asked)
        yield f"polls/{name}/{seconds}", found
        if isinstance(found, FeedRead):
            asked = after(
                asked, replace(found, seen_items="") if whole else found, body, now=now
            )


def dump(out: Path, only: str, limit: int, *, whole: bool) -> None:
    count = 0
    records: TypeAdapter[ReadResult] = TypeAdapter(ReadResult)
    with gzip.open(out, "wt", compresslevel=1) as lines:
        for name, found in readings(only, limit, whole=whole):
            row = {
                "name": name,
                "kind": type(found).__name__,
                **records.dump_python(found),
            }
            lines.write(json.dumps(row, default=_plain, sort_keys=True) + "\n")
            count += 1
    print(f"{count} bodies written to {out}")


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else str(value)


def compare(before: Path, then: Path) -> int:
    """How many bodies differ; what differs is printed."""
    differing = 0
    fields: Counter[str] = Counter()
    with gzip.open(before, "rt") as old, gzip.open(then, "rt") as new:
        for one, other in zip(old, new, strict=True):
            found = (
                [] if one == other else list(_differences("", _told(one), _told(other)))
            )
            if not found:
                continue
            differing += 1
            fields.update(path.split("[")[0] for path, _, _ in found)
            if differing <= SHOWN:
                print(json.loads(one)["name"])
                for path, was, now in found[:SHOWN]:
                    print(f"    {path}: {_short(was)} -> {_short(now)}")
    print(f"{differing} bodies differ", dict(fields.most_common(20)))
    return differing


def _told(line: str) -> dict[str, Any]:
    """A body's line without what only the next reading is told."""
    row: dict[str, Any] = json.loads(line)
    return {key: value for key, value in row.items() if key != "seen_items"}


def _differences(path: str, was: Any, now: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(was, dict) and isinstance(now, dict):
        for key in sorted({*was, *now}):
            yield from _differences(f"{path}.{key}", was.get(key), now.get(key))
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for place, (one, other) in enumerate(zip(was, now, strict=True)):
            yield from _differences(f"{path}[{place}]", one, other)
    elif was != now:
        yield path, was, now


def _short(value: object) -> str:
    return repr(value)[:200]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    dumping = commands.add_parser("dump")
    dumping.add_argument("out", type=Path)
    dumping.add_argument("--only", choices=("real", "polls"), default="")
    dumping.add_argument("--limit", type=int, default=0)
    dumping.add_argument(
        "--whole",
        action="store_true",
        help="read every body whole, also what stood in the last one",
    )
    comparing = commands.add_parser("compare")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    options = parser.parse_args()
    if options.command == "dump":
        dump(options.out, options.only, options.limit, whole=options.whole)
        return 0
    return min(compare(options.before, options.after), 1)


if __name__ == "__main__":
    sys.exit(main())
