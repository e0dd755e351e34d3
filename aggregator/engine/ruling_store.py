"""The operator's word on its way: asked, kept until an event worker leads, applied, answered, remembered.

Rules: whoever asks only appends a request, under an id that makes a repeat harmless; only the leading event worker
applies one, with its fencing token, and in one step with everything that follows from it: the records of the events,
the gates of the reports that moved, the messages, the answer. The stream of rulings is what the matching index is
rebuilt by (`fingerprints` in event_store.py), so what an operator said outlives restarts, rebuilds and crashes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aggregator.engine import wire
from aggregator.engine.back_pressure import raise_if_not_leading
from aggregator.engine.codec import (
    EXAMPLE,
    RULING,
    RULING_ANSWER,
    RULING_REQUEST,
    Unreadable,
    decode,
)
from aggregator.engine.outgoing import (
    counted,
    deliveries,
    event_arguments,
    message_arguments,
    report_counts,
)
from aggregator.engine.scripts import Argument, Engine, batches, ms_or_now, text
from aggregator.engine.wire import span_ms
from aggregator.model import (
    Example,
    Kind,
    Ruling,
    RulingAnswer,
    RulingPublication,
    RulingRequest,
    RulingState,
    Verb,
)

ANSWER_KEPT = timedelta(days=7)
"""How long an answer can be asked for; a guess: whoever asks waits seconds."""
_WAITING = RulingAnswer(RulingState.WAITING, "no event worker has answered yet")
PAGE = 500
"""Reports in one HMGET."""
_COUNTED = {
    Kind.NEW: "split",
    Kind.JOINED: "split",
    Kind.MERGED: "merged",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """The oldest request that waits. `request` is None, and `why` says it, when it cannot be read."""

    stream_id: str
    ruling_id: str
    request: RulingRequest | None
    why: str = ""


class RulingStore:
    """What operators asked, what was answered, and the rulings applied."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._keys = engine.keys

    async def ask(self, request: RulingRequest) -> bool:
        """Puts the word where the leading event worker finds it. False: it has been asked before."""
        keys = (
            self._keys.asked,
            self._keys.ruling(request.ruling_id),
        )
        arguments = (
            request.ruling_id,
            wire.encode(request),
            wire.encode(_WAITING),
            span_ms(ANSWER_KEPT),
        )
        return text(await self._engine.script("ask", keys, arguments)) == "done"

    async def answer(self, ruling_id: str) -> RulingAnswer | None:
        """What became of a request; None when nobody asked, or too long ago."""
        key = self._keys.ruling(ruling_id)
        [value] = await self._engine.many([("GET", key)])
        return self._engine.readable(RULING_ANSWER, key, value) if value else None

    async def asked_count(self) -> int:
        """Requests that wait for an event worker."""
        return int(await self._engine.command("XLEN", self._keys.asked))

    async def next_asked(self) -> Asked | None:
        """The oldest request that waits; the same one comes again until `rule` has answered it."""
        rows = await self._engine.command(
            "XRANGE",
            self._keys.asked,
            "-",
            "+",
            "COUNT",
            1,
        )
        if not rows:
            return None
        # One that cannot be read is answered, too, or it would stop those behind it.
        [(stream_id, fields)] = rows
        ruling_id = text(fields.get(b"id", b"unnamed"))
        request = decode(RULING_REQUEST, fields)
        if isinstance(request, Unreadable):
            return Asked(text(stream_id), ruling_id, None, request.why)
        return Asked(text(stream_id), ruling_id, request)

    async def rule(
        self,
        token: int,
        publication: RulingPublication,
        *,
        now: datetime | None = None,
    ) -> bool:
        """Applies a word whole and answers it; False: it has been answered before. Raises StaleToken."""
        keys = self._keys
        written = (
            keys.leader,
            keys.asked,
            keys.rulings,
            keys.examples,
            keys.events,
            keys.reports,
            keys.merged,
            keys.dropped,
            keys.ruling(publication.ruling_id),
        )
        arguments: list[Argument] = [
            keys.prefix,
            token,
            ms_or_now(now),
            span_ms(self._engine.retention.events),
            span_ms(self._engine.retention.digest),
            self._engine.list_cap,
            publication.stream_id,
            wire.encode(publication.answer),
            span_ms(ANSWER_KEPT),
            *counted(wire.MESSAGE_FIELDS),
        ]
        arguments += self._ruling_arguments(publication, now or datetime.now(UTC))
        answer = await self._engine.script("rule", written, arguments)
        raise_if_not_leading(answer)
        return text(answer) == "done"

    def _ruling_arguments(
        self,
        publication: RulingPublication,
        pushed_at: datetime,
    ) -> list[Argument]:
        moved = _moved(publication.ruling)
        sent = deliveries(self._engine, publication.messages, publication.queued)
        kinds = [message.kind for message in publication.messages]
        counts = Counter(_COUNTED[kind] for kind in kinds if kind in _COUNTED)
        stats = report_counts(counts)
        arguments: list[Argument] = [
            *_ruling_and_event(publication.ruling),
            len(moved),
            len(publication.examples),
            len(publication.events),
            len(sent),
            len(stats),
            *moved,
        ]
        for example in publication.examples:
            arguments += [example.entry_id, wire.encode(example)]
        arguments += event_arguments(publication.events)
        for message, targets in sent:
            arguments += message_arguments(self._keys, message, targets, pushed_at)
        return arguments + stats

    async def applied(self) -> list[Ruling]:
        """The operators' words that were applied and are still kept, oldest first.

        They name events as they were called then: see `EventStore.aliases`. What cannot be read is left out.
        """
        rows = await self._engine.command(
            "XRANGE",
            self._keys.rulings,
            "-",
            "+",
        )
        return self._engine.readable_rows(RULING, self._keys.rulings, rows)

    async def examples(
        self,
        entry_ids: Sequence[str],
    ) -> dict[str, Example]:
        """The reports that rulings name, by entry id; those of which nothing is kept are missing."""
        key = self._keys.examples
        examples: dict[str, Example] = {}
        for page in batches(entry_ids, PAGE):
            answers = await self._engine.command("HMGET", key, *page)
            values = zip(page, answers, strict=True)
            examples |= self._engine.readable_fields(EXAMPLE, key, values)
        return examples


def _ruling_and_event(ruling: Ruling | None) -> tuple[Argument, Argument]:
    """The ruling, and the event whose gates the moved reports get; '' of a request that was refused."""
    if ruling is None:
        return "", ""
    return wire.encode(ruling), ruling.event_id


def _moved(ruling: Ruling | None) -> tuple[str, ...]:
    """The reports whose gates name another event from now on."""
    # A join needs none: the absorbed event's id stays, as an alias.
    if ruling is None or ruling.verb is not Verb.SPLIT:
        return ()
    return ruling.entry_ids
