"""The pages of the status port as HTML, from records.

Rules: a page is a function of records, the reader's choice and the time; templates only lay out. Everything a feed
wrote is escaped (Jinja2's autoescape is on and no template says `safe`), links lead to http(s) only, and every title
carries its language so that browsers pick the right glyphs and line breaks. No style or script stands in the page
(the Content-Security-Policy forbids it), except in the digest that is a file of its own.

Jinja2 is used in this module only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from aggregator.model import EPOCH, UNDETERMINED, Digest, Event, Health, Kind, Message, PollState, Source
from aggregator.watch import timeline, wording
from aggregator.watch.api import filter_parameters
from aggregator.watch.choice import Choice, is_chosen, order_of
from aggregator.watch.digest import host_of, is_told
from aggregator.watch.links import safe_link

TEMPLATES = Path(__file__).parent / "templates"
MAX_EVENTS = 100
"""Events on the front page: about 120 kB of HTML. The filter finds the others."""
MAX_SOURCES = 8
"""Reports listed in a card: the first and the newest; the event's page has all."""
MAX_CATEGORIES = 60
FEEDS_ON_A_PAGE = 100

REASONS: Mapping[str, str] = {
    "new": "the first report of this event",
    "same_url": "links to the same page",
    "similar": "tells the same in other words",
    "copy": "repeats the text of an earlier report",
    "update": "a newer version of an earlier report",
    "operator": "joined by the operator",
}
LANGUAGES: Mapping[str, str] = {
    "ar": "العربية", "de": "Deutsch", "en": "English", "es": "Español", "fr": "Français", "hi": "हिन्दी",
    "id": "Indonesia", "it": "Italiano", "ja": "日本語", "ko": "한국어", "nl": "Nederlands", "pl": "Polski",
    "pt": "Português", "ru": "Русский", "tr": "Türkçe", "uk": "Українська", "vi": "Tiếng Việt", "zh": "中文",
}  # fmt: skip
_BAD_HEALTH = (Health.GONE, Health.QUARANTINED, Health.FAILING, Health.OFFLINE)
_HEALTH_ORDER = (*_BAD_HEALTH, Health.NEW, Health.OK)


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


def primary_language(tag: str) -> str:
    """`zh` of `zh-Hant-TW`."""
    return tag.partition("-")[0].lower()


def event_of(message: Message) -> Event | None:
    """What a message tells of its event, as far as a card on the front page needs it; None if it has no time."""
    seen_at = message.first_seen_at or message.published_at
    first_at = next((source.published_at for source in message.sources if source.published_at), None) or seen_at
    if seen_at is None or first_at is None:
        return None
    return Event(
        event_id=message.event_id,
        lang=message.lang,
        title=message.sources[0].title if message.sources else message.title,
        first_seen_at=min(first_at, seen_at),
        last_seen_at=seen_at,
        sources=message.sources,
        source_count=message.source_count,
        independent_sites=(),
        independent_count=message.independent_count,
        categories=message.categories,
    )


class Pages:
    """The templates, loaded once; `zone` is the time zone every time is told in."""

    def __init__(self, *, zone: tzinfo, version: str, has_digests: bool) -> None:
        self._zone = zone
        self._environment = _environment(zone)
        self._environment.globals.update(
            version=version, has_digests=has_digests, zone_name=_zone_name(zone), asset=_asset_versions()
        )

    def front(
        self,
        *,
        events: Sequence[Event],
        feeds: Sequence[PollState],
        choice: Choice,
        now: datetime,
        reasons: Sequence[str],
    ) -> str:
        """Today's events. `reasons` says why the daemon is not ready, when it is not."""
        from_at = choice.from_at(now)
        told = [event for event in events if is_told(event, from_at, now + timedelta(seconds=1))]
        chosen = sorted((event for event in told if is_chosen(event, choice)), key=order_of(choice.order))
        return self._render(
            "front.html",
            now=now,
            choice=choice,
            events=chosen[:MAX_EVENTS],
            total=len(chosen),
            languages=_tally(primary_language(event.lang) for event in told),
            categories=_tally(name for event in told for name in dict.fromkeys(event.categories))[:MAX_CATEGORIES],
            stats=_stats(chosen, feeds),
            from_at=from_at,
            bars=timeline.bars(chosen, from_at=from_at, to_at=now, zone=self._zone),
            marks=timeline.marks(from_at=from_at, to_at=now, zone=self._zone),
            reasons=reasons,
        )

    def card(self, event: Event, *, choice: Choice, now: datetime) -> str:
        """One event as it stands in the list of the front page, for live updates."""
        return self._render("card.html", event=event, from_at=choice.from_at(now), now=now)

    def event(self, event: Event, *, reports: Sequence[Message], related: Sequence[Event] = (), now: datetime) -> str:
        """All that is known of one event; `related` are earlier ones that it follows up."""
        lines = _reports_of(reports)
        lines = lines or [_report_of_source(event, source, index) for index, source in enumerate(event.sources)]
        length = max(event.last_seen_at - event.first_seen_at, timedelta(hours=1))
        from_at, to_at = event.first_seen_at - length * 0.04, event.first_seen_at + length * 1.04
        return self._render(
            "event.html",
            event=event,
            related=related,
            reports=sorted(lines, key=lambda line: (line.at, line.role != "first")),
            now=now,
            from_at=from_at,
            to_at=to_at,
            marks=timeline.marks(from_at=from_at, to_at=to_at, zone=self._zone),
        )

    def feeds(self, feeds: Sequence[PollState], *, health: str, words: str, page: int, now: datetime) -> str:
        """The health of every feed, those in trouble first."""
        found = sorted((state for state in feeds if _is_found(state, health, words)), key=_feed_order)
        start = (page - 1) * FEEDS_ON_A_PAGE
        counts = Counter(state.health for state in feeds)
        return self._render(
            "feeds.html",
            feeds=found[start : start + FEEDS_ON_A_PAGE],
            total=len(found),
            healths=[(kind, counts[kind]) for kind in _HEALTH_ORDER if counts[kind]],
            health=health,
            words=words,
            page=page,
            pages=max(-(-len(found) // FEEDS_ON_A_PAGE), 1),
            now=now,
        )

    def digest_days(self, days: Sequence[date]) -> str:
        """The days there are digests of, newest first."""
        return self._render("digests.html", days=sorted(days, reverse=True))

    def digest_day(self, day: date, digests: Sequence[Digest]) -> str:
        """The digests of one day, newest first."""
        return self._render("digest.html", day=day, digests=list(reversed(digests)))

    def digest_file(self, record: Digest) -> str:
        """One digest as a file that needs nothing beside it."""
        style = Markup((TEMPLATES / "style.css").read_text(encoding="utf-8"))
        return self._render("digest_file.html", digest=record, style=style)

    def docs(self, base: str) -> str:
        """What programs can read; `base` is the address of the port."""
        return self._render("docs.html", parameters=filter_parameters(), base=base)

    def error(self, status: int, text: str) -> str:
        return self._render("error.html", status=status, text=text)

    def _render(self, name: str, **values: Any) -> str:
        return self._environment.get_template(name).render(**values)


def _environment(zone: tzinfo) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    filters: dict[str, Callable[..., Any]] = {
        "clock": lambda at: wording.clock(at, zone),
        "moment": lambda at: wording.day_and_clock(at, zone),
        "when": lambda at, now: wording.when(at, now, zone),
        "machine": lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "window": lambda record: wording.window(record, zone),
        "span": wording.span,
        "counted": wording.counted,
        "sources": wording.sources,
        "spread": wording.spread,
        "outcomes": wording.outcomes,
        "lang": lambda tag: "" if tag == UNDETERMINED else tag,
        "language": lambda tag: LANGUAGES.get(primary_language(tag), "unknown" if tag == UNDETERMINED else tag),
        "href": safe_link,
        "host": host_of,
        "dots": lambda event, from_at, to_at: timeline.dots(event, from_at=from_at, to_at=to_at, zone=zone),
        "sparks": timeline.sparks,
        "feed_query": lambda choice: choice.feed_query(),
        "listed": _listed,
        "reason": lambda word: REASONS.get(word, word),
    }
    environment.filters.update(filters)
    return environment


def _listed(event: Event) -> tuple[Source, ...]:
    sources = event.sources
    return sources if len(sources) <= MAX_SOURCES else (sources[0], *sources[1 - MAX_SOURCES :])


def _asset_versions() -> Callable[[str], str]:
    """Paths of our own files with a hash of their content, so that browsers may keep them for good."""
    versions = {
        path.name: sha256(path.read_bytes()).hexdigest()[:12]
        for path in TEMPLATES.iterdir()
        if path.suffix in {".css", ".js", ".svg"}
    }
    return lambda name: f"/static/{name}?v={versions[name]}"


def _zone_name(zone: tzinfo) -> str:
    return getattr(zone, "key", None) or str(zone)


def _tally(values: Iterable[str]) -> list[tuple[str, int]]:
    return sorted(Counter(values).items(), key=lambda pair: (-pair[1], pair[0]))


def _stats(events: Sequence[Event], feeds: Sequence[PollState]) -> list[tuple[str, str]]:
    reports = sum(event.source_count for event in events)
    bad = sum(state.health in _BAD_HEALTH for state in feeds)
    return [
        (f"{len(events):,}", "event" if len(events) == 1 else "events"),
        (f"{reports:,}", "report" if reports == 1 else "reports"),
        (f"{reports - len(events):,}", "duplicates saved"),
        (f"{len(feeds):,}", "feed" if len(feeds) == 1 else "feeds"),
        (f"{bad:,}", "in trouble"),
    ]


def _reports_of(messages: Iterable[Message]) -> list[Report]:
    """The reports in the order they came, each with its part in the event."""
    lines: list[Report] = []
    publishers: set[str] = set()
    for message in sorted((line for line in messages if line.kind is not Kind.MERGED), key=_came_at):
        named = {message.feed_id, host_of(message.url).removeprefix("www.")} - {""}
        role = _role(message, again=not named.isdisjoint(publishers))
        score = message.score if message.kind is Kind.JOINED else None
        lines.append(
            Report(
                _came_at(message),
                message.feed_id,
                message.title,
                message.url,
                message.lang,
                role,
                score,
                message.reason,
            )
        )
        publishers |= named
    return lines


def _came_at(message: Message) -> datetime:
    return message.published_at or message.first_seen_at or EPOCH


def _role(message: Message, *, again: bool) -> str:
    if message.kind is Kind.NEW:
        return "first"
    if message.kind is Kind.EDITED:
        return "edited"
    if message.reason == "copy":
        return "copy"
    return "again" if again else "independent"


def _report_of_source(event: Event, source: Source, index: int) -> Report:
    """A report whose message is no longer kept: its verdict is not known any more."""
    at = source.published_at or event.first_seen_at
    return Report(at, source.feed_id, source.title, source.url, event.lang, "" if index else "first", None, "")


def _is_found(state: PollState, health: str, words: str) -> bool:
    text = f"{state.feed_id} {state.title} {host_of(state.url)}".casefold()
    return (not health or state.health == health) and all(word in text for word in words.casefold().split())


def _feed_order(state: PollState) -> tuple[int, int, str]:
    return (_HEALTH_ORDER.index(state.health), -state.failure_count, state.feed_id)
