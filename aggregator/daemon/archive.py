"""`archive_dir`: every event's document as a file, kept up by the daemon.

Rules: it reads the public streams from the place it left off (kept in the state directory, written after the index
was), so that a crash writes a file again and leaves none out. A disk that refuses is tried again; nothing is skipped.
A document is written as it comes. The index, which lists them all, is written again when the time since it was last
written is INDEX_SHARE times what that took: its cost is a fixed share of the time, however large the archive.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import structlog

from aggregator.engine.store import Store
from aggregator.engine.watch_store import Row
from aggregator.entry.files import Catalog
from aggregator.errors import EngineError
from aggregator.model import Kind, Message
from aggregator.watch.archive import read_index, write

log = structlog.get_logger()

BLOCK = timedelta(seconds=2)
SETTLE_SECONDS = 5.0
"""Pause between two batches, so that a burst costs one index and not hundreds. A guess."""
RETRY_SECONDS = 10.0
INDEX_SHARE = 50
"""The index takes a fiftieth of a core at most: 200,000 documents, for which it takes 1.3 s, are listed anew after a
minute, 1,000 documents at every batch."""
BATCH = 1000
STREAMS = ("reports", "events")


class Archive:
    """The archive of one installation."""

    def __init__(
        self,
        store: Store,
        *,
        directory: Path,
        place: Path,
    ) -> None:
        """`place`: the file that remembers how far the streams were read."""
        self._store = store
        self._directory = directory
        self._place = place
        self._is_listed = True
        """Whether the index lists all that was written."""
        self._index_due = 0.0

    async def run(self) -> None:
        """Keep the archive up until cancelled."""
        catalog = Catalog(await asyncio.to_thread(read_index, self._directory))
        # Rows behind the place that was kept are written once more: into the same files, with the same content.
        last = self._read_place()
        while True:
            try:
                rows = await self._store.watch.tail(last, block=BLOCK, count=BATCH)
                rows = together(rows, batch=BATCH)
                if rows:
                    # In a thread, since polls and pages wait for the loop while a disk is slow.
                    await asyncio.to_thread(self._write, rows, catalog)
                    last |= {row.stream: row.stream_id for row in rows}
                    self._is_listed = False
                if not self._is_listed and self._index_is_due():
                    await asyncio.to_thread(self._write_index, catalog, last)
                # After a whole batch more waits: catching up after a day off must not take a day.
                if 0 < len(rows) < BATCH:
                    await asyncio.sleep(SETTLE_SECONDS)
            except (EngineError, OSError) as error:
                # A server that is away, a disk that is full: what is missed meanwhile still stands in the streams.
                log.error(
                    "archive_waits",
                    directory=str(self._directory),
                    error=str(error),
                    retry_s=RETRY_SECONDS,
                )
                await asyncio.sleep(RETRY_SECONDS)

    def _write(self, rows: list[Row], catalog: Catalog) -> None:
        """Write the documents that these rows bring. Raises OSError."""
        changes = catalog.apply(archived(rows, self._store.watch.message_of))
        report = write(self._directory, changes.files, stale=changes.stale)
        for path, reason in report.refused:
            log.error("document_not_archived", path=path, reason=reason)
        log.info(
            "archived",
            written=report.written_count,
            removed=report.removed_count,
            documents=len(catalog),
        )

    def _index_is_due(self) -> bool:
        return time.monotonic() >= self._index_due

    def _write_index(self, catalog: Catalog, last: dict[str, str]) -> None:
        """Write the index, then the place up to which it lists. Raises OSError."""
        started = time.monotonic()
        write(self._directory, catalog.index_files())
        self._write_place(last)
        self._is_listed = True
        ended = time.monotonic()
        # The index is of the whole archive: a large one is written more seldom, not for ever.
        self._index_due = ended + INDEX_SHARE * (ended - started)

    def _read_place(self) -> dict[str, str]:
        try:
            place = json.loads(self._place.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            # None yet, or cut off: files are written again, none is left out.
            place = {}
        return {stream: str(place.get(stream, "0-0")) for stream in STREAMS}

    def _write_place(self, last: dict[str, str]) -> None:
        """By renaming, so that a crash leaves the old one or the new one."""
        fresh = self._place.with_suffix(".new")
        fresh.write_text(json.dumps(last), encoding="utf-8")
        fresh.replace(self._place)


def together(rows: list[Row], *, batch: int) -> list[Row]:
    """The rows up to where every stream has been read: a merge must not overtake the reports it is about.

    A stream of which a whole batch came may hold more that is older than what others gave.
    """
    counts = Counter(row.stream for row in rows)
    ends: list[tuple[int, ...]] = []
    for stream, count in counts.items():
        if count >= batch:
            times = [_time(row) for row in rows if row.stream == stream]
            ends.append(max(times))
    if not ends:
        return rows
    end = min(ends)
    return [row for row in rows if _time(row) <= end]


def _time(row: Row) -> tuple[int, ...]:
    return tuple(int(part) for part in row.stream_id.split("-"))


def archived(
    rows: list[Row],
    message_of: Callable[[Row], Message | None],
) -> list[Message]:
    """The messages that concern the archive, in the order of their time: every report, and merges."""
    messages: list[Message] = []
    for row in sorted(rows, key=_time):
        message = message_of(row)
        if message is None:
            continue
        # Of the events stream only merges: first reports stand in the reports stream, too.
        if row.stream == "reports" or message.kind is Kind.MERGED:
            messages.append(message)
    return messages
