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
    return "" if value is None else str(value)


def _instant(raw: str) -> datetime | None:
    if not raw:
        return None
    try:
        at = datetime.fromisoformat(raw)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
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
    host = (
        re.sub(r"^\w+://(?:www\.)?([^/:?#]*).*$", r"\1", url, flags=re.DOTALL)
        if "://" in url
        else ""
    )
    return Entry(
        entry_id=hashlib.sha256(name.encode()).hexdigest()[:20],
        feed_id=field(row, "source"),
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
        site=field(row, "source") or host,
    )


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
    index, survivors = Index(settings), dict[str, str]()
    given: list[tuple[str, str]] = []
    joined = 0
    kept = list(rows)
    stream = entries(kept, canonical_url=canonical_url)
    for start in range(0, len(kept), BATCH):
        some = list(islice(stream, BATCH))
        index.expire(some[0].first_seen_at)
        made = prints[start : start + BATCH] or prints_of(some, settings)
        answers = assign_all(made, index, settings, new_event=event_id, join_at=join_at)
        for entry, answer in zip(some, answers, strict=True):
            event = answer.event_id or event_id(entry.entry_id)
            survivors.update(dict.fromkeys(answer.absorbs, event))
            joined += answer.event_id is not None
            given.append((entry.identity_key, event))
            if on_entry:
                on_entry()
    labels = [
        (name, row.get("cluster")) for (name, _), row in zip(given, kept, strict=True)
    ]
    truth = {name: str(cluster) for name, cluster in labels if cluster is not None}
    final = tuple((name, survivor_of(event, survivors)) for name, event in given)
    quality = (
        scores.clustering(truth, dict(final))
        if truth and len(truth) == len(given)
        else None
    )
    return Backtest(final, len({e for _, e in final}), joined, len(survivors), quality)


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
    one, other = prints_of(_sides(row, canonical_url), settings or DedupSettings())
    return compared(one, other)


def _sides(row: Row, canonical_url: Callable[[str], str]) -> list[Entry]:
    """A row's `a` and `b`. Raises ValueError when one is no object, KeyError when one is missing."""
    sides = []
    for side in ("a", "b"):
        inner = row[side]
        if not isinstance(inner, Mapping):
            raise ValueError(f"`{side}` is not an object")
        sides.append(
            entry_of({"lang": row.get("lang"), **inner}, canonical_url=canonical_url)
        )
    return sides


def pair_test(
    rows: Iterable[Row],
    settings: DedupSettings,
    *,
    canonical_url: Callable[[str], str] = str,
) -> PairTest:
    """Judge each pair alone."""
    kept = list(rows)
    prints = prints_of(
        [side for row in kept for side in _sides(row, canonical_url)], settings
    )
    comparisons = [
        compared(one, other)
        for one, other in zip(prints[::2], prints[1::2], strict=True)
    ]
    decisions = [is_same(comparison, settings) for comparison in comparisons]
    truth = [bool(int(str(row["same"]))) for row in kept if row.get("same") is not None]
    quality = (
        scores.pairs(truth, decisions)
        if truth and len(truth) == len(decisions)
        else None
    )
    return PairTest(tuple(decisions), tuple(one.score for one in comparisons), quality)
