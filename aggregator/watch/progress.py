"""Whether the stages still move: what feeds the watchdog, and what `/healthz` answers.

Rules: a stage beats when it finished a round (also an idle one); it is stuck when its last beat is older than its
allowance. Time in which the loop did not turn counts for no stage: a stopped process, a frozen container. Pure: the
time is an argument, in seconds of a monotonic clock, since the wall clock may jump.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

LOOP = "loop"
"""The stage that beats whenever the event loop turns; it carries all others."""
STANDSTILL_SECONDS = 10.0
"""A loop that did not beat for so long stood still; it beats every second. A guess."""


class Progress:
    """The last beat of each stage. A stage counts from its first beat on."""

    def __init__(self, allowances: Mapping[str, timedelta]) -> None:
        """`allowances`: how long each stage may go without a beat."""
        self._allowances = dict(allowances)
        self._beats: dict[str, float] = {}

    def beat(self, stage: str, now: float) -> None:
        """The stage finished a round. Raises KeyError for a stage without an allowance."""
        self._allowances[stage]
        if stage == LOOP:
            self._forgive_standstill(now)
        self._beats[stage] = now

    def _forgive_standstill(self, now: float) -> None:
        """Where the loop stood still no stage could move, and none may be called stuck for it."""
        still_seconds = now - self._beats.get(LOOP, now)
        if still_seconds < STANDSTILL_SECONDS:
            return
        for stage, beat in self._beats.items():
            self._beats[stage] = min(now, beat + still_seconds)

    def stuck(self, now: float) -> tuple[str, ...]:
        """One sentence for each stage that is overdue, in order of name."""
        sentences: list[str] = []
        for stage, beat in sorted(self._beats.items()):
            silence = now - beat
            if silence > self._allowances[stage].total_seconds():
                sentences.append(f"{stage} has not moved for {silence:.0f} s")
        return tuple(sentences)
