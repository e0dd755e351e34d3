"""Long-running commands look for garbage seldom."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc
from aggregator.cli.garbage import collect_seldom, keep_what_is_loaded

collect_seldom()
keep_what_is_loaded()
looks = []
gc.callbacks.append(lambda phase, info: looks.append(info["generation"]))
kept = [[] for _ in range(5_000)]
assert not looks, looks
assert gc.get_freeze_count() > 10_000
assert len(gc.get_objects()) < 10_000

class Circle:
    pass

for _ in range(20_000):
    one = Circle()
    one.itself = one
assert looks and set(looks) == {0}, looks
"""


def test_what_was_imported_is_not_looked_at_and_young_objects_seldom() -> None:
    # In a process of its own: it stays so for as long as the process lives.
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)
