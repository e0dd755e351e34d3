"""What the sandbox tests run in children: functions that hang, eat, crash, or behave."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from pathlib import Path

_kept: list[bytes] = []


def echo(argument: object) -> object:
    return argument


def length(argument: bytes) -> int:
    return len(argument)


def sleep_for(seconds: float) -> str:
    time.sleep(seconds)
    return "slept"


def is_loaded(module: str) -> bool:
    return module in sys.modules


def spin(_: object) -> None:
    while True:
        pass


def spin_for(seconds: float) -> float:
    started = time.process_time()
    while time.process_time() - started < seconds:
        pass
    return seconds


def spin_in_c(_: object) -> None:
    """Backtracks for years inside the regular expression engine, which never lets another thread run."""
    re.match(r"(a+)+$", "a" * 60 + "b")


def spin_deaf(_: object) -> None:
    """Counts for hours in C code that looks at no signal before it is done, as a sanitiser does."""
    sum(range(10**15))


def eat(_: object) -> None:
    eaten = []
    while True:
        eaten.append(bytearray(2**22))


def leak(size_bytes: int) -> int:
    """Keeps what it is asked to, as a leaking parser does; answers the process that did it."""
    _kept.append(b"x" * size_bytes)
    return os.getpid()


def recurse(_: object) -> None:
    recurse(_)


def segfault(_: object) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def end(status: int) -> None:
    os._exit(status)


def fail(text: str) -> None:
    raise ValueError(text)


class OddError(Exception):
    """An exception that cannot be built again from its arguments."""

    def __init__(self, *, one: str, other: str) -> None:
        super().__init__(one, other)


def fail_oddly(_: object) -> None:
    raise OddError(one="1", other="2")


def unpicklable(_: object) -> object:
    return lambda: None


def stop(_: object) -> None:
    sys.exit(5)


def open_sockets(_: object) -> list[str]:
    """The targets of this process's descriptors that are sockets."""
    names = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            names.append(str(entry.readlink()))
        except OSError:
            continue
    return [name for name in names if name.startswith("socket:")]


def environment(_: object) -> list[str]:
    """Names of secrets in this process's environment, as it began and as it is."""
    began = [
        pair.partition("=")[0]
        for pair in Path("/proc/self/environ").read_text().split("\0")
    ]
    return [name for name in {*began, *os.environ} if "PASSWORD" in name]


def loaded(names: tuple[str, ...]) -> list[str]:
    return [name for name in names if name in sys.modules]


def obey(order: tuple[str, object]) -> object:
    """One function for a sandbox that has to meet several fates: ("spin", None), ("echo", 1) …"""
    name, argument = order
    return globals()[name](argument)
