"""The forms in which a word may stand in a text of a language: a pattern for one folded word.

Rules: forms of number and case count, those of the verb and of derived words do not (`quake` is found in "quakes", not
in "quaking"; `organ` not in "organization"). A form keeps at least three letters of the word. The tables say endings as
they are after folding: without accents, in one case. A language that is not listed has those of its script.

Pure; imports nothing of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

# --- scripts --------------------------------------------------------------------------------------------------

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007"
    "\u3040-\u3096\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_SCRIPTS = (
    ("hangul", "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"),
    ("katakana", "\u30a1-\u30fa\u30fc-\u30ff"),
    ("unspaced", _UNSPACED),
    ("cyrillic", "\u0400-\u052f"),
    ("arabic", "\u0600-\u06ff\u0750-\u077f"),
    ("hebrew", "\u0590-\u05ff"),
    ("devanagari", "\u0900-\u097f"),
    ("greek", "\u0370-\u03ff\u1f00-\u1fff"),
)  # fmt: skip
RANGES = dict(_SCRIPTS)
_SCRIPT_OF = [(name, re.compile(f"[{ranges}]")) for name, ranges in _SCRIPTS]
BREAKING = RANGES["hangul"] + RANGES["katakana"] + RANGES["unspaced"]
"""Letters that do not run together with those of other scripts into one word: `AI` is one in "AI가"."""


ARABIC_LETTERS: dict[int, str | None] = {
    0x0640: None,
    0x0649: "ي",
    0x06CC: "ي",
    0x06A9: "ك",
    0x0629: "ه",
}
"""Tatweel, and letters that Arabic, Persian and hurried writers exchange (ى and ی for ي, ک for ك, ة and ه)."""
_DEVANAGARI = re.compile(f"[{RANGES['devanagari']}]")
_NASAL = re.compile("[\u0919\u091e\u0923\u0928\u092e]\u094d(?=[\u0915-\u0939])")


def plain_devanagari(text: str) -> str:
    """A text with one spelling for words of Hindi that have several: हिन्दी and हिंदी, भूकम्प and भूकंप (a nasal before a
    consonant is a letter or a dot), मुँह and मुंह. The dot below a letter goes, too. Others are as they were."""
    if not _DEVANAGARI.search(text):
        return text
    text = _NASAL.sub("\u0902", text).replace("\u0901", "\u0902")
    return text.replace("\u093c", "")


def script_of(word: str) -> str:
    """The script of a word by its first letter: a name of `RANGES`, else `latin`."""
    for name, letters in _SCRIPT_OF:
        if letters.match(word):
            return name
    return "latin"


# --- endings --------------------------------------------------------------------------------------------------

_RUSSIAN = (
    "а я о е ы и у ю ой ей ом ем ам ям ами ями ах ях ов ев ь ия ии ию ие ием иям иями иях ий ый ая яя ое ее ые "
    "ого его ому ему ым им ых их ыми ими ую юю ою ею"
)
_UKRAINIAN = _RUSSIAN + " і ї є ів їв ією єю ої ій ії ої им их ими іх іі іями ові еві"
_SOUTH_SLAVIC = _RUSSIAN + " ът та то те ят ите ата ото ът им има ама"
_SLAVIC = (
    "a e i o u y em om am ami ach ow ie iem iom iami iach owi ej ego emu ym ych ymi im ich imi ou ovi ove ech um ich u "
    "ia iu ii io iego iemu ima ama"
)
_TURKISH = (
    "lar ler lari leri larin lerin larda lerde lardan lerden lara lere i u yi yu si su in un nin nun a e ya ye na ne "
    "da de ta te dan den tan ten nda nde ndan nden la le yla yle ca ce"
)
_FINNISH = (
    "n a t ta na ssa sta lla lta lle ksi tta en in an ien ja iden ille illa ilta issa ista iin ina iksi seen on un yn "
    "i eissa eista eille eilla eihin eja eita"
)
_HUNGARIAN = (
    "t k ot et at ok ek ak ban ben bol ba be nak nek val vel ert on en ra re rol tol hoz hez ig okat eket akat ei ai "
    "okban ekben je ja"
)
_GREEK = "ος ου ο ε οι ων ους α ας ες η ης ι ια ιας ιες εις εων εως υ ο ον οσ ουσ ασ εσ ησ εισ εωσ"
_HINDI = "ा े ी ों ें ो ियां ियों यां यों ओं एं ू ि"
_BENGALI = "র ের কে তে ে রা েরা টি টা গুলি দের য়"
_PERSIAN = "ها هاي ي ان اي هايي"

_ENDINGS: dict[str, str] = {
    **dict.fromkeys(("ru", "be"), _RUSSIAN),
    "uk": _UKRAINIAN,
    **dict.fromkeys(("bg", "mk", "sr"), _SOUTH_SLAVIC),
    **dict.fromkeys(("pl", "cs", "sk", "hr", "bs", "sl"), _SLAVIC),
    "de": "e en n er ern es s",
    "nl": "en s e n",
    "sv": "en et n t ar er or na arna erna orna s ens ets",
    **dict.fromkeys(("da", "nb", "nn", "no"), "en et e er ene erne n s ens ets"),
    "fi": _FINNISH,
    "et": "d i t e de te id s st le lt ga ks ni na ta",
    "hu": _HUNGARIAN,
    "tr": _TURKISH,
    "az": _TURKISH,
    "ro": "ul ului i ii e le lor uri urile a ei",
    "el": _GREEK,
    **dict.fromkeys(("hi", "mr", "ne"), _HINDI),
    "bn": _BENGALI,
    **dict.fromkeys(("id", "ms"), "nya lah kah"),
}
"""Language → endings that stand for each other. Two letters or more are taken off a word only if four stay."""

_PAIRS: dict[str, tuple[tuple[str, str], ...]] = {
    "en": (("", "s"), ("s", "ses"), ("x", "xes"), ("z", "zes"), ("ch", "ches"), ("sh", "shes"), ("o", "oes"),
           ("y", "ies"), ("sis", "ses"), ("fe", "ves"), ("f", "ves")),
    "es": (("", "s"), ("", "es"), ("z", "ces")),
    "pt": (("", "s"), ("", "es"), ("ao", "oes"), ("ao", "aes"), ("ao", "aos"), ("al", "ais"), ("el", "eis"),
           ("il", "is"), ("ol", "ois"), ("m", "ns")),
    "fr": (("", "s"), ("", "x"), ("al", "aux"), ("ail", "aux")),
    "it": (("o", "i"), ("a", "e"), ("a", "i"), ("e", "i"), ("io", "i"), ("co", "chi"), ("ca", "che"), ("go", "ghi"),
           ("ga", "ghe"), ("cia", "ce"), ("gia", "ge")),
}  # fmt: skip
_PAIRS |= {"ca": _PAIRS["es"], "gl": _PAIRS["pt"]}
"""Language → endings of one and of many; only number changes there."""

_IRREGULAR = {
    "en": {"man": "men", "child": "children", "mouse": "mice", "foot": "feet", "tooth": "teeth", "goose": "geese"},
    "nl": {"stad": "steden", "lid": "leden", "schip": "schepen", "kind": "kinderen"},
}  # fmt: skip
"""Language → endings of one and of many that stand for whole words, too: women, grandchildren, hoofdsteden."""

_ALONE_IN_ENGLISH = "new news us its it as a is was has does this his plus i no on"
_ALONE = {"en": frozenset(_ALONE_IN_ENGLISH.split())}
"""Words whose other form would be another word: `new` is not found in "news"."""

_OF_SCRIPT = {
    "latin": "en",
    "cyrillic": "ru",
    "arabic": "ar",
    "hebrew": "he",
    "devanagari": "hi",
    "greek": "el",
}
_IN_SCRIPT = {
    **dict.fromkeys(("ru", "uk", "be", "bg", "mk"), "cyrillic"),
    **dict.fromkeys(("ar", "fa", "ur"), "arabic"),
    **dict.fromkeys(("hi", "mr", "ne"), "devanagari"),
    "he": "hebrew",
    "el": "greek",
}
COMPOUNDING = frozenset(("de", "nl", "sv", "da", "nb", "nn", "no", "fi", "is"))
_NO_HEADS = frozenset(("land", "burg", "berg", "dorf", "heim", "mann"))
"""Endings of names of places and people, not compounds of the word."""
_LEAST_REST = 4
"""Letters of a compound beside the word, at least: "Auswahl" is none of `Wahl`."""
_LEAST_FIRST = 6
"""Letters of a word that may begin a compound: `Streik` in "Streikende", `Regen` not in "Regensburg". A guess."""

_PARTICLES = (
    "이 가 은 는 을 를 의 에 에서 에게 께 께서 한테 로 으로 "
    "와 과 도 만 까지 부터 보다 처럼 이나 나 이라 라 이며 며 이고 "
    "고 이다 다 입니다 였다 이었다 라고 이라고 라는 이라는 에는 에도 에서는 에서도 로는 "
    "으로는 으로도 으로서 로서 으로써 로써 에게서 와의 과의 로의 으로의 만의 까지의 부터의 에서의 "
    "하고 랑 이랑 마다 조차 마저 밖에 뿐 씨 님 측 인 엔 에선 으론 "
    "론 "
)
_KOREAN = f"(?:들)?(?:{'|'.join(sorted(_PARTICLES.split(), key=len, reverse=True))})?"
_ARABIC_BEFORE = "(?:[وف]?(?:[بك]?ال|لل|[بكل])?)"
_ARABIC_BEHIND = "(?:ات|ان|ين|ون|تين|ه|ها|هم|ي|يه|يا|ا|نا)?"
_HEBREW_BEFORE = "[והבלמשכ]{0,3}"
_HEBREW_BEHIND = "(?:ים|ות|ה|ת|י)?"


def pattern_of(
    word: str,
    lang: str,
) -> tuple[str, str]:
    """(the part of a folded word that every form has, the pattern of its forms) in a text of the language `lang`.

    The pattern says nothing of what stands before and behind, but for compounds and Arabic's and Hebrew's prefixes."""
    script = script_of(word)
    match script:
        case "hangul":
            return word, re.escape(word) + _KOREAN
        case "arabic":
            return _arabic(word)
        case "hebrew":
            return _hebrew(word)
        case "unspaced" | "katakana":
            return word, re.escape(word)
        case _:
            return _spaced(word, _language(lang, script))


def _language(lang: str, script: str) -> str:
    """Whose endings count: the text's, where it is written in this script, else those of the script's commonest."""
    is_own_script = _IN_SCRIPT.get(lang, "latin") == script
    is_listed = lang in _ENDINGS or lang in _PAIRS
    # "Kyiv" in a Ukrainian text, Путин in an English one.
    if not is_own_script or not is_listed:
        return _OF_SCRIPT.get(script, "")
    return lang


def _arabic(word: str) -> tuple[str, str]:
    stem = word
    # The article: a text may have the word with it or without.
    if stem.startswith("ال") and len(stem) > 4:
        stem = stem[2:]
    # ة, folded to ه, becomes ت before an ending.
    if stem.endswith("ه") and len(stem) > 3:
        stem = stem[:-1]
    if len(stem) < 3:
        return word, re.escape(word)
    persian = "|".join(sorted(_PERSIAN.split(), key=len, reverse=True))
    behind = f"(?:{_ARABIC_BEHIND}|ه?(?:{persian}))"
    return stem, f"{_ARABIC_BEFORE}{re.escape(stem)}{behind}"


def _hebrew(word: str) -> tuple[str, str]:
    stem = word
    if stem.endswith("ה") and len(stem) > 3:
        stem = stem[:-1]
    if len(stem) < 3:
        return word, re.escape(word)
    return stem, f"{_HEBREW_BEFORE}{re.escape(stem)}{_HEBREW_BEHIND}"


@lru_cache(maxsize=4096)
def _spaced(
    word: str,
    lang: str,
) -> tuple[str, str]:
    forms = forms_of(word, lang)
    stem = _common(forms)
    # The longest first: a pattern takes the first that fits.
    endings = sorted(
        {form[len(stem) :] for form in forms},
        key=len,
        reverse=True,
    )
    inflected = f"{re.escape(stem)}(?:{'|'.join(map(re.escape, endings))})"
    if lang not in COMPOUNDING or not word.isalpha() or len(word) < _LEAST_REST:
        return stem, inflected
    other_word = rf"[^\W\d_]{{{_LEAST_REST},}}"
    before = behind = ""
    if word not in _NO_HEADS:
        before = f"(?:{other_word})?"
    if len(word) >= _LEAST_FIRST:
        behind = f"|{re.escape(word)}{other_word}"
    return stem, f"(?:{before}{inflected}{behind})"


def forms_of(
    word: str,
    lang: str,
) -> frozenset[str]:
    """The word's forms in a language, the word itself among them."""
    # Devanagari ends in marks, which are no letters to Python; `C#` and `5G` have one form.
    is_word = word[-1:].isalpha() or script_of(word) == "devanagari"
    alone = _ALONE.get(lang, frozenset())
    if word in alone or not is_word:
        return frozenset((word,))
    forms = {word}
    for singular, plural in _PAIRS.get(lang, ()):
        forms.update(_exchanged(word, singular, plural))
        forms.update(_exchanged(word, plural, singular))
    for singular, plural in _IRREGULAR.get(lang, {}).items():
        forms.update(_irregular(word, singular, plural))
        forms.update(_irregular(word, plural, singular))
    endings = _ENDINGS.get(lang, "").split()
    for stem in (*_stems(word, endings), *_changed_stems(word, lang)):
        forms.add(stem)
        forms.update(stem + ending for ending in endings)
    return frozenset(forms - alone)


_ADJECTIVE = (
    "ый",
    "ий",
    "ая",
    "яя",
    "ое",
    "ее",
    "ые",
    "ие",
)
_FLEETING = re.compile(r"(.+[^аеиоуыэюяьaeiouy])[еоe]([цкнлвnklc])[ьъ]?")
_INSERTED = re.compile(r"(.{2,}[^аеиоуыэюяьйaeiouy])([кбнвkbn])[аиыayi]")


def _changed_stems(
    word: str,
    lang: str,
) -> Iterator[str]:
    """Stems that change inside before an ending: белый and белого, рынок and рынка, Київ and Києві, huis and huizen."""
    match lang:
        case "ru" | "uk" | "be":
            yield from _east_slavic(word)
        case "pl" | "cs" | "sk":
            yield from _west_slavic(word)
        case "nl":
            yield from _dutch(word)
        case _:
            return


def _east_slavic(word: str) -> Iterator[str]:
    if word.endswith(_ADJECTIVE) and len(word) >= 5:
        yield word[:-2]
    if word.endswith(("ів", "їв")) and len(word) >= 4:
        yield word[:-2] + ("єв" if word.endswith("їв") else "ов")
        yield word[:-2] + "ев"
    yield from _fleeting(word, "ео")


def _west_slavic(word: str) -> Iterator[str]:
    for old, new in (
        ("ha", "z"),
        ("ka", "c"),
        ("ga", "dz"),
        ("ra", "rz"),
        ("cha", "s"),
    ):
        if word.endswith(old) and len(word) >= 5:
            yield word[: -len(old)] + new
    yield from _fleeting(word, "e")


def _fleeting(
    word: str,
    vowels: str,
) -> Iterator[str]:
    """A vowel that stands only where no ending follows: рынок, рынка; девушка, девушек; volby, voleb."""
    dropped = _FLEETING.fullmatch(word)
    if dropped:
        yield dropped[1] + dropped[2]
    inserted = _INSERTED.fullmatch(word)
    if inserted:
        yield from (f"{inserted[1]}{vowel}{inserted[2]}" for vowel in vowels)


_SHORT = re.compile(r"(.*[^aeiou])([aeiou])([^aeiouyhjwx])")
_LONG = re.compile(r"(.*)([aeou])\2([^aeiou])")


def _dutch(word: str) -> Iterator[str]:
    """The stem before `en`: bom, bommen; boot, boten; huis, huizen; brief, brieven."""
    long = _LONG.fullmatch(word)
    stem = f"{long[1]}{long[2]}{long[3]}" if long else word
    if long:
        yield stem
    if _SHORT.fullmatch(word):
        yield word + word[-1]
    if word.endswith("s"):
        yield stem[:-1] + "z"
    if word.endswith("f"):
        yield stem[:-1] + "v"


def _irregular(
    word: str,
    old: str,
    new: str,
) -> list[str]:
    """The other form of the word itself or of one that ends with it: women, but no omen of Oman."""
    return [new] if word == old else _exchanged(word, old, new)


def _exchanged(
    word: str,
    old: str,
    new: str,
) -> list[str]:
    """The word with another ending; none where too little of it would stay."""
    stem_size = len(word) - len(old)
    least_size = 2 if old else 3
    if not word.endswith(old) or stem_size < least_size:
        return []
    return [word[:stem_size] + new]


def _stems(
    word: str,
    endings: list[str],
) -> list[str]:
    """The word, and what stays of it without each of the endings that it has."""
    if len(word) < 3:
        return []
    stems = [word]
    for ending in endings:
        least_size = 3 if len(ending) == 1 else 4
        stem_size = len(word) - len(ending)
        if word.endswith(ending) and stem_size >= least_size:
            stems.append(word[:stem_size])
    return stems


def _common(forms: frozenset[str]) -> str:
    """What all forms begin with."""
    # Of the first and the last in order, all between them have it, too.
    first = min(forms)
    last = max(forms)
    length = 0
    for letter, other in zip(first, last, strict=False):
        if letter != other:
            break
        length += 1
    return first[:length]
