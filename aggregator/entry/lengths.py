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
_PULLING = re.compile(r"margin(?:-[a-z-]+)?|text-indent")
_PADDING = re.compile(r"(?:-[a-z]+-)?padding(?:-[a-z-]+)?")
_MOST_PADDING = 300.0
"""Real bodies pad by 60 px at most, and by up to 133 % of their width where a picture will stand."""
_SHARE = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d+)?%")
_OF_A_BLOCK = re.compile(
    r"(?:^|;)(?:display:(?!inline(?:;|!|$)|contents)|float:(?!none))"
)
"""On a style without white space: what makes an element a box whose padding moves others away."""
_INLINE = frozenset(
    {
        "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em", "font", "i",
        "ins", "kbd", "label", "mark", "nobr", "q", "s", "samp", "small", "span", "strike", "strong", "sub",
        "sup", "time", "tt", "u", "var",
    }
)  # fmt: skip
"""Padding and borders of these lie over the lines above and below: a link could be a thousand pixels high."""
_SPREADING = re.compile(
    r"outline(?:-[a-z]+)?|(?:-[a-z]+-)?border(?:-(?!radius|spacing|image|collapse)[a-z-]+)?|(?:-[a-z]+-)?column-rule(?:-[a-z]+)?"
    r"|text-(?:decoration|underline|emphasis)(?:-[a-z]+)?|(?:letter|word)-spacing|(?:-[a-z]+-)?(?:box|text)-shadow|(?:-[a-z]+-)?(?:filter|backdrop-filter)"
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


def paints_far(style: str, *, element: str = "") -> bool:
    """Whether one of the declarations does. `style`: lower case, without comments and escapes; `element`: whose."""
    declarations = re.split(r"[;{}]", style)
    if any(map(_reaches_far, declarations)):
        return True
    if "padding" not in style:
        return False
    is_inline = _is_inline(style, element)
    return any(_pads_far(one, is_inline=is_inline) for one in declarations)


def _is_inline(style: str, element: str) -> bool:
    """Whether the element's padding moves nothing away."""
    bare = "".join(style.split())
    if (
        "display:inline;" in f"{bare.replace('!important', '')};"
        or "display:contents" in bare
    ):
        return True
    return element in _INLINE and not _OF_A_BLOCK.search(bare)


def _pads_far(declaration: str, *, is_inline: bool) -> bool:
    name, _, value = declaration.partition(":")
    if not _PADDING.fullmatch(name.strip()):
        return False
    # Of a block a share of its width is the place of a picture (`padding-bottom: 56.25%`).
    if not is_inline:
        value = _SHARE.sub(" ", value)
    parts = [value] if "(" in value else value.split()
    most = MOST_PX if is_inline else _MOST_PADDING
    return any(_is_far(part, _PX, most) for part in parts)


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
