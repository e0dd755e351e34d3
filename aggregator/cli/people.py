"""What a person at the terminal of `aggregator run` is told: a banner, the first round, then events as they form.

Rules: one line an event, told again when its second, third, fifth … source joins; log lines become sentences, and only
those that a person can do something about; one sentence for a network that is down, not one for each feed. The line
of the first round is redrawn in place on a terminal, and left out elsewhere.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from rich.console import Console, RenderableType
from rich.rule import Rule
from rich.text import Text

from aggregator import __version__
from aggregator.model import (
    Digest,
    DigestEvent,
    Event,
    Feed,
    Health,
    Kind,
    Message,
    Source,
)
from aggregator.watch import wording
from aggregator.watch.digest_text import plain
from aggregator.watch.headlines import (
    Headline,
    clock,
    cut,
    headline_text,
    named,
)
from aggregator.watch.wording import counted, site_of, source_names

KEPT = "What was read is kept; the next start goes on from here."
TOLD_AGAIN = (2, 3, 5, 10, 20, 50)
"""Numbers of independent sources at which an event is told again."""
MOST_SINGLES = 12
"""Single reports told of one batch: a feed that publishes thirty at once must not push all else away. A guess."""
MOST_AFTER_ROUND = 12
MOST_OF_DIGEST = 10
MOST_FAILING = 4
"""Feeds in trouble that are told by name at the end of the first round."""

_SENTENCES = {
    "engine_unavailable": (
        "The Redis server cannot serve: {error}. Nothing is lost; it goes on by itself.",
        "red",
    ),
    "engine_available": ("The Redis server answers again.", "green"),
    "config_refused": (
        "feeds.toml has a fault, and the old one stays in force: {error}",
        "red",
    ),
    "polling_paused": ("Polling pauses: {reason}", "yellow"),
    "polling_resumed": ("Polling goes on.", "green"),
    "meanings_passed_over": (
        "Many reports wait: until fewer do, they are matched by their words alone.",
        "dim",
    ),
    "meanings_resumed": ("Headlines are compared by meaning again.", "dim"),
    "feed_skipped": ("{feed_id} was not asked: {why}", "dim"),
    "stopping": ("Stopping: polls in flight come to their end.", "dim"),
}
"""Log event → the sentence for people, with the line's facts in it, and its style."""

Line = Mapping[str, Any]


@dataclass(slots=True)
class _Round:
    """The first round: who is asked, who answered."""

    asked: frozenset[str]
    started: float
    """By the monotonic clock."""
    answered: set[str] = field(default_factory=set)
    failing: dict[str, str] = field(default_factory=dict)
    """Feed → why."""
    report_count: int = 0
    waiting_count: int = 0


class People:
    """The screen. `follow` it with what is published; give it every log line."""

    def __init__(
        self,
        out: Console,
        *,
        feeds: Callable[[], Sequence[Feed]],
        file: str,
        hint: str = "",
        farewell: str = KEPT,
    ) -> None:
        self._out = out
        self._feeds = feeds
        self._file = file
        self._hint = hint
        self._page = ""
        self._place = ""
        self._round: _Round | None = None
        self._has_progress = False
        self._told: dict[str, int] = {}
        """Event → the number of sources it was last told with."""
        self._titles: dict[str, str] = {}
        self._down_at: float | None = None
        self._is_encoder_slow = False
        self._farewell = farewell
        self._heard: dict[str, Callable[[Line], None]] = {
            "daemon_starting": self._on_starting,
            "status_port_open": self._on_page,
            "daemon_ready": self._on_ready,
            "feed_polled": self._on_polled,
            "entries_assigned": self._on_assigned,
            "trouble": self._on_trouble,
            "config_reloaded": self._on_reloaded,
            "meanings_missing": self._on_meanings_missing,
            "stopped": self._on_stopped,
        }

    @property
    def page(self) -> str:
        """The address of the page; '' where there is none."""
        return self._page

    # --- the log ---

    def log(self, line: Line) -> None:
        """Say what a person needs to hear of a log line."""
        event = str(line.get("event", ""))
        level = line.get("level")
        if event in self._heard:
            self._heard[event](line)
        elif event in _SENTENCES:
            sentence, style = _SENTENCES[event]
            facts: dict[str, Any] = defaultdict(str, line)
            self._say(sentence.format_map(facts), style=style)
        elif level == "warning":
            self._say(_in_words(line), style="yellow")
        elif level in ("error", "critical"):
            self._say(_in_words(line), style="red")

    def _on_starting(self, line: Line) -> None:
        self._place = str(line.get("redis", ""))

    def _on_stopped(self, _line: Line) -> None:
        self._say(f"Stopped. {self._farewell}")

    def _on_page(self, line: Line) -> None:
        host = str(line.get("host"))
        # An IPv6 address stands in brackets, or its last part would be the port.
        if ":" in host:
            host = f"[{host}]"
        self._page = f"http://{host}:{line.get('port')}/"

    def _on_ready(self, _line: Line) -> None:
        count = sum(feed.enabled for feed in self._feeds())
        program = (f"aggregator {__version__}", "bold")
        head = Text.assemble(program, f"  {counted(count, 'feed')} of {self._file}")
        page = self._page or "off; `[http] listen` in feeds.toml turns it on"
        facts = {
            "page": page,
            "server": self._place,
            "stop": "Ctrl-C",
            "more": self._hint,
        }
        self._print(head)
        for name, words in facts.items():
            if words or name != "more":
                self._print(Text.assemble((f"  {name:<7}", "dim"), words))
        self._print(Text(""))
        if not count:
            self._say(
                "There are no feeds yet: `aggregator feeds add URL`",
                style="yellow",
            )

    def _on_polled(self, line: Line) -> None:
        feed_id = str(line.get("feed_id"))
        has_failed = line.get("result") == "failed"
        # A failure tells nothing of our own network: the feed may be dead.
        if line.get("health") == Health.OFFLINE:
            self._network_down()
        elif not has_failed:
            self._network_up()
        if self._round is None or feed_id not in self._round.asked:
            return
        self._round.answered.add(feed_id)
        if has_failed:
            why = line.get("detail") or line.get("failure") or ""
            self._round.failing[feed_id] = str(why)
        self._draw_progress()

    def _on_assigned(self, line: Line) -> None:
        if self._round is not None:
            self._round.report_count += int(line.get("entries", 0))
            self._draw_progress()

    def _on_trouble(self, line: Line) -> None:
        if self._round is not None and line.get("kind") == "failing":
            return  # it is told by name when the round ends
        words = str(line.get("detail"))
        # A notice of a whole host, or of the server, is of no feed.
        if line.get("feed_id"):
            words = f"{line['feed_id']}: {words}"
        is_good = line.get("kind") in ("recovered", "released")
        self._say(words, style="green" if is_good else "yellow")

    def _on_reloaded(self, line: Line) -> None:
        facts = [name for name in line if name not in _OWN_KEYS]
        changes = ", ".join(f"{name}: {_brief(line[name])}" for name in facts)
        self._say(f"feeds.toml was read again: {changes}", style="green")

    def _on_meanings_missing(self, line: Line) -> None:
        # A slow machine is slow with every batch.
        if self._is_encoder_slow:
            return
        self._is_encoder_slow = True
        why = f"The encoder {line.get('detail')}: such headlines are matched by their words."
        remedy = "To do without it: `meaning = false` under [dedup]."
        self._say(f"{why} {remedy}", style="yellow")

    # --- the network ---

    def _network_down(self) -> None:
        # One sentence for all feeds: each of them is tried again and logged.
        if self._down_at is not None:
            return
        self._down_at = time.monotonic()
        self._say(
            "The network seems to be down. Feeds are tried each minute; none is blamed.",
            style="yellow",
        )

    def _network_up(self) -> None:
        if self._down_at is None:
            return
        seconds = time.monotonic() - self._down_at
        self._down_at = None
        minutes = counted(max(round(seconds / 60), 1), "minute")
        self._say(f"The network is back after {minutes}.", style="green")

    # --- the first round ---

    def begin_round(
        self,
        asked: Sequence[str],
        *,
        next_at: datetime | None,
    ) -> None:
        """The feeds that are due at the start; where none is, when the next one will be."""
        if asked:
            self._round = _Round(frozenset(asked), started=time.monotonic())
            self._draw_progress()
        elif next_at is not None:
            at = clock(next_at, datetime.now(UTC))
            self._say(f"No feed is due yet; the next one is at {at}.", style="dim")

    @property
    def is_round_open(self) -> bool:
        """Whether the first round is on; nothing else is told while it is."""
        return self._round is not None

    def is_round_over(
        self,
        *,
        waiting_count: int,
        patience: float,
    ) -> bool:
        """Whether everyone due has been asked and everything read has its event, or patience is at its end."""
        first = self._round
        if first is None:
            return False
        first.waiting_count = waiting_count
        self._draw_progress()
        is_whole = first.answered >= first.asked and not waiting_count
        # A host that never answers must not hold back what the others brought.
        return is_whole or time.monotonic() - first.started > patience

    def end_round(self, events: Sequence[Event]) -> None:
        """What the first round brought: the counts, the events most told of, the feeds that did not answer."""
        first = self._round
        self._round = None
        if first is None:
            return
        self._say(_round_in_words(first, len(events)))
        self._tell_failing(first.failing)
        # Stable twice over: the most sources first, of equal ones the newest.
        newest = sorted(events, key=attrgetter("last_seen_at"), reverse=True)
        top = sorted(newest, key=attrgetter("independent_count"), reverse=True)
        for event in top:
            self._told[event.event_id] = event.independent_count
        for event in top[:MOST_AFTER_ROUND]:
            self._print(self._line_of(event))
        self._tell_rest(len(top) - MOST_AFTER_ROUND)
        self._print(Text(""))

    def _tell_rest(self, count: int) -> None:
        if count > 0:
            rest = counted(count, "more event")
            self._say(f"… and {rest}: `aggregator digest`", style="dim")

    def _tell_failing(self, failing: Mapping[str, str]) -> None:
        # While our own network is down, its feeds are none of those that fail.
        if not failing or self._down_at is not None:
            return
        for feed_id, why in list(failing.items())[:MOST_FAILING]:
            self._print(Text(f"  {plain(feed_id)}: {plain(why)}", style="yellow"))
        rest_count = len(failing) - MOST_FAILING
        if rest_count > 0:
            rest = f"and {rest_count} more: `aggregator status --failing`"
            self._say(rest, style="yellow")

    def _draw_progress(self) -> None:
        first = self._round
        # A file or a pipe cannot redraw a line: there the round is told at its end.
        if first is None or not self._out.is_terminal:
            return
        answered = f"{len(first.answered)}/{len(first.asked)} feeds"
        parts = [answered, counted(first.report_count, "report")]
        if first.waiting_count:
            parts.append(f"{first.waiting_count:,} to be matched")
        if first.failing:
            parts.append(f"{len(first.failing)} failing")
        words = f"First round: {', '.join(parts)}"
        self._clear_progress()
        # A line as wide as the terminal would wrap, and only its last row be redrawn.
        self._out.file.write(cut(words, self._out.width - 1))
        self._out.file.flush()
        self._has_progress = True

    def _clear_progress(self) -> None:
        if self._has_progress:
            self._out.file.write("\r\x1b[2K")
            self._has_progress = False

    # --- what is published ---

    def nameless(self, sources: Iterable[Source]) -> list[str]:
        """The feeds of these that are called by their titles, which were not learned yet."""
        sited = {feed.feed_id for feed in self._feeds() if site_of(feed)}
        named_already = sited | self._titles.keys()
        return list({source.feed_id for source in sources} - named_already)

    def learn_titles(self, titles: Mapping[str, str]) -> None:
        """Call feeds without a site by their titles; '' is asked for again when it is needed."""
        self._titles |= {name: title for name, title in titles.items() if title}

    def messages(self, batch: Sequence[Message]) -> None:
        """Tell of the events that formed or grew; nothing while the first round is on, which tells at its end."""
        if self._round is not None:
            return
        single_count = 0
        for message in batch:
            if not self._is_news(message):
                continue
            is_single = message.independent_count < 2
            single_count += is_single
            if not is_single or single_count <= MOST_SINGLES:
                self._print(self._line_of(message))
        if single_count > MOST_SINGLES:
            rest = counted(single_count - MOST_SINGLES, "more single report")
            self._say(f"… and {rest}", style="dim")

    def _is_news(self, message: Message) -> bool:
        """Whether the event is new, or has reached the next number of sources at which it is told."""
        if message.kind not in (Kind.NEW, Kind.JOINED):
            return False
        before = self._told.get(message.event_id, 0)
        reached = 1
        for count in TOLD_AGAIN:
            if count <= message.independent_count:
                reached = count
        if before and reached <= before:
            return False
        self._told[message.event_id] = message.independent_count
        return True

    def digest(self, record: Digest) -> None:
        """The digest in short: its counts, and a line for each of its first events."""
        # The zone of whoever sits at this terminal, not that of [digest].
        zone = datetime.now().astimezone().tzinfo or UTC
        event_count = counted(record.event_count, "event")
        saved_count = counted(record.saved_count, "duplicate")
        head = f"{wording.window(record, zone)}: {event_count}, {saved_count} saved"
        self._print(Rule(Text(head, style="bold"), style="dim"))
        shown = record.events[:MOST_OF_DIGEST]
        for event in shown:
            self._print(self._line_of(event))
        self._tell_rest(record.event_count - len(shown))
        if record.trouble_count:
            troubled = counted(record.trouble_count, "feed")
            words = f"{troubled} in trouble: `aggregator status --failing`"
            self._say(words, style="yellow")
        self._print(Rule(style="dim"))

    def _line_of(self, event: Event | DigestEvent | Message) -> Text:
        sources = event.sources
        title = event.title
        url = ""
        # An event is called by its first report, as everywhere.
        if sources:
            title = sources[0].title or title
            url = sources[0].url
        names = named(sources, source_names(self._feeds(), self._titles))
        line = Headline(
            at=clock(event.first_seen_at, datetime.now(UTC)),
            title=title,
            source_count=event.independent_count,
            sources=names,
            url=url,
            copied_count=max(len(names) - event.independent_count, 0),
        )
        return headline_text(line, width=self._out.width)

    # --- the screen ---

    def say(self, words: str) -> None:
        """One sentence of whoever runs this."""
        self._say(words)

    def _say(
        self,
        words: str,
        *,
        style: str = "",
    ) -> None:
        self._print(Text(plain(words), style=style))

    def _print(self, what: RenderableType) -> None:
        self._clear_progress()
        self._out.print(what)
        self._draw_progress()


_OWN_KEYS = ("event", "level", "at")


def _brief(value: object) -> str:
    if isinstance(value, list | tuple | set):
        return ", ".join(map(str, value))
    return str(value)


def _in_words(line: Line) -> str:
    """A log line that no sentence was written for: its name and its facts."""
    # A traceback is for the log.
    unsaid = (*_OWN_KEYS, "exception")
    facts = [f"{key} {_brief(line[key])}" for key in line if key not in unsaid]
    name = str(line.get("event", "")).replace("_", " ")
    if not facts:
        return name
    return f"{name}: {', '.join(facts)}"


def _round_in_words(first: _Round, event_count: int) -> str:
    answered_count = len(first.answered) - len(first.failing)
    asked = counted(len(first.asked), "feed")
    seconds = time.monotonic() - first.started
    words = f"First round: {answered_count} of {asked} answered in {seconds:.0f} s"
    if event_count:
        reports = counted(first.report_count, "report")
        words += f", {reports} of {counted(event_count, 'event')}"
    return f"{words}."
