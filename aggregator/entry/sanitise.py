"""Unsafe markup made safe by nh3, with our allow-list; owner of nh3.

nh3 re-serialises all it touches (of 1,046 real bodies 182 survive its default list unchanged), so it is used only for
what `safety` refuses. The list keeps what carries text, pictures and layout: `class`, harmless `style`, sizes, tables.
It judges attributes by the same questions as `safety`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache

import nh3

from aggregator.entry.edits import LAZY, shown_source
from aggregator.entry.replaced import secured, without_replaced
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
    | {
        "code",
        "data",
        "dd",
        "del",
        "details",
        "dfn",
        "dir",
        "div",
        "dl",
        "dt",
        "em",
        "figcaption",
        "figure",
        "font",
    }
    | {
        "footer",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hgroup",
        "hr",
        "i",
        "ins",
        "kbd",
        "li",
        "main",
        "mark",
    }
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
    | {
        "strike",
        "strong",
        "sub",
        "summary",
        "sup",
        "time",
        "tt",
        "u",
        "ul",
        "var",
        "wbr",
    }
)
_TABLES = frozenset(
    {
        "caption",
        "col",
        "colgroup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
    }
)
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
        "datalist",
        "object",
        "applet",
        "noscript",
    }
    | {"noembed", "noframes", "frameset"}
)
"""Elements whose content goes with them; of others that are not allowed the content stays."""

_EVERYWHERE = frozenset(
    {
        "align",
        "bgcolor",
        "border",
        "class",
        "color",
        "dir",
        "height",
        "hspace",
        "id",
        "lang",
        "name",
        "style",
        "title",
    }
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
    "iframe": {
        "allow",
        "allowfullscreen",
        "frameborder",
        "loading",
        "referrerpolicy",
        "sandbox",
        "scrolling",
        "src",
    },
    "img": {
        "alt",
        "crossorigin",
        "decoding",
        "loading",
        "referrerpolicy",
        "sizes",
        "src",
        "srcset",
        "usemap",
    }
    | {name for name in LAZY if not name.startswith("data-")},
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
    "video": {
        "controls",
        "loop",
        "muted",
        "playsinline",
        "poster",
        "preload",
        "src",
    },
}


def sanitised(
    html: str,
    *,
    embeds: Collection[str],
) -> str:
    """Safe markup that says the same: `is_safe` holds for the answer. '' when nothing safe is left."""
    allowed = frozenset(embeds)
    prepared = without_replaced(_noscript_opened(html), embeds=allowed)
    # What nh3 lets through as media may still be refused: then without any.
    for media in (allowed, frozenset[str]()):
        cleaned: str = _cleaner(media).clean(prepared).strip()
        if is_safe(cleaned, embeds=allowed):
            return cleaned
    return ""


_OF_MEDIA = MEDIA | {"source", "track"}


@lru_cache(maxsize=8)
def _cleaner(embeds: frozenset[str]) -> nh3.Cleaner:
    """A cleaner that lets media of the hosts through, none without hosts."""

    def kept(
        element: str,
        name: str,
        value: str,
    ) -> str | None:
        if name == "src" and element in _OF_MEDIA:
            value = secured(value)
            return value if is_embeddable(value, embeds) else None
        return value if is_safe_attribute(element, name, value) else None

    # A picture has sources, too.
    tags = _TEXT | _TABLES | _PICTURES | {"source"}
    dropped = _DROPPED | MEDIA
    if embeds:
        tags |= _OF_MEDIA
        dropped = _DROPPED
    return nh3.Cleaner(
        tags=set(tags),
        clean_content_tags=set(dropped),
        attributes={
            "*": set(_EVERYWHERE),
            **{name: set(held) for name, held in _OF_ELEMENT.items() if name in tags},
        },
        attribute_filter=kept,
        generic_attribute_prefixes={"data-", "aria-"},
        # Else nh3 would write `rel` into every link.
        link_rel=None,
        # Of `data:` the filter above lets only pictures through.
        url_schemes={"http", "https", "mailto", "tel", "data"},
    )


def _noscript_opened(html: str) -> str:
    """Without the `noscript` tags, so that the pictures in it are kept, but for those a lazy picture shows, too."""
    if "<noscript" not in html.lower():
        return html
    pieces = list(tokens(html))
    shown = set(_pictures(html, pieces))
    parts = []
    for token in pieces:
        text = html[token.start : token.end]
        is_content = token.piece is Piece.RAW and not _repeats(text, shown)
        if token.name != "noscript" or is_content:
            parts.append(text)
    return "".join(parts)


def _pictures(
    html: str,
    pieces: Iterable[Token],
) -> Iterator[str]:
    """The address of each picture, as it is meant to be shown."""
    for token in pieces:
        if token.name == "img" and token.piece is Piece.START:
            yield shown_source({one.name: one for one in attributes(html, token)})


def _repeats(html: str, shown: Collection[str]) -> bool:
    """Whether some markup holds pictures, and all of them are shown elsewhere."""
    pictures = set(_pictures(html, tokens(html)))
    return bool(pictures) and pictures.issubset(shown)
