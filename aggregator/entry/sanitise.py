"""Unsafe markup made safe by nh3, with our allow-list; owner of nh3.

nh3 re-serialises all it touches (of 1,046 real bodies 182 survive its default list unchanged), so it is used only for
what `safety` refuses. The list keeps what carries text, pictures and layout: `class`, harmless `style`, sizes, tables.
It judges attributes by the same questions as `safety`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from html import escape

import nh3

from aggregator.entry.safety import MEDIA, is_embeddable, is_safe, is_safe_attribute
from aggregator.entry.tokens import Piece, Token, attributes, tokens

_TEXT = frozenset(
    {
        "a",
        "abbr",
        "acronym",
        "address",
        "article",
        "aside",
        "b",
        "bdi",
        "bdo",
        "big",
        "blockquote",
        "br",
        "center",
        "cite",
    }
    | {"code", "data", "dd", "del", "details", "dfn", "dir", "div", "dl", "dt", "em", "figcaption", "figure", "font"}
    | {"footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "i", "ins", "kbd", "li", "main", "mark"}
    | {
        "menu",
        "nav",
        "nobr",
        "ol",
        "p",
        "pre",
        "q",
        "rb",
        "rp",
        "rt",
        "rtc",
        "ruby",
        "s",
        "samp",
        "section",
        "small",
        "span",
    }
    | {"strike", "strong", "sub", "summary", "sup", "time", "tt", "u", "ul", "var", "wbr"}
)
_TABLES = frozenset({"caption", "col", "colgroup", "table", "tbody", "td", "tfoot", "th", "thead", "tr"})
_PICTURES = frozenset({"area", "img", "map", "picture"})
_DROPPED = frozenset(
    {
        "script",
        "style",
        "title",
        "textarea",
        "template",
        "svg",
        "math",
        "select",
        "button",
        "object",
        "applet",
        "noscript",
    }
    | {"noembed", "noframes", "frameset"}
)
"""Elements whose content goes with them; of others that are not allowed the content stays."""

_EVERYWHERE = frozenset(
    {"align", "bgcolor", "border", "class", "color", "dir", "height", "hspace", "id", "lang", "name", "style", "title"}
    | {"valign", "vspace", "width"}
)
_OF_ELEMENT = {
    "a": {"href", "hreflang", "rel", "rev", "target", "type"},
    "area": {"alt", "coords", "href", "rel", "shape", "target"},
    "audio": {"controls", "loop", "muted", "preload", "src"},
    "blockquote": {"cite"},
    "col": {"span"},
    "colgroup": {"span"},
    "data": {"value"},
    "del": {"cite", "datetime"},
    "details": {"open"},
    "font": {"face", "size"},
    "hr": {"noshade", "size"},
    "iframe": {"allow", "allowfullscreen", "frameborder", "loading", "referrerpolicy", "sandbox", "scrolling", "src"},
    "img": {"alt", "crossorigin", "decoding", "loading", "referrerpolicy", "sizes", "src", "srcset", "usemap"},
    "ins": {"cite", "datetime"},
    "li": {"type", "value"},
    "ol": {"reversed", "start", "type"},
    "q": {"cite"},
    "source": {"media", "sizes", "src", "srcset", "type"},
    "table": {"cellpadding", "cellspacing", "frame", "rules", "summary"},
    "td": {"abbr", "colspan", "headers", "nowrap", "rowspan", "scope"},
    "th": {"abbr", "colspan", "headers", "nowrap", "rowspan", "scope"},
    "time": {"datetime"},
    "track": {"default", "kind", "label", "src", "srclang"},
    "ul": {"type"},
    "video": {"controls", "loop", "muted", "playsinline", "poster", "preload", "src"},
}


def sanitised(html: str, *, embeds: Collection[str]) -> str:
    """Safe markup that says the same: `is_safe` holds for the answer. '' when nothing safe is left."""
    allowed = frozenset(embeds)
    prepared = _without_media(_noscript_opened(html), allowed)
    for media in (allowed, frozenset[str]()):
        cleaned: str = _cleaner(media).clean(prepared).strip()
        if is_safe(cleaned, embeds=allowed):
            return cleaned
    return ""


@lru_cache(maxsize=8)
def _cleaner(embeds: frozenset[str]) -> nh3.Cleaner:
    """A cleaner that lets media of the hosts through, none without hosts."""

    def kept(element: str, name: str, value: str) -> str | None:
        if name == "src" and element in MEDIA | {"source", "track"}:
            value = _secured(value)
            return value if is_embeddable(value, embeds) else None
        return value if is_safe_attribute(element, name, value) else None

    tags = _TEXT | _TABLES | _PICTURES | (MEDIA | {"source", "track"} if embeds else {"source"})
    return nh3.Cleaner(
        tags=set(tags),
        clean_content_tags=set(_DROPPED if embeds else _DROPPED | MEDIA),
        attributes={"*": set(_EVERYWHERE), **{name: set(held) for name, held in _OF_ELEMENT.items() if name in tags}},
        attribute_filter=kept,
        generic_attribute_prefixes={"data-", "aria-"},
        link_rel=None,
        url_schemes={"http", "https", "mailto", "tel", "data"},
    )


def _noscript_opened(html: str) -> str:
    """Without the `noscript` tags, so that the pictures in it are kept, unless a lazy picture shows the same."""
    if "<noscript" not in html.lower():
        return html
    lazy = "data-src" in html or "data-lazy" in html or "data-original" in html
    parts = []
    for token in tokens(html):
        if token.name == "noscript" and (token.piece is not Piece.RAW or lazy):
            continue
        parts.append(html[token.start : token.end])
    return "".join(parts)


def _without_media(html: str, embeds: Collection[str]) -> str:
    """Media of other hosts: a frame goes, a film or sound becomes a link to it."""
    lowered = html.lower()
    if not any(f"<{name}" in lowered for name in MEDIA):
        return html
    parts: list[str] = []
    dropping = ""
    for token in tokens(html):
        if token.name in MEDIA and token.piece is Piece.START and not dropping and not _is_shown(html, token, embeds):
            dropping = token.name
            parts.append(_link(html, token))
        elif token.name == dropping and token.piece is Piece.END:
            dropping = ""
        elif not (dropping and (token.name == dropping or token.name in ("source", "track"))):
            parts.append(html[token.start : token.end])
        elif token.name == "source" and token.piece is Piece.START:
            parts.append(_link(html, token))
    return "".join(parts)


def _is_shown(html: str, token: Token, embeds: Collection[str]) -> bool:
    source = next((one.value for one in attributes(html, token) if one.name == "src"), None)
    return is_embeddable(_secured(source), embeds) if source is not None else False


def _secured(url: str) -> str:
    """The address by https: the hosts of `embeds` all serve it, and old feeds name them by http."""
    return re.sub(r"^\s*http:", "https:", url, flags=re.IGNORECASE)


def _link(html: str, token: Token) -> str:
    if token.name == "iframe":
        return ""
    source = next((one.value.strip() for one in attributes(html, token) if one.name == "src"), "")
    written = escape(source)
    return f'<a href="{written}">{written}</a> ' if source else ""
