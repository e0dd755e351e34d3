"""The matching index: what the event stage remembers of the window, and which reports may be of the same event.

Rules: every slot is posted (`chains`) under its entry id, event id, address, shingles, its rarest title and body
tokens, and pairs of its rarest title tokens. A query reads a bounded number of postings of each of its own keys, rarest
first. So adding, looking up and expiring cost the same in a window of any size.

An event is known by its number, the slot of its first report here. Only events of two reports or more have a Python
object. Changes are journalled: `rollback(mark())` undoes everything but expiry, which stays. A mark is good for
`JOURNAL` changes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zlib import crc32

import numpy as np

from aggregator.dedup.chains import Chains
from aggregator.dedup.fingerprint import Fingerprint
from aggregator.dedup.frequency import MAX_RARITY, Frequency
from aggregator.dedup.rows import RowStore, row
from aggregator.model import EPOCH, DedupSettings

TITLE_KEYS = 12
BODY_KEYS = 8
PAIR_KEYS = 3
SHINGLE_KEYS = 4
KEYS = 3 + TITLE_KEYS + BODY_KEYS + PAIR_KEYS + SHINGLE_KEYS
CHAIN = 24
"""Postings read of one key, newest first (a guess; see tests/bench/index_speed.py for what it costs)."""
STEPS = 240
"""Postings read for one query, rarest keys first."""
LEAST_WEIGHT = 6.0
"""Shared rarity below which a slot is no candidate: one word in 400 reports, or two in 20. About 5 % of the reports of
known events in ../shared/data have no true candidate above it."""
JOURNAL = 4096


@dataclass(slots=True)
class _Event:
    """An event of several reports: live slots in the order of joining, and the ids it goes by, its own first."""

    slots: list[int]
    ids: list[str] = field(default_factory=list)


def _key(salt: int, number: int) -> int:
    mixed = (number ^ salt) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
    return mixed >> 32 or 1


_ENTRY, _EVENT, _URL, _TOKEN, _PAIR, _SHINGLE = (
    crc32(name) for name in (b"entry", b"event", b"url", b"token", b"pair", b"shingle")
)


def _text_key(salt: int, text: str) -> int:
    return _key(salt, crc32(text.encode()) << 3)


def evidence(fingerprint: Fingerprint, frequency: Frequency, *, titles: int, bodies: int) -> list[tuple[int, float]]:
    """(key, weight) of what a fingerprint is found by: its rarest title and body tokens, title pairs and shingles."""
    f = fingerprint
    tokens = np.array(f.title_tokens + f.body_tokens, np.uint32)
    rarity = frequency.rarity(tokens, f.lang).tolist()
    count = len(f.title_tokens)
    title = sorted(zip(rarity[:count], f.title_tokens, strict=True), reverse=True)[:titles]
    body = sorted(zip(rarity[count:], f.body_tokens, strict=True), reverse=True)[:bodies]
    found = [(_key(_TOKEN, t), r) for r, t in title + body]
    rarest = title[:PAIR_KEYS]
    found += [(_key(_PAIR, a * b + a + b), (r + s) / 2) for i, (r, a) in enumerate(rarest) for s, b in rarest[i + 1 :]]
    half = SHINGLE_KEYS // 2
    chosen = f.shingles[:half] + f.shingles[-half:] if len(f.shingles) > SHINGLE_KEYS else f.shingles
    return found + [(_key(_SHINGLE, s), MAX_RARITY) for s in chosen]


class Index:
    """Fingerprints of the window with their events. See the module for the rules."""

    def __init__(self, settings: DedupSettings) -> None:
        self.window_seconds = int(settings.window.total_seconds())
        self.rows = RowStore()
        self.frequency = Frequency()
        self._chains = Chains(KEYS)
        self._events: dict[int, _Event] = {}
        self._numbers: dict[str, int] = {}
        self._journal: deque[Callable[[], None]] = deque(maxlen=JOURNAL)
        self._changes = 0

    def __len__(self) -> int:
        return len(self.rows)

    # --- changing ---------------------------------------------------------------------------------------------

    def add(self, fingerprint: Fingerprint, event_id: str) -> None:
        """Remember a report of `event_id`, an event known here or a new one."""
        new = row(fingerprint)
        tokens = np.array(fingerprint.title_tokens + fingerprint.body_tokens, np.uint32)
        count = len(fingerprint.title_tokens)
        keys = self._keys(fingerprint, event_id)
        number = self._number(event_id)
        slot = self.rows.append(new, event_id=event_id, event=self.rows.next if number is None else number)
        self._chains.push(slot, keys)
        if number is not None:
            self._event(number).slots.append(slot)
        self.frequency.add(tokens, tokens[:count], fingerprint.lang, fingerprint.site)

        def undo() -> None:
            self.frequency.add(tokens, tokens[:count], fingerprint.lang, fingerprint.site, amount=-1.0)
            if slot >= self.rows.oldest:
                self._leave(slot)
                self._chains.pop(slot)
                self.rows.take_back()

        self._record(undo)
        if self.frequency.is_due_to_age():
            self._record(self.frequency.age())

    def merge(self, survivor: str, absorbed: str) -> None:
        """Make the reports of `absorbed` reports of `survivor`; `absorbed` stays as another name of it.

        Raises KeyError when either is not known here.
        """
        into, gone = self._number(survivor), self._number(absorbed)
        if into is None or gone is None:
            raise KeyError(f"{survivor} or {absorbed} is not in the window")
        if into == gone:
            return
        target, source = self._event(into), self._event(gone)
        moved = list(source.slots)
        target.slots.extend(moved)
        target.ids.extend(source.ids)
        del self._events[gone]
        self._assign(moved, into, target.ids[0])
        self._numbers.update(dict.fromkeys(source.ids, into))

        def undo() -> None:
            source.slots[:] = [s for s in moved if s >= self.rows.oldest]
            target.slots[:] = [s for s in target.slots if s not in set(moved)]
            target.ids[:] = [i for i in target.ids if i not in source.ids]
            self._drop_if_empty(into)
            if source.slots:
                self._events[gone] = source
                self._assign(source.slots, gone, source.ids[0])
                self._numbers.update(dict.fromkeys(source.ids, gone))
            else:
                for name in source.ids:
                    self._numbers.pop(name, None)

        self._record(undo)

    def move(self, entry_id: str, event_id: str) -> None:
        """Make a report one of another event, known here or a new one. The event it leaves keeps its id.

        Raises KeyError when the entry is not known here.
        """
        slot = self.slot_of(entry_id)
        if slot is None:
            raise KeyError(f"{entry_id} is not in the window")
        number, into = self._number_of_left(slot), self._number(event_id)
        source = self._events[number]
        if into == number:
            return
        place = source.slots.index(slot)
        source.slots.pop(place)
        heir = self._renumbered(source, number, slot)
        into = slot if into is None else into
        target = self._events.get(into) if into == slot else self._event(into)
        if target is None:
            target = self._events[into] = _Event([], [event_id])
            self._numbers[event_id] = into
        target.slots.append(slot)
        self._assign([slot], into, target.ids[0])

        def undo() -> None:
            if slot < self.rows.oldest:
                return
            target.slots.remove(slot)
            self._drop_if_empty(into)
            self._events.pop(heir, None)
            source.slots.insert(min(place, len(source.slots)), slot)
            self._register(source, number)

        self._record(undo)

    def expire(self, now: datetime) -> int:
        """Forget what was first seen longer ago than the window; returns how many. Costs the same for each."""
        horizon = int((now - EPOCH).total_seconds()) - self.window_seconds
        before = self.rows.oldest
        while len(self.rows) and self.rows.one(self.rows.oldest)["first_seen"] < horizon:
            self._leave(self.rows.oldest)
            self.rows.drop_oldest()
        self._chains.drop_before(self.rows.oldest)
        return self.rows.oldest - before

    def mark(self) -> int:
        """A point to which `rollback` can return."""
        return self._changes

    def rollback(self, mark: int) -> None:
        """Undo every change since `mark` but expiry. Raises ValueError when the mark is too old, or of the future."""
        if not 0 <= self._changes - mark <= len(self._journal):
            raise ValueError(f"cannot go back to {mark} from {self._changes}: {len(self._journal)} changes are kept")
        while self._changes > mark:
            self._journal.pop()()
            self._changes -= 1

    def _record(self, undo: Callable[[], None]) -> None:
        self._journal.append(undo)
        self._changes += 1

    # --- asking -----------------------------------------------------------------------------------------------

    def slot_of(self, entry_id: str) -> int | None:
        """The slot of an entry of the window."""
        wanted = entry_id.encode()
        for slot in self._chains.slots(_text_key(_ENTRY, entry_id), oldest=self.rows.oldest, limit=CHAIN):
            if self.rows.one(slot)["entry_id"] == wanted:
                return slot
        return None

    def event_of(self, entry_id: str) -> str | None:
        """The event an entry of the window belongs to, None for an entry not here."""
        slot = self.slot_of(entry_id)
        return None if slot is None else self.event_id(self.event_number(slot))

    def reports_of(self, event_id: str) -> tuple[str, ...]:
        """The entry ids of an event's reports of the window, in the order of joining; none for an event not here."""
        number = self._number(event_id)
        slots = () if number is None else self.members(number)
        return tuple(bytes(self.rows.one(slot)["entry_id"]).decode() for slot in slots)

    def event_number(self, slot: int) -> int:
        return self.rows.event(slot)

    def event_id(self, number: int) -> str:
        """The id of an event by its number."""
        event = self._events.get(number)
        return event.ids[0] if event else self.rows.event_id(number)

    def members(self, number: int) -> Sequence[int]:
        """The live slots of an event, in the order of joining."""
        event = self._events.get(number)
        return event.slots if event else (number,)

    def same_url(self, fingerprint: Fingerprint) -> int | None:
        """The newest slot with the same address."""
        if not fingerprint.url:
            return None
        for slot in self._chains.slots(_key(_URL, fingerprint.url), oldest=self.rows.oldest, limit=CHAIN):
            if self.rows.one(slot)["url"] == fingerprint.url:
                return slot
        return None

    def candidates(self, fingerprint: Fingerprint, *, limit: int) -> list[tuple[int, float]]:
        """At most `limit` (slot, weight) that share most evidence with the fingerprint, heaviest first."""
        wanted = evidence(fingerprint, self.frequency, titles=TITLE_KEYS + 4, bodies=BODY_KEYS + 4)
        wanted.sort(key=lambda pair: -pair[1])
        weights: dict[int, float] = {}
        steps = STEPS
        for key, weight in wanted:
            before = len(weights)
            for slot in self._chains.slots(key, oldest=self.rows.oldest, limit=min(CHAIN, steps)):
                weights[slot] = weights.get(slot, 0.0) + weight
            steps -= len(weights) - before
            if steps <= 0:
                break
        likely = [pair for pair in weights.items() if pair[1] >= LEAST_WEIGHT]
        return sorted(likely, key=lambda pair: (-pair[1], -pair[0]))[:limit]

    # --- inside -----------------------------------------------------------------------------------------------

    def _keys(self, fingerprint: Fingerprint, event_id: str) -> list[int]:
        url = _key(_URL, fingerprint.url) if fingerprint.url else 0
        keys = [_text_key(_ENTRY, fingerprint.entry_id), _text_key(_EVENT, event_id), url]
        found = evidence(fingerprint, self.frequency, titles=TITLE_KEYS, bodies=BODY_KEYS)
        return (keys + [key for key, _ in found] + [0] * KEYS)[:KEYS]

    def _number(self, event_id: str) -> int | None:
        number = self._numbers.get(event_id)
        if number is not None:
            return number
        wanted = event_id.encode()
        for slot in self._chains.slots(_text_key(_EVENT, event_id), oldest=self.rows.oldest, limit=CHAIN):
            if self.rows.raw_event_id(slot) == wanted:
                return self.rows.event(slot)
        return None

    def _event(self, number: int) -> _Event:
        """The object of an event, made when a single report becomes several."""
        event = self._events.get(number)
        if event is None:
            event = self._events[number] = _Event([number], [self.rows.event_id(number)])
            self._numbers[event.ids[0]] = number
        return event

    def _assign(self, slots: Sequence[int], number: int, event_id: str) -> None:
        for slot in slots:
            self.rows.set_event(slot, number, event_id)

    def _number_of_left(self, slot: int) -> int:
        """The number of the event that a slot is about to leave, which has an object from now on."""
        number = self.rows.event(slot)
        self._event(number)
        return number

    def _renumbered(self, event: _Event, number: int, left: int) -> int:
        """The event's number after the slot `left` has left it: that slot's own number is free for another event."""
        if event.slots and number != left:
            return number
        self._drop(number, event)
        heir = event.slots[0] if event.slots else number
        if event.slots:
            self._register(event, heir)
        return heir

    def _register(self, event: _Event, number: int) -> None:
        self._events[number] = event
        self._assign(event.slots, number, event.ids[0])
        self._numbers.update(dict.fromkeys(event.ids, number))

    def _leave(self, slot: int) -> None:
        number = self.rows.event(slot)
        if number in self._events:
            self._events[number].slots.remove(slot)
            self._drop_if_empty(number)

    def _drop_if_empty(self, number: int) -> None:
        event = self._events[number]
        if not event.slots:
            self._drop(number, event)

    def _drop(self, number: int, event: _Event) -> None:
        del self._events[number]
        for name in event.ids:
            self._numbers.pop(name, None)
