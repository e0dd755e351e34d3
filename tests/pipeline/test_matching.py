"""The index under operators' words: whatever comes in whatever order, the last word on two reports stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.dedup.apart import apart_of
from aggregator.dedup.backtest import entry_of
from aggregator.dedup.fingerprint import Fingerprint
from aggregator.model import EPOCH, DedupSettings, FingerprintRecord, Ruling, Verb
from aggregator.pipeline.matching import Matcher
from aggregator.pipeline.reporting import event_id_of

SETTINGS = DedupSettings()
BODY = (
    "The ferry Talofa left the harbour of Apia on Friday evening with forty passengers and a crew of six. Two hours "
    "later it sent a call for help, and a fishing boat that reached the place found people clinging to life rafts. "
    "The coast guard said thirty-one had been brought ashore by morning and that divers were on their way."
)
TEXTS = [
    ("Ferry Talofa sinks off Samoa with 40 aboard", BODY),
    ("Ferry Talofa sinks off Samoa, 40 were aboard", BODY),
    (
        "Samoa: dozens rescued after ferry Talofa goes down",
        f"{BODY} Divers are searching.",
    ),
    ("Ferry fares to rise 5% in Norway", "The government said fares go up in May."),
]


@dataclass
class Desk:
    """A matcher, with what a server would hold: the log, the rulings, the aliases; and what operators said last."""

    matcher: Matcher = field(default_factory=lambda: Matcher(SETTINGS))
    log: list[tuple[Fingerprint, str]] = field(default_factory=list)
    rulings: list[Ruling] = field(default_factory=list)
    merged: dict[str, str] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    said: dict[frozenset[str], bool] = field(default_factory=dict)

    def event_of(self, entry_id: str) -> str:
        found = self.matcher.event_of(entry_id)
        assert found is not None
        return found

    @property
    def entry_ids(self) -> list[str]:
        return [one.entry_id for one, _ in self.log]

    def inside(self, event_id: str) -> list[str]:
        return [
            entry_id
            for entry_id in self.entry_ids
            if self.event_of(entry_id) == event_id
        ]

    def standing(self, event_id: str) -> str:
        while event_id in self.merged:
            event_id = self.merged[event_id]
        return event_id

    def come(self, text: int, site: int) -> None:
        """A report comes."""
        title, body = TEXTS[text]
        row = {
            "id": f"{len(self.log)}",
            "title": title,
            "text": body,
            "lang": "en",
            "source": f"{site}.example",
        }
        entry = entry_of({**row, "published": "2026-03-01T10:00:00Z"})
        ((made, assignment),) = self.matcher.assigned([entry])
        event_id = assignment.event_id or event_id_of(entry.entry_id)
        self.log.append((made, event_id))
        self.merged |= dict.fromkeys(assignment.absorbs, event_id)

    def say(self, ones: list[str], others: list[str], *, same: bool) -> None:
        self.said |= {
            frozenset(pair): same
            for pair in product(ones, others)
            if pair[0] != pair[1]
        }

    def join(self, one: str, other: str) -> None:
        survivor, absorbed = self.event_of(one), self.event_of(other)
        if survivor == absorbed:
            return
        self.say(self.inside(survivor), self.inside(absorbed), same=True)
        self._rule(Ruling(self._name, Verb.JOIN, survivor, absorbed, (), (), EPOCH))
        self.merged[absorbed] = survivor

    def split(self, named: list[str], into: str | None) -> None:
        left = self.event_of(named[0])
        moved = [entry_id for entry_id in named if self.event_of(entry_id) == left]
        target = self.event_of(into) if into else f"e-split-{self._name}"
        stayed = [entry_id for entry_id in self.inside(left) if entry_id not in moved]
        if target == left or not stayed:
            return
        self.say(moved, stayed, same=False)
        self.say(moved, moved, same=True)
        self.say(moved, self.inside(target) if into else [], same=True)
        apart = tuple(
            other for other in (left, *self.matcher.apart_of(left)) if other != target
        )
        self._rule(
            Ruling(self._name, Verb.SPLIT, target, left, tuple(moved), (), EPOCH, apart)
        )
        self.moved |= dict.fromkeys(moved, target)

    @property
    def _name(self) -> str:
        return f"{len(self.rulings)}"

    def _rule(self, ruling: Ruling) -> None:
        self.rulings.append(ruling)
        self.matcher.obey(ruling)

    def rebuilt(self) -> Matcher:
        """The index as a restarted worker builds it."""
        aliases = {absorbed: self.standing(absorbed) for absorbed in self.merged}
        fresh = Matcher(SETTINGS, apart_of(self.rulings, aliases))
        for made, event_id in self.log:
            standing = self.standing(self.moved.get(made.entry_id, event_id))
            fresh.learn(
                [FingerprintRecord(made.entry_id, standing, "f", EPOCH, made.packed)]
            )
        return fresh


reports = st.tuples(
    st.just("come"), st.sampled_from([0, 0, 1, 1, 2, 3]), st.integers(0, 4)
)
who = st.integers(0, 7)
joins = st.tuples(st.just("join"), who, who)
splits = st.tuples(
    st.just("split"), st.lists(who, min_size=1, max_size=2), st.none() | st.none() | who
)
steps_of_a_day = st.lists(
    st.one_of(reports, splits, splits, joins), min_size=8, max_size=24
)
FIRST = [("come", 0, 0), ("come", 0, 1), ("come", 1, 2), ("come", 2, 3), ("come", 3, 4)]


def played(steps: list[tuple[str, object, object]]) -> Desk:
    desk = Desk()
    for what, first, second in steps:
        ids = desk.entry_ids
        match what, first, second:
            case "come", int(text), int(site):
                desk.come(text, site)
            case "join", int(one), int(other) if ids:
                desk.join(ids[-1 - one % len(ids)], ids[-1 - other % len(ids)])
            case "split", list(named), into if ids:
                target = None if into is None else ids[-1 - int(str(into)) % len(ids)]
                desk.split(
                    list(dict.fromkeys(ids[-1 - n % len(ids)] for n in named)), target
                )
    return desk


@settings(deadline=None, max_examples=50)
@given(steps_of_a_day)
def test_the_last_word_on_two_reports_stands(steps: list[tuple[str, object, object]]):
    desk = played([*FIRST, *steps])
    fresh = desk.rebuilt()
    for matcher in (desk.matcher, fresh):
        for pair, same in desk.said.items():
            one, other = (matcher.event_of(entry_id) for entry_id in pair)
            assert (one == other) is same, f"{pair} after {steps}"
    assert [fresh.event_of(name) for name in desk.entry_ids] == [
        desk.event_of(name) for name in desk.entry_ids
    ]
    for name in desk.entry_ids:
        event_id = desk.event_of(name)
        alive = {desk.event_of(other) for other in desk.entry_ids}
        assert (
            set(fresh.apart_of(event_id)) & alive
            == set(desk.matcher.apart_of(event_id)) & alive
        )


def test_reports_like_both_sides_of_a_split_never_make_one_of_them():
    steps: list[tuple[str, object, object]] = [
        ("come", 0, 0),
        ("come", 0, 1),
        ("split", [0], None),
    ]
    desk = played(
        [*steps, *(("come", text, site) for text in (0, 1, 2) for site in (2, 3))]
    )
    first, second, *_ = desk.entry_ids
    assert desk.event_of(first) != desk.event_of(second)
    alone = played([("come", 0, 0), ("come", 0, 1), ("come", 1, 2)])
    assert len({alone.event_of(name) for name in alone.entry_ids}) == 1, (
        "the model by itself holds them to be one"
    )
