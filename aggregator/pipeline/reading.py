"""The poll stage's reading: a body and what is known of its feed to each entry's outcome.

Runs in a child process, so it loads nothing of the event stage but what makes fingerprints.

Rules: every parsed entry has exactly one outcome, and they add up; what is muted or backlog is `seen`
with a reason; only new and edited entries are made into documents, since that is what costs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple

from aggregator.entry import normalise
from aggregator.entry.identity import (
    REPEATED,
    Facts,
    Identity,
    facts_of,
    identified_by_facts,
)
from aggregator.entry.language import language_of
from aggregator.entry.markup import CUT_MARK
from aggregator.entry.normalise import EntryFacts
from aggregator.entry.parse import parsed_feed
from aggregator.entry.remembered import (
    Remembered,
    SeenItem,
    content_start,
    packed,
    unpacked,
)
from aggregator.entry.urls import host_of, public_address
from aggregator.model import (
    UNDETERMINED,
    Backlog,
    DocumentSettings,
    Entry,
    Feed,
    FeedRead,
    IdentityRule,
    KnownEntry,
    Notice,
    Outcome,
    ParsedEntry,
    ParsedFeed,
    ReadResult,
    Unparsable,
)
from aggregator.pipeline.fingerprinting import with_fingerprints

SIGHTING_STEP = timedelta(days=1)
"""How stale `last_seen_at` may grow before it is written: it serves a retention of months, a day is exact enough."""
LANGUAGE_SAMPLE = 30
"""Titles from which a feed's language is told; a guess, more than enough for 95 % right on single titles."""
EDITS_SPAN = timedelta(hours=24)
EDITS_TOLD = 3
"""Edits of one entry published in EDITS_SPAN before further ones are muted (design.md, Identity)."""


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Everything the child needs. `title` and `language` are the feed's as first seen, empty at the first poll."""

    feed: Feed
    url: str
    body: bytes
    content_type: str | None
    known: Mapping[str, KnownEntry]
    identity: IdentityRule
    documents: DocumentSettings
    window: timedelta
    now: datetime
    title: str = ""
    language: str | None = None
    clock_error: timedelta | None = None
    first_poll: bool = False
    seen_items: str = ""
    """What the last reading of the feed's document said of its items (`FeedRead.seen_items`)."""


class _EntryOutcome(NamedTuple):
    """One entry's outcome, with what follows from it. `lag_s`: first seen minus stated time, of a new dated entry;
    `content_hash`: of an entry that is known by it from now on, which need not be read again as long as it stays."""

    outcome: Outcome
    reason: str = ""
    entry: Entry | None = None
    key: str = ""
    known: KnownEntry | None = None
    notice: Notice | None = None
    lag_s: float | None = None
    content_hash: str = ""


class _Item(NamedTuple):
    """One item of the document: `parsed` None where it stood in the last one and was left out, `seen` then being what
    was remembered of it."""

    facts: Facts
    parsed: ParsedEntry | None
    seen: SeenItem | None = None


class _NeedsReadingError(Exception):
    """An item that was left out is to be published: the document has to be read whole."""


@dataclass(frozen=True, slots=True)
class _Context:
    """What all entries of one document share; `title` and `language` are the feed's as first seen."""

    request: ReadRequest
    title: str
    language: str | None


def read(request: ReadRequest) -> ReadResult:
    """Parse a body and decide each entry's outcome. Never raises for what a publisher sends.

    Items that stood in the last document, byte for byte, are left out where every outcome is the same without them.
    """
    remembered = Remembered()
    if request.language:
        # Without it the language is told from the items' own text, so none may be left out.
        remembered = unpacked(request.seen_items)
    parsed = _parsed(request, remembered.items)
    # Of a changed document mostly one or two items are new: reading those alone takes 6 ms instead of 41 (design.md).
    if isinstance(parsed, ParsedFeed) and len(parsed.entries) < len(parsed.items):
        rest = _read_rest(request, parsed, remembered)
        if rest is not None:
            return rest
        # An item that was left out matters after all: it is to be published, or the frame changed.
        parsed = _parsed(request, {})
    match parsed:
        case Unparsable():
            return parsed
        case ParsedFeed():
            items = [_Item(facts_of(entry), entry) for entry in parsed.entries]
            return _read_feed(request, parsed, items)


def _parsed(request: ReadRequest, seen: Container[str]) -> ParsedFeed | Unparsable:
    return parsed_feed(
        request.body,
        content_type=request.content_type,
        url=public_address(request.url),
        max_entries=request.feed.max_entries,
        seen=seen,
    )


def _read_rest(
    request: ReadRequest,
    parsed: ParsedFeed,
    remembered: Remembered,
) -> FeedRead | None:
    """The reading of a document of which the items seen were left out; None where it has to be read whole."""
    language = request.language or _language(request.feed, parsed)
    if _frame(request, parsed, language) != remembered.frame:
        return None
    entries = iter(parsed.entries)
    items = []
    for digest in parsed.items:
        seen = remembered.items.get(digest)
        if seen is not None:
            items.append(_Item(seen.facts, None, seen))
        else:
            entry = next(entries)
            items.append(_Item(facts_of(entry), entry))
    try:
        return _read_feed(request, parsed, items)
    except _NeedsReadingError:
        return None


def _frame(request: ReadRequest, parsed: ParsedFeed, language: str | None) -> str:
    """A hash of all that an entry's facts and content hash depend on beside its own bytes; `language` is the feed's."""
    feed = request.feed
    inherited = (
        parsed.frame,
        normalise.HASH_RULES,
        feed.url,
        feed.language,
        language,
        feed.clock_offset,
    )
    return blake2b(repr(inherited).encode(), digest_size=8).hexdigest()


def _read_feed(
    request: ReadRequest,
    parsed: ParsedFeed,
    items: Sequence[_Item],
) -> FeedRead:
    identified = identified_by_facts(
        [item.facts for item in items],
        feed_id=request.feed.feed_id,
        known=request.known,
        rule=request.identity,
        host=host_of(request.feed.url),
    )
    context = _Context(
        request,
        request.title or parsed.title,
        request.language or _language(request.feed, parsed),
    )
    outcomes = [
        _outcome_of(context, item, identity)
        for item, identity in zip(items, identified.entries, strict=True)
    ]
    notices = [outcome.notice for outcome in outcomes if outcome.notice]
    return FeedRead(
        title=context.title,
        language=context.language,
        encoding=parsed.encoding,
        version=parsed.version,
        hints=parsed.hints,
        identity=identified.rule,
        entries=with_fingerprints(_oldest_first(outcomes)),
        known={outcome.key: outcome.known for outcome in outcomes if outcome.known},
        outcomes=Counter(outcome.outcome.value for outcome in outcomes),
        reasons=Counter(outcome.reason for outcome in outcomes if outcome.reason),
        lags=_lags(request, outcomes),
        notices=(*identified.notices, *notices),
        notes=(*parsed.notes, *_cut_notes(outcomes)),
        dropped_count=parsed.dropped_count,
        seen_items=_remembered(context, parsed, items, outcomes),
    )


def _lags(request: ReadRequest, outcomes: Sequence[_EntryOutcome]) -> tuple[float, ...]:
    """The evidence of a wrong clock. A backlog is none: its entries are as old as they say."""
    if request.first_poll:
        return ()
    lags = (outcome.lag_s for outcome in outcomes)
    return tuple(lag_s for lag_s in lags if lag_s is not None)


def _remembered(
    context: _Context,
    parsed: ParsedFeed,
    items: Sequence[_Item],
    outcomes: Sequence[_EntryOutcome],
) -> str:
    """What the next reading has to know of the items; '' of a document that is to be read whole."""
    if not parsed.items:
        return ""
    seen: list[tuple[str, SeenItem]] = []
    for digest, item, outcome in zip(parsed.items, items, outcomes, strict=True):
        if _is_settled_by_its_bytes(outcome):
            start = content_start(outcome.content_hash)
            remembered = item.seen
            if remembered is None or remembered.content != start:
                remembered = SeenItem(item.facts, start)
            seen.append((digest, remembered))
    return packed(_frame(context.request, parsed, context.language), seen)


def _is_settled_by_its_bytes(outcome: _EntryOutcome) -> bool:
    """Whether the same bytes have the same outcome next time: a muted edit's may be published then."""
    if outcome.content_hash or outcome.outcome is Outcome.REJECTED:
        return True
    return outcome.reason == REPEATED


def _cut_notes(outcomes: Sequence[_EntryOutcome]) -> tuple[str, ...]:
    """What an operator can do something about, by `max_document`."""
    mark = CUT_MARK.strip()
    documents = (outcome.entry.document for outcome in outcomes if outcome.entry)
    count = sum(document.rstrip().endswith(mark) for document in documents)
    if not count:
        return ()
    return (f"{count} documents were longer than max_document and are cut",)


def _language(feed: Feed, parsed: ParsedFeed) -> str | None:
    """The feed's language as its text shows it: a Chinese feed that claims `en-us` has Chinese dates all the same."""
    sample = parsed.entries[:LANGUAGE_SAMPLE]
    titles = (normalise.clean_title(entry.title) for entry in sample)
    language = language_of(
        configured=feed.language,
        feed=parsed.language,
        entry=None,
        text="\n".join(titles),
    )
    return None if language == UNDETERMINED else language


def _oldest_first(outcomes: list[_EntryOutcome]) -> tuple[Entry, ...]:
    """The entries to publish, by the time matching uses; undated ones as feeds list them, the last being the oldest."""
    entries = [outcome.entry for outcome in reversed(outcomes) if outcome.entry]
    entries.sort(key=lambda entry: entry.matched_at or entry.first_seen_at)
    return tuple(entries)


def _outcome_of(
    context: _Context,
    item: _Item,
    identity: Identity,
) -> _EntryOutcome:
    # The document lists it twice, and its other listing has the outcome.
    if identity.rejected == REPEATED:
        return _EntryOutcome(Outcome.SEEN, identity.rejected)
    if identity.rejected:
        return _EntryOutcome(Outcome.REJECTED, identity.rejected)
    known = context.request.known.get(identity.identity_key)
    if item.parsed is None:
        return _left_out(context, item, identity, known)
    if known is None:
        return _first_sighting(context, item.parsed, identity)
    return _again(context, item.parsed, identity, known)


# --- entries seen for the first time --------------------------------------------------------------------------


def _first_sighting(
    context: _Context,
    parsed: ParsedEntry,
    identity: Identity,
) -> _EntryOutcome:
    request = context.request
    facts = normalise.entry_facts(
        parsed, feed=request.feed, feed_language=context.language
    )
    stated_at = facts.published_at
    known = KnownEntry(
        content_hash=facts.content_hash,
        first_seen_at=request.now,
        link_key=identity.link_key,
        title_key=identity.title_key,
        guid_key=identity.guid_key,
        last_seen_at=request.now,
        date_stated=stated_at is not None,
    )
    outcome = _EntryOutcome(
        Outcome.NEW,
        key=identity.identity_key,
        known=known,
        content_hash=known.content_hash,
    )
    if _is_suppressed(request, stated_at):
        return outcome._replace(outcome=Outcome.SEEN, reason="backlog")
    entry = _entry(
        context,
        parsed,
        facts,
        identity,
        known,
    )
    if stated_at is None:
        return outcome._replace(entry=entry)
    lag = request.now - stated_at
    return outcome._replace(entry=entry, lag_s=lag.total_seconds())


def _is_suppressed(request: ReadRequest, stated_at: datetime | None) -> bool:
    """Is an entry of the first poll left unpublished, by the feed's `backlog`? An undated one counts as of now."""
    if not request.first_poll:
        return False
    match request.feed.backlog:
        case Backlog.ALL:
            return False
        case Backlog.NONE:
            return True
        case Backlog.WINDOW:
            return stated_at is not None and request.now - stated_at > request.window


def _entry(
    context: _Context,
    parsed: ParsedEntry,
    facts: EntryFacts,
    identity: Identity,
    known: KnownEntry,
) -> Entry:
    request = context.request
    return normalise.entry(
        parsed,
        feed=request.feed,
        feed_title=context.title,
        feed_language=context.language,
        entry_id=identity.entry_id,
        identity_key=identity.identity_key,
        first_seen_at=known.first_seen_at,
        revision=known.revision,
        clock_error=request.clock_error,
        settings=request.documents,
        facts=facts,
    )


# --- entries seen before --------------------------------------------------------------------------------------


def _again(
    context: _Context,
    parsed: ParsedEntry,
    identity: Identity,
    known: KnownEntry,
) -> _EntryOutcome:
    request = context.request
    facts = normalise.entry_facts(
        parsed, feed=request.feed, feed_language=context.language
    )
    content_hash = facts.content_hash
    if normalise.is_same_content(content_hash, known.content_hash):
        return _seen(context, identity, known, content_hash)
    named = _with_aliases(known, identity)
    seen = named._replace(last_seen_at=request.now)
    counted = _with_edit(seen, request.now)
    # Ads and counters in a text change at every poll (situation 28).
    if counted.edit_count > EDITS_TOLD:
        return _muted(context, parsed, identity, counted)
    edited = counted._replace(
        content_hash=content_hash,
        revision=known.revision + 1,
    )
    entry = _entry(
        context,
        parsed,
        facts,
        identity,
        edited,
    )
    return _EntryOutcome(
        Outcome.EDITED,
        entry=entry,
        key=identity.identity_key,
        known=edited,
        content_hash=content_hash,
    )


def _left_out(
    context: _Context,
    item: _Item,
    identity: Identity,
    known: KnownEntry | None,
) -> _EntryOutcome:
    """An entry whose bytes are as they were: seen, if what is known of it is what they say."""
    content = item.seen.content if item.seen else ""
    if known is None or not content:
        raise _NeedsReadingError
    if content_start(known.content_hash) != content:
        # Its record was written since, by other bytes: an edit that the feed's hub delivered.
        raise _NeedsReadingError
    return _seen(context, identity, known, known.content_hash)


def _seen(
    context: _Context,
    identity: Identity,
    known: KnownEntry,
    content_hash: str,
) -> _EntryOutcome:
    """An entry that is as it was; its record is written where it would say something else, or grew old."""
    now = context.request.now
    key = identity.identity_key
    named = _with_aliases(known, identity)
    if content_hash != known.content_hash:
        named = named._replace(content_hash=content_hash)
    # Nearly all entries of a changed document: a new record for each would cost more than to find them.
    # Nearly every entry of nearly every poll: nothing is written of it.
    if named is known and now - known.last_seen_at < SIGHTING_STEP:
        return _EntryOutcome(Outcome.SEEN, key=key, content_hash=content_hash)
    seen = named._replace(last_seen_at=now)
    return _EntryOutcome(Outcome.SEEN, key=key, known=seen, content_hash=content_hash)


def _with_aliases(known: KnownEntry, identity: Identity) -> KnownEntry:
    aliases = (identity.guid_key, identity.link_key, identity.title_key)
    if aliases == (known.guid_key, known.link_key, known.title_key):
        return known
    return known._replace(
        guid_key=identity.guid_key,
        link_key=identity.link_key,
        title_key=identity.title_key,
    )


def _with_edit(known: KnownEntry, now: datetime) -> KnownEntry:
    """One more edit, in the running span of 24 h or as the first of a new one."""
    if known.edits_since_at is None or now - known.edits_since_at >= EDITS_SPAN:
        return known._replace(edits_since_at=now, edit_count=1)
    return known._replace(edit_count=known.edit_count + 1)


def _muted(
    context: _Context,
    parsed: ParsedEntry,
    identity: Identity,
    counted: KnownEntry,
) -> _EntryOutcome:
    """The old hash is kept, so that the content which stands when the span is over is published as one edit."""
    outcome = _EntryOutcome(
        Outcome.SEEN,
        "muted",
        key=identity.identity_key,
        known=counted,
    )
    if counted.edit_count > EDITS_TOLD + 1:
        # Told once: content that churns at every poll has ads or counters in it (reader#225).
        return outcome
    title = normalise.clean_title(parsed.title) or parsed.link
    detail = f"edited more than {EDITS_TOLD} times in 24 h; further edits wait until then: {title[:200]}"
    notice = Notice("muted", context.request.feed.feed_id, "", detail)
    return outcome._replace(notice=notice)
