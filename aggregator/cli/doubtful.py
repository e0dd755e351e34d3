"""`aggregator events doubtful`: the decisions that an operator's word is worth most on."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import click
import orjson
from rich.console import Console
from rich.text import Text

from aggregator.cli import decided, engines, options
from aggregator.cli.console import console
from aggregator.daemon import files
from aggregator.dedup.apart import apart_of
from aggregator.dedup.similarity import PAIR_THRESHOLD
from aggregator.engine.store import Store
from aggregator.pipeline.doubt import Doubt, Doubts, is_open


@click.command()
@options.since(
    "24h", "Reports first seen since so long ago, as far as the window goes."
)
@click.option(
    "-n",
    "count",
    type=click.IntRange(1, 1000),
    default=10,
    show_default=True,
    help="How many of either kind.",
)
@options.config
@options.as_json
def doubtful(
    since: timedelta,
    count: int,
    config_file: str | None,
    as_json: bool,
) -> None:
    """The reports nearest to the threshold: those that just joined an event, and those that nearly did.

    Each is shown with the report it was weighed against, and the command that says it was put wrong. What an operator
    has said something of is not shown again.
    """
    read = files.loaded(config_file)
    questions = asyncio.run(_questions(read, since, count))
    strictness = read.configuration.settings.dedup.strictness
    threshold = PAIR_THRESHOLD[strictness]
    # The commands shown must work as they are printed.
    suffix = f" --config {shlex.quote(config_file)}" if config_file else ""
    if as_json:
        for question in (*questions.joined, *questions.started):
            click.echo(orjson.dumps(_record(question, threshold, suffix)))
        return
    out = console()
    if not questions.joined and not questions.started:
        words = (
            "nothing to look at: no decision of this time is open to an operator's word"
        )
        out.print(Text(words), soft_wrap=True)
    at = f"the threshold is {threshold:.2f}, {strictness}"
    joined = f"Joined an event, with little to spare ({at}):"
    started = f"Started an event, with little missing ({at}):"
    _print(out, joined, questions.joined, suffix)
    _print(out, started, questions.started, suffix)


@dataclass(frozen=True, slots=True)
class Question:
    """A doubtful decision, with all that an operator needs to answer it."""

    doubt: Doubt
    near_event_id: str
    title: str
    near_title: str

    @property
    def command(self) -> str:
        """What says that the decision was wrong."""
        entry_id = self.doubt.entry_id
        if self.doubt.is_new:
            best_entry_id = self.doubt.decision.best_entry_id
            return f"aggregator events join {entry_id} {best_entry_id}"
        return f"aggregator events split {entry_id}"


@dataclass(frozen=True, slots=True)
class Questions:
    """Those on reports that joined, and on those that started an event, the most doubtful first."""

    joined: Sequence[Question]
    started: Sequence[Question]


async def _questions(
    read: files.Loaded,
    since: timedelta,
    count: int,
) -> Questions:
    async with engines.attached_engine(read) as engine:
        store = engine.store
        start = await store.server_time() - since
        doubts = Doubts()
        async for records in store.fingerprints.since(start):
            doubts = doubts.with_records(records)
        joined = await _open(store, doubts.joined, count)
        started = await _open(store, doubts.started, count)
        entry_ids: set[str] = set()
        for doubt, _ in (*joined, *started):
            entry_ids |= {doubt.entry_id, doubt.decision.best_entry_id}
        # The other report came up to a window earlier.
        known_since = start - read.configuration.settings.dedup.window
        titles = await decided.titles(store, entry_ids, known_since)
    return Questions(_titled(joined, titles), _titled(started, titles))


async def _open(
    store: Store,
    doubts: Sequence[Doubt],
    count: int,
) -> list[tuple[Doubt, str]]:
    """The first `count` of those on which something is left to say, each with the event of the other report."""
    rulings = await store.rulings.applied()
    apart = apart_of(rulings, await store.events.aliases())
    open_doubts: list[tuple[Doubt, str]] = []
    for doubt in doubts:
        near_event_id = await store.events.event_of(doubt.decision.best_entry_id)
        # The other report's gate has expired: nothing could be said of it.
        if near_event_id is None:
            continue
        if is_open(doubt, near_event_id, rulings, apart):
            open_doubts.append((doubt, near_event_id))
        if len(open_doubts) == count:
            break
    return open_doubts


def _titled(
    doubts: Sequence[tuple[Doubt, str]],
    titles: Mapping[str, str],
) -> list[Question]:
    return [
        Question(
            doubt,
            near_event_id,
            titles.get(doubt.entry_id, decided.UNTITLED),
            titles.get(doubt.decision.best_entry_id, decided.UNTITLED),
        )
        for doubt, near_event_id in doubts
    ]


def _record(
    question: Question,
    threshold: float,
    suffix: str,
) -> dict[str, Any]:
    doubt = question.doubt
    best = doubt.decision.best_entry_id
    return {
        "decision": "started" if doubt.is_new else "joined",
        "score": doubt.decision.score,
        "threshold": threshold,
        "reason": doubt.decision.reason,
        "first_seen_at": doubt.first_seen_at,
        "report": {
            "entry_id": doubt.entry_id,
            "event_id": doubt.event_id,
            "title": question.title,
        },
        "nearest": {
            "entry_id": best,
            "event_id": question.near_event_id,
            "title": question.near_title,
        },
        "command": f"{question.command}{suffix}",
    }


def _print(
    out: Console,
    head: str,
    questions: Sequence[Question],
    suffix: str,
) -> None:
    if not questions:
        return
    out.print(Text(head, style="bold"), soft_wrap=True)
    for question in questions:
        doubt = question.doubt
        decision = doubt.decision
        when = f"{doubt.first_seen_at:%Y-%m-%d %H:%M}"
        wrong = "if they are one event" if doubt.is_new else "if they are not one event"
        lines = (
            f"  {decision.score:.2f}  {decision.reason}  {when}",
            f"    {question.title}  ({doubt.entry_id}, event {doubt.event_id})",
            f"    {question.near_title}  ({decision.best_entry_id}, event {question.near_event_id})",
            f"    {wrong}: {question.command}{suffix}",
        )
        for line in lines:
            out.print(Text(line), soft_wrap=True)
