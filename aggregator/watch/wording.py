"""Small phrases that every rendering of the digest shares, so that they all say the same. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, tzinfo

from aggregator.model import Digest, DigestEvent, Event, Feed, Totals

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def counted(
    number: int,
    one: str,
    many: str | None = None,
) -> str:
    """`1 report`, `12,000 reports`."""
    if number == 1:
        return f"1 {one}"
    return f"{number:,} {many or one + 's'}"


def source_names(
    feeds: Iterable[Feed],
    titles: Mapping[str, str],
) -> dict[str, str]:
    """What a source is called wherever it is told of, by its feed's id: the site that the operator wrote among the
    categories, else the feed's own title, else its id. `titles` are by feed id, '' or missing where not known."""
    names = {}
    for feed in feeds:
        title = titles.get(feed.feed_id, "")
        names[feed.feed_id] = site_of(feed) or title or feed.feed_id
    return names


def site_of(feed: Feed) -> str:
    """The site among a feed's categories, which are its group, site and section; '' where there is none."""
    return feed.categories[1] if len(feed.categories) > 1 else ""


def span(length: timedelta) -> str:
    """A span in its two largest units: `3 d 4 h`, `2 h 5 min`, `40 s`, `0.35 s`."""
    seconds = max(length.total_seconds(), 0.0)
    if not seconds:
        return "0 s"
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    total_minutes = int(seconds // 60)
    days, rest = divmod(total_minutes, 24 * 60)
    hours, minutes = divmod(rest, 60)
    units = [
        (days, "d"),
        (hours, "h"),
        (minutes, "min"),
    ]
    shown = [f"{value} {unit}" for value, unit in units if value]
    return " ".join(shown[:2])


def roughly(span: timedelta) -> str:
    """A duration to read, not to compute with: at least two whole units, or seconds."""
    seconds = max(int(span.total_seconds()), 0)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def clock(at: datetime, zone: tzinfo) -> str:
    """The time of day, `09:05`."""
    return at.astimezone(zone).strftime("%H:%M")


def day_and_clock(at: datetime, zone: tzinfo) -> str:
    """`2026-11-22 09:05`."""
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def when(
    at: datetime,
    now: datetime,
    zone: tzinfo,
) -> str:
    """The time of day, and before today also the day: `09:05` or `11-21 09:05`."""
    local = at.astimezone(zone)
    is_today = local.date() == now.astimezone(zone).date()
    return local.strftime("%H:%M" if is_today else "%m-%d %H:%M")


def window(record: Digest, zone: tzinfo) -> str:
    """The window in words: `2026-11-22 08:00 to 09:00 UTC`."""
    start = record.window_from_at.astimezone(zone)
    end = record.window_to_at.astimezone(zone)
    is_one_day = start.date() == end.date()
    until = end.strftime("%H:%M" if is_one_day else "%Y-%m-%d %H:%M")
    return f"{start:%Y-%m-%d %H:%M} to {until} {end.tzname() or ''}".rstrip()


def spread(event: DigestEvent | Event) -> str:
    """How long the event has been reported: `over 3 h 10 min`, or '' for a single report."""
    length = event.last_seen_at - event.first_seen_at
    if event.source_count < 2 or length < MINUTE:
        return ""
    return f"over {span(length)}"


def sources(event: DigestEvent | Event) -> str:
    """`1 source`, `3 sources`, or `7 reports, 5 independent` where some are copies or by the same publisher."""
    if event.source_count == event.independent_count:
        return counted(event.source_count, "source")
    reports = counted(event.source_count, "report")
    return f"{reports}, {event.independent_count} independent"


def outcomes(totals: Totals) -> tuple[tuple[str, int], ...]:
    """The four numbers of a window, in the order they are read: new, joined, edited, seen."""
    reports, entries = totals.reports, totals.entries
    return (
        ("new", reports.get("new_event", 0)),
        ("joined", reports.get("joined_event", 0)),
        ("edited", entries.get("edited", 0)),
        ("seen", entries.get("seen", 0)),
    )
