"""One clock for everything that is shown of an event: when each report was published, never later than it was seen.

Why one: what a publisher states and when we saw it lie hours apart for a feed that was just added, and a page that
draws dots by one and spans by the other contradicts itself. Pure.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from aggregator.model import Event, Message, Source


def times_of(event: Event) -> list[datetime]:
    """When each of the reports that are kept was published, as `reported_at` has it, in the order of the sources."""
    # Pages ask this of some ten thousand events at once: a call for each source took a third of the page's time.
    seen_at = event.last_seen_at
    times: list[datetime] = []
    for source in event.sources:
        at = source.published_at
        if at is None:
            at = reported_at(event, source)
        elif at > seen_at:
            at = seen_at
        times.append(at)
    return times


def reported_at(event: Event, source: Source) -> datetime:
    """When a report was published; where that is not known or lies in the future, when we saw its event."""
    if source.published_at is not None:
        return min(source.published_at, event.last_seen_at)
    # The first report made the event; of a later one only that it came by now is known.
    if event.sources and source.entry_id == event.sources[0].entry_id:
        return event.first_seen_at
    return event.last_seen_at


def ordered_sources(event: Event) -> tuple[Source, ...]:
    """The reports that are kept, the earliest first."""

    def place(source: Source) -> tuple[datetime, str]:
        return reported_at(event, source), source.entry_id

    return tuple(sorted(event.sources, key=place))


def reported_first_at(event: Event) -> datetime:
    """When the earliest report was published."""
    return min(times_of(event), default=event.first_seen_at)


def newest_at(event: Event) -> datetime:
    """When the newest report was published."""
    return max(times_of(event), default=event.last_seen_at)


def spread_of(event: Event) -> timedelta:
    """How long the event has been reported."""
    return newest_at(event) - reported_first_at(event)


def message_at(message: Message) -> datetime | None:
    """When the report of a message was published; None where nothing is known of its time."""
    times = filter(None, (message.published_at, message.first_seen_at))
    return min(times, default=None)
