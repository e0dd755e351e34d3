"""The environment of child processes: without the secrets of ours.

Rules: feeds' passwords, the address of Redis and whatever else an operator put into the environment of the daemon are
no business of a process that reads strangers' documents (`/proc/self/environ` would tell them). Children are started
inside `bare_environment`; a variable is read by `variable`, which waits for that moment to pass. Processes take over
the environment that stands when they are started, so it is emptied for that long: there is no other way to tell
multiprocessing's fork server what to leave out.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_KEPT = re.compile(
    r"PATH|HOME|USER|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR|PYTHON[A-Z]*|VIRTUAL_ENV|LD_LIBRARY_PATH|DYLD_[A-Z_]+"
    r"|(?:OPENBLAS|OMP|MKL|NUMEXPR|VECLIB|ORT)_[A-Z0-9_]+|COVERAGE_[A-Z_]+"
)
"""What an interpreter and its libraries need to start."""

_lock = threading.Lock()


def variable(name: str) -> str | None:
    """The value of an environment variable, None where it is not set."""
    with _lock:
        return os.environ.get(name)


@contextmanager
def bare_environment() -> Iterator[None]:
    """For a process that is started now."""
    with _lock:
        removed: dict[str, str] = {}
        for name in list(os.environ):
            if not _KEPT.fullmatch(name):
                removed[name] = os.environ.pop(name)
        try:
            yield
        finally:
            os.environ.update(removed)
