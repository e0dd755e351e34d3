"""An event's page as records: each report with its part in the event, who was first, who copied. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator.model import EPOCH, Event, Kind, Message, Source
from aggregator.watch.clock import message_at, reported_at
from aggregator.watch.digest import host_of


@dataclass(frozen=True, slots=True)
class Report:
    """One line of an event's page."""

    at: datetime
    feed_id: str
    title: str
    url: str
    lang: str
    role: str
    """first, independent, copy, again (the same publisher once more), edited; '' where it is not known any more."""
    score: float | None
    reason: str
    entry_id: str = ""
    operator: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Parts:
    """Who did what: the first report, those that told it on their own with how much later, those that copied."""

    first: Report | None
    independent: tuple[tuple[Report, timedelta], ...]
    copies: tuple[Report, ...]


def reports_of(
    event: Event,
    messages: Iterable[Message],
) -> list[Report]:
    """The reports in the order they were published; from the event alone where no message of it is kept."""
    lines = _lines(messages)
    if not lines:
        for index, source in enumerate(event.sources):
            lines.append(_of_source(event, source, index))
    # Of two with one date the one that was called the first stands first.
    return sorted(
        lines,
        key=lambda line: (line.at, line.role != "first"),
    )


def parts_of(reports: Sequence[Report]) -> Parts:
    """Who was first and who followed, each feed once."""
    told = [report for report in reports if report.role != "edited"]
    # Of an old event only edits may be kept.
    if not told:
        return Parts(None, (), ())
    # In the order published, whichever was seen first.
    first = told[0]
    named = {first.feed_id}
    independent: list[tuple[Report, timedelta]] = []
    copies: list[Report] = []
    for report in told[1:]:
        if report.feed_id in named:
            continue
        named.add(report.feed_id)
        if report.role == "copy":
            copies.append(report)
        elif report.role in ("independent", "first"):
            independent.append((report, report.at - first.at))
    return Parts(first, tuple(independent), tuple(copies))


def _lines(messages: Iterable[Message]) -> list[Report]:
    lines: list[Report] = []
    publishers: set[str] = set()
    reports = [message for message in messages if message.kind is not Kind.MERGED]
    for message in sorted(reports, key=_came_at):
        # One publisher may have several feeds, and an aggregating feed several publishers.
        named = {
            message.feed_id,
            host_of(message.url).removeprefix("www."),
        } - {""}
        role = _role(
            message,
            is_first=not publishers,
            is_again=not named.isdisjoint(publishers),
        )
        lines.append(_line(message, role))
        # An edit is no report, so it makes nobody a publisher.
        if role != "edited":
            publishers |= named
    return lines


def _line(message: Message, role: str) -> Report:
    # What was published first was compared with what came later, if we saw it later.
    is_compared = message.kind is Kind.JOINED and role != "first"
    return Report(
        at=_came_at(message),
        feed_id=message.feed_id,
        title=message.title,
        url=message.url,
        lang=message.lang,
        role=role,
        score=message.score if is_compared else None,
        reason=message.reason,
        entry_id=message.entry_id,
        operator=message.operator,
        why=message.why,
    )


def _came_at(message: Message) -> datetime:
    return message_at(message) or EPOCH


def _role(
    message: Message,
    *,
    is_first: bool,
    is_again: bool,
) -> str:
    """The part of a report: first is what was published first, whichever of them we saw first."""
    if message.kind is Kind.EDITED:
        return "edited"
    if is_first:
        return "first"
    if message.reason == "copy":
        return "copy"
    return "again" if is_again else "independent"


def _of_source(
    event: Event,
    source: Source,
    index: int,
) -> Report:
    """A report whose message is no longer kept: its verdict is not known any more."""
    return Report(
        at=reported_at(event, source),
        feed_id=source.feed_id,
        title=source.title,
        url=source.url,
        lang=event.lang,
        role="" if index else "first",
        score=None,
        reason="",
        entry_id=source.entry_id,
    )
