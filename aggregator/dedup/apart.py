"""Which events an operator has said are not one, so that no evidence of the model makes them one again.

Rules: the relation is between events, so that a report that joins one of them later is kept from the other as well. It
passes on: when an event absorbs another it is held apart from all that the other was, and reports that are moved carry
over what their event was held apart from. Only an operator's later word ends it, by making the two events one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from aggregator.model import Assignment, Ruling


class Apart:
    """See the module. Events are known by the ids that stand now."""

    def __init__(self) -> None:
        self._others: dict[str, set[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._others)

    def of(self, event_id: str) -> tuple[str, ...]:
        """The events that this one is held apart from, in the order of their ids."""
        return tuple(sorted(self._others.get(event_id, ())))

    def keep(self, event_id: str, others: Iterable[str]) -> None:
        """Hold the event apart from these; itself among them is passed over."""
        for other in others:
            if other != event_id:
                self._others.setdefault(event_id, set()).add(other)
                self._others.setdefault(other, set()).add(event_id)

    def merge(self, survivor: str, absorbed: str) -> None:
        """The two are one from now on."""
        for other in self._others.pop(absorbed, set()):
            self._others[other].discard(absorbed)
            self.keep(survivor, (other,))
            # The two themselves were held apart, and now there is nothing left to hold.
            if not self._others[other]:
                del self._others[other]

    def may_absorb(
        self,
        event_ids: Iterable[str],
        absorbs: Sequence[str],
    ) -> list[str]:
        """Those of `absorbs` that can be made one with `event_ids` and with each other, the first ones first."""
        together = set(event_ids)
        allowed = []
        for event_id in absorbs:
            others = self._others.get(event_id, ())
            if together.isdisjoint(others):
                # From now on whatever is held apart from it is held apart from all.
                together.add(event_id)
                allowed.append(event_id)
        return allowed


def apart_of(
    rulings: Iterable[Ruling],
    aliases: Mapping[str, str],
) -> Apart:
    """What rulings say, oldest first, of the events as they stand: `aliases` holds absorbed ids with their survivors.

    Events that an operator joined after they were split are one by their aliases, and so no longer apart.
    """
    apart = Apart()
    for ruling in rulings:
        event_id = aliases.get(ruling.event_id, ruling.event_id)
        others = [aliases.get(other, other) for other in ruling.apart]
        apart.keep(event_id, others)
    return apart


def without_forbidden(
    assignment: Assignment,
    event_id: str,
    apart: Apart,
) -> Assignment:
    """The assignment to `event_id` without the merges that an operator has ruled out; these become `related`."""
    allowed = tuple(apart.may_absorb((event_id,), assignment.absorbs))
    if allowed == assignment.absorbs:
        return assignment
    refused = [other for other in assignment.absorbs if other not in allowed]
    related = dict.fromkeys((*refused, *assignment.related))
    return replace(
        assignment,
        absorbs=allowed,
        related=tuple(related),
    )
