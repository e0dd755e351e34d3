"""What a terminal obeys, made visible: characters that strangers write and operators read.

Rules: a control character, or one that turns the direction of writing, is printed as what names it (`\\x1b`,
`\\u202e`). OSC 52 would write the reader's clipboard, a bare CR or a bidi override shows another address than is meant.
Where such text enters what is kept (details, notices, names) it is cleaned there; where it is printed, once more
(`watch.terminal`). Pure.
"""

from __future__ import annotations

import re

_ORDERS = "\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_NEVER = re.compile(f"[{_ORDERS}]")
_NEVER_BYTES = re.compile(
    rb"[\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]|[\x00-\x08\x0b-\x1f]"
)
"""The same in UTF-8."""


def visible(text: str) -> str:
    """The text with nothing in it that a terminal obeys but newlines and tabs. Idempotent."""
    return _NEVER.sub(lambda found: _name(found[0]), text)


def visible_json(data: bytes) -> bytes:
    """UTF-8 with JSON's own names for such characters: the same values to whoever parses it."""
    return _NEVER_BYTES.sub(
        lambda found: f"\\u{ord(found[0].decode()):04x}".encode(), data
    )


def without_orders(text: str) -> str:
    """The text without such characters: for names, which are kept and shown again."""
    return _NEVER.sub("", text)


def has_orders(text: str) -> bool:
    """Whether the text holds characters that a terminal obeys."""
    return bool(_NEVER.search(text))


def _name(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}"
