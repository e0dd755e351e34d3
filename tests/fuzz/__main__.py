"""A long run of the fuzzing, counted in processor time: `FUZZ_EXAMPLES=400 python -m tests.fuzz --seconds 3600`.

The targets are the tests of this folder. Each round gives so many examples, drawn anew, to the target that has had the
least time so far: all get the same. Hours by the clock say nothing on a machine that others use: a run at `nice 19`
beside busy neighbours once had two minutes of its processor in an hour. What counts is the user time of this process,
which reads everything itself.

A finding is printed as hypothesis shrank it, and its target rests for the remainder; the others go on. The end is 1
when there was one.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from tests.fuzz import test_edges, test_fuzz, test_spoiled


@dataclass(slots=True)
class Target:
    """A test that draws its own input, and what it has had so far."""

    name: str
    test: Callable[[], None]
    user_seconds: float = 0.0
    examples_count: int = 0
    is_failing: bool = False


def targets() -> list[Target]:
    """Every test of the folder."""
    found: list[Target] = []
    for module in (test_fuzz, test_spoiled, test_edges):
        for name, test in vars(module).items():
            if name.startswith("test_"):
                found.append(Target(name.removeprefix("test_whatever_"), test))
    return found


def user_seconds() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


def run_round(target: Target) -> None:
    """One round of examples; the time it took is the target's."""
    before = user_seconds()
    try:
        target.test()
    except Exception:  # noqa: BLE001 - whatever a target raises is a finding, told whole
        target.is_failing = True
        traceback.print_exc()
        print(f"-- finding in {target.name}", flush=True)
    target.user_seconds += user_seconds() - before
    target.examples_count += test_fuzz.EXAMPLES


def table(all_targets: list[Target]) -> str:
    lines = []
    for target in all_targets:
        verdict = "FINDING" if target.is_failing else "held"
        lines.append(
            f"{target.user_seconds:8.0f} s {target.examples_count:9,d} examples"
            f"  {verdict:8} {target.name}"
        )
    return "\n".join(lines)


def run(seconds: float, named: str) -> int:
    """Rounds until the time is used up. Answers how many targets had a finding."""
    everything = [target for target in targets() if named in target.name]
    for number in itertools.count(1):
        running = [target for target in everything if not target.is_failing]
        spent = sum(target.user_seconds for target in everything)
        if spent >= seconds or not running:
            break
        run_round(min(running, key=lambda target: target.user_seconds))
        if number % 100 == 0:
            print(f"{table(everything)}\n", flush=True)
    print(f"{table(everything)}\n{spent:.0f} s of user time", flush=True)
    return sum(target.is_failing for target in everything)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--seconds", type=float, default=3600, help="user time in all (3600)"
    )
    parser.add_argument("--only", default="", help="a part of the names of targets")
    chosen = parser.parse_args()
    sys.exit(min(run(chosen.seconds, chosen.only), 1))


if __name__ == "__main__":
    main()
