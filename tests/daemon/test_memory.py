"""What was freed goes back to the system, where the library can."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from aggregator.daemon.memory import give_back

PROGRAM = """
import psutil
from aggregator.daemon.memory import give_back

process = psutil.Process()
before = process.memory_info().rss
# Small enough for the heap; every hundredth stays, so that its end cannot be cut off.
blocks = [bytes([1]) * 50_000 for _ in range(1000)]
kept = blocks[::100]
full = process.memory_info().rss
blocks.clear()
assert give_back()
after = process.memory_info().rss
assert full - before > 40_000_000, (before, full)
assert after - before < 10_000_000, (before, after)
"""


IS_GLIBC = platform.libc_ver()[0] == "glibc"


@pytest.mark.skipif(not IS_GLIBC, reason="another library than glibc allocates")
def test_free_memory_between_what_is_held_is_given_back() -> None:
    # In a process of its own: what others left free would count, too.
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)


def test_it_may_be_asked_anywhere_and_again() -> None:
    assert [give_back(), give_back()] == [IS_GLIBC, IS_GLIBC]
