"""What matching remembers of an entry: at most about 500 bytes (640 with a meaning), made from the entry alone.

A fingerprint holds the title's tokens in order, which of them look like names, the body's weightiest tokens, typed
numbers, directions, shingles of lead and body, the folded title, its shape (digits masked) and who published it when.
It holds no text of the body. Where meanings are asked for it has that of the title too (see `meaning`). Its
fixed-width form (see `rows`) is what the index keeps in NumPy arrays.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from zlib import crc32

import numpy as np

from aggregator.dedup import facts, learned, lexicon
from aggregator.dedup.frequency import prior_rarity
from aggregator.dedup.words import Word, cleaned, folded, words
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

VERSION = 2
_HEADER = struct.Struct("<B20sIQIIHIIHBBBBBII")
HEADER_BYTES = _HEADER.size
_OLD_HEADER_BYTES = HEADER_BYTES - 4
"""Version 1 named no feed, hashed addresses otherwise, and had a vector of other axes."""
_LENGTHS = struct.calcsize("<B20sIQIIHII")
"""Where the header says how long the parts behind it are."""
_NEVER = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
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

    def pack(self) -> bytes:
        """All of it in at most about 500 bytes, little endian, version first."""
        title, lang = self.title.encode(), self.lang.encode()[:16]
        counts = (
            len(self.title_tokens),
            len(self.body_tokens),
            len(self.shingles),
            len(self.numbers),
        )
        matched = _NEVER if self.matched is None else self.matched
        header = _HEADER.pack(
            VERSION, self.entry_id.encode(), self.site, self.url, matched, self.first_seen, self.body_words,
            self.directions, self.shape, len(lang) << 8 | len(title), *counts, len(self.meaning), self.names, self.feed,
        )  # fmt: skip
        kinds = [kind for kind, _ in self.numbers]
        values = [value for _, value in self.numbers]
        tokens = (*self.title_tokens, *self.body_tokens, *self.shingles)
        tail = struct.pack(
            f"<{len(tokens)}I{counts[3]}H{counts[3]}f", *tokens, *kinds, *values
        )
        return header + lang + title + tail + self.meaning

    @classmethod
    def unpack(cls, packed: bytes) -> Fingerprint:
        """The fingerprint `pack` was given, or one of version 1. Raises ValueError on bytes of no known version."""
        packed = upgraded(packed)
        lang, title, titles, bodies, shingles, kinds, values, meaning = parts_of(packed)
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
            numbers=tuple(
                zip(_unpacked("H", kinds), _unpacked("f", values), strict=True)
            ),
            meaning=meaning,
            feed=feed,
        )


def _unpacked(code: str, raw: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(raw) // struct.calcsize(code)}{code}", raw)


def parts_of(
    packed: bytes,
) -> tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes]:
    """What stands behind the header: language, title, title tokens, body tokens, shingles, kinds and values of numbers,
    meaning.

    Raises ValueError when the bytes are not a fingerprint of this version.
    """
    if len(packed) < HEADER_BYTES or packed[0] != VERSION:
        raise ValueError(f"not a fingerprint of version {VERSION}")
    title_bytes, lang_bytes, titles, bodies, shingles, numbers, meant = packed[
        _LENGTHS : _LENGTHS + 7
    ]
    lang = HEADER_BYTES + lang_bytes
    title = lang + title_bytes
    title_tokens = title + 4 * titles
    body_tokens = title_tokens + 4 * bodies
    samples = body_tokens + 4 * shingles
    kinds = samples + 2 * numbers
    values = kinds + 4 * numbers
    end = values + meant
    most = TITLE_TOKENS, BODY_TOKENS, SHINGLES, NUMBERS, MEANING_BYTES
    held = titles, bodies, shingles, numbers, meant
    if len(packed) != end or any(n > m for n, m in zip(held, most, strict=True)):
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
    """A packed fingerprint of version 1 as one of this version, of no known feed and without vectors; others as they
    are."""
    if len(packed) < _OLD_HEADER_BYTES or packed[0] != 1:
        return packed
    header = bytearray(packed[:_OLD_HEADER_BYTES])
    meant = header[_LENGTHS + 6]
    header[0], header[_LENGTHS + 6] = VERSION, 0
    end = len(packed) - meant
    return bytes(header) + bytes(4) + packed[_OLD_HEADER_BYTES:end]


def fingerprint(entry: Entry, meaning: bytes = b"") -> Fingerprint:
    """The fingerprint of an entry, from its title, text, language, address, publisher and times alone.

    `meaning` holds the vectors of `told_by` the entry, where they are asked for. Raises ValueError when `entry_id` is
    longer than `ID_BYTES` bytes.
    """
    if len(entry.entry_id.encode()) > ID_BYTES:
        raise ValueError(f"entry_id {entry.entry_id!r} is longer than {ID_BYTES} bytes")
    lang, title, body = _texts(entry)
    title_words = _distinct(words(title, lang=lang, limit=2 * TITLE_TOKENS))[
        :TITLE_TOKENS
    ]
    body_words = words(body, lang=lang, limit=BODY_WORDS)
    return Fingerprint(
        entry_id=entry.entry_id,
        lang=lang,
        site=_hash32(entry.site),
        url=_url_hash(entry.canonical_url),
        matched=None if entry.matched_at is None else _seconds(entry.matched_at),
        first_seen=_seconds(entry.first_seen_at),
        body_words=len(body_words),
        directions=facts.direction([folded(word.surface) for word in title_words]),
        shape=_hash32(re.sub(r"\d+", "0", folded_title(title))),
        names=_name_bits(title_words, body, body_words, lang),
        title=_cut(folded_title(title)),
        title_tokens=tuple(word.token for word in title_words),
        body_tokens=_weightiest(body_words, {word.token for word in title_words}, lang),
        shingles=_shingles(body_words),
        numbers=_numbers(title, body),
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
    ends = (
        found.end()
        for found in _SENTENCE_END.finditer(start)
        if found.end() >= _LEAD_LEAST
    )
    return start[: next(ends, len(start))].strip()


def _texts(entry: Entry) -> tuple[str, str, str]:
    """Language, headline and body, cleaned."""
    lang = entry.lang.lower()[:16]
    body = cleaned(entry.text[:BODY_CHARACTERS], lang=lang).strip()
    return (
        lang,
        headline(cleaned(entry.title, lang=lang).strip()) or body[:UNTITLED_CHARACTERS],
        body,
    )


_SEPARATOR = re.compile(
    r"\s+[|｜»·]\s+|\s+-\s+|\s*[|｜]\s*|(?<=[\u3040-\u9fff])\s*[-–—_](?=[\u3040-\u9fff]{2,8}$)"
)


def headline(title: str) -> str:
    """A title without the publisher's and section's names at its end ("… | World | The Daily"), if enough is left."""
    parts = list(_SEPARATOR.finditer(title))
    for cut in parts:
        kept, tail = title[: cut.start()], title[cut.end() :]
        if _is_enough(kept) and all(
            _is_signature(part) for part in _SEPARATOR.split(tail)
        ):
            return kept
    return title


def _is_enough(kept: str) -> bool:
    return len(kept.split()) >= 4 or (len(kept) >= 10 and kept[-1] >= "\u3040")


def _is_signature(part: str) -> bool:
    """Whether a segment reads like a name: few words, no digit that could be a fact, capitals if it has case."""
    names = part.split()
    return (
        0 < len(names) <= 6
        and len(part) <= 45
        and (part[0].isupper() or part[0] == part[0].swapcase() or "." in part)
        and sum(n[0].isupper() or n[0] == n[0].swapcase() for n in names if n)
        >= (len(names) + 1) // 2
    )


def _distinct(found: list[Word]) -> list[Word]:
    """Each token where it first stands."""
    first: dict[int, Word] = {}
    for word in found:
        first.setdefault(word.token, word)
    return list(first.values())


def folded_title(title: str) -> str:
    """A cleaned title in lower case, without punctuation, for comparison letter by letter."""
    return re.sub(r"[\W_]+", " ", title.casefold()).strip()


def _cut(text: str) -> str:
    return text.encode()[:TITLE_BYTES].decode(errors="ignore")


def _hash32(text: str) -> int:
    return crc32(text.encode()) if text else 0


def _url_hash(url: str) -> int:
    """64 bits of an address that names one page; 0 for none and for a bare front page."""
    path = url.partition("://")[2].partition("/")[2]
    if not path.strip("/"):
        return 0
    # Two CRCs would not do: for addresses of one length the second follows from the first.
    return int.from_bytes(blake2b(url.encode(), digest_size=8).digest(), "little")


def _seconds(instant: datetime) -> int:
    return min(max(int((instant - EPOCH).total_seconds()), 0), _NEVER - 1)


def _numbers(title: str, body: str) -> tuple[tuple[int, float], ...]:
    """Numbers of the title, marked so, then of the lead, in the precision they are kept in."""
    in_title = [
        (kind | facts.IN_TITLE, value)
        for kind, value in facts.numbers(title, limit=NUMBERS)
    ]
    in_lead = facts.numbers(body[:LEAD_CHARACTERS], limit=NUMBERS)
    known = {(kind & ~facts.IN_TITLE, value) for kind, value in in_title}
    found = in_title + [number for number in in_lead if number not in known]
    return tuple((kind, _single(value)) for kind, value in found[:NUMBERS])


def _single(value: float) -> float:
    return float(struct.unpack("<f", struct.pack("<f", min(value, 3e38)))[0])


def _name_bits(
    title_words: list[Word], body: str, body_words: list[Word], lang: str
) -> int:
    """Which title words look like names: capital letters where the sentence does not ask for them.

    In a headline that capitalises every word, the body is asked instead: a word written in lower case there is none.
    Names of the prior are names at the start of a sentence too.
    """
    every = is_title_case(title_words)
    lower = {w.token for w in body_words if w.surface[0].islower()}
    upper = (
        {w.token for w in body_words if is_capital_inside(w, body)} if every else set()
    )
    known = learned.names(lang.partition("-")[0])
    bits = 0
    for i, word in enumerate(title_words):
        if (
            word.is_unspaced
            or not word.surface[0].isupper()
            or folded(word.surface) in lexicon.STOP_WORDS
        ):
            continue
        named = word.token in upper if every and body_words else i > 0 and not every
        if word.token not in lower and (
            named or word.surface.isupper() or word.token in known
        ):
            bits |= 1 << i
    return bits


def is_title_case(title_words: list[Word]) -> bool:
    """Whether a headline writes every word with a capital, but for stop words and short ones."""
    spaced = [
        w.surface
        for w in title_words
        if not w.is_unspaced and w.surface[0].isalpha() and len(w.surface) > 3
    ]
    return all(
        surface[0].isupper() or surface in lexicon.STOP_WORDS for surface in spaced
    )


def is_capital_inside(word: Word, body: str) -> bool:
    """Whether a body's word has a capital in the middle of a sentence."""
    return (
        word.surface[0].isupper()
        and body[max(word.start - 2, 0) : word.start].strip(" ").isalpha()
    )


def _weightiest(body_words: list[Word], known: set[int], lang: str) -> tuple[int, ...]:
    """The body's tokens that tell most: often and rare; ties by first appearance. Title tokens are not repeated."""
    counts = Counter(word.token for word in body_words)
    for word in body_words[:40]:
        counts[word.token] += 1
    candidates = [t for t in counts if t not in known]
    if len(candidates) > BODY_TOKENS:
        rarity = prior_rarity(candidates, lang)
        often = np.minimum([counts[t] for t in candidates], 4)
        order = np.argsort(-np.asarray(rarity) * (0.4 + often), kind="stable")
        candidates = [candidates[i] for i in order[:BODY_TOKENS].tolist()]
    return tuple(candidates)


def _shingles(body_words: list[Word]) -> tuple[int, ...]:
    """The smallest hashes of all runs of `SHINGLE_WORDS` tokens, a sample that two equal texts share (Broder 1997).

    Half are of the lead, since one source's summary is often the start of another's full text.
    """
    tokens = [word.token for word in body_words]
    if len(tokens) < 2 * SHINGLE_WORDS:
        return ()
    lead = _run_hashes(tokens[:LEAD_WORDS])[: SHINGLES // 2]
    return tuple(
        lead + [h for h in _run_hashes(tokens) if h not in lead][: SHINGLES - len(lead)]
    )


_SHINGLE_WEIGHTS = tuple(map(np.uint64, (3, 5, 7, 11, 13)))
"""One for each of the `SHINGLE_WORDS` tokens of a run."""


def _run_hashes(tokens: list[int]) -> list[int]:
    count = len(tokens) - SHINGLE_WORDS + 1
    numbers = np.array(tokens, dtype=np.uint64)
    mixed = sum(
        weight * numbers[at : at + count] for at, weight in enumerate(_SHINGLE_WEIGHTS)
    )
    hashes = mixed * np.uint64(0x9E3779B1) & np.uint64(
        0xFFFFFFFF
    )  # overflow leaves the lower 32 bits right
    found: list[int] = np.unique(hashes).tolist()
    return found
