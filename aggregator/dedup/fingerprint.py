"""What matching remembers of an entry: at most about 500 bytes (640 with a meaning), made from the entry alone.

A fingerprint holds the title's tokens in order, which of them look like names, the body's weightiest tokens, typed
numbers, directions, shingles of lead and body, the folded title, its shape (digits masked) and who published it when.
It holds no text of the body. Where meanings are asked for it has that of the title too (see `meaning`). Its
fixed-width form (see `rows`) is what the index keeps in NumPy arrays.
"""

from __future__ import annotations

import operator
import re
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from hashlib import blake2b
from itertools import compress, starmap
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from aggregator.dedup import facts, learned, lexicon
from aggregator.dedup.frequency import prior_rarity
from aggregator.dedup.persons import MOST_PERSONS, persons
from aggregator.dedup.words import (
    Tokens,
    Word,
    beginning,
    cleaned,
    folded,
    is_month,
    is_plain,
    stands_behind_word,
    tokens,
    words,
)
from aggregator.model import EPOCH, Entry

TITLE_TOKENS = 28
BODY_TOKENS = 40
SHINGLES = 10
NUMBERS = 8
TITLE_BYTES = 80
ID_BYTES = 20
MEANING_AXES = 126
"""The axes of a text's vector, one byte each (see `meaning`)."""
MEANING_BYTES = 2 * MEANING_AXES
"""The vectors of title and lead."""

BODY_CHARACTERS = 2500
"""How much of a body is read: a report tells its event early (a guess)."""
BODY_WORDS = 420
SHINGLE_WORDS = 5
LEAD_WORDS = 40
LEAD_CHARACTERS = 400
UNTITLED_CHARACTERS = 100
"""How much of its body stands for the title of a report without one (a guess)."""

VERSION = 3
_HEADER = struct.Struct("<B20sIQIIHIIHBBBBBII")
HEADER_BYTES = _HEADER.size
_OLD_HEADER_BYTES = HEADER_BYTES - 4
"""Version 1 named no feed and hashed addresses otherwise; versions 1 and 2 had vectors of other axes."""
_LENGTHS = struct.calcsize("<B20sIQIIHII")
"""Where the header says how long the parts behind it are."""
_MEANING_LENGTH = _LENGTHS + 6
"""Where it says how long the vectors are, the last of the parts."""
_NEVER = 0xFFFFFFFF


@dataclass(frozen=True)
class Fingerprint:
    """See the module. Times are epoch seconds; `matched` is None without evidence of when. Hashes are 32 bit, `url` 64.

    `names` has bit i set when title token i looks like a name. `title` is folded, at most `TITLE_BYTES` of UTF-8.
    """

    entry_id: str
    lang: str
    site: int = 0
    url: int = 0
    matched: int | None = None
    first_seen: int = 0
    body_words: int = 0
    """Length of the body in tokens, 0 without one, at most `BODY_WORDS`."""
    directions: int = 0
    shape: int = 0
    names: int = 0
    title: str = ""
    title_tokens: tuple[int, ...] = ()
    body_tokens: tuple[int, ...] = ()
    shingles: tuple[int, ...] = ()
    numbers: tuple[tuple[int, float], ...] = field(default=())
    meaning: bytes = b""
    """The vectors of title and lead, `MEANING_BYTES` signed bytes, zeros for no lead; empty when they are not known."""
    feed: int = 0
    """The feed it came from, 0 when that is not known."""

    @property
    def at(self) -> int:
        """The time matching uses: when it was published, else first seen."""
        return self.first_seen if self.matched is None else self.matched

    @cached_property
    def packed(self) -> bytes:
        """All of it in at most about 500 bytes, little endian, version first: made once, and wanted by the index and by
        the log."""
        title = self.title.encode()
        lang = self.lang.encode()[:16]
        header = _HEADER.pack(
            VERSION,
            self.entry_id.encode(),
            self.site,
            self.url,
            _NEVER if self.matched is None else self.matched,
            self.first_seen,
            self.body_words,
            self.directions,
            self.shape,
            len(lang) << 8 | len(title),
            len(self.title_tokens),
            len(self.body_tokens),
            len(self.shingles),
            len(self.numbers),
            len(self.meaning),
            self.names,
            self.feed,
        )
        kinds = [kind for kind, _ in self.numbers]
        values = [value for _, value in self.numbers]
        tokens = (*self.title_tokens, *self.body_tokens, *self.shingles)
        form = f"<{len(tokens)}I{len(kinds)}H{len(values)}f"
        tail = struct.pack(form, *tokens, *kinds, *values)
        return header + lang + title + tail + self.meaning

    @classmethod
    def unpack(cls, packed: bytes) -> Fingerprint:
        """The fingerprint that was `packed`, or one of version 1. Raises ValueError on bytes of no known version."""
        packed = upgraded(packed)
        parts = parts_of(packed)
        lang, title, titles, bodies, shingles, kinds, values, meaning = parts
        numbers = zip(
            _unpacked("H", kinds),
            _unpacked("f", values),
            strict=True,
        )
        header = _HEADER.unpack_from(packed)
        (
            _,
            entry_id,
            site,
            url,
            matched,
            first_seen,
            body_words,
            directions,
            shape,
            *_,
            names,
            feed,
        ) = header
        return cls(
            entry_id=entry_id.rstrip(b"\0").decode(),
            lang=lang.decode(),
            site=site,
            url=url,
            matched=None if matched == _NEVER else matched,
            first_seen=first_seen,
            body_words=body_words,
            directions=directions,
            shape=shape,
            names=names,
            title=title.decode(),
            title_tokens=_unpacked("I", titles),
            body_tokens=_unpacked("I", bodies),
            shingles=_unpacked("I", shingles),
            numbers=tuple(numbers),
            meaning=meaning,
            feed=feed,
        )


def _unpacked(code: str, raw: bytes) -> tuple[int, ...]:
    count = len(raw) // struct.calcsize(code)
    return struct.unpack(f"<{count}{code}", raw)


_MOST = (TITLE_TOKENS, BODY_TOKENS, SHINGLES, NUMBERS, MEANING_BYTES)
"""Of the parts behind language and title, in their order."""


def parts_of(
    packed: bytes,
) -> tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes]:
    """What stands behind the header: language, title, title tokens, body tokens, shingles, kinds and values of numbers,
    meaning.

    Raises ValueError when the bytes are not a fingerprint of this version.
    """
    if len(packed) < HEADER_BYTES or packed[0] != VERSION:
        raise ValueError(f"not a fingerprint of version {VERSION}")
    title_bytes, lang_bytes, *counts = packed[_LENGTHS : _LENGTHS + 7]
    titles, bodies, shingles, numbers, meant = counts
    lang = HEADER_BYTES + lang_bytes
    title = lang + title_bytes
    title_tokens = title + 4 * titles
    body_tokens = title_tokens + 4 * bodies
    samples = body_tokens + 4 * shingles
    kinds = samples + 2 * numbers
    values = kinds + 4 * numbers
    end = values + meant
    # What reads these parts pads them to their full width: one that is wider would run over into the next row.
    is_wider = any(map(operator.gt, counts, _MOST))
    if len(packed) != end or is_wider:
        raise ValueError(
            f"not a fingerprint of version {VERSION}: its parts do not fill it"
        )
    return (
        packed[HEADER_BYTES:lang],
        packed[lang:title],
        packed[title:title_tokens],
        packed[title_tokens:body_tokens],
        packed[body_tokens:samples],
        packed[samples:kinds],
        packed[kinds:values],
        packed[values:end],
    )


def upgraded(packed: bytes) -> bytes:
    """A packed fingerprint of version 1 or 2 as one of this version, without vectors, and from version 1 of no known
    feed; others as they are."""
    if len(packed) < _OLD_HEADER_BYTES or packed[0] not in (1, 2):
        return packed
    feed = b""
    header_bytes = HEADER_BYTES
    if packed[0] == 1:
        feed = bytes(4)
        header_bytes = _OLD_HEADER_BYTES
    header = bytearray(packed[:header_bytes])
    header[0] = VERSION
    # Vectors of other axes say nothing beside ours.
    end = len(packed) - header[_MEANING_LENGTH]
    header[_MEANING_LENGTH] = 0
    return bytes(header) + feed + packed[header_bytes:end]


def with_meaning(packed: bytes, meaning: bytes) -> bytes:
    """A packed fingerprint without vectors as one with these. Raises ValueError where it has some, or is none."""
    if len(packed) < HEADER_BYTES or packed[0] != VERSION or packed[_MEANING_LENGTH]:
        raise ValueError(f"not a fingerprint of version {VERSION} without vectors")
    if not meaning:
        return packed
    with_vectors = bytearray(packed + meaning)
    with_vectors[_MEANING_LENGTH] = len(meaning)
    return bytes(with_vectors)


def fingerprint(entry: Entry, meaning: bytes = b"") -> Fingerprint:
    """The fingerprint of an entry, from its title, text, language, address, publisher and times alone.

    `meaning` holds the vectors of `told_by` the entry, where they are asked for. Raises ValueError when `entry_id` is
    longer than `ID_BYTES` bytes.
    """
    [only] = fingerprints([entry], [meaning])
    return only


def fingerprints(
    entries: Sequence[Entry],
    meanings: Sequence[bytes],
) -> list[Fingerprint]:
    """The same of many, with the meaning of each: for a tenth less of the processor."""
    pairs = list(zip(entries, meanings, strict=True))
    ready: list[Fingerprint] = []
    for start in range(0, len(pairs), _AT_ONCE):
        ready += _fingerprints(pairs[start : start + _AT_ONCE])
    return ready


_AT_ONCE = 32
"""Entries whose tokens are held at once, about 10 kB for each; with 16 to 256 each costs the same."""


class _Reading(NamedTuple):
    """What the steps of a fingerprint read of an entry: cleaned texts, tokens of the title and how they are written,
    tokens of the body."""

    lang: str
    title: str
    body: str
    title_words: dict[int, str]
    body_tokens: Tokens


def _fingerprints(pairs: Sequence[tuple[Entry, bytes]]) -> Iterator[Fingerprint]:
    # A step after the other, not an entry after the other: what a step looks up in its tables stays in the processor's
    # cache.
    readings = [_reading(entry) for entry, _ in pairs]
    names = list(map(_name_bits, readings))
    body_tokens = list(map(_weightiest, readings))
    shingles = list(map(_shingles, readings))
    numbers = list(map(_numbers, readings))
    steps = zip(pairs, readings, names, body_tokens, shingles, numbers, strict=True)
    return starmap(_assembled, steps)


def _reading(entry: Entry) -> _Reading:
    lang, title, body = _texts(entry)
    return _Reading(
        lang,
        title,
        body,
        _title_words(title, lang),
        tokens(body, lang=lang, limit=BODY_WORDS),
    )


def _assembled(
    pair: tuple[Entry, bytes],
    reading: _Reading,
    names: int,
    body_tokens: tuple[int, ...],
    shingles: tuple[int, ...],
    numbers: tuple[tuple[int, float], ...],
) -> Fingerprint:
    entry, meaning = pair
    if len(entry.entry_id.encode()) > ID_BYTES:
        raise ValueError(f"entry_id {entry.entry_id!r} is longer than {ID_BYTES} bytes")
    folded_letters = folded_title(reading.title)
    # "Lottery numbers of 3 May" and "of 4 May" have one shape.
    shape = _DIGITS.sub("0", folded_letters)
    published = entry.matched_at
    return Fingerprint(
        entry_id=entry.entry_id,
        lang=reading.lang,
        site=_hash32(entry.site),
        url=_url_hash(entry.canonical_url),
        matched=None if published is None else _seconds(published),
        first_seen=_seconds(entry.first_seen_at),
        body_words=len(reading.body_tokens.numbers),
        directions=facts.direction(map(folded, reading.title_words.values())),
        shape=_hash32(shape),
        names=names,
        title=_cut(folded_letters),
        title_tokens=tuple(reading.title_words),
        body_tokens=body_tokens,
        shingles=shingles,
        numbers=numbers,
        meaning=meaning,
        feed=_hash32(entry.feed_id),
    )


def told_by(entry: Entry) -> tuple[str, str]:
    """What an entry says it is about: its title and the first sentence of its body, as the encoder reads them."""
    _, title, body = _texts(entry)
    return title, _lead(body)


_SENTENCE_END = re.compile(r"[.!?…][\"”»’)\]]*\s|[。！？][\"”」』）]*|[۔।]")
_LEAD_LONGEST = 200
"""Characters of a lead that are read: the encoder's cost grows with them."""
_LEAD_LEAST = 40
"""Characters a first sentence has at least: "WASHINGTON (AP)." and "Mr." end none (a guess)."""


def _lead(body: str) -> str:
    """The first sentence of a body, or its first `_LEAD_LONGEST` characters."""
    start = body[:_LEAD_LONGEST]
    for full_stop in _SENTENCE_END.finditer(start):
        if full_stop.end() >= _LEAD_LEAST:
            return start[: full_stop.end()].strip()
    return start.strip()


def _texts(entry: Entry) -> tuple[str, str, str]:
    """Language, headline and body, cleaned."""
    lang = entry.lang.lower()[:16]
    body = cleaned(entry.text[:BODY_CHARACTERS], lang=lang).strip()
    title = cleaned(entry.title, lang=lang).strip()
    # Microblogs' entries have no title: what they say stands in the body.
    return lang, headline(title) or body[:UNTITLED_CHARACTERS], body


_SEPARATOR = re.compile(
    r"\s+[|｜»·]\s+|\s+-\s+|\s*[|｜]\s*|(?<=[\u3040-\u9fff])\s*[-–—_](?=[\u3040-\u9fff]{2,8}$)",
)


_SEPARATES = re.compile(r"[|｜»·\-–—_]")
"""What no separator is without; looked for first, since few titles have any."""


def headline(title: str) -> str:
    """A title without the publisher's and section's names at its end ("… | World | The Daily"), if enough is left."""
    if not _SEPARATES.search(title):
        return title
    for separator in _SEPARATOR.finditer(title):
        head = title[: separator.start()]
        segments = _SEPARATOR.split(title[separator.end() :])
        if _is_enough(head) and all(map(_is_signature, segments)):
            return head
    return title


def _is_enough(head: str) -> bool:
    # Scripts without spaces (kana and all behind it) write a headline as one word.
    is_unspaced = head[-1:] >= "\u3040"
    return len(head.split()) >= 4 or (len(head) >= 10 and is_unspaced)


def _is_signature(part: str) -> bool:
    """Whether a segment reads like a name: few words, no digit that could be a fact, capitals if it has case."""
    names = part.split()
    if not 0 < len(names) <= 6 or len(part) > 45:
        return False
    # A site's address signs in small letters: "bbc.co.uk".
    if not _may_start_name(part[0]) and "." not in part:
        return False
    # Half of them, since names have small words too: "The Voice of the Coast".
    like_names = sum(_may_start_name(name[0]) for name in names)
    return like_names >= (len(names) + 1) // 2


def _may_start_name(letter: str) -> bool:
    """Whether it is a capital, or of a script without capitals."""
    return letter.isupper() or letter == letter.swapcase()


def _title_words(title: str, lang: str) -> dict[int, str]:
    """The first tokens of a title, in order, and how each is written where it first stands."""
    # Twice as many words, since a title may repeat some.
    surfaces, numbers, *_ = tokens(title, lang=lang, limit=2 * TITLE_TOKENS)
    first: dict[int, str] = {}
    for number, surface in zip(numbers, surfaces, strict=True):
        first.setdefault(number, surface)
        if len(first) == TITLE_TOKENS:
            break
    return first


_DIGITS = re.compile(r"\d+")
_PUNCTUATION = re.compile(r"[\W_]+")


def folded_title(title: str) -> str:
    """A cleaned title in lower case, without punctuation, for comparison letter by letter."""
    return _PUNCTUATION.sub(" ", title.casefold()).strip()


def _cut(text: str) -> str:
    return text.encode()[:TITLE_BYTES].decode(errors="ignore")


def _hash32(text: str) -> int:
    return crc32(text.encode()) if text else 0


def _url_hash(url: str) -> int:
    """64 bits of an address that names one page; 0 for none and for a bare front page."""
    path = url.partition("://")[2].partition("/")[2]
    # Some feeds give every entry the address of their front page.
    if not path.strip("/"):
        return 0
    # Two CRCs would not do: for addresses of one length the second follows from the first.
    return int.from_bytes(
        blake2b(url.encode(), digest_size=8).digest(),
        "little",
    )


def _seconds(instant: datetime) -> int:
    seconds = int((instant - EPOCH).total_seconds())
    return min(max(seconds, 0), _NEVER - 1)


def _numbers(reading: _Reading) -> tuple[tuple[int, float], ...]:
    """Numbers of the title, marked so, then of the lead, in the precision they are kept in; then the persons named."""
    lead = reading.body[:LEAD_CHARACTERS]
    in_title = facts.numbers(reading.title, limit=NUMBERS, lang=reading.lang)
    in_lead = facts.numbers(lead, limit=NUMBERS, lang=reading.lang)
    numbers = [(kind | facts.IN_TITLE, value) for kind, value in in_title]
    # A lead repeats the title's numbers: told once, there is room for others.
    numbers += [number for number in in_lead if number not in in_title]
    # Persons have what room the numbers leave: without any, none need be looked for.
    if len(numbers) < NUMBERS:
        numbers += persons(reading.title, lead, limit=MOST_PERSONS)
    return tuple((kind, _single(value)) for kind, value in numbers[:NUMBERS])


def _single(value: float) -> float:
    """A number as a packed fingerprint gives it back, so that a restart compares the same ones."""
    packed = struct.pack("<f", min(value, 3e38))
    return float(struct.unpack("<f", packed)[0])


def _name_bits(reading: _Reading) -> int:
    """Which title words look like names: capital letters where the sentence does not ask for them.

    In a headline that capitalises every word, the body is asked instead: a word written in lower case there is none.
    Names of the prior are names at the start of a sentence too.
    """
    sure, unsure = _may_be_names(reading.title_words, reading.lang)
    asked = sure.keys() | unsure.keys()
    # Headlines of many scripts have none: then the body need not be asked.
    if not asked:
        return 0
    written = _written(reading.body_tokens, asked)
    lower = {number for surface, number in written if surface[0].islower()}
    doubtful = unsure.keys() - lower
    of_doubtful = [pair for pair in written if pair[1] in doubtful]
    inside = _capitals_inside(reading, of_doubtful)
    bits = 0
    for number in sure.keys() - lower:
        bits |= 1 << sure[number]
    for number in inside:
        bits |= 1 << unsure[number]
    return bits


def _may_be_names(
    title_words: dict[int, str],
    lang: str,
) -> tuple[dict[int, int], dict[int, int]]:
    """The places of title words that are names unless the body writes them in lower case, and of those that are only if
    it writes them with a capital inside a sentence."""
    is_all_capital = is_title_case(title_words.values())
    known = learned.names(lang.partition("-")[0])
    sure: dict[int, int] = {}
    unsure: dict[int, int] = {}
    for place, (number, surface) in enumerate(title_words.items()):
        if not _may_be_name(surface):
            continue
        if surface.isupper() or number in known:
            sure[number] = place
        elif is_all_capital:
            unsure[number] = place
        # The first word of a sentence has a capital whatever it is.
        elif place > 0:
            sure[number] = place
    return sure, unsure


def _written(
    body_tokens: Tokens,
    wanted: Set[int],
) -> set[tuple[str, int]]:
    """The ways in which a body writes those of the `wanted` tokens that it has."""
    surfaces, numbers, *_ = body_tokens
    # Few words of a body stand in its title: they are picked out before anything is asked of them.
    is_wanted = list(map(frozenset(wanted).__contains__, numbers))
    return set(
        zip(
            compress(surfaces, is_wanted),
            compress(numbers, is_wanted),
            strict=True,
        )
    )


def _capitals_inside(
    reading: _Reading,
    written: Iterable[tuple[str, int]],
) -> set[int]:
    """Those of the tokens `written` so in a body that stand there with a capital in the middle of a sentence."""
    asked = {surface: number for surface, number in written if surface[0].isupper()}
    if not asked:
        return set()
    lang, _, body, _, body_tokens = reading
    read = None
    if body_tokens.are_runs and not any(map(_may_be_left_out, asked)):
        read = body
        if not body_tokens.is_all:
            read = beginning(body, lang=lang, limit=BODY_WORDS)
    if read is not None:
        # The few that are asked for are looked for: where each word of the body stands need not be known.
        return {asked[run] for run in asked if stands_behind_word(run, read)}
    wanted = set(asked.values())
    body_words = words(body, lang=lang, limit=BODY_WORDS)
    some = [word for word in body_words if word.token in wanted]
    return {word.token for word in some if is_capital_inside(word, body)}


def _may_be_left_out(surface: str) -> bool:
    """Whether a run may be no token everywhere: months are none in dates, and codes may be written longer."""
    return is_month(surface) or not is_plain(surface)


def _may_be_name(surface: str) -> bool:
    # Scripts without spaces have no capitals to tell a name by.
    return surface[0].isupper() and folded(surface) not in lexicon.STOP_WORDS


def is_title_case(surfaces: Iterable[str]) -> bool:
    """Whether a headline writes every word with a capital, but for stop words and short ones."""
    for surface in surfaces:
        # Style guides leave short words small: "of", "the", "and". Of scripts without spaces all tokens are short.
        if len(surface) <= 3 or not surface[0].isalpha():
            continue
        if not surface[0].isupper() and surface not in lexicon.STOP_WORDS:
            return False
    return True


def is_capital_inside(word: Word, body: str) -> bool:
    """Whether a body's word has a capital in the middle of a sentence."""
    if not word.surface[0].isupper():
        return False
    # Behind a full stop or a quotation mark a capital says nothing.
    before = body[max(word.start - 2, 0) : word.start]
    return before.strip(" ").isalpha()


def _weightiest(reading: _Reading) -> tuple[int, ...]:
    """The body's tokens that tell most: often and rare; ties by first appearance. Title tokens are not repeated."""
    # Words of the lead count twice: news tells first what it is about.
    numbers = reading.body_tokens.numbers
    counts = Counter(numbers + numbers[:LEAD_WORDS])
    for token in reading.title_words.keys() & counts.keys():
        del counts[token]
    candidates = list(counts)
    if len(candidates) <= BODY_TOKENS:
        return tuple(candidates)
    rarity = prior_rarity(candidates, reading.lang)
    # A word that is said more often than four times says no more by it (a guess).
    often = np.minimum(np.fromiter(counts.values(), np.int64, len(counts)), 4)
    weights = rarity * (0.4 + often)
    order = np.argsort(-weights, kind="stable")
    return tuple(map(candidates.__getitem__, order[:BODY_TOKENS].tolist()))


def _shingles(reading: _Reading) -> tuple[int, ...]:
    """The smallest hashes of all runs of `SHINGLE_WORDS` tokens, a sample that two equal texts share (Broder 1997).

    Half are of the lead, since one source's summary is often the start of another's full text.
    """
    numbers = reading.body_tokens.numbers
    if len(numbers) < 2 * SHINGLE_WORDS:
        return ()
    hashes = _run_hashes(numbers)
    lead_runs = LEAD_WORDS - SHINGLE_WORDS + 1
    of_lead = _smallest(hashes[:lead_runs], SHINGLES // 2)
    others = [number for number in _smallest(hashes, SHINGLES) if number not in of_lead]
    return (*of_lead, *others[: SHINGLES - len(of_lead)])


def _smallest(
    hashes: NDArray[np.uint32],
    count: int,
) -> list[int]:
    """The `count` smallest of the hashes, each once, in their order."""
    ordered = np.sort(hashes)
    # Few runs stand twice in a text.
    few = list(dict.fromkeys(ordered[: 2 * count].tolist()))
    if len(few) < count < len(ordered):
        few = np.unique(ordered).tolist()
    return few[:count]


_SHINGLE_WEIGHTS = np.array((3, 5, 7, 11, 13), np.uint32)
"""One for each of the `SHINGLE_WORDS` tokens of a run."""


def _run_hashes(numbers: list[int]) -> NDArray[np.uint32]:
    """The hash of each run of `SHINGLE_WORDS` tokens, 32 bits."""
    column = np.fromiter(numbers, np.uint32, len(numbers))
    # Overflow leaves the lower 32 bits right.
    mixed = np.correlate(column, _SHINGLE_WEIGHTS)
    return mixed * np.uint32(0x9E3779B1)
