"""The matching index: what the event stage remembers of the window, and which reports may be of the same event.

Rules: every report is posted (`postings`) under its rarest title and body tokens, pairs of its rarest title tokens and
some of its shingles; a query reads the newest reports of each of its own keys. It is found exactly (`chains`) by its
entry id, event id and address. Reports come in batches: those of a batch find one another, each the ones before it.
So adding, looking up and expiring cost the same in a window of any size.

An event is known by its number, the slot of its first report here. Only events of two reports or more have a Python
object.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice, pairwise
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from aggregator.dedup.chains import Chains
from aggregator.dedup.features import Counted, counted
from aggregator.dedup.fingerprint import TITLE_TOKENS, Fingerprint
from aggregator.dedup.frequency import MAX_RARITY, Frequency
from aggregator.dedup.neighbours import WordNeighbours
from aggregator.dedup.postings import DEPTH, Postings
from aggregator.dedup.rows import FIRST, MEANT_ROW, ROW, Rows, RowStore, row_array
from aggregator.dedup.runs import run_starts
from aggregator.model import EPOCH, DedupSettings

Floats = NDArray[np.float32]
Keys = NDArray[np.uint32]
Slots = NDArray[np.int64]

TITLE_KEYS = 12
BODY_KEYS = 8
MORE_KEYS = 4
"""A report is looked for under so many more of its title and body tokens than it is posted under, since the rarest of
two reports differ."""
PAIR_KEYS = 3
SHINGLE_KEYS = 4
_BODY_START = TITLE_KEYS + MORE_KEYS
_PAIR_START = _BODY_START + BODY_KEYS + MORE_KEYS
_KEYS_END = _PAIR_START + PAIR_KEYS + SHINGLE_KEYS
POSTED = np.r_[
    0:TITLE_KEYS,
    _BODY_START : _BODY_START + BODY_KEYS,
    _PAIR_START:_KEYS_END,
]
"""The columns of `Evidence` that a report is posted under."""
LEAST_WEIGHT = 6.0
"""Shared rarity below which a slot is no candidate: one word in 400 reports, or two in 20. About 5 % of the reports of
known events in ../shared/data have no true candidate above it."""
BATCH = 256
"""Reports that are taken together at most: more are hardly faster (tests/bench/index_speed.py)."""
SAME_URL = 8
"""Reports with one address that are looked at, the newest (a guess)."""
FRESH = 32
"""Statistics are brought up to date when the window has grown by one part in `FRESH`, or by `BATCH` reports: with
`BATCH` from the start on, B-cubed F1 of the 500 reports of ecbplus_en was 0.87 instead of 0.90 (bench/quality.py)."""
LEARNED_AT_ONCE = 1024
"""Reports learned together: four times as many take 40 MB more while it lasts (tests/bench/index_speed.py)."""
_WEIGHT_STEP = 1 / 64
"""Weights are added up in whole steps: what a number of 64 bits has room for beside a query and a slot."""


@dataclass(slots=True)
class _Event:
    """An event of several reports: live slots in the order of joining, and the ids it goes by, its own first."""

    slots: list[int]
    ids: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What reports are found by: (reports, columns) keys, 0 for none, and the rarity of each."""

    keys: Keys
    weights: Floats


_ENTRY, _EVENT, _URL, _TOKEN, _PAIR, _SHINGLE = (
    crc32(name) for name in (b"entry", b"event", b"url", b"token", b"pair", b"shingle")
)
_SALTS = np.repeat(
    np.array([_TOKEN, _PAIR, _SHINGLE], np.uint64),
    [_PAIR_START, PAIR_KEYS, SHINGLE_KEYS],
)
"""What tells the keys of one kind from those of another, for each column of `Evidence`."""
_GOLDEN = 0x9E3779B97F4A7C15
_HALF = np.uint64(32)
"""Bits of a key, and of the number packed beside one."""
_LOWER_HALF = np.uint64(0xFFFFFFFF)
_REPORT_BITS = np.uint64(16)
"""Room for the place of a report in its batch."""
_REPORT = np.uint64(0xFFFF)


def _key(salt: int, number: int) -> int:
    mixed = (number ^ salt) * _GOLDEN & 0xFFFFFFFFFFFFFFFF
    return mixed >> 32 or 1


def _keys(salts: int | NDArray[np.uint64], numbers: NDArray[np.uint64]) -> Keys:
    salted = numbers ^ np.asarray(salts, np.uint64)
    mixed = salted * np.uint64(_GOLDEN) >> _HALF
    keys: Keys = mixed.astype(np.uint32)
    # Never 0 for a number, since a key of 0 says that there is none.
    np.maximum(keys, 1, out=keys)
    keys[numbers == 0] = 0
    return keys


def _entry_key(entry_id: bytes) -> int:
    return _key(_ENTRY, crc32(entry_id) << 3)


def _event_key(event_id: str) -> int:
    return _key(_EVENT, crc32(event_id.encode()) << 3)


def _rarest(
    tokens: NDArray[np.uint32],
    rarity: Floats,
    count: int,
) -> tuple[NDArray[np.uint64], Floats]:
    """The `count` rarest tokens of each row, rarest first, with their rarities; 0 where there are no more."""
    # One sort of whole numbers instead of an argsort: the bits of floats from 0 up are in the order of the floats.
    bits = rarity.view(np.uint32).astype(np.uint64)
    packed = bits << _HALF | tokens
    packed.sort(axis=1)
    chosen = packed[:, : -count - 1 : -1]
    rarest_bits = (chosen >> _HALF).astype(np.uint32)
    return chosen & _LOWER_HALF, rarest_bits.view(np.float32)


@dataclass(frozen=True, slots=True)
class _InBatch:
    """Where each key of a batch was posted before in the batch itself.

    `rows` are ordered by key and then as they came; of the key in column c of report r they end before `ends[r, c]`,
    and the last `counts[r, c]` of them are of reports before r.
    """

    rows: Slots
    ends: Slots
    counts: Slots

    @classmethod
    def of(cls, keys: Keys) -> _InBatch:
        """Of (reports, columns) keys, 0 for none."""
        reports = np.arange(len(keys), dtype=np.uint64)[:, None]
        codes = keys.astype(np.uint64) << _REPORT_BITS | reports
        is_posted = keys[:, POSTED] > 0
        posted = codes[:, POSTED][is_posted]
        posted.sort()
        # A report may hold a key twice.
        posted = posted[run_starts(posted)]
        ends = np.searchsorted(posted, codes)
        first_codes = codes >> _REPORT_BITS << _REPORT_BITS
        starts = np.searchsorted(posted, first_codes)
        counts = np.where(keys > 0, ends - starts, 0)
        rows = posted & _REPORT
        return cls(rows.astype(np.int64), ends, counts)


def evidence(rows: Rows, frequency: Frequency) -> Evidence:
    """By what reports are found: their rarest title and body tokens, title pairs and shingles."""
    tokens = np.ascontiguousarray(rows["tokens"])
    # No -0.0: its bits are not in order.
    rarity = np.abs(frequency.rarity(tokens, rows["lang"]))
    title, title_rarity = _rarest(
        tokens[:, :TITLE_TOKENS],
        rarity[:, :TITLE_TOKENS],
        TITLE_KEYS + MORE_KEYS,
    )
    body, body_rarity = _rarest(
        tokens[:, TITLE_TOKENS:],
        rarity[:, TITLE_TOKENS:],
        BODY_KEYS + MORE_KEYS,
    )
    pairs, pair_rarity = _title_pairs(title, title_rarity)
    samples = _shingle_samples(rows["shingles"])
    numbers = np.concatenate([title, body, pairs, samples], 1)
    # Five words in a row that are the same are no chance, whatever the words.
    sample_rarity = np.full(samples.shape, MAX_RARITY, np.float32)
    weights = [title_rarity, body_rarity, pair_rarity, sample_rarity]
    return Evidence(_keys(_SALTS, numbers), np.concatenate(weights, 1))


def _title_pairs(
    title: NDArray[np.uint64],
    title_rarity: Floats,
) -> tuple[NDArray[np.uint64], Floats]:
    """The pairs of each title's three rarest tokens, 0 where one is missing, and the mean rarity of each."""
    left = title[:, [0, 0, 1]]
    right = title[:, [1, 2, 2]]
    # The same number for a pair in either order.
    pairs = np.where(
        right > 0,
        left * right + left + right,
        0,
    )
    rarity_sum = title_rarity[:, [0, 0, 1]] + title_rarity[:, [1, 2, 2]]
    return pairs, rarity_sum * np.float32(0.5)


def _shingle_samples(shingles: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """`SHINGLE_KEYS` of the shingles of each row: the first ones, which are of the lead, and the last ones."""
    held = (shingles > 0).sum(1)
    spare = np.maximum(held - SHINGLE_KEYS, 0)
    columns = np.arange(SHINGLE_KEYS) + spare[:, None]
    columns[:, : SHINGLE_KEYS // 2] = np.arange(SHINGLE_KEYS // 2)
    row = np.arange(len(shingles))[:, None]
    samples: NDArray[np.uint64] = shingles[row, columns].astype(np.uint64)
    return samples


def _counted_parts(rows: Rows) -> tuple[Keys, Keys, Keys, Keys]:
    """What statistics are made of: tokens, languages, title tokens and sites."""
    tokens = np.ascontiguousarray(rows["tokens"])
    return tokens, rows["lang"], tokens[:, :TITLE_TOKENS], rows["site"]


class Index:
    """Fingerprints of the window with their events. See the module for the rules."""

    def __init__(self, settings: DedupSettings) -> None:
        self.window_seconds = int(settings.window.total_seconds())
        self.rows = RowStore(MEANT_ROW if settings.meaning else ROW)
        self.frequency = Frequency()
        self.word_neighbours = WordNeighbours()
        self._postings = Postings()
        self._chains = Chains(3)
        self._events: dict[int, _Event] = {}
        self._numbers: dict[str, int] = {}
        self._unsettled: dict[int, tuple[int, int]] = {}
        """The keys of the entry id and the address of each report that is posted and not settled yet, by slot."""
        self._counted_end = FIRST
        """The first slot that is not in the statistics yet."""
        self._epoch_end = FIRST + 1
        """The first slot that is not judged by the statistics as they are."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def batch(self) -> int:
        """How many reports may be taken together now: those until the statistics are brought up to date again, none
        when they are due (`refresh`)."""
        return self._epoch_end - self.rows.next

    def counted(
        self,
        rows: Rows,
        slots: Slots | None = None,
    ) -> Counted:
        """Rows, of these slots or not posted yet, with what the stream knows of their words, each without itself."""
        # Only what is in the statistics is to be taken out of them.
        is_counted = None if slots is None else slots < self._counted_end
        return counted(rows, self.frequency, is_counted)

    # --- changing ---------------------------------------------------------------------------------------------

    def add(
        self,
        fingerprint: Fingerprint,
        event_id: str,
    ) -> None:
        """Remember a report of `event_id`, an event known here or a new one."""
        self.learn(row_array([fingerprint], self.rows.kind), [event_id])

    def learn(
        self,
        rows: Rows,
        event_ids: Sequence[str],
    ) -> None:
        """Remember reports, each of the event beside it, known here or new."""
        for start in range(0, len(rows), LEARNED_AT_ONCE):
            end = start + LEARNED_AT_ONCE
            part = rows[start:end]
            self.refresh()
            first = self.post(part, evidence(part, self.frequency))
            for slot, event_id in enumerate(event_ids[start:end], first):
                self.settle(slot, event_id)
        self._count()

    def post(
        self,
        rows: Rows,
        found_by: Evidence,
    ) -> int:
        """Take in reports whose events are still to be settled, one by one in order; returns the slot of the first.

        `assign_all` posts no more than `batch` of them at a time.
        """
        first = self.rows.append(rows)
        keys = found_by.keys[:, POSTED]
        self._postings.grow(len(self) * keys.shape[1])
        self._postings.post(keys, first_slot=first)
        entry_keys = [_entry_key(entry_id) for entry_id in rows["entry_id"].tolist()]
        # A report without an address of its own is not found by one.
        url_keys = _keys(_URL, rows["url"]).tolist()
        both = zip(entry_keys, url_keys, strict=True)
        self._unsettled.update(enumerate(both, first))
        return first

    def refresh(self) -> None:
        """Bring the statistics up to the newest report when that is due. In between they stand still, so that it makes
        no difference in which order, and in which batches, the reports of one epoch come: not when a batch is posted
        either, since what is compared late of its last reports is judged as what was compared at once."""
        if self.rows.next >= self._epoch_end:
            self._count()

    def _count(self) -> None:
        for rows in self.rows.views(self._counted_end, self.rows.next):
            self.frequency.add(*_counted_parts(rows))
        self._counted_end = self.rows.next
        grown = max(1, len(self) // FRESH)
        self._epoch_end = self.rows.next + min(BATCH, grown)

    def settle(
        self,
        slot: int,
        event_id: str,
    ) -> None:
        """Say which event a posted report is of, known here or new."""
        number = self.number_of(event_id)
        entry_key, url_key = self._unsettled.pop(slot)
        keys = (entry_key, _event_key(event_id), url_key)
        self._chains.push(slot, keys)
        if number is None:
            self.rows.set_event(slot, slot, event_id)
            return
        self.rows.set_event(slot, number, event_id)
        self._event(number).slots.append(slot)

    def merge(
        self,
        survivor: str,
        absorbed: str,
    ) -> None:
        """Make the reports of `absorbed` reports of `survivor`; `absorbed` stays as another name of it.

        Raises KeyError when either is not known here.
        """
        into = self.number_of(survivor)
        gone = self.number_of(absorbed)
        if into is None or gone is None:
            raise KeyError(f"{survivor} or {absorbed} is not in the window")
        # Said before: the two ids are names of one event.
        if into == gone:
            return
        target = self._event(into)
        source = self._event(gone)
        target.slots.extend(source.slots)
        target.ids.extend(source.ids)
        del self._events[gone]
        for slot in source.slots:
            self.rows.set_event(slot, into, target.ids[0])
        self._numbers.update(dict.fromkeys(source.ids, into))

    def move(
        self,
        entry_id: str,
        event_id: str,
    ) -> None:
        """Make a report one of another event, known here or new. Raises KeyError for an entry not in the window."""
        slot = self.slot_of(entry_id)
        if slot is None:
            raise KeyError(f"{entry_id} is not in the window")
        number = self.number_of(event_id)
        if number == self.rows.event(slot):
            return
        self._leave(slot)
        if number is None:
            # The slot itself may still be the number of the event it leaves.
            number = min(self._events, default=0)
            number = min(0, number) - 1
            self._events[number] = _Event([], [event_id])
            self._numbers[event_id] = number
        event = self._event(number)
        event.slots.append(slot)
        self.rows.set_event(slot, number, event.ids[0])

    def expire(self, now: datetime) -> int:
        """Forget what was first seen longer ago than the window; returns how many. Costs the same for each."""
        horizon = int((now - EPOCH).total_seconds()) - self.window_seconds
        before = self.rows.oldest
        oldest = self._oldest_since(horizon)
        for slot in range(before, oldest):
            self._leave(slot)
        # What was never counted cannot be taken out of the statistics.
        for rows in self.rows.views(
            before,
            min(oldest, self._counted_end),
        ):
            self.frequency.discard(*_counted_parts(rows))
        self._counted_end = max(self._counted_end, oldest)
        self._epoch_end = max(self._epoch_end, self.rows.next + 1)
        self.rows.drop_before(oldest)
        self._chains.drop_before(oldest)
        return oldest - before

    def _oldest_since(self, horizon: int) -> int:
        """The first live slot whose report was first seen at `horizon` or later; the next slot if none was."""
        oldest = self.rows.oldest
        while oldest < self.rows.next:
            seen = self.rows.first_seen(oldest, self.rows.next - oldest)
            late = np.flatnonzero(seen >= horizon)
            if len(late):
                return oldest + int(late[0])
            oldest += len(seen)
        return oldest

    # --- asking -----------------------------------------------------------------------------------------------

    def slot_of(self, entry_id: str) -> int | None:
        """The slot of an entry of the window."""
        wanted = entry_id.encode()
        key = _entry_key(wanted)
        # Compared in full, since two texts may have one key of 32 bits.
        for slot in self._chains.slots(key, oldest=self.rows.oldest):
            if self.rows.one(slot)["entry_id"] == wanted:
                return slot
        return None

    def event_of(self, entry_id: str) -> str | None:
        """The event an entry of the window belongs to, None for an entry not here."""
        slot = self.slot_of(entry_id)
        if slot is None:
            return None
        return self.event_id(self.event_number(slot))

    def number_of(self, event_id: str) -> int | None:
        """The number of an event of the window, by any of its ids."""
        number = self._numbers.get(event_id)
        if number is not None:
            return number
        wanted = event_id.encode()
        key = _event_key(event_id)
        for slot in self._chains.slots(key, oldest=self.rows.oldest):
            if self.rows.raw_event_id(slot) == wanted:
                return self.rows.event(slot)
        return None

    def reports_of(self, event_id: str) -> tuple[str, ...]:
        """The entry ids of an event's reports of the window, in the order of joining; none for an event not here."""
        number = self.number_of(event_id)
        if number is None:
            return ()
        rows = map(self.rows.one, self.members(number))
        return tuple(bytes(row["entry_id"]).decode() for row in rows)

    def event_number(self, slot: int) -> int:
        """The number, within this index, of the event that the report in `slot` was given to."""
        return self.rows.event(slot)

    def event_id(self, number: int) -> str:
        """The id of an event by its number."""
        event = self._events.get(number)
        # An event of one report has no object: its row knows its id.
        if event is None:
            return self.rows.event_id(number)
        return event.ids[0]

    def members(self, number: int) -> Sequence[int]:
        """The live slots of an event, in the order of joining."""
        event = self._events.get(number)
        if event is None:
            return (number,)
        return event.slots

    def has_several(self, number: int) -> bool:
        """Whether an event has, or had, more than one report of the window."""
        return number in self._events

    def are_lone(self, numbers: Iterable[int]) -> bool:
        """Whether each of these events has, and had, but one report of the window."""
        return self._events.keys().isdisjoint(numbers)

    def same_url(self, url: int) -> list[int]:
        """The newest slots, at most `SAME_URL`, with the same address, given as a fingerprint has it; newest first."""
        if not url:
            return []
        slots = self._chains.slots(
            _key(_URL, url),
            oldest=self.rows.oldest,
        )
        same = (slot for slot in slots if self.rows.one(slot)["url"] == url)
        return list(islice(same, SAME_URL))

    def candidates(
        self,
        found_by: Evidence,
        *,
        limit: int,
    ) -> list[list[int]]:
        """For each of at most `BATCH` reports about to be posted, at most `limit` slots that share most evidence with
        it, most first. A slot from `rows.next` on is a report of the batch itself, one before the report that asks.
        """
        in_batch = _InBatch.of(found_by.keys)
        query, slot, weight = self._posted(found_by, in_batch)
        query_too, slot_too, weight_too = self._in_batch(found_by, in_batch)
        return self._heaviest(
            np.concatenate([query, query_too]),
            np.concatenate([slot, slot_too]),
            np.concatenate([weight, weight_too]),
            count=len(found_by.keys),
            limit=limit,
        )

    # --- inside -----------------------------------------------------------------------------------------------

    def _posted(
        self,
        found_by: Evidence,
        in_batch: _InBatch,
    ) -> tuple[Slots, Slots, Floats]:
        """(query, slot, weight) of each posting found in the window: of a key the newest `DEPTH` less those that stand
        in the batch, as if these were posted already."""
        slots, there = self._postings.recent(
            found_by.keys,
            next_slot=self.rows.next,
            live=len(self),
        )
        room = DEPTH - np.minimum(in_batch.counts, DEPTH)
        # Candidates of a batch are to be those of its reports one by one, however many of them share a word.
        full = np.nonzero(there.sum(-1) > room)
        if len(full[0]):
            last = np.iinfo(np.int64).max
            ages = np.where(there[full], -slots[full], last)
            newest_first = np.argsort(ages, axis=-1)
            rank = np.argsort(newest_first, axis=-1)
            there[full] &= rank < room[full][:, None]
        # At once, since `nonzero` of three axes takes several times as long.
        found = np.flatnonzero(there)
        cell = found // DEPTH
        query = cell // found_by.keys.shape[1]
        return query, slots.take(found), found_by.weights.take(cell)

    def _in_batch(
        self,
        found_by: Evidence,
        in_batch: _InBatch,
    ) -> tuple[Slots, Slots, Floats]:
        """(query, slot, weight) of what a report shares with at most `DEPTH` others before it in the batch."""
        query = [np.zeros(0, np.int64)]
        other = [np.zeros(0, np.int64)]
        weight = [np.zeros(0, np.float32)]
        furthest = min(DEPTH, len(found_by.keys))
        for lag in range(1, furthest + 1):
            row, column = np.nonzero(in_batch.counts >= lag)
            if not len(row):
                break
            place = in_batch.ends[row, column] - lag
            query.append(row)
            other.append(in_batch.rows[place])
            weight.append(found_by.weights[row, column])
        return (
            np.concatenate(query),
            np.concatenate(other) + self.rows.next,
            np.concatenate(weight),
        )

    def _heaviest(
        self,
        query: Slots,
        slot: Slots,
        weight: Floats,
        *,
        count: int,
        limit: int,
    ) -> list[list[int]]:
        """Sums weights by (query, slot) and cuts. Sorts packed numbers: what NumPy does fastest."""
        if not len(query):
            return [[] for _ in range(count)]
        base = self.rows.oldest
        steps = np.round(weight / _WEIGHT_STEP).astype(np.uint64)
        places = (slot - base).astype(np.uint64)
        query_bits = query.astype(np.uint64) << np.uint64(48)
        packed = query_bits | places << np.uint64(12) | steps
        packed.sort()
        pair = packed >> np.uint64(12)
        starts = run_starts(pair)
        sums = np.add.reduceat(packed & np.uint64(0xFFF), starts)
        likely = sums >= LEAST_WEIGHT / _WEIGHT_STEP
        pair = pair[starts][likely]
        sums = sums[likely]
        # Ordered by query, then weight, then slot, the last two falling.
        place = np.uint64((1 << 36) - 1)
        query_bits = pair >> np.uint64(36) << np.uint64(52)
        weight_bits = (0xFFFF - sums) << np.uint64(36)
        ranks = query_bits | weight_bits | ~pair & place
        ranks.sort()
        queries = (ranks >> np.uint64(52)).astype(np.int64)
        slots = (~ranks & place).astype(np.int64) + base
        edges = np.searchsorted(queries, np.arange(count + 1)).tolist()
        return [
            slots[start : min(end, start + limit)].tolist()
            for start, end in pairwise(edges)
        ]

    def _event(self, number: int) -> _Event:
        """The object of an event, made when a single report becomes several."""
        event = self._events.get(number)
        if event is None:
            name = self.rows.event_id(number)
            event = _Event([number], [name])
            self._events[number] = event
            self._numbers[name] = number
        return event

    def _leave(self, slot: int) -> None:
        number = self.rows.event(slot)
        if number in self._events:
            self._events[number].slots.remove(slot)
            self._drop_if_empty(number)

    def _drop_if_empty(self, number: int) -> None:
        event = self._events[number]
        if not event.slots:
            del self._events[number]
            for name in event.ids:
                self._numbers.pop(name, None)
