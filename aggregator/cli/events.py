"""`aggregator events …`: the operator's word on what is one event and what is not."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import orjson
from rich.text import Text

from aggregator.cli import decided, engines, naming, options
from aggregator.cli.console import console
from aggregator.cli.doubtful import doubtful
from aggregator.cli.event_list import list_events
from aggregator.daemon import files
from aggregator.dedup.apart import apart_of
from aggregator.engine.store import Store
from aggregator.errors import AggregatorError, ConfigError, EngineDown, Problem
from aggregator.model import (
    Decision,
    Event,
    Example,
    Ruling,
    RulingAnswer,
    RulingRequest,
    RulingState,
    Verb,
)
from aggregator.pipeline.labels import Label, labels, row_of

LOOK_EVERY_SECONDS = 0.1
LONGEST = 2000
"""Characters of a name, an address or a reason: as long as a URL may get; messages carry them. A guess."""
NO_WORKER = (
    "no event worker leads now; it is followed as soon as one does (`aggregator run`)"
)

_by = click.option(
    "--by",
    "operator",
    metavar="NAME",
    default="",
    help="Who says so; consumers are told.",
)
_why = click.option(
    "--why",
    metavar="TEXT",
    default="",
    help="Why; consumers are told.",
)
_wait = click.option(
    "--wait",
    type=options.DURATION,
    default="30s",
    show_default=True,
    help="How long to wait for the event worker.",
)


@click.group()
def events() -> None:
    """Say which reports are one event and which are not. Your word is stronger than the matching, and kept."""


events.add_command(list_events)
events.add_command(doubtful)


@events.command()
@click.argument("a")
@click.argument("b")
@_by
@_why
@_wait
@options.config
@options.as_json
def join(
    a: str,
    b: str,
    operator: str,
    why: str,
    wait: timedelta,
    config_file: str | None,
    as_json: bool,
) -> None:
    """Make two events one; the older one keeps its id.

    A and B are event ids, or entry ids or URLs of reports. Consumers get an event.merged with the reason operator.
    """
    if a == b:
        raise ConfigError(Problem(f"join takes two events; both are {a}"))
    asyncio.run(
        _said(
            files.loaded(config_file),
            Verb.JOIN,
            (a, b),
            "",
            operator,
            why,
            wait,
            as_json,
        )
    )


@events.command()
@click.argument(
    "reports",
    nargs=-1,
    required=True,
    metavar="REPORT…",
)
@click.option(
    "--into",
    metavar="EVENT",
    default="",
    help="The event they belong to (default: a new one for them all).",
)
@_by
@_why
@_wait
@options.config
@options.as_json
def split(
    reports: tuple[str, ...],
    into: str,
    operator: str,
    why: str,
    wait: timedelta,
    config_file: str | None,
    as_json: bool,
) -> None:
    """Take reports out of their event, into a new one.

    REPORT is an entry id or a URL (`aggregator events show EVENT` lists them); all are of one event. No later report
    makes the two events one again; `aggregator events join` does. Consumers get an event.new (with --into: an
    event.joined) with the reason operator and split_from.
    """
    read = files.loaded(config_file)
    asyncio.run(_said(read, Verb.SPLIT, reports, into, operator, why, wait, as_json))


# --- saying ---------------------------------------------------------------------------------------------------


async def _said(
    read: files.Loaded,
    verb: Verb,
    names: tuple[str, ...],
    into: str,
    operator: str,
    why: str,
    wait: timedelta,
    as_json: bool,
) -> None:
    _check_words(*names, into, operator, why)
    async with engines.attached_engine(read) as engine:
        store = engine.store
        found = await (_of_events if verb is Verb.JOIN else _of_reports)(store, names)
        target = (await _of_events(store, (into,)))[0] if into else ""
        now = await store.server_time()
        request = RulingRequest(
            secrets.token_hex(10),
            verb,
            found,
            target,
            operator,
            why,
            now,
        )
        await store.rulings.ask(request)
        answer = await _answer(store, request.ruling_id, wait)
    _tell(request.ruling_id, answer, as_json)


def _check_words(*words: str) -> None:
    """Raises ConfigError on what messages cannot carry."""
    for word in words:
        if len(word) > LONGEST:
            raise ConfigError(
                Problem(
                    f"at most {LONGEST} characters are kept; these are {len(word)}: {word[:40]}…"
                )
            )
        try:
            word.encode()
        except UnicodeEncodeError:
            raise ConfigError(
                Problem(f"not in UTF-8: {word.encode(errors='replace').decode()}")
            ) from None


async def _of_events(store: Store, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names as event ids or entry ids that are known. Raises ConfigError."""
    addresses = await naming.entries_at(
        store,
        [name for name in names if naming.is_address(name)],
    )
    found = tuple(
        (addresses[name] or [name])[-1] if name in addresses else name for name in names
    )
    for name, given in zip(found, names, strict=True):
        if await store.events.named(name) is None:
            raise _unknown(given)
    return found


async def _of_reports(store: Store, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names as entry ids of published reports, each once. Raises ConfigError."""
    addresses = await naming.entries_at(
        store,
        [name for name in names if naming.is_address(name)],
    )
    found: dict[str, None] = {}
    for name in names:
        for entry_id in addresses.get(name, [name]):
            if await store.events.event_of(entry_id) is None:
                raise await _no_report(store, name)
            found[entry_id] = None
        if addresses.get(name) == []:
            raise _unknown(name)
    return tuple(found)


async def _no_report(store: Store, name: str) -> ConfigError:
    if name in await store.events.by_ids([name]):
        text = f"{name} is an event: split takes its reports, which `aggregator events show {name}` lists"
        return ConfigError(Problem(text))
    return _unknown(name)


def _unknown(name: str) -> ConfigError:
    hint = "its URL, an entry id or an event id, as `aggregator tail --json` shows them"
    return ConfigError(Problem(f'no report or event is kept as "{name}": give {hint}'))


async def _answer(store: Store, ruling_id: str, wait: timedelta) -> RulingAnswer:
    """What the event worker says; the waiting answer when none leads, or it takes longer than `wait`."""
    deadline = time.monotonic() + wait.total_seconds()
    while True:
        answer = await store.rulings.answer(ruling_id)
        if answer is None:
            raise EngineDown(
                "the server has lost the word: it was restored to an earlier state; say it again"
            )
        if answer.state is not RulingState.WAITING:
            return answer
        if await store.watch.leader() is None:
            return RulingAnswer(RulingState.WAITING, NO_WORKER)
        if time.monotonic() >= deadline:
            late = f"the event worker has not answered within {wait.total_seconds():g} s; it follows it when it can"
            return RulingAnswer(RulingState.WAITING, late)
        await asyncio.sleep(LOOK_EVERY_SECONDS)


_HEADS = {
    RulingState.WAITING: "kept: ",
    RulingState.UNCHANGED: "nothing to do: ",
    RulingState.APPLIED: "",
}


def _tell(ruling_id: str, answer: RulingAnswer, as_json: bool) -> None:
    if as_json:
        told = {
            "id": ruling_id,
            "state": answer.state,
            "event_id": answer.event_id,
            "text": answer.text,
        }
        click.echo(orjson.dumps(told))
        if answer.state is RulingState.REFUSED:
            raise SystemExit(1)
    elif answer.state is RulingState.REFUSED:
        raise AggregatorError(answer.text)
    else:
        click.echo(f"{_HEADS[answer.state]}{answer.text}")


# --- looking --------------------------------------------------------------------------------------------------


@events.command()
@click.argument("name", metavar="EVENT")
@options.config
@options.as_json
def show(name: str, config_file: str | None, as_json: bool) -> None:
    """One event with its reports, their entry ids, and why each was put there.

    EVENT is an event id, or the entry id or URL of one of its reports.
    """
    shown = asyncio.run(_shown(files.loaded(config_file), name))
    event = shown.event
    if as_json:
        record = {field: getattr(event, field) for field in Event.__dataclass_fields__}
        click.echo(
            orjson.dumps(
                {
                    **record,
                    "apart": shown.apart,
                    "decisions": shown.decisions,
                    "moved": sorted(shown.moved),
                }
            )
        )
        return
    out = console()
    out.print(Text(f"{event.event_id}  {event.title}", style="bold"), soft_wrap=True)
    out.print(
        Text(
            f"  {event.source_count} reports, {event.independent_count} independent sources"
        ),
        soft_wrap=True,
    )
    for source in event.sources:
        at = f"{source.published_at:%m-%d %H:%M}" if source.published_at else "-"
        line = (
            f"  {source.entry_id}  {at}  {source.feed_id}  {source.title}  {source.url}"
        )
        out.print(Text(line), soft_wrap=True)
        decision = shown.decisions.get(source.entry_id)
        best_title = shown.titles.get(decision.best_entry_id) if decision else None
        why = decided.in_words(
            decision,
            best_title,
            is_moved=source.entry_id in shown.moved,
        )
        out.print(Text(f"    {why}"), soft_wrap=True)
    if event.source_count > len(event.sources):
        out.print(
            Text(f"  and {event.source_count - len(event.sources)} older ones"),
            soft_wrap=True,
        )
    if shown.apart:
        out.print(
            Text(f"  held apart by an operator from {', '.join(shown.apart)}"),
            soft_wrap=True,
        )


@dataclass(frozen=True, slots=True)
class Shown:
    """An event, those that operators hold apart from it, why its reports were put there by entry id, the titles of the
    reports that these decisions name, and those of its reports that an operator moved here."""

    event: Event
    apart: tuple[str, ...]
    decisions: Mapping[str, Decision]
    titles: Mapping[str, str]
    moved: frozenset[str]


async def _shown(read: files.Loaded, name: str) -> Shown:
    _check_words(name)
    async with engines.attached_engine(read) as engine:
        store = engine.store
        [found] = await _of_events(store, (name,))
        event = await store.events.named(found)
        assert event is not None
        rulings = await store.rulings.applied()
        held = apart_of(rulings, await store.events.aliases())
        listed = [source.entry_id for source in event.sources]
        records = await store.fingerprints.of(listed)
        decisions = await decided.decisions(store, listed, records, event.first_seen_at)
        best = {
            decision.best_entry_id
            for decision in decisions.values()
            if decision.best_entry_id
        }
        # The first report may have been weighed against one that came a window earlier.
        titles = await decided.titles(
            store,
            best,
            event.first_seen_at - read.configuration.settings.dedup.window,
        )
        moved = decided.moved(rulings).intersection(listed)
        return Shown(event, held.of(event.event_id), decisions, titles, moved)


# --- remembering ----------------------------------------------------------------------------------------------


@events.command()
@click.option(
    "--export",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.jsonl",
    help="Write them as labelled pairs of reports, as `aggregator backtest --pairs` reads them.",
)
@options.config
@options.as_json
def rulings(file: Path | None, config_file: str | None, as_json: bool) -> None:
    """What operators said and is still kept, oldest first; or, with --export, the pairs of reports it labels."""
    read = files.loaded(config_file)
    if file is not None:
        _export(file, *asyncio.run(_labelled(read)))
        return
    for ruling in asyncio.run(_kept(read)):
        click.echo(orjson.dumps(_record(ruling)) if as_json else _line(ruling))


async def _kept(read: files.Loaded) -> list[Ruling]:
    async with engines.attached_engine(read) as engine:
        return [
            ruling
            for ruling in await engine.store.rulings.applied()
            if ruling.ruling_id
        ]


def _record(ruling: Ruling) -> dict[str, Any]:
    return {field: getattr(ruling, field) for field in Ruling.__dataclass_fields__}


def _line(ruling: Ruling) -> str:
    what = {
        Verb.JOIN: f"join   {ruling.other_id} is one with {ruling.event_id}",
        Verb.SPLIT: f"split  {', '.join(ruling.entry_ids)} left {ruling.other_id} for {ruling.event_id}",
    }
    said = ": ".join(part for part in (ruling.operator, ruling.why) if part)
    return f"{ruling.ruled_at:%Y-%m-%d %H:%M}  {what[ruling.verb]}" + (
        f"  ({said})" if said else ""
    )


async def _labelled(read: files.Loaded) -> tuple[list[Label], dict[str, Example]]:
    """The pairs, and the reports in them."""
    async with engines.attached_engine(read) as engine:
        found = labels(await engine.store.rulings.applied())
        names = dict.fromkeys(name for label in found for name in (label.a, label.b))
        return found, await engine.store.rulings.examples(list(names))


def _export(file: Path, found: list[Label], examples: dict[str, Example]) -> None:
    rows = [row for label in found if (row := row_of(label, examples)) is not None]
    try:
        file.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    except OSError as error:
        raise ConfigError(
            Problem(f"cannot be written: {error.strerror}", file=str(file))
        ) from None
    same = sum(row["same"] == 1 for row in rows)
    lost = len(found) - len(rows)
    left_out = (
        f"; {lost} left out, whose texts were no longer kept when it was said"
        if lost
        else ""
    )
    click.echo(
        f"{len(rows)} pairs in {file}: {same} of one event, {len(rows) - same} of two{left_out}"
    )
