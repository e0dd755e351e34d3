"""What operators hold apart stays apart through merges, moves and rebuilds."""

from __future__ import annotations

from aggregator.dedup.apart import Apart, apart_of, without_forbidden
from aggregator.model import EPOCH, Assignment, Ruling, Verb


def split(event_id: str, *apart: str) -> Ruling:
    return Ruling("1", Verb.SPLIT, event_id, apart[0], ("x",), ("y",), EPOCH, apart)


def test_an_event_that_absorbs_another_is_held_apart_from_what_that_was() -> None:
    apart = Apart()
    apart.keep("a", ["b"])
    apart.merge("c", "a")
    assert (apart.of("c"), apart.of("b"), apart.of("a")) == (("b",), ("c",), ())


def test_events_that_an_operator_made_one_are_no_longer_apart() -> None:
    apart = Apart()
    apart.keep("a", ["b", "c"])
    apart.merge("a", "b")
    assert (apart.of("a"), apart.of("b"), apart.of("c")) == (("c",), (), ("a",))
    apart.merge("c", "a")
    assert not apart


def test_rulings_speak_of_the_events_that_stand_now() -> None:
    rulings = [split("n", "e", "f"), split("m", "n")]
    found = apart_of(rulings, {"n": "k", "m": "k"})
    assert (found.of("k"), found.of("e"), found.of("n")) == (("e", "f"), ("k",), ())


def test_a_merge_that_an_operator_ruled_out_is_only_told_as_related() -> None:
    apart = Apart()
    apart.keep("b", ["c"])
    asked = Assignment("x", "a", 0.9, "similar", absorbs=("b", "c"), related=("d",))
    assert without_forbidden(asked, "a", apart) == Assignment(
        "x", "a", 0.9, "similar", absorbs=("b",), related=("c", "d")
    )
    apart.keep("a", ["b"])
    assert without_forbidden(asked, "a", apart).absorbs == ("c",)
    assert without_forbidden(asked, "a", Apart()) is asked
