"""Which event an entry belongs to.

Rules, in order: the same address is the same event. Else the entry is compared with the reports that share most
evidence with it, and with a few more members of their events; a headline of its own source come again
(`features.is_recurring`), or filled in anew (`series`), speaks against the event. `joining` weighs what each event's
reports say and what speaks for other events, so that one lucky pair does not chain two events together. The best event
at or above `JOIN` is joined; the entry starts a new event otherwise: when unsure, do not merge. Other events that are
`MERGE` above it are absorbed, where their own reports are alike, too; for two big events more is asked. Events between
`RELATED` and `JOIN` are named as related.

Entries are taken in batches: candidates and comparisons of all are made at once, in arrays; then the events are
decided one entry after the other, each knowing the ones before it.

MERGE was chosen on ../shared/data, one setting for all sets, by four-fold cross-validation of an earlier forest, of 0.5
to 1.5. What the forests say is moved to fit JOIN (LEAN in tests/bench/train.py), by a look at families that no forest
learned from.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, compress, islice, repeat
from typing import NamedTuple

import numpy as np

from aggregator.dedup import learned
from aggregator.dedup.features import (
    COPY,
    INDEX,
    RECURRING,
    Compared,
    Counted,
    Floats,
    add_slow,
    adjusted,
    compared,
    quick_features,
)
from aggregator.dedup.fingerprint import Fingerprint
from aggregator.dedup.index import Evidence, Index, evidence
from aggregator.dedup.joining import (
    AWAY,
    BEST,
    CROWD,
    Pair,
    Standing,
    event_log_odds,
    lone_log_odds,
    support,
)
from aggregator.dedup.neighbours import neighbours
from aggregator.dedup.rows import Rows, has_meanings, row_array, times
from aggregator.dedup.series import Refill, of_a_series, refills
from aggregator.dedup.similarity import JOIN
from aggregator.dedup.trees import Model, score_of
from aggregator.model import Assignment, DedupSettings

CANDIDATES = 24
EVENTS = 8
MEMBERS = 8
"""At most so many events, and candidates of each, are compared (guesses; more cost time)."""
MERGE = 1.0
BETWEEN = 1.2
"""Log-odds above joining that the reports of two events must have among themselves, the mean of their best `BEST`
pairs, before one is absorbed: one report that is like two look-alikes does not make them one. By words alone B-cubed F1
of og2021 and ecbplus, in sample, was 0.712 and 0.847 with 0 and 0.698 and 0.854 with 1.2; of families.dev it stayed
0.906, at a precision of 0.979 and 0.982."""
RELATED = -1.5
MAX_RELATED = 5
HOPELESS = -2.5
"""Log-odds foretold by the gate from which on a pair is looked at more closely. Of the pairs that a day of ten outlets
brings up (tests/bench/outlets.py) 58 in 100 are below, of families.dev 24, none of them one that the forest would have
joined (1,511). With -2.0 they are 67 and 29, one of these among them, and B-cubed F1 of tw_day_zh, in sample, is 0.948
instead of 0.959."""
AHEAD = 16
"""Entries whose comparisons are made with those that one before them lacks: of 2,000 of og2021_multi in batches of 256
there are 368 comparisons without, 161 with 16, 154 with 64, and a seventh less time."""
PAIRS_AT_ONCE = 1024
"""Pairs whose features are made together: more of them leave the processor's cache (a guess)."""
_UNLIKE = Pair(-math.inf, False, False)


class Scored(NamedTuple):
    """An event against the entry: its log-odds beside the others, what its own reports say, and its best member."""

    number: int
    log_odds: float
    support: float
    size: int
    best_slot: int
    best: Pair

    @property
    def score(self) -> float:
        """Of the log odds, in 0..1."""
        return score_of(self.log_odds)


def assign(
    fingerprint: Fingerprint,
    index: Index,
    settings: DedupSettings,
    *,
    model: Model | None = None,
    join_at: float | None = None,
) -> Assignment:
    """The event of an entry, asked of an index that is not changed. `event_id` None asks for a new event.

    `model` stands in for the shipped one, for cross-validation; `join_at` (log-odds) for the strictness, in a sweep.
    """
    rows = row_array([fingerprint], index.rows.kind)
    found_by = evidence(rows, index.frequency)
    batch = Batch(rows, found_by, index, model or learned.model())
    return batch.assigned(0, _join(settings, join_at))


def assign_all(
    prints: Sequence[Fingerprint],
    index: Index,
    settings: DedupSettings,
    *,
    new_event: Callable[[str], str],
    obey: Callable[[Fingerprint, Assignment], Assignment] = lambda _, answer: answer,
    join_at: float | None = None,
) -> Iterator[Assignment]:
    """The event of each entry in order, each put into the index before the next one is asked for.

    `new_event` names the event that an entry (by its id) starts. `obey` may change an answer before it takes effect.
    `join_at` (log-odds) stands in for the strictness, in a sweep.
    """
    join = _join(settings, join_at)
    start = 0
    while start < len(prints):
        # The index says how many it takes at once: its statistics stand still within a batch.
        index.refresh()
        some = prints[start : start + index.batch]
        rows = row_array(some, index.rows.kind)
        found_by = evidence(rows, index.frequency)
        batch = Batch(rows, found_by, index, learned.model())
        first = index.post(rows, found_by)
        batch.foresee(join)
        for i, fingerprint in enumerate(some):
            answer = obey(fingerprint, batch.assigned(i, join))
            event_id = answer.event_id or new_event(answer.entry_id)
            index.settle(first + i, event_id)
            # Before the merge, while the absorbed ones still have their numbers.
            batch.touch(first + i, answer.absorbs)
            for absorbed in answer.absorbs:
                index.merge(event_id, absorbed)
            yield answer
        start += len(some)


def _join(settings: DedupSettings, join_at: float | None) -> float:
    """The log-odds from which on an event is joined."""
    if join_at is not None:
        return join_at
    return JOIN[settings.strictness]


def candidates(
    rows: Rows,
    found_by: Evidence,
    index: Index,
) -> list[list[int]]:
    """For each row, about to be posted, the slots to compare it with: the likest in meaning, where that is known, then
    those that share most evidence."""
    by_evidence = index.candidates(found_by, limit=CANDIDATES)
    if has_meanings(rows):
        alike = neighbours(rows, index.rows)
    else:
        alike = index.word_neighbours.of(rows, index.rows)
    # A dict keeps the order of what is put in first.
    return [
        list(dict.fromkeys([*near, *sharing]))
        for near, sharing in zip(alike, by_evidence, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Foreseen:
    """What entries of a batch will most likely make of events: the event of each slot that joins one, and the slots
    that join each event. `touched` are the numbers of plans that change by it: of these events, and of the slots, which
    stood for themselves."""

    events: dict[int, int] = field(default_factory=dict)
    joining: dict[int, list[int]] = field(default_factory=dict)
    touched: set[int] = field(default_factory=set)
    between: list[tuple[int, int]] = field(default_factory=list)
    """Pairs of reports of events that will be asked whether they are one."""

    def join(
        self,
        slot: int,
        number: int,
    ) -> None:
        self.events[slot] = number
        self.joining.setdefault(number, []).append(slot)
        self.touched.update((slot, number))


class Batch:
    """Entries against an index: compared all at once, then asked for in order."""

    def __init__(
        self,
        rows: Rows,
        found_by: Evidence,
        index: Index,
        model: Model,
    ) -> None:
        self._rows = rows
        self._index = index
        self._model = model
        self._first = index.rows.next
        self._at: list[int] = times(rows).tolist()
        self._queries = index.counted(rows)
        self._candidates = self._near(candidates(rows, found_by, index))
        self._plans = self._first_plans()
        self._pairs: list[dict[int, Pair]] = [{} for _ in self._at]
        self._likest = np.full(len(self._at), -math.inf)
        """The log-odds of each entry's best pair so far."""
        self._refills: list[dict[int, Refill]] = [{} for _ in self._at]
        self._touched: set[int] = set()
        self._between: dict[tuple[int, int], float] = {}
        """The log-odds of pairs of reports that were compared to tell whether two events are one."""
        wanted: list[tuple[int, int]] = []
        for i, plan in enumerate(self._plans):
            wanted += self._missing(i, plan)
        self._compare(wanted)

    def foresee(self, join: float) -> None:
        """Compare at once what entries will be asked for when those before them have joined their events.

        For the reports just posted. Which event each will join is guessed: by its best pair so far. A wrong guess costs
        a comparison more, since what `assigned` lacks it compares itself.
        """
        foreseen = _Foreseen()
        wanted: list[tuple[int, int]] = []
        last_asking: dict[int, int] = {}
        for i, plan in enumerate(self._plans):
            last_asking.update(dict.fromkeys(plan, i))
        for i, plan in enumerate(self._plans):
            if not plan.keys().isdisjoint(foreseen.touched):
                plan = self._members(i, foreseen)
                wanted += self._missing(i, plan)
            slot = self._first + i
            # In a small batch nearly always nobody asks for what this one will change.
            asking = map(last_asking.get, (slot, *plan), repeat(-1))
            if max(asking) <= i:
                continue
            number = self._likeliest(i, plan, foreseen, join)
            if number is not None:
                foreseen.join(slot, number)
        self._compare(wanted)
        self._compare_between(foreseen.between)

    def _likeliest(
        self,
        i: int,
        plan: dict[int, list[int]],
        foreseen: _Foreseen,
        join: float,
    ) -> int | None:
        """The event that an entry will most likely join, by the pairs that were compared; None: none of them."""
        # Most entries are like nothing: none of their events is looked at more closely.
        if self._likest[i] < join:
            return None
        pairs = self._pairs[i]
        known: dict[int, list[Pair]] = {}
        for number, slots in plan.items():
            compared_pairs = [pairs[slot] for slot in slots if slot in pairs]
            best = max(compared_pairs, default=_UNLIKE)
            # What is out of the question is no rival either.
            if best.log_odds > AWAY:
                known[number] = compared_pairs
        # The best pair may be with a report that the plan has left out meanwhile.
        if max(chain.from_iterable(known.values()), default=_UNLIKE).log_odds < join:
            return None
        numbers = list(known)
        standings: list[Standing] = []
        for number, compared_pairs in known.items():
            size = len(self._index.members(number))
            size += len(foreseen.joining.get(number, ()))
            standings.append(Standing(compared_pairs, size))
        log_odds = event_log_odds(standings, self._model.joining)
        likeliest = max(log_odds)
        if likeliest < join:
            return None
        number = numbers[log_odds.index(likeliest)]
        self._foresee_merges(
            number, dict(zip(known, standings, strict=True)), foreseen, join
        )
        return number

    def _foresee_merges(
        self,
        number: int,
        standings: Mapping[int, Standing],
        foreseen: _Foreseen,
        join: float,
    ) -> None:
        """Note what is to be compared when an entry joins the event of this number: which others it may absorb."""
        size = standings[number].size
        own = self._newest(number, foreseen)
        for other, standing in standings.items():
            if other == number:
                continue
            supported = support(standing)
            if _may_be_absorbed(supported, standing.size, size, join):
                theirs = self._newest(other, foreseen)
                foreseen.between.extend(_crossed(own, theirs))

    def standings(self, i: int) -> dict[int, Standing]:
        """The events, by number, that entry `i` is weighed against as the index stands now."""
        plan = self._judged(i)
        return dict(zip(plan, self._standings(i, plan), strict=True))

    def touch(
        self,
        slot: int,
        absorbed: Sequence[str],
    ) -> None:
        """Say that the members of events are no longer what they were when the batch was compared: a report of the
        batch is settled, and will bring events to be absorbed."""
        number = self._index.event_number(slot)
        # A report that starts an event stands for itself, as it did before.
        if number == slot and not absorbed:
            return
        self._touched |= {slot, number}
        for name in absorbed:
            absorbed_number = self._index.number_of(name)
            if absorbed_number is not None:
                self._touched.add(absorbed_number)

    def assigned(
        self,
        i: int,
        join: float,
    ) -> Assignment:
        """The event of entry `i`, as the index stands now; see the module for the rules."""
        index = self._index
        entry_id = bytes(self._rows[i]["entry_id"]).decode()
        twin = self._twin(i)
        if twin is not None:
            return Assignment(
                entry_id=entry_id,
                event_id=index.event_id(index.event_number(twin)),
                score=1.0,
                reason="same_url",
                best_entry_id=_entry_id(index, twin),
            )
        scored = self._scored(i)
        if not scored or scored[0].log_odds < join:
            return _new(entry_id, index, scored)
        best = scored[0]
        absorbed = self._absorbed(best, scored[1:], join)
        rest = [event for event in scored[1:] if event not in absorbed]
        return Assignment(
            entry_id=entry_id,
            event_id=index.event_id(best.number),
            score=best.score,
            reason=_reason(best.best),
            best_entry_id=_entry_id(index, best.best_slot),
            is_copy=best.best.is_copy,
            absorbs=tuple(index.event_id(event.number) for event in absorbed),
            related=_related(index, rest),
        )

    # --- inside -----------------------------------------------------------------------------------------------

    def _scored(self, i: int) -> list[Scored]:
        """The events that may be the entry's, best first; ties go to the event that started first.

        The best one is always named, others from `RELATED` on.
        """
        pairs = self._pairs[i]
        plan = _in_question(self._judged(i), pairs)
        if self._index.are_lone(plan):
            return self._scored_lone(plan, pairs)
        numbers = list(plan)
        standings = self._standings(i, plan)
        log_odds = event_log_odds(standings, self._model.joining)
        against = map(operator.neg, log_odds)
        order = sorted(zip(against, numbers, range(len(numbers)), strict=True))
        scored: list[Scored] = []
        for _, number, place in order:
            standing = standings[place]
            # What is out of the question is not related either.
            if scored and standing.best <= AWAY:
                continue
            supported = support(standing)
            if scored and supported < RELATED:
                continue
            best = max(plan[number], key=lambda slot: pairs[slot].log_odds)
            event = Scored(
                number,
                log_odds[place],
                supported,
                standing.size,
                best,
                pairs[best],
            )
            scored.append(event)
        return scored

    def _scored_lone(
        self,
        plan: dict[int, list[int]],
        pairs: dict[int, Pair],
    ) -> list[Scored]:
        """The same of events of one report each: its pair is all that there is to say of one."""
        slots = [members[0] for members in plan.values()]
        judged = [pairs[slot] for slot in slots]
        log_odds = lone_log_odds(judged, self._model.joining)
        against = map(operator.neg, log_odds)
        order = sorted(zip(against, plan, slots, judged, strict=True))
        scored: list[Scored] = []
        for lost, number, slot, pair in order:
            if scored and pair.log_odds < RELATED:
                continue
            event = Scored(
                number,
                -lost,
                pair.log_odds,
                1,
                slot,
                pair,
            )
            scored.append(event)
        return scored

    def _standings(self, i: int, plan: dict[int, list[int]]) -> list[Standing]:
        """The events of a plan, all of whose slots were compared, in its order."""
        pairs = self._pairs[i]
        found: list[Standing] = []
        for number, members in plan.items():
            size = len(self._index.members(number))
            found.append(Standing([pairs[slot] for slot in members], size))
        return found

    def _judged(self, i: int) -> dict[int, list[int]]:
        """The slots of each event that the entry is weighed against, all of them compared with it."""
        plan, pairs = self._plans[i], self._pairs[i]
        judged = [plan]
        # Where nothing of the plan was touched it is what it was: reports that started events stand for themselves.
        if not plan.keys().isdisjoint(self._touched):
            plan = self._members(i, _Foreseen())
            wanted = self._missing(i, plan)
            if wanted:
                self._compare([*wanted, *self._ahead(i)])
            judged.append(plan)
        for slot in self._of_a_series(i, judged):
            pairs[slot] = pairs[slot]._replace(log_odds=RECURRING)
        return plan

    def _ahead(self, i: int) -> list[tuple[int, int]]:
        """What the entries behind this one lack as the index stands now: an event that changed is often theirs, too,
        and a few pairs more cost little beside a comparison of their own."""
        wanted: list[tuple[int, int]] = []
        end = min(i + 1 + AHEAD, len(self._plans))
        for later in range(i + 1, end):
            if not self._plans[later].keys().isdisjoint(self._touched):
                plan = self._members(later, _Foreseen())
                wanted += self._missing(later, plan)
        return wanted

    def _of_a_series(
        self,
        i: int,
        plans: Iterable[dict[int, list[int]]],
    ) -> set[int]:
        """The slots of these plans whose headlines are of one template with the entry's."""
        # Most entries have no headline beside them that is filled in anew.
        if not self._refills[i]:
            return set()
        judged: set[int] = set()
        for plan in plans:
            judged.update(*plan.values())
        # What was compared by a wrong guess alone is no part of a series.
        refilled = [
            (slot, refill)
            for slot, refill in self._refills[i].items()
            if slot in judged
        ]
        return of_a_series(refilled, self._index.event_number)

    def _absorbed(
        self,
        best: Scored,
        rivals: Sequence[Scored],
        join: float,
    ) -> list[Scored]:
        """Those of the rivals that the event which the entry joins will absorb."""
        likely: list[Scored] = []
        for event in rivals:
            if _may_be_absorbed(
                event.support,
                event.size,
                best.size,
                join,
            ):
                likely.append(event)
        if not likely:
            return []
        return list(compress(likely, self._are_one(best, likely, join)))

    def _are_one(
        self,
        event: Scored,
        others: Sequence[Scored],
        join: float,
    ) -> list[bool]:
        """Whether the newest reports of an event and of each of the others are of one by themselves, without the entry
        that is like both."""
        nothing = _Foreseen()
        own = self._newest(event.number, nothing)
        wanted: list[list[tuple[int, int]]] = []
        for other in others:
            theirs = self._newest(other.number, nothing)
            wanted.append(_crossed(own, theirs))
        self._compare_between(chain.from_iterable(wanted))
        answers: list[bool] = []
        for pairs in wanted:
            log_odds = sorted(map(self._between.__getitem__, pairs))
            likest = np.array(log_odds[-BEST:], np.float32)
            answers.append(float(likest.mean()) >= join + BETWEEN)
        return answers

    def _newest(
        self,
        number: int,
        foreseen: _Foreseen,
    ) -> list[int]:
        """The newest slots of an event, at most `MEMBERS`."""
        slots = [*self._index.members(number), *foreseen.joining.get(number, ())]
        return slots[-MEMBERS:]

    def _compare_between(self, wanted: Iterable[tuple[int, int]]) -> None:
        """Score pairs of (slot, slot) into `_between`."""
        lacking = [pair for pair in dict.fromkeys(wanted) if pair not in self._between]
        for start in range(0, len(lacking), PAIRS_AT_ONCE):
            some = lacking[start : start + PAIRS_AT_ONCE]
            places: dict[int, int] = {}
            which = [places.setdefault(slot, len(places)) for slot, _ in some]
            pairs = compared(
                self._others(list(places)),
                np.array(which, np.intp),
                self._others([slot for _, slot in some]),
            )
            log_odds = self._log_odds(quick_features(pairs), pairs)
            self._between.update(zip(some, log_odds.tolist(), strict=True))

    def _missing(
        self,
        i: int,
        plan: dict[int, list[int]],
    ) -> list[tuple[int, int]]:
        """The pairs of an entry's plan that were not compared yet."""
        pairs = self._pairs[i]
        wanted: list[tuple[int, int]] = []
        for slots in plan.values():
            wanted += [(i, slot) for slot in slots if slot not in pairs]
        return wanted

    def _first_plans(self) -> list[dict[int, list[int]]]:
        """The plan of each entry before any report of the batch is posted."""
        rows = self._index.rows
        flat = np.fromiter(chain.from_iterable(self._candidates), np.int64)
        numbers = flat.copy()
        posted = flat < rows.next
        # A report of this batch stands for itself.
        numbers[posted] = rows.events_at(flat[posted])
        each = numbers.tolist()
        nothing = _Foreseen()
        plans: list[dict[int, list[int]]] = []
        start = 0
        for i, slots in enumerate(self._candidates):
            end = start + len(slots)
            plans.append(self._plan(i, each[start:end], nothing))
            start = end
        return plans

    def _members(
        self,
        i: int,
        foreseen: _Foreseen,
    ) -> dict[int, list[int]]:
        """The plan of an entry of a batch that is posted, as the index stands now."""
        event = self._index.rows.event
        numbers: list[int] = []
        for slot in self._candidates[i]:
            number = foreseen.events.get(slot)
            numbers.append(event(slot) if number is None else number)
        return self._plan(i, numbers, foreseen)

    def _plan(
        self,
        i: int,
        numbers: Iterable[int],
        foreseen: _Foreseen,
    ) -> dict[int, list[int]]:
        """The slots to compare with, by event: candidates, of which the numbers of the events are given, and further
        members of these events."""
        chosen: dict[int, list[int]] = {}
        told = zip(self._candidates[i], numbers, strict=True)
        for slot, number in told:
            members = chosen.get(number)
            if members is None:
                chosen[number] = [slot]
                if len(chosen) == EVENTS:
                    break
            elif len(members) < MEMBERS:
                members.append(slot)
        # Most events are one report, which is chosen already.
        is_joined = not foreseen.joining.keys().isdisjoint(chosen)
        if is_joined or not self._index.are_lone(chosen):
            self._fill(i, chosen, told, foreseen)
        return chosen

    def _fill(
        self,
        i: int,
        chosen: dict[int, list[int]],
        told: Iterable[tuple[int, int]],
        foreseen: _Foreseen,
    ) -> None:
        """Add further reports to the chosen events of several: of the candidates told, then the newest."""
        several: dict[int, list[int]] = {}
        for number, members in chosen.items():
            if number in foreseen.joining or self._index.has_several(number):
                several[number] = members
        for slot, number in told:
            if number in several and len(several[number]) < MEMBERS:
                several[number].append(slot)
        for number, members in several.items():
            if len(members) < BEST:
                self._add_newest(i, number, foreseen, members)

    def _add_newest(
        self,
        i: int,
        number: int,
        foreseen: _Foreseen,
        members: list[int],
    ) -> None:
        """Fill up to `BEST`, with the newest reports of the event."""
        joining = foreseen.joining.get(number, ())
        reports = self._index.members(number)
        for slot in chain(reversed(joining), reversed(reports)):
            if len(members) >= BEST:
                return
            if slot not in members and self._is_near(i, slot):
                members.append(slot)

    def _twin(self, i: int) -> int | None:
        """The newest report of the window with the same address, where an address names one report.

        A feed that gives one address to several of its entries names a page by it, and these are told apart by what
        they say (advisories that all link to "/upcoming/").
        """
        row = self._rows[i]
        slots: list[int] = []
        feeds = [int(row["feed"])]
        for slot in self._index.same_url(int(row["url"])):
            if self._is_recent(i, slot):
                slots.append(slot)
                feeds.append(int(self._index.rows.one(slot)["feed"]))
        named = [feed for feed in feeds if feed]
        if slots and len(set(named)) == len(named):
            return slots[0]
        return None

    def _is_recent(
        self,
        i: int,
        slot: int,
    ) -> bool:
        """Whether a report was in the window when this one was first seen: a batch may be longer than it is recent."""
        seen = int(self._rows[i]["first_seen"])
        seen_before = int(self._index.rows.one(slot)["first_seen"])
        return seen - seen_before <= self._index.window_seconds

    def _near(self, slots: list[list[int]]) -> list[list[int]]:
        """Of the slots for each entry those that are near enough in time (`_is_near`)."""
        counts = [len(some) for some in slots]
        flat = np.fromiter(chain.from_iterable(slots), np.int64, sum(counts))
        own = np.array(self._at, np.int64)
        at = np.empty(len(flat), np.int64)
        in_batch = flat >= self._first
        at[in_batch] = own[flat[in_batch] - self._first]
        at[~in_batch] = self._index.rows.times_at(flat[~in_batch])
        is_near = np.abs(at - own.repeat(counts)) <= self._index.window_seconds
        # Nearly always: what the window holds is no older than it is long.
        if is_near.all():
            return slots
        flags = iter(is_near.tolist())
        return [list(compress(some, islice(flags, len(some)))) for some in slots]

    def _is_near(
        self,
        i: int,
        slot: int,
    ) -> bool:
        """Whether two reports are near enough in time to be of one event; without a stated time, by when first seen."""
        if slot >= self._first:
            at = self._at[slot - self._first]
        else:
            at = self._index.rows.at(slot)
        return abs(self._at[i] - at) <= self._index.window_seconds

    def _compare(
        self,
        wanted: Sequence[tuple[int, int]],
    ) -> None:
        """Score pairs of (entry, slot), in the order of the entries, into `_pairs`."""
        for start in range(0, len(wanted), PAIRS_AT_ONCE):
            some = wanted[start : start + PAIRS_AT_ONCE]
            which = np.array([i for i, _ in some], np.intp)
            others = self._others([slot for _, slot in some])
            # Only of the entries that are asked for: tables are made of each one's tokens.
            first, last = some[0][0], some[-1][0]
            queries = self._queries[first : last + 1]
            pairs = compared(queries, which - first, others)
            table = quick_features(pairs)
            log_odds = self._log_odds(table, pairs)
            np.maximum.at(self._likest, which, log_odds)
            found = map(
                Pair,
                log_odds.tolist(),
                (table[:, INDEX["shingles_shared"]] >= COPY).tolist(),
                (table[:, INDEX["same_site"]] == 1).tolist(),
                (table[:, INDEX["namesakes"]] > 0).tolist(),
            )
            for (i, slot), pair in zip(some, found, strict=True):
                self._pairs[i][slot] = pair
            for at, refill in refills(
                table, pairs.query, pairs.others, self._index.frequency
            ):
                i, slot = some[at]
                self._refills[i][slot] = refill

    def _others(self, slots: Sequence[int]) -> Counted:
        """The rows of slots, some of which may be of this batch and not posted yet."""
        wanted = np.array(slots, np.int64)
        own = np.flatnonzero(wanted >= self._first)
        if not len(own):
            return self._index.counted(self._index.rows.many(wanted), wanted)
        rows = np.empty(len(wanted), self._rows.dtype)
        rows[own] = self._rows[wanted[own] - self._first]
        old = np.flatnonzero(wanted < self._first)
        rows[old] = self._index.rows.many(wanted[old])
        return self._index.counted(rows, wanted)

    def _log_odds(
        self,
        table: Floats,
        pairs: Compared,
    ) -> Floats:
        """The gate's log-odds of the hopeless, the whole model's of the others, whose slow features are added."""
        log_odds = self._model.gate.log_odds(table)
        hopeful = np.flatnonzero(log_odds > HOPELESS)
        if len(hopeful):
            add_slow(table, pairs, hopeful)
            log_odds[hopeful] = self._model.log_odds(table[hopeful])
        return adjusted(log_odds, table)


def _in_question(
    plan: dict[int, list[int]],
    pairs: Mapping[int, Pair],
) -> dict[int, list[int]]:
    """The events of a plan that are not out of the question; where all are, the likest of them, which is named."""
    found: dict[int, list[int]] = {}
    for number, slots in plan.items():
        for slot in slots:
            pair = pairs[slot]
            # What is lost by a namesake an event may get back.
            if pair.log_odds > AWAY or pair.is_namesake:
                found[number] = slots
                break
    if found or not plan:
        return found
    falling: list[tuple[float, int]] = []
    for number, slots in plan.items():
        best = max(pairs[slot].log_odds for slot in slots)
        falling.append((-best, number))
    _, likest = min(falling)
    return {likest: plan[likest]}


def _may_be_absorbed(
    supported: float,
    size: int,
    best_size: int,
    join: float,
) -> bool:
    """Whether an event of this size and support is to be compared with the event that the entry joins."""
    # One report that is like both does not bring two big events together so easily as two small ones.
    crowd = CROWD * math.log2(min(size, best_size))
    return supported >= join + MERGE + crowd


def _crossed(
    slots: Sequence[int],
    others: Sequence[int],
) -> list[tuple[int, int]]:
    """Each of the slots beside each of the others, the older one first."""
    pairs: list[tuple[int, int]] = []
    for slot in slots:
        for other in others:
            pairs.append((min(slot, other), max(slot, other)))
    return pairs


def _reason(best: Pair) -> str:
    """Why an event is joined, by its member that is most like the entry."""
    if best.is_copy:
        return "copy"
    if best.is_same_site:
        return "update"
    return "similar"


def _entry_id(index: Index, slot: int) -> str:
    return bytes(index.rows.one(slot)["entry_id"]).decode()


def _related(index: Index, scored: Sequence[Scored]) -> tuple[str, ...]:
    near = [event for event in scored if event.support >= RELATED]
    return tuple(index.event_id(event.number) for event in near[:MAX_RELATED])


def _new(
    entry_id: str,
    index: Index,
    scored: Sequence[Scored],
) -> Assignment:
    best = scored[0] if scored else None
    return Assignment(
        entry_id=entry_id,
        event_id=None,
        score=best.score if best else 0.0,
        reason="new",
        best_entry_id=_entry_id(index, best.best_slot) if best else "",
        related=_related(index, scored),
    )
