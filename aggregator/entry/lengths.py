"""Whether a `style` paints far from where its element stands: over what others wrote, or over the whole page.

Rules: a style may shift its element a little (`top: -0.5em` of a superscript, `margin: 0 -15px` of a row) and may draw
a shadow or an outline around it. What reaches MOST_PX or farther is refused, in whatever unit, notation or function it
is written: `-9e2px`, `-9in`, `calc(-1 * 999px)` and `box-shadow: 0 0 0 9999px` cover a page as `position: fixed` does.
Lengths relative to something unknown here (a font, the window) count for what they are at most on common pages.
Pure; linear in the length of the style.
"""

from __future__ import annotations

import re

MOST_PX = 100.0
"""A guess: real bodies shift by 20 px at most."""
MOST_FONT_PX = 300.0
"""Letters of 9,999 px with a line height of 0 lie over everything around them."""

_SHIFTING = re.compile(r"top|left|right|bottom")
_PULLING = re.compile(r"margin(?:-[a-z-]+)?|text-indent|(?:letter|word)-spacing")
_SPREADING = re.compile(
    r"outline(?:-[a-z]+)?|(?:-[a-z]+-)?(?:box|text)-shadow|(?:-[a-z]+-)?(?:filter|backdrop-filter)"
    r"|(?:-[a-z]+-)?border-image(?:-[a-z]+)?|(?:-[a-z]+-)?text-stroke(?:-[a-z]+)?"
)
_FONTS = re.compile(r"font(?:-size)?")
_NUMBER = re.compile(
    r"(?P<number>\d++(?:\.\d++)?|\.\d++)(?P<exponent>e[+-]?\d+)?(?P<unit>[a-z]+|%)?"
)
_BARE_NUMBER = re.compile(r"(?<![\w.])-?(?:\d++(?:\.\d++)?|\.\d++)(?![\w.%])")
_COLOURS = re.compile(
    r"#[0-9a-f]++|(?:rgba?|hsla?|hwb|(?:ok)?(?:lab|lch)|color(?:-mix)?)\([^()]*+\)"
)
_UNKNOWN = re.compile(
    r"[*]|infinity|(?:min|max|clamp|round|mod|rem|sin|cos|tan|asin|acos|atan|atan2|pow|sqrt|hypot|log|exp|abs|sign)\("
)
"""Of what these make of small numbers nothing is known here. A `/` counts inside `calc(` alone."""
_PX = {
    "px": 1.0, "pt": 1.34, "pc": 16.0, "in": 96.0, "cm": 38.0, "mm": 3.8, "q": 1.0, "em": 50.0, "rem": 50.0,
    "%": 100.0,
}  # fmt: skip
_FONT_PX = _PX | {
    "em": 16.0, "rem": 16.0, "%": 0.16, "vw": 20.0, "vh": 12.0, "vmin": 12.0, "vmax": 20.0,
}  # fmt: skip
_ELSE_PX = 100.0
"""Of units of the window, of containers and of fonts that stand in neither table."""


def paints_far(style: str) -> bool:
    """Whether one of the declarations does. `style`: lower case, without comments and escapes."""
    return any(map(_reaches_far, re.split(r"[;{}]", style)))


def _reaches_far(declaration: str) -> bool:
    name, _, value = declaration.partition(":")
    name = name.strip()
    value = _COLOURS.sub(" ", value)
    if _SHIFTING.fullmatch(name):
        return _is_far(value, _PX, MOST_PX)
    if _PULLING.fullmatch(name):
        return _pulls_far(value)
    if _SPREADING.fullmatch(name):
        return _spreads_far(name, value)
    if _FONTS.fullmatch(name):
        return _is_far(_lengths_of(value), _FONT_PX, MOST_FONT_PX)
    # It paints its element once more, over what follows.
    return name.endswith("box-reflect")


def _is_far(value: str, units: dict[str, float], most: float) -> bool:
    """Whether the lengths of a value together reach so far: `calc(99px + 99px)` adds them up."""
    value = _bounds_of(value.strip())
    if _UNKNOWN.search(value) or ("(" in value and "/" in value):
        return True
    total = 0.0
    for length in _NUMBER.finditer(value):
        if length["exponent"]:
            return True
        unit = length["unit"] or "px"
        total += float(length["number"]) * units.get(unit, _ELSE_PX)
    return total >= most


def _bounds_of(value: str) -> str:
    """A fluid size, as WordPress writes them, lies between its first and its last length; else the value itself."""
    if not value.startswith("clamp("):
        return value
    least, _, _ = value.removeprefix("clamp(").partition(",")
    _, _, most = value.rpartition(",")
    return f"{least} {most.removesuffix(')')}"


def _pulls_far(value: str) -> bool:
    """Only what is below zero pulls an element over another one."""
    if "-" not in value:
        return False
    if "(" in value:
        return _is_far(value, _PX, MOST_PX)
    parts = value.split()
    return any(part.startswith("-") and _is_far(part, _PX, MOST_PX) for part in parts)


def _spreads_far(name: str, value: str) -> bool:
    # Bare numbers are those of `border-image` alone: so many widths of the border.
    if "border-image" not in name:
        value = _lengths_of(value.replace("%", " "))
    parts = value.replace(",", " ").split()
    if "(" in value:
        return _is_far(value, _PX, MOST_PX)
    return any(_is_far(part, _PX, MOST_PX) for part in parts)


def _lengths_of(value: str) -> str:
    """The value without its bare numbers: weights, opacities, line heights."""
    return _BARE_NUMBER.sub(" ", value)
