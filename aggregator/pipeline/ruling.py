"""An operator's word to all that follows from it: the events as they stand after it, and what consumers are told.

Rules: events keep their ids. The older of two joined events survives, told by `event.merged`. Reports that are split
off become a new event, or part of another: told by `event.new` and `event.joined` with `split_from`; the event they
left is told once more, by `entry.edited` of its first report. All of these carry the reason `operator`. A word that
finds things as it wants them changes nothing and tells nobody.

What is known of a report is what its messages told (`known`). The publishers of reports whose messages are no longer
kept stay counted where they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from aggregator.model import (
    Assignment,
    Entry,
    Event,
    Example,
    Kind,
    Message,
    Queue,
    Ruling,
    RulingAnswer,
    RulingPublication,
    RulingRequest,
    RulingState,
    Source,
    Verb,
)
from aggregator.pipeline import reporting
from aggregator.pipeline.known import OPERATOR, Known, Reports, entry_of
from aggregator.pipeline.labels import example_of, labels

REPORTS_NAMED = 50
"""Reports of each side that a ruling names as examples (those that moved are all named): as many as an event lists."""
MOST_MOVED = 200
"""Reports that one word can move: 200 with documents of 5 KB and events of 50 sources took 83 ms in one script."""


@dataclass(frozen=True, slots=True)
class Case:
    """A word with all that is needed to follow it.

    `events` are those of the request's names (and `into`) as they stand; an unknown one is missing. `apart` are the
    events that operators hold apart from the one that is split.
    """

    stream_id: str
    request: RulingRequest
    events: Mapping[str, Event]
    reports: Reports
    apart: tuple[str, ...]
    queues: tuple[Queue, ...]
    now: datetime


def ruled(case: Case) -> RulingPublication:
    """What follows from the word."""
    request = case.request
    names = request.names
    if request.into:
        names = (*names, request.into)
    unknown = [name for name in names if name not in case.events]
    if unknown:
        words = ", ".join(unknown)
        return _refused(case, f"no report or event is kept as {words}")
    match request.verb:
        case Verb.JOIN:
            if len(request.names) != 2:
                return _refused(case, "join takes two events")
            return _joined(case)
        case Verb.SPLIT:
            return _split(case)


def refused(
    stream_id: str,
    ruling_id: str,
    text: str,
) -> RulingPublication:
    """The answer to a request that cannot be followed."""
    return RulingPublication(
        stream_id, ruling_id, RulingAnswer(RulingState.REFUSED, text)
    )


def _refused(case: Case, text: str) -> RulingPublication:
    return refused(case.stream_id, case.request.ruling_id, text)


def _unchanged(
    case: Case,
    text: str,
    event_id: str = "",
) -> RulingPublication:
    answer = RulingAnswer(RulingState.UNCHANGED, text, event_id)
    return RulingPublication(case.stream_id, case.request.ruling_id, answer)


# --- join -----------------------------------------------------------------------------------------------------


def _joined(case: Case) -> RulingPublication:
    request = case.request
    events = [case.events[name] for name in request.names]
    event_ids = {event.event_id for event in events}
    if len(event_ids) == 1:
        [event_id] = event_ids
        return _unchanged(case, f"they are one event already: {event_id}")
    survivor, absorbed = sorted(events, key=lambda event: event.first_seen_at)
    reports = case.reports.of(survivor)
    absorbed_reports = case.reports.of(absorbed)
    all_reports = [*reports, *absorbed_reports]
    after = reporting.merged(survivor, absorbed)
    merge = _as_operators(reporting.merge_message(after, absorbed.event_id), case)
    after, queued = _queued_join(case, after, merge, all_reports)
    ruling = Ruling(
        ruling_id=request.ruling_id,
        verb=Verb.JOIN,
        event_id=survivor.event_id,
        other_id=absorbed.event_id,
        entry_ids=_examples(reports, request.names),
        other_entry_ids=_examples(absorbed_reports, request.names),
        ruled_at=case.now,
        operator=request.operator,
        why=request.why,
    )
    text = f"{absorbed.event_id} is now one with {after.event_id}, which has {_counted(after)}"
    return RulingPublication(
        case.stream_id,
        request.ruling_id,
        RulingAnswer(RulingState.APPLIED, text, after.event_id),
        ruling,
        (merge,),
        queued,
        (after, replace(absorbed, merged_into=after.event_id)),
        _labelled_examples(ruling, all_reports),
    )


def _queued_join(
    case: Case,
    after: Event,
    merge: Message,
    known: Sequence[Known],
) -> tuple[Event, tuple[tuple[str, Message], ...]]:
    """What queues are told: the merge where they had an event of the two; else the first of its reports that they ask
    for, where there are enough sources only now (the first of all, where that one's text is no longer known)."""
    told: list[tuple[str, Message]] = []
    entries = [entry_of(report) for report in known]
    for queue in case.queues:
        if queue.deliver != "events":
            continue
        if queue.name in after.queues_served:
            told.append((queue.name, merge))
            continue
        after, messages = _queued_first(case, after, entries, queue)
        told += messages
    return after, tuple(told)


def _queued_first(
    case: Case,
    event: Event,
    entries: Sequence[Entry],
    queue: Queue,
) -> tuple[Event, tuple[tuple[str, Message], ...]]:
    """The first report that a queue is told of an event it has not had, those that match before others."""
    matching = [e for e in entries if reporting.matches(queue.match, e)]
    others = [e for e in entries if not reporting.matches(queue.match, e)]
    for entry in (*matching, *others):
        message = reporting.report_message(
            Kind.JOINED,
            entry,
            event,
            score=1.0,
            reason=OPERATOR,
        )
        message = _as_operators(message, case)
        event, queued = reporting.queued_reports(
            event,
            entry,
            message,
            (),
            (queue,),
        )
        if queued:
            return event, queued
    return event, ()


# --- split ----------------------------------------------------------------------------------------------------


def _split(case: Case) -> RulingPublication:
    request = case.request
    into = case.events[request.into] if request.into else None
    events = [case.events[name] for name in request.names]
    event_ids = {event.event_id for event in events}
    if into is not None and event_ids == {into.event_id}:
        return _unchanged(case, f"already in {into.event_id}", into.event_id)
    if len(event_ids) > 1:
        words = ", ".join(sorted(event_ids))
        return _refused(case, f"the reports are of several events: {words}")
    if len(request.names) > MOST_MOVED:
        return _refused(case, f"one word can move {MOST_MOVED} reports at most")
    event = events[-1]
    moved: list[Known] = []
    stayed: list[Known] = []
    for report in case.reports.of(event):
        side = moved if report.message.entry_id in request.names else stayed
        side.append(report)
    # Neither a message tells of them nor the event's own list: there is nothing to tell them anew from.
    forgotten = set(request.names) - _entry_ids(moved)
    if forgotten:
        words = ", ".join(sorted(forgotten))
        return _refused(case, f"too old to be split off: {words}")
    # Reports that are forgotten may still be in it: the event's own count says so.
    if event.source_count <= len(moved):
        return _all_of_it(case, event, into)
    return _parted(
        case,
        event,
        into,
        moved,
        stayed,
    )


def _entry_ids(reports: Iterable[Known]) -> set[str]:
    return {report.message.entry_id for report in reports}


def _all_of_it(
    case: Case,
    event: Event,
    into: Event | None,
) -> RulingPublication:
    if into is None:
        text = f"there is nothing else in {event.event_id}: {_counted(event)}"
        return _unchanged(case, text, event.event_id)
    # An event of no report cannot stand, and a merge is told otherwise than a split.
    text = f"there is nothing else in {event.event_id}: join it with {into.event_id} instead"
    return _refused(case, text)


def _parted(
    case: Case,
    event: Event,
    into: Event | None,
    moved: Sequence[Known],
    stayed: Sequence[Known],
) -> RulingPublication:
    target, messages, queued = _moved(case, moved, event, into)
    rest = _rematched(_without(event, moved, stayed), stayed, case.queues)
    first = entry_of(_first_of(rest, stayed))
    edit = _told(case, Kind.EDITED, first, rest)
    for queue in case.queues:
        if queue.deliver == "reports" and _passes(queue, rest, first):
            queued.append((queue.name, edit))
    ruling = _split_ruling(
        case,
        target,
        event,
        moved,
        stayed,
    )
    text = f"{target.event_id} has {_counted(target)} now, {event.event_id} has {_counted(rest)}"
    return RulingPublication(
        case.stream_id,
        case.request.ruling_id,
        RulingAnswer(RulingState.APPLIED, text, target.event_id),
        ruling,
        (*messages, edit),
        tuple(queued),
        (target, rest),
        _labelled_examples(ruling, [*moved, *stayed]),
    )


def _first_of(event: Event, reports: Iterable[Known]) -> Known:
    first_id = event.sources[0].entry_id
    return next(report for report in reports if report.message.entry_id == first_id)


def _split_ruling(
    case: Case,
    target: Event,
    left: Event,
    moved: Sequence[Known],
    stayed: Sequence[Known],
) -> Ruling:
    # What was held apart from the event that is split is held apart from its part, too.
    apart = dict.fromkeys((left.event_id, *case.apart))
    apart.pop(target.event_id, None)
    return Ruling(
        ruling_id=case.request.ruling_id,
        verb=Verb.SPLIT,
        event_id=target.event_id,
        other_id=left.event_id,
        entry_ids=tuple(report.message.entry_id for report in moved),
        other_entry_ids=_examples(stayed, ()),
        ruled_at=case.now,
        apart=tuple(apart),
        operator=case.request.operator,
        why=case.request.why,
    )


def _new_id(first: Known, ruling_id: str) -> str:
    """The id of an event that is split off: of its first report and the ruling, since that report's own id may be the
    event's that it leaves, or an alias."""
    return reporting.event_id_of(f"{first.message.entry_id}\0{ruling_id}")


def _moved(
    case: Case,
    reports: Sequence[Known],
    left: Event,
    into: Event | None,
) -> tuple[Event, list[Message], list[tuple[str, Message]]]:
    """Their new event after the move, what is told of it, and what queues are told."""
    messages: list[Message] = []
    queued: list[tuple[str, Message]] = []
    event_id = into.event_id if into else _new_id(reports[0], case.request.ruling_id)
    for report in reports:
        entry = entry_of(report)
        assignment = Assignment(
            entry.entry_id,
            event_id,
            1.0,
            OPERATOR,
            is_copy=report.is_copy,
        )
        if into is None:
            kind = Kind.NEW
            into = reporting.begun(event_id, entry, assignment)
        else:
            kind = Kind.JOINED
            into = reporting.grown(into, entry, assignment)
        message = _told(case, kind, entry, into)
        message = replace(message, split_from=left.event_id)
        messages.append(message)
        into, told = reporting.queued_reports(
            into,
            entry,
            message,
            (),
            case.queues,
        )
        queued += told
    assert into is not None  # at least one report moves
    return into, messages, queued


def _without(
    event: Event,
    moved: Sequence[Known],
    stayed: Sequence[Known],
) -> Event:
    """The event after reports have left it; what is not known of those that stayed is as it was."""
    count = event.source_count - len(moved)
    event = replace(
        event,
        sources=_sources_without(event, moved, stayed),
        source_count=count,
    )
    first = _first_of(event, stayed)
    sites = _sites_without(event, moved, stayed, first)
    # The count may be above the sites that are remembered: what lies beyond them stays counted.
    beyond_count = event.independent_count - len(event.independent_sites)
    seen_at: list[datetime] = []
    if len(stayed) == count:
        # Of each report it is known when it came, so the event's times can be set anew.
        times = (report.message.first_seen_at for report in stayed)
        seen_at = [at for at in times if at is not None]
    return replace(
        event,
        lang=first.message.lang,
        title=first.message.title,
        categories=first.message.categories,
        first_seen_at=min(seen_at, default=event.first_seen_at),
        last_seen_at=max(seen_at, default=event.last_seen_at),
        independent_sites=sites,
        independent_count=beyond_count + len(sites),
    )


def _sources_without(
    event: Event,
    moved: Sequence[Known],
    stayed: Sequence[Known],
) -> tuple[Source, ...]:
    moved_ids = _entry_ids(moved)
    sources = [s for s in event.sources if s.entry_id not in moved_ids]
    if len(sources) >= min(len(stayed), reporting.SOURCES_KEPT):
        return tuple(sources)
    # The event listed only its newest: those between its first and them have room now.
    listed = (reporting.source_of(entry_of(report)) for report in stayed)
    return reporting.kept_sources(tuple(listed))


def _sites_without(
    event: Event,
    moved: Sequence[Known],
    stayed: Sequence[Known],
    first: Known,
) -> tuple[str, ...]:
    """The independent publishers that are left; that of the event's first report always counts."""
    gone = _voters(moved) - _voters(stayed)
    sites = [site for site in event.independent_sites if site not in gone]
    return tuple(dict.fromkeys((*sites, first.publisher)))


def _voters(reports: Iterable[Known]) -> set[str]:
    return {report.publisher for report in reports if not report.is_copy}


def _rematched(
    rest: Event,
    stayed: Sequence[Known],
    queues: Iterable[Queue],
) -> Event:
    """The event without the marks of queues that none of its reports matches any more; where not all of these are
    known, the marks stand."""
    if len(stayed) < rest.source_count:
        return rest
    entries = [entry_of(report) for report in stayed]
    matching: set[str] = set()
    for queue in queues:
        if any(reporting.matches(queue.match, entry) for entry in entries):
            matching.add(queue.name)
    matched = [name for name in rest.queues_matched if name in matching]
    return replace(rest, queues_matched=tuple(matched))


# --- messages -------------------------------------------------------------------------------------------------


def _as_operators(message: Message, case: Case) -> Message:
    """The message, marked as an operator's word."""
    return replace(
        message,
        reason=OPERATOR,
        operator=case.request.operator,
        why=case.request.why,
    )


def _told(
    case: Case,
    kind: Kind,
    entry: Entry,
    event: Event,
) -> Message:
    """A report's message once more. Its id holds the ruling's, since the report may have been in this event before."""
    message = reporting.report_message(
        kind,
        entry,
        event,
        score=1.0,
        reason=OPERATOR,
    )
    message_id = reporting.message_id_of(
        kind,
        event.event_id,
        entry.entry_id,
        str(entry.revision),
        case.request.ruling_id,
    )
    return replace(_as_operators(message, case), id=message_id)


def _passes(
    queue: Queue,
    event: Event,
    entry: Entry,
) -> bool:
    if event.independent_count < queue.min_sources:
        return False
    return reporting.matches(queue.match, entry)


def _examples(known: Iterable[Known], named: Sequence[str]) -> tuple[str, ...]:
    """Reports of one side for a ruling to name, those the operator named first."""
    names = [report.message.entry_id for report in known]
    names.sort(key=lambda name: name not in named)
    return tuple(names[:REPORTS_NAMED])


def _labelled_examples(ruling: Ruling, known: Iterable[Known]) -> tuple[Example, ...]:
    """The reports of a ruling's labelled pairs, of which messages are kept, to be kept beyond these."""
    names: set[str] = set()
    for label in labels([ruling]):
        names |= {label.a, label.b}
    examples: list[Example] = []
    for report in known:
        # Of a report that only the event lists there is no text to learn from.
        if report.message.id and report.message.entry_id in names:
            examples.append(example_of(report))
    return tuple(examples)


def _counted(event: Event) -> str:
    reports = _number_of(event.source_count, "report")
    sources = _number_of(event.independent_count, "independent source")
    return f"{reports} of {sources}"


def _number_of(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"
