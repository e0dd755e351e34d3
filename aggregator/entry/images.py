"""The picture that stands for an entry: `headimg` and `thumbnail` of its document."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256

from aggregator.entry.edits import shown_source
from aggregator.entry.tokens import Attribute, attributes, start_tags
from aggregator.entry.urls import absolute_url, front_matter_url

FALLBACK = "https://picsum.photos/400/300?random={}"
_FALLBACK_COUNT = 10_001

_NOTHING = re.compile(r"/(?:undefined|null|none|nan|%5bobject%20object%5d)/?(?:$|[?#])", re.IGNORECASE)
_COUNTER = re.compile(
    r"//(?:[\w-]+\.)*(?:doubleclick\.net|feedsportal\.com|google-analytics\.com|scorecardresearch\.com|statcounter\.com|"
    r"stats\.wordpress\.com|pixel\.wp\.com|pheedo\.com|chartbeat\.net|quantserve\.com|imrworldwide\.com)/|"
    r"//feeds\.(?:feedburner|wordpress)\.com/|feedburner\.com/~|//[^/]+/(?:.*/)?(?:1x1|pixel|spacer|blank|transparent|clear|"
    r"count(?:er)?|beacon)\.(?:gif|png)(?:$|\?)|/smil(?:ies|eys?)/|//s\.w\.org/images/core/emoji/",
    re.IGNORECASE,
)
_HIDDEN = re.compile(r"display:none|visibility:hidden|(?:^|;)(?:max-)?(?:width|height):[01](?:px)?(?:;|$)")
_SIZE = re.compile(r"\s*(\d+)(?!\d*\s*%)")


def lead_image(html: str, *, base_url: str, candidates: Iterable[str] = ()) -> str:
    """The first usable image of the body, else of the feed's own fields, as `headimg` holds it; '' if there is none."""
    for token in start_tags(html):
        if token.name == "img":
            held = {one.name: one for one in attributes(html, token)}
            url = "" if _is_tiny(held) else usable_image(shown_source(held), base_url=base_url)
            if url:
                return front_matter_url(url)
    usable = (usable_image(one, base_url=base_url) for one in candidates)
    return front_matter_url(next(filter(None, usable), ""))


def usable_image(url: str, *, base_url: str) -> str:
    """The absolute http(s) address of a picture worth showing; '' for inline data, counters and `…/undefined`."""
    resolved = absolute_url(base_url, url) if url.strip() else ""
    return "" if _NOTHING.search(resolved) or _COUNTER.search(resolved) else resolved


def fallback_image(entry_id: str) -> str:
    """A picture chosen by the entry's id, so that a later poll chooses the same."""
    return FALLBACK.format(int.from_bytes(sha256(entry_id.encode()).digest()) % _FALLBACK_COUNT)


def _is_tiny(held: dict[str, Attribute]) -> bool:
    """Whether the image is no larger than 2 pixels one way, or hidden."""
    for name in ("width", "height"):
        size = _SIZE.match(held[name].value) if name in held else None
        if size and int(size[1][:6]) <= 2:
            return True
    style = held["style"].value.lower() if "style" in held else ""
    return bool(style) and bool(_HIDDEN.search("".join(style.split())))
