"""Bytes of a feed to text.

The order of belief:

1. a byte order mark, or the zero bytes of UTF-16 and UTF-32 without one;
2. bytes that are UTF-8 are UTF-8, whatever header and declaration say: no other encoding looks like it by accident;
   (UTF-8 encoded twice is decoded twice, if the whole document is like that);
3. the HTTP charset, then the XML declaration, if the bytes can be read that way; a claim of Latin-1, which any bytes
   can be read as, gives way to an encoding of the feed's own language in which its letters are those of the language;
4. bytes that are mostly UTF-8: each damaged character becomes one U+FFFD and the rest stays readable;
5. by the feed's language the encoding whose letters are those of the language, from one word on;
   what charset-normalizer finds, among the encodings the web uses;
6. the first claim, with U+FFFD for what it cannot read.

An HTTP charset of Latin-1 or ASCII comes after the XML declaration: it is the default of many servers, not a
statement (RFC 2616 section 3.7.1 made it so for text/*). A claimed encoding is read as its superset, as browsers do
(gb2312 and gbk as gb18030, iso-8859-1 as windows-1252: https://encoding.spec.whatwg.org/#names-and-labels).

charset-normalizer is used because its answers were right: 30 of 30 for gb18030, big5 and windows-1256, 29 of 30 for
koi8-r on single titles, at 1 ms, once it may only choose from the web's encodings. Left to itself it names mac and
EBCDIC code pages; cp1250 is offered only when the feed says its language is one that uses it, because it took 10 of
26 French titles for it. Japanese is told by its kana before.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from unicodedata import normalize

from charset_normalizer import from_bytes

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ZERO_PATTERNS: dict[tuple[bool, ...], str] = {
    (True, False, False, False): "utf-32-le",
    (False, False, False, True): "utf-32-be",
    (True, False, True, False): "utf-16-le",
    (False, True, False, True): "utf-16-be",
}
"""Which of the first four bytes are not zero, for a document that begins with two ASCII characters."""

_SUPERSETS = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "johab": "cp949",
    "big5": "big5hkscs",
}
_ALIASES = {
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "x-euc-jp": "euc_jp",
    "ks_c_5601-1987": "cp949",
    "windows-949": "cp949",
    "x-gbk": "gb18030",
    "x-cp1251": "cp1251",
    "x-cp1252": "cp1252",
    "windows-874": "cp874",
    "unicode": "utf-8",
    "utf8mb4": "utf-8",
    "unicode-1-1-utf-8": "utf-8",
    "none": "utf-8",
    "binary": "utf-8",
}
_NOT_FOR_THE_WEB = frozenset(
    {
        "utf-7",
        "punycode",
        "idna",
        "unicode_escape",
        "raw_unicode_escape",
        "undefined",
        "mbcs",
    }
)
_WEB_ENCODINGS = [
    "gb18030",
    "big5hkscs",
    "cp932",
    "euc_jp",
    "cp949",
    "cp1251",
    "koi8_r",
    "cp1252",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp874",
    "cp1258",
]
_LANGUAGE = re.compile(
    rb"(?:<(?:dc:)?language[^>]{0,80}>(?:<!\[CDATA\[)?|xml:lang=[\"']|\"language\"\s*:\s*\")\s*([a-z]{2})\b",
    re.IGNORECASE,
)
_OF_LANGUAGE = {
    language: encodings.split()
    for languages, encodings in (
        ("zh cn", "gb18030 big5hkscs"),
        ("ru bg mk sr kk ky tg mn", "cp1251 koi8_r"),
        ("uk be", "cp1251 koi8_u"),
        ("ko", "cp949"),
    )
    for language in languages.split()
}
"""What undeclared bytes of a language are tried as first, told apart by charset-normalizer. Without it 13 of 60 single
Chinese titles became Korean."""

_SCRIPT = {
    language: letters
    for languages, letters in (
        ("zh cn", r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]"),
        ("ja", r"[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]"),
        ("ko", r"[\u3000-\u303f\u3400-\u9fff\uac00-\ud7af\uff00-\uffef]"),
        ("ru uk bg be mk sr kk ky tg mn", r"[\u0400-\u04ff]"),
    )
    for language in languages.split()
}
"""The letters of languages whose encodings are told apart by charset-normalizer, or by kana."""

_CENTRAL, _BALTIC, _WESTERN = (
    "cp1250 iso8859_2",
    "cp1257 iso8859_13 iso8859_4",
    "cp1252 iso8859_15",
)
_LETTERS = {
    language: (encodings.split(), letters)
    for languages, encodings, letters in (
        ("he iw yi", "cp1255 iso8859_8", r"[\u0590-\u05ff]"),
        ("ar fa ur ps", "cp1256 iso8859_6", r"[\u0600-\u06ff\u200c\u200d]"),
        ("el", "cp1253 iso8859_7", r"[\u0370-\u03ff]"),
        ("th", "cp874", r"[\u0e00-\u0e7f]"),
        ("tr az ku", "cp1254 iso8859_9", "[çğıöşüâîûÇĞİÖŞÜÂÎÛ]"),
        ("vi", "cp1258", r"[àáâãăèéêìíòóôõơùúýưđÀÁÂÃĂÈÉÊÌÍÒÓÔÕƠÙÚÝƯĐ\u0300-\u0323]"),
        ("pl", _CENTRAL, "[ąćęłńóśźżĄĆĘŁŃÓŚŹŻ]"),
        ("cs", _CENTRAL, "[áčďéěíňóřšťúůýžÁČĎÉĚÍŇÓŘŠŤÚŮÝŽ]"),
        ("sk", _CENTRAL, "[áäčďéíĺľňóôŕšťúýžÁÄČĎÉÍĹĽŇÓÔŔŠŤÚÝŽ]"),
        ("hu", _CENTRAL, "[áéíóöőúüűÁÉÍÓÖŐÚÜŰ]"),
        ("ro", _CENTRAL + " iso8859_16", "[ăâîşţșțĂÂÎŞŢȘȚ]"),
        ("sl hr bs sq", _CENTRAL, "[čćđšžëçČĆĐŠŽËÇ]"),
        ("lt", _BALTIC, "[ąčęėįšųūžĄČĘĖĮŠŲŪŽ]"),
        ("lv", _BALTIC, "[āčēģīķļņšūžĀČĒĢĪĶĻŅŠŪŽ]"),
        ("et", _BALTIC, "[äõöüšžÄÕÖÜŠŽ]"),
        (
            "fr de es pt it nl sv da no nb nn fi is ca gl eu",
            _WESTERN,
            "[À-ÿŒœŠšŽžŸ¿¡ºª]",
        ),
    )
    for language in languages.split()
}
"""For each language its encodings on the web, the likelier first, and the letters beyond ASCII that it is written with.

By letters, because charset-normalizer needs more text than one short item has, and offered all of these it took French
titles for Central European ones (10 of 26)."""
_TYPOGRAPHY = re.compile("[\u00a0§©«\u00ad®°·»\u2010-\u203a€№™\u060c\u061b\u061f]")
"""Quotes, dashes, signs: no evidence for or against a language."""
_SURELY_LETTERS = 0.9
"""Share of a language's own letters from which its encoding is taken. A guess: below 1 for a foreign name or a sign."""
_MANY_LETTERS = 4
"""So many of them are evidence against a claim of Latin-1; a guess, two words of a language written beyond ASCII."""
_MANY_LATIN_LETTERS = 2
"""So many where the language is written in Latin letters, of which a foreign word gives none by accident; a guess."""
_LATIN = frozenset(_LETTERS) - {
    *("he", "iw", "yi", "ar", "fa", "ur", "ps", "el", "th"),
}
_ESCAPE = b"\x1b"
_TO_KANJI = (b"\x1b$B", b"\x1b$@")
_TO_ASCII = (b"\x1b(B", b"\x1b(J")
"""ISO-2022-JP's way from ASCII to kanji and back; browsers know it by this, too."""

_DECLARATION = re.compile(
    rb"\A\s{0,64}<\?xml[^>]{0,256}?\bencoding\s*=\s*[\"']\s*([A-Za-z0-9._:+-]{1,40})\s*[\"']",
    re.I,
)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([A-Za-z0-9._:+-]{1,40})", re.IGNORECASE)
_UNUSED = b"\x81\x8d\x8f\x90\x9d"
"""The bytes without a character in windows-1252."""
_MOSTLY = 0.8
"""Share of the non-ASCII characters that are valid, from which damaged bytes are called UTF-8.

Titles in legacy encodings reach 0.30 (gb18030) and 0.25 (big5) by accident; one bad byte among ten good characters
leaves 0.9. Measured once, on 30 samples of 1, 3 and 30 titles of ../shared/data for each encoding.
"""
_SAMPLE_BYTES = 65_536
"""Detection looks at so much of the text between the tags; a guess, far above what 30 titles need."""
_TOO_FEW = 6
"""From fewer characters nothing is detected against a claim of UTF-8; a guess (four bytes were called Cyrillic)."""
_ACCIDENTS = 8
"""So many two-byte characters can be UTF-8 by accident in gb18030 (chance 0.13 each), when the feed says so."""


_AS_CP1252_BYTES = {
    ord(bytes([byte]).decode("cp1252")): byte
    for byte in range(0x80, 0xA0)
    if byte not in _UNUSED
}
_CONTINUATION = "\x80-\xbf" + "".join(map(chr, _AS_CP1252_BYTES))
_BEGINS_AS_TWICE = re.compile(f"[\0-\x7f]*+[\xc2-\xf4][{_CONTINUATION}]")
"""A text whose first character beyond ASCII, and the one behind it, may be bytes of UTF-8: hardly any other is looked
at. To change each character of a text for its byte took a tenth of the time of reading real feeds."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text, the encoding it was read with (a Python codec's name), and how many characters were lost."""

    text: str
    encoding: str
    replaced_count: int


def decoded(body: bytes, content_type: str | None) -> Decoded:
    """The text of a body; any bytes give some text. The byte order mark is left out."""
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return _once(_read(body[len(mark) :], encoding))
    wide = _ZERO_PATTERNS.get(tuple(byte != 0 for byte in body[:4]))
    if wide and b"\0" in body[:4]:
        return _read(body, wide)
    claims = _claims(body, content_type)
    if body.isascii():
        return _read(body, _seven_bits(body, claims))
    read = _without_a_mark(body, claims)
    if read.encoding != "cp1258":
        return read
    # windows-1258 has tone marks apart from their letters; everyone else writes Vietnamese composed.
    return replace(read, text=normalize("NFC", read.text))


def _seven_bits(body: bytes, claims: list[str]) -> str:
    """The encoding of a body without a byte above 127."""
    if claims and claims[0].startswith(("iso2022", "hz")):
        return claims[0]
    # One byte is looked for in a fiftieth of the time of the three that begin with it.
    if _ESCAPE not in body:
        return "utf-8"
    shifts_out = any(shift in body for shift in _TO_KANJI)
    if shifts_out and any(shift in body for shift in _TO_ASCII):
        return "iso2022_jp"
    return "utf-8"


def _without_a_mark(body: bytes, claims: list[str]) -> Decoded:
    text, share = _as_utf8(body)
    if share == 1.0 and not _is_accident(text, claims):
        return _once(Decoded(text, "utf-8", 0))
    if share >= _MOSTLY:
        return _read(body, "utf-8")
    claimed = _as_claimed(body, claims)
    if claimed is not None:
        return claimed
    detected = _own_encoding(body)
    if not detected:
        # Four damaged bytes of UTF-8 were called Cyrillic.
        is_evidence = "utf-8" not in claims or _beyond_ascii(text) >= _TOO_FEW
        detected = _detected(body) if is_evidence else ""
    return _read(body, detected or next(iter(claims), "utf-8"))


def _as_claimed(
    body: bytes,
    claims: Sequence[str],
) -> Decoded | None:
    """The body as header or declaration say, if it can be read so; with a few damaged bytes, if not without."""
    for claim in claims:
        strict = _strict(body, claim)
        if strict is not None:
            return _better(body, Decoded(strict, claim, 0))
    for claim in claims:
        nearly = _nearly(body, claim)
        if nearly is not None:
            return _better(body, nearly)
    return None


def _better(body: bytes, claimed: Decoded) -> Decoded:
    """As claimed, unless that is Latin-1, which any bytes can be read as, and the letters speak against it."""
    if claimed.encoding != "cp1252":
        return claimed
    better = _better_than_latin1(body, claimed.text)
    return _read(body, better) if better else claimed


def _beyond_ascii(text: str) -> int:
    """How many characters are none of ASCII's."""
    return len(text) - len(text.encode("ascii", "ignore"))


def _once(found: Decoded) -> Decoded:
    """Text whose publisher encoded UTF-8 twice (`cafÃ©`), decoded twice; any other as it is.

    The whole document decides: each character beyond ASCII must be part of a sequence that is valid UTF-8, eight
    sequences at least. feedparser decides for each title alone, and made `é`, no-break space, `©` to `頩`.
    """
    if found.encoding != "utf-8" or not _BEGINS_AS_TWICE.match(found.text):
        return found
    try:
        text = found.text.translate(_AS_CP1252_BYTES).encode("latin-1").decode("utf-8")
    except UnicodeError:
        return found
    # A few may be meant: "Ã©" in a text about encodings.
    if _beyond_ascii(text) < _ACCIDENTS:
        return found
    return Decoded(text, "utf-8 twice", found.replaced_count)


def _claims(
    body: bytes,
    content_type: str | None,
) -> list[str]:
    """The codecs that header and declaration name, in order of belief; names nobody knows are left out."""
    header = _CHARSET.search(content_type or "")
    declaration = _DECLARATION.match(body)
    stated = _codec(header.group(1)) if header else ""
    inside = _codec(declaration.group(1).decode("ascii")) if declaration else ""
    # A header's Latin-1 is the server's default, not a statement.
    ordered = [inside, stated] if stated == "cp1252" else [stated, inside]
    return list(filter(None, dict.fromkeys(ordered)))


def _codec(label: str) -> str:
    """Python's codec for a label of the web, '' if there is none that gives text."""
    name = label.strip().lower()
    try:
        found = codecs.lookup(_ALIASES.get(name, name)).name
    except (LookupError, ValueError):
        return ""
    if found in _NOT_FOR_THE_WEB:
        return ""
    try:
        b"".decode(found)
    except LookupError:
        # A codec from bytes to bytes, such as zlib.
        return ""
    return _SUPERSETS.get(found, found)


def _strict(body: bytes, encoding: str) -> str | None:
    if encoding == "utf-8":
        return None
    try:
        return body.decode(encoding)
    except (UnicodeDecodeError, ValueError):
        return _with_holes(body) if encoding == "cp1252" else None


def _nearly(body: bytes, encoding: str) -> Decoded | None:
    """The body in a claimed encoding that fits but for a few damaged bytes."""
    if encoding == "utf-8":
        return None
    read = _read(body, encoding)
    most = (1 - _MOSTLY) / 2 * _beyond_ascii(read.text)
    return read if read.replaced_count <= most else None


def _with_holes(body: bytes) -> str | None:
    """Windows-1252 with its five unused bytes, which browsers read as control characters."""
    if len(body) - len(body.translate(None, _UNUSED)) > 0.02 * len(body):
        return None
    return body.translate(None, _UNUSED).decode("cp1252")


def _as_utf8(body: bytes) -> tuple[str, float]:
    """The body read as UTF-8, and the share of its non-ASCII characters that are valid."""
    try:
        return body.decode("utf-8"), 1.0
    except UnicodeDecodeError as error:
        text = body.decode("utf-8", "replace")
        # A transfer was cut inside a character, all before it is good.
        if error.reason == "unexpected end of data":
            return text, _MOSTLY
    others = _beyond_ascii(text)
    # What the publisher lost stands there as U+FFFD already.
    lost = text.count("\ufffd") - body.count(b"\xef\xbf\xbd")
    return text, (others - lost) / others


def _is_accident(text: str, claims: list[str]) -> bool:
    """Few characters, all of two bytes, in a feed that claims a Chinese encoding: more likely that than UTF-8."""
    if not claims or claims[0] not in ("gb18030", "big5hkscs", "cp949", "euc_jp"):
        return False
    others = [character for character in text if character > "\x7f"]
    if len(others) >= _ACCIDENTS:
        return False
    return all(character < "\u0800" for character in others)


def _detected(body: bytes) -> str:
    """The encoding charset-normalizer finds in the text between the tags, '' if none."""
    start = body[: 4 * _SAMPLE_BYTES]
    texts = re.sub(rb"<[^<>]{0,2000}>|[\x00-\x1f]+", b" ", start)
    sample = texts[:_SAMPLE_BYTES]
    # All that is not ASCII may stand in the tags.
    if sample.isascii():
        sample = body[:_SAMPLE_BYTES]
    for encoding in ("euc_jp", "cp932"):
        if _is_japanese(sample, encoding):
            return encoding
    likely = _OF_LANGUAGE.get(_language(body), [])
    for candidates in filter(None, (likely, _WEB_ENCODINGS)):
        found = from_bytes(sample, cp_isolation=candidates, enable_fallback=False)
        best = found.best()
        if best:
            return best.encoding
    for encoding in (*likely, "gb18030", "cp1252"):
        if _strict(body, encoding) is not None:
            return encoding
    return ""


def _language(body: bytes) -> str:
    stated = _LANGUAGE.search(body)
    return stated.group(1).decode("ascii").lower() if stated else ""


def _own_encoding(body: bytes) -> str:
    """The encoding of the feed's language in which the letters are those of the language, '' if there is none."""
    encodings, letters = _LETTERS.get(_language(body), ([], ""))
    best = ""
    best_share = 0.0
    for encoding in encodings:
        share = _share_of_letters(_strict(body, encoding) or "", letters)
        # Of equals the first, which is the likelier.
        if share > best_share:
            best, best_share = encoding, share
    return best if best_share >= _SURELY_LETTERS else ""


def _share_of_letters(text: str, letters: str) -> float:
    """Of the characters beyond ASCII, typography left out, how many are letters of the language."""
    others = _TYPOGRAPHY.sub("", re.sub(r"[\x00-\x7f]+", "", text))
    if not others:
        return 0.0
    return len(re.findall(letters, others)) / len(others)


def _better_than_latin1(body: bytes, claimed: str) -> str:
    """The encoding that shows more letters of the feed's language than a claim of Latin-1 does, '' for none."""
    language = _language(body)
    if language in _SCRIPT:
        letters = _SCRIPT[language]
        own = _detected_script(body, language)
    else:
        _, letters = _LETTERS.get(language, ([], ""))
        own = _own_encoding(body)
    if not own:
        return ""
    count = len(re.findall(letters, _strict(body, own) or ""))
    least = _MANY_LATIN_LETTERS if language in _LATIN else _MANY_LETTERS
    is_better = count >= least and count > len(re.findall(letters, claimed))
    return own if is_better else ""


def _detected_script(body: bytes, language: str) -> str:
    """The encoding found in the text, if nearly all of it is then in the language's script."""
    found = _detected(body)
    share = _share_of_letters(
        _strict(body, found) or "",
        _SCRIPT[language],
    )
    return found if share >= _SURELY_LETTERS else ""


def _is_japanese(sample: bytes, encoding: str) -> bool:
    """Whether a quarter of the characters are kana when read so: charset-normalizer took single titles for Thai."""
    # A sample may be cut inside a character.
    errors = "strict" if len(sample) < _SAMPLE_BYTES else "ignore"
    try:
        text = sample.decode(encoding, errors)
    except UnicodeDecodeError:
        return False
    others = [character for character in text if character > "\x7f"]
    kana = sum("\u3041" <= character <= "\u30fe" for character in others)
    return 4 * kana >= len(others) > 0


def _read(body: bytes, encoding: str) -> Decoded:
    """Read with U+FFFD for what is damaged: one for each run of bytes that cannot be read."""
    try:
        return Decoded(body.decode(encoding), encoding, 0)
    except UnicodeDecodeError:
        text = body.decode(encoding, "replace")
    text, runs = re.subn("\ufffd+", "\ufffd", text)
    return Decoded(text, encoding, runs)
