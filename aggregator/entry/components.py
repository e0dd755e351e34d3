"""Elements of AMP and of light players, as the elements of HTML that they stand for.

A browser knows none of `<amp-img>`, `<amp-video>` or `<lite-youtube>`: without their scripts, which no body keeps, they
show nothing. Each is written as what it becomes: a picture, film, sound, frame; a player that is named by the id of
its film as the frame or the link that the same film has elsewhere. What comes out is judged as if it had come so.
"""

from __future__ import annotations

import re
from html import escape

from aggregator.entry.edits import Edit, applied
from aggregator.entry.tokens import Attribute, Piece, Token, attributes, tokens

_WORTH = re.compile(r"<(?:amp|lite)-", re.IGNORECASE)
_PICTURES = frozenset({"amp-img", "amp-anim"})
_MEDIA = {"amp-video": "video", "amp-audio": "audio"}
_FRAME = "amp-iframe"
_FILM_ATTRIBUTES = ("data-videoid", "videoid", "video-id")
_FILMS = {
    "amp-youtube": "https://www.youtube.com/embed/{}",
    "lite-youtube": "https://www.youtube.com/embed/{}",
    "amp-vimeo": "https://player.vimeo.com/video/{}",
    "lite-vimeo": "https://player.vimeo.com/video/{}",
    "amp-dailymotion": "https://www.dailymotion.com/embed/video/{}",
}
"""Player → the address of its frame."""
_POSTS = {
    "amp-twitter": ("data-tweetid", "https://twitter.com/i/status/{}"),
    "amp-instagram": ("data-shortcode", "https://www.instagram.com/p/{}/"),
    "amp-tiktok": ("data-src", "{}"),
    "amp-facebook": ("data-href", "{}"),
}
"""A post of a network → the attribute that names it, and the address of its page."""
_ID = re.compile(r"[\w-]{1,64}", re.ASCII)
_WEB = re.compile(r"https?://[^\s/?#]", re.IGNORECASE)
_MOST_OPEN = 100
_STOPGAPS = ("placeholder", "fallback", "overflow")
"""Attributes of what AMP shows only while, or where, it cannot show the element round it."""


def without_components(html: str) -> str:
    """The markup with elements that browsers know in place of those components."""
    if not _WORTH.search(html):
        return html
    changes: list[Edit] = []
    open_names: list[str] = []
    for token in tokens(html):
        if not _is_component(token):
            continue
        is_start = token.piece is Piece.START
        if is_start:
            text = _start(html, token, open_names)
            if len(open_names) < _MOST_OPEN:
                open_names.append(token.name)
        else:
            text = _end(token)
            if token.name in open_names:
                # What stands open in it ends with it.
                del open_names[_last(open_names, token.name) :]
        if text is not None:
            changes.append((token.start, token.end, text))
    return applied(html, changes)


def _is_component(token: Token) -> bool:
    is_tag = token.piece in (Piece.START, Piece.END)
    return is_tag and token.name.startswith(("amp-", "lite-"))


def _last(
    names: list[str],
    name: str,
) -> int:
    return len(names) - 1 - names[::-1].index(name)


def _start(
    html: str,
    token: Token,
    open_names: list[str],
) -> str | None:
    """What stands in place of a start tag; None where it stays."""
    held = {one.name: one for one in attributes(html, token)}
    rest = html[token.start + 1 + len(token.name) : token.end]
    if token.name in _PICTURES:
        # The picture it stands in for is shown.
        is_stopgap = bool(open_names) and any(name in held for name in _STOPGAPS)
        return "" if is_stopgap else f"<img{rest}"
    if token.name in _MEDIA:
        return f"<{_MEDIA[token.name]}{_unclosed(rest)}"
    if token.name == _FRAME:
        # A frame holds no markup, and AMP's does.
        return f"<iframe{_unclosed(rest)}</iframe>"
    if token.name in _FILMS:
        return _film(token, held)
    if token.name in _POSTS:
        return _post(token, held)
    return None


def _end(token: Token) -> str | None:
    if token.name in _MEDIA:
        return f"</{_MEDIA[token.name]}>"
    is_told = token.name in _PICTURES or token.name in _FILMS or token.name in _POSTS
    return "" if is_told or token.name == _FRAME else None


def _unclosed(
    rest: str,
) -> str:
    """The rest of a start tag without the slash that XHTML lets stand at its end."""
    return (
        f"{rest[:-1].rstrip(' /')}>" if rest.endswith((" />", '"/>', "'/>")) else rest
    )


def _film(
    token: Token,
    held: dict[str, Attribute],
) -> str | None:
    film = _value(held, *_FILM_ATTRIBUTES)
    if not _ID.fullmatch(film):
        return None
    address = _FILMS[token.name].format(film)
    title = _value(held, "title", "playlabel")
    named = f' title="{escape(title)}"' if title else ""
    return f'<iframe src="{address}"{named} allowfullscreen></iframe>'


def _post(
    token: Token,
    held: dict[str, Attribute],
) -> str | None:
    attribute, address = _POSTS[token.name]
    value = _value(held, attribute)
    is_address = address == "{}" and bool(_WEB.match(value))
    if not is_address and not _ID.fullmatch(value):
        return None
    target = escape(address.format(value))
    return f'<a href="{target}">{target}</a> '


def _value(
    held: dict[str, Attribute],
    *names: str,
) -> str:
    """The first of the attributes that holds something."""
    for name in names:
        value = held[name].value.strip() if name in held else ""
        if value:
            return value
    return ""
