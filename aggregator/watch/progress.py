"""Whether the stages still move: what feeds the watchdog, and what `/healthz` answers.

Rules: a stage beats when it finished a round (also an idle one); it is stuck when its last beat is older than its
allowance. Pure: the time is an argument, in seconds of a monotonic clock, since the wall clock may jump.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta


class Progress:
    """The last beat of each stage. A stage counts from its first beat on, and no longer after `retire`."""

    def __init__(self, allowances: Mapping[str, timedelta]) -> None:
        """`allowances`: how long each stage may go without a beat."""
        self._allowances = dict(allowances)
        self._beats: dict[str, float] = {}

    def beat(self, stage: str, now: float) -> None:
        """The stage finished a round. Raises KeyError for a stage without an allowance."""
        self._allowances[stage]
        self._beats[stage] = now

    def stuck(self, now: float) -> tuple[str, ...]:
        """One sentence for each stage that is overdue, in order of name."""
        sentences: list[str] = []
        for stage, beat in sorted(self._beats.items()):
            silence = now - beat
            if silence > self._allowances[stage].total_seconds():
                sentences.append(f"{stage} has not moved for {silence:.0f} s")
        return tuple(sentences)
