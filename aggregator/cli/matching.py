"""`aggregator explain` and `aggregator backtest`: the matching, looked at from outside."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
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
    pair = asyncio.run(_pair(a, b, config_file))
    explanation = explained(
        pair.a.fingerprint,
        pair.b.fingerprint,
        pair.settings,
    )
    if as_json:
        click.echo(orjson.dumps(_record(pair, explanation)))
        return
    out = console()
    for line in (
        *_placed(pair.a),
        *_placed(pair.b),
        *_ruled(pair),
        *_published(pair),
    ):
        out.print(Text(line), soft_wrap=True)
    style = "bold green" if explanation.is_same else "bold red"
    verdict = Text(f"Alone, {explanation.verdict}", style=style)
    out.print(verdict, soft_wrap=True)
    for line in (*_state(pair), *explanation.lines):
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
class Pair:
    """Both reports, the settings, and operators' words on them: `held_apart` says that they keep the events apart."""

    a: Side
    b: Side
    settings: DedupSettings
    word: Label | None = None
    held_apart: bool = False


def _ruled(pair: Pair) -> list[str]:
    """An operator's word, which is stronger than the comparison."""
    if pair.word is not None:
        ruling = pair.word.ruling
        what = "one event" if pair.word.same else "two events"
        words = ": ".join(filter(None, (ruling.operator, ruling.why)))
        facts = ", ".join(
            filter(None, (f"{ruling.ruled_at:%Y-%m-%d %H:%M} UTC", words))
        )
        return [f"An operator said that they are {what} ({facts}); that decides."]
    if pair.held_apart:
        return ["An operator said that their events are two; that decides."]
    return []


def _said(word: Label) -> dict[str, Any]:
    ruling = word.ruling
    record = {
        "same": word.same,
        "ruling": ruling.ruling_id,
        "ruled_at": ruling.ruled_at,
    }
    return {**record, "operator": ruling.operator, "why": ruling.why}


def _placed(side: Side) -> list[str]:
    """The report, and why the daemon put it where it is; nothing of a file."""
    if side.event_id is None:
        return []
    why = decided.in_words(
        side.decision,
        side.best_title,
        is_moved=side.is_moved,
    )
    return [
        f"{side.title}  ({side.fingerprint.entry_id})",
        f"  {why}; in event {side.event_id}",
    ]


def _published(pair: Pair) -> list[str]:
    """What the daemon made of them, which need not be what the comparison says; nothing of files."""
    a, b = pair.a.event_id, pair.b.event_id
    if a is None or b is None:
        return []
    if a == b:
        return [f"Published in one event, {a}."]
    return [f"Published in two events, {a} and {b}."]


def _state(pair: Pair) -> list[str]:
    """With what state the two alone were judged, and how that differs from what the daemon did."""
    lines = [f"Judged: {PAIR_STATE}."]
    if pair.a.event_id is not None or pair.b.event_id is not None:
        lines.append(
            "The daemon judged with another state: each report when it came, against whole events, by what it had "
            "counted of words and publishers until then."
        )
    return lines


def _side_record(side: Side) -> dict[str, Any]:
    record: dict[str, Any] = {
        "entry_id": side.fingerprint.entry_id,
        "event_id": side.event_id,
        "title": side.title,
        "score": None,
        "reason": None,
        "best_entry_id": None,
        "best_title": None,
        "moved": False,
    }
    if side.decision is not None:
        record["score"] = side.decision.score
        record["reason"] = side.decision.reason
        record["best_entry_id"] = side.decision.best_entry_id
        record["best_title"] = side.best_title
        record["moved"] = side.is_moved
    return record


async def _pair(
    a: str,
    b: str,
    config_file: str | None,
) -> Pair:
    # Two files need neither a server nor a configuration.
    if _is_file(a) and _is_file(b):
        settings = _dedup(config_file)
        return Pair(_of_file(a, settings), _of_file(b, settings), settings)
    read = files.loaded(config_file)
    settings = read.configuration.settings.dedup
    async with engines.attached_engine(read) as engine:
        store = engine.store
        rulings = await store.rulings.applied()
        aliases = await store.events.aliases()
        moved = decided.moved(rulings)
        side, other = await _sides(store, (a, b), settings, moved)
    word = last_word(rulings, side.fingerprint.entry_id, other.fingerprint.entry_id)
    apart_from_side = apart_of(rulings, aliases).of(side.event_id or "")
    return Pair(side, other, settings, word, other.event_id in apart_from_side)


def _dedup(config_file: str | None) -> DedupSettings:
    """`[dedup]` of a configuration, or as it is without one."""
    if config_file is None:
        return files.decided(DedupSettings())
    return files.loaded(config_file).configuration.settings.dedup


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except OSError:  # a URL too long to be a file's name
        return False


async def _first_report(store: Store, name: str) -> str:
    """The first report of an event, where the name is the id of one; else the name itself, an entry's id."""
    event = (await store.events.by_ids([name])).get(name)
    if event is None or not event.sources:
        return name
    return event.sources[0].entry_id


async def _sides(
    store: Store,
    names: Sequence[str],
    settings: DedupSettings,
    moved: Collection[str],
) -> list[Side]:
    """Published reports by entry id or URL, or documents in files. Raises ConfigError."""
    published = [name for name in names if not _is_file(name)]
    reports_at = await naming.entries_at(store, published)
    entry_ids: dict[str, str] = {}
    for name in published:
        firsts = reports_at.get(name) or [await _first_report(store, name)]
        entry_ids[name] = firsts[0]
    records = await store.fingerprints.of(entry_ids.values())
    for name, entry_id in entry_ids.items():
        if entry_id not in records:
            text = f'no report in the matching window is "{name}": give an entry or event id, a URL, or a file'
            raise ConfigError(Problem(text))
    since = min((record.first_seen_at for record in records.values()), default=EPOCH)
    decisions = await decided.decisions(store, records, records, since)
    titled = records.keys() | decided.best_ids(decisions)
    # What a report was nearest to may have come a window earlier.
    titles = await decided.titles(store, titled, since - settings.window)
    sides: list[Side] = []
    for name in names:
        if name not in entry_ids:
            sides.append(_of_file(name, settings))
            continue
        record = records[entry_ids[name]]
        decision = decisions.get(record.entry_id)
        side = _of_record(record, settings, decision, titles)
        sides.append(replace(side, is_moved=record.entry_id in moved))
    return sides


def _of_record(
    record: FingerprintRecord,
    settings: DedupSettings,
    decision: Decision | None,
    titles: Mapping[str, str],
) -> Side:
    fingerprint = Fingerprint.unpack(record.packed)
    # Where meanings are off, the daemon decides without those it once stored.
    if not settings.meaning:
        fingerprint = replace(fingerprint, meaning=b"")
    best_title = None
    if decision is not None:
        best_title = titles.get(decision.best_entry_id)
    return Side(
        fingerprint,
        title=titles.get(record.entry_id, decided.UNTITLED),
        event_id=record.event_id,
        decision=decision,
        best_title=best_title,
    )


def _of_file(name: str, settings: DedupSettings) -> Side:
    try:
        report = report_of_document(files.read_text(Path(name)), name=name)
        [fingerprint] = prints_of([report], settings)
    except ValueError as error:
        raise ConfigError(Problem(f"is no document: {error}", file=name)) from None
    return Side(fingerprint, report.title)


def _record(pair: Pair, explanation: Explanation) -> dict[str, Any]:
    features = [
        {
            "name": feature.name,
            "value": feature.value,
            "contribution": feature.contribution,
        }
        for feature in explanation.comparison.features
    ]
    return {
        "score": explanation.comparison.score,
        "same": explanation.is_same,
        "strictness": pair.settings.strictness,
        "verdict": explanation.verdict,
        "lines": explanation.lines,
        "features": features,
        "events": [pair.a.event_id, pair.b.event_id],
        "operator": None if pair.word is None else _said(pair.word),
        "held_apart": pair.held_apart,
        "reports": [_side_record(pair.a), _side_record(pair.b)],
        "judged": PAIR_STATE,
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
    is_swept = sweep or plot is not None
    if is_swept and pairs:
        raise ConfigError(Problem(_PAIRS_OR_SWEEP))
    rows = _rows(file, is_swept=is_swept)
    settings = _dedup(config_file)
    if strictness:
        settings = replace(settings, strictness=Strictness(strictness))
    is_configured = config_file is not None
    settings = with_embeddings(
        settings, meaning, len(rows), is_configured=is_configured
    )
    started = time.perf_counter()
    prints: Sequence[Fingerprint] = ()
    with _refusing(file):
        # Made once for what runs over the rows many times: meanings take longest.
        if is_swept:
            entries = list(core.entries(rows, canonical_url=canonical_url))
            prints = prints_of(entries, settings)
        if pairs:
            lines, facts = _pairs(rows, settings)
        else:
            lines, facts = _clusters(rows, settings, prints)
    facts |= _cost(len(rows), time.perf_counter() - started)
    if predictions:
        _write(predictions, "".join(f"{line}\n" for line in lines))
    if is_swept:
        points = _swept(rows, settings, prints)
        facts["sweep"] = _point_records(points)
        _plot(points, plot, file.name)
    _print_facts(facts, as_json)


_PAIRS_OR_SWEEP = (
    "--pairs judges pairs and --sweep and --plot events: leave one of them out"
)


def _plot(
    points: Sequence[sweeping.Point],
    plot: Path | None,
    name: str,
) -> None:
    if plot is not None:
        title = f"{name}: B-cubed over the score to join at"
        _write(plot, sweeping.svg(points, title=title))


def _cost(row_count: int, seconds: float) -> dict[str, float]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": round(seconds, 2),
        "per_second": round(row_count / max(seconds, 1e-9)),
        # Linux counts it in KiB.
        "peak_memory_mb": round(usage.ru_maxrss / 1024),
    }


MOST_ROWS_MEANT = 20_000
"""Rows whose meanings are compared without being asked for: ten minutes of one core."""


def with_embeddings(
    settings: DedupSettings,
    asked: bool | None,
    count: int,
    *,
    is_configured: bool,
) -> DedupSettings:
    """`[dedup]` with meanings as asked; else as configured, where that `is_configured`; else where it is soon done.

    Raises ConfigError when they are asked for without the encoder.
    """
    if asked and not is_installed():
        raise ConfigError(Problem(f"--meaning: {files.no_encoder()}"))
    if asked is not None:
        return replace(settings, meaning=asked)
    is_chosen = is_configured or not settings.meaning
    if is_chosen or count <= MOST_ROWS_MEANT:
        return settings
    click.echo(
        f"aggregator: {count} rows are compared by their words alone; --meaning takes a while",
        err=True,
    )
    return replace(settings, meaning=False)


def _rows(
    file: Path,
    *,
    is_swept: bool,
) -> list[Mapping[str, Any]]:
    """The objects of a JSON Lines file. Raises ConfigError naming the line."""
    rows: list[Mapping[str, Any]] = []
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                rows.append(_row(line, str(file), number))
    # What a sweep cannot score is said before it starts: it takes minutes.
    if is_swept:
        with _refusing(file):
            sweeping.truth_of(rows)
    return rows


def _row(
    line: bytes,
    file: str,
    number: int,
) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        problem = Problem(f"not JSON: {error}", file=file, line=number)
        raise ConfigError(problem) from None
    if not isinstance(row, dict):
        raise ConfigError(Problem("not a JSON object", file=file, line=number))
    return row


@contextmanager
def _progress(
    task: str,
    total: int,
) -> Iterator[Callable[[], None]]:
    """A bar on a terminal; call what it gives after each step."""
    # stdout is the result's, which another program may read.
    with Progress(
        console=console(error=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    ) as progress:
        bar = progress.add_task(task, total=total)
        yield lambda: progress.advance(bar)


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
    with _progress("assigning", len(rows)) as advance:
        result = core.backtest(
            rows,
            settings,
            canonical_url=canonical_url,
            on_entry=advance,
            prints=prints,
        )
    facts: dict[str, Any] = {
        "entries": len(rows),
        "events": result.event_count,
        "joined": result.joined_count,
        "merged": result.merged_count,
    }
    # Only of rows that say which event they are of.
    if result.quality:
        facts["b_cubed"] = _score(result.quality.b_cubed)
        facts["pairwise"] = _score(result.quality.pairwise)
    return [f"{name}\t{event}" for name, event in result.events], facts


def _pairs(
    rows: list[Mapping[str, Any]],
    settings: DedupSettings,
) -> tuple[list[str], dict[str, Any]]:
    try:
        result = core.pair_test(rows, settings, canonical_url=canonical_url)
    except (ValueError, KeyError) as error:
        problem = Problem(f"every line needs objects `a` and `b`: {error}")
        raise ConfigError(problem) from None
    facts: dict[str, Any] = {
        "pairs": len(rows),
        "same": sum(result.decisions),
        "judged": PAIR_STATE,
    }
    if result.quality:
        facts["pairwise"] = _score(result.quality)
    lines = [f"{number}\t{int(same)}" for number, same in enumerate(result.decisions)]
    return lines, facts


def _swept(
    rows: list[Mapping[str, Any]],
    settings: DedupSettings,
    prints: Sequence[Fingerprint],
) -> Sequence[sweeping.Point]:
    with _progress("sweeping", len(sweeping.STEPS)) as advance:
        return sweeping.sweep(
            rows,
            settings,
            canonical_url=canonical_url,
            on_step=advance,
            prints=prints,
        )


def _point_records(points: Sequence[sweeping.Point]) -> list[dict[str, Any]]:
    return [
        {
            "score": round(point.score, 3),
            "strictness": point.name,
            **_score(point.quality.b_cubed),
        }
        for point in points
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
        problem = Problem(f"cannot be written: {error.strerror}", file=str(file))
        raise ConfigError(problem) from None


def _print_facts(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(orjson.dumps(facts))
        return
    for point in facts.pop("sweep", ()):
        click.echo(_inline(point))
    for name, value in facts.items():
        words = _inline(value) if isinstance(value, dict) else value
        click.echo(f"{name.replace('_', ' '):<16} {words}")


def _inline(facts: Mapping[str, Any]) -> str:
    """`precision 0.9  recall 0.8`; a score that is no strictness's has no name."""
    return "  ".join(f"{key} {value}" for key, value in facts.items() if value != "")
