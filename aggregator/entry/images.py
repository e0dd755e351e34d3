"""The picture that stands for an entry: `headimg` and `thumbnail` of its document.

The order: the first usable picture of the body, else of the feed's own fields, else of the body one that may be a
counter or a placeholder by its form, or an advertiser's: no size, and a name that is not surely a picture's. Counters
that are known, by service or by a form no picture has, never count: many have no width or height (every item of NPR
ends with one).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256

from aggregator.entry.edits import IMAGES, is_inline, is_named_empty, shown_source
from aggregator.entry.tokens import Attribute, attributes, start_tags
from aggregator.entry.urls import absolute_url, front_matter_url

FALLBACK = "https://picsum.photos/400/300?random={}"
_FALLBACK_HEAD = FALLBACK.partition("{")[0]
_FALLBACK_COUNT = 10_001
_HEADIMG = re.compile(r"^headimg: '([^'\n]*)'$", re.MULTILINE)

_NOTHING = re.compile(
    r"/(?:undefined|null|none|nan|%5bobject%20object%5d)/?(?:$|[?#])", re.IGNORECASE
)
_SERVICES = (
    "doubleclick.net feedsportal.com google-analytics.com googletagmanager.com googleadservices.com "
    "scorecardresearch.com statcounter.com pheedo.com chartbeat.net quantserve.com imrworldwide.com vgwort.de "
    "stats.wordpress.com stats.wp.com pixel.wp.com mc.yandex.ru counter.yadro.ru counter.rambler.ru hm.baidu.com "
    "bat.bing.com analytics.twitter.com px.ads.linkedin.com gemius.pl ivwbox.de ioam.de xiti.com estat.com "
    "webtrekk.net wt-eu02.net omtrdc.net 2o7.net cnzz.com histats.com track.hubspot.com pixel.parsely.com "
    "buysellads.com pubmatic.com adnxs.com adsrvr.org rlcdn.com counter.theconversation.com hits.theguardian.com "
    "feedblitz.com sitemeter.com clustrmaps.com extreme-dm.com flattr.com/button tinypass.com "
    "ga-beacon.appspot.com plausible.io etracker.com simpleanalyticscdn.com tinylytics.app/pixel "
    "b.hatena.ne.jp/entry/image b.hatena.ne.jp/entry/button addtoany.com/buttons feedly.com/img/follows"
)
_ADVERTISERS = (
    "awin1.com amazon-adsystem.com zanox.com zanox-affiliate.de linksynergy.com tradedoubler.com valuecommerce.com "
    "a8.net afl.rakuten.co.jp i.moshimo.com ftjcfx.com tqlkg.com lduhtrp.net awltovhc.com afcyhf.com "
    "shareasale.com/image tradetracker.net belboon.de googlesyndication.com"
)
"""Affiliate networks put a picture of one pixel behind each link."""
_BEACON_NAMES = (
    "track|tracking|tracker|beacon|pixel|px|count|counter|hits?|stats?|impressions?|analytics|collect|ping|"
    "clear|transparent|blank|spacer|1x1"
)
_NO_PICTURE = r"gif|png|php|aspx?|ashx|cgi|jsp|pl|js"
"""How the names of counters end, where they end in something; a photograph is no gif."""
_COUNTING_SERVICE = re.compile(
    rf"//(?:[\w-]+\.)*(?:{'|'.join(map(re.escape, f'{_SERVICES} {_ADVERTISERS}'.split()))})(?:[/?:]|$)"
    r"|assoc-amazon\.[a-z.]+/(?:e|s)/(?:ir|noscript)\?|blogger(?:\.googleusercontent)?\.com/tracker/|/mf\.gif(?:$|\?)"
    r"|/wf/open\?|/open\.aspx\?|st-hatena\.com/images/(?:append|entry-button)"
    r"|//feeds\.(?:feedburner|wordpress)\.com/|feedburner\.com/~|//feedproxy\.google\.com/|//(?:feeds?|rss)\d?\.[^/?]+/~[a-z]{1,2}/"
    r"|facebook\.com/tr/?(?:\?|$)|//media\.npr\.org/include/images/tracking/|//t\.co/i/adsct"
    r"|/(?:matomo|piwik)(?:\.php|\.js)?/?\?|/__utm\.gif|/b/ss/|/hm\.gif\?|[?&](?:feed-stats-post-id|republication-pixel)="
    r"|/smil(?:ies|eys?)/|//s\.w\.org/images/core/emoji/",
    re.IGNORECASE,
)
_PROXIED = (
    r"(?:[^#]*&)?(?:url|uri|src|source|image|img|pic|photo|file|path|u)=(?:https?(?::|%3a)|//|%2f%2f|"
    r"[^&#]*\.(?:jpe?g|png|webp|avif|gif|svg)(?:[?&#;]|%3f|$))"
)
"""A query that names a picture, or another address: what is asked shows that one, smaller or from nearer by."""
_FORM_OF_COUNTER = re.compile(
    rf"//(?:pixel|beacon|counter|count|track|tracker|tracking|analytics|metrics|telemetry)\d*\.[^/?]+/"
    r"(?![^?]*\.(?:jpe?g|png|webp|avif|svg)(?:$|\?))"
    rf"|//[^?#]+/(?:{_BEACON_NAMES})(?:\.(?:{_NO_PICTURE}))?/?(?:$|[?;](?!{_PROXIED}))"
    r"|//[^?#]+/(?:track|trk)/(?:[^?#]*/)?[^/?#.]*(?:\.(?:gif|php|aspx?|ashx|cgi|jsp))?(?:$|\?)"
    rf"|//[^?#]+/(?:tracking|beacon)/(?:[^?#]*/)?[^/?#.]*(?:\.(?:{_NO_PICTURE}))?(?:$|\?)"
    # The twelfth picture of a strip is no counter.
    rf"|//[^/?#]+/?\?(?!{_PROXIED})|/(?!\d+\.)[a-z0-9]{{1,3}}\.gif\?",
    re.IGNORECASE,
)
"""A last segment named so, a query without a path, `b.gif?…`."""
_SUSPECT = re.compile(
    r"\.gif\?(?!(?:itok|w|width|h|height|raw|resize|fit|size|quality|format|v|ver|t|ssl|auto|crop)=)|[-_](?:pixel|tracker|counter|beacon)\.(?:gif|png)(?:$|\?)"
    r"|/(?:facebook|twitter|linkedin|pinterest|whatsapp|telegram|reddit|rss|e?mail|share|print)(?:[_-]?(?:icon|logo|button|share))?\d*"
    r"\.(?:gif|png|svg)(?:$|\?)",
    re.IGNORECASE,
)
"""May be a counter: giphy's pictures are `.gif?`, too; what asks for a size or a version is a picture. Or a button."""
_SURE = re.compile(
    r"\.(?:jpe?g|png|webp|avif|heic|svg|bmp|tiff?)(?![a-z])|[?&=](?:jpe?g|png|webp|avif)\b|"
    r"(?:image|img|photo|pic|media|upload|thumb|cover|poster)",
    re.IGNORECASE,
)
"""A name of a picture; counters and advertisers without a size have others, and so have few pictures."""
_FACE = re.compile(r"//(?:[\w-]+\.)?gravatar\.com/(?:avatar|blavatar)/", re.IGNORECASE)
"""The author's face or the site's sign, which wordpress.com names first among the pictures of every post."""
_SHOWN = frozenset(
    {
        "video",
        "audio",
        "iframe",
        "object",
        "embed",
        "svg",
        "math",
    }
)
_HIDDEN = re.compile(
    r"display:none|visibility:hidden|(?:^|;)(?:max-)?(?:width|height):[01](?:px)?(?:;|$)"
)
_SIZE = re.compile(r"\s*(\d+)(?!\d*\s*%)")


def lead_image(
    html: str,
    *,
    base_url: str,
    candidates: Iterable[str] = (),
) -> str:
    """The picture of an entry, as `headimg` holds it; '' if there is none."""
    own = (usable_image(address, base_url=base_url) for address in candidates)
    # wordpress.com names the author's face first.
    pictures = (url for url in own if url and not _FACE.search(url))
    stated = next(pictures, "")
    suspect = ""
    for source, is_sized in _sources(html):
        url = usable_image(source, base_url=base_url)
        is_sure = is_sized or not stated or bool(_SURE.search(source))
        if url and is_sure and not _is_suspect(source):
            return front_matter_url(url)
        suspect = suspect or url
    return front_matter_url(stated or suspect)


def shows_media(html: str) -> bool:
    """Whether markup without text shows something all the same: a picture, film, sound, frame, formula or drawing."""
    for token in start_tags(html):
        if token.name in _SHOWN:
            held = {one.name: one for one in attributes(html, token)}
            if not is_tiny(held):
                return True
    sources = (source for source, _ in _sources(html))
    return any(not is_counter(source) and not _is_suspect(source) for source in sources)


def usable_image(url: str, *, base_url: str) -> str:
    """The absolute http(s) address of a picture worth showing; '' for inline data, counters and `…/undefined`."""
    if is_inline(url):
        return ""
    resolved = absolute_url(base_url, url)
    # `…/undefined` is what a script writes for a post without a picture.
    if _NOTHING.search(resolved) or is_counter(resolved):
        return ""
    return resolved


def is_counter(url: str) -> bool:
    """Whether an address is known for counting readers, by its service or by a form that no picture has."""
    return is_of_counting_service(url) or bool(_FORM_OF_COUNTER.search(url))


def is_of_counting_service(url: str) -> bool:
    """Whether an address is of a service that counts readers. A player may have any form: `/embed/track/1`."""
    return bool(_COUNTING_SERVICE.search(url))


def fallback_image(entry_id: str) -> str:
    """A picture chosen by the entry's id, so that a later poll chooses the same."""
    number = int.from_bytes(sha256(entry_id.encode()).digest())
    return FALLBACK.format(number % _FALLBACK_COUNT)


def image_of(document: str) -> str:
    """The picture that a document names; '' where it has none of its own (`fallback_image` is nobody's picture)."""
    named = _HEADIMG.search(document)
    if named is None or named[1].startswith(_FALLBACK_HEAD):
        return ""
    return named[1]


def _sources(html: str) -> Iterator[tuple[str, bool]]:
    """What the images of some markup show, and whether they state a size; hidden and tiny ones left out."""
    # Most bodies have none: this look takes a twentieth of the time that their tags take.
    if "<im" not in html.lower():
        return
    for token in start_tags(html):
        if token.name in IMAGES:
            held = {one.name: one for one in attributes(html, token)}
            source = "" if is_tiny(held) else shown_source(held)
            if source and not is_inline(source):
                yield source, "width" in held or "height" in held


def _is_suspect(source: str) -> bool:
    if is_named_empty(source):
        return True
    return bool(_SUSPECT.search(source) or _FACE.search(source))


def is_tiny(held: dict[str, Attribute]) -> bool:
    """Whether the image is no larger than 2 pixels one way, or hidden."""
    if "hidden" in held:
        return True
    for name in ("width", "height"):
        size = _SIZE.match(held[name].value) if name in held else None
        # Cut, since Python refuses to read thousands of digits.
        if size and int(size[1][:6]) <= 2:
            return True
    if "style" not in held:
        return False
    style = "".join(held["style"].value.lower().split())
    return bool(_HIDDEN.search(style))
