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
    listed = await _listed_titles(store, wanted)
    titles = {entry_id: listed[entry_id] for entry_id in wanted & listed.keys()}
    missing = wanted - titles.keys()
    if not missing:
        return titles
    # An event's record lists the newest of its reports: older ones are in the stream only.
    async for message in store.watch.messages(since - SKEW):
        if message.entry_id in missing:
            titles.setdefault(message.entry_id, message.title)
    return titles


async def _listed_titles(
    store: Store,
    entry_ids: Iterable[str],
) -> dict[str, str]:
    """The titles of all reports that the events of these ones list."""
    event_ids: set[str] = set()
    for entry_id in entry_ids:
        event_id = await store.events.event_of(entry_id)
        if event_id is not None:
            event_ids.add(event_id)
    titles: dict[str, str] = {}
    for event in (await store.events.by_ids(sorted(event_ids))).values():
        for source in event.sources:
            titles[source.entry_id] = source.title
    return titles


async def decisions(
    store: Store,
    entry_ids: Iterable[str],
    records: Mapping[str, FingerprintRecord],
    since: datetime,
) -> dict[str, Decision]:
    """Why reports were put where they are, by entry id: of their `records`, else as messages since then told it, which
    name no other report. What is not known is missing."""
    decisions = {
        entry_id: record.decision
        for entry_id, record in records.items()
        if record.decision is not None
    }
    # Rows that an earlier version wrote do not tell it.
    missing = set(entry_ids) - decisions.keys()
    if not missing:
        return decisions
    async for message in store.watch.messages(since - SKEW):
        # A later edit says nothing of it, and a split is an operator's doing.
        is_decision = message.kind in (Kind.NEW, Kind.JOINED) and not message.split_from
        if is_decision and message.entry_id in missing:
            decision = Decision(message.score, message.reason)
            decisions.setdefault(message.entry_id, decision)
    return decisions


def best_ids(decisions: Mapping[str, Decision]) -> set[str]:
    """The reports that the decisions name: what each report was nearest to."""
    best_ids = {decision.best_entry_id for decision in decisions.values()}
    return best_ids - {""}


def moved(rulings: Iterable[Ruling]) -> frozenset[str]:
    """The reports that an operator took out of the event they had been put in."""
    entry_ids: set[str] = set()
    for ruling in rulings:
        if ruling.verb is Verb.SPLIT:
            entry_ids.update(ruling.entry_ids)
    return frozenset(entry_ids)


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
    best = ""
    if decision.best_entry_id:
        best = f'"{best_title or UNTITLED}" ({decision.best_entry_id})'
    match decision.reason:
        # What only a message tells names no other report.
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
