"""Why reports were put where they are, in words: the decisions that were kept, and the titles of what they name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from aggregator.engine.store import Store
from aggregator.model import Decision, FingerprintRecord, Kind, Ruling, Verb

SKEW = timedelta(hours=1)
"""How far the clocks of a worker and of the server may differ (a guess): messages are looked for from then on."""
UNTITLED = "(title no longer kept)"


async def titles(
    store: Store,
    entry_ids: Iterable[str],
    since: datetime,
) -> dict[str, str]:
    """Titles of published reports by entry id, as their events list them; of those that these list no longer, as
    messages since then told them. What is not known is missing."""
    wanted = set(entry_ids)
    event_ids = [await store.events.event_of(entry_id) for entry_id in wanted]
    events = await store.events.by_ids(
        [event_id for event_id in dict.fromkeys(event_ids) if event_id]
    )
    found: dict[str, str] = {}
    for event in events.values():
        found.update(
            {
                source.entry_id: source.title
                for source in event.sources
                if source.entry_id in wanted
            }
        )
    if wanted - found.keys():
        async for message in store.watch.messages(since - SKEW):
            if message.entry_id in wanted and message.entry_id not in found:
                found[message.entry_id] = message.title
    return found


async def decisions(
    store: Store,
    entry_ids: Iterable[str],
    records: Mapping[str, FingerprintRecord],
    since: datetime,
) -> dict[str, Decision]:
    """Why reports were put where they are, by entry id: of their `records`, else as messages since then told it, which
    name no other report. What is not known is missing."""
    found = {
        name: record.decision
        for name, record in records.items()
        if record.decision is not None
    }
    wanted = set(entry_ids) - found.keys()
    if wanted:
        async for message in store.watch.messages(since - SKEW):
            is_first = (
                message.kind in (Kind.NEW, Kind.JOINED) and not message.split_from
            )
            if (
                is_first
                and message.entry_id in wanted
                and message.entry_id not in found
            ):
                found[message.entry_id] = Decision(message.score, message.reason)
    return found


def moved(rulings: Iterable[Ruling]) -> frozenset[str]:
    """The reports that an operator took out of the event they had been put in."""
    return frozenset(
        name
        for ruling in rulings
        if ruling.verb is Verb.SPLIT
        for name in ruling.entry_ids
    )


def in_words(
    decision: Decision | None,
    best_title: str | None,
    *,
    is_moved: bool,
) -> str:
    """Why a report was put where it was, and whether an operator moved it, as the end of a sentence about it."""
    why = _why(decision, best_title)
    return f"{why}; then moved by an operator" if is_moved else why


def _why(decision: Decision | None, best_title: str | None) -> str:
    if decision is None:
        return "why it was put there is no longer kept"
    best = (
        f'"{best_title or UNTITLED}" ({decision.best_entry_id})'
        if decision.best_entry_id
        else ""
    )
    match decision.reason:
        case "new" if best:
            return f"started an event: it scored {decision.score:.2f} against the event of {best}"
        case "new" if decision.score:
            return f"started an event: it scored {decision.score:.2f} against the nearest one"
        case "new":
            return "started an event: none was like it"
        case "same_url":
            return f"joined the event of {best or 'another report'}, which has the same address"
        case reason:
            through = f", through {best}" if best else ""
            return f"joined with score {decision.score:.2f} ({reason}){through}"
