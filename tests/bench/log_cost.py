"""What a log line costs: structlog native with orjson, against stdlib's ProcessorFormatter doing the same.

    python -m tests.bench.log_cost [--lines 20000]

Prints microseconds of CPU for a rich line (`feed_polled`, 14 fields, one URL) written to /dev/null, for: our form in
service, the same with the journal's prefix, the same through a stdlib logger, and what redaction takes of it.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from aggregator.watch import logs

LINE: dict[str, Any] = {
    "feed_id": "observer-headline",
    "result": "new",
    "url": "https://feeds.observer.example/headline/rss.xml?format=full&page=1",
    "status": 200,
    "bytes": 71_233,
    "parsed": 30,
    "new": 2,
    "edited": 1,
    "seen": 27,
    "rejected": 0,
    "reasons": {"known": 27},
    "ms": 41,
    "next_poll_at": "2026-03-05T12:15:00+00:00",
    "why_then": "own interval of 15 min",
}


def microseconds(write: Callable[[], object], lines: int) -> float:
    """CPU time of one call in microseconds: the best of five rounds, since other load only adds."""
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        for _ in range(lines):
            write()
        best = min(best, time.process_time() - start)
    return best / lines * 1e6


def measured(lines: int) -> dict[str, float]:
    """Name of the way → microseconds a line."""
    found = {}
    with Path("/dev/null").open("w", encoding="utf-8") as nowhere:
        for form in (logs.Form.JSON, logs.Form.JOURNAL):
            logs.configure(form=form, stream=nowhere)
            log = structlog.get_logger()
            found[f"structlog native, {form}"] = microseconds(
                lambda log=log: log.info("feed_polled", **LINE), lines
            )
        logs.configure(level="debug", form=logs.Form.JSON, stream=nowhere)
        foreign = logging.getLogger("foreign")
        found["stdlib logger, json"] = microseconds(
            lambda: foreign.info("feed_polled", extra=LINE), lines
        )
        line = {"event": "feed_polled", **LINE}
        found["of it, redaction"] = microseconds(
            lambda: logs.redact(None, "info", line), lines
        )
        below = structlog.get_logger()
        logs.configure(level="info", form=logs.Form.JSON, stream=nowhere)
        found["below the level"] = microseconds(
            lambda: below.debug("feed_polled", **LINE), lines
        )
    structlog.reset_defaults()
    logging.getLogger().handlers.clear()
    logging.captureWarnings(False)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=20_000)
    for name, cost in measured(parser.parse_args().lines).items():
        print(f"{cost:8.1f} µs  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
