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
        lines = self._path(day, "jsonl")
        text = self._path(day, "md")
        held = lines.read_bytes() if lines.exists() else b""
        # One file without the other: a crash came between the two, or someone took one away.
        is_whole = text.exists() == bool(held)
        if is_whole and not _needs_rewrite(held, record.id):
            head = b"" if held else _title(day).encode()
            # JSON first: from it both files can be made anew.
            _append(lines, digest_json(record) + b"\n")
            _append(text, head + self._block(record))
            return text
        others = [old for old in _records(held, lines) if old.id != record.id]
        self._rewrite(day, [*others, record])
        return text

    def read(self, day: date) -> list[Digest]:
        """The digests of one day, oldest window first; [] for a day without any."""
        path = self._path(day, "jsonl")
        if not path.exists():
            return []
        return sorted(_records(path.read_bytes(), path), key=_by_window)

    def since(self, from_at: datetime) -> list[Digest]:
        """Every digest whose window ends after `from_at`, oldest first."""
        # A digest belongs to the day its window begins, and the window may end on the next.
        first = from_at.astimezone(self._zone).date() - timedelta(days=1)
        records: list[Digest] = []
        for day in self.days():
            if day >= first:
                records += self.read(day)
        return [record for record in records if record.window_to_at > from_at]

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

    def _rewrite(
        self,
        day: date,
        records: list[Digest],
    ) -> None:
        ordered = sorted(records, key=_by_window)
        lines = b"".join(digest_json(record) + b"\n" for record in ordered)
        blocks = b"".join(map(self._block, ordered))
        _replace(self._path(day, "jsonl"), lines)
        _replace(
            self._path(day, "md"),
            _title(day).encode() + blocks,
        )

    def _block(self, record: Digest) -> bytes:
        text = digest_markdown(record, zone=self._zone)
        # Half an emoji in a title must not cost the day's file.
        return b"\n" + text.encode("utf-8", "replace")

    def _path(self, day: date, extension: str) -> Path:
        return self.directory / f"{day.isoformat()}.{extension}"

    def _dated(self) -> Iterator[tuple[date, Path]]:
        if not self.directory.is_dir():
            return
        for path in self.directory.iterdir():
            name = _NAME.match(path.name)
            if name is None:
                continue
            # 2026-99-99.md is not ours.
            with contextlib.suppress(ValueError):
                yield date.fromisoformat(name[1]), path


def _title(day: date) -> str:
    return f"# {day.isoformat()}\n"


def _by_window(record: Digest) -> tuple[datetime, datetime, str]:
    return (record.window_from_at, record.window_to_at, record.id)


def _needs_rewrite(held: bytes, digest_id: str) -> bool:
    """Whether the id is there already, or the last line was cut off."""
    is_cut_off = bool(held) and not held.endswith(b"\n")
    return is_cut_off or f'"id":"{digest_id}"'.encode() in held


def _records(held: bytes, path: Path) -> Iterator[Digest]:
    for number, line in enumerate(held.splitlines(), 1):
        try:
            yield digest_from_json(line)
        except ValueError:
            log.warning("digest_line_unreadable", file=str(path), line=number)


def _append(path: Path, data: bytes) -> None:
    _write_down(path, data, os.O_APPEND)


def _replace(path: Path, data: bytes) -> None:
    """The file holds either the old or the new content, whenever the machine stops."""
    draft = path.with_name(f".{path.name}.new")
    _write_down(draft, data, os.O_TRUNC)
    draft.replace(path)


def _write_down(
    path: Path,
    data: bytes,
    how: int,
) -> None:
    """Write all of it, so that it is on the disk when this returns."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
    descriptor = os.open(path, flags | how, 0o644)
    try:
        view = memoryview(data)
        # A disk that is nearly full takes a part.
        while view:
            written = os.write(descriptor, view)
            view = view[written:]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
