"""Documents as files: atomic, and never outside the directory they are given.

- A file is written beside its place and renamed into it: a reader sees the old text or the new one.
- Every folder on the way is opened without following links, from the directory downwards, so neither `..` nor a link
  planted in the archive leads out of it. What cannot be written for such a reason is refused and told, not raised.
- A file that holds the text already is left alone, with its time.

Nothing is forced to disk: after a power cut the export is run again, which is cheaper than an fsync for each file.
What goes into the files is decided by `entry.files`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

INDEX = "_index.json"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_REFUSED = frozenset(
    {
        errno.ELOOP,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ENAMETOOLONG,
        errno.EINVAL,
        errno.ENOTEMPTY,
    }
)


@dataclass(frozen=True, slots=True)
class Written:
    """What one export did. `refused` holds (path, reason)."""

    written_count: int
    removed_count: int
    refused: tuple[tuple[str, str], ...] = ()


def write(
    directory: Path, files: Mapping[str, str], *, stale: Iterable[str] = ()
) -> Written:
    """Put each text at its relative path under `directory` (made if missing), and take the stale paths away.

    Raises OSError when the directory itself cannot be used, or the disk is full.
    """
    directory.mkdir(parents=True, exist_ok=True)
    root = os.open(
        directory,
        os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC,
    )
    written = removed = 0
    refused: list[tuple[str, str]] = []
    try:
        for path, text in files.items():
            reason = _put(root, path, text.encode())
            written += reason is None
            if reason:
                refused.append((path, reason))
        for path in stale:
            removed += path not in files and _removed(root, path)
    finally:
        os.close(root)
    return Written(written, removed, tuple(refused))


def read_index(directory: Path) -> str:
    """The text of the directory's index; '' when it has none."""
    try:
        return (directory / INDEX).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
        return ""


def _put(
    root: int,
    path: str,
    data: bytes,
) -> str | None:
    """Write one file: None when written, '' when it held the bytes already, else why it was refused."""
    parts = path.split("/")
    if not all(_is_name(part) for part in parts):
        return "not a path inside the directory"
    try:
        folder = _opened(root, parts[:-1], make=True)
    except OSError as error:
        return _reason(error)
    try:
        if _held(folder, parts[-1]) == data:
            return ""
        _replace(folder, parts[-1], data)
    except OSError as error:
        return _reason(error)
    finally:
        os.close(folder)
    return None


def _removed(root: int, path: str) -> bool:
    """Take one file away; False when it is not there or not ours to reach."""
    parts = path.split("/")
    if not all(_is_name(part) for part in parts):
        return False
    try:
        folder = _opened(root, parts[:-1], make=False)
    except OSError:
        return False
    try:
        os.unlink(parts[-1], dir_fd=folder)
    except OSError:
        return False
    finally:
        os.close(folder)
    return True


def _is_name(part: str) -> bool:
    return part not in ("", ".", "..") and "\x00" not in part


def _opened(
    root: int,
    parts: list[str],
    *,
    make: bool,
) -> int:
    """A descriptor of the folder, opened part by part without following a link."""
    current = os.dup(root)
    for part in parts:
        # From each folder's descriptor, so that nobody puts a link in its place meanwhile.
        try:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=current)
            below = os.open(part, _FOLDER, dir_fd=current)
        finally:
            os.close(current)
        current = below
    return current


def _held(folder: int, name: str) -> bytes | None:
    """What the file holds now; None when there is none, or a link or a folder in its place."""
    try:
        descriptor = os.open(
            name,
            # A pipe of this name would wait for a writer.
            os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC,
            dir_fd=folder,
        )
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):
            return None
        raise
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def _replace(
    folder: int,
    name: str,
    data: bytes,
) -> None:
    beside = f".{sha256(name.encode(errors='surrogateescape')).hexdigest()[:16]}.tmp"
    # What a run that was killed left behind.
    with suppress(FileNotFoundError):
        os.unlink(beside, dir_fd=folder)
    descriptor = os.open(
        beside,
        os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
        0o644,
        dir_fd=folder,
    )
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        with suppress(FileNotFoundError):
            os.unlink(beside, dir_fd=folder)
        raise


def _reason(error: OSError) -> str:
    """Why one path is refused; raises again what concerns the whole export."""
    # A full disk concerns all files, a name that is too long only its own.
    if error.errno not in _REFUSED:
        raise error
    return os.strerror(error.errno or 0)
