"""Characters that may leave the program, by schema.md.

Text of one line (titles, authors, categories) and bodies lose control characters, lone surrogates, noncharacters and
the bidi overrides and isolates that make a line read other than it is written. Nothing is normalised: that belongs
to the fingerprint.
"""

from __future__ import annotations

import re

MAX_TITLE_CHARS = 500
"""schema.md."""

_BIDI = "\u202a-\u202e\u2066-\u2069"
_ASTRAL_ENDS = "".join(
    chr(plane + end)
    for plane in range(0x10000, 0x110000, 0x10000)
    for end in (0xFFFE, 0xFFFF)
)
_NEVER = "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
# Apart: the others make a table of bits, these would be compared with each character one by one.
_ASTRAL_NEVER = re.compile(f"[{_ASTRAL_ENDS}]")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_LINE_NEVER = re.compile(f"[{_NEVER}{_BIDI}\u200b\u2060\ufeff]")
_BODY_NEVER = re.compile(f"[{_NEVER}{_BIDI}\x0b\x0c\x85]")
_ASCII_LINE_NEVER = dict.fromkeys(
    [
        *range(0x09),
        *range(0x0E, 0x20),
        0x7F,
    ],
    None,
)
_ASCII_BODY_NEVER = _ASCII_LINE_NEVER | {0x0B: None, 0x0C: None}
"""The same for a text in ASCII, in a twentieth of the time."""

_JOINING = (
    "\u0600-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18af\u1900-\u1cff\ua840-\ua8ff\ua980-\uabff"
    "\ufb50-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc"
)
"""Arabic, Syriac, N'Ko, the scripts of India, Tibetan, Burmese, Khmer, Mongolian: joiners change what is written."""
_PICTURE = "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u2bff\u3030\u303d\u3297\u3299\ufe0f\U0001f000-\U0001faff"
_JOINERS = re.compile(
    f"(?<![{_JOINING}{_PICTURE}])[\u200c\u200d]|[\u200c\u200d](?![{_JOINING}{_PICTURE}])"
)

_UNWRITABLE = re.compile("[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f]")
_WHITE = re.compile(r"[^\S \u00a0\u3000]")
_RUN = re.compile(r"\s+")
_REFERENCE = re.compile(r"&#(?:[xX]([0-9a-fA-F]{1,7})|([0-9]{1,8}))(?![0-9a-fA-F]);?")


def whole(text: str) -> str:
    """The text without halves of surrogate pairs, which no encoding can carry (`"News \ud83d"` in a JSON Feed), and
    without noncharacters, which no text is to hold (XML refuses two of them)."""
    if text.isascii():
        return text
    text = _UNWRITABLE.sub("", text)
    if not _ASTRAL.search(text):
        return text
    return _ASTRAL_NEVER.sub("", text)


def without_controls(text: str) -> str:
    """The text without the controls that XML has no way to write, and JSON has (`"\\u0000"`)."""
    if text.isprintable():
        return text
    return _CONTROLS.sub("", text)


def one_line(
    text: str,
    *,
    limit: int = MAX_TITLE_CHARS,
) -> str:
    """The text as one clean line of at most `limit` characters, cut with `…`. Idempotent.

    A run of white space becomes one SPACE unless it is all SPACE, U+3000 and NBSP (those carry layout in CJK titles).
    """
    # Nearly all lines: what goes is printable nowhere, nor is any white space but SPACE.
    if not text.isprintable():
        text = _clean_line(text)
    text = text.strip()
    if len(text) <= limit:
        return text
    return text[: limit - 1].rstrip(" \u00a0\u3000\u200c\u200d") + "…"


def _clean_line(text: str) -> str:
    text = _allowed(text, _LINE_NEVER, _ASCII_LINE_NEVER)
    if "\u200c" in text or "\u200d" in text:
        text = _JOINERS.sub("", text)
    if _WHITE.search(text):
        text = _RUN.sub(_one_space, text)
    return text


def _one_space(run: re.Match[str]) -> str:
    # Spaces of CJK width, and those that hold words together, are layout.
    return " " if _WHITE.search(run[0]) else run[0]


def body_characters(html: str) -> str:
    """The body with CR as LF, without what may not leave the program, stripped; references to it go too."""
    if "\r" in html:
        html = html.replace("\r\n", "\n").replace("\r", "\n")
    html = _allowed(html, _BODY_NEVER, _ASCII_BODY_NEVER)
    if "&#" in html:
        html = _REFERENCE.sub(_shown_reference, html)
    return html.strip()


def _shown_reference(reference: re.Match[str]) -> str:
    return "" if _is_hidden(reference) else reference[0]


def _allowed(
    text: str,
    never: re.Pattern[str],
    never_in_ascii: dict[int, None],
) -> str:
    if text.isascii():
        return text.translate(never_in_ascii)
    text = never.sub("", text)
    if not _ASTRAL.search(text):
        return text
    return _ASTRAL_NEVER.sub("", text)


def _is_hidden(reference: re.Match[str]) -> bool:
    """Whether a character reference names a control, a bidi override or a surrogate (a browser would show it)."""
    code = int(reference[1], 16) if reference[1] else int(reference[2])
    # White space; browsers read C1 as Windows-1252.
    if code in (9, 10, 12, 13) or 0x7F <= code <= 0x9F:
        return False
    return code > 0x10FFFF or not _allowed(chr(code), _BODY_NEVER, _ASCII_BODY_NEVER)


def collapsed(text: str) -> str:
    """The text stripped, with one SPACE for each run of white space."""
    # A printable text holds no other white space.
    if "  " not in text and text.isascii() and text.isprintable():
        return text.strip()
    return " ".join(text.split())
