"""Fingerprints made where entries are read, in a child, and taken up by the event stage.

They need the entry alone and are a third of what the event stage does with a new one: so as many processes make them
as read, and the one that assigns is left to that. What no child made the event stage makes itself: of an entry that an
earlier version read, or whose fingerprint cannot be read.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import replace

from aggregator.dedup.fingerprint import Fingerprint, fingerprints, with_meaning
from aggregator.model import Entry


def with_fingerprints(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The same entries, the new ones with their fingerprints: an edit never moves a report, so it needs none."""
    new = [entry for entry in entries if not entry.revision]
    try:
        made = iter(fingerprints(new, [b""] * len(new)))
    except Exception:  # noqa: BLE001 - told where it is met again
        # A fault of ours in one of them must not cost the feed its poll: the event stage meets it, sets that entry
        # aside and tells of it.
        return tuple(entries)
    carrying: list[Entry] = []
    for entry in entries:
        if entry.revision:
            carrying.append(entry)
            continue
        packed = next(made).packed
        # Text, since an entry travels as JSON.
        carrying.append(replace(entry, fingerprint=b64encode(packed).decode()))
    return tuple(carrying)


def taken_up(
    entries: Sequence[Entry],
    meanings: Sequence[bytes],
) -> list[Fingerprint]:
    """The fingerprint of each entry, with its meaning. Raises what `fingerprints` raises of those it has to make."""
    marks: list[Fingerprint | None] = []
    # Made together: one by one they cost a tenth more.
    missing: list[Entry] = []
    their_meanings: list[bytes] = []
    for entry, meaning in zip(entries, meanings, strict=True):
        mark = _carried(entry, meaning)
        marks.append(mark)
        if mark is None:
            missing.append(entry)
            their_meanings.append(meaning)
    made = iter(fingerprints(missing, their_meanings))
    return [mark or next(made) for mark in marks]


def _carried(entry: Entry, meaning: bytes) -> Fingerprint | None:
    """The fingerprint that came with an entry; None where none did, or it is of another version or another entry."""
    if not entry.fingerprint:
        return None
    try:
        packed = b64decode(entry.fingerprint, validate=True)
        mark = Fingerprint.unpack(with_meaning(packed, meaning))
    except ValueError:
        return None
    return mark if mark.entry_id == entry.entry_id else None
