"""From a feed that changed to the message in a consumer's hands.

    python -m tests.bench.latency [--rates 10 100 1000] [--seconds 20]

One daemon with its server, as users start it, polls so many feeds once a second (`min_interval = max_interval = "1s"`,
so a rate is polls a second); their publisher, in this process, answers 304 but for one feed every 200 ms, which has a
new entry. `served` is from the answer that held the entry, `changed` from when the publisher had it: that includes
waiting for the next poll. The consumer reads `agg:reports` by XREAD. Wall time; no chance in the data.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import redis

from tests.bench.measuring import percentile, print_table
from tests.daemon.program import Program, feeds_of, until
from tests.origin import Answer, Origin, feed_document

HEADINGS = (
    "polls a second",
    "entries",
    "served p50 ms",
    "served p99 ms",
    "changed p50 ms",
    "changed p99 ms",
)
CHANGE_EVERY = 0.2
PATIENCE_S = 30.0
HOSTS = 8


@dataclass(slots=True)
class Spans:
    """Seconds from each entry to its message."""

    served: list[float] = field(default_factory=list)
    changed: list[float] = field(default_factory=list)


def bench(*, rates: Sequence[int], seconds: float) -> list[list[object]]:
    rows: list[list[object]] = []
    for rate in rates:
        with (
            tempfile.TemporaryDirectory() as folder,
            Origin.in_thread(hosts=HOSTS) as origin,
        ):
            spans = measured(Path(folder), origin, rate, seconds)
        figures = [
            1000 * percentile(one, share)
            for one in (spans.served, spans.changed)
            for share in (0.5, 0.99)
        ]
        rows.append([f"{rate:,}", str(len(spans.served)), *figures])
    return rows


def measured(folder: Path, origin: Origin, rate: int, seconds: float) -> Spans:
    paths = [f"/f{number}" for number in range(rate)]
    for path in paths:
        origin.script(path, _answer(path, 0))
    urls = [origin.url(path, 1 + number % HOSTS) for number, path in enumerate(paths)]
    program = Program(folder, feeds_of(*urls, max_interval='"1s"'))
    with program.running():
        client = program.client()
        until(
            lambda: client.xlen("agg:reports") >= rate,
            seconds=60 + rate / 5,
            what="the first entry of each feed",
        )
        return _spans(client, origin, paths, seconds)


def _answer(path: str, number: int) -> Answer:
    """A feed of one entry, another one for each number."""
    entry = (f"{path[1:]}-{number}", f"Report {number} of {path[1:]}", "")
    return Answer(body=feed_document(title=path[1:], items=[entry]), etag=f'"{number}"')


def _spans(
    client: redis.Redis, origin: Origin, paths: Sequence[str], seconds: float
) -> Spans:
    """Change one feed after the other, and read what comes of it."""
    changed_at: dict[str, float] = {}
    read_at: dict[str, float] = {}
    last = client.xrevrange("agg:reports", count=1)[0][0]
    begun = time.monotonic()
    for number in range(1, max(round(seconds / CHANGE_EVERY), 1) + 1):
        path = paths[number % len(paths)]
        origin.script(path, _answer(path, number))
        changed_at[f"{path[1:]}-{number}"] = time.monotonic()
        last = _read(client, last, read_at, until_at=begun + number * CHANGE_EVERY)
    patience = time.monotonic() + PATIENCE_S
    while changed_at.keys() - read_at.keys() and time.monotonic() < patience:
        last = _read(client, last, read_at, until_at=time.monotonic() + CHANGE_EVERY)
    return _from_served(changed_at, read_at, origin)


def _read(
    client: redis.Redis, last: str, read_at: dict[str, float], *, until_at: float
) -> str:
    """Note when each message came, by its guid; answers with the last id."""
    while (left := until_at - time.monotonic()) > 0:
        answer = client.xread({"agg:reports": last}, block=max(round(1000 * left), 1))
        came_at = time.monotonic()
        rows = dict(answer).get("agg:reports", []) if answer else []
        for stream_id, fields in rows:
            read_at.setdefault(fields["guid"], came_at)
            last = stream_id
    return last


def _from_served(
    changed_at: dict[str, float], read_at: dict[str, float], origin: Origin
) -> Spans:
    """A feed that changed twice before it was asked has one answer: its earlier entry never came, and is left out."""
    requests: dict[str, list[float]] = {}
    for request in origin.requests:
        requests.setdefault(request.path, []).append(request.at)
    spans = Spans()
    for guid, came_at in read_at.items():
        begun = changed_at.get(guid)
        if begun is None:
            continue
        asked = requests[f"/{guid.partition('-')[0]}"]
        spans.changed.append(came_at - begun)
        spans.served.append(came_at - asked[bisect_left(asked, begun)])
    return spans


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rates", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--seconds", type=float, default=20)
    given = parser.parse_args()
    rows = bench(rates=given.rates, seconds=given.seconds)
    rates = " ".join(map(str, given.rates))
    print_table(
        HEADINGS,
        rows,
        command=f"python -m tests.bench.latency --rates {rates} --seconds {given.seconds:g}",
    )


if __name__ == "__main__":
    main()
