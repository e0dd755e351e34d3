"""Fingerprints that a child made: the event stage takes them up as it would have made them, and no others."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.dedup.backtest import entry_of
from aggregator.dedup.fingerprint import MEANING_BYTES, fingerprint, fingerprints
from aggregator.engine.wire import decode, encode
from aggregator.model import Entry
from aggregator.pipeline.fingerprinting import taken_up, with_fingerprints

rows = st.fixed_dictionaries(
    {
        "id": st.text(min_size=1, max_size=5).filter(lambda text: "\0" not in text),
        "lang": st.sampled_from(["en", "zh", "ru", "de", "ar", "und", "ja"]),
        "title": st.text(max_size=200),
        "text": st.text(max_size=3000),
        "source": st.text(max_size=20),
        "url": st.sampled_from(["", "https://example.org/", "https://example.org/a/1"]),
        "published": st.sampled_from(["", "2026-03-01T10:00:00Z"]),
    }
)
entries_and_meanings = st.lists(
    st.tuples(
        rows.map(entry_of),
        st.integers(0, 1),
        st.sampled_from([b"", bytes(MEANING_BYTES), b"\7" * MEANING_BYTES]),
    ),
    max_size=40,
)


@given(entries_and_meanings)
def test_what_travels_with_an_entry_is_what_the_event_stage_would_make(
    drawn: list[tuple[Entry, int, bytes]],
):
    entries = [replace(entry, revision=revision) for entry, revision, _ in drawn]
    meanings = [meaning for *_, meaning in drawn]
    carried = with_fingerprints(entries)
    assert [bool(entry.fingerprint) for entry in carried] == [
        not entry.revision for entry in entries
    ]
    made = fingerprints(entries, meanings)
    travelled = [decode(Entry, encode(entry)) for entry in carried]
    assert taken_up(travelled, meanings) == made
    assert [mark.packed for mark in taken_up(travelled, meanings)] == [
        mark.packed for mark in made
    ]


ENTRY = entry_of({"id": "a", "title": "Ferry sinks off Samoa", "lang": "en"})
OTHER = entry_of({"id": "b", "title": "Budget passes", "lang": "en"})


def carrying(packed: bytes) -> Entry:
    return replace(ENTRY, fingerprint=b64encode(packed).decode())


@pytest.mark.parametrize(
    "entry",
    [
        ENTRY,
        replace(ENTRY, fingerprint="no base64"),
        replace(ENTRY, fingerprint="é"),
        carrying(b""),
        carrying(b"\x03"),
        carrying(fingerprint(ENTRY).packed[:-1]),
        carrying(b"\x09" + fingerprint(ENTRY).packed[1:]),
        carrying(fingerprint(ENTRY, b"\1" * MEANING_BYTES).packed),
        carrying(fingerprint(OTHER).packed),
    ],
    ids="none text letters nothing cut short later meaning another".split(),  # noqa: SIM905
)
def test_what_cannot_be_taken_up_is_made(entry: Entry):
    meaning = b"\7" * MEANING_BYTES
    carried = with_fingerprints([OTHER])[0]
    assert taken_up([carried, entry, carried], [b"", meaning, meaning]) == [
        fingerprint(OTHER),
        fingerprint(ENTRY, meaning),
        fingerprint(OTHER, meaning),
    ]


def test_an_entry_that_has_no_fingerprint_costs_the_others_theirs_and_nobody_the_reading():
    entries = [ENTRY, replace(OTHER, entry_id="longer than any entry id of ours")]
    assert with_fingerprints(entries) == tuple(entries)
    with pytest.raises(ValueError, match="longer than 20 bytes"):
        taken_up(entries, [b"", b""])
