"""children.packing: what is unpacked is what was packed, records by their fields."""

from __future__ import annotations

import pickle
import pickletools
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from aggregator.children.packing import packed
from aggregator.model import EPOCH, DateSource, KnownEntry, Validators
from aggregator.pipeline.reading import ReadRequest
from tests.bench.reading_golden import request


@dataclass(frozen=True, slots=True)
class OneField:
    value: str


@dataclass(frozen=True, slots=True)
class MadeOfOthers:
    """Its second field is no argument."""

    value: str
    length: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", len(self.value))


@dataclass(frozen=True, slots=True)
class ByName:
    first: int
    second: int = field(default=2, kw_only=True)


@dataclass
class WithoutSlots:
    first: int
    second: int


def known(number: int) -> KnownEntry:
    return KnownEntry(f"2.{number:032x}", EPOCH + timedelta(days=number), number)


def test_records_come_back_as_they_were():
    sent = request(b"<rss/>", now=EPOCH)
    assert isinstance(sent, ReadRequest)
    for value in (sent, known(3), {"a": known(1)}, Validators('"e"'), DateSource.FEED):
        assert pickle.loads(packed(value)) == value


def test_what_is_not_made_of_its_fields_in_their_order_comes_back_too():
    for value in (OneField("a"), MadeOfOthers("abc"), ByName(1, second=5), DateSource):
        assert pickle.loads(packed(value)) == value
    more = WithoutSlots(1, 2)
    more.third = 3  # type: ignore[attr-defined]
    assert pickle.loads(packed(more)).third == 3


def test_a_record_is_asked_for_nothing_but_its_fields():
    """A state that is set field by field, in Python, cost a known entry 6 µs more when it was no tuple."""
    state = Validators('"e"')
    operations = [step.name for step, _, _ in pickletools.genops(packed(state))]
    assert "BUILD" not in operations
    plain = [step.name for step, _, _ in pickletools.genops(pickle.dumps(state))]
    assert "BUILD" in plain


class Pair(NamedTuple):
    first: int
    second: str = ""


class NeverAsked(Pair):
    """Pickle by itself asks it for its values."""

    def __getnewargs__(self) -> tuple[int, str]:
        raise AssertionError


def test_a_named_tuple_is_taken_for_its_values():
    """To be asked for them, in Python, took each known entry twice as long."""
    value = NeverAsked(1, "b")
    back = pickle.loads(packed(value))
    assert back == value
    assert type(back) is NeverAsked
