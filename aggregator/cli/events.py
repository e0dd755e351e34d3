"""`aggregator events …`: the operator's word on what is one event and what is not."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterator, Mapping
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


@dataclass(frozen=True, slots=True)
class Word:
    """What an operator says: of these names, to be one event or to leave theirs, `into` another or ('') a new one."""

    verb: Verb
    names: tuple[str, ...]
    operator: str
    why: str
    into: str = ""


_wait = click.option(
    "--wait",
    type=options.DURATION,
    default="30s",
    show_default=True,
    help="How long to wait for the event worker.",
)


@click.group()
def events() -> None:
    """List and show events, and say which reports are one and which are not.

    Your word is stronger than the matching, and kept.
    """


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
    read = files.loaded(config_file)
    word = Word(Verb.JOIN, (a, b), operator, why)
    _tell(*asyncio.run(_said(read, word, wait)), as_json)


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
    word = Word(Verb.SPLIT, reports, operator, why, into)
    _tell(*asyncio.run(_said(read, word, wait)), as_json)


# --- saying ---------------------------------------------------------------------------------------------------


async def _said(
    read: files.Loaded,
    word: Word,
    wait: timedelta,
) -> tuple[str, RulingAnswer]:
    """The id of the request, and what became of it."""
    _check_words(*word.names, word.into, word.operator, word.why)
    async with engines.attached_engine(read) as engine:
        store = engine.store
        # Names that mean nothing are told before anything is asked.
        if word.verb is Verb.JOIN:
            names = await _of_events(store, word.names)
        else:
            names = await _of_reports(store, word.names)
        target = ""
        if word.into:
            [target] = await _of_events(store, (word.into,))
        # Under an id of its own a request that is sent again is the same one.
        request = RulingRequest(
            secrets.token_hex(10),
            word.verb,
            names,
            target,
            word.operator,
            word.why,
            await store.server_time(),
        )
        await store.rulings.ask(request)
        answer = await _answer(store, request.ruling_id, wait)
    return request.ruling_id, answer


def _check_words(*words: str) -> None:
    """Raises ConfigError on what messages cannot carry."""
    for word in words:
        if len(word) > LONGEST:
            text = f"at most {LONGEST} characters are kept; these are {len(word)}: {word[:40]}…"
            raise ConfigError(Problem(text))
        try:
            word.encode()
        # An argument in another encoding than the locale's: half of it are surrogates.
        except UnicodeEncodeError:
            shown = word.encode(errors="replace").decode()
            raise ConfigError(Problem(f"not in UTF-8: {shown}")) from None


async def _of_events(
    store: Store,
    names: tuple[str, ...],
) -> tuple[str, ...]:
    """The names as event ids or entry ids that are known. Raises ConfigError."""
    reports_at = await naming.entries_at(store, names)
    known: list[str] = []
    for name in names:
        # Of several reports with one address the newest is meant.
        known_as = (reports_at.get(name) or [name])[-1]
        if await store.events.named(known_as) is None:
            raise _unknown(name)
        known.append(known_as)
    return tuple(known)


async def _of_reports(
    store: Store,
    names: tuple[str, ...],
) -> tuple[str, ...]:
    """The names as entry ids of published reports, each once. Raises ConfigError."""
    reports_at = await naming.entries_at(store, names)
    known: dict[str, None] = {}
    for name in names:
        entry_ids = reports_at.get(name, [name])
        if not entry_ids:
            raise _unknown(name)
        for entry_id in entry_ids:
            if await store.events.event_of(entry_id) is None:
                raise await _no_report(store, name)
            known[entry_id] = None
    return tuple(known)


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
        # Nobody would answer within any patience; the request is kept.
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
        record = {
            "id": ruling_id,
            "state": answer.state,
            "event_id": answer.event_id,
            "text": answer.text,
        }
        click.echo(orjson.dumps(record))
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
def show(
    name: str,
    config_file: str | None,
    as_json: bool,
) -> None:
    """One event with its reports, their entry ids, and why each was put there.

    EVENT is an event id, or the entry id or URL of one of its reports.
    """
    shown = asyncio.run(_shown(files.loaded(config_file), name))
    if as_json:
        click.echo(orjson.dumps(_shown_record(shown)))
        return
    out = console()
    event = shown.event
    out.print(Text(f"{event.event_id}  {event.title}", style="bold"), soft_wrap=True)
    for line in _shown_lines(shown):
        out.print(Text(f"  {line}"), soft_wrap=True)


def _shown_record(shown: Shown) -> dict[str, Any]:
    event = shown.event
    record = {field: getattr(event, field) for field in Event.__dataclass_fields__}
    record["apart"] = shown.apart
    record["decisions"] = shown.decisions
    record["moved"] = sorted(shown.moved)
    return record


def _shown_lines(shown: Shown) -> Iterator[str]:
    event = shown.event
    yield f"{event.source_count} reports, {event.independent_count} independent sources"
    for source in event.sources:
        at = f"{source.published_at:%m-%d %H:%M}" if source.published_at else "-"
        yield f"{source.entry_id}  {at}  {source.feed_id}  {source.title}  {source.url}"
        yield f"  {_reason(shown, source.entry_id)}"
    # An event's record lists the newest of its reports.
    rest_count = event.source_count - len(event.sources)
    if rest_count > 0:
        yield f"and {rest_count} older ones"
    if shown.apart:
        yield f"held apart by an operator from {', '.join(shown.apart)}"


def _reason(shown: Shown, entry_id: str) -> str:
    """Why a report was put where it is."""
    decision = shown.decisions.get(entry_id)
    best_title = None
    if decision is not None:
        best_title = shown.titles.get(decision.best_entry_id)
    is_moved = entry_id in shown.moved
    return decided.in_words(decision, best_title, is_moved=is_moved)


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
        [known_as] = await _of_events(store, (name,))
        event = await store.events.named(known_as)
        assert event is not None
        rulings = await store.rulings.applied()
        apart = apart_of(rulings, await store.events.aliases())
        listed = [source.entry_id for source in event.sources]
        records = await store.fingerprints.of(listed)
        decisions = await decided.decisions(store, listed, records, event.first_seen_at)
        # The first report may have been weighed against one that came a window earlier.
        since = event.first_seen_at - read.configuration.settings.dedup.window
        titles = await decided.titles(store, decided.best_ids(decisions), since)
        return Shown(
            event,
            apart=apart.of(event.event_id),
            decisions=decisions,
            titles=titles,
            moved=decided.moved(rulings).intersection(listed),
        )


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
def rulings(
    file: Path | None,
    config_file: str | None,
    as_json: bool,
) -> None:
    """What operators said and is still kept, oldest first; or, with --export, the pairs of reports it labels."""
    read = files.loaded(config_file)
    if file is not None:
        _export(file, *asyncio.run(_labelled(read)))
        return
    for ruling in asyncio.run(_rulings(read)):
        click.echo(orjson.dumps(_record(ruling)) if as_json else _line(ruling))


async def _rulings(read: files.Loaded) -> list[Ruling]:
    async with engines.attached_engine(read) as engine:
        applied = await engine.store.rulings.applied()
        return [ruling for ruling in applied if ruling.ruling_id]


def _record(ruling: Ruling) -> dict[str, Any]:
    return {field: getattr(ruling, field) for field in Ruling.__dataclass_fields__}


def _line(ruling: Ruling) -> str:
    match ruling.verb:
        case Verb.JOIN:
            what = f"join   {ruling.other_id} is one with {ruling.event_id}"
        case Verb.SPLIT:
            reports = ", ".join(ruling.entry_ids)
            what = f"split  {reports} left {ruling.other_id} for {ruling.event_id}"
    line = f"{ruling.ruled_at:%Y-%m-%d %H:%M}  {what}"
    words = ": ".join(filter(None, (ruling.operator, ruling.why)))
    return f"{line}  ({words})" if words else line


async def _labelled(read: files.Loaded) -> tuple[list[Label], dict[str, Example]]:
    """The pairs, and the reports in them."""
    async with engines.attached_engine(read) as engine:
        pairs = labels(await engine.store.rulings.applied())
        entry_ids: dict[str, None] = {}
        for pair in pairs:
            entry_ids |= dict.fromkeys((pair.a, pair.b))
        return pairs, await engine.store.rulings.examples(list(entry_ids))


def _export(
    file: Path,
    pairs: list[Label],
    examples: dict[str, Example],
) -> None:
    lines: list[bytes] = []
    same_count = 0
    for pair in pairs:
        row = row_of(pair, examples)
        if row is not None:
            lines.append(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
            same_count += row["same"] == 1
    try:
        file.write_bytes(b"".join(lines))
    except OSError as error:
        problem = Problem(f"cannot be written: {error.strerror}", file=str(file))
        raise ConfigError(problem) from None
    summary = f"{same_count} of one event, {len(lines) - same_count} of two"
    lost_count = len(pairs) - len(lines)
    if lost_count:
        summary += (
            f"; {lost_count} left out, whose texts were no longer kept when it was said"
        )
    click.echo(f"{len(lines)} pairs in {file}: {summary}")
