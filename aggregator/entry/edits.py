"""Edits of safe markup that leave every other byte alone: relative addresses, image policy, lazy images.

`edited` sees tags as a browser's tokenizer does. Markup whose tree differs from its tags is no safe markup, and what
comes out is judged after the edits (`markup`).
"""

from __future__ import annotations

import re
from html import escape
from itertools import filterfalse

from aggregator.entry.tokens import Attribute, Token, attributes, start_tags
from aggregator.entry.urls import absolute_url

_RESOLVED = frozenset(
    {
        "href",
        "src",
        "poster",
        "background",
        "cite",
        "longdesc",
    }
)
IMAGES = ("img", "image")
"""A browser reads `<image>` as `<img>`."""
LAZY = (
    "data-src",
    "data-original",
    "data-lazy-src",
    "data-actualsrc",
    "data-original-src",
    "data-orig-file",
    "data-orig-src",
    "data-large-file",
    "data-large_image",
    "data-lazy",
    "data-lazyload",
    "data-lazy-original",
    "data-ll-src",
    "data-gt-lazy-src",
    "data-cfsrc",
    "data-opt-src",
    "data-image",
    "data-image-src",
    "data-img-src",
    "data-img",
    "data-full-src",
    "data-fallback-src",
    "data-hi-res-src",
    "data-croporisrc",
    "data-echo",
    "data-url",
    "lazy-src",
    "lazysrc",
    "nitro-lazy-src",
    "zoomfile",
    "original",
    "file",
)
"""Attributes that hold an image's address until a script moves it into `src`, the commoner first."""
_LAZY_SETS = (
    "data-srcset",
    "data-lazy-srcset",
    "data-original-set",
    "data-cfsrcset",
    "nitro-lazy-srcset",
    "srcset",
)
_EMPTY = (
    r"blank|spacer|placeholder|lazy(?:[_-]?load(?:ing|er)?)?|load(?:ing|er)|transparent|pixel|gr[ae]y|white|1x1|empty|"
    r"none|default(?:[_-]?(?:img|image|pic))?|grey-placeholder"
)
_PLACEHOLDER = re.compile(
    rf"(?:^|[/_.-])(?:{_EMPTY}|spinner)(?:[_.@-][\w.@-]*)?\.(?:gif|png|svg|jpe?g|webp)(?:$|[?#])"
    r"|(?:^|/)(?:s|clear|dot|pix|px|trans)\.(?:gif|png|svg)(?:$|[?#])",
    re.IGNORECASE,
)
_NAMED_EMPTY = re.compile(
    rf"(?:^|/)(?:(?:img|image)[_-])?(?:{_EMPTY}|spinner|s|clear|dot|pix|px|trans)(?:[_.-]?(?:\d+x\d+|trans))?"
    r"\.(?:gif|png|svg|jpe?g|webp)(?:$|[?#])",
    re.IGNORECASE,
)
"""A name that is nothing else; `pixel-9-review.jpg` is a photograph."""
_PLACE = re.compile(r"""\b(?:id|name)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))""")
_BLANKS = re.compile(r"[\x00-\x20\x7f]+")
_SCHEME = re.compile(r"\s*[a-zA-Z][a-zA-Z0-9+.-]*:")
_CANDIDATE = re.compile(r"[\s,]*(\S*[^\s,])(?:\s+([^,]*)|(?=,|$|\s))")
_WORTH = re.compile(
    r"\b(?:href|src|srcset|poster|background|cite|longdesc)\b", re.IGNORECASE
)
_HEAD_CHARS = 4096
"""A base address stands before what it counts for; a guess, far beyond the head of a page."""
_HTTPS_ONLY = frozenset({"iframe", "video", "audio", "source", "track"})

Edit = tuple[int, int, str]


def edited(html: str, *, base_url: str) -> str:
    """The markup with absolute addresses, lazy images shown, and no referrer sent for any image."""
    changes: list[Edit] = []
    places = _places(html)
    for token in start_tags(html):
        is_image = token.name in IMAGES
        if is_image or _WORTH.search(html, token.start, token.end):
            held = {one.name: one for one in attributes(html, token)}
            changes += _addresses(token, held, places, base_url)
            if is_image:
                changes += _image(token, held, base_url)
            if is_image or token.name == "source":
                changes += _set(token, held, base_url)
    return applied(html, changes)


def base_of(html: str, base_url: str) -> str:
    """What relative addresses of a text are relative to: its own `<base href>`, which a body does not keep, first."""
    if "<base" not in html[:_HEAD_CHARS].lower():
        return base_url
    for token in start_tags(html[:_HEAD_CHARS]):
        if token.name == "base":
            for one in attributes(html, token):
                if one.name == "href":
                    # A base may be relative itself.
                    return absolute_url(base_url, one.value) or base_url
    return base_url


def applied(html: str, changes: list[Edit]) -> str:
    """The text with each (start, end, replacement) put in; they do not overlap."""
    parts: list[str] = []
    at = 0
    for start, end, text in sorted(
        changes,
        key=lambda change: change[:2],
    ):
        parts += (html[at:start], text)
        at = end
    return "".join((*parts, html[at:]))


def set_candidates(value: str) -> list[tuple[str, str]]:
    """The (address, descriptor) pairs of a `srcset` value."""
    return [(one[1], (one[2] or "").strip()) for one in _CANDIDATE.finditer(value)]


def shown_source(held: dict[str, Attribute]) -> str:
    """The address an image is meant to show: `src`, or the lazy one where `src` is missing or a placeholder."""
    source = held["src"].value.strip() if "src" in held else ""
    if source and not is_placeholder(source):
        return source
    for name in LAZY:
        value = held[name].value.strip() if name in held else ""
        # An address has a slash or a point: `data-original="true"` is none.
        is_address = bool(value) and re.search(r"[/.]", value) is not None
        if is_address and not is_placeholder(value) and is_of_the_web(value):
            return value
    for name in _LAZY_SETS:
        url = _first_shown(held[name].value) if name in held else ""
        if url and _is_set_of_the_web(held[name].value):
            return url
    return source


def is_of_the_web(source: str) -> bool:
    """Whether a browser opens the value as http(s) or relative to its page: `file:` and `smb:` reach into a network."""
    scheme = _SCHEME.match(_BLANKS.sub("", source))
    return scheme is None or scheme[0].lower() in ("http:", "https:")


def _is_set_of_the_web(value: str) -> bool:
    return all(is_of_the_web(part) for part in re.split(r"[\s,]+", value))


def is_placeholder(source: str) -> bool:
    """Whether an address may give way to a lazy one: it is none of a picture, or its name speaks of being empty."""
    return is_inline(source) or bool(_PLACEHOLDER.search(source))


def is_named_empty(source: str) -> bool:
    """Whether a file's whole name says that it shows nothing."""
    return bool(_NAMED_EMPTY.search(source))


def is_inline(source: str) -> bool:
    """Whether the value is no address of a picture at all: inline data, `#`, a script."""
    value = source.strip().lower()
    if _SCHEME.match(value):
        return not value.startswith(("http:", "https:"))
    return value in ("", "/", ".", "./") or value.startswith("#")


def _first_shown(value: str) -> str:
    """The first address of a `srcset` that shows something; '' if none does."""
    urls = (url for url, _ in set_candidates(value))
    return next(filterfalse(is_placeholder, urls), "")


def _addresses(
    token: Token, held: dict[str, Attribute], places: frozenset[str], base_url: str
) -> list[Edit]:
    changes = []
    is_https = token.name in _HTTPS_ONLY
    for one in held.values():
        if one.place is None or one.name not in _RESOLVED:
            continue
        # A picture's source is decided with what stands in for it (`_image`).
        if token.name in IMAGES and one.name == "src":
            continue
        resolved = _resolved(one.value, places, base_url, https=is_https)
        if resolved:
            changes.append((*one.place, f'"{escape(resolved)}"'))
    return changes


def _resolved(
    value: str,
    places: frozenset[str],
    base_url: str,
    *,
    https: bool,
) -> str:
    """The absolute address of a relative one; '' where nothing is to be changed."""
    text = value.strip()
    if not text or _SCHEME.match(text):
        return ""
    # It leads to a place in this text, or nowhere.
    if text.startswith("#") and (text == "#" or text[1:] in places):
        return ""
    if https and text.startswith("//"):
        # Media are shown by https alone.
        return absolute_url("https://h/", text)
    return absolute_url(base_url, text)


def _places(html: str) -> frozenset[str]:
    """Where `#name` links can lead to inside the markup; looked for once, however many links there are."""
    if "#" not in html:
        return frozenset()
    names = (place.groups("") for place in _PLACE.finditer(html))
    return frozenset(map("".join, names))


def _resolved_set(value: str, base_url: str) -> str:
    candidates = set_candidates(value)
    if all(_SCHEME.match(url) for url, _ in candidates):
        return ""
    written: list[str] = []
    for url, size in candidates:
        if not _SCHEME.match(url):
            url = absolute_url(base_url, url) or url
        written.append(f"{url} {size}".strip())
    return ", ".join(written)


def _set(
    token: Token,
    held: dict[str, Attribute],
    base_url: str,
) -> list[Edit]:
    """The `srcset`, which goes before `src` in every browser: absolute, and the lazy one in place of a placeholder."""
    written = held.get("srcset")
    if written is not None and _is_meant(written.value):
        resolved = _resolved_set(written.value, base_url)
        if not resolved or not written.place:
            return []
        return [(*written.place, f'"{escape(resolved)}"')]
    lazy = _lazy_set(held)
    value = _resolved_set(lazy, base_url) or lazy
    if written is not None and written.place:
        return [(*written.place, f'"{escape(value)}"')]
    if written is None and value and token.name == "source":
        end = max(one.end for one in held.values())
        return [(end, end, f' srcset="{escape(value)}"')]
    return []


def _is_meant(value: str) -> bool:
    """Whether a `srcset` is no placeholder: it shows something, or is empty."""
    return bool(_first_shown(value)) or not set_candidates(value)


def _lazy_set(held: dict[str, Attribute]) -> str:
    """The `srcset` that a script would put in place; '' where there is none."""
    for name in _LAZY_SETS[:-1]:
        value = held[name].value if name in held else ""
        if _first_shown(value) and _is_set_of_the_web(value):
            return value
    return ""


def _image(
    token: Token,
    held: dict[str, Attribute],
    base_url: str,
) -> list[Edit]:
    """The image's source and policy; new attributes stand after the last one."""
    name_end = token.start + 1 + len(token.name)
    end = max((one.end for one in held.values()), default=name_end)
    changes: list[Edit] = []
    added = ""
    source = shown_source(held)
    now = held["src"].value.strip() if "src" in held else ""
    target = source
    if not is_inline(source) and not _SCHEME.match(source):
        target = absolute_url(base_url, source) or source
    if target != now:
        place = held["src"].place if "src" in held else None
        if place:
            changes.append((*place, f'"{escape(target)}"'))
        elif "src" not in held:
            added += f' src="{escape(target)}"'
    policy = held.get("referrerpolicy")
    if policy is None:
        added += ' referrerpolicy="no-referrer"'
    elif policy.place and policy.value.strip().lower() != "no-referrer":
        changes.append((*policy.place, '"no-referrer"'))
    if added:
        changes.append((end, end, added))
    return changes
