"""The digest log: `YYYY-MM-DD.md` for people and `YYYY-MM-DD.jsonl` for programs, kept for a while.

Rules:
- A digest belongs to the day its window begins, in the digest's time zone.
- A new digest is appended to both files with one write each and flushed to disk, JSON first. A digest whose id is
  there already replaces itself: both files are then made anew from the JSON lines and put in place by a rename. So a
  crash between the two writes is mended by repeating the digest, and a repeat never duplicates.
- A line cut off by a crash is dropped at the next write, with a warning; reading passes over what is no digest.
- Only files named by a date are ever read or deleted.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path

import structlog

from aggregator.model import Digest
from aggregator.watch.digest_json import digest_from_json, digest_json
from aggregator.watch.digest_markdown import digest_markdown

log = structlog.get_logger()

_NAME = re.compile(r"^(\d{4}-\d{2}-\d{2})\.(?:md|jsonl)$")


class DigestFiles:
    """The dated files in one directory, which one process writes at a time."""

    def __init__(
        self,
        directory: Path,
        *,
        zone: tzinfo = UTC,
        keep: timedelta = timedelta(days=90),
    ) -> None:
        """`keep`: how long a day's files stay after that day ended."""
        self.directory = directory
        self._zone = zone
        self._keep = keep

    def write(self, record: Digest) -> Path:
        """Store the digest; answers with the Markdown file. Raises OSError when the disk will not take it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        day = record.window_from_at.astimezone(self._zone).date()
        lines, text = self._path(day, "jsonl"), self._path(day, "md")
        held = lines.read_bytes() if lines.exists() else b""
        if text.exists() == bool(held) and not _needs_rewrite(held, record.id):
            _append(lines, digest_json(record) + b"\n")
            _append(text, ("" if held else _title(day)).encode() + self._block(record))
        else:
            self._rewrite(
                day,
                [
                    *(old for old in _records(held, lines) if old.id != record.id),
                    record,
                ],
            )
        return text

    def read(self, day: date) -> list[Digest]:
        """The digests of one day, oldest window first; [] for a day without any."""
        path = self._path(day, "jsonl")
        return (
            sorted(_records(path.read_bytes(), path), key=_by_window)
            if path.exists()
            else []
        )

    def since(self, from_at: datetime) -> list[Digest]:
        """Every digest whose window ends after `from_at`, oldest first."""
        first = from_at.astimezone(self._zone).date() - timedelta(days=1)
        found = (
            record for day in self.days() if day >= first for record in self.read(day)
        )
        return [record for record in found if record.window_to_at > from_at]

    def days(self) -> list[date]:
        """The days there are digests of, oldest first."""
        return sorted({day for day, _ in self._dated()})

    def expire(self, now: datetime) -> int:
        """Delete the files of days that ended more than `keep` ago; answers how many files went."""
        last = (now.astimezone(self._zone) - self._keep).date()
        old = [path for day, path in self._dated() if day < last]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _rewrite(self, day: date, records: list[Digest]) -> None:
        ordered = sorted(records, key=_by_window)
        _replace(
            self._path(day, "jsonl"),
            b"".join(digest_json(record) + b"\n" for record in ordered),
        )
        _replace(
            self._path(day, "md"),
            _title(day).encode() + b"".join(self._block(record) for record in ordered),
        )

    def _block(self, record: Digest) -> bytes:
        return b"\n" + digest_markdown(record, zone=self._zone).encode(
            "utf-8", "replace"
        )

    def _path(self, day: date, extension: str) -> Path:
        return self.directory / f"{day.isoformat()}.{extension}"

    def _dated(self) -> Iterator[tuple[date, Path]]:
        if not self.directory.is_dir():
            return
        for path in self.directory.iterdir():
            found = _NAME.match(path.name)
            if found:
                with contextlib.suppress(ValueError):  # 2026-99-99.md is not ours
                    yield date.fromisoformat(found[1]), path


def _title(day: date) -> str:
    return f"# {day.isoformat()}\n"


def _by_window(record: Digest) -> tuple[datetime, datetime, str]:
    return (record.window_from_at, record.window_to_at, record.id)


def _needs_rewrite(held: bytes, digest_id: str) -> bool:
    """Whether the id is there already, or the last line was cut off."""
    return f'"id":"{digest_id}"'.encode() in held or (
        bool(held) and not held.endswith(b"\n")
    )


def _records(held: bytes, path: Path) -> Iterator[Digest]:
    for number, line in enumerate(held.splitlines(), 1):
        try:
            yield digest_from_json(line)
        except ValueError:
            log.warning("digest_line_unreadable", file=str(path), line=number)


def _append(path: Path, data: bytes) -> None:
    descriptor = os.open(
        path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644
    )
    try:
        _write_whole(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace(path: Path, data: bytes) -> None:
    """The file holds either the old or the new content, whenever the machine stops."""
    draft = path.with_name(f".{path.name}.new")
    descriptor = os.open(
        draft, os.O_WRONLY | os.O_TRUNC | os.O_CREAT | os.O_CLOEXEC, 0o644
    )
    try:
        _write_whole(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    draft.replace(path)


def _write_whole(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
