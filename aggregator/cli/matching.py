"""`aggregator explain` and `aggregator backtest`: the matching, looked at from outside."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import orjson
from rich.progress import Progress
from rich.text import Text

from aggregator.cli import decided, engines, naming, options
from aggregator.cli.console import console
from aggregator.daemon import files
from aggregator.dedup import backtest as core
from aggregator.dedup import sweep as sweeping
from aggregator.dedup.apart import apart_of
from aggregator.dedup.explain import Explanation, explained
from aggregator.dedup.extra import is_installed
from aggregator.dedup.fingerprint import Fingerprint
from aggregator.dedup.meaning import prints_of
from aggregator.dedup.scores import Score
from aggregator.engine.store import Store
from aggregator.entry.documents import report_of_document
from aggregator.entry.urls import canonical_url
from aggregator.errors import ConfigError, Problem
from aggregator.model import (
    EPOCH,
    Decision,
    DedupSettings,
    FingerprintRecord,
    Strictness,
)
from aggregator.pipeline.labels import Label, last_word

PAIR_STATE = "each pair alone, by the shipped frequencies of words, with nothing counted of publishers"
"""The state with which `explain` and `backtest --pairs` judge; the daemon counts what its stream brings."""

# --- explain --------------------------------------------------------------------------------------------------


@click.command()
@click.argument("a")
@click.argument("b")
@options.config
@options.as_json
def explain(
    a: str,
    b: str,
    config_file: str | None,
    as_json: bool,
) -> None:
    """Why two reports are one event, or are not.

    A and B are entry ids or URLs of published reports, or files that hold documents.
    """
    asked = asyncio.run(_both(a, b, config_file))
    one, other, settings = asked.one, asked.other, asked.settings
    found = explained(one.fingerprint, other.fingerprint, settings)
    if as_json:
        said = None if asked.word is None else _said(asked.word)
        more = {
            "events": [one.event_id, other.event_id],
            "operator": said,
            "held_apart": asked.held_apart,
        }
        told = {"reports": [_side(one), _side(other)], "judged": PAIR_STATE}
        click.echo(orjson.dumps(_record(found, settings) | more | told))
        return
    out = console()
    for line in (
        *_placed(one),
        *_placed(other),
        *_ruled(asked),
        *_published(one, other),
    ):
        out.print(Text(line), soft_wrap=True)
    out.print(
        Text(
            f"Alone, {found.verdict}",
            style="bold green" if found.is_same else "bold red",
        ),
        soft_wrap=True,
    )
    for line in (*_state(one, other), *found.lines):
        out.print(Text(f"  {line}"), soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two reports. `event_id`: the event it was published in; None of a file, as are what follows it: why it
    was put there, the title of the report that `decision` names, and whether an operator has moved it since."""

    fingerprint: Fingerprint
    title: str
    event_id: str | None = None
    decision: Decision | None = None
    best_title: str | None = None
    is_moved: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """Both reports, the settings, and operators' words on them: `held_apart` says that they keep the events apart."""

    one: Side
    other: Side
    settings: DedupSettings
    word: Label | None = None
    held_apart: bool = False


def _ruled(asked: Asked) -> list[str]:
    """An operator's word, which is stronger than the comparison."""
    if asked.word is not None:
        said = ": ".join(
            part for part in (asked.word.ruling.operator, asked.word.ruling.why) if part
        )
        what = "one event" if asked.word.same else "two events"
        at = f"{asked.word.ruling.ruled_at:%Y-%m-%d %H:%M} UTC"
        return [
            f"An operator said that they are {what} ({at}{', ' + said if said else ''}); that decides."
        ]
    if asked.held_apart:
        return ["An operator said that their events are two; that decides."]
    return []


def _said(word: Label) -> dict[str, Any]:
    ruling = word.ruling
    told = {"same": word.same, "ruling": ruling.ruling_id, "ruled_at": ruling.ruled_at}
    return {**told, "operator": ruling.operator, "why": ruling.why}


def _placed(side: Side) -> list[str]:
    """The report, and why the daemon put it where it is; nothing of a file."""
    if side.event_id is None:
        return []
    why = decided.in_words(side.decision, side.best_title, is_moved=side.is_moved)
    return [
        f"{side.title}  ({side.fingerprint.entry_id})",
        f"  {why}; in event {side.event_id}",
    ]


def _published(one: Side, other: Side) -> list[str]:
    """What the daemon made of them, which need not be what the comparison says; nothing of files."""
    if one.event_id is None or other.event_id is None:
        return []
    if one.event_id == other.event_id:
        return [f"Published in one event, {one.event_id}."]
    return [f"Published in two events, {one.event_id} and {other.event_id}."]


def _state(one: Side, other: Side) -> list[str]:
    """With what state the two alone were judged, and how that differs from what the daemon did."""
    lines = [f"Judged: {PAIR_STATE}."]
    if one.event_id is not None or other.event_id is not None:
        lines.append(
            "The daemon judged with another state: each report when it came, against whole events, by what it had "
            "counted of words and publishers until then."
        )
    return lines


def _side(side: Side) -> dict[str, Any]:
    told = {
        "entry_id": side.fingerprint.entry_id,
        "event_id": side.event_id,
        "title": side.title,
    }
    decision = side.decision
    if decision is None:
        return {
            **told,
            "score": None,
            "reason": None,
            "best_entry_id": None,
            "best_title": None,
            "moved": False,
        }
    why = {
        "score": decision.score,
        "reason": decision.reason,
        "best_entry_id": decision.best_entry_id,
    }
    return {**told, **why, "best_title": side.best_title, "moved": side.is_moved}


async def _both(a: str, b: str, config_file: str | None) -> Asked:
    if _is_file(a) and _is_file(b):
        settings = _dedup(config_file)
        return Asked(_of_file(a, settings), _of_file(b, settings), settings)
    read = files.loaded(config_file)
    settings = read.configuration.settings.dedup
    async with engines.attached_engine(read) as engine:
        store = engine.store
        one, other = await _sides(store, (a, b), settings)
        rulings, aliases = await store.rulings.applied(), await store.events.aliases()
    moved = decided.moved(rulings)
    one, other = (
        replace(side, is_moved=side.fingerprint.entry_id in moved)
        for side in (one, other)
    )
    word = last_word(rulings, one.fingerprint.entry_id, other.fingerprint.entry_id)
    held = other.event_id in apart_of(rulings, aliases).of(one.event_id or "")
    return Asked(one, other, settings, word, held)


def _dedup(config_file: str | None) -> DedupSettings:
    """`[dedup]` of a configuration, or as it is without one."""
    return (
        files.loaded(config_file).configuration.settings.dedup
        if config_file
        else files.decided(DedupSettings())
    )


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except OSError:  # a URL too long to be a file's name
        return False


async def _sides(
    store: Store,
    names: Sequence[str],
    settings: DedupSettings,
) -> list[Side]:
    """Published reports by entry id or URL, or documents in files. Raises ConfigError."""
    asked = [name for name in names if not _is_file(name)]
    at = await naming.entries_at(
        store,
        [name for name in asked if naming.is_address(name)],
    )
    entry_ids = {name: next(iter(at.get(name, [])), name) for name in asked}
    records = await store.fingerprints.of(entry_ids.values())
    for name, entry_id in entry_ids.items():
        if entry_id not in records:
            text = f'no report in the matching window is "{name}": give an entry id, its URL, or a file'
            raise ConfigError(Problem(text))
    since = min((record.first_seen_at for record in records.values()), default=EPOCH)
    why = await decided.decisions(store, records, records, since)
    named = {
        *records,
        *(
            decision.best_entry_id
            for decision in why.values()
            if decision.best_entry_id
        ),
    }
    titles = await decided.titles(store, named, since - settings.window)
    found = []
    for name in names:
        record = records.get(entry_ids.get(name, ""))
        found.append(
            _of_file(name, settings)
            if record is None
            else _of_record(record, settings, why, titles)
        )
    return found


def _of_record(
    record: FingerprintRecord,
    settings: DedupSettings,
    why: Mapping[str, Decision],
    titles: Mapping[str, str],
) -> Side:
    made = Fingerprint.unpack(record.packed)
    # Where meanings are off, the daemon decides without those it once stored.
    judged = made if settings.meaning else replace(made, meaning=b"")
    decision = why.get(record.entry_id)
    best_title = titles.get(decision.best_entry_id) if decision else None
    return Side(
        judged,
        titles.get(record.entry_id, decided.UNTITLED),
        record.event_id,
        decision,
        best_title,
    )


def _of_file(name: str, settings: DedupSettings) -> Side:
    try:
        report = report_of_document(files.read_text(Path(name)), name=name)
        (made,) = prints_of([report], settings)
    except ValueError as error:
        raise ConfigError(Problem(f"is no document: {error}", file=name)) from None
    return Side(made, report.title)


def _record(found: Explanation, settings: DedupSettings) -> dict[str, Any]:
    features = [
        {"name": f.name, "value": f.value, "contribution": f.contribution}
        for f in found.comparison.features
    ]
    return {
        "score": found.comparison.score,
        "same": found.is_same,
        "strictness": settings.strictness,
        "verdict": found.verdict,
        "lines": found.lines,
        "features": features,
    }


# --- backtest -------------------------------------------------------------------------------------------------


@click.command()
@click.argument(
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE.jsonl",
)
@click.option(
    "--predictions",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write id<TAB>event lines.",
)
@click.option("--pairs", is_flag=True, help="Judge each pair (a, b) alone.")
@click.option(
    "--strictness",
    type=click.Choice([s.value for s in Strictness]),
    help="How sure to be that two reports are one event (default: balanced, or what --config says).",
)
@click.option(
    "--meaning/--no-meaning",
    default=None,
    help="Compare what titles mean, too (default: what --config says, or where the encoder is installed).",
)
@click.option(
    "--sweep",
    is_flag=True,
    help="Also print precision and recall over the score to join at.",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw the sweep as an SVG.",
)
@click.option(
    "--config",
    "config_file",
    metavar="F",
    help="Take [dedup] from this feeds.toml; none is looked for.",
)
@options.as_json
def backtest(
    file: Path,
    predictions: Path | None,
    pairs: bool,
    strictness: str | None,
    meaning: bool | None,
    sweep: bool,
    plot: Path | None,
    config_file: str | None,
    as_json: bool,
) -> None:
    """Run the event stage over a file of entries, by the daemon's own code; needs no server and leaves no state."""
    swept = sweep or plot is not None
    if swept and pairs:
        raise ConfigError(
            Problem(
                "--pairs judges pairs and --sweep and --plot events: leave one of them out"
            )
        )
    rows = list(_rows(file))
    if swept:
        with _refusing(file):
            sweeping.truth_of(rows)
    settings = _dedup(config_file)
    if strictness:
        settings = replace(settings, strictness=Strictness(strictness))
    settings = with_meanings(
        settings,
        meaning,
        len(rows),
        is_told=config_file is not None,
    )
    started = time.perf_counter()
    with _refusing(file):
        # Made once for what runs over the rows many times: meanings take longest.
        prints = (
            prints_of(list(core.entries(rows, canonical_url=canonical_url)), settings)
            if swept
            else ()
        )
        lines, facts = (
            _pairs(rows, settings) if pairs else _clusters(rows, settings, prints)
        )
    seconds = time.perf_counter() - started
    facts |= {
        "seconds": round(seconds, 2),
        "per_second": round(len(rows) / max(seconds, 1e-9)),
    }
    facts["peak_memory_mb"] = round(
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    )
    if predictions:
        _write(predictions, "".join(f"{line}\n" for line in lines))
    if swept:
        facts["sweep"] = _sweep(
            rows,
            settings,
            prints,
            title=file.name,
            plot=plot,
        )
    _print_facts(facts, as_json)


MOST_ROWS_MEANT = 20_000
"""Rows whose meanings are compared without being asked for: ten minutes of one core."""


def with_meanings(
    settings: DedupSettings,
    asked: bool | None,
    count: int,
    *,
    is_told: bool,
) -> DedupSettings:
    """`[dedup]` with meanings as asked; else as configured, where that `is_told`; else where it is soon done.

    Raises ConfigError when they are asked for without the encoder.
    """
    if asked and not is_installed():
        raise ConfigError(Problem(f"--meaning: {files.no_encoder()}"))
    if asked is not None:
        return replace(settings, meaning=asked)
    if settings.meaning and not is_told and count > MOST_ROWS_MEANT:
        click.echo(
            f"aggregator: {count} rows are compared by their words alone; --meaning takes a while",
            err=True,
        )
        return replace(settings, meaning=False)
    return settings


def _rows(file: Path) -> Iterator[Mapping[str, Any]]:
    """The objects of a JSON Lines file. Raises ConfigError naming the line."""
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise ConfigError(
                    Problem(f"not JSON: {error}", file=str(file), line=number)
                ) from None
            if not isinstance(row, dict):
                raise ConfigError(
                    Problem("not a JSON object", file=str(file), line=number)
                )
            yield row


@contextmanager
def _refusing(file: Path) -> Iterator[None]:
    """Raises ConfigError where the rows of a file turn out to be none that can be read or scored."""
    try:
        yield
    except ValueError as error:
        raise ConfigError(Problem(str(error), file=str(file))) from None


def _clusters(
    rows: list[Mapping[str, Any]],
    settings: DedupSettings,
    prints: Sequence[Fingerprint],
) -> tuple[list[str], dict[str, Any]]:
    with Progress(
        console=console(error=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    ) as progress:
        bar = progress.add_task("assigning", total=len(rows))
        done = core.backtest(
            rows,
            settings,
            canonical_url=canonical_url,
            on_entry=lambda: progress.advance(bar),
            prints=prints,
        )
    facts: dict[str, Any] = {
        "entries": len(rows),
        "events": done.event_count,
        "joined": done.joined_count,
    }
    facts["merged"] = done.merged_count
    if done.quality:
        facts["b_cubed"] = _score(done.quality.b_cubed)
        facts["pairwise"] = _score(done.quality.pairwise)
    return [f"{name}\t{event}" for name, event in done.events], facts


def _pairs(
    rows: list[Mapping[str, Any]],
    settings: DedupSettings,
) -> tuple[list[str], dict[str, Any]]:
    try:
        done = core.pair_test(rows, settings, canonical_url=canonical_url)
    except (ValueError, KeyError) as error:
        raise ConfigError(
            Problem(f"every line needs objects `a` and `b`: {error}")
        ) from None
    facts: dict[str, Any] = {
        "pairs": len(rows),
        "same": sum(done.decisions),
        "judged": PAIR_STATE,
    }
    if done.quality:
        facts["pairwise"] = _score(done.quality)
    return [
        f"{number}\t{int(same)}" for number, same in enumerate(done.decisions)
    ], facts


def _sweep(
    rows: list[Mapping[str, Any]],
    settings: DedupSettings,
    prints: Sequence[Fingerprint],
    *,
    title: str,
    plot: Path | None,
) -> list[Any]:
    with Progress(
        console=console(error=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    ) as progress:
        bar = progress.add_task("sweeping", total=len(sweeping.STEPS))
        points = sweeping.sweep(
            rows,
            settings,
            canonical_url=canonical_url,
            on_step=lambda: progress.advance(bar),
            prints=prints,
        )
    if plot:
        _write(
            plot,
            sweeping.svg(points, title=f"{title}: B-cubed over the score to join at"),
        )
    return [
        {"score": round(p.score, 3), "strictness": p.name, **_score(p.quality.b_cubed)}
        for p in points
    ]


def _score(score: Score) -> dict[str, float]:
    return {
        "precision": round(score.precision, 4),
        "recall": round(score.recall, 4),
        "f1": round(score.f1, 4),
    }


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            Problem(f"cannot be written: {error.strerror}", file=str(file))
        ) from None


def _print_facts(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(orjson.dumps(facts))
        return
    for row in facts.pop("sweep", ()):
        click.echo(
            "  ".join(f"{key} {value}" for key, value in row.items() if value != "")
        )
    for name, value in facts.items():
        words = (
            "  ".join(f"{k} {v}" for k, v in value.items())
            if isinstance(value, dict)
            else value
        )
        click.echo(f"{name.replace('_', ' '):<16} {words}")
