"""What was found under our keys and is not ours (or is damaged): counted, and told once.

Rules: a slip costs its own row, wherever it is read. Each process counts what it meets, by kind; the place of a slip
(key, and row or field) is told in `agg:trouble` by whoever meets it first, and never again while the note of it stands
in `agg:unreadable`. A flood is counted but not told one by one: MOST_NOTED places are remembered.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from aggregator.engine.codec import Unreadable

MOST_NOTED = 1000
"""Places that a process remembers, and that are told: a guess, more than anyone would look through."""
TOLD_AT_ONCE = 100
"""Places told in one script."""


@dataclass(frozen=True, slots=True)
class Slip:
    """`place` names key and row as an operator would look for them."""

    kind: str
    place: str
    why: str


class Slips:
    """The slips that one process has met."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """By kind, each place once (once more when its place was forgotten)."""
        self._noted: dict[str, None] = {}
        self._untold: list[Slip] = []

    def note(
        self,
        kind: str,
        place: str,
        unreadable: Unreadable,
    ) -> None:
        """Counts what was met at this place, once, and keeps it to be told."""
        # A consumer that puts its own words back into a list is met each minute, by housekeeping alone.
        if place in self._noted:
            return
        if len(self._noted) >= MOST_NOTED:
            oldest = next(iter(self._noted))
            del self._noted[oldest]
        self._noted[place] = None
        self.counts[kind] += 1
        if len(self._untold) < MOST_NOTED:
            self._untold.append(Slip(kind, place, unreadable.why))

    def untold(self) -> tuple[Slip, ...]:
        """The next ones to tell; `told` takes them off."""
        return tuple(self._untold[:TOLD_AT_ONCE])

    def told(self, count: int) -> None:
        """Takes the first `count` off those that are to be told."""
        del self._untold[:count]

    def places(self) -> list[str]:
        """The places remembered, the first one met in front."""
        return list(self._noted)
