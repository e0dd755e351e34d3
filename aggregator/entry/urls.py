"""URLs: the address that is published, and the address by which two links are compared.

- `absolute_url` is for publishing: what a browser would open, or '' when that is not http(s).
- `canonical_url` is for comparison only and never shown: one spelling for all addresses of one page.
- Nothing here raises, whatever the text is, and nothing asks the network.

Quoting and the order of parameters are w3lib's; it raises on ports and hosts that are none, so everything goes
through `_parts` first. A parameter is dropped only when it is known to carry no content: a wrong drop makes two
pages one, which hides news, while a missed one only costs a match.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from publicsuffixlist import PublicSuffixList
from w3lib.url import canonicalize_url

from aggregator.entry.short_texts import remembering
from aggregator.entry.word_set import word_set

MAX_URL_CHARS = 4096
"""Longer ones are not used: a cut address is a wrong one. The longest of 31,097 links of real feeds has 437."""

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_DIRECTIONS = "\u202a-\u202e\u2066-\u2069"
"""Characters that turn the direction of writing: another address is shown than is meant."""
_EDGE = (
    "".join(map(chr, range(0x21)))
    + "\u00a0\u3000\ufeff\u200b\u200e\u200f"
    + "".join(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
)
_SPACES = re.compile(rf"[\s{_DIRECTIONS}]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_HOST = re.compile(r"[^\s/?#@:\\<>\[\]^|%\"'`{}!$&()*+,;=]+")
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    chr(plane + end)
    for plane in range(0, 0x110000, 0x10000)
    for end in (0xFFFE, 0xFFFF)
)
_NEVER_IN_URL = re.compile(
    "[\\x00-\\x20\\x7f-\\xa0'{}\\\\\"<>|^`\\s\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff"
    + _NONCHARACTERS
    + "]"
)
"""Quotes and braces, which the front matter and templates read; what no URL carries; what YAML has no place for."""


_TRACKING = word_set(
    """
    fbclid gclid gclsrc dclid gbraid wbraid msclkid yclid ymclid igshid igsh twclid ttclid li_fat_id mc_cid
    mc_eid mkt_tok vero_id vero_conv _hsenc _hsmi __hssc __hstc __hsfp hsctatracking oly_anon_id oly_enc_id
    rb_clickid s_cid ck_subscriber_id wickedid epik srsltid sscid irclickid gad_source gad_campaignid _ga _gl
    _ke _bhlid _openstat cmpid cmp cid_source ncid ocid icid ito ns_mchannel ns_source ns_campaign ns_linkname
    ns_fee at_medium at_campaign wt_mc wt.mc_id wtmc maca xtor xtref eref rsspartner feedtype feedname wprss emc
    cmpid1 campaign_id ftag intcid soc_src soc_trk guccounter guce_referrer guce_referrer_sig sr_share smid
    smtyp smprod taid mod_source __twitter_impression usqp amp_js_v amp_gsa spm spm_id_from vd_source
    share_source share_medium share_plat share_session_id share_tag share_times share_from share_token share_id
    bbid from_spmid is_story_h5 unique_k wfr sharer_shareid sharer_shareinfo sharer_sharetime isappinstalled
    nsukey adchannelid chksm xtrack rss_source trackingid tracking_id cx_testid cx_testvariant cx_artpos
    jsessionid phpsessid aspsessionid zanpid mibextid wpisrc wpmm traffic_source rdt_cid piano_id ns_ad
    outputtype _ssclid
    """
)
"""Names that carry no content wherever they stand, lower case; families with a common start are in `_FAMILY`."""

_FAMILY = re.compile(
    r"utm_|at_(?:campaign|link|bbc|ptr|audience|format|creation|objective|medium|mid|nation|product|brand)|"
    r"pk_|piwik_|mtm_|matomo_|hsa_|__s$|ga_|aspsession|fb_|hmsr|sourceshare",
    re.IGNORECASE,
)

_REFERRERS = word_set(
    "from source src ref referer referrer feed campaign partner rss via origin nav mc kc fr oc"
)
"""Names that carry content on some sites: dropped only with a value of `_REFERRER_VALUE`."""
_REFERRER_VALUE = re.compile(
    r"(?:rss|atom|feed|newsfeed|feedburner|timeline|singlemessage|groupmessage|appmsg|androidqq|weibo|wechat|weixin|qzone|"
    r"twitter|facebook|mastodon|telegram|email|newsletter|share|social|mobile|app)(?:[\d._:-]\w*)*|",
    re.IGNORECASE,
)
_ONLY = {
    "mp.weixin.qq.com": frozenset({"__biz", "mid", "idx", "sn"}),
    "youtube.com": frozenset({"v", "list"}),
    "news.google.com": frozenset({"url", "q"}),
}
"""Hosts whose every other parameter is known to be decoration."""

_AMP_CACHE = re.compile(r"/(?:amp/s|[cv]/s|c|v|amp)/(?P<rest>[^/?#]+\.[^/?#]+/.*)")
_AMP_PATH = re.compile(r"(?<=[^/])(?:/amp(?:\.html)?/?|\.amp(?=\.html$)|\.amp/?)$")
_MOBILE = re.compile(r"^(?:www\d?|m|mobile|amp|wap)\.(?=[^.]+\.)|(?<=^..)\.m(?=\.)")
_SESSION_PATH = re.compile(r";(?:jsessionid|phpsessid)=[^/?#]*", re.IGNORECASE)

_PLAIN_HOST = r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,3}"
_PLAIN = re.compile(rf"https?://(?P<host>{_PLAIN_HOST})(?:[/?#][!-\[\]-~]*)?")
"""Addresses in which nothing is to be cleaned, nine of ten: a browser opens them as they are written."""
_PLAIN_PAGE = re.compile(
    rf"https?://(?P<host>{_PLAIN_HOST})(?P<path>(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)/?"
    r"(?:\?(?P<query>[A-Za-z0-9._-]+=[A-Za-z0-9._-]*(?:&[A-Za-z0-9._-]+=[A-Za-z0-9._-]*)*))?(?:#[A-Za-z0-9_-]*)?"
)
"""Addresses in which w3lib would quote nothing."""
_OF_OTHER_PAGES = re.compile(r"youtu\.be|google|ampproject")
"""Hosts whose addresses may stand for a page elsewhere."""
_HOSTS_KEPT = 4096


_LINE_BREAK = re.compile(r"[ \t]*[\r\n]\s*")
_TWICE = re.compile(r"\Ahttps?://[^/?#]*(?=https?://)", re.IGNORECASE)
"""A site's address before a whole one: `https://a.examplehttps://a.example/1`, `http://https://a.example/1`."""
_SCHEME_SLIP = re.compile(r"\A(https?)(?::/(?!/)|:/{3,}|//)", re.IGNORECASE)
_WWW = re.compile(r"www\d?\.[\w-]+\.[\w.-]+(?:[:/?#]|\Z)", re.IGNORECASE)


_NO_ADDRESSES = word_set(
    "n/a n.a. none null (null) nil nan undefined # - -- \u2013 \u2014 ? about:blank http:// https://"
)
"""What templates write where they have no address, lower case. A name such as `post.html` is a relative one."""


class _Parts(NamedTuple):
    """An http(s) address taken apart: `host` lower case without userinfo and port, `port` with its colon or ''."""

    scheme: str
    host: str
    port: str
    path: str
    query: str
    fragment: str

    def text(self) -> str:
        query = f"?{self.query}" if self.query else ""
        fragment = f"#{self.fragment}" if self.fragment else ""
        return f"{self.scheme}://{self.host}{self.port}{self.path}{query}{fragment}"


def absolute_url(base: str, url: str) -> str:
    """`url` as a browser on page `base` would open it; '' when that is not http(s), has no host, or is too long.

    White space, control characters and those that turn the direction of writing are removed or percent-encoded as the
    URL standard says; other characters stay.
    """
    if _PLAIN.fullmatch(url) and len(url) <= MAX_URL_CHARS:
        return url
    cleaned = _cleaned(url)
    if not cleaned:
        return ""
    if not _SCHEME.match(cleaned):
        cleaned = _joined(_cleaned(base), cleaned)
    return cleaned if _parts(cleaned) else ""


def stated_url(text: str) -> str:
    """What a publisher's field for an address means, its slips mended; a relative address stays one.

    Templates break a line inside it, put a whole address behind the site's own, leave out a slash, a colon or the
    scheme, or say in words that there is none (''). Links in a text are none of this: a browser shows where they lead.
    """
    if len(text) > 2 * MAX_URL_CHARS or _PLAIN.fullmatch(text):
        return text
    address = _LINE_BREAK.sub("", text.strip(_EDGE))
    if address.lower() in _NO_ADDRESSES:
        return ""
    address = _TWICE.sub("", address, count=1)
    address = _SCHEME_SLIP.sub(r"\1://", address, count=1)
    return f"//{address}" if _WWW.match(address) else address


@remembering
def canonical_url(url: str) -> str:
    """One spelling for all addresses of a page, for comparison only; '' for what is no absolute http(s) address.

    Idempotent. The scheme becomes https; userinfo, default ports, `www.`/`m.`/`amp.`, tracking parameters, session
    ids, a trailing slash and the fragment (but `#!…` and `#/…`, which name pages) go; parameters are sorted.
    """
    # Feeds escape addresses twice.
    current = _cleaned(url).replace("&amp;", "&")
    # An AMP cache address holds another one; odd quoting settles at the second round.
    for _ in range(4):
        previous, current = current, _canonical_once(current)
        if current in (previous, ""):
            return current
    return current if _canonical_once(current) == current else ""


_WEB_SCHEME = re.compile(r"^https?:", re.IGNORECASE)


def without_userinfo(url: str) -> str:
    """The address without `user:password@`; other bytes stay. For what is logged or published."""
    head, separator, tail = url.partition("//")
    if not separator or "@" not in tail:
        return url
    # An @ behind the host belongs to the path: `https://example.org/@name`.
    ends = (place for place in map(tail.find, "/?#\\") if place >= 0)
    end = min(ends, default=len(tail))
    host = tail[:end].rpartition("@")[2]
    return head + separator + host + tail[end:]


def public_address(url: str) -> str:
    """The address without userinfo, query and fragment: what relative links of a document may be resolved against.

    A private feed's address carries its token in one of them; a link `#top` would publish it.
    """
    return without_userinfo(re.split(r"[?#]", url, maxsplit=1)[0])


def without_own_query(url: str, feed_url: str) -> str:
    """The address; where it is the feed's own, as some publishers name their entries (`…/feed?token=x#5`), without the
    query. A private feed's token stands there."""
    own, _, _ = without_userinfo(feed_url).partition("#")
    address, _, fragment = url.partition("#")
    if "?" not in own or _WEB_SCHEME.sub("", address) != _WEB_SCHEME.sub("", own):
        return url
    place = f"#{fragment}" if fragment else ""
    return f"{public_address(url)}{place}"


def front_matter_url(url: str) -> str:
    """The address with what no valid URL carries (quotes, braces, white space, controls…) percent-encoded."""
    return _NEVER_IN_URL.sub(_quoted_whole, _without_surrogates(url))


def _quoted_whole(characters: re.Match[str]) -> str:
    return quote(characters[0], safe="")


def host_of(url: str) -> str:
    """The host, lower case, without port and userinfo; '' when there is none."""
    plain = _PLAIN.fullmatch(url)
    if plain is not None and len(url) <= MAX_URL_CHARS and _is_host(plain["host"]):
        return plain["host"]
    parts = _parts(_cleaned(url))
    return parts.host if parts else ""


def site_of(url: str) -> str:
    """The publisher's registrable name (`news.example.co.uk` → `example.co.uk`): the unit of independence.

    By the public suffix list bundled with its package, private suffixes included, so that two blogs of one platform
    are two publishers. An IP address or a name without a dot is its own site; '' when there is no host.
    """
    return _site_of_host(host_of(url).rstrip("."))


@lru_cache(maxsize=_HOSTS_KEPT)
def _site_of_host(host: str) -> str:
    if not host or _is_ip(host):
        return host
    return str(_suffixes().privatesuffix(host) or re.sub(r"^(?:www|m|amp)\.", "", host))


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def _is_ip(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _cleaned(url: str) -> str:
    """Without surrounding white space, controls (as browsers do) and `\\` in place of `/`; '' when too long."""
    text = _CONTROLS.sub("", url.strip(_EDGE)).strip(_EDGE)
    if len(text) > MAX_URL_CHARS:
        return ""
    before, mark, after = _split_path(text)
    return _SPACES.sub(_quoted, before.replace("\\", "/") + mark + after)


def _quoted(spaces: re.Match[str]) -> str:
    return quote(spaces[0])


def _split_path(text: str) -> tuple[str, str, str]:
    cuts = (place for place in map(text.find, "?#") if place >= 0)
    cut = min(cuts, default=len(text))
    return text[:cut], text[cut : cut + 1], text[cut + 1 :]


def _joined(base: str, url: str) -> str:
    try:
        return urljoin(base, url)
    except ValueError:
        return ""


def _without_surrogates(text: str) -> str:
    return re.sub("[\ud800-\udfff]", "", text)


def _parts(url: str) -> _Parts | None:
    try:
        split: SplitResult = urlsplit(url)
        port = split.port
        host = (split.hostname or "").lower()
    except ValueError:
        return None
    scheme = split.scheme.lower()
    if scheme not in ("http", "https") or not _is_host(host):
        return None
    host = f"[{host}]" if ":" in host else host
    written = "" if port in (None, 80 if scheme == "http" else 443) else f":{port}"
    return _Parts(
        scheme,
        host,
        written,
        split.path,
        split.query,
        split.fragment,
    )


def _is_host(host: str) -> bool:
    if ":" in host:
        return _is_ip(host)
    return (
        len(host) <= 253
        and bool(_HOST.fullmatch(host))
        and ".." not in host
        and not host.startswith(".")
    )


def _canonical_once(url: str) -> str:
    plain = _PLAIN_PAGE.fullmatch(url)
    if plain and not _OF_OTHER_PAGES.search(plain["host"]):
        return _canonical_plain(
            plain["host"],
            plain["path"],
            plain["query"] or "",
        )
    parts = _parts(url)
    if parts is None:
        return ""
    amp = _AMP_CACHE.fullmatch(parts.path)
    if amp and _is_amp_cache(parts.host):
        query = f"?{parts.query}" if parts.query else ""
        return f"https://{amp['rest']}{query}"
    parts = _same_page(parts)
    try:
        written = canonicalize_url(parts.text(), keep_fragments=True)
    except (ValueError, UnicodeError):
        return parts.text()
    return written.rstrip("?") if parts.fragment == "" else written


def _is_amp_cache(host: str) -> bool:
    if host.endswith(".cdn.ampproject.org"):
        return True
    return _MOBILE.sub("", host).startswith("google.")


def _canonical_plain(
    host: str,
    path: str,
    query: str,
) -> str:
    """What w3lib and `_same_page` make of an address without anything to quote, in a tenth of the time."""
    host = _MOBILE.sub("", host)
    path = _AMP_PATH.sub("", path).rstrip("/") or "/"
    page = f"https://{host}{path}"
    content = _content_query(query, host)
    if not content:
        return page
    # In w3lib's order: by name, then by value.
    pairs = sorted(pair.partition("=") for pair in content.split("&"))
    return f"{page}?{'&'.join(map(''.join, pairs))}"


def _same_page(parts: _Parts) -> _Parts:
    """The address with what does not name the page taken out."""
    host = _MOBILE.sub("", parts.host.rstrip("."))
    path = _SESSION_PATH.sub("", parts.path)
    path = _AMP_PATH.sub("", path)
    if not path.startswith("/"):
        path = "/" + path
    # Joined to some page, `..` and `.` are worked out.
    path = urlsplit(_joined("https://h/", path)).path.rstrip("/") or "/"
    query = parts.query
    if host == "youtu.be" and len(path) > 1:
        host = "youtube.com"
        query = f"v={path[1:]}"
        path = "/watch"
    fragment = parts.fragment if parts.fragment.startswith(("!", "/")) else ""
    return _Parts(
        "https", host, parts.port, path, _content_query(query, host), fragment
    )


def _content_query(query: str, host: str) -> str:
    if not query:
        return ""
    only = _ONLY.get(host)
    content: list[str] = []
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if only is None:
            is_content = not _is_tracking(name.lower(), value)
        else:
            is_content = name in only
        if is_content:
            content.append(pair)
    return "&".join(content)


def _is_tracking(name: str, value: str) -> bool:
    if name in _TRACKING or _FAMILY.match(name):
        return True
    if name == "rss" and value in ("0", "1"):
        return True
    return (name in _REFERRERS or not name) and bool(_REFERRER_VALUE.fullmatch(value))
