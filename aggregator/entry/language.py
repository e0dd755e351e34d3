"""The language of an entry, as a BCP 47 tag, or 'und'.

The ladder: what the operator configured; what the entry says (xml:lang, dc:language); what its feed says, unless the
text contradicts it; what the text shows; 'und'. A claim keeps its region and script (`zh-CN`, `pt-BR`).

- A text contradicts a claim by its script (Chinese characters under `en-us`), or by its words: at least 24 letters, and
  a detected language that is not a near relative of the claimed one, with a confidence of 0.7.
- A text that is full of the small words of the claimed language agrees with it, and no detector is asked: that takes a
  tenth of the time, and decides most entries of feeds in the larger languages.
- Kana, Hangul, Thai, Greek and other scripts of one language show it by themselves; Latin, Cyrillic, Arabic and
  Devanagari are left to py3langid, from 12 letters and a confidence of 0.5 on.

py3langid was chosen by measuring on the 2,400 labelled titles of ../shared/data (10 languages): of single titles it
names 98.7 % right when it may choose among the 50 languages below (94.8 % unrestricted, where Chinese becomes
Cantonese), in 0.05 ms, 0.6 s to load, 120 MB. lingua: 98.6 %, 2.9 ms, 8.5 s, 1,100 MB, more than a child process may
have; its low-accuracy mode 93.3 %, 0.37 ms, 77 MB. With the limits below, of the titles (in brackets: title and 200
characters of text): without a claim 95.0 % (96.1 %) right, 0.4 % wrong, the rest 'und'; with the right claim 99.5 %,
and all that differed were wrong labels; with `en-us` claimed of all, 93 % (93 %) right.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import Any

from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]

from aggregator.entry.short_texts import remembering
from aggregator.model import UNDETERMINED

_READ_CHARS = 600
"""So much of a text is looked at; accuracy no longer rises after 300 (98.9 % there)."""
_FEW_LETTERS = 12
_ENOUGH_LETTERS = 24
_SURE = 0.5
_SURE_AGAINST_A_CLAIM = 0.7

_WRITTEN_IN = {
    "latin": frozenset(
        {
            "en",
            "fr",
            "de",
            "es",
            "it",
            "pt",
            "nl",
            "sv",
            "da",
            "no",
            "nb",
            "nn",
            "fi",
            "pl",
            "cs",
            "sk",
            "sl",
            "hr",
            "bs",
            "sq",
        }
        | {
            "ro",
            "hu",
            "et",
            "lv",
            "lt",
            "tr",
            "az",
            "vi",
            "id",
            "ms",
            "ca",
            "eu",
            "gl",
            "is",
            "ga",
            "cy",
            "af",
            "sw",
        }
        | {"tl", "eo", "la", "mt"}
    ),
    "cyrillic": frozenset(
        {
            "ru",
            "uk",
            "bg",
            "sr",
            "mk",
            "be",
            "kk",
            "ky",
            "mn",
            "tg",
        }
    ),
    "arabic": frozenset({"ar", "fa", "ur", "ps", "ug"}),
    "devanagari": frozenset({"hi", "mr", "ne"}),
}
_CANDIDATES = frozenset[str]().union(*_WRITTEN_IN.values())
_IN_TWO_SCRIPTS = frozenset(
    {
        "sr",
        "az",
        "uz",
        "kk",
        "mn",
        "tg",
        "ku",
        "bs",
        "ms",
        "pa",
        "sd",
    }
)

_SCRIPTS = (
    ("kana", "\u3041-\u30ff\uff66-\uff9f"),
    ("hangul", "\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3"),
    ("han", "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"),
    (
        "latin",
        "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff\uff21-\uff5a",
    ),
    ("cyrillic", "\u0400-\u052f"),
    ("arabic", "\u0620-\u064a\u066e-\u06d3\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc"),
    ("devanagari", "\u0900-\u097f"),
    ("greek", "\u0370-\u03ff\u1f00-\u1fff"),
    ("hebrew", "\u05d0-\u05ea"),
    ("thai", "\u0e01-\u0e5b"),
    ("lao", "\u0e81-\u0edf"),
    ("georgian", "\u10a0-\u10ff"),
    ("armenian", "\u0531-\u0587"),
    ("bengali", "\u0980-\u09ff"),
    ("gurmukhi", "\u0a00-\u0a7f"),
    ("gujarati", "\u0a80-\u0aff"),
    ("oriya", "\u0b00-\u0b7f"),
    ("tamil", "\u0b80-\u0bff"),
    ("telugu", "\u0c00-\u0c7f"),
    ("kannada", "\u0c80-\u0cff"),
    ("malayalam", "\u0d00-\u0d7f"),
    ("sinhala", "\u0d80-\u0dff"),
    ("burmese", "\u1000-\u109f"),
    ("khmer", "\u1780-\u17ff"),
    ("amharic", "\u1200-\u137f"),
    ("tibetan", "\u0f00-\u0fff"),
)
_LETTERS = re.compile(
    "|".join(f"(?P<{name}>[{letters}]+)" for name, letters in _SCRIPTS)
)
_NO_LATIN_LETTERS = {code: None for code in range(0x80) if not chr(code).isalpha()}
_ONE_LANGUAGE = {
    "kana": "ja", "hangul": "ko", "han": "zh", "greek": "el", "hebrew": "he", "thai": "th", "lao": "lo",
    "georgian": "ka", "armenian": "hy", "bengali": "bn", "gurmukhi": "pa", "gujarati": "gu", "oriya": "or",
    "tamil": "ta", "telugu": "te", "kannada": "kn", "malayalam": "ml", "sinhala": "si", "burmese": "my",
    "khmer": "km", "amharic": "am", "tibetan": "bo",
}  # fmt: skip
_KNOWN = _CANDIDATES | frozenset(_ONE_LANGUAGE.values())
_ALSO_WRITTEN = {
    "han": {
        "zh",
        "ja",
        "yue",
        "wuu",
        "ko",
        "hak",
        "nan",
        "lzh",
    },
    "hebrew": {"he", "yi"},
    "bengali": {"bn", "as"},
    "amharic": {"am", "ti"},
    "tibetan": {"bo", "dz"},
}
_RELATIVES = (
    {"hr", "bs", "sr", "sh", "sl"},
    {"da", "no", "nb", "nn", "sv"},
    {"id", "ms", "jv"},
    {"gl", "pt", "es", "ca"},
    {"cs", "sk"},
    {"nl", "af", "fy"},
    {"hi", "mr", "ne"},
    {"bg", "mk"},
    {"ru", "be", "uk"},
    {"fa", "ps", "ur"},
    {"tr", "az"},
)
"""Languages a detector takes for one another in a short text: between them the claim is believed."""

_SMALL_WORDS = {
    "en": "the of and that with from this have has were which will their they his been are would about said",
    "de": "der das und ist nicht mit von dem eine auf für sich auch wird werden bei nach einen wurde dass haben",
    "fr": "les des et est dans pour une sur par pas qui avec ce au du aux ont été cette sont leur",
    "es": "el los las y por para su más pero fue sus este como está según desde",
    "it": "il che di per non è della del nel alla gli anche sono più dei delle dal nella",
    "pt": "os da em um uma não com mais dos ao pelo pela também foi são",
    "nl": "het een van niet voor met zijn op aan ook door naar maar worden wordt heeft deze",
    "sv": "og och det som på af av til till er är ikke inte att har för fra från med",
    "pl": "w na się z nie jest że jak po ale przez od dla oraz który",
    "ru": "что это как для его при был или они еще также после которые было",
    "id": "yang dan dengan untuk pada dari ini dalam tidak akan oleh juga itu",
}
"""Words without a topic, no word in two lists; of near relatives one list for all."""
_LANGUAGE_OF_WORD = {
    word: name for name, words in _SMALL_WORDS.items() for word in words.split()
}
_WORDS_OF = {
    "da": "sv",
    "no": "sv",
    "nb": "sv",
    "nn": "sv",
    "ms": "id",
}
_WORD = re.compile(r"[^\W\d_]+")
_SIGNS = re.compile("[\u00a0\u2010-\u2015\u2018-\u201f\u2026]")
"""Typographic spaces, dashes, quotes and dots: without them most English texts are ASCII, which is read much faster."""
_ASCII_LETTERS_ALONE = {code: " " for code in range(0x80) if not chr(code).isalpha()}
_ENOUGH_SMALL_WORDS = 5
_SMALL_WORDS_PART = 0.08
_SMALL_WORDS_OF_OTHERS = 3
"""Three times as many of the claimed language as of any other: two languages in one text are left to the detector. The
three numbers are guesses; no entry of the corpora is read otherwise for them."""
_OWN_WORDS = frozenset({"en", "ru"})
"""Languages whose small words are hardly words of any other: fewer of them are enough. Of 57,836 texts of the corpora
and the labelled sets none was read otherwise for it, whatever language was claimed; of Polish, Spanish, Portuguese and
Italian some would be."""
_ENOUGH_OWN_WORDS = 3
_OWN_WORDS_PART = 0.05

_ALIASES = {
    "cn": "zh-CN", "chs": "zh-CN", "cht": "zh-TW", "zhcn": "zh-CN", "zhtw": "zh-TW", "chinese": "zh", "zho": "zh",
    "chi": "zh", "cmn": "zh", "jp": "ja", "jpn": "ja", "japanese": "ja", "kor": "ko", "korean": "ko", "gr": "el",
    "gre": "el", "ell": "el", "ua": "uk", "ukr": "uk", "cz": "cs", "cze": "cs", "ces": "cs", "dk": "da", "dan": "da",
    "eng": "en", "english": "en", "us": "en-US", "en-uk": "en-GB", "ger": "de", "deu": "de", "german": "de",
    "deutsch": "de", "fra": "fr", "fre": "fr", "french": "fr", "francais": "fr", "spa": "es", "spanish": "es",
    "por": "pt", "ita": "it", "rus": "ru", "russian": "ru", "vie": "vi", "ara": "ar", "pol": "pl", "tur": "tr",
    "swe": "sv", "nld": "nl", "dut": "nl", "fin": "fi", "nor": "no", "nob": "nb", "heb": "he", "iw": "he", "in": "id",
    "ind": "id", "ji": "yi", "hin": "hi", "tha": "th", "hun": "hu", "ron": "ro", "rum": "ro",
}  # fmt: skip
_LONG_CODES = frozenset(
    {
        "yue",
        "wuu",
        "hak",
        "nan",
        "fil",
        "ckb",
        "gsw",
        "ast",
        "haw",
        "ceb",
        "scn",
        "nds",
        "hsb",
        "fur",
    }
)
"""Languages without a code of two letters; other words of three letters in `<language>` were no languages (`utf-8`)."""
_NOT_A_LANGUAGE = frozenset({"und", "mul", "zxx", "mis", "x"})
_TAG = re.compile(r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|\d{3}))?(?:-.*)?")


def language_of(
    *, configured: str | None, feed: str | None, entry: str | None, text: str
) -> str:
    """The tag of an entry with this text (title and lead, without markup)."""
    stated = tag_of(configured)
    if stated:
        return stated
    script, count = _script(_without_signs(text[:_READ_CHARS]))
    # What the entry says of itself goes before what the feed says of all.
    for claim in (tag_of(entry), tag_of(feed)):
        if claim and not _contradicts(claim, script, count, text):
            return claim
    return _detected(script, count, text) or UNDETERMINED


def tag_of(stated: str | None) -> str | None:
    """A stated language as a BCP 47 tag of language, script and region, each in its usual case; None if it is none."""
    return _tag_of(stated) if stated else None


@remembering
def _tag_of(stated: str) -> str | None:
    name = (
        stated.strip()
        .lower()
        .replace("_", "-")
        .partition(";")[0]
        .partition(",")[0]
        .strip()
    )
    name = _ALIASES.get(name, name)
    match = _TAG.fullmatch(name.lower())
    if match is None or match[1] in _NOT_A_LANGUAGE:
        return None
    primary = match[1]
    # `jp-JP`: the whole is in no table, its first part is.
    if match[2] or match[3]:
        primary = _ALIASES.get(primary, primary)
    if len(primary) == 3 and primary not in _LONG_CODES:
        return None
    parts = [
        primary.partition("-")[0],
        (match[2] or "").title(),
        (match[3] or "").upper(),
    ]
    return "-".join(filter(None, parts))


def _without_signs(text: str) -> str:
    """The text with spaces in place of typographic signs, which are part of no word."""
    if text.isascii():
        return text
    return _SIGNS.sub(" ", text)


def _script(text: str) -> tuple[str, int]:
    """The script most of the letters are in, and how many letters there are; Japanese shows by a few kana."""
    if text.isascii():
        count = len(text.translate(_NO_LATIN_LETTERS))
        script = "latin" if count else ""
        return script, count
    counts: dict[str, int] = {}
    for match in _LETTERS.finditer(text):
        name = match.lastgroup or ""
        counts[name] = counts.get(name, 0) + match.end() - match.start()
    total = sum(counts.values())
    if not total:
        return "", 0
    ideographic = sum(counts.get(name, 0) for name in ("han", "kana", "hangul"))
    # One ideograph says what two or three Latin letters do.
    if 3 * ideographic < total:
        return max(counts, key=counts.__getitem__), total
    # A Japanese headline may be ideographs but for its particles.
    for name in ("kana", "hangul"):
        if 10 * counts.get(name, 0) >= ideographic:
            return name, total
    return "han", total


def _contradicts(
    claim: str,
    script: str,
    count: int,
    text: str,
) -> bool:
    """Whether the text shows that it is not in the claimed language."""
    primary = claim.partition("-")[0]
    alone = _ONE_LANGUAGE.get(script)
    if alone:
        others = _ALSO_WRITTEN.get(script, ())
        return count >= 4 and primary != alone and primary not in others
    if count < _FEW_LETTERS:
        return False
    is_in_script = primary in _WRITTEN_IN.get(script, ())
    if not is_in_script and primary in _KNOWN - _IN_TWO_SCRIPTS:
        # Names and titles in Latin letters stand everywhere.
        return script != "latin" or count >= _ENOUGH_LETTERS
    if _is_confirmed(primary, text):
        return False
    # The likeliest of all is told in three quarters of the time that it takes to weigh those of the script.
    if is_in_script and _likeliest(text) == primary:
        return False
    shown, confidence = _classified(text, script)
    if shown == primary or _are_relatives(shown, primary):
        return False
    return count >= _ENOUGH_LETTERS and confidence >= _SURE_AGAINST_A_CLAIM


def _are_relatives(one: str, other: str) -> bool:
    return any({one, other} <= relatives for relatives in _RELATIVES)


def _is_confirmed(primary: str, text: str) -> bool:
    """Whether the small words of the text are those of the language, and of no other."""
    name = _WORDS_OF.get(primary, primary)
    if name not in _SMALL_WORDS:
        return False
    lower = _without_signs(text[:_READ_CHARS]).lower()
    if lower.isascii():
        # A third of the time that a pattern takes.
        words = lower.translate(_ASCII_LETTERS_ALONE).split()
    else:
        words = _WORD.findall(lower)
    counts = Counter(map(_LANGUAGE_OF_WORD.get, words))
    count = counts.pop(name, 0)
    del counts[None]
    least, part = _ENOUGH_SMALL_WORDS, _SMALL_WORDS_PART
    if name in _OWN_WORDS:
        least, part = _ENOUGH_OWN_WORDS, _OWN_WORDS_PART
    if count < max(least, part * len(words)):
        return False
    return count >= _SMALL_WORDS_OF_OTHERS * max(counts.values(), default=0)


def _detected(
    script: str,
    count: int,
    text: str,
) -> str:
    """The language a text shows, '' if it is not sure."""
    alone = _ONE_LANGUAGE.get(script)
    if alone:
        return alone if count >= 2 else ""
    if count < _FEW_LETTERS:
        return ""
    likeliest, confidence = _classified(text, script)
    return likeliest if confidence >= _SURE else ""


def _likeliest(text: str) -> str:
    """The likeliest language of all, in whatever script."""
    name, _ = _identifier().classify(text[:_READ_CHARS])
    return str(name)


def _classified(
    text: str,
    script: str,
) -> tuple[str, float]:
    """The likeliest language among those written in the script, and its share of their probability."""
    written = _WRITTEN_IN.get(script, _CANDIDATES)
    ranked = _identifier().rank(text[:_READ_CHARS])
    possible = [(name, share) for name, share in ranked if name in written]
    total = sum(share for _, share in possible) or 1.0
    likeliest, share = possible[0]
    return likeliest, share / total


@cache
def _identifier() -> Any:
    """py3langid's model, loaded at the first text that needs it and kept: 0.6 s."""
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(_CANDIDATES - {"nb"})
    # The probabilities of each feature side by side: the languages chosen leave them strewn, and a text of 600
    # characters took 0.48 ms instead of 0.15.
    identifier.nb_ptc = identifier.nb_ptc.copy(order="C")
    return identifier
