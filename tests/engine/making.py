"""Records for the tests of this wing: whole ones, from a few words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from aggregator.engine.store import Store
from aggregator.model import (
    Claim,
    DateSource,
    Entry,
    Event,
    FingerprintRecord,
    Kind,
    Message,
    Poll,
    PollState,
    Publication,
    Source,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEASE = timedelta(seconds=60)
SPACING = timedelta(seconds=1)


def entry(
    number: int, *, feed_id: str = "f0", revision: int = 0, document: str = "---\n"
) -> Entry:
    return Entry(
        entry_id=f"{number:020x}",
        feed_id=feed_id,
        revision=revision,
        identity_key=f"key {number}",
        guid=f"guid {number}",
        url=f"https://news.example/{number}",
        canonical_url=f"https://news.example/{number}",
        title=f"Title {number}",
        lang="en",
        author="",
        categories=("News", "Example", "World"),
        tags=(),
        published_at=NOW,
        matched_at=NOW,
        published_raw="",
        date_source=DateSource.FEED,
        first_seen_at=NOW,
        content_hash=f"hash {number} {revision}",
        text="Some text.",
        document=document,
        site="news.example",
    )


def state(feed_id: str, *, title: str = "A feed") -> PollState:
    url = f"https://{feed_id}.example/feed"
    return PollState(
        feed_id=feed_id, url=url, configured_url=url, title=title, last_poll_at=NOW
    )


def commit(
    claim: Claim, *entries: Entry, host: str = "", due_at: datetime | None = NOW
) -> Poll:
    after = state(claim.feed_id)
    return Poll(
        before=after,
        state=after,
        claim=claim,
        host=host,
        due_at=due_at,
        entries=entries,
    )


def message(kind: Kind, report: Entry, event_id: str) -> Message:
    return Message(
        id=f"{kind}-{report.entry_id}-{report.revision}",
        kind=kind,
        event_id=event_id,
        entry_id=report.entry_id,
        feed_id=report.feed_id,
        revision=report.revision,
        lang=report.lang,
        title=report.title,
        url=report.url,
        first_seen_at=report.first_seen_at,
        document=report.document,
    )


def event(event_id: str, *reports: Entry, merged_into: str = "") -> Event:
    first = reports[0]
    return Event(
        event_id=event_id,
        lang=first.lang,
        title=first.title,
        first_seen_at=first.first_seen_at,
        last_seen_at=first.first_seen_at,
        sources=tuple(
            Source(r.feed_id, r.entry_id, r.url, r.title, r.published_at)
            for r in reports
        ),
        source_count=len(reports),
        independent_sites=("news.example",),
        independent_count=1,
        categories=first.categories,
        merged_into=merged_into,
    )


def publication(
    stream_id: str, report: Entry, *, event_id: str = "", kind: Kind = Kind.NEW
) -> Publication:
    event_id = event_id or f"e{report.entry_id}"
    return Publication(
        stream_id=stream_id,
        entry_id=report.entry_id,
        revision=report.revision,
        event_id=event_id,
        messages=(message(kind, report, event_id),),
        queued=(),
        events=(event(event_id, report),),
        record=FingerprintRecord(
            report.entry_id,
            event_id,
            report.feed_id,
            report.first_seen_at,
            b"\x00packed\xff",
        ),
    )


async def claimed(
    store: Store, feed_id: str = "f0", *, host: str = "", now: datetime | None = None
) -> Claim:
    """The claim of one feed, registered if need be."""
    await store.polls.register(
        {feed_id: NOW} | dict.fromkeys(await store.polls.feed_ids(), NOW)
    )
    found = await store.polls.claim_these(
        {feed_id: host}, lease=LEASE, spacing=SPACING, now=now
    )
    return found.claims[0]


async def waiting(store: Store, *entries: Entry) -> Sequence[tuple[str, Entry]]:
    """Commits the entries, and answers everything that waits."""
    await store.polls.commit(commit(await claimed(store), *entries))
    return (await store.events.next_entries(1000)).entries


async def leading(store: Store, worker: str = "worker") -> int:
    token = await store.events.lead(worker, LEASE)
    assert token is not None
    return token


async def published(store: Store, *entries: Entry) -> list[Publication]:
    """Commits and publishes the entries, each as an event of its own."""
    done = [
        publication(stream_id, one) for stream_id, one in await waiting(store, *entries)
    ]
    await store.events.publish(await leading(store), done)
    return done


async def length(store: Store, key: str) -> int:
    return int(await store.engine.command("XLEN", key))


async def all_keys(store: Store) -> list[bytes]:
    """Every key of the node that holds ours."""
    found: list[bytes] = await store.engine.command(
        "EVAL", "return redis.call('KEYS', '*')", 1, store.engine.keys.due
    )
    return sorted(found)


async def contents(store: Store) -> dict[bytes, bytes]:
    """Everything that is stored, to compare."""
    keys = await all_keys(store)
    return dict(
        zip(keys, await store.engine.many([("DUMP", key) for key in keys]), strict=True)
    )
