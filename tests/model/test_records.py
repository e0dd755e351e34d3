"""model.records: `replace` answers what the standard library's would."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from aggregator.model import Caching, Fetched, PollState, Validators
from aggregator.model.records import replace

AT = datetime(2026, 11, 30, tzinfo=UTC)
STATE = PollState("f", "https://a.example/feed", "https://a.example/feed")
CHANGES = {"poll_count": 3, "last_poll_at": AT, "history": ("u", "n")}


@dataclass(frozen=True, slots=True)
class OneField:
    value: int


@dataclass
class WithoutSlots:
    first: int
    second: int = 2


@dataclass(frozen=True, slots=True)
class Base:
    first: int
    second: int = 2


@dataclass(frozen=True, slots=True)
class Heir(Base):
    third: int = field(default=3, kw_only=True)


def test_it_answers_what_the_library_answers():
    changed = replace(STATE, **CHANGES)
    assert changed == dataclasses.replace(STATE, **CHANGES)
    assert type(changed) is PollState
    assert hash(changed) == hash(dataclasses.replace(STATE, **CHANGES))
    assert replace(STATE) == STATE


def test_the_record_itself_stays_as_it_was():
    before = dataclasses.replace(STATE)
    replace(STATE, poll_count=7)
    assert before == STATE
    with pytest.raises(dataclasses.FrozenInstanceError):
        replace(STATE, poll_count=7).poll_count = 8  # type: ignore[misc]


def test_a_field_that_is_none_is_refused():
    with pytest.raises(TypeError, match="polls"):
        replace(STATE, polls=1)


def test_records_of_every_other_make_are_replaced_too():
    assert replace(OneField(1), value=2) == OneField(2)
    assert replace(WithoutSlots(1), first=5) == WithoutSlots(5)
    assert replace(Heir(1, third=4), first=5) == Heir(5, third=4)
    assert replace(Heir(1), second=7, third=8) == Heir(1, 7, third=8)


def test_what_follows_from_other_fields_follows_anew():
    body = Fetched("https://a.example/", 200, b"a", None, Validators(), Caching())
    other = replace(body, body=b"b")
    assert other.body_hash == dataclasses.replace(body, body=b"b").body_hash
    assert other.body_hash != body.body_hash
