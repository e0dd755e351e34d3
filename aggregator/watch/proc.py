"""What a process and its children use, read from Linux' /proc.

Rules: only files of single processes are read, because under `ProcSubset=pid` (our unit) there are no others;
prometheus-client's own collector needs /proc/stat and tells nothing there. Elsewhere than on Linux the answer is None.
"""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_PAGE_BYTES = resource.getpagesize()
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """`cpu_seconds` is user and system time; `children_bytes` the resident memory of all descendants."""

    resident_bytes: int
    virtual_bytes: int
    cpu_seconds: float
    started_seconds: float
    """When it started, in seconds of CLOCK_BOOTTIME."""
    open_files: int
    children_bytes: int


def usage(pid: int) -> Usage | None:
    """What the process uses now; None when it is gone or there is no /proc."""
    stat = _stat(pid)
    if stat is None:
        return None
    # proc_pid_stat(5), counted from the state, its third field.
    return Usage(
        resident_bytes=int(stat[21]) * _PAGE_BYTES,
        virtual_bytes=int(stat[20]),
        cpu_seconds=(int(stat[11]) + int(stat[12])) / _TICKS,
        started_seconds=int(stat[19]) / _TICKS,
        open_files=_open_files(pid),
        children_bytes=sum(_resident_bytes(child) for child in descendants(pid)),
    )


def descendants(pid: int) -> list[int]:
    """The children of a process, and theirs."""
    pids: list[int] = []
    waiting = _children(pid)
    while waiting:
        child = waiting.pop()
        pids.append(child)
        waiting += _children(child)
    return pids


def _children(pid: int) -> list[int]:
    """Each thread has its own list; a process that ends meanwhile has none."""
    children: list[int] = []
    try:
        for thread in (PROC / str(pid) / "task").iterdir():
            words = (thread / "children").read_text().split()
            children += map(int, words)
    except OSError:
        # It ended while it was looked at.
        return []
    return children


def _resident_bytes(pid: int) -> int:
    stat = _stat(pid)
    return int(stat[21]) * _PAGE_BYTES if stat else 0


def _open_files(pid: int) -> int:
    try:
        return len(list((PROC / str(pid) / "fd").iterdir()))
    except OSError:
        return 0


def _stat(pid: int) -> list[bytes] | None:
    """The fields after the name, which may hold spaces and brackets."""
    try:
        text = (PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    # A program may call itself `a) b`.
    return text[text.rindex(b")") + 1 :].split()
