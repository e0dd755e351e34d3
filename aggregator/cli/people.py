"""What a person at the terminal of `aggregator run` is told: a banner, the first round, then events as they form.

Rules: one line an event, told again when its second, third, fifth … source joins; log lines become sentences, and only
those that a person can do something about; one sentence for a network that is down, not one for each feed. The line
of the first round is redrawn in place on a terminal, and left out elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, RenderableType
from rich.rule import Rule
from rich.text import Text

from aggregator import __version__
from aggregator.model import Digest, DigestEvent, Event, Feed, Health, Kind, Message
from aggregator.watch import wording
from aggregator.watch.digest_text import plain
from aggregator.watch.headlines import (
    Headline,
    clock,
    cut,
    headline_text,
    named,
    source_names,
)
from aggregator.watch.wording import counted

KEPT = "What was read is kept; the next start goes on from here."
TOLD_AGAIN = (2, 3, 5, 10, 20, 50)
"""Numbers of independent sources at which an event is told again."""
MOST_SINGLES = 12
"""Single reports told of one batch: a feed that publishes thirty at once must not push all else away. A guess."""
MOST_AFTER_ROUND = 12
MOST_OF_DIGEST = 10
MOST_FAILING = 4
"""Feeds in trouble that are told by name at the end of the first round."""

PASSED_OVER = (
    "Many reports wait: until fewer do, they are matched by their words alone."
)

Line = Mapping[str, Any]


@dataclass(slots=True)
class _Round:
    """The first round: who is asked, who answered."""

    asked: frozenset[str]
    started: float
    answered: set[str]
    failing: dict[str, str]
    reports: int = 0
    waiting: int = 0


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
        self._down_at: float | None = None
        self._is_encoder_slow = False
        self._sentences: dict[str, Callable[[Line], None]] = {
            "daemon_starting": self._on_starting,
            "status_port_open": self._on_page,
            "daemon_ready": self._on_ready,
            "feed_polled": self._on_polled,
            "entries_assigned": self._on_assigned,
            "trouble": self._on_trouble,
            "engine_unavailable": self._on_engine_down,
            "engine_available": lambda _: self._say(
                "The Redis server answers again.",
                style="green",
            ),
            "config_reloaded": self._on_reloaded,
            "config_refused": self._on_refused,
            "polling_paused": lambda line: self._say(
                f"Polling pauses: {line.get('reason')}",
                style="yellow",
            ),
            "polling_resumed": lambda _: self._say("Polling goes on.", style="green"),
            "meanings_passed_over": lambda _: self._say(PASSED_OVER, style="dim"),
            "meanings_resumed": lambda _: self._say(
                "Headlines are compared by meaning again.",
                style="dim",
            ),
            "meanings_missing": self._on_meanings_missing,
            "stopping": lambda _: self._say(
                "Stopping: polls in flight come to their end.",
                style="dim",
            ),
            "stopped": lambda _: self._say(f"Stopped. {farewell}"),
            "feed_skipped": lambda line: self._say(
                f"{line.get('feed_id')} was not asked: {line.get('why')}",
                style="dim",
            ),
        }

    @property
    def page(self) -> str:
        """The address of the page; '' where there is none."""
        return self._page

    # --- the log ---

    def log(self, line: Line) -> None:
        """Say what a person needs to hear of a log line."""
        sentence = self._sentences.get(str(line.get("event", "")))
        if sentence is not None:
            sentence(line)
        elif line.get("level") in ("warning", "error", "critical"):
            self._say(
                _in_words(line),
                style="red" if line.get("level") != "warning" else "yellow",
            )

    def _on_starting(self, line: Line) -> None:
        self._place = str(line.get("redis", ""))

    def _on_page(self, line: Line) -> None:
        host = str(line.get("host"))
        self._page = (
            f"http://{f'[{host}]' if ':' in host else host}:{line.get('port')}/"
        )

    def _on_ready(self, _line: Line) -> None:
        count = len([feed for feed in self._feeds() if feed.enabled])
        head = Text.assemble(
            (f"aggregator {__version__}", "bold"),
            f"  {counted(count, 'feed')} of {self._file}",
        )
        page = self._page or "off; `[http] listen` in feeds.toml turns it on"
        rows = [("page", page), ("server", self._place), ("stop", "Ctrl-C")]
        rows += [("more", self._hint)] if self._hint else []
        self._print(head)
        for name, words in rows:
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
        if line.get("health") == Health.OFFLINE:
            self._network_down()
        elif not has_failed:
            self._network_up()
        if self._round is not None and feed_id in self._round.asked:
            self._round.answered.add(feed_id)
            if has_failed:
                self._round.failing[feed_id] = str(
                    line.get("detail") or line.get("failure") or ""
                )
            self._draw_progress()

    def _on_assigned(self, line: Line) -> None:
        if self._round is not None:
            self._round.reports += int(line.get("entries", 0))
            self._draw_progress()

    def _on_trouble(self, line: Line) -> None:
        if self._round is not None and line.get("kind") == "failing":
            return  # it is told by name when the round ends
        who = f"{line['feed_id']}: " if line.get("feed_id") else ""
        style = "green" if line.get("kind") in ("recovered", "released") else "yellow"
        self._say(f"{who}{line.get('detail')}", style=style)

    def _on_engine_down(self, line: Line) -> None:
        self._say(
            f"The Redis server cannot serve: {line.get('error')}. Nothing is lost; it goes on by itself.",
            style="red",
        )

    def _on_reloaded(self, line: Line) -> None:
        changes = ", ".join(
            f"{name}: {_brief(value)}"
            for name, value in line.items()
            if name not in _OWN_KEYS
        )
        self._say(f"feeds.toml was read again: {changes}", style="green")

    def _on_refused(self, line: Line) -> None:
        self._say(
            f"feeds.toml has a fault, and the old one stays in force: {line.get('error')}",
            style="red",
        )

    def _on_meanings_missing(self, line: Line) -> None:
        if not self._is_encoder_slow:  # a slow machine is slow with every batch
            self._is_encoder_slow = True
            why = f"The encoder {line.get('detail')}: such headlines are matched by their words."
            self._say(
                f"{why} To do without it: `meaning = false` under [dedup].",
                style="yellow",
            )

    # --- the network ---

    def _network_down(self) -> None:
        if self._down_at is None:
            self._down_at = time.monotonic()
            self._say(
                "The network seems to be down. Feeds are tried each minute; none is blamed.",
                style="yellow",
            )

    def _network_up(self) -> None:
        if self._down_at is not None:
            minutes = max(round((time.monotonic() - self._down_at) / 60), 1)
            self._down_at = None
            self._say(
                f"The network is back after {counted(minutes, 'minute')}.",
                style="green",
            )

    # --- the first round ---

    def begin_round(
        self,
        asked: Sequence[str],
        *,
        next_at: datetime | None,
    ) -> None:
        """The feeds that are due at the start; where none is, when the next one will be."""
        if asked:
            self._round = _Round(frozenset(asked), time.monotonic(), set(), {})
            self._draw_progress()
        elif next_at is not None:
            self._say(
                f"No feed is due yet; the next one is at {clock(next_at, datetime.now(UTC))}.",
                style="dim",
            )

    @property
    def is_round_open(self) -> bool:
        return self._round is not None

    def is_round_over(
        self,
        *,
        waiting_count: int,
        patience: float,
    ) -> bool:
        """Whether everyone due has been asked and everything read has its event, or patience is at its end."""
        one = self._round
        if one is None:
            return False
        one.waiting = waiting_count
        self._draw_progress()
        is_whole = one.answered >= one.asked and not waiting_count
        return is_whole or time.monotonic() - one.started > patience

    def end_round(self, events: Sequence[Event]) -> None:
        """What the first round brought: the counts, the events most told of, the feeds that did not answer."""
        one, self._round = self._round, None
        if one is None:
            return
        answered = len(one.answered) - len(one.failing)
        seconds = time.monotonic() - one.started
        brought = (
            f", {counted(one.reports, 'report')} of {counted(len(events), 'event')}"
            if events
            else ""
        )
        self._say(
            f"First round: {answered} of {counted(len(one.asked), 'feed')} answered in {seconds:.0f} s{brought}."
        )
        self._tell_failing(one.failing)
        top = sorted(
            events,
            key=lambda event: (
                -event.independent_count,
                -event.last_seen_at.timestamp(),
            ),
        )
        for event in top:
            self._told[event.event_id] = event.independent_count
        for event in top[:MOST_AFTER_ROUND]:
            self._print(self._line_of(event))
        if len(top) > MOST_AFTER_ROUND:
            self._say(
                f"… and {counted(len(top) - MOST_AFTER_ROUND, 'more event')}: `aggregator digest`",
                style="dim",
            )
        self._print(Text(""))

    def _tell_failing(self, failing: Mapping[str, str]) -> None:
        if not failing or self._down_at is not None:
            return
        for feed_id, why in list(failing.items())[:MOST_FAILING]:
            self._print(Text(f"  {plain(feed_id)}: {plain(why)}", style="yellow"))
        if len(failing) > MOST_FAILING:
            self._say(
                f"and {len(failing) - MOST_FAILING} more: `aggregator status --failing`",
                style="yellow",
            )

    def _draw_progress(self) -> None:
        one = self._round
        if one is None or not self._out.is_terminal:
            return
        failing = f", {len(one.failing)} failing" if one.failing else ""
        waiting = f", {one.waiting:,} to be matched" if one.waiting else ""
        read = f"{len(one.answered)}/{len(one.asked)} feeds, {counted(one.reports, 'report')}"
        words = f"First round: {read}{waiting}{failing}"
        self._clear_progress()
        self._out.file.write(cut(words, self._out.width - 1))
        self._out.file.flush()
        self._has_progress = True

    def _clear_progress(self) -> None:
        if self._has_progress:
            self._out.file.write("\r\x1b[2K")
            self._has_progress = False

    # --- what is published ---

    def messages(self, batch: Sequence[Message]) -> None:
        """Tell of the events that formed or grew; nothing while the first round is on, which tells at its end."""
        if self._round is not None:
            return
        singles = 0
        for message in batch:
            if not self._is_news(message):
                continue
            singles += message.independent_count < 2
            if message.independent_count >= 2 or singles <= MOST_SINGLES:
                self._print(self._line_of(message))
        if singles > MOST_SINGLES:
            self._say(
                f"… and {counted(singles - MOST_SINGLES, 'more single report')}",
                style="dim",
            )

    def _is_news(self, message: Message) -> bool:
        """Whether the event is new, or has reached the next number of sources at which it is told."""
        if message.kind not in (Kind.NEW, Kind.JOINED):
            return False
        before = self._told.get(message.event_id, 0)
        reached = max(
            (count for count in TOLD_AGAIN if count <= message.independent_count),
            default=1,
        )
        if before and reached <= before:
            return False
        self._told[message.event_id] = message.independent_count
        return True

    def digest(self, record: Digest) -> None:
        """The digest in short: its counts, and a line for each of its first events."""
        zone = datetime.now().astimezone().tzinfo or UTC
        counts = f"{counted(record.event_count, 'event')}, {counted(record.saved_count, 'duplicate')} saved"
        self._print(
            Rule(
                Text(f"{wording.window(record, zone)}: {counts}", style="bold"),
                style="dim",
            )
        )
        for event in record.events[:MOST_OF_DIGEST]:
            self._print(self._line_of(event))
        rest = record.event_count - min(len(record.events), MOST_OF_DIGEST)
        if rest > 0:
            self._say(
                f"… and {counted(rest, 'more event')}: `aggregator digest`",
                style="dim",
            )
        if record.trouble_count:
            troubled = counted(record.trouble_count, "feed")
            self._say(
                f"{troubled} in trouble: `aggregator status --failing`",
                style="yellow",
            )
        self._print(Rule(style="dim"))

    def _line_of(self, event: Event | DigestEvent | Message) -> Text:
        sources = event.sources
        first_title = (
            sources[0].title if sources else ""
        )  # an event is called by its first report, as everywhere
        names = named(sources, source_names(self._feeds()))
        line = Headline(
            at=clock(event.first_seen_at, datetime.now(UTC)),
            title=first_title or event.title,
            source_count=event.independent_count,
            sources=names,
            url=sources[0].url if sources else "",
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
    return (
        ", ".join(map(str, value))
        if isinstance(value, list | tuple | set)
        else str(value)
    )


def _in_words(line: Line) -> str:
    """A log line that no sentence was written for: its name and its facts."""
    facts = ", ".join(
        f"{key} {_brief(value)}"
        for key, value in line.items()
        if key not in (*_OWN_KEYS, "exception")
    )
    name = str(line.get("event", "")).replace("_", " ")
    return f"{name}: {facts}" if facts else name
