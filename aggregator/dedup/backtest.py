"""The event stage over a file of entries: the same code as the daemon, with nothing kept.

Rows are dicts with `id, lang, title, text, source, url, published` and perhaps `cluster`; any but `id` may be missing,
null or empty. They are taken in file order. A row without `published` has no time evidence.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice

from aggregator.dedup import scores
from aggregator.dedup.assign import assign_all
from aggregator.dedup.fingerprint import Fingerprint
from aggregator.dedup.index import BATCH, Index
from aggregator.dedup.meaning import prints_of
from aggregator.dedup.similarity import Comparison, compared, is_same
from aggregator.model import EPOCH, UNDETERMINED, DateSource, DedupSettings, Entry

Row = Mapping[str, object]
MAX_TEXT = 8000


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a run answered: each row's event, in file order, and the scores where every row has a `cluster`."""

    events: tuple[tuple[str, str], ...]
    event_count: int
    joined_count: int
    merged_count: int
    quality: scores.Quality | None


@dataclass(frozen=True, slots=True)
class PairTest:
    """Decisions on pairs, in file order, and their score where every row has `same`."""

    decisions: tuple[bool, ...]
    numbers: tuple[float, ...]
    quality: scores.Score | None


def field(row: Row, key: str) -> str:
    """A row's value as text, empty when it is missing or null."""
    value = row.get(key)
    if value is None:
        return ""
    return str(value)


def _instant(raw: str) -> datetime | None:
    if not raw:
        return None
    try:
        at = datetime.fromisoformat(raw)
        if at.tzinfo is None:
            return at.replace(tzinfo=UTC)
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"`published` should be a time as ISO 8601 writes it, not {raw!r}"
        ) from None


def entry_of(
    row: Row,
    *,
    canonical_url: Callable[[str], str] = str,
    first_seen_at: datetime | None = None,
) -> Entry:
    """A row as the entry the poll stage would have made of it. Raises ValueError on a `published` that is not ISO 8601.

    `first_seen_at` is when the row came; left out, when it was published, or the epoch.
    """
    published = _instant(field(row, "published"))
    url = field(row, "url")
    name = field(row, "id")
    source = field(row, "source")
    return Entry(
        entry_id=hashlib.sha256(name.encode()).hexdigest()[:20],
        feed_id=source,
        revision=0,
        identity_key=name,
        guid=name,
        url=url,
        canonical_url=canonical_url(url) if url else "",
        title=field(row, "title"),
        lang=field(row, "lang") or UNDETERMINED,
        author="",
        categories=(),
        tags=(),
        published_at=published,
        matched_at=published,
        published_raw=field(row, "published"),
        date_source=DateSource.FEED if published else DateSource.FIRST_SEEN,
        first_seen_at=first_seen_at or published or EPOCH,
        content_hash="",
        text=field(row, "text")[:MAX_TEXT],
        document="",
        site=source or _host(url),
    )


def _host(url: str) -> str:
    """What stands for the publisher of a row that names none."""
    if "://" not in url:
        return ""
    return re.sub(r"^\w+://(?:www\.)?([^/:?#]*).*$", r"\1", url, flags=re.DOTALL)


def entries(
    rows: Iterable[Row], *, canonical_url: Callable[[str], str] = str
) -> Iterator[Entry]:
    """Rows as entries, each first seen when it was published, but never before the row above it."""
    now = EPOCH
    for row in rows:
        entry = entry_of(row, canonical_url=canonical_url)
        now = max(now, entry.first_seen_at)
        yield replace(entry, first_seen_at=now)


def event_id(entry_id: str) -> str:
    """The id of the event whose first report is this entry (design.md, Identity)."""
    return "e" + hashlib.sha256(entry_id.encode()).hexdigest()[:20]


def backtest(
    rows: Iterable[Row],
    settings: DedupSettings,
    *,
    canonical_url: Callable[[str], str] = str,
    on_entry: Callable[[], None] | None = None,
    join_at: float | None = None,
    prints: Sequence[Fingerprint] = (),
) -> Backtest:
    """Assign every row in order and answer with its event as known at the end: absorbed events go by their survivor.

    `on_entry` is called after each row, for progress; `join_at` (log-odds) stands in for the strictness, in a sweep;
    `prints` are the rows' fingerprints, where known.
    """
    index = Index(settings)
    survivors: dict[str, str] = {}
    given: list[tuple[str, str]] = []
    joined_count = 0
    all_rows = list(rows)
    stream = entries(all_rows, canonical_url=canonical_url)
    for start in range(0, len(all_rows), BATCH):
        batch = list(islice(stream, BATCH))
        # Before the batch and not before each entry, as the daemon does.
        index.expire(batch[0].first_seen_at)
        fingerprints = prints[start : start + BATCH] or prints_of(batch, settings)
        assignments = assign_all(
            fingerprints,
            index,
            settings,
            new_event=event_id,
            join_at=join_at,
        )
        for entry, assignment in zip(batch, assignments, strict=True):
            # A new event is named for its first report.
            event = assignment.event_id or event_id(entry.entry_id)
            survivors.update(dict.fromkeys(assignment.absorbs, event))
            joined_count += assignment.event_id is not None
            given.append((entry.identity_key, event))
            if on_entry:
                on_entry()
    final = tuple((name, survivor_of(event, survivors)) for name, event in given)
    return Backtest(
        events=final,
        event_count=len({event for _, event in final}),
        joined_count=joined_count,
        merged_count=len(survivors),
        quality=_quality(all_rows, dict(final)),
    )


def _quality(
    rows: Sequence[Row],
    events: Mapping[str, str],
) -> scores.Quality | None:
    """The scores, if every row has a label: those without would count as events of their own."""
    truth: dict[str, str] = {}
    for row in rows:
        cluster = row.get("cluster")
        if cluster is not None:
            truth[field(row, "id")] = str(cluster)
    if not truth or len(truth) < len(rows):
        return None
    return scores.clustering(truth, events)


def survivor_of(event: str, survivors: Mapping[str, str]) -> str:
    """The event as it goes in the end, by what absorbed each one."""
    while event in survivors:
        event = survivors[event]
    return event


def pair(
    row: Row,
    settings: DedupSettings | None = None,
    *,
    canonical_url: Callable[[str], str] = str,
) -> Comparison:
    """The comparison of a row's `a` and `b`, each judged with the shipped prior alone; `lang` may stand beside them."""
    sides = _sides(row, canonical_url)
    one, other = prints_of(sides, settings or DedupSettings())
    return compared(one, other)


def _sides(
    row: Row,
    canonical_url: Callable[[str], str],
) -> list[Entry]:
    """A row's `a` and `b`. Raises ValueError when one is no object, KeyError when one is missing."""
    sides = []
    for side in ("a", "b"):
        inner = row[side]
        if not isinstance(inner, Mapping):
            raise ValueError(f"`{side}` is not an object")
        # Files of pairs in one language say so once.
        report = {"lang": row.get("lang"), **inner}
        sides.append(entry_of(report, canonical_url=canonical_url))
    return sides


def pair_test(
    rows: Iterable[Row],
    settings: DedupSettings,
    *,
    canonical_url: Callable[[str], str] = str,
) -> PairTest:
    """Judge each pair alone."""
    all_rows = list(rows)
    sides: list[Entry] = []
    for row in all_rows:
        sides += _sides(row, canonical_url)
    # All at once: the encoder takes texts of one length together.
    prints = prints_of(sides, settings)
    pairs = zip(
        prints[::2],
        prints[1::2],
        strict=True,
    )
    comparisons = [compared(one, other) for one, other in pairs]
    decisions = [is_same(comparison, settings) for comparison in comparisons]
    labels = [row.get("same") for row in all_rows]
    quality = None
    if labels and None not in labels:
        truth = [bool(int(str(label))) for label in labels]
        quality = scores.pairs(truth, decisions)
    return PairTest(
        decisions=tuple(decisions),
        numbers=tuple(comparison.score for comparison in comparisons),
        quality=quality,
    )
