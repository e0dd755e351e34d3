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
from aggregator.engine.codec import (
    EXAMPLE,
    RULING,
    RULING_ANSWER,
    RULING_REQUEST,
    Unreadable,
    decode,
)
from aggregator.engine.holds import NOT_LEADING
from aggregator.engine.outgoing import deliveries, message_arguments
from aggregator.engine.scripts import Argument, Engine, ms_or_now, text
from aggregator.errors import StaleToken
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
_MS = timedelta(milliseconds=1)
_COUNTED = {Kind.NEW: "split", Kind.JOINED: "split", Kind.MERGED: "merged"}


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
        keys = (self._keys.asked, self._keys.ruling(request.ruling_id))
        arguments = (
            request.ruling_id,
            wire.encode(request),
            wire.encode(_WAITING),
            ANSWER_KEPT // _MS,
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
            "XRANGE", self._keys.asked, "-", "+", "COUNT", 1
        )
        if not rows:
            return None
        [(stream_id, fields)] = rows
        ruling_id = text(fields.get(b"id", b"unnamed"))
        request = decode(RULING_REQUEST, fields)
        if isinstance(request, Unreadable):
            return Asked(text(stream_id), ruling_id, None, request.why)
        return Asked(text(stream_id), ruling_id, request)

    async def rule(
        self, token: int, publication: RulingPublication, *, now: datetime | None = None
    ) -> bool:
        """Applies a word whole and answers it; False: it has been answered before. Raises StaleToken."""
        keys, p = self._keys, publication
        first = (
            keys.leader,
            keys.asked,
            keys.rulings,
            keys.examples,
            keys.events,
            keys.reports,
        )
        places = (*first, keys.merged, keys.dropped, keys.ruling(p.ruling_id))
        head: list[Argument] = [
            keys.prefix,
            token,
            ms_or_now(now),
            self._engine.retention.events // _MS,
        ]
        head += [
            self._engine.retention.digest // _MS,
            self._engine.list_cap,
            p.stream_id,
            wire.encode(p.answer),
            ANSWER_KEPT // _MS,
        ]
        answer = await self._engine.script(
            "rule",
            places,
            [*head, *self._ruling_arguments(p, now or datetime.now(UTC))],
        )
        if text(answer) == "stale":
            raise StaleToken(NOT_LEADING)
        return text(answer) == "done"

    def _ruling_arguments(
        self, p: RulingPublication, pushed_at: datetime
    ) -> list[Argument]:
        ruling = p.ruling
        moved = ruling.entry_ids if ruling and ruling.verb is Verb.SPLIT else ()
        sent = deliveries(self._engine, p.messages, p.queued)
        counts = Counter(
            _COUNTED[message.kind] for message in p.messages if message.kind in _COUNTED
        )
        return [
            wire.encode(ruling) if ruling else "",
            ruling.event_id if ruling else "",
            *(len(moved), len(p.examples), len(p.events), len(sent), 2 * len(counts)),
            *moved,
            *(part for one in p.examples for part in (one.entry_id, wire.encode(one))),
            *(
                part
                for e in p.events
                for part in (e.event_id, wire.encode(e), e.merged_into)
            ),
            *(
                part
                for message, targets in sent
                for part in message_arguments(self._keys, message, targets, pushed_at)
            ),
            *(
                part
                for name, number in counts.items()
                for part in (f"reports:{name}", number)
            ),
        ]

    async def applied(self) -> list[Ruling]:
        """The operators' words that were applied and are still kept, oldest first.

        They name events as they were called then: see `EventStore.aliases`. What cannot be read is left out.
        """
        rows = await self._engine.command("XRANGE", self._keys.rulings, "-", "+")
        return self._engine.readable_rows(RULING, self._keys.rulings, rows)

    async def examples(self, entry_ids: Sequence[str]) -> dict[str, Example]:
        """The reports that rulings name, by entry id; those of which nothing is kept are missing."""
        found: dict[str, Example] = {}
        for start in range(0, len(entry_ids), 500):
            page = entry_ids[start : start + 500]
            answers = await self._engine.command("HMGET", self._keys.examples, *page)
            for name, value in zip(page, answers, strict=True):
                example = (
                    self._engine.readable(
                        EXAMPLE, f"{self._keys.examples} {name}", value
                    )
                    if value
                    else None
                )
                if example is not None:
                    found[name] = example
        return found
