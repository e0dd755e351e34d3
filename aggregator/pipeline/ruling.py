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
    asked = (*request.names, request.into) if request.into else request.names
    unknown = [name for name in asked if name not in case.events]
    if unknown:
        return _answered(
            case,
            RulingState.REFUSED,
            f"no report or event is kept as {', '.join(unknown)}",
        )
    if request.verb is Verb.JOIN and len(request.names) != 2:
        return _answered(case, RulingState.REFUSED, "join takes two events")
    match request.verb:
        case Verb.JOIN:
            return _joined(case)
        case Verb.SPLIT:
            return _split(case)


def refused(stream_id: str, ruling_id: str, text: str) -> RulingPublication:
    """The answer to a request that cannot be followed."""
    return RulingPublication(
        stream_id, ruling_id, RulingAnswer(RulingState.REFUSED, text)
    )


def _answered(
    case: Case, state: RulingState, text: str, event_id: str = ""
) -> RulingPublication:
    return RulingPublication(
        case.stream_id, case.request.ruling_id, RulingAnswer(state, text, event_id)
    )


# --- join -----------------------------------------------------------------------------------------------------


def _joined(case: Case) -> RulingPublication:
    events = [case.events[name] for name in case.request.names]
    if len({event.event_id for event in events}) == 1:
        return _answered(
            case,
            RulingState.UNCHANGED,
            f"they are one event already: {events[0].event_id}",
        )
    survivor, absorbed = sorted(events, key=lambda event: event.first_seen_at)
    known = [case.reports.of(event) for event in (survivor, absorbed)]
    after = reporting.merged(survivor, absorbed)
    merge = _said(reporting.merge_message(after, absorbed.event_id), case)
    after, queued = _queued_join(case, after, merge, [*known[0], *known[1]])
    ruling = Ruling(
        ruling_id=case.request.ruling_id,
        verb=Verb.JOIN,
        event_id=survivor.event_id,
        other_id=absorbed.event_id,
        entry_ids=_examples(known[0], case.request.names),
        other_entry_ids=_examples(known[1], case.request.names),
        ruled_at=case.now,
        operator=case.request.operator,
        why=case.request.why,
    )
    text = f"{absorbed.event_id} is now one with {after.event_id}, which has {_counted(after)}"
    return RulingPublication(
        case.stream_id,
        case.request.ruling_id,
        RulingAnswer(RulingState.APPLIED, text, after.event_id),
        ruling,
        (merge,),
        queued,
        (after, replace(absorbed, merged_into=after.event_id)),
        _kept_examples(ruling, [*known[0], *known[1]]),
    )


def _queued_join(
    case: Case, after: Event, merge: Message, known: Sequence[Known]
) -> tuple[Event, tuple[tuple[str, Message], ...]]:
    """What queues are told: the merge where they had an event of the two; else the first of its reports that they ask
    for, where there are enough sources only now (the first of all, where that one's text is no longer known)."""
    told: list[tuple[str, Message]] = []
    for queue in case.queues:
        if queue.deliver != "events":
            continue
        if queue.name in after.queues_served:
            told.append((queue.name, merge))
            continue
        for entry in sorted(
            map(entry_of, known),
            key=lambda entry: not reporting.matches(queue.match, entry),
        ):
            message = _said(
                reporting.report_message(
                    Kind.JOINED, entry, after, score=1.0, reason=OPERATOR
                ),
                case,
            )
            served, found = reporting.queued_reports(
                after, entry, message, (), (queue,)
            )
            after = served
            if found:
                told += found
                break
    return after, tuple(told)


# --- split ----------------------------------------------------------------------------------------------------


def _split(case: Case) -> RulingPublication:
    request = case.request
    into = case.events[request.into] if request.into else None
    left = {case.events[name].event_id: case.events[name] for name in request.names}
    if into is not None and set(left) == {into.event_id}:
        return _answered(
            case, RulingState.UNCHANGED, f"already in {into.event_id}", into.event_id
        )
    if len(left) > 1:
        return _answered(
            case,
            RulingState.REFUSED,
            f"the reports are of several events: {', '.join(sorted(left))}",
        )
    if len(request.names) > MOST_MOVED:
        return _answered(
            case, RulingState.REFUSED, f"one word can move {MOST_MOVED} reports at most"
        )
    [event] = left.values()
    known = case.reports.of(event)
    moved = [one for one in known if one.message.entry_id in request.names]
    gone = set(request.names) - {one.message.entry_id for one in moved}
    if gone:
        return _answered(
            case,
            RulingState.REFUSED,
            f"too old to be split off: {', '.join(sorted(gone))}",
        )
    if event.source_count <= len(moved):
        return _all_of_it(case, event, into)
    return _parted(case, event, into, moved, [one for one in known if one not in moved])


def _all_of_it(case: Case, event: Event, into: Event | None) -> RulingPublication:
    if into is None:
        text = f"there is nothing else in {event.event_id}: {_counted(event)}"
        return _answered(case, RulingState.UNCHANGED, text, event.event_id)
    text = f"there is nothing else in {event.event_id}: join it with {into.event_id} instead"
    return _answered(case, RulingState.REFUSED, text)


def _parted(
    case: Case,
    event: Event,
    into: Event | None,
    moved: Sequence[Known],
    stayed: Sequence[Known],
) -> RulingPublication:
    request = case.request
    target, messages = into, list[Message]()
    queued = list[tuple[str, Message]]()
    event_id = into.event_id if into else _new_id(moved[0], request.ruling_id)
    for one in moved:
        target, message, told = _moved(case, one, target, event_id, event)
        messages.append(message)
        queued += told
    assert target is not None
    rest = _rematched(_without(event, moved, stayed), stayed, case.queues)
    first = next(
        one for one in stayed if one.message.entry_id == rest.sources[0].entry_id
    )
    edit = _told(case, Kind.EDITED, entry_of(first), rest)
    queued += [
        (q.name, edit)
        for q in case.queues
        if q.deliver == "reports" and _passes(q, rest, entry_of(first))
    ]
    ruling = Ruling(
        ruling_id=request.ruling_id,
        verb=Verb.SPLIT,
        event_id=target.event_id,
        other_id=event.event_id,
        entry_ids=tuple(one.message.entry_id for one in moved),
        other_entry_ids=_examples(stayed, ()),
        ruled_at=case.now,
        apart=tuple(
            dict.fromkeys(
                e for e in (event.event_id, *case.apart) if e != target.event_id
            )
        ),
        operator=request.operator,
        why=request.why,
    )
    text = f"{target.event_id} has {_counted(target)} now, {event.event_id} has {_counted(rest)}"
    answer = RulingAnswer(RulingState.APPLIED, text, target.event_id)
    examples = _kept_examples(ruling, [*moved, *stayed])
    return RulingPublication(
        case.stream_id,
        request.ruling_id,
        answer,
        ruling,
        (*messages, edit),
        tuple(queued),
        (target, rest),
        examples,
    )


def _new_id(first: Known, ruling_id: str) -> str:
    """The id of an event that is split off: of its first report and the ruling, since that report's own id may be the
    event's that it leaves, or an alias."""
    return reporting.event_id_of(f"{first.message.entry_id}\0{ruling_id}")


def _moved(
    case: Case, one: Known, target: Event | None, event_id: str, left: Event
) -> tuple[Event, Message, tuple[tuple[str, Message], ...]]:
    """One report's move: its new event after it, and what is told."""
    entry = entry_of(one)
    assignment = Assignment(
        entry.entry_id, event_id, 1.0, OPERATOR, is_copy=one.is_copy
    )
    kind = Kind.JOINED if target else Kind.NEW
    after = (
        reporting.grown(target, entry, assignment)
        if target
        else reporting.begun(event_id, entry, assignment)
    )
    message = replace(_told(case, kind, entry, after), split_from=left.event_id)
    after, queued = reporting.queued_reports(after, entry, message, (), case.queues)
    return after, message, queued


def _without(event: Event, moved: Sequence[Known], stayed: Sequence[Known]) -> Event:
    """The event after reports have left it; what is not known of those that stayed is as it was."""
    names = {one.message.entry_id for one in moved}
    count = event.source_count - len(moved)
    sources = tuple(source for source in event.sources if source.entry_id not in names)
    if len(sources) < min(len(stayed), reporting.SOURCES_KEPT):
        sources = reporting.kept_sources(
            tuple(reporting.source_of(entry_of(one)) for one in stayed)
        )
    first = next(one for one in stayed if one.message.entry_id == sources[0].entry_id)
    gone = {one.publisher for one in moved if not one.is_copy}
    gone -= {one.publisher for one in stayed if not one.is_copy}
    stay = [site for site in event.independent_sites if site not in gone]
    sites = tuple(dict.fromkeys((*stay, first.publisher)))
    seen = (
        [at for one in stayed if (at := one.message.first_seen_at)]
        if len(stayed) == count
        else []
    )
    return replace(
        event,
        lang=first.message.lang,
        title=first.message.title,
        categories=first.message.categories,
        first_seen_at=min(seen, default=event.first_seen_at),
        last_seen_at=max(seen, default=event.last_seen_at),
        sources=sources,
        source_count=count,
        independent_sites=sites,
        independent_count=event.independent_count
        - len(event.independent_sites)
        + len(sites),
    )


def _rematched(rest: Event, stayed: Sequence[Known], queues: Iterable[Queue]) -> Event:
    """The event without the marks of queues that none of its reports matches any more; where not all of these are
    known, the marks stand."""
    if len(stayed) < rest.source_count:
        return rest
    entries = [entry_of(one) for one in stayed]
    matching = {
        queue.name
        for queue in queues
        if any(reporting.matches(queue.match, entry) for entry in entries)
    }
    return replace(
        rest,
        queues_matched=tuple(name for name in rest.queues_matched if name in matching),
    )


# --- messages -------------------------------------------------------------------------------------------------


def _said(message: Message, case: Case) -> Message:
    """The message, marked as an operator's word."""
    return replace(
        message, reason=OPERATOR, operator=case.request.operator, why=case.request.why
    )


def _told(case: Case, kind: Kind, entry: Entry, event: Event) -> Message:
    """A report's message once more. Its id holds the ruling's, since the report may have been in this event before."""
    told = _said(
        reporting.report_message(kind, entry, event, score=1.0, reason=OPERATOR), case
    )
    name = reporting.message_id_of(
        kind,
        event.event_id,
        entry.entry_id,
        str(entry.revision),
        case.request.ruling_id,
    )
    return replace(told, id=name)


def _passes(queue: Queue, event: Event, entry: Entry) -> bool:
    return event.independent_count >= queue.min_sources and reporting.matches(
        queue.match, entry
    )


def _examples(known: Iterable[Known], named: Sequence[str]) -> tuple[str, ...]:
    """Reports of one side for a ruling to name, those the operator named first."""
    names = [one.message.entry_id for one in known]
    return tuple(sorted(names, key=lambda name: name not in named))[:REPORTS_NAMED]


def _kept_examples(ruling: Ruling, known: Iterable[Known]) -> tuple[Example, ...]:
    """The reports of a ruling's labelled pairs, of which messages are kept, to be kept beyond these."""
    names = {name for label in labels([ruling]) for name in (label.a, label.b)}
    return tuple(
        example_of(one)
        for one in known
        if one.message.id and one.message.entry_id in names
    )


def _counted(event: Event) -> str:
    reports = "1 report" if event.source_count == 1 else f"{event.source_count} reports"
    sources = (
        "1 independent source"
        if event.independent_count == 1
        else f"{event.independent_count} independent sources"
    )
    return f"{reports} of {sources}"
