"""The pages of the status port as HTML, from records.

Rules: a page is a function of records, the reader's choice, the reader's look (time zone and language) and the time;
templates only lay out. Everything a feed wrote is escaped (Jinja2's autoescape is on and no template says `safe`),
links lead to http(s) only, and every title carries its language so that browsers pick the right glyphs and line
breaks. No style or script stands in the page (the Content-Security-Policy forbids it), except in the digest that is a
file of its own.

Jinja2 is used in this module only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from hashlib import sha256
from operator import attrgetter
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from aggregator.model import (
    UNDETERMINED,
    Digest,
    Event,
    Health,
    Message,
    PollState,
    Ruling,
    Source,
    Verdict,
)
from aggregator.watch import timeline, translation, wording
from aggregator.watch.api import filter_parameters
from aggregator.watch.choice import WINDOWS, Choice, chosen_of, first_of
from aggregator.watch.clock import (
    newest_at,
    ordered_sources,
    reported_at,
    reported_first_at,
)
from aggregator.watch.digest import host_of
from aggregator.watch.links import has_secrets, safe_link, shown_address
from aggregator.watch.pictures import key_of
from aggregator.watch.remedies import remedy_of
from aggregator.watch.statistics import statistics
from aggregator.watch.told import parts_of, reports_of

TEMPLATES = Path(__file__).parent / "templates"
EVENTS_ON_A_PAGE = 50
"""About 90 kB of HTML, 15 kB on the wire."""
MAX_SOURCES = 6
"""Reports listed in a card: the first and the newest; the event's page has all."""
MAX_CATEGORIES = 60
FEEDS_ON_A_PAGE = 100
ENTRIES_OF_A_FEED = 40
SOURCES_OFFERED = (2, 3, 5, 10)

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
class Look:
    """How a reader sees the pages: in which time zone, in which language; what sources are called by their feeds' ids,
    and the titles of the feeds themselves, of which one source may have several."""

    zone: tzinfo = UTC
    tongue: str = "en"
    names: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)


def primary_language(tag: str) -> str:
    """`zh` of `zh-Hant-TW`."""
    return tag.partition("-")[0].lower()


def event_of(message: Message) -> Event | None:
    """What a message tells of its event, as far as a card on the front page needs it; None if it has no time."""
    seen_at = message.first_seen_at or message.published_at
    dates = filter(None, (source.published_at for source in message.sources))
    first_at = next(dates, seen_at)
    if seen_at is None or first_at is None:
        return None
    # An event is called by its first report, as everywhere.
    title = message.sources[0].title if message.sources else message.title
    return Event(
        event_id=message.event_id,
        lang=message.lang,
        title=title,
        first_seen_at=min(first_at, seen_at),
        last_seen_at=seen_at,
        sources=message.sources,
        source_count=message.source_count,
        independent_sites=(),
        independent_count=message.independent_count,
        categories=message.categories,
    )


class Pages:
    """The templates, loaded once. `is_pictured` says whether the picture at an address is to be shown."""

    def __init__(
        self,
        *,
        version: str,
        has_digests: bool,
        is_pictured: Callable[[str], bool] = lambda _url: False,
    ) -> None:
        self._is_pictured = is_pictured
        self._environment = _environment()
        self._environment.globals.update(
            version=version,
            has_digests=has_digests,
            asset=_asset_versions(),
            picture=self._picture,
        )

    def front(
        self,
        look: Look,
        *,
        events: Sequence[Event],
        feeds: Sequence[PollState],
        choice: Choice,
        now: datetime,
        reasons: Sequence[str],
        found: Collection[str] | None = None,
        near: Sequence[tuple[Event, float]] | None = None,
        has_meanings: bool = False,
    ) -> str:
        """The events of the chosen window: `events` are those told in it, `found` the ids of those that hold the
        words of the choice, None where it has none; `near` further ones by meaning, None where they are not asked for,
        which is offered where `has_meanings`. `reasons` says why the daemon is not ready, when it is not."""
        from_at = choice.from_at(now)
        chosen = chosen_of(events, choice, found)
        pages = max(-(-len(chosen) // EVENTS_ON_A_PAGE), 1)
        # A page that went away with its events shows what is now the last one.
        page = min(choice.page, pages)
        return self._render(
            "front.html",
            look,
            now=now,
            choice=choice,
            events=_events_of_page(chosen, choice, page),
            page=page,
            pages=pages,
            near=near,
            has_meanings=has_meanings,
            languages=_languages(events),
            categories=_categories(events)[:MAX_CATEGORIES],
            windows=WINDOWS,
            least_sources=SOURCES_OFFERED,
            stats=_stats(chosen, feeds),
            from_at=from_at,
            bars=timeline.bars(chosen, from_at=from_at, to_at=now, zone=look.zone),
            marks=timeline.marks(from_at=from_at, to_at=now, zone=look.zone),
            reasons=reasons,
        )

    def card(
        self,
        look: Look,
        event: Event,
        *,
        choice: Choice,
        now: datetime,
    ) -> str:
        """One event as it stands in the list of the front page, for live updates."""
        return self._render(
            "card.html", look, event=event, from_at=choice.from_at(now), now=now
        )

    def event(
        self,
        look: Look,
        event: Event,
        *,
        reports: Sequence[Message],
        related: Sequence[Event] = (),
        rulings: Sequence[Ruling] = (),
        now: datetime,
    ) -> str:
        """All that is known of one event; `related` are earlier ones that it follows up."""
        lines = reports_of(event, reports)
        first_at = reported_first_at(event)
        # Of a single report there is no span to draw.
        length = max(newest_at(event) - first_at, timedelta(hours=1))
        # Some room, so that the outer dots are whole.
        from_at = first_at - length * 0.04
        to_at = first_at + length * 1.04
        return self._render(
            "event.html",
            look,
            event=event,
            related=related,
            rulings=rulings,
            reports=lines,
            parts=parts_of(lines),
            now=now,
            from_at=from_at,
            to_at=to_at,
            marks=timeline.marks(
                from_at=from_at,
                to_at=to_at,
                zone=look.zone,
            ),
        )

    def feeds(
        self,
        look: Look,
        feeds: Sequence[PollState],
        *,
        health: str,
        words: str,
        page: int,
        now: datetime,
    ) -> str:
        """The health of every feed, those in trouble first."""
        chosen = [state for state in feeds if _is_found(state, health, words)]
        chosen.sort(key=_feed_order)
        start = (page - 1) * FEEDS_ON_A_PAGE
        counts = Counter(state.health for state in feeds)
        return self._render(
            "feeds.html",
            look,
            feeds=chosen[start : start + FEEDS_ON_A_PAGE],
            total=len(chosen),
            healths=[(kind, counts[kind]) for kind in _HEALTH_ORDER if counts[kind]],
            health=health,
            words=words,
            page=page,
            pages=max(-(-len(chosen) // FEEDS_ON_A_PAGE), 1),
            now=now,
        )

    def feed(
        self, look: Look, state: PollState, *, events: Iterable[Event], now: datetime
    ) -> str:
        """One feed: its address, history and newest entries, when it is asked next and why, what to do about it."""
        entries: list[tuple[datetime, Source, Event]] = []
        for event in events:
            for source in event.sources:
                if source.feed_id == state.feed_id:
                    entries.append((reported_at(event, source), source, event))
        entries.sort(
            key=lambda entry: (entry[0], entry[1].entry_id),
            reverse=True,
        )
        return self._render(
            "feed.html",
            look,
            feed=state,
            entries=entries[:ENTRIES_OF_A_FEED],
            remedy=remedy_of(state, look.tongue),
            now=now,
        )

    def statistics(
        self,
        look: Look,
        *,
        verdicts: Iterable[Verdict],
        events: Sequence[Event],
        hours: int,
        now: datetime,
    ) -> str:
        """Sources by time, who is first, who copies whom, languages."""
        from_at = now - timedelta(hours=hours)
        return self._render(
            "statistics.html",
            look,
            found=statistics(verdicts, events, from_at=from_at, to_at=now),
            hours=hours,
            windows=WINDOWS,
            marks=timeline.marks(
                from_at=from_at,
                to_at=now,
                zone=look.zone,
            ),
        )

    def digest_days(
        self,
        look: Look,
        days: Sequence[date],
    ) -> str:
        """The days there are digests of, newest first."""
        return self._render(
            "digests.html",
            look,
            days=sorted(days, reverse=True),
        )

    def digest_day(
        self,
        look: Look,
        day: date,
        digests: Sequence[Digest],
    ) -> str:
        """The digests of one day, newest first."""
        return self._render(
            "digest.html", look, day=day, digests=list(reversed(digests))
        )

    def digest_file(self, look: Look, record: Digest) -> str:
        """One digest as a file that needs nothing beside it."""
        # A file of its own has no style sheet beside it.
        style = Markup((TEMPLATES / "style.css").read_text(encoding="utf-8"))
        return self._render("digest_file.html", look, digest=record, style=style)

    def docs(self, look: Look, base: str) -> str:
        """What programs can read; `base` is the address of the port."""
        name = "docs.zh.html" if look.tongue == "zh" else "docs.html"
        return self._render(
            name,
            look,
            parameters=filter_parameters(),
            base=base,
        )

    def error(
        self,
        look: Look,
        status: int,
        text: str,
    ) -> str:
        """The page in place of one that cannot be shown; `status` is HTTP's."""
        return self._render("error.html", look, status=status, text=text)

    def _picture(self, event: Event, form: str) -> str:
        """The path of an event's picture, '' where none is shown. It changes with the picture, so it may be kept."""
        if not event.image or not self._is_pictured(event.image):
            return ""
        return f"/pictures/{event.event_id}/{form}.webp?v={key_of(event.image)[:8]}"

    def _render(self, name: str, look: Look, **values: Any) -> str:
        # `timezone.utc` has no IANA name.
        zone_name = getattr(look.zone, "key", None) or str(look.zone)
        return self._environment.get_template(name).render(
            look=look, zone_name=zone_name, **values
        )


# --- what templates can say -----------------------------------------------------------------------------------


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["t"] = _t
    filters: dict[str, Callable[..., Any]] = {
        "clock": _in_zone(wording.clock),
        "moment": _in_zone(wording.day_and_clock),
        "when": _when,
        "machine": lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "window": _window,
        "span": _in_tongue(translation.span),
        "counted": _counted,
        "sources": _in_tongue(translation.sources),
        "spread": _in_tongue(translation.spread),
        "seen_spread": _in_tongue(translation.seen_spread),
        "outcomes": _in_tongue(translation.outcomes),
        "sentence": _in_tongue(translation.sentence),
        "failure": _in_tongue(translation.failure),
        "lang": lambda tag: "" if tag == UNDETERMINED else tag,
        "language": _language,
        "written_in": _written_in,
        "primary": primary_language,
        "href": safe_link,
        "host": host_of,
        "address": shown_address,
        "has_secrets": has_secrets,
        "name": _name,
        "feed_title": _feed_title,
        "dots": _dots,
        "sparks": timeline.sparks,
        "first_at": reported_first_at,
        "newest_at": newest_at,
        "ordered": ordered_sources,
        "listed": _listed,
        "reason": _reason,
        "feed_query": lambda choice: choice.feed_query(),
    }
    environment.filters.update(filters)
    return environment


def _look(context: Context) -> Look:
    look: Look = context["look"]
    return look


@pass_context
def _t(context: Context, text: str, **values: object) -> str:
    return translation.translated(text, _look(context).tongue, **values)


def _in_zone(function: Callable[[Any, tzinfo], str]) -> Callable[..., str]:
    @pass_context
    def shown(context: Context, value: Any) -> str:
        return function(value, _look(context).zone)

    return shown


def _in_tongue(function: Callable[[Any, str], Any]) -> Callable[..., Any]:
    @pass_context
    def shown(context: Context, value: Any) -> Any:
        return function(value, _look(context).tongue)

    return shown


@pass_context
def _when(
    context: Context,
    at: datetime,
    now: datetime,
) -> str:
    return wording.when(at, now, _look(context).zone)


@pass_context
def _counted(
    context: Context,
    number: int,
    noun: str,
) -> str:
    return translation.counted(number, noun, _look(context).tongue)


@pass_context
def _window(context: Context, record: Digest) -> str:
    look = _look(context)
    return translation.window(record, look.zone, look.tongue)


@pass_context
def _language(context: Context, tag: str) -> str:
    tongue = _look(context).tongue
    names = translation.CHINESE_LANGUAGES if tongue == "zh" else LANGUAGES
    unknown = translation.translated("unknown", tongue)
    return names.get(
        primary_language(tag),
        unknown if tag == UNDETERMINED else tag,
    )


@pass_context
def _written_in(context: Context, tag: str) -> str:
    """The language in which `language` names a language: in its own on the English page, in Chinese on the Chinese."""
    is_own = _look(context).tongue == "en" and tag != UNDETERMINED
    return tag if is_own else _look(context).tongue


@pass_context
def _name(context: Context, feed_id: str) -> str:
    return _look(context).names.get(feed_id) or feed_id


@pass_context
def _feed_title(context: Context, feed_id: str) -> str:
    return _look(context).titles.get(feed_id) or feed_id


@pass_context
def _dots(
    context: Context, event: Event, from_at: datetime, to_at: datetime
) -> tuple[timeline.Dot, ...]:
    look = _look(context)
    return timeline.dots(
        event, from_at=from_at, to_at=to_at, zone=look.zone, names=look.names
    )


@pass_context
def _reason(context: Context, word: str) -> str:
    return translation.translated(
        REASONS.get(word, word),
        _look(context).tongue,
    )


def _listed(event: Event) -> tuple[Source, ...]:
    sources = ordered_sources(event)
    return (
        sources
        if len(sources) <= MAX_SOURCES
        else (sources[0], *sources[1 - MAX_SOURCES :])
    )


def _asset_versions() -> Callable[[str], str]:
    """Paths of our own files with a hash of their content, so that browsers may keep them for good."""
    versions = {
        path.name: sha256(path.read_bytes()).hexdigest()[:12]
        for path in TEMPLATES.iterdir()
        if path.suffix in {".css", ".js", ".svg"}
    }
    return lambda name: f"/static/{name}?v={versions[name]}"


# --- figures --------------------------------------------------------------------------------------------------


def _events_of_page(
    chosen: Sequence[Event],
    choice: Choice,
    page: int,
) -> Sequence[Event]:
    start = (page - 1) * EVENTS_ON_A_PAGE
    return first_of(chosen, choice.order, start + EVENTS_ON_A_PAGE)[start:]


def _languages(events: Iterable[Event]) -> list[tuple[str, int]]:
    """How many events each language has, the most first."""
    counts: Counter[str] = Counter()
    # The tags are few: each is taken apart once, not for each event of a day.
    for tag, count in Counter(map(attrgetter("lang"), events)).items():
        counts[primary_language(tag)] += count
    return _ranked(counts)


def _categories(events: Iterable[Event]) -> list[tuple[str, int]]:
    """How many events each category has, the most first; an event counts once in each of its own."""
    counts: Counter[str] = Counter()
    # Most events have their one feed's categories, which are many events' own.
    for names, count in Counter(map(attrgetter("categories"), events)).items():
        for name in dict.fromkeys(names):
            counts[name] += count
    return _ranked(counts)


def _ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _stats(
    events: Sequence[Event], feeds: Sequence[PollState]
) -> list[tuple[str, str]]:
    report_count = sum(map(attrgetter("source_count"), events))
    bad_count = sum(state.health in _BAD_HEALTH for state in feeds)
    return [
        _stat(len(events), "event"),
        _stat(report_count, "report"),
        (f"{report_count - len(events):,}", "duplicates saved"),
        _stat(len(feeds), "feed"),
        (f"{bad_count:,}", "in trouble"),
    ]


def _stat(
    count: int,
    noun: str,
) -> tuple[str, str]:
    return f"{count:,}", noun if count == 1 else f"{noun}s"


def _is_found(
    state: PollState,
    health: str,
    words: str,
) -> bool:
    if health and state.health != health:
        return False
    text = f"{state.feed_id} {state.title} {host_of(state.url)}".casefold()
    return all(word in text for word in words.casefold().split())


def _feed_order(state: PollState) -> tuple[int, int, str]:
    return (_HEALTH_ORDER.index(state.health), -state.failure_count, state.feed_id)
