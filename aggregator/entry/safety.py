"""Whether markup is safe to publish byte for byte, judged on the tree a browser would build.

Rules (schema.md). A body is unsafe when, parsed inside the wrapper of the document form, there is
- an element of `FORBIDDEN` (schema.md's list, and what loads or hides text the same way), or media that is not https
  or not of an allowed host;
- an `on*` or `srcdoc` attribute, or a URL of another scheme than http(s), mailto, tel (`data:` only for raster images);
- a `style` that loads or runs something or leaves its place;
- anything that closes the wrapper, or reaches beyond it;
- anything that a reader of Markdown would cut into other tags than a browser (`markdown.is_read_alike`), or an
  attribute that has Markdown read inside the element.

The tree is lexbor's (selectolax), which follows the HTML standard; nothing is decided on the text with patterns, as
`java&#x09;script:` or `<svg><style><img onerror>` show why. Deep nesting takes lexbor quadratic time (20,000 open
elements 0.5 s, 50,000 3.2 s), so `is_bounded` comes first.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from aggregator.entry.lengths import paints_far
from aggregator.entry.markdown import is_read_alike
from aggregator.entry.tokens import Piece, Token, attributes, tokens

FORBIDDEN = frozenset(
    {
        "script",
        "form",
        "input",
        "button",
        "select",
        "option",
        "optgroup",
        "textarea",
        "fieldset",
        "datalist",
        "output",
    }
    | {
        "keygen",
        "isindex",
        "object",
        "embed",
        "applet",
        "base",
        "meta",
        "link",
        "style",
        "svg",
    }
    | {
        "math",
        "frameset",
        "frame",
        "template",
        "noscript",
        "plaintext",
        "xmp",
        "title",
        "noembed",
        "noframes",
    }
    | {"bgsound", "portal", "fencedframe", "dialog"}
)
MEDIA = frozenset({"iframe", "video", "audio"})
_MEDIA_PARTS = frozenset({"source", "track"})

URL_ATTRIBUTES = frozenset(
    {
        "href",
        "src",
        "poster",
        "cite",
        "background",
        "longdesc",
        "usemap",
        "action",
        "formaction",
        "data",
        "codebase",
    }
    | {"classid", "lowsrc", "dynsrc", "profile", "manifest", "xlink:href", "icon"}
)
SET_ATTRIBUTES = frozenset({"srcset", "imagesrcset", "ping", "archive"})
"""Attributes that hold several addresses."""

_NEVER_ATTRIBUTES = frozenset({"srcdoc", "markdown"})
"""`markdown` has kramdown and Python-Markdown read Markdown inside an HTML block."""

MAX_DEPTH = 500
"""Open elements; browsers stop at 512. Real bodies reach 30."""
MAX_COPIES = 200_000
"""Elements a browser may add by carrying unclosed `<b>`, `<font>`… into new blocks: a guess, far above real ones."""

MAX_ATTRIBUTES = 256
"""Of one element; both parsers compare each new name with all before it."""
_LONG_TAG_CHARS = 2048
_SURELY_BOUNDED_CHARS = 16_384
"""One tag that fills this holds 8,000 attributes: 30 ms in lexbor."""

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
_PLAIN_SCHEMES = frozenset({"http", "https", "mailto", "tel"})
_RASTER = re.compile(
    r"data:image/(?:png|gif|jpe?g|webp|bmp|avif|x-icon|vnd\.microsoft\.icon)[;,]",
    re.IGNORECASE,
)
_BLANKS = re.compile(r"[\x00-\x20\x7f]+")
_CSS_COMMENT = re.compile(r"/\*.*?(?:\*/|$)", re.DOTALL)
_CSS_ESCAPE = re.compile(
    r"\\(?:([0-9a-fA-F]{1,6})[ \t\n\r\f]?|(\r\n|[\n\r\f])|(.))", re.DOTALL
)
_CSS_UNSAFE = re.compile(
    r"url\(|src\(|image\(|image-set\(|expression|@import|-moz-binding|behaviou?r:|javascript:"
    # what takes its value from elsewhere cannot be judged here
    r"|(?:var|env|attr|if|inherit|random-item|first-valid|toggle)\(|(?:^|[;{])--"
    # what leaves its place lies over what others wrote
    r"|(?:^|[;{])position:(?!static|relative[;!]|relative$)|position-(?:anchor|area|try)|(?:^|[;{])inset|anchor\("
    r"|(?:^|[;{])(?:offset[a-z-]*|(?:-[a-z]+-)?transform[a-z-]*|translate|scale|rotate|zoom|(?:-[a-z]+-)?animation[a-z-]*):"
)
"""On a style without white space, comments and escapes, lower case."""

_VOID = frozenset(
    {
        "area",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
    }
)
_IMPLIED_END = frozenset(
    {
        "p",
        "li",
        "dt",
        "dd",
        "tr",
        "td",
        "th",
        "thead",
        "tbody",
        "tfoot",
        "colgroup",
        "option",
        "rt",
        "rp",
    }
)
_FORMATTING = frozenset(
    {
        "a",
        "b",
        "big",
        "code",
        "em",
        "font",
        "i",
        "nobr",
        "s",
        "small",
        "strike",
        "strong",
        "tt",
        "u",
    }
)
_INSIDE, _AFTER = "aggregator-inside", "aggregator-after"


def is_safe(
    html: str,
    *,
    embeds: Collection[str],
) -> bool:
    """Whether the body may be published as it is. `html` is clean (`characters`) and bounded (`is_bounded`)."""
    if "<" not in html:
        return True
    if not is_read_alike(html):
        return False
    tree = LexborHTMLParser(
        f"<div>   \n{html}\n  \n<{_INSIDE}></{_INSIDE}></div><{_AFTER}></{_AFTER}>"
    )
    root = tree.root
    if root is None or not _keeps_wrapper(tree):
        return False
    return all(_is_safe_element(node, embeds) for node in root.traverse())


def is_bounded(html: str) -> bool:
    """Whether a parser can build the tree in time that grows no faster than the text."""
    if html.count("<") <= MAX_DEPTH and len(html) <= _SURELY_BOUNDED_CHARS:
        return True
    depth = formatting = copies = 0
    for token in tokens(html):
        is_long = token.end - token.start > _LONG_TAG_CHARS
        if is_long and token.piece is Piece.START and _is_crowded(html, token):
            return False
        # Browsers open unclosed `<b>` and `<font>` anew in each block that follows.
        if token.piece is Piece.START and token.name not in _VOID:
            copies += 0 if token.name in _FORMATTING else formatting
            formatting += token.name in _FORMATTING
            depth += token.name not in _IMPLIED_END
        elif token.piece is Piece.END:
            formatting -= token.name in _FORMATTING and formatting > 0
            depth -= token.name not in _IMPLIED_END and depth > 0
        if depth > MAX_DEPTH or copies > MAX_COPIES:
            return False
    return True


def _is_crowded(html: str, token: Token) -> bool:
    return len(attributes(html, token)) > MAX_ATTRIBUTES


def is_safe_style(style: str, *, element: str = "") -> bool:
    """Whether a `style` attribute only changes how its element looks: nothing loaded, run, or moved over the page."""
    text = style.lower()
    if "\\" in text:
        text = _CSS_ESCAPE.sub(_css_character, text).lower()
    # With its comments as well, for readers that know none.
    for one in (_CSS_COMMENT.sub("", text), text):
        if _CSS_UNSAFE.search("".join(one.split())) or paints_far(one, element=element):
            return False
    return True


def is_safe_url(
    url: str,
    *,
    element: str = "",
) -> bool:
    """Whether a browser takes the value for http(s), mailto, tel or relative; `img` may hold a raster as `data:`."""
    text = _BLANKS.sub("", url)
    scheme = _SCHEME.match(text)
    if scheme is None or scheme[1].lower() in _PLAIN_SCHEMES:
        return True
    return element == "img" and bool(_RASTER.match(text))


def is_embeddable(url: str, embeds: Collection[str]) -> bool:
    """Whether media may be shown: https from a host of `[documents] embeds`."""
    try:
        split = urlsplit(_BLANKS.sub("", url.replace("\\", "/")))
        host = split.hostname
    except ValueError:
        return False
    # `//host/…` is https on a page that is.
    if host is None or split.scheme.lower() not in ("https", ""):
        return False
    return host.lower() in embeds


def _keeps_wrapper(tree: LexborHTMLParser) -> bool:
    """Whether the wrapper ends where it is closed, and nothing of the body reaches what follows it."""
    root = tree.root
    body = tree.body
    wrapper = tree.css_first("body > div")
    inside = tree.css(_INSIDE)
    after = tree.css(_AFTER)
    if root is None or body is None or wrapper is None:
        return False
    # A body that writes our own marks would pass for what stands behind it.
    if len(inside) != 1 or len(after) != 1:
        return False
    # `<body onload>` inside a body adds to the page's own element.
    if body.attributes or root.attributes:
        return False
    children = list(body.iter(include_text=True))
    if len(children) != 2 or children[0] != wrapper or children[1] != after[0]:
        return False
    return _is_within(inside[0], wrapper)


def _is_within(node: LexborNode, ancestor: LexborNode) -> bool:
    above = node.parent
    while above is not None and above != ancestor:
        above = above.parent
    return above is not None


def _is_safe_element(node: LexborNode, embeds: Collection[str]) -> bool:
    tag = node.tag or ""
    if tag in FORBIDDEN:
        return False
    held = node.attributes
    if not held and tag not in MEDIA:
        return True
    if tag in MEDIA or tag in _MEDIA_PARTS:
        return _is_safe_media(tag, held, embeds) and _are_safe_attributes(tag, held)
    return _are_safe_attributes(tag, held)


def _is_safe_media(
    tag: str, held: dict[str, str | None], embeds: Collection[str]
) -> bool:
    # Attributes without a value are None, too.
    source = held.get("src")
    if source is None:
        # Its sources are elements of their own.
        return tag != "iframe"
    return is_embeddable(source, embeds)


def _are_safe_attributes(
    tag: str,
    held: dict[str, str | None],
) -> bool:
    pairs = held.items()
    return all(is_safe_attribute(tag, name, value or "") for name, value in pairs)


def is_safe_attribute(
    element: str,
    name: str,
    value: str,
) -> bool:
    """Whether one attribute (names lower case, value decoded) neither runs nor opens anything it must not."""
    if name.startswith("on") or name in _NEVER_ATTRIBUTES:
        return False
    if name == "style":
        return is_safe_style(value, element=element)
    if name in URL_ATTRIBUTES or name.endswith("href"):
        # Hexo makes `href` of the end of a link's `data-href`
        return is_safe_url(value, element=element if name == "src" else "")
    if name in SET_ATTRIBUTES:
        # Addresses and sizes alike: a size is no scheme.
        parts = filter(None, re.split(r"[\s,]+", value))
        return all(is_safe_url(part, element=element) for part in parts)
    return True


def _css_character(escape: re.Match[str]) -> str:
    if escape[1]:
        code = int(escape[1], 16)
        return chr(code) if 0 < code <= 0x10FFFF else "\ufffd"
    return escape[3] or ""
