"""The event stage's decisions: one entry and its assignment to the publication that tells of it.

Rules: an event is never changed in place, a report gives a new record of it; an edit never moves an entry to another
event; ids follow from content, so that telling the same thing twice gives the same messages; a merge is told once,
by the survivor.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from aggregator import mentions
from aggregator.entry.images import image_of
from aggregator.entry.lead import lead_of
from aggregator.mentions import Report
from aggregator.model import (
    Assignment,
    Decision,
    Entry,
    Event,
    FingerprintRecord,
    Kind,
    Match,
    Message,
    Publication,
    Queue,
    Source,
    replace,
)

SOURCES_KEPT = 50
"""Reports that an event's record and messages list: the first and the newest 49 (design.md)."""
SITES_KEPT = 500
"""Publishers remembered for counting independent ones; a guess, no event seen came near it."""
RELATED_KEPT = 20


@dataclass(frozen=True, slots=True)
class Reported:
    """One entry's publication, and the events as they stand after it (the entry's own and those it absorbed)."""

    publication: Publication
    event: Event
    absorbed: tuple[Event, ...] = ()


def event_id_of(entry_id: str) -> str:
    """The id of the event whose first report is this entry: `e` and 20 hex digits."""
    digest = hashlib.sha256(entry_id.encode()).hexdigest()
    return f"e{digest[:20]}"


def message_id_of(kind: Kind, *parts: str) -> str:
    """32 hex digits that follow from what the message tells."""
    content = "\0".join((kind, *parts))
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def reported(
    entry: Entry,
    assignment: Assignment,
    *,
    stream_id: str,
    packed: bytes,
    events: Mapping[str, Event],
    queues: Iterable[Queue],
) -> Reported:
    """A new entry's report. `events` holds the records of `assignment.event_id` and of those it absorbs, where kept;
    under an absorbed id stands its survivor."""
    event = _with_report(entry, assignment, events)
    absorbed = _absorbed(events, assignment.absorbs, survivor=event.event_id)
    for other in absorbed:
        event = merged(event, other)
    report = report_message(
        Kind.JOINED if assignment.event_id else Kind.NEW,
        entry,
        event,
        score=assignment.score,
        reason=assignment.reason,
    )
    merges = tuple(merge_message(event, other.event_id) for other in absorbed)
    event, queued = queued_reports(
        event,
        entry,
        report,
        merges,
        queues,
    )
    aliases = tuple(replace(other, merged_into=event.event_id) for other in absorbed)
    publication = Publication(
        stream_id,
        entry.entry_id,
        entry.revision,
        event.event_id,
        (report, *merges),
        queued,
        (event, *aliases),
        _fingerprint_record(
            entry,
            event,
            assignment,
            packed,
            absorbed,
        ),
    )
    return Reported(publication, event, aliases)


def _with_report(
    entry: Entry,
    assignment: Assignment,
    events: Mapping[str, Event],
) -> Event:
    asked = assignment.event_id or event_id_of(entry.entry_id)
    before = _standing(events, asked)
    if before is None:
        # Also of an event whose record has lapsed: it begins anew under its id.
        return begun(asked, entry, assignment)
    return grown(before, entry, assignment)


def _absorbed(
    events: Mapping[str, Event],
    event_ids: Iterable[str],
    *,
    survivor: str,
) -> tuple[Event, ...]:
    """The events to merge: those that still stand for themselves."""
    standing = []
    for event_id in event_ids:
        event = events.get(event_id)
        # Under an id that was absorbed before lies its survivor: it was merged then.
        if event is not None and event.event_id == event_id != survivor:
            standing.append(event)
    return tuple(standing)


def _fingerprint_record(
    entry: Entry,
    event: Event,
    assignment: Assignment,
    packed: bytes,
    absorbed: Iterable[Event],
) -> FingerprintRecord:
    decision = Decision(assignment.score, assignment.reason, assignment.best_entry_id)
    return FingerprintRecord(
        entry.entry_id,
        event.event_id,
        entry.feed_id,
        entry.first_seen_at,
        packed,
        absorbs=tuple(other.event_id for other in absorbed),
        decision=decision,
    )


def revised(
    entry: Entry,
    event_id: str | None,
    *,
    stream_id: str,
    events: Mapping[str, Event],
    queues: Iterable[Queue],
) -> Reported:
    """An edited entry's report. `event_id` None: its event is no longer kept, and begins anew under its own id."""
    own = event_id or event_id_of(entry.entry_id)
    before = _standing(events, own)
    if before is None:
        before = begun(own, entry, Assignment(entry.entry_id, None, 1.0, "new"))
        # Which queues had the event is no longer known: none is to have it twice.
        queues = [queue for queue in queues if queue.deliver == "reports"]
    event = _with_edit(before, entry)
    message = report_message(
        Kind.EDITED,
        entry,
        event,
        score=1.0,
        reason="edited",
    )
    event, queued = queued_reports(
        event,
        entry,
        message,
        (),
        queues,
    )
    publication = Publication(
        stream_id,
        entry.entry_id,
        entry.revision,
        event.event_id,
        (message,),
        queued,
        (event,),
        None,
    )
    return Reported(publication, event)


def _standing(events: Mapping[str, Event], event_id: str) -> Event | None:
    """The event as it stands now: under an absorbed id may lie an older record of its survivor."""
    event = events.get(event_id)
    if event is None:
        return None
    return events.get(event.event_id, event)


# --- events ---------------------------------------------------------------------------------------------------


def source_of(entry: Entry) -> Source:
    """The report as an event lists it."""
    return Source(
        entry.feed_id,
        entry.entry_id,
        entry.url,
        entry.title,
        entry.published_at,
    )


def begun(
    event_id: str,
    entry: Entry,
    assignment: Assignment,
) -> Event:
    """A new event of its first report."""
    return Event(
        event_id=event_id,
        lang=entry.lang,
        title=entry.title,
        first_seen_at=entry.first_seen_at,
        last_seen_at=entry.first_seen_at,
        sources=(source_of(entry),),
        source_count=1,
        independent_sites=(voter_of(entry),),
        independent_count=1,
        categories=entry.categories,
        related=assignment.related[:RELATED_KEPT],
        lead=lead_of(entry.title, entry.text),
        image=image_of(entry.document),
    )


def grown(
    event: Event,
    entry: Entry,
    assignment: Assignment,
) -> Event:
    """The event with one report more."""
    voter = voter_of(entry)
    # A feed may claim any host in its links: one that was counted lowers the count, a new one counts for nothing.
    is_counted = not {voter, entry.site}.isdisjoint(event.independent_sites)
    is_independent = not assignment.is_copy and not is_counted
    sites = event.independent_sites
    if is_independent:
        sites = (*sites, voter)[:SITES_KEPT]
    return replace(
        event,
        last_seen_at=max(event.last_seen_at, entry.first_seen_at),
        sources=kept_sources((*event.sources, source_of(entry))),
        source_count=event.source_count + 1,
        independent_sites=sites,
        independent_count=event.independent_count + is_independent,
        related=_union(event.related, assignment.related)[:RELATED_KEPT],
        lead=event.lead or lead_of(entry.title, entry.text),
        image=event.image or image_of(entry.document),
    )


def voter_of(entry: Entry) -> str:
    """Who vouches for a report: one vote for each registrable domain of the feeds' own addresses."""
    return entry.publisher or entry.site or entry.feed_id


def merged(event: Event, other: Event) -> Event:
    """The event with all that another had."""
    sites = _union(event.independent_sites, other.independent_sites)
    return replace(
        event,
        first_seen_at=min(event.first_seen_at, other.first_seen_at),
        last_seen_at=max(event.last_seen_at, other.last_seen_at),
        sources=kept_sources((*event.sources, *other.sources)),
        source_count=event.source_count + other.source_count,
        independent_sites=sites[:SITES_KEPT],
        independent_count=len(sites),
        related=_union(event.related, other.related)[:RELATED_KEPT],
        queues_served=_union(event.queues_served, other.queues_served),
        queues_matched=_union(event.queues_matched, other.queues_matched),
        lead=event.lead or other.lead,
        image=event.image or other.image,
    )


def _with_edit(event: Event, entry: Entry) -> Event:
    sources = list(event.sources)
    for position, source in enumerate(sources):
        if source.entry_id == entry.entry_id:
            sources[position] = source_of(entry)
    event = replace(event, sources=tuple(sources))
    # An event is shown by the words of its first report.
    if not sources or sources[0].entry_id != entry.entry_id:
        return event
    return replace(
        event,
        title=entry.title,
        lead=lead_of(entry.title, entry.text) or event.lead,
        image=image_of(entry.document) or event.image,
    )


def kept_sources(sources: tuple[Source, ...]) -> tuple[Source, ...]:
    """The first report and the newest ones."""
    if len(sources) <= SOURCES_KEPT:
        return sources
    newest = sources[-(SOURCES_KEPT - 1) :]
    return (sources[0], *newest)


def _union(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


# --- messages -------------------------------------------------------------------------------------------------


def report_message(
    kind: Kind,
    entry: Entry,
    event: Event,
    *,
    score: float,
    reason: str,
) -> Message:
    """What consumers are told of a report."""
    return Message(
        id=message_id_of(kind, event.event_id, entry.entry_id, str(entry.revision)),
        kind=kind,
        event_id=event.event_id,
        entry_id=entry.entry_id,
        feed_id=entry.feed_id,
        revision=entry.revision,
        lang=entry.lang,
        title=entry.title,
        url=entry.url,
        guid=entry.guid,
        author=entry.author,
        categories=entry.categories,
        tags=entry.tags,
        published_at=entry.published_at,
        first_seen_at=entry.first_seen_at,
        published_raw=entry.published_raw,
        date_source=entry.date_source,
        sources=event.sources,
        source_count=event.source_count,
        independent_count=event.independent_count,
        score=score,
        reason=reason,
        related=event.related,
        document=entry.document,
    )


def merge_message(survivor: Event, absorbed: str) -> Message:
    """What consumers are told of a merge."""
    first = survivor.sources[0]
    return Message(
        id=message_id_of(Kind.MERGED, survivor.event_id, absorbed),
        kind=Kind.MERGED,
        event_id=survivor.event_id,
        entry_id=first.entry_id,
        feed_id=first.feed_id,
        lang=survivor.lang,
        title=survivor.title,
        url=first.url,
        categories=survivor.categories,
        first_seen_at=survivor.first_seen_at,
        sources=survivor.sources,
        source_count=survivor.source_count,
        independent_count=survivor.independent_count,
        reason="merged",
        related=survivor.related,
        merged_into=survivor.event_id,
        merged_from=absorbed,
    )


# --- queues ---------------------------------------------------------------------------------------------------


def queued_reports(
    event: Event,
    entry: Entry,
    report: Message,
    merges: tuple[Message, ...],
    queues: Iterable[Queue],
) -> tuple[Event, tuple[tuple[str, Message], ...]]:
    """What each queue is told. An event queue is served once: when the event has had a report that matches *and* has
    enough sources, whichever comes last. So three outlets may say quake, tremor and 地震."""
    told: list[tuple[str, Message]] = []
    served = list(event.queues_served)
    matched = list(event.queues_matched)
    for queue in queues:
        is_enough = event.independent_count >= queue.min_sources
        if queue.deliver == "reports":
            if is_enough and matches(queue.match, entry):
                told.append((queue.name, report))
        elif queue.name in served:
            # It has had the event: of a merge alone it has not heard.
            told.extend((queue.name, merge) for merge in merges)
        elif queue.name in matched or matches(queue.match, entry):
            if is_enough:
                told.append((queue.name, report))
                served.append(queue.name)
            else:
                matched.append(queue.name)
    waiting = [name for name in dict.fromkeys(matched) if name not in served]
    standing = (event.queues_served, event.queues_matched)
    # Most reports change nothing for queues.
    if standing != (tuple(served), tuple(waiting)):
        event = replace(
            event,
            queues_served=tuple(served),
            queues_matched=tuple(waiting),
        )
    return event, tuple(told)


class Matchable(Protocol):
    """What a filter looks at: an entry, or what is kept of a report or an event."""

    @property
    def feed_id(self) -> str: ...
    @property
    def categories(self) -> tuple[str, ...]: ...
    @property
    def lang(self) -> str:
        """BCP 47."""
        ...

    @property
    def title(self) -> str: ...
    @property
    def text(self) -> str: ...


def matches(match: Match, entry: Matchable) -> bool:
    """Does an entry pass a queue's filter? Keys are joined by AND, the values of one key by OR."""
    if match.categories and set(match.categories).isdisjoint(entry.categories):
        return False
    if match.feeds and entry.feed_id not in match.feeds:
        return False
    if match.languages:
        speaks = (_speaks(entry.lang, wanted) for wanted in match.languages)
        if not any(speaks):
            return False
    if not match.words:
        return True
    # Last, since it reads the whole text.
    report = Report(entry.title, entry.text, entry.lang)
    return mentions.any_of(match.words, report)


def _speaks(lang: str, wanted: str) -> bool:
    """`zh` takes every kind of Chinese, `zh-TW` only its own (RFC 4647 basic filtering)."""
    lang = lang.lower()
    wanted = wanted.lower()
    return lang == wanted or lang.startswith(f"{wanted}-")
