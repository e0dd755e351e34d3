"""Several digests, one after another in time, as one: what `aggregator digest` shows while no server runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from aggregator.model import Digest, DigestEvent, Totals
from aggregator.watch.digest import digest_id


def joined_digest(
    records: Sequence[Digest],
    *,
    from_at: datetime,
    to_at: datetime,
    top: int,
    language: str | None = None,
    category: str | None = None,
) -> Digest:
    """One digest of at least one record, oldest first; an event told several times stands as it was told last.

    Only what the digests told in full can be shown: each held its own `top` events.
    """
    newest: dict[str, DigestEvent] = {}
    for record in records:
        newest |= {event.event_id: event for event in record.events}
    shown = [event for event in newest.values() if _passes(event, language, category)]
    shown.sort(key=_rank)
    # Trouble is what it was at the end.
    last = records[-1]
    return Digest(
        id=digest_id(from_at, to_at, language or "", category or ""),
        window_from_at=max(from_at, records[0].window_from_at),
        window_to_at=min(to_at, last.window_to_at),
        events=tuple(shown[:top]),
        event_count=len(shown),
        totals=Totals(
            polls=_sum(record.totals.polls for record in records),
            entries=_sum(record.totals.entries for record in records),
            reports=_sum(record.totals.reports for record in records),
        ),
        trouble=last.trouble,
        slow=last.slow,
        saved_count=_saved(records, shown if language or category else None),
        trouble_count=last.trouble_count,
        language=language or "",
        category=category or "",
    )


def _rank(event: DigestEvent) -> tuple[int, int, str]:
    return -event.independent_count, -event.source_count, event.event_id


def _saved(
    records: Sequence[Digest],
    filtered: Sequence[DigestEvent] | None,
) -> int:
    """As `digest.digest` counts it: under a filter the repeats of the events shown, since nobody counted others."""
    if filtered is not None:
        return sum(max(event.source_count - 1, 0) for event in filtered)
    return sum(record.saved_count for record in records)


def _passes(
    event: DigestEvent,
    language: str | None,
    category: str | None,
) -> bool:
    # `zh` takes zh-TW as well.
    if language and not f"{event.lang}-".startswith(f"{language}-"):
        return False
    return not category or category in event.categories


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(total)
